// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/mmu.c hypervisor/pv/leaf.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c
// sources: hypervisor/pv/shadow.c hypervisor/memory/log_dirty.c hypervisor/control/shadow_op.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
// cflags: -DSIM_FRAMES=384 -DHEAP_FIRST=160ULL
// clang: -fno-sanitize-coverage=trace-cmp
// options: -max_len=1024
//
// Page types: mmu_update, mmuext_op, update_va_mapping, set_gdt and frames that leave and come, by
// two guests and dom0, interrupted anywhere and carried on after others did theirs, or never. After
// every operation the audit is the oracle for the counts, a model of the TLBs for the flushes, and
// what an accepted or refused update must have done to its entry. Now and then the guest runs on
// shadows of its tables, with the log of its written pages on, and no write may be missing in it.

#include "mmu_world.h"
#include "log_world.h"
#include "pv/descriptor_page.h"

#define MAX_OPS 64

/* A preempted hypercall of a CPU's vCPU. */
static struct pending {
	bool wanted;
	unsigned op;
	u64 args[6];
	struct mmu_update req[4];
	struct mmuext_op ext[4];
	u64 frames[14];
	u32 done;
} pending[CPUS];

static mfn_t pick_frame(struct fuzz_in *in)
{
	u8 b = fuzz_u8(in);

	if (b < 0xf0)
		return pool[b % POOL];
	switch (b & 7) {
	case 0: return 0;
	case 1: return SIM_FRAMES;
	case 2: return INVALID_MFN;
	case 3: return va_to_mfn(idle_l4);
	case 4: return va_to_mfn(guest->shared_info);
	case 5: return 0xfffffffffULL;
	case 6: return HEAP_FIRST + fuzz_u8(in) % (SIM_FRAMES - HEAP_FIRST);
	default: return va_to_mfn(guest);
	}
}

static u64 pick_entry(struct fuzz_in *in)
{
	static const u64 flags[] = {
		PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D, PTE_P | PTE_RW, PTE_P | PTE_US | PTE_A,
		PTE_P | PTE_RW | PTE_A | PTE_D, 0, PTE_P | PTE_PS, PTE_P | PTE_NX | PTE_RW,
		PTE_P | PTE_RW | PTE_PCD, PTE_P | PTE_G | PTE_RW, PTE_P | PTE_GUEST_KERNEL | PTE_RW,
		PTE_P | PTE_US | PTE_AVAIL, PTE_RW | PTE_A,
	};
	mfn_t m = pick_frame(in);
	u8 b = fuzz_u8(in);

	if (b == 0xff)
		return fuzz_u64(in);
	return (m << PAGE_SHIFT & PTE_ADDR) | flags[b % ARRAY_SIZE(flags)];
}

static unsigned pick_slot(struct fuzz_in *in)
{
	return slots[fuzz_below(in, ARRAY_SIZE(slots))];
}

static u64 pick_va(struct fuzz_in *in)
{
	u64 va = 0;
	u8 b = fuzz_u8(in);

	for (unsigned level = 1; level <= 4; level++, b >>= 2)
		va |= (u64)slots[b & 3] << (PAGE_SHIFT + 9 * (level - 1));
	return va;
}

static u64 pick_domid(struct fuzz_in *in)
{
	static const u64 ids[] = { DOMID_SELF, DOMID_SELF, DOMID_SELF, DOMID_SELF, 7, 8, 0,
				   DOMID_IO, DOMID_XEN, 99, 0xffff };

	return ids[fuzz_below(in, ARRAY_SIZE(ids))];
}

/* References, types and contents as a guest could tell them apart. */
static u64 fingerprint(void)
{
	u64 h = 1469598103934665603ULL;

	for (mfn_t m = HEAP_FIRST; m < SIM_FRAMES; m++) {
		const struct frame *f = mfn_to_frame(m);

		if (f->count & FC_HEAP)
			continue;
		h = (h ^ f->count) * 1099511628211ULL;
		h = (h ^ (f->type & (FT_COUNT_MASK | FT_PINNED))) * 1099511628211ULL;
		if (f->type & FT_COUNT_MASK)
			h = (h ^ (f->type & FT_TYPE_MASK)) * 1099511628211ULL;
	}
	return h;
}

