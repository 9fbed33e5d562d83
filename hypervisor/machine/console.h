/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_CONSOLE_H
#define ANNULUS_MACHINE_CONSOLE_H

#include "lib/types.h"

struct domain;

/*
 * The hypervisor's console: the serial port (and the VGA text screen until dom0 runs), and a ring
 * of all that was printed, which dom0 reads (`hvctl dmesg`). Typed characters go to dom0; three
 * Ctrl-A switch them to the debug keys and back.
 */
void console_init(void);
void console_end_boot(void);             /* the screen now belongs to dom0 */
void console_input(char c);              /* from the serial interrupt */
void console_transmit(void);             /* the same: the port may have room */
/*
 * Wait until all that was queued is out; console_sync(): from now on each byte is waited for,
 * because interrupts will not come any more. Any context but NMI.
 */
void console_flush(void);
void console_sync(void);

/*
 * sysctl readconsole: copy from position *index (or the oldest, if that is gone; 0 starts there) up
 * to n bytes to buf. `clear` forgets what was read.
 * Returns the count, moves *index on.
 */
size_t console_ring_read(char *buf, size_t n, u32 *index, bool clear);

s64 do_console_io(u64 cmd, u64 count, u64 buffer);

#endif
