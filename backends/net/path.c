// SPDX-License-Identifier: GPL-2.0-or-later
/* The way of packets. */
#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backends/net/vif.h"
#include "libhvctl/store/evtchn.h"

/* Pieces that one packet can come to: its slots, its buffers, its head in one or two of them. */
#define PIECES		(2 * PACKET_SLOTS + 4)
#define BUFFERS		(NET_FRAME / NET_PAGE + 1)

/* A packet of the turn. */
struct item {
	struct packet p;
	struct frame frame;
	uint8_t head[FRAME_HEAD];
	uint16_t head_size;
	bool failed;			/* the sender is told so */
	bool paged;			/* from page to page: either side may have failed */
	uint32_t direct, bounced;	/* bytes, for the counts */
	uint8_t *whole;			/* all of it, for those who are not served from its pages */
	struct vif *to;			/* of those, the one; NULL: .way says */
	enum switch_way way;
};

/* ------------------------------------------------------------------------------------------------
 * Copies
 */

/* What was planned is done; whoever did not get all of it got nothing. */
static void flush(struct net *n)
{
	bool nothing = gntdev_copy(n->gntdev, n->segments, n->nr_segments) != 0;

	for (unsigned int i = 0; i < n->nr_outs; i++) {
		const struct net_out *o = &n->outs[i];
		bool failed = nothing;

		for (unsigned int s = o->begin; s < o->end && !failed; s++)
			failed = n->segments[s].status != 0;
		if (failed && o->failed)
			*o->failed = true;
		if (!o->to)
			continue;
		if (failed) {
			rx_fail(&o->to->rx, o->first);
			o->to->journal->counts.dropped++;
		} else {
			o->to->journal->counts.received++;
			o->to->journal->counts.received_bytes += o->size;
		}
	}
	n->nr_segments = n->nr_outs = n->parts_used = 0;
}

/* There will be something to tell it when the turn is over. */
static void touch(struct net *n, struct vif *v)
{
	if (v->touched)
		return;
	v->touched = true;
	v->next_touched = n->touched;
	n->touched = v;
}

static void make_room(struct net *n)
{
	if (n->nr_segments + PIECES > NET_SEGMENTS || n->nr_outs == NET_SEGMENTS)
		flush(n);
}

static struct net_out *out_begin(struct net *n, struct vif *to, RING_IDX first, uint32_t size,
				 bool *failed)
{
	struct net_out *o = &n->outs[n->nr_outs++];

	*o = (struct net_out){ .to = to, .first = first, .size = size, .begin = n->nr_segments,
			       .end = n->nr_segments, .failed = failed };
	if (to)
		touch(n, to);
	return o;
}

static void add(struct net *n, struct net_out *o, union gntdev_side source, union gntdev_side dest,
		uint32_t size, unsigned int flags)
{
	n->segments[n->nr_segments++] = (struct gntdev_segment){
		.source = source, .dest = dest, .size = (uint16_t)size, .flags = (uint16_t)flags,
	};
	o->end = n->nr_segments;
}

/* Where the next byte of a packet goes: the buffers of its receiver, one after the other. */
struct cursor {
	grant_ref_t refs[BUFFERS];
	uint32_t at;
};

static void put(struct net *n, struct net_out *o, struct cursor *c, union gntdev_side source,
		unsigned int flags, uint32_t size)
{
	while (size) {
		uint32_t offset = c->at % NET_PAGE, part = NET_PAGE - offset;
		union gntdev_side dest = { .foreign = { .ref = c->refs[c->at / NET_PAGE],
							.offset = (uint16_t)offset,
							.domid = o->to->domid } };

		if (part > size)
			part = size;
		add(n, o, source, dest, part, flags | GNTDEV_DEST_FOREIGN);
		if (flags & GNTDEV_SOURCE_FOREIGN)
			source.foreign.offset = (uint16_t)(source.foreign.offset + part);
		else
			source.local = (uint8_t *)source.local + part;
		c->at += part;
		size -= part;
	}
}

/* ------------------------------------------------------------------------------------------------
 * To a guest
 */

/* Whether @v can take such a packet as it is. */
static bool takes(const struct vif *v, uint32_t size, const struct offload *o,
		  const struct frame *f)
{
	uint32_t needed = 0;

	if (size > NET_PAGE)
		needed |= NET_CAN_SG;
	if (o->blank)
		needed |= f->version == 6 ? NET_CAN_CSUM6 : NET_CAN_CSUM4;
	if (o->gso_type == XEN_NETIF_GSO_TYPE_TCPV4)
		needed |= NET_CAN_GSO4;
	else if (o->gso_type)
		needed |= NET_CAN_GSO6;
	return !(needed & ~v->flags);
}

