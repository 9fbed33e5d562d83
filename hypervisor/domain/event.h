/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_EVENT_H
#define ANNULUS_DOMAIN_EVENT_H

#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/types.h"

struct domain;
struct vcpu;
struct event_channel;
struct event_fifo;

/*
 * Event channels of a domain. `lock` guards the port table's growth, allocation and state changes
 * of ports.
 */
struct domain_events {
	struct spinlock lock;
	/* allocated on demand; a bucket is never freed before the domain */
	struct event_channel **buckets;
	u32 valid_ports;                 /* ports with an event_channel allocated */
	u32 max_ports;                   /* limit from the configuration */
	u32 first_free;                  /* no port below it is free */
	struct event_fifo *fifo;         /* NULL: the 2-level ABI; event_fifo.c */
	/* NR_PIRQS ports, 0: not bound; allocated with the first binding */
	u32 *pirq_port;
};

struct vcpu_event {
	u32 virq_port[24];               /* NR_VIRQS, 0: not bound; under the domain's event lock */
	/* for reading virq_port when raising a VIRQ from interrupt context */
	struct spinlock virq_lock;
	u32 poll_count;
};

/*
 * `max_ports` is one more than the highest port the domain may have, cut to what the ABI can
 * number. 0, -ENOMEM.
 */
int events_init(struct domain *d, u32 max_ports);
/* Closes every port of a dying domain. 0, or -ERESTART: call again. -- domain_kill */
int events_close_all(struct domain *d);
void events_destroy(struct domain *d);     /* frees the tables: last reference gone */

/* Raise. Callable from interrupt context, any CPU. */
void event_send_virq(struct vcpu *v, unsigned virq);              /* per-vCPU VIRQ */
/* d's (NULL: nobody), on the vCPU it is bound to */
void event_send_global_virq(struct domain *d, unsigned virq);
void event_send_pirq(struct domain *d, unsigned pirq);
/* The hypervisor's own use of a port of d: allocate for remote domain, notify. */
void event_notify_port(struct domain *d, u32 port);

/* Does v have an unmasked event and upcalls enabled? / anything pending at all (for block)? */
bool vcpu_event_deliverable(const struct vcpu *v);
bool vcpu_event_pending(const struct vcpu *v);
/* For SCHEDOP_poll: is the port (of v's domain) pending right now? False for bad ports. */
bool event_port_pending(struct domain *d, u32 port);
bool event_port_valid(struct domain *d, u32 port);

/* PIRQ bindings, for physdev_op: port bound to pirq or 0. */
u32 event_pirq_port(struct domain *d, unsigned pirq);

/* Unmask a port of d as EVTCHNOP_unmask does (for PHYSDEVOP_eoi). 0, -EINVAL. */
int event_unmask(struct domain *d, u32 port);
/*
 * The toolstack's and the builder's ports: allocate a port of `d` that domain `remote` may bind to.
 * 0 and the port in *port, -ENOSPC, -ENOMEM, -EINVAL (d is dying).
 */
int event_alloc_unbound(struct domain *d, domid_t remote, u32 *port);
/*
 * Visit every frame that the FIFO ABI holds a reference and a FT_WRITABLE type reference of: for
 * the audit.
 */
void event_for_each_frame(struct domain *d, void (*fn)(u64 mfn, void *arg), void *arg);

s64 do_event_channel_op(u64 cmd, u64 arg);
/*
 * __HYPERVISOR_event_channel_op_compat, its first form: `arg` is a struct evtchn_op. As the other;
 * -EFAULT, -ENOSYS for what is younger.
 */
s64 do_event_channel_op_compat(u64 arg);

/* Counts for the audit and debug key 'e'. */
void event_dump(struct domain *d);

#endif
