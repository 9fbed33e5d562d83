// SPDX-License-Identifier: GPL-2.0-or-later
// sources: backends/block/disk.c backends/block/job.c backends/block/grants.c
// sources: backends/block/journal.c backends/block/request.c frontends/lib/ring.c
/*
 * hvblkd's disk between a ring and an image: what it answers to what, in both data modes, and that
 * a kill at any step loses nothing, does nothing twice over newer data and answers each request
 * once.
 */
#include "block_world.h"
#include "suite.h"

#include <sanitizer/lsan_interface.h>

static struct front front[2];

static void begin(void)
{
	world_init();
}

static void end(void)
{
	if (!world.disk)
		return;
	disk_disconnect(world.disk);
	for (int i = 0; i < 100 && !disk_idle(world.disk); i++)
		world_settle();
	CU_ASSERT(disk_idle(world.disk));
	disk_released(world.disk);
	CU_ASSERT_EQUAL(world_mapped(), 0);
	CU_ASSERT_EQUAL(world.journal->magic, 0);
	free(world.disk);
	world.disk = NULL;
}

static void connect(enum protocol protocol, bool window, unsigned int queues)
{
	struct journal_connection c;
	bool again = true;

	for (unsigned int i = 0; i < queues; i++)
		front_init(&front[i], protocol, i);
	world_start(window);
	c = front_connection(front, queues);
	CU_ASSERT_EQUAL_FATAL(disk_connect(world.disk, &c, &again), 0);
	CU_ASSERT_FALSE(again);
}

static struct blkif_request_segment whole(grant_ref_t ref)
{
	return (struct blkif_request_segment){ .gref = ref, .first_sect = 0, .last_sect = 7 };
}

/* One answer is there, and it is this one. */
static void expect(struct front *f, uint64_t id, uint8_t operation, int status)
{
	struct front_answer a = { 0 };

	CU_ASSERT_TRUE_FATAL(front_get(f, &a));
	CU_ASSERT_EQUAL(a.id, id);
	CU_ASSERT_EQUAL(a.operation, operation);
	CU_ASSERT_EQUAL(a.status, status);
}

static void write_and_read(enum protocol protocol, bool window)
{
	struct blkif_request_segment s[3] = { whole(10), { 11, 3, 3 }, { 12, 0, 7 } };

	connect(protocol, window, 1);
	memset(world.guest + 10 * 4096, 'a', 3 * 4096);
	memset(world.guest + 11 * 4096 + 3 * 512, 'b', 512);
	front_put(&front[0], BLKIF_OP_WRITE, 0x123456789abcdefull, 8, s, 3);
	front_push(&front[0]);
	world_settle();
	expect(&front[0], 0x123456789abcdefull, BLKIF_OP_WRITE, 0);
	CU_ASSERT_EQUAL(world.bytes[4095], 0);
	CU_ASSERT_EQUAL(world.bytes[4096], 'a');
	CU_ASSERT_EQUAL(world.bytes[8192], 'b');
	CU_ASSERT_EQUAL(world.bytes[8192 + 512], 'a');
	CU_ASSERT_EQUAL(world.bytes[8192 + 512 + 4096], 0);
	memset(world.guest + 10 * 4096, 'x', 3 * 4096);
	front_put(&front[0], BLKIF_OP_READ, 7, 8, s, 3);
	front_push(&front[0]);
	world_settle();
	expect(&front[0], 7, BLKIF_OP_READ, 0);
	CU_ASSERT_EQUAL(world.guest[10 * 4096], 'a');
	CU_ASSERT_EQUAL(world.guest[11 * 4096 + 3 * 512 - 1], 'x');
	CU_ASSERT_EQUAL(world.guest[11 * 4096 + 3 * 512], 'b');
	CU_ASSERT_EQUAL(world.guest[11 * 4096 + 4 * 512], 'x');
	/* Kept: mapped once, together. Windows: each for itself, and only the ring is left. */
	CU_ASSERT_EQUAL(world.journal->counts.maps, window ? 2 : 1);
	CU_ASSERT_EQUAL(world_mapped(), window ? 1 : 4);
}

