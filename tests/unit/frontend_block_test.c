// SPDX-License-Identifier: GPL-2.0-or-later
// sources: frontends/lib/blkfront.c frontends/lib/xenbus.c
// sources: frontends/lib/store.c frontends/lib/ring.c frontends/lib/text.c frontends/lib/grant.c
// sources: tests/unit/frontend_store.c
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c
// sources: libhvctl/store/tree.c libhvctl/store/quota.c libhvctl/store/watch.c
// sources: libhvctl/budget.c
// sources: libhvctl/store/transaction.c libhvctl/store/store.c libhvctl/store/control.c
// sources: libhvctl/store/journal.c
// sources: libhvctl/store/protocol.c libhvctl/store/ring.c libhvctl/store/connection.c
/*
 * A disk and its handshake, against a backend that behaves, in all its kinds, and against one that
 * writes anything anywhere it can.
 */
#define FRONT "/local/domain/1/device/vbd/51712"
#define BACK  "/local/domain/0/backend/vbd/1/51712"
#include "frontend_backend.h"
#include "suite.h"

#include "frontends/lib/blkfront.h"

#define SECTORS 2048u

/* What Linux' backend does: its states, rings of one or more pages, indirect requests. */
static struct {
	char disk[SECTORS * 512];
	struct blkif_back_ring ring;
	struct blkif_sring *shared;	/* NULL: not connected */
	uint64_t refs[4];
	unsigned int nr_refs;
	bool slow;			/* it answers nothing */
	bool keeps;			/* it does not unmap */
	grant_ref_t held[16];		/* it has mapped these until it lets go of the device */
	unsigned int nr_held;
	unsigned int stubborn;		/* it stays in this state */
	int status;			/* of what it answers */
	unsigned int served, flushed, barriers, discarded, indirect;
} back;

static void back_disconnect(void)
{
	if (!back.shared)
		return;
	back.shared = NULL;
	for (unsigned int i = 0; i < back.nr_refs; i++)
		backend_unmap(back.refs[i]);
	while (back.nr_held)
		backend_unmap(back.held[--back.nr_held]);
}

static bool back_connect(void)
{
	const char *order = daemon_read(front("ring-page-order"));
	char key[24];

	CU_ASSERT_STRING_EQUAL(daemon_read(front("protocol")), "x86_64-abi");
	CU_ASSERT(world_number(front("event-channel")) > STORE_PORT);
	back.nr_refs = *order ? 1u << atoi(order) : 1;
	CU_ASSERT_FATAL(back.nr_refs <= 4);
	for (unsigned int i = 0; i < back.nr_refs; i++) {
		void *page;

		snprintf(key, sizeof(key), *order ? "ring-ref%u" : "ring-ref", i);
		back.refs[i] = world_number(front(key));
		page = backend_map(back.refs[i], true);
		CU_ASSERT_PTR_NOT_NULL_FATAL(page);
		if (!i)
			back.shared = page;
		CU_ASSERT_PTR_EQUAL(page, (char *)back.shared + i * FRONTEND_PAGE_SIZE);
	}
	BACK_RING_INIT(&back.ring, back.shared, back.nr_refs * FRONTEND_PAGE_SIZE);
	return true;
}

static void transfer(struct blkif_request_segment s, bool write, uint64_t *sector)
{
	char *page = backend_map(s.gref, !write);
	size_t n = (size_t)(s.last_sect - s.first_sect + 1) * 512;

	CU_ASSERT_PTR_NOT_NULL_FATAL(page);
	CU_ASSERT_FATAL(s.first_sect <= s.last_sect && s.last_sect < 8);
	CU_ASSERT_FATAL(*sector * 512 + n <= sizeof(back.disk));
	if (back.status)
		;
	else if (write)
		memcpy(back.disk + *sector * 512, page + s.first_sect * 512, n);
	else
		memcpy(page + s.first_sect * 512, back.disk + *sector * 512, n);
	*sector += n / 512;
	if (!back.keeps)
		backend_unmap(s.gref);
}

