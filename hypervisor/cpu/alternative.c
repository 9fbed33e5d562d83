// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/alternative.h"
#include "cpu/cpu.h"
#include "cpu/msr.h"
#include "lib/string.h"

extern const struct alternative _alternatives_start[], _alternatives_end[];

void __init alternatives_apply(u32 on)
{
	u64 cr0 = read_cr0();
	u32 a, b, c, d;

	write_cr0(cr0 & ~CR0_WP);
	for (const struct alternative *p = _alternatives_start; p < _alternatives_end; p++) {
		u8 *place = (u8 *)p->place;

		if (!(p->feature & on))
			continue;
		if (p->kind == ALT_BYTES) {
			memcpy(place, (const void *)p->from, p->length);
		} else {
			static const u8 call[] = { 0xe8 }, jmp[] = { 0xe9 };
			static const u8 verw[] = { 0x0f, 0x00, 0x2d };
			size_t n = p->length - sizeof(s32);
			s32 offset = (s32)(p->from - (p->place + p->length));

			memcpy(place, p->kind == ALT_CALL ? call : p->kind == ALT_JMP ? jmp : verw,
			       n);
			memcpy(place + n, &offset, sizeof(offset));
		}
	}
	write_cr0(cr0);
	/* A serialising instruction: what was fetched before is forgotten (SDM vol. 3A, 8.1.3). */
	cpuid(0, 0, &a, &b, &c, &d);
}
