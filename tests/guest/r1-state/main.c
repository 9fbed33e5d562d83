// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a kernel in ring 1 is taken to run in while C does a hypercall for it: in its kernel, also
 * if C saw it last in a process (an instruction that it emulated there) and the process came to its
 * kernel on the short way. Whoever waits in a hypercall has its runstate area brought up to date
 * for its fellows, which is done for kernels only.
 * vcpus: 2
 * bits: ring1
 */
#include "guest.h"

const char test_name[] = "r1-state";

#define SECOND 1000000000ULL

static struct user user;
static struct vcpu_runstate_info area __attribute__((aligned(64)));
static unsigned port;
static volatile bool waiting, seen;

/* The other one's view of it. */
static void watch(void)
{
	struct vcpu_runstate_info truth = { 0 };
	uint64_t end;

	while (!waiting)
		yield();
	do
		check_eq(vcpu_op(VCPUOP_get_runstate_info, 0, &truth), 0);
	while (truth.state != RUNSTATE_blocked);
	for (end = system_time() + 5 * SECOND; !seen && system_time() < end; yield())
		seen = *(volatile int32_t *)&area.state == RUNSTATE_blocked;
	send_event(port);
	vcpu_stop();
}

static bool wait_in_kernel(struct trap_frame *f)
{
	uint32_t ports[1] = { port };
	struct sched_poll poll = { .ports = (uintptr_t)ports, .nr_ports = 1 };

	if (f->vector != TRAP_SYSCALL || vcpu_id())
		return false;
	waiting = true;
	check_eq(hypercall(sched_op, (long)SCHEDOP_poll, &poll), 0);
	return false;
}

void test_main(void)
{
	struct vcpu_register_runstate_memory_area r = { .addr.v = (uintptr_t)&area };

	user_new(&user);
	port = bind_ipi(0);
	mask_event(port);
	check_eq(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r), 0);
	trap_hook = wait_in_kernel;
	vcpu_start(1, watch);
	/* ud2; "xen"; cpuid; syscall */
	check_eq(USER_RUN(&user, "\x0f\x0bxen\x0f\xa2\x0f\x05"), TRAP_SYSCALL);
	trap_hook = NULL;
	check(seen);
}
