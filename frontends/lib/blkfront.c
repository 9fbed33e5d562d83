// SPDX-License-Identifier: MIT
#include "frontends/lib/blkfront.h"

#include "frontends/lib/text.h"
#include "pv-abi/io/protocols.h"

static struct blkfront *of(struct xenbus_device *d)
{
	return (struct blkfront *)((char *)d - offsetof(struct blkfront, xenbus));
}

/* Ends the grants of a request; what is still in use is counted. */
static void revoke_all(struct blkfront *b, struct blk_request *r)
{
	const struct frontend *fe = b->xenbus.fe;

	r->stuck = 0;
	for (unsigned int i = 0; i < r->nr_refs; i++)
		if (fe->ops->revoke(fe->kernel, r->refs[i]))
			r->stuck++;
	r->nr_refs = 0;
}

static void finish(struct blkfront *b, unsigned int id, int status)
{
	struct blk_request *r = b->requests[id];

	revoke_all(b, r);
	if (r->indirect >= 0)
		b->indirect[r->indirect].busy = false;
	b->requests[id] = NULL;
	slots_free(&b->slots, id);
	r->status = status;
	if (r->stuck && !status)
		r->status = -EIO;
	r->done(r);
}

static void finish_all(struct blkfront *b)
{
	for (unsigned int id = 0; id < b->slots.nr; id++)
		if (b->requests[id])
			finish(b, id, -EIO);
}

void blkfront_poll(struct blkfront *b)
{
	int waiting, more;

	if (!b->xenbus.running || b->xenbus.broken)
		return;
	do {
		for (waiting = front_ring_responses(&b->ring); waiting > 0; waiting--) {
			struct blkif_response answer;
			int status;

			RING_COPY_RESPONSE(&b->ring, b->ring.rsp_cons, &answer);
			b->ring.rsp_cons++;
			if (!slots_busy(&b->slots, answer.id) ||
			    answer.operation != b->requests[answer.id]->operation) {
				waiting = -1;
				break;
			}
			if (answer.status == BLKIF_RSP_OKAY)
				status = 0;
			else if (answer.status == BLKIF_RSP_EOPNOTSUPP)
				status = -EOPNOTSUPP;
			else
				status = -EIO;
			finish(b, (unsigned int)answer.id, status);
		}
		if (waiting < 0) {
			xenbus_break(&b->xenbus, "disk: impossible answer from the backend");
			return;
		}
		RING_FINAL_CHECK_FOR_RESPONSES(&b->ring, more);
	} while (more);
}

static void event(void *arg)
{
	blkfront_poll(arg);
}

/* What is in the ring for the request's operation; negative: it cannot be asked. */
static int ring_operation(const struct blkfront *b, const struct blk_request *r)
{
	switch (r->op) {
	case BLK_READ:
		return BLKIF_OP_READ;
	case BLK_WRITE:
		return b->readonly ? -EROFS : BLKIF_OP_WRITE;
	case BLK_FLUSH:
		return b->flush ? BLKIF_OP_FLUSH_DISKCACHE : BLKIF_OP_WRITE_BARRIER;
	case BLK_DISCARD:
		if (b->readonly)
			return -EROFS;
		return b->discard ? BLKIF_OP_DISCARD : -EOPNOTSUPP;
	}
	return -EINVAL;
}

/* How many pages the data lie in; negative: the request is wrong. */
static int check(const struct blkfront *b, const struct blk_request *r)
{
	uint32_t unit = b->sector_size / 512;
	uintptr_t start = (uintptr_t)r->buffer;
	uint64_t pages;

	if (r->op == BLK_FLUSH)
		return 0;
	/* The unit is a power of two. */
	if (!r->count || ((r->sector | r->count) & (unit - 1)) || r->sector > b->sectors ||
	    r->count > b->sectors - r->sector)
		return -EINVAL;
	if (r->op == BLK_DISCARD)
		return 0;
	if (start & 511 || r->count > b->max_segments * (FRONTEND_PAGE_SIZE / 512))
		return -EINVAL;
	pages = ((start & (FRONTEND_PAGE_SIZE - 1)) + r->count * 512 + FRONTEND_PAGE_SIZE - 1) /
		FRONTEND_PAGE_SIZE;
	return pages > b->max_segments ? -EINVAL : (int)pages;
}

/* Grants the data, page by page, and says where they are. */
static int fill_segments(struct blkfront *b, struct blk_request *r,
			 struct blkif_request_segment *segments, unsigned int pages)
{
	const struct frontend *fe = b->xenbus.fe;
	char *at = r->buffer;
	uint32_t left = (uint32_t)r->count;

