// SPDX-License-Identifier: GPL-2.0-or-later
// driven: yes
// memory: 48M
/*
 * dom0 of a machine (tests/system/test_log_dirty.py) whose other domains are tiny guests of all
 * kinds. They do what they always do, and pass, while dom0 switches the log of their written pages
 * on and off and copies them as a migration would: a checksum of each page instead of the page,
 * made anew when the log names it. Now and then a guest is stopped, the log is asked once more, and
 * then each page must be what its checksum says: whoever wrote one, and how ever, no write is
 * missed. A number on the command line is for how long, in ms, a guest runs between two rounds
 * at most. What is refused is tried first, and all the time the hypervisor audits itself: no shadow
 * allows more than the guest's own tables.
 * bits: 64
 */
#include "dom0.h"

const char test_name[] = "log-dirty";

#define LAST   32
#define PFNS   0x10000 /* of a domain */
#define BATCH  1024    /* frames that one call tells about */
#define ROUNDS 6       /* at most, between two looks at all pages */

/* What dom0 has of a page: nothing, the checksum, or the checksum of what is written over. */
enum { UNKNOWN, COPIED, WRITTEN };
static uint64_t sum[PFNS];
static uint8_t have[PFNS], names[PFNS], bitmap[PFNS / 8];
static uint32_t owned[PFNS];
static unsigned n_owned, verified, rounds, copied;
static uint64_t seed = 0x9e3779b97f4a7c15UL, run_ns;
static char window[PAGE_SIZE] __attribute__((aligned(4096)));

static long shadow_op(unsigned domain, unsigned what, void *map, uint64_t pages)
{
	memset(&op, 0, sizeof(op));
	op.u.shadow_op.op = what;
	op.u.shadow_op.dirty_bitmap = (uint64_t)map;
	op.u.shadow_op.pages = pages;
	return domctl(XEN_DOMCTL_shadow_op, domain);
}

static bool look_at(unsigned domain, uint64_t mfn)
{
	return !hypercall(update_va_mapping_otherdomain, window, LEAF(mfn, PTE_P | PTE_AD),
			  (long)(UVMF_INVLPG | UVMF_LOCAL), (long)domain);
}

static uint64_t checksum(void)
{
	uint64_t h = 0x6c62272e07bb0142UL;

	for (unsigned i = 0; i < PAGE_SIZE / 8; i++)
		h = (h ^ ((volatile uint64_t *)window)[i]) * 0x100000001b3UL;
	return h;
}

static void find_frames(unsigned domain)
{
	static uint64_t types[BATCH];

	n_owned = 0;
	for (uint64_t m = 0; n_owned < PFNS; m += BATCH) {
		for (unsigned i = 0; i < BATCH; i++)
			types[i] = m + i;
		memset(&op, 0, sizeof(op));
		op.u.getpageframeinfo3.num = BATCH;
		op.u.getpageframeinfo3.array = (uint64_t)types;
		check_eq(domctl(XEN_DOMCTL_getpageframeinfo3, domain), 0);
		for (unsigned i = 0; i < BATCH && n_owned < PFNS; i++)
			if (types[i] != XEN_DOMCTL_PFINFO_XTAB)
				owned[n_owned++] = (uint32_t)(m + i);
		if (m > (uint64_t)hypercall(memory_op, (long)XENMEM_maximum_ram_page, NULL))
			break;
	}
}

/* Checksums of the pages that there is none of, or an old one. */
static void copy(unsigned domain, bool all)
{
	for (unsigned i = 0; i < n_owned; i++) {
		uint64_t pfn = m2p[owned[i]];

		if (pfn >= PFNS || (!all && have[pfn] != WRITTEN) || !look_at(domain, owned[i]))
			continue;
		sum[pfn] = checksum();
		have[pfn] = COPIED;
		copied += !all;
	}
}

/*
 * What the hypervisor tells a guest by its memory it tells a paused one, too: an event, say. Such
 * pages count as written in each round.
 */
static bool written_since(unsigned domain, uint64_t pfn)
{
	check_eq(shadow_op(domain, XEN_DOMCTL_SHADOW_OP_PEEK, bitmap, PFNS), 0);
	return bitmap[pfn / 8] >> pfn % 8 & 1;
}

/* The guest stands still: every page is as it was when it was last looked at. */
static void verify(unsigned domain)
{
	memset(names, 0, sizeof(names));
	for (unsigned i = 0; i < n_owned; i++)
		if (m2p[owned[i]] < PFNS && names[m2p[owned[i]]] < 2)
			names[m2p[owned[i]]]++;
	for (unsigned i = 0; i < n_owned; i++) {
		uint64_t pfn = m2p[owned[i]], now;

		/* Who has given one number to two frames cannot be copied by numbers. */
		if (pfn >= PFNS || names[pfn] != 1 || !look_at(domain, owned[i]))
			continue;
		now = checksum();
		if (have[pfn] != COPIED || (sum[pfn] != now && !written_since(domain, pfn)))
			fail("domain %u: page %lx (frame %x) was written unseen: %u %lx, now %lx",
			     domain, (unsigned long)pfn, owned[i], have[pfn],
			     (unsigned long)sum[pfn], (unsigned long)now);
		verified++;
	}
}

