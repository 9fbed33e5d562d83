// SPDX-License-Identifier: GPL-2.0-or-later
// driven: yes
/*
 * dom0 of a machine with SVM and nested paging: it makes an HVM domain, gives it memory by the
 * domain's own frame numbers, maps and writes that, puts shared info and grant table where it
 * likes, takes some away, and destroys it with everything in place; each time the audit counts.
 * What is for a PV guest's CPU or tables is refused. On a machine without, the domain is.
 * bits: 64
 */
#include "dom0.h"

const char test_name[] = "hvm-domain";

#define HVM_FLAGS (XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap)
#define LARGE	  0x200UL

static unsigned domain;

static long create(uint32_t flags, uint32_t emulation)
{
	long r;

	memset(&op, 0, sizeof(op));
	op.u.createdomain.flags = flags;
	op.u.createdomain.max_vcpus = 1;
	op.u.createdomain.max_evtchn_port = 1023;
	op.u.createdomain.max_grant_frames = 4;
	op.u.createdomain.max_maptrack_frames = 0;
	op.u.createdomain.grant_opts = 1;
	op.u.createdomain.arch.emulation_flags = emulation;
	r = domctl(XEN_DOMCTL_createdomain, 0);
	domain = op.domain;
	return r;
}

static long extents(long cmd, xen_pfn_t *list, unsigned n, unsigned order)
{
	struct xen_memory_reservation r = { .extent_start = (uintptr_t)list,
					    .nr_extents = n,
					    .extent_order = order,
					    .domid = domain };

	return hypercall(memory_op, cmd, &r);
}

static long add(unsigned space, unsigned long idx, xen_pfn_t gfn)
{
	struct xen_add_to_physmap a = { .domid = domain, .space = space, .idx = idx, .gpfn = gfn };

	return hypercall(memory_op, (long)XENMEM_add_to_physmap, &a);
}

static long map(xen_pfn_t gfn, void *page)
{
	return hypercall(update_va_mapping_otherdomain, page, gfn << 12 | 7, (long)UVMF_INVLPG,
			 (long)domain);
}

static void unmap(void *page, unsigned long own)
{
	check_eq(hypercall(update_va_mapping, page, own << 12 | 0x67, (long)UVMF_INVLPG), 0);
}

static char window[4096] __attribute__((aligned(4096)));

void test_main(void)
{
	xen_pfn_t list[] = { LARGE, 0x7fff, 0x8000 }, one[] = { LARGE + 3 };
	struct xen_remove_from_physmap out = { .gpfn = 0x7fff };
	unsigned long own = pfn_to_mfn(((uintptr_t)window - VIRT_BASE) >> 12);
	long r = create(HVM_FLAGS, 0);

	if (r == -EOPNOTSUPP) {
		print("no HVM here\n");
		check_eq(create(0, 0), 0);
		check_eq(domctl(XEN_DOMCTL_destroydomain, domain), 0);
		audit();
		return;
	}
	check_eq(r, 0);
	out.domid = domain;
	check(flags_of(domain) & XEN_DOMINF_hvm_guest);
	op.u.max_mem.max_memkb = 8192;
	check_eq(domctl(XEN_DOMCTL_max_mem, domain), 0);
	check_eq(extents(XENMEM_populate_physmap, list, 1, 9), 1);
	check_eq(extents(XENMEM_populate_physmap, list, 3, 0), 0);
	check_eq(extents(XENMEM_populate_physmap, list + 1, 2, 0), 2);
	check_eq(add(XENMAPSPACE_shared_info, 0, 0x7fff), 0);
	check_eq(add(XENMAPSPACE_grant_table, 0, 0xf0000), 0);
	check_eq(add(XENMAPSPACE_grant_table, 3, 0xf0001), 0);
	check_refused(add(XENMAPSPACE_grant_table, 4, 0xf0002));
	audit();

	/* Written through one number, read through it again. */
	check_eq(map(LARGE + 3, window), 0);
	for (unsigned i = 0; i < sizeof(window); i++)
		check_eq(window[i], 0);
	window[5] = 'x';
	check_eq(map(LARGE + 4, window), 0);
	check_eq(window[5], 0);
	check_eq(map(LARGE + 3, window), 0);
	check_eq(window[5], 'x');
	/* While it is mapped here it may leave the domain. */
	check_eq(extents(XENMEM_decrease_reservation, one, 1, 0), 1);
	check_eq(window[5], 'x');
	audit();
	check_refused(map(LARGE + 3, window));
	check_eq(map(0x7fff, window), 0);
	check_refused(map(0x9000, window));
	check_refused(map(1ul << 28, window));
	audit();
	check_eq(hypercall(memory_op, (long)XENMEM_remove_from_physmap, &out), 0);
	unmap(window, own);

	static const unsigned refused[] = { XEN_DOMCTL_max_vcpus,	XEN_DOMCTL_setvcpucontext,
					    XEN_DOMCTL_getvcpucontext,	XEN_DOMCTL_hypercall_init,
					    XEN_DOMCTL_set_address_size, XEN_DOMCTL_shadow_op,
					    XEN_DOMCTL_getpageframeinfo3 };

	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		memset(&op, 0, sizeof(op));
		op.u.max_vcpus.max = 1;
		check_eq(domctl(refused[i], domain), -EOPNOTSUPP);
	}
	while ((r = domctl(XEN_DOMCTL_destroydomain, domain)) == -EAGAIN)
		;
	check_eq(r, 0);
	check_eq(flags_of(domain), -1);
	audit();
	check_eq(create(XEN_DOMCTL_CDF_hvm, 0), -EOPNOTSUPP);
	check_eq(create(XEN_DOMCTL_CDF_hap, 0), -EINVAL);
	check_refused(create(HVM_FLAGS, 1));
	check_refused(create(HVM_FLAGS | XEN_DOMCTL_CDF_nested_virt, 0));
	print("an HVM domain came and went\n");
}
