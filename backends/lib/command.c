// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/lib/command.h"

#include <getopt.h>
#include <string.h>
#include <sys/prctl.h>

#include "libhvctl/store/daemon.h"
#include "libhvctl/store/log.h"
#include "libhvctl/store/number.h"

#define DEFAULT_STORE	"/run/hvstored/socket"

/* Where things are unless told otherwise. */
static char default_run[64], default_pidfile[64], default_log[64];

static void usage(const struct command *c, FILE *out)
{
	fprintf(out,
		"Usage: %s [OPTION]...\n"
		"%s\n"
		"\n"
		"  -f, --foreground        stay in the foreground and log to standard error\n"
		"  -p, --pidfile=FILE      where the process number goes (%s)\n"
		"  -l, --log-file=FILE     where the log goes (%s)\n"
		"  -L, --log-limit=KIB     size at which that log is begun anew; the %d before "
		"are kept (%u)\n"
		"  -r, --run-dir=DIR       where the journals go, which must be memory that "
		"outlives the\n"
		"                          daemon (%s)\n",
		c->name, c->serves, default_pidfile, default_log, LOG_KEEP, DAEMON_LOG_LIMIT >> 10,
		default_run);
	fprintf(out,
		"%s (%u)\n"
		"  -s, --store=PATH        socket of the store daemon (%s)\n"
		"  -S, --stats             what each %s has done, from its journal, and end\n"
		"  -h, --help              this text\n"
		"\n"
		"SIGHUP opens the log again. SIGTERM ends the daemon; %ss in use wait for the "
		"next one.\n",
		c->uid_help, c->uid, DEFAULT_STORE, c->thing, c->thing);
}

/* For us alone: --worker CHANNEL DOMID UID. */
static int be_worker(const struct command *c, char **argv)
{
	uint64_t channel, domid, id;
	char name[32];

	if (number_parse(argv[2], 1023, &channel) ||
	    number_parse(argv[3], DOMID_FIRST_RESERVED - 1, &domid) ||
	    number_parse(argv[4], UINT32_MAX - 1, &id) || !id)
		return 2;
	snprintf(name, sizeof(name), "%s-worker", c->name);
	prctl(PR_SET_NAME, name);
	return c->work((int)channel, (domid_t)domid, (uid_t)id);
}

static int run(const struct command *c, struct daemon_options *daemon,
	       struct super_options *options)
{
	char directory[4096];
	int status;

	snprintf(directory, sizeof(directory), "%.4000s/", options->run);
	status = daemon_make_directory(directory);
	if (status) {
		fprintf(stderr, "%s: cannot make %s: %s\n", c->name, options->run,
			strerror(-status));
		return 1;
	}
	status = daemon_start(daemon);
	if (status)
		return status;
	status = guard(c->supervise, options, daemon->foreground);
	daemon_unclaim(daemon->pidfile);
	return status;
}

int command_main(const struct command *c, int argc, char **argv)
{
	const struct option known[] = {
		DAEMON_OPTIONS,
		{ "run-dir", required_argument, NULL, 'r' },
		{ c->uid_option, required_argument, NULL, 'u' },
		{ "store", required_argument, NULL, 's' },
		{ "stats", no_argument, NULL, 'S' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct daemon_options daemon = { .name = c->name, .pidfile = default_pidfile,
					 .log = default_log, .log_limit = DAEMON_LOG_LIMIT };
	struct super_options options = { .store = DEFAULT_STORE, .run = default_run, .uid = c->uid,
					 .first = true };
	uint64_t value;
	bool show = false;
	int option;

	snprintf(default_run, sizeof(default_run), "/run/%s", c->name);
	snprintf(default_pidfile, sizeof(default_pidfile), "/run/%s/%s.pid", c->name, c->name);
	snprintf(default_log, sizeof(default_log), "/var/log/%s.log", c->name);
	if (argc == 5 && !strcmp(argv[1], "--worker"))
		return be_worker(c, argv);
	while ((option = getopt_long(argc, argv, DAEMON_LETTERS "r:u:s:Sh", known, NULL)) != -1) {
		switch (option) {
		case 'r':
			options.run = optarg;
			break;
		case 'u':
			if (number_parse(optarg, c->uid_max, &value) || !value) {
				fprintf(stderr, "%s: --%s=%s: expected a user id that is not 0\n",
					c->name, c->uid_option, optarg);
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
			usage(c, stdout);
			return 0;
		default:
			if (daemon_option(&daemon, option, optarg))
				break;
			if (!daemon.bad)
				fprintf(stderr, "Try '%s --help'.\n", c->name);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: unexpected argument '%s'. Try '%s --help'.\n", c->name,
			argv[optind], c->name);
		return 2;
	}
	return show ? c->stats(options.run, stdout) : run(c, &daemon, &options);
}
