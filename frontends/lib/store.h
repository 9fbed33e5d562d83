/* SPDX-License-Identifier: MIT */
/*
 * A client of the store over the domain's own ring: requests one at a time, transactions, watches.
 *
 * Paths are absolute or relative to the domain's directory. Every call below returns 0 or a count,
 * or a negative errno: what the store answered (-ENOENT, -EACCES, -EAGAIN, ...), -EINVAL or -E2BIG
 * for what cannot be asked, -EBADMSG for an answer of the wrong form, and when the connection is
 * over, from then on, the reason (-EIO: the ring or the protocol is broken; -ETIMEDOUT: no answer
 * within a minute).
 */
#ifndef FRONTENDS_LIB_STORE_H
#define FRONTENDS_LIB_STORE_H

#include "frontends/lib/frontend.h"
#include "frontends/lib/ring.h"
#include "pv-abi/io/xs_wire.h"

#define STORE_WATCHES 32u

/*
 * A watch. Something at or below path was changed, created or removed, once or several times, since
 * fired() was called last; what, it has to look up itself. It may make requests.
 */
struct store_watch {
	const char *path;	/* stays where it is while the watch is set */
	void (*fired)(struct store_watch *w);
	bool pending;		/* the library's */
};

struct store {
	const struct frontend *fe;
	evtchn_port_t port;
	struct byte_ring out, in;
	int error;			/* why it is over, or 0 */
	uint32_t last_id;		/* of a request */
	struct store_watch *watches[STORE_WATCHES];	/* tokens are places here */
	/* The message that is coming in. */
	struct xsd_sockmsg head;
	uint32_t have;			/* bytes of head and payload */
	char payload[XENSTORE_PAYLOAD_MAX + 1];
};

/* store_open - @page is mapped, wait() knows @port. Takes the rings up where they are. */
void store_open(struct store *s, const struct frontend *fe, struct xenstore_domain_interface *page,
		evtchn_port_t port);

/*
 * store_resume - the same store in another domain, after suspend(): its ring is the page that it
 * was, where what the former daemon left is nothing to the new one. No watch is set any more; who
 * had one sets it again (control_open(), balloon_resume(), xenbus_resume()). A connection that was
 * over lives again.
 */
void store_resume(struct store *s, evtchn_port_t port);

/*
 * store_read - the value at @path into @value, terminated. @tx is a transaction, or 0 (so
 * everywhere). Returns its length.
 * -E2BIG: it has @size or more characters. -EBADMSG: it has a zero in it.
 */
int store_read(struct store *s, uint32_t tx, const char *path, char *value, size_t size);

/* store_read_number - a decimal number. -EINVAL: it is none. */
int store_read_number(struct store *s, uint32_t tx, const char *path, uint64_t *n);

/*
 * store_list - the names in a directory, each with its terminator, into @names. Returns their
 * bytes, together.
 */
int store_list(struct store *s, uint32_t tx, const char *path, char *names, size_t size);

int store_write(struct store *s, uint32_t tx, const char *path, const char *value);
int store_write_number(struct store *s, uint32_t tx, const char *path, uint64_t n);
int store_remove(struct store *s, uint32_t tx, const char *path);

/* store_begin - a transaction to @tx. */
int store_begin(struct store *s, uint32_t *tx);
/* store_end - -EAGAIN: it met another one; do it all again. */
int store_end(struct store *s, uint32_t tx, bool commit);

/* store_watch - it fires at once for the first time. -ENOSPC: there are STORE_WATCHES. */
int store_watch(struct store *s, struct store_watch *w);
/* store_unwatch - -ENOENT: it was not set. */
int store_unwatch(struct store *s, struct store_watch *w);

/*
 * store_dispatch - take what has come in and call fired() of the watches that it is for. Returns
 * how many were called.
 */
int store_dispatch(struct store *s);

#endif
