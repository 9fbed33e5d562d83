// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A vCPU by VT-x: its control structure (VMCS), into the guest and back. SDM vol. 3C, chapters 24
 * to 27. The guest has its own CR3, debug registers and page faults, and of CR0 and CR4 what it may
 * change; what leaves it are the instructions and events below, and anything else ends the guest
 * alone. So does a state that the CPU does not enter.
 *
 * A CPU is in VMX operation only while an HVM vCPU is current, or while the state of one is looked
 * at, and nowhere else is a VMCS loaded. What VM exit loses (limits of GDTR and IDTR, DEBUGCTL,
 * DR7) is put back or not used here.
 */
#include "hvm/vmx_vcpu.h"
#include "cpu/cpu.h"
#include "cpu/debugreg.h"
#include "cpu/directmap.h"
#include "cpu/entry_area.h"
#include "cpu/msr.h"
#include "cpu/pte.h"
#include "cpu/raw.h"
#include "cpu/stop.h"
#include "domain/domain.h"
#include "hvm/context.h"
#include "hvm/vcpu.h"
#include "hvm/vmcs.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "memory/p2m.h"
#include "pv-abi/errno.h"
#include "pv-abi/hvm_save.h"

/* Basic exit reasons: appendix C. */
enum {
	REASON_EVENT,
	REASON_INTERRUPT,
	REASON_TRIPLE_FAULT,
	REASON_WINDOW = 7,
	REASON_NMI_WINDOW,
	REASON_CPUID = 10,
	REASON_GETSEC,
	REASON_HLT,
	REASON_INVD,
	REASON_RDPMC = 15,
	REASON_RSM = 17,
	REASON_VMCALL,
	REASON_VMCLEAR,
	REASON_VMXON = 27,
	REASON_CR,
	REASON_IO = 30,
	REASON_RDMSR,
	REASON_WRMSR,
	REASON_MWAIT = 36,
	REASON_MONITOR = 39,
	REASON_MACHINE_CHECK = 41, /* while entering */
	REASON_EPT_VIOLATION = 48,
	REASON_INVEPT = 50,
	REASON_INVVPID = 53,
	REASON_WBINVD,
	REASON_XSETBV,
	REASON_SEAMCALL = 76,
	REASON_TDCALL,
};
#define REASON_ENTRY_FAILED BIT(31)

/* As on AMD's: those of which a guest can make one without end, and #MC, which is ours. */
#define EXCEPTIONS	(BIT(TRAP_DB) | BIT(TRAP_AC) | BIT(TRAP_MC))
#define EVENT_INT_N	(4U << 8) /* from here on they have a length; 24.9.3 */
#define EVENT_INT1	(5U << 8)
#define EVENT_VECTOR	0xff
#define EVENT_UNBLOCKED BIT(12)	  /* IRET ended an NMI and then faulted */
#define SHADOW_STI	BIT(0)
#define SHADOW_ANY	(BIT(0) | BIT(1))
#define SHADOW_NMI	BIT(3)
#define PENDING_STEP	BIT(14)
#define DR6_WHY		(0xf | BIT(13) | BIT(14))
#define DR7_GD		BIT(13)
#define ATTR_LONG	BIT(13)
#define EPTP_FLAGS	(6 | (4 - 1) << 3) /* tables are write-back; four levels */
#define EPT_WRITES	BIT(1)
#define EPT_FETCHES	BIT(2)
#define EPT_OPERAND	(BIT(7) | BIT(8)) /* of an address, and not in the guest's own tables */
#define THE_VPID	1 /* every guest's: what it has there is flushed when it comes */
#define CR0_MASK	(VMX_CR0_ON | VMX_CR0_OFF)
/* A machine check with MCE clear would be the machine's end. */
#define CR4_ON		(CR4_VMXE | CR4_MCE)

bool vmx_run(struct regs *guest, bool launched);
extern const char vmx_left[];

static const u32 msr_of[VMX_MSRS] = { MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK,
				      MSR_KERNEL_GS_BASE };

/* Of each CPU, from the first HVM vCPU on. */
static struct {
	u32 *vmxon;
	u64 msrs[VMX_MSRS]; /* the hypervisor's, while the CPU has a guest's */
} cpu_state[NR_CPUS];
static struct spinlock state_lock = SPINLOCK_INIT;
static u8 *msr_map; /* no MSR is the guest's but those of its own state; never changed */

/* ---- instructions; one that fails was wrong, or the CPU is: no guest has a say in it ---- */

static void vmx_check(bool failed, const char *what)
{
	if (unlikely(failed))
		panic("hvm: %s fails", what);
}

