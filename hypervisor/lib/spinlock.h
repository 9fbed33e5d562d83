/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_LIB_SPINLOCK_H
#define ANNULUS_LIB_SPINLOCK_H

#include "lib/latency_site.h"
#include "lib/types.h"

/*
 * Ticket locks: fair, so that one guest's vCPU cannot starve another's. A holder never sleeps
 * (nothing in ring 0 sleeps). Locks that interrupt handlers take are taken with the _irqsave forms
 * everywhere.
 */
struct spinlock {
	union {
		u32 both;
		struct {
			u16 head, tail;
		};
	};
};

#define SPINLOCK_INIT { { 0 } }

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

static inline u64 local_irq_save(void)
{
	u64 flags = 0; /* only for cppcheck: asm sets it */

	__asm__ inline volatile("pushfq; popq %0\n771: " LATENCY_CLI "\n"
				LATENCY_CALL5("latency_irq_off") : "=r"(flags) :: "memory");
	return flags;
}

static inline void local_irq_disable(void)
{
	__asm__ inline volatile("771: " LATENCY_CLI "\n" LATENCY_CALL5("latency_irq_off")
				::: "memory");
}

static inline void local_irq_enable(void)
{
	__asm__ inline volatile("771: " LATENCY_STI "\n" LATENCY_CALL5("latency_irq_on")
				::: "memory");
}

static inline void local_irq_restore(u64 flags)
{
	if (flags & 0x200)
		local_irq_enable();
}

static inline bool local_irq_enabled(void)
{
	u64 flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags) :: "memory");
	return flags & 0x200;
}

static inline void spin_lock_init(struct spinlock *l)
{
	l->both = 0;
}

static inline void spin_lock(struct spinlock *l)
{
	u16 ticket = __atomic_fetch_add(&l->tail, 1, __ATOMIC_ACQUIRE);

	while (__atomic_load_n(&l->head, __ATOMIC_ACQUIRE) != ticket)
		cpu_relax();
}

static inline bool spin_trylock(struct spinlock *l)
{
	struct spinlock o, n;

	o.both = __atomic_load_n(&l->both, __ATOMIC_RELAXED);
	if (o.head != o.tail)
		return false;
	n = o;
	n.tail++;
	return __atomic_compare_exchange_n(&l->both, &o.both, n.both, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->head, (u16)(l->head + 1), __ATOMIC_RELEASE);
}

static inline bool spin_is_locked(const struct spinlock *l)
{
	return l->head != l->tail;
}

static inline u64 spin_lock_irqsave(struct spinlock *l)
{
	u64 flags = local_irq_save();

	spin_lock(l);
	return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *l, u64 flags)
{
	spin_unlock(l);
	local_irq_restore(flags);
}

#endif
