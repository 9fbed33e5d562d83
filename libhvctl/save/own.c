// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading images of our own format. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "save/cpu.h"
#include "save/restore.h"
#include "save/settings.h"

/*
 * What comes of a guest that runs, in all, by what it may have: whoever sends it gives up before
 * (precopy.h). A page that comes and goes leaves traces here each time.
 */
#define LIVE_TIMES 12u
#define TSC_MODES 3u /* of the control ABI: default, always emulated, never */

/* What has come so far: each once, but for pages and vCPUs, and in this order. */
struct state {
	struct image *i;
	uint32_t domid;
	struct record_guest guest;
	struct cpu_wanted cpu;
	uint32_t last; /* type */
	struct record_stopped stopped;
	bool has_stopped;
	uint64_t came; /* pages */
};

static int bad(struct image *i, const char *what)
{
	return hvctl_fail(i->ctx, EINVAL, "%s is not the image of a guest: %s", i->name, what);
}

int own_config(struct image *i, const void *head, struct hvctl_config **config)
{
	const void *body;
	uint32_t type;
	size_t len;
	int error = stream_open(i->ctx, i->fd, i->name, head, IMAGE_HEAD, &i->in);

	if (!error)
		error = stream_read(i->in, &type, &body, &len);
	if (error)
		return error;
	if (type != RECORD_CONFIG)
		return bad(i, "it does not begin with a configuration");
	return settings_parse(i->ctx, i->name, body, len, config);
}

static int take_guest(struct state *s, const void *body, size_t len)
{
	struct fill *f = &s->i->fill;
	int error;

	if (len != sizeof(s->guest))
		return bad(s->i, "its description has another size");
	memcpy(&s->guest, body, len);
	if (s->guest.nr_vcpus != f->config->max_vcpus)
		return bad(s->i, "it has more or less vCPUs than its configuration");
	if (s->guest.tsc_mode >= TSC_MODES)
		return bad(s->i, "its clock is of a kind that there is not");
	f->tsc_mode = s->guest.tsc_mode;
	f->tsc_khz = s->guest.tsc_khz;
	f->elapsed_ns = s->guest.elapsed_ns;
	error = fill_begin(f, s->domid, s->guest.width, s->guest.nr_pfns);
	if (!error && (!s->guest.nr_pages || s->guest.nr_pages > f->max_pages ||
		       s->guest.nr_pages > s->guest.nr_pfns))
		error = bad(s->i, "it has no pages, or more than its memory");
	s->i->nr_pages = s->guest.nr_pages;
	return error;
}

/* The records have the ABI's structure. */
_Static_assert(sizeof(struct hvctl_cpuid_leaf) == sizeof(struct xen_cpuid_leaf),
	       "leaf, subleaf, EAX, EBX, ECX, EDX");

static int take_leaves(struct state *s, const void *body, size_t len,
		       struct hvctl_cpuid_leaf **list, size_t *count)
{
	if (len > FILL_POLICY_MAX)
		return bad(s->i, "its CPU policy is too long");
	*list = malloc(len + 1);
	if (!*list)
		return hvctl_no_memory(s->i->ctx);
	memcpy(*list, body, len);
	*count = len / sizeof(**list);
	return 0;
}

static int take_cpu(struct state *s, const void *msrs, size_t len)
{
	struct image *i = s->i;
	int error = cpu_fits(i->ctx, i->name, &s->cpu, i->force_cpu);

	if (!error)
		error = fill_cpu_policy(&i->fill, s->cpu.policy,
					s->cpu.nr_policy * sizeof(*s->cpu.policy), msrs, len);
	return !error && i->accepted ? i->accepted(i) : error;
}

