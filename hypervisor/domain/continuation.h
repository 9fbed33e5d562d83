/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_CONTINUATION_H
#define ANNULUS_DOMAIN_CONTINUATION_H

#include "lib/types.h"

/*
 * hypercall_continue() - make the guest issue hypercall `op` again with these (u64!) arguments when
 * it next runs; return what this returns. Inside a multicall the entry is continued instead.
 */
s64 hypercall_continue(unsigned op, unsigned nargs, ...);

#endif
