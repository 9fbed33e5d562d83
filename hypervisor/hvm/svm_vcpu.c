// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A vCPU by SVM: its control block, into the guest and back. AMD APM vol. 2, chapter 15. The guest
 * has its own CR0, CR3, CR4, debug registers and page faults; what leaves it are the instructions
 * and events below, and anything else ends the guest alone.
 */
#include "cpu/cpu.h"
#include "cpu/debugreg.h"
#include "cpu/directmap.h"
#include "cpu/msr.h"
#include "cpu/raw.h"
#include "domain/domain.h"
#include "hvm/hvm.h"
#include "hvm/insn_length.h"
#include "hvm/svm.h"
#include "hvm/vcpu.h"
#include "hvm/vmcb.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "memory/p2m.h"
#include "pv-abi/errno.h"
#include "pv-abi/hvm_save.h"

/* Intercepts: appendix B, offsets 00Ch and 010h. */
#define INTERCEPTS_1 (BIT(0) | BIT(1) | BIT(3) | BIT(15) | BIT(18) | BIT(19) | BIT(22) | BIT(24) | \
		      BIT(26) | BIT(27) | BIT(28) | BIT(29) | BIT(30) | BIT(31))
#define INTERCEPT_VINTR BIT(4)
#define INTERCEPT_IRET	BIT(20)
#define INTERCEPTS_2 (0xff | BIT(9) | BIT(10) | BIT(11) | BIT(12) | BIT(13))
/*
 * #DB and #AC, of which a guest can make one without end while the CPU delivers one, and #MC, which
 * is ours.
 */
#define EXCEPTIONS (BIT(1) | BIT(17) | BIT(18))

#define INTERCEPT_CR8	BIT(8) /* of writes to control registers: offset 002h */

/* Exit codes: appendix C. */
enum {
	EXIT_WRITE_CR8 = 0x18,
	EXIT_EXCEPTION = 0x40,
	EXIT_INTR = 0x60,
	EXIT_NMI,
	EXIT_VINTR = 0x64,
	EXIT_RDPMC = 0x6f,
	EXIT_CPUID = 0x72,
	EXIT_RSM,
	EXIT_IRET,
	EXIT_INVD = 0x76,
	EXIT_HLT = 0x78,
	EXIT_INVLPGA = 0x7a,
	EXIT_IOIO,
	EXIT_MSR,
	EXIT_TASK_SWITCH,
	EXIT_SHUTDOWN = 0x7f,
	EXIT_VMRUN,
	EXIT_VMMCALL,
	EXIT_VMLOAD,
	EXIT_SKINIT = 0x86,
	EXIT_RDTSCP,
	EXIT_WBINVD = 0x89,
	EXIT_MONITOR,
	EXIT_MWAIT,
	EXIT_MWAIT_ARMED,
	EXIT_XSETBV,
	EXIT_NPF = 0x400,
};

#define VINTR_TPR	0xfU
#define VINTR_PENDING	BIT(8)
#define VINTR_IGN_TPR	BIT(20)
#define VINTR_VECTOR(v) ((u64)(v) << 32)
#define VINTR_MASKING	BIT(24)
#define SEG_LONG	BIT(9)
#define NPF_WRITE	BIT(1)
#define NPF_FETCH	BIT(4)
#define NPF_TABLE	BIT(33) /* in the guest's own tables */

extern const char svm_left[]; /* behind VMRUN */
void svm_run(struct regs *guest, paddr_t vmcb, paddr_t host);

/* Of each CPU, from the first HVM vCPU on: what VMRUN saves there, and what VMSAVE does. */
static struct {
	void *save, *host;
	u32 last_asid;
} cpu_state[NR_CPUS];
static struct spinlock state_lock = SPINLOCK_INIT;
/* No port and no MSR is the guest's but those of its own state; never changed. */
static u8 *io_map, *msr_map;
#define IO_MAP_PAGES 3

static bool alloc_cpu_state(void)
{
	for (unsigned i = 0; i < nr_cpus; i++) {
		if (!cpu_state[i].save)
			cpu_state[i].save = page_alloc(ALLOC_VCPU);
		if (!cpu_state[i].host)
			cpu_state[i].host = page_alloc(ALLOC_VCPU);
		if (!cpu_state[i].save || !cpu_state[i].host)
			return false;
	}
	return true;
}

/* Two bits for each MSR of the second range, which begins at 0xc0000000 (15.11). */
static void msr_allow(u8 *map, u32 msr, bool second)
{
	u32 bit = (msr & 0x1fff) * 2 + (second ? 0x800 * 8 : 0);

	map[bit / 8] &= (u8)~(3U << bit % 8);
}

