/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The supervisor's books, and what it reads and writes in the store about an interface. */
#ifndef NET_KEYS_H
#define NET_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/net/journal.h"
#include "backends/net/super.h"
#include "libhvctl/budget.h"
#include "libhvctl/xs.h"
#include "pv-abi/io/xenbus.h"

#define KEYS_TEXT	256u

/* What the worker does with an interface, as far as we know. */
enum phase {
	PHASE_NEW,		/* the worker does not have it */
	PHASE_ATTACHING,
	PHASE_WAITING,		/* for a frontend */
	PHASE_CONNECTING,
	PHASE_CONNECTED,
	PHASE_DISCONNECTING,
	PHASE_DETACHING,
	PHASE_OVER,		/* it goes for good, or cannot be served */
};

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
	struct device *next;
	domid_t domid;
	uint32_t devid;
	enum phase phase;
	struct bridge *bridge;
	bool changed;		/* the store has news of it that were not looked at */
	bool closing;		/* no frontend any more, as far as it is up to us */
	bool was_closed;	/* state Closed was written; a frontend may begin anew */
	enum xenbus_state state;	/* ours, as it was written last */
	enum xenbus_state owed;	/* what could not be written, and is to be; 0: nothing */
	uint64_t retry_at;	/* ms, 0: nothing to try again */
	uint64_t deadline;	/* ms: by when the order that was given last is carried out */
	bool takes_over;	/* its frontend is connected, to a worker before this one */
	struct budget looks, offers, connects;
	struct line_budget lines;
};

struct super {
	struct super_options options;
	struct xs *store;
	uint64_t next_try;
	int epoll, signals;
	pid_t pid;		/* the worker; 0: none runs */
	int pidfd, channel;
	uint64_t started, not_before;	/* ms */
	struct budget reports;
	struct device *devices;
	unsigned int nr_devices;
	struct bridge *bridges;
	uint32_t next_bridge;
	bool all_changed;	/* news of we do not know which interfaces */
	bool asked;		/* events may have come with the answers, unseen by epoll */
};

extern struct super super;

/* front_path - where the frontend's keys are, in @path. */
void front_path(const struct device *v, char *path, size_t size);

/*
 * back_read, back_number - a key of ours, to be freed, or NULL with errno set; its number, or
 * @otherwise if it has none.
 */
char *back_read(const struct device *v, const char *key);
uint64_t back_number(const struct device *v, const char *key, uint64_t otherwise);

/* back_write - a key of ours, if the interface's entries are there. 0, or a negative errno. */
__attribute__((format(printf, 3, 4)))
int back_write(const struct device *v, const char *key, const char *format, ...);

/* back_there - false: the store says that there is no such interface. */
bool back_there(const struct device *v);

/* set_state - false: it is not written, and .owed says so. */
bool set_state(struct device *v, enum xenbus_state state);
enum xenbus_state front_state(const struct device *v);

/* say - a line about an interface; its guest can cause as many as it likes and is given so many. */
__attribute__((format(printf, 2, 3)))
void say(struct device *v, const char *format, ...);

/*
 * offer - what we can do; a frontend may connect anew, and no journal of one before it is its.
 * False: nothing of that is written.
 */
bool offer(struct device *v);

/* fail - there will be no interface: @why is for whoever made it. */
void fail(struct device *v, const char *why);

/*
 * keys_connection - what the frontend offers. NULL, or the name of the first key that makes no
 * sense: frontends write what they like.
 */
const char *keys_connection(const struct device *v, struct net_connection *c);

#endif
