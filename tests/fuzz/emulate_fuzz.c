// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/pv/emulate.c hypervisor/pv/decode.c hypervisor/pv/cpuid.c hypervisor/pv/msr.c
// sources: hypervisor/cpu/cpu_policy.c hypervisor/pv/ioport.c hypervisor/domain/permission.c
// sources: hypervisor/memory/range_set.c
// sources: tests/unit/sim/sim.c
// cflags: -DSIM_FRAMES=64
// options: -max_len=256
//
// Privileged instructions of a PV guest, in kernel and user mode, with ports allowed by range, by
// IOPL and by bitmap. Oracles: what is refused changes nothing; what is done moves past the
// instruction, or is one of those that are carried on; user mode gets ports and CPUID only; every
// port that is touched is allowed by its range and by IOPL or bitmap; no MSR, CR4 or XCR0 gets a
// value that it must not have, and CPUID never shows what a guest must not see.

#include "sim/sim.h"
#include "tests/fuzz/fuzz.h"

#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/msr.h"
#include "cpu/regs.h"
#include "domain/fpu.h"
#include "machine/pci.h"
#include "pv-abi/errno.h"
#include "pv/cpu_ops.h"
#include "pv/cpuid.h"
#include "pv/decode.h"
#include "pv/emulate.h"
#include "pv/ioport.h"
#include "pv/mmu.h"
#include "pv/root.h"

static struct domain *d;
static struct vcpu *v;
static u8 page[4 * PAGE_SIZE] __aligned(4096); /* code, data, bitmap, all that can be reached */
static unsigned touched;                       /* how often something outside was asked */
static mfn_t loaded;

static bool reachable(u64 va, size_t n)
{
	return va >= (u64)page && va <= (u64)(page + sizeof(page)) &&
		n <= (u64)(page + sizeof(page)) - va;
}

int copy_from_guest(void *dst, vaddr_t src, size_t n)
{
	if (!reachable(src, n))
		return -EFAULT;
	memcpy(dst, (const void *)src, n);
	return 0;
}

int copy_to_guest(vaddr_t dst, const void *src, size_t n)
{
	if (!reachable(dst, n))
		return -EFAULT;
	/* Code may be overwritten by the guest itself, not by us behind its back. */
	memcpy((void *)dst, src, n);
	touched++;
	return 0;
}

void fpu_set_ts(bool ts)
{
	FUZZ_CHECK(ts == v->pv.ts, "TS");
	touched++;
}

bool xcr0_valid(u64 xcr0) { return xcr0 == 3 || xcr0 == 7; }

int pv_new_guest_cr3(struct vcpu *w, mfn_t mfn)
{
	touched++;
	return w != v || mfn & 1 ? -EINVAL : mfn & 2 ? -ERESTART : 0;
}

int pv_set_debugreg(struct vcpu *w, unsigned reg, u64 value)
{
	FUZZ_CHECK(w == v && w->pv.kernel_mode, "debug register %u", reg);
	touched++;
	return value & 1 || reg > 7 ? -EINVAL : 0;
}

void pv_cr4_load(const struct vcpu *w)
{
	FUZZ_CHECK(w == v && w->pv.kernel_mode, "CR4");
	FUZZ_CHECK(cpu_features.fsgsbase || !(w->pv.cr4 & CR4_FSGSBASE), "a bit of no CPU's");
	touched++;
}

static vaddr_t fault_at;
static unsigned faults;

bool pv_walk(const struct vcpu *of, vaddr_t va, u64 *leaf)
{
	(void)of;
	(void)va;
	*leaf = 0;
	return false;
}

void pv_inject_pf(vaddr_t cr2, u32 error_code)
{
	fault_at = cr2;
	faults++;
}

void root_load_mfn(mfn_t mfn)
{
	FUZZ_CHECK(!local_irq_enabled(), "the root is changed with interrupts on");
	loaded = mfn;
}

u64 rdtsc(void) { return 0x1122334455667788ULL; }

/* Memory when the instruction began, which then may write into its own bitmap. */
static u8 page_before[sizeof(page)];