static bool alloc_maps(void)
{
	struct frame *f;

	if (io_map)
		return true;
	f = heap_alloc_hv(ALLOC_VCPU, 3);
	if (!f)
		return false;
	io_map = frame_to_va(f);
	msr_map = io_map + 4 * PAGE_SIZE;
	memset(io_map, 0xff, 8 * PAGE_SIZE);
	/* What VMLOAD and VMSAVE switch. */
	msr_allow(msr_map, MSR_SYSENTER_CS, false);
	msr_allow(msr_map, MSR_SYSENTER_ESP, false);
	msr_allow(msr_map, MSR_SYSENTER_EIP, false);
	for (u32 msr = MSR_STAR; msr <= MSR_SFMASK; msr++)
		msr_allow(msr_map, msr, true);
	for (u32 msr = MSR_FS_BASE; msr <= MSR_KERNEL_GS_BASE; msr++)
		msr_allow(msr_map, msr, true);
	return true;
}

static int svm_create(struct vcpu *v)
{
	struct vmcb *b = page_alloc(ALLOC_VCPU);
	bool ok;

	spin_lock(&state_lock);
	ok = alloc_cpu_state() && alloc_maps();
	spin_unlock(&state_lock);
	if (!b || !ok) {
		if (b)
			page_free(ALLOC_VCPU, b);
		return -ENOMEM;
	}
	b->exceptions = EXCEPTIONS;
	b->intercept1 = INTERCEPTS_1;
	b->intercept2 = INTERCEPTS_2;
	b->iopm = va_to_paddr(io_map);
	b->msrpm = va_to_paddr(msr_map);
	b->vintr = VINTR_MASKING;
	b->np_enable = 1;
	b->n_cr3 = p2m_root(v->domain) << PAGE_SHIFT;
	b->efer = EFER_SVME;
	v->hvm->vmcb = b;
	return 0;
}

static void svm_destroy(struct vcpu *v)
{
	page_free(ALLOC_VCPU, v->hvm->vmcb);
}

/* ---- its state ---- */

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
#define SS_DPL(attributes) ((u8)((attributes) >> 5 & 3))

static void svm_get_state(struct vcpu *v, struct hvm_hw_cpu *c)
{
	const struct vmcb *b = v->hvm->vmcb;

	c->cr0 = b->cr0;
	c->cr2 = b->cr2;
	c->cr3 = b->cr3;
	c->cr4 = b->cr4;
	c->dr6 = b->dr6;
	c->dr7 = b->dr7;
	c->idtr_limit = b->idtr.limit;
	c->idtr_base = b->idtr.base;
	c->gdtr_limit = b->gdtr.limit;
	c->gdtr_base = b->gdtr.base;
	c->sysenter_cs = b->sysenter_cs;
	c->sysenter_esp = b->sysenter_esp;
	c->sysenter_eip = b->sysenter_eip;
	c->shadow_gs = b->kernel_gs_base;
	c->msr_lstar = b->lstar;
	c->msr_star = b->star;
	c->msr_cstar = b->cstar;
	c->msr_syscall_mask = b->sfmask;
	/* The control block has it from the next run on. */
	c->msr_efer = v->hvm->now.paging.efer;
	GET_SEGMENT(cs);
	GET_SEGMENT(ds);
	GET_SEGMENT(es);
	GET_SEGMENT(fs);
	GET_SEGMENT(gs);
	GET_SEGMENT(ss);
	GET_SEGMENT(tr);
	GET_SEGMENT(ldtr);
}

static void svm_set_state(struct vcpu *v, const struct hvm_hw_cpu *c)
{
	struct vmcb *b = v->hvm->vmcb;

	b->cr0 = c->cr0;
	b->cr2 = c->cr2;
	b->cr3 = c->cr3;
	b->cr4 = c->cr4;
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
	b->intercept1 &= ~(u32)INTERCEPT_IRET;
	v->hvm->nmi_ends = false;
}

static void svm_get_segment(struct vcpu *v, unsigned n, struct hvm_segment *s)
{
	const struct vmcb *b = v->hvm->vmcb;
	const struct vmcb_segment *const of[] = {
		[SEG_ES] = &b->es, [SEG_CS] = &b->cs, [SEG_SS] = &b->ss,
		[SEG_DS] = &b->ds, [SEG_FS] = &b->fs, [SEG_GS] = &b->gs,
	};

	*s = (struct hvm_segment){ of[n]->base, of[n]->limit, of[n]->attributes };
}

