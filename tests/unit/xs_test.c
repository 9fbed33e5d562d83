// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/xs.c
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c libhvctl/store/tree.c
// sources: libhvctl/store/quota.c libhvctl/store/watch.c libhvctl/store/transaction.c
// sources: libhvctl/budget.c
// sources: libhvctl/store/store.c libhvctl/store/journal.c
// sources: libhvctl/store/control.c libhvctl/store/protocol.c
// sources: libhvctl/context.c
// libs: -Wl,--wrap=poll,--wrap=calloc,--wrap=xs_open,--wrap=nanosleep,--wrap=clock_gettime
// libs: -Wl,--wrap=access
// bits: 64 32
/*
 * The toolstack's end of the store's protocol. Against the store itself in another process: a list
 * of children is whole, however long a guest makes it, also while it grows. Against a store that
 * falls silent, or talks nonsense: a connection in which nobody knows where a message begins is
 * never read again.
 */
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"
#include "libhvctl/xs.h"
#include "pv-abi/io/xs_wire.h"
#include "store_sim.h"

static char directory[] = "/tmp/xs_test.XXXXXX", path[sizeof(directory) + 8];

/* Answer one client until it goes. After each part of a list it gets a name more, @grow times. */
static void serve(int listener, unsigned int grow)
{
	int fd = accept(listener, NULL, NULL);
	struct client *client = client_new(store, 0, NULL), *other = client_new(store, 0, NULL);
	struct inbox inbox = { 0 };
	struct xsd_sockmsg head;
	size_t wanted, length;
	char text[64], *space;
	const char *data;
	ssize_t got;

	for (;;) {
		space = inbox_space(&inbox, &wanted);
		got = read(fd, space, wanted);
		if (got <= 0)
			_exit(0);
		if (!inbox_add(&inbox, got))
			continue;
		memcpy(&head, inbox.data, sizeof(head));
		protocol_handle(client, &inbox);
		inbox.have = 0;
		while ((data = client_output(client, &length))) {
			got = write(fd, data, length);
			if (got <= 0)
				_exit(1);
			client_sent(client, got);
		}
		if (head.type == XS_DIRECTORY_PART && grow) {
			snprintf(text, sizeof(text), "/long/more%u|", grow--);
			ask_text(other, XS_MKDIR, 0, text);
		}
	}
}

/* A store with so many names below /long, and somebody who asks it. */
static struct xs *connect_to(unsigned int names, unsigned int grow, pid_t *server)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct client *dom0;
	char text[64];
	struct xs *xs;

	begin();
	dom0 = client_new(store, 0, NULL);
	for (unsigned int i = 0; i < names; i++) {
		snprintf(text, sizeof(text), "/long/a-name-of-some-length-%05u/key|v%u", i, i);
		REPLIES(dom0, XS_WRITE, text, "OK|");
	}
	strcpy(address.sun_path, path);
	CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(listener, 1), 0);
	fflush(stdout);
	*server = fork();
	if (!*server)
		serve(listener, grow);
	end(dom0);
	xs = xs_open(path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(xs);
	close(listener);
	unlink(path);
	return xs;
}

static void check_list(unsigned int names, unsigned int grow)
{
	unsigned int count = 0;
	char text[64], **list;
	pid_t server;
	struct xs *xs = connect_to(names, grow, &server);

	list = xs_list(xs, 0, "/long");
	CU_ASSERT_PTR_NOT_NULL(list);
	while (list && list[count] && count < names) {
		snprintf(text, sizeof(text), "a-name-of-some-length-%05u", count);
		if (strcmp(list[count], text) != 0)
			break;
		count++;
	}
	CU_ASSERT_EQUAL(count, names);
	CU_ASSERT(list && !list[count]);
	free(list);
	xs_close(xs);
	waitpid(server, NULL, 0);
}

static void test_list(void)
{
	check_list(1, 0);
	check_list(100, 0);
	check_list(1000, 0);
}

