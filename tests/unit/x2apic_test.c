// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/hvm/x2apic.c hypervisor/hvm/apic_timer.c hypervisor/machine/timescale.c
// sources: hypervisor/image/pvh_acpi.c
//
// The local APIC of an HVM guest, register by register: what is delivered in which order, what ends
// it, and what is a fault; its timer, beside a model of it; and the ACPI tables that tell of it.

#include "suite.h"
#include <string.h>

#include "hvm/x2apic.h"
#include "image/pvh_acpi.h"

static struct x2apic a;
static u64 now;

static u64 get(u32 reg)
{
	u64 v = ~0ULL;

	CU_ASSERT_TRUE(x2apic_read(&a, 0x800 + reg, now, &v));
	return v;
}

static bool set(u32 reg, u64 v)
{
	return x2apic_write(&a, 0x800 + reg, now, v);
}

static void begin(void)
{
	x2apic_reset(&a, 0);
	CU_ASSERT_TRUE(set(0x0f, 0x1ff));
}

TEST(test_order, "the highest first, none of a class that is busy")
{
	CU_ASSERT_EQUAL(x2apic_next(&a), -1);
	CU_ASSERT_TRUE(set(0x3f, 0x31) && set(0x3f, 0x35) && set(0x3f, 0xf0) && set(0x3f, 0xf0));
	CU_ASSERT_EQUAL(get(0x21), 1U << 0x11 | 1U << 0x15);
	CU_ASSERT_EQUAL(get(0x27), 1U << 0x10);
	CU_ASSERT_EQUAL(x2apic_next(&a), 0xf0);
	x2apic_accept(&a, 0xf0);
	CU_ASSERT_EQUAL(get(0x27), 0);
	CU_ASSERT_EQUAL(get(0x17), 1U << 0x10);
	CU_ASSERT_EQUAL(get(0x0a), 0xf0);
	CU_ASSERT_EQUAL(x2apic_next(&a), -1);
	CU_ASSERT_TRUE(set(0x0b, 0));
	CU_ASSERT_EQUAL(x2apic_next(&a), 0x35);
	x2apic_accept(&a, 0x35);
	/* The same class waits, a higher one does not. */
	CU_ASSERT_EQUAL(x2apic_next(&a), -1);
	CU_ASSERT_TRUE(set(0x3f, 0x40));
	CU_ASSERT_EQUAL(x2apic_next(&a), 0x40);
	x2apic_accept(&a, 0x40);
	/* What ends is the highest that began. */
	CU_ASSERT_TRUE(set(0x0b, 0));
	CU_ASSERT_EQUAL(get(0x0a), 0x30);
	CU_ASSERT_TRUE(set(0x0b, 0));
	CU_ASSERT_EQUAL(x2apic_next(&a), 0x31);
	/* The task's priority. */
	CU_ASSERT_TRUE(set(0x08, 0x30));
	CU_ASSERT_EQUAL(x2apic_next(&a), -1);
	CU_ASSERT_EQUAL(get(0x0a), 0x30);
	CU_ASSERT_TRUE(set(0x08, 0x2f));
	CU_ASSERT_EQUAL(get(0x0a), 0x2f);
	CU_ASSERT_EQUAL(x2apic_next(&a), 0x31);
	/* By CR8, which is its class, and what that alone holds back. */
	CU_ASSERT_FALSE(x2apic_held(&a));
	x2apic_set_cr8(&a, 2);
	CU_ASSERT_EQUAL(get(0x08), 0x2f);
	for (unsigned cr8 = 3; cr8 < 16; cr8++) {
		x2apic_set_cr8(&a, cr8);
		CU_ASSERT_EQUAL(get(0x08), cr8 << 4);
		CU_ASSERT_EQUAL(x2apic_cr8(&a), cr8);
		CU_ASSERT_EQUAL(x2apic_next(&a), -1);
		CU_ASSERT_TRUE(x2apic_held(&a));
	}
	x2apic_set_cr8(&a, 2);
	CU_ASSERT_EQUAL(x2apic_next(&a), 0x31);
	/* One too many ends is none. */
	CU_ASSERT_TRUE(set(0x0b, 0));
	CU_ASSERT_EQUAL(x2apic_next(&a), 0x31);
}

