/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ABI_EACH_H
#define ABI_EACH_H

/* Applies m(t, x) to each x of up to 256 arguments. Scanned again and again, EACH_NEXT is EACH_. */
#define SCAN_4(...)	     __VA_ARGS__
#define SCAN_16(...)	     SCAN_4(SCAN_4(SCAN_4(SCAN_4(__VA_ARGS__))))
#define SCAN_64(...)	     SCAN_16(SCAN_16(SCAN_16(SCAN_16(__VA_ARGS__))))
#define SCAN_256(...)	     SCAN_64(SCAN_64(SCAN_64(SCAN_64(__VA_ARGS__))))
#define NOTHING
#define EACH(m, t, ...)	     SCAN_256(EACH_(m, t, __VA_ARGS__))
#define EACH_(m, t, x, ...)  m(t, x) __VA_OPT__(EACH_NEXT NOTHING()(m, t, __VA_ARGS__))
#define EACH_NEXT()	     EACH_

#endif
