// SPDX-License-Identifier: LGPL-2.1-or-later
#include "save/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "domain.h"

/* At least XXH3_SECRET_SIZE_MIN; what XXH3's own has. */
#define SECRET 192
/* Places of a hash that are looked at; what finds none is stored and not known. */
#define PROBES 16

/*
 * Contents that are stored, by their hash: open addressing, seldom more than half full. A guest
 * chooses its pages, so that whatever they are, a few places are looked at and no more.
 */
struct known {
	uint64_t hash;
	uint32_t pfn;
};

struct saver {
	const struct guest *g;
	struct stream_out *out;
	struct pages_stored *stored;
	struct known *known;
	uint64_t mask;
	uint8_t secret[SECRET]; /* of the hash: nobody makes two pages of one */
	uint8_t **chunk; /* of PAGES_MAX pfns: its pages, one behind the other, or NULL */
	uint32_t *place; /* by pfn: of its page in its chunk's */
	/*
	 * The chunk that is being saved. Dom0's backends write to the guest's memory while it does
	 * not run: what is judged, hashed and written is one copy.
	 */
	uint8_t *copy;
	/* the batch that is being made */
	struct record_pages *batch;
	unsigned int words, parts;
	struct iovec part[PAGES_MAX + 1];
	uint64_t table[PAGES_MAX][TABLE_SLOTS];
	unsigned int tables;
};

static bool is_zero(const uint8_t *page)
{
	static const uint8_t zeros[FRAME_SIZE];

	return !memcmp(page, zeros, FRAME_SIZE);
}

static const uint8_t *page_at(const struct saver *s, uint64_t pfn)
{
	return s->chunk[pfn / PAGES_MAX] + (size_t)s->place[pfn] * FRAME_SIZE;
}

/*
 * A page stored before with the same bytes, or NO_PFN, and it is known from now on. The hash is of
 * what was stored. The memory may have been written since: only both together say that it is the
 * same.
 */
static uint32_t same_as(struct saver *s, uint64_t pfn, const uint8_t *page)
{
	uint64_t hash = XXH3_64bits_withSecret(page, FRAME_SIZE, s->secret, SECRET);

	for (unsigned int n = 0; n < PROBES; n++) {
		struct known *k = &s->known[(hash + n) & s->mask];

		if (k->pfn == NO_PFN) {
			*k = (struct known){ hash, (uint32_t)pfn };
			break;
		}
		if (k->hash == hash && !memcmp(page_at(s, k->pfn), page, FRAME_SIZE))
			return k->pfn;
	}
	return NO_PFN;
}

static int save_page(struct saver *s, uint64_t pfn, const uint8_t *page)
{
	uint8_t type = s->g->type[pfn];
	uint64_t entry = PAGE_ENTRY(pfn, CONTENT_DATA, GUEST_LEVEL(type)) |
			 (type & GUEST_PINNED ? PAGE_PINNED : 0),
		 *to = s->batch->page;
	uint32_t twin = NO_PFN;
	int error;

	if (GUEST_LEVEL(type)) {
		error = guest_table(s->g, pfn, (const void *)page, s->table[s->tables]);
		if (error)
			return error;
		page = (const void *)s->table[s->tables++];
	} else if (is_zero(page)) {
		s->stored->zero++;
		to[s->words++] = entry | PAGE_ENTRY(0, CONTENT_ZERO, 0);
		s->batch->count++;
		return 0;
	} else {
		twin = same_as(s, pfn, page);
	}
	s->batch->count++;
	if (twin != NO_PFN) {
		s->stored->same++;
		to[s->words++] = entry | PAGE_ENTRY(0, CONTENT_SAME, 0);
		to[s->words++] = twin;
		return 0;
	}
	s->stored->data++;
	to[s->words++] = entry;
	s->part[s->parts++] = (struct iovec){ (void *)page, FRAME_SIZE };
	return 0;
}

