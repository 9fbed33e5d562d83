/* SPDX-License-Identifier: MIT */
/*
 * A virtual network interface: one queue, packets of at most a page.
 *
 * Nothing is copied here. What is sent is granted, read-only, where it lies; what arrives was put
 * by the backend into a page of ours, whose grant is ended before receive() looks at it, so that
 * the backend cannot change it any more. Neither takes a hypercall.
 *
 * The backend is not trusted: as with disks, an answer that fits no question ends the device; a
 * page that it does not let go of is never used again.
 */
#ifndef FRONTENDS_LIB_NETFRONT_H
#define FRONTENDS_LIB_NETFRONT_H

#include "frontends/lib/ring.h"
#include "frontends/lib/xenbus.h"
#include "pv-abi/io/netif.h"

#define NETFRONT_BUFFERS 64u	/* pages for what arrives, a power of two */

/*
 * The checksum over TCP or UDP data is still to be filled in: its field holds that of the
 * pseudo-header. In what arrives: it need not be looked at, and must be filled in to pass it on.
 */
#define NET_CSUM_BLANK	1u
/* What arrives: the checksum was verified. */
#define NET_CSUM_GOOD	2u

/* Belongs to the caller, and stays in its place from netfront_send() to done(). */
struct net_packet {
	const void *data;	/* a frame from its destination address on, within one page */
	uint16_t size;		/* bytes */
	uint16_t flags;		/* NET_CSUM_BLANK */
	/*
	 * It was sent (.status 0), dropped or was not (-EIO). .stuck: the backend has not let go of
	 * the page, which may not be used for anything again.
	 */
	void (*done)(struct net_packet *p);
	void *context;		/* the caller's */
	int status;
	bool stuck;
	grant_ref_t ref;	/* the library's */
};

struct netfront {
	struct xenbus_device xenbus;
	/*
	 * A packet has come: @size bytes at @data until it returns, @flags of NET_CSUM_. May call
	 * netfront_send(). Set by the caller before netfront_open().
	 */
	void (*receive)(struct netfront *n, const void *data, unsigned int size,
			unsigned int flags);
	void *context;			/* the caller's */
	uint8_t mac[6];
	bool checksums;			/* known when connected: the backend takes NET_CSUM_BLANK */
	uint64_t dropped;		/* answers about packets that were not such, pages lost */
	/* The library's. */
	struct xenbus_ring tx_shared, rx_shared;
	struct netif_tx_front_ring tx;
	struct netif_rx_front_ring rx;
	struct slots slots;
	struct net_packet *packets[SLOTS_MAX];
	struct {
		void *page;		/* NULL: there was none */
		grant_ref_t ref;
		bool granted;
	} buffers[SLOTS_MAX];		/* by place in the ring */
	bool in_extras;			/* the next answer is an extra info */
	bool in_chain;			/* the next answer goes on with an unwanted packet */
};

/*
 * netfront_open - the interface device/vif/@id; as xenbus_open(). -EINVAL also: its address is
 * none. @n begins zeroed but for receive() and context.
 */
int netfront_open(struct netfront *n, struct store *s, const char *id);

/* netfront_resume - as xenbus_resume(). Its address may be another one. */
int netfront_resume(struct netfront *n);

/*
 * netfront_send - hands @p to the backend.
 * -ENODEV: not connected. -EINVAL: empty, or over a page's end. -EOPNOTSUPP: NET_CSUM_BLANK without
 * .checksums. -EAGAIN: the ring or the grant table is full.
 */
int netfront_send(struct netfront *n, struct net_packet *p);

/* netfront_poll - takes what has come and what was sent. The event's handler does; also without. */
void netfront_poll(struct netfront *n);

#endif
