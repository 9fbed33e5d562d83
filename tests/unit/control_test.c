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
// dom0's levers: who may pull them, what is refused, and that a refusal changes nothing.

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include "control_rooms.h"
#include "pv-abi/ring1.h"
#include "suite.h"

static struct xen_domctl op;
static struct xen_sysctl sys;

static void begin(void)
{
	sim_reset();
	memset(&m, 0, sizeof(m));
	memset(&op, 0, sizeof(op));
	memset(&sys, 0, sizeof(sys));
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

static s64 sysctl(u32 cmd)
{
	sys.cmd = cmd;
	sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return do_sysctl((u64)&sys);
}

/* ---- both ---- */

TEST(test_who_and_how, "who may, and how")
{
	sim_current = guest->vcpu[0];
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_pausedomain, 5), -EPERM);
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_physinfo), -EPERM);
	CU_ASSERT_EQUAL(do_domctl(0), -EPERM);
	sim_current = dom0->vcpu[0];
	CU_ASSERT_EQUAL(do_domctl(8), -EFAULT);
	CU_ASSERT_EQUAL(do_sysctl(8), -EFAULT);
	op.cmd = XEN_DOMCTL_pausedomain;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION - 1;
	op.domain = 5;
	CU_ASSERT_EQUAL(do_domctl((u64)&op), -EACCES);
	sys.cmd = XEN_SYSCTL_physinfo;
	sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION + 1;
	CU_ASSERT_EQUAL(do_sysctl((u64)&sys), -EACCES);
	CU_ASSERT_FALSE(guest->paused_by_control);
	CU_ASSERT_EQUAL(domctl(9999, 5), -ENOSYS);
	CU_ASSERT_EQUAL(sysctl(9999), -ENOSYS);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_pausedomain, 6), -ESRCH);
	/* One at a time: the second is continued */
	CU_ASSERT_TRUE(control_trylock());
	CU_ASSERT_FALSE(control_trylock());
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_pausedomain, 5), SIM_CONTINUED);
	CU_ASSERT_TRUE(sim.continuation.op == __HYPERVISOR_domctl &&
		       sim.continuation.args[0] == (u64)&op);
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_physinfo), SIM_CONTINUED);
	CU_ASSERT_EQUAL(sim.continuation.op, __HYPERVISOR_sysctl);
	control_unlock();
}

/* ---- domctl ---- */

TEST(test_create, "create")
{
	struct xen_domctl_createdomain *c = &op.u.createdomain;
	domid_t first;

	c->max_vcpus = 4;
	c->max_evtchn_port = 1023;
	c->max_grant_frames = -1;
	c->max_maptrack_frames = 7;
	c->grant_opts = XEN_DOMCTL_GRANT_version(1);
	c->handle[3] = 9;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_createdomain, 9), 0);
	CU_ASSERT_TRUE(m.created == 9 && m.cfg.max_vcpus == 4 && m.cfg.max_ports == 1024);
	CU_ASSERT_TRUE(m.cfg.max_grant_frames == ~0U && m.cfg.max_maptrack_frames == 7 &&
		       m.cfg.handle[3] == 9);
	CU_ASSERT_FALSE(m.cfg.privileged);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_createdomain, 9), -EEXIST);
	/* Any number: one that nobody had lately */
	c->max_evtchn_port = ~0U;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_createdomain, 0), 0);
	CU_ASSERT_EQUAL(m.cfg.max_ports, 1 << 17);
	first = op.domain;
	CU_ASSERT_TRUE(first >= 1 && first < DOMID_FIRST_RESERVED && first == m.created);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_createdomain, 0), 0);
	CU_ASSERT_EQUAL(op.domain, first + 1);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_createdomain, 0), 0);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_createdomain, DOMID_SELF), 0);
	CU_ASSERT_TRUE(op.domain != 5);
	m.create_error = -ENOMEM;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_createdomain, 0), -ENOMEM);
	m.create_error = 0;
}

TEST(test_create_config, "create: configurations")
{
	const struct xen_domctl_createdomain good = { .max_vcpus = 1 };
	struct xen_domctl_createdomain *c = &op.u.createdomain;
#define TRY(field, value, want)                                             \
	do {                                                                \
		*c = good;                                                  \
		c->field = (value);                                         \
		m.created = 0;                                              \
		CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_createdomain, 30), want); \
		CU_ASSERT_EQUAL(m.created, 0);                              \
	} while (0)

	TRY(max_vcpus, 0, -EINVAL);
	TRY(max_vcpus, MAX_VCPUS + 1, -EINVAL);
	TRY(flags, XEN_DOMCTL_CDF_hvm, -EOPNOTSUPP);
	TRY(flags, 0x80000000, -EINVAL);
	TRY(cpupool_id, 1, -EINVAL);
	TRY(iommu_opts, 1, -EINVAL);
	TRY(vmtrace_size, 4096, -EINVAL);
	TRY(grant_opts, 0x10, -EINVAL);
	TRY(arch.emulation_flags, 1, -EINVAL);
	TRY(arch.misc_flags, 0x80, -EINVAL);
	*c = good;
	c->flags = XEN_DOMCTL_CDF_xs_domain;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_createdomain, 30), 0);
	CU_ASSERT_EQUAL(m.cfg.flags, XEN_DOMCTL_CDF_xs_domain);
	/* One cluster of APICs. */
	*c = good;
	c->flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
	c->max_vcpus = 17;
	m.created = 0;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_createdomain, 30), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(m.created, 0);
	c->max_vcpus = 16;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_createdomain, 31), 0);
	CU_ASSERT_TRUE(m.cfg.hvm && m.cfg.max_vcpus == 16);
