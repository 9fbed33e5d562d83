// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/memory/p2m.c hypervisor/hvm/guest_walk.c
// sources: hypervisor/hvm/mmio.c hypervisor/hvm/emulate.c
// sources: hypervisor/pv/decode.c hypervisor/pv/modify.c
// sources: hypervisor/hvm/x2apic.c hypervisor/hvm/apic_timer.c hypervisor/machine/timescale.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/mmu.c hypervisor/pv/leaf.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
//
// An HVM guest that accesses its local APIC's page: the instruction is found through its tables and
// done, or its fault is given to it; what it does not have is its end; and code that is another by
// now is left to it.

#include "mmu_fixture.h"
#include "suite.h"
#include "cpu/msr.h"
#include "hvm/hvm.h"
#include "hvm/mmio.h"
#include "hvm/vcpu.h"
#include "memory/p2m.h"

#define PAGES 16
#define BITS  (PTE_P | PTE_RW | PTE_US)
/* Where code, the APIC's page, memory behind it and elsewhere are: l1 of one 2 MiB. */
#define CODE   0x400000ULL
#define APIC   0x410000ULL
#define BEHIND 0x411000ULL
#define DATA   0x420000ULL

static struct hvm_vcpu h;
static struct vcpu *v;
static vaddr_t cr2;
static unsigned crashes, timers;
static u64 sent;

void domain_crash(struct domain *d, const char *fmt, ...)
{
	crashes++;
}
void hvm_inject(struct vcpu *w, unsigned vector, bool has_error)
{
	w->hvm->now.event = (u32)EVENT_VALID | EVENT_EXCEPTION | vector |
			    (has_error ? (u32)EVENT_ERROR : 0);
	w->hvm->now.error = 0;
}
void hvm_send_ipi(u64 icr)
{
	sent = icr | BIT(63);
}
void hvm_timer_update(struct vcpu *w)
{
	timers++;
}
u64 system_time(void)
{
	return 1000;
}
static void get_segment(struct vcpu *w, unsigned n, struct hvm_segment *s)
{
	*s = (struct hvm_segment){ 0, ~0U, n == SEG_CS ? 0x29b : 0xc93 };
}
static void set_cr2(struct vcpu *w, vaddr_t va)
{
	cr2 = va;
}
static const struct hvm_ops ops = { .get_segment = get_segment, .set_cr2 = set_cr2 };
const struct hvm_ops *hvm_ops = &ops;

static void *page(gfn_t gfn)
{
	return mfn_to_va(p2m_lookup(guest, gfn, NULL));
}

static void map(vaddr_t va, u64 e)
{
	((u64 *)page(4))[va >> 12 & 511] = e;
}

static void begin(void)
{
	fixture_begin();
	guest->max_pages = 64;
	CU_ASSERT_EQUAL(p2m_create(guest), 0);
	for (gfn_t gfn = 0; gfn < PAGES; gfn++)
		CU_ASSERT_EQUAL(p2m_add(guest, gfn, new_frame(guest), 0, P2M_RAM), 0);
	((u64 *)page(1))[0] = 0x2000 | BITS;
	((u64 *)page(2))[0] = 0x3000 | BITS;
	((u64 *)page(3))[2] = 0x4000 | BITS;
	map(CODE, 0x5000 | BITS);
	map(APIC, XAPIC_PAGE | BITS);
	map(BEHIND, 0x6000 | BITS);
	map(DATA, 0x7000 | BITS);
	v = guest->vcpu[0];
	sim_current = v;
	h = (struct hvm_vcpu){ .now = {
		.paging = { CR0_PE | CR0_PG | CR0_WP, 0x1000, CR4_PAE, EFER_LME | EFER_LMA },
		.long_code = true, .shadow = true,
	} };
	x2apic_reset(&h.apic, 0);
	CU_ASSERT_TRUE(x2apic_write(&h.apic, 0x1b, 0, 0xfee00100) &&
		       x2apic_write(&h.apic, 0x1b, 0, 0xfee00900));
	CU_ASSERT_FALSE(xapic_write(&h.apic, 0xd0, 4, 0, 0x12000000));
	v->hvm = &h;
	sim.regs = (struct regs){ .rip = CODE, .rflags = 2, .rdi = APIC + 0xd0, .rax = 0x34000000 };
	crashes = timers = 0;
	cr2 = sent = 0;
}

/* Every reference was given back, too. */
static void end(void)
{
	v->hvm = NULL;
	CU_ASSERT_EQUAL(audit(), 0);
	guest->dying = true;
	while (p2m_relinquish(guest))
		;
	p2m_destroy(guest);
	fixture_end();
}

