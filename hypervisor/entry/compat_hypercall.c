// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hypercalls of 32-bit guests. They come by `int 0x82`; one row for each says how the registers
 * make up the arguments of the 64-bit handler and which function to call. A structure whose layout
 * differs is translated (entry/compat_struct.c) into a buffer of ours, the handler gets the
 * buffer's address, and copy_from_guest() and copy_to_guest() take it as long as the call lasts:
 * `window` in struct pv_vcpu. Nothing in 64-bit layout is ever in the guest's memory.
 */
#include "control/console_io.h"
#include "control/control.h"
#include "control/mca.h"
#include "control/physdev.h"
#include "control/platform.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "domain/memory_op.h"
#include "domain/refusal.h"
#include "domain/vcpu_op.h"
#include "domain/version.h"
#include "entry/compat_struct.h"
#include "entry/hypercall.h"
#include "lib/nospec.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "pv-abi/errno.h"
#include "pv-abi/xen-mca.h"
#include "pv/callback.h"
#include "pv/compat.h"
#include "pv/cpu_ops.h"
#include "pv/descriptor_page.h"
#include "pv/mmu.h"
#include "pv/sysenter.h"
#include "sched/sched_op.h"

#define NR_ARGS 6
/* The length of `int 0x82`, which the guest executes again. */
#define INT_LEN 2
/* The progress of a memory operation counts extents in the upper bits of a 32-bit word. */
#define MEMORY_OP_SHIFT   6
#define MEMORY_EXTENTS_MAX (~0U >> MEMORY_OP_SHIFT)

/* ---- structures ---- */

/*
 * Call fn with the guest's structure at `arg` in 64-bit form. What it writes there, if anything,
 * goes back in 32-bit form.
 */
static s64 with_struct(const struct compat_layout *l, u32 arg, s64 (*fn)(u64, u64, u64), u64 a,
		       bool second, u64 b)
{
	struct compat_window *w = &current->pv.window;
	u8 small[COMPAT_STRUCT_MAX] __aligned(8), large[COMPAT_STRUCT_MAX] __aligned(8);
	s64 ret;

	if (copy_from_guest(small, arg, l->size32))
		return -EFAULT;
	compat_widen(l, large, small);
	*w = (struct compat_window){ .data = large, .size = l->size64, .guest = arg };
	ret = second ? fn(a, b, (u64)large) : fn(a, (u64)large, b);
	w->data = NULL;
	if (w->written) {
		compat_narrow(l, small, large);
		if (copy_to_guest(arg, small, l->size32))
			return -EFAULT;
	}
	return ret;
}

static s64 call_memory_op(u64 cmd, u64 arg, u64 unused)
{
	(void)unused;
	return do_memory_op(cmd, arg);
}

static s64 compat_memory_op(u64 cmd, u64 arg)
{
	const struct compat_command *c =
		compat_command_find(compat_memory_commands, cmd & ((1U << MEMORY_OP_SHIFT) - 1));
	struct compat_xen_memory_reservation r;

	if (!c)
		return do_memory_op(cmd, 0);
	if (!c->layout)
		return do_memory_op(cmd, arg);
	if (c->layout->size32 == sizeof(r)) {
		if (get_guest(r, arg))
			return cmd >> MEMORY_OP_SHIFT ? (s64)(cmd >> MEMORY_OP_SHIFT) : -EFAULT;
		if (r.nr_extents > MEMORY_EXTENTS_MAX)
			return -EINVAL;
	}
	return with_struct(c->layout, (u32)arg, call_memory_op, cmd, false, 0);
}

static s64 call_sched_op(u64 cmd, u64 arg, u64 unused)
{
	(void)unused;
	return do_sched_op(cmd, arg);
}

