// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/pv/emulate.c hypervisor/pv/decode.c hypervisor/pv/cpuid.c hypervisor/pv/msr.c
// sources: hypervisor/cpu/cpu_policy.c hypervisor/pv/ioport.c hypervisor/domain/permission.c
// sources: hypervisor/memory/range_set.c
// sources: tests/unit/sim/sim.c
//
// Privileged instructions of a PV guest: what is on the allow list does what the ABI promises and
// moves past the instruction; everything else is the guest's own #GP and changes nothing.

#include "suite.h"
#include <string.h>

#include "sim/sim.h"

#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/msr.h"
#include "cpu/pte.h"
#include "cpu/regs.h"
#include "domain/fpu.h"
#include "machine/pci.h"
#include "pv-abi/errno.h"
#include "pv/cpu_ops.h"
#include "pv/cpuid.h"
#include "pv/emulate.h"
#include "pv/ioport.h"
#include "pv/mmu.h"
#include "pv/msr.h"
#include "pv/root.h"

static struct domain *d;
static u64 walked; /* the leaf of whatever page */

bool pv_walk(const struct vcpu *of, vaddr_t va, u64 *leaf)
{
	(void)of;
	(void)va;
	*leaf = walked;
	return walked & PTE_P;
}

static struct vcpu *v;
static struct regs r;
static u8
	page[3 * PAGE_SIZE] __aligned(4096); /* code at the end of the first, data in the second */
static u8 *const data = page + PAGE_SIZE;

/* What the machine was asked to do. */
static struct {
	bool ts;
	u64 cr4_loaded;
	mfn_t cr3;
	int cr3_error;
	struct {
		u32 port, size, value;
	} out[64];
	unsigned outs, ins;
	u32 cf8, pci_offset, pci_size, pci_value;
	vaddr_t fault;
	u32 fault_error;
	unsigned faults, dr_sets;
	mfn_t root;
	unsigned root_loads;
} did;

void fpu_set_ts(bool ts) { did.ts = ts; }
bool xcr0_valid(u64 xcr0) { return xcr0 == 3 || xcr0 == 7; }

int pv_new_guest_cr3(struct vcpu *w, mfn_t mfn)
{
	CU_ASSERT_PTR_EQUAL(w, v);
	did.cr3 = mfn;
	return did.cr3_error;
}

int pv_set_debugreg(struct vcpu *w, unsigned reg, u64 value)
{
	did.dr_sets++;
	if (reg == 5)
		return -ENODEV;
	w->pv.dr[reg] = value;
	return 0;
}

void pv_cr4_load(const struct vcpu *w)
{
	CU_ASSERT_PTR_EQUAL(w, v);
	did.cr4_loaded = w->pv.cr4;
}

void pv_inject_pf(vaddr_t cr2, u32 error_code)
{
	did.fault = cr2;
	did.fault_error = error_code;
	did.faults++;
}

void root_load_mfn(mfn_t mfn)
{
	CU_ASSERT_FALSE(local_irq_enabled());
	did.root = mfn;
	did.root_loads++;
}

u64 rdtsc(void) { return 0x1122334455667788ULL; }

static u32 port_in(u32 port, u32 size)
{
	did.ins++;
	return (0x44332211U + port) & (~0U >> (32 - 8 * size));
}

static void port_out(u32 port, u32 size, u32 value)
{
	CU_ASSERT_FATAL(did.outs < ARRAY_SIZE(did.out));
	did.out[did.outs].port = port;
	did.out[did.outs].size = size;
	did.out[did.outs++].value = value;
}

u8 inb(u16 port) { return (u8)port_in(port, 1); }
u16 inw(u16 port) { return (u16)port_in(port, 2); }
u32 inl(u16 port) { return port_in(port, 4); }
void outb(u16 port, u8 x) { port_out(port, 1, x); }
void outw(u16 port, u16 x) { port_out(port, 2, x); }
void outl(u16 port, u32 x) { port_out(port, 4, x); }

u32 pci_guest_cfg_read(bool privileged, u32 cf8, unsigned offset, unsigned size)
{
	CU_ASSERT_EQUAL(privileged, d->privileged);
	did.cf8 = cf8;
	did.pci_offset = offset;
	did.pci_size = size;
	return 0xabcd1234U & (~0U >> (32 - 8 * size));
}

void pci_guest_cfg_write(bool privileged, u32 cf8, unsigned offset, unsigned size, u32 value)
{
	(void)pci_guest_cfg_read(privileged, cf8, offset, size);
	did.pci_value = value;
}

static void begin(void)
{
	sim_reset();
	memset(&did, 0, sizeof(did));
	memset(page, 0, sizeof(page));
	memset(&r, 0, sizeof(r));
	d = sim_domain(1, 2, false);
	permissions_init(&d->perms);
	v = d->vcpu[0];
	sim_current = v;
	sim_cpu = &cpus[0];
	sim_cpu->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | CR4_PGE;
	sim.cr0 = CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_AM | CR0_MP;
	v->pv.kernel_mode = true;
	v->pv.iopl = 1;
	v->pv.guest_table = v->pv.cr3_kernel = 0x77;
	v->pv.guest_table_user = v->pv.cr3_user = 0x88;
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_GS_BASE, 0);
	cpu_features.xsave = true;
	cpu_features.xcr0 = 7;
	cpu_features.xsave_size = 832;
	cpu_features.vendor = CPU_VENDOR_INTEL;
	cpu_policies_init();
}

static void end(void)
{
	permissions_destroy(&d->perms);
	sim_reset();
}

static bool run(const void *insn, unsigned n)
{
	memset(page, 0xcc, PAGE_SIZE);
	memcpy(page + 256, insn, n);
	r.rip = (u64)(page + 256);
	return emulate_privileged(&r);
}
#define RUN(...)                                 \
	({                                       \
		const u8 i_[] = { __VA_ARGS__ }; \
		run(i_, sizeof(i_));             \
	})
