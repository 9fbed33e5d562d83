// SPDX-License-Identifier: GPL-2.0-or-later
/* What a domain does with its vCPUs: __HYPERVISOR_vcpu_op, and its timer. */
#include "domain/vcpu_op.h"
#include "cpu/cpu.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "domain/refusal.h"
#include "lib/nospec.h"
#include "machine/clock.h"
#include "memory/heap.h"
#include "memory/p2m.h"
#include "pv-abi/errno.h"
#include "pv-abi/sched.h"
#include "pv-abi/vcpu.h"

#define PERIOD_MIN_NS 1000000ULL
#define PERIOD_MAX_NS BIT(60)

/* 0; -EFAULT, -ENOMEM, -EEXIST (it is initialised already), or what vcpu_set_context() says. */
static s64 op_initialise(struct vcpu *v, u64 arg)
{
	struct vcpu_guest_context *c;
	s64 ret;

	if (v->initialised)
		return -EEXIST;
	c = zalloc(ALLOC_VCPU, sizeof(*c));
	if (!c)
		return -ENOMEM;
	ret = copy_from_guest(c, arg, sizeof(*c));
	if (!ret)
		ret = vcpu_set_context(v, c);
	zfree(c);
	return ret;
}

/* 0, or -EINVAL before it was initialised. */
static s64 op_up(struct vcpu *v)
{
	struct domain *d = v->domain;
	bool ok;

	spin_lock(&d->lock);
	ok = v->initialised;
	if (ok)
		atomic_and(&v->pause_flags, ~VPF_DOWN);
	spin_unlock(&d->lock);
	if (!ok)
		return -EINVAL;
	vcpu_wake(v);
	return 0;
}

/* 0. A domain whose last vCPU goes down has ended. */
static s64 op_down(struct vcpu *v)
{
	struct domain *d = v->domain;
	struct vcpu *o;
	bool last = true;

	spin_lock(&d->lock);
	for_each_vcpu(d, o)
		if (o != v && !(atomic_read(&o->pause_flags) & VPF_DOWN))
			last = false;
	if (!last)
		atomic_or(&v->pause_flags, VPF_DOWN);
	spin_unlock(&d->lock);
	if (last)
		domain_shutdown(d, SHUTDOWN_poweroff);
	else
		vcpu_sleep_nosync(v);
	return 0;
}

static s64 op_get_runstate(struct vcpu *v, u64 arg)
{
	struct vcpu_runstate_info r;

	vcpu_runstate_get(v, &r);
	return put_guest(r, arg);
}

static s64 op_set_periodic(struct vcpu *v, u64 arg)
{
	struct vcpu_set_periodic_timer set;

	if (get_guest(set, arg))
		return -EFAULT;
	if (set.period_ns < PERIOD_MIN_NS || set.period_ns > PERIOD_MAX_NS)
		return -EINVAL;
	vcpu_periodic_set(v, set.period_ns);
	return 0;
}

/*
 * 0, -EFAULT, -EINVAL (another vCPU's), -ETIME (the caller wanted to know that the time has
 * passed).
 */
static s64 op_set_singleshot(struct vcpu *v, u64 arg)
{
	struct vcpu_set_singleshot_timer set;

	if (v != current)
		return -EINVAL;
	if (get_guest(set, arg))
		return -EFAULT;
	if ((set.flags & VCPU_SSHOTTMR_future) && set.timeout_abs_ns < system_time())
		return -ETIME;
	timer_set(&v->time.singleshot, set.timeout_abs_ns);
	return 0;
}

static s64 op_register_info(struct vcpu *v, u64 arg)
{
	struct vcpu_register_vcpu_info info;

	if (get_guest(info, arg))
		return -EFAULT;
	/* An HVM guest's number; whether the frame is still its own is asked next. */
	if (v->domain->p2m)
		info.mfn = p2m_lookup(v->domain, info.mfn, NULL);
	return vcpu_map_info(v, info.mfn, info.offset);
}

