// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/mmu.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
// libs: -lpthread
//
// Page types under random operations, by one CPU that is interrupted anywhere and by four that do
// whatever they like at once: the audit stays clean and every frame comes back. And the short way
// to change a leaf (pv/leaf.c) leaves exactly what the long one leaves.

#include <pthread.h>

#include "mmu_fixture.h"
#include "suite.h"
#include "pv/descriptor_page.h"

#define leaf_update leaf_update_short
#include "pv/leaf.c"
#undef leaf_update

static bool long_way;
static u64 short_done; /* how often the short way was enough */

int leaf_update(struct frame *f, struct domain *d, unsigned slot, u64 val, bool keep_ad,
		const u64 *expect)
{
	int r = long_way ? 1 : leaf_update_short(f, d, slot, val, keep_ad, expect);

	if (!r)
		atomic_add(&short_done, 1);
	return r;
}

#define POOL 40
/* Two frames that are no RAM, of which the guest was given the first one. */
#define DEVICE 0x80000
static mfn_t pool[POOL];
static u64 updates, pins, bases; /* that were accepted: chance must have done something */

static u64 random_entry(unsigned *seed)
{
	static const u64 flags[] = { 0, PTE_P, PTE_P | PTE_RW, PTE_P | PTE_RW, PTE_P | PTE_RW |
				    PTE_US,
				     PTE_P | PTE_US | PTE_A | PTE_D,
				     PTE_P | PTE_PS, PTE_P | PTE_RW | PTE_PCD };
	u64 e = flags[(unsigned)rand_r(seed) % ARRAY_SIZE(flags)];

	if ((unsigned)rand_r(seed) % 8 == 0)
		return pte_make(DEVICE + (unsigned)rand_r(seed) % 2, e);
	return pte_make(pool[(unsigned)rand_r(seed) % POOL], e);
}

static void random_step(unsigned *seed)
{
	struct vcpu *v = sim_current;
	struct mmuext_op op[3];
	struct mmu_update req[3];
	unsigned n = 1 + (unsigned)rand_r(seed) % 3;
	mfn_t m = pool[(unsigned)rand_r(seed) % POOL];
	u64 frames[2];

	switch ((unsigned)rand_r(seed) % 12) {
	case 0: case 1: case 2: case 3: case 4:
		for (unsigned i = 0; i < n; i++) {
			req[i].ptr = pool[(unsigned)rand_r(seed) % POOL] << PAGE_SHIFT;
			req[i].ptr += (unsigned)rand_r(seed) % 4 * 8;
			req[i].val = random_entry(seed);
		}
		if (!finish(do_mmu_update((u64)req, n, 0, DOMID_SELF)))
			atomic_add(&updates, 1);
		break;
	case 5: case 6: case 7:
		for (unsigned i = 0; i < n; i++) {
			op[i].cmd = (unsigned)rand_r(seed) % 6;
			op[i].arg1.mfn = pool[(unsigned)rand_r(seed) % POOL];
		}
		if (!finish(do_mmuext_op((u64)op, n, 0, DOMID_SELF)) &&
		    op[0].cmd <= MMUEXT_PIN_L4_TABLE)
			atomic_add(&pins, 1);
		break;
	case 8:
		(void)mmuext(rand_r(seed) & 1 ? MMUEXT_UNPIN_TABLE : MMUEXT_NEW_USER_BASEPTR, m, 0);
		break;
	case 9:
		if (!finish(do_update_va_mapping((u64)((unsigned)rand_r(seed) % 4) << PAGE_SHIFT,
						 random_entry(seed), 0)))
			atomic_add(&bases, 1);
		break;
	case 10:
		(void)mmuext(MMUEXT_CLEAR_PAGE, m, 0);
		break;
	case 11:
		frames[0] = m;
		frames[1] = pool[0];
		(void)pv_set_gdt(v, frames, (unsigned)rand_r(seed) % 600);
		break;
	}
}

/* A little tree in the pool, so that chance has something to start from. */
static void fill_pool(void)
{
	CU_ASSERT_EQUAL(range_set_add(&guest->perms.iomem, DEVICE, DEVICE), 0);
	for (unsigned i = 0; i < POOL; i++)
		pool[i] = new_frame(guest);
	for (unsigned i = 0; i < 12; i++)
		for (unsigned k = 0; k < 4; k++)
			table_of(pool[i])[k] = pte_make(pool[(i / 3 + 1) * 3 + (i + k) % 3],
							i < 9 ? TABLE_FLAGS : PTE_P);
}