#define MOVED(n) CU_ASSERT_EQUAL(r.rip, (u64)(page + 256) + (n))
/* Refused: nothing of the guest's registers changed. */
#define REFUSED(...)                                              \
	({                                                        \
		struct regs was_;                                 \
		r.rip = (u64)(page + 256);                        \
		was_ = r;                                         \
		CU_ASSERT_FALSE(RUN(__VA_ARGS__));                \
		CU_ASSERT_EQUAL(memcmp(&was_, &r, sizeof(r)), 0); \
	})

/* ---- what may be executed at all ---- */

TEST(test_not_on_the_list, "what is not on the list")
{
	REFUSED(0x0f, 0x01, 0x10); /* lgdt (%rax) */
	REFUSED(0x0f, 0x01, 0x18); /* lidt (%rax) */
	REFUSED(0x0f, 0x00, 0xd0); /* lldt %ax */
	REFUSED(0x0f, 0x00, 0xd8); /* ltr %ax */
	REFUSED(0x0f, 0x01, 0xf8); /* swapgs */
	REFUSED(0x0f, 0x01, 0xf0); /* lmsw %ax */
	REFUSED(0xf4);		   /* hlt */
	REFUSED(0x90);		   /* nop */
	REFUSED(0x0f, 0x0b);	   /* ud2 */
	REFUSED(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
		0x66, 0xfa);
	/* A guest's user space gets none of the kernel's. */
	v->pv.kernel_mode = false;
	REFUSED(0xfa);		   /* cli */
	REFUSED(0x0f, 0x06);	   /* clts */
	REFUSED(0x0f, 0x30);	   /* wrmsr */
	REFUSED(0x0f, 0x32);	   /* rdmsr */
	REFUSED(0x0f, 0x20, 0xc0); /* mov %cr0,%rax */
	REFUSED(0x0f, 0x23, 0xc0); /* mov %rax,%dr0 */
	REFUSED(0x0f, 0x09);	   /* wbinvd */
	CU_ASSERT_EQUAL(did.dr_sets, 0);
}

TEST(test_fetch, "fetch")
{
	/* The last byte of a page whose successor is not there: CLI is complete, WRMSR is not. */
	sim.bad = data;
	sim.bad_end = data + PAGE_SIZE;
	page[PAGE_SIZE - 1] = 0xfa;
	r.rip = (u64)data - 1;
	CU_ASSERT_TRUE(emulate_privileged(&r));
	CU_ASSERT_EQUAL(r.rip, (u64)data);
	page[PAGE_SIZE - 1] = 0x0f;
	r.rip = (u64)data - 1;
	CU_ASSERT_FALSE(emulate_privileged(&r));
	/* It is there: the instruction that lies on both pages is found. */
	sim.bad = sim.bad_end = NULL;
	data[0] = 0x06;
	v->pv.ts = did.ts = true;
	CU_ASSERT_TRUE(emulate_privileged(&r));
	CU_ASSERT_FALSE(v->pv.ts);
	CU_ASSERT_EQUAL(r.rip, (u64)data + 1);
	/* No code at all */
	r.rip = 16;
	CU_ASSERT_FALSE(emulate_privileged(&r));
	CU_ASSERT_FALSE(emulate_forced(&r));
	CU_ASSERT_EQUAL(r.rip, 16);
}

/* CLI, STI and IN at every virtual IOPL: allowed from `needed` on, and no event masked by it. */
static void check_iopl(unsigned needed)
{
	for (unsigned iopl = 0; iopl < 4; iopl++) {
		v->pv.iopl = iopl;
		CU_ASSERT_EQUAL(ioport_allowed(0x60, 1), iopl >= needed);
		if (iopl < needed) {
			REFUSED(0xfa);
			REFUSED(0xfb);
			continue;
		}
		CU_ASSERT_TRUE(RUN(0xfa));
		MOVED(1);
		CU_ASSERT_TRUE(RUN(0xfb));
		MOVED(1);
		CU_ASSERT_EQUAL(r.rflags, RFLAGS_IF);
	}
}

TEST(test_iopl, "the virtual IOPL")
{
	r.rflags = RFLAGS_IF;
	check_iopl(1);
	v->pv.kernel_mode = false;
	check_iopl(3);
	/* The architecture's: the kernel is ring 0. */
	d->vm_assist = BIT(VMASST_TYPE_architectural_iopl);
	check_iopl(3);
	v->pv.kernel_mode = true;
	check_iopl(0);
}

TEST(test_flags_and_caches, "flags and caches")
{
	CU_ASSERT_TRUE(
		RUN(0x0f, 0x08)); /* invd, wbinvd: only who has devices gets the real thing */
	CU_ASSERT_TRUE(RUN(0x0f, 0x09));
	CU_ASSERT_EQUAL(sim.wbinvds, 0);
	d->privileged = true;
	CU_ASSERT_TRUE(RUN(0x0f, 0x09));
	MOVED(2);
	CU_ASSERT_EQUAL(sim.wbinvds, 1);
	r.rax = r.rdx = ~0ULL;
	CU_ASSERT_TRUE(RUN(0x0f, 0x31)); /* rdtsc */
	CU_ASSERT_EQUAL(r.rax, 0x55667788);
	CU_ASSERT_EQUAL(r.rdx, 0x11223344);
}

/* ---- control and debug registers ---- */

