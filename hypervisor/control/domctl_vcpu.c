// SPDX-License-Identifier: GPL-2.0-or-later
/* domctl: operations on single vCPUs. */
#include "control/control.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "lib/nospec.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "pv-abi/domctl.h"
#include "pv-abi/errno.h"
#include "pv/compat.h"
#include "sched/sched.h"

int control_vcpu(struct domain *d, u32 id, struct vcpu **v)
{
	if (id >= d->max_vcpus)
		return -EINVAL;
	*v = READ_ONCE(d->vcpu[index_nospec(id, d->max_vcpus)]);
	return *v ? 0 : -ESRCH;
}

/* A 32-bit guest's, in its own layout. */
static s64 set_context_compat(struct domain *d, struct vcpu *v, u64 from)
{
	struct both {
		struct vcpu_guest_context wide;
		struct compat_vcpu_guest_context narrow;
	} *c = zalloc(ALLOC_MISC, sizeof(*c));
	struct compat_callback_selectors sel;
	s64 ret;

	if (!c)
		return -ENOMEM;
	ret = copy_from_guest(&c->narrow, from, sizeof(c->narrow));
	if (!ret) {
		compat_context_widen(&c->wide, &sel, &c->narrow);
		domain_pause(d);
		ret = vcpu_set_context_compat(v, &c->wide, &sel);
		domain_unpause(d);
	}
	zfree(c);
	return ret;
}

static s64 get_context_compat(struct vcpu *v, u64 to)
{
	struct both {
		struct vcpu_guest_context wide;
		struct compat_vcpu_guest_context narrow;
	} *c = zalloc(ALLOC_MISC, sizeof(*c));
	struct compat_callback_selectors sel;
	s64 ret;

	if (!c)
		return -ENOMEM;
	vcpu_pause(v);
	vcpu_get_context_compat(v, &c->wide, &sel);
	vcpu_unpause(v);
	compat_context_narrow(&c->narrow, &c->wide, &sel);
	ret = copy_to_guest(to, &c->narrow, sizeof(c->narrow));
	zfree(c);
	return ret;
}

static s64 set_context(struct domain *d, const struct xen_domctl_vcpucontext *p)
{
	struct vcpu_guest_context *c = NULL;
	struct vcpu *v;
	s64 ret = control_vcpu(d, p->vcpu, &v);

	if (ret)
		return ret;
	if (d == current->domain)
		return -EINVAL;
	if (p->ctxt && d->is_32bit)
		return set_context_compat(d, v, p->ctxt);
	if (p->ctxt) {
		c = zalloc(ALLOC_MISC, sizeof(*c));
		if (!c)
			return -ENOMEM;
		if (copy_from_guest(c, p->ctxt, sizeof(*c)))
			ret = -EFAULT;
	}
	if (!ret) {
		domain_pause(d);
		ret = c ? vcpu_set_context(v, c) : vcpu_reset(v);
		domain_unpause(d);
	}
	zfree(c);
	return ret;
}

static s64 get_context(struct domain *d, const struct xen_domctl_vcpucontext *p)
{
	struct vcpu_guest_context *c;
	struct vcpu *v;
	s64 ret = control_vcpu(d, p->vcpu, &v);

	if (ret)
		return ret;
	if (d == current->domain)
		return -EINVAL;
	if (!v->initialised)
		return -ENODATA;
	if (d->is_32bit)
		return get_context_compat(v, p->ctxt);
	c = zalloc(ALLOC_MISC, sizeof(*c));
	if (!c)
		return -ENOMEM;
	vcpu_pause(v);
	vcpu_get_context(v, c);
	vcpu_unpause(v);
	ret = copy_to_guest(p->ctxt, c, sizeof(*c));
	zfree(c);
	return ret;
}

