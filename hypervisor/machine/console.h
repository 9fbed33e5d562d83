/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_CONSOLE_H
#define ANNULUS_MACHINE_CONSOLE_H

#include "lib/types.h"

/*
 * The hypervisor's console: the serial port (and the screen until dom0 runs), and a ring
 * of all that was printed, which dom0 reads (`hvctl dmesg`).
 */
void console_init(void);
void console_end_boot(void);             /* the screen now belongs to dom0, but for vga=keep */
void console_input(char c);              /* from the serial interrupt */
void console_receive(void (*fn)(char c)); /* who takes it, in that interrupt */
void console_transmit(void);             /* the same: the port may have room */
/*
 * Boot, once timers run and the port's interrupt was asked for: from now on what is printed is
 * queued, and the interrupt, or a timer if there is none, sends it. Not with sync_console.
 */
void console_begin_queue(void);
/*
 * Wait until all that was queued is out; console_sync(): from now on each byte is waited for,
 * because interrupts will not come any more. Any context but NMI.
 */
void console_flush(void);
void console_sync(void);
/*
 * For panic(), when the other CPUs were told to stop: as console_sync(), but the console's lock is
 * nobody's any more, whoever has it, and of what was queued only the last 16 KiB are sent.
 */
void console_break(void);

/*
 * sysctl readconsole: copy from position *index (or the oldest, if that is gone; 0 starts there) up
 * to n bytes to buf. `clear` forgets what was read.
 * Returns the count, moves *index on.
 */
size_t console_ring_read(char *buf, size_t n, u32 *index, bool clear);

/*
 * What domains write; both take it whole or not at all. console_privileged_write(): dom0's; false
 * if there is no room for it now. console_guest_write(): a line of another's; false if that is more
 * than its share, of which *paid is the account (machine/transmit.h).
 */
bool console_privileged_write(const char *s, size_t n);
bool console_guest_write(const char *line, size_t n, u64 *paid);

#endif