TEST(test_cr_read, "control registers, read")
{
	v->pv.ts = true;
	CU_ASSERT_TRUE(RUN(0x0f, 0x20, 0xc1)); /* mov %cr0,%rcx */
	CU_ASSERT_EQUAL(r.rcx, sim.cr0 | CR0_TS);
	v->pv.ts = false;
	sim.cr0 |= CR0_TS; /* ours, of another vCPU's making: not shown */
	CU_ASSERT_TRUE(RUN(0x0f, 0x20, 0xc1));
	CU_ASSERT_EQUAL(r.rcx, sim.cr0 & ~CR0_TS);
	v->info->arch.cr2 = 0x1234000;
	CU_ASSERT_TRUE(RUN(0x44, 0x0f, 0x20, 0xc7)); /* mov %cr8,%rdi */
	CU_ASSERT_EQUAL(r.rdi, 0);
	CU_ASSERT_TRUE(RUN(0x41, 0x0f, 0x20, 0xd0)); /* mov %cr2,%r8 */
	CU_ASSERT_EQUAL(r.r8, 0x1234000);
	CU_ASSERT_TRUE(RUN(0x0f, 0x20, 0xd8)); /* mov %cr3,%rax */
	CU_ASSERT_EQUAL(r.rax, 0x77000);
	v->pv.cr4 = CR4_PGE | CR4_SMEP | CR4_TSD;
	CU_ASSERT_TRUE(RUN(0x0f, 0x20, 0xe3)); /* mov %cr4,%rbx */
	CU_ASSERT_EQUAL(r.rbx, CR4_TSD | CR4_PAE | CR4_OSFXSR | CR4_OSXSAVE);
	MOVED(3);
	REFUSED(0x0f, 0x20, 0xc8); /* cr1 does not exist */
}

TEST(test_cr_write, "control registers, written")
{
	static struct cpu_policy fewer;

	r.rax = sim.cr0 | CR0_TS;
	CU_ASSERT_TRUE(RUN(0x0f, 0x22, 0xc0)); /* mov %rax,%cr0 */
	CU_ASSERT_TRUE(v->pv.ts && did.ts);
	r.rax = sim.cr0;
	CU_ASSERT_TRUE(RUN(0x0f, 0x22, 0xc0));
	CU_ASSERT_FALSE(v->pv.ts || did.ts);
	CU_ASSERT_TRUE(RUN(0x0f, 0x22, 0xc0));
	r.rax = sim.cr0 & ~CR0_PG;
	REFUSED(0x0f, 0x22, 0xc0);
	r.rax = sim.cr0 & ~CR0_WP;
	REFUSED(0x0f, 0x22, 0xc0);
	r.rax = sim.cr0 ^ CR0_NE;
	REFUSED(0x0f, 0x22, 0xc0);
	r.rax = 0xfffff00;
	CU_ASSERT_TRUE(RUN(0x0f, 0x22, 0xd0)); /* cr2 */
	CU_ASSERT_EQUAL(v->pv.cr2, 0xfffff00);
	CU_ASSERT_EQUAL(v->info->arch.cr2, 0xfffff00);
	r.rax = 0x99000;
	CU_ASSERT_TRUE(RUN(0x0f, 0x22, 0xd8)); /* cr3 */
	CU_ASSERT_EQUAL(did.cr3, 0x99);
	MOVED(3);
	/* Interrupted: executed once more. Refused: #GP. */
	did.cr3_error = -ERESTART;
	CU_ASSERT_TRUE(RUN(0x0f, 0x22, 0xd8));
	MOVED(0);
	did.cr3_error = -EINVAL;
	REFUSED(0x0f, 0x22, 0xd8);
	r.rax = CR4_PAE | CR4_TSD | CR4_SMAP;
	CU_ASSERT_TRUE(RUN(0x0f, 0x22, 0xe0)); /* cr4: remembered */
	CU_ASSERT_EQUAL(v->pv.cr4, r.rax);
	r.rax |= BIT(13); /* VMXE */
	REFUSED(0x0f, 0x22, 0xe0);
	CU_ASSERT_EQUAL(v->pv.cr4, CR4_PAE | CR4_TSD | CR4_SMAP);
	/* FSGSBASE is the guest's own, if there is such a bit: what it set is loaded and read. */
	cpu_features.fsgsbase = true;
	sim_cpu->cr4 |= CR4_FSGSBASE; /* another guest's doing */
	CU_ASSERT_TRUE(RUN(0x0f, 0x20, 0xe3)); /* mov %cr4,%rbx */
	CU_ASSERT_EQUAL(r.rbx & CR4_FSGSBASE, 0);
	r.rax = CR4_PAE | CR4_FSGSBASE;
	CU_ASSERT_TRUE(RUN(0x0f, 0x22, 0xe0));
	CU_ASSERT_EQUAL(did.cr4_loaded, CR4_PAE | CR4_FSGSBASE);
	CU_ASSERT_TRUE(RUN(0x0f, 0x20, 0xe3));
	CU_ASSERT_EQUAL(r.rbx & CR4_FSGSBASE, CR4_FSGSBASE);
	/* Nor where the domain's policy does not have it. */
	fewer = cpu_policies[CPU_POLICY_PV_DEFAULT];
	fewer.leaf[cpu_policy_place(7, 0)].b &= ~(u32)BIT(0);
	d->cpu_policy = &fewer;
	CU_ASSERT_TRUE(RUN(0x0f, 0x22, 0xe0));
	CU_ASSERT_EQUAL(did.cr4_loaded, CR4_PAE);
	d->cpu_policy = NULL;
	CU_ASSERT_TRUE(RUN(0x0f, 0x22, 0xe0));
	CU_ASSERT_EQUAL(did.cr4_loaded, CR4_PAE | CR4_FSGSBASE);
	cpu_features.fsgsbase = false;
	CU_ASSERT_TRUE(RUN(0x0f, 0x22, 0xe0));
	CU_ASSERT_EQUAL(did.cr4_loaded, CR4_PAE);
	CU_ASSERT_TRUE(RUN(0x44, 0x0f, 0x22, 0xc0)); /* cr8 */
	REFUSED(0x0f, 0x22, 0xc8);
	CU_ASSERT_TRUE(RUN(0x0f, 0x06)); /* clts */
}