#undef TRY
}

TEST(test_life, "pause, resume, destroy")
{
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_pausedomain, 5), 0);
	CU_ASSERT_TRUE(guest->paused_by_control);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_unpausedomain, 5), 0);
	m.pause_error = -EINVAL;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_unpausedomain, 5), -EINVAL);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_resumedomain, 5), 0);
	CU_ASSERT_EQUAL(m.resumes, 1);
	m.kill_error = -ERESTART;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_destroydomain, 5), SIM_CONTINUED);
	CU_ASSERT_EQUAL(sim.continuation.args[0], (u64)&op);
	m.kill_error = 0;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_destroydomain, 5), 0);
	CU_ASSERT_EQUAL(m.kills, 2);
	/* Not oneself, and not dom0 by anybody */
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_pausedomain, 0), -EINVAL);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_destroydomain, DOMID_SELF), -EINVAL);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_resumedomain, 0), -EINVAL);
	guest->privileged = true;
	sim_current = guest->vcpu[0];
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_destroydomain, 0), -EINVAL);
	CU_ASSERT_EQUAL(m.kills, 2);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_soft_reset, 0), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_shadow_op, 0), -EINVAL);
}

TEST(test_vcpus, "making vCPUs")
{
	guest->max_vcpus = 4;
	op.u.max_vcpus.max = 5;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_max_vcpus, 5), -EINVAL);
	op.u.max_vcpus.max = 0;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_max_vcpus, 5), -EINVAL);
	op.u.max_vcpus.max = 4;
	m.vcpus_left = 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_max_vcpus, 5), -ENOMEM);
	CU_ASSERT_PTR_NOT_NULL(guest->vcpu[2]);
	m.vcpus_left = 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_max_vcpus, 5), 0); /* what is there is kept */
	CU_ASSERT_EQUAL(m.cpu_of_new, (5 + 3) % 4);
	guest->dying = true;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_max_vcpus, 5), -EINVAL);
	guest->dying = false;
	cpus_online = 0x90; /* with holes */
	CU_ASSERT_EQUAL(control_pick_cpu(guest, 1), 4);
	CU_ASSERT_EQUAL(control_pick_cpu(guest, 2), 7);
	cpus_online = 0xf;
}

TEST(test_getdomaininfo, "getdomaininfo")
{
	struct xen_domctl_getdomaininfo *i = &op.u.getdomaininfo;

	guest->tot_pages = 11;
	guest->max_pages = 22;
	guest->claimed_pages = 3;
	guest->handle[15] = 0xaa;
	guest->vcpu[0]->pause_flags = VPF_BLOCKED;
	guest->vcpu[1]->pause_flags = VPF_DOWN;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getdomaininfo, 1), 0); /* the next one up */
	CU_ASSERT_TRUE(op.domain == 5 && i->domain == 5);
	CU_ASSERT_EQUAL(i->flags, XEN_DOMINF_blocked);
	CU_ASSERT_TRUE(i->tot_pages == 11 && i->max_pages == 22 && i->outstanding_pages == 3);
	CU_ASSERT_TRUE(i->nr_online_vcpus == 1 && i->max_vcpu_id == 1 && i->cpu_time == 3000);
	CU_ASSERT_TRUE(i->ssidref == 0 && i->handle[15] == 0xaa && i->gpaddr_bits == 40);
	CU_ASSERT_EQUAL(i->shared_info_frame, va_to_mfn(guest->shared_info));
	guest->vcpu[1]->pause_flags = 0;
	guest->vcpu[1]->running = true;
	guest->dying = guest->shut_down = guest->paused_by_control = guest->debugger_attached =
		true;
	guest->shutdown_code = 3;
	guest->create_flags = XEN_DOMCTL_CDF_xs_domain;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getdomaininfo, 5), 0);
	CU_ASSERT_EQUAL(i->flags, XEN_DOMINF_dying | XEN_DOMINF_shutdown |
					  3U << XEN_DOMINF_shutdownshift | XEN_DOMINF_paused |
					  XEN_DOMINF_running | XEN_DOMINF_debugged |
					  XEN_DOMINF_xs_domain);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getdomaininfo, 6), -ESRCH);
}

