// SPDX-License-Identifier: GPL-2.0-or-later

#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "cpu/vectors.h"
#include "lib/latency.h"
#include "lib/printk.h"
#include "machine/acpi.h"
#include "machine/ioapic.h"
#include "machine/irq.h"
#include "machine/timer.h"
#include "machine/vector.h"
#include "memory/owner.h"
#include "pv-abi/errno.h"

/*
 * A line that fires this often in a window while its event is still pending is masked until the
 * watchdog's next round.
 */
#define STORM_COUNT     64
#define STORM_WINDOW_NS 10000000ULL
#define WATCHDOG_NS     2000000ULL
/*
 * However well its domain keeps up: what a line may cost the CPU it comes to, where somebody else
 * may be running. More than this in a window, and it is masked the same way.
 */
#define LINE_LIMIT      2000
/*
 * How long sharers of a level-triggered line may keep the others waiting for their EOIs, all waits
 * in a window together. Beyond that each wait ends with the watchdog's round.
 */
#define PATIENCE_NS        20000000ULL
#define PATIENCE_WINDOW_NS 1000000000ULL
/* A wait that the watchdog would not have made any shorter is not counted. */
#define PROMPT_NS          (WATCHDOG_NS / 2)

struct irq_desc irq_descs[NR_IRQS];
static const struct irq_receiver *receiver;

/*
 * What is given out: vectors, and the message-signalled descriptors in use. The lock is a leaf,
 * interrupts off.
 */
GLOBAL_LOCK(alloc_lock, "interrupt vectors lock");
static struct vector_map vectors;
static bool msi_line_used[IRQ_MSIS];

/*
 * Vector to IRQ number + 1, 0 for none. Written under the descriptor's lock, read by handlers
 * without one: the vector is compared again under the lock.
 */
static u16 vector_irq[256];

/* Atomic counters for the debug key. */
static u64 spurious_count;

static struct timer watchdog;
static u32 watchdog_armed; /* atomic */
static void watchdog_round(void *arg);

static void watchdog_arm(void)
{
	if (!atomic_xchg(&watchdog_armed, 1))
		timer_set(&watchdog, system_time() + WATCHDOG_NS);
}

/* -------------------------------------------------------------------------------------------------
 * Lines of the I/O APICs
 */

static void gsi_startup(struct irq_desc *desc)
{
	ioapic_program(desc->irq, desc->vector, desc->dest, desc->level, desc->active_low);
}

static void gsi_mask(struct irq_desc *desc)
{
	ioapic_mask(desc->irq);
}

static void gsi_unmask(struct irq_desc *desc)
{
	ioapic_unmask(desc->irq);
}

static void gsi_set_dest(struct irq_desc *desc)
{
	ioapic_set_dest(desc->irq, desc->dest);
}

static const struct irq_chip gsi_chip = {
	.name = "ioapic",
	.startup = gsi_startup,
	.mask = gsi_mask,
	.unmask = gsi_unmask,
	.set_dest = gsi_set_dest,
};

void irq_init(const struct irq_receiver *guests)
{
	receiver = guests;
	vector_map_init(&vectors);
	timer_init(&watchdog, watchdog_round, NULL, 0);
	for (unsigned i = 0; i < NR_IRQS; i++) {
		struct irq_desc *desc = &irq_descs[i];

		spin_lock_init(&desc->lock);
		desc->irq = i;
		desc->masked = true;
		desc->dest = apic_read_id();
		if (i >= IRQ_GSIS || !ioapic_has_gsi(i))
			continue;
		desc->chip = &gsi_chip;
		/* ISA lines are edges; what comes after them are PCI's INTx. */
		desc->level = desc->active_low = i >= 16;
	}
	for (unsigned i = 0; i < acpi_info.nr_overrides; i++) {
		u32 gsi = acpi_info.overrides[i].gsi;

		if (gsi >= IRQ_GSIS)
			continue;
		irq_descs[gsi].level = acpi_info.overrides[i].level;
		irq_descs[gsi].active_low = acpi_info.overrides[i].active_low;
	}
}

