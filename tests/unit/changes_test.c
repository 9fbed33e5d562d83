// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/changes.c
/*
 * Waiting for news of domains: the first call answers at once, the watches are made once for each
 * connection, several events are one, and a store daemon that goes does not keep a caller busy.
 */
#include "suite.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "xs.h"

static struct hvctl_ctx ctx;
static bool daemon_there, lost;
static unsigned int watches, events, naps, napped_ms;
static int waited_ms;

struct xs *hvctl_xs(struct hvctl_ctx *c)
{
	return daemon_there ? (struct xs *)&ctx : NULL;
}

int xs_watch(struct xs *xs, const char *path, const char *token)
{
	CU_ASSERT_TRUE(!strcmp(path, "@introduceDomain") || !strcmp(path, "@releaseDomain"));
	watches++;
	return lost ? -EPIPE : 0;
}

int xs_wait(struct xs *xs, int timeout_ms, char *path, size_t size)
{
	if (timeout_ms)
		waited_ms = timeout_ms;
	if (lost)
		return -EPIPE;
	if (!events)
		return 0;
	snprintf(path, size, "@releaseDomain");
	events--;
	return 1;
}

void hvctl_nap(unsigned int ms)
{
	naps++;
	napped_ms = ms;
}

static void begin(void)
{
	ctx = (struct hvctl_ctx){ 0 };
	daemon_there = true;
	lost = false;
	watches = events = naps = 0;
	waited_ms = 0;
}

TEST(test_first, "the first call and the second")
{
	CU_ASSERT_EQUAL(hvctl_wait_change(&ctx, 500), 1);
	CU_ASSERT_EQUAL(watches, 2);
	CU_ASSERT_EQUAL(hvctl_wait_change(&ctx, 500), 0);
	CU_ASSERT_EQUAL(waited_ms, 500);
	CU_ASSERT_EQUAL(watches, 2);
	events = 3;
	CU_ASSERT_EQUAL(hvctl_wait_change(&ctx, UINT_MAX), 1);
	CU_ASSERT_EQUAL(waited_ms, INT_MAX);
	CU_ASSERT_EQUAL(events, 0);
	CU_ASSERT_EQUAL(hvctl_wait_change(&ctx, 1), 0);
}

TEST(test_lost, "a daemon that goes, and comes back")
{
	CU_ASSERT_EQUAL(hvctl_wait_change(&ctx, 500), 1);
	lost = true;
	CU_ASSERT_EQUAL(hvctl_wait_change(&ctx, 500), 1);
	CU_ASSERT_EQUAL(naps, 1);
	CU_ASSERT_EQUAL(napped_ms, 500);
	CU_ASSERT_EQUAL(hvctl_wait_change(&ctx, 60000), 1);
	CU_ASSERT_EQUAL(napped_ms, 1000);
	daemon_there = false;
	CU_ASSERT_EQUAL(hvctl_wait_change(&ctx, 500), -ECONNREFUSED);
	/* As hvctl_xs() does with a new connection. */
	daemon_there = true;
	lost = false;
	ctx.watching = false;
	CU_ASSERT_EQUAL(hvctl_wait_change(&ctx, 500), 1);
	CU_ASSERT_EQUAL(watches, 4);
	/* Watches that could not be set are set the next time. */
	ctx.watching = false;
	lost = true;
	naps = 0;
	CU_ASSERT_EQUAL(hvctl_wait_change(&ctx, 500), 1);
	CU_ASSERT_FALSE(ctx.watching);
	CU_ASSERT_EQUAL(naps, 1);
}

SUITE("changes", .begin = begin)
