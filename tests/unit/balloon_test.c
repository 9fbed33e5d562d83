// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/domain.c libhvctl/context.c
// libs: -Wl,--wrap=hvctl_nap
// bits: 64 32
/*
 * Waiting for a guest's balloon: as long as it gets on it has time, a rest on the way is a failure
 * that says what was reached. The clock is the naps that the waiting takes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain.h"
#include "suite.h"
#include "hypercall_memory.h"
#include "xs.h"

static struct {
	uint64_t pages, free_pages;
	uint32_t flags;
	unsigned int naps;
	/* In each nap: so many pages towards @goal, every @every naps, until @stop is reached. */
	uint64_t goal, step, stop;
	unsigned int every;
	uint64_t target_kib;	/* in the store */
	bool shakes;		/* one page up, one page down */
	unsigned int percent;
	char said[64];
} guest;

static struct hvctl_ctx *ctx;

void __wrap_hvctl_nap(unsigned int ms);
void __wrap_hvctl_nap(unsigned int ms)
{
	CU_ASSERT_EQUAL(ms, 100);
	guest.naps++;
	if (guest.shakes)
		guest.pages += guest.naps & 1 ? 1 : -1ull;
	if (guest.every && guest.naps % guest.every == 0 && guest.pages != guest.stop)
		guest.pages += guest.goal > guest.pages ? guest.step : -guest.step;
}

int do_domctl(struct hvctl_ctx *c, struct xen_domctl *op)
{
	(void)c;
	CU_ASSERT_EQUAL(op->cmd, XEN_DOMCTL_getdomaininfo);
	if (op->domain != 7)
		return -ESRCH;
	op->u.getdomaininfo = (struct xen_domctl_getdomaininfo){
		.domain = 7, .tot_pages = guest.pages, .flags = guest.flags,
	};
	return 0;
}

int do_sysctl(struct hvctl_ctx *c, struct xen_sysctl *op)
{
	(void)c;
	CU_ASSERT_EQUAL(op->cmd, XEN_SYSCTL_physinfo);
	op->u.physinfo.free_pages = guest.free_pages;
	return 0;
}

struct xs *xs_open(const char *socket)
{
	(void)socket;
	return (struct xs *)&guest;
}

void xs_close(struct xs *xs)
{
	(void)xs;
}

void xs_keep(struct xs *xs, unsigned int ms, xs_waits_fn waits, void *data)
{
}

bool xs_lost(const struct xs *xs)
{
	(void)xs;
	return false;
}

char *xs_readf(struct xs *xs, uint32_t tx, const char *format, ...)
{
	char *text;

	(void)xs;
	(void)tx;
	CU_ASSERT_STRING_EQUAL(format, "/local/domain/%u/memory/target");
	return guest.target_kib && asprintf(&text, "%llu", (unsigned long long)guest.target_kib) > 0
		       ? text
		       : NULL;
}

int xs_values(struct xs *xs, const char *path, const char *key, xs_value_fn fn, void *data)
{
	return -EOPNOTSUPP;
}

int xs_write(struct xs *xs, uint32_t tx, const char *path, const char *format, ...)
{
	(void)xs;
	(void)tx;
	(void)path;
	(void)format;
	return 0;
}

static void take_progress(void *data, const char *step, unsigned int percent)
{
	(void)data;
	CU_ASSERT_TRUE(percent >= guest.percent && percent <= 100);
	guest.percent = percent;
	snprintf(guest.said, sizeof(guest.said), "%s", step);
}

/* From @from to @to MiB; moves as the caller has set. */
static int wait_for(uint64_t from, uint64_t to)
{
	int error;

	guest.pages = from << 8;
	guest.goal = to << 8;
	if (!guest.free_pages)
		guest.free_pages = 1 << 20;
	if (!guest.stop)
		guest.stop = guest.goal;
	guest.naps = guest.percent = 0;
	ctx = hvctl_open();
	hvctl_set_progress(ctx, take_progress, NULL);
	error = hvctl_wait_memory(ctx, 7, to);
	return error;
}

static void done(void)
{
	hvctl_close(ctx);
	memset(&guest, 0, sizeof(guest));
}

