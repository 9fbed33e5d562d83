// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a 64-bit kernel in ring 1 is entered with and how it leaves, by pv-abi/ring1.h: to ring 3 by
 * its own IRETQ and by the iret hypercall; back by SYSCALL, faults, int 0x80 and events, with the
 * processor's frame and the process's GS base behind it; faults of its own, with a frame of ring 1;
 * the stretch between the write of GS and IRETQ; GS with FSGSBASE and without.
 * bits: ring1
 */
#include "guest.h"

const char test_name[] = "r1-entry";

static struct user user;
static uint64_t kernel_word[2] = { 0xabcdef, 0x123456 };
static bool fsgsbase;

/* The last frame of a kind that a test asks about, and what GS led to then. */
static struct {
	unsigned long vector;
	struct trap_frame f;
	uint64_t gs_base, gs_word, end;
} seen;

static uint64_t gs_word(void)
{
	uint64_t v;

	__asm__ volatile("movq %%gs:0, %0" : "=r"(v));
	return v;
}

static bool remember(struct trap_frame *f)
{
	if (seen.vector && f->vector != seen.vector)
		return false;
	seen.f = *f;
	seen.end = (uint64_t)(&f->ss + 1);
	seen.gs_base = (f->cs & 3) == 3 ? (&f->ss)[1] : 0;
	seen.gs_word = gs_word();
	return false;
}

/* A kernel's way: registers are nobody's here. `arg`: five words. */
static void plain_iret(void *arg)
{
	__asm__ volatile("movq %0, %%rsp; iretq" ::"r"(arg) : "memory");
}

static void iret_with_base(void *arg)
{
	uint64_t *words = arg;

	__asm__ volatile("wrgsbase %1; movq %0, %%rsp; iretq" ::"r"(arg), "r"(words[5])
			 : "memory");
}

static void iret_with_zero(void *arg)
{
	__asm__ volatile("movl %1, %%gs; movl %2, %%gs; movq %0, %%rsp; iretq" ::"r"(arg),
			 "r"(FLAT_USER_DS32), "r"(0)
			 : "memory");
}

static void iret_hypercall(void *arg)
{
	static struct annulus_iret_context c;
	uint64_t *words = arg;

	c = (struct annulus_iret_context){ .rax = 0x7777, .r11 = 0xbbbb, .rcx = 0xcccc };
	c.frame = (struct annulus_user_frame){ words[0], words[1], words[2], words[3], words[4],
					       words[5], ~0UL };
	__asm__ volatile("movq %0, %%rsp; movl %1, %%eax; syscall" ::"r"(&c),
			 "i"(__HYPERVISOR_iret)
			 : "memory");
}

/* A frame to leave by, with room below it for what comes when that fails. */
static uint64_t *frame_at(uint64_t rip, uint64_t cs, uint64_t gs)
{
	static uint64_t room[512] __attribute__((aligned(16)));
	uint64_t *frame = room + 400;
	const uint64_t words[] = { rip, cs, 0x202, USER_STACK + PAGE_SIZE, USER_SS, gs };

	memcpy(frame, words, sizeof(words));
	return frame;
}

static int run(void (*leave)(void *), const char *code, size_t n, uint64_t gs)
{
	uint64_t *frame = frame_at(USER_CODE, USER_CS, gs);

	memset(user.code, 0xcc, PAGE_SIZE);
	memcpy(user.code, code, n);
	return probe(leave, frame);
}
#define RUN(leave, code, gs) run(leave, code, sizeof(code) - 1, gs)

static void check_from_user(uint64_t rip)
{
	check_eq(seen.f.rip, rip);
	check_eq(seen.f.cs & 0x1ffff, USER_CS);
	check_eq(seen.f.ss, USER_SS);
	check_eq(seen.gs_word, kernel_word[0]);
	/* The frame ends where the kernel's stack does, two words before. */
	check_eq(seen.end, (uint64_t)stacks[0] + STACK_SIZE / 2 - 16);
}

