/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_UNIT_MMU_FIXTURE_H
#define ANNULUS_TESTS_UNIT_MMU_FIXTURE_H

/*
 * For tests of the real frame and page-type code (included once, by the test's only file): the
 * frame heap, references and types, the MMU hypercalls and the audit are the hypervisor's; the
 * fixture stands in for roots, TLBs and domain lists. After every test the audit must be clean and
 * every frame back in the heap: fixture_end() checks both.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#include "cpu/cpu.h"
#include "cpu/tlb.h"
#include "control/audit.h"
#include "domain/continuation.h"
#include "memory/heap.h"
#include "cpu/layout.h"
#include "memory/paging.h"
#include "pv/mmu.h"
#include "pv/pagetype.h"
#include "cpu/pte.h"
#include "pv-abi/errno.h"

void root_fill(u64 *l4);
void root_load(struct vcpu *v);
void root_copies_forget(void);
bool root_slot_is_ours(unsigned slot);
u64 *idle_root(void);
void desc_tables_load(struct vcpu *v);

struct domain *dom0, *dom_hv, *dom_io, *dom_idle;
struct range_set mmio_ro_ranges;
static struct domain *guest, *other;
static u64 *idle_l4;
static __attribute__((unused)) unsigned roots_loaded, windows_loaded;
static u64 frames_at_start;

/* ---- roots ---- */

void root_fill(u64 *l4)
{
	memcpy(l4 + HV_SLOT_FIRST, idle_l4 + HV_SLOT_FIRST,
	       (HV_SLOT_LAST - HV_SLOT_FIRST + 1) * sizeof(u64));
}

void root_fill_compat(u64 *l2)
{
	memcpy(l2 + COMPAT_L2_FIRST, compat_m2p_l2, sizeof(compat_m2p_l2));
	memset(l2 + COMPAT_L2_FIRST + COMPAT_M2P_L2S, 0,
	       (PT_ENTRIES - COMPAT_L2_FIRST - COMPAT_M2P_L2S) * sizeof(u64));
}

void root_set_compat(struct vcpu *v)
{
	v->pv.root32[0] = v->pv.cr3_kernel == INVALID_MFN ? 0 :
			  pte_make(v->pv.cr3_kernel, PTE_P | PTE_RW | PTE_US | PTE_A);
}

#ifndef FIXTURE_OWN_ROOT_LOAD
void root_copies_forget(void) { }

void root_load(struct vcpu *v)
{
	roots_loaded++;
	sim_cpu->cr3_mfn = v->pv.cr3_kernel;
}
#endif

u64 *idle_root(void) { return idle_l4; }
void desc_tables_load(struct vcpu *v) { windows_loaded++; }

/* ---- TLBs: a flush empties nothing but ticks and is remembered ---- */

static cpumask_t flushed; /* since the test cleared it */

/* What else a flush does where somebody keeps account of the TLBs. */
static void (*tlb_flush_hook)(cpumask_t mask);

void tlb_flush(cpumask_t mask, unsigned flags)
{
	unsigned c;

	if (tlb_flush_hook)
		tlb_flush_hook(mask);
	if (!local_irq_enabled())
		abort();
	atomic_or(&flushed, mask);
	for_each_cpu_in(c, mask)
		atomic_set(&cpus[c].tlb_stamp, tlb_tick());
}

/* ---- hypercalls: continued at once ---- */

static __thread struct {
	bool wanted;
	unsigned op;
	u64 args[6];
} continuation;
static unsigned continued; /* how often, in all */

s64 hypercall_continue(unsigned op, unsigned nargs, ...)
{
	va_list ap;

	continuation.wanted = true;
	continuation.op = op;
	va_start(ap, nargs);
	for (unsigned i = 0; i < nargs; i++)
		continuation.args[i] = va_arg(ap, u64);
	va_end(ap);
	continued++;
	return SIM_CONTINUED;
}

