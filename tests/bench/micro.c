// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The small workloads of `make bench`: one static program that runs as /init of a machine that has
 * nothing else (process 1 mounts what it needs, runs the rows, powers off), or as a command on a
 * bigger one:
 *
 *	micro [-r ROW,ROW...] [-n REPETITIONS]
 *	micro -t NAME PROGRAM ARGUMENT...	time a program, as a row of that name
 *	micro -f				print how fast the TSC runs, in Hz
 *	micro -p NAME				print the TSC, a point of time of that name
 *
 * As /init it takes the same from the kernel's command line: bench.rows=, bench.reps=. Then it also
 * runs the scripts in /bench/rows whose names are listed; they time programs by -t.
 * `bench.symbols=1` prints the kernel's symbols first.
 *
 * Each row is a number of operations in a loop, run once to warm up and then timed. The clock is
 * the TSC, read here and not through the kernel, since nothing above it is the same everywhere:
 * under QEMU's `-icount shift=0` it counts instructions, all of them, whoever executed them;
 * without that it is the host's TSC. A line of output is
 *
 *	BENCH <row> <operations> <ticks of the TSC for all of them>
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "row.h"

#define PAGE 4096UL

#ifdef __x86_64__
#define AX "%%rax"
#else
#define AX "%%eax"
#endif

static char self_path[256] = "/init";

static inline uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence\n\trdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

/*
 * Instructions that do nothing and that nobody else uses: profile.py's plugin counts from the first
 * to the second.
 */
static inline void profile_begin(void)
{
	__asm__ volatile("nopl 0x42454731(" AX "," AX ",1)" : : : "memory");
}

static inline void profile_end(void)
{
	__asm__ volatile("nopl 0x42454730(" AX "," AX ",1)" : : : "memory");
}

void die(const char *format, ...)
{
	va_list args;
	int error = errno;

	va_start(args, format);
	printf("BENCH-ERROR ");
	vprintf(format, args);
	printf(": %s\n", strerror(error));
	va_end(args);
	fflush(stdout);
	_exit(1);
}

static void *map(size_t bytes, int flags)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap of %zu bytes", bytes);
	return p;
}

static void reap(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status))
		die("a child ended with status %#x", (unsigned)status);
}

static pid_t start(void)
{
	pid_t child = fork();

	if (child < 0)
		die("fork");
	return child;
}

/* The markers belong to timed runs, not to those that only warm up. */
static bool timed;

uint64_t clock_start(void)
{
	if (timed)
		profile_begin();
	return ticks();
}

uint64_t clock_stop(uint64_t start)
{
	uint64_t t = ticks() - start;

	if (timed)
		profile_end();
	return t;
}

/* ---- rows: each does `n` operations and returns the ticks that they took ---- */

static uint64_t null_syscall(unsigned n)
{
	uint64_t t = clock_start();

	while (n--)
		syscall(SYS_getppid);
	return clock_stop(t);
}

/* A byte to another process and back: two switches, two writes, two reads. */
static uint64_t pipe_ping_pong(unsigned n)
{
	int there[2], back[2];
	char byte = 0;
	uint64_t t;
	pid_t child;

	if (pipe(there) || pipe(back))
		die("pipe");
	child = start();
	if (!child) {
		while (n--)
			if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1)
				_exit(1);
		_exit(0);
	}
	t = clock_start();
	for (unsigned i = 0; i < n; i++)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			die("pipe");
	t = clock_stop(t);
	reap(child);
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
	return t;
}

/* First touch of a page of anonymous memory. */
static uint64_t page_fault(unsigned n)
{
	volatile char *p = map(n * PAGE, MAP_PRIVATE);
	uint64_t t;

	madvise((void *)p, n * PAGE, MADV_NOHUGEPAGE);
	t = clock_start();
	for (unsigned i = 0; i < n; i++)
		p[i * PAGE] = 1;
	t = clock_stop(t);
	munmap((void *)p, n * PAGE);
	return t;
}

