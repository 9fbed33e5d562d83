// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How many instructions the hypervisor spends on what a 64-bit kernel in ring 1 does most, counted
 * as in `cost`: a process's system call on its short way, with FSGSBASE and without, and where it
 * is left to C; hypercalls; a process's page fault. The way back to a process is the kernel's own
 * IRETQ, so that a system call's entry is all of it.
 * alone: yes
 * icount: yes
 * emulator: qemu
 * cpu: qemu64,-svm,+fsgsbase
 * bits: ring1
 */
#include "guest.h"

const char test_name[] = "r1-cost";

#define RUNS 8
#define CR4_FSGSBASE 0x10000UL

static struct user user;
static long overhead;

/* The counter right after an entry, in ebp; before it, in ebx. */
extern char cost_syscall[], cost_fault[];
long cost_empty(void), cost_hypercall(long op, long arg);
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
	".popsection\n");

static void set_entries(void)
{
	struct callback_register r = { .type = CALLBACKTYPE_syscall,
				       .flags = CALLBACKF_mask_events,
				       .address = (uint64_t)cost_syscall };
	static const struct trap_info traps[] = {
		{ 14, 0, 0, (uint64_t)cost_fault }, { 0, 0, 0, 0 },
	};

	check_eq(hypercall(callback_op, (long)CALLBACKOP_register, &r), 0);
	check_eq(hypercall(set_trap_table, traps), 0);
}

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

static void set_fsgsbase(bool on)
{
	unsigned long cr4;

	__asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
	cr4 = on ? cr4 | CR4_FSGSBASE : cr4 & ~CR4_FSGSBASE;
	__asm__ volatile("movq %0, %%cr4" ::"r"(cr4));
}

static long system_call_msr(void)
{
	long n;

	set_fsgsbase(false);
	n = system_call();
	set_fsgsbase(true);
	return n;
}

/* Only C knows about a virtual IOPL. */
static long system_call_c(void)
{
	long n;

	check_eq(hypercall(vm_assist, (long)VMASST_CMD_enable,
			   (long)VMASST_TYPE_architectural_iopl), 0);
	n = system_call();
	check_eq(hypercall(vm_assist, (long)VMASST_CMD_disable,
			   (long)VMASST_TYPE_architectural_iopl), 0);
	return n;
}

static long user_fault(void)
{
	/* mov $0x500000, %ecx; rdtsc; mov %eax, %ebx; mov (%rcx), %al */
	return user_code("\xb9\x00\x00\x50\x00\x0f\x31\x89\xc3\x8a\x01", 11, 14, 0);
}

static long version(void)
{
	return in_hypervisor((uint32_t)cost_hypercall(__HYPERVISOR_xen_version, XENVER_version), 2);
}

static const struct {
	const char *name;
	long (*measure)(void);
	long limit;
} costs[] = {
	{ "system call of a process", system_call, 45 },
	{ "the same without FSGSBASE", system_call_msr, 55 },
	{ "the same by way of C", system_call_c, 350 },
	{ "null hypercall (xen_version)", version, 180 },
	{ "page fault of a process", user_fault, 460 },
};

void test_main(void)
{
	const char *slow = NULL;

	overhead = cost_empty();
	for (int i = 0; i < RUNS; i++)
		if (cost_empty() != overhead || overhead > 8)
			skip("the time-stamp counter does not count instructions here");
	user_new(&user);
	set_entries();
	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++) {
		long least = 1L << 30;

		/* A timer of the hypervisor's may come in between. */
		for (int n = 0; n < RUNS; n++) {
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
