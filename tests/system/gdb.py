# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads and writes a QEMU machine's physical memory by its GDB stub, while it stands still."""
import socket


class Gdb:
    """Connected, the machine stopped; closing lets it go on."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(30)
        self.s.connect(path)
        self.buffer = b""

    def __enter__(self):
        self.ask("?")
        self.ask("Qqemu.PhyMemMode:1")
        return self

    def __exit__(self, *exc):
        self.ask("D")
        self.s.close()

    def ask(self, text):
        """One packet; the payload of its answer. That the machine has stopped is told at any time."""
        data = text.encode()
        self.s.sendall(b"$" + data + b"#%02x" % (sum(data) & 0xff))
        answer = self.answer()
        while answer.startswith("T") and text != "?":
            answer = self.answer()
        return answer

    def answer(self):
        while True:
            start = self.buffer.find(b"$")
            end = self.buffer.find(b"#", start)
            if start >= 0 and 0 <= end <= len(self.buffer) - 3:
                break
            more = self.s.recv(65536)
            if not more:
                raise EOFError("QEMU's GDB stub has closed the connection")
            self.buffer += more
        answer = self.buffer[start + 1:end].decode()
        self.buffer = self.buffer[end + 3:]
        self.s.sendall(b"+")
        return answer

    def read(self, address, size):
        return bytes.fromhex(self.ask("m%x,%x" % (address, size)))

    def write(self, address, data):
        answer = self.ask("M%x,%x:%s" % (address, len(data), data.hex()))
        if answer != "OK":
            raise OSError("QEMU did not write %d bytes at %#x: %s" % (len(data), address, answer))
