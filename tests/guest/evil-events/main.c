// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 4
// memory: 32M
// seconds: 120
/*
 * The life of event channels under four vcpus: ports are bound, sent to, moved, unmasked, looked at
 * and closed while others close and bind the very same ones, the domain changes to the FIFO ABI,
 * back by a reset, and again, with control blocks and arrays that are written to all the time;
 * polls wait for ports that go. Then many thousands of ports, closed by one call that must not keep
 * others waiting. In the end all ports are free and one works.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-events";

#define ROUNDS 20000

static uint8_t pages[8][PAGE_SIZE] __attribute__((aligned(4096)));

static void one(void)
{
	union {
		struct evtchn_alloc_unbound unbound;
		struct evtchn_bind_interdomain inter;
		struct evtchn_bind_virq virq;
		struct evtchn_bind_ipi ipi;
		struct evtchn_bind_vcpu vcpu;
		struct evtchn_close close;
		struct evtchn_send send;
		struct evtchn_unmask unmask;
		struct evtchn_status status;
		struct evtchn_reset reset;
		struct evtchn_init_control control;
		struct evtchn_expand_array expand;
		struct evtchn_set_priority priority;
	} u = { 0 };
	uint32_t port = 1 + below(24);
	unsigned cmd = below(40);

	switch (cmd) {
	case 0:
	case 1:
	case 2:
		u.unbound = (struct evtchn_alloc_unbound){ .dom = DOMID_SELF,
							   .remote_dom = DOMID_SELF };
		evtchn_op(EVTCHNOP_alloc_unbound, &u);
		break;
	case 3:
	case 4:
	case 5:
		u.inter = (struct evtchn_bind_interdomain){ .remote_dom = DOMID_SELF,
							    .remote_port = port };
		evtchn_op(EVTCHNOP_bind_interdomain, &u);
		break;
	case 6:
		u.virq = (struct evtchn_bind_virq){ .virq = below(24), .vcpu = below(5) };
		evtchn_op(EVTCHNOP_bind_virq, &u);
		break;
	case 7:
		u.ipi.vcpu = below(5);
		evtchn_op(EVTCHNOP_bind_ipi, &u);
		break;
	case 8:
		u.vcpu = (struct evtchn_bind_vcpu){ .port = port, .vcpu = below(5) };
		evtchn_op(EVTCHNOP_bind_vcpu, &u);
		break;
	case 9:
	case 10:
	case 11:
		u.close.port = port;
		evtchn_op(EVTCHNOP_close, &u);
		break;
	case 12:
	case 13:
		u.unmask.port = port;
		evtchn_op(EVTCHNOP_unmask, &u);
		break;
	case 14:
		u.status = (struct evtchn_status){ .dom = DOMID_SELF, .port = port };
		evtchn_op(EVTCHNOP_status, &u);
		break;
	case 15:
		if (below(8))
			break;
		u.reset.dom = DOMID_SELF;
		evtchn_op(EVTCHNOP_reset, &u);
		break;
	case 16:
	case 17:
		u.control =
			(struct evtchn_init_control){ .control_gfn = virt_to_mfn(pages[below(4)]),
						      .offset = below(4096),
						      .vcpu = below(5) };
		if (below(4))
			u.control.offset &= 0xf00;
		evtchn_op(EVTCHNOP_init_control, &u);
		break;
	case 18:
		u.expand.array_gfn = virt_to_mfn(pages[4 + below(4)]);
		evtchn_op(EVTCHNOP_expand_array, &u);
		break;
	case 19:
		u.priority = (struct evtchn_set_priority){ .port = port, .priority = below(17) };
		evtchn_op(EVTCHNOP_set_priority, &u);
		break;
	case 20: {
		evtchn_port_t list[2] = { port, 1 + below(24) };
		struct sched_poll p = { .ports = (uintptr_t)list,
					.nr_ports = 1 + below(2),
					.timeout = 1 };

		hypercall(sched_op, (long)SCHEDOP_poll, &p);
		break;
	}
	case 21:
	case 22:
	case 23:
	case 24:
		/* The words and heads of the FIFO, whichever page they are in. */
		((volatile uint32_t *)pages[below(8)])[below(2) ? below(32) : below(1024)] =
			below(2) ? below(32) | below(16) << 28 : random_here();
		break;
	default:
		u.send.port = port;
		evtchn_op(EVTCHNOP_send, &u);
	}
}

static void rounds(void)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		one();
}

static void reset(void)
{
	struct evtchn_reset r = { .dom = DOMID_SELF };

	while (evtchn_op(EVTCHNOP_reset, &r) == -EAGAIN)
		;
}

/* As many as there can be, and more with the FIFO, and all at once away again. */
static void test_many(void)
{
	struct evtchn_init_control control = { .control_gfn = virt_to_mfn(pages[0]) };
	struct evtchn_bind_ipi b = { .vcpu = 0 };
	unsigned n = 0;

	while (evtchn_op(EVTCHNOP_bind_ipi, &b) == 0)
		n++;
	check_eq(n, 8 * sizeof(shared_info->evtchn_pending) - 1);
	reset();
	check_eq(evtchn_op(EVTCHNOP_init_control, &control), 0);
	for (n = 0; n < 20000 && evtchn_op(EVTCHNOP_bind_ipi, &b) == 0; n++)
		;
	check_eq(n, 20000);
	reset();
	check_eq(evtchn_op(EVTCHNOP_bind_ipi, &b), 0);
	check_eq(b.port, 1);
	reset();
}

void test_main(void)
{
	unsigned port;

	trap_hook = swallow_events;
	random_seed(0x853c49e6748fea9bUL);
	race(4, rounds);
	reset();
	test_many();
	/* Nothing holds the pages any more: they may be tables again. */
	for (unsigned i = 0; i < 8; i++) {
		memset(pages[i], 0, PAGE_SIZE);
		check_eq(make_readonly(pages[i]), 0);
		check_eq(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(pages[i])), 0);
		check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(pages[i])), 0);
		check_eq(make_writable(pages[i]), 0);
	}
	memset((void *)shared_info->evtchn_pending, 0, sizeof(shared_info->evtchn_pending));
	port = bind_ipi(0);
	send_event(port);
	check(event_pending(port));
}
