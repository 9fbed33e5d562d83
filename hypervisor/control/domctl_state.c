// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * domctl: what of a vCPU's state is in no context, for tools that save and restore. A saved state
 * is as hostile as a guest: what is set is judged like what the guest itself could have set.
 */
#include "control/control.h"
#include "cpu/cpu.h"
#include "cpu/cpu_policy.h"
#include "cpu/msr.h"
#include "domain/domain.h"
#include "domain/fpu.h"
#include "domain/guest_access.h"
#include "memory/heap.h"
#include "pv-abi/domctl.h"
#include "pv-abi/errno.h"
#include "pv/cpuid.h"

/* What stands before the XSAVE area in the ABI's buffer. */
struct xsave_prefix {
	u64 xcr0;
	u64 used; /* states that were ever in it: the area has room for these */
};

/* A guest can change none of these; tools have a place for them all the same. */
static const u32 fixed_msrs[] = {
	0x48,	    /* SPEC_CTRL */
	0x140,	    /* MISC_FEATURES_ENABLES */
	0xc0000103, /* TSC_AUX */
	0xc0011019, 0xc001101a, 0xc001101b, 0xc0011027, /* masks of the debug registers */
};

/* ---- entry points ---- */

static s64 get_ext(struct domain *d, struct xen_domctl_ext_vcpucontext *p)
{
	struct vcpu *v;
	s64 ret = control_vcpu(d, p->vcpu, &v);

	if (ret)
		return ret;
	vcpu_pause(v);
	vcpu_get_ext_context(v, p);
	vcpu_unpause(v);
	return 0;
}

static s64 set_ext(struct domain *d, const struct xen_domctl_ext_vcpucontext *p)
{
	struct vcpu *v;
	s64 ret = control_vcpu(d, p->vcpu, &v);

	if (ret)
		return ret;
	/* Older tools end before what is said of machine checks. */
	if (p->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap))
		return -EINVAL;
	vcpu_pause(v);
	ret = vcpu_set_ext_context(v, p);
	vcpu_unpause(v);
	return ret;
}

/* ---- XSAVE ---- */

/* How much there is for `states`, with what stands before it. */
static u32 xsave_bytes(u64 states)
{
	const struct cpu_policy *host = &cpu_policies[CPU_POLICY_HOST];

	return (u32)sizeof(struct xsave_prefix) +
	       (states ? cpu_policy_xsave_size(host, states, false) : 0);
}

static s64 get_xsave(struct domain *d, struct xen_domctl_vcpuextstate *p)
{
	u64 states = pv_xsave_states(d);
	u32 size = xsave_bytes(states);
	struct xsave_prefix *buf;
	struct vcpu *v;
	s64 ret = control_vcpu(d, p->vcpu, &v);

	if (ret)
		return ret;
	/* The first of two calls asks how much there is. */
	if ((!p->size && !p->xfeature_mask) || !p->buffer) {
		p->xfeature_mask = states;
		p->size = size;
		return 0;
	}
	if (p->size != size || p->xfeature_mask != states)
		return -EINVAL;
	buf = zalloc(ALLOC_MISC, size);
	if (!buf)
		return -ENOMEM;
	vcpu_pause(v);
	buf->xcr0 = v->xcr0;
	buf->used = states;
	if (states)
		fpu_export_xsave(v, buf + 1, size - (u32)sizeof(*buf), states);
	vcpu_unpause(v);
	ret = copy_to_guest(p->buffer, buf, size);
	zfree(buf);
	return ret;
}

/* The area is as large as it says itself, and it says no more than the guest may have. */
static s64 check_xsave(const struct vcpu *v, const struct xsave_prefix *buf, u64 size)
{
	if (!buf->xcr0 && !buf->used && size == sizeof(*buf))
		return 0;
	if (!pv_xcr0_valid(v, buf->xcr0) || !pv_xcr0_valid(v, buf->used) ||
	    (buf->xcr0 & ~buf->used) || size != xsave_bytes(buf->used))
		return -EINVAL;
	return 0;
}

