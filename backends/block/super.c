// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/super.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/block/grants.h"
#include "backends/block/node.h"
#include "backends/block/open.h"
#include "backends/block/orders.h"
#include "backends/block/room.h"
#include "backends/block/server.h"
#include "backends/lib/backkeys.h"
#include "backends/lib/backworker.h"
#include "backends/lib/files.h"
#include "backends/lib/gntdev.h"
#include "backends/lib/process.h"
#include "backends/lib/super.h"
#include "libhvctl/store/daemon.h"
#include "libhvctl/store/log.h"
#include "libhvctl/store/number.h"

/* Disks of one domain, at most. */
#define DISKS_MAX	64u
/*
 * Letting go of a frontend takes as long as its last operations, which a server elsewhere may keep
 * for a minute.
 */
#define DISCONNECT_MS	300000u
#define SERVER_MS	30000	/* for an image's server to write what it has */
/*
 * Opening that takes so long and fails is not tried at once again: all other disks wait meanwhile.
 * Each pause is twice the one before, and no longer than this.
 */
#define SLOW_MS		1000
#define SLOW_MAX_MS	60000

struct device {
	struct backdev dev;
	uint32_t pause;		/* ms: after the last opening that was slow and failed, or 0 */
	uint64_t not_before;	/* ms: until that is over */
	pid_t server;		/* the image's; 0: none */
	int server_fd;		/* its pidfd, if there is one */
	bool remote;		/* it keeps nothing in memory that would be lost with it */
	bool raw;		/* what it lies in has no server */
	uint64_t sectors;	/* as its worker said last */
	/* Of the key "resize", whose number the key "resized" has when it is done. */
	uint64_t resizing;	/* 0: nobody asks for it, or it was answered */
	bool reopened;		/* its worker was given it since that began */
	uint64_t resize_to;	/* bytes, for the image, when nobody has it open; 0: as it is */
	char resize_error[OPEN_TEXT];	/* why it has not become larger; "": it has */
};

struct worker {
	struct backworker w;
	uint64_t largest;	/* bytes: what its files may grow to */
	uint32_t share;		/* pages that it was told it may have mapped; 0: none yet */
};

/* Both begin with what is common. */
static struct device *device_of(struct backdev *v)
{
	return (struct device *)v;
}

static struct worker *worker_of(struct backworker *w)
{
	return (struct worker *)w;
}

/* Gives each worker that runs its part of the pages that can be mapped. */
static void share_out(void)
{
	struct disk_order o = { .head.kind = ORDER_SHARE };
	uint32_t nr = 0;

	for (struct backworker *w = super.workers; w; w = w->next)
		nr += w->pid != 0;
	o.share = share_of(nr);
	for (struct backworker *w = super.workers; w; w = w->next) {
		if (!w->pid || worker_of(w)->share == o.share)
			continue;
		worker_of(w)->share = o.share;
		backworker_send(w, &o.head, NULL, 0);
	}
}

static void started(struct backworker *w)
{
	worker_of(w)->share = 0;
	worker_of(w)->largest = 0;
	share_out();
}

/* ------------------------------------------------------------------------------------------------
 * Images and their servers
 */

static void end_server(struct device *v)
{
	if (!v->server)
		return;
	if (!open_server_end(v->server, SERVER_MS))
		log_line("domain %u, disk %u: its qemu-nbd did not end by itself", v->dev.domid,
			 v->dev.devid);
	close(v->server_fd);
	v->server = 0;
}

static void release(struct backdev *v)
{
	end_server(device_of(v));
}

/*
 * One that ended by itself has written everything: it is started again, and what was under way is
 * done again from the journal. One that did not had, with an image in a format, parts of the image
 * in memory: what the guest takes for written may be lost. It must not be given that disk again as
 * if nothing were.
 */
static void server_ended(struct device *v)
{
	enum phase phase = v->dev.phase;
	int status = 0;
	bool clean;

	/* An event that came before the last one was replaced means another. */
	if (waitpid(v->server, &status, WNOHANG) != v->server)
		return;
	clean = WIFEXITED(status) && !WEXITSTATUS(status);
	close(v->server_fd);
	v->server = 0;
	if (phase == PHASE_NEW || phase == PHASE_OVER || phase == PHASE_DETACHING)
		return;
	if (clean || v->remote)
		log_line("domain %u, disk %u: its qemu-nbd ended and is started again",
			 v->dev.domid, v->dev.devid);
	else
		backdev_fail(&v->dev,
			     "its qemu-nbd was killed, and writes that were not flushed may be "
			     "lost; destroy the guest, look at the image with qemu-img check, and "
			     "create it again");
	if (v->dev.worker->pid)
		kill(v->dev.worker->pid, SIGKILL);
}

