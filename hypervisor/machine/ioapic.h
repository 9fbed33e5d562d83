/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_IOAPIC_H
#define ANNULUS_MACHINE_IOAPIC_H

#include "lib/types.h"

/*
 * The I/O APICs. A register access is two memory accesses under the I/O APIC's own lock (taken with
 * interrupts off, a leaf). The redirection entries are kept in memory too, so that a mask needs no
 * read.
 */

/* ioapic_init() - boot CPU, after acpi_init(): map those that the MADT names and mask every pin. */
void ioapic_init(void);
/* One past the highest GSI. */
unsigned ioapic_nr_gsis(void);
/* Is there a pin for this GSI? */
bool ioapic_has_gsi(unsigned gsi);

/*
 * Program a pin, masked: fixed delivery of `vector` to APIC id `dest`. No-op for a GSI without a
 * pin (so are the others).
 */
void ioapic_program(unsigned gsi, u8 vector, u32 dest, bool level, bool active_low);
void ioapic_mask(unsigned gsi);
void ioapic_unmask(unsigned gsi);
void ioapic_set_dest(unsigned gsi, u32 dest);

/* For PHYSDEVOP_apic_read: 0, or -EINVAL if there is no such I/O APIC or register. */
int ioapic_read_register(paddr_t base, u32 reg, u32 *value);
/* The GSI whose redirection entry (either half) register `reg` is: 0 and *gsi, or -EINVAL. */
int ioapic_register_gsi(paddr_t base, u32 reg, unsigned *gsi);
/* Is this frame an I/O APIC's? Those are never a guest's. */
bool ioapic_owns_mfn(u64 mfn);

/* machine/pic.c: remap the 8259s to PIC_VECTOR_FIRST and mask them for good. */
void pic_init(void);

#endif