TEST(test_debug_registers, "debug registers")
{
	v->pv.dr[3] = 0x1000;
	v->pv.dr[6] = 0xffff0ff0;
	v->pv.dr[7] = 0x400;
	CU_ASSERT_TRUE(RUN(0x0f, 0x21, 0xd8)); /* mov %dr3,%rax */
	CU_ASSERT_EQUAL(r.rax, 0x1000);
	CU_ASSERT_TRUE(RUN(0x0f, 0x21, 0xe0)); /* dr4 is dr6, dr5 is dr7 */
	CU_ASSERT_EQUAL(r.rax, 0xffff0ff0);
	CU_ASSERT_TRUE(RUN(0x0f, 0x21, 0xe8));
	CU_ASSERT_EQUAL(r.rax, 0x400);
	r.rax = 0x2000;
	CU_ASSERT_TRUE(RUN(0x0f, 0x23, 0xc0)); /* mov %rax,%dr0 */
	CU_ASSERT_EQUAL(v->pv.dr[0], 0x2000);
	REFUSED(0x0f, 0x23, 0xe8); /* dr5: pv_set_debugreg() said no */
}

TEST(test_xsetbv, "xsetbv")
{
	static struct cpu_policy fewer;

	r.rax = 7;
	CU_ASSERT_TRUE(RUN(0x0f, 0x01, 0xd1));
	CU_ASSERT_EQUAL(v->xcr0, 7);
	CU_ASSERT_EQUAL(sim.xcr0, 7);
	r.rax = 0x207;
	REFUSED(0x0f, 0x01, 0xd1);
	r.rax = 3;
	r.rdx = 1; /* the upper half counts */
	REFUSED(0x0f, 0x01, 0xd1);
	r.rdx = 0;
	r.rcx = 1; /* XCR1 */
	REFUSED(0x0f, 0x01, 0xd1);
	CU_ASSERT_EQUAL(v->xcr0, 7);
	/* Not what the domain's policy does not have, whatever the CPU has. */
	r.rcx = 0;
	r.rax = 7;
	d->cpu_policy = &fewer;
	fewer = cpu_policies[CPU_POLICY_PV_DEFAULT];
	fewer.leaf[cpu_policy_place(0xd, 0)].a = 3;
	REFUSED(0x0f, 0x01, 0xd1);
	r.rax = 3;
	CU_ASSERT_TRUE(RUN(0x0f, 0x01, 0xd1));
	CU_ASSERT_EQUAL(sim.xcr0, 3);
	d->cpu_policy = NULL;
}

/* ---- MSRs ---- */

TEST(test_rdmsr, "rdmsr")
{
	static const u32 zero[] = { 0x179, 0x17a, 0xce, 0x140 };
	static const u32 none[] = { 0,		0x48,	    0x174,	0x1d9,	   0x38f,
				    0xc0000081, 0xc0000082, 0xc0000103, 0x4b564d00 };
	u64 x;

	wrmsr(MSR_FS_BASE, 0x123400000000ULL);
	r.rcx = MSR_FS_BASE;
	r.rax = r.rdx = ~0ULL;
	CU_ASSERT_TRUE(RUN(0x0f, 0x32));
	CU_ASSERT_EQUAL(r.rax, 0);
	CU_ASSERT_EQUAL(r.rdx, 0x1234);
	MOVED(2);
	wrmsr(MSR_KERNEL_GS_BASE, 5);
	CU_ASSERT_TRUE(pv_rdmsr(MSR_KERNEL_GS_BASE, &x) && x == 5);
	CU_ASSERT_TRUE(pv_rdmsr(MSR_GS_BASE, &x) && x == 0);
	wrmsr(MSR_EFER, ~0ULL);
	CU_ASSERT_TRUE(pv_rdmsr(MSR_EFER, &x) && x == (EFER_SCE | EFER_LME | EFER_LMA | EFER_NX));
	CU_ASSERT_TRUE(pv_rdmsr(0x10, &x) && x == rdtsc());
	CU_ASSERT_TRUE(pv_rdmsr(MSR_PAT, &x) && x == PAT_VALUE);
	/* Only where the machine has them */
	CU_ASSERT_FALSE(pv_rdmsr(MSR_BIOS_SIGN_ID, &x));
	CU_ASSERT_FALSE(pv_rdmsr(MSR_MISC_ENABLE, &x));
	CU_ASSERT_FALSE(pv_rdmsr(0x17, &x));
	wrmsr(MSR_BIOS_SIGN_ID, 0x4200000000ULL);
	wrmsr(MSR_MISC_ENABLE, 1);
	wrmsr(0x17, 9);
	CU_ASSERT_TRUE(pv_rdmsr(MSR_BIOS_SIGN_ID, &x) && x == 0x4200000000ULL);
	CU_ASSERT_TRUE(pv_rdmsr(MSR_MISC_ENABLE, &x) && x == (1 | BIT(11) | BIT(12)));
	CU_ASSERT_TRUE(pv_rdmsr(0x17, &x) && x == 9);
	/* The boot processor is the virtual one. */
	wrmsr(MSR_APIC_BASE, 0xfee00900);
	CU_ASSERT_TRUE(pv_rdmsr(MSR_APIC_BASE, &x) && x == 0xfee00900);
	sim_current = d->vcpu[1];
	CU_ASSERT_TRUE(pv_rdmsr(MSR_APIC_BASE, &x) && x == 0xfee00800);
	sim_current = v;
	for (unsigned i = 0; i < ARRAY_SIZE(zero); i++) {
		x = 1;
		CU_ASSERT_TRUE(pv_rdmsr(zero[i], &x) && x == 0);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
		r.rcx = none[i];
		REFUSED(0x0f, 0x32);
	}
	CU_ASSERT_FALSE(pv_rdmsr(0xc0010015, &x) || pv_rdmsr(0xc0010010, &x) ||
			pv_rdmsr(0xc0011029, &x));
	cpu_features.vendor = CPU_VENDOR_AMD;
	CU_ASSERT_TRUE(pv_rdmsr(0xc0010015, &x) && x == 0);
	CU_ASSERT_TRUE(pv_rdmsr(0xc0010010, &x) && x == 0);
	CU_ASSERT_TRUE(pv_rdmsr(0xc0011029, &x) && x == 2);
}

/* A kernel in ring 1 is a supervisor: no base of its segments may lie beyond 4 GiB, whatever CPUs
 * make of it. */
