/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_LIB_LATENCY_H
#define ANNULUS_LIB_LATENCY_H

#include "lib/spinlock.h"

/*
 * latency=1 at boot: the longest that each GLOBAL_LOCK() was held, the longest stretch with
 * interrupts off in ring 0 and the longest interrupt, in cycles of the TSC, with where that was.
 * Shown by debug key 'l' and when the last domain has ended. Under an emulator that counts
 * instructions a cycle is one, so that tests can assert bounds.
 *
 * All of it is patched in (lib/latency_site.h): without it not one instruction more is executed.
 * What it does itself is in the numbers when a short hold lies in a longer one.
 */
struct latency {
	const char *name;
	u64 longest, start; /* start: under the lock, 0: taken before it was kept */
	vaddr_t where;	    /* the end of it */
	vaddr_t from;	    /* of a stretch with interrupts off, its beginning */
};

/* From here on, if latency=1 was given: what boot does is nobody's to provoke. Boot CPU. */
void latency_begin(void);
/* Is it to be patched in? By the command line. */
bool latency_wanted(void);
u64 latency_clock(void);
/* `cycles` were spent in `m`, which the caller has for itself. True: it is the longest so far. */
bool latency_note(struct latency *m, u64 cycles, vaddr_t where);
/* One line each on the console. */
void latency_show(void);

/*
 * What the patched code does. began: the CPU has switched interrupts off, or came into ring 0 by a
 * gate that does; ended: it is about to switch them on, or to leave for a guest. Interrupts off.
 * Without a began before it, ended does nothing.
 */
void latency_stretch_began(vaddr_t where);
void latency_stretch_ended(vaddr_t where);
/* An interrupt was served, from `start` (latency_clock()) to now. Interrupts off. */
void latency_interrupt_ended(u64 start, vaddr_t where);

#ifdef ANNULUS_UNIT
#define GLOBAL_LOCK(lock, text)               static struct spinlock lock = SPINLOCK_INIT
#define global_lock(lock)                     spin_lock(&(lock))
#define global_unlock(lock)                   spin_unlock(&(lock))
#define global_lock_irqsave(lock)             spin_lock_irqsave(&(lock))
#define global_unlock_irqrestore(lock, flags) spin_unlock_irqrestore(&(lock), flags)
#else
/* The image's, from the linker. */
extern struct latency _latency_start[], _latency_end[];

/*
 * A file's static lock that is for the whole machine, and the functions that take its places. The
 * one that takes it begins to count when it has it, the one that releases it has no count after.
 */
#define GLOBAL_LOCK(lock, text)                                                                    \
	static struct spinlock lock __attribute__((used)) = SPINLOCK_INIT;                         \
	static struct latency lock##_latency                                                       \
		__attribute__((used, aligned(8), section(".data.latency"))) = { .name = text };    \
	__asm__(".pushsection .text\n"                                                             \
		"	.type " #lock "_take, @function\n"                                         \
		#lock "_take:\n"                                                                   \
		"	lock xaddw %ax, " #lock "+2(%rip)\n"                                       \
		"1:	cmpw %ax, " #lock "(%rip)\n"                                               \
		"	je 2f\n"                                                                   \
		"	pause\n"                                                                   \
		"	jmp 1b\n"                                                                  \
		"2:	pushq %rax\n"                                                              \
		"	leaq " #lock "_latency(%rip), %rax\n"                                      \
		"	call latency_lock_taken\n"                                                 \
		"	popq %rax\n"                                                               \
		"	ret\n"                                                                     \
		"	int3\n"                                                                    \
		"	.size " #lock "_take, . - " #lock "_take\n"                                \
		"	.type " #lock "_drop, @function\n"                                         \
		#lock "_drop:\n"                                                                   \
		"	pushq %rax\n"                                                              \
		"	leaq " #lock "_latency(%rip), %rax\n"                                      \
		"	call latency_lock_dropped\n"                                               \
		"	popq %rax\n"                                                               \
		"	addw $1, " #lock "(%rip)\n"                                                \
		"	ret\n"                                                                     \
		"	int3\n"                                                                    \
		"	.size " #lock "_drop, . - " #lock "_drop\n"                                \
		".popsection\n")

/* spin_lock(), spin_unlock() of that lock, each with one instruction that can be patched. */
#define global_lock(lock)                                                                          \
	do {                                                                                       \
		u16 ticket_ = 1;                                                                   \
                                                                                                   \
		__asm__ inline volatile("771: lock xaddw %0, " #lock "+2(%%rip)\n"                 \
					LATENCY_CALL(#lock "_take", 4)                             \
					: "+a"(ticket_)::"memory", "cc");                          \
		while (__atomic_load_n(&(lock).head, __ATOMIC_ACQUIRE) != ticket_)                 \
			cpu_relax();                                                               \
	} while (0)
#define global_unlock(lock)                                                                        \
	__asm__ inline volatile("771: addw $1, " #lock "(%%rip)\n"                                 \
				LATENCY_CALL(#lock "_drop", 3) ::: "memory", "cc")
#define global_lock_irqsave(lock)                                                                  \
	({                                                                                         \
		u64 flags_ = local_irq_save();                                                     \
                                                                                                   \
		global_lock(lock);                                                                 \
		flags_;                                                                            \
	})
#define global_unlock_irqrestore(lock, flags)                                                      \
	do {                                                                                       \
		global_unlock(lock);                                                               \
		local_irq_restore(flags);                                                          \
	} while (0)
#endif

#endif
