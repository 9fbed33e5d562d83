// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/hvm/events.c hypervisor/hvm/x2apic.c hypervisor/hvm/apic_timer.c
// sources: hypervisor/machine/timescale.c tests/unit/sim/sim.c
//
// What an HVM guest's vCPU gets when it is entered: NMI, upcall, what its APIC has; when it can
// take it, and for what else it is to be left.

#include "sim.h"
#include "suite.h"
#include <string.h>

#include "cpu/cpu.h"
#include "hvm/insn_length.h"
#include "hvm/vcpu.h"

#define CALLBACK 0xf3
#define GIVEN(vector) ((u32)EVENT_VALID | EVENT_INTERRUPT | (vector))
#define NMI ((u32)EVENT_VALID | EVENT_NMI | 2)

static struct hvm_vcpu h;
static struct hvm_now *const now = &h.now;
static struct domain *d;
static struct vcpu *v;
static bool event_due;

bool vcpu_event_deliverable(const struct vcpu *of)
{
	return of == v && event_due;
}

/* What is where the guest was left. */
static bool at_hlt;
static unsigned hlts;

unsigned hvm_length_of(const struct vcpu *of, enum hvm_insn insn)
{
	return of == v && insn == HVM_INSN_HLT && at_hlt;
}

void hvm_do_hlt(struct vcpu *of, unsigned length)
{
	CU_ASSERT_TRUE(of == v && length);
	hlts++;
	now->shadow = false;
}

static void begin(void)
{
	sim_reset();
	d = sim_domain(1, 1, false);
	v = d->vcpu[0];
	memset(&h, 0, sizeof(h));
	v->hvm = &h;
	x2apic_reset(&h.apic, 0);
	CU_ASSERT_TRUE(x2apic_write(&h.apic, 0x80f, 0, 0x1ff));
	d->callback_vector = CALLBACK;
	sim_current = v;
	sim.regs.rflags = RFLAGS_IF;
	event_due = at_hlt = false;
	hlts = 0;
}

static void end(void)
{
	v->hvm = NULL;
	sim_reset();
}

static void raise(u8 vector)
{
	CU_ASSERT_EQUAL(x2apic_raise(&h.apic, vector), X2APIC_TAKEN);
}

static void end_of_interrupt(void)
{
	CU_ASSERT_TRUE(x2apic_write(&h.apic, 0x80b, 0, 0));
}

/* What it is entered with. */
static u32 enter(void)
{
	hvm_deliver_events(v);
	return now->event;
}

TEST(test_nothing, "nothing is due, and nothing is wanted")
{
	now->window = now->nmi_window = true;
	CU_ASSERT_EQUAL(enter(), 0);
	CU_ASSERT_FALSE(now->window || now->nmi_window || hvm_interrupt_due(v));
	/* An upcall for which there is no vector. */
	event_due = true;
	d->callback_vector = 0;
	CU_ASSERT_EQUAL(enter(), 0);
	CU_ASSERT_FALSE(now->window || hvm_interrupt_due(v));
}

TEST(test_upcall, "an upcall, by its vector, past the APIC")
{
	event_due = true;
	CU_ASSERT_TRUE(hvm_interrupt_due(v));
	CU_ASSERT_EQUAL(enter(), GIVEN(CALLBACK));
	CU_ASSERT_FALSE(now->window);
	/* It did not arrive: that is what is due. */
	CU_ASSERT_EQUAL(enter(), GIVEN(CALLBACK));
	CU_ASSERT_FALSE(now->window);
	CU_ASSERT_EQUAL(x2apic_next(&h.apic), -1);
	raise(0x20);
	CU_ASSERT_EQUAL(x2apic_next(&h.apic), 0x20);
}

TEST(test_apic, "what the APIC has is given once")
{
	raise(0x45);
	CU_ASSERT_TRUE(hvm_interrupt_due(v));
	CU_ASSERT_EQUAL(enter(), GIVEN(0x45));
	CU_ASSERT_FALSE(now->window || hvm_interrupt_due(v));
	now->event = 0;
	raise(0x41);
	CU_ASSERT_EQUAL(enter(), 0);
	end_of_interrupt();
	CU_ASSERT_EQUAL(enter(), GIVEN(0x41));
}

TEST(test_later, "what the guest cannot take now comes when it can")
{
	raise(0x45);
	for (unsigned i = 0; i < 3; i++) {
		sim.regs.rflags = i == 0 ? 0 : RFLAGS_IF;
		now->shadow = i == 1;
		now->event = i == 2 ? (u32)EVENT_VALID | EVENT_EXCEPTION | TRAP_GP : 0;
		for (unsigned upcall = 0; upcall < 2; upcall++) {
			u32 event = now->event;

			event_due = upcall;
			CU_ASSERT_EQUAL(enter(), event);
			CU_ASSERT_TRUE(now->window);
		}
	}
	now->event = 0;
	event_due = false;
	CU_ASSERT_EQUAL(enter(), GIVEN(0x45));
	CU_ASSERT_FALSE(now->window);
}

