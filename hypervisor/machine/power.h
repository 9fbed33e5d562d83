/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_POWER_H
#define ANNULUS_MACHINE_POWER_H

#include "lib/types.h"

/*
 * The end of the machine; none returns. They work on any CPU in any state (panic() calls them): no
 * locks, no memory.
 *
 * power_init() - boot CPU, after acpi_init(): map the registers that lie in memory.
 *
 * machine_restart() - reset by ACPI, port 0xcf9, the keyboard controller, a triple fault, in this
 * order. With the option `noreboot` it halts instead.
 */
void power_init(void);
void machine_restart(void) __noreturn;
/* ACPI soft-off (S5) with the values of the DSDT; halts when there is no way to. */
void machine_power_off(void) __noreturn;
void machine_halt(void) __noreturn;

/*
 * machine_acpi_sleep() - write SLP_TYP and SLP_EN as dom0's ACPI interpreter worked them out:
 * `val_a`, `val_b` are its PM1 control values (of the hardware-reduced sleep registers if
 * `extended`). For S5. Returns -ENODEV if the machine has no such registers, and -EIO if it is
 * still on after a second.
 */
int machine_acpi_sleep(u16 val_a, u16 val_b, bool extended);

extern bool opt_noreboot;

#endif
