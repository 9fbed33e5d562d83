/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_TRANSMIT_H
#define ANNULUS_MACHINE_TRANSMIT_H

#include "lib/types.h"

/*
 * What waits to go out by the serial line, and who may add to it. Nobody waits for the line with a
 * lock held: bytes are queued here, the port's interrupt takes them. All functions: under the
 * console lock.
 */
#define TRANSMIT_SIZE (128 * 1024U)
/* Guests leave so much of it to dom0 and to the hypervisor's own messages. */
#define TRANSMIT_RESERVED (32 * 1024U)
/* dom0 leaves so much to the hypervisor's own messages. */
#define TRANSMIT_OURS (8 * 1024U)

/* What one guest may write without end, as the time of a byte, and how far it may run ahead. */
#define GUEST_BYTE_NS  250000ULL
#define GUEST_AHEAD    65536ULL
/* The same for all guests together. */
#define GUESTS_BYTE_NS 62500ULL
#define GUESTS_AHEAD   262144ULL

size_t transmit_room(void);
bool transmit_empty(void);
/* All of it, a CR before each LF. False, and nothing is queued: there is no room for it. */
bool transmit_put(const char *s, size_t n);
/* Up to n bytes for the port; their number. */
size_t transmit_take(char *out, size_t n);
void transmit_clear(void);

/*
 * May a guest write n bytes more at system time `now`? *paid: the time that its output so far takes
 * it to; moved on if so. Its own backlog may not be more than what all guests may still add: so one
 * that floods leaves half to a second, and so on, and one that writes little is heard.
 */
bool transmit_guest_may(u64 *paid, size_t n, u64 now);

#endif
