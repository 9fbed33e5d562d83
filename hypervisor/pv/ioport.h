/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_IOPORT_H
#define ANNULUS_PV_IOPORT_H

#include "lib/types.h"

/*
 * Does current's virtual IOPL let the mode that it is in do I/O, and CLI and STI? A kernel is the
 * virtual ring 1, or 0 with VMASST_TYPE_architectural_iopl; its user space is 3.
 */
bool iopl_suffices(void);

/*
 * current's port accesses. ioport_allowed(): may this code execute IN/OUT at all (virtual IOPL, I/O
 * bitmap)? The accesses reach the hardware where the domain was given the ports, and otherwise
 * nothing: all ones, no effect.
 */
bool ioport_allowed(u32 port, unsigned size);
u32 ioport_read(u32 port, unsigned size);
void ioport_write(u32 port, unsigned size, u32 value);

#endif
