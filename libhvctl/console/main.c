// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvconsoled: command line, finding the domains, event loop.
 */

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../store/daemon.h"
#include "../store/evtchn.h"
#include "../store/log.h"
#include "../store/number.h"
#include "../xs.h"
#include "guest.h"

#define DEFAULT_PIDFILE	"/run/hvconsoled/hvconsoled.pid"
#define DEFAULT_LOG	"/var/log/hvconsoled.log"
#define DEFAULT_STORE	"/run/hvstored/socket"

/* How long to wait before looking for a lost store daemon again. */
#define STORE_RETRY_MS	1000

struct daemon {
	struct settings settings;
	struct privcmd privcmd;
	struct guest *guests;
	struct xs *store;		/* NULL while there is no connection */
	const char *store_path;
	uint64_t next_try, next_interval;
	int signals;
	bool stopping;
};

/* ------------------------------------------------------------------------------------------------
 * Domains in the store
 */

static struct guest *find_guest(const struct daemon *daemon, domid_t domid)
{
	struct guest *guest = daemon->guests;

	while (guest && guest->domid != domid)
		guest = guest->next;
	return guest;
}

/* A number in the store. Returns 0 or a negative errno. */
static int read_number(struct daemon *daemon, domid_t domid, const char *key, uint64_t max,
		       uint64_t *value)
{
	char *text = xs_readf(daemon->store, 0, "/local/domain/%u/console/%s", domid, key);
	int error;

	if (!text)
		return -errno;
	error = number_parse(text, max, value);
	free(text);
	return error;
}

/* Whether the domain's console is ours to serve, and not a device model's. */
static bool is_ours(struct daemon *daemon, domid_t domid)
{
	char *type = xs_readf(daemon->store, 0, "/local/domain/%u/console/type", domid);
	bool ours = !type || strcmp(type, "xenconsoled") == 0 || strcmp(type, "hvconsoled") == 0;

	free(type);
	return ours;
}

/* Connect to the domain's console, as soon as the toolstack has said where it is. */
static void connect_guest(struct daemon *daemon, struct guest *guest)
{
	bool before = guest->ring != NULL;
	uint64_t frame, port;
	char path[64], *name;
	int error;

	if (read_number(daemon, guest->domid, "ring-ref", UINT64_MAX, &frame) ||
	    read_number(daemon, guest->domid, "port", UINT32_MAX, &port) ||
	    !is_ours(daemon, guest->domid))
		return;
	name = xs_readf(daemon->store, 0, "/local/domain/%u/name", guest->domid);
	snprintf(path, sizeof(path), "domain-%u", guest->domid);
	error = guest_connect(guest, name && *name ? name : path, frame, port);
	if (error) {
		guest_log(guest, "cannot connect to its console (frame %llx, port %u): %s",
			  (unsigned long long)frame, (unsigned int)port, strerror(-error));
	} else {
		snprintf(path, sizeof(path), "/local/domain/%u/console/tty", guest->domid);
		error = xs_write(daemon->store, 0, path, "%s", guest->terminal_path);
		if (error)
			guest_log(guest, "cannot write %s: %s", path, strerror(-error));
		if (!before)
			guest_log(guest, "console of %s at %s", name ? name : "?",
				  guest->terminal_path);
	}
	free(name);
}

static void watch_guest(struct daemon *daemon, const struct guest *guest, bool on)
{
	char path[64];

	snprintf(path, sizeof(path), "/local/domain/%u/console", guest->domid);
	if (on)
		xs_watch(daemon->store, path, "console");
	else
		xs_unwatch(daemon->store, path, "console");
}

/*
 * Let go of domains that are no more: our mapping is one of the last things that keep their memory.
 */
static void drop_dead(struct daemon *daemon)
{
	struct guest **slot = &daemon->guests;

	while (*slot) {
		struct guest *guest = *slot;
		enum domain_life life;

		if (privcmd_life(&daemon->privcmd, guest->domid, &life, NULL) ||
		    life != DOMAIN_GONE) {
			slot = &guest->next;
			continue;
		}
		log_line("domain %u: gone", guest->domid);
		if (daemon->store)
			watch_guest(daemon, guest, false);
		*slot = guest->next;
		guest_free(guest);
	}
}

