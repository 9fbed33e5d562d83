/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CONTROL_AUDIT_H
#define ANNULUS_CONTROL_AUDIT_H

#include "lib/types.h"

/*
 * audit_run() - check the memory invariants on the whole machine with every domain paused:
 *   1. a frame typed as page table or descriptor page has no writable guest mapping
 *   2. a validated table refers only to frames its domain owns, was granted (or, privileged, may
 *      map), or was given as I/O memory; and to tables of the next level
 *   3. the hypervisor's slots in every top-level table are the hypervisor's
 *   4. reference and type counts equal what a full walk counts
 *   5. what is free or the hypervisor's own has no references, and nothing refers to it
 *   6. every loaded root is a live one, and nobody waits half-way through a type change
 *
 * Each violation is a line at error level, AUDIT_LINES of them at most; the last line is `audit:
 * clean` or `audit: N violations`. Returns N; AUDIT_UNABLE if another audit is running or memory is
 * short (it says so). Interrupts on, no locks held, not in the middle of a hypercall that holds
 * references of its own.
 */
#define AUDIT_LINES 50
#define AUDIT_UNABLE (~0ULL)
u64 audit_run(void);

/*
 * The walk itself, for who has stopped the world already. `idle_l4`: a table with the hypervisor's
 * slots as they should be.
 */
u64 audit_check(const u64 *idle_l4);

#endif
