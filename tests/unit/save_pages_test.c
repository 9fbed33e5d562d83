// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/save/pages.c
//
// A guest's pages on their way into an image, while dom0's backends go on writing to its memory:
// what is said of a page and what is written of it are of one moment. The stream here is a fake
// that reads what it gets, has the guest's memory written, and reads it again.

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain.h"
#include "internal.h"
#include "save/pages.h"
#include "suite.h"

#define XXH_INLINE_ALL
#include <xxhash.h>


#define FRAMES (3 * PAGES_MAX)

static struct hvctl_ctx ctx;
static uint8_t memory[FRAMES][FRAME_SIZE]; /* by machine frame */
static uint8_t restored[FRAMES][FRAME_SIZE];
static uint64_t mfn[FRAMES];
static uint8_t type[FRAMES];
static unsigned int mapped, records;
static void (*meanwhile)(unsigned int record); /* writes to the guest's memory */

int hvctl_fail(struct hvctl_ctx *c, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->error, sizeof(c->error), format, args);
	va_end(args);
	return -error;
}

int hvctl_no_memory(struct hvctl_ctx *c) { return hvctl_fail(c, ENOMEM, "no memory"); }

int hvctl_cancelled(struct hvctl_ctx *c) { return c->cancelled ? -EINTR : 0; }

void hvctl_step(struct hvctl_ctx *c, const char *step, unsigned int percent) {}

/* Frames that are mapped in one piece stand one behind the other here. */
void *foreign_map(struct hvctl_ctx *c, uint32_t domid, int prot, const xen_pfn_t *mfns,
		  size_t count)
{
	for (size_t i = 0; i < count; i++)
		CU_ASSERT_FATAL(mfns[i] == mfns[0] + i && mfns[i] < FRAMES);
	mapped++;
	return memory[mfns[0]];
}

void foreign_unmap(void *p, size_t count) { mapped -= !!p; }

int guest_table(const struct guest *g, uint64_t pfn, const uint64_t *table, uint64_t *copy)
{
	memcpy(copy, table, FRAME_SIZE);
	return 0;
}

static uint64_t room, asked; /* bytes of dom0 */

bool memory_fits(uint64_t bytes)
{
	asked = bytes;
	return bytes <= room;
}

uint64_t stream_memory(unsigned int threads) { return (uint64_t)threads << 20; }

int domain_need(struct hvctl_ctx *c, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	*info = (struct xen_domctl_getdomaininfo){ .tot_pages = 1 << 20, .max_pages = 1 << 20 };
	return 0;
}

int do_sysctl(struct hvctl_ctx *c, struct xen_sysctl *op)
{
	op->u.physinfo.max_mfn = (1 << 22) - 1;
	return 0;
}

/* Read it as a reader does, into restored[]. */
static void take(const uint8_t *body, size_t len)
{
	const struct record_pages *r = (const void *)body;
	size_t words = 0;
	const uint8_t *data;

	for (uint32_t n = 0; n < r->count; n++, words++)
		words += PAGE_CONTENT(r->page[words]) == CONTENT_SAME;
	data = (const uint8_t *)(r->page + words);
	words = 0;
	for (uint32_t n = 0; n < r->count; n++, words++) {
		uint64_t e = r->page[words], pfn = e & PAGE_PFN;

		CU_ASSERT_FATAL(pfn < FRAMES);
		switch (PAGE_CONTENT(e)) {
		case CONTENT_DATA:
			memcpy(restored[pfn], data, FRAME_SIZE);
			data += FRAME_SIZE;
			break;
		case CONTENT_ZERO:
			memset(restored[pfn], 0, FRAME_SIZE);
			break;
		default:
			words++;
			CU_ASSERT_FATAL(r->page[words] < FRAMES);
			memcpy(restored[pfn], restored[r->page[words]], FRAME_SIZE);
		}
	}
	CU_ASSERT_EQUAL(data, body + len);
}

static size_t gather(uint8_t *to, const struct iovec *part, int parts)
{
	size_t len = 0;

	for (int i = 0; i < parts; i++) {
		memcpy(to + len, part[i].iov_base, part[i].iov_len);
		len += part[i].iov_len;
	}
	return len;
}

int stream_write(struct stream_out *out, uint32_t what, const struct iovec *part, int parts)
{
	static uint8_t first[STREAM_MAX], second[STREAM_MAX];
	size_t len = gather(first, part, parts);

	CU_ASSERT_EQUAL(what, RECORD_PAGES);
	if (meanwhile)
		meanwhile(records);
	records++;
	/* The hash is of the first look, the image has the second. */
	CU_ASSERT_EQUAL(gather(second, part, parts), len);
	CU_ASSERT_FALSE(memcmp(first, second, len));
	take(second, len);
	return 0;
}

/* A page that is like no other of another number. */
static void paint(uint64_t frame, uint32_t number)
{
	for (unsigned int i = 0; i < FRAME_SIZE / 4; i++)
		((uint32_t *)memory[frame])[i] = number * 2654435761u + i;
}

static struct guest fresh(uint64_t nr_pfns)
{
	struct guest g = { .ctx = &ctx, .domid = 5, .width = 8, .nr_pfns = nr_pfns, .mfn = mfn,
			   .type = type, .nr_pages = nr_pfns };

