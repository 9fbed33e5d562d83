// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/domain/grant.c hypervisor/domain/grant_map.c hypervisor/domain/grant_copy.c
// sources: hypervisor/pv/grant_pte.c hypervisor/memory/frame.c hypervisor/memory/heap.c
// sources: hypervisor/control/audit.c hypervisor/pv/pagetype.c hypervisor/pv/mmu.c
// sources: hypervisor/pv/leaf.c
// sources: hypervisor/pv/mmuext.c hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
// cflags: -DSIM_FRAMES=288 -DHEAP_FIRST=160ULL -include tests/fuzz/moment.h
// clang: -fno-sanitize-coverage=trace-cmp
// options: -max_len=1024
//
// Grants between two guests and dom0, with real page-table entries: map, unmap, unmap and replace,
// copy, transfer, swap, growing tables, entries that change while they are used, page tables that
// change under a mapping. Oracles: a model of what may be used by whom and of who uses it, the
// audit, and no translation of a foreign frame in a TLB without a mapping: CPUs walk through
// entries and set A when the input says so, between the operations and right before an exchange.

#define FIXTURE_OWN_GRANTS
#include "mmu_world.h"

#include "domain/grant_table.h"

#define MAX_OPS 48
#define HANDLES 64

/* The granted references that are played with; two of them in no frame of the table at first. */
static const u32 refs[] = { 0, 1, 2, 3, 511, 512, 1023, 1024, 0xffffffff };

/* What the model knows of the mappings that were made. */
static struct handle {
	bool live;
	struct domain *d, *granter;
	u32 handle, ref;
	mfn_t mfn;
	u32 flags;
	u64 host_addr;
} handles[HANDLES];

static domid_t pick_domid(struct fuzz_in *in)
{
	u8 b = fuzz_u8(in);

	if (b >= 0xf0)
		return b & 1 ? DOMID_SELF : b & 2 ? DOMID_XEN : 99;
	return domain_of(b)->id;
}

static u32 pick_ref(struct fuzz_in *in)
{
	return refs[fuzz_below(in, 12) % ARRAY_SIZE(refs)];
}

static struct domain *by_id(domid_t id)
{
	return id == guest->id ? guest : id == other->id ? other : id == dom0->id ? dom0 :
		id == DOMID_SELF ? sim_current->domain : NULL;
}

static struct grant_entry_v1 *entry(const struct domain *d, u32 ref)
{
	return ref / GRANTS_PER_FRAME < d->grants->nr_frames ?
		&d->grants->frames[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME] : NULL;
}

/* Who uses a grant, as the model has it. */
static unsigned users(const struct domain *granter, u32 ref, bool writers,
		      const struct handle **one)
{
	unsigned n = 0;

	for (unsigned i = 0; i < HANDLES; i++)
		if (handles[i].live && handles[i].granter == granter && handles[i].ref == ref &&
		    (!writers || !(handles[i].flags & GNTMAP_readonly))) {
			n++;
			if (one)
				*one = &handles[i];
		}
	return n;
}

/* May `d` use the grant, and which frame would it be? */
static bool permitted(const struct domain *d, const struct domain *granter, u32 ref, bool write,
		      mfn_t *mfn)
{
	const struct handle *h = NULL;
	const struct grant_entry_v1 *e = granter ? entry(granter, ref) : NULL;
	bool entry_says_so;

	if (!e)
		return false;
	entry_says_so = (e->flags & GTF_type_mask) == GTF_permit_access && e->domid == d->id &&
		!(write && (e->flags & GTF_readonly));
	if (!users(granter, ref, false, &h)) {
		*mfn = e->frame;
		return entry_says_so;
	}
	*mfn = h->mfn;
	return h->d == d && (!write || users(granter, ref, true, NULL) || entry_says_so);
}

static bool owned(mfn_t mfn, const struct domain *d)
{
	return mfn < SIM_FRAMES && !(mfn_to_frame(mfn)->count & (FC_HEAP | FC_BAD)) &&
		frame_owner(mfn_to_frame(mfn)) == d;
}