static void test_growing(void)
{
	check_list(1000, 1000000);
}

struct values {
	unsigned int count, wrong;
};

/* They come in the order of their names. */
static void take_value(void *data, const char *child, const char *value)
{
	struct values *v = data;
	char name[32], text[16];

	snprintf(name, sizeof(name), "a-name-of-some-length-%05u", v->count);
	snprintf(text, sizeof(text), "v%u", v->count++);
	v->wrong += strcmp(child, name) || !value || strcmp(value, text);
}

/* Each once, however many answers it takes. */
static void test_values(void)
{
	static const unsigned int names[] = { 1, 105, 1000 };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct values v = { 0 };
		pid_t server;
		struct xs *xs = connect_to(names[i], 0, &server);

		CU_ASSERT_EQUAL(xs_values(xs, "/long", "key", take_value, &v), 0);
		CU_ASSERT_EQUAL(v.count, names[i]);
		CU_ASSERT_EQUAL(v.wrong, 0);
		v.count = 0;
		CU_ASSERT_EQUAL(xs_values(xs, "/long", "none", take_value, &v), 0);
		CU_ASSERT_EQUAL(xs_values(xs, "/none", "key", take_value, &v), -ENOENT);
		CU_ASSERT_EQUAL(v.count, 0);
		xs_close(xs);
		waitpid(server, NULL, 0);
	}
}

/* Whether there is a node /long. */
static bool is_there(struct xs *xs)
{
	char *value = xs_read(xs, 0, "/long");

	free(value);
	return value != NULL;
}

static void test_prune(void)
{
	pid_t server;
	struct xs *xs = connect_to(2, 0, &server);

	xs_prune(xs, "/long");
	CU_ASSERT_TRUE(is_there(xs));
	CU_ASSERT_EQUAL(xs_remove(xs, 0, "/long/a-name-of-some-length-00000"), 0);
	xs_prune(xs, "/long");
	CU_ASSERT_TRUE(is_there(xs));
	CU_ASSERT_EQUAL(xs_remove(xs, 0, "/long/a-name-of-some-length-00001"), 0);
	xs_prune(xs, "/long");
	xs_unsure(xs);
	CU_ASSERT_FALSE(is_there(xs));
	CU_ASSERT_FALSE(xs_unsure(xs));
	xs_prune(xs, "/long");
	CU_ASSERT_FALSE(xs_lost(xs));
	xs_close(xs);
	waitpid(server, NULL, 0);
}

/* ------------------------------------------------------------------------------------------------
 * A store that does not answer as it should
 */

static bool impatient;		/* nothing is waited for: what is not there does not come in time */
static bool no_memory;

int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	return __real_poll(fds, count, impatient ? 0 : timeout);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
	return no_memory ? NULL : __real_calloc(count, size);
}

/* Wherever the store is said to be, it is here. */
struct xs *__real_xs_open(const char *socket);
struct xs *__wrap_xs_open(const char *socket);
struct xs *__wrap_xs_open(const char *socket)
{
	(void)socket;
	return __real_xs_open(path);
}

/* Whether a daemon has left its journal. */
static bool journal_there;

int __wrap_access(const char *file, int mode);
int __wrap_access(const char *file, int mode)
{
	CU_ASSERT_STRING_EQUAL(file, "/run/hvstored/journal/journal");
	errno = ENOENT;
	return journal_there && mode == F_OK ? 0 : -1;
}

/* Pauses take no time and are counted: the clock goes on by them. */
static unsigned int pauses;
static uint64_t paused_ns;

int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	pauses++;
	paused_ns += (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
	return 0;
}

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	int error = __real_clock_gettime(clock, now);

	now->tv_sec += (time_t)(paused_ns / 1000000000);
	now->tv_nsec += (long)(paused_ns % 1000000000);
	return error;
}

/* A message as the store sends it. Returns its length. */
static size_t message(char *to, uint32_t type, uint32_t id, uint32_t length, const char *text)
{
	struct xsd_sockmsg head = { .type = type, .req_id = id, .len = length };

	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), text, strlen(text));
	return sizeof(head) + strlen(text);
}

