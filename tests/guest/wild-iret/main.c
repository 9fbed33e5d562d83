// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The iret hypercall with frames of chance: selectors, flags, addresses, and segment registers that
 * were loaded with chance before. Whatever comes of a frame comes back to this kernel, as a trap or
 * by the failsafe callback.
 * bits: 64 32
 * ring1: yes
 */
#include "iret.h"

const char test_name[] = "wild-iret";

#define ROUNDS 10000

static struct user user;
static uint64_t descriptors[512] __attribute__((aligned(4096)));

extern char end_of_it[];
__asm__(".pushsection .text\n"
	"end_of_it:\n"
	"	ud2\n"
	".popsection\n");

#ifdef __i386__
#define FLAT_USER_CS32 FLAT_USER_CS
#define FLAT_USER_SS32 FLAT_KERNEL_SS
#endif

static unsigned long some_selector(void)
{
	static const uint16_t some[] = {
		KERNEL_CS, USER_CS, FLAT_USER_CS32, USER_SS, FLAT_USER_SS32, 0, 3, 7,
		0xe008, 0xe010, 0xe040, 0xe050, 0xfffb,
	};

	if (below(3))
		return some[below(13)] ^ (below(8) ? 0 : below(4));
	return below(3) ? below(64) * 8 | below(8) : below(65536);
}

#ifdef __i386__
static uint16_t data_selectors[2];

/* Data segments of the user's, or of chance, are loaded last: C needs its own. */
static void go(void *arg)
{
	__asm__ volatile(
		"movl %2, %%esp; movl %3, %%eax; movl %0, %%ds; movl %1, %%es; int $0x82" ::"c"(
			(uint32_t)data_selectors[0]),
		"d"((uint32_t)data_selectors[1]), "S"(arg), "i"(__HYPERVISOR_iret)
		: "memory");
	__builtin_unreachable();
}

static unsigned long some_rip(bool is_user)
{
	switch (below(12)) {
	case 0: return 0xf5800000 + below(0xa800000);
	case 1: return 0xffffffff;
	case 2: return random_here();
	case 3: return 0;
	default: return is_user ? USER_CODE + below(PAGE_SIZE) : (uintptr_t)end_of_it;
	}
}

static void load_segments(void *arg)
{
	switch (below(3)) {
	case 0:
		__asm__ volatile("movl %0, %%gs" ::"r"((uint32_t)some_selector()));
		break;
	case 1:
		for (int i = 0; i < 2; i++)
			data_selectors[i] = some_selector();
		break;
	default:
		__asm__ volatile("movl %0, %%fs" ::"r"((uint32_t)some_selector()));
	}
}
#else
static void go(void *arg)
{
	raw_iret(arg);
}

static uint64_t some_rip(bool is_user)
{
	switch (below(12)) {
	case 0: return 0x0000800000000000UL;
	case 1: return 0xffff7fffffffffffUL;
	case 2: return 0xffff820000000000UL + below(1UL << 40);
	case 3: return random_here() | 1UL << 62;
	case 4: return 0x00007fffffffffffUL;
	default: return is_user ? USER_CODE + below(PAGE_SIZE) : (uint64_t)end_of_it;
	}
}

static void load_segments(void *arg)
{
	switch (below(3)) {
	case 0: __asm__ volatile("movl %0, %%ds" ::"r"((uint32_t)some_selector())); break;
	case 1: __asm__ volatile("movl %0, %%es" ::"r"((uint32_t)some_selector())); break;
	default: __asm__ volatile("movl %0, %%fs" ::"r"((uint32_t)some_selector()));
	}
}
#endif

void test_main(void)
{
	unsigned long seen[TRAP_ELSE + 1] = { 0 };
	xen_ulong_t mfn = virt_to_mfn(descriptors);

	random_seed(0x123456789abcdefULL);
	user_new(&user);
	memset(user.code, 0xcc, PAGE_SIZE);
	/* Descriptors of all kinds that are not refused. */
	for (int i = 1; i < 512; i++) {
		descriptors[i] = (random_here() & ~(0x1fULL << 40)) | (0x10 | below(16))
										    << 40;
		/* 64-bit code is not for ring 1. */
		if (KERNEL_RING == 1 && (descriptors[i] >> 43 & 1))
			descriptors[i] &= ~(1ULL << 53);
		if (!below(4))
			descriptors[i] = 0;
	}
	check_eq(make_readonly(descriptors), 0);
	check_eq(hypercall(set_gdt, &mfn, 512L), 0);

	for (int i = 0; i < ROUNDS; i++) {
		unsigned long cs = below(2) ? USER_CS : some_selector(),
			      ss = below(2) ? USER_SS : some_selector();
		bool is_user;
		int vector;

		is_user = (cs & 3) == 3;
		/* 32-bit code of the kernel's would lose its stack. */
		if (!is_user && below(4))
			cs = (KERNEL_CS & ~3UL) | below(KERNEL_RING == 1 ? 2 : 3);
		else if (!is_user)
			cs = below(2) ? 0xfff8 : 0xe008;
		if (!below(4))
			probe(load_segments, NULL);
#ifdef __i386__
		for (int k = 0; below(4) && k < 2; k++)
			data_selectors[k] = below(4) ? FLAT_USER_DS : 0;
		context = (struct iret_context){
			.eax = random_here(),
			.eip = some_rip(is_user),
			.cs = cs | (below(2) ? 0 : below(65536) << 16),
			.eflags = below(2) ? 0x202 : random_here(),
			.esp = below(2) ? random_here() : USER_STACK + 64,
			.ss = ss,
		};
#else
		if (!below(16))
			hypercall(set_segment_base, (long)SEGBASE_GS_USER_SEL, some_selector());
		context = (struct iret_context){
			.rax = random_here(),
			.r11 = random_here(),
			.rcx = random_here(),
			.flags = below(2) ? VGCF_in_syscall : random_here(),
			.rip = some_rip(is_user),
			.cs = cs,
			.rflags = below(2) ? 0x202 : random_here(),
			.rsp = is_user ? (below(2) ? random_here() : USER_STACK + 64)
				       : (uint64_t)stack + sizeof(stack),
			.ss = ss,
		};
#endif
		vector = probe(go, &context);
		if (vector < 0 || vector > TRAP_ELSE)
			fail("round %d: vector %d", i, vector);
		seen[vector]++;
		if (vcpu_info()->evtchn_upcall_mask == 0)
			events_off();
	}
	print("failsafe %lu, #GP %lu, #PF %lu, #BP %lu, #DB %lu, #UD %lu\n", seen[TRAP_FAILSAFE],
	      seen[13], seen[14], seen[3], seen[1], seen[6]);
	check(seen[TRAP_FAILSAFE] && seen[3] && seen[6] && seen[14]);
}