/* One chunk of pfns: those that there are, mapped for the rest of the saving. */
static int save_chunk(struct saver *s, uint64_t c)
{
	uint64_t first = c * PAGES_MAX, pfn, end = first + PAGES_MAX;
	xen_pfn_t mfns[PAGES_MAX];
	unsigned int n = 0;
	int error = hvctl_cancelled(s->g->ctx);

	if (end > s->g->nr_pfns)
		end = s->g->nr_pfns;
	for (pfn = first; pfn < end; pfn++)
		if (s->g->mfn[pfn] != NO_MFN) {
			s->place[pfn] = n;
			mfns[n++] = (xen_pfn_t)s->g->mfn[pfn];
		}
	if (error || !n)
		return error;
	s->chunk[c] = foreign_map(s->g->ctx, s->g->domid, PROT_READ, mfns, n);
	if (!s->chunk[c])
		return hvctl_fail(s->g->ctx, errno, "cannot map the memory of domain %u: %s",
				  s->g->domid, strerror(errno));
	memcpy(s->copy, s->chunk[c], (size_t)n * FRAME_SIZE);
	*s->batch = (struct record_pages){ 0 };
	s->words = s->tables = 0;
	s->parts = 1;
	for (pfn = first; !error && pfn < end; pfn++)
		if (s->g->mfn[pfn] != NO_MFN)
			error = save_page(s, pfn, s->copy + (size_t)s->place[pfn] * FRAME_SIZE);
	if (error)
		return error;
	s->part[0] = (struct iovec){ s->batch, sizeof(*s->batch) + s->words * sizeof(uint64_t) };
	return stream_write(s->out, RECORD_PAGES, s->part, (int)s->parts);
}

static void unmap(struct saver *s, uint64_t chunks)
{
	for (uint64_t c = 0; s->chunk && c < chunks; c++) {
		uint64_t n = 0;

		for (uint64_t pfn = c * PAGES_MAX; pfn < (c + 1) * PAGES_MAX; pfn++)
			if (pfn < s->g->nr_pfns && s->g->mfn[pfn] != NO_MFN)
				n++;
		foreign_unmap(s->chunk[c], n);
	}
}

int pages_room(struct hvctl_ctx *ctx, uint32_t domid, unsigned int threads)
{
	/* Of each page: what struct guest and struct saver have, the table at its emptiest. */
	const uint64_t per_page =
		sizeof(uint64_t) + 1 + sizeof(uint32_t) + 4 * sizeof(struct known);
	struct xen_sysctl host = { .cmd = XEN_SYSCTL_physinfo };
	struct xen_domctl_getdomaininfo info;
	uint64_t bytes;
	int error = domain_need(ctx, domid, &info);

	if (error)
		return error;
	error = do_sysctl(ctx, &host);
	if (error)
		return hvctl_fail(ctx, -error, "the hypervisor does not tell its memory: %s",
				  strerror(-error));
	bytes = stream_memory(threads) + sizeof(struct saver) + (uint64_t)PAGES_MAX * FRAME_SIZE +
		(host.u.physinfo.max_mfn + 1) * sizeof(uint32_t) + info.tot_pages * per_page;
	if (!memory_fits(bytes))
		return hvctl_fail(ctx, ENOMEM,
				  "dom0 has not enough memory to save domain %u: it takes %llu "
				  "MiB, and as much has to be left; give it more (hvctl mem-set 0)",
				  domid, (unsigned long long)(bytes >> 20) + 1);
	return 0;
}

int pages_save(const struct guest *g, struct stream_out *out, struct pages_stored *stored)
{
	uint64_t chunks = (g->nr_pfns + PAGES_MAX - 1) / PAGES_MAX, size = 16;
	struct saver *s = calloc(1, sizeof(*s));
	int error = 0;

	if (!s)
		return hvctl_no_memory(g->ctx);
	*stored = (struct pages_stored){ 0 };
	while (size < 2 * g->nr_pages)
		size *= 2;
	s->g = g;
	s->out = out;
	s->stored = stored;
	s->mask = size - 1;
	s->known = malloc(size * sizeof(*s->known));
	s->chunk = calloc(chunks, sizeof(*s->chunk));
	s->place = calloc(g->nr_pfns, sizeof(*s->place));
	s->batch = malloc(sizeof(*s->batch) + 2 * PAGES_MAX * sizeof(uint64_t));
	s->copy = malloc((size_t)PAGES_MAX * FRAME_SIZE);
	if (!s->known || !s->chunk || !s->place || !s->batch || !s->copy)
		error = hvctl_no_memory(g->ctx);
	else if (getrandom(s->secret, SECRET, 0) != SECRET)
		error = hvctl_fail(g->ctx, errno, "cannot get random numbers: %s", strerror(errno));
	for (uint64_t i = 0; !error && i < size; i++)
		s->known[i].pfn = NO_PFN;
	for (uint64_t c = 0; !error && c < chunks; c++) {
		hvctl_step(g->ctx, "saving its memory", 10 + (unsigned int)(c * 80 / chunks));
		error = save_chunk(s, c);
	}
	unmap(s, chunks);
	free(s->known);
	free(s->chunk);
	free(s->place);
	free(s->batch);
	free(s->copy);
	free(s);
	return error;
}
