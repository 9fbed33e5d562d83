// SPDX-License-Identifier: GPL-2.0-or-later
/* What is done for an HVM guest that was left, whichever vendor's CPU left it. */
#include "cpu/cpu.h"
#include "cpu/machine_check.h"
#include "cpu/msr.h"
#include "domain/domain.h"
#include "hvm/insn_length.h"
#include "hvm/vcpu.h"
#include "memory/p2m.h"
#include "pv-abi/errno.h"
#include "pv/cpuid.h"
#include "sched/sched.h"

/* What is where the guest was left, and can be read; how much that is. */
static unsigned read_code(const struct vcpu *v, u8 bytes[INSN_LENGTH_MAX])
{
	const struct hvm_now *now = &v->hvm->now;
	u64 rip = guest_regs()->rip;
	unsigned n;

	rip = now->long_code ? rip : (u32)(rip + now->cs_base);
	/* What lies on the next page need not be there, if it is none of the instruction. */
	n = (unsigned)min(PAGE_SIZE - (rip & ~PAGE_MASK), (u64)INSN_LENGTH_MAX);
	if (guest_walk_copy(v->domain, &now->paging, rip, bytes, n, false))
		return 0;
	if (n < INSN_LENGTH_MAX && !guest_walk_copy(v->domain, &now->paging, rip + n, bytes + n,
						    INSN_LENGTH_MAX - n, false))
		n = INSN_LENGTH_MAX;
	return n;
}

unsigned hvm_length_of(const struct vcpu *v, enum hvm_insn insn)
{
	u8 bytes[INSN_LENGTH_MAX];
	unsigned n = read_code(v, bytes);

	return hvm_insn_length(insn, bytes, n, v->hvm->now.long_code);
}

unsigned hvm_length_of_mov_cr8(const struct vcpu *v, unsigned *gpr)
{
	u8 bytes[INSN_LENGTH_MAX];
	unsigned n = read_code(v, bytes);

	return hvm_mov_to_cr8(bytes, n, v->hvm->now.long_code, gpr);
}

u64 *hvm_gpr(unsigned n)
{
	struct regs *r = guest_regs();
	u64 *const at[16] = { &r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp,
			      &r->rsi, &r->rdi, &r->r8,	 &r->r9,  &r->r10, &r->r11,
			      &r->r12, &r->r13, &r->r14, &r->r15 };

	return at[n & 15];
}

void hvm_advance(struct vcpu *v, unsigned length)
{
	struct regs *r = guest_regs();

	r->rip += length;
	if (!v->hvm->now.long_code)
		r->rip = (u32)r->rip;
	v->hvm->now.shadow = false;
}

void hvm_inject(struct vcpu *v, unsigned vector, bool has_error)
{
	v->hvm->now.event = (u32)EVENT_VALID | EVENT_EXCEPTION | vector |
			    (has_error ? (u32)EVENT_ERROR : 0);
	v->hvm->now.error = 0;
}

void hvm_inject_gp(struct vcpu *v)
{
	hvm_inject(v, TRAP_GP, true);
}

void hvm_do_cpuid(struct vcpu *v, unsigned length)
{
	struct regs *r = guest_regs();
	struct cpuid_regs c;

	if (!length)
		return;
	c = hvm_cpuid(v, v->hvm->now.paging.cr4, (u32)r->rax, (u32)r->rcx);
	r->rax = c.a;
	r->rbx = c.b;
	r->rcx = c.c;
	r->rdx = c.d;
	hvm_advance(v, length);
}

void hvm_do_msr(struct vcpu *v, bool write, unsigned length)
{
	struct hvm_now *now = &v->hvm->now;
	struct x2apic *apic = &v->hvm->apic;
	struct guest_paging p = now->paging;
	struct regs *r = guest_regs();
	u64 value = (u32)r->rax | r->rdx << 32, pat = now->pat;
	u32 msr = (u32)r->rcx;
	bool done;

	if (!length)
		return;
	if (msr == MSR_APIC_BASE && write)
		done = hvm_write_apic_base(value);
	else if (msr == MSR_APIC_BASE || (msr >= X2APIC_MSR_FIRST && msr <= X2APIC_MSR_LAST))
		done = write ? x2apic_write(apic, msr, system_time(), value) :
			       x2apic_read(apic, msr, system_time(), &value);
	else
		done = write ? hvm_wrmsr(msr, value, &p, &pat) : hvm_rdmsr(msr, &p, pat, &value);
	if (!done) {
		hvm_inject_gp(v);
		return;
	}
	if (write) {
		now->paging.efer = p.efer;
		now->pat = pat;
		if (msr == X2APIC_MSR_ICR)
			hvm_send_ipi(value);
		hvm_timer_update(v);
	} else {
		r->rax = (u32)value;
		r->rdx = value >> 32;
	}
	hvm_advance(v, length);
}

/* No port has anything behind it: reads give ones. Strings are for a device model to do. */
void hvm_do_io(struct vcpu *v, bool in, unsigned size, bool string, unsigned length)
{
	struct regs *r = guest_regs();

	if (string) {
		hvm_inject_gp(v);
		return;
	}
	if (in) {
		if (size == 1)
			r->rax |= 0xff;
		else if (size == 2)
			r->rax |= 0xffff;
		else
			r->rax = 0xffffffff;
	}
	hvm_advance(v, length);
}

void hvm_do_hlt(struct vcpu *v, unsigned length)
{
	if (!length)
		return;
	hvm_advance(v, length);
	if ((guest_regs()->rflags & RFLAGS_IF) && hvm_interrupt_due(v))
		return;
	if (guest_regs()->rflags & RFLAGS_IF)
		vcpu_block();
	else
		hvm_halt();
}

void hvm_do_xsetbv(struct vcpu *v, unsigned length)
{
	struct regs *r = guest_regs();
	u64 value = (u32)r->rax | r->rdx << 32;

	if (!length)
		return;
	if (!cpu_features.xsave || v->hvm->now.cpl || (u32)r->rcx || !pv_xcr0_valid(v, value)) {
		hvm_inject_gp(v);
		return;
	}
	v->xcr0 = value;
	xsetbv(value);
	hvm_advance(v, length);
}

/* A handler that is to be called again has put rip back by a SYSCALL's two bytes. */
#define SYSCALL_LEN 2

void hvm_do_hypercall(struct vcpu *v, unsigned length)
{
	const struct hvm_now *now = &v->hvm->now;
	struct regs *r = guest_regs();
	u64 rip = r->rip;

	if (!length)
		return;
	if (now->cpl || !now->long_code) {
		r->rax = (u64)(now->cpl ? -EPERM : -ENOSYS);
		hvm_advance(v, length);
		return;
	}
	r->rip = rip + SYSCALL_LEN;
	hvm_hypercall();
	if (r->rip == rip)
		return;
	r->rip = rip;
	hvm_advance(v, length);
}

/* That is how a CPU may say a machine check to a guest with CR4.MCE clear. */
void hvm_do_triple_fault(struct vcpu *v)
{
	u64 mcg;

	if (!rdmsr_safe(MSR_MCG_STATUS, &mcg) && machine_check_begun(mcg))
		__asm__ volatile("int $18");
	domain_crash(v->domain, "triple fault\n");
}

bool hvm_not_granted(const struct vcpu *v, u64 gpa, bool write)
{
	enum p2m_type type;

	(void)p2m_lookup(v->domain, gpa >> PAGE_SHIFT, &type);
	return type == P2M_GRANT_RO && write && !(v->hvm->now.event & EVENT_VALID);
}
