# SPDX-License-Identifier: GPL-2.0-or-later
"""Initramfs archives (cpio, the `newc` format of the kernel's Documentation) without packing programs or privileges.

Archives are not compressed: the machine that boots them would spend more on unpacking than the transfer costs. Several
can be concatenated; the kernel unpacks one after the other.
"""
import os
import re
import subprocess


class Archive:
    def __init__(self):
        self.entries = {}  # path without leading slash -> (mode, content)

    def directory(self, path):
        path = path.strip("/")
        if path and path not in self.entries:
            self.directory(os.path.dirname(path))
            self.entries[path] = (0o040755, b"")

    def add(self, path, content, mode=0o755):
        path = path.strip("/")
        self.directory(os.path.dirname(path))
        self.entries[path] = (0o100000 | mode, content if isinstance(content, bytes) else content.encode())

    def link(self, path, target):
        path = path.strip("/")
        self.directory(os.path.dirname(path))
        self.entries[path] = (0o120777, target.encode())

    def file(self, path, source, mode=0o755):
        with open(source, "rb") as f:
            self.add(path, f.read(), mode)

    def program(self, path, source):
        """A program with the libraries that it is linked to, at the places where the loader looks for them."""
        self.file(path, source)
        self.libraries(source)

    def libraries(self, source):
        listed = subprocess.run(["ldd", source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        missing = re.findall(r"^\s*(\S+) => not found", listed, re.M)
        if missing:
            raise SystemExit("%s needs %s: run scripts/deps.sh bench" % (source, ", ".join(missing)))
        for library in re.findall(r"(?:=> |^\s*)(/\S+) \(", listed, re.M):
            if library.strip("/") not in self.entries:
                self.file(library, os.path.realpath(library))

    def bytes(self):
        out = []
        for number, (path, (mode, content)) in enumerate(
                list(self.entries.items()) + [("TRAILER!!!", (0, b""))], 1):
            name = path.encode() + b"\0"
            fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
            head = b"070701" + b"".join(b"%08X" % f for f in fields) + name
            out += [head, b"\0" * (-len(head) % 4), content, b"\0" * (-len(content) % 4)]
        data = b"".join(out)
        return data + b"\0" * (-len(data) % 512)

    def write(self, path):
        with open(path + ".new", "wb") as f:
            f.write(self.bytes())
        os.rename(path + ".new", path)
