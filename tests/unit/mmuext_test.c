// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/mmu.c hypervisor/pv/leaf.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
// libs: -lpthread
//
// MMU operations one by one: which CPUs forget what, what is copied and cleared, what comes of a
// list that is interrupted or goes wrong half-way, and the audit's messages about each invariant.

#include <pthread.h>
#include <sched.h>

#include "mmu_fixture.h"
#include "suite.h"

#include "pv/descriptor_page.h"

static struct {
	cpumask_t cpus;
	vaddr_t va;
	unsigned n;
} by_va; /* flushes of single pages */

void tlb_flush_va(cpumask_t mask, vaddr_t va, unsigned order)
{
	by_va.cpus |= mask;
	by_va.va = va;
	by_va.n++;
}

void tlb_flush_va_local(vaddr_t va) { tlb_flush_va(CPU_MASK(sim_cpu->id), va, 0); }

static void four_cpus(void)
{
	cpus_online = 15;
	nr_cpus = 4;
	guest->dirty_cpus = 15;
	for (unsigned i = 0; i < 4; i++)
		guest->vcpu[i]->cpu = i;
}

static void one_cpu(void)
{
	cpus_online = 1;
	nr_cpus = 1;
	guest->dirty_cpus = 1;
}

static s64 va_mapping(u64 val, u64 flags)
{
	flushed = 0;
	memset(&by_va, 0, sizeof(by_va));
	return finish(do_update_va_mapping(SPACE_VA, val, flags));
}

TEST(test_va_flush, "update_va_mapping and TLBs")
{
	u64 some = 0xa, full = PTE_P | PTE_RW;
	struct space s;

	four_cpus();
	build_space(guest, &s, 2);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	CU_ASSERT_EQUAL(va_mapping(pte_make(s.data[1], full), UVMF_NONE), 0);
	CU_ASSERT_TRUE(flushed == 0 && by_va.n == 0);
	CU_ASSERT_EQUAL(va_mapping(pte_make(s.data[0], full), UVMF_INVLPG | UVMF_ALL), 0);
	CU_ASSERT_TRUE(by_va.n == 1 && by_va.cpus == 15 && by_va.va == SPACE_VA && flushed == 0);
	CU_ASSERT_EQUAL(va_mapping(pte_make(s.data[1], full), UVMF_INVLPG | UVMF_LOCAL), 0);
	CU_ASSERT_TRUE(by_va.n == 1 && by_va.cpus == 1);
	CU_ASSERT_EQUAL(va_mapping(pte_make(s.data[0], full), UVMF_INVLPG | (u64)&some), 0);
	CU_ASSERT_TRUE(by_va.n == 1 && by_va.cpus == 10);
	CU_ASSERT_EQUAL(va_mapping(pte_make(s.data[1], full), UVMF_TLB_FLUSH | UVMF_LOCAL), 0);
	CU_ASSERT_TRUE(flushed == 1 && by_va.n == 0);
	CU_ASSERT_EQUAL(va_mapping(pte_make(s.data[0], full), UVMF_TLB_FLUSH | (u64)&some), 0);
	CU_ASSERT_EQUAL(flushed, 10);
	CU_ASSERT_EQUAL(va_mapping(0, UVMF_TLB_FLUSH | UVMF_ALL), 0);
	CU_ASSERT_EQUAL(flushed, 15);
	/* What is refused flushes nothing. */
	CU_ASSERT_EQUAL(va_mapping(pte_make(s.l2, full), UVMF_TLB_FLUSH | UVMF_ALL), -EINVAL);
	CU_ASSERT_EQUAL(flushed, 0);
	one_cpu();
}

