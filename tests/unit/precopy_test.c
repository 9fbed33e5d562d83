// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/precopy.c
/* When pre-copy stops a domain, goes on, and gives up. */
#include "libhvctl/precopy.h"

#include "suite.h"

#define MS	1000ull
#define PAGES	65536ull	/* of 256 MiB */

static struct precopy domain(void)
{
	return (struct precopy){ .downtime = 300 * MS, .overhead = 50 * MS, .pages = PAGES };
}

/*
 * A link of @rate pages a second, a domain that writes @dirty pages a second, never more than
 * @hot different ones. Returns the answer that is not "again"; *@stands: the time without it.
 */
static enum precopy_next simulate(struct precopy *p, uint64_t rate, uint64_t dirty, uint64_t hot,
				  uint64_t *stands)
{
	uint64_t send = p->pages;
	enum precopy_next next;

	do {
		uint64_t time = send * 1000000 / rate, rest = time * dirty / 1000000;

		if (rest > hot)
			rest = hot;
		next = precopy_round(p, send, time, 0, rest);
		*stands = rest * 1000000 / rate + p->overhead;
		send = rest;
		CU_ASSERT_FATAL(p->rounds <= PRECOPY_ROUNDS);
	} while (next == PRECOPY_AGAIN);
	return next;
}

TEST(test_idle, "an idle domain is stopped after the first round")
{
	struct precopy p = domain();
	uint64_t stands;

	CU_ASSERT_EQUAL(simulate(&p, 25000, 10, 1000, &stands), PRECOPY_STOP);
	CU_ASSERT_EQUAL(p.rounds, 1);
	CU_ASSERT(stands <= p.downtime);
}

TEST(test_converges, "whoever writes less than is sent is stopped in time")
{
	uint64_t dirty, stands;

	for (dirty = 1000; dirty <= 15000; dirty += 1000) {
		struct precopy p = domain();

		CU_ASSERT_EQUAL(simulate(&p, 25000, dirty, PAGES, &stands), PRECOPY_STOP);
		CU_ASSERT(stands <= p.downtime);
		CU_ASSERT(p.rounds < 20);
	}
}

TEST(test_hot, "a few pages that are always written do not matter if they fit")
{
	struct precopy p = domain();
	uint64_t stands;

	CU_ASSERT_EQUAL(simulate(&p, 25000, 1000000, 6000, &stands), PRECOPY_STOP);
	CU_ASSERT(stands <= p.downtime);
	p = domain();
	CU_ASSERT_EQUAL(simulate(&p, 25000, 1000000, 7000, &stands), PRECOPY_HOPELESS);
	CU_ASSERT(p.rounds <= PRECOPY_STUCK + 1);
}

TEST(test_hopeless, "whoever writes more than is sent is given up, soon")
{
	struct precopy p = domain();
	uint64_t stands;

	CU_ASSERT_EQUAL(simulate(&p, 25000, 100000, PAGES, &stands), PRECOPY_HOPELESS);
	CU_ASSERT(p.sent <= PRECOPY_TIMES * PAGES);
	CU_ASSERT_EQUAL(precopy_left(&p, PAGES), UINT64_MAX);
}

TEST(test_bounds, "nothing goes on for ever, whatever the numbers")
{
	struct precopy p = domain();
	unsigned int i;

	/* Always a little better, never good enough. */
	for (i = 1; precopy_round(&p, 1, 1000000, 0, 1ull << 40 >> i / 4) == PRECOPY_AGAIN; i++)
		CU_ASSERT_FATAL(i <= PRECOPY_ROUNDS);
	p = domain();
	CU_ASSERT_NOT_EQUAL(precopy_round(&p, 0, 0, 0, UINT64_MAX), PRECOPY_STOP);
	p = domain();
	CU_ASSERT_EQUAL(precopy_round(&p, 0, 0, 0, 0), PRECOPY_STOP);
	p = domain();
	p.overhead = p.downtime + 1;
	CU_ASSERT_NOT_EQUAL(precopy_round(&p, 100, 100, 0, 0), PRECOPY_STOP);
	CU_ASSERT_EQUAL(precopy_downtime(&p, 0), p.overhead);
}

TEST(test_odd_round, "a last round of a few pages does not decide the rate")
{
	struct precopy p = domain();

	precopy_round(&p, PAGES, 2600 * MS, 0, 20000);
	CU_ASSERT(p.rate > 25000 && p.rate < 26000);
	/* Ten pages in a second: whoever took that for the link would never stop. */
	precopy_round(&p, 10, 1000 * MS, 0, 10000);
	CU_ASSERT(p.rate > 25000 && p.rate < 26000);
}

TEST(test_limit, "a limit holds back what is sent while it runs, not when it stands still")
{
	struct precopy p = domain();

	/* 1 MiB/s of a link that takes 100, and a domain that writes 200 pages a second. */
	CU_ASSERT_EQUAL(precopy_round(&p, PAGES, PAGES / 256 * 1000 * MS, 25600, 2000),
			PRECOPY_STOP);
	CU_ASSERT_EQUAL(precopy_downtime(&p, 2000), 50 * MS + 2000 * 1000 * MS / 25600);
	/* When it will be stopped is a question of the limit. */
	CU_ASSERT_EQUAL(p.rate, 256);
	CU_ASSERT(precopy_left(&p, 256) >= 1000 * MS);
	/* A link that has become slower than the limit is what it is. */
	p = domain();
	CU_ASSERT_NOT_EQUAL(precopy_round(&p, 2560, 10000 * MS, 0, 2000), PRECOPY_STOP);
	CU_ASSERT_EQUAL(p.link, 256);
	p = domain();
	precopy_round(&p, 2560, 10000 * MS, 100, 2000);
	CU_ASSERT_EQUAL(p.link, 256);
}

TEST(test_left, "the estimate is the sum of the rounds to come")
{
	struct precopy p = domain();
	uint64_t left;

	precopy_round(&p, 50000, 1000 * MS, 0, 25000);
	left = precopy_left(&p, 25000);
	/* Half a second, a quarter, ...: one. */
	CU_ASSERT(left > 990 * MS && left < 1010 * MS);
}

SUITE("precopy")
