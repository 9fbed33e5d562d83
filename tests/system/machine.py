# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole machines for the system tests: QEMU (TCG) and Bochs, their serial port read and written event by event.

A Machine is a context manager; whatever happens, the emulator is gone when the block is left. expect() waits for a
regular expression in what the serial port printed since the last match; nothing ever sleeps for a fixed time. The
whole log stays in Machine.log.
"""
import atexit
import json
import ctypes
import glob
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ANSI = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9])")


# `make soak`: every case. `make test` leaves out those whose ground another case covers, to stay within its time.
SOAK = bool(os.environ.get("SOAK"))

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def die_with_parent():
    """In the child: no machine outlives a test run that was killed."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


# The hypervisor's lines and those of dom0's kernel come whenever they like, also within a line of a process.
CUT = re.compile(r"^(?!\((?:annulus|XEN|d\d+)\) )([^\n]+?)((?:\(annulus\) )?\[ *\d+\.\d{6}\] [^\n]*\n)", re.M)


def joined(text):
    """The text with each such line before the one that it cut."""
    at = 0
    while True:
        found = CUT.search(text, at)
        if not found:
            return text
        # What follows may be cut once more.
        text = text[:found.start()] + found[2] + found[1] + text[found.end():]
        at = found.start() + len(found[2])


class Failure(Exception):
    """A test's expectation did not hold."""


class Skip(Exception):
    """The test cannot be run here; the text says why."""


def check(condition, text):
    if not condition:
        raise Failure(text)


_running = set()


@atexit.register
def _kill_all():
    for m in list(_running):
        m.kill()