static s64 compat_sched_op(u64 cmd, u64 arg)
{
	const struct compat_command *c = compat_command_find(compat_sched_commands, (u32)cmd);

	if (!c)
		return refused("sched_op", (u32)cmd, -ENOSYS);
	return c->layout ? with_struct(c->layout, (u32)arg, call_sched_op, cmd, false, 0)
			 : do_sched_op(cmd, arg);
}

static s64 call_physdev_op(u64 cmd, u64 arg, u64 unused)
{
	(void)unused;
	return do_physdev_op(cmd, arg);
}

static s64 compat_physdev_op(u64 cmd, u64 arg)
{
	const struct compat_command *c = compat_command_find(compat_physdev_commands, (u32)cmd);

	if (!c)
		return refused("physdev_op", (u32)cmd, -ENOSYS);
	return c->layout ? with_struct(c->layout, (u32)arg, call_physdev_op, cmd, false, 0)
			 : do_physdev_op(cmd, arg);
}

static s64 compat_physdev_op_compat(u64 arg)
{
	const struct compat_command *c;
	u32 cmd;

	if (get_guest(cmd, arg))
		return -EFAULT;
	c = compat_command_find(compat_old_physdev_commands, cmd);
	if (!c)
		return refused("physdev_op_compat", cmd, -ENOSYS);
	return compat_physdev_op(cmd, arg + offsetof(struct compat_physdev_op, u));
}

static s64 call_platform_op(u64 unused, u64 arg, u64 unused2)
{
	(void)unused;
	(void)unused2;
	return do_platform_op(arg);
}

static s64 compat_platform_op(u64 arg)
{
	const struct compat_command *c;
	u32 cmd;

	if (!current->domain->privileged)
		return -EPERM;
	if (get_guest(cmd, arg))
		return -EFAULT;
	c = compat_command_find(compat_platform_commands, cmd);
	if (!c)
		return refused("platform_op", (u32)cmd, -ENOSYS);
	return c->layout ? with_struct(c->layout, (u32)arg, call_platform_op, 0, false, 0)
			 : do_platform_op(arg);
}

/* VCPUOP_initialise: the context is too large for a stack. */
static s64 initialise_vcpu(u32 id, u64 arg)
{
	struct both {
		struct vcpu_guest_context wide;
		struct compat_vcpu_guest_context narrow;
	} *c;
	struct compat_callback_selectors sel;
	struct domain *d = current->domain;
	struct vcpu *v;
	s64 ret;

	if (id >= d->max_vcpus || !(v = d->vcpu[id]))
		return -ENOENT;
	if (v->initialised)
		return -EEXIST;
	c = zalloc(ALLOC_VCPU, sizeof(*c));
	if (!c)
		return -ENOMEM;
	ret = copy_from_guest(&c->narrow, arg, sizeof(c->narrow));
	if (!ret) {
		compat_context_widen(&c->wide, &sel, &c->narrow);
		ret = vcpu_set_context_compat(v, &c->wide, &sel);
	}
	zfree(c);
	if (ret == -ERESTART)
		ret = hypercall_continue(__HYPERVISOR_vcpu_op, 3, (u64)VCPUOP_initialise, (u64)id,
					 arg);
	return ret;
}

static s64 call_vcpu_op(u64 cmd, u64 id, u64 arg)
{
	return do_vcpu_op(cmd, id, arg);
}

static s64 compat_vcpu_op(u64 cmd, u64 id, u64 arg)
{
	const struct compat_command *c;

	if (cmd == VCPUOP_initialise)
		return initialise_vcpu((u32)id, arg);
	c = compat_command_find(compat_vcpu_commands, (u32)cmd);
	if (!c)
		return refused("vcpu_op", (u32)cmd, -ENOSYS);
	return c->layout ? with_struct(c->layout, (u32)arg, call_vcpu_op, cmd, true, id)
			 : do_vcpu_op(cmd, id, arg);
}

static s64 call_grant_op(u64 cmd, u64 arg, u64 count)
{
	return do_grant_table_op(cmd, arg, count);
}

