/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_ERRATA_H
#define ANNULUS_CPU_ERRATA_H

#include "lib/types.h"

/* What a guest could do to a machine whose firmware leaves a CPU's errata as they are. */

/*
 * errata_ls_cfg - the bits of the MSR LS_CFG to set on an AMD CPU. Family 16h, models 0 to 0fh, may
 * hang by locked instructions beside stores to write-combined memory, which every guest may have
 * (revision guide, erratum 793).
 */
u64 errata_ls_cfg(u32 vendor, u32 family, u32 model);

/* errata_init_cpu - mend what can be on this CPU. The boot CPU's features are known. */
void errata_init_cpu(void);

#endif