TEST(test_64, "a 64-bit frontend, pages kept") { write_and_read(PROTOCOL_X86_64, false); }
TEST(test_32, "a 32-bit frontend, pages kept") { write_and_read(PROTOCOL_X86_32, false); }
TEST(test_64w, "a 64-bit frontend, windows") { write_and_read(PROTOCOL_X86_64, true); }
TEST(test_32w, "a 32-bit frontend, windows") { write_and_read(PROTOCOL_X86_32, true); }

TEST(test_window_answer, "a window's answers wait until its pages are gone")
{
	struct blkif_request_segment s = whole(10), t = whole(W_PAGES + 11);
	struct front_answer a;

	connect(PROTOCOL_X86_64, true, 1);
	for (unsigned int i = 0; i < 3; i++)
		front_put(&front[0], BLKIF_OP_READ, i, 0, &s, 1);
	/* Granted for reading alone, which is enough for a write. */
	front_put(&front[0], BLKIF_OP_WRITE, 3, 0, &t, 1);
	front_push(&front[0]);
	disk_run(world.disk, 1);
	CU_ASSERT_EQUAL(world.journal->counts.maps, 2);
	while (world_finish(0))
		;
	disk_run(world.disk, 2);
	/* The call has come back, the kernel's word has not. */
	CU_ASSERT_FALSE(front_get(&front[0], &a));
	world_notices(true);
	CU_ASSERT_EQUAL(world.mapped[10] + world.mapped[11], 0);
	world_settle();
	for (unsigned int i = 0; i < 4; i++)
		CU_ASSERT_TRUE(front_get(&front[0], &a));
	CU_ASSERT_EQUAL(world.journal->counts.unmaps, 2);
}

TEST(test_bad_grant, "one grant that cannot be mapped fails its own request and no other")
{
	struct blkif_request_segment good = whole(10), bad = whole(11), ro = whole(W_PAGES + 12);

	for (int window = 0; window < 2; window++) {
		struct front_answer a;

		connect(PROTOCOL_X86_64, window, 1);
		world.revoked[11] = true;
		front_put(&front[0], BLKIF_OP_READ, 1, 0, &good, 1);
		front_put(&front[0], BLKIF_OP_READ, 2, 0, &bad, 1);
		front_put(&front[0], BLKIF_OP_READ, 3, 0, &ro, 1);
		front_push(&front[0]);
		world_settle();
		for (unsigned int i = 0; i < 3; i++) {
			CU_ASSERT_TRUE_FATAL(front_get(&front[0], &a));
			CU_ASSERT_EQUAL(a.status, a.id == 1 ? 0 : BLKIF_RSP_ERROR);
		}
		end();
	}
}

TEST(test_refused, "requests that cannot be are answered so, and touch nothing")
{
	struct blkif_request_segment s[256];
	const uint64_t sectors = W_BLOCKS * 8;

	for (unsigned int i = 0; i < 256; i++)
		s[i] = whole(10);
	connect(PROTOCOL_X86_64, false, 1);
	front_put(&front[0], BLKIF_OP_WRITE, 1, sectors - 7, s, 1);
	front_put(&front[0], BLKIF_OP_WRITE, 2, UINT64_MAX - 3, s, 1);
	front_put(&front[0], BLKIF_OP_WRITE, 3, 0, s, 12);
	front_put(&front[0], BLKIF_OP_WRITE, 4, 0, s, 0);
	front_put(&front[0], 77, 5, 0, s, 1);
	s[0] = (struct blkif_request_segment){ 10, 5, 4 };
	front_put(&front[0], BLKIF_OP_WRITE, 6, 0, s, 1);
	s[0] = (struct blkif_request_segment){ 10, 0, 8 };
	front_put(&front[0], BLKIF_OP_WRITE, 7, 0, s, 1);
	front_put_indirect(&front[0], BLKIF_OP_WRITE, 8, 0, 0, 20);
	front_put_indirect(&front[0], BLKIF_OP_WRITE, 9, 0, REQUEST_SEGMENTS + 1, 20);
	front_put_indirect(&front[0], BLKIF_OP_DISCARD, 10, 0, 3, 20);
	world.revoked[21] = true;
	front_put_indirect(&front[0], BLKIF_OP_WRITE, 11, 0, 3, 21);
	front_discard(&front[0], 12, sectors, 1, 0);
	front_discard(&front[0], 13, 0, 1, BLKIF_DISCARD_SECURE);
	front_discard(&front[0], 14, 0, 0, 0);
	front_push(&front[0]);
	world_settle();
	CU_ASSERT_EQUAL(world.submitted, 0);
	for (unsigned int i = 1; i <= 14; i++) {
		struct front_answer a;

		CU_ASSERT_TRUE_FATAL(front_get(&front[0], &a));
		CU_ASSERT_EQUAL(a.status, a.id == 5 || a.id == 13 ? BLKIF_RSP_EOPNOTSUPP :
								    BLKIF_RSP_ERROR);
	}
}

