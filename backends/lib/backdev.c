// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/lib/backdev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/lib/backkeys.h"
#include "backends/lib/backworker.h"
#include "backends/lib/files.h"
#include "backends/lib/super.h"
#include "libhvctl/store/daemon.h"

/* Of any daemon's orders. */
#define ORDER_MAX	512u
/* Until somebody who has a device still is looked for again, and until that is worth a line. */
#define BUSY_MS		50
#define LONG_BUSY_MS	5000

struct backdev *backdev_find(domid_t domid, uint32_t devid)
{
	struct backworker *w = backworker_find(domid);
	struct backdev *v = w ? w->devices : NULL;

	while (v && (v->domid != domid || v->devid != devid))
		v = v->next;
	return v;
}

void backdev_add(domid_t domid, uint32_t devid)
{
	struct backworker *w = backworker_get(domid);
	struct backdev *v = w ? calloc(1, super.backend->device_size) : NULL;
	unsigned int nr = 0;

	if (!v)
		return;
	v->worker = w;
	v->domid = domid;
	v->devid = devid;
	/* One that is being removed already is nothing to begin with. */
	if (!back_there(v)) {
		free(v);
		return;
	}
	for (const struct backdev *other = w->devices; other; other = other->next)
		nr++;
	if (nr >= super.backend->devices_max) {
		backdev_fail(v, super.backend->too_many);
		free(v);
		return;
	}
	v->next = w->devices;
	w->devices = v;
	v->changed = true;
	front_watch(v);
}

static void forget(struct backdev *v)
{
	struct backdev **at = &v->worker->devices;

	front_unwatch(v);
	files_drop(super.options.run, v->domid, v->devid);
	while (*at != v)
		at = &(*at)->next;
	*at = v->next;
	free(v);
}

bool backdev_needed(domid_t domid, uint32_t devid)
{
	const struct backdev v = { .domid = domid, .devid = devid };

	return back_there(&v);
}

/* ------------------------------------------------------------------------------------------------
 * Orders
 */

bool backdev_waits(const struct backdev *v)
{
	return v->retry_at && (v->phase == PHASE_NEW || v->phase == PHASE_OVER);
}

bool backdev_has_order(const struct backdev *v)
{
	return v->phase == PHASE_ATTACHING || v->phase == PHASE_CONNECTING ||
	       v->phase == PHASE_DISCONNECTING || v->phase == PHASE_DETACHING;
}

void backdev_give(struct backdev *v, struct order *o, const int *fds, unsigned int nr)
{
	static const enum phase phases[ORDERS] = {
		[ORDER_ATTACH] = PHASE_ATTACHING, [ORDER_CONNECT] = PHASE_CONNECTING,
		[ORDER_DISCONNECT] = PHASE_DISCONNECTING, [ORDER_DETACH] = PHASE_DETACHING,
	};

	o->domid = v->domid;
	o->devid = v->devid;
	v->phase = phases[o->kind];
	v->deadline = daemon_now() + (o->kind == ORDER_DISCONNECT ? super.backend->disconnect_ms :
								    ORDER_MS);
	if (o->kind == ORDER_ATTACH) {
		v->retry_at = 0;
		v->told_why = false;
	}
	backworker_send(v->worker, o, fds, nr);
}

static void give_kind(struct backdev *v, enum order_kind kind)
{
	union {
		struct order head;
		char room[ORDER_MAX];
	} o = { .room = { 0 } };

	o.head.kind = kind;
	backdev_give(v, &o.head, NULL, 0);
}

static void look_later(struct backdev *v, uint32_t ms, const char *why)
{
	if (why && !v->told_why)
		back_say(v, "%s; will try again", why);
	v->told_why |= why != NULL;
	v->retry_at = daemon_now() + ms;
}

void backdev_again(struct backdev *v, uint32_t ms, const char *why)
{
	look_later(v, ms, why);
	v->phase = PHASE_NEW;
}

bool backdev_must_wait(struct backdev *v, bool busy)
{
	uint64_t now = daemon_now();

	if (!busy || !v->busy_since)
		v->busy_since = busy ? now : 0;
	if (busy)
		look_later(v, BUSY_MS, now - v->busy_since < LONG_BUSY_MS ? NULL :
			   "a worker or server that had it before, or its I/O, has not ended");
	return busy;
}