static s64 get_info(struct domain *d, struct xen_domctl_getvcpuinfo *p)
{
	struct vcpu_runstate_info rs;
	struct vcpu *v;
	s64 ret = control_vcpu(d, p->vcpu, &v);
	u64 flags;

	if (ret)
		return ret;
	vcpu_runstate_get(v, &rs);
	flags = atomic_read(&v->pause_flags);
	p->online = !(flags & VPF_DOWN);
	p->blocked = !!(flags & VPF_BLOCKED);
	p->running = v->running;
	p->cpu_time = rs.time[RUNSTATE_running];
	p->cpu = v->cpu;
	return 0;
}

/* The masks in force are written back: of the soft one what the hard one leaves of it. */
static s64 set_affinity(struct domain *d, const struct xen_domctl_vcpuaffinity *p)
{
	u64 hard, soft = 0;
	struct vcpu *v;
	s64 ret = control_vcpu(d, p->vcpu, &v);

	if (ret)
		return ret;
	if (!(p->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)) ||
	    (p->flags & ~(XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT | XEN_VCPUAFFINITY_FORCE)))
		return -EINVAL;
	hard = v->sched.affinity;
	if (p->flags & XEN_VCPUAFFINITY_SOFT)
		ret = bitmap_from_guest(&p->cpumap_soft, &soft);
	if (!ret && (p->flags & XEN_VCPUAFFINITY_HARD)) {
		ret = bitmap_from_guest(&p->cpumap_hard, &hard);
		if (!ret)
			ret = sched_set_affinity(v, hard);
	}
	if (ret)
		return ret;
	if (p->flags & XEN_VCPUAFFINITY_SOFT)
		sched_set_soft_affinity(v, soft);
	if (p->flags & XEN_VCPUAFFINITY_HARD)
		ret = bitmap_to_guest(&p->cpumap_hard, hard & cpus_online);
	if (!ret && (p->flags & XEN_VCPUAFFINITY_SOFT))
		ret = bitmap_to_guest(&p->cpumap_soft, soft & hard & cpus_online);
	return ret;
}

static s64 get_affinity(struct domain *d, const struct xen_domctl_vcpuaffinity *p)
{
	struct vcpu *v;
	s64 ret = control_vcpu(d, p->vcpu, &v);

	if (!ret && (p->flags & XEN_VCPUAFFINITY_HARD))
		ret = bitmap_to_guest(&p->cpumap_hard, v->sched.affinity & cpus_online);
	if (!ret && (p->flags & XEN_VCPUAFFINITY_SOFT))
		ret = bitmap_to_guest(&p->cpumap_soft, v->sched.soft & cpus_online);
	return ret;
}

static s64 send_trigger(struct domain *d, const struct xen_domctl_sendtrigger *p)
{
	struct vcpu *v;
	s64 ret = control_vcpu(d, p->vcpu, &v);

	if (ret)
		return ret;
	if (p->trigger != XEN_DOMCTL_SENDTRIGGER_NMI)
		return -EOPNOTSUPP;
	v->nmi_pending = true;
	vcpu_unblock(v);
	return 0;
}

s64 domctl_vcpu(struct domain *d, struct xen_domctl *op, bool *copyback)
{
	switch (op->cmd) {
	case XEN_DOMCTL_setvcpucontext:
		return set_context(d, &op->u.vcpucontext);
	case XEN_DOMCTL_getvcpucontext:
		return get_context(d, &op->u.vcpucontext);
	case XEN_DOMCTL_getvcpuinfo:
		*copyback = true;
		return get_info(d, &op->u.getvcpuinfo);
	case XEN_DOMCTL_setvcpuaffinity:
		return set_affinity(d, &op->u.vcpuaffinity);
	case XEN_DOMCTL_getvcpuaffinity:
		return get_affinity(d, &op->u.vcpuaffinity);
	case XEN_DOMCTL_sendtrigger:
		return send_trigger(d, &op->u.sendtrigger);
	default:
		return -ENOSYS;
	}
}
