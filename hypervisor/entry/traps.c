// SPDX-License-Identifier: GPL-2.0-or-later
/* Exceptions: the guest's own go back to it, what the ABI lets us do for it is done, ours are fixed
 * up or fatal. */
#include "cpu/cpu.h"
#include "cpu/entry_area.h"
#include "cpu/ipi.h"
#include "cpu/layout.h"
#include "cpu/machine_check.h"
#include "cpu/msr.h"
#include "cpu/raw.h"
#include "cpu/regs.h"
#include "cpu/stop.h"
#include "cpu/vectors.h"
#include "domain/domain.h"
#include "domain/fpu.h"
#include "domain/guest_access.h"
#include "entry/entry.h"
#include "entry/hypercall.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "lib/symbols.h"
#include "machine/efi.h"
#include "machine/irq.h"
#include "machine/power.h"
#include "pv/bounce.h"
#include "pv/compat.h"
#include "pv/emulate.h"
#include "pv/ptwr.h"
#include "pv/pv.h"
#include "pv/ring1.h"
#include "pv/root.h"
#include "pv/shadow.h"
#include "sched/sched.h"

static const char *const trap_names[32] = {
	"divide error",
	"debug",
	"NMI",
	"breakpoint",
	"overflow",
	"bound range",
	"invalid opcode",
	"device not available",
	"double fault",
	"coprocessor overrun",
	"invalid TSS",
	"segment not present",
	"stack fault",
	"general protection",
	"page fault",
	"reserved",
	"x87 error",
	"alignment check",
	"machine check",
	"SIMD error",
	"virtualization",
	"control protection",
};

extern const struct extable_entry {
	u64 from, to;
} _extable_start[], _extable_end[];

u64 extable_find(u64 rip)
{
	for (const struct extable_entry *e = _extable_start; e < _extable_end; e++)
		if (e->from == rip)
			return e->to;
	return 0;
}

/*
 * C runs with none of a guest's flags that would matter: DF turns string instructions around, NT
 * makes IRET fault, TF makes every instruction do so, AC lets ring 0 at user pages under SMAP.
 * scripts/check-entry.py proves it of the ways in; debug builds look, at the first line of what
 * the assembly calls. Not where a few instructions count: hypercalls from a mapped root or from
 * ring 1, and faults on page tables.
 */
static inline void assert_flags(void)
{
#ifndef NDEBUG
	u64 flags;

	__asm__ volatile("pushfq; popq %0" : "=r"(flags));
	if (unlikely(flags & (RFLAGS_DF | RFLAGS_NT | RFLAGS_TF | RFLAGS_AC)))
		BUG_ON((flags & (RFLAGS_DF | RFLAGS_NT | RFLAGS_TF)) ||
		       cpu_features.smap);
#endif
}

static bool print_address(u64 addr)
{
	u64 offset;
	const char *name = symbol_find(addr, &offset);

	if (name)
		printk("  %016llx %s+%#llx\n", (unsigned long long)addr, name,
		       (unsigned long long)offset);
	return name;
}

/*
 * There are no frame pointers: everything on the stack that could be a return address. Some are
 * left over from earlier calls.
 */
static void print_backtrace(const struct regs *r)
{
	/* A stack is a page, but for the main ones. */
	bool main = get_cpu_info() == (void *)((r->rsp | (STACK_SIZE - 1)) + 1 -
					       sizeof(struct cpu_info));
	u64 top = r->rsp | (main ? STACK_SIZE - 1 : PAGE_SIZE - 1);
	unsigned found = 0;

	if (!print_address(r->rip))
		printk("  %016llx\n", (unsigned long long)r->rip);
	for (u64 at = r->rsp & ~7ULL; at + 7 < top && found < 16; at += 8)
		found += print_address(*(const u64 *)at);
}

static void print_regs(const struct regs *r)
{
	printk("  rax %016llx rbx %016llx rcx %016llx rdx %016llx\n", (unsigned long long)r->rax,
	       (unsigned long long)r->rbx, (unsigned long long)r->rcx, (unsigned long long)r->rdx);
	printk("  rsi %016llx rdi %016llx rbp %016llx rsp %016llx\n", (unsigned long long)r->rsi,
	       (unsigned long long)r->rdi, (unsigned long long)r->rbp, (unsigned long long)r->rsp);
	printk("  r8  %016llx r9  %016llx r10 %016llx r11 %016llx\n", (unsigned long long)r->r8,
	       (unsigned long long)r->r9, (unsigned long long)r->r10, (unsigned long long)r->r11);
	printk("  r12 %016llx r13 %016llx r14 %016llx r15 %016llx\n", (unsigned long long)r->r12,
	       (unsigned long long)r->r13, (unsigned long long)r->r14, (unsigned long long)r->r15);
	printk("  rip %016llx cs %04llx rflags %08llx ss %04llx cr2 %016llx cr3 %016llx\n",
	       (unsigned long long)r->rip, (unsigned long long)r->cs, (unsigned long long)r->rflags,
	       (unsigned long long)r->ss, (unsigned long long)read_cr2(),
	       (unsigned long long)read_cr3());
}

