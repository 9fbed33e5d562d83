// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each CPU's entry area and descriptor tables. Layouts: Intel SDM vol. 3A, 3.5 (GDT), 6.14 (64-bit
 * IDT), 7.7 (64-bit TSS).
 */
#include "entry/area.h"
#include "cpu/cpu.h"
#include "cpu/entry_area.h"
#include "cpu/mitigation.h"
#include "cpu/msr.h"
#include "cpu/raw.h"
#include "cpu/regs.h"
#include "cpu/tlb.h"
#include "cpu/vectors.h"
#include "domain/domain.h"
#include "entry/entry.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "memory/paging.h"
#include "pv-abi/errno.h"
#include "pv/descriptor_window.h"
#include "pv/ring1.h"

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

/* The second is the one while a 64-bit guest in ring 1 runs. */
static struct gate idts[2][256] __aligned(4096) __section(".data.idt");
enum { IST_DF = 1, IST_NMI, IST_MC, IST_DB, IST_DF_U, IST_NMI_U, IST_MC_U };

static void set_gate(struct gate *idt, unsigned vector, const void *fn, unsigned ist, unsigned dpl)
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

static void __init fill_idt(struct gate *idt, bool unmapped, bool ring1)
{
	const u8 *stubs = unmapped ? vector_stubs_u : vector_stubs;

	for (unsigned v = 0; v < 256; v++)
		set_gate(idt, v, stubs + v * VECTOR_STUB_SIZE, 0, is_software_vector(v) ? 3 : 0);
	/* 32-bit guests' hypercalls: from ring 1, where no stock 64-bit guest is. */
	if (!ring1)
		set_gate(idt, LEGACY_HYPERCALL_VECTOR,
			 stubs + LEGACY_HYPERCALL_VECTOR * VECTOR_STUB_SIZE, 0, 1);
	if (!unmapped) {
		set_gate(idt, LEGACY_SYSCALL_VECTOR, int80_entry, 0, 3);
		set_gate(idt, LEGACY_HYPERCALL_VECTOR, int82_entry, 0, 1);
	}
	if (ring1)
		set_gate(idt, 14, pf_entry_ring1, 0, 0);
	/* The table alone decides where they come and on which stack: one LIDT changes both. */
	set_gate(idt, 8, unmapped ? entry_df_u : entry_df, unmapped ? IST_DF_U : IST_DF, 0);
	set_gate(idt, 2, unmapped ? entry_nmi_u : entry_nmi, unmapped ? IST_NMI_U : IST_NMI, 0);
	set_gate(idt, 1, unmapped ? entry_db_u : entry_db, IST_DB, 0);
	set_gate(idt, 18, unmapped ? entry_mc_u : entry_mc, unmapped ? IST_MC_U : IST_MC, 0);
}

void __init idt_init(void)
{
	fill_idt(idts[0], unmapped_mode, false);
	fill_idt(idts[1], true, true);
}

/* Before there is a TSS: no IST, the boot loader-independent boot GDT's code selector. Shows what
 * went wrong, no more. */
void __init idt_load_early(void)
{
	struct table_ptr p = { sizeof(idts[0]) - 1, (u64)idts };

	for (unsigned v = 0; v < 256; v++) {
		set_gate(idts[0], v, vector_stubs + v * VECTOR_STUB_SIZE, 0, 0);
		idts[0][v].selector = 0x08;
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
#define RING1_CODE64 0x00afbb000000ffffULL
#define RING1_DATA   0x00cfb3000000ffffULL
#define GDT_RING1_CODE 3 /* 0xe019 */
#define GDT_RING1_DATA 7 /* 0xe039 */

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
				     .target_ring1 = (u64)syscall_entry_ring1,
				     .hv_cr3 = idle_root_paddr(),
				     .verw = SEL_HV_DS };
	if (unmapped_mode) {
		memcpy(stub, syscall_stub_u, syscall_stub_u_end - syscall_stub_u);
		memcpy(stub + STUB32_OFFSET, syscall32_stub_u,
		       syscall32_stub_u_end - syscall32_stub_u);
	} else {
		memcpy(stub, syscall_stub, syscall_stub_end - syscall_stub);
		memcpy(stub + STUB32_OFFSET, syscall32_stub, syscall32_stub_end - syscall32_stub);
	}
	if (unmapped_mode || ring1_64bit_allowed()) {
		const u64 *view;

		if (!paging_create_root_copies(cpu, unmapped_mode, ring1_64bit_allowed()))
			return -ENOMEM;
		view = c->area_view[unmapped_mode ? VIEW_RING3 : VIEW_RING1];
		c->entry_info = paddr_to_va(view[EA_INFO] & PTE_ADDR);
		*c->entry_info = *info;
		c->entry_info->guest_view = 1;
		ring1_no_short_way(c);
		memcpy(stub + STUB_RING1_OFFSET, syscall_stub_ring1,
		       syscall_stub_ring1_end - syscall_stub_ring1);
		memcpy(stub + STUB32_RING1_OFFSET, syscall32_stub_ring1,
		       syscall32_stub_ring1_end - syscall32_stub_ring1);
	}
	c->unmapped = unmapped_mode;
	c->tss = tss;
	fill_gdt(c->gdt, entry_area_page(cpu, EA_TSS));
	tss->iobase = sizeof(*tss);
	tss->rsp[0] = unmapped_mode ? entry_area_page(cpu, EA_STACK) + PAGE_SIZE : stack_top;
	for (unsigned i = 0; i < 3; i++) {
		tss->ist[IST_DF - 1 + i] = entry_area_page(cpu, EA_MAIN_STACK + i) + PAGE_SIZE;
		tss->ist[IST_DF_U - 1 + i] = entry_area_page(cpu, EA_IST + i) + PAGE_SIZE;
	}
	tss->ist[IST_DB - 1] = entry_area_page(cpu, EA_IST + IST_DB - 1) + PAGE_SIZE;
	return 0;
}

