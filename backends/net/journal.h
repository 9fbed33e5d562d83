/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where an interface's rings stand, in a file of memory (a tmpfs) that outlives the process which
 * serves them: who comes after one that was killed at any instruction goes on from there. Numbers
 * and references, never data.
 *
 * Requests are answered in their order, each in its own place of the ring, so that what is owed is
 * what lies between the last published answer and the last request taken. Answers overwrite what
 * they answer: of a buffer for what arrives, the copy here is made before; of a packet that was
 * sent, its number and flags stay readable where they are (packet.c).
 *
 * The stores of a process that is killed become visible in the order of the program, so barriers
 * are the compiler's.
 */
#ifndef NET_JOURNAL_H
#define NET_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pv-abi/grant_table.h"

#define JOURNAL_RING	256u		/* entries of either ring, which has one page */

/* What the frontend has offered: another one is another connection, and so is another .nonce. */
struct net_connection {
	uint64_t nonce;			/* of the supervisor's; 0: none */
	uint32_t tx_ref, rx_ref;
	uint32_t tx_port, rx_port;	/* the same, or one for each */
	uint32_t flags;			/* NET_CAN_* */
	uint32_t pad;
};

/* What the frontend can take from us. */
#define NET_CAN_SG	1u		/* packets of more than one page */
#define NET_CAN_GSO4	2u
#define NET_CAN_GSO6	4u
#define NET_CAN_CSUM4	8u		/* checksums that are still to be filled in */
#define NET_CAN_CSUM6	16u

/* Our own indices of a ring: what its shared page says is believed only between the last two. */
struct journal_marks {
	uint32_t taken;			/* requests; of packets to send only */
	uint32_t pushed, prepared;	/* answers published, and about to be */
};

struct journal_buffer {
	uint32_t index;			/* of the request, stored last; another: there is none */
	grant_ref_t ref;
	uint32_t id;
};

/* What is counted, for whoever reads the file. "Sent" and "received" are the guest's words. */
struct net_counts {
	uint64_t sent, sent_bytes;
	uint64_t received, received_bytes;
	uint64_t direct_bytes;		/* sent, by one copy from guest to guest */
	uint64_t head_bytes;		/* sent, copied to dom0 to be looked at */
	uint64_t bounced_bytes;		/* sent, copied to dom0 for want of a way without */
	uint64_t malformed, spoofed, errors;
	uint64_t dropped;		/* for it: no room in its ring, or not for it to take */
	uint64_t limited;		/* times that a limit made it wait, or cost it a packet */
	uint64_t taken_over;		/* times that a process came after another */
	uint64_t lost;			/* packets that were under way then */
};

#define NET_JOURNAL_MAGIC 0x31766a74656e7668ull

struct net_journal {
	uint64_t magic;			/* 0: there is no connection */
	struct net_connection connection;
	struct net_counts counts;
	struct journal_marks tx, rx;
	struct journal_buffer buffers[JOURNAL_RING];
};

/* journal_order - what was stored before is there before what is stored after. */
#define journal_order() __asm__ volatile("" : : : "memory")

/* journal_begin - a new connection. Counts stay. journal_end - nothing of it will be taken up. */
void journal_begin(struct net_journal *j, const struct net_connection *c);
void journal_end(struct net_journal *j);

/* journal_belongs - whether @j is of this very connection. */
bool journal_belongs(const struct net_journal *j, const struct net_connection *c);

/* journal_published - how far answers were published, of which the shared page says @claimed. */
uint32_t journal_published(const struct journal_marks *m, uint32_t claimed);

#endif
