// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvstored: command line, start, event loop, end.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "daemon.h"
#include "domain.h"
#include "listen.h"
#include "log.h"
#include "socket.h"

#define DEFAULT_PIDFILE	"/run/hvstored/hvstored.pid"
#define DEFAULT_LOG	"/var/log/hvstored.log"
#define MAX_SOCKETS	8

struct daemon {
	struct store *store;
	struct turns turns;
	struct domains domains;
	int epoll, signals;
	int listener[MAX_SOCKETS];
	const char *socket[MAX_SOCKETS];
	unsigned int nr_sockets, nr_listening;
	bool stopping;
};

struct options {
	struct daemon_options common;
	bool no_hypervisor, trace;
	struct quota quota;
};

/* ------------------------------------------------------------------------------------------------
 * What the store asks of us
 */

static int host_introduce(void *context, domid_t domid, uint64_t frame, uint32_t port, bool *fresh)
{
	struct daemon *daemon = context;

	return domains_introduce(&daemon->domains, domid, frame, port, fresh);
}

static int host_release(void *context, domid_t domid)
{
	struct daemon *daemon = context;

	return domains_release(&daemon->domains, domid);
}

static int host_resume(void *context, domid_t domid)
{
	struct daemon *daemon = context;

	return domains_resume(&daemon->domains, domid);
}

static bool host_is_introduced(void *context, domid_t domid)
{
	struct daemon *daemon = context;

	return domains_is_introduced(&daemon->domains, domid);
}

static void host_output(void *context, struct client *client)
{
	struct daemon *daemon = context;

	turns_add(&daemon->turns, client->transport);
}

static void host_log(void *context, const char *line)
{
	(void)context;
	log_line("%s", line);
}

static uint64_t host_now(void *context)
{
	(void)context;
	return daemon_now();
}

static const struct store_host host = {
	.introduce = host_introduce,
	.release = host_release,
	.resume = host_resume,
	.is_introduced = host_is_introduced,
	.output = host_output,
	.log = host_log,
	.now = host_now,
};

/* ------------------------------------------------------------------------------------------------
 * Command line
 */

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: hvstored [OPTION]...\n"
		"Keep the store through which domains, their devices and the toolstack find each "
		"other.\n"
		"Speaks the XenStore protocol with kernels over rings and with programs over Unix "
		"sockets.\n"
		"\n"
		"  -f, --foreground        stay in the foreground and log to standard error\n"
		"  -p, --pidfile=FILE      where the process number goes (%s)\n"
		"  -l, --log-file=FILE     where the log goes (%s)\n"
		"  -L, --log-limit=KIB     size at which the log is begun anew; the %d before are "
		"kept as\n"
		"                          FILE.1, FILE.2 (%u)\n"
		"  -s, --socket=PATH       listen here; can be repeated (default: "
		"/run/hvstored/socket and\n"
		"                          /run/xenstored/socket, where the usual xenstore tools "
		"look)\n"
		"  -q, --quota=NAME=VALUE  change a limit on each guest; can be repeated. "
		"Limits:\n",
		DEFAULT_PIDFILE, DEFAULT_LOG, LOG_KEEP, DAEMON_LOG_LIMIT >> 10);
	for (unsigned int i = 0; i < QUOTA_KINDS; i++)
		fprintf(out, "                            %s=%lu\n", quota_name(i),
			quota_default.limit[i]);
	fprintf(out,
		"  -t, --trace             log every request\n"
		"  -n, --no-hypervisor     serve only the sockets\n"
		"  -h, --help              this text\n"
		"\n"
		"SIGHUP opens the log file again. SIGTERM ends the daemon; the content of the "
		"store is lost.\n");
}

/* Returns -1 to go on, or the exit status. */
static int parse(struct daemon *daemon, struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		DAEMON_OPTIONS,
		{ "socket", required_argument, NULL, 's' },
		{ "quota", required_argument, NULL, 'q' },
		{ "trace", no_argument, NULL, 't' },
		{ "no-hypervisor", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, DAEMON_LETTERS "s:q:tnh", known, NULL)) != -1) {
		switch (option) {
		case 's':
			if (daemon->nr_sockets == MAX_SOCKETS) {
				fprintf(stderr,
					"hvstored: --socket can be given %d times at most\n",
					MAX_SOCKETS);
				return 2;
			}
			daemon->socket[daemon->nr_sockets++] = optarg;
			break;
		case 'q':
			if (quota_set(&options->quota, optarg)) {
				fprintf(stderr,
					"hvstored: --quota=%s: expected NAME=VALUE with a name "
					"from "
					"--help and a number\n",
					optarg);
				return 2;
			}
			break;
		case 't':
			options->trace = true;
			break;
		case 'n':
			options->no_hypervisor = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			if (daemon_option(&options->common, option, optarg))
				break;
			if (!options->common.bad)
				fprintf(stderr, "Try 'hvstored --help'.\n");
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "hvstored: unexpected argument '%s'. Try 'hvstored --help'.\n",
			argv[optind]);
		return 2;
	}
	if (!daemon->nr_sockets) {
		daemon->socket[daemon->nr_sockets++] = "/run/hvstored/socket";
		daemon->socket[daemon->nr_sockets++] = "/run/xenstored/socket";
	}
	return -1;
}