static void svm_set_cr2(struct vcpu *v, vaddr_t cr2)
{
	v->hvm->vmcb->cr2 = cr2;
}

/* ---- the switch ---- */

/* EFER.SVME is set for an HVM vCPU's time only: a PV guest finds no such instructions. */
static void svm_switch_in(struct vcpu *v)
{
	unsigned cpu = cpu_id();

	(void)v;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, va_to_paddr(cpu_state[cpu].save));
	/* TR, LDTR, SYSCALL's and SYSENTER's as they are here, for the time between two runs. */
	__asm__ volatile("vmsave" ::"a"(va_to_paddr(cpu_state[cpu].host)) : "memory");
}

static void svm_switch_out(struct vcpu *v)
{
	(void)v;
	/* VMEXIT saves the guest's and leaves it there (APM vol. 2, 15.6). */
	WRITE_DR(6, DR6_NONE);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
}

/* Interrupts off: who asks for a flush from now on makes us leave the guest. */
static void take_asid(struct vmcb *b)
{
	u32 *last = &cpu_state[cpu_id()].last_asid;

	b->tlb_control = 0;
	if (likely(!this_cpu()->guest_tlb_stale))
		return;
	this_cpu()->guest_tlb_stale = false;
	if (++*last >= hvm_caps.asids) {
		*last = 1;
		b->tlb_control = 1;
	}
	b->asid = *last;
}

/* ---- exits ---- */

/*
 * INVD and WBINVD: caches are coherent, and what is in them is not the guest's to lose. One
 * emulator leaves for the one with the code of the other.
 */
static void do_caches(struct vcpu *v)
{
	unsigned length = hvm_length_of(v, HVM_INSN_INVD);

	if (!length)
		length = hvm_length_of(v, HVM_INSN_WBINVD);
	if (length)
		hvm_advance(v, length);
}

/* What an exception and the double fault behind it could not be delivered by. */
static void tell_shutdown(const struct vcpu *v, const struct vmcb *b, u32 before)
{
	printk(LOG_GUEST "d%uv%u: entered at %#llx with event %#x, exit before %#x; CR0 %#llx "
			 "CR2 %#llx CR3 %#llx CR4 %#llx EFER %#llx\n",
	       v->domain->id, v->id, (unsigned long long)v->hvm->entered_at, v->hvm->entered_event,
	       before, (unsigned long long)b->cr0, (unsigned long long)b->cr2,
	       (unsigned long long)b->cr3, (unsigned long long)b->cr4,
	       (unsigned long long)b->efer);
	printk(LOG_GUEST "d%uv%u: RSP %#llx, IDT %#llx+%#x, GDT %#llx+%#x, TR %#x %#llx+%#x, "
			 "CS %#x %#x, SS %#x %#x, on CPU %u\n",
	       v->domain->id, v->id, (unsigned long long)b->rsp, (unsigned long long)b->idtr.base,
	       b->idtr.limit, (unsigned long long)b->gdtr.base, b->gdtr.limit, b->tr.selector,
	       (unsigned long long)b->tr.base, b->tr.limit, b->cs.selector, b->cs.attributes,
	       b->ss.selector, b->ss.attributes, cpu_id());
}

static void nothing_there(struct vcpu *v, const struct vmcb *b, u32 before)
{
	/* Seen once in an emulator: "Known" in docs/hvm.md. */
	if (guest_regs()->rip == (u64)svm_left && b->cs.selector == SEL_HV_CS)
		printk(LOG_ERR "d%uv%u: the CPU stored the hypervisor's state as the guest's: "
			       "entered at %#llx, exit before %#x, CR3 %#llx\n",
		       v->domain->id, v->id, (unsigned long long)v->hvm->entered_at, before,
		       (unsigned long long)b->cr3);
	domain_crash(v->domain, "nothing is at guest-physical %#llx (error %#llx)\n",
		     (unsigned long long)b->exit_info2, (unsigned long long)b->exit_info1);
}

static void do_io(struct vcpu *v, const struct vmcb *b)
{
	u64 info = b->exit_info1;
	unsigned size = info & BIT(4) ? 1 : info & BIT(5) ? 2 : 4;

	hvm_do_io(v, info & 1, size, info & (BIT(2) | BIT(3)),
		  (unsigned)(b->exit_info2 - guest_regs()->rip));
}

