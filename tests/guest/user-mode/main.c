// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * User mode of a 64-bit guest: ring 3 with a root of its own. It is entered by the iret hypercall
 * and left by SYSCALL, exceptions, interrupts and events, each onto the kernel stack of
 * stack_switch with the user's state in the frame. What the kernel has mapped for itself is not
 * there; privileged instructions are #GP; the GS bases are swapped with the mode; a guest that
 * asked for it (m2p_strict) hides the M2P from its users. In a 32-bit guest the root is the
 * kernel's and the way back is `int 0x80`.
 * bits: 64 32
 */
#include "guest.h"
#include "pv-abi/physdev.h"

const char test_name[] = "user-mode";

static struct user user;

#define RUN(code) USER_RUN(&user, code)

#ifdef __i386__
#define SYSCALL "\xcd\x80"
#define VECTOR	128
#else
#define SYSCALL "\x0f\x05"
#define VECTOR	TRAP_SYSCALL
#endif

static void test_syscall(void)
{
	/* mov $0x1234, %eax; mov $0x77, %edi; push %rax; syscall */
	check_eq(RUN("\xb8\x34\x12\0\0\xbf\x77\0\0\0\x50" SYSCALL), VECTOR);
	check_user_frame(USER_CODE + 13);
	check_eq(probe_frame.rax, 0x1234);
	check_eq(probe_frame.rdi, 0x77);
	check_eq(probe_frame.rsp, USER_STACK + PAGE_SIZE - sizeof(long));
	check_eq(*(unsigned long *)(user.stack + PAGE_SIZE - sizeof(long)), 0x1234);
#ifndef __i386__
	check_eq(probe_frame.rcx, probe_frame.rip);
#endif
	/* The stack of no use at all does not matter to it. */
	memcpy(user.code, SYSCALL, 2);
	check_eq(probe_user(USER_CODE, ~(~0UL >> 1)), VECTOR);
	check_eq(probe_frame.rsp, ~(~0UL >> 1));
}

/* Of an absolute address, which follows: without SIB, 64-bit code has another instruction. */
#ifdef __i386__
#define LOAD   "\x8a\x05"
#define STORE  "\x88\x05"
#define KERNEL "\0\0\x10\xc0"
#else
#define LOAD   "\x8a\x04\x25"
#define STORE  "\x88\x04\x25"
#define KERNEL "\0\0\x10\x80"
#endif

static void test_faults(void)
{
	/* mov 0x500000, %al */
	check_eq(RUN(LOAD "\0\0\x50\0"), 14);
	check_eq(probe_error, 4);
	check_eq(probe_cr2, 0x500000);
	check_user_frame(USER_CODE);
	/* mov %al, 0x400800: its own code, read-only */
	check_eq(RUN(STORE "\0\x08\x40\0"), 14);
	check_eq(probe_error, 7);
	/* A kernel address: mov _start, %al */
	check_eq(RUN(LOAD KERNEL), 14);
	check_eq(probe_error & 0x1c, 4);
	/* A call to an absent address: mov $0x500000, %eax; call *%rax */
	check_eq(RUN("\xb8\0\0\x50\0\xff\xd0"), 14);
	check_eq(probe_cr2, 0x500000);
	check_eq(probe_frame.rip, 0x500000);
	check_eq(RUN("\x0f\x0b"), 6);
	check_user_frame(USER_CODE);
	/* xor %ecx, %ecx; div %ecx */
	check_eq(RUN("\x31\xc9\xf7\xf1"), 0);
	check_eq(RUN("\xcc"), 3);
	check_user_frame(USER_CODE + 1);
	check_eq(RUN("\xcd\x80"), 128);
	check_user_frame(USER_CODE + 2);
	check_eq(RUN("\xcd\xc8"), 200);
	check_user_frame(USER_CODE + 2);
	check_eq(RUN("\xcd\xc9"), 13);
	check_user_frame(USER_CODE);
	check_eq(RUN("\xcd\x0e"), 13);
#ifndef __i386__
	/* Non-canonical: mov $-1, %rax; shr $1, %rax; mov (%rax), %al */
	check_eq(RUN("\x48\xc7\xc0\xff\xff\xff\xff\x48\xd1\xe8\x8a\0"), 13);
	check_user_frame(USER_CODE + 10);
#endif
}

static void test_privileged(void)
{
	static const struct {
		const char *code;
		int n;
	} insns[] = {
		{ "\xf4", 1 },	       /* hlt */
		{ "\x0f\x09", 2 },     /* wbinvd */
		{ "\x0f\x20\xc0", 3 }, /* mov %cr0, %rax */
		{ "\x0f\x22\xd8", 3 }, /* mov %rax, %cr3 */
		{ "\x0f\x21\xc0", 3 }, /* mov %db0, %rax */
		{ "\x0f\x23\xf8", 3 }, /* mov %rax, %db7 */
		{ "\x0f\x06", 2 },     /* clts */
		{ "\xfa", 1 },	       /* cli */
		{ "\xfb", 1 },	       /* sti */
		{ "\xe4\x70", 2 },     /* in $0x70, %al */
		{ "\xe6\x70", 2 },     /* out %al, $0x70 */
		{ "\x6c", 1 },	       /* insb */
		{ "\x6e", 1 },	       /* outsb */
		{ "\x0f\x32", 2 },     /* rdmsr */
		{ "\x0f\x30", 2 },     /* wrmsr */
#ifndef __i386__
		{ "\x0f\x01\xf8", 3 }, /* swapgs */
		{ "\x0f\x07", 2 },     /* sysret */
#endif
		{ "\x0f\x00\xd0", 3 }, /* lldt %ax */
	};

	for (size_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
		int v = user_run(&user, insns[i].code, insns[i].n);

		if (v != 13)
			fail("user mode: privileged instruction %lu gave vector %d",
			     (unsigned long)i, v);
		check_user_frame(USER_CODE);
	}
}

