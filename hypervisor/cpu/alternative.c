// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/alternative.h"
#include "cpu/cpu.h"
#include "cpu/msr.h"

void __init alternatives_apply(u32 on)
{
	u64 cr0 = read_cr0();
	u32 a, b, c, d;

	write_cr0(cr0 & ~CR0_WP);
	alternatives_write(_alternatives_start, _alternatives_end, on);
	write_cr0(cr0);
	/* A serialising instruction: what was fetched before is forgotten (SDM vol. 3A, 8.1.3). */
	cpuid(0, 0, &a, &b, &c, &d);
}
