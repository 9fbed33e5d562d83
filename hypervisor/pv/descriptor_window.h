/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_DESCRIPTOR_WINDOW_H
#define ANNULUS_PV_DESCRIPTOR_WINDOW_H

#include "lib/types.h"

struct vcpu;

/*
 * Put v's GDT and LDT frames into this CPU's windows and reload LDTR. v is current, or is about to
 * be.
 */
void desc_tables_load(struct vcpu *v);
/*
 * The ABI's flat selectors that differ between 64-bit and 32-bit guests, in our page of a GDT,
 * whose direct-map address `gdt` is.
 */
void descriptor_flat_segments(u64 *gdt, bool is_32bit);

#endif
