/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_SHADOW_H
#define ANNULUS_PV_SHADOW_H

#include "domain/domain.h"
#include "lib/types.h"
#include "memory/log_dirty.h"

struct frame;

/*
 * Shadow page tables. While a domain's log of written pages is on (memory/log_dirty.h) its vCPUs
 * run on copies of its tables, which are filled on faults: an entry is writable there only once the
 * page is marked. Nobody but the root layer and the page-fault path knows: struct pv_vcpu's
 * cr3_kernel and cr3_user are the shadows of guest_table and guest_table_user then, and these
 * themselves else.
 *
 * A table has at most one shadow, by its frame number. An entry of a shadow is empty or allows what
 * the guest's own entry allows, or less; it holds no references. That goes well because
 *   - whoever replaces an entry of a table empties the shadow's AFTER that (shadow_entry_changed())
 *     and BEFORE he gives the references back, and the shadow of a table that is being undone goes
 *     before its entries' references do (shadow_forget()). From then on no CPU can fill its TLB by
 *     the old entry, and for what it has in it already the frames' stamps care, as always;
 *   - a shadow is filled under the log's lock from what the guest's entry is then. Whoever replaced
 *     an entry takes that lock in between, whether there is a shadow or not: so while it is held,
 *     the table that a reachable entry leads to is one, and setting A and D in it is what the CPU
 *     would do.
 *
 * The guest's own entries get A when they are used and D before the shadow becomes writable, and
 * both are stores to the table's page.
 *
 * Pages of shadows come out of a pool of a fixed size. If it has none left all shadows but the
 * roots in use are thrown away, after which TLBs are flushed: only who has interrupts on can do
 * that, and leaves a reserve for who has not. A page that was a root stays one (a CPU may be on it
 * with our slots in use when the vCPU has another already).
 *
 * Lock: log_dirty.lock (irqsave), whose holder waits for nothing. It may be taken with a table
 * LOCKED and with any lock held but page_lock and the heap's.
 */

/*
 * shadow_pages() - how large d's pool is to be if somebody wants so many (0: nobody says). Never so
 * small that its vCPUs cannot run.
 */
u32 shadow_pages(const struct domain *d, u64 wanted);

/*
 * shadow_on(), shadow_off() - d is paused and not current; every CPU is flushed when they return,
 * so that what was stored before (on) has been stored and nobody runs on a shadow (off).
 */
void shadow_on(struct domain *d);
void shadow_off(struct domain *d);

/*
 * shadow_protect() - nothing of d's is writable in a shadow any more, and in no TLB. 0 or -ERESTART
 * with progress in *at, which is 0 at first. Interrupts on.
 */
int shadow_protect(struct domain *d, u64 *at);

/*
 * shadow_roots() - v's guest_table or guest_table_user changed: what CR3 is to hold. v is current
 * or paused; interrupts on. Use roots_changed().
 */
void shadow_roots(struct vcpu *v);
static inline void roots_changed(struct vcpu *v)
{
	if (log_dirty_on(v->domain)) {
		shadow_roots(v);
	} else {
		v->pv.cr3_kernel = v->pv.guest_table;
		v->pv.cr3_user = v->pv.guest_table_user;
	}
}

/*
 * shadow_entry_changed() - entry `slot` of the table `f` of d's was replaced; its former references
 * are still held. shadow_forget() - the table `f` of d's is about to be undone. Both only while d's
 * log is on, and both mark the frame.
 */
void shadow_entry_changed(struct domain *d, struct frame *f, unsigned slot);
void shadow_forget(struct domain *d, struct frame *f);

/* A page fault's error code: Intel SDM vol. 3A, 4.7. */
#define PF_PRESENT BIT(0)
#define PF_WRITE   BIT(1)
#define PF_USER    BIT(2)
#define PF_RSVD    BIT(3)
#define PF_FETCH   BIT(4)

/*
 * shadow_fault() - a page fault at `va` of the current vCPU, or of ours on its behalf. True: the
 * guest's own tables allow the access, and now the shadows do; try again. False: they do not, and
 * *error_code is what they would have made the CPU say. `may_wait`: interrupts are on. If not,
 * false also when the reserve is used up; whoever stores for a guest with interrupts off tries
 * later.
 */
bool shadow_fault(vaddr_t va, u32 *error_code, bool may_wait);

/*
 * shadow_check() - for the audit, d paused: calls wrong(arg, table's frame, slot, entry) for each
 * entry of a shadow that allows more than the table's, or is no entry of a table's that is one.
 */
void shadow_check(struct domain *d, void (*wrong)(void *arg, mfn_t table, unsigned slot, u64 entry),
		  void *arg);
/* Are cr3_kernel and cr3_user what they must be? */
bool shadow_roots_right(const struct vcpu *v);
/* Is `mfn` a root that shadows one of d's? */
bool shadow_is_root(const struct domain *d, mfn_t mfn);

#endif
