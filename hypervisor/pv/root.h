/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_ROOT_H
#define ANNULUS_PV_ROOT_H

#include "lib/types.h"

/* Load a root by frame: the idle root, or a validated guest's. Interrupts off. */
void root_load_mfn(mfn_t mfn);
/* The idle root, and nothing of a guest's left in the TLB. */
void root_load_idle(void);
/*
 * Unmapped mode: take this CPU's copy of the loaded root again. Interrupts off, on the way to the
 * guest.
 */
void root_copy_refresh(void);

#endif
