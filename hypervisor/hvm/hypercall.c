// SPDX-License-Identifier: GPL-2.0-or-later
/* The hypercalls of HVM guests: the same handlers, of the operations that make sense for them. */
#include "cpu/cpu.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "domain/memory_op.h"
#include "domain/refusal.h"
#include "domain/vcpu_op.h"
#include "domain/version.h"
#include "hvm/hvm.h"
#include "hvm/vcpu.h"
#include "lib/nospec.h"
#include "lib/string.h"
#include "memory/p2m.h"
#include "pv-abi/errno.h"
#include "pv-abi/event_channel.h"
#include "pv-abi/grant_table.h"
#include "pv-abi/hvm.h"
#include "pv-abi/vcpu.h"
#include "pv-abi/xen.h"
#include "sched/sched_op.h"

typedef s64 (*hvm_hypercall_fn)(u64, u64, u64);

/* Its NMIs are those that its vCPUs send each other by their APICs. */
static s64 send_nmi(u32 id)
{
	struct domain *d = current->domain;
	struct vcpu *v = id < d->max_vcpus ? d->vcpu[index_nospec(id, d->max_vcpus)] : NULL;

	if (!v)
		return -ENOENT;
	hvm_send_nmi(v);
	return 0;
}

/* What is for the state of a PV vCPU is not for this kind. */
static s64 vcpu_op(u64 cmd, u64 id, u64 arg)
{
	switch ((u32)cmd) {
	case VCPUOP_send_nmi:
		return send_nmi((u32)id);
	case VCPUOP_is_up:
	case VCPUOP_get_runstate_info:
	case VCPUOP_register_runstate_memory_area:
	case VCPUOP_register_vcpu_time_memory_area:
	case VCPUOP_register_vcpu_info:
	case VCPUOP_set_periodic_timer:
	case VCPUOP_stop_periodic_timer:
	case VCPUOP_set_singleshot_timer:
	case VCPUOP_stop_singleshot_timer:
		return do_vcpu_op(cmd, id, arg);
	}
	return refused("vcpu_op", (u32)cmd, -ENOSYS);
}

static s64 event_channel_op(u64 cmd, u64 arg, u64 unused)
{
	(void)unused;
	/* It has no devices' interrupts. */
	if (cmd == EVTCHNOP_bind_pirq)
		return refused("event_channel_op", cmd, -ENOSYS);
	return do_event_channel_op(cmd, arg);
}

static s64 grant_table_op(u64 cmd, u64 arg, u64 count)
{
	switch (cmd) {
	case GNTTABOP_map_grant_ref:
	case GNTTABOP_unmap_grant_ref:
	case GNTTABOP_copy:
	case GNTTABOP_query_size:
	case GNTTABOP_get_version:
	case GNTTABOP_set_version:
	case GNTTABOP_swap_grant_ref:
		return do_grant_table_op(cmd, arg, count);
	}
	/* Where its table is, XENMEM_add_to_physmap says. */
	return refused("grant_table_op", cmd, -ENOSYS);
}

static s64 memory_op(u64 cmd, u64 arg, u64 unused)
{
	(void)unused;
	return do_memory_op(cmd, arg);
}

static s64 xen_version(u64 cmd, u64 arg, u64 unused)
{
	(void)unused;
	return do_xen_version(cmd, arg);
}

static s64 sched_op(u64 cmd, u64 arg, u64 unused)
{
	(void)unused;
	return do_sched_op(cmd, arg);
}

static s64 set_timer_op(u64 when, u64 unused, u64 too)
{
	(void)unused;
	(void)too;
	return do_set_timer_op(when);
}

static s64 hvm_op(u64 op, u64 arg, u64 unused)
{
	(void)unused;
	return do_hvm_op(op, arg);
}

static s64 (*console_io)(u64 cmd, u64 count, u64 arg);

void hvm_console_register(s64 (*fn)(u64 cmd, u64 count, u64 arg))
{
	console_io = fn;
}

static s64 call_console_io(u64 cmd, u64 count, u64 arg)
{
	return console_io(cmd, count, arg);
}

static s64 multicall(u64 list, u64 count, u64 unused);

#define OPS 64
static const hvm_hypercall_fn table[OPS] = {
	[__HYPERVISOR_multicall] = multicall,
	[__HYPERVISOR_memory_op] = memory_op,
	[__HYPERVISOR_set_timer_op] = set_timer_op,
	[__HYPERVISOR_xen_version] = xen_version,
	[__HYPERVISOR_console_io] = call_console_io,
	[__HYPERVISOR_grant_table_op] = grant_table_op,
	[__HYPERVISOR_vcpu_op] = vcpu_op,
	[__HYPERVISOR_sched_op] = sched_op,
	[__HYPERVISOR_event_channel_op] = event_channel_op,
	[__HYPERVISOR_hvm_op] = hvm_op,
};

