// SPDX-License-Identifier: GPL-2.0-or-later
/* A vCPU's state in the 32-bit form. */
#include "lib/string.h"
#include "pv/compat.h"
#include "pv/pv.h"

/* More than the largest frame. */
#define FRAME_ROOM 64

void compat_set_kernel_stack(struct pv_vcpu *pv, u16 ss, u32 esp, u32 base)
{
	u32 top = esp + base;

	pv->kernel_ss = compat_selector(ss);
	pv->kernel_sp = esp;
	pv->bounce_sp = top > FRAME_ROOM && esp > FRAME_ROOM ? top : 0;
}

void compat_context_widen(struct vcpu_guest_context *to, struct compat_callback_selectors *sel,
			  const struct compat_vcpu_guest_context *from)
{
	const struct compat_cpu_user_regs *r = &from->user_regs;

	memset(to, 0, sizeof(*to));
	memcpy(&to->fpu_ctxt, &from->fpu_ctxt, sizeof(to->fpu_ctxt));
	to->flags = from->flags;
	to->user_regs = (struct cpu_user_regs){
		.rbx = r->ebx, .rcx = r->ecx, .rdx = r->edx, .rsi = r->esi, .rdi = r->edi,
		.rbp = r->ebp, .rax = r->eax, .rip = r->eip, .rsp = r->esp, .rflags = r->eflags,
		.cs = r->cs, .ss = r->ss, .ds = r->ds, .es = r->es, .fs = r->fs, .gs = r->gs,
	};
	for (unsigned i = 0; i < 256; i++) {
		const struct compat_trap_info *t = &from->trap_ctxt[i];

		to->trap_ctxt[i] = (struct trap_info){ t->vector, t->flags, t->cs, t->address };
	}
	to->ldt_base = from->ldt_base;
	to->ldt_ents = from->ldt_ents;
	for (unsigned i = 0; i < 16; i++)
		to->gdt_frames[i] = from->gdt_frames[i];
	to->gdt_ents = from->gdt_ents;
	to->kernel_ss = from->kernel_ss;
	to->kernel_sp = from->kernel_sp;
	for (unsigned i = 0; i < 8; i++) {
		to->ctrlreg[i] = from->ctrlreg[i];
		to->debugreg[i] = from->debugreg[i];
	}
	to->ctrlreg[3] = xen_pfn_to_cr3(compat_cr3_to_pfn(from->ctrlreg[3]));
	/* There is no root for user space alone. */
	to->ctrlreg[1] = 0;
	to->event_callback_eip = from->event_callback_eip;
	to->failsafe_callback_eip = from->failsafe_callback_eip;
	to->vm_assist = from->vm_assist;
	sel->event = (u16)from->event_callback_cs;
	sel->failsafe = (u16)from->failsafe_callback_cs;
}

void compat_context_narrow(struct compat_vcpu_guest_context *to,
			   const struct vcpu_guest_context *from,
			   const struct compat_callback_selectors *sel)
{
	const struct cpu_user_regs *r = &from->user_regs;

	memset(to, 0, sizeof(*to));
	memcpy(&to->fpu_ctxt, &from->fpu_ctxt, sizeof(to->fpu_ctxt));
	to->flags = (u32)from->flags;
	to->user_regs = (struct compat_cpu_user_regs){
		.ebx = (u32)r->rbx, .ecx = (u32)r->rcx, .edx = (u32)r->rdx, .esi = (u32)r->rsi,
		.edi = (u32)r->rdi, .ebp = (u32)r->rbp, .eax = (u32)r->rax, .eip = (u32)r->rip,
		.esp = (u32)r->rsp, .eflags = (u32)r->rflags,
		.cs = r->cs, .ss = r->ss, .ds = r->ds, .es = r->es, .fs = r->fs, .gs = r->gs,
	};
	for (unsigned i = 0; i < 256; i++) {
		const struct trap_info *t = &from->trap_ctxt[i];

		to->trap_ctxt[i] = (struct compat_trap_info){ t->vector, t->flags, t->cs,
							      (u32)t->address };
	}
	to->ldt_base = (u32)from->ldt_base;
	to->ldt_ents = (u32)from->ldt_ents;
	for (unsigned i = 0; i < 16; i++)
		to->gdt_frames[i] = (u32)from->gdt_frames[i];
	to->gdt_ents = (u32)from->gdt_ents;
	to->kernel_ss = (u32)from->kernel_ss;
	to->kernel_sp = (u32)from->kernel_sp;
	for (unsigned i = 0; i < 8; i++) {
		to->ctrlreg[i] = (u32)from->ctrlreg[i];
		to->debugreg[i] = (u32)from->debugreg[i];
	}
	to->ctrlreg[3] = compat_pfn_to_cr3(xen_cr3_to_pfn(from->ctrlreg[3]));
	to->event_callback_cs = sel->event;
	to->event_callback_eip = (u32)from->event_callback_eip;
	to->failsafe_callback_cs = sel->failsafe;
	to->failsafe_callback_eip = (u32)from->failsafe_callback_eip;
	to->vm_assist = (u32)from->vm_assist;
}