static void put_code(const u8 *bytes, unsigned n)
{
	memset(page(5), 0xcc, 32);
	memcpy(page(5), bytes, n);
}
#define CODE_IS(...) put_code((const u8[]){ __VA_ARGS__ }, sizeof((u8[]){ __VA_ARGS__ }))

static bool go(void)
{
	return hvm_do_mmio(v, XAPIC_PAGE);
}

static u32 reg(unsigned offset)
{
	return (u32)xapic_read(&h.apic, offset, 4, 0);
}

static bool has_fault(unsigned vector, u32 error)
{
	bool is = h.now.event == ((u32)EVENT_VALID | EVENT_EXCEPTION | (u32)EVENT_ERROR | vector) &&
		  h.now.error == error && sim.regs.rip == CODE;

	h.now.event = 0;
	return is;
}

TEST(test_done, "loads, stores, and both: registers, the device, rip")
{
	CODE_IS(0x89, 0x07);
	CU_ASSERT_TRUE(go());
	CU_ASSERT_EQUAL(reg(0xd0), 0x34000000);
	CU_ASSERT_TRUE(sim.regs.rip == CODE + 2 && !h.now.shadow && !h.now.event && timers == 1);
	sim.regs.rip = CODE;
	CODE_IS(0x48, 0x0f, 0xbe, 0x47, 3);
	CU_ASSERT_TRUE(go());
	CU_ASSERT_TRUE(sim.regs.rax == 0x34 && sim.regs.rip == CODE + 5);
	sim.regs.rip = CODE;
	CODE_IS(0xf0, 0x81, 0x07, 0, 0, 0, 0x50);
	CU_ASSERT_TRUE(go());
	CU_ASSERT_EQUAL(reg(0xd0), 0x84000000);
	CU_ASSERT_TRUE(sim.regs.rflags & BIT(7));
	/* The ICR sends. */
	sim.regs = (struct regs){ .rip = CODE, .rdi = APIC + 0x300, .rax = 0x4461 };
	CODE_IS(0x89, 0x07);
	CU_ASSERT_TRUE(go());
	CU_ASSERT_EQUAL(sent, BIT(63) | 0x4461);
	CU_ASSERT_EQUAL(crashes, 0);
}

TEST(test_none, "where there is no device, and while an event is delivered, nothing is done")
{
	CODE_IS(0x89, 0x07);
	CU_ASSERT_FALSE(hvm_do_mmio(v, XAPIC_PAGE - 1));
	CU_ASSERT_FALSE(hvm_do_mmio(v, XAPIC_PAGE + PAGE_SIZE));
	h.now.event = (u32)EVENT_VALID | EVENT_NMI | 2;
	CU_ASSERT_FALSE(go());
	h.now.event = 0;
	CU_ASSERT_TRUE(x2apic_write(&h.apic, 0x1b, 0, 0xfee00d00));
	CU_ASSERT_FALSE(go());
	CU_ASSERT_TRUE(sim.regs.rip == CODE && !h.now.event && !crashes);
}

