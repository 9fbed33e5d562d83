/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_EMULATE_H
#define ANNULUS_PV_EMULATE_H

#include "cpu/regs.h"
#include "lib/types.h"

/*
 * emulate_privileged() - current's #GP: carry out the instruction at rip if the ABI lets it (kernel
 * mode, or a permitted port access of user mode). False: the guest shall have its #GP. True: done,
 * or another trap was injected.
 */
bool emulate_privileged(struct regs *r);
/* emulate_forced() - current's #UD: ud2a "xen" cpuid. False: the guest shall have its #UD. */
bool emulate_forced(struct regs *r);

#endif
