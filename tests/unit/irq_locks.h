/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Included first by tests of code with interrupt-safe locks: the host lets nobody turn interrupts
 * off.
 */
#ifndef ANNULUS_LIB_SPINLOCK_H
#define ANNULUS_LIB_SPINLOCK_H

#include <stdlib.h>
#include "lib/types.h"

struct spinlock {
	unsigned held;
};
#define SPINLOCK_INIT { 0 }

static inline void spin_lock_init(struct spinlock *l)
{
	l->held = 0;
}
/* There is one thread: a lock that is held already would never be given. */
static inline void spin_lock(struct spinlock *l)
{
	if (l->held++)
		abort();
}
static inline void spin_unlock(struct spinlock *l)
{
	if (--l->held)
		abort();
}
static inline u64 spin_lock_irqsave(struct spinlock *l)
{
	spin_lock(l);
	return 0;
}
static inline void spin_unlock_irqrestore(struct spinlock *l, u64 flags)
{
	spin_unlock(l);
}
static inline void cpu_relax(void)
{
}

#endif
