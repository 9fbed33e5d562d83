// SPDX-License-Identifier: GPL-2.0-or-later
/* Stopping: pause counts, shutdown, resume and crash of domains. */
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "lib/printk.h"
#include "machine/power.h"
#include "pv-abi/errno.h"
#include "pv-abi/sched.h"

void (*domain_ended)(struct domain *d);

void vcpu_pause_nosync(struct vcpu *v)
{
	u64 flags = spin_lock_irqsave(&v->domain->pause_lock);

	if (!v->pause_count++)
		atomic_or(&v->pause_flags, VPF_PAUSED);
	spin_unlock_irqrestore(&v->domain->pause_lock, flags);
	vcpu_sleep_nosync(v);
}

void vcpu_pause(struct vcpu *v)
{
	vcpu_pause_nosync(v);
	if (v != current)
		vcpu_sleep_sync(v);
}

void vcpu_unpause(struct vcpu *v)
{
	u64 flags = spin_lock_irqsave(&v->domain->pause_lock);
	bool wake = false;

	if (v->pause_count && !--v->pause_count) {
		atomic_and(&v->pause_flags, ~VPF_PAUSED);
		wake = true;
	}
	spin_unlock_irqrestore(&v->domain->pause_lock, flags);
	if (wake)
		vcpu_wake(v);
}

/* One more reason for the whole domain not to run; pause_lock is held. */
static void pause_locked(struct domain *d)
{
	struct vcpu *v;

	if (!d->pause_count++)
		for_each_vcpu(d, v)
			atomic_or(&v->pause_flags, VPF_DOMAIN_PAUSED);
}

/* One reason less. Returns true if it was the last one: wake the vCPUs after unlocking. */
static bool unpause_locked(struct domain *d)
{
	struct vcpu *v;

	if (!d->pause_count || --d->pause_count)
		return false;
	d->started = true;
	for_each_vcpu(d, v)
		atomic_and(&v->pause_flags, ~VPF_DOMAIN_PAUSED);
	return true;
}

static void sleep_all(struct domain *d, bool sync)
{
	struct vcpu *v;

	for_each_vcpu(d, v)
		vcpu_sleep_nosync(v);
	if (!sync)
		return;
	for_each_vcpu(d, v)
		if (v != current)
			vcpu_sleep_sync(v);
}

static void wake_all(struct domain *d)
{
	struct vcpu *v;

	for_each_vcpu(d, v)
		vcpu_wake(v);
}

void domain_pause_nosync(struct domain *d)
{
	u64 flags = spin_lock_irqsave(&d->pause_lock);

	pause_locked(d);
	spin_unlock_irqrestore(&d->pause_lock, flags);
	sleep_all(d, false);
}

void domain_pause(struct domain *d)
{
	u64 flags = spin_lock_irqsave(&d->pause_lock);

	pause_locked(d);
	spin_unlock_irqrestore(&d->pause_lock, flags);
	sleep_all(d, true);
}

void domain_unpause(struct domain *d)
{
	u64 flags = spin_lock_irqsave(&d->pause_lock);
	bool wake = unpause_locked(d);

	spin_unlock_irqrestore(&d->pause_lock, flags);
	if (wake)
		wake_all(d);
}

int domain_pause_by_control(struct domain *d)
{
	u64 flags = spin_lock_irqsave(&d->pause_lock);

	if (!d->paused_by_control) {
		d->paused_by_control = true;
		pause_locked(d);
	}
	spin_unlock_irqrestore(&d->pause_lock, flags);
	sleep_all(d, true);
	return 0;
}

int domain_unpause_by_control(struct domain *d)
{
	bool wake = false;
	int ret = -EINVAL;
	struct vcpu *v;
	u64 flags;

	/*
	 * Who built or restored it may have cleared the shared info page: the clocks in it start to
	 * count now.
	 */
	if (d->paused_by_control) {
		domain_wallclock_update(d);
		for_each_vcpu(d, v)
			vcpu_time_update(v, true);
	}
	flags = spin_lock_irqsave(&d->pause_lock);

	if (d->paused_by_control) {
		d->paused_by_control = false;
		wake = unpause_locked(d);
		ret = 0;
	}
	spin_unlock_irqrestore(&d->pause_lock, flags);
	if (wake)
		wake_all(d);
	return ret;
}

/* dom0 ends: so does the machine. */
static void __noreturn machine_end(u8 reason)
{
	switch (reason) {
	case SHUTDOWN_poweroff:
		printk(LOG_INFO "dom0 powers the machine off\n");
		machine_power_off();
	case SHUTDOWN_reboot:
		printk(LOG_INFO "dom0 restarts the machine\n");
		machine_restart();
	default:
		printk(LOG_ERR "dom0 ended abnormally (reason %u): restarting the machine\n",
		       reason);
		machine_restart();
	}
}

void domain_shutdown(struct domain *d, u8 reason)
{
	spin_lock(&d->lock);
	if (d->shutting_down) {
		spin_unlock(&d->lock);
		return;
	}
	if (d->shutdown_code == SHUTDOWN_CODE_NONE)
		d->shutdown_code = reason;
	reason = d->shutdown_code;
	if (d == dom0)
		machine_end(reason);
	d->shutting_down = true;
	domain_pause_nosync(d);
	d->shut_down = true;
	spin_unlock(&d->lock);
	event_send_global_virq(dom0, VIRQ_DOM_EXC);
	if (!dom0 && domain_ended)
		domain_ended(d);
}

void domain_resume(struct domain *d)
{
	spin_lock(&d->lock);
	if (!d->shut_down) {
		spin_unlock(&d->lock);
		return;
	}
	d->shutting_down = d->shut_down = false;
	d->shutdown_code = SHUTDOWN_CODE_NONE;
	spin_unlock(&d->lock);
	domain_unpause(d);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
	struct vcpu *v = current;
	va_list ap;
	char why[160];

	if (d->shutting_down)
		return;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	for (char *p = why; *p; p++)
		if (*p == '\n')
			*p = '\0';
	if (v->domain == d)
		printk(LOG_INFO "d%uv%u crashed at %04llx:%016llx: %s\n", d->id, v->id,
		       (unsigned long long)guest_regs()->cs, (unsigned long long)guest_regs()->rip,
		       why);
	else
		printk(LOG_INFO "d%u was crashed: %s\n", d->id, why);
	/* A code the guest left before does not turn a crash into something else. */
	d->shutdown_code = SHUTDOWN_crash;
	domain_shutdown(d, SHUTDOWN_crash);
}