TEST(test_msrs_compat, "MSRs of a 32-bit guest")
{
	static const u32 bases[] = { MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE };
	u64 x;

	d->is_32bit = true;
	for (unsigned i = 0; i < ARRAY_SIZE(bases); i++) {
		wrmsr(bases[i], 5);
		CU_ASSERT_FALSE(pv_rdmsr(bases[i], &x));
		CU_ASSERT_FALSE(pv_wrmsr(bases[i], 0xffff830000000000ULL));
		CU_ASSERT_FALSE(pv_wrmsr(bases[i], 0));
		CU_ASSERT_EQUAL(rdmsr(bases[i]), 5);
	}
	wrmsr(MSR_EFER, EFER_LME | EFER_LMA | EFER_NX);
	CU_ASSERT_TRUE(pv_rdmsr(MSR_EFER, &x) && x == EFER_NX);
	CU_ASSERT_TRUE(pv_wrmsr(MSR_EFER, x));
	CU_ASSERT_FALSE(pv_wrmsr(MSR_EFER, EFER_LME));
	CU_ASSERT_EQUAL(rdmsr(MSR_EFER), EFER_LME | EFER_LMA | EFER_NX);
}

TEST(test_wrmsr, "wrmsr")
{
	static const u32 ignored[] = { MSR_BIOS_SIGN_ID, MSR_MISC_ENABLE, MSR_APIC_BASE, 0x10 };
	unsigned msrs;
	u64 x;

	r.rcx = MSR_GS_BASE;
	r.rax = 0x80000000;
	r.rdx = 0x7fff;
	CU_ASSERT_TRUE(RUN(0x0f, 0x30));
	CU_ASSERT_EQUAL(rdmsr(MSR_GS_BASE), 0x7fff80000000ULL);
	r.rdx = 0x8000; /* not canonical: a #GP of ours if it reached the machine */
	REFUSED(0x0f, 0x30);
	CU_ASSERT_FALSE(pv_wrmsr(MSR_FS_BASE, BIT(63)));
	CU_ASSERT_FALSE(pv_wrmsr(MSR_KERNEL_GS_BASE, BIT(47)));
	CU_ASSERT_EQUAL(rdmsr(MSR_GS_BASE), 0x7fff80000000ULL);
	wrmsr(MSR_EFER, EFER_LME | EFER_LMA | EFER_SCE);
	CU_ASSERT_TRUE(pv_wrmsr(MSR_EFER, EFER_LME | EFER_LMA | EFER_NX));
	CU_ASSERT_FALSE(pv_wrmsr(MSR_EFER, EFER_LMA));
	CU_ASSERT_EQUAL(rdmsr(MSR_EFER), EFER_LME | EFER_LMA | EFER_SCE);
	CU_ASSERT_TRUE(pv_wrmsr(MSR_PAT, PAT_VALUE));
	CU_ASSERT_FALSE(pv_wrmsr(MSR_PAT, PAT_VALUE + 1));
	msrs = sim.msrs;
	for (unsigned i = 0; i < ARRAY_SIZE(ignored); i++)
		CU_ASSERT_TRUE(pv_wrmsr(ignored[i], 1));
	CU_ASSERT_EQUAL(sim.msrs, msrs);
	for (u32 m = 0xc0000081; m <= 0xc0000084; m++)
		CU_ASSERT_FALSE(pv_wrmsr(m, 0));
	CU_ASSERT_FALSE(pv_wrmsr(MSR_SPEC_CTRL, 0));
	CU_ASSERT_FALSE(pv_wrmsr(0xc0010015, 0) || pv_wrmsr(0xc0011029, 2));
	cpu_features.vendor = CPU_VENDOR_AMD;
	CU_ASSERT_TRUE(pv_wrmsr(0xc0010015, 0) && pv_wrmsr(0xc0011029, 2));
	CU_ASSERT_TRUE(rdmsr_safe(0xc0010015, &x));
}

/* ---- ports ---- */

TEST(test_port_permission, "who may use a port")
{
	static u8 bitmap[16];

	CU_ASSERT_TRUE(ioport_allowed(0x60, 1));
	v->pv.iopl = 0;
	CU_ASSERT_FALSE(ioport_allowed(0x60, 1));
	/* User space is the virtual ring 3. */
	v->pv.kernel_mode = false;
	v->pv.iopl = 2;
	CU_ASSERT_FALSE(ioport_allowed(0x60, 1));
	v->pv.iopl = 3;
	CU_ASSERT_TRUE(ioport_allowed(0x60, 1));

	v->pv.iopl = 0;
	memset(bitmap, 0xff, sizeof(bitmap));
	bitmap[12] = 0x0f; /* 0x64 .. 0x67 */
	v->pv.iobitmap = (u64)bitmap;
	v->pv.iobitmap_ports = 0x68;
	CU_ASSERT_TRUE(ioport_allowed(0x64, 4));
	CU_ASSERT_EQUAL(did.root, 0x88); /* looked up in the kernel's space, and back */
	CU_ASSERT_EQUAL(did.root_loads, 2);
	CU_ASSERT_TRUE(local_irq_enabled());
	CU_ASSERT_TRUE(ioport_allowed(0x67, 1));
	CU_ASSERT_FALSE(ioport_allowed(0x67, 2)); /* past the end */
	CU_ASSERT_FALSE(ioport_allowed(0x63, 2));
	CU_ASSERT_FALSE(ioport_allowed(0xffff, 4));
	v->pv.iobitmap_ports = 0x80;
	CU_ASSERT_FALSE(ioport_allowed(0x67, 2)); /* the next byte says no */
	bitmap[13] = 0xfe;
	CU_ASSERT_TRUE(ioport_allowed(0x67, 2));
	CU_ASSERT_FALSE(ioport_allowed(0x67, 4));
	/* Unreadable: no */
	v->pv.kernel_mode = true;
	sim.bad = &bitmap[13];
	sim.bad_end = &bitmap[14];
	CU_ASSERT_FALSE(ioport_allowed(0x67, 2));
	CU_ASSERT_TRUE(ioport_allowed(0x67, 1));
	sim.bad = &bitmap[12];
	CU_ASSERT_FALSE(ioport_allowed(0x64, 1));
}

