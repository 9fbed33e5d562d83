// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/save/live.c libhvctl/save/known.c
// libs: -lsodium
//
// A guest that is sent while it runs: it writes, its pages become page tables and are none again,
// frames go and come, between two pages of one round as well. When it has stopped the other side
// has all that it has, and nothing else. The hypervisor's log, the guest and the other side are
// fakes; what is written and when is by chance.

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "save/live.h"
#include "suite.h"

#define PFNS   (PAGES_MAX + 300u)
#define FRAMES (PFNS + 200u)

static struct hvctl_ctx ctx;

/* ---- the guest ---- */

static uint64_t memory[FRAMES][FRAME_SIZE / 8];
static uint64_t p2m[PFNS];
static uint8_t type_of[FRAMES];
static bool owned[FRAMES];
static bool logging, running;
static uint64_t dirty[(PFNS + 63) / 64];
static uint64_t longer, foreign, most; /* what a look finds */

static void mark(uint64_t pfn)
{
	if (logging)
		dirty[pfn / 64] |= 1ull << (pfn % 64);
}

static uint64_t random_pfn(void) { return (uint64_t)rand() % PFNS; }

static void store(uint64_t pfn)
{
	if (p2m[pfn] == NO_MFN)
		return;
	/* Zero is a content, too. */
	memory[p2m[pfn]][rand() % 4] = (uint64_t)(rand() % 3);
	mark(pfn);
}

/* A frame goes, and nobody may have it any more; or one comes, which has something in it. */
static void balloon(uint64_t pfn)
{
	uint64_t mfn = p2m[pfn];

	if (mfn != NO_MFN) {
		owned[mfn] = false;
		type_of[mfn] = 0;
		p2m[pfn] = NO_MFN;
	} else {
		for (mfn = (uint64_t)rand() % FRAMES; owned[mfn]; mfn = (mfn + 1) % FRAMES)
			;
		owned[mfn] = true;
		memory[mfn][0] = (uint64_t)rand();
		p2m[pfn] = mfn;
	}
	mark(pfn);
}

/* A page becomes a table as it is, without being written; or it is none any more. */
static void change_type(uint64_t pfn)
{
	if (p2m[pfn] != NO_MFN)
		type_of[p2m[pfn]] = type_of[p2m[pfn]] ? 0 : 1 + (uint8_t)(rand() % 4);
}

/*
 * A page gets another frame: the machine's list says so first, and is heard by the log; the guest's
 * own list follows when the log may have been cleared already.
 */
static uint64_t moving;

static void exchange(void)
{
	uint64_t mfn;

	if (moving == NO_MFN) {
		moving = random_pfn();
		mark(moving);
		return;
	}
	if (rand() % 8)
		return;
	if (p2m[moving] != NO_MFN) {
		for (mfn = (uint64_t)rand() % FRAMES; owned[mfn]; mfn = (mfn + 1) % FRAMES)
			;
		owned[p2m[moving]] = false;
		owned[mfn] = true;
		memory[mfn][0] = (uint64_t)rand();
		type_of[p2m[moving]] = type_of[mfn] = 0;
		p2m[moving] = mfn;
	}
	moving = NO_MFN;
}

static void run_it(unsigned int steps)
{
	while (running && steps--)
		switch (rand() % 8) {
		case 0: balloon(random_pfn()); break;
		case 1: change_type(random_pfn()); break;
		case 2: exchange(); break;
		default: store(random_pfn());
		}
}

/* ---- the other side ---- */

static uint64_t there[PFNS][FRAME_SIZE / 8];
static bool has[PFNS];
static uint8_t type_there[PFNS];
static uint64_t nr_there, said;
static bool stopped, tables_early;
static int broken; /* the link */
static size_t longest; /* record */
static uint64_t now_us, link_rate; /* time, and pages that go in a second; 0: in no time */

/* What it kept of the guest. */
static struct known known;
static uint64_t kept[PFNS][FRAME_SIZE / 8];

