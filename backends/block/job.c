// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/lib/gntdev.h"

#define PAGE 4096u

/* What is left to do for a job, lowest bit first. */
enum step { FLUSH_BEFORE = 1, DATA = 2, FLUSH_AFTER = 4 };

struct job {
	struct job *next;
	struct disk *disk;
	struct disk_queue *queue;
	uint16_t entry;			/* in the journal */
	unsigned int steps;		/* enum step */
	int status;			/* BLKIF_RSP_* */
	struct request request;
	struct image_io io;
	struct iovec iov[REQUEST_SEGMENTS];
	void *pages[REQUEST_SEGMENTS];
	/* What holds the pages: kept ones, or a window. */
	bool held;
	struct mapping *maps[REQUEST_SEGMENTS];
	struct mapping *window;
	char *bounce;			/* data that the image cannot take from where they are */
};

static void image_done(struct image_io *io, int error);

static struct job *job_get(struct disk_queue *q)
{
	struct disk *d = q->disk;
	struct job *j = d->spare;

	if (j)
		d->spare = j->next;
	else
		j = malloc(sizeof(*j));
	if (!j)
		return NULL;
	j->next = NULL;
	j->disk = d;
	j->queue = q;
	j->steps = 0;
	j->status = BLKIF_RSP_OKAY;
	j->held = false;
	j->window = NULL;
	j->bounce = NULL;
	return j;
}

static void job_put(struct job *j)
{
	j->next = j->disk->spare;
	j->disk->spare = j;
}

void job_drop_spare(struct disk *d)
{
	while (d->spare) {
		struct job *j = d->spare;

		d->spare = j->next;
		free(j);
	}
}

void job_drop_all(struct disk *d)
{
	while (d->ready) {
		struct job *j = d->ready;

		d->ready = j->next;
		free(j);
	}
	d->ready_last = &d->ready;
	d->jobs = 0;
	d->grants.share->working -= d->pages;
	d->pages = 0;
	job_drop_spare(d);
}

/* ------------------------------------------------------------------------------------------------
 * Ends
 */

static void answer(struct job *j)
{
	struct disk *d = j->disk;
	struct disk_queue *q = j->queue;
	char response[16];
	uint32_t size;

	if (j->status != BLKIF_RSP_OKAY)
		d->journal->counts.errors++;
	size = request_response(response, d->protocol, j->request.id, j->request.operation,
				j->status);
	journal_answer(q->journal, &q->journal->entries[j->entry], j->status,
		       q->ring.rsp_prod_pvt);
	back_ring_respond(&q->ring, response, size);
	q->answered[q->nr_answered++] = j->entry;
	d->pages -= j->request.nr_segments;
	d->grants.share->working -= j->request.nr_segments;
	d->jobs--;
	job_put(j);
}

void job_window_gone(struct grants *g, struct mapping *window)
{
	struct job *j = window->jobs;

	(void)g;
	while (j) {
		struct job *next = j->next;

		answer(j);
		j = next;
	}
}

static void copy_back(struct job *j)
{
	const char *from = j->bounce;

	for (unsigned int i = 0; i < j->request.nr_segments; i++) {
		const struct blkif_request_segment *s = &j->request.segments[i];
		size_t size = (s->last_sect - s->first_sect + 1u) * 512;

		memcpy((char *)j->pages[i] + s->first_sect * 512, from, size);
		from += size;
	}
}

/* The image is done with it, or will not begin: the pages go, then the answer. */
static void finish(struct job *j)
{
	if (j->bounce) {
		if (j->request.operation == BLKIF_OP_READ && j->status == BLKIF_RSP_OKAY)
			copy_back(j);
		free(j->bounce);
		j->bounce = NULL;
	}
	if (j->held)
		grants_let_go(j->maps, j->request.nr_segments);
	j->held = false;
	if (j->window) {
		struct mapping *window = j->window;

		/*
		 * It is never done again from here on: others that are may overtake its answer,
		 * which waits for the window.
		 */
		journal_done(&j->queue->journal->entries[j->entry], j->status);
		j->next = window->jobs;
		window->jobs = j;
		if (!--window->users)
			grants_retire(&j->disk->grants, window);
		return;
	}
	answer(j);
}

