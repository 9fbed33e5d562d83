// SPDX-License-Identifier: GPL-2.0-or-later
// emulator: bochs
/*
 * What only an exact machine shows: #SS apart from #GP, the error code of an INT that its gate
 * refuses, segment limits of 32-bit user code, alignment checks in user mode. Each is the guest's
 * own exception with the error code of the manual. (QEMU's TCG knows no #SS for a non-canonical
 * stack, no limits and no #AC, and gives twice the error code for INT.) In a 32-bit guest also the
 * limits of ring 1's segments around the hypervisor's part of the 4 GiB.
 * bits: 64 32
 */
#include "guest.h"

const char test_name[] = "exact";

static struct user user;
static uint64_t *gdt;

#ifndef __i386__
static void stack_fault(void *arg)
{
	__asm__ volatile("pushq %%rbp; movq %0, %%rbp; movq (%%rbp), %%rax; popq %%rbp" ::"r"(
				 0x8000000000000000UL)
			 : "rax");
}
#endif

static void int_201(void *arg)
{
	__asm__ volatile("int $201");
}

#ifdef __i386__
#define SS32	    FLAT_USER_SS
#define SYSCALL	    "\xcd\x80"
#define VECTOR	    128
#else
#define SS32	    FLAT_USER_SS32
#define SYSCALL	    "\x0f\x05"
#define VECTOR	    TRAP_SYSCALL
#endif

static unsigned user_ss = SS32;

static int compat(const char *code, size_t n, unsigned long cs, unsigned long rflags)
{
	struct iret_context c = iret_context(USER_CODE, cs, rflags, USER_STACK + 2048, user_ss, 0);

	c.CONTEXT_RAX = USER_DATA + 1;
	memset(user.code, 0xcc, PAGE_SIZE);
	memcpy(user.code, code, n);
	return probe(user_iret, &c);
}

#ifdef __i386__
static void read_gs(void *at)
{
	uint32_t v;

	__asm__ volatile("movl %%gs:(%1), %0" : "=r"(v) : "r"(at));
}

static void write_gs(void *at)
{
	__asm__ volatile("movl %0, %%gs:(%0)" ::"r"(at) : "memory");
}

static int read_by(unsigned index, uintptr_t at)
{
	__asm__ volatile("movl %0, %%gs" ::"r"(index << 3 | 1));
	return probe(read_gs, (void *)at);
}

static int write_by(unsigned index, uintptr_t at)
{
	__asm__ volatile("movl %0, %%gs" ::"r"(index << 3 | 1));
	return probe(write_gs, (void *)at);
}

/* The limit comes before the page tables, which say the rest. */
static void test_limits(void)
{
	/* 4: all that is the guest's. */
	check_eq(read_by(4, 0xf57ffffcUL), 14);
	check_eq(read_by(4, 0xf57ffffdUL), 13);
	check_eq(read_by(4, 0xf5800000UL), 13);
	check_eq(read_by(4, 0xfffffffcUL), 13);
	/* 5: downwards to there, so all that is not. */
	check_eq(read_by(5, 0xf57ffffcUL), 13);
	check_eq(read_by(5, VIRT_BASE + 0x100000), 13);
	check_eq(read_by(5, 0xf5800000UL), -1);
	check_eq(write_by(5, 0xf5800000UL), 14);
	check_eq(probe_error & 5, 1);
	check_eq(read_by(5, 0xf6800000UL), 14);
	check_eq(probe_error & 1, 0);
	check_eq(read_by(5, 0xfffffffcUL), 14);
	/* 6: a page of the M2P. */
	check_eq(read_by(6, 0xffc), -1);
	check_eq(write_by(6, 0xffc), 14);
	check_eq(read_by(6, 0xffd), 13);
	check_eq(read_by(6, -4UL), 13);
	/* 7: a stack of the user's that ends at its data page. push %eax */
	user_ss = 0x3b;
	check_eq(compat("\x50", 1, USER_CS, 0x202), 3);
	user_ss = 0x43;
	check_eq(compat("\x50", 1, USER_CS, 0x202), 12);
	check_eq(probe_error, 0);
	user_ss = SS32;
}
#endif

void test_main(void)
{
	xen_ulong_t frame;

	user_new(&user);
#ifndef __i386__
	check_eq(probe(stack_fault, NULL), 12);
	check_eq(probe_error, 0);
#endif
	check_eq(probe(int_201, NULL), 13);
	check_eq(probe_error, 201 * 8 + 2);
	memcpy(user.code, "\xcd\xc9", 2); /* int $201 */
	check_eq(probe_user(USER_CODE, USER_STACK + 64), 13);
	check_eq(probe_error, 201 * 8 + 2);
	check_eq(probe_frame.rip, USER_CODE);

	/* 32-bit code that ends behind its page, data that ends at 0x402007. */
	gdt = page_alloc();
	frame = virt_to_mfn(gdt);
	gdt[2] = 0x00c0fa0000000000ULL | (USER_CODE >> 12);
	gdt[3] = 0x0040f20000000000ULL | 0x2007 | ((uint64_t)USER_DATA & 0xffff0000) << 16 |
		 ((uint64_t)USER_DATA >> 24) << 56;
#ifdef __i386__
	gdt[4] = 0x00cfb300000057ffULL;
	gdt[5] = 0x00cfb700000057ffULL;
	gdt[6] = 0xf540b38000000fffULL;
	gdt[7] = 0x00c0f30000000402ULL;
	gdt[8] = 0x00c0f30000000400ULL;
#endif
	check_eq(make_readonly(gdt), 0);
	check_eq(hypercall(set_gdt, &frame, 512L), 0);
	/* mov $0x1b, %ecx; mov %ecx, %ds; mov 0x2004, %ebx; mov 0x2005, %ebx */
	check_eq(compat("\xb9\x1b\0\0\0\x8e\xd9\x8b\x1d\x04\x20\0\0\x8b\x1d\x05\x20\0\0", 19, 0x13,
			0x202),
		 13);
	check_eq(probe_frame.rip, USER_CODE + 13);
	check_eq(probe_frame.cs & 0xffff, 0x13);
	check_eq(probe_error, 0);
	/* jmp to the next page: beyond the code's limit */
	check_eq(compat("\xe9\xfb\x0f\0\0", 5, 0x13, 0x202), 13);

	/* AC set, an unaligned load: #AC in user mode, where the hypervisor leaves it to the guest.
	 * mov (%rax), %ebx */
	check_eq(compat("\x8b\x18", 2, USER_CS, 0x40202), 17);
	check_eq(probe_error, 0);
	check_eq(probe_frame.rip, USER_CODE);
	check_eq(probe_frame.rflags & 0x40000, 0x40000);
	check_eq(compat("\x8b\x18", 2, USER_CS, 0x202), 3);
	/* A system call with AC set: the hypervisor's own accesses are not checked, or not
	 * unaligned. */
	check_eq(compat(SYSCALL, 2, USER_CS, 0x40202), VECTOR);
	check_eq(probe_frame.rflags & 0x40000, 0x40000);
#ifdef __i386__
	test_limits();
#endif
}
