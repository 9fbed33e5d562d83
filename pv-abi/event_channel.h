/* SPDX-License-Identifier: MIT */
/* Event channels: __HYPERVISOR_event_channel_op(cmd, struct) and the FIFO ABI's memory. */
#ifndef PV_ABI_EVENT_CHANNEL_H
#define PV_ABI_EVENT_CHANNEL_H

#include "xen.h"

#define EVTCHNOP_bind_interdomain	0
#define EVTCHNOP_bind_virq		1
#define EVTCHNOP_bind_pirq		2
#define EVTCHNOP_close			3
#define EVTCHNOP_send			4
#define EVTCHNOP_status			5
#define EVTCHNOP_alloc_unbound		6
#define EVTCHNOP_bind_ipi		7
#define EVTCHNOP_bind_vcpu		8
#define EVTCHNOP_unmask			9
#define EVTCHNOP_reset			10
#define EVTCHNOP_init_control		11
#define EVTCHNOP_expand_array		12
#define EVTCHNOP_set_priority		13

/* evtchn_bind_pirq.flags: other domains may bind the same interrupt. */
#define BIND_PIRQ__WILL_SHARE		1

/* evtchn_status.status */
#define EVTCHNSTAT_closed		0
#define EVTCHNSTAT_unbound		1
#define EVTCHNSTAT_interdomain		2
#define EVTCHNSTAT_pirq			3
#define EVTCHNSTAT_virq			4
#define EVTCHNSTAT_ipi			5

/* FIFO priorities: a lower number is served first. */
#define EVTCHN_FIFO_PRIORITY_MAX	0
#define EVTCHN_FIFO_PRIORITY_DEFAULT	7
#define EVTCHN_FIFO_PRIORITY_MIN	15
#define EVTCHN_FIFO_MAX_QUEUES		(EVTCHN_FIFO_PRIORITY_MIN + 1)

/* Bit numbers in an event word, and the link field below them. */
#define EVTCHN_FIFO_PENDING		31
#define EVTCHN_FIFO_MASKED		30
#define EVTCHN_FIFO_LINKED		29
#define EVTCHN_FIFO_BUSY		28
#define EVTCHN_FIFO_LINK_BITS		17
#define EVTCHN_FIFO_LINK_MASK		((1 << EVTCHN_FIFO_LINK_BITS) - 1)
#define EVTCHN_FIFO_NR_CHANNELS		(1 << EVTCHN_FIFO_LINK_BITS)

#ifndef __ASSEMBLER__

typedef uint32_t evtchn_port_t;
typedef uint32_t event_word_t;

/* Ports of the 2-level ABI: 4096 for a 64-bit guest. */
#define EVTCHN_2L_NR_CHANNELS	(sizeof(xen_ulong_t) * sizeof(xen_ulong_t) * 64)

struct evtchn_alloc_unbound {
	domid_t dom, remote_dom;	/* IN: owner of the port, who may bind to it */
	evtchn_port_t port;		/* OUT */
};

struct evtchn_bind_interdomain {
	domid_t remote_dom;		/* IN */
	evtchn_port_t remote_port;	/* IN: unbound there and reserved for the caller */
	evtchn_port_t local_port;	/* OUT */
};

struct evtchn_bind_virq {
	uint32_t virq;			/* IN: VIRQ_* */
	uint32_t vcpu;			/* IN: 0 for a virq that is not per vcpu */
	evtchn_port_t port;		/* OUT */
};

struct evtchn_bind_pirq {
	uint32_t pirq;			/* IN: as PHYSDEVOP_map_pirq gave it */
	uint32_t flags;			/* IN: BIND_PIRQ__* */
	evtchn_port_t port;		/* OUT */
};

struct evtchn_bind_ipi {
	uint32_t vcpu;			/* IN: who is notified */
	evtchn_port_t port;		/* OUT */
};

struct evtchn_close {
	evtchn_port_t port;		/* IN */
};

struct evtchn_send {
	evtchn_port_t port;		/* IN: local end */
};

struct evtchn_status {
	domid_t dom;			/* IN */
	evtchn_port_t port;		/* IN */
	uint32_t status;		/* OUT: EVTCHNSTAT_* */
	uint32_t vcpu;			/* OUT: the vcpu it notifies */
	union {
		struct {
			domid_t dom;
		} unbound;
		struct {
			domid_t dom;
			evtchn_port_t port;
		} interdomain;
		uint32_t pirq;
		uint32_t virq;
	} u;				/* OUT */
};

struct evtchn_bind_vcpu {
	evtchn_port_t port;		/* IN */
	uint32_t vcpu;			/* IN */
};

struct evtchn_unmask {
	evtchn_port_t port;		/* IN */
};

/* Closes every port and returns to the 2-level ABI. */
struct evtchn_reset {
	domid_t dom;			/* IN */
};

/* Gives a vcpu its control block; the first call switches the domain to the FIFO ABI. */
struct evtchn_init_control {
	uint64_t control_gfn;		/* IN */
	uint32_t offset;		/* IN: bytes, multiple of 8, block within the frame */
	uint32_t vcpu;			/* IN */
	uint8_t link_bits;		/* OUT: width of the link field */
	uint8_t _pad[7];
};

/* Appends one frame of event words. */
struct evtchn_expand_array {
	uint64_t array_gfn;		/* IN */
};

struct evtchn_set_priority {
	evtchn_port_t port;		/* IN */
	uint32_t priority;		/* IN: EVTCHN_FIFO_PRIORITY_* */
};

/* Argument of the old, single-argument hypercall (event_channel_op_compat). */
struct evtchn_op {
	uint32_t cmd;
	union {
		struct evtchn_alloc_unbound alloc_unbound;
		struct evtchn_bind_interdomain bind_interdomain;
		struct evtchn_bind_virq bind_virq;
		struct evtchn_bind_pirq bind_pirq;
		struct evtchn_bind_ipi bind_ipi;
		struct evtchn_close close;
		struct evtchn_send send;
		struct evtchn_status status;
		struct evtchn_bind_vcpu bind_vcpu;
		struct evtchn_unmask unmask;
	} u;
};

/* Per vcpu, in guest memory; written by the hypervisor, heads also by the guest. */
struct evtchn_fifo_control_block {
	uint32_t ready;			/* bit n: queue n has events */
	uint32_t _rsvd;
	event_word_t head[EVTCHN_FIFO_MAX_QUEUES];	/* first port of each queue, 0: empty */
};

#endif /* !__ASSEMBLER__ */

#endif /* PV_ABI_EVENT_CHANNEL_H */
