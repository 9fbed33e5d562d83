/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MEMORY_RANGE_SET_H
#define ANNULUS_MEMORY_RANGE_SET_H

#include "lib/spinlock.h"
#include "lib/types.h"

struct range;

/* A sorted set of inclusive, non-touching ranges under its own lock. */
struct range_set {
	struct spinlock lock;
	struct range *first;
};
void range_set_init(struct range_set *r);
void range_set_destroy(struct range_set *r);
/* 0, -ENOMEM, -EINVAL (end < start) */
int range_set_add(struct range_set *r, u64 start, u64 end);
int range_set_remove(struct range_set *r, u64 start, u64 end); /* 0, -ENOMEM, -EINVAL */
bool range_set_contains(struct range_set *r, u64 start, u64 end); /* all of it */
bool range_set_overlaps(struct range_set *r, u64 start, u64 end);

#endif
