// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 2
/*
 * XENMEM_exchange and its addresses (CVE-2017-7228): the hypervisor writes the new frames' numbers
 * to a list in the guest's memory, at an index that the guest may influence through the progress it
 * claims to have made. Lists that start below the hypervisor and reach into it, that wrap, with
 * every progress and every pair of orders; the progress itself where nothing can be written; frames
 * that are somebody's (tables, granted, twice in the list); two vcpus that exchange the same
 * frames. No word of the hypervisor's changes, no frame is lost and none comes twice.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-exchange";

#define FRAMES 32
/* Of the M2P, for frames below 1 MiB: nobody's, so that nobody's memory changes them. */
#define WORDS 256

static xen_ulong_t in[512] __attribute__((aligned(4096))), out[512] __attribute__((aligned(4096)));
static uint64_t pfns[FRAMES];
static volatile bool over;
static xen_ulong_t before[WORDS];

static struct xen_memory_exchange exchange(unsigned long nr_in, unsigned in_order,
					   unsigned out_order)
{
	return (struct xen_memory_exchange){
		.in = { .extent_start = (uintptr_t)in,
			.nr_extents = nr_in,
			.extent_order = in_order,
			.domid = DOMID_SELF },
		.out = { .extent_start = (uintptr_t)out,
			 .nr_extents = nr_in << in_order >> out_order,
			 .extent_order = out_order,
			 .domid = DOMID_SELF },
	};
}

static long run(struct xen_memory_exchange *x)
{
	return hypercall(memory_op, (long)XENMEM_exchange, x);
}

static void untouched(const char *what)
{
	for (unsigned i = 0; i < WORDS; i++)
		if (m2p[i] != before[i])
			fail("%s: word %u of the M2P is %#lx", what, i, m2p[i]);
}

/* out.extent_start + 8 * index is ours, the start is not, or the other way round. */
static void test_addresses(void)
{
#ifdef __i386__
	static const unsigned long targets[] = {
		0xf5800000UL, 0xf5801000UL, 0xf5fffff8UL, 0xf6800000UL,
		0xf67ffffcUL, 0xff000000UL, 0xfffffff8UL, 0xfffffffcUL,
	};
#else
	static const unsigned long targets[] = {
		0xffff800000000000UL, 0xffff808000001000UL, 0xffff828000000000UL,
		0xffff82d080200000UL, 0xffff830000100000UL, 0xffff87fffffffff8UL,
		0x0000800000000000UL, 0xfffffffffffffff8UL,
	};
#endif

	for (unsigned t = 0; t < sizeof(targets) / sizeof(targets[0]); t++)
		for (unsigned shift = 0; shift < 8 * sizeof(long) - 8; shift++) {
			unsigned long done = 1UL << shift;
			struct xen_memory_exchange x = exchange(done + 1, 0, 0);

			/* One for each: a 32-bit kernel's M2P can be read, so that such a list is
			 * found out only when the answer cannot be written, and the frame is gone.
			 */
			in[0] = pfn_to_mfn(pfns[8 + t]);
			x.nr_exchanged = done;
			x.in.extent_start = (uintptr_t)in - sizeof(long) * done;
			x.out.extent_start = targets[t] - sizeof(long) * done;
			/* Where the input list itself would have to be is mapped for small ones
			 * only. */
			if (run(&x) >= 0)
				fail("an exchange to %#lx with a progress of %#lx was done",
				     targets[t], done);
			/* Progress beyond the end, and a plain bad list. */
			x = exchange(1, 0, 0);
			x.nr_exchanged = done + 1;
			check_refused(run(&x));
			x = exchange(1, 0, 0);
			x.out.extent_start = targets[t];
			check_refused(run(&x));
			x = exchange(done, 0, shift % 10);
			x.out.extent_start = targets[t];
			x.in.extent_start = targets[t];
			check_refused(run(&x) < 0 ? -EINVAL : x.in.nr_extents ? 0 : -EINVAL);
		}
	untouched("addresses");
	/* The progress where it cannot be written. */
	check_refused(hypercall(memory_op, (long)XENMEM_exchange, targets[2]));
	check_refused(hypercall(memory_op, (long)XENMEM_exchange, start_info->pt_base));
	untouched("the progress");
}

