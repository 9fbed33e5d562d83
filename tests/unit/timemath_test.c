// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/machine/timescale.c hypervisor/machine/rtc.c
/*
 * Clock arithmetic: scales against 128-bit division, steering, dates against the C library, the
 * CMOS clock's encodings.
 */
#include <stdlib.h>
#include <time.h>
#include "suite.h"

#include "cpu/cpu.h"
#include "machine/acpi.h"
#include "machine/rtc.h"
#include "machine/clock.h"
#include "machine/timescale.h"

#define NS 1000000000ULL

struct acpi_info acpi_info;

/* The CMOS clock of the test machine. */
static u8 cmos_regs[16], cmos_index;
static unsigned cmos_busy, cmos_reads, cmos_tick_at;

void outb(u16 port, u8 v)
{
	if (port == 0x70)
		cmos_index = v;
}

u8 inb(u16 port)
{
	if (port != 0x71)
		return 0xff;
	/* The hour's end, in the middle of reading. */
	if (cmos_tick_at && ++cmos_reads == cmos_tick_at) {
		cmos_regs[0] = 0;
		cmos_regs[2] = 0;
		cmos_regs[4]++;
	}
	if (cmos_index == 0x0a && cmos_busy) {
		cmos_busy--;
		return 0x80;
	}
	return cmos_regs[cmos_index & 15];
}

static u64 random64(void)
{
	return (u64)random() << 42 ^ (u64)random() << 21 ^ (u64)random();
}

static void check_scale(u64 hz)
{
	struct timescale s = timescale_from_hz(hz);
	u64 back;

	CU_ASSERT(s.mul >= BIT(31));
	CU_ASSERT(s.shift >= -3 && s.shift <= 14);
	back = timescale_hz(s);
	CU_ASSERT(back >= hz - hz / 1000000 - 1 && back <= hz + hz / 1000000 + 1);
	for (unsigned i = 0; i < 40; i++) {
		/* Up to about 100 days. */
		u64 ticks = random64() % (hz * 86400 * 100);
		u64 exact = (u64)((unsigned __int128)ticks * NS / hz);
		u64 ns = timescale_ns(s, ticks);

		CU_ASSERT(ns <= exact + 1);
		CU_ASSERT(exact - ns <= exact / 1000000000 * 2 + 16);
	}
}

TEST(scale, "scales of all rates")
{
	static const u64 rates[] = {
		TIMESCALE_HZ_MIN, 1193182, 3579545, 10000000, 50000000, 100000000, 500000000,
		NS - 1, NS, NS + 1, 2 * NS - 1, 2 * NS, 2 * NS + 1, 2445424000, 4 * NS, 4 * NS + 1,
		TIMESCALE_HZ_MAX,
	};

	srandom(1);
	for (unsigned i = 0; i < ARRAY_SIZE(rates); i++)
		check_scale(rates[i]);
	for (unsigned i = 0; i < 2000; i++)
		check_scale(TIMESCALE_HZ_MIN + random64() % (TIMESCALE_HZ_MAX - TIMESCALE_HZ_MIN));
}

TEST(scale_is_monotonic, "a scale is monotonic")
{
	struct timescale s = timescale_from_hz(2445424000);
	u64 last = 0;

	for (u64 t = 0; t < 100000; t++) {
		u64 ns = timescale_ns(s, t);

		CU_ASSERT_FATAL(ns >= last);
		last = ns;
	}
}

/* The same clock from any of its steps, to the ns; a record is never older than a step. */
TEST(steps, "a clock in steps")
{
	for (unsigned i = 0; i < 20000; i++) {
		u64 hz = TIMESCALE_HZ_MIN + random64() % (TIMESCALE_HZ_MAX - TIMESCALE_HZ_MIN);
		u64 start = random64() >> 1, tsc = start + random64() % (hz * 86400 * 100);
		struct timescale exact = timescale_from_hz(hz), s = timescale_stepped(exact);
		struct clock_record r = { start, 12345, s };
		u64 ns = r.ns + timescale_ns(s, tsc - start), last;

		CU_ASSERT_TRUE(s.shift == exact.shift && exact.mul - s.mul < 8);
		clock_record_advance(&r, tsc);
		CU_ASSERT_TRUE(r.tsc <= tsc && r.ns <= ns && ns - r.ns <= NS / 2 + NS / 16);
		CU_ASSERT_EQUAL(r.ns + timescale_ns(s, tsc - r.tsc), ns);
		last = r.ns;
		clock_record_advance(&r, tsc); /* there is no whole step more */
		CU_ASSERT_EQUAL(r.ns, last);
		clock_record_advance(&r, r.tsc - 1); /* another CPU's TSC is behind a little */
		CU_ASSERT_EQUAL(r.ns, last);
		CU_ASSERT_EQUAL(timescale_steps(s, tsc - r.tsc), 0);
	}
}