static void serve(const struct blkif_request *r)
{
	struct blkif_response answer = { .id = r->id, .operation = r->operation,
					 .status = (int16_t)back.status };
	uint64_t sector = r->sector_number;

	back.served++;
	switch (r->operation) {
	case BLKIF_OP_FLUSH_DISKCACHE:
		back.flushed++;
		CU_ASSERT_EQUAL(r->nr_segments, 0);
		break;
	case BLKIF_OP_WRITE_BARRIER:
		back.barriers++;
		CU_ASSERT_EQUAL(r->nr_segments, 0);
		break;
	case BLKIF_OP_DISCARD: {
		const struct blkif_request_discard *d = (const void *)r;

		back.discarded++;
		CU_ASSERT_FATAL(d->sector_number + d->nr_sectors <= SECTORS);
		memset(back.disk + d->sector_number * 512, 0, d->nr_sectors * 512);
		break;
	}
	case BLKIF_OP_INDIRECT: {
		const struct blkif_request_indirect *d = (const void *)r;
		struct blkif_request_segment *list =
			(void *)backend_map(d->indirect_grefs[0], false);

		back.indirect++;
		CU_ASSERT_PTR_NOT_NULL_FATAL(list);
		CU_ASSERT(d->nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST);
		CU_ASSERT_EQUAL(d->handle, 51712);
		answer.operation = d->indirect_op;
		sector = d->sector_number;
		for (unsigned int i = 0; i < d->nr_segments; i++)
			transfer(list[i], d->indirect_op == BLKIF_OP_WRITE, &sector);
		backend_unmap(d->indirect_grefs[0]);
		break;
	}
	default:
		CU_ASSERT_EQUAL(r->handle, 51712);
		CU_ASSERT_FATAL(r->nr_segments && r->nr_segments <= 11);
		for (unsigned int i = 0; i < r->nr_segments; i++)
			transfer(r->seg[i], r->operation == BLKIF_OP_WRITE, &sector);
	}
	*RING_GET_RESPONSE(&back.ring, back.ring.rsp_prod_pvt++) = answer;
}

static void back_serve(void)
{
	int more, notify;

	if (!back.shared || back.slow)
		return;
	do {
		while (RING_HAS_UNCONSUMED_REQUESTS(&back.ring)) {
			struct blkif_request r;

			RING_COPY_REQUEST(&back.ring, back.ring.req_cons, &r);
			back.ring.req_cons++;
			serve(&r);
		}
		RING_FINAL_CHECK_FOR_REQUESTS(&back.ring, more);
	} while (more);
	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&back.ring, notify);
	if (notify)
		back_event();
}

static void backend(void)
{
	unsigned int other = (unsigned int)world_number(front("state"));

	if (back_is != back.stubborn)
		switch (other) {
		case XenbusStateInitialising:
			if (back_is == XenbusStateClosed)
				back_state(XenbusStateInitWait);
			break;
		case XenbusStateInitialised:
		case XenbusStateConnected:
			if (back_is == XenbusStateInitWait && back_connect())
				back_state(XenbusStateConnected);
			break;
		case XenbusStateClosing:
			back_state(XenbusStateClosing);
			break;
		case XenbusStateClosed:
			back_disconnect();
			back_state(XenbusStateClosed);
			break;
		}
	back_serve();
}

static struct blkfront *disk_begin(void)
{
	struct blkfront *b = calloc(1, sizeof(*b));

	device_begin(backend);
	memset(&back, 0, sizeof(back));
	for (size_t i = 0; i < sizeof(back.disk); i++)
		back.disk[i] = (char)(i * 7 + i / 512);
	back_put("sectors", "2048");
	back_put("sector-size", "512");
	back_put("info", "0");
	return b;
}

static void disk_open(struct blkfront *b)
{
	CU_ASSERT_EQUAL(blkfront_open(b, &store, "51712"), 0);
	world_settle();
	CU_ASSERT(b->xenbus.running);
	CU_ASSERT_EQUAL(world_number(front("state")), XenbusStateConnected);
}

/* Closes it, and looks whether all is back that it had. */
static void disk_end(struct blkfront *b)
{
	device_end(&b->xenbus, 0);
	CU_ASSERT_EQUAL(world.grants.nr_free, GRANT_TABLE_MAX - GNTTAB_NR_RESERVED_ENTRIES);
	world_end();
	free(b);
}

static unsigned int ended;

static void done(struct blk_request *r)
{
	CU_ASSERT_PTR_NULL(r->context);	/* not twice */
	r->context = r;
	ended++;
}

static struct blk_request request(enum blk_op op, uint64_t sector, uint64_t count, void *buffer)
{
	return (struct blk_request){ .op = op, .sector = sector, .count = count, .buffer = buffer,
				     .done = done };
}

