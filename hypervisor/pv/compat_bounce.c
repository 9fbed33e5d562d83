// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Entering a 32-bit guest's kernel, in ring 1, and its iret hypercall. Frames are what the CPU
 * would push for it: [esp, ss], eip, cs, eflags and on top an error code, with the upcall mask in
 * the third byte of cs. Nothing here changes the root: kernel and user space share one.
 */
#include "cpu/cpu.h"
#include "cpu/entry_area.h"
#include "cpu/layout.h"
#include "cpu/regs.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "pv-abi/errno.h"
#include "pv/compat.h"
#include "pv/pv.h"
#include "pv/trap_handler.h"

#define TABLE_LDT 4
#define FRAME_VM86_WORDS 4

u32 compat_segment_base(u16 sel)
{
	const struct vcpu *v = current;
	const u64 *table;
	u64 d;

	if (sel == FLAT_COMPAT_RING1_SS || sel == FLAT_COMPAT_RING3_SS)
		return 0;
	if (sel & TABLE_LDT) {
		if (sel >> 3 >= v->pv.ldt_entries)
			return 0;
		table = (const u64 *)entry_area_page(cpu_id(), EA_LDT);
	} else {
		table = (const u64 *)entry_area_page(cpu_id(), EA_GDT);
	}
	d = READ_ONCE(table[sel >> 3]);
	/* Present, and code or data. */
	if ((d & (BIT(47) | BIT(44))) != (BIT(47) | BIT(44)))
		return 0;
	return (u32)((d >> 16 & 0xffffff) | (d >> 32 & 0xff000000));
}

static void read_segments(u32 *to)
{
	__asm__ volatile("movl %%ds, %0" : "=r"(to[0]));
	__asm__ volatile("movl %%es, %0" : "=r"(to[1]));
	__asm__ volatile("movl %%fs, %0" : "=r"(to[2]));
	__asm__ volatile("movl %%gs, %0" : "=r"(to[3]));
}

/* `vm86`: the four words that follow ss in a frame of that mode, or NULL. */
static void bounce(struct regs *r, u16 cs, u32 eip, unsigned flags, u32 error_code, const u32 *vm86)
{
	struct vcpu *v = current;
	struct pv_vcpu *pv = &v->pv;
	u8 mask = READ_ONCE(v->info->evtchn_upcall_mask) & 1;
	bool inner = (r->cs & 3) == 1 && !vm86;
	u32 frame[16], sp;
	u16 ss;
	unsigned n = 0;

	if (!eip || !(cs & ~3)) {
		domain_crash(v->domain, "vcpu %u has no handler for what happened at eip %#x\n",
			     v->id, (u32)r->rip);
		return;
	}
	ss = inner ? (u16)r->ss : (u16)pv->kernel_ss;
	sp = inner ? (u32)r->rsp : (u32)pv->kernel_sp;

	if (flags & FRAME_SEGMENTS) {
		read_segments(frame);
		n = 4;
	}
	if (flags & FRAME_ERROR)
		frame[n++] = error_code;
	frame[n++] = (u32)r->rip;
	frame[n++] = (r->cs & 0xffff) | (u32)mask << 16;
	frame[n++] = (u32)((r->rflags & ~(RFLAGS_IF | RFLAGS_IOPL)) | (mask ? 0 : RFLAGS_IF) |
			   (v->domain->vm_assist & BIT(VMASST_TYPE_architectural_iopl)
				    ? (u64)pv->iopl << 12 : 0));
	if (!inner) {
		frame[n++] = (u32)r->rsp;
		frame[n++] = r->ss & 0xffff;
	}
	for (unsigned i = 0; vm86 && i < FRAME_VM86_WORDS; i++)
		frame[n++] = vm86[i];

	sp -= n * (u32)sizeof(u32);
	if (copy_to_guest((u32)(sp + compat_segment_base(ss)), frame, n * sizeof(u32))) {
		domain_crash(v->domain,
			     "vcpu %u: kernel stack %#x cannot take a bounce frame, eip %#x\n",
			     v->id, sp, (u32)r->rip);
		return;
	}
	if (flags & FRAME_MASK)
		v->info->evtchn_upcall_mask = 1;
	r->rsp = sp;
	r->ss = ss;
	r->rip = eip;
	r->cs = cs;
	r->rflags = (r->rflags & ~(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM | RFLAGS_AC |
				   RFLAGS_IOPL)) | RFLAGS_IF;
	r->vector &= ~VEC_FAST_EXIT;
	pv->kernel_mode = true;
}

void compat_inject_trap(unsigned vector, u32 error_code)
{
	unsigned flags;
	const struct trap_info *ti = trap_handler(vector, error_code, &flags);

	if (ti)
		bounce(guest_regs(), ti->cs, (u32)ti->address, flags, error_code, NULL);
}

