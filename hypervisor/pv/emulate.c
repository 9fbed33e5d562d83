// SPDX-License-Identifier: GPL-2.0-or-later
/* Privileged instructions of PV guests. An allow list: what is not named here is the guest's own
 * #GP. */
#include "pv/emulate.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/msr.h"
#include "cpu/pte.h"
#include "cpu/regs.h"
#include "domain/domain.h"
#include "domain/fpu.h"
#include "domain/guest_access.h"
#include "lib/string.h"
#include "pv-abi/errno.h"
#include "pv/cpu_ops.h"
#include "pv/cpuid.h"
#include "pv/decode.h"
#include "pv/ioport.h"
#include "pv/mmu.h"
#include "pv/msr.h"
#include "pv/pv.h"

/* How many bytes of the instruction can be read: the next page may not be there. */
static unsigned fetch(u64 rip, u8 *code)
{
	unsigned n = min((u64)INSN_MAX_LENGTH, PAGE_SIZE - (rip & (PAGE_SIZE - 1)));

	if (copy_from_guest(code, rip, n))
		return 0;
	if (n < INSN_MAX_LENGTH && !copy_from_guest(code + n, rip + n, INSN_MAX_LENGTH - n))
		n = INSN_MAX_LENGTH;
	return n;
}

/* String I/O moves at most this much before the guest is looked at again; it re-executes the
 * instruction for the rest. */
#define STRING_CHUNK 512

static u64 linear_bases(const struct vcpu *v, u64 *fs)
{
	(void)v;
	*fs = rdmsr(MSR_FS_BASE);
	return rdmsr(MSR_GS_BASE);
}

/*
 * Is that there, but not for who executes? What copies for a process is a supervisor, for whom the
 * pages of a kernel in ring 1 are there as well. U is in the leaf alone; the upper half of a 64-bit
 * root has none.
 */
static bool kernels_own(const struct vcpu *v, vaddr_t va, unsigned size)
{
	u64 leaf;

	if (v->pv.kernel_mode || !(v->domain->is_32bit || v->domain->ring1))
		return false;
	for (vaddr_t at = va; at - va < size; at += size > 1 ? size - 1 : 1)
		if (pv_walk(v, at, &leaf) && (!(leaf & PTE_US) || (s64)at < 0))
			return true;
	return false;
}

static bool string_io(struct regs *r, const struct insn *in)
{
	u64 fs, gs = linear_bases(current, &fs), count = in->rep ? r->rcx : 1, mask = ~0ULL;
	s64 step = r->rflags & RFLAGS_DF ? -(s64)in->size : in->size;
	u16 port = r->rdx;
	u64 *index = in->kind == INSN_INS ? &r->rdi : &r->rsi;
	unsigned size = min(in->size, (u8)4);

	if (in->address_size == 4)
		mask = 0xffffffff;
	if (in->rep)
		count &= mask;
	if (!ioport_allowed(port, size))
		return false;
	for (unsigned done = 0; count && done < STRING_CHUNK; done += size, count--) {
		vaddr_t va = insn_address(in, r, fs, gs);
		bool denied = kernels_own(current, va, size);
		u32 value = 0;
		int fault;

		if (denied) {
			fault = -EFAULT;
		} else if (in->kind == INSN_INS) {
			/* Probe first: what was read from a device cannot be put back. */
			fault = copy_from_guest(&value, va, size);
			if (!fault) {
				value = ioport_read(port, size);
				fault = copy_to_guest(va, &value, size);
			}
		} else {
			fault = copy_from_guest(&value, va, size);
			if (!fault)
				ioport_write(port, size, value);
		}
		if (fault) {
			pv_inject_pf(va, (in->kind == INSN_INS ? 2 : 0) | denied |
						 (current->pv.kernel_mode ? 0 : 4));
			return true;
		}
		*index = (*index & ~mask) | ((*index + step) & mask);
		if (in->rep)
			r->rcx = (r->rcx & ~mask) | ((r->rcx - 1) & mask);
	}
	if (!count)
		r->rip += in->length;
	return true;
}

static bool port_io(struct regs *r, const struct insn *in)
{
	u16 port = in->has_imm ? (u8)in->imm : (u16)r->rdx;
	unsigned size = min(in->size, (u8)4);

	if (!ioport_allowed(port, size))
		return false;
	if (in->kind == INSN_IN)
		regs_write(r, 0, size, false, ioport_read(port, size));
	else
		ioport_write(port, size, regs_read(r, 0, size, false));
	return true;
}

static bool read_cr(struct regs *r, const struct insn *in)
{
	struct vcpu *v = current;
	u64 value;

	switch (in->reg) {
	case 0:
		value = (read_cr0() & ~CR0_TS) | (v->pv.ts ? CR0_TS : 0);
		break;
	case 2:
		value = vcpu_info_cr2(v);
		break;
	case 3:
		value = v->pv.root32 ? compat_pfn_to_cr3(v->pv.guest_table) :
				       v->pv.guest_table << PAGE_SHIFT;
		break;
	case 4:
		/* The bits that are real plus what the guest set; never those that it must not
		 * know. */
		value = (v->pv.cr4 | (this_cpu()->cr4 &
				      (CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | CR4_PAE))) &
			~(CR4_SMEP | CR4_SMAP | CR4_UMIP | CR4_PCIDE | CR4_PGE);
		break;
	case 8:
		value = 0;
		break;
	default:
		return false;
	}
	regs_write(r, in->rm, 8, false, value);
	return true;
}

