// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/net/vif.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "libhvctl/store/evtchn.h"

/* How long a port that the process before us had takes to come free, tried once a millisecond. */
#define BIND_TRIES 50

static void let_go(struct net *n, struct vif *v)
{
	if (v->rx_port && v->rx_port != v->tx_port)
		evtchn_unbind(v->evtchn, v->rx_port);
	if (v->tx_port)
		evtchn_unbind(v->evtchn, v->tx_port);
	for (unsigned int i = 0; i < 2; i++)
		if (v->page[i])
			gntdev_unmap(n->gntdev, v->map_index[i], v->page[i], 1);
	v->page[0] = v->page[1] = NULL;
	v->tx_port = v->rx_port = 0;
}

static int map(struct net *n, struct vif *v, unsigned int i, grant_ref_t ref)
{
	int error = gntdev_map(n->gntdev, v->domid, &ref, 1, true, &v->map_index[i], &v->page[i]);

	if (error)
		v->page[i] = NULL;
	return error;
}

/*
 * The kernel closes the ports of a process a moment after all else that it had: who takes over
 * waits for that, and nobody for a port that a frontend has made up.
 */
static int bind_port(struct vif *v, uint32_t remote, bool again, uint32_t *port)
{
	struct timespec ms = { .tv_nsec = 1000000 };
	int got = evtchn_bind(v->evtchn, v->domid, remote);

	for (int tries = 0; again && got < 0 && tries < BIND_TRIES; tries++) {
		nanosleep(&ms, NULL);
		got = evtchn_bind(v->evtchn, v->domid, remote);
	}
	if (got < 0)
		return got;
	*port = (uint32_t)got;
	return 0;
}

int vif_connect(struct net *n, struct vif *v, const struct net_connection *c, bool *again)
{
	unsigned int lost = 0;
	int error;

	if (v->connected)
		return -EINVAL;
	*again = journal_belongs(v->journal, c);
	if (!*again)
		journal_begin(v->journal, c);
	error = map(n, v, 0, c->tx_ref);
	if (!error)
		error = map(n, v, 1, c->rx_ref);
	if (!error)
		error = tx_attach(&v->tx, v->page[0], &v->journal->tx, *again, &lost);
	if (!error)
		error = rx_attach(&v->rx, v->page[1], v->journal, *again);
	if (!error)
		error = bind_port(v, c->tx_port, *again, &v->tx_port);
	if (!error && c->rx_port != c->tx_port)
		error = bind_port(v, c->rx_port, *again, &v->rx_port);
	else
		v->rx_port = v->tx_port;
	if (error) {
		let_go(n, v);
		return error;
	}
	v->flags = c->flags;
	v->connected = true;
	v->broken = NULL;
	v->broken_told = v->tx_masked = v->rx_masked = v->stalled = v->unsound = false;
	v->patience = v->wake = 0;
	limit_set(&v->floods, NET_FLOODS, 0);
	limit_set(&v->events, NET_EVENTS, 0);
	limit_set(&v->waited, NET_WAITED, 0);
	limit_set(&v->waits, NET_WAITED, 0);
	if (*again) {
		v->journal->counts.taken_over++;
		v->journal->counts.lost += lost;
		/* What the one before us may not have told it of. */
		tx_push(&v->tx);
		evtchn_notify(v->evtchn, v->tx_port);
		if (v->rx_port != v->tx_port)
			evtchn_notify(v->evtchn, v->rx_port);
	}
	return 0;
}

void vif_disconnect(struct net *n, struct vif *v)
{
	if (v->connected)
		let_go(n, v);
	v->connected = false;
	v->broken = NULL;
	v->wake = 0;
	journal_end(v->journal);
}

/* ------------------------------------------------------------------------------------------------
 * Events
 */

void vif_port(struct vif *v, uint32_t port)
{
	v->tx_masked |= port == v->tx_port;
	v->rx_masked |= port == v->rx_port && v->rx_port != v->tx_port;
}

void wake_vif(struct vif *v, uint64_t when)
{
	if (!v->wake || when < v->wake)
		v->wake = when;
}

void vif_listen(struct vif *v, uint64_t now)
{
	bool *masked[] = { &v->tx_masked, &v->rx_masked };
	const uint32_t ports[] = { v->tx_port, v->rx_port };

	for (unsigned int i = 0; i < 2 && v->connected && !v->broken; i++) {
		uint64_t wait = *masked[i] ? limit_wait(&v->events, now) : 0;

		if (wait)
			wake_vif(v, now + wait);
		if (!*masked[i] || wait)
			continue;
		limit_spend(&v->events, 1);
		*masked[i] = false;
		evtchn_unmask(v->evtchn, ports[i]);
	}
}