/* Submits it and waits for its end. */
static int run(struct blkfront *b, struct blk_request *r)
{
	int error;

	r->context = NULL;
	error = blkfront_submit(b, r);
	for (unsigned int i = 0; !error && !r->context && i < 50; i++)
		world_turn();
	if (!error && !r->context) {
		CU_FAIL("a request without end");
	}
	return error ? error : r->status;
}

static char buffer[64 * 4096] __attribute__((aligned(4096)));

/* Reads and writes of every size and alignment up to the limit, compared with the disk. */
static void transfers(struct blkfront *b)
{
	for (uint64_t n = 1; n <= b->max_segments * 8; n += n < 20 ? 1 : 13) {
		for (unsigned int shift = 0; shift < 8; shift += 3) {
			struct blk_request r;
			uint64_t sector = (n * 5 + shift) % (SECTORS - n);
			char *at = buffer + shift * 512;
			int want = shift + n > b->max_segments * 8 ? -EINVAL : 0;

			memset(buffer, 0x55, sizeof(buffer));
			r = request(BLK_READ, sector, n, at);
			CU_ASSERT_EQUAL(run(b, &r), want);
			if (want)
				continue;
			CU_ASSERT_EQUAL(memcmp(at, back.disk + sector * 512, n * 512), 0);
			CU_ASSERT_EQUAL(at[n * 512], 0x55);
			CU_ASSERT(!shift || at[-1] == 0x55);
			for (size_t i = 0; i < n * 512; i++)
				at[i] = (char)(i + n);
			r = request(BLK_WRITE, sector, n, at);
			CU_ASSERT_EQUAL(run(b, &r), 0);
			CU_ASSERT_EQUAL(memcmp(at, back.disk + sector * 512, n * 512), 0);
		}
	}
}

TEST(test_plain, "a plain disk")
{
	struct blkfront *b = disk_begin();
	struct blk_request r = request(BLK_READ, 0, 1, buffer);

	CU_ASSERT_EQUAL(blkfront_submit(b, &r), -ENODEV);
	disk_open(b);
	CU_ASSERT_EQUAL(b->sectors, SECTORS);
	CU_ASSERT_EQUAL(b->max_segments, 11);
	CU_ASSERT_EQUAL(b->slots.nr, 32);
	transfers(b);
	CU_ASSERT_EQUAL(back.indirect, 0);

	/* What cannot be asked. */
	r = request(BLK_READ, SECTORS, 1, buffer);
	CU_ASSERT_EQUAL(run(b, &r), -EINVAL);
	r = request(BLK_READ, SECTORS - 1, 2, buffer);
	CU_ASSERT_EQUAL(run(b, &r), -EINVAL);
	r = request(BLK_READ, UINT64_MAX, 2, buffer);
	CU_ASSERT_EQUAL(run(b, &r), -EINVAL);
	r = request(BLK_READ, 0, UINT64_MAX, buffer);
	CU_ASSERT_EQUAL(run(b, &r), -EINVAL);
	r = request(BLK_READ, 0, 0, buffer);
	CU_ASSERT_EQUAL(run(b, &r), -EINVAL);
	r = request(BLK_READ, 0, 1, buffer + 1);
	CU_ASSERT_EQUAL(run(b, &r), -EINVAL);
	r = request((enum blk_op)17, 0, 1, buffer);
	CU_ASSERT_EQUAL(run(b, &r), -EINVAL);
	r = request(BLK_DISCARD, 0, 1, NULL);
	CU_ASSERT_EQUAL(run(b, &r), -EOPNOTSUPP);

	/* A disk without a cache has nothing to flush. */
	r = request(BLK_FLUSH, 0, 0, NULL);
	CU_ASSERT_EQUAL(run(b, &r), 0);
	CU_ASSERT_EQUAL(back.flushed + back.barriers, 0);

	/* Answers that are errors. */
	back.status = BLKIF_RSP_ERROR;
	r = request(BLK_WRITE, 0, 8, buffer);
	CU_ASSERT_EQUAL(run(b, &r), -EIO);
	back.status = BLKIF_RSP_EOPNOTSUPP;
	CU_ASSERT_EQUAL(run(b, &r), -EOPNOTSUPP);
	back.status = -77;
	CU_ASSERT_EQUAL(run(b, &r), -EIO);
	back.status = 5;
	CU_ASSERT_EQUAL(run(b, &r), -EIO);
	back.status = 0;
	CU_ASSERT_EQUAL(run(b, &r), 0);
	CU_ASSERT_FALSE(b->xenbus.broken);
	disk_end(b);
}

