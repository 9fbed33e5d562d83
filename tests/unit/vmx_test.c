// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/hvm/vmx_decide.c
//
// On which CPUs VT-x is used, with which controls, and what is said where it is not; what an exit
// says, and what becomes of what a guest writes to CR0.

#include "suite.h"
#include <string.h>

#include "cpu/msr.h"
#include "hvm/vcpu.h"
#include "hvm/vmx.h"

/* As a Broadwell has them: what must be, and what may be. */
static const struct vmx_facts good = {
	.features = FEATURE_VMX,
	.feature_control = CONTROL_LOCKED | CONTROL_VMX,
	.basic = BASIC_TRUE | 18,
	.pin = 0x7f00000016,
	.proc = 0xf7f9fffe04006172,
	.proc2 = 0x77fff00000000,
	.exit = 0x1ffffff00036dfb,
	.entry = 0x3ffff000011fb,
	.cr0_must = 0x80000021,
	.cr4_must = 0x2000,
	.ept_vpid = 0xf0106334141,
};

#define MAY(bit) ((u64)(bit) << 32)

static const struct row {
	u64 clear_offset; /* of a field, in which ... */
	u64 clear, set;
	const char *why; /* a piece of it; NULL: none */
} rows[] = {
#define F(field) offsetof(struct vmx_facts, field)
	{ F(basic), 0, 0, NULL },
	{ F(feature_control), CONTROL_VMX, 0, "disabled and locked" },
	{ F(feature_control), CONTROL_LOCKED | CONTROL_VMX, 0, NULL },
	{ F(feature_control), CONTROL_LOCKED, 0, NULL },
	{ F(pin), MAY(PIN_VIRTUAL_NMI), 0, "virtual NMIs" },
	{ F(pin), MAY(PIN_NMI), 0, "virtual NMIs" },
	{ F(proc), MAY(PROC_SECONDARY), 0, "EPT" },
	{ F(proc2), MAY(PROC2_EPT), 0, "EPT" },
	{ F(proc2), MAY(PROC2_REAL_MODE), 0, "unrestricted guest" },
	{ F(proc2), MAY(PROC2_VPID), 0, NULL },
	{ F(proc), MAY(PROC_MSR_BITMAP), 0, "MSR bitmaps" },
	{ F(proc), MAY(PROC_CR8_LOAD), 0, "MSR bitmaps" },
	{ F(proc), 0, PROC_CR3_LOAD, "CR3 is not the guest's" },
	{ F(proc), 0, PROC_CR3_STORE, "CR3 is not the guest's" },
	{ F(exit), MAY(EXIT_LOAD_EFER), 0, "EFER and PAT" },
	{ F(exit), MAY(EXIT_SAVE_PAT), 0, "EFER and PAT" },
	{ F(entry), MAY(ENTRY_LOAD_EFER), 0, "EFER and PAT" },
	{ F(entry), 0, ENTRY_LONG, "EFER and PAT" },
	{ F(ept_vpid), EPT_LEVELS_4, 0, "four levels" },
	{ F(ept_vpid), EPT_WRITE_BACK, 0, "write-back" },
	{ F(ept_vpid), EPT_2M, 0, NULL },
	{ F(ept_vpid), EPT_INVEPT, 0, "INVEPT" },
	{ F(ept_vpid), EPT_INVEPT_ALL, 0, "INVEPT" },
	{ F(cr0_must), 0, CR0_WP, "CR0 or CR4" },
	{ F(cr4_must), 0, CR4_PAE, "CR0 or CR4" },
};

static void expect(const struct vmx_facts *f, const char *words)
{
	struct vmx_controls c;
	const char *why = vmx_choose(f, &c);

	CU_ASSERT_EQUAL(!why, !words);
	if (why && words)
		CU_ASSERT_PTR_NOT_NULL(strstr(why, words));
}

TEST(test_refusal, "which CPUs will do, and why the others do not")
{
	struct vmx_facts f;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		u64 *field;

		f = good;
		field = (u64 *)((char *)&f + rows[i].clear_offset);
		*field = (*field & ~rows[i].clear) | rows[i].set;
		expect(&f, rows[i].why);
	}
	f = good;
	f.features = (u32)~FEATURE_VMX;
	expect(&f, "no VT-x");
	f = (struct vmx_facts){ 0 };
	expect(&f, "no VT-x");
	f = good;
	f.structured = BIT(3);
	expect(&f, "protection keys");
	f = good;
	f.l1tf = true;
	expect(&f, "L1TF");
	f.unsafe = true;
	expect(&f, NULL);
	f.unsafe = false;
	f.l1_flush = true;
	expect(&f, NULL);
}

TEST(test_controls, "the controls: what is wanted, what must be, and nothing else")
{
	struct vmx_controls c;
	struct vmx_facts f = good;

	CU_ASSERT_PTR_NULL(vmx_choose(&f, &c));
	CU_ASSERT_EQUAL(c.pin, 0x16 | 0x29);
	CU_ASSERT_EQUAL(c.proc, 0x04006172 | 0xb1180c80);
	CU_ASSERT_EQUAL(c.proc2, 0xe2);
	CU_ASSERT_EQUAL(c.exit, 0x36dfb | 0x3c0204);
	CU_ASSERT_EQUAL(c.entry, 0x11fb | 0xc004);
	CU_ASSERT_TRUE(c.large);
	f.multihit = true;
	CU_ASSERT_PTR_NULL(vmx_choose(&f, &c));
	CU_ASSERT_FALSE(c.large);
	f.multihit = false;
	f.ept_vpid &= ~EPT_2M;
	CU_ASSERT_PTR_NULL(vmx_choose(&f, &c));
	CU_ASSERT_FALSE(c.large);
	f.proc2 &= ~MAY(PROC2_VPID);
	CU_ASSERT_PTR_NULL(vmx_choose(&f, &c));
	CU_ASSERT_EQUAL(c.proc2, 0xc2);
}

