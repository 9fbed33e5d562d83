// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Debug registers belong to the guest: watchpoints and breakpoints fire as its own #DB, DR6 tells
 * why, both the hypercalls and the emulated MOV work. What would watch the hypervisor or I/O ports
 * is refused, and a register that does not exist too.
 */
#include "guest.h"

const char test_name[] = "debug-regs";

static volatile uint64_t watched __attribute__((aligned(8)));
static volatile unsigned hits;
static uint64_t hit_rip;

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
	uint64_t v;

	for (long i = 0; i < 4; i++)
		check_eq(hypercall(get_debugreg, i), 0);
	trap_hook = debug;
	check_eq(hypercall(set_debugreg, 0L, &watched), 0);
	check_eq(hypercall(get_debugreg, 0L), (uint64_t)&watched);
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
		check_eq(hypercall(sched_op, (long)SCHEDOP_yield, 0L), 0);
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
	__asm__ volatile("movq %0, %%db1; movq %1, %%db7" ::"r"((uint64_t)target), "r"(0x4UL));
	__asm__ volatile("movq %%db1, %0" : "=r"(v));
	check_eq(v, (uint64_t)target);
	check_eq(probe(execute, target), 1);
	check_eq(probe_frame.rip, (uint64_t)target);
	__asm__ volatile("movq %%db6, %0" : "=r"(v));
	check_eq(v & 2, 2);
	__asm__ volatile("movq %0, %%db7" ::"r"(0UL));
	check_eq(probe(execute, target), -1);

	/* Ours, none, and ports. */
	check_refused(hypercall(set_debugreg, 0L, 0xffff830000000000UL));
	check_refused(hypercall(set_debugreg, 1L, 0xffff82d080000000UL));
	check_refused(hypercall(set_debugreg, 2L, 0xffff800000000000UL));
	check_refused(hypercall(set_debugreg, 3L, 0x0000800000000000UL));
	check_eq(hypercall(get_debugreg, 0L), (uint64_t)&watched);
	check_refused(hypercall(set_debugreg, 7L, 0x1UL << 32));
	check_refused(hypercall(set_debugreg, 7L, 0x00020001UL));
	check_refused(hypercall(set_debugreg, 8L, 0L));
	check_refused(hypercall(set_debugreg, -1L, 0L));
	check((uint64_t)hypercall(get_debugreg, 8L) > -4096UL);
	check((uint64_t)hypercall(get_debugreg, -1L) > -4096UL);
	/* General detect would hide the registers from the hypervisor itself. */
	check_eq(hypercall(set_debugreg, 7L, 0x2000L), 0);
	check_eq(hypercall(get_debugreg, 7L) & 0x2000, 0);
	check_eq(hypercall(set_debugreg, 7L, 0L), 0);
}
