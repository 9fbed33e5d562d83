// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvnetd: command line; and the guard, which does nothing but start the supervisor again when it
 * is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backends/net/stats.h"
#include "backends/net/super.h"
#include "backends/net/worker.h"
#include "libhvctl/store/daemon.h"
#include "libhvctl/store/log.h"
#include "libhvctl/store/number.h"

#define DEFAULT_PIDFILE	"/run/hvnetd/hvnetd.pid"
#define DEFAULT_LOG	"/var/log/hvnetd.log"
#define DEFAULT_STORE	"/run/hvstored/socket"
#define DEFAULT_RUN	"/run/hvnetd"
#define DEFAULT_UID	262143u

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: hvnetd [OPTION]...\n"
		"Carry the packets of all network interfaces with backendtype=hvnetd.\n"
		"\n"
		"  -f, --foreground        stay in the foreground and log to standard error\n"
		"  -p, --pidfile=FILE      where the process number goes (%s)\n"
		"  -l, --log-file=FILE     where the log goes (%s)\n"
		"  -L, --log-limit=KIB     size at which that log is begun anew; the %d before "
		"are kept (%u)\n"
		"  -r, --run-dir=DIR       where the journals go, which must be memory that "
		"outlives the\n"
		"                          daemon (%s)\n"
		"  -u, --uid=UID           user and group of the process that carries them, which "
		"nobody else\n"
		"                          should have (%u)\n"
		"  -s, --store=PATH        socket of the store daemon (%s)\n"
		"  -S, --stats             what each interface has done, from its journal, and "
		"end\n"
		"  -h, --help              this text\n"
		"\n"
		"SIGHUP opens the log again. SIGTERM ends the daemon; interfaces in use wait "
		"for the next one.\n",
		DEFAULT_PIDFILE, DEFAULT_LOG, LOG_KEEP, DAEMON_LOG_LIMIT >> 10, DEFAULT_RUN,
		DEFAULT_UID, DEFAULT_STORE);
}

/* For us alone: hvnetd --worker CHANNEL 0 UID. */
static int be_worker(char **argv)
{
	uint64_t channel, id;

	if (number_parse(argv[2], 1023, &channel) ||
	    number_parse(argv[4], UINT32_MAX - 1, &id) || !id)
		return 2;
	prctl(PR_SET_NAME, "hvnetd-worker");
	return worker_main((int)channel, (uid_t)id);
}

static pid_t supervisor;

static void pass_on(int signal_number)
{
	if (supervisor > 0)
		kill(supervisor, signal_number);
}

static void nowhere(void)
{
	int fd = open("/dev/null", O_RDWR);

	for (int i = 0; fd >= 0 && i <= 2; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

/* Starts the supervisor, and again whenever a signal that it did not ask for has ended it. */
static int guard(struct super_options *options, bool foreground)
{
	struct sigaction action = { .sa_handler = pass_on };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	for (;;) {
		struct timespec pause = { .tv_nsec = 100000000 };
		int status = 0;

		supervisor = fork();
		if (supervisor < 0)
			return 1;
		if (!supervisor) {
			signal(SIGTERM, SIG_DFL);
			signal(SIGINT, SIG_DFL);
			signal(SIGHUP, SIG_DFL);
			exit(super_main(options));
		}
		while (waitpid(supervisor, &status, 0) < 0 && errno == EINTR)
			;
		if (WIFEXITED(status) && (!WEXITSTATUS(status) || options->first))
			return WEXITSTATUS(status);
		if (WIFSIGNALED(status) &&
		    (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT))
			return 0;
		/* Whoever started us has been told that it runs, or that it does not. */
		options->first = false;
		if (!foreground)
			nowhere();
		log_line("the supervisor ended (%s %d) and is started again",
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		nanosleep(&pause, NULL);
	}
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		DAEMON_OPTIONS,
		{ "run-dir", required_argument, NULL, 'r' },
		{ "uid", required_argument, NULL, 'u' },
		{ "store", required_argument, NULL, 's' },
		{ "stats", no_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct daemon_options daemon = {
		.name = "hvnetd",
		.pidfile = DEFAULT_PIDFILE,
		.log = DEFAULT_LOG,
		.log_limit = DAEMON_LOG_LIMIT,
	};
	struct super_options options = { .store = DEFAULT_STORE, .run = DEFAULT_RUN,
					 .uid = DEFAULT_UID, .first = true };
	char directory[4096];
	uint64_t value;
	int option, status;
	bool show = false;

	if (argc == 5 && !strcmp(argv[1], "--worker"))
		return be_worker(argv);
	while ((option = getopt_long(argc, argv, DAEMON_LETTERS "r:u:s:Sh", known, NULL)) != -1) {
		switch (option) {
		case 'r':
			options.run = optarg;
			break;
		case 'u':
			if (number_parse(optarg, INT32_MAX, &value) ||
			    !value) {
				fprintf(stderr, "hvnetd: --uid=%s: expected a user id that is "
						"not 0\n", optarg);
				return 2;
			}
			options.uid = (uid_t)value;
			break;
		case 's':
			options.store = optarg;
			break;
		case 'S':
			show = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			if (daemon_option(&daemon, option, optarg))
				break;
			if (!daemon.bad)
				fprintf(stderr, "Try 'hvnetd --help'.\n");
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "hvnetd: unexpected argument '%s'. Try 'hvnetd --help'.\n",
			argv[optind]);
		return 2;
	}
	if (show)
		return stats_show(options.run, stdout);
	snprintf(directory, sizeof(directory), "%.4000s/", options.run);
	status = daemon_make_directory(directory);
	if (status) {
		fprintf(stderr, "hvnetd: cannot make %s: %s\n", options.run, strerror(-status));
		return 1;
	}
	status = daemon_start(&daemon);
	if (status)
		return status;
	status = guard(&options, daemon.foreground);
	daemon_unclaim(daemon.pidfile);
	return status;
}
