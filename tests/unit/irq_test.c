// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/vectors.c hypervisor/machine/irq.c hypervisor/machine/vector.c
// cflags: -include tests/unit/irq_locks.h
//
// Interrupt lines: who gets events, when a line is masked and when it is opened again. One I/O APIC
// with 24 pins is simulated, and guests that take their events when the test says so. A lock taken
// twice ends the program.

#include "suite.h"
#include <string.h>

#include "cpu/apic.h"
#include "cpu/vectors.h"
#include "domain/domain.h"
#include "domain/pirq.h"
#include "lib/printk.h"
#include "machine/acpi.h"
#include "machine/ioapic.h"
#include "machine/irq.h"
#include "pv-abi/errno.h"

#define PINS 24

struct acpi_info acpi_info;
u32 apic_errors;

static struct {
	u8 vector;
	bool level, low, masked;
	u32 dest;
} pin[PINS];
static unsigned eois, events[4], warnings;
static bool pending[4], in_service;
static u64 now;
static struct timer *armed;
static struct domain dom[4];
static struct domain_irqs dom_irqs[4];

void printk(const char *fmt, ...) { warnings += fmt[1] == LOG_WARN[1]; }

void panic(const char *fmt, ...)
{
	fprintf(stderr, "panic: %s", fmt);
	abort();
}

u32 apic_read_id(void) { return 3; }
void apic_eoi(void) { eois++; }
bool apic_in_service(u8 vector) { return in_service; }
bool ioapic_has_gsi(unsigned gsi) { return gsi < PINS; }

void ioapic_program(unsigned gsi, u8 vector, u32 dest, bool level, bool active_low)
{
	pin[gsi].vector = vector;
	pin[gsi].dest = dest;
	pin[gsi].level = level;
	pin[gsi].low = active_low;
	pin[gsi].masked = true;
}

void ioapic_mask(unsigned gsi) { pin[gsi].masked = true; }
void ioapic_unmask(unsigned gsi) { pin[gsi].masked = false; }
void ioapic_set_dest(unsigned gsi, u32 dest) { pin[gsi].dest = dest; }
u64 system_time(void) { return now; }

void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned cpu)
{
	t->fn = fn;
	t->arg = arg;
	t->cpu = cpu;
}

void timer_set(struct timer *t, u64 expires)
{
	t->expires = expires;
	armed = t;
}

static void run_timers(u64 until)
{
	while (armed && armed->expires <= until) {
		struct timer *t = armed;

		armed = NULL;
		now = t->expires;
		t->fn(t->arg);
	}
	now = until;
}

static unsigned index_of(struct domain *d)
{
	return (unsigned)(d - dom);
}

static void hold(struct domain *d)
{
	d->irqs->delivering++;
}

static void deliver(struct domain *d, u32 pirq)
{
	(void)pirq;
	CU_ASSERT_EQUAL(d->irqs->delivering--, 1);
	events[index_of(d)]++;
	pending[index_of(d)] = true;
}

static bool still_pending(struct domain *d, u32 pirq)
{
	(void)pirq;
	return pending[index_of(d)];
}

static const struct irq_receiver receiver = { hold, deliver, still_pending };

static void reset(void)
{
	memset(pin, 0, sizeof(pin));
	memset(irq_descs, 0, sizeof(irq_descs));
	memset(events, 0, sizeof(events));
	memset(pending, 0, sizeof(pending));
	memset(dom_irqs, 0, sizeof(dom_irqs));
	eois = warnings = 0;
	in_service = true;
	run_timers(now + 1000000000);
	armed = NULL;
	for (unsigned i = 0; i < PINS; i++)
		pin[i].masked = true;
	for (unsigned i = 0; i < 4; i++) {
		dom[i].id = (domid_t)i;
		dom[i].irqs = &dom_irqs[i];
	}
	acpi_info.nr_overrides = 1;
	acpi_info.overrides[0].source = 9;
	acpi_info.overrides[0].gsi = 9;
	acpi_info.overrides[0].level = true;
	acpi_info.overrides[0].active_low = false;
	irq_init(&receiver);
}