static void test_follows(void)
{
	/* Slowly, but on its way: an hour of it. */
	guest.every = 300;
	guest.step = 256;
	CU_ASSERT_EQUAL(wait_for(64, 192), 0);
	CU_ASSERT_EQUAL(guest.naps, 128 * 300);
	CU_ASSERT_EQUAL(guest.percent, 100);
	done();
	guest.every = 1;
	guest.step = 512;
	CU_ASSERT_EQUAL(wait_for(192, 64), 0);
	CU_ASSERT_EQUAL(guest.naps, 64);
	done();
	CU_ASSERT_EQUAL(wait_for(64, 64), 0);
	CU_ASSERT_EQUAL(guest.naps, 0);
	done();
	/* Short of it by a few pages is there. */
	guest.every = 1;
	guest.step = 1;
	CU_ASSERT_EQUAL(wait_for(64, 65), 0);
	CU_ASSERT_EQUAL(guest.naps, 1);
	done();
}

static void stuck(int error, const char *line)
{
	CU_ASSERT_EQUAL(error, -ETIMEDOUT);
	CU_ASSERT_EQUAL(guest.percent, 100);
	if (strcmp(hvctl_error(ctx), line))
		printf("\n    got:  %s\n    want: %s\n", hvctl_error(ctx), line);
	CU_ASSERT_STRING_EQUAL(hvctl_error(ctx), line);
}

static void test_stuck(void)
{
	/* The map of its own making ends 8 MiB beyond what it began with. */
	guest.every = 1;
	guest.step = 256;
	guest.stop = 72 << 8;
	stuck(wait_for(64, 192), "domain 7 has 72 of 192 MiB and has not moved for 35 s; look at "
				 "its console whether it has a balloon driver and memory to spare");
	CU_ASSERT_TRUE(guest.naps > 350 && guest.naps < 370);
	done();
	guest.flags = XEN_DOMINF_paused;
	stuck(wait_for(192, 64), "domain 7 has 192 of 64 MiB and has not moved for 35 s: it is "
				 "paused (hvctl unpause)");
	done();
	/* A page now and then. */
	guest.every = 100;
	guest.step = 1;
	stuck(wait_for(64, 192), "domain 7 has 64 of 192 MiB and has not moved for 35 s; look at "
				 "its console whether it has a balloon driver and memory to spare");
	CU_ASSERT_TRUE(guest.naps < 370);
	done();
	guest.shakes = true;
	stuck(wait_for(64, 192), "domain 7 has 64 of 192 MiB and has not moved for 35 s; look at "
				 "its console whether it has a balloon driver and memory to spare");
	CU_ASSERT_TRUE(guest.naps < 370);
	done();
	guest.free_pages = 10 << 8;
	stuck(wait_for(64, 192), "domain 7 has 64 of 192 MiB and the host has only 10 MiB free; "
				 "shut a domain down or take memory from one (hvctl mem-set)");
	done();
	guest.free_pages = 1;
	stuck(wait_for(192, 64), "domain 7 has 192 of 64 MiB and has not moved for 35 s; look at "
				 "its console whether it has a balloon driver and memory to spare");
	done();
}

static void test_given_up(void)
{
	guest.flags = XEN_DOMINF_shutdown;
	CU_ASSERT_EQUAL(wait_for(64, 192), -ECANCELED);
	CU_ASSERT_STRING_EQUAL(hvctl_error(ctx), "domain 7 has stopped with 64 of 192 MiB; see "
						 "hvctl list");
	done();
	guest.target_kib = 100 << 10;
	CU_ASSERT_EQUAL(wait_for(64, 192), -ECANCELED);
	CU_ASSERT_STRING_EQUAL(hvctl_error(ctx), "domain 7 has 64 of 192 MiB, and was asked for "
						 "100 MiB meanwhile");
	CU_ASSERT_EQUAL(guest.naps, 0);
	done();
	ctx = hvctl_open();
	CU_ASSERT_EQUAL(hvctl_wait_memory(ctx, 8, 64), -ESRCH);
	done();
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "follows", test_follows },
		{ "does not follow", test_stuck },
		{ "nothing to wait for", test_given_up },
		CU_TEST_INFO_NULL
	};

	return suite_run("balloon", tests);
}
