// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/hvm/x2apic.c hypervisor/hvm/apic_timer.c hypervisor/machine/timescale.c
// sources: hypervisor/control/domctl_hvm.c hypervisor/hvm/context.c
// sources: hypervisor/control/domctl.c hypervisor/control/domctl_vcpu.c
// sources: hypervisor/control/domctl_state.c
// sources: hypervisor/control/domctl_access.c hypervisor/control/common.c
// sources: hypervisor/control/sysctl.c hypervisor/domain/permission.c hypervisor/memory/range_set.c
// sources: hypervisor/control/cpu_policy.c hypervisor/cpu/cpu_policy.c hypervisor/pv/cpuid.c
// sources: hypervisor/domain/fpu_image.c hypervisor/pv/compat_context.c tests/unit/sim/sim.c
//
// What tools save and restore of a vCPU beside its context: only what its guest could have set, and
// a refusal changes nothing.

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include "control_rooms.h"
#include "suite.h"

#include "cpu/cpu_policy.h"
#include "domain/fpu.h"

static struct xen_domctl op;

static void begin(void)
{
	sim_reset();
	memset(&m, 0, sizeof(m));
	memset(&op, 0, sizeof(op));
	dom0 = sim_domain(0, 2, true);
	guest = sim_domain(5, 2, false);
	permissions_init(&dom0->perms);
	permissions_init(&guest->perms);
	sim_current = dom0->vcpu[0];
	sim_cpu = &cpus[0];
	cpus_online = 0xf;
	cpu_features.phys_bits = 40;
}

static void end(void)
{
	permissions_destroy(&dom0->perms);
	permissions_destroy(&guest->perms);
	CU_ASSERT_EQUAL(dom0->refs, 1);
	CU_ASSERT_EQUAL(guest->refs, 1);
	CU_ASSERT_EQUAL(sim.objects, 0);
	CU_ASSERT_TRUE(control_trylock()); /* given back whatever happened */
	control_unlock();
	cpus_online = 1;
	sim_reset();
}

static s64 domctl(u32 cmd, domid_t id)
{
	op.cmd = cmd;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op.domain = id;
	return do_domctl((u64)&op);
}

TEST(test_entry_points, "entry points beyond the context")
{
	struct xen_domctl_ext_vcpucontext *p = &op.u.ext_vcpucontext;

	guest->vcpu[1]->pv.sysenter_callback = 0x1234;
	p->vcpu = 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_get_ext_vcpucontext, 5), 0);
	CU_ASSERT_TRUE(p->size == 64 && p->sysenter_callback_eip == 0x1234);
	p->vcpu = 1;
	p->size = offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap);
	p->sysenter_callback_eip = 0x5678;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_ext_vcpucontext, 5), 0);
	CU_ASSERT_EQUAL(guest->vcpu[1]->pv.sysenter_callback, 0x5678);
	p->size--;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_ext_vcpucontext, 5), -EINVAL);
	p->size = 64;
	m.context_error = -EINVAL;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_ext_vcpucontext, 5), -EINVAL);
	m.context_error = 0;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_ext_vcpucontext, 0), -EINVAL);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_get_ext_vcpucontext, 0), -EINVAL);
	p->vcpu = 2;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_ext_vcpucontext, 5), -EINVAL);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_get_ext_vcpucontext, 5), -EINVAL);
	CU_ASSERT_EQUAL(guest->vcpu[1]->pause_count, 0);
}

/* What tools hand over as XSAVE's: two words and 832 bytes, AVX at 576. */
struct saved {
	u64 xcr0, used;
	u8 area[832];
};
#define SAVED_MXCSR(s)	(*(u32 *)((s)->area + 24))
#define SAVED_HEADER(s) ((u64 *)((s)->area + 512))

static void xsave_begin(void)
{
	static u8 fpu[4096] __aligned(64);
	struct cpu_policy *host = &cpu_policies[CPU_POLICY_HOST],
			  *given = &cpu_policies[CPU_POLICY_PV_DEFAULT];

	cpu_features.xsave = true;
	cpu_features.xcr0 = 7;
	cpu_features.xsave_size = 832;
	cpu_features.mxcsr_mask = 0xffff;
	memset(host, 0, sizeof(*host));
	host->leaf[cpu_policy_place(0, 0)].a = 0xd;
	host->leaf[cpu_policy_place(0xd, 0)].a = 7;
	host->leaf[cpu_policy_place(0xd, 2)] = (struct cpuid_regs){ .a = 256, .b = 576 };
	*given = *host;
	guest->vcpu[1]->fpu = fpu;
	guest->vcpu[1]->xcr0 = 1;
	fpu_reset(guest->vcpu[1]);
}

