// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/build.c libhvctl/build_pvh.c
// sources: libhvctl/imagefile.c libhvctl/context.c libhvctl/kcache.c libhvctl/xs.c
// sources: hypervisor/image/image.c hypervisor/image/start_info.c hypervisor/image/unpack.c
// sources: hypervisor/image/pvh_acpi.c
// libs: -llzma -lz -lzstd -llz4
// bits: 64 32
/*
 * A domain's memory: asked for in pieces that do not keep dom0's kernel from its work for long, in
 * large extents while there are any, each frame in its place. What comes after it fails where the
 * domain's frames cannot be mapped. Where they can a small domain is built to its end, whose page
 * tables and first vCPU are looked at: the kernel of a 64-bit one in ring 3, or in ring 1.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "build.h"
#include "pv-abi/ring1.h"
#include "pv-abi/wide.h"
#include "pv-abi/hvm_start_info.h"
#include "suite.h"
#include "hypercall_memory.h"

#define ONCE	1024u	/* frames in one call */
#define AWAY	(1ull << 20)	/* from a page's number to its frame's */
#define PAGES	2048u	/* of the small domain */

static struct {
	uint64_t large;		/* extents of 2 MiB that there are */
	uint64_t frames;	/* all there are */
	uint64_t given, calls, most;
	unsigned int steps;
	bool mappable;		/* its frames are pages[] */
	int ring1;		/* what it answers to who asks for that */
	uint32_t asked;		/* for an address size; 0: it was not */
	struct wide_vcpu_guest_context vcpu;
	bool by_number;		/* its frames are called what it likes */
	uint64_t last, in_hole;	/* of the numbers asked for */
} host;

static uint8_t pages[PAGES][FRAME_SIZE], shared[FRAME_SIZE];

static long populate(const struct xen_memory_reservation *r)
{
	xen_pfn_t *list = (void *)(uintptr_t)r->extent_start;
	uint64_t i, n = 1ull << r->extent_order;

	CU_ASSERT_EQUAL(r->domid, 3);
	host.calls++;
	for (i = 0; i < r->nr_extents; i++) {
		if (host.given + n > host.frames || (n > 1 && !host.large))
			break;
		host.large -= n > 1;
		host.given += n;
		CU_ASSERT_EQUAL(list[i] % n, 0);
		/* Frame numbers that tell the place: any multiple of the extent's size more. */
		if (!host.by_number)
			list[i] += AWAY;
		host.last = list[i] + n;
		host.in_hole += list[i] + n > 0xf0000 && list[i] < 0x100000;
	}
	if (i * n > host.most)
		host.most = i * n;
	return (long)i;
}

long hypercall(struct hvctl_ctx *ctx, unsigned int op, uint64_t a0, uint64_t a1, uint64_t a2,
	       uint64_t a3, uint64_t a4)
{
	(void)ctx;
	(void)a2;
	(void)a3;
	(void)a4;
	if (op == __HYPERVISOR_memory_op) {
		CU_ASSERT_EQUAL(a0, XENMEM_populate_physmap);
		return populate((const void *)(uintptr_t)a1);
	}
	CU_ASSERT_TRUE(host.mappable);
	CU_ASSERT_EQUAL(op, __HYPERVISOR_mmuext_op);
	return 0;
}

long hypercall_struct(struct hvctl_ctx *ctx, unsigned int op, unsigned int cmd, void *arg,
		      size_t size)
{
	(void)ctx;
	(void)cmd;
	(void)arg;
	(void)size;
	CU_ASSERT_EQUAL(op, __HYPERVISOR_event_channel_op);
	return 0;
}

int do_domctl(struct hvctl_ctx *ctx, struct xen_domctl *op)
{
	(void)ctx;
	CU_ASSERT_EQUAL(op->domain, 3);
	if (op->cmd == XEN_DOMCTL_set_address_size) {
		CU_ASSERT_EQUAL(host.given, 0);
		host.asked = op->u.address_size.size;
		return host.ring1;
	}
	if (op->cmd == XEN_DOMCTL_setvcpucontext)
		memcpy(&host.vcpu, (void *)(uintptr_t)op->u.vcpucontext.ctxt, sizeof(host.vcpu));
	return 0;
}

