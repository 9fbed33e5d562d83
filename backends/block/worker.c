// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A worker: one thread, one loop. When its channel closes it just ends; what it had begun is in the
 * journals, and whoever comes next waits at their locks until the kernel has let go of everything.
 */
#include "backends/block/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "backends/block/disk.h"
#include "backends/block/orders.h"
#include "backends/lib/cage.h"
#include "backends/lib/channel.h"
#include "backends/lib/gntdev.h"
#include "libhvctl/store/evtchn.h"

/* Operations of raw images at once, all disks together. */
#define RAW_DEPTH	256u

struct worker {
	domid_t domid;
	pid_t pid;
	int channel, epoll, gntdev;
	struct notices notices;		/* has the descriptor of evtchn */
	struct share share;
	struct raw_engine *engine;
	struct disk *disks;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ------------------------------------------------------------------------------------------------
 * Reports
 */

static void report(struct worker *w, uint32_t kind, uint32_t devid, const struct disk_report *more)
{
	struct disk_report r = { 0 };

	if (more)
		r = *more;
	r.head.kind = kind;
	r.head.domid = devid == UINT32_MAX ? UINT32_MAX : w->domid;
	r.head.devid = devid;
	/* Whoever does not take this has gone, and we go as well. */
	if (channel_send(w->channel, &r, sizeof(r), NULL, 0))
		_exit(0);
}

static void report_failed(struct worker *w, uint32_t devid, const char *what, int error)
{
	struct disk_report r = { 0 };

	if (error)
		snprintf(r.head.text, sizeof(r.head.text), "%s: %s", what, strerror(-error));
	else
		snprintf(r.head.text, sizeof(r.head.text), "%s", what);
	report(w, REPORT_FAILED, devid, &r);
}

/* ------------------------------------------------------------------------------------------------
 * Orders
 */

static struct disk *find_disk(const struct worker *w, uint32_t devid)
{
	struct disk *d = w->disks;

