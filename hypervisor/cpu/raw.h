/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_RAW_H
#define ANNULUS_CPU_RAW_H

#include "lib/types.h"

/*
 * What may fault in ring 0, with the fault answered (cpu/raw.S).
 *
 * copy_guest_raw(), clear_guest_raw() - bytes that were not copied or cleared, 0 for success;
 * either side may fault. With SMAP on a guest's memory is reached by nothing else.
 */
u64 copy_guest_raw(void *dst, const void *src, u64 n);
u64 clear_guest_raw(void *dst, u64 n);
/*
 * Load a selector: 0, or 1 when it is refused and the null selector was loaded. load_gs_user()
 * keeps the base that is in use.
 */
int load_ds(u16 sel);
int load_es(u16 sel);
int load_fs(u16 sel);
int load_gs(u16 sel); /* changes the base that is in use */
int load_gs_user(u16 sel);
/* A GDT of ours, our code segment and null data segments. */
void lgdt_and_reload(const void *gdtr);

/* Fixed selectors (ABI: the guest's own descriptors come first). */
#define SEL_HV_CS 0xe008
#define SEL_HV_DS 0xe010
#define SEL_TSS   0xe040
#define SEL_LDT   0xe050

#endif
