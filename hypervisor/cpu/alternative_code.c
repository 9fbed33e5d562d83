// SPDX-License-Identifier: GPL-2.0-or-later
/* What a record of cpu/alternative.h makes of its place. */
#include "cpu/alternative.h"
#include "lib/string.h"

/* The longest of the records that are not copied; those have their bytes in the image. */
#define MADE_MAX 7

/* The record's bytes: in the image, or made in `made` (MADE_MAX bytes). */
static const u8 *__init code_of(const struct alternative *p, u8 *made)
{
	static const u8 call[] = { 0xe8 }, jmp[] = { 0xe9 }, verw[] = { 0x0f, 0x00, 0x2d };
	size_t n = p->length - sizeof(s32);
	s32 offset = (s32)(p->from - (p->place + p->length));

	if (p->kind == ALT_BYTES)
		return (const u8 *)p->from;
	memcpy(made, p->kind == ALT_CALL ? call : p->kind == ALT_JMP ? jmp : verw, n);
	memcpy(made + n, &offset, sizeof(offset));
	return made;
}

void __init alternatives_write(const struct alternative *p, const struct alternative *end, u32 on)
{
	u8 made[MADE_MAX];

	for (; p < end; p++)
		if (p->feature & on)
			memcpy((u8 *)p->place, code_of(p, made), p->length);
}

unsigned __init alternatives_count(const struct alternative *p, const struct alternative *end,
				   u32 feature, unsigned *all)
{
	u8 made[MADE_MAX];
	unsigned n = 0;

	for (*all = 0; p < end; p++) {
		if (p->feature != feature)
			continue;
		++*all;
		n += !memcmp((const u8 *)p->place, code_of(p, made), p->length);
	}
	return n;
}
