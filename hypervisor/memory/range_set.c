// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sets of inclusive ranges, kept sorted and with at least one value between any two of them. Memory
 * is allocated before anything is changed, so that a set is never left half-way.
 */
#include "memory/range_set.h"
#include "memory/heap.h"
#include "pv-abi/errno.h"

struct range {
	struct range *next;
	u64 start, end;
};

void range_set_init(struct range_set *r)
{
	spin_lock_init(&r->lock);
	r->first = NULL;
}

/* Free a chain of ranges that no set leads to any more. */
static void free_chain(struct range *p)
{
	while (p) {
		struct range *next = p->next;

		zfree(p);
		p = next;
	}
}

void range_set_destroy(struct range_set *r)
{
	struct range *chain;

	spin_lock(&r->lock);
	chain = r->first;
	r->first = NULL;
	spin_unlock(&r->lock);
	free_chain(chain);
}

/* Is `p` below `start` with room in between, so that a range from `start` does not touch it? */
static bool ends_before(const struct range *p, u64 start)
{
	return p->end < start && start - p->end > 1;
}

int range_set_add(struct range_set *r, u64 start, u64 end)
{
	struct range *fresh, **at, *p, *absorbed = NULL;

	if (end < start)
		return -EINVAL;
	fresh = zalloc(ALLOC_MISC, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;

	spin_lock(&r->lock);
	for (at = &r->first; *at && ends_before(*at, start); at = &(*at)->next)
		;
	/* Everything from here that the new range touches becomes part of it. */
	while ((p = *at) && (p->start <= end || p->start - end == 1)) {
		start = min(start, p->start);
		end = max(end, p->end);
		*at = p->next;
		p->next = absorbed;
		absorbed = p;
	}
	fresh->start = start;
	fresh->end = end;
	fresh->next = *at;
	*at = fresh;
	spin_unlock(&r->lock);

	free_chain(absorbed);
	return 0;
}

int range_set_remove(struct range_set *r, u64 start, u64 end)
{
	struct range *tail, **at, *p, *gone = NULL;

	if (end < start)
		return -EINVAL;
	/* Needed if the hole is inside one range, which then becomes two. */
	tail = zalloc(ALLOC_MISC, sizeof(*tail));
	if (!tail)
		return -ENOMEM;

	spin_lock(&r->lock);
	at = &r->first;
	while ((p = *at) && p->start <= end) {
		if (p->end < start) {
			at = &p->next;
		} else if (p->start < start && p->end > end) {
			tail->start = end + 1;
			tail->end = p->end;
			tail->next = p->next;
			p->end = start - 1;
			p->next = tail;
			tail = NULL;
			break;
		} else if (p->start < start) {
			p->end = start - 1;
			at = &p->next;
		} else if (p->end > end) {
			p->start = end + 1;
			break;
		} else {
			*at = p->next;
			p->next = gone;
			gone = p;
		}
	}
	spin_unlock(&r->lock);

	free_chain(gone);
	zfree(tail);
	return 0;
}

bool range_set_contains(struct range_set *r, u64 start, u64 end)
{
	bool found = false;

	if (end < start)
		return false;
	spin_lock(&r->lock);
	for (struct range *p = r->first; p && p->start <= start && !found; p = p->next)
		found = p->end >= end;
	spin_unlock(&r->lock);
	return found;
}

bool range_set_overlaps(struct range_set *r, u64 start, u64 end)
{
	bool found = false;

	if (end < start)
		return false;
	spin_lock(&r->lock);
	for (struct range *p = r->first; p && p->start <= end && !found; p = p->next)
		found = p->end >= start;
	spin_unlock(&r->lock);
	return found;
}