static __noreturn void fatal_trap(const struct regs *r)
{
	unsigned vector = r->vector & 0xff;

	panic_begin();
	printk(LOG_ERR "cpu %u: fatal trap %u (%s), error code %#x\n", cpu_id(), vector,
	       vector < 32 && trap_names[vector] ? trap_names[vector] : "?", r->error_code);
	print_regs(r);
	print_backtrace(r);
	panic("unexpected trap in the hypervisor\n");
}

/* INT n that a gate's DPL refused: error code bit 1 (IDT); rip points at the instruction, which is
 * CD nn. */
static bool software_interrupt(struct regs *r)
{
	u8 insn[2];
	const struct trap_info *ti;

	if (!(r->error_code & 2) || copy_from_guest(insn, r->rip, 2) || insn[0] != 0xcd)
		return false;
	/* The vector comes from the instruction: one emulator's error code is off by a factor of
	 * two. */
	ti = &current->pv.traps[insn[1]];
	if (!ti->address || TI_GET_DPL(ti) < (current->pv.kernel_mode ? 1 : 3))
		return false;
	r->rip += 2;
	pv_inject_trap(insn[1], 0);
	return true;
}

/* `shadowed`: it may be no fault of the guest's tables; what asks for `shadowed` knows. */
static inline void guest_page_fault(struct regs *r, bool shadowed)
{
	vaddr_t cr2 = read_cr2();
	u32 ec = r->error_code;

	local_irq_enable();
	if (shadowed && shadow_fault(cr2, &ec, true))
		return;
	if ((ec & 0x0b) == 3 && current->pv.kernel_mode && guest_range_ok(cr2, 8) &&
	    ptwr_fault(r, cr2, ec))
		return;
	/* Our addresses are absent as far as a guest is concerned, except the M2P it may read. */
	if (cr2 >= HV_VIRT_START && cr2 < HV_VIRT_END && cr2 >= ENTRY_VIRT_START)
		ec &= ~1U;
	pv_inject_pf(cr2, ec & 0x17);
}

/* A 32-bit guest goes between its rings as it likes: what it runs in is looked at on entry. */
static bool compat_trap(struct vcpu *v, struct regs *r)
{
	v->pv.kernel_mode = (r->cs & 3) == 1;
	r->rsp = (u32)r->rsp;
	if ((r->vector & 0xff) != LEGACY_HYPERCALL_VECTOR)
		return false;
	this_cpu()->stat_hypercalls++;
	local_irq_enable();
	compat_hypercall(r);
	return true;
}

void compat_int82(struct regs *r)
{
	current->pv.kernel_mode = true;
	r->rsp = (u32)r->rsp;
	this_cpu()->stat_hypercalls++;
	local_irq_enable();
	compat_hypercall(r);
}

void trap_from_guest(struct regs *r)
{
	unsigned vector = r->vector & 0xff;
	struct vcpu *v = current;

	assert_flags();
	this_cpu()->stat_traps++;
	if (unlikely(v->pv.root32)) {
		if (compat_trap(v, r))
			return;
	} else if (unlikely(v->domain->ring1)) {
		/* The same freedom; what its processes are in is ring 3. */
		v->pv.kernel_mode = (r->cs & 3) != 3;
	}
	if (vector == 0x80 && !(r->vector & ~0xffU)) {
		const struct trap_info *ti = &v->pv.traps[0x80];

		local_irq_enable();
		if (!ti->address || TI_GET_DPL(ti) < (v->pv.kernel_mode ? 1 : 3)) {
			r->rip -= 2;
			pv_inject_trap(13, 0x80 * 8 + 2);
		} else {
			pv_inject_trap(0x80, 0);
		}
		return;
	}
	if (vector >= 0x20) {
		irq_dispatch(r);
		return;
	}
	switch (vector) {
	case 14:
		guest_page_fault(r, log_dirty_on(v->domain));
		return;
	case 1: {
		u64 dr6;

		__asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
		__asm__ volatile("mov %0, %%dr6" ::"r"(0xffff0ff0ULL));
		v->pv.dr[6] = dr6;
		break;
	}
	case 7:
		if (v->pv.ts) {
			v->pv.ts = false;
			fpu_set_ts(false);
		}
		break;
	case 13:
		local_irq_enable();
		if (software_interrupt(r) || emulate_privileged(r))
			return;
		break;
	case 6:
		local_irq_enable();
		if (emulate_forced(r))
			return;
		break;
	}
	local_irq_enable();
	pv_inject_trap(vector, r->error_code);
}

