// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/save/guest.c
/*
 * A guest looked at from outside, by its list of frames: as long as the memory that it may have,
 * whatever its balloon has taken and was told, and never as long as it likes. Its tables lead every
 * page of the list but the first to one page of holes, as Linux has it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "domain.h"
#include "pv-abi/compat.h"
#include "save/guest.h"
#include "suite.h"
#include "xs.h"

#define GUEST 7u
#define AT    0xffffc90000000000ull /* of its list */
#define AT_32 0xc0000000ull

/* Its machine frames. */
enum { ROOT = 1, L3, L2, FIRST, OTHERS, LIST, NOTHING, SHARED, FRAMES };

static struct hvctl_ctx ctx;
static uint8_t memory[FRAMES][FRAME_SIZE];
static uint64_t max_pages, tot_pages, room, asked;
static unsigned int width, mapped;
static const char *static_max;

int hvctl_fail(struct hvctl_ctx *c, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->error, sizeof(c->error), format, args);
	va_end(args);
	return -error;
}

int hvctl_no_memory(struct hvctl_ctx *c) { return hvctl_fail(c, ENOMEM, "no memory"); }

struct xs *hvctl_xs(struct hvctl_ctx *c) { return (struct xs *)memory; }

char *xs_readf(struct xs *xs, uint32_t tx, const char *format, ...)
{
	CU_ASSERT_STRING_EQUAL(format, "/local/domain/%u/memory/static-max");
	errno = ENOENT;
	return static_max ? strdup(static_max) : NULL;
}

bool memory_fits(uint64_t bytes)
{
	asked = bytes;
	return bytes <= room;
}

int domain_need(struct hvctl_ctx *c, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	CU_ASSERT_EQUAL(domid, GUEST);
	*info = (struct xen_domctl_getdomaininfo){ .tot_pages = tot_pages, .max_pages = max_pages,
						   .shared_info_frame = SHARED };
	return 0;
}

int do_sysctl(struct hvctl_ctx *c, struct xen_sysctl *op)
{
	op->u.physinfo.max_mfn = FRAMES - 1;
	return 0;
}

int do_domctl(struct hvctl_ctx *c, struct xen_domctl *op)
{
	uint64_t *array = (uint64_t *)(uintptr_t)op->u.getpageframeinfo3.array;

	if (op->cmd == XEN_DOMCTL_get_address_size) {
		op->u.address_size.size = width * 8;
		return 0;
	}
	for (unsigned int i = 0; i < op->u.getpageframeinfo3.num; i++)
		array[i] = array[i] == ROOT ? XEN_DOMCTL_PFINFO_L4TAB : 0;
	return 0;
}

void *hypercall_alloc(struct hvctl_ctx *c, size_t size) { return calloc(1, size); }

void hypercall_free(struct hvctl_ctx *c, void *p, size_t size) { free(p); }

void *foreign_map(struct hvctl_ctx *c, uint32_t domid, int prot, const xen_pfn_t *mfns,
		  size_t count)
{
	CU_ASSERT_FATAL(count == 1 && mfns[0] && mfns[0] < FRAMES);
	mapped++;
	return memory[mfns[0]];
}

void foreign_unmap(void *p, size_t count) { mapped -= !!p; }

static void point(unsigned int table, unsigned int slot, unsigned int frame)
{
	((uint64_t *)memory[table])[slot] = (uint64_t)frame << 12 | PTE_PRESENT;
}

/* So many words of so many bytes in its list; its pfn n is machine frame n. */
static void list(unsigned int words, uint64_t length)
{
	struct shared_info *wide = (void *)memory[SHARED];
	struct compat_shared_info *narrow = (void *)memory[SHARED];

	memset(memory, 0, sizeof(memory));
	width = words;
	for (unsigned int i = 0; i < 512; i++) {
		point(L3, i, L2);
		point(L2, i, OTHERS);
		point(FIRST, i, NOTHING);
		point(OTHERS, i, NOTHING);
	}
	point(ROOT, AT >> 39 & 511, L3);
	point(L2, 0, FIRST);
	point(FIRST, 0, LIST);
	memset(memory[LIST], 0xff, FRAME_SIZE);
	memset(memory[NOTHING], 0xff, FRAME_SIZE);
	for (unsigned int i = 1; i < FRAMES; i++) {
		if (words == 8)
			((uint64_t *)memory[LIST])[i] = i;
		else
			((uint32_t *)memory[LIST])[i] = i;
	}
	if (words == 8) {
		wide->arch.max_pfn = length;
		wide->arch.p2m_cr3 = ROOT << 12;
		wide->arch.p2m_vaddr = AT;
	} else {
		narrow->arch.max_pfn = (uint32_t)length;
		narrow->arch.p2m_cr3 = compat_pfn_to_cr3(L3);
		narrow->arch.p2m_vaddr = (uint32_t)AT_32;
	}
	max_pages = tot_pages = FRAMES - 1;
	static_max = NULL;
	room = UINT64_MAX;
	mapped = 0;
}

