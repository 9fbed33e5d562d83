// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The timer of a vCPU's APIC on a queue of the machine's. It is set while the vCPU runs or sleeps;
 * one that waits for a CPU, or is paused, finds what has become due when it runs again, as one
 * tick. So a period costs nobody else's time, and APIC_TIMER_PERIOD_MIN bounds what it costs its
 * own.
 */
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "hvm/vcpu.h"
#include "sched/sched.h"

/* v runs here, or nowhere. */
static void set_to(struct hvm_vcpu *h, u64 due)
{
	if (due == h->timer_set_to)
		return;
	h->timer_set_to = due;
	if (due == APIC_TIMER_NEVER)
		timer_stop(&h->timer);
	else
		timer_set(&h->timer, due);
}

void hvm_timer_update(struct vcpu *v)
{
	set_to(v->hvm, x2apic_timer_due(&v->hvm->apic));
}

static void run_due(struct vcpu *v)
{
	x2apic_timer_run(&v->hvm->apic, system_time());
	hvm_timer_update(v);
}

static void fired(void *arg)
{
	struct vcpu *v = arg;
	bool wakes;

	if (v == current) {
		v->hvm->timer_set_to = APIC_TIMER_NEVER;
		run_due(v);
		/* It may be on its way to sleep. */
		wakes = x2apic_next(&v->hvm->apic) >= 0;
	} else {
		wakes = x2apic_timer_wakes(&v->hvm->apic);
	}
	if (wakes)
		vcpu_unblock(v);
}

void hvm_timer_init(struct vcpu *v)
{
	timer_init(&v->hvm->timer, fired, v, v->cpu);
	v->hvm->timer_set_to = APIC_TIMER_NEVER;
}

void hvm_timer_switched_in(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;

	if (h->timer.cpu != v->cpu)
		timer_migrate(&h->timer, v->cpu);
	/* It may have fired while v was not current, which only that side knows. */
	h->timer_set_to = APIC_TIMER_NEVER;
	if (x2apic_timer_due(&h->apic) != APIC_TIMER_NEVER)
		run_due(v);
}

void hvm_timer_switching_out(struct vcpu *v)
{
	if (!(atomic_read(&v->pause_flags) & VPF_BLOCKED))
		set_to(v->hvm, APIC_TIMER_NEVER);
}
