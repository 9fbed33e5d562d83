// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `int $0x80` with odd state all around it, from user space and from the kernel. It has an entry
 * of its own in the hypervisor, with a short way and one for the rest, and what one of them takes
 * for granted the other must not lack: no gate, gates of every DPL, gates that mask events,
 * handlers and selectors that lead nowhere, kernel stacks that are odd, at zero or in a segment
 * with a base, IOPL of the guest's own, stack pointers of user space that point nowhere. Each time
 * the guest sees what bare hardware would show it: the handler with a true frame, the #GP of a
 * missing gate, the fault of the handler, or the failsafe callback; nothing but the frame is
 * written. In the end the stack of the kernel is a page table of its own, in use, which ends the
 * guest. (Flags are another test's.)
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"
#include "pv-abi/physdev.h"

const char test_name[] = "evil-int80";

extern char trap_6[], trap_13[], trap_14[], trap_128[];
static struct user user;
static unsigned masked;

/* mov $0x1234, %eax; int $0x80: 7 bytes */
static const uint8_t call[] = { 0xb8, 0x34, 0x12, 0, 0, 0xcd, 0x80, 0x0f, 0x0b };

static void from_kernel(void *arg)
{
	__asm__ volatile("movl $0x1234, %%eax; int $0x80; .global after_int80; after_int80: nop"
			 ::"a"(arg));
}
extern char after_int80[];

#define NO_GATE	  -1
#define UNTOUCHED ((xen_ulong_t)0x5a5a5a5a5a5a5a5aULL)

/* All gates gone but those that the test needs; 0x80 with these flags or not at all. */
static void gate(int flags, unsigned cs, uintptr_t address)
{
	struct trap_info t[] = {
		{ 6, 0, KERNEL_CS, (uintptr_t)trap_6 },
		{ 13, 0, KERNEL_CS, (uintptr_t)trap_13 },
		{ 14, 0, KERNEL_CS, (uintptr_t)trap_14 },
		{ 0x80, (uint8_t)flags, (uint16_t)cs, flags == NO_GATE ? 0 : address },
		{ 0, 0, 0, 0 },
	};

	check_eq(hypercall(set_trap_table, NULL), 0);
	check_eq(hypercall(set_trap_table, t), 0);
}

static void usual_gate(void)
{
	gate(3, KERNEL_CS, (uintptr_t)trap_128);
}

static long stack(unsigned ss, uintptr_t sp)
{
	return hypercall(stack_switch, (long)ss, sp);
}

static void usual_stack(void)
{
	check_eq(stack(KERNEL_SS, (uintptr_t)stacks[0] + STACK_SIZE / 2), 0);
}

static int enter(bool kernel, uintptr_t rsp)
{
	return kernel ? probe(from_kernel, NULL) : probe_user(USER_CODE, rsp);
}

/* The frame of the last probe is of `int $0x80`, before it or behind it. */
static void check_frame(bool kernel, bool behind, uintptr_t rsp)
{
	uintptr_t rip = kernel ? (uintptr_t)after_int80 : USER_CODE + 7;

	check_eq(probe_frame.rip, rip - (behind ? 0 : 2));
	check_eq(probe_frame.cs & 3, kernel ? (KERNEL_RING == 3 ? 0 : 1) : 3);
	check_eq(probe_frame.rflags & 0x202, 0x202);
	check_eq(probe_frame.rax & 0xffffffff, 0x1234);
	if (!kernel) {
		check_eq(probe_frame.cs & 0xffff, USER_CS);
		check_eq(probe_frame.ss & 0xffff, USER_SS);
		check_eq(probe_frame.rsp, rsp);
	}
}

static bool see_mask(struct trap_frame *f)
{
	if (f->vector != 0x80)
		return false;
	masked = vcpu_info()->evtchn_upcall_mask;
	vcpu_info()->evtchn_upcall_mask = 0;
	return false;
}

static void test_gates(void)
{
	const uintptr_t top = USER_STACK + PAGE_SIZE;

	for (int kernel = 0; kernel < 2; kernel++) {
		gate(NO_GATE, 0, 0);
		for (int i = 0; i < 3; i++) {
			check_eq(enter(kernel, top), 13);
			check_eq(probe_error, 0x80 * 8 + 2);
			check_frame(kernel, false, top);
		}
		for (int flags = 0; flags < 8; flags++) {
			bool open = (flags & 3) >= (kernel ? 1 : 3);

			gate(flags, KERNEL_CS, (uintptr_t)trap_128);
			trap_hook = see_mask;
			check_eq(enter(kernel, top), open ? 0x80 : 13);
			trap_hook = NULL;
			check_frame(kernel, open, top);
			if (open)
				check_eq(masked, flags >> 2);
			else
				check_eq(probe_error, 0x80 * 8 + 2);
			check_eq(vcpu_info()->evtchn_upcall_mask, 0);
		}
	}
	usual_gate();
}

static void test_handlers(void)
{
#ifdef __i386__
	static const uintptr_t wild[] = { 0x1000, 0xf5800000, 0xf5fffffc, 0xf6800000, 0xff000000,
					  0xfffffffc, 0xffffffff };
	/* The hypervisor's own, user space's, 64-bit code, data, an LDT that is none, no table. */
	static const uint16_t selectors[] = { 0xe008, 0xe00b, 0xe010, 0xe02b, 0xe033, 0xe040,
					      0xe051, USER_CS, USER_SS, KERNEL_SS, 0x0004, 0x0007,
					      0x0107, 0x0ff9, 0xfffb };
#else
	static const uintptr_t wild[] = { 0x1000, 0x7fffffffffff, 0xffff880000000000,
					  0xfffffffffffff000, 0xffffffffffffffff };
	/* Whatever it says, ours is used. */
	static const uint16_t selectors[] = { 0, 3, 0xe008, 0xe010, 0xe02b, 0x0107, 0xfffb };
#endif
	const uintptr_t top = USER_STACK + PAGE_SIZE;

	for (int kernel = 0; kernel < 2; kernel++) {
		for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
			gate(3, KERNEL_CS, wild[i]);
			check_eq(enter(kernel, top), 14);
			check_eq(probe_frame.rip, wild[i]);
			check_eq(probe_cr2, wild[i]);
		}
		for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
			gate(3, selectors[i], (uintptr_t)trap_128);
			check_eq(enter(kernel, top), sizeof(long) == 8 ? 0x80 : TRAP_FAILSAFE);
		}
	}
