// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exceptions and software interrupts of the guest's own kernel come back to it through its trap
 * table: the right vector, error code and address, a bounce frame of the ABI's layout on a 16-byte
 * aligned stack, CS with RPL 0 and the upcall mask in its high half, IF as the mask's inverse. INT
 * n needs a gate with a DPL that the kernel's virtual ring 1 may use. In a 32-bit guest the frame
 * is the CPU's, where the stack was, with RPL 1 and the mask in the third byte of CS.
 * bits: 64 32
 */
#include "guest.h"

const char test_name[] = "traps";

#ifdef __i386__
#define MASK_SHIFT 16
#define HIDDEN	   0xf6800000UL /* behind the M2P */
#else
#define MASK_SHIFT 32
#define HIDDEN	   0xffff830000000000UL /* the direct map */
#endif

static struct trap_frame seen;
static uintptr_t frame_at;
static uint8_t mask_inside;

static void ud2(void *arg)
{
	__asm__ volatile("ud2");
}

static void divide(void *arg)
{
	__asm__ volatile("xorl %%ecx, %%ecx; movl $1, %%eax; cltd; divl %%ecx" ::
				 : "eax", "ecx", "edx");
}

#ifndef __i386__
static void stack_fault(void *arg)
{
	__asm__ volatile("pushq %%rbp; movq %0, %%rbp; movq (%%rbp), %%rax; popq %%rbp" ::"r"(
				 0x8000000000000000UL)
			 : "rax");
}
#endif

static void int_200(void *arg)
{
	__asm__ volatile("int $200");
}

static void int_201(void *arg)
{
	__asm__ volatile("int $201");
}

static void int_13(void *arg)
{
	__asm__ volatile("int $13");
}

static void halt(void *arg)
{
	__asm__ volatile("hlt");
}

static bool remember(struct trap_frame *f)
{
	if (f->vector == TRAP_EVENT)
		return false;
	if (f->vector == 1 && seen.vector == 1)
		return true; /* of single steps the first */
	seen = *f;
	frame_at = (uintptr_t)f;
	mask_inside = vcpu_info()->evtchn_upcall_mask;
	if (f->vector == 6)
		f->rip += 2;
	return true;
}

#ifdef __i386__
static void test_registers(void)
{
	uint32_t ecx, ebx, esi, flags, esp;

	__asm__ volatile("movl %%esp, %%edi\n"
			 "subl $3, %%esp\n"
			 "movl %%esp, %4\n"
			 "movl $0x1111, %%ecx\n"
			 "movl $0x3333, %%ebx\n"
			 "movl $0x5555, %%esi\n"
			 "stc\n"
			 "ud2\n"
			 "pushfl\n"
			 "popl %%eax\n"
			 "movl %%edi, %%esp\n"
			 "movl %%ecx, %0\n"
			 "movl %%ebx, %1\n"
			 "movl %%esi, %2\n"
			 "movl %%eax, %3\n"
			 : "=m"(ecx), "=m"(ebx), "=m"(esi), "=m"(flags),
			   "=m"(esp)::"eax", "ebx", "ecx", "esi", "edi", "cc", "memory");
	check_eq(seen.vector, 6);
	check(ecx == 0x1111 && ebx == 0x3333 && esi == 0x5555);
	check(seen.rcx == 0x1111 && seen.rbx == 0x3333 && seen.rsi == 0x5555);
	check_eq(flags & 1, 1);
	check_eq(seen.rflags & 1, 1);
	check_eq(seen.rsp, esp);
	check_eq(seen.cs & 0xffff, KERNEL_CS);
}
#else
static void test_registers(void)
{
	uint64_t rcx, r11, rbx, r15, flags, rsp;

	/* CF, SF and DF-less flags, an odd stack, and every register back as it was. */
	__asm__ volatile("movq %%rsp, %%r14\n"
			 "subq $8, %%rsp\n"
			 "movq %%rsp, %5\n"
			 "movq $0x1111, %%rcx\n"
			 "movq $0x2222, %%r11\n"
			 "movq $0x3333, %%rbx\n"
			 "movq $0x4444, %%r15\n"
			 "movq $0x5555, %%rsi\n"
			 "stc\n"
			 "ud2\n"
			 "pushfq\n"
			 "popq %4\n"
			 "movq %%r14, %%rsp\n"
			 "movq %%rcx, %0\n"
			 "movq %%r11, %1\n"
			 "movq %%rbx, %2\n"
			 "movq %%r15, %3\n"
			 : "=m"(rcx), "=m"(r11), "=m"(rbx), "=m"(r15), "=m"(flags),
			   "=m"(rsp)::"rcx", "r11", "rbx", "r14", "r15", "rsi", "cc", "memory");
	check_eq(seen.vector, 6);
	check(rcx == 0x1111 && r11 == 0x2222 && rbx == 0x3333 && r15 == 0x4444);
	check(seen.rcx == 0x1111 && seen.r11 == 0x2222 && seen.rsi == 0x5555);
	check_eq(flags & 1, 1);
	check_eq(seen.rflags & 1, 1);
	check_eq(seen.rsp, rsp);
	/* ss is the last word; above it the stack that was, rounded down to 16 bytes. */
	check_eq(frame_at + sizeof(seen), rsp & ~15UL);
	check_eq(seen.cs & 0xffff, FLAT_KERNEL_CS64 & ~3);
	check_eq(seen.ss & 0xfffc, FLAT_KERNEL_SS64 & ~3);
}
#endif

