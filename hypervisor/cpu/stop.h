/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_STOP_H
#define ANNULUS_CPU_STOP_H

#include "cpu/cpu.h"
#include "cpu/msr.h"

/* Halt every other CPU for good, by NMI: for panic(). Any context. */
void stop_other_cpus(void);
/* The NMI handler's half: does not return if this CPU was asked to stop. */
void stop_if_asked(void);
/* Leave VMX operation, if this CPU is in it (cpu/raw.S). */
void vmxoff_safe(void);
/*
 * No guest runs here any more, for good; interrupts off. In VMX operation, where a CPU is while it
 * runs one, INIT waits (SDM vol. 3C, 23.8), by which some machines restart.
 */
static inline void stop_vmx_here(void)
{
	struct cpu *c = this_cpu();

	if (!(c->cr4 & CR4_VMXE))
		return;
	/* CR4 allows it before VMXON is done, which may fail. */
	vmxoff_safe();
	c->cr4 &= ~CR4_VMXE;
	write_cr4(c->cr4);
}

#endif
