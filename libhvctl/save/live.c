// SPDX-License-Identifier: LGPL-2.1-or-later
#include "save/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "clock.h"

#define BATCH PAGES_MAX
/* That a page's description has at most. */
#define WORDS 3
/* Of a batch, where there is a limit to the bandwidth. */
#define PER_SECOND 8
/*
 * Pages that go without it at the beginning, to see what the link takes when the guest stands
 * still; and how many of them may only be in buffers on the way.
 */
#define FREE_PAGES 1024u
#define BUFFERED   512u
/* Fewer say nothing of the link. */
#define FEW 64u
#define NAP_MS 1000u

static bool bit(const uint64_t *map, uint64_t n)
{
	return map[n / 64] >> (n % 64) & 1;
}

static void set(uint64_t *map, uint64_t n)
{
	map[n / 64] |= 1ull << (n % 64);
}

static void unset(uint64_t *map, uint64_t n)
{
	map[n / 64] &= ~(1ull << (n % 64));
}

static struct hvctl_ctx *ctx_of(const struct live *l)
{
	return l->s->ctx;
}

/* ---- the log ---- */

static int log_op(struct live *l, uint32_t what)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op, .domain = (domid_t)l->s->domid };
	int error;

	op.u.shadow_op.op = what;
	if (what == XEN_DOMCTL_SHADOW_OP_CLEAN || what == XEN_DOMCTL_SHADOW_OP_PEEK) {
		op.u.shadow_op.dirty_bitmap = (uint64_t)(uintptr_t)l->log;
		op.u.shadow_op.pages = l->nr_pfns;
	}
	error = do_domctl(ctx_of(l), &op);
	return error ? hvctl_fail(ctx_of(l), -error,
				  "the hypervisor keeps no log of the pages that domain %u writes: "
				  "%s; see its log (hvctl dmesg)",
				  l->s->domid, strerror(-error))
		     : 0;
}

int live_begin(struct live *l, struct saving *s)
{
	const struct guest *g = &s->g;
	int error;

	l->s = s;
	if (g->nr_foreign)
		return hvctl_fail(s->ctx, EINVAL,
				  "domain %u cannot be migrated: it has frames of other domains "
				  "mapped",
				  s->domid);
	l->nr_pfns = g->nr_pfns;
	l->nr_words = (g->nr_pfns + 63) / 64;
	l->log = hypercall_alloc(s->ctx, l->nr_words * sizeof(*l->log));
	l->due = calloc(l->nr_words, sizeof(*l->due));
	l->there = malloc(l->nr_pfns * sizeof(*l->there));
	l->copy = malloc((size_t)BATCH * FRAME_SIZE);
	l->batch = malloc(sizeof(*l->batch) + BATCH * WORDS * sizeof(uint64_t));
	if (!l->log || !l->due || !l->there || !l->copy || !l->batch)
		return hvctl_no_memory(s->ctx);
	memset(l->there, 0xff, l->nr_pfns * sizeof(*l->there));
	memset(l->due, 0xff, l->nr_words * sizeof(*l->due));
	error = log_op(l, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY);
	l->logging = !error;
	return error;
}

void live_end(struct live *l)
{
	char why[sizeof(ctx_of(l)->error)];

	if (!l->s)
		return;
	memcpy(why, ctx_of(l)->error, sizeof(why));
	if (l->logging)
		log_op(l, XEN_DOMCTL_SHADOW_OP_OFF);
	memcpy(ctx_of(l)->error, why, sizeof(why));
	if (l->log)
		hypercall_free(ctx_of(l), l->log, l->nr_words * sizeof(*l->log));
	free(l->due);
	free(l->there);
	free(l->copy);
	free(l->batch);
	*l = (struct live){ 0 };
}

/* ---- pages ---- */

/* Pages that go at a time: with a limit no more than a part of what may go in a second. */
static unsigned int batch(const struct live *l)
{
	uint64_t pages = l->bandwidth / PER_SECOND / FRAME_SIZE;

	if (!l->bandwidth || !l->s->g.live || !l->measured || pages > BATCH)
		return BATCH;
	return pages ? (unsigned int)pages : 1;
}

/* The first pages have gone as fast as they could. */
static void measure(struct live *l)
{
	uint64_t us = monotonic_us() - l->started_us;

	l->measured = true;
	if (l->bandwidth && l->sent > BUFFERED)
		l->free = (l->sent - BUFFERED) * 1000000 / (us ? us : 1);
}

/* The other end may say something meanwhile, and is to know that we live. */
static int nap(struct live *l, uint64_t ms)
{
	int error = 0;

	l->napped_ms += ms;
	while (!error && ms) {
		unsigned int part = ms < NAP_MS ? (unsigned int)ms : NAP_MS;

		hvctl_nap(part);
		ms -= part;
		error = hvctl_cancelled(ctx_of(l));
		if (!error && l->check)
			error = l->check(l->data);
		if (!error)
			error = live_pulse(l);
	}
	return error;
}