static void fire(u8 vector)
{
	struct regs r = { .vector = vector };

	irq_dispatch(&r);
	for (unsigned i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(dom_irqs[i].delivering, 0);
}

TEST(test_modes, "modes of GSIs")
{
	CU_ASSERT_FALSE(irq_is_level(4));
	CU_ASSERT_TRUE(irq_is_level(9));
	CU_ASSERT_FALSE(irq_descs[9].active_low);
	CU_ASSERT_TRUE(irq_is_level(17));
	CU_ASSERT_EQUAL(irq_setup_gsi(PINS, false, false), -EINVAL);
	CU_ASSERT_EQUAL(irq_setup_gsi(~0U, false, false), -EINVAL);
	CU_ASSERT_EQUAL(irq_setup_gsi(4, true, true), 0);
	CU_ASSERT_EQUAL(irq_guest_bind(4, &dom[0], 4, false, 1), 0);
	CU_ASSERT_EQUAL(irq_setup_gsi(4, true, true), 0);
	CU_ASSERT_EQUAL(irq_setup_gsi(4, false, true), -EEXIST);
	CU_ASSERT_TRUE(pin[4].level && pin[4].low && !pin[4].masked);
	CU_ASSERT_EQUAL(pin[4].dest, 1);
}

TEST(test_edge, "edge")
{
	CU_ASSERT_EQUAL(irq_guest_bind(4, &dom[1], 4, false, 0), 0);
	fire(pin[4].vector);
	CU_ASSERT_TRUE(events[1] == 1 && eois == 1 && !pin[4].masked);
	irq_guest_eoi(4, &dom[1]); /* not owed */
	CU_ASSERT_FALSE(pin[4].masked);
	irq_guest_unbind(4, &dom[1]);
	CU_ASSERT_TRUE(pin[4].masked);
	fire(pin[4].vector); /* was under way */
	CU_ASSERT_TRUE(events[1] == 1 && eois == 2);
}

TEST(test_level, "level")
{
	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[1], 17, true, 0), 0);
	fire(pin[17].vector);
	CU_ASSERT_TRUE(events[1] == 1 && eois == 1 && pin[17].masked);
	irq_guest_eoi(17, &dom[2]); /* a stranger */
	CU_ASSERT_TRUE(pin[17].masked);
	irq_guest_eoi(17, &dom[1]);
	CU_ASSERT_FALSE(pin[17].masked);
	/* An only owner is waited for without end; and its leaving closes the line. */
	fire(pin[17].vector);
	run_timers(now + 10000000000ULL);
	CU_ASSERT_TRUE(pin[17].masked);
	irq_guest_unbind(17, &dom[1]);
	CU_ASSERT_TRUE(pin[17].masked);
	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[2], 17, true, 0), 0);
	CU_ASSERT_FALSE(pin[17].masked);
}

TEST(test_shared, "shared")
{
	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[1], 17, true, 0), 0);
	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[1], 18, true, 0), -EBUSY);
	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[2], 17, false, 0), -EBUSY);
	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[2], 30, true, 0), 0);
	CU_ASSERT_TRUE(irq_is_shared(17));
	fire(pin[17].vector);
	CU_ASSERT_TRUE(events[1] == 1 && events[2] == 1 && pin[17].masked);
	irq_guest_eoi(17, &dom[1]);
	irq_guest_eoi(17, &dom[1]);
	CU_ASSERT_TRUE(pin[17].masked);
	irq_guest_eoi(17, &dom[2]);
	CU_ASSERT_FALSE(pin[17].masked);
	/* One sharer leaves without an answer, the other one is heard. */
	fire(pin[17].vector);
	irq_guest_eoi(17, &dom[1]);
	irq_guest_unbind(17, &dom[2]);
	CU_ASSERT_FALSE(pin[17].masked);
	/* One sharer never answers: not for long. */
	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[3], 17, true, 0), 0);
	fire(pin[17].vector);
	irq_guest_eoi(17, &dom[1]);
	CU_ASSERT_TRUE(pin[17].masked);
	run_timers(now + 100000000);
	CU_ASSERT_FALSE(pin[17].masked);
	CU_ASSERT_PTR_NULL(armed);
	irq_guest_eoi(17, &dom[3]); /* late: forgiven already */
	fire(pin[17].vector);
	irq_guest_eoi(17, &dom[3]);
	CU_ASSERT_TRUE(pin[17].masked);
}