TEST(test_other_domain, "another domain's frames")
{
	struct space s;
	mfn_t theirs;

	build_space(guest, &s, 2);
	theirs = new_frame(other);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_NEW_BASEPTR, s.l4, 0), 0);
	CU_ASSERT_EQUAL(
		finish(do_update_va_mapping_otherdomain(SPACE_VA, pte_make(theirs, PTE_P), 0, 8)),
		-EPERM);
	CU_ASSERT_EQUAL(finish(do_update_va_mapping_otherdomain(
				SPACE_VA, pte_make(s.data[1], PTE_P), 0, DOMID_SELF)),
			0);
	guest->privileged = true;
	CU_ASSERT_EQUAL(
		finish(do_update_va_mapping_otherdomain(SPACE_VA, pte_make(theirs, PTE_P), 0, 8)),
		0);
	CU_ASSERT_EQUAL(refs_of(theirs), 2);
	CU_ASSERT_EQUAL(
		finish(do_update_va_mapping_otherdomain(SPACE_VA, pte_make(theirs, PTE_P), 0, 77)),
		-ESRCH);
	CU_ASSERT_EQUAL(va_mapping(0, 0), 0);
	CU_ASSERT_EQUAL(refs_of(theirs), 1);
	guest->privileged = false;
}

/*
 * A writable mapping goes after the frame's last type did: its translations are younger than that
 * type's.
 */
TEST(test_stamp, "when a frame was last writable")
{
	mfn_t mfn;

	four_cpus();
	mfn = new_frame(guest);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, mfn, 0), 0);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, mfn, 0), 0);
	tlb_flush(15, 0);
	CU_ASSERT_EQUAL(frame_get_type(mfn_to_frame(mfn), FT_WRITABLE), 0);
	frame_put_type(mfn_to_frame(mfn));
	flushed = 0;
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, mfn, 0), 0);
	CU_ASSERT_EQUAL(flushed, 15);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, mfn, 0), 0);
	/* The same once more, with two CPUs that flushed meanwhile. */
	CU_ASSERT_EQUAL(frame_get_type(mfn_to_frame(mfn), FT_WRITABLE), 0);
	frame_put_type(mfn_to_frame(mfn));
	tlb_flush(6, 0);
	flushed = 0;
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, mfn, 0), 0);
	CU_ASSERT_EQUAL(flushed, 9);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, mfn, 0), 0);
	one_cpu();
}

static s64 one_op(unsigned cmd, u64 a, u64 b)
{
	flushed = 0;
	memset(&by_va, 0, sizeof(by_va));
	return mmuext(cmd, a, b);
}

TEST(test_flushes, "flushes")
{
	struct mmuext_op op[20] = { { 0 } };
	u64 mask = 6;
	u32 done = 0;

	four_cpus();
	CU_ASSERT_EQUAL(one_op(MMUEXT_INVLPG_LOCAL, 0x5000, 0), 0);
	CU_ASSERT_TRUE(by_va.cpus == 1 && by_va.va == 0x5000 && flushed == 0);
	CU_ASSERT_EQUAL(one_op(MMUEXT_INVLPG_ALL, 0x6000, 0), 0);
	CU_ASSERT_TRUE(by_va.cpus == 15 && by_va.va == 0x6000);
	CU_ASSERT_EQUAL(one_op(MMUEXT_INVLPG_MULTI, 0x7000, (u64)&mask), 0);
	CU_ASSERT_TRUE(by_va.cpus == 6 && by_va.va == 0x7000);
	CU_ASSERT_EQUAL(one_op(MMUEXT_INVLPG_MULTI, 0x7000, 8), -EFAULT);
	CU_ASSERT_EQUAL(by_va.n, 0);
	/* Of many pages a list makes one flush of everything. */
	for (unsigned i = 0; i < 20; i++) {
		op[i].cmd = MMUEXT_INVLPG_ALL;
		op[i].arg1.linear_addr = i << PAGE_SHIFT;
	}
	memset(&by_va, 0, sizeof(by_va));
	flushed = 0;
	CU_ASSERT_EQUAL(finish(do_mmuext_op((u64)op, 20, (u64)&done, DOMID_SELF)), 0);
	CU_ASSERT_TRUE(flushed == 15 || by_va.n == 20);
	CU_ASSERT_EQUAL(done, 20);
	/* What was asked for before the one that fails is done. */
	op[0].cmd = MMUEXT_TLB_FLUSH_ALL;
	op[1].cmd = 99;
	flushed = 0;
	CU_ASSERT_EQUAL(do_mmuext_op((u64)op, 3, (u64)&done, DOMID_SELF), -ENOSYS);
	CU_ASSERT_TRUE(flushed == 15 && done == 1);
	/* Interrupted: flushed, and the rest later */
	op[1].cmd = MMUEXT_TLB_FLUSH_LOCAL;
	done = 0;
	flushed = 0;
	sim.preempt_after = 1;
	CU_ASSERT_EQUAL(do_mmuext_op((u64)op, 2, (u64)&done, DOMID_SELF), SIM_CONTINUED);
	CU_ASSERT_TRUE(flushed == 15 && done == 1);
	CU_ASSERT_EQUAL(finish(SIM_CONTINUED), 0);
	CU_ASSERT_EQUAL(done, 2);
	CU_ASSERT_EQUAL(do_mmuext_op((u64)op, 1, 8, DOMID_SELF), -EFAULT);
	CU_ASSERT_EQUAL(do_mmuext_op(8, 1, 0, DOMID_SELF), -EFAULT);
	CU_ASSERT_EQUAL(do_mmuext_op((u64)op, 1, 0, 8), -EPERM);
	CU_ASSERT_EQUAL(do_mmuext_op((u64)op, 0x80000001, 8, DOMID_SELF), -EFAULT);
	one_cpu();
}

