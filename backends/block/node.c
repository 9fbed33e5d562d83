// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/node.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libhvctl/store/number.h"

/* Returns 0, -ENOENT if there is no such key, or -EINVAL. */
static int read_number(struct xs *store, const char *path, const char *key, uint32_t max,
		       uint32_t *value)
{
	char *text = xs_readf(store, 0, "%s/%s", path, key);
	uint64_t number;
	int error;

	if (!text)
		return -ENOENT;
	error = number_parse(text, max, &number);
	if (!error)
		*value = (uint32_t)number;
	free(text);
	return error;
}

static int read_optional(struct xs *store, const char *path, const char *key, uint32_t max,
			 uint32_t *value)
{
	int error = read_number(store, path, key, max, value);

	return error == -ENOENT ? 0 : error;
}

static const char *read_queue(struct xs *store, const char *path, unsigned int order,
			      bool one_page, uint32_t *refs, uint32_t *port)
{
	if (read_number(store, path, "event-channel", UINT32_MAX, port))
		return "event-channel";
	if (one_page)
		return read_number(store, path, "ring-ref", UINT32_MAX, refs) ? "ring-ref" : NULL;
	for (unsigned int i = 0; i < 1u << order; i++) {
		char key[24];

		snprintf(key, sizeof(key), "ring-ref%u", i);
		if (read_number(store, path, key, UINT32_MAX, &refs[i]))
			return "ring-ref";
	}
	return NULL;
}

const char *node_connection(struct xs *store, const char *path, struct journal_connection *c)
{
	char *protocol_name = xs_readf(store, 0, "%s/protocol", path);
	enum protocol protocol;
	bool one_page;
	const char *wrong = NULL;
	int error;

	memset(c, 0, sizeof(*c));
	c->nr_queues = 1;
	error = protocol_parse(protocol_name, &protocol);
	free(protocol_name);
	if (error)
		return "protocol";
	c->protocol = protocol;
	if (read_optional(store, path, "feature-persistent", 1, &c->persistent))
		return "feature-persistent";
	error = read_number(store, path, "ring-page-order", JOURNAL_ORDER_MAX, &c->ring_order);
	if (error == -EINVAL)
		return "ring-page-order";
	one_page = error == -ENOENT;
	if (read_optional(store, path, "multi-queue-num-queues", JOURNAL_QUEUES, &c->nr_queues) ||
	    !c->nr_queues)
		return "multi-queue-num-queues";
	if (c->nr_queues == 1)
		return read_queue(store, path, c->ring_order, one_page, c->refs[0], &c->ports[0]);
	for (unsigned int i = 0; i < c->nr_queues && !wrong; i++) {
		char queue[160];

		snprintf(queue, sizeof(queue), "%.120s/queue-%u", path, i);
		wrong = read_queue(store, queue, c->ring_order, one_page, c->refs[i], &c->ports[i]);
	}
	return wrong;
}