/* Every call, on a connection that is lost. */
static void check_lost(struct xs *xs)
{
	struct pollfd end = { .fd = xs_fd(xs), .events = POLLIN };
	char event[16];
	uint32_t tx;

	CU_ASSERT_TRUE(xs_lost(xs));
	CU_ASSERT_EQUAL(poll(&end, 1, 0), 1);
	CU_ASSERT_EQUAL(xs_wait(xs, 0, event, sizeof(event)), -EPIPE);
	errno = 0;
	xs_unsure(xs);
	CU_ASSERT_PTR_NULL(xs_read(xs, 0, "/a"));
	CU_ASSERT_EQUAL(errno, EPIPE);
	CU_ASSERT_TRUE(xs_unsure(xs));
	CU_ASSERT_FALSE(xs_unsure(xs));
	errno = 0;
	CU_ASSERT_PTR_NULL(xs_list(xs, 0, "/a"));
	CU_ASSERT_EQUAL(errno, EPIPE);
	CU_ASSERT_TRUE(xs_unsure(xs));
	CU_ASSERT_EQUAL(xs_begin(xs, &tx), -EPIPE);
	CU_ASSERT_EQUAL(xs_commit(xs, 1), -EPIPE);
	CU_ASSERT_EQUAL(xs_write(xs, 0, "/a", "b"), -EPIPE);
	CU_ASSERT_EQUAL(xs_mkdir(xs, 0, "/a"), -EPIPE);
	CU_ASSERT_EQUAL(xs_remove(xs, 0, "/a"), -EPIPE);
	CU_ASSERT_EQUAL(xs_permit(xs, 0, "/a", "n0"), -EPIPE);
	CU_ASSERT_EQUAL(xs_introduce(xs, 1, 2, 3), -EPIPE);
	CU_ASSERT_EQUAL(xs_release(xs, 1), -EPIPE);
	CU_ASSERT_EQUAL(xs_watch(xs, "/a", "t"), -EPIPE);
	CU_ASSERT_EQUAL(xs_unwatch(xs, "/a", "t"), -EPIPE);
}

static void test_out_of_step(void)
{
	enum { HEAD = sizeof(struct xsd_sockmsg), ALL = HEAD + 5, END = 1000 };
	static const struct {
		size_t comes;		/* of the answer, in time; END and more: then the end */
		uint32_t length;	/* of its text, as it says */
		bool no_memory;
		int error;
		bool lost;
	} cases[] = {
		{ 0, 5, false, ETIMEDOUT, false },
		{ 1, 5, false, ETIMEDOUT, true },
		{ HEAD - 1, 5, false, ETIMEDOUT, true },
		{ HEAD, 5, false, ETIMEDOUT, true },
		{ ALL - 1, 5, false, ETIMEDOUT, true },
		{ ALL, XENSTORE_PAYLOAD_MAX + 1, false, EPROTO, true },
		{ ALL, 5, true, ENOMEM, true },
		{ END, 5, false, EPIPE, true },
		{ END + 1, 5, false, EPIPE, true },
		{ END + HEAD + 1, 5, false, EPIPE, true },
	};
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, path);
	CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(listener, 1), 0);
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hvctl_ctx *ctx = hvctl_open();
		struct xs *xs = hvctl_xs(ctx);
		int server = accept(listener, NULL, NULL);
		size_t comes = cases[i].comes % END, length;
		char data[256], event[16], *value;

		CU_ASSERT_PTR_NOT_NULL_FATAL(xs);
		/* Of this connection it is: no other one is made for it. */
		xs_keep(xs, 0, NULL, NULL);
		impatient = true;
		no_memory = cases[i].no_memory;
		/* An event, and a part of the answer to the first question. */
		length = message(data, XS_WATCH_EVENT, 0, 2, "/w");
		if (!no_memory)
			send(server, data, length, MSG_NOSIGNAL);
		length = message(data, XS_READ, 1, cases[i].length, "first");
		send(server, data, comes, MSG_NOSIGNAL);
		if (cases[i].comes >= END)
			shutdown(server, SHUT_RDWR);
		errno = 0;
		CU_ASSERT_PTR_NULL(xs_read(xs, 0, "/a"));
		CU_ASSERT_EQUAL(errno, cases[i].error);
		no_memory = false;

		/* The rest of it, and the answer to the second. */
		length += message(data + length, XS_READ, 2, 6, "second");
		send(server, data + comes, length - comes, MSG_NOSIGNAL);
		if (cases[i].lost) {
			check_lost(xs);
		} else {
			value = xs_read(xs, 0, "/a");
			CU_ASSERT_FALSE(xs_lost(xs));
			CU_ASSERT(value && strcmp(value, "second") == 0);
			free(value);
			CU_ASSERT_EQUAL(xs_wait(xs, 0, event, sizeof(event)), 1);
			CU_ASSERT_STRING_EQUAL(event, "/w");
		}
		impatient = false;
		close(server);

		/* Who asks for the connection gets one that works. */
		xs = hvctl_xs(ctx);
		CU_ASSERT(xs && !xs_lost(xs));
		if (cases[i].lost) {
			server = accept(listener, NULL, NULL);
			length = message(data, XS_READ, 1, 3, "new");
			send(server, data, length, MSG_NOSIGNAL);
			value = xs_read(xs, 0, "/a");
			CU_ASSERT(value && strcmp(value, "new") == 0);
			free(value);
			close(server);
		}
		hvctl_close(ctx);
	}
	close(listener);
	unlink(path);
}