static bool has_room(struct vif *to, uint32_t size, const struct offload *o)
{
	unsigned int needed = rx_needed(size, o);

	if (rx_room(&to->rx) >= needed)
		return true;
	if (rx_fetch(&to->rx)) {
		to->broken = "the frontend's index of buffers is impossible";
		return false;
	}
	return rx_room(&to->rx) >= needed;
}

static bool alive(const struct vif *v)
{
	return v->connected && !v->broken;
}

/* @size bytes at @data, which stay there until the next flush(). */
static void give_local(struct net *n, struct vif *to, const uint8_t *data, uint32_t size,
		       const struct offload *o)
{
	const union gntdev_side source = { .local = (void *)data };
	struct cursor c = { .at = 0 };
	struct net_out *out;

	if (!has_room(to, size, o)) {
		to->journal->counts.dropped++;
		return;
	}
	make_room(n);
	out = out_begin(n, to, rx_use(&to->rx, size, o, c.refs), size, NULL);
	put(n, out, &c, source, 0, size);
}

/* It stays as it is until the next flush(), and that is not before it was given to somebody. */
static uint8_t *part_room(struct net *n, uint32_t size)
{
	uint8_t *at;

	make_room(n);
	if (n->parts_used + size > sizeof(n->parts))
		flush(n);
	at = n->parts + n->parts_used;
	n->parts_used += size;
	return at;
}

/* For one who cannot take it as it is: checksums are filled in, and what is too long is cut. */
static void give_done(struct net *n, struct vif *to, const uint8_t *data, uint32_t size,
		      const struct offload *o, const struct frame *f)
{
	static const struct offload none = { .good = true };
	uint8_t *part;
	int got;

	if (!o->gso_type && size > NET_PAGE) {
		to->journal->counts.dropped++;
		return;
	}
	if (!o->gso_type) {
		part = part_room(n, size);
		memcpy(part, data, size);
		if (o->blank && frame_finish(part, size, f))
			to->journal->counts.dropped++;
		else
			give_local(n, to, part, size, &none);
		return;
	}
	for (unsigned int i = 0;; i++) {
		part = part_room(n, f->end + (uint32_t)o->gso_size);
		got = frame_cut(data, size, f, o->gso_size, i, part);
		if (got == 0)
			return;
		if (got < 0 || !takes(to, (uint32_t)got, &none, f) ||
		    !has_room(to, (uint32_t)got, &none)) {
			to->journal->counts.dropped++;
			return;
		}
		give_local(n, to, part, (uint32_t)got, &none);
	}
}

static void give(struct net *n, struct vif *to, const uint8_t *data, uint32_t size,
		 const struct offload *o, const struct frame *f)
{
	if (!alive(to))
		return;
	if (takes(to, size, o, f))
		give_local(n, to, data, size, o);
	else
		give_done(n, to, data, size, o, f);
}

static void give_all(struct net *n, const struct lan *l, const struct vif *but, const uint8_t *data,
		     uint32_t size, const struct offload *o, const struct frame *f)
{
	for (struct vif *v = n->vifs; v; v = v->next)
		if (v != but && v->lan == l)
			give(n, v, data, size, o, f);
}

static struct vif *find(struct net *n, const struct lan *l, const uint8_t *mac)
{
	struct vif *v = n->vifs;

	while (v && (v->lan != l || memcmp(v->port.mac, mac, 6)))
		v = v->next;
	return v;
}

/* All that was given, and answered, is published. */
static void push(struct net *n)
{
	while (n->touched) {
		struct vif *v = n->touched;

		n->touched = v->next_touched;
		v->touched = false;
		if (!alive(v))
			continue;
		if (rx_push(&v->rx))
			evtchn_notify(v->evtchn, v->rx_port);
		if (tx_push(&v->tx))
			evtchn_notify(v->evtchn, v->tx_port);
	}
}

/* ------------------------------------------------------------------------------------------------
 * The uplink
 */