/* By the virtual IOPL: kernels are ring 1, or 0 where they keep the architecture's; users 3. */
static bool by_iopl(void)
{
	bool ring0 = d->vm_assist & BIT(VMASST_TYPE_architectural_iopl);

	return v->pv.iopl == 3 || (v->pv.kernel_mode && (ring0 || v->pv.iopl));
}

/* May the guest as it was then use these ports? Asked once, for all repetitions. */
static bool by_mode(u32 port, unsigned size)
{
	if (by_iopl())
		return true;
	for (u32 p = port; p < port + size; p++) {
		u64 at = v->pv.iobitmap + p / 8;

		if (!v->pv.iobitmap || p >= v->pv.iobitmap_ports || !reachable(at, 1) ||
		    (page_before[at - (u64)page] >> p % 8 & 1))
			return false;
	}
	return true;
}

static void port_used(u32 port, unsigned size)
{
	for (u32 p = port; p < port + size; p++)
		FUZZ_CHECK(range_set_contains(&d->perms.ports, p, p), "port %x of nobody's", p);
	FUZZ_CHECK(by_mode(port, size), "port %x is not allowed in this mode", port);
	touched++;
}

u8 inb(u16 port)
{
	port_used(port, 1);
	return (u8)port;
}
u16 inw(u16 port)
{
	port_used(port, 2);
	return port;
}
u32 inl(u16 port)
{
	port_used(port, 4);
	return port * 0x10001u;
}
void outb(u16 port, u8 x) { port_used(port, 1); }
void outw(u16 port, u16 x) { port_used(port, 2); }
void outl(u16 port, u32 x) { port_used(port, 4); }

u32 pci_guest_cfg_read(bool privileged, u32 cf8, unsigned offset, unsigned size)
{
	FUZZ_CHECK(privileged == d->privileged && cf8 == v->pv.pci_cf8 && offset + size <= 4,
		   "offset %u", offset);
	touched++;
	return 0xabcd1234U & (~0U >> (32 - 8 * size));
}

void pci_guest_cfg_write(bool privileged, u32 cf8, unsigned offset, unsigned size, u32 value)
{
	(void)pci_guest_cfg_read(privileged, cf8, offset, size);
}

/* What every guest's view of CPUID must be without. */
static void check_cpuid(u32 leaf, u32 sub, const struct regs *r)
{
	if (leaf == 1)
		FUZZ_CHECK(!(r->rcx & (1u << 3 | 1u << 5 | 1u << 6 | 1u << 17 | 1u << 21)),
			   "leaf 1: ecx %lx", r->rcx);
	if (leaf == 7 && !sub)
		FUZZ_CHECK(!(r->rbx & (1u << 7 | 1u << 10 | 1u << 20)) &&
				   !(r->rcx & (1u << 2 | 1u << 3 | 1u << 16)), "leaf 7: %lx %lx",
			   r->rbx, r->rcx);
	if (leaf == 0x80000001)
		FUZZ_CHECK(!(r->rcx & 1u << 2), "SVM");
	if (leaf == 0xd && sub == 1)
		FUZZ_CHECK(!(r->rax & 1u << 3), "XSAVES");
}