	for (uint64_t n = 0; n < FRAMES; n++) {
		mfn[n] = n;
		type[n] = 0;
		paint(n, (uint32_t)n + 1);
	}
	records = 0;
	meanwhile = NULL;
	memset(restored, 0xee, sizeof(restored));
	return g;
}

static struct pages_stored save(const struct guest *g)
{
	struct pages_stored stored;

	CU_ASSERT_EQUAL(pages_save(g, NULL, &stored), 0);
	CU_ASSERT_EQUAL(mapped, 0);
	return stored;
}

TEST(test_whole, "zeros, duplicates, tables and holes")
{
	struct guest g = fresh(2 * PAGES_MAX + 7);
	struct pages_stored stored;

	memset(memory[3], 0, FRAME_SIZE);
	paint(PAGES_MAX + 5, 10);	/* as frame 9 */
	paint(20, 10);			/* the same, and a table */
	type[20] = 1 | GUEST_PINNED;
	mfn[g.nr_pfns - 1] = NO_MFN;
	g.nr_pages--;
	stored = save(&g);
	CU_ASSERT_EQUAL(records, 3);
	CU_ASSERT_EQUAL(stored.zero, 1);
	CU_ASSERT_EQUAL(stored.same, 1);
	CU_ASSERT_EQUAL(stored.data, g.nr_pages - 2);
	CU_ASSERT_FALSE(memcmp(memory, restored, (g.nr_pfns - 1) * FRAME_SIZE));
}

static void write_all(unsigned int record)
{
	for (uint64_t n = 0; n < FRAMES; n++)
		memory[n][n % FRAME_SIZE]++;
}

/* A backend writes to every page while a record is written: what was hashed is what is written. */
TEST(test_written_meanwhile, "memory written while it is saved")
{
	static uint8_t before[PAGES_MAX][FRAME_SIZE];
	struct guest g = fresh(PAGES_MAX);

	memset(memory[1], 0, FRAME_SIZE);
	memcpy(before, memory, sizeof(before));
	meanwhile = write_all;
	save(&g);
	CU_ASSERT_FALSE(memcmp(before, restored, sizeof(before)));
}

static void become_another(unsigned int record)
{
	if (!record)
		for (uint64_t n = 0; n < PAGES_MAX; n++)
			paint(n, 5000);
}

/*
 * Pages that were stored are written afterwards, and become what later ones are. The guest says
 * that it has few pages: in the small table that this makes, all are compared with all.
 */
TEST(test_twin_written, "a duplicate of what was not stored")
{
	struct guest g = fresh(2 * PAGES_MAX);
	struct pages_stored stored;

	g.nr_pages = 8;
	paint(PAGES_MAX + 1, 5000);
	for (uint32_t n = 0; n < 100; n++)
		paint(PAGES_MAX + 2 + n, n + 1); /* as frame n was */
	meanwhile = become_another;
	stored = save(&g);
	CU_ASSERT_EQUAL(stored.same, 0);
	CU_ASSERT_FALSE(memcmp(memory[PAGES_MAX], restored[PAGES_MAX], PAGES_MAX * FRAME_SIZE));
}

/* Pages whose hashes, as anybody computes them, all begin their search at one place. */
TEST(test_chosen, "contents chosen to be slow")
{
	struct guest g = fresh(2 * PAGES_MAX);
	uint64_t first = 0, found = 0;

	/* The table of so many pages has 4096 places. */
	for (uint32_t n = 1; found < 64; n++) {
		paint(found, n);
		first = found ? first : XXH3_64bits(memory[0], FRAME_SIZE);
		if (!((XXH3_64bits(memory[found], FRAME_SIZE) ^ first) & 4095))
			found++;
	}
	for (uint64_t n = 0; n < found; n++)
		memcpy(memory[PAGES_MAX + n], memory[n], FRAME_SIZE);
	for (uint64_t n = found; n < PAGES_MAX; n++)
		mfn[n] = mfn[PAGES_MAX + n] = NO_MFN;
	/* With a secret they are found like any others. */
	CU_ASSERT_EQUAL(save(&g).same, found);
}

/* More contents than places: the search ends, and what finds no place is stored. */
TEST(test_crowded, "no place for what is known")
{
	struct guest g = fresh(PAGES_MAX);

	g.nr_pages = 1;
	CU_ASSERT_EQUAL(save(&g).data, PAGES_MAX);
	CU_ASSERT_FALSE(memcmp(memory, restored, PAGES_MAX * FRAME_SIZE));
}

/* A guest of 4 GiB on a host of 16: its lists, the way back from frames, chunks, compression. */
TEST(test_room, "dom0's memory")
{
	uint64_t one;

	room = UINT64_MAX;
	CU_ASSERT_EQUAL(pages_room(&ctx, 5, 1), 0);
	one = asked;
	CU_ASSERT_TRUE(one > (16 << 20) + (40 << 20) && one < 128 << 20);
	CU_ASSERT_EQUAL(pages_room(&ctx, 5, 8), 0);
	CU_ASSERT_EQUAL(asked, one + (7 << 20));
	room = one;
	CU_ASSERT_EQUAL(pages_room(&ctx, 5, 1), 0);
	CU_ASSERT_EQUAL(pages_room(&ctx, 5, 2), -ENOMEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "dom0 has not enough memory"));
}

SUITE("save pages")
