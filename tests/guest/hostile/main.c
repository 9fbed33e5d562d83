// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A hostile kernel: four vcpus issue hypercalls with arguments that are mostly wrong, and half
 * right often enough, on the same few frames at once, some of the arguments in memory that another
 * vcpu is changing. Two of them beside each other, as domains 1 and 2, map and take each other's
 * frames as well. No answer is expected but one: that the hypervisor goes on, which the harness
 * sees by the audit that follows.
 * bits: 64 32
 * ring1: yes
 */
// vcpus: 8
#include "guest.h"

const char test_name[] = "hostile";

#define WORKERS 4
#define PAGES	48
#define POOL	128
#define SECONDS 4
/* Initialised with wrong contexts, never brought up. */
#define VICTIM 6

/* Two more behind, as answers may run over the end. */
static uint8_t arena[PAGES + 2][PAGE_SIZE] __attribute__((aligned(4096)));
static uint64_t args[WORKERS][PAGE_SIZE / 8] __attribute__((aligned(4096)));
static uint64_t pool[POOL];
/* Asked for at the start: the workers spoil the M2P. */
static uint64_t entry_at[PAGES];
#define GRANTS 64
static struct grant_entry_v1 grants[PAGE_SIZE / sizeof(struct grant_entry_v1)]
	__attribute__((aligned(4096)));
#define MAPPINGS 64
static struct {
	uint64_t host_addr;
	uint32_t handle;
} mappings[MAPPINGS];
static volatile bool over;
static volatile unsigned ended;
static uint64_t rounds[WORKERS];

extern char poke_start[], poke_end[];
bool poke(void *p, uint64_t v);
#ifdef __i386__
__asm__(".pushsection .text\n"
	"poke: xorl %eax, %eax\n"
	"	movl 4(%esp), %ecx\n"
	"	movl 8(%esp), %edx\n"
	"poke_start: movl %edx, (%ecx)\n"
	"	movl 12(%esp), %edx\n"
	"	movl %edx, 4(%ecx)\n"
	"	incl %eax\n"
	"poke_end: ret\n"
	".popsection\n");
#else
__asm__(".pushsection .text\n"
	"poke: xorl %eax, %eax\n"
	"poke_start: movq %rsi, (%rdi)\n"
	"	incl %eax\n"
	"poke_end: ret\n"
	".popsection\n");
#endif

static bool trap(struct trap_frame *f)
{
	if (swallow_events(f))
		return true;
	if (f->rip >= (uintptr_t)poke_start && f->rip < (uintptr_t)poke_end) {
		f->rip = (uintptr_t)poke_end;
		return true;
	}
	return false;
}

static uint64_t rnd(void)
{
	return random_here() >> 7;
}

/* Never what holds the code and the tables of this guest: it would only break itself. */
static uint64_t some_mfn(void)
{
	switch (below(40)) {
	case 0: return rnd();
	case 1: return below(256);
	case 2: return ~0ULL;
	case 3: return start_info->shared_info >> 12;
	default: return pool[below(POOL)];
	}
}

/* This domain's, or that of a second one of these kernels if there is one. */
static domid_t some_domain(void)
{
	return below(16) ? 1 + (domid_t)below(2) : (domid_t)rnd();
}

static uintptr_t some_va(void)
{
	switch (below(24)) {
#ifdef __i386__
	case 0: return rnd();
	case 1: return 0;
	case 2: return HYPERVISOR_VIRT_START + below(-HYPERVISOR_VIRT_START);
	case 3: return HYPERVISOR_VIRT_START - 4;
	case 4: return -8UL;
	case 5: return 0xf6800000 - 4;
#else
	case 0: return rnd() << 6;
	case 1: return 0;
	case 2: return 0xffff800000000000UL + (rnd() & 0xfffffffffffUL);
	case 3: return 0x00007ffffffffff8UL;
	case 4: return -8UL;
	case 5: return 0xffff880000000000UL - 8;
#endif
	default:
		return (uintptr_t)arena[below(PAGES)] + (below(3) ? 0 : below(PAGE_SIZE));
	}
}

