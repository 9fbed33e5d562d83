// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/pv/root.c hypervisor/cpu/root_copies.c tests/unit/sim/sim.c
//
// What goes into CR3: for every state of a vCPU's roots, in either mode and by every way to load
// one, the register ends up with a frame that is memory, and a vCPU that has none for its mode is
// told apart so that its domain ends before it runs.

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <string.h>

#include "sim/sim.h"

#include "cpu/cpu.h"
#include "cpu/entry_area.h"
#include "cpu/layout.h"
#include "cpu/pte.h"
#include "cpu/root_copies.h"
#include "cpu/tlb.h"
#include "memory/paging.h"
#include "pv-abi/errno.h"
#include "pv/pv.h"
#include "pv/root.h"
#include "suite.h"

#define IDLE 900

static struct entry_info info;
static unsigned raised, flushes;
static struct domain *d;
static struct vcpu *v;

u64 *idle_root(void) { return mfn_to_va(IDLE); }
paddr_t idle_root_paddr(void) { return IDLE << PAGE_SHIFT; }
void softirq_raise(enum softirq n)
{
	CU_ASSERT_EQUAL(n, SOFTIRQ_SCHEDULE);
	raised++;
}
void tlb_flush_local(unsigned flags) { flushes++; }

static void begin(void)
{
	sim_reset();
	d = sim_domain(1, 1, false);
	v = d->vcpu[0];
	sim_current = v;
	sim_cpu = &cpus[0];
	sim_cpu->cr3_mfn = IDLE;
	sim_cpu->entry_info = &info;
	sim_cpu->unmapped = 0;
	memset(&info, 0, sizeof(info));
	cpu_features.pge = true;
	raised = flushes = 0;
	v->pv = (struct pv_vcpu){
		.kernel_mode = true, .cr3_kernel = INVALID_MFN, .cr3_user = INVALID_MFN,
	};
	for (unsigned i = 0; i < 3; i++)
		sim_cpu->root_copies[i] = (struct root_copy){ 910 + i, INVALID_MFN };
}

static void end(void)
{
	cpu_features.pge = false;
	sim_reset();
}

static void expect(mfn_t mfn)
{
	CU_ASSERT_EQUAL(sim.cr3, mfn << PAGE_SHIFT);
	CU_ASSERT_EQUAL(sim_cpu->cr3_mfn, mfn);
	/* The idle root is loaded on purpose too; the vCPU is asked when it was not. */
	CU_ASSERT_EQUAL(root_missing(sim_cpu), raised != 0);
	if (sim_cpu->unmapped)
		CU_ASSERT_EQUAL(info.hv_cr3, mfn << PAGE_SHIFT);
}

/* What the vCPU runs on now is none. */
static void load_none(void)
{
	raised = 0;
	root_load(v);
	expect(IDLE);
	CU_ASSERT_EQUAL(raised, 1);
}

/* Frame numbers that are none: CR3 cannot hold the first ones, and no memory is there. */
static const mfn_t none[] = { INVALID_MFN, INVALID_MFN >> PAGE_SHIFT, BIT(40), BIT(52) - 1,
			      SIM_FRAMES };

TEST(test_load, "roots of both modes")
{
	static const mfn_t some[] = { 1, 500, SIM_FRAMES - 1 };

	for (unsigned mode = 0; mode < 4; mode++) {
		sim_cpu->unmapped = mode & 1;
		v->pv.kernel_mode = mode & 2;
		for (unsigned i = 0; i < ARRAY_SIZE(some); i++) {
			mfn_t own = some[i], else_ = 600;

			v->pv.cr3_kernel = v->pv.kernel_mode ? own : else_;
			v->pv.cr3_user = v->pv.kernel_mode ? else_ : own;
			raised = flushes = 0;
			root_load(v);
			expect(own);
			CU_ASSERT_EQUAL(raised, 0);
			CU_ASSERT_EQUAL(flushes, 1); /* global pages of who was there before */
		}
	}
	/* A user root is no must while the kernel runs. */
	v->pv.kernel_mode = true;
	v->pv.cr3_kernel = 500;
	v->pv.cr3_user = INVALID_MFN;
	root_load(v);
	expect(500);
	root_load_idle();
	expect(IDLE);
	CU_ASSERT_EQUAL(raised, 0);
}

TEST(test_none, "no root")
{
	for (unsigned u = 0; u < 2; u++)
		for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
			sim_cpu->unmapped = u;
			/* kernel mode without a root, whatever there is for user mode */
			v->pv.kernel_mode = true;
			v->pv.cr3_kernel = none[i];
			v->pv.cr3_user = 700;
			load_none();
			/* user mode without one */
			v->pv.kernel_mode = false;
			v->pv.cr3_kernel = 600;
			v->pv.cr3_user = none[i];
			load_none();
			/* user mode, and its first system call would find none for the kernel */
			v->pv.cr3_kernel = none[i];
			v->pv.cr3_user = 700;
			load_none();
			/* by frame, as a change of mode does */
			v->pv.cr3_kernel = 600;
			raised = 0;
			root_load(v);
			expect(700);
			raised = 0;
			root_load_mfn(none[i]);
			expect(IDLE);
			CU_ASSERT_EQUAL(raised, 1);
		}
}