/* ------------------------------------------------------------------------------------------------
 * The image's part
 */

static void count(struct journal_counts *c, const struct request *r)
{
	switch (r->operation) {
	case BLKIF_OP_READ:
		c->reads++;
		c->bytes_read += r->sectors * 512;
		break;
	case BLKIF_OP_DISCARD:
		c->discards++;
		break;
	default:
		if (!r->nr_segments) {
			c->flushes++;
			break;
		}
		c->writes++;
		c->bytes_written += r->sectors * 512;
	}
}

/* What the image cannot take where it is: parts that are not whole sectors of its own. */
static bool must_bounce(const struct job *j)
{
	uint32_t mask = j->disk->limits.sector_size - 1;

	for (int i = 0; i < j->io.iovcnt; i++)
		if (((uintptr_t)j->iov[i].iov_base | j->iov[i].iov_len) & mask)
			return true;
	return false;
}

static int bounce(struct job *j)
{
	size_t size = (size_t)j->request.sectors * 512;
	char *to;

	if (posix_memalign((void **)&j->bounce, PAGE, (size + PAGE - 1) & ~(size_t)(PAGE - 1))) {
		j->bounce = NULL;
		return -ENOMEM;
	}
	j->disk->journal->counts.bounced++;
	to = j->bounce;
	for (int i = 0; i < j->io.iovcnt && j->request.operation != BLKIF_OP_READ; i++) {
		memcpy(to, j->iov[i].iov_base, j->iov[i].iov_len);
		to += j->iov[i].iov_len;
	}
	j->iov[0] = (struct iovec){ .iov_base = j->bounce, .iov_len = size };
	j->io.iovcnt = 1;
	return 0;
}

/* Where the data are, neighbours in one. */
static int gather(struct job *j)
{
	int n = 0;

	for (unsigned int i = 0; i < j->request.nr_segments; i++) {
		const struct blkif_request_segment *s = &j->request.segments[i];
		char *at = (char *)j->pages[i] + s->first_sect * 512;
		size_t size = (s->last_sect - s->first_sect + 1u) * 512;

		if (n && (char *)j->iov[n - 1].iov_base + j->iov[n - 1].iov_len == at)
			j->iov[n - 1].iov_len += size;
		else
			j->iov[n++] = (struct iovec){ .iov_base = at, .iov_len = size };
	}
	j->io.iov = j->iov;
	j->io.iovcnt = n;
	return must_bounce(j) ? bounce(j) : 0;
}

static void job_over(struct job *j)
{
	struct disk *d = j->disk;

	if (d->barrier == j)
		d->barrier = NULL;
	else
		d->running--;
	finish(j);
}

/* Hands the next step to the image, or ends the job. */
static void go_on(struct job *j)
{
	struct disk *d = j->disk;
	struct image *image = d->image;
	const struct request *r = &j->request;
	unsigned int step = j->steps & -j->steps;
	int error = 0;

	if (!step) {
		job_over(j);
		return;
	}
	j->steps &= ~step;
	j->io.offset = 0;
	j->io.length = 0;
	j->io.iovcnt = 0;
	j->io.fua = false;
	j->io.owner = j;
	j->io.done = image_done;
	if (step != DATA) {
		j->io.op = IMAGE_FLUSH;
	} else {
		j->io.op = r->operation == BLKIF_OP_READ      ? IMAGE_READ
			   : r->operation == BLKIF_OP_DISCARD ? IMAGE_DISCARD
							      : IMAGE_WRITE;
		j->io.offset = r->sector * 512;
		j->io.length = r->sectors * 512;
		j->io.fua = r->operation == BLKIF_OP_WRITE_BARRIER && image->can_fua;
		if (j->io.op != IMAGE_DISCARD)
			error = gather(j);
	}
	if (!error)
		error = image->ops->submit(image, &j->io);
	d->kick = true;
	if (error)
		image_done(&j->io, error);
}

