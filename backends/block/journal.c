// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/journal.h"

#include <errno.h>
#include <string.h>

#ifdef ANNULUS_UNIT
void journal_step(void);		/* where a test kills us */
#else
#define journal_step()
#endif

/* Stores before it are made before those after it. */
#define order() do { __asm__ volatile("" : : : "memory"); journal_step(); } while (0)

static void set_state(struct journal_entry *e, enum journal_state state, uint32_t index)
{
	*(volatile uint64_t *)&e->state = (uint64_t)index << 32 | state;
}

void journal_begin(struct journal *j, const struct journal_connection *c)
{
	journal_end(j);
	for (unsigned int i = 0; i < JOURNAL_QUEUES; i++) {
		struct journal_queue *q = &j->queues[i];

		q->req_cons = q->rsp_pushed = q->rsp_prepared = 0;
		for (unsigned int k = 0; k < q->extent && k < JOURNAL_ENTRIES; k++)
			set_state(&q->entries[k], JOURNAL_FREE, 0);
	}
	j->connection = *c;
	order();
	*(volatile uint64_t *)&j->magic = JOURNAL_MAGIC;
	order();
}

void journal_end(struct journal *j)
{
	order();
	*(volatile uint64_t *)&j->magic = 0;
	order();
}

bool journal_belongs(const struct journal *j, const struct journal_connection *c)
{
	return j->magic == JOURNAL_MAGIC && !memcmp(&j->connection, c, sizeof(*c));
}

void journal_take(struct journal_queue *q, struct journal_entry *e, const struct request *r,
		  uint32_t index)
{
	if (e >= &q->entries[q->extent])
		*(volatile uint32_t *)&q->extent = (uint32_t)(e - q->entries) + 1;
	order();
	e->req_index = index;
	e->status = 0;
	e->nr_segments = r->nr_segments;
	e->id = r->id;
	e->sector = r->sector;
	e->sectors = r->sectors;
	e->operation = r->operation;
	e->malformed = r->malformed;
	e->secure = r->secure;
	memcpy(e->segments, r->segments, r->nr_segments * sizeof(r->segments[0]));
	order();
	set_state(e, JOURNAL_TAKEN, 0);
	order();
	*(volatile uint32_t *)&q->req_cons = index + 1;
	order();
}

void journal_done(struct journal_entry *e, int status)
{
	e->status = (int16_t)status;
	order();
	set_state(e, JOURNAL_DONE, 0);
	order();
}

void journal_answer(struct journal_queue *q, struct journal_entry *e, int status, uint32_t index)
{
	e->status = (int16_t)status;
	order();
	set_state(e, JOURNAL_ANSWERED, index);
	order();
	*(volatile uint32_t *)&q->rsp_prepared = index + 1;
	order();
}

void journal_pushed(struct journal_queue *q, uint32_t index)
{
	order();
	*(volatile uint32_t *)&q->rsp_pushed = index;
	order();
}

void journal_free(struct journal_entry *e)
{
	order();
	set_state(e, JOURNAL_FREE, 0);
	order();
}

int journal_recover(struct journal_queue *q, uint32_t published, uint32_t nr_ents,
		    struct journal_recovery *out)
{
	uint32_t pushed = q->rsp_pushed, prepared = q->rsp_prepared, taken = q->req_cons;
	uint32_t owed;

	if (nr_ents > JOURNAL_ENTRIES || q->extent > JOURNAL_ENTRIES ||
	    (uint32_t)(prepared - pushed) > nr_ents ||
	    (uint32_t)(taken - prepared) > nr_ents)
		return -EINVAL;
	/* Only between our own two can the frontend's number be true. */
	if ((uint32_t)(published - pushed) > (uint32_t)(prepared - pushed))
		published = pushed;
	owed = taken - published;
	if (owed > nr_ents)
		return -EINVAL;
	out->nr = 0;
	for (unsigned int k = 0; k < q->extent; k++) {
		struct journal_entry *e = &q->entries[k];
		unsigned int at;

		if (journal_state(e) == JOURNAL_FREE)
			continue;
		/*
		 * It was written and not counted: the request is in the ring still, for nothing
		 * was published over it. (A slow one may be older than the ring is long.)
		 */
		if ((int32_t)(e->req_index - taken) >= 0) {
			journal_free(e);
			continue;
		}
		if (journal_state(e) == JOURNAL_ANSWERED &&
		    (int32_t)((uint32_t)(e->state >> 32) - published) < 0) {
			journal_free(e);
			continue;
		}
		if (journal_state(e) > JOURNAL_ANSWERED || e->nr_segments > REQUEST_SEGMENTS ||
		    out->nr == owed)
			return -EINVAL;
		/* Others may get the index that it had. */
		if (journal_state(e) == JOURNAL_ANSWERED)
			set_state(e, JOURNAL_DONE, 0);
		/* In the order in which they were asked for. */
		for (at = out->nr++; at; at--) {
			uint32_t other = q->entries[out->entries[at - 1]].req_index;

			if ((int32_t)(e->req_index - other) > 0)
				break;
			out->entries[at] = out->entries[at - 1];
		}
		out->entries[at] = (uint16_t)k;
	}
	if (out->nr != owed)
		return -EINVAL;
	out->req_cons = taken;
	out->rsp_prod = published;
	/* What was prepared and not published is prepared anew. */
	order();
	*(volatile uint32_t *)&q->rsp_pushed = published;
	order();
	*(volatile uint32_t *)&q->rsp_prepared = published;
	order();
	return 0;
}

void journal_request(const struct journal_entry *e, struct request *r)
{
	r->id = e->id;
	r->sector = e->sector;
	r->sectors = e->sectors;
	r->operation = e->operation;
	r->indirect = false;
	r->malformed = e->malformed;
	r->secure = e->secure;
	r->nr_segments = e->nr_segments;
	r->page = 0;
	memcpy(r->segments, e->segments, e->nr_segments * sizeof(r->segments[0]));
}
