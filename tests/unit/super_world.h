/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For a backend's supervisor: workers that are the other ends of their channels, files of none. */
#ifndef ANNULUS_TESTS_UNIT_SUPER_WORLD_H
#define ANNULUS_TESTS_UNIT_SUPER_WORLD_H

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backends/lib/backstore.h"
#include "backends/lib/backworker.h"
#include "backends/lib/channel.h"
#include "backends/lib/files.h"
#include "backends/lib/process.h"
#include "backends/lib/super.h"
#include "store_table.h"

static int other = -1;			/* the end of the worker that was started last */
static bool worked, served;		/* somebody has the journals, or the images */
static unsigned int dropped;		/* devices whose files went */

static int open_nothing(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

bool files_worked(const char *run, domid_t domid, uint32_t devid)
{
	(void)run;
	(void)domid;
	(void)devid;
	return worked;
}

bool files_served(const char *run, domid_t domid, uint32_t devid)
{
	(void)run;
	(void)domid;
	(void)devid;
	return served;
}

void files_drop(const char *run, domid_t domid, uint32_t devid)
{
	(void)run;
	(void)domid;
	(void)devid;
	dropped++;
}

void files_clean(const char *run, bool (*wanted)(domid_t domid, uint32_t devid))
{
	(void)run;
	(void)wanted;
}

/* A child that stands for it. */
int process_start(domid_t domid, uid_t uid, struct process *p)
{
	int pair[2];

	(void)domid;
	(void)uid;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		abort();
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	p->channel = pair[0];
	if (other >= 0)
		close(other);
	other = pair[1];
	p->pid = fork();
	if (!p->pid) {
		pause();
		_exit(0);
	}
	p->pidfd = eventfd(0, EFD_CLOEXEC);
	return 0;
}

void process_drop(struct process *p)
{
	(void)p;
}

/* A worker of @domid with no devices yet. */
static void super_begin(const struct backend *backend, domid_t domid)
{
	struct backworker *w;

	table_init();
	memset(&super, 0, sizeof(super));
	worked = served = false;
	dropped = 0;
	super.backend = backend;
	super.store = (struct xs *)&table;
	super.options.run = "/nowhere";
	super.epoll = epoll_create1(EPOLL_CLOEXEC);
	other = -1;
	w = backworker_get(domid);
	if (!w || backworker_start(w))
		abort();
}

static void end_worker(struct backworker *w)
{
	kill(w->pid, SIGKILL);
	while (w->pid)
		backworker_ended(w);
}

static void super_end(void)
{
	struct backworker *w = super.workers;

	if (w->pid)
		end_worker(w);
	while (w->devices) {
		struct backdev *v = w->devices;

		w->devices = v->next;
		free(v);
	}
	free(w);
	close(other);
	close(super.epoll);
}

static bool killed(const struct backworker *w)
{
	siginfo_t info = { 0 };

	/* One that was killed may take a moment to be over; one that was not says so at once. */
	kill(w->pid, SIGCONT);
	for (int i = 0; i < 100 && !info.si_pid; i++) {
		struct timespec ms = { .tv_nsec = 1000000 };

		waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOHANG | WNOWAIT);
		if (!info.si_pid)
			nanosleep(&ms, NULL);
	}
	return info.si_pid && info.si_status == SIGKILL;
}

/* What the worker was told since it was looked last, in @o; false: nothing. */
static bool take_order(struct order *o)
{
	int fds[2];

	if (channel_receive(other, o, super.backend->order_size, fds) <= 0)
		return false;
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return true;
}

/* All that wait are looked at, for @ms. @obey: what the worker does meanwhile, or NULL. */
static void pass(unsigned int ms, void (*obey)(void))
{
	for (uint64_t until = now_ms + ms; now_ms < until; now_ms += NEWS_MS) {
		backworkers_run();
		backstore_look();
		if (obey)
			obey();
	}
}

#endif
