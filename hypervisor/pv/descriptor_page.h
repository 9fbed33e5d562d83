/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_DESCRIPTOR_PAGE_H
#define ANNULUS_PV_DESCRIPTOR_PAGE_H

#include "domain/domain.h"
#include "lib/types.h"
#include "pv/descriptor.h"

struct vcpu;

/*
 * A vCPU's GDT and LDT: frames of its domain with type FT_SEGDESC. v is current or paused.
 *
 * pv_set_gdt() - `entries` descriptors (0 for none, at most FIRST_RESERVED_GDT_ENTRY) in as many
 * frames as they need. 0, -EINVAL (too many, or a frame that is not d's or not valid), -ERESTART.
 * On error the old one stays.
 */
int pv_set_gdt(struct vcpu *v, const u64 *frames, unsigned entries);
/*
 * pv_set_ldt() - `ents` descriptors (0 for none, at most 8192) at linear address `base` of the
 * address space whose root is v's guest_table. -EINVAL also when a page of it is not mapped.
 */
int pv_set_ldt(struct vcpu *v, vaddr_t base, unsigned ents);

/*
 * Hypercalls: `frame_list` is the guest address of an array of mfns; `desc` replaces the descriptor
 * at `maddr`.
 */
s64 do_set_gdt(u64 frame_list, u64 entries);
s64 do_update_descriptor(u64 maddr, u64 desc);

static inline enum descriptor_of descriptor_of(const struct domain *d)
{
	return d->is_32bit ? DESCRIPTOR_32BIT : d->ring1 ? DESCRIPTOR_RING1 : DESCRIPTOR_64BIT;
}

#endif
