// SPDX-License-Identifier: GPL-2.0-or-later
/* The processors that there are: what cpu/cpu.h declares and everybody reads. */
#include "cpu/cpu.h"

struct cpu cpus[NR_CPUS];
unsigned nr_cpus = 1;
volatile cpumask_t cpus_online = 1;
