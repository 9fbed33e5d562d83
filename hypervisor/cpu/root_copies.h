/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_ROOT_COPIES_H
#define ANNULUS_CPU_ROOT_COPIES_H

/*
 * Unmapped mode. A CPU keeps copies of the two roots of the vCPU that runs on it, so that a change
 * of mode takes none. They hold from one root_load() to the next, and while no entry of a root of
 * the vCPU's domain changes (TLB_ROOT). pv/root.h takes them.
 *
 * root_copies_forget() - they no longer hold, on this CPU.
 */
void root_copies_forget(void);

#endif
