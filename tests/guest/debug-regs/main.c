// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Debug registers belong to the guest: watchpoints and breakpoints fire as its own #DB, DR6 tells
 * why, both the hypercalls and the emulated MOV work. What would watch the hypervisor or I/O ports
 * is refused, and a register that does not exist too.
 * bits: 64 32
 */
#include "guest.h"

const char test_name[] = "debug-regs";

static volatile unsigned long watched __attribute__((aligned(8)));
static volatile unsigned hits;
static uintptr_t hit_rip;

static bool debug(struct trap_frame *f)
{
	if (f->vector != 1)
		return false;
	hits++;
	hit_rip = f->rip;
	return true;
}

static void target(void)
{
	__asm__ volatile("nop");
}

static void execute(void *arg)
{
	((void (*)(void))arg)();
}

void test_main(void)
{
	struct sched_poll poll = { .nr_ports = 0 };
	unsigned long v;

	for (long i = 0; i < 4; i++)
		check_eq(hypercall(get_debugreg, i), 0);
	trap_hook = debug;
	check_eq(hypercall(set_debugreg, 0L, &watched), 0);
	check_eq(hypercall(get_debugreg, 0L), (uintptr_t)&watched);
	watched = 1;
	check_eq(hits, 0);
	/* L0, write, 8 bytes. */
	check_eq(hypercall(set_debugreg, 7L, 0x00090001L), 0);
	check_eq(hypercall(get_debugreg, 7L), 0x00090401);
	check_eq(hypercall(set_debugreg, 6L, 0L), 0);
	watched = 2;
	check_eq(hits, 1);
	check_eq(hypercall(get_debugreg, 6L) & 0xf, 1);
	v = watched;
	check_eq(v, 2);
	check_eq(hits, 1);
	/* Set here and enabled there: a vcpu may change its CPU between the two. */
	for (int i = 0; i < 200; i++) {
		check_eq(hypercall(set_debugreg, 7L, 0L), 0);
		check_eq(hypercall(set_debugreg, 0L, &watched), 0);
		poll.timeout = system_time() + 100000;
		check_eq(hypercall(sched_op, (long)SCHEDOP_poll, &poll), 0);
		check_eq(hypercall(set_debugreg, 7L, 0x00090001L), 0);
		hits = 0;
		watched = i;
		check_eq(hits, 1);
	}
	/* Still armed after other guests had the CPU. */
	for (int i = 0; i < 20; i++)
		yield();
	hits = 0;
	watched = 3;
	check_eq(hits, 1);
	hits = 2;
	/* A store of the hypervisor on our behalf must not turn into anything else. */
	check_eq(hypercall(xen_version, (long)XENVER_guest_handle, &watched) & 0, 0);
	hits = 2;
	check_eq(hypercall(set_debugreg, 7L, 0L), 0);
	watched = 4;
	check_eq(hits, 2);
	trap_hook = NULL;

	/* Execution, by the emulated instructions: a fault before it, with L1. */
	__asm__ volatile("mov %0, %%db1; mov %1, %%db7" ::"r"((uintptr_t)target), "r"(0x4UL));
	__asm__ volatile("mov %%db1, %0" : "=r"(v));
	check_eq(v, (uintptr_t)target);
	check_eq(probe(execute, target), 1);
	check_eq(probe_frame.rip, (uintptr_t)target);
	__asm__ volatile("mov %%db6, %0" : "=r"(v));
	check_eq(v & 2, 2);
	__asm__ volatile("mov %0, %%db7" ::"r"(0UL));
	check_eq(probe(execute, target), -1);

	/* Ours and none, which a 32-bit guest has no words for, and ports. */
#ifndef __i386__
	check_refused(hypercall(set_debugreg, 0L, 0xffff830000000000UL));
	check_refused(hypercall(set_debugreg, 1L, 0xffff82d080000000UL));
	check_refused(hypercall(set_debugreg, 2L, 0xffff800000000000UL));
	check_refused(hypercall(set_debugreg, 3L, 0x0000800000000000UL));
	check_eq(hypercall(get_debugreg, 0L), (uintptr_t)&watched);
	check_refused(hypercall(set_debugreg, 7L, 0x1UL << 32));
#endif
	check_refused(hypercall(set_debugreg, 7L, 0x00020001UL));
	check_refused(hypercall(set_debugreg, 8L, 0L));
	check_refused(hypercall(set_debugreg, -1L, 0L));
	check((unsigned long)hypercall(get_debugreg, 8L) > -4096UL);
	check((unsigned long)hypercall(get_debugreg, -1L) > -4096UL);
	/* General detect would hide the registers from the hypervisor itself. */
	check_eq(hypercall(set_debugreg, 7L, 0x2000L), 0);
	check_eq(hypercall(get_debugreg, 7L) & 0x2000, 0);
	check_eq(hypercall(set_debugreg, 7L, 0L), 0);
}
