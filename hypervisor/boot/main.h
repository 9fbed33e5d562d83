/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_BOOT_MAIN_H
#define ANNULUS_BOOT_MAIN_H

#include "lib/types.h"

/*
 * From head.S: the loader's magic number and the address of its information. On the boot stack,
 * interrupts off.
 */
void start_of_day(u32 magic, u32 info);
void boot_finish(void);

#endif