TEST(test_ipi, "what comes of the ICR for whom: 1 has written it, and who reads it are 0 to 19")
{
	enum { X = X2APIC_FIXED, L, N, I, S };
	static const struct {
		u64 to;
		u32 what;
		u32 ids;
		int means;
	} rows[] = {
		{ 0, 0x51, 1, X },	       { 1, 0x51, 2, X },   { 19, 0x51, 1 << 19, X },
		{ 0x100, 0x51, 0, X },	       { 20, 0x51, 0, X },  { ~0U, 0x51, 0xfffff, X },
		{ 0, 0x40051, 2, X },	       { 0, 0x80051, 0xfffff, X },
		{ 0, 0xc0051, 0xffffd, X },    { 2, 0xc0051, 0xffffd, X },
		/* Logical: members of one cluster. */
		{ 5, 0x851, 5, X },	       { 0xffff, 0x851, 0xffff, X },
		{ 0x10002, 0x851, 1 << 17, X },{ 0x1fff0, 0x851, 0, X },
		{ 0, 0x851, 0, X },	       { 0x2ffff, 0x851, 0, X },
		{ ~0U, 0x851, 0xfffff, X },
		{ 0, 0x151, 1, L },	       { 6, 0x951, 6, L },
		{ 3, 0x400, 8, N },	       { 0, 0xc0400, 0xffffd, N },
		{ 3, 0x500, 8, I },	       { 1, 0xc500, 2, I }, { 3, 0x4500, 8, I },
		{ 3, 0x8500, 0, I },	       { 0, 0xc0500, 0xffffd, I },
		{ 3, 0x608, 8, S },	       { 0, 0xc0608, 0xffffd, S },
		/* Those words, with self among them, are for fixed ones. */
		{ 0, 0x40151, 0, 0 },	       { 0, 0x80151, 0, 0 }, { 0, 0x40400, 0, 0 },
		{ 0, 0x80400, 0, 0 },	       { 0, 0x40500, 0, 0 }, { 0, 0x80500, 0, 0 },
		{ 0, 0x40608, 0, 0 },	       { 0, 0x80608, 0, 0 },
		/* SMI, and what is reserved. */
		{ 3, 0x200, 0, 0 },	       { 3, 0x300, 0, 0 },  { 3, 0x700, 0, 0 },
	};
	u64 v;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		u64 icr = rows[i].to << 32 | rows[i].what;

		for (u32 id = 0; id < 20; id++) {
			struct x2apic from, to;

			x2apic_reset(&from, 1);
			x2apic_reset(&to, id);
			CU_ASSERT_EQUAL(x2apic_means(icr, &from, &to),
					rows[i].ids >> id & 1 ? rows[i].means : X2APIC_NOTHING);
		}
		/* It is kept, and sends nothing by itself. */
		begin();
		CU_ASSERT_TRUE(set(0x30, icr));
		CU_ASSERT_EQUAL(get(0x30), icr);
		CU_ASSERT_EQUAL(x2apic_next(&a), -1);
	}
	begin();
	CU_ASSERT_FALSE(x2apic_raise(&a, 15));
	CU_ASSERT_EQUAL(get(0x20), 0);
	CU_ASSERT_EQUAL(x2apic_raise(&a, 16), X2APIC_TAKEN);
	/* Who raised it before has woken it: not once more. */
	CU_ASSERT_EQUAL(x2apic_raise(&a, 16), X2APIC_WAS_THERE);
	CU_ASSERT_EQUAL(x2apic_raise(&a, 17), X2APIC_TAKEN);
	CU_ASSERT_EQUAL(x2apic_next(&a), 0x11);
	x2apic_accept(&a, 17);
	CU_ASSERT_EQUAL(x2apic_raise(&a, 17), X2APIC_TAKEN);
	x2apic_accept(&a, 17);
	CU_ASSERT_TRUE(set(0x0b, 0));
	CU_ASSERT_EQUAL(get(0x20), 1U << 16);
	CU_ASSERT_EQUAL(x2apic_next(&a), 0x10);
	/* Each has its number, and but for that of the boot CPU no such bit. */
	x2apic_reset(&a, 13);
	CU_ASSERT_EQUAL(get(0x02), 13);
	CU_ASSERT_EQUAL(get(0x0d), 1U << 13);
	CU_ASSERT_TRUE(x2apic_read(&a, 0x1b, now, &v));
	CU_ASSERT_EQUAL(v, 0xfee00c00);
	CU_ASSERT_TRUE(x2apic_write(&a, 0x1b, now, v));
	CU_ASSERT_FALSE(x2apic_write(&a, 0x1b, now, v | 0x100));
	x2apic_reset(&a, 33);
	CU_ASSERT_EQUAL(get(0x0d), 0x20002);
	/* Switched off by software it takes nothing. */
	CU_ASSERT_TRUE(set(0x0f, 0xff));
	begin();
	CU_ASSERT_TRUE(set(0x0f, 0xff) && set(0x3f, 0x60));
	CU_ASSERT_FALSE(x2apic_raise(&a, 0x60));
	CU_ASSERT_EQUAL(x2apic_next(&a), -1);
}