static s64 compat_grant_table_op(u64 cmd, u64 arg, u64 count)
{
	const struct compat_command *c = compat_command_find(compat_grant_commands, (u32)cmd);
	s64 ret = 0;

	if (!c)
		return refused("grant_table_op", (u32)cmd, -ENOSYS);
	if (!c->layout || count > 0x7fffffff)
		return do_grant_table_op(cmd, arg, count);
	/* Only lists of copies and transfers have more than one. */
	if (count != 1 && cmd != GNTTABOP_copy && cmd != GNTTABOP_transfer)
		return -EINVAL;
	for (u64 i = 0; !ret && i < count; i++) {
		u64 at = arg + i * c->layout->size32;

		if (at >= COMPAT_VIRT_END)
			return -EFAULT;
		if (i && preempt_wanted())
			return hypercall_continue(__HYPERVISOR_grant_table_op, 3, cmd, at,
						  count - i);
		ret = with_struct(c->layout, (u32)at, call_grant_op, cmd, false, 1);
	}
	return ret;
}

/* ---- entry points: with a selector ---- */

static bool entry_ok(u32 cs, u32 eip)
{
	return !eip || (cs & ~3U);
}

static s64 compat_set_callbacks(u64 event_cs, u64 event, u64 failsafe_cs, u64 failsafe)
{
	struct pv_vcpu *pv = &current->pv;

	if (!entry_ok((u32)event_cs, (u32)event) || !entry_ok((u32)failsafe_cs, (u32)failsafe))
		return -EINVAL;
	pv->event_cs = compat_selector((u32)event_cs);
	pv->event_callback = event;
	pv->failsafe_cs = compat_selector((u32)failsafe_cs);
	pv->failsafe_callback = failsafe;
	return 0;
}

static s64 set_callback(unsigned type, bool mask, u32 cs, u32 eip)
{
	struct pv_vcpu *pv = &current->pv;

	if (!entry_ok(cs, eip))
		return -EINVAL;
	cs = compat_selector(cs);
	switch (type) {
	case CALLBACKTYPE_event:
		pv->event_cs = (u16)cs;
		pv->event_callback = eip;
		return 0;
	case CALLBACKTYPE_failsafe:
		pv->failsafe_cs = (u16)cs;
		pv->failsafe_callback = eip;
		pv->failsafe_masks = mask;
		return 0;
	case CALLBACKTYPE_syscall32:
		pv->syscall32_cs = (u16)cs;
		pv->syscall32_callback = eip;
		pv->syscall32_masks = mask;
		return 0;
	case CALLBACKTYPE_sysenter:
		pv->sysenter_cs = (u16)cs;
		pv->sysenter_callback = eip;
		pv->sysenter_masks = mask;
		sysenter_load(current);
		return 0;
	case CALLBACKTYPE_nmi:
		pv->nmi_cs = (u16)cs;
		pv->nmi_callback = eip;
		return 0;
	}
	return -ENOSYS;
}

static s64 compat_callback_op(u64 cmd, u64 arg)
{
	struct compat_callback_register r;
	struct callback_unregister u;

	switch (cmd) {
	case CALLBACKOP_register:
		if (get_guest(r, arg))
			return -EFAULT;
		return set_callback(r.type, r.flags & CALLBACKF_mask_events, r.address.cs,
				    r.address.eip);
	case CALLBACKOP_unregister:
		if (get_guest(u, arg))
			return -EFAULT;
		if (u.type == CALLBACKTYPE_event || u.type == CALLBACKTYPE_failsafe)
			return -EINVAL;
		return set_callback(u.type, false, 0, 0);
	}
	return refused("callback_op", (u32)cmd, -ENOSYS);
}

