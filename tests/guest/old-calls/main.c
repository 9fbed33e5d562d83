// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The first forms of three hypercalls, which kernels of before Xen 3.0.2 know and the public
 * headers promise to new guests: event_channel_op and physdev_op with the command in the structure,
 * sched_op with the reason of a shutdown for its argument. They do what the present forms do;
 * commands that are younger than the form are not in it.
 * bits: 64 32
 */
#include "guest.h"
#include "pv-abi/physdev.h"

const char test_name[] = "old-calls";

static long event(struct evtchn_op *op, uint32_t cmd)
{
	op->cmd = cmd;
	return hypercall(event_channel_op_compat, op);
}

static long physdev(struct physdev_op *op, uint32_t cmd)
{
	op->cmd = cmd;
	return hypercall(physdev_op_compat, op);
}

static void test_events(void)
{
	struct evtchn_op op = { 0 };
	evtchn_port_t port;

	op.u.alloc_unbound.dom = op.u.alloc_unbound.remote_dom = DOMID_SELF;
	check_eq(event(&op, EVTCHNOP_alloc_unbound), 0);
	port = op.u.alloc_unbound.port;
	check(port);
	memset(&op, 0, sizeof(op));
	op.u.status = (struct evtchn_status){ .dom = DOMID_SELF, .port = port };
	check_eq(event(&op, EVTCHNOP_status), 0);
	check_eq(op.u.status.status, EVTCHNSTAT_unbound);
	op.u.close.port = port;
	check_eq(event(&op, EVTCHNOP_close), 0);
	check_refused(event(&op, EVTCHNOP_close));
	/* An IPI to ourselves is pending, and goes without an upcall. */
	memset(&op, 0, sizeof(op));
	check_eq(event(&op, EVTCHNOP_bind_ipi), 0);
	port = op.u.bind_ipi.port;
	mask_event(port);
	op.u.send.port = port;
	check_eq(event(&op, EVTCHNOP_send), 0);
	check(event_pending(port));
	clear_event(port);
	unmask_event(port);
	close_event(port);
	/* Younger ones, and none at all. */
	op.u.close.port = DOMID_SELF;
	check_eq(event(&op, EVTCHNOP_reset), -ENOSYS);
	check_eq(event(&op, EVTCHNOP_set_priority), -ENOSYS);
	check_eq(event(&op, 0xffffffff), -ENOSYS);
	check_eq(hypercall(event_channel_op_compat, (void *)0x10000), -EFAULT);
}

static void test_physdev(void)
{
	static uint8_t bitmap[16];
	struct physdev_op op = { .u.set_iopl.iopl = 1 };

	check_eq(physdev(&op, PHYSDEVOP_set_iopl), 0);
	op.u.set_iopl.iopl = 4;
	check_eq(physdev(&op, PHYSDEVOP_set_iopl), -EINVAL);
	op.u.set_iopl.iopl = 0;
	check_eq(physdev(&op, PHYSDEVOP_set_iopl), 0);
	set_xen_guest_handle(op.u.set_iobitmap.bitmap, bitmap);
	op.u.set_iobitmap.nr_ports = 128;
	check_eq(physdev(&op, PHYSDEVOP_set_iobitmap), 0);
	op.u.set_iobitmap.nr_ports = 65537;
	check_eq(physdev(&op, PHYSDEVOP_set_iobitmap), -EINVAL);
	op.u.set_iobitmap.nr_ports = 0;
	check_eq(physdev(&op, PHYSDEVOP_set_iobitmap), 0);
	op.u.irq_status_query = (struct physdev_irq_status_query){ .irq = 5, .flags = ~0U };
	check_eq(physdev(&op, PHYSDEVOP_irq_status_query), 0);
	check_eq(op.u.irq_status_query.flags, 0);
	check_eq(physdev(&op, PHYSDEVOP_apic_read), -EPERM);
	check_eq(physdev(&op, PHYSDEVOP_eoi), -ENOSYS);
	check_eq(physdev(&op, 0xffffffff), -ENOSYS);
	check_eq(hypercall(physdev_op_compat, (void *)0x10000), -EFAULT);
}

static unsigned upcalls;

static bool count_events(struct trap_frame *f)
{
	upcalls += f->vector == TRAP_EVENT;
	return swallow_events(f);
}

static void test_sched(void)
{
	unsigned port = bind_ipi(0);

	check_eq(hypercall(sched_op_compat, (long)SCHEDOP_yield, 0L), 0);
	/* It lets events in: one that is there already is a reason not to sleep. */
	trap_hook = count_events;
	events_off();
	send_event(port);
	check_eq(upcalls, 0);
	check_eq(hypercall(sched_op_compat, (long)SCHEDOP_block, 0L), 0);
	check_eq(upcalls, 1);
	events_off();
	trap_hook = NULL;
	clear_event(port);
	close_event(port);
	check_eq(hypercall(sched_op_compat, (long)SCHEDOP_shutdown, SHUTDOWN_MAX + 1L), -EINVAL);
	check_eq(hypercall(sched_op_compat, (long)SCHEDOP_poll, 0L), -ENOSYS);
	check_eq(hypercall(sched_op_compat, -1L, 0L), -ENOSYS);
}

void test_main(void)
{
	test_events();
	test_physdev();
	test_sched();
}
