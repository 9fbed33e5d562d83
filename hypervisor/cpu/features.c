// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/accessed.h"
#include "cpu/cpu.h"
#include "cpu/errata.h"
#include "cpu/features.h"
#include "cpu/mitigation.h"
#include "cpu/msr.h"
#include "lib/cmdline.h"
#include "lib/printk.h"
#include "lib/string.h"

struct cpu_features cpu_features;
u8 unmapped_mode;

static bool opt_smep = true, opt_xsave = true;
static s8 opt_smap = -1;
OPTION_BOOL("smep", opt_smep);
OPTION_AUTO("smap", opt_smap);
OPTION_BOOL("xsave", opt_xsave);

/* Flush whenever a granted page is unmapped, whatever A of its entry says. */
static bool grant_flush_always;

static const char *set_grant_flush(const char *value)
{
	if (strcmp(value, "auto") && strcmp(value, "always"))
		return "use auto or always";
	grant_flush_always = !strcmp(value, "always");
	return NULL;
}
OPTION_FN("grant-flush", set_grant_flush);

static bool smap_spared __initdata; /* there, and left off because of who emulates it */

static char brand[49] __initdata;

void __init features_init(void)
{
	struct cpu_features *f = &cpu_features;
	u32 max_leaf, max_ext, a, b, c, d, vendor[3], hypervisor[3] = { 0 };

	cpuid(0, 0, &max_leaf, &vendor[0], &vendor[2], &vendor[1]);
	if (!memcmp(vendor, "GenuineIntel", 12))
		f->vendor = CPU_VENDOR_INTEL;
	else if (!memcmp(vendor, "AuthenticAMD", 12) || !memcmp(vendor, "HygonGenuine", 12))
		f->vendor = CPU_VENDOR_AMD;

	cpuid(1, 0, &a, &b, &c, &d);
	f->stepping = a & 15;
	f->model = (a >> 4) & 15;
	f->family = (a >> 8) & 15;
	if (f->family == 15)
		f->family += (a >> 20) & 255;
	if (f->family >= 6)
		f->model |= ((a >> 16) & 15) << 4;
	f->accessed_first = accessed_first(vendor, f->family, f->model) && !grant_flush_always;
	f->pge = d & BIT(13);
	/* AMD's CPUs have it, but not in long mode (APM vol. 3, SYSENTER). */
	f->sysenter = (d & BIT(11)) && f->vendor == CPU_VENDOR_INTEL;
	f->pcid = c & BIT(17);
	f->x2apic = c & BIT(21);
	f->tsc_deadline = c & BIT(24);
	f->xsave = (c & BIT(26)) && opt_xsave;
	f->mwait = c & BIT(3);
	f->hypervisor = c & BIT(31);
	if (f->hypervisor)
		cpuid(0x40000000, 0, &a, &hypervisor[0], &hypervisor[1], &hypervisor[2]);
	if (max_leaf >= 6) {
		cpuid(6, 0, &a, &b, &c, &d);
		f->arat = a & BIT(2);
	}
	if (max_leaf >= 7) {
		cpuid(7, 0, &a, &b, &c, &d);
		f->fsgsbase = b & BIT(0);
		f->smep = (b & BIT(7)) && opt_smep;
		f->erms = b & BIT(9);
		f->invpcid = b & BIT(10);
		f->smap = (b & BIT(20)) && smap_wanted(opt_smap, hypervisor);
		smap_spared = (b & BIT(20)) && !f->smap && opt_smap < 0;
		f->umip = c & BIT(2);
		f->la57 = c & BIT(16);
	}
	if (f->xsave && max_leaf >= 13) {
		cpuid(13, 0, &a, &b, &c, &d);
		/* x87, SSE, AVX, AVX-512: what the ABI's guests know how to use. */
		f->xcr0 = (a | (u64)d << 32) & 0xe7;
		if ((f->xcr0 & 0xe0) != 0xe0)
			f->xcr0 &= ~0xe0ULL;
		f->xsave_size = c;
		cpuid(13, 1, &a, &b, &c, &d);
		f->xsaveopt = a & 1;
		f->xsavec = a & 2;
	} else {
		f->xsave = false;
		f->xsave_size = 512;
	}
	cpuid(0x80000000, 0, &max_ext, &b, &c, &d);
	cpuid(0x80000001, 0, &a, &b, &c, &d);
	f->nx = d & BIT(20);
	f->pg1g = d & BIT(26);
	f->rdtscp = d & BIT(27);
	f->syscall = d & BIT(11);
	if (max_ext >= 0x80000004)
		for (u32 i = 0; i < 3; i++)
			cpuid(0x80000002 + i, 0, (u32 *)brand + i * 4, (u32 *)brand + i * 4 + 1,
			      (u32 *)brand + i * 4 + 2, (u32 *)brand + i * 4 + 3);
	if (max_ext >= 0x80000007) {
		cpuid(0x80000007, 0, &a, &b, &c, &d);
		f->invariant_tsc = d & BIT(8);
	}
	f->phys_bits = 36;
	f->virt_bits = 48;
	if (max_ext >= 0x80000008) {
		cpuid(0x80000008, 0, &a, &b, &c, &d);
		f->phys_bits = a & 255;
		f->virt_bits = (a >> 8) & 255;
	}
	a = 0;
	if (max_ext >= 0x80000021)
		cpuid(0x80000021, 0, &a, &b, &c, &d);
	cpuid_fault_find(a);
	mitigation_init(max_leaf, max_ext);
	unmapped_mode = mitigations.unmapped;
	f->l1tf = mitigations.l1tf_entries;
	/* Who asks for pv/mmu's flushes of root copies looks here. */
	f->meltdown = unmapped_mode;
}