	for (unsigned int i = 0; i < pages; i++) {
		uint32_t first = ((uintptr_t)at & (FRONTEND_PAGE_SIZE - 1)) / 512;
		uint32_t n = FRONTEND_PAGE_SIZE / 512 - first;

		if (n > left)
			n = left;
		if (fe->ops->grant(fe->kernel, b->xenbus.backend_id, at, r->op == BLK_WRITE,
				   &r->refs[i])) {
			revoke_all(b, r);
			return -EAGAIN;
		}
		r->nr_refs++;
		segments[i] = (struct blkif_request_segment){
			.gref = r->refs[i],
			.first_sect = (uint8_t)first,
			.last_sect = (uint8_t)(first + n - 1),
		};
		at += n * 512;
		left -= n;
	}
	return 0;
}

static int free_indirect(struct blkfront *b)
{
	for (unsigned int i = 0; i < b->nr_indirect; i++)
		if (!b->indirect[i].busy)
			return (int)i;
	return -EAGAIN;
}

/*
 * One entry; its layout is not the same for each operation. An answer to an indirect request names
 * the operation that is wrapped in it.
 */
static void fill_entry(struct blkfront *b, struct blk_request *r, unsigned int id,
		       const struct blkif_request_segment *segments, unsigned int pages)
{
	struct blkif_request *e = RING_GET_REQUEST(&b->ring, b->ring.req_prod_pvt);

	if (r->op == BLK_DISCARD) {
		struct blkif_request_discard *discard = (struct blkif_request_discard *)e;

		*discard = (struct blkif_request_discard){ .operation = r->operation,
							   .handle = b->handle, .id = id,
							   .sector_number = r->sector,
							   .nr_sectors = r->count };
	} else if (r->indirect >= 0) {
		struct blkif_request_indirect *indirect = (struct blkif_request_indirect *)e;

		*indirect = (struct blkif_request_indirect){
			.operation = BLKIF_OP_INDIRECT, .indirect_op = r->operation,
			.nr_segments = (uint16_t)pages, .id = id, .sector_number = r->sector,
			.handle = b->handle,
			.indirect_grefs = { b->indirect[r->indirect].ref },
		};
	} else {
		*e = (struct blkif_request){ .operation = r->operation,
					     .nr_segments = (uint8_t)pages,
					     .handle = b->handle, .id = id,
					     .sector_number = r->op == BLK_FLUSH ? 0 : r->sector };
		__builtin_memcpy(e->seg, segments, pages * sizeof(*segments));
	}
	b->ring.req_prod_pvt++;
}

int blkfront_submit(struct blkfront *b, struct blk_request *r)
{
	const struct frontend *fe = b->xenbus.fe;
	struct blkif_request_segment direct[BLKIF_MAX_SEGMENTS_PER_REQUEST], *segments = direct;
	int operation, pages, id, error, notify;

	if (!b->xenbus.running || b->xenbus.broken)
		return -ENODEV;
	operation = ring_operation(b, r);
	if (operation < 0)
		return operation;
	pages = check(b, r);
	if (pages < 0)
		return pages;
	r->nr_refs = 0;
	r->stuck = 0;
	r->indirect = -1;
	r->operation = (uint8_t)operation;
	if (r->op == BLK_FLUSH && !b->flush && !b->barrier) {
		r->status = 0;
		r->done(r);
		return 0;
	}
	if (b->slots.nr_busy == b->slots.nr)
		return -EAGAIN;
	if (pages > (int)BLKIF_MAX_SEGMENTS_PER_REQUEST) {
		int i = free_indirect(b);

		if (i < 0)
			return i;
		r->indirect = (int8_t)i;
		segments = b->indirect[i].page;
	}
	error = fill_segments(b, r, segments, (unsigned int)pages);
	if (error)
		return error;
	/* From here on nothing can fail. There is room: as many slots as entries. */
	if (r->indirect >= 0)
		b->indirect[r->indirect].busy = true;
	id = slots_take(&b->slots);
	b->requests[id] = r;
	fill_entry(b, r, (unsigned int)id, segments, (unsigned int)pages);
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&b->ring, notify);
	if (notify)
		fe->ops->event_send(fe->kernel, b->xenbus.port);
	return 0;
}

unsigned int blkfront_busy(const struct blkfront *b)
{
	return b->slots.nr_busy;
}

static void release(struct xenbus_device *d)
{
	struct blkfront *b = of(d);
	const struct frontend *fe = d->fe;

	finish_all(b);
	xenbus_silence(d);
	xenbus_ring_put(d, &b->shared);
	for (unsigned int i = 0; i < b->nr_indirect; i++)
		if (!fe->ops->revoke(fe->kernel, b->indirect[i].ref))
			fe->ops->pages_put(fe->kernel, b->indirect[i].page, 1);
	b->nr_indirect = 0;
}

