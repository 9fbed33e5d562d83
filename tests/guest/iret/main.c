// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The iret hypercall: RPL 3 in CS is user mode, everything else is the kernel; IF is the upcall
 * mask's inverse; I/O privilege and virtual-8086 mode are not the guest's to set; with
 * VGCF_in_syscall rcx and r11 need not come back, without it they must. A frame that the CPU cannot
 * load ends in the failsafe callback with the bad frame, or where there is none in the guest's own
 * #GP with that frame and the CPU's error code, never in a trap of ours.
 * In a 32-bit guest a frame without esp and ss leads to ring 1, and RPL 0 means 1.
 * bits: 64 32
 */
#include "iret.h"

const char test_name[] = "iret";

static struct user user;
#ifdef __i386__
static volatile uint32_t got_ecx __attribute__((used)), got_eax __attribute__((used)),
	got_flags __attribute__((used)), got_cs __attribute__((used)),
	got_esp __attribute__((used));

extern char landing[];
__asm__(".pushsection .text\n"
	"landing:\n"
	"	movl %ecx, got_ecx\n"
	"	movl %eax, got_eax\n"
	"	movl %esp, got_esp\n"
	"	pushfl\n"
	"	popl got_flags\n"
	"	movw %cs, got_cs\n"
	"	ud2\n"
	".popsection\n");

static void go(void *arg)
{
	/* What lies below a frame for ring 3 is no use, and ring 1's data segments are not its. */
	if ((((struct iret_context *)arg)->cs & 3) > 1)
		__asm__ volatile(
			"movl %0, %%ds; movl %0, %%es; movl $0xcccc, %%ecx; movl %1, %%esp\n"
			"movl %2, %%eax; int $0x82" ::"r"(FLAT_USER_DS),
			"r"(arg), "i"(__HYPERVISOR_iret)
			: "ecx", "memory");
	raw_iret(arg);
}

static void kernel_frame(uint32_t cs, uint32_t eflags)
{
	context = (struct iret_context){ 0xaaaa, (uintptr_t)landing, cs, eflags, 0, 0 };
	check_eq(probe(go, &context), 6);
	check_eq(probe_frame.rip & ~0xffUL, (uintptr_t)landing & ~0xffUL);
	check_eq(probe_frame.cs & 0xffff, KERNEL_CS);
	check_eq(got_cs & 0xffff, KERNEL_CS);
	check_eq(got_eax, 0xaaaa);
	check_eq(got_esp, (uintptr_t)&context.esp);
}

static void test_kernel(void)
{
	kernel_frame(KERNEL_CS, 0x202);
	kernel_frame(KERNEL_CS & ~3, 0x202);
	/* High bits of CS: where a bounce frame has the mask. */
	kernel_frame(KERNEL_CS | 1 << 16, 0x202);
	check_eq(vcpu_info()->evtchn_upcall_mask, 0);
	kernel_frame(KERNEL_CS, 2);
	check_eq(vcpu_info()->evtchn_upcall_mask, 1);
	check_eq(got_flags & 0x200, 0x200);
	kernel_frame(KERNEL_CS, 0x202 | 0x3000);
	check_eq(got_flags & 0x3000, 0);
	kernel_frame(KERNEL_CS, 0x202 | 0x8d5);
	check_eq(got_flags & 0x8d5, 0x8d5);
	events_off();
}
#else
static volatile uint64_t got_rcx __attribute__((used)), got_r11 __attribute__((used)),
	got_rax __attribute__((used)), got_flags __attribute__((used)),
	got_cs __attribute__((used));

extern char landing[];
__asm__(".pushsection .text\n"
	"landing:\n"
	"	movq %rcx, got_rcx(%rip)\n"
	"	movq %r11, got_r11(%rip)\n"
	"	movq %rax, got_rax(%rip)\n"
	"	pushfq\n"
	"	popq got_flags(%rip)\n"
	"	movw %cs, got_cs(%rip)\n"
	"	ud2\n"
	".popsection\n");

static void go(void *arg)
{
	raw_iret(arg);
}

static void kernel_frame(uint64_t cs, uint64_t rflags, uint64_t flags)
{
	context = iret_context((uint64_t)landing, cs, rflags, (uint64_t)stack + sizeof(stack),
			       FLAT_KERNEL_SS64, flags);
	context.rax = 0xaaaa;
	context.r11 = 0xbbbb;
	context.rcx = 0xcccc;
	check_eq(probe(go, &context), 6);
	check_eq(probe_frame.rip & ~0xffUL, (uint64_t)landing & ~0xffUL);
	check_eq(probe_frame.cs & 0xffff, FLAT_KERNEL_CS64 & ~3);
	check_eq(got_cs & 3, 3);
	check_eq(got_rax, 0xaaaa);
}

static void test_kernel(void)
{
	for (int rpl = 0; rpl < 3; rpl++) {
		kernel_frame((FLAT_KERNEL_CS64 & ~3) | rpl, 0x202, 0);
		check_eq(got_rcx, 0xcccc);
		check_eq(got_r11, 0xbbbb);
	}
	/* High bits of CS: where a bounce frame has the mask. */
	kernel_frame((FLAT_KERNEL_CS64 & ~3) | 1UL << 32, 0x202, 0);
	check_eq(vcpu_info()->evtchn_upcall_mask, 0);
	kernel_frame(FLAT_KERNEL_CS64 & ~3, 2, 0);
	check_eq(vcpu_info()->evtchn_upcall_mask, 1);
	check_eq(got_flags & 0x200, 0x200);
	kernel_frame(FLAT_KERNEL_CS64 & ~3, 0x202 | 0x3000 | 1UL << 17, 0);
	check_eq(got_flags & (0x3000 | 1UL << 17), 0);
	kernel_frame(FLAT_KERNEL_CS64 & ~3, 0x202 | 0x8d5, 0);
	check_eq(got_flags & 0x8d5, 0x8d5);
	kernel_frame(FLAT_KERNEL_CS64 & ~3, 0x202, VGCF_in_syscall);
	events_off();
}
#endif