TEST(test_readonly, "nothing is written to a disk that is for reading")
{
	struct blkif_request_segment s = whole(10);

	world.image.readonly = true;
	connect(PROTOCOL_X86_64, false, 1);
	front_put(&front[0], BLKIF_OP_WRITE, 1, 0, &s, 1);
	front_put(&front[0], BLKIF_OP_WRITE_BARRIER, 2, 0, &s, 1);
	front_put(&front[0], BLKIF_OP_FLUSH_DISKCACHE, 3, 0, &s, 1);
	front_discard(&front[0], 4, 0, 8, 0);
	front_push(&front[0]);
	world_settle();
	for (unsigned int i = 1; i <= 4; i++) {
		struct front_answer a;

		CU_ASSERT_TRUE_FATAL(front_get(&front[0], &a));
		CU_ASSERT_EQUAL(a.status, BLKIF_RSP_ERROR);
	}
	CU_ASSERT_EQUAL(world.submitted, 0);
}

TEST(test_indirect, "an indirect request of 40 pages, and its answer's operation")
{
	struct blkif_request_segment *s = (void *)(world.guest + 20 * 4096);

	connect(PROTOCOL_X86_32, false, 1);
	for (unsigned int i = 0; i < 40; i++) {
		s[i] = whole(22 + i);
		memset(world.guest + (22 + i) * 4096, 'A' + (int)i, 4096);
	}
	front_put_indirect(&front[0], BLKIF_OP_WRITE, 5, 16, 40, W_PAGES + 20);
	front_push(&front[0]);
	world_settle();
	expect(&front[0], 5, BLKIF_OP_WRITE, 0);
	for (unsigned int i = 0; i < 40; i++)
		CU_ASSERT_EQUAL(world.bytes[(2 + i) * 4096], 'A' + (int)i);
}

TEST(test_barrier, "a barrier waits for what is before it, and holds what comes after")
{
	struct blkif_request_segment s = whole(10);
	struct front_answer a;

	connect(PROTOCOL_X86_64, false, 2);
	front_put(&front[0], BLKIF_OP_WRITE, 1, 0, &s, 1);
	front_put(&front[0], BLKIF_OP_WRITE_BARRIER, 2, 8, &s, 1);
	front_put(&front[0], BLKIF_OP_WRITE, 3, 16, &s, 1);
	front_put(&front[1], BLKIF_OP_WRITE, 4, 24, &s, 1);
	front_push(&front[0]);
	front_push(&front[1]);
	disk_run(world.disk, 1);
	CU_ASSERT_EQUAL(world.submitted, 1);
	world_finish(0);
	disk_run(world.disk, 2);
	/* A flush, then the write itself; the rest only after that. */
	CU_ASSERT_EQUAL(world.submitted, 2);
	CU_ASSERT_EQUAL(world.first->op, IMAGE_FLUSH);
	world_finish(0);
	disk_run(world.disk, 3);
	CU_ASSERT_EQUAL(world.submitted, 3);
	CU_ASSERT_TRUE(world.first->fua);
	CU_ASSERT_EQUAL(world.first->offset, 8 * 512);
	world_finish(0);
	world_settle();
	CU_ASSERT_EQUAL(world.submitted, 5);
	for (unsigned int i = 0; i < 3; i++)
		CU_ASSERT_TRUE(front_get(&front[0], &a));
	CU_ASSERT_TRUE(front_get(&front[1], &a));
}

