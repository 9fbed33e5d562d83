// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a 32-bit kernel might try to get at the hypervisor from ring 1: a 64-bit code segment in any
 * of its forms, gates, system segments, segments around the hypervisor's part of its address space,
 * the slots of its tables that are not its own, a frame that is two kinds of table, roots that are
 * no roots, a user root, ring 0 selectors wherever a selector is taken, VM86.
 * bits: 32
 */
#include "guest.h"

const char test_name[] = "evil-ring1";

static uint64_t *gdt;

static long descriptor(unsigned i, uint64_t d)
{
	return hypercall(update_descriptor, virt_to_mfn(gdt) << 12 | i * 8, d);
}

static void test_descriptors(void)
{
	static const uint64_t refused[] = {
		0x00affb000000ffffULL, /* 64-bit code, DPL 3 */
		0x00afbb000000ffffULL, /* DPL 1 */
		0x00af9b000000ffffULL, /* DPL 0 */
		0x00afff000000ffffULL, /* conforming */
		0x00ef9f000000ffffULL, /* with D too */
		0x0000ec0000080000ULL, /* call gate, DPL 3 */
		0x0000ac0000080000ULL,
		0x0000ee0000080000ULL, /* interrupt gate */
		0x0000ef0000080000ULL, /* trap gate */
		0x0000e50000080000ULL, /* task gate */
		0x0000890000000067ULL, /* TSS */
		0x0000820000000fffULL, /* LDT */
	};
	xen_ulong_t frames[1] = { virt_to_mfn(gdt) };

	check_eq(make_readonly(gdt), 0);
	check_eq(hypercall(set_gdt, frames, 512L), 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (!descriptor(5, refused[i]))
			fail("descriptor %#llx was taken", (unsigned long long)refused[i]);
	check_eq(gdt[5], 0);
	/* Ring 0 is raised; conforming and expand-down ones are what they are. */
	check_eq(descriptor(5, 0x00cf9f000000ffffULL), 0);
	check_eq(gdt[5] >> 45 & 3, 1);
	check_eq(descriptor(6, 0x00cf97000000ffffULL), 0);
	check_eq(gdt[6] >> 45 & 3, 1);
	/* The page is not writable behind the hypervisor's back, and no page table. */
	check(make_writable(gdt) < 0);
	check_eq(probe_write(gdt), 14);
	check_refused(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(gdt)));
	check_refused(mmuext(MMUEXT_PIN_L3_TABLE, virt_to_mfn(gdt)));
}

static void load_gs(void *sel)
{
	__asm__ volatile("movl %0, %%gs" ::"r"(sel));
}

static void far_jump(void *sel)
{
	struct {
		uint32_t offset;
		uint16_t sel;
	} __attribute__((packed)) to = { 0, (uint16_t)(uintptr_t)sel };

	__asm__ volatile("ljmp *%0" ::"m"(to));
}

static void read_through(void *offset)
{
	uint8_t v;

	__asm__ volatile("movb %%gs:(%1), %0" : "=q"(v) : "r"(offset));
	(void)v;
}

static void test_selectors(void)
{
	/* Code of ring 3 cannot be jumped to from ring 1, ring 0's not at all. */
	check_eq(probe(far_jump, (void *)0xe008), 13);
	check_eq(probe(far_jump, (void *)0xe00b), 13);
	check_eq(probe(far_jump, (void *)0xe02b), 13);
	check_eq(probe(far_jump, (void *)0xe040), 13); /* the TSS */
	check_eq(probe(load_gs, (void *)0xe010), 13);
	check_eq(probe(load_gs, (void *)0xe040), 13);
	check_eq(probe(load_gs, (void *)0xe050), 13);
	/* A segment that begins in the hypervisor's part of the 4 GiB and wraps. */
	check_eq(descriptor(7, 0xf5cfb3800000ffffULL), 0);
	check_eq(probe(load_gs, (void *)(7 << 3 | 1)), -1);
	check_eq(probe(read_through, (void *)0), -1); /* the M2P's first byte */
	check_eq(probe(read_through, (void *)0x02000000), 14); /* behind it: nothing */
	check_eq(probe(read_through, (void *)0x0a800000), 14); /* 4 GiB: address 0 */
	check_eq(probe_cr2, 0);
	__asm__ volatile("movl %0, %%gs" ::"r"(0));
}

