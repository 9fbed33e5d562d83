/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_HVM_GUEST_WALK_H
#define ANNULUS_HVM_GUEST_WALK_H

#include "lib/types.h"

struct domain;

/* What of an HVM guest's control registers decides where an address leads. */
struct guest_paging {
	u64 cr0, cr3, cr4, efer;
};

/*
 * The current guest's memory by the virtual address that its kernel uses, as a hypercall argument
 * names it. The guest's own tables are walked in software, each entry read once, and every page on
 * the way is one of the domain's own (memory/p2m.h): at most four for a page. A and D of the tables
 * stay as they are.
 *
 * guest_walk() - the guest-physical address of `va` for a supervisor's access; in *gpa. 0, or
 * -EFAULT: not there, not writable where `write` is asked for, not canonical, or a table that is
 * not memory.
 * guest_walk_copy() - n bytes from `va` to `buf`, or the other way if `to_guest`. 0, or -EFAULT;
 * what was copied so far stays copied.
 */
int guest_walk(struct domain *d, const struct guest_paging *p, vaddr_t va, bool write, u64 *gpa);
int guest_walk_copy(struct domain *d, const struct guest_paging *p, vaddr_t va, void *buf,
		    size_t n, bool to_guest);

#endif