static void test_syscall(void)
{
	/* mov $0x1234, %eax; push %rax; std; syscall */
	check_eq(RUN(plain_iret, "\xb8\x34\x12\0\0\x50\xfd\x0f\x05", 0), TRAP_SYSCALL);
	check_from_user(USER_CODE + 9);
	check_eq(seen.f.rax, 0x1234);
	check_eq(seen.f.rsp, USER_STACK + PAGE_SIZE - 8);
	check_eq(seen.f.rcx, seen.f.rip);
	check_eq(seen.f.r11 & 0x602, 0x602);
	check_eq(seen.f.rflags & 0x602,
		 0x402 | (seen.f.cs >> ANNULUS_FRAME_MASK_SHIFT ? 0 : 0x200));
	/* A stack of no use at all does not matter to it: mov $-8, %rsp; syscall */
	check_eq(RUN(plain_iret, "\x48\xc7\xc4\xf8\xff\xff\xff\x0f\x05", 0), TRAP_SYSCALL);
	check_eq(seen.f.rsp, -8L);
	/* The hypercall leaves to ring 3 too, with the registers that it was given: xchg */
	check_eq(RUN(iret_hypercall, "\x0f\x0b", 0), 6);
	check_from_user(USER_CODE);
	check_eq(seen.f.rax, 0x7777);
	check_eq(seen.f.r11, 0xbbbb);
	check_eq(seen.f.rcx, 0xcccc);
}

static void test_user_faults(void)
{
	/* mov 0x500000, %al */
	check_eq(RUN(plain_iret, "\x8a\x04\x25\0\0\x50\0", 0), 14);
	check_eq(probe_error, 4);
	check_eq(probe_cr2, 0x500000);
	check_from_user(USER_CODE);
	/* What is the kernel's is there, but not for it: mov _start, %al */
	check_eq(RUN(plain_iret, "\x8a\x04\x25\0\0\x10\x80", 0), 14);
	check_eq(probe_error, 5);
	/* So is the M2P: mov $0xffff8000, %eax; shl $32, %rax; mov (%rax), %al */
	check_eq(RUN(plain_iret, "\xb8\0\x80\xff\xff\x48\xc1\xe0\x20\x8a\0", 0), 14);
	check_eq(probe_error, 5);
	/* And the kernel's code is not to be executed: mov $_start, %rax; jmp *%rax */
	check_eq(RUN(plain_iret, "\x48\xc7\xc0\0\0\x10\x80\xff\xe0", 0), 14);
	check_eq(probe_frame.rip, 0xffffffff80100000);
	check_eq(RUN(plain_iret, "\x0f\x0b", 0), 6);
	check_from_user(USER_CODE);
	check_eq(RUN(plain_iret, "\xcc", 0), 3);
	check_from_user(USER_CODE + 1);
	check_eq(RUN(plain_iret, "\xcd\x80", 0), 128);
	check_from_user(USER_CODE + 2);
	check_eq(RUN(plain_iret, "\xcd\xc8", 0), 200);
	check_from_user(USER_CODE + 2);
	check_eq(RUN(plain_iret, "\xcd\x82", 0), 13);
	check_from_user(USER_CODE);
	check_eq(RUN(plain_iret, "\xf4", 0), 13);
	check_eq(RUN(plain_iret, "\x0f\x01\xf8", 0), 13);
}

static void breakpoint(void *arg)
{
	__asm__ volatile("int3");
}

static void test_kernel_faults(void)
{
	check_eq(probe_read((void *)0x500000), 14);
	check_eq(probe_error, 0);
	check_eq(probe_cr2, 0x500000);
	check_eq(seen.f.cs & 0x1ffff, KERNEL_CS);
	check_eq(seen.f.ss, KERNEL_SS);
	check_eq(seen.gs_word, kernel_word[0]);
	check_eq(probe_write((void *)m2p), 14);
	check_eq(probe_error, 3);
	check_eq(probe(breakpoint, NULL), 3);
	check_eq(seen.f.cs & 0x1ffff, KERNEL_CS);
	/* A bad frame is this very instruction's #GP. */
	check_eq(probe(plain_iret, frame_at(USER_CODE, 0xe00b, 0)), 13);
	check_eq(seen.f.cs & 3, 1);
}