static void check_model(void)
{
	struct domain *const all[] = { guest, other, dom0 };

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		unsigned live = 0;

		for (unsigned k = 0; k < HANDLES; k++)
			live += handles[k].live && handles[k].d == all[i];
		FUZZ_CHECK(all[i]->grants->mappings == live, "domain %u has %u mappings, not %u",
			   all[i]->id, all[i]->grants->mappings, live);
		for (unsigned k = 0; k < ARRAY_SIZE(refs); k++) {
			const struct grant_active *a;

			if (!entry(all[i], refs[k]))
				continue;
			a = &all[i]->grants->active[refs[k] / GRANTS_PER_FRAME]
						   [refs[k] % GRANTS_PER_FRAME];
			FUZZ_CHECK(a->users == users(all[i], refs[k], false, NULL) &&
					   a->writers == users(all[i], refs[k], true, NULL),
				   "grant %u of domain %u has %u users, %u writing", refs[k],
				   all[i]->id, a->users, a->writers);
		}
	}
	/* Who has a foreign frame in a TLB has a mapping of it. */
	for (unsigned c = 0; c < CPUS; c++) {
		const struct domain *d = c < 2 ? guest : c == 2 ? other : dom0;

		for_each_set(m, w, tlbs[c].cached[0]) {
			bool may_read = tlbs[c].owner[m] == (c < 2 ? 1 : c), may_write = may_read;

			for (unsigned k = 0; k < HANDLES; k++)
				if (handles[k].live && handles[k].d == d && handles[k].mfn == m) {
					may_read = true;
					may_write |= !(handles[k].flags & GNTMAP_readonly);
				}
			/* dom0 may map what it likes. */
			if (d == dom0)
				continue;
			FUZZ_CHECK(may_read, "CPU %u maps frame %lx without a grant", c, m);
			FUZZ_CHECK(may_write || !test(tlbs[c].writable, m),
				   "CPU %u can write frame %lx, which is granted to be read", c, m);
		}
	}
}

static s64 call(unsigned cmd, void *arg, u64 count, unsigned preempt)
{
	s64 r;

	sim.preempt_after = preempt;
	r = do_grant_table_op(cmd, (u64)arg, count);
	while (continuation.wanted) {
		FUZZ_CHECK(continuation.op == __HYPERVISOR_grant_table_op && r == SIM_CONTINUED,
			   "continuation of hypercall %u", continuation.op);
		continuation.wanted = false;
		r = do_grant_table_op(continuation.args[0], continuation.args[1],
				      continuation.args[2]);
	}
	sim.preempt_after = 0;
	return r;
}

/* ---- operations ---- */

static void op_entry(struct fuzz_in *in)
{
	static const u16 flags[] = {
		GTF_permit_access, GTF_permit_access, GTF_permit_access | GTF_readonly,
		GTF_accept_transfer, 0, GTF_permit_access | GTF_reading | GTF_writing,
		GTF_accept_transfer | GTF_transfer_committed, 3,
	};
	struct domain *d = domain_of(fuzz_u8(in));
	u32 ref = pick_ref(in);
	struct grant_entry_v1 *e = entry(d, ref);
	u8 f = fuzz_u8(in), m = fuzz_u8(in);

	if (!e)
		return;
	e->domid = pick_domid(in);
	e->frame = m < 0xf0 ? (u32)pool[m % POOL] : m & 1 ? (u32)va_to_mfn(d->grants->frames[0]) :
		m & 2 ? 0xffffffff : (u32)va_to_mfn(idle_l4);
	e->flags = flags[f % ARRAY_SIZE(flags)];
	fuzz_say("domain %u entry %u: flags %x, domid %u, frame %x\n", d->id, ref, e->flags,
		 e->domid, e->frame);
}

/* Every domain's L1 is mapped from address 0 on; or the entry itself is named. */
static u64 pick_host_addr(struct fuzz_in *in, u32 flags)
{
	static const unsigned l1[] = { 3, GUEST_POOL + 3, GUEST_POOL + OTHER_POOL + 3 };
	u8 b = fuzz_u8(in);
	unsigned n = sim_current->domain == guest ? 0 : sim_current->domain == other ? 1 : 2;

	if (b == 0xff)
		return fuzz_u64(in);
	if (flags & GNTMAP_contains_pte)
		return (pool[b & 0x80 ? b % POOL : l1[n]] << PAGE_SHIFT) + (b & 7) * 8;
	return (u64)(b & 3) << PAGE_SHIFT | (u64)(b >> 2 & 1) << 21;
}

