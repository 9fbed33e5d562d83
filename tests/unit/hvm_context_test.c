// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/hvm/x2apic.c hypervisor/hvm/apic_timer.c hypervisor/machine/timescale.c
// sources: hypervisor/control/domctl.c hypervisor/control/domctl_vcpu.c
// sources: hypervisor/control/domctl_hvm.c hypervisor/hvm/context.c
// sources: hypervisor/control/domctl_state.c
// sources: hypervisor/control/domctl_access.c hypervisor/control/common.c
// sources: hypervisor/control/sysctl.c hypervisor/domain/permission.c hypervisor/memory/range_set.c
// sources: hypervisor/control/cpu_policy.c hypervisor/cpu/cpu_policy.c hypervisor/pv/cpuid.c
// sources: hypervisor/domain/fpu_image.c hypervisor/pv/compat_context.c tests/unit/sim/sim.c
//
// An HVM domain by dom0: which are made, and the state of its vCPU as a context of records. What is
// no context, and what no CPU could be in, is refused and changes nothing.

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#include "control_rooms.h"
#include "cpu/msr.h"
#include "hvm/context.h"
#include "hvm/x2apic.h"
#include "image/pvh_acpi.h"
#include "suite.h"

#define HVM_FLAGS (XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap)

static struct xen_domctl op;
static struct p2m *const some_map = (struct p2m *)64;

static struct context {
	struct hvm_save_descriptor header_at;
	struct hvm_save_header header;
	struct hvm_save_descriptor cpu_at;
	struct hvm_hw_cpu cpu;
	struct hvm_save_descriptor end_at;
	u8 room[64];
} __packed c;
#define SIZE ((u32)offsetof(struct context, room))

/* What each vCPU has besides. */
static struct apic_part {
	struct hvm_save_descriptor lapic_at;
	struct hvm_hw_lapic lapic;
	struct hvm_save_descriptor regs_at;
	struct hvm_hw_lapic_regs regs;
	struct hvm_save_descriptor mtrr_at;
	struct hvm_hw_mtrr mtrr;
} __packed ap;
#define PAT_RESET 0x0007040600070406ULL
#define FULL ((u32)(SIZE + sizeof(ap)))

static void fill_apic(void)
{
	struct x2apic a;

	x2apic_reset(&a, 0);
	ap = (struct apic_part){
		.lapic_at = { HVM_SAVE_CODE_LAPIC, 0, sizeof(ap.lapic) },
		.lapic = { 0xfee00d00, 0, 2, 0 },
		.regs_at = { HVM_SAVE_CODE_LAPIC_REGS, 0, sizeof(ap.regs) },
		.mtrr_at = { HVM_SAVE_CODE_MTRR, 0, sizeof(ap.mtrr) },
		.mtrr = { .msr_pat_cr = PAT_RESET, .msr_mtrr_def_type = 0x806 },
	};
	m.pat = PAT_RESET;
	x2apic_export(&a, 0, m.apic.data);
	ap.regs = m.apic;
}

/* As a PVH kernel starts. */
static void fill(void)
{
	c = (struct context){
		.header_at = { HVM_SAVE_CODE_HEADER, 0, sizeof(c.header) },
		.header = { HVM_FILE_MAGIC, HVM_FILE_VERSION, ~0ULL, 0, 0 },
		.cpu_at = { HVM_SAVE_CODE_CPU, 0, sizeof(c.cpu) },
		.cpu = {
			.rip = 0x100000, .rbx = 0x5000, .rflags = 2, .cr0 = 0x11,
			.cs_sel = 8, .cs_limit = ~0U, .cs_arbytes = 0xc9b,
			.ss_sel = 16, .ss_limit = ~0U, .ss_arbytes = 0xc93,
			.ds_sel = 16, .ds_limit = ~0U, .ds_arbytes = 0xc93,
			.es_sel = 16, .es_limit = ~0U, .es_arbytes = 0xc93,
			.tr_limit = 0x67, .tr_arbytes = 0x8b,
			.dr6 = 0xffff0ff0, .dr7 = 0x400,
		},
		.end_at = { HVM_SAVE_CODE_END, 0, 0 },
	};
}

/* The same in long mode. */
static void fill_long(void)
{
	fill();
	c.cpu.cr0 = CR0_PE | BIT(4) | CR0_PG;
	c.cpu.cr3 = 0x1000;
	c.cpu.cr4 = CR4_PAE;
	c.cpu.msr_efer = EFER_LME | EFER_LMA;
	c.cpu.cs_arbytes = 0xa9b;
	c.cpu.rip = 0xffffffff81000000ULL;
}