static uint64_t some_entry(void)
{
	static const uint64_t flags[] = {
		PTE_P, PTE_P | PTE_RW, PTE_P | PTE_RW | PTE_US, PTE_P | PTE_US, 0x67, 0x63, 0
	};
	uint64_t e = some_mfn() << 12 | flags[below(7)];

	if (!below(8))
		e |= below(4096);
	if (!below(8))
		e |= 1ULL << (52 + below(12));
	return below(64) ? e : rnd();
}

static uint64_t some_ptr(void)
{
	if (below(3))
		return some_mfn() << 12 | below(512) * (below(4) ? 8 : 0) | below(8) / 5;
	return entry_at[below(PAGES)] | below(8) / 5;
}

/* Where arguments go: the worker's own page, or one that others write to. */
static uint64_t *some_args(void)
{
	return below(6) ? args[vcpu_id() % WORKERS] : (uint64_t *)arena[below(PAGES)];
}

static void fill(uint64_t *at, unsigned words)
{
	for (unsigned i = 0; i < words; i++) {
		uint64_t v;

		switch (below(8)) {
		case 0: v = rnd(); break;
		case 1: v = some_va(); break;
		case 2: v = some_mfn(); break;
		case 3: v = (uint64_t)below(32) << 32 | below(32); break;
		case 4: v = (uint64_t)DOMID_SELF << (below(4) * 16); break;
		case 5: v = some_entry(); break;
		default: v = below(8); break;
		}
		poke(at + i, v);
	}
}

static unsigned long foreign(void)
{
	static const unsigned long ids[] = { DOMID_SELF, DOMID_SELF, DOMID_SELF,
					     DOMID_SELF, DOMID_IO,   DOMID_XEN,
					     0,		 1,	     2 };

	return ids[below(9)] | (below(16) ? 0 : (ids[below(9)] + 1) << 16);
}

static long op_mmu_update(void)
{
	uint64_t *a = some_args();
	unsigned long n = 1 + below(6);

	for (unsigned i = 0; i < n; i++) {
		poke(a + i * 2, some_ptr());
		poke(a + i * 2 + 1, some_entry());
	}
	return hypercall(mmu_update, a, below(32) ? n : (unsigned long)rnd(),
			 below(8) ? (uintptr_t)(a + 64) : some_va(), foreign());
}

static long op_mmuext(void)
{
	uint64_t *a = some_args();
	unsigned long n = 1 + below(4);

	for (unsigned i = 0; i < n; i++) {
		unsigned cmd = below(4) ? below(5) : below(22);
		uint64_t x = some_mfn(), y = below(600);

		if (cmd == MMUEXT_NEW_BASEPTR)
			x = (uint64_t)below(1 << 16) << 20;
		if (cmd >= MMUEXT_TLB_FLUSH_LOCAL && cmd <= MMUEXT_SET_LDT)
			x = some_va();
		if (cmd == MMUEXT_SET_LDT)
			x &= ~(PAGE_SIZE - 1);
		if (cmd == MMUEXT_COPY_PAGE)
			y = some_mfn();
		if (cmd == MMUEXT_TLB_FLUSH_MULTI || cmd == MMUEXT_INVLPG_MULTI)
			y = some_va();
#ifdef __i386__
		poke((uint32_t *)a + i * 3, cmd | x << 32);
		poke((uint32_t *)a + i * 3 + 2, y);
#else
		poke(a + i * 3, cmd);
		poke(a + i * 3 + 1, x);
		poke(a + i * 3 + 2, y);
#endif
	}
	/* Whoever changes the list meanwhile must not give us another root. */
	if (a != args[vcpu_id() % WORKERS])
		return 0;
	return hypercall(mmuext_op, a, below(32) ? n : n | 0x80000000UL,
			 below(8) ? (uintptr_t)(a + 64) : some_va(), foreign());
}

static long op_va(void)
{
	unsigned long flags = below(3) | (below(3) == 0 ? UVMF_ALL
					  : below(8)	? 0
							: some_va() & ~7UL);

	if (!below(16))
		return hypercall(update_va_mapping_otherdomain, some_va(), some_entry(), flags,
				 foreign());
	return hypercall(update_va_mapping, some_va(), some_entry(), flags);
}

static void keep(const xen_ulong_t *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i] && list[i] < 1UL << 20)
			pool[below(POOL)] = list[i];
}

