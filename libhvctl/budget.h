/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Budgets: what a domain can make a process of dom0 do, write or use up is paid out of a budget of
 * that domain's. A budget is a bucket: so many units at once, and the same number again over a
 * period. Whatever is zero is a full one. Times are milliseconds of a clock that never goes back,
 * and come from the caller. Nothing here locks.
 */
#ifndef HVCTL_BUDGET_H
#define HVCTL_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* How much there is; one can serve many budgets. burst * period must be below 2^62. */
struct budget_rate {
	uint64_t burst;			/* units at once; 0: nothing at all */
	uint64_t period;		/* ms in which they come back, at least 1 */
};

struct budget {
	uint64_t spent;			/* units times ms of the period, not yet come back */
	uint64_t at;			/* ms: as of when */
};

/* budget_take - take @units if they are there. Returns whether they were. */
bool budget_take(struct budget *budget, const struct budget_rate *rate, uint64_t units,
		 uint64_t now);

/*
 * budget_spend - take @units that have been used already, whether they were there or not.
 * Returns the ms until the debt has come back: 0 without a debt, UINT64_MAX if it never will.
 */
uint64_t budget_spend(struct budget *budget, const struct budget_rate *rate, uint64_t units,
		      uint64_t now);

/* A budget of lines for a log, with the number of those that it did not suffice for. */
struct line_budget {
	struct budget budget;
	uint64_t suppressed;
};

/*
 * line_budget_take - whether a line may be written now. If so, *@suppressed receives how many
 * before it could not, since the last call that allowed one, and whoever writes the line says so.
 */
bool line_budget_take(struct line_budget *lines, const struct budget_rate *rate, uint64_t now,
		      uint64_t *suppressed);

#endif
