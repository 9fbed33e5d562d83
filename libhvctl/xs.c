// SPDX-License-Identifier: LGPL-2.1-or-later
#include "xs.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "pv-abi/io/xs_wire.h"

/* The daemon may be busy with another client; one that takes longer than this is taken for dead. */
#define REPLY_TIMEOUT_MS	30000

/* How often the next daemon is looked for. */
#define RECONNECT_MS		20

struct event {
	struct event *next;
	char path[];
};

/* A watch that is set again, see xs_keep(). */
struct kept_watch {
	struct kept_watch *next;
	char *token;			/* behind the path */
	char path[];
};

/* A transaction that the daemon knows: by its number and by ours, which no two have. */
struct open_transaction {
	struct open_transaction *next;
	uint32_t ours, theirs;
};

struct xs {
	int fd;
	struct sockaddr_un addr;
	unsigned int keep;		/* ms; 0: the connection ends with the daemon */
	xs_waits_fn waits;		/* to be told that the next daemon is waited for, or NULL */
	void *waits_data;
	bool ended;			/* lost because the daemon ended; another may come */
	uint64_t until;			/* when that is given up; 0: nobody has looked yet */
	struct kept_watch *watches;
	struct open_transaction *transactions;
	uint32_t last_tx;
	bool unsure;			/* something was not read that may be there */
	bool lost;			/* nobody knows any more where in it a message begins */
	uint32_t last_id;
	struct event *first, **last;	/* events not delivered yet */
};

