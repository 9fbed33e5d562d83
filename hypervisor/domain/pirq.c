// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain/pirq.h"

#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/event.h"
#include "lib/string.h"
#include "machine/irq.h"
#include "machine/msi.h"
#include "machine/pci.h"
#include "memory/heap.h"
#include "pv-abi/errno.h"

_Static_assert(NR_IRQS < PIRQ_RESERVED, "map entries hold an IRQ number + 1");

int domain_irqs_init(struct domain *d)
{
	struct domain_irqs *i = zalloc(ALLOC_IRQ, sizeof(*i));

	if (!i)
		return -ENOMEM;
	spin_lock_init(&i->lock);
	d->irqs = i;
	return 0;
}

int pirq_irq(const struct domain_irqs *i, unsigned pirq)
{
	if (pirq >= NR_PIRQS || i->map[pirq] == PIRQ_FREE || i->map[pirq] == PIRQ_RESERVED)
		return -EINVAL;
	return i->map[pirq] - 1;
}

int pirq_to_irq(struct domain *d, unsigned pirq)
{
	int irq;

	spin_lock(&d->irqs->lock);
	irq = pirq_irq(d->irqs, pirq);
	spin_unlock(&d->irqs->lock);
	return irq;
}

void pirq_mark_eoi(struct domain_irqs *i, unsigned pirq, bool needed)
{
	if (!i->eoi_map)
		return;
	if (needed)
		set_bit(pirq, i->eoi_map);
	else
		clear_bit(pirq, i->eoi_map);
}

/* -------------------------------------------------------------------------------------------------
 * Unmapping
 */

/* pci_lock held. Drops one PIRQ, whatever is bound to it. */
static void unmap_one(struct domain *d, unsigned pirq)
{
	struct domain_irqs *i = d->irqs;
	u16 entry;

	spin_lock(&i->lock);
	entry = i->map[pirq];
	i->map[pirq] = PIRQ_FREE;
	pirq_mark_eoi(i, pirq, false);
	if (entry != PIRQ_FREE && entry != PIRQ_RESERVED)
		irq_guest_unbind(entry - 1U, d);
	spin_unlock(&i->lock);
	if (entry != PIRQ_RESERVED && irq_is_msi(entry - 1U))
		msi_unmap(entry - 1U);
}

int pirq_unmap(struct domain *d, unsigned pirq)
{
	struct domain_irqs *i = d->irqs;
	unsigned count = 1;
	int irq;

	if (pirq >= NR_PIRQS || READ_ONCE(i->map[pirq]) == PIRQ_FREE)
		return -EINVAL;
	irq = pirq_to_irq(d, pirq);
	if (irq >= 0 && irq_is_msi((unsigned)irq)) {
		struct msi_vector *m = irq_descs[irq].chip_data;

		if (!m->msix && m->index == 0)
			count = m->dev->msi_count;
	}
	for (unsigned n = min(count, NR_PIRQS - pirq); n-- > 0; )
		if (n == 0 || pirq_to_irq(d, pirq + n) == irq + (int)n)
			unmap_one(d, pirq + n);
	return 0;
}

void domain_irqs_release(struct domain *d)
{
	struct domain_irqs *i = d->irqs;
	struct frame *f;

	if (!i)
		return;
	spin_lock(&pci_lock);
	for (unsigned pirq = 0; pirq < NR_PIRQS; pirq++)
		if (i->map[pirq] != PIRQ_FREE)
			unmap_one(d, pirq);
	spin_unlock(&pci_lock);

	spin_lock(&i->lock);
	f = i->eoi_frame;
	i->eoi_frame = NULL;
	i->eoi_map = NULL;
	spin_unlock(&i->lock);
	if (f)
		frame_put_and_type(f);
}

void domain_irqs_destroy(struct domain *d)
{
	struct domain_irqs *i = d->irqs;

	if (!i)
		return;
	domain_irqs_release(d);
	/* Handlers run with interrupts off and send a few events: microseconds. */
	while (atomic_read(&i->delivering))
		cpu_relax();
	d->irqs = NULL;
	zfree(i);
}

/* -------------------------------------------------------------------------------------------------
 * For event channels
 */

/* Deliver where the vCPU runs, as far as 8 bits of APIC id reach. */
static u32 dest_of(const struct vcpu *v)
{
	u32 id = cpus[v->cpu].apic_id;

	return id < 0xff ? id : cpus[0].apic_id;
}

int pirq_guest_bind(struct vcpu *v, unsigned pirq, bool will_share)
{
	struct domain *d = v->domain;
	struct domain_irqs *i = d->irqs;
	int irq, err;

	spin_lock(&i->lock);
	irq = pirq_irq(i, pirq);
	if (irq < 0) {
		err = irq;
	} else {
		err = irq_guest_bind((unsigned)irq, d, pirq, will_share, dest_of(v));
		if (err == 0)
			pirq_mark_eoi(i, pirq, irq_is_level((unsigned)irq));
	}
	spin_unlock(&i->lock);
	return err;
}

void pirq_guest_unbind(struct domain *d, unsigned pirq)
{
	struct domain_irqs *i = d->irqs;
	int irq;

	spin_lock(&i->lock);
	irq = pirq_irq(i, pirq);
	if (irq >= 0) {
		irq_guest_unbind((unsigned)irq, d);
		pirq_mark_eoi(i, pirq, false);
	}
	spin_unlock(&i->lock);
}

/*
 * No lock: this is once per interrupt. A mapping that changes meanwhile makes it an EOI of nothing.
 */
void pirq_guest_eoi(struct domain *d, unsigned pirq)
{
	u16 entry;

	if (pirq >= NR_PIRQS)
		return;
	entry = READ_ONCE(d->irqs->map[pirq]);
	if (entry != PIRQ_FREE && entry != PIRQ_RESERVED)
		irq_guest_eoi(entry - 1U, d);
}

/* -------------------------------------------------------------------------------------------------
 * For lines
 */

static void hold(struct domain *d)
{
	atomic_add(&d->irqs->delivering, 1);
}

static void deliver(struct domain *d, u32 pirq)
{
	event_send_pirq(d, pirq);
	atomic_sub(&d->irqs->delivering, 1);
}

static bool still_pending(struct domain *d, u32 pirq)
{
	u32 port = event_pirq_port(d, pirq);

	return port && event_port_pending(d, port);
}

const struct irq_receiver pirq_receiver = {
	.hold = hold,
	.deliver = deliver,
	.still_pending = still_pending,
};