/* Not more bytes than the caller wants a second, and none that wait in a buffer meanwhile. */
static int keep_pace(struct live *l)
{
	uint64_t past, due;
	int error;

	if (!l->bandwidth)
		return 0;
	error = stream_flush(l->s->out);
	if (!l->measured && l->sent < FREE_PAGES)
		return error;
	if (!l->measured)
		measure(l);
	past = monotonic_ms() - l->started_ms;
	due = l->bytes * 1000 / l->bandwidth;
	return !error && due > past ? nap(l, due - past) : error;
}

bool live_is_zero(const uint8_t *page)
{
	static const uint8_t zeros[FRAME_SIZE];

	return !memcmp(page, zeros, FRAME_SIZE);
}

/* Whether the other end has this page, and its digest then. */
static bool is_known(struct live *l, const uint8_t *page, struct digest *d)
{
	uint64_t us = monotonic_us();
	uint32_t at;
	bool is;

	if (!l->known)
		return false;
	*d = known_digest(l->known, page);
	is = known_find(l->known, d, &at);
	l->hashed_us += monotonic_us() - us;
	return is;
}

uint64_t live_rate_pages(const struct live *l, uint64_t us)
{
	uint64_t busy = us > l->hashed_us ? us - l->hashed_us : 1;
	uint64_t went = l->bytes / FRAME_SIZE;

	return went > UINT64_MAX / (us + 1) ? went : went * us / busy;
}

/*
 * Up to BATCH pages in rising order. The bits are cleared before the copy is made: what is written
 * from then on comes again.
 */
static int send(struct live *l, const uint64_t *pfns, unsigned int count)
{
	const struct guest *g = &l->s->g;
	struct iovec part[BATCH + 1];
	xen_pfn_t mfns[BATCH];
	uint64_t table[TABLE_SLOTS];
	uint8_t *at;
	int parts = 1, error = hvctl_cancelled(ctx_of(l));
	size_t words = 0;

	if (!error && l->check)
		error = l->check(l->data);
	if (error || !count)
		return error;
	for (unsigned int i = 0; i < count; i++)
		mfns[i] = (xen_pfn_t)g->mfn[pfns[i]];
	at = foreign_map(ctx_of(l), l->s->domid, PROT_READ, mfns, count);
	/* One of them may have gone since the list was read: they come again. */
	if (!at && g->live)
		return 0;
	if (!at)
		return hvctl_fail(ctx_of(l), errno, "cannot map the memory of domain %u: %s",
				  l->s->domid, strerror(errno));
	memcpy(l->copy, at, (size_t)count * FRAME_SIZE);
	foreign_unmap(at, count);
	*l->batch = (struct record_pages){ .count = count };
	for (unsigned int i = 0; !error && i < count; i++) {
		uint8_t type = g->type[pfns[i]], *page = l->copy + (size_t)i * FRAME_SIZE;
		uint64_t entry = PAGE_ENTRY(pfns[i], CONTENT_DATA, GUEST_LEVEL(type)) |
				 (type & GUEST_PINNED ? PAGE_PINNED : 0);
		struct digest d;

		if (GUEST_LEVEL(type)) {
			error = guest_table(g, pfns[i], (const void *)page, table);
			memcpy(page, table, FRAME_SIZE);
		}
		if (!GUEST_LEVEL(type) && live_is_zero(page)) {
			l->batch->page[words++] = entry | PAGE_ENTRY(0, CONTENT_ZERO, 0);
			l->zeros++;
		} else if (!GUEST_LEVEL(type) && is_known(l, page, &d)) {
			l->batch->page[words++] = entry | PAGE_ENTRY(0, CONTENT_KNOWN, 0);
			l->batch->page[words++] = d.word[0];
			l->batch->page[words++] = d.word[1];
			l->spared++;
		} else {
			l->batch->page[words++] = entry;
			part[parts++] = (struct iovec){ page, FRAME_SIZE };
			l->sent++;
		}
	}
	if (error)
		return error;
	for (unsigned int i = 0; i < count; i++) {
		l->nr_there += l->there[pfns[i]] == NO_MFN;
		l->there[pfns[i]] = g->mfn[pfns[i]];
		unset(l->due, pfns[i]);
	}
	part[0] = (struct iovec){ l->batch, sizeof(*l->batch) + words * sizeof(uint64_t) };
	l->bytes += part[0].iov_len + (uint64_t)(parts - 1) * FRAME_SIZE;
	error = stream_write(l->s->out, RECORD_PAGES, part, parts);
	l->said_ms = monotonic_ms();
	return !error && g->live ? keep_pace(l) : error;
}

/* Whether this page is to be sent now, behind @fresh others that the other side has not yet. */
static bool wanted(struct live *l, uint64_t pfn, uint64_t fresh)
{
	const struct guest *g = &l->s->g;

	if (g->mfn[pfn] == NO_MFN)
		return false;
	/* Another frame than the one that was sent: whether that was written says nothing of it. */
	if (l->there[pfn] != g->mfn[pfn])
		set(l->due, pfn);
	if (!g->live && GUEST_LEVEL(g->type[pfn]))
		return true;
	if (g->live && GUEST_LEVEL(g->type[pfn])) {
		set(l->due, pfn);
		return false;
	}
	/* A list that changes while it is read may have more than the other side has room for. */
	if (g->live && l->there[pfn] == NO_MFN && l->nr_there + fresh >= g->most)
		return false;
	return bit(l->due, pfn);
}

