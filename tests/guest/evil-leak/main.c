// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What others left behind: memory that a domain is given (at its start, by populate, increase and
 * exchange) is zero; what a hypercall writes into the guest's memory, and the words beside it, hold
 * nothing but its answer; grant frames come empty. The frames of the machine are used again and
 * again in one test run, so that old content would be there to be found.
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-leak";

static uint8_t window[PAGE_SIZE] __attribute__((aligned(4096)));

static void check_zero(uint64_t mfn, const char *what)
{
	const uint64_t *p = (const uint64_t *)window;

	if (map_page(window, mfn, PTE_P | PTE_AD))
		fail("%s: frame %#lx cannot be mapped", what, (unsigned long)mfn);
	for (size_t i = 0; i < PAGE_SIZE / 8; i++)
		if (p[i])
			fail("%s: word %lu of frame %#lx is %#llx", what, (unsigned long)i,
			     (unsigned long)mfn, (unsigned long long)p[i]);
}

static void test_start(void)
{
	extern char _end[];
	uintptr_t first = start_info->pt_base + start_info->nr_pt_frames * PAGE_SIZE,
		  p2m = start_info->mfn_list;

	/* Between the kernel and the P2M, the boot stack, and from there to the end of memory. */
	for (uint64_t pfn = ((uintptr_t)_end - VIRT_BASE + PAGE_SIZE - 1) >> 12;
	     pfn < (p2m - VIRT_BASE) >> 12; pfn++)
		check_zero(pfn_to_mfn(pfn), "behind the kernel");
	for (uint64_t pfn = (first - VIRT_BASE) >> 12; pfn < start_info->nr_pages; pfn++)
		check_zero(pfn_to_mfn(pfn), "free memory");
	for (uint64_t pfn = 0; pfn < 0x100; pfn++)
		check_zero(pfn_to_mfn(pfn), "below the kernel");
	/* The rest of the start info page, and of the P2M's last. */
	for (const char *p = (const char *)(start_info + 1); (uintptr_t)p & 0xfff; p++)
		check_eq(*p, 0);
	for (const xen_ulong_t *p = (const xen_ulong_t *)p2m + start_info->nr_pages;
	     (uintptr_t)p & 0xfff; p++)
		check_eq(*p, 0);
}

static void test_balloon(void)
{
	xen_ulong_t list[64], pfn[64];

	for (int i = 0; i < 64; i++)
		pfn[i] = pfn_alloc();
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 64; i++) {
			list[i] = pfn_to_mfn(pfn[i]);
			check_eq(map_page(window, list[i], PTE_KERNEL), 0);
			memset(window, 0x5a, PAGE_SIZE);
		}
		check_eq(map_page(window, 0, 0), 0);
		check_eq(reservation(XENMEM_decrease_reservation, list, 64, 0, 0), 64);
		memcpy(list, pfn, sizeof(list));
		check_eq(reservation(round & 1 ? XENMEM_populate_physmap :
						 XENMEM_increase_reservation, list, 64, 0, 0), 64);
		for (int i = 0; i < 64; i++) {
			((xen_ulong_t *)start_info->mfn_list)[pfn[i]] = list[i];
			check_zero(list[i], round & 1 ? "populate" : "increase");
		}
		check_eq(map_page(window, 0, 0), 0);
	}
}

static void test_grant_frames(void)
{
	xen_pfn_t frames[8] = { 0 };

	grant_table_frames(frames, 8);
	for (int i = 0; i < 8; i++)
		check_zero(frames[i], "a grant frame");
}

/* Outputs: padding between fields and bytes behind the struct keep the pattern that the caller put
 * there, or are zero. */
static union {
	uint8_t bytes[4096];
	struct vcpu_runstate_info runstate;
	struct evtchn_status status;
	struct gnttab_query_size size;
	struct xen_machphys_mapping mapping;
	struct evtchn_alloc_unbound unbound;
	struct evtchn_init_control control;
	struct xen_compile_info compile;
	xen_capabilities_info_t caps;
	xen_changeset_info_t changeset;
	struct xen_feature_info features;
} out;

static void pattern(void)
{
	memset(&out, 0x5a, sizeof(out));
}

/* Only [from, to) may have changed. */
static void kept(size_t from, size_t to, const char *what)
{
	for (size_t i = 0; i < sizeof(out.bytes); i++)
		if ((i < from || i >= to) && out.bytes[i] != 0x5a)
			fail("%s wrote byte %lu", what, (unsigned long)i);
}

static void padding(size_t from, size_t to, const char *what)
{
	for (size_t i = from; i < to; i++)
		if (out.bytes[i] != 0x5a && out.bytes[i] != 0)
			fail("%s left %#x in the padding at %lu", what, out.bytes[i],
			     (unsigned long)i);
}

static void text(const char *s, size_t n, const char *what)
{
	size_t len = strlen(s);

	check(len < n);
	for (size_t i = len; i < n; i++)
		if (s[i] && (uint8_t)s[i] != 0x5a)
			fail("%s: behind the string's end is %#x", what, (uint8_t)s[i]);
}