void backdev_fail(struct backdev *v, const char *why)
{
	back_say(v, "%s", why);
	back_write(v, "hotplug-error", "%s", why);
	back_write(v, "hotplug-status", "error");
	v->phase = PHASE_OVER;
}

/* ------------------------------------------------------------------------------------------------
 * Frontends
 */

void backdev_refuse(struct backdev *v, const char *why)
{
	back_say(v, "%s", why);
	back_write(v, "hotplug-error", "%s", why);
	set_state(v, XenbusStateClosing);
	v->closing = true;
}

bool backdev_sound(struct backdev *v, const char *wrong)
{
	char text[128];

	if (xs_unsure(super.store)) {
		v->changed = true;
		return false;
	}
	v->takes_over = false;
	if (wrong) {
		snprintf(text, sizeof(text), "the frontend's %s makes no sense", wrong);
		backdev_refuse(v, text);
	}
	return !wrong;
}

/* Whether it may have that once more; if not it waits, and what else it wants meanwhile is seen. */
static bool may(struct backdev *v, struct budget *b)
{
	static const struct budget_rate rate = { .burst = 20, .period = 60000 };
	bool may = budget_take(b, &rate, 1, daemon_now());

	v->changed |= !may;
	return may;
}

/* Whether nobody is there who could know of a connection that the journal has. */
static bool frontend_left(const struct backdev *v, enum xenbus_state front)
{
	if (v->was_closed)
		return false;
	if (front == XenbusStateClosing || front == XenbusStateClosed)
		return true;
	return (front == XenbusStateUnknown || front == XenbusStateInitialising) &&
	       v->state == XenbusStateConnected;
}

static void look_waiting(struct backdev *v, enum xenbus_state front)
{
	if (v->closing) {
		if (front == XenbusStateClosed || front == XenbusStateUnknown) {
			v->closing = false;
			v->was_closed = true;
			set_state(v, XenbusStateClosed);
		}
	} else if (frontend_left(v, front)) {
		give_kind(v, ORDER_DISCONNECT);
	} else if (front == XenbusStateInitialising && v->was_closed) {
		if (!may(v, &v->offers))
			return;
		v->was_closed = !back_offer(v);
		v->changed |= v->was_closed;
	} else if (front == XenbusStateInitialised || front == XenbusStateConnected) {
		/* That a worker ended is not the frontend's doing. */
		if (v->takes_over || may(v, &v->connects))
			super.backend->connect(v);
	}
}

/* Whether somebody has it still. Its server is told to end when nobody uses that any more. */
static bool is_left(struct backdev *v)
{
	if (files_worked(super.options.run, v->domid, v->devid))
		return true;
	super.backend->release(v);
	return files_served(super.options.run, v->domid, v->devid);
}

/*
 * Whoever removes it waits for no more than that: the entries may be gone now. It is said when none
 * of its I/O is left, a worker's that was killed or an image's server's: another host may be about
 * to write there.
 */
static void look_over(struct backdev *v, bool there)
{
	char *status;
	bool told;

	if (backdev_must_wait(v, is_left(v)))
		return;
	status = there ? back_read(v, "hotplug-status") : NULL;
	told = status && strcmp(status, "connected");
	free(status);
	if (there && !told) {
		set_state(v, XenbusStateClosed);
		back_write(v, "hotplug-status", "disconnected");
	}
	if (!there)
		forget(v);
}

/*
 * Entries that went and came again between two looks are another device's, of the same number: the
 * one that we have goes, and then that one is new. Before the worker has it there is nothing of it.
 */
static bool replaced(struct backdev *v, const char *made)
{
	if (!made || strlen(made) >= sizeof(v->made))
		return false;
	if (v->made[0] && strcmp(made, v->made) && v->phase != PHASE_NEW)
		return true;
	strcpy(v->made, made);
	return false;
}

static bool is_ours(struct backdev *v)
{
	char *made = back_read(v, "made");
	bool ours = !replaced(v, made);

	free(made);
	return ours;
}

static void begin_anew(struct backdev *v)
{
	domid_t domid = v->domid;
	uint32_t devid = v->devid;

	super.backend->release(v);
	forget(v);
	backdev_add(domid, devid);
}

