// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/aside.c libhvctl/context.c
// libs: -Wl,--wrap=hvctl_lock
// bits: 64 32
/*
 * A domain that has stopped and is kept: under another name and uuid, with the lock held, without
 * its devices, and one of them at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "aside.h"
#include "device.h"
#include "domain.h"
#include "migrate.h"
#include "removal.h"
#include "suite.h"
#include "xs.h"

static struct {
	int lock;			/* held: its descriptor */
	char taken[HVCTL_NAME_MAX];	/* by domain 3: all names that begin so, */
	const char *but;		/* but this one */
	char name[HVCTL_NAME_MAX];	/* what domain 7 is called */
	uint8_t uuid[16], before[16];	/* its own; of the one that is kept, which is domain 5 */
	int call_error;
	unsigned int closed, removed;	/* its devices; domain 5 */
} host;

int __wrap_hvctl_lock(struct hvctl_ctx *ctx);
int __wrap_hvctl_lock(struct hvctl_ctx *ctx)
{
	(void)ctx;
	host.lock = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return host.lock;
}

int domain_by_name(struct hvctl_ctx *ctx, const char *name, uint32_t *domid)
{
	(void)ctx;
	CU_ASSERT_TRUE(fcntl(host.lock, F_GETFD) >= 0);
	*domid = 3;
	return strncmp(name, host.taken, strlen(host.taken)) || !*host.taken ||
			       (host.but && !strcmp(name, host.but)) ?
		       -ESRCH : 0;
}

int domain_by_uuid(struct hvctl_ctx *ctx, const uint8_t uuid[16], uint32_t *domid)
{
	(void)ctx;
	*domid = 5;
	return memcmp(uuid, host.before, 16) ? -ESRCH : 0;
}

int domain_remove(struct hvctl_ctx *ctx, uint32_t domid)
{
	(void)ctx;
	CU_ASSERT_EQUAL(domid, 5);
	host.removed++;
	return 0;
}

int migrate_call_it(struct hvctl_ctx *ctx, uint32_t domid, const char *name,
		    const uint8_t uuid[16], const struct hvctl_config *config)
{
	(void)config;
	CU_ASSERT_EQUAL(domid, 7);
	CU_ASSERT_TRUE(fcntl(host.lock, F_GETFD) >= 0);
	if (host.call_error)
		return hvctl_fail(ctx, -host.call_error, "the store refuses it");
	strcpy(host.name, name);
	memcpy(host.uuid, uuid, 16);
	return 0;
}

/* Not before it is known that it will be kept. */
void devices_remove(struct hvctl_ctx *ctx, uint32_t domid)
{
	(void)ctx;
	CU_ASSERT_EQUAL(domid, 7);
	CU_ASSERT_STRING_NOT_EQUAL(host.name, "");
	host.closed++;
}

struct xs *xs_open(const char *socket)
{
	(void)socket;
	return (struct xs *)&host;
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

static struct hvctl_ctx *begin(void)
{
	memset(&host, 0, sizeof(host));
	return hvctl_open();
}

static void test_kept(void)
{
	struct hvctl_config c = {
		.name = "a23456789012345678901234567890123456789012345678901234567890123",
	};
	struct hvctl_ctx *ctx = begin();
	struct aside aside = { { 0 } }, first;

	CU_ASSERT_EQUAL(domain_set_aside(ctx, 7, &c, &aside), 0);
	CU_ASSERT_STRING_EQUAL(host.name,
			       "a234567890123456789012345678901234567890123456789012345678901-7");
	CU_ASSERT_TRUE(hvctl_good_name(host.name));
	CU_ASSERT_EQUAL(memcmp(host.uuid, aside.uuid, 16), 0);
	CU_ASSERT_EQUAL(host.closed, 1);
	CU_ASSERT_EQUAL(host.removed, 0);
	CU_ASSERT_EQUAL(fcntl(host.lock, F_GETFD), -1);

	/* The next one takes its place, if it is still there. */
	for (unsigned int there = 0; there < 2; there++) {
		first = aside;
		memset(host.before, 0, 16);
		if (there)
			memcpy(host.before, first.uuid, 16);
		CU_ASSERT_EQUAL(domain_set_aside(ctx, 7, &c, &aside), 0);
		CU_ASSERT_NOT_EQUAL(memcmp(first.uuid, aside.uuid, 16), 0);
		CU_ASSERT_EQUAL(host.removed, there);
	}

	/* There is no memory for both: once. */
	memcpy(host.before, aside.uuid, 16);
	CU_ASSERT_TRUE(domain_drop_aside(ctx, &aside));
	CU_ASSERT_EQUAL(host.removed, 2);
	CU_ASSERT_FALSE(domain_drop_aside(ctx, &aside));
	/* One whose uuid is all zeros is nobody that we know. */
	memset(host.before, 0, 16);
	CU_ASSERT_FALSE(domain_drop_aside(ctx, &aside));
	CU_ASSERT_EQUAL(host.removed, 2);
	hvctl_close(ctx);
}

/* Others may be called so: clones are. */
static void test_taken(void)
{
	struct hvctl_config c = { .name = "x" };
	struct hvctl_ctx *ctx = begin();
	struct aside aside = { { 0 } };

	strcpy(host.taken, "x-7");
	host.but = "x-7-3";
	CU_ASSERT_EQUAL(domain_set_aside(ctx, 7, &c, &aside), 0);
	CU_ASSERT_STRING_EQUAL(host.name, "x-7-3");
	hvctl_close(ctx);
}

/* It stays what it is, with its devices, and so does the one before. */
static void test_refused(void)
{
	struct hvctl_config c = { .name = "x" };

	for (unsigned int i = 0; i < 2; i++) {
		struct hvctl_ctx *ctx = begin();
		struct aside aside = { { 1 } };

		if (i)
			host.call_error = -EIO;
		else
			strcpy(host.taken, "x-7");
		host.before[0] = 1;
		CU_ASSERT_EQUAL(domain_set_aside(ctx, 7, &c, &aside), i ? -EIO : -EEXIST);
		CU_ASSERT_EQUAL(fcntl(host.lock, F_GETFD), -1);
		CU_ASSERT_EQUAL(host.closed, 0);
		CU_ASSERT_EQUAL(host.removed, 0);
		CU_ASSERT_EQUAL(aside.uuid[0], 1);
		if (!i)
			CU_ASSERT_STRING_EQUAL(hvctl_error(ctx), "'x' cannot be kept as 'x-7-10': "
					       "domain 3 is called so; rename that one");
		hvctl_close(ctx);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "kept, one at a time", test_kept },
		{ "its name is taken", test_taken },
		{ "refused", test_refused },
		CU_TEST_INFO_NULL
	};

	return suite_run("aside", tests);
}
