/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_LIB_UPCALLS_H
#define ANNULUS_LIB_UPCALLS_H

#include "lib/types.h"

/*
 * The calls that go up: a room uses what stands below it (lib, cpu, memory, machine, domain, sched,
 * pv, hvm, image, control, entry, boot), but for these functions, which it declares here and a
 * higher room fills. Each is a plain call because it is hot or because what it is about cannot be
 * cut in two; `make lint` holds every object file to this list. Who can wait for a pointer to a
 * function registers one with the lower room instead.
 */
struct domain;
struct frame;
struct vcpu;
struct vcpu_guest_context;

/* ---- filled by machine/: everybody has something to say ---- */

/*
 * printk() - one formatted line (or part of one) to the console ring and, by `loglvl=`, to the
 * serial port. Callable anywhere, NMI and #MC excepted. The formats are those of vsnprintf().
 */
void printk(const char *fmt, ...) __printf(1, 2);
/*
 * panic() - the hardware or we lied: print, stop all CPUs, reboot or (noreboot) halt. Never for a
 * guest's doing.
 */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;

/* ---- filled by domain/: who goes with the last frame ---- */

/* Drop a reference of a domain; the last one frees it. No spinlock is held. */
void domain_put(struct domain *d);

/* ---- filled by pv/: what a frame's type means, and a vCPU's state ---- */

/*
 * frame_get_type() - take a type reference (a general reference must be held already). Changes the
 * type if no type reference exists; a page-table type is validated then. `type` is an FT_* value.
 *     0
 *     -EINVAL    the frame has another type, or its content is not valid for this one
 *     -ERESTART  preempted in the middle: state kept in the frame, call again
 *     -EBUSY     too many references
 */
int __must_check frame_get_type(struct frame *f, u64 type);
/* frame_put_type() - drop a type reference; runs to its end. */
void frame_put_type(struct frame *f);
/*
 * frame_type_relinquish() - domain_relinquish_memory()'s step: pin and abandoned partial validation
 * of a frame whose domain is dying. 0 or -ERESTART.
 */
int frame_type_relinquish(struct frame *f);

/*
 * vcpu_set_context() - the initial state of a vCPU from the ABI's struct, fully validated. Errno;
 * -ERESTART possible.
 */
int vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c);

/*
 * vcpu_reset() - drop what vcpu_set_context() and the guest set up (roots, GDT, LDT). -ERESTART
 * possible.
 */
int vcpu_reset(struct vcpu *v);

/*
 * root_load() - load the vCPU's current root (guest_table or, in user mode, guest_table_user) on
 * this CPU, which runs v. If it has none, the idle root (see pv/root.h).
 * root_create_compat() - the L4 that a 32-bit guest's vCPU runs on: 0 or -ENOMEM; nothing to do for
 * a vCPU that has one. root_destroy_compat() undoes it.
 */
void root_load(struct vcpu *v);
int root_create_compat(struct vcpu *v);
void root_destroy_compat(struct vcpu *v);

/*
 * Entries of the current domain's L1 tables that map a granted frame. The entry holds references of
 * its own, like any other: a general one, and a FT_WRITABLE one unless GNTMAP_readonly. No lock is
 * held by the caller, who keeps references of its own on the frame meanwhile.
 *
 * grant_pte_map() - `host_addr` is a virtual address, or with GNTMAP_contains_pte the machine
 * address of the entry; `avail_bits` are the entry's bits 9-11 as the guest wants them. What was in
 * the entry is given up. 0, or -EINVAL or another errno with nothing changed.
 *
 * grant_pte_unmap() - the entry must map `mfn` as `gntmap_flags` say. It is cleared, or, if
 * `new_addr` is not 0, replaced by the entry of that virtual address, which is cleared. Answers
 * GRANT_PTE_*, or -EINVAL with nothing changed.
 */
enum {
	GRANT_PTE_UNTOUCHED, /* no flush is owed for the entry */
	GRANT_PTE_CACHED,    /* flush all that the domain runs on before dropping own references */
};
int grant_pte_map(u64 host_addr, mfn_t mfn, u32 gntmap_flags, u64 avail_bits);
int grant_pte_unmap(u64 host_addr, mfn_t mfn, u32 gntmap_flags, u64 new_addr);

/* ---- filled by sched/: who runs ---- */

/* 0; nothing can fail today. */
int sched_init_vcpu(struct vcpu *v, unsigned cpu);
void sched_destroy_vcpu(struct vcpu *v);
/*
 * vcpu_wake() - the vCPU may be runnable now (pause_flags may be 0): queue it and kick a CPU if it
 * should run there.
 */
void vcpu_wake(struct vcpu *v);
/*
 * vcpu_sleep_nosync() - pause_flags became non-zero: take it off the queue; if it runs, make its
 * CPU reschedule.
 */
void vcpu_sleep_nosync(struct vcpu *v);
void vcpu_sleep_sync(struct vcpu *v);    /* the same, and wait until it is off its CPU */
/* An event arrived: clear VPF_BLOCKED and wake, or kick if it runs. */
void vcpu_unblock(struct vcpu *v);

/* ---- filled by entry/: where a CPU's registers are ---- */

/*
 * context_switch() - entry/vcpu_switch.c: from `prev` (current) to `next`; called by the
 * scheduler's softirq with interrupts off; does not return if next is another vCPU (it leaves
 * through next's exit path).
 */
void context_switch(struct vcpu *prev, struct vcpu *next);

#endif
