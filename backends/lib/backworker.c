// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/lib/backworker.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/lib/backkeys.h"
#include "backends/lib/channel.h"
#include "backends/lib/process.h"
#include "backends/lib/super.h"
#include "libhvctl/store/daemon.h"
#include "libhvctl/store/log.h"

/* A worker that dies younger than this is not started again at once. */
#define YOUNG_MS	1000
/* Of any daemon's reports. */
#define REPORT_MAX	256u
/* That are taken in one turn: others want theirs, too. */
#define REPORTS_TURN	16u

struct backworker *backworker_find(domid_t domid)
{
	struct backworker *w = super.workers;

	while (w && !super.backend->one_worker && w->domid != domid)
		w = w->next;
	return w;
}

struct backworker *backworker_get(domid_t domid)
{
	struct backworker *w = backworker_find(domid);

	if (w)
		return w;
	w = calloc(1, super.backend->worker_size);
	if (!w)
		return NULL;
	w->domid = super.backend->one_worker ? 0 : domid;
	w->pidfd = w->channel = -1;
	w->next = super.workers;
	super.workers = w;
	return w;
}

bool backworker_may_say(struct line_budget *lines, const char *payer)
{
	static const struct budget_rate rate = { .burst = 20, .period = 60000 };
	uint64_t missing = 0;
	bool may = line_budget_take(lines, &rate, daemon_now(), &missing);

	if (may && missing)
		log_line("%s: %llu lines suppressed", payer, (unsigned long long)missing);
	return may;
}

__attribute__((format(printf, 2, 3)))
static void say(struct backworker *w, const char *format, ...)
{
	bool one = super.backend->one_worker;
	char payer[32], text[160];
	va_list args;

	snprintf(payer, sizeof(payer), "the worker");
	if (!one)
		snprintf(payer, sizeof(payer), "domain %u", w->domid);
	if (!backworker_may_say(&w->lines, payer))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_line("%s%s %s", payer, one ? "" : ": its worker", text);
}

int backworker_start(struct backworker *w)
{
	struct process process;
	int error = process_start(w->domid, super.options.uid + w->domid, &process);

	if (!error)
		error = super_watch(process.pidfd, &w->pidfd);
	if (!error)
		error = super_watch(process.channel, &w->channel);
	if (error) {
		process_drop(&process);
		return error;
	}
	w->pid = process.pid;
	w->pidfd = process.pidfd;
	w->channel = process.channel;
	w->started = daemon_now();
	/* The one before it may have used all of it up. */
	w->reports = (struct budget){ 0 };
	super.backend->started(w);
	return 0;
}

void backworker_send(struct backworker *w, const struct order *o, const int *fds, unsigned int nr)
{
	/* One that is dead, or takes nothing, is followed by one that is given everything anew. */
	if (w->pid && channel_send(w->channel, o, super.backend->order_size, fds, nr))
		kill(w->pid, SIGKILL);
}

static void take_report(struct backworker *w, struct backdev *v, struct report *r)
{
	r->text[sizeof(r->text) - 1] = '\0';
	for (char *c = r->text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	if (v)
		backdev_report(v, r);
	else if (r->kind == REPORT_FAILED && r->domid == UINT32_MAX)
		say(w, "says: %s", r->text);
}

void backworker_listen(struct backworker *w)
{
	union {
		struct report head;
		char room[REPORT_MAX];
	} r;
	int fds[2], got = 0;

	for (unsigned int n = 0; n < REPORTS_TURN; n++) {
		struct backdev *v = w->devices;

		got = channel_receive(w->channel, &r, super.backend->report_size, fds);
		/* It has nothing to give us. */
		for (int i = 0; i < 2; i++)
			if (fds[i] >= 0) {
				close(fds[i]);
				got = -EPROTO;
			}
		while (got > 0 && v && (v->domid != r.head.domid || v->devid != r.head.devid))
			v = v->next;
		/* What ends an order is said as often as we give one. */
		if (got > 0 && !backdev_answers(v, &r.head) &&
		    !budget_take(&w->reports, &super.backend->reports, 1, daemon_now())) {
			say(w, "talks too much, and is ended");
			got = -EPROTO;
		}
		if (got <= 0)
			break;
		take_report(w, v, &r.head);
	}
	/* Its end is told by the pidfd. What is no report is the work of somebody else. */
	if (got < 0) {
		epoll_ctl(super.epoll, EPOLL_CTL_DEL, w->channel, NULL);
		kill(w->pid, SIGKILL);
	}
}

void backworker_ended(struct backworker *w)
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
		say(w, "ended (%s %d) and is started again",
		    WIFSIGNALED(status) ? "signal" : "status",
		    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	w->not_before = now - w->started < YOUNG_MS ? now + PAUSE_MS : now;
	for (struct backdev *v = w->devices; v; v = v->next)
		if (v->phase != PHASE_OVER)
			v->phase = v->phase == PHASE_DETACHING ? PHASE_OVER : PHASE_NEW;
}

/* ------------------------------------------------------------------------------------------------
 * Their times
 */

/* What a wait of @timeout ms, -1 for ever, is cut to by something at @when. */
static int sooner(int timeout, uint64_t when, uint64_t now)
{
	int wait = when > now ? (int)(when - now) : 0;

	return timeout < 0 || wait < timeout ? wait : timeout;
}

/* Looks at all of its devices, or at those that are to be attached again by now. */
static void look_at_devices(struct backworker *w, bool all, uint64_t now)
{
	struct backdev *next;

	for (struct backdev *v = w->devices; v; v = next) {
		bool due = backdev_waits(v) && now >= v->retry_at;

		next = v->next;
		if (due)
			v->retry_at = 0;
		if (due || all)
			backdev_look(v);
	}
}

/* One that does not do as it is told is of no use; the next one may be. */
static void end_late(struct backworker *w, struct backdev *v, uint64_t now)
{
	if (now < v->deadline)
		return;
	back_say(v, "%s worker does not do as it is told, and is ended",
		 super.backend->one_worker ? "the" : "its");
	kill(w->pid, SIGKILL);
	v->deadline = now + ORDER_MS;
}

static int run_worker(struct backworker *w, uint64_t now)
{
	bool starts = !w->pid && w->devices;
	int timeout = -1;

	if (starts && now >= w->not_before && backworker_start(w))
		w->not_before = now + PAUSE_MS;
	if (starts && !w->pid)
		return sooner(-1, w->not_before, now);
	if (!w->pid)
		return -1;
	look_at_devices(w, starts, now);
	for (struct backdev *v = w->devices; v; v = v->next) {
		if (backdev_waits(v))
			timeout = sooner(timeout, v->retry_at, now);
		if (!backdev_has_order(v))
			continue;
		end_late(w, v, now);
		timeout = sooner(timeout, v->deadline, now);
	}
	/* Its channel closed, one without devices ends. */
	if (!w->devices)
		shutdown(w->channel, SHUT_RDWR);
	return timeout;
}

int backworkers_run(void)
{
	struct backworker **at = &super.workers, *w;
	uint64_t now = daemon_now();
	int timeout = -1;

	while ((w = *at)) {
		int wait = run_worker(w, now);

		if (wait >= 0 && (timeout < 0 || wait < timeout))
			timeout = wait;
		if (w->pid || w->devices) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		free(w);
		if (super.backend->dropped)
			super.backend->dropped();
	}
	return timeout;
}