/* Look for domains that are new. */
static void find_new(struct daemon *daemon)
{
	char **names = xs_list(daemon->store, 0, "/local/domain");

	for (char **name = names; name && *name; name++) {
		enum domain_life life;
		struct guest *guest;
		uint64_t domid;

		if (number_parse(*name, DOMID_FIRST_RESERVED - 1, &domid) || domid == 0 ||
		    find_guest(daemon, domid) ||
		    privcmd_life(&daemon->privcmd, domid, &life, NULL) ||
		    life == DOMAIN_GONE)
			continue;
		guest = guest_new(&daemon->settings, domid);
		if (!guest) {
			log_line("domain %u: not enough memory for its console",
				 (unsigned int)domid);
			continue;
		}
		guest->next = daemon->guests;
		daemon->guests = guest;
		/* The watch's first event makes us look at what is there already. */
		watch_guest(daemon, guest, true);
	}
	free(names);
}

static void on_watch(struct daemon *daemon, const char *path)
{
	static const char prefix[] = "/local/domain/";
	struct guest *guest;
	unsigned int domid;

	if (path[0] == '@') {
		/* Nobody goes because somebody comes, and there may be hundreds to look at. */
		if (strcmp(path, "@introduceDomain") != 0)
			drop_dead(daemon);
		find_new(daemon);
		return;
	}
	if (strncmp(path, prefix, sizeof(prefix) - 1) != 0 ||
	    sscanf(path + sizeof(prefix) - 1, "%u/", &domid) != 1)
		return;
	guest = find_guest(daemon, domid);
	/* Our own writing of the terminal's name is no news. */
	if (guest && !strstr(path, "/console/tty"))
		connect_guest(daemon, guest);
}

static void lose_store(struct daemon *daemon)
{
	log_line("lost the store daemon; will look for it again");
	epoll_ctl(daemon->settings.epoll, EPOLL_CTL_DEL, xs_fd(daemon->store), NULL);
	xs_close(daemon->store);
	daemon->store = NULL;
	daemon->next_try = daemon_now() + STORE_RETRY_MS;
}

static int open_store(struct daemon *daemon)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = daemon };
	int error;

	daemon->store = xs_open(daemon->store_path);
	if (!daemon->store)
		return -errno;
	error = epoll_ctl(daemon->settings.epoll, EPOLL_CTL_ADD, xs_fd(daemon->store), &event) < 0
			? -errno
			: 0;
	if (!error)
		error = xs_watch(daemon->store, "@introduceDomain", "domains");
	if (!error)
		error = xs_watch(daemon->store, "@releaseDomain", "domains");
	for (struct guest *guest = daemon->guests; guest && !error; guest = guest->next)
		watch_guest(daemon, guest, true);
	if (error) {
		xs_close(daemon->store);
		daemon->store = NULL;
	}
	return error;
}

/*
 * Requests made while handling one event can bring in more, which epoll then knows nothing about:
 * so this goes on until there are none.
 */
static void run_store(struct daemon *daemon)
{
	char path[PATH_MAX];
	int got = 1;

	if (!daemon->store) {
		if (daemon_now() < daemon->next_try)
			return;
		if (open_store(daemon)) {
			daemon->next_try = daemon_now() + STORE_RETRY_MS;
			return;
		}
		log_line("found the store daemon");
	}
	while (got > 0) {
		got = xs_wait(daemon->store, 0, path, sizeof(path));
		if (got > 0)
			on_watch(daemon, path);
	}
	if (got < 0)
		lose_store(daemon);
}

/* ------------------------------------------------------------------------------------------------
 * Events
 */

static void on_ports(struct daemon *daemon)
{
	uint32_t ports[64];
	int count = evtchn_take(daemon->settings.evtchn, ports, sizeof(ports) / sizeof(ports[0]));

	for (int i = 0; i < count; i++) {
		struct guest *guest = daemon->guests;

		while (guest && guest->port != ports[i])
			guest = guest->next;
		if (guest)
			guest_event(guest);
		else
			evtchn_unmask(daemon->settings.evtchn, ports[i]);
	}
}

static void on_signal(struct daemon *daemon)
{
	bool reopen;

	daemon->stopping |= daemon_signalled(daemon->signals, &reopen);
	for (struct guest *guest = daemon->guests; guest && reopen; guest = guest->next)
		guest_reopen_log(guest);
}