static void op_map(struct fuzz_in *in, unsigned preempt)
{
	struct gnttab_map_grant_ref op[2] = { 0 };
	unsigned n = 1 + fuzz_below(in, 2), slot;
	struct domain *d = sim_current->domain;
	s64 r;

	for (unsigned i = 0; i < n; i++) {
		static const u32 flags[] = {
			GNTMAP_host_map, GNTMAP_host_map | GNTMAP_readonly, GNTMAP_device_map,
			GNTMAP_host_map | GNTMAP_device_map, GNTMAP_host_map | GNTMAP_contains_pte,
			GNTMAP_device_map | GNTMAP_readonly, 0,
			GNTMAP_host_map | GNTMAP_application_map,
		};
		u8 f = fuzz_u8(in);

		op[i].flags = flags[f & 7] | (f & 0x80 ? 7U << _GNTMAP_guest_avail0 : 0);
		op[i].dom = pick_domid(in);
		op[i].ref = pick_ref(in);
		op[i].host_addr = pick_host_addr(in, op[i].flags);
		op[i].status = 99;
	}
	for (unsigned i = 0; i < n; i++) {
		struct domain *granter = by_id(op[i].dom);
		mfn_t mfn = INVALID_MFN;
		bool write = !(op[i].flags & GNTMAP_readonly);
		bool may = permitted(d, granter, op[i].ref, write, &mfn);

		/* One by one: the model has to see each before the next. */
		for (slot = 0; slot < HANDLES && handles[slot].live; slot++)
			;
		if (slot == HANDLES)
			return;
		r = call(GNTTABOP_map_grant_ref, &op[i], 1, preempt);
		fuzz_say("domain %u maps grant %u of %u, flags %x, at %lx: %d\n", d->id, op[i].ref,
			 op[i].dom, op[i].flags, op[i].host_addr, op[i].status);
		FUZZ_CHECK(!r && op[i].status <= 0, "%ld, status %d", r, op[i].status);
		if (op[i].status)
			continue;
		FUZZ_CHECK(may, "grant %u of %u was not domain %u's", op[i].ref, op[i].dom, d->id);
		FUZZ_CHECK(op[i].dev_bus_addr == mfn << PAGE_SHIFT && owned(mfn, granter),
			   "frame %lx instead of %lx", op[i].dev_bus_addr >> PAGE_SHIFT, mfn);
		for (unsigned k = 0; k < HANDLES; k++)
			FUZZ_CHECK(!handles[k].live || handles[k].d != d ||
					   handles[k].handle != op[i].handle,
				   "handle %x is given out twice", op[i].handle);
		handles[slot] = (struct handle){
			.live = true, .d = d, .granter = granter, .handle = op[i].handle,
			.ref = op[i].ref, .mfn = mfn, .flags = op[i].flags,
			.host_addr = op[i].host_addr,
		};
	}
}

static struct handle *find(struct domain *d, u32 handle)
{
	for (unsigned i = 0; i < HANDLES; i++)
		if (handles[i].live && handles[i].d == d && handles[i].handle == handle)
			return &handles[i];
	return NULL;
}

static void model_unmap(struct domain *d, u32 handle, s16 status, u64 host_addr, u64 dev_bus_addr)
{
	struct handle *h = find(d, handle);

	fuzz_say("domain %u unmaps %x at %lx: %d\n", d->id, handle, host_addr, status);
	FUZZ_CHECK(h ? status != GNTST_bad_handle : status == GNTST_bad_handle,
		   "handle %x, status %d", handle, status);
	if (status != GNTST_okay)
		return;
	if (dev_bus_addr && (h->flags & GNTMAP_device_map)) {
		FUZZ_CHECK(dev_bus_addr == h->mfn << PAGE_SHIFT, "bus address %lx", dev_bus_addr);
		h->flags &= ~(u32)GNTMAP_device_map;
	}
	if (host_addr)
		h->flags &= ~(u32)GNTMAP_host_map;
	if (!(h->flags & (GNTMAP_device_map | GNTMAP_host_map)))
		h->live = false;
}