static void begin(struct fuzz_in *in)
{
	u8 how = fuzz_u8(in);

	sim_reset();
	memset(page, how & 8 ? 0xff : 0, sizeof(page));
	d = sim_domain((domid_t)(how & 1), 2, false);
	permissions_init(&d->perms);
	v = d->vcpu[0];
	sim_current = v;
	sim_cpu = &cpus[0];
	sim_cpu->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | CR4_PGE;
	sim.cr0 = CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_AM | CR0_MP;
	v->pv.kernel_mode = how & 2;
	v->pv.iopl = how >> 6;
	v->pv.guest_table = v->pv.cr3_kernel = 0x77;
	v->pv.guest_table_user = v->pv.cr3_user = 0x88;
	if (how & 4) {
		v->pv.iobitmap = (u64)page + (how & 16 ? 2 * PAGE_SIZE : sizeof(page) - 32);
		v->pv.iobitmap_ports = fuzz_u16(in);
		fuzz_bytes(in, page + 2 * PAGE_SIZE, 16);
	}
	if (how & 32)
		(void)range_set_add(&d->perms.ports, 0x40 + fuzz_u8(in) % 16, 0x60);
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_GS_BASE, 0);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NX);
	wrmsr(MSR_APIC_BASE, 0xfee00900);
	cpu_features.xsave = true;
	cpu_features.xcr0 = 7;
	cpu_features.xsave_size = 832;
	cpu_features.fsgsbase = how & 1;
	d->vm_assist = how & 8 ? BIT(VMASST_TYPE_architectural_iopl) : 0;
	cpu_features.vendor = how & 1 ? CPU_VENDOR_INTEL : CPU_VENDOR_AMD;
	cpu_policies_init();
	touched = faults = 0;
	loaded = v->pv.kernel_mode ? 0x77 : 0x88;
}

static u64 pick_value(struct fuzz_in *in)
{
	u8 b = fuzz_u8(in);

	switch (b & 7) {
	case 0: return (u64)page + PAGE_SIZE + (b >> 3) * 8;
	case 1: return (u64)page + sizeof(page) - (b >> 3);
	case 2: return 0x40 + (b >> 3);
	case 3: return 0xcf8 + (b >> 3) % 8;
	case 4: return 0xc0000080 + (b >> 3);
	case 5: return fuzz_u64(in);
	default: return fuzz_number(in);
	}
}

