/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_HVM_X2APIC_H
#define ANNULUS_HVM_X2APIC_H

#include "lib/types.h"

/*
 * The local APIC of an HVM guest's only vCPU, in x2APIC mode, which it does not leave (SDM vol. 3A,
 * 10.12; APM vol. 2, 16.11): all of it is MSRs. What it delivers is what the guest sends itself.
 * Its timer does not count: guests have the ABI's timers. The vCPU's own CPU alone touches it, or
 * who has it paused.
 */
#define X2APIC_LVTS 6
struct x2apic {
	u32 irr[8], isr[8]; /* by vector: asked for; begun and not ended */
	u32 tpr, spurious, divide;
	u32 lvt[X2APIC_LVTS];
	u64 icr;
};

#define MSR_APIC_BASE	 0x1b
#define X2APIC_MSR_FIRST 0x800
#define X2APIC_MSR_LAST	 0x8ff

void x2apic_reset(struct x2apic *a);
/* RDMSR, WRMSR of X2APIC_MSR_FIRST to _LAST and of MSR_APIC_BASE. False: #GP, nothing happened. */
bool x2apic_read(const struct x2apic *a, u32 msr, u64 *value);
bool x2apic_write(struct x2apic *a, u32 msr, u64 value);
/* The vector that is to be delivered next, or -1; and that it has been. */
int x2apic_next(const struct x2apic *a);
void x2apic_accept(struct x2apic *a, u8 vector);

#endif
