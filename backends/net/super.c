// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/net/super.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/lib/backkeys.h"
#include "backends/lib/backstore.h"
#include "backends/lib/backworker.h"
#include "backends/lib/files.h"
#include "backends/lib/super.h"
#include "backends/net/keys.h"
#include "backends/net/orders.h"
#include "backends/net/tap.h"
#include "libhvctl/store/evtchn.h"
#include "libhvctl/store/number.h"

/* Interfaces in all: the worker has a descriptor of each, of the 256 that its cage leaves it. */
#define DEVICES_MAX	200u
/* Their bridges in all, of each of which it has one as well. */
#define BRIDGES_MAX	40u
/* Of a value of the toolstack's, or what is wrong with it. */
#define KEYS_TEXT	256u

/* A bridge that interfaces are on. */
struct bridge {
	struct bridge *next;
	char name[16];
	uint32_t number;
	int tap;
	unsigned int users;
	bool told;		/* the worker that is has it */
};

struct device {
	struct backdev dev;
	struct bridge *bridge;
};

static struct bridge *bridges;
static uint32_t next_bridge;

/* It begins with what is common. */
static struct device *device_of(struct backdev *v)
{
	return (struct device *)v;
}

/* ------------------------------------------------------------------------------------------------
 * Bridges
 */

static void tell(const struct net_order *o, const int *fds, unsigned int nr)
{
	if (super.workers)
		backworker_send(super.workers, &o->head, fds, nr);
}

static void tell_bridge(struct bridge *b)
{
	struct net_order o = { .head.kind = ORDER_LAN, .lan = b->number };

	if (!b->told)
		tell(&o, &b->tap, 1);
	b->told = true;
}

/* Another worker has none of them. */
static void started(struct backworker *w)
{
	(void)w;
	for (struct bridge *b = bridges; b; b = b->next)
		b->told = false;
}

static struct bridge *get_bridge(const char *name, char *text, size_t size)
{
	struct bridge *b = bridges;
	unsigned int nr = 0;
	int tap;

	for (; b && strcmp(b->name, name); b = b->next)
		nr++;
	if (b)
		return b;
	if (nr == BRIDGES_MAX) {
		snprintf(text, size, "there are too many bridges already; use one of those");
		return NULL;
	}
	tap = tap_open(name, text, size);
	if (tap < 0)
		return NULL;
	b = calloc(1, sizeof(*b));
	if (!b) {
		snprintf(text, size, "no memory");
		close(tap);
		return NULL;
	}
	snprintf(b->name, sizeof(b->name), "%s", name);
	b->number = ++next_bridge;
	b->tap = tap;
	b->next = bridges;
	bridges = b;
	return b;
}

static void put_bridge(struct bridge *b)
{
	struct net_order o = { .head.kind = ORDER_LAN_GONE, .lan = b->number };
	struct bridge **at = &bridges;

	if (--b->users)
		return;
	if (b->told)
		tell(&o, NULL, 0);
	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	close(b->tap);
	free(b);
}