/* The pfns of a record, and that its length is what they say. */
static int check_pages(struct state *s, const struct record_pages *r, size_t len, uint64_t *pfns,
		       size_t *words)
{
	size_t at = 0, room = (len - sizeof(*r)) / sizeof(uint64_t), data = 0;

	for (uint32_t n = 0; n < r->count; n++, at++) {
		if (at >= room)
			return bad(s->i, "a record of pages is too short");
		pfns[n] = r->page[at] & PAGE_PFN;
		switch (PAGE_CONTENT(r->page[at])) {
		case CONTENT_DATA:
			data++;
			break;
		case CONTENT_ZERO:
			break;
		case CONTENT_SAME:
			/* The twin of a guest that runs may have been let go of, or be another. */
			if (stream_is_live(s->i->in))
				return bad(s->i, "a page of a guest that ran is said to be like "
						 "another one");
			at++;
			break;
		default:
			if (!s->i->known || !stream_is_live(s->i->in) || PAGE_TYPE(r->page[at]))
				return bad(s->i,
					   "a page has a content of a kind that there is not");
			at += 2;
		}
	}
	*words = at;
	if (at > room)
		return bad(s->i, "a record of pages is too short");
	if (len != sizeof(*r) + at * sizeof(uint64_t) + data * FRAME_SIZE)
		return bad(s->i, "a record of pages has another length than it says");
	return 0;
}

/* Which was not sent, because it is here already. */
static int take_known(struct state *s, uint64_t pfn, const uint64_t *words)
{
	static uint64_t page[FRAME_SIZE / sizeof(uint64_t)];
	const struct digest d = { .word = { words[0], words[1] } };
	int error = s->i->known(s->i, &d, page);

	return error ? error : fill_page(&s->i->fill, pfn, 0, page);
}

static int take_pages(struct state *s, const void *body, size_t len)
{
	const struct record_pages *r = body;
	struct fill *f = &s->i->fill;
	uint64_t pfns[PAGES_MAX];
	const uint8_t *data;
	size_t words = 0, at = 0;
	int error;

	if (len < sizeof(*r) || r->count > PAGES_MAX)
		return bad(s->i, "a record of pages has another length than it says");
	s->came += r->count;
	if (s->came > LIVE_TIMES * f->max_pages)
		return bad(s->i, "its pages come again and again");
	error = check_pages(s, r, len, pfns, &words);
	if (!error)
		error = fill_populate(f, pfns, r->count);
	data = (const uint8_t *)(r->page + words);
	for (uint32_t n = 0; !error && n < r->count; n++, at++) {
		uint64_t e = r->page[at];
		uint8_t type = (uint8_t)(PAGE_TYPE(e) | (e & PAGE_PINNED ? GUEST_PINNED : 0));

		if (f->filled[pfns[n]] && !stream_is_live(s->i->in))
			return bad(s->i, "it has a page twice");
		switch (PAGE_CONTENT(e)) {
		case CONTENT_DATA:
			error = fill_page(f, pfns[n], type, data);
			data += FRAME_SIZE;
			break;
		case CONTENT_ZERO:
			error = fill_page(f, pfns[n], type, NULL);
			break;
		case CONTENT_SAME:
			error = fill_same(f, pfns[n], r->page[++at]);
			break;
		default:
			error = take_known(s, pfns[n], &r->page[at + 1]);
			at += 2;
		}
	}
	/* It runs, and has time; when it stands still only what came last is to be unmapped. */
	if (!error && stream_is_live(s->i->in) && !s->has_stopped)
		fill_rest(f, pfns, r->count);
	return error;
}

static int take_vcpu(struct state *s, uint32_t type, const void *body, size_t len)
{
	struct record_vcpu r;

	if (len < sizeof(r))
		return bad(s->i, "a vCPU's state is too short");
	memcpy(&r, body, sizeof(r));
	/* Records and parts have one order. */
	return fill_keep(&s->i->fill, r.vcpu, FILL_CONTEXT + (type - RECORD_VCPU),
			 (const uint8_t *)body + sizeof(r), len - sizeof(r));
}

/* May a record of this type follow the last one? */
static bool in_order(uint32_t last, uint32_t type)
{
	if (type == RECORD_CPU_SEEN || last == RECORD_CPU_SEEN)
		return type == RECORD_CPU_SEEN ? last == RECORD_GUEST : type == RECORD_CPU_LEAVES;
	if (type >= RECORD_VCPU)
		return type <= RECORD_VCPU_MSRS && last >= RECORD_SHARED;
	return type == last + 1 || (type == RECORD_PAGES && last == RECORD_PAGES);
}

