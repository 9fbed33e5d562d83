// SPDX-License-Identifier: GPL-2.0-or-later
/* A vCPU's state as a whole: to and from the ABI's record, and what it begins with. */
#include "cpu/cpu.h"
#include "cpu/debugreg.h"
#include "cpu/msr.h"
#include "domain/domain.h"
#include "domain/fpu.h"
#include "hvm/hvm.h"
#include "hvm/vcpu.h"
#include "pv-abi/hvm_save.h"

#define CR0_ET BIT(4)

/* What the control block has, and with it what common code keeps of that. */
static void set_control(struct vcpu *v, const struct hvm_hw_cpu *c)
{
	struct hvm_now *now = &v->hvm->now;

	now->paging = (struct guest_paging){ c->cr0, c->cr3, c->cr4, c->msr_efer };
	now->event = now->error = 0;
	now->shadow = false;
	hvm_ops->set_state(v, c);
}

void hvm_get_state(struct vcpu *v, struct hvm_hw_cpu *c)
{
	const struct regs *r = &v->regs;

	*c = (struct hvm_hw_cpu){
		.rax = r->rax, .rbx = r->rbx, .rcx = r->rcx, .rdx = r->rdx,
		.rbp = r->rbp, .rsi = r->rsi, .rdi = r->rdi, .rsp = r->rsp,
		.r8 = r->r8, .r9 = r->r9, .r10 = r->r10, .r11 = r->r11,
		.r12 = r->r12, .r13 = r->r13, .r14 = r->r14, .r15 = r->r15,
		.rip = r->rip, .rflags = r->rflags,
		.dr0 = v->hvm->dr[0], .dr1 = v->hvm->dr[1], .dr2 = v->hvm->dr[2],
		.dr3 = v->hvm->dr[3],
		.tsc = rdtsc(),
		.pending_event = v->hvm->now.event, .error_code = v->hvm->now.error,
		.flags = XEN_X86_FPU_INITIALISED,
	};
	hvm_ops->get_state(v, c);
	fpu_export(v, c->fpu_regs);
}

void hvm_set_state(struct vcpu *v, const struct hvm_hw_cpu *c)
{
	v->regs = (struct regs){
		.rax = c->rax, .rbx = c->rbx, .rcx = c->rcx, .rdx = c->rdx,
		.rbp = c->rbp, .rsi = c->rsi, .rdi = c->rdi, .rsp = c->rsp,
		.r8 = c->r8, .r9 = c->r9, .r10 = c->r10, .r11 = c->r11,
		.r12 = c->r12, .r13 = c->r13, .r14 = c->r14, .r15 = c->r15,
		.rip = c->rip, .rflags = c->rflags,
	};
	v->hvm->dr[0] = c->dr0;
	v->hvm->dr[1] = c->dr1;
	v->hvm->dr[2] = c->dr2;
	v->hvm->dr[3] = c->dr3;
	/* Nothing of what it was doing before. */
	v->nmi_pending = v->nmi_masked = false;
	set_control(v, c);
	x2apic_reset(&v->hvm->apic, v->id);
	hvm_timer_update(v);
	v->hvm->startup = HVM_RUNS;
	if (c->flags & XEN_X86_FPU_INITIALISED)
		fpu_import(v, c->fpu_regs);
}

u64 hvm_get_apic(struct vcpu *v, struct hvm_hw_lapic_regs *r)
{
	x2apic_export(&v->hvm->apic, system_time(), r->data);
	return x2apic_base_now(&v->hvm->apic);
}

void hvm_set_apic(struct vcpu *v, const struct hvm_hw_lapic_regs *r)
{
	(void)x2apic_import(&v->hvm->apic, v->id, system_time(), r->data);
	hvm_timer_update(v);
}

u64 hvm_get_pat(const struct vcpu *v)
{
	return v->hvm->now.pat;
}

/* run() has it put where the CPU takes it from. */
void hvm_set_pat(struct vcpu *v, u64 pat)
{
	v->hvm->now.pat = pat;
}

#define SET_SEGMENT(name, sel, ar, limit, base)          \
	do {                                             \
		c.name##_sel = (sel);                    \
		c.name##_arbytes = (ar);                 \
		c.name##_limit = (limit);                \
		c.name##_base = (base);                  \
	} while (0)
#define SET_DATA(sel, ar, limit)                     \
	do {                                         \
		SET_SEGMENT(ss, sel, ar, limit, 0);  \
		SET_SEGMENT(ds, sel, ar, limit, 0);  \
		SET_SEGMENT(es, sel, ar, limit, 0);  \
		SET_SEGMENT(fs, sel, ar, limit, 0);  \
		SET_SEGMENT(gs, sel, ar, limit, 0);  \
	} while (0)

void hvm_start_state(struct vcpu *v, u64 entry, u64 start_info)
{
	struct hvm_hw_cpu c = { .cr0 = CR0_PE | CR0_ET, .dr6 = DR6_NONE, .dr7 = DR7_FIXED };

	SET_SEGMENT(cs, 0x08, 0xc9b, ~0U, 0);
	SET_DATA(0x10, 0xc93, ~0U);
	SET_SEGMENT(tr, 0, 0x8b, 0x67, 0);
	SET_SEGMENT(ldtr, 0, 0x82, 0, 0);
	v->regs = (struct regs){ .rip = entry, .rbx = start_info, .rflags = 2 };
	set_control(v, &c);
	v->hvm->startup = HVM_RUNS;
}

/*
 * As INIT and SIPI leave a CPU, but for the caches, which are not the guest's to switch off: SDM
 * vol. 3A, table 10-1; APM vol. 2, table 14-1. MSRs, PAT, FPU stay what they were.
 */
void hvm_start_in_real_mode(struct vcpu *v, u8 page)
{
	struct hvm_hw_cpu c = { 0 };

	hvm_ops->get_state(v, &c);
	SET_SEGMENT(cs, (u32)page << 8, 0x9b, 0xffff, (u64)page << PAGE_SHIFT);
	SET_DATA(0, 0x93, 0xffff);
	SET_SEGMENT(ldtr, 0, 0x82, 0xffff, 0);
	SET_SEGMENT(tr, 0, 0x8b, 0xffff, 0);
	c.gdtr_base = c.idtr_base = 0;
	c.gdtr_limit = c.idtr_limit = 0xffff;
	c.cr0 = CR0_ET;
	c.cr2 = c.cr3 = c.cr4 = c.msr_efer = 0;
	c.dr6 = DR6_NONE;
	c.dr7 = DR7_FIXED;
	WRITE_DR(0, 0);
	WRITE_DR(1, 0);
	WRITE_DR(2, 0);
	WRITE_DR(3, 0);
	set_control(v, &c);
	hvm_reset_apic();
	/* Its addresses were the former life's. */
	v->time.runstate_area = v->time.time_area = 0;
	*guest_regs() = (struct regs){ .rdx = hvm_cpuid(v, 0, 1, 0).a, .rflags = 2 };
	/* What it looked up in its former life is nothing now. */
	this_cpu()->guest_tlb_stale = true;
}
