// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/build.c libhvctl/imagefile.c libhvctl/context.c libhvctl/kcache.c libhvctl/xs.c
// sources: hypervisor/image/image.c hypervisor/image/start_info.c hypervisor/image/unpack.c
// libs: -llzma -lz -lzstd -llz4
// bits: 64 32
/*
 * A domain's memory: asked for in pieces that do not keep dom0's kernel from its work for long, in
 * large extents while there are any, each frame in its place. What comes after it fails here: the
 * domain's frames cannot be mapped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "suite.h"
#include "hypercall_memory.h"

#define ONCE	1024u	/* frames in one call */

static struct {
	uint64_t large;		/* extents of 2 MiB that there are */
	uint64_t frames;	/* all there are */
	uint64_t given, calls, most;
	unsigned int steps;
} host;

long hypercall(struct hvctl_ctx *ctx, unsigned int op, uint64_t a0, uint64_t a1, uint64_t a2,
	       uint64_t a3, uint64_t a4)
{
	const struct xen_memory_reservation *r = (const void *)(uintptr_t)a1;
	xen_pfn_t *list = (void *)(uintptr_t)r->extent_start;
	uint64_t i, n = 1ull << r->extent_order;

	(void)ctx;
	(void)a2;
	(void)a3;
	(void)a4;
	CU_ASSERT_EQUAL(op, __HYPERVISOR_memory_op);
	CU_ASSERT_EQUAL(a0, XENMEM_populate_physmap);
	CU_ASSERT_EQUAL(r->domid, 3);
	host.calls++;
	for (i = 0; i < r->nr_extents; i++) {
		if (host.given + n > host.frames || (n > 1 && !host.large))
			break;
		host.large -= n > 1;
		host.given += n;
		CU_ASSERT_EQUAL(list[i] % n, 0);
		/* Frame numbers that tell the place: any multiple of the extent's size more. */
		list[i] += 1 << 20;
	}
	if (i * n > host.most)
		host.most = i * n;
	return (long)i;
}

long hypercall_struct(struct hvctl_ctx *ctx, unsigned int op, unsigned int cmd, void *arg,
		      size_t size)
{
	(void)size;
	return hypercall(ctx, op, cmd, (uint64_t)(uintptr_t)arg, 0, 0, 0);
}

int do_domctl(struct hvctl_ctx *ctx, struct xen_domctl *op)
{
	(void)ctx;
	(void)op;
	return 0;
}

void *foreign_map(struct hvctl_ctx *ctx, uint32_t domid, int prot, const xen_pfn_t *mfns,
		  size_t count)
{
	(void)ctx;
	(void)domid;
	(void)prot;
	(void)mfns;
	(void)count;
	errno = EPERM;
	return NULL;
}

void foreign_unmap(void *p, size_t count)
{
	(void)p;
	(void)count;
}

void *grant_table_map(struct hvctl_ctx *ctx, uint32_t domid)
{
	(void)ctx;
	(void)domid;
	return NULL;
}

static void take_progress(void *data, const char *step, unsigned int percent)
{
	(void)data;
	(void)percent;
	host.steps += !strcmp(step, "giving it memory");
}

static struct build b;

/* A domain of @pages from a host with as much as @large and @frames say. */
static int build(uint64_t pages, uint64_t large, uint64_t frames)
{
	static struct hvctl_config config = { .name = "g" };

	memset(&host, 0, sizeof(host));
	host.large = large;
	host.frames = frames;
	b = (struct build){ .ctx = hvctl_open(), .config = &config, .ramdisk = IMAGE_FILE_CLOSED };
	b.layout.nr_pages = pages;
	b.layout.kernel_pages = 1;
	hvctl_set_progress(b.ctx, take_progress, NULL);
	return build_domain(&b, 3);
}

static void done(void)
{
	build_release(&b);
	hvctl_close(b.ctx);
}

/* All of them are there, each in its place. */
static void complete(uint64_t pages)
{
	uint64_t i, wrong = 0;

	CU_ASSERT_EQUAL(host.given, pages);
	for (i = 0; i < pages; i++)
		wrong += b.p2m[i] != i + (1 << 20);
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_TRUE(host.most <= ONCE);
	/* Progress is told in between, and an interrupt noticed. */
	CU_ASSERT_TRUE(host.steps >= pages / ONCE);
}

TEST(test_pieces, "in pieces")
{
	static const struct {
		uint64_t pages, large;
	} t[] = {
		{ 512 * 256, ~0ull },		/* 512 MiB of large extents */
		{ 512 * 256, 0 },		/* of single frames */
		{ 512 * 256, 7 },		/* of both: they end amid a call */
		{ 20000, ~0ull }, { 1, ~0ull }, { 511, ~0ull }, { 513, ~0ull },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		CU_ASSERT_EQUAL(build(t[i].pages, t[i].large, ~0ull >> 1), -EIO);
		complete(t[i].pages);
		CU_ASSERT_TRUE(host.calls <= t[i].pages / ONCE + 3);
		done();
	}
}

TEST(test_too_little, "too little")
{
	CU_ASSERT_EQUAL(build(20480, 4, 10240), -ENOSPC);
	CU_ASSERT_STRING_EQUAL(hvctl_error(b.ctx), "the hypervisor had only 40 of 80 MiB for 'g'; "
						   "lower 'memory' or shut a domain down");
	done();
}

SUITE("build")
