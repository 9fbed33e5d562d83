// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/domain/memory_op.c hypervisor/memory/frame.c hypervisor/memory/heap.c
// sources: hypervisor/control/audit.c hypervisor/pv/pagetype.c hypervisor/pv/mmu.c
// sources: hypervisor/pv/leaf.c
// sources: hypervisor/pv/mmuext.c hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
// cflags: -DSIM_FRAMES=256 -DHEAP_FIRST=160ULL
// clang: -fno-sanitize-coverage=trace-cmp
// options: -max_len=1024
//
// memory_op: the balloon, populate, exchange, claims, maps and resources, by two guests and dom0,
// while the frames in question are mapped or tables. Oracles: no frame is made or lost, what was
// answered is true of the frames, limits and claims hold, the audit and the model of the TLBs.

#include "mmu_world.h"

#include "domain/grant_table.h"
#include "domain/memory_op.h"
#include "memory/e820.h"
#include "pv-abi/memory.h"

#define MAX_OPS 40
#define LIST    16

struct e820_map machine_e820 = {
	2, { { 0, 0x9f000, E820_RAM }, { 0x100000, 0xf00000, E820_RAM } }
};
static struct grant_table table = { .max_frames = 4 };
static u64 all_frames;
/* The guest's memory, as far as it is there: what lies behind the fence faults. */
static u8 memory[4 * PAGE_SIZE] __attribute__((aligned(4096)));
static u8 *const fence = memory + 2 * PAGE_SIZE;

int grant_frame_mfn(struct domain *d, unsigned n, bool status, mfn_t *mfn)
{
	FUZZ_CHECK(d->grants && !status && n < d->grants->max_frames, "grant frame %u", n);
	*mfn = HEAP_FIRST + n;
	return 0;
}

static domid_t pick_domid(struct fuzz_in *in)
{
	u8 b = fuzz_u8(in);

	return b < 0xc0 ? DOMID_SELF : b < 0xf0 ? domain_of(b)->id : b & 1 ? 0x7fff : 99;
}

static struct domain *by_id(domid_t id)
{
	return id == DOMID_SELF ? sim_current->domain : id == guest->id ? guest :
		id == other->id ? other : id == dom0->id ? dom0 : NULL;
}

static mfn_t pick_frame(struct fuzz_in *in)
{
	u8 b = fuzz_u8(in);

	if (b < 0xe0)
		return pool[b % POOL];
	return b < 0xf8 ? HEAP_FIRST + fuzz_u8(in) % (SIM_FRAMES - HEAP_FIRST) : fuzz_number(in);
}

static u32 pick_order(struct fuzz_in *in)
{
	u8 b = fuzz_u8(in);

	return b < 0xa0 ? 0 : b < 0xf0 ? b & 3 : (u32)fuzz_number(in);
}

/* Where a guest's list lies: whole, or with its end in a page that is not there. */
static u64 *place(struct fuzz_in *in, unsigned entries)
{
	u8 b = fuzz_u8(in);

	return (u64 *)fence - (b < 0xe0 ? 2 * LIST : (b & 15) < entries ? (b & 15) : entries);
}

/* The list's memory is there even behind the fence; only the hypervisor may not go. */
static u64 *list_buffer(void)
{
	return (u64 *)fence;
}

static bool holds(const struct domain *d, mfn_t m)
{
	return m < SIM_FRAMES && frame_owner(mfn_to_frame(m)) == d &&
		!(mfn_to_frame(m)->count & (FC_HEAP | FC_BAD)) &&
		(mfn_to_frame(m)->count & FC_ALLOCATED);
}

