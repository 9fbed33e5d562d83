// SPDX-License-Identifier: GPL-2.0-or-later
// driven: yes
/*
 * dom0 of a machine of its own, which ends a domain while it still has something of it, and makes
 * another one of the same number as soon as that can be had. While a page of the old one is mapped,
 * by grant or by frame number, its number is taken, the page keeps what it held, and nothing new
 * can be got from it. After the last mapping the number is free at once; the new domain has no
 * grant, no port and no byte of the old one, the old one's handle is nobody's, and an event for the
 * old port does not reach the new one's port of that number.
 * bits: 64
 */
#include "guest.h"
#include "pv-abi/domctl.h"
#include "pv-abi/sysctl.h"

const char test_name[] = "number-again";

#define NUMBER 7
#define FRAMES 4
#define ROUNDS 12
#define REF    9
#define SECRET 0x5ec2e7d0c0ffee00ULL

static struct xen_domctl op;
static xen_pfn_t frames[FRAMES];
static volatile uint64_t *granted, *named, *info, *table;

static long domctl(unsigned cmd)
{
	op.cmd = cmd;
	op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op.domain = NUMBER;
	return hypercall(domctl, &op);
}

static long create(void)
{
	memset(&op, 0, sizeof(op));
	op.u.createdomain.max_vcpus = 1;
	op.u.createdomain.max_evtchn_port = 1023;
	op.u.createdomain.max_grant_frames = 4;
	op.u.createdomain.max_maptrack_frames = 4;
	op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
	return domctl(XEN_DOMCTL_createdomain);
}

static bool there(void)
{
	memset(&op, 0, sizeof(op));
	return !domctl(XEN_DOMCTL_getdomaininfo) && op.domain == NUMBER;
}

static long map_foreign(volatile void *va, uint64_t mfn)
{
	struct mmu_update u = { .ptr = pte_maddr((void *)va), .val = LEAF(mfn, PTE_KERNEL) };

	return hypercall(mmu_update, &u, 1L, 0L, (long)NUMBER);
}

static void unmap(volatile void *va)
{
	check_eq(map_page((void *)va, 0, 0), 0);
}

static uint16_t map_grant(struct gnttab_map_grant_ref *m)
{
	*m = (struct gnttab_map_grant_ref){ .host_addr = (uintptr_t)granted, .ref = REF,
					    .flags = GNTMAP_host_map, .dom = NUMBER };
	check_eq(grant_op(GNTTABOP_map_grant_ref, m, 1), 0);
	return (uint16_t)m->status;
}

static int unmap_grant(uint32_t handle)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = (uintptr_t)granted, .handle = handle };

	check_eq(grant_op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
	return u.status;
}

/* A word of the domain's granted page, by copy; its status. */
static int copy_grant(void)
{
	static uint64_t word;
	struct gnttab_copy c = { .source = { .domid = NUMBER, .u.ref = REF },
				 .dest = { .domid = DOMID_SELF, .u.gmfn = virt_to_mfn(&word),
					   .offset = (uintptr_t)&word % PAGE_SIZE },
				 .len = 8, .flags = GNTCOPY_source_gref };

	check_eq(grant_op(GNTTABOP_copy, &c, 1), 0);
	return c.status;
}

/* Memory and a grant table for the domain, whose page 0 nobody has written to. */
static void furnish(void)
{
	struct xen_memory_reservation r = { .nr_extents = FRAMES, .domid = NUMBER };
	struct gnttab_setup_table setup = { .dom = NUMBER, .nr_frames = 1 };
	xen_pfn_t first;

	memset(&op, 0, sizeof(op));
	op.u.max_mem.max_memkb = 64 * 4;
	check_eq(domctl(XEN_DOMCTL_max_mem), 0);
	for (unsigned i = 0; i < FRAMES; i++)
		frames[i] = i;
	r.extent_start = (uintptr_t)frames;
	check_eq(hypercall(memory_op, (long)XENMEM_populate_physmap, &r), FRAMES);
	set_xen_guest_handle(setup.frame_list, &first);
	check_eq(grant_op(GNTTABOP_setup_table, &setup, 1), 0);
	check_eq(setup.status, GNTST_okay);
	check_eq(map_foreign(table, first), 0);
	check(there());
	check_eq(map_foreign(info, op.u.getdomaininfo.shared_info_frame), 0);
}

/* Page 0, to dom0. */
static void grant(void)
{
	((struct grant_entry_v1 *)table)[REF] =
		(struct grant_entry_v1){ .flags = GTF_permit_access, .frame = (uint32_t)frames[0] };
}

