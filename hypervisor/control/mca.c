// SPDX-License-Identifier: GPL-2.0-or-later
/* What dom0 asks about machine checks. */
#include "control/mca.h"
#include "cpu/cpu.h"
#include "cpu/msr.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "domain/refusal.h"
#include "lib/string.h"
#include "pv-abi/compat.h"
#include "pv-abi/errno.h"
#include "pv-abi/xen-mca.h"

#define CPUID_EDX_MCA BIT(14) /* of leaf 1: IA32_MCG_CAP is there */

/* On the CPU that it is about. */
static void describe(void *arg)
{
	struct mcinfo_logical_cpu *p = arg;
	u32 a, b, c, d, word[4];

	cpuid(0, 0, &a, &b, &c, &d);
	p->mc_cpuid_level = (s32)a;
	memcpy(p->mc_vendorid, &b, 4);
	memcpy(p->mc_vendorid + 4, &d, 4);
	memcpy(p->mc_vendorid + 8, &c, 4);
	cpuid(1, 0, &a, &b, &c, &d);
	p->mc_cache_alignment = (b >> 8 & 0xff) * 8;
	p->mc_cpu_caps[0] = d;
	p->mc_cpu_caps[4] = c;
	if (d & CPUID_EDX_MCA && !rdmsr_safe(MSR_MCG_CAP, &p->mc_msrvalues[0].value)) {
		p->mc_msrvalues[0].reg = MSR_MCG_CAP;
		p->mc_nmsrvals = 1;
	}
	cpuid(0x80000000, 0, &a, &b, &c, &d);
	if (a < 0x80000006)
		return;
	cpuid(0x80000001, 0, &word[0], &b, &c, &d);
	p->mc_cpu_caps[1] = d;
	p->mc_cpu_caps[6] = c;
	for (u32 i = 0; i < 3; i++) {
		cpuid(0x80000002 + i, 0, &word[0], &word[1], &word[2], &word[3]);
		memcpy(p->mc_brandid + i * sizeof(word), word, sizeof(word));
	}
	cpuid(0x80000006, 0, &a, &b, &c, &d);
	p->mc_cache_size = c >> 16;
}

static s64 put_cpu(const struct mcinfo_logical_cpu *info, u64 list, u32 n)
{
	u64 at = list + (u64)n * COMPAT_MC_CPU_SIZE;

	if (!current->domain->is_32bit)
		return put_guest_elem(*info, list, n);
	if (copy_to_guest(at, info, COMPAT_MC_MSRVALUES))
		return -EFAULT;
	return copy_to_guest(at + COMPAT_MC_MSRVALUES, info->mc_msrvalues,
			     sizeof(info->mc_msrvalues));
}

static s64 physical_cpus(struct xen_mc_physcpuinfo *p)
{
	u32 online = (u32)__builtin_popcountll(cpus_online), n = 0;
	unsigned cpu;

	/* A 32-bit guest's address has nothing behind it. */
	if (current->domain->is_32bit)
		p->info = (u32)p->info;
	if (!p->info) {
		p->ncpus = online;
		return 0;
	}
	if (!p->ncpus)
		return -EINVAL;
	for_each_cpu_in(cpu, cpus_online) {
		struct mcinfo_logical_cpu info = {
			.mc_cpunr = cpu,
			/* As sysctl's topology has it: one package of cores. */
			.mc_coreid = (u16)cpu,
			.mc_apicid = cpus[cpu].apic_id,
			.mc_ncores = online,
			.mc_ncores_active = online,
			.mc_nthreads = 1,
			.mc_family = cpu_features.family,
			.mc_model = cpu_features.model,
			.mc_step = cpu_features.stepping,
		};

		if (n == p->ncpus)
			break;
		on_cpus(CPU_MASK(cpu), describe, &info);
		if (put_cpu(&info, p->info, n))
			return -EFAULT;
		n++;
	}
	p->ncpus = n;
	return 0;
}

s64 do_mca(u64 arg)
{
	struct xen_mc op;
	s64 ret;

	if (!current->domain->privileged)
		return -EPERM;
	if (get_guest(op, arg))
		return -EFAULT;
	if (op.interface_version != XEN_MCA_INTERFACE_VERSION)
		return -EACCES;
	switch (op.cmd) {
	case XEN_MC_fetch:
		op.u.mc_fetch.flags = XEN_MC_NODATA;
		op.u.mc_fetch.fetch_id = 0;
		ret = 0;
		break;
	case XEN_MC_physcpuinfo:
		ret = physical_cpus(&op.u.mc_physcpuinfo);
		break;
	default:
		return refused("mca", op.cmd, -ENOSYS);
	}
	return ret ? ret : put_guest(op, arg);
}
