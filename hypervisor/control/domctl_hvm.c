// SPDX-License-Identifier: GPL-2.0-or-later
/* domctl: the state of an HVM domain's vCPUs, as one context for all of them. */
#include "control/control.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "hvm/context.h"
#include "hvm/vcpu.h"
#include "machine/clock.h"
#include "memory/heap.h"
#include "pv-abi/domctl.h"
#include "pv-abi/errno.h"
#include "pv-abi/hvm_save.h"
#include "pv/cpuid.h"

static u32 write_context(struct domain *d, u8 *buf)
{
	u32 at = hvm_context_begin(buf, pv_cpuid(d->vcpu[0], 1, 0).a, (u32)(clock_tsc_hz / 1000));
	struct hvm_hw_lapic_regs regs;
	struct hvm_hw_cpu cpu;
	struct vcpu *v;
	u64 base;

	for_each_vcpu(d, v) {
		if (v->initialised) {
			hvm_get_state(v, &cpu);
			at = hvm_context_add_cpu(buf, at, v->id, &cpu);
		}
		base = hvm_get_apic(v, &regs);
		at = hvm_context_add_apic(buf, at, v->id, base, &regs);
		at = hvm_context_add_pat(buf, at, v->id, hvm_get_pat(v));
	}
	return hvm_context_end(buf, at);
}

static s64 get_context(struct domain *d, struct xen_domctl_hvmcontext *p)
{
	u32 room = hvm_context_size(d->max_vcpus), size;
	u8 *buf;
	s64 ret;

	if (!p->buffer) {
		p->size = room;
		return 0;
	}
	if (!d->vcpu[0])
		return -ESRCH;
	if (p->size < room)
		return -ENOSPC;
	buf = zalloc(ALLOC_MISC, room);
	if (!buf)
		return -ENOMEM;
	domain_pause(d);
	size = write_context(d, buf);
	domain_unpause(d);
	ret = copy_to_guest(p->buffer, buf, size);
	zfree(buf);
	p->size = size;
	return ret;
}

/* Every record is good, and there is a vCPU for each: nothing is left to fail. */
static void set_states(struct domain *d, const u8 *buf)
{
	struct hvm_hw_lapic_regs regs;
	struct hvm_hw_cpu cpu;
	struct vcpu *v;
	u64 pat;

	domain_pause(d);
	for_each_vcpu(d, v) {
		if (hvm_context_cpu(buf, v->id, &cpu)) {
			hvm_set_state(v, &cpu);
			v->initialised = true;
			/* What it waited for was of its former life. */
			atomic_and(&v->pause_flags, ~(VPF_DOWN | VPF_BLOCKED));
		}
		if (hvm_context_apic(buf, v->id, &regs)) {
			hvm_set_apic(v, &regs);
			/* It may have what wakes it now; if not, it sleeps again. */
			atomic_and(&v->pause_flags, ~VPF_BLOCKED);
		}
		if (hvm_context_pat(buf, v->id, &pat))
			hvm_set_pat(v, pat);
	}
	domain_unpause(d);
}

static bool has_vcpus_of(struct domain *d, const u8 *buf)
{
	struct hvm_hw_lapic_regs regs;
	struct hvm_hw_cpu cpu;
	u64 pat;

	for (unsigned i = 0; i < d->max_vcpus; i++)
		if (!d->vcpu[i] && (hvm_context_cpu(buf, i, &cpu) ||
				    hvm_context_apic(buf, i, &regs) ||
				    hvm_context_pat(buf, i, &pat)))
			return false;
	return true;
}

static s64 set_context(struct domain *d, const struct xen_domctl_hvmcontext *p)
{
	u8 *buf;
	s64 ret;

	if (p->size > hvm_context_size(d->max_vcpus))
		return -EINVAL;
	/* Of no size at all there is nothing to allocate, and it is no context. */
	buf = p->size ? zalloc(ALLOC_MISC, p->size) : NULL;
	if (!buf)
		return p->size ? -ENOMEM : -EINVAL;
	ret = copy_from_guest(buf, p->buffer, p->size) ?
		      -EFAULT :
		      hvm_context_check(buf, p->size, d->max_vcpus);
	if (!ret)
		ret = d->dying || !has_vcpus_of(d, buf) ? -ESRCH : 0;
	if (!ret)
		set_states(d, buf);
	zfree(buf);
	return ret;
}

s64 domctl_hvm(struct domain *d, struct xen_domctl *op, bool *copyback)
{
	switch (op->cmd) {
	case XEN_DOMCTL_gethvmcontext:
		*copyback = true;
		return get_context(d, &op->u.hvmcontext);
	case XEN_DOMCTL_sethvmcontext:
		return set_context(d, &op->u.hvmcontext);
	default:
		return -ENOSYS;
	}
}
