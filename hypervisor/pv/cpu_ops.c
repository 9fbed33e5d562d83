// SPDX-License-Identifier: GPL-2.0-or-later
#include "pv/cpu_ops.h"
#include "cpu/cpu.h"
#include "cpu/debugreg.h"
#include "cpu/layout.h"
#include "cpu/msr.h"
#include "cpu/raw.h"
#include "domain/domain.h"
#include "domain/fpu.h"
#include "pv-abi/errno.h"
#include "pv/bounce.h"
#include "pv/compat.h"
#include "pv/pv.h"
#include "pv/ring1.h"

s64 do_stack_switch(u64 ss, u64 sp)
{
	pv_set_kernel_stack(&current->pv, ss, sp);
	return 0;
}

s64 do_fpu_taskswitch(u64 set)
{
	current->pv.ts = set & 0xffffffff;
	fpu_set_ts(current->pv.ts);
	return 0;
}

s64 do_set_segment_base(u64 which, u64 base)
{
	struct vcpu *v = current;

	switch ((u32)which) {
	case SEGBASE_FS:
		if (!is_canonical(base))
			return -EINVAL;
		wrmsr(MSR_FS_BASE, base);
		return 0;
	case SEGBASE_GS_USER:
	case SEGBASE_GS_KERNEL:
		if (!is_canonical(base))
			return -EINVAL;
		if (unlikely(v->domain->ring1)) {
			if ((u32)which == SEGBASE_GS_USER)
				return -EINVAL;
			v->pv.gs_base_kernel = base;
			v->pv.short_way = false;
			wrmsr(MSR_GS_BASE, base);
			return 0;
		}
		/* The one that is not in use is in KERNEL_GS_BASE. */
		wrmsr(v->pv.kernel_mode == ((u32)which == SEGBASE_GS_KERNEL) ? MSR_GS_BASE
									     : MSR_KERNEL_GS_BASE,
		      base);
		return 0;
	case SEGBASE_GS_USER_SEL: {
		u64 irq = local_irq_save();

		if (unlikely(v->domain->ring1)) {
			load_gs(compat_selector((u32)base & 0xffff));
			wrmsr(MSR_GS_BASE, v->pv.gs_base_kernel);
		} else {
			load_gs_user(base);
		}
		local_irq_restore(irq);
		return 0;
	}
	}
	return -EINVAL;
}

/* Debug registers: SDM vol. 3B, 17.2. */
#define DR7_ALLOWED 0xffff07ffULL /* without GD, RTM and reserved bits */
#define DR6_FIXED   0xffff0ff0ULL

/* All of them: those that are not enabled stay behind when the vCPU changes its CPU. */
static void load_debugregs(const struct pv_vcpu *pv)
{
	WRITE_DR(0, pv->dr[0]);
	WRITE_DR(1, pv->dr[1]);
	WRITE_DR(2, pv->dr[2]);
	WRITE_DR(3, pv->dr[3]);
	WRITE_DR(6, DR6_FIXED);
	WRITE_DR(7, pv->dr[7]);
}

int pv_set_debugreg(struct vcpu *v, unsigned reg, u64 value)
{
	bool live = v == current;

	switch (reg) {
	case 0 ... 3:
		if (value &&
		    (!is_canonical(value) || (value >= HV_VIRT_START && value < HV_VIRT_END)))
			return -EPERM;
		v->pv.dr[reg] = value;
		if (live) {
			if (reg == 0)
				WRITE_DR(0, value);
			else if (reg == 1)
				WRITE_DR(1, value);
			else if (reg == 2)
				WRITE_DR(2, value);
			else
				WRITE_DR(3, value);
		}
		return 0;
	case 4:
		if (v->pv.cr4 & CR4_DE)
			return -ENODEV;
		/* fall through */
	case 6:
		v->pv.dr[6] = (value & 0xe00f) | DR6_FIXED;
		if (live)
			WRITE_DR(6, DR6_FIXED);
		return 0;
	case 5:
		if (v->pv.cr4 & CR4_DE)
			return -ENODEV;
		/* fall through */
	case 7:
		if (value >> 32)
			return -EPERM;
		value &= DR7_ALLOWED;
		/* I/O breakpoints (R/W 2) would fire on our own accesses for the guest; lengths of
		 * 8 are fine. */
		for (unsigned i = 0; i < 4; i++)
			if ((value >> (i * 2) & 3) && (value >> (16 + i * 4) & 3) == 2)
				return -EPERM;
		v->pv.dr[7] = value | DR7_FIXED;
		if (live && (value & DR7_ENABLED))
			load_debugregs(&v->pv);
		else if (live)
			WRITE_DR(7, DR7_FIXED);
		return 0;
	}
	return -ENODEV;
}

