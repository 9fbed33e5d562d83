// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/domain/event.c hypervisor/domain/event_raise.c
// sources: hypervisor/domain/event_2l.c hypervisor/domain/event_fifo.c
// sources: tests/unit/sim/sim.c
/*
 * Event channels with 2-level delivery: bindings, their life and death, who is woken, and what a
 * hostile guest gets for its arguments. The FIFO has a file of its own.
 */
#include "suite.h"
#include <string.h>

#include "cpu/cpu.h"
#include "domain/pirq.h"
#include "pv-abi/errno.h"
#include "pv-abi/event_channel.h"
#include "sim.h"

static struct domain *dom_a, *dom_b, *privileged;

static void setup_limited(u32 max_ports)
{
	sim_reset();
	privileged = sim_domain(0, 2, true);
	dom_a = sim_domain(5, 2, false);
	dom_b = sim_domain(6, 4, false);
	CU_ASSERT_EQUAL_FATAL(events_init(privileged, max_ports), 0);
	CU_ASSERT_EQUAL_FATAL(events_init(dom_a, max_ports), 0);
	CU_ASSERT_EQUAL_FATAL(events_init(dom_b, max_ports), 0);
	sim_current = dom_a->vcpu[0];
}

static void setup(void)
{
	setup_limited(~0U);
}