TEST(test_flush, "a flush is one, also with nothing to write, and its failure is told")
{
	connect(PROTOCOL_X86_64, false, 1);
	front_put(&front[0], BLKIF_OP_FLUSH_DISKCACHE, 1, 99999999, NULL, 0);
	front_push(&front[0]);
	world_settle();
	expect(&front[0], 1, BLKIF_OP_FLUSH_DISKCACHE, 0);
	CU_ASSERT_EQUAL(world.flushes, 1);
	world.fail_with = -EIO;
	front_put(&front[0], BLKIF_OP_FLUSH_DISKCACHE, 2, 0, NULL, 0);
	front_push(&front[0]);
	world_settle();
	expect(&front[0], 2, BLKIF_OP_FLUSH_DISKCACHE, BLKIF_RSP_ERROR);
}

TEST(test_4096, "with sectors of 4096 bytes, parts of pages take another way")
{
	struct blkif_request_segment s[2] = { { 10, 4, 7 }, { 11, 0, 3 } };

	world.image.sector_size = 4096;
	for (int window = 0; window < 2; window++) {
		connect(PROTOCOL_X86_64, window, 1);
		memset(world.guest + 10 * 4096, 'a', 8192);
		front_put(&front[0], BLKIF_OP_WRITE, 1, 8, s, 2);
		front_put(&front[0], BLKIF_OP_WRITE, 2, 9, s, 2);
		front_put(&front[0], BLKIF_OP_WRITE, 3, 8, s, 1);
		front_push(&front[0]);
		world_settle();
		for (unsigned int i = 0; i < 3; i++) {
			struct front_answer a;

			CU_ASSERT_TRUE_FATAL(front_get(&front[0], &a));
			CU_ASSERT_EQUAL(a.status, a.id == 1 ? 0 : BLKIF_RSP_ERROR);
		}
		CU_ASSERT_EQUAL(world.bytes[4096], 'a');
		CU_ASSERT_EQUAL(world.bytes[8191], 'a');
		CU_ASSERT_EQUAL(world.bytes[8192], 0);
		memset(world.guest + 10 * 4096, 'x', 8192);
		front_put(&front[0], BLKIF_OP_READ, 4, 8, s, 2);
		front_push(&front[0]);
		world_settle();
		expect(&front[0], 4, BLKIF_OP_READ, 0);
		CU_ASSERT_EQUAL(world.guest[10 * 4096 + 2047], 'x');
		CU_ASSERT_EQUAL(world.guest[10 * 4096 + 2048], 'a');
		CU_ASSERT_EQUAL(world.guest[11 * 4096 + 2047], 'a');
		CU_ASSERT_EQUAL(world.guest[11 * 4096 + 2048], 'x');
		end();
	}
}

TEST(test_index, "an index that cannot be stops the disk, and nothing else happens")
{
	connect(PROTOCOL_X86_64, false, 1);
	front_head(&front[0])->req_prod = 33;
	disk_run(world.disk, 1);
	CU_ASSERT_PTR_NOT_NULL(world.disk->broken);
	CU_ASSERT_EQUAL(world.submitted, 0);
	front_head(&front[0])->req_prod = 1;
	disk_run(world.disk, 2);
	CU_ASSERT_EQUAL(world.submitted, 0);
}

TEST(test_kept_bound, "pages that are kept are bounded; the oldest go")
{
	struct blkif_request_segment s = whole(10);
	struct mapping *maps[1], *other[1];
	grant_ref_t ref = 11;
	void *page;

	connect(PROTOCOL_X86_64, false, 1);
	front_put(&front[0], BLKIF_OP_WRITE, 1, 0, &s, 1);
	front_push(&front[0]);
	world_settle();
	CU_ASSERT_EQUAL(world.mapped[10], 1);
	world.disk->grants.nr_kept += GRANTS_KEPT_MAX - 1;
	CU_ASSERT_EQUAL(grants_keep(&world.disk->grants, &ref, 1, &page, maps), 0);
	CU_ASSERT_EQUAL(world.mapped[10], 0);
	CU_ASSERT_EQUAL(world.mapped[11], 1);
	/* What is in use stays, and no other is kept: a request has it for as long as it takes. */
	ref = 12;
	CU_ASSERT_EQUAL(grants_keep(&world.disk->grants, &ref, 1, &page, other), -ENOSPC);
	CU_ASSERT_EQUAL(world.mapped[11], 1);
	s = whole(12);
	memset(world.guest + 12 * 4096, 'w', 4096);
	front_put(&front[0], BLKIF_OP_WRITE, 2, 8, &s, 1);
	front_push(&front[0]);
	world_settle();
	expect(&front[0], 1, BLKIF_OP_WRITE, 0);
	expect(&front[0], 2, BLKIF_OP_WRITE, 0);
	CU_ASSERT_EQUAL(world.bytes[4096], 'w');
	CU_ASSERT_EQUAL(world.mapped[12], 0);
	CU_ASSERT_EQUAL(world.mapped[11], 1);
	grants_let_go(maps, 1);
	world.disk->grants.nr_kept -= GRANTS_KEPT_MAX - 1;
}

