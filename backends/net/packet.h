/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two rings of a network interface, from the backend's side. What a frontend wrote is copied
 * once and looked at in the copy; what it may have changed since moves nothing of ours.
 *
 * "Tx" is what the guest sends, "rx" what it receives, as in the protocol.
 */
#ifndef NET_PACKET_H
#define NET_PACKET_H

#include "backends/net/journal.h"
#include "frontends/lib/ring.h"
#include "pv-abi/io/netif.h"

#define NET_PAGE	4096u
#define PACKET_SLOTS	XEN_NETIF_NR_SLOTS_MIN	/* pieces of a packet, at most */
#define PACKET_MIN	14u			/* bytes: the header of Ethernet */
#define PACKET_MAX	XEN_NETIF_MAX_TX_SIZE
/*
 * Bytes of data in each part of what is to be cut up, at least: no stack takes less for TCP's
 * maximum segment size (Linux: tcp_min_snd_mss), and less would be many headers for few bytes.
 */
#define PACKET_PART_MIN	48u
/* Of what is for everybody, at most: a jumbo frame with a VLAN's tag. Each gets a copy of it. */
#define PACKET_ALL_MAX	9234u

/* What has to be done yet to a packet that is on its way. */
struct offload {
	bool blank;			/* its checksum is to be filled in */
	bool good;			/* its checksum need not be looked at */
	uint8_t gso_type;		/* XEN_NETIF_GSO_TYPE_* */
	uint16_t gso_size;		/* bytes of data in each part that it is to be cut into */
};

struct packet {
	RING_IDX first;			/* its first request */
	uint16_t entries;		/* requests, its extra infos among them */
	uint16_t nr_slots;
	bool malformed;			/* to be answered with an error */
	uint32_t size;			/* bytes, the sum of its slots */
	struct offload offload;
	struct {
		grant_ref_t ref;
		uint16_t offset, size;	/* within a page, and not empty */
	} slots[PACKET_SLOTS];
};

/* packet_for_all - whether it may be for everybody: what is to be cut up, or huge, is for one. */
static inline bool packet_for_all(uint32_t size, const struct offload *o)
{
	return !o->gso_type && size <= PACKET_ALL_MAX;
}

/* packet_sent - what comes of @size bytes in the end, with the headers of each part. */
static inline uint32_t packet_sent(uint32_t size, const struct offload *o)
{
	return o->gso_type ? size + size / o->gso_size * 54u : size;
}

/* ---- what the guest sends ---- */

struct tx_ring {
	struct back_ring ring;
	struct journal_marks *marks;
	/* Of the requests that were taken: the first two bytes of an extra info, or the number. */
	uint16_t ids[JOURNAL_RING];
	bool extra[JOURNAL_RING];
};

/*
 * tx_attach - the page @page, fresh or, with @again, as whoever served it before left it: what that
 * one had taken is answered as dropped, and @lost says how many packets that were.
 * -EIO: there is no sense in it.
 */
int tx_attach(struct tx_ring *t, void *page, struct journal_marks *marks, bool again,
	      unsigned int *lost);

/* tx_waiting - requests that wait; -EIO: the frontend's index is impossible. */
int tx_waiting(const struct tx_ring *t);

/*
 * tx_take - the next packet, of not more than @waiting requests. Returns how many it has; -EIO: the
 * last that waits says that more follow, for which there is no remedy.
 */
int tx_take(struct tx_ring *t, unsigned int waiting, struct packet *p);

/* tx_untake - @p and what was taken after it stays in the ring. None of it was answered. */
void tx_untake(struct tx_ring *t, const struct packet *p);

/* tx_begin - before anything is done about the packets that were taken. */
void tx_begin(struct tx_ring *t);

/* tx_answer - @p, the oldest that was taken and not answered, with a NETIF_RSP_*. */
void tx_answer(struct tx_ring *t, const struct packet *p, int16_t status);

/* tx_push - publishes the answers. Returns whether the frontend wants to be told. */
bool tx_push(struct tx_ring *t);

/* ---- what the guest receives ---- */

struct rx_ring {
	struct back_ring ring;		/* .req_cons: buffers that have a use */
	struct journal_marks *marks;
	struct journal_buffer *buffers;
	RING_IDX fetched;		/* buffers that were copied out */
	struct netif_rx_response answers[JOURNAL_RING];
};

int rx_attach(struct rx_ring *r, void *page, struct net_journal *j, bool again);

/* rx_fetch - copies out what buffers there are. -EIO: the frontend's index is impossible. */
int rx_fetch(struct rx_ring *r);

/* rx_room - buffers that were fetched and have no use yet. */
static inline unsigned int rx_room(const struct rx_ring *r)
{
	return r->fetched - r->ring.req_cons;
}

/* rx_needed - buffers for @size bytes with @o. */
static inline unsigned int rx_needed(uint32_t size, const struct offload *o)
{
	return (size + NET_PAGE - 1) / NET_PAGE + (o->gso_type ? 1 : 0);
}

/*
 * rx_use - buffers for a packet of @size bytes, as many as rx_needed() says and rx_room() has:
 * @refs, of data only, in their order. Returns the index of the first, for rx_fail().
 */
RING_IDX rx_use(struct rx_ring *r, uint32_t size, const struct offload *o, grant_ref_t *refs);

/* rx_fail - that packet did not get there: its buffers are given back with an error. */
void rx_fail(struct rx_ring *r, RING_IDX first);

/* rx_push - answers all that has a use. Returns whether the frontend wants to be told. */
bool rx_push(struct rx_ring *r);

/* rx_sleep - asks for an event with the next buffer. True: it is there already. */
bool rx_sleep(struct rx_ring *r);

#endif
