/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_GRANT_PTE_H
#define ANNULUS_PV_GRANT_PTE_H

#include "lib/types.h"

/* grant_pte_map() and grant_pte_unmap(): lib/upcalls.h. */

/* Is GRANT_PTE_UNTOUCHED ever answered on this machine? By processor and `grant-flush=`. */
bool grant_pte_judged(void);

#endif
