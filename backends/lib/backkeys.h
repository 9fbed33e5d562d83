/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the supervisor reads and writes in the store, and in the log, about a device. */
#ifndef BACKENDS_BACKKEYS_H
#define BACKENDS_BACKKEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/lib/backdev.h"

/* Of a value that is written, with its end. */
#define BACK_TEXT	640u

/* front_path - where the frontend's keys are, in @path. */
void front_path(const struct backdev *v, char *path, size_t size);

/* front_state - the frontend's state, Unknown if it has none that makes sense. */
enum xenbus_state front_state(const struct backdev *v);

/* front_watch, front_unwatch - news of that state. 0 or a negative errno. */
int front_watch(const struct backdev *v);
int front_unwatch(const struct backdev *v);

/*
 * back_read, back_number - a key of ours, to be freed, or NULL with errno set; its number, or
 * @otherwise if it has none.
 */
char *back_read(const struct backdev *v, const char *key);
uint64_t back_number(const struct backdev *v, const char *key, uint64_t otherwise);

/*
 * back_write - a key of ours, if the device's entries are there; a line in the log if it cannot be
 * written though they are. 0, or a negative errno.
 */
__attribute__((format(printf, 3, 4)))
int back_write(const struct backdev *v, const char *key, const char *format, ...);

/* back_there - false: the store says that there is no such device. */
bool back_there(const struct backdev *v);

/* set_state - false: it is not written, and .owed says so. */
bool set_state(struct backdev *v, enum xenbus_state state);

/*
 * back_offer - what we can do; a frontend may connect anew, and no journal of one before it is its.
 * False: nothing of that is written.
 */
bool back_offer(struct backdev *v);

/* back_say - a line about a device; its guest can cause as many as it likes and gets so many. */
__attribute__((format(printf, 2, 3)))
void back_say(struct backdev *v, const char *format, ...);

#endif
