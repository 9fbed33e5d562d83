// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
// seconds: 90
// quick: first
/*
 * Arguments that change between check and use: while one vcpu makes hypercalls, the other keeps
 * exchanging the words of their lists and structures for others, good ones for bad ones. What comes
 * of a call must be what one of the two would have given, never a mixture: no entry may ever map a
 * frame that is not ours or a table writable, no descriptor may be a gate, no frame of others may
 * be copied or granted, and nothing of the hypervisor's may be written.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-toctou";

#define ROUNDS 4000
#define FLIPS  100 /* so many at the least meet a loop of so many rounds */

static uint64_t list[512] __attribute__((aligned(4096)));
static uint8_t window[2][PAGE_SIZE] __attribute__((aligned(4096)));
static volatile struct {
	void *at;
	uint64_t good, bad;
	bool wide; /* eight bytes, also where a word has four */
} flips[4];
static volatile bool over;
static volatile unsigned long flipped;

static void flipper(void)
{
	while (!over) {
		for (unsigned i = 0; i < 4; i++) {
			uint64_t v = flipped & 1 << i % 2 ? flips[i].good : flips[i].bad;
			void *at = flips[i].at;

			if (at && flips[i].wide)
				store8(at, v);
			else if (at)
				__atomic_store_n((xen_ulong_t *)at, v, __ATOMIC_SEQ_CST);
		}
		flipped++;
	}
	vcpu_stop();
}

static void flip_to(unsigned i, bool wide, void *at, uint64_t good, uint64_t bad)
{
	flips[i].at = NULL;
	flips[i].wide = wide;
	flips[i].good = good;
	flips[i].bad = bad;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	flips[i].at = at;
}
/* A word of the guest's, and an entry of a table or whatever has as many bytes. */
#define flip(i, at, good, bad)	flip_to(i, false, at, good, bad)
#define flip8(i, at, good, bad) flip_to(i, true, at, good, bad)

/* Nothing is flipped any more; the other vcpu may be in the middle of a round. */
static void still(void)
{
	unsigned long n = flipped;

	for (unsigned i = 0; i < 4; i++)
		flips[i].at = NULL;
	wait_until(flipped >= n + 2);
}

/* The entry of `va` says `mfn` or nothing, and is not writable unless it may be. */
static void check_entry(const void *va, uint64_t one, uint64_t other)
{
	uint64_t e = *(volatile uint64_t *)pte_of(va);

	if (!(e & PTE_P))
		return;
	if ((e & PTE_ADDR) >> 12 != one && (e & PTE_ADDR) >> 12 != other)
		fail("an entry came to be %#llx", (unsigned long long)e);
	if ((e & PTE_ADDR) >> 12 == other && (e & PTE_RW))
		fail("a table came to be writable: %#llx", (unsigned long long)e);
}

/* After so many rounds a loop is over, if the words were exchanged meanwhile. */
static bool more(unsigned i)
{
	static unsigned long from;

	if (!i)
		from = flipped;
	if (i % 256 == 255)
		yield();
	return i < ROUNDS || flipped - from < FLIPS;
}

/* The value of an update: our page writable, or a table of ours writable, or a foreign frame. */
static void test_entries(void)
{
	uint64_t own = virt_to_mfn(window[0]), table = virt_to_mfn(pte_of(window[0])),
		 ptr = pte_maddr(window[0]);
	struct mmu_update *u = (void *)list;
	unsigned done = 0;

	u->ptr = ptr;
	flip8(0, &u->val, LEAF(own, PTE_KERNEL), LEAF(table, PTE_KERNEL));
	for (unsigned i = 0; more(i); i++) {
		done += hypercall(mmu_update, u, 1L, 0L, (long)DOMID_SELF) == 0;
		check_entry(window[0], own, table);
	}
	flip8(0, &u->val, LEAF(table, PTE_P | PTE_AD), LEAF(table, PTE_KERNEL));
	for (unsigned i = 0; more(i); i++) {
		hypercall(mmu_update, u, 1L, 0L, (long)DOMID_SELF);
		check_entry(window[0], own, table);
	}
	flip8(0, &u->val, LEAF(own, PTE_KERNEL), LEAF(0x100, PTE_KERNEL));
	for (unsigned i = 0; more(i); i++) {
		hypercall(mmu_update, u, 1L, 0L, (long)DOMID_SELF);
		check_entry(window[0], own, table);
	}
	/* And where it goes: our page's entry, a word of a root's reserved slots. */
	still();
	u->val = LEAF(own, PTE_KERNEL);
	flip8(0, &u->ptr, ptr, virt_to_mfn((void *)start_info->pt_base) << 12 | 260 * 8);
	for (unsigned i = 0; more(i); i++)
		done += hypercall(mmu_update, u, 1L, 0L, (long)DOMID_SELF) == 0;
	still();
	check(done);
	check_eq(mmu_update(ptr, LEAF(own, PTE_KERNEL)), 0);
}

