/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_GRANT_PTE_H
#define ANNULUS_PV_GRANT_PTE_H

#include "lib/types.h"

/* grant_pte_map() and grant_pte_unmap(): lib/upcalls.h. */

#endif
