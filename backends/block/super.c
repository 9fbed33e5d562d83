// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/super.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backends/block/grants.h"
#include "backends/block/keys.h"
#include "backends/block/node.h"
#include "backends/block/open.h"
#include "backends/block/orders.h"
#include "backends/block/room.h"
#include "backends/lib/channel.h"
#include "backends/lib/files.h"
#include "backends/lib/gntdev.h"
#include "backends/lib/process.h"
#include "libhvctl/store/daemon.h"
#include "libhvctl/store/log.h"
#include "libhvctl/store/number.h"
#include "libhvctl/xs.h"
#include "pv-abi/io/xenbus.h"

/* Disks of one domain, at most; a toolstack that wants more is told so. */
#define DISKS_MAX	64u
#define STORE_RETRY_MS	1000
/* Of the store, taken in one turn. */
#define EVENTS_MAX	1024u
/* Until those who have to wait for a look are asked for again. */
#define NEWS_MS		50
/* A worker that dies younger than this is not started again at once. */
#define YOUNG_MS	1000
#define PAUSE_MS	200
/*
 * What a worker has for an order. Letting go of a frontend takes as long as its last operations,
 * which a server elsewhere may keep for a minute.
 */
#define ORDER_MS	60000u
#define DISCONNECT_MS	300000u
/* Until a journal that somebody has is asked for again, and until that is worth a line. */
#define BUSY_MS		50
#define LONG_BUSY_MS	5000

struct super super;

/* ------------------------------------------------------------------------------------------------
 * Workers
 */

static struct worker *find_worker(domid_t domid)
{
	struct worker *w = super.workers;

	while (w && w->domid != domid)
		w = w->next;
	return w;
}

static struct device *find_device(const struct worker *w, uint32_t devid)
{
	struct device *v = w->devices;

	while (v && v->devid != devid)
		v = v->next;
	return v;
}

