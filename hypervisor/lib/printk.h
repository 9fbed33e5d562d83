/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_LIB_PRINTK_H
#define ANNULUS_LIB_PRINTK_H

#include <stdarg.h>
#include "lib/types.h"
#include "lib/upcalls.h"

/*
 * A message's level is its first byte. LOG_GUEST marks what a guest can provoke: rate limited,
 * level debug.
 */
#define LOG_ERR   "\001E"
#define LOG_WARN  "\001W"
#define LOG_INFO  "\001I"
#define LOG_DEBUG "\001D"
#define LOG_GUEST "\001G"

/* printk() and panic(): lib/upcalls.h. */
void vprintk(const char *fmt, va_list ap);
/*
 * panic_begin() - what panic() does before it speaks, for who has more to say: the other CPUs are
 * stopped, printk() waits for no lock any more. Any context, NMI, #MC and #DF too; panic() follows.
 */
void panic_begin(void);

#define BUG() panic("BUG at %s:%d\n", __FILE__, __LINE__)
#define BUG_ON(c)                                                            \
	do {                                                                 \
		if (unlikely(c))                                             \
			panic("BUG at %s:%d: %s\n", __FILE__, __LINE__, #c); \
	} while (0)
#ifdef NDEBUG
#define ASSERT(c) ((void)sizeof(c))
#else
#define ASSERT(c) BUG_ON(!(c))
#endif

/*
 * snprintf() - C's, with d i u x X p s c %, the flags - 0 # +, width, precision, and h hh l ll z.
 * Returns the length that the whole output would have had.
 */
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);

#endif
