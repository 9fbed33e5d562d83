/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_UNIT_SIM_CPU_MSR_H
#define ANNULUS_TESTS_UNIT_SIM_CPU_MSR_H

/* The names are the hypervisor's; its control register 0 is the simulated one. */
#define read_cr0 machine_read_cr0
#include "../../../../hypervisor/cpu/msr.h"
#undef read_cr0
u64 read_cr0(void);

#endif
