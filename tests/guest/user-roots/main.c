// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
/*
 * The user root as user mode sees it, at once, after each way to change it. An unmapped hypervisor
 * runs its guests on copies of their roots that it keeps while the mode changes: a copy must never
 * outlive an entry of the root, written here or by another vcpu, nor the root's frame.
 */
#include "guest.h"

const char test_name[] = "user-roots";

/* Where a second L3 is hung in and out; slot 1 of the root. */
#define ELSEWHERE (1UL << 39)

static struct user user;
static struct space more; /* its L3 is what slot 1 gets; its L4 is of no use */
static uint8_t *page[2];
static volatile unsigned turn;

/* What user mode reads at ELSEWHERE: the word, or 14 if there is nothing. */
static uint64_t seen(void)
{
	int v = probe_user(USER_CODE, USER_STACK + PAGE_SIZE);

	if (v == 14)
		check_eq(probe_cr2, ELSEWHERE);
	else
		check_eq(v, TRAP_SYSCALL);
	return v == 14 ? 14 : probe_frame.rax;
}

static uint64_t slot(const struct space *s)
{
	return virt_to_mfn(s->table[4]) << 12 | 8;
}

static void test_entry(void)
{
	uint64_t at = slot(&user.space), leaf = virt_to_mfn(more.table[1]) << 12;

	check_eq(seen(), 14);
	for (unsigned i = 0; i < 3; i++) {
		check_eq(mmu_update(at, TABLE_ENTRY(more.table[3])), 0);
		check_eq(seen(), 1000);
		check_eq(seen(), 1000);
		/* A leaf is no root's business; the copy leads there. */
		check_eq(mmu_update(leaf, LEAF(virt_to_mfn(page[1]), PTE_P | PTE_US | PTE_AD)), 0);
		check_eq(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
		check_eq(seen(), 2000);
		check_eq(mmu_update(leaf, LEAF(virt_to_mfn(page[0]), PTE_P | PTE_US | PTE_AD)), 0);
		check_eq(mmu_update(at, 0), 0);
		check_eq(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
		check_eq(seen(), 14);
	}
}

/* The other vcpu hangs the L3 in and out whenever it is its turn. */
static void other(void)
{
	for (;;) {
		while (!(turn & 1))
			yield();
		check_eq(mmu_update(slot(&user.space),
				    turn & 2 ? 0 : TABLE_ENTRY(more.table[3])), 0);
		check_eq(mmuext(MMUEXT_TLB_FLUSH_ALL, 0), 0);
		turn++;
	}
}

static void test_other_vcpu(void)
{
	vcpu_start(1, other);
	for (unsigned i = 0; i < 40; i++) {
		check_eq(seen(), i & 1 ? 1000 : 14);
		turn++;
		while (turn & 1)
			yield();
	}
}

/* Another root in the same frame, set while the kernel runs on its own root. */
static void test_frame(void)
{
	uint64_t root = virt_to_mfn(user.space.table[4]);

	for (unsigned i = 0; i < 6; i++) {
		check_eq(seen(), i & 1 ? 1000 : 14);
		check_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, 0), 0);
		check_eq(mmuext(MMUEXT_UNPIN_TABLE, root), 0);
		check_eq(make_writable(user.space.table[4]), 0);
		user.space.table[4][1] = i & 1 ? 0 : TABLE_ENTRY(more.table[3]);
		check_eq(make_readonly(user.space.table[4]), 0);
		check_eq(mmuext(MMUEXT_PIN_L4_TABLE, root), 0);
		check_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, root), 0);
	}
	check_eq(seen(), 14);
}

/* To and fro between two roots. */
static void test_two(void)
{
	uint64_t one = virt_to_mfn(user.space.table[4]), two = virt_to_mfn(more.table[4]);

	/* The second has the first's code and stack, and its own slot 1. */
	check_eq(mmu_update(two << 12, user.space.table[4][0]), 0);
	for (unsigned i = 0; i < 6; i++) {
		check_eq(mmuext(MMUEXT_NEW_USER_BASEPTR, i & 1 ? one : two), 0);
		check_eq(seen(), i & 1 ? 14 : 1000);
	}
}

void test_main(void)
{
	/* movabs ELSEWHERE, %rax; syscall */
	static const uint8_t code[] = { 0x48, 0xa1, 0, 0, 0, 0, 0x80, 0, 0, 0, 0x0f, 0x05 };

	user_new(&user);
	memcpy(user.code, code, sizeof(code));
	space_new(&more, ELSEWHERE);
	for (unsigned i = 0; i < 2; i++) {
		page[i] = page_alloc();
		*(uint64_t *)page[i] = 1000 * (i + 1);
	}
	more.table[1][0] = LEAF(virt_to_mfn(page[0]), PTE_P | PTE_US | PTE_AD);
	space_readonly(&more);
	check_eq(mmuext(MMUEXT_PIN_L4_TABLE, virt_to_mfn(more.table[4])), 0);
	test_entry();
	test_other_vcpu();
	test_frame();
	test_two();
}