/* False: it was not taken. */
static bool uplink_send(const struct lan *l, const uint8_t *data, uint32_t size,
			const struct offload *o, const struct frame *f)
{
	struct virtio_net_hdr h = { .gso_type = VIRTIO_NET_HDR_GSO_NONE };
	struct iovec iov[2] = { { &h, sizeof(h) }, { (void *)data, size } };

	if (o->blank) {
		if (!f->checksum || f->end > size)
			return false;
		h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.csum_start = f->transport;
		h.csum_offset = (uint16_t)(f->checksum - f->transport);
	}
	if (o->gso_type) {
		if (f->protocol != FRAME_TCP)
			return false;
		h.gso_type = o->gso_type == XEN_NETIF_GSO_TYPE_TCPV4 ? VIRTIO_NET_HDR_GSO_TCPV4 :
								       VIRTIO_NET_HDR_GSO_TCPV6;
		h.gso_size = o->gso_size;
		h.hdr_len = f->end;
	}
	return writev(l->tap, iov, 2) >= 0;
}

bool lan_receive(struct net *n, struct lan *l)
{
	unsigned int nr = 0;

	for (; nr < NET_UPLINK_BATCH && l->tap >= 0; nr++) {
		uint8_t *data = l->packets + nr * NET_FRAME;
		struct virtio_net_hdr h;
		struct iovec iov[2] = { { &h, sizeof(h) }, { data, NET_FRAME } };
		ssize_t got = readv(l->tap, iov, 2);
		struct offload o = { 0 };
		struct frame f;
		uint32_t size;
		struct vif *to;

		if (got < (ssize_t)(sizeof(h) + PACKET_MIN))
			break;
		size = (uint32_t)got - (uint32_t)sizeof(h);
		o.blank = h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
		o.good = h.flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID);
		o.gso_size = h.gso_size;
		if ((h.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_TCPV4)
			o.gso_type = XEN_NETIF_GSO_TYPE_TCPV4;
		else if ((h.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_TCPV6)
			o.gso_type = XEN_NETIF_GSO_TYPE_TCPV6;
		else
			o.gso_size = 0;
		if (o.gso_type && o.gso_size < PACKET_PART_MIN)
			continue;
		/* Nobody out there has the address of one of ours. */
		if (find(n, l, data + 6))
			continue;
		frame_parse(data, size < FRAME_HEAD ? size : FRAME_HEAD, &f);
		switch (switch_in(data)) {
		case SWITCH_ALL:
			if (packet_for_all(size, &o))
				give_all(n, l, NULL, data, size, &o, &f);
			break;
		case SWITCH_ONE:
			to = find(n, l, data);
			if (to)
				give(n, to, data, size, &o, &f);
			break;
		default:
			break;
		}
	}
	flush(n);
	push(n);
	return nr == NET_UPLINK_BATCH;
}

/* ------------------------------------------------------------------------------------------------
 * From a guest
 */

static struct item items[NET_BATCH];

static union gntdev_side slot_side(const struct vif *v, const struct packet *p, unsigned int slot,
				   uint32_t skip)
{
	return (union gntdev_side){ .foreign = {
		.ref = p->slots[slot].ref,
		.offset = (uint16_t)(p->slots[slot].offset + skip),
		.domid = v->domid,
	} };
}

/* The first bytes of each packet, of as many pieces as they are spread over. */
static void fetch_heads(struct net *n, struct vif *v, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct item *m = &items[i];
		struct net_out *o;

		if (m->p.malformed)
			continue;
		make_room(n);
		o = out_begin(n, NULL, 0, 0, &m->failed);
		for (unsigned int s = 0; s < m->p.nr_slots && m->head_size < FRAME_HEAD; s++) {
			uint32_t part = FRAME_HEAD - m->head_size;

			if (part > m->p.slots[s].size)
				part = m->p.slots[s].size;
			add(n, o, slot_side(v, &m->p, s, 0),
			    (union gntdev_side){ .local = m->head + m->head_size }, part,
			    GNTDEV_SOURCE_FOREIGN);
			m->head_size = (uint16_t)(m->head_size + part);
		}
	}
	flush(n);
}

/* From guest to guest: the head from our copy, the rest from page to page. */
static void give_direct(struct net *n, const struct vif *v, struct item *m, struct vif *to)
{
	struct cursor c = { .at = 0 };
	uint32_t skip = m->head_size;
	struct net_out *o;

	make_room(n);
	o = out_begin(n, to, rx_use(&to->rx, m->p.size, &m->p.offload, c.refs), m->p.size,
		      &m->failed);
	put(n, o, &c, (union gntdev_side){ .local = m->head }, 0, m->head_size);
	for (unsigned int s = 0; s < m->p.nr_slots; s++) {
		uint32_t size = m->p.slots[s].size, gone = skip < size ? skip : size;

		put(n, o, &c, slot_side(v, &m->p, s, gone), GNTDEV_SOURCE_FOREIGN, size - gone);
		skip -= gone;
	}
	m->direct = m->p.size - m->head_size;
	m->paged = true;
}

