// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/tlb.h"
#include "cpu/cpu.h"
#include "cpu/msr.h"
#include "machine/apic.h"
#include "machine/irq.h"
#include "machine/vectors.h"
#include "pv/root.h"

/*
 * 0 is "unknown, never safe": a frame stamped 0 is always flushed for, and the clock starts at 1.
 * When it is about to wrap it stops at its last value, where every comparison says "flush"; 2^32
 * flushes are some weeks.
 */
u32 tlb_clock = 1;

u32 tlb_clock_now(void)
{
	return atomic_read(&tlb_clock);
}

cpumask_t tlb_filter(cpumask_t mask, u32 stamp)
{
	cpumask_t out = 0;
	unsigned c;

	mask &= cpus_online;
	for_each_cpu_in(c, mask)
		if (stamp == 0 || READ_ONCE(cpus[c].tlb_stamp) <= stamp)
			out |= CPU_MASK(c);
	return out;
}

void tlb_flush_local(unsigned flags)
{
	u64 irq = local_irq_save();
	u32 now = atomic_read(&tlb_clock);
	struct cpu *c = this_cpu();

	/* The stamp is taken before the flush: what loses its type from now on is not covered by
	 * it. */
	if (now != ~0U)
		now = atomic_add(&tlb_clock, 1);
	if (cpu_features.pge) {
		/* Clearing CR4.PGE flushes everything, global entries too (SDM vol. 3A, 4.10.4.1).
		 */
		write_cr4(c->cr4 & ~CR4_PGE);
		write_cr4(c->cr4);
	} else {
		write_cr3(read_cr3());
	}
	WRITE_ONCE(c->tlb_stamp, now);
	if (flags & TLB_ROOT)
		root_copies_forget();
	local_irq_restore(irq);
}

void tlb_flush_va_local(vaddr_t va)
{
	__asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}

/* One flush at a time; the request is read by the CPUs named in `waiting`. */
static struct spinlock flush_lock = SPINLOCK_INIT;
static vaddr_t flush_va;
static unsigned flush_order, flush_flags;
static bool flush_all;
static volatile cpumask_t flush_waiting;

static void flush_here(bool all, unsigned flags, vaddr_t va, unsigned order)
{
	if (all || order > 5) {
		tlb_flush_local(flags);
		return;
	}
	for (u64 i = 0; i < 1ULL << order; i++)
		tlb_flush_va_local(va + i * PAGE_SIZE);
}

static void flush_interrupt(struct regs *r)
{
	cpumask_t me = CPU_MASK(cpu_id());

	(void)r;
	if (atomic_read(&flush_waiting) & me) {
		flush_here(flush_all, flush_flags, flush_va, flush_order);
		atomic_and(&flush_waiting, ~me);
	}
}

static void flush_on(cpumask_t mask, bool all, unsigned flags, vaddr_t va, unsigned order)
{
	cpumask_t me = CPU_MASK(cpu_id()), others = mask & cpus_online & ~me;

	if (mask & me)
		flush_here(all, flags, va, order);
	if (!others)
		return;
	while (!spin_trylock(&flush_lock))
		cpu_relax();
	flush_all = all;
	flush_flags = flags;
	flush_va = va;
	flush_order = order;
	atomic_set(&flush_waiting, others);
	apic_send_ipi_mask(others, TLB_FLUSH_VECTOR);
	while (atomic_read(&flush_waiting))
		cpu_relax();
	spin_unlock(&flush_lock);
}

void tlb_flush(cpumask_t mask, unsigned flags)
{
	if (mask == CPU_MASK(cpu_id()))
		tlb_flush_local(flags);
	else
		flush_on(mask, true, flags, 0, 0);
}

void tlb_flush_va(cpumask_t mask, vaddr_t va, unsigned order)
{
	flush_on(mask, false, 0, va, order);
}

void __init tlb_init(void)
{
	irq_vector_register(TLB_FLUSH_VECTOR, flush_interrupt);
}
