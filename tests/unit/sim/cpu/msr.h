/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_UNIT_SIM_CPU_MSR_H
#define ANNULUS_TESTS_UNIT_SIM_CPU_MSR_H

/* The names are the hypervisor's; its control registers are the simulated ones. */
#define read_cr0  machine_read_cr0
#define read_cr3  machine_read_cr3
#define write_cr3 machine_write_cr3
#define write_cr4 machine_write_cr4
#include "../../../../hypervisor/cpu/msr.h"
#undef read_cr0
#undef read_cr3
#undef write_cr3
#undef write_cr4
u64 read_cr0(void);
u64 read_cr3(void);
void write_cr3(u64 v);
void write_cr4(u64 v);

#endif
