/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_HVM_X2APIC_H
#define ANNULUS_HVM_X2APIC_H

#include "hvm/apic_timer.h"
#include "lib/types.h"

/*
 * The local APIC of an HVM guest's vCPU (SDM vol. 3A, 10.12; APM vol. 2, 16.11). It begins in
 * x2APIC mode, where all of it is MSRs; the guest may switch it off, and from there to xAPIC mode,
 * where it is a page of memory that nothing else is behind. What it delivers is what the guest's
 * vCPUs send each other, and its timer's. The vCPU's own CPU alone touches it, or who has it
 * paused; but anybody may call x2apic_raise() and x2apic_means(). `now` is system time in ns.
 */
enum x2apic_mode { X2APIC_ON, X2APIC_XAPIC, X2APIC_OFF };
#define X2APIC_LVTS 6
struct x2apic {
	u32 id;             /* the vCPU's number */
	enum x2apic_mode mode;
	u32 ldr, dfr;       /* of xAPIC mode: logical destination, and its format */
	u32 irr[8], isr[8]; /* by vector: asked for (atomic); begun and not ended */
	u32 tpr, spurious;
	u32 lvt[X2APIC_LVTS];
	u64 icr;
	struct apic_timer timer;
};

#define MSR_APIC_BASE	 0x1b
#define X2APIC_MSR_FIRST 0x800
#define X2APIC_MSR_LAST	 0x8ff
#define X2APIC_MSR_ICR	 0x830

/* As after RESET; and as after INIT, which leaves number and mode. */
void x2apic_reset(struct x2apic *a, u32 id);
void x2apic_init(struct x2apic *a);
/*
 * RDMSR, WRMSR of X2APIC_MSR_FIRST to _LAST and of MSR_APIC_BASE. False: #GP, nothing happened.
 * Who wrote X2APIC_MSR_ICR with success sends what x2apic_means() says. Writing MSR_APIC_BASE may
 * switch it off: nobody else raises anything meanwhile.
 */
bool x2apic_read(const struct x2apic *a, u32 msr, u64 now, u64 *value);
bool x2apic_write(struct x2apic *a, u32 msr, u64 now, u64 value);
/*
 * The page, where x2apic_is_page(): `size` bytes (1 to 8) at `offset` of it, all below 4096.
 * Registers are 4 bytes in every 16, and what lies between them is 0. Writes are of one register
 * whole, others do nothing. True: the ICR was written, and who did it sends a->icr.
 */
#define XAPIC_PAGE 0xfee00000ULL
static inline bool x2apic_is_page(const struct x2apic *a)
{
	return a->mode == X2APIC_XAPIC;
}
u64 xapic_read(const struct x2apic *a, unsigned offset, unsigned size, u64 now);
bool xapic_write(struct x2apic *a, unsigned offset, unsigned size, u64 now, u64 value);
/* The vector that is to be delivered next, or -1; and that it has been. */
int x2apic_next(const struct x2apic *a);
void x2apic_accept(struct x2apic *a, u8 vector);
/* Does the task's priority alone hold back what waits? */
bool x2apic_held(const struct x2apic *a);
/*
 * The vector waits to be delivered. X2APIC_NOT_TAKEN: it does not take the vector, being switched
 * off by software, or it is none. X2APIC_WAS_THERE: it waited already, and who raised it wakes.
 */
enum x2apic_raised { X2APIC_NOT_TAKEN, X2APIC_WAS_THERE, X2APIC_TAKEN };
enum x2apic_raised x2apic_raise(struct x2apic *a, u8 vector);

/*
 * All of it as its registers lie in memory, one every four words, and back, which is for one in
 * x2APIC mode: false if a guest could not have brought number `id` there, *a is of no use then.
 */
#define X2APIC_WORDS 256
void x2apic_export(const struct x2apic *a, u64 now, u32 *words);
bool x2apic_import(struct x2apic *a, u32 id, u64 now, const u32 *words);
/* MSR_APIC_BASE of number `id` as after RESET, and as it is. */
u64 x2apic_base(u32 id);
u64 x2apic_base_now(const struct x2apic *a);

/* The task's priority as CR8 has it: a class. One that is another than before has no more to it. */
static inline unsigned x2apic_cr8(const struct x2apic *a)
{
	return a->tpr >> 4;
}

static inline void x2apic_set_cr8(struct x2apic *a, u64 cr8)
{
	if (cr8 != a->tpr >> 4)
		a->tpr = (u32)cr8 << 4;
}

/*
 * The timer. x2apic_timer_run() raises its vector if it has reached 0; x2apic_timer_due() is when
 * to call that next (APIC_TIMER_NEVER: it will not raise any, masked, stopped or without a vector
 * as it is), and x2apic_timer_wakes() whether what it raises would be delivered by what is begun
 * and the task's priority: a look, for one that sleeps.
 */
void x2apic_timer_run(struct x2apic *a, u64 now);
u64 x2apic_timer_due(const struct x2apic *a);
bool x2apic_timer_wakes(const struct x2apic *a);

/* What the ICR `icr`, written by `from`, means for `to`. */
enum x2apic_ipi {
	X2APIC_NOTHING,
	X2APIC_FIXED,
	X2APIC_LOWEST,	/* as FIXED, for one of those for which it means this */
	X2APIC_NMI,
	X2APIC_INIT,
	X2APIC_STARTUP, /* in real mode, at page number (u8)icr */
};
enum x2apic_ipi x2apic_means(u64 icr, const struct x2apic *from, const struct x2apic *to);

#endif
