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
#include "journal_file.h"
#include "listen.h"
#include "log.h"
#include "socket.h"

#define DEFAULT_PIDFILE	"/run/hvstored/hvstored.pid"
#define DEFAULT_LOG	"/var/log/hvstored.log"
#define DEFAULT_JOURNAL	"/run/hvstored/journal"
#define MAX_SOCKETS	8
#define STATUS_REFUSED	3	/* the journal; packaging/hvstored.service knows it */

struct daemon {
	struct store *store;
	struct turns turns;
	struct domains domains;
	struct journal_file journal;
	int epoll, signals;
	int listener[MAX_SOCKETS];
	const char *socket[MAX_SOCKETS];
	unsigned int nr_sockets, nr_listening;
	bool stopping;
};

struct options {
	struct daemon_options common;
	bool no_hypervisor, trace, forget, salvage;
	const char *journal;		/* directory; NULL: the default, if there is a hypervisor */
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

static void host_commit(void *context)
{
	struct daemon *daemon = context;

	if (daemon->store->journal)
		journal_file_commit(&daemon->journal, daemon_now());
}

static void write_connections(void *context)
{
	struct daemon *daemon = context;

	domains_journal(&daemon->domains);
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
	.commit = host_commit,
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
		"  -j, --journal=DIR       the directory of the journal, from which the next "
		"daemon takes up\n"
		"                          the store and its domains; \"none\" for none (%s)\n"
		"  -F, --forget            begin with an empty store all the same; guests that run "
		"will miss it\n"
		"  -S, --salvage           take up a damaged journal as far as it makes sense\n"
		"  -t, --trace             log every request\n"
		"  -n, --no-hypervisor     serve only the sockets, by default without a journal\n"
		"  -h, --help              this text\n"
		"\n"
		"SIGHUP opens the log file again. SIGTERM ends the daemon; the next one goes on.\n",
		DEFAULT_JOURNAL);
}

/* Returns -1 to go on, or the exit status. */
static int parse(struct daemon *daemon, struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		DAEMON_OPTIONS,
		{ "socket", required_argument, NULL, 's' },
		{ "quota", required_argument, NULL, 'q' },
		{ "journal", required_argument, NULL, 'j' },
		{ "forget", no_argument, NULL, 'F' },
		{ "salvage", no_argument, NULL, 'S' },
		{ "trace", no_argument, NULL, 't' },
		{ "no-hypervisor", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, DAEMON_LETTERS "s:q:j:FStnh", known,
				     NULL)) != -1) {
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
		case 'j':
			options->journal = optarg;
			break;
		case 'F':
			options->forget = true;
			break;
		case 'S':
			options->salvage = true;
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
	/* What the command line says is not said again by the journal. */
	options->quota.told = 0;
	if (!options->journal && !options->no_hypervisor)
		options->journal = DEFAULT_JOURNAL;
	if (options->journal && strcmp(options->journal, "none") == 0)
		options->journal = NULL;
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
		/* What was done without anybody's turn, as for domains that ended. */
		store_commit(daemon->store);
		interval = domains_interval(&daemon->domains, daemon_now());
		if (interval >= 0 && (timeout < 0 || timeout > interval))
			timeout = interval;
	}
	return 0;
}

/* What a journal that cannot be read is answered with: the daemon does not start. */
static int refuse(const struct daemon *daemon, const char *why, const char *remedy)
{
	fprintf(stderr, "hvstored: %s/%s %s. %s, or begin with an empty store by 'hvstored "
		"--forget': guests that run would have to be restarted\n",
		daemon->journal.directory, JOURNAL_NAME, why, remedy);
	log_line("does not start: %s/%s %s", daemon->journal.directory, JOURNAL_NAME, why);
	return -EBADMSG;
}

/*
 * Make the store what the daemon before us left. Returns 1 if there was something, 0 if there was
 * not and the store is new, or a negative errno after saying what is wrong.
 */
static int replay_journal(struct daemon *daemon, const struct options *options,
			  struct replayed *before)
{
	struct journal_file *file = &daemon->journal;
	uint32_t version;
	char text[80];
	int found = journal_file_replay(file, before, &version);