static bool anything_partial(void)
{
	for (mfn_t m = HEAP_FIRST; m < SIM_FRAMES; m++)
		if (!(mfn_to_frame(m)->count & FC_HEAP) && (mfn_to_frame(m)->type & FT_PARTIAL))
			return true;
	return false;
}

static s64 call_pending(struct pending *p)
{
	const u64 *a = p->args;

	switch (p->op) {
	case __HYPERVISOR_mmu_update: return do_mmu_update(a[0], a[1], a[2], a[3]);
	case __HYPERVISOR_mmuext_op: return do_mmuext_op(a[0], a[1], a[2], a[3]);
	case __HYPERVISOR_update_va_mapping: return do_update_va_mapping(a[0], a[1], a[2]);
	case __HYPERVISOR_update_va_mapping_otherdomain:
		return do_update_va_mapping_otherdomain(a[0], a[1], a[2], a[3]);
	case __HYPERVISOR_set_gdt:
		return do_set_gdt(a[0], a[1]);
	case __HYPERVISOR_update_descriptor:
		return do_update_descriptor(a[0], a[1]);
	}
	FUZZ_CHECK(0, "continuation of hypercall %u", p->op);
	return 0;
}

/* Carry a CPU's hypercall on, for one preemption or to its end. */
static s64 carry_on(unsigned cpu, unsigned preempt_after, bool to_the_end)
{
	struct pending *p = &pending[cpu];
	s64 r = 0;

	for (unsigned i = 0; p->wanted && (to_the_end || !i); i++) {
		FUZZ_CHECK(i < 100000, "hypercall %u gets nowhere", p->op);
		p->wanted = false;
		sim.preempt_after = i < 5000 ? preempt_after : 0;
		r = call_pending(p);
		sim.preempt_after = 0;
		if (r == SIM_CONTINUED && continuation.wanted) {
			continuation.wanted = false;
			p->wanted = true;
			p->op = continuation.op;
			memcpy(p->args, continuation.args, sizeof(p->args));
		}
	}
	return r;
}

/*
 * What one request that was answered with `r` must have done: nothing, or what it says. `before` is
 * fingerprint()'s, where nothing stood half-way before or after.
 */
static void check_update(const struct mmu_update *req, s64 r, u64 before, bool comparable)
{
	mfn_t m = req->ptr >> PAGE_SHIFT;
	u64 now;

	if (r && r != SIM_CONTINUED && comparable && !anything_partial())
		FUZZ_CHECK(fingerprint() == before,
			   "a refused update (%ld) of %lx to %lx changed references", r, req->ptr,
			   req->val);
	if (r || (req->ptr & 3) == MMU_MACHPHYS_UPDATE)
		return;
	now = table_of(m)[(req->ptr & ~PAGE_MASK) / 8];
	if (ft_is_table(mfn_to_frame(m)->type) && (mfn_to_frame(m)->type & FT_COUNT_MASK))
		FUZZ_CHECK(!((now ^ req->val) & (PTE_P | PTE_NX | PTE_AVAIL)) &&
				   pte_mfn(now) == pte_mfn(req->val) &&
				   (!(now & PTE_P) || !((now ^ req->val) & PTE_RW)),
			   "entry %lx is %lx, asked for was %lx", req->ptr, now, req->val);
	else
		FUZZ_CHECK(now == req->val, "word %lx is %lx, asked for was %lx", req->ptr, now,
			   req->val);
}