static void op_unmap(struct fuzz_in *in, unsigned preempt, bool replace)
{
	struct gnttab_unmap_grant_ref op[3] = { 0 };
	struct gnttab_unmap_and_replace rep[3] = { 0 };
	struct domain *d = sim_current->domain;
	unsigned n = 1 + fuzz_below(in, 3);
	s64 r;

	for (unsigned i = 0; i < n; i++) {
		const struct handle *h = &handles[fuzz_below(in, 8)];
		u8 how = fuzz_u8(in);
		u64 at = how & 1 ? pick_host_addr(in, h->flags) : h->host_addr;

		if (!(how & 2) && !(h->flags & GNTMAP_host_map))
			at = 0;
		op[i].handle = h->handle ^ (how >= 0xf0 ? fuzz_u32(in) : 0);
		op[i].host_addr = at;
		op[i].dev_bus_addr = how & 4 ? 0 : how & 8 ? fuzz_u64(in) : h->mfn << PAGE_SHIFT;
		op[i].status = 99;
		rep[i].handle = op[i].handle;
		rep[i].host_addr = at;
		rep[i].new_addr = how & 16 ? pick_host_addr(in, 0) : 0;
		rep[i].status = 99;
	}
	if (replace)
		r = call(GNTTABOP_unmap_and_replace, rep, n, preempt);
	else
		r = call(GNTTABOP_unmap_grant_ref, op, n, preempt);
	FUZZ_CHECK(!r, "%ld", r);
	for (unsigned i = 0; i < n; i++) {
		if (replace)
			model_unmap(d, rep[i].handle, rep[i].status, rep[i].host_addr, 0);
		else
			model_unmap(d, op[i].handle, op[i].status, op[i].host_addr,
				    op[i].dev_bus_addr);
	}
}

/* One end of a copy: what the model thinks of it. */
static bool copy_end(struct fuzz_in *in, struct gnttab_copy_ptr *p, bool by_ref, bool write,
		     mfn_t *mfn)
{
	struct domain *d = sim_current->domain;

	p->domid = pick_domid(in);
	p->offset = fuzz_below(in, 4) ? fuzz_u8(in) : fuzz_u16(in);
	if (by_ref) {
		p->u.ref = pick_ref(in);
		return permitted(d, by_id(p->domid), p->u.ref, write, mfn) &&
			owned(*mfn, by_id(p->domid));
	}
	if (fuzz_below(in, 4))
		p->domid = DOMID_SELF;
	*mfn = pool[fuzz_below(in, POOL)];
	p->u.gmfn = *mfn;
	return p->domid == DOMID_SELF && owned(*mfn, d);
}

/* A frame of the shared table. */
static bool shows_entries(mfn_t m)
{
	struct domain *d = frame_owner(mfn_to_frame(m));

	for (unsigned i = 0; d && i < d->grants->nr_frames; i++)
		if (va_to_mfn(d->grants->frames[i]) == m)
			return true;
	return false;
}

static void op_copy(struct fuzz_in *in)
{
	static u8 from[PAGE_SIZE], to[PAGE_SIZE];
	struct gnttab_copy op = { .flags = (u16)(fuzz_u8(in) & 3), .status = 99 };
	mfn_t src = INVALID_MFN, dst = INVALID_MFN;
	bool may = copy_end(in, &op.source, op.flags & GNTCOPY_source_gref, false, &src);
	u64 type = 0;
	s64 r;

	may &= copy_end(in, &op.dest, op.flags & GNTCOPY_dest_gref, true, &dst);
	op.len = fuzz_below(in, 4) ? fuzz_u8(in) : fuzz_u16(in);
	if (may) {
		memcpy(from, mfn_to_va(src), PAGE_SIZE);
		memcpy(to, mfn_to_va(dst), PAGE_SIZE);
		type = mfn_to_frame(dst)->type;
	}
	r = call(GNTTABOP_copy, &op, 1, 0);
	fuzz_say("domain %u copies %u bytes from %lx to %lx: %d\n", sim_current->domain->id, op.len,
		 src, dst, op.status);
	FUZZ_CHECK(!r && op.status <= 0, "%ld, status %d", r, op.status);
	if (op.status) {
		FUZZ_CHECK(!may || !memcmp(to, mfn_to_va(dst), PAGE_SIZE),
			   "frame %lx changed", dst);
		return;
	}
	FUZZ_CHECK(may && op.source.offset + op.len <= (int)PAGE_SIZE &&
			   op.dest.offset + op.len <= (int)PAGE_SIZE,
		   "domain %u had no right to frames %lx and %lx", sim_current->domain->id, src,
		   dst);
	FUZZ_CHECK((type & FT_TYPE_MASK) == FT_WRITABLE || !(type & FT_COUNT_MASK),
		   "frame %lx of type %lu was written", dst, type >> 60);
	if (src != dst) {
		memcpy(to + op.dest.offset, from + op.source.offset, op.len);
	} else {
		memmove(to + op.dest.offset, to + op.source.offset, op.len);
	}
	/* The entries of the grants in use say so while they are copied. */
	FUZZ_CHECK(shows_entries(src) || shows_entries(dst) ||
			   !memcmp(to, mfn_to_va(dst), PAGE_SIZE),
		   "the copy to frame %lx went wrong", dst);
}

