// SPDX-License-Identifier: GPL-2.0-or-later
/* What the vCPUs of an HVM guest send each other by their APICs: interrupts, NMIs, INIT, SIPI. */
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "hvm/vcpu.h"
#include "pv-abi/sched.h"
#include "sched/sched.h"

static bool others_up(const struct vcpu *v)
{
	const struct vcpu *o;

	for_each_vcpu(v->domain, o)
		if (o != v && !(atomic_read(&o->pause_flags) & VPF_DOWN))
			return true;
	return false;
}

/* Under domain->lock. False: it is the last one, and nothing could ever bring it up again. */
static bool take_down(struct vcpu *v, enum hvm_startup startup)
{
	v->hvm->startup = startup;
	if (!others_up(v))
		return false;
	atomic_or(&v->pause_flags, VPF_DOWN);
	return true;
}

static void taken_down(struct vcpu *v, bool done)
{
	if (done)
		vcpu_sleep_nosync(v);
	else
		domain_shutdown(v->domain, SHUTDOWN_poweroff);
}

/*
 * From here on it waits for SIPI: also vCPU 0, since there is no firmware that it could begin anew
 * with. Its state is put right when it starts.
 */
static void do_init(struct vcpu *v)
{
	struct domain *d = v->domain;
	bool done = true;

	spin_lock(&d->lock);
	v->initialised = false;
	/* One that was told to start, and has not looked yet, is up. */
	if (v->hvm->startup == HVM_RUNS || v->hvm->startup == HVM_STARTS)
		done = take_down(v, HVM_WAITS);
	else
		v->hvm->startup = HVM_WAITS;
	spin_unlock(&d->lock);
	taken_down(v, done);
}

static void do_startup(struct vcpu *v, u8 page)
{
	struct domain *d = v->domain;
	bool starts;

	spin_lock(&d->lock);
	starts = v->hvm->startup == HVM_WAITS;
	if (starts) {
		v->hvm->startup = HVM_STARTS;
		v->hvm->start_page = page;
		atomic_and(&v->pause_flags, ~(VPF_DOWN | VPF_BLOCKED));
	}
	spin_unlock(&d->lock);
	if (!starts)
		return;
	vcpu_wake(v);
	/* It may not have left the guest since its INIT. */
	vcpu_kick(v);
}

void hvm_send_nmi(struct vcpu *v)
{
	struct domain *d = v->domain;
	bool wakes, waited;

	spin_lock(&d->lock);
	waited = v->nmi_pending;
	v->nmi_pending = true;
	wakes = v->hvm->startup == HVM_HALTED;
	if (wakes) {
		v->hvm->startup = HVM_RUNS;
		atomic_and(&v->pause_flags, ~VPF_DOWN);
	}
	spin_unlock(&d->lock);
	if (wakes)
		vcpu_wake(v);
	/* Who sent the one that still waits has kicked it. */
	if (wakes || !waited)
		vcpu_unblock(v);
}

static enum x2apic_raised raise(struct vcpu *v, u8 vector)
{
	enum x2apic_raised raised;

	spin_lock(&v->hvm->raise_lock);
	raised = x2apic_raise(&v->hvm->apic, vector);
	spin_unlock(&v->hvm->raise_lock);
	return raised;
}

void hvm_reset_apic(void)
{
	struct vcpu *v = current;

	/* Who raises one later finds the APIC switched off, as all begin. */
	spin_lock(&v->hvm->raise_lock);
	x2apic_init(&v->hvm->apic);
	spin_unlock(&v->hvm->raise_lock);
	hvm_timer_update(v);
}

bool hvm_write_apic_base(u64 value)
{
	struct vcpu *v = current;
	bool done;

	/* The same for one that is switched off. */
	spin_lock(&v->hvm->raise_lock);
	done = x2apic_write(&v->hvm->apic, MSR_APIC_BASE, system_time(), value);
	spin_unlock(&v->hvm->raise_lock);
	return done;
}

void hvm_send_ipi(u64 icr)
{
	struct vcpu *from = current, *v;

	for_each_vcpu(from->domain, v) {
		enum x2apic_ipi what = x2apic_means(icr, &from->hvm->apic, &v->hvm->apic);
		enum x2apic_raised raised;

		switch (what) {
		case X2APIC_NOTHING:
			break;
		case X2APIC_FIXED:
		case X2APIC_LOWEST:
			if (what == X2APIC_LOWEST && (atomic_read(&v->pause_flags) & VPF_DOWN))
				break;
			raised = raise(v, (u8)icr);
			/* A storm of them does not interrupt its CPU each time. */
			if (raised == X2APIC_TAKEN)
				vcpu_unblock(v);
			if (what == X2APIC_LOWEST && raised != X2APIC_NOT_TAKEN)
				return;
			break;
		case X2APIC_NMI:
			hvm_send_nmi(v);
			break;
		case X2APIC_INIT:
			do_init(v);
			break;
		case X2APIC_STARTUP:
			do_startup(v, (u8)icr);
			break;
		}
	}
}

void hvm_halt(void)
{
	struct vcpu *v = current;
	struct domain *d = v->domain;
	bool done = true, halts;

	spin_lock(&d->lock);
	/* What came before is looked at first. */
	halts = v->hvm->startup == HVM_RUNS && !(v->nmi_pending && !v->nmi_masked);
	if (halts)
		done = take_down(v, HVM_HALTED);
	spin_unlock(&d->lock);
	if (halts)
		taken_down(v, done);
}

bool hvm_take_start(u8 *page)
{
	struct vcpu *v = current;
	struct domain *d = v->domain;
	bool starts;

	spin_lock(&d->lock);
	starts = v->hvm->startup == HVM_STARTS;
	if (starts) {
		v->hvm->startup = HVM_RUNS;
		v->initialised = true;
		v->nmi_pending = v->nmi_masked = false;
		*page = v->hvm->start_page;
	}
	spin_unlock(&d->lock);
	return starts;
}