static u64 vmread(u32 field)
{
	bool failed;
	u64 v;

	__asm__ volatile("vmread %2, %1" : "=@ccbe"(failed), "=rm"(v) : "r"((u64)field));
	vmx_check(failed, "VMREAD");
	return v;
}

static void vmwrite(u32 field, u64 v)
{
	bool failed;

	__asm__ volatile("vmwrite %2, %1" : "=@ccbe"(failed) : "r"((u64)field), "rm"(v));
	vmx_check(failed, "VMWRITE");
}

static void vmclear(paddr_t vmcs)
{
	bool failed;

	__asm__ volatile("vmclear %1" : "=@ccbe"(failed) : "m"(vmcs) : "memory");
	vmx_check(failed, "VMCLEAR");
}

static void vmptrld(paddr_t vmcs)
{
	bool failed;

	__asm__ volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(vmcs) : "memory");
	vmx_check(failed, "VMPTRLD");
}

static void invept_all(void)
{
	const u64 none[2] = { 0, 0 };
	bool failed;

	__asm__ volatile("invept %1, %2" : "=@ccbe"(failed) : "m"(none), "r"(2ULL) : "memory");
	vmx_check(failed, "INVEPT");
}

static void vmx_on(void)
{
	paddr_t region = va_to_paddr(cpu_state[cpu_id()].vmxon);
	struct cpu *c = this_cpu();
	bool failed;

	c->cr4 |= CR4_VMXE;
	write_cr4(c->cr4);
	__asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(region) : "memory");
	vmx_check(failed, "VMXON");
}

/*
 * v's VMCS is there between the two: it is current, or runs nowhere and this CPU runs no other HVM
 * vCPU.
 */
static u64 vmcs_begin(struct vcpu *v)
{
	u64 irq = local_irq_save();

	if (v != current) {
		ASSERT(!current->hvm);
		vmx_on();
		vmptrld(va_to_paddr(v->hvm->vmx->vmcs));
	}
	return irq;
}

static void vmcs_end(struct vcpu *v, u64 irq)
{
	if (v != current) {
		vmclear(va_to_paddr(v->hvm->vmx->vmcs));
		stop_vmx_here();
	}
	local_irq_restore(irq);
}

/* ---- making one ---- */

/* The structure of this kind of CPU begins with its number. */
static u32 *alloc_region(void)
{
	u32 *region = page_alloc(ALLOC_VCPU);

	if (region)
		*region = vmx_machine.revision;
	return region;
}

static bool alloc_cpu_state(void)
{
	for (unsigned i = 0; i < nr_cpus; i++) {
		if (!cpu_state[i].vmxon)
			cpu_state[i].vmxon = alloc_region();
		if (!cpu_state[i].vmxon)
			return false;
	}
	return true;
}

/* A bit for reading it in the first half, one for writing it in the second: 24.6.9. */
static void msr_allow(u32 msr)
{
	u32 bit = (msr & 0x1fff) + (msr >> 31 ? 0x400 * 8 : 0);

	msr_map[bit / 8] &= (u8)~BIT(bit % 8);
	msr_map[0x800 + bit / 8] &= (u8)~BIT(bit % 8);
}

static bool alloc_map(void)
{
	if (msr_map)
		return true;
	msr_map = page_alloc(ALLOC_VCPU);
	if (!msr_map)
		return false;
	memset(msr_map, 0xff, PAGE_SIZE);
	msr_allow(MSR_SYSENTER_CS);
	msr_allow(MSR_SYSENTER_ESP);
	msr_allow(MSR_SYSENTER_EIP);
	msr_allow(MSR_FS_BASE);
	msr_allow(MSR_GS_BASE);
	for (unsigned i = 0; i < VMX_MSRS; i++)
		msr_allow(msr_of[i]);
	return true;
}

