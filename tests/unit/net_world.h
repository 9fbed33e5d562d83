/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests for the data path of hvnetd: each with pages that it granted, two of which are its rings,
 * and a frontend that writes them as stock ones do, or not. What the kernel and the hypervisor do
 * is here; no byte outside the granted pages, or in one that is not granted, is touched by a copy.
 */
#ifndef ANNULUS_TESTS_UNIT_NET_WORLD_H
#define ANNULUS_TESTS_UNIT_NET_WORLD_H

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/net/vif.h"
#include "libhvctl/store/evtchn.h"

#define W_GUESTS	3u
#define W_PAGES		320u		/* of a guest; the reference is the page's number */
#define W_TX		0u		/* its rings, and what it sends and receives with */
#define W_RX		1u
#define W_SEND		2u
#define W_RECEIVE	40u

struct guest {
	uint8_t pages[W_PAGES][NET_PAGE] __attribute__((aligned(4096)));
	bool revoked[W_PAGES];
	struct netif_tx_front_ring tx;
	struct netif_rx_front_ring rx;
	unsigned int next_page;		/* of those to send from */
	unsigned int mapped, events;
	struct net_journal journal;
	struct vif vif;
	struct net_connection connection;
};

static struct {
	struct net net;
	struct lan lan;
	struct guest guests[W_GUESTS];
	int outside;			/* the other end of the tap */
	unsigned int binds;		/* tries to bind port 999, which is none */
	void (*after_copy)(void);	/* what a guest does meanwhile; once */
	uint64_t now;
} world;

static bool inside(domid_t domid, grant_ref_t ref)
{
	return domid >= 1 && domid <= W_GUESTS && ref < W_PAGES &&
	       !world.guests[domid - 1].revoked[ref];
}

int gntdev_map(int fd, domid_t domid, const grant_ref_t *refs, uint32_t nr, bool writable,
	       uint64_t *index, void **base)
{
	if (nr != 1 || !inside(domid, *refs))
		return -EINVAL;
	world.guests[domid - 1].mapped++;
	*index = domid;
	*base = world.guests[domid - 1].pages[*refs];
	return 0;
}

int gntdev_unmap(int fd, uint64_t index, void *base, uint32_t nr)
{
	assert(world.guests[index - 1].mapped);
	world.guests[index - 1].mapped--;
	return 0;
}

static uint8_t *side(const union gntdev_side *s, bool foreign, uint32_t size)
{
	if (!foreign)
		return s->local;
	/* The kernel takes none that crosses a page. */
	assert(s->foreign.offset + size <= NET_PAGE);
	if (!inside(s->foreign.domid, s->foreign.ref))
		return NULL;
	return world.guests[s->foreign.domid - 1].pages[s->foreign.ref] + s->foreign.offset;
}

int gntdev_copy(int fd, struct gntdev_segment *segments, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct gntdev_segment *s = &segments[i];
		uint8_t *from = side(&s->source, s->flags & GNTDEV_SOURCE_FOREIGN, s->size);
		uint8_t *to = side(&s->dest, s->flags & GNTDEV_DEST_FOREIGN, s->size);

		assert(s->size && s->size <= NET_PAGE);
		s->status = from && to ? 0 : -3;
		if (!s->status)
			memmove(to, from, s->size);
	}
	if (world.after_copy && nr) {
		world.after_copy();
		world.after_copy = NULL;
	}
	return 0;
}

int evtchn_bind(int fd, domid_t domid, uint32_t port)
{
	if (port == 999) {
		world.binds++;
		return -EINVAL;
	}
	return (int)(domid * 100 + port);
}

int evtchn_unbind(int fd, uint32_t port)
{
	return 0;
}

int evtchn_notify(int fd, uint32_t port)
{
	world.guests[port / 100 - 1].events++;
	return 0;
}

int evtchn_unmask(int fd, uint32_t port)
{
	return 0;
}

/* ---- frontends ---- */

static void front_init(struct guest *g)
{
	memset(g->pages[W_TX], 0, NET_PAGE);
	memset(g->pages[W_RX], 0, NET_PAGE);
	SHARED_RING_INIT((struct netif_tx_sring *)g->pages[W_TX]);
	SHARED_RING_INIT((struct netif_rx_sring *)g->pages[W_RX]);
	FRONT_RING_INIT(&g->tx, (struct netif_tx_sring *)g->pages[W_TX], NET_PAGE);
	FRONT_RING_INIT(&g->rx, (struct netif_rx_sring *)g->pages[W_RX], NET_PAGE);
	g->next_page = 0;
}

static __attribute__((unused)) struct netif_tx_request *front_slot(struct guest *g)
{
	return RING_GET_REQUEST(&g->tx, g->tx.req_prod_pvt++);
}

/*
 * @size bytes at @data, in pieces of at most @piece bytes, as stock frontends send them; GSO of
 * @gso bytes of IPv4 if that is not 0.
 */
static __attribute__((unused)) void front_send(struct guest *g, const void *data, uint32_t size,
					       uint32_t piece, uint16_t flags, uint16_t gso)
{
	for (uint32_t at = 0; at < size; at += piece) {
		uint32_t part = size - at < piece ? size - at : piece;
		unsigned int page = W_SEND + g->next_page++ % (W_RECEIVE - W_SEND);
		struct netif_tx_request r = {
			.gref = page,
			.offset = (uint16_t)(NET_PAGE - part < 100 ? NET_PAGE - part : 100),
			.id = (uint16_t)(1000 + g->tx.req_prod_pvt),
			.size = (uint16_t)(at ? part : size),
			.flags = (uint16_t)(at ? 0 : flags),
		};

		memcpy(g->pages[page] + r.offset, (const uint8_t *)data + at, part);
		if (at + part < size)
			r.flags |= NETTXF_more_data;
		if (!at && gso)
			r.flags |= NETTXF_extra_info;
		*front_slot(g) = r;
		if (!at && gso) {
			struct netif_extra_info e = { .type = XEN_NETIF_EXTRA_TYPE_GSO };

			e.u.gso.size = gso;
			e.u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4;
			memcpy(front_slot(g), &e, sizeof(e));
		}
	}
	g->tx.sring->req_prod = g->tx.req_prod_pvt;
}