static void begin(void)
{
	sim_reset();
	memset(&m, 0, sizeof(m));
	memset(&op, 0, sizeof(op));
	dom0 = sim_domain(0, 2, true);
	guest = sim_domain(5, 1, false);
	guest->p2m = some_map;
	guest->vcpu[0]->pause_flags = VPF_DOWN | VPF_BLOCKED;
	guest->vcpu[0]->initialised = false;
	permissions_init(&dom0->perms);
	permissions_init(&guest->perms);
	sim_current = dom0->vcpu[0];
	sim_cpu = &cpus[0];
	cpus_online = 0xf;
	cpu_features.phys_bits = 40;
	cpu_features.nx = true;
	fill();
	fill_apic();
}

static void end(void)
{
	permissions_destroy(&dom0->perms);
	permissions_destroy(&guest->perms);
	CU_ASSERT_EQUAL(guest->refs, 1);
	CU_ASSERT_EQUAL(guest->pause_count, 0);
	CU_ASSERT_EQUAL(sim.objects, 0);
	guest->p2m = NULL;
	cpus_online = 1;
	cpu_features.nx = cpu_features.xsave = cpu_features.fsgsbase = false;
	cpu_features.smep = cpu_features.smap = false;
	sim_reset();
}

static s64 domctl(u32 cmd, domid_t id)
{
	op.cmd = cmd;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op.domain = id;
	return do_domctl((u64)&op);
}

static s64 set(u32 size)
{
	op.u.hvmcontext = (struct xen_domctl_hvmcontext){ .size = size, .buffer = (u64)&c };
	return domctl(XEN_DOMCTL_sethvmcontext, 5);
}

/* Refused, and the vCPU is what it was. */
static bool refuses(u32 size, s64 want)
{
	u64 flags = guest->vcpu[0]->pause_flags;
	unsigned states = m.states;

	return set(size) == want && m.states == states && guest->vcpu[0]->pause_flags == flags;
}

TEST(test_set, "a start state is taken, and starts the vCPU")
{
	CU_ASSERT_EQUAL(set(SIZE), 0);
	CU_ASSERT_EQUAL(m.states, 1);
	CU_ASSERT_EQUAL(memcmp(&m.state, &c.cpu, sizeof(c.cpu)), 0);
	CU_ASSERT_TRUE(guest->vcpu[0]->initialised);
	CU_ASSERT_EQUAL(guest->vcpu[0]->pause_flags, 0);
	fill_long();
	CU_ASSERT_EQUAL(set(SIZE), 0);
	CU_ASSERT_EQUAL(m.state.rip, c.cpu.rip);
	/* A context need not have a state for every vCPU. */
	c.cpu_at = (struct hvm_save_descriptor){ HVM_SAVE_CODE_END, 0, 0 };
	CU_ASSERT_EQUAL(set((u32)offsetof(struct context, cpu)), 0);
	CU_ASSERT_EQUAL(m.states, 2);
}