static void write_controls(struct vcpu *v)
{
	const struct vmx_controls *c = &vmx_machine.controls;
	struct vmx_vcpu *x = v->hvm->vmx;

	vmwrite(VMCS_PIN_CONTROLS, c->pin);
	vmwrite(VMCS_PROC_CONTROLS, x->proc = c->proc);
	vmwrite(VMCS_PROC2_CONTROLS, c->proc2);
	vmwrite(VMCS_EXIT_CONTROLS, c->exit);
	vmwrite(VMCS_ENTRY_CONTROLS, c->entry);
	if (c->proc2 & PROC2_VPID)
		vmwrite(VMCS_VPID, THE_VPID);
	vmwrite(VMCS_EXCEPTIONS, EXCEPTIONS);
	vmwrite(VMCS_CR3_TARGETS, 0);
	vmwrite(VMCS_EXIT_STORES, 0);
	vmwrite(VMCS_EXIT_LOADS, 0);
	vmwrite(VMCS_ENTRY_LOADS, 0);
	vmwrite(VMCS_ENTRY_EVENT, 0);
	vmwrite(VMCS_MSR_BITMAP, va_to_paddr(msr_map));
	vmwrite(VMCS_TSC_OFFSET, 0);
	vmwrite(VMCS_EPTP, p2m_root(v->domain) << PAGE_SHIFT | EPTP_FLAGS);
	vmwrite(VMCS_LINK, ~0ULL);
	vmwrite(VMCS_DEBUGCTL, 0);
	vmwrite(VMCS_PAT, x->pat = v->hvm->now.pat);
	vmwrite(VMCS_ACTIVITY, 0);
	vmwrite(VMCS_SHADOW, x->shadow = 0);
	vmwrite(VMCS_CR0_MASK, CR0_MASK);
	vmwrite(VMCS_CR4_MASK, ~hvm_cr4_known() | CR4_ON);
	vmwrite(VMCS_PF_MASK, 0);
	vmwrite(VMCS_PF_MATCH, 0);
}

static int vmx_create(struct vcpu *v)
{
	struct vmx_vcpu *x = zalloc(ALLOC_VCPU, sizeof(*x));
	u32 *vmcs = alloc_region();
	bool ok;
	u64 irq;

	spin_lock(&state_lock);
	ok = alloc_cpu_state() && alloc_map();
	spin_unlock(&state_lock);
	if (!x || !vmcs || !ok) {
		zfree(x);
		if (vmcs)
			page_free(ALLOC_VCPU, vmcs);
		return -ENOMEM;
	}
	x->vmcs = vmcs;
	v->hvm->vmx = x;
	irq = local_irq_save();
	vmx_on();
	vmclear(va_to_paddr(vmcs));
	vmptrld(va_to_paddr(vmcs));
	write_controls(v);
	vmcs_end(v, irq);
	return 0;
}

static void vmx_destroy(struct vcpu *v)
{
	page_free(ALLOC_VCPU, v->hvm->vmx->vmcs);
	zfree(v->hvm->vmx);
}

/* ---- its state ---- */

static u64 shown_cr0(void)
{
	return (vmread(VMCS_CR0) & ~CR0_MASK) | (vmread(VMCS_CR0_SHOWN) & CR0_MASK);
}

static void write_cr0_shown(u64 cr0)
{
	vmwrite(VMCS_CR0, (cr0 | VMX_CR0_ON) & ~VMX_CR0_OFF);
	vmwrite(VMCS_CR0_SHOWN, cr0);
}

/* The guest has MCE as it likes, to look at. */
static u64 shown_cr4(void)
{
	return (vmread(VMCS_CR4) & ~CR4_ON) | vmread(VMCS_CR4_SHOWN);
}

/* EFER, and whether it is the long mode that it says: 26.3.1.1 wants them to agree. */
static void write_guest_efer(struct vmx_vcpu *x, u64 efer)
{
	u32 entry = vmx_machine.controls.entry;

	vmwrite(VMCS_EFER, x->efer = efer);
	vmwrite(VMCS_ENTRY_CONTROLS, efer & EFER_LMA ? entry | ENTRY_LONG : entry);
}

/*
 * With PAE the CPU has the four highest entries loaded. False: they cannot be, or are not there:
 * P alone, then a frame's number.
 */
static bool load_pdptes(const struct vcpu *v, const struct guest_paging *p)
{
	struct frame *f;
	u64 e[4];

	if (!(p->cr0 & CR0_PG) || !(p->cr4 & CR4_PAE) || (p->efer & EFER_LMA))
		return true;
	f = p2m_get_frame(v->domain, (p->cr3 & 0xffffffe0) >> PAGE_SHIFT);
	if (!f)
		return false;
	memcpy(e, (const char *)frame_to_va(f) + (p->cr3 & 0xfe0), sizeof(e));
	frame_put(f);
	for (unsigned i = 0; i < 4; i++)
		if ((e[i] & PTE_P) && ((e[i] & 0x1e6) || e[i] >> cpu_features.phys_bits))
			return false;
	for (unsigned i = 0; i < 4; i++)
		vmwrite(VMCS_PDPTE(i), e[i]);
	return true;
}