TEST(ticks_are_never_too_few, "timers are not set short")
{
	srandom(2);
	for (unsigned i = 0; i < 20000; i++) {
		u64 hz = TIMESCALE_HZ_MIN + random64() % (TIMESCALE_HZ_MAX - TIMESCALE_HZ_MIN);
		u64 ns = random64() % (3600 * NS);
		u64 ticks = timescale_ticks(hz, ns, ~0ULL);

		CU_ASSERT((unsigned __int128)ticks * NS >= (unsigned __int128)ns * hz);
		CU_ASSERT(ticks <= (u64)((unsigned __int128)ns * hz / NS) + 1);
	}
	CU_ASSERT_EQUAL(timescale_ticks(1000000, 0, 100), 1);
	CU_ASSERT_EQUAL(timescale_ticks(NS, ~0ULL, 0xffffffff), 0xffffffff);
	CU_ASSERT_EQUAL(timescale_ticks(NS, ~0ULL, ~0ULL), 3600 * NS + 1);
}

TEST(median, "median")
{
	static const u64 orders[6][3] = {
		{ 1, 2, 3 }, { 1, 3, 2 }, { 2, 1, 3 }, { 2, 3, 1 }, { 3, 1, 2 }, { 3, 2, 1 },
	};

	for (unsigned i = 0; i < 6; i++)
		CU_ASSERT_EQUAL(median3(orders[i][0], orders[i][1], orders[i][2]), 2);
	CU_ASSERT_EQUAL(median3(7, 7, 1), 7);
	CU_ASSERT_EQUAL(median3(1, 7, 1), 1);
}

/* A clock that is off agrees with the other one after some epochs and never goes back. */
TEST(steering, "steering")
{
	static const s64 offsets[] = { 0, 1000, -1000, 50000000, -50000000, 300000000, -300000000 };
	const u64 hz = 2400000000;

	for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++) {
		u64 master = 10 * NS, local = (u64)((s64)master + offsets[i]);

		for (unsigned epoch = 0; epoch < 12; epoch++) {
			struct timescale s = timescale_steer(hz, local, master, NS);
			u64 step = timescale_ns(s, hz);

			CU_ASSERT(step >= NS - NS / 15 && step <= NS + NS / 15);
			local += step;
			master += NS;
		}
		CU_ASSERT(local + 100 > master && local < master + 100);
	}
}

TEST(dates, "dates")
{
	srandom(3);
	CU_ASSERT_EQUAL(date_to_seconds(1970, 1, 1, 0, 0, 0), 0);
	CU_ASSERT_EQUAL(date_to_seconds(2000, 2, 29, 23, 59, 59), 951868799);
	for (unsigned i = 0; i < 20000; i++) {
		time_t t = (time_t)(random64() % 7258118400ULL); /* until 2200 */
		struct tm tm;

		gmtime_r(&t, &tm);
		CU_ASSERT_EQUAL((u64)t,
				date_to_seconds((unsigned)tm.tm_year + 1900,
						(unsigned)tm.tm_mon + 1, (unsigned)tm.tm_mday,
						(unsigned)tm.tm_hour, (unsigned)tm.tm_min,
						(unsigned)tm.tm_sec));
	}
}

static u8 bcd(int v)
{
	return (u8)(v / 10 << 4 | v % 10);
}

TEST(cmos, "CMOS clock")
{
	u64 seconds;

	srandom(4);
	for (unsigned i = 0; i < 5000; i++) {
		time_t t = (time_t)(315532800ULL + random64() % 3155673600ULL); /* 1980 to 2079 */
		bool binary = i & 1, h24 = i & 2;
		struct rtc_registers r;
		struct tm tm;
		int hour;

		gmtime_r(&t, &tm);
		hour = h24 ? tm.tm_hour : tm.tm_hour % 12 ? tm.tm_hour % 12 : 12;
#define ENC(v) (binary ? (u8)(v) : bcd(v))
		r.second = ENC(tm.tm_sec);
		r.minute = ENC(tm.tm_min);
		r.hour = ENC(hour) | (!h24 && tm.tm_hour >= 12 ? 0x80 : 0);
		r.day = ENC(tm.tm_mday);
		r.month = ENC(tm.tm_mon + 1);
		r.year = ENC(tm.tm_year % 100);
#undef ENC
		r.status_b = (u8)((binary ? 4 : 0) | (h24 ? 2 : 0));
		CU_ASSERT_FATAL(rtc_decode(&r, &seconds));
		CU_ASSERT_EQUAL(seconds, (u64)t);
	}
}