/* Give the line a vector and program it, masked; lock held. 0 or -ENOSPC. */
static int start_line(struct irq_desc *desc)
{
	int vector;

	if (!desc->vector) {
		global_lock(alloc_lock);
		vector = vector_alloc(&vectors, 1);
		global_unlock(alloc_lock);
		if (vector < 0)
			return vector;
		desc->vector = (u8)vector;
		WRITE_ONCE(vector_irq[vector], (u16)(desc->irq + 1));
	}
	desc->masked = true;
	desc->chip->startup(desc);
	return 0;
}

static void mask_line(struct irq_desc *desc)
{
	if (desc->masked)
		return;
	desc->masked = true;
	desc->chip->mask(desc);
}

static void unmask_line(struct irq_desc *desc)
{
	if (!desc->masked || desc->storm || desc->owed)
		return;
	desc->masked = false;
	desc->chip->unmask(desc);
}

/* -------------------------------------------------------------------------------------------------
 * Arrival
 */

/*
 * Events that are to be sent once the descriptor's lock is released: talking to event channels
 * needs their locks.
 */
struct delivery {
	unsigned count;
	struct {
		struct domain *domain;
		u32 pirq;
	} to[IRQ_MAX_GUESTS];
};

/* Lock held. Keeps each domain's structures until deliver() is done with them. */
static void collect(struct irq_desc *desc, struct delivery *out)
{
	out->count = desc->nr_guests;
	for (unsigned i = 0; i < desc->nr_guests; i++) {
		out->to[i].domain = desc->guests[i].domain;
		out->to[i].pirq = desc->guests[i].pirq;
		receiver->hold(out->to[i].domain);
	}
}

static void deliver(const struct delivery *list)
{
	for (unsigned i = 0; i < list->count; i++)
		receiver->deliver(list->to[i].domain, list->to[i].pirq);
}

/* Did nobody take the last event yet? */
static bool still_pending(const struct delivery *list)
{
	for (unsigned i = 0; i < list->count; i++)
		if (!receiver->still_pending(list->to[i].domain, list->to[i].pirq))
			return false;
	return list->count != 0;
}

/* Lock held. Until the watchdog's round. */
static void calm(struct irq_desc *desc, u64 now)
{
	mask_line(desc);
	desc->storm = true;
	desc->masked_since = now;
	desc->unheard = 0;
	watchdog_arm();
}

/* Lock held. The clock is read once in LINE_LIMIT interrupts. */
static void rate_watch(struct irq_desc *desc)
{
	u64 now;

	if (++desc->taken < LINE_LIMIT)
		return;
	now = system_time();
	if (now - desc->taken_since < STORM_WINDOW_NS)
		calm(desc, now);
	desc->taken = 0;
	desc->taken_since = now;
}

static void storm_watch(struct irq_desc *desc)
{
	u64 now = system_time(), flags = spin_lock_irqsave(&desc->lock);

	if (now - desc->window > STORM_WINDOW_NS) {
		desc->window = now;
		desc->unheard = 0;
	}
	if (++desc->unheard > STORM_COUNT && desc->chip && !desc->storm)
		calm(desc, now);
	spin_unlock_irqrestore(&desc->lock, flags);
}

static void guest_interrupt(struct irq_desc *desc, u8 vector)
{
	struct delivery list = { .count = 0 };
	bool edge;

	spin_lock(&desc->lock); /* interrupts are off */
	if (desc->vector != vector || !desc->chip) {
		/* The line was given back while its last interrupt was under way. */
		spin_unlock(&desc->lock);
		apic_eoi();
		return;
	}
	desc->count++;
	edge = !desc->level;
	if (!edge) {
		/* Still asserted, and so it stays until the guest has talked to the device. */
		mask_line(desc);
		for (unsigned i = 0; i < desc->nr_guests; i++)
			desc->guests[i].owes = true;
		desc->owed = desc->nr_guests;
		if (desc->nr_guests > 1) {
			desc->masked_since = system_time();
			watchdog_arm();
		}
	}
	rate_watch(desc);
	collect(desc, &list);
	spin_unlock(&desc->lock);
	apic_eoi();
	if (edge && still_pending(&list))
		storm_watch(desc);
	deliver(&list);
}

