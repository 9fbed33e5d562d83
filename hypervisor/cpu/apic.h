/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_APIC_H
#define ANNULUS_CPU_APIC_H

#include "lib/types.h"

/*
 * The local APIC of this CPU: by memory (xAPIC) or by MSRs (x2APIC, x2apic= on the command line).
 * Registers are touched by their own CPU only; a command is written with interrupts
 * off. No lock.
 */

/* To which pin of which CPUs the NMI line leads. */
struct apic_nmi {
	u32 acpi_id; /* of the CPU; 0xffffffff: of all */
	u8 lint;
	bool active_low, level;
};
/* What the firmware's tables say of the local APICs. */
struct apic_config {
	paddr_t base; /* of the registers, 0: as the MSR says */
	const struct apic_nmi *nmis; /* for good */
	unsigned nr_nmis;
	/* I/O APICs and MSIs reach every CPU there is: they have 8 bits for an APIC id */
	bool ids_fit;
	/* maps `size` bytes of device memory for good; NULL: no memory */
	void *(*map)(paddr_t pa, size_t size);
};
/*
 * apic_init() - boot CPU, once: map the registers, choose the mode, register the fixed vectors.
 */
void apic_init(const struct apic_config *config);
/*
 * apic_init_cpu() - each CPU (the boot CPU too, after apic_init()), its acpi_id set, no interrupts:
 * enable, mask all local sources but NMI, acknowledge what the firmware left in service.
 */
void apic_init_cpu(void);

/* This CPU's hardware APIC id; valid after apic_init(). */
u32 apic_read_id(void);
void apic_eoi(void);
/* Is this vector in service on this CPU? */
bool apic_in_service(u8 vector);

/* Send a fixed interrupt to CPU number `cpu`. Any context but NMI. */
void apic_send_ipi(unsigned cpu, u8 vector);
/* The same to all online CPUs in `mask` but this one. */
void apic_send_ipi_mask(cpumask_t mask, u8 vector);
void apic_send_nmi(unsigned cpu);
/*
 * Start-up: to an APIC id, which has no CPU number yet. `page` is the 4 KiB page below 1 MiB where
 * the CPU starts.
 */
void apic_send_init(u32 apic_id);
void apic_send_sipi(u32 apic_id, u8 page);

/*
 * The local timer, for machine/timer.c. It fires TIMER_VECTOR once.
 * apic_timer_setup() - this CPU: TSC-deadline mode or one-shot countdown at the bus clock divided
 * by 1; not armed.
 * apic_timer_set_count() - countdown mode: fire after `ticks`, 0 stops.
 * apic_timer_count() - what is left of the countdown.
 * apic_timer_set_deadline() - TSC-deadline mode: fire when the TSC reaches `tsc`, 0 stops.
 */
void apic_timer_setup(bool tsc_deadline);
void apic_timer_set_count(u32 ticks);
u32 apic_timer_count(void);
void apic_timer_set_deadline(u64 tsc);

extern bool apic_x2;
/* Reported by the APICs (bits as in the error status register), all CPUs together. */
extern u32 apic_errors;

#endif
