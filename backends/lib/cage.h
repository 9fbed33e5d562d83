/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a worker gives up before it looks at the first byte of a guest. */
#ifndef BACKENDS_CAGE_H
#define BACKENDS_CAGE_H

#include <sys/types.h>

/*
 * cage_enter - an empty file system, the user and group @id without any capability, and the system
 * calls that a worker needs; another one ends the process. @before_filter is called when only the
 * filter of calls is missing. 0 or a negative errno; @what says what could not be done.
 */
int cage_enter(uid_t id, int (*before_filter)(void *argument), void *argument, const char **what);

/* cage_filter - that filter alone, for another thread or process of the cage. */
int cage_filter(void);

#endif
