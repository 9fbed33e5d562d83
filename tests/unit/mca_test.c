// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/control/mca.c tests/unit/sim/sim.c
//
// What dom0 asks about machine checks: which CPUs there are, each asked itself.

#include "suite.h"
#include <string.h>
#include <sys/mman.h>

#include "sim/sim.h"

#include "control/mca.h"
#include "cpu/cpu.h"
#include "pv-abi/compat.h"
#include "pv-abi/errno.h"
#include "pv-abi/xen-mca.h"

static cpumask_t asked;

void on_cpus(cpumask_t mask, void (*fn)(void *), void *arg)
{
	asked |= mask;
	fn(arg);
}

static struct xen_mc op;

static s64 mca(u32 cmd)
{
	op.cmd = cmd;
	op.interface_version = XEN_MCA_INTERFACE_VERSION;
	return do_mca((u64)&op);
}

static void begin(void)
{
	sim_reset();
	memset(&op, 0, sizeof(op));
	asked = 0;
	sim_current = sim_domain(0, 1, true)->vcpu[0];
	sim_cpu = &cpus[0];
	cpus_online = 0xb;
	for (unsigned cpu = 0; cpu < 4; cpu++)
		cpus[cpu].apic_id = 2 * cpu;
}

static void end(void)
{
	cpus_online = 1;
	sim_reset();
}

TEST(test_who, "who may, and how")
{
	CU_ASSERT_EQUAL(do_mca(8), -EFAULT);
	CU_ASSERT_EQUAL(mca(XEN_MC_msrinject), -ENOSYS);
	CU_ASSERT_EQUAL(mca(XEN_MC_notifydomain), -ENOSYS);
	op.interface_version = XEN_MCA_INTERFACE_VERSION - 1;
	CU_ASSERT_EQUAL(do_mca((u64)&op), -EACCES);
	op.u.mc_fetch.fetch_id = 7;
	CU_ASSERT_EQUAL(mca(XEN_MC_fetch), 0);
	CU_ASSERT_TRUE(op.u.mc_fetch.flags == XEN_MC_NODATA && !op.u.mc_fetch.fetch_id);
	sim_current->domain->privileged = false;
	CU_ASSERT_EQUAL(mca(XEN_MC_physcpuinfo), -EPERM);
	CU_ASSERT_EQUAL(do_mca(8), -EPERM);
}

TEST(test_cpus, "CPUs")
{
	struct xen_mc_physcpuinfo *p = &op.u.mc_physcpuinfo;
	struct mcinfo_logical_cpu info[4];

	memset(info, 0x55, sizeof(info));
	CU_ASSERT_EQUAL(mca(XEN_MC_physcpuinfo), 0); /* how many? */
	CU_ASSERT_TRUE(p->ncpus == 3 && !asked);
	p->info = (u64)info;
	p->ncpus = 0;
	CU_ASSERT_EQUAL(mca(XEN_MC_physcpuinfo), -EINVAL);
	p->ncpus = 2; /* not more than there is room for */
	CU_ASSERT_EQUAL(mca(XEN_MC_physcpuinfo), 0);
	CU_ASSERT_TRUE(p->ncpus == 2 && asked == 3 && info[2].mc_cpunr == 0x55555555);
	p->ncpus = 4;
	CU_ASSERT_EQUAL(mca(XEN_MC_physcpuinfo), 0);
	CU_ASSERT_TRUE(p->ncpus == 3 && asked == 0xb && info[3].mc_cpunr == 0x55555555);
	CU_ASSERT_TRUE(info[2].mc_cpunr == 3 && info[2].mc_apicid == 6 && info[2].mc_ncores == 3);
	CU_ASSERT_TRUE(info[2].mc_cpuid_level > 0 && info[2].mc_vendorid[0] &&
		       info[2].mc_cache_alignment);
	p->info = 8;
	CU_ASSERT_EQUAL(mca(XEN_MC_physcpuinfo), -EFAULT);
}

TEST(test_cpus32, "CPUs for a 32-bit guest: no holes in its list, 32 bits in its addresses")
{
	struct xen_mc_physcpuinfo *p = &op.u.mc_physcpuinfo;
	unsigned char *list = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	struct mcinfo_logical_cpu second;

	CU_ASSERT_TRUE_FATAL(list != MAP_FAILED);
	memset(list, 0x55, 4096);
	sim_current->domain->is_32bit = true;
	p->info = (u64)list | 0xabcdULL << 32;
	p->ncpus = 4;
	CU_ASSERT_EQUAL(mca(XEN_MC_physcpuinfo), 0);
	CU_ASSERT_EQUAL(p->ncpus, 3);
	memcpy(&second, list + COMPAT_MC_CPU_SIZE, COMPAT_MC_MSRVALUES);
	CU_ASSERT_TRUE(second.mc_cpunr == 1 && second.mc_apicid == 2);
	/* No MSR can be read here: they are zero, and what is behind the third is untouched. */
	CU_ASSERT_EQUAL(list[COMPAT_MC_CPU_SIZE - 1], 0);
	CU_ASSERT_EQUAL(list[3 * COMPAT_MC_CPU_SIZE - 1], 0);
	CU_ASSERT_EQUAL(list[3 * COMPAT_MC_CPU_SIZE], 0x55);
	p->info = 0xabcdULL << 32; /* none: how many? */
	CU_ASSERT_EQUAL(mca(XEN_MC_physcpuinfo), 0);
	CU_ASSERT_EQUAL(p->ncpus, 3);
	munmap(list, 4096);
}

SUITE("mca", .begin = begin, .end = end)
