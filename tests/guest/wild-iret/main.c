// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The iret hypercall with frames of chance: selectors, flags, addresses, and segment registers that
 * were loaded with chance before. Whatever comes of a frame comes back to this kernel, as a trap or
 * by the failsafe callback.
 */
#include "guest.h"

const char test_name[] = "wild-iret";

#define ROUNDS 10000

static struct user user;
static struct iret_context context;
static uint64_t state = 0x123456789abcdefUL;
static char stack[4096] __attribute__((aligned(16)));
static uint64_t descriptors[512] __attribute__((aligned(4096)));

extern char end_of_it[];
__asm__(".pushsection .text\n"
	"end_of_it:\n"
	"	ud2\n"
	".popsection\n");

static uint64_t below(uint64_t n)
{
	return (random_next(&state) >> 7) % n;
}

static void go(void *arg)
{
	raw_iret(arg);
}

static uint64_t some_selector(void)
{
	static const uint16_t some[] = { FLAT_KERNEL_CS64,
					 FLAT_USER_CS64,
					 FLAT_USER_CS32,
					 FLAT_USER_SS64,
					 FLAT_USER_SS32,
					 0,
					 3,
					 7,
					 0xe008,
					 0xe010,
					 0xe040,
					 0xe050,
					 0xfffb };

	if (below(3))
		return some[below(13)] ^ (below(8) ? 0 : below(4));
	return below(3) ? below(64) * 8 | below(8) : below(65536);
}

static uint64_t some_rip(bool is_user)
{
	switch (below(12)) {
	case 0:
		return 0x0000800000000000UL;
	case 1:
		return 0xffff7fffffffffffUL;
	case 2:
		return 0xffff820000000000UL + below(1UL << 40);
	case 3:
		return random_next(&state) | 1UL << 62;
	case 4:
		return 0x00007fffffffffffUL;
	default:
		return is_user ? USER_CODE + below(PAGE_SIZE) : (uint64_t)end_of_it;
	}
}

static void load_segments(void *arg)
{
	(void)arg;
	switch (below(3)) {
	case 0:
		__asm__ volatile("movl %0, %%ds" ::"r"((uint32_t)some_selector()));
		break;
	case 1:
		__asm__ volatile("movl %0, %%es" ::"r"((uint32_t)some_selector()));
		break;
	default:
		__asm__ volatile("movl %0, %%fs" ::"r"((uint32_t)some_selector()));
	}
}

void test_main(void)
{
	unsigned long seen[TRAP_ELSE + 1] = { 0 };
	uint64_t mfn = virt_to_mfn(descriptors);

	user_new(&user);
	memset(user.code, 0xcc, PAGE_SIZE);
	/* Descriptors of all kinds that are not refused. */
	for (int i = 1; i < 512; i++) {
		descriptors[i] = (random_next(&state) & ~(0x1fUL << 40)) | (0x10 | below(16)) << 40;
		if (!below(4))
			descriptors[i] = 0;
	}
	check_eq(make_readonly(descriptors), 0);
	check_eq(hypercall(set_gdt, &mfn, 512L), 0);

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t cs = below(2) ? FLAT_USER_CS64 : some_selector(),
			 ss = below(2) ? FLAT_USER_SS64 : some_selector();
		bool is_user;
		int vector;

		is_user = (cs & 3) == 3;
		/* 32-bit code of the kernel's would lose its stack. */
		if (!is_user && below(4))
			cs = (FLAT_KERNEL_CS64 & ~3UL) | below(3);
		else if (!is_user)
			cs = below(2) ? 0xfff8 : 0xe008;
		if (!below(4))
			probe(load_segments, NULL);
		if (!below(16))
			hypercall(set_segment_base, (long)SEGBASE_GS_USER_SEL, some_selector());
		context = (struct iret_context){
			.rax = random_next(&state),
			.r11 = random_next(&state),
			.rcx = random_next(&state),
			.flags = below(2) ? VGCF_in_syscall : random_next(&state),
			.rip = some_rip(is_user),
			.cs = cs,
			.rflags = below(2) ? 0x202 : random_next(&state),
			.rsp = is_user ? (below(2) ? random_next(&state) : USER_STACK + 64)
				       : (uint64_t)stack + sizeof(stack),
			.ss = ss,
		};
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
