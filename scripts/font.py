#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""font.py FONT.pf2 OUT - the characters 32 to 126 of one of GRUB's fonts, 8 by 16, for the hypervisor's frame buffer.

OUT is 16 bytes for each, from the top, leftmost pixel in bit 7. GRUB's format: sections of name, big-endian length, data; CHIX is
the index (code, flags, offset in the file), a character is width, height, x and y offset, device width (16 bits each), and its
rows' bits without padding.
"""
import struct
import sys


def sections(data):
    at, out = 0, {}
    while at + 8 <= len(data):
        name, size = data[at:at + 4], struct.unpack_from(">I", data, at + 4)[0]
        if name == b"DATA":
            break
        out[name] = data[at + 8:at + 8 + size]
        at += 8 + size
    return out


def character(data, at, ascent):
    width, height, left, bottom, _ = struct.unpack_from(">HHhhh", data, at)
    rows, bits = [0] * 16, data[at + 10:]
    for y in range(height):
        for x in range(width):
            n = y * width + x
            row, column = ascent - bottom - height + y, left + x
            if bits[n // 8] & 0x80 >> n % 8 and 0 <= row < 16 and 0 <= column < 8:
                rows[row] |= 0x80 >> column
    return bytes(rows)


def main(font, out):
    with open(font, "rb") as f:
        data = f.read()
    parts = sections(data)
    if parts.get(b"FILE") != b"PFF2":
        sys.exit("font.py: %s is no font of GRUB's: reinstall the package grub-common" % font)
    ascent = struct.unpack(">H", parts[b"ASCE"])[0]
    index = {code: at for code, _, at in struct.iter_unpack(">IBI", parts[b"CHIX"])}
    missing = [c for c in range(32, 127) if c not in index]
    if missing:
        sys.exit("font.py: %s lacks the character %r" % (font, chr(missing[0])))
    with open(out, "wb") as f:
        for c in range(32, 127):
            f.write(character(data, index[c], ascent))


main(*sys.argv[1:])
