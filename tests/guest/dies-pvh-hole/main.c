// SPDX-License-Identifier: GPL-2.0-or-later
// kind: pvh
// emulator: qemu
// alone: yes
// cpu: qemu64,+svm,+npt
/* A PVH guest that touches what nothing is at: it is crashed, alone. */
#include "pvh.h"

const char test_name[] = "dies-pvh-hole";

void test_main(void)
{
	say("RESULT dies-pvh-hole DIES\n");
	*(volatile uint8_t *)0x20000000 = 1;
}