/*
 * trap_from_guest() for what is known to be a page fault of a guest's kernel; hot. One with
 * VM_ASSIST_SHADOWED does not come here.
 */
void page_fault_from_guest(struct regs *r)
{
	if (unlikely(current->domain->is_32bit)) {
		trap_from_guest(r);
		return;
	}
	this_cpu()->stat_traps++;
	guest_page_fault(r, false);
}

/*
 * The guest's frame could not be loaded; `g` is all of it, at the top of the main stack, with the
 * fault's error code.
 */
void iret_failed(struct regs *g)
{
	assert_flags();
	g->vector = 0;
	local_irq_enable();
	pv_bounce_bad_frame(g, g->error_code);
}

/* Our access to the guest's memory met a shadow that lacks it: on, as if nothing had been. */
static bool shadow_fault_here(const struct regs *r)
{
	vaddr_t cr2 = read_cr2();
	bool may_wait = r->rflags & RFLAGS_IF, done;
	u32 ec = r->error_code;

	if (may_wait)
		local_irq_enable();
	done = shadow_fault(cr2, &ec, may_wait);
	local_irq_disable();
	return done;
}

/*
 * A fault in ring 0: expected at marked instructions; at the IRETQ to the guest it is the guest's
 * bad frame and becomes its failsafe callback or #GP. Returns the regs to leave with in that case.
 */
struct regs *trap_from_hypervisor(struct regs *r)
{
	unsigned vector = r->vector & 0xff;
	u64 fix;

	assert_flags();
	if (vector >= 0x20) {
		irq_dispatch(r);
		return NULL;
	}
	if (r->rip == (u64)iret_to_guest) {
		struct regs *g = guest_regs();
		u32 error_code = r->error_code;

		/* The general registers were the guest's already; rip..ss are still in place. */
		memmove(g, r, offsetof(struct regs, error_code));
		g->error_code = error_code;
		iret_failed(g);
		return g;
	}
	fix = extable_find(r->rip);
	if (unlikely(!fix) && efi_fault(r))
		return NULL;
	if (fix) {
		if (vector == 14 && log_dirty_on(current->domain) && shadow_fault_here(r))
			return NULL;
		r->rip = fix;
		return NULL;
	}
	if (vector == 1) {
		/* A watchpoint of the guest's on memory that we copied for it: the guest's #DB is
		 * lost, as the ABI allows. */
		__asm__ volatile("mov %0, %%dr6" ::"r"(0xffff0ff0ULL));
		r->rflags &= ~RFLAGS_TF;
		return NULL;
	}
	fatal_trap(r);
}

/* NMI, #MC, #DF, on stacks of their own. */
/*
 * #MC: true, and acknowledged, if the interrupted code may go on. Clearing MCIP must be the last
 * thing: until then another machine check shuts the machine down (SDM vol. 3B, 15.3.1.2). The banks
 * are left as they are, for whoever reads them out.
 */
static bool machine_check_taken(void)
{
	u64 cap = 0, status = 0, bank[MC_BANKS];
	unsigned n;

	if (rdmsr_safe(MSR_MCG_CAP, &cap) || rdmsr_safe(MSR_MCG_STATUS, &status))
		return false;
	n = (unsigned)(cap & MCG_CAP_COUNT);
	/* The rest cannot be looked at here. */
	if (n > MC_BANKS)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (rdmsr_safe(MSR_MC0_STATUS + 4 * i, &bank[i]))
			return false;
	if (!machine_check_survivable(status, bank, n))
		return false;
	return wrmsr_safe(MSR_MCG_STATUS, status & ~MCG_STATUS_MCIP) == 0;
}

void ist_from_anywhere(struct regs *r)
{
	assert_flags();
	switch (r->vector & 0xff) {
	case 2:
		stop_if_asked();
		this_cpu()->nmi_count++;
		/* What the platform reports by NMI concerns dom0, as on bare hardware: it reads
		 * port 0x61. */
		if (dom0 && dom0->vcpu[0]) {
			dom0->vcpu[0]->nmi_pending = true;
			vcpu_kick_nmi(dom0->vcpu[0]);
		}
		return;
	case 18:
		if (machine_check_taken())
			return;
		break;
	}
	fatal_trap(r);
}

void syscall_from_guest(struct regs *r)
{
	assert_flags();
	local_irq_enable();
	if (likely(current->pv.kernel_mode))
		hypercall_dispatch(r);
	else
		pv_bounce_syscall(r);
}

/*
 * SYSCALL in the lower half while a 64-bit guest in ring 1 runs: nothing in the upper half is a
 * process's to execute, and the kernel's hypercalls are there (pv-abi/ring1.h).
 */