/* ------------------------------------------------------------------------------------------------
 * Running
 */

/* The nodes that programs and kernels expect before anybody has written anything. */
static int seed(struct store *store)
{
	static const char *const node[][2] = {
		{ "/tool/xenstored", "" },
		{ "/local/domain/0/name", "Domain-0" },
		{ "/local/domain/0/domid", "0" },
		{ "/local/pool/0/name", "Pool-0" },
	};

	for (size_t i = 0; i < sizeof(node) / sizeof(node[0]); i++) {
		int error = store_seed(store, node[i][0], node[i][1]);

		if (error)
			return error;
	}
	return 0;
}

static int listen_all(struct daemon *daemon)
{
	for (unsigned int i = 0; i < daemon->nr_sockets; i++) {
		int fd = unix_listen(daemon->socket[i]);
		int error = fd < 0 ? fd : 0;

		if (!error) {
			daemon->listener[daemon->nr_listening++] = fd;
			error = daemon_poll(daemon->epoll, fd, &daemon->listener[i]);
		}
		if (error) {
			fprintf(stderr, "hvstored: cannot listen at %s: %s\n", daemon->socket[i],
				strerror(-error));
			return error;
		}
	}
	return 0;
}

static void on_ready(struct daemon *daemon, void *source)
{
	struct connection *connection;
	bool reopen;

	if (source == &daemon->signals) {
		daemon->stopping |= daemon_signalled(daemon->signals, &reopen);
		return;
	}
	if (source == &daemon->domains) {
		domains_events(&daemon->domains);
		return;
	}
	for (unsigned int i = 0; i < daemon->nr_listening; i++) {
		if (source == &daemon->listener[i]) {
			connection = socket_accept(daemon->listener[i], daemon->epoll,
						   daemon->store, &daemon->turns);
			if (connection)
				turns_add(&daemon->turns, connection);
			return;
		}
	}
	turns_add(&daemon->turns, source);
}

static int run(struct daemon *daemon)
{
	struct epoll_event event[32];
	int timeout = 0, interval;

	while (!daemon->stopping) {
		int count =
			epoll_wait(daemon->epoll, event, sizeof(event) / sizeof(event[0]), timeout);

		if (count < 0 && errno != EINTR) {
			log_line("cannot wait for events: %s", strerror(errno));
			return 1;
		}
		/* Connections end in turns only, so every source is still there. */
		for (int i = 0; i < count; i++)
			on_ready(daemon, event[i].data.ptr);
		timeout = turns_run(&daemon->turns, daemon_now());
		interval = domains_interval(&daemon->domains, daemon_now());
		if (interval >= 0 && (timeout < 0 || timeout > interval))
			timeout = interval;
	}
	return 0;
}

static int start(struct daemon *daemon, const struct options *options)
{
	int error;

	daemon->store = store_new(&host, daemon);
	daemon->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!daemon->store || daemon->epoll < 0 || seed(daemon->store)) {
		fprintf(stderr, "hvstored: not enough memory\n");
		return 1;
	}
	daemon->store->quota = options->quota;
	daemon->store->tracing = options->trace;
	daemon->signals = daemon_signals();
	if (daemon->signals < 0 || daemon_poll(daemon->epoll, daemon->signals, &daemon->signals)) {
		fprintf(stderr, "hvstored: cannot take signals\n");
		return 1;
	}
	if (listen_all(daemon))
		return 1;
	if (options->no_hypervisor)
		return 0;
	error = domains_open(&daemon->domains, daemon->store, &daemon->turns);
	if (!error)
		error = daemon_poll(daemon->epoll, daemon->domains.evtchn, &daemon->domains);
	return error ? daemon_no_hypervisor(&options->common, error) : 0;
}

static void stop(struct daemon *daemon)
{
	if (daemon->store) {
		domains_close(&daemon->domains);
		while (daemon->store->clients)
			socket_free(daemon->store->clients->transport, &daemon->turns);
		store_free(daemon->store);
	}
	for (unsigned int i = 0; i < daemon->nr_listening; i++) {
		close(daemon->listener[i]);
		unlink(daemon->socket[i]);
	}
}

/* Without the store nothing works any more: the kernel should look for memory elsewhere first. */
static void spare_me(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "-900", 4) != 4)
		log_line("cannot lower the chance of being killed when memory runs out");
	close(fd);
}

int main(int argc, char **argv)
{
	static struct daemon daemon = {
		.domains = { .evtchn = -1, .privcmd = { .privcmd = -1, .gntdev = -1 } },
	};
	struct options options = {
		.common = { .name = "hvstored", .pidfile = DEFAULT_PIDFILE, .log = DEFAULT_LOG,
			    .log_limit = DAEMON_LOG_LIMIT },
		.quota = quota_default,
	};
	int status = parse(&daemon, &options, argc, argv);

	if (status >= 0)
		return status;
	status = daemon_start(&options.common);
	if (status)
		return status;
	status = start(&daemon, &options);
	if (!status) {
		spare_me();
		log_line("serves %u sockets%s", daemon.nr_listening,
			 options.no_hypervisor ? "" : " and the domains' rings");
		daemon_ready();
		status = run(&daemon);
	}
	stop(&daemon);
	daemon_unclaim(options.common.pidfile);
	return status;
}