TEST(test_storm, "storm")
{
	unsigned sent;

	CU_ASSERT_EQUAL(irq_guest_bind(5, &dom[1], 5, false, 0), 0);
	/* Taken each time: any rate is fine. */
	for (unsigned i = 0; i < 1000; i++) {
		pending[1] = false;
		fire(pin[5].vector);
	}
	CU_ASSERT_FALSE(pin[5].masked);
	/* Slowly: fine too. */
	for (unsigned i = 0; i < 1000; i++) {
		now += 1000000;
		fire(pin[5].vector);
	}
	CU_ASSERT_FALSE(pin[5].masked);
	for (unsigned i = 0; i < 1000 && !pin[5].masked; i++)
		fire(pin[5].vector);
	CU_ASSERT_TRUE(pin[5].masked);
	CU_ASSERT_PTR_NOT_NULL(armed);
	sent = events[1];
	run_timers(now + 5000000);
	CU_ASSERT_FALSE(pin[5].masked);
	CU_ASSERT_EQUAL(events[1], sent + 1); /* an edge may have been lost meanwhile */
	CU_ASSERT_PTR_NULL(armed);
	/* Unbound in the middle of it. */
	for (unsigned i = 0; i < 1000 && !pin[5].masked; i++)
		fire(pin[5].vector);
	irq_guest_unbind(5, &dom[1]);
	run_timers(now + 5000000);
	CU_ASSERT_TRUE(pin[5].masked);
}

/*
 * A domain that takes every event at once, with a device that never stops: the CPU is another's as
 * well. So many interrupts in a window of 10 ms, and at most as many again until that is seen.
 */
#define LIMIT 2000

TEST(test_rate, "more than a CPU should take")
{
	unsigned sent;

	CU_ASSERT_EQUAL(irq_guest_bind(5, &dom[1], 5, false, 0), 0);
	/* What a busy device does: 100,000 in a second. */
	for (unsigned i = 0; i < 3 * LIMIT; i++) {
		now += 10000;
		pending[1] = false;
		fire(pin[5].vector);
	}
	CU_ASSERT_FALSE(pin[5].masked);
	for (unsigned i = 0; i < 2 * LIMIT && !pin[5].masked; i++) {
		pending[1] = false;
		fire(pin[5].vector);
	}
	CU_ASSERT_TRUE(pin[5].masked);
	/* The way round it: another binding is another line for nobody. */
	irq_guest_unbind(5, &dom[1]);
	CU_ASSERT_EQUAL(irq_guest_bind(5, &dom[1], 5, false, 0), 0);
	CU_ASSERT_TRUE(pin[5].masked);
	irq_guest_unbind(5, &dom[1]);
	CU_ASSERT_EQUAL(irq_guest_bind(5, &dom[2], 5, false, 0), 0);
	CU_ASSERT_TRUE(pin[5].masked);
	sent = events[2];
	run_timers(now + 5000000);
	CU_ASSERT_FALSE(pin[5].masked);
	CU_ASSERT_EQUAL(events[2], sent + 1);
	CU_ASSERT_PTR_NULL(armed);
}

