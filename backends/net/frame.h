/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Headers of Ethernet, IP, TCP and UDP: finding them, filling in checksums, cutting packets up. */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/net/packet.h"

/* So much of a packet is looked at; headers that end later are not found. */
#define FRAME_HEAD	128u

#define FRAME_TCP	6u
#define FRAME_UDP	17u
#define FRAME_ICMP6	58u
#define FRAME_NONE	255u		/* not known, or a later part of a packet in fragments */

/* Offsets are in bytes from the frame's beginning. */
struct frame {
	uint16_t type;			/* of Ethernet, behind at most one VLAN tag */
	bool tagged;
	uint16_t network;		/* where the header of that type begins */
	uint16_t transport;		/* where that of IP's payload begins; 0: none was found */
	uint16_t end;			/* where TCP's or UDP's data begin; 0: not found */
	bool fragment;			/* IPv6: the first part of a packet, of which more follow */
	uint8_t version;		/* 4, 6, or 0: no IP, or its header is not whole */
	uint8_t protocol;		/* of IP's payload */
	uint16_t checksum;		/* where TCP's or UDP's checksum is; 0: neither */
};

/* frame_parse - the first @size bytes of a frame, 14 or more. */
void frame_parse(const uint8_t *data, uint32_t size, struct frame *f);

/*
 * frame_finish - fills in the checksum that @o says is missing. -EINVAL: it is nowhere to be found.
 */
int frame_finish(uint8_t *data, uint32_t size, const struct frame *f);

/*
 * frame_cut - part @number of what a packet is to be cut into, whole with its checksums, into @to,
 * which has room for .gso_size and .end of @f. Returns its size; 0: there is no such part; -EINVAL:
 * it cannot be cut.
 */
int frame_cut(const uint8_t *data, uint32_t size, const struct frame *f, uint16_t gso_size,
	      unsigned int number, uint8_t *to);

#endif