static void test_frames(void)
{
	struct xen_memory_exchange x = exchange(2, 0, 0);
	unsigned long bad[] = { virt_to_mfn(pte_of(in)),
			   virt_to_mfn(in),
			   start_info->shared_info >> 12,
			   0xb8,
			   ~0UL,
			   NO_SUCH_MFN };

	/* The second frame is bad: the first stays ours, and the output is of use to nobody. */
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unsigned long keep = pfn_to_mfn(pfns[0]);

		in[0] = keep;
		in[1] = bad[i];
		out[0] = pfns[0];
		out[1] = pfns[1];
		x = exchange(2, 0, 1);
		check_refused(run(&x));
		check_eq(x.nr_exchanged, 0);
		check_eq(map_page(in + 0, virt_to_mfn(in), PTE_KERNEL), 0);
		/* Still ours: it can be mapped and unmapped. */
		static uint8_t window[PAGE_SIZE] __attribute__((aligned(4096)));

		check_eq(map_page(window, keep, PTE_KERNEL), 0);
		check_eq(map_page(window, virt_to_mfn(window), PTE_KERNEL), 0);
	}
	/* One frame twice. */
	in[0] = in[1] = pfn_to_mfn(pfns[0]);
	x = exchange(2, 0, 1);
	check_refused(run(&x));
	x = exchange(2, 0, 0);
	out[0] = pfns[0];
	out[1] = pfns[1];
	check_refused(run(&x));
	check_eq(x.nr_exchanged, 1);
	((xen_ulong_t *)start_info->mfn_list)[pfns[0]] = out[0];
}

static void exchanger(void)
{
	while (!over) {
		static xen_ulong_t mine_in[4], mine_out[4];
		struct xen_memory_exchange x = exchange(4, 0, 0);

		for (unsigned i = 0; i < 4; i++) {
			mine_in[i] = pfn_to_mfn(pfns[i + 2]);
			mine_out[i] = pfns[i + 2];
		}
		x.in.extent_start = (uintptr_t)mine_in;
		x.out.extent_start = (uintptr_t)mine_out;
		run(&x);
		for (unsigned i = 0; i < x.nr_exchanged && i < 4; i++)
			((volatile xen_ulong_t *)start_info->mfn_list)[pfns[i + 2]] = mine_out[i];
	}
	vcpu_stop();
}

static void test_race(void)
{
	uint64_t had = hypercall(memory_op, (long)XENMEM_current_reservation,
				 &(domid_t){ DOMID_SELF }),
		 has;

	vcpu_start(1, exchanger);
	for (unsigned i = 0; i < 2000; i++) {
		struct xen_memory_exchange x = exchange(4, 0, 0);

		for (unsigned k = 0; k < 4; k++) {
			in[k] = ((volatile xen_ulong_t *)start_info->mfn_list)[pfns[k + 2]];
			out[k] = pfns[k + 2];
		}
		run(&x);
		for (unsigned k = 0; k < x.nr_exchanged && k < 4; k++)
			((volatile xen_ulong_t *)start_info->mfn_list)[pfns[k + 2]] = out[k];
	}
	over = true;
	while (vcpu_op(VCPUOP_is_up, 1, NULL))
		yield();
	has = hypercall(memory_op, (long)XENMEM_current_reservation, &(domid_t){ DOMID_SELF });
	check_eq(has, had);
}

void test_main(void)
{
	for (unsigned i = 0; i < FRAMES; i++)
		pfns[i] = pfn_alloc();
	for (unsigned i = 0; i < WORDS; i++)
		before[i] = m2p[i];
	test_addresses();
	test_frames();
	test_race();
}
