/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_IRQ_H
#define ANNULUS_MACHINE_IRQ_H

#include "cpu/regs.h"
#include "lib/spinlock.h"
#include "lib/types.h"

struct domain;
struct vcpu;
struct irq_desc;

/*
 * Interrupt lines. Number n < IRQ_GSIS is GSI n; the rest are message-signalled ones, allocated as
 * devices ask.
 *
 * Locks: irq_desc.lock guards everything in a descriptor and is taken by the interrupt handler:
 * _irqsave everywhere. Below it come only the vector allocator's, the I/O APICs' and the PCI
 * configuration lock. Events are sent without it. The vector table is read without a lock by the
 * handler, which looks again under the descriptor's lock.
 */
#define IRQ_GSIS 256
#define IRQ_MSIS 176
#define NR_IRQS  (IRQ_GSIS + IRQ_MSIS)

/* How to reach the hardware behind a line; called with the descriptor's lock held. */
struct irq_chip {
	const char *name;
	void (*startup)(struct irq_desc *desc);   /* program vector and destination; stays masked */
	void (*mask)(struct irq_desc *desc);
	void (*unmask)(struct irq_desc *desc);
	void (*set_dest)(struct irq_desc *desc);  /* desc->dest changed */
};

#define IRQ_MAX_GUESTS 8

struct irq_desc {
	struct spinlock lock;
	unsigned irq;
	u8 vector;                /* 0: none yet */
	bool level, active_low;
	bool masked;
	/*
	 * Masked for a while because nobody keeps up, or there are too many for the CPU. Outlives
	 * bindings: who unbinds and binds again waits as well.
	 */
	bool storm;
	u32 dest;                 /* APIC id */
	const struct irq_chip *chip; /* NULL: the line does not exist (now) */
	void *chip_data;
	/* The hypervisor's own use excludes guests'. */
	void (*own)(void *arg);
	void *own_arg;
	/*
	 * Guests that have it bound. `owes`: an event was sent and its EOI has not come (level
	 * only).
	 */
	unsigned nr_guests, owed;
	bool shared;              /* all of them are willing to share */
	struct irq_guest {
		struct domain *domain;
		u32 pirq;
		bool owes;
	} guests[IRQ_MAX_GUESTS];
	/* Storm watch: interrupts since `window`, that found the event still pending. */
	u32 unheard;
	u64 window;               /* ns of system time */
	u64 masked_since;         /* ns; while `storm`, or while EOIs of a shared line are owed */
	/*
	 * How long sharers were waited for, in ns, since `waited_since` (ns of system time). The
	 * line's and not a binding's, so that neither a new binding nor an EOI in time ends it.
	 */
	u64 waited, waited_since;
	/* Interrupts since `taken_since` (ns of system time), whether heard or not. */
	u32 taken;
	u64 taken_since;
	u64 count;
};

extern struct irq_desc irq_descs[NR_IRQS];

/*
 * Who takes guests' interrupts: what a domain is, this room does not know. hold() is called with
 * the descriptor's lock held and keeps the domain until deliver(), which is called without, has
 * sent it the event. still_pending(): did it not take the last one yet?
 */
struct irq_receiver {
	void (*hold)(struct domain *d);
	void (*deliver)(struct domain *d, u32 pirq);
	bool (*still_pending)(struct domain *d, u32 pirq);
};

/* Boot CPU, after ioapic_init(). */
void irq_init(const struct irq_receiver *guests);

/*
 * irq_dispatch() - an interrupt with vector 0x20-0xff arrived. Called by the entry code, interrupts
 * off. It acknowledges the local APIC.
 */
void irq_dispatch(struct regs *r);

/*
 * irq_request_own() - the hypervisor's own use of a GSI, for good; `fn` runs with interrupts off.
 * The mode is what the MADT says for ISA lines, else level and active low. 0, -EINVAL (no such
 * GSI), -EBUSY (in use), -ENOSPC (no vector).
 */
int irq_request_own(unsigned gsi, void (*fn)(void *arg), void *arg);

/* 0, -EINVAL (no such pin), -EEXIST (in use in another mode). */
int irq_setup_gsi(unsigned gsi, bool level, bool active_low);

/*
 * Message-signalled lines: `count` (a power of two, at most 32) neighbouring lines with
 * neighbouring vectors aligned to their number. Returns the first or -ENOSPC. irq_free_msi() gives
 * one line back; nobody may have it bound any more.
 */
int irq_alloc_msi(unsigned count, const struct irq_chip *chip);
void irq_free_msi(unsigned irq);
bool irq_is_msi(unsigned irq);

/*
 * Guests. irq_guest_bind(): events for `pirq` of `d` are sent from now on; the interrupt goes to
 * the CPU with APIC id `dest` if it was not bound before. 0, -EINVAL (no such line), -EBUSY (ours,
 * or not shareable, or bound by d already), -ENOSPC (no vector left). irq_guest_unbind(): no new
 * event is sent after it returns (one may be under way: irq_receiver.hold()); an owed EOI is
 * forgiven. irq_guest_eoi(): the guest is done.
 */
int irq_guest_bind(unsigned irq, struct domain *d, u32 pirq, bool share, u32 dest);
void irq_guest_unbind(unsigned irq, struct domain *d);
void irq_guest_eoi(unsigned irq, struct domain *d);
bool irq_is_level(unsigned irq);
bool irq_is_shared(unsigned irq);

/* Debug key: one line for each line in use. */
void irq_dump(void);

#endif
