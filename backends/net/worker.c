// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The worker: one thread, one loop. When its channel closes it just ends; where its rings stand is
 * in the journals, for whoever comes next.
 */
#include "backends/net/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "backends/lib/cage.h"
#include "backends/lib/channel.h"
#include "backends/net/orders.h"
#include "backends/net/vif.h"
#include "libhvctl/store/evtchn.h"

struct worker {
	int channel, epoll;
};

static struct worker worker;
static struct net net;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void report(enum report_kind kind, uint32_t domid, uint32_t devid, bool again,
		   const char *what, int error)
{
	struct report r = { .kind = kind, .domid = domid, .devid = devid, .taken_over = again };

	if (what && error)
		snprintf(r.text, sizeof(r.text), "%s: %s", what, strerror(-error));
	else if (what)
		snprintf(r.text, sizeof(r.text), "%s", what);
	/* Whoever does not take this has gone, and we go as well. */
	if (channel_send(worker.channel, &r, sizeof(r), NULL, 0))
		_exit(0);
}

static void failed(const struct net_order *o, const char *what, int error)
{
	report(REPORT_FAILED, o->head.domid, o->head.devid, false, what, error);
}

static int watch(int fd, void *source)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = source };

	return epoll_ctl(worker.epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

/* ------------------------------------------------------------------------------------------------
 * Orders
 */

static struct lan *find_lan(uint32_t number)
{
	struct lan *l = net.lans;

	while (l && l->number != number)
		l = l->next;
	return l;
}

static struct vif *find_vif(uint32_t domid, uint32_t devid)
{
	struct vif *v = net.vifs;

	while (v && (v->domid != domid || v->devid != devid))
		v = v->next;
	return v;
}

static void add_lan(const struct net_order *o, int *tap)
{
	struct lan *l = find_lan(o->lan) ? NULL : calloc(1, sizeof(*l));

	if (!l || *tap < 0)
		_exit(1);
	l->number = o->lan;
	l->tap = *tap;
	l->packets = malloc(NET_ROOM);
	if (!l->packets || watch(l->tap, l))
		_exit(1);
	*tap = -1;
	l->next = net.lans;
	net.lans = l;
}

static void drop_lan(uint32_t number)
{
	struct lan **at = &net.lans, *l = find_lan(number);

	for (struct vif *v = net.vifs; v && l; v = v->next)
		if (v->lan == l)
			l = NULL;
	if (!l)
		return;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	close(l->tap);
	free(l->packets);
	free(l);
}

/* It goes with the mapping: who comes next waits until none of us is left. */
static struct net_journal *open_journal(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct net_journal *j;

	if (fcntl(fd, F_OFD_SETLK, &lock))
		return NULL;
	j = mmap(NULL, sizeof(*j), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return j == MAP_FAILED ? NULL : j;
}

static void attach(const struct net_order *o, int fds[2])
{
	struct vif *v;

	if (fds[0] < 0 || fds[1] < 0 || find_vif(o->head.domid, o->head.devid) ||
	    !find_lan(o->lan) || o->port.nr_ips > SWITCH_IPS) {
		failed(o, "impossible order", 0);
		return;
	}
	v = calloc(1, sizeof(*v));
	if (!v) {
		failed(o, "no memory", 0);
		return;
	}
	v->domid = (domid_t)o->head.domid;
	v->devid = o->head.devid;
	v->lan = find_lan(o->lan);
	v->port = o->port;
	limit_set(&v->bps, o->bps, now_ns());
	v->evtchn = fds[0];
	v->journal = open_journal(fds[1]);
	if (!v->journal || watch(v->evtchn, v)) {
		failed(o, "cannot use the journal", -errno);
		if (v->journal)
			munmap(v->journal, sizeof(*v->journal));
		free(v);
		return;
	}
	fds[0] = -1;
	v->next = net.vifs;
	net.vifs = v;
	report(REPORT_ATTACHED, o->head.domid, o->head.devid, false, NULL, 0);
}

static void detach(struct vif *v)
{
	struct vif **at = &net.vifs;

	vif_disconnect(&net, v);
	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	munmap(v->journal, sizeof(*v->journal));
	close(v->evtchn);
	free(v);
}

static void obey_vif(const struct net_order *o)
{
	struct vif *v = find_vif(o->head.domid, o->head.devid);
	bool again = false;
	int error;

	if (!v) {
		failed(o, "no such interface", 0);
		return;
	}
	switch (o->head.kind) {
	case ORDER_CONNECT:
		error = vif_connect(&net, v, &o->connection, &again);
		if (error)
			failed(o, "cannot connect to the frontend", error);
		else
			report(REPORT_CONNECTED, o->head.domid, o->head.devid, again, NULL, 0);
		break;
	case ORDER_DISCONNECT:
		vif_disconnect(&net, v);
		report(REPORT_DISCONNECTED, o->head.domid, o->head.devid, false, NULL, 0);
		break;
	case ORDER_DETACH:
		detach(v);
		report(REPORT_DETACHED, o->head.domid, o->head.devid, false, NULL, 0);
		break;
	default:
		failed(o, "unknown order", 0);
	}
}

static void obey(const struct net_order *o, int fds[2])
{
	switch (o->head.kind) {
	case ORDER_LAN:
		add_lan(o, &fds[0]);
		break;
	case ORDER_LAN_GONE:
		drop_lan(o->lan);
		break;
	case ORDER_ATTACH:
		attach(o, fds);
		break;
	default:
		obey_vif(o);
	}
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Returns whether the channel is there still. */
static bool take_orders(void)
{
	struct net_order o;
	int fds[2], got;

	while ((got = channel_receive(worker.channel, &o, sizeof(o), fds)) > 0)
		obey(&o, fds);
	return got == 0;
}

/* ------------------------------------------------------------------------------------------------
 * The loop
 */

static void take_events(struct vif *v)
{
	uint32_t ports[8];
	int n = evtchn_take(v->evtchn, ports, sizeof(ports) / sizeof(ports[0]));

	/* Its buffer overflowed or so: who comes next looks at everything. */
	if (n < 0)
		_exit(1);
	for (int i = 0; i < n; i++)
		vif_port(v, ports[i]);
}

static void on_ready(void *source)
{
	for (struct lan *l = net.lans; l; l = l->next)
		if (l == source) {
			l->ready = true;
			return;
		}
	take_events(source);
}

/* Once around everything. Returns milliseconds that the next round has time, -1: no limit. */
static int run(void)
{
	uint64_t now = now_ns(), wake = 0;
	bool more = false;

	for (struct vif *v = net.vifs; v; v = v->next) {
		v->wake = 0;
		vif_listen(v, now);
	}
	for (struct lan *l = net.lans; l; l = l->next)
		if (l->ready) {
			l->ready = lan_receive(&net, l);
			more |= l->ready;
		}
	for (struct vif *v = net.vifs; v; v = v->next) {
		more |= vif_send(&net, v, now);
		if (v->wake && (!wake || v->wake < wake))
			wake = v->wake;
	}
	for (struct vif *v = net.vifs; v; v = v->next)
		if (v->broken && !v->broken_told) {
			v->broken_told = true;
			report(REPORT_FAILED, v->domid, v->devid, false, v->broken, 0);
		}
	if (more)
		return 0;
	if (!wake)
		return -1;
	return wake <= now + 1 ? 0 : (int)((wake - now) / 1000000 + 1);
}

static int loop(void)
{
	struct epoll_event events[32];
	int timeout = -1;

	for (;;) {
		int n = epoll_wait(worker.epoll, events, sizeof(events) / sizeof(events[0]),
				   timeout);

		if (n < 0 && errno != EINTR)
			return 1;
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == &worker.channel) {
				/* An order may take away what has an event here. */
				if (!take_orders())
					return 0;
				break;
			}
			on_ready(events[i].data.ptr);
		}
		timeout = run();
	}
}

static int nothing_more(void *argument)
{
	(void)argument;
	return 0;
}

int worker_main(int channel, domid_t domid, uid_t id)
{
	const char *what = "the descriptors to wait for";
	int error;

	(void)domid;
	worker.channel = channel;
	worker.epoll = epoll_create1(EPOLL_CLOEXEC);
	error = worker.epoll < 0 ? -errno : watch(channel, &worker.channel);
	if (!error) {
		what = "gntdev";
		net.gntdev = gntdev_open();
		error = net.gntdev < 0 ? net.gntdev : 0;
	}
	if (!error)
		error = cage_enter(id, nothing_more, NULL, &what);
	if (error) {
		report(REPORT_FAILED, UINT32_MAX, 0, false, what, error);
		return 1;
	}
	return loop();
}