static unsigned everywhere; /* calls to all CPUs */

void on_cpus(cpumask_t mask, void (*fn)(void *), void *arg)
{
	everywhere += mask == cpus_online;
	fn(arg);
}

TEST(test_caches, "caches")
{
	CU_ASSERT_EQUAL(mmuext(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0), -EACCES);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_FLUSH_CACHE, 0, 0), -EACCES);
	CU_ASSERT_EQUAL(sim.wbinvds, 0);
	CU_ASSERT_EQUAL(range_set_add(&guest->perms.iomem, 0xfee00, 0xfee00), 0);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_FLUSH_CACHE, 0, 0), 0);
	CU_ASSERT_EQUAL(sim.wbinvds, 1);
	/* Everybody's are for the privileged: it stops all CPUs. */
	everywhere = 0;
	CU_ASSERT_EQUAL(mmuext(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0), 0);
	CU_ASSERT_TRUE(sim.wbinvds == 2 && everywhere == 0);
	guest->privileged = true;
	CU_ASSERT_EQUAL(mmuext(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0), 0);
	CU_ASSERT_TRUE(sim.wbinvds == 3 && everywhere == 1);
	guest->privileged = false;
}

TEST(test_copy, "copying and clearing")
{
	mfn_t a, b, theirs, table;

	a = new_frame(guest);
	b = new_frame(guest);
	theirs = new_frame(other);
	table = new_frame(guest);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, table, 0), 0);
	memset(mfn_to_va(a), 0x5a, PAGE_SIZE);
	memset(mfn_to_va(theirs), 0x77, PAGE_SIZE);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_COPY_PAGE, b, a), 0);
	CU_ASSERT_EQUAL(memcmp(mfn_to_va(a), mfn_to_va(b), PAGE_SIZE), 0);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_COPY_PAGE, a, table), 0); /* a table may be read */
	CU_ASSERT_EQUAL(table_of(a)[511], 0);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_COPY_PAGE, table, b), -EINVAL);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_CLEAR_PAGE, table, 0), -EINVAL);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_COPY_PAGE, b, theirs), -EINVAL);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_COPY_PAGE, theirs, b), -EINVAL);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_COPY_PAGE, b, INVALID_MFN), -EINVAL);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_COPY_PAGE, INVALID_MFN, b), -EINVAL);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_CLEAR_PAGE, SIM_FRAMES, 0), -EINVAL);
	CU_ASSERT_EQUAL(((u8 *)mfn_to_va(b))[0], 0x5a);
	CU_ASSERT_EQUAL(((u8 *)mfn_to_va(theirs))[0], 0x77);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_CLEAR_PAGE, b, 0), 0);
	CU_ASSERT_EQUAL(((u8 *)mfn_to_va(b))[4095], 0);
	CU_ASSERT_EQUAL(refs_of(a), 1);
	CU_ASSERT_EQUAL(refs_of(b), 1);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, theirs, 0), -EINVAL);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, theirs, 0), -EINVAL);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, table, 0), 0);
}

