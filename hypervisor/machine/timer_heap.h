/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_TIMER_HEAP_H
#define ANNULUS_MACHINE_TIMER_HEAP_H

#include "machine/timer.h"

/*
 * A pairing heap of timers: insertion is one comparison, removal O(log n) amortised, and it needs
 * no memory but the timers. `child` is the first child, `next` the next sibling, `prev` the
 * previous sibling or, of a first child, the parent. The root, NULL if the heap is empty, expires
 * first. The caller keeps `queued` and does the locking.
 */
struct timer *timerheap_insert(struct timer *root, struct timer *t); /* the new root */
struct timer *timerheap_remove(struct timer *root, struct timer *t); /* the new root */

#endif
