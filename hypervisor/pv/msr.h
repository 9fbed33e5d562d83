/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_MSR_H
#define ANNULUS_PV_MSR_H

#include "lib/types.h"

/*
 * A PV kernel's RDMSR and WRMSR on current: true, or false for the guest's #GP. An allow list: no
 * other MSR is reached.
 */
bool pv_rdmsr(u32 msr, u64 *value);
bool pv_wrmsr(u32 msr, u64 value);

#endif