/* ---- a frame that changes hands while somebody reaches for it ---- */

static struct {
	struct frame *f;
	bool done;
	unsigned got, wrong;
} hands;

static void *reach(void *arg)
{
	sim_cpu = &cpus[1];
	while (!__atomic_load_n(&hands.done, __ATOMIC_ACQUIRE)) {
		if (!frame_get(hands.f, guest))
			continue;
		hands.got++;
		/* Nobody can take it away now. */
		if (frame_owner(hands.f) != guest)
			hands.wrong++;
		frame_put(hands.f);
	}
	return NULL;
}

TEST(test_changing_hands, "a frame changes hands")
{
	struct domain *from, *to;
	unsigned moved = 0;
	pthread_t thread;

	(void)new_frame(guest);
	(void)new_frame(other);
	memset(&hands, 0, sizeof(hands));
	hands.f = mfn_to_frame(new_frame(guest));
	from = guest;
	to = other;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, reach, NULL), 0);
	while (moved < 20000) {
		int r = frame_steal(from, hands.f);

		if (r == -EBUSY) {
			sched_yield(); /* it is being held */
			continue;
		}
		CU_ASSERT_EQUAL_FATAL(r, 0);
		CU_ASSERT_EQUAL_FATAL(heap_assign(to, hands.f, 0), 0);
		from = to;
		to = from == guest ? other : guest;
		moved++;
	}
	__atomic_store_n(&hands.done, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(hands.wrong, 0);
}

/* ---- descriptor tables by hypercall ---- */

TEST(test_gdt, "GDT")
{
	u64 frames[15];
	struct vcpu *v;

	v = guest->vcpu[0];
	for (unsigned i = 0; i < 15; i++)
		frames[i] = new_frame(guest);
	CU_ASSERT_EQUAL(do_set_gdt((u64)frames, 14 * 512), 0);
	CU_ASSERT_TRUE(v->pv.gdt_entries == 14 * 512 && v->pv.gdt_frames[13] == frames[13]);
	CU_ASSERT_EQUAL(type_of(frames[13]), FT_SEGDESC);
	/* One more would be ours, and lies on a frame of its own. */
	CU_ASSERT_EQUAL(do_set_gdt((u64)frames, 14 * 512 + 1), -EINVAL);
	CU_ASSERT_EQUAL(pv_set_gdt(v, frames, 14 * 512 + 1), -EINVAL);
	CU_ASSERT_EQUAL(pv_set_gdt(v, frames, ~0U), -EINVAL);
	CU_ASSERT_EQUAL(do_set_gdt((u64)frames, BIT(32)), -EINVAL);
	CU_ASSERT_EQUAL(refs_of(frames[14]), 1);
	CU_ASSERT_EQUAL(do_set_gdt(8, 512), -EFAULT);
	CU_ASSERT_EQUAL(v->pv.gdt_entries, 14 * 512);
	/* A frame that is another type, after some that are good: those are given back. */
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L1_TABLE, frames[14], 0), 0);
	CU_ASSERT_EQUAL(do_set_gdt((u64)&frames[13], 513), -EINVAL);
	CU_ASSERT_EQUAL(type_count(frames[13]), 1);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, frames[14], 0), 0);
	CU_ASSERT_EQUAL(do_set_gdt((u64)&frames[14], 1), 0);
	CU_ASSERT_EQUAL(type_count(frames[0]), 0);
	CU_ASSERT_EQUAL(refs_of(frames[0]), 1);
	/* Into a page that nobody uses as descriptors, and one that is somebody's */
	CU_ASSERT_EQUAL(do_update_descriptor(frames[0] << PAGE_SHIFT, 0x00cf9a000000ffffULL), 0);
	CU_ASSERT_EQUAL(table_of(frames[0])[0], 0x00cffa000000ffffULL);
	CU_ASSERT_EQUAL(do_update_descriptor(new_frame(other) << PAGE_SHIFT, 0), -EINVAL);
	CU_ASSERT_EQUAL(do_set_gdt(0x1000, 0), 0);
	CU_ASSERT_EQUAL(type_count(frames[14]), 0);
}

