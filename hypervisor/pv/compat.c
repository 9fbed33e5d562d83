// SPDX-License-Identifier: GPL-2.0-or-later
#include "pv/compat.h"
#include "cpu/directmap.h"
#include "cpu/mitigation.h"
#include "domain/domain.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "pv-abi/errno.h"
#include "pv/root.h"

/* One kind of ring 1 or the other: 64-bit code in it is not for a 32-bit guest. */
static bool may_become_32bit(const struct domain *d)
{
	return !d->tot_pages && !d->ring1 && !d->log_dirty;
}

int domain_set_compat(struct domain *d)
{
	struct vcpu *v;
	int ret = 0;

	if (d->is_32bit)
		return 0;
	if (!ring1_guests_allowed()) {
		printk(LOG_WARN "d%u: a 32-bit domain is refused: its kernel would run in ring 1, "
				"and pv32=0 on our command line left out what that needs\n",
		       d->id);
		return -EOPNOTSUPP;
	}
	if (!may_become_32bit(d))
		return -EBUSY;
	if (va_to_paddr(d->shared_info) >> 32)
		return -ENOMEM;
	for_each_vcpu(d, v)
		if (v->initialised)
			return -EBUSY;
	for_each_vcpu(d, v)
		if (!ret)
			ret = root_create_compat(v);
	/* Who gives it memory at the same time, or ring 1, comes before or after. */
	spin_lock(&d->page_lock);
	if (!ret && !d->is_32bit && !may_become_32bit(d))
		ret = -EBUSY;
	if (!ret)
		d->is_32bit = true;
	spin_unlock(&d->page_lock);
	if (ret) {
		for_each_vcpu(d, v)
			root_destroy_compat(v);
		return ret;
	}
	/* Fields after the vCPUs' part lie elsewhere now. */
	memset((char *)d->shared_info + sizeof(d->shared_info->vcpu_info), 0,
	       PAGE_SIZE - sizeof(d->shared_info->vcpu_info));
	atomic_or(&d->vm_assist, VM_ASSIST_COMPAT);
	domain_wallclock_update(d);
	return 0;
}
