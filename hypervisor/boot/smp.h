/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_BOOT_SMP_H
#define ANNULUS_BOOT_SMP_H

/*
 * Start every CPU that the ACPI tables name, one after the other (`maxcpus=` and `nosmp` limit
 * them). Boot CPU.
 */
void smp_boot(void);

#endif