static int watch_fd(int fd, void *source)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = source };

	return epoll_ctl(super.epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

/* Gives each worker that runs its part of the pages that can be mapped. */
static void share_out(void)
{
	struct order o = { .kind = ORDER_SHARE };
	uint32_t nr = 0;

	for (struct worker *w = super.workers; w; w = w->next)
		nr += w->pid != 0;
	o.share = share_of(nr);
	for (struct worker *w = super.workers; w; w = w->next) {
		if (!w->pid || w->share == o.share)
			continue;
		w->share = o.share;
		if (channel_send(w->channel, &o, sizeof(o), NULL, 0))
			kill(w->pid, SIGKILL);
	}
}

static int start_worker(struct worker *w)
{
	struct process process;
	int error = process_start(w->domid, super.options.uid + w->domid, &process);

	if (!error)
		error = watch_fd(process.pidfd, &w->pidfd);
	if (!error)
		error = watch_fd(process.channel, &w->channel);
	if (error) {
		process_drop(&process);
		return error;
	}
	w->pid = process.pid;
	w->pidfd = process.pidfd;
	w->channel = process.channel;
	w->started = daemon_now();
	w->share = 0;
	w->largest = 0;
	/* The one before it may have used all of it up. */
	w->reports = (struct budget){ 0 };
	share_out();
	return 0;
}

static void give(struct device *v, struct order *o, const int *fds, unsigned int nr)
{
	o->devid = v->devid;
	v->deadline = daemon_now() + (o->kind == ORDER_DISCONNECT ? DISCONNECT_MS : ORDER_MS);
	/* One that is dead, or takes nothing, is followed by one that is given everything anew. */
	if (channel_send(v->worker->channel, o, sizeof(*o), fds, nr))
		kill(v->worker->pid, SIGKILL);
}

static void give_kind(struct device *v, enum order_kind kind)
{
	struct order o = { .kind = kind };

	give(v, &o, NULL, 0);
}

#define SERVER_MS	30000	/* for an image's server to write what it has */

static void end_server(struct device *v)
{
	if (!v->server)
		return;
	if (!open_server_end(v->server, SERVER_MS))
		log_line("domain %u, disk %u: its qemu-nbd did not end by itself", v->worker->domid,
			 v->devid);
	close(v->server_fd);
	v->server = 0;
}

/*
 * One that ended by itself has written everything: it is started again, and what was under way is
 * done again from the journal. One that did not had, with an image in a format, parts of the image
 * in memory: what the guest takes for written may be lost. It must not be given that disk again as
 * if nothing were.
 */
static void server_ended(struct device *v)
{
	int status = 0;
	bool clean;

	/* An event that came before the last one was replaced means another. */
	if (waitpid(v->server, &status, WNOHANG) != v->server)
		return;
	clean = WIFEXITED(status) && !WEXITSTATUS(status);
	close(v->server_fd);
	v->server = 0;
	if (v->phase == PHASE_NEW || v->phase == PHASE_OVER || v->phase == PHASE_DETACHING)
		return;
	if (clean || v->remote) {
		log_line("domain %u, disk %u: its qemu-nbd ended and is started again",
			 v->worker->domid, v->devid);
	} else {
		fail(v, "its qemu-nbd was killed, and writes that were not flushed may be lost; "
			"destroy the guest, look at the image with qemu-img check, and create it "
			"again");
		v->phase = PHASE_OVER;
	}
	if (v->worker->pid)
		kill(v->worker->pid, SIGKILL);
}

static void try_again(struct device *v, uint64_t ms, const char *why)
{
	if (why && !v->told_why)
		say(v->worker, "domain %u, disk %u: %s; will try again", v->worker->domid, v->devid,
		    why);
	v->told_why |= why != NULL;
	v->retrying = true;
	v->retry_at = daemon_now() + ms;
	v->phase = PHASE_NEW;
}

/*
 * Until the worker before this one has ended, and all of its I/O, nothing is opened: a block device
 * would say that it is in use, and the new worker would wait, with all its other disks.
 */
static bool must_wait(struct device *v, int journal)
{
	uint64_t now = daemon_now();
	bool busy = files_busy(journal);

	if (!busy || !v->busy_since)
		v->busy_since = busy ? now : 0;
	if (busy)
		try_again(v, BUSY_MS, now - v->busy_since < LONG_BUSY_MS ? NULL :
				      "a worker that had it before, or its I/O, has not ended");
	return busy;
}

/* A worker may write to what it is given, and not make it larger. 0 or a negative errno. */
static int allow(struct worker *w, int image)
{
	struct stat st;

	if (fstat(image, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size <= w->largest)
		return 0;
	w->largest = (uint64_t)st.st_size;
	return process_files(w->pid, w->largest);
}

static void attach(struct device *v)
{
	int journal = room_open(super.options.run, v->worker->domid, v->devid);
	char *format = back_read(v, "format"), *params = back_read(v, "params");
	char *mode = back_read(v, "mode"), *data_mode = back_read(v, "data-mode");
	struct open_spec spec = { .format = format ? format : "raw", .params = params,
				  .readonly = !mode || !strchr(mode, 'w'),
				  .shared = back_number(v, "shared", 0),
				  .uid = super.options.uid + v->worker->domid };
	struct order o = { .kind = ORDER_ATTACH, .iops = back_number(v, "iops", 0),
			   .bps = back_number(v, "bps", 0) };
	struct open_image image = { .fd = -1 };
	char text[OPEN_TEXT] = "it has no params; give it a target", lock[PATH_MAX];
	int error = params ? 0 : -ENOENT;

	v->state = back_number(v, "state", 0);
	/* What could not be read is not what is not there: no image is raw for that. */
	if (xs_unsure(super.store)) {
		try_again(v, PAUSE_MS, "the store does not say what it is");
		goto out;
	}
	if (journal >= 0 && must_wait(v, journal))
		goto out;
	/* One that had this disk before us, or before the worker that died, writes what it has. */
	end_server(v);
	snprintf(lock, sizeof(lock), "%s/%u-%u.lock", super.options.run, v->worker->domid,
		 v->devid);
	spec.lock = strcmp(spec.format, "raw") ? lock : NULL;
	if (!error && journal < 0) {
		error = journal;
		snprintf(text, sizeof(text), "cannot make a journal in %.100s: %s",
			 super.options.run, strerror(-error));
	}
	if (!error)
		error = open_image(&spec, &image, text, sizeof(text));
	if (!error) {
		error = allow(v->worker, image.fd);
		if (error)
			snprintf(text, sizeof(text), "cannot limit its worker: %s",
				 strerror(-error));
	}
	if (!error) {
		const int fds[2] = { image.fd, journal };

		if (data_mode && !strcmp(data_mode, "window"))
			gntdev_hasten();
		o.flags = (spec.readonly ? ATTACH_READONLY : 0) | (image.nbd ? ATTACH_NBD : 0) |
			  (data_mode && !strcmp(data_mode, "window") ? ATTACH_WINDOW : 0);
		v->server = image.server;
		v->remote = !strcmp(spec.format, "nbd");
		if (v->server) {
			v->server_fd = (int)syscall(SYS_pidfd_open, v->server, 0);
			if (v->server_fd >= 0)
				watch_fd(v->server_fd, &v->server_fd);
		}
		v->phase = PHASE_ATTACHING;
		give(v, &o, fds, 2);
		v->retrying = v->told_why = false;
	} else if (v->state == XenbusStateConnected || error == -EBUSY) {
		/* It was served before, and a guest waits: what is wrong may pass. */
		try_again(v, PAUSE_MS, text);
	} else {
		fail(v, text);
		v->phase = PHASE_OVER;
	}
out:
	if (image.fd >= 0)
		close(image.fd);
	if (journal >= 0)
		close(journal);
	free(format);
	free(params);
	free(mode);
	free(data_mode);
}

/* ------------------------------------------------------------------------------------------------
 * Frontends
 */

/* No connection comes of what the frontend wants; it may close, and want something else. */
static void refuse(struct device *v, const char *text)
{
	say(v->worker, "domain %u, disk %u: %s", v->worker->domid, v->devid, text);
	back_write(v, "hotplug-error", "%s", text);
	set_state(v, XenbusStateClosing);
	v->closing = true;
}

/* As much of the journal as this connection needs has memory. 0 or a negative errno. */
static int make_room(const struct device *v, const struct journal_connection *c)
{
	int fd = room_open(super.options.run, v->worker->domid, v->devid);
	int error = fd < 0 ? fd : room_make(fd, c->nr_queues, c->ring_order);

	if (fd >= 0)
		close(fd);
	return error;
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
	struct order o = { .kind = ORDER_CONNECT };
	char path[96], text[256];
	const char *wrong;
	int error;

	/* That a worker ended is not the frontend's doing. */
	if (!v->takes_over && !may(v, &v->connects))
		return;
	front_path(v, path, sizeof(path));
	wrong = node_connection(super.store, path, &o.connection);
	o.connection.nonce = back_number(v, "connection", 0);
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
	error = make_room(v, &o.connection);
	if (error) {
		snprintf(text, sizeof(text), "cannot make room for its journal in %.100s: %s",
			 super.options.run, strerror(-error));
		refuse(v, text);
		return;
	}
	if (!o.connection.persistent)
		gntdev_hasten();
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
	struct device **at = &v->worker->devices;
	char path[96];

	front_path(v, path, sizeof(path));
	strcat(path, "/state");
	xs_unwatch(super.store, path, "front");
	end_server(v);
	files_drop(super.options.run, v->worker->domid, v->devid);
	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	free(v);
}

/* What the store says now, and what follows for a disk. */
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
	if (!v->worker->pid || xs_lost(super.store))
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
		} else if (v->closing) {
			if (front == XenbusStateClosed || front == XenbusStateUnknown) {
				v->closing = false;
				v->was_closed = true;
				set_state(v, XenbusStateClosed);
			}
		} else if (!v->was_closed &&
			   (front == XenbusStateClosing || front == XenbusStateClosed ||
			    ((front == XenbusStateUnknown || front == XenbusStateInitialising) &&
			     v->state == XenbusStateConnected))) {
			/* It closed while nobody was here: what the journal says is over. */
			disconnect(v);
		} else if (front == XenbusStateInitialising && v->was_closed) {
			if (!may(v, &v->offers))
				return;
			v->was_closed = !offer(v);
			v->changed |= v->was_closed;
		} else if (front == XenbusStateInitialised || front == XenbusStateConnected) {
			connect_frontend(v);
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
	if (v->phase == PHASE_OVER && goes) {
		char *status = back_read(v, "hotplug-status");
		/* Whoever removes it waits for no more than that: the entries may be gone now. */
		bool told = status && strcmp(status, "connected");

		free(status);
		end_server(v);
		if (there && !told) {
			set_state(v, XenbusStateClosed);
			back_write(v, "hotplug-status", "disconnected");
		}
		if (!there)
			forget(v);
	}
}

static void add_device(domid_t domid, uint32_t devid)
{
	struct worker *w = find_worker(domid);
	struct device *v;
	unsigned int nr = 0;
	char path[96];

	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return;
		w->domid = domid;
		w->pidfd = w->channel = -1;
		w->next = super.workers;
		super.workers = w;
	}
	for (v = w->devices; v && v->devid != devid; v = v->next)
		nr++;
	if (v || nr >= DISKS_MAX)
		return;
	v = calloc(1, sizeof(*v));
	if (!v)
		return;
	v->worker = w;
	v->devid = devid;
	/* One that is being removed already is nothing to begin with. */
	if (!back_there(v)) {
		free(v);
		return;
	}
	v->next = w->devices;
	w->devices = v;
	front_path(v, path, sizeof(path));
	strcat(path, "/state");
	xs_watch(super.store, path, "front");
}