static void op_mmu_update(struct fuzz_in *in, unsigned cpu, unsigned preempt)
{
	struct pending *p = &pending[cpu];
	unsigned n = 1 + fuzz_below(in, 3);
	u64 foreign = pick_domid(in), before;
	bool comparable = n == 1 && !preempt && !anything_partial() &&
		!sim_current->pv.old_table;
	s64 r;

	if (fuzz_below(in, 16) == 1)
		foreign |= (pick_domid(in) + 1) << 16;
	for (unsigned i = 0; i < n; i++) {
		mfn_t m = pick_frame(in);
		u8 cmd = fuzz_u8(in);

		p->req[i].ptr = (m << PAGE_SHIFT) + pick_slot(in) * 8;
		p->req[i].ptr |= cmd < 0xc0 ? MMU_NORMAL_PT_UPDATE :
			cmd < 0xe0 ? MMU_PT_UPDATE_PRESERVE_AD : cmd & 7;
		p->req[i].val = pick_entry(in);
		fuzz_say("cpu %u: mmu_update %lx := %lx, domid %lx\n", cpu, p->req[i].ptr,
			 p->req[i].val, foreign);
	}
	before = comparable ? fingerprint() : 0;
	p->op = __HYPERVISOR_mmu_update;
	p->args[0] = (u64)p->req;
	p->args[1] = n;
	p->args[2] = fuzz_below(in, 4) ? (u64)&p->done : 0;
	p->args[3] = foreign;
	p->wanted = true;
	r = carry_on(cpu, preempt, !preempt);
	fuzz_say("    %ld\n", r);
	if (n == 1)
		check_update(p->req, r, before, comparable);
}

static void op_mmuext(struct fuzz_in *in, unsigned cpu, unsigned preempt)
{
	static u64 vcpus = 3;
	struct pending *p = &pending[cpu];
	unsigned n = 1 + fuzz_below(in, 3);
	s64 r;

	for (unsigned i = 0; i < n; i++) {
		u8 cmd = fuzz_u8(in);

		/* The cache flushes execute a privileged instruction. */
		p->ext[i].cmd = cmd < 0xa0 ? cmd % 8 : cmd % 24;
		if (p->ext[i].cmd == MMUEXT_FLUSH_CACHE ||
		    p->ext[i].cmd == MMUEXT_FLUSH_CACHE_GLOBAL)
			p->ext[i].cmd = MMUEXT_UNPIN_TABLE;
		p->ext[i].arg1.mfn = pick_frame(in);
		p->ext[i].arg2.src_mfn = 0;
		switch (p->ext[i].cmd) {
		case MMUEXT_SET_LDT:
			p->ext[i].arg1.linear_addr = pick_va(in);
			p->ext[i].arg2.nr_ents = (unsigned)fuzz_number(in);
			break;
		case MMUEXT_COPY_PAGE:
			p->ext[i].arg2.src_mfn = pick_frame(in);
			break;
		case MMUEXT_INVLPG_LOCAL:
		case MMUEXT_INVLPG_ALL:
			p->ext[i].arg1.linear_addr = pick_va(in);
			break;
		case MMUEXT_INVLPG_MULTI:
		case MMUEXT_TLB_FLUSH_MULTI:
			p->ext[i].arg1.linear_addr = pick_va(in);
			p->ext[i].arg2.vcpumask = (u64)&vcpus;
			break;
		case MMUEXT_NEW_USER_BASEPTR:
			if (fuzz_below(in, 4) == 1)
				p->ext[i].arg1.mfn = 0;
			break;
		}
		fuzz_say("cpu %u: mmuext %u mfn %lx\n", cpu, p->ext[i].cmd, p->ext[i].arg1.mfn);
	}
	p->op = __HYPERVISOR_mmuext_op;
	p->args[0] = (u64)p->ext;
	p->args[1] = n;
	p->args[2] = (u64)&p->done;
	p->args[3] = pick_domid(in);
	p->wanted = true;
	r = carry_on(cpu, preempt, !preempt);
	fuzz_say("    %ld\n", r);
}