static void test_outputs(void)
{
	pattern();
	check_eq(vcpu_op(VCPUOP_get_runstate_info, 0, &out), 0);
	kept(0, sizeof(out.runstate), "runstate");
	padding(4, offsetof(struct vcpu_runstate_info, state_entry_time), "runstate");
	pattern();
	out.unbound.dom = out.unbound.remote_dom = DOMID_SELF;
	check_eq(evtchn_op(EVTCHNOP_alloc_unbound, &out), 0);
	out.status = (struct evtchn_status){ .dom = DOMID_SELF, .port = out.unbound.port };
	memset(out.bytes + sizeof(out.status), 0x5a, sizeof(out) - sizeof(out.status));
	check_eq(evtchn_op(EVTCHNOP_status, &out), 0);
	kept(0, sizeof(out.status), "event status");
	padding(2, 4, "event status");
	padding(offsetof(struct evtchn_status, u) + 2, sizeof(out.status), "event status");
	pattern();
	out.size.dom = DOMID_SELF;
	check_eq(hypercall(grant_table_op, (long)GNTTABOP_query_size, &out, 1L), 0);
	padding(2, 4, "grant query");
	padding(14, 16, "grant query");
	kept(0, sizeof(out.size), "grant query");
	pattern();
	check_eq(hypercall(memory_op, (long)XENMEM_machphys_mapping, &out), 0);
	kept(0, sizeof(out.mapping), "machphys_mapping");
	pattern();
	check_eq(hypercall(xen_version, (long)XENVER_compile_info, &out), 0);
	kept(0, sizeof(out.compile), "compile_info");
	text(out.compile.compiler, sizeof(out.compile.compiler), "compiler");
	text(out.compile.compile_by, sizeof(out.compile.compile_by), "compile_by");
	text(out.compile.compile_domain, sizeof(out.compile.compile_domain), "compile_domain");
	text(out.compile.compile_date, sizeof(out.compile.compile_date), "compile_date");
	pattern();
	check_eq(hypercall(xen_version, (long)XENVER_capabilities, &out), 0);
	kept(0, sizeof(out.caps), "capabilities");
	text(out.caps, sizeof(out.caps), "capabilities");
	pattern();
	check_eq(hypercall(xen_version, (long)XENVER_changeset, &out), 0);
	text(out.changeset, sizeof(out.changeset), "changeset");
	kept(0, sizeof(out.changeset), "changeset");
	pattern();
	out.features.submap_idx = 0;
	check_eq(hypercall(xen_version, (long)XENVER_get_features, &out), 0);
	kept(0, sizeof(out.features), "features");
	pattern();
	check_refused(hypercall(xen_version, (long)XENVER_commandline, &out));
	kept(0, 0, "the command line");
}

/* Registers after a hypercall: only rax, rcx and r11 may differ, and rcx and r11 hold nothing of
 * the hypervisor's; eax alone where there is no SYSCALL. */
static void test_registers(void)
{
#ifdef __i386__
	uint32_t eax, sum;

	__asm__ volatile(
		"pushl %%ebp\n"
		"movl $1, %%ebp; xorl %%ebx, %%ebx; xorl %%ecx, %%ecx; movl $2, %%edx\n"
		"movl $3, %%esi; movl $4, %%edi; movl %2, %%eax; int $0x82\n"
		"addl %%ebp, %%ebx; addl %%ecx, %%ebx; addl %%edx, %%ebx; addl %%esi, %%ebx\n"
		"addl %%edi, %%ebx; popl %%ebp\n"
		: "=a"(eax), "=b"(sum)
		: "i"(__HYPERVISOR_xen_version)
		: "ecx", "edx", "esi", "edi", "memory", "cc");
	check_eq(eax, 4 << 16 | 17);
	check_eq(sum, 10);
#else
	uint64_t rax, rcx, r11, sum;

	__asm__ volatile("movq $1, %%rbx; movq $2, %%r12; movq $3, %%r13; movq $4, %%r14; movq $5, "
			 "%%r15; movq $6, %%r9\n"
			 "movl %4, %%eax; xorl %%edi, %%edi; movq $7, %%rsi; movq $8, %%rdx; movq "
			 "$9, %%r10; movq $10, %%r8\n"
			 "syscall\n"
			 "movq %%rax, %0; movq %%rcx, %1; movq %%r11, %2\n"
			 "leaq (%%rbx, %%r12), %%rax; addq %%r13, %%rax; addq %%r14, %%rax; addq "
			 "%%r15, %%rax; addq %%r9, %%rax\n"
			 "addq %%rdi, %%rax; addq %%rsi, %%rax; addq %%rdx, %%rax; addq %%r10, "
			 "%%rax; addq %%r8, %%rax\n"
			 "movq %%rax, %3\n"
			 : "=m"(rax), "=m"(rcx), "=m"(r11), "=m"(sum)
			 : "i"(__HYPERVISOR_xen_version)
			 : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
			   "r12", "r13", "r14", "r15", "memory", "cc");
	check_eq(rax, 4 << 16 | 17);
	check_eq(sum, 55);
	if (rcx >= 0xffff800000000000UL && rcx < 0xffff880000000000UL)
		fail("rcx holds the hypervisor's address %#lx", rcx);
	if (r11 >= 0xffff800000000000UL && r11 < 0xffff880000000000UL)
		fail("r11 holds the hypervisor's address %#lx", r11);
#endif
}

void test_main(void)
{
	test_start();
	test_balloon();
	check_eq(map_page(window, virt_to_mfn(window), PTE_KERNEL), 0);
	test_grant_frames();
	check_eq(map_page(window, virt_to_mfn(window), PTE_KERNEL), 0);
	test_outputs();
	test_registers();
}