static const void *kept_page(const uint64_t *words)
{
	const struct digest d = { .word = { words[0], words[1] } };
	uint32_t at = 0;

	CU_ASSERT_TRUE_FATAL(known_find(&known, &d, &at));
	return kept[at];
}

static void take(const struct record_pages *r, const struct iovec *part)
{
	uint64_t last = 0;

	for (uint32_t n = 0, at = 0; n < r->count; n++, at++) {
		uint64_t e = r->page[at], pfn = e & PAGE_PFN;

		CU_ASSERT_FATAL(pfn < PFNS);
		CU_ASSERT_TRUE(!n || pfn > last);
		last = pfn;
		nr_there += !has[pfn];
		has[pfn] = true;
		type_there[pfn] = (uint8_t)PAGE_TYPE(e);
		tables_early |= PAGE_TYPE(e) && !stopped;
		if (PAGE_CONTENT(e) == CONTENT_ZERO)
			memset(there[pfn], 0, FRAME_SIZE);
		else if (PAGE_CONTENT(e) == CONTENT_KNOWN)
			memcpy(there[pfn], kept_page(&r->page[at + 1]), FRAME_SIZE), at += 2;
		else
			memcpy(there[pfn], (++part)->iov_base, FRAME_SIZE);
	}
	CU_ASSERT_TRUE(nr_there <= most);
}

int stream_write(struct stream_out *out, uint32_t type, const struct iovec *part, int parts)
{
	CU_ASSERT_EQUAL(type, RECORD_PAGES);
	if (broken && !--broken)
		return -EPIPE;
	for (size_t n = 0, bytes = 0; n < (size_t)parts; n++) {
		bytes += part[n].iov_len;
		longest = bytes > longest ? bytes : longest;
	}
	take(part[0].iov_base, part);
	if (link_rate)
		now_us += (uint64_t)(parts - 1) * 1000000 / link_rate;
	run_it(20);
	return 0;
}

static unsigned int flushed, said_nothing;

int stream_flush(struct stream_out *out)
{
	flushed++;
	return 0;
}

int save_one(struct saving *s, uint32_t type, const void *body, size_t len)
{
	const uint64_t *gone = body;

	if (type == RECORD_STOPPED) {
		said = ((const struct record_stopped *)body)->nr_pages;
		stopped = true;
	}
	said_nothing += type == RECORD_GONE && !len;
	for (size_t n = 0; type == RECORD_GONE && n < len / 8; n++) {
		CU_ASSERT_TRUE(has[gone[n]]);
		has[gone[n]] = false;
		nr_there--;
	}
	return 0;
}

int save_tail(struct saving *s) { return 0; }

/* ---- what it stands on ---- */

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

static unsigned int napped, longest_nap;

int clock_gettime(clockid_t clock, struct timespec *t)
{
	t->tv_sec = (time_t)(now_us / 1000000);
	t->tv_nsec = (long)(now_us % 1000000) * 1000;
	return 0;
}

void hvctl_nap(unsigned int ms)
{
	napped += ms;
	longest_nap = ms > longest_nap ? ms : longest_nap;
	now_us += ms * 1000ull;
}

void *hypercall_alloc(struct hvctl_ctx *c, size_t size) { return calloc(1, size); }

void hypercall_free(struct hvctl_ctx *c, void *p, size_t size) { free(p); }

int do_domctl(struct hvctl_ctx *c, struct xen_domctl *op)
{
	struct xen_domctl_shadow_op *s = &op->u.shadow_op;

	if (op->cmd == XEN_DOMCTL_gettscinfo)
		return 0;
	CU_ASSERT_EQUAL_FATAL(op->cmd, XEN_DOMCTL_shadow_op);
	switch (s->op) {
	case XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY:
		memset(dirty, 0, sizeof(dirty));
		logging = true;
		return 0;
	case XEN_DOMCTL_SHADOW_OP_OFF: logging = false; return 0;
	case XEN_DOMCTL_SHADOW_OP_CLEAN:
	case XEN_DOMCTL_SHADOW_OP_PEEK:
		CU_ASSERT_TRUE(logging && s->pages == PFNS);
		memcpy((void *)(uintptr_t)s->dirty_bitmap, dirty, sizeof(dirty));
		if (s->op == XEN_DOMCTL_SHADOW_OP_CLEAN)
			memset(dirty, 0, sizeof(dirty));
		return 0;
	default: CU_FAIL("an operation of the log"); return -EINVAL;
	}
}

