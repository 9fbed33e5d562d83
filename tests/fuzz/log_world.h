/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_FUZZ_LOG_WORLD_H
#define ANNULUS_TESTS_FUZZ_LOG_WORLD_H

/*
 * The guest's log of written pages in the world of mmu_world.h: dom0 switches it on and off and
 * asks for it, as if it copied the guest meanwhile. Two oracles:
 *   - who can write a page without a fault, by what the model of the TLBs may hold, can do so
 *     unseen: it must be marked;
 *   - a page that is not what it was when it was copied last must be marked.
 * Included once, after mmu_world.h.
 */
#include "control/control.h"
#include "memory/log_dirty.h"
#include "memory/m2p.h"
#include "pv-abi/domctl.h"
#include "pv/shadow.h"

#define LOG_PFNS 64

u8 unmapped_mode;

static struct {
	bool on, pending;
	struct xen_domctl op;
	u64 bitmap;           /* LOG_PFNS bits */
	u64 copy[LOG_PFNS];   /* checksums of what was copied */
} wlog;

void grant_for_each_written(struct domain *d, void (*fn)(u64 mfn, void *arg), void *arg) { }

static u64 page_sum(mfn_t m)
{
	u64 h = 1469598103934665603ULL;

	for (unsigned i = 0; i < ARRAY_SIZE(slots); i++)
		h = (h ^ table_of(m)[slots[i]]) * 1099511628211ULL;
	return h;
}

/* By number, the guest's only frame that has it, or 0. */
static const mfn_t *log_frames(void)
{
	static mfn_t frame[LOG_PFNS];
	u64 twice = 0;

	memset(frame, 0, sizeof(frame));
	for (mfn_t m = HEAP_FIRST; m < SIM_FRAMES; m++) {
		pfn_t p = m2p_get(m);

		if (frame_owner(mfn_to_frame(m)) != guest || p >= LOG_PFNS ||
		    !(mfn_to_frame(m)->count & FC_ALLOCATED))
			continue;
		twice |= frame[p] ? BIT(p) : 0;
		frame[p] = m;
	}
	for (pfn_t p = 0; p < LOG_PFNS; p++)
		if (twice >> p & 1)
			frame[p] = 0;
	return frame;
}

static void log_copy(u64 which)
{
	const mfn_t *frame = log_frames();

	for (pfn_t p = 0; p < LOG_PFNS; p++)
		if ((which >> p & 1) && frame[p])
			wlog.copy[p] = page_sum(frame[p]);
}

static bool log_marked(pfn_t p)
{
	return log_dirty_take(guest->log, 0, false) >> p & 1;
}

static void log_check(void)
{
	const mfn_t *frame;

	if (!guest->log_dirty || guest->log->step || wlog.pending)
		return;
	for (unsigned c = 0; c < CPUS; c++)
		for_each_set(m, w, tlbs[c].writable)
			FUZZ_CHECK(frame_owner(mfn_to_frame(m)) != guest ||
				   !(mfn_to_frame(m)->count & FC_ALLOCATED) ||
				   log_dirty_marked(guest, m),
				   "CPU %u can write frame %lx and nobody would know", c, m);
	frame = log_frames();
	for (pfn_t p = 0; p < LOG_PFNS; p++)
		FUZZ_CHECK(!frame[p] || log_marked(p) || page_sum(frame[p]) == wlog.copy[p],
			   "page %lx (frame %lx) was written and nobody knows", p, frame[p]);
	/* No CPU remembers the way to a shadow that may become another table's. */
	for (u32 i = 0; i < guest->log->pages; i++) {
		const struct shadow *s = &guest->log->shadows[i];
		mfn_t m = va_to_mfn(s->page);

		for (unsigned c = 0; c < CPUS; c++)
			for (unsigned level = 1; level <= 4; level++)
				FUZZ_CHECK(!test(tlbs[c].cached[level], m) ||
					   (s->state && (s->state != 2 || s->level == level)),
					   "CPU %u walks shadow %u (%u, level %u) as level %u",
					   c, i, s->state, s->level, level);
	}
}

/* One step of what dom0 asks for. */
static void log_step(unsigned preempt)
{
	u32 what = wlog.op.u.shadow_op.op;
	bool switches = what == XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY ||
			what == XEN_DOMCTL_SHADOW_OP_OFF, copyback;
	s64 r;

	/* Whoever switches has the guest's vCPUs off their CPUs meanwhile. */
	for (unsigned c = 0; switches && c < 2; c++) {
		cpus[c].cr3_mfn = va_to_mfn(idle_l4);
		tlb_empty(c, false);
	}
	on_cpu(3);
	sim.preempt_after = preempt;
	r = domctl_shadow_op(guest, &wlog.op, &copyback);
	sim.preempt_after = 0;
	wlog.pending = r == -ERESTART;
	fuzz_say("log: operation %u is %ld\n", what, r);
	for (unsigned c = 0; switches && c < 2; c++) {
		on_cpu(c);
		root_load(sim_current);
	}
	if (r)
		return;
	if (what == XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY)
		log_copy(~0ULL);
	if (what == XEN_DOMCTL_SHADOW_OP_CLEAN)
		log_copy(wlog.bitmap);
}

static void log_ask(u32 what, unsigned preempt)
{
	if (!wlog.pending) {
		memset(&wlog.op, 0, sizeof(wlog.op));
		wlog.op.u.shadow_op.op = what;
		wlog.op.u.shadow_op.dirty_bitmap = (u64)&wlog.bitmap;
		wlog.op.u.shadow_op.pages = LOG_PFNS;
	}
	log_step(preempt);
}

static void op_log(struct fuzz_in *in, unsigned preempt)
{
	static const u32 what[] = {
		XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, XEN_DOMCTL_SHADOW_OP_CLEAN,
		XEN_DOMCTL_SHADOW_OP_CLEAN, XEN_DOMCTL_SHADOW_OP_OFF,
		XEN_DOMCTL_SHADOW_OP_CLEAN, XEN_DOMCTL_SHADOW_OP_PEEK,
	};

	log_ask(what[fuzz_below(in, ARRAY_SIZE(what))], preempt);
}

/* A guest's access by an address: done if the tables say so, or it faults and is done then. */
static void op_access(struct fuzz_in *in, unsigned cpu, u64 va)
{
	u8 how = fuzz_u8(in);
	u32 ec = (how & 1 ? PF_WRITE : 0) | (how & 2 ? PF_USER : 0);
	bool done;

	on_cpu(cpu & 1);
	if (!guest->log_dirty || cpus[cpu & 1].cr3_mfn == va_to_mfn(idle_l4))
		return;
	/* On behalf of the guest with interrupts off, sometimes. */
	if (how & 4)
		local_irq_disable();
	done = shadow_fault(va, &ec, !(how & 4));
	local_irq_enable();
	fuzz_say("cpu %u: %s at %lx %s\n", cpu & 1, how & 1 ? "store" : "load", va,
		 done ? "is possible" : "faults");
}

static void log_begin(void)
{
	memset(&wlog, 0, sizeof(wlog));
	for (unsigned i = 0; i < POOL; i++)
		sim.pfn[pool[i]] = i;
}

static void log_on(void)
{
	do
		log_ask(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, 0);
	while (wlog.pending);
}

static void log_end(void)
{
	wlog.op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_OFF;
	do
		log_step(0);
	while (wlog.pending);
	log_dirty_destroy(guest);
}

#endif
