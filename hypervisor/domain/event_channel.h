/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_EVENT_CHANNEL_H
#define ANNULUS_DOMAIN_EVENT_CHANNEL_H

/*
 * What event.c (ports and their bindings), event_raise.c and the two delivery ABIs share.
 *
 * Locks, in the order they are taken:
 *   events.lock of a domain    allocation and binding; never in interrupt context. Of two domains,
 *                              the one whose struct domain has the lower address first.
 *   the IRQ layer's own locks  pirq_guest_bind() and _unbind() are called with events.lock held,
 *                              and interrupt handlers may call event_send_pirq() with theirs held.
 *   vcpu_event.virq_lock       interrupts off
 *   event_channel.lock         interrupts off; of two channels the one at the lower address first.
 *                              A channel's state, binding and peer change only with events.lock and
 *                              this lock held, so that holding either keeps them. An interdomain
 *                              link changes with both ends locked: whoever holds one end may use
 *                              the other end's domain.
 *   FIFO queue locks           interrupts off; of two the one at the lower address first
 *   the scheduler's locks
 */

#include "domain/event.h"
#include "lib/spinlock.h"
#include "lib/types.h"
#include "pv-abi/event_channel.h"

enum event_state {
	EVENT_FREE,
	EVENT_UNBOUND,     /* waits for u.unbound.remote to bind */
	EVENT_INTERDOMAIN,
	EVENT_PIRQ,
	EVENT_VIRQ,
	EVENT_IPI,
};

struct frame;

struct event_channel {
	struct spinlock lock;
	u8 state;          /* enum event_state */
	u8 priority;       /* FIFO: queue for the next delivery */
	bool pending;      /* FIFO: raised while the port has no event word yet */
	u32 port;
	u16 notify_vcpu;
	/* FIFO: vcpu * 16 + priority it was last linked on; under that queue's lock */
	u16 last_queue;
	union {
		struct {
			domid_t remote;
		} unbound;
		struct {
			struct domain *remote;
			u32 port;
		} interdomain;
		u32 pirq;
		u32 virq;
	} u;
};

#define EVENT_BUCKET_PORTS (PAGE_SIZE / sizeof(struct event_channel))

/*
 * The channel of a port, whatever its state, or NULL. No lock needed: channels stay until the
 * domain is freed.
 */
struct event_channel *event_lookup(struct domain *d, u32 port);

/* The same for a port that a guest names: port 0 is nobody's. */
static inline struct event_channel *event_guest_port(struct domain *d, u32 port)
{
	return port ? event_lookup(d, port) : NULL;
}

/* VIRQs that every vCPU has one of; the others belong to the domain. */
static inline bool event_virq_is_per_vcpu(unsigned virq)
{
	return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF ||
	       virq == VIRQ_XENPMU;
}

/*
 * By the ABI in use. The channel's lock or its peer's is held (or events.lock while the port is not
 * bound yet), interrupts off. event_set_pending() is how every event is raised: the port becomes
 * pending, its vCPU gets its upcall; nothing if the domain is dying.
 */
void event_set_pending(struct domain *d, struct event_channel *chn);
void event_clear_pending(struct domain *d, struct event_channel *chn);
bool event_is_pending(struct domain *d, const struct event_channel *chn);
bool event_is_masked(struct domain *d, const struct event_channel *chn);

/* Tell v's kernel that it has an event: upcall flag, wake or kick. */
void event_mark_vcpu(struct vcpu *v);
/* Wake the vCPUs that poll for the port, masked or not. */
void event_wake_pollers(struct domain *d, u32 port);

/* The two of them, locks as above. */
void event_2l_set_pending(struct domain *d, struct event_channel *chn);
void event_2l_clear_pending(struct domain *d, struct event_channel *chn);
void event_2l_unmask(struct domain *d, struct event_channel *chn);
bool event_2l_is_pending(struct domain *d, const struct event_channel *chn);
bool event_2l_is_masked(struct domain *d, const struct event_channel *chn);

void event_fifo_set_pending(struct domain *d, struct event_channel *chn);
void event_fifo_clear_pending(struct domain *d, struct event_channel *chn);
void event_fifo_unmask(struct domain *d, struct event_channel *chn);
bool event_fifo_is_pending(struct domain *d, const struct event_channel *chn);
bool event_fifo_is_masked(struct domain *d, const struct event_channel *chn);
/* Is the free port still on one of the guest's queues, so that it must not be used again yet? */
bool event_fifo_is_busy(struct domain *d, u32 port);

/*
 * The FIFO ABI's memory; events.lock is held. `frame` comes with a general and a FT_WRITABLE
 * reference, which become the FIFO's on success.
 * init_control: 0, -EINVAL (a second block for the vCPU), -ENOMEM. The vCPU exists, the offset was
 * checked.
 * expand: 0, -EOPNOTSUPP (not FIFO), -ENOSPC (all ports have a word).
 */
int event_fifo_init_control(struct domain *d, unsigned vcpu, struct frame *frame, u32 offset);
int event_fifo_expand(struct domain *d, struct frame *frame);
/*
 * Back to the 2-level ABI; every port is closed. What it returns goes to event_fifo_free() with no
 * lock held.
 */
struct event_fifo *event_fifo_detach(struct domain *d);
void event_fifo_free(struct domain *d, struct event_fifo *fifo);

#endif
