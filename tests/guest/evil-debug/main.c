// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
// seconds: 90
/*
 * Storms of #DB and #AC: watchpoints on the stack that takes the guest's own bounce frames, on the
 * arguments and answers of hypercalls and on areas that the hypervisor writes at any time; MOV SS
 * before INT3, INT 0x80, ICEBP, SYSCALL and UD2 with a watchpoint on its operand, so that the #DB
 * arrives in ring 0 (CVE-2018-8897); the trace flag over system calls, hypercalls and iret; traps
 * in the handler of the trap; unaligned accesses with AC set, in user mode and across system calls.
 * In ring 0 they are ignored, elsewhere they are the guest's, and every instruction behind goes on.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-debug";

#define ROUNDS 300

/* The hypercall's instruction and what it takes for an operation without arguments. */
#ifdef __i386__
#define NO_ARGUMENTS "xorl %%ebx, %%ebx; xorl %%ecx, %%ecx\n"
#define HYPERCALL    "int $0x82"
#define CLOBBERED    "ebx", "ecx", "memory"
#else
#define NO_ARGUMENTS "xorl %%edi, %%edi; xorl %%esi, %%esi\n"
#define HYPERCALL    "syscall"
#define CLOBBERED    "rdi", "rsi", "rcx", "r11", "memory"
#endif
#define TRACE	 "pushf; orl $0x100, (" SP "); popf\n"
#define NO_TRACE "pushf; andl $~0x100, (" SP "); popf\n"

static struct user user;
static volatile uint16_t selector = KERNEL_SS;
static volatile uint64_t word[16];
static volatile unsigned hits, others, in_handler; /* of vcpu 0 */
static unsigned long handler_flags;		   /* in the handler of the last of those */
static volatile bool over, probing;		   /* probing: vcpu 0 takes its traps by probe() */
static struct vcpu_runstate_info area[2] __attribute__((aligned(64)));

static bool swallow(struct trap_frame *f)
{
	/* Only vcpu 0 writes the counters: adding nothing would take back what it just added. */
	bool mine = vcpu_id() == 0;

	if (mine && probing) {
		__asm__ volatile("pushf; pop %0" : "=r"(handler_flags));
		return false;
	}
	switch (f->vector) {
	case 1:
		if (mine)
			hits++;
		/* Not traced on, and an execution breakpoint would come again. */
		f->rflags = (f->rflags & ~0x100UL) | 0x10000;
		/* A trap in the handler itself. */
		if (mine && in_handler) {
			in_handler--;
			__asm__ volatile(".byte 0xf1"); /* icebp */
		}
		return true;
	case 3:
	case 128:
		if (mine)
			others++;
		return true;
	case 6:
		/* One emulator takes icebp for an invalid opcode. */
		if (*(volatile uint8_t *)f->rip == 0xf1) {
			f->rip++;
			return true;
		}
		if (mine)
			others++;
		f->rip += 2;
		return true;
	}
	return false;
}

static void watch(unsigned n, const volatile void *at, unsigned kind)
{
	check_eq(hypercall(set_debugreg, (long)n, at), 0);
	check_eq(hypercall(set_debugreg, 7L, (long)(kind << (16 + 4 * n) | 3UL << 2 * n | 0x300)),
		 0);
}

static void unwatch(void)
{
	check_eq(hypercall(set_debugreg, 7L, 0L), 0);
}

#define READ_WRITE 0xbUL /* R/W 3, 8 bytes */
#define WRITE	   0x9UL
#define READ_2	   0x7UL /* R/W 3, 2 bytes */

/* #DB is held over MOV SS: it comes with the next instruction, one that leads to ring 0. */
static void test_mov_ss(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		unsigned before = others;
		unsigned long rax = __HYPERVISOR_xen_version;

		watch(0, &selector, READ_2);
		__asm__ volatile("movw %0, %%ss; int3" ::"m"(selector));
		__asm__ volatile("movw %0, %%ss; int $0x80" ::"m"(selector));
		__asm__ volatile("movw %0, %%ss; ud2" ::"m"(selector));
		__asm__ volatile("movw %0, %%ss; .byte 0xf1" ::"m"(selector));
		__asm__ volatile(NO_ARGUMENTS "movw %1, %%ss; " HYPERCALL
				 : "+a"(rax)
				 : "m"(selector)
				 : CLOBBERED);
		check_eq(rax, 4 << 16 | 17);
		check_eq(others, before + 3);
		unwatch();
	}
}

#ifdef __i386__
#define LOAD_SS	    "\x8e\x15\x00\x20\x40\x00"
#define USER_CALL   { 0xcd, 0xc8 }
#define USER_VECTOR 200
#else
#define LOAD_SS	    "\x8e\x14\x25\x00\x20\x40\x00"
#define USER_CALL   { 0x0f, 0x05 }
#define USER_VECTOR TRAP_SYSCALL
#endif

