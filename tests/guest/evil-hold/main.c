// SPDX-License-Identifier: GPL-2.0-or-later
// driven: yes
/*
 * The longest that a guest can make a CPU go with interrupts off or a global lock held, call by
 * call: an event for which 63 vcpus wait in SCHEDOP_poll, their timers at one moment, blocks of
 * 2^9 frames and lists of single ones taken and given back, exchanged, asked for below every
 * address width, lines of all kinds for the console, ports and grant entries by the thousand, all
 * ports reset at once, tables pinned and flushed for. Every call is answered; what it cost is for
 * the system test that measures it.
 * bits: 64
 */
#include "guest.h"

const char test_name[] = "evil-hold";

#define SLEEPERS 63
#define ROUNDS	 12
#define FRAMES	 1024
#define PORTS	 3000
#define REFS	 512

static char sleeper_stacks[SLEEPERS][4096] __attribute__((aligned(4096)));
static struct vcpu_info infos[64] __attribute__((aligned(4096)));
static volatile unsigned asleep;
static volatile bool over;
static volatile uint64_t alarm; /* system time; each is waited for once */
static evtchn_port_t port;
static xen_ulong_t frames[FRAMES], more[FRAMES];

/* A vcpu of no stack that the library knows: it waits, and counts how often it began to. */
static void sleeper(void)
{
	evtchn_port_t mine = port;
	struct sched_poll poll = { .nr_ports = 1 };
	uint64_t last = 0;

	set_xen_guest_handle(poll.ports, &mine);
	while (!over) {
		__atomic_add_fetch(&asleep, 1, __ATOMIC_SEQ_CST);
		poll.timeout = alarm != last ? alarm : 0;
		last = alarm;
		hypercall(sched_op, (long)SCHEDOP_poll, &poll);
		clear_event(port);
	}
	for (;;)
		hypercall(sched_op, (long)SCHEDOP_block, 0L);
}

static void start_sleepers(void)
{
	for (unsigned id = 1; id <= SLEEPERS; id++) {
		struct vcpu_guest_context *c = vcpu_context(0, sleeper);
		struct vcpu_register_vcpu_info info = {
			.mfn = virt_to_mfn(&infos[id]),
			.offset = (uintptr_t)&infos[id] % PAGE_SIZE,
		};

		c->user_regs.rsp = (uint64_t)sleeper_stacks[id - 1] + sizeof(sleeper_stacks[0]);
		c->kernel_sp = c->user_regs.rsp - 2048;
		infos[id].evtchn_upcall_mask = 1;
		check_eq(hypercall(vcpu_op, (long)VCPUOP_initialise, (long)id, c), 0);
		check_eq(hypercall(vcpu_op, (long)VCPUOP_register_vcpu_info, (long)id, &info), 0);
		check_eq(hypercall(vcpu_op, (long)VCPUOP_up, (long)id, 0L), 0);
	}
}

/* Until all have begun to wait once more; the last of them gets as far as its call. */
static void until_asleep(unsigned times)
{
	while (asleep < times * SLEEPERS)
		hypercall(sched_op, (long)SCHEDOP_yield, 0L);
	for (unsigned i = 0; i < 2 * SLEEPERS; i++)
		hypercall(sched_op, (long)SCHEDOP_yield, 0L);
}

/* By an event, and by their timers at one moment. */
static void test_wakes(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF };
	unsigned times = 1;

	check_eq(evtchn_op(EVTCHNOP_alloc_unbound, &a), 0);
	b.remote_port = port = a.port;
	check_eq(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
	mask_event(port);
	clear_event(port);
	start_sleepers();
	until_asleep(times);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (i % 4 == 3) {
			alarm = system_time() + 1000000;
			times++;
		}
		send_event(b.local_port);
		until_asleep(++times);
	}
	over = true;
	send_event(b.local_port);
	for (unsigned id = 1; id <= SLEEPERS; id++)
		check_eq(hypercall(vcpu_op, (long)VCPUOP_down, (long)id, 0L), 0);
}

static long exchange(xen_ulong_t *in, unsigned n, unsigned in_order, xen_ulong_t *out,
		     unsigned out_order)
{
	struct xen_memory_exchange x = {
		.in = { .nr_extents = n, .extent_order = in_order, .domid = DOMID_SELF },
		.out = { .nr_extents = n << in_order >> out_order, .extent_order = out_order,
			 .domid = DOMID_SELF },
	};

	x.in.extent_start = (uintptr_t)in;
	x.out.extent_start = (uintptr_t)out;
	return hypercall(memory_op, (long)XENMEM_exchange, &x);
}

