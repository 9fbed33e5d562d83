// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * domctl and sysctl: which CPU a guest is shown. Reading is by two calls, the first of which has no
 * buffers and is told how large they have to be.
 */
#include "cpu/cpu_policy.h"
#include "control/control.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "memory/heap.h"
#include "pv-abi/domctl.h"
#include "pv-abi/errno.h"
#include "pv-abi/sysctl.h"
#include "pv/cpu_ops.h"
#include "pv/cpuid.h"

/* Too large for a stack. */
struct buffers {
	struct cpu_policy policy;
	struct xen_cpuid_leaf leaves[CPU_POLICY_LEAVES];
	struct xen_msr_entry msrs[CPU_POLICY_MSRS];
};

/* The arguments that both hypercalls have. */
struct guest_lists {
	u32 nr_leaves, nr_msrs;
	u64 leaves, msrs;
};

/* 0, -ENOBUFS: there is less room than there are entries, -EFAULT. */
static s64 to_guest(struct buffers *b, struct guest_lists *g)
{
	u32 leaves = cpu_policy_to_leaves(&b->policy, b->leaves),
	    msrs = cpu_policy_to_msrs(&b->policy, b->msrs);

	if ((g->leaves && g->nr_leaves < leaves) || (g->msrs && g->nr_msrs < msrs))
		return -ENOBUFS;
	if ((g->leaves && copy_to_guest(g->leaves, b->leaves, leaves * sizeof(b->leaves[0]))) ||
	    (g->msrs && copy_to_guest(g->msrs, b->msrs, msrs * sizeof(b->msrs[0]))))
		return -EFAULT;
	g->nr_leaves = g->leaves ? leaves : CPU_POLICY_LEAVES;
	g->nr_msrs = g->msrs ? msrs : CPU_POLICY_MSRS;
	return 0;
}

/* ---- sysctl ---- */