TEST(test_resize, "a disk that becomes larger in use, and never smaller")
{
	struct blkfront *b = disk_begin();
	struct blk_request r = request(BLK_READ, SECTORS - 1, 1, buffer);

	back_put("sectors", "1024");
	disk_open(b);
	CU_ASSERT_EQUAL(run(b, &r), -EINVAL);
	back_put("sectors", "2048");
	world_settle();
	CU_ASSERT_EQUAL(b->sectors, 1024);
	back_is = XenbusStateUnknown;
	back_state(XenbusStateConnected);
	world_settle();
	CU_ASSERT_EQUAL(b->sectors, 2048);
	CU_ASSERT_EQUAL(run(b, &r), 0);
	CU_ASSERT_EQUAL(memcmp(buffer, back.disk + (SECTORS - 1) * 512, 512), 0);
	for (unsigned int i = 0; i < 3; i++) {
		static const char *const wrong[] = { "1024", "0", "many" };

		back_put("sectors", wrong[i]);
		back_is = XenbusStateUnknown;
		back_state(XenbusStateConnected);
		world_settle();
		CU_ASSERT_EQUAL(b->sectors, 2048);
	}
	CU_ASSERT_TRUE(b->xenbus.running);
	disk_end(b);
}

TEST(test_features, "what backends can have")
{
	struct blkfront *b = disk_begin();
	struct blk_request r;

	back_put("max-ring-page-order", "4");
	back_put("feature-max-indirect-segments", "256");
	back_put("feature-flush-cache", "1");
	back_put("feature-discard", "1");
	/* What a kernel before us left. */
	daemon_write(front("multi-queue-num-queues"), "4");
	disk_open(b);
	CU_ASSERT_EQUAL(b->slots.nr, 128);
	CU_ASSERT_EQUAL(b->max_segments, BLKFRONT_SEGMENTS);
	CU_ASSERT_STRING_EQUAL(daemon_read(front("multi-queue-num-queues")), "");
	transfers(b);
	CU_ASSERT(back.indirect > 0);
	r = request(BLK_FLUSH, 0, 0, NULL);
	CU_ASSERT_EQUAL(run(b, &r), 0);
	CU_ASSERT_EQUAL(back.flushed, 1);
	r = request(BLK_DISCARD, 10, 1000, NULL);
	CU_ASSERT_EQUAL(run(b, &r), 0);
	CU_ASSERT_EQUAL(back.disk[10 * 512] | back.disk[1009 * 512 + 511], 0);
	CU_ASSERT_EQUAL(back.discarded, 1);
	disk_end(b);

	/* Barriers instead of flushes, read-only, sectors of 4 KiB, few pages in a request. */
	b = disk_begin();
	back_put("feature-barrier", "1");
	back_put("info", "4");
	back_put("sector-size", "4096");
	back_put("feature-discard", "1");
	back_put("max-ring-page-order", "1");
	back_put("feature-max-indirect-segments", "12");
	disk_open(b);
	CU_ASSERT_EQUAL(b->slots.nr, 64);
	CU_ASSERT_EQUAL(b->max_segments, 12);
	CU_ASSERT(b->readonly);
	r = request(BLK_FLUSH, 0, 0, NULL);
	CU_ASSERT_EQUAL(run(b, &r), 0);
	CU_ASSERT_EQUAL(back.barriers, 1);
	r = request(BLK_WRITE, 0, 8, buffer);
	CU_ASSERT_EQUAL(run(b, &r), -EROFS);
	r = request(BLK_DISCARD, 0, 8, buffer);
	CU_ASSERT_EQUAL(run(b, &r), -EROFS);
	r = request(BLK_READ, 4, 8, buffer);
	CU_ASSERT_EQUAL(run(b, &r), -EINVAL);
	r = request(BLK_READ, 8, 4, buffer);
	CU_ASSERT_EQUAL(run(b, &r), -EINVAL);
	r = request(BLK_READ, 8, 96, buffer);
	CU_ASSERT_EQUAL(run(b, &r), 0);
	CU_ASSERT_EQUAL(memcmp(buffer, back.disk + 8 * 512, 96 * 512), 0);
	disk_end(b);
}