TEST(test_registers, "which there are, and which bits of them")
{
	static const u8 readable[] = { 0x02, 0x03, 0x08, 0x0a, 0x0d, 0x0f, 0x28, 0x30, 0x38, 0x39,
				       0x3e };
	/* Bits that may be set; what is not here cannot be written. */
	static const struct {
		u8 reg;
		u64 known;
	} writable[] = { { 0x08, 0xff }, { 0x0b, 0 }, { 0x0f, 0x3ff }, { 0x28, 0 },
			 { 0x30, 0xffffffff000ccfffULL }, { 0x32, 0x300ff }, { 0x33, 0x107ff },
			 { 0x34, 0x107ff }, { 0x35, 0x1a7ff }, { 0x36, 0x1a7ff }, { 0x37, 0x100ff },
			 { 0x38, 0xffffffff }, { 0x3e, 0xb }, { 0x3f, 0xff } };
	u64 v;

	for (u32 reg = 0; reg < 0x100; reg++) {
		bool is = (reg >= 0x10 && reg < 0x28) || (reg >= 0x32 && reg <= 0x37);
		const u64 *known = NULL;

		for (size_t i = 0; i < sizeof(readable); i++)
			is |= readable[i] == reg;
		CU_ASSERT_EQUAL(x2apic_read(&a, 0x800 + reg, now, &v), is);
		for (size_t i = 0; i < sizeof(writable) / sizeof(writable[0]); i++)
			if (writable[i].reg == reg)
				known = &writable[i].known;
		CU_ASSERT_EQUAL(set(reg, 0), !!known);
		for (unsigned bit = 0; bit < 64; bit++) {
			begin();
			CU_ASSERT_EQUAL(set(reg, 1ULL << bit), known && *known >> bit & 1);
		}
	}
	begin();
	CU_ASSERT_EQUAL(get(0x02), 0);
	CU_ASSERT_EQUAL(get(0x03), 0x50014);
	CU_ASSERT_EQUAL(get(0x0d), 1);
	CU_ASSERT_EQUAL(get(0x32), 0x10000);
	CU_ASSERT_TRUE(set(0x35, 0x700) && set(0x3e, 0xb) && set(0x08, 0x21));
	CU_ASSERT_EQUAL(get(0x35), 0x700);
	CU_ASSERT_EQUAL(get(0x3e), 0xb);
	CU_ASSERT_EQUAL(get(0x08), 0x21);
	/* It is on, and in this mode, for good. */
	CU_ASSERT_TRUE(x2apic_read(&a, 0x1b, now, &v));
	CU_ASSERT_EQUAL(v, 0xfee00d00);
	CU_ASSERT_TRUE(x2apic_write(&a, 0x1b, now, v));
	for (unsigned bit = 0; bit < 64; bit++)
		CU_ASSERT_FALSE(x2apic_write(&a, 0x1b, now, v ^ 1ULL << bit));
}

/* The vector of the timer has come since; it is taken and ended. */
static bool ticked(u32 vector)
{
	x2apic_timer_run(&a, now);
	if (x2apic_next(&a) != (int)vector)
		return false;
	x2apic_accept(&a, (u8)vector);
	return set(0x0b, 0);
}

TEST(test_timer, "its counter: once, again and again, silent, written while it counts")
{
	now = 1000;
	CU_ASSERT_EQUAL(get(0x39), 0);
	CU_ASSERT_EQUAL(x2apic_timer_due(&a), APIC_TIMER_NEVER);
	/* Once: by the clock itself, and by a half of it, which is what it starts with. */
	CU_ASSERT_TRUE(set(0x3e, 0xb) && set(0x32, 0x40) && set(0x38, 500));
	CU_ASSERT_EQUAL(x2apic_timer_due(&a), 1000 + 5000);
	CU_ASSERT_EQUAL(get(0x38), 500);
	CU_ASSERT_EQUAL(get(0x39), 500);
	now += 4990;
	CU_ASSERT_EQUAL(get(0x39), 1);
	CU_ASSERT_FALSE(ticked(0x40));
	now += 10;
	CU_ASSERT_EQUAL(get(0x39), 0);
	CU_ASSERT_TRUE(ticked(0x40));
	now += 1000000;
	CU_ASSERT_FALSE(ticked(0x40));
	CU_ASSERT_EQUAL(x2apic_timer_due(&a), APIC_TIMER_NEVER);
	CU_ASSERT_TRUE(set(0x3e, 0) && set(0x38, ~0U));
	CU_ASSERT_EQUAL(x2apic_timer_due(&a), now + 20ULL * ~0U);
	/* Stopped; begun anew; what was due before that has come. */
	CU_ASSERT_TRUE(set(0x38, 0));
	CU_ASSERT_EQUAL(x2apic_timer_due(&a), APIC_TIMER_NEVER);
	CU_ASSERT_TRUE(set(0x38, 100));
	now += 1000;
	CU_ASSERT_TRUE(set(0x38, 100));
	now += 1000;
	CU_ASSERT_FALSE(ticked(0x40));
	now += 1000;
	CU_ASSERT_TRUE(set(0x38, 100));
	CU_ASSERT_TRUE(ticked(0x40));
	/* Another divider: the count goes on from where it is. */
	now += 1000;
	CU_ASSERT_TRUE(set(0x3e, 0xa));
	CU_ASSERT_EQUAL(get(0x39), 50);
	CU_ASSERT_EQUAL(x2apic_timer_due(&a), now + 50 * 1280);
	/* Again and again: ticks that nobody took are one. */
	CU_ASSERT_TRUE(set(0x3e, 0xb) && set(0x32, 0x20041) && set(0x38, 100000));
	now += 1000000;
	CU_ASSERT_EQUAL(get(0x39), 100000);
	CU_ASSERT_TRUE(ticked(0x41));
	now += 3300000;
	CU_ASSERT_EQUAL(get(0x39), 70000);
	CU_ASSERT_TRUE(ticked(0x41));
	CU_ASSERT_FALSE(ticked(0x41));
	CU_ASSERT_EQUAL(x2apic_timer_due(&a), now + 700000);
	/* Masked, it counts: what was due meanwhile is nothing later, and what was before, is. */
	now += 700000;
	CU_ASSERT_TRUE(set(0x32, 0x30041));
	CU_ASSERT_TRUE(ticked(0x41));
	CU_ASSERT_EQUAL(x2apic_timer_due(&a), APIC_TIMER_NEVER);
	now += 2000000;
	CU_ASSERT_FALSE(ticked(0x41));
	CU_ASSERT_TRUE(set(0x32, 0x20041));
	CU_ASSERT_FALSE(ticked(0x41));
	CU_ASSERT_EQUAL(x2apic_timer_due(&a), now + 1000000);
	/* No interrupt. */
	CU_ASSERT_TRUE(set(0x32, 0x2000f));
	CU_ASSERT_EQUAL(x2apic_timer_due(&a), APIC_TIMER_NEVER);
	now += 2000000;
	x2apic_timer_run(&a, now);
	CU_ASSERT_EQUAL(get(0x20), 0);
	/* As short as there are: not more often than the bound. */
	CU_ASSERT_TRUE(set(0x32, 0x20041) && set(0x38, 1));
	for (unsigned i = 0; i < 50; i++) {
		CU_ASSERT_EQUAL(x2apic_timer_due(&a), now + 200000);
		CU_ASSERT_EQUAL(get(0x39), 1);
		now += 199999;
		CU_ASSERT_FALSE(ticked(0x41));
		now++;
		CU_ASSERT_TRUE(ticked(0x41));
	}
	/* A task of a higher priority sleeps on; one of a lower does not. */
	CU_ASSERT_TRUE(x2apic_timer_wakes(&a) && set(0x08, 0x3f) && x2apic_timer_wakes(&a));
	CU_ASSERT_TRUE(set(0x08, 0x40));
	CU_ASSERT_FALSE(x2apic_timer_wakes(&a));
	/* Switched off by software, all is masked, and stays so until it is on. */
	CU_ASSERT_TRUE(set(0x37, 0x40) && set(0x0f, 0xff));
	CU_ASSERT_EQUAL(get(0x32), 0x30041);
	CU_ASSERT_EQUAL(get(0x37), 0x10040);
	CU_ASSERT_TRUE(set(0x32, 0x20041));
	CU_ASSERT_EQUAL(get(0x32), 0x30041);
	CU_ASSERT_TRUE(set(0x0f, 0x1ff));
	CU_ASSERT_EQUAL(get(0x32), 0x30041);
	CU_ASSERT_TRUE(set(0x32, 0x20041));
	CU_ASSERT_NOT_EQUAL(x2apic_timer_due(&a), APIC_TIMER_NEVER);
	/* INIT. */
	x2apic_reset(&a, 3);
	now += 1000000;
	x2apic_timer_run(&a, now);
	CU_ASSERT_EQUAL(get(0x38) | get(0x39) | get(0x3e) | get(0x22), 0);
	CU_ASSERT_EQUAL(x2apic_timer_due(&a), APIC_TIMER_NEVER);
}