static void test_tables(void)
{
	uint64_t *root = (uint64_t *)start_info->pt_base;
	uint64_t *l2 = entry_of((void *)VIRT_BASE, 2), root_at = virt_to_mfn(root) << 12;
	uint64_t l2_at, *a = page_alloc(), *b = page_alloc(), *r = page_alloc();

	l2 = (uint64_t *)((uintptr_t)l2 & ~(PAGE_SIZE - 1));
	l2_at = virt_to_mfn(l2) << 12;
	/* Our slots of the last L2, the last and the first. */
	check_refused(mmu_update(l2_at | 428 * 8, TABLE_ENTRY(a)));
	check_refused(mmu_update(l2_at | 428 * 8, 0));
	check_refused(mmu_update(l2_at | 511 * 8, TABLE_ENTRY(a)));
	check_refused(mmu_update(l2_at | 440 * 8, 0));
	check_refused(
		mmu_update(l2_at | 427 * 8, l2[428])); /* the M2P by a large page of one's own */
	/* Past a root's four entries. */
	check_refused(mmu_update(root_at | 4 * 8, root[0]));
	check_refused(mmu_update(root_at | 256 * 8, root[3]));
	check_refused(mmu_update(root_at | 511 * 8, 0));
	/* The last L2 as another one, another one as the last: a frame is one thing only. */
	check_refused(mmu_update(root_at | 1 * 8, root[3]));
	check_eq(make_readonly(a), 0);
	check_eq(mmuext(MMUEXT_PIN_L2_TABLE, virt_to_mfn(a)), 0);
	r[3] = TABLE_ENTRY(a);
	check_eq(make_readonly(r), 0);
	check_refused(mmuext(MMUEXT_PIN_L3_TABLE, virt_to_mfn(r)));
	check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(a)), 0);
	check_eq(mmuext(MMUEXT_PIN_L3_TABLE, virt_to_mfn(r)), 0);
	check_eq(a[428], l2[428]);
	check_refused(mmuext(MMUEXT_PIN_L2_TABLE, virt_to_mfn(a)));
	/* The root is rewritten while it is loaded: another last L2, none, and back again. */
	check_eq(make_readonly(b), 0);
	check_eq(mmu_update(virt_to_mfn(r) << 12 | 3 * 8, TABLE_ENTRY(b)), 0);
	check_eq(b[428], l2[428]);
	check_eq(mmu_update(virt_to_mfn(r) << 12 | 3 * 8, 0), 0);
	check_eq(make_writable(b), 0);
	check_eq(make_writable(a), 0);
	check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(r)), 0);
	check_eq(make_writable(r), 0);
	/* There is no fourth level, no root for users, and a root is no L2. */
	check_refused(mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(r)));
	check_refused(mmuext(MMUEXT_NEW_BASEPTR, virt_to_mfn(a)));
	check_refused(mmuext(MMUEXT_NEW_BASEPTR, l2_at >> 12));
	check_refused(mmuext(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(root)));
	check_refused(map_page((void *)HYPERVISOR_VIRT_START, virt_to_mfn(a), PTE_P));
	check_refused(map_page((void *)0xfffff000, virt_to_mfn(a), PTE_P));
	check_eq(probe_write((void *)HYPERVISOR_VIRT_START), 14);
	check_eq(probe_read((void *)0xfffff000), 14);
}

/* Where selectors are taken: ring 0 in them means ring 1. */
static void test_entries(void)
{
	extern char trap_6[];
	struct trap_info t[] = { { 6, 0, 0xe008, (uintptr_t)trap_6 }, { 0, 0, 0, 0 } };
	struct trap_info null[] = { { 6, 0, 3, (uintptr_t)trap_6 }, { 0, 0, 0, 0 } };
	struct trap_info good[] = { { 6, 0, KERNEL_CS, (uintptr_t)trap_6 }, { 0, 0, 0, 0 } };

	check_refused(hypercall(set_trap_table, null));
	check_refused(hypercall(set_trap_table, (void *)0x10000));
	check_eq(hypercall(set_trap_table, t), 0);
	check_eq(hypercall(set_trap_table, good), 0);
	check_refused(hypercall(set_callbacks, 0L, trap_6, (long)KERNEL_CS, trap_6));
	check_refused(hypercall(callback_op, (long)CALLBACKOP_register, (void *)0x10000));
	check_eq(hypercall(set_segment_base, 0L, 0L), -ENOSYS);
	check_eq(hypercall(memory_op, (long)XENMEM_add_to_physmap, (void *)t), -EACCES);
	check_refused(hypercall(memory_op, (long)XENMEM_decrease_reservation, (void *)0xfffffffc));
	check_refused(hypercall(multicall, (void *)0xfffffff0, 100L));
	check_refused(hypercall(mmu_update, (void *)0xfffffff8, 1L, 0L, (long)DOMID_SELF));
	check_refused(hypercall(grant_table_op, (long)GNTTABOP_copy, (void *)0xfffffff8, 100L));
	check_refused(hypercall(domctl, 0x10000L));
	check_refused(hypercall(sysctl, 0x10000L));
}

static struct trap_frame vm86;

static bool catch_vm86(struct trap_frame *f)
{
	if (f->vector != 13)
		return false;
	vm86 = *f;
	return false;
}

static void enter(void *frame)
{
	raw_iret(frame);
}

static void test_vm86(void)
{
	struct {
		struct iret_context c;
		uint32_t es, ds, fs, gs;
	} f = { { 0, 0x1234, 0xf000, 0x20202, 0x5678, 0x9abc }, 1, 2, 3, 4 };

	trap_hook = catch_vm86;
	check_eq(probe(enter, &f), 13);
	trap_hook = NULL;
	check_eq(probe_error, 0);
	check_eq(vm86.rip, 0x1234);
	check_eq(vm86.cs, 0xf000);
	check_eq(vm86.rflags >> 17 & 1, 1);
	check_eq(vm86.rsp, 0x5678);
	check_eq(vm86.ss, 0x9abc);
}

/*
 * A frame that the CPU will not take is the failsafe callback's. If it says ring 1, that comes onto
 * the stack that the frame was taken from.
 */
static void test_bad_iret(void)
{
	static struct {
		char room[PAGE_SIZE];
		struct iret_context c;
	} stack;
	static const struct {
		uint32_t cs, ss;
	} bad[] = {
		{ 0xe013, USER_SS },
		{ 0xe043, USER_SS }, /* the TSS */
		{ USER_CS, 0xe010 },
		{ 0xe008, USER_SS }, /* ring 0's code, with ring 1's RPL */
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		stack.c = (struct iret_context){ 0, 0x1234, bad[i].cs, 0x202, 0x5678, bad[i].ss };
		check_eq(probe(enter, &stack.c), TRAP_FAILSAFE);
	}
}

void test_main(void)
{
	gdt = page_alloc();
	test_descriptors();
	test_selectors();
	test_tables();
	test_entries();
	test_vm86();
	test_bad_iret();
}
