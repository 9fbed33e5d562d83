/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who gets a packet, and who may send it. An interface has one address, which the configuration
 * gives it and which nobody else uses, so nothing is learned from what guests send: what is for no
 * interface is for the uplink, which has the rest of the world behind it, and what comes from there
 * for an address that is none of ours is for nobody here.
 */
#ifndef NET_SWITCH_H
#define NET_SWITCH_H

#include "backends/net/frame.h"

#define SWITCH_IPS	16u		/* addresses of an interface, at most */

struct switch_ip {
	uint8_t version;		/* 4 or 6 */
	uint8_t address[16];
};

/* What an interface may say that it is. */
struct switch_port {
	uint8_t mac[6];
	uint8_t nr_ips;			/* 0: any; else only these, and what comes with them */
	uint8_t any_v6;			/* one of them is of IPv6 */
	struct switch_ip ips[SWITCH_IPS];
};

enum switch_way {
	SWITCH_ONE,			/* for the interface with this address, or the uplink */
	SWITCH_ALL,			/* for everybody but the sender */
	SWITCH_SPOOFED,			/* for nobody: it is not who it says */
	SWITCH_NOBODY,			/* for nobody: to itself, or for the bridge alone */
};

/* switch_parse_ips - addresses with blanks or commas between them. -EINVAL; -E2BIG: too many. */
int switch_parse_ips(const char *text, struct switch_port *p);

/* switch_parse_mac - "00:16:3e:01:02:03", a station's. -EINVAL. */
int switch_parse_mac(const char *text, uint8_t mac[6]);

/* switch_from - where a packet goes that @p sends, of which @data are the first @size bytes. */
enum switch_way switch_from(const struct switch_port *p, const uint8_t *data, uint32_t size,
			    const struct frame *f);

/* switch_in - where one goes that comes from an uplink. */
enum switch_way switch_in(const uint8_t *data);

#endif