/* The same of a level: each EOI is the next interrupt. */
TEST(test_eoi_storm, "EOIs without end")
{
	unsigned n, all = 0;

	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[1], 17, false, 0), 0);
	for (unsigned round = 0; round < 4; round++) {
		unsigned sent;

		for (n = 0; n < 3 * LIMIT && !pin[17].masked; n++) {
			fire(pin[17].vector);
			irq_guest_eoi(17, &dom[1]);
		}
		CU_ASSERT_TRUE(pin[17].masked && n <= 2 * LIMIT);
		all += n;
		/* More EOIs, a new binding: neither opens it. */
		irq_guest_eoi(17, &dom[1]);
		irq_guest_unbind(17, &dom[1]);
		CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[1], 17, false, 0), 0);
		CU_ASSERT_TRUE(pin[17].masked);
		sent = events[1];
		run_timers(now + 3000000);
		CU_ASSERT_FALSE(pin[17].masked);
		CU_ASSERT_EQUAL(events[1], sent);
	}
	CU_ASSERT_TRUE(all > 2 * LIMIT);
	/* While it is masked for this and the EOI is owed: both must be over. */
	for (n = 0; n < 3 * LIMIT && !irq_descs[17].storm; n++) {
		fire(pin[17].vector);
		if (!irq_descs[17].storm)
			irq_guest_eoi(17, &dom[1]);
	}
	run_timers(now + 5000000);
	CU_ASSERT_TRUE(pin[17].masked);
	irq_guest_eoi(17, &dom[1]);
	CU_ASSERT_FALSE(pin[17].masked);
}

/*
 * A sharer that never answers: the others wait for it once, then for the watchdog's round, whatever
 * it does, until a second has gone by.
 */
TEST(test_late_sharer, "a sharer that is silent")
{
	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[1], 17, true, 0), 0);
	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[2], 17, true, 0), 0);
	fire(pin[17].vector);
	irq_guest_eoi(17, &dom[1]);
	run_timers(now + 10000000);
	CU_ASSERT_TRUE(pin[17].masked);
	run_timers(now + 14000000);
	CU_ASSERT_FALSE(pin[17].masked);
	for (unsigned i = 0; i < 5; i++) {
		fire(pin[17].vector);
		irq_guest_eoi(17, &dom[1]);
		CU_ASSERT_TRUE(pin[17].masked);
		run_timers(now + 4000000);
		CU_ASSERT_FALSE(pin[17].masked);
	}
	/* In time, and silent again: answering once buys nothing. */
	fire(pin[17].vector);
	irq_guest_eoi(17, &dom[2]);
	irq_guest_eoi(17, &dom[1]);
	CU_ASSERT_FALSE(pin[17].masked);
	fire(pin[17].vector);
	irq_guest_eoi(17, &dom[1]);
	run_timers(now + 4000000);
	CU_ASSERT_FALSE(pin[17].masked);
	/* Nor does another binding. */
	irq_guest_unbind(17, &dom[2]);
	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[2], 17, true, 0), 0);
	fire(pin[17].vector);
	irq_guest_eoi(17, &dom[1]);
	run_timers(now + 4000000);
	CU_ASSERT_FALSE(pin[17].masked);
	/* Who was slow once, a second ago, is waited for again. */
	run_timers(now + 1000000000);
	fire(pin[17].vector);
	irq_guest_eoi(17, &dom[1]);
	run_timers(now + 10000000);
	CU_ASSERT_TRUE(pin[17].masked);
	irq_guest_eoi(17, &dom[2]);
	CU_ASSERT_FALSE(pin[17].masked);
}

/*
 * One that is never quite too late, by its EOI or by leaving: what it costs the others is added up,
 * and quick answers add nothing.
 */
TEST(test_almost_late_sharer, "a sharer that is almost late")
{
	const u64 start = now + 1000000000;
	u64 stalled = 0;

	reset();
	CU_ASSERT_EQUAL(now, start);
	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[1], 17, true, 0), 0);
	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[2], 17, true, 0), 0);
	for (unsigned i = 0; i < 5000; i++) {
		fire(pin[17].vector);
		irq_guest_eoi(17, &dom[1]);
		run_timers(now + 10000);
		CU_ASSERT_TRUE(pin[17].masked);
		irq_guest_eoi(17, &dom[2]);
		CU_ASSERT_FALSE(pin[17].masked);
	}
	for (unsigned i = 0; i < 10; i++) {
		fire(pin[17].vector);
		irq_guest_eoi(17, &dom[1]);
		for (unsigned ms = 0; ms < 19 && pin[17].masked; ms++) {
			run_timers(now + 1000000);
			stalled += 1000000;
		}
		if (i & 1) {
			irq_guest_unbind(17, &dom[2]);
			CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[2], 17, true, 0), 0);
		}
		irq_guest_eoi(17, &dom[2]);
		CU_ASSERT_FALSE(pin[17].masked);
	}
	CU_ASSERT_TRUE(stalled <= 19000000 + 10 * 4000000ULL);
}