TEST(test_ports, "ports")
{
	CU_ASSERT_EQUAL(range_set_add(&d->perms.ports, 0x3f8, 0x3ff), 0);
	r.rdx = 0x3f8;
	r.rax = 0x1111111111111111ULL;
	CU_ASSERT_TRUE(RUN(0xec)); /* in %dx,%al keeps the rest, the wide one does not */
	CU_ASSERT_EQUAL(r.rax, 0x1111111111111100ULL | ((0x44332211 + 0x3f8) & 0xff));
	CU_ASSERT_TRUE(RUN(0x66, 0xed));
	CU_ASSERT_EQUAL(r.rax, 0x1111111111110000ULL | ((0x44332211 + 0x3f8) & 0xffff));
	CU_ASSERT_TRUE(RUN(0xed));
	CU_ASSERT_EQUAL(r.rax, 0x44332211ULL + 0x3f8);
	CU_ASSERT_EQUAL(did.ins, 3);
	r.rax = 0xaabbccddeeff0011ULL;
	CU_ASSERT_TRUE(RUN(0xef));
	CU_ASSERT_TRUE(RUN(0x66, 0xef));
	CU_ASSERT_TRUE(RUN(0xee));
	MOVED(1);
	CU_ASSERT_EQUAL_FATAL(did.outs, 3);
	CU_ASSERT_TRUE(did.out[0].port == 0x3f8 && did.out[0].size == 4 &&
		       did.out[0].value == 0xeeff0011);
	CU_ASSERT_TRUE(did.out[1].size == 2 && did.out[1].value == 0x0011);
	CU_ASSERT_TRUE(did.out[2].size == 1 && did.out[2].value == 0x11);
	/* A port that is not the domain's: all ones, and no effect */
	did.outs = 0;
	CU_ASSERT_TRUE(RUN(0xe4, 0x60));
	CU_ASSERT_EQUAL(r.rax & 0xff, 0xff);
	CU_ASSERT_TRUE(RUN(0xe6, 0x60));
	CU_ASSERT_EQUAL(did.outs, 0);
	/* Half of an access is */
	r.rdx = 0x3fe;
	CU_ASSERT_TRUE(RUN(0xed));
	CU_ASSERT_EQUAL(r.rax, (0xffff0000 | ((0x44332211 + 0x3fe) & 0xffff)));
	r.rax = 0x12345678;
	CU_ASSERT_TRUE(RUN(0xef));
	CU_ASSERT_EQUAL_FATAL(did.outs, 1);
	CU_ASSERT_TRUE(did.out[0].port == 0x3fe && did.out[0].size == 2 &&
		       did.out[0].value == 0x5678);
	/* No privilege at all */
	v->pv.iopl = 0;
	REFUSED(0xed);
	REFUSED(0xef);
	REFUSED(0x6c);
	CU_ASSERT_EQUAL(did.outs, 1);
}

TEST(test_pci_ports, "PCI configuration ports")
{
	r.rdx = 0xcf8;
	r.rax = 0x80001234;
	CU_ASSERT_TRUE(RUN(0xef));
	CU_ASSERT_EQUAL(v->pv.pci_cf8, 0x80001234);
	r.rax = 0;
	CU_ASSERT_TRUE(RUN(0xed));
	CU_ASSERT_EQUAL(r.rax, 0x80001234);
	CU_ASSERT_TRUE(RUN(0xee)); /* a byte there is another register */
	CU_ASSERT_EQUAL(v->pv.pci_cf8, 0x80001234);
	r.rdx = 0xcfe;
	CU_ASSERT_TRUE(RUN(0x66, 0xed));
	CU_ASSERT_TRUE(did.cf8 == 0x80001234 && did.pci_offset == 2 && did.pci_size == 2);
	CU_ASSERT_EQUAL(r.rax & 0xffff, 0x1234);
	r.rdx = 0xcfc;
	r.rax = 0xcafe0001;
	CU_ASSERT_TRUE(RUN(0xef));
	CU_ASSERT_TRUE(did.pci_offset == 0 && did.pci_size == 4 && did.pci_value == 0xcafe0001);
	/* Across the end: only the part inside */
	r.rdx = 0xcfe;
	CU_ASSERT_TRUE(RUN(0xed));
	CU_ASSERT_EQUAL(r.rax, 0xffff1234);
}

TEST(test_string_io, "string I/O")
{
	CU_ASSERT_EQUAL(range_set_add(&d->perms.ports, 0x1f0, 0x1f0), 0);
	CU_ASSERT_EQUAL(range_set_add(&d->perms.ports, 0x1f1, 0x1f3), 0);
	r.rdx = 0x1f0;
	r.rdi = (u64)data;
	CU_ASSERT_TRUE(RUN(0x6d)); /* insl */
	MOVED(1);
	CU_ASSERT_EQUAL(*(u32 *)data, 0x44332211 + 0x1f0);
	CU_ASSERT_EQUAL(r.rdi, (u64)data + 4);
	/* rep insb: bytes, counted down */
	r.rdi = (u64)data;
	r.rcx = 5;
	CU_ASSERT_TRUE(RUN(0xf3, 0x6c));
	MOVED(2);
	CU_ASSERT_EQUAL(r.rcx, 0);
	CU_ASSERT_EQUAL(r.rdi, (u64)data + 5);
	/* Backwards, with 32-bit count */
	r.rflags = RFLAGS_DF;
	r.rsi = (u64)data + 8;
	memcpy(data, "\1\0\2\0\3\0\4\0\5", 9);
	r.rcx = 3;
	CU_ASSERT_TRUE(RUN(0xf3, 0x66, 0x6f)); /* rep outsw */
	CU_ASSERT_EQUAL_FATAL(did.outs, 3);
	CU_ASSERT_TRUE(did.out[0].value == 5 && did.out[1].value == 4 && did.out[2].value == 3);
	CU_ASSERT_EQUAL(r.rsi, (u64)data + 2);
	r.rflags = 0;
	/* Nothing to do */
	r.rcx = 0;
	CU_ASSERT_TRUE(RUN(0xf3, 0x6f));
	MOVED(2);
	CU_ASSERT_EQUAL(did.outs, 3);
	/* Much to do: some now, the instruction again */
	r.rsi = (u64)data;
	r.rcx = 1000;
	did.outs = 0;
	CU_ASSERT_EQUAL(range_set_remove(&d->perms.ports, 0x1f0, 0x1f3), 0);
	CU_ASSERT_TRUE(RUN(0xf3, 0x6f));
	MOVED(0);
	CU_ASSERT_EQUAL(r.rcx, 1000 - 512 / 4);
	CU_ASSERT_EQUAL(r.rsi, (u64)data + 512);
	/* 32-bit addresses wrap in their half */
	r.rcx = 0xffffffff00000000ULL;
	CU_ASSERT_TRUE(RUN(0x67, 0xf3, 0x6e));
	MOVED(3);
}

