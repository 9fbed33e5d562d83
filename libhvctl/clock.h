/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HVCTL_CLOCK_H
#define HVCTL_CLOCK_H

#include <stdint.h>
#include <time.h>

/* monotonic_ms - milliseconds of a clock that never goes back, whoever sets the other one. */
static inline uint64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* monotonic_us - the same clock's microseconds. */
static inline uint64_t monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

#endif