/* A line that became a shared one while its only owner kept the EOI. */
TEST(test_shared_while_owed, "shared while an EOI is owed")
{
	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[1], 17, true, 0), 0);
	fire(pin[17].vector);
	run_timers(now + 500000000);
	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[2], 17, true, 0), 0);
	CU_ASSERT_TRUE(pin[17].masked);
	run_timers(now + 10000000);
	CU_ASSERT_TRUE(pin[17].masked);
	run_timers(now + 14000000);
	CU_ASSERT_FALSE(pin[17].masked);
}

/*
 * Everything that a domain with a line can do to it, at random, beside one that shares and one that
 * does not: it is masked when nobody has it, the sum of what is owed is right, nobody gets an event
 * who has not bound it, and whoever behaves goes on getting them.
 */
TEST(test_hostile_domains, "domains that do what they like")
{
	unsigned seed = 7, served = 0;

	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[1], 17, true, 0), 0);
	for (unsigned i = 0; i < 200000; i++) {
		struct irq_desc *desc = &irq_descs[17];
		unsigned g = 2 + (unsigned)rand_r(&seed) % 2, owed = 0, before[4];
		bool bound[4] = { false };

		memcpy(before, events, sizeof(before));
		switch ((unsigned)rand_r(&seed) % 8) {
		case 0: (void)irq_guest_bind(17, &dom[g], 17, g == 2, 0); break;
		case 1: irq_guest_unbind(17, &dom[g]); break;
		case 2: case 3: irq_guest_eoi(17, &dom[g]); break;
		case 4:
			now += (unsigned)rand_r(&seed) % 1000000;
			run_timers(now);
			break;
		case 5:
			CU_ASSERT_EQUAL(irq_setup_gsi(17, false, g == 2), -EEXIST);
			break;
		default:
			if (pin[17].masked)
				break;
			fire(pin[17].vector);
			irq_guest_eoi(17, &dom[1]);
			CU_ASSERT_EQUAL(events[1], before[1] + 1);
			served++;
		}
		for (unsigned k = 0; k < desc->nr_guests; k++) {
			bound[index_of(desc->guests[k].domain)] = true;
			owed += desc->guests[k].owes;
		}
		CU_ASSERT_TRUE_FATAL(bound[1] && !bound[0] && !bound[3]);
		CU_ASSERT_EQUAL_FATAL(owed, desc->owed);
		CU_ASSERT_EQUAL_FATAL(pin[17].masked, desc->masked);
		CU_ASSERT_TRUE_FATAL(desc->masked == (desc->owed || desc->storm));
		for (unsigned k = 0; k < 4; k++)
			CU_ASSERT_TRUE_FATAL(events[k] == before[k] || bound[k]);
	}
	CU_ASSERT_TRUE(served > 10000);
}

static unsigned own_calls;

static void own(void *arg)
{
	CU_ASSERT_PTR_EQUAL(arg, &own_calls);
	own_calls++;
}

TEST(test_own, "the hypervisor's own")
{
	CU_ASSERT_EQUAL(irq_request_own(99, own, &own_calls), -EINVAL);
	CU_ASSERT_EQUAL(irq_request_own(4, own, &own_calls), 0);
	CU_ASSERT_FALSE(pin[4].masked);
	CU_ASSERT_EQUAL(irq_request_own(4, own, &own_calls), -EBUSY);
	CU_ASSERT_EQUAL(irq_guest_bind(4, &dom[0], 4, true, 0), -EBUSY);
	CU_ASSERT_EQUAL(irq_setup_gsi(4, true, true), -EEXIST);
	fire(pin[4].vector);
	CU_ASSERT_TRUE(own_calls == 1 && eois == 1);
	CU_ASSERT_EQUAL(irq_guest_bind(5, &dom[0], 5, true, 0), 0);
	CU_ASSERT_EQUAL(irq_request_own(5, own, &own_calls), -EBUSY);
}