/* A process with the right to a port does not write its kernel's pages, in ring 1, by it. */
TEST(test_string_io_kernels_own, "string I/O of a process, and its kernel's pages")
{
	CU_ASSERT_EQUAL(range_set_add(&d->perms.ports, 0x1f0, 0x1f3), 0);
	v->pv.kernel_mode = false;
	v->pv.iopl = 3;
	r.rdx = 0x1f0;
	for (unsigned kind = 0; kind < 3; kind++)
		for (unsigned ins = 0; ins < 2; ins++) {
			u64 faults = did.faults;

			/* No ring 1: U says nothing, the copy would fault. */
			d->ring1 = kind == 1;
			walked = kind == 2 ? PTE_P | PTE_US : PTE_P;
			d->ring1 |= kind == 2;
			r.rsi = r.rdi = (u64)data;
			memset(data, 0x5a, 8);
			CU_ASSERT_TRUE(RUN(ins ? 0x6d : 0x6f));
			if (kind == 1) {
				MOVED(0);
				CU_ASSERT_EQUAL(did.faults, faults + 1);
				CU_ASSERT_EQUAL(did.fault, (u64)data);
				CU_ASSERT_EQUAL(did.fault_error, ins ? 7 : 5);
				CU_ASSERT_EQUAL(data[0], 0x5a);
			} else {
				MOVED(1);
				CU_ASSERT_EQUAL(did.faults, faults);
			}
		}
	/* Its kernel does. */
	walked = PTE_P;
	v->pv.kernel_mode = true;
	r.rdi = (u64)data;
	CU_ASSERT_TRUE(RUN(0x6d));
	MOVED(1);
	d->ring1 = false;
	walked = 0;
}

TEST(test_string_io_faults, "string I/O and faults")
{
	CU_ASSERT_EQUAL(range_set_add(&d->perms.ports, 0x1f0, 0x1f3), 0);
	r.rdx = 0x1f0;
	sim.bad = data + 8;
	sim.bad_end = data + 4096;
	r.rdi = (u64)data;
	r.rcx = 4;
	CU_ASSERT_TRUE(RUN(0xf3, 0x6d));
	MOVED(0);
	CU_ASSERT_EQUAL(r.rcx, 2);
	CU_ASSERT_EQUAL(r.rdi, (u64)data + 8);
	CU_ASSERT_EQUAL(did.ins, 2); /* the device was not read for what could not be stored */
	CU_ASSERT_EQUAL(did.faults, 1);
	CU_ASSERT_EQUAL(did.fault, (u64)data + 8);
	CU_ASSERT_EQUAL(did.fault_error, 2);
	v->pv.kernel_mode = false;
	v->pv.iopl = 3;
	r.rsi = (u64)data + 8;
	r.rcx = 1;
	CU_ASSERT_TRUE(RUN(0xf3, 0x6f));
	MOVED(0);
	CU_ASSERT_EQUAL(did.fault_error, 4);
	CU_ASSERT_EQUAL(did.outs, 0);
}

/* ---- CPUID ---- */

static struct cpuid_regs ask(u32 leaf, u32 sub)
{
	static const u8 insn[] = { 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2 };
	struct cpuid_regs got, c;

	cpu_policies_init(); /* the CPU is another one in each line of a test */
	c = pv_cpuid(v, leaf, sub);
	memcpy(page + 64, insn, sizeof(insn));
	r.rip = (u64)(page + 64);
	r.rax = leaf;
	r.rcx = sub;
	CU_ASSERT_TRUE(emulate_forced(&r));
	CU_ASSERT_EQUAL(r.rip, (u64)(page + 64) + sizeof(insn));
	got = (struct cpuid_regs){ (u32)r.rax, (u32)r.rbx, (u32)r.rcx, (u32)r.rdx };
	CU_ASSERT_EQUAL(memcmp(&got, &c, sizeof(c)), 0);
	/* And by faulting CPUID, whoever asks */
	for (unsigned kernel = 0; kernel < 2; kernel++) {
		v->pv.kernel_mode = kernel;
		r.rax = leaf;
		r.rcx = sub;
		CU_ASSERT_TRUE(RUN(0x0f, 0xa2));
		MOVED(2);
		got = (struct cpuid_regs){ (u32)r.rax, (u32)r.rbx, (u32)r.rcx, (u32)r.rdx };
		CU_ASSERT_EQUAL(memcmp(&got, &c, sizeof(c)), 0);
	}
	return c;
}

static bool is_none(struct cpuid_regs c)
{
	return !(c.a | c.b | c.c | c.d);
}