static void op_transfer(struct fuzz_in *in)
{
	struct gnttab_transfer op = { .status = 99 };
	unsigned i = fuzz_below(in, POOL);
	struct domain *d = sim_current->domain, *to;
	struct grant_entry_v1 *e, was = { 0 };
	u64 before = d->tot_pages, theirs;
	s64 r;

	op.mfn = fuzz_below(in, 16) == 7 ? fuzz_number(in) : pool[i];
	op.domid = pick_domid(in);
	op.ref = pick_ref(in);
	to = by_id(op.domid);
	e = to ? entry(to, op.ref) : NULL;
	if (e)
		was = *e;
	theirs = to ? to->tot_pages : 0;
	r = call(GNTTABOP_transfer, &op, 1, 0);
	fuzz_say("domain %u transfers %lx to %u by %u: %d\n", d->id, op.mfn, op.domid, op.ref,
		 op.status);
	FUZZ_CHECK(!r && op.status <= 0, "%ld, status %d", r, op.status);
	if (op.status) {
		FUZZ_CHECK(d->tot_pages == before && (!to || to->tot_pages == theirs),
			   "a refused transfer moved a frame");
		FUZZ_CHECK(!e || !memcmp(e, &was, sizeof(was)),
			   "a refused transfer changed the entry: %x, %x", was.flags, e->flags);
		return;
	}
	FUZZ_CHECK(e && to != d && was.domid == d->id && was.flags == GTF_accept_transfer,
		   "nobody wanted the frame: %x", was.flags);
	FUZZ_CHECK(d->tot_pages == before - 1 && to->tot_pages == theirs + 1, "page counts");
	FUZZ_CHECK(owned(op.mfn, to) && e->frame == (u32)op.mfn && e->domid == was.domid &&
			   e->flags == (GTF_accept_transfer | GTF_transfer_committed |
					GTF_transfer_completed),
		   "the entry says %x", e->flags);
	FUZZ_CHECK(sim.pfn[op.mfn] == was.frame, "M2P");
}

static void op_table(struct fuzz_in *in)
{
	u64 list[64] = { 0 };
	struct gnttab_setup_table setup = { .frame_list = (u64)list, .status = 99 };
	struct gnttab_query_size size = { .status = 99 };
	struct domain *d = sim_current->domain, *who;
	struct gnttab_swap_grant_ref swap = { .status = 99 };
	struct grant_entry_v1 *a, *b, was_a, was_b;
	mfn_t mfn;

	switch (fuzz_below(in, 8)) {
	case 0: case 1:
		setup.dom = pick_domid(in);
		setup.nr_frames = (u32)fuzz_number(in);
		who = by_id(setup.dom);
		(void)call(GNTTABOP_setup_table, &setup, 1, 0);
		if (setup.status)
			break;
		FUZZ_CHECK(who && (who == d || d == dom0), "domain %u's table", setup.dom);
		FUZZ_CHECK(setup.nr_frames <= 4 && who->grants->nr_frames >= setup.nr_frames,
			   "%u frames", setup.nr_frames);
		for (u32 i = 0; i < setup.nr_frames; i++)
			FUZZ_CHECK(owned(list[i], NULL) == false &&
					   frame_owner(mfn_to_frame(list[i])) == who,
				   "frame %lx", list[i]);
		break;
	case 2:
		size.dom = pick_domid(in);
		(void)call(GNTTABOP_query_size, &size, 1, 0);
		break;
	case 3:
		who = domain_of(fuzz_u8(in));
		(void)grant_frame_mfn(who, fuzz_u8(in), fuzz_u8(in) & 1, &mfn);
		break;
	case 4: case 5: case 6:
		swap.ref_a = pick_ref(in);
		swap.ref_b = pick_ref(in);
		a = entry(d, swap.ref_a);
		b = entry(d, swap.ref_b);
		if (a && b) {
			was_a = *a;
			was_b = *b;
		}
		(void)call(GNTTABOP_swap_grant_ref, &swap, 1, 0);
		FUZZ_CHECK(swap.status || (a && b), "entries that are not there were swapped");
		if (!a || !b)
			break;
		if (swap.status)
			FUZZ_CHECK(!memcmp(a, &was_a, 8) && !memcmp(b, &was_b, 8),
				   "entries changed");
		else
			FUZZ_CHECK(!memcmp(a, &was_b, 8) && !memcmp(b, &was_a, 8) &&
					   !users(d, swap.ref_a, false, NULL) &&
					   !users(d, swap.ref_b, false, NULL), "grants in use");
		break;
	default:
		/* As many as lie in the list, whatever they are. */
		(void)call(fuzz_u8(in) | GNTTABOP_set_version, list, fuzz_below(in, 8), 0);
	}
}

