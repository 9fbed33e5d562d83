// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The 2-level ABI: a pending and a mask bit per port in the shared info page, and per vCPU a
 * selector with a bit for each 64 ports. All of it is guest memory that any vCPU of the guest
 * changes at any time; only bit operations are used on it, and nothing read from it is used as an
 * index.
 */
#include "domain/domain.h"
#include "domain/event_channel.h"
#include "pv-abi/compat.h"

/*
 * A 32-bit guest's words have 32 bits. The bits of the arrays lie where those of 64-bit words
 * would, the mask array follows an array half as long, and the selector is a word of its own.
 */
static void *mask_of(struct domain *d)
{
	if (unlikely(d->is_32bit))
		return ((struct compat_shared_info *)d->shared_info)->evtchn_mask;
	return d->shared_info->evtchn_mask;
}

static bool select_compat(struct vcpu *v, u32 port)
{
	struct compat_vcpu_info *info = (struct compat_vcpu_info *)READ_ONCE(v->info);
	u32 bit = 1U << (port / 32 % 32);

	return atomic_or(&info->evtchn_pending_sel, bit) & bit;
}

static void select_port(struct domain *d, const struct event_channel *chn)
{
	struct vcpu *v = d->vcpu[READ_ONCE(chn->notify_vcpu)];
	bool was;

	/*
	 * The pending bit comes before v->info is read: a vcpu_info that moves is marked as a whole
	 * afterwards.
	 */
	if (!v)
		return;
	if (unlikely(d->is_32bit))
		was = select_compat(v, chn->port);
	else
		was = test_and_set_bit(chn->port / 64, &READ_ONCE(v->info)->evtchn_pending_sel);
	if (!was)
		event_mark_vcpu(v);
}

void event_2l_set_pending(struct domain *d, struct event_channel *chn)
{
	if (test_and_set_bit(chn->port, d->shared_info->evtchn_pending))
		return;
	if (!test_bit(chn->port, mask_of(d)))
		select_port(d, chn);
	event_wake_pollers(d, chn->port);
}

void event_2l_clear_pending(struct domain *d, struct event_channel *chn)
{
	clear_bit(chn->port, d->shared_info->evtchn_pending);
}

void event_2l_unmask(struct domain *d, struct event_channel *chn)
{
	if (test_and_clear_bit(chn->port, mask_of(d)) && event_2l_is_pending(d, chn))
		select_port(d, chn);
}

bool event_2l_is_pending(struct domain *d, const struct event_channel *chn)
{
	return test_bit(chn->port, d->shared_info->evtchn_pending);
}

bool event_2l_is_masked(struct domain *d, const struct event_channel *chn)
{
	return test_bit(chn->port, mask_of(d));
}
