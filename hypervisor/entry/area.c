// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each CPU's entry area and descriptor tables. Layouts: Intel SDM vol. 3A, 3.5 (GDT), 6.14 (64-bit
 * IDT), 7.7 (64-bit TSS).
 */
#include "entry/area.h"
#include "cpu/cpu.h"
#include "cpu/entry_area.h"
#include "cpu/msr.h"
#include "cpu/raw.h"
#include "cpu/regs.h"
#include "cpu/tlb.h"
#include "cpu/vectors.h"
#include "entry/entry.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "memory/paging.h"
#include "pv-abi/errno.h"
#include "pv/descriptor_window.h"

#define PTE_P  BIT(0)
#define PTE_RW BIT(1)
#define PTE_AD (BIT(5) | BIT(6))
#define PTE_ADDR 0x000ffffffffff000ULL
#define PTE_NX (cpu_features.nx ? BIT(63) : 0)

/*
 * Bytes of a guest's view's stack that may have been written: all registers and two frames, one
 * below the other, are 29 words. C goes on elsewhere.
 */
#define USED_MAX 512

struct tss {
	u32 reserved0;
	u64 rsp[3], reserved1, ist[7], reserved2;
	u16 reserved3, iobase;
} __packed;

struct gate {
	u16 offset_low, selector, type, offset_mid;
	u32 offset_high, reserved;
};

struct table_ptr {
	u16 limit;
	u64 base;
} __packed;

static struct gate idt[256] __aligned(4096) __section(".data.idt");
enum { IST_DF = 1, IST_NMI, IST_MC, IST_DB };

static void set_gate(unsigned vector, const void *fn, unsigned ist, unsigned dpl)
{
	u64 a = (u64)fn;

	idt[vector] = (struct gate){
		.offset_low = a & 0xffff,
		.selector = SEL_HV_CS,
		.type = 0x8e00 | (dpl << 13) | ist, /* present interrupt gate */
		.offset_mid = (a >> 16) & 0xffff,
		.offset_high = a >> 32,
	};
}

/* Vectors that a guest's user space may raise with INT n without a detour over #GP. */
static bool is_software_vector(unsigned v)
{
	return v == 3 || v == 4 || v == 0x80;
}

void __init idt_init(void)
{
	const u8 *stubs = unmapped_mode ? vector_stubs_u : vector_stubs;

	for (unsigned v = 0; v < 256; v++)
		set_gate(v, stubs + v * VECTOR_STUB_SIZE, 0, is_software_vector(v) ? 3 : 0);
	/* 32-bit guests' hypercalls: from ring 1, where no 64-bit guest is. */
	set_gate(LEGACY_HYPERCALL_VECTOR, stubs + LEGACY_HYPERCALL_VECTOR * VECTOR_STUB_SIZE, 0, 1);
	if (!unmapped_mode) {
		set_gate(LEGACY_SYSCALL_VECTOR, int80_entry, 0, 3);
		set_gate(LEGACY_HYPERCALL_VECTOR, int82_entry, 0, 1);
	}
	set_gate(8, unmapped_mode ? entry_df_u : entry_df, IST_DF, 0);
	set_gate(2, unmapped_mode ? entry_nmi_u : entry_nmi, IST_NMI, 0);
	set_gate(1, unmapped_mode ? entry_db_u : entry_db, IST_DB, 0);
	set_gate(18, unmapped_mode ? entry_mc_u : entry_mc, IST_MC, 0);
}

/* Before there is a TSS: no IST, the boot loader-independent boot GDT's code selector. Shows what
 * went wrong, no more. */
void __init idt_load_early(void)
{
	struct table_ptr p = { sizeof(idt) - 1, (u64)idt };

	for (unsigned v = 0; v < 256; v++) {
		set_gate(v, vector_stubs + v * VECTOR_STUB_SIZE, 0, 0);
		idt[v].selector = 0x08;
	}
	__asm__ volatile("lidt %0" ::"m"(p));
}

/* One frame of ours for `page` of the area; returns its direct-map address. */
static void *area_frame(unsigned cpu, unsigned page, u64 flags)
{
	void *va = page_alloc(ALLOC_PAGING);

	if (va)
		((u64 *)cpus[cpu].area_l1)[page] = va_to_paddr(va) | flags | PTE_P | PTE_AD;
	return va;
}

#define RING1_CODE32 0x00cfbb000000ffffULL

/* Our part of the GDT: the ABI's flat selectors and what the CPU needs in ring 0. */
static void fill_gdt(u64 *gdt, vaddr_t tss)
{
	gdt[1] = 0x00af9b000000ffff; /* 0xe008 ring 0 code, 64-bit */
	gdt[2] = 0x00cf93000000ffff; /* 0xe010 ring 0 data */
	gdt[3] = RING1_CODE32; /* 0xe019, 32-bit guests' kernel */
	descriptor_flat_segments(gdt, false);
	gdt[8] = 0x0000890000000067 | (tss & 0xffffff) << 16 | (tss & 0xff000000) << 32;
	gdt[9] = tss >> 32;
}

