// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/net/packet.h"

#include <errno.h>
#include <string.h>

#define TX_ENTRY	sizeof(union netif_tx_sring_entry)
#define RX_ENTRY	sizeof(union netif_rx_sring_entry)

_Static_assert(sizeof(struct netif_tx_request) == 12, "as in the protocol");
_Static_assert(sizeof(struct netif_extra_info) == 8, "as in the protocol");
_Static_assert(offsetof(struct netif_tx_request, id) >= sizeof(struct netif_tx_response) &&
	       offsetof(struct netif_tx_request, flags) >= sizeof(struct netif_tx_response),
	       "a request's number and flags are readable under its answer");

static unsigned int place(RING_IDX index)
{
	return index & (JOURNAL_RING - 1);
}

/* ------------------------------------------------------------------------------------------------
 * Answers
 */

static void answer(struct tx_ring *t, int16_t status)
{
	unsigned int at = place(t->ring.rsp_prod_pvt);
	/* That of an extra info leaves its type and flags where they are. */
	struct netif_tx_response r = {
		.id = t->ids[at],
		.status = t->extra[at] ? NETIF_RSP_NULL : status,
	};

	back_ring_respond(&t->ring, &r, sizeof(r));
}

void tx_answer(struct tx_ring *t, const struct packet *p, int16_t status)
{
	for (unsigned int i = 0; i < p->entries; i++)
		answer(t, status);
}

static bool push(struct back_ring *r, struct journal_marks *m)
{
	bool notify;

	m->prepared = r->rsp_prod_pvt;
	journal_order();
	notify = back_ring_push(r);
	journal_order();
	m->pushed = r->rsp_prod_pvt;
	return notify;
}

bool tx_push(struct tx_ring *t)
{
	return t->marks->pushed != t->ring.rsp_prod_pvt && push(&t->ring, t->marks);
}

/* ------------------------------------------------------------------------------------------------
 * Sent packets
 */

int tx_waiting(const struct tx_ring *t)
{
	return back_ring_requests(&t->ring);
}

void tx_begin(struct tx_ring *t)
{
	t->marks->taken = t->ring.req_cons;
	journal_order();
}

void tx_untake(struct tx_ring *t, const struct packet *p)
{
	t->ring.req_cons = p->first;
}

static void take_extra(struct packet *p, const struct netif_extra_info *e)
{
	/* Lists of groups are for those who were told that we have them: nobody. */
	if (e->type != XEN_NETIF_EXTRA_TYPE_GSO || p->offload.gso_type ||
	    (e->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 &&
	     e->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6) ||
	    e->u.gso.size < PACKET_PART_MIN) {
		p->malformed = true;
		return;
	}
	p->offload.gso_type = e->u.gso.type;
	p->offload.gso_size = e->u.gso.size;
}

static void take_slot(struct packet *p, const struct netif_tx_request *r)
{
	if (p->nr_slots == PACKET_SLOTS || !r->size || r->offset >= NET_PAGE) {
		p->malformed = true;
		return;
	}
	p->slots[p->nr_slots].ref = r->gref;
	p->slots[p->nr_slots].offset = r->offset;
	p->slots[p->nr_slots].size = r->size;
	p->nr_slots++;
}

/* The first slot's size is the packet's: what the others have of it is theirs. */
static void check(struct packet *p)
{
	uint32_t rest = p->slots[0].size;

	p->size = rest;
	for (unsigned int i = 1; i < p->nr_slots; i++) {
		if (p->slots[i].size >= rest) {
			p->malformed = true;
			return;
		}
		rest -= p->slots[i].size;
	}
	p->slots[0].size = (uint16_t)rest;
	for (unsigned int i = 0; i < p->nr_slots; i++)
		if (p->slots[i].offset + (uint32_t)p->slots[i].size > NET_PAGE)
			p->malformed = true;
	if (p->size < PACKET_MIN || p->offload.gso_size >= p->size)
		p->malformed = true;
	/* One that is to be cut up gets its checksums when it is. */
	if (p->offload.gso_type)
		p->offload.blank = true;
}

/* One request or extra info of @p out of the ring, at most as many as wait. */
static bool next(struct tx_ring *t, unsigned int waiting, struct packet *p, void *entry, bool extra)
{
	RING_IDX index = t->ring.req_cons;
	const struct netif_tx_request *r = entry;

	if (p->entries == waiting)
		return false;
	back_ring_copy(&t->ring, index, entry, TX_ENTRY);
	t->extra[place(index)] = extra;
	if (extra)
		memcpy(&t->ids[place(index)], entry, sizeof(t->ids[0]));
	else
		t->ids[place(index)] = r->id;
	t->ring.req_cons++;
	p->entries++;
	return true;
}