/* The whole packet to us. False: there is no room for it in this turn. */
static bool fetch_whole(struct net *n, const struct vif *v, struct item *m)
{
	uint32_t skip = m->head_size, at = skip;
	struct net_out *o;

	if (n->room_used + m->p.size > sizeof(n->room))
		return false;
	make_room(n);
	m->whole = n->room + n->room_used;
	n->room_used += m->p.size;
	memcpy(m->whole, m->head, skip);
	o = out_begin(n, NULL, 0, 0, &m->failed);
	for (unsigned int s = 0; s < m->p.nr_slots; s++) {
		uint32_t size = m->p.slots[s].size, gone = skip < size ? skip : size;

		if (size > gone)
			add(n, o, slot_side(v, &m->p, s, gone),
			    (union gntdev_side){ .local = m->whole + at }, size - gone,
			    GNTDEV_SOURCE_FOREIGN);
		at += size - gone;
		skip -= gone;
	}
	m->bounced = m->p.size - m->head_size;
	return true;
}

/*
 * Whose fault it was that a copy from page to page failed is seen by a copy of the sender's part
 * alone: another one's buffers are no error of the sender's. Whose own pages are not there costs
 * others no more buffers, for its packets are copied to us first from now on.
 */
static void find_fault(struct net *n, struct vif *v, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct item *m = &items[i];

		if (!m->paged || !m->failed)
			continue;
		m->failed = false;
		m->direct = 0;
		n->room_used = 0;
		fetch_whole(n, v, m);
		flush(n);
		v->unsound |= m->failed;
	}
}

/* Not for longer than that: others' waits at the same time are no reason to wait less later. */
static void spend_wait(struct limit *l, uint64_t time)
{
	limit_spend(l, time / 1000 + 1);
	if (l->level < -limit_burst(l))
		l->level = -limit_burst(l);
}

/*
 * The wait of @v is over, whatever has become of its packet: the sender may have written another
 * one over it. Both pay, it and the one for whom it waited.
 */
static void waited(const struct net *n, struct vif *v, uint64_t now)
{
	uint64_t time = now + NET_PATIENCE - v->patience;
	struct vif *to = n->vifs;

	if (!v->patience)
		return;
	v->patience = 0;
	while (to && (to->domid != v->patience_domid || to->devid != v->patience_devid))
		to = to->next;
	/* What it took until its turn came is nobody's. */
	if (time > NET_PATIENCE)
		time = NET_PATIENCE;
	if (to)
		spend_wait(&to->waited, time);
	spend_wait(&v->waits, time);
}

/*
 * Whether a packet for @to, which has no buffers for it, waits in the sender's ring: it does once,
 * for a while, unless others have waited for that one in vain.
 */
static bool waits(const struct net *n, struct vif *v, struct vif *to, uint64_t now)
{
	if (to->domid != v->patience_domid || to->devid != v->patience_devid)
		waited(n, v, now);
	if (!alive(to) || to->stalled)
		return false;
	if (!v->patience && (limit_wait(&to->waited, now) || limit_wait(&v->waits, now)))
		return false;
	if (!v->patience)
		v->patience = now + NET_PATIENCE;
	v->patience_domid = to->domid;
	v->patience_devid = to->devid;
	if (now >= v->patience) {
		to->stalled = true;
		return false;
	}
	wake_vif(v, v->patience);
	/* If some come just now, the next turn is at once. */
	if (rx_sleep(&to->rx))
		wake_vif(v, now + 1);
	return true;
}

