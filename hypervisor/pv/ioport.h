/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_IOPORT_H
#define ANNULUS_PV_IOPORT_H

#include "lib/types.h"

/*
 * current's port accesses. ioport_allowed(): may this code execute IN/OUT at all (virtual IOPL, I/O
 * bitmap)? The accesses reach the hardware where the domain was given the ports, and otherwise
 * nothing: all ones, no effect.
 */
bool ioport_allowed(u32 port, unsigned size);
u32 ioport_read(u32 port, unsigned size);
void ioport_write(u32 port, unsigned size, u32 value);

#endif
