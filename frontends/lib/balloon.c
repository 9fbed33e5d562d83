// SPDX-License-Identifier: MIT
#include "frontends/lib/balloon.h"

#define KIB_PER_FRAME_SHIFT 2

static long reservation(struct balloon *b, unsigned int cmd, xen_pfn_t *list, size_t nr)
{
	struct xen_memory_reservation r = {
		.extent_start = (uintptr_t)list,
		.nr_extents = nr,
		.domid = DOMID_SELF,
	};
	long done = b->fe->ops->memory_op(b->fe->kernel, cmd, &r);

	/* Who says more than was asked is wrong. */
	return done > (long)nr ? -EIO : done;
}

static int shrink(struct balloon *b, size_t want)
{
	xen_pfn_t pfns[BALLOON_BATCH], mfns[BALLOON_BATCH];
	size_t n, i;
	long done;

	if (want > b->room - b->nr_out)
		want = b->room - b->nr_out;
	for (n = 0; n < want; n++) {
		if (b->ops->take(b->fe->kernel, &pfns[n]))
			break;
		mfns[n] = b->ops->mfn(b->fe->kernel, pfns[n]);
		/* Before the frame is somebody else's. */
		b->ops->set_mfn(b->fe->kernel, pfns[n], BALLOON_NO_FRAME);
	}
	if (!n)
		return -ENOMEM;
	done = reservation(b, XENMEM_decrease_reservation, mfns, n);
	for (i = done < 0 ? 0 : (size_t)done; i < n; i++) {
		b->ops->set_mfn(b->fe->kernel, pfns[i], mfns[i]);
		b->ops->give(b->fe->kernel, pfns[i]);
	}
	if (done <= 0)
		return -EIO;
	for (i = 0; i < (size_t)done; i++)
		b->out[b->nr_out++] = pfns[i];
	b->now -= (uint64_t)done;
	return (size_t)done < n ? -EIO : 0;
}

static int grow(struct balloon *b, size_t want)
{
	xen_pfn_t list[BALLOON_BATCH];
	size_t i;
	long done;

	if (want > b->nr_out)
		want = b->nr_out;
	if (!want)
		return -ENOMEM;
	for (i = 0; i < want; i++)
		list[i] = b->out[b->nr_out - 1 - i];
	/* Each page's number in the list gives way to that of its frame. */
	done = reservation(b, XENMEM_populate_physmap, list, want);
	if (done < 0)
		return done == -ENOMEM ? -ENOMEM : -EIO;
	for (i = 0; i < (size_t)done; i++) {
		xen_pfn_t pfn = b->out[--b->nr_out];

		b->ops->set_mfn(b->fe->kernel, pfn, list[i]);
		b->ops->give(b->fe->kernel, pfn);
	}
	b->now += (uint64_t)done;
	return (size_t)done < want ? -ENOMEM : 0;
}

int balloon_step(struct balloon *b)
{
	uint64_t distance = b->target > b->now ? b->target - b->now : b->now - b->target;
	size_t want = distance < BALLOON_BATCH ? (size_t)distance : BALLOON_BATCH;
	int error;

	if (!want)
		return 0;
	error = b->target > b->now ? grow(b, want) : shrink(b, want);
	return error ? error : b->target != b->now;
}

static void target_changed(struct store_watch *w)
{
	struct balloon *b = (struct balloon *)((char *)w - offsetof(struct balloon, watch));
	uint64_t kib;

	if (!store_read_number(b->store, 0, w->path, &kib) && kib)
		b->target = kib >> KIB_PER_FRAME_SHIFT;
}

int balloon_open(struct balloon *b, struct store *s, const struct balloon_ops *ops, uint64_t frames,
		 xen_pfn_t *out, size_t room)
{
	*b = (struct balloon){ .fe = s->fe, .ops = ops, .store = s, .out = out, .room = room,
			       .now = frames, .target = frames };
	b->watch.path = "memory/target";
	b->watch.fired = target_changed;
	return store_watch(s, &b->watch);
}

int balloon_resume(struct balloon *b)
{
	return store_watch(b->store, &b->watch);
}

int balloon_report(struct balloon *b, uint64_t kib)
{
	return store_write_number(b->store, 0, "memory/meminfo", kib);
}