static bool write_cr(struct regs *r, const struct insn *in)
{
	struct vcpu *v = current;
	u64 value = regs_read(r, in->rm, 8, false);
	int ret;

	switch (in->reg) {
	case 0:
		/* Only TS may change. */
		if ((value ^ read_cr0()) &
		    ~(CR0_TS | CR0_AM | CR0_MP | CR0_EM | BIT(4) | BIT(29) | BIT(30)))
			return false;
		v->pv.ts = value & CR0_TS;
		fpu_set_ts(v->pv.ts);
		return true;
	case 2:
		vcpu_info_set_cr2(v, value);
		v->pv.cr2 = value;
		return true;
	case 3:
		ret = pv_new_guest_cr3(v, v->pv.root32 ? compat_cr3_to_pfn(value) :
							  value >> PAGE_SHIFT);
		/* Interrupted: the guest executes it again. */
		if (ret == -ERESTART)
			r->rip -= in->length;
		return !ret || ret == -ERESTART;
	case 4:
		/* Known bits are remembered and, but for FSGSBASE, have no effect. */
		if (value & ~(CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE |
			      CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP |
			      CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP))
			return false;
		v->pv.cr4 = pv_guest_cr4(v, value);
		v->pv.short_way = false;
		pv_cr4_load(v);
		return true;
	case 8:
		return true;
	}
	return false;
}

static bool set_xcr(struct regs *r)
{
	u64 value = (u32)r->rax | r->rdx << 32;

	if ((u32)r->rcx || !pv_xcr0_valid(current, value))
		return false;
	current->xcr0 = value;
	xsetbv(value);
	return true;
}

static bool kernel_only(struct regs *r, const struct insn *in)
{
	struct vcpu *v = current;
	u64 value;

	switch (in->kind) {
	case INSN_RDMSR:
		if (!pv_rdmsr(r->rcx, &value))
			return false;
		r->rax = (u32)value;
		r->rdx = value >> 32;
		return true;
	case INSN_WRMSR:
		return pv_wrmsr(r->rcx, (u32)r->rax | r->rdx << 32);
	case INSN_MOV_FROM_CR:
		return read_cr(r, in);
	case INSN_MOV_TO_CR:
		return write_cr(r, in);
	case INSN_MOV_FROM_DR:
		value = in->reg == 4 || in->reg == 5 ? v->pv.dr[in->reg + 2]
						     : v->pv.dr[in->reg & 7];
		regs_write(r, in->rm, 8, false, value);
		return true;
	case INSN_MOV_TO_DR:
		return !pv_set_debugreg(v, in->reg, regs_read(r, in->rm, 8, false));
	case INSN_CLTS:
		v->pv.ts = false;
		fpu_set_ts(false);
		return true;
	case INSN_WBINVD:
	case INSN_INVD:
		/* With real devices it matters; without, nothing is lost by not flushing. INVD must
		 * not lose data of others. */
		if (v->domain->privileged)
			wbinvd();
		return true;
	case INSN_LMSW:
		return false;
	case INSN_XSETBV:
		return set_xcr(r);
	case INSN_RDTSC:
		value = rdtsc();
		r->rax = (u32)value;
		r->rdx = value >> 32;
		return true;
	default:
		return false;
	}
}

bool emulate_privileged(struct regs *r)
{
	u8 code[INSN_MAX_LENGTH];
	struct insn in;
	bool done;

	if (unlikely(current->pv.root32)) {
		regs_truncate(r);
		if (!insn_decode32(code, fetch(r->rip, code), &in))
			return false;
	} else if (!insn_decode(code, fetch(r->rip, code), &in)) {
		return false;
	}
	switch (in.kind) {
	case INSN_IN:
	case INSN_OUT:
		done = port_io(r, &in);
		break;
	case INSN_INS:
	case INSN_OUTS:
		return string_io(r, &in);
	case INSN_CLI:
	case INSN_STI:
		/*
		 * By the rule of a CPU, and without effect: the event mask is the guest's interrupt
		 * flag, and a process that may do I/O must not mask its kernel's.
		 */
		done = iopl_suffices();
		break;
	case INSN_CPUID: {
		/* CPUID faulting: who asks does not matter, the policy is the domain's. */
		struct cpuid_regs c = pv_cpuid(current, r->rax, r->rcx);

		r->rax = c.a;
		r->rbx = c.b;
		r->rcx = c.c;
		r->rdx = c.d;
		done = true;
		break;
	}
	default:
		done = current->pv.kernel_mode && kernel_only(r, &in);
		break;
	}
	if (done)
		r->rip += in.length;
	return done;
}

bool emulate_forced(struct regs *r)
{
	static const u8 prefix[] = { 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2 };
	u8 code[sizeof(prefix)];
	struct cpuid_regs c;

	if (copy_from_guest(code, r->rip, sizeof(code)) || memcmp(code, prefix, sizeof(prefix)))
		return false;
	c = pv_cpuid(current, r->rax, r->rcx);
	r->rax = c.a;
	r->rbx = c.b;
	r->rcx = c.c;
	r->rdx = c.d;
	r->rip += sizeof(prefix);
	return true;
}
