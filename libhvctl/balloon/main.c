// SPDX-License-Identifier: GPL-2.0-or-later
/* hvballoond: command line, and a pass now and then. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../store/daemon.h"
#include "../store/log.h"
#include "../store/number.h"
#include "pass.h"

#define DEFAULT_PIDFILE	 "/run/hvballoond/hvballoond.pid"
#define DEFAULT_LOG	 "/var/log/hvballoond.log"
#define DEFAULT_INTERVAL 5u  /* s */
#define DEFAULT_RESERVE	 64u /* MiB */

struct settings {
	uint64_t interval, reserve; /* s, MiB */
	bool dry;
};

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: hvballoond [OPTION]...\n"
		"Share the host's memory among the guests whose configuration has memory_min, by "
		"what they say\n"
		"that they use.\n"
		"\n"
		"  -f, --foreground        stay in the foreground and log to standard error\n"
		"  -p, --pidfile=FILE      where the process number goes (%s)\n"
		"  -l, --log-file=FILE     where the daemon's own log goes (%s)\n"
		"  -L, --log-limit=KIB     size at which that log is begun anew; the %d before are "
		"kept as\n"
		"                          FILE.1, FILE.2 (%u)\n"
		"  -i, --interval=SECONDS  how often it looks, 1 to 3600 (%u)\n"
		"  -r, --reserve=MIB       what it leaves free, for domains that are created (%u)\n"
		"  -n, --dry-run           change nothing, only log what would be changed\n"
		"  -h, --help              this text\n"
		"\n"
		"SIGHUP opens the log again; SIGTERM ends the daemon, and guests keep what they "
		"have.\n",
		DEFAULT_PIDFILE, DEFAULT_LOG, LOG_KEEP, DAEMON_LOG_LIMIT >> 10, DEFAULT_INTERVAL,
		DEFAULT_RESERVE);
}

/* Returns 0 or the exit status. */
static int parse_number(const char *name, const char *text, const char *of, uint64_t min,
			uint64_t max, uint64_t *value)
{
	uint64_t n;

	if (number_parse(text, max, &n) || n < min) {
		fprintf(stderr, "hvballoond: --%s=%s: expected a number of %s from %llu to %llu\n",
			name, text, of, (unsigned long long)min, (unsigned long long)max);
		return 2;
	}
	*value = n;
	return 0;
}

/* Returns -1 to go on, or the exit status. */
static int parse(struct settings *settings, struct daemon_options *options, int argc, char **argv)
{
	static const struct option known[] = {
		DAEMON_OPTIONS,
		{ "interval", required_argument, NULL, 'i' },
		{ "reserve", required_argument, NULL, 'r' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option, status = 0;

	while ((option = getopt_long(argc, argv, DAEMON_LETTERS "i:r:nh", known, NULL)) != -1) {
		switch (option) {
		case 'i':
			status = parse_number("interval", optarg, "seconds", 1, 3600,
					      &settings->interval);
			break;
		case 'r':
			status = parse_number("reserve", optarg, "MiB", 0, HVCTL_MIB_MAX,
					      &settings->reserve);
			break;
		case 'n':
			settings->dry = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			if (daemon_option(options, option, optarg))
				break;
			if (!options->bad)
				fprintf(stderr, "Try 'hvballoond --help'.\n");
			return 2;
		}
		if (status)
			return status;
	}
	if (optind < argc) {
		fprintf(stderr, "hvballoond: unexpected argument '%s'. Try 'hvballoond --help'.\n",
			argv[optind]);
		return 2;
	}
	return -1;
}

static void say(const char *line)
{
	log_line("%s", line);
}

static void run(struct pass *pass, const struct settings *settings, int signals)
{
	uint64_t next = daemon_now();

	for (;;) {
		struct pollfd p = { .fd = signals, .events = POLLIN };
		uint64_t now = daemon_now();
		bool reopen;

		if (now >= next) {
			pass_run(pass, now);
			/* From its end on: it may have waited for the store. */
			now = daemon_now();
			next = now + settings->interval * 1000;
		}
		if (poll(&p, 1, (int)(next - now)) > 0 && daemon_signalled(signals, &reopen))
			return;
	}
}

int main(int argc, char **argv)
{
	struct settings settings = { DEFAULT_INTERVAL, DEFAULT_RESERVE, false };
	struct daemon_options options = {
		.name = "hvballoond",
		.pidfile = DEFAULT_PIDFILE,
		.log = DEFAULT_LOG,
		.log_limit = DAEMON_LOG_LIMIT,
	};
	struct pass pass = { .say = say };
	struct hvctl_host host;
	int status = parse(&settings, &options, argc, argv), signals;

	if (status >= 0)
		return status;
	status = daemon_start(&options);
	if (status)
		return status;
	signals = daemon_signals();
	pass.ctx = hvctl_open();
	pass.reserve = settings.reserve;
	pass.dry = settings.dry;
	if (signals < 0 || !pass.ctx) {
		fprintf(stderr, "hvballoond: cannot take signals, or there is no memory\n");
		status = 1;
	} else if (hvctl_host(pass.ctx, &host)) {
		fprintf(stderr, "hvballoond: %s\n", hvctl_error(pass.ctx));
		status = 1;
	} else {
		log_line("shares memory: looks every %llu s, leaves %llu MiB free%s",
			 (unsigned long long)settings.interval,
			 (unsigned long long)settings.reserve,
			 settings.dry ? ", changes nothing (--dry-run)" : "");
		daemon_ready();
		run(&pass, &settings, signals);
	}
	pass_end(&pass);
	hvctl_close(pass.ctx);
	daemon_unclaim(options.pidfile);
	return status;
}