static void op_va_mapping(struct fuzz_in *in, unsigned cpu, unsigned preempt)
{
	static u64 vcpus = 3;
	struct pending *p = &pending[cpu];
	static const u64 flags[] = { 0, UVMF_INVLPG | UVMF_LOCAL, UVMF_TLB_FLUSH | UVMF_LOCAL,
				     UVMF_INVLPG | UVMF_ALL, UVMF_TLB_FLUSH | UVMF_ALL };
	u8 b = fuzz_u8(in);
	s64 r;

	p->op = b & 1 ? __HYPERVISOR_update_va_mapping_otherdomain : __HYPERVISOR_update_va_mapping;
	p->args[0] = pick_va(in);
	p->args[1] = pick_entry(in);
	p->args[2] = b & 2 ? (u64)&vcpus | UVMF_TLB_FLUSH : flags[b / 4 % ARRAY_SIZE(flags)];
	p->args[3] = pick_domid(in);
	fuzz_say("cpu %u: va %lx := %lx, flags %lx\n", cpu, p->args[0], p->args[1], p->args[2]);
	p->wanted = true;
	r = carry_on(cpu, preempt, !preempt);
	fuzz_say("    %ld\n", r);
}

static void op_descriptors(struct fuzz_in *in, unsigned cpu, unsigned preempt)
{
	struct pending *p = &pending[cpu];

	p->wanted = true;
	if (fuzz_below(in, 2)) {
		p->op = __HYPERVISOR_set_gdt;
		for (unsigned i = 0; i < 2; i++)
			p->frames[i] = pick_frame(in);
		p->args[0] = (u64)p->frames;
		p->args[1] = fuzz_number(in) * 64;
		fuzz_say("cpu %u: set_gdt %lx %lx, %lu entries\n", cpu, p->frames[0],
			 p->frames[1], p->args[1]);
	} else {
		p->op = __HYPERVISOR_update_descriptor;
		p->args[0] = (pick_frame(in) << PAGE_SHIFT) + pick_slot(in) * 8;
		p->args[1] = fuzz_below(in, 4) ? 0x00cffb000000ffff : fuzz_u64(in);
		fuzz_say("cpu %u: update_descriptor %lx := %lx\n", cpu, p->args[0], p->args[1]);
	}
	(void)carry_on(cpu, preempt, !preempt);
}

/*
 * The guest writes to its memory. It could map anything writable that has no other type, so let it
 * do that in one step.
 */
static void op_store(struct fuzz_in *in)
{
	unsigned i = fuzz_below(in, POOL), slot = pick_slot(in);
	u64 e = pick_entry(in);
	struct frame *f = mfn_to_frame(pool[i]);

	if ((f->count & FC_HEAP) || frame_get_and_type(f, frame_owner(f), FT_WRITABLE))
		return;
	fuzz_say("store %lx slot %u := %lx\n", pool[i], slot, e);
	table_of(pool[i])[slot] = e;
	/* By a shadow, or by another domain's mapping. */
	frame_dirtied(f);
	frame_put_and_type(f);
}

/* As the balloon does it, and a new frame in its place or not. */
static void op_balloon(struct fuzz_in *in)
{
	unsigned i = fuzz_below(in, POOL);
	struct frame *f = mfn_to_frame(pool[i]);
	struct domain *d = i < GUEST_POOL ? guest : i < GUEST_POOL + OTHER_POOL ? other : dom0;
	u8 how = fuzz_u8(in);

	if (frame_get(f, d)) {
		fuzz_say("%u gives back %lx\n", d->id, pool[i]);
		m2p_set(pool[i], M2P_INVALID);
		frame_release(f);
		frame_put(f);
	}
	if (how & 1) {
		struct frame *fresh = heap_alloc_dom(d, 0, how & 2 ? 28 : 0);

		if (!fresh)
			return;
		pool[i] = frame_to_mfn(fresh);
		if (how & 4 && frame_get(fresh, d)) {
			m2p_set(pool[i], i);
			frame_put(fresh);
		}
		for (unsigned k = 0; k < PT_ENTRIES; k++)
			FUZZ_CHECK(!table_of(pool[i])[k], "frame %lx is handed out uncleared",
				   pool[i]);
		fuzz_say("and gets %lx\n", pool[i]);
	}
}

