// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Descriptors that lead out of the guest's ring: call, interrupt and trap gates, task and LDT
 * segments, code and data of DPL 0 to 2, conforming code, 64-bit and 32-bit bits at once. Gates and
 * system segments are refused, in a new page and in one that serves; DPLs are raised. A page that
 * serves is writable by nobody, by no alias and no table; what was loaded from a page that is gone
 * faults. For ring 1 DPL 0 becomes 1, and 64-bit code is refused.
 * bits: 64 32
 */
#include "guest.h"

const char test_name[] = "evil-descriptors";

/* The other code segment of the ABI's. */
#ifdef __i386__
#define OTHER_CS FLAT_USER_CS
#else
#define OTHER_CS FLAT_USER_CS32
#endif

static uint64_t *gdt, frame;
static uint8_t window[PAGE_SIZE] __attribute__((aligned(4096)));

static uint64_t descriptor(unsigned type, unsigned dpl, uint64_t high)
{
	return 0x0000ffff | (uint64_t)type << 40 | (uint64_t)dpl << 45 | 1ULL << 47 | high;
}

static void far_jump(void *arg)
{
	#ifdef __i386__
	__asm__ volatile("pushl %0; pushl $0; lretl" ::"r"(arg) : "memory");
#else
	__asm__ volatile("pushq %0; pushq $0; lretq" ::"r"((uint64_t)arg) : "memory");
#endif
}

static void load_ss(void *arg)
{
	__asm__ volatile("movw %w0, %%ss" ::"r"((uintptr_t)arg));
}

static void call_gate(void *arg)
{
	struct {
		uintptr_t offset;
		uint16_t selector;
	} __attribute__((packed)) target = { 0, (uint16_t)(uintptr_t)arg };

	__asm__ volatile("lcall *%0" ::"m"(target)
			 : "memory", "cc");
}

static void test_types(void)
{
	/* System descriptors: types 0-15 with S clear. 0 faults when used; the others lead into
	 * ring 0's business. */
	for (unsigned type = 1; type < 16; type++)
		for (unsigned dpl = 0; dpl < 4; dpl++) {
			uint64_t d = descriptor(type, dpl, 0);

			/* As an LDT, TSS or a gate to the hypervisor's code. */
			if (type == 12 || type == 4 || type == 14 || type == 15)
				d = 0xe008UL << 16 | (uint64_t)type << 40 | (uint64_t)dpl << 45 |
				    1ULL << 47;
			check_eq(make_writable(gdt), 0);
			gdt[7] = d;
			check_eq(make_readonly(gdt), 0);
			if (hypercall(set_gdt, &frame, 512L) >= 0)
				fail("a GDT with a system descriptor of type %u, DPL %u was "
				     "accepted",
				     type, dpl);
			check_eq(make_writable(gdt), 0);
			gdt[7] = 0;
			check_eq(make_readonly(gdt), 0);
			check_eq(hypercall(set_gdt, &frame, 512L), 0);
			if (hypercall(update_descriptor, (frame << 12) + 56, d) >= 0)
				fail("update_descriptor took a system descriptor of type %u, DPL "
				     "%u",
				     type, dpl);
			check_eq(((volatile uint64_t *)gdt)[7], 0);
			check_eq(hypercall(set_gdt, (void *)0, 0L), 0);
		}
}

/* Ring 1: its own code, or what runs for every ring, can be entered; a 32-bit stack is loaded for
 * real. */
#ifdef __i386__
static void test_use(uint64_t d)
{
	unsigned dpl = d >> 45 & 3;
	bool usable = d >> 42 & 1 ? dpl <= 1 : dpl == 1;

	if (d >> 43 & 1) {
		check(probe(far_jump, (void *)0x43UL) >= 11);
		check_eq(probe(far_jump, (void *)0x40UL), 13);
		check_eq(probe(far_jump, (void *)0x41UL), usable ? 14 : 13);
		if (usable)
			check_eq(probe_frame.cs & 0xffff, 0x41);
	} else {
		check_eq(probe(load_ss, (void *)0x40UL), 13);
		check_eq(probe(load_ss, (void *)0x42UL), 13);
		check_eq(probe(load_ss, (void *)0x43UL), 13);
	}
}
#else
static void test_use(uint64_t d)
{
	if (d >> 43 & 1) {
		/*
		 * Code: in ring 3 or not at all. Address 0 is not mapped, so it faults there at the
		 * latest. Not in 32-bit mode, which leaves the kernel half a stack pointer.
		 */
		if (d >> 53 & 1) {
			int v = probe(far_jump, (void *)0x43UL);

			check(v == 13 || v == 14 || v == 11);
		}
		check_eq(probe(far_jump, (void *)0x40UL), 13);
		check_eq(probe(far_jump, (void *)0x41UL), 13);
	} else {
		check_eq(probe(load_ss, (void *)0x40UL), 13);
		check_eq(probe(load_ss, (void *)0x41UL), 13);
	}
}
#endif