TEST(test_settings, "settings")
{
	struct xen_domctl_scheduler_op *s = &op.u.scheduler_op;
	struct xen_domctl_schedparam_vcpu list[2] = {
		{ .u.credit2 = { 200, 50 }, .vcpuid = 1 },
		{ .u.credit2 = { 100, 50 }, .vcpuid = 0 },
	};

	op.u.max_mem.max_memkb = 4096;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_max_mem, 5), 0);
	CU_ASSERT_EQUAL(guest->max_pages, 1024);
	op.u.setdomainhandle.handle[0] = 7;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setdomainhandle, 5), 0);
	CU_ASSERT_EQUAL(guest->handle[0], 7);
	op.u.setdebugging.enable = 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setdebugging, 5), 0);
	CU_ASSERT_TRUE(guest->debugger_attached);
	op.u.settimeoffset.time_offset_seconds = -60;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_settimeoffset, 5), 0);
	CU_ASSERT_EQUAL(guest->time.offset_seconds, -60);
	CU_ASSERT_EQUAL(m.offset_updates, 1);

	s->sched_id = XEN_SCHEDULER_CREDIT2 + 1;
	s->cmd = XEN_DOMCTL_SCHEDOP_putinfo;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_scheduler_op, 5), -EINVAL);
	s->sched_id = XEN_SCHEDULER_CREDIT2;
	s->u.credit2.weight = 0;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_scheduler_op, 5), -EINVAL);
	s->u.credit2.weight = 512;
	CU_ASSERT_EQUAL(guest->cap.percent, 0);
	s->u.credit2.cap = 50;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_scheduler_op, 5), 0);
	CU_ASSERT_TRUE(m.weight == 512 && guest->cap.percent == 50);
	m.weight = 0x12345;
	s->cmd = XEN_DOMCTL_SCHEDOP_getinfo;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_scheduler_op, 5), 0);
	CU_ASSERT_TRUE(s->u.credit2.weight == 0xffff && s->u.credit2.cap == 50);
	/* Single vCPUs: weights of their own, one cap. */
	s->u.v.vcpus = (u64)list;
	s->u.v.nr_vcpus = 3;
	s->cmd = XEN_DOMCTL_SCHEDOP_putvcpuinfo;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_scheduler_op, 5), -EINVAL); /* it has two */
	s->u.v.nr_vcpus = 2;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_scheduler_op, 5), 0);
	CU_ASSERT_TRUE(guest->vcpu[0]->sched.weight == 100 && guest->vcpu[1]->sched.weight == 200);
	list[1].u.credit2.weight = 300;
	list[1].u.credit2.cap = 60;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_scheduler_op, 5), -EOPNOTSUPP);
	list[1].u.credit2.weight = 0;
	list[1].u.credit2.cap = 50;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_scheduler_op, 5), -EINVAL);
	CU_ASSERT_EQUAL(guest->vcpu[1]->sched.weight, 200); /* those before are done */
	s->cmd = XEN_DOMCTL_SCHEDOP_getvcpuinfo;
	list[0].u.credit2.weight = list[0].u.credit2.cap = 0;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_scheduler_op, 5), 0);
	CU_ASSERT_TRUE(list[0].u.credit2.weight == 200 && list[0].u.credit2.cap == 50);
	CU_ASSERT_EQUAL(list[1].u.credit2.weight, 100);
	list[1].vcpuid = 2;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_scheduler_op, 5), -EINVAL);
	s->u.v.vcpus = 8;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_scheduler_op, 5), -EFAULT);
	s->cmd = 77;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_scheduler_op, 5), -EINVAL);
}

TEST(test_tsc_and_size, "TSC and address size")
{
	struct xen_domctl_tsc_info *t = &op.u.tsc_info;

	t->tsc_mode = 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_settscinfo, 5), -EOPNOTSUPP);
	t->tsc_mode = 3;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_settscinfo, 5), -EINVAL);
	t->tsc_mode = 0;
	t->gtsc_khz = 2500001; /* where it was saved */
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_settscinfo, 5), 0);
	t->gtsc_khz = 2500000;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_settscinfo, 5), 0);
	guest->created = 1000;
	memset(t, 0, sizeof(*t));
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_gettscinfo, 5), 0);
	CU_ASSERT_TRUE(t->tsc_mode == 2 && t->gtsc_khz == 2500000 && t->elapsed_nsec == 4000);
	op.u.address_size.size = 64;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_address_size, 5), 0);
	op.u.address_size.size = 32;
	/* Once it is 32-bit it stays so. */
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_address_size, 5), 0);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_get_address_size, 5), 0);
	CU_ASSERT_EQUAL(op.u.address_size.size, 32);
	op.u.address_size.size = 64;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_address_size, 5), -EBUSY);
	guest->is_32bit = false;
	op.u.address_size.size = 16;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_address_size, 5), -EINVAL);
	/* A 64-bit kernel in ring 1: who does not know of that hears nothing of it. */
	op.u.address_size.size = ANNULUS_ADDRESS_SIZE_RING1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_get_address_size, 5), 0);
	CU_ASSERT_EQUAL(op.u.address_size.size, 64);
	op.u.address_size.size = ANNULUS_ADDRESS_SIZE_RING1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_address_size, 5), 0);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_get_address_size, 5), 0);
	CU_ASSERT_EQUAL(op.u.address_size.size, ANNULUS_ADDRESS_SIZE_RING1);
	op.u.address_size.size = 64;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_set_address_size, 5), -EBUSY);
	op.u.address_size.size = 0;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_get_address_size, 5), 0);
	CU_ASSERT_EQUAL(op.u.address_size.size, 64);
	guest->ring1 = false;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_get_address_size, 5), 0);
	CU_ASSERT_EQUAL(op.u.address_size.size, 64);
}

TEST(test_bitmaps, "bitmaps")
{
	struct xenctl_bitmap *b = &op.u.nodeaffinity.nodemap;
	u8 bits[40];

	memset(bits, 0xff, sizeof(bits));
	b->bitmap = (u64)bits;
	b->nr_bits = 8;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setnodeaffinity, 5), 0);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getnodeaffinity, 5), 0);
	CU_ASSERT_TRUE(bits[0] == 1 && bits[1] == 0xff);
	b->nr_bits = 130; /* all of it is written, what is past the 64th bit as zero */
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getnodeaffinity, 5), 0);
	for (unsigned i = 1; i < 17; i++)
		CU_ASSERT_EQUAL(bits[i], 0);
	CU_ASSERT_EQUAL(bits[17], 0xff);
	bits[0] = 0xfe;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setnodeaffinity, 5), -EINVAL);
	b->nr_bits = 0; /* an empty map has no node in it */
	bits[0] = 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setnodeaffinity, 5), -EINVAL);
	b->nr_bits = 8193;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setnodeaffinity, 5), -EINVAL);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getnodeaffinity, 5), -EINVAL);
	b->nr_bits = 64;
	b->bitmap = 16;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setnodeaffinity, 5), -EFAULT);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getnodeaffinity, 5), -EFAULT);
}

