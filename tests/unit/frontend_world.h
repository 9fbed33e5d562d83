/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel for the frontends' tests: pages of the heap, a grant table that a backend looks into,
 * event channels, a clock that only waiting moves, the store daemon behind its page.
 */
#ifndef TESTS_UNIT_FRONTEND_WORLD_H
#define TESTS_UNIT_FRONTEND_WORLD_H

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend_store.h"
#include "frontends/lib/frontend.h"
#include "frontends/lib/grant.h"
#include "frontends/lib/store.h"

#define WORLD_PORTS 64u
#define STORE_PORT  1u
#define WORLD_CHUNKS 1024u

static struct {
	uint64_t now;
	int pages;			/* that the library has */
	struct {
		char *start;
		size_t size;
	} chunks[WORLD_CHUNKS];		/* these */
	int pages_left;			/* that it may still get; negative: as many as it likes */
	struct grant_table grants;
	struct grant_entry_v1 entries[GRANT_TABLE_MAX];
	void *granted[GRANT_TABLE_MAX];	/* the page of each reference */
	unsigned int nr_refs;		/* above the highest that was ever given */
	struct {
		bool open, pending;	/* an event for us */
		void (*handler)(void *arg);
		void *arg;
		unsigned int sent;	/* events of ours */
	} ports[WORLD_PORTS];
	bool no_ports;			/* event_open() fails */
	bool no_daemon;			/* nobody serves the store's page */
	unsigned int lines;		/* logged */
	void (*backend)(void);		/* runs while the library waits */
	long (*memory_op)(unsigned int cmd, void *arg);
} world;
static struct store store;
static struct xenstore_domain_interface store_page __attribute__((aligned(4096)));

static void *world_pages_get(void *kernel, unsigned int count)
{
	size_t size = (size_t)count * FRONTEND_PAGE_SIZE;
	unsigned int i;

	if (world.pages_left == 0)
		return NULL;
	if (world.pages_left > 0)
		world.pages_left--;
	for (i = 0; i < WORLD_CHUNKS && world.chunks[i].start; i++)
		;
	CU_ASSERT_FATAL(i < WORLD_CHUNKS);
	world.chunks[i].start = aligned_alloc(FRONTEND_PAGE_SIZE, size);
	world.chunks[i].size = size;
	memset(world.chunks[i].start, 0, size);
	world.pages += (int)count;
	return world.chunks[i].start;
}

/* Whether somebody has been given, and not been taken, what lies there. */
static bool world_granted(const char *start, size_t size)
{
	for (unsigned int i = GNTTAB_NR_RESERVED_ENTRIES; i < world.nr_refs; i++)
		if (world.entries[i].flags && (const char *)world.granted[i] < start + size &&
		    start < (const char *)world.granted[i] + FRONTEND_PAGE_SIZE)
			return true;
	return false;
}

static void world_pages_put(void *kernel, void *pages, unsigned int count)
{
	size_t size = (size_t)count * FRONTEND_PAGE_SIZE;
	unsigned int i;

	for (i = 0; i < WORLD_CHUNKS && world.chunks[i].start != pages; i++)
		;
	CU_ASSERT_FATAL(i < WORLD_CHUNKS && world.chunks[i].size == size);
	CU_ASSERT_FALSE(world_granted(pages, size));
	world.chunks[i].start = NULL;
	free(pages);
	world.pages -= (int)count;
}

static int world_grant(void *kernel, domid_t to, const void *address, bool readonly,
		       grant_ref_t *ref)
{
	int error = grant_give(&world.grants, to, 0, readonly, ref);

	CU_ASSERT_EQUAL(to, 0);
	if (!error) {
		world.granted[*ref] =
			(void *)((uintptr_t)address & ~(uintptr_t)(FRONTEND_PAGE_SIZE - 1));
		if (*ref >= world.nr_refs)
			world.nr_refs = *ref + 1;
	}
	return error;
}

static int world_revoke(void *kernel, grant_ref_t ref)
{
	int error = grant_end(&world.grants, ref);

	CU_ASSERT(!error || error == -EBUSY);
	return error;
}

