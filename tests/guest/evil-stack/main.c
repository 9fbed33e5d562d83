// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Addresses that a guest hands to the hypervisor to jump to or to push on: callbacks, trap
 * handlers, instruction and stack pointers of iret. What is not an address of the guest's is
 * refused where it is said, or becomes the guest's own fault where it is used, and the guest goes
 * on. (What cannot go on is in the dies-* tests.) A 32-bit kernel's handlers may have any address,
 * which is no more than 4 GiB away, but their selectors may not be null.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-stack";

#ifdef __i386__
static const unsigned long wild[] = {
	0xf5800000, 0xf5800ffc, 0xf5fffffc, 0xf6000000, 0xf67fffff,
	0xf6800000, 0xff000000, 0xfffff000, 0xfffffffc, 0xffffffff,
};
#else
static const uint64_t wild[] = {
	0xffff800000000000, 0xffff808000000000, 0xffff82d080000000, 0xffff82d080100000,
	0xffff830000000000, 0xffff87ffffffffff, 0x0000800000000000, 0x8000000000000000,
	0xfffeffffffffffff, 0xffff7fffffffffff,
};
#endif
#define NWILD (sizeof(wild) / sizeof(wild[0]))

extern char event_entry[], failsafe_entry[], syscall_entry_point[], trap_6[];
static struct user user;

#ifdef __i386__
static void ud2(void *arg)
{
	__asm__ volatile("ud2");
}

static void handler(unsigned cs, uintptr_t eip)
{
	struct trap_info t[] = { { 6, 0, (uint16_t)cs, eip }, { 0, 0, 0, 0 } };

	check_eq(hypercall(set_trap_table, t), 0);
}

static void test_callbacks(void)
{
	static const uint16_t selectors[] = { 0xe008,  0xe00b,	0xe010,	   0xe040, 0xe051,
					      USER_CS, USER_SS, KERNEL_SS, 0xfffb, 0x0107 };

	for (unsigned cs = 0; cs < 4; cs++) {
		struct callback_register r = { .address = { cs, (uintptr_t)trap_6 } };
		struct trap_info t[] = { { 6, 0, (uint16_t)cs, (uintptr_t)trap_6 },
					 { 0, 0, 0, 0 } };

		check_refused(hypercall(set_callbacks, (long)cs, event_entry, (long)KERNEL_CS,
					failsafe_entry));
		check_refused(hypercall(set_callbacks, (long)KERNEL_CS, event_entry, (long)cs,
					failsafe_entry));
		for (r.type = 0; r.type < 10; r.type++)
			check_refused(hypercall(callback_op, (long)CALLBACKOP_register, &r));
		check_refused(hypercall(set_trap_table, t));
	}
	/* What a handler's selector and address are worth shows when it is to be entered. */
	for (size_t i = 0; i < NWILD; i++) {
		handler(KERNEL_CS, wild[i]);
		check_eq(probe(ud2, NULL), 14);
		check_eq(probe_frame.rip, wild[i]);
	}
	for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
		handler(selectors[i], (uintptr_t)trap_6);
		check_eq(probe(ud2, NULL), TRAP_FAILSAFE);
	}
	handler(KERNEL_CS, (uintptr_t)trap_6);
	check_eq(probe(ud2, NULL), 6);
}

static void test_iret(void)
{
	static struct {
		char below[4096];
		struct iret_context c;
		char above[64];
	} frame;

	for (size_t i = 0; i < NWILD; i++)
		for (int mode = 0; mode < 2; mode++) {
			int v;

			frame.c = (struct iret_context){ 0,	wild[i], mode ? USER_CS : KERNEL_CS,
							 0x202, wild[i], USER_SS };
			v = probe(raw_iret, &frame.c);
			if (v != 13 && v != 14 && v != TRAP_FAILSAFE)
				fail("iret to %p ended in vector %d", (void *)wild[i], v);
		}
	memcpy(user.code, "\x50\xcc", 2); /* push %eax; int3 */
	for (size_t i = 0; i < NWILD; i++) {
		check_eq(probe_user(USER_CODE, wild[i]), 14);
		check_eq(probe_frame.rsp, wild[i]);
	}
	/* Everything but the trace flag, AC and VM, which is another test's. */
	memcpy(user.code, "\x9c\xcc", 2); /* pushf; int3 */
	frame.c =
		(struct iret_context){ 0, USER_CODE, USER_CS, ~0x60100U, USER_STACK + 64, USER_SS };
	check_eq(probe(raw_iret, &frame.c), 3);
	check_eq(*(uint32_t *)(user.stack + 60) & 0x23000, 0);
}
#else
static void test_callbacks(void)
{
	for (size_t i = 0; i < NWILD; i++) {
		struct trap_info t[] = { { 6, 0, FLAT_KERNEL_CS64, wild[i] }, { 0, 0, 0, 0 } };
		struct callback_register r = { .address = wild[i] };
		struct xennmi_callback nmi = { .handler_address = wild[i] };

		check_refused(
			hypercall(set_callbacks, wild[i], failsafe_entry, syscall_entry_point));
		check_refused(hypercall(set_callbacks, event_entry, wild[i], syscall_entry_point));
		check_refused(hypercall(set_callbacks, event_entry, failsafe_entry, wild[i]));
		for (r.type = 0; r.type < 10; r.type++)
			check_refused(hypercall(callback_op, (long)CALLBACKOP_register, &r));
		check_refused(hypercall(set_trap_table, t));
		check_refused(hypercall(nmi_op, (long)XENNMI_register_callback, &nmi));
	}
	/* A handler in a foreign code segment: ours is used. */
	struct trap_info t[] = { { 6, 0, 0xe008, (uint64_t)trap_6 }, { 0, 0, 0, 0 } };

	check_eq(hypercall(set_trap_table, t), 0);
	struct callback_unregister u = { .type = 99 };

	check_refused(hypercall(callback_op, (long)CALLBACKOP_unregister, &u));
	check_eq(hypercall(callback_op, 99L, &u), -ENOSYS);
}