TEST(test_cpuid_hypervisor, "cpuid: the hypervisor's leaves")
{
	struct cpuid_regs c;

	c = ask(0x40000000, 0);
	CU_ASSERT_EQUAL(memcmp(&c.b, "XenVMMXenVMM", 12), 0);
	CU_ASSERT_EQUAL(c.a, 0x40000005);
	CU_ASSERT_EQUAL(ask(0x40000001, 0).a, 4 << 16 | 17);
	c = ask(0x40000002, 0);
	CU_ASSERT_TRUE(c.a == 1 && c.b == 0x40000000 && c.c == 1);
	CU_ASSERT_TRUE(is_none(ask(0x40000003, 0)));
	CU_ASSERT_EQUAL(ask(0x40000005, 0).b, cpu_features.phys_bits);
	CU_ASSERT_TRUE(is_none(ask(0x40000006, 0)));
	CU_ASSERT_TRUE(is_none(ask(0x40000100, 0)));
	CU_ASSERT_TRUE(is_none(ask(0x7fffffff, 0)));
	/* The prefix alone is the guest's own #UD. */
	page[64 + 6] = 0xa3;
	r.rip = (u64)(page + 64);
	CU_ASSERT_FALSE(emulate_forced(&r));
	CU_ASSERT_EQUAL(r.rip, (u64)(page + 64));
}

TEST(test_cpuid_masks, "cpuid: what is hidden")
{
	struct cpuid_regs c;

	CU_ASSERT_EQUAL(ask(0, 0).a, 0xd);
	v = sim_current = d->vcpu[1];
	v->pv.kernel_mode = true;
	c = ask(1, 0);
	CU_ASSERT_EQUAL(c.b >> 24, 1); /* the vCPU is the APIC id */
	CU_ASSERT_EQUAL(c.b >> 16 & 0xff, 1);
	CU_ASSERT_TRUE(c.c & BIT(31)); /* a hypervisor */
	CU_ASSERT_FALSE(c.c & (BIT(3) | BIT(5) | BIT(17) | BIT(21) | BIT(24)));
	CU_ASSERT_TRUE((c.c & (BIT(26) | BIT(27) | BIT(28))) == (BIT(26) | BIT(27) | BIT(28)));
	CU_ASSERT_FALSE(c.d & (BIT(3) | BIT(12) | BIT(13) | BIT(28)));
	/* SYSENTER, where it leads to us */
	CU_ASSERT_FALSE(c.d & BIT(11));
	cpu_features.sysenter = true;
	CU_ASSERT_TRUE(ask(1, 0).d == (c.d | BIT(11)));
	cpu_features.sysenter = false;
	CU_ASSERT_EQUAL(ask(4, 0).a, 0x3fff);
	CU_ASSERT_EQUAL(ask(2, 0).a, ~0U);
	c = ask(7, 0);
	CU_ASSERT_EQUAL(c.a, 0);
	CU_ASSERT_FALSE(c.b & (BIT(7) | BIT(20) | BIT(10) | BIT(16) | BIT(17) | BIT(30) | BIT(31)));
	CU_ASSERT_TRUE(c.b & BIT(5));
	CU_ASSERT_FALSE(c.c & (BIT(2) | BIT(3) | BIT(16)));
	CU_ASSERT_EQUAL(c.d, BIT(4) | BIT(10) | BIT(14));
	CU_ASSERT_TRUE(is_none(ask(7, 1)));
	CU_ASSERT_TRUE(is_none(ask(5, 0)) && is_none(ask(0xa, 0)) && is_none(ask(0xb, 0)));
	CU_ASSERT_TRUE(is_none(ask(0xe, 0)) && is_none(ask(0x1f, 0)) && is_none(ask(0x20, 0)));
	CU_ASSERT_EQUAL(ask(0x80000000, 0).a, 0x80000008);
	c = ask(0x80000001, 0);
	CU_ASSERT_FALSE(c.c & (BIT(2) | BIT(15)) || c.d & (BIT(26) | BIT(27)));
	CU_ASSERT_TRUE(c.d & BIT(29) && c.d & BIT(20) && c.d & BIT(11));
	CU_ASSERT_EQUAL(ask(0x80000002, 0).b, ~0U);
	c = ask(0x80000007, 0);
	CU_ASSERT_TRUE(c.d == BIT(8) && !c.a && !c.b && !c.c);
	c = ask(0x80000008, 0);
	CU_ASSERT_TRUE(c.a == ~0U && !c.b && !c.c && !c.d);
	CU_ASSERT_TRUE(is_none(ask(0x8000000a, 0)) && is_none(ask(0x80000022, 0)) &&
		       is_none(ask(0xc0000000, 0)));
}

TEST(test_cpuid_xsave, "cpuid: extended states")
{
	struct cpuid_regs c;

	c = ask(0xd, 0);
	CU_ASSERT_TRUE(c.a == 7 && c.d == 0 && c.c == 832);
	c = ask(0xd, 1);
	CU_ASSERT_TRUE(c.a == 7 && c.b == 576 && !c.c && !c.d);
	c = ask(0xd, 2);
	CU_ASSERT_TRUE(c.a == 256 && c.b == 576 && !c.c && !c.d);
	/* What is enabled now is the vCPU's business. */
	v->xcr0 = 7;
	CU_ASSERT_EQUAL(ask(0xd, 0).b, 832);
	CU_ASSERT_EQUAL(ask(0xd, 1).b, 832);
	CU_ASSERT_TRUE(is_none(ask(0xd, 5)) && is_none(ask(0xd, 63)) && is_none(ask(0xd, 1000)));
	cpu_features.xcr0 = 0xe7;
	CU_ASSERT_TRUE(ask(7, 0).b & BIT(16));
	v->xcr0 = 0xe7;
	CU_ASSERT_TRUE(ask(0xd, 0).b == 2688 && ask(0xd, 0).c == 2688);
	/* 576 + 256 + 64, at a multiple of 64, + 512 + 1024 */
	CU_ASSERT_EQUAL(ask(0xd, 1).b, 2432);
	cpu_features.xcr0 = 3;
	CU_ASSERT_FALSE(ask(7, 0).b & BIT(5));
	cpu_features.xsave = false;
	CU_ASSERT_TRUE(is_none(ask(0xd, 0)));
	CU_ASSERT_FALSE(ask(1, 0).c & (BIT(26) | BIT(27) | BIT(28)));
}

SUITE("privileged instructions", .begin = begin, .end = end)
