// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CR4.FSGSBASE is clear when a vCPU starts and each vCPU's own to switch: RDFSBASE and its
 * relatives are #UD for kernel and users until their kernel has set the bit, the real one follows
 * whoever runs, and bases that were written by them are kept over a switch like any others. Where
 * the CPU has no such bit a write of it is dropped.
 * bits: 64
 * vcpus: 4
 * alone: yes
 * cpu: qemu64,-svm,+fsgsbase
 */
#include "guest.h"

const char test_name[] = "fsgsbase";

#define FSGSBASE (1UL << 16)
#define ROUNDS	 200
#define VCPUS	 4 /* more than CPUs: some share one */

static volatile uint64_t refused[VCPUS], had;
static volatile bool over;
static struct user user;
static uint64_t base = 0x123456000;

static void rdfsbase(void *arg)
{
	__asm__ volatile("rdfsbase %0" : "+r"(*(uint64_t *)arg));
}

static void wrfsbase(void *arg)
{
	__asm__ volatile("wrfsbase %0" ::"r"(*(uint64_t *)arg));
}

static unsigned long cr4(void)
{
	unsigned long v;

	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	return v;
}

static void set_cr4(unsigned long v)
{
	__asm__ volatile("mov %0, %%cr4" ::"r"(v) : "memory");
}

static bool have_it(void)
{
	uint32_t a = 7, b, c = 0, d;

	__asm__ volatile(XEN_CPUID : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b & 1;
}

/* The others have not asked: their #UD is noted and the instruction passed over. */
static bool note_refusal(struct trap_frame *f)
{
	if (!vcpu_id() || f->vector != 6)
		return swallow_events(f);
	refused[vcpu_id()]++;
	f->rip += 5;
	return true;
}

static void without(void)
{
	while (!over) {
		uint64_t value = ~0UL;

		rdfsbase(&value);
		if (value != ~0UL || (cr4() & FSGSBASE))
			had++;
		yield();
	}
	vcpu_stop();
}

void test_main(void)
{
	uint64_t value = 0, clear = cr4();

	check_eq(clear & FSGSBASE, 0);
	check_eq(probe(rdfsbase, &value), 6);
	set_cr4(clear | FSGSBASE);
	if (!have_it()) {
		check_eq(cr4() & FSGSBASE, 0);
		check_eq(probe(rdfsbase, &value), 6);
		print("the CPU has no FSGSBASE\n");
		return;
	}
	check_eq(cr4() & FSGSBASE, FSGSBASE);
	check_eq(probe(wrfsbase, &base), -1);
	check_eq(probe(rdfsbase, &value), -1);
	check_eq(value, base);

	/* Beside vCPUs that have not asked for it. */
	trap_hook = note_refusal;
	for (unsigned id = 1; id < VCPUS; id++)
		vcpu_start(id, without);
	for (unsigned id = 1; id < VCPUS; id++)
		while (refused[id] < ROUNDS && !had) {
			value = 0;
			check_eq(probe(rdfsbase, &value), -1);
			check_eq(value, base);
			yield();
		}
	over = true;
	for (unsigned id = 1; id < VCPUS; id++)
		vcpu_down(id);
	check_eq(had, 0);
	trap_hook = NULL;

	/* rdfsbase %rax; int3 */
	user_new(&user);
	check_eq(USER_RUN(&user, "\xf3\x48\x0f\xae\xc0\xcc"), 3);
	set_cr4(clear);
	check_eq(cr4() & FSGSBASE, 0);
	check_eq(probe(rdfsbase, &value), 6);
	check_eq(USER_RUN(&user, "\xf3\x48\x0f\xae\xc0\xcc"), 6);
}