static int look(struct guest *g)
{
	*g = (struct guest){ .ctx = &ctx, .nr_pfns = PFNS + longer, .nr_foreign = foreign };
	g->most = most;
	g->mfn = malloc(sizeof(p2m));
	g->type = calloc(PFNS, 1);
	memcpy(g->mfn, p2m, sizeof(p2m));
	for (uint64_t pfn = 0; pfn < PFNS; pfn++)
		if (p2m[pfn] != NO_MFN) {
			g->type[pfn] = type_of[p2m[pfn]];
			g->nr_pages++;
		}
	return 0;
}

int guest_look(struct hvctl_ctx *c, uint32_t domid, struct guest *g)
{
	CU_ASSERT_FALSE(running);
	return look(g);
}

int guest_look_live(struct hvctl_ctx *c, uint32_t domid, struct guest *g)
{
	look(g);
	g->live = true;
	/* What it has changed by the time that its pages are read. */
	run_it(20);
	return 0;
}

void guest_close(struct guest *g)
{
	free(g->mfn);
	free(g->type);
	g->mfn = NULL;
	g->type = NULL;
}

int guest_table(const struct guest *g, uint64_t pfn, const uint64_t *table, uint64_t *copy)
{
	memcpy(copy, table, FRAME_SIZE);
	return 0;
}

void *foreign_map(struct hvctl_ctx *c, uint32_t domid, int prot, const xen_pfn_t *mfns,
		  size_t count)
{
	uint8_t *p = malloc(count * FRAME_SIZE);

	for (size_t n = 0; n < count; n++) {
		if (!owned[mfns[n]]) {
			free(p);
			errno = EFAULT;
			return NULL;
		}
		memcpy(p + n * FRAME_SIZE, memory[mfns[n]], FRAME_SIZE);
	}
	return p;
}

void foreign_unmap(void *p, size_t count) { free(p); }

/* ---- the tests ---- */

static void boot(void)
{
	memset(owned, 0, sizeof(owned));
	memset(type_of, 0, sizeof(type_of));
	memset(has, 0, sizeof(has));
	memset(p2m, 0xff, sizeof(p2m));
	logging = stopped = tables_early = false;
	running = true;
	nr_there = longer = foreign = 0;
	broken = 0;
	moving = NO_MFN;
	most = PFNS;
	ctx.cancelled = 0;
	for (uint64_t pfn = 0; pfn < PFNS - 100; pfn++)
		balloon(pfn);
	for (unsigned int n = 0; n < 50; n++)
		change_type(random_pfn());
}

static void is_there(void)
{
	uint64_t pages = 0;

	for (uint64_t pfn = 0; pfn < PFNS; pfn++) {
		bool is = p2m[pfn] != NO_MFN;

		pages += is;
		CU_ASSERT_EQUAL_FATAL(has[pfn], is);
		if (!is)
			continue;
		CU_ASSERT_EQUAL_FATAL(type_there[pfn], type_of[p2m[pfn]]);
		CU_ASSERT_FALSE_FATAL(memcmp(there[pfn], memory[p2m[pfn]], FRAME_SIZE));
	}
	CU_ASSERT_EQUAL(said, pages);
}