static s64 finish(s64 r)
{
	u64 *a = continuation.args;

	while (continuation.wanted) {
		continuation.wanted = false;
		switch (continuation.op) {
		case __HYPERVISOR_mmu_update:
			r = do_mmu_update(a[0], a[1], a[2], a[3]);
			break;
		case __HYPERVISOR_mmuext_op:
			r = do_mmuext_op(a[0], a[1], a[2], a[3]);
			break;
		case __HYPERVISOR_update_va_mapping:
			r = do_update_va_mapping(a[0], a[1], a[2]);
			break;
		case __HYPERVISOR_update_va_mapping_otherdomain:
			r = do_update_va_mapping_otherdomain(a[0], a[1], a[2], a[3]);
			break;
		default:
			CU_FAIL_FATAL("continuation of another hypercall");
		}
	}
	return r;
}

static __attribute__((unused)) s64 mmu_update(u64 ptr, u64 val)
{
	struct mmu_update req = { ptr, val };

	return finish(do_mmu_update((u64)&req, 1, 0, DOMID_SELF));
}

static __attribute__((unused)) s64 mmuext(unsigned cmd, u64 arg1, u64 arg2)
{
	struct mmuext_op op = { .cmd = cmd };

	op.arg1.mfn = arg1;
	op.arg2.src_mfn = arg2;
	return finish(do_mmuext_op((u64)&op, 1, 0, DOMID_SELF));
}

/* ---- domains ---- */

struct domain *domain_get_next(unsigned id)
{
	struct domain *const all[] = { dom0, guest, other };
	struct domain *best = NULL;

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i] && all[i]->id >= id && (!best || all[i]->id < best->id))
			best = all[i];
	if (best)
		domain_hold(best);
	return best;
}

void domain_pause(struct domain *d) { d->pause_count++; }
void domain_unpause(struct domain *d) { d->pause_count--; }
void event_for_each_frame(struct domain *d, void (*fn)(u64 mfn, void *arg), void *arg) { }

#ifndef FIXTURE_OWN_GRANTS
/* What `other` has mapped by grants. */
static struct {
	mfn_t mfn;
	bool writable;
} grants[64];
static unsigned nr_grants;

void grant_for_each_mapping(struct domain *d, void (*fn)(mfn_t mfn, bool writable, void *arg),
			    void *arg)
{
	for (unsigned i = 0; d == other && i < nr_grants; i++)
		fn(grants[i].mfn, grants[i].writable, arg);
}
#endif

/* What else has to go before the last frames are counted. */
static void (*fixture_gone)(void);

static u64 audit(void)
{
	return audit_check(idle_l4);
}

static struct domain *fixture_domain(domid_t id, unsigned vcpus, bool privileged)
{
	struct domain *d = sim_domain(id, vcpus, privileged);

	permissions_init(&d->perms);
	for (unsigned i = 0; i < vcpus; i++) {
		d->vcpu[i]->pv.guest_table = d->vcpu[i]->pv.guest_table_user = INVALID_MFN;
		d->vcpu[i]->pv.cr3_kernel = d->vcpu[i]->pv.cr3_user = INVALID_MFN;
		d->vcpu[i]->pv.kernel_mode = true;
	}
	d->dirty_cpus = 1;
	return d;
}

/* The first frames are the simulated machine's, the rest is the real heap's. */
#ifndef HEAP_FIRST
#define HEAP_FIRST 1024ULL
#endif

static void fixture_init(void)
{
	sim_reset();
	max_mfn = SIM_FRAMES;
	heap_add_range(HEAP_FIRST << PAGE_SHIFT, (u64)SIM_FRAMES << PAGE_SHIFT);
	dom_hv = fixture_domain(DOMID_XEN, 0, false);
	dom_io = fixture_domain(DOMID_IO, 0, false);
	dom0 = fixture_domain(0, 1, true);
	idle_l4 = page_alloc(ALLOC_PAGING);
	for (unsigned i = HV_SLOT_FIRST; i <= HV_SLOT_LAST; i++)
		idle_l4[i] = 0xabc000 + i * PAGE_SIZE + 3;
	range_set_init(&mmio_ro_ranges);
}

