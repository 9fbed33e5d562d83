/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A row of `make bench`, and what those that are not in micro.c itself take from it. */
#ifndef BENCH_ROW_H
#define BENCH_ROW_H

#include <stdint.h>

struct row {
	const char *name;
	unsigned operations;
	unsigned warm_up; /* operations that go before, untimed */
	uint64_t (*run)(unsigned operations);	/* does them and returns the ticks that they took */
};

/* Those of disk.c, which run only where they are asked for by name; ends with a NULL name. */
extern const struct row disk_rows[];

/* clock_start, clock_stop - ticks of the TSC, between which profile.py's plugin counts, too. */
uint64_t clock_start(void);
uint64_t clock_stop(uint64_t start);

/* die - a line that ends the benchmark, with the error of errno. */
void __attribute__((format(printf, 1, 2), noreturn)) die(const char *format, ...);

#endif