void irq_dispatch(struct regs *r)
{
	u8 vector = (u8)r->vector;
	u16 line = READ_ONCE(vector_irq[vector]);
	void (*own)(void *);

	if (vector >= FIXED_VECTOR_FIRST) {
		if (vector != SPURIOUS_VECTOR)
			apic_eoi();
		if (vector_handlers[vector - FIXED_VECTOR_FIRST])
			vector_handlers[vector - FIXED_VECTOR_FIRST](r);
		else
			atomic_add(&spurious_count, 1);
		return;
	}
	if (!line) {
		/*
		 * From a masked 8259 (nothing in service), or the late last one of a line that is
		 * gone.
		 */
		if (apic_in_service(vector))
			apic_eoi();
		atomic_add(&spurious_count, 1);
		return;
	}
	/* A line of our own stays ours for good, so this needs no lock. */
	own = READ_ONCE(irq_descs[line - 1].own);
	if (!own) {
		guest_interrupt(&irq_descs[line - 1], vector);
		return;
	}
	irq_descs[line - 1].count++;
	own(irq_descs[line - 1].own_arg);
	apic_eoi();
}

/* Lock held. May those who have sent their EOI be kept waiting by the others any longer? */
static bool patience_over(const struct irq_desc *desc, u64 now)
{
	u64 held = now - desc->masked_since;
	u64 before = now - desc->waited_since < PATIENCE_WINDOW_NS ? desc->waited : 0;

	return held >= PROMPT_NS && before + held >= PATIENCE_NS;
}

/* Lock held. A shared line's EOIs are waited for no longer, for whatever reason. */
static void count_wait(struct irq_desc *desc, u64 now)
{
	if (now - desc->waited_since >= PATIENCE_WINDOW_NS) {
		desc->waited = 0;
		desc->waited_since = now;
	}
	if (now - desc->masked_since >= PROMPT_NS)
		desc->waited += now - desc->masked_since;
}

/* Lock held. `g` owes its EOI no more. */
static void settle(struct irq_desc *desc, struct irq_guest *g)
{
	g->owes = false;
	desc->owed--;
	if (desc->owed == 0 && desc->nr_guests > 1)
		count_wait(desc, system_time());
}

/*
 * Lines masked by a storm are opened again, with an event for the edge that may have been lost
 * meanwhile. Sharers of a level line that keep their EOI to themselves are not waited for any
 * longer.
 */
static void watchdog_round(void *arg)
{
	bool again = false;
	u64 now = system_time();

	(void)arg;
	/* First, so that a line which needs watching from here on arms it anew. */
	atomic_set(&watchdog_armed, 0);
	for (unsigned i = 0; i < NR_IRQS; i++) {
		struct irq_desc *desc = &irq_descs[i];
		struct delivery list = { .count = 0 };
		u64 flags;

		if (!READ_ONCE(desc->storm) && !READ_ONCE(desc->owed))
			continue;
		flags = spin_lock_irqsave(&desc->lock);
		if (desc->chip && desc->storm && now - desc->masked_since >= WATCHDOG_NS / 2) {
			desc->storm = false;
			if (desc->nr_guests) {
				unmask_line(desc);
				/* What is still asserted comes by itself. */
				if (!desc->level)
					collect(desc, &list);
			}
		} else if (desc->chip && desc->owed && desc->nr_guests > 1 &&
			   patience_over(desc, now)) {
			for (unsigned g = 0; g < desc->nr_guests; g++)
				desc->guests[g].owes = false;
			desc->owed = 0;
			count_wait(desc, now);
			unmask_line(desc);
		}
		again |= desc->storm || (desc->owed && desc->nr_guests > 1);
		spin_unlock_irqrestore(&desc->lock, flags);
		deliver(&list);
	}
	if (again)
		watchdog_arm();
}