static s64 compat_nmi_op(u64 cmd, u64 arg)
{
	struct compat_xennmi_callback cb;

	switch (cmd) {
	case XENNMI_register_callback:
		if (get_guest(cb, arg))
			return -EFAULT;
		return current->id ? -EINVAL
				   : set_callback(CALLBACKTYPE_nmi, false, FLAT_COMPAT_KERNEL_CS,
						  cb.handler_address);
	case XENNMI_unregister_callback:
		current->pv.nmi_callback = 0;
		return 0;
	}
	return refused("nmi_op", (u32)cmd, -ENOSYS);
}

static int get_trap(struct trap_info *ti, u64 at)
{
	struct compat_trap_info narrow;

	if (get_guest(narrow, at))
		return -EFAULT;
	*ti = (struct trap_info){
		.vector = narrow.vector, .flags = narrow.flags, .cs = compat_selector(narrow.cs),
		.address = narrow.address,
	};
	return !narrow.address || entry_ok(narrow.cs, narrow.address) ? 0 : -EINVAL;
}

static s64 compat_set_trap_table(u64 list)
{
	return set_trap_table(list, sizeof(struct compat_trap_info), get_trap);
}

static s64 compat_stack_switch(u64 ss, u64 esp)
{
	compat_set_kernel_stack(&current->pv, (u16)ss, (u32)esp,
				compat_segment_base(compat_selector((u32)ss)));
	return 0;
}

/* ---- the rest ---- */

static s64 compat_xen_version(u64 cmd, u64 arg)
{
	struct compat_xen_platform_parameters p = { .virt_start = COMPAT_VIRT_START };

	if (cmd == XENVER_platform_parameters)
		return put_guest(p, arg);
	return do_xen_version(cmd, arg);
}

static s64 compat_multicall(u64 list, u64 count);

typedef s64 (*compat_fn)(u64, u64, u64, u64, u64);

/*
 * Index: the ABI's number. Arguments, left to right: 'w' is a register, 'q' two of them, low half
 * first. The function is the 64-bit handler where that is all the difference.
 */
static const struct compat_call {
	const char *args;
	compat_fn fn;
} compat_calls[] = {
#define C(n, args, fn) [__HYPERVISOR_##n] = { args, (compat_fn)(void *)fn }
	C(set_trap_table, "w", compat_set_trap_table),
	C(mmu_update, "wwww", do_mmu_update),
	C(set_gdt, "ww", do_set_gdt),
	C(stack_switch, "ww", compat_stack_switch),
	C(set_callbacks, "wwww", compat_set_callbacks),
	C(fpu_taskswitch, "w", do_fpu_taskswitch),
	C(platform_op, "w", compat_platform_op),
	C(set_debugreg, "ww", do_set_debugreg),
	C(get_debugreg, "w", do_get_debugreg),
	C(update_descriptor, "qq", do_update_descriptor),
	C(memory_op, "ww", compat_memory_op),
	C(multicall, "ww", compat_multicall),
	C(update_va_mapping, "wqw", do_update_va_mapping),
	C(set_timer_op, "q", do_set_timer_op),
	C(xen_version, "ww", compat_xen_version),
	C(console_io, "www", do_console_io),
	C(grant_table_op, "www", compat_grant_table_op),
	C(vm_assist, "ww", do_vm_assist),
	C(update_va_mapping_otherdomain, "wqww", do_update_va_mapping_otherdomain),
	C(iret, "", compat_iret),
	C(vcpu_op, "www", compat_vcpu_op),
	C(mmuext_op, "wwww", do_mmuext_op),
	C(nmi_op, "ww", compat_nmi_op),
	C(sched_op, "ww", compat_sched_op),
	C(callback_op, "ww", compat_callback_op),
	C(event_channel_op, "ww", do_event_channel_op),
	C(physdev_op, "ww", compat_physdev_op),
	/* The control ABI has one layout for all. */
	C(sysctl, "w", do_sysctl),
	C(domctl, "w", do_domctl),
	C(mca, "w", do_mca),
	C(sched_op_compat, "ww", do_sched_op_compat),
	C(event_channel_op_compat, "w", do_event_channel_op_compat),
	C(physdev_op_compat, "w", compat_physdev_op_compat),
#undef C
};

