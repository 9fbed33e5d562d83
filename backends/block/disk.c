// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "backends/lib/gntdev.h"
#include "backends/block/job.h"
#include "libhvctl/store/evtchn.h"

#define PAGE 4096u

/* How long a port that the worker before us had takes to come free, tried once a millisecond. */
#define BIND_TRIES 2000

struct disk *disk_new(uint32_t devid, domid_t domid, int gntdev, struct notices *notices,
		      struct share *share, struct image *image, struct journal *journal)
{
	struct disk *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->devid = devid;
	d->domid = domid;
	d->gntdev = gntdev;
	d->evtchn = notices->evtchn;
	d->image = image;
	d->journal = journal;
	d->ready_last = &d->ready;
	limit_set(&d->events, DISK_EVENTS, 0);
	d->limits = (struct request_limits){
		.sectors = image->size / 512,
		.sector_size = image->sector_size,
		.readonly = image->readonly,
		.flush = true,
		.barrier = true,
		.discard = image->can_discard,
	};
	grants_init(&d->grants, gntdev, domid, notices, share, job_window_gone);
	return d;
}

void disk_resized(struct disk *d)
{
	d->limits.sectors = d->image->size / 512;
}

/* ------------------------------------------------------------------------------------------------
 * Connecting
 */

static void queue_close(struct disk_queue *q)
{
	if (q->port)
		evtchn_unbind(q->disk->evtchn, q->port);
	if (q->page)
		gntdev_unmap(q->disk->gntdev, q->map_index, q->page, q->nr_pages);
	q->port = 0;
	q->page = NULL;
}

/* The kernel closes the ports of a process a moment after all else that it had. */
static int bind_port(struct disk *d, uint32_t remote)
{
	struct timespec ms = { .tv_nsec = 1000000 };
	int port = evtchn_bind(d->evtchn, d->domid, remote);

	for (int tries = 0; port < 0 && tries < BIND_TRIES; tries++) {
		nanosleep(&ms, NULL);
		port = evtchn_bind(d->evtchn, d->domid, remote);
	}
	return port;
}

/* What the journal says is owed: answered at once if the result is known, else done (again). */
static int take_over(struct disk_queue *q, uint32_t size)
{
	struct disk *d = q->disk;
	struct journal_recovery *r = malloc(sizeof(*r));
	bool used[JOURNAL_ENTRIES] = { false };
	struct back_ring probe;
	int error;

	if (!r)
		return -ENOMEM;
	error = back_ring_attach(&probe, q->page, size, protocol_entry(d->protocol), 0, 0);
	if (!error)
		error = journal_recover(q->journal, back_ring_published(&probe), probe.nr, r);
	if (!error)
		error = back_ring_attach(&q->ring, q->page, size, protocol_entry(d->protocol),
					 r->req_cons, r->rsp_prod);
	for (unsigned int i = 0; !error && i < r->nr; i++) {
		used[r->entries[i]] = true;
		error = job_resume(q, r->entries[i]);
	}
	for (unsigned int i = q->ring.nr; i-- > 0 && !error;)
		if (!used[i])
			q->free[q->nr_free++] = (uint16_t)i;
	free(r);
	return error;
}

static int queue_open(struct disk_queue *q, const struct journal_connection *c, bool again)
{
	struct disk *d = q->disk;
	uint32_t pages = 1u << c->ring_order;
	int error, port;

	q->nr_pages = pages;
	error = gntdev_map(d->gntdev, d->domid, c->refs[q->number], pages, true, &q->map_index,
			   &q->page);
	if (error) {
		q->page = NULL;
		return error;
	}
	if (again) {
		error = take_over(q, pages * PAGE);
	} else {
		error = back_ring_attach(&q->ring, q->page, pages * PAGE,
					 protocol_entry(d->protocol), 0, 0);
		for (unsigned int i = q->ring.nr; i-- > 0 && !error;)
			q->free[q->nr_free++] = (uint16_t)i;
	}
	if (error)
		return error;
	port = bind_port(d, c->ports[q->number]);
	if (port < 0)
		return port;
	q->port = (uint32_t)port;
	return 0;
}

int disk_connect(struct disk *d, const struct journal_connection *c, bool *taken_over)
{
	int error = 0;

	if (d->connected || !c->nr_queues || c->nr_queues > JOURNAL_QUEUES ||
	    c->ring_order > JOURNAL_ORDER_MAX || c->protocol > PROTOCOL_X86_32)
		return -EINVAL;
	*taken_over = journal_belongs(d->journal, c);
	if (!*taken_over)
		journal_begin(d->journal, c);
	d->protocol = (enum protocol)c->protocol;
	d->keep = c->persistent && !d->window;
	d->nr_queues = c->nr_queues;
	d->closing = false;
	d->broken = NULL;
	d->broken_told = false;
	for (unsigned int i = 0; i < c->nr_queues && !error; i++) {
		struct disk_queue *q = &d->queues[i];

		*q = (struct disk_queue){ .disk = d, .number = i,
					  .journal = &d->journal->queues[i] };
		error = queue_open(q, c, *taken_over);
	}
	if (error) {
		for (unsigned int i = 0; i < c->nr_queues; i++)
			if (d->queues[i].disk)
				queue_close(&d->queues[i]);
		job_drop_all(d);
		d->nr_queues = 0;
		return error;
	}
	d->connected = true;
	if (*taken_over) {
		d->journal->counts.taken_over++;
		/* An event that the worker before us took, and one that it did not send. */
		for (unsigned int i = 0; i < d->nr_queues; i++)
			evtchn_notify(d->evtchn, d->queues[i].port);
	}
	return 0;
}

