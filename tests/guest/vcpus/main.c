// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 4
/*
 * vcpu_op: further vcpus are given a state once, brought up, taken down and up again where they
 * were; asked for beyond the last one it is a negative answer, by which kernels count them. Each
 * has its own stack, upcalls and runstate; an IPI event reaches the vcpu that it is bound to,
 * wherever it sleeps. vcpu_info may live in the guest's own memory.
 * bits: 64 32
 * ring1: yes
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "vcpus";

static volatile unsigned stage[4], ran_on[4], ipis[4], nmis;
static unsigned port[4];
static struct vcpu_runstate_info area[4];
static struct vcpu_info *own_info;

static void event(unsigned p)
{
	unsigned id = vcpu_id();

	check_eq(p, port[id]);
	ipis[id]++;
}

/* Counts, and sleeps between. */
static void counter(void)
{
	unsigned id = vcpu_id();

	ran_on[id] = 1;
	for (;;) {
		stage[id]++;
		yield();
	}
}

static void sleeper(void)
{
	unsigned id = vcpu_id();

	ran_on[id] = 1;
	for (;;) {
		hypercall(sched_op, (long)SCHEDOP_block, 0L);
		stage[id]++;
	}
}

static void reach(volatile unsigned *v, unsigned n)
{
	while (*v < n)
		check_eq(hypercall(sched_op, (long)SCHEDOP_yield, 0L), 0);
}

