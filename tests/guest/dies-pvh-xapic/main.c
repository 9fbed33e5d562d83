// SPDX-License-Identifier: GPL-2.0-or-later
// kind: pvh
// emulator: qemu
// alone: yes
// cpu: qemu64,+svm,+npt
/*
 * A PVH guest that executes what its local APIC's page has for code: nothing is done for it there,
 * and it is crashed, alone.
 */
#include "pvh.h"

const char test_name[] = "dies-pvh-xapic";

static uint64_t l2[512] __attribute__((aligned(4096)));

void test_main(void)
{
	uint64_t *l4, *l3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(l4));
	l3 = (uint64_t *)(l4[0] & ~0xfffUL);
	l2[0xfee00000UL >> 21 & 511] = 0xfee00083UL;
	l3[3] = (uint64_t)l2 | 3;
	for (unsigned i = 0; i < 2; i++)
		__asm__ volatile("wrmsr" ::"c"(0x1b), "a"(i ? 0xfee00900 : 0xfee00100), "d"(0));
	if (*(volatile uint32_t *)0xfee00030 == 0x50014)
		say("RESULT dies-pvh-xapic DIES\n");
	((void (*)(void))0xfee00000)();
}
