// SPDX-License-Identifier: GPL-2.0-or-later
/* What a vCPU tells the scheduler: __HYPERVISOR_sched_op. */
#include "sched/sched_op.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "domain/refusal.h"
#include "pv-abi/errno.h"
#include "pv-abi/sched.h"
#include "sched/sched.h"

#define POLL_PORTS_MAX 128

static s64 op_block(void)
{
	atomic_set(&current->info->evtchn_upcall_mask, 0);
	vcpu_block();
	return 0;
}

/*
 * Sleep until one of the ports is pending (masked or not), an event can be delivered, or it is
 * `timeout`. 0; -EINVAL (too many ports, or a bad one), -EFAULT.
 */
static s64 op_poll(u64 arg)
{
	struct vcpu *v = current;
	evtchn_port_t ports[POLL_PORTS_MAX];
	struct sched_poll poll;

	if (get_guest(poll, arg))
		return -EFAULT;
	if (poll.nr_ports > POLL_PORTS_MAX)
		return -EINVAL;
	if (copy_from_guest(ports, poll.ports, poll.nr_ports * sizeof(*ports)))
		return -EFAULT;
	for (unsigned i = 0; i < poll.nr_ports; i++)
		if (!event_port_valid(v->domain, ports[i]))
			return -EINVAL;

	/* The timer of an earlier poll may still run. */
	timer_stop(&v->time.poll);
	WRITE_ONCE(v->poll_port, poll.nr_ports == 1 ? ports[0] : 0);
	atomic_or(&v->pause_flags, VPF_BLOCKED);
	atomic_set(&v->polling, true);
	/*
	 * From here on whoever makes a port pending wakes us; what was pending before is seen
	 * below.
	 */
	smp_mb();
	for (unsigned i = 0; i < poll.nr_ports; i++)
		if (event_port_pending(v->domain, ports[i]))
			goto awake;
	if (vcpu_event_deliverable(v) || (v->nmi_pending && !v->nmi_masked))
		goto awake;
	if (poll.timeout)
		timer_set(&v->time.poll, poll.timeout);
	/*
	 * An event between the two lines that announced us cleared only the first: it saw nobody
	 * poll. Then we are not blocked and the scheduler lets us go on.
	 */
	softirq_raise(SOFTIRQ_SCHEDULE);
	return 0;

awake:
	atomic_set(&v->polling, false);
	atomic_and(&v->pause_flags, ~VPF_BLOCKED);
	return 0;
}

static s64 op_shutdown(u64 arg, bool only_code)
{
	struct domain *d = current->domain;
	struct sched_shutdown shutdown;

	if (get_guest(shutdown, arg))
		return -EFAULT;
	if (shutdown.reason > SHUTDOWN_MAX)
		return -EINVAL;
	if (!only_code) {
		domain_shutdown(d, (u8)shutdown.reason);
		return 0;
	}
	spin_lock(&d->lock);
	if (d->shutdown_code == SHUTDOWN_CODE_NONE)
		d->shutdown_code = (u8)shutdown.reason;
	spin_unlock(&d->lock);
	return 0;
}

/* 0; -EFAULT, -EINVAL (reason), -EPERM (not dom0), -ESRCH (no such domain). */
static s64 op_remote_shutdown(u64 arg)
{
	struct sched_remote_shutdown shutdown;
	struct domain *d;

	if (get_guest(shutdown, arg))
		return -EFAULT;
	if (!current->domain->privileged)
		return -EPERM;
	if (shutdown.reason > SHUTDOWN_MAX)
		return -EINVAL;
	d = domain_get(shutdown.domain_id);
	if (!d)
		return -ESRCH;
	domain_shutdown(d, (u8)shutdown.reason);
	domain_put(d);
	return 0;
}

static s64 op_watchdog(u64 arg)
{
	struct sched_watchdog watchdog;

	if (get_guest(watchdog, arg))
		return -EFAULT;
	return domain_watchdog(current->domain, watchdog.id, watchdog.timeout);
}

static s64 op_pin_override(u64 arg)
{
	struct sched_pin_override pin;

	if (!current->domain->privileged)
		return -EPERM;
	if (get_guest(pin, arg))
		return -EFAULT;
	return sched_pin_override(current, pin.pcpu);
}

s64 do_sched_op(u64 cmd, u64 arg)
{
	switch ((u32)cmd) {
	case SCHEDOP_yield:
		sched_yield();
		return 0;
	case SCHEDOP_block:
		return op_block();
	case SCHEDOP_shutdown:
		return op_shutdown(arg, false);
	case SCHEDOP_poll:
		return op_poll(arg);
	case SCHEDOP_remote_shutdown:
		return op_remote_shutdown(arg);
	case SCHEDOP_shutdown_code:
		return op_shutdown(arg, true);
	case SCHEDOP_watchdog:
		return op_watchdog(arg);
	case SCHEDOP_pin_override:
		return op_pin_override(arg);
	default:
		return refused("sched_op", (u32)cmd, -ENOSYS);
	}
}

s64 do_sched_op_compat(u64 cmd, u64 arg)
{
	switch ((u32)cmd) {
	case SCHEDOP_yield:
	case SCHEDOP_block:
		return do_sched_op(cmd, 0);
	case SCHEDOP_shutdown:
		if (arg > SHUTDOWN_MAX)
			return -EINVAL;
		domain_shutdown(current->domain, (u8)arg);
		return 0;
	default:
		return refused("sched_op_compat", (u32)cmd, -ENOSYS);
	}
}