static bool ready(struct backdev *v, const void *source)
{
	struct device *d = device_of(v);

	if (source != &d->server_fd || !d->server)
		return false;
	server_ended(d);
	return true;
}

/*
 * Until the worker before this one has ended, and all of its I/O, nothing is opened: a block device
 * would say that it is in use, and the new worker would wait, with all its other disks. A server
 * that had this disk before us, or before the worker that died, writes what it has.
 */
static bool is_used(struct backdev *v)
{
	if (files_worked(super.options.run, v->domid, v->devid))
		return true;
	end_server(device_of(v));
	return files_served(super.options.run, v->domid, v->devid);
}

/* A worker may write to what it is given, and not make it larger. 0 or a negative errno. */
static int allow(struct worker *w, const struct stat *st)
{
	if (!S_ISREG(st->st_mode) || (uint64_t)st->st_size <= w->largest)
		return 0;
	w->largest = (uint64_t)st->st_size;
	return process_files(w->w.pid, w->largest);
}

/*
 * An image is made larger between one server of it and the next. What goes wrong with that is for
 * whoever asked, and not for the guest: it goes on with what it had.
 */
static void enlarge(struct device *v, const struct open_spec *spec)
{
	if (!v->resize_to)
		return;
	if (server_resize(spec, v->resize_to, v->resize_error, sizeof(v->resize_error)))
		back_say(&v->dev, "%s", v->resize_error);
	v->resize_to = 0;
}

/* When one whose opening began at @begin and failed is tried again, in ms from now. */
static uint32_t pause_after(struct device *v, uint64_t begin)
{
	uint64_t now = daemon_now(), took = now - begin;

	if (took < SLOW_MS)
		return PAUSE_MS;
	v->pause = took > 2 * v->pause ? (uint32_t)took : 2 * v->pause;
	if (v->pause > SLOW_MAX_MS)
		v->pause = SLOW_MAX_MS;
	v->not_before = now + v->pause;
	return v->pause;
}