TEST(test_kept_share, "what a domain's other disks keep counts, and so does what they have at work")
{
	struct blkif_request_segment s = whole(10);
	struct mapping *maps[1];
	grant_ref_t ref = 11;
	void *page;

	connect(PROTOCOL_X86_64, false, 1);
	front_put(&front[0], BLKIF_OP_WRITE, 1, 0, &s, 1);
	front_push(&front[0]);
	world_settle();
	expect(&front[0], 1, BLKIF_OP_WRITE, 0);
	CU_ASSERT_EQUAL(world.share.kept, 1);
	CU_ASSERT_EQUAL(world.share.working, 0);
	world.share.kept += SHARE_MAX / 2 - 1;
	CU_ASSERT_EQUAL(grants_keep(&world.disk->grants, &ref, 1, &page, maps), 0);
	grants_let_go(maps, 1);
	CU_ASSERT_EQUAL(world.mapped[10], 0);
	CU_ASSERT_EQUAL(world.share.kept, SHARE_MAX / 2);
	world.share.kept -= SHARE_MAX / 2 - 1;
	/* Others are at work with all there is. */
	world.share.working = SHARE_MAX / 2;
	front_put(&front[0], BLKIF_OP_WRITE, 2, 0, &s, 1);
	front_push(&front[0]);
	world_settle();
	CU_ASSERT_EQUAL(world.submitted, 1);
	CU_ASSERT_TRUE(world.share.refused);
	world.share.working--;
	disk_run(world.disk, 1);
	CU_ASSERT_EQUAL(world.submitted, 2);
	CU_ASSERT_EQUAL(world.share.working, SHARE_MAX / 2);
	world_settle();
	CU_ASSERT_EQUAL(world.share.working, SHARE_MAX / 2 - 1);
	world.share.working = 0;
	expect(&front[0], 2, BLKIF_OP_WRITE, 0);
	/* So many domains that each has the least still find room for all. */
	for (uint32_t nr = 0; nr < 1000; nr++)
		CU_ASSERT_TRUE(share_of(nr) == SHARE_MIN || share_of(nr) * (nr ? nr : 1) <=
			       SHARE_TOTAL);
	CU_ASSERT_EQUAL(share_of(1), SHARE_MAX);
	CU_ASSERT_EQUAL(share_of(1000), SHARE_MIN);
}

TEST(test_kept_age, "pages that are not used for long do not stay mapped")
{
	const uint64_t second = 1000000000;
	struct blkif_request_segment s[2] = { whole(10), whole(11) };

	connect(PROTOCOL_X86_64, false, 1);
	world.instant = true;
	CU_ASSERT_EQUAL(world.disk->age, 0);
	for (int i = 0; i < 2; i++) {
		front_put(&front[0], BLKIF_OP_WRITE, (uint64_t)i, 0, &s[i], 1);
		front_push(&front[0]);
		disk_run(world.disk, second * (i ? 40 : 1));
	}
	CU_ASSERT_EQUAL(world.mapped[10] + world.mapped[11], 2);
	CU_ASSERT_TRUE(world.disk->age > 40 * second);
	disk_run(world.disk, 80 * second);
	CU_ASSERT_EQUAL(world.mapped[10], 0);
	CU_ASSERT_EQUAL(world.mapped[11], 1);
	CU_ASSERT_EQUAL(world.disk->age, 110 * second);
	disk_run(world.disk, 111 * second);
	CU_ASSERT_EQUAL(world.mapped[11], 0);
	CU_ASSERT_EQUAL(world.disk->age, 0);
	CU_ASSERT_EQUAL(world.share.kept, 0);
}