static void on_ready(struct daemon *daemon, const struct epoll_event *event)
{
	struct source *source = event->data.ptr;

	if (event->data.ptr == &daemon->signals)
		on_signal(daemon);
	else if (event->data.ptr == &daemon->settings.evtchn)
		on_ports(daemon);
	else if (event->data.ptr != daemon)
		source->ready(source, event->events);
}

/*
 * Begin a new interval when the last one is over. Returns the milliseconds until then, or -1 if
 * nobody waits for it.
 */
static int intervals(struct daemon *daemon)
{
	uint64_t now = daemon_now();
	bool waiting = false;

	if (now >= daemon->next_interval) {
		for (struct guest *guest = daemon->guests; guest; guest = guest->next)
			guest_interval(guest);
		daemon->next_interval = now + GUEST_INTERVAL_MS;
	}
	for (struct guest *guest = daemon->guests; guest; guest = guest->next)
		waiting |= guest_rationed(guest);
	return waiting ? (int)(daemon->next_interval - now) : -1;
}

static int run(struct daemon *daemon)
{
	struct epoll_event event[32];

	while (!daemon->stopping) {
		int timeout = intervals(daemon);
		int count;

		if (!daemon->store && (timeout < 0 || timeout > STORE_RETRY_MS))
			timeout = STORE_RETRY_MS;
		count = epoll_wait(daemon->settings.epoll, event, sizeof(event) / sizeof(event[0]),
				   timeout);
		if (count < 0 && errno != EINTR) {
			log_line("cannot wait for events: %s", strerror(errno));
			return 1;
		}
		for (int i = 0; i < count; i++)
			on_ready(daemon, &event[i]);
		/*
		 * Only now may programs and domains disappear: events of this round could still
		 * point to them.
		 */
		for (struct guest *guest = daemon->guests; guest; guest = guest->next)
			guest_reap(guest);
		run_store(daemon);
	}
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Command line
 */

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: hvconsoled [OPTION]...\n"
		"Serve the consoles of all domains: keep their output in log files, and connect "
		"terminals\n"
		"and 'hvctl console' to them.\n"
		"\n"
		"  -f, --foreground        stay in the foreground and log to standard error\n"
		"  -p, --pidfile=FILE      where the process number goes (%s)\n"
		"  -l, --log-file=FILE     where the daemon's own log goes (%s)\n"
		"  -L, --log-limit=KIB     size at which that log is begun anew; the %d before are "
		"kept as\n"
		"                          FILE.1, FILE.2 (%u)\n"
		"  -c, --console-dir=DIR   where <name>.log of each domain goes "
		"(/var/log/hvconsole);\n"
		"                          'none' for no console logs\n"
		"  -m, --log-size=KIB      size at which a console log is begun anew, once; the "
		"one before is kept\n"
		"                          as <name>.log.1 (4096)\n"
		"  -b, --scrollback=KIB    output kept in memory for those who attach later, a "
		"power of two (128)\n"
		"  -r, --run-dir=DIR       where the sockets <domid>.sock go (/run/hvconsoled)\n"
		"  -s, --store=PATH        socket of the store daemon (%s)\n"
		"  -h, --help              this text\n"
		"\n"
		"SIGHUP opens all log files again; SIGTERM ends the daemon.\n",
		DEFAULT_PIDFILE, DEFAULT_LOG, LOG_KEEP, DAEMON_LOG_LIMIT >> 10, DEFAULT_STORE);
}

/* A size in KiB. Returns 0 or the exit status. */
static int parse_size(const char *name, const char *text, uint64_t min, uint64_t max, size_t *bytes)
{
	uint64_t value;

	if (number_parse(text, max, &value) || value < min) {
		fprintf(stderr, "hvconsoled: --%s=%s: expected a number of KiB from %llu to %llu\n",
			name, text, (unsigned long long)min, (unsigned long long)max);
		return 2;
	}
	*bytes = value << 10;
	return 0;
}

