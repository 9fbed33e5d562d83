// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/net/journal.h"

#include <string.h>

void journal_begin(struct net_journal *j, const struct net_connection *c)
{
	j->magic = 0;
	journal_order();
	j->connection = *c;
	j->tx = j->rx = (struct journal_marks){ 0 };
	/* An index that this place never has. */
	for (uint32_t i = 0; i < JOURNAL_RING; i++)
		j->buffers[i] = (struct journal_buffer){ .index = i + 1 };
	journal_order();
	j->magic = NET_JOURNAL_MAGIC;
}

void journal_end(struct net_journal *j)
{
	j->magic = 0;
	journal_order();
}

bool journal_belongs(const struct net_journal *j, const struct net_connection *c)
{
	return j->magic == NET_JOURNAL_MAGIC && c->nonce &&
	       !memcmp(&j->connection, c, sizeof(*c));
}

uint32_t journal_published(const struct journal_marks *m, uint32_t claimed)
{
	return claimed - m->pushed <= m->prepared - m->pushed ? claimed : m->pushed;
}
