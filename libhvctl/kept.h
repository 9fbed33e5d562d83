/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the memory of a guest that has migrated away held: each page once, in a file, for a while,
 * so that it need not be sent when the guest comes back. By the guest's uuid; at most one for each.
 * Nobody depends on it: any part of it may be missing, and a page counts only when its digest has
 * been computed from what was read.
 */
#ifndef HVCTL_KEPT_H
#define HVCTL_KEPT_H

#include "internal.h"
#include "save/known.h"

#define KEPT_SECONDS_MAX 86400u

struct kept {
	int fd;
	struct known known;
	/* of one that is being written */
	uint64_t expires;    /* seconds since 1970 */
	uint64_t room;	     /* pages, that may still come */
	char path[160];	     /* where it will be */
	uint8_t *buffer;     /* pages that wait for being written */
	unsigned int waiting;
	uint64_t written;
};

/* Where they are; for tests. */
extern const char *kept_directory;

/*
 * Begin one, that counts for @seconds, of a guest of @pages pages; an older one goes. It takes a
 * quarter of what is free, at most, of the disk or, where the file is in memory, of that: pages
 * that have no room are left out. 0 or -errno without a message; kept_close() is due in any case.
 */
int kept_begin(struct kept *k, struct hvctl_ctx *ctx, const uint8_t uuid[16], unsigned int seconds,
	       uint64_t pages);
/* 0, also if it is there already; 1: no room for more; -errno. */
int kept_add(struct kept *k, const void *page);
/* It counts. Without that kept_close() leaves nothing. */
int kept_commit(struct kept *k);
/* A process of its own removes it when it does not count any more. */
void kept_forget_later(const struct kept *k);

/* What is kept of a guest: 0, -ENOENT, or -errno of one that is damaged, which goes. */
int kept_open(struct kept *k, const uint8_t uuid[16]);
/* A page of it. -ENOENT: not kept. -EBADMSG: it is not what it was any more. */
int kept_read(const struct kept *k, const struct digest *d, void *page);
void kept_close(struct kept *k);

/* Nothing is kept of that guest any more. */
void kept_remove(const uint8_t uuid[16]);
/* What does not count any more goes. */
void kept_sweep(void);

#endif
