// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Raising event channels: what makes a port pending, and who has to be told. How a raised port
 * becomes visible to the guest is event_2l.c or event_fifo.c.
 */
#include "domain/event.h"

#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/event_channel.h"
#include "domain/pirq.h"
#include "lib/printk.h"

void event_mark_vcpu(struct vcpu *v)
{
	if (!atomic_xchg(&READ_ONCE(v->info)->evtchn_upcall_pending, 1))
		vcpu_unblock(v);
}

void event_wake_pollers(struct domain *d, u32 port)
{
	struct vcpu *v;

	/* Against SCHEDOP_poll, which says that it polls and then looks at the ports. */
	smp_mb();
	for_each_vcpu(d, v) {
		u32 wanted;

		if (!READ_ONCE(v->polling))
			continue;
		wanted = READ_ONCE(v->poll_port);
		if ((!wanted || wanted == port) && atomic_xchg(&v->polling, false))
			vcpu_unblock(v);
	}
}

void event_set_pending(struct domain *d, struct event_channel *chn)
{
	if (d->dying)
		return;
	if (!atomic_read(&d->events.fifo)) {
		event_2l_set_pending(d, chn);
		/*
		 * If the domain changed the ABI meanwhile, it may have looked at its pending bits
		 * too early.
		 */
		if (likely(!atomic_read(&d->events.fifo)))
			return;
	}
	event_fifo_set_pending(d, chn);
}

void event_clear_pending(struct domain *d, struct event_channel *chn)
{
	if (d->events.fifo)
		event_fifo_clear_pending(d, chn);
	/* With the FIFO too: the bit may date from before it, and count again after a reset. */
	if (chn->port < EVTCHN_2L_NR_CHANNELS)
		event_2l_clear_pending(d, chn);
}

bool event_is_pending(struct domain *d, const struct event_channel *chn)
{
	return d->events.fifo ? event_fifo_is_pending(d, chn) : event_2l_is_pending(d, chn);
}

bool event_is_masked(struct domain *d, const struct event_channel *chn)
{
	return d->events.fifo ? event_fifo_is_masked(d, chn) : event_2l_is_masked(d, chn);
}

static void send_virq(struct domain *d, struct vcpu *v, unsigned virq)
{
	u64 flags = spin_lock_irqsave(&v->event.virq_lock);
	u32 port = v->event.virq_port[virq];
	struct event_channel *chn = port ? event_lookup(d, port) : NULL;

	if (chn) {
		spin_lock(&chn->lock);
		if (chn->state == EVENT_VIRQ && chn->u.virq == virq)
			event_set_pending(d, chn);
		spin_unlock(&chn->lock);
	}
	spin_unlock_irqrestore(&v->event.virq_lock, flags);
}

void event_send_virq(struct vcpu *v, unsigned virq)
{
	ASSERT(virq < NR_VIRQS && event_virq_is_per_vcpu(virq));
	send_virq(v->domain, v, virq);
}

void event_send_global_virq(struct domain *d, unsigned virq)
{
	ASSERT(virq < NR_VIRQS && !event_virq_is_per_vcpu(virq));
	if (d && d->vcpu[0])
		send_virq(d, d->vcpu[0], virq);
}

void event_send_pirq(struct domain *d, unsigned pirq)
{
	u32 port = event_pirq_port(d, pirq);
	struct event_channel *chn = port ? event_lookup(d, port) : NULL;
	u64 flags;

	if (!chn)
		return;
	flags = spin_lock_irqsave(&chn->lock);
	if (chn->state == EVENT_PIRQ && chn->u.pirq == pirq)
		event_set_pending(d, chn);
	spin_unlock_irqrestore(&chn->lock, flags);
}

void event_notify_port(struct domain *d, u32 port)
{
	struct event_channel *chn = event_guest_port(d, port);
	u64 flags;

	if (!chn)
		return;
	flags = spin_lock_irqsave(&chn->lock);
	if (chn->state != EVENT_FREE)
		event_set_pending(d, chn);
	spin_unlock_irqrestore(&chn->lock, flags);
}

bool vcpu_event_deliverable(const struct vcpu *v)
{
	const struct vcpu_info *info = READ_ONCE(v->info);

	return READ_ONCE(info->evtchn_upcall_pending) && !READ_ONCE(info->evtchn_upcall_mask);
}

bool vcpu_event_pending(const struct vcpu *v)
{
	return READ_ONCE(READ_ONCE(v->info)->evtchn_upcall_pending);
}

bool event_port_pending(struct domain *d, u32 port)
{
	struct event_channel *chn = event_guest_port(d, port);
	bool pending;
	u64 flags;

	if (!chn)
		return false;
	flags = spin_lock_irqsave(&chn->lock);
	pending = chn->state != EVENT_FREE && event_is_pending(d, chn);
	spin_unlock_irqrestore(&chn->lock, flags);
	return pending;
}

bool event_port_valid(struct domain *d, u32 port)
{
	return event_guest_port(d, port);
}

u32 event_pirq_port(struct domain *d, unsigned pirq)
{
	u32 *ports = __atomic_load_n(&d->events.pirq_port, __ATOMIC_ACQUIRE);

	return ports && pirq < NR_PIRQS ? READ_ONCE(ports[pirq]) : 0;
}
