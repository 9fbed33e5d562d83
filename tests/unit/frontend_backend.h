/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the back ends of all kinds of devices have in common: keys, a state, events. Before it is
 * included, FRONT and BACK are the two directories in the store.
 */
#ifndef TESTS_UNIT_FRONTEND_BACKEND_H
#define TESTS_UNIT_FRONTEND_BACKEND_H

#include "frontend_world.h"

#include "frontends/lib/xenbus.h"

static unsigned int back_is; /* the state that it has told */
static char path_[128];

static const char *front(const char *key)
{
	snprintf(path_, sizeof(path_), FRONT "/%s", key);
	return path_;
}

/* A key of the backend's that the frontend can read. */
static void back_put(const char *key, const char *value)
{
	snprintf(path_, sizeof(path_), BACK "/%s", key);
	daemon_write(path_, value);
	daemon_permit(path_, "n0|r1");
}

static void back_state(unsigned int state)
{
	char text[12];

	if (back_is == state)
		return;
	back_is = state;
	snprintf(text, sizeof(text), "%u", state);
	back_put("state", text);
}

static void back_event(void)
{
	world.ports[world_number(front("event-channel"))].pending = true;
}

/* A device that waits for its frontend; `step` is what its backend does whenever it may. */
static void device_begin(void (*step)(void))
{
	world_begin();
	back_is = XenbusStateUnknown;
	daemon_write(front("backend"), BACK);
	daemon_write(front("backend-id"), "0");
	daemon_write(front("state"), "1");
	daemon_write(BACK, "");
	daemon_permit(BACK, "n0|r1");
	back_state(XenbusStateInitWait);
	world.backend = step;
}

/* Closes it, and looks whether all is back that it had but for so many pages. The world stays. */
static void device_end(struct xenbus_device *d, int pages)
{
	xenbus_close(d);
	world_settle();
	CU_ASSERT(xenbus_closed(d));
	CU_ASSERT_EQUAL(world_number(front("state")), XenbusStateClosed);
	CU_ASSERT_EQUAL(back_is, XenbusStateClosed);
	CU_ASSERT_EQUAL(world.pages, pages);
	for (unsigned int i = 0; i < WORLD_PORTS; i++)
		CU_ASSERT_FALSE(world.ports[i].open);
	CU_ASSERT_EQUAL(store.error, 0);
	xenbus_forget(d);
}

#endif
