/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_ENTRY_COMPAT_STRUCT_H
#define ANNULUS_ENTRY_COMPAT_STRUCT_H

#include "lib/types.h"

/* Structures whose layout is another one for 32-bit guests. All of this is pure. */

struct compat_field {
	u16 at32, at64;
	u8 size32, size64; /* equal, or 4 and 8 */
};
struct compat_layout {
	u16 size32, size64, nr_fields;
	const struct compat_field *field;
};
/* Bytes that any of the structures takes in its 64-bit form. */
#define COMPAT_STRUCT_MAX 256

void compat_widen(const struct compat_layout *l, void *to, const void *from);
void compat_narrow(const struct compat_layout *l, void *to, const void *from);

/* How a hypercall's command takes its argument. */
struct compat_command {
	u32 cmd;
	const struct compat_layout *layout; /* NULL: the same in both forms */
};
#define COMPAT_LIST_END 0xffffffffU
extern const struct compat_command compat_memory_commands[], compat_vcpu_commands[],
	compat_sched_commands[], compat_physdev_commands[], compat_grant_commands[],
	compat_platform_commands[], compat_old_physdev_commands[];
/* NULL: there is no such command for 32-bit guests. */
const struct compat_command *compat_command_find(const struct compat_command *list, u32 cmd);

#endif