void *foreign_map(struct hvctl_ctx *ctx, uint32_t domid, int prot, const xen_pfn_t *mfns,
		  size_t count)
{
	(void)ctx;
	(void)domid;
	(void)prot;
	if (host.mappable) {
		/* The shared page's frame is 0. */
		if (!mfns[0])
			return shared;
		for (size_t i = 1; i < count; i++)
			CU_ASSERT_EQUAL(mfns[i], mfns[0] + i);
		CU_ASSERT_TRUE_FATAL(mfns[0] >= AWAY && mfns[0] - AWAY + count <= PAGES);
		return pages[mfns[0] - AWAY];
	}
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
	return host.mappable ? mmap(NULL, FRAME_SIZE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : NULL;
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
		wrong += b.p2m[i] != i + AWAY;
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

/* A kernel of two pages in a domain of 8 MiB; @version, @only: what it says of ring 1. */
static int build_small(uint32_t version, bool only, int answer)
{
	static struct hvctl_config config = { .name = "g", .kernel = "k", .cmdline = "" };
	const char *why;

	memset(&host, 0, sizeof(host));
	host.frames = PAGES;
	host.mappable = true;
	host.ring1 = answer;
	b = (struct build){ .ctx = hvctl_open(), .config = &config, .ramdisk = IMAGE_FILE_CLOSED };
	b.image = (struct pv_image){
		.phys_start = 0x100000, .phys_end = 0x102000, .virt_base = 0xffffffff80000000,
		.entry = 0xffffffff80100000, .hypercall_page = PV_UNSET, .init_p2m = PV_UNSET,
		.ring1 = version, .ring1_only = only,
	};
	CU_ASSERT_EQUAL_FATAL(pv_layout_compute(&b.image, PAGES, 0, PV_LAYOUT_RINGS, &b.layout,
						&why), 0);
	return build_domain(&b, 3);
}

/* Its leaves, all alike, are for processes too, and the tables above are. */
static void tables(bool user)
{
	uint64_t i, leaves = 0, wrong = 0;

	for (i = 0; i < b.layout.pt_pages; i++) {
		const uint64_t *table = (const void *)pages[b.layout.pt_pfn + i];
		struct pv_table t;

		pv_layout_table(&b.layout, i, &t);
		for (unsigned int slot = 0; slot < 512; slot++) {
			if (!(table[slot] & 1))
				continue;
			leaves += t.level == 1;
			wrong += !(table[slot] & 4) == (user || t.level > 1);
		}
	}
	CU_ASSERT_TRUE(leaves > 100);
	CU_ASSERT_EQUAL(wrong, 0);
}

TEST(test_ring3, "a stock 64-bit kernel")
{
	CU_ASSERT_EQUAL(build_small(0, false, 0), 0);
	CU_ASSERT_EQUAL(host.asked, 0);
	CU_ASSERT_EQUAL(host.vcpu.user_regs.cs, FLAT_WIDE_KERNEL_CS);
	CU_ASSERT_EQUAL(host.vcpu.user_regs.ss, FLAT_WIDE_KERNEL_SS);
	tables(true);
	done();
}

TEST(test_ring1, "a 64-bit kernel that knows ring 1")
{
	CU_ASSERT_EQUAL(build_small(ANNULUS_RING1_VERSION, true, 0), 0);
	CU_ASSERT_EQUAL(host.asked, ANNULUS_ADDRESS_SIZE_RING1);
	CU_ASSERT_EQUAL(host.vcpu.user_regs.cs, ANNULUS_KERNEL_CS);
	CU_ASSERT_EQUAL(host.vcpu.user_regs.ss, ANNULUS_KERNEL_SS);
	CU_ASSERT_EQUAL(host.vcpu.kernel_ss, ANNULUS_KERNEL_SS);
	tables(false);
	done();
}

TEST(test_not_offered, "ring 1 is not offered")
{
	/* By a hypervisor that could, and by one that has not heard of it. */
	static const int answers[] = { -EOPNOTSUPP, -EINVAL };

	for (unsigned int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(build_small(ANNULUS_RING1_VERSION, false, answers[i]), 0);
		CU_ASSERT_EQUAL(host.vcpu.user_regs.cs, FLAT_WIDE_KERNEL_CS);
		tables(true);
		done();
		CU_ASSERT_EQUAL(build_small(ANNULUS_RING1_VERSION, true, answers[i]), -EOPNOTSUPP);
		CU_ASSERT_PTR_NOT_NULL(strstr(hvctl_error(b.ctx), "kernel k runs in ring 1 alone"));
		CU_ASSERT_EQUAL(host.given, 0);
		done();
	}
	/* A contract of later days is none that this hypervisor was asked for. */
	CU_ASSERT_EQUAL(build_small(ANNULUS_RING1_VERSION + 1, false, 0), 0);
	CU_ASSERT_EQUAL(host.asked, 0);
	done();
	CU_ASSERT_EQUAL(build_small(ANNULUS_RING1_VERSION + 1, true, 0), -EOPNOTSUPP);
	done();
	CU_ASSERT_EQUAL(build_small(ANNULUS_RING1_VERSION, false, -EBUSY), -EBUSY);
	done();
}

/* A PVH domain's layout: 16 pages of kernel at 16 MiB, one page less than is needed, and enough. */
TEST(test_pvh_layout, "a PVH domain's layout")
{
	const struct pv_image img = { .phys_start = 0x1000800, .phys_end = 0x100f801 };
	struct hvm_memmap_table_entry map[PVH_MAP_MAX];
	struct pv_layout l;

	CU_ASSERT_EQUAL(pvh_layout_compute(&img, 0x1000 + 16 + 1 + 3 + 2, 0x2001, &l), 0);
	CU_ASSERT_EQUAL(l.kernel_pfn, 0x1000);
	CU_ASSERT_EQUAL(l.kernel_pages, 16);
	CU_ASSERT_EQUAL(l.start_info_pfn, 0x1010);
	CU_ASSERT_EQUAL(l.initrd_pfn, 0x1011);
	CU_ASSERT_EQUAL(l.initrd_pages, 3);
	CU_ASSERT_EQUAL(l.store_pfn, 0x1014);
	CU_ASSERT_EQUAL(l.console_pfn, 0x1015);
	CU_ASSERT_EQUAL(pvh_layout_compute(&img, 0x1000 + 16 + 1 + 3 + 1, 0x2001, &l),
			-PV_IMAGE_ENOMEM);
	CU_ASSERT_EQUAL(l.end_pfn, 0x1016);
	CU_ASSERT_EQUAL(pvh_layout_compute(&img, 1, 0, &l), -PV_IMAGE_ENOMEM);
	/* The rings are below the hole, and so is a ramdisk. */
	CU_ASSERT_EQUAL(pvh_layout_compute(&img, 0x200000, 0, &l), 0);
	CU_ASSERT_EQUAL(l.console_pfn, 0xeffff);
	CU_ASSERT_EQUAL(l.initrd_pages, 0);
	CU_ASSERT_EQUAL(pvh_layout_compute(&img, 0x200000, 0xf0000ull << 12, &l),
			-PV_IMAGE_ENOMEM);
	CU_ASSERT_EQUAL(pvh_layout_compute(&img, ~0ull, ~0ull, &l), -PV_IMAGE_ENOMEM);

	CU_ASSERT_EQUAL(pvh_memory_map(0x8000, map), 2);
	CU_ASSERT_TRUE(!map[0].addr && map[0].size == 0x7ffe000 && map[0].type == 1);
	CU_ASSERT_TRUE(map[1].addr == 0x7ffe000 && map[1].size == 0x2000 && map[1].type == 2);
	CU_ASSERT_EQUAL(pvh_memory_map(0xf0000, map), 2);
	CU_ASSERT_EQUAL(pvh_memory_map(0xf0003, map), 3);
	CU_ASSERT_TRUE(map[0].size == 0xefffe000 && map[1].addr == 0xefffe000);
	CU_ASSERT_TRUE(map[2].addr == 1ull << 32 && map[2].size == 0x3000 && map[2].type == 1);
}

TEST(test_pvh_memory, "a PVH domain's memory, by its own numbers and around the hole")
{
	static const struct {
		uint64_t pages, last;
	} t[] = { { 0x8000, 0x8000 }, { 0xf0000, 0xf0000 }, { 0xf0200, 0x100200 },
		  { 0xf0001, 0x100001 } };

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		static struct hvctl_config config = { .name = "g", .pvh = true };

		memset(&host, 0, sizeof(host));
		host.large = host.frames = ~0ull >> 1;
		host.by_number = true;
		b = (struct build){ .ctx = hvctl_open(), .config = &config,
				    .ramdisk = IMAGE_FILE_CLOSED };
		b.layout.nr_pages = t[i].pages;
		b.layout.kernel_pages = 1;
		b.layout.console_pfn = 1;
		CU_ASSERT_EQUAL(build_domain(&b, 3), -EIO);
		CU_ASSERT_EQUAL(host.given, t[i].pages);
		CU_ASSERT_EQUAL(host.last, t[i].last);
		CU_ASSERT_EQUAL(host.in_hole, 0);
		CU_ASSERT_EQUAL(b.p2m[t[i].pages - 1], t[i].last - 1);
		CU_ASSERT_TRUE(b.console_mfn == 1 && !b.store_mfn);
		done();
	}
}

SUITE("build")
