/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_FUZZ_IMAGE_MANGLE_H
#define ANNULUS_TESTS_FUZZ_IMAGE_MANGLE_H

/*
 * An image of a saved guest that somebody changed: pieces of a good one (tests/unit/image_pieces.h)
 * have other numbers, other lengths and another order, then bytes of the file are changed. What the
 * reader stands on refuses some calls.
 */
#include <sys/stat.h>

#include "fill_world.h"
#include "fuzz.h"
#include "image_pieces.h"
#include "save/restore.h"

#define PIECE_MAX (96u << 10)

static uint64_t refused_calls; /* bit n: the n-th call is refused */
static unsigned int calls;

static bool refuse_some(void)
{
	unsigned int n = calls++;

	return n < 64 && (refused_calls >> n & 1);
}

static struct piece *any_piece(struct fuzz_in *in, struct pieces *ps)
{
	return &ps->p[fuzz_u8(in) % ps->n];
}

/* Mostly near its beginning, where its numbers are. */
static size_t any_place(struct fuzz_in *in, const struct piece *p, unsigned int width)
{
	size_t at = fuzz_below(in, 4) ? fuzz_u8(in) * (size_t)width : fuzz_u16(in);

	return p->len < width ? 0 : at % (p->len - width + 1);
}

static void put_number(struct fuzz_in *in, struct piece *p)
{
	unsigned int width = 1u << fuzz_below(in, 4);
	size_t at = any_place(in, p, width);
	uint64_t value = fuzz_number(in);

	if (p->len < width)
		return;
	if (fuzz_below(in, 4) == 3) { /* one bit of what is there */
		p->at[at] ^= (uint8_t)(1u << (value & 7));
		return;
	}
	memcpy(p->at + at, &value, width);
	if (p->record && at < 8 && at + width > 4)
		p->lies = true;
}

static void put_bytes(struct fuzz_in *in, struct piece *p)
{
	size_t n = fuzz_below(in, 64), at = any_place(in, p, 1);

	fuzz_bytes(in, p->at + at, n < p->len - at ? n : p->len - at);
}

static void resize(struct fuzz_in *in, struct piece *p)
{
	size_t len = fuzz_below(in, 2) ? p->len + 8 - fuzz_below(in, 17) : fuzz_u32(in) % PIECE_MAX;

	piece_resize(p, len < PIECE_MAX ? len : 0);
}

static void double_piece(struct fuzz_in *in, struct pieces *ps)
{
	struct piece was = *any_piece(in, ps);
	unsigned int to = fuzz_u8(in) % (ps->n + 1);

	if (ps->n == sizeof(ps->p) / sizeof(ps->p[0]))
		return;
	memmove(&ps->p[to + 1], &ps->p[to], (ps->n - to) * sizeof(ps->p[0]));
	ps->n++;
	ps->p[to] = was;
	ps->p[to].at = NULL;
	ps->p[to].len = 0;
	ps->p[to].at = calloc(1, was.len + 1);
	ps->p[to].len = was.len;
	FUZZ_CHECK(ps->p[to].at, "no memory");
	memcpy(ps->p[to].at, was.at, was.len);
}

static void drop_piece(struct fuzz_in *in, struct pieces *ps)
{
	unsigned int n = fuzz_u8(in) % ps->n;

	if (ps->n == 1)
		return;
	free(ps->p[n].at);
	memmove(&ps->p[n], &ps->p[n + 1], (--ps->n - n) * sizeof(ps->p[0]));
}

static void swap_pieces(struct fuzz_in *in, struct pieces *ps)
{
	struct piece *a = any_piece(in, ps), *b = any_piece(in, ps), was = *a;

	*a = *b;
	*b = was;
}

static void mangle_pieces(struct fuzz_in *in, struct pieces *ps)
{
	switch (fuzz_below(in, 8)) {
	case 0:
	case 1:
	case 2:
		put_number(in, any_piece(in, ps));
		break;
	case 3:
		put_bytes(in, any_piece(in, ps));
		break;
	case 4:
		resize(in, any_piece(in, ps));
		break;
	case 5:
		double_piece(in, ps);
		break;
	case 6:
		drop_piece(in, ps);
		break;
	default:
		swap_pieces(in, ps);
	}
}

/* A few bytes of it, or its end. */
static void mangle_file(struct fuzz_in *in, int fd)
{
	struct stat st;
	uint8_t bytes[4];
	size_t n = 1 + fuzz_below(in, sizeof(bytes));
	off_t at;

	FUZZ_CHECK(!fstat(fd, &st), "fstat");
	if (!st.st_size)
		return;
	at = fuzz_u32(in) % st.st_size;
	if (!fuzz_below(in, 4)) {
		FUZZ_CHECK(!ftruncate(fd, at), "ftruncate");
		return;
	}
	fuzz_bytes(in, bytes, n);
	FUZZ_CHECK(pwrite(fd, bytes, n, at) == (ssize_t)n, "pwrite");
}

/*
 * What came of it. Accepted is whole: the domain has vCPUs, and rings in frames of its own; refused
 * is said in a line. Nothing that it has is anybody else's, it has no more than its memory, and all
 * is given back but that.
 */
static void check_outcome(struct image *i, int error, bool changed, const struct domain_rings *r,
			  const char *said)
{
	struct fill *f = &i->fill;
	uint64_t frames = 0;

	FUZZ_CHECK(error <= 0 && error > -4096, "%d is no error", error);
	FUZZ_CHECK(!error || (*said && !strchr(said, '\n')), "%d without a line: %s", error, said);
	FUZZ_CHECK(!error || changed, "a good image is refused: %s", said);
	for (uint64_t pfn = 0; f->mfn && pfn < f->nr_pfns; pfn++) {
		if (f->mfn[pfn] == NO_MFN)
			continue;
		FUZZ_CHECK(fill_owns(f->mfn[pfn]), "pfn %#lx", (unsigned long)pfn);
		frames++;
	}
	FUZZ_CHECK(frames == fill_world.populated, "a frame has been lost");
	FUZZ_CHECK(!f->config || frames <= f->config->max_memory_mib << 8, "more than its memory");
	if (!error) {
		FUZZ_CHECK(fill_owns(r->store_mfn) && fill_owns(r->console_mfn), "its rings");
		FUZZ_CHECK(fill_world.vcpus && fill_world.vcpus <= f->config->max_vcpus, "vCPUs");
	}
	fill_end(f);
	fill_world_end();
}

#endif