static int setup(struct xenbus_device *d)
{
	struct blkfront *b = of(d);
	const struct frontend *fe = d->fe;
	uint64_t order = xenbus_backend_number(d, "max-ring-page-order", 0), indirect;
	unsigned int pages = 1u << (order < BLKFRONT_RING_ORDER_MAX ? order :
								      BLKFRONT_RING_ORDER_MAX);
	int error;

	b->nr_indirect = 0;
	slots_init(&b->slots, 0);
	error = xenbus_ring_get(d, &b->shared, pages);
	if (error)
		goto undo;
	XEN_FRONT_RING_INIT(&b->ring, (struct blkif_sring *)b->shared.page,
			    pages * FRONTEND_PAGE_SIZE);
	slots_init(&b->slots, RING_SIZE(&b->ring));
	/* With fewer pages for segments, or none, requests are smaller or fewer at once. */
	indirect = xenbus_backend_number(d, "feature-max-indirect-segments", 0);
	b->max_segments = BLKIF_MAX_SEGMENTS_PER_REQUEST;
	while (indirect > BLKIF_MAX_SEGMENTS_PER_REQUEST && b->nr_indirect < BLKFRONT_INDIRECT) {
		void *page = fe->ops->pages_get(fe->kernel, 1);

		if (!page)
			break;
		if (fe->ops->grant(fe->kernel, d->backend_id, page, true,
				   &b->indirect[b->nr_indirect].ref)) {
			fe->ops->pages_put(fe->kernel, page, 1);
			break;
		}
		b->indirect[b->nr_indirect].page = page;
		b->indirect[b->nr_indirect++].busy = false;
		b->max_segments = (uint32_t)(indirect < BLKFRONT_SEGMENTS ? indirect :
								     BLKFRONT_SEGMENTS);
	}
	error = xenbus_listen(d, event, b);
	if (!error)
		return 0;
undo:
	release(d);
	return error;
}

static int publish(struct xenbus_device *d, uint32_t tx)
{
	struct blkfront *b = of(d);
	int error;

	/* What a kernel that ran here before us may have left. */
	xenbus_remove(d, tx, "ring-page-order");
	xenbus_remove(d, tx, "multi-queue-num-queues");
	error = xenbus_write_number(d, tx, "feature-persistent", 0);
	if (!error && b->shared.pages == 1) {
		error = xenbus_write_number(d, tx, "ring-ref", b->shared.refs[0]);
	} else {
		unsigned int order = (unsigned int)__builtin_ctz(b->shared.pages);

		for (unsigned int i = 0; !error && i < b->shared.pages; i++) {
			char key[24];
			struct text t = text_in(key);

			text_add(&t, "ring-ref");
			text_add_number(&t, i);
			error = xenbus_write_number(d, tx, key, b->shared.refs[i]);
		}
		if (!error)
			error = xenbus_write_number(d, tx, "ring-page-order", order);
	}
	if (!error)
		error = xenbus_write_number(d, tx, "event-channel", d->port);
	return error ? error : xenbus_write(d, tx, "protocol", XEN_IO_PROTO_ABI_NATIVE);
}

static int start(struct xenbus_device *d)
{
	struct blkfront *b = of(d);
	uint64_t size = xenbus_backend_number(d, "sector-size", 512);

	b->sectors = xenbus_backend_number(d, "sectors", 0);
	if (!b->sectors || size < 512 || size > FRONTEND_PAGE_SIZE || (size & (size - 1)))
		return -EINVAL;
	b->sector_size = (uint32_t)size;
	b->readonly = xenbus_backend_number(d, "info", 0) & VDISK_READONLY;
	b->flush = xenbus_backend_number(d, "feature-flush-cache", 0);
	b->barrier = xenbus_backend_number(d, "feature-barrier", 0);
	b->discard = xenbus_backend_number(d, "feature-discard", 0);
	return 0;
}

/* A disk may become larger in use. One that says it is smaller answers with errors. */
static void changed(struct xenbus_device *d)
{
	struct blkfront *b = of(d);
	uint64_t sectors = xenbus_backend_number(d, "sectors", 0);

	if (sectors > b->sectors)
		b->sectors = sectors;
}

static void stop(struct xenbus_device *d)
{
	/* One that breaks the rules need not be waited for: what it has, it may keep. */
	if (d->broken)
		finish_all(of(d));
}

static const struct xenbus_driver driver = {
	.type = "vbd",
	.published = XenbusStateInitialised,
	.setup = setup,
	.publish = publish,
	.start = start,
	.changed = changed,
	.stop = stop,
	.release = release,
};

int blkfront_open(struct blkfront *b, struct store *s, const char *id)
{
	uint64_t handle;

	if (text_number(id, &handle))
		return -EINVAL;
	b->handle = (blkif_vdev_t)handle;
	return xenbus_open(&b->xenbus, s, &driver, id);
}
