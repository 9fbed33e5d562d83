// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/mmu.c hypervisor/pv/leaf.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c hypervisor/pv/grant_pte.c
// sources: hypervisor/pv/shadow.c hypervisor/memory/log_dirty.c hypervisor/control/shadow_op.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
//
// Shadows of a 32-bit guest: its root has four entries, and the last GiB's L2 has slots of ours,
// the M2P's, which are reached by a shadow as well.

#include "mmu_fixture.h"
#include "suite.h"
#include "control/control.h"
#include "memory/log_dirty.h"
#include "pv/shadow.h"
#include "pv-abi/domctl.h"

#define DATA_VA 0x40201000ULL /* slot 1 at each level */
#define M2P_VA  COMPAT_VIRT_START

u8 unmapped_mode;
static mfn_t root, l2, l1, l2_top, data;
static u64 root32[4][PT_ENTRIES];

void grant_for_each_written(struct domain *d, void (*fn)(u64 mfn, void *arg), void *arg) { }

static void switch_log(bool on)
{
	static struct xen_domctl op;
	struct vcpu *v = sim_current;
	bool copyback;
	s64 r;

	memset(&op, 0, sizeof(op));
	op.u.shadow_op.op = on ? XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY : XEN_DOMCTL_SHADOW_OP_OFF;
	sim_current = dom0->vcpu[0];
	do
		r = domctl_shadow_op(guest, &op, &copyback);
	while (r == -ERESTART);
	CU_ASSERT_EQUAL(r, 0);
	sim_current = v;
	root_load(v);
}

static void begin(void)
{
	struct vcpu *v;

	fixture_begin();
	compat_m2p_l2[0] = pte_make(5, PTE_P | PTE_A | PTE_PS);
	guest->is_32bit = true;
	guest->vm_assist = VM_ASSIST_COMPAT;
	for_each_vcpu(guest, v) {
		root_fill(root32[v->id]);
		v->pv.root32 = root32[v->id];
	}
	root = new_frame(guest);
	l2 = new_frame(guest);
	l1 = new_frame(guest);
	l2_top = new_frame(guest);
	data = new_frame(guest);
	table_of(root)[1] = pte_make(l2, PTE_P);
	table_of(root)[3] = pte_make(l2_top, PTE_P);
	table_of(l2)[1] = pte_make(l1, TABLE_FLAGS);
	table_of(l1)[1] = pte_make(data, PTE_P | PTE_RW);
	/* Not by a hypercall: its structures would be a 32-bit guest's. */
	CU_ASSERT_EQUAL(pv_new_guest_cr3(sim_current, root), 0);
	switch_log(true);
}

static void end(void)
{
	CU_ASSERT_EQUAL(audit(), 0);
	switch_log(false);
	log_dirty_destroy(guest);
	/* A CPU that runs it is on its L4, of which the fixture has none. */
	sim_cpu->cr3_mfn = va_to_mfn(idle_l4);
	fixture_end();
	compat_m2p_l2[0] = 0;
}

static bool fault(vaddr_t va, u32 ec)
{
	return shadow_fault(va, &ec, true);
}

/* What the CPU finds, from the four entries down: the leaf, or the M2P's large page, or 0. */
static u64 seen(vaddr_t va)
{
	mfn_t table = sim_cpu->cr3_mfn;
	u64 e = 0;

	for (unsigned level = 3; level; level--) {
		e = table_of(table)[pt_slot(va, level)];
		if (!(e & PTE_P) || (e & PTE_PS))
			break;
		table = pte_mfn(e);
	}
	return e & PTE_P ? e : 0;
}

TEST(test_own, "its own pages")
{
	CU_ASSERT_FALSE(seen(DATA_VA));
	CU_ASSERT_TRUE(fault(DATA_VA, 0));
	CU_ASSERT_EQUAL(pte_mfn(seen(DATA_VA)), data);
	CU_ASSERT_FALSE(seen(DATA_VA) & PTE_RW);
	CU_ASSERT_TRUE(fault(DATA_VA, PF_WRITE | PF_PRESENT));
	CU_ASSERT_TRUE(seen(DATA_VA) & PTE_RW);
	CU_ASSERT_TRUE(log_dirty_marked(guest, data));
	/* Beyond its 4 GiB there is nothing. */
	CU_ASSERT_FALSE(fault(DATA_VA + BIT(32), 0));
}

/*
 * Two of its vCPUs miss the same way to the M2P at once. The first to come fills it; the other
 * finds it complete and goes on, too: a fault that the tables do not show is none of the guest's.
 */
TEST(test_m2p, "the way to the M2P, missed twice")
{
	CU_ASSERT_FALSE(seen(M2P_VA));
	CU_ASSERT_TRUE(fault(M2P_VA, 0));
	CU_ASSERT_EQUAL(seen(M2P_VA), compat_m2p_l2[0]);
	CU_ASSERT_TRUE(fault(M2P_VA, 0));
	CU_ASSERT_EQUAL(seen(M2P_VA), compat_m2p_l2[0]);
}

/* Read by its kernel, and nothing else: what it must not do is its own fault, and told rightly. */
TEST(test_m2p_refused, "the M2P is no more than read")
{
	for (unsigned k = 0; k < 2; k++) {
		u32 ec = PF_WRITE;

		CU_ASSERT_FALSE(shadow_fault(M2P_VA, &ec, true));
		CU_ASSERT_EQUAL(ec, PF_WRITE | PF_PRESENT);
		CU_ASSERT_FALSE(fault(M2P_VA, PF_USER));
		CU_ASSERT_FALSE(fault(M2P_VA, PF_FETCH));
		/* An entry of ours that there is not. */
		CU_ASSERT_FALSE(fault(M2P_VA + 0x200000, 0));
		CU_ASSERT_TRUE(fault(M2P_VA, 0));
	}
}

SUITE("shadows of 32-bit guests", .init = fixture_init, .begin = begin, .end = end)
