// SPDX-License-Identifier: MIT
#include "frontends/lib/ring.h"

#include "frontends/lib/frontend.h"

#define SLOT_BUSY 0xffffu
#define SLOT_NONE 0xfffeu

int byte_ring_put(struct byte_ring *r, const void *data, uint32_t size)
{
	uint32_t used = r->own - frontend_load(*r->peer_shared), room, at, first;

	if (used > r->size)
		return -EIO;
	/* What the consumer has read is not written to before we saw that it did. */
	xen_mb();
	room = r->size - used;
	if (size > room)
		size = room;
	at = r->own & (r->size - 1);
	first = size < r->size - at ? size : r->size - at;
	__builtin_memcpy(r->data + at, data, first);
	__builtin_memcpy(r->data, (const char *)data + first, size - first);
	r->own += size;
	xen_wmb();
	*(volatile uint32_t *)r->own_shared = r->own;
	return (int)size;
}

int byte_ring_get(struct byte_ring *r, void *data, uint32_t size)
{
	uint32_t used = frontend_load(*r->peer_shared) - r->own, at, first;

	if (used > r->size)
		return -EIO;
	xen_rmb();
	if (size > used)
		size = used;
	at = r->own & (r->size - 1);
	first = size < r->size - at ? size : r->size - at;
	__builtin_memcpy(data, r->data + at, first);
	__builtin_memcpy((char *)data + first, r->data, size - first);
	r->own += size;
	/* The producer may overwrite it once it sees our index. */
	xen_mb();
	*(volatile uint32_t *)r->own_shared = r->own;
	return (int)size;
}

void slots_init(struct slots *s, unsigned int nr)
{
	s->nr = (uint16_t)(nr < SLOTS_MAX ? nr : SLOTS_MAX);
	s->nr_busy = 0;
	s->first_free = 0;
	for (unsigned int i = 0; i < s->nr; i++)
		s->next[i] = (uint16_t)(i + 1 < s->nr ? i + 1 : SLOT_NONE);
}

int slots_take(struct slots *s)
{
	unsigned int id = s->first_free;

	if (s->nr_busy == s->nr)
		return -EAGAIN;
	s->first_free = s->next[id];
	s->next[id] = SLOT_BUSY;
	s->nr_busy++;
	return (int)id;
}

bool slots_busy(const struct slots *s, uint64_t id)
{
	return id < s->nr && s->next[id] == SLOT_BUSY;
}

void slots_free(struct slots *s, unsigned int id)
{
	s->next[id] = s->first_free;
	s->first_free = (uint16_t)id;
	s->nr_busy--;
}

/* The head of a ring is the same for every device. */
struct ring_head {
	RING_IDX req_prod, req_event, rsp_prod, rsp_event;
};
#define RING_HEAD_SIZE 64u

static struct ring_head *head_of(const struct back_ring *r)
{
	return (struct ring_head *)r->page;
}

int back_ring_attach(struct back_ring *r, void *page, uint32_t size, uint32_t entry,
		     RING_IDX req_cons, RING_IDX rsp_prod)
{
	uint32_t nr;

	if (!entry || size < RING_HEAD_SIZE + entry)
		return -EINVAL;
	nr = PV_RING_ROUND_DOWN((size - RING_HEAD_SIZE) / entry);
	if ((RING_IDX)(req_cons - rsp_prod) > nr)
		return -EINVAL;
	*r = (struct back_ring){ .page = page, .nr = nr, .entry = entry, .req_cons = req_cons,
				 .rsp_prod_pvt = rsp_prod };
	return 0;
}

int back_ring_requests(const struct back_ring *r)
{
	RING_IDX published = PV_RING_LOAD(head_of(r)->req_prod);

	/* No more than an entry each for those that are owed and those that wait. */
	if ((RING_IDX)(published - r->rsp_prod_pvt) > r->nr ||
	    (RING_IDX)(published - r->req_cons) > r->nr)
		return -EIO;
	xen_rmb();
	return (int)(published - r->req_cons);
}

void back_ring_copy(const struct back_ring *r, RING_IDX index, void *to, uint32_t size)
{
	const char *from = r->page + RING_HEAD_SIZE + (index & (r->nr - 1)) * r->entry;

	__builtin_memcpy(to, from, size);
	/* Whoever looks at the copy looks at the copy. */
	__asm__ volatile("" : : "r"(to) : "memory");
}

void back_ring_respond(struct back_ring *r, const void *response, uint32_t size)
{
	char *to = r->page + RING_HEAD_SIZE + (r->rsp_prod_pvt & (r->nr - 1)) * r->entry;

	__builtin_memcpy(to, response, size);
	r->rsp_prod_pvt++;
}

bool back_ring_push(struct back_ring *r)
{
	struct ring_head *head = head_of(r);
	RING_IDX before = PV_RING_LOAD(head->rsp_prod), event;

	xen_wmb();
	PV_RING_STORE(head->rsp_prod, r->rsp_prod_pvt);
	xen_mb();
	event = PV_RING_LOAD(head->rsp_event);
	return (RING_IDX)(r->rsp_prod_pvt - event) < (RING_IDX)(r->rsp_prod_pvt - before);
}

RING_IDX back_ring_published(const struct back_ring *r)
{
	return PV_RING_LOAD(head_of(r)->rsp_prod);
}

bool back_ring_sleep(struct back_ring *r)
{
	struct ring_head *head = head_of(r);

	PV_RING_STORE(head->req_event, r->req_cons + 1);
	xen_mb();
	return PV_RING_LOAD(head->req_prod) != r->req_cons;
}