/* Map 64 KiB of a file that is in memory, read it page by page, unmap it. */
static uint64_t file_map(unsigned n)
{
	const size_t bytes = 65536;
	char name[] = "/tmp/bench-map";
	char *data = calloc(1, bytes);
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	unsigned sum = 0;
	uint64_t t;

	if (fd < 0 || !data || write(fd, data, bytes) != (ssize_t)bytes)
		die("%s", name);
	free(data);
	t = clock_start();
	while (n--) {
		volatile char *p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

		if (p == MAP_FAILED)
			die("mmap of a file");
		for (size_t at = 0; at < bytes; at += PAGE)
			sum += (unsigned)p[at];
		munmap((void *)p, bytes);
	}
	t = clock_stop(t);
	close(fd);
	unlink(name);
	if (sum)
		die("%s does not hold what was written", name);
	return t;
}

static uint64_t fork_exit(unsigned n)
{
	uint64_t t = clock_start();

	while (n--) {
		pid_t child = start();

		if (!child)
			_exit(0);
		reap(child);
	}
	return clock_stop(t);
}

static uint64_t fork_exec(unsigned n)
{
	uint64_t t = clock_start();

	while (n--) {
		pid_t child = start();

		if (!child) {
			execl(self_path, "micro", "-x", (char *)NULL);
			_exit(127);
		}
		reap(child);
	}
	return clock_stop(t);
}

/* Map 16 pages, touch them, make them read-only, unmap them. */
static uint64_t mmap_cycle(unsigned n)
{
	uint64_t t = clock_start();

	while (n--) {
		volatile char *p = map(16 * PAGE, MAP_PRIVATE);

		for (unsigned i = 0; i < 16; i++)
			p[i * PAGE] = 1;
		if (mprotect((void *)p, 16 * PAGE, PROT_READ))
			die("mprotect");
		munmap((void *)p, 16 * PAGE);
	}
	return clock_stop(t);
}

/*
 * Two processes of the same real-time priority: each sched_yield() hands the CPU to the other one.
 * `n` is the number of switches.
 */
static uint64_t context_switch(unsigned n)
{
	struct sched_param fifo = { .sched_priority = 10 }, other = { 0 };
	volatile unsigned *flags = map(PAGE, MAP_SHARED);
	cpu_set_t before, one;
	uint64_t t;
	pid_t child;

	sched_getaffinity(0, sizeof(before), &before);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(0, sizeof(one), &one) || sched_setscheduler(0, SCHED_FIFO, &fifo))
		die("scheduling class");
	child = start();
	if (!child) {
		flags[0] = 1;
		while (!flags[1]) {
			flags[2]++;
			sched_yield();
		}
		_exit(0);
	}
	while (!flags[0])
		sched_yield();
	t = clock_start();
	for (unsigned i = 0; i < n / 2; i++)
		sched_yield();
	t = clock_stop(t);
	flags[1] = 1;
	reap(child);
	if (flags[2] < n / 2)
		die("only %u of %u switches took place", flags[2], n / 2);
	sched_setscheduler(0, SCHED_OTHER, &other);
	sched_setaffinity(0, sizeof(before), &before);
	munmap((void *)flags, PAGE);
	return t;
}

static volatile unsigned signals;

static void on_signal(int signal)
{
	(void)signal;
	signals++;
}

/* A signal to oneself: delivery, handler, return. */
static uint64_t signal_delivery(unsigned n)
{
	struct sigaction action = { .sa_handler = on_signal };
	pid_t me = getpid();
	unsigned before = signals;
	uint64_t t;

	if (sigaction(SIGUSR1, &action, NULL))
		die("sigaction");
	t = clock_start();
	for (unsigned i = 0; i < n; i++)
		kill(me, SIGUSR1);
	t = clock_stop(t);
	if (signals - before != n)
		die("%u of %u signals arrived", signals - before, n);
	return t;
}

static uint64_t clock_read(unsigned n)
{
	struct timespec now;
	uint64_t t = clock_start();

	while (n--)
		clock_gettime(CLOCK_MONOTONIC, &now);
	return clock_stop(t);
}