/* Many at once: as many as fit, each ended once; and what there is too little of. */
TEST(test_full, "full rings")
{
	static struct blk_request rs[200];
	struct blkfront *b = disk_begin();
	unsigned int n;

	back_put("feature-max-indirect-segments", "32");
	disk_open(b);
	back.slow = true;
	for (n = 0; n < 200; n++) {
		rs[n] = request(BLK_READ, n * 8, 8, buffer + n % 64 * 4096);
		if (blkfront_submit(b, &rs[n]))
			break;
	}
	CU_ASSERT_EQUAL(n, 32);
	CU_ASSERT_EQUAL(blkfront_submit(b, &rs[n]), -EAGAIN);
	CU_ASSERT_EQUAL(blkfront_busy(b), 32);
	ended = 0;
	back.slow = false;
	world_turn();
	CU_ASSERT_EQUAL(ended, 32);
	CU_ASSERT_EQUAL(blkfront_busy(b), 0);
	/* Pages for segments run out before the ring does. */
	back.slow = true;
	for (n = 0; n < 200; n++) {
		rs[n] = request(BLK_READ, n, 256, buffer);
		if (blkfront_submit(b, &rs[n]))
			break;
	}
	CU_ASSERT_EQUAL(n, BLKFRONT_INDIRECT);
	back.slow = false;
	world_turn();
	/* So do references; those that were taken already are free again. */
	{
		unsigned int left = world.grants.nr_free;

		world.grants.nr_free = 20;
		rs[0] = request(BLK_READ, 0, 256, buffer);
		CU_ASSERT_EQUAL(blkfront_submit(b, &rs[0]), -EAGAIN);
		CU_ASSERT_EQUAL(world.grants.nr_free, 20);
		world.grants.nr_free = left;
		CU_ASSERT_EQUAL(run(b, &rs[0]), 0);
	}
	/* Closed with requests under way: they end when the backend has let go. */
	back.slow = true;
	ended = 0;
	for (n = 0; n < 10; n++) {
		rs[n] = request(BLK_WRITE, n, 32, buffer);
		CU_ASSERT_EQUAL(blkfront_submit(b, &rs[n]), 0);
		/* It is at work on them. */
		back.held[back.nr_held++] = rs[n].refs[0];
		CU_ASSERT_PTR_NOT_NULL(backend_map(rs[n].refs[0], false));
	}
	disk_end(b);
	CU_ASSERT_EQUAL(ended, 10);
	for (n = 0; n < 10; n++) {
		CU_ASSERT_EQUAL(rs[n].status, -EIO);
		CU_ASSERT_EQUAL(rs[n].stuck, 0);
	}
}

TEST(test_states, "states")
{
	struct blkfront *b = disk_begin();
	struct blk_request r = request(BLK_READ, 0, 8, buffer);

	/* We let go and come back, several times; the backend lets go. */
	disk_open(b);
	for (unsigned int i = 0; i < 3; i++) {
		xenbus_close(&b->xenbus);
		CU_ASSERT_EQUAL(run(b, &r), -ENODEV);
		world_settle();
		CU_ASSERT(xenbus_closed(&b->xenbus));
		CU_ASSERT_EQUAL(back_is, XenbusStateClosed);
		CU_ASSERT_EQUAL(world.pages, 0);
		xenbus_reopen(&b->xenbus);
		world_settle();
		CU_ASSERT(b->xenbus.running);
		CU_ASSERT_EQUAL(run(b, &r), 0);
	}
	back_state(XenbusStateClosing);
	world_settle();
	CU_ASSERT(xenbus_closed(&b->xenbus));
	CU_ASSERT_EQUAL(run(b, &r), -ENODEV);
	disk_end(b);

	/* The backend is connected to somebody who was here before, or was left closed. */
	b = disk_begin();
	daemon_write(front("state"), "4");
	back_state(XenbusStateConnected);
	disk_open(b);
	CU_ASSERT_EQUAL(run(b, &r), 0);
	disk_end(b);
	b = disk_begin();
	daemon_write(front("state"), "6");
	back_state(XenbusStateClosed);
	disk_open(b);
	CU_ASSERT_EQUAL(run(b, &r), 0);

	/* It vanishes, with its directory. */
	back_disconnect();
	world.backend = NULL;
	daemon_remove(BACK);
	world_settle();
	CU_ASSERT_FALSE(b->xenbus.up);
	CU_ASSERT_EQUAL(world.pages, 0);
	xenbus_forget(&b->xenbus);
	world_end();
	free(b);

	/* A state that is none leaves everything as it is. */
	b = disk_begin();
	disk_open(b);
	back_put("state", "4294967298");
	world_settle();
	back_put("state", "?");
	world_settle();
	CU_ASSERT(b->xenbus.running);
	CU_ASSERT_EQUAL(run(b, &r), 0);
	disk_end(b);
}

