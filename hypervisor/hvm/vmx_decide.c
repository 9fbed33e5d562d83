// SPDX-License-Identifier: GPL-2.0-or-later
#include "hvm/vmx.h"
#include "cpu/msr.h"
#include "hvm/vcpu.h"

/* False: the CPU must have a bit that `never` has, or has none that `want` has. */
static bool choose(u64 may_must, u32 want, u32 never, u32 *controls)
{
	u32 must = (u32)may_must, may = (u32)(may_must >> 32);

	*controls = want | must;
	return !(want & ~may) && !(must & never);
}

static const char *choose_controls(const struct vmx_facts *f, struct vmx_controls *c)
{
	const u32 exits = PROC_HLT | PROC_MWAIT | PROC_RDPMC | PROC_CR8_LOAD | PROC_CR8_STORE |
			  PROC_IO | PROC_MSR_BITMAP | PROC_MONITOR | (u32)PROC_SECONDARY;
	const u32 exit = EXIT_DEBUG | EXIT_HOST64 | EXIT_SAVE_PAT | EXIT_LOAD_PAT |
			 EXIT_SAVE_EFER | EXIT_LOAD_EFER;
	const u32 entry = ENTRY_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER;

	if (!choose(f->pin, PIN_INTERRUPTS | PIN_NMI | PIN_VIRTUAL_NMI, 0, &c->pin))
		return "the CPU's VT-x has no virtual NMIs";
	if (!choose(f->proc, (u32)PROC_SECONDARY, 0, &c->proc) ||
	    !choose(f->proc2, PROC2_EPT, 0, &c->proc2))
		return "the CPU's VT-x has no nested paging (EPT)";
	if (!choose(f->proc2, PROC2_EPT | PROC2_REAL_MODE | PROC2_WBINVD, 0, &c->proc2))
		return "the CPU's VT-x has no real mode (unrestricted guest)";
	if (f->proc2 >> 32 & PROC2_VPID)
		c->proc2 |= PROC2_VPID;
	if (!choose(f->proc, exits, PROC_CR3_LOAD | PROC_CR3_STORE, &c->proc))
		return "the CPU's VT-x has no MSR bitmaps, or CR3 is not the guest's";
	if (!choose(f->exit, exit, 0, &c->exit) || !choose(f->entry, entry, ENTRY_LONG, &c->entry))
		return "the CPU's VT-x does not switch EFER and PAT";
	return NULL;
}

const char *vmx_choose(const struct vmx_facts *f, struct vmx_controls *c)
{
	const u64 ept = EPT_LEVELS_4 | EPT_WRITE_BACK | EPT_INVEPT | EPT_INVEPT_ALL;
	const char *why;

	*c = (struct vmx_controls){ 0 };
	if (!(f->features & FEATURE_VMX))
		return "the CPU has no VT-x";
	if ((f->feature_control & CONTROL_LOCKED) && !(f->feature_control & CONTROL_VMX))
		return "VT-x is disabled and locked by firmware: look there for it";
	why = choose_controls(f, c);
	if (why)
		return why;
	if ((f->ept_vpid & ept) != ept)
		return "the CPU's EPT lacks what is needed: four levels, write-back, INVEPT";
	c->large = (f->ept_vpid & EPT_2M) && !f->multihit;
	if ((f->cr0_must & ~(CR0_PE | CR0_NE | CR0_PG)) || (f->cr4_must & ~CR4_VMXE))
		return "the CPU's VT-x wants bits of CR0 or CR4 that nobody knows";
	/* A guest sets CR4.PKE as it likes where it may, and PKRU would be the next one's, too. */
	if (f->structured & BIT(3))
		return "the CPU has protection keys, which are not switched between guests yet";
	if (f->l1tf && !f->l1_flush && !f->unsafe)
		return "a guest could read the L1 cache (L1TF), which the CPU's microcode cannot "
		       "flush; hvm-unsafe has them all the same";
	return NULL;
}

struct vmx_cr_access vmx_cr_access(u64 q)
{
	return (struct vmx_cr_access){ q & 15, q >> 4 & 3, q >> 8 & 15 };
}

struct vmx_io vmx_io(u64 q)
{
	return (struct vmx_io){ (u8)((q & 7) + 1), q & BIT(3), q & BIT(4) };
}

#define AR_P	   BIT(7)
#define AR_S	   BIT(4)
#define AR_UNUSED  BIT(16)

/* 24.4.1: AVL, L, D, G four bits further up, and that there is none as a bit of its own. */
u32 vmx_attributes(u32 ar)
{
	u32 a = (ar & 0xff) | (ar & 0xf00) << 4;

	if (!(ar & AR_P))
		return a | (u32)AR_UNUSED;
	/* What was loaded was accessed. */
	return a | (ar & AR_S ? 1 : 0);
}

u32 vmx_arbytes(u32 a)
{
	return ((a & 0xff) | (a >> 4 & 0xf00)) & (a & AR_UNUSED ? ~(u32)AR_P : ~0U);
}

/* SDM vol. 2B, MOV to control registers; vol. 3A, 4.1.2. */
bool vmx_write_cr0(u64 value, bool code64, struct guest_paging *p)
{
	bool paging = value & CR0_PG, was = p->cr0 & CR0_PG;
	u64 efer = p->efer;

	if ((value >> 32) || (paging && !(value & CR0_PE)) ||
	    ((value & BIT(29)) && !(value & BIT(30))))
		return false;
	if (paging && !was && (efer & EFER_LME)) {
		if (!(p->cr4 & CR4_PAE) || code64)
			return false;
		efer |= EFER_LMA;
	}
	if (!paging && was) {
		if (code64 && (efer & EFER_LMA))
			return false;
		efer &= ~EFER_LMA;
	}
	p->cr0 = value | BIT(4);
	p->efer = efer;
	return true;
}

u32 vmx_entry_event(u32 event, u64 cr0)
{
	if (!(event & EVENT_VALID))
		return 0;
	event &= (u32)EVENT_VALID | 0xfff;
	if (!(cr0 & CR0_PE))
		event &= ~(u32)EVENT_ERROR;
	return event;
}