/* The argument lies in the guest's memory meanwhile. */
static s64 call(u64 cmd, void *arg, size_t size, unsigned preempt)
{
	s64 r;

	memcpy(memory, arg, size);
	sim.bad = fence;
	sim.bad_end = (u8 *)~0UL;
	sim.preempt_after = preempt;
	r = do_memory_op(cmd, (u64)memory);
	for (unsigned i = 0; continuation.wanted; i++) {
		FUZZ_CHECK(i < 10000 && r == SIM_CONTINUED &&
				   continuation.op == __HYPERVISOR_memory_op, "%lu gets nowhere",
			   cmd);
		continuation.wanted = false;
		sim.preempt_after = preempt;
		r = do_memory_op(continuation.args[0], continuation.args[1]);
	}
	sim.preempt_after = 0;
	sim.bad = sim.bad_end = NULL;
	memcpy(arg, memory, size);
	return r;
}

static void check_frames(void)
{
	u64 have = heap_free_frames() + guest->tot_pages + other->tot_pages + dom0->tot_pages;
	u64 claims = 0;

	FUZZ_CHECK(have == all_frames, "%ld frames too many", (s64)(have - all_frames));
	for (unsigned i = 0; i < 3; i++) {
		FUZZ_CHECK(domain_of(i)->tot_pages <= domain_of(i)->max_pages,
			   "domain %u has %lu frames, more than %lu", domain_of(i)->id,
			   domain_of(i)->tot_pages, domain_of(i)->max_pages);
		claims += domain_of(i)->claimed_pages;
	}
	FUZZ_CHECK(claims <= heap_free_frames(), "%lu frames claimed, %lu free", claims,
		   heap_free_frames());
}

/* An extent that `d` was given: its own, aligned, empty, and where it was wanted. */
static void check_extent(const struct domain *d, mfn_t mfn, u32 order, unsigned bits,
			 const pfn_t *pfn)
{
	FUZZ_CHECK(!(mfn & (BIT(order) - 1)), "extent %lx of order %u", mfn, order);
	for (u64 i = 0; i < BIT(order); i++) {
		const u64 *page = mfn_to_va(mfn + i);

		FUZZ_CHECK(holds(d, mfn + i), "frame %lx is not domain %u's", mfn + i, d->id);
		FUZZ_CHECK((mfn_to_frame(mfn + i)->count & FC_COUNT_MASK) == 1 &&
				   !(mfn_to_frame(mfn + i)->type & FT_COUNT_MASK),
			   "frame %lx is not new", mfn + i);
		FUZZ_CHECK(!bits || bits >= 64 ||
				   !((mfn + i) >> (bits > PAGE_SHIFT ? bits - PAGE_SHIFT : 0)),
			   "frame %lx has more than %u bits", mfn + i, bits);
		for (unsigned k = 0; k < PT_ENTRIES; k++)
			FUZZ_CHECK(!page[k], "frame %lx is not empty", mfn + i);
		if (pfn)
			FUZZ_CHECK(sim.pfn[mfn + i] == *pfn + i, "M2P of frame %lx", mfn + i);
	}
}

static unsigned pick_bits(struct fuzz_in *in)
{
	static const u8 bits[] = { 0, 0, 0, 20, 21, 13, 32, 64, 1, 12 };

	return bits[fuzz_below(in, ARRAY_SIZE(bits))];
}

