// SPDX-License-Identifier: GPL-2.0-or-later
/* domctl: what a toolstack does with domains. */
#include "control/control.h"
#include "cpu/cpu.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "domain/refusal.h"
#include "hvm/hvm.h"
#include "image/pvh_acpi.h"
#include "image/hypercall_page.h"
#include "lib/nospec.h"
#include "lib/string.h"
#include "machine/clock.h"
#include "memory/heap.h"
#include "memory/log_dirty.h"
#include "pv-abi/domctl.h"
#include "pv-abi/errno.h"
#include "pv-abi/ring1.h"
#include "pv/compat.h"
#include "pv/ring1.h"
#include "sched/sched.h"

#define PAGE_INFO_MAX   1024
#define PAGE_INFO_BATCH 64
#define PORTS_MAX       (1U << 17)
#define TSC_EMULATE     1
#define TSC_NATIVE      2

/* Under the control lock: where the search for a free domain number begins. */
static domid_t last_domid;

#define CDF_HVM (XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap)

static s64 check_config(const struct xen_domctl_createdomain *c)
{
	/* HVM is with nested paging or not at all, and nested paging is for HVM. */
	if ((c->flags & CDF_HVM) == XEN_DOMCTL_CDF_hap)
		return -EINVAL;
	if ((c->flags & XEN_DOMCTL_CDF_hvm) &&
	    (!(c->flags & XEN_DOMCTL_CDF_hap) || !hvm_available()))
		return -EOPNOTSUPP;
	/* So many has one cluster of local APICs, and the table that tells of them. */
	if ((c->flags & XEN_DOMCTL_CDF_hvm) && c->max_vcpus > PVH_MAX_VCPUS &&
	    c->max_vcpus <= MAX_VCPUS)
		return -EOPNOTSUPP;
	if (c->flags & ~(u32)(XEN_DOMCTL_CDF_xs_domain | CDF_HVM))
		return c->flags & ~(u32)(XEN_DOMCTL_CDF_MAX * 2 - 1) ? -EINVAL : -EOPNOTSUPP;
	if (!c->max_vcpus || c->max_vcpus > MAX_VCPUS || c->cpupool_id || c->iommu_opts ||
	    c->vmtrace_size)
		return -EINVAL;
	if (c->grant_opts & ~(u32)XEN_DOMCTL_GRANT_version_mask)
		return -EINVAL;
	if (c->grant_opts > XEN_DOMCTL_GRANT_version(1))
		return -EOPNOTSUPP;
	/* No device is emulated, for no kind of guest. */
	if (c->arch.emulation_flags || (c->arch.misc_flags & ~(u32)XEN_X86_MISC_FLAGS_MAX))
		return -EINVAL;
	return 0;
}

static s64 create(struct xen_domctl *op)
{
	const struct xen_domctl_createdomain *c = &op->u.createdomain;
	struct domain_config cfg = {
		.max_vcpus = c->max_vcpus,
		.max_ports = c->max_evtchn_port < PORTS_MAX ? c->max_evtchn_port + 1 : PORTS_MAX,
		.max_grant_frames = c->max_grant_frames < 0 ? ~0U : (u32)c->max_grant_frames,
		.max_maptrack_frames =
			c->max_maptrack_frames < 0 ? ~0U : (u32)c->max_maptrack_frames,
		.flags = c->flags,
		.hvm = c->flags & XEN_DOMCTL_CDF_hvm,
	};
	bool any = !op->domain || op->domain >= DOMID_FIRST_RESERVED;
	struct domain *d;
	int err = (int)check_config(c);

	if (err)
		return err;
	memcpy(cfg.handle, c->handle, sizeof(cfg.handle));
	if (!any) {
		d = domain_create(op->domain, &cfg, &err);
		return d ? 0 : err;
	}
	for (unsigned tries = 0; tries < DOMID_FIRST_RESERVED; tries++) {
		struct domain *taken;

		/* Numbers are used in turn, so that a stale one names nobody for a long time. */
		last_domid = last_domid + 1U < DOMID_FIRST_RESERVED ? last_domid + 1 : 1;
		taken = domain_get(last_domid);
		if (taken) {
			domain_put(taken);
			continue;
		}
		d = domain_create(last_domid, &cfg, &err);
		if (!d)
			return err;
		op->domain = d->id;
		return 0;
	}
	return -ENOMEM;
}

static s64 get_info(struct xen_domctl *op)
{
	struct domain *d = domain_get_next(op->domain);

	if (!d)
		return -ESRCH;
	domain_info(d, &op->u.getdomaininfo);
	op->domain = d->id;
	domain_put(d);
	return 0;
}

