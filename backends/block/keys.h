/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The supervisor's books, and what it reads and writes in the store about a disk. */
#ifndef BLOCK_KEYS_H
#define BLOCK_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/block/orders.h"
#include "backends/block/super.h"
#include "libhvctl/budget.h"
#include "libhvctl/xs.h"
#include "pv-abi/io/xenbus.h"
#include "pv-abi/xen.h"

/* What the worker does with a disk, as far as we know. */
enum phase {
	PHASE_NEW,		/* the worker does not have it */
	PHASE_ATTACHING,
	PHASE_WAITING,		/* for a frontend */
	PHASE_CONNECTING,
	PHASE_CONNECTED,
	PHASE_DISCONNECTING,
	PHASE_DETACHING,
	PHASE_OVER,		/* it goes for good, or could not be opened */
};

struct device {
	struct device *next;
	struct worker *worker;
	uint32_t devid;
	enum phase phase;
	bool changed;		/* the store has news of it that were not looked at */
	bool takes_over;	/* its frontend is connected, to a worker before this one */
	struct budget looks, offers, connects;
	uint64_t deadline;	/* ms: by when the order that was given last is carried out */
	enum xenbus_state state;	/* ours, as it was written last */
	enum xenbus_state owed;	/* what could not be written, and is to be; 0: nothing */
	bool closing;		/* no frontend any more, as far as it is up to us */
	bool retrying;		/* it could not be opened just now */
	bool told_why;		/* and the log says so */
	uint64_t retry_at, busy_since;	/* ms; the latter 0: nobody has the journal */
	bool was_closed;	/* state Closed was written; a frontend may begin anew */
	pid_t server;		/* the image's; 0: none */
	int server_fd;		/* its pidfd, if there is one */
	bool remote;		/* it keeps nothing in memory that would be lost with it */
};

struct worker {
	struct worker *next;
	domid_t domid;
	pid_t pid;		/* 0: none runs */
	int pidfd, channel;
	uint64_t largest;	/* bytes: what its files may grow to */
	uint32_t share;		/* pages that it was told it may have mapped; 0: none yet */
	uint64_t started, not_before;	/* ms */
	struct device *devices;
	struct line_budget lines;
	struct budget reports;
};

struct super {
	struct super_options options;
	struct xs *store;
	uint64_t next_try;
	int epoll, signals;
	struct worker *workers;
	bool all_changed;	/* news of we do not know which disks */
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

/*
 * back_write - a key of ours, if the disk's entries are there; a line in the log if it cannot be
 * written though they are. 0, or a negative errno.
 */
__attribute__((format(printf, 3, 4)))
int back_write(const struct device *v, const char *key, const char *format, ...);

/* back_there - false: the store says that there is no such disk. */
bool back_there(const struct device *v);

/* set_state - false: it is not written, and .owed says so. */
bool set_state(struct device *v, enum xenbus_state state);
enum xenbus_state front_state(const struct device *v);

/* say - a line about a domain, which can cause as many as it likes and is given so many. */
__attribute__((format(printf, 2, 3)))
void say(struct worker *w, const char *format, ...);

/*
 * offer - a frontend may connect anew, and no journal of one before it is its. False: that is not
 * written.
 */
bool offer(struct device *v);

/* describe - what the disk in @r is, for its frontend. False: the store does not say all of it. */
bool describe(const struct device *v, const struct report *r);

/* fail - there will be no disk: @why is for whoever made it. */
void fail(const struct device *v, const char *why);

#endif