TEST(test_random, "random operations")
{
	unsigned seed = 5;

	fixture_begin();
	fill_pool();
	for (unsigned i = 0; i < 200000; i++) {
		sim_current = guest->vcpu[i % 4];
		sim_cpu = &cpus[0];
		sim.preempt_after = rand_r(&seed) % 3 ? 0 : 1 + (unsigned)rand_r(&seed) % 20;
		random_step(&seed);
		sim.preempt_after = 0;
		if (i % 200 == 0)
			CU_ASSERT_EQUAL_FATAL(audit(), 0);
		/* Now and then some hypercall is never carried on. */
		if (i % 97 == 0) {
			struct mmuext_op op = { .cmd = i % 4, .arg1.mfn = pool[i / 97 % POOL] };

			sim.preempt_after = 1;
			(void)do_mmuext_op((u64)&op, 1, 0, DOMID_SELF);
			continuation.wanted = false;
			sim.preempt_after = 0;
		}
	}
	sim_current = guest->vcpu[0];
	CU_ASSERT_TRUE(updates > 1000 && pins > 100 && bases > 10);
	if (getenv("SIM_VERBOSE"))
		fprintf(stderr, "%lu updates, %lu pins, %lu by address\n", updates, pins, bases);
	updates = pins = bases = 0;
	fixture_end();
}

static void *cpu_thread(void *arg)
{
	unsigned n = (unsigned)(u64)arg, seed = 100 + n;

	sim_cpu = &cpus[n];
	sim_current = guest->vcpu[n];
	for (unsigned i = 0; i < 200000; i++) {
		random_step(&seed);
		if (i % 16 == 0)
			sim.preempt_after = 1 + (unsigned)rand_r(&seed) % 10;
	}
	return NULL;
}

TEST(test_four_cpus, "four CPUs at once")
{
	pthread_t t[4];

	fixture_begin();
	fill_pool();
	cpus_online = 15;
	nr_cpus = 4;
	for (unsigned i = 0; i < 4; i++)
		cpus[i].id = i;
	for (u64 i = 0; i < 4; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&t[i], NULL, cpu_thread, (void *)i), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	sim.preempt_after = 0;
	sim_current = guest->vcpu[0];
	if (getenv("SIM_VERBOSE"))
		fprintf(stderr, "%lu updates, %lu pins, %lu by address\n", updates, pins, bases);
	CU_ASSERT_TRUE(updates > 1000 && pins > 100);
	CU_ASSERT_EQUAL(audit(), 0);
	cpus_online = 1;
	nr_cpus = 1;
	fixture_end();
}

#define STEPS 60000

/* All that a step can leave behind, with frames by their place in the pool. */
static u64 state(s64 result)
{
	u64 h = (u64)result + flushed;

	for (unsigned i = 0; i < POOL; i++) {
		const struct frame *f = mfn_to_frame(pool[i]);

		h = h * 31 + f->count;
		h = h * 31 + f->type;
		h = h * 31 + f->tlb_stamp;
		for (unsigned k = 0; k < 4; k++) {
			u64 e = table_of(pool[i])[k], n = 0;

			while (n < POOL && pool[n] != pte_mfn(e))
				n++;
			h = h * 31 + (e & ~PTE_ADDR);
			h = h * 31 + n;
		}
	}
	return h;
}

static s64 leaf_step(unsigned *seed)
{
	static const u64 keep[] = { MMU_NORMAL_PT_UPDATE, MMU_PT_UPDATE_PRESERVE_AD };
	u64 ptr =
		pool[9 + (unsigned)rand_r(seed) % 3] << PAGE_SHIFT | (unsigned)rand_r(seed) % 4 * 8;

	/* The CPU sets these whenever it likes. */
	if (rand_r(seed) % 4 == 0)
		table_of(ptr >> PAGE_SHIFT)[(ptr & ~PAGE_MASK) / 8] |=
			PTE_A | (rand_r(seed) & 1 ? PTE_D : 0);
	if (rand_r(seed) & 1)
		return mmu_update(ptr | keep[rand_r(seed) & 1], random_entry(seed));
	return finish(do_update_va_mapping((u64)((unsigned)rand_r(seed) % 4) << PAGE_SHIFT,
					   random_entry(seed), 0));
}

static void run(u64 *states, bool the_long_way)
{
	unsigned seed = 77;

	long_way = the_long_way;
	tlb_clock = 1;
	cpus[0].tlb_stamp = 0;
	fixture_begin();
	fill_pool();
	(void)mmuext(MMUEXT_PIN_L4_TABLE, pool[0], 0);
	(void)mmuext(MMUEXT_NEW_BASEPTR, pool[0], 0);
	for (unsigned i = 0; i < STEPS; i++) {
		flushed = 0;
		if (i % 32)
			states[i] = state(leaf_step(&seed));
		else
			random_step(&seed), states[i] = state(0);
	}
	fixture_end();
	long_way = false;
}

TEST(test_ways_agree, "the short way agrees with the long way")
{
	static u64 by_long[STEPS], by_short[STEPS];
	unsigned differ = 0;

	short_done = 0;
	run(by_long, true);
	CU_ASSERT_EQUAL(short_done, 0);
	run(by_short, false);
	CU_ASSERT_TRUE(short_done > STEPS / 50);
	if (getenv("SIM_VERBOSE"))
		fprintf(stderr, "%lu of %u the short way\n", short_done, STEPS);
	while (differ < STEPS && by_long[differ] == by_short[differ])
		differ++;
	CU_ASSERT_EQUAL(differ, STEPS);
}

SUITE("pagetype_random", .init = fixture_init)
