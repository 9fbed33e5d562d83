/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_HVM_HVM_H
#define ANNULUS_HVM_HVM_H

#include "lib/types.h"

struct vcpu;
struct hvm_hw_cpu;
struct hvm_segment;

/* What a CPU has for guests that are not paravirtual. */
struct hvm_caps {
	const char *name;   /* "SVM" */
	bool nested_paging;
	u32 asids;          /* SVM: tags of the TLB, the host's 0 among them */
	bool tags;          /* VT-x: the TLB has tags (VPID) */
	bool large;         /* guests may have pages of 2 MiB */
};

/*
 * One vendor's way, of which a machine has one or none. What it needs that not every CPU has is
 * asked for here, once; the rest of hvm/ asks nobody.
 */
struct hvm_ops {
	/*
	 * detect() - may this CPU be used so? NULL, and *caps is filled; or why not, in words for
	 * the boot log.
	 */
	const char *(*detect)(struct hvm_caps *caps);
	/* The control block of v, whose hvm is there: 0, -ENOMEM. The second undoes the first. */
	int (*create)(struct vcpu *v);
	void (*destroy)(struct vcpu *v);
	/* v is about to be current, or was; interrupts off. */
	void (*switch_in)(struct vcpu *v);
	void (*switch_out)(struct vcpu *v);
	/*
	 * Into the guest until it is left. v is current, interrupts are off, its registers are in
	 * guest_regs() and the rest in v->hvm->now, both ways.
	 */
	void (*run)(struct vcpu *v);
	/* What it was left for, interrupts on. */
	void (*handle_exit)(struct vcpu *v);
	/*
	 * What of v's state is in the control block or on the CPU, to and from the ABI's record:
	 * all but general registers, DR0 to DR3 and FPU. v is current or does not run.
	 */
	void (*get_state)(struct vcpu *v, struct hvm_hw_cpu *c);
	void (*set_state)(struct vcpu *v, const struct hvm_hw_cpu *c);
	/* current's: segment register n, SEG_ES to SEG_GS (pv/decode.h); and its CR2. */
	void (*get_segment)(struct vcpu *v, unsigned n, struct hvm_segment *s);
	void (*set_cr2)(struct vcpu *v, vaddr_t cr2);
	u8 hypercall[3]; /* the instruction */
};

/* Chosen at boot, not changed afterwards; NULL: there is none. */
extern const struct hvm_ops *hvm_ops;
/* What every CPU of the machine can do: set at boot, not changed afterwards. */
extern struct hvm_caps hvm_caps;

/* hvm_init() - boot, on the boot CPU, after features_init(): chooses the vendor's way. */
void hvm_init(void);
/*
 * hvm_init_cpu() - on each other CPU as it starts, before there are domains: one that cannot do
 * what the boot CPU can, takes it from all.
 */
void hvm_init_cpu(void);
/* hvm_report() - the boot log's line, when all CPUs have started. */
void hvm_report(void);
/* hvm-unsafe: also where they could read what is not theirs. */
extern bool hvm_unsafe;
/* Can HVM guests be had on this machine? Asked after boot. */
bool hvm_available(void);
/* console_io, which stands above: registered at boot, before there are domains. */
void hvm_console_register(s64 (*fn)(u64 cmd, u64 count, u64 arg));

#endif
