// SPDX-License-Identifier: GPL-2.0-or-later
#include "pv/callback.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "domain/refusal.h"
#include "lib/string.h"
#include "pv-abi/callback.h"
#include "pv-abi/errno.h"
#include "pv-abi/nmi.h"
#include "pv-abi/ring1.h"
#include "pv/sysenter.h"

bool guest_entry_ok(u64 address)
{
	return is_canonical(address) && (address < HV_VIRT_START || address >= HV_VIRT_END);
}

s64 do_set_callbacks(u64 event, u64 failsafe, u64 syscall)
{
	struct pv_vcpu *pv = &current->pv;

	if (!guest_entry_ok(event) || !guest_entry_ok(failsafe) || !guest_entry_ok(syscall))
		return -EINVAL;
	pv->event_callback = event;
	pv->failsafe_callback = failsafe;
	pv->syscall_callback = syscall;
	pv->short_way = false;
	return 0;
}

static s64 set_callback(unsigned type, unsigned flags, u64 address)
{
	struct pv_vcpu *pv = &current->pv;
	bool mask = flags & CALLBACKF_mask_events;

	if (!guest_entry_ok(address))
		return -EINVAL;
	switch (type) {
	case CALLBACKTYPE_event:
		pv->event_callback = address;
		return 0;
	case CALLBACKTYPE_failsafe:
		pv->failsafe_callback = address;
		pv->failsafe_masks = mask;
		return 0;
	case CALLBACKTYPE_syscall:
		pv->syscall_callback = address;
		pv->syscall_masks = mask;
		pv->short_way = false;
		return 0;
	case CALLBACKTYPE_syscall32:
		pv->syscall32_callback = address;
		pv->syscall32_masks = mask;
		return 0;
	case CALLBACKTYPE_sysenter:
		pv->sysenter_callback = address;
		pv->sysenter_masks = mask;
		sysenter_load(current);
		return 0;
	case CALLBACKTYPE_nmi:
		pv->nmi_callback = address;
		return 0;
	case ANNULUS_CALLBACKTYPE_return_start:
	case ANNULUS_CALLBACKTYPE_return_end:
		if (!current->domain->ring1)
			break;
		*(type == ANNULUS_CALLBACKTYPE_return_start ? &pv->return_start :
		  &pv->return_end) = address;
		pv->short_way = false;
		return 0;
	}
	return -ENOSYS;
}

s64 do_callback_op(u64 cmd, u64 arg)
{
	switch ((u32)cmd) {
	case CALLBACKOP_register: {
		struct callback_register r;

		if (get_guest(r, arg))
			return -EFAULT;
		return set_callback(r.type, r.flags, r.address);
	}
	case CALLBACKOP_unregister: {
		struct callback_unregister u;

		if (get_guest(u, arg))
			return -EFAULT;
		/* A guest without event, failsafe or system-call entry: no sense to the ABI. */
		if (u.type != CALLBACKTYPE_nmi && u.type != CALLBACKTYPE_sysenter &&
		    u.type != CALLBACKTYPE_syscall32)
			return u.type <= CALLBACKTYPE_syscall ? -EINVAL : -ENOSYS;
		return set_callback(u.type, 0, 0);
	}
	}
	return refused("callback_op", (u32)cmd, -ENOSYS);
}

s64 do_nmi_op(u64 cmd, u64 arg)
{
	struct xennmi_callback cb;

	switch ((u32)cmd) {
	case XENNMI_register_callback:
		if (get_guest(cb, arg))
			return -EFAULT;
		if (!guest_entry_ok(cb.handler_address) || current->id != 0)
			return -EINVAL;
		current->pv.nmi_callback = cb.handler_address;
		return 0;
	case XENNMI_unregister_callback:
		current->pv.nmi_callback = 0;
		return 0;
	}
	return refused("nmi_op", (u32)cmd, -ENOSYS);
}

s64 set_trap_table(u64 list, u64 size, int (*get)(struct trap_info *ti, u64 at))
{
	struct pv_vcpu *pv = &current->pv;
	struct trap_info ti;

	/* Also if it breaks off in the middle. */
	pv->short_way = false;
	if (!list) {
		memset(pv->traps, 0, sizeof(pv->traps));
		return 0;
	}
	/* At most one entry per vector is useful: a longer list continues where it stopped, so that
	 * nobody is kept waiting. */
	for (unsigned i = 0;; i++) {
		u64 at = list + i * size;
		int r;

		if (i == 256)
			return hypercall_continue(__HYPERVISOR_set_trap_table, 1, at);
		r = get(&ti, at);
		if (r || !ti.address)
			return r;
		pv->traps[ti.vector] = ti;
	}
}

static int get_trap(struct trap_info *ti, u64 at)
{
	if (get_guest(*ti, at))
		return -EFAULT;
	ti->cs = FLAT_KERNEL_CS64;
	return !ti->address || guest_entry_ok(ti->address) ? 0 : -EINVAL;
}

s64 do_set_trap_table(u64 list)
{
	return set_trap_table(list, sizeof(struct trap_info), get_trap);
}