	while (d && d->devid != devid)
		d = d->next;
	return d;
}

static int poll_image(struct worker *w, struct image *image, int what)
{
	int fd = image->ops->poll_fd(image);
	short events = image->ops->poll_events(image);
	struct epoll_event e = { .events = (uint32_t)events, .data.ptr = image };

	if (fd < 0)
		return 0;
	return epoll_ctl(w->epoll, what, fd, &e) ? -errno : 0;
}

/*
 * A worker before us may still be ending: the lock is free when none of its I/O is left. It is the
 * open file's, and stays as long as a mapping does.
 */
static int lock_journal(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	while (fcntl(fd, F_OFD_SETLKW, &lock))
		if (errno != EINTR)
			return -errno;
	return 0;
}

static void attach(struct worker *w, const struct disk_order *o, int fds[2])
{
	unsigned int flags = o->flags & ATTACH_READONLY ? IMAGE_READONLY : 0;
	struct disk_report r = { 0 };
	struct journal *journal = MAP_FAILED;
	struct image *image = NULL;
	struct disk *d = NULL;
	int error;

	if (fds[0] < 0 || fds[1] < 0 || find_disk(w, o->head.devid)) {
		report_failed(w, o->head.devid, "impossible order", 0);
		goto failed;
	}
	error = lock_journal(fds[1]);
	if (error) {
		report_failed(w, o->head.devid, "cannot lock the journal", error);
		goto failed;
	}
	journal = mmap(NULL, sizeof(*journal), PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
	if (journal == MAP_FAILED) {
		report_failed(w, o->head.devid, "cannot map the journal", -errno);
		goto failed;
	}
	/* Who has no descriptor of it cannot make it larger. */
	close(fds[1]);
	fds[1] = -1;
	image = o->flags & ATTACH_NBD ? image_nbd_attach(fds[0], flags) :
					image_raw_attach(w->engine, fds[0], flags);
	if (!image) {
		report_failed(w, o->head.devid, "cannot use the image", -errno);
		goto failed;
	}
	fds[0] = -1;
	d = disk_new(o->head.devid, w->domid, w->gntdev, &w->notices, &w->share, image, journal);
	error = d ? poll_image(w, image, EPOLL_CTL_ADD) : -errno;
	if (error) {
		report_failed(w, o->head.devid, "cannot serve the disk", error);
		goto failed;
	}
	d->window = o->flags & ATTACH_WINDOW;
	limit_set(&d->iops, o->iops, now_ns());
	limit_set(&d->bps, o->bps, now_ns());
	d->next = w->disks;
	w->disks = d;
	r.sectors = d->limits.sectors;
	r.sector_size = image->sector_size;
	r.physical_sector_size = image->physical_sector_size ? image->physical_sector_size
							     : image->sector_size;
	r.discard_granularity = image->discard_granularity;
	r.flags = (image->readonly ? DISK_READONLY : 0) | (d->limits.discard ? DISK_DISCARD : 0);
	report(w, REPORT_ATTACHED, o->head.devid, &r);
	return;
failed:
	if (image)
		image->ops->close(image);
	free(d);
	if (journal != MAP_FAILED)
		munmap(journal, sizeof(*journal));
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void detach(struct worker *w, struct disk *d)
{
	struct disk **at = &w->disks;
	uint32_t devid = d->devid;

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	disk_free(d);
	report(w, REPORT_DETACHED, devid, NULL);
}

static void resize(struct worker *w, struct disk *d)
{
	struct disk_report r = { 0 };

	if (d->image->ops->poll_fd(d->image) < 0)
		image_raw_resize(d->image);
	disk_resized(d);
	r.sectors = d->limits.sectors;
	report(w, REPORT_RESIZED, d->devid, &r);
}

static void obey(struct worker *w, const struct disk_order *o, int fds[2])
{
	struct disk *d = find_disk(w, o->head.devid);
	struct disk_report r = { 0 };
	bool taken_over = false;
	int error;

	if (o->head.kind == ORDER_ATTACH) {
		attach(w, o, fds);
		return;
	}
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (o->head.kind == ORDER_SHARE) {
		w->share.max = o->share;
		return;
	}
	if (!d) {
		report_failed(w, o->head.devid, "no such disk", 0);
		return;
	}
	switch (o->head.kind) {
	case ORDER_CONNECT:
		error = disk_connect(d, &o->connection, &taken_over);
		if (error) {
			report_failed(w, o->head.devid, "cannot connect to the frontend", error);
			break;
		}
		r.head.taken_over = taken_over;
		report(w, REPORT_CONNECTED, o->head.devid, &r);
		break;
	case ORDER_DISCONNECT:
		if (d->connected) {
			disk_disconnect(d);
			break;
		}
		journal_end(d->journal);
		report(w, REPORT_DISCONNECTED, d->devid, NULL);
		break;
	case ORDER_DETACH:
		if (d->connected)
			report_failed(w, o->head.devid, "still connected", 0);
		else
			detach(w, d);
		break;
	case ORDER_RESIZE:
		resize(w, d);
		break;
	case ORDER_LIMITS:
		limit_set(&d->iops, o->iops, now_ns());
		limit_set(&d->bps, o->bps, now_ns());
		break;
	default:
		report_failed(w, o->head.devid, "unknown order", 0);
	}
}

/* Returns whether the channel is there still. */
static bool take_orders(struct worker *w)
{
	struct disk_order o;
	int fds[2], got;

	while ((got = channel_receive(w->channel, &o, sizeof(o), fds)) > 0)
		obey(w, &o, fds);
	return got == 0;
}

/* ------------------------------------------------------------------------------------------------
 * The loop
 */

static void take_events(struct worker *w)
{
	uint32_t ports[64];
	int n = evtchn_take(w->notices.evtchn, ports, sizeof(ports) / sizeof(ports[0]));

	/* Its buffer overflowed or so: who comes next looks at everything. */
	if (n < 0)
		_exit(1);
	for (int i = 0; i < n; i++) {
		struct disk *d = w->disks;

		if (notices_event(&w->notices, ports[i]))
			continue;
		while (d && !disk_port(d, ports[i]))
			d = d->next;
		/* That of a disk which is not there any more: it may stay masked. */
	}
}

/* Once around all disks. Returns milliseconds that the next round has time, -1: until something. */
static int run_disks(struct worker *w)
{
	uint64_t now = now_ns(), wake = 0;
	bool more = false;

	w->share.refused = false;
	for (struct disk *d = w->disks; d; d = d->next) {
		more |= disk_run(d, now);
		if (d->wake && (!wake || d->wake < wake))
			wake = d->wake;
		if (d->age && (!wake || d->age < wake))
			wake = d->age;
		if (d->broken && !d->broken_told) {
			d->broken_told = true;
			report_failed(w, d->devid, d->broken, 0);
		}
		if (d->closing && d->connected && disk_idle(d)) {
			disk_released(d);
			report(w, REPORT_DISCONNECTED, d->devid, NULL);
		}
		if (d->image->ops->poll_fd(d->image) >= 0)
			poll_image(w, d->image, EPOLL_CTL_MOD);
	}
	/* What one could not take has become free behind its back. */
	if (more || (w->share.refused && !share_full(&w->share)))
		return 0;
	return wake ? (int)((wake - now) / 1000000 + 1) : -1;
}

static int loop(struct worker *w)
{
	struct epoll_event events[16];
	int timeout = -1;

	for (;;) {
		int n = epoll_wait(w->epoll, events, sizeof(events) / sizeof(events[0]), timeout);

		if (n < 0 && errno != EINTR)
			return 1;
		for (int i = 0; i < n; i++) {
			void *source = events[i].data.ptr;

			if (source == &w->channel) {
				/* An order may take away a disk that has an event here. */
				if (!take_orders(w))
					return 0;
				break;
			}
			if (source == &w->notices)
				take_events(w);
			else if (source == w->engine)
				raw_engine_dispatch(w->engine);
			else
				((struct image *)source)->ops->dispatch(source);
		}
		timeout = run_disks(w);
	}
}

/* ------------------------------------------------------------------------------------------------
 * The keeper
 */

/*
 * Another process with the worker's memory and descriptors, which does nothing but outlive it: it
 * waits for the end of its I/O, and for the kernel to let go of the pages, before they go. What the
 * kernel does by itself when a process ends with native I/O under way leaves the latter to chance.
 * The journals' locks go with the last of the two.
 */
static int keeper(void *argument)
{
	struct worker *w = argument;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	/* Blocked by the worker before we began; sent by the kernel when it ends. */
	if (prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0) || prctl(PR_SET_NAME, "hvblkd-keeper") ||
	    cage_filter())
		_exit(1);
	while (getppid() == w->pid)
		sigtimedwait(&set, NULL, NULL);
	raw_engine_drain(w->engine);
	gntdev_settle();
	_exit(0);
}

static int keeper_start(void *argument)
{
	static char stack[32 << 10] __attribute__((aligned(16)));
	struct worker *w = argument;
	sigset_t set;

	w->pid = getpid();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL) ||
	    clone(keeper, stack + sizeof(stack), CLONE_VM | CLONE_FILES, w) < 0)
		return -errno;
	return 0;
}

