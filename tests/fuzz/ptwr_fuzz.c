// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/cpu/tlb_clock.c
// sources: hypervisor/memory/frame.c hypervisor/memory/heap.c hypervisor/control/audit.c
// sources: hypervisor/pv/pagetype.c hypervisor/pv/mmu.c hypervisor/pv/leaf.c hypervisor/pv/mmuext.c
// sources: hypervisor/pv/ptwr.c hypervisor/pv/decode.c hypervisor/pv/modify.c
// sources: hypervisor/pv/descriptor.c hypervisor/pv/descriptor_page.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c hypervisor/lib/printf.c
// sources: tests/unit/sim/sim.c
// cflags: -DSIM_FRAMES=256 -DHEAP_FIRST=160ULL
// clang: -fno-sanitize-coverage=trace-cmp
// options: -max_len=640
//
// Writable page tables: a guest writes to L1 tables that it has mapped read-only, with any
// instruction. What is accepted must leave in the entry what the processor would have written, as
// far as an entry may have it, and the same registers and flags; what is refused must leave all as
// it was. The audit and the model of the TLBs run after each write.

#include "mmu_world.h"
#include "native.h"

/* The L1 that is written to maps pages of the pool from slot 0 on, and itself in slot 255. */
#define L1    pool[3]
#define VA(slot) ((u64)(slot) << PAGE_SHIFT)
#define SELF  255

static u64 pick_entry(struct fuzz_in *in)
{
	static const u64 flags[] = {
		PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D, PTE_P | PTE_US | PTE_A, 0,
		PTE_P | PTE_RW | PTE_NX, PTE_P | PTE_RW | PTE_G, PTE_P | PTE_PCD,
		PTE_P | PTE_AVAIL | PTE_A, PTE_RW | PTE_D,
	};
	u8 which = fuzz_u8(in), f = fuzz_u8(in);

	if (f == 0xff)
		return fuzz_u64(in);
	return pte_make(which < 0xf8 ? pool[which % POOL] : va_to_mfn(idle_l4),
			flags[f % ARRAY_SIZE(flags)]);
}

/* As the entry may look: what the guest wrote, its kernel's mark, and A and D are the CPU's. */
static bool allowed_form(u64 entry, u64 written)
{
	const u64 free_bits = PTE_US | PTE_G | PTE_GUEST_KERNEL;

	if (!(written & PTE_P))
		return entry == written;
	return !((entry ^ written) & ~free_bits) && (entry & PTE_US);
}

static void setup_tree(void)
{
	on_cpu(0);
	for (unsigned i = 0; i < 3; i++)
		table_of(pool[i])[0] = pte_make(pool[i + 1], TABLE_FLAGS);
	for (unsigned i = 0; i < 3; i++)
		table_of(L1)[i] = pte_make(pool[4 + i], DATA_FLAGS | PTE_US);
	table_of(L1)[3] = pte_make(pool[7], PTE_P | PTE_US | PTE_A);
	table_of(L1)[SELF] = pte_make(L1, PTE_P | PTE_A);
	/* A second table, of another level, that must never be written this way. */
	table_of(L1)[256] = pte_make(pool[2], PTE_P);
	FUZZ_CHECK(!mmuext(MMUEXT_NEW_BASEPTR, pool[0], 0), "the first tree");
	on_cpu(1);
	FUZZ_CHECK(!mmuext(MMUEXT_NEW_BASEPTR, pool[0], 0), "the first tree");
}

