// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/root_copies.h"

#include "cpu/cpu.h"

void root_copies_forget(void)
{
	struct cpu *c = this_cpu();

	c->root_copies[0].of = c->root_copies[1].of = c->root_copies[2].of = INVALID_MFN;
}