/* -------------------------------------------------------------------------------------------------
 * Set-up
 */

static struct irq_desc *gsi_desc(unsigned gsi)
{
	if (gsi >= IRQ_GSIS || !irq_descs[gsi].chip)
		return NULL;
	return &irq_descs[gsi];
}

int irq_setup_gsi(unsigned gsi, bool level, bool active_low)
{
	struct irq_desc *desc = gsi_desc(gsi);
	u64 flags;
	int err = 0;

	if (!desc)
		return -EINVAL;
	flags = spin_lock_irqsave(&desc->lock);
	if (desc->level == level && desc->active_low == active_low) {
		/* Nothing to do, whoever uses it. */
	} else if (desc->own || desc->nr_guests) {
		err = -EEXIST;
	} else {
		desc->level = level;
		desc->active_low = active_low;
	}
	spin_unlock_irqrestore(&desc->lock, flags);
	return err;
}

int irq_request_own(unsigned gsi, void (*fn)(void *arg), void *arg)
{
	struct irq_desc *desc = gsi_desc(gsi);
	u64 flags;
	int err;

	if (!desc || !fn)
		return -EINVAL;
	flags = spin_lock_irqsave(&desc->lock);
	if (desc->own || desc->nr_guests) {
		err = -EBUSY;
	} else {
		err = start_line(desc);
		if (err == 0) {
			desc->own_arg = arg;
			smp_wmb();
			WRITE_ONCE(desc->own, fn);
			unmask_line(desc);
		}
	}
	spin_unlock_irqrestore(&desc->lock, flags);
	return err;
}

bool irq_is_msi(unsigned irq)
{
	return irq >= IRQ_GSIS && irq < NR_IRQS;
}

int irq_alloc_msi(unsigned count, const struct irq_chip *chip)
{
	unsigned first, n;
	int vector;
	u64 flags;

	flags = global_lock_irqsave(alloc_lock);
	vector = vector_alloc(&vectors, count);
	if (vector < 0) {
		global_unlock_irqrestore(alloc_lock, flags);
		return -ENOSPC;
	}
	for (first = 0, n = 0; n < count && first + n < IRQ_MSIS; ) {
		if (msi_line_used[first + n]) {
			first += n + 1;
			n = 0;
		} else {
			n++;
		}
	}
	if (n < count) {
		for (n = 0; n < count; n++)
			vector_free(&vectors, (u8)(vector + n));
		global_unlock_irqrestore(alloc_lock, flags);
		return -ENOSPC;
	}
	for (n = 0; n < count; n++)
		msi_line_used[first + n] = true;
	global_unlock_irqrestore(alloc_lock, flags);
	for (n = 0; n < count; n++) {
		struct irq_desc *desc = &irq_descs[IRQ_GSIS + first + n];

		flags = spin_lock_irqsave(&desc->lock);
		desc->level = desc->active_low = false;
		desc->masked = true;
		desc->storm = false;
		desc->count = 0;
		desc->chip_data = NULL;
		desc->chip = chip;
		desc->vector = (u8)(vector + n);
		WRITE_ONCE(vector_irq[vector + n], (u16)(desc->irq + 1));
		spin_unlock_irqrestore(&desc->lock, flags);
	}
	return (int)(IRQ_GSIS + first);
}

void irq_free_msi(unsigned irq)
{
	struct irq_desc *desc = &irq_descs[irq];
	u64 flags;
	u8 vector;

	ASSERT(irq_is_msi(irq));
	flags = spin_lock_irqsave(&desc->lock);
	ASSERT(desc->nr_guests == 0);
	vector = desc->vector;
	WRITE_ONCE(vector_irq[vector], 0);
	desc->vector = 0;
	desc->chip = NULL;
	desc->chip_data = NULL;
	desc->storm = false;
	spin_unlock_irqrestore(&desc->lock, flags);
	flags = global_lock_irqsave(alloc_lock);
	vector_free(&vectors, vector);
	msi_line_used[irq - IRQ_GSIS] = false;
	global_unlock_irqrestore(alloc_lock, flags);
}

