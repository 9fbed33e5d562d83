// SPDX-License-Identifier: GPL-2.0-or-later
/* What the control hypercalls share. */
#include "control/control.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "lib/string.h"
#include "pv-abi/domctl.h"
#include "pv-abi/errno.h"

#define BITMAP_BITS_MAX 8192

static u32 control_busy;

bool control_trylock(void)
{
	u32 free = 0;

	return atomic_cmpxchg(&control_busy, &free, 1U);
}

void control_unlock(void)
{
	atomic_set(&control_busy, 0U);
}

int bitmap_from_guest(const struct xenctl_bitmap *b, u64 *mask)
{
	u32 bits = min(b->nr_bits, 64U);

	*mask = 0;
	if (b->nr_bits > BITMAP_BITS_MAX)
		return -EINVAL;
	if (copy_from_guest(mask, b->bitmap, DIV_ROUND_UP(bits, 8)))
		return -EFAULT;
	if (bits < 64)
		*mask &= BIT(bits) - 1;
	return 0;
}

int bitmap_to_guest(const struct xenctl_bitmap *b, u64 mask)
{
	u32 bytes = DIV_ROUND_UP(b->nr_bits, 8), n = min(bytes, 8U);

	if (b->nr_bits > BITMAP_BITS_MAX)
		return -EINVAL;
	if (copy_to_guest(b->bitmap, &mask, n))
		return -EFAULT;
	return bytes > n ? clear_guest(b->bitmap + n, bytes - n) : 0;
}

unsigned control_pick_cpu(const struct domain *d, unsigned id)
{
	cpumask_t mask = cpus_online;
	unsigned n = (d->id + id) % (unsigned)__builtin_popcountll(mask);

	while (n--)
		mask &= mask - 1;
	return (unsigned)__builtin_ctzll(mask);
}

void domain_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	bool blocked = true, running = false;
	struct vcpu *v;

	memset(info, 0, sizeof(*info));
	info->domain = d->id;
	info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
	for_each_vcpu(d, v) {
		struct vcpu_runstate_info rs;

		vcpu_runstate_get(v, &rs);
		info->cpu_time += rs.time[RUNSTATE_running];
		info->max_vcpu_id = v->id;
		if (atomic_read(&v->pause_flags) & VPF_DOWN)
			continue;
		info->nr_online_vcpus++;
		if (!(atomic_read(&v->pause_flags) & VPF_BLOCKED))
			blocked = false;
		running |= v->running;
	}
	if (d->dying)
		info->flags |= XEN_DOMINF_dying;
	if (d->shut_down)
		info->flags |= XEN_DOMINF_shutdown |
			       (u32)d->shutdown_code << XEN_DOMINF_shutdownshift;
	if (d->paused_by_control)
		info->flags |= XEN_DOMINF_paused;
	if (blocked)
		info->flags |= XEN_DOMINF_blocked;
	if (running)
		info->flags |= XEN_DOMINF_running;
	if (d->debugger_attached)
		info->flags |= XEN_DOMINF_debugged;
	if (d->p2m)
		info->flags |= XEN_DOMINF_hvm_guest | XEN_DOMINF_hap;
	if (d->create_flags & XEN_DOMCTL_CDF_xs_domain)
		info->flags |= XEN_DOMINF_xs_domain;
	spin_lock(&d->page_lock);
	info->tot_pages = d->tot_pages;
	info->max_pages = d->max_pages;
	info->outstanding_pages = d->claimed_pages;
	spin_unlock(&d->page_lock);
	info->shared_info_frame = va_to_mfn(d->shared_info);
	/* No labels: info->ssidref is 0 whatever a toolstack asked for. */
	memcpy(info->handle, d->handle, sizeof(info->handle));
	info->gpaddr_bits = cpu_features.phys_bits;
}