/* The same, one reload after the other. */
static struct {
	u32 initial, shift, lvt;
	u64 left; /* ns; 0: stopped */
	bool raised;
} model;

static void model_go_on(u64 ns)
{
	u64 full = (u64)model.initial * (10ULL << model.shift);

	while (model.left && ns >= model.left) {
		ns -= model.left;
		model.raised |= !(model.lvt & 0x10000) && (model.lvt & 0xf0);
		model.left = 0;
		if (model.lvt & 0x20000)
			model.left = full < 200000 ? 200000 : full;
	}
	if (model.left)
		model.left -= ns;
}

static u32 model_count(void)
{
	u64 unit = 10ULL << model.shift, count = (model.left + unit - 1) / unit;

	return count < model.initial ? (u32)count : model.initial;
}

TEST(test_model, "thousands of random steps, as the model goes them")
{
	static const u8 divides[] = { 0xb, 0, 1, 2, 3, 8, 9, 0xa };
	u64 ns, full;
	u32 r;

	srand(7);
	now = 12345;
	memset(&model, 0, sizeof(model));
	model.shift = 1;
	model.lvt = 0x10000;
	for (unsigned i = 0; i < 200000; i++) {
		ns = (u64)rand() % (rand() % 4 ? 3000 : 1000000);
		now += ns;
		model_go_on(ns);
		if (rand() % 2)
			x2apic_timer_run(&a, now);
		r = (u32)rand();
		switch (rand() % 8) {
		case 0:
			r = r % 5 ? r % 20000 : 0;
			CU_ASSERT_TRUE_FATAL(set(0x38, r));
			model.initial = r;
			full = (u64)r * (10ULL << model.shift);
			model.left = r && (model.lvt & 0x20000) && full < 200000 ? 200000 : full;
			break;
		case 1:
			ns = model_count();
			model.shift = r % 8;
			CU_ASSERT_TRUE_FATAL(set(0x3e, divides[r % 8]));
			model.left = ns * (10ULL << model.shift);
			break;
		case 2:
			model.lvt = (r & 0x30000) | (r % 3 ? 0x45 : r % 5);
			CU_ASSERT_TRUE_FATAL(set(0x32, model.lvt));
			break;
		default:
			CU_ASSERT_EQUAL_FATAL(get(0x39), model_count());
			break;
		}
		x2apic_timer_run(&a, now);
		CU_ASSERT_EQUAL_FATAL(x2apic_next(&a) == 0x45, model.raised);
		if (model.raised) {
			x2apic_accept(&a, 0x45);
			CU_ASSERT_TRUE_FATAL(set(0x0b, 0));
			model.raised = false;
		}
		/* When it is asked next is when the model has the next one. */
		ns = x2apic_timer_due(&a);
		full = (model.lvt & 0x10000) || !(model.lvt & 0xf0) || !model.left ?
			       APIC_TIMER_NEVER :
			       now + model.left;
		CU_ASSERT_EQUAL_FATAL(ns, full);
	}
}