TEST(test_rounds, "whatever it does, all of it is there in the end")
{
	for (unsigned int seed = 0; seed < 40; seed++) {
		struct saving s = { .ctx = &ctx };
		struct live l = { .s = NULL };
		uint64_t rest;

		srand(seed);
		boot();
		guest_look_live(&ctx, 0, &s.g);
		CU_ASSERT_EQUAL_FATAL(live_begin(&l, &s), 0);
		for (unsigned int n = 0; n < seed % 4; n++) {
			CU_ASSERT_EQUAL(live_round(&l), 0);
			CU_ASSERT_EQUAL(live_rest(&l, &rest), 0);
			CU_ASSERT_TRUE(rest < PFNS);
			run_it(200);
		}
		running = false;
		CU_ASSERT_EQUAL(live_last(&l), 0);
		CU_ASSERT_FALSE(tables_early);
		is_there();
		live_end(&l);
		CU_ASSERT_FALSE(logging);
		guest_close(&s.g);
	}
}

bool memory_fits(uint64_t bytes) { return true; }

static void keep(const void *page)
{
	struct digest d = known_digest(&known, page);

	if (known_add(&known, &d))
		memcpy(kept[known.nr - 1], page, FRAME_SIZE);
}

TEST(test_known, "what the other side has still is not sent, whatever the guest does")
{
	for (unsigned int seed = 0; seed < 20; seed++) {
		struct saving s = { .ctx = &ctx };
		struct live l = { .s = NULL, .known = &known };
		uint64_t tables = 0;

		srand(seed);
		boot();
		CU_ASSERT_EQUAL_FATAL(known_begin(&known, PFNS), 0);
		/* It was here before, tables and all. */
		for (uint64_t pfn = 0; pfn < PFNS; pfn++)
			if (p2m[pfn] != NO_MFN)
				keep(memory[p2m[pfn]]);
		look(&s.g);
		s.g.live = true;
		CU_ASSERT_EQUAL_FATAL(live_begin(&l, &s), 0);
		running = seed % 4;
		for (unsigned int n = 0; n < 1 + seed % 4; n++) {
			CU_ASSERT_EQUAL(live_round(&l), 0);
			run_it(200);
		}
		running = false;
		CU_ASSERT_EQUAL(live_last(&l), 0);
		is_there();
		for (uint64_t pfn = 0; pfn < PFNS; pfn++)
			tables += p2m[pfn] != NO_MFN && type_of[p2m[pfn]];
		/* One that did nothing sends its tables. */
		if (!(seed % 4))
			CU_ASSERT_EQUAL(l.sent, tables);
		CU_ASSERT_TRUE(l.spared > (seed % 4 ? 500 : 1000));
		live_end(&l);
		guest_close(&s.g);
		known_end(&known);
	}
}

TEST(test_rate, "looking for pages is not the link's time, nor words on them pages")
{
	struct live l = { .bytes = 100 * FRAME_SIZE, .hashed_us = 900000 };

	/* 100 pages went in a tenth of the second. */
	CU_ASSERT_EQUAL(live_rate_pages(&l, 1000000), 1000);
	l.hashed_us = 0;
	CU_ASSERT_EQUAL(live_rate_pages(&l, 1000000), 100);
	l.hashed_us = 2000000;
	CU_ASSERT_EQUAL(live_rate_pages(&l, 1000000), 100000000);
	CU_ASSERT_TRUE(live_rate_pages(&l, 0) <= 100);
}

TEST(test_idle, "what was sent and not written is not sent again")
{
	struct saving s = { .ctx = &ctx };
	struct live l = { .s = NULL, .bandwidth = 1 << 30 };
	uint64_t rest, sent;

	boot();
	running = false;
	look(&s.g);
	s.g.live = true;
	CU_ASSERT_EQUAL_FATAL(live_begin(&l, &s), 0);
	CU_ASSERT_EQUAL(live_round(&l), 0);
	CU_ASSERT_EQUAL(live_rest(&l, &rest), 0);
	CU_ASSERT_EQUAL(rest, 0);
	sent = l.sent + l.zeros;
	store(1);
	type_of[p2m[1]] = 0;
	CU_ASSERT_EQUAL(live_rest(&l, &rest), 0);
	CU_ASSERT_EQUAL(rest, 1);
	CU_ASSERT_EQUAL(live_round(&l), 0);
	CU_ASSERT_EQUAL(l.sent + l.zeros, sent + 1);
	CU_ASSERT_EQUAL(live_last(&l), 0);
	CU_ASSERT_EQUAL(l.sent + l.zeros, sent + 1 + l.tables);
	is_there();
	live_end(&l);
	guest_close(&s.g);
}

