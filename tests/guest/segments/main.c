// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Segments: bases of FS and GS, and descriptor tables of the guest's own. A page of a GDT or LDT is
 * checked as a whole when it becomes one, entries one by one by update_descriptor; DPLs below the
 * guest's ring are raised, not refused; while it serves, nothing maps the page writable. What was
 * released is ordinary memory again. (A 32-bit guest has no bases but those of its descriptors, and
 * no 64-bit code.)
 * bits: 64 32
 */
#include "guest.h"

const char test_name[] = "segments";

#define DATA_DPL3 0x00cff3000000ffffULL
#define DATA_DPL0 0x00cf93000000ffffULL
#define RAISED	  (DATA_DPL0 | (uint64_t)KERNEL_RING << 45)
#ifdef __i386__
#define CODE 0x00cf9b000000ffffULL
#else
#define CODE 0x00affb000000ffffULL
#endif
/* Number i of the GDT or LDT, for the kernel. */
#define G(i) ((void *)(uintptr_t)((i) << 3 | KERNEL_RING))
#define L(i) ((void *)(uintptr_t)((i) << 3 | 4 | KERNEL_RING))

static void load_ds(void *arg)
{
	__asm__ volatile("movw %w0, %%ds; movw %w1, %%ds" ::"r"((uintptr_t)arg), "r"(KERNEL_DS));
}

#ifndef __i386__
static uint64_t here = 0x12345678;

static void test_bases(void)
{
	uint64_t v;

	check_eq(hypercall(set_segment_base, (long)SEGBASE_FS, &here), 0);
	__asm__ volatile("movq %%fs:0, %0" : "=r"(v));
	check_eq(v, 0x12345678);
	check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_KERNEL, &here), 0);
	__asm__ volatile("movq %%gs:0, %0" : "=r"(v));
	check_eq(v, 0x12345678);
	check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_USER, 0L), 0);
	__asm__ volatile("movq %%gs:0, %0" : "=r"(v));
	check_eq(v, 0x12345678);
	check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_USER_SEL, 0L), 0);
	/* A selector that does not exist loads as null. */
	check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_USER_SEL, 0xfffbL), 0);
	check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_USER_SEL, 0L), 0);
	__asm__ volatile("movq %%gs:0, %0" : "=r"(v));
	check_eq(v, 0x12345678);
	check_refused(hypercall(set_segment_base, (long)SEGBASE_FS, 0x8000000000000000UL));
	check_refused(hypercall(set_segment_base, (long)SEGBASE_GS_KERNEL, 0x0000800000000000UL));
	check_refused(hypercall(set_segment_base, (long)SEGBASE_GS_USER, 0x0000800000000000UL));
	check_refused(hypercall(set_segment_base, 4L, 0L));
	__asm__ volatile("movq %%fs:0, %0" : "=r"(v));
	check_eq(v, 0x12345678);
	/* They survive another vcpu, or at least the scheduler. */
	yield();
	__asm__ volatile("movq %%gs:0, %0" : "=r"(v));
	check_eq(v, 0x12345678);
}
#endif

static void test_gdt(void)
{
	uint64_t *gdt = page_alloc();
	xen_ulong_t frame = virt_to_mfn(gdt), sel;
	uint64_t at = (uint64_t)frame << 12;
	xen_ulong_t frames[2] = { frame, virt_to_mfn(page_alloc()) };

	gdt[2] = DATA_DPL3;
	gdt[3] = DATA_DPL0;
	gdt[4] = CODE;
	check_eq(probe(load_ds, G(2)), 13);
	/* Still writable: not a descriptor page. */
	check_refused(hypercall(set_gdt, &frame, 512L));
	check_eq(make_readonly(gdt), 0);
	check_eq(hypercall(set_gdt, &frame, 512L), 0);
	check_refused(make_writable(gdt));
	check_eq(probe(load_ds, G(2)), -1);
	/* The DPL was raised, in the page itself. */
	check_eq(((volatile uint64_t *)gdt)[3], RAISED);
	check_eq(probe(load_ds, G(3)), -1);
	check_eq(probe(load_ds, G(5)), 13);
	/* Code of its own, by a far return, and back. */
#ifdef __i386__
	__asm__ volatile("pushl %1; pushl $1f; lretl\n"
			 "1: movw %%cs, %w0; pushl %2; pushl $2f; lretl\n"
			 "2:"
			 : "=&r"(sel)
			 : "r"(G(4)), "r"(KERNEL_CS)
			 : "memory");
#else
	__asm__ volatile("pushq %1; leaq 1f(%%rip), %%rax; pushq %%rax; lretq\n"
			 "1: movw %%cs, %w0; pushq %2; leaq 2f(%%rip), %%rax; pushq %%rax; lretq\n"
			 "2:"
			 : "=&r"(sel)
			 : "r"(G(4)), "r"((uint64_t)FLAT_KERNEL_CS64)
			 : "rax", "memory");
#endif
	check_eq(sel & 0xffff, (uintptr_t)G(4));
	/* One entry at a time. */
	check_eq(hypercall(update_descriptor, at + 2 * 8, (uint64_t)0), 0);
	check_eq(probe(load_ds, G(2)), 13);
	check_eq(hypercall(update_descriptor, at + 5 * 8, DATA_DPL0), 0);
	check_eq(((volatile uint64_t *)gdt)[5], RAISED);
	check_eq(probe(load_ds, G(5)), -1);
	check_refused(hypercall(update_descriptor, at + 5 * 8 + 4, DATA_DPL3));
	check_refused(hypercall(update_descriptor, 1ULL << 45, DATA_DPL3));
	/* In a table that is longer than its pages hold. */
	check_refused(hypercall(set_gdt, frames, (long)FIRST_RESERVED_GDT_ENTRY + 1));
	check_refused(hypercall(set_gdt, frames, (long)0xffffffffUL));
	check_refused(hypercall(set_gdt, frames, 1024L)); /* the second is writable */
	check_eq(probe(load_ds, G(5)), -1);
	check_refused(hypercall(set_gdt, (void *)0x10000, 512L));
	/* None. */
	check_eq(hypercall(set_gdt, (void *)0, 0L), 0);
	check_eq(probe(load_ds, G(5)), 13);
	check_eq(make_writable(gdt), 0);
	gdt[5] = 0;
}

static void test_ldt(void)
{
	uint64_t *ldt = page_alloc();

	ldt[1] = DATA_DPL3;
	check_eq(make_readonly(ldt), 0);
	check_eq(set_ldt(ldt, 512), 0);
	check_eq(probe(load_ds, L(1)), -1);
	check_refused(make_writable(ldt));
	check_eq(probe(load_ds, L(2)), 13);
	check_eq(hypercall(update_descriptor, (virt_to_mfn(ldt) << 12) + 2 * 8, DATA_DPL3), 0);
	check_eq(probe(load_ds, L(2)), -1);
	check_refused(set_ldt((char *)ldt + 8, 512));
	check_refused(set_ldt(ldt, 8193));
	check_refused(set_ldt((void *)(HYPERVISOR_VIRT_START + 0x2000000), 512));
	check_eq(set_ldt(NULL, 0), 0);
	check_eq(probe(load_ds, L(1)), 13);
	check_eq(make_writable(ldt), 0);
	ldt[1] = 0;
}

void test_main(void)
{
#ifndef __i386__
	test_bases();
#endif
	test_gdt();
	test_ldt();
	test_gdt();
	/* The flat segments stay the guest's in any table. */
	check_eq(probe(load_ds, (void *)(uintptr_t)(KERNEL_RING == 1 ? FLAT_USER_DS : USER_SS)),
		 -1);
}