/* The same from user mode, where the stacks change as well. */
static void test_user(void)
{
	static const uint8_t tails[4][2] = {
		{ 0xcc, 0x90 }, { 0xcd, 0x80 }, USER_CALL, { 0x0f, 0x0b }
	};
	static const int vectors[4] = { 3, 128, USER_VECTOR, 6 };

	probing = true;
	user.data[0] = USER_SS & 0xff;
	user.data[1] = USER_SS >> 8;
	for (int i = 0; i < ROUNDS; i++) {
		int v, which = i % 4;

		/* movw (USER_DATA), %ss; ... */
		memcpy(user.code, LOAD_SS, sizeof(LOAD_SS));
		memcpy(user.code + sizeof(LOAD_SS) - 1, tails[which], 2);
		user.code[sizeof(LOAD_SS) + 1] = 0xcc;
		check_eq(hypercall(set_debugreg, 1L, USER_DATA), 0);
		check_eq(hypercall(set_debugreg, 7L, 0x0070030cL), 0);
		v = probe_user(USER_CODE, USER_STACK + 512);
		/* Ours in ring 0 is dropped; if the CPU gives it to user mode, that is fine too. */
		if (v != vectors[which] && v != 1)
			fail("mov ss and instruction %d ended in vector %d", which, v);
		unwatch();
	}
	probing = false;
}

/* What the hypervisor itself reads and writes for us. */
static void test_areas(void)
{
	struct vcpu_register_runstate_memory_area r = { .addr.v = (uintptr_t)&area[0] };
	volatile char *below = (volatile char *)__builtin_frame_address(0);

	check_eq(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r), 0);
	for (int i = 0; i < ROUNDS; i++) {
		struct vcpu_runstate_info out;

		watch(0, &area[0].state_entry_time, WRITE);
		yield();
		unwatch();
		watch(1, &word[2], READ_WRITE);
		hypercall(vcpu_op, (long)VCPUOP_get_runstate_info, 0L, &word[0]);
		word[0] = __HYPERVISOR_xen_version;
		hypercall(multicall, &word[0], 1L);
		unwatch();
		check_eq(vcpu_op(VCPUOP_get_runstate_info, 0, &out), 0);
		/* Where the frame of the next trap goes, somewhere below here. */
		watch(2, below - 64 - 8 * (i % 64), WRITE);
		__asm__ volatile("int3");
		__asm__ volatile("int $0x80");
		unwatch();
	}
	r.addr.v = 0;
	check_eq(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r), 0);
}

static struct iret_context user_context(bool quick, unsigned long flags, uintptr_t sp)
{
	return iret_context(USER_CODE, USER_CS, flags, sp, USER_SS, quick ? VGCF_in_syscall : 0);
}

static void test_trace(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		unsigned long rax = __HYPERVISOR_xen_version;
		unsigned before = hits;

		__asm__ volatile(NO_ARGUMENTS TRACE HYPERCALL "\n"
				 "nop\n"
				 : "+a"(rax)::CLOBBERED);
		check_eq(rax, 4 << 16 | 17);
		check(hits > before);
		in_handler = i % 3;
		__asm__ volatile(".byte 0xf1");
		__asm__ volatile(TRACE "int3" ::: "memory");
		__asm__ volatile(NO_TRACE ::: "memory");
	}
	/* iret to a traced user instruction, and to one with a breakpoint on it. */
	probing = true;
	memset(user.code, 0x90, 16);
	for (int i = 0; i < ROUNDS; i++) {
		struct iret_context c =
			user_context(i & 1, i & 2 ? 0x302 : 0x202, USER_STACK + 512);

		if (!(i & 2)) {
			check_eq(hypercall(set_debugreg, 3L, USER_CODE + 3), 0);
			check_eq(hypercall(set_debugreg, 7L, 0xc0L), 0);
		}
		check_eq(probe(user_iret, &c), 1);
		/* SYSRET with the trace flag traps at once, IRET after one instruction. */
		if (!(i & 2))
			check_eq(probe_frame.rip, USER_CODE + 3);
		else
			check(probe_frame.rip == USER_CODE || probe_frame.rip == USER_CODE + 1);
		unwatch();
	}
	probing = false;
}

/* AC in user mode, over accesses, system calls and faults. Emulators without #AC read on. */
static void test_alignment(void)
{
	probing = true;
	/* movq (USER_DATA + 1), %rax; syscall */
#ifdef __i386__
	memcpy(user.code, "\x8b\x05\x01\x20\x40\x00\xcd\xc8", 8);
#else
	memcpy(user.code, "\x48\x8b\x04\x25\x01\x20\x40\x00\x0f\x05", 10);
#endif
	for (int i = 0; i < ROUNDS; i++) {
		struct iret_context c = user_context(i & 1, 0x40202, USER_STACK + 512 - i % 8);
		int v = probe(user_iret, &c);

		if (v != 17 && v != USER_VECTOR)
			fail("an unaligned access with AC ended in vector %d", v);
		/* The handler begins without it, or with #AC its every access might fault; and so
		 * do we. */
		check_eq(handler_flags & 0x40000, 0);
		__asm__ volatile("push $2; popf");
	}
	probing = false;
}

static void neighbour(void)
{
	unsigned i = 0;

	while (!over) {
		i++;
		watch(i % 4, &word[8 + i % 8], READ_WRITE);
		word[8 + i % 8]++;
		__asm__ volatile("int3");
		__asm__ volatile(".byte 0xf1");
		yield();
	}
	unwatch();
	vcpu_stop();
}

void test_main(void)
{
	user_new(&user);
	trap_hook = swallow;
	vcpu_start(1, neighbour);
	test_mov_ss();
	test_user();
	test_areas();
	test_trace();
	test_alignment();
	over = true;
	unwatch();
	check_eq(hypercall(xen_version, (long)XENVER_version), 4 << 16 | 17);
}
