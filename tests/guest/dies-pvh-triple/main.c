// SPDX-License-Identifier: GPL-2.0-or-later
// kind: pvh
// emulator: qemu
// alone: yes
// cpu: qemu64,+svm,+npt
/* A PVH guest with an exception, and none of its handlers there: a triple fault, its end. */
#include "pvh.h"

const char test_name[] = "dies-pvh-triple";

void test_main(void)
{
	say("RESULT dies-pvh-triple DIES\n");
	for (unsigned i = 0; i < 256; i++)
		idt[i].type = 0;
	__asm__ volatile("ud2");
}
