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
/* one atomic piece to ring and ports; any context but NMI */
void console_write(const char *s, size_t n);
/*
 * The same to the ports only, unless console_to_ring was asked for: dom0's output, which would
 * drive our own out of the ring.
 */
void console_write_ports(const char *s, size_t n);
void console_input(char c);              /* from the serial interrupt */

/*
 * sysctl readconsole: copy from position *index (or the oldest, if that is gone; 0 starts there) up
 * to n bytes to buf. `clear` forgets what was read.
 * Returns the count, moves *index on.
 */
size_t console_ring_read(char *buf, size_t n, u32 *index, bool clear);

s64 do_console_io(u64 cmd, u64 count, u64 buffer);

#endif