TEST(test_limit, "so many operations a second and no more")
{
	struct limit l;
	unsigned int done = 0;

	limit_set(&l, 1000, 0);
	for (uint64_t now = 0; now < 2000000000; now += 100000)
		while (!limit_wait(&l, now)) {
			limit_spend(&l, 1);
			done++;
		}
	CU_ASSERT(done >= 1990 && done <= 2110);
	/* What is larger than the bucket goes, and is paid off. */
	limit_set(&l, 1000, 0);
	CU_ASSERT_EQUAL(limit_wait(&l, 1), 0);
	limit_spend(&l, 3000);
	CU_ASSERT(limit_wait(&l, 2000000000) == 0 || limit_wait(&l, 2000000000) > 900000000);
	CU_ASSERT_NOT_EQUAL(limit_wait(&l, 2000000000), 0);
	limit_set(&l, 0, 0);
	limit_spend(&l, UINT64_MAX);
	CU_ASSERT_EQUAL(limit_wait(&l, 1), 0);
}

TEST(test_burst, "a pause gives no more than a moment's worth")
{
	struct limit l;
	unsigned int done = 0;

	limit_set(&l, 1000, 0);
	limit_wait(&l, 900000000);
	while (!limit_wait(&l, 900000000)) {
		limit_spend(&l, 1);
		done++;
	}
	CU_ASSERT_EQUAL(done, 1000 * LIMIT_BURST_MS / 1000);
}

TEST(test_discard, "a discard, of frontends of both widths")
{
	for (enum protocol p = PROTOCOL_X86_64; p <= PROTOCOL_X86_32; p++) {
		connect(p, false, 1);
		memset(world.bytes, 'a', sizeof(world.bytes));
		front_discard(&front[0], 9, 8, 16, 0);
		front_push(&front[0]);
		world_settle();
		expect(&front[0], 9, BLKIF_OP_DISCARD, 0);
		CU_ASSERT_EQUAL(world.bytes[4095], 'a');
		CU_ASSERT_EQUAL(world.bytes[4096], 0);
		CU_ASSERT_EQUAL(world.bytes[4096 + 8191], 0);
		CU_ASSERT_EQUAL(world.bytes[4096 + 8192], 'a');
		end();
	}
}

TEST(test_reconnect, "a frontend that begins anew finds nothing of the old one")
{
	struct blkif_request_segment s = whole(10);
	struct journal_connection c;
	bool again;

	connect(PROTOCOL_X86_64, false, 1);
	front_put(&front[0], BLKIF_OP_WRITE, 1, 0, &s, 1);
	front_push(&front[0]);
	world_settle();
	disk_disconnect(world.disk);
	world_settle();
	disk_released(world.disk);
	front_init(&front[0], PROTOCOL_X86_64, 0);
	c = front_connection(front, 1);
	CU_ASSERT_EQUAL(disk_connect(world.disk, &c, &again), 0);
	CU_ASSERT_FALSE(again);
	front_put(&front[0], BLKIF_OP_READ, 2, 0, &s, 1);
	front_push(&front[0]);
	world_settle();
	expect(&front[0], 2, BLKIF_OP_READ, 0);
}

TEST(test_nonce, "the same rings and ports, offered by another device, are another connection")
{
	struct journal_connection c;

	front_init(&front[0], PROTOCOL_X86_64, 0);
	c = front_connection(front, 1);
	c.nonce = 1;
	journal_begin(world.journal, &c);
	CU_ASSERT_TRUE(journal_belongs(world.journal, &c));
	c.nonce++;
	CU_ASSERT_FALSE(journal_belongs(world.journal, &c));
	journal_end(world.journal);
}

