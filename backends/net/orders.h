/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What hvnetd's supervisor tells its worker, which answers with nothing but common reports. */
#ifndef NET_ORDERS_H
#define NET_ORDERS_H

#include "backends/lib/orders.h"
#include "backends/net/switch.h"

/* ORDER_ATTACH comes with two descriptors: one of evtchn's, and the journal. */
enum net_order_kind {
	ORDER_LAN = ORDERS,	/* with its tap; .lan */
	ORDER_LAN_GONE,
};

struct net_order {
	struct order head;
	uint32_t lan;				/* the supervisor's number; ORDER_ATTACH, LAN */
	uint64_t bps;				/* ORDER_ATTACH: bytes a second; 0: no limit */
	struct switch_port port;		/* ORDER_ATTACH */
	struct net_connection connection;	/* ORDER_CONNECT */
};

#endif