/* A thousand multiplications and additions: what must cost the same everywhere. */
static uint64_t compute(unsigned n)
{
	uint64_t t = clock_start();
	unsigned long x = 1;

	for (unsigned i = 0; i < n * 1000; i++)
		__asm__ volatile("imul %1, %0\n\tadd $12345, %0"
				 : "+r"(x)
				 : "r"((unsigned long)6364136223846793005ULL));
	return clock_stop(t);
}

static const struct row rows[] = {
	{ "null-syscall", 20000, 1000, null_syscall },
	{ "pipe", 1000, 100, pipe_ping_pong },
	{ "page-fault", 2048, 2048, page_fault },
	{ "file-map", 400, 50, file_map },
	{ "fork", 100, 20, fork_exit },
	{ "fork-exec", 40, 10, fork_exec },
	{ "mmap", 300, 50, mmap_cycle },
	{ "context-switch", 4000, 400, context_switch },
	{ "signal", 4000, 400, signal_delivery },
	{ "clock", 20000, 1000, clock_read },
	{ "compute", 10000, 100, compute },
	{ 0 },
};

/* ---- running them ---- */

/* Whether `name` is in the list a,b,c; NULL and "all" name every row. */
static int listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	if (!list || !*list || !strcmp(list, "all"))
		return 1;
	for (const char *p = list; (p = strstr(p, name)); p += length)
		if ((p == list || p[-1] == ',') && (p[length] == ',' || !p[length]))
			return 1;
	return 0;
}

/* Let whoever prints (a console daemon in another domain perhaps) finish before the next row. */
static void settle(void)
{
	struct timespec pause = { .tv_nsec = 200000000 };

	fflush(stdout);
	nanosleep(&pause, NULL);
}

static void run_row(const struct row *row, unsigned repetitions)
{
	settle();
	row->run(row->warm_up);
	for (unsigned r = 0; r < repetitions; r++) {
		uint64_t t;

		timed = true;
		t = row->run(row->operations);
		timed = false;
		printf("BENCH %s %u %llu\n", row->name, row->operations, (unsigned long long)t);
		settle();
	}
}

/* Those of `from` that are listed. */
static void run_rows(const struct row *from, const char *list, unsigned repetitions)
{
	for (; from->name; from++)
		if (listed(list, from->name))
			run_row(from, repetitions);
}

/* The result goes to the console by standard error when the program's output is sent elsewhere. */
static int time_program(const char *name, char **argv)
{
	FILE *out = isatty(STDOUT_FILENO) ? stdout : stderr;
	uint64_t t;
	pid_t child;
	int status;

	settle();
	profile_begin();
	t = ticks();
	child = start();
	if (!child) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	t = ticks() - t;
	profile_end();
	if (status) {
		fprintf(out, "BENCH-ERROR %s: %s ended with status %#x\n", name, argv[0],
			(unsigned)status);
		return 1;
	}
	fprintf(out, "BENCH %s 1 %llu\n", name, (unsigned long long)t);
	settle();
	return 0;
}

/* The TSC against the kernel's clock, over a quarter of a second. */
static int tsc_rate(void)
{
	struct timespec a, b, wait = { .tv_nsec = 250000000 };
	uint64_t t, u;

	clock_gettime(CLOCK_MONOTONIC_RAW, &a);
	t = ticks();
	nanosleep(&wait, NULL);
	clock_gettime(CLOCK_MONOTONIC_RAW, &b);
	u = ticks();
	printf("%.0f\n", (double)(u - t) / ((double)(b.tv_sec - a.tv_sec) +
					    (double)(b.tv_nsec - a.tv_nsec) * 1e-9));
	return 0;
}

/* ---- as process 1 ---- */

static void run_script(const char *path)
{
	pid_t child = start();
	int status;

	if (!child) {
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	if (waitpid(child, &status, 0) != child || status)
		die("%s ended with status %#x", path, (unsigned)status);
}

/* The scripts time their programs themselves, since some need a server beside them. */
static void run_scripts(const char *list)
{
	static const char folder[] = "/bench/rows";
	struct dirent **entries;
	int n = scandir(folder, &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char path[300];

		if (entries[i]->d_name[0] == '.' || !listed(list, entries[i]->d_name))
			continue;
		settle();
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		run_script(path);
	}
}

static void put_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY);

	if (fd >= 0) {
		if (write(fd, text, strlen(text)) < 0)
			printf("%s: %s\n", name, strerror(errno));
		close(fd);
	}
}