TEST(test_changed, "code that accesses no device any more goes on, unknown code is #UD")
{
	static const u8 nops[] = { 0x90, 0x90 };

	/* Memory: not ours to do, though it is known. */
	sim.regs.rdi = DATA;
	CODE_IS(0xf0, 0x01, 0x07);
	memset(page(7), 0, 8);
	CU_ASSERT_TRUE(go());
	CU_ASSERT_TRUE(sim.regs.rip == CODE && !h.now.event && !*(u32 *)page(7));
	sim.regs.rsi = DATA + 8;
	CODE_IS(0xa5);
	CU_ASSERT_TRUE(go());
	CU_ASSERT_TRUE(sim.regs.rip == CODE && sim.regs.rdi == DATA && !h.now.event);
	/* Some tries for what is not known; the same again and again is what it is. */
	sim.regs.rdi = APIC;
	put_code(nops, 2);
	CU_ASSERT_TRUE(go());
	CU_ASSERT_FALSE(h.now.event & EVENT_VALID);
	CODE_IS(0x0f, 0x10, 0x07);
	for (unsigned i = 0; i < 20; i++) {
		/* Others in between, and another state: from the beginning. */
		if (i == 5)
			put_code(nops, 2);
		else if (i == 6)
			CODE_IS(0x0f, 0x10, 0x07);
		else if (i == 13)
			sim.regs.rcx++;
		CU_ASSERT_TRUE(go());
		CU_ASSERT_EQUAL(h.now.event & EVENT_VALID, 0);
		if (i == 12)
			CU_ASSERT_EQUAL(h.mmio.tries, 7);
	}
	CU_ASSERT_TRUE(go());
	CU_ASSERT_EQUAL(h.now.event, (u32)EVENT_VALID | EVENT_EXCEPTION | 6);
	h.now.event = 0;
	/* At another place it is another one; and so it is after one that is done. */
	memcpy((u8 *)page(5) + 0x40, page(5), 16);
	sim.regs.rip = CODE + 0x40;
	CU_ASSERT_TRUE(go());
	CU_ASSERT_FALSE(h.now.event & EVENT_VALID);
	/* No code at all: the CPU says so. */
	sim.regs.rip = CODE + 0x1000;
	CU_ASSERT_TRUE(go());
	CU_ASSERT_FALSE(h.now.event & EVENT_VALID);
	/* At its page's end nothing behind it is needed, and what is, is taken from there. */
	((u8 *)page(5))[PAGE_SIZE - 2] = 0x89;
	((u8 *)page(5))[PAGE_SIZE - 1] = 0x07;
	sim.regs = (struct regs){ .rip = CODE + PAGE_SIZE - 2, .rdi = APIC + 0xd0,
				  .rax = 0x66000000 };
	CU_ASSERT_TRUE(go());
	CU_ASSERT_EQUAL(reg(0xd0), 0x66000000);
	((u8 *)page(5))[PAGE_SIZE - 1] = 0x47;
	((u8 *)page(8))[0] = 0xd0;
	map(CODE + PAGE_SIZE, 0x8000 | BITS);
	sim.regs = (struct regs){ .rip = CODE + PAGE_SIZE - 2, .rdi = APIC + 0x100,
				  .rax = 0x77000000 };
	CU_ASSERT_TRUE(go());
	CU_ASSERT_EQUAL(reg(0xd0), 0x77000000);
	CU_ASSERT_EQUAL(sim.regs.rip, CODE + PAGE_SIZE + 1);
	CU_ASSERT_EQUAL(crashes, 0);
}

TEST(test_faults, "page faults and others: the guest's, before anything is done")
{
	u64 before;

	/* movsl from the page: the other one is absent, not to be written, not a process's. */
	CODE_IS(0xa5);
	sim.regs.rsi = APIC + 0x30;
	sim.regs.rdi = DATA;
	map(DATA, 0);
	CU_ASSERT_TRUE(go() && has_fault(14, 2) && cr2 == DATA);
	map(DATA, 0x7000 | PTE_P | PTE_US);
	CU_ASSERT_TRUE(go() && has_fault(14, 3) && cr2 == DATA);
	h.now.cpl = 3;
	map(DATA, 0x7000 | PTE_P | PTE_RW);
	CU_ASSERT_TRUE(go() && has_fault(14, 7) && cr2 == DATA);
	h.now.cpl = 0;
	h.now.paging.cr4 |= CR4_SMAP;
	map(APIC, XAPIC_PAGE | PTE_P | PTE_RW);
	map(DATA, 0x7000 | BITS);
	CU_ASSERT_TRUE(go() && has_fault(14, 3) && cr2 == DATA);
	sim.regs.rflags |= RFLAGS_AC;
	CU_ASSERT_TRUE(go() && !h.now.event);
	CU_ASSERT_TRUE(*(u32 *)page(7) == 0x50014 && sim.regs.rdi == DATA + 4 &&
		       sim.regs.rsi == APIC + 0x34 && sim.regs.rip == CODE + 1);
	CU_ASSERT_EQUAL(((u64 *)page(4))[DATA >> 12 & 511], 0x7000 | BITS | PTE_A | PTE_D);
	h.now.paging.cr4 &= ~(u64)CR4_SMAP;
	/* stosq over the page's end: into memory; then there is none, and nothing is done. */
	CODE_IS(0x48, 0xab);
	sim.regs = (struct regs){ .rip = CODE, .rdi = BEHIND - 3, .rax = 0x1122334455667788 };
	memset(page(6), 0, 16);
	CU_ASSERT_TRUE(go());
	CU_ASSERT_TRUE(*(u64 *)page(6) == 0x1122334455 && sim.regs.rdi == BEHIND + 5);
	map(BEHIND, 0);
	sim.regs.rip = CODE;
	sim.regs.rdi = BEHIND - 3;
	before = ((u64 *)page(6))[0];
	CU_ASSERT_TRUE(go() && has_fault(14, 2) && cr2 == BEHIND);
	CU_ASSERT_TRUE(((u64 *)page(6))[0] == before && sim.regs.rdi == BEHIND - 3);
	/* Not canonical: no page fault. */
	CODE_IS(0xa5);
	sim.regs.rsi = APIC;
	sim.regs.rdi = 0x800000000000;
	CU_ASSERT_TRUE(go() && has_fault(13, 0));
	/* A device's register is written where the store fails: not with one that reads it, too. */
	CODE_IS(0x8f, 0x07);
	sim.regs.rsp = BEHIND;
	sim.regs.rdi = APIC + 0xd0;
	CU_ASSERT_TRUE(go() && has_fault(14, 0) && cr2 == BEHIND && sim.regs.rsp == BEHIND);
	CU_ASSERT_EQUAL(reg(0xd0), 0x12000000);
	CU_ASSERT_EQUAL(crashes, 0);
}