s64 do_set_debugreg(u64 reg, u64 value)
{
	int rc = pv_set_debugreg(current, reg < 8 ? reg : 8, value);

	return rc == -ENODEV ? -EINVAL : rc;
}

s64 do_get_debugreg(u64 reg)
{
	if (reg < 4 || reg == 6 || reg == 7)
		return current->pv.dr[reg];
	return -EINVAL;
}

/*
 * SMEP and SMAP: a kernel in ring 1 is a supervisor to the CPU and must be able to reach its user
 * space; its own kernel knows nothing of the two. They are off while such a vCPU is on the CPU. A
 * 64-bit kernel in ring 1 is told that it does without SMAP alone.
 */
void pv_cr4_load(const struct vcpu *v)
{
	u64 guards = (cpu_features.smep ? CR4_SMEP : 0) | (cpu_features.smap ? CR4_SMAP : 0);
	struct cpu *c = this_cpu();
	u64 cr4 = (c->cr4 & ~(guards | CR4_FSGSBASE)) | (v->pv.cr4 & CR4_FSGSBASE) |
		  (v->pv.root32 ? 0 : v->domain->ring1 ? guards & ~CR4_SMAP : guards);

	if (cr4 != c->cr4) {
		/* First the shadow: a flush by interrupt writes what it finds there. */
		c->cr4 = cr4;
		write_cr4(cr4);
	}
}

/* A 32-bit guest's segments have their bases from their descriptors alone. */
static void restore_segments_compat(const struct pv_vcpu *pv)
{
	/* A null selector need not clear what the last guest had there. */
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_GS_BASE, 0);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	load_ds(pv->ds);
	load_es(pv->es);
	load_fs(pv->fs);
	load_gs(pv->gs);
}

void pv_cpu_save(struct vcpu *v)
{
	u64 gs = rdmsr(MSR_GS_BASE), other = rdmsr(MSR_KERNEL_GS_BASE);
	struct pv_vcpu *pv = &v->pv;

	__asm__ volatile("movw %%ds, %0" : "=m"(pv->ds));
	__asm__ volatile("movw %%es, %0" : "=m"(pv->es));
	__asm__ volatile("movw %%fs, %0" : "=m"(pv->fs));
	__asm__ volatile("movw %%gs, %0" : "=m"(pv->gs));
	pv->fs_base = rdmsr(MSR_FS_BASE);
	if (unlikely(v->domain->ring1)) {
		pv->gs_base_now = gs;
		ring1_no_short_way(this_cpu());
		pv->short_way = false;
	} else {
		pv->gs_base_kernel = pv->kernel_mode ? gs : other;
		pv->gs_base_user = pv->kernel_mode ? other : gs;
	}
	if (pv->dr[7] & DR7_ENABLED)
		WRITE_DR(7, DR7_FIXED);
}

void pv_cpu_restore(struct vcpu *v)
{
	struct pv_vcpu *pv = &v->pv;

	pv_cr4_load(v);
	/* A selector that is no longer valid becomes the null selector: the guest changed its
	 * tables under it. */
	if (pv->root32) {
		restore_segments_compat(pv);
		goto debug;
	}
	load_ds(pv->ds);
	load_es(pv->es);
	load_fs(pv->fs);
	if (unlikely(v->domain->ring1)) {
		load_gs(pv->gs);
		wrmsr(MSR_FS_BASE, pv->fs_base);
		wrmsr(MSR_GS_BASE, pv->gs_base_now);
		/* Nobody asks for it: it is only not to be another's. */
		wrmsr(MSR_KERNEL_GS_BASE, 0);
		goto debug;
	}
	load_gs_user(pv->gs);
	wrmsr(MSR_FS_BASE, pv->fs_base);
	wrmsr(MSR_GS_BASE, pv->kernel_mode ? pv->gs_base_kernel : pv->gs_base_user);
	wrmsr(MSR_KERNEL_GS_BASE, pv->kernel_mode ? pv->gs_base_user : pv->gs_base_kernel);
debug:
	if (pv->dr[7] & DR7_ENABLED)
		load_debugregs(pv);
}