static void test_memory(void)
{
	for (unsigned i = 0; i < FRAMES; i++)
		frames[i] = pfn_to_mfn(pfn_alloc());
	for (unsigned round = 0; round < 4; round++) {
		check_eq(reservation(XENMEM_decrease_reservation, frames, FRAMES, 0, 0), FRAMES);
		/* Two blocks, taken apart by an exchange and put together again. */
		check_eq(reservation(XENMEM_increase_reservation, more, 2, 9, 0), 2);
		check_eq(exchange(more, 2, 9, frames, 0), 0);
		if (exchange(frames, FRAMES, 0, more, 9)) {
			check_eq(reservation(XENMEM_decrease_reservation, frames, FRAMES, 0, 0),
				 FRAMES);
			check_eq(reservation(XENMEM_increase_reservation, more, 2, 9, 0), 2);
		}
		check_eq(reservation(XENMEM_decrease_reservation, more, 2, 9, 0), 2);
		check_eq(reservation(XENMEM_increase_reservation, frames, FRAMES, 0, 0), FRAMES);
		for (unsigned bits = 12; bits < 40; bits++) {
			xen_ulong_t one = frames[0];

			check_eq(reservation(XENMEM_decrease_reservation, &one, 1, 0, 0), 1);
			if (reservation(XENMEM_increase_reservation, &one, 1, 0, bits) != 1)
				check_eq(reservation(XENMEM_increase_reservation, &one, 1, 0, 0),
					 1);
			frames[0] = one;
			(void)reservation(XENMEM_increase_reservation, more, 1, 9, bits);
		}
	}
	/* More than there is, at each order. */
	for (unsigned order = 0; order <= 9; order++)
		check(reservation(XENMEM_increase_reservation, more, FRAMES >> order, order, 0) <
		      FRAMES >> order);
}

static void test_console(void)
{
	static char text[4096];

	for (unsigned kind = 0; kind < 6; kind++) {
		for (unsigned i = 0; i < sizeof(text); i++)
			text[i] = kind == 0   ? 'x'
				  : kind == 1 ? '\n'
				  : kind == 2 ? 1
				  : kind == 3 ? "x\n"[i % 2]
				  : kind == 4 ? (char)0xff
					      : (i % 200 ? 'y' : '\n');
		for (unsigned n = 1; n <= sizeof(text); n *= 4)
			(void)hypercall(console_io, (long)CONSOLEIO_write, (long)n, text);
	}
	(void)hypercall(console_io, (long)CONSOLEIO_write, 1L, "\n");
}

static void test_ports(void)
{
	struct evtchn_reset reset = { .dom = DOMID_SELF };

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < PORTS; i++) {
			struct evtchn_alloc_unbound a = { .dom = DOMID_SELF,
							  .remote_dom = DOMID_SELF };
			struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF };

			check_eq(evtchn_op(EVTCHNOP_alloc_unbound, &a), 0);
			mask_event(a.port);
			b.remote_port = a.port;
			if (i % 2 == 0) {
				check_eq(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
				mask_event(b.local_port);
				send_event(b.local_port);
			}
			if (a.port >= 4090)
				break;
		}
		check_eq(evtchn_op(EVTCHNOP_reset, &reset), 0);
	}
}

static void test_grants(void)
{
	static struct gnttab_map_grant_ref map[REFS];
	static struct gnttab_unmap_grant_ref unmap[REFS];
	static xen_ulong_t list[8];
	struct grant_entry_v1 *entries = page_alloc();
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 8 };
	uint8_t *window = page_alloc();
	domid_t self = own_domid();

	set_xen_guest_handle(setup.frame_list, list);
	check_eq(grant_op(GNTTABOP_setup_table, &setup, 1), 0);
	check_eq(setup.status, GNTST_okay);
	check_eq(map_page(entries, list[0], PTE_KERNEL | PTE_US), 0);
	for (unsigned i = 0; i < REFS; i++) {
		entries[i] = (struct grant_entry_v1){ .flags = GTF_permit_access, .domid = self,
						      .frame = (uint32_t)virt_to_mfn(window) };
		map[i] = (struct gnttab_map_grant_ref){ .host_addr = (uintptr_t)window,
							.flags = GNTMAP_host_map, .ref = i,
							.dom = self };
	}
	check_eq(grant_op(GNTTABOP_map_grant_ref, map, REFS), 0);
	for (unsigned i = 0; i < REFS; i++)
		unmap[i] = (struct gnttab_unmap_grant_ref){ .host_addr = (uintptr_t)window,
							    .handle = map[i].handle };
	check_eq(grant_op(GNTTABOP_unmap_grant_ref, unmap, REFS), 0);
	check_eq(map_page(entries, 0, 0), 0);
}

static void test_tables(void)
{
	struct space s;

	space_new(&s, USER_CODE);
	space_readonly(&s);
	for (unsigned i = 0; i < 50; i++) {
		check_eq(mmuext(PIN_ROOT, virt_to_mfn(s.table[ROOT_LEVEL])), 0);
		check_eq(mmuext(MMUEXT_TLB_FLUSH_ALL, 0), 0);
		check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(s.table[ROOT_LEVEL])), 0);
	}
}

void test_main(void)
{
	trap_hook = swallow_events;
	test_memory();
	test_grants();
	test_tables();
	test_console();
	test_wakes();
	test_ports();
}