void backdev_look(struct backdev *v)
{
	bool there, goes, unsure, other;
	char *made;
	enum xenbus_state front;

	if (!super.store)
		return;
	xs_unsure(super.store);
	there = back_there(v);
	goes = !there || !back_number(v, "online", 0);
	front = front_state(v);
	made = there ? back_read(v, "made") : NULL;
	unsure = xs_unsure(super.store);
	super.asked = true;
	if (!v->worker->pid || xs_lost(super.store)) {
		free(made);
		return;
	}
	/* Nothing follows from what could not be read, nor while a state is not written. */
	other = !unsure && replaced(v, made);
	free(made);
	if (other && v->phase == PHASE_OVER) {
		begin_anew(v);
		return;
	}
	/* What is owed was for the one before. */
	if (other)
		v->owed = XenbusStateUnknown;
	goes |= other;
	if (unsure || (v->owed && !set_state(v, v->owed))) {
		v->changed = true;
		return;
	}
	switch (v->phase) {
	case PHASE_NEW:
		if (goes)
			v->phase = PHASE_OVER;
		else
			super.backend->attach(v);
		break;
	case PHASE_WAITING:
		if (goes)
			give_kind(v, ORDER_DETACH);
		else
			look_waiting(v, front);
		break;
	case PHASE_CONNECTED:
		if (goes || front == XenbusStateClosing || front == XenbusStateClosed ||
		    front == XenbusStateUnknown)
			give_kind(v, ORDER_DISCONNECT);
		break;
	default:
		break;
	}
	if (super.backend->requested && !goes && there &&
	    (v->phase == PHASE_WAITING || v->phase == PHASE_CONNECTED))
		super.backend->requested(v);
	if (v->phase == PHASE_OVER && goes)
		look_over(v, there);
}

/* ------------------------------------------------------------------------------------------------
 * Reports
 */

bool backdev_answers(const struct backdev *v, const struct report *r)
{
	switch (v ? v->phase : PHASE_NEW) {
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

static bool attached(struct backdev *v, const struct report *r)
{
	enum xenbus_state state = v->state;
	bool offered = true;

	if (!super.backend->attached(v, r))
		return false;
	/* One that was connected stays so for its frontend, which has not noticed anything. */
	if (state < XenbusStateInitWait)
		offered = back_offer(v);
	v->takes_over = state == XenbusStateConnected;
	v->was_closed = state == XenbusStateClosed || !offered;
	v->closing = state == XenbusStateClosing;
	v->phase = PHASE_WAITING;
	return true;
}

/* Returns whether that is a reason to look at it. */
static bool failed(struct backdev *v, const char *why)
{
	/* It was served before, and a guest waits: what is wrong may pass. */
	if (v->phase == PHASE_ATTACHING && v->state == XenbusStateConnected) {
		backdev_again(v, PAUSE_MS, why);
		return false;
	}
	if (v->phase == PHASE_ATTACHING) {
		backdev_fail(v, why);
		return true;
	}
	back_say(v, "%s", why);
	/* Nobody asked: that it was said is no reason to try it sooner. */
	if (v->phase == PHASE_NEW || v->phase == PHASE_OVER)
		return false;
	back_write(v, "hotplug-error", "%s", why);
	if (v->phase == PHASE_CONNECTING || v->phase == PHASE_CONNECTED)
		set_state(v, XenbusStateClosing);
	if (v->phase == PHASE_CONNECTING) {
		v->phase = PHASE_WAITING;
		v->closing = true;
	}
	return true;
}

void backdev_report(struct backdev *v, const struct report *r)
{
	bool worth = true;

	switch (r->kind) {
	case REPORT_ATTACHED:
		worth = v->phase == PHASE_ATTACHING && attached(v, r);
		break;
	case REPORT_CONNECTED:
		if (v->phase != PHASE_CONNECTING)
			return;
		v->phase = PHASE_CONNECTED;
		v->was_closed = false;
		back_say(v, "%s", r->taken_over ? "taken over" : "connected");
		if (v->state != XenbusStateConnected)
			set_state(v, XenbusStateConnected);
		break;
	case REPORT_DISCONNECTED:
		if (v->phase != PHASE_DISCONNECTING)
			return;
		v->phase = PHASE_WAITING;
		v->closing = false;
		v->was_closed = true;
		if (back_there(v) && is_ours(v))
			set_state(v, XenbusStateClosed);
		break;
	case REPORT_DETACHED:
		if (v->phase != PHASE_DETACHING)
			return;
		v->phase = PHASE_OVER;
		break;
	case REPORT_FAILED:
		worth = failed(v, r->text);
		break;
	default:
		worth = super.backend->reported && super.backend->reported(v, r);
	}
	if (worth)
		backdev_look(v);
}
