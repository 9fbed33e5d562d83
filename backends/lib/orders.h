/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What supervisors and workers of all backends say to each other; block/orders.h and net/orders.h
 * have more, of one kind each. Of what comes back a supervisor believes no more than that a thing
 * which it asked for is done, or is not, and numbers that it has checked.
 */
#ifndef BACKENDS_ORDERS_H
#define BACKENDS_ORDERS_H

#include <stdint.h>

enum order_kind {
	ORDER_ATTACH = 1,
	ORDER_CONNECT,
	ORDER_DISCONNECT,
	ORDER_DETACH,
	ORDERS,			/* other ones begin here */
};

/* How every order begins. */
struct order {
	uint32_t kind;
	uint32_t domid, devid;		/* of which device */
};

enum report_kind {
	REPORT_ATTACHED = 1,
	REPORT_CONNECTED,
	REPORT_DISCONNECTED,
	REPORT_DETACHED,
	REPORT_FAILED,		/* the order that was given last, or all else; .text says why */
	REPORTS,		/* other ones begin here */
};

/* How every report begins. */
struct report {
	uint32_t kind;
	uint32_t domid, devid;		/* the former UINT32_MAX: of no device */
	uint32_t taken_over;		/* CONNECTED: from a worker before it */
	char text[108];
};

#endif