TEST(test_saved, "all of it as words in memory, and back: it goes on where it was")
{
	u32 words[X2APIC_WORDS], again[X2APIC_WORDS];

	now = 1000;
	CU_ASSERT_TRUE(set(0x3e, 0xb) && set(0x32, 0x20041) && set(0x38, 100000));
	CU_ASSERT_TRUE(set(0x30, 7ULL << 32 | 0x51) && set(0x3f, 0x90) && set(0x3f, 0x55));
	x2apic_accept(&a, 0x90);
	CU_ASSERT_TRUE(set(0x08, 0x23));
	now += 300000;
	x2apic_export(&a, now, words);
	CU_ASSERT_EQUAL(words[0x390 / 4], 70000);
	CU_ASSERT_EQUAL(words[0x310 / 4], 7);
	/* Elsewhere, later. */
	memset(&a, 0xff, sizeof(a));
	now = 50000000;
	CU_ASSERT_TRUE(x2apic_import(&a, 0, now, words));
	x2apic_export(&a, now, again);
	CU_ASSERT_EQUAL(memcmp(words, again, sizeof(words)), 0);
	CU_ASSERT_EQUAL(x2apic_timer_due(&a), now + 700000);
	CU_ASSERT_EQUAL(x2apic_next(&a), -1);
	CU_ASSERT_TRUE(set(0x0b, 0));
	CU_ASSERT_EQUAL(x2apic_next(&a), 0x55);
	/* One that has stopped stays so. */
	CU_ASSERT_TRUE(set(0x32, 0x41));
	now += 1000000;
	x2apic_timer_run(&a, now);
	x2apic_export(&a, now, words);
	CU_ASSERT_EQUAL(words[0x390 / 4], 0);
	CU_ASSERT_TRUE(x2apic_import(&a, 0, now, words));
	CU_ASSERT_EQUAL(x2apic_timer_due(&a), APIC_TIMER_NEVER);
	CU_ASSERT_FALSE(x2apic_import(&a, 1, now, words));
}

TEST(test_looked_at, "who looks at one whose time has come takes nothing away from it")
{
	u32 words[X2APIC_WORDS];
	struct x2apic before;
	u64 due;

	CU_ASSERT_TRUE(set(0x0f, 0x1ff) && set(0x3e, 0xb) && set(0x32, 0x41) && set(0x38, 100000));
	due = x2apic_timer_due(&a);
	now += 5000000;
	before = a;
	x2apic_export(&a, now, words);
	CU_ASSERT_EQUAL(words[0x390 / 4], 0);
	CU_ASSERT_EQUAL(words[(0x200 + 0x41 / 32 * 16) / 4], 1U << (0x41 % 32));
	CU_ASSERT_EQUAL(memcmp(&a, &before, sizeof(a)), 0);
	CU_ASSERT_EQUAL(x2apic_timer_due(&a), due);
	CU_ASSERT_EQUAL(x2apic_next(&a), -1);
}