static void xsave_end(void)
{
	guest->vcpu[1]->fpu = NULL;
	cpu_features.xsave = false;
	cpu_features.xcr0 = cpu_features.xsave_size = cpu_features.mxcsr_mask = 0;
	memset(cpu_policies, 0, sizeof(cpu_policies));
}

static s64 set_saved(const struct saved *s, u64 size)
{
	op.u.vcpuextstate = (struct xen_domctl_vcpuextstate){
		.vcpu = 1, .size = size, .buffer = (u64)s,
	};
	return domctl(XEN_DOMCTL_setvcpuextstate, 5);
}

TEST(test_xsave_round, "XSAVE states, out and in")
{
	struct xen_domctl_vcpuextstate *p = &op.u.vcpuextstate;
	static struct saved s, again;

	xsave_begin();
	p->vcpu = 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpuextstate, 5), 0);
	CU_ASSERT_TRUE(p->size == sizeof(s) && p->xfeature_mask == 7);
	p->buffer = (u64)&s;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpuextstate, 5), 0);
	CU_ASSERT_TRUE(s.xcr0 == 1 && s.used == 7 && SAVED_MXCSR(&s) == 0x1f80);
	s.xcr0 = 7;
	SAVED_HEADER(&s)[0] = 7;
	for (unsigned i = 0; i < 256; i++)
		s.area[576 + i] = (u8)i;
	CU_ASSERT_EQUAL(set_saved(&s, sizeof(s)), 0);
	CU_ASSERT_EQUAL(guest->vcpu[1]->xcr0, 7);
	*p = (struct xen_domctl_vcpuextstate){ 1, 7, sizeof(s), (u64)&again };
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpuextstate, 5), 0);
	CU_ASSERT_EQUAL(memcmp(&s, &again, sizeof(s)), 0);
	p->size--;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpuextstate, 5), -EINVAL);
	*p = (struct xen_domctl_vcpuextstate){ 1, 3, sizeof(s), (u64)&again };
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpuextstate, 5), -EINVAL);
	*p = (struct xen_domctl_vcpuextstate){ 1, 7, sizeof(s), 16 };
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpuextstate, 5), -EFAULT);
	p->vcpu = 9;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpuextstate, 5), -EINVAL);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setvcpuextstate, 5), -EINVAL);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpuextstate, 0), -EINVAL);
	sim.allocs_left = 0;
	*p = (struct xen_domctl_vcpuextstate){ 1, 7, sizeof(s), (u64)&again };
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpuextstate, 5), -ENOMEM);
	CU_ASSERT_EQUAL(set_saved(&s, sizeof(s)), -ENOMEM);
	sim.allocs_left = -1;
	xsave_end();
}