#ifdef __i386__
	for (unsigned cs = 0; cs < 4; cs++) {
		struct trap_info t[] = { { 0x80, 3, (uint16_t)cs, (uintptr_t)trap_128 },
					 { 0, 0, 0, 0 } };

		check_refused(hypercall(set_trap_table, t));
	}
#endif
	usual_gate();
}

/* Nothing but the frame is touched: a page of a pattern, the kernel's stack somewhere in it. */
static void test_stacks(void)
{
	uint8_t *pages = page_alloc(), *next = page_alloc();
	const uintptr_t top = USER_STACK + PAGE_SIZE;

	check(next == pages + PAGE_SIZE || next + PAGE_SIZE == pages);
	if (next < pages)
		pages = next;
	for (unsigned shift = 0; shift < 64; shift++) {
		/* The frame of a trap in the handler goes below: the lower page is for those. */
		uintptr_t sp = (uintptr_t)pages + PAGE_SIZE + shift;
		uintptr_t frame_top = sizeof(long) == 8 ? sp & ~15UL : sp;
		unsigned at;

		memset(pages, 0x5a, 2 * PAGE_SIZE);
		check_eq(stack(KERNEL_SS, sp), 0);
		check_eq(enter(false, top), 0x80);
		check_frame(false, true, top);
		for (at = PAGE_SIZE + shift; at < 2 * PAGE_SIZE; at++)
			check_eq(pages[at], 0x5a);
		check(((xen_ulong_t *)frame_top)[-1] != UNTOUCHED);
	}
	usual_stack();
	/* Where user space's own stack is does not matter. */
	for (unsigned i = 0; i < 8; i++) {
		static const uintptr_t wild[] = { 0, 1, 7, 0x1000, USER_CODE,
						  (uintptr_t)-8L, (uintptr_t)-1L,
						  HYPERVISOR_VIRT_START };

		check_eq(enter(false, wild[i]), 0x80);
		check_frame(false, true, wild[i]);
	}
}

