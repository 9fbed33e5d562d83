/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client of the store daemon over its Unix socket. One request is in flight at a time; watch
 * events that arrive in between are queued. Not thread-safe. Functions return 0 or -errno: the
 * daemon's error, or
 *   -ETIMEDOUT	the daemon did not answer within 30 s. Its answer is thrown away when it comes.
 *   -EPIPE	the connection is lost, or was given up before: after a message of which only a part
 *		came in time or into memory (that call says -ETIMEDOUT or -ENOMEM) and after one
 *		that is none (-EPROTO), what comes next could be anything. From then on every call
 *		answers -EPIPE, events that were queued are gone, xs_fd() is readable, and what is
 *		left to do is xs_close().
 */
#ifndef HVCTL_XS_H
#define HVCTL_XS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xs;

/* Connect; NULL with errno set. */
struct xs *xs_open(const char *socket);
void xs_close(struct xs *xs);

/* The daemon has ended and there is no other one yet: whoever called waits. Not to use @xs. */
typedef void (*xs_waits_fn)(void *data);

/*
 * xs_keep - when the daemon ends, wait up to @ms for the next one, which has the store as it was,
 * and go on with that: watches are set again (each brings an event, as if it were new, in place of
 * those that were missed), and the request that was under way is repeated where that does no harm:
 * what reads, and what says how something shall be. A transaction cannot be repeated by us: its
 * changes are taken as if they were made, what is read is read outside, and its end says -EAGAIN,
 * so that it is begun anew. An end that was under way and other requests answer -ECONNRESET:
 * they may have been carried out, or not. If no daemon comes, or one that takes no watch,
 * the connection is lost as said above: nobody waits twice. @waits (if not NULL) is called with
 * @data once for each daemon that is waited for. Not for callers of xs_fd(), which would change.
 */
void xs_keep(struct xs *xs, unsigned int ms, xs_waits_fn waits, void *data);

/* Whether the connection is lost or given up, as said above: no daemon is waited for. */
bool xs_lost(const struct xs *xs);

/*
 * xs_unsure - whether, since this was asked last, anything was not read or listed for another
 * reason than that there is no such node. What depends on a node that is not there must not be done
 * then: it may be there.
 */
bool xs_unsure(struct xs *xs);

/*
 * A transaction, to be given as @tx; 0 is "outside any". xs_commit() answers -EAGAIN if it has to
 * be redone, -ECONNRESET if that is not known: whoever repeats it looks first for what it wrote.
 */
int xs_begin(struct xs *xs, uint32_t *tx);
int xs_commit(struct xs *xs, uint32_t tx);
void xs_abort(struct xs *xs, uint32_t tx);

/* Read a value, zero-terminated, to be freed; NULL with errno set. */
char *xs_read(struct xs *xs, uint32_t tx, const char *path);

/* The same with the path made as by printf. */
__attribute__((format(printf, 3, 4)))
char *xs_readf(struct xs *xs, uint32_t tx, const char *format, ...);

/*
 * As @tx of xs_write(): outside any, and never repeated. For a node in which somebody answers, so
 * that the answer would be overwritten: -ECONNRESET says that the daemon ended, that another is
 * there, and that the caller has to read what became of it.
 */
#define XS_ONCE		UINT32_MAX

/* Write a text, made as by printf. */
__attribute__((format(printf, 4, 5)))
int xs_write(struct xs *xs, uint32_t tx, const char *path, const char *format, ...);

int xs_mkdir(struct xs *xs, uint32_t tx, const char *path);

/* Remove a node and all below. -ENOENT if there is none. */
int xs_remove(struct xs *xs, uint32_t tx, const char *path);

/*
 * Names of a node's children: an array ended by NULL, freed with one free(). NULL with errno set.
 * The list is that of one moment, also when it is too long for one message.
 */
char **xs_list(struct xs *xs, uint32_t tx, const char *path);

/*
 * xs_values - what the node @key below each child of @path has, by one question for hundreds of
 * them. @fn is called with @data for each child that has such a node, with its value, or with NULL
 * for one that has to be read by itself; these are of one moment each, as if they were read one
 * after the other. Returns 0 or -errno; -EOPNOTSUPP: this daemon is another one than hvstored and
 * cannot do it.
 */
typedef void (*xs_value_fn)(void *data, const char *child, const char *value);
int xs_values(struct xs *xs, const char *path, const char *key, xs_value_fn fn, void *data);

/*
 * Remove a node if it has no children: never one that somebody is just filling. Whether it is
 * there or not is all the same.
 */
void xs_prune(struct xs *xs, const char *path);

/* Set permissions: @perms like "n0 r5" (owner and default first), separated by blanks. */
int xs_permit(struct xs *xs, uint32_t tx, const char *path, const char *perms);

int xs_introduce(struct xs *xs, uint32_t domid, uint64_t mfn, uint32_t port);
int xs_release(struct xs *xs, uint32_t domid);
/* A domain that had shut down runs again. */
int xs_resume(struct xs *xs, uint32_t domid);

int xs_watch(struct xs *xs, const char *path, const char *token);
int xs_unwatch(struct xs *xs, const char *path, const char *token);

/*
 * Wait for an event of any watch up to @timeout_ms (-1: forever).
 * Returns 1 with the path (cut to @size) in @path, 0 at the timeout, also while the next daemon is
 * waited for, -errno.
 */
int xs_wait(struct xs *xs, int timeout_ms, char *path, size_t size);

/* For use in a poll loop of the caller's: readable when xs_wait() may have something. */
int xs_fd(const struct xs *xs);

#endif