/* What does not come to a connection, and leaves nothing. */
TEST(test_refused, "no connection")
{
	static const char *const geometry[][2] = {
		{ "sectors", "0" }, { "sectors", "many" }, { "sector-size", "0" },
		{ "sector-size", "513" }, { "sector-size", "8192" }, { "sector-size", "256" },
	};
	struct blkfront *b;

	for (unsigned int i = 0; i < sizeof(geometry) / sizeof(geometry[0]); i++) {
		b = disk_begin();
		back_put(geometry[i][0], geometry[i][1]);
		CU_ASSERT_EQUAL(blkfront_open(b, &store, "51712"), 0);
		world_settle();
		CU_ASSERT_FALSE(b->xenbus.running);
		CU_ASSERT_EQUAL(b->xenbus.error, -EINVAL);
		disk_end(b);
	}
	/* No memory, no references, no ports, at each step. */
	for (int n = 0; n < 3; n++) {
		b = disk_begin();
		back_put("feature-max-indirect-segments", "32");
		world.pages_left = n;
		CU_ASSERT_EQUAL(blkfront_open(b, &store, "51712"), 0);
		world_settle();
		CU_ASSERT_EQUAL(b->xenbus.running, n > 0);
		CU_ASSERT_EQUAL(b->xenbus.error, n ? 0 : -ENOMEM);
		CU_ASSERT_EQUAL(b->nr_indirect, n ? n - 1 : 0);
		disk_end(b);
	}
	for (unsigned int n = 0; n < 6; n++) {
		b = disk_begin();
		back_put("max-ring-page-order", "2");
		back_put("feature-max-indirect-segments", "32");
		world.grants.nr_free = n;
		CU_ASSERT_EQUAL(blkfront_open(b, &store, "51712"), 0);
		world_settle();
		CU_ASSERT_EQUAL(b->xenbus.running, n >= 4);
		CU_ASSERT_EQUAL(b->xenbus.error, n >= 4 ? 0 : -ENOSPC);
		xenbus_close(&b->xenbus);
		world_settle();
		CU_ASSERT_EQUAL(world.grants.nr_free, n);
		world.grants.nr_free = GRANT_TABLE_MAX - GNTTAB_NR_RESERVED_ENTRIES;
		disk_end(b);
	}
	b = disk_begin();
	world.no_ports = true;
	CU_ASSERT_EQUAL(blkfront_open(b, &store, "51712"), 0);
	world_settle();
	CU_ASSERT_EQUAL(b->xenbus.error, -ENOSPC);
	disk_end(b);

	b = disk_begin();
	CU_ASSERT_EQUAL(blkfront_open(b, &store, "xvda"), -EINVAL);
	CU_ASSERT_EQUAL(blkfront_open(b, &store, "7"), -ENOENT);
	daemon_write(front("backend-id"), "32752");
	CU_ASSERT_EQUAL(blkfront_open(b, &store, "51712"), -EINVAL);
	daemon_write(front("backend-id"), "0");
	{
		char name[300];

		memset(name, 'x', 299);
		name[299] = '\0';
		daemon_write(front("backend"), name);
		CU_ASSERT_EQUAL(blkfront_open(b, &store, "51712"), -E2BIG);
		name[126] = '\0';
		daemon_write(front("backend"), name);
		CU_ASSERT_EQUAL(blkfront_open(b, &store, "51712"), -E2BIG);
		memset(name, '1', 126);
		CU_ASSERT_EQUAL(blkfront_open(b, &store, name), -EINVAL);
	}
	world_end();
	free(b);
}

/* ---- a backend that breaks the rules ---- */

/* One answer as if it were an answer, and its event. */
static void answer(struct blkif_response r, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		*RING_GET_RESPONSE(&back.ring, back.ring.rsp_prod_pvt++) = r;
	back.shared->rsp_prod = back.ring.rsp_prod_pvt;
	back_event();
	world_turn();
}

