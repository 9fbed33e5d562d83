// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /bin/check in the guest of test_linux64.py: what a kernel that leaves by its own IRETQ can get
 * wrong for a process. Its GS, by ARCH_SET_GS, by WRGSBASE, and by a selector of its LDT, over
 * system calls, timer signals and changes of the process; registers over a system call; frames that
 * IRETQ refuses; faults of every kind, and what only the kernel may touch; single steps. The
 * argument is the kernel's ring. Prints GUEST-check ok, or what went wrong.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define ROUNDS 3000

static void fail(const char *what)
{
	printf("GUEST-check %s\n", what);
	fflush(stdout);
	_exit(1);
}

static uint64_t gs_word(void)
{
	uint64_t v;

	__asm__ volatile("movq %%gs:0, %0" : "=r"(v));
	return v;
}

static volatile unsigned ticks;

static void on_tick(int sig)
{
	(void)sig;
	ticks++;
}

static void timer(unsigned us)
{
	struct itimerval t = { { 0, us }, { 0, us } };

	setitimer(ITIMER_REAL, &t, NULL);
}

/* GS leads to this word: through system calls, through ticks, and past others who run here. */
static void hold(const char *who, uint64_t word)
{
	signal(SIGALRM, on_tick);
	timer(4000);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (gs_word() != word)
			fail(who);
		syscall(i % 8 ? SYS_getppid : SYS_sched_yield);
		if (gs_word() != word)
			fail(who);
	}
	ticks = 0;
	for (uint64_t i = 0; ticks < 20; i++)
		if (gs_word() != word)
			fail(who);
	timer(0);
}

static uint64_t *low_page(void)
{
	uint64_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

static void by_base(uint64_t word)
{
	uint64_t base, *p = low_page();

	*p = word;
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, p))
		fail("ARCH_SET_GS");
	hold("GS by ARCH_SET_GS", word);
	if (syscall(SYS_arch_prctl, ARCH_GET_GS, &base) || base != (uint64_t)p)
		fail("ARCH_GET_GS");
}

static void by_instruction(uint64_t word)
{
	uint64_t base, *p = low_page();

	*p = word;
	__asm__ volatile("wrgsbase %0" ::"r"(p));
	hold("GS by WRGSBASE", word);
	__asm__ volatile("rdgsbase %0" : "=r"(base));
	if (base != (uint64_t)p)
		fail("RDGSBASE");
}

static void by_selector(uint64_t word)
{
	uint64_t *p = low_page();
	struct user_desc d = { .base_addr = (unsigned)(uintptr_t)p,
			       .limit = 0xfffff,
			       .seg_32bit = 1,
			       .limit_in_pages = 1 };
	unsigned short sel;

	*p = word;
	if (syscall(SYS_modify_ldt, 1, &d, sizeof(d)))
		fail("modify_ldt");
	__asm__ volatile("movw %w0, %%gs" ::"r"(7));
	hold("GS by a selector", word);
	__asm__ volatile("movw %%gs, %w0" : "=r"(sel));
	if (sel != 7)
		fail("the selector in GS");
}

static pid_t start(void (*f)(uint64_t), uint64_t word)
{
	pid_t child = fork();

	if (!child) {
		f(word);
		_exit(0);
	}
	return child;
}

static int end(pid_t child)
{
	int status = -1;

	if (waitpid(child, &status, 0) != child)
		fail("waitpid");
	return status;
}

static void check_gs(void)
{
	void (*const by[])(uint64_t) = { by_base, by_selector,
					 getauxval(AT_HWCAP2) & 2 ? by_instruction : by_base };
	pid_t child[9];

	for (unsigned i = 0; i < 9; i++)
		child[i] = start(by[i % 3], 0x1234567800 + i);
	for (unsigned i = 0; i < 9; i++)
		if (end(child[i]))
			fail("a process lost its GS");
}

/* RCX and R11 are RIP and RFLAGS after a system call, all others what they were. */
static void check_registers(void)
{
	uint64_t rcx, r11, rip, changed;

	for (unsigned i = 0; i < 100; i++) {
		__asm__ volatile("movl $110, %%eax; movl $1, %%edx; movl $2, %%r8d\n"
				 "movl $3, %%r9d; movl $4, %%r10d; movl $5, %%r12d\n"
				 "movl $6, %%r13d; movl $7, %%r14d; movl $8, %%r15d\n"
				 "movl $9, %%ebx; movl $10, %%esi; movl $11, %%edi\n"
				 "syscall\n"
				 "1: leaq 1b(%%rip), %%rax\n"
				 "xorq $1, %%rdx; xorq $2, %%r8; xorq $3, %%r9; xorq $4, %%r10\n"
				 "xorq $5, %%r12; xorq $6, %%r13; xorq $7, %%r14; xorq $8, %%r15\n"
				 "xorq $9, %%rbx; xorq $10, %%rsi; xorq $11, %%rdi\n"
				 "orq %%r8, %%rdx; orq %%r9, %%rdx; orq %%r10, %%rdx\n"
				 "orq %%r12, %%rdx; orq %%r13, %%rdx; orq %%r14, %%rdx\n"
				 "orq %%r15, %%rdx; orq %%rbx, %%rdx; orq %%rsi, %%rdx\n"
				 "orq %%rdi, %%rdx\n"
				 : "=c"(rcx), "=a"(rip), "=d"(changed)
				 :
				 : "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
				   "r14", "r15", "memory", "cc");
		if (rcx != rip)
			fail("RCX after a system call");
		if (changed)
			fail("a register after a system call");
		__asm__ volatile("syscall; movq %%r11, %0"
				 : "=r"(r11)
				 : "a"(SYS_getppid)
				 : "rcx", "r11", "memory");
		if ((r11 & 0x202) != 0x202)
			fail("R11 after a system call");
	}
}

