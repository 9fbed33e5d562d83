// SPDX-License-Identifier: MIT
/*
 * Disks. `block`: writes a pattern to the first mib= MiB, flushes, reads it back, lets go of the
 * backend and takes it up again, reads once more. `read`: only reads them.
 */
#include "frontends/minimal/kernel.h"

#include "frontends/lib/blkfront.h"
#include "frontends/lib/text.h"

#define DISKS	4u
#define DEPTH	8u				/* requests at once */
#define PAGES	BLKFRONT_SEGMENTS		/* of a buffer */

struct disk {
	struct blkfront front;
	char id[16];
	bool open;
};

static struct disk disks[DISKS];
static struct blk_request requests[DEPTH];	/* context: NULL while it is with nobody */
static void *buffers[DEPTH];
static bool held;	/* nothing more is asked for */
static bool working;	/* the job is not through */
static uint32_t salt;	/* of the pattern: 0 in the first life */

/* One pass over the disk's beginning, with as many requests as there are, in whatever order. */
static struct {
	struct disk *disk;
	enum blk_op op;
	uint64_t next, end;	/* sectors */
	unsigned int busy;
	uint32_t sum;		/* of the words that were read */
	uint64_t wrong;		/* words that are not the pattern */
	uint64_t first_wrong;	/* its place, in words */
	int error;
} pass;

/* Word @i of the pattern; a reader elsewhere can compute it, too. */
static uint32_t pattern(uint64_t i)
{
	return ((uint32_t)i * 2654435761u + 0x6d696e69u) ^ salt;
}

/* What a word adds to the sum: its place counts, its turn does not. */
static uint32_t mixed(uint32_t word, uint64_t place)
{
	uint32_t x = word ^ (uint32_t)place * 0x9e3779b9u;

	x = (x ^ x >> 16) * 0x85ebca6bu;
	x = (x ^ x >> 13) * 0xc2b2ae35u;
	return x ^ x >> 16;
}

static void look_at(struct blk_request *r)
{
	const uint32_t *words = r->buffer;
	uint64_t first = r->sector * 128;

	for (uint64_t i = 0; i < r->count * 128; i++) {
		pass.sum += mixed(words[i], first + i);
		if (words[i] != pattern(first + i) && !pass.wrong++)
			pass.first_wrong = first + i;
	}
}

static void next(struct blk_request *r)
{
	uint64_t size = pass.disk->front.max_segments * (PAGE_SIZE / 512);
	int error;

	if (held || pass.error || pass.next == pass.end)
		return;
	r->op = pass.op;
	r->sector = pass.next;
	r->count = pass.end - pass.next < size ? pass.end - pass.next : size;
	if (r->op == BLK_WRITE)
		for (uint64_t i = 0; i < r->count * 128; i++)
			((uint32_t *)r->buffer)[i] = pattern(r->sector * 128 + i);
	else
		memset(r->buffer, 0xa5, r->count * 512);
	error = blkfront_submit(&pass.disk->front, r);
	if (error == -EAGAIN && pass.busy)
		return;		/* another one's end goes on */
	if (error) {
		pass.error = error;
		return;
	}
	r->context = &pass;
	pass.next += r->count;
	pass.busy++;
}

static void done(struct blk_request *r)
{
	r->context = NULL;
	pass.busy--;
	if (r->stuck)
		pass.error = -EBUSY;
	else if (r->status)
		pass.error = r->status;
	else if (r->op == BLK_READ)
		look_at(r);
	/* This one, and those that found the ring full. */
	for (unsigned int i = 0; i < DEPTH; i++)
		if (!requests[i].context)
			next(&requests[i]);
}

static bool pass_over(void *arg)
{
	(void)arg;
	return !pass.busy;
}