TEST(test_get, "what is read is what may be set")
{
	struct hvm_hw_lapic_regs regs;
	struct hvm_hw_cpu cpu;
	struct vcpu *v;
	u8 buf[4096];

	op.u.hvmcontext = (struct xen_domctl_hvmcontext){ 0 };
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_gethvmcontext, 5), 0);
	CU_ASSERT_EQUAL(op.u.hvmcontext.size, FULL);
	/* A vCPU that never was anything has an APIC alone. */
	op.u.hvmcontext.buffer = (u64)buf;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_gethvmcontext, 5), 0);
	CU_ASSERT_EQUAL(op.u.hvmcontext.size, FULL - sizeof(c.cpu) - sizeof(c.cpu_at));
	CU_ASSERT_EQUAL(hvm_context_check(buf, op.u.hvmcontext.size, 1), 0);
	CU_ASSERT_FALSE(hvm_context_cpu(buf, 0, &cpu));
	CU_ASSERT_TRUE(hvm_context_apic(buf, 0, &regs));
	CU_ASSERT_FALSE(hvm_context_apic(buf, 1, &regs));
	fill();
	CU_ASSERT_EQUAL(set(SIZE), 0);
	CU_ASSERT_EQUAL(m.apics, 0);
	op.u.hvmcontext = (struct xen_domctl_hvmcontext){ FULL - 1, (u64)buf };
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_gethvmcontext, 5), -ENOSPC);
	op.u.hvmcontext = (struct xen_domctl_hvmcontext){ sizeof(buf), (u64)buf };
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_gethvmcontext, 5), 0);
	CU_ASSERT_EQUAL(op.u.hvmcontext.size, FULL);
	memcpy(&c, buf, SIZE);
	CU_ASSERT_EQUAL(c.cpu.rip, 0x100000);
	CU_ASSERT_EQUAL(memcmp(buf + offsetof(struct context, end_at), &ap, sizeof(ap)), 0);
	/* One in xAPIC mode is told as such, and not taken. */
	m.apic_mode = BIT(10);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_gethvmcontext, 5), 0);
	m.apic_mode = 0;
	CU_ASSERT_EQUAL(((struct apic_part *)(buf + offsetof(struct context, end_at)))
				->lapic.apic_base_msr, 0xfee00900);
	CU_ASSERT_EQUAL(hvm_context_check(buf, op.u.hvmcontext.size, 1), -EINVAL);
	op.u.hvmcontext = (struct xen_domctl_hvmcontext){ sizeof(buf), (u64)buf };
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_gethvmcontext, 5), 0);
	memset(&m.apic, 0, sizeof(m.apic));
	m.pat = 0;
	op.u.hvmcontext = (struct xen_domctl_hvmcontext){ FULL, (u64)buf };
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_sethvmcontext, 5), 0);
	CU_ASSERT_EQUAL(m.states, 2);
	CU_ASSERT_EQUAL(m.apics, 1);
	CU_ASSERT_EQUAL(memcmp(&m.apic, &ap.regs, sizeof(ap.regs)), 0);
	CU_ASSERT_EQUAL(m.pat, PAT_RESET);
	v = guest->vcpu[0];
	guest->vcpu[0] = NULL;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_gethvmcontext, 5), -ESRCH);
	guest->vcpu[0] = v;
}

/* The header, then `length` bytes of records, then the end. */
static int check(const void *records, u32 length, unsigned vcpus)
{
	u8 buf[4096] = { 0 };

	memcpy(buf, &c, offsetof(struct context, cpu_at));
	memcpy(buf + offsetof(struct context, cpu_at), records, length);
	return hvm_context_check(buf, (u32)(offsetof(struct context, cpu_at) + length +
					    sizeof(struct hvm_save_descriptor)), vcpus);
}

TEST(test_apic_alone, "who sleeps looks at the APIC that it is given; who is down stays down")
{
	memcpy(&c.cpu_at, &ap.regs_at, sizeof(ap.regs_at));
	memcpy((u8 *)&c.cpu_at + sizeof(ap.regs_at), &ap.regs, sizeof(ap.regs));
	memcpy((u8 *)&c.cpu_at + sizeof(ap.regs_at) + sizeof(ap.regs),
	       &(struct hvm_save_descriptor){ HVM_SAVE_CODE_END, 0, 0 },
	       sizeof(struct hvm_save_descriptor));
	CU_ASSERT_EQUAL(set((u32)(offsetof(struct context, cpu) + sizeof(ap.regs) +
				  sizeof(struct hvm_save_descriptor))), 0);
	CU_ASSERT_EQUAL(m.apics, 1);
	CU_ASSERT_EQUAL(m.states, 0);
	CU_ASSERT_EQUAL(guest->vcpu[0]->pause_flags, VPF_DOWN);
}

