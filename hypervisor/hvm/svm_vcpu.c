// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A vCPU by SVM: its control block, into the guest and back, and what is done for it in between.
 * AMD APM vol. 2, chapter 15. The guest has its own CR0, CR3, CR4, debug registers and page faults;
 * what leaves it are the instructions and events below, and anything else ends the guest alone.
 *
 * The loop runs on a fresh stack with the guest's registers at its top, where hypercalls look for
 * them; rax, rip, rsp and rflags go to the control block and come back around each run.
 */
#include "cpu/cpu.h"
#include "cpu/debugreg.h"
#include "cpu/directmap.h"
#include "cpu/ipi.h"
#include "cpu/machine_check.h"
#include "cpu/mitigation.h"
#include "cpu/msr.h"
#include "cpu/raw.h"
#include "domain/domain.h"
#include "domain/fpu.h"
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
#include "pv-abi/sched.h"
#include "pv/cpuid.h"
#include "sched/sched.h"

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

/* Exit codes: appendix C. */
enum {
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

#define EVENT_VALID	BIT(31)
#define EVENT_ERROR	BIT(11)
#define EVENT_EXCEPTION (3ULL << 8)
#define EVENT_INTERRUPT (0ULL << 8)
#define EVENT_NMI	(2ULL << 8 | 2)
#define VINTR_PENDING	BIT(8)
#define VINTR_IGN_TPR	BIT(20)
#define VINTR_MASKING	BIT(24)
#define SEG_LONG	BIT(9)
#define NPF_WRITE	BIT(1)
#define CR0_ET		BIT(4)

#define TRAP_DB 1
#define TRAP_UD 6
#define TRAP_GP 13
#define TRAP_AC 17
#define TRAP_MC 18

extern u8 svm_fill_rsb;
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
/* Fill the return stack after a run: svm_run.S. */
u8 svm_fill_rsb;
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

static int vcpu_make(struct vcpu *v)
{
	struct hvm_vcpu *h = zalloc(ALLOC_VCPU, sizeof(*h));
	struct vmcb *b = page_alloc(ALLOC_VCPU);
	bool ok;

	spin_lock(&state_lock);
	ok = alloc_cpu_state() && alloc_maps();
	spin_unlock(&state_lock);
	if (!h || !b || !ok) {
		zfree(h);
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
	b->g_pat = PAT_VALUE;
	b->efer = EFER_SVME;
	b->dr6 = 0xffff0ff0;
	b->dr7 = DR7_FIXED;
	x2apic_reset(&h->apic, v->id);
	spin_lock_init(&h->raise_lock);
	h->vmcb = b;
	v->hvm = h;
	hvm_timer_init(v);
	return 0;
}

static void vcpu_unmake(struct vcpu *v)
{
	timer_kill(&v->hvm->timer);
	page_free(ALLOC_VCPU, v->hvm->vmcb);
	zfree(v->hvm);
	v->hvm = NULL;
}

void hvm_start_state(struct vcpu *v, u64 entry, u64 start_info)
{
	struct vmcb *b = v->hvm->vmcb;

	b->cs = (struct vmcb_segment){ 0x08, 0xc9b, ~0U, 0 };
	b->ss = b->ds = b->es = b->fs = b->gs = (struct vmcb_segment){ 0x10, 0xc93, ~0U, 0 };
	b->tr = (struct vmcb_segment){ 0, 0x8b, 0x67, 0 };
	b->ldtr = (struct vmcb_segment){ 0, 0x82, 0, 0 };
	b->cr0 = CR0_PE | CR0_ET;
	v->regs = (struct regs){ .rip = entry, .rbx = start_info, .rflags = 2 };
	v->hvm->startup = HVM_RUNS;
}

/*
 * As INIT and SIPI leave a CPU, but for the caches, which are not the guest's to switch off: SDM
 * vol. 3A, table 10-1; APM vol. 2, table 14-1. MSRs, PAT, FPU stay what they were.
 */
static void start_in_real_mode(struct vcpu *v, u8 page)
{
	const struct vmcb_segment data = { 0, 0x93, 0xffff, 0 };
	struct hvm_vcpu *h = v->hvm;
	struct vmcb *b = h->vmcb;

	b->cs = (struct vmcb_segment){ (u16)(page << 8), 0x9b, 0xffff, (u64)page << PAGE_SHIFT };
	b->ss = b->ds = b->es = b->fs = b->gs = data;
	b->gdtr = b->idtr = (struct vmcb_segment){ 0, 0, 0xffff, 0 };
	b->ldtr = (struct vmcb_segment){ 0, 0x82, 0xffff, 0 };
	b->tr = (struct vmcb_segment){ 0, 0x8b, 0xffff, 0 };
	b->cpl = 0;
	b->cr0 = CR0_ET;
	b->cr2 = b->cr3 = b->cr4 = 0;
	b->efer = EFER_SVME;
	b->dr6 = 0xffff0ff0;
	b->dr7 = DR7_FIXED;
	WRITE_DR(0, 0);
	WRITE_DR(1, 0);
	WRITE_DR(2, 0);
	WRITE_DR(3, 0);
	b->event_inject = 0;
	b->interrupt_shadow = 0;
	b->intercept1 &= ~(u32)INTERCEPT_IRET;
	h->nmi_ends = false;
	hvm_reset_apic();
	/* Its addresses were the former life's. */
	v->time.runstate_area = v->time.time_area = 0;
	*guest_regs() = (struct regs){ .rdx = hvm_cpuid(v, 0, 1, 0).a, .rflags = 2 };
	/* What it looked up in its former life is nothing now. */
	this_cpu()->guest_tlb_stale = true;
}

/* ---- the guest's memory ---- */

static struct guest_paging paging_of(const struct vmcb *b)
{
	return (struct guest_paging){ b->cr0, b->cr3, b->cr4, b->efer & ~EFER_SVME };
}

static int copy(vaddr_t va, void *buf, size_t n, bool to_guest)
{
	struct guest_paging p = paging_of(current->hvm->vmcb);

	return guest_walk_copy(current->domain, &p, va, buf, n, to_guest);
}

void __init svm_register(void)
{
	hvm_vcpu_create = vcpu_make;
	hvm_vcpu_destroy = vcpu_unmake;
	hvm_copy = copy;
	svm_fill_rsb = mitigations.rsb_switch;
}

/* ---- the switch ---- */

/*
 * What the CPU loads when the guest is left it may look up in the tables once more, of which the
 * LDT is the guest's then, and a fault there ends the machine (15.6): nothing of the last PV
 * guest's selectors may be in use.
 */
static void null_segments(void)
{
	load_ds(0);
	load_es(0);
	load_fs(0);
	load_gs(0);
	__asm__ volatile("lldt %w0" ::"r"(0));
}

static bool segments_null(void)
{
	u16 ds, es;

	__asm__ volatile("movw %%ds, %0; movw %%es, %1" : "=m"(ds), "=m"(es));
	return !ds && !es;
}

/* EFER.SVME is set for an HVM vCPU's time only: a PV guest finds no such instructions. */
void hvm_switch_in(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;
	unsigned cpu = cpu_id();

	null_segments();
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, va_to_paddr(cpu_state[cpu].save));
	/* TR, LDTR, SYSCALL's and SYSENTER's as they are here, for the time between two runs. */
	__asm__ volatile("vmsave" ::"a"(va_to_paddr(cpu_state[cpu].host)) : "memory");
	WRITE_DR(0, h->dr[0]);
	WRITE_DR(1, h->dr[1]);
	WRITE_DR(2, h->dr[2]);
	WRITE_DR(3, h->dr[3]);
	/* What other guests left under the ASID of this one's last time is not its. */
	this_cpu()->guest_tlb_stale = true;
	hvm_timer_switched_in(v);
}

void hvm_switch_out(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;

	hvm_timer_switching_out(v);
	READ_DR(0, h->dr[0]);
	READ_DR(1, h->dr[1]);
	READ_DR(2, h->dr[2]);
	READ_DR(3, h->dr[3]);
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

/* ---- events ---- */

static void inject(struct vmcb *b, unsigned vector, bool has_error)
{
	b->event_inject = EVENT_VALID | EVENT_EXCEPTION | vector | (has_error ? EVENT_ERROR : 0);
}

static void inject_gp(struct vmcb *b)
{
	inject(b, TRAP_GP, true);
}

/* Does the vector of the upcall stand for it? */
static bool upcall_due(const struct vcpu *v)
{
	return READ_ONCE(v->domain->callback_vector) && vcpu_event_deliverable(v);
}

static bool interrupt_due(const struct vcpu *v)
{
	return upcall_due(v) || x2apic_next(&v->hvm->apic) >= 0;
}

/*
 * An interrupt of the APIC's, an NMI or a SIPI came while v went to sleep: sched/ knows of none. A
 * SIPI may have found it not yet blocked.
 */
static bool is_woken(const struct vcpu *v)
{
	return READ_ONCE(v->hvm->startup) != HVM_RUNS || (v->nmi_pending && !v->nmi_masked) ||
	       ((guest_regs()->rflags & RFLAGS_IF) && x2apic_next(&v->hvm->apic) >= 0);
}

/* Ask to be left when the guest can take an interrupt. */
static void want_window(struct vmcb *b)
{
	b->vintr |= VINTR_PENDING | VINTR_IGN_TPR;
	b->intercept1 |= (u32)INTERCEPT_VINTR;
}

/*
 * No NMI comes on top of one before its IRET is done. How one knows: by an exit in front of it, and
 * then by being elsewhere. One that waits for that comes with the next exit, at the latest when
 * interrupts are on again; where they are on in front of the IRET, asking for an exit would have
 * it left there for ever.
 */
static void deliver_nmi(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;
	struct vmcb *b = h->vmcb;

	if (h->nmi_ends && guest_regs()->rip != h->nmi_iret) {
		h->nmi_ends = false;
		v->nmi_masked = false;
	}
	if (!v->nmi_pending)
		return;
	if (v->nmi_masked || (b->event_inject & EVENT_VALID) || (b->interrupt_shadow & 1)) {
		if (!v->nmi_masked || (h->nmi_ends && !(guest_regs()->rflags & RFLAGS_IF)))
			want_window(b);
		return;
	}
	v->nmi_pending = false;
	v->nmi_masked = true;
	b->event_inject = EVENT_VALID | EVENT_NMI;
	b->intercept1 |= (u32)INTERCEPT_IRET;
}

/*
 * The upcall, as a line that is high while something is pending, past the APIC; else what the APIC
 * has: when the guest can take it, and not before. What was being delivered when it left is
 * delivered first.
 */
static void deliver_events(struct vcpu *v)
{
	struct vmcb *b = v->hvm->vmcb;
	bool upcall = upcall_due(v);
	int vector = upcall ? READ_ONCE(v->domain->callback_vector) : x2apic_next(&v->hvm->apic);

	b->vintr &= ~(VINTR_PENDING | VINTR_IGN_TPR);
	b->intercept1 &= ~(u32)INTERCEPT_VINTR;
	if (unlikely(v->nmi_pending || v->hvm->nmi_ends))
		deliver_nmi(v);
	/* The guest may have taken the callback away since. */
	if (vector < 0 || (upcall && !vector))
		return;
	if (!(b->event_inject & EVENT_VALID) && (guest_regs()->rflags & RFLAGS_IF) &&
	    !(b->interrupt_shadow & 1)) {
		b->event_inject = EVENT_VALID | EVENT_INTERRUPT | (u8)vector;
		if (!upcall)
			x2apic_accept(&v->hvm->apic, (u8)vector);
		return;
	}
	want_window(b);
}

/* ---- exits ---- */

static bool long_code(const struct vmcb *b)
{
	return (b->efer & EFER_LMA) && (b->cs.attributes & SEG_LONG);
}

/*
 * Where the next instruction is; 0: the guest's code is not that any more, and it shall go on with
 * what there is.
 */
static unsigned length_of(const struct vmcb *b, enum hvm_insn insn)
{
	struct guest_paging p = paging_of(b);
	u64 rip = guest_regs()->rip;
	u8 bytes[INSN_LENGTH_MAX];
	unsigned n;

	rip = long_code(b) ? rip : (u32)(rip + b->cs.base);
	/* What lies on the next page need not be there, if it is none of the instruction. */
	n = (unsigned)min(PAGE_SIZE - (rip & ~PAGE_MASK), (u64)sizeof(bytes));
	if (guest_walk_copy(current->domain, &p, rip, bytes, n, false))
		return 0;
	if (n < sizeof(bytes) && !guest_walk_copy(current->domain, &p, rip + n, bytes + n,
						  sizeof(bytes) - n, false))
		n = sizeof(bytes);
	return hvm_insn_length(insn, bytes, n, long_code(b));
}

static void advance(struct vmcb *b, unsigned length)
{
	struct regs *r = guest_regs();

	r->rip += length;
	if (!long_code(b))
		r->rip = (u32)r->rip;
	b->interrupt_shadow = 0;
}

static void do_cpuid(struct vcpu *v, struct vmcb *b)
{
	struct regs *r = guest_regs();
	unsigned length = length_of(b, HVM_INSN_CPUID);
	struct cpuid_regs c;

	if (!length)
		return;
	c = hvm_cpuid(v, b->cr4, (u32)r->rax, (u32)r->rcx);
	r->rax = c.a;
	r->rbx = c.b;
	r->rcx = c.c;
	r->rdx = c.d;
	advance(b, length);
}

static void do_msr(struct vmcb *b)
{
	bool write = b->exit_info1 & 1;
	unsigned length = length_of(b, write ? HVM_INSN_WRMSR : HVM_INSN_RDMSR);
	struct guest_paging p = paging_of(b);
	struct regs *r = guest_regs();
	u64 value = (u32)r->rax | r->rdx << 32, pat = b->g_pat;
	struct x2apic *apic = &current->hvm->apic;
	u32 msr = (u32)r->rcx;
	bool done;

	if (!length)
		return;
	if (msr == MSR_APIC_BASE || (msr >= X2APIC_MSR_FIRST && msr <= X2APIC_MSR_LAST))
		done = write ? x2apic_write(apic, msr, system_time(), value) :
			       x2apic_read(apic, msr, system_time(), &value);
	else
		done = write ? hvm_wrmsr(msr, value, &p, &pat) : hvm_rdmsr(msr, &p, pat, &value);
	if (!done) {
		inject_gp(b);
		return;
	}
	if (write) {
		b->efer = p.efer | EFER_SVME;
		b->g_pat = pat;
		if (msr == X2APIC_MSR_ICR)
			hvm_send_ipi(value);
		hvm_timer_update(current);
	} else {
		r->rax = (u32)value;
		r->rdx = value >> 32;
	}
	advance(b, length);
}

/* No port has anything behind it: reads give ones. Strings are for a device model to do. */
static void do_io(struct vmcb *b)
{
	u64 info = b->exit_info1;
	struct regs *r = guest_regs();

	if (info & (BIT(2) | BIT(3))) {
		inject_gp(b);
		return;
	}
	if (info & 1) {
		if (info & BIT(4))
			r->rax |= 0xff;
		else if (info & BIT(5))
			r->rax |= 0xffff;
		else
			r->rax = 0xffffffff;
	}
	r->rip = b->exit_info2;
	b->interrupt_shadow = 0;
}

static void do_hlt(struct vcpu *v, struct vmcb *b)
{
	unsigned length = length_of(b, HVM_INSN_HLT);

	if (!length)
		return;
	advance(b, length);
	if ((guest_regs()->rflags & RFLAGS_IF) && interrupt_due(v))
		return;
	if (guest_regs()->rflags & RFLAGS_IF)
		vcpu_block();
	else
		hvm_halt();
}

static void do_xsetbv(struct vcpu *v, struct vmcb *b)
{
	unsigned length = length_of(b, HVM_INSN_XSETBV);
	struct regs *r = guest_regs();
	u64 value = (u32)r->rax | r->rdx << 32;

	if (!length)
		return;
	if (!cpu_features.xsave || b->cpl || (u32)r->rcx || !pv_xcr0_valid(v, value)) {
		inject_gp(b);
		return;
	}
	v->xcr0 = value;
	xsetbv(value);
	advance(b, length);
}

/* A handler that is to be called again has put rip back by a SYSCALL's two bytes. */
#define SYSCALL_LEN 2

/*
 * An event waits for an instruction behind STI. If that is HLT, it is executed and ends at once:
 * not every emulator keeps the shadow over VMRUN, and an upcall before the HLT would not be waited
 * for but missed.
 */
static void end_shadowed_hlt(struct vmcb *b)
{
	unsigned length = length_of(b, HVM_INSN_HLT);

	if (length)
		advance(b, length);
}

static bool shadowed(const struct vcpu *v)
{
	const struct vmcb *b = v->hvm->vmcb;

	return (b->interrupt_shadow & 1) && !(b->event_inject & EVENT_VALID) && interrupt_due(v);
}

static void do_vmmcall(struct vmcb *b)
{
	struct regs *r = guest_regs();
	unsigned length = length_of(b, HVM_INSN_VMMCALL);
	u64 rip = r->rip;

	if (!length)
		return;
	if (b->cpl || !long_code(b)) {
		r->rax = (u64)(b->cpl ? -EPERM : -ENOSYS);
		advance(b, length);
		return;
	}
	r->rip = rip + SYSCALL_LEN;
	hvm_hypercall();
	if (r->rip == rip)
		return;
	r->rip = rip;
	advance(b, length);
}

/*
 * INVD and WBINVD: caches are coherent, and what is in them is not the guest's to lose. One
 * emulator leaves for the one with the code of the other.
 */
static void do_caches(struct vmcb *b)
{
	unsigned length = length_of(b, HVM_INSN_INVD);

	if (!length)
		length = length_of(b, HVM_INSN_WBINVD);
	if (length)
		advance(b, length);
}

/* A write to what another domain grants for reading only. Not while an event is being delivered. */
static bool not_granted(struct vcpu *v, const struct vmcb *b)
{
	enum p2m_type type;

	(void)p2m_lookup(v->domain, b->exit_info2 >> PAGE_SHIFT, &type);
	return type == P2M_GRANT_RO && (b->exit_info1 & NPF_WRITE) &&
	       !(b->event_inject & EVENT_VALID);
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

static void handle_exit(struct vcpu *v, struct vmcb *b)
{
	/* One emulator leaves the high half of a failed VMRUN's -1 clear. */
	u32 code = (u32)b->exit_code, before = v->hvm->last_exit;
	u64 mcg;

	v->hvm->last_exit = code;
	switch (code) {
	case EXIT_INTR:
	case EXIT_NMI:
	case EXIT_VINTR:
		break; /* taken when GIF was set, or next time around */
	case EXIT_EXCEPTION + TRAP_MC:
		__asm__ volatile("int $18");
		break;
	case EXIT_EXCEPTION + TRAP_DB:
		inject(b, TRAP_DB, false);
		break;
	case EXIT_EXCEPTION + TRAP_AC:
		inject(b, TRAP_AC, true);
		break;
	case EXIT_IRET: /* the end of an NMI */
		b->intercept1 &= ~(u32)INTERCEPT_IRET;
		v->hvm->nmi_ends = true;
		v->hvm->nmi_iret = guest_regs()->rip;
		break;
	case EXIT_CPUID:
		do_cpuid(v, b);
		break;
	case EXIT_MSR:
		do_msr(b);
		break;
	case EXIT_IOIO:
		do_io(b);
		break;
	case EXIT_HLT:
		do_hlt(v, b);
		break;
	case EXIT_VMMCALL:
		do_vmmcall(b);
		break;
	case EXIT_XSETBV:
		do_xsetbv(v, b);
		break;
	case EXIT_INVD:
	case EXIT_WBINVD:
		do_caches(b);
		break;
	case EXIT_RDPMC:
		inject_gp(b);
		break;
	case EXIT_RSM: /* not in system management mode: before any other exception (15.13) */
	case EXIT_INVLPGA:
	case EXIT_VMRUN:
	case EXIT_VMLOAD ... EXIT_RDTSCP:
	case EXIT_MONITOR:
	case EXIT_MWAIT:
	case EXIT_MWAIT_ARMED:
		inject(b, TRAP_UD, false);
		break;
	case EXIT_SHUTDOWN:
		/* That is how a CPU may say a machine check to a guest with CR4.MCE clear. */
		if (!rdmsr_safe(MSR_MCG_STATUS, &mcg) && machine_check_begun(mcg))
			__asm__ volatile("int $18");
		domain_crash(v->domain, "triple fault\n");
		break;
	case EXIT_NPF:
		if (not_granted(v, b))
			inject_gp(b);
		else
			nothing_there(v, b, before);
		break;
	default:
		domain_crash(v->domain, "exit %#x, %#llx %#llx\n", code,
			     (unsigned long long)b->exit_info1,
			     (unsigned long long)b->exit_info2);
	}
}

static void run(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;
	struct vmcb *b = h->vmcb;
	struct regs *r = guest_regs();

	b->rax = r->rax;
	b->rip = h->entered_at = r->rip;
	b->rsp = r->rsp;
	b->rflags = r->rflags;
	ASSERT(segments_null());
	take_asid(b);
	svm_run(r, va_to_paddr(b), va_to_paddr(cpu_state[cpu_id()].host));
	r->rax = b->rax;
	r->rip = b->rip;
	r->rsp = b->rsp;
	r->rflags = b->rflags;
	r->cs = b->cs.selector;
	/* What was on its way into the guest and did not arrive goes again. */
	b->event_inject = b->exit_int_info & EVENT_VALID ? b->exit_int_info : 0;
}

void hvm_loop(void)
{
	struct vcpu *v = current;
	struct cpu *c = this_cpu();
	bool looked = false; /* at what is behind STI, since the guest was left */
	u8 page;

	for (;;) {
		local_irq_disable();
		if (READ_ONCE(c->softirq_pending)) {
			if ((v->pause_flags & VPF_BLOCKED) && is_woken(v))
				vcpu_unblock(v);
			local_irq_enable();
			softirqs_run();
			continue;
		}
		if (unlikely(v->pause_flags)) {
			softirq_raise(SOFTIRQ_SCHEDULE);
			continue;
		}
		if (unlikely(READ_ONCE(v->hvm->startup) != HVM_RUNS)) {
			local_irq_enable();
			if (hvm_take_start(&page))
				start_in_real_mode(v, page);
			else
				softirq_raise(SOFTIRQ_SCHEDULE);
			continue;
		}
		if (unlikely(!looked && shadowed(v))) {
			/* The guest's memory is read with interrupts on. */
			local_irq_enable();
			end_shadowed_hlt(v->hvm->vmcb);
			looked = true;
			continue;
		}
		deliver_events(v);
		run(v);
		looked = false;
		local_irq_enable();
		handle_exit(v, v->hvm->vmcb);
	}
}