TEST(test_page_info, "what frames are")
{
	static const struct {
		u64 type, want;
	} t[] = {
		{ FT_L1 | 1, XEN_DOMCTL_PFINFO_L1TAB },
		{ FT_L2 | 2, XEN_DOMCTL_PFINFO_L2TAB },
		{ FT_L3 | 1, XEN_DOMCTL_PFINFO_L3TAB },
		{ FT_L4 | FT_PINNED | 1, XEN_DOMCTL_PFINFO_L4TAB | XEN_DOMCTL_PFINFO_LPINTAB },
		{ FT_WRITABLE | 1, XEN_DOMCTL_PFINFO_NOTAB },
		{ FT_L1, XEN_DOMCTL_PFINFO_NOTAB },
		{ 0, XEN_DOMCTL_PFINFO_NOTAB },
	};
	struct xen_domctl_getpageframeinfo3 *p = &op.u.getpageframeinfo3;
	u64 array[200], frames[ARRAY_SIZE(t)];

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		frames[i] = sim_frame_of(guest);
		mfn_to_frame(frames[i])->type = t[i].type;
	}
	for (unsigned i = 0; i < 200; i++)
		array[i] = frames[i % ARRAY_SIZE(t)];
	array[77] = va_to_mfn(dom0->shared_info);
	array[78] = ~0ULL;
	array[79] = sim_frame_of(dom0);
	p->num = 200; /* several batches */
	p->array = (u64)array;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getpageframeinfo3, 5), 0);
	for (unsigned i = 0; i < 200; i++)
		CU_ASSERT_EQUAL(array[i], i >= 77 && i <= 79 ? XEN_DOMCTL_PFINFO_XTAB
							     : t[i % ARRAY_SIZE(t)].want);
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		CU_ASSERT_EQUAL(mfn_to_frame(frames[i])->count & FC_COUNT_MASK, 1);
		mfn_to_frame(frames[i])->type = 0;
	}
	p->num = 1025;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getpageframeinfo3, 5), -E2BIG);
	p->num = 1;
	p->array = 8;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getpageframeinfo3, 5), -EFAULT);
}

TEST(test_hypercall_page, "hypercall page")
{
	mfn_t mfn, foreign;

	mfn = sim_frame_of(guest);
	foreign = sim_frame_of(dom0);
	op.u.hypercall_init.gmfn = mfn;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_hypercall_init, 5), 0);
	CU_ASSERT_EQUAL(((u8 *)mfn_to_va(mfn))[4095], 0x0f);
	CU_ASSERT_EQUAL(mfn_to_frame(mfn)->count & FC_COUNT_MASK, 1);
	CU_ASSERT_EQUAL(mfn_to_frame(mfn)->type & FT_COUNT_MASK, 0);
	op.u.hypercall_init.gmfn = foreign;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_hypercall_init, 5), -EINVAL);
	CU_ASSERT_EQUAL(((u8 *)mfn_to_va(foreign))[4095], 0);
	op.u.hypercall_init.gmfn = SIM_FRAMES;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_hypercall_init, 5), -EINVAL);
	/* A page table does not become writable memory. */
	mfn_to_frame(mfn)->type = FT_L1 | 1;
	op.u.hypercall_init.gmfn = mfn;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_hypercall_init, 5), -EINVAL);
	mfn_to_frame(mfn)->type = 0;
}

/* ---- domctl on a vCPU ---- */

TEST(test_contexts, "vCPU contexts")
{
	struct xen_domctl_vcpucontext *p = &op.u.vcpucontext;
	struct vcpu_guest_context *c = calloc(1, sizeof(*c));

	c->user_regs.rip = 0x1234;
	p->vcpu = 1;
	p->ctxt = (u64)c;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setvcpucontext, 5), 0);
	CU_ASSERT_EQUAL(guest->vcpu[1]->regs.rip, 0x1234);
	CU_ASSERT_EQUAL(guest->pause_count, 0);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setvcpucontext, 0),
			-EINVAL); /* the caller's own domain */
	p->vcpu = 2;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setvcpucontext, 5), -EINVAL);
	p->vcpu = 1;
	p->ctxt = 0; /* reset */
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setvcpucontext, 5), 0);
	CU_ASSERT_EQUAL(m.resets, 1);
	p->ctxt = 16;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setvcpucontext, 5), -EFAULT);
	p->ctxt = (u64)c;
	sim.allocs_left = 0;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setvcpucontext, 5), -ENOMEM);
	sim.allocs_left = -1;
	m.context_error = -ERESTART;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setvcpucontext, 5), SIM_CONTINUED);
	CU_ASSERT_EQUAL(guest->pause_count, 0);
	m.context_error = 0;

	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpucontext, 5), -ENODATA);
	guest->vcpu[1]->initialised = true;
	memset(c, 0, sizeof(*c));
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpucontext, 5), 0);
	CU_ASSERT_EQUAL(c->user_regs.rip, 0x1234);
	CU_ASSERT_EQUAL(guest->vcpu[1]->pause_count, 0);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpucontext, 0), -EINVAL);
	sim.allocs_left = 0;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpucontext, 5), -ENOMEM);
	sim.allocs_left = -1;
	p->ctxt = 16;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpucontext, 5), -EFAULT);
	p->vcpu = ~0U;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpucontext, 5), -EINVAL);
	free(c);
}