TEST(test_apic, "an APIC that no guest could have brought there is refused")
{
	struct apic_part two[2];

	CU_ASSERT_EQUAL(check(&ap, sizeof(ap), 1), 0);
#define BAD_APIC(what)                                              \
	do {                                                        \
		fill_apic();                                        \
		what;                                               \
		CU_ASSERT_EQUAL(check(&ap, sizeof(ap), 1), -EINVAL);\
	} while (0)
	BAD_APIC(ap.lapic.apic_base_msr = 0xfee00c00);
	BAD_APIC(ap.lapic.apic_base_msr = 0xfee00900);
	BAD_APIC(ap.lapic.disabled = 1);
	BAD_APIC(ap.lapic.tdt_msr = 1);
	BAD_APIC(ap.lapic.timer_divisor = 0);
	BAD_APIC(ap.lapic.timer_divisor = 3);
	BAD_APIC(ap.lapic.timer_divisor = 4);
	BAD_APIC(ap.regs.data[0x3e0 / 4] = 8);
	BAD_APIC(ap.regs.data[0x3e0 / 4] = 0xb);
	BAD_APIC(ap.lapic_at.instance = 1);
	BAD_APIC(ap.regs_at.instance = 1);
	BAD_APIC(ap.regs_at.typecode = HVM_SAVE_CODE_LAPIC);
	for (unsigned i = 0; i < 256; i++) {
		/* Number, version, and what is between the registers. */
		if (i % 4 || i == 8 || i == 12)
			BAD_APIC(ap.regs.data[i] ^= 4);
	}
	BAD_APIC(ap.regs.data[0x80 / 4] = 0x100);  /* TPR */
	BAD_APIC(ap.regs.data[0xa0 / 4] = 0x10);   /* PPR */
	BAD_APIC(ap.regs.data[0xf0 / 4] |= 0x400); /* spurious */
	BAD_APIC(ap.regs.data[0x100 / 4] = 1 << 15);
	BAD_APIC(ap.regs.data[0x200 / 4] = 1 << 15);
	BAD_APIC(ap.regs.data[0x300 / 4] = 1 << 13);
	BAD_APIC(ap.regs.data[0x320 / 4] = 0x20041); /* not masked, while it is off */
	BAD_APIC(ap.regs.data[0x320 / 4] |= 0x40000);
	BAD_APIC(ap.regs.data[0x390 / 4] = 1);	     /* more than the initial count */
	BAD_APIC(ap.regs.data[0x3e0 / 4] = 4);
	fill_apic();
	ap.regs.data[0x80 / 4] = ap.regs.data[0xa0 / 4] = 0x30;
	ap.regs.data[0xf0 / 4] = 0x1ff;
	ap.regs.data[0x230 / 4] = 1;
	ap.regs.data[0x310 / 4] = 5;
	ap.regs.data[0x320 / 4] = 0x20041;
	ap.regs.data[0x380 / 4] = 1000000;
	ap.regs.data[0x390 / 4] = 7;
	CU_ASSERT_EQUAL(check(&ap, sizeof(ap), 1), 0);
	/* Its divisor is what its registers say; where there are none, what those of reset do. */
	for (unsigned i = 0; i < 16; i++) {
		static const u32 divisors[16] = { 2, 4, 8, 16, 0, 0, 0, 0, 32, 64, 128, 1 };

		ap.regs.data[0x3e0 / 4] = i;
		for (unsigned bit = 0; bit < 32; bit++) {
			ap.lapic.timer_divisor = 1U << bit;
			CU_ASSERT_EQUAL(check(&ap, sizeof(ap), 1),
					divisors[i] == 1U << bit ? 0 : -EINVAL);
			CU_ASSERT_EQUAL(check(&ap, offsetof(struct apic_part, regs_at), 1),
					bit == 1 ? 0 : -EINVAL);
		}
	}
	ap.lapic.timer_divisor = 2;
	ap.regs.data[0x3e0 / 4] = 0;
	/* Each once for each vCPU. */
	two[0] = two[1] = ap;
	CU_ASSERT_EQUAL(check(two, sizeof(two), 2), -EINVAL);
	two[1].lapic_at.instance = two[1].regs_at.instance = two[1].mtrr_at.instance = 1;
	CU_ASSERT_EQUAL(check(two, sizeof(two), 2), -EINVAL);
	two[1].lapic.apic_base_msr = 0xfee00c00;
	two[1].regs.data[0x20 / 4] = 1;
	two[1].regs.data[0xd0 / 4] = 2;
	CU_ASSERT_EQUAL(check(two, sizeof(two), 2), 0);
	two[1].lapic.timer_divisor = 8;
	CU_ASSERT_EQUAL(check(two, sizeof(two), 2), -EINVAL);
	two[1].regs.data[0x3e0 / 4] = 2;
	CU_ASSERT_EQUAL(check(two, sizeof(two), 2), 0);
	CU_ASSERT_EQUAL(check(two, sizeof(two), 1), -EINVAL);
}

