// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a vCPU's FPU state may look like. The image is restored in ring 0: what the CPU would refuse
 * must not get into it.
 */
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/fpu.h"
#include "lib/string.h"

#define XSAVE_HEADER 512

/* Reset values: SDM vol. 1, 8.1.5 and 11.6.4. */
void fpu_reset(struct vcpu *v)
{
	u8 *area = v->fpu;
	u16 fcw = 0x37f;
	u32 mxcsr = 0x1f80;

	memset(area, 0, cpu_features.xsave_size);
	memcpy(area, &fcw, 2);
	memcpy(area + FXSAVE_MXCSR, &mxcsr, 4);
	if (cpu_features.xsave)
		area[XSAVE_HEADER] = 3; /* x87 and SSE parts present */
}

void fpu_import(struct vcpu *v, const void *fxsave)
{
	u8 *area = v->fpu;
	u32 mxcsr;

	fpu_reset(v);
	memcpy(area, fxsave, 464); /* the rest is for software */
	/* Reserved MXCSR bits would make the restore fault in ring 0 (SDM vol. 1, 11.6.6). */
	memcpy(&mxcsr, area + FXSAVE_MXCSR, 4);
	mxcsr &= cpu_features.mxcsr_mask;
	memcpy(area + FXSAVE_MXCSR, &mxcsr, 4);
}

void fpu_export(struct vcpu *v, void *fxsave)
{
	memcpy(fxsave, v->fpu, 512);
}

bool xcr0_valid(u64 x)
{
	if (!cpu_features.xsave || (x & ~cpu_features.xcr0) || !(x & 1))
		return false;
	if ((x & 4) && !(x & 2))
		return false;
	if ((x & 0xe0) && ((x & 0xe0) != 0xe0 || !(x & 4)))
		return false;
	return true;
}