/* It leaves the guest only while what waits is held back by it; else the CPU keeps it (VINTR). */
static void write_cr8(struct vcpu *v)
{
	unsigned gpr, length = hvm_length_of_mov_cr8(v, &gpr);
	u64 value;

	if (!length)
		return;
	value = v->hvm->now.long_code ? *hvm_gpr(gpr) : (u32)*hvm_gpr(gpr);
	if (value >> 4) {
		hvm_inject_gp(v);
		return;
	}
	v->hvm->apic.tpr = (u32)value << 4;
	hvm_advance(v, length);
}

static void svm_handle_exit(struct vcpu *v)
{
	struct vmcb *b = v->hvm->vmcb;
	/* One emulator leaves the high half of a failed VMRUN's -1 clear. */
	u32 code = (u32)b->exit_code, before = v->hvm->last_exit;
	bool write = b->exit_info1 & 1;

	v->hvm->last_exit = code;
	switch (code) {
	case EXIT_INTR:
	case EXIT_NMI:
	case EXIT_VINTR:
		break; /* taken when GIF was set, or next time around */
	case EXIT_WRITE_CR8:
		write_cr8(v);
		break;
	case EXIT_EXCEPTION + TRAP_MC:
		__asm__ volatile("int $18");
		break;
	case EXIT_EXCEPTION + TRAP_DB:
		hvm_inject(v, TRAP_DB, false);
		break;
	case EXIT_EXCEPTION + TRAP_AC:
		hvm_inject(v, TRAP_AC, true);
		break;
	case EXIT_IRET: /* the end of an NMI */
		b->intercept1 &= ~(u32)INTERCEPT_IRET;
		v->hvm->nmi_ends = true;
		v->hvm->nmi_iret = guest_regs()->rip;
		break;
	case EXIT_CPUID:
		hvm_do_cpuid(v, hvm_length_of(v, HVM_INSN_CPUID));
		break;
	case EXIT_MSR:
		hvm_do_msr(v, write,
			   hvm_length_of(v, write ? HVM_INSN_WRMSR : HVM_INSN_RDMSR));
		break;
	case EXIT_IOIO:
		do_io(v, b);
		break;
	case EXIT_HLT:
		hvm_do_hlt(v, hvm_length_of(v, HVM_INSN_HLT));
		break;
	case EXIT_VMMCALL:
		hvm_do_hypercall(v, hvm_length_of(v, HVM_INSN_VMMCALL));
		break;
	case EXIT_XSETBV:
		hvm_do_xsetbv(v, hvm_length_of(v, HVM_INSN_XSETBV));
		break;
	case EXIT_INVD:
	case EXIT_WBINVD:
		do_caches(v);
		break;
	case EXIT_RDPMC:
		hvm_inject_gp(v);
		break;
	case EXIT_RSM: /* not in system management mode: before any other exception (15.13) */
	case EXIT_INVLPGA:
	case EXIT_VMRUN:
	case EXIT_VMLOAD ... EXIT_RDTSCP:
	case EXIT_MONITOR:
	case EXIT_MWAIT:
	case EXIT_MWAIT_ARMED:
		hvm_inject(v, TRAP_UD, false);
		break;
	case EXIT_SHUTDOWN:
		tell_shutdown(v, b, before);
		hvm_do_triple_fault(v);
		break;
	case EXIT_NPF:
		if (!(b->exit_info1 & (NPF_FETCH | NPF_TABLE)) && hvm_do_mmio(v, b->exit_info2))
			break;
		if (hvm_not_granted(v, b->exit_info2, b->exit_info1 & NPF_WRITE))
			hvm_inject_gp(v);
		else
			nothing_there(v, b, before);
		break;
	default:
		domain_crash(v->domain, "exit %#x, %#llx %#llx\n", code,
			     (unsigned long long)b->exit_info1,
			     (unsigned long long)b->exit_info2);
	}
}

/* What of v->hvm->now is to be in the control block. */
static bool is_interrupt(const struct hvm_now *now)
{
	return (now->event & EVENT_VALID) && (now->event & EVENT_TYPE) == EVENT_INTERRUPT;
}

/*
 * Interrupts are virtual ones (15.21.4) where that can be said beside what else is wanted, not
 * injected events: one emulator delivers an injected interrupt once more if another thread has a
 * word with that CPU before the guest's next exception or exit, whatever IF is by then.
 */