/* -------------------------------------------------------------------------------------------------
 * Guests
 */

static struct irq_guest *find_guest(struct irq_desc *desc, const struct domain *d)
{
	for (unsigned i = 0; i < desc->nr_guests; i++)
		if (desc->guests[i].domain == d)
			return &desc->guests[i];
	return NULL;
}

int irq_guest_bind(unsigned irq, struct domain *d, u32 pirq, bool share, u32 dest)
{
	struct irq_desc *desc;
	struct irq_guest *g;
	u64 flags;
	int err;

	if (irq >= NR_IRQS)
		return -EINVAL;
	desc = &irq_descs[irq];
	flags = spin_lock_irqsave(&desc->lock);
	if (!desc->chip) {
		err = -EINVAL;
	} else if (desc->own || (desc->nr_guests && !(share && desc->shared)) ||
		   desc->nr_guests == IRQ_MAX_GUESTS || find_guest(desc, d)) {
		err = -EBUSY;
	} else if (desc->nr_guests == 0) {
		desc->dest = dest;
		desc->owed = 0;
		desc->shared = share;
		err = start_line(desc);
	} else {
		err = 0;
	}
	if (err == 0) {
		g = &desc->guests[desc->nr_guests++];
		g->domain = d;
		g->pirq = pirq;
		g->owes = false;
		/* Until now nobody was kept waiting, and nobody watched. */
		if (desc->nr_guests == 2 && desc->owed) {
			desc->masked_since = system_time();
			watchdog_arm();
		}
		unmask_line(desc);
	}
	spin_unlock_irqrestore(&desc->lock, flags);
	return err;
}

void irq_guest_unbind(unsigned irq, struct domain *d)
{
	struct irq_desc *desc = &irq_descs[irq];
	u64 flags = spin_lock_irqsave(&desc->lock);
	struct irq_guest *g = find_guest(desc, d);

	if (g) {
		if (g->owes)
			settle(desc, g);
		*g = desc->guests[--desc->nr_guests];
		if (desc->nr_guests == 0)
			mask_line(desc);
		else
			unmask_line(desc);
	}
	spin_unlock_irqrestore(&desc->lock, flags);
}

void irq_guest_eoi(unsigned irq, struct domain *d)
{
	struct irq_desc *desc = &irq_descs[irq];
	u64 flags = spin_lock_irqsave(&desc->lock);
	struct irq_guest *g = find_guest(desc, d);

	if (g && g->owes) {
		settle(desc, g);
		unmask_line(desc);
	}
	spin_unlock_irqrestore(&desc->lock, flags);
}

bool irq_is_level(unsigned irq)
{
	return READ_ONCE(irq_descs[irq].level);
}

bool irq_is_shared(unsigned irq)
{
	return READ_ONCE(irq_descs[irq].nr_guests) > 1;
}

void irq_dump(void)
{
	for (unsigned i = 0; i < NR_IRQS; i++) {
		struct irq_desc *desc = &irq_descs[i];
		u64 flags;

		if (!READ_ONCE(desc->vector))
			continue;
		flags = spin_lock_irqsave(&desc->lock);
		printk("irq %u: %s vector %#x dest %u %s%s%s count %lu", i,
		       desc->chip ? desc->chip->name : "-", desc->vector, desc->dest,
		       desc->level ? "level" : "edge", desc->masked ? " masked" : "",
		       desc->storm ? " storm" : "", (unsigned long)desc->count);
		if (desc->own)
			printk(" own");
		for (unsigned g = 0; g < desc->nr_guests; g++)
			printk(" dom%u:%u%s", owner_of(desc->guests[g].domain)->id,
			       desc->guests[g].pirq,
			       desc->guests[g].owes ? "(owes eoi)" : "");
		printk("\n");
		spin_unlock_irqrestore(&desc->lock, flags);
	}
	printk("spurious interrupts: %lu, APIC errors: %#x\n",
	       (unsigned long)atomic_read(&spurious_count), apic_errors);
}
