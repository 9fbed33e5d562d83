/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The messages of hvnetd's supervisor and its worker. Of what comes back the supervisor believes
 * no more than that a thing which it asked for is done, or is not.
 */
#ifndef NET_ORDERS_H
#define NET_ORDERS_H

#include "backends/net/switch.h"

enum net_order_kind {
	ORDER_LAN = 1,		/* with its tap; .lan */
	ORDER_LAN_GONE,
	ORDER_ATTACH,		/* with a descriptor of evtchn's, and the journal */
	ORDER_CONNECT,
	ORDER_DISCONNECT,
	ORDER_DETACH,
};

struct net_order {
	uint32_t kind;
	uint32_t domid, devid;			/* of which interface */
	uint32_t lan;				/* the supervisor's number; ORDER_ATTACH, LAN */
	uint64_t bps;				/* ORDER_ATTACH: bytes a second; 0: no limit */
	struct switch_port port;		/* ORDER_ATTACH */
	struct net_connection connection;	/* ORDER_CONNECT */
};

enum net_report_kind {
	REPORT_ATTACHED = 1,
	REPORT_CONNECTED,
	REPORT_DISCONNECTED,
	REPORT_DETACHED,
	REPORT_FAILED,		/* the order that was given last, or the frontend; .text says why */
};

struct net_report {
	uint32_t kind, domid, devid;
	uint32_t taken_over;			/* CONNECTED: from a worker before it */
	char text[108];
};

#endif