static s64 make_vcpus(struct domain *d, u32 max)
{
	if (!max || max > d->max_vcpus)
		return -EINVAL;
	for (unsigned i = 0; i < max; i++)
		if (!d->vcpu[i] && !vcpu_create(d, i, control_pick_cpu(d, i)))
			return -ENOMEM;
	return 0;
}

static s64 set_max_memory(struct domain *d, u64 kib)
{
	spin_lock(&d->page_lock);
	d->max_pages = kib >> (PAGE_SHIFT - 10);
	spin_unlock(&d->page_lock);
	return 0;
}

/* What a frame is, in the ABI's terms. */
static u64 page_info(struct domain *d, mfn_t mfn)
{
	u64 type, info = XEN_DOMCTL_PFINFO_NOTAB;
	struct frame *f;

	if (!mfn_valid(mfn) || !frame_get(mfn_to_frame(mfn), d))
		return XEN_DOMCTL_PFINFO_XTAB;
	f = mfn_to_frame(mfn);
	type = atomic_read(&f->type);
	switch (type & FT_TYPE_MASK) {
	case FT_L1:
		info = XEN_DOMCTL_PFINFO_L1TAB;
		break;
	case FT_L2:
	case FT_L2_TOP:
		info = XEN_DOMCTL_PFINFO_L2TAB;
		break;
	case FT_L3:
		info = XEN_DOMCTL_PFINFO_L3TAB;
		break;
	case FT_L4:
		info = XEN_DOMCTL_PFINFO_L4TAB;
		break;
	}
	/* A type without references is only what the frame was once. */
	if (!(type & FT_COUNT_MASK))
		info = XEN_DOMCTL_PFINFO_NOTAB;
	if (type & FT_PINNED)
		info |= XEN_DOMCTL_PFINFO_LPINTAB;
	frame_put(f);
	return info;
}

static s64 get_page_info(struct domain *d, const struct xen_domctl_getpageframeinfo3 *p)
{
	u64 batch[PAGE_INFO_BATCH];

	if (p->num > PAGE_INFO_MAX)
		return -E2BIG;
	for (u64 done = 0; done < p->num; done += PAGE_INFO_BATCH) {
		u64 n = min(p->num - done, (u64)PAGE_INFO_BATCH),
		    at = p->array + done * sizeof(batch[0]);

		if (copy_from_guest(batch, at, n * sizeof(batch[0])))
			return -EFAULT;
		for (u64 i = 0; i < n; i++)
			batch[i] = page_info(d, batch[i]);
		if (copy_to_guest(at, batch, n * sizeof(batch[0])))
			return -EFAULT;
	}
	return 0;
}

/*
 * Single vCPUs of a list: they have weights of their own, and the domain's cap. What is wrong with
 * an element ends it; those before it are done.
 */
static s64 scheduler_vcpus(struct domain *d, const struct xen_domctl_scheduler_op *p)
{
	if (p->u.v.nr_vcpus > d->max_vcpus)
		return -EINVAL;
	for (u32 i = 0; i < p->u.v.nr_vcpus; i++) {
		struct xen_domctl_schedparam_vcpu e;
		struct vcpu *v;

		if (get_guest_elem(e, p->u.v.vcpus, i))
			return -EFAULT;
		if (e.vcpuid >= d->max_vcpus)
			return -EINVAL;
		v = d->vcpu[index_nospec(e.vcpuid, d->max_vcpus)];
		if (!v)
			return -EINVAL;
		if (p->cmd == XEN_DOMCTL_SCHEDOP_putvcpuinfo) {
			if (!e.u.credit2.weight)
				return -EINVAL;
			if (e.u.credit2.cap != (u16)sched_get_cap(d))
				return -EOPNOTSUPP;
			sched_set_vcpu_weight(v, e.u.credit2.weight);
			continue;
		}
		e.u.credit2.weight = (u16)v->sched.weight;
		e.u.credit2.cap = (u16)sched_get_cap(d);
		if (put_guest_elem(e, p->u.v.vcpus, i))
			return -EFAULT;
	}
	return 0;
}

