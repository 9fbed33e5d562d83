// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel's own IRET, to itself, as Linux executes one to synchronise its code: no privilege is
 * needed, so nothing of ours comes between. On a CPU with SMAP, too: QEMU's reads the frame with
 * supervisor rights, so that there SMAP has to be left off.
 * bits: 64 32
 * alone: yes
 * cpu: qemu64,-svm,+smep,+smap
 */
#include "guest.h"

const char test_name[] = "own-iret";

static void own_iret(void *arg)
{
#ifdef __i386__
	__asm__ volatile("pushfl; pushl %%cs; pushl $1f; iretl; 1:" ::: "memory");
#else
	unsigned long scratch;

	__asm__ volatile("movq %%rsp, %0; movq %%ss, %%rax; pushq %%rax; pushq %0; pushfq\n"
			 "movq %%cs, %%rax; pushq %%rax; leaq 1f(%%rip), %%rax; pushq %%rax\n"
			 "iretq; 1:" : "=&r"(scratch)::"rax", "memory");
#endif
	(*(int *)arg)++;
}

void test_main(void)
{
	int n = 0;

	for (int i = 1; i <= 100; i++) {
		check_eq(probe(own_iret, &n), -1);
		check_eq(n, i);
	}
}
