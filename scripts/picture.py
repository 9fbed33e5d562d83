#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""picture.py TITLE < terminal.txt > picture.svg - draw what a terminal showed, line by line, as an SVG."""
import html
import sys

FONT, LINE, MARGIN = 13, 18, 16


def colour(line):
    if line.startswith("ok "):
        return "#7ee787"
    if line.startswith("FAIL"):
        return "#ff7b72"
    if line.startswith("(annulus)"):
        return "#a5d6ff"
    if line.startswith(("$ ", "dom0# ")):
        return "#ffffff"
    return "#c9d1d9"


def main():
    lines = [l.rstrip().expandtabs() for l in sys.stdin.read().splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    width = MARGIN * 2 + int(max(map(len, lines)) * FONT * 0.602)
    height = MARGIN * 2 + LINE * (len(lines) + 2)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d">' % (width, height, width, height),
           '<rect width="100%" height="100%" rx="8" fill="#0d1117"/>',
           '<text x="%d" y="%d" fill="#8b949e" font-family="sans-serif" font-size="12">%s</text>'
           % (MARGIN, MARGIN + 4, html.escape(sys.argv[1] if len(sys.argv) > 1 else "terminal"))]
    for i, line in enumerate(lines):
        out.append('<text x="%d" y="%d" fill="%s" font-family="monospace" font-size="%d" xml:space="preserve">%s</text>'
                   % (MARGIN, MARGIN + LINE * (i + 2), colour(line), FONT, html.escape(line)))
    out.append("</svg>")
    print("\n".join(out))


if __name__ == "__main__":
    main()
