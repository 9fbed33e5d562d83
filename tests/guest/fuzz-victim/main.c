// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
// driven: yes
/*
 * The neighbour of fuzzing domains: it keeps patterns in its memory, in every register of its two
 * vcpus, in its debug registers, its segment bases and its FPU, has one page granted read-only to
 * each neighbour and one port open for each, and looks again and again whether all is as it was. It
 * runs until dom0 (tests/guest/fuzz-auditor) binds to its port 1 and sends.
 */
#include "guest.h"

const char test_name[] = "fuzz-victim";

#define NEIGHBOURS 12
#define PAGES	   64

static uint64_t memory[PAGES][512] __attribute__((aligned(4096)));
static uint64_t shown[512] __attribute__((aligned(4096)));
static struct grant_entry_v1 grants[512] __attribute__((aligned(4096)));
static volatile uint64_t rounds[2];
static volatile bool over;

static uint64_t pattern(uint64_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15UL;
}

/* Registers over a while and a hypercall that gives the CPU away; the sum of what differs. */
static uint64_t hold_registers(uint64_t seed)
{
	uint64_t wrong = 0, xmm[4] = { seed, ~seed, seed << 7, seed >> 3 }, back[4] = { 0 };

	__asm__ volatile("movups (%[x]), %%xmm3; movups 16(%[x]), %%xmm15\n"
			 "movq %[seed], %%rbx; leaq 1(%%rbx), %%r12; leaq 2(%%rbx), %%r13\n"
			 "leaq 3(%%rbx), %%r14; leaq 4(%%rbx), %%r15; leaq 5(%%rbx), %%r9\n"
			 "movl $5000, %%ecx\n"
			 "1: decl %%ecx; jnz 1b\n"
			 "movl $29, %%eax; xorl %%edi, %%edi; xorl %%esi, %%esi\n"
			 "syscall\n"
			 "subq $5, %%r9; xorq %%rbx, %%r9; subq $4, %%r15; xorq %%rbx, %%r15\n"
			 "subq $3, %%r14; xorq %%rbx, %%r14; subq $2, %%r13; xorq %%rbx, %%r13\n"
			 "decq %%r12; xorq %%rbx, %%r12; xorq %[seed], %%rbx\n"
			 "orq %%r9, %%rbx; orq %%r12, %%rbx; orq %%r13, %%rbx; orq %%r14, %%rbx\n"
			 "orq %%r15, %%rbx; movq %%rbx, %[wrong]\n"
			 "movups %%xmm3, (%[b]); movups %%xmm15, 16(%[b])\n"
			 : [wrong] "=m"(wrong)
			 : [seed] "r"(seed), [x] "r"(xmm), [b] "r"(back)
			 : "rax", "rbx", "rcx", "rdi", "rsi", "r9", "r11", "r12", "r13", "r14",
			   "r15", "memory", "cc");
	for (unsigned i = 0; i < 4; i++)
		wrong |= xmm[i] ^ back[i];
	return wrong;
}

static uint64_t msr(uint32_t n)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(n));
	return (uint64_t)high << 32 | low;
}

static void look(void)
{
	unsigned id = vcpu_id();
	uint64_t fs = 0x123456789000UL + id, gs = 0x7fff12345000UL + id, watch = 0x5000UL + 64 * id;

	check_eq(hypercall(set_segment_base, (long)SEGBASE_FS, fs), 0);
	check_eq(hypercall(set_segment_base, (long)SEGBASE_GS_KERNEL, gs), 0);
	check_eq(hypercall(set_debugreg, 2L, watch), 0);
	check_eq(hypercall(set_debugreg, 7L, 0x20L), 0);
	while (!over) {
		uint64_t wrong = hold_registers(pattern(rounds[id]) ^ id), dr;

		if (wrong)
			fail("vcpu %u: bits %#lx of its registers changed", id, wrong);
		check_eq(msr(0xc0000100), fs);
		check_eq(msr(0xc0000101), gs);
		__asm__ volatile("movq %%db2, %0" : "=r"(dr));
		check_eq(dr, watch);
		check_eq(hypercall(get_debugreg, 7L), 0x420);
		for (unsigned i = id; i < PAGES * 512; i += 2)
			if (memory[i / 512][i % 512] != pattern(i))
				fail("word %u is %#lx", i, memory[i / 512][i % 512]);
		for (unsigned i = 0; i < 512; i++)
			if (shown[i] != pattern(i))
				fail("word %u of the granted page is %#lx", i, shown[i]);
		for (unsigned i = 1; i <= NEIGHBOURS; i++)
			if (grants[8 + i].frame != virt_to_mfn(shown) || grants[8 + i].domid != i ||
			    (grants[8 + i].flags & ~GTF_reading) !=
				    (GTF_permit_access | GTF_readonly))
				fail("grant %u became %#lx", 8 + i, *(uint64_t *)&grants[8 + i]);
		rounds[id]++;
		if (id == 0 && event_pending(1))
			over = true;
	}
	if (id)
		vcpu_stop();
}

void test_main(void)
{
	for (unsigned i = 0; i < PAGES * 512; i++)
		memory[i / 512][i % 512] = pattern(i);
	for (unsigned i = 0; i < 512; i++)
		shown[i] = pattern(i);
	for (unsigned i = 0; i <= NEIGHBOURS; i++) {
		struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = i };

		/* Port 1 is dom0's. */
		check_eq(evtchn_op(EVTCHNOP_alloc_unbound, &a), 0);
		check_eq(a.port, i + 1);
	}
	check_eq(map_page(grants, grant_table_frame(), PTE_KERNEL), 0);
	for (unsigned i = 1; i <= NEIGHBOURS; i++)
		grants[8 + i] = (struct grant_entry_v1){ GTF_permit_access | GTF_readonly, i,
							 virt_to_mfn(shown) };
	trap_hook = swallow_events;
	vcpu_start(1, look);
	look();
	print("fuzz-victim: %lu and %lu rounds\n", rounds[0], rounds[1]);
}