/* The ABI's numbers of policies; there are no HVM guests yet. */
static s64 kind_of_policy(u32 index, enum cpu_policy_kind *kind)
{
	switch (index) {
	case XEN_SYSCTL_cpu_policy_raw:
		*kind = CPU_POLICY_RAW;
		return 0;
	case XEN_SYSCTL_cpu_policy_host:
		*kind = CPU_POLICY_HOST;
		return 0;
	case XEN_SYSCTL_cpu_policy_pv_max:
		*kind = CPU_POLICY_PV_MAX;
		return 0;
	case XEN_SYSCTL_cpu_policy_pv_default:
		*kind = CPU_POLICY_PV_DEFAULT;
		return 0;
	case XEN_SYSCTL_cpu_policy_hvm_max:
	case XEN_SYSCTL_cpu_policy_hvm_default:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

s64 sysctl_cpu_policy(struct xen_sysctl_cpu_policy *p)
{
	struct guest_lists g = { p->nr_leaves, p->nr_msrs, p->leaves, p->msrs };
	enum cpu_policy_kind kind;
	struct buffers *b;
	s64 ret;

	if (p->_rsvd)
		return -EINVAL;
	ret = kind_of_policy(p->index, &kind);
	if (ret)
		return ret;
	b = zalloc(ALLOC_MISC, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->policy = cpu_policies[kind];
	ret = to_guest(b, &g);
	zfree(b);
	p->nr_leaves = g.nr_leaves;
	p->nr_msrs = g.nr_msrs;
	return ret;
}

s64 sysctl_cpu_featureset(struct xen_sysctl_cpu_featureset *p)
{
	u32 words[CPU_POLICY_FEATURES], n = min(p->nr_features, (u32)CPU_POLICY_FEATURES);
	enum cpu_policy_kind kind;

	if (!p->features) {
		p->nr_features = CPU_POLICY_FEATURES;
		return 0;
	}
	switch (p->index) {
	case XEN_SYSCTL_cpu_featureset_raw:
		kind = CPU_POLICY_RAW;
		break;
	case XEN_SYSCTL_cpu_featureset_host:
		kind = CPU_POLICY_HOST;
		break;
	case XEN_SYSCTL_cpu_featureset_pv:
		kind = CPU_POLICY_PV_DEFAULT;
		break;
	case XEN_SYSCTL_cpu_featureset_pv_max:
		kind = CPU_POLICY_PV_MAX;
		break;
	case XEN_SYSCTL_cpu_featureset_hvm:
	case XEN_SYSCTL_cpu_featureset_hvm_max:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
	cpu_policy_features(&cpu_policies[kind], words);
	if (copy_to_guest(p->features, words, n * sizeof(words[0])))
		return -EFAULT;
	p->nr_features = n;
	return n < CPU_POLICY_FEATURES ? -ENOBUFS : 0;
}

/* ---- domctl ---- */

static s64 get_policy(const struct domain *d, struct xen_domctl_cpu_policy *p)
{
	struct guest_lists g = { p->nr_leaves, p->nr_msrs, p->leaves, p->msrs };
	struct buffers *b = zalloc(ALLOC_MISC, sizeof(*b));
	s64 ret;

	if (!b)
		return -ENOMEM;
	pv_cpu_policy(d, &b->policy);
	ret = to_guest(b, &g);
	zfree(b);
	p->nr_leaves = g.nr_leaves;
	p->nr_msrs = g.nr_msrs;
	return ret;
}

/* b->policy after what the tool says of it; *err what is wrong with that. */
static s64 merge(struct buffers *b, const struct xen_domctl_cpu_policy *p,
		 struct cpu_policy_error *err)
{
	int ret;

	/* A list of none has no address. */
	if ((p->nr_leaves &&
	     copy_from_guest(b->leaves, p->leaves, p->nr_leaves * sizeof(b->leaves[0]))) ||
	    (p->nr_msrs && copy_from_guest(b->msrs, p->msrs, p->nr_msrs * sizeof(b->msrs[0]))))
		return -EFAULT;
	ret = cpu_policy_from_leaves(&b->policy, b->leaves, p->nr_leaves, err);
	if (!ret)
		ret = cpu_policy_from_msrs(&b->policy, b->msrs, p->nr_msrs, err);
	return ret ? ret : cpu_policy_settle(&b->policy, err);
}

static s64 set_policy(struct domain *d, struct xen_domctl_cpu_policy *p)
{
	struct cpu_policy_error err = { ~0U, ~0U, ~0U };
	struct cpu_policy *fresh = NULL;
	struct buffers *b;
	s64 ret;

	p->err_leaf = p->err_subleaf = p->err_msr = ~0U;
	if (d == current->domain)
		return -EINVAL;
	/* Whoever asked before would have been told something else. */
	if (d->started)
		return -EEXIST;
	if (p->nr_leaves > CPU_POLICY_LEAVES || p->nr_msrs > CPU_POLICY_MSRS)
		return -E2BIG;
	b = zalloc(ALLOC_MISC, sizeof(*b));
	if (!b)
		return -ENOMEM;
	pv_cpu_policy(d, &b->policy);
	ret = merge(b, p, &err);
	if (!ret && !d->cpu_policy) {
		fresh = zalloc(ALLOC_DOMAIN, sizeof(*fresh));
		if (!fresh)
			ret = -ENOMEM;
	}
	if (!ret) {
		if (fresh)
			d->cpu_policy = fresh;
		*d->cpu_policy = b->policy;
		/* Contexts that came before it. */
		for (unsigned i = 0; i < d->max_vcpus; i++)
			if (d->vcpu[i])
				d->vcpu[i]->pv.cr4 =
					pv_guest_cr4(d->vcpu[i], d->vcpu[i]->pv.cr4);
	}
	zfree(b);
	p->err_leaf = err.leaf;
	p->err_subleaf = err.subleaf;
	p->err_msr = err.msr;
	return ret;
}

s64 domctl_cpu_policy(struct domain *d, struct xen_domctl *op, bool *copyback)
{
	switch (op->cmd) {
	case XEN_DOMCTL_get_cpu_policy:
		*copyback = true;
		return get_policy(d, &op->u.cpu_policy);
	case XEN_DOMCTL_set_cpu_policy:
		*copyback = true;
		return set_policy(d, &op->u.cpu_policy);
	default:
		return -ENOSYS;
	}
}
