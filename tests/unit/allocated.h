/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many bytes this program has allocated, for tests of what others can make it keep. */
#ifndef TESTS_UNIT_ALLOCATED_H
#define TESTS_UNIT_ALLOCATED_H

#include <stddef.h>

#ifndef __has_feature
#define __has_feature(what) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
/* Of the sanitizer's interface; mallinfo2() is not told anything then. */
size_t __sanitizer_get_current_allocated_bytes(void);

static inline size_t allocated_bytes(void)
{
	return __sanitizer_get_current_allocated_bytes();
}
#else
#include <malloc.h>

static inline size_t allocated_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}
#endif

#endif
