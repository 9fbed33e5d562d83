/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard: a process that stands beside a creation, and takes down what is there of the domain
 * when hvctl is killed in the middle of it; or beside the saving of a guest, which it lets go on,
 * and beside a migration, of which it does what has been decided.
 */
#ifndef CLI_GUARD_H
#define CLI_GUARD_H

#include <stdbool.h>
#include <stdint.h>

/*
 * guard_building - for hvctl_set_building(): have a guard, which is ready when this returns, or let
 * it go. The guard keeps @lock as long as it lives, so that the uuid by which it looks for the
 * domain means no other one. Without a guard (dom0 is out of processes) the creation goes on.
 */
void guard_building(void *data, const uint8_t uuid[16], int lock, bool building);

/* guard_saving - the same for hvctl_set_saving(). */
void guard_saving(void *data, uint32_t domid, const uint8_t uuid[16], int lock, const char *part,
		  bool saving);

/* guard_migrating - the same for hvctl_set_migrating(); @lock -1: none. */
void guard_migrating(void *data, const char *token, bool leaving, int lock, bool under_way);

#endif