static void test_up_down(void)
{
	struct vcpu_runstate_info info;
	unsigned seen;

	check_eq(vcpu_op(VCPUOP_is_up, 0, NULL), 1);
	for (int i = 1; i < 4; i++)
		check_eq(vcpu_op(VCPUOP_is_up, i, NULL), 0);
	check(vcpu_op(VCPUOP_is_up, 4, NULL) < 0);
	check(vcpu_op(VCPUOP_is_up, 8192, NULL) < 0);
	check(vcpu_op(VCPUOP_is_up, 0xffffffff, NULL) < 0);
	/* Nothing to run yet. */
	check_refused(vcpu_op(VCPUOP_up, 1, NULL));
	check_refused(vcpu_op(VCPUOP_up, 4, NULL));
	check_refused(vcpu_op(VCPUOP_initialise, 4, vcpu_context(3, counter)));
	check_refused(vcpu_op(VCPUOP_initialise, 1, (void *)0x10000));
	check_refused(vcpu_op(VCPUOP_up, 1, NULL));

	vcpu_start(1, counter);
	check_eq(vcpu_op(VCPUOP_is_up, 1, NULL), 1);
	check_refused(vcpu_op(VCPUOP_initialise, 1, vcpu_context(1, counter)));
	check_refused(vcpu_op(VCPUOP_initialise, 0, vcpu_context(1, counter)));
	check_eq(vcpu_op(VCPUOP_up, 1, NULL), 0);
	reach(&stage[1], 100);
	check_eq(vcpu_op(VCPUOP_down, 1, NULL), 0);
	check_eq(vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	/* Once it has noticed, it stands still. */
	do {
		yield();
		check_eq(vcpu_op(VCPUOP_get_runstate_info, 1, &info), 0);
	} while (info.state != RUNSTATE_offline);
	seen = stage[1];
	for (int i = 0; i < 100; i++)
		yield();
	check_eq(stage[1], seen);
	check_eq(vcpu_op(VCPUOP_up, 1, NULL), 0);
	reach(&stage[1], seen + 100);
	check_eq(vcpu_op(VCPUOP_down, 1, NULL), 0);
	check_eq(vcpu_op(VCPUOP_down, 3, NULL), 0);
	check_refused(vcpu_op(VCPUOP_down, 7, NULL));
}

static void test_ipis(void)
{
	struct vcpu_runstate_info info;
	struct evtchn_bind_vcpu move;
	struct evtchn_bind_ipi bind = { .vcpu = 9 };

	event_hook = event;
	check_refused(evtchn_op(EVTCHNOP_bind_ipi, &bind));
	port[2] = bind_ipi(2);
	vcpu_start(2, sleeper);
	reach(&ran_on[2], 1);
	for (unsigned i = 1; i <= 200; i++) {
		send_event(port[2]);
		reach(&ipis[2], i);
	}
	reach(&stage[2], 1);
	do {
		yield();
		check_eq(vcpu_op(VCPUOP_get_runstate_info, 2, &info), 0);
	} while (info.state != RUNSTATE_blocked);
	check(info.time[RUNSTATE_running] > 0);
	/* IPIs and per-vcpu virqs stay where they were bound. */
	move = (struct evtchn_bind_vcpu){ .port = port[2], .vcpu = 0 };
	check_refused(evtchn_op(EVTCHNOP_bind_vcpu, &move));
}

static bool nmi(struct trap_frame *f)
{
	if (f->vector != 2)
		return false;
	nmis++;
	check_eq(vcpu_info()->evtchn_upcall_mask, 1);
	return true;
}

static void test_nmi(void)
{
	extern char trap_2[];
	struct xennmi_callback cb = { .handler_address = (uintptr_t)trap_2 };

	check_eq(hypercall(nmi_op, (long)XENNMI_register_callback, &cb), 0);
	trap_hook = nmi;
	check_eq(vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
	check_eq(nmis, 1);
	check_eq(vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
	check_eq(nmis, 2);
	check_refused(vcpu_op(VCPUOP_send_nmi, 5, NULL));
	check_eq(hypercall(nmi_op, (long)XENNMI_unregister_callback, 0L), 0);
	trap_hook = NULL;
#ifndef __i386__
	cb.handler_address = 0x8000000000000000UL;
	check_refused(hypercall(nmi_op, (long)XENNMI_register_callback, &cb));
#endif
	check_refused(hypercall(nmi_op, (long)XENNMI_register_callback, 0x10000L));
	check_eq(hypercall(nmi_op, 9L, 0L), -ENOSYS);
}

static void test_areas(void)
{
	struct vcpu_register_runstate_memory_area r = { .addr.v = (uintptr_t)&area[0] };
	struct vcpu_register_time_memory_area t;
	static struct vcpu_time_info time;
	struct vcpu_info *page = page_alloc();
	struct vcpu_register_vcpu_info reg = { .mfn = virt_to_mfn(page), .offset = PAGE_SIZE - 32 };
	struct vcpu_get_physid phys;

	check_eq(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r), 0);
	check_eq(area[0].state, RUNSTATE_running);
	r.addr.v = (uintptr_t)&area[2];
	check_eq(vcpu_op(VCPUOP_register_runstate_memory_area, 2, &r), 0);
	t.addr.v = (uintptr_t)&time;
	check_eq(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &t), 0);
	check_eq(time.tsc_to_system_mul, vcpu_info()->time.tsc_to_system_mul);
	check_eq(time.version & 1, 0);
	send_event(port[2]);
	reach(&ipis[2], 201);

	/* vcpu_info of the third vcpu moves; once. */
	check_refused(vcpu_op(VCPUOP_register_vcpu_info, 3, &reg)); /* crosses the page's end */
	reg = (struct vcpu_register_vcpu_info){ .mfn = 1ULL << 40 };
	check_refused(vcpu_op(VCPUOP_register_vcpu_info, 3, &reg));
	reg = (struct vcpu_register_vcpu_info){ .mfn = virt_to_mfn(pte_of(page)) };
	check_refused(vcpu_op(VCPUOP_register_vcpu_info, 3, &reg)); /* a page table */
	reg = (struct vcpu_register_vcpu_info){ .mfn = virt_to_mfn(page), .offset = 1 };
	check_refused(vcpu_op(VCPUOP_register_vcpu_info, 3, &reg));
	reg = (struct vcpu_register_vcpu_info){ .mfn = virt_to_mfn(page), .offset = 128 };
	check_eq(vcpu_op(VCPUOP_register_vcpu_info, 3, &reg), 0);
	check_refused(vcpu_op(VCPUOP_register_vcpu_info, 3, &reg));
	own_info = (void *)((char *)page + 128);
	port[3] = bind_ipi(3);
	check_eq(own_info->evtchn_upcall_pending & ~1, 0);
	own_info->evtchn_upcall_pending = 0;
	own_info->evtchn_pending_sel = 0;
	send_event(port[3]);
	check_eq(own_info->evtchn_upcall_pending, 1);
	check_eq(own_info->evtchn_pending_sel, 1UL << port[3] / (8 * sizeof(xen_ulong_t)));
	check_eq(shared_info->vcpu_info[3].evtchn_pending_sel, 0);

	if (!(start_info->flags & SIF_INITDOMAIN))
		check_refused(vcpu_op(VCPUOP_get_physid, 0, &phys));
	check_refused(vcpu_op(VCPUOP_get_runstate_info, 4, &area[1]));
	check_refused(vcpu_op(VCPUOP_get_runstate_info, 0, (void *)0x10000));
	check_refused(vcpu_op(VCPUOP_register_vcpu_info, 1, (void *)0x10000));
	check_refused(vcpu_op(99, 0, NULL));
}

void test_main(void)
{
	test_up_down();
	test_ipis();
	test_nmi();
	test_areas();
	/* Ends with one vcpu asleep, one down and one that never ran. */
}
