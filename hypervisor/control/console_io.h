/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CONTROL_CONSOLE_IO_H
#define ANNULUS_CONTROL_CONSOLE_IO_H

#include "lib/types.h"

/*
 * Boot, before serial_init_irq(): typed characters go to dom0 from now on; three Ctrl-A switch them
 * to the debug keys and back. Without a dom0 they are debug keys.
 */
void console_io_init(void);

/* The hypercall; errors: ABI. */
s64 do_console_io(u64 cmd, u64 count, u64 buffer);

#endif
