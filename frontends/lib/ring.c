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
