/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Around a disk of backends/block: a guest's memory and its grants, gntdev and evtchn as the kernel
 * gives them, an image in memory that finishes when it is told to, and a frontend's ring. A "kill"
 * can strike at every store of the journal and at every call: what a process has is gone then, what
 * its I/O had begun is done, and memory shared with others stays.
 */
#ifndef ANNULUS_BLOCK_WORLD_H
#define ANNULUS_BLOCK_WORLD_H

#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/block/disk.h"
#include "backends/block/job.h"
#include "backends/lib/gntdev.h"
#include "libhvctl/store/evtchn.h"

#define W_PAGES		64u		/* of the guest; page 0 and on: the rings */
#define W_BLOCKS	64u		/* of 4096 bytes, of the image */
#define W_MAPS		512u

struct world_map {
	bool used, announced, leaving;
	char *base;
	uint32_t nr, port;
	unsigned int pages[GNTDEV_BATCH];
};

static struct {
	int memory;			/* the guest's, a memfd */
	char *guest;			/* as the guest sees it */
	/* Grant n is of page n % W_PAGES; those from W_PAGES on are read-only. */
	bool revoked[2 * W_PAGES];
	unsigned int mapped[W_PAGES];
	bool lingering[W_MAPS];		/* I/O is over, the kernel may have the pages still */
	struct world_map maps[W_MAPS];
	bool delay_unmap;		/* the kernel is not done when gntdev_unmap() returns */
	unsigned int fail_map;		/* the how manieth mapping fails */
	uint32_t events;		/* sent to the frontend */
	unsigned int unmasked;
	/* Until this many steps have been made; 0: not at all. */
	unsigned int kill_after;
	jmp_buf killed;
	/* The image. */
	char bytes[W_BLOCKS * 4096];
	struct image image;
	struct image_io *first, **last;	/* submitted */
	unsigned int flushes, done_after_flush, submitted;
	int fail_with;			/* the next operation ends so */
	bool instant;			/* done when it is kicked */
	/* The process. */
	struct notices notices;
	struct share share;
	struct disk *disk;
	struct journal *journal;
} world;

static void world_step(void)
{
	if (world.kill_after && !--world.kill_after)
		longjmp(world.killed, 1);
}

void journal_step(void);
void journal_step(void)
{
	world_step();
}

/* ---- gntdev ---- */

int gntdev_open(void)
{
	return 100;
}