TEST(test_vcpu_info_and_nmi, "vCPU information, NMI")
{
	struct xen_domctl_getvcpuinfo *p = &op.u.getvcpuinfo;

	guest->vcpu[1]->pause_flags = VPF_BLOCKED;
	guest->vcpu[1]->running = true;
	guest->vcpu[1]->cpu = 3;
	p->vcpu = 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpuinfo, 5), 0);
	CU_ASSERT_TRUE(p->online == 1 && p->blocked == 1 && p->running == 1 && p->cpu == 3 &&
		       p->cpu_time == 2000);
	p->vcpu = 2;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpuinfo, 5), -EINVAL);
	op.u.sendtrigger.vcpu = 1;
	op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_NMI;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_sendtrigger, 5), 0);
	CU_ASSERT_TRUE(guest->vcpu[1]->nmi_pending && sim_unblocks(guest->vcpu[1]) == 1);
	op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_NMI + 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_sendtrigger, 5), -EOPNOTSUPP);
	op.u.sendtrigger.vcpu = 7;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_sendtrigger, 5), -EINVAL);
	guest->max_vcpus = 4;
	op.u.sendtrigger.vcpu = 3; /* room for it, and nobody there */
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_sendtrigger, 5), -ESRCH);
}

TEST(test_affinity, "affinity")
{
	struct xen_domctl_vcpuaffinity *p = &op.u.vcpuaffinity;
	u64 hard = 0xfffffff6, soft = ~0ULL;

	p->vcpu = 1;
	p->cpumap_hard = (struct xenctl_bitmap){ .bitmap = (u64)&hard, .nr_bits = 64 };
	p->cpumap_soft = (struct xenctl_bitmap){ .bitmap = (u64)&soft, .nr_bits = 64 };
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setvcpuaffinity, 5), -EINVAL); /* neither */
	p->flags = 0x80;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setvcpuaffinity, 5), -EINVAL);
	p->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setvcpuaffinity, 5), 0);
	CU_ASSERT_EQUAL(guest->vcpu[1]->sched.affinity, 0xfffffff6);
	CU_ASSERT_EQUAL(hard, 6); /* what is in force */
	CU_ASSERT_EQUAL(soft, 6);
	CU_ASSERT_EQUAL(guest->vcpu[1]->sched.soft, ~0ULL);
	hard = soft = 0;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpuaffinity, 5), 0);
	CU_ASSERT_TRUE(hard == 6 && soft == 0xf);
	/* A preference; what is in force is what the hard one allows. */
	soft = 0xc;
	p->flags = XEN_VCPUAFFINITY_SOFT;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setvcpuaffinity, 5), 0);
	CU_ASSERT_TRUE(soft == 4 && guest->vcpu[1]->sched.soft == 0xc);
	CU_ASSERT_EQUAL(guest->vcpu[1]->sched.affinity, 0xfffffff6);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpuaffinity, 5), 0);
	CU_ASSERT_EQUAL(soft, 0xc);
	/* Both or none */
	p->flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
	hard = 0xf0;
	soft = 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setvcpuaffinity, 5), -EINVAL);
	CU_ASSERT_EQUAL(guest->vcpu[1]->sched.soft, 0xc);
	p->flags = XEN_VCPUAFFINITY_HARD;
	p->cpumap_hard.bitmap = 8;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setvcpuaffinity, 5), -EFAULT);
	p->flags = XEN_VCPUAFFINITY_SOFT;
	p->cpumap_soft.bitmap = 8;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setvcpuaffinity, 5), -EFAULT);
	p->vcpu = 9;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_setvcpuaffinity, 5), -EINVAL);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_getvcpuaffinity, 5), -EINVAL);
}

TEST(test_pci_topology, "PCI devices' nodes")
{
	struct physdev_pci_device devs[3] = { { 0, 1, 0x10 }, { 0, 1, 0x11 }, { 0, 1, 0x10 } };
	struct xen_sysctl_pcitopoinfo *p = &sys.u.pcitopoinfo;
	u32 nodes[3] = { 9, 9, 9 };

	p->num_devs = 3;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_pcitopoinfo), -EINVAL);
	p->devs = (u64)devs;
	p->nodes = 8;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_pcitopoinfo), -EFAULT);
	p->nodes = (u64)nodes;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_pcitopoinfo), 0);
	CU_ASSERT_TRUE(nodes[0] == 0 && nodes[1] == XEN_INVALID_DEV && nodes[2] == 0);
	CU_ASSERT_EQUAL(p->num_devs, 3);
	p->devs = 8;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_pcitopoinfo), -EFAULT);
}