static int run_pass(struct disk *d, enum blk_op op, uint64_t sectors)
{
	pass.disk = d;
	pass.op = op;
	pass.next = 0;
	pass.end = sectors;
	pass.sum = 0;
	pass.wrong = 0;
	pass.error = 0;
	for (unsigned int i = 0; i < DEPTH; i++) {
		requests[i].buffer = buffers[i];
		requests[i].done = done;
		requests[i].context = NULL;
		next(&requests[i]);
	}
	if (!serve_until(pass_over, NULL, 300))
		return -ETIMEDOUT;
	return pass.error;
}

/* ---- one request ---- */

static void single_done(struct blk_request *r)
{
	r->context = NULL;
}

static bool single_over(void *arg)
{
	return !((struct blk_request *)arg)->context;
}

static int single(struct disk *d, enum blk_op op, uint64_t sector, uint64_t count)
{
	struct blk_request *r = &requests[0];
	int error;

	r->op = op;
	r->sector = sector;
	r->count = count;
	r->buffer = buffers[0];
	r->done = single_done;
	r->context = r;
	error = blkfront_submit(&d->front, r);
	if (error)
		return error;
	return serve_until(single_over, r, 300) ? r->status : -ETIMEDOUT;
}

/* ---- the job ---- */

static bool is_running(void *arg)
{
	struct disk *d = arg;

	return d->front.xenbus.running || d->front.xenbus.error;
}

static bool is_closed(void *arg)
{
	struct disk *d = arg;

	return xenbus_closed(&d->front.xenbus) &&
	       d->front.xenbus.backend_state == XenbusStateClosed;
}

static bool connect(struct disk *d)
{
	if (!serve_until(is_running, d, 120) || !d->front.xenbus.running) {
		fail("block %s: does not connect: backend's state %d, error %d", d->id,
		     d->front.xenbus.backend_state, d->front.xenbus.error);
		return false;
	}
	return true;
}

static bool read_back(struct disk *d, uint64_t sectors, const char *when)
{
	int error = run_pass(d, BLK_READ, sectors);

	if (error)
		fail("block %s: reading%s: %d", d->id, when, error);
	else if (settings.block && !d->front.readonly && pass.wrong)
		fail("block %s: %llu words are wrong%s, the first is number %llu", d->id,
		     (unsigned long long)pass.wrong, when, (unsigned long long)pass.first_wrong);
	return !failed;
}

static bool write_all(struct disk *d, uint64_t sectors)
{
	int error = run_pass(d, BLK_WRITE, sectors);

	if (!error)
		error = single(d, BLK_FLUSH, 0, 0);
	if (error)
		fail("block %s: writing: %d", d->id, error);
	return !error;
}

/* How much of a disk the job is about. */
static uint64_t job_sectors(const struct disk *d)
{
	uint64_t sectors = (uint64_t)settings.block_mib * 2048;

	if (sectors > d->front.sectors)
		sectors = d->front.sectors & ~(uint64_t)(d->front.sector_size / 512 - 1);
	return sectors;
}

static bool work(struct disk *d)
{
	struct blkfront *b = &d->front;
	uint64_t sectors;
	uint32_t unit;

	if (!connect(d))
		return false;
	print("block %s: %llu MiB, sectors of %u,%s requests of up to %u pages, %u at once\n",
	      d->id, (unsigned long long)(b->sectors >> 11), b->sector_size,
	      b->readonly ? " read-only," : "", b->max_segments, b->slots.nr);
	unit = b->sector_size / 512;
	sectors = job_sectors(d);

	/* What is wrong never reaches the backend. */
	if (single(d, BLK_READ, b->sectors, unit) != -EINVAL ||
	    single(d, BLK_READ, ~(uint64_t)0 & ~(uint64_t)(unit - 1), unit) != -EINVAL ||
	    (b->readonly && single(d, BLK_WRITE, 0, unit) != -EROFS)) {
		fail("block %s: a wrong request was taken", d->id);
		return false;
	}
	if (settings.block && !b->readonly && !write_all(d, sectors))
		return false;
	if (!read_back(d, sectors, ""))
		return false;
	if (settings.block) {
		xenbus_close(&b->xenbus);
		if (!serve_until(is_closed, d, 120)) {
			fail("block %s: does not close: backend's state %d", d->id,
			     b->xenbus.backend_state);
			return false;
		}
		xenbus_reopen(&b->xenbus);
		if (!connect(d) || !read_back(d, sectors, " after a reconnection"))
			return false;
	}
	print("block %s: %s%llu MiB, sum %08x\n", d->id,
	      settings.block && !b->readonly ? "wrote and read " : "read ",
	      (unsigned long long)(sectors >> 11), pass.sum);
	return true;
}