static void test_copies(void)
{
	uint64_t own = virt_to_mfn(window[0]), table = virt_to_mfn(pte_of(window[0])),
		 entry = *pte_of(window[1]);
	struct mmuext_op *op = (void *)list;
	struct gnttab_copy *c = (void *)list;
	volatile uint64_t *there = pte_of(window[1]);

	/* Clearing, and copying, of our page or of our table. */
	memset(list, 0, sizeof(list));
	op->cmd = MMUEXT_CLEAR_PAGE;
	flip(0, &op->arg1.mfn, own, table);
	for (unsigned i = 0; more(i); i++) {
		mmuext_ops(op, 1);
		check_eq(*there & ~PTE_AD, entry & ~PTE_AD);
	}
	still();
	memset(list, 0, sizeof(list));
	*c = (struct gnttab_copy){ .source = { .u.gmfn = own, .domid = DOMID_SELF },
				   .dest = { .u.gmfn = own, .domid = DOMID_SELF },
				   .len = 64 };
	/* Offset and length are in words of their own: both large is over the page's end. */
	flip(0, &c->dest.u.gmfn, own, table);
	flip(1, &c->len, 64, 0xffff);
	for (unsigned i = 0; more(i); i++) {
		hypercall(grant_table_op, (long)GNTTABOP_copy, c, 1L);
		check_eq(*there & ~PTE_AD, entry & ~PTE_AD);
	}
	still();
}

static void test_descriptors(void)
{
	uint64_t *gdt = page_alloc(), frame = virt_to_mfn(gdt), table = virt_to_mfn(pte_of(gdt));
	const uint64_t data = 0x00cff3000000ffffULL, gate = 0x0000ec000000e008ULL;
	xen_ulong_t *frames = (xen_ulong_t *)list;

	/* A page that the other writes to while it becomes a GDT: through an entry that is
	 * writable. */
	check_eq(make_readonly(gdt), 0);
	frames[0] = frame;
	flip(0, &frames[0], frame, table);
	flip(1, &frames[1], frame, 0x100);
	for (unsigned i = 0; more(i); i++)
		hypercall(set_gdt, frames, i & 1 ? 512L : 1024L);
	still();
	check_eq(hypercall(set_gdt, (void *)0, 0L), 0);
	check_eq(make_writable(gdt), 0);
	/* Stores and the change of type against each other. */
	flip8(0, window[1], data, gate);
	for (unsigned i = 0; i < 40; i++) {
		if (map_page(window[1], frame, PTE_KERNEL) == 0)
			yield();
		/* The other's stores fault from here on, which its trap hook lets pass. */
		hypercall(update_va_mapping, window[1], LEAF(frame, PTE_P | PTE_AD),
			  (long)(UVMF_INVLPG | UVMF_ALL));
		check_eq(make_readonly(gdt), 0);
		if (hypercall(set_gdt, &frame, 512L) == 0) {
			check((*(volatile uint64_t *)gdt & 1ULL << 44) ||
			      !(*(volatile uint64_t *)gdt & 1ULL << 47));
			check_eq(hypercall(set_gdt, (void *)0, 0L), 0);
		}
		check_eq(make_writable(gdt), 0);
	}
	/* First, since the other's last store cannot end before. */
	check_eq(map_page(window[1], virt_to_mfn(window[1]), PTE_KERNEL), 0);
	still();
}

/* A batch whose entries turn from harmless calls into others, and pointers into the hypervisor. */
static void test_batches(void)
{
	uint64_t sum = 0, again = 0;
	struct multicall_entry *m = (void *)list;
	struct vcpu_guest_context *c = vcpu_context(0, NULL);
	struct vcpu_register_runstate_memory_area *area = (void *)(list + 100);
	static struct vcpu_runstate_info r;

	for (unsigned i = 0; i < 8; i++)
		sum += m2p[virt_to_mfn(stacks[i])];
	memset(list, 0, sizeof(list));
	for (unsigned i = 0; i < 4; i++)
		m[i] = (struct multicall_entry){ .op = __HYPERVISOR_xen_version,
						 .args = { XENVER_capabilities,
							   (uintptr_t)window[0] } };
	flip(0, &m[1].args[1], (uintptr_t)window[0], HYPERVISOR_VIRT_START);
	flip(1, &m[2].op, __HYPERVISOR_xen_version, __HYPERVISOR_multicall);
	flip(2, &m[3].op, __HYPERVISOR_xen_version, ~0UL);
	flip(3, &area->addr.v, (uintptr_t)&r, HYPERVISOR_VIRT_START);
	for (unsigned i = 0; more(i); i++) {
		check_eq(hypercall(multicall, m, 4L), 0);
		vcpu_op(VCPUOP_register_runstate_memory_area, 0, area);
		yield();
	}
	still();
	area->addr.v = 0;
	check_eq(vcpu_op(VCPUOP_register_runstate_memory_area, 0, area), 0);
	for (unsigned i = 0; i < 8; i++)
		again += m2p[virt_to_mfn(stacks[i])];
	check_eq(sum, again);
	/* A vcpu's context: its address and its root. Bad ones are refused, whichever is read. */
#ifdef __i386__
	flip(0, &c->user_regs.eip, HYPERVISOR_VIRT_START, ~0UL);
#else
	flip(0, &c->user_regs.rip, 0xffff830000000000UL, 0x0000800000000000UL);
#endif
	flip(1, &c->ctrlreg[3], ~0UL, xen_pfn_to_cr3(virt_to_mfn(window[0])));
	for (unsigned i = 0; more(i); i++)
		check_refused(vcpu_op(VCPUOP_initialise, 1, c));
	still();
}

static bool let_pass(struct trap_frame *f)
{
	/* Only the flipper's stores may fault: try again, until the page is writable again. */
	return f->vector == 14 && vcpu_id() == 1;
}

void test_main(void)
{
	trap_hook = let_pass;
	vcpu_start(1, flipper);
	test_entries();
	test_copies();
	test_descriptors();
	test_batches();
	check(flipped > 1000);
	over = true;
}
