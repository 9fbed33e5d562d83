// SPDX-License-Identifier: GPL-2.0-or-later
// sources: backends/block/disk.c backends/block/job.c backends/block/grants.c
// sources: backends/block/journal.c backends/block/request.c frontends/lib/ring.c
// options: -max_len=2048
//
// A disk whose frontend writes what it likes into its rings, indices too, at any time, of either
// width and in either data mode, over grants that are revoked and come back; with errors of the
// image and of mappings, kills and reconnects. No byte outside the granted pages and the image is
// touched, nothing is unmapped under I/O (block_world.h), and in the end all is given back.

#include "block_world.h"

#include <sanitizer/lsan_interface.h>

#include "fuzz.h"

static struct front front[2];
static struct journal_connection connection;
static bool window;

static void start(void)
{
	bool again;

	world_start(window);
	/* A journal that the frontend's lies could spoil would refuse here. */
	if (disk_connect(world.disk, &connection, &again))
		abort();
}

static void stop(void)
{
	unsigned int rounds = 0;

	disk_disconnect(world.disk);
	while (!disk_idle(world.disk)) {
		disk_run(world.disk, ++rounds);
		while (world_finish(0))
			;
		world_notices(true);
		assert(rounds < 10000);
	}
	disk_released(world.disk);
	assert(!world_mapped());
	free(world.disk);
	world.disk = NULL;
}

static void put(struct fuzz_in *in, struct front *f)
{
	struct blkif_request_segment s[12];
	uint8_t op = fuzz_u8(in);
	unsigned int nr = fuzz_u8(in) % 14;
	uint64_t sector = fuzz_u8(in) & 1 ? fuzz_u64(in) : fuzz_u16(in) % (W_BLOCKS * 8 + 8);

	for (unsigned int i = 0; i < 12; i++)
		s[i] = (struct blkif_request_segment){ fuzz_u8(in) % (2 * W_PAGES + 4),
						       fuzz_u8(in) % 9, fuzz_u8(in) % 9 };
	if (op % 8 == BLKIF_OP_INDIRECT) {
		unsigned int page = 4 + fuzz_u8(in) % 4;

		for (unsigned int i = 0; i < 256; i++)
			memcpy(world.guest + page * 4096 + i * 8, &s[i % 12], 8);
		front_put_indirect(f, fuzz_u8(in) % 4, op, sector, fuzz_u16(in) % 260, page);
	} else if (op % 8 == BLKIF_OP_DISCARD) {
		front_discard(f, op, sector, fuzz_u16(in), fuzz_u8(in) & 1);
	} else {
		front_put(f, op % 8, op, sector, s, nr);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t how = fuzz_u8(&in);
	static uint64_t now;
	static unsigned int left;

	/* What a killed process had is no leak. */
	if (how & 128)
		__lsan_disable();
	now = 1;
	left = 200;
	world_init();
	window = how & 1;
	world.image.sector_size = how & 2 ? 4096 : 512;
	world.image.readonly = how & 4;
	world.image.can_discard = !(how & 8);
	world.image.can_fua = !(how & 16);
	for (unsigned int i = 0; i < 2; i++)
		front_init(&front[i], how & 32 ? PROTOCOL_X86_32 : PROTOCOL_X86_64, i);
	connection = front_connection(front, 2);
	start();
	if (how & 64)
		limit_set(&world.disk->iops, 1 + fuzz_u8(&in), now);
	while (fuzz_more(&in) && left--) {
		uint8_t what = fuzz_u8(&in);
		struct front *f = &front[what & 1];

		switch (what >> 1 & 15) {
		case 0: case 1: case 2:
			put(&in, f);
			front_push(f);
			break;
		case 3:
			f->req_prod = front_head(f)->req_prod + fuzz_u8(&in);
			front_push(f);
			break;
		case 4:
			((volatile uint32_t *)front_head(f))[fuzz_u8(&in) % 1024] = fuzz_u32(&in);
			break;
		case 5:
			world.revoked[fuzz_u8(&in) % (2 * W_PAGES)] ^= true;
			/* Not the rings: an attacked frontend's mapping stays. */
			world.revoked[0] = world.revoked[1] = false;
			break;
		case 6:
			world.fail_with = fuzz_u8(&in) & 1 ? -EIO : -EOPNOTSUPP;
			break;
		case 7:
			world.fail_map = 1 + fuzz_u8(&in) % 4;
			break;
		case 8: case 9:
			world_finish(fuzz_u8(&in) % 8);
			break;
		case 10:
			world_notices(fuzz_u8(&in) & 1);
			break;
		case 11:
			world.fail_map = 0;
			stop();
			for (unsigned int i = 0; i < 2; i++)
				front_init(&front[i], connection.protocol, i);
			start();
			break;
		case 12:
			if (!(how & 128))
				break;
			world.fail_map = 0;
			if (!setjmp(world.killed)) {
				world.kill_after = 1 + fuzz_u8(&in) % 64;
				disk_run(world.disk, now);
				world_finish(0);
				disk_run(world.disk, now);
				world.kill_after = 0;
			} else {
				world_died();
				start();
			}
			break;
		default:
			now += fuzz_u8(&in) * 1000000u;
			disk_run(world.disk, now);
		}
	}
	world.fail_map = 0;
	stop();
	if (how & 128)
		__lsan_enable();
	return 0;
}