static void fixture_begin(void)
{
	guest = fixture_domain(7, 4, false);
	other = fixture_domain(8, 1, false);
	for (unsigned c = 0; c < NR_CPUS; c++)
		cpus[c].cr3_mfn = va_to_mfn(idle_l4);
	sim_current = guest->vcpu[0];
	sim_cpu = &cpus[0];
#ifndef FIXTURE_OWN_GRANTS
	nr_grants = 0;
#endif
	frames_at_start = heap_free_frames();
}

static void kill_domain(struct domain *d)
{
	int r;

	sim_current = dom0->vcpu[0];
	sim_cpu->cr3_mfn = va_to_mfn(idle_l4);
	d->dying = true;
	do {
		r = pv_relinquish_tables(d);
	} while (r == -ERESTART);
	CU_ASSERT_EQUAL(r, 0);
	do {
		r = domain_relinquish_memory(d);
	} while (r == -ERESTART);
	CU_ASSERT_EQUAL(r, 0);
}

static void fixture_end(void)
{
	sim.preempt_after = 0;
	CU_ASSERT_EQUAL(audit(), 0);
	kill_domain(other);
	kill_domain(guest);
	if (fixture_gone)
		fixture_gone();
	CU_ASSERT_EQUAL(audit(), 0);
	CU_ASSERT_EQUAL(guest->tot_pages, 0);
	CU_ASSERT_EQUAL(other->tot_pages, 0);
	CU_ASSERT_EQUAL(heap_free_frames(), frames_at_start);
	CU_ASSERT_EQUAL(guest->refs, 1);
	range_set_destroy(&guest->perms.iomem);
	range_set_destroy(&dom0->perms.iomem);
	sim_domain_free(guest);
	sim_domain_free(other);
	guest = other = NULL;
}

/* ---- address spaces ---- */

static __attribute__((unused)) mfn_t new_frame(struct domain *d)
{
	struct frame *f = heap_alloc_dom(d, 0, 0);

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	return frame_to_mfn(f);
}

static u64 *table_of(mfn_t mfn)
{
	return mfn_to_va(mfn);
}

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_A | PTE_D)
#define DATA_FLAGS  (PTE_P | PTE_RW | PTE_A | PTE_D)

struct space {
	mfn_t l4, l3, l2, l1, data[8];
};
#define SPACE_VA 0x0000008040201000ULL /* slot 1 at every level */

/*
 * One table of each level, `n` data pages from slot 1 of the L1 on; nothing typed yet, the guest
 * wrote it all itself.
 */
static __attribute__((unused)) void build_space(struct domain *d, struct space *s, unsigned n)
{
	s->l4 = new_frame(d);
	s->l3 = new_frame(d);
	s->l2 = new_frame(d);
	s->l1 = new_frame(d);
	table_of(s->l4)[1] = pte_make(s->l3, TABLE_FLAGS);
	table_of(s->l3)[1] = pte_make(s->l2, TABLE_FLAGS);
	table_of(s->l2)[1] = pte_make(s->l1, TABLE_FLAGS);
	for (unsigned i = 0; i < n; i++) {
		s->data[i] = new_frame(d);
		table_of(s->l1)[1 + i] = pte_make(s->data[i], DATA_FLAGS);
	}
}

static __attribute__((unused)) u64 type_of(mfn_t mfn)
{
	return mfn_to_frame(mfn)->type & FT_TYPE_MASK;
}

static __attribute__((unused)) u64 type_count(mfn_t mfn)
{
	return mfn_to_frame(mfn)->type & FT_COUNT_MASK;
}

static __attribute__((unused)) u64 refs_of(mfn_t mfn)
{
	return mfn_to_frame(mfn)->count & FC_COUNT_MASK;
}

#endif
