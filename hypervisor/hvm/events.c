// SPDX-License-Identifier: GPL-2.0-or-later
/* What comes to an HVM guest's vCPU when it is entered: an NMI, the upcall, what its APIC has. */
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "hvm/insn_length.h"
#include "hvm/vcpu.h"

/* The upcall's vector, if that stands for it and it is due; else -1. */
static int upcall_due(const struct vcpu *v)
{
	/* The guest may change it meanwhile. */
	u8 vector = READ_ONCE(v->domain->callback_vector);

	return vector && vcpu_event_deliverable(v) ? vector : -1;
}

bool hvm_interrupt_due(const struct vcpu *v)
{
	return upcall_due(v) >= 0 || x2apic_next(&v->hvm->apic) >= 0;
}

/* No NMI comes on top of one before its IRET is done, of which run() tells in v->nmi_masked. */
static void deliver_nmi(struct vcpu *v)
{
	struct hvm_now *now = &v->hvm->now;

	if (v->nmi_masked || (now->event & EVENT_VALID) || now->shadow) {
		now->nmi_window = true;
		return;
	}
	v->nmi_pending = false;
	v->nmi_masked = true;
	now->event = (u32)EVENT_VALID | EVENT_NMI | 2;
}

static void give(struct vcpu *v, int upcall, int vector)
{
	struct hvm_vcpu *h = v->hvm;
	bool apic = upcall < 0 || (vector >= 0 && h->apic_next);

	if (apic)
		x2apic_accept(&h->apic, (u8)vector);
	h->apic_next = !apic;
	h->now.event = (u32)EVENT_VALID | EVENT_INTERRUPT | (u8)(apic ? vector : upcall);
}

/*
 * The upcall, as a line that is high while something is pending, past the APIC; and what the APIC
 * has: when the guest can take it, and not before. What was being delivered when it left is
 * delivered first. Where both are due they take turns, so that who sends events without end keeps
 * neither timer nor IPIs away; and the guest is to be left as soon as it can take the other.
 */
void hvm_deliver_events(struct vcpu *v)
{
	struct hvm_now *now = &v->hvm->now;
	int upcall = upcall_due(v), vector = x2apic_next(&v->hvm->apic);
	bool both = upcall >= 0 && vector >= 0;

	now->window = now->nmi_window = false;
	now->held = unlikely(x2apic_cr8(&v->hvm->apic)) && x2apic_held(&v->hvm->apic);
	if (unlikely(v->nmi_pending))
		deliver_nmi(v);
	if (upcall < 0 && vector < 0)
		return;
	if (!(now->event & EVENT_VALID) && (guest_regs()->rflags & RFLAGS_IF) && !now->shadow) {
		give(v, upcall, vector);
		now->window = both;
		return;
	}
	/* The upcall that is on its way is what is due. */
	now->window = both || upcall < 0 ||
		      now->event != ((u32)EVENT_VALID | EVENT_INTERRUPT | (u8)upcall);
}

/*
 * The instruction behind STI is executed before any event comes. If that is HLT, it is executed
 * here, whether one is due or not: some emulators lose the shadow at VMRUN, and an event that came
 * between the two would not be waited for but missed. At another level than 0 it is a fault, and
 * what was being delivered goes first.
 */
void hvm_do_shadowed_hlt(struct vcpu *v)
{
	const struct hvm_now *now = &v->hvm->now;
	unsigned length;

	if (now->cpl || (now->event & EVENT_VALID))
		return;
	length = hvm_length_of(v, HVM_INSN_HLT);
	if (length)
		hvm_do_hlt(v, length);
}