TEST(cmos_nonsense, "CMOS clock with nonsense in it")
{
	static const struct rtc_registers bad[] = {
		{ 0x60, 0x00, 0x00, 0x01, 0x01, 0x20, 2 }, /* second 60 */
		{ 0x0a, 0x00, 0x00, 0x01, 0x01, 0x20, 2 }, /* no digit */
		{ 0x00, 0x60, 0x00, 0x01, 0x01, 0x20, 2 },
		{ 0x00, 0x00, 0x24, 0x01, 0x01, 0x20, 2 },
		{ 0x00, 0x00, 0x00, 0x01, 0x01, 0x20, 0 }, /* 0 o'clock of 12 */
		{ 0x00, 0x00, 0x13, 0x01, 0x01, 0x20, 0 },
		{ 0x00, 0x00, 0x00, 0x00, 0x01, 0x20, 2 },
		{ 0x00, 0x00, 0x00, 0x01, 0x13, 0x20, 2 },
		{ 0x00, 0x00, 0x00, 0x01, 0x00, 0x20, 2 },
		{ 0x00, 0x00, 0x00, 0x29, 0x02, 0x21, 2 }, /* no leap year */
		{ 0x00, 0x00, 0x00, 0x31, 0x04, 0x21, 2 },
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
	};
	u64 seconds = 77;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		CU_ASSERT_FALSE(rtc_decode(&bad[i], &seconds));
	CU_ASSERT_EQUAL(seconds, 77);
}

static void cmos_set(void)
{
	static const u8 regs[16] = { 0x59, 0, 0x59, 0, 0x11, 0, 2, 0x14, 0x11, 0x23, 0x26, 0x02 };

	for (unsigned i = 0; i < 16; i++)
		cmos_regs[i] = regs[i];
	cmos_busy = cmos_reads = cmos_tick_at = 0;
	acpi_info.no_rtc = false;
}

TEST(cmos_reading, "reading the CMOS clock")
{
	const u64 before = 1699963199; /* 2023-11-14 11:59:59 */
	u64 seconds;

	cmos_set();
	cmos_busy = 50;
	CU_ASSERT(rtc_read(&seconds));
	CU_ASSERT_EQUAL(seconds, before);
	CU_ASSERT_EQUAL(cmos_busy, 0);
	/* Wherever the tick falls, the result is from before or after it. */
	for (unsigned at = 1; at < 24; at++) {
		cmos_set();
		cmos_tick_at = at;
		CU_ASSERT(rtc_read(&seconds));
		CU_ASSERT(seconds == before || seconds == before + 1);
	}
	cmos_set();
	cmos_busy = ~0U; /* one that never gets ready must not stop the boot, nor an absent one */
	CU_ASSERT(rtc_read(&seconds));
	cmos_set();
	acpi_info.no_rtc = true;
	CU_ASSERT_FALSE(rtc_read(&seconds));
	cmos_set();
	cmos_regs[0x0b] = 0xff;
	CU_ASSERT_FALSE(rtc_read(&seconds));
}

TEST(wallclock, "wall clock")
{
	u64 sec = 5;
	u32 nsec = 6;

	CU_ASSERT(wallclock_base(1700000000, 5, 3 * NS + 6, &sec, &nsec));
	CU_ASSERT_EQUAL(sec, 1699999996);
	CU_ASSERT_EQUAL(nsec, 999999999);
	CU_ASSERT(wallclock_base(3, 6, 3 * NS + 6, &sec, &nsec));
	CU_ASSERT(sec == 0 && nsec == 0);
	sec = 5;
	CU_ASSERT_FALSE(wallclock_base(3, 5, 3 * NS + 6, &sec, &nsec));
	CU_ASSERT_FALSE(wallclock_base(0, 5, 6, &sec, &nsec));
	CU_ASSERT_FALSE(wallclock_base(100, NS, 0, &sec, &nsec));
	CU_ASSERT_EQUAL(sec, 5);
}

TEST(periodic, "periodic tick")
{
	bool ticked;

	CU_ASSERT_EQUAL(periodic_next(100, 10, 109, &ticked), 110);
	CU_ASSERT_FALSE(ticked);
	CU_ASSERT_EQUAL(periodic_next(100, 10, 110, &ticked), 120);
	CU_ASSERT_TRUE(ticked);
	/* Missed ones come as one. */
	CU_ASSERT_EQUAL(periodic_next(100, 10, 1234, &ticked), 1240);
	CU_ASSERT_TRUE(ticked);
	CU_ASSERT_EQUAL(periodic_next(100, 10, 50, &ticked), 100);
	CU_ASSERT_FALSE(ticked);
}

SUITE("timemath")
