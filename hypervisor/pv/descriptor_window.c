// SPDX-License-Identifier: GPL-2.0-or-later
/* The windows of a CPU's entry area (cpu/entry_area.h) that show the running vCPU's descriptors. */
#include "pv/descriptor_window.h"
#include "cpu/cpu.h"
#include "cpu/entry_area.h"
#include "cpu/raw.h"
#include "cpu/tlb.h"
#include "domain/domain.h"

#define PTE_P  BIT(0)
#define PTE_RW BIT(1)
#define PTE_AD (BIT(5) | BIT(6))
#define PTE_NX (cpu_features.nx ? BIT(63) : 0)

#define RING1_DATA   0x00cfb3000000ffffULL
#define RING3_CODE32 0x00cffb000000ffffULL
#define RING3_DATA   0x00cff3000000ffffULL
#define RING3_CODE64 0x00affb000000ffffULL

/*
 * Three of the ABI's flat selectors mean one thing to a 64-bit guest (0xe023 and 0xe033 ring 3
 * code, 0xe02b data) and another to a 32-bit one (0xe021 ring 1 data, 0xe02b ring 3 code, 0xe033
 * data). 64-bit code is not for a 32-bit guest at all: in ring 1 it would see us.
 */
void descriptor_flat_segments(u64 *gdt, bool is_32bit)
{
	gdt[4] = is_32bit ? RING1_DATA : RING3_CODE32;
	gdt[5] = is_32bit ? RING3_CODE32 : RING3_DATA;
	gdt[6] = is_32bit ? RING3_DATA : RING3_CODE64;
}

static void set_window(struct cpu *c, unsigned first, unsigned i, u64 pte)
{
	u64 *l1 = c->area_l1;

	if (l1[first + i] == pte)
		return;
	l1[first + i] = pte;
	if (c->area_view[VIEW_RING3])
		((u64 *)c->area_view[VIEW_RING3])[first + i] = pte;
	if (c->area_view[VIEW_RING1])
		((u64 *)c->area_view[VIEW_RING1])[first + i] = pte & ~PTE_RW;
	tlb_flush_va_local(entry_area_page(c->id, first + i));
}

void desc_tables_load(struct vcpu *v)
{
	u64 irq = local_irq_save();
	struct cpu *c = this_cpu();
	unsigned gdt_pages = DIV_ROUND_UP(v->pv.gdt_entries, 512U);
	unsigned ldt_pages = DIV_ROUND_UP(v->pv.ldt_entries, 512U);
	u64 *gdt = c->gdt;
	/* The limit covers the guest's whole part: what it has not filled reads as null
	 * descriptors, so that they are #GP. */
	u64 none = ((u64 *)c->area_l1)[EA_GDT + 15];

	if ((gdt[4] == RING1_DATA) != v->domain->is_32bit)
		descriptor_flat_segments(gdt, v->domain->is_32bit);
	/* Beyond what the last vCPU had everything is as it should be. */
	for (unsigned i = 0; i < max(gdt_pages, c->gdt_pages); i++)
		set_window(c, EA_GDT, i,
			   i < gdt_pages ? v->pv.gdt_frames[i] << PAGE_SHIFT | PTE_P | PTE_AD |
						   PTE_RW | PTE_NX
					 : none);
	for (unsigned i = 0; i < max(ldt_pages, c->ldt_pages); i++)
		set_window(c, EA_LDT, i,
			   i < ldt_pages ? v->pv.ldt_frames[i] << PAGE_SHIFT | PTE_P | PTE_AD |
						   PTE_RW | PTE_NX
					 : 0);
	c->gdt_pages = gdt_pages;
	c->ldt_pages = ldt_pages;
	if (v->pv.ldt_entries) {
		vaddr_t base = entry_area_page(c->id, EA_LDT);
		u64 limit = v->pv.ldt_entries * 8 - 1;

		gdt[10] = 0x0000820000000000 | (base & 0xffffff) << 16 | (base & 0xff000000) << 32 |
			  (limit & 0xffff) | (limit & 0xf0000) << 32;
		gdt[11] = base >> 32;
		__asm__ volatile("lldt %w0" ::"r"(SEL_LDT));
	} else {
		__asm__ volatile("lldt %w0" ::"r"(0));
	}
	local_irq_restore(irq);
}
