// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/machine/screen.c hypervisor/memory/e820.c tests/unit/sim/sim.c
//
// The frame buffer: which are taken, what is drawn where in each format, that only what changed is,
// and what happens when it is full.

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#include "cpu/cpu.h"
#include "machine/efi.h"
#include "machine/screen.h"
#include "machine/timer.h"
#include "memory/e820.h"
#include "memory/ioremap.h"

#define WIDTH  64
#define HEIGHT 64
#define PITCH  (WIDTH * 4 + 32)
#define START  0x200000000ULL /* above what the boot tables map */

struct efi_info efi_info;

/* Each character's glyph is one line: its code, in the third row of pixels. */
#define GLYPH(c) [((c) - 32) * 16 + 2] = (c)
const u8 screen_font[95 * 16] = { GLYPH('A'), GLYPH('B'), GLYPH('C'), GLYPH('?') };
const u8 screen_font_end[1];

static u8 memory[PITCH * HEIGHT + 64];

void *ioremap_wc(paddr_t pa, size_t len)
{
	CU_ASSERT_EQUAL(pa, START);
	CU_ASSERT_TRUE(len <= sizeof(memory));
	return memory;
}

static void (*timer_fn)(void *);
static unsigned timers_set;

void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned cpu)
{
	(void)t, (void)arg, (void)cpu;
	timer_fn = fn;
}

void timer_set(struct timer *t, u64 expires)
{
	(void)t, (void)expires;
	timers_set++;
}

u64 system_time(void)
{
	return 1;
}

void printk(const char *fmt, ...)
{
	(void)fmt;
}

static struct framebuffer good(unsigned bits)
{
	struct framebuffer f = { START, PITCH, WIDTH, HEIGHT, (u8)bits,
				 { 16, 8, 0 }, { 8, 8, 8 } };

	if (bits == 16 || bits == 15) {
		static const u8 p16[3] = { 11, 5, 0 }, s16[3] = { 5, 6, 5 },
				p15[3] = { 10, 5, 0 }, s15[3] = { 5, 5, 5 };

		memcpy(f.position, bits == 16 ? p16 : p15, 3);
		memcpy(f.size, bits == 16 ? s16 : s15, 3);
	}
	return f;
}

static void put(const char *s)
{
	while (*s)
		screen_put(*s++);
}

static bool pixel(unsigned x, unsigned y, unsigned bytes)
{
	const u8 *p = memory + y * PITCH + x * bytes;

	for (unsigned i = 0; i < bytes; i++)
		if (p[i] && p[i] != 0xee)
			return true;
	return false;
}

/* The character that was drawn in a cell: ' ', or 0 if the cell was left alone. */
static char drawn_at(unsigned row, unsigned column, unsigned bytes)
{
	const u8 *p = memory + (row * 16 + 2) * PITCH + column * 8 * bytes;
	u8 c = 0;

	if (p[0] == 0xee)
		return 0;
	for (unsigned i = 0; i < 8; i++)
		c |= pixel(column * 8 + i, row * 16 + 2, bytes) ? 0x80 >> i : 0;
	return c ? (char)c : ' ';
}

static void refuse(struct framebuffer f)
{
	screen_keep(&f);
	CU_ASSERT_PTR_NULL(screen_framebuffer());
}

TEST(test_refused, "frame buffers that are none")
{
	struct framebuffer f = good(32);

	f.bits = 8;
	refuse(f);
	f = good(32);
	f.width = 7;
	refuse(f);
	f = good(32);
	f.height = 31;
	refuse(f);
	f = good(32);
	f.pitch = WIDTH * 4 - 1;
	refuse(f);
	f = good(32);
	f.pitch = 0x10000;
	refuse(f);
	f = good(32);
	f.bits = 15;
	f.width = 0x8001;
	f.pitch = 0xffff;
	refuse(f);
	f = good(32);
	f.height = 0x8001;
	refuse(f);
	f = good(32);
	f.start = ~0ULL - 100;
	refuse(f);
	for (unsigned i = 0; i < 3; i++) {
		f = good(32);
		f.size[i] = 0;
		refuse(f);
		f.size[i] = 9;
		refuse(f);
		f.size[i] = 8;
		f.position[i] = 25;
		refuse(f);
	}
}

