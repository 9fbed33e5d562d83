/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A store whose journal is written to memory, and what such a journal says: for its tests. */
#ifndef TESTS_UNIT_STORE_JOURNAL_H
#define TESTS_UNIT_STORE_JOURNAL_H

#include "libhvctl/store/journal.h"
#include "libhvctl/store/replay.h"
#include "store_ring_sim.h"

#define JOURNAL_MAX	(1u << 20)

/* The file. */
struct memory_file {
	size_t length, torn;		/* torn: bytes that were written of a record, behind it */
	uint32_t number;
	_Alignas(8) char data[JOURNAL_MAX];
};

static struct memory_file *file;
static struct journal record;

static void memory_commit(void *context)
{
	size_t length;

	(void)context;
	length = journal_seal(&record, file->number);
	if (!length)
		return;
	CU_ASSERT_FATAL(file->length + length <= sizeof(file->data));
	memcpy(file->data + file->length, record.data, length);
	file->length += length;
	file->number++;
	journal_empty(&record);
}

/* Begin a file with all there is: the store, and these connections. */
static inline void memory_begin(struct store *of, struct ring_connection **ring, unsigned int count)
{
	journal_head((struct journal_head *)file->data, "boot");
	file->length = sizeof(struct journal_head);
	file->number = 0;
	journal_empty(&record);
	of->journal = &record;
	journal_store(of);
	for (unsigned int i = 0; i < count; i++)
		if (ring[i]->connection.client)
			journal_connection(ring[i]->connection.client,
					   ring[i]->connection.inbox.data,
					   ring[i]->connection.inbox.have);
	memory_commit(NULL);
}

/* ------------------------------------------------------------------------------------------------
 * What a store is, as entries of a journal: sorted, since the order of most says nothing
 */

struct image {
	size_t count;
	char *entry[4096];
	char *data;
	char *output;		/* all messages that wait, in their order, by domain */
	size_t output_length;
};

static int compare_entries(const void *a, const void *b)
{
	const char *one = *(char *const *)a, *two = *(char *const *)b;
	struct entry_head head[2];
	size_t length;
	int order;

	memcpy(&head[0], one, sizeof(head[0]));
	memcpy(&head[1], two, sizeof(head[1]));
	length = sizeof(head[0]) + (head[0].length < head[1].length ? head[0].length :
								      head[1].length);
	order = memcmp(one, two, length);
	return order ? order : (int)head[0].length - (int)head[1].length;
}

static inline void image_make(struct image *image, struct store *of)
{
	struct journal *before = of->journal, whole = { 0 };
	size_t at = sizeof(struct record_head);
	uint64_t last_gen = of->last_gen;
	struct entry_head head;

	journal_empty(&whole);
	of->journal = &whole;
	/* What transactions use up that come to nothing is not written down. */
	of->last_gen = of->live.gen;
	journal_store(of);
	of->last_gen = last_gen;
	memset(image, 0, sizeof(*image));
	for (unsigned int domid = 0; domid < 16; domid++) {
		for (struct client *c = of->clients; c; c = c->next) {
			if (c->domid != domid || !c->lasting)
				continue;
			for (const struct watch *w = c->watches; w; w = w->next)
				journal_watch(c, w);
			transaction_each(c, journal_begin);
			for (const struct message *m = c->out_first; m; m = m->next) {
				size_t skip = m == c->out_first ? c->out_sent : 0;

				image->output = realloc(image->output, image->output_length +
							m->length);
				memcpy(image->output + image->output_length, m->data + skip,
				       m->length - skip);
				image->output_length += m->length - skip;
			}
		}
	}
	of->journal = before;
	CU_ASSERT_FALSE_FATAL(whole.failed);
	image->data = whole.data;
	while (at < whole.used) {
		CU_ASSERT_FATAL(image->count < sizeof(image->entry) / sizeof(image->entry[0]));
		image->entry[image->count++] = whole.data + at;
		memcpy(&head, whole.data + at, sizeof(head));
		at += sizeof(head) + head.length;
	}
	qsort(image->entry, image->count, sizeof(image->entry[0]), compare_entries);
}

static inline void image_free(struct image *image)
{
	free(image->data);
	free(image->output);
}

static inline bool image_same(const struct image *a, const struct image *b)
{
	if (a->count != b->count || a->output_length != b->output_length ||
	    (a->output_length && memcmp(a->output, b->output, a->output_length)))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (compare_entries(&a->entry[i], &b->entry[i]))
			return false;
	return true;
}

/* ------------------------------------------------------------------------------------------------
 * Another daemon
 */

/* A store like the one before, from @length bytes of the file. */
static inline enum replay_result replay_file(struct store **made, const char *data, size_t length,
					     struct replayed *result)
{
	uint32_t version;

	*made = store_new(&fake_host, NULL);
	return replay(*made, data, length, "boot", result, &version);
}

static inline void replay_end(struct store *made, struct replayed *result)
{
	replay_free(result);
	while (made->clients)
		client_free(made->clients);
	store_free(made);
}

#endif
