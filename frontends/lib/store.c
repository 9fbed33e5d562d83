// SPDX-License-Identifier: MIT
#include "frontends/lib/store.h"

#include "frontends/lib/text.h"

#define PATIENCE ((uint64_t)60000000000) /* ns */

struct part {
	const void *data;
	size_t size;
};

/* A string with its terminator, or without as the last of a value. */
static struct part string_part(const char *s)
{
	return (struct part){ s, text_length(s) + 1 };
}

void store_open(struct store *s, const struct frontend *fe, struct xenstore_domain_interface *page,
		evtchn_port_t port)
{
	__builtin_memset(s, 0, sizeof(*s));
	s->fe = fe;
	s->port = port;
	s->out = (struct byte_ring){ .data = page->req, .size = sizeof(page->req),
				     .own = page->req_prod, .own_shared = &page->req_prod,
				     .peer_shared = &page->req_cons };
	s->in = (struct byte_ring){ .data = page->rsp, .size = sizeof(page->rsp),
				    .own = page->rsp_cons, .own_shared = &page->rsp_cons,
				    .peer_shared = &page->rsp_prod };
}

void store_resume(struct store *s, evtchn_port_t port)
{
	for (unsigned int i = 0; i < STORE_WATCHES; i++)
		s->watches[i] = NULL;
	s->port = port;
	s->error = 0;
	s->have = 0;
	/* Both sides are quiet: the new daemon has been asked nothing. */
	s->in.own = frontend_load(*s->in.peer_shared);
	*(volatile uint32_t *)s->in.own_shared = s->in.own;
}

static int over(struct store *s, int error)
{
	if (!s->error) {
		s->error = error;
		if (s->fe->ops->log)
			s->fe->ops->log(s->fe->kernel, error == -ETIMEDOUT ?
					"store: no answer" : "store: broken ring or protocol");
	}
	return s->error;
}

/* Waits for the daemon. The deadline begins when there is nothing to do for the first time. */
static int wait_for_daemon(struct store *s, uint64_t *deadline)
{
	const struct frontend_ops *ops = s->fe->ops;
	uint64_t now = ops->now(s->fe->kernel);

	if (!*deadline)
		*deadline = now + PATIENCE;
	else if (now >= *deadline)
		return over(s, -ETIMEDOUT);
	ops->wait(s->fe->kernel, *deadline);
	return 0;
}

static int send_bytes(struct store *s, const void *data, size_t size)
{
	const char *p = data;
	uint64_t deadline = 0;

	while (size) {
		int n = byte_ring_put(&s->out, p, (uint32_t)size);

		if (n < 0)
			return over(s, n);
		p += n;
		size -= (size_t)n;
		s->fe->ops->event_send(s->fe->kernel, s->port);
		if (n) {
			deadline = 0;
			continue;
		}
		n = wait_for_daemon(s, &deadline);
		if (n)
			return n;
	}
	return 0;
}

/* 1: a message is complete in head and payload; 0: not yet; or the connection is over. */
static int receive(struct store *s)
{
	bool took = false;
	int n;

	if (s->error)
		return s->error;
	for (;;) {
		uint32_t head = sizeof(s->head);

		if (s->have < head)
			n = byte_ring_get(&s->in, (char *)&s->head + s->have, head - s->have);
		else
			n = byte_ring_get(&s->in, s->payload + (s->have - head),
					  head + s->head.len - s->have);
		if (n < 0)
			return over(s, n);
		took |= n > 0;
		s->have += (uint32_t)n;
		if (s->have >= head && s->head.len > XENSTORE_PAYLOAD_MAX)
			return over(s, -EIO);
		if (s->have >= head && s->have == head + s->head.len)
			break;
		if (!n) {
			/* There is room for more. */
			if (took)
				s->fe->ops->event_send(s->fe->kernel, s->port);
			return 0;
		}
	}
	s->fe->ops->event_send(s->fe->kernel, s->port);
	s->payload[s->head.len] = '\0';
	s->have = 0;
	return 1;
}

/* A watch event: its path, then its token, which is a place among the watches. */
static void take_event(struct store *s)
{
	uint32_t path = (uint32_t)text_length(s->payload) + 1;
	uint64_t token;

	if (path >= s->head.len || text_number(s->payload + path, &token) ||
	    token >= STORE_WATCHES || !s->watches[token])
		return;	/* also that of a watch which is gone already */
	s->watches[token]->pending = true;
}

static int error_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
		if (text_equal(xsd_errors[i].errstring, name))
			return -xsd_errors[i].errnum;
	return -EINVAL;
}

/* Asks, and has the answer in s->payload. Returns its length. */
static int request(struct store *s, uint32_t type, uint32_t tx, const struct part *parts,
		   unsigned int nr)
{
	struct xsd_sockmsg head = { .type = type, .tx_id = tx };
	uint64_t deadline = 0;
	size_t size = 0;
	int error;

	if (s->error)
		return s->error;
	for (unsigned int i = 0; i < nr; i++)
		size += parts[i].size;
	if (size > XENSTORE_PAYLOAD_MAX)
		return -E2BIG;
	if (!++s->last_id)
		s->last_id = 1;	/* 0 is for events */
	head.req_id = s->last_id;
	head.len = (uint32_t)size;
	error = send_bytes(s, &head, sizeof(head));
	for (unsigned int i = 0; !error && i < nr; i++)
		error = send_bytes(s, parts[i].data, parts[i].size);
	while (!error) {
		error = receive(s);
		if (!error) {
			error = wait_for_daemon(s, &deadline);
		} else if (error == 1) {
			error = 0;
			if (s->head.type == XS_WATCH_EVENT) {
				take_event(s);
				continue;
			}
			if (s->head.req_id != head.req_id)
				return over(s, -EIO);
			if (s->head.type == XS_ERROR)
				return error_by_name(s->payload);
			if (s->head.type != type)
				return over(s, -EIO);
			return (int)s->head.len;
		}
	}
	return error;
}

