// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/pte.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "memory/log_dirty.h"
#include "pv-abi/errno.h"
#include "pv/descriptor.h"
#include "pv/descriptor_page.h"
#include "pv/descriptor_window.h"
#include "pv/mmu.h"

#define GDT_FRAMES FIRST_RESERVED_GDT_PAGE
#define LDT_FRAMES 16
#define LDT_MAX_ENTRIES 8192

static void frames_drop(const u64 *frames, unsigned n)
{
	while (n--)
		frame_put_and_type(mfn_to_frame(frames[n]));
}

/* All or none of n frames. */
static int frames_take(struct domain *d, const u64 *frames, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int r = -EINVAL;

		if (mfn_valid(frames[i]))
			r = frame_get_and_type(mfn_to_frame(frames[i]), d, FT_SEGDESC);
		if (r) {
			frames_drop(frames, i);
			return r;
		}
	}
	return 0;
}

/*
 * The windows must not show the old frames any more when their references go. In the `n` new ones
 * the CPU sets accessed bits from now on.
 */
static void windows_reload(struct vcpu *v, const u64 *frames, unsigned n)
{
	while (n--)
		frame_dirtied(mfn_to_frame(frames[n]));
	if (v == current)
		desc_tables_load(v);
}

int pv_set_gdt(struct vcpu *v, const u64 *frames, unsigned entries)
{
	u64 old[GDT_FRAMES];
	unsigned n = DIV_ROUND_UP(entries, DESCRIPTORS_PER_PAGE);
	unsigned nr_old = DIV_ROUND_UP(v->pv.gdt_entries, DESCRIPTORS_PER_PAGE);
	int r;

	if (entries > FIRST_RESERVED_GDT_ENTRY)
		return -EINVAL;
	r = frames_take(v->domain, frames, n);
	if (r)
		return r;
	for (unsigned i = 0; i < nr_old; i++)
		old[i] = v->pv.gdt_frames[i];
	for (unsigned i = 0; i < n; i++)
		v->pv.gdt_frames[i] = frames[i];
	v->pv.gdt_entries = entries;
	windows_reload(v, frames, n);
	frames_drop(old, nr_old);
	return 0;
}

int pv_set_ldt(struct vcpu *v, vaddr_t base, unsigned ents)
{
	u64 frames[LDT_FRAMES], old[LDT_FRAMES];
	unsigned n = DIV_ROUND_UP(ents, DESCRIPTORS_PER_PAGE);
	unsigned nr_old = DIV_ROUND_UP(v->pv.ldt_entries, DESCRIPTORS_PER_PAGE);
	int r;

	if (ents > LDT_MAX_ENTRIES)
		return -EINVAL;
	if (ents && ((base & ~PAGE_MASK) || !guest_range_ok(base, (u64)ents * 8)))
		return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		u64 e;

		if (!pv_walk(v, base + i * PAGE_SIZE, &e))
			return -EINVAL;
		frames[i] = pte_mfn(e);
	}
	r = frames_take(v->domain, frames, n);
	if (r)
		return r;
	for (unsigned i = 0; i < nr_old; i++)
		old[i] = v->pv.ldt_frames[i];
	for (unsigned i = 0; i < n; i++)
		v->pv.ldt_frames[i] = frames[i];
	v->pv.ldt_base = base;
	v->pv.ldt_entries = ents;
	windows_reload(v, frames, n);
	frames_drop(old, nr_old);
	return 0;
}

s64 do_set_gdt(u64 frame_list, u64 entries)
{
	u64 frames[GDT_FRAMES];
	int r;

	if (entries > FIRST_RESERVED_GDT_ENTRY)
		return -EINVAL;
	for (unsigned i = 0; i < DIV_ROUND_UP(entries, DESCRIPTORS_PER_PAGE); i++)
		if (get_guest_word(&frames[i], frame_list, i))
			return -EFAULT;
	r = pv_set_gdt(current, frames, (unsigned)entries);
	if (r == -ERESTART)
		return hypercall_continue(__HYPERVISOR_set_gdt, 2, frame_list, entries);
	return r;
}

s64 do_update_descriptor(u64 maddr, u64 desc)
{
	struct domain *d = current->domain;
	mfn_t mfn = maddr >> PAGE_SHIFT;
	struct frame *f;
	u64 type;
	int r;

	if ((maddr & 7) || !mfn_valid(mfn) || !descriptor_fix(&desc, descriptor_of(d)))
		return -EINVAL;
	f = mfn_to_frame(mfn);
	if (!frame_get(f, d))
		return -EINVAL;
	/*
	 * In use as descriptors, or ordinary memory that may become descriptors later: hold it as
	 * what it is.
	 */
	type = atomic_read(&f->type);
	type = (type & FT_TYPE_MASK) == FT_SEGDESC && (type & FT_COUNT_MASK) ? FT_SEGDESC :
		FT_WRITABLE;
	r = frame_get_type(f, type);
	if (!r) {
		WRITE_ONCE(*(u64 *)((char *)frame_to_va(f) + (maddr & ~PAGE_MASK)), desc);
		frame_dirtied(f);
		frame_put_type(f);
	}
	frame_put(f);
	if (r == -ERESTART)
		return hypercall_continue(__HYPERVISOR_update_descriptor, 2, maddr, desc);
	return r;
}