/* @nr buffers; the page of a place is always the same. */
static __attribute__((unused)) void front_offer(struct guest *g, unsigned int nr)
{
	while (nr--) {
		unsigned int at = g->rx.req_prod_pvt % 256;

		*RING_GET_REQUEST(&g->rx, g->rx.req_prod_pvt++) = (struct netif_rx_request){
			.id = (uint16_t)at, .gref = W_RECEIVE + at };
	}
	g->rx.sring->req_prod = g->rx.req_prod_pvt;
}

struct got {
	uint32_t size, slots;
	uint16_t flags, gso;
	bool error;
	uint8_t data[70000];
};

/* The next packet that came. */
static __attribute__((unused)) bool front_receive(struct guest *g, struct got *p)
{
	bool more = true;

	if (g->rx.rsp_cons == g->rx.sring->rsp_prod)
		return false;
	memset(p, 0, offsetof(struct got, data));
	while (more) {
		struct netif_rx_response r = *RING_GET_RESPONSE(&g->rx, g->rx.rsp_cons);
		unsigned int at = g->rx.rsp_cons++ % 256;

		assert(r.id == at);
		if (!p->slots++)
			p->flags = r.flags;
		more = r.flags & NETRXF_more_data;
		if (r.status < 0) {
			p->error = true;
		} else {
			assert(p->size + (uint32_t)r.status <= sizeof(p->data));
			memcpy(p->data + p->size, g->pages[W_RECEIVE + at] + r.offset,
			       (size_t)r.status);
			p->size += (uint32_t)r.status;
		}
		if (r.flags & NETRXF_extra_info) {
			struct netif_extra_info e;

			memcpy(&e, RING_GET_RESPONSE(&g->rx, g->rx.rsp_cons++), sizeof(e));
			assert(e.type == XEN_NETIF_EXTRA_TYPE_GSO && !e.flags);
			p->gso = e.u.gso.size;
		}
	}
	assert(g->rx.rsp_cons <= g->rx.sring->rsp_prod);
	return true;
}

/* ---- the world ---- */

static const uint8_t mac_of[W_GUESTS][6] = {
	{ 0, 0x16, 0x3e, 0, 0, 1 }, { 0, 0x16, 0x3e, 0, 0, 2 }, { 0, 0x16, 0x3e, 0, 0, 3 },
};

static void world_connect(unsigned int i, bool *again)
{
	struct guest *g = &world.guests[i];
	int error = vif_connect(&world.net, &g->vif, &g->connection, again);

	assert(!error);
	limit_set(&g->vif.floods, NET_FLOODS, world.now);
}

/* Another process comes: what was in the memory of this one is gone, rings and journals stay. */
static __attribute__((unused)) void world_kill(void)
{
	for (unsigned int i = 0; i < W_GUESTS; i++) {
		struct guest *g = &world.guests[i];
		struct vif fresh = { .next = g->vif.next, .domid = g->vif.domid, .lan = &world.lan,
				     .port = g->vif.port, .journal = &g->journal };

		g->vif = fresh;
		g->mapped = 0;
	}
}

/* What world.guests[].connection says beyond rings and ports is the caller's. */
static void world_init(uint32_t flags)
{
	int pair[2], error = socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);

	assert(!error);
	memset(&world, 0, sizeof(world));
	world.now = 1000000000;
	world.lan.tap = pair[0];
	world.outside = pair[1];
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	world.lan.packets = malloc(NET_ROOM);
	world.net.lans = &world.lan;
	for (unsigned int i = W_GUESTS; i-- > 0;) {
		struct guest *g = &world.guests[i];
		bool again;

		g->vif = (struct vif){ .next = world.net.vifs, .domid = (domid_t)(i + 1),
				       .lan = &world.lan, .journal = &g->journal };
		memcpy(g->vif.port.mac, mac_of[i], 6);
		world.net.vifs = &g->vif;
		g->connection = (struct net_connection){ .nonce = 5 + i, .tx_ref = W_TX,
							 .rx_ref = W_RX, .tx_port = 1, .rx_port = 2,
							 .flags = flags };
		front_init(g);
		world_connect(i, &again);
	}
}

static __attribute__((unused)) void world_end(void)
{
	for (unsigned int i = 0; i < W_GUESTS; i++) {
		vif_disconnect(&world.net, &world.guests[i].vif);
		assert(!world.guests[i].mapped);
	}
	close(world.outside);
	close(world.lan.tap);
	free(world.lan.packets);
}

/* Turns until nobody has anything to do now. */
static __attribute__((unused)) void world_run(void)
{
	bool more = true;

	for (unsigned int rounds = 0; more; rounds++) {
		assert(rounds < 1000);
		more = lan_receive(&world.net, &world.lan);
		for (unsigned int i = 0; i < W_GUESTS; i++) {
			world.guests[i].vif.wake = 0;
			vif_listen(&world.guests[i].vif, world.now);
			more |= vif_send(&world.net, &world.guests[i].vif, world.now);
		}
	}
}

#define ALL_FLAGS (NET_CAN_SG | NET_CAN_GSO4 | NET_CAN_GSO6 | NET_CAN_CSUM4 | NET_CAN_CSUM6)

#endif
