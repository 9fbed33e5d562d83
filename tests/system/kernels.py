# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels for the tests: ELF files that a loader must refuse, and Linux without its packing."""
import lzma
import struct

NOTES = [(6, b"linux\0"), (5, b"xen-3.0\0"), (8, b"generic\0"), (9, b"yes\0"), (10, b"!writable_page_tables\0"),
         (3, struct.pack("<Q", 0xffffffff80000000)), (1, struct.pack("<Q", 0xffffffff80200000))]


def notes():
    out = b""
    for kind, desc in NOTES:
        out += struct.pack("<III", 4, len(desc), kind) + b"Xen\0" + desc + b"\0" * (-len(desc) % 4)
    return out


def elf(segments, with_notes=True, machine=62):
    """An ELF64 executable with PT_LOADs [(vaddr, paddr, bytes, memory size)] and, if wanted, the ABI's notes."""
    headers = [(1, v, p, data, size) for v, p, data, size in segments]
    if with_notes:
        n = notes()
        headers.append((4, 0, 0, n, len(n)))
    at = 64 + 56 * len(headers)
    table, body = b"", b""
    for kind, v, p, data, size in headers:
        table += struct.pack("<IIQQQQQQ", kind, 7, at + len(body), v, p, len(data), size, 1)
        body += data
    head = b"\x7fELF\x02\x01\x01" + b"\0" * 9
    head += struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0xffffffff80200000, 64, 0, 0, 64, 56, len(headers), 64, 0, 0)
    return head + table + body


CODE = b"\xf4\xeb\xfd" + b"\x90" * 4093


def good():
    return elf([(0xffffffff80200000, 0x200000, CODE, 4096)])


def overlapping():
    return elf([(0xffffffff80200000, 0x200000, CODE, 4096), (0xffffffff80200800, 0x200800, CODE, 4096)])


def out_of_range():
    return elf([(0xffffffff80200000, 0x200000, CODE, 4096), (0xffffffff80200000, 0xfffffffffffff000, CODE, 0x2000)])


def not_pv():
    return elf([(0xffffffff80200000, 0x200000, CODE, 4096)], with_notes=False)


def unpacked(path):
    """The ELF file inside a bzImage (boot protocol 2.08: payload_offset and payload_length), or None if it is not xz."""
    with open(path, "rb") as f:
        image = f.read()
    setup = (image[0x1f1] or 4) + 1
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[setup * 512 + offset:setup * 512 + offset + length]
    if payload[:6] != b"\xfd7zXZ\0":
        return None
    return lzma.LZMADecompressor().decompress(payload)