/* False: it and those behind it stay where they are. */
static bool forward(struct net *n, struct vif *v, struct item *m, uint64_t now)
{
	struct net_counts *counts = &v->journal->counts;

	if (m->p.malformed) {
		counts->malformed++;
		m->failed = true;
		return true;
	}
	if (m->failed) {
		counts->errors++;
		return true;
	}
	frame_parse(m->head, m->head_size, &m->frame);
	m->way = switch_from(&v->port, m->head, m->head_size, &m->frame);
	if (m->way == SWITCH_SPOOFED) {
		counts->spoofed++;
		return true;
	}
	if (m->way == SWITCH_NOBODY)
		return true;
	if (m->way == SWITCH_ALL && !packet_for_all(m->p.size, &m->p.offload)) {
		counts->malformed++;
		m->failed = true;
		return true;
	}
	if (m->way == SWITCH_ALL) {
		if (limit_wait(&v->floods, now)) {
			counts->limited++;
			return true;
		}
		if (!fetch_whole(n, v, m))
			return false;
		limit_spend(&v->floods, 1 + m->p.size / NET_FLOOD_PART);
		return true;
	}
	m->to = find(n, v->lan, m->head);
	if (!m->to)
		return v->lan->tap < 0 || fetch_whole(n, v, m);
	if (!alive(m->to))
		return true;
	if (!has_room(m->to, m->p.size, &m->p.offload)) {
		if (waits(n, v, m->to, now))
			return false;
		m->to->journal->counts.dropped++;
		return true;
	}
	m->to->stalled = false;
	if (v->unsound || !takes(m->to, m->p.size, &m->p.offload, &m->frame))
		return fetch_whole(n, v, m);
	give_direct(n, v, m, m->to);
	return true;
}

/* What came to us as a whole goes on. */
static void forward_whole(struct net *n, struct vif *v, struct item *m)
{
	const struct offload *o = &m->p.offload;

	if (m->to) {
		give(n, m->to, m->whole, m->p.size, o, &m->frame);
		return;
	}
	if (v->lan->tap >= 0 && !uplink_send(v->lan, m->whole, m->p.size, o, &m->frame))
		v->journal->counts.errors++;
	if (m->way == SWITCH_ALL)
		give_all(n, v->lan, v, m->whole, m->p.size, o, &m->frame);
}

/* Packets of the turn into items[]. */
static unsigned int take(struct vif *v, int waiting, uint64_t now)
{
	unsigned int nr = 0;

	while (waiting > 0 && nr < NET_BATCH) {
		struct item *m = &items[nr];
		uint64_t wait = limit_wait(&v->bps, now);
		int got;

		if (wait) {
			v->journal->counts.limited++;
			wake_vif(v, now + wait);
			break;
		}
		m->head_size = 0;
		m->direct = m->bounced = 0;
		m->failed = m->paged = false;
		m->whole = NULL;
		m->to = NULL;
		got = tx_take(&v->tx, (unsigned int)waiting, &m->p);
		if (got < 0) {
			v->broken = "a packet of the frontend's has no end";
			return 0;
		}
		limit_spend(&v->bps, packet_sent(m->p.size, &m->p.offload));
		waiting -= got;
		nr++;
	}
	return nr;
}

static void finish(struct vif *v, const struct item *m)
{
	struct net_counts *counts = &v->journal->counts;

	if (!m->failed) {
		counts->sent++;
		counts->sent_bytes += m->p.size;
		counts->head_bytes += m->head_size;
		counts->direct_bytes += m->direct;
		counts->bounced_bytes += m->bounced;
	}
	tx_answer(&v->tx, &m->p, m->failed ? NETIF_RSP_ERROR : NETIF_RSP_OKAY);
}

bool vif_send(struct net *n, struct vif *v, uint64_t now)
{
	unsigned int nr, done = 0;
	int waiting;

	if (!alive(v))
		return false;
	waiting = tx_waiting(&v->tx);
	if (waiting < 0) {
		v->broken = "the frontend's index of packets is impossible";
		return false;
	}
	nr = take(v, waiting, now);
	if (v->broken)
		return false;
	if (!nr)
		return !v->wake && back_ring_sleep(&v->tx.ring);
	touch(n, v);
	tx_begin(&v->tx);
	n->room_used = 0;
	fetch_heads(n, v, nr);
	while (done < nr && forward(n, v, &items[done], now)) {
		waited(n, v, now);
		done++;
	}
	if (done < nr) {
		tx_untake(&v->tx, &items[done].p);
		for (unsigned int i = done; i < nr; i++)
			limit_spend(&v->bps, -(uint64_t)packet_sent(items[i].p.size,
								   &items[i].p.offload));
	}
	flush(n);
	for (unsigned int i = 0; i < done; i++)
		if (items[i].whole && !items[i].failed)
			forward_whole(n, v, &items[i]);
	flush(n);
	find_fault(n, v, done);
	for (unsigned int i = 0; i < done; i++)
		finish(v, &items[i]);
	push(n);
	/* After the answers, so that what was put back is not taken for one of them. */
	tx_begin(&v->tx);
	if (v->wake)
		return false;
	return done == NET_BATCH || done < nr || back_ring_sleep(&v->tx.ring);
}