static void op_reservation(struct fuzz_in *in, unsigned preempt, unsigned op)
{
	struct xen_memory_reservation r = { .domid = pick_domid(in) };
	struct domain *d = by_id(r.domid), *self = sim_current->domain;
	unsigned bits = op == XENMEM_decrease_reservation ? 0 : pick_bits(in);
	pfn_t pfns[LIST];
	u64 before, *list;
	s64 rc;

	r.extent_order = pick_order(in);
	r.nr_extents = fuzz_u8(in) < 0xf0 ? fuzz_below(in, LIST) : fuzz_number(in);
	r.mem_flags = XENMEMF_address_bits(bits) | (fuzz_u8(in) >= 0xfc ? fuzz_u32(in) : 0);
	bits = XENMEMF_get_address_bits(r.mem_flags);
	list = place(in, (unsigned)min(r.nr_extents, (u64)LIST));
	if (fuzz_u8(in) == 0xff && op == XENMEM_increase_reservation)
		list = NULL;
	for (unsigned i = 0; i < LIST && list; i++)
		pfns[i] = list[i] = op == XENMEM_decrease_reservation ? pick_frame(in) : 1000 + i;
	r.extent_start = (u64)list;
	before = d ? d->tot_pages : 0;
	rc = call(op, &r, sizeof(r), preempt);
	fuzz_say("domain %u: memory_op %u, %lu extents of order %u for %u: %ld\n", self->id, op,
		 r.nr_extents, r.extent_order, r.domid, rc);
	if (rc < 0 || !d || (d != self && !self->privileged)) {
		FUZZ_CHECK(rc <= 0, "domain %u has no right to that: %ld", self->id, rc);
		FUZZ_CHECK(!d || d->tot_pages == before, "refused, and done");
		return;
	}
	FUZZ_CHECK((u64)rc <= r.nr_extents, "%ld of %lu extents", rc, r.nr_extents);
	if (op == XENMEM_decrease_reservation) {
		for (s64 i = 0; i < rc && i < LIST; i++)
			for (u64 k = 0; k < BIT(r.extent_order); k++)
				FUZZ_CHECK(!holds(d, pfns[i] + k), "frame %lx was not taken",
					   pfns[i] + k);
		return;
	}
	FUZZ_CHECK(d->tot_pages == before + ((u64)rc << r.extent_order), "%ld extents, %lu frames",
		   rc, d->tot_pages - before);
	for (s64 i = 0; i < rc && i < LIST && list; i++) {
		check_extent(d, list[i], r.extent_order, bits,
			     op == XENMEM_populate_physmap ? &pfns[i] : NULL);
		/* Something to play with. */
		pool[(u64)list[i] % POOL] = list[i];
	}
}

static void op_exchange(struct fuzz_in *in, unsigned preempt)
{
	struct xen_memory_exchange x = { 0 };
	struct domain *d, *self = sim_current->domain;
	unsigned bits = pick_bits(in);
	u64 *const was_in = list_buffer() - 4 * LIST;
	u64 before, done, *out;
	bool twice = false;
	s64 rc;

	x.in.domid = x.out.domid = pick_domid(in);
	x.in.extent_order = pick_order(in);
	x.out.extent_order = pick_order(in);
	x.in.nr_extents = fuzz_u8(in) < 0xf0 ? fuzz_below(in, 9) : fuzz_number(in);
	x.out.nr_extents = fuzz_u8(in) >= 0xf0 ? fuzz_number(in) :
		x.out.extent_order < 20 && x.in.extent_order < 20 ?
		x.in.nr_extents << x.in.extent_order >> x.out.extent_order : 1;
	x.out.mem_flags = XENMEMF_address_bits(bits);
	x.nr_exchanged = fuzz_u8(in) >= 0xf0 ? fuzz_number(in) : 0;
	x.in.extent_start = (u64)was_in;
	for (unsigned i = 0; i < LIST; i++) {
		was_in[i] = pick_frame(in);
		for (unsigned k = 0; k < i; k++)
			twice |= was_in[k] == was_in[i];
	}
	out = place(in, (unsigned)min(x.out.nr_extents, (u64)LIST));
	for (unsigned i = 0; i < LIST; i++)
		out[i] = 2000 + i;
	x.out.extent_start = (u64)out;
	d = by_id(x.in.domid);
	before = d ? d->tot_pages : 0;
	done = x.nr_exchanged;
	rc = call(XENMEM_exchange, &x, sizeof(x), preempt);
	fuzz_say("domain %u: exchange %lu of order %u for %lu of order %u: %ld, %lu\n", self->id,
		 x.in.nr_extents, x.in.extent_order, x.out.nr_extents, x.out.extent_order, rc,
		 x.nr_exchanged);
	FUZZ_CHECK(rc <= 0, "%ld", rc);
	if (!d || (d != self && !self->privileged))
		FUZZ_CHECK(rc < 0, "domain %u has no right to that", self->id);
	FUZZ_CHECK(!d || d->tot_pages == before || rc == -ENOMEM, "%lu frames became %lu", before,
		   d->tot_pages);
	if (rc)
		return;
	FUZZ_CHECK(x.nr_exchanged == x.in.nr_extents, "%lu of %lu", x.nr_exchanged,
		   x.in.nr_extents);
	/* With orders and a start of its own choice a guest can give what it was just given. */
	if (x.in.nr_extents > LIST || x.out.nr_extents > LIST || done || twice ||
	    x.in.extent_order)
		return;
	for (unsigned i = 0; i < x.in.nr_extents; i++)
		FUZZ_CHECK(!holds(d, was_in[i]), "frame %lx was not taken", was_in[i]);
	for (unsigned i = 0; i < x.out.nr_extents; i++) {
		pfn_t pfn = 2000 + i;

		check_extent(d, out[i], x.out.extent_order, bits, &pfn);
		pool[out[i] % POOL] = out[i];
	}
}