TEST(test_lost, "what is neither a device nor the domain's own memory is the end of it")
{
	CODE_IS(0xa5);
	sim.regs.rsi = APIC + 0xd0;
	sim.regs.rdi = DATA;
	map(DATA, (u64)PAGES << PAGE_SHIFT | BITS);
	CU_ASSERT_TRUE(go());
	CU_ASSERT_TRUE(crashes == 1 && sim.regs.rip == CODE && sim.regs.rdi == DATA);
	/* Before the device sees anything. */
	CODE_IS(0x48, 0xab);
	map(BEHIND, (u64)PAGES << PAGE_SHIFT | BITS);
	sim.regs.rdi = BEHIND - 4;
	CU_ASSERT_TRUE(go());
	CU_ASSERT_TRUE(crashes == 2 && timers == 0 && sim.regs.rip == CODE);
	CODE_IS(0xa5);
	/* So is a table there. */
	((u64 *)page(3))[3] = (u64)PAGES << PAGE_SHIFT | BITS;
	sim.regs.rdi = 0x600000;
	CU_ASSERT_TRUE(go());
	CU_ASSERT_EQUAL(crashes, 3);
	/* Where no device is any more it is not our matter: a copy that has run out of the page. */
	map(DATA, 0x7000 | BITS);
	sim.regs = (struct regs){ .rip = CODE, .rsi = BEHIND - 8, .rdi = DATA, .rcx = 9 };
	CODE_IS(0xf3, 0xa5);
	CU_ASSERT_TRUE(go());
	CU_ASSERT_TRUE(crashes == 3 && !h.now.event && sim.regs.rcx == 7);
	CU_ASSERT_TRUE(sim.regs.rip == CODE && sim.regs.rsi == BEHIND);
	/* One that is lost is no reason to leave a device's fault or end unseen. */
	sim.regs.rdi = APIC;
	sim.regs.rcx = 1;
	CU_ASSERT_TRUE(go());
	CU_ASSERT_EQUAL(crashes, 4);
}

TEST(test_repeated, "repeated ones: some rounds for one exit, and fewer where others wait")
{
	CODE_IS(0xf3, 0xa5);
	sim.regs.rsi = APIC;
	sim.regs.rdi = DATA;
	sim.regs.rcx = 100;
	CU_ASSERT_TRUE(go());
	CU_ASSERT_TRUE(sim.regs.rcx == 36 && sim.regs.rip == CODE && sim.regs.rsi == APIC + 256);
	CU_ASSERT_TRUE(go());
	CU_ASSERT_TRUE(sim.regs.rcx == 0 && sim.regs.rip == CODE + 2 &&
		       sim.regs.rdi == DATA + 400);
	for (unsigned i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(((u32 *)page(7))[i], i % 4 ? 0 : reg(i * 4));
	sim.regs.rip = CODE;
	sim.regs.rcx = ~0ULL;
	sim.regs.rsi = APIC;
	sim.regs.rdi = DATA;
	sim.preempt_after = 3;
	CU_ASSERT_TRUE(go());
	CU_ASSERT_TRUE(sim.regs.rcx == ~0ULL - 3 && sim.regs.rip == CODE);
	/* Its end: rounds that are the CPU's own. */
	sim.preempt_after = 0;
	sim.regs.rsi = BEHIND - 8;
	CU_ASSERT_TRUE(go());
	CU_ASSERT_TRUE(sim.regs.rcx == ~0ULL - 5 && sim.regs.rsi == BEHIND && !h.now.event);
	/* A fault in the midst of it: what is done is done. */
	sim.regs.rsi = APIC;
	sim.regs.rdi = DATA + PAGE_SIZE - 8;
	CU_ASSERT_TRUE(go() && has_fault(14, 2) && cr2 == DATA + PAGE_SIZE);
	CU_ASSERT_TRUE(sim.regs.rcx == ~0ULL - 7 && sim.regs.rsi == APIC + 8);
	/* None. */
	sim.regs.rcx = 0;
	CU_ASSERT_TRUE(go());
	CU_ASSERT_EQUAL(sim.regs.rip, CODE + 2);
	CU_ASSERT_EQUAL(crashes, 0);
}

SUITE("hvm_mmio", .init = fixture_init, .begin = begin, .end = end)
