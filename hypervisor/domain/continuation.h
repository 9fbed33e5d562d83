/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_CONTINUATION_H
#define ANNULUS_DOMAIN_CONTINUATION_H

#include "lib/types.h"

/*
 * hypercall_continue() - make the guest issue hypercall `op` again with these (u64!) arguments when
 * it next runs; return what this returns. Inside a multicall the entry is continued instead.
 */
s64 hypercall_continue(unsigned op, unsigned nargs, ...);

/*
 * The same for a 32-bit guest, the arguments being the 64-bit handler's, whose places in registers
 * the table of its hypercalls knows: set by entry/ before any guest runs.
 */
extern s64 (*compat_continuation)(unsigned op, unsigned nargs, const u64 *args);

#endif
