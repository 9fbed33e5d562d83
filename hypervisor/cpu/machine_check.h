/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_MACHINE_CHECK_H
#define ANNULUS_CPU_MACHINE_CHECK_H

#include "lib/types.h"

/* IA32_MCG_CAP: how many banks there are; 32 have an MSR of the old kind (SDM vol. 4). */
#define MCG_CAP_COUNT   0xff
#define MC_BANKS        32
/* IA32_MCG_STATUS (SDM vol. 3B, 15.3.1.2). */
#define MCG_STATUS_RIPV BIT(0) /* the interrupted program can be restarted */
#define MCG_STATUS_MCIP BIT(2) /* a machine check is being handled: another one shuts down */
/* IA32_MCi_STATUS (15.3.2.2). */
#define MCI_STATUS_UC   BIT(61) /* the error was not corrected */
#define MCI_STATUS_VAL  BIT(63) /* there is an error in this bank */

/*
 * machine_check_survivable() - may the interrupted code go on? `mcg_status` is IA32_MCG_STATUS,
 * `banks` the IA32_MCi_STATUS of all `n` banks, as the handler of #MC found them. Only if it can be
 * restarted (RIPV) and no bank holds an error that was not corrected: then whatever was
 * interrupted, the hypervisor or a guest, may have taken wrong data already, and it is not known
 * whose.
 */
bool machine_check_survivable(u64 mcg_status, const u64 *banks, unsigned n);

/*
 * machine_check_begun() - outside of the handler of #MC: did the CPU begin one that was not
 * delivered? No guest can write IA32_MCG_STATUS. What is in the banks may be old.
 */
bool machine_check_begun(u64 mcg_status);

#endif