TEST(test_pace, "a limit to the bandwidth holds for every part of a second, until it stands still")
{
	struct saving s = { .ctx = &ctx };
	struct live l = { .s = NULL };
	uint64_t began;

	boot();
	running = false;
	look(&s.g);
	s.g.live = true;
	CU_ASSERT_EQUAL_FATAL(live_begin(&l, &s), 0);
	CU_ASSERT_EQUAL(live_round(&l), 0);
	/* Nothing is due. */
	napped = flushed = longest = 0;
	l.bandwidth = 1 << 20;
	CU_ASSERT_EQUAL(live_round(&l), 0);
	CU_ASSERT_EQUAL(napped, 0);
	memset(l.due, 0xff, l.nr_words * 8);
	began = now_us;
	CU_ASSERT_EQUAL(live_round(&l), 0);
	CU_ASSERT_TRUE(l.bytes > 2 << 20);
	CU_ASSERT_TRUE((now_us - began) / 1000 <= l.bytes * 1000 / l.bandwidth);
	CU_ASSERT_TRUE((now_us - began) / 1000 + 500 > l.bytes * 1000 / l.bandwidth);
	/* Not measured: it was not the first. */
	CU_ASSERT_EQUAL(l.free, 0);
	/* Each of an eighth of what goes in a second, and out of the buffer before it is slept. */
	CU_ASSERT_TRUE(flushed > l.bytes * 8 / l.bandwidth);
	CU_ASSERT_TRUE(longest <= (1 << 20) / 8 + 4096);
	/* As much as there is of the last round. */
	memset(l.due, 0xff, l.nr_words * 8);
	napped = longest = 0;
	CU_ASSERT_EQUAL(live_last(&l), 0);
	CU_ASSERT_EQUAL(napped, 0);
	CU_ASSERT_TRUE(longest > 1 << 20);
	live_end(&l);
	guest_close(&s.g);
}

static uint64_t asked;

static int count_it(void *data)
{
	asked++;
	return 0;
}

TEST(test_link, "what the link takes without the limit is measured with the first pages")
{
	struct saving s = { .ctx = &ctx };
	struct live l = { .s = NULL, .bandwidth = 64 << 10, .check = count_it };
	uint64_t began;

	boot();
	/* No zeros, no tables: so many pages as there are. */
	memset(type_of, 0, sizeof(type_of));
	memset(memory, 0x55, sizeof(memory));
	running = false;
	look(&s.g);
	s.g.live = true;
	link_rate = 10240;
	CU_ASSERT_EQUAL_FATAL(live_begin(&l, &s), 0);
	began = now_us;
	longest_nap = asked = said_nothing = 0;
	CU_ASSERT_EQUAL(live_round(&l), 0);
	/* 4 MiB at once, of which a half may only have been taken by buffers; then it is slept. */
	CU_ASSERT_EQUAL(l.free, 10240 / 2);
	CU_ASSERT_TRUE((now_us - began) / 1000000 >= l.bytes / l.bandwidth - 1);
	CU_ASSERT_TRUE((now_us - began) / 1000000 <= l.bytes / l.bandwidth);
	/* The other end is heard all the time, and hears of us. */
	CU_ASSERT_TRUE(longest_nap <= 1000);
	CU_ASSERT_TRUE(asked >= (now_us - began) / 1000000);
	CU_ASSERT_TRUE(said_nothing >= 5);
	/* A round in which the limit held nobody up says that the link is slower than that. */
	link_rate = 8;
	memset(l.due, 0xff, l.nr_words * 8);
	CU_ASSERT_EQUAL(live_round(&l), 0);
	CU_ASSERT_EQUAL(l.free, 0);
	live_end(&l);
	guest_close(&s.g);
	/* Of so few pages that all of them may be on their way nothing can be said. */
	link_rate = 10240;
	boot();
	memset(memory, 0, sizeof(memory));
	for (uint64_t pfn = 0; pfn < 500; pfn++)
		memory[p2m[pfn]][0] = 1;
	running = false;
	look(&s.g);
	s.g.live = true;
	l = (struct live){ .bandwidth = 64 << 10 };
	CU_ASSERT_EQUAL_FATAL(live_begin(&l, &s), 0);
	began = now_us;
	CU_ASSERT_EQUAL(live_round(&l), 0);
	CU_ASSERT_EQUAL(l.free, 0);
	/* They were slept for all the same. */
	CU_ASSERT_TRUE(l.sent >= 400 && l.sent <= 512);
	CU_ASSERT_TRUE((now_us - began) / 1000000 >= l.bytes / l.bandwidth - 1);
	live_end(&l);
	guest_close(&s.g);
	link_rate = 0;
}

