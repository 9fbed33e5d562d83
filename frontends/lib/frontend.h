/* SPDX-License-Identifier: MIT */
/*
 * What the library wants of the kernel that it is part of. frontends/README.md tells how to bring
 * it to one; this file and the headers of the devices are all that a port has to read.
 *
 * The library is freestanding C: it calls nothing but the functions below and the four that every
 * C compiler expects to find (memcpy, memmove, memset, memcmp). It has no memory of its own and no
 * global variables: the kernel provides each structure and keeps it in its place while it is in
 * use. Errors are negative errno values of pv-abi/errno.h.
 *
 * Who may call what:
 * - store_*(), xenbus_*(), balloon_*(), control_*() wait for answers: from a thread, one at a time
 *   for everything that hangs on one store.
 * - blkfront_submit(), blkfront_poll(), netfront_send(), netfront_poll() never wait and may be
 *   called from an event's handler. The kernel's lock keeps two of them off the same device, and
 *   off it while xenbus_step() of that device runs.
 */
#ifndef FRONTENDS_LIB_FRONTEND_H
#define FRONTENDS_LIB_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pv-abi/errno.h"
#include "pv-abi/event_channel.h"
#include "pv-abi/grant_table.h"

#define FRONTEND_PAGE_SIZE 4096u

struct frontend_ops {
	/*
	 * Pages for rings and buffers: @count of them (at most 16), zeroed, at consecutive
	 * addresses, mapped writable. NULL if there are none. May be called from a handler.
	 */
	void *(*pages_get)(void *kernel, unsigned int count);
	/* The same pages back. The library never gives back one that a backend still holds. */
	void (*pages_put)(void *kernel, void *pages, unsigned int count);
	/*
	 * Lets domain @to map or copy the page that @address lies in. Does not wait: -ENOSPC if no
	 * reference is free. grant.h does this and the next one for a kernel that has no grant
	 * table yet.
	 */
	int (*grant)(void *kernel, domid_t to, const void *address, bool readonly,
		     grant_ref_t *ref);
	/*
	 * Ends that. -EBUSY if the other side has it mapped: then the reference remains as it is,
	 * for ever, and so must the page.
	 */
	int (*revoke)(void *kernel, grant_ref_t ref);
	/*
	 * A new event channel, not masked, that domain @peer may bind to. @handler(@arg) is called
	 * for each event, one at a time, and may be called without one.
	 */
	int (*event_open)(void *kernel, domid_t peer, void (*handler)(void *arg), void *arg,
			  evtchn_port_t *port);
	void (*event_close)(void *kernel, evtchn_port_t port);
	void (*event_send)(void *kernel, evtchn_port_t port);
	/*
	 * Sleeps until an event has come for any channel of the library's, also the store's and
	 * the console's, or until now() is @deadline. May return early. From a thread. Only store.c
	 * and console.c use it and now(): a kernel with clients of its own leaves both NULL.
	 */
	void (*wait)(void *kernel, uint64_t deadline);
	/* Nanoseconds since whenever, never going back. */
	uint64_t (*now)(void *kernel);
	/* The hypercall. Only balloon.c uses it. */
	long (*memory_op)(void *kernel, unsigned int cmd, void *arg);
	/* A line (without its end) for the kernel's log: what is wrong with a peer. May be NULL. */
	void (*log)(void *kernel, const char *line);
};

/* The kernel, as the library's structures point to it. */
struct frontend {
	const struct frontend_ops *ops;
	void *kernel;	/* first argument of every operation */
};

/* One load of something that the other side may change at any time. */
#define frontend_load(x) (*(const volatile __typeof__(x) *)&(x))

#endif