static long op_memory(void)
{
	uint64_t *a = args[vcpu_id() % WORKERS];
	xen_ulong_t *list = (xen_ulong_t *)(a + 128), n = below(8);
	struct xen_memory_reservation *r = (void *)a;
	struct xen_memory_exchange *x = (void *)a;
	long ret;

	for (unsigned i = 0; i < 64; i++)
		list[i] = below(3) ? some_mfn() : below(8192);
	memset(a, 0, 128 * 8);
	*r = (struct xen_memory_reservation){ .extent_start =
						      below(16) ? (uintptr_t)list : some_va(),
					      .nr_extents = below(16) ? n : rnd(),
					      .extent_order = below(6) ? 0 : below(12),
					      .domid = DOMID_SELF };
	switch (below(6)) {
	case 0:
		return hypercall(memory_op, (long)XENMEM_decrease_reservation, r);
	case 1:
	case 2:
		ret = hypercall(memory_op,
				(long)(below(2) ? XENMEM_populate_physmap
						: XENMEM_increase_reservation),
				r);
		if (r->extent_start == (uintptr_t)list && ret > 0 && ret <= 8)
			keep(list, (unsigned)ret);
		return ret;
	case 3:
		x->in = *r;
		x->out = *r;
		x->out.extent_start = (uintptr_t)(list + 64);
		x->in.extent_order = below(4);
		x->out.extent_order = below(4);
		x->in.nr_extents = 1UL << below(4);
		x->out.nr_extents = x->in.nr_extents << x->in.extent_order >> x->out.extent_order;
		ret = hypercall(memory_op, (long)XENMEM_exchange, x);
		if (!ret && x->out.nr_extents < 64)
			keep(list + 64, (unsigned)x->out.nr_extents);
		return ret;
	default:
		fill(a, 16);
		return hypercall(memory_op, below(40) | (below(8) ? 0 : (unsigned long)rnd() << 6),
				 below(8) ? (uintptr_t)a : some_va());
	}
}

static long op_events(void)
{
	uint64_t *a = some_args();

	fill(a, 4);
	if (below(2))
		poke(a, (uint64_t)below(64) << 32 | below(64));
	else if (below(2))
		/* Of both domains: a port that the other may bind to, or binding to one of the
		 * other's. */
		poke(a, below(2) ? DOMID_SELF | (uint64_t)some_domain() << 16
				 : some_domain() | (uint64_t)below(64) << 32);
	return hypercall(event_channel_op, below(16), below(16) ? (uintptr_t)a : some_va());
}

static void grant_something(void)
{
	static const uint16_t flags[] = { GTF_permit_access, GTF_permit_access,
					  GTF_permit_access | GTF_readonly, GTF_accept_transfer,
					  0 };
	struct grant_entry_v1 e = { flags[below(5)], some_domain(), (uint32_t)some_mfn() };

	store8(&grants[below(GRANTS)], *(uint64_t *)&e);
}

static long map_something(void)
{
	struct gnttab_map_grant_ref m = { .flags = GNTMAP_host_map |
						   (below(2) ? GNTMAP_readonly : 0),
					  .ref = (uint32_t)below(GRANTS),
					  .dom = some_domain() };
	unsigned page = below(PAGES);
	long ret;

	m.host_addr = (uintptr_t)arena[page];
	if (!below(4)) {
		m.flags |= GNTMAP_contains_pte;
		m.host_addr = entry_at[page];
	}
	if (!below(16))
		m.flags = rnd();
	ret = hypercall(grant_table_op, (long)GNTTABOP_map_grant_ref, &m, 1L);
	if (!m.status) {
		unsigned slot = below(MAPPINGS);

		mappings[slot].handle = m.handle;
		mappings[slot].host_addr = m.host_addr;
	}
	return ret;
}

static long unmap_something(void)
{
	struct gnttab_unmap_grant_ref u[4];
	unsigned n = 1 + below(4);

	for (unsigned i = 0; i < n; i++) {
		unsigned slot = below(MAPPINGS);

		u[i] = (struct gnttab_unmap_grant_ref){ .host_addr = mappings[slot].host_addr,
							.handle = mappings[slot].handle };
	}
	if (!below(8)) {
		struct gnttab_unmap_and_replace r = { .host_addr = u[0].host_addr,
						      .new_addr = some_va(),
						      .handle = u[0].handle };

		return hypercall(grant_table_op, (long)GNTTABOP_unmap_and_replace, &r, 1L);
	}
	return hypercall(grant_table_op, (long)GNTTABOP_unmap_grant_ref, u, (long)n);
}