static void clean(unsigned domain, unsigned mode)
{
	memset(&op, 0, sizeof(op));
	op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_CLEAN;
	op.u.shadow_op.mode = mode;
	op.u.shadow_op.dirty_bitmap = (uint64_t)bitmap;
	op.u.shadow_op.pages = PFNS;
	check_eq(domctl(XEN_DOMCTL_shadow_op, domain), 0);
	check_eq(op.u.shadow_op.pages, PFNS);
	for (unsigned pfn = 0; pfn < PFNS; pfn++)
		if (bitmap[pfn / 8] >> pfn % 8 & 1)
			have[pfn] = WRITTEN;
	rounds++;
}

/* The domain is paused, before and after. */
static void follow(unsigned domain)
{
	check_eq(shadow_op(domain, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0), 0);
	check_eq(shadow_op(domain, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0), -EINVAL);
	if (random_next(&seed) % 2)
		check_eq(domctl(XEN_DOMCTL_unpausedomain, domain), 0);
	memset(have, 0, sizeof(have));
	find_frames(domain);
	copy(domain, true);
	domctl(XEN_DOMCTL_unpausedomain, domain);
	for (unsigned i = random_next(&seed) % ROUNDS; i; i--) {
		if (random_next(&seed) % 4)
			sleep_ns(random_next(&seed) % run_ns);
		clean(domain, 0);
		copy(domain, false);
		if (random_next(&seed) % 8 == 0)
			audit();
	}
	check_eq(domctl(XEN_DOMCTL_pausedomain, domain), 0);
	clean(domain, XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL);
	find_frames(domain);
	copy(domain, false);
	verify(domain);
	audit();
	if (random_next(&seed) % 4 == 0) {
		/* Off while it runs. */
		check_eq(domctl(XEN_DOMCTL_unpausedomain, domain), 0);
		sleep_ns(1000 * (random_next(&seed) % 512));
	}
	check_eq(shadow_op(domain, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0), 0);
	check_eq(domctl(XEN_DOMCTL_pausedomain, domain), 0);
}

static void refusals(unsigned domain)
{
	static char nowhere[PAGE_SIZE] __attribute__((aligned(4096)));

	check_eq(shadow_op(own_domid(), XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0), -EINVAL);
	check_eq(shadow_op(domain, XEN_DOMCTL_SHADOW_OP_CLEAN, bitmap, PFNS), -EINVAL);
	check_eq(shadow_op(domain, XEN_DOMCTL_SHADOW_OP_PEEK, bitmap, PFNS), -EINVAL);
	check_eq(shadow_op(domain, XEN_DOMCTL_SHADOW_OP_ENABLE_TEST, NULL, 0), -EINVAL);
	check_eq(shadow_op(domain, 99, NULL, 0), -EINVAL);
	check_eq(shadow_op(domain, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0), 0);
	check_eq(shadow_op(domain, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0), 0);
	/* Nowhere to put the answer: all counts as written. */
	check_eq(map_page(nowhere, 0, 0), 0);
	check_eq(shadow_op(domain, XEN_DOMCTL_SHADOW_OP_CLEAN, nowhere, PFNS), -EFAULT);
	check_eq(shadow_op(domain, XEN_DOMCTL_SHADOW_OP_PEEK, bitmap, 64), 0);
	for (unsigned i = 0; i < 8; i++)
		check_eq(bitmap[i], 0xff);
	/* Bits beyond what was asked for are not touched. */
	memset(bitmap, 0xa5, sizeof(bitmap));
	check_eq(shadow_op(domain, XEN_DOMCTL_SHADOW_OP_PEEK, bitmap, 3), 0);
	check_eq(bitmap[0], 7);
	check_eq(bitmap[1], 0xa5);
	check_eq(shadow_op(domain, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0), 0);
}

void test_main(void)
{
	const char *c = (const char *)start_info->cmd_line;
	bool tried = false;

	trap_hook = swallow_events;
	/* The last word: so many ms at most between two rounds. */
	for (run_ns = 0; *c; c++)
		run_ns = *c >= '0' && *c <= '9' ? run_ns * 10 + (*c - '0') : 0;
	run_ns = run_ns ? run_ns * 1000000 : 4000000;
	/* Nobody gets far before his turn. */
	for (unsigned d = 1; d < LAST; d++)
		domctl(XEN_DOMCTL_pausedomain, d);
	for (unsigned d = 1; d < LAST; d++) {
		long flags = flags_of(d);

		if (flags >= 0 && !tried)
			refusals(d);
		tried |= flags >= 0;
		for (; flags >= 0 && !(flags & XEN_DOMINF_shutdown); flags = flags_of(d))
			follow(d);
		if (flags >= 0)
			check_eq(domctl(XEN_DOMCTL_destroydomain, d), 0);
	}
	audit();
	check(tried);
	print("log-dirty: %u rounds, %u pages copied again, %u verified\n", rounds, copied,
	      verified);
}