TEST(test_events, "events beyond a rate wait, and none is lost")
{
	const uint64_t second = 1000000000;
	unsigned int heard = 0, before = 0;
	struct front_answer a;

	connect(PROTOCOL_X86_64, false, 1);
	world.instant = true;
	world.unmasked = 0;
	/* One every 4 us, for two seconds: 500000. */
	for (uint64_t now = second; now < 3 * second; now += 4000) {
		/* The port is shut until it is opened. */
		if (world.unmasked == heard) {
			CU_ASSERT_TRUE_FATAL(disk_port(world.disk, world.disk->queues[0].port));
			heard++;
		}
		disk_run(world.disk, now);
		if (world.unmasked < heard)
			CU_ASSERT_TRUE_FATAL(world.disk->wake > now &&
					     world.disk->wake < now + 100000);
	}
	CU_ASSERT_TRUE(heard >= 2 * DISK_EVENTS);
	CU_ASSERT_TRUE(heard <= 2 * DISK_EVENTS + DISK_EVENTS / 10 + 1);
	/* Shut or not, what is in the ring is seen by whoever comes by. */
	before = world.disk->jobs;
	front_put(&front[0], BLKIF_OP_FLUSH_DISKCACHE, 1, 0, NULL, 0);
	front_push(&front[0]);
	disk_run(world.disk, 3 * second);
	disk_run(world.disk, 3 * second);
	CU_ASSERT_EQUAL(world.disk->jobs, before);
	CU_ASSERT_TRUE(front_get(&front[0], &a));
	disk_run(world.disk, 4 * second);
	CU_ASSERT_EQUAL(world.unmasked, heard);
}

TEST(test_throttle, "a limit leaves requests in the ring, and says when to look again")
{
	struct blkif_request_segment s = whole(10);

	connect(PROTOCOL_X86_64, false, 1);
	limit_set(&world.disk->iops, 10, 1);
	for (unsigned int i = 0; i < 4; i++)
		front_put(&front[0], BLKIF_OP_WRITE, i, 0, &s, 1);
	front_push(&front[0]);
	CU_ASSERT_FALSE(disk_run(world.disk, 1));
	CU_ASSERT_EQUAL(world.submitted, 1);
	CU_ASSERT_NOT_EQUAL(world.disk->wake, 0);
	disk_run(world.disk, world.disk->wake);
	CU_ASSERT_EQUAL(world.submitted, 2);
	limit_set(&world.disk->iops, 0, 1);
	world_settle();
	CU_ASSERT_EQUAL(world.submitted, 4);
}

/* ---- kills ---- */

static uint32_t seed = 1;