static long copy_something(void)
{
	struct gnttab_copy c = { .source = { .offset = below(4096), .domid = DOMID_SELF },
				 .dest = { .domid = DOMID_SELF },
				 .len = below(4096),
				 .flags = below(4) };

	c.source.u.gmfn = c.flags & GNTCOPY_source_gref ? below(GRANTS) : some_mfn();
	c.dest.u.gmfn = c.flags & GNTCOPY_dest_gref ? below(GRANTS) : some_mfn();
	if (c.flags & GNTCOPY_source_gref)
		c.source.domid = some_domain();
	if (c.flags & GNTCOPY_dest_gref)
		c.dest.domid = some_domain();
	return hypercall(grant_table_op, (long)GNTTABOP_copy, &c, 1L);
}

static long op_grants(void)
{
	struct gnttab_transfer t = { .mfn = some_mfn(),
				     .domid = some_domain(),
				     .ref = (uint32_t)below(GRANTS) };
	uint64_t *a;

	for (unsigned i = below(8); i > 0; i--)
		grant_something();
	switch (below(8)) {
	case 0: case 1: case 2: return map_something();
	case 3: case 4: return unmap_something();
	case 5: return copy_something();
	case 6: return hypercall(grant_table_op, (long)GNTTABOP_transfer, &t, 1L);
	}
	a = some_args();
	fill(a, 24);
	return hypercall(grant_table_op, (long)below(14), below(16) ? (uintptr_t)a : some_va(),
			 below(4) ? 1UL : below(8));
}

static long op_vcpu(void)
{
	struct vcpu_guest_context *c = (void *)arena[below(PAGES - 1)];
	uint64_t *a = some_args();

	switch (below(4)) {
	case 0:
		fill((uint64_t *)c, 64);
		/* Whatever becomes of it, it is not to run. */
		return hypercall(vcpu_op, (long)VCPUOP_initialise, (long)VICTIM + below(2), c);
	case 1:
		fill(a, 3);
		return hypercall(vcpu_op, (long)VCPUOP_register_vcpu_info, (long)VICTIM + below(4),
				 a);
	case 2:
		poke(a, below(2) ? some_va() : 0);
		return hypercall(vcpu_op,
				 (long)(below(2) ? VCPUOP_register_runstate_memory_area
						 : VCPUOP_register_vcpu_time_memory_area),
				 (long)below(8), a);
	default:
		fill(a, 4);
		return hypercall(vcpu_op,
				 (long)(below(2) ? VCPUOP_get_runstate_info
						 : VCPUOP_set_periodic_timer),
				 below(9), a);
	}
}

static long op_tables(void)
{
	uint64_t *a = some_args();

	switch (below(3)) {
	case 0:
		for (unsigned i = 0; i < 15; i++)
			poke(a + i, some_mfn());
		return hypercall(set_gdt, below(16) ? (uintptr_t)a : some_va(),
				 below(16) ? below(1024) : (unsigned long)rnd());
	case 1:
		return hypercall(update_descriptor, some_mfn() << 12 | below(512) * 8,
				 below(2) ? rnd() << 7 : 0x00cffb000000ffffULL);
	default:
		return hypercall(set_segment_base, below(5),
				 below(2) ? (unsigned long)rnd() << 7 : below(65536));
	}
}

static long op_list(void)
{
	struct multicall_entry *m = (void *)some_args();
	static const uint8_t ops[] = {
		__HYPERVISOR_update_va_mapping, __HYPERVISOR_multicall,
		__HYPERVISOR_xen_version,	__HYPERVISOR_event_channel_op,
		__HYPERVISOR_grant_table_op,	__HYPERVISOR_memory_op,
		__HYPERVISOR_update_descriptor
	};
	unsigned n = 1 + below(16);

	for (unsigned i = 0; i < n; i++) {
		fill((uint64_t *)&m[i], 8);
		poke(&m[i].op, below(16) ? ops[below(sizeof(ops))] : 60 + rnd());
		if (below(2))
			poke(&m[i].args[0], some_va());
		poke(&m[i].args[1], some_entry());
	}
	if ((uint64_t *)m != args[vcpu_id() % WORKERS])
		return 0;
	return hypercall(multicall, m, (long)n);
}

