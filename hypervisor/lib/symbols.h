/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_LIB_SYMBOLS_H
#define ANNULUS_LIB_SYMBOLS_H

#include "lib/types.h"

/*
 * symbol_find() - the function of ours that contains `addr`, for backtraces.
 * Returns its name, and in *offset the distance from its start; NULL if `addr` is not in the
 * image's code. The table is made by scripts/link.sh and never changes: no lock, callable anywhere.
 */
const char *symbol_find(vaddr_t addr, u64 *offset);

#endif