/* The stretch: ud2 in it, and in front of it, each with the process's GS. */
extern char stretch_before[], stretch_start[], stretch_end[];
void stretch(void *arg);
__asm__(".pushsection .text\n"
	"stretch:\n"
	"	movl $0xe02b, %eax\n"
	"	movl %eax, %gs\n"
	"	xorl %eax, %eax\n"
	"	movl %eax, %gs\n"
	"	testq %rdi, %rdi\n"
	"	jnz stretch_start\n"
	"stretch_before:\n"
	"	ud2\n"
	"stretch_start:\n"
	"	ud2\n"
	"stretch_end:\n"
	".popsection\n");

static long callback(unsigned type, void *address)
{
	struct callback_register r = { .type = type, .address = (uint64_t)address };

	return hypercall(callback_op, (long)CALLBACKOP_register, &r);
}

static bool remember_stretch(struct trap_frame *f)
{
	if (f->vector != 6)
		return false;
	seen.f = *f;
	/* Before the stretch GS is what the kernel made of it, and nothing to read by. */
	seen.gs_word = f->cs & ANNULUS_FRAME_RETURNING ? gs_word() : 0;
	return false;
}

static void test_stretch(void)
{
	check_eq(callback(ANNULUS_CALLBACKTYPE_return_start, stretch_start), 0);
	check_eq(callback(ANNULUS_CALLBACKTYPE_return_end, stretch_end), 0);
	check_refused(callback(ANNULUS_CALLBACKTYPE_return_end, (void *)HYPERVISOR_VIRT_START));
	check_refused(callback(ANNULUS_CALLBACKTYPE_return_end + 1, stretch_end));
	trap_hook = remember_stretch;
	check_eq(probe(stretch, (void *)1), 6);
	check_eq(seen.f.rip, (uint64_t)stretch_start);
	check_eq(seen.f.cs & 0x1ffff, KERNEL_CS | ANNULUS_FRAME_RETURNING);
	check_eq(seen.gs_word, kernel_word[0]);
	check_eq(gs_word(), kernel_word[0]);
	check_eq(probe(stretch, NULL), 6);
	check_eq(seen.f.rip, (uint64_t)stretch_before);
	check_eq(seen.f.cs & 0x1ffff, KERNEL_CS);
	check_eq(callback(ANNULUS_CALLBACKTYPE_return_end, NULL), 0);
	check_eq(probe(stretch, (void *)1), 6);
	check_eq(seen.f.cs & 0x1ffff, KERNEL_CS);
	trap_hook = remember;
	check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_KERNEL, kernel_word), 0);
}

static void test_gs(void)
{
	/* mov %gs:8, %rax; syscall */
	static const char code[] = "\x65\x48\x8b\x04\x25\x08\0\0\0\x0f\x05";
	/* mov 0x402008, %rax; syscall: the same where the base is 0 */
	static const char zero[] = "\x65\x48\x8b\x04\x25\x08\x20\x40\0\x0f\x05";

	*(uint64_t *)(user.data + 8) = 0x1357;
	check_eq(RUN(iret_hypercall, code, USER_DATA), TRAP_SYSCALL);
	check_eq(seen.f.rax, 0x1357);
	check_eq(seen.gs_base, USER_DATA);
	check_eq(seen.gs_word, kernel_word[0]);
	check_eq(RUN(iret_with_zero, zero, 0), TRAP_SYSCALL);
	check_eq(seen.f.rax, 0x1357);
	check_eq(seen.gs_base, 0);
	check_eq(seen.gs_word, kernel_word[0]);
	if (fsgsbase) {
		check_eq(RUN(iret_with_base, code, USER_DATA), TRAP_SYSCALL);
		check_eq(seen.f.rax, 0x1357);
		check_eq(seen.gs_base, USER_DATA);
		check_eq(seen.gs_word, kernel_word[0]);
		/* The process writes it: mov $0x402000, %eax; wrgsbase %rax; ud2 */
		check_eq(RUN(iret_with_base, "\xb8\0\x20\x40\0\xf3\x48\x0f\xae\xd8\x0f\x0b", 0), 6);
		check_eq(seen.gs_base, USER_DATA);
	}
	/* Another base for the kernel; none for the process that is not its. */
	check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_KERNEL, &kernel_word[1]), 0);
	check_eq(gs_word(), kernel_word[1]);
	check_eq(RUN(iret_with_zero, "\x0f\x05", 0), TRAP_SYSCALL);
	check_eq(seen.gs_word, kernel_word[1]);
	check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_KERNEL, kernel_word), 0);
	check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_USER, 0L), -EINVAL);
	check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_USER_SEL, (long)FLAT_USER_DS32), 0);
	check_eq(gs_word(), kernel_word[0]);
	check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_USER_SEL, 0L), 0);
}