bool features_init_cpu(void)
{
	const struct cpu_features *f = &cpu_features;
	u64 cr4 = CR4_PAE | CR4_DE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	u32 a, b, c, d;

	cpuid(1, 0, &a, &b, &c, &d);
	if ((f->xsave && !(c & BIT(26))) || !(d & BIT(24)))
		return false;
	if (f->pge)
		cr4 |= CR4_PGE;
	if (f->smep)
		cr4 |= CR4_SMEP;
	if (f->smap)
		cr4 |= CR4_SMAP;
	if (f->xsave)
		cr4 |= CR4_OSXSAVE;
	/* FSGSBASE is the guests' (pv/cpu_ops.h): ring 0 uses the MSRs. */
	write_cr4(cr4);
	this_cpu()->cr4 = cr4;
	mitigation_init_cpu();
	errata_init_cpu();
	if (f->xsave)
		xsetbv(f->xcr0);
	wrmsr(MSR_PAT, PAT_VALUE);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | (f->nx ? EFER_NX : 0));
	/* AM: alignment checks are the guest's business at ring 3. */
	write_cr0((read_cr0() | CR0_PE | CR0_MP | CR0_NE | CR0_WP | CR0_AM | CR0_PG) &
		  ~(CR0_EM | CR0_TS));
	return true;
}

void __init features_report(void)
{
	const struct cpu_features *f = &cpu_features;
	const char *name = brand;

	while (*name == ' ')
		name++;
	printk(LOG_INFO "cpu: %s, family %u model %u stepping %u, %u-bit physical\n", name,
	       f->family, f->model, f->stepping, f->phys_bits);
	printk(LOG_INFO "cpu: features:%s%s%s%s%s%s%s%s\n", f->nx ? " nx" : "",
	       f->smep ? " smep" : "", f->smap ? " smap" : "", f->xsave ? " xsave" : " fxsr",
	       f->fsgsbase ? " fsgsbase" : "", f->pcid ? " pcid" : "", f->pg1g ? " 1g" : "",
	       f->cpuid_fault ? " cpuid-faulting" : "");
	if (smap_spared)
		printk(LOG_INFO "cpu: SMAP is left off: QEMU's TCG breaks IRETQ in 64-bit guests' "
				"kernels where it is on (smap=1 uses it all the same)\n");
	mitigation_report();
}