int store_read(struct store *s, uint32_t tx, const char *path, char *value, size_t size)
{
	struct part parts[] = { string_part(path) };
	int n = request(s, XS_READ, tx, parts, 1);

	if (n < 0)
		return n;
	if ((size_t)n >= size)
		return -E2BIG;
	if (text_length(s->payload) != (size_t)n)
		return -EBADMSG;
	__builtin_memcpy(value, s->payload, (size_t)n + 1);
	return n;
}

int store_read_number(struct store *s, uint32_t tx, const char *path, uint64_t *n)
{
	char text[24];
	int error = store_read(s, tx, path, text, sizeof(text));

	if (error == -E2BIG || error == -EBADMSG)
		return -EINVAL;
	return error < 0 ? error : text_number(text, n);
}

int store_list(struct store *s, uint32_t tx, const char *path, char *names, size_t size)
{
	struct part parts[] = { string_part(path) };
	int n = request(s, XS_DIRECTORY, tx, parts, 1);

	if (n < 0)
		return n;
	if ((size_t)n > size)
		return -E2BIG;
	if (n && s->payload[n - 1])
		return -EBADMSG;
	__builtin_memcpy(names, s->payload, (size_t)n);
	return n;
}

int store_write(struct store *s, uint32_t tx, const char *path, const char *value)
{
	struct part parts[] = { string_part(path), { value, text_length(value) } };
	int n = request(s, XS_WRITE, tx, parts, 2);

	return n < 0 ? n : 0;
}

int store_write_number(struct store *s, uint32_t tx, const char *path, uint64_t n)
{
	char buffer[24];
	struct text t = text_in(buffer);

	text_add_number(&t, n);
	return store_write(s, tx, path, buffer);
}

int store_remove(struct store *s, uint32_t tx, const char *path)
{
	struct part parts[] = { string_part(path) };
	int n = request(s, XS_RM, tx, parts, 1);

	return n < 0 ? n : 0;
}

int store_begin(struct store *s, uint32_t *tx)
{
	struct part parts[] = { string_part("") };
	int n = request(s, XS_TRANSACTION_START, 0, parts, 1);
	uint64_t id;

	if (n < 0)
		return n;
	if (text_number(s->payload, &id) || !id || id > UINT32_MAX)
		return -EBADMSG;
	*tx = (uint32_t)id;
	return 0;
}

int store_end(struct store *s, uint32_t tx, bool commit)
{
	struct part parts[] = { string_part(commit ? "T" : "F") };
	int n = request(s, XS_TRANSACTION_END, tx, parts, 1);

	return n < 0 ? n : 0;
}

static int watch_request(struct store *s, uint32_t type, const struct store_watch *w,
			 unsigned int place)
{
	char token[8];
	struct text t = text_in(token);
	struct part parts[] = { string_part(w->path), { token, 0 } };
	int n;

	text_add_number(&t, place);
	parts[1].size = t.length + 1;
	n = request(s, type, 0, parts, 2);
	return n < 0 ? n : 0;
}

int store_watch(struct store *s, struct store_watch *w)
{
	unsigned int i;
	int error;

	for (i = 0; i < STORE_WATCHES && s->watches[i]; i++)
		;
	if (i == STORE_WATCHES)
		return -ENOSPC;
	/* The first event may come before the answer. */
	w->pending = false;
	s->watches[i] = w;
	error = watch_request(s, XS_WATCH, w, i);
	if (error)
		s->watches[i] = NULL;
	return error;
}

int store_unwatch(struct store *s, struct store_watch *w)
{
	for (unsigned int i = 0; i < STORE_WATCHES; i++) {
		int error;

		if (s->watches[i] != w)
			continue;
		/* An event that is under way must find its place taken until the answer is here. */
		error = watch_request(s, XS_UNWATCH, w, i);
		s->watches[i] = NULL;
		w->pending = false;
		return error;
	}
	return -ENOENT;
}

int store_dispatch(struct store *s)
{
	int called = 0, got;

	/* As many messages as fit into the ring: who fills it as we empty it does not keep us. */
	for (unsigned int i = 0; i < XENSTORE_RING_SIZE / sizeof(s->head); i++) {
		got = receive(s);
		if (got < 0)
			return got;
		if (!got)
			break;
		if (s->head.type != XS_WATCH_EVENT)
			return over(s, -EIO);	/* nothing was asked */
		take_event(s);
	}
	for (unsigned int i = 0; i < STORE_WATCHES; i++) {
		struct store_watch *w = s->watches[i];

		if (!w || !w->pending)
			continue;
		w->pending = false;
		w->fired(w);
		called++;
	}
	return called;
}
