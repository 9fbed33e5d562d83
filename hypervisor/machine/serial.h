/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_SERIAL_H
#define ANNULUS_MACHINE_SERIAL_H

#include "lib/types.h"

/* The one 16550 that the hypervisor keeps for itself. */
/* by com1=/com2= and console=; false: no port there or not wanted */
bool serial_init(void);
void serial_init_irq(void);       /* receive by interrupt, once interrupts work */
void serial_putc(char c);         /* waits for room; any context */
/* The port's I/O range, to be kept from dom0; false if there is none. */
bool serial_ports(u16 *first, u16 *last);

#endif