/* ------------------------------------------------------------------------------------------------
 * A store daemon that ends, and the next one
 */

#define ASKED_MAX	32

/* What the daemons were asked, one after the other. */
static struct asked {
	unsigned int count, daemon[ASKED_MAX];
	struct xsd_sockmsg head[ASKED_MAX];
	char text[ASKED_MAX][64];
} *asked;

/*
 * Each daemon takes so many requests, of which it does not answer the last. /full is watched by the
 * first one only.
 */
static void daemons(int listener, const unsigned int *takes, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		int fd = accept(listener, NULL, NULL);

		for (unsigned int n = 0; n < takes[i]; n++) {
			unsigned int at = asked->count;
			struct xsd_sockmsg *head = &asked->head[at];
			const char *text = "OK";
			bool error;
			char data[256];
			size_t length;

			if (recv(fd, head, sizeof(*head), MSG_WAITALL) != sizeof(*head) ||
			    recv(fd, asked->text[at], head->len, MSG_WAITALL) != (ssize_t)head->len)
				break;
			asked->daemon[at] = i;
			asked->count++;
			if (n == takes[i] - 1)
				break;
			if (head->type == XS_TRANSACTION_START)
				text = "1";
			if (head->type == XS_RELEASE)
				text = "ENOENT";
			if (i && !strcmp(asked->text[at], "/full"))
				text = "ENOSPC";
			error = *text == 'E';
			length = message(data, error ? XS_ERROR : head->type, head->req_id,
					 strlen(text) + 1, text);
			data[length++] = '\0';
			send(fd, data, length, MSG_NOSIGNAL);
		}
		close(fd);
	}
	_exit(0);
}

static bool was_asked(unsigned int at, unsigned int daemon, uint32_t type, uint32_t tx,
		      const char *text)
{
	return at < asked->count && asked->daemon[at] == daemon && asked->head[at].type == type &&
	       asked->head[at].tx_id == tx && !strcmp(asked->text[at], text);
}

static int listen_here(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(listener, 8), 0);
	return listener;
}

/* @data counts, a warning or a wait. */
static void count_wait(void *data)
{
	++*(unsigned int *)data;
}

static void count_warning(void *data, const char *line)
{
	CU_ASSERT_PTR_NOT_NULL(strstr(line, "the store daemon does not answer"));
	++*(unsigned int *)data;
}

