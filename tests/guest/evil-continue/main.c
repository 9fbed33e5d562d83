// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 4
// memory: 32M
// seconds: 90
/*
 * Calls that are interrupted and go on: a tree of a hundred tables is pinned and unpinned while
 * timer ticks break the call off, and in between other vcpus pin parts of it at other levels, write
 * to tables that are half checked, start a vcpu on the root, give tables back, and change the list
 * and the counters that the interrupted call will read when it goes on; long batches and a list of
 * thousands of ports are treated the same way. Half-checked tables are never used, counts stay
 * right (audit), and in the end the tree can be taken apart.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-continue";

#define L2S (ROOT_LEVEL == 4 ? 4 : 3)
#define L1S 24 /* for each L2 */
/* So many rounds at least, and as many more as a second has, up to this: emulators differ. */
#define LEAST 12
#define MOST  500
#define VA  0x10000000000ULL

static uint64_t data, *root, *upper /* whose entries are the L2s */, *l2[4], *l1[4][L1S];
static uint64_t frames[2 + 4 + 4 * L1S], nframes;
static struct mmuext_op ops[64] __attribute__((aligned(4096)));
static struct multicall_entry calls[64] __attribute__((aligned(4096)));
static struct mmu_update updates[128] __attribute__((aligned(4096)));
static volatile uint32_t done;
static volatile bool over;
static volatile unsigned pins, failures;

static bool swallow(struct trap_frame *f)
{
	if (!swallow_events(f))
		return false;
	for (unsigned i = 0; i < 8; i++)
		shared_info->evtchn_pending[i] = 0;
	return true;
}

static uint64_t *table(void)
{
	uint64_t *t = page_alloc();

	frames[nframes++] = virt_to_mfn(t);
	return t;
}

/* Fill the tree's tables, to which nothing but this can be written afterwards. */
static void plant(void)
{
	if (upper != root)
		root[VA >> 39 & 511] = TABLE_ENTRY(upper);
	for (unsigned i = 0; i < L2S; i++) {
		upper[i] = TABLE_ENTRY(l2[i]);
		memset(l2[i], 0, PAGE_SIZE);
		for (unsigned k = 0; k < L1S; k++) {
			l2[i][k * 20] = TABLE_ENTRY(l1[i][k]);
			for (unsigned e = 0; e < 512; e++)
				l1[i][k][e] = data;
			check_eq(make_readonly(l1[i][k]), 0);
		}
		check_eq(make_readonly(l2[i]), 0);
	}
	if (upper != root)
		check_eq(make_readonly(upper), 0);
	check_eq(make_readonly(root), 0);
}

/* All of them are memory again. */
static void fell(void)
{
	check_eq(make_writable(root), 0);
	if (upper != root)
		check_eq(make_writable(upper), 0);
	for (unsigned i = 0; i < L2S; i++) {
		check_eq(make_writable(l2[i]), 0);
		for (unsigned k = 0; k < L1S; k++)
			check_eq(make_writable(l1[i][k]), 0);
	}
}

static void build(void)
{
	data = LEAF(virt_to_mfn(page_alloc()), PTE_P | PTE_RW | PTE_US | PTE_AD);
	/* A 32-bit guest's root is an L3 of four entries, of which the last is for a table of its
	 * own kind. */
	root = upper = table();
	if (ROOT_LEVEL == 4)
		upper = table();
	for (unsigned i = 0; i < L2S; i++) {
		l2[i] = table();
		for (unsigned k = 0; k < L1S; k++)
			l1[i][k] = table();
	}
	plant();
}

/* Whatever is pinned, as whatever. */
static void unpin(unsigned rounds)
{
	while (rounds--)
		for (unsigned i = 0; i < nframes; i++)
			mmuext(MMUEXT_UNPIN_TABLE, frames[i]);
}

/* Pins and unpins the whole, alone and as part of lists that others change. */
static void pinner(void)
{
	unsigned n = 1 + below(8);

	if (below(2)) {
		if (mmuext(PIN_ROOT, frames[0]) == 0) {
			pins++;
		} else {
			failures++;
			unpin(1); /* what others left as something else */
		}
		mmuext(MMUEXT_UNPIN_TABLE, frames[0]);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		ops[i].arg1.mfn = frames[0];
		ops[i].cmd = i & 1 ? MMUEXT_UNPIN_TABLE : PIN_ROOT;
	}
	done = 0;
	hypercall(mmuext_op, ops, (long)n, &done, (long)DOMID_SELF);
	mmuext(MMUEXT_UNPIN_TABLE, frames[0]);
}