static s64 op_send_nmi(struct vcpu *v)
{
	/* A vCPU that waits for an event gets up for an NMI too. */
	if (!atomic_xchg(&v->nmi_pending, true))
		vcpu_unblock(v);
	return 0;
}

/* Only dom0's vCPUs, and only one that cannot move, may be told on what CPU it runs: -EINVAL. */
static s64 op_get_physid(struct vcpu *v, u64 arg)
{
	cpumask_t where = v->sched.affinity & cpus_online;
	struct vcpu_get_physid id;
	const struct cpu *c;

	if (v->domain != dom0 || !where || (where & (where - 1)))
		return -EINVAL;
	c = &cpus[__builtin_ctzll(where)];
	id.phys_id = (u64)c->acpi_id << 32 | c->apic_id;
	return put_guest(id, arg);
}

s64 do_vcpu_op(u64 cmd, u64 vcpuid, u64 arg)
{
	struct domain *d = current->domain;
	struct vcpu_register_runstate_memory_area runstate_area;
	struct vcpu_register_time_memory_area time_area;
	struct vcpu *v;
	s64 ret;

	cmd = (u32)cmd;
	vcpuid = (u32)vcpuid;
	if (vcpuid >= d->max_vcpus || !(v = d->vcpu[index_nospec(vcpuid, d->max_vcpus)]))
		return -ENOENT;

	switch (cmd) {
	case VCPUOP_initialise:
		ret = op_initialise(v, arg);
		break;
	case VCPUOP_up:
		ret = op_up(v);
		break;
	case VCPUOP_down:
		ret = op_down(v);
		break;
	case VCPUOP_is_up:
		ret = !(atomic_read(&v->pause_flags) & VPF_DOWN);
		break;
	case VCPUOP_get_runstate_info:
		ret = op_get_runstate(v, arg);
		break;
	case VCPUOP_register_runstate_memory_area:
		ret = get_guest(runstate_area, arg);
		if (!ret)
			ret = vcpu_runstate_area_set(v, runstate_area.addr.v);
		break;
	case VCPUOP_set_periodic_timer:
		ret = op_set_periodic(v, arg);
		break;
	case VCPUOP_stop_periodic_timer:
		vcpu_periodic_set(v, 0);
		ret = 0;
		break;
	case VCPUOP_set_singleshot_timer:
		ret = op_set_singleshot(v, arg);
		break;
	case VCPUOP_stop_singleshot_timer:
		ret = v == current ? 0 : -EINVAL;
		if (!ret)
			timer_stop(&v->time.singleshot);
		break;
	case VCPUOP_register_vcpu_info:
		ret = op_register_info(v, arg);
		break;
	case VCPUOP_send_nmi:
		ret = op_send_nmi(v);
		break;
	case VCPUOP_get_physid:
		ret = op_get_physid(v, arg);
		break;
	case VCPUOP_register_vcpu_time_memory_area:
		ret = get_guest(time_area, arg);
		if (!ret)
			ret = vcpu_time_area_set(v, time_area.addr.v);
		break;
	default:
		return refused("vcpu_op", (u32)cmd, -ENOSYS);
	}
	if (ret == -ERESTART)
		ret = hypercall_continue(__HYPERVISOR_vcpu_op, 3, cmd, vcpuid, arg);
	return ret;
}

/*
 * A timeout of more than two weeks is a kernel's miscalculation: some believed that it was in the
 * past, and the tick that they then miss would hang them. They get one soon.
 */
#define SANE_TIMEOUT_NS BIT(50)
#define SOON_NS         100000000ULL

s64 do_set_timer_op(u64 timeout_ns)
{
	struct timer *t = &current->time.singleshot;
	u64 now = system_time();

	if (!timeout_ns)
		timer_stop(t);
	else if (timeout_ns > now && timeout_ns - now > SANE_TIMEOUT_NS)
		timer_set(t, now + SOON_NS);
	else
		timer_set(t, timeout_ns);
	return 0;
}
