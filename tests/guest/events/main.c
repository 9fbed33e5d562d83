// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Event channels, 2-level: a domain connects to itself, and what is true between two domains is
 * true here. Sending sets the peer's pending bit, its selector and an upcall, unless masked;
 * unmasking delivers what came meanwhile; closing one end leaves the other unbound; virqs are bound
 * once; every bad port, domain or vcpu is an error. Ports run out with an errno.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "events";

static volatile unsigned count;
static volatile unsigned last;

static void event(unsigned port)
{
	count++;
	last = port;
}

static struct evtchn_status status(unsigned port)
{
	struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

	check_eq(evtchn_op(EVTCHNOP_status, &s), 0);
	return s;
}

static long try(unsigned cmd, unsigned port)
{
	struct evtchn_send s = { .port = port };

	return evtchn_op(cmd, &s);
}

static void test_pair(void)
{
	unsigned a = unbound_port(), b;
	struct evtchn_bind_interdomain again = { .remote_dom = DOMID_SELF, .remote_port = a };
	struct evtchn_status s;

	check(a > 0);
	check_eq(status(a).status, EVTCHNSTAT_unbound);
	/* Nobody there: the event is lost, which is no error. */
	check_eq(try(EVTCHNOP_send, a), 0);
	b = bind_port(a);
	check(b != a);
	check_refused(evtchn_op(EVTCHNOP_bind_interdomain, &again));
	s = status(a);
	check(s.status == EVTCHNSTAT_interdomain && s.u.interdomain.port == b);
	s = status(b);
	check(s.status == EVTCHNSTAT_interdomain && s.u.interdomain.port == a && s.vcpu == 0);
	/* A new binding says so by one event, which here may hit the binder's own port. */
	clear_event(a);
	clear_event(b);
	count = 0;
	events_on();

	send_event(a);
	check_eq(count, 1);
	check_eq(last, b);
	send_event(b);
	check_eq(count, 2);
	check_eq(last, a);

	mask_event(b);
	send_event(a);
	send_event(a);
	check_eq(count, 2);
	check(event_pending(b));
	unmask_event(b);
	check_eq(count, 3);
	check(!event_pending(b));
	/* With upcalls off it waits. */
	events_off();
	send_event(a);
	check_eq(count, 3);
	check_eq(vcpu_info()->evtchn_upcall_pending, 1);
	check(vcpu_info()->evtchn_pending_sel >> (b / (8 * sizeof(xen_ulong_t))) & 1);
	events_on();
	check_eq(count, 4);

	close_event(a);
	check_eq(status(a).status, EVTCHNSTAT_closed);
	check_eq(status(b).status, EVTCHNSTAT_unbound);
	check_refused(try(EVTCHNOP_send, a));
	check_refused(try(EVTCHNOP_close, a));
	check_eq(try(EVTCHNOP_send, b), 0);
	close_event(b);
	check_eq(status(b).status, EVTCHNSTAT_closed);
	events_off();
}

static void test_virqs(void)
{
	struct evtchn_bind_virq v = { .virq = VIRQ_TIMER, .vcpu = 0 };
	struct evtchn_bind_vcpu move;
	unsigned port = bind_virq(VIRQ_TIMER, 0);

	check_eq(status(port).status, EVTCHNSTAT_virq);
	check_eq(status(port).u.virq, VIRQ_TIMER);
	check_eq(evtchn_op(EVTCHNOP_bind_virq, &v), -EEXIST);
	move = (struct evtchn_bind_vcpu){ .port = port, .vcpu = 1 };
	check_refused(evtchn_op(EVTCHNOP_bind_vcpu, &move));
	close_event(port);
	port = bind_virq(VIRQ_TIMER, 0);
	close_event(port);
	v.virq = NR_VIRQS;
	check_refused(evtchn_op(EVTCHNOP_bind_virq, &v));
	v.virq = 0xffffffff;
	check_refused(evtchn_op(EVTCHNOP_bind_virq, &v));
	v = (struct evtchn_bind_virq){ .virq = VIRQ_TIMER, .vcpu = 33 };
	check_refused(evtchn_op(EVTCHNOP_bind_virq, &v));
	v = (struct evtchn_bind_virq){ .virq = VIRQ_DEBUG, .vcpu = 0xffffffff };
	check_refused(evtchn_op(EVTCHNOP_bind_virq, &v));
}

