/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_GUEST_COST_H
#define ANNULUS_TESTS_GUEST_COST_H

/*
 * For guests that count the hypervisor's instructions, and bound them. Under QEMU's -icount shift=0
 * (`icount: yes`) the time-stamp counter counts instructions, so these are numbers, not timings:
 * they are the same in every run, and a limit on them is a test.
 */
#include "guest.h"

#define COST_RUNS 8

/* One row: what it measures, in instructions, and how many there may be. */
struct cost {
	const char *name;
	long (*measure)(void);
	long limit;
};

static struct user user;
static long overhead;

/* The counter right after an entry, in ebp; before it, in ebx. */
extern char cost_syscall[], cost_fault[];
long cost_empty(void), cost_hypercall(long op, long arg);
long cost_iret_kernel(struct iret_context *c);
void cost_iret(struct iret_context *c);
__asm__(".pushsection .text\n"
	"cost_syscall:\n"
	"	rdtsc\n"
	"	movl %eax, %ebp\n"
	"	jmp syscall_entry_point\n"
	"cost_fault:\n"
	"	rdtsc\n"
	"	movl %eax, %ebp\n"
	"	jmp trap_14\n"
	"cost_empty:\n"
	"	pushq %rbx\n"
	"	rdtsc\n"
	"	movl %eax, %ebx\n"
	"	rdtsc\n"
	"	subl %ebx, %eax\n"
	"	popq %rbx\n"
	"	ret\n"
	"cost_hypercall:\n"
	"	pushq %rbx\n"
	"	movq %rdi, %r8\n"
	"	movq %rsi, %rdi\n"
	"	xorl %esi, %esi\n"
	"	rdtsc\n"
	"	movl %eax, %ebx\n"
	"	movl %r8d, %eax\n"
	"	syscall\n"
	"	rdtsc\n"
	"	subl %ebx, %eax\n"
	"	popq %rbx\n"
	"	ret\n"
	"cost_iret:\n"
	"	movq %rdi, %rsp\n"
	"	rdtsc\n"
	"	movl %eax, %ebx\n"
	"	movl $23, %eax\n"
	"	syscall\n"
	/* To the instruction after it, in kernel mode. */
	"cost_iret_kernel:\n"
	"	pushq %rbx\n"
	"	movq %rsp, 56(%rdi)\n"
	"	leaq 1f(%rip), %rax\n"
	"	movq %rax, 32(%rdi)\n"
	"	movq %rdi, %rsp\n"
	"	rdtsc\n"
	"	movl %eax, %ebx\n"
	"	movl $23, %eax\n"
	"	syscall\n"
	"1:	rdtsc\n"
	"	subl %ebx, %eax\n"
	"	popq %rbx\n"
	"	ret\n"
	".popsection\n");

/* Where the kernel's system call and its page fault begin: `flags` of CALLBACKOP_register. */
static void cost_set_entries(uint16_t flags, uint16_t cs)
{
	struct callback_register r = { .type = CALLBACKTYPE_syscall,
				       .flags = flags,
				       .address = (uint64_t)cost_syscall };
	const struct trap_info traps[] = {
		{ 14, 0, cs, (uint64_t)cost_fault }, { 0, 0, 0, 0 },
	};

	check_eq(hypercall(callback_op, (long)CALLBACKOP_register, &r), 0);
	check_eq(hypercall(set_trap_table, traps), 0);
}

/* What the hypercall finds; with two words of 0 behind it, which a kernel in ring 1 has there. */
static struct {
	struct iret_context c;
	uint64_t gs_base, reserved;
} context;

/* `known`: instructions of the guest's between the two looks at the counter. */
static long in_hypervisor(uint32_t spent, long known)
{
	return (long)spent - overhead - known;
}

static long user_code(const char *code, size_t n, int trap, long known)
{
	memset(user.code, 0xcc, PAGE_SIZE);
	memcpy(user.code, code, n);
	check_eq(probe_user(USER_CODE, USER_STACK + PAGE_SIZE), trap);
	return in_hypervisor((uint32_t)probe_frame.rbp - (uint32_t)probe_frame.rbx, known);
}

static long system_call(void)
{
	/* rdtsc; mov %eax, %ebx; syscall */
	return user_code("\x0f\x31\x89\xc3\x0f\x05", 6, TRAP_SYSCALL, 1);
}

/* The instruction that faults is not counted. */
static long user_fault(void)
{
	/* mov $0x500000, %ecx; rdtsc; mov %eax, %ebx; mov (%rcx), %al */
	return user_code("\xb9\x00\x00\x50\x00\x0f\x31\x89\xc3\x8a\x01", 11, 14, 0);
}

static void iret_to_user(void *arg)
{
	cost_iret(arg);
}

static void kernel_fault_body(void *arg)
{
	uint32_t a, d;

	__asm__ volatile("rdtsc\n movl %%eax, %%ebx\n movb (%%rcx), %%al"
			 : "=a"(a), "=d"(d)
			 : "c"(0x500000UL)
			 : "rbx", "memory");
}

static long kernel_fault(void)
{
	check_eq(probe(kernel_fault_body, NULL), 14);
	return in_hypervisor((uint32_t)probe_frame.rbp - (uint32_t)probe_frame.rbx, 0);
}

static long iret_user(uint64_t flags)
{
	/* rdtsc; ud2 */
	memcpy(user.code, "\x0f\x31\x0f\x0b", 4);
	context.c = iret_context(USER_CODE, USER_CS, 0x202, USER_STACK + PAGE_SIZE,
			       USER_SS, flags);
	check_eq(probe(iret_to_user, &context), 6);
	return in_hypervisor((uint32_t)probe_frame.rax - (uint32_t)probe_frame.rbx, 2);
}

static long iret_sysret(void)
{
	return iret_user(VGCF_in_syscall);
}

static long iret_full(void)
{
	return iret_user(0);
}

static long iret_kernel(void)
{
	context.c = (struct iret_context){ .cs = KERNEL_CS & ~3,
					 .rflags = 2,
					 .ss = KERNEL_SS };
	return in_hypervisor((uint32_t)cost_iret_kernel(&context.c), 2);
}

static long version(void)
{
	return in_hypervisor((uint32_t)cost_hypercall(__HYPERVISOR_xen_version, XENVER_version), 2);
}

/* All rows, or the guest fails. */
static void cost_check(const struct cost *costs, size_t n, uint16_t flags, uint16_t cs)
{
	const char *slow = NULL;

	overhead = cost_empty();
	for (int i = 0; i < COST_RUNS; i++)
		if (cost_empty() != overhead || overhead > 8)
			skip("the time-stamp counter does not count instructions here");
	user_new(&user);
	cost_set_entries(flags, cs);
	for (size_t i = 0; i < n; i++) {
		long least = 1L << 30;

		/* A timer of the hypervisor's may come in between. */
		for (int k = 0; k < COST_RUNS; k++) {
			long c = costs[i].measure();

			least = c < least ? c : least;
		}
		print("COST %ld of at most %ld: %s\n", least, costs[i].limit, costs[i].name);
		if (least > costs[i].limit || least < 10)
			slow = costs[i].name;
	}
	if (slow)
		fail("out of bounds: %s", slow);
}

#endif
