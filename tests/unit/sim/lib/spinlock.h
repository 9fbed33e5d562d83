/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_LIB_SPINLOCK_H
#define ANNULUS_LIB_SPINLOCK_H

/*
 * The locks of the simulated machine: a thread is a CPU. Taking a lock twice, releasing one that is
 * not held and waiting for a lock of interrupt handlers with interrupts on are mistakes that end
 * the test (sim.c).
 */
#include "lib/types.h"

struct spinlock {
	u32 owner; /* thread number, 0: free */
};

#define SPINLOCK_INIT { 0 }

static inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

u64 local_irq_save(void);
void local_irq_restore(u64 flags);
void local_irq_disable(void);
void local_irq_enable(void);
bool local_irq_enabled(void);
void spin_lock_init(struct spinlock *l);
void spin_lock(struct spinlock *l);
bool spin_trylock(struct spinlock *l);
void spin_unlock(struct spinlock *l);
bool spin_is_locked(const struct spinlock *l);

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
