// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/grants.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/lib/gntdev.h"
#include "libhvctl/store/evtchn.h"

#define PAGE 4096u

int notices_open(struct notices *n, int evtchn)
{
	n->evtchn = evtchn;
	for (unsigned int i = 0; i < NOTICES; i++) {
		int receive = evtchn_bind_unbound(evtchn, DOMID_SELF), send;

		if (receive < 0)
			return receive;
		send = evtchn_bind(evtchn, DOMID_SELF, (uint32_t)receive);
		if (send < 0)
			return send;
		n->notice[i] = (struct notice){ .send = (uint32_t)send,
						.receive = (uint32_t)receive };
	}
	return 0;
}

bool notices_event(struct notices *n, uint32_t port)
{
	for (unsigned int i = 0; i < NOTICES; i++) {
		struct notice *notice = &n->notice[i];
		struct mapping *window = notice->waiting;

		/* A channel to oneself begins with an event at either end. */
		if (port != notice->receive && port != notice->send)
			continue;
		evtchn_unmask(n->evtchn, port);
		if (port == notice->receive && window) {
			struct grants *g = notice->owner;

			notice->waiting = NULL;
			g->leaving--;
			g->gone(g, window);
			free(window);
			grants_run(g);
		}
		return true;
	}
	return false;
}

void grants_init(struct grants *g, int fd, domid_t domid, struct notices *n, struct share *share,
		 void (*gone)(struct grants *g, struct mapping *window))
{
	memset(g, 0, sizeof(*g));
	g->fd = fd;
	g->domid = domid;
	g->notices = n;
	g->share = share;
	g->gone = gone;
	g->retired_last = &g->retired;
}

/* ------------------------------------------------------------------------------------------------
 * Kept pages
 */

static struct kept **bucket_of(struct grants *g, grant_ref_t ref)
{
	return &g->buckets[(ref * 0x9e3779b1u) >> 22];
}

static struct kept *find(struct grants *g, grant_ref_t ref)
{
	struct kept *k = *bucket_of(g, ref);

	while (k && k->ref != ref)
		k = k->next;
	return k;
}

static void unlink_age(struct grants *g, struct mapping *m)
{
	*(m->older ? &m->older->newer : &g->oldest) = m->newer;
	*(m->newer ? &m->newer->older : &g->newest) = m->older;
}

static void link_newest(struct grants *g, struct mapping *m)
{
	m->older = g->newest;
	m->newer = NULL;
	*(g->newest ? &g->newest->newer : &g->oldest) = m;
	g->newest = m;
}

static void drop(struct grants *g, struct mapping *m)
{
	for (uint32_t i = 0; i < m->nr; i++) {
		struct kept **at = bucket_of(g, m->kept[i].ref);

		while (*at != &m->kept[i])
			at = &(*at)->next;
		*at = m->kept[i].next;
	}
	unlink_age(g, m);
	g->nr_kept -= m->nr;
	g->share->kept -= m->nr;
	gntdev_unmap(g->fd, m->index, m->base, m->nr);
	g->unmaps++;
	free(m);
}

static bool too_many(const struct grants *g, uint32_t nr)
{
	return g->nr_kept + nr > GRANTS_KEPT_MAX || g->share->kept + nr > g->share->max / 2;
}

/*
 * Makes room for @nr more by what nobody uses, and returns whether there is. One page of a mapping
 * keeps all of it in use: a guest that uses one of each would have any number mapped.
 */
static bool make_room(struct grants *g, uint32_t nr)
{
	struct mapping *m = g->oldest;

	if (m && too_many(g, nr))
		gntdev_settle();
	while (m && too_many(g, nr)) {
		struct mapping *newer = m->newer;

		if (!m->users)
			drop(g, m);
		m = newer;
	}
	return !too_many(g, nr);
}

static struct mapping *map(struct grants *g, const grant_ref_t *refs, unsigned int nr,
			   bool writable, unsigned int nr_kept)
{
	struct mapping *m = calloc(1, sizeof(*m) + nr_kept * sizeof(m->kept[0]));
	void *base;
	int error;

	if (!m) {
		errno = ENOMEM;
		return NULL;
	}
	error = gntdev_map(g->fd, g->domid, refs, nr, writable, &m->index, &base);
	if (error) {
		free(m);
		errno = -error;
		return NULL;
	}
	m->base = base;
	m->nr = nr;
	g->maps++;
	g->pages += nr;
	return m;
}

