/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device as the supervisor has it: what the store says of it and its frontend, what its worker
 * says, and what follows from both. A daemon's own structure begins with this one.
 */
#ifndef BACKENDS_BACKDEV_H
#define BACKENDS_BACKDEV_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/lib/orders.h"
#include "libhvctl/budget.h"
#include "pv-abi/io/xenbus.h"
#include "pv-abi/xen.h"

/* What the worker does with it, as far as we know. */
enum phase {
	PHASE_NEW,		/* the worker does not have it */
	PHASE_ATTACHING,
	PHASE_WAITING,		/* for a frontend */
	PHASE_CONNECTING,
	PHASE_CONNECTED,
	PHASE_DISCONNECTING,
	PHASE_DETACHING,
	PHASE_OVER,		/* it goes for good, or cannot be served */
};

struct backdev {
	struct backdev *next;		/* its worker's */
	struct backworker *worker;
	domid_t domid;
	uint32_t devid;
	enum phase phase;
	char made[20];			/* who wrote its entries, "" if that is not known */
	bool changed;			/* the store has news of it that were not looked at */
	bool closing;			/* no frontend any more, as far as it is up to us */
	bool was_closed;		/* state Closed was written; a frontend may begin anew */
	bool takes_over;		/* its frontend is connected, to a worker before this one */
	bool told_why;			/* the log says why it could not be attached just now */
	enum xenbus_state state;	/* ours, as it was written last */
	enum xenbus_state owed;		/* what could not be written, and is to be; 0: nothing */
	uint64_t retry_at;		/* ms: when it is looked at again; 0: not by itself */
	uint64_t busy_since;		/* ms; 0: nobody before us has it */
	uint64_t deadline;		/* ms: by when the order given last is carried out */
	struct budget looks, offers, connects;
	struct line_budget lines;	/* unless its worker's has none but its domain's */
};

/* backdev_find - device @devid of @domid, or NULL. */
struct backdev *backdev_find(domid_t domid, uint32_t devid);

/* backdev_add - there is one now, which has news; unless it is not in the store any more. */
void backdev_add(domid_t domid, uint32_t devid);

/* backdev_needed - whether its files may be of use: only what is known not to be there is not. */
bool backdev_needed(domid_t domid, uint32_t devid);

/* backdev_look - what the store says now, and what follows. @v may be no more after that. */
void backdev_look(struct backdev *v);

/* backdev_waits - whether it is to be looked at again at .retry_at. */
bool backdev_waits(const struct backdev *v);

/* backdev_has_order - whether its worker owes an answer. */
bool backdev_has_order(const struct backdev *v);

/* backdev_answers - whether @r ends the order that @v has; NULL: a device that is not there. */
bool backdev_answers(const struct backdev *v, const struct report *r);

/* backdev_report - what its worker says, and what follows. @v may be no more after that. */
void backdev_report(struct backdev *v, const struct report *r);

/*
 * backdev_give - the order that begins with @o, of .order_size bytes, with @nr descriptors, whose
 * phase begins. One about this device alone: @o->domid and @o->devid are filled in.
 */
void backdev_give(struct backdev *v, struct order *o, const int *fds, unsigned int nr);

/* backdev_again - it cannot be attached just now, and will be in @ms; @why is for the log, once. */
void backdev_again(struct backdev *v, uint32_t ms, const char *why);

/*
 * backdev_must_wait - @busy: somebody who had it before has it still, so that it can neither be
 * attached nor be said to be closed, and is looked at again soon. Returns @busy.
 */
bool backdev_must_wait(struct backdev *v, bool busy);

/* backdev_fail - it will not be served: @why is for whoever made it. */
void backdev_fail(struct backdev *v, const char *why);

/* backdev_refuse - nothing comes of what the frontend wants; it may close, and want another. */
void backdev_refuse(struct backdev *v, const char *why);

/*
 * backdev_sound - after reading what the frontend offers, of which the key @wrong, if there is one,
 * makes no sense: whether that can be gone on with. If not, it is refused or will be read again.
 */
bool backdev_sound(struct backdev *v, const char *wrong);

#endif