TEST(test_power_management, "P-states, C-states, CPUs")
{
	struct xen_sysctl_get_pmstat *stat = &sys.u.get_pmstat;
	struct xen_sysctl_cpu_hotplug *plug = &sys.u.cpu_hotplug;
	struct xen_sysctl_pm_op *pm = &sys.u.pm_op;

	nr_cpus = 6;
	stat->type = PMSTAT_get_max_px;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_get_pmstat), -ENODEV);
	stat->type = PMSTAT_get_max_cx;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_get_pmstat), -ENODEV);
	stat->cpuid = 4;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_get_pmstat), -EINVAL);
	stat->cpuid = 0;
	stat->type = 0x31;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_get_pmstat), -EINVAL);
	memset(&sys, 0, sizeof(sys));
	pm->cmd = GET_CPUFREQ_PARA;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_pm_op), -ENODEV);
	pm->cmd = XEN_SYSCTL_pm_op_get_max_cstate;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_pm_op), -EOPNOTSUPP);
	pm->cpuid = 64;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_pm_op), -EINVAL);
	memset(&sys, 0, sizeof(sys));
	plug->cpu = 3;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_cpu_hotplug), 0);
	plug->op = XEN_SYSCTL_CPU_HOTPLUG_OFFLINE;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_cpu_hotplug), -EOPNOTSUPP);
	plug->cpu = 4; /* did not start */
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_cpu_hotplug), 0);
	plug->op = XEN_SYSCTL_CPU_HOTPLUG_ONLINE;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_cpu_hotplug), -ENODEV);
	plug->cpu = 6;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_cpu_hotplug), -EINVAL);
	plug->cpu = 0;
	plug->op = XEN_SYSCTL_CPU_HOTPLUG_SMT_ENABLE;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_cpu_hotplug), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_tbuf_op), -ENOSYS);
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_livepatch_op), -ENOSYS);
}

TEST(test_scheduler, "the scheduler's settings")
{
	struct xen_sysctl_scheduler_op *p = &sys.u.scheduler_op;

	p->sched_id = XEN_SCHEDULER_CREDIT2;
	p->cmd = XEN_SYSCTL_SCHEDOP_putinfo;
	p->u.sched_credit2.ratelimit_us = 7;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_scheduler_op), -EINVAL);
	p->u.sched_credit2.ratelimit_us = 1000;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_scheduler_op), 0);
	p->cmd = XEN_SYSCTL_SCHEDOP_getinfo;
	p->u.sched_credit2.ratelimit_us = 0;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_scheduler_op), 0);
	CU_ASSERT_EQUAL(p->u.sched_credit2.ratelimit_us, 1000);
	p->cmd = 2;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_scheduler_op), -EINVAL);
	p->cmd = XEN_SYSCTL_SCHEDOP_getinfo;
	p->cpupool_id = 1;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_scheduler_op), -ESRCH);
	p->cpupool_id = 0;
	p->sched_id = XEN_SCHEDULER_CREDIT2 - 1;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_scheduler_op), -EINVAL);
}

/* ---- what of the machine a domain may touch ---- */

TEST(test_access_logged, "no devices while written pages are logged")
{
	range_set_add(&dom0->perms.ports, 0x60, 0x6f);
	range_set_add(&dom0->perms.iomem, 0xfed00, 0xfed0f);
	range_set_add(&dom0->perms.irqs, 9, 9);
	for (unsigned allow = 2; allow--;) {
		/* To be taken away they are at any time. */
		s64 want = allow ? -EBUSY : 0;

		guest->log_dirty = true;
		op.u.ioport_permission.first_port = 0x60;
		op.u.ioport_permission.nr_ports = 16;
		op.u.ioport_permission.allow_access = (u8)allow;
		CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_ioport_permission, 5), want);
		op.u.iomem_permission.first_mfn = 0xfed00;
		op.u.iomem_permission.nr_mfns = 16;
		op.u.iomem_permission.allow_access = (u8)allow;
		CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_iomem_permission, 5), want);
		op.u.irq_permission.pirq = 20;
		op.u.irq_permission.allow_access = (u8)allow;
		CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_irq_permission, 5), want);
		guest->log_dirty = false;
		CU_ASSERT_FALSE(guest->perms.ports.first || guest->perms.iomem.first ||
				guest->perms.irqs.first);
	}
	range_set_remove(&dom0->perms.irqs, 9, 9);
}

TEST(test_access, "permissions")
{
	range_set_add(&dom0->perms.ports, 0x60, 0x6f);
	range_set_add(&dom0->perms.iomem, 0xfed00, 0xfed0f);
	range_set_add(&dom0->perms.irqs, 9, 9);
	op.u.ioport_permission.first_port = 0x60;
	op.u.ioport_permission.nr_ports = 16;
	op.u.ioport_permission.allow_access = 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_ioport_permission, 5), 0);
	CU_ASSERT_TRUE(range_set_contains(&guest->perms.ports, 0x60, 0x6f));
	op.u.ioport_permission.nr_ports = 17; /* one more than the giver has */
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_ioport_permission, 5), -EPERM);
	op.u.ioport_permission.nr_ports = 0;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_ioport_permission, 5), -EINVAL);
	op.u.ioport_permission.first_port = 0xffff;
	op.u.ioport_permission.nr_ports = 2;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_ioport_permission, 5), -EINVAL);
	op.u.ioport_permission.nr_ports = 0xffffffff;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_ioport_permission, 5), -EINVAL);
	op.u.ioport_permission.first_port = 0x60;
	op.u.ioport_permission.nr_ports = 8;
	op.u.ioport_permission.allow_access = 0;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_ioport_permission, 5), 0);
	CU_ASSERT_FALSE(range_set_overlaps(&guest->perms.ports, 0x60, 0x67));
	CU_ASSERT_TRUE(range_set_contains(&guest->perms.ports, 0x68, 0x6f));

	op.u.iomem_permission.first_mfn = 0xfed00;
	op.u.iomem_permission.nr_mfns = 16;
	op.u.iomem_permission.allow_access = 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_iomem_permission, 5), 0);
	CU_ASSERT_TRUE(range_set_contains(&guest->perms.iomem, 0xfed00, 0xfed0f));
	op.u.iomem_permission.first_mfn = 0xfecff;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_iomem_permission, 5), -EPERM);
	op.u.iomem_permission.nr_mfns = 0;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_iomem_permission, 5), -EINVAL);
	op.u.iomem_permission.nr_mfns = ~0ULL; /* wraps */
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_iomem_permission, 5), -EINVAL);
	op.u.iomem_permission.first_mfn = BIT(28) - 1;
	op.u.iomem_permission.nr_mfns = 2; /* past the physical address width */
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_iomem_permission, 5), -EINVAL);

	op.u.irq_permission.pirq = 20;
	op.u.irq_permission.allow_access = 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_irq_permission, 5), 0);
	CU_ASSERT_TRUE(range_set_contains(&guest->perms.irqs, 9, 9));
	op.u.irq_permission.pirq = 21;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_irq_permission, 5), -EINVAL);
	op.u.irq_permission.pirq = NR_PIRQS;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_irq_permission, 5), -EINVAL);
	range_set_remove(&dom0->perms.irqs, 9, 9);
	op.u.irq_permission.pirq = 20;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_irq_permission, 5), -EPERM);
}

