// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Small objects. A slab is one frame: a header, then objects of one size of one allocation class. A
 * slab with all its objects free goes back to the heap at once. Larger objects are whole frames;
 * these are page aligned, which no object of a slab is, and their order is kept in the frame's type
 * word.
 */
#include "lib/latency.h"
#include "lib/list.h"
#include "lib/printk.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "memory/objects.h"

static const u16 sizes[] = {
	16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 672, 800, 1008, 1344, 2016
};

struct slab {
	struct list link;   /* on partial[][] while objects are free */
	void *free;         /* singly linked through the objects */
	u16 used, total;
	u8 size_index, class;
} __aligned(64);

/* Guards all slabs. Interrupts off while it is held. */
GLOBAL_LOCK(slab_lock, "slab lock");
static struct list partial[ALLOC_CLASSES][ARRAY_SIZE(sizes)];

#define LARGE_MARK (0x4cULL << 48) /* frame.type of a large object: mark, class << 8, order */

static struct slab *slab_create(enum alloc_class c, unsigned index)
{
	struct slab *s = page_alloc(c);
	char *p, *end;

	if (!s)
		return NULL;
	/* The class's totals count objects, not slabs. */
	alloc_stats_add(c, -(s64)PAGE_SIZE, -1);
	s->size_index = (u8)index;
	s->class = (u8)c;
	end = (char *)s + PAGE_SIZE;
	for (p = (char *)(s + 1); p + sizes[index] <= end; p += sizes[index]) {
		*(void **)p = s->free;
		s->free = p;
		s->total++;
	}
	list_init(&s->link);
	return s;
}

static void *large_alloc(enum alloc_class c, size_t size)
{
	unsigned order = 0;
	struct frame *f;

	while ((PAGE_SIZE << order) < size)
		if (++order > 18)
			return NULL;
	f = heap_alloc_hv(c, order);
	if (!f)
		return NULL;
	f->type = LARGE_MARK | (u64)c << 8 | order;
	return frame_to_va(f);
}

void *zalloc(enum alloc_class c, size_t size)
{
	struct slab *s, *fresh = NULL;
	struct list *head;
	unsigned i = 0;
	void *p;
	u64 flags;

	if (size > sizes[ARRAY_SIZE(sizes) - 1])
		return large_alloc(c, size);
	while (sizes[i] < size)
		i++;
	head = &partial[c][i];

	flags = global_lock_irqsave(slab_lock);
	if (!head->next)
		list_init(head);
	if (list_empty(head)) {
		global_unlock_irqrestore(slab_lock, flags);
		fresh = slab_create(c, i);
		if (!fresh)
			return NULL;
		flags = global_lock_irqsave(slab_lock);
		list_add(&fresh->link, head);
	}
	s = list_entry(head->next, struct slab, link);
	p = s->free;
	s->free = *(void **)p;
	if (++s->used == s->total)
		list_del(&s->link);
	global_unlock_irqrestore(slab_lock, flags);
	alloc_stats_add(c, sizes[i], 1);
	memset(p, 0, sizes[i]);
	return p;
}

void zfree(void *p)
{
	struct slab *s = (struct slab *)((u64)p & PAGE_MASK);
	bool empty = false;
	enum alloc_class c;
	unsigned i;
	u64 flags;

	if (!p)
		return;
	if (!((u64)p & ~PAGE_MASK)) {
		struct frame *f = mfn_to_frame(va_to_mfn(p));
		u64 t = f->type;

		BUG_ON((t & ~0xffffULL) != LARGE_MARK);
		f->type = FT_NONE;
		heap_free_hv((enum alloc_class)((t >> 8) & 0xff), f, t & 0xff);
		return;
	}
	c = s->class;
	i = s->size_index;
	BUG_ON(c >= ALLOC_CLASSES || i >= ARRAY_SIZE(sizes) || !s->used);
	flags = global_lock_irqsave(slab_lock);
	*(void **)p = s->free;
	s->free = p;
	if (s->used-- == s->total)
		list_add(&s->link, &partial[c][i]);
	if (!s->used) {
		list_del(&s->link);
		empty = true;
	}
	global_unlock_irqrestore(slab_lock, flags);
	alloc_stats_add(c, -(s64)sizes[i], -1);
	if (empty) {
		alloc_stats_add(c, PAGE_SIZE, 1);
		page_free(c, s);
	}
}