/* A 32-bit guest runs on a root of ours, and what is in its slot 0 is its L3 or nothing. */
TEST(test_compat, "32-bit guests")
{
	static u64 *l4;

	l4 = mfn_to_va(800);
	v->pv.root32 = l4;
	v->pv.cr3_kernel = 600;
	root_set_compat(v);
	CU_ASSERT_EQUAL(l4[0], pte_make(600, PTE_P | PTE_RW | PTE_US | PTE_A));
	for (unsigned mode = 0; mode < 2; mode++) {
		v->pv.kernel_mode = mode;
		flushes = 0;
		root_load(v);
		expect(800);
		CU_ASSERT_EQUAL(flushes, !mode); /* the second time it was loaded already */
	}
	v->pv.cr3_kernel = INVALID_MFN;
	root_set_compat(v);
	CU_ASSERT_EQUAL(l4[0], 0);
	root_load(v);
	expect(800);
	CU_ASSERT_EQUAL(raised, 0);
	v->pv.root32 = NULL;
}

/* Unmapped mode: copies show the guest's slots of the root that is loaded, until it changes. */
TEST(test_copies, "copies")
{
	u64 *kernel = mfn_to_va(600), *user = mfn_to_va(700);

	sim_cpu->unmapped = 1;
	for (unsigned i = 0; i < 512; i++) {
		kernel[i] = 1000 + i;
		user[i] = 2000 + i;
	}
	v->pv.cr3_kernel = 600;
	v->pv.cr3_user = 700;
	root_load(v);
	CU_ASSERT_EQUAL(root_copy_of_loaded(), 911);
	CU_ASSERT_TRUE(((u64 *)mfn_to_va(911))[0] == 1000 &&
		       ((u64 *)mfn_to_va(911))[511] == 1511 &&
		       ((u64 *)mfn_to_va(911))[HV_SLOT_FIRST] == 0);
	kernel[0] = 1;
	CU_ASSERT_EQUAL(root_copy_of_loaded(), 911);
	CU_ASSERT_EQUAL(((u64 *)mfn_to_va(911))[0], 1000);
	root_copies_forget();
	CU_ASSERT_EQUAL(root_copy_of_loaded(), 911);
	CU_ASSERT_EQUAL(((u64 *)mfn_to_va(911))[0], 1);
	v->pv.kernel_mode = false;
	root_load_mfn(700);
	CU_ASSERT_EQUAL(root_copy_of_loaded(), 910);
	CU_ASSERT_EQUAL(((u64 *)mfn_to_va(910))[0], 2000);
	/* A 64-bit guest in ring 1 has one root, and a copy of its own kind. */
	d->ring1 = sim_cpu->ring1 = true;
	v->pv.cr3_user = INVALID_MFN;
	root_load(v);
	expect(600);
	CU_ASSERT_EQUAL(root_copy_of_loaded(), 912);
	CU_ASSERT_EQUAL(((u64 *)mfn_to_va(912))[0], 1);
	kernel[0] = 2;
	CU_ASSERT_EQUAL(root_copy_of_loaded(), 912);
	CU_ASSERT_EQUAL(((u64 *)mfn_to_va(912))[0], 1);
	root_copies_forget();
	CU_ASSERT_EQUAL(root_copy_of_loaded(), 912);
	CU_ASSERT_EQUAL(((u64 *)mfn_to_va(912))[0], 2);
	sim_cpu->ring1 = false;
}

/* What the hypervisor puts into tables of guests. */
TEST(test_slots, "slots of ours")
{
	u64 *ours = mfn_to_va(IDLE), *l4 = mfn_to_va(600);

	for (unsigned i = 0; i < 512; i++) {
		ours[i] = 5000 + i;
		l4[i] = i;
	}
	root_fill(l4);
	for (unsigned i = 0; i < 512; i++)
		CU_ASSERT_EQUAL(l4[i], root_slot_is_ours(i) ? 5000 + i : i);
	CU_ASSERT_TRUE(!root_slot_is_ours(255) && root_slot_is_ours(256) &&
		       root_slot_is_ours(271) && !root_slot_is_ours(272));
	memset(l4, 0xff, PAGE_SIZE);
	root_fill_compat(l4);
	CU_ASSERT_EQUAL(l4[COMPAT_L2_FIRST - 1], ~0ULL);
	for (unsigned i = COMPAT_L2_FIRST; i < 512; i++)
		CU_ASSERT_EQUAL(l4[i], i < COMPAT_L2_FIRST + COMPAT_M2P_L2S ?
				       compat_m2p_l2[i - COMPAT_L2_FIRST] : 0);
}

TEST(test_create, "the root of a 32-bit vCPU")
{
	u64 *l4;

	sim.allocs_left = 0;
	CU_ASSERT_EQUAL(root_create_compat(v), -ENOMEM);
	sim.allocs_left = -1;
	CU_ASSERT_EQUAL(root_create_compat(v), 0);
	l4 = v->pv.root32;
	CU_ASSERT_EQUAL(root_create_compat(v), 0);
	CU_ASSERT_PTR_EQUAL(v->pv.root32, l4);
	root_destroy_compat(v);
	root_destroy_compat(v);
	CU_ASSERT_PTR_NULL(v->pv.root32);
}

SUITE("root", .begin = begin, .end = end)
