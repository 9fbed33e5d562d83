/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_ROOT_H
#define ANNULUS_PV_ROOT_H

#include "cpu/cpu.h"
#include "lib/types.h"

/*
 * root_load_mfn() - load a root by frame: the idle root, or one of the two of the vCPU that runs
 * here, which root_load() was called for. Interrupts off.
 *
 * Whoever writes guest_table and guest_table_user sees to it that a vCPU that can run has what its
 * mode needs: the frames were typed and referenced when they were written, and nothing but the
 * vCPU itself replaces them while it can run. That is all that the paths of entry/fast.S rely on.
 * Should it not hold after all, no C path loads what is no frame: root_load_mfn() and root_load()
 * load the idle root instead, root_missing() says so, and exit_work() ends the domain.
 *
 * root_missing() - CPU c, this one, which runs a guest's vCPU, was to load a root that is none.
 */
void root_load_mfn(mfn_t mfn);
static inline bool root_missing(const struct cpu *c)
{
	return c->no_root;
}
/* The idle root, and nothing of a guest's left in the TLB. */
void root_load_idle(void);
/*
 * root_copy_of_loaded() - unmapped mode: this CPU's copy of the root that is loaded, taken now if
 * there is none (cpu/root_copies.h). Interrupts off.
 */
mfn_t root_copy_of_loaded(void);

#endif