TEST(test_hostile, "impossible answers")
{
	for (unsigned int kind = 0; kind < 7; kind++) {
		struct blkfront *b = disk_begin();
		struct blk_request r = request(BLK_READ, 0, 16, buffer);
		struct blkif_response good = { .operation = BLKIF_OP_READ }, bad;

		disk_open(b);
		back.slow = true;
		ended = 0;
		CU_ASSERT_EQUAL(blkfront_submit(b, &r), 0);
		good.id = RING_GET_REQUEST(&back.ring, 0)->id;
		bad = good;
		switch (kind) {
		case 0:
			bad.id = good.id + 1;	/* nobody's */
			answer(bad, 1);
			break;
		case 1:
			bad.id = UINT64_MAX;
			answer(bad, 1);
			break;
		case 2:
			bad.operation = BLKIF_OP_WRITE;
			answer(bad, 1);
			break;
		case 3:
			answer(good, 2);	/* twice, when only one was asked */
			break;
		case 4:
			answer(good, 1);
			CU_ASSERT_EQUAL(ended, 1);
			answer(good, 1);	/* once more */
			break;
		case 5:
			back.ring.rsp_prod_pvt -= 1;
			answer(good, 0);
			break;
		case 6:
			back.ring.rsp_prod_pvt += 0x80000000;
			answer(good, 0);
			break;
		}
		CU_ASSERT(b->xenbus.broken);
		CU_ASSERT_EQUAL(world.lines, 1);
		CU_ASSERT_EQUAL(ended, kind == 4);
		CU_ASSERT_EQUAL(blkfront_submit(b, &r), -ENODEV);
		blkfront_poll(b);
		/* The thread ends it: no request waits for such a backend. */
		xenbus_step(&b->xenbus);
		CU_ASSERT_EQUAL(ended, 1);
		CU_ASSERT_EQUAL(r.status, kind == 4 ? 0 : -EIO);
		CU_ASSERT_EQUAL(b->xenbus.error, -EIO);
		world_settle();
		disk_end(b);
	}
}

/* Pages that it keeps mapped: counted, their references never given again. */
TEST(test_keeps, "pages that are kept")
{
	struct blkfront *b = disk_begin();
	struct blk_request r = request(BLK_READ, 0, 24, buffer);
	unsigned int left;

	disk_open(b);
	left = world.grants.nr_free;
	back.keeps = true;
	CU_ASSERT_EQUAL(run(b, &r), -EIO);
	CU_ASSERT_EQUAL(r.stuck, 3);
	CU_ASSERT_EQUAL(world.grants.nr_free, left - 3);
	back.keeps = false;
	CU_ASSERT_EQUAL(run(b, &r), 0);
	CU_ASSERT_EQUAL(r.stuck, 0);
	CU_ASSERT_EQUAL(world.grants.nr_free, left - 3);
	/* It never lets go of the ring, and says that it did: the page stays away. */
	back.shared = NULL;
	xenbus_close(&b->xenbus);
	world_settle();
	CU_ASSERT(xenbus_closed(&b->xenbus));
	CU_ASSERT_EQUAL(world.pages, 1);
	xenbus_forget(&b->xenbus);
	world_end();
	free(b);
}

/* One that stays in a state for ever: closing it waits, and waits on. */
TEST(test_stubborn, "stubborn backends")
{
	struct blkfront *b = disk_begin();

	disk_open(b);
	back.stubborn = XenbusStateConnected;
	xenbus_close(&b->xenbus);
	world_settle();
	CU_ASSERT_FALSE(xenbus_closed(&b->xenbus));
	CU_ASSERT_EQUAL(world_number(front("state")), XenbusStateClosing);
	back.stubborn = 0;
	world_settle();
	disk_end(b);

	/* It never gets there. */
	b = disk_begin();
	back.stubborn = XenbusStateInitWait;
	CU_ASSERT_EQUAL(blkfront_open(b, &store, "51712"), 0);
	world_settle();
	CU_ASSERT_FALSE(b->xenbus.running);
	CU_ASSERT(b->xenbus.up);
	back.stubborn = 0;
	disk_end(b);
}