int tx_take(struct tx_ring *t, unsigned int waiting, struct packet *p)
{
	union {
		struct netif_tx_request request;
		struct netif_extra_info extra;
	} e;
	uint16_t flags;

	memset(p, 0, offsetof(struct packet, slots));
	p->first = t->ring.req_cons;
	if (!next(t, waiting, p, &e, false))
		return -EIO;
	flags = e.request.flags;
	p->offload.blank = flags & NETTXF_csum_blank;
	p->offload.good = flags & (NETTXF_csum_blank | NETTXF_data_validated);
	take_slot(p, &e.request);
	if (flags & NETTXF_extra_info) {
		do {
			if (!next(t, waiting, p, &e, true))
				return -EIO;
			take_extra(p, &e.extra);
		} while (e.extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
	}
	while (flags & NETTXF_more_data) {
		if (!next(t, waiting, p, &e, false))
			return -EIO;
		flags = e.request.flags;
		/* Those belong to the first. */
		if (flags & NETTXF_extra_info)
			p->malformed = true;
		take_slot(p, &e.request);
	}
	if (!p->malformed)
		check(p);
	return p->entries;
}

/*
 * What was taken and not answered: numbers and flags are still there, also under an answer that was
 * written and not published. The frontend may have changed them, and has to live with that.
 */
static unsigned int drop_taken(struct tx_ring *t, RING_IDX until)
{
	bool extra = false, more = false;
	unsigned int packets = 0;

	for (RING_IDX i = t->ring.rsp_prod_pvt; i != until; i++) {
		union {
			struct netif_tx_request request;
			struct netif_extra_info extra;
			uint16_t first;
		} e;

		back_ring_copy(&t->ring, i, &e, TX_ENTRY);
		t->extra[place(i)] = extra;
		t->ids[place(i)] = extra ? e.first : e.request.id;
		if (extra) {
			extra = e.extra.flags & XEN_NETIF_EXTRA_FLAG_MORE;
		} else {
			packets += !more;
			extra = !more && (e.request.flags & NETTXF_extra_info);
			more = e.request.flags & NETTXF_more_data;
		}
		answer(t, NETIF_RSP_DROPPED);
	}
	return packets;
}

int tx_attach(struct tx_ring *t, void *page, struct journal_marks *marks, bool again,
	      unsigned int *lost)
{
	RING_IDX from = 0, to = 0;

	memset(t, 0, sizeof(*t));
	t->marks = marks;
	*lost = 0;
	if (back_ring_attach(&t->ring, page, NET_PAGE, TX_ENTRY, 0, 0))
		return -EIO;
	if (again) {
		from = journal_published(marks, back_ring_published(&t->ring));
		to = marks->taken;
	}
	if (back_ring_attach(&t->ring, page, NET_PAGE, TX_ENTRY, to, from))
		return -EIO;
	*lost = drop_taken(t, to);
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Received packets
 */

int rx_attach(struct rx_ring *r, void *page, struct net_journal *j, bool again)
{
	RING_IDX from = 0;

	memset(r, 0, sizeof(*r));
	r->marks = &j->rx;
	r->buffers = j->buffers;
	if (back_ring_attach(&r->ring, page, NET_PAGE, RX_ENTRY, 0, 0))
		return -EIO;
	if (again)
		from = journal_published(r->marks, back_ring_published(&r->ring));
	r->fetched = from;
	return back_ring_attach(&r->ring, page, NET_PAGE, RX_ENTRY, from, from) ? -EIO : 0;
}

int rx_fetch(struct rx_ring *r)
{
	struct back_ring probe = r->ring;
	int waiting;

	probe.req_cons = r->fetched;
	waiting = back_ring_requests(&probe);
	if (waiting < 0)
		return waiting;
	while (waiting-- > 0) {
		struct journal_buffer *b = &r->buffers[place(r->fetched)];
		struct netif_rx_request request;

		/* Whoever was here before us may have copied it, and written over it. */
		if (b->index != r->fetched) {
			back_ring_copy(&r->ring, r->fetched, &request, sizeof(request));
			b->ref = request.gref;
			b->id = request.id;
			journal_order();
			b->index = r->fetched;
			journal_order();
		}
		r->fetched++;
	}
	return 0;
}

RING_IDX rx_use(struct rx_ring *r, uint32_t size, const struct offload *o, grant_ref_t *refs)
{
	RING_IDX first = r->ring.req_cons;
	bool begin = true;

	while (size) {
		unsigned int at = place(r->ring.req_cons++);
		uint16_t part = (uint16_t)(size < NET_PAGE ? size : NET_PAGE);
		struct netif_rx_response *a = &r->answers[at];

		*refs++ = r->buffers[at].ref;
		size -= part;
		*a = (struct netif_rx_response){ .id = (uint16_t)r->buffers[at].id,
						 .status = (int16_t)part };
		if (size)
			a->flags |= NETRXF_more_data;
		if (begin && o->blank)
			a->flags |= NETRXF_csum_blank | NETRXF_data_validated;
		else if (begin && o->good)
			a->flags |= NETRXF_data_validated;
		if (begin && o->gso_type) {
			struct netif_extra_info e = { .type = XEN_NETIF_EXTRA_TYPE_GSO };

			e.u.gso.size = o->gso_size;
			e.u.gso.type = o->gso_type;
			a->flags |= NETRXF_extra_info;
			/* It takes the place of a buffer, which goes back as it came. */
			memcpy(&r->answers[place(r->ring.req_cons++)], &e, sizeof(e));
		}
		begin = false;
	}
	return first;
}

void rx_fail(struct rx_ring *r, RING_IDX first)
{
	uint16_t more = NETRXF_more_data;

	for (RING_IDX i = first; more && i != r->ring.req_cons; i++) {
		struct netif_rx_response *a = &r->answers[place(i)];

		more = a->flags & NETRXF_more_data;
		a->status = NETIF_RSP_ERROR;
		if (a->flags & NETRXF_extra_info)
			i++;
	}
}

bool rx_push(struct rx_ring *r)
{
	if (r->ring.rsp_prod_pvt == r->ring.req_cons)
		return false;
	while (r->ring.rsp_prod_pvt != r->ring.req_cons)
		back_ring_respond(&r->ring, &r->answers[place(r->ring.rsp_prod_pvt)],
				  sizeof(r->answers[0]));
	return push(&r->ring, r->marks);
}

bool rx_sleep(struct rx_ring *r)
{
	struct back_ring probe = r->ring;

	probe.req_cons = r->fetched;
	return back_ring_sleep(&probe);
}