/* Where the CPU pushes what comes from a guest. */
static u64 stack_from_guest(unsigned cpu, bool unmapped)
{
	return unmapped ? entry_area_page(cpu, EA_STACK) + PAGE_SIZE :
			  ((struct entry_info *)paddr_to_va(((u64 *)cpus[cpu].area_l1)[EA_INFO] &
							    PTE_ADDR))->stack_top;
}

/* SYSCALL and SYSENTER of this CPU, for one kind of guests. */
static void load_syscall(unsigned cpu, bool ring1)
{
	u64 stub = entry_area_page(cpu, EA_STUB);
	bool unmapped = ring1 || unmapped_mode;

	wrmsr(MSR_LSTAR, stub + (ring1 ? STUB_RING1_OFFSET : 0));
	wrmsr(MSR_CSTAR, stub + (ring1 ? STUB32_RING1_OFFSET : STUB32_OFFSET));
	if (!cpu_features.sysenter)
		return;
	/* Where the flags go: below ss and rsp, as an interrupt has them. */
	wrmsr(MSR_SYSENTER_ESP, stack_from_guest(cpu, unmapped) - 2 * sizeof(u64));
	wrmsr(MSR_SYSENTER_EIP, (u64)(unmapped ? sysenter_entry_u : sysenter_entry));
}

void entry_area_load(void)
{
	unsigned cpu = cpu_id();
	struct table_ptr gdtr = { 0xffff, entry_area_page(cpu, EA_GDT) };
	struct table_ptr idtr = { sizeof(idts[0]) - 1, (u64)idts };

	lgdt_and_reload(&gdtr);
	__asm__ volatile("lidt %0" ::"m"(idtr));
	/* A CPU that comes up again finds its TSS busy. */
	((u64 *)cpus[cpu].gdt)[8] &= ~BIT(41);
	__asm__ volatile("ltr %w0" ::"r"(SEL_TSS));
	__asm__ volatile("lldt %w0" ::"r"(0));
	wrmsr(MSR_STAR, (u64)0xe023 << 48 | (u64)SEL_HV_CS << 32);
	load_syscall(cpu, false);
	_Static_assert(SYSCALL_CLEARS == (RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL |
					  RFLAGS_NT | RFLAGS_RF | RFLAGS_AC), "as it says");
	wrmsr(MSR_SFMASK, SYSCALL_CLEARS);
	if (cpu_features.sysenter) {
		wrmsr(MSR_SYSENTER_CS, 0);
		cpus[cpu].sysenter = false;
	}
}

void entry_area_forget(const struct vcpu *next)
{
	unsigned cpu = cpu_id();
	unsigned used = next->domain->ring1 ? PAGE_SIZE : USED_MAX;

	if (!cpus[cpu].unmapped)
		return;
	memset((void *)entry_area_page(cpu, EA_GUEST_STACKS), 0, SCRATCH_SIZE);
	for (unsigned i = 0; i < EA_NR_STACKS; i++)
		memset((void *)(entry_area_page(cpu, EA_GUEST_STACKS + i) + PAGE_SIZE - used), 0,
		       used);
}

/*
 * Interrupts are off, and nobody is on his way from or to a guest. An NMI between any two of these
 * finds a table with the stacks that go with it.
 */
void entry_area_for(const struct vcpu *next)
{
	struct cpu *c = this_cpu();
	bool ring1 = next->domain->ring1;
	struct table_ptr idtr = { sizeof(idts[0]) - 1, (u64)idts[ring1] };
	u64 *gdt = c->gdt;

	c->ring1 = ring1;
	c->unmapped = ring1 || unmapped_mode;
	__asm__ volatile("lidt %0" ::"m"(idtr));
	((struct tss *)c->tss)->rsp[0] = stack_from_guest(c->id, c->unmapped);
	gdt[GDT_RING1_CODE] = ring1 ? RING1_CODE64 : RING1_CODE32;
	gdt[GDT_RING1_DATA] = ring1 ? RING1_DATA : 0;
	load_syscall(c->id, ring1);
}
