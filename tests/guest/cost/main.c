// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * alone: yes
 * icount: yes
 * emulator: qemu
 *
 * How many instructions the hypervisor spends in ring 0 on what guests do most. Under QEMU's
 * -icount shift=0 the time-stamp counter counts instructions, so these are numbers, not timings:
 * they are the same in every run, and a limit on them is a test. Not on a CPU with Meltdown.
 */
#include "cost.h"

const char test_name[] = "cost";

static struct iret_context context;

long cost_iret_kernel(struct iret_context *c);
void cost_iret(struct iret_context *c);
__asm__(".pushsection .text\n"
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

static void iret_to_user(void *arg)
{
	cost_iret(arg);
}

static uint32_t before;
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
	before = (uint32_t)probe_frame.rbx;
	return in_hypervisor((uint32_t)probe_frame.rbp - before, 0);
}

static long iret_user(uint64_t flags)
{
	/* rdtsc; ud2 */
	memcpy(user.code, "\x0f\x31\x0f\x0b", 4);
	context = iret_context(USER_CODE, FLAT_USER_CS64, 0x202, USER_STACK + PAGE_SIZE,
			       FLAT_USER_SS64, flags);
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
	context = (struct iret_context){ .cs = FLAT_KERNEL_CS64 & ~3,
					 .rflags = 2,
					 .ss = FLAT_KERNEL_SS64 };
	return in_hypervisor((uint32_t)cost_iret_kernel(&context), 2);
}

/*
 * A number that the ABI leaves to architectures and that we do not use. The first few are told in
 * the log.
 */
static long unknown(void)
{
	for (unsigned i = 0; i < 20; i++)
		(void)cost_hypercall(55, 0);
	return in_hypervisor((uint32_t)cost_hypercall(55, 0), 2);
}

static const struct cost costs[] = {
	{ "null hypercall (xen_version)", version, 120 },
	{ "hypercall that does not exist", unknown, 130 },
	{ "system call bounced from user mode", system_call, 90 },
	{ "iret to user mode, from a system call", iret_sysret, 90 },
	{ "iret to user mode, all registers", iret_full, 90 },
	{ "iret to kernel mode", iret_kernel, 90 },
	{ "page fault bounced from user mode", user_fault, 120 },
	{ "page fault bounced from kernel mode", kernel_fault, 120 },
};

void test_main(void)
{
	cost_check(costs, sizeof(costs) / sizeof(costs[0]), 0, FLAT_KERNEL_CS64);
}
