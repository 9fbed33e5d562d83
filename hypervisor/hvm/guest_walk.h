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
/*
 * guest_translate() - the same for an access that the guest itself makes, with the rights that its
 * CPU would look at and A and D set as it would; reserved bits are not looked at. `how` is of
 * GUEST_*, of which the first three are as in a page fault's error code. *gpa, and
 *     0
 *     -EFAULT  a page fault, whose error code is in *error
 *     -EIO     a table that is not the domain's own memory
 *     -EAGAIN  entries change faster than A and D can be set
 */
#define GUEST_WRITE 2U
#define GUEST_USER  4U	  /* by CPL 3 */
#define GUEST_FETCH 0x10U
#define GUEST_AC    0x100U /* EFLAGS.AC, which lets a supervisor pass SMAP */
int guest_translate(struct domain *d, const struct guest_paging *p, vaddr_t va, unsigned how,
		    u64 *gpa, u32 *error);
int guest_walk_copy(struct domain *d, const struct guest_paging *p, vaddr_t va, void *buf,
		    size_t n, bool to_guest);

#endif