TEST(test_mtrr, "memory types: all write-back by what MTRRs say, and any PAT that a guest may have")
{
	struct {
		struct hvm_save_descriptor at;
		struct hvm_hw_mtrr mtrr;
	} __packed r = { { HVM_SAVE_CODE_MTRR, 0, sizeof(r.mtrr) }, { 0 } };
	const u32 size = sizeof(r.mtrr);

	r.mtrr = ap.mtrr;
	CU_ASSERT_EQUAL(check(&r, sizeof(r), 1), 0);
	/* Not one bit of another: capabilities, ranges, what memory is where none says. */
	for (u32 bit = 64; bit < size * 8; bit++) {
		((u8 *)&r.mtrr)[bit / 8] ^= (u8)BIT(bit % 8);
		CU_ASSERT_EQUAL(check(&r, sizeof(r), 1), -EINVAL);
		((u8 *)&r.mtrr)[bit / 8] ^= (u8)BIT(bit % 8);
	}
	for (unsigned i = 0; i < 8; i++) {
		for (unsigned type = 0; type < 256; type++) {
			bool is = type < 8 && type != 2 && type != 3;

			r.mtrr.msr_pat_cr = (PAT_RESET & ~(0xffULL << 8 * i)) |
					    (u64)type << 8 * i;
			CU_ASSERT_EQUAL(check(&r, sizeof(r), 1), is ? 0 : -EINVAL);
		}
	}
	r.at.instance = 1;
	r.mtrr = ap.mtrr;
	CU_ASSERT_EQUAL(check(&r, sizeof(r), 1), -EINVAL);
	CU_ASSERT_EQUAL(check(&r, sizeof(r), 2), 0);
}

TEST(test_pat, "a context may have a PAT alone, for a vCPU that is there")
{
	struct hvm_save_descriptor end_at = { HVM_SAVE_CODE_END, 0, 0 };
	u8 *at = (u8 *)&c.cpu_at;
	u32 size = offsetof(struct context, cpu) + sizeof(ap.mtrr) + sizeof(end_at);
	struct vcpu *v = guest->vcpu[0];

	ap.mtrr.msr_pat_cr = 0x050100070406ULL;
	memcpy(at, &ap.mtrr_at, sizeof(ap.mtrr_at));
	memcpy(at + sizeof(ap.mtrr_at), &ap.mtrr, sizeof(ap.mtrr));
	memcpy(at + sizeof(ap.mtrr_at) + sizeof(ap.mtrr), &end_at, sizeof(end_at));
	guest->vcpu[0] = NULL;
	CU_ASSERT_EQUAL(set(size), -ESRCH);
	CU_ASSERT_EQUAL(m.pat, PAT_RESET);
	guest->vcpu[0] = v;
	CU_ASSERT_EQUAL(set(size), 0);
	CU_ASSERT_EQUAL(m.pat, 0x050100070406ULL);
	CU_ASSERT_EQUAL(m.states, 0);
	CU_ASSERT_EQUAL(v->pause_flags, VPF_DOWN | VPF_BLOCKED);
}

TEST(test_records, "what is no context is refused")
{
	for (u32 size = 0; size < SIZE; size++)
		CU_ASSERT_TRUE(refuses(size, -EINVAL));
	CU_ASSERT_TRUE(refuses(SIZE + 1, -EINVAL));
	CU_ASSERT_TRUE(refuses(~0U, -EINVAL));
#define BAD(what, want)                                   \
	do {                                              \
		fill();                                   \
		what;                                     \
		CU_ASSERT_TRUE(refuses(SIZE, want));      \
	} while (0)
	BAD(c.header.magic++, -EINVAL);
	BAD(c.header.version++, -EINVAL);
	BAD(c.header_at.instance = 1, -EINVAL);
	BAD(c.header_at.typecode = HVM_SAVE_CODE_END, -EINVAL);
	BAD(c.header_at.typecode = HVM_SAVE_CODE_CPU, -EINVAL);
	BAD(c.header_at.length--, -EINVAL);
	BAD(c.header_at.length = ~0U, -EINVAL);
	BAD(c.cpu_at.length = ~0U, -EINVAL);
	BAD(c.cpu_at.length--, -EINVAL);
	BAD(c.cpu_at.length += 8, -EINVAL);
	BAD(c.cpu_at.instance = 1, -EINVAL);
	BAD(c.cpu_at.instance = 64, -EINVAL);
	BAD(c.cpu_at.typecode = HVM_SAVE_CODE_HEADER, -EINVAL);
	for (u16 code = 3; code < 40; code++)
		BAD(c.cpu_at.typecode = code,
		    code == HVM_SAVE_CODE_LAPIC || code == HVM_SAVE_CODE_LAPIC_REGS ||
			    code == HVM_SAVE_CODE_MTRR ? -EINVAL : -EOPNOTSUPP);
	BAD(c.end_at.length = 1, -EINVAL);
	BAD(c.end_at.typecode = HVM_SAVE_CODE_CPU, -EINVAL);
	/* The same vCPU twice. */
	struct {
		u8 header[offsetof(struct context, cpu_at)];
		u8 cpu[2][sizeof(c.cpu_at) + sizeof(c.cpu)];
		struct hvm_save_descriptor end;
	} __packed two;

	fill();
	memcpy(two.header, &c, sizeof(two.header));
	memcpy(two.cpu[0], &c.cpu_at, sizeof(two.cpu[0]));
	memcpy(two.cpu[1], &c.cpu_at, sizeof(two.cpu[1]));
	two.end = c.end_at;
	CU_ASSERT_EQUAL(hvm_context_check((u8 *)&two, sizeof(two), 64), -EINVAL);
	((struct hvm_save_descriptor *)two.cpu[1])->instance = 63;
	CU_ASSERT_EQUAL(hvm_context_check((u8 *)&two, sizeof(two), 64), 0);
	CU_ASSERT_EQUAL(hvm_context_check((u8 *)&two, sizeof(two), 63), -EINVAL);
}