TEST(test_draw, "text in each format, only what changed, half of it moves up")
{
	static const unsigned formats[] = { 32, 24, 16, 15 };

	for (unsigned k = 0; k < ARRAY_SIZE(formats); k++) {
		unsigned bits = formats[k], bytes = DIV_ROUND_UP(bits, 8U);
		struct framebuffer f = good(bits);

		screen_keep(&f);
		CU_ASSERT_PTR_NOT_NULL_FATAL(screen_framebuffer());
		screen_init();
		screen_unmap();
		put("\n\n\n\n\n\n"); /* from the last format */
		screen_map();
		screen_draw(false);
		memset(memory, 0xee, sizeof(memory));
		put("AB\r\nC\x80");
		screen_draw(false);
		CU_ASSERT_EQUAL(drawn_at(2, 0, bytes), 'A');
		CU_ASSERT_EQUAL(drawn_at(2, 1, bytes), 'B');
		CU_ASSERT_EQUAL(drawn_at(2, 2, bytes), 0);
		CU_ASSERT_EQUAL(drawn_at(3, 0, bytes), 'C');
		CU_ASSERT_EQUAL(drawn_at(3, 1, bytes), '?');
		CU_ASSERT_EQUAL(drawn_at(1, 0, bytes), 0);
		/* A pixel's own value: grey, nothing in bits of no colour. */
		if (bits == 32)
			CU_ASSERT_EQUAL(*(u32 *)(memory + (2 * 16 + 2) * PITCH + 4), 0xaaaaaa);
		if (bits == 16)
			CU_ASSERT_EQUAL(*(u16 *)(memory + (2 * 16 + 2) * PITCH + 2), 0xad55);
		/* The fifth line: the lower half goes up, the rest is empty. */
		memset(memory, 0xee, sizeof(memory));
		put("\nA");
		screen_draw(false);
		CU_ASSERT_EQUAL(drawn_at(0, 0, bytes), 'A');
		CU_ASSERT_EQUAL(drawn_at(1, 1, bytes), '?');
		CU_ASSERT_EQUAL(drawn_at(2, 0, bytes), 0); /* it was an A already */
		CU_ASSERT_EQUAL(drawn_at(3, 0, bytes), ' ');
		/* Nothing beyond a line's pixels. */
		for (unsigned y = 0; y < HEIGHT; y++)
			for (unsigned i = WIDTH * bytes; i < PITCH; i++)
				CU_ASSERT_EQUAL(memory[y * PITCH + i], 0xee);
		/* A line that is too long goes on in the next. */
		put("\n12345678B");
		screen_draw(false);
		CU_ASSERT_EQUAL(drawn_at(2, 0, bytes), 'B');
	}
}

TEST(test_keep, "kept or not, and by a timer")
{
	CU_ASSERT_FALSE(screen_keeps()); /* without vga=keep */
	screen_begin_timer();
	CU_ASSERT_EQUAL(timers_set, 1);
	memset(memory, 0xee, sizeof(memory));
	put("\nB");
	CU_ASSERT_EQUAL(drawn_at(3, 0, 2), 0);
	timer_fn(NULL);
	CU_ASSERT_EQUAL(drawn_at(3, 0, 2), 'B');
	CU_ASSERT_EQUAL(timers_set, 2);
}

static void not_drawn_on(void)
{
	memset(memory, 0xee, sizeof(memory));
	put("\nA");
	screen_draw(true);
	for (unsigned i = 0; i < sizeof(memory); i++)
		CU_ASSERT_EQUAL(memory[i], 0xee);
}

TEST(test_out_of_reach, "one that no page-table entry can name")
{
	struct framebuffer f = good(32);

	cpu_features.phys_bits = 33;
	screen_keep(&f);
	screen_unmap();
	screen_map();
	CU_ASSERT_PTR_NULL(screen_framebuffer());
	cpu_features.phys_bits = 40;
	f.height = 0x8000;
	f.pitch = 0xffff;
	screen_keep(&f);
	screen_map();
	CU_ASSERT_PTR_NULL(screen_framebuffer());
	not_drawn_on();
}

TEST(test_in_ram, "one that is said to be in free memory is not drawn on")
{
	struct framebuffer f = good(32);

	machine_e820.n = 1;
	machine_e820.e[0] = (struct e820_range){ 0x100000, START - 0x100000 + 1, E820_RAM };
	efi_info.present = true; /* or it would be VGA's text */
	screen_keep(&f);
	screen_unmap();
	screen_init();
	screen_map();
	CU_ASSERT_PTR_NULL(screen_framebuffer());
	not_drawn_on();
}

static void wide(void)
{
	cpu_features.phys_bits = 40;
}

SUITE("screen", .begin = wide)
