/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_SERIAL_H
#define ANNULUS_MACHINE_SERIAL_H

#include "lib/types.h"

/* The one 16550 that the hypervisor keeps for itself. */
/* by com1=/com2= and console=; false: no port there or not wanted */
bool serial_init(void);
/* Does console= name it? */
bool console_named(const char *what);
void serial_init_irq(void);       /* receive by interrupt, once interrupts work */
/*
 * Waits for room, any context. False: there was none in time, or there is no port. Once it took too
 * long nobody waits again until the port has had room.
 */
bool serial_putc(char c);
/*
 * Transmission by interrupt, under the console lock: whether there is such a thing, want it or not
 * (an interrupt comes at once if the port has room), as many bytes as fit now without waiting.
 */
#define SERIAL_FIFO 16
extern bool serial_has_irq;
void serial_want_room(bool on);
bool serial_room(void);
void serial_put_fifo(const char *s, size_t n); /* n <= SERIAL_FIFO, serial_room() */
/* The port's I/O range, to be kept from dom0; false if there is none. */
bool serial_ports(u16 *first, u16 *last);

#endif