/* Whatever XRSTOR would fault on in ring 0, and what the guest could not have enabled. */
TEST(test_xsave_hostile, "XSAVE states that are none")
{
	struct vcpu *v = guest->vcpu[1];
	static struct saved good, s;
	static u8 before[4096];

	xsave_begin();
	good = (struct saved){ .xcr0 = 3, .used = 7 };
	SAVED_MXCSR(&good) = 0x1f80;
	SAVED_HEADER(&good)[0] = 7;
	memcpy(before, v->fpu, sizeof(before));
	for (unsigned bit = 0; bit < 64 * 8; bit++) {
		bool states = bit < 3; /* any of those that there are */

		s = good;
		SAVED_HEADER(&s)[bit / 64] ^= BIT(bit % 64);
		if (!states)
			CU_ASSERT_EQUAL(set_saved(&s, sizeof(s)), -EINVAL);
	}
	for (unsigned bit = 16; bit < 32; bit++) {
		s = good;
		SAVED_MXCSR(&s) |= (u32)BIT(bit);
		CU_ASSERT_EQUAL(set_saved(&s, sizeof(s)), -EINVAL);
	}
	for (u64 xcr0 = 0; xcr0 < 16; xcr0++) {
		s = good;
		s.xcr0 = xcr0;
		if (xcr0 != 1 && xcr0 != 3 && xcr0 != 7)
			CU_ASSERT_EQUAL(set_saved(&s, sizeof(s)), -EINVAL);
		s = good;
		s.used = xcr0;
		if (xcr0 != 7)
			CU_ASSERT_EQUAL(set_saved(&s, sizeof(s)), -EINVAL);
	}
	/* A policy without AVX: neither enabled nor in the area. */
	cpu_policies[CPU_POLICY_PV_DEFAULT].leaf[cpu_policy_place(0xd, 0)].a = 3;
	CU_ASSERT_EQUAL(set_saved(&good, sizeof(good)), -EINVAL);
	s = good;
	s.used = 3;
	CU_ASSERT_EQUAL(set_saved(&s, 16 + 576), -EINVAL); /* AVX' bit in the header */
	cpu_policies[CPU_POLICY_PV_DEFAULT].leaf[cpu_policy_place(0xd, 0)].a = 7;
	for (unsigned size = 0; size < sizeof(s); size += 16)
		CU_ASSERT_EQUAL(set_saved(&good, size), -EINVAL);
	CU_ASSERT_EQUAL(set_saved(&good, ~0ULL), -EINVAL);
	CU_ASSERT_EQUAL(set_saved((void *)16, sizeof(good)), -EFAULT);
	CU_ASSERT_EQUAL(memcmp(before, v->fpu, sizeof(before)), 0);
	CU_ASSERT_EQUAL(v->xcr0, 1);
	/* Software's part is nothing that is kept. */
	memset(good.area + 464, 0xff, 48);
	CU_ASSERT_EQUAL(set_saved(&good, sizeof(good)), 0);
	CU_ASSERT_EQUAL(((u8 *)v->fpu)[464] | ((u8 *)v->fpu)[511], 0);
	CU_ASSERT_EQUAL(v->xcr0, 3);

	/* A machine without: nothing to say, and that is what may be said. */
	cpu_features.xsave = false;
	op.u.vcpuextstate = (struct xen_domctl_vcpuextstate){ .vcpu = 1 };
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpuextstate, 5), 0);
	CU_ASSERT_TRUE(!op.u.vcpuextstate.xfeature_mask && op.u.vcpuextstate.size == 16);
	CU_ASSERT_EQUAL(set_saved(&good, sizeof(good)), -EINVAL);
	memset(&s, 0, sizeof(s));
	CU_ASSERT_EQUAL(set_saved(&s, 16), 0);
	xsave_end();
}

TEST(test_vcpu_msrs, "vCPU MSRs")
{
	struct xen_domctl_vcpu_msrs *p = &op.u.vcpu_msrs;
	struct xen_domctl_vcpu_msr l[8] = { { 0x140, 0, 0 }, { 0xc0000103, 0, 0 }, { 0x48, 0, 0 } };

	p->vcpu = 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_get_vcpu_msrs, 5), 0);
	CU_ASSERT_EQUAL(p->msr_count, 7);
	p->msrs = (u64)l;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_get_vcpu_msrs, 5), 0);
	CU_ASSERT_EQUAL(p->msr_count, 0);
	p->msr_count = 3;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_vcpu_msrs, 5), 0);
	CU_ASSERT_EQUAL(p->msr_count, 3);
	l[1].value = 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_vcpu_msrs, 5), -EINVAL);
	CU_ASSERT_EQUAL(p->msr_count, 1);
	l[0].index = 0xc0000080;
	p->msr_count = 3;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_vcpu_msrs, 5), -EINVAL);
	CU_ASSERT_EQUAL(p->msr_count, 0);
	l[0] = (struct xen_domctl_vcpu_msr){ 0x140, 1, 0 };
	p->msr_count = 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_vcpu_msrs, 5), -EINVAL);
	p->msr_count = 8;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_vcpu_msrs, 5), -EINVAL);
	p->msr_count = 1;
	p->msrs = 16;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_vcpu_msrs, 5), -EFAULT);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_vcpu_msrs, 0), -EINVAL);
	p->vcpu = 2;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_vcpu_msrs, 5), -EINVAL);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_get_vcpu_msrs, 5), -EINVAL);
}

SUITE("vcpu state", .begin = begin, .end = end)
