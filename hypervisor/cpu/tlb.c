// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/tlb.h"
#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "cpu/msr.h"
#include "cpu/root_copies.h"
#include "cpu/vectors.h"
#include "lib/cmdline.h"
#include "lib/latency.h"
#include "lib/printk.h"

#ifndef NDEBUG
/* For tests: so many ticks after boot began the clock's low half wraps; 0: when it does. */
static u64 opt_tlb_clock;
OPTION_U64("tlb-clock", opt_tlb_clock);
#endif

void tlb_flush_local(unsigned flags)
{
	u64 irq = local_irq_save();
	/* Before the flush: what loses its type from now on is not covered by it. */
	u64 now = tlb_tick();
	struct cpu *c = this_cpu();

	if (cpu_features.pge) {
		/* Clearing CR4.PGE flushes everything, global entries too (SDM vol. 3A, 4.10.4.1).
		 */
		write_cr4(c->cr4 & ~CR4_PGE);
		write_cr4(c->cr4);
	} else {
		write_cr3(read_cr3());
	}
	/* Tagged entries are left: who would use them is given another tag. */
	c->guest_tlb_stale = true;
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
GLOBAL_LOCK(flush_lock, "flush lock");
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

u64 tlb_requests[NR_CPUS];

static void flush_interrupt(struct regs *r)
{
	cpumask_t me = CPU_MASK(cpu_id());

	(void)r;
	if (atomic_read(&flush_waiting) & me) {
		tlb_requests[cpu_id()]++;
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
	/*
	 * Interrupts stay on while waiting: the holder may be waiting for us. No handler and no
	 * function of on_cpus() comes here, so a ticket is never taken on top of another.
	 */
	global_lock(flush_lock);
	flush_all = all;
	flush_flags = flags;
	flush_va = va;
	flush_order = order;
	atomic_set(&flush_waiting, others);
	apic_send_ipi_mask(others, TLB_FLUSH_VECTOR);
	while (atomic_read(&flush_waiting))
		cpu_relax();
	global_unlock(flush_lock);
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
	vector_register(TLB_FLUSH_VECTOR, flush_interrupt);
#ifndef NDEBUG
	if (opt_tlb_clock && opt_tlb_clock < BIT(30)) {
		/* Forward, and no other CPU runs yet: as if that many flushes had been. */
		tlb_clock = BIT(32) + 1 - opt_tlb_clock * TLB_TICK;
		printk(LOG_INFO "tlb: the low half of the clock wraps in %llu ticks\n",
		       (unsigned long long)opt_tlb_clock);
	}
#endif
}
