/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_FPU_H
#define ANNULUS_DOMAIN_FPU_H

#include "lib/types.h"

struct vcpu;

/* In the image of FXSAVE, which is the first part of XSAVE's (SDM vol. 1, 10.5.1). */
#define FXSAVE_MXCSR	  24
#define FXSAVE_MXCSR_MASK 28

void fpu_init_cpu(void);                /* once on each CPU, with SSE on: cpu_features.mxcsr_mask */
int fpu_init_vcpu(struct vcpu *v);      /* allocate and reset the state: 0, -ENOMEM */
void fpu_destroy_vcpu(struct vcpu *v);
void fpu_save(struct vcpu *v);          /* v runs on this CPU; CR0.TS is left clear */
void fpu_restore(struct vcpu *v);       /* and set CR0.TS as the guest's virtual one is */
void fpu_set_ts(bool ts);
/* ---- fpu_image.c: v does not run ---- */

void fpu_reset(struct vcpu *v);
/* The 512-byte FXSAVE image of the ABI's vcpu_guest_context, of which nothing is taken that the CPU
 * would not. */
void fpu_import(struct vcpu *v, const void *fxsave);
void fpu_export(struct vcpu *v, void *fxsave);
/*
 * A whole XSAVE area of `size` bytes in the standard format (SDM vol. 1, 13.4), of which the states
 * in `states` are taken: 0, or -EINVAL, with nothing changed, for what XRSTOR would refuse, for the
 * compacted format and for states that are not among them. Export gives the same.
 */
int fpu_import_xsave(struct vcpu *v, const void *area, u32 size, u64 states);
void fpu_export_xsave(const struct vcpu *v, void *area, u32 size, u64 states);
bool xcr0_valid(u64 xcr0);

#endif