static uint32_t dice(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

#define IDS 24u

static struct {
	struct { bool busy, writes; uint32_t block, version; } ids[IDS];
	uint32_t version[W_BLOCKS], next;
	bool busy[W_BLOCKS];
	uint64_t answers, asked;
} model;

static void submit_some(struct front *f)
{
	for (unsigned int n = dice(6); n--;) {
		unsigned int id = dice(IDS), block = dice(W_BLOCKS);
		struct blkif_request_segment s = whole(id + 10);
		uint32_t *page = (uint32_t *)(world.guest + (id + 10) * 4096);

		if (model.ids[id].busy || model.busy[block])
			continue;
		model.ids[id].busy = model.busy[block] = true;
		model.ids[id].block = block;
		model.ids[id].writes = dice(2);
		if (model.ids[id].writes) {
			model.version[block] = ++model.next;
			page[0] = page[1023] = model.next;
			front_put(f, dice(8) ? BLKIF_OP_WRITE : BLKIF_OP_WRITE_BARRIER, id,
				  block * 8, &s, 1);
		} else {
			page[0] = page[1023] = 0;
			front_put(f, BLKIF_OP_READ, id, block * 8, &s, 1);
		}
		model.asked++;
	}
	front_push(f);
}

static void take_answers(struct front *f, bool window)
{
	struct front_answer a;

	while (front_get(f, &a)) {
		uint32_t *page = (uint32_t *)(world.guest + (a.id + 10) * 4096), block;

		CU_ASSERT_TRUE_FATAL(a.id < IDS && model.ids[a.id].busy);
		CU_ASSERT_EQUAL(a.status, 0);
		block = model.ids[a.id].block;
		CU_ASSERT_TRUE(!window || !world.mapped[a.id + 10]);
		if (model.ids[a.id].writes)
			page = (uint32_t *)(world.bytes + block * 4096);
		CU_ASSERT_EQUAL(page[1023], model.version[block]);
		model.ids[a.id].busy = model.busy[block] = false;
		model.answers++;
	}
}

static void kills(bool window, unsigned int queues)
{
	struct journal_connection c;
	static unsigned int times;
	static volatile unsigned int round;
	static bool again;

	times = 0;

	memset(&model, 0, sizeof(model));
	/* What a killed process had is no leak. */
	__lsan_disable();
	connect(PROTOCOL_X86_64, window, queues);
	c = front_connection(front, queues);
	for (round = 0; round < 4000; round++) {
		if (setjmp(world.killed)) {
			world_died();
			times++;
			/* It may be killed on its way back, too. */
			world.kill_after = dice(4) ? 0 : 1 + dice(60);
			world_start(window);
			CU_ASSERT_EQUAL_FATAL(disk_connect(world.disk, &c, &again), 0);
			CU_ASSERT_TRUE(again);
			world.kill_after = 0;
			/* Nothing has to be asked for before all that was is answered. */
			if (!dice(2)) {
				world_settle();
				for (unsigned int i = 0; i < queues; i++)
					take_answers(&front[i], window);
				CU_ASSERT_EQUAL(model.answers, model.asked);
			}
		}
		for (unsigned int i = 0; i < queues; i++)
			submit_some(&front[i]);
		world.kill_after = dice(3) ? 0 : 1 + dice(80);
		disk_run(world.disk, round + 1);
		for (unsigned int n = dice(8); n--;)
			world_finish(dice(4));
		if (dice(2))
			world_notices(dice(2));
		if (!world.kill_after && !dice(4))
			world.kill_after = 1 + dice(40);
		disk_run(world.disk, round + 1);
		world.kill_after = 0;
		for (unsigned int i = 0; i < queues; i++)
			take_answers(&front[i], window);
		if (CU_get_number_of_failures())
			break;
	}
	world_settle();
	for (unsigned int i = 0; i < queues; i++)
		take_answers(&front[i], window);
	CU_ASSERT(times > 300);
	CU_ASSERT(model.answers > 3000);
	CU_ASSERT_EQUAL(model.answers, model.asked);
	for (unsigned int block = 0; block < W_BLOCKS; block++)
		if (((uint32_t *)(world.bytes + block * 4096))[0] != model.version[block])
			CU_FAIL("another version");
	CU_ASSERT_EQUAL(world.journal->counts.taken_over > times / 2, true);
	__lsan_enable();
}

TEST(test_kill_kept, "killed at any step, pages kept") { kills(false, 1); }
TEST(test_kill_window, "killed at any step, windows") { kills(true, 2); }

TEST(test_kill_liar, "a published index that the frontend made up is bounded by our own")
{
	static struct journal j;
	struct journal_connection c = { .nr_queues = 1 };
	struct journal_queue *q = &j.queues[0];
	struct journal_recovery *r = malloc(sizeof(*r));
	struct request request = { .operation = BLKIF_OP_READ, .id = 5 };

	journal_begin(&j, &c);
	journal_take(q, &q->entries[3], &request, 0);
	journal_take(q, &q->entries[4], &request, 1);
	CU_ASSERT_EQUAL(journal_recover(q, 1000, 32, r), 0);
	CU_ASSERT_EQUAL(r->nr, 2);
	CU_ASSERT_EQUAL(r->rsp_prod, 0);
	journal_answer(q, &q->entries[4], -1, 0);
	/* Prepared, not published: still owed, with its result, and its index is anybody's. */
	CU_ASSERT_EQUAL(journal_recover(q, 0, 32, r), 0);
	CU_ASSERT_EQUAL(r->nr, 2);
	CU_ASSERT_EQUAL(journal_state(&q->entries[4]), JOURNAL_DONE);
	CU_ASSERT_EQUAL(q->entries[4].status, -1);
	journal_answer(q, &q->entries[3], 0, 0);
	CU_ASSERT_EQUAL(journal_recover(q, 1, 32, r), 0);
	CU_ASSERT_EQUAL(r->nr, 1);
	CU_ASSERT_EQUAL(r->entries[0], 4);
	CU_ASSERT_EQUAL(r->rsp_prod, 1);
	/* Damaged: nothing is guessed. */
	q->rsp_prepared = 500;
	CU_ASSERT_EQUAL(journal_recover(q, 1, 32, r), -EINVAL);
	free(r);
}

SUITE("block_disk", .begin = begin, .end = end)