/* An IOPL that is the guest's own is in the frame, and nowhere else. */
static void test_iopl(void)
{
	struct physdev_set_iopl op = { .iopl = 3 };
	const uintptr_t top = USER_STACK + PAGE_SIZE;

	for (int kernel = 0; kernel < 2; kernel++) {
		check_eq(hypercall(vm_assist, (long)VMASST_CMD_enable,
				   (long)VMASST_TYPE_architectural_iopl), 0);
		check_eq(hypercall(physdev_op, (long)PHYSDEVOP_set_iopl, &op), 0);
		check_eq(enter(kernel, top), 0x80);
		check_frame(kernel, true, top);
		op.iopl = 0;
		check_eq(hypercall(physdev_op, (long)PHYSDEVOP_set_iopl, &op), 0);
		check_eq(hypercall(vm_assist, (long)VMASST_CMD_disable,
				   (long)VMASST_TYPE_architectural_iopl), 0);
		check_eq(enter(kernel, top), 0x80);
		check_frame(kernel, true, top);
		check_eq(probe_frame.rflags & 0x3000, 0);
	}
}

#ifdef __i386__
/* The library's entries need a flat stack: back to one, and then a trap that they know. */
void on_based_stack(void);
__asm__(".pushsection .text\n"
	"on_based_stack: movl $(stacks + 8192), %eax\n"
	"	movw kernel_ss, %ss\n"
	"	movl %eax, %esp\n"
	"	ud2\n"
	".popsection\n");
const uint32_t kernel_ss = KERNEL_SS;

/* A kernel's stack segment with a base. */
static void test_segment(void)
{
	const uintptr_t top = USER_STACK + PAGE_SIZE;
	uint64_t *ldt = page_alloc();
	uint8_t *page = page_alloc();
	uintptr_t base = (uintptr_t)page - 0x10000;

	/* Data, DPL 1, 4 GiB. */
	ldt[1] = 0x00cfb3000000ffffULL | (uint64_t)(base & 0xffffff) << 16 |
		 (uint64_t)(base & 0xff000000) << 32;
	check_eq(make_readonly(ldt), 0);
	check_eq(set_ldt(ldt, 8), 0);
	memset(page, 0x5a, PAGE_SIZE);
	check_eq(stack(0x0d, 0x10000 + 256), 0);
	gate(3, KERNEL_CS, (uintptr_t)on_based_stack);
	check_eq(enter(false, top), 6);
	check_eq(((uint32_t *)(page + 256))[-1] & 0xffff, USER_SS);
	check_eq(((uint32_t *)(page + 256))[-2], top);
	check_eq(((uint32_t *)(page + 256))[-5], USER_CODE + 7);
	check_eq(page[256], 0x5a);
	usual_gate();
	usual_stack();
	check_eq(set_ldt(ldt, 0), 0);
	check_eq(make_writable(ldt), 0);
}
#else
/* A stack pointer of zero: the frame goes to the end of all addresses, if something is there. */
static void test_segment(void)
{
	const uintptr_t last = -PAGE_SIZE, top = USER_STACK + PAGE_SIZE;
	uint8_t *page = page_alloc();
	struct space s;

	space_new(&s, last);
	s.table[1][511] = LEAF(virt_to_mfn(page), PTE_KERNEL | PTE_US);
	for (int l = 1; l <= 2; l++)
		check_eq(make_readonly(s.table[l]), 0);
	check_eq(mmu_update(entry_maddr((void *)last, 3), TABLE_ENTRY(s.table[2])), 0);
	memset(page, 0x5a, PAGE_SIZE);
	check_eq(stack(KERNEL_SS, 0), 0);
	check_eq(enter(false, top), 0x80);
	check_frame(false, true, top);
	check(((uint64_t *)(page + PAGE_SIZE))[-1] != UNTOUCHED);
	check_eq(stack(KERNEL_SS, 8), 0);
	check_eq(enter(false, top), 0x80);
	usual_stack();
}
#endif

void test_main(void)
{
	user_new(&user);
	memcpy(user.code, call, sizeof(call));
	usual_gate();
	test_gates();
	test_handlers();
	test_stacks();
	test_iopl();
	test_segment();

	/* The user's L1, mapped read-only and in use; its last slots are empty. */
	check_eq(user.space.table[1][511], 0);
	check_eq(stack(KERNEL_SS, (uintptr_t)user.space.table[1] + PAGE_SIZE), 0);
	expect_crash();
	enter(false, USER_STACK + PAGE_SIZE);
	survived();
}