/* ------------------------------------------------------------------------------------------------
 * Reports
 */

static void attached(struct device *v, const struct report *r)
{
	enum xenbus_state state = v->state;
	bool offered = true;

	if (!describe(v, r)) {
		/* It cannot be said what it is, and its worker has it: all is begun anew. */
		kill(v->worker->pid, SIGKILL);
		return;
	}
	/* One that was connected stays so for its frontend, which has not noticed anything. */
	if (state < XenbusStateInitWait)
		offered = offer(v);
	v->takes_over = state == XenbusStateConnected;
	v->was_closed = state == XenbusStateClosed || !offered;
	v->closing = state == XenbusStateClosing;
	v->phase = PHASE_WAITING;
}

static bool sane(const struct report *r)
{
	uint32_t s = r->sector_size;

	return s >= 512 && s <= 4096 && !(s & (s - 1)) && r->physical_sector_size >= s &&
	       r->sectors <= UINT64_MAX / 512;
}

static void take_report(struct worker *w, struct report *r)
{
	struct device *v = find_device(w, r->devid);

	r->text[sizeof(r->text) - 1] = '\0';
	for (char *c = r->text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	if (!v) {
		say(w, "domain %u: its worker says: %s", w->domid, r->text);
		return;
	}
	switch (r->kind) {
	case REPORT_ATTACHED:
		if (v->phase != PHASE_ATTACHING || !sane(r))
			return;
		attached(v, r);
		break;
	case REPORT_CONNECTED:
		if (v->phase != PHASE_CONNECTING)
			return;
		v->phase = PHASE_CONNECTED;
		v->was_closed = false;
		say(w, "domain %u, disk %u: %s", w->domid, v->devid,
			 r->taken_over ? "taken over" : "connected");
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
	case REPORT_RESIZED:
		if (v->phase != PHASE_CONNECTED && v->phase != PHASE_WAITING)
			return;
		back_write(v, "sectors", "%llu", (unsigned long long)r->sectors);
		/* Written again, it makes a frontend look. */
		if (v->phase == PHASE_CONNECTED)
			set_state(v, XenbusStateConnected);
		break;
	case REPORT_FAILED:
		if (v->phase == PHASE_ATTACHING && v->state == XenbusStateConnected) {
			try_again(v, PAUSE_MS, r->text);
			return;
		}
		if (v->phase == PHASE_ATTACHING) {
			fail(v, r->text);
			v->phase = PHASE_OVER;
			break;
		}
		say(w, "domain %u, disk %u: %s", w->domid, v->devid, r->text);
		back_write(v, "hotplug-error", "%s", r->text);
		if (v->phase == PHASE_CONNECTING) {
			v->phase = PHASE_WAITING;
			v->closing = true;
			set_state(v, XenbusStateClosing);
		} else if (v->phase == PHASE_CONNECTED) {
			set_state(v, XenbusStateClosing);
		}
		break;
	default:
		return;
	}
	look(v);
}

static void take_reports(struct worker *w)
{
	/* More than 64 disks have to say that are connected and let go of all the time. */
	static const struct budget_rate rate = { .burst = 1000, .period = 10000 };
	struct report r;
	int fds[2], got = 0;

	/* So many in a turn: others want theirs, too. */
	for (unsigned int n = 0; n < 16; n++) {
		got = channel_receive(w->channel, &r, sizeof(r), fds);
		/* It has nothing to give us. */
		for (int i = 0; i < 2; i++)
			if (fds[i] >= 0) {
				close(fds[i]);
				got = -EPROTO;
			}
		if (got > 0 && !budget_take(&w->reports, &rate, 1, daemon_now())) {
			say(w, "domain %u: its worker talks too much, and is ended", w->domid);
			got = -EPROTO;
		}
		if (got <= 0)
			break;
		take_report(w, &r);
	}
	/* Its end is told by the pidfd. What is no report is the work of somebody else. */
	if (got < 0) {
		epoll_ctl(super.epoll, EPOLL_CTL_DEL, w->channel, NULL);
		kill(w->pid, SIGKILL);
	}
}

/* All of a worker's I/O is over, and its mappings are gone, when this can be called. */
static void worker_ended(struct worker *w)
{
	uint64_t now = daemon_now();
	int status = 0;

	if (waitpid(w->pid, &status, WNOHANG) != w->pid)
		return;
	close(w->pidfd);
	close(w->channel);
	w->pidfd = w->channel = -1;
	w->pid = 0;
	if (w->devices)
		say(w, "domain %u: its worker ended (%s %d) and is started again", w->domid,
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	w->not_before = now - w->started < YOUNG_MS ? now + PAUSE_MS : now;
	for (struct device *v = w->devices; v; v = v->next)
		if (v->phase != PHASE_OVER)
			v->phase = v->phase == PHASE_DETACHING ? PHASE_OVER : PHASE_NEW;
}

static bool has_order(const struct device *v)
{
	return v->phase == PHASE_ATTACHING || v->phase == PHASE_CONNECTING ||
	       v->phase == PHASE_DISCONNECTING || v->phase == PHASE_DETACHING;
}

/* One that does not do as it is told is of no use; the next one may be. */
static void end_late(struct worker *w, uint64_t now)
{
	for (struct device *v = w->devices; v && w->pid; v = v->next) {
		if (!has_order(v) || now < v->deadline)
			continue;
		say(w, "domain %u, disk %u: its worker does not do as it is told, and is ended",
		    w->domid, v->devid);
		kill(w->pid, SIGKILL);
		v->deadline = now + ORDER_MS;
	}
}

/* What a wait of @timeout ms, -1 for ever, is cut to by something at @when. */
static int sooner(int timeout, uint64_t when, uint64_t now)
{
	int wait = when > now ? (int)(when - now) : 0;

	return timeout < 0 || wait < timeout ? wait : timeout;
}

/* Starts and drops workers. Returns ms until the next one may be started, or -1. */
static int run_workers(void)
{
	struct worker **at = &super.workers;
	uint64_t now = daemon_now();
	int timeout = -1;

	while (*at) {
		struct worker *w = *at;
		struct device *v, *next;

		if (!w->pid && w->devices) {
			if (now < w->not_before) {
				timeout = sooner(timeout, w->not_before, now);
			} else if (start_worker(w)) {
				w->not_before = now + PAUSE_MS;
				timeout = sooner(timeout, w->not_before, now);
			} else {
				for (v = w->devices; v; v = next) {
					next = v->next;
					look(v);
				}
			}
		}
		for (v = w->pid ? w->devices : NULL; v; v = next) {
			next = v->next;
			if (v->phase == PHASE_NEW && v->retrying && now >= v->retry_at)
				look(v);
		}
		end_late(w, now);
		for (v = w->pid ? w->devices : NULL; v; v = v->next) {
			if (v->phase == PHASE_NEW && v->retrying)
				timeout = sooner(timeout, v->retry_at, now);
			if (has_order(v))
				timeout = sooner(timeout, v->deadline, now);
		}
		/* Its channel closed, one without disks ends. */
		if (w->pid && !w->devices)
			shutdown(w->channel, SHUT_RDWR);
		if (!w->pid && !w->devices) {
			*at = w->next;
			free(w);
			share_out();
			continue;
		}
		at = &w->next;
	}
	return timeout;
}

/* ------------------------------------------------------------------------------------------------
 * The store
 */

/* There is news of a disk of ours, or a new one. */
static void news(domid_t domid, uint32_t devid)
{
	struct worker *w = find_worker(domid);
	struct device *v = w ? find_device(w, devid) : NULL;

	if (!v) {
		add_device(domid, devid);
		w = find_worker(domid);
		v = w ? find_device(w, devid) : NULL;
	}
	if (v)
		v->changed = true;
}

/* Whether the files of a disk may be of use: only what is known not to be there is not. */
static bool needed(domid_t domid, uint32_t devid)
{
	struct worker probe = { .domid = domid };
	const struct device v = { .worker = &probe, .devid = devid };

	return back_there(&v);
}

/* Everything that the store has for us, for the beginning and for a removed parent. */
static void look_around(void)
{
	char **domains;

	xs_unsure(super.store);
	domains = xs_list(super.store, 0, "/local/domain/0/backend/hvblk");
	for (char **dom = domains; dom && *dom; dom++) {
		char path[96], **disks;
		uint64_t domid, devid;

		if (number_parse(*dom, DOMID_FIRST_RESERVED - 1, &domid))
			continue;
		snprintf(path, sizeof(path), "/local/domain/0/backend/hvblk/%u", (domid_t)domid);
		disks = xs_list(super.store, 0, path);
		for (char **disk = disks; disk && *disk; disk++)
			if (!number_parse(*disk, UINT32_MAX, &devid))
				news((domid_t)domid, (uint32_t)devid);
		free(disks);
	}
	free(domains);
	for (struct worker *w = super.workers; w; w = w->next)
		for (struct device *v = w->devices; v; v = v->next)
			v->changed = true;
	super.all_changed |= xs_unsure(super.store);
}

/*
 * Once at each disk of which there is news, however many came: a guest writes its state as often as
 * it likes, and a look at it costs ten calls of the store. Returns whether one has to wait.
 */
static bool look_at_news(void)
{
	static const struct budget_rate rate = { .burst = 16, .period = 1000 };
	uint64_t now = daemon_now();
	bool waits = false;

	for (struct worker *w = super.workers; w; w = w->next) {
		struct device *v = w->devices, *next;

		for (; v; v = next) {
			next = v->next;
			if (v->changed && budget_take(&v->looks, &rate, 1, now)) {
				v->changed = false;
				look(v);
			}
		}
		for (v = w->devices; v; v = v->next)
			waits |= v->changed;
	}
	return waits;
}

static void on_watch(const char *path)
{
	unsigned int domid, devid;
	char rest[32] = "";

	if (sscanf(path, "/local/domain/%u/device/vbd/%u", &domid, &devid) == 2) {
		struct worker *w = domid < DOMID_FIRST_RESERVED ? find_worker((domid_t)domid) :
								  NULL;
		struct device *v = w ? find_device(w, devid) : NULL;

		if (v)
			v->changed = true;
		return;
	}
	if (sscanf(path, "/local/domain/0/backend/hvblk/%u/%u/%31s", &domid, &devid, rest) < 2) {
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
		error = xs_watch(super.store, "/local/domain/0/backend/hvblk", "back");
	for (struct worker *w = super.workers; w && !error; w = w->next)
		for (struct device *v = w->devices; v && !error; v = v->next) {
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

static void on_ready(void *source)
{
	struct worker *w = super.workers;

	for (; w && source != &w->pidfd && source != &w->channel; w = w->next)
		for (struct device *v = w->devices; v; v = v->next)
			if (source == &v->server_fd && v->server) {
				server_ended(v);
				return;
			}
	if (!w || !w->pid)
		return;
	if (source == &w->channel)
		take_reports(w);
	else
		worker_ended(w);
}

int super_main(const struct super_options *options)
{
	bool stopping = false, more = true, waits = false;
	int error;

	super.options = *options;
	super.epoll = epoll_create1(EPOLL_CLOEXEC);
	super.signals = daemon_signals();
	if (super.epoll < 0 || super.signals < 0 || watch_fd(super.signals, &super.signals)) {
		fprintf(stderr, "hvblkd: cannot take signals\n");
		return 1;
	}
	error = open_store();
	if (error && options->first) {
		fprintf(stderr,
			"hvblkd: cannot connect to the store daemon at %s: %s. Does hvstored "
			"run?\n", options->store, strerror(-error));
		return 1;
	}
	if (options->first)
		daemon_ready();
	if (super.store) {
		files_clean(super.options.run, needed);
		super.all_changed = true;
	}
	while (!stopping) {
		struct epoll_event events[16];
		int timeout = super.store ? run_workers() : STORE_RETRY_MS, n;
		bool reopen;

		if (!super.store) {
			/* What workers have to say waits as long, and would not let us sleep. */
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
			if (events[i].data.ptr == &super.signals)
				stopping |= daemon_signalled(super.signals, &reopen);
			else if (events[i].data.ptr != &super.store && super.store)
				on_ready(events[i].data.ptr);
		}
		more = run_store();
		waits = super.store && (look_at_news() || super.all_changed);
	}
	/* Workers end with us; disks that are in use wait for those who come next. */
	return 0;
}
