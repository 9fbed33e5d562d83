// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
/*
 * SYSENTER of user space, where the CPU has it in long mode (Intel's): to the callback that the
 * kernel registered, with a frame that tells flags and registers but neither address nor stack;
 * from 32-bit and 64-bit code, with every flag that a process may set, single-stepped, and with a
 * #DB held over MOV SS. Without a callback it is a #GP at the instruction, also beside a vcpu that
 * has one, and on other CPUs #UD, whatever is registered; CPUID says which. SYSCALL of 32-bit code,
 * where the CPU has that, likewise.
 * bits: 64 32
 */
#include "guest.h"

const char test_name[] = "sysenter";

#define FLAG_TF 0x100UL
#define FLAG_DF 0x400UL
#define FLAG_NT 0x4000UL
#define FLAG_AC 0x40000UL

#ifdef __i386__
#define CS32 USER_CS
#define SS32 USER_SS
#else
#define CS32 FLAT_USER_CS32
#define SS32 FLAT_USER_SS32
#endif

static const uint8_t sysenter[] = { 0x0f, 0x34 }, syscall[] = { 0x0f, 0x05 };

extern char syscall_entry_else[];
static struct user user;
static bool available; /* else the instruction is #UD */
static unsigned long handler_flags;
static uint8_t handler_mask;
static volatile unsigned rounds;
static volatile unsigned others; /* of the other vcpu, which has no callback */
static volatile bool over;

static void cpuid(uint32_t leaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	*a = leaf;
	*c = 0;
	__asm__ volatile(XEN_CPUID : "+a"(*a), "=b"(*b), "+c"(*c), "=d"(*d));
}

static bool look(struct trap_frame *f)
{
	/* The other one goes on behind the instruction that it cannot execute. */
	if (vcpu_id()) {
		check(f->vector == 13 || (f->vector == 6 && !available));
		f->rip += 2;
		others++;
		return true;
	}
	__asm__ volatile("pushf; pop %0" : "=r"(handler_flags));
	handler_mask = vcpu_info()->evtchn_upcall_mask;
	return false;
}

static long callback(unsigned type, unsigned flags, void *entry)
{
	struct callback_register r = { .type = type, .flags = flags };

#ifdef __i386__
	r.address.cs = KERNEL_CS;
	r.address.eip = (uintptr_t)entry;
#else
	r.address = (uintptr_t)entry;
#endif
	return hypercall(callback_op, (long)CALLBACKOP_register, &r);
}

static long unregister(unsigned type)
{
	struct callback_unregister u = { .type = type };

	return hypercall(callback_op, (long)CALLBACKOP_unregister, &u);
}

/* Runs what is in the code page, with these flags too. */
static int run(unsigned cs, unsigned long flags)
{
	struct iret_context c = iret_context(USER_CODE, cs, 0x202 | flags, USER_STACK + 512,
					     USER_SS, 0);

	c.CONTEXT_RAX = 0x1234;
#ifndef __i386__
	c.rcx = 0x5678;
	c.r11 = 0x9abc;
#endif
	return probe(user_iret, &c);
}

static void code(const void *at, size_t n)
{
	memset(user.code, 0xcc, PAGE_SIZE);
	memcpy(user.code, at, n);
}

static void check_entered(unsigned long flags)
{
	const unsigned long all = FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC | 1;

	check_eq(probe_frame.rip, 0);
	check_eq(probe_frame.rsp, 0);
	check_eq(probe_frame.cs & 0xffff, CS32);
	check_eq(probe_frame.ss & 0xffff, SS32);
	check_eq(probe_frame.rax, 0x1234);
#ifndef __i386__
	check(probe_frame.rcx == 0x5678 && probe_frame.r11 == 0x9abc);
#endif
	check_eq(probe_frame.rflags & all, flags);
	check_eq(handler_flags & (FLAG_TF | FLAG_NT | FLAG_AC | 0x3000), 0);
}

/* QEMU lets 32-bit code have what an AMD CPU does not, and it finds no code segment. */
static void check_vector(int v)
{
	if (v != 13)
		check_eq(v, 6);
	if (available)
		check_eq(v, 13);
}

/* Without a callback, or without the instruction: nothing has changed. */
static void check_refused_in(unsigned cs)
{
	code(sysenter, 2);
	for (unsigned i = 0; i < 3; i++) {
		check_vector(run(cs, i == 1 ? FLAG_NT | FLAG_AC : 0));
		check_eq(probe_frame.rip, USER_CODE);
		check_eq(probe_frame.rsp, USER_STACK + 512);
		check_eq(probe_frame.cs & 0xffff, cs);
		if (available)
			check_eq(probe_error, 0);
	}
}

static void in_kernel(void *arg)
{
	__asm__ volatile("sysenter");
}

static void test_refused(void)
{
	check_refused_in(USER_CS);
	check_refused_in(CS32);
	check_vector(probe(in_kernel, NULL));
	check_eq(*(uint16_t *)probe_frame.rip, 0x340f);
}