/* The guest's own page tables: entries go, change and come; a page becomes a table. */
static void op_mmu(struct fuzz_in *in)
{
	u64 addr = pick_host_addr(in, GNTMAP_contains_pte);
	u8 how = fuzz_u8(in);
	mfn_t m = pool[fuzz_below(in, POOL)];
	u64 val = how & 1 ? 0 : pte_make(m, PTE_P | PTE_US | (how & 2 ? PTE_RW : 0));
	s64 r;

	if (how & 0x80) {
		r = mmuext(how & 0x40 ? MMUEXT_PIN_L1_TABLE : MMUEXT_UNPIN_TABLE, m, 0);
		fuzz_say("domain %u (un)pins %lx: %ld\n", sim_current->domain->id, m, r);
		return;
	}
	/* The same frame with less rights is allowed, whoever owns it. */
	if (how & 4 && addr >> PAGE_SHIFT < SIM_FRAMES)
		val = ((u64 *)mfn_to_va(addr >> PAGE_SHIFT))[addr / 8 % 512] &
			~(how & 8 ? PTE_RW : PTE_A);
	r = mmu_update(addr, val);
	fuzz_say("domain %u writes entry %lx := %lx: %ld\n", sim_current->domain->id, addr, val, r);
}

/* The domains' tables go, once nothing is mapped any more. */
static void grants_gone(void)
{
	struct domain *const all[] = { guest, other, dom0 };

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		struct grant_table *gt = all[i]->grants;

		for (u32 ref = 0; ref < gt->nr_frames * GRANTS_PER_FRAME; ref++)
			FUZZ_CHECK(!gt->active[ref / GRANTS_PER_FRAME]
					      [ref % GRANTS_PER_FRAME].users,
				   "grant %u of domain %u is still in use", ref, all[i]->id);
		FUZZ_CHECK(!gt->mappings, "domain %u still has mappings", all[i]->id);
		grant_destroy(all[i]);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	world_init();
	world_gone = grants_gone;
	grant_max_frames = 4;
	grant_max_maptrack = 1;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	u8 how = fuzz_u8(&in);

	world_begin(how & 1, how >> 2);
	a_counts = true;
	world_walks = false;
	moments = 0;
	memset(handles, 0, sizeof(handles));
	sim.objects = 0;
	FUZZ_CHECK(!grant_init(guest, 0, 0) && !grant_init(other, 0, 0) && !grant_init(dom0, 0, 0),
		   "no memory");
	world_trees();
	world_check();
	for (unsigned n = 0; n < MAX_OPS && fuzz_more(&in); n++) {
		u8 op = fuzz_u8(&in), who = fuzz_u8(&in);
		unsigned preempt = who & 4 ? 1 + (who >> 4) : 0;

		world_leap(op >> 4);
		moments = (u32)(op << 8 | who) * 2654435761U;
		world_walks = moments >> 7 & 1;
		on_cpu(who & 3);
		switch (op % 16) {
		case 0: case 1: case 2: op_entry(&in); break;
		case 3: case 4: case 5: case 6: op_map(&in, preempt); break;
		case 7: case 8: case 9: op_unmap(&in, preempt, false); break;
		case 10: op_unmap(&in, preempt, true); break;
		case 11: op_copy(&in); break;
		case 12: op_transfer(&in); break;
		case 13: op_table(&in); break;
		default: op_mmu(&in);
		}
		check_model();
		world_check();
		check_model();
	}
	/* In what order domains end is not theirs to choose. */
	for (unsigned i = 0; i < 3; i++) {
		struct domain *d = domain_of(how + i);

		sim.preempt_after = how >> 4;
		d->dying = true;
		while (grant_release_mappings(d))
			sim.preempt_after = 1;
		sim.preempt_after = 0;
		for (unsigned k = 0; k < HANDLES; k++)
			if (handles[k].d == d)
				handles[k].live = false;
		FUZZ_CHECK(audit() == 0, "the audit after the end of domain %u", d->id);
	}
	world_end();
	return 0;
}