/* ---- what the audit says, invariant by invariant ---- */

TEST(test_audit, "the audit")
{
	struct space s;
	struct frame *f;
	u64 was;

	build_space(guest, &s, 2);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	CU_ASSERT_EQUAL(audit(), 0);
	/* Counts: one too many, one too few */
	f = mfn_to_frame(s.data[0]);
	f->count++;
	CU_ASSERT_TRUE(audit() > 0);
	f->count--;
	f->type++;
	CU_ASSERT_TRUE(audit() > 0);
	f->type--;
	mfn_to_frame(s.l2)->type--;
	CU_ASSERT_TRUE(audit() > 0);
	mfn_to_frame(s.l2)->type++;
	/* A table that is mapped writable */
	was = table_of(s.l1)[1];
	table_of(s.l1)[1] = pte_make(s.l1, DATA_FLAGS);
	CU_ASSERT_TRUE(audit() > 0);
	/* A frame of somebody else's, and one that does not exist */
	table_of(s.l1)[1] = pte_make(new_frame(other), DATA_FLAGS);
	CU_ASSERT_TRUE(audit() > 0);
	table_of(s.l1)[1] = pte_make(SIM_FRAMES + 5, DATA_FLAGS);
	CU_ASSERT_TRUE(audit() > 0);
	table_of(s.l1)[1] = was;
	/* A slot of ours */
	was = table_of(s.l4)[HV_SLOT_FIRST + 2];
	table_of(s.l4)[HV_SLOT_FIRST + 2] = 0;
	CU_ASSERT_TRUE(audit() > 0);
	table_of(s.l4)[HV_SLOT_FIRST + 2] = was;
	/* An L2 entry that maps 2 MiB */
	was = table_of(s.l2)[1];
	table_of(s.l2)[1] |= PTE_PS;
	CU_ASSERT_TRUE(audit() > 0);
	table_of(s.l2)[1] = was;
	/* An owner that is not the domain whose list it is on, a total that is wrong */
	guest->tot_pages++;
	CU_ASSERT_TRUE(audit() > 0);
	guest->tot_pages--;
	CU_ASSERT_EQUAL(audit(), 0);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, s.l4, 0), 0);
}

TEST(test_audit_m2p, "the audit: frames of the M2Ps, which are the hypervisor's own domain's")
{
	struct frame *f;
	struct space s;

	build_space(guest, &s, 2);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_PIN_L4_TABLE, s.l4, 0), 0);
	f = mfn_to_frame(new_frame(dom_hv));
	CU_ASSERT_EQUAL(audit(), 0);
	/* To read, every reference counted: wrong for want of privilege alone. */
	table_of(s.l1)[5] = pte_make(frame_to_mfn(f), DATA_FLAGS & ~(u64)PTE_RW);
	f->count++;
	CU_ASSERT_EQUAL(audit(), 1);
	guest->privileged = true;
	CU_ASSERT_EQUAL(audit(), 0);
	/* To write, it is wrong with privilege as well. */
	table_of(s.l1)[5] |= PTE_RW;
	f->type++;
	CU_ASSERT_EQUAL(audit(), 1);
	table_of(s.l1)[5] &= ~(u64)PTE_RW;
	f->type--;
	guest->privileged = false;
	/* What a domain left behind that has ended is its mappers' still. */
	f->count |= FC_DOOMED;
	CU_ASSERT_EQUAL(audit(), 0);
	f->count &= ~FC_DOOMED;
	table_of(s.l1)[5] = 0;
	f->count--;
	CU_ASSERT_TRUE(frame_get(f, dom_hv));
	frame_release(f);
	frame_put(f);
	CU_ASSERT_EQUAL(audit(), 0);
	CU_ASSERT_EQUAL(mmuext(MMUEXT_UNPIN_TABLE, s.l4, 0), 0);
}

SUITE("mmuext", .init = fixture_init, .begin = fixture_begin, .end = fixture_end)