/* Connected to the first of the daemons; whoever comes after the last finds nobody. */
static struct xs *begin_daemons(const unsigned int *takes, unsigned int count, pid_t *server)
{
	int listener = listen_here();
	struct xs *xs;

	asked = mmap(NULL, sizeof(*asked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	CU_ASSERT_FATAL(asked != MAP_FAILED);
	fflush(stdout);
	*server = fork();
	if (!*server)
		daemons(listener, takes, count);
	close(listener);
	xs = xs_open(path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(xs);
	return xs;
}

static void end_daemons(struct xs *xs, pid_t server)
{
	xs_close(xs);
	unlink(path);
	waitpid(server, NULL, 0);
	munmap(asked, sizeof(*asked));
}

static void test_kept(void)
{
	static const unsigned int takes[] = { 3, 4, 4, 3, 3 };
	unsigned int waits = 0;
	uint32_t tx, other;
	char *value;
	pid_t server;
	struct xs *xs = begin_daemons(takes, 5, &server);

	xs_keep(xs, 1000, count_wait, &waits);

	/* A write is repeated, by one who watches again. */
	CU_ASSERT_EQUAL(xs_watch(xs, "/w", "token"), 0);
	CU_ASSERT_EQUAL(xs_write(xs, 0, "/a", "1"), 0);
	CU_ASSERT_EQUAL(xs_write(xs, 0, "/b", "2"), 0);
	CU_ASSERT_TRUE(was_asked(2, 0, XS_WRITE, 0, "/b"));
	CU_ASSERT_TRUE(was_asked(3, 1, XS_WATCH, 0, "/w"));
	CU_ASSERT_TRUE(was_asked(4, 1, XS_WRITE, 0, "/b"));

	/* A transaction ends with its daemon, says so at its end, and is not taken for another. */
	CU_ASSERT_EQUAL(xs_begin(xs, &tx), 0);
	CU_ASSERT_EQUAL(xs_write(xs, tx, "/c", "3"), 0);
	CU_ASSERT_TRUE(was_asked(6, 1, XS_WRITE, 1, "/c"));
	CU_ASSERT_TRUE(was_asked(7, 2, XS_WATCH, 0, "/w"));
	CU_ASSERT_EQUAL(asked->count, 8);
	value = xs_read(xs, tx, "/c");
	CU_ASSERT_PTR_NOT_NULL(value);
	free(value);
	CU_ASSERT_TRUE(was_asked(8, 2, XS_READ, 0, "/c"));
	CU_ASSERT_EQUAL(xs_begin(xs, &other), 0);
	CU_ASSERT_NOT_EQUAL(tx, other);
	CU_ASSERT_EQUAL(xs_commit(xs, tx), -EAGAIN);
	CU_ASSERT_EQUAL(asked->count, 10);
	/* One whose end was under way: nobody knows. */
	CU_ASSERT_EQUAL(xs_commit(xs, other), -ECONNRESET);
	CU_ASSERT_TRUE(was_asked(10, 2, XS_TRANSACTION_END, 1, "T"));
	CU_ASSERT_TRUE(was_asked(11, 3, XS_WATCH, 0, "/w"));

	/* What is released is, by whichever of them. */
	CU_ASSERT_EQUAL(xs_unwatch(xs, "/w", "token"), 0);
	CU_ASSERT_EQUAL(xs_release(xs, 5), 0);
	CU_ASSERT_EQUAL(xs_release(xs, 5), -ENOENT);
	/* And when no daemon comes, the connection is lost: nobody waits for one again. */
	CU_ASSERT_EQUAL(waits, 0);
	unlink(path);
	pauses = 0;
	CU_ASSERT_EQUAL(xs_write(xs, 0, "/d", "4"), -EPIPE);
	CU_ASSERT_EQUAL(waits, 1);
	CU_ASSERT_TRUE(pauses > 0);
	pauses = 0;
	check_lost(xs);
	CU_ASSERT_EQUAL(pauses, 0);
	CU_ASSERT_EQUAL(waits, 1);
	end_daemons(xs, server);
}

/* What somebody may have answered is not written a second time. */
static void test_once(void)
{
	static const unsigned int takes[] = { 1, 2 };
	pid_t server;
	struct xs *xs = begin_daemons(takes, 2, &server);

	xs_keep(xs, 1000, NULL, NULL);
	CU_ASSERT_EQUAL(xs_write(xs, XS_ONCE, "/a", "1"), -ECONNRESET);
	CU_ASSERT_EQUAL(asked->count, 1);
	CU_ASSERT_TRUE(was_asked(0, 0, XS_WRITE, 0, "/a"));
	CU_ASSERT_EQUAL(xs_write(xs, XS_ONCE, "/a", "1"), 0);
	CU_ASSERT_TRUE(was_asked(1, 1, XS_WRITE, 0, "/a"));
	kill(server, SIGKILL);
	end_daemons(xs, server);
}

/* Others say to what they do not know that it is so, or that they do not. */
static void test_values_of_others(void)
{
	static const unsigned int takes[] = { 1, 4 };
	struct values v = { 0 };
	pid_t server;
	struct xs *xs = begin_daemons(takes, 2, &server);

	/* It can be asked again when the daemon ended. */
	xs_keep(xs, 1000, NULL, NULL);
	CU_ASSERT_EQUAL(xs_values(xs, "/a", "b", take_value, &v), -EOPNOTSUPP);
	CU_ASSERT_TRUE(was_asked(0, 0, XS_CONTROL, 0, "values"));
	CU_ASSERT_TRUE(was_asked(1, 1, XS_CONTROL, 0, "values"));
	CU_ASSERT_EQUAL(asked->count, 2);
	CU_ASSERT_EQUAL(v.count, 0);
	kill(server, SIGKILL);
	end_daemons(xs, server);
}

/* A daemon that will not have the watch is not asked for it until it does. */
static void test_refused_watch(void)
{
	static const unsigned int takes[] = { 2, 3, 3 };
	pid_t server;
	struct xs *xs = begin_daemons(takes, 3, &server);

	xs_keep(xs, 1000, NULL, NULL);
	pauses = 0;
	CU_ASSERT_EQUAL(xs_watch(xs, "/full", "token"), 0);
	CU_ASSERT_EQUAL(xs_write(xs, 0, "/a", "1"), -EPIPE);
	CU_ASSERT_TRUE(was_asked(2, 1, XS_WATCH, 0, "/full"));
	CU_ASSERT_EQUAL(asked->count, 3);
	CU_ASSERT_EQUAL(pauses, 0);
	check_lost(xs);
	kill(server, SIGKILL);
	end_daemons(xs, server);
}

/* Who waits for an event so long waits no longer for a daemon, which may come the next time. */
static void test_wait_without_daemon(void)
{
	int listener = listen_here(), server;
	struct xs *xs = xs_open(path);
	char data[64], event[16];
	unsigned int waits = 0;
	size_t length;

	CU_ASSERT_PTR_NOT_NULL_FATAL(xs);
	xs_keep(xs, 1000, count_wait, &waits);
	server = accept(listener, NULL, NULL);
	close(server);
	close(listener);
	unlink(path);
	pauses = 0;
	CU_ASSERT_EQUAL(xs_wait(xs, 100, event, sizeof(event)), 0);
	CU_ASSERT_TRUE(pauses > 0 && pauses <= 5);
	CU_ASSERT_FALSE(xs_lost(xs));
	listener = listen_here();
	CU_ASSERT_EQUAL(xs_wait(xs, 0, event, sizeof(event)), 0);
	CU_ASSERT_EQUAL(waits, 1);
	server = accept(listener, NULL, NULL);
	length = message(data, XS_WATCH_EVENT, 0, 2, "/w");
	send(server, data, length, MSG_NOSIGNAL);
	CU_ASSERT_EQUAL(xs_wait(xs, 0, event, sizeof(event)), 1);
	CU_ASSERT_STRING_EQUAL(event, "/w");

	/* The next time has 1000 ms again, for all calls together. */
	close(server);
	close(listener);
	unlink(path);
	pauses = 0;
	CU_ASSERT_EQUAL(xs_wait(xs, 700, event, sizeof(event)), 0);
	CU_ASSERT_EQUAL(xs_wait(xs, 700, event, sizeof(event)), -EPIPE);
	CU_ASSERT_TRUE(pauses > 35 && pauses <= 50);
	CU_ASSERT_EQUAL(waits, 2);
	check_lost(xs);
	xs_close(xs);
}

/* Of a daemon that was told to end there is no socket; what it left says that another comes. */
static void test_context_waits_for_journal(void)
{
	struct hvctl_ctx *ctx = hvctl_open();
	unsigned int warnings = 0;

	hvctl_set_warning(ctx, count_warning, &warnings);
	pauses = 0;
	CU_ASSERT_PTR_NULL(hvctl_xs(ctx));
	CU_ASSERT_EQUAL(pauses, 0);
	CU_ASSERT_EQUAL(warnings, 0);
	journal_there = true;
	CU_ASSERT_PTR_NULL(hvctl_xs(ctx));
	CU_ASSERT_TRUE(pauses > 0);
	CU_ASSERT_EQUAL(warnings, 1);
	journal_there = false;
	hvctl_close(ctx);
}

/* A context waits once, and says so; then again when there has been a daemon. */
static void test_context_waits_once(void)
{
	struct hvctl_ctx *ctx = hvctl_open();
	unsigned int warnings = 0;
	int listener = listen_here(), server;
	struct xs *xs;

	hvctl_set_warning(ctx, count_warning, &warnings);
	/* The socket stays, as that of a daemon that was killed. */
	close(listener);
	pauses = 0;
	CU_ASSERT_PTR_NULL(hvctl_xs(ctx));
	CU_ASSERT_TRUE(pauses > 0);
	CU_ASSERT_EQUAL(warnings, 1);
	pauses = 0;
	CU_ASSERT_PTR_NULL(hvctl_xs(ctx));
	CU_ASSERT_EQUAL(pauses, 0);

	unlink(path);
	listener = listen_here();
	xs = hvctl_xs(ctx);
	CU_ASSERT_PTR_NOT_NULL_FATAL(xs);
	server = accept(listener, NULL, NULL);
	close(server);
	close(listener);
	CU_ASSERT_PTR_NULL(xs_read(xs, 0, "/a"));
	CU_ASSERT_TRUE(pauses > 0);
	CU_ASSERT_EQUAL(warnings, 2);
	pauses = 0;
	CU_ASSERT_PTR_NULL(hvctl_xs(ctx));
	CU_ASSERT_PTR_NULL(hvctl_xs(ctx));
	CU_ASSERT_EQUAL(pauses, 0);
	CU_ASSERT_EQUAL(warnings, 2);
	hvctl_close(ctx);
	unlink(path);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "lists of any length", test_list },
		{ "lists that grow", test_growing },
		{ "values of many", test_values },
		{ "values of many, by other daemons", test_values_of_others },
		{ "nodes without children", test_prune },
		{ "messages that end within", test_out_of_step },
		{ "a daemon that ends, and the next one", test_kept },
		{ "what is written once", test_once },
		{ "a daemon that refuses a watch", test_refused_watch },
		{ "waiting for events without a daemon", test_wait_without_daemon },
		{ "a context waits for a daemon once", test_context_waits_once },
		{ "a context waits where a journal is", test_context_waits_for_journal },
		CU_TEST_INFO_NULL
	};
	int result;

	if (!mkdtemp(directory))
		return 1;
	snprintf(path, sizeof(path), "%s/socket", directory);
	result = run_suite("xs", tests);
	rmdir(directory);
	return result;
}
