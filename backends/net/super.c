// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/net/super.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backends/lib/channel.h"
#include "backends/lib/files.h"
#include "backends/lib/process.h"
#include "backends/net/keys.h"
#include "backends/net/orders.h"
#include "backends/net/tap.h"
#include "libhvctl/store/daemon.h"
#include "libhvctl/store/evtchn.h"
#include "libhvctl/store/log.h"
#include "libhvctl/store/number.h"

/* Interfaces in all: the worker has a descriptor of each, of the 256 that its cage leaves it. */
#define DEVICES_MAX	200u
/* Their bridges in all, of each of which it has one as well. */
#define BRIDGES_MAX	40u
#define STORE_RETRY_MS	1000
/* Of the store, taken in one turn. */
#define EVENTS_MAX	1024u
/* Until those who have to wait for a look are asked for again, or what cannot be just now is. */
#define NEWS_MS		50
#define RETRY_MS	200
/* A worker that dies younger than this is not started again at once. */
#define YOUNG_MS	1000
#define PAUSE_MS	200
#define ORDER_MS	60000u		/* that the worker has for an order */

static void look(struct device *v);

/* ------------------------------------------------------------------------------------------------
 * The worker
 */

static int watch_fd(int fd, void *source)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = source };

	return epoll_ctl(super.epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static void send_order(const struct net_order *o, const int *fds, unsigned int nr)
{
	/* One that is dead, or takes nothing, is followed by one that is given everything anew. */
	if (super.pid && channel_send(super.channel, o, sizeof(*o), fds, nr))
		kill(super.pid, SIGKILL);
}

static void give(struct device *v, struct net_order *o, const int *fds, unsigned int nr)
{
	o->domid = v->domid;
	o->devid = v->devid;
	v->deadline = daemon_now() + ORDER_MS;
	send_order(o, fds, nr);
}

static void give_kind(struct device *v, enum net_order_kind kind)
{
	struct net_order o = { .kind = kind };

	give(v, &o, NULL, 0);
}

static void tell_bridge(struct bridge *b)
{
	struct net_order o = { .kind = ORDER_LAN, .lan = b->number };

	if (!b->told)
		send_order(&o, &b->tap, 1);
	b->told = true;
}

static int start_worker(void)
{
	struct process process;
	int error = process_start(0, super.options.uid, &process);

	if (!error)
		error = watch_fd(process.pidfd, &super.pidfd);
	if (!error)
		error = watch_fd(process.channel, &super.channel);
	if (error) {
		process_drop(&process);
		return error;
	}
	super.pid = process.pid;
	super.pidfd = process.pidfd;
	super.channel = process.channel;
	super.started = daemon_now();
	/* The one before it may have used all of it up. */
	super.reports = (struct budget){ 0 };
	for (struct bridge *b = super.bridges; b; b = b->next)
		b->told = false;
	for (struct device *v = super.devices; v; v = v->next)
		v->changed = true;
	return 0;
}

/* Its mappings and ports are gone when this can be called. */
static void worker_ended(void)
{
	uint64_t now = daemon_now();
	int status = 0;

	if (waitpid(super.pid, &status, WNOHANG) != super.pid)
		return;
	close(super.pidfd);
	close(super.channel);
	super.pidfd = super.channel = -1;
	super.pid = 0;
	if (super.devices)
		log_line("the worker ended (%s %d) and is started again",
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	super.not_before = now - super.started < YOUNG_MS ? now + PAUSE_MS : now;
	for (struct device *v = super.devices; v; v = v->next)
		if (v->phase != PHASE_OVER)
			v->phase = v->phase == PHASE_DETACHING ? PHASE_OVER : PHASE_NEW;
}

/* ------------------------------------------------------------------------------------------------
 * Interfaces
 */

static struct device *find_device(domid_t domid, uint32_t devid)
{
	struct device *v = super.devices;

	while (v && (v->domid != domid || v->devid != devid))
		v = v->next;
	return v;
}

static struct bridge *get_bridge(const char *name, char *text, size_t size)
{
	struct bridge *b = super.bridges;
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
	b->number = ++super.next_bridge;
	b->tap = tap;
	b->next = super.bridges;
	super.bridges = b;
	return b;
}

static void put_bridge(struct bridge *b)
{
	struct net_order o = { .kind = ORDER_LAN_GONE, .lan = b->number };
	struct bridge **at = &super.bridges;

	if (--b->users)
		return;
	if (b->told)
		send_order(&o, NULL, 0);
	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	close(b->tap);
	free(b);
}

/*
 * What the toolstack says about it. 0; -EINVAL: it is not to be served, or -EAGAIN: not now, and
 * @text says why. A filter or a limit that could not be read is not one that is not there.
 */
static int read_order(struct device *v, struct net_order *o, char *text, size_t size)
{
	char *mac = back_read(v, "mac"), *ip = back_read(v, "ip"), *bridge = back_read(v, "bridge");
	char *bps = back_read(v, "bps");
	struct bridge *b = v->bridge;
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
			v->bridge = b;
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

static void attach(struct device *v)
{
	struct net_order o = { .kind = ORDER_ATTACH };
	char text[KEYS_TEXT] = "";
	int fds[2] = { -1, -1 }, error = 0;

	v->retry_at = 0;
	v->state = back_number(v, "state", 0);
	if (xs_unsure(super.store)) {
		v->changed = true;
		return;
	}
	fds[1] = files_open(super.options.run, v->domid, v->devid, sizeof(struct net_journal),
			    sizeof(struct net_journal));
	if (fds[1] < 0) {
		error = fds[1];
		snprintf(text, sizeof(text), "cannot make a journal in %.100s: %s",
			 super.options.run, strerror(-error));
	} else if (files_busy(fds[1])) {
		/* A worker of a supervisor before us is still ending. */
		v->retry_at = daemon_now() + NEWS_MS;
		goto out;
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
	if (!error) {
		v->phase = PHASE_ATTACHING;
		give(v, &o, fds, 2);
	} else if (v->state == XenbusStateConnected || error == -EAGAIN) {
		/* It was served before, and a guest waits: what is wrong may pass. */
		say(v, "%s; will try again", text);
		v->retry_at = daemon_now() + RETRY_MS;
	} else {
		fail(v, text);
		v->phase = PHASE_OVER;
	}
out:
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* No connection comes of what the frontend wants; it may close, and want something else. */
static void refuse(struct device *v, const char *text)
{
	say(v, "%s", text);
	back_write(v, "hotplug-error", "%s", text);
	set_state(v, XenbusStateClosing);
	v->closing = true;
}

/* Whether it may have that once more; if not it waits, and what else it wants meanwhile is seen. */
static bool may(struct device *v, struct budget *b)
{
	static const struct budget_rate rate = { .burst = 20, .period = 60000 };
	bool may = budget_take(b, &rate, 1, daemon_now());

	v->changed |= !may;
	return may;
}

static void connect_frontend(struct device *v)
{
	struct net_order o = { .kind = ORDER_CONNECT };
	const char *wrong;
	char text[128];

	/* That a worker ended is not the frontend's doing. */
	if (!v->takes_over && !may(v, &v->connects))
		return;
	wrong = keys_connection(v, &o.connection);
	if (xs_unsure(super.store)) {
		v->changed = true;
		return;
	}
	v->takes_over = false;
	if (wrong) {
		snprintf(text, sizeof(text), "the frontend's %s makes no sense", wrong);
		refuse(v, text);
		return;
	}
	v->phase = PHASE_CONNECTING;
	give(v, &o, NULL, 0);
}

static void disconnect(struct device *v)
{
	v->phase = PHASE_DISCONNECTING;
	give_kind(v, ORDER_DISCONNECT);
}

static void forget(struct device *v)
{
	struct device **at = &super.devices;
	char path[96];

	front_path(v, path, sizeof(path));
	strcat(path, "/state");
	xs_unwatch(super.store, path, "front");
	files_drop(super.options.run, v->domid, v->devid);
	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	super.nr_devices--;
	free(v);
}

/* Whether nobody is there who could know of a connection that the journal has. */
static bool frontend_left(const struct device *v, enum xenbus_state front)
{
	if (v->was_closed)
		return false;
	if (front == XenbusStateClosing || front == XenbusStateClosed)
		return true;
	return (front == XenbusStateUnknown || front == XenbusStateInitialising) &&
	       v->state == XenbusStateConnected;
}

static void look_waiting(struct device *v, enum xenbus_state front)
{
	if (v->closing) {
		if (front == XenbusStateClosed || front == XenbusStateUnknown) {
			v->closing = false;
			v->was_closed = true;
			set_state(v, XenbusStateClosed);
		}
	} else if (frontend_left(v, front)) {
		disconnect(v);
	} else if (front == XenbusStateInitialising && v->was_closed) {
		if (!may(v, &v->offers))
			return;
		v->was_closed = !offer(v);
		v->changed |= v->was_closed;
	} else if (front == XenbusStateInitialised || front == XenbusStateConnected) {
		connect_frontend(v);
	}
}

/* Whoever removes it waits for no more than that: the entries may be gone now. */
static void look_over(struct device *v, bool there)
{
	char *status = there ? back_read(v, "hotplug-status") : NULL;
	bool told = status && strcmp(status, "connected");

	free(status);
	if (v->bridge)
		put_bridge(v->bridge);
	v->bridge = NULL;
	if (there && !told) {
		set_state(v, XenbusStateClosed);
		back_write(v, "hotplug-status", "disconnected");
	}
	if (!there)
		forget(v);
}

/* What the store says now, and what follows for an interface. */
static void look(struct device *v)
{
	bool there, goes, unsure;
	enum xenbus_state front;

	if (!super.store)
		return;
	xs_unsure(super.store);
	there = back_there(v);
	goes = !there || !back_number(v, "online", 0);
	front = front_state(v);
	unsure = xs_unsure(super.store);
	super.asked = true;
	if (!super.pid || xs_lost(super.store))
		return;
	/* Nothing follows from what could not be read, nor while a state is not written. */
	if (unsure || (v->owed && !set_state(v, v->owed))) {
		v->changed = true;
		return;
	}
	switch (v->phase) {
	case PHASE_NEW:
		if (goes)
			v->phase = PHASE_OVER;
		else
			attach(v);
		break;
	case PHASE_WAITING:
		if (goes) {
			v->phase = PHASE_DETACHING;
			give_kind(v, ORDER_DETACH);
		} else {
			look_waiting(v, front);
		}
		break;
	case PHASE_CONNECTED:
		if (goes || front == XenbusStateClosing || front == XenbusStateClosed ||
		    front == XenbusStateUnknown)
			disconnect(v);
		break;
	default:
		break;
	}
	if (v->phase == PHASE_OVER && goes)
		look_over(v, there);
}

static void add_device(domid_t domid, uint32_t devid)
{
	struct device *v = calloc(1, sizeof(*v));
	char path[96];

	if (!v)
		return;
	v->domid = domid;
	v->devid = devid;
	/* One that is being removed already is nothing to begin with. */
	if (!back_there(v)) {
		free(v);
		return;
	}
	if (super.nr_devices == DEVICES_MAX) {
		fail(v, "there are too many interfaces already; give it to dom0's kernel");
		free(v);
		return;
	}
	v->next = super.devices;
	super.devices = v;
	super.nr_devices++;
	v->changed = true;
	front_path(v, path, sizeof(path));
	strcat(path, "/state");
	xs_watch(super.store, path, "front");
}

/* ------------------------------------------------------------------------------------------------
 * Reports
 */

static void attached(struct device *v)
{
	enum xenbus_state state = v->state;
	bool offered = true;

	back_write(v, "hotplug-status", "connected");
	/* One that was connected stays so for its frontend, which has not noticed anything. */
	if (state < XenbusStateInitWait)
		offered = offer(v);
	v->takes_over = state == XenbusStateConnected;
	v->was_closed = state == XenbusStateClosed || !offered;
	v->closing = state == XenbusStateClosing;
	v->phase = PHASE_WAITING;
}

/* Returns whether that is a reason to look at it. */
static bool order_failed(struct device *v, const char *why)
{
	if (v->phase == PHASE_ATTACHING && v->state == XenbusStateConnected) {
		v->phase = PHASE_NEW;
		v->retry_at = daemon_now() + RETRY_MS;
		say(v, "%s; will try again", why);
		return false;
	}
	if (v->phase == PHASE_ATTACHING) {
		fail(v, why);
		v->phase = PHASE_OVER;
		return true;
	}
	say(v, "%s", why);
	back_write(v, "hotplug-error", "%s", why);
	if (v->phase == PHASE_CONNECTING) {
		v->phase = PHASE_WAITING;
		v->closing = true;
	}
	set_state(v, XenbusStateClosing);
	return true;
}

static void take_report(struct net_report *r)
{
	struct device *v = r->domid < DOMID_FIRST_RESERVED ?
			   find_device((domid_t)r->domid, r->devid) : NULL;

	r->text[sizeof(r->text) - 1] = '\0';
	for (char *c = r->text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	if (!v) {
		if (r->kind == REPORT_FAILED && r->domid == UINT32_MAX)
			log_line("the worker says: %s", r->text);
		return;
	}
	switch (r->kind) {
	case REPORT_ATTACHED:
		if (v->phase != PHASE_ATTACHING)
			return;
		attached(v);
		break;
	case REPORT_CONNECTED:
		if (v->phase != PHASE_CONNECTING)
			return;
		v->phase = PHASE_CONNECTED;
		v->was_closed = false;
		say(v, "%s", r->taken_over ? "taken over" : "connected");
		if (v->state != XenbusStateConnected)
			set_state(v, XenbusStateConnected);
		break;
	case REPORT_DISCONNECTED:
		if (v->phase != PHASE_DISCONNECTING)
			return;
		v->phase = PHASE_WAITING;
		v->closing = false;
		v->was_closed = true;
		if (back_there(v))
			set_state(v, XenbusStateClosed);
		break;
	case REPORT_DETACHED:
		if (v->phase != PHASE_DETACHING)
			return;
		v->phase = PHASE_OVER;
		break;
	case REPORT_FAILED:
		if (!order_failed(v, r->text))
			return;
		break;
	default:
		return;
	}
	look(v);
}

/* Whether it ends an order: we gave that, and so often will it be said. */
static bool answers(const struct net_report *r)
{
	const struct device *v = r->domid < DOMID_FIRST_RESERVED ?
				 find_device((domid_t)r->domid, r->devid) : NULL;

	if (!v)
		return false;
	switch (v->phase) {
	case PHASE_ATTACHING:
		return r->kind == REPORT_ATTACHED || r->kind == REPORT_FAILED;
	case PHASE_CONNECTING:
		return r->kind == REPORT_CONNECTED || r->kind == REPORT_FAILED;
	case PHASE_DISCONNECTING:
		return r->kind == REPORT_DISCONNECTED;
	case PHASE_DETACHING:
		return r->kind == REPORT_DETACHED;
	default:
		return false;
	}
}

static void take_reports(void)
{
	/* For what nobody asked it. */
	static const struct budget_rate rate = { .burst = 2000, .period = 10000 };
	struct net_report r;
	int fds[2], got = 0;

	for (unsigned int n = 0; n < 16; n++) {
		got = channel_receive(super.channel, &r, sizeof(r), fds);
		/* It has nothing to give us. */
		for (int i = 0; i < 2; i++)
			if (fds[i] >= 0) {
				close(fds[i]);
				got = -EPROTO;
			}
		if (got > 0 && !answers(&r) &&
		    !budget_take(&super.reports, &rate, 1, daemon_now())) {
			log_line("the worker talks too much, and is ended");
			got = -EPROTO;
		}
		if (got <= 0)
			break;
		take_report(&r);
	}
	/* Its end is told by the pidfd. What is no report is the work of somebody else. */
	if (got < 0) {
		epoll_ctl(super.epoll, EPOLL_CTL_DEL, super.channel, NULL);
		kill(super.pid, SIGKILL);
	}
}

static bool has_order(const struct device *v)
{
	return v->phase == PHASE_ATTACHING || v->phase == PHASE_CONNECTING ||
	       v->phase == PHASE_DISCONNECTING || v->phase == PHASE_DETACHING;
}

/* What a wait of @timeout ms, -1 for ever, is cut to by something at @when. */
static int sooner(int timeout, uint64_t when, uint64_t now)
{
	int wait = when > now ? (int)(when - now) : 0;

	return timeout < 0 || wait < timeout ? wait : timeout;
}

/* Starts the worker; what has its time, is done. Returns ms until something else has, or -1. */
static int run_worker(void)
{
	uint64_t now = daemon_now();
	int timeout = -1;

	if (!super.pid && super.devices) {
		if (now >= super.not_before && start_worker())
			super.not_before = now + PAUSE_MS;
		if (!super.pid)
			return sooner(-1, super.not_before, now);
		/* Its interfaces have news now. */
		timeout = 0;
	}
	for (struct device *v = super.devices, *next; v; v = next) {
		next = v->next;
		if (v->retry_at && now >= v->retry_at) {
			v->retry_at = 0;
			v->changed = true;
			timeout = 0;
		}
		if (v->retry_at)
			timeout = sooner(timeout, v->retry_at, now);
		if (!super.pid || !has_order(v))
			continue;
		if (now >= v->deadline) {
			say(v, "the worker does not do as it is told, and is ended");
			kill(super.pid, SIGKILL);
			v->deadline = now + ORDER_MS;
		}
		timeout = sooner(timeout, v->deadline, now);
	}
	/* Without interfaces it has nothing to do. */
	if (super.pid && !super.devices)
		shutdown(super.channel, SHUT_RDWR);
	return timeout;
}

/* ------------------------------------------------------------------------------------------------
 * The store
 */

/* There is news of an interface of ours, or a new one. */
static void news(domid_t domid, uint32_t devid)
{
	struct device *v = find_device(domid, devid);

	if (v)
		v->changed = true;
	else
		add_device(domid, devid);
}

/* Whether the files of an interface may be of use: only what is known not to be there is not. */
static bool needed(domid_t domid, uint32_t devid)
{
	const struct device v = { .domid = domid, .devid = devid };

	return back_there(&v);
}

/* Everything that the store has for us, for the beginning and for a removed parent. */
static void look_around(void)
{
	char **domains;

	xs_unsure(super.store);
	domains = xs_list(super.store, 0, "/local/domain/0/backend/hvnet");
	for (char **dom = domains; dom && *dom; dom++) {
		char path[96], **vifs;
		uint64_t domid, devid;

		if (number_parse(*dom, DOMID_FIRST_RESERVED - 1, &domid))
			continue;
		snprintf(path, sizeof(path), "/local/domain/0/backend/hvnet/%u", (domid_t)domid);
		vifs = xs_list(super.store, 0, path);
		for (char **vif = vifs; vif && *vif; vif++)
			if (!number_parse(*vif, UINT32_MAX, &devid))
				news((domid_t)domid, (uint32_t)devid);
		free(vifs);
	}
	free(domains);
	for (struct device *v = super.devices; v; v = v->next)
		v->changed = true;
	super.all_changed |= xs_unsure(super.store);
}

/*
 * Once at each interface of which there is news, however many came: a guest writes its state as
 * often as it likes, and a look at it costs four calls of the store. Returns whether one waits.
 */
static bool look_at_news(void)
{
	static const struct budget_rate rate = { .burst = 16, .period = 1000 };
	uint64_t now = daemon_now();
	bool waits = false;

	for (struct device *v = super.devices, *next; v; v = next) {
		next = v->next;
		if (v->changed && budget_take(&v->looks, &rate, 1, now)) {
			v->changed = false;
			look(v);
		}
	}
	for (struct device *v = super.devices; v; v = v->next)
		waits |= v->changed;
	return waits;
}

static void on_watch(const char *path)
{
	unsigned int domid, devid;
	char rest[32] = "";

	if (sscanf(path, "/local/domain/%u/device/vif/%u", &domid, &devid) == 2) {
		struct device *v = domid < DOMID_FIRST_RESERVED ?
				   find_device((domid_t)domid, devid) : NULL;

		if (v)
			v->changed = true;
		return;
	}
	if (sscanf(path, "/local/domain/0/backend/hvnet/%u/%u/%31s", &domid, &devid, rest) < 2) {
		super.all_changed = true;
		return;
	}
	if (domid >= DOMID_FIRST_RESERVED)
		return;
	/* What we write ourselves is no news. */
	if (!*rest || !strcmp(rest, "online") || !strcmp(rest, "state") ||
	    !strcmp(rest, "frontend-id"))
		news((domid_t)domid, devid);
}

static int open_store(void)
{
	int error;

	super.store = xs_open(super.options.store);
	if (!super.store)
		return -errno;
	error = watch_fd(xs_fd(super.store), &super.store);
	if (!error)
		error = xs_watch(super.store, "/local/domain/0/backend/hvnet", "back");
	for (struct device *v = super.devices; v && !error; v = v->next) {
		char path[96];

		front_path(v, path, sizeof(path));
		strcat(path, "/state");
		error = xs_watch(super.store, path, "front");
	}
	if (error) {
		xs_close(super.store);
		super.store = NULL;
	}
	return error;
}

/* Returns whether there is more: requests bring events in that epoll knows nothing about. */
static bool run_store(void)
{
	char path[PATH_MAX];
	int got = 1;

	if (!super.store) {
		if (daemon_now() < super.next_try)
			return false;
		if (open_store()) {
			super.next_try = daemon_now() + STORE_RETRY_MS;
			return false;
		}
		log_line("found the store daemon");
		super.all_changed = true;
	}
	/* All that have come, and then what they say, lest they come faster than they are read. */
	for (unsigned int n = 0; n < EVENTS_MAX && got > 0; n++) {
		got = xs_wait(super.store, 0, path, sizeof(path));
		if (got > 0)
			on_watch(path);
	}
	if (got >= 0 && super.all_changed) {
		super.all_changed = false;
		look_around();
	}
	if (got < 0) {
		log_line("lost the store daemon; will look for it again");
		epoll_ctl(super.epoll, EPOLL_CTL_DEL, xs_fd(super.store), NULL);
		xs_close(super.store);
		super.store = NULL;
		super.next_try = daemon_now() + STORE_RETRY_MS;
	}
	return got > 0;
}

/* ------------------------------------------------------------------------------------------------
 * The loop
 */

static int start(void)
{
	int error;

	super.epoll = epoll_create1(EPOLL_CLOEXEC);
	super.signals = daemon_signals();
	super.pidfd = super.channel = -1;
	if (super.epoll < 0 || super.signals < 0 || watch_fd(super.signals, &super.signals)) {
		fprintf(stderr, "hvnetd: cannot take signals\n");
		return 1;
	}
	error = open_store();
	if (error && super.options.first) {
		fprintf(stderr,
			"hvnetd: cannot connect to the store daemon at %s: %s. Does hvstored "
			"run?\n", super.options.store, strerror(-error));
		return 1;
	}
	if (super.options.first)
		daemon_ready();
	if (super.store) {
		files_clean(super.options.run, needed);
		super.all_changed = true;
	}
	return 0;
}

int super_main(const struct super_options *options)
{
	bool stopping = false, more = true, waits = false;

	super.options = *options;
	if (start())
		return 1;
	while (!stopping) {
		struct epoll_event events[16];
		int timeout = super.store ? run_worker() : STORE_RETRY_MS, n;
		bool reopen;

		if (!super.store) {
			/* What the worker has to say waits as long, and would not let us sleep. */
			struct timespec pause = { .tv_nsec = 100000000 };

			nanosleep(&pause, NULL);
		}
		if (waits && (timeout < 0 || timeout > NEWS_MS))
			timeout = NEWS_MS;
		if (more || super.asked)
			timeout = 0;
		super.asked = false;
		n = epoll_wait(super.epoll, events, sizeof(events) / sizeof(events[0]), timeout);
		if (n < 0 && errno != EINTR)
			return 1;
		for (int i = 0; i < n; i++) {
			void *source = events[i].data.ptr;

			if (source == &super.signals)
				stopping |= daemon_signalled(super.signals, &reopen);
			else if (super.store && super.pid && source == &super.channel)
				take_reports();
			else if (super.store && super.pid && source == &super.pidfd)
				worker_ended();
		}
		more = run_store();
		waits = super.store && (look_at_news() || super.all_changed);
	}
	/* The worker ends with us; interfaces that are in use wait for those who come next. */
	return 0;
}