TEST(test_states, "what no vCPU could be in is refused")
{
#define BAD_CPU(what)                                   \
	do {                                            \
		fill();                                 \
		what;                                   \
		CU_ASSERT_TRUE(refuses(SIZE, -EINVAL)); \
		fill_long();                            \
		what;                                   \
		CU_ASSERT_TRUE(refuses(SIZE, -EINVAL)); \
	} while (0)
	const u64 gap = 1ULL << 47;

	for (unsigned bit = 0; bit < 64; bit++) {
		if (!(BIT(bit) & (0xe005003fULL)))
			BAD_CPU(c.cpu.cr0 |= BIT(bit));
		if (bit > 10)
			BAD_CPU(c.cpu.cr4 |= BIT(bit));
		if (bit >= 40)
			BAD_CPU(c.cpu.cr3 |= BIT(bit));
		if (bit != 0 && bit != 8 && bit != 10 && bit != 11)
			BAD_CPU(c.cpu.msr_efer |= BIT(bit));
		if (bit >= 32) {
			BAD_CPU(c.cpu.dr6 |= BIT(bit));
			BAD_CPU(c.cpu.dr7 |= BIT(bit));
			BAD_CPU(c.cpu.msr_syscall_mask |= BIT(bit));
			BAD_CPU(c.cpu.cs_base |= BIT(bit));
			BAD_CPU(c.cpu.ds_base |= BIT(bit));
			BAD_CPU(c.cpu.es_base |= BIT(bit));
			BAD_CPU(c.cpu.ss_base |= BIT(bit));
			BAD_CPU(c.cpu.sysenter_cs |= BIT(bit));
		}
		if (!(BIT(bit) & 0x257fd7))
			BAD_CPU(c.cpu.rflags |= BIT(bit));
	}
	BAD_CPU(c.cpu.cr0 &= ~BIT(4));
	BAD_CPU(c.cpu.cr0 |= BIT(29));
	BAD_CPU(c.cpu.cr0 = (c.cpu.cr0 | CR0_PG) & ~(u64)CR0_PE);
	BAD_CPU(c.cpu.rflags &= ~2ULL);
	BAD_CPU(c.cpu.msr_efer ^= EFER_LMA);
	BAD_CPU(c.cpu.rip = gap);
	for (unsigned bit = 12; bit < 32; bit++) {
		BAD_CPU(c.cpu.cs_arbytes |= (u32)BIT(bit));
		BAD_CPU(c.cpu.ss_arbytes |= (u32)BIT(bit));
		BAD_CPU(c.cpu.ds_arbytes |= (u32)BIT(bit));
		BAD_CPU(c.cpu.es_arbytes |= (u32)BIT(bit));
		BAD_CPU(c.cpu.fs_arbytes |= (u32)BIT(bit));
		BAD_CPU(c.cpu.gs_arbytes |= (u32)BIT(bit));
		BAD_CPU(c.cpu.tr_arbytes |= (u32)BIT(bit));
		BAD_CPU(c.cpu.ldtr_arbytes |= (u32)BIT(bit));
		if (bit < 16)
			continue;
		BAD_CPU(c.cpu.cs_sel |= (u32)BIT(bit));
		BAD_CPU(c.cpu.ss_sel |= (u32)BIT(bit));
		BAD_CPU(c.cpu.tr_sel |= (u32)BIT(bit));
		BAD_CPU(c.cpu.ldtr_sel |= (u32)BIT(bit));
		BAD_CPU(c.cpu.gdtr_limit |= (u32)BIT(bit));
		BAD_CPU(c.cpu.idtr_limit |= (u32)BIT(bit));
	}
	BAD_CPU(c.cpu.cs_arbytes &= ~0x80U);
	BAD_CPU(c.cpu.cs_arbytes &= ~0x10U);
	BAD_CPU(c.cpu.cs_arbytes &= ~0x08U);
	BAD_CPU(c.cpu.ss_arbytes |= 0x08U);
	BAD_CPU(c.cpu.ds_arbytes &= ~0x10U);
	BAD_CPU(c.cpu.tr_arbytes &= ~0x80U);
	/* Bytes up to 1 MiB, or whole pages. */
	BAD_CPU(c.cpu.cs_limit = 0xffffeffe);
	BAD_CPU(c.cpu.cs_arbytes &= ~0x800U);
	BAD_CPU(c.cpu.ss_limit = 0);
	BAD_CPU(c.cpu.ds_limit = 0xffff0000);
	BAD_CPU(c.cpu.es_arbytes &= ~0x800U);
	BAD_CPU(c.cpu.tr_limit = 0x100000);
	BAD_CPU(c.cpu.tr_arbytes |= 0x800);
	BAD_CPU((c.cpu.ldtr_arbytes = 0x82, c.cpu.ldtr_limit = 0x100000));
	/* A stack that cannot be written; data that cannot be read; what is in no global table. */
	BAD_CPU(c.cpu.ss_arbytes &= ~2U);
	BAD_CPU(c.cpu.ds_arbytes = 0xc99);
	BAD_CPU(c.cpu.tr_sel = 0x44);
	BAD_CPU((c.cpu.ldtr_arbytes = 0x82, c.cpu.ldtr_sel = 0x4c));
	/* The levels of CS and SS are one, but for a conforming CS; in real mode it is 0. */
	BAD_CPU(c.cpu.cs_arbytes |= 0x60);
	BAD_CPU(c.cpu.ss_arbytes |= 0x60);
	BAD_CPU(c.cpu.cs_arbytes |= 0x64);
	BAD_CPU((c.cpu.cr0 &= ~CR0_PE, c.cpu.cs_arbytes |= 0x60, c.cpu.ss_arbytes |= 0x60));
	for (u32 type = 0; type < 32; type++) {
		if (type != 3 && type != 11)
			BAD_CPU(c.cpu.tr_arbytes = 0x80 | type);
		if (type != 2)
			BAD_CPU(c.cpu.ldtr_arbytes = 0x80 | type);
	}
	BAD_CPU(c.cpu.fs_base = gap);
	BAD_CPU(c.cpu.gs_base = gap);
	BAD_CPU(c.cpu.tr_base = gap);
	BAD_CPU(c.cpu.ldtr_base = gap);
	BAD_CPU(c.cpu.gdtr_base = gap);
	BAD_CPU(c.cpu.idtr_base = gap);
	BAD_CPU(c.cpu.msr_lstar = gap);
	BAD_CPU(c.cpu.msr_cstar = gap);
	BAD_CPU(c.cpu.shadow_gs = gap);
	BAD_CPU(c.cpu.sysenter_esp = gap);
	BAD_CPU(c.cpu.sysenter_eip = gap);
	BAD_CPU(c.cpu.msr_tsc_aux = 1);
	BAD_CPU(c.cpu.pending_event = 1U << 31 | 3 << 8 | 13);
	BAD_CPU(c.cpu.flags = 2);
	BAD_CPU(c.cpu.pad0 = 1);
	/* What belongs together. */
	fill();
	c.cpu.rip = 1ULL << 32;
	CU_ASSERT_TRUE(refuses(SIZE, -EINVAL));
	fill_long();
	c.cpu.cs_arbytes = 0xe9b;
	CU_ASSERT_TRUE(refuses(SIZE, -EINVAL));
	fill_long();
	c.cpu.cr4 = 0;
	CU_ASSERT_TRUE(refuses(SIZE, -EINVAL));
	fill_long();
	c.cpu.tr_arbytes = 0x83;
	CU_ASSERT_TRUE(refuses(SIZE, -EINVAL));
	fill();
	c.cpu.tr_arbytes = 0x83;
	CU_ASSERT_EQUAL(set(SIZE), 0);
}

