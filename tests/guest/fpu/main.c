// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
/*
 * Floating point: fpu_taskswitch sets a virtual TS bit, the next FPU instruction is the guest's #NM
 * and the bit is gone; CLTS and CR0 mean the same bit. Registers belong to the vcpu: they survive
 * the scheduler, and another vcpu never sees them.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "fpu";

static volatile uint64_t seen_by_other[2];
static volatile int other_state;

static void use(void *arg)
{
	uint64_t v;

	__asm__ volatile("movq %%xmm0, %0" : "=m"(v));
}

static void x87(void *arg)
{
	__asm__ volatile("fnop");
}

static unsigned long cr0(void)
{
	unsigned long v;

	__asm__ volatile("mov %%cr0, %0" : "=r"(v));
	return v;
}

static void other(void)
{
	uint64_t a, b, theirs = 0x7777;

	__asm__ volatile("movq %%xmm0, %0; movq %%xmm5, %1" : "=m"(a), "=m"(b));
	seen_by_other[0] = a;
	seen_by_other[1] = b;
	__asm__ volatile("movq %0, %%xmm0; movq %0, %%xmm5" ::"m"(theirs));
	other_state = 1;
	for (;;) {
		__asm__ volatile("movq %%xmm0, %0" : "=m"(a));
		if (a != 0x7777)
			fail("the other vcpu's register became %#llx", (unsigned long long)a);
		yield();
	}
}

void test_main(void)
{
	const uint64_t ours = 0x5a5a12345678;
	uint64_t v;

	check_eq(probe(use, NULL), -1);
	check_eq(cr0() & 8, 0);
	check_eq(hypercall(fpu_taskswitch, 1L), 0);
	check_eq(cr0() & 8, 8);
	check_eq(probe(use, NULL), 7);
	check_eq(cr0() & 8, 0);
	check_eq(probe(use, NULL), -1);
	check_eq(hypercall(fpu_taskswitch, 1L), 0);
	check_eq(probe(x87, NULL), 7);
	check_eq(hypercall(fpu_taskswitch, 1L), 0);
	__asm__ volatile("clts");
	check_eq(cr0() & 8, 0);
	check_eq(probe(use, NULL), -1);
	__asm__ volatile("mov %0, %%cr0" ::"r"(cr0() | 8));
	check_eq(probe(use, NULL), 7);
	check_eq(hypercall(fpu_taskswitch, 1L), 0);
	check_eq(hypercall(fpu_taskswitch, 0L), 0);
	check_eq(probe(use, NULL), -1);

	__asm__ volatile("movq %0, %%xmm0; movq %0, %%xmm5" ::"m"(ours));
	vcpu_start(1, other);
	wait_until(other_state);
	check(seen_by_other[0] != ours && seen_by_other[1] != ours);
	for (int i = 0; i < 500; i++) {
		__asm__ volatile("movq %%xmm0, %0" : "=m"(v));
		check(v == ours);
		__asm__ volatile("movq %%xmm5, %0" : "=m"(v));
		check(v == ours);
		yield();
	}
	vcpu_down(1);
}
