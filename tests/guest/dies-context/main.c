// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
/*
 * A vcpu started with a state that is taken, for nobody can say beforehand that it is no good, and
 * that leaves no way to say so when it runs: a stack whose segment cannot be loaded, no trap
 * handlers, a failsafe callback that is not there. The guest is ended, and nothing else.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "dies-context";

static void never(void)
{
	survived();
}

void test_main(void)
{
	struct vcpu_guest_context *c = vcpu_context(1, never);

	memset(c->trap_ctxt, 0, sizeof(c->trap_ctxt));
	c->user_regs.ss = 0xe010;
	c->failsafe_callback_eip = 0;
	check_eq(vcpu_op(VCPUOP_initialise, 1, c), 0);
	expect_crash();
	check_eq(vcpu_op(VCPUOP_up, 1, NULL), 0);
	for (;;)
		yield();
}
