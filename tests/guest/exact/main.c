// SPDX-License-Identifier: GPL-2.0-or-later
// emulator: bochs
/*
 * What only an exact machine shows: #SS apart from #GP, the error code of an INT that its gate
 * refuses, segment limits of 32-bit user code, alignment checks in user mode. Each is the guest's
 * own exception with the error code of the manual. (QEMU's TCG knows no #SS for a non-canonical
 * stack, no limits and no #AC, and gives twice the error code for INT.)
 */
#include "guest.h"

const char test_name[] = "exact";

static struct user user;
static uint64_t *gdt;

static void stack_fault(void *arg)
{
	(void)arg;
	__asm__ volatile("pushq %%rbp; movq %0, %%rbp; movq (%%rbp), %%rax; popq %%rbp" ::"r"(
				 0x8000000000000000UL)
			 : "rax");
}

static void int_201(void *arg)
{
	(void)arg;
	__asm__ volatile("int $201");
}

static void go(void *arg)
{
	raw_iret(arg);
}

static int compat(const char *code, size_t n, uint64_t cs, uint64_t rflags)
{
	struct iret_context c = {
		.rax = USER_DATA + 1,
		.rip = USER_CODE,
		.cs = cs,
		.rflags = rflags,
		.rsp = USER_STACK + 2048,
		.ss = FLAT_USER_SS32,
	};

	memset(user.code, 0xcc, PAGE_SIZE);
	memcpy(user.code, code, n);
	return probe(go, &c);
}

void test_main(void)
{
	uint64_t frame;

	user_new(&user);
	check_eq(probe(stack_fault, NULL), 12);
	check_eq(probe_error, 0);
	check_eq(probe(int_201, NULL), 13);
	check_eq(probe_error, 201 * 8 + 2);
	memcpy(user.code, "\xcd\xc9", 2); /* int $201 */
	check_eq(probe_user(USER_CODE, USER_STACK + 64), 13);
	check_eq(probe_error, 201 * 8 + 2);
	check_eq(probe_frame.rip, USER_CODE);

	/* 32-bit code that ends behind its page, data that ends at 0x402007. */
	gdt = page_alloc();
	frame = virt_to_mfn(gdt);
	gdt[2] = 0x00c0fa0000000000UL | (USER_CODE >> 12);
	gdt[3] = 0x0040f20000000000UL | (0x2007 & 0xffff) | (USER_DATA & 0xffff0000) << 16 |
		 (USER_DATA >> 24) << 56;
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
	check_eq(compat("\x8b\x18", 2, FLAT_USER_CS64, 0x40202), 17);
	check_eq(probe_error, 0);
	check_eq(probe_frame.rip, USER_CODE);
	check_eq(probe_frame.rflags & 0x40000, 0x40000);
	check_eq(compat("\x8b\x18", 2, FLAT_USER_CS64, 0x202), 3);
	/* A system call with AC set: the hypervisor's own accesses are not checked, or not
	 * unaligned. */
	check_eq(compat("\x0f\x05", 2, FLAT_USER_CS64, 0x40202), TRAP_SYSCALL);
	check_eq(probe_frame.rflags & 0x40000, 0x40000);
}