static void op_claim(struct fuzz_in *in)
{
	struct xen_memory_reservation r = { .domid = pick_domid(in) };
	struct domain *d = by_id(r.domid);
	u64 before = d ? d->claimed_pages : 0;
	s64 rc;

	r.nr_extents = fuzz_u8(in) < 0xf0 ? fuzz_u8(in) : fuzz_number(in);
	rc = call(XENMEM_claim_pages, &r, sizeof(r), 0);
	fuzz_say("domain %u: claim %lu for %u: %ld\n", sim_current->domain->id, r.nr_extents,
		 r.domid, rc);
	FUZZ_CHECK(!rc || !d || d->claimed_pages == before, "a refused claim counts");
	if (!rc)
		FUZZ_CHECK(sim_current->domain->privileged && d &&
				   d->claimed_pages == (r.nr_extents ? r.nr_extents - d->tot_pages :
							0), "claim of %lu", d->claimed_pages);
}

/* Everything else, with an argument of any content: it must not change anything. */
static void op_other(struct fuzz_in *in)
{
	static u8 arg[128];
	unsigned cmd = fuzz_u8(in) & 63;
	u64 before = guest->tot_pages + other->tot_pages;

	fuzz_bytes(in, arg, 64);
	/* Handles are addresses: let most of them lie in our list. */
	for (unsigned i = 0; i < 64; i += 8)
		if (arg[i] < 0x80 && fuzz_u8(in) & 1)
			memcpy(arg + i, &(u64){ (u64)(list_buffer() - 2 * LIST) }, 8);
		else if (*(u64 *)(arg + i) >= 0x1000)
			*(u64 *)(arg + i) &= 0xfffffff0ffffULL; /* small, or of no meaning */
	switch (cmd) {
	case XENMEM_machphys_mapping: case XENMEM_maximum_ram_page:
	case XENMEM_current_reservation: case XENMEM_maximum_reservation:
	case XENMEM_maximum_gpfn: case XENMEM_reserved_device_memory_map:
		break;
	case XENMEM_memory_map: case XENMEM_machine_memory_map: {
		struct xen_memory_map *m = (void *)arg;

		m->nr_entries = fuzz_u8(in);
		m->buffer = fuzz_u8(in) & 1 ? (u64)(list_buffer() - 512) : 0;
		break;
	}
	case XENMEM_set_memory_map: {
		struct xen_foreign_memory_map *m = (void *)arg;

		m->domid = pick_domid(in);
		m->map.nr_entries = fuzz_u8(in);
		m->map.buffer = (u64)(list_buffer() - 512);
		break;
	}
	case XENMEM_machphys_mfn_list: case XENMEM_machphys_compat_mfn_list: {
		struct xen_machphys_mfn_list *m = (void *)arg;

		m->max_extents = fuzz_u8(in);
		m->extent_start = (u64)(list_buffer() - 512);
		break;
	}
	case XENMEM_acquire_resource: {
		struct xen_mem_acquire_resource *m = (void *)arg;

		memset(m, 0, sizeof(*m));
		m->domid = pick_domid(in) == DOMID_SELF ? other->id : pick_domid(in);
		m->id = fuzz_u8(in) & 1;
		m->nr_frames = (u32)fuzz_number(in);
		m->frame = fuzz_number(in);
		m->frame_list = fuzz_u8(in) & 3 ? (u64)(list_buffer() - 512) : 0;
		break;
	}
	default:
		/* Those that have an operation of their own above, and those that there are not. */
		if (cmd <= XENMEM_populate_physmap || cmd == XENMEM_exchange ||
		    cmd == XENMEM_claim_pages)
			return;
	}
	fuzz_say("domain %u: memory_op %u\n", sim_current->domain->id, cmd);
	(void)call(cmd | (fuzz_u8(in) >= 0xf0 ? fuzz_number(in) << 6 : 0), arg, sizeof(arg), 0);
	FUZZ_CHECK(guest->tot_pages + other->tot_pages == before, "memory_op %u moves frames", cmd);
}