/* Everything that was allocated is freed when the domains go. */
static void teardown(void)
{
	struct domain *all[] = { dom_a, dom_b, privileged };

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		all[i]->dying = true;
		events_close_all(all[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		events_destroy(all[i]);
		CU_ASSERT_EQUAL(all[i]->refs, 1);
	}
	CU_ASSERT_EQUAL(sim.objects, 0);
	sim_reset();
}

static s64 call(struct domain *d, unsigned cmd, void *arg)
{
	sim_current = d->vcpu[0];
	return do_event_channel_op(cmd, (u64)(uintptr_t)arg);
}

static s64 alloc_unbound(struct domain *caller, domid_t dom, domid_t remote)
{
	struct evtchn_alloc_unbound op = { .dom = dom, .remote_dom = remote };
	s64 rc = call(caller, EVTCHNOP_alloc_unbound, &op);

	return rc ? rc : op.port;
}

static s64 bind_interdomain(struct domain *caller, domid_t remote, u32 port)
{
	struct evtchn_bind_interdomain op = { .remote_dom = remote, .remote_port = port };
	s64 rc = call(caller, EVTCHNOP_bind_interdomain, &op);

	return rc ? rc : op.local_port;
}

static s64 bind_virq(struct domain *caller, u32 virq, u32 vcpu)
{
	struct evtchn_bind_virq op = { .virq = virq, .vcpu = vcpu };
	s64 rc = call(caller, EVTCHNOP_bind_virq, &op);

	return rc ? rc : op.port;
}

static s64 bind_ipi(struct domain *caller, u32 vcpu)
{
	struct evtchn_bind_ipi op = { .vcpu = vcpu };
	s64 rc = call(caller, EVTCHNOP_bind_ipi, &op);

	return rc ? rc : op.port;
}

static s64 bind_pirq(struct domain *caller, u32 pirq)
{
	struct evtchn_bind_pirq op = { .pirq = pirq };
	s64 rc = call(caller, EVTCHNOP_bind_pirq, &op);

	return rc ? rc : op.port;
}

static s64 bind_vcpu(struct domain *caller, u32 port, u32 vcpu)
{
	struct evtchn_bind_vcpu op = { .port = port, .vcpu = vcpu };

	return call(caller, EVTCHNOP_bind_vcpu, &op);
}

/* Operations whose argument is a port and nothing else. */
static s64 port_op(struct domain *caller, unsigned cmd, u32 port)
{
	struct evtchn_send op = { .port = port };

	return call(caller, cmd, &op);
}

static struct evtchn_status status_of(struct domain *d, u32 port)
{
	struct evtchn_status op = { .dom = DOMID_SELF, .port = port };

	CU_ASSERT_EQUAL(call(d, EVTCHNOP_status, &op), 0);
	return op;
}

static bool pending(struct domain *d, u32 port)
{
	return test_bit(port, d->shared_info->evtchn_pending);
}

/*
 * What a guest does in its upcall: all pending, unmasked ports of the vCPU, as a bitmap of the
 * first 64.
 */
static u64 take_events(struct vcpu *v)
{
	u64 sel, got;

	v->info->evtchn_upcall_pending = 0;
	sel = v->info->evtchn_pending_sel;
	v->info->evtchn_pending_sel = 0;
	got = sel & 1 ? v->domain->shared_info->evtchn_pending[0] &
				~v->domain->shared_info->evtchn_mask[0]
		      : 0;
	v->domain->shared_info->evtchn_pending[0] &= ~got;
	return got;
}

/* A channel from dom_a to dom_b, whose ports nothing is pending on. */
static void connect(s64 *a, s64 *b)
{
	*a = alloc_unbound(dom_a, DOMID_SELF, dom_b->id);
	*b = bind_interdomain(dom_b, dom_a->id, *a);
	take_events(dom_b->vcpu[0]);
}

/* ---------------------------------------------------------------------------------------------- */

TEST(test_interdomain, "interdomain")
{
	s64 a, b;

	a = alloc_unbound(dom_a, DOMID_SELF, dom_b->id);
	CU_ASSERT_EQUAL(a, 1);
	CU_ASSERT_EQUAL(status_of(dom_a, a).status, EVTCHNSTAT_unbound);
	CU_ASSERT_EQUAL(status_of(dom_a, a).u.unbound.dom, dom_b->id);
	/*
	 * Sent before anybody is there: no error, nothing happens, and the binder finds its port
	 * pending.
	 */
	CU_ASSERT_EQUAL(port_op(dom_a, EVTCHNOP_send, a), 0);
	b = bind_interdomain(dom_b, dom_a->id, a);
	CU_ASSERT_EQUAL(b, 1);
	CU_ASSERT_EQUAL(take_events(dom_b->vcpu[0]), BIT(b));
	CU_ASSERT_EQUAL(status_of(dom_a, a).status, EVTCHNSTAT_interdomain);
	CU_ASSERT_EQUAL(status_of(dom_a, a).u.interdomain.dom, dom_b->id);
	CU_ASSERT_EQUAL(status_of(dom_b, b).u.interdomain.port, a);

	CU_ASSERT_EQUAL(port_op(dom_a, EVTCHNOP_send, a), 0);
	CU_ASSERT(pending(dom_b, b) && !pending(dom_a, a));
	CU_ASSERT_EQUAL(sim_unblocks(dom_b->vcpu[0]), 2);
	/* The second before the guest looked changes nothing. */
	CU_ASSERT_EQUAL(port_op(dom_a, EVTCHNOP_send, a), 0);
	CU_ASSERT_EQUAL(sim_unblocks(dom_b->vcpu[0]), 2);
	CU_ASSERT_EQUAL(take_events(dom_b->vcpu[0]), BIT(b));
	CU_ASSERT_EQUAL(port_op(dom_b, EVTCHNOP_send, b), 0);
	CU_ASSERT_EQUAL(take_events(dom_a->vcpu[0]), BIT(a));

	/* One end closes: the other waits for the same domain again. */
	port_op(dom_a, EVTCHNOP_send, a);
	CU_ASSERT_EQUAL(port_op(dom_b, EVTCHNOP_close, b), 0);
	CU_ASSERT(!pending(dom_b, b));
	CU_ASSERT_EQUAL(status_of(dom_a, a).status, EVTCHNSTAT_unbound);
	CU_ASSERT_EQUAL(status_of(dom_a, a).u.unbound.dom, dom_b->id);
	CU_ASSERT_EQUAL(status_of(dom_b, b).status, EVTCHNSTAT_closed);
	CU_ASSERT_EQUAL(port_op(dom_b, EVTCHNOP_send, b), -EINVAL);
	CU_ASSERT_EQUAL(bind_interdomain(dom_b, dom_a->id, a), b);
}

TEST(test_loopback, "loopback")
{
	s64 a, b;

	a = alloc_unbound(dom_a, DOMID_SELF, DOMID_SELF);
	b = bind_interdomain(dom_a, DOMID_SELF, a);
	CU_ASSERT(b > 0 && b != a);
	take_events(dom_a->vcpu[0]);
	CU_ASSERT_EQUAL(port_op(dom_a, EVTCHNOP_send, a), 0);
	CU_ASSERT_EQUAL(take_events(dom_a->vcpu[0]), BIT(b));
	CU_ASSERT_EQUAL(port_op(dom_a, EVTCHNOP_close, a), 0);
	CU_ASSERT_EQUAL(status_of(dom_a, b).status, EVTCHNSTAT_unbound);
}

TEST(test_wrong_bindings, "wrong bindings are refused")
{
	s64 a;

	a = alloc_unbound(dom_a, DOMID_SELF, dom_b->id);
	CU_ASSERT_EQUAL(bind_interdomain(privileged, dom_a->id, a), -EINVAL);
	CU_ASSERT_EQUAL(bind_interdomain(dom_b, 77, a), -ESRCH);
	CU_ASSERT_EQUAL(bind_interdomain(dom_b, dom_a->id, 0), -EINVAL);
	CU_ASSERT_EQUAL(bind_interdomain(dom_b, dom_a->id, a + 1), -EINVAL);
	CU_ASSERT_EQUAL(bind_interdomain(dom_b, dom_a->id, ~0U), -EINVAL);
	CU_ASSERT_EQUAL(bind_interdomain(dom_b, dom_a->id, a), 1);
	CU_ASSERT_EQUAL(bind_interdomain(dom_b, dom_a->id, a), -EINVAL);

	/* For others only with dom0's rights. */
	CU_ASSERT_EQUAL(alloc_unbound(dom_a, dom_b->id, dom_a->id), -EPERM);
	CU_ASSERT_EQUAL(alloc_unbound(privileged, 77, dom_a->id), -ESRCH);
	CU_ASSERT(alloc_unbound(privileged, dom_b->id, dom_a->id) > 0);

	struct evtchn_status op = { .dom = dom_b->id, .port = 1 };

	CU_ASSERT_EQUAL(call(dom_a, EVTCHNOP_status, &op), -EPERM);
	CU_ASSERT_EQUAL(call(privileged, EVTCHNOP_status, &op), 0);
	op.port = 4000;
	CU_ASSERT_EQUAL(call(privileged, EVTCHNOP_status, &op), -EINVAL);

	struct evtchn_reset reset = { .dom = dom_b->id };

	CU_ASSERT_EQUAL(call(dom_a, EVTCHNOP_reset, &reset), -EPERM);
}

TEST(test_wild_arguments, "wild arguments")
{
	static const u32 wild[] = { 0,	    127,    128,	4095,	    4096,
				    131071, 131072, 0x7fffffff, 0x80000000, ~0U };
	static const unsigned cmds[] = { EVTCHNOP_close, EVTCHNOP_send, EVTCHNOP_unmask };

	/* One bucket of ports exists, all free but port 1. */
	alloc_unbound(dom_a, DOMID_SELF, dom_b->id);
	for (unsigned i = 0; i < ARRAY_SIZE(wild); i++) {
		for (unsigned c = 0; c < ARRAY_SIZE(cmds); c++)
			CU_ASSERT_EQUAL(port_op(dom_a, cmds[c], wild[i]), -EINVAL);
		CU_ASSERT_EQUAL(bind_vcpu(dom_a, wild[i], 0), -EINVAL);
		CU_ASSERT(!event_port_pending(dom_a, wild[i]));
		if (i > 0) {
			CU_ASSERT_EQUAL(bind_ipi(dom_a, wild[i]), -ENOENT);
			CU_ASSERT_EQUAL(bind_virq(dom_a, wild[i], 0), -EINVAL);
			CU_ASSERT_EQUAL(bind_virq(dom_a, VIRQ_TIMER, wild[i]), -ENOENT);
			CU_ASSERT_EQUAL(bind_vcpu(dom_a, 1, wild[i]), -ENOENT);
		}
	}
	CU_ASSERT_EQUAL(bind_pirq(dom_a, NR_PIRQS), -EINVAL);
	CU_ASSERT_EQUAL(bind_pirq(dom_a, ~0U), -EINVAL);

	for (unsigned cmd = 0; cmd < 14; cmd++) {
		CU_ASSERT_EQUAL(call(dom_a, cmd, NULL), -EFAULT);
	}
	sim_current = dom_a->vcpu[0];
	CU_ASSERT_EQUAL(do_event_channel_op(14, 0), -ENOSYS);
	CU_ASSERT_EQUAL(do_event_channel_op(~0ULL, 0), -ENOSYS);
	CU_ASSERT_EQUAL(do_event_channel_op(1ULL << 32, 0), -ENOSYS);
}

/* Memory that can be read but not written: the port that could not be told is closed again. */
static int refuse_writes;

int copy_to_guest(vaddr_t dst, const void *src, size_t n)
{
	if (refuse_writes)
		return -EFAULT;
	memcpy((void *)(uintptr_t)dst, src, n);
	return 0;
}

TEST(test_unwritable_answer, "unwritable answers leave nothing behind")
{
	refuse_writes = 1;
	CU_ASSERT_EQUAL(alloc_unbound(dom_a, DOMID_SELF, dom_b->id), -EFAULT);
	CU_ASSERT_EQUAL(bind_virq(dom_a, VIRQ_TIMER, 0), -EFAULT);
	CU_ASSERT_EQUAL(bind_ipi(dom_a, 0), -EFAULT);
	CU_ASSERT_EQUAL(bind_pirq(dom_a, 9), -EFAULT);
	refuse_writes = 0;
	CU_ASSERT_EQUAL(event_pirq_port(dom_a, 9), 0);
	CU_ASSERT_EQUAL(bind_virq(dom_a, VIRQ_TIMER, 0), 1);
}

TEST(test_masks, "masks")
{
	s64 a, b;

	connect(&a, &b);
	u64 before = sim_unblocks(dom_b->vcpu[0]);

	set_bit(b, dom_b->shared_info->evtchn_mask);
	port_op(dom_a, EVTCHNOP_send, a);
	CU_ASSERT(pending(dom_b, b));
	CU_ASSERT(event_port_pending(dom_b, b));
	CU_ASSERT_EQUAL(sim_unblocks(dom_b->vcpu[0]), before);
	CU_ASSERT(!vcpu_event_pending(dom_b->vcpu[0]));
	/* Unmasking delivers it. */
	CU_ASSERT_EQUAL(port_op(dom_b, EVTCHNOP_unmask, b), 0);
	CU_ASSERT_EQUAL(sim_unblocks(dom_b->vcpu[0]), before + 1);
	CU_ASSERT(vcpu_event_pending(dom_b->vcpu[0]));
	CU_ASSERT(vcpu_event_deliverable(dom_b->vcpu[0]));
	dom_b->vcpu[0]->info->evtchn_upcall_mask = 1;
	CU_ASSERT(!vcpu_event_deliverable(dom_b->vcpu[0]));
	CU_ASSERT_EQUAL(take_events(dom_b->vcpu[0]), BIT(b));
	/* Nothing pending: nothing to deliver. */
	set_bit(b, dom_b->shared_info->evtchn_mask);
	CU_ASSERT_EQUAL(port_op(dom_b, EVTCHNOP_unmask, b), 0);
	CU_ASSERT_EQUAL(take_events(dom_b->vcpu[0]), 0);
}

TEST(test_pollers, "pollers are woken even if masked")
{
	struct vcpu *v;
	s64 a, b;

	connect(&a, &b);
	/*
	 * Masked, notifies vCPU 0, polled by vCPU 2 alone, by vCPU 3 with others, and not by vCPU
	 * 1.
	 */
	set_bit(b, dom_b->shared_info->evtchn_mask);
	v = dom_b->vcpu[2];
	v->polling = true;
	v->poll_port = b;
	dom_b->vcpu[3]->polling = true;
	dom_b->vcpu[3]->poll_port = 0;
	dom_b->vcpu[1]->polling = true;
	dom_b->vcpu[1]->poll_port = b + 1;
	u64 before = sim_unblocks(dom_b->vcpu[0]);

	port_op(dom_a, EVTCHNOP_send, a);
	CU_ASSERT_EQUAL(sim_unblocks(v), 1);
	CU_ASSERT(!v->polling);
	CU_ASSERT_EQUAL(sim_unblocks(dom_b->vcpu[3]), 1);
	CU_ASSERT_EQUAL(sim_unblocks(dom_b->vcpu[1]), 0);
	CU_ASSERT(dom_b->vcpu[1]->polling);
	CU_ASSERT_EQUAL(sim_unblocks(dom_b->vcpu[0]), before);
}

TEST(test_virqs, "VIRQs")
{
	s64 t0, t1, con;

	t0 = bind_virq(dom_a, VIRQ_TIMER, 0);
	t1 = bind_virq(dom_a, VIRQ_TIMER, 1);
	CU_ASSERT(t0 > 0 && t1 > 0 && t0 != t1);
	CU_ASSERT_EQUAL(bind_virq(dom_a, VIRQ_TIMER, 1), -EEXIST);
	event_send_virq(dom_a->vcpu[1], VIRQ_TIMER);
	CU_ASSERT_EQUAL(take_events(dom_a->vcpu[1]), BIT(t1));
	CU_ASSERT_EQUAL(take_events(dom_a->vcpu[0]), 0);
	CU_ASSERT_EQUAL(status_of(dom_a, t1).vcpu, 1);
	CU_ASSERT_EQUAL(status_of(dom_a, t1).u.virq, VIRQ_TIMER);
	/* A vCPU's own VIRQ stays with it, and is not the guest's to raise. */
	CU_ASSERT_EQUAL(bind_vcpu(dom_a, t1, 0), -EINVAL);
	CU_ASSERT_EQUAL(port_op(dom_a, EVTCHNOP_send, t1), -EINVAL);
	/* Not bound: nothing happens. */
	event_send_virq(dom_b->vcpu[0], VIRQ_TIMER);
	CU_ASSERT_EQUAL(sim_unblocks(dom_b->vcpu[0]), 0);

	/* The domain's: bound on vCPU 0 only, then moved at will. */
	CU_ASSERT_EQUAL(bind_virq(dom_a, VIRQ_CONSOLE, 1), -EINVAL);
	con = bind_virq(dom_a, VIRQ_CONSOLE, 0);
	CU_ASSERT_EQUAL(bind_vcpu(dom_a, con, 1), 0);
	event_send_global_virq(dom_a, VIRQ_CONSOLE);
	CU_ASSERT_EQUAL(take_events(dom_a->vcpu[1]), BIT(con));
	event_send_global_virq(NULL, VIRQ_CONSOLE);

	/* Closed while bound elsewhere: it can be bound again and the old port is silent. */
	CU_ASSERT_EQUAL(port_op(dom_a, EVTCHNOP_close, con), 0);
	event_send_global_virq(dom_a, VIRQ_CONSOLE);
	CU_ASSERT_EQUAL(take_events(dom_a->vcpu[1]), 0);
	CU_ASSERT(bind_virq(dom_a, VIRQ_CONSOLE, 0) > 0);
	CU_ASSERT_EQUAL(port_op(dom_a, EVTCHNOP_close, t1), 0);
	CU_ASSERT_EQUAL(bind_virq(dom_a, VIRQ_TIMER, 1), t1);
}

TEST(test_ipis, "IPIs")
{
	s64 p;

	p = bind_ipi(dom_a, 1);
	CU_ASSERT_EQUAL(port_op(dom_a, EVTCHNOP_send, p), 0);
	CU_ASSERT_EQUAL(take_events(dom_a->vcpu[1]), BIT(p));
	CU_ASSERT_EQUAL(bind_vcpu(dom_a, p, 0), -EINVAL);
	CU_ASSERT_EQUAL(status_of(dom_a, p).status, EVTCHNSTAT_ipi);
	CU_ASSERT_EQUAL(status_of(dom_a, p).vcpu, 1);
}

TEST(test_pirqs, "PIRQs")
{
	s64 p;

	sim.pirq_error = -EBUSY;
	CU_ASSERT_EQUAL(bind_pirq(privileged, 9), -EBUSY);
	CU_ASSERT_EQUAL(event_pirq_port(privileged, 9), 0);
	sim.pirq_error = 0;
	p = bind_pirq(privileged, 9);
	CU_ASSERT_EQUAL(p, 1);
	CU_ASSERT_EQUAL(event_pirq_port(privileged, 9), p);
	CU_ASSERT_EQUAL(bind_pirq(privileged, 9), -EEXIST);
	event_send_pirq(privileged, 9);
	CU_ASSERT_EQUAL(take_events(privileged->vcpu[0]), BIT(p));
	CU_ASSERT_EQUAL(bind_vcpu(privileged, p, 1), 0);
	event_send_pirq(privileged, 9);
	CU_ASSERT_EQUAL(take_events(privileged->vcpu[1]), BIT(p));
	event_send_pirq(privileged, 10);
	event_send_pirq(privileged, ~0U);
	event_send_pirq(dom_a, 9);
	CU_ASSERT_EQUAL(take_events(privileged->vcpu[1]), 0);
	CU_ASSERT_EQUAL(status_of(privileged, p).status, EVTCHNSTAT_pirq);
	CU_ASSERT_EQUAL(status_of(privileged, p).u.pirq, 9);
	CU_ASSERT_EQUAL(port_op(privileged, EVTCHNOP_close, p), 0);
	CU_ASSERT_EQUAL(sim.pirq_unbound, 1);
	event_send_pirq(privileged, 9);
	CU_ASSERT(!pending(privileged, p));
}

TEST(test_port_numbers, "port numbers and limits")
{
	/* The 2-level ABI has 4096 whatever the limit. */
	for (u32 port = 1; port < 4096; port++)
		CU_ASSERT_EQUAL(bind_ipi(dom_a, 1), port);
	CU_ASSERT_EQUAL(bind_ipi(dom_a, 0), -ENOSPC);
	CU_ASSERT_EQUAL(port_op(dom_a, EVTCHNOP_send, 4095), 0);
	CU_ASSERT_EQUAL(dom_a->vcpu[1]->info->evtchn_pending_sel, BIT(63));
	CU_ASSERT(pending(dom_a, 4095));
	teardown();

	setup_limited(300);
	for (u32 port = 1; port < 300; port++)
		CU_ASSERT_EQUAL(bind_ipi(dom_a, 0), port);
	CU_ASSERT_EQUAL(bind_ipi(dom_a, 0), -ENOSPC);
	/* Freed ones come again, lowest first; 0 never does. */
	CU_ASSERT_EQUAL(port_op(dom_a, EVTCHNOP_close, 200), 0);
	CU_ASSERT_EQUAL(port_op(dom_a, EVTCHNOP_close, 7), 0);
	CU_ASSERT_EQUAL(bind_ipi(dom_a, 0), 7);
	CU_ASSERT_EQUAL(bind_ipi(dom_a, 0), 200);
	CU_ASSERT_EQUAL(bind_ipi(dom_a, 0), -ENOSPC);
	/* Ports 300 to 383 lie in the third bucket but are past the limit. */
	CU_ASSERT_EQUAL(port_op(dom_a, EVTCHNOP_send, 300), -EINVAL);
	teardown();

	setup_limited(0);
	CU_ASSERT_EQUAL(bind_ipi(dom_a, 0), -ENOSPC);
}

TEST(test_no_memory, "no memory")
{
	sim.allocs_left = 0;
	CU_ASSERT_EQUAL(bind_ipi(dom_a, 0), -ENOMEM);
	CU_ASSERT_EQUAL(bind_pirq(dom_a, 3), -ENOMEM);
	sim.allocs_left = 1; /* the PIRQ table, but no ports */
	CU_ASSERT_EQUAL(bind_pirq(dom_a, 3), -ENOMEM);
	sim.allocs_left = -1;
	CU_ASSERT_EQUAL(bind_pirq(dom_a, 3), 1);
}

TEST(test_reset, "reset")
{
	struct evtchn_reset op = { .dom = DOMID_SELF };
	s64 a, b;

	a = alloc_unbound(dom_a, DOMID_SELF, dom_b->id);
	b = bind_interdomain(dom_b, dom_a->id, a);
	bind_virq(dom_a, VIRQ_TIMER, 1);
	bind_pirq(dom_a, 4);
	CU_ASSERT_EQUAL(call(dom_a, EVTCHNOP_reset, &op), 0);
	for (u32 port = 1; port < 8; port++)
		CU_ASSERT_EQUAL(status_of(dom_a, port).status, EVTCHNSTAT_closed);
	CU_ASSERT_EQUAL(status_of(dom_b, b).status, EVTCHNSTAT_unbound);
	CU_ASSERT_EQUAL(sim.pirq_unbound, 1);
	CU_ASSERT_EQUAL(bind_virq(dom_a, VIRQ_TIMER, 1), 1);
	op.dom = dom_a->id;
	CU_ASSERT_EQUAL(call(privileged, EVTCHNOP_reset, &op), 0);
	CU_ASSERT_EQUAL(status_of(dom_a, 1).status, EVTCHNSTAT_closed);
}

/* Thousands of ports are not closed in one go: neither by their owner nor at its end. */
TEST(test_reset_preempted, "reset_preempted")
{
	struct evtchn_reset op = { .dom = DOMID_SELF };
	unsigned rounds = 0;

	for (unsigned i = 0; i < 300; i++)
		bind_ipi(dom_a, 0);
	sim.preempt_after = 100;
	CU_ASSERT_EQUAL(call(dom_a, EVTCHNOP_reset, &op), SIM_CONTINUED);
	CU_ASSERT(sim.continuation.wanted);
	CU_ASSERT_EQUAL(sim.continuation.op, __HYPERVISOR_event_channel_op);
	CU_ASSERT_EQUAL(sim.continuation.args[0], EVTCHNOP_reset);
	CU_ASSERT_EQUAL(sim.continuation.args[1], (u64)(uintptr_t)&op);
	CU_ASSERT_EQUAL(status_of(dom_a, 100).status, EVTCHNSTAT_closed);
	CU_ASSERT_EQUAL(status_of(dom_a, 101).status, EVTCHNSTAT_ipi);
	CU_ASSERT_EQUAL(call(dom_a, EVTCHNOP_reset, &op), 0);
	CU_ASSERT_EQUAL(status_of(dom_a, 300).status, EVTCHNSTAT_closed);

	for (unsigned i = 0; i < 300; i++)
		bind_ipi(dom_a, 0);
	dom_a->dying = true;
	do {
		sim.preempt_after = 1;
	} while (events_close_all(dom_a) == -ERESTART && ++rounds < 1000);
	CU_ASSERT_EQUAL(rounds, 300);
	sim.preempt_after = 0;
}

TEST(test_dying, "dying domains")
{
	s64 a, b;

	connect(&a, &b);
	s64 waiting = alloc_unbound(dom_b, DOMID_SELF, dom_a->id);

	dom_b->dying = true;
	port_op(dom_a, EVTCHNOP_send, a);
	CU_ASSERT(!pending(dom_b, b));
	CU_ASSERT_EQUAL(bind_interdomain(dom_a, dom_b->id, waiting), -EINVAL);
	CU_ASSERT_EQUAL(bind_ipi(dom_b, 0), -EINVAL);
	events_close_all(dom_b);
	CU_ASSERT_EQUAL(status_of(dom_a, a).status, EVTCHNSTAT_unbound);
	CU_ASSERT_EQUAL(port_op(dom_a, EVTCHNOP_send, a), 0);
}

TEST(test_moved_info, "a vcpu_info elsewhere")
{
	struct vcpu_info other = { .evtchn_upcall_pending = 0 };
	s64 a, b;

	dom_b->vcpu[0]->info = &other;
	a = alloc_unbound(dom_a, DOMID_SELF, dom_b->id);
	b = bind_interdomain(dom_b, dom_a->id, a);
	CU_ASSERT_EQUAL(other.evtchn_upcall_pending, 1);
	CU_ASSERT_EQUAL(other.evtchn_pending_sel, 1);
	CU_ASSERT_EQUAL(dom_b->shared_info->vcpu_info[0].evtchn_upcall_pending, 0);
	CU_ASSERT_EQUAL(take_events(dom_b->vcpu[0]), BIT(b));
}

TEST(test_without_vcpus, "a domain without vCPUs")
{
	struct domain *d;
	s64 a;

	/*
	 * The toolstack makes the ports before the vCPUs: what is raised then must not be lost or
	 * crash.
	 */
	d = sim_domain(9, 0, false);
	CU_ASSERT_EQUAL_FATAL(events_init(d, 128), 0);
	a = alloc_unbound(privileged, 9, 0);
	CU_ASSERT_EQUAL(a, 1);
	CU_ASSERT(bind_interdomain(privileged, 9, a) > 0);
	CU_ASSERT_EQUAL(port_op(privileged, EVTCHNOP_send, 1), 0);
	CU_ASSERT(pending(d, a));
	event_notify_port(d, a);
	event_notify_port(d, 99999);
	event_send_global_virq(d, VIRQ_CONSOLE);
	d->dying = true;
	events_close_all(d);
	events_destroy(d);
}

static void nothing_to_visit(u64 mfn, void *arg)
{
	(*(unsigned *)arg)++;
}

TEST(test_dump, "dump")
{
	unsigned visited = 0;
	s64 a;

	a = alloc_unbound(dom_a, DOMID_SELF, dom_b->id);
	bind_interdomain(dom_b, dom_a->id, a);
	bind_virq(dom_a, VIRQ_TIMER, 0);
	bind_ipi(dom_a, 1);
	alloc_unbound(dom_a, DOMID_SELF, dom_b->id);
	event_dump(dom_a);
	event_for_each_frame(dom_a, nothing_to_visit, &visited);
	CU_ASSERT_EQUAL(visited, 0);
}

SUITE("event", .begin = setup, .end = teardown)