TEST(test_features, "control bits that only some CPUs have")
{
	static const struct {
		u64 bit;
		bool *has;
	} list[] = { { CR4_OSXSAVE, &cpu_features.xsave }, { CR4_FSGSBASE, &cpu_features.fsgsbase },
		     { CR4_SMEP, &cpu_features.smep }, { CR4_SMAP, &cpu_features.smap } };

	for (unsigned i = 0; i < ARRAY_SIZE(list); i++) {
		fill_long();
		c.cpu.cr4 |= list[i].bit;
		*list[i].has = true;
		CU_ASSERT_EQUAL(set(SIZE), 0);
		*list[i].has = false;
		CU_ASSERT_TRUE(refuses(SIZE, -EINVAL));
	}
	fill_long();
	c.cpu.msr_efer |= EFER_NX;
	CU_ASSERT_EQUAL(set(SIZE), 0);
	cpu_features.nx = false;
	CU_ASSERT_TRUE(refuses(SIZE, -EINVAL));
}

TEST(test_who, "whose, and when")
{
	struct vcpu *v = guest->vcpu[0];

	op.u.hvmcontext = (struct xen_domctl_hvmcontext){ SIZE, (u64)&c };
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_sethvmcontext, 0), -EINVAL);
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_gethvmcontext, 0), -EINVAL);
	op.u.hvmcontext.buffer = 8;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_sethvmcontext, 5), -EFAULT);
	guest->dying = true;
	CU_ASSERT_TRUE(refuses(SIZE, -ESRCH));
	guest->dying = false;
	guest->vcpu[0] = NULL;
	CU_ASSERT_EQUAL(set(SIZE), -ESRCH);
	CU_ASSERT_EQUAL(m.states, 0);
	guest->vcpu[0] = v;
	v->initialised = true;
	op.u.hvmcontext = (struct xen_domctl_hvmcontext){ FULL, 8 };
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_gethvmcontext, 5), -EFAULT);
	sim.allocs_left = 0;
	CU_ASSERT_EQUAL(set(SIZE), -ENOMEM);
	op.u.hvmcontext = (struct xen_domctl_hvmcontext){ FULL, (u64)&c };
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_gethvmcontext, 5), -ENOMEM);
	sim.allocs_left = -1;
}