class Machine:
    """An emulator process whose output is collected in .log. Subclasses start it."""

    name = "machine"
    echo = None  # callable(str) for each piece of output, for watching

    def __init__(self):
        self.log = ""        # everything the serial port printed, escape sequences removed
        self.said = None     # how much of the log was there before it was asked for that
        self.state = []      # lines of the hypervisor's about a machine that was left with a Failure
        self.mark = 0        # expect() searches from here
        self.proc = None
        self.started = time.monotonic()
        self._raw = b""
        self._starved = self._stalled = 0.0

    def __enter__(self):
        _running.add(self)
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        if exc and exc[0] and issubclass(exc[0], Failure):
            self.ask()
        self.kill()
        _running.discard(self)

    def ask(self):
        """What the hypervisor says of domains, queues and interrupts, into `state`: for who wonders why nothing came."""
        if not self.proc or not self.alive() or "(annulus)" not in self.log:
            return
        start = self.said = len(self.log)
        try:
            # To the hypervisor, whose keys these are, and with a domain more than once: does it move?
            self.send("\x01\x01\x01qrtqieq")
        except (NotImplementedError, OSError):
            return
        end = time.monotonic() + 5
        while time.monotonic() < end and self.pump(0.2):
            pass
        self.state = [line for line in self.log[start:].split("\n") if re.match(r"\(annulus\)|irq |spurious", line)]

    def kill(self):
        if self.proc and self.proc.poll() is None:
            try:
                os.killpg(self.proc.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.proc.wait()

    def spawn(self, argv, **kw):
        self.proc = subprocess.Popen(argv, start_new_session=True, preexec_fn=die_with_parent, **kw)

    def seconds(self):
        return time.monotonic() - self.started

    def clock(self):
        """The seconds that limits mean: since the start, without those in which the emulator waited for a CPU that others had,
        or everything stood still. A thread of its that waited the longest tells; one that sleeps does not wait."""
        for path in glob.glob("/proc/%d/task/*/schedstat" % self.proc.pid if self.proc else ""):
            try:
                with open(path) as f:
                    self._starved = max(self._starved, int(f.read().split()[1]) / 1e9)
            except (OSError, IndexError):  # it has ended, or this kernel does not count
                pass
        return self.seconds() - self._starved - self._stalled

    def _pump(self, seconds):
        """pump(), noting when it took much longer than it may: this process, or the whole host, stood still."""
        begin = time.monotonic()
        on = self.pump(seconds)
        late = time.monotonic() - begin - seconds
        if late > 2:
            self._stalled += late
        return on

    def _take(self, data):
        text = data.decode("utf-8", "replace").replace("\r", "")
        if self.echo:
            self.echo(text)
        # An escape sequence may be cut in two by the reader: clean the tail together with what was there.
        tail_at = max(0, len(self.log) - 16)
        log = self.log[:tail_at] + ANSI.sub("", self.log[tail_at:] + text)
        # What was read of a line stays where it is.
        line_at = max(self.mark, log.rfind("\n", 0, tail_at) + 1)
        self.log = log[:line_at] + joined(log[line_at:])

    def alive(self):
        return self.proc.poll() is None

    def pump(self, seconds):
        """Collect output for at most so long; returns False when the emulator has ended and all was read."""
        raise NotImplementedError

    def send(self, text):
        raise NotImplementedError

    def expect(self, pattern, seconds, fail=None):
        """Wait for `pattern`; returns the match. `fail` is a pattern that ends the wait as a failure."""
        regex = re.compile(pattern, re.M)
        bad = re.compile(fail, re.M) if fail else None
        end = self.clock() + seconds
        while True:
            found = regex.search(self.log, self.mark)
            if bad:
                ugly = bad.search(self.log, self.mark)
                if ugly and (not found or ugly.start() < found.start()):
                    raise Failure("unexpected: %s" % self.line_at(ugly.start()))
            if found:
                self.mark = found.end()
                return found
            left = end - self.clock()
            if left <= 0:
                raise Failure("waited %d s in vain for: %s" % (seconds, pattern))
            if not self._pump(min(left, 1.0)):
                found = regex.search(self.log, self.mark)
                if found:
                    self.mark = found.end()
                    return found
                raise Failure("%s ended (%s) before it printed: %s; its last line: %s" % (
                    self.name, self.exit_code(), pattern, self.line_at(len(self.log.rstrip()))))

    def exit_code(self):
        """How the emulator ended that has closed its output: it may not be gone yet."""
        try:
            code = self.proc.wait(10)
        except subprocess.TimeoutExpired:
            return "its output, and runs on"
        return "signal %d" % -code if code < 0 else "exit %d" % code

    def wait_exit(self, seconds):
        """Wait until the emulator ends by itself (power-off); returns its exit code."""
        end = self.clock() + seconds
        while self._pump(min(1.0, max(0.0, end - self.clock()))):
            if self.clock() > end:
                raise Failure("%s was still running after %d s" % (self.name, seconds))
        return self.proc.wait()

    def line_at(self, pos):
        start = self.log.rfind("\n", 0, pos) + 1
        end = self.log.find("\n", pos)
        return self.log[start:end if end >= 0 else None].strip()

    def lines(self, pattern):
        regex = re.compile(pattern)
        return [l for l in self.log.split("\n") if regex.search(l)]

    # What the hypervisor says at the end.

    def check_audit(self):
        """The last audit must exist and be clean."""
        verdicts = self.lines(r"\(annulus\).*audit: ")
        check(verdicts, "the hypervisor printed no audit line")
        check("audit: clean" in verdicts[-1], verdicts[-1].strip())

    def complaints(self, start=0):
        """The hypervisor's own lines at warning or above, from position `start` of the log."""
        return re.findall(r"^\(annulus\) \[[^]]*\] [EW] .*", self.log[start:], re.M)


class Qemu(Machine):
    """QEMU without hardware acceleration. Give `kernel` (and modules) to skip GRUB, or `iso` for the real path.

    modules: list of (file, arguments) pairs. cmdline: the hypervisor's. disks: options for -drive. extra: more options.
    icount: time is the number of instructions. one_thread: the CPUs take turns.
    """

    name = "QEMU"

    def __init__(self, kernel=None, cmdline="", modules=(), iso=None, cpu="qemu64,-svm", cpus=2, mem=1536,
                 machine="pc", cdrom=None, disks=(), nic="e1000", extra=(), reboot=False, icount=False,
                 one_thread=False):
        super().__init__()
        argv = ["qemu-system-x86_64", "-name", "annulus-test", "-machine", machine,
                "-accel", "tcg,thread=single" if icount or one_thread else "tcg,thread=multi",
                "-cpu", cpu, "-smp", str(cpus), "-m", str(mem), "-nodefaults", "-vga", "std", "-display", "none",
                "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
        if not reboot:
            argv.append("-no-reboot")
        if icount:
            argv += ["-icount", "shift=0,sleep=off"]
        if kernel:
            argv += ["-kernel", kernel, "-append", cmdline]
            if modules:
                argv += ["-initrd", ",".join((f + " " + a.replace(",", ",,")).strip() for f, a in modules)]
        if iso:
            argv += ["-boot", "d"]
            cdrom = iso
        if cdrom:
            argv += ["-drive", "file=%s,if=%s,media=cdrom,readonly=on" % (cdrom, "none,id=cd0" if machine == "q35" else "ide")]
            if machine == "q35":
                argv += ["-device", "ide-cd,drive=cd0,bus=ide.0"]
        for d in disks:
            argv += ["-drive", d]
        if nic:
            argv += ["-netdev", "user,id=net0,restrict=on", "-device", nic + ",netdev=net0"]
        self.qmp_path = os.path.join(tempfile.mkdtemp(prefix="annulus-"), "qmp")
        argv += ["-qmp", "unix:%s,server=on,wait=off" % self.qmp_path]
        self.argv = argv + list(extra)

    def start(self):
        self.spawn(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.proc.stdout.fileno(), False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.proc.stdout, selectors.EVENT_READ)

    def pump(self, seconds):
        if not self.selector.select(seconds):
            return True
        data = self.proc.stdout.read(65536)
        if data:
            self._take(data)
            return True
        return data is None

    def send(self, text):
        self.proc.stdin.write(text.encode())
        self.proc.stdin.flush()

    def qmp(self, command, **arguments):
        """One QMP command; returns its answer or raises Failure."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.qmp_path)
            f = s.makefile("rw")
            json.loads(f.readline())
            for execute, args in (("qmp_capabilities", {}), (command, arguments)):
                f.write(json.dumps({"execute": execute, "arguments": args}) + "\n")
                f.flush()
                while True:
                    answer = json.loads(f.readline())
                    if "return" in answer or "error" in answer:
                        break
            check("return" in answer, "QMP %s: %s" % (command, answer.get("error")))
            return answer["return"]

    def ask(self):
        super().ask()
        if self.proc and self.alive():
            try:
                registers = self.qmp("human-monitor-command", **{"command-line": "info registers -a"})
                self.state[:0] = re.findall(r"^(?:CPU#|RIP=|CR0=).*", registers, re.M)
            except (OSError, ValueError, Failure) as e:
                self.state.append("no word from QEMU: %s" % e)

    def __exit__(self, *exc):
        super().__exit__(*exc)
        shutil.rmtree(os.path.dirname(self.qmp_path), ignore_errors=True)


class Bochs(Machine):
    """Bochs without a screen, booting an ISO. Its serial port is written to a file, which is followed; there is no input."""

    name = "Bochs"

    def __init__(self, iso, cpu="broadwell_ult", cpus=1, mem=512, disk=None):
        super().__init__()
        if not shutil.which("bochs"):
            raise Skip("bochs is not installed")
        self.iso, self.cpu, self.cpus, self.mem, self.disk = iso, cpu, cpus, mem, disk

    def start(self):
        self.dir = tempfile.mkdtemp(prefix="annulus-bochs-")
        self.out = os.path.join(self.dir, "serial")
        open(self.out, "w").close()
        options = [
            "megs: %d" % self.mem,
            "cpu: model=%s, count=%d, ips=50000000, reset_on_triple_fault=0" % (self.cpu, self.cpus),
            "romimage: file=/usr/share/bochs/BIOS-bochs-latest",
            "vgaromimage: file=/usr/share/vgabios/vgabios.bin",
            "display_library: sdl2",
            "sound: driver=dummy",
            "com1: enabled=1, mode=file, dev=%s" % self.out,
            "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14",
            "ata0-master: type=cdrom, path=%s, status=inserted" % self.iso,
            "boot: cdrom",
            "clock: sync=none, time0=1700000000",
            "log: %s" % os.path.join(self.dir, "bochs.log"),
            "panic: action=fatal",
            "error: action=ignore",
            "info: action=ignore",
            "debug: action=ignore",
        ]
        if self.disk:
            options.append("ata0-slave: type=disk, path=%s, mode=volatile" % self.disk)
        rc = os.path.join(self.dir, "rc")
        with open(rc, "w") as f:
            f.write("\n".join(options) + "\n")
        self.spawn(["bochs", "-q", "-f", rc], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, env=dict(os.environ, SDL_VIDEODRIVER="dummy"))
        self.follow = open(self.out, "rb")
        # Debian's build stops in its debugger at the first instruction.
        self.proc.stdin.write(b"c\n")
        self.proc.stdin.flush()

    def pump(self, seconds):
        end = time.monotonic() + seconds
        while True:
            ended = not self.alive()
            data = self.follow.read(65536)
            if data:
                self._take(data)
                return True
            if ended:
                return False
            if time.monotonic() >= end:
                return True
            time.sleep(0.02)  # a file cannot be waited for

    def __exit__(self, *exc):
        super().__exit__(*exc)
        shutil.rmtree(self.dir, ignore_errors=True)


class Build:
    """Where things are, and how the tests start the machines they need most."""

    def __init__(self, path):
        self.path = os.path.abspath(path)
        self.hv = os.environ.get("HV") or self.file("annulus.elf")

    def file(self, name):
        return os.path.join(self.path, name)

    def need(self, name):
        path = self.file(name)
        if not os.path.exists(path):
            raise Failure("%s is missing: run make first" % path)
        return path

    def guests(self):
        d = self.file("guest")
        return sorted(f[:-4] for f in os.listdir(d) if f.endswith(".elf")) if os.path.isdir(d) else []

    def dom0(self, cmdline="", dom0_args="annulus.guest=no", initramfs=None, disk_if="virtio", kernel=None, **kw):
        """dom0 straight from -kernel, with the CD (the guests' kernel) and the data disk."""
        return Qemu(kernel=self.hv,
                    cmdline="console=com1 com1=115200 dom0_mem=640M dom0_max_vcpus=2 " + cmdline,
                    modules=[(kernel or self.need("kernel/vmlinuz"), "console=hvc0 " + dom0_args),
                             (initramfs or self.need("dom0.cpio.gz"), "")],
                    cdrom=self.need("annulus.iso"),
                    disks=["file=%s,if=%s,format=raw,snapshot=on" % (self.need("disk.img"), disk_if)] if disk_if else [],
                    **kw)

    def iso(self, out, entries, cmdline="", before=""):
        """An ISO with the hypervisor and modules [(file, arguments)], for Bochs. `before`: more commands for GRUB."""
        with tempfile.TemporaryDirectory(prefix="annulus-iso-") as d:
            os.makedirs(d + "/boot/grub")
            shutil.copy(self.hv, d + "/boot/annulus.elf")
            lines = ["serial --unit=0 --speed=115200", "terminal_output serial", "set timeout=0", before, "menuentry test {",
                     "multiboot2 /boot/annulus.elf console=com1 com1=115200 " + cmdline]
            for i, (f, args) in enumerate(entries):
                shutil.copy(f, d + "/boot/m%d" % i)
                lines.append("module2 --nounzip /boot/m%d m%d %s" % (i, i, args))
            with open(d + "/boot/grub/grub.cfg", "w") as f:
                f.write("\n".join(lines + ["}", ""]))
            done = subprocess.run(["grub-mkrescue", "-o", out, d], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            check(done.returncode == 0, "grub-mkrescue failed: " + done.stdout.decode("utf-8", "replace")[-500:])
        return out


PROMPT = r"^dom0# "
TROUBLE = r"Kernel panic|PANIC|\(annulus\) .* E |BUG: "


def shell(machine, command, seconds=60):
    """Run a command in dom0's shell; returns (exit code, output). The prompt must have been seen."""
    tag = "%x" % (id(command) & 0xffffff ^ len(machine.log))
    # The quotes keep the echoed command line, which the shell folds at 80 columns, from looking like the marks. A line
    # of the hypervisor's may stand before or behind one.
    machine.send("echo 'begin'-%s; %s; r=$?; echo; echo 'end'-%s=$r\n" % (tag, command, tag))
    begin = machine.expect(r"begin-%s" % tag, seconds).end()
    found = machine.expect(r"end-%s=(\d+)" % tag, seconds)
    body = machine.log[begin:found.start()]
    machine.expect(PROMPT, 10)
    return int(found.group(1)), body.strip()


def runner(machine, limit):
    """run(command, text, seconds, status): a command in dom0's shell that has to end with this status and to print this text;
    returns what it printed. `limit`: seconds, where the caller does not say."""
    def run(command, text=None, seconds=limit, status=0):
        code, out = shell(machine, command, seconds)
        check(code == status, "%s: exit status %d: %s" % (command, code, out))
        check(text is None or text in out, "%s: %r is not in: %s" % (command, text, out))
        return out
    return run


def wait_shell(machine, seconds=150):
    """Until dom0's shell prompts; returns the seconds that it took from the emulator's start."""
    machine.expect(r"dom0: ready", seconds, fail=TROUBLE)
    machine.expect(PROMPT, 20)
    seconds = machine.seconds()
    machine.send("dmesg -n 4\n")  # from here on the kernel's remarks would cut up what the tests read
    machine.expect(r"dmesg -n 4\s", 20)
    machine.expect(PROMPT, 20)
    return seconds