TEST(test_held, "what CR8 holds back is looked for again when CR8 is written")
{
	x2apic_set_cr8(&h.apic, 4);
	CU_ASSERT_EQUAL(enter(), 0);
	CU_ASSERT_FALSE(now->held);
	raise(0x45);
	CU_ASSERT_EQUAL(enter(), 0);
	CU_ASSERT_TRUE(now->held);
	CU_ASSERT_FALSE(now->window);
	/* An upcall passes by. */
	event_due = true;
	CU_ASSERT_EQUAL(enter(), GIVEN(CALLBACK));
	CU_ASSERT_TRUE(now->held);
	now->event = 0;
	event_due = false;
	x2apic_set_cr8(&h.apic, 3);
	CU_ASSERT_EQUAL(enter(), GIVEN(0x45));
	CU_ASSERT_FALSE(now->held);
	/* What its own class holds back its end lets through, which leaves the guest. */
	now->event = 0;
	raise(0x46);
	x2apic_set_cr8(&h.apic, 4);
	CU_ASSERT_EQUAL(enter(), 0);
	CU_ASSERT_FALSE(now->held);
	end_of_interrupt();
	CU_ASSERT_EQUAL(enter(), 0);
	CU_ASSERT_TRUE(now->held);
	x2apic_set_cr8(&h.apic, 0);
	CU_ASSERT_EQUAL(enter(), GIVEN(0x46));
	CU_ASSERT_FALSE(now->held);
}

TEST(test_nmi, "an NMI comes before interrupts, whatever IF is, and none on top of one")
{
	sim.regs.rflags = 0;
	v->nmi_pending = true;
	now->shadow = true;
	CU_ASSERT_EQUAL(enter(), 0);
	CU_ASSERT_TRUE(now->nmi_window && v->nmi_pending);
	now->shadow = false;
	sim.regs.rflags = RFLAGS_IF;
	raise(0x45);
	CU_ASSERT_EQUAL(enter(), NMI);
	CU_ASSERT_TRUE(v->nmi_masked && !v->nmi_pending && now->window && !now->nmi_window);
	now->event = 0;
	v->nmi_pending = true;
	CU_ASSERT_EQUAL(enter(), GIVEN(0x45));
	CU_ASSERT_TRUE(now->nmi_window && v->nmi_pending);
}

TEST(test_second, "where two are due, the guest is left when it can take the second")
{
	event_due = true;
	raise(0x45);
	CU_ASSERT_EQUAL(enter(), GIVEN(CALLBACK));
	CU_ASSERT_TRUE(now->window);
	/* Neither came. */
	CU_ASSERT_EQUAL(enter(), GIVEN(CALLBACK));
	CU_ASSERT_TRUE(now->window);
	/* In the handler of the one. */
	now->event = 0;
	event_due = false;
	sim.regs.rflags = 0;
	CU_ASSERT_EQUAL(enter(), 0);
	CU_ASSERT_TRUE(now->window);
	sim.regs.rflags = RFLAGS_IF;
	CU_ASSERT_EQUAL(enter(), GIVEN(0x45));
	CU_ASSERT_FALSE(now->window);
	/* What the APIC holds back comes with the end of the other, which leaves the guest. */
	now->event = 0;
	raise(0x41);
	event_due = true;
	CU_ASSERT_EQUAL(enter(), GIVEN(CALLBACK));
	CU_ASSERT_FALSE(now->window);
}

/* The guest takes what it was entered with, and is left when it can take another. */
static u8 taken(void)
{
	u32 event = enter();

	CU_ASSERT_EQUAL(event & ~0xffU, GIVEN(0));
	now->event = 0;
	return (u8)event;
}

TEST(test_turns, "who sends events without end, or interrupts, has every second turn")
{
	event_due = true;
	for (unsigned i = 0; i < 10; i++)
		CU_ASSERT_EQUAL(taken(), CALLBACK);
	for (unsigned i = 0; i < 10; i++) {
		raise(0x45);
		CU_ASSERT_EQUAL(taken(), 0x45);
		CU_ASSERT_TRUE(now->window);
		CU_ASSERT_EQUAL(taken(), CALLBACK);
		/* Not before it has ended: else the other's turn. */
		raise(0x46);
		CU_ASSERT_EQUAL(taken(), CALLBACK);
		end_of_interrupt();
		CU_ASSERT_EQUAL(taken(), 0x46);
		end_of_interrupt();
		CU_ASSERT_EQUAL(taken(), CALLBACK);
	}
	/* Who has had a turn alone does not wait for that. */
	event_due = false;
	for (unsigned i = 0; i < 10; i++) {
		raise(0x45);
		CU_ASSERT_EQUAL(taken(), 0x45);
		end_of_interrupt();
	}
	raise(0x45);
	event_due = true;
	CU_ASSERT_EQUAL(taken(), CALLBACK);
	CU_ASSERT_EQUAL(taken(), 0x45);
}

static bool does_hlt(void)
{
	unsigned before = hlts;

	now->shadow = true;
	hvm_do_shadowed_hlt(v);
	return hlts != before;
}

TEST(test_shadowed_hlt, "HLT behind STI is done for the guest, whether an event is due or not")
{
	CU_ASSERT_FALSE(does_hlt());
	at_hlt = true;
	for (unsigned i = 0; i < 2; i++) {
		event_due = i;
		CU_ASSERT_TRUE(does_hlt());
		/* A program's is a fault, which the CPU makes. */
		now->cpl = 3;
		CU_ASSERT_FALSE(does_hlt());
		now->cpl = 0;
		/* What was being delivered goes first. */
		now->event = NMI;
		CU_ASSERT_FALSE(does_hlt());
		now->event = 0;
	}
	CU_ASSERT_EQUAL(hlts, 2);
}

SUITE("hvm_events", .begin = begin, .end = end)