static void test_flags(void)
{
	for (unsigned i = 0; i < 32; i++) {
		unsigned long flags = (i & 1 ? FLAG_NT : 0) | (i & 2 ? FLAG_AC : 0) |
				      (i & 4 ? FLAG_DF : 0) | (i & 8 ? FLAG_TF : 0) |
				      (i & 16 ? 1 : 0);

		code(sysenter, 2);
		for (unsigned k = 0; k < 4; k++) {
			check_eq(run(k & 1 ? CS32 : USER_CS, flags), TRAP_ELSE);
			check_entered(flags);
		}
		/* nop; sysenter */
		code("\x90\x0f\x34", 3);
		check_eq(run(USER_CS, flags), flags & FLAG_TF ? 1 : TRAP_ELSE);
	}
	check_eq(callback(CALLBACKTYPE_sysenter, CALLBACKF_mask_events, syscall_entry_else), 0);
	code(sysenter, 2);
	check_eq(run(USER_CS, 0), TRAP_ELSE);
	check_eq(handler_mask, 1);
	vcpu_info()->evtchn_upcall_mask = 0;
	check_eq(callback(CALLBACKTYPE_sysenter, 0, syscall_entry_else), 0);
	check_eq(run(USER_CS, 0), TRAP_ELSE);
	check_eq(handler_mask, 0);
	check_eq(probe_frame.rflags & 0x200, 0x200);
	events_off();
}

/* movw (USER_DATA), %ss; sysenter, under a watchpoint on the operand. */
static void test_mov_ss(void)
{
	user.data[0] = USER_SS & 0xff;
	user.data[1] = USER_SS >> 8;
#ifdef __i386__
	code("\x8e\x15\x00\x20\x40\x00\x0f\x34", 8);
#else
	code("\x8e\x14\x25\x00\x20\x40\x00\x0f\x34", 9);
#endif
	for (unsigned i = 0; i < 100; i++) {
		int v;

		check_eq(hypercall(set_debugreg, 1L, USER_DATA), 0);
		check_eq(hypercall(set_debugreg, 7L, 0x0070030cL), 0);
		v = run(USER_CS, i & 1 ? FLAG_NT | FLAG_AC : i & 2 ? FLAG_TF : 0);
		if (v != TRAP_ELSE && v != 1)
			fail("mov ss and sysenter ended in vector %d", v);
		check_eq(hypercall(set_debugreg, 7L, 0L), 0);
	}
}

static bool loop(struct trap_frame *f)
{
	if (vcpu_id() || f->vector != TRAP_ELSE)
		return look(f);
	check_eq(f->rax, 0x1234 + rounds);
	check_eq(f->rbp, USER_STACK + 512);
	/* As kernels do: where to go back to is agreed on, the stack is in ebp. */
	f->rax++;
	f->rip = ++rounds < 500 ? USER_CODE + 2 : USER_CODE + 0x100;
	f->cs = USER_CS;
	f->rsp = f->rbp;
	f->ss = USER_SS;
	if (rounds % 16 == 0)
		yield();
	return true;
}

static void test_loop(void)
{
	unsigned before = others;

	/* mov %esp, %ebp; 1: sysenter; 2: jmp 1b, which is where the kernel goes back to */
	code("\x89\xe5\x0f\x34", 4);
	trap_hook = loop;
	check_eq(run(USER_CS, 0), 3);
	check_eq(rounds, 500);
	trap_hook = look;
	wait_until(others - before >= 10);
}

static void other(void)
{
	while (!over) {
		in_kernel(NULL);
		yield();
	}
	vcpu_stop();
}

/* Where the CPU has it at all: Intel's have not, and emulators of them may. */
static void test_syscall32(void)
{
	int v;

	code(syscall, 2);
	v = run(CS32, 0);
	check_eq(v, 6);
	check_eq(probe_frame.rip, USER_CODE);
	check_eq(callback(CALLBACKTYPE_syscall32, 0, syscall_entry_else), 0);
	for (unsigned i = 0; i < 8; i++) {
		unsigned long flags =
			(i & 1 ? FLAG_NT : 0) | (i & 2 ? FLAG_AC : 0) | (i & 4 ? FLAG_DF : 0);

		v = run(CS32, flags);
		check_eq(probe_frame.cs & 0xffff, CS32);
		check_eq(probe_frame.ss & 0xffff, SS32);
		check_eq(probe_frame.rsp, USER_STACK + 512);
		check_eq(probe_frame.rax, 0x1234);
		if (v == 6 && available) {
			check_eq(probe_frame.rip, USER_CODE);
			continue;
		}
		check_eq(v, TRAP_ELSE);
		check_eq(probe_frame.rip, USER_CODE + 2);
		check_eq(probe_frame.rflags & (FLAG_NT | FLAG_AC | FLAG_DF), flags);
		check_eq(handler_flags & (FLAG_TF | FLAG_NT | FLAG_AC | 0x3000), 0);
	}
	check_eq(unregister(CALLBACKTYPE_syscall32), 0);
	check_eq(run(CS32, 0), 6);
}

void test_main(void)
{
	uint32_t a, b, c, d;

	cpuid(0, &a, &b, &c, &d);
	available = b == 0x756e6547; /* Genu */
	cpuid(1, &a, &b, &c, &d);
	check_eq(d >> 11 & 1, available);
	user_new(&user);
	trap_hook = look;
	test_refused();
	vcpu_start(1, other);
	check_eq(callback(CALLBACKTYPE_sysenter, 0, syscall_entry_else), 0);
	if (available) {
		test_flags();
		test_mov_ss();
		test_loop();
#ifdef __i386__
		/* Ring 1 is no different: it is lost what it did. */
		check_eq(probe(in_kernel, NULL), TRAP_ELSE);
		check_eq(probe_frame.rip, 0);
		check_eq(probe_frame.cs & 0xffff, USER_CS);
#endif
	} else {
		test_refused();
	}
	check_eq(unregister(CALLBACKTYPE_sysenter), 0);
	test_refused();
	test_syscall32();
	over = true;
	while (vcpu_op(VCPUOP_is_up, 1, NULL))
		yield();
}
