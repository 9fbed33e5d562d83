/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_IMAGE_PVH_ACPI_H
#define ANNULUS_IMAGE_PVH_ACPI_H

#include <stdint.h>

/*
 * The ACPI tables of a PVH guest: that each vCPU has a local APIC, and that there is no hardware
 * beside (ACPI 6.4, 5.2: RSDP, XSDT, FADT of a hardware-reduced machine, MADT, an empty DSDT).
 */
#define PVH_ACPI_BYTES 640
#define PVH_MAX_VCPUS  16
/* Pages of memory from 0 on: behind them, below 4 GiB, is the APIC, which is no memory. */
#define PVH_LOW_PAGES  0xf0000u

/*
 * pvh_acpi_write() - the tables to `buf`, PVH_ACPI_BYTES bytes that the guest will find at the
 * physical address `at`, below 4 GiB and 16-byte aligned. The RSDP is the first. `vcpus`: 1 to
 * PVH_MAX_VCPUS, with the numbers from 0 on.
 */
void pvh_acpi_write(uint8_t *buf, uint64_t at, unsigned int vcpus);

#endif