/* Anything in the ring, at any time, in any state, with requests coming and going. */
TEST(test_random, "at random")
{
	srand(7);
	for (unsigned int round = 0; round < 150; round++) {
		static struct blk_request rs[64];
		struct blkfront *b = disk_begin();
		unsigned int submitted = 0;

		back_put("max-ring-page-order", round & 1 ? "2" : "0");
		back_put("feature-max-indirect-segments", "32");
		back_put("feature-flush-cache", "1");
		disk_open(b);
		ended = 0;
		for (unsigned int i = 0; i < 64; i++)
			rs[i].context = rs;	/* not under way */
		for (unsigned int step = 0; step < 80; step++) {
			struct blk_request *r = &rs[rand() % 64];
			uint32_t *words = (uint32_t *)back.shared;

			if (r->context) {
				*r = request(rand() % 4, rand() % SECTORS, 1 + rand() % 300,
					     buffer);
				if (blkfront_submit(b, r))
					r->context = rs;
				else
					submitted++;
			}
			back.slow = rand() % 3;
			if (back.shared && rand() % 20 == 0)
				words[rand() % 1024] = rand() % 2 ? (uint32_t)rand() :
							(uint32_t)(rand() % 256);
			if (back.shared && rand() % 20 == 0)
				back.shared->rsp_prod = b->ring.rsp_cons + (uint32_t)rand() % 40;
			if (rand() % 10 == 0) {
				char state[4];
				int n = rand() % 9;

				/* It lets go first, so that the books can be looked at. */
				if (n == XenbusStateClosed)
					back_disconnect();
				snprintf(state, sizeof(state), "%d", n);
				back_put("state", state);
			}
			world.ports[2].pending = true;
			back.slow = true;	/* what is in the ring now would trip it */
			world_turn();
			store_dispatch(&store);
			xenbus_step(&b->xenbus);
		}
		/* In the end all of it is told to go, and it does. */
		back_disconnect();
		world.backend = NULL;
		for (unsigned int i = 0; i < GRANT_TABLE_MAX; i++)
			backend_unmap(i);
		daemon_remove(BACK);
		world_settle();
		xenbus_step(&b->xenbus);
		CU_ASSERT_FALSE(b->xenbus.up);
		CU_ASSERT_EQUAL(ended, submitted);
		CU_ASSERT_EQUAL(world.pages, 0);
		CU_ASSERT_EQUAL(world.grants.nr_free,
				GRANT_TABLE_MAX - GNTTAB_NR_RESERVED_ENTRIES);
		xenbus_forget(&b->xenbus);
		world_end();
		free(b);
	}
}

/*
 * Another domain with this one's memory: its grant table is empty, there is no event channel, and a
 * backend that knows nothing waits. A request that was with the old one ends, once.
 */
TEST(test_resume, "a disk in another domain")
{
	struct blkfront *b = disk_begin();
	struct blk_request r;
	int pages;

	disk_open(b);
	pages = world.pages;
	back.slow = true;
	ended = 0;
	r = request(BLK_READ, 8, 8, buffer);
	CU_ASSERT_EQUAL(blkfront_submit(b, &r), 0);
	CU_ASSERT_EQUAL(blkfront_busy(b), 1);
	store_unwatch(&store, &b->xenbus.watch);

	memset(world.entries, 0, sizeof(world.entries));
	for (unsigned int i = 0; i < WORLD_PORTS; i++)
		world.ports[i].open = false;
	back.shared = NULL;
	back.nr_held = 0;
	back.slow = false;
	daemon_write(front("state"), "1");
	back_state(XenbusStateInitWait);
	store_resume(&store, STORE_PORT);
	CU_ASSERT_EQUAL(xenbus_resume(&b->xenbus), 0);
	CU_ASSERT_EQUAL(ended, 1);
	CU_ASSERT_EQUAL(r.status, -EIO);
	CU_ASSERT_EQUAL(r.stuck, 0);
	CU_ASSERT_EQUAL(world.pages, 0);
	CU_ASSERT_EQUAL(world.grants.nr_free, GRANT_TABLE_MAX - GNTTAB_NR_RESERVED_ENTRIES);
	CU_ASSERT_FALSE(b->xenbus.running);
	world_settle();
	CU_ASSERT(b->xenbus.running);
	CU_ASSERT_EQUAL(world.pages, pages);
	CU_ASSERT_EQUAL(ended, 1);
	r = request(BLK_READ, 8, 8, buffer);
	CU_ASSERT_EQUAL(run(b, &r), 0);
	CU_ASSERT_EQUAL(memcmp(buffer, back.disk + 8 * 512, 4096), 0);
	disk_end(b);
}

SUITE("frontends: disk")