static void test_rings(void)
{
	check_eq(hypercall(set_gdt, &frame, 512L), 0);
	for (unsigned type = 16; type < 32; type++)
		for (unsigned dpl = 0; dpl < 4; dpl++)
			for (unsigned mode = 0; mode < 4; mode++) {
				uint64_t d =
					descriptor(type, dpl, 0x8fULL << 48 | (uint64_t)mode << 53);
				volatile uint64_t *slot = gdt + 8;

				long r = hypercall(update_descriptor, (frame << 12) + 64, d);

				if (KERNEL_RING == 1 && (type & 8) && (mode & 1))
					check_refused(r);
				if (r < 0)
					continue;
				/* What is in the table cannot be used from a lower ring than the
				 * guest's, whatever was asked for. */
				if ((*slot >> 45 & 3) != (KERNEL_RING == 3 ? 3 : dpl ? dpl : 1))
					fail("descriptor %#llx was taken as %#llx",
					     (unsigned long long)d, (unsigned long long)*slot);
				test_use(*slot);
			}
	/* The reserved selectors: the hypervisor's own are not for the guest. */
	for (unsigned sel = 0xe000; sel < 0xe100; sel += 8)
		for (unsigned rpl = 0; rpl < 3; rpl++)
			if ((sel | rpl) != KERNEL_SS)
				check(probe(load_ss, (void *)(uintptr_t)(sel | rpl)) == 13);
	for (unsigned sel = 0xe000; sel < 0xe100; sel += 8) {
		if (sel == (KERNEL_CS & ~7) || sel == (OTHER_CS & ~7))
			continue;
		check(probe(far_jump, (void *)(uintptr_t)sel) == 13);
		check(probe(far_jump, (void *)(uintptr_t)(sel | 3)) >= 11);
		check(probe(call_gate, (void *)(uintptr_t)sel) >= 11);
	}
}

static void test_aliases(void)
{
	struct gnttab_copy copy = {
		.source = { .u.gmfn = virt_to_mfn(window), .domid = DOMID_SELF },
		.dest = { .u.gmfn = frame, .domid = DOMID_SELF },
		.len = 64,
	};

	check_eq(hypercall(set_gdt, &frame, 512L), 0);
	check_refused(make_writable(gdt));
	check_refused(map_page(window, frame, PTE_KERNEL));
	check_refused(mmu_update(frame << 12 | 56, 0xe008UL));
	check_refused(mmuext(MMUEXT_CLEAR_PAGE, frame));
	for (unsigned cmd = MMUEXT_PIN_L1_TABLE; cmd <= MMUEXT_PIN_L4_TABLE; cmd++)
		check_refused(mmuext(cmd, frame));
	check_refused(mmuext(MMUEXT_NEW_BASEPTR, frame));
	check_eq(hypercall(grant_table_op, (long)GNTTABOP_copy, &copy, 1L), 0);
	check(copy.status < 0);
	check_eq(probe_write(gdt), 14);
	/* A page table as a descriptor page, and both at once by one batch. */
	uint64_t table = virt_to_mfn(pte_of(window));

	check_refused(hypercall(set_gdt, &table, 512L));
	check_refused(hypercall(update_descriptor, table << 12, (uint64_t)0));
	check_eq(hypercall(set_gdt, (void *)0, 0L), 0);
	check_eq(make_writable(gdt), 0);
	/* Writable twice: one alias left is one too many. */
	check_eq(map_page(window, frame, PTE_KERNEL), 0);
	check_eq(make_readonly(gdt), 0);
	check_refused(hypercall(set_gdt, &frame, 512L));
	check_eq(map_page(window, virt_to_mfn(window), PTE_KERNEL), 0);
	check_eq(hypercall(set_gdt, &frame, 512L), 0);
}

void test_main(void)
{
	gdt = page_alloc();
	frame = virt_to_mfn(gdt);
	check_eq(make_readonly(gdt), 0);
	test_types();
	test_rings();
	check_eq(hypercall(set_gdt, (void *)0, 0L), 0);
	test_aliases();
}