static void open_it(struct backdev *dev)
{
	struct device *v = device_of(dev);
	uint64_t begin = daemon_now();
	int journal = room_open(super.options.run, dev->domid, dev->devid);
	char *format = back_read(dev, "format"), *params = back_read(dev, "params");
	char *mode = back_read(dev, "mode"), *data_mode = back_read(dev, "data-mode");
	struct open_spec spec = { .format = format ? format : "raw", .params = params,
				  .readonly = !mode || !strchr(mode, 'w'),
				  .shared = back_number(dev, "shared", 0),
				  .uid = super.options.uid + dev->domid };
	struct disk_order o = { .head.kind = ORDER_ATTACH, .iops = back_number(dev, "iops", 0),
			   .bps = back_number(dev, "bps", 0) };
	struct open_image image = { .fd = -1 };
	char text[OPEN_TEXT] = "it has no params; give it a target", lock[PATH_MAX];
	struct stat st;
	int error = params ? 0 : -ENOENT;

	dev->state = back_number(dev, "state", 0);
	/* What could not be read is not what is not there: no image is raw for that. */
	if (xs_unsure(super.store)) {
		backdev_again(dev, PAUSE_MS, "the store does not say what it is");
		goto out;
	}
	if (backdev_must_wait(dev, is_used(dev)))
		goto out;
	snprintf(lock, sizeof(lock), "%s/%u-%u.lock", super.options.run, dev->domid,
		 dev->devid);
	spec.lock = strcmp(spec.format, "raw") ? lock : NULL;
	if (!error && journal < 0) {
		error = journal;
		snprintf(text, sizeof(text), "cannot make a journal in %.100s: %s",
			 super.options.run, strerror(-error));
	}
	if (!error)
		enlarge(v, &spec);
	if (!error)
		error = open_image(&spec, &image, text, sizeof(text));
	if (!error) {
		error = fstat(image.fd, &st) ? -errno : allow(worker_of(dev->worker), &st);
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
		v->raw = !image.nbd;
		if (v->server) {
			v->server_fd = (int)syscall(SYS_pidfd_open, v->server, 0);
			if (v->server_fd >= 0)
				super_watch(v->server_fd, &v->server_fd);
		}
		backdev_give(dev, &o.head, fds, 2);
	} else if (dev->state == XenbusStateConnected || error == -EBUSY) {
		/* It was served before, and a guest waits: what is wrong may pass. */
		backdev_again(dev, pause_after(v, begin), text);
	} else {
		backdev_fail(dev, text);
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

/* News of it, which its guest can make, are no reason to try it sooner. */
static void attach(struct backdev *dev)
{
	uint64_t now = daemon_now(), then = device_of(dev)->not_before;

	if (now < then)
		backdev_again(dev, (uint32_t)(then - now), NULL);
	else
		open_it(dev);
}

/* ------------------------------------------------------------------------------------------------
 * Frontends
 */

/* As much of the journal as this connection needs has memory. 0 or a negative errno. */
static int make_room(const struct backdev *v, const struct journal_connection *c)
{
	int fd = room_open(super.options.run, v->domid, v->devid);
	int error = fd < 0 ? fd : room_make(fd, c->nr_queues, c->ring_order);

	if (fd >= 0)
		close(fd);
	return error;
}

static void connect_frontend(struct backdev *v)
{
	struct disk_order o = { .head.kind = ORDER_CONNECT };
	char path[96], text[256];
	const char *wrong;
	int error;

	front_path(v, path, sizeof(path));
	wrong = node_connection(super.store, path, &o.connection);
	o.connection.nonce = back_number(v, "connection", 0);
	if (!backdev_sound(v, wrong))
		return;
	error = make_room(v, &o.connection);
	if (error) {
		snprintf(text, sizeof(text), "cannot make room for its journal in %.100s: %s",
			 super.options.run, strerror(-error));
		backdev_refuse(v, text);
		return;
	}
	if (!o.connection.persistent)
		gntdev_hasten();
	backdev_give(v, &o.head, NULL, 0);
}

/* What the disk in @r is, for its frontend. False: the store does not say all of it. */
static bool describe(const struct backdev *v, const struct disk_report *r)
{
	char *type = back_read(v, "device-type"), *data_mode = back_read(v, "data-mode");
	bool window = data_mode && !strcmp(data_mode, "window");
	unsigned int info = 0;

	if (type && !strcmp(type, "cdrom"))
		info |= VDISK_CDROM;
	if (back_number(v, "removable", 0))
		info |= VDISK_REMOVABLE;
	if (r->flags & DISK_READONLY)
		info |= VDISK_READONLY;
	free(type);
	free(data_mode);
	if (xs_unsure(super.store))
		return false;
	back_write(v, "sectors", "%llu", (unsigned long long)r->sectors);
	back_write(v, "sector-size", "%u", r->sector_size);
	back_write(v, "physical-sector-size", "%u", r->physical_sector_size);
	back_write(v, "info", "%u", info);
	back_write(v, "feature-persistent", "%d", !window);
	back_write(v, "feature-max-indirect-segments", "%u", REQUEST_SEGMENTS);
	back_write(v, "max-ring-page-order", "%u", JOURNAL_ORDER_MAX);
	back_write(v, "multi-queue-max-queues", "%u", JOURNAL_QUEUES);
	back_write(v, "feature-flush-cache", "1");
	back_write(v, "feature-barrier", "1");
	back_write(v, "feature-discard", "%d", !!(r->flags & DISK_DISCARD));
	if (r->flags & DISK_DISCARD) {
		back_write(v, "discard-granularity", "%u",
			   r->discard_granularity ? r->discard_granularity : r->sector_size);
		back_write(v, "discard-alignment", "0");
		back_write(v, "discard-secure", "0");
	}
	back_write(v, "hotplug-status", "connected");
	return true;
}

static bool sane(const struct disk_report *r)
{
	uint32_t s = r->sector_size;

	return s >= 512 && s <= 4096 && !(s & (s - 1)) && r->physical_sector_size >= s &&
	       r->sectors <= UINT64_MAX / 512;
}

static bool attached(struct backdev *v, const struct report *report)
{
	struct disk_report r;

	memcpy(&r, report, sizeof(r));
	if (!sane(&r))
		return false;
	device_of(v)->sectors = r.sectors;
	device_of(v)->pause = 0;
	device_of(v)->reopened = true;
	if (describe(v, &r))
		return true;
	/* It cannot be said what it is, and its worker has it: all is begun anew. */
	kill(v->worker->pid, SIGKILL);
	return false;
}

/* ------------------------------------------------------------------------------------------------
 * Sizes
 */

/* Says how large it is now, to the frontend first, and then to who asked for it. */
static void resized(struct device *v)
{
	uint64_t number = v->resizing;

	if (back_write(&v->dev, "sectors", "%llu", (unsigned long long)v->sectors))
		return;
	/* Written again, it makes a frontend look. */
	if (v->dev.phase == PHASE_CONNECTED)
		set_state(&v->dev, XenbusStateConnected);
	if (!number)
		return;
	if (v->resize_error[0])
		back_write(&v->dev, "resized", "%llu %s", (unsigned long long)number,
			   v->resize_error);
	else
		back_write(&v->dev, "resized", "%llu", (unsigned long long)number);
	v->resizing = 0;
}

/* What "resize" has, a number that is not 0 and bytes; false: nothing that is to be done. */
static bool resize_asked(struct backdev *v, uint64_t *number, uint64_t *bytes)
{
	char *ask = back_read(v, "resize"), *done = ask ? back_read(v, "resized") : NULL;
	char *rest = ask ? strchr(ask, ' ') : NULL;
	uint64_t answered = 0;
	bool sound = false;

	if (rest)
		*rest++ = '\0';
	if (done && strchr(done, ' '))
		*strchr(done, ' ') = '\0';
	if (rest && !number_parse(ask, UINT64_MAX, number) && *number &&
	    !number_parse(rest, INT64_MAX, bytes))
		sound = true;
	if (done && number_parse(done, UINT64_MAX, &answered))
		answered = 0;
	free(ask);
	free(done);
	if (xs_unsure(super.store)) {
		v->changed = true;
		return false;
	}
	return sound && answered != *number;
}

/*
 * The toolstack asks for another size, or for a look at the one that there is. A file or a device
 * has become larger already; what a server serves is opened anew for that, as after a kill: it asks
 * for the size of an image once, when it opens it.
 */
static void requested(struct backdev *dev)
{
	struct disk_order o = { .head = { .kind = ORDER_RESIZE, .domid = dev->domid,
					  .devid = dev->devid } };
	struct device *v = device_of(dev);
	uint64_t number = 0, bytes = 0;
	char *params;
	struct stat st;

	if (!resize_asked(dev, &number, &bytes))
		return;
	if (!v->raw && v->resizing == number) {
		if (v->reopened)
			resized(v);
		return;
	}
	v->resizing = number;
	v->resize_error[0] = '\0';
	if (!v->raw) {
		v->reopened = false;
		v->resize_to = v->remote ? 0 : bytes;
		back_say(dev, "its image is opened anew, for another size");
		kill(dev->worker->pid, SIGKILL);
		return;
	}
	params = back_read(dev, "params");
	/* The worker has the file, whatever has its name by now: more is allowed, and no less. */
	if (params && !stat(params, &st))
		allow(worker_of(dev->worker), &st);
	free(params);
	backworker_send(dev->worker, &o.head, NULL, 0);
}

static bool reported(struct backdev *v, const struct report *report)
{
	struct disk_report r;

	memcpy(&r, report, sizeof(r));
	if (r.head.kind != REPORT_RESIZED || r.sectors > UINT64_MAX / 512 ||
	    (v->phase != PHASE_CONNECTED && v->phase != PHASE_WAITING))
		return false;
	device_of(v)->sectors = r.sectors;
	resized(device_of(v));
	return false;
}

static const struct backend hvblkd = {
	.name = "hvblkd",
	.what = "disk",
	.back = "hvblk",
	.front = "vbd",
	.too_many = "the domain has too many disks already; give it to dom0's kernel",
	.devices_max = DISKS_MAX,
	.disconnect_ms = DISCONNECT_MS,
	.reports = { .burst = 1000, .period = 10000 },
	.device_size = sizeof(struct device),
	.worker_size = sizeof(struct worker),
	.order_size = sizeof(struct disk_order),
	.report_size = sizeof(struct disk_report),
	.started = started,
	.dropped = share_out,
	.attach = attach,
	.attached = attached,
	.connect = connect_frontend,
	.request = "resize",
	.requested = requested,
	.reported = reported,
	.release = release,
	.ready = ready,
};

int super_main(const struct super_options *options)
{
	return super_run(&hvblkd, options);
}