/* Keep frames busy: map them, make tables of them, let go. */
static void op_use(struct fuzz_in *in)
{
	mfn_t m = pick_frame(in);
	u8 how = fuzz_u8(in);

	switch (how & 3) {
	case 0:
		(void)finish(do_update_va_mapping((u64)(how >> 2 & 3) << PAGE_SHIFT,
						  pte_make(m, how & 0x80 ? DATA_FLAGS : PTE_P), 0));
		break;
	case 1: (void)finish(do_update_va_mapping((u64)(how >> 2 & 3) << PAGE_SHIFT, 0, 0)); break;
	case 2: (void)mmuext(MMUEXT_PIN_L1_TABLE, m, 0); break;
	default: (void)mmuext(MMUEXT_UNPIN_TABLE, m, 0);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	u64 *l2 = mfn_to_va(HEAP_FIRST - 1), *top = mfn_to_va(HEAP_FIRST - 2);

	world_init();
	/* The M2P of a large page, as the hypervisor's tables have it. */
	idle_l4[pt_slot(M2P_RW_START, 4)] = pte_make(HEAP_FIRST - 2, PTE_P);
	top[pt_slot(M2P_RW_START, 3)] = pte_make(HEAP_FIRST - 1, PTE_P);
	l2[pt_slot(M2P_RW_START, 2)] = pte_make(512, PTE_P | PTE_PS);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	u8 how = fuzz_u8(&in);

	world_begin(how & 1, how >> 2);
	guest->max_pages = 24 + (how >> 1 & 31);
	other->max_pages = 16;
	other->grants = &table;
	world_trees();
	world_check();
	all_frames = heap_free_frames() + guest->tot_pages + other->tot_pages + dom0->tot_pages;
	for (unsigned n = 0; n < MAX_OPS && fuzz_more(&in); n++) {
		u8 op = fuzz_u8(&in), who = fuzz_u8(&in);
		unsigned preempt = who & 4 ? 1 + (who >> 5) : 0;

		world_leap(op >> 4);
		on_cpu(who & 3);
		switch (op % 12) {
		case 0:
			op_reservation(&in, preempt, XENMEM_increase_reservation);
			break;
		case 1: case 2:
			op_reservation(&in, preempt, XENMEM_populate_physmap);
			break;
		case 3: case 4: case 5:
			op_reservation(&in, preempt, XENMEM_decrease_reservation);
			break;
		case 6: case 7: op_exchange(&in, preempt); break;
		case 8: op_claim(&in); break;
		case 9: op_other(&in); break;
		default: op_use(&in);
		}
		check_frames();
		world_check();
	}
	for (unsigned i = 0; i < 3; i++) {
		struct domain *d = domain_of(i);

		(void)heap_claim(d, 0);
		zfree(d->memory_map);
		d->memory_map = NULL;
		d->grants = NULL;
	}
	/* No claim is left that nobody has. */
	guest->max_pages = 1000;
	FUZZ_CHECK(!heap_claim(guest, guest->tot_pages + heap_free_frames()), "a claim is left");
	(void)heap_claim(guest, 0);
	world_end();
	return 0;
}