static u32 word(const u8 *p)
{
	return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

static u8 sum(const u8 *p, u32 n)
{
	u8 s = 0;

	while (n--)
		s = (u8)(s + *p++);
	return s;
}

/* The table at a physical address, if it is whole. */
static const u8 *table(const u8 *buf, u32 at, u32 where, const char *signature)
{
	const u8 *t = buf + (where - at);

	CU_ASSERT_FATAL(where - at < PVH_ACPI_BYTES - 36);
	CU_ASSERT_EQUAL(memcmp(t, signature, 4), 0);
	CU_ASSERT_FATAL(word(t + 4) <= PVH_ACPI_BYTES - (where - at));
	CU_ASSERT_EQUAL(sum(t, word(t + 4)), 0);
	return t;
}

TEST(test_acpi, "tables that a kernel finds its way through")
{
	const u32 at = 0x4a00070;
	u8 buf[PVH_ACPI_BYTES + 1];
	const u8 *xsdt, *fadt, *madt;

	memset(buf, 0xcc, sizeof(buf));
	pvh_acpi_write(buf, at, 1);
	CU_ASSERT_EQUAL(buf[PVH_ACPI_BYTES], 0xcc);
	CU_ASSERT_EQUAL(memcmp(buf, "RSD PTR ", 8), 0);
	CU_ASSERT_EQUAL(sum(buf, 20), 0);
	CU_ASSERT_EQUAL(sum(buf, 36), 0);
	xsdt = table(buf, at, word(buf + 24), "XSDT");
	CU_ASSERT_EQUAL(word(xsdt + 4), 36 + 16);
	fadt = table(buf, at, word(xsdt + 36), "FACP");
	madt = table(buf, at, word(xsdt + 44), "APIC");
	table(buf, at, word(fadt + 40), "DSDT");
	table(buf, at, word(fadt + 140), "DSDT");
	CU_ASSERT_TRUE(word(fadt + 112) & 1U << 20);
	/* One APIC, with number 0, enabled. */
	CU_ASSERT_EQUAL(word(madt + 4), 36 + 8 + 8);
	CU_ASSERT_EQUAL(word(madt + 36), 0xfee00000);
	CU_ASSERT_EQUAL(word(madt + 44), 0x00000800);
	CU_ASSERT_EQUAL(word(madt + 48), 1);
	/* As many as can be: each with the number of its processor. */
	pvh_acpi_write(buf, at, PVH_MAX_VCPUS);
	CU_ASSERT_EQUAL(buf[PVH_ACPI_BYTES], 0xcc);
	xsdt = table(buf, at, word(buf + 24), "XSDT");
	fadt = table(buf, at, word(xsdt + 36), "FACP");
	madt = table(buf, at, word(xsdt + 44), "APIC");
	table(buf, at, word(fadt + 40), "DSDT");
	CU_ASSERT_EQUAL(word(madt + 4), 36 + 8 + 16 * 8);
	for (u32 i = 0; i < 16; i++) {
		CU_ASSERT_EQUAL(word(madt + 44 + i * 8), 0x0800 | i << 16 | i << 24);
		CU_ASSERT_EQUAL(word(madt + 48 + i * 8), 1);
	}
}

/* ---- as a page ---- */

static bool base(u64 value)
{
	return x2apic_write(&a, 0x1b, now, value);
}

static u64 base_now(void)
{
	u64 v = 0;

	CU_ASSERT_TRUE(x2apic_read(&a, 0x1b, now, &v));
	return v;
}

#define ON_X2  0xfee00c00ULL
#define ON_X   0xfee00800ULL
#define ALL_OFF 0xfee00000ULL

static void begin_page(u32 id)
{
	x2apic_reset(&a, id);
	CU_ASSERT_TRUE(base(ALL_OFF | (id ? 0 : 0x100)) && base(ON_X | (id ? 0 : 0x100)));
}

static u32 get4(unsigned offset)
{
	return (u32)xapic_read(&a, offset, 4, now);
}

static void put4(unsigned offset, u32 value)
{
	CU_ASSERT_EQUAL(xapic_write(&a, offset, 4, now, value), offset == 0x300);
}

TEST(test_modes, "x2APIC, xAPIC and off: from each to each")
{
	static const u64 of[] = {
		[X2APIC_ON] = ON_X2, [X2APIC_XAPIC] = ON_X, [X2APIC_OFF] = ALL_OFF,
	};
	/* SDM vol. 3A, 10.12.5: rows are from. */
	static const bool may[3][3] = { { 1, 0, 1 }, { 1, 1, 1 }, { 0, 1, 1 } };

	for (unsigned from = 0; from < 3; from++)
		for (unsigned to = 0; to < 3; to++) {
			x2apic_reset(&a, 5);
			if (from != X2APIC_ON)
				CU_ASSERT_TRUE(base(ALL_OFF));
			if (from == X2APIC_XAPIC)
				CU_ASSERT_TRUE(base(ON_X));
			CU_ASSERT_EQUAL(base_now(), of[from]);
			CU_ASSERT_EQUAL(base(of[to]), may[from][to]);
			CU_ASSERT_EQUAL(base_now(), of[may[from][to] ? to : from]);
			/* Elsewhere, another number's, x2APIC mode of one that is off, reserved. */
			CU_ASSERT_FALSE(base(of[to] ^ 0x1000) || base(of[to] | 0x100) ||
					base(0xfee00400) || base(of[to] | 0x200) ||
					base(of[to] | 1) || base(of[to] | 1ULL << 36));
			CU_ASSERT_EQUAL(base_now(), of[may[from][to] ? to : from]);
		}
	/* MSRs are there in x2APIC mode alone. */
	begin_page(0);
	CU_ASSERT_EQUAL(base_now(), 0xfee00900);
	CU_ASSERT_FALSE(x2apic_read(&a, 0x802, now, &(u64){ 0 }) ||
			x2apic_write(&a, 0x80b, now, 0));
	CU_ASSERT_TRUE(x2apic_is_page(&a));
	/* Who goes on takes along what both have. */
	put4(0xf0, 0x1ff);
	put4(0x80, 0x20);
	put4(0x320, 0x20041);
	put4(0xd0, 0x02000000);
	put4(0xe0, 0x0fffffff);
	put4(0x310, 0x07000000);
	put4(0x300, 0x41);
	CU_ASSERT_EQUAL(x2apic_raise(&a, 0x61), X2APIC_TAKEN);
	CU_ASSERT_TRUE(base(ON_X2 | 0x100));
	CU_ASSERT_FALSE(x2apic_is_page(&a));
	CU_ASSERT_EQUAL(get(0x0f), 0x1ff);
	CU_ASSERT_EQUAL(get(0x08), 0x20);
	CU_ASSERT_EQUAL(get(0x32), 0x20041);
	CU_ASSERT_EQUAL(get(0x0d), 1);
	CU_ASSERT_EQUAL(get(0x30), 0x41);
	CU_ASSERT_EQUAL(x2apic_next(&a), 0x61);
	/* Who is switched off forgets all of it, and takes nothing. */
	CU_ASSERT_TRUE(set(0x38, 100000));
	CU_ASSERT_NOT_EQUAL(x2apic_timer_due(&a), APIC_TIMER_NEVER);
	CU_ASSERT_TRUE(base(ALL_OFF | 0x100));
	CU_ASSERT_EQUAL(x2apic_next(&a), -1);
	CU_ASSERT_EQUAL(x2apic_raise(&a, 0x61), X2APIC_NOT_TAKEN);
	CU_ASSERT_EQUAL(x2apic_timer_due(&a), APIC_TIMER_NEVER);
	CU_ASSERT_TRUE(base(ON_X | 0x100));
	CU_ASSERT_EQUAL(get4(0xf0), 0xff);
	CU_ASSERT_EQUAL(get4(0x80) | get4(0x300) | get4(0x310) | get4(0xd0), 0);
	CU_ASSERT_EQUAL(get4(0xe0), ~0U);
	/* INIT leaves the mode. */
	put4(0xd0, 0x02000000);
	x2apic_init(&a);
	CU_ASSERT_EQUAL(base_now(), 0xfee00900);
	CU_ASSERT_EQUAL(get4(0xd0), 0);
}

TEST(test_page, "the page: registers, widths, what is between them")
{
	begin_page(3);
	CU_ASSERT_EQUAL(get4(0x20), 3U << 24);
	CU_ASSERT_EQUAL(get4(0x30), 0x50014);
	put4(0xf0, ~0U);
	CU_ASSERT_EQUAL(get4(0xf0), 0x3ff);
	/* Reserved bits are not kept, and no fault. */
	put4(0x80, 0xffffff31);
	CU_ASSERT_EQUAL(get4(0x80), 0x31);
	CU_ASSERT_EQUAL(x2apic_cr8(&a), 3);
	put4(0x320, ~0U);
	CU_ASSERT_EQUAL(get4(0x320), 0x300ff);
	put4(0x350, ~0U);
	CU_ASSERT_EQUAL(get4(0x350), 0x1a7ff);
	put4(0x3e0, ~0U);
	CU_ASSERT_EQUAL(get4(0x3e0), 0xb);
	put4(0xd0, ~0U);
	CU_ASSERT_EQUAL(get4(0xd0), 0xff000000);
	put4(0xe0, 0);
	CU_ASSERT_EQUAL(get4(0xe0), 0x0fffffff);
	put4(0x310, ~0U);
	put4(0x300, ~0U);
	CU_ASSERT_EQUAL(get4(0x310), 0xff000000);
	CU_ASSERT_EQUAL(get4(0x300), 0xccfff);
	put4(0x310, 0x01000000);
	CU_ASSERT_EQUAL(get4(0x300), 0xccfff);
	/* What is read-only, or not there at all. */
	put4(0x20, 0x55000000);
	put4(0x30, 0);
	put4(0x3f0, 0x61);
	put4(0x400, 1);
	put4(0xff0, 1);
	put4(0x200, ~0U);
	put4(0x100, ~0U);
	CU_ASSERT_EQUAL(get4(0x20), 3U << 24);
	CU_ASSERT_EQUAL(get4(0x30), 0x50014);
	CU_ASSERT_EQUAL(get4(0x3f0) | get4(0x400) | get4(0xff0) | get4(0x200) | get4(0x100), 0);
	/* Any value ends an interrupt. */
	put4(0x80, 0);
	CU_ASSERT_EQUAL(x2apic_raise(&a, 0x61), X2APIC_TAKEN);
	x2apic_accept(&a, 0x61);
	CU_ASSERT_EQUAL(get4(0x130), 2);
	put4(0xb0, 0xdeadbeef);
	CU_ASSERT_EQUAL(get4(0x130), 0);
	/* Parts, and what reaches over the end of a register. */
	CU_ASSERT_EQUAL(xapic_read(&a, 0x30, 1, now), 0x14);
	CU_ASSERT_EQUAL(xapic_read(&a, 0x32, 2, now), 0x0005);
	CU_ASSERT_EQUAL(xapic_read(&a, 0x23, 1, now), 3);
	CU_ASSERT_EQUAL(xapic_read(&a, 0x31, 8, now), 0x000500);
	CU_ASSERT_EQUAL(xapic_read(&a, 0x34, 8, now), 0);
	CU_ASSERT_EQUAL(xapic_read(&a, 0x2c, 8, now), 0x5001400000000ULL);
	CU_ASSERT_EQUAL(xapic_read(&a, 0xff8, 8, now), 0);
	/* Nothing but a register whole is written. */
	static const struct {
		unsigned offset, size;
	} parts[] = { { 0x80, 1 }, { 0x80, 2 }, { 0x80, 8 }, { 0x81, 4 }, { 0x84, 4 }, { 0x7c, 8 },
		      { 0x300, 8 }, { 0x301, 4 }, { 0x300, 2 }, { 0xff8, 8 } };

	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++)
		CU_ASSERT_FALSE(xapic_write(&a, parts[i].offset, parts[i].size, now, 0x4040404040));
	CU_ASSERT_EQUAL(get4(0x80), 0);
	CU_ASSERT_EQUAL(get4(0x300), 0xccfff);
	/* CR8, in any mode. */
	x2apic_set_cr8(&a, 5);
	CU_ASSERT_EQUAL(get4(0x80), 0x50);
	/* A timer by the page. */
	put4(0x80, 0);
	put4(0x320, 0x71);
	put4(0x380, 1000);
	CU_ASSERT_NOT_EQUAL(x2apic_timer_due(&a), APIC_TIMER_NEVER);
	now = x2apic_timer_due(&a);
	CU_ASSERT_EQUAL(get4(0x390), 0);
	x2apic_timer_run(&a, now);
	CU_ASSERT_EQUAL(x2apic_next(&a), 0x71);
}