int entry_area_create(unsigned cpu)
{
	struct cpu *c = &cpus[cpu];
	struct entry_info *info;
	struct tss *tss;
	u64 stack_top;
	u8 *stub;

	c->area_l1 = paging_entry_l1(cpu);
	if (!c->area_l1)
		return -ENOMEM;
	for (unsigned i = 0; i < 8; i++)
		if (i != 3 && !area_frame(cpu, EA_MAIN_STACK + i, PTE_RW | PTE_NX))
			return -ENOMEM;
	for (unsigned i = 0; i < 4; i++)
		if (!area_frame(cpu, EA_IST + i, PTE_RW | PTE_NX))
			return -ENOMEM;
	c->gdt = area_frame(cpu, EA_GDT + EA_GDT_OURS, PTE_RW | PTE_NX);
	tss = area_frame(cpu, EA_TSS, PTE_RW | PTE_NX);
	stub = area_frame(cpu, EA_STUB, 0);
	info = area_frame(cpu, EA_INFO, PTE_NX);
	if (!c->gdt || !tss || !stub || !info || !area_frame(cpu, EA_STACK, PTE_RW | PTE_NX))
		return -ENOMEM;
	/* The last GDT page of the 64 KiB window, so that the limit can be the architecture's. */
	if (!area_frame(cpu, EA_GDT + 15, PTE_NX))
		return -ENOMEM;

	/* The first vCPU's descriptors find all pages of the window to be set. */
	c->gdt_pages = EA_GDT_OURS;
	stack_top = entry_area_page(cpu, EA_MAIN_STACK) + STACK_SIZE - sizeof(struct cpu_info) +
		    offsetof(struct cpu_info, regs) + sizeof(struct regs);
	c->entry_info = info;
	*info = (struct entry_info){ .stack_top = stack_top,
				     .target =
					     (u64)(unmapped_mode ? syscall_entry_u : syscall_entry),
				     .target32 = (u64)syscall32_entry,
				     .hv_cr3 = idle_root_paddr() };
	if (unmapped_mode) {
		if (!paging_create_root_copies(cpu))
			return -ENOMEM;
		c->entry_info = paddr_to_va(((u64 *)c->area_l1_unmapped)[EA_INFO] & PTE_ADDR);
		*c->entry_info = *info;
		c->entry_info->guest_view = 1;
		memcpy(stub, syscall_stub_u, syscall_stub_u_end - syscall_stub_u);
		memcpy(stub + STUB32_OFFSET, syscall32_stub_u,
		       syscall32_stub_u_end - syscall32_stub_u);
	} else {
		memcpy(stub, syscall_stub, syscall_stub_end - syscall_stub);
		memcpy(stub + STUB32_OFFSET, syscall32_stub, syscall32_stub_end - syscall32_stub);
	}
	fill_gdt(c->gdt, entry_area_page(cpu, EA_TSS));
	tss->iobase = sizeof(*tss);
	tss->rsp[0] = unmapped_mode ? entry_area_page(cpu, EA_STACK) + PAGE_SIZE : stack_top;
	for (unsigned i = 0; i < 3; i++)
		tss->ist[i] = unmapped_mode ? entry_area_page(cpu, EA_IST + i) + PAGE_SIZE
					    : entry_area_page(cpu, EA_MAIN_STACK + i) + PAGE_SIZE;
	tss->ist[IST_DB - 1] = entry_area_page(cpu, EA_IST + IST_DB - 1) + PAGE_SIZE;
	return 0;
}

void entry_area_load(void)
{
	unsigned cpu = cpu_id();
	struct table_ptr gdtr = { 0xffff, entry_area_page(cpu, EA_GDT) };
	struct table_ptr idtr = { sizeof(idt) - 1, (u64)idt };

	lgdt_and_reload(&gdtr);
	__asm__ volatile("lidt %0" ::"m"(idtr));
	/* A CPU that comes up again finds its TSS busy. */
	((u64 *)cpus[cpu].gdt)[8] &= ~BIT(41);
	__asm__ volatile("ltr %w0" ::"r"(SEL_TSS));
	__asm__ volatile("lldt %w0" ::"r"(0));
	wrmsr(MSR_STAR, (u64)0xe023 << 48 | (u64)SEL_HV_CS << 32);
	wrmsr(MSR_LSTAR, entry_area_page(cpu, EA_STUB));
	wrmsr(MSR_CSTAR, entry_area_page(cpu, EA_STUB) + STUB32_OFFSET);
	_Static_assert(SYSCALL_CLEARS == (RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL |
					  RFLAGS_NT | RFLAGS_RF | RFLAGS_AC), "as it says");
	wrmsr(MSR_SFMASK, SYSCALL_CLEARS);
	if (cpu_features.sysenter) {
		/* What the CPU pushes for an interrupt lies where tss->rsp[0] says: ss, rsp, then
		 * the flags. */
		u64 top = unmapped_mode ? entry_area_page(cpu, EA_STACK) + PAGE_SIZE
					: cpus[cpu].entry_info->stack_top;

		wrmsr(MSR_SYSENTER_CS, 0);
		wrmsr(MSR_SYSENTER_ESP, top - 2 * sizeof(u64));
		wrmsr(MSR_SYSENTER_EIP, (u64)(unmapped_mode ? sysenter_entry_u : sysenter_entry));
		cpus[cpu].sysenter = false;
	}
}

void entry_area_forget(unsigned cpu)
{
	for (unsigned i = 0; unmapped_mode && i < EA_NR_STACKS; i++)
		memset((void *)(entry_area_page(cpu, EA_GUEST_STACKS + i) + PAGE_SIZE - USED_MAX),
		       0, USED_MAX);
}