/* Returns -1 to go on, or the exit status. */
static int parse(struct daemon *daemon, struct daemon_options *options, int argc, char **argv)
{
	static const struct option known[] = {
		DAEMON_OPTIONS,
		{ "console-dir", required_argument, NULL, 'c' },
		{ "log-size", required_argument, NULL, 'm' },
		{ "scrollback", required_argument, NULL, 'b' },
		{ "run-dir", required_argument, NULL, 'r' },
		{ "store", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct settings *settings = &daemon->settings;
	int option, status = 0;

	while ((option = getopt_long(argc, argv, DAEMON_LETTERS "c:m:b:r:s:h", known, NULL)) !=
	       -1) {
		switch (option) {
		case 'c':
			settings->log_directory = strcmp(optarg, "none") == 0 ? NULL : optarg;
			break;
		case 'm':
			status = parse_size("log-size", optarg, 4, 1 << 20, &settings->log_limit);
			break;
		case 'b':
			status = parse_size("scrollback", optarg, 4, 16 << 10,
					    &settings->scrollback);
			if (!status && (settings->scrollback & (settings->scrollback - 1))) {
				fprintf(stderr,
					"hvconsoled: --scrollback=%s: expected a power of two\n",
					optarg);
				status = 2;
			}
			break;
		case 'r':
			settings->socket_directory = optarg;
			break;
		case 's':
			daemon->store_path = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			if (daemon_option(options, option, optarg))
				break;
			if (!options->bad)
				fprintf(stderr, "Try 'hvconsoled --help'.\n");
			return 2;
		}
		if (status)
			return status;
	}
	if (optind < argc) {
		fprintf(stderr, "hvconsoled: unexpected argument '%s'. Try 'hvconsoled --help'.\n",
			argv[optind]);
		return 2;
	}
	return -1;
}

static int start(struct daemon *daemon, const struct daemon_options *options)
{
	struct settings *settings = &daemon->settings;
	char directory[PATH_MAX];
	int error;

	if (settings->log_directory) {
		snprintf(directory, sizeof(directory), "%s/", settings->log_directory);
		error = daemon_make_directory(directory);
		if (error) {
			fprintf(stderr, "hvconsoled: cannot make %s: %s\n", settings->log_directory,
				strerror(-error));
			return 1;
		}
	}
	settings->epoll = epoll_create1(EPOLL_CLOEXEC);
	daemon->signals = daemon_signals();
	if (settings->epoll < 0 || daemon->signals < 0 ||
	    daemon_poll(settings->epoll, daemon->signals, &daemon->signals)) {
		fprintf(stderr, "hvconsoled: cannot take signals\n");
		return 1;
	}
	error = privcmd_open(&daemon->privcmd);
	if (!error) {
		settings->evtchn = evtchn_open();
		error = settings->evtchn < 0
				? settings->evtchn
				: daemon_poll(settings->epoll, settings->evtchn, &settings->evtchn);
	}
	if (error)
		return daemon_no_hypervisor(options, error);
	error = open_store(daemon);
	if (error) {
		fprintf(stderr,
			"hvconsoled: cannot connect to the store daemon at %s: %s. Does hvstored "
			"run?\n",
			daemon->store_path, strerror(-error));
		return 1;
	}
	return 0;
}

static void stop(struct daemon *daemon)
{
	while (daemon->guests) {
		struct guest *guest = daemon->guests;

		daemon->guests = guest->next;
		guest_free(guest);
	}
	xs_close(daemon->store);
	if (daemon->settings.evtchn >= 0)
		close(daemon->settings.evtchn);
	privcmd_close(&daemon->privcmd);
}

int main(int argc, char **argv)
{
	static struct daemon daemon = {
		.store_path = DEFAULT_STORE,
		.privcmd = { .privcmd = -1, .gntdev = -1 },
		.settings = {
			.socket_directory = "/run/hvconsoled",
			.log_directory = "/var/log/hvconsole",
			.log_limit = 4 << 20,
			.scrollback = 128 << 10,
			.epoll = -1,
			.evtchn = -1,
		},
	};
	struct daemon_options options = {
		.name = "hvconsoled",
		.pidfile = DEFAULT_PIDFILE,
		.log = DEFAULT_LOG,
		.log_limit = DAEMON_LOG_LIMIT,
	};
	int status = parse(&daemon, &options, argc, argv);

	if (status >= 0)
		return status;
	daemon.settings.privcmd = &daemon.privcmd;
	status = daemon_start(&options);
	if (status)
		return status;
	status = start(&daemon, &options);
	if (!status) {
		log_line("serves the domains' consoles");
		daemon_ready();
		run_store(&daemon);
		status = run(&daemon);
	}
	stop(&daemon);
	daemon_unclaim(options.pidfile);
	return status;
}