static s64 scheduler(struct domain *d, struct xen_domctl_scheduler_op *p, bool *copyback)
{
	if (p->sched_id != XEN_SCHEDULER_CREDIT2)
		return -EINVAL;
	switch (p->cmd) {
	case XEN_DOMCTL_SCHEDOP_putinfo:
		if (!p->u.credit2.weight)
			return -EINVAL;
		sched_set_weight(d, p->u.credit2.weight);
		sched_set_cap(d, p->u.credit2.cap);
		return 0;
	case XEN_DOMCTL_SCHEDOP_getinfo:
		p->u.credit2.weight = (u16)min(sched_get_weight(d), 0xffffU);
		p->u.credit2.cap = (u16)sched_get_cap(d);
		*copyback = true;
		return 0;
	case XEN_DOMCTL_SCHEDOP_putvcpuinfo:
	case XEN_DOMCTL_SCHEDOP_getvcpuinfo:
		return scheduler_vcpus(d, p);
	default:
		return -EINVAL;
	}
}

static s64 write_hypercall_page(struct domain *d, mfn_t mfn)
{
	struct frame *f;
	int ret;

	if (!mfn_valid(mfn))
		return -EINVAL;
	f = mfn_to_frame(mfn);
	ret = frame_get_and_type(f, d, FT_WRITABLE);
	if (ret)
		return ret;
	if (d->is_32bit)
		compat_hypercall_page_fill(frame_to_va(f));
	else
		hypercall_page_fill(frame_to_va(f));
	frame_dirtied(f);
	frame_put_and_type(f);
	return 0;
}

static s64 set_address_size(struct domain *d, u32 bits)
{
	if (bits == 64)
		return d->is_32bit || d->ring1 ? -EBUSY : 0;
	if (bits == ANNULUS_ADDRESS_SIZE_RING1)
		return domain_set_ring1(d);
	return bits == 32 ? domain_set_compat(d) : -EINVAL;
}

static s64 set_tsc(const struct xen_domctl_tsc_info *p)
{
	/* Guests read the TSC themselves, and it stays what it is. */
	if (p->tsc_mode == TSC_EMULATE)
		return -EOPNOTSUPP;
	/*
	 * The default leaves it to the hypervisor what RDTSC gives a guest that comes from another
	 * machine. Its clocks go by what is in its vcpu_time_info, which is this machine's.
	 */
	return p->tsc_mode > TSC_NATIVE ? -EINVAL : 0;
}

static s64 get_tsc(struct domain *d, struct xen_domctl_tsc_info *p)
{
	*p = (struct xen_domctl_tsc_info){
		.tsc_mode = TSC_NATIVE,
		.gtsc_khz = (u32)(clock_tsc_hz / 1000),
		.elapsed_nsec = system_time() - d->created,
	};
	return 0;
}

static s64 node_affinity(const struct xen_domctl *op)
{
	u64 nodes;
	s64 ret;

	if (op->cmd == XEN_DOMCTL_getnodeaffinity)
		return bitmap_to_guest(&op->u.nodeaffinity.nodemap, 1);
	ret = bitmap_from_guest(&op->u.nodeaffinity.nodemap, &nodes);
	return ret ? ret : nodes & 1 ? 0 : -EINVAL;
}

/* May the caller do this to itself? What stops it or takes its memory would never return. */
static bool is_for_others(u32 cmd)
{
	return cmd == XEN_DOMCTL_destroydomain || cmd == XEN_DOMCTL_pausedomain ||
	       cmd == XEN_DOMCTL_resumedomain;
}

/* What does not ask for a PV guest's CPU or memory. */
static bool is_for_hvm(u32 cmd)
{
	switch (cmd) {
	case XEN_DOMCTL_destroydomain:
	case XEN_DOMCTL_pausedomain:
	case XEN_DOMCTL_unpausedomain:
	case XEN_DOMCTL_max_mem:
	case XEN_DOMCTL_scheduler_op:
	case XEN_DOMCTL_setdomainhandle:
	case XEN_DOMCTL_setdebugging:
	case XEN_DOMCTL_settimeoffset:
	case XEN_DOMCTL_gettscinfo:
	case XEN_DOMCTL_settscinfo:
	case XEN_DOMCTL_get_address_size:
	case XEN_DOMCTL_getnodeaffinity:
	case XEN_DOMCTL_setnodeaffinity:
	case XEN_DOMCTL_max_vcpus:
	case XEN_DOMCTL_gethvmcontext:
	case XEN_DOMCTL_sethvmcontext:
	case XEN_DOMCTL_getvcpuinfo:
	case XEN_DOMCTL_setvcpuaffinity:
	case XEN_DOMCTL_getvcpuaffinity:
		return true;
	}
	return false;
}

