/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CONTROL_CONTROL_H
#define ANNULUS_CONTROL_CONTROL_H

#include "lib/types.h"

struct domain;
struct vcpu;
struct xen_domctl;
struct xen_domctl_getdomaininfo;
struct xen_sysctl_cpu_featureset;
struct xen_sysctl_cpu_policy;
struct xenctl_bitmap;

/* Hypercalls of dom0: `arg` is the guest address of a struct xen_domctl, xen_sysctl. */
s64 do_domctl(u64 arg);
s64 do_sysctl(u64 arg);

/*
 * Control operations run one at a time. control_trylock() fails when another CPU is at it: the
 * hypercall is then continued instead of spinning, so that the CPU stays ready to be interrupted,
 * scheduled and paused. Not a spinlock: its holder may wait for other CPUs.
 */
bool control_trylock(void);
void control_unlock(void);

/* Fill the ABI's record of `d`, on which a reference is held. */
void domain_info(struct domain *d, struct xen_domctl_getdomaininfo *info);

/*
 * A CPU or node mask of the ABI: at most 64 bits mean anything. 0, -EFAULT, -EINVAL (absurdly
 * large).
 */
int bitmap_from_guest(const struct xenctl_bitmap *b, u64 *mask);
int bitmap_to_guest(const struct xenctl_bitmap *b, u64 mask);

/*
 * domctl_vcpu.c: operations on single vCPUs. -ENOSYS if `op` is none; -ERESTART to be continued;
 * *copyback: op changed.
 */
s64 domctl_vcpu(struct domain *d, struct xen_domctl *op, bool *copyback);
/* domctl_state.c: the same for what of a vCPU's state is in no context. */
s64 domctl_state(struct domain *d, struct xen_domctl *op, bool *copyback);
/* domctl_hvm.c: the same for the state of an HVM domain, which d is. */
s64 domctl_hvm(struct domain *d, struct xen_domctl *op, bool *copyback);
/* v gets vCPU `id`, which exists: 0, -EINVAL, -ESRCH. */
int control_vcpu(struct domain *d, u32 id, struct vcpu **v);
/* shadow_op.c: the log of written pages. 0, -EINVAL, -ENOMEM, -EBUSY, -EFAULT, -ERESTART. */
s64 domctl_shadow_op(struct domain *d, struct xen_domctl *op, bool *copyback);
/* domctl_access.c: the same for what of the machine a domain may touch. */
s64 domctl_access(struct domain *d, struct xen_domctl *op);

/*
 * cpu_policy.c: the same for the CPU that a domain is shown; what a set refused is to be copied
 * back, too.
 */
s64 domctl_cpu_policy(struct domain *d, struct xen_domctl *op, bool *copyback);
s64 sysctl_cpu_policy(struct xen_sysctl_cpu_policy *p);
/* -ENOBUFS: there would be more; what there was room for is delivered. */
s64 sysctl_cpu_featureset(struct xen_sysctl_cpu_featureset *p);

/* The CPU that vCPU `id` of `d` starts on. */
unsigned control_pick_cpu(const struct domain *d, unsigned id);

#endif
