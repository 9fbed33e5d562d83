/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_PIRQ_H
#define ANNULUS_DOMAIN_PIRQ_H

#include "lib/spinlock.h"
#include "lib/types.h"

struct domain;
struct vcpu;
struct frame;

/*
 * A domain's view of interrupts: PIRQs. Numbers below the highest GSI are GSIs, one to one unless
 * the domain asked otherwise; messages are handed out from the top.
 *
 * `lock` guards `map`, `eoi_frame` and `eoi_map`. Order: pci_lock, the event lock, this one,
 * irq_desc.lock.
 */
#define NR_PIRQS 512
#define PIRQ_FREE     0
#define PIRQ_RESERVED 0xffff          /* by get_free_pirq, not mapped yet */

struct domain_irqs {
	struct spinlock lock;
	u16 map[NR_PIRQS];            /* IRQ number + 1 */
	struct frame *eoi_frame;      /* both references held */
	/* which PIRQs need PHYSDEVOP_eoi; NULL: the guest asks by irq_status_query */
	u64 *eoi_map;
	bool eoi_unmasks;             /* pirq_eoi_gmfn_v1 */
	/* atomic: interrupt handlers that are sending this domain events */
	u32 delivering;
};

/* 0 or -ENOMEM. */
int domain_irqs_init(struct domain *d);
/*
 * domain_irqs_release() - domain_kill(), before the domain's frames go: unmap every PIRQ, drop the
 * EOI frame. No lock held.
 */
void domain_irqs_release(struct domain *d);
/*
 * domain_irqs_destroy() - the last reference is gone. Does what release did not, waits for
 * handlers, frees. No lock held.
 */
void domain_irqs_destroy(struct domain *d);

/*
 * For event channels (may be called with the domain's event lock held, interrupts on or off):
 * pirq_guest_bind() - EVTCHNOP_bind_pirq: 0, -EINVAL (not mapped), -EBUSY (not to be shared, or
 * ours), -ENOSPC.
 * pirq_guest_unbind() - the port was closed.
 * pirq_guest_eoi() - the guest handled it. Ignores bad numbers and what is not owed.
 */
int pirq_guest_bind(struct vcpu *v, unsigned pirq, bool will_share);
void pirq_guest_unbind(struct domain *d, unsigned pirq);
void pirq_guest_eoi(struct domain *d, unsigned pirq);

/* The IRQ behind a PIRQ, or -EINVAL. pirq_irq(): irqs->lock is held. */
int pirq_to_irq(struct domain *d, unsigned pirq);
int pirq_irq(const struct domain_irqs *i, unsigned pirq);

/* Say in the guest's page of EOIs, if it has one, whether a PIRQ needs them. irqs->lock is held. */
void pirq_mark_eoi(struct domain_irqs *i, unsigned pirq, bool needed);

/*
 * pirq_unmap() - drop a PIRQ, whatever is bound to it. The PIRQs of a block of MSI messages are
 * given back with its first one; the guest does not ask for the others. 0 or -EINVAL (not mapped).
 * pci_lock is held: nobody else maps or unmaps messages.
 */
int pirq_unmap(struct domain *d, unsigned pirq);

/* What irq_init() is told: how interrupts become events. */
struct irq_receiver;
extern const struct irq_receiver pirq_receiver;

#endif
