/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_UNIT_SIM_H
#define ANNULUS_TESTS_UNIT_SIM_H

/*
 * The simulated machine that deciding code runs on in unit tests: RAM and frame table are arrays, a
 * CPU is a thread, a guest's virtual address is a host pointer. Every function of the hypervisor
 * that sim.c stands in for is weak: a test that links the real file gets the real one.
 */
/* The C library has another function of this name, which <pthread.h> declares. */
#define sched_yield hypervisor_sched_yield
#include "domain/domain.h"
#undef sched_yield
#include "memory/frame.h"

/* Back to a machine with all frames free and no domain. */
void sim_reset(void);

/*
 * A domain with shared info, event channels and grants not set up, and `vcpus` vCPUs that are up.
 * At most 64 exist. The caller sets sim_current. sim_domain_free() frees it whatever references
 * there are.
 */
struct domain *sim_domain(domid_t id, unsigned vcpus, bool privileged);
void sim_domain_free(struct domain *d);

/* A frame of d's own, referenced once, of no type; its number. */
mfn_t sim_frame_of(struct domain *d);
/* d gives a frame of its own up, as decrease_reservation does it. */
void sim_give_up(struct domain *d, mfn_t mfn);

/* How often vcpu_unblock() was called for v. */
u64 sim_unblocks(const struct vcpu *v);

/* All there is to see and to arrange; sim_reset() clears it. */
struct sim {
	unsigned tlb_flushes;
	s64 allocs_left;           /* allocations that succeed before one fails; -1: all do */
	u64 lock_waits;            /* locks that a thread found taken; atomic */
	u64 objects;               /* zalloc() and heap_alloc_hv() not freed */
	const void *bad, *bad_end; /* guest memory that faults; so do the first 4096 bytes */
	void (*at_fault)(void);    /* what another vCPU does before copy_to_guest() faults; once */
	/* preempt_wanted() says yes when it is asked for this time; 0: never */
	unsigned preempt_after;
	struct {
		bool wanted;
		unsigned op, nargs;
		u64 args[6];
	} continuation;            /* the last hypercall_continue() */
	unsigned pirq_bound, pirq_unbound;
	int pirq_error;            /* what pirq_guest_bind() returns */
	/* Page-table entries by address, as grant_pte_map() made them. */
	struct {
		u64 addr;
		mfn_t mfn;
		u32 flags;
		u64 avail;
		bool untouched; /* from `untouched` below, as it was then */
	} pte[600];
	unsigned ptes;
	bool untouched;            /* no CPU comes to entries that are made now */
	int pte_error;             /* what grant_pte_map() and _unmap() return */
	u64 pfn[SIM_FRAMES];       /* M2P */
	/*
	 * The processor: the running guest's registers, control register 0, MSRs (any other is a
	 * fault to rdmsr_safe()).
	 */
	struct regs regs;
	u64 cr0, cr3, cr4, xcr0;
	struct {
		u32 number;
		u64 value;
	} msr[32];
	unsigned msrs;
	unsigned wbinvds;
	bool ring1_refused;        /* pv32=0 */
};
extern struct sim sim;

/* hypercall_continue()'s return value here: no hypercall returns it otherwise. */
#define SIM_CONTINUED 0x7e57

#endif
