/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One guest's network interface as the worker serves it, and the networks that they are on.
 *
 * From guest to guest a packet's data are copied once, by the hypervisor, from the sender's granted
 * pages to the receiver's. Its head is copied to us before, looked at, and sent from there: what
 * was looked at is what arrives. What goes to an uplink, to many, or to one who has to have
 * something done to it first, is copied to us as a whole.
 */
#ifndef NET_VIF_H
#define NET_VIF_H

#include "backends/lib/gntdev.h"
#include "backends/lib/limit.h"
#include "backends/net/switch.h"

/* Packets of one interface, or of one uplink, that are taken in one turn. */
#define NET_BATCH	32u
#define NET_UPLINK_BATCH 8u
/* Room for a packet as it comes from an uplink: 64 KiB of data and headers. */
#define NET_FRAME	67584u
#define NET_ROOM	(NET_UPLINK_BATCH * NET_FRAME)
/* Pieces of one copy. Tests have less of them. */
#ifndef NET_SEGMENTS
#define NET_SEGMENTS	1024u
#endif
/*
 * How long a packet waits for the receiver's buffers, in ns, before it is dropped; one who let one
 * wait as long gets no more than it has room for until it has room again.
 */
#define NET_PATIENCE	UINT64_C(20000000)
/*
 * For one receiver others wait so many microseconds in a second, all together, and as many one
 * sender for others: what is behind the packet that waits may be for somebody else.
 */
#define NET_WAITED	200000u
/* Packets a second from one interface to everybody; a large one is as many as it has such parts. */
#define NET_FLOODS	2000u
#define NET_FLOOD_PART	1024u
/* Events a second of one interface that are listened to. */
#define NET_EVENTS	30000u

struct vif;

/* A bridge of dom0's, with those of its interfaces that are ours. */
struct lan {
	struct lan *next;
	uint32_t number;
	int tap;			/* on the bridge, with virtio's headers; -1: none */
	uint8_t *packets;		/* the tap's, NET_ROOM */
	bool ready;			/* something has come, as far as we know */
};

struct vif {
	struct vif *next;
	domid_t domid;
	uint32_t devid;
	struct lan *lan;
	struct switch_port port;
	struct limit bps;		/* bytes a second that it sends */
	struct limit floods, events;
	/* In microseconds: how long others wait for its buffers, and it for those of others. */
	struct limit waited, waits;
	struct net_journal *journal;
	int evtchn;			/* of its own: it connects to no other domain */
	/* While there is a frontend. */
	bool connected;
	const char *broken;		/* why it is not listened to any more */
	bool broken_told;
	uint32_t flags;			/* NET_CAN_* */
	uint32_t tx_port, rx_port;	/* ours; 0: none */
	bool tx_masked, rx_masked;
	struct tx_ring tx;
	struct rx_ring rx;
	uint64_t map_index[2];
	void *page[2];
	bool unsound;			/* a packet of its had a grant that was not there */
	uint64_t patience;		/* until when its next packet waits; 0: it does not */
	domid_t patience_domid;		/* for whom it does; that one may go meanwhile */
	uint32_t patience_devid;
	bool stalled;			/* it has no buffers, and let one wait in vain */
	struct vif *next_touched;	/* in this turn */
	bool touched;
	uint64_t wake;			/* when something that it waits for is over; 0: nothing */
};

/* One who gets a packet whose copy has not been made yet, or we ourselves, with .to NULL. */
struct net_out {
	struct vif *to;
	RING_IDX first;			/* of the buffers */
	uint32_t size;
	unsigned int begin, end;	/* of the segments */
	bool *failed;			/* set if one was not copied */
};

struct net {
	int gntdev;
	struct vif *vifs;
	struct lan *lans;
	/* Of the turn that is. */
	struct vif *touched;		/* who has something to be told of */
	unsigned int nr_segments, nr_outs;
	struct gntdev_segment segments[NET_SEGMENTS];
	struct net_out outs[NET_SEGMENTS];
	uint32_t room_used, parts_used;
	uint8_t room[NET_ROOM];		/* packets as a whole */
	uint8_t parts[NET_ROOM / 4];	/* what had something done to it */
};

/*
 * vif_connect - takes up the frontend's rings, where whoever served them before left them if the
 * journal knows this connection. @again: it does. 0 or a negative errno: as before.
 */
int vif_connect(struct net *n, struct vif *v, const struct net_connection *c, bool *again);

/* vif_disconnect - lets go of all that is the frontend's. */
void vif_disconnect(struct net *n, struct vif *v);

/* vif_port - @port of its descriptor had an event; vif_listen() opens it again. */
void vif_port(struct vif *v, uint32_t port);

/*
 * vif_listen - what has events may have the next; before the rings are looked at, so that whatever
 * comes after has one of its own. Sets .wake if that has to wait.
 */
void vif_listen(struct vif *v, uint64_t now);

/* vif_send - a turn of what it sends, at @now (ns). True: there is more. May set .wake, .broken. */
bool vif_send(struct net *n, struct vif *v, uint64_t now);

/* wake_vif - it has something to do at @when (ns). */
void wake_vif(struct vif *v, uint64_t when);

/* lan_receive - a turn of what came to the uplink. True: there may be more. */
bool lan_receive(struct net *n, struct lan *l);

#endif
