// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Model-specific registers in the ranges that CPUs use: reading one is a #GP or gives something
 * that is the guest's or public, never an address of the hypervisor's and never the machine's
 * state; writing is a #GP or has no effect outside. The same for control and debug registers, and
 * for the instructions that tell about tables and counters.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-msr";

static uint32_t index;
static uint64_t value;
static struct user user;

static void read_msr(void *arg)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
	value = (uint64_t)high << 32 | low;
}

static void write_msr(void *arg)
{
	uint64_t v = *(const uint64_t *)arg;

	__asm__ volatile("wrmsr" ::"c"(index), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

/* What the hypervisor lets a guest read: hypervisor/pv/msr.c. */
static bool may_read(uint32_t n)
{
	static const uint32_t list[] = { 0x10,	     0x17,	 0x1b,	     0x8b,	 0xce,
					 0x140,	     0x179,	 0x17a,	     0x1a0,	 0x277,
					 0xc0000080, 0xc0010010,
#ifndef __i386__
					 0xc0000100, 0xc0000101, 0xc0000102,
#endif
					 0xc0010015, 0xc0011029 };

	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (list[i] == n)
			return true;
	return n >= 0x400 && n <= 0x407; /* two banks of machine checks, empty */
}

static bool base(uint32_t n)
{
	return sizeof(long) == 8 && n >= 0xc0000100 && n <= 0xc0000102;
}

static void one(uint32_t n)
{
	static const uint64_t junk[] = { 0, ~0ULL, 0xffff83000badf00dULL, 0x1000 };
	int v;

	index = n;
	v = probe(read_msr, NULL);
	if (v != -1 && v != 13)
		fail("RDMSR of %#x ended in vector %d", n, v);
	if (v == -1 && !may_read(n))
		fail("MSR %#x can be read: %#llx", n, (unsigned long long)value);
	if (v == -1 && value >= 0xffff800000000000ULL && value < 0xffff880000000000ULL)
		fail("MSR %#x holds the hypervisor's address %#llx", n, (unsigned long long)value);
	/* Segment bases are the guest's own. */
	if (base(n))
		return;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t before = value;
		int w = probe(write_msr, (void *)&junk[i]);

		if (w != -1 && w != 13)
			fail("WRMSR of %#x ended in vector %d", n, w);
		if (w == -1 && !may_read(n))
			fail("MSR %#x can be written", n);
		if (v != -1 || n == 0x10)
			continue;
		check_eq(probe(read_msr, NULL), -1);
		if (value != before)
			fail("MSR %#x went from %#llx to %#llx", n, (unsigned long long)before,
			     (unsigned long long)value);
	}
}

/* Register number n of a kind by its instruction; the trap or -1. */
static uint8_t text[16];
static int move(uint8_t opcode, unsigned n)
{
	/* With REX, for registers from 8 on; there are none such in ring 1. */
	uint8_t code[] = { n < 8 ? 0x40 : 0x44, 0x0f, opcode, 0xc0 | (n & 7) << 3, 0xc3 };

	if (sizeof(long) == 4)
		memcpy(text, code + 1, 4);
	else
		memcpy(text, code, 5);
	return probe((void (*)(void *))text, NULL);
}

static void table(void *arg)
{
	static uint8_t where[16];

	switch ((uintptr_t)arg) {
	case 0: __asm__ volatile("lgdt %0" ::"m"(where)); break;
	case 1: __asm__ volatile("lidt %0" ::"m"(where)); break;
	case 2: __asm__ volatile("lldt %w0" ::"r"(0)); break;
	case 3: __asm__ volatile("ltr %w0" ::"r"(0xe040)); break;
	case 4: __asm__ volatile("invlpg (%0)" ::"r"(HYPERVISOR_VIRT_START)); break;
	case 5: __asm__ volatile("rdpmc" ::"c"(0) : "eax", "edx"); break;
#ifndef __i386__
	case 6:
		__asm__ volatile("swapgs");
		break;
#endif
	case 7:
		__asm__ volatile("lmsw %w0" ::"r"(0));
		break;
	case 8:
		__asm__ volatile("hlt");
		break;
	case 9:
#ifdef __i386__
		__asm__ volatile("sysexit" ::"c"(0), "d"(0));
#else
		__asm__ volatile("sysretq" ::"c"(0), "r"(0));
#endif
		break;
	default:
		__asm__ volatile("xorl %%ecx, %%ecx; movl $7, %%eax; xorl %%edx, %%edx; xsetbv" ::
					 : "eax", "ecx", "edx");
	}
}

void test_main(void)
{
	for (uint32_t n = 0; n < 0x2000; n += n < 0x300 ? 1 : 17)
		one(n);
	for (uint32_t n = 0xc0000080; n < 0xc0000110; n++)
		one(n);
	for (uint32_t n = 0xc0010000; n < 0xc0010200; n += 3)
		one(n);
	for (uint32_t n = 0xc0011000; n < 0xc0011040; n++)
		one(n);
	for (uint32_t bit = 13; bit < 32; bit++)
		one(1U << bit);
	one(~0U);
	/* The system-call entry is where it was. */
	check_eq(hypercall(xen_version, (long)XENVER_version), 4 << 16 | 17);
	/* Control registers that there are not, and writes of zero to those that there are. */
	for (unsigned n = 0; n < (sizeof(long) == 4 ? 8 : 16); n++) {
		int v = move(0x20, n);

		check(v == (n == 0 || n == 2 || n == 3 || n == 4 || n == 8 ? -1 : 13) || v == 6);
	}
	for (uintptr_t i = 0; i < 11; i++) {
		if (sizeof(long) == 4 && i == 6)
			continue;
		int v = probe(table, (void *)i);

		if (v != 13 && v != 6 && !(i == 10 && v == -1))
			fail("privileged instruction %lu ended in vector %d", (unsigned long)i, v);
	}
	/* User mode has none of it. */
	user_new(&user);
	memcpy(user.code, "\x0f\x32\xcc", 3);
	check_eq(probe_user(USER_CODE, USER_STACK + 64), 13);
	memcpy(user.code, "\x0f\x20\xd8\xcc", 4);
	check_eq(probe_user(USER_CODE, USER_STACK + 64), 13);
	memcpy(user.code, "\x0f\x21\xf8\xcc", 4);
	check_eq(probe_user(USER_CODE, USER_STACK + 64), 13);
	memcpy(user.code, "\x0f\x01\xd1\xcc", 4);
	int v = probe_user(USER_CODE, USER_STACK + 64);

	check(v == 13 || v == 6);
}