bool block_job(const char *ids, unsigned int size)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < DEPTH && !buffers[i]; i++) {
		buffers[i] = pages_get(NULL, PAGES);
		if (!buffers[i]) {
			fail("block: no memory for buffers");
			return false;
		}
	}
	for (const char *id = ids; id < ids + size && n < DISKS; id += text_length(id) + 1) {
		struct disk *d = &disks[n++];
		struct text t = text_in(d->id);
		int error;

		text_add(&t, id);
		error = blkfront_open(&d->front, &store, d->id);
		if (error) {
			fail("block %s: %d", d->id, error);
			return false;
		}
		d->open = true;
	}
	if (!n) {
		fail("block: there is no disk");
		return false;
	}
	working = true;
	for (unsigned int i = 0; i < n && !failed; i++)
		work(&disks[i]);
	working = false;
	return !failed;
}

void block_serve(void)
{
	for (unsigned int i = 0; i < DISKS; i++) {
		struct xenbus_device *x = &disks[i].front.xenbus;

		if (disks[i].open && x->broken && x->running) {
			xenbus_step(x);
			fail("block %s: its backend broke the rules", disks[i].id);
		}
	}
}

void block_end(void)
{
	for (unsigned int i = 0; i < DISKS; i++) {
		if (!disks[i].open)
			continue;
		xenbus_close(&disks[i].front.xenbus);
		serve_until(is_closed, &disks[i], 10);
	}
}

/* ---- around a suspend ---- */

static unsigned int busy(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < DISKS; i++)
		n += disks[i].open ? blkfront_busy(&disks[i].front) : 0;
	return n;
}

void block_hold(void)
{
	uint64_t deadline = time_now(NULL) + 60 * SECOND;

	held = true;
	while (busy() && time_now(NULL) < deadline)
		event_wait(NULL, deadline);
}

void block_go_on(bool restored)
{
	int error = 0;

	for (unsigned int i = 0; restored && i < DISKS && !failed; i++) {
		if (!disks[i].open)
			continue;
		error = xenbus_resume(&disks[i].front.xenbus);
		if (error)
			fail("block %s: %d", disks[i].id, error);
		else if (disks[i].front.xenbus.wanted)
			connect(&disks[i]);
	}
	held = false;
	/* A pass that was under way. */
	for (unsigned int i = 0; i < DEPTH && buffers[i] && pass.disk; i++)
		if (!requests[i].context)
			next(&requests[i]);
}

bool block_again(void)
{
	if (!settings.block || working)
		return true;
	salt = random_word();
	for (unsigned int i = 0; i < DISKS && !failed; i++) {
		struct disk *d = &disks[i];

		if (!d->open || d->front.readonly)
			continue;
		/* First what was there: a clone's disk is its twin's as long as nobody writes. */
		if (run_pass(d, BLK_READ, job_sectors(d)))
			fail("block %s: reading after a restore", d->id);
		else
			print("block %s: found sum %08x\n", d->id, pass.sum);
		if (!failed && write_all(d, job_sectors(d)) &&
		    read_back(d, job_sectors(d), " after a restore"))
			print("block %s: wrote other words, sum %08x\n", d->id, pass.sum);
	}
	return !failed;
}
