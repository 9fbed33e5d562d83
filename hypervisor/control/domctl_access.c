// SPDX-License-Identifier: GPL-2.0-or-later
/* domctl: what of the machine a domain may touch. Nobody gives what he does not have. */
#include "control/control.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/pirq.h"
#include "pv-abi/domctl.h"
#include "pv-abi/errno.h"

/* What a device would write of d's while its log is on nobody would know: -EBUSY. */
static s64 change(const struct domain *d, struct range_set *own, struct range_set *his,
		  u64 first, u64 last, bool allow)
{
	if (!range_set_contains(own, first, last))
		return -EPERM;
	if (allow && d->log_dirty)
		return -EBUSY;
	return allow ? range_set_add(his, first, last) : range_set_remove(his, first, last);
}

s64 domctl_access(struct domain *d, struct xen_domctl *op)
{
	struct permissions *own = &current->domain->perms;

	switch (op->cmd) {
	case XEN_DOMCTL_irq_permission: {
		const struct xen_domctl_irq_permission *p = &op->u.irq_permission;
		int irq = p->pirq < NR_PIRQS ? pirq_to_irq(current->domain, p->pirq) : -EINVAL;

		if (irq < 0)
			return irq;
		return change(d, &own->irqs, &d->perms.irqs, (u64)irq, (u64)irq, p->allow_access);
	}
	case XEN_DOMCTL_iomem_permission: {
		const struct xen_domctl_iomem_permission *p = &op->u.iomem_permission;
		u64 last = p->first_mfn + p->nr_mfns - 1;

		if (!p->nr_mfns || last < p->first_mfn ||
		    last >> (cpu_features.phys_bits - PAGE_SHIFT))
			return -EINVAL;
		return change(d, &own->iomem, &d->perms.iomem, p->first_mfn, last, p->allow_access);
	}
	case XEN_DOMCTL_ioport_permission: {
		const struct xen_domctl_ioport_permission *p = &op->u.ioport_permission;
		u64 last = (u64)p->first_port + p->nr_ports - 1;

		if (!p->nr_ports || last > 0xffff)
			return -EINVAL;
		return change(d, &own->ports, &d->perms.ports, p->first_port, last,
			      p->allow_access);
	}
	default:
		return -ENOSYS;
	}
}
