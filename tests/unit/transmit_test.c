// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/machine/transmit.c
/*
 * What waits for the serial line, and what guests may add to it: alone, together, and beside one
 * that floods.
 */
#include <string.h>

#include "suite.h"

#include "machine/transmit.h"

static u64 now = 5000000000ULL; /* after all budgets */
static char line[128];

static size_t guest_writes(u64 *paid, size_t most)
{
	size_t n = 0;

	while (n < most && transmit_guest_may(paid, sizeof(line), now)) {
		CU_ASSERT_TRUE_FATAL(transmit_put(line, sizeof(line)));
		n += sizeof(line);
	}
	return n;
}

static void later(u64 seconds)
{
	now += seconds * 1000000000ULL;
	transmit_clear();
}

TEST(test_queue, "the queue")
{
	char out[64], big[4096];
	size_t n = 0;

	CU_ASSERT_TRUE(transmit_empty());
	CU_ASSERT_TRUE(transmit_put("ab\nc\n", 5));
	CU_ASSERT_EQUAL(transmit_room(), TRANSMIT_SIZE - 7);
	CU_ASSERT_EQUAL(transmit_take(out, 3), 3);
	CU_ASSERT_EQUAL(memcmp(out, "ab\r", 3), 0);
	CU_ASSERT_EQUAL(transmit_take(out, 64), 4);
	CU_ASSERT_EQUAL(memcmp(out, "\nc\r\n", 4), 0);
	CU_ASSERT_EQUAL(transmit_take(out, 64), 0);
	/* Never more than there is room for, were every byte two. */
	memset(big, '\n', sizeof(big));
	while (transmit_put(big, sizeof(big)))
		n += 2 * sizeof(big);
	CU_ASSERT_TRUE(n <= TRANSMIT_SIZE && n > TRANSMIT_SIZE - 2 * sizeof(big));
	CU_ASSERT_EQUAL(transmit_room(), TRANSMIT_SIZE - n);
	CU_ASSERT_FALSE(transmit_put(big, 1ULL << 40));
	transmit_clear();
	CU_ASSERT_TRUE(transmit_empty());
}

TEST(test_one_guest, "one guest")
{
	u64 paid = 0;
	size_t n;

	memset(line, 'x', sizeof(line));
	later(100);
	/* A queue that nobody empties: what is reserved stays free. */
	n = guest_writes(&paid, ~0UL);
	CU_ASSERT_TRUE(n > 16384);
	CU_ASSERT_TRUE(transmit_room() >= TRANSMIT_RESERVED);
	later(100);
	/* One that is emptied at once: its own budget. */
	for (n = 0; transmit_guest_may(&paid, sizeof(line), now); n += sizeof(line))
		;
	CU_ASSERT_TRUE(n <= GUEST_AHEAD && n > GUEST_AHEAD / 2);
	later(1);
	for (n = 0; transmit_guest_may(&paid, sizeof(line), now); n += sizeof(line))
		;
	CU_ASSERT_TRUE(n <= 4000 + sizeof(line) && n >= 3000);
}

TEST(test_together, "all guests")
{
	static u64 paid[64];
	u64 quiet = 0;
	size_t n = 0, more = 0;

	later(100);
	/* However many: not more together than they may, with a queue that is always empty. */
	for (unsigned r = 0; r < 1000; r++)
		for (unsigned g = 0; g < 64; g++)
			if (transmit_guest_may(&paid[g], sizeof(line), now))
				n += sizeof(line);
	CU_ASSERT_TRUE(n <= GUESTS_AHEAD);
	/* And one that had not written yet is heard beside them. */
	CU_ASSERT_TRUE(transmit_guest_may(&quiet, sizeof(line), now));
	later(1);
	for (unsigned r = 0; r < 1000; r++)
		for (unsigned g = 0; g < 64; g++)
			if (transmit_guest_may(&paid[g], sizeof(line), now))
				more += sizeof(line);
	CU_ASSERT_TRUE(more > 0);
	CU_ASSERT_TRUE(n + more <= GUESTS_AHEAD + 1000000000ULL / GUESTS_BYTE_NS);

	/* The same on a line that does not move: the queue is what they share. */
	later(1000);
	memset(paid, 0, sizeof(paid));
	for (n = 1; n;) {
		n = 0;
		for (unsigned g = 0; g < 64; g++)
			n += guest_writes(&paid[g], sizeof(line));
	}
	CU_ASSERT_TRUE(transmit_room() > TRANSMIT_RESERVED + 1024);
	CU_ASSERT_EQUAL(guest_writes(&quiet, sizeof(line)), sizeof(line));
}

SUITE("transmit")