void syscall_from_ring1_guest(struct regs *r)
{
	assert_flags();
	local_irq_enable();
	current->pv.kernel_mode = false;
	ring1_bounce_syscall(r);
}

/* SYSCALL from compatibility mode (AMD's CPUs have it). */
void syscall32_from_guest(struct regs *r)
{
	struct pv_vcpu *pv = &current->pv;

	assert_flags();
	local_irq_enable();
	if (pv->root32) {
		/*
		 * The instruction does not tell where it was executed; ring 3 is the least of it.
		 */
		r->cs = FLAT_COMPAT_USER_CS;
		r->ss = FLAT_COMPAT_USER_SS;
		r->rsp = (u32)r->rsp;
		pv->kernel_mode = false;
	}
	/* From ring 1 it would be no different. */
	if (current->domain->ring1)
		pv->kernel_mode = false;
	if (pv->kernel_mode || !pv->syscall32_callback) {
		r->rip -= 2;
		pv_inject_trap(6, 0);
		return;
	}
	pv_bounce_callback(r, pv->syscall32_cs, pv->syscall32_callback, pv->syscall32_masks);
}

/*
 * SYSENTER (Intel's CPUs have it in long mode, too). Who executes it gives up its rip and rsp: they
 * are 0 here. See pv/sysenter.h for who gets here.
 */
void sysenter_from_guest(struct regs *r)
{
	struct pv_vcpu *pv = &current->pv;

	assert_flags();
	local_irq_enable();
	r->rflags |= RFLAGS_IF;
	if (pv->root32) {
		/* From ring 1 it is no different. */
		r->cs = FLAT_COMPAT_USER_CS;
		r->ss = FLAT_COMPAT_USER_SS;
		pv->kernel_mode = false;
	}
	if (current->domain->ring1)
		pv->kernel_mode = false;
	if (pv->kernel_mode) {
		domain_crash(current->domain,
			     "vcpu %u: SYSENTER in its kernel, whose stack is lost by it\n",
			     current->id);
		return;
	}
	pv_bounce_callback(r, pv->sysenter_cs, pv->sysenter_callback, pv->sysenter_masks);
}

static __attribute__((noinline)) void end_without_root(struct vcpu *v)
{
	domain_crash(v->domain, "vcpu %u has no root for %s mode\n", v->id,
		     v->pv.kernel_mode ? "kernel" : "user");
	/* It must not leave, whoever ended the domain. */
	softirq_raise(SOFTIRQ_SCHEDULE);
}

/* Interrupts are off on return: whatever is raised later comes as an interrupt to the guest and
 * back here. */
void exit_work(struct regs *r)
{
	struct cpu *c = this_cpu();

	for (;;) {
		struct vcpu *v = current;

		if (READ_ONCE(c->softirq_pending)) {
			local_irq_enable();
			/* Who found no root to load has raised SOFTIRQ_SCHEDULE: nobody passes. */
			if (unlikely(root_missing(c)))
				end_without_root(v);
			softirqs_run();
			local_irq_disable();
			continue;
		}
		if (unlikely(v->pause_flags)) {
			softirq_raise(SOFTIRQ_SCHEDULE);
			continue;
		}
		if (unlikely(v->nmi_pending) && !v->nmi_masked) {
			v->nmi_pending = false;
			if (v->pv.nmi_callback || v->pv.traps[2].address) {
				v->nmi_masked = true;
				local_irq_enable();
				pv_bounce_nmi(r);
				local_irq_disable();
			}
			continue;
		}
		if (vcpu_event_deliverable(v)) {
			local_irq_enable();
			pv_bounce_event(r);
			local_irq_disable();
			continue;
		}
		break;
	}
}

/*
 * The last words go to the entry stack of the guest's view: rsi, rdi, rip, cs, rflags, rsp, ss. For
 * a kernel in ring 1 with nothing to look at exit_unmapped does the same by itself.
 */
struct two_words unmapped_exit_frame(struct regs *r)
{
	unsigned cpu = cpu_id();
	u64 *frame = (u64 *)(entry_area_page(cpu, EA_GUEST_STACKS) + PAGE_SIZE) - 7;

	frame[0] = r->rsi;
	frame[1] = r->rdi;
	frame[2] = r->rip;
	frame[3] = r->cs;
	frame[4] = r->rflags;
	frame[5] = r->rsp;
	frame[6] = r->ss;
	if (r->vector & VEC_FAST_EXIT) {
		/* As SYSRET would leave them: a kernel that relies on it gets the same here. */
		r->rcx = r->rip;
		r->r11 = r->rflags;
	}
	if (!current->pv.short_way && current->domain->ring1)
		ring1_short_way(current);
	return (struct two_words){ (u64)frame - EA_GUEST_STACKS_AWAY,
				   root_copy_of_loaded() << PAGE_SHIFT };
}
