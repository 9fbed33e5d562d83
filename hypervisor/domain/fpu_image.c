// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a vCPU's FPU state may look like. The image is restored in ring 0: what the CPU would refuse
 * must not get into it.
 */
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/fpu.h"
#include "lib/string.h"
#include "pv-abi/errno.h"

/* SDM vol. 1, 13.4.1 and 13.4.2. */
#define XSAVE_SOFTWARE 464 /* to the header: nothing that the CPU reads */
#define XSAVE_HEADER 512
#define XSAVE_STATES 576

struct xsave_header {
	u64 states;   /* XSTATE_BV: others are as after a reset */
	u64 compact;  /* XCOMP_BV */
	u64 zero[6];
};

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
	memcpy(area, fxsave, XSAVE_SOFTWARE);
	/* Reserved MXCSR bits would make the restore fault in ring 0 (SDM vol. 1, 11.6.6). */
	memcpy(&mxcsr, area + FXSAVE_MXCSR, 4);
	mxcsr &= cpu_features.mxcsr_mask;
	memcpy(area + FXSAVE_MXCSR, &mxcsr, 4);
}

void fpu_export(struct vcpu *v, void *fxsave)
{
	memcpy(fxsave, v->fpu, 512);
}

int fpu_import_xsave(struct vcpu *v, const void *area, u32 size, u64 states)
{
	struct xsave_header h;
	u32 mxcsr;

	if (size < XSAVE_STATES || size > cpu_features.xsave_size)
		return -EINVAL;
	memcpy(&h, (const u8 *)area + XSAVE_HEADER, sizeof(h));
	memcpy(&mxcsr, (const u8 *)area + FXSAVE_MXCSR, sizeof(mxcsr));
	if ((h.states & ~states) || h.compact || (mxcsr & ~cpu_features.mxcsr_mask))
		return -EINVAL;
	for (unsigned i = 0; i < ARRAY_SIZE(h.zero); i++)
		if (h.zero[i])
			return -EINVAL;
	memset(v->fpu, 0, cpu_features.xsave_size);
	memcpy(v->fpu, area, size);
	memset((u8 *)v->fpu + XSAVE_SOFTWARE, 0, XSAVE_HEADER - XSAVE_SOFTWARE);
	return 0;
}

void fpu_export_xsave(const struct vcpu *v, void *area, u32 size, u64 states)
{
	struct xsave_header *h = (struct xsave_header *)((u8 *)area + XSAVE_HEADER);

	memcpy(area, v->fpu, size);
	h->states &= states;
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