static evtchn_port_t port_for_us(void)
{
	struct evtchn_alloc_unbound a = { .dom = NUMBER, .remote_dom = DOMID_SELF };

	check_eq(evtchn_op(EVTCHNOP_alloc_unbound, &a), 0);
	return a.port;
}

static long bind(evtchn_port_t port, evtchn_port_t *ours)
{
	struct evtchn_bind_interdomain b = { .remote_dom = NUMBER, .remote_port = port };
	long r = evtchn_op(EVTCHNOP_bind_interdomain, &b);

	*ours = b.local_port;
	return r;
}

static bool pending_there(evtchn_port_t port)
{
	return ((volatile struct shared_info *)info)->evtchn_pending[port / 64] >> port % 64 & 1;
}

static void end(void)
{
	memset(&op, 0, sizeof(op));
	check_eq(domctl(XEN_DOMCTL_destroydomain), 0);
}

static void audit(void)
{
	static const char key[] = "A";
	struct xen_sysctl s = {
		.cmd = XEN_SYSCTL_debug_keys,
		.interface_version = XEN_SYSCTL_INTERFACE_VERSION,
		.u.debug_keys = { .keys = (uint64_t)key, .nr_keys = 1 },
	};

	check_eq(hypercall(sysctl, &s), 0);
}

/* Nothing new of the domain that has ended, and its page as it was. */
static void check_ended(evtchn_port_t port)
{
	struct gnttab_map_grant_ref m;
	evtchn_port_t ours;

	check(there());
	check(op.u.getdomaininfo.flags & XEN_DOMINF_dying);
	check_eq(create(), -EEXIST);
	check(map_grant(&m) != GNTST_okay);
	check(copy_grant() != GNTST_okay);
	check_refused(bind(port, &ours));
	check_refused(map_foreign(info, frames[1]));
	audit();
}

/* `how` by its bits: 1: page 0 is mapped by its grant, 2: by its number. */
static void round(unsigned how)
{
	struct gnttab_map_grant_ref m = { 0 };
	struct evtchn_status s = { .dom = DOMID_SELF };
	evtchn_port_t left, bound, ours, again, port;

	check_eq(create(), 0);
	furnish();
	check_eq(map_foreign(named, frames[0]), 0);
	check_eq(named[0], 0);
	named[0] = SECRET;
	grant();
	left = port_for_us();
	bound = port_for_us();
	check_eq(bind(bound, &ours), 0);
	if (how & 1) {
		check_eq(map_grant(&m), GNTST_okay);
		check_eq(granted[0], SECRET);
	}
	if (!(how & 2))
		unmap(named);
	unmap(table);
	unmap(info);
	end();
	if (how & 2) {
		check_ended(left);
		check_eq(named[0], SECRET);
		unmap(named);
	}
	if (how & 1) {
		check_ended(left);
		check_eq(granted[0], SECRET);
		check_eq(unmap_grant(m.handle), GNTST_okay);
	}
	/* The number is free. Our end of the channel is nobody's. */
	check(!there());
	s.port = ours;
	check_eq(evtchn_op(EVTCHNOP_status, &s), 0);
	check_eq(s.status, EVTCHNSTAT_unbound);

	check_eq(create(), 0);
	check_refused(bind(left, &again));
	check_refused(bind(bound, &again));
	check(copy_grant() != GNTST_okay);
	furnish();
	check(map_grant(&m) != GNTST_okay);
	check(copy_grant() != GNTST_okay);
	if (how & 1)
		check_eq(unmap_grant(m.handle), GNTST_bad_handle);
	for (unsigned i = 0; i < FRAMES; i++) {
		check_eq(map_foreign(named, frames[i]), 0);
		for (unsigned w = 0; w < 512; w++)
			check_eq(named[w], 0);
	}
	unmap(named);
	/* The same ports, and what we still have of the old ones. */
	check_eq(port_for_us(), left);
	check_eq(port_for_us(), bound);
	(void)evtchn_op(EVTCHNOP_send, &(struct evtchn_send){ .port = ours });
	check(!pending_there(left) && !pending_there(bound));
	check_eq(bind(bound, &port), 0);
	check(port != ours);
	send_event(port);
	check(pending_there(bound));
	close_event(port);
	close_event(ours);
	unmap(table);
	unmap(info);
	end();
	check(!there());
}

void test_main(void)
{
	trap_hook = swallow_events;
	granted = page_alloc();
	named = page_alloc();
	info = page_alloc();
	table = page_alloc();
	unmap(granted);
	for (unsigned i = 0; i < ROUNDS; i++)
		round(i % 4);
}
