// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * FPU, SSE and AVX state of vCPUs. Switched eagerly: a lazily switched FPU leaks registers through
 * speculation. The guest's CR0.TS is virtual; the real one follows it so that the guest gets its
 * #NM.
 */
#include "domain/fpu.h"
#include "cpu/cpu.h"
#include "cpu/msr.h"
#include "domain/domain.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "pv-abi/errno.h"

int fpu_init_vcpu(struct vcpu *v)
{
	/* A page is 64-byte aligned for certain; no state we enable is larger. */
	v->fpu = zalloc(ALLOC_VCPU, max(cpu_features.xsave_size, (u32)PAGE_SIZE));
	if (!v->fpu)
		return -ENOMEM;
	v->xcr0 = cpu_features.xsave ? 1 : 0;
	fpu_reset(v);
	return 0;
}

void fpu_destroy_vcpu(struct vcpu *v)
{
	zfree(v->fpu);
	v->fpu = NULL;
}

/* SDM vol. 1, 11.6.6: what FXSAVE says, or what the first CPUs with SSE had if it says nothing. */
void fpu_init_cpu(void)
{
	u8 image[512] __aligned(16);
	u32 mask;

	__asm__ volatile("fxsave64 %0" : "=m"(image));
	memcpy(&mask, image + FXSAVE_MXCSR_MASK, sizeof(mask));
	if (!mask)
		mask = 0xffbf;
	cpu_features.mxcsr_mask = cpu_features.mxcsr_mask ? cpu_features.mxcsr_mask & mask : mask;
}

void fpu_set_ts(bool ts)
{
	u64 cr0 = read_cr0();

	if (ts)
		write_cr0(cr0 | CR0_TS);
	else if (cr0 & CR0_TS)
		__asm__ volatile("clts");
}

void fpu_save(struct vcpu *v)
{
	fpu_set_ts(false);
	if (!cpu_features.xsave) {
		__asm__ volatile("fxsave64 (%0)" ::"r"(v->fpu) : "memory");
		return;
	}
	/* All states, also those that the guest has disabled again in XCR0: their registers are
	 * still there. */
	if (v->xcr0 != cpu_features.xcr0)
		xsetbv(cpu_features.xcr0);
	if (cpu_features.xsaveopt)
		__asm__ volatile("xsaveopt64 (%0)" ::"r"(v->fpu), "a"(~0U), "d"(~0U) : "memory");
	else
		__asm__ volatile("xsave64 (%0)" ::"r"(v->fpu), "a"(~0U), "d"(~0U) : "memory");
}

/*
 * AMD's CPUs leave the addresses of the last x87 instruction alone when they restore a state
 * without a pending exception (APM vol. 2, 11.4.4): put ours in place of the former guest's.
 */
static void hide_last_instruction(void)
{
	static const u32 zero;

	if (cpu_features.vendor == CPU_VENDOR_AMD)
		__asm__ volatile("fnclex; ffree %%st(7); fildl %0" :: "m"(zero));
}

void fpu_restore(struct vcpu *v)
{
	fpu_set_ts(false);
	hide_last_instruction();
	if (!cpu_features.xsave) {
		__asm__ volatile("fxrstor64 (%0)" ::"r"(v->fpu) : "memory");
	} else {
		/* XCR0 may hold another vCPU's value; restoring with all bits resets what the image
		 * does not have. */
		xsetbv(cpu_features.xcr0);
		__asm__ volatile("xrstor64 (%0)" ::"r"(v->fpu), "a"(~0U), "d"(~0U) : "memory");
		if (v->xcr0 != cpu_features.xcr0)
			xsetbv(v->xcr0);
	}
	if (v->pv.ts)
		fpu_set_ts(true);
}