static void test_iret(void)
{
	for (size_t i = 0; i < NWILD; i++)
		for (int mode = 0; mode < 2; mode++) {
			struct iret_context c = {
				.rip = wild[i],
				.cs = mode ? FLAT_USER_CS64 : FLAT_KERNEL_CS64 & ~3UL,
				.rflags = 0x202,
				.rsp = mode ? wild[i] : (uint64_t)__builtin_frame_address(0) - 4096,
				.ss = FLAT_USER_SS64,
			};
			int v = probe(raw_iret, &c);

			if (v != 13 && v != 14 && v != TRAP_FAILSAFE)
				fail("iret to %p ended in vector %d", (void *)wild[i], v);
			/* By the quick way out, with rcx as the CPU's SYSRET takes it. */
			c.flags = VGCF_in_syscall;
			c.rcx = 0xffff830000000000;
			v = probe(raw_iret, &c);
			if (v != 13 && v != 14 && v != TRAP_FAILSAFE)
				fail("iret (system call) to %p ended in vector %d", (void *)wild[i],
				     v);
		}
	/* A stack pointer of anything in user mode is the user's business, until it pushes. */
	memcpy(user.code, "\x50\xcc", 2); /* push %rax; int3 */
	for (size_t i = 0; i < NWILD; i++) {
		int v = probe_user(USER_CODE, wild[i]);

		if (v != 12 && v != 13 && v != 14)
			fail("push on %p in user mode ended in vector %d", (void *)wild[i], v);
		check_eq(probe_frame.rsp, wild[i]);
	}
	/* rflags with everything set: no trap in the hypervisor, no I/O privilege; NT and RF and AC
	 * are the guest's. */
	memcpy(user.code, "\x9c\xcc", 2); /* pushf; int3 */
	struct iret_context c = {
		.rip = USER_CODE,
		.cs = FLAT_USER_CS64,
		.rflags = ~0x100UL & ~0x40000UL & 0xffffffff,
		.rsp = USER_STACK + 64,
		.ss = FLAT_USER_SS64,
	};
	int v = probe(raw_iret, &c);

	check(v == 3 || v == 13 || v == TRAP_FAILSAFE);
	if (v == 3)
		check_eq(*(uint64_t *)(user.stack + 56) & 0x23000, 0);
}

#endif

static void test_traps(void)
{
	/* Wild jumps of the kernel itself. */
	for (size_t i = 0; i < NWILD; i++) {
		int v = probe((void (*)(void *))wild[i], NULL);

		if (v != 13 && v != 14)
			fail("a call to %p ended in vector %d", (void *)wild[i], v);
	}
	/* stack_switch takes anything; what matters is what is there when it is used. */
	for (size_t i = 0; i < NWILD; i++)
		hypercall(stack_switch, 0xe010L, wild[i]);
	check_eq(hypercall(stack_switch, (long)KERNEL_SS, stacks[0] + STACK_SIZE / 2), 0);
	memcpy(user.code, "\xcd\x80", 2);
	check_eq(probe_user(USER_CODE, USER_STACK + 64), 128);
#ifndef __i386__
	memcpy(user.code, "\x0f\x05", 2);
	check_eq(probe_user(USER_CODE, USER_STACK + 64), TRAP_SYSCALL);
#endif
}

void test_main(void)
{
	user_new(&user);
	test_callbacks();
	test_iret();
	test_traps();
}
