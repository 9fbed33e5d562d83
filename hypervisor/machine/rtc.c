// SPDX-License-Identifier: GPL-2.0-or-later
/* The CMOS clock (Motorola MC146818 data sheet). dom0 owns it once it runs. */
#include "cpu/cpu.h"
#include "lib/string.h"
#include "machine/acpi.h"
#include "machine/rtc.h"
#include "machine/timescale.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71

#define RTC_SECOND 0x00
#define RTC_MINUTE 0x02
#define RTC_HOUR   0x04
#define RTC_DAY    0x07
#define RTC_MONTH  0x08
#define RTC_YEAR   0x09
#define RTC_A      0x0a
#define RTC_B      0x0b
#define RTC_A_UIP    BIT(7) /* an update is under way */
#define RTC_B_24H    BIT(1)
#define RTC_B_BINARY BIT(2)
#define HOUR_PM      BIT(7)

/* -1 if the digits are none. */
static int decode(u8 v, bool binary)
{
	if (binary)
		return v;
	return (v & 15) > 9 || v >> 4 > 9 ? -1 : (v >> 4) * 10 + (v & 15);
}

bool rtc_decode(const struct rtc_registers *r, u64 *seconds)
{
	static const u8 days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool binary = r->status_b & RTC_B_BINARY, half_day = !(r->status_b & RTC_B_24H);
	int second = decode(r->second, binary), minute = decode(r->minute, binary);
	int hour = decode(half_day ? r->hour & ~HOUR_PM : r->hour, binary);
	int day = decode(r->day, binary), month = decode(r->month, binary);
	int year = decode(r->year, binary);
	int last;

	if (half_day) {
		if (hour < 1 || hour > 12)
			return false;
		hour = hour % 12 + (r->hour & HOUR_PM ? 12 : 0);
	}
	if (second < 0 || second > 59 || minute < 0 || minute > 59 || hour < 0 || hour > 23)
		return false;
	if (month < 1 || month > 12 || year < 0 || year > 99)
		return false;
	/* Two digits of the year: nobody's clock is from before the PC. */
	year += year < 80 ? 2000 : 1900;
	last = days[month - 1] + (month == 2 && year % 4 == 0);
	if (day < 1 || day > last)
		return false;
	*seconds = date_to_seconds((unsigned)year, (unsigned)month, (unsigned)day, (unsigned)hour,
				   (unsigned)minute, (unsigned)second);
	return true;
}

static u8 cmos_read(u8 reg)
{
	outb(CMOS_INDEX, reg);
	return inb(CMOS_DATA);
}

static void read_registers(struct rtc_registers *r)
{
	r->second = cmos_read(RTC_SECOND);
	r->minute = cmos_read(RTC_MINUTE);
	r->hour = cmos_read(RTC_HOUR);
	r->day = cmos_read(RTC_DAY);
	r->month = cmos_read(RTC_MONTH);
	r->year = cmos_read(RTC_YEAR);
	r->status_b = cmos_read(RTC_B);
}

bool rtc_read(u64 *seconds)
{
	struct rtc_registers a, b;

	if (acpi_info.no_rtc || cmos_read(RTC_B) == 0xff)
		return false;
	for (unsigned tries = 0; tries < 100; tries++) {
		/* An update takes 2 ms at most; a port read takes some hundred ns. */
		for (unsigned i = 0; i < 100000 && cmos_read(RTC_A) & RTC_A_UIP; i++)
			cpu_relax();
		read_registers(&a);
		read_registers(&b);
		if (!memcmp(&a, &b, sizeof(a)))
			return rtc_decode(&a, seconds);
	}
	return false;
}