static int keep_new(struct grants *g, const grant_ref_t *refs, unsigned int nr)
{
	struct mapping *m;

	if (!make_room(g, nr))
		return -ENOSPC;
	m = map(g, refs, nr, true, nr);
	if (!m)
		return -errno;
	for (unsigned int i = 0; i < nr; i++) {
		struct kept **head = bucket_of(g, refs[i]);

		m->kept[i] = (struct kept){ .ref = refs[i], .mapping = m, .next = *head };
		*head = &m->kept[i];
	}
	g->nr_kept += nr;
	g->share->kept += nr;
	m->used = g->now;
	link_newest(g, m);
	return 0;
}

int grants_keep(struct grants *g, const grant_ref_t *refs, unsigned int nr, void **pages,
		struct mapping **maps)
{
	grant_ref_t missing[GNTDEV_BATCH];
	unsigned int nr_missing = 0;
	int error = 0;

	if (nr > GNTDEV_BATCH)
		return -EINVAL;
	/* What is there gets its user first, lest it goes to make room for what is not. */
	for (unsigned int i = 0; i < nr; i++) {
		struct kept *k = find(g, refs[i]);
		unsigned int same = 0;

		maps[i] = k ? k->mapping : NULL;
		if (k) {
			k->mapping->users++;
			continue;
		}
		while (same < nr_missing && missing[same] != refs[i])
			same++;
		if (same == nr_missing)
			missing[nr_missing++] = refs[i];
	}
	if (nr_missing)
		error = keep_new(g, missing, nr_missing);
	for (unsigned int i = 0; i < nr; i++) {
		struct kept *k = error ? NULL : find(g, refs[i]);

		if (error) {
			if (maps[i])
				maps[i]->users--;
			maps[i] = NULL;
			continue;
		}
		if (!maps[i]) {
			maps[i] = k->mapping;
			maps[i]->users++;
		}
		pages[i] = maps[i]->base + (size_t)(k - maps[i]->kept) * PAGE;
		maps[i]->used = g->now;
		if (maps[i] != g->newest) {
			unlink_age(g, maps[i]);
			link_newest(g, maps[i]);
		}
	}
	return error;
}

void grants_let_go(struct mapping **maps, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++)
		maps[i]->users--;
}

uint64_t grants_age(struct grants *g, uint64_t now)
{
	const uint64_t idle = GRANTS_IDLE_MS * UINT64_C(1000000);
	struct mapping *m = g->oldest;
	bool settled = false;

	g->now = now;
	if (!m)
		return 0;
	if (now < g->check)
		return g->check;
	while (m && now - m->used >= idle) {
		struct mapping *newer = m->newer;

		if (!m->users && !settled) {
			settled = true;
			gntdev_settle();
		}
		if (!m->users)
			drop(g, m);
		m = newer;
	}
	/* All that grow old until then go at once: settling takes its time. */
	g->check = now + idle / 2;
	return g->oldest ? g->check : 0;
}

void grants_forget(struct grants *g)
{
	if (g->oldest)
		gntdev_settle();
	while (g->oldest)
		drop(g, g->oldest);
}

/* ------------------------------------------------------------------------------------------------
 * Windows
 */

struct mapping *grants_window(struct grants *g, const grant_ref_t *refs, unsigned int nr,
			      bool writable, unsigned int users)
{
	struct mapping *m = map(g, refs, nr, writable, 0);

	if (m)
		m->users = users;
	return m;
}

void grants_retire(struct grants *g, struct mapping *window)
{
	window->next = NULL;
	*g->retired_last = window;
	g->retired_last = &window->next;
	g->leaving++;
}

static struct notice *free_notice(struct notices *n)
{
	for (unsigned int i = 0; i < NOTICES; i++)
		if (!n->notice[i].waiting)
			return &n->notice[i];
	return NULL;
}

void grants_run(struct grants *g)
{
	/* Once for all that are here by now. */
	if (g->retired && free_notice(g->notices))
		gntdev_settle();
	while (g->retired) {
		struct notice *notice = free_notice(g->notices);
		struct mapping *window = g->retired;

		if (!notice)
			return;
		g->retired = window->next;
		if (!g->retired)
			g->retired_last = &g->retired;
		g->unmaps++;
		if (gntdev_announce(g->fd, window->index, notice->send)) {
			/* Without an announcement there is only the call's return to go by. */
			gntdev_unmap(g->fd, window->index, window->base, window->nr);
			g->leaving--;
			g->gone(g, window);
			free(window);
			continue;
		}
		notice->waiting = window;
		notice->owner = g;
		gntdev_unmap(g->fd, window->index, window->base, window->nr);
	}
}
