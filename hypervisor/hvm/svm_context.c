// SPDX-License-Identifier: GPL-2.0-or-later
/* A vCPU's state between its control block and the ABI's record. */
#include "cpu/cpu.h"
#include "cpu/msr.h"
#include "domain/domain.h"
#include "domain/fpu.h"
#include "hvm/vcpu.h"
#include "hvm/vmcb.h"
#include "lib/string.h"
#include "pv-abi/hvm_save.h"

#define SS_DPL(attributes) ((u8)((attributes) >> 5 & 3))

/* Bits 8-11 of the attributes are where a descriptor has 52-55: both sides say it the same way. */
#define GET_SEGMENT(name)                                         \
	do {                                                      \
		c->name##_sel = b->name.selector;                 \
		c->name##_limit = b->name.limit;                  \
		c->name##_base = b->name.base;                    \
		c->name##_arbytes = b->name.attributes;           \
	} while (0)
#define SET_SEGMENT(name)                                                                 \
	(b->name = (struct vmcb_segment){ (u16)c->name##_sel, (u16)c->name##_arbytes,      \
					  c->name##_limit, c->name##_base })

void hvm_get_state(struct vcpu *v, struct hvm_hw_cpu *c)
{
	const struct vmcb *b = v->hvm->vmcb;
	const struct regs *r = &v->regs;

	*c = (struct hvm_hw_cpu){
		.rax = r->rax, .rbx = r->rbx, .rcx = r->rcx, .rdx = r->rdx,
		.rbp = r->rbp, .rsi = r->rsi, .rdi = r->rdi, .rsp = r->rsp,
		.r8 = r->r8, .r9 = r->r9, .r10 = r->r10, .r11 = r->r11,
		.r12 = r->r12, .r13 = r->r13, .r14 = r->r14, .r15 = r->r15,
		.rip = r->rip, .rflags = r->rflags,
		.cr0 = b->cr0, .cr2 = b->cr2, .cr3 = b->cr3, .cr4 = b->cr4,
		.dr0 = v->hvm->dr[0], .dr1 = v->hvm->dr[1], .dr2 = v->hvm->dr[2],
		.dr3 = v->hvm->dr[3], .dr6 = b->dr6, .dr7 = b->dr7,
		.idtr_limit = b->idtr.limit, .idtr_base = b->idtr.base,
		.gdtr_limit = b->gdtr.limit, .gdtr_base = b->gdtr.base,
		.sysenter_cs = b->sysenter_cs, .sysenter_esp = b->sysenter_esp,
		.sysenter_eip = b->sysenter_eip, .shadow_gs = b->kernel_gs_base,
		.msr_lstar = b->lstar, .msr_star = b->star, .msr_cstar = b->cstar,
		.msr_syscall_mask = b->sfmask, .msr_efer = b->efer & ~EFER_SVME,
		.tsc = rdtsc(),
		.pending_event = (u32)b->event_inject,
		.error_code = (u32)(b->event_inject >> 32),
		.flags = XEN_X86_FPU_INITIALISED,
	};
	GET_SEGMENT(cs);
	GET_SEGMENT(ds);
	GET_SEGMENT(es);
	GET_SEGMENT(fs);
	GET_SEGMENT(gs);
	GET_SEGMENT(ss);
	GET_SEGMENT(tr);
	GET_SEGMENT(ldtr);
	fpu_export(v, c->fpu_regs);
}

void hvm_set_state(struct vcpu *v, const struct hvm_hw_cpu *c)
{
	struct vmcb *b = v->hvm->vmcb;

	v->regs = (struct regs){
		.rax = c->rax, .rbx = c->rbx, .rcx = c->rcx, .rdx = c->rdx,
		.rbp = c->rbp, .rsi = c->rsi, .rdi = c->rdi, .rsp = c->rsp,
		.r8 = c->r8, .r9 = c->r9, .r10 = c->r10, .r11 = c->r11,
		.r12 = c->r12, .r13 = c->r13, .r14 = c->r14, .r15 = c->r15,
		.rip = c->rip, .rflags = c->rflags,
	};
	b->cr0 = c->cr0;
	b->cr2 = c->cr2;
	b->cr3 = c->cr3;
	b->cr4 = c->cr4;
	v->hvm->dr[0] = c->dr0;
	v->hvm->dr[1] = c->dr1;
	v->hvm->dr[2] = c->dr2;
	v->hvm->dr[3] = c->dr3;
	b->dr6 = c->dr6;
	b->dr7 = c->dr7;
	SET_SEGMENT(cs);
	SET_SEGMENT(ds);
	SET_SEGMENT(es);
	SET_SEGMENT(fs);
	SET_SEGMENT(gs);
	SET_SEGMENT(ss);
	SET_SEGMENT(tr);
	SET_SEGMENT(ldtr);
	b->idtr = (struct vmcb_segment){ 0, 0, c->idtr_limit, c->idtr_base };
	b->gdtr = (struct vmcb_segment){ 0, 0, c->gdtr_limit, c->gdtr_base };
	b->cpl = SS_DPL(c->ss_arbytes);
	b->sysenter_cs = c->sysenter_cs;
	b->sysenter_esp = c->sysenter_esp;
	b->sysenter_eip = c->sysenter_eip;
	b->kernel_gs_base = c->shadow_gs;
	b->lstar = c->msr_lstar;
	b->star = c->msr_star;
	b->cstar = c->msr_cstar;
	b->sfmask = c->msr_syscall_mask;
	b->efer = c->msr_efer | EFER_SVME;
	b->event_inject = 0;
	b->interrupt_shadow = 0;
	/* Nothing of what it was doing before. */
	v->hvm->nmi_ends = v->nmi_pending = v->nmi_masked = false;
	x2apic_reset(&v->hvm->apic, v->id);
	hvm_timer_update(v);
	v->hvm->startup = HVM_RUNS;
	if (c->flags & XEN_X86_FPU_INITIALISED)
		fpu_import(v, c->fpu_regs);
}

void hvm_get_apic(struct vcpu *v, struct hvm_hw_lapic_regs *r)
{
	x2apic_export(&v->hvm->apic, system_time(), r->data);
}

void hvm_set_apic(struct vcpu *v, const struct hvm_hw_lapic_regs *r)
{
	(void)x2apic_import(&v->hvm->apic, v->id, system_time(), r->data);
	hvm_timer_update(v);
}