static void show_file(const char *what, const char *name)
{
	char text[128] = "";
	int fd = open(name, O_RDONLY);

	if (fd >= 0) {
		ssize_t n = read(fd, text, sizeof(text) - 1);

		text[n > 0 ? n : 0] = 0;
		text[strcspn(text, "\n")] = 0;
		close(fd);
	}
	printf("BENCH-INFO %s %s\n", what, text);
}

/* The kernel's functions, for profile.py, which cannot get them from the packaged image. */
static void show_symbols(void)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	unsigned long long address;
	char type, name[256];

	if (!f)
		die("/proc/kallsyms");
	while (fscanf(f, "%llx %c %255s%*[^\n]", &address, &type, name) == 3)
		if (strchr("tTwW", type))
			printf("%llx %s\n", address, name);
	fclose(f);
	printf("BENCH-INFO symbols end\n");
}

/* The value of `key`= on the kernel's command line, or NULL. */
static const char *option(char *line, const char *key)
{
	size_t length = strlen(key);
	static char value[8][256];
	static unsigned used;

	for (char *p = line; (p = strstr(p, key)); p += length)
		if (p == line || p[-1] == ' ') {
			char *out = value[used++ % 8];

			snprintf(out, sizeof(value[0]), "%.*s", (int)strcspn(p + length, " \n"),
				 p + length);
			return out;
		}
	return NULL;
}

static int init(void)
{
	static char line[4096];
	const char *list, *repetitions;
	FILE *f;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/tmp", 0777);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mkdir("/dev", 0755);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	setenv("PATH", "/usr/bin:/bin", 1);
	put_file("/proc/sys/kernel/sched_rt_runtime_us", "-1");
	f = fopen("/proc/cmdline", "r");
	if (!f || !fgets(line, sizeof(line), f))
		die("/proc/cmdline");
	fclose(f);
	list = option(line, "bench.rows=");
	repetitions = option(line, "bench.reps=");
	printf("BENCH-INFO up %llu\n", (unsigned long long)ticks());
	profile_end();
	show_file("version", "/proc/version");
	show_file("hypervisor", "/sys/hypervisor/type");
	show_file("clocksource", "/sys/devices/system/clocksource/clocksource0/"
				 "current_clocksource");
	if (option(line, "bench.symbols="))
		show_symbols();
	run_rows(rows, list, repetitions ? (unsigned)atoi(repetitions) : 3);
	run_scripts(list);
	/* Not with "all": not every machine has such disks. */
	if (list && strstr(list, "disk-")) {
		run_script("/bench/devices");
		run_rows(disk_rows, list, repetitions ? (unsigned)atoi(repetitions) : 3);
	}
	printf("BENCH-END\n");
	settle();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	const char *list = NULL;
	unsigned repetitions = 3;
	int c;

	setvbuf(stdout, NULL, _IOFBF, 4096);
	if (getpid() == 1)
		return init();
	if (argc > 1 && !strcmp(argv[1], "-x"))
		return 0;
	if (readlink("/proc/self/exe", self_path, sizeof(self_path) - 1) < 0)
		die("/proc/self/exe");
	while ((c = getopt(argc, argv, "+fp:r:n:t:")) != -1) {
		switch (c) {
		case 'f':
			return tsc_rate();
		case 'p':
			profile_begin();
			printf("BENCH-INFO %s %llu\n", optarg, (unsigned long long)ticks());
			return 0;
		case 'r':
			list = optarg;
			break;
		case 'n':
			repetitions = (unsigned)atoi(optarg);
			break;
		case 't':
			if (optind >= argc)
				return 2;
			return time_program(optarg, argv + optind);
		default:
			return 2;
		}
	}
	run_rows(rows, list, repetitions);
	return 0;
}