/* What ends a process, and by which signal. */
static uint64_t bad_rip, bad_cs, bad_ss;

static void on_return(int sig, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	(void)sig, (void)info;
	if (bad_rip)
		c->uc_mcontext.gregs[REG_RIP] = (long long)bad_rip;
	/* CS is the lowest of four words, SS the highest. */
	if (bad_cs)
		memcpy(&c->uc_mcontext.gregs[REG_CSGSFS], &bad_cs, 2);
	if (bad_ss)
		memcpy((char *)&c->uc_mcontext.gregs[REG_CSGSFS] + 6, &bad_ss, 2);
}

static void bad_return(uint64_t unused)
{
	struct sigaction a = { .sa_sigaction = on_return, .sa_flags = SA_SIGINFO };

	(void)unused;
	sigaction(SIGUSR1, &a, NULL);
	raise(SIGUSR1);
}

static void ends(void (*f)(uint64_t), uint64_t word, int sig, const char *what)
{
	int status = end(start(f, word));

	if (!WIFSIGNALED(status) || WTERMSIG(status) != sig)
		fail(what);
}

static void check_bad_returns(void)
{
	bad_rip = 0x8000000000000000;
	ends(bad_return, 0, SIGSEGV, "a return to no address");
	bad_rip = 0;
	bad_cs = 0xf;
	ends(bad_return, 0, SIGSEGV, "a return to a code segment that is not there");
	bad_cs = 0;
	bad_ss = 0xf;
	ends(bad_return, 0, SIGSEGV, "a return to a stack segment that is not there");
	bad_ss = 0;
	bad_rip = 0xffffffff81000000;
	ends(bad_return, 0, SIGSEGV, "a return into the kernel");
	bad_rip = 0;
	if (end(start(bad_return, 0)))
		fail("a good return");
}

static void read_at(uint64_t at) { *(volatile char *)at; }

static void jump_to(uint64_t at) { ((void (*)(void))at)(); }

static void int3(uint64_t unused)
{
	(void)unused;
	__asm__ volatile("int3");
}

static void ud2(uint64_t unused)
{
	(void)unused;
	__asm__ volatile("ud2");
}

static void hlt(uint64_t unused)
{
	(void)unused;
	__asm__ volatile("hlt");
}

static void int82(uint64_t unused)
{
	(void)unused;
	__asm__ volatile("int $0x82");
}

static void divide(uint64_t unused)
{
	(void)unused;
	__asm__ volatile("divl %0" ::"r"(0), "a"(1), "d"(0));
}

static void check_faults(bool m2p)
{
	/* The kernel, its direct mapping, an address that is none, and the M2P. */
	const uint64_t kernels[] = { 0xffffffff81000000, 0xffff888000000000, 0x800000000000,
				     0xffff800000000000 };

	for (unsigned i = 0; i < (m2p ? 4 : 3); i++) {
		ends(read_at, kernels[i], SIGSEGV, "a read of the kernel's");
		ends(jump_to, kernels[i], SIGSEGV, "a jump into the kernel");
	}
	ends(read_at, 8, SIGSEGV, "a read of nothing");
	ends(int3, 0, SIGTRAP, "int3");
	ends(ud2, 0, SIGILL, "ud2");
	ends(hlt, 0, SIGSEGV, "hlt");
	ends(int82, 0, SIGSEGV, "int 0x82");
	ends(divide, 0, SIGFPE, "a division by 0");
}

static void on_step(int sig)
{
	(void)sig;
	ticks++;
}

/* Step by step, also over a system call. */
static void check_steps(void)
{
	signal(SIGTRAP, on_step);
	ticks = 0;
	__asm__ volatile("subq $128, %%rsp; pushfq; orl $0x100, (%%rsp); popfq\n"
			 "nop; nop; syscall; nop\n"
			 "pushfq; andl $~0x100, (%%rsp); popfq; addq $128, %%rsp" ::"a"(SYS_getppid)
			 : "rcx", "r11", "memory", "cc");
	if (ticks < 6 || ticks > 8)
		fail("single steps");
	signal(SIGTRAP, SIG_DFL);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	check_registers();
	/* Beside a kernel in ring 3 processes may read the M2P. */
	check_faults(argc < 2 || strcmp(argv[1], "3"));
	check_bad_returns();
	check_steps();
	check_gs();
	printf("GUEST-check ok\n");
	return 0;
}
