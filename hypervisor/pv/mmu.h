/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_MMU_H
#define ANNULUS_PV_MMU_H

#include "lib/types.h"

struct domain;
struct frame;
struct vcpu;

/* Hypercalls, in the argument order of the ABI. */
s64 do_mmu_update(u64 ureqs, u64 count, u64 pdone, u64 foreigndom);
s64 do_mmuext_op(u64 uops, u64 count, u64 pdone, u64 foreigndom);
s64 do_update_va_mapping(u64 va, u64 val, u64 flags);
s64 do_update_va_mapping_otherdomain(u64 va, u64 val, u64 flags, u64 domid);

/*
 * A vCPU's roots: v is current or paused. The new one is validated if it was not, its references
 * are v's.
 *
 * pv_new_guest_cr3() - the kernel's root; loaded at once if v is current.
 * pv_new_user_cr3() - the user root; mfn 0 for none.
 * 0, -EINVAL (no valid L4 of v's domain), -ERESTART (call again). On error the old root stays. The
 * old root's references may not be all dropped when these return 0: see pv_finish_old_table().
 */
int pv_new_guest_cr3(struct vcpu *v, mfn_t mfn);
int pv_new_user_cr3(struct vcpu *v, mfn_t mfn);
/* Give up both roots of a vCPU that does not run and is not loaded anywhere. 0 or -ERESTART. */
int pv_drop_guest_tables(struct vcpu *v);
/*
 * pv_finish_old_table() - undoing a table that v gave up was interrupted: carry on. 0 when there is
 * nothing left, else -ERESTART. Every hypercall that may leave such a table behind starts with this
 * and is continued until it is done.
 */
int pv_finish_old_table(struct vcpu *v);
/*
 * Remember a table (type and general reference) that could not be given up at once; there must be
 * none yet.
 */
void pv_keep_old_table(struct vcpu *v, mfn_t mfn);

/*
 * domain_kill(): roots, GDTs and LDTs of all vCPUs of a dying domain. 0 or -ERESTART. Then
 * domain_relinquish_memory().
 */
int pv_relinquish_tables(struct domain *d);

/*
 * pv_walk() - what the tables of v's guest_table say of `va`: true and the L1 entry if it is
 * present. Takes no reference, so the answer may be old when it comes; safe whatever the guest does
 * meanwhile.
 * pv_find_l1() - the L1 table that would hold the entry of va, or INVALID_MFN.
 */
bool pv_walk(const struct vcpu *v, vaddr_t va, u64 *leaf);
mfn_t pv_find_l1(const struct vcpu *v, vaddr_t va);

/*
 * pv_domain_lookup() - a domid argument of the memory hypercalls, referenced: DOMID_SELF, DOMID_IO,
 * DOMID_XEN, another domain. NULL and *err: -EPERM (not the caller's to name), -ESRCH.
 */
struct domain *pv_domain_lookup(unsigned domid, int *err);

/* CPUs of the vCPUs in the guest's bitmap at `va`: 0 or -EFAULT. */
int pv_vcpumask_cpus(struct domain *d, vaddr_t va, cpumask_t *out);

#endif