static s64 call(u64 op, const u32 *regs)
{
	const struct compat_call *c;
	u64 args[NR_ARGS] = { 0 };
	unsigned n = 0;

	c = &compat_calls[index_nospec(op, ARRAY_SIZE(compat_calls))];
	if (op >= ARRAY_SIZE(compat_calls) || !c->fn)
		return refused("hypercall", op, -ENOSYS);
	for (const char *p = c->args; *p; p++) {
		args[n] = *regs++;
		if (*p == 'q')
			args[n] |= (u64)*regs++ << 32;
		n++;
	}
	return c->fn(args[0], args[1], args[2], args[3], args[4]);
}

void compat_hypercall(struct regs *r)
{
	const u32 regs[NR_ARGS] = {
		(u32)r->rbx, (u32)r->rcx, (u32)r->rdx, (u32)r->rsi, (u32)r->rdi, (u32)r->rbp,
	};

	r->rax = (u32)call((u32)r->rax, regs);
}

s64 compat_continue(unsigned op, unsigned nargs, const u64 *args)
{
	const struct compat_window *w = &current->pv.window;
	struct regs *r = guest_regs();
	struct vcpu *v = current;
	u64 *const slots[NR_ARGS] = { &r->rbx, &r->rcx, &r->rdx, &r->rsi, &r->rdi, &r->rbp };
	const char *format = compat_calls[op].args;
	unsigned slot = 0;

	for (unsigned i = 0; i < nargs; i++) {
		u64 value = w->data && args[i] == (u64)w->data ? w->guest : args[i];

		for (unsigned half = format[i] == 'q' ? 2 : 1; half; half--, value >>= 32, slot++) {
			if (v->mc.in_multicall)
				v->mc.call.args[slot] = (u32)value;
			else
				*slots[slot] = (u32)value;
		}
	}
	if (v->mc.in_multicall) {
		v->mc.preempted = true;
		v->mc.call.op = op;
	} else {
		r->rip -= INT_LEN;
	}
	return op;
}

void __init compat_hypercall_init(void)
{
	compat_continuation = compat_continue;
}

static s64 compat_multicall(u64 list, u64 count)
{
	struct vcpu *v = current;

	if (v->mc.in_multicall)
		return -EINVAL;
	if (!guest_range_ok(list, count * sizeof(struct compat_multicall_entry)))
		return -EFAULT;
	for (u64 i = 0; i < count; i++) {
		u64 at = list + i * sizeof(struct compat_multicall_entry);
		u64 result_at = at + offsetof(struct compat_multicall_entry, result);
		struct compat_multicall_entry e;
		u32 result;

		if (i && preempt_wanted())
			return hypercall_continue(__HYPERVISOR_multicall, 2, at, count - i);
		if (get_guest(e, at))
			return -EFAULT;
		v->mc.in_multicall = true;
		v->mc.preempted = false;
		for (unsigned k = 0; k < NR_ARGS; k++)
			v->mc.call.args[k] = e.args[k];
		if (e.op == __HYPERVISOR_multicall)
			result = (u32)-EINVAL;
		else
			result = (u32)call(e.op, e.args);
		v->mc.in_multicall = false;
		/* As do_multicall(): the batch's caller is not gone back to. */
		if (e.op == __HYPERVISOR_iret)
			return (s32)result;
		if (v->mc.preempted) {
			e.op = (u32)v->mc.call.op;
			for (unsigned k = 0; k < NR_ARGS; k++)
				e.args[k] = (u32)v->mc.call.args[k];
			if (put_guest(e, at))
				return -EFAULT;
			return hypercall_continue(__HYPERVISOR_multicall, 2, at, count - i);
		}
		if (put_guest(result, result_at))
			return -EFAULT;
	}
	return 0;
}