/* Of lists and counters, what another call is just reading: nothing that could be our own ruin. */
static void scribbler(void)
{
	static const uint8_t cmds[] = { MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE,
					MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE,
					MMUEXT_UNPIN_TABLE,  MMUEXT_TLB_FLUSH_LOCAL };

	switch (below(4)) {
	case 0: ops[below(8)].cmd = cmds[below(sizeof(cmds))]; break;
	case 1: ops[below(8)].arg1.mfn = frames[below(nframes)]; break;
	case 2: done = below(2) ? below(16) : 0xffffffff - below(4); break;
	default: {
		uint64_t frame = frames[below(nframes)];

		mmuext(MMUEXT_PIN_L1_TABLE + below(4), frame);
		mmuext(MMUEXT_UNPIN_TABLE, frame);
	}
	}
}

static void writer(void)
{
	bool upper = below(2);
	uint64_t *t = upper ? l2[below(L2S)] : l1[below(L2S)][below(L1S)];
	xen_ulong_t list[1] = { frames[below(nframes)] };
	struct xen_memory_exchange x = {
		.in = { .extent_start = (uintptr_t)list, .nr_extents = 1, .domid = DOMID_SELF },
		.out = { .extent_start = (uintptr_t)list, .nr_extents = 1, .domid = DOMID_SELF },
	};

	switch (below(5)) {
	case 0:
	case 1: {
		/* Not the first entry: with none in it a table might do as a PAE root. */
		uint64_t at = virt_to_mfn(t) << 12 | (1 + below(511)) * 8;

		for (unsigned i = 0; i < 128; i++)
			updates[i] = (struct mmu_update){ at, below(2) ? 0
							      : upper  ? TABLE_ENTRY(l1[0][0])
								       : data };
		hypercall(mmu_update, updates, 128L, below(2) ? &done : NULL, (long)DOMID_SELF);
		break;
	}
	case 2:
		/* A table in use is not given away. */
		if (hypercall(memory_op, (long)XENMEM_exchange, &x) == 0)
			fail("a table's frame was exchanged");
		break;
	case 3: {
		struct vcpu_guest_context *c = vcpu_context(3, NULL);

		/* One of the two roots, or the only one, is none: the vcpu must not be started. */
		c->ctrlreg[3] = xen_pfn_to_cr3(frames[ROOT_LEVEL == 4 ? 0 : 1 + below(3)]);
		c->ctrlreg[1] = xen_pfn_to_cr3(frames[1 + below(3)]);
		check_refused(vcpu_op(VCPUOP_initialise, 3, c));
		break;
	}
	default:
		for (unsigned i = 0; i < 64; i++)
			calls[i] = (struct multicall_entry){
				.op = __HYPERVISOR_mmuext_op,
				.args = { (uintptr_t)&ops[below(8)], 1, 0, DOMID_SELF },
			};
		hypercall(multicall, calls, 64L);
	}
}

static void rounds(void)
{
	static void (*const roles[3])(void) = { pinner, scribbler, writer };
	struct vcpu_set_periodic_timer tick = { .period_ns = 1000000 };
	uint64_t until = system_time() + 1000000000;
	unsigned id = vcpu_id();

	bind_virq(VIRQ_TIMER, id);
	check_eq(vcpu_op(VCPUOP_set_periodic_timer, id, &tick), 0);
	/*
	 * So many rounds of the pinner, with the others at work. What they leave pinned as
	 * something else may make every one vain: a pin is asked for when they are gone.
	 */
	for (unsigned i = 0; id ? !over : i < LEAST || (i < MOST && system_time() < until); i++)
		roles[id]();
	over = true;
}

/* Ports by the thousand, closed in one call, while ticks and another vcpu come in between. */
static void test_ports(void)
{
	struct evtchn_reset r = { .dom = DOMID_SELF };
	struct evtchn_bind_ipi b = { .vcpu = 0 };

	while (evtchn_op(EVTCHNOP_bind_ipi, &b) == 0)
		;
	check_eq(evtchn_op(EVTCHNOP_reset, &r), 0);
	check_eq(evtchn_op(EVTCHNOP_bind_ipi, &b), 0);
	check_eq(b.port, 1);
	check_eq(evtchn_op(EVTCHNOP_reset, &r), 0);
}

void test_main(void)
{
	build();
	trap_hook = swallow;
	random_seed(0xda942042e4dd58b5UL);
	race(3, rounds);
	test_ports();
	/* A vcpu whose start failed may hold what it could not give back in time, until it is
	 * started. */
	check_eq(hypercall(vcpu_op, (long)VCPUOP_initialise, 3L, vcpu_context(3, test_main)), 0);
	/* Nobody pins any more: all can be unpinned and is memory again, good for another tree. */
	unpin(5);
	fell();
	/* What was an L1 for a while may have entries that are good for nothing else. */
	plant();
	check_eq(mmuext(PIN_ROOT, frames[0]), 0);
	unpin(5);
	fell();
	print("evil-continue: %u pins, %u refused\n", pins, failures);
}
