/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_CALLBACK_H
#define ANNULUS_PV_CALLBACK_H

#include "lib/types.h"

struct trap_info;

/*
 * A guest's entry points. 0, -EINVAL (address not canonical or ours), -ENOSYS (unknown type),
 * -EFAULT.
 */
s64 do_set_callbacks(u64 event, u64 failsafe, u64 syscall);
s64 do_callback_op(u64 cmd, u64 arg);
s64 do_nmi_op(u64 cmd, u64 arg);
/* A list of struct trap_info that ends at address 0; a null pointer clears the table. */
s64 do_set_trap_table(u64 list);
/*
 * The same for a list of another form: its entries have `size` bytes, and get() reads the one at
 * `at`, address 0 if it is the last: 0, -EFAULT or -EINVAL (nobody may enter there).
 */
s64 set_trap_table(u64 list, u64 size, int (*get)(struct trap_info *ti, u64 at));

bool guest_entry_ok(u64 address);

#endif