TEST(test_exits, "what an exit says")
{
	struct vmx_cr_access a = vmx_cr_access(0xf18);
	struct vmx_io io = vmx_io(0x03f80009);

	CU_ASSERT_TRUE(a.cr == 8 && a.what == VMX_CR_READ && a.gpr == 15);
	a = vmx_cr_access(0x300);
	CU_ASSERT_TRUE(a.cr == 0 && a.what == VMX_CR_WRITE && a.gpr == 3);
	a = vmx_cr_access(0xffff0030);
	CU_ASSERT_TRUE(a.cr == 0 && a.what == VMX_CR_LMSW);
	CU_ASSERT_TRUE(io.size == 2 && io.in && !io.string);
	io = vmx_io(0x13);
	CU_ASSERT_TRUE(io.size == 4 && !io.in && io.string);
}

TEST(test_attributes, "a segment's attributes, and that there is none")
{
	CU_ASSERT_EQUAL(vmx_attributes(0xa9b), 0xa09b);
	CU_ASSERT_EQUAL(vmx_attributes(0xc92), 0xc093);
	CU_ASSERT_EQUAL(vmx_attributes(0x8b), 0x8b);
	CU_ASSERT_EQUAL(vmx_attributes(0x82), 0x82);
	CU_ASSERT_EQUAL(vmx_attributes(0x60), 0x10060);
	CU_ASSERT_EQUAL(vmx_attributes(0), 0x10000);
	CU_ASSERT_EQUAL(vmx_arbytes(0xa09b), 0xa9b);
	CU_ASSERT_EQUAL(vmx_arbytes(0xc093), 0xc93);
	CU_ASSERT_EQUAL(vmx_arbytes(0x1c0f3), 0xc73);
}

#define ET BIT(4)

static void writes(u64 value, bool code64, u64 efer, u64 want_efer)
{
	struct guest_paging p = { efer & EFER_LMA ? CR0_PE | CR0_PG | ET : CR0_PE | ET, 0x1000,
				  CR4_PAE, efer };

	CU_ASSERT_TRUE(vmx_write_cr0(value, code64, &p));
	CU_ASSERT_EQUAL(p.cr0, value | ET);
	CU_ASSERT_EQUAL(p.efer, want_efer);
	CU_ASSERT_EQUAL(p.cr3, 0x1000);
}

static void refused(u64 value, bool code64, u64 cr4, u64 efer)
{
	const struct guest_paging before = { efer & EFER_LMA ? CR0_PE | CR0_PG | ET : CR0_PE | ET,
					     0, cr4, efer };
	struct guest_paging p = before;

	CU_ASSERT_FALSE(vmx_write_cr0(value, code64, &p));
	CU_ASSERT_EQUAL(memcmp(&p, &before, sizeof(p)), 0);
}

TEST(test_cr0, "what a guest's MOV to CR0 does where the CPU does not do it")
{
	const u64 on = CR0_PE | CR0_PG | CR0_NE, lm = EFER_LME | EFER_LMA;
	struct guest_paging legacy = { CR0_PE | CR0_PG | ET, 0, CR4_PAE, 0 };

	writes(on, false, 0, 0);
	writes(on, false, EFER_LME, lm);
	writes(on, true, lm, lm);
	writes(CR0_PE | CR0_NE, false, lm, EFER_LME);
	writes(0, false, 0, 0);
	writes(on | BIT(30) | BIT(29), true, lm, lm);
	writes(on | BIT(30), true, lm, lm);
	/* CS may be one for 64-bit code outside of long mode, where that says nothing. */
	CU_ASSERT_TRUE(vmx_write_cr0(CR0_PE, true, &legacy));
	CU_ASSERT_EQUAL(legacy.cr0, CR0_PE | ET);
	/* No paging without protection, no write-through without caches off. */
	refused(CR0_PG, false, CR4_PAE, 0);
	refused(on | BIT(29), false, CR4_PAE, 0);
	refused(on | BIT(32), true, CR4_PAE, lm);
	/* Long mode: not without PAE, not out of 64-bit code, neither way. */
	refused(on, false, 0, EFER_LME);
	refused(on, true, CR4_PAE, EFER_LME);
	refused(CR0_PE, true, CR4_PAE, lm);
}

TEST(test_event, "an event as VM entry takes it")
{
	const u32 valid = (u32)EVENT_VALID;

	CU_ASSERT_EQUAL(vmx_entry_event(0, CR0_PE), 0);
	CU_ASSERT_EQUAL(vmx_entry_event(0x30d, CR0_PE), 0);
	CU_ASSERT_EQUAL(vmx_entry_event(valid | 0xb0d, CR0_PE), valid | 0xb0d);
	CU_ASSERT_EQUAL(vmx_entry_event(valid | 0xb0d, 0), valid | 0x30d);
	/* What the CPU leaves undefined in what it says of an event. */
	CU_ASSERT_EQUAL(vmx_entry_event(valid | 0x1030d, CR0_PE), valid | 0x30d);
}

SUITE("vmx")