int gntdev_map(int fd, domid_t domid, const grant_ref_t *refs, uint32_t nr, bool writable,
	       uint64_t *index, void **base)
{
	unsigned int i = 0;
	struct world_map *m;

	assert(fd == 100 && domid == 1 && nr && nr <= GNTDEV_BATCH);
	world_step();
	if (world.fail_map && !--world.fail_map)
		return -ENOMEM;
	for (uint32_t k = 0; k < nr; k++)
		if (refs[k] >= 2 * W_PAGES || world.revoked[refs[k]] ||
		    (writable && refs[k] >= W_PAGES))
			return -EINVAL;
	while (i < W_MAPS && world.maps[i].used)
		i++;
	assert(i < W_MAPS);
	m = &world.maps[i];
	m->base = mmap(NULL, nr * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert(m->base != MAP_FAILED);
	for (uint32_t k = 0; k < nr; k++) {
		m->pages[k] = refs[k] % W_PAGES;
		world.mapped[m->pages[k]]++;
		assert(mmap(m->base + k * 4096, 4096, PROT_READ | (writable ? PROT_WRITE : 0),
			    MAP_SHARED | MAP_FIXED, world.memory, m->pages[k] * 4096) !=
		       MAP_FAILED);
	}
	m->used = true;
	m->announced = m->leaving = false;
	m->nr = nr;
	*index = i;
	*base = m->base;
	return 0;
}

/* Until then the kernel may have pages whose I/O is over. */
void gntdev_settle(void)
{
	memset(world.lingering, 0, sizeof(world.lingering));
}

int gntdev_announce(int fd, uint64_t index, uint32_t port)
{
	world_step();
	assert(index < W_MAPS && world.maps[index].used);
	world.maps[index].announced = true;
	world.maps[index].port = port;
	return 0;
}

static void world_unmap(struct world_map *m)
{
	for (uint32_t k = 0; k < m->nr; k++)
		world.mapped[m->pages[k]]--;
	m->used = false;
}

/* No I/O may have the pages. */
int gntdev_unmap(int fd, uint64_t index, void *base, uint32_t nr)
{
	struct world_map *m = &world.maps[index];

	world_step();
	assert(index < W_MAPS && m->used && m->base == base && m->nr == nr && !m->leaving);
	for (struct image_io *io = world.first; io; io = io->next)
		for (int i = 0; i < io->iovcnt; i++)
			assert((char *)io->iov[i].iov_base + io->iov[i].iov_len <= m->base ||
			       (char *)io->iov[i].iov_base >= m->base + nr * 4096);
	assert(!world.lingering[index]);
	munmap(base, nr * 4096);
	m->leaving = true;
	if (!m->announced)
		world_unmap(m);
	return 0;
}

int gntdev_copy_in(int fd, domid_t domid, grant_ref_t ref, void *to, uint32_t size)
{
	world_step();
	if (ref >= 2 * W_PAGES || world.revoked[ref])
		return -EFAULT;
	assert(size <= 4096);
	memcpy(to, world.guest + (ref % W_PAGES) * 4096, size);
	return 0;
}

/* ---- evtchn ---- */

int evtchn_bind_unbound(int fd, domid_t domid)
{
	static int port;

	return 1000 + ++port;
}

int evtchn_bind(int fd, domid_t domid, uint32_t port)
{
	world_step();
	return (int)port + 10000;
}

int evtchn_unbind(int fd, uint32_t port)
{
	return 0;
}

int evtchn_notify(int fd, uint32_t port)
{
	world_step();
	world.events++;
	return 0;
}

int evtchn_unmask(int fd, uint32_t port)
{
	world.unmasked++;
	return 0;
}

/* The kernel tells of windows that are gone: all of them, or just one. Returns whether of any. */
static bool world_notices(bool all)
{
	bool any = false;

	for (unsigned int i = 0; i < W_MAPS; i++) {
		struct world_map *m = &world.maps[i];
		unsigned int k = 0;

		if (!m->used || !m->leaving)
			continue;
		world_unmap(m);
		while (k < NOTICES && world.notices.notice[k].send != m->port)
			k++;
		assert(k < NOTICES);
		assert(notices_event(&world.notices, world.notices.notice[k].receive));
		any = true;
		if (!all)
			break;
	}
	return any;
}

/* ---- the image ---- */

static int world_submit(struct image *image, struct image_io *io)
{
	world_step();
	assert(io->offset + io->length <= sizeof(world.bytes));
	assert(!io->length == (io->op == IMAGE_FLUSH));
	if (io->op == IMAGE_READ || io->op == IMAGE_WRITE) {
		uint64_t sum = 0;

		for (int i = 0; i < io->iovcnt; i++) {
			assert(!((uintptr_t)io->iov[i].iov_base & 511));
			assert(io->iov[i].iov_len % image->sector_size == 0);
			sum += io->iov[i].iov_len;
		}
		assert(sum == io->length && io->iovcnt);
	}
	assert(io->op == IMAGE_READ || io->op == IMAGE_FLUSH || !image->readonly);
	io->next = NULL;
	*world.last = io;
	world.last = &io->next;
	world.submitted++;
	return 0;
}

static void world_perform(struct image_io *io)
{
	char *at = world.bytes + io->offset;

	for (int i = 0; i < io->iovcnt; at += io->iov[i++].iov_len) {
		if (io->op == IMAGE_READ)
			memcpy(io->iov[i].iov_base, at, io->iov[i].iov_len);
		if (io->op == IMAGE_WRITE)
			memcpy(at, io->iov[i].iov_base, io->iov[i].iov_len);
	}
	if (io->op == IMAGE_DISCARD)
		memset(at, 0, io->length);
	if (io->op == IMAGE_FLUSH)
		world.flushes++;
}

/* The @nth of what was submitted is done. Returns whether there was one. */
static bool world_finish(unsigned int nth)
{
	struct image_io **at = &world.first, *io;
	int error = world.fail_with;

	while (*at && nth--)
		at = &(*at)->next;
	io = *at;
	if (!io)
		return false;
	*at = io->next;
	if (!*at)
		world.last = at;
	world.fail_with = 0;
	if (!error)
		world_perform(io);
	for (unsigned int i = 0; i < W_MAPS; i++) {
		const struct world_map *m = &world.maps[i];

		for (int k = 0; m->used && k < io->iovcnt; k++)
			if ((char *)io->iov[k].iov_base >= m->base &&
			    (char *)io->iov[k].iov_base < m->base + m->nr * 4096)
				world.lingering[i] = true;
	}
	io->done(io, error);
	return true;
}

static int world_poll_fd(struct image *image) { return -1; }
static short world_poll_events(struct image *image) { return 0; }
static void world_dispatch(struct image *image) { }
static void world_close(struct image *image) { }
static void world_kick(struct image *image)
{
	world_step();
	while (world.instant && world_finish(0))
		;
}

static const struct image_ops world_ops = {
	.name = "memory", .submit = world_submit, .poll_fd = world_poll_fd,
	.poll_events = world_poll_events, .dispatch = world_dispatch, .kick = world_kick,
	.close = world_close,
};

/* ---- the process and its death ---- */

static void world_init(void)
{
	if (!world.memory) {
		world.memory = memfd_create("guest", 0);
		assert(!ftruncate(world.memory, W_PAGES * 4096));
		world.guest = mmap(NULL, W_PAGES * 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
				   world.memory, 0);
		world.journal = mmap(NULL, sizeof(struct journal), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		assert(world.guest != MAP_FAILED && world.journal != MAP_FAILED);
	}
	memset(world.guest, 0, W_PAGES * 4096);
	memset(world.bytes, 0, sizeof(world.bytes));
	memset(world.revoked, 0, sizeof(world.revoked));
	journal_end(world.journal);
	memset(&world.journal->counts, 0, sizeof(world.journal->counts));
	world.first = NULL;
	world.last = &world.first;
	world.flushes = world.submitted = world.events = 0;
	world.fail_map = world.kill_after = 0;
	world.fail_with = 0;
	world.instant = false;
	world.image = (struct image){ .ops = &world_ops, .size = sizeof(world.bytes),
				      .sector_size = 512, .can_flush = true, .can_fua = true,
				      .can_discard = true };
}

static void world_start(bool window)
{
	assert(!notices_open(&world.notices, 200));
	world.share = (struct share){ .max = SHARE_MAX };
	world.disk = disk_new(51712, 1, 100, &world.notices, &world.share, &world.image,
			      world.journal);
	assert(world.disk);
	world.disk->window = window;
}

/* What was begun is done (it has been kicked or not: the kernel decides), and all mappings go. */
static void world_died(void)
{
	world.kill_after = 0;
	for (struct image_io *io = world.first; io; io = io->next)
		world_perform(io);
	world.first = NULL;
	world.last = &world.first;
	for (unsigned int i = 0; i < W_MAPS; i++)
		if (world.maps[i].used) {
			if (!world.maps[i].leaving)
				munmap(world.maps[i].base, world.maps[i].nr * 4096);
			world_unmap(&world.maps[i]);
		}
	memset(world.lingering, 0, sizeof(world.lingering));
	world.disk = NULL;
}

static unsigned int world_mapped(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < W_PAGES; i++)
		n += world.mapped[i];
	return n;
}

/* ---- the frontend ---- */

struct front {
	enum protocol protocol;
	unsigned int page;		/* of the ring, one */
	uint32_t nr, entry;
	uint32_t req_prod, rsp_cons;
};

struct world_head { uint32_t req_prod, req_event, rsp_prod, rsp_event; };

static volatile struct world_head *front_head(const struct front *f)
{
	return (volatile struct world_head *)(world.guest + f->page * 4096);
}

static char *front_entry(const struct front *f, uint32_t index)
{
	return world.guest + f->page * 4096 + 64 + (index & (f->nr - 1)) * f->entry;
}

static void front_init(struct front *f, enum protocol protocol, unsigned int page)
{
	*f = (struct front){ .protocol = protocol, .page = page, .nr = 32,
			     .entry = protocol == PROTOCOL_X86_64 ? 112 : 108 };
	memset(world.guest + page * 4096, 0, 4096);
	front_head(f)->req_event = front_head(f)->rsp_event = 1;
}

static struct journal_connection front_connection(const struct front *f, unsigned int queues)
{
	struct journal_connection c = { .nr_queues = queues, .protocol = f[0].protocol,
					.persistent = 1 };

	for (unsigned int i = 0; i < queues; i++) {
		c.ports[i] = 10 + i;
		c.refs[i][0] = f[i].page;
	}
	return c;
}

/* A request of the frontend's width; @nr segments at @segments, by which others are told apart. */
static void front_put(struct front *f, uint8_t operation, uint64_t id, uint64_t sector,
		      const struct blkif_request_segment *segments, unsigned int nr)
{
	unsigned int base = f->protocol == PROTOCOL_X86_64 ? 8 : 4;
	char *e = front_entry(f, f->req_prod);

	memset(e, 0, f->entry);
	e[0] = (char)operation;
	e[1] = (char)nr;
	memcpy(e + base, &id, 8);
	memcpy(e + base + 8, &sector, 8);
	if (nr && nr <= 11)
		memcpy(e + base + 16, segments, nr * sizeof(*segments));
	f->req_prod++;
}

/* An indirect one: its segments lie in page @page already. */
static void front_put_indirect(struct front *f, uint8_t operation, uint64_t id, uint64_t sector,
			       unsigned int nr, grant_ref_t page)
{
	unsigned int base = f->protocol == PROTOCOL_X86_64 ? 8 : 4;
	char *e = front_entry(f, f->req_prod);
	uint16_t count = (uint16_t)nr;

	memset(e, 0, f->entry);
	e[0] = BLKIF_OP_INDIRECT;
	e[1] = (char)operation;
	memcpy(e + 2, &count, 2);
	memcpy(e + base, &id, 8);
	memcpy(e + base + 8, &sector, 8);
	memcpy(e + base + 20, &page, 4);
	f->req_prod++;
}

static void front_discard(struct front *f, uint64_t id, uint64_t sector, uint64_t sectors,
			  uint8_t flag)
{
	unsigned int base = f->protocol == PROTOCOL_X86_64 ? 8 : 4;
	char *e;

	front_put(f, BLKIF_OP_DISCARD, id, sector, NULL, 0);
	e = front_entry(f, f->req_prod - 1);
	e[1] = (char)flag;
	memcpy(e + base + 16, &sectors, 8);
}

static void front_push(struct front *f)
{
	front_head(f)->req_prod = f->req_prod;
}

struct front_answer {
	uint64_t id;
	uint8_t operation;
	int16_t status;
};

__attribute__((unused))
static bool front_get(struct front *f, struct front_answer *a)
{
	const char *e = front_entry(f, f->rsp_cons);

	if (front_head(f)->rsp_prod == f->rsp_cons)
		return false;
	memcpy(&a->id, e, 8);
	a->operation = (uint8_t)e[8];
	memcpy(&a->status, e + 10, 2);
	f->rsp_cons++;
	return true;
}

/* Everything that can go on goes on. */
__attribute__((unused))
static void world_settle(void)
{
	uint64_t now = 1;
	unsigned int rounds = 0;
	bool more;

	do {
		more = disk_run(world.disk, now);
		while (world_finish(0))
			more = true;
		more |= world_notices(true);
		now += 1000000;
		assert(++rounds < 10000);
	} while (more || world.disk->wake);
}

#endif
