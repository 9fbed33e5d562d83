/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_PV_H
#define ANNULUS_PV_PV_H

#include "cpu/regs.h"
#include "domain/pv_state.h"
#include "lib/types.h"
#include "lib/upcalls.h"

struct vcpu;
struct domain;

/*
 * The roots of vCPUs. root_load(), root_create_compat(), root_destroy_compat(): lib/upcalls.h.
 *
 * root_fill() - put the hypervisor's slots into a top-level table being validated.
 * root_fill_compat() - the same for the L2 of a 32-bit guest's last GiB.
 * root_set_compat() - a 32-bit guest's vCPU has a new guest_table (or none); not loaded yet.
 */
void root_fill(u64 *l4);
void root_fill_compat(u64 *l2);
void root_set_compat(struct vcpu *v);
/* Slots 256-271 as every root has them. */
bool root_slot_is_ours(unsigned slot);

/* The stack that the kernel is entered on from user mode. Any value is fine until it is used. */
void pv_set_kernel_stack(struct pv_vcpu *pv, u64 ss, u64 sp);

/*
 * pv_inject_trap() - make the running vCPU enter its own handler for `vector` at the next return to
 * it: bounce frame with `error_code` if the vector has one. pv_inject_pf() also sets CR2 for it.
 */
void pv_inject_trap(unsigned vector, u32 error_code);
void pv_inject_pf(vaddr_t cr2, u32 error_code);

#endif