/* A frame changes its owner, as by a grant transfer. */
static void op_steal(struct fuzz_in *in)
{
	unsigned i = fuzz_below(in, POOL), to = fuzz_below(in, 2);
	struct domain *d = i < GUEST_POOL ? guest : i < GUEST_POOL + OTHER_POOL ? other : dom0;
	struct frame *f = mfn_to_frame(pool[i]);

	if ((f->count & FC_HEAP) || frame_steal(d, f))
		return;
	fuzz_say("%lx leaves %u\n", pool[i], d->id);
	if (heap_assign(to ? guest : other, f, 0))
		heap_free_dom(f, 0);
}

static void op_mode(unsigned cpu)
{
	struct vcpu *v = sim_current;
	mfn_t root;

	if (v->pv.guest_table == INVALID_MFN || v->pv.guest_table_user == INVALID_MFN)
		return;
	v->pv.kernel_mode = !v->pv.kernel_mode;
	root = v->pv.kernel_mode ? v->pv.cr3_kernel : v->pv.cr3_user;
	fuzz_say("cpu %u: %s mode\n", cpu, v->pv.kernel_mode ? "kernel" : "user");
	cpus[cpu].cr3_mfn = root;
	/* Writing CR3 drops everything but global translations, and is no tick of the clock. */
	tlb_empty(cpu, cpu_features.pge);
}

/* A tree to start from: as a kernel builds it, and pinned or not. */
static void first_tree(u8 how)
{
	static const unsigned parent[GUEST_POOL] = { 0, 0, 1, 2, 3, 3, 3, 0,
						     7, 8, 9, 9, 0, 12, 3, 9 };

	for (unsigned i = 1; i < GUEST_POOL; i++)
		for (unsigned k = 0; k < 4; k++) {
			u64 *e = &table_of(pool[parent[i]])[slots[(i + (how >> 2)) & 3]];

			if (!*e) {
				*e = pte_make(pool[i], how & 2 ? TABLE_FLAGS : PTE_P | PTE_US);
				break;
			}
		}
	if (how & 1) {
		on_cpu(0);
		(void)mmuext(MMUEXT_PIN_L4_TABLE, pool[0], 0);
		if (how & 0x10)
			(void)mmuext(MMUEXT_NEW_BASEPTR, pool[0], 0);
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	world_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	u8 how = fuzz_u8(&in);

	world_begin(how & 0x80, how >> 2);
	log_begin();
	memset(pending, 0, sizeof(pending));
	first_tree(how);
	if (how & 0x40)
		log_on();
	world_check();
	for (unsigned n = 0; n < MAX_OPS && fuzz_more(&in); n++) {
		u8 op = fuzz_u8(&in), who = fuzz_u8(&in);
		unsigned cpu = who & 3, preempt = who & 4 ? 1 + (who >> 3) : 0;

		world_leap(op >> 4);
		on_cpu(cpu);
		switch (op % 16) {
		case 0: case 1: case 2: case 3: op_mmu_update(&in, cpu, preempt); break;
		case 4: case 5: case 6: case 7: op_mmuext(&in, cpu, preempt); break;
		case 8: op_va_mapping(&in, cpu, preempt); break;
		case 9: op_descriptors(&in, cpu, preempt); break;
		case 10: case 11: op_store(&in); break;
		case 12: op_balloon(&in); break;
		case 13: op_steal(&in); break;
		case 14:
			switch (fuzz_u8(&in) % 4) {
			case 0: op_mode(cpu); break;
			case 1: op_log(&in, preempt); break;
			default: op_access(&in, cpu, pick_va(&in));
			}
			break;
		default:
			/* An interrupted one goes on, a step or to its end. */
			fuzz_say("cpu %u goes on\n", cpu);
			(void)carry_on(cpu, preempt, who & 0x80);
		}
		world_check();
		log_check();
	}
	log_end();
	world_end();
	return 0;
}