static int look(uint64_t length)
{
	struct guest g;
	int error = guest_look(&ctx, GUEST, &g);

	if (!error) {
		CU_ASSERT_EQUAL(g.nr_pfns, length);
		CU_ASSERT_EQUAL(g.nr_pages, FRAMES - 1);
		CU_ASSERT_EQUAL(g.mfn[0], NO_MFN);
		for (unsigned int i = 1; i < FRAMES; i++) {
			CU_ASSERT_EQUAL(g.mfn[i], i);
			CU_ASSERT_EQUAL(g.pfn[i], i);
		}
		CU_ASSERT_EQUAL(g.mfn[length - 1], NO_MFN);
		CU_ASSERT_EQUAL(g.list[0], LIST);
		CU_ASSERT_EQUAL(g.list[g.nr_list - 1], NOTHING);
	}
	guest_close(&g);
	CU_ASSERT_EQUAL(mapped, 0);
	return error;
}

static void refused(const char *why)
{
	CU_ASSERT_EQUAL(look(0), -EINVAL);
	if (!strstr(ctx.error, why))
		printf("\n    %s\n", ctx.error);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, why));
}

#define LONGER "list of frames (P2M) is longer than its memory"
#define GIB    (1ull << 18) /* frames */

TEST(test_balloon, "8 GiB at most, whatever the balloon is told")
{
	list(8, 8 * GIB);
	static_max = "8388608";
	CU_ASSERT_EQUAL(look(8 * GIB), 0);
	/* It has not yet given what it was asked for, or never does. */
	tot_pages = 8 * GIB;
	CU_ASSERT_EQUAL(look(8 * GIB), 0);
	static_max = NULL;
	CU_ASSERT_EQUAL(look(8 * GIB), 0);
	/* Another tool's, that says nothing: by the limit of now. */
	tot_pages = FRAMES - 1;
	max_pages = 8 * GIB;
	CU_ASSERT_EQUAL(look(8 * GIB), 0);
	/* As hvctl mem-max has left it, with holes. */
	list(8, 6 * GIB);
	static_max = "2097152";
	CU_ASSERT_EQUAL(look(6 * GIB), 0);
}

TEST(test_32, "a 32-bit guest")
{
	list(4, 8 * GIB);
	static_max = "8388608";
	CU_ASSERT_EQUAL(look(8 * GIB), 0);
	static_max = "1024";
	refused(LONGER);
}

TEST(test_hostile, "a list as long as the guest likes")
{
	static const uint64_t lengths[] = {
		6 * GIB + 1, 8 * GIB, NO_PFN, (uint64_t)NO_PFN + 2, 1ull << 52, UINT64_MAX / 17,
		UINT64_MAX - 1, UINT64_MAX,
	};

	for (unsigned int i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		list(8, lengths[i]);
		static_max = "2097152";
		refused(LONGER);
	}
	list(8, 0);
	refused(LONGER);
	/* The most that a domain can have: dom0's memory says no, and nothing was taken of it. */
	list(8, NO_PFN - 1);
	static_max = "99999999999999999999";
	room = 1ull << 32;
	CU_ASSERT_EQUAL(look(0), -ENOMEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "dom0 has not enough memory"));
	CU_ASSERT_TRUE(asked > 17ull << 31);
	list(8, NO_PFN);
	static_max = "99999999999999999999";
	refused(LONGER);
}

TEST(test_lies, "lists that lead elsewhere")
{
	list(8, 1024);
	((uint64_t *)memory[LIST])[12] = LIST;
	refused("names a frame that is not its own, or one twice");
	list(8, 1024);
	((uint64_t *)memory[LIST])[12] = FRAMES;
	refused("names a frame that is not its own, or one twice");
	list(8, 1024);
	((uint64_t *)memory[LIST])[12] = 1ull << 63 | 5;
	refused("frames of other domains mapped");
	list(8, 1024);
	((uint64_t *)memory[LIST])[LIST] = UINT64_MAX;
	refused("does not have its own frames");
	list(8, 1024);
	((uint64_t *)memory[L3])[AT >> 30 & 511] = 0;
	refused("is not mapped where it says");
	list(8, 1024);
	point(L2, 0, FRAMES + 5);
	refused("leads to machine frame 0xe, which is not its own");
	list(8, 1024);
	((struct shared_info *)memory[SHARED])->arch.p2m_cr3 = 0;
	refused("does not say where");
}

SUITE("a guest's list of frames")