static void image_done(struct image_io *io, int error)
{
	struct job *j = io->owner;

	if (error) {
		j->status = error == -EOPNOTSUPP ? BLKIF_RSP_EOPNOTSUPP : BLKIF_RSP_ERROR;
		j->steps = 0;
	}
	go_on(j);
}

/* ------------------------------------------------------------------------------------------------
 * Beginnings
 */

static unsigned int steps_of(const struct disk *d, const struct request *r)
{
	unsigned int flush = d->image->can_flush;

	switch (r->operation) {
	case BLKIF_OP_FLUSH_DISKCACHE:
		return (flush ? FLUSH_BEFORE : 0) | (r->nr_segments ? DATA : 0);
	case BLKIF_OP_WRITE_BARRIER:
		if (!r->nr_segments)
			return flush ? FLUSH_BEFORE : 0;
		return (flush ? FLUSH_BEFORE : 0) | DATA |
		       (flush && !d->image->can_fua ? FLUSH_AFTER : 0);
	default:
		return DATA;
	}
}

static void put_ready(struct job *j)
{
	struct disk *d = j->disk;

	j->next = NULL;
	*d->ready_last = j;
	d->ready_last = &j->next;
	d->jobs++;
	d->pages += j->request.nr_segments;
	d->grants.share->working += j->request.nr_segments;
}

int job_take(struct disk_queue *q)
{
	struct disk *d = q->disk;
	struct job *j = job_get(q);
	struct request *r;
	char raw[REQUEST_RAW];

	if (!j)
		return -ENOMEM;
	r = &j->request;
	memset(raw, 0, sizeof(raw));
	back_ring_copy(&q->ring, q->ring.req_cons, raw, q->ring.entry);
	request_decode(r, d->protocol, raw);
	if (r->indirect && !r->malformed &&
	    gntdev_copy_in(d->gntdev, d->domid, r->page, r->segments,
			   r->nr_segments * sizeof(r->segments[0]))) {
		r->malformed = true;
		r->nr_segments = 0;
	}
	j->status = request_check(r, &d->limits);
	j->entry = q->free[--q->nr_free];
	journal_take(q->journal, &q->journal->entries[j->entry], r, q->ring.req_cons);
	q->ring.req_cons++;
	limit_spend(&d->iops, 1);
	if (j->status == BLKIF_RSP_OKAY) {
		if (r->nr_segments)
			limit_spend(&d->bps, r->sectors * 512);
		count(&d->journal->counts, r);
	}
	put_ready(j);
	return 0;
}

int job_resume(struct disk_queue *q, uint16_t entry)
{
	const struct journal_entry *e = &q->journal->entries[entry];
	struct disk *d = q->disk;
	struct job *j = job_get(q);

	if (!j)
		return -ENOMEM;
	journal_request(e, &j->request);
	j->entry = entry;
	j->status = request_check(&j->request, &d->limits);
	if (journal_state(e) == JOURNAL_DONE) {
		/* Its I/O is over, and no page of it is mapped by anybody. */
		j->status = e->status;
		j->request.operation = e->operation;
		put_ready(j);
		j->steps = 0;
		j->bounce = NULL;
		j->request.malformed = true;
		return 0;
	}
	d->journal->counts.replayed++;
	put_ready(j);
	return 0;
}

static bool is_barrier(const struct job *j)
{
	return j->request.operation == BLKIF_OP_WRITE_BARRIER && j->status == BLKIF_RSP_OKAY &&
	       !j->request.malformed;
}

/* Whether pages have to be mapped for it. */
static bool has_data(const struct job *j)
{
	return j->status == BLKIF_RSP_OKAY && !j->request.malformed && j->request.nr_segments;
}