struct xs *xs_open(const char *socket_path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct xs *xs;
	int fd;

	if (strlen(socket_path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	strcpy(addr.sun_path, socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	xs = calloc(1, sizeof(*xs));
	if (!xs || connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		int error = xs ? errno : ENOMEM;

		free(xs);
		close(fd);
		errno = error;
		return NULL;
	}
	xs->fd = fd;
	xs->addr = addr;
	xs->last = &xs->first;
	return xs;
}

void xs_keep(struct xs *xs, unsigned int ms, xs_waits_fn waits, void *data)
{
	xs->keep = ms;
	xs->waits = waits;
	xs->waits_data = data;
}

static void forget_transactions(struct xs *xs)
{
	while (xs->transactions) {
		struct open_transaction *t = xs->transactions;

		xs->transactions = t->next;
		free(t);
	}
}

void xs_close(struct xs *xs)
{
	if (!xs)
		return;
	while (xs->first) {
		struct event *e = xs->first;

		xs->first = e->next;
		free(e);
	}
	while (xs->watches) {
		struct kept_watch *w = xs->watches;

		xs->watches = w->next;
		free(w);
	}
	forget_transactions(xs);
	close(xs->fd);
	free(xs);
}

bool xs_lost(const struct xs *xs)
{
	return xs->lost && !(xs->ended && xs->keep);
}

bool xs_unsure(struct xs *xs)
{
	bool unsure = xs->unsure;

	xs->unsure = false;
	return unsure;
}

int xs_fd(const struct xs *xs)
{
	return xs->fd;
}

/* Whoever polls the socket finds it readable from now on, and learns of it by xs_wait(). */
static int lose(struct xs *xs, int error)
{
	xs->lost = true;
	shutdown(xs->fd, SHUT_RDWR);
	return error;
}

/* The same because there is nobody at the other end any more. */
static int lose_daemon(struct xs *xs)
{
	xs->ended = true;
	return lose(xs, -EPIPE);
}

static int send_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* *@got is how much of it has come, also when there is an error. */
static int receive_all(int fd, void *data, size_t len, size_t *got)
{
	char *p = data;

	*got = 0;
	while (*got < len) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		ssize_t n;
		int ready = poll(&pfd, 1, REPLY_TIMEOUT_MS);

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return ready ? -EPIPE : -ETIMEDOUT;
		n = recv(fd, p + *got, len - *got, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE;
		*got += (size_t)n;
	}
	return 0;
}

/*
 * One message; the payload gets two zeros behind it, so that texts and lists end. The connection
 * survives -ETIMEDOUT between two messages only: a rest that comes later would be taken for the
 * beginning of the next one.
 */
static int receive(struct xs *xs, struct xsd_sockmsg *head, char **payload)
{
	size_t got;
	int error = receive_all(xs->fd, head, sizeof(*head), &got);

	*payload = NULL;
	if (error == -EPIPE)
		return lose_daemon(xs);
	if (error)
		return error == -ETIMEDOUT && !got ? error : lose(xs, error);
	if (head->len > XENSTORE_PAYLOAD_MAX)
		return lose(xs, -EPROTO);
	*payload = calloc(1, head->len + 2);
	if (!*payload)
		return lose(xs, -ENOMEM);
	error = receive_all(xs->fd, *payload, head->len, &got);
	if (error) {
		free(*payload);
		*payload = NULL;
		return error == -EPIPE ? lose_daemon(xs) : lose(xs, error);
	}
	return 0;
}

static int queue_event(struct xs *xs, const char *path)
{
	struct event *e = malloc(sizeof(*e) + strlen(path) + 1);

	if (!e)
		return -ENOMEM;
	e->next = NULL;
	strcpy(e->path, path);
	*xs->last = e;
	xs->last = &e->next;
	return 0;
}

static int error_number(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
		if (!strcmp(name, xsd_errors[i].errstring))
			return -xsd_errors[i].errnum;
	return -EIO;
}

/*
 * Send a request and wait for its reply; *reply (if wanted) is to be freed, its length in
 * *reply_len.
 */
static int request_once(struct xs *xs, uint32_t type, uint32_t tx, const void *data, size_t len,
			char **reply, size_t *reply_len)
{
	struct xsd_sockmsg head = {
		.type = type, .req_id = ++xs->last_id, .tx_id = tx, .len = (uint32_t)len
	};
	uint32_t id = xs->last_id;
	char *payload;
	int error;

	if (xs->lost)
		return -EPIPE;
	if (len > XENSTORE_PAYLOAD_MAX)
		return -E2BIG;
	error = send_all(xs->fd, &head, sizeof(head));
	if (!error)
		error = send_all(xs->fd, data, len);
	if (error)
		return lose_daemon(xs);
	while (!error) {
		error = receive(xs, &head, &payload);
		if (error)
			break;
		if (head.type == XS_WATCH_EVENT) {
			error = queue_event(xs, payload);
			free(payload);
			continue;
		}
		if (head.req_id != id) {	/* of a request that was given up */
			free(payload);
			continue;
		}
		if (head.type == XS_ERROR)
			error = error_number(payload);
		else if (head.type != type)
			error = -EPROTO;
		if (!error && reply) {
			*reply = payload;
			if (reply_len)
				*reply_len = head.len;
		} else {
			free(payload);
		}
		return error;
	}
	return error;
}

static int send_watch(struct xs *xs, uint32_t type, const char *path, const char *token)
{
	char data[512];
	int n = snprintf(data, sizeof(data), "%s%c%s", path, 0, token);

	if (n < 0 || (size_t)n >= sizeof(data))
		return -E2BIG;
	return request_once(xs, type, 0, data, (size_t)n + 1, NULL, NULL);
}

/* No daemon came: nobody waits for one again. */
static int give_up(struct xs *xs)
{
	xs->ended = false;
	return lose(xs, -EPIPE);
}

/*
 * Look for the next daemon once. Returns 0, -EAGAIN: there is none yet, or it has ended again, or
 * another error: there is one, which does not do as we want.
 */
static int look_for_daemon(struct xs *xs)
{
	int error = 0, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	close(xs->fd);
	xs->fd = fd;
	if (connect(fd, (struct sockaddr *)&xs->addr, sizeof(xs->addr)))
		return -EAGAIN;
	xs->lost = xs->ended = false;
	for (struct kept_watch *w = xs->watches; w && !error; w = w->next)
		error = send_watch(xs, XS_WATCH, w->path, w->token);
	if (error == -EPIPE && xs->ended)
		return -EAGAIN;
	return error;
}

/*
 * The next daemon, if one comes in time. Returns 0, -EPIPE: the connection stays lost, or -EAGAIN:
 * there is none yet, and it is @latest (of monotonic_ms()), which is earlier than that.
 */
static int reconnect(struct xs *xs, uint64_t latest)
{
	const struct timespec pause = { .tv_nsec = RECONNECT_MS * 1000000L };
	bool first = !xs->until;

	if (first)
		xs->until = monotonic_ms() + xs->keep;
	forget_transactions(xs);
	for (;;) {
		int error = look_for_daemon(xs);
		uint64_t now;

		if (!error)
			xs->until = 0;
		if (!error)
			return 0;
		if (error != -EAGAIN)
			return give_up(xs);
		xs->lost = xs->ended = true;
		if (first && xs->waits)
			xs->waits(xs->waits_data);
		first = false;
		now = monotonic_ms();
		if (now >= xs->until)
			return give_up(xs);
		if (now >= latest)
			return -EAGAIN;
		nanosleep(&pause, NULL);
	}
}

static struct open_transaction *find_transaction(const struct xs *xs, uint32_t tx)
{
	struct open_transaction *t = xs->transactions;

	while (t && t->ours != tx)
		t = t->next;
	return t;
}

/*
 * Whether a request can be sent once more although it may have been carried out: it reads, or says
 * how something shall be.
 */
static bool repeatable(uint32_t type)
{
	switch (type) {
	case XS_READ:
	case XS_DIRECTORY:
	case XS_DIRECTORY_PART:
	case XS_GET_PERMS:
	case XS_WRITE:
	case XS_MKDIR:
	case XS_RM:
	case XS_SET_PERMS:
	case XS_WATCH:
	case XS_UNWATCH:
	case XS_TRANSACTION_START:
	case XS_INTRODUCE:
	case XS_RELEASE:
	case XS_RESUME:
	case XS_CONTROL:		/* xs_values() alone */
		return true;
	default:
		return false;
	}
}

/* What is said of a request in a transaction that has gone with its daemon: 1 to read outside. */
static int without_transaction(uint32_t type)
{
	switch (type) {
	case XS_READ:
	case XS_DIRECTORY:
	case XS_GET_PERMS:
		return 1;
	case XS_DIRECTORY_PART:		/* of one list, of which there is no part left */
	case XS_TRANSACTION_END:
		return -EAGAIN;
	default:
		return 0;
	}
}

/* The same, with another daemon if there has to be one. */
static int request(struct xs *xs, uint32_t type, uint32_t tx, const void *data, size_t len,
		   char **reply, size_t *reply_len)
{
	bool again = false, once = tx == XS_ONCE;

	if (once)
		tx = 0;
	for (;;) {
		const struct open_transaction *t = NULL;
		uint32_t theirs = tx;
		int error = -EPIPE;

		if (xs_lost(xs))
			return error;
		if (tx && xs->keep) {
			t = find_transaction(xs, tx);
			error = t ? 1 : without_transaction(type);
			if (error <= 0)
				return error;
			theirs = t ? t->theirs : 0;
		}
		error = request_once(xs, type, theirs, data, len, reply, reply_len);
		/* It was done the first time, as far as it could be. */
		if (again && error == -ENOENT && (type == XS_RELEASE || type == XS_UNWATCH))
			error = 0;
		if (error != -EPIPE || !xs->ended || !xs->keep)
			return error;
		if (reconnect(xs, UINT64_MAX))
			return -EPIPE;
		if (type == XS_TRANSACTION_END || (!tx && (once || !repeatable(type))))
			return -ECONNRESET;
		again = true;
	}
}

int xs_begin(struct xs *xs, uint32_t *tx)
{
	struct open_transaction *t = xs->keep ? malloc(sizeof(*t)) : NULL;
	char *reply;
	int error = xs->keep && !t ? -ENOMEM :
		    request(xs, XS_TRANSACTION_START, 0, "", 1, &reply, NULL);

	if (error) {
		free(t);
		return error;
	}
	*tx = (uint32_t)strtoul(reply, NULL, 10);
	free(reply);
	if (!*tx) {
		free(t);
		return -EPROTO;
	}
	if (t) {
		*t = (struct open_transaction){ xs->transactions, ++xs->last_tx, *tx };
		xs->transactions = t;
		*tx = t->ours;
	}
	return 0;
}

static void end_transaction(struct xs *xs, uint32_t tx)
{
	struct open_transaction **slot = &xs->transactions;

	while (*slot && (*slot)->ours != tx)
		slot = &(*slot)->next;
	if (*slot) {
		struct open_transaction *t = *slot;

		*slot = t->next;
		free(t);
	}
}

int xs_commit(struct xs *xs, uint32_t tx)
{
	int error = request(xs, XS_TRANSACTION_END, tx, "T", 2, NULL, NULL);

	end_transaction(xs, tx);
	return error;
}

void xs_abort(struct xs *xs, uint32_t tx)
{
	request(xs, XS_TRANSACTION_END, tx, "F", 2, NULL, NULL);
	end_transaction(xs, tx);
}

char *xs_read(struct xs *xs, uint32_t tx, const char *path)
{
	char *reply;
	int error = request(xs, XS_READ, tx, path, strlen(path) + 1, &reply, NULL);

	if (error) {
		xs->unsure |= error != -ENOENT;
		errno = -error;
		return NULL;
	}
	return reply;
}

char *xs_readf(struct xs *xs, uint32_t tx, const char *format, ...)
{
	char path[256];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	return xs_read(xs, tx, path);
}

int xs_write(struct xs *xs, uint32_t tx, const char *path, const char *format, ...)
{
	char data[XENSTORE_PAYLOAD_MAX + 1];
	size_t head = strlen(path) + 1;
	va_list args;
	int n;

	if (head > sizeof(data))
		return -E2BIG;
	memcpy(data, path, head);
	va_start(args, format);
	n = vsnprintf(data + head, sizeof(data) - head, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(data) - head)
		return -E2BIG;
	return request(xs, XS_WRITE, tx, data, head + (size_t)n, NULL, NULL);
}

int xs_mkdir(struct xs *xs, uint32_t tx, const char *path)
{
	return request(xs, XS_MKDIR, tx, path, strlen(path) + 1, NULL, NULL);
}

int xs_remove(struct xs *xs, uint32_t tx, const char *path)
{
	return request(xs, XS_RM, tx, path, strlen(path) + 1, NULL, NULL);
}

/* The names below @path, each with its terminator, in parts; @tx is a transaction. */
static int list_parts(struct xs *xs, uint32_t tx, const char *path, char **names, size_t *len)
{
	char data[XENSTORE_ABS_PATH_MAX + 32], *all = NULL, *grown, *reply;
	size_t have = 0, head, more, part;
	bool end = false;
	int n, error = 0;

	while (!end && !error) {
		n = snprintf(data, sizeof(data), "%s%c%zu", path, 0, have);
		if (n < 0 || (size_t)n >= sizeof(data)) {
			error = -E2BIG;
			break;
		}
		error = request(xs, XS_DIRECTORY_PART, tx, data, (size_t)n + 1, &reply, &part);
		if (error)
			break;
		head = strlen(reply) + 1;
		/* An empty name ends the list. */
		end = part > head && !reply[part - 1] && !reply[part - 2];
		more = part > head ? part - head - end : 0;
		if (!more && !end)
			error = -EPROTO;
		grown = error ? NULL : realloc(all, have + more + 1);
		if (grown) {
			all = grown;
			memcpy(all + have, reply + head, more);
			have += more;
			all[have] = 0;
		} else if (!error) {
			error = -ENOMEM;
		}
		free(reply);
	}
	if (error) {
		free(all);
		return error;
	}
	*names = all;
	*len = have;
	return 0;
}

char **xs_list(struct xs *xs, uint32_t tx, const char *path)
{
	size_t len, i, count = 0;
	char *reply, **list, *names;
	int error = request(xs, XS_DIRECTORY, tx, path, strlen(path) + 1, &reply, &len);

	if (error == -E2BIG) {
		uint32_t own = 0;

		/* In a transaction the list holds still, whatever a guest does to it meanwhile. */
		do {
			error = tx ? 0 : xs_begin(xs, &own);
			if (!error)
				error = list_parts(xs, tx ? tx : own, path, &reply, &len);
			if (own)
				xs_abort(xs, own);
			own = 0;
		} while (error == -EAGAIN && !tx && xs->keep);
	}
	if (error) {
		xs->unsure |= error != -ENOENT;
		errno = -error;
		return NULL;
	}
	/* Pointers first, then the names, in one block. */
	for (i = 0; i < len; i++)
		count += !reply[i];
	if (len && reply[len - 1])
		count++;
	list = malloc((count + 1) * sizeof(*list) + len + 1);
	if (!list) {
		free(reply);
		errno = ENOMEM;
		return NULL;
	}
	names = (char *)(list + count + 1);
	memcpy(names, reply, len + 1);
	free(reply);
	for (i = 0; i < count; i++) {
		list[i] = names;
		names += strlen(names) + 1;
	}
	list[count] = NULL;
	return list;
}

/*
 * The lines of one answer to xs_values(). Returns 1: there may be more behind *@last, which points
 * into it, 0: these were all, -EOPNOTSUPP: this is no such answer. Other daemons say "OK" to
 * what they do not know.
 */
static int take_values(char *line, xs_value_fn fn, void *data, const char **last)
{
	*last = NULL;
	while (*line) {
		char *end = strchr(line, '\n'), *value;

		if (!end)
			return -EOPNOTSUPP;
		*end = 0;
		if (end == line)
			return 0;
		value = strchr(line, '=');
		if (value)
			*value++ = 0;
		fn(data, line, value);
		*last = line;
		line = end + 1;
	}
	return *last ? 1 : -EOPNOTSUPP;
}

int xs_values(struct xs *xs, const char *path, const char *key, xs_value_fn fn, void *data)
{
	char ask[512], after[256] = "", *reply;
	const char *last;
	int n, more = 1;

	while (more == 1) {
		n = snprintf(ask, sizeof(ask), "values%c%s%c%s%c%s", 0, path, 0, key, 0, after);
		if (n < 0 || (size_t)n >= sizeof(ask))
			return -E2BIG;
		more = request(xs, XS_CONTROL, 0, ask, (size_t)n + 1, &reply, NULL);
		if (more)
			return more == -EINVAL || more == -ENOSYS ? -EOPNOTSUPP : more;
		more = take_values(reply, fn, data, &last);
		if (more == 1)
			snprintf(after, sizeof(after), "%s", last);
		free(reply);
	}
	return more;
}

/* The transaction notices if somebody is just filling it. */
void xs_prune(struct xs *xs, const char *path)
{
	uint32_t tx;
	char **list;

	if (xs_begin(xs, &tx))
		return;
	list = xs_list(xs, tx, path);
	if (list && !list[0] && !xs_remove(xs, tx, path))
		xs_commit(xs, tx);
	else
		xs_abort(xs, tx);
	free(list);
}

int xs_permit(struct xs *xs, uint32_t tx, const char *path, const char *perms)
{
	char data[512];
	size_t i, len;
	int n = snprintf(data, sizeof(data), "%s %s", path, perms);

	if (n < 0 || (size_t)n >= sizeof(data))
		return -E2BIG;
	len = (size_t)n + 1;
	for (i = strlen(path); i < len; i++)
		if (data[i] == ' ')
			data[i] = 0;
	return request(xs, XS_SET_PERMS, tx, data, len, NULL, NULL);
}

int xs_introduce(struct xs *xs, uint32_t domid, uint64_t mfn, uint32_t port)
{
	char data[64];
	int n = snprintf(data, sizeof(data), "%u%c%llu%c%u", domid, 0, (unsigned long long)mfn, 0,
			 port);

	return request(xs, XS_INTRODUCE, 0, data, (size_t)n + 1, NULL, NULL);
}

static int about_domain(struct xs *xs, uint32_t type, uint32_t domid)
{
	char data[16];
	int n = snprintf(data, sizeof(data), "%u", domid);

	return request(xs, type, 0, data, (size_t)n + 1, NULL, NULL);
}

int xs_release(struct xs *xs, uint32_t domid)
{
	return about_domain(xs, XS_RELEASE, domid);
}

int xs_resume(struct xs *xs, uint32_t domid)
{
	return about_domain(xs, XS_RESUME, domid);
}

static int watch(struct xs *xs, uint32_t type, const char *path, const char *token)
{
	char data[512];
	int n = snprintf(data, sizeof(data), "%s%c%s", path, 0, token);

	if (n < 0 || (size_t)n >= sizeof(data))
		return -E2BIG;
	return request(xs, type, 0, data, (size_t)n + 1, NULL, NULL);
}

int xs_watch(struct xs *xs, const char *path, const char *token)
{
	size_t length = strlen(path) + 1;
	struct kept_watch *w = malloc(sizeof(*w) + length + strlen(token) + 1);
	int error = w ? watch(xs, XS_WATCH, path, token) : -ENOMEM;

	if (error) {
		free(w);
		return error;
	}
	strcpy(w->path, path);
	w->token = strcpy(w->path + length, token);
	w->next = xs->watches;
	xs->watches = w;
	return 0;
}

int xs_unwatch(struct xs *xs, const char *path, const char *token)
{
	struct kept_watch **slot = &xs->watches;

	while (*slot && (strcmp((*slot)->path, path) || strcmp((*slot)->token, token)))
		slot = &(*slot)->next;
	if (*slot) {
		struct kept_watch *w = *slot;

		*slot = w->next;
		free(w);
	}
	return watch(xs, XS_UNWATCH, path, token);
}

int xs_wait(struct xs *xs, int timeout_ms, char *path, size_t size)
{
	long long end = (long long)monotonic_ms() + timeout_ms;
	uint64_t latest = timeout_ms < 0 ? UINT64_MAX : (uint64_t)end;

	for (;;) {
		struct pollfd pfd = { .fd = xs->fd, .events = POLLIN };
		struct xsd_sockmsg head;
		long long left;
		char *payload;
		int ready, error;

		if (xs->lost) {
			error = xs->ended && xs->keep ? reconnect(xs, latest) : -EPIPE;
			if (error)
				return error == -EAGAIN ? 0 : error;
		}
		pfd.fd = xs->fd;
		if (xs->first) {
			struct event *e = xs->first;

			snprintf(path, size, "%s", e->path);
			xs->first = e->next;
			if (!xs->first)
				xs->last = &xs->first;
			free(e);
			return 1;
		}
		left = end - (long long)monotonic_ms();
		ready = poll(&pfd, 1, timeout_ms < 0 ? -1 : left > 0 ? (int)left : 0);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return ready ? -errno : 0;
		error = receive(xs, &head, &payload);
		if (error && xs->ended && xs->keep)
			continue;
		if (error)
			return error;
		error = head.type == XS_WATCH_EVENT ? queue_event(xs, payload) : 0;
		free(payload);
		if (error)
			return error;
	}
}