static long op_rest(void)
{
	uint64_t *a = some_args();

	fill(a, 32);
	switch (below(12)) {
	case 0:
		return hypercall(set_debugreg, below(10),
				 below(2) ? (unsigned long)rnd() << 7 : some_va());
	case 1:
		return hypercall(get_debugreg, below(10));
	case 2:
		return hypercall(fpu_taskswitch, below(2));
	case 3:
		return hypercall(console_io, below(4), below(2) ? 1UL << 31 : (unsigned long)rnd(),
				 HYPERVISOR_VIRT_START + 0x1000000);
	case 4: return hypercall(xen_version, below(14), below(2) ? (uintptr_t)a : some_va());
	case 5: return hypercall(physdev_op, below(36), a);
	case 6: return hypercall(domctl, a);
	case 7: return hypercall(sysctl, a);
	case 8: return hypercall(platform_op, a);
	case 9: return hypercall(set_timer_op, below(3) * (rnd() & 0xffffffffffULL));
	case 10: return hypercall(vm_assist, below(3), below(70));
	default:
		return guest_hypercall(41 + (long)below(100), (long)rnd(), (long)rnd(),
				       (long)rnd());
	}
}

static long op_sched(void)
{
	struct sched_poll p = { .ports = some_va(), .nr_ports = below(4), .timeout = 1 };

	return below(4) ? hypercall(sched_op, (long)SCHEDOP_yield, 0L)
			: hypercall(sched_op, (long)SCHEDOP_poll, &p);
}

static long op_poke(void)
{
	for (unsigned i = 0; i < 8; i++)
		poke(&arena[below(PAGES)][below(512) * 8], below(4) ? some_entry() : 0);
	/* Empty pages make tables that are valid; where the first word does not become 0 the others
	 * will not either. */
	if (below(2)) {
		volatile uint64_t *page = (void *)arena[below(PAGES)];

		for (unsigned i = 0; i < 512; i++)
			if (!poke((void *)(page + i), 0))
				break;
	}
	return 0;
}

static void work(void)
{
	static long (*const ops[])(void) = {
		op_mmu_update, op_mmuext, op_mmuext, op_va,   op_va,	 op_memory,
		op_events,     op_grants, op_grants, op_vcpu, op_tables, op_list,
		op_rest,       op_sched,  op_poke,   op_poke,
	};
	unsigned id = vcpu_id();

	while (!over) {
		ops[below(16)]();
		rounds[id]++;
	}
	__atomic_add_fetch(&ended, 1, __ATOMIC_SEQ_CST);
	vcpu_stop();
}

static uint64_t tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

void test_main(void)
{
	struct vcpu_time_info time;
	uint64_t end, ns = SECONDS * 1000000000ULL;

	for (unsigned i = 0; i < POOL; i++)
		pool[i] = virt_to_mfn(arena[i % PAGES]);
	for (unsigned i = 0; i < PAGES; i++)
		entry_at[i] = pte_maddr(arena[i]);
	random_seed(0x9e3779b97f4a7c15UL);
	/* The workers spoil the clock too, so how long they work is counted in ticks of the TSC. */
	time = vcpu_info()->time;
	/* In two steps, for 32-bit code knows no type of 128 bits. */
	end = (ns << 30) / time.tsc_to_system_mul << 2;
	end = tsc() + (time.tsc_shift >= 0 ? end >> time.tsc_shift : end << -time.tsc_shift);

	check_eq(map_page(grants, grant_table_frame(), PTE_KERNEL), 0);

	trap_hook = trap;
	for (unsigned i = 1; i < WORKERS; i++)
		vcpu_start(i, work);
	wait_until(tsc() >= end);
	over = true;
	wait_until(ended >= WORKERS - 1);
	print("%lu, %lu, %lu rounds\n", (unsigned long)rounds[1], (unsigned long)rounds[2],
	      (unsigned long)rounds[3]);
}