static void test_errors(void)
{
	static const unsigned bad[] = { 0,	 4095,	     4096,	 0x1ffff,
					0x20000, 0x7fffffff, 0x80000000, 0xffffffff };
	struct evtchn_alloc_unbound a = { .dom = 12345, .remote_dom = DOMID_SELF };
	struct evtchn_bind_interdomain b = { .remote_dom = 12345, .remote_port = 1 };
	struct evtchn_bind_pirq p = { .pirq = 1 };
	struct evtchn_status s = { .dom = DOMID_SELF };
	struct evtchn_bind_vcpu v = { .port = unbound_port(), .vcpu = 1 };
	struct evtchn_reset r = { .dom = 12345 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		check_refused(try(EVTCHNOP_send, bad[i]));
		check_refused(try(EVTCHNOP_close, bad[i]));
		check_refused(try(EVTCHNOP_unmask, bad[i]));
		b = (struct evtchn_bind_interdomain){ .remote_dom = DOMID_SELF,
						      .remote_port = bad[i] };
		check_refused(evtchn_op(EVTCHNOP_bind_interdomain, &b));
		s.port = bad[i];
		if (bad[i] >= 4096)
			check_refused(evtchn_op(EVTCHNOP_status, &s));
	}
	check_refused(evtchn_op(EVTCHNOP_alloc_unbound, &a));
	b = (struct evtchn_bind_interdomain){ .remote_dom = 12345, .remote_port = 1 };
	check_refused(evtchn_op(EVTCHNOP_bind_interdomain, &b));
	check_refused(evtchn_op(EVTCHNOP_bind_vcpu, &v));
	v.vcpu = 0;
	check_eq(evtchn_op(EVTCHNOP_bind_vcpu, &v), 0);
	close_event(v.port);
	check_refused(evtchn_op(EVTCHNOP_reset, &r));
	check_eq(evtchn_op(99, &r), -ENOSYS);
	for (unsigned cmd = 0; cmd <= EVTCHNOP_set_priority; cmd++) {
		check_refused(evtchn_op(cmd, (void *)0x10000));
		check_refused(evtchn_op(cmd, (void *)0xffff830000000000UL));
		check_refused(evtchn_op(cmd, (void *)0xfffffffffffffffeUL));
	}
	if (!(start_info->flags & SIF_INITDOMAIN)) {
		check_refused(evtchn_op(EVTCHNOP_bind_pirq, &p));
		s = (struct evtchn_status){ .dom = 0, .port = 1 };
		check_refused(evtchn_op(EVTCHNOP_status, &s));
		a = (struct evtchn_alloc_unbound){ .dom = 0, .remote_dom = DOMID_SELF };
		check_refused(evtchn_op(EVTCHNOP_alloc_unbound, &a));
		/* A domain that may or may not exist: no port of its is ours to bind. */
		b = (struct evtchn_bind_interdomain){ .remote_dom = 1, .remote_port = 1 };
		check_refused(evtchn_op(EVTCHNOP_bind_interdomain, &b));
	}
}

static void test_exhaustion(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_reset r = { .dom = DOMID_SELF };
	unsigned n = 0, highest = 0;
	long err = 0;

	while (n < 5000) {
		err = evtchn_op(EVTCHNOP_alloc_unbound, &a);
		if (err)
			break;
		if (a.port > highest)
			highest = a.port;
		n++;
	}
	check_eq(err, -ENOSPC);
	check(n >= 100 && n < 4096 && highest < 4096);
	close_event(highest);
	check_eq(unbound_port(), highest);
	check_eq(evtchn_op(EVTCHNOP_reset, &r), 0);
	check_eq(status(highest).status, EVTCHNSTAT_closed);
	check(unbound_port() > 0);
}

void test_main(void)
{
	event_hook = event;
	test_pair();
	test_virqs();
	test_errors();
	test_exhaustion();
	test_pair();
}