static int send_due(struct live *l)
{
	uint64_t pfns[BATCH];
	unsigned int n = 0, fresh = 0, most = batch(l);
	int error = 0;

	l->started_ms = monotonic_ms();
	l->started_us = monotonic_us();
	l->bytes = l->napped_ms = l->hashed_us = 0;
	for (uint64_t pfn = 0; !error && pfn < l->nr_pfns; pfn++) {
		if (wanted(l, pfn, fresh)) {
			fresh += l->there[pfn] == NO_MFN;
			pfns[n++] = pfn;
		}
		if (n == most) {
			error = send(l, pfns, n);
			n = fresh = 0;
		}
	}
	return error ? error : send(l, pfns, n);
}

/* What was sent and the guest has no more. */
static int send_gone(struct live *l)
{
	const struct guest *g = &l->s->g;
	uint64_t gone[BATCH];
	unsigned int n = 0;
	int error = 0;

	for (uint64_t pfn = 0; !error && pfn < l->nr_pfns; pfn++) {
		if (l->there[pfn] != NO_MFN && g->mfn[pfn] == NO_MFN) {
			l->there[pfn] = NO_MFN;
			l->nr_there--;
			set(l->due, pfn);
			gone[n++] = pfn;
		}
		if (n == BATCH || (n && pfn + 1 == l->nr_pfns)) {
			error = save_one(l->s, RECORD_GONE, gone, n * sizeof(*gone));
			n = 0;
		}
	}
	return error;
}

/* ---- rounds ---- */

/* The bits first, then what they are of. */
static int look(struct live *l, bool live)
{
	struct saving *s = l->s;
	int error = log_op(l, XEN_DOMCTL_SHADOW_OP_CLEAN);

	if (error)
		return error;
	for (uint64_t i = 0; i < l->nr_words; i++)
		l->due[i] |= l->log[i];
	guest_close(&s->g);
	error = live ? guest_look_live(s->ctx, s->domid, &s->g)
		     : guest_look(s->ctx, s->domid, &s->g);
	if (!error && s->g.nr_pfns != l->nr_pfns)
		error = hvctl_fail(s->ctx, ESTALE,
				   "domain %u was given a longer list of frames (P2M) on its way; "
				   "try again",
				   s->domid);
	l->tables = 0;
	for (uint64_t pfn = 0; !error && pfn < l->nr_pfns; pfn++)
		l->tables += !!GUEST_LEVEL(s->g.type[pfn]);
	return error;
}

int live_round(struct live *l)
{
	uint64_t sent = l->sent;
	int error = look(l, true);

	if (!error)
		error = send_gone(l);
	if (!error)
		error = send_due(l);
	if (!error)
		error = stream_flush(l->s->out);
	/* It was the link that held it up. */
	if (l->measured && !l->napped_ms && l->sent - sent >= FEW)
		l->free = 0;
	/* Fewer pages than go without the limit: the time for them is taken all the same. */
	if (!error && !l->measured) {
		measure(l);
		error = keep_pace(l);
	}
	return error;
}

int live_rest(struct live *l, uint64_t *rest)
{
	const struct guest *g = &l->s->g;
	int error = log_op(l, XEN_DOMCTL_SHADOW_OP_PEEK);

	*rest = 0;
	for (uint64_t pfn = 0; !error && pfn < l->nr_pfns; pfn++)
		*rest += (bit(l->log, pfn) || bit(l->due, pfn)) && g->mfn[pfn] != NO_MFN &&
			 !GUEST_LEVEL(g->type[pfn]);
	return error;
}

int live_pulse(struct live *l)
{
	uint64_t now = monotonic_ms();
	int error;

	if (now - l->said_ms < STREAM_PULSE_MS)
		return 0;
	l->said_ms = now;
	/* No page has gone. */
	error = save_one(l->s, RECORD_GONE, &now, 0);
	return error ? error : stream_flush(l->s->out);
}

static int save_stopped(struct live *l)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_gettscinfo, .domain = (domid_t)l->s->domid };
	struct record_stopped r = { .nr_pages = l->s->g.nr_pages };
	int error = do_domctl(ctx_of(l), &op);

	if (error)
		return hvctl_fail(ctx_of(l), -error,
				  "the hypervisor does not tell the clock of domain %u: %s",
				  l->s->domid, strerror(-error));
	r.elapsed_ns = op.u.tsc_info.elapsed_nsec;
	return save_one(l->s, RECORD_STOPPED, &r, sizeof(r));
}

int live_last(struct live *l)
{
	struct saving *s = l->s;
	int error = look(l, false);

	if (!error)
		error = save_stopped(l);
	if (!error)
		error = send_gone(l);
	if (!error)
		error = send_due(l);
	if (!error)
		error = save_one(s, RECORD_P2M, s->g.list, s->g.nr_list * sizeof(*s->g.list));
	return error ? error : save_tail(s);
}