	switch (found) {
	case REPLAY_NONE:
		return 0;
	case REPLAY_WHOLE:
		log_line("goes on where the one before ended: %u records, %zu bytes%s",
			 before->records, before->whole, file->size > before->whole ?
			 ", and one that was not finished" : "");
		return 1;
	case REPLAY_FOREIGN:
		snprintf(text, sizeof(text), "is of version %u, and this hvstored reads %u",
			 version, JOURNAL_VERSION);
		if (!version)
			snprintf(text, sizeof(text), "is not a journal of hvstored");
		return refuse(daemon, text, version ?
			      "Start the hvstored that wrote it" : "Move it away");
	case REPLAY_DAMAGED:
		snprintf(text, sizeof(text), "is damaged after byte %zu of %zu", before->whole,
			 file->size);
		if (!options->salvage || !before->records)
			return refuse(daemon, text, before->records ?
				      "Take up what is before that by 'hvstored --salvage'" :
				      "There is nothing to salvage");
		log_line("%s/%s %s: takes up what is before", file->directory, JOURNAL_NAME, text);
		return 1;
	case REPLAY_MEMORY:
		found = -ENOMEM;
		break;
	}
	fprintf(stderr, "hvstored: cannot read %s/%s: %s\n", file->directory, JOURNAL_NAME,
		strerror(-found));
	return found;
}

static int open_journal(struct daemon *daemon, const struct options *options,
			struct replayed *before)
{
	struct journal_file *file = &daemon->journal;
	int error;

	file->store = daemon->store;
	file->connections = write_connections;
	file->context = daemon;
	error = journal_file_open(file, options->journal);
	if (error) {
		fprintf(stderr, "hvstored: %s: %s\n", options->journal, error == -EPERM ?
			"is not a directory of mine alone: it must be root's, with mode 0700" :
			strerror(-error));
		return error;
	}
	return options->forget ? 0 : replay_journal(daemon, options, before);
}

static int connect_domains(struct daemon *daemon, const struct options *options,
			   struct replayed *before)
{
	int error;

	if (options->no_hypervisor) {
		for (struct remembered *at = before->domains; at; at = at->next)
			if (at->client)
				client_free(at->client);
		return 0;
	}
	error = domains_open(&daemon->domains, daemon->store, &daemon->turns, before);
	if (!error)
		error = daemon_poll(daemon->epoll, daemon->domains.evtchn, &daemon->domains);
	return error;
}

/* The first journal of ours: from here on all is written down. */
static void begin_journal(struct daemon *daemon)
{
	int error;

	daemon->store->journal = &daemon->journal.record;
	error = journal_file_begin(&daemon->journal);
	/* What the one before us wrote is not true for long. */
	if (error)
		journal_file_give_up(&daemon->journal, error, daemon_now());
	domains_settle(&daemon->domains);
}

static int start(struct daemon *daemon, const struct options *options)
{
	struct replayed before = { 0 };
	int error, found = 0;

	daemon->store = store_new(&host, daemon);
	daemon->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!daemon->store || daemon->epoll < 0) {
		fprintf(stderr, "hvstored: not enough memory\n");
		return 1;
	}
	daemon->store->quota = options->quota;
	daemon->store->tracing = options->trace;
	if (options->journal)
		found = open_journal(daemon, options, &before);
	if (found < 0)
		return found == -EBADMSG ? STATUS_REFUSED : 1;
	if (!found && seed(daemon->store)) {
		fprintf(stderr, "hvstored: not enough memory\n");
		return 1;
	}
	daemon->signals = daemon_signals();
	if (daemon->signals < 0 || daemon_poll(daemon->epoll, daemon->signals, &daemon->signals)) {
		fprintf(stderr, "hvstored: cannot take signals\n");
		return 1;
	}
	if (listen_all(daemon))
		return 1;
	error = connect_domains(daemon, options, &before);
	replay_free(&before);
	if (error)
		return daemon_no_hypervisor(&options->common, error);
	if (options->journal)
		begin_journal(daemon);
	return 0;
}

static void stop(struct daemon *daemon)
{
	if (daemon->store) {
		/* Our own end is no news for the journal. */
		daemon->store->journal = NULL;
		journal_file_close(&daemon->journal);
		domains_close(&daemon->domains);
		/* One without a transport was only read from the journal. */
		while (daemon->store->clients)
			if (daemon->store->clients->transport)
				socket_free(daemon->store->clients->transport, &daemon->turns);
			else
				client_free(daemon->store->clients);
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
		.journal = { .dir = -1, .fd = -1 },
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