void disk_disconnect(struct disk *d)
{
	d->closing = true;
}

bool disk_idle(const struct disk *d)
{
	return !d->jobs && !d->grants.leaving;
}

void disk_released(struct disk *d)
{
	if (!d->connected)
		return;
	grants_forget(&d->grants);
	for (unsigned int i = 0; i < d->nr_queues; i++)
		queue_close(&d->queues[i]);
	d->nr_queues = 0;
	d->connected = false;
	d->closing = false;
	d->broken = NULL;
	job_drop_spare(d);
	journal_end(d->journal);
}

void disk_free(struct disk *d)
{
	d->image->ops->close(d->image);
	munmap(d->journal, sizeof(*d->journal));
	free(d);
}

/* ------------------------------------------------------------------------------------------------
 * Running
 */

bool disk_port(struct disk *d, uint32_t port)
{
	for (unsigned int i = 0; i < d->nr_queues; i++)
		if (d->queues[i].port == port) {
			d->queues[i].masked = true;
			return true;
		}
	return false;
}

static void wake_after(struct disk *d, uint64_t now, uint64_t wait)
{
	if (!d->wake || now + wait < d->wake)
		d->wake = now + wait;
}

/* Ports may have their next event, as far as there is budget; those that have to wait stay shut. */
static void listen(struct disk *d, uint64_t now)
{
	for (unsigned int i = 0; i < d->nr_queues; i++) {
		struct disk_queue *q = &d->queues[i];
		uint64_t wait = q->masked ? limit_wait(&d->events, now) : 0;

		if (wait)
			wake_after(d, now, wait);
		if (!q->masked || wait)
			continue;
		limit_spend(&d->events, 1);
		q->masked = false;
		evtchn_unmask(d->evtchn, q->port);
	}
}

/* Whether one more request may be taken now. */
static bool may_take(struct disk *d, const struct disk_queue *q, uint64_t now)
{
	struct share *share = d->grants.share;
	uint64_t wait;

	if (d->closing || d->broken || d->barrier || !q->nr_free || d->pages >= DISK_PAGES_MAX)
		return false;
	if (share_full(share)) {
		share->refused = true;
		return false;
	}
	wait = limit_wait(&d->iops, now);
	if (!wait)
		wait = limit_wait(&d->bps, now);
	if (wait) {
		wake_after(d, now, wait);
		d->journal->counts.throttled++;
		return false;
	}
	return true;
}

static void take(struct disk_queue *q, uint64_t now)
{
	struct disk *d = q->disk;
	int waiting = back_ring_requests(&q->ring);

	if (waiting < 0) {
		d->broken = "the frontend's request index is impossible";
		return;
	}
	while (waiting-- > 0 && may_take(d, q, now))
		if (job_take(q))
			return;
}

static void publish(struct disk_queue *q)
{
	bool notify;

	if (!q->nr_answered)
		return;
	notify = back_ring_push(&q->ring);
	journal_pushed(q->journal, q->ring.rsp_prod_pvt);
	while (q->nr_answered) {
		uint16_t entry = q->answered[--q->nr_answered];

		journal_free(&q->journal->entries[entry]);
		q->free[q->nr_free++] = entry;
	}
	if (notify)
		evtchn_notify(q->disk->evtchn, q->port);
}

bool disk_run(struct disk *d, uint64_t now)
{
	bool more = false;

	d->wake = d->age = 0;
	if (!d->connected)
		return false;
	d->age = grants_age(&d->grants, now);
	/* First: what comes after we have looked has an event of its own. */
	listen(d, now);
	for (unsigned int i = 0; i < d->nr_queues; i++)
		take(&d->queues[i], now);
	job_begin_ready(d);
	if (d->kick) {
		d->kick = false;
		d->image->ops->kick(d->image);
	}
	grants_run(&d->grants);
	d->journal->counts.maps = d->grants.maps;
	d->journal->counts.unmaps = d->grants.unmaps;
	d->journal->counts.mapped_pages = d->grants.pages;
	for (unsigned int i = 0; i < d->nr_queues; i++) {
		struct disk_queue *q = &d->queues[i];

		publish(q);
		/* What stays in the ring by our will is looked at when that changes. */
		if (back_ring_sleep(&q->ring) && may_take(d, q, now))
			more = true;
	}
	if (d->ready && !d->barrier)
		more = true;
	return more;
}
