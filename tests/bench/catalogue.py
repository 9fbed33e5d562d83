# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows and the machines of the benchmark.

A row is measured on bare hardware, in dom0 and in a guest, or, where bare hardware has nothing of the kind, with guests
alone. Where a row is measured is told by `where`:
    init     by micro.c itself, as process 1
    script   by a script of rows/, after that
    boot     from reset (a guest: from the toolstack's start) to micro.c's first line
    peers    by two tiny guests (peer.c)
    host     by the toolstack in dom0
    disk     by micro.c (disk.c), on a disk that takes no time: on the bare machine, and in a guest whose backend is in dom0
"""


class Row:
    def __init__(self, name, title, where, same=False):
        self.name, self.title, self.where = name, title, where
        self.same = same  # must cost what it costs on bare hardware

    @property
    def inner(self):
        """Whether micro.c does it, on whichever machine."""
        return self.where in ("init", "script", "disk")

    @property
    def has_bare(self):
        return self.where in ("init", "script", "boot", "disk")


ROWS = [
    Row("null-syscall", "system call", "init"),
    Row("clock", "clock read", "init"),
    Row("signal", "signal delivery", "init"),
    Row("context-switch", "context switch", "init"),
    Row("pipe", "pipe, there and back", "init"),
    Row("page-fault", "page fault, first touch", "init"),
    Row("file-map", "map, read, unmap 64 KiB file", "init"),
    Row("mmap", "map, touch, protect, unmap", "init"),
    Row("fork", "fork, exit, wait", "init"),
    Row("fork-exec", "fork, exec, exit, wait", "init"),
    Row("build", "compile a C project", "script"),
    Row("redis", "redis under load", "script"),
    Row("compress", "gzip of text", "script", same=True),
    Row("compute", "1000 multiply-adds", "init"),
    Row("boot", "boot to user space", "boot"),
    Row("null-hypercall", "null hypercall", "peers"),
    Row("event", "event to another guest and back", "peers"),
    Row("grant-map", "map and unmap a granted page", "peers"),
    Row("grant-copy", "copy a granted page", "peers"),
    Row("create", "create a domain", "host"),
    Row("disk-read", "read 128 KiB in sequence", "disk"),
    Row("disk-write", "write 128 KiB in sequence", "disk"),
    Row("disk-random", "read 4 KiB at random, one at a time", "disk"),
    Row("disk-random-32", "read 4 KiB at random, 32 at a time", "disk"),
    Row("disk-log", "write 4 KiB and flush", "disk"),
]
BY_NAME = {r.name: r for r in ROWS}
CONFIGS = ["bare", "annulus-dom0", "annulus-dom0-nopv32", "xen-dom0", "annulus-guest", "annulus-guest-nopv32", "xen-guest"]
TUNING = ["bare", "annulus-dom0", "xen-dom0"]  # what is measured if nothing is said
CONFIGS32 = ["bare-32", "annulus-32"]  # Linux i386, of which Debian's Xen knows nothing
# Guests whose disks are hvblkd's, by its two ways; the other guests' are xen-blkback's.
CONFIGS_DISK = ["annulus-guest-window", "annulus-guest-persistent"]
OF_DISKS = ["bare", "annulus-guest"] + CONFIGS_DISK + ["xen-guest"]
EVERY = CONFIGS + CONFIGS_DISK + CONFIGS32
TITLES = {"bare": "bare", "annulus-dom0": "Annulus dom0", "xen-dom0": "Xen dom0", "annulus-guest": "Annulus guest",
          "xen-guest": "Xen guest", "annulus-dom0-nopv32": "Annulus dom0 pv32=0",
          "annulus-guest-nopv32": "Annulus guest pv32=0", "bare-32": "Linux i386 bare", "annulus-32": "Linux i386 in ring 1",
          "annulus-guest-window": "Annulus, hvblkd", "annulus-guest-persistent": "hvblkd persistent"}


def measured(row, config):
    """Whether `config` has row `row` (a Row) at all."""
    if row.where == "disk":
        return config in OF_DISKS
    if config in CONFIGS_DISK:
        return False
    if config in CONFIGS32:
        return row.where in ("init", "boot") or row.name == "compress"
    if config.endswith("-nopv32"):
        # What the option costs shows where the hypervisor is entered most; the long rows are left out.
        return row.where == "init" or (row.where == "peers" and place(config) == "guest")
    return row.has_bare or place(config) == "guest"


def of_disk(entry):
    """Whether a report's row is one of disks, which have a table of their own, OF_DISKS."""
    return BY_NAME[entry["name"]].where == "disk"


def place(config):
    """dom0 or guest, or None."""
    return next((p for p in ("dom0", "guest") if p in config.split("-")), None)