static int watch(struct worker *w, int fd, void *source)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = source };

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

int worker_main(int channel, domid_t domid, uid_t id)
{
	static struct worker w;
	const char *what = "the descriptors to wait for";
	int error;

	w.domid = domid;
	w.share.max = SHARE_MIN;
	w.channel = channel;
	w.epoll = epoll_create1(EPOLL_CLOEXEC);
	error = w.epoll < 0 ? -errno : watch(&w, channel, &w.channel);
	if (!error) {
		what = "gntdev";
		w.gntdev = gntdev_open();
		error = w.gntdev < 0 ? w.gntdev : 0;
	}
	if (!error) {
		what = "evtchn";
		error = evtchn_open();
		if (error >= 0)
			error = notices_open(&w.notices, error);
	}
	if (!error)
		error = watch(&w, w.notices.evtchn, &w.notices);
	/* After our own channels are made, and before anything of the guest is seen. */
	if (!error)
		error = evtchn_restrict(w.notices.evtchn, domid);
	if (!error) {
		what = "asynchronous I/O";
		w.engine = raw_engine_new(RAW_DEPTH);
		error = w.engine ? watch(&w, raw_engine_fd(w.engine), w.engine) : -errno;
	}
	if (!error)
		error = cage_enter(id, keeper_start, &w, &what);
	if (error) {
		report_failed(&w, UINT32_MAX, what, error);
		return 1;
	}
	return loop(&w);
}