TEST(test_levers, "what dom0 may do with an HVM domain, and what it may not")
{
	static const u32 allowed[] = { XEN_DOMCTL_max_vcpus, XEN_DOMCTL_getvcpuinfo,
				       XEN_DOMCTL_getvcpuaffinity, XEN_DOMCTL_pausedomain };
	static const u32 refused[] = { XEN_DOMCTL_setvcpucontext, XEN_DOMCTL_getvcpucontext,
				       XEN_DOMCTL_resumedomain, XEN_DOMCTL_sendtrigger,
				       XEN_DOMCTL_hypercall_init, XEN_DOMCTL_set_address_size,
				       XEN_DOMCTL_shadow_op, XEN_DOMCTL_getpageframeinfo3,
				       XEN_DOMCTL_set_ext_vcpucontext, XEN_DOMCTL_setvcpuextstate };
	struct xen_domctl_createdomain *d = &op.u.createdomain;
	struct xen_sysctl s = { .cmd = XEN_SYSCTL_physinfo,
				.interface_version = XEN_SYSCTL_INTERFACE_VERSION };

	for (unsigned i = 0; i < ARRAY_SIZE(allowed); i++) {
		memset(&op, 0, sizeof(op));
		op.u.max_vcpus.max = allowed[i] == XEN_DOMCTL_max_vcpus;
		CU_ASSERT_EQUAL(domctl(allowed[i], 5), 0);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
		memset(&op, 0, sizeof(op));
		CU_ASSERT_EQUAL(domctl(refused[i], 5), -EOPNOTSUPP);
	}
	*d = (struct xen_domctl_createdomain){ .flags = HVM_FLAGS,
					     .max_vcpus = PVH_MAX_VCPUS + 1 };
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_createdomain, 30), -EOPNOTSUPP);
	d->max_vcpus = MAX_VCPUS + 1;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_createdomain, 30), -EINVAL);
	d->max_vcpus = PVH_MAX_VCPUS;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_createdomain, 30), 0);
	CU_ASSERT_TRUE(m.cfg.hvm);
	CU_ASSERT_EQUAL(do_sysctl((u64)&s), 0);
	CU_ASSERT_TRUE(s.u.physinfo.capabilities & XEN_SYSCTL_PHYSCAP_hvm);
	CU_ASSERT_TRUE(s.u.physinfo.capabilities & XEN_SYSCTL_PHYSCAP_hap);
	m.no_hvm = true;
	CU_ASSERT_EQUAL(domctl(XEN_DOMCTL_createdomain, 31), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(do_sysctl((u64)&s), 0);
	CU_ASSERT_FALSE(s.u.physinfo.capabilities &
			(XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap));
}

SUITE("hvm context", .begin = begin, .end = end)
