/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Our port on a bridge of dom0's. */
#ifndef NET_TAP_H
#define NET_TAP_H

#include <stddef.h>

/*
 * tap_open - a tap with virtio's headers and all offloads, on @bridge and up. It goes with its last
 * descriptor. A descriptor that does not wait, or a negative errno with a line in @text.
 */
int tap_open(const char *bridge, char *text, size_t size);

#endif
