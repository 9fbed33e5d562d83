// SPDX-License-Identifier: GPL-2.0-or-later
#include "entry/hypercall.h"
#include "control/console_io.h"
#include "control/control.h"
#include "control/mca.h"
#include "control/physdev.h"
#include "control/platform.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/regs.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "domain/memory_op.h"
#include "domain/refusal.h"
#include "domain/vcpu_op.h"
#include "domain/version.h"
#include "hvm/vcpu.h"
#include "lib/nospec.h"
#include "lib/string.h"
#include "pv-abi/errno.h"
#include "pv-abi/xen-mca.h"
#include "pv/bounce.h"
#include "pv/callback.h"
#include "pv/compat.h"
#include "pv/cpu_ops.h"
#include "pv/descriptor_page.h"
#include "pv/mmu.h"
#include "sched/sched_op.h"

static s64 do_multicall(u64 list, u64 count);

static s64 do_unknown(void)
{
	struct vcpu *v = current;

	return refused("hypercall", v->mc.in_multicall ? v->mc.call.op : guest_regs()->rax,
		       -ENOSYS);
}

/* Handlers take as many of the five arguments as they declare. */
#define ALL_HYPERCALLS(H)                                                                  \
	H(set_trap_table) H(mmu_update) H(set_gdt) H(stack_switch) H(set_callbacks)        \
	H(fpu_taskswitch) H(platform_op) H(set_debugreg) H(get_debugreg)                   \
	H(update_descriptor) H(memory_op) H(multicall) H(update_va_mapping)                \
	H(set_timer_op) H(xen_version) H(console_io) H(grant_table_op) H(vm_assist)        \
	H(update_va_mapping_otherdomain) H(iret) H(vcpu_op) H(set_segment_base)            \
	H(mmuext_op) H(nmi_op) H(sched_op) H(callback_op) H(event_channel_op)              \
	H(physdev_op) H(sysctl) H(domctl) H(mca) H(hvm_op) H(sched_op_compat)              \
	H(event_channel_op_compat) H(physdev_op_compat)

/* What follows the general entry is meant to override it. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
const hypercall_fn hypercall_table[HYPERCALL_MAX] = {
	[0 ... HYPERCALL_MAX - 1] = (hypercall_fn)(void *)do_unknown,
#define H(n) [__HYPERVISOR_##n] = (hypercall_fn)(void *)do_##n,
	ALL_HYPERCALLS(H)
#undef H
};
#pragma GCC diagnostic pop

const char *hypercall_name(u64 op)
{
	static const char *const names[HYPERCALL_MAX] = {
#define H(n) [__HYPERVISOR_##n] = #n,
		ALL_HYPERCALLS(H)
#undef H
	};

	return op < HYPERCALL_MAX && names[op] ? names[op] : "unknown";
}

s64 hypercall_call(u64 op, const u64 *args)
{
	if (op >= HYPERCALL_MAX)
		return refused("hypercall", op, -ENOSYS);
	return hypercall_table[index_nospec(op, HYPERCALL_MAX)](args[0], args[1], args[2], args[3],
								args[4]);
}

void hypercall_dispatch(struct regs *r)
{
	const u64 args[] = { r->rdi, r->rsi, r->rdx, r->r10, r->r8 };

	this_cpu()->stat_hypercalls++;
	r->rax = hypercall_call(r->rax, args);
}

/*
 * A batch of hypercalls. Each entry's result goes back to the guest's list; a preempted entry is
 * written back with its remaining arguments and the batch continues there. An iret ends the batch.
 */
static s64 do_multicall(u64 list, u64 count)
{
	struct vcpu *v = current;
	u64 i;

	if (v->mc.in_multicall)
		return -EINVAL;
	count = (u32)count;
	if (!guest_range_ok(list, count * sizeof(struct multicall_entry)))
		return -EFAULT;
	for (i = 0; i < count; i++) {
		u64 at = list + i * sizeof(struct multicall_entry);
		u64 result_at = at + offsetof(struct multicall_entry, result);
		s64 result;

		if (i && preempt_wanted())
			return hypercall_continue(__HYPERVISOR_multicall, 2, at, count - i);
		if (get_guest(v->mc.call, at))
			return -EFAULT;
		v->mc.in_multicall = true;
		v->mc.preempted = false;
		if (v->mc.call.op == __HYPERVISOR_multicall)
			result = -EINVAL;
		else
			result = hypercall_call(v->mc.call.op, (const u64 *)v->mc.call.args);
		v->mc.in_multicall = false;
		/*
		 * The batch's caller is not gone back to: it ends here, with the frame's rax. No
		 * result is stored: the list need not be in the address space that is loaded.
		 */
		if (v->mc.call.op == __HYPERVISOR_iret)
			return result;
		if (v->mc.preempted) {
			if (put_guest(v->mc.call, at))
				return -EFAULT;
			return hypercall_continue(__HYPERVISOR_multicall, 2, at, count - i);
		}
		if (put_guest(result, result_at))
			return -EFAULT;
	}
	return 0;
}