static s64 call(u64 op, u64 a, u64 b, u64 c)
{
	hvm_hypercall_fn fn = op < OPS ? table[index_nospec(op, OPS)] : NULL;

	return fn ? fn(a, b, c) : refused("hypercall", op, -ENOSYS);
}

/*
 * A batch: each entry is read once, and its result goes back to the guest's list. One that is to be
 * continued is written back with what is left of it, and the batch goes on there.
 */
static s64 multicall(u64 list, u64 count, u64 unused)
{
	struct vcpu *v = current;

	(void)unused;
	if (v->mc.in_multicall)
		return -EINVAL;
	count = (u32)count;
	for (u64 i = 0; i < count; i++) {
		u64 at = list + i * sizeof(struct multicall_entry);
		const u64 *args = (const u64 *)v->mc.call.args;
		s64 result;

		if (i && preempt_wanted())
			return hypercall_continue(__HYPERVISOR_multicall, 2, at, count - i);
		if (copy_from_guest(&v->mc.call, at, sizeof(v->mc.call)))
			return -EFAULT;
		v->mc.in_multicall = true;
		v->mc.preempted = false;
		result = call(v->mc.call.op, args[0], args[1], args[2]);
		v->mc.in_multicall = false;
		if (v->mc.preempted) {
			if (copy_to_guest(at, &v->mc.call, sizeof(v->mc.call)))
				return -EFAULT;
			return hypercall_continue(__HYPERVISOR_multicall, 2, at, count - i);
		}
		if (copy_to_guest(at + offsetof(struct multicall_entry, result), &result,
				  sizeof(result)))
			return -EFAULT;
	}
	return 0;
}

void hvm_hypercall(void)
{
	struct regs *r = guest_regs();

	this_cpu()->stat_hypercalls++;
	r->rax = (u64)call(r->rax, r->rdi, r->rsi, r->rdx);
}

/* For each number: mov $op, %eax; the call; ret. Whatever mode the guest is in, it is the same. */
bool hvm_write_hypercall_page(u64 gpa)
{
	struct frame *f = p2m_get_frame(current->domain, gpa >> PAGE_SHIFT);
	u8 code[] = { 0xb8, 0, 0, 0, 0, 0, 0, 0, 0xc3 };
	u8 *page;

	if (!f)
		return false;
	memcpy(code + 5, hvm_ops->hypercall, sizeof(hvm_ops->hypercall));
	page = frame_to_va(f);
	memset(page, 0xcc, PAGE_SIZE);
	for (u32 op = 0; op < PAGE_SIZE / 32; op++) {
		memcpy(page + op * 32, code, sizeof(code));
		memcpy(page + op * 32 + 1, &op, sizeof(op));
	}
	frame_put(f);
	return true;
}

/* ---- hvm_op ---- */

static bool param_known(u32 index)
{
	return index <= HVM_PARAM_STORE_EVTCHN || index == HVM_PARAM_CONSOLE_PFN ||
	       index == HVM_PARAM_CONSOLE_EVTCHN;
}

/* By a vector, one that no exception has, or not at all. */
static int set_callback(struct domain *d, u64 value)
{
	u64 vector = value & ~(0xffULL << 56);

	if (value && (value >> 56 != HVM_CALLBACK_VECTOR || vector < 0x20 || vector > 0xff))
		return -EINVAL;
	WRITE_ONCE(d->callback_vector, (u8)vector);
	return 0;
}

static int set_param(struct domain *d, const struct xen_hvm_param *p)
{
	/* Where console and store are is the toolstack's to say. */
	if (p->index == HVM_PARAM_CALLBACK_IRQ)
		return set_callback(d, p->value);
	if (!current->domain->privileged)
		return -EPERM;
	WRITE_ONCE(d->hvm_params[p->index], p->value);
	return 0;
}

s64 do_hvm_op(u64 op, u64 arg)
{
	struct xen_hvm_param p;
	struct domain *d;
	s64 r;

	if (op != HVMOP_set_param && op != HVMOP_get_param)
		return refused("hvm_op", op, -ENOSYS);
	if (copy_from_guest(&p, arg, sizeof(p)))
		return -EFAULT;
	r = domain_get_controlled(p.domid, &d);
	if (r)
		return r;
	if (!d->p2m || !param_known(p.index)) {
		domain_put(d);
		return -EINVAL;
	}
	p.index = (u32)index_nospec(p.index, HVM_PARAMS_KEPT);
	if (op == HVMOP_set_param) {
		r = set_param(d, &p);
		if (!r && p.index == HVM_PARAM_CALLBACK_IRQ)
			WRITE_ONCE(d->hvm_params[p.index], p.value);
	} else {
		p.value = READ_ONCE(d->hvm_params[p.index]);
		r = copy_to_guest(arg, &p, sizeof(p));
	}
	domain_put(d);
	return r;
}