/* Users do I/O, and CLI and STI, if their kernel gives them IOPL 3: without effect. */
static void test_iopl(void)
{
	struct physdev_set_iopl op;

	for (op.iopl = 0; op.iopl < 4; op.iopl++) {
		check_eq(hypercall(physdev_op, (long)PHYSDEVOP_set_iopl, &op), 0);
		/* cli; sti; int3 */
		check_eq(RUN("\xfa\xfb\xcc"), op.iopl == 3 ? 3 : 13);
		check_user_frame(USER_CODE + (op.iopl == 3 ? 3 : 0));
	}
	op.iopl = 0;
	check_eq(hypercall(physdev_op, (long)PHYSDEVOP_set_iopl, &op), 0);
}

#ifndef __i386__
static void test_gs(void)
{
	static uint64_t kernel_word = 0xabcdef;
	uint64_t v;

	*(uint64_t *)(user.data + 8) = 0x1357;
	check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_KERNEL, &kernel_word), 0);
	check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_USER, USER_DATA), 0);
	check_eq(hypercall(set_segment_base, (long)SEGBASE_FS, USER_DATA), 0);
	/* mov %gs:8, %rax; mov %fs:8, %rbx; syscall */
	check_eq(RUN("\x65\x48\x8b\x04\x25\x08\0\0\0\x64\x48\x8b\x1c\x25\x08\0\0\0\x0f\x05"),
		 TRAP_SYSCALL);
	check_eq(probe_frame.rax, 0x1357);
	check_eq(probe_frame.rbx, 0x1357);
	__asm__ volatile("movq %%gs:0, %0" : "=r"(v));
	check_eq(v, 0xabcdef);
	/* By a fault instead of SYSCALL. */
	check_eq(RUN("\x65\x48\x8b\x04\x25\x08\0\0\0\x0f\x0b"), 6);
	check_eq(probe_frame.rax, 0x1357);
	__asm__ volatile("movq %%gs:0, %0" : "=r"(v));
	check_eq(v, 0xabcdef);
}
#endif

static unsigned rounds, event_port;
static uint64_t at_rip, at_cs;

static bool syscall_loop(struct trap_frame *f)
{
	if (f->vector == TRAP_EVENT) {
		at_rip = f->rip;
		at_cs = f->cs;
		return false;
	}
	if (f->vector != (xen_ulong_t)VECTOR)
		return false;
	check_eq(f->rax, rounds);
	check_eq(f->rbx, 0x5a5a);
	f->rax = ++rounds;
	if (rounds == 1000)
		f->rip = USER_CODE + 0x100;
	return true;
}

static void event(unsigned port)
{
	check_eq(port, event_port);
	rounds++;
}

static void test_loop(void)
{
	/* xor %eax, %eax; mov $0x5a5a, %ebx; 1: syscall; jmp 1b; at 0x100 int3 as everywhere */
	static const char code[] = "\x31\xc0\xbb\x5a\x5a\0\0" SYSCALL "\xeb\xfc";

	trap_hook = syscall_loop;
	check_eq(RUN(code), 3);
	check_eq(rounds, 1000);
	check_eq(probe_frame.rip, USER_CODE + 0x101);

	/* An event that is pending as user mode is entered comes there at once, with the user's
	 * frame. */
	event_hook = event;
	event_port = bind_ipi(0);
	rounds = 0;
	events_off();
	send_event(event_port);
	check_eq(RUN("\xcc"), 3);
	check_eq(rounds, 1);
	check_eq(at_rip, USER_CODE);
	check_eq(at_cs & 0xffff, USER_CS);
	close_event(event_port);
	trap_hook = NULL;
}

#ifndef __i386__
static void test_m2p(void)
{
	/* mov $0xffff8000, %eax; shl $32, %rax; mov (%rax), %al; syscall */
	static const char code[] = "\xb8\0\x80\xff\xff\x48\xc1\xe0\x20\x8a\0\x0f\x05";
	/* The same for what lies behind it, the direct map: mov $0xffff8300... */
	static const char more[] = "\xb8\0\x83\xff\xff\x48\xc1\xe0\x20\x8a\0\x0f\x05";

	check_eq(RUN(more), 14);
	check_eq(probe_error & 5, 4);
	if (!hypercall(vm_assist, (long)VMASST_CMD_enable, (long)VMASST_TYPE_m2p_strict)) {
		uint64_t root = virt_to_mfn(user.space.table[4]);

		check_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, root), 0);
		check_eq(RUN(code), 14);
		check_eq(probe_read(m2p), -1);
	}
}
#endif

void test_main(void)
{
	user_new(&user);
	test_syscall();
	test_faults();
	test_privileged();
	test_iopl();
	test_loop();
#ifndef __i386__
	test_gs();
	test_m2p();
	/* The user's root may go while the kernel runs. */
	check_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, 0), 0);
	check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(user.space.table[4])), 0);
	space_writable(&user.space);
#else
	/* The users' part may go from the loaded root. */
	check_eq(mmu_update(entry_maddr((void *)USER_CODE, ROOT_LEVEL), 0), 0);
	for (int l = 1; l < ROOT_LEVEL; l++)
		check_eq(make_writable(user.space.table[l]), 0);
	check_eq(RUN("\xcc"), 14);
#endif
}