#define GET_SEGMENT(name, n)                                                    \
	do {                                                                    \
		c->name##_sel = (u32)vmread(VMCS_SELECTOR(n));                  \
		c->name##_limit = (u32)vmread(VMCS_LIMIT(n));                   \
		c->name##_base = vmread(VMCS_BASE(n));                          \
		c->name##_arbytes = vmx_arbytes((u32)vmread(VMCS_ATTRIBUTES(n))); \
	} while (0)
#define SET_SEGMENT(name, n)                                                    \
	do {                                                                    \
		vmwrite(VMCS_SELECTOR(n), c->name##_sel);                       \
		vmwrite(VMCS_LIMIT(n), c->name##_limit);                        \
		vmwrite(VMCS_BASE(n), c->name##_base);                          \
		vmwrite(VMCS_ATTRIBUTES(n), vmx_attributes(c->name##_arbytes)); \
	} while (0)

static void vmx_get_state(struct vcpu *v, struct hvm_hw_cpu *c)
{
	struct vmx_vcpu *x = v->hvm->vmx;
	u64 irq = vmcs_begin(v);

	if (v == current) {
		for (unsigned i = 0; i < VMX_MSRS; i++)
			x->msrs[i] = rdmsr(msr_of[i]);
		READ_DR(6, x->dr6);
	}
	c->cr0 = shown_cr0();
	c->cr2 = x->cr2;
	c->cr3 = vmread(VMCS_CR3);
	c->cr4 = shown_cr4();
	c->dr6 = x->dr6;
	c->dr7 = vmread(VMCS_DR7);
	c->idtr_limit = (u32)vmread(VMCS_IDTR_LIMIT);
	c->idtr_base = vmread(VMCS_IDTR_BASE);
	c->gdtr_limit = (u32)vmread(VMCS_GDTR_LIMIT);
	c->gdtr_base = vmread(VMCS_GDTR_BASE);
	c->sysenter_cs = vmread(VMCS_SYSENTER_CS);
	c->sysenter_esp = vmread(VMCS_SYSENTER_ESP);
	c->sysenter_eip = vmread(VMCS_SYSENTER_EIP);
	c->shadow_gs = x->msrs[VMX_KERNEL_GS];
	c->msr_lstar = x->msrs[VMX_LSTAR];
	c->msr_star = x->msrs[VMX_STAR];
	c->msr_cstar = x->msrs[VMX_CSTAR];
	c->msr_syscall_mask = x->msrs[VMX_SFMASK];
	c->msr_efer = v->hvm->now.paging.efer;
	GET_SEGMENT(cs, VMX_CS);
	GET_SEGMENT(ds, VMX_DS);
	GET_SEGMENT(es, VMX_ES);
	GET_SEGMENT(fs, VMX_FS);
	GET_SEGMENT(gs, VMX_GS);
	GET_SEGMENT(ss, VMX_SS);
	GET_SEGMENT(tr, VMX_TR);
	GET_SEGMENT(ldtr, VMX_LDTR);
	vmcs_end(v, irq);
}

static void vmx_set_state(struct vcpu *v, const struct hvm_hw_cpu *c)
{
	struct vmx_vcpu *x = v->hvm->vmx;
	u64 irq = vmcs_begin(v);

	write_cr0_shown(c->cr0);
	x->cr2 = c->cr2;
	vmwrite(VMCS_CR3, c->cr3);
	vmwrite(VMCS_CR4, c->cr4 | CR4_ON);
	vmwrite(VMCS_CR4_SHOWN, c->cr4 & CR4_MCE);
	vmwrite(VMCS_ENTRY_EVENT, 0);
	x->dr6 = c->dr6;
	vmwrite(VMCS_DR7, c->dr7);
	vmwrite(VMCS_PENDING_DEBUG, 0);
	vmwrite(VMCS_IDTR_LIMIT, c->idtr_limit);
	vmwrite(VMCS_IDTR_BASE, c->idtr_base);
	vmwrite(VMCS_GDTR_LIMIT, c->gdtr_limit);
	vmwrite(VMCS_GDTR_BASE, c->gdtr_base);
	vmwrite(VMCS_SYSENTER_CS, c->sysenter_cs);
	vmwrite(VMCS_SYSENTER_ESP, c->sysenter_esp);
	vmwrite(VMCS_SYSENTER_EIP, c->sysenter_eip);
	x->msrs[VMX_KERNEL_GS] = c->shadow_gs;
	x->msrs[VMX_LSTAR] = c->msr_lstar;
	x->msrs[VMX_STAR] = c->msr_star;
	x->msrs[VMX_CSTAR] = c->msr_cstar;
	x->msrs[VMX_SFMASK] = c->msr_syscall_mask;
	write_guest_efer(x, c->msr_efer);
	SET_SEGMENT(cs, VMX_CS);
	SET_SEGMENT(ds, VMX_DS);
	SET_SEGMENT(es, VMX_ES);
	SET_SEGMENT(fs, VMX_FS);
	SET_SEGMENT(gs, VMX_GS);
	SET_SEGMENT(ss, VMX_SS);
	SET_SEGMENT(tr, VMX_TR);
	SET_SEGMENT(ldtr, VMX_LDTR);
	/* Tables that cannot be are the guest's end when it is entered. */
	(void)load_pdptes(v, &v->hvm->now.paging);
	if (v == current) {
		for (unsigned i = 0; i < VMX_MSRS; i++)
			wrmsr(msr_of[i], x->msrs[i]);
		WRITE_DR(6, x->dr6);
	}
	vmcs_end(v, irq);
}

static void vmx_get_segment(struct vcpu *v, unsigned n, struct hvm_segment *s)
{
	unsigned i = n - SEG_ES;

	(void)v;
	_Static_assert(VMX_GS - VMX_ES == SEG_GS - SEG_ES && VMX_DS - VMX_ES == SEG_DS - SEG_ES,
		       "the same order");
	*s = (struct hvm_segment){ vmread(VMCS_BASE(i)), (u32)vmread(VMCS_LIMIT(i)),
				   vmx_arbytes((u32)vmread(VMCS_ATTRIBUTES(i))) };
}

static void vmx_set_cr2(struct vcpu *v, vaddr_t cr2)
{
	v->hvm->vmx->cr2 = cr2;
}

/* ---- the switch ---- */

struct table_ptr {
	u16 limit;
	u64 base;
} __packed;

/* What the CPU is to have again when a guest is left: all of it stays while v is current. */
static void write_host_state(void)
{
	struct table_ptr idtr;

	__asm__ volatile("sidt %0" : "=m"(idtr));
	vmwrite(VMCS_HOST_ES, 0);
	vmwrite(VMCS_HOST_CS, SEL_HV_CS);
	vmwrite(VMCS_HOST_SS, SEL_HV_DS);
	vmwrite(VMCS_HOST_DS, 0);
	vmwrite(VMCS_HOST_FS, 0);
	vmwrite(VMCS_HOST_GS, 0);
	vmwrite(VMCS_HOST_TR, SEL_TSS);
	vmwrite(VMCS_HOST_PAT, rdmsr(MSR_PAT));
	vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(VMCS_HOST_SYSENTER_CS, rdmsr(MSR_SYSENTER_CS));
	vmwrite(VMCS_HOST_SYSENTER_ESP, rdmsr(MSR_SYSENTER_ESP));
	vmwrite(VMCS_HOST_SYSENTER_EIP, rdmsr(MSR_SYSENTER_EIP));
	vmwrite(VMCS_HOST_CR0, read_cr0());
	vmwrite(VMCS_HOST_CR3, read_cr3());
	vmwrite(VMCS_HOST_CR4, this_cpu()->cr4);
	vmwrite(VMCS_HOST_FS_BASE, 0);
	vmwrite(VMCS_HOST_GS_BASE, 0);
	vmwrite(VMCS_HOST_TR_BASE, entry_area_page(cpu_id(), EA_TSS));
	vmwrite(VMCS_HOST_GDTR_BASE, entry_area_page(cpu_id(), EA_GDT));
	vmwrite(VMCS_HOST_IDTR_BASE, idtr.base);
	vmwrite(VMCS_HOST_RIP, (u64)vmx_left);
}

static void vmx_switch_in(struct vcpu *v)
{
	struct vmx_vcpu *x = v->hvm->vmx;
	u64 *ours = cpu_state[cpu_id()].msrs;

	vmx_on();
	vmptrld(va_to_paddr(x->vmcs));
	x->launched = false;
	write_host_state();
	for (unsigned i = 0; i < VMX_MSRS; i++) {
		ours[i] = rdmsr(msr_of[i]);
		wrmsr(msr_of[i], x->msrs[i]);
	}
	WRITE_DR(6, x->dr6);
}

static void vmx_switch_out(struct vcpu *v)
{
	struct vmx_vcpu *x = v->hvm->vmx;
	const u64 *ours = cpu_state[cpu_id()].msrs;
	struct table_ptr idtr;

	for (unsigned i = 0; i < VMX_MSRS; i++) {
		x->msrs[i] = rdmsr(msr_of[i]);
		wrmsr(msr_of[i], ours[i]);
	}
	READ_DR(6, x->dr6);
	WRITE_DR(6, DR6_NONE);
	vmclear(va_to_paddr(x->vmcs));
	stop_vmx_here();
	/* VM exit makes the limit 64 KiB. GDTR's is that anyway. */
	__asm__ volatile("sidt %0" : "=m"(idtr));
	idtr.limit = 256 * 16 - 1;
	__asm__ volatile("lidt %0" ::"m"(idtr));
}

/* ---- exits ---- */

static void write_cr0_for(struct vcpu *v, u64 value, unsigned length)
{
	struct hvm_now *now = &v->hvm->now;
	struct guest_paging p = now->paging;

	if (!vmx_write_cr0(value, vmread(VMCS_ATTRIBUTES(VMX_CS)) & ATTR_LONG, &p) ||
	    !load_pdptes(v, &p)) {
		hvm_inject_gp(v);
		return;
	}
	write_cr0_shown(p.cr0);
	/* run() has EFER put there. */
	now->paging = p;
	this_cpu()->guest_tlb_stale = true;
	hvm_advance(v, length);
}

/*
 * CR0: a change of what the guest does not have. CR4: the same, or what it may not have. CR8 is the
 * APIC's task priority. Nothing else leaves the guest.
 */
static bool do_cr(struct vcpu *v, unsigned length)
{
	struct vmx_cr_access a = vmx_cr_access(vmread(VMCS_QUALIFICATION));
	struct x2apic *apic = &v->hvm->apic;
	u64 *reg = hvm_gpr(a.gpr), value = v->hvm->now.long_code ? *reg : (u32)*reg;

	if (a.cr == 0 && a.what == VMX_CR_WRITE) {
		write_cr0_for(v, value, length);
		return true;
	}
	if (a.cr == 4 && a.what == VMX_CR_WRITE) {
		/* MCE is shown as it is to be: now the CPU does the rest by itself. */
		if (value & ~hvm_cr4_known())
			hvm_inject_gp(v);
		else
			vmwrite(VMCS_CR4_SHOWN, value & CR4_MCE);
		return true;
	}
	if (a.cr != 8 || (a.what != VMX_CR_WRITE && a.what != VMX_CR_READ))
		return false;
	if (a.what == VMX_CR_READ) {
		*reg = x2apic_cr8(apic);
	} else if (value >> 4) {
		hvm_inject_gp(v);
		return true;
	} else {
		apic->tpr = (u32)value << 4;
	}
	hvm_advance(v, length);
	return true;
}

/*
 * The CPU has changed none of the guest's debug registers yet (27.3.1). INT1 does not, and goes on
 * behind itself.
 */
static void do_debug(struct vcpu *v, bool int1)
{
	u64 why = vmread(VMCS_QUALIFICATION) & DR6_WHY, dr6;

	if (int1) {
		v->hvm->now.event = (u32)EVENT_VALID | EVENT_INT1 | TRAP_DB;
		v->hvm->vmx->event_length = (u32)vmread(VMCS_LENGTH);
		return;
	}
	READ_DR(6, dr6);
	WRITE_DR(6, (dr6 & ~0xfULL) | why);
	vmwrite(VMCS_DR7, vmread(VMCS_DR7) & ~DR7_GD);
	hvm_inject(v, TRAP_DB, false);
}

static void do_event(struct vcpu *v)
{
	u32 event = (u32)vmread(VMCS_EXIT_EVENT);

	if ((event & EVENT_TYPE) == EVENT_NMI)
		return; /* run() has passed it on */
	switch (event & EVENT_VECTOR) {
	case TRAP_DB:
		do_debug(v, (event & EVENT_TYPE) == EVENT_INT1);
		break;
	case TRAP_AC:
		hvm_inject(v, TRAP_AC, true);
		break;
	case TRAP_MC:
		__asm__ volatile("int $18");
		break;
	default:
		domain_crash(v->domain, "exit for event %#x\n", event);
	}
}

static void do_ept_violation(struct vcpu *v)
{
	u64 gpa = vmread(VMCS_GUEST_PHYSICAL), why = vmread(VMCS_QUALIFICATION);

	if (why & EVENT_UNBLOCKED)
		v->nmi_masked = true;
	if ((why & (EPT_OPERAND | EPT_FETCHES)) == EPT_OPERAND && hvm_do_mmio(v, gpa))
		return;
	if (hvm_not_granted(v, gpa, why & EPT_WRITES))
		hvm_inject_gp(v);
	else
		domain_crash(v->domain, "nothing is at guest-physical %#llx (access %#llx)\n",
			     (unsigned long long)gpa, (unsigned long long)why);
}

static void do_io(struct vcpu *v, unsigned length)
{
	struct vmx_io io = vmx_io(vmread(VMCS_QUALIFICATION));

	hvm_do_io(v, io.in, io.size, io.string, length);
}

static void unexpected(struct vcpu *v)
{
	const struct vmx_vcpu *x = v->hvm->vmx;

	if (x->refused)
		domain_crash(v->domain, "the CPU refuses to enter it (error %llu)\n",
			     (unsigned long long)vmread(VMCS_INSN_ERROR));
	else if (x->reason & REASON_ENTRY_FAILED)
		domain_crash(v->domain, "the CPU does not enter its state (%u, %#llx)\n",
			     x->reason & 0xffff,
			     (unsigned long long)vmread(VMCS_QUALIFICATION));
	else
		domain_crash(v->domain, "exit %u, %#llx\n", x->reason,
			     (unsigned long long)vmread(VMCS_QUALIFICATION));
}

static void vmx_handle_exit(struct vcpu *v)
{
	const struct vmx_vcpu *x = v->hvm->vmx;
	unsigned length;

	if (x->refused || (x->reason & REASON_ENTRY_FAILED)) {
		if (!x->refused && (x->reason & 0xffff) == REASON_MACHINE_CHECK)
			__asm__ volatile("int $18");
		unexpected(v);
		return;
	}
	if (x->reason == REASON_INTERRUPT)
		return; /* taken when interrupts were on */
	length = (unsigned)vmread(VMCS_LENGTH);
	switch (x->reason) {
	case REASON_EVENT:
		do_event(v);
		break;
	case REASON_WINDOW:
	case REASON_NMI_WINDOW:
		break; /* next time around */
	case REASON_TRIPLE_FAULT:
		hvm_do_triple_fault(v);
		break;
	case REASON_CPUID:
		hvm_do_cpuid(v, length);
		break;
	case REASON_HLT:
		hvm_do_hlt(v, length);
		break;
	case REASON_INVD: /* caches are coherent, and not the guest's to lose */
	case REASON_WBINVD:
		hvm_advance(v, length);
		break;
	case REASON_RDPMC:
		hvm_inject_gp(v);
		break;
	case REASON_VMCALL:
		hvm_do_hypercall(v, length);
		break;
	case REASON_CR:
		if (!do_cr(v, length))
			unexpected(v);
		break;
	case REASON_IO:
		do_io(v, length);
		break;
	case REASON_RDMSR:
	case REASON_WRMSR:
		hvm_do_msr(v, x->reason == REASON_WRMSR, length);
		break;
	case REASON_EPT_VIOLATION:
		do_ept_violation(v);
		break;
	case REASON_XSETBV:
		hvm_do_xsetbv(v, length);
		break;
	case REASON_GETSEC:
	case REASON_RSM:
	case REASON_VMCLEAR ... REASON_VMXON:
	case REASON_MWAIT:
	case REASON_MONITOR:
	case REASON_INVEPT:
	case REASON_INVVPID:
	case REASON_SEAMCALL:
	case REASON_TDCALL:
		hvm_inject(v, TRAP_UD, false);
		break;
	default:
		unexpected(v);
	}
}

/* What is to be injected, and what blocks events besides. */
static void put_event(struct vcpu *v)
{
	struct hvm_now *now = &v->hvm->now;
	struct vmx_vcpu *x = v->hvm->vmx;
	u32 event = vmx_entry_event(now->event, now->paging.cr0);
	u32 shadow = now->shadow ? x->shadow & SHADOW_ANY : 0;
	u64 pending, step;

	/* It is delivered behind the shadow, and an NMI not on top of one: 26.3.1.5. */
	if (event)
		shadow = 0;
	if (v->nmi_masked && (event & EVENT_TYPE) != EVENT_NMI)
		shadow |= SHADOW_NMI;
	if (shadow != x->shadow)
		vmwrite(VMCS_SHADOW, x->shadow = shadow);
	if (event) {
		vmwrite(VMCS_ENTRY_EVENT, event);
		if (event & EVENT_ERROR)
			vmwrite(VMCS_ENTRY_ERROR, now->error);
		if ((event & EVENT_TYPE) >= EVENT_INT_N)
			vmwrite(VMCS_ENTRY_LENGTH, x->event_length);
	}
	/* A step that is due behind the shadow is pending, or it is none (26.3.1.5). */
	if (likely(!(shadow & SHADOW_ANY)))
		return;
	pending = vmread(VMCS_PENDING_DEBUG);
	step = guest_regs()->rflags & RFLAGS_TF ? PENDING_STEP : 0;
	if ((pending & PENDING_STEP) != step)
		vmwrite(VMCS_PENDING_DEBUG, (pending & ~PENDING_STEP) | step);
}

static void put_now(struct vcpu *v)
{
	const struct hvm_now *now = &v->hvm->now;
	struct vmx_vcpu *x = v->hvm->vmx;
	bool window = now->window, nmi_window = now->nmi_window;
	u32 proc = vmx_machine.controls.proc;

	if (now->paging.efer != x->efer)
		write_guest_efer(x, now->paging.efer);
	if (now->pat != x->pat)
		vmwrite(VMCS_PAT, x->pat = now->pat);
	put_event(v);
	/* Behind STI an NMI could come, but is not let, and asking for it would be for ever. */
	if (nmi_window && (x->shadow & SHADOW_STI)) {
		nmi_window = false;
		window = true;
	}
	proc |= (window ? PROC_WINDOW : 0) | (nmi_window ? PROC_NMI_WINDOW : 0);
	if (proc != x->proc)
		vmwrite(VMCS_PROC_CONTROLS, x->proc = proc);
}

static void get_now(struct vcpu *v)
{
	struct hvm_now *now = &v->hvm->now;
	struct vmx_vcpu *x = v->hvm->vmx;
	u32 vectoring = (u32)vmread(VMCS_VECTORING), event = (u32)vmread(VMCS_EXIT_EVENT);
	bool in_long;

	x->efer = vmread(VMCS_EFER);
	now->paging = (struct guest_paging){ shown_cr0(), vmread(VMCS_CR3),
					     shown_cr4(), x->efer };
	in_long = x->efer & EFER_LMA;
	now->cs_base = vmread(VMCS_BASE(VMX_CS));
	now->long_code = in_long && (vmread(VMCS_ATTRIBUTES(VMX_CS)) & ATTR_LONG);
	now->cpl = vmread(VMCS_ATTRIBUTES(VMX_SS)) >> 5 & 3;
	x->shadow = (u32)vmread(VMCS_SHADOW);
	now->shadow = x->shadow & SHADOW_ANY;
	v->nmi_masked = x->shadow & SHADOW_NMI;
	/* What was on its way into the guest and did not arrive goes again. */
	now->event = vectoring & EVENT_VALID ? vectoring : 0;
	if (now->event & EVENT_VALID) {
		now->error = (u32)vmread(VMCS_VECTORING_ERROR);
		x->event_length = (u32)vmread(VMCS_LENGTH);
	} else if (x->reason == REASON_EVENT && (event & EVENT_UNBLOCKED)) {
		v->nmi_masked = true;
	}
}

static void vmx_enter(struct vcpu *v)
{
	struct vmx_vcpu *x = v->hvm->vmx;
	struct regs *r = guest_regs();

	put_now(v);
	vmwrite(VMCS_RIP, r->rip);
	vmwrite(VMCS_RSP, r->rsp);
	vmwrite(VMCS_RFLAGS, r->rflags);
	if (unlikely(this_cpu()->guest_tlb_stale)) {
		this_cpu()->guest_tlb_stale = false;
		invept_all();
	}
	if (read_cr2() != x->cr2)
		__asm__ volatile("mov %0, %%cr2" ::"r"(x->cr2));
	if (vmx_machine.flush_l1)
		wrmsr(MSR_FLUSH_CMD, 1);
	x->refused = !vmx_run(r, x->launched);
	x->cr2 = read_cr2();
	if (unlikely(x->refused))
		return;
	x->reason = (u32)vmread(VMCS_REASON);
	if (unlikely(x->reason & REASON_ENTRY_FAILED))
		return;
	x->launched = true;
	r->rip = vmread(VMCS_RIP);
	r->rsp = vmread(VMCS_RSP);
	r->rflags = vmread(VMCS_RFLAGS);
	r->cs = vmread(VMCS_SELECTOR(VMX_CS));
	get_now(v);
	/* Until its IRET there comes no other (27.5.5). */
	if (x->reason == REASON_EVENT &&
	    (vmread(VMCS_EXIT_EVENT) & EVENT_TYPE) == EVENT_NMI)
		__asm__ volatile("int $2");
}

const struct hvm_ops vmx_ops = {
	.detect = vmx_detect,
	.create = vmx_create,
	.destroy = vmx_destroy,
	.switch_in = vmx_switch_in,
	.switch_out = vmx_switch_out,
	.run = vmx_enter,
	.handle_exit = vmx_handle_exit,
	.get_state = vmx_get_state,
	.set_state = vmx_set_state,
	.get_segment = vmx_get_segment,
	.set_cr2 = vmx_set_cr2,
	.hypercall = { 0x0f, 0x01, 0xc1 }, /* VMCALL */
};