static int world_event_open(void *kernel, domid_t peer, void (*handler)(void *arg), void *arg,
			    evtchn_port_t *port)
{
	CU_ASSERT_EQUAL(peer, 0);
	for (evtchn_port_t p = STORE_PORT + 1; p < WORLD_PORTS && !world.no_ports; p++) {
		if (world.ports[p].open)
			continue;
		world.ports[p].open = true;
		world.ports[p].pending = false;
		world.ports[p].handler = handler;
		world.ports[p].arg = arg;
		*port = p;
		return 0;
	}
	return -ENOSPC;
}

static void world_event_close(void *kernel, evtchn_port_t port)
{
	CU_ASSERT(port < WORLD_PORTS && world.ports[port].open);
	world.ports[port].open = false;
}

static void world_event_send(void *kernel, evtchn_port_t port)
{
	CU_ASSERT(port < WORLD_PORTS);
	world.ports[port].sent++;
}

static uint64_t world_now(void *kernel)
{
	return world.now;
}

/* Everybody else has a turn. */
static void world_turn(void)
{
	while (!world.no_daemon && daemon_turn())
		;
	if (world.backend)
		world.backend();
	while (!world.no_daemon && daemon_turn())
		;
	for (unsigned int p = 0; p < WORLD_PORTS; p++)
		if (world.ports[p].open && world.ports[p].pending) {
			world.ports[p].pending = false;
			world.ports[p].handler(world.ports[p].arg);
		}
}

static void world_wait(void *kernel, uint64_t deadline)
{
	CU_ASSERT(deadline > world.now);
	world.now += 100000000;
	world_turn();
}

static long world_memory_op(void *kernel, unsigned int cmd, void *arg)
{
	return world.memory_op ? world.memory_op(cmd, arg) : -ENOSYS;
}

static void world_log(void *kernel, const char *line)
{
	CU_ASSERT(line[0]);
	world.lines++;
}

static const struct frontend_ops world_ops = {
	.pages_get = world_pages_get,
	.pages_put = world_pages_put,
	.grant = world_grant,
	.revoke = world_revoke,
	.event_open = world_event_open,
	.event_close = world_event_close,
	.event_send = world_event_send,
	.wait = world_wait,
	.now = world_now,
	.memory_op = world_memory_op,
	.log = world_log,
};
static const struct frontend frontend = { .ops = &world_ops };

static void world_begin(void)
{
	memset(&world, 0, sizeof(world));
	memset(&store_page, 0, sizeof(store_page));
	world.now = 1;
	world.pages_left = -1;
	grant_table_init(&world.grants, world.entries, GRANT_TABLE_MAX);
	daemon_begin(&store_page);
	store_open(&store, &frontend, &store_page, STORE_PORT);
}

/* What the library has not given back is what a backend has not let go of. */
static void world_end(void)
{
	for (unsigned int i = 0; i < WORLD_CHUNKS; i++)
		if (world.chunks[i].start) {
			CU_ASSERT(world_granted(world.chunks[i].start, world.chunks[i].size));
			free(world.chunks[i].start);
		}
	daemon_end();
}

/* Lets all the others and the store's client run until nothing is left to do. */
static inline __attribute__((unused)) void world_settle(void)
{
	for (unsigned int i = 0; i < 40; i++) {
		world_turn();
		store_dispatch(&store);
	}
}

/* ---- the backend's side of a grant ---- */

/* The page of a reference, which it has mapped from now on; NULL: it may not. */
static inline __attribute__((unused)) char *backend_map(uint64_t ref, bool to_write)
{
	struct grant_entry_v1 *e = &world.entries[ref % GRANT_TABLE_MAX];

	if (ref >= GRANT_TABLE_MAX || !(e->flags & GTF_permit_access) ||
	    (to_write && (e->flags & GTF_readonly)))
		return NULL;
	e->flags |= GTF_reading | (to_write ? GTF_writing : 0);
	return world.granted[ref];
}

static inline __attribute__((unused)) void backend_unmap(uint64_t ref)
{
	world.entries[ref].flags &= (uint16_t)~(GTF_reading | GTF_writing);
}

static inline __attribute__((unused)) uint64_t world_number(const char *path)
{
	return strtoull(daemon_read(path), NULL, 10);
}

static inline __attribute__((unused)) void world_put_number(const char *path, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	daemon_write(path, text);
}

#endif