static void put_now(struct vcpu *v, struct vmcb *b)
{
	const struct hvm_now *now = &v->hvm->now;
	const struct hvm_vcpu *h = v->hvm;
	bool window = now->window;

	b->efer = now->paging.efer | EFER_SVME;
	b->g_pat = now->pat;
	if (!now->shadow)
		b->interrupt_shadow = 0;
	if ((now->event & EVENT_VALID) && (now->event & EVENT_TYPE) == EVENT_NMI)
		b->intercept1 |= (u32)INTERCEPT_IRET;
	/*
	 * One NMI that waits for the end of another comes with the next exit, at the latest when
	 * interrupts are on again; where they are on in front of the IRET, asking for an exit would
	 * have it left there for ever.
	 */
	if (now->nmi_window &&
	    (!v->nmi_masked || (h->nmi_ends && !(guest_regs()->rflags & RFLAGS_IF))))
		window = true;
	b->event_inject = 0;
	b->vintr = VINTR_MASKING | x2apic_cr8(&h->apic);
	b->cr_writes = now->held ? INTERCEPT_CR8 : 0;
	b->intercept1 &= ~(u32)INTERCEPT_VINTR;
	/*
	 * Where it is taken at once, too, when another one waits behind it, which then comes with
	 * the next exit: what is injected QEMU 7.2 may deliver twice.
	 */
	if (is_interrupt(now) && (!window || (!now->nmi_window && !now->shadow &&
					      guest_regs()->rflags & RFLAGS_IF))) {
		b->vintr |= VINTR_PENDING | VINTR_IGN_TPR | VINTR_VECTOR((u8)now->event);
		return;
	}
	b->event_inject = (u64)now->error << 32 | now->event;
	if (window) {
		b->vintr |= VINTR_PENDING | VINTR_IGN_TPR;
		b->intercept1 |= (u32)INTERCEPT_VINTR;
	}
}

/* One that was given as a virtual interrupt and not taken: we were wanted first. */
static bool is_left(const struct vmcb *b)
{
	return (b->vintr & VINTR_PENDING) && !(b->intercept1 & (u32)INTERCEPT_VINTR);
}

static struct guest_paging paging_of(const struct vmcb *b)
{
	return (struct guest_paging){ b->cr0, b->cr3, b->cr4, b->efer & ~EFER_SVME };
}

static void get_now(struct vcpu *v, const struct vmcb *b)
{
	struct hvm_now *now = &v->hvm->now;
	struct hvm_vcpu *h = v->hvm;

	now->paging = paging_of(b);
	now->pat = b->g_pat;
	now->cs_base = b->cs.base;
	now->long_code = (b->efer & EFER_LMA) && (b->cs.attributes & SEG_LONG);
	now->cpl = b->cpl;
	now->shadow = b->interrupt_shadow & 1;
	x2apic_set_cr8(&h->apic, b->vintr & VINTR_TPR);
	/* What was on its way into the guest and did not arrive goes again. */
	if (b->exit_int_info & EVENT_VALID)
		now->event = (u32)b->exit_int_info;
	else if (!is_left(b))
		now->event = 0;
	now->error = (u32)(b->exit_int_info >> 32);
	/* The end of an NMI: an exit in front of its IRET was, and now it is elsewhere. */
	if (h->nmi_ends && guest_regs()->rip != h->nmi_iret) {
		h->nmi_ends = false;
		v->nmi_masked = false;
	}
}

static void svm_enter(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;
	struct vmcb *b = h->vmcb;
	struct regs *r = guest_regs();

	put_now(v, b);
	b->rax = r->rax;
	b->rip = h->entered_at = r->rip;
	b->rsp = r->rsp;
	b->rflags = r->rflags;
	h->entered_event = h->now.event;
	ASSERT(hvm_segments_null());
	take_asid(b);
	svm_run(r, va_to_paddr(b), va_to_paddr(cpu_state[cpu_id()].host));
	r->rax = b->rax;
	r->rip = b->rip;
	r->rsp = b->rsp;
	r->rflags = b->rflags;
	r->cs = b->cs.selector;
	get_now(v, b);
}

const struct hvm_ops svm_ops = {
	.detect = svm_detect,
	.create = svm_create,
	.destroy = svm_destroy,
	.switch_in = svm_switch_in,
	.switch_out = svm_switch_out,
	.run = svm_enter,
	.handle_exit = svm_handle_exit,
	.get_state = svm_get_state,
	.set_state = svm_set_state,
	.get_segment = svm_get_segment,
	.set_cr2 = svm_set_cr2,
	.hypercall = { 0x0f, 0x01, 0xd9 }, /* VMMCALL */
};