/* One write by the code at rip; which entry, by what. */
static void op_write(struct fuzz_in *in, unsigned cpu)
{
	static u64 around[3];
	static u8 code[64] __attribute__((aligned(64)));
	u8 how = fuzz_u8(in);
	unsigned slot = slots[fuzz_below(in, 4)], window = how & 0x40 ? 256 : SELF;
	u64 va = VA(window) + slot * 8 + (how & 0x80 ? fuzz_u8(in) & 7 : 0);
	unsigned at = va & 7;
	struct insn insn;
	struct regs r = { 0 }, before;
	u64 *entry = &table_of(window == SELF ? L1 : pool[2])[slot], was = *entry, full, now;
	u64 want_regs[16], want_flags;
	unsigned n;
	bool done, bits, native;

	memset(code, 0xcc, sizeof(code));
	n = native_build(in, code);
	for (unsigned i = 0; i < 16; i++)
		*regs_gpr(&r, i) = how >> i % 3 & 1 ? pick_entry(in) : fuzz_u8(in);
	/* cmpxchg is mostly asked with what is there. */
	if (how & 8)
		r.rax = was;
	if (how & 16 && n > 3)
		r.rdx = was >> 32;
	r.rdi = va;
	r.rsp = 0;
	r.rip = (u64)code;
	r.rflags = 0x202 | (fuzz_u16(in) & ARITH);
	before = r;
	on_cpu(cpu);
	sim.preempt_after = how & 4 ? 1 : 0;
	done = ptwr_fault(&r, va, 3);
	sim.preempt_after = 0;
	now = *entry;
	fuzz_say("cpu %u: %02x %02x %02x %02x at %lx: %lx -> %lx, %d\n", cpu, code[0], code[1],
		 code[2], code[3], va, was, now, done);

	if (!done || r.rip == before.rip) {
		FUZZ_CHECK(!memcmp(&r, &before, sizeof(r)), "a refused write changed registers");
		FUZZ_CHECK(now == was, "a refused write changed entry %u: %lx, %lx", slot, was,
			   now);
		return;
	}
	FUZZ_CHECK(window == SELF, "a table of level 2 was written");
	FUZZ_CHECK(insn_decode(code, n, &insn) && at + insn.size <= 8 && r.rip == before.rip + n,
		   "what was that?");

	/* The processor does it, on a copy. */
	bits = insn.kind == INSN_BTS || insn.kind == INSN_BTR || insn.kind == INSN_BTC;
	native = !insn.has_modrm || insn.reg != 4 || insn.byte_high;
	FUZZ_CHECK(!bits || insn.has_imm ||
			   regs_read(&before, insn.reg, insn.size, false) < 8u * insn.size,
		   "a bit beyond the operand");
	if (!native)
		return;
	around[1] = was;
	for (unsigned i = 0; i < 16; i++)
		native_gpr[i] = *regs_gpr(&before, i);
	native_gpr[7] = (u64)&around[1] + at;
	/* The address as an operand is the guest's business: leave those out. */
	if (insn.has_modrm && !insn.has_imm && insn.reg == 7 && !insn.byte_high)
		return;
	native_flags = before.rflags;
	memcpy(native_code, code, n);
	native_code[n] = 0xc3;
	native_run();
	full = around[1];
	for (unsigned i = 0; i < 16; i++)
		want_regs[i] = native_gpr[i];
	want_regs[7] = native_gpr[7] - ((u64)&around[1] + at) + va;
	want_flags = native_flags;
	FUZZ_CHECK(full == was ? now == was || allowed_form(now, full) : allowed_form(now, full),
		   "entry %u was %lx and is %lx, the processor makes it %lx", slot, was, now, full);
	for (unsigned i = 0; i < 16; i++)
		FUZZ_CHECK(*regs_gpr(&r, i) == want_regs[i],
			   "register %u is %lx, the processor makes it %lx", i, *regs_gpr(&r, i),
			   want_regs[i]);
	FUZZ_CHECK(!((r.rflags ^ want_flags) & native_defined(insn.kind)), "flags %lx, not %lx",
		   r.rflags & ARITH, want_flags & ARITH);
}

/* Faults that are none of such writes. */
static void op_other_fault(struct fuzz_in *in)
{
	static u8 code[32];
	struct regs r = { 0 }, before;
	u64 va = fuzz_u8(in) & 1 ? fuzz_u64(in) : VA(fuzz_u8(in)) + (fuzz_u8(in) & ~7u);
	u32 error = fuzz_u8(in);
	bool done;

	fuzz_bytes(in, code, 15);
	r.rdi = r.rax = va;
	r.rip = fuzz_u8(in) >= 0xf0 ? 0 : (u64)code;
	before = r;
	done = ptwr_fault(&r, va, error);
	if (done)
		FUZZ_CHECK((error & 3) == 3, "error code %x", error);
	else
		FUZZ_CHECK(!memcmp(&r, &before, sizeof(r)), "a refused write changed registers");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	native_init();
	world_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	u8 how = fuzz_u8(&in);

	world_begin(how & 1, how >> 2);
	setup_tree();
	world_check();
	for (unsigned n = 0; n < 32 && fuzz_more(&in); n++) {
		u8 op = fuzz_u8(&in);

		world_leap(op >> 4);
		switch (op % 8) {
		case 0:
			op_other_fault(&in);
			break;
		case 1:
			on_cpu(op >> 7);
			(void)mmu_update((L1 << PAGE_SHIFT) + slots[op >> 3 & 3] * 8,
					 pick_entry(&in));
			break;
		case 2:
			on_cpu(0);
			(void)mmuext(op & 0x80 ? MMUEXT_PIN_L1_TABLE : MMUEXT_UNPIN_TABLE,
				     pool[fuzz_below(&in, GUEST_POOL)], 0);
			break;
		default:
			op_write(&in, op >> 7);
		}
		world_check();
	}
	world_end();
	return 0;
}
