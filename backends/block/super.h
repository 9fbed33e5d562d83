/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor: speaks with the store for all disks of all domains, opens images, starts a worker
 * for each domain that has disks, and another one when it dies.
 */
#ifndef BLOCK_SUPER_H
#define BLOCK_SUPER_H

#include <stdbool.h>
#include <sys/types.h>

struct super_options {
	const char *store;		/* the store daemon's socket */
	const char *run;		/* the directory of the journals */
	uid_t uid_base;			/* a domain's worker has this user id and its own number */
	bool first;			/* somebody waits for daemon_ready() */
};

/* super_main - until a signal ends it. Returns the exit status. */
int super_main(const struct super_options *options);

#endif
