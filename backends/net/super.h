/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor: speaks with the store for all interfaces of all domains, makes taps, starts the
 * worker, and another one when it dies.
 */
#ifndef NET_SUPER_H
#define NET_SUPER_H

#include "backends/lib/guard.h"

/* super_main - until a signal ends it. Returns the exit status. */
int super_main(const struct super_options *options);

#endif
