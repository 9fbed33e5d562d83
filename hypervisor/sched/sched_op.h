/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_SCHED_SCHED_OP_H
#define ANNULUS_SCHED_SCHED_OP_H

#include "lib/types.h"

/* __HYPERVISOR_sched_op: the errors are described in sched_op.c. */
s64 do_sched_op(u64 cmd, u64 arg);
/*
 * __HYPERVISOR_sched_op_compat, its first form (sched.h of the public headers): yield, block, and
 * shutdown with the reason itself for `arg`. 0, -EINVAL (reason), -ENOSYS (no such command then).
 */
s64 do_sched_op_compat(u64 cmd, u64 arg);

#endif
