// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A 32-bit process for a 64-bit Linux: calls the kernel some thousand times by the way that the
 * vDSO chose for the CPU (AT_SYSINFO) and compares with INT 0x80. Prints the instruction that leads
 * there and "right" or "wrong". Needs no library.
 */
#define AT_SYSINFO 32
#define NR_EXIT	   1
#define NR_WRITE   4
#define NR_GETPPID 64
#define CALLS	   20000

static unsigned long way;

static long by_interrupt(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "0"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return r;
}

static long by_vdso(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("call *%1"
			 : "=a"(r)
			 : "m"(way), "0"(nr), "b"(a), "c"(b), "d"(c)
			 : "memory");
	return r;
}

static void say(const char *s)
{
	long n = 0;

	while (s[n])
		n++;
	by_vdso(NR_WRITE, 1, (long)s, n);
}

void run(const unsigned long *stack);
void run(const unsigned long *stack)
{
	const unsigned char *code;
	unsigned right = 0;
	long parent;

	stack += *stack + 2; /* argc, argv */
	while (*stack++)
		; /* environment */
	for (; *stack; stack += 2)
		if (*stack == AT_SYSINFO)
			way = stack[1];
	if (!way)
		by_interrupt(NR_EXIT, 1, 0, 0);
	/* The instruction comes after what saves registers. */
	for (code = (const unsigned char *)way; *code != 0x0f && (*code != 0xcd || code[1] != 0x80);
	     code++)
		;
	say(*code == 0xcd ? "int80 " : code[1] == 0x34 ? "sysenter " : "syscall ");
	parent = by_interrupt(NR_GETPPID, 0, 0, 0);
	for (unsigned i = 0; i < CALLS; i++)
		right += by_vdso(NR_GETPPID, 0, 0, 0) == parent;
	say(right == CALLS ? "right\n" : "wrong\n");
	by_vdso(NR_EXIT, right != CALLS, 0, 0);
}

__asm__(".globl _start\n"
	"_start:\n"
	"	movl %esp, %eax\n"
	"	andl $-16, %esp\n"
	"	subl $12, %esp\n"
	"	pushl %eax\n"
	"	call run\n"
	"	hlt\n");
