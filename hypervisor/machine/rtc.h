/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_RTC_H
#define ANNULUS_MACHINE_RTC_H

#include "lib/types.h"

/*
 * The time registers of the CMOS clock as read, with status register B, which says how they are
 * encoded.
 */
struct rtc_registers {
	u8 second, minute, hour, day, month, year, status_b;
};
/*
 * rtc_decode() - pure: seconds since 1970, taking the clock for UTC. False if the registers hold no
 * valid date.
 */
bool rtc_decode(const struct rtc_registers *r, u64 *seconds);
/* rtc_read() - boot CPU, once. False without a clock that makes sense.. */
bool rtc_read(u64 *seconds);

#endif
