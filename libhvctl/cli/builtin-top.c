// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

struct row {
	struct hvctl_domain d;
	double percent;		/* of one CPU */
};

/* Domains as they were at @ns. */
struct look {
	struct row *rows;
	size_t count;
	uint64_t ns;
};

enum order { BY_CPU, BY_MEMORY, BY_NAME, BY_NUMBER };

static enum order order;

static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int by = 0;

	if (order == BY_CPU)
		by = (x->percent < y->percent) - (x->percent > y->percent);
	else if (order == BY_MEMORY)
		by = (x->d.memory_kib < y->d.memory_kib) - (x->d.memory_kib > y->d.memory_kib);
	else if (order == BY_NAME)
		by = strcmp(x->d.name, y->d.name);
	return by ? by : (x->d.domid > y->d.domid) - (x->d.domid < y->d.domid);
}

static double used(const struct look *before, uint64_t ns, const struct hvctl_domain *d)
{
	for (size_t i = 0; i < before->count; i++) {
		const struct hvctl_domain *o = &before->rows[i].d;

		if (o->domid == d->domid && !memcmp(o->uuid, d->uuid, sizeof(d->uuid)) &&
		    d->cpu_time_ns >= o->cpu_time_ns && ns > before->ns)
			return 100.0 * (double)(d->cpu_time_ns - o->cpu_time_ns) /
			       (double)(ns - before->ns);
	}
	return 0;
}

/* Look once more; what was seen before is freed. 0 or -errno. */
static int look(struct hvctl_ctx *ctx, struct look *last)
{
	struct hvctl_domain *list;
	struct timespec now;
	struct look next;
	int error = hvctl_list(ctx, &list, &next.count);

	if (error)
		return error;
	clock_gettime(CLOCK_MONOTONIC, &now);
	next.ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	next.rows = calloc(next.count + 1, sizeof(*next.rows));
	for (size_t i = 0; next.rows && i < next.count; i++)
		next.rows[i] = (struct row){ list[i], used(last, next.ns, &list[i]) };
	free(list);
	if (!next.rows)
		return -ENOMEM;
	qsort(next.rows, next.count, sizeof(*next.rows), compare);
	free(last->rows);
	*last = next;
	return 0;
}

static void print(const struct hvctl_host *host, const struct look *l, size_t lines, bool screen)
{
	const char *end = screen ? "\033[K\n" : "\n";
	unsigned int running = 0;
	char clock[16];
	time_t now = time(NULL);
	struct tm tm;

	for (size_t i = 0; i < l->count; i++)
		running += l->rows[i].d.state == HVCTL_RUNNING;
	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	printf("%s%s  %zu domains, %u run; %u CPUs of %u MHz; %llu MiB, %llu free%s%s",
	       screen ? "\033[H" : "", clock, l->count, running, host->cpus, host->cpu_khz / 1000,
	       (unsigned long long)host->total_kib >> 10, (unsigned long long)host->free_kib >> 10,
	       end, end);
	printf("%-20s %5s %-8s %6s %9s %8s %8s %7s%s", "NAME", "ID", "STATE", "CPU/%", "TIME/s",
	       "MEM/MiB", "MAX/MiB", "VCPUS", end);
	for (size_t i = 0; i < l->count && (!screen || i + 4 < lines); i++) {
		const struct hvctl_domain *d = &l->rows[i].d;

		printf("%-20.20s %5u %-8s %6.1f %9.1f %8llu %8llu %3u/%-3u%s", d->name, d->domid,
		       hvctl_state_name(d->state), l->rows[i].percent,
		       (double)d->cpu_time_ns / 1e9, (unsigned long long)d->memory_kib >> 10,
		       (unsigned long long)d->max_memory_kib >> 10, d->vcpus, d->max_vcpus, end);
	}
	if (screen)
		printf("\033[J");
	else
		putchar('\n');
	fflush(stdout);
}

/* What is typed within @ms; false: to leave. */
static bool keys(unsigned int ms)
{
	struct pollfd in = { .fd = 0, .events = POLLIN };
	char key;

	if (poll(&in, 1, (int)ms) <= 0)
		return !cli_stopped;
	if (read(0, &key, 1) != 1 || key == 'q' || key == 3)
		return false;
	if (key == 'c')
		order = BY_CPU;
	else if (key == 'm')
		order = BY_MEMORY;
	else if (key == 'n')
		order = BY_NAME;
	else if (key == 'i')
		order = BY_NUMBER;
	return true;
}

static bool pause_ms(unsigned int ms)
{
	struct timespec wait = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&wait, NULL);
	return !cli_stopped;
}

/* @nr pictures, 0: without end. */
static int go_on(struct hvctl_ctx *ctx, unsigned int ms, uint64_t nr, bool screen)
{
	struct look l = { 0 };
	int ret = CLI_OK;

	/* What the first picture is compared with. */
	if (look(ctx, &l))
		ret = cli_failed(ctx);
	else if (!screen)
		pause_ms(ms < 1000 ? ms : 1000);
	for (uint64_t n = 0; ret == CLI_OK && !cli_stopped && (!nr || n < nr); n++) {
		struct winsize size = { .ws_row = 24 };
		struct hvctl_host host;

		if (hvctl_host(ctx, &host) || look(ctx, &l)) {
			ret = cli_failed(ctx);
			break;
		}
		if (screen && (ioctl(1, TIOCGWINSZ, &size) || !size.ws_row))
			size.ws_row = 24;
		print(&host, &l, size.ws_row, screen);
		if (ferror(stdout))
			break;
		if (nr && n + 1 == nr)
			break;
		if (screen ? !keys(ms) : !pause_ms(ms))
			break;
	}
	free(l.rows);
	return ret;
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct termios before, raw;
	uint64_t seconds = 3, nr = 0;
	bool screen = isatty(0) && isatty(1);
	int i, ret;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "-b") || !strcmp(argv[i], "--batch"))
			screen = false;
		else if (!strncmp(argv[i], "--delay=", 8)) {
			if (!cli_number(argv[i] + 8, &seconds) || !seconds || seconds > 86400)
				return cli_usage(cmd, "'%s' is not a number of seconds",
						 argv[i] + 8);
		} else if (!strncmp(argv[i], "--count=", 8)) {
			if (!cli_number(argv[i] + 8, &nr) || !nr)
				return cli_usage(cmd, "'%s' is not a number of pictures",
						 argv[i] + 8);
		} else {
			return cli_usage(cmd, "unknown option '%s'", argv[i]);
		}
	}
	cli_stop_on_signals();
	signal(SIGPIPE, SIG_IGN);
	if (!screen || tcgetattr(0, &before))
		return go_on(ctx, (unsigned int)seconds * 1000, nr, false);
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(0, TCSANOW, &raw);
	printf("\033[?25l\033[H\033[2J");
	ret = go_on(ctx, (unsigned int)seconds * 1000, nr, true);
	printf("\033[?25h\n");
	tcsetattr(0, TCSANOW, &before);
	return ret;
}

const struct command cmd_top = {
	.name = "top",
	.usage = "[-b] [--delay=SECONDS] [--count=N]",
	.summary = "Show what the domains use, again and again",
	.help = "q leaves; c, m, n and i sort by CPU, memory, name and number.\n\n"
		"  -b, --batch      one picture below the other, as without a terminal\n"
		"  --delay=SECONDS  between two (3)\n"
		"  --count=N        so many, and end\n",
	.run = run,
};
