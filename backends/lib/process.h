/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A worker as its supervisor has it: a process and a channel. */
#ifndef BACKENDS_PROCESS_H
#define BACKENDS_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

#include "pv-abi/xen.h"

struct process {
	pid_t pid;			/* 0: none */
	int pidfd;			/* readable when it has ended */
	int channel;			/* our end, which does not wait; see channel.h */
};

/*
 * process_files - the process @pid may write to files of at most @size bytes from now on, beyond
 * which it is ended: images that are files do not grow. None, when it starts. Sockets and devices
 * are no files. 0 or a negative errno.
 */
int process_files(pid_t pid, uint64_t size);

/*
 * process_start - ourselves as "--worker" for @domid and the user @uid. 0, or a negative errno:
 * nothing runs, and @p is one of nothing.
 */
int process_start(domid_t domid, uid_t uid, struct process *p);

/* process_drop - one that cannot be watched: kills it, waits for its end, closes what is left. */
void process_drop(struct process *p);

#endif
