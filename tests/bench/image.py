# SPDX-License-Identifier: GPL-2.0-or-later
"""The initramfs images of the benchmark, made from what the build and the packages of `scripts/deps.sh bench` have.

    micro.cpio  micro.c as /init and nothing else
    work.cpio   the workloads: micro.c as /init, busybox, tcc and make with a C project, gzip with its input, redis
    i386.cpio   micro.c for i386 as /init, and compression
    host.cpio   dom0 as a host of guests: host-init as /init, hvctl's and Xen's toolstacks, kernel modules, and as
                files the guest's kernel and work.cpio
"""
import glob
import os
import random
import re
import shutil
import subprocess
import tempfile

import archive

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
PROJECT = "libhvctl/store"
TCC_FLAGS = ["-w", "-D_GNU_SOURCE", "-I.", "-Ilibhvctl"]
MODULES = ["xen-privcmd", "xen-gntdev", "xen-gntalloc", "xen-evtchn", "xenfs"]
DISKS = ["null_blk"]  # a disk without a medium


def which(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise SystemExit("%s is missing: run scripts/deps.sh bench" % name)
    return path


def text(megabytes):
    """Words that repeat as a language's do; the same ones each time."""
    dice = random.Random(4)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    vocabulary = ["".join(dice.choice(letters[:dice.randrange(4, 26)]) for _ in range(dice.randrange(2, 11)))
                  for _ in range(4000)]
    weights = [1 / (i + 3) for i in range(len(vocabulary))]
    out, size = [], 0
    while size < megabytes * 1048576:
        line = " ".join(dice.choices(vocabulary, weights, k=12)) + "\n"
        out.append(line)
        size += len(line)
    return "".join(out)[:int(megabytes * 1048576)]


def busybox(a):
    box = which("busybox")
    a.file("bin/busybox", box)
    for name in subprocess.run([box, "--list"], check=True, stdout=subprocess.PIPE, text=True).stdout.split():
        if name != "busybox":
            a.link("bin/" + name, "busybox")


def project(a):
    """A C project that tcc can compile: the store daemon's files, and the headers that they include."""
    names, headers = [], set()
    with tempfile.TemporaryDirectory(prefix="annulus-bench-") as d:
        for path in sorted(glob.glob(os.path.join(TREE, PROJECT, "*.c"))):
            name = os.path.relpath(path, TREE)
            # tcc knows no __atomic builtins; what needs them stays out of this project.
            done = subprocess.run(["tcc"] + TCC_FLAGS + ["-c", name, "-o", d + "/x.o"], cwd=TREE,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if done.returncode == 0:
                names.append(name)
                listed = subprocess.run(["gcc", "-M"] + TCC_FLAGS + [name], cwd=TREE, check=True, stdout=subprocess.PIPE,
                                        text=True).stdout
                headers.update(h for h in listed.replace("\\\n", " ").split()[2:] if not h.endswith(".c"))
    if len(names) < 10:
        raise SystemExit("tcc compiles only %d files of %s, which is no project to measure" % (len(names), PROJECT))
    for name in names:
        a.file("bench/src/" + name, os.path.join(TREE, name), 0o644)
    for h in headers:
        if not h.startswith("/"):
            a.file("bench/src/" + h, os.path.join(TREE, h), 0o644)
        elif "/lib/gcc/" not in h:
            a.file(os.path.normpath(h), h, 0o644)
    for root, _, files in os.walk("/usr/lib/x86_64-linux-gnu/tcc"):
        for f in files:
            a.file(os.path.join(root, f), os.path.join(root, f), 0o644)
    objects = " ".join(re.sub(r"\.c$", ".o", n) for n in names)
    a.add("bench/src/Makefile", "store.o: %s\n\ttcc -r -o $@ $^\n%%.o: %%.c\n\ttcc %s -c -o $@ $<\n"
          "clean:\n\trm -f %s store.o\n" % (objects, " ".join(TCC_FLAGS), objects), 0o644)


def micro(build):
    """The path of micro.cpio."""
    a = archive.Archive()
    a.file("init", build.need("bench/micro"))
    a.write(build.file("bench/micro.cpio"))
    return build.file("bench/micro.cpio")


def work(build):
    """The path of work.cpio."""
    a = archive.Archive()
    a.file("init", build.need("bench/micro"))
    busybox(a)
    a.directory("tmp")
    a.program("usr/bin/tcc", which("tcc"))
    a.program("usr/bin/make", which("make"))
    a.program("usr/bin/gzip", which("gzip"))
    a.program("usr/bin/redis-server", which("redis-check-rdb"))  # Debian's server goes by both names
    a.program("usr/bin/redis-benchmark", which("redis-benchmark"))
    a.program("usr/bin/redis-cli", which("redis-cli"))
    project(a)
    a.add("bench/text", text(2), 0o644)
    for script in glob.glob(os.path.join(HERE, "rows", "*")):
        a.file("bench/rows/" + os.path.basename(script), script)
    for script in ("devices", "null-disks"):
        a.file("bench/" + script, os.path.join(HERE, script))
    modules(a, build, DISKS, "null-disks")
    modules(a, build, ["xen-blkfront"], "frontend")
    a.write(build.file("bench/work.cpio"))
    return build.file("bench/work.cpio")


def i386(build):
    """The path of i386.cpio."""
    a = archive.Archive()
    a.file("init", build.need("bench/micro32"))
    a.directory("tmp")
    a.file("bench/rows/compress", build.need("bench/pack32"))
    a.add("bench/text", text(2), 0o644)
    a.write(build.file("bench/i386.cpio"))
    return build.file("bench/i386.cpio")


def modules(a, build, names, listed):
    """The modules and what they need; /modules/LISTED has them so that each comes after what it needs."""
    with open(build.need("kernel/version")) as f:
        version = f.read().strip()
    order = []
    for m in names:
        out = subprocess.run([which("modprobe"), "-d", build.file("kernel/root"), "-S", version, "--show-depends", m],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
        for path in re.findall(r"^insmod (\S+)", out, re.M):
            name = os.path.basename(path)
            if name not in order:
                order.append(name)
                a.file("modules/" + name, path, 0o644)
    a.add("modules/" + listed, "\n".join(order) + "\n", 0o644)


def host(build, work_image):
    """The path of host.cpio."""
    a = archive.Archive()
    busybox(a)
    a.directory("tmp")
    a.file("init", os.path.join(HERE, "host-init"))
    for name in ("micro", "collect", "peer.elf"):
        a.file("bench/" + name, build.need("bench/" + name))
    for name in ("null-disks", "block"):
        a.file("bench/" + name, os.path.join(HERE, name))
    for name in ("hvctl", "hvstored", "hvconsoled", "hvblkd"):
        a.program("usr/sbin/" + name, build.need(name))
    for name in ("read", "write"):
        a.program("usr/bin/xenstore-" + name, which("xenstore-" + name))
    xen = build.need("xen/root")
    tools = xen + "/usr/lib/xen-4.17/bin"
    for name in ("xl", "oxenstored", "xenconsoled", "xenconsole", "xen-init-dom0"):
        a.program("usr/lib/xen-4.17/bin/" + name, os.path.join(tools, name))
    a.file("lib/x86_64-linux-gnu/libgcc_s.so.1", "/lib/x86_64-linux-gnu/libgcc_s.so.1")  # wanted when a thread is cancelled
    for name in ("xl.conf", "oxenstored.conf"):
        a.file("etc/xen/" + name, xen + "/etc/xen/" + name, 0o644)
    modules(a, build, MODULES, "order")
    modules(a, build, DISKS, "null-disks")
    modules(a, build, ["xen-blkback"], "backend")
    a.file("bench/vmlinuz", build.need("kernel/vmlinuz"), 0o644)
    a.file("bench/work.cpio", work_image, 0o644)
    a.write(build.file("bench/host.cpio"))
    return build.file("bench/host.cpio")