TEST(test_page_ipi, "destinations of eight bits, and between the modes")
{
	enum { F = X2APIC_FIXED };
	/* `from` and `to`: x2APIC, or the page. LDR and DFR are those of `to`. */
	static const struct {
		enum x2apic_mode from, to;
		u32 id, ldr, dfr, high, low;
		int means;
	} rows[] = {
		{ X2APIC_XAPIC, X2APIC_XAPIC, 2, 0, ~0U, 0x02000000, 0x61, F },
		{ X2APIC_XAPIC, X2APIC_XAPIC, 2, 0, ~0U, 0x03000000, 0x61, 0 },
		{ X2APIC_XAPIC, X2APIC_XAPIC, 2, 0, ~0U, 0xff000000, 0x61, F },
		{ X2APIC_XAPIC, X2APIC_XAPIC, 2, 0, ~0U, 0xff000000, 0x861, F },
		{ X2APIC_XAPIC, X2APIC_XAPIC, 2, 0x04000000, ~0U, 0x06000000, 0x861, F },
		{ X2APIC_XAPIC, X2APIC_XAPIC, 2, 0x08000000, ~0U, 0x06000000, 0x861, 0 },
		{ X2APIC_XAPIC, X2APIC_XAPIC, 2, 0, ~0U, 0x04000000, 0x861, 0 },
		{ X2APIC_XAPIC, X2APIC_XAPIC, 2, 0x24000000, 0x0fffffff, 0x26000000, 0x861, F },
		{ X2APIC_XAPIC, X2APIC_XAPIC, 2, 0x24000000, 0x0fffffff, 0x16000000, 0x861, 0 },
		{ X2APIC_XAPIC, X2APIC_XAPIC, 2, 0x24000000, 0x0fffffff, 0x23000000, 0x861, 0 },
		{ X2APIC_XAPIC, X2APIC_XAPIC, 2, 0, ~0U, 0, 0xc0061, F },
		{ X2APIC_XAPIC, X2APIC_XAPIC, 1, 0, ~0U, 0, 0xc0061, 0 },
		{ X2APIC_XAPIC, X2APIC_XAPIC, 1, 0, ~0U, 0, 0x40061, F },
		{ X2APIC_XAPIC, X2APIC_ON, 2, 0, 0, 0x02000000, 0x4500, X2APIC_INIT },
		{ X2APIC_XAPIC, X2APIC_ON, 2, 0, 0, 0x02000000, 0x608, X2APIC_STARTUP },
		{ X2APIC_XAPIC, X2APIC_ON, 2, 0, 0, 0x06000000, 0x861, F },
		{ X2APIC_XAPIC, X2APIC_ON, 2, 0, 0, 0xff000000, 0x61, F },
		{ X2APIC_ON, X2APIC_XAPIC, 2, 0, ~0U, 2, 0x61, F },
		{ X2APIC_ON, X2APIC_XAPIC, 2, 0, ~0U, 0x102, 0x61, 0 },
		{ X2APIC_ON, X2APIC_XAPIC, 2, 0, ~0U, ~0U, 0x61, F },
		{ X2APIC_ON, X2APIC_XAPIC, 2, 0x04000000, ~0U, 4, 0x861, F },
		{ X2APIC_ON, X2APIC_XAPIC, 2, 0x04000000, ~0U, 0x104, 0x861, 0 },
		{ X2APIC_ON, X2APIC_XAPIC, 0xff, 0, ~0U, 0xff, 0x61, F },
		/* One that is off is told nothing, not even to begin. */
		{ X2APIC_XAPIC, X2APIC_OFF, 2, 0, ~0U, 0x02000000, 0x61, 0 },
		{ X2APIC_XAPIC, X2APIC_OFF, 2, 0, ~0U, 0xff000000, 0x4500, 0 },
		{ X2APIC_ON, X2APIC_OFF, 2, 0, ~0U, 0, 0x80061, 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct x2apic from, to;

		x2apic_reset(&from, 1);
		from.mode = rows[i].from;
		x2apic_reset(&to, rows[i].id);
		to.mode = rows[i].to;
		to.ldr = rows[i].ldr;
		to.dfr = rows[i].dfr;
		if (x2apic_means((u64)rows[i].high << 32 | rows[i].low, &from, &to) !=
		    (enum x2apic_ipi)rows[i].means)
			CU_FAIL("a destination");
	}
	/* The record of one that is a page is told as the page is, and is not taken. */
	static u32 words[X2APIC_WORDS];

	begin_page(2);
	put4(0xd0, 0x04000000);
	put4(0x310, 0x03000000);
	x2apic_export(&a, now, words);
	CU_ASSERT_EQUAL(words[0x20 / 4], 2U << 24);
	CU_ASSERT_EQUAL(words[0xd0 / 4], 0x04000000);
	CU_ASSERT_EQUAL(words[0xe0 / 4], ~0U);
	CU_ASSERT_EQUAL(words[0x310 / 4], 0x03000000);
	CU_ASSERT_FALSE(x2apic_import(&a, 2, now, words));
}

SUITE("x2apic", .begin = begin)