static unsigned chip_masked, chip_started;

static void chip_startup(struct irq_desc *desc)
{
	CU_ASSERT_TRUE(desc->vector >= DYNAMIC_VECTOR_FIRST);
	chip_started++;
}

static void chip_mask(struct irq_desc *desc)
{
	chip_masked = 1;
}

static void chip_unmask(struct irq_desc *desc)
{
	chip_masked = 0;
}

static const struct irq_chip chip = { "test", chip_startup, chip_mask, chip_unmask, chip_mask };

TEST(test_msi, "messages")
{
	int one, block, irq;
	unsigned n = 0;
	u8 vector;

	one = irq_alloc_msi(1, &chip);
	block = irq_alloc_msi(4, &chip);
	CU_ASSERT_TRUE(irq_is_msi((unsigned)one) && irq_is_msi((unsigned)block) && !irq_is_msi(5));
	CU_ASSERT_EQUAL(irq_descs[block].vector % 4, 0);
	for (int i = 1; i < 4; i++)
		CU_ASSERT_EQUAL(irq_descs[block + i].vector, irq_descs[block].vector + i);
	CU_ASSERT_EQUAL(irq_guest_bind((unsigned)block + 2, &dom[1], 300, false, 0), 0);
	CU_ASSERT_TRUE(chip_started == 1 && chip_masked == 0);
	vector = irq_descs[block + 2].vector;
	fire(vector);
	CU_ASSERT_TRUE(events[1] == 1 && eois == 1 && chip_masked == 0);
	irq_guest_unbind((unsigned)block + 2, &dom[1]);
	CU_ASSERT_EQUAL(chip_masked, 1);
	irq_free_msi((unsigned)block + 2);
	CU_ASSERT_EQUAL(irq_guest_bind((unsigned)block + 2, &dom[1], 300, false, 0), -EINVAL);
	/* The last one, late: acknowledged, and nobody's. */
	fire(vector);
	CU_ASSERT_TRUE(events[1] == 1 && eois == 2);
	irq = irq_alloc_msi(1, &chip);
	CU_ASSERT_TRUE(irq >= 0);

	CU_ASSERT_EQUAL(irq_alloc_msi(3, &chip), -ENOSPC);
	while (irq_alloc_msi(1, &chip) >= 0)
		n++;
	CU_ASSERT_TRUE(n > 100);
	CU_ASSERT_EQUAL(irq_alloc_msi(1, &chip), -ENOSPC);
	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[1], 17, true, 0), -ENOSPC);
	irq_free_msi((unsigned)irq);
	CU_ASSERT_EQUAL(irq_alloc_msi(2, &chip), -ENOSPC);
	CU_ASSERT_EQUAL(irq_guest_bind(17, &dom[1], 17, true, 0), 0);
}

static unsigned fixed_calls;

static void fixed(struct regs *r)
{
	fixed_calls += r->vector == TIMER_VECTOR;
}

TEST(test_other_vectors, "fixed and spurious vectors")
{
	vector_register(TIMER_VECTOR, fixed);
	fire(TIMER_VECTOR);
	CU_ASSERT_TRUE(fixed_calls == 1 && eois == 1);
	fire(FIXED_VECTOR_FIRST); /* nobody's */
	CU_ASSERT_EQUAL(eois, 2);
	fire(SPURIOUS_VECTOR); /* is not in service */
	CU_ASSERT_EQUAL(eois, 2);
	in_service = false;
	fire(PIC_VECTOR_FIRST + 7);
	CU_ASSERT_EQUAL(eois, 2);
	CU_ASSERT_EQUAL(irq_guest_bind(NR_IRQS, &dom[0], 0, true, 0), -EINVAL);
	CU_ASSERT_EQUAL(irq_guest_bind(PINS, &dom[0], 0, true, 0), -EINVAL);
	CU_ASSERT_EQUAL(irq_guest_bind(IRQ_GSIS, &dom[0], 0, true, 0), -EINVAL);
}

SUITE("irq", .begin = reset)