/* ---- sysctl ---- */

TEST(test_readconsole, "console ring")
{
	struct xen_sysctl_readconsole *p = &sys.u.readconsole;
	char out[64] = { 0 };

	p->buffer = (u64)out;
	p->count = 64;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_readconsole), 0);
	CU_ASSERT_TRUE(p->count == 10 && p->index == 10 && !strcmp(out, log_text));
	/* From the beginning again unless one says otherwise */
	p->incremental = 1;
	p->index = 7;
	p->count = 2;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_readconsole), 0);
	CU_ASSERT_TRUE(p->count == 2 && p->index == 9 && !memcmp(out, "78", 2));
	p->clear = 1;
	p->buffer = 8;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_readconsole), -EFAULT);
	CU_ASSERT_EQUAL(m.keys[0], 0); /* what was not delivered is kept */
	p->buffer = (u64)out;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_readconsole), 0);
	CU_ASSERT_EQUAL(m.keys[0], 'c');
}

TEST(test_machine_info, "the machine")
{
	struct xen_sysctl_physinfo *p = &sys.u.physinfo;
	struct xen_sysctl_cputopo topo[8];
	struct xen_sysctl_meminfo mem;
	struct xen_sysctl_cpuinfo info[8];
	u32 distance = 0;

	machine_e820 = (struct e820_map){ 3,
					  { { 0, 0x9f000, E820_RAM },
					    { 0x9f000, 0x1000, E820_RESERVED },
					    { 0x100000, 0x100000, E820_RAM } } };
	guest->claimed_pages = 7;
	cpus_online = 0xb;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_physinfo), 0);
	CU_ASSERT_TRUE(p->nr_cpus == 3 && p->max_cpu_id == 3 && p->nr_nodes == 1 &&
		       p->cpu_khz == 2500000);
	CU_ASSERT_TRUE(p->total_pages == 0x9f + 0x100 && p->free_pages == 100 &&
		       p->outstanding_pages == 7);
	CU_ASSERT_EQUAL(p->max_mfn, SIM_FRAMES - 1);
	CU_ASSERT_TRUE(p->hw_cap[0] == ~0U && p->hw_cap[5] == ~0U && p->hw_cap[4] == 0);

	memset(topo, 0, sizeof(topo));
	memset(&sys, 0, sizeof(sys));
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_cputopoinfo), 0); /* how many? */
	CU_ASSERT_EQUAL(sys.u.cputopoinfo.num_cpus, 4);
	sys.u.cputopoinfo.num_cpus = 8;
	sys.u.cputopoinfo.cputopo = (u64)topo;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_cputopoinfo), 0);
	CU_ASSERT_EQUAL(sys.u.cputopoinfo.num_cpus, 4);
	CU_ASSERT_TRUE(topo[3].core == 3 && topo[2].core == XEN_INVALID_CORE_ID);
	sys.u.cputopoinfo.cputopo = 8;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_cputopoinfo), -EFAULT);

	memset(&sys, 0, sizeof(sys));
	sys.u.numainfo.num_nodes = 1;
	sys.u.numainfo.meminfo = (u64)&mem;
	sys.u.numainfo.distance = (u64)&distance;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_numainfo), 0);
	CU_ASSERT_TRUE(mem.memsize == 0x19f000 && mem.memfree == 100 * PAGE_SIZE && distance == 10);
	sys.u.numainfo.distance = 8;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_numainfo), -EFAULT);
	sys.u.numainfo.meminfo = 8;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_numainfo), -EFAULT);

	memset(&sys, 0, sizeof(sys));
	cpus[1].idle = guest->vcpu[1];
	sys.u.getcpuinfo.max_cpus = 8;
	sys.u.getcpuinfo.info = (u64)info;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_getcpuinfo), 0);
	CU_ASSERT_TRUE(sys.u.getcpuinfo.nr_cpus == 4 && info[1].idletime == 2000 &&
		       info[0].idletime == 0);
	sys.u.getcpuinfo.info = 8;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_getcpuinfo), -EFAULT);
	cpus[1].idle = NULL;

	memset(&sys, 0, sizeof(sys));
	sys.u.availheap.node = -1;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_availheap), 0);
	CU_ASSERT_EQUAL(sys.u.availheap.avail_bytes, 100 * PAGE_SIZE);
	sys.u.availheap.node = 1;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_availheap), -EINVAL);
	sys.u.availheap.max_bitwidth = 32;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_availheap), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_sched_id), 0);
	CU_ASSERT_EQUAL(sys.u.sched_id.sched_id, XEN_SCHEDULER_CREDIT2);
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_get_cpu_levelling_caps), 0);
	CU_ASSERT_EQUAL(sys.u.cpu_levelling_caps.caps, 0);
	cpu_features.cpuid_fault = true;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_get_cpu_levelling_caps), 0);
	CU_ASSERT_EQUAL(sys.u.cpu_levelling_caps.caps, XEN_SYSCTL_CPU_LEVELCAP_faulting);
	cpu_features.cpuid_fault = false;
}

