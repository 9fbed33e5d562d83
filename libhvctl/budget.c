// SPDX-License-Identifier: LGPL-2.1-or-later
#include "budget.h"

static void come_back(struct budget *budget, const struct budget_rate *rate, uint64_t now)
{
	uint64_t elapsed = now > budget->at ? now - budget->at : 0;

	/* Divided, since a long time multiplied would run over. */
	if (rate->burst && elapsed >= (budget->spent + rate->burst - 1) / rate->burst)
		budget->spent = 0;
	else
		budget->spent -= elapsed * rate->burst;
	budget->at = now;
}

bool budget_take(struct budget *budget, const struct budget_rate *rate, uint64_t units,
		 uint64_t now)
{
	uint64_t cost = units * rate->period;

	come_back(budget, rate, now);
	if (budget->spent + cost > rate->burst * rate->period)
		return false;
	budget->spent += cost;
	return true;
}

uint64_t budget_spend(struct budget *budget, const struct budget_rate *rate, uint64_t units,
		      uint64_t now)
{
	uint64_t most = rate->burst * rate->period;

	come_back(budget, rate, now);
	budget->spent += units * rate->period;
	if (budget->spent <= most)
		return 0;
	if (!rate->burst)
		return UINT64_MAX;
	return (budget->spent - most + rate->burst - 1) / rate->burst;
}

bool line_budget_take(struct line_budget *lines, const struct budget_rate *rate, uint64_t now,
		      uint64_t *suppressed)
{
	if (!budget_take(&lines->budget, rate, 1, now)) {
		lines->suppressed++;
		return false;
	}
	*suppressed = lines->suppressed;
	lines->suppressed = 0;
	return true;
}