static void release(struct backdev *v)
{
	if (device_of(v)->bridge)
		put_bridge(device_of(v)->bridge);
	device_of(v)->bridge = NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Interfaces
 */

/*
 * What the toolstack says about it. 0; -EINVAL: it is not to be served, or -EAGAIN: not now, and
 * @text says why. A filter or a limit that could not be read is not one that is not there.
 */
static int read_order(struct backdev *v, struct net_order *o, char *text, size_t size)
{
	char *mac = back_read(v, "mac"), *ip = back_read(v, "ip"), *bridge = back_read(v, "bridge");
	char *bps = back_read(v, "bps");
	struct bridge *b = device_of(v)->bridge;
	int error = -EINVAL, bad;

	if (xs_unsure(super.store)) {
		snprintf(text, size, "the store does not say what it is");
		error = -EAGAIN;
	} else if (!mac || switch_parse_mac(mac, o->port.mac)) {
		snprintf(text, size, "its mac is not the address of a station; correct 'vif'");
	} else if (ip && (bad = switch_parse_ips(ip, &o->port))) {
		snprintf(text, size, bad == -E2BIG ? "it has more than %u addresses in ip=" :
				     "its ip= is no list of addresses, of %u at most; write "
				     "ip=10.0.0.5",
			 SWITCH_IPS);
	} else if (bps && number_parse(bps, UINT64_MAX, &o->bps)) {
		snprintf(text, size, "its bps is no number of bytes a second");
	} else if (!bridge) {
		snprintf(text, size, "it has no bridge; give 'vif' one");
	} else {
		error = 0;
	}
	if (!error && !b) {
		b = get_bridge(bridge, text, size);
		error = b ? 0 : -EINVAL;
		if (b) {
			b->users++;
			device_of(v)->bridge = b;
		}
	}
	if (!error) {
		tell_bridge(b);
		o->lan = b->number;
	}
	free(mac);
	free(ip);
	free(bridge);
	free(bps);
	return error;
}

static void attach(struct backdev *v)
{
	struct net_order o = { .head.kind = ORDER_ATTACH };
	char text[KEYS_TEXT] = "";
	int fds[2] = { -1, -1 }, error = 0;

	v->state = back_number(v, "state", 0);
	if (xs_unsure(super.store)) {
		v->changed = true;
		return;
	}
	/* A worker of a supervisor before us is still ending. */
	if (backdev_must_wait(v, files_worked(super.options.run, v->domid, v->devid)))
		return;
	fds[1] = files_open(super.options.run, v->domid, v->devid, sizeof(struct net_journal),
			    sizeof(struct net_journal));
	if (fds[1] < 0) {
		error = fds[1];
		snprintf(text, sizeof(text), "cannot make a journal in %.100s: %s",
			 super.options.run, strerror(-error));
	}
	if (!error) {
		/* What the worker has to listen with connects to this domain and nobody else. */
		fds[0] = evtchn_open();
		error = fds[0] < 0 ? fds[0] : evtchn_restrict(fds[0], v->domid);
		if (error < 0)
			snprintf(text, sizeof(text), "no event channels: %s", strerror(-error));
	}
	if (!error)
		error = read_order(v, &o, text, sizeof(text));
	/* One that was served before has a guest that waits: what is wrong may pass. */
	if (!error)
		backdev_give(v, &o.head, fds, 2);
	else if (v->state == XenbusStateConnected || error == -EAGAIN)
		backdev_again(v, PAUSE_MS, text);
	else
		backdev_fail(v, text);
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static bool attached(struct backdev *v, const struct report *r)
{
	(void)r;
	back_write(v, "hotplug-status", "connected");
	return true;
}

static void connect_frontend(struct backdev *v)
{
	struct net_order o = { .head.kind = ORDER_CONNECT };
	const char *wrong = keys_connection(v, &o.connection);

	if (backdev_sound(v, wrong))
		backdev_give(v, &o.head, NULL, 0);
}

static const struct back_pair features[] = {
	{ "feature-sg", "1" }, { "feature-gso-tcpv4", "1" }, { "feature-gso-tcpv6", "1" },
	{ "feature-ipv6-csum-offload", "1" }, { "feature-rx-copy", "1" },
	{ "feature-split-event-channels", "1" }, { "feature-rx-flip", "0" },
};

static const struct backend hvnetd = {
	.name = "hvnetd",
	.what = "vif",
	.back = "hvnet",
	.front = "vif",
	.too_many = "there are too many interfaces already; give it to dom0's kernel",
	.devices_max = DEVICES_MAX,
	.one_worker = true,
	.disconnect_ms = ORDER_MS,
	.reports = { .burst = 2000, .period = 10000 },
	.features = features,
	.nr_features = sizeof(features) / sizeof(features[0]),
	.device_size = sizeof(struct device),
	.worker_size = sizeof(struct backworker),
	.order_size = sizeof(struct net_order),
	.report_size = sizeof(struct report),
	.started = started,
	.attach = attach,
	.attached = attached,
	.connect = connect_frontend,
	.release = release,
};

int super_main(const struct super_options *options)
{
	return super_run(&hvnetd, options);
}