static void test_frame(void)
{
	trap_hook = remember;
	test_registers();
	/* Masked: said in cs, no IF. */
	events_off();
	__asm__ volatile("ud2" ::: "memory");
	check_eq(seen.cs >> MASK_SHIFT & 0xff, 1);
	check_eq(seen.rflags & 0x200, 0);
	check_eq(vcpu_info()->evtchn_upcall_mask, 1);
	events_on();
	__asm__ volatile("ud2" ::: "memory");
	check_eq(seen.cs >> MASK_SHIFT & 0xff, 0);
	check_eq(seen.rflags & 0x200, 0x200);
	check_eq(mask_inside, 0);
	check_eq(vcpu_info()->evtchn_upcall_mask, 0);
	trap_hook = NULL;
}

extern char trap_6[], trap_13[];

static void test_gates(void)
{
	struct trap_info masking[] = { { 6, 4, KERNEL_CS, (uintptr_t)trap_6 },
				       { 0, 0, 0, 0 } };
	struct trap_info plain[] = { { 6, 0, KERNEL_CS, (uintptr_t)trap_6 }, { 0, 0, 0, 0 } };

	/* A gate that masks events, as interrupt gates do. */
	check_eq(hypercall(set_trap_table, masking), 0);
	events_on();
	trap_hook = remember;
	__asm__ volatile("ud2" ::: "memory");
	trap_hook = NULL;
	check_eq(mask_inside, 1);
	check_eq(seen.cs >> MASK_SHIFT & 0xff, 0);
	check_eq(vcpu_info()->evtchn_upcall_mask, 0);
	check_eq(hypercall(set_trap_table, plain), 0);
	events_off();

	check_refused(hypercall(set_trap_table, (struct trap_info *)0x10000));
}

static void test_software(void)
{
	trap_hook = remember;
	__asm__ volatile("int3; nop" ::: "memory");
	check_eq(seen.vector, 3);
	check_eq(*(uint8_t *)(seen.rip - 1), 0xcc);
	__asm__ volatile("int $0x80; nop" ::: "memory");
	check_eq(seen.vector, 128);
	check_eq(*(uint8_t *)(seen.rip - 1), 0x80);
	__asm__ volatile("int $200; nop" ::: "memory");
	check_eq(seen.vector, 200);
	check_eq(*(uint8_t *)(seen.rip - 1), 200);
	trap_hook = NULL;
	check_eq(probe(int_200, NULL), 200);
	/* No entry, and one whose DPL is 0: #GP at the instruction, not behind it. */
	check_eq(probe(int_201, NULL), 13);
	check_eq(*(uint8_t *)probe_frame.rip, 0xcd);
	check_eq(probe(int_13, NULL), 13);
	check_eq(*(uint8_t *)probe_frame.rip, 0xcd);
}

static void test_step(void)
{
	unsigned long dr6;

	trap_hook = remember;
	memset(&seen, 0, sizeof(seen));
	__asm__ volatile("pushf; orl $0x100, (" SP "); popf\n"
			 "nop\n"
			 "1: pushf; andl $~0x100, (" SP "); popf\n" ::
				 : "memory", "cc");
	trap_hook = NULL;
	check_eq(seen.vector, 1);
	check_eq(seen.rflags & 0x100, 0x100);
	dr6 = hypercall(get_debugreg, 6L);
	check_eq(dr6 >> 14 & 1, 1);
}

void test_main(void)
{
	uint8_t *page = page_alloc();

	check_eq(probe(ud2, NULL), 6);
	check_eq(*(uint16_t *)probe_frame.rip, 0x0b0f);
	check_eq(probe(divide, NULL), 0);
#ifndef __i386__
	/* #SS; QEMU's TCG does not tell it from #GP. */
	check((probe(stack_fault, NULL) & ~1) == 12);
	check_eq(probe_error, 0);
	check_eq(probe_read((void *)0x8000000000000000UL), 13);
	check_eq(probe_error, 0);
#endif
	check_eq(probe(halt, NULL), 13);
	check_eq(probe_read((void *)0x2000), 14);
	check_eq(probe_cr2, 0x2000);
	check_eq(probe_error, 0);
	/* The hypervisor's addresses look absent, whatever is there. */
	check_eq(probe_read((void *)HIDDEN), 14);
	check_eq(probe_cr2, HIDDEN);
	check_eq(probe_error & 1, 0);
	check_eq(probe_write((void *)(HIDDEN + 0x1000)), 14);
	check_eq(probe_write((void *)m2p), 14);
	check_eq(map_page(page, virt_to_mfn(page), PTE_P | PTE_AD), 0);
	check_eq(probe_write(page + 9), 14);
	check_eq(probe_error, 3);
	test_frame();
	test_gates();
	test_software();
	test_step();
}
