/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor: speaks with the store for all disks of all domains, opens images, starts a worker
 * for each domain that has disks, and another one when it dies.
 */
#ifndef BLOCK_SUPER_H
#define BLOCK_SUPER_H

#include "backends/lib/guard.h"

/* super_main - until a signal ends it. Returns the exit status. */
int super_main(const struct super_options *options);

#endif
