// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/removal.c libhvctl/context.c
// libs: -Wl,--wrap=hvctl_nap
// bits: 64 32
/*
 * Who destroys a guest for good destroys what it wrote beside its disks, unless an image may need
 * that: a saving was killed when the image may have counted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "domain.h"
#include "kept.h"
#include "overlay.h"
#include "removal.h"
#include "save/outcome.h"
#include "suite.h"
#include "xs.h"

static struct {
	bool there, entries;
	bool zombie, killed;	/* somebody in dom0 holds it longer than is waited for */
	int marked, destroy_error;
	unsigned int overlays, kept;
} host;

int domain_not_dom0(struct hvctl_ctx *ctx, uint32_t domid, const char *what)
{
	return domid ? 0 : hvctl_fail(ctx, EPERM, "dom0 cannot be %s", what);
}

int domain_need(struct hvctl_ctx *ctx, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	*info = (struct xen_domctl_getdomaininfo){ .handle = { 9 } };
	if (host.zombie && host.killed)
		info->flags = XEN_DOMINF_dying;
	return domid == 7 && host.there ? 0 : hvctl_fail(ctx, ESRCH, "there is none");
}

int domain_record(struct hvctl_ctx *ctx, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	return host.there ? 0 : -ESRCH;
}

int domain_by_uuid(struct hvctl_ctx *ctx, const uint8_t uuid[16], uint32_t *domid)
{
	*domid = 7;
	return host.there && uuid[0] == 9 ? 0 : -ESRCH;
}

int do_domctl(struct hvctl_ctx *ctx, struct xen_domctl *op)
{
	CU_ASSERT_EQUAL(op->cmd, XEN_DOMCTL_destroydomain);
	if (host.destroy_error)
		return host.destroy_error;
	host.there = host.zombie;
	host.killed = true;
	return 0;
}

void __wrap_hvctl_nap(unsigned int ms);
void __wrap_hvctl_nap(unsigned int ms) {}

void devices_remove(struct hvctl_ctx *ctx, uint32_t domid) {}

/* The mark is among the entries: who asks afterwards is told that there is none. */
int outcome_marked(struct hvctl_ctx *ctx, uint32_t domid)
{
	return host.entries ? host.marked : 0;
}

void overlays_remove(struct hvctl_ctx *ctx, const uint8_t uuid[16])
{
	CU_ASSERT_EQUAL(uuid[0], 9);
	host.overlays++;
}

void overlays_undo(struct hvctl_ctx *ctx, const uint8_t uuid[16]) {}

void kept_remove(const uint8_t uuid[16])
{
	host.kept++;
}

struct xs *xs_open(const char *socket)
{
	return (struct xs *)&host;
}

void xs_close(struct xs *xs) {}

void xs_keep(struct xs *xs, unsigned int ms, xs_waits_fn waits, void *data) {}

bool xs_lost(const struct xs *xs)
{
	return false;
}

int xs_release(struct xs *xs, uint32_t domid)
{
	return 0;
}

char *xs_readf(struct xs *xs, uint32_t tx, const char *format, ...)
{
	return NULL;
}

int xs_remove(struct xs *xs, uint32_t tx, const char *path)
{
	CU_ASSERT_STRING_EQUAL(path, "/local/domain/7");
	host.entries = false;
	return 0;
}

void xs_prune(struct xs *xs, const char *path)
{
}

TEST(test_disks, "what it wrote goes with it, or stays for its image")
{
	static const int marks[] = { 0, 1, -EIO };

	for (unsigned int i = 0; i < 6; i++) {
		struct hvctl_ctx *ctx = hvctl_open();
		bool refused = i >= 3;

		memset(&host, 0, sizeof(host));
		host.there = host.entries = true;
		host.marked = marks[i % 3];
		host.destroy_error = refused ? -EPERM : 0;
		CU_ASSERT_EQUAL(hvctl_destroy(ctx, 7), refused ? -EPERM : 0);
		CU_ASSERT_EQUAL(host.overlays, !refused && !host.marked);
		CU_ASSERT_EQUAL(host.kept, !refused && !host.marked);
		hvctl_close(ctx);
	}
}

TEST(test_twice, "what has been dead since takes nothing with it: an image may need it")
{
	struct hvctl_ctx *ctx = hvctl_open();

	memset(&host, 0, sizeof(host));
	host.there = host.entries = host.zombie = true;
	host.marked = 1;
	CU_ASSERT_EQUAL(hvctl_destroy(ctx, 7), 0);
	CU_ASSERT_FALSE(host.entries);
	CU_ASSERT_EQUAL(hvctl_destroy(ctx, 7), 0);
	CU_ASSERT_EQUAL(host.overlays, 0);
	hvctl_close(ctx);
}

SUITE("removal")
