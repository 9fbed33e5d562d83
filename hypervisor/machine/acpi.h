/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_ACPI_H
#define ANNULUS_MACHINE_ACPI_H

#include "cpu/apic.h"
#include "lib/types.h"

#define ACPI_MAX_IOAPICS   16
#define ACPI_MAX_OVERRIDES 24
#define ACPI_MAX_NMIS      16
#define ACPI_MAX_SEGMENTS  8

#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO     1
#define ACPI_SPACE_PCI    2

/* A register as tables name it; `address` 0: there is none. */
struct acpi_register {
	u8 space;     /* ACPI_SPACE_* */
	u8 width;     /* bits */
	u64 address;
};

/*
 * What the firmware's tables say. Filled once by acpi_init() on the boot CPU, read-only afterwards:
 * no lock. Counts are bounded by the arrays; what does not fit is left out with a warning.
 */
struct acpi_info {
	paddr_t rsdp;             /* 0: no ACPI */
	paddr_t lapic;            /* physical address of the local APICs */
	bool pcat;                /* there are 8259s */
	unsigned nr_cpus;         /* usable ones only */
	struct {
		u32 apic_id, acpi_id;
	} cpus[NR_CPUS];
	unsigned nr_ioapics;
	struct {
		u8 id;
		u32 gsi_base;
		paddr_t base;
	} ioapics[ACPI_MAX_IOAPICS];
	unsigned nr_overrides;
	struct {
		u8 source;        /* ISA IRQ */
		bool level, active_low;
		u32 gsi;
	} overrides[ACPI_MAX_OVERRIDES];
	unsigned nr_nmis;
	struct apic_nmi nmis[ACPI_MAX_NMIS];

	bool have_fadt;
	bool hardware_reduced;
	bool no_8042;             /* the boot flags say that there is no keyboard controller */
	bool no_rtc;
	u16 sci;                  /* ISA IRQ of the SCI */
	u16 boot_flags;
	struct acpi_register pm1a_event, pm1b_event, pm1a_control, pm1b_control;
	struct acpi_register sleep_control; /* hardware-reduced machines instead of PM1 control */
	struct acpi_register pm_timer;
	bool pm_timer_32bit;
	struct acpi_register reset;
	u8 reset_value;
	paddr_t dsdt, facs;
	bool s5_known;
	u8 s5_a, s5_b;            /* SLP_TYP of \_S5_ */

	struct {
		u64 address;      /* 0: there is none */
		u8 number;
		u16 min_tick;
	} hpet;

	unsigned nr_segments;     /* MCFG */
	struct {
		u64 base;         /* machine address of bus 0, whether or not bus 0 is in it */
		u16 segment;
		u8 first_bus, last_bus;
	} segments[ACPI_MAX_SEGMENTS];
};
extern struct acpi_info acpi_info;

/*
 * acpi_init() - find the RSDP (at `rsdp_hint`, the machine address that the boot loader gave, 0 for
 * none; else in the BIOS areas) and read the tables. A table that is too short, wraps, or sums up
 * wrong is left out with a warning.
 * Returns 0, or -ENODEV without any usable RSDP and root table. Boot CPU; the direct map and
 * memory/ioremap.h must work.
 */
int acpi_init(paddr_t rsdp_hint);

/*
 * The GSI, and its mode, of an ISA IRQ (0-15): identity, edge and active high without an override.
 */
u32 acpi_isa_gsi(u8 isa, bool *level, bool *active_low);

/*
 * The decisions, without hardware: `table` is `len` bytes of a whole table whose header and
 * checksum are fine; they add to `out`. 0, or -EINVAL if the table is too short for its fixed part.
 */
int acpi_parse_madt(const void *table, size_t len, struct acpi_info *out);
int acpi_parse_fadt(const void *table, size_t len, struct acpi_info *out);
int acpi_parse_hpet(const void *table, size_t len, struct acpi_info *out);
int acpi_parse_mcfg(const void *table, size_t len, struct acpi_info *out);
/* Look for the package \_S5_ in `len` bytes of AML. False if it is not there in a plain form. */
bool acpi_find_s5(const void *aml, size_t len, u8 *a, u8 *b);
/* Do `len` bytes sum up to 0? */
bool acpi_checksum_ok(const void *p, size_t len);

#endif