TEST(test_pulse, "who has nothing to send says so, and not all the time")
{
	struct saving s = { .ctx = &ctx };
	struct live l = { .s = &s };

	said_nothing = flushed = 0;
	now_us = 100000000;
	CU_ASSERT_EQUAL(live_pulse(&l), 0);
	CU_ASSERT_EQUAL(live_pulse(&l), 0);
	CU_ASSERT_EQUAL(said_nothing, 1);
	CU_ASSERT_EQUAL(flushed, 1);
	l.said_ms -= STREAM_PULSE_MS;
	CU_ASSERT_EQUAL(live_pulse(&l), 0);
	CU_ASSERT_EQUAL(said_nothing, 2);
}

TEST(test_limit, "a list that is read while it changes has no more pages than there may be")
{
	struct saving s = { .ctx = &ctx };
	struct live l = { .s = NULL };

	boot();
	running = false;
	most = PFNS - 150;
	look(&s.g);
	CU_ASSERT_EQUAL_FATAL(live_begin(&l, &s), 0);
	CU_ASSERT_EQUAL(live_round(&l), 0);
	CU_ASSERT_TRUE(nr_there >= most - 50 && nr_there <= most);
	/* In truth it had fewer. */
	for (uint64_t pfn = 0; pfn < 100; pfn++)
		if (p2m[pfn] != NO_MFN)
			balloon(pfn);
	CU_ASSERT_EQUAL(live_last(&l), 0);
	is_there();
	live_end(&l);
	guest_close(&s.g);
}

static int check_it(void *data) { return -ECONNABORTED; }

TEST(test_refused, "what ends it before it has begun to stand still")
{
	struct saving s = { .ctx = &ctx };
	struct live l = { .s = NULL };

	boot();
	foreign = 1;
	look(&s.g);
	CU_ASSERT_EQUAL(live_begin(&l, &s), -EINVAL);
	CU_ASSERT_FALSE(logging);
	live_end(&l);
	guest_close(&s.g);
	foreign = 0;
	/* A batch of which a page goes meanwhile would not be sent at all. */
	running = false;
	look(&s.g);
	CU_ASSERT_EQUAL_FATAL(live_begin(&l, &s), 0);
	longer = 1;
	CU_ASSERT_EQUAL(live_round(&l), -ESTALE);
	longer = 0;
	l.check = check_it;
	CU_ASSERT_EQUAL(live_round(&l), -ECONNABORTED);
	l.check = NULL;
	broken = 1;
	CU_ASSERT_EQUAL(live_round(&l), -EPIPE);
	ctx.cancelled = 1;
	CU_ASSERT_EQUAL(live_round(&l), -EINTR);
	ctx.cancelled = 0;
	live_end(&l);
	CU_ASSERT_FALSE(logging);
	guest_close(&s.g);
}

SUITE("save live")
