/* SPDX-License-Identifier: MIT */
/*
 * The handshake between a frontend and its backend: keys and a state on each side of the store.
 *
 *	backend			frontend
 *	InitWait
 *				setup(), publish(); Initialised or Connected
 *	Connected
 *				start(); Connected
 *	...
 *	Closing	(or we want it)
 *				stop(); Closing (ours), Closed
 *	Closed
 *				release()
 *
 * A backend that is connected to a kernel that ran here before us, or that was closed, is led round
 * to InitWait. Rings and requests stay in their places until the backend has let go of them.
 */
#ifndef FRONTENDS_LIB_XENBUS_H
#define FRONTENDS_LIB_XENBUS_H

#include "frontends/lib/store.h"
#include "pv-abi/io/xenbus.h"

#define XENBUS_PATH 128u	/* characters of a path, with its end */

struct xenbus_device;

/* What a kind of device does at each step. Errors end the attempt; release() undoes. */
struct xenbus_driver {
	const char *type;		/* "vbd" */
	enum xenbus_state published;	/* our state once the rings are in the store */
	/* Makes rings and event channel. The backend waits, its keys can be read. */
	int (*setup)(struct xenbus_device *d);
	/* Writes our keys, in transaction @tx; called again if that fails. */
	int (*publish)(struct xenbus_device *d, uint32_t tx);
	/* The backend is connected: reads what it says, begins. */
	int (*start)(struct xenbus_device *d);
	/* NULL, or it may have said Connected once more: what it says has changed, perhaps. */
	void (*changed)(struct xenbus_device *d);
	/* Nothing may be asked of the backend any more. After start() only. */
	void (*stop)(struct xenbus_device *d);
	/* The backend has let go. Ends every request, gives everything back. After setup(). */
	void (*release)(struct xenbus_device *d);
};

/* The pages of a ring, which the backend works on while it is connected. */
#define XENBUS_RING_PAGES 4u

struct xenbus_ring {
	void *page;			/* the first one; NULL: there is none */
	unsigned int pages, granted;
	grant_ref_t refs[XENBUS_RING_PAGES];
};

struct xenbus_device {
	struct store *store;
	const struct frontend *fe;
	const struct xenbus_driver *driver;
	char path[XENBUS_PATH];		/* "device/vbd/51712" */
	char backend[XENBUS_PATH];
	char backend_state_path[XENBUS_PATH];
	domid_t backend_id;
	enum xenbus_state state, backend_state;
	/* why it was closed, if it was a mistake of the backend's or ours */
	int error;
	bool wanted;		/* lead it to Connected */
	bool up;		/* between setup() and release() */
	bool running;		/* between start() and stop(): I/O may be asked for */
	bool again;		/* Closed is on the way to InitWait */
	bool broken;		/* the backend broke the rules: set by handlers, seen by step */
	evtchn_port_t port;	/* between xenbus_listen() and xenbus_silence(), or 0 */
	struct store_watch watch;
};

/*
 * xenbus_open - device @type/@id of this domain; a driver's own structure begins with @d. From here
 * on store_dispatch() leads it to Connected.
 * What the store says, -E2BIG: a path is too long, -EINVAL: the backend's number is none.
 */
int xenbus_open(struct xenbus_device *d, struct store *s, const struct xenbus_driver *driver,
		const char *id);

/* xenbus_step - does whatever the two states and our wishes call for. Of a thread, without need. */
void xenbus_step(struct xenbus_device *d);

/* xenbus_close - lead it to Closed. It is there when xenbus_closed() says so. */
void xenbus_close(struct xenbus_device *d);
bool xenbus_closed(const struct xenbus_device *d);

/* xenbus_reopen - from Closed to Connected again. */
void xenbus_reopen(struct xenbus_device *d);

/* xenbus_forget - takes the watch away; the device must be closed. */
void xenbus_forget(struct xenbus_device *d);

/*
 * xenbus_resume - the same device in another domain, after suspend() and store_resume(). Its
 * backend is another one that knows nothing of us: every request ends, with -EIO if the kernel has
 * not waited for it before, and store_dispatch() leads it to Connected as xenbus_open() said, with
 * that one's errors. A driver's own (netfront_resume()) is to be preferred where there is one.
 */
int xenbus_resume(struct xenbus_device *d);

/* A key of ours, or of the backend's; a number that is not there is @otherwise. */
int xenbus_write(struct xenbus_device *d, uint32_t tx, const char *key, const char *value);
int xenbus_write_number(struct xenbus_device *d, uint32_t tx, const char *key, uint64_t n);
int xenbus_remove(struct xenbus_device *d, uint32_t tx, const char *key);
int xenbus_read(struct xenbus_device *d, const char *key, char *value, size_t size);
uint64_t xenbus_backend_number(struct xenbus_device *d, const char *key, uint64_t otherwise);

/*
 * What setup() makes and release() takes back, whether setup() came to its end or not.
 *
 * xenbus_ring_get - @pages zeroed pages at r->page, granted to the backend. -ENOMEM, -ENOSPC.
 * xenbus_ring_put - the same back, as far as there are any. Pages that the backend has not let go
 * of are lost.
 * xenbus_listen - @handler(@arg) for the backend's events, at d->port. As event_open().
 * xenbus_silence - no more of them.
 */
int xenbus_ring_get(struct xenbus_device *d, struct xenbus_ring *r, unsigned int pages);
void xenbus_ring_put(struct xenbus_device *d, struct xenbus_ring *r);
int xenbus_listen(struct xenbus_device *d, void (*handler)(void *arg), void *arg);
void xenbus_silence(struct xenbus_device *d);

/* xenbus_break - the backend broke a rule: no more I/O. May be called from a handler. */
void xenbus_break(struct xenbus_device *d, const char *what);

#endif
