// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writable page tables: a store to an L1 that is mapped read-only faults, is checked as mmu_update
 * would check it, and done. Kernels set and clear entries this way with plain stores, XCHG,
 * CMPXCHG, one-byte LOCK AND (fork's write protection) and LOCK BTR. Flags and registers must come
 * out as the CPU would leave them. A store that would map what the guest may not map, and one to a
 * table above L1, is the guest's own page fault and changes nothing. A 32-bit kernel writes an
 * entry's halves, or both by CMPXCHG8B.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "writable-pt";

static uint8_t a[PAGE_SIZE] __attribute__((aligned(4096))),
	b[PAGE_SIZE] __attribute__((aligned(4096)));
static volatile uint64_t *pte;
static uint64_t frame_a, frame_b;
#ifdef __i386__
#define ENTRY (*(volatile uint32_t *)pte) /* as far as one instruction goes */
#define S     "l"
#else
#define ENTRY (*pte)
#define S     "q"
#endif

static void settle(uint64_t value)
{
	check_eq(mmu_update(pte_maddr(a), value), 0);
	check_eq(mmuext(MMUEXT_INVLPG_ALL, (uintptr_t)a), 0);
}

static void flush(void)
{
	check_eq(mmuext(MMUEXT_INVLPG_LOCAL, (uintptr_t)a), 0);
}

static void test_stores(void)
{
	settle(frame_a);
	*pte = frame_b;
	flush();
	check_eq(*pte & (PTE_ADDR | 7), frame_b & (PTE_ADDR | 7));
	check_eq(*(volatile uint8_t *)a, 2);
	*pte = 0;
	check_eq(*pte, 0);
	flush();
	check_eq(probe_read(a), 14);
	*pte = frame_a;
	check_eq(*(volatile uint8_t *)a, 1);
	/* The low half alone: an entry made absent and present again, as 32-bit stores do. */
	*(volatile uint32_t *)pte = 0;
	check_eq(*pte & PTE_P, 0);
	settle(frame_a);
	*(volatile uint32_t *)pte = (uint32_t)frame_b;
	flush();
	check_eq(*(volatile uint8_t *)a, 2);
	/* A byte: the low flags. */
	*(volatile uint8_t *)pte = PTE_P | PTE_US | 0x20;
	check_eq(*pte & 0xfff & ~PTE_AD, PTE_P | PTE_US | (*pte & 0xf00));
	flush();
	check_eq(probe_write(a), 14);
	settle(frame_a);
}

static void test_xchg(void)
{
	unsigned long v = frame_b;

	settle(frame_a);
	__asm__ volatile("xchg" S " %0, %1" : "+r"(v), "+m"(ENTRY));
	check_eq(v & PTE_ADDR, frame_a & PTE_ADDR);
	check_eq(*pte & PTE_ADDR, frame_b & PTE_ADDR);
	v = 0;
	__asm__ volatile("xchg" S " %0, %1" : "+r"(v), "+m"(ENTRY));
	check_eq(v & PTE_ADDR, frame_b & PTE_ADDR);
	check_eq(*pte, 0);
}

static bool compare_exchange(uint64_t *old, uint64_t new)
{
	bool equal;

#ifdef __i386__
	__asm__ volatile("lock cmpxchg8b %1; sete %2"
			 : "+A"(*old), "+m"(*pte), "=q"(equal)
			 : "b"((uint32_t)new), "c"((uint32_t)(new >> 32))
			 : "cc");
#else
	__asm__ volatile("lock cmpxchgq %3, %1; sete %2"
			 : "+a"(*old), "+m"(*pte), "=q"(equal)
			 : "r"(new)
			 : "cc");
#endif
	return equal;
}

static void test_cmpxchg(void)
{
	uint64_t old, was;
	uint8_t equal;

	settle(frame_a);
	was = old = *pte;
	equal = compare_exchange(&old, frame_b);
	check_eq(equal, 1);
	check_eq(old, was);
	check_eq(*pte & PTE_ADDR, frame_b & PTE_ADDR);
	was = *pte;
	old = 0x123;
	equal = compare_exchange(&old, frame_a);
	check_eq(equal, 0);
	check_eq(old, was);
	check_eq(*pte, was);
	settle(frame_a);
}

static void test_bits(void)
{
	unsigned long bit = 1;
	uint8_t carry, sign;

	settle(frame_a);
	check(*pte & PTE_RW);
	__asm__ volatile("lock andb $0xfd, %0; sets %1" : "+m"(*pte), "=q"(sign)::"cc");
	check_eq(*pte & (PTE_P | PTE_RW), PTE_P);
	flush();
	check_eq(probe_write(a), 14);
	__asm__ volatile("lock orb $2, %0; setc %1" : "+m"(ENTRY), "=q"(carry)::"cc");
	check_eq(*pte & (PTE_P | PTE_RW), PTE_P | PTE_RW);
	check_eq(carry, 0);
	flush();
	check_eq(probe_write(a), -1);
	__asm__ volatile("lock btr" S " $1, %0; setc %1" : "+m"(ENTRY), "=q"(carry)::"cc");
	check_eq(carry, 1);
	check_eq(*pte & PTE_RW, 0);
	__asm__ volatile("lock btr" S " %2, %0; setc %1"
			 : "+m"(ENTRY), "=q"(carry)
			 : "r"(bit)
			 : "cc");
	check_eq(carry, 0);
	__asm__ volatile("lock bts" S " %2, %0; setc %1"
			 : "+m"(ENTRY), "=q"(carry)
			 : "r"(bit)
			 : "cc");
	check_eq(carry, 0);
	check_eq(*pte & PTE_RW, PTE_RW);
	/* A software bit. */
	__asm__ volatile("lock or" S " %1, %0" : "+m"(ENTRY) : "r"(1UL << 9) : "cc");
	check(*pte & 1UL << 9);
	settle(frame_a);
}

static void test_string(void)
{
	void *to = (void *)pte;
	const uint64_t *from = &frame_b;
	unsigned long count = sizeof(frame_b) / sizeof(long);

	settle(frame_a);
	__asm__ volatile("rep movs" S : "+D"(to), "+S"(from), "+c"(count)::"memory");
	check(count == 0 && to == (void *)(pte + 1) && from == &frame_b + 1);
	check_eq(*pte & PTE_ADDR, frame_b & PTE_ADDR);
	to = (void *)pte;
	count = sizeof(frame_b) / sizeof(long);
	__asm__ volatile("rep stos" S : "+D"(to), "+c"(count) : "a"(0L) : "memory");
	check_eq(*pte, 0);
	settle(frame_a);
}

static uint64_t bad_value;
static volatile uint64_t *bad_at;

static void bad_store(void *arg)
{
	*(volatile unsigned long *)bad_at = bad_value;
}

static void bad_xchg(void *arg)
{
	unsigned long v = bad_value;

	__asm__ volatile("xchg" S " %0, %1" : "+r"(v), "+m"(*(volatile unsigned long *)bad_at));
}

static void refused(volatile uint64_t *at, uint64_t value)
{
	uint64_t was;

	settle(frame_a);
	was = *at;
	bad_at = at;
	bad_value = value;
	check_eq(probe(bad_store, NULL), 14);
	check_eq(probe_error & ~4UL, 3);
	check_eq(probe_cr2, (uintptr_t)at);
	check_eq(*at & ~PTE_AD, was & ~PTE_AD);
	check_eq(probe(bad_xchg, NULL), 14);
	check_eq(*at & ~PTE_AD, was & ~PTE_AD);
}

void test_main(void)
{
	/* Ring 1's short way of page faults is for who takes events. */
	events_on();
	pte = pte_of(a);
	a[0] = 1;
	b[0] = 2;
	frame_a = LEAF(virt_to_mfn(a), PTE_KERNEL | PTE_US);
	frame_b = LEAF(virt_to_mfn(b), PTE_KERNEL | PTE_US);
	test_stores();
	test_xchg();
	test_cmpxchg();
	test_bits();
	test_string();
	/* What mmu_update would refuse too: a table writable, no such frame, reserved bits. */
	refused(pte, LEAF(virt_to_mfn((void *)pte), PTE_KERNEL));
	/* In the half that an instruction writes. */
	refused(pte, LEAF(KERNEL_RING == 1 ? 0xfffff : 1ULL << 34, PTE_KERNEL));
	if (KERNEL_RING == 3)
		refused(pte, frame_a | 1ULL << 51);
	/* Above L1 only mmu_update writes. */
	refused(entry_of(a, 2), *entry_of(a, 2));
	refused(entry_of(a, ROOT_LEVEL), 0);
}
