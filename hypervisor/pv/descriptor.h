/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_DESCRIPTOR_H
#define ANNULUS_PV_DESCRIPTOR_H

#include "lib/types.h"

#define DESCRIPTORS_PER_PAGE 512

/* Whose descriptors: by the domain's is_32bit and ring1. */
enum descriptor_of { DESCRIPTOR_64BIT, DESCRIPTOR_32BIT, DESCRIPTOR_RING1 };

/*
 * descriptor_fix() - may a guest have this segment descriptor in its GDT or LDT? Brings it into the
 * form that is safe: a DPL below the guest kernel's ring (3, or 1 for those in ring 1) is raised. A
 * 64-bit guest in ring 1 gets the accessed bit too: where its CPU finds the descriptor it cannot
 * write, and a fault there would be ring 0's. False for what can never be made safe: gates, TSSs,
 * LDTs, and for a 32-bit guest 64-bit code. Pure.
 */
bool descriptor_fix(u64 *desc, enum descriptor_of of);

/*
 * descriptor_page_fix() - the same for a page of them; false at the first that is refused (what
 * came before is fixed already, which does no harm). The page is one that no guest can write.
 */
bool descriptor_page_fix(u64 *page, enum descriptor_of of);

#endif