static s64 set_xsave(struct domain *d, const struct xen_domctl_vcpuextstate *p)
{
	struct xsave_prefix *buf;
	struct vcpu *v;
	s64 ret = control_vcpu(d, p->vcpu, &v);

	if (ret)
		return ret;
	if (p->size < sizeof(*buf) || p->size > xsave_bytes(pv_xsave_states(d)))
		return -EINVAL;
	buf = zalloc(ALLOC_MISC, p->size);
	if (!buf)
		return -ENOMEM;
	ret = copy_from_guest(buf, p->buffer, p->size) ? -EFAULT : check_xsave(v, buf, p->size);
	if (!ret && p->size > sizeof(*buf)) {
		vcpu_pause(v);
		ret = fpu_import_xsave(v, buf + 1, (u32)(p->size - sizeof(*buf)), buf->used);
		if (!ret)
			v->xcr0 = buf->xcr0;
		vcpu_unpause(v);
	}
	zfree(buf);
	return ret;
}

/* ---- MSRs ---- */

static s64 get_msrs(struct domain *d, struct xen_domctl_vcpu_msrs *p)
{
	struct vcpu *v;
	s64 ret = control_vcpu(d, p->vcpu, &v);

	if (ret)
		return ret;
	/* How many there can be; of those not one differs from what a new vCPU has. */
	p->msr_count = p->msrs ? 0 : ARRAY_SIZE(fixed_msrs);
	return 0;
}

/* What cannot be may be said to be as it is. msr_count becomes the index of what is refused. */
static s64 set_msrs(struct domain *d, struct xen_domctl_vcpu_msrs *p)
{
	u32 n = p->msr_count;
	struct vcpu *v;
	s64 ret = control_vcpu(d, p->vcpu, &v);

	if (ret)
		return ret;
	if (n > ARRAY_SIZE(fixed_msrs))
		return -EINVAL;
	for (p->msr_count = 0; p->msr_count < n; p->msr_count++) {
		struct xen_domctl_vcpu_msr m;
		bool known = false;

		if (get_guest_elem(m, p->msrs, p->msr_count))
			return -EFAULT;
		for (unsigned i = 0; i < ARRAY_SIZE(fixed_msrs); i++)
			known |= m.index == fixed_msrs[i];
		if (!known || m.reserved || m.value)
			return -EINVAL;
	}
	return 0;
}

s64 domctl_state(struct domain *d, struct xen_domctl *op, bool *copyback)
{
	switch (op->cmd) {
	case XEN_DOMCTL_get_ext_vcpucontext:
	case XEN_DOMCTL_set_ext_vcpucontext:
	case XEN_DOMCTL_getvcpuextstate:
	case XEN_DOMCTL_setvcpuextstate:
	case XEN_DOMCTL_get_vcpu_msrs:
	case XEN_DOMCTL_set_vcpu_msrs:
		break;
	default:
		return -ENOSYS;
	}
	if (d == current->domain)
		return -EINVAL;
	switch (op->cmd) {
	case XEN_DOMCTL_get_ext_vcpucontext:
		*copyback = true;
		return get_ext(d, &op->u.ext_vcpucontext);
	case XEN_DOMCTL_set_ext_vcpucontext:
		return set_ext(d, &op->u.ext_vcpucontext);
	case XEN_DOMCTL_getvcpuextstate:
		*copyback = true;
		return get_xsave(d, &op->u.vcpuextstate);
	case XEN_DOMCTL_setvcpuextstate:
		return set_xsave(d, &op->u.vcpuextstate);
	case XEN_DOMCTL_get_vcpu_msrs:
		*copyback = true;
		return get_msrs(d, &op->u.vcpu_msrs);
	default:
		*copyback = true;
		return set_msrs(d, &op->u.vcpu_msrs);
	}
}