static void user_frame(uintptr_t rip, unsigned long cs, unsigned long rflags, unsigned long rsp,
		       unsigned long ss, unsigned long flags)
{
	context = iret_context(rip, cs, rflags, rsp, ss, flags);
	context.CONTEXT_RAX = 0xaaaa;
#ifndef __i386__
	context.r11 = 0xbbbb;
	context.rcx = 0xcccc;
#endif
}

static void test_user(void)
{
	memset(user.code, 0xcc, PAGE_SIZE);
	user_frame(USER_CODE, USER_CS, 0x202, 0x1234567, USER_SS, 0);
	check_eq(probe(go, &context), 3);
	check(probe_frame.rcx == 0xcccc && probe_frame.rax == 0xaaaa);
	check_eq(probe_frame.rsp, 0x1234567);
#ifndef __i386__
	check_eq(probe_frame.r11, 0xbbbb);
	user_frame(USER_CODE, USER_CS, 0x202, 0x1234567, USER_SS, VGCF_in_syscall);
	check_eq(probe(go, &context), 3);
	check_eq(probe_frame.rax, 0xaaaa);
	check_eq(probe_frame.rsp, 0x1234567);
	check_eq(probe_frame.rcx, USER_CODE);
	check_eq(probe_frame.r11, 0x202);
#endif
	/* No I/O privilege for users either: in $0x70, %al */
	memcpy(user.code, "\xe4\x70", 2);
	user_frame(USER_CODE, USER_CS, 0x3202, 0x1234567, USER_SS, 0);
	check_eq(probe(go, &context), 13);
	check_eq(probe_frame.rip, USER_CODE);
#ifndef __i386__
	/* Compatibility mode: inc %eax (in 64-bit mode it would be a REX prefix); int $0x80 */
	memcpy(user.code, "\x40\xcd\x80", 3);
	user_frame(USER_CODE, FLAT_USER_CS32, 0x202, USER_STACK + 64, FLAT_USER_SS32, 0);
	check_eq(probe(go, &context), 128);
	check_eq(probe_frame.cs & 0xffff, FLAT_USER_CS32);
	check_eq(probe_frame.rax, 0xaaab);
	check_eq(probe_frame.rip, USER_CODE + 3);
	check_eq(probe_frame.rsp, USER_STACK + 64);
#endif
	/* Single step: the trap comes after one instruction. */
	memcpy(user.code, "\x90\x90\xcc", 3);
	user_frame(USER_CODE, USER_CS, 0x302, USER_STACK + 64, USER_SS, 0);
	check_eq(probe(go, &context), 1);
	check_eq(probe_frame.rip, USER_CODE + 1);
	check_eq(probe_frame.rflags & 0x100, 0x100);
}

extern char event_entry[], failsafe_entry[], syscall_entry_point[];
static int bad_frame = TRAP_FAILSAFE;

static void set_failsafe(const void *at)
{
#ifdef __i386__
	check_eq(hypercall(set_callbacks, (long)KERNEL_CS, event_entry, (long)KERNEL_CS, at), 0);
#else
	check_eq(hypercall(set_callbacks, event_entry, at, syscall_entry_point), 0);
#endif
}

/*
 * A selector that cannot be loaded, `bad`: the failsafe callback or #GP, in the kernel, the frame
 * as it was.
 */
static void refused(unsigned long cs, unsigned long ss, unsigned long bad)
{
	user_frame(USER_CODE, cs, 0x202, USER_STACK + 64, ss, 0);
	if (probe(go, &context) != bad_frame)
		fail("iret to %#lx, stack %#lx: vector %lu", cs, ss,
		     (unsigned long)probe_frame.vector);
	check_eq(probe_frame.rip, USER_CODE);
	check_eq(probe_frame.cs & 0xffff, cs);
	check_eq(probe_frame.ss & 0xffff, ss);
	check_eq(probe_frame.rsp, USER_STACK + 64);
	check_eq(probe_frame.rcx, 0xcccc);
#ifndef __i386__
	check_eq(probe_frame.r11, 0xbbbb);
#endif
	if (bad_frame == 13)
		check_eq(probe_error, bad & 0xfffc);
}

static void test_refused(void)
{
	/* Beyond the table, a local one that does not exist, data as code, code as stack, null. */
	refused(0xfffb, USER_SS, 0xfffb);
	refused(0x0103, USER_SS, 0x0103);
	refused(0x0007, USER_SS, 0x0007);
	refused(USER_SS, USER_SS, USER_SS);
	refused(0x0003, USER_SS, 0x0003);
	refused(USER_CS, 0xfffb, 0xfffb);
	refused(USER_CS, 0x0107, 0x0107);
	refused(USER_CS, USER_CS, USER_CS);
	/* In 32-bit code a null stack is one too. */
#ifdef __i386__
	refused(USER_CS, 0x0003, 0x0003);
	/* Ring 2, in name only. */
	refused((KERNEL_CS & ~3) | 2, USER_SS, (KERNEL_CS & ~3) | 2);
	refused((USER_CS & ~3) | 2, USER_SS, (USER_CS & ~3) | 2);
#else
	refused(FLAT_USER_CS32, 0x0003, 0x0003);
#endif
}

void test_main(void)
{
	user_new(&user);
	test_kernel();
	test_user();
	test_refused();
	bad_frame = 13;
	set_failsafe(NULL);
	test_refused();
	set_failsafe(failsafe_entry);
	test_user();
}