static s64 one_domain(struct domain *d, struct xen_domctl *op, bool *copyback)
{
	s64 ret;

	if (d == current->domain && is_for_others(op->cmd))
		return -EINVAL;
	if (d->p2m && !is_for_hvm(op->cmd))
		return -EOPNOTSUPP;
	switch (op->cmd) {
	case XEN_DOMCTL_destroydomain:
		return d == dom0 ? -EINVAL : domain_kill(d);
	case XEN_DOMCTL_pausedomain:
		return domain_pause_by_control(d);
	case XEN_DOMCTL_unpausedomain:
		return domain_unpause_by_control(d);
	case XEN_DOMCTL_resumedomain:
		domain_resume(d);
		return 0;
	case XEN_DOMCTL_max_vcpus:
		return d->dying ? -EINVAL : make_vcpus(d, op->u.max_vcpus.max);
	case XEN_DOMCTL_max_mem:
		return set_max_memory(d, op->u.max_mem.max_memkb);
	case XEN_DOMCTL_getpageframeinfo3:
		return get_page_info(d, &op->u.getpageframeinfo3);
	case XEN_DOMCTL_scheduler_op:
		return scheduler(d, &op->u.scheduler_op, copyback);
	case XEN_DOMCTL_setdomainhandle:
		memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
		return 0;
	case XEN_DOMCTL_setdebugging:
		d->debugger_attached = op->u.setdebugging.enable;
		return 0;
	case XEN_DOMCTL_hypercall_init:
		return write_hypercall_page(d, op->u.hypercall_init.gmfn);
	case XEN_DOMCTL_settimeoffset:
		d->time.offset_seconds = op->u.settimeoffset.time_offset_seconds;
		domain_wallclock_update(d);
		return 0;
	case XEN_DOMCTL_settscinfo:
		return set_tsc(&op->u.tsc_info);
	case XEN_DOMCTL_gettscinfo:
		*copyback = true;
		return get_tsc(d, &op->u.tsc_info);
	case XEN_DOMCTL_set_address_size:
		return set_address_size(d, op->u.address_size.size);
	case XEN_DOMCTL_get_address_size:
		if (!d->ring1 || op->u.address_size.size != ANNULUS_ADDRESS_SIZE_RING1)
			op->u.address_size.size = d->is_32bit ? 32 : 64;
		*copyback = true;
		return 0;
	case XEN_DOMCTL_setnodeaffinity:
	case XEN_DOMCTL_getnodeaffinity:
		return node_affinity(op);
	case XEN_DOMCTL_shadow_op:
		return domctl_shadow_op(d, op, copyback);
	case XEN_DOMCTL_gethvmcontext:
	case XEN_DOMCTL_sethvmcontext:
		return d->p2m ? domctl_hvm(d, op, copyback) : -EINVAL;
	case XEN_DOMCTL_soft_reset:
		return -EOPNOTSUPP;
	}
	ret = domctl_vcpu(d, op, copyback);
	if (ret == -ENOSYS)
		ret = domctl_state(d, op, copyback);
	if (ret == -ENOSYS)
		ret = domctl_cpu_policy(d, op, copyback);
	return ret == -ENOSYS ? domctl_access(d, op) : ret;
}

/* What was refused is in what these give back. */
static bool says_why(u32 cmd)
{
	return cmd == XEN_DOMCTL_set_cpu_policy || cmd == XEN_DOMCTL_set_vcpu_msrs;
}

s64 do_domctl(u64 arg)
{
	bool copyback = false;
	struct xen_domctl op;
	struct domain *d;
	s64 ret;

	if (!current->domain->privileged)
		return -EPERM;
	if (copy_from_guest(&op, arg, sizeof(op)))
		return -EFAULT;
	if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
		return -EACCES;
	if (!control_trylock())
		return hypercall_continue(__HYPERVISOR_domctl, 1, arg);

	if (op.cmd == XEN_DOMCTL_createdomain) {
		copyback = true;
		ret = create(&op);
	} else if (op.cmd == XEN_DOMCTL_getdomaininfo) {
		copyback = true;
		ret = get_info(&op);
	} else {
		d = domain_get(op.domain);
		ret = d ? one_domain(d, &op, &copyback) : -ESRCH;
		if (d)
			domain_put(d);
	}
	control_unlock();
	if (ret == -ERESTART)
		return hypercall_continue(__HYPERVISOR_domctl, 1, arg);
	if (ret == -ENOSYS || ret == -EOPNOTSUPP)
		return refused("domctl", op.cmd, ret);
	if ((!ret || says_why(op.cmd)) && copyback &&
	    copy_to_guest(arg, &op, sizeof(op)))
		return -EFAULT;
	return ret;
}
