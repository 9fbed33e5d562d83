// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who has to flush. Let F be the time that a frame was stamped with, S the tick of a CPU's last
 * full flush.
 *
 * If S > F the CPU holds nothing stale of the frame. F was read from the clock after the last entry
 * that led to the frame had been replaced (locked operations: all CPUs' page walks see it so). The
 * clock only grows, so the tick that gave S came after that reading, the emptying of the TLB after
 * the tick, and S was stored after the emptying. What the CPU has, it has walked to since. So
 * S <= F has to flush, S > F has not.
 *
 * A frame keeps F modulo 2^32 only. The clock is read here, after the stamp, so now >= F. Taken for
 * F is F', the latest time up to now with those low bits: F is one of these times, so F <= F'. A
 * CPU with S <= F has S <= F' and is named. So there is no boundary at which anything had to be
 * done, by whomever, before whatever else: no stamp that was read from the clock and is not yet
 * written, no CPU that is idle, no frame that nobody looks at for years can be judged too old.
 *
 * What may happen is F < S <= F', a flush more than needed, for a frame that was stamped more than
 * 2^31 ticks ago; of such frames for one in 2^32 / (now - S), and the flush makes S the time that
 * it is now. Nobody can make others pay for that: who wants a CPU to flush has it cheaper by
 * changing the type of a frame once more.
 *
 * 2^63 ticks are centuries, were all CPUs to do nothing but flush.
 */
#include "cpu/tlb_clock.h"
#include "cpu/cpu.h"

u64 tlb_clock = 1;

cpumask_t tlb_filter(cpumask_t mask, u32 stamp)
{
	cpumask_t out = 0;
	u64 now, time;
	unsigned c;

	mask &= cpus_online;
	if (stamp == TLB_STAMP_NONE)
		return 0;
	if (stamp == TLB_STAMP_UNKNOWN)
		return mask;
	/* The caller's reading of the stamp comes first: F is not later than now. */
	smp_rmb();
	now = atomic_read(&tlb_clock);
	time = now - (u32)((u32)now - stamp);
	for_each_cpu_in(c, mask)
		if (READ_ONCE(cpus[c].tlb_stamp) <= time)
			out |= CPU_MASK(c);
	return out;
}