void compat_bounce_event(struct regs *r)
{
	bounce(r, current->pv.event_cs, (u32)current->pv.event_callback, FRAME_MASK, 0, NULL);
}

void compat_bounce_bad_frame(struct regs *r, u32 error_code)
{
	const struct pv_vcpu *pv = &current->pv;
	bool failsafe = pv->failsafe_callback && (pv->failsafe_cs & ~3);
	u64 entry = failsafe ? pv->failsafe_callback : pv->traps[13].address;
	u16 cs = failsafe ? pv->failsafe_cs : pv->traps[13].cs;

	/* It is that very handler that cannot be entered: there is nobody left to tell. */
	if (entry && r->rip == entry && r->cs == cs) {
		domain_crash(current->domain, "vcpu %u: its %s %#llx:%#llx cannot be entered\n",
			     current->id, failsafe ? "failsafe callback" : "handler of #GP",
			     (unsigned long long)r->cs, (unsigned long long)r->rip);
		return;
	}
	if (failsafe)
		bounce(r, cs, (u32)entry, FRAME_SEGMENTS | (pv->failsafe_masks ? FRAME_MASK : 0), 0,
		       NULL);
	else
		compat_inject_trap(13, error_code);
}

void compat_bounce_nmi(struct regs *r)
{
	const struct pv_vcpu *pv = &current->pv;

	if (pv->nmi_callback)
		bounce(r, pv->nmi_cs, (u32)pv->nmi_callback, FRAME_MASK, 0, NULL);
	else
		bounce(r, pv->traps[2].cs, (u32)pv->traps[2].address, FRAME_MASK, 0, NULL);
}

void compat_bounce_callback(struct regs *r, u16 cs, u32 eip, bool mask_events)
{
	bounce(r, cs, eip, mask_events ? FRAME_MASK : 0, 0, NULL);
}

/*
 * There is no VM86 in long mode. The guest learns it as it would from the first instruction there:
 * a #GP whose frame has the flag set and the segments behind it.
 */
static s64 iret_to_vm86(struct vcpu *v, struct regs *r, u64 at, const struct compat_iret_context *c)
{
	const struct trap_info *ti = &v->pv.traps[13];
	u32 segments[FRAME_VM86_WORDS];

	if (copy_from_guest(segments, at + sizeof(*c), sizeof(segments)) || !ti->address) {
		domain_crash(v->domain, "vcpu %u: iret to VM86 mode\n", v->id);
		return 0;
	}
	r->rip = c->eip;
	r->cs = c->cs & 0xffff;
	r->rflags = (c->eflags & ~RFLAGS_IOPL) | RFLAGS_IF | BIT(1);
	r->rsp = c->esp;
	r->ss = c->ss & 0xffff;
	v->info->evtchn_upcall_mask = !(c->eflags & RFLAGS_IF);
	bounce(r, ti->cs, (u32)ti->address, FRAME_ERROR | (TI_GET_IF(ti) ? FRAME_MASK : 0), 0,
	       segments);
	return c->eax;
}

s64 compat_iret(void)
{
	struct vcpu *v = current;
	struct regs *r = guest_regs();
	u64 at = (u32)(r->rsp + compat_segment_base((u16)r->ss));
	struct compat_iret_context c = { 0 };
	const unsigned inner = offsetof(struct compat_iret_context, esp);
	bool outer = false;
	int err = copy_from_guest(&c, at, inner);

	if (!err) {
		outer = (c.eflags & RFLAGS_VM) || (c.cs & 3) > 1;
		if (outer)
			err = copy_from_guest(&c.esp, at + inner, sizeof(c) - inner);
	}
	if (err) {
		domain_crash(v->domain, "vcpu %u: iret with an unreadable stack %#llx\n", v->id,
			     (unsigned long long)at);
		return 0;
	}
	if (v->domain->vm_assist & BIT(VMASST_TYPE_architectural_iopl))
		v->pv.iopl = (c.eflags >> 12) & 3;
	v->nmi_masked = false;
	if (c.eflags & RFLAGS_VM)
		return iret_to_vm86(v, r, at, &c);

	r->rip = c.eip;
	r->cs = compat_selector(c.cs & 0xffff);
	r->rflags = (c.eflags & ~(RFLAGS_IOPL | RFLAGS_VM)) | RFLAGS_IF | BIT(1);
	if (outer) {
		r->rsp = c.esp;
		r->ss = c.ss & 0xffff;
	} else {
		r->rsp = (u32)(r->rsp + inner);
	}
	v->pv.kernel_mode = !outer;
	v->info->evtchn_upcall_mask = !(c.eflags & RFLAGS_IF);
	return c.eax;
}