TEST(test_lists, "lists and pools")
{
	struct xen_domctl_getdomaininfo info[4];
	u64 map = 0;

	sys.u.getdomaininfolist.max_domains = 4;
	sys.u.getdomaininfolist.buffer = (u64)info;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_getdomaininfolist), 0);
	CU_ASSERT_TRUE(sys.u.getdomaininfolist.num_domains == 2 && info[0].domain == 0 &&
		       info[1].domain == 5);
	sys.u.getdomaininfolist.first_domain = 1;
	sys.u.getdomaininfolist.max_domains = 1;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_getdomaininfolist), 0);
	CU_ASSERT_TRUE(sys.u.getdomaininfolist.num_domains == 1 && info[0].domain == 5);
	sys.u.getdomaininfolist.buffer = 8;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_getdomaininfolist), -EFAULT);

	memset(&sys, 0, sizeof(sys));
	sys.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
	sys.u.cpupool_op.cpumap = (struct xenctl_bitmap){ .bitmap = (u64)&map, .nr_bits = 64 };
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_cpupool_op), 0);
	CU_ASSERT_TRUE(sys.u.cpupool_op.n_dom == 2 && map == 0xf);
	sys.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_FREEINFO;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_cpupool_op), 0);
	CU_ASSERT_EQUAL(map, 0);
	sys.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
	sys.u.cpupool_op.cpupool_id = 1;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_cpupool_op), -ENOENT);
	sys.u.cpupool_op.op = 99;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_cpupool_op), -EOPNOTSUPP);
}

TEST(test_keys_and_heap, "debug keys, heap classes")
{
	struct {
		char name[16];
		u64 bytes, objects;
	} e[2];
	struct {
		u32 first, nr;
		u64 buffer;
	} *ask = (void *)&sys.u;

	sys.u.debug_keys.keys = (u64) "xABy";
	sys.u.debug_keys.nr_keys = 4;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_debug_keys),
			-EUCLEAN); /* the first that failed; all were pressed */
	CU_ASSERT_TRUE(m.nr_keys == 4 && !memcmp(m.keys, "xABy", 4));
	sys.u.debug_keys.nr_keys = 65;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_debug_keys), -E2BIG);
	sys.u.debug_keys.keys = 8;
	sys.u.debug_keys.nr_keys = 1;
	CU_ASSERT_EQUAL(sysctl(XEN_SYSCTL_debug_keys), -EFAULT);
	CU_ASSERT_EQUAL(m.nr_keys, 4);

	memset(&sys, 0, sizeof(sys));
	ask->buffer = (u64)e;
	ask->first = 0;
	ask->nr = 1;
	CU_ASSERT_EQUAL(sysctl(0x414e0001), 0);
	CU_ASSERT_TRUE(ask->nr == 1 && !strcmp(e[0].name, "first class") && e[0].bytes == 100 &&
		       e[0].objects == 10);
	ask->first = ALLOC_CLASSES;
	ask->nr = 5;
	CU_ASSERT_EQUAL(sysctl(0x414e0001), 0);
	CU_ASSERT_EQUAL(ask->nr, 0);
	ask->first = ~0U;
	ask->nr = 5;
	CU_ASSERT_EQUAL(sysctl(0x414e0001), 0);
	CU_ASSERT_EQUAL(ask->nr, 0);
	ask->first = 0;
	ask->nr = 1;
	ask->buffer = 8;
	CU_ASSERT_EQUAL(sysctl(0x414e0001), -EFAULT);
}

TEST(test_grants_list, "sysctl: what was done with grants")
{
	struct { u32 domid, pad; u64 n[7]; } e[4];
	struct { u32 first, nr, judged, pad; u64 buffer; } *ask = (void *)&sys.u;

	memset(&sys, 0, sizeof(sys));
	memset(e, 0xee, sizeof(e));
	ask->buffer = (u64)e;
	ask->nr = 4;
	CU_ASSERT_EQUAL(sysctl(0x414e0002), 0);
	CU_ASSERT_TRUE(ask->nr >= 1 && ask->nr <= 3 && ask->judged == 1);
	for (u32 i = 0; i < ask->nr; i++) {
		CU_ASSERT_TRUE(!i || e[i].domid > e[i - 1].domid);
		for (unsigned k = 0; k < 7; k++)
			CU_ASSERT_EQUAL(e[i].n[k], 100 * e[i].domid + k);
	}
	ask->first = e[0].domid + 1;
	ask->nr = 0;
	CU_ASSERT_EQUAL(sysctl(0x414e0002), 0);
	CU_ASSERT_EQUAL(ask->nr, 0);
	ask->first = ~0U;
	ask->nr = 4;
	CU_ASSERT_EQUAL(sysctl(0x414e0002), 0);
	CU_ASSERT_EQUAL(ask->nr, 0);
	ask->first = 0;
	ask->nr = 1;
	ask->buffer = 8;
	CU_ASSERT_EQUAL(sysctl(0x414e0002), -EFAULT);
}

SUITE("control", .begin = begin, .end = end)
