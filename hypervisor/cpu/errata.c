// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/errata.h"

#include "cpu/cpu.h"
#include "cpu/msr.h"
#include "lib/printk.h"

u64 errata_ls_cfg(u32 vendor, u32 family, u32 model)
{
	return vendor == CPU_VENDOR_AMD && family == 0x16 && model <= 0xf ? BIT(15) : 0;
}

void errata_init_cpu(void)
{
	const struct cpu_features *f = &cpu_features;
	u64 wanted = errata_ls_cfg(f->vendor, f->family, f->model), now;

	if (!wanted)
		return;
	if (rdmsr_safe(MSR_LS_CFG, &now) ||
	    ((now & wanted) != wanted && wrmsr_safe(MSR_LS_CFG, now | wanted)))
		printk(LOG_WARN "cpu%u: LS_CFG cannot be written: a guest can hang it "
				"(erratum 793)\n", cpu_id());
}