static unsigned rounds, port;

/* By IRETQ from within the handler, on the stack it was entered on. */
static bool loop(struct trap_frame *f)
{
	static uint64_t frame[5];

	if (f->vector != TRAP_SYSCALL)
		return false;
	check_eq(f->rax, rounds);
	check_eq((&f->ss)[1], 0);
	check_eq(gs_word(), kernel_word[0]);
	frame[0] = ++rounds == 1000 ? USER_CODE + 0x100 : f->rip;
	memcpy(frame + 1, &f->cs, 4 * 8);
	__asm__ volatile("movl %1, %%gs; movl %2, %%gs; movq %3, %%rsp; iretq" ::"a"((long)rounds),
			 "r"(FLAT_USER_DS32), "r"(0), "r"(frame)
			 : "memory");
	return true;
}

static void event(unsigned p)
{
	check_eq(p, port);
	rounds++;
}

static void test_loops(void)
{
	/* xor %eax, %eax; 1: syscall; jmp 1b; at 0x100 int3 as everywhere */
	trap_hook = loop;
	check_eq(RUN(iret_with_zero, "\x31\xc0\x0f\x05\xeb\xfc", 0), 3);
	check_eq(rounds, 1000);
	/* An event that the hypercall lets in comes to the process's first instruction. */
	trap_hook = remember;
	seen.vector = TRAP_EVENT;
	event_hook = event;
	port = bind_ipi(0);
	rounds = 0;
	events_off();
	send_event(port);
	check_eq(RUN(iret_hypercall, "\xcc", USER_DATA), 3);
	check_eq(rounds, 1);
	check_from_user(USER_CODE);
	check_eq(seen.gs_base, USER_DATA);
	/* IRETQ lets none in: mask and IF are what they were. */
	rounds = 0;
	events_off();
	send_event(port);
	check_eq(RUN(iret_with_zero, "\xcc", 0), 3);
	check_eq(rounds, 0);
	events_on();
	check_eq(rounds, 1);
	check_eq(seen.f.cs & 0xffff, KERNEL_CS);
	close_event(port);
	seen.vector = 0;
	trap_hook = NULL;
}

static unsigned nmis;

static bool nmi(struct trap_frame *f)
{
	if (f->vector != 2)
		return false;
	/* The next one waits until this one is done. */
	if (!nmis++) {
		check_eq(vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
		check_eq(nmis, 1);
	}
	return true;
}

/* The iret hypercall ends an NMI. */
static void test_nmi(void)
{
	extern char trap_2[];
	struct xennmi_callback cb = { .handler_address = (uintptr_t)trap_2 };

	check_eq(hypercall(nmi_op, (long)XENNMI_register_callback, &cb), 0);
	trap_hook = nmi;
	events_on();
	check_eq(vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
	check_eq(nmis, 2);
	check_eq(vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
	check_eq(nmis, 3);
	trap_hook = NULL;
	check_eq(hypercall(nmi_op, (long)XENNMI_unregister_callback, 0L), 0);
}

void test_main(void)
{
	uint32_t a = 7, b, c = 0, d;

	__asm__ volatile(".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e; cpuid"
			 : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	fsgsbase = b & 1;
	user_new(&user);
	check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_KERNEL, kernel_word), 0);
	trap_hook = remember;
	test_syscall();
	test_user_faults();
	test_kernel_faults();
	test_stretch();
	test_gs();
	test_loops();
	test_nmi();
	print("FSGSBASE: %s\n", fsgsbase ? "yes" : "no");
}