static void refs_of(const struct job *j, grant_ref_t *refs)
{
	for (unsigned int i = 0; i < j->request.nr_segments; i++)
		refs[i] = j->request.segments[i].gref;
}

static void begin(struct job *j)
{
	struct disk *d = j->disk;

	if (d->barrier != j)
		d->running++;
	j->steps = j->status == BLKIF_RSP_OKAY && !j->request.malformed ?
			   steps_of(d, &j->request) : 0;
	go_on(j);
}

static void refuse(struct job *j)
{
	j->status = BLKIF_RSP_ERROR;
}

/* One window for the jobs of @list that stand in a row; returns whether it could be mapped. */
static bool map_window(struct disk *d, struct job **list, unsigned int nr)
{
	static grant_ref_t refs[GNTDEV_BATCH];
	bool writable = list[0]->request.operation == BLKIF_OP_READ;
	struct mapping *window;
	unsigned int total = 0;

	for (unsigned int i = 0; i < nr; i++) {
		refs_of(list[i], refs + total);
		total += list[i]->request.nr_segments;
	}
	window = grants_window(&d->grants, refs, total, writable, nr);
	if (!window)
		return false;
	total = 0;
	for (unsigned int i = 0; i < nr; i++) {
		struct job *j = list[i];

		j->window = window;
		for (unsigned int k = 0; k < j->request.nr_segments; k++)
			j->pages[k] = window->base + (size_t)total++ * PAGE;
	}
	return true;
}

/* Pages that stay mapped, or, with too many of those in use, a window. */
static void hold_kept(struct job *j)
{
	grant_ref_t refs[REQUEST_SEGMENTS];
	int error;

	refs_of(j, refs);
	error = grants_keep(&j->disk->grants, refs, j->request.nr_segments, j->pages, j->maps);
	j->held = !error;
	if (error && (error != -ENOSPC || !map_window(j->disk, &j, 1)))
		refuse(j);
}

/*
 * Windows for a list of jobs: one for what is read into and one for what is written from, which may
 * be granted for reading alone. A grant that cannot be mapped spoils a window: then each job gets
 * one of its own, and it is seen whose it was.
 */
static void hold_windows(struct disk *d, struct job *first, const struct job *end)
{
	for (int reading = 0; reading < 2; reading++) {
		struct job *list[GNTDEV_BATCH], *j = first;

		while (j != end) {
			unsigned int nr = 0, pages = 0;

			for (; j != end; j = j->next) {
				if (!has_data(j) ||
				    (j->request.operation == BLKIF_OP_READ) != reading)
					continue;
				if (pages + j->request.nr_segments > GNTDEV_BATCH)
					break;
				pages += j->request.nr_segments;
				list[nr++] = j;
			}
			if (!nr || map_window(d, list, nr))
				continue;
			for (unsigned int i = 0; i < nr; i++)
				if (nr == 1 || !map_window(d, &list[i], 1))
					refuse(list[i]);
		}
	}
}

/* Jobs from @first to before @end, with what they need. */
static void begin_all(struct disk *d, struct job *first, const struct job *end)
{
	if (!d->keep)
		hold_windows(d, first, end);
	while (first != end) {
		struct job *j = first;

		first = j->next;
		if (d->keep && has_data(j))
			hold_kept(j);
		begin(j);
	}
}

void job_begin_ready(struct disk *d)
{
	struct job *first = d->ready, *end = first;

	if (!d->barrier) {
		while (end && !is_barrier(end))
			end = end->next;
		d->ready = end;
		if (end) {
			d->barrier = end;
			d->barrier_begun = false;
			d->ready = end->next;
		}
		if (!d->ready)
			d->ready_last = &d->ready;
		begin_all(d, first, end);
	}
	/* It waits for all that was begun before it. */
	if (d->barrier && !d->barrier_begun && !d->running) {
		d->barrier_begun = true;
		d->barrier->next = NULL;
		begin_all(d, d->barrier, NULL);
	}
}