static void one(struct fuzz_in *in)
{
	u8 code[INSN_MAX_LENGTH], how = fuzz_u8(in);
	struct regs r = { 0 }, was;
	struct pv_vcpu before;
	struct insn insn;
	unsigned n = 1 + (how & 7);
	u8 *at = page + (how & 16 ? PAGE_SIZE - n : 256);
	bool known, done, kernel = v->pv.kernel_mode;
	u32 leaf, sub;

	fuzz_bytes(in, code, sizeof(code));
	/* Mostly something that is on the list. */
	if (how & 32) {
		static const u8 plain[] = { 0x6c, 0x6d, 0x6e, 0x6f, 0xe4, 0xe5, 0xe6, 0xe7, 0xec,
					    0xed, 0xee, 0xef, 0xfa, 0xfb, 0xf4, 0xcf };
		static const u8 two[] = { 0x01, 0x06, 0x08, 0x09, 0x20, 0x21, 0x22, 0x23, 0x30,
					  0x31, 0x32, 0x33, 0xa2, 0x00, 0x01, 0x0b };
		unsigned k = how & 64 ? 1 : 0;

		if (how & 128) {
			code[k] = plain[code[k] & 15];
		} else {
			code[k + 1] = two[code[k] & 15];
			code[k] = 0x0f;
		}
		if (k)
			code[0] = (u8[]){ 0xf3, 0x66, 0x48, 0x67 }[code[0] & 3];
	}
	memcpy(at, code, sizeof(code));
	for (unsigned i = 0; i < 8; i++)
		*regs_gpr(&r, i) = pick_value(in);
	r.rflags = how & 8 ? 0x602 : 0x202;
	r.rip = (u64)at;
	was = r;
	before = v->pv;
	memcpy(page_before, page, sizeof(page));
	leaf = (u32)r.rax;
	sub = (u32)r.rcx;
	touched = faults = 0;
	known = insn_decode(code, sizeof(code), &insn);
	done = emulate_privileged(&r);
	fuzz_say("%s: %02x %02x %02x %02x, kind %u: %d\n", kernel ? "kernel" : "user", code[0],
		 code[1], code[2], code[3], known ? insn.kind : 0, done);

	FUZZ_CHECK(loaded == (kernel ? 0x77 : 0x88), "the root is %lx", loaded);
	FUZZ_CHECK(local_irq_enabled(), "interrupts are left off");
	if (!done) {
		FUZZ_CHECK(!memcmp(&r, &was, sizeof(r)), "refused, and registers changed");
		FUZZ_CHECK(!memcmp(&before, &v->pv, sizeof(before)), "refused, and state changed");
		FUZZ_CHECK(!faults, "refused, and a fault injected");
		FUZZ_CHECK(!known || (insn.kind != INSN_CLI && insn.kind != INSN_STI) || !by_iopl(),
			   "CLI or STI is refused");
		return;
	}
	FUZZ_CHECK(known, "something unknown was done");
	switch (insn.kind) {
	case INSN_IN: case INSN_OUT:
		FUZZ_CHECK(by_mode(insn.has_imm ? (u8)insn.imm : (u16)was.rdx,
				   min(insn.size, (u8)4)),
			   "ports are not allowed");
		break;
	case INSN_INS: case INSN_OUTS:
		FUZZ_CHECK(by_mode((u16)was.rdx, insn.size), "ports are not allowed");
		FUZZ_CHECK(r.rip == was.rip + insn.length || faults || r.rcx != was.rcx,
			   "the guest hangs");
		FUZZ_CHECK(!faults || !reachable(fault_at, insn.size), "a fault at %lx", fault_at);
		FUZZ_CHECK(insn.rep || r.rcx == was.rcx, "no repetition counts");
		FUZZ_CHECK(r.rax == was.rax && r.rdx == was.rdx, "ports change no such registers");
		break;
	case INSN_CPUID:
		check_cpuid(leaf, sub, &r);
		break;
	case INSN_CLI: case INSN_STI:
		FUZZ_CHECK(by_iopl(), "CLI or STI in spite of the IOPL");
		break;
	default:
		FUZZ_CHECK(kernel, "kind %u in user mode", insn.kind);
	}
	if (insn.kind != INSN_INS && insn.kind != INSN_OUTS && insn.kind != INSN_MOV_TO_CR)
		FUZZ_CHECK(r.rip == was.rip + insn.length, "rip moved by %ld",
			   (s64)(r.rip - was.rip));
	FUZZ_CHECK(r.cs == was.cs && r.ss == was.ss && r.rflags == was.rflags,
		   "segments or flags changed");
	FUZZ_CHECK(is_canonical(rdmsr(MSR_FS_BASE)) && is_canonical(rdmsr(MSR_GS_BASE)) &&
			   is_canonical(rdmsr(MSR_KERNEL_GS_BASE)), "a base is not canonical");
	FUZZ_CHECK(!v->xcr0 || xcr0_valid(v->xcr0), "XCR0 %lx", v->xcr0);
	FUZZ_CHECK(v->pv.iopl == before.iopl && v->pv.kernel_mode == before.kernel_mode &&
			   v->pv.guest_table == before.guest_table, "the mode changed");
	FUZZ_CHECK(sim.cr0 & CR0_WP && sim_cpu->cr4 & CR4_SMEP, "a real control register changed");
}

static void forced(struct fuzz_in *in)
{
	static const u8 insn[] = { 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2 };
	struct regs r = { 0 }, was;
	u32 leaf, sub;

	memcpy(page, insn, sizeof(insn));
	if (fuzz_u8(in) & 1)
		page[fuzz_below(in, 7)] ^= fuzz_u8(in);
	r.rip = (u64)page;
	leaf = fuzz_u8(in) & 3 ? (fuzz_u8(in) & 0x1f) | (fuzz_u8(in) & 3 ? 0 : 0x80000000u) :
		(u32)fuzz_number(in);
	r.rax = leaf;
	r.rcx = sub = fuzz_u8(in) & 3;
	was = r;
	if (emulate_forced(&r)) {
		FUZZ_CHECK(!memcmp(page, insn, sizeof(insn)), "that was another instruction");
		check_cpuid(leaf, sub, &r);
	} else {
		FUZZ_CHECK(!memcmp(&r, &was, sizeof(r)), "refused, and registers changed");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	begin(&in);
	for (unsigned n = 0; n < 8 && fuzz_more(&in); n++) {
		if (fuzz_u8(&in) % 8 == 0)
			forced(&in);
		else
			one(&in);
	}
	permissions_destroy(&d->perms);
	sim_reset();
	return 0;
}
