/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of a backend's daemon. */
#ifndef BACKENDS_COMMAND_H
#define BACKENDS_COMMAND_H

#include <stdio.h>

#include "backends/lib/guard.h"
#include "pv-abi/xen.h"

/* What a daemon has of its own. */
struct command {
	const char *name;		/* "hvblkd" */
	const char *serves;		/* what it is for, a line of the help */
	const char *thing;		/* what a device is called there: "disk" */
	const char *uid_option, *uid_help;	/* --uid-base, and its lines of the help */
	uid_t uid, uid_max;		/* unless told otherwise, and at most */
	int (*supervise)(const struct super_options *options);
	int (*work)(int channel, domid_t domid, uid_t id);
	int (*stats)(const char *run, FILE *out);
};

/* command_main - is the daemon, or one of its workers. Returns the exit status; 2: wrong usage. */
int command_main(const struct command *c, int argc, char **argv);

#endif
