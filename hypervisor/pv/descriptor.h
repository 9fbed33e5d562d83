/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_DESCRIPTOR_H
#define ANNULUS_PV_DESCRIPTOR_H

#include "lib/types.h"

#define DESCRIPTORS_PER_PAGE 512

/*
 * descriptor_fix() - may a guest have this segment descriptor in its GDT or LDT? Brings it into the
 * form that is safe: a DPL below the guest kernel's ring (3, or 1 for a 32-bit guest) is raised.
 * False for what can never be made safe: gates, TSSs, LDTs, and for a 32-bit guest 64-bit code.
 * Pure.
 */
bool descriptor_fix(u64 *desc, bool is_32bit);

/*
 * descriptor_page_fix() - the same for a page of them; false at the first that is refused (what
 * came before is fixed already, which does no harm). The page is one that no guest can write.
 */
bool descriptor_page_fix(u64 *page, bool is_32bit);

#endif