/*
 * The same while the guest runs: pages come and go until it has stopped, and then the last of them.
 */
static bool in_order_live(const struct state *s, uint32_t type)
{
	bool pages = s->last == RECORD_CPU_MSRS || s->last == RECORD_PAGES ||
		     s->last == RECORD_GONE || s->last == RECORD_STOPPED;

	switch (type) {
	case RECORD_PAGES:
	case RECORD_GONE:
		return pages;
	case RECORD_STOPPED:
		return pages && !s->has_stopped;
	case RECORD_P2M:
		return pages && s->has_stopped;
	case RECORD_SHARED:
		return s->last == RECORD_P2M;
	default:
		if (type < RECORD_VCPU || type == RECORD_CPU_SEEN)
			return in_order(s->last, type);
		return type <= RECORD_VCPU_MSRS && s->last >= RECORD_SHARED &&
		       s->last <= RECORD_VCPU_MSRS;
	}
}

static int take_stopped(struct state *s, const void *body, size_t len)
{
	struct fill *f = &s->i->fill;

	if (len != sizeof(s->stopped))
		return bad(s->i, "what it says of its end has another size");
	memcpy(&s->stopped, body, len);
	if (s->stopped.elapsed_ns < f->elapsed_ns)
		return bad(s->i, "its clock went back");
	s->has_stopped = true;
	s->guest.nr_pages = s->stopped.nr_pages;
	f->elapsed_ns = s->stopped.elapsed_ns;
	return 0;
}

static int take(struct state *s, uint32_t type, const void *body, size_t len)
{
	struct fill *f = &s->i->fill;

	if (stream_is_live(s->i->in) ? !in_order_live(s, type) : !in_order(s->last, type))
		return bad(s->i, "its records are not in order");
	s->last = type;
	switch (type) {
	case RECORD_GUEST:
		return take_guest(s, body, len);
	case RECORD_CPU_SEEN:
		return take_leaves(s, body, len, &s->cpu.seen, &s->cpu.nr_seen);
	case RECORD_CPU_LEAVES:
		return take_leaves(s, body, len, &s->cpu.policy, &s->cpu.nr_policy);
	case RECORD_CPU_MSRS:
		return take_cpu(s, body, len);
	case RECORD_P2M:
		return len % sizeof(uint64_t) ? bad(s->i, "its list of frames is cut off")
					      : fill_list(f, body, len / sizeof(uint64_t));
	case RECORD_PAGES:
		if (s->guest.nr_pages)
			hvctl_step(s->i->ctx, "filling its memory",
				   10 + (unsigned int)(f->nr_pages * 60 / s->guest.nr_pages % 61));
		return take_pages(s, body, len);
	case RECORD_GONE:
		return len % sizeof(uint64_t) ? bad(s->i, "its list of pages that go is cut off")
					      : fill_gone(f, body, len / sizeof(uint64_t));
	case RECORD_STOPPED:
		return take_stopped(s, body, len);
	case RECORD_SHARED:
		if (len != FRAME_SIZE)
			return bad(s->i, "its shared page has another size");
		memcpy(f->shared, body, len);
		f->have_shared = true;
		return 0;
	default:
		return take_vcpu(s, type, body, len);
	}
}

int own_fill(struct image *i, uint32_t domid, struct domain_rings *rings)
{
	struct state s = { .i = i, .domid = domid, .last = RECORD_CONFIG };
	int error = 0;

	for (;;) {
		const void *body;
		uint32_t type;
		size_t len;

		error = stream_read(i->in, &type, &body, &len);
		if (error || type == RECORD_END)
			break;
		error = take(&s, type, body, len);
		if (error)
			break;
	}
	free(s.cpu.policy);
	free(s.cpu.seen);
	if (!error && !i->fill.have_shared)
		error = bad(i, "it ends before it is whole");
	if (!error && i->fill.nr_pages != s.guest.nr_pages)
		error = bad(i, "it has another number of pages than it says");
	return error ? error : fill_finish(&i->fill, rings);
}
