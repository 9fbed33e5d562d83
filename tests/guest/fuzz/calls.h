/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

/* What main.c fuzzes with: the memory it plays with, numbers, structures and whole hypercalls. */
#include "guest.h"
#include "pv-abi/physdev.h"

#define WORKERS 4
#define SPARE	4 /* a vcpu that is started with contexts of chance */
#define PAGES	40
#define POOL	96
#define GRANTS	64
#define NOTES	64
#define MINUTES 20 /* of the watchdog, for a guest that has locked itself up */
#define WILD_SECONDS 20 /* the same for one that may have lost a worker, by its own doing */

static uint8_t arena[PAGES + 2][PAGE_SIZE] __attribute__((aligned(4096)));
static uint64_t args[WORKERS][PAGE_SIZE / 8] __attribute__((aligned(4096)));
static uint8_t code[WORKERS][PAGE_SIZE] __attribute__((aligned(4096)));
static struct grant_entry_v1 grants[PAGE_SIZE / sizeof(struct grant_entry_v1)]
	__attribute__((aligned(4096)));
static uint64_t pool[POOL], entry_at[PAGES], max_mfn;
static uint8_t vital[1 << 17]; /* a bit for each frame that the guest stands on */
static struct {
	uint64_t addr;
	uint32_t handle;
} notes[NOTES];
static struct user user[WORKERS];
static uint64_t resume[WORKERS + 1];
static volatile uint64_t operations[WORKERS + 1], traps[WORKERS + 1];
static volatile unsigned finished;
static bool wild;

/* A store that is left out where it faults. */
void poke(void *p, uint64_t v);

/* ---- values ---- */

static uint64_t rnd(void)
{
	return random_here();
}

static bool one_in(uint64_t n)
{
	return below(n) == 0;
}

/* Flags before a way in: mostly none, or some of all that a guest can set. Without TF. */
static uint64_t some_flags(void)
{
	/* CF PF AF ZF SF DF OF IOPL NT RF AC ID */
	return 0x202 | (below(2) ? rnd() & 0x257cd5 : 0);
}

static bool is_vital(uint64_t m)
{
	return m / 8 < sizeof(vital) && vital[m / 8] >> m % 8 & 1;
}

/* What the guest itself stands on is only for wild ones, and seldom. */
static uint64_t mfn(void)
{
	uint64_t m;

	switch (below(32)) {
	case 0: m = rnd(); break;
	case 1: m = below(max_mfn + 512); break;
	case 2: m = below(1024); break;
	case 3: m = ~0UL >> below(64); break;
	case 4: m = start_info->shared_info >> 12; break;
	default: m = pool[below(POOL)];
	}
	if (is_vital(m) && !(wild && one_in(8)))
		return virt_to_mfn(arena[below(PAGES)]);
	return m;
}

static uint64_t va(void)
{
	static const uint64_t edges[] = {
		0, 0x00007ffffffff000UL, 0x00007ffffffffff8UL, 0x0000800000000000UL,
		0xffff7fffffffffffUL, 0xffff7ffffffffff0UL, 0xffff800000000000UL,
		0xffff808000000000UL, 0xffff810000000000UL, 0xffff828000000000UL,
		0xffff82d080000000UL, 0xffff82e000000000UL, 0xffff830000000000UL,
		0xffff87fffffffff8UL, 0xffff880000000000UL, 0xfffffffffffff000UL, -8UL, -1UL,
	};

	switch (below(16)) {
	case 0: return edges[below(sizeof(edges) / 8)] + (one_in(4) ? below(64) - 32 : 0);
	case 1: return 0xffff800000000000UL + (rnd() >> 21);
	case 2: return rnd() >> below(32);
	default: return (uint64_t)arena[below(PAGES)] + (below(3) ? 0 : below(PAGE_SIZE));
	}
}

static uint64_t entry(void)
{
	static const uint16_t flags[] = {
		0, 1, 3, 7, 5, 0x67, 0x63, 0x65, 0x1e7, 0x27f, 0xe7, 0x8e7
	};
	uint64_t e = mfn() << 12 | flags[below(12)];

	if (one_in(12))
		e |= below(4096);
	if (one_in(12))
		e |= 1UL << (40 + below(24));
	return one_in(64) ? rnd() : e;
}

static uint64_t maddr(void)
{
	uint64_t cmd = one_in(4) ? below(8) : 0;

	if (below(3) == 0)
		return entry_at[below(PAGES)] | cmd;
	return mfn() << 12 | below(512) * 8 | cmd;
}

static uint64_t number(void)
{
	switch (below(8)) {
	case 0: return 1UL << below(64);
	case 1: return ~0UL >> below(64);
	case 2: return -below(64);
	case 3: return rnd();
	case 4: return below(4096);
	default: return below(16);
	}
}

/* This domain's neighbours have the numbers from 1 on. */
static domid_t domain(void)
{
	static const domid_t special[] = { 0,	      DOMID_SELF, DOMID_SELF, DOMID_IO,
					   DOMID_XEN, DOMID_COW,  0x7ff4,     0x8000 };

	return below(4) ? (below(3) ? DOMID_SELF : 1 + below(8)) : special[below(8)];
}

/* ---- hypercalls with structures ---- */

/*
 * A structure in letters, one for each field: m frame, a machine address of an entry, e entry, v
 * virtual address, l a list in the same page, n number, N small number (8 bytes); p port, r grant
 * reference, h handle, H where it is mapped (8), i vcpu, w small number, W any (4); d domain, f
 * flags, o offset (2); _ two bytes of nothing.
 */
static unsigned field_size(char field)
{
	switch (field) {
	case 'm': case 'a': case 'e': case 'v': case 'l': case 'n': case 'N': case 'H': return 8;
	case 'p': case 'r': case 'h': case 'i': case 'w': case 'W': return 4;
	default: return 2;
	}
}

static unsigned size_of(const char *fields)
{
	unsigned n = 0;

	for (; *fields; fields++)
		n += field_size(*fields);
	return n;
}

static uint64_t field_value(char field, uint64_t list)
{
	switch (field) {
	case 'm': return mfn();
	case 'a': return maddr();
	case 'e': return entry();
	case 'v': return va();
	case 'l': return one_in(16) ? va() : list;
	case 'n': case 'W': return number();
	case 'N': return one_in(24) ? number() : below(9);
	case 'H': return one_in(8) ? va() : notes[below(NOTES)].addr;
	case 'h': return one_in(8) ? number() : notes[below(NOTES)].handle;
	case 'p': return one_in(16) ? number() : below(40);
	case 'r': return one_in(16) ? number() : below(GRANTS);
	case 'i': return one_in(16) ? number() : below(6);
	case 'w': return one_in(16) ? number() : below(10);
	case 'd': return domain();
	case 'f': return one_in(4) ? rnd() : below(64);
	case 'o': return one_in(8) ? rnd() : below(PAGE_SIZE);
	default: return 0;
	}
}

/* The page may be another vcpu's table by now: a store that faults is left out. */
static void fill(uint8_t *at, const char *fields, uint64_t list)
{
	for (; *fields; at += field_size(*fields), fields++) {
		uint64_t v = field_value(*fields, list), shift = ((uint64_t)at & 7) * 8, mask;
		uint64_t *whole = (uint64_t *)((uint64_t)at & ~7UL);

		if (field_size(*fields) == 8) {
			poke(at, v);
			continue;
		}
		/* These do not cross words: that is how the ABI aligns them. */
		mask = (field_size(*fields) == 4 ? 0xffffffffUL : 0xffffUL) << shift;
		poke(whole, (*(volatile uint64_t *)whole & ~mask) | (v << shift & mask));
	}
}

struct shape {
	uint8_t op;
	int8_t cmd;   /* -1: the first argument is the structure */
	uint8_t most; /* structures in a row, as a third argument says; 0: there is none */
	const char *fields;
};

#define EV(n)  __HYPERVISOR_event_channel_op, EVTCHNOP_##n, 0
#define GT(n)  __HYPERVISOR_grant_table_op, GNTTABOP_##n, 4
#define MEM(n) __HYPERVISOR_memory_op, XENMEM_##n, 0
#define VC(n)  __HYPERVISOR_vcpu_op, VCPUOP_##n, 0
#define PHY(n) __HYPERVISOR_physdev_op, PHYSDEVOP_##n, 0
static const struct shape shapes[] = {
	{ EV(bind_interdomain), "d_pp" },
	{ EV(bind_interdomain), "d_pp" },
	{ EV(bind_virq), "wip" },
	{ EV(bind_pirq), "www" },
	{ EV(close), "p" },
	{ EV(close), "p" },
	{ EV(send), "p" },
	{ EV(send), "p" },
	{ EV(status), "d_pw_____" },
	{ EV(alloc_unbound), "ddp" },
	{ EV(alloc_unbound), "ddp" },
	{ EV(bind_ipi), "ip" },
	{ EV(bind_vcpu), "pi" },
	{ EV(unmask), "p" },
	{ EV(reset), "d_" },
	{ EV(init_control), "mwiw__" },
	{ EV(expand_array), "m" },
	{ EV(set_priority), "pw" },
	{ GT(map_grant_ref), "vWrd_Wn" },
	{ GT(unmap_grant_ref), "Hnhf_" },
	{ GT(setup_table), "d_wf___l" },
	{ GT(dump_table), "df" },
	{ GT(transfer), "md_rf___" },
	{ GT(transfer), "md_rf___" },
	{ GT(copy), "mdo__mdo__off_" },
	{ GT(copy), "r__do__r__do__off_" },
	{ GT(query_size), "d_wwf_" },
	{ GT(unmap_and_replace), "Hvhf_" },
	{ GT(set_version), "w" },
	{ GT(get_status_frames), "wdfl" },
	{ GT(get_version), "d_w" },
	{ GT(swap_grant_ref), "rrf_" },
	{ MEM(increase_reservation), "lNwWd___" },
	{ MEM(decrease_reservation), "lNwWd___" },
	{ MEM(populate_physmap), "lNwWd___" },
	{ MEM(exchange), "lNwWd___lNwWd___N" },
	{ MEM(current_reservation), "d___" },
	{ MEM(maximum_gpfn), "d___" },
	{ MEM(memory_map), "w__v" },
	{ MEM(machine_memory_map), "w__v" },
	{ MEM(set_memory_map), "d___w__v" },
	{ MEM(machphys_mfn_list), "w__lw__" },
	{ MEM(machphys_mapping), "nnn" },
	{ MEM(add_to_physmap), "df_wnn" },
	{ MEM(remove_from_physmap), "d___n" },
	{ MEM(claim_pages), "lNwWd___" },
	{ MEM(acquire_resource), "dfwwwNl" },
	{ VC(is_up), "n" },
	{ VC(get_runstate_info), "n" },
	{ VC(register_runstate_memory_area), "v" },
	{ VC(set_periodic_timer), "n" },
	{ VC(stop_periodic_timer), "n" },
	{ VC(set_singleshot_timer), "nw__" },
	{ VC(stop_singleshot_timer), "n" },
	{ VC(send_nmi), "n" },
	{ VC(get_physid), "n" },
	{ VC(register_vcpu_time_memory_area), "v" },
	{ PHY(irq_status_query), "ww" },
	{ PHY(set_iopl), "w" },
	{ PHY(set_iobitmap), "vw__" },
	{ PHY(eoi), "w" },
	{ PHY(map_pirq), "d_wwwwwnn" },
	{ PHY(unmap_pirq), "d_w" },
	{ PHY(get_free_pirq), "ww" },
	{ PHY(pirq_eoi_gmfn_v1), "m" },
	{ PHY(pirq_eoi_gmfn_v2), "m" },
	{ __HYPERVISOR_xen_version, 6, 0, "w__n" },
	{ __HYPERVISOR_xen_version, 4, 0, "n" },
	{ __HYPERVISOR_domctl, -1, 0, "wWd___nnnnnnnn" },
	{ __HYPERVISOR_sysctl, -1, 0, "wWnnnnnnnn" },
	{ __HYPERVISOR_platform_op, -1, 0, "wWnnnnnnnn" },
};

struct call {
	uint64_t op, a[5];
};
long flagged_hypercall(const struct call *c, uint64_t flags);

/* Where the arguments go: the worker's own page, or one that the others work on. */
static uint64_t *room(bool *shared)
{
	*shared = one_in(5);
	return *shared ? (uint64_t *)arena[below(PAGES)] + below(128) : args[vcpu_id()];
}

static void fill_list(uint64_t *list)
{
	for (unsigned i = 0; i < 12; i++) {
		uint64_t pfn = below(4096);

		poke(list + i, one_in(3) && !is_vital(pfn) ? pfn : mfn());
	}
}

static void structured(struct call *c, uint64_t *at)
{
	const struct shape *s = &shapes[below(sizeof(shapes) / sizeof(shapes[0]))];
	unsigned n = s->most ? 1 + below(s->most) : 1, size = size_of(s->fields);

	fill_list(at + 128);
	for (unsigned i = 0; i < n; i++)
		fill((uint8_t *)at + i * size, s->fields, (uint64_t)(at + 128));
	*c = (struct call){ .op = s->op, .a = { 0, (uint64_t)at, n } };
	if (s->cmd < 0) {
		if (below(2)) {
			uint32_t version = s->op == __HYPERVISOR_platform_op ? 0x03000001 : 0x15;

			poke(at, below(96) | (uint64_t)version << 32);
		}
		c->a[0] = (uint64_t)at;
	} else {
		c->a[0] = (uint64_t)s->cmd;
	}
	if (s->op == __HYPERVISOR_vcpu_op) {
		c->a[1] = below(6);
		c->a[2] = (uint64_t)at;
	}
	if (s->op == __HYPERVISOR_memory_op && one_in(16))
		c->a[0] |= number() << 6;
}

static bool pages(struct call *c, uint64_t *at, bool shared)
{
	unsigned n = 1 + below(6);
	uint64_t foreign =
		below(8) ? DOMID_SELF : domain() | (uint64_t)(below(2) ? domain() + 1 : 0) << 16;

	switch (below(8)) {
	case 0:
	case 1:
		for (unsigned i = 0; i < n; i++) {
			poke(at + 2 * i, maddr());
			poke(at + 2 * i + 1, entry());
		}
		*c = (struct call){ __HYPERVISOR_mmu_update,
				    { (uint64_t)at, one_in(32) ? number() : n,
				      below(8) ? (uint64_t)(at + 64) : va(), foreign } };
		return true;
	case 2:
	case 3:
	case 4:
		/* Somebody else could turn the list into a change of our root. */
		if (shared && !wild)
			return false;
		for (unsigned i = 0; i < n; i++) {
			uint64_t cmd = below(3) ? below(5) : below(22), x = mfn(), y = mfn();

			if (cmd == MMUEXT_NEW_BASEPTR && !(wild && one_in(64)))
				cmd = MMUEXT_UNPIN_TABLE;
			if (cmd == MMUEXT_NEW_USER_BASEPTR && one_in(3))
				x = virt_to_mfn(user[vcpu_id()].space.table[4]);
			if (cmd >= MMUEXT_TLB_FLUSH_LOCAL && cmd <= MMUEXT_SET_LDT)
				x = va();
			if (cmd == MMUEXT_SET_LDT) {
				x &= ~0xfffUL;
				y = one_in(8) ? number() : below(1025);
			}
			if (cmd == MMUEXT_TLB_FLUSH_MULTI || cmd == MMUEXT_INVLPG_MULTI)
				y = va();
			poke(at + 3 * i, cmd);
			poke(at + 3 * i + 1, x);
			poke(at + 3 * i + 2, y);
		}
		*c = (struct call){ __HYPERVISOR_mmuext_op,
				    { (uint64_t)at, one_in(32) ? n | 0x80000000UL : n,
				      below(8) ? (uint64_t)(at + 64) : va(), foreign } };
		return true;
	case 5:
		for (unsigned i = 0; i < 15; i++)
			poke(at + i, mfn());
		*c = (struct call){ __HYPERVISOR_set_gdt,
				    { (uint64_t)at, one_in(16) ? number() : below(1100) } };
		return true;
	case 6:
		*c = (struct call){ __HYPERVISOR_update_descriptor,
				    { mfn() << 12 | below(512) * 8 | (one_in(16) ? below(8) : 0),
				      below(2) ? rnd()
					       : 0x00cffb000000ffffUL ^ 1UL << below(64) } };
		return true;
	default: {
		uint64_t flags = below(4) | (one_in(3) ? UVMF_ALL : below(8) ? 0 : va() & ~7UL);
		bool other = one_in(8);

		*c = (struct call){ other ? __HYPERVISOR_update_va_mapping_otherdomain
					  : __HYPERVISOR_update_va_mapping,
				    { va(), entry(), flags, foreign } };
		return true;
	}
	}
}

static void small(struct call *c, uint64_t *at, bool shared)
{
	*c = (struct call){ .a = { below(12), number(), va() } };
	switch (below(12)) {
	case 0:
		c->op = __HYPERVISOR_set_debugreg;
		c->a[1] = c->a[0] < 4 ? va() : c->a[0] == 7 ? below(1UL << 32) & 0x333303ff : rnd();
		break;
	case 1:
		c->op = __HYPERVISOR_get_debugreg;
		break;
	case 2:
		c->op = __HYPERVISOR_fpu_taskswitch;
		break;
	case 3:
		c->op = __HYPERVISOR_set_segment_base;
		c->a[0] = below(5);
		c->a[1] = below(2) ? va() : below(65536);
		break;
	case 4:
		c->op = __HYPERVISOR_vm_assist;
		c->a[0] = below(3);
		c->a[1] = below(2) ? below(34) : number();
		break;
	case 5:
		c->op = __HYPERVISOR_xen_version;
		c->a[1] = va();
		break;
	case 6:
		c->op = __HYPERVISOR_set_timer_op;
		c->a[0] = number();
		break;
	case 7:
		c->op = __HYPERVISOR_sched_op;
		c->a[0] = below(3) ? SCHEDOP_yield : 5 + below(4);
		poke(at, number());
		poke(at + 1, number());
		c->a[1] = (uint64_t)at;
		/*
		 * Our own watchdog is the first one. What lies there may be another's by then: only
		 * for who may end.
		 */
		if (c->a[0] == SCHEDOP_watchdog) {
			poke(at, 2 | 60UL << 32);
			if (!wild)
				c->a[0] = SCHEDOP_yield;
		}
		if (c->a[0] == SCHEDOP_shutdown_code)
			c->a[0] = SCHEDOP_pin_override;
		break;
	case 8:
		c->op = __HYPERVISOR_sched_op;
		c->a[0] = SCHEDOP_poll;
		c->a[1] = (uint64_t)at;
		poke(at, va());
		poke(at + 1, below(4));
		poke(at + 2, 1);
		/* With another timeout nobody would wake us. */
		if (shared)
			c->a[0] = SCHEDOP_yield;
		break;
	case 9:
		c->op = __HYPERVISOR_console_io;
		c->a[0] = 1 + below(4);
		c->a[1] = number();
		c->a[2] = va();
		break;
	case 10:
		c->op = below(64);
		/* Numbers that mean nothing, with anything. */
		if (c->op < 41)
			c->op += 41;
		c->a[0] = number();
		c->a[1] = va();
		break;
	default:
		c->op = number() | 1UL << (8 + below(50));
	}
}

/* What most likely ends this domain. */
static bool suicidal(struct call *c, uint64_t *at)
{
	switch (below(8)) {
	case 0:
		*c = (struct call){ __HYPERVISOR_stack_switch, { rnd(), va() } };
		return true;
	case 1:
		*c = (struct call){ __HYPERVISOR_set_callbacks, { va(), va(), va() } };
		return true;
	case 2:
		poke(at, below(256) | below(8) << 8 | rnd() << 16);
		poke(at + 1, va());
		poke(at + 2, 0);
		poke(at + 3, 0);
		*c = (struct call){ __HYPERVISOR_set_trap_table, { (uint64_t)at } };
		return true;
	case 3:
		poke(at, below(6) | rnd() << 32);
		poke(at + 1, va());
		*c = (struct call){ __HYPERVISOR_callback_op, { below(3), (uint64_t)at } };
		return true;
	case 4:
		poke(at, mfn());
		poke(at + 1, below(PAGE_SIZE));
		*c = (struct call){ __HYPERVISOR_vcpu_op,
				    { VCPUOP_register_vcpu_info, below(6), (uint64_t)at } };
		return true;
	case 5:
		*c = (struct call){ __HYPERVISOR_vcpu_op, { VCPUOP_down, below(6) } };
		return true;
	case 6:
		poke(at, va());
		*c = (struct call){ __HYPERVISOR_nmi_op, { below(3), (uint64_t)at } };
		return true;
	default:
		poke(at, below(8));
		*c = (struct call){ __HYPERVISOR_sched_op,
				    { one_in(4) ? SCHEDOP_shutdown : SCHEDOP_block,
				      (uint64_t)at } };
		return true;
	}
}

static bool some_call(struct call *c, uint64_t *at, bool shared)
{
	if (wild && one_in(1500))
		return suicidal(c, at);
	switch (below(8)) {
	case 0:
		small(c, at, shared);
		return true;
	case 1:
	case 2:
	case 3:
		return pages(c, at, shared);
	default:
		structured(c, at);
		return true;
	}
}

/* Keep what a successful call gave us, to be used again. */
static void remember(const struct call *c, long r)
{
	uint64_t *at = (uint64_t *)c->a[1];

	if (r < 0 || at != args[vcpu_id()])
		return;
	if (c->op == __HYPERVISOR_memory_op &&
	    (c->a[0] == XENMEM_populate_physmap || c->a[0] == XENMEM_increase_reservation)) {
		for (long i = 0; i < r && i < 8; i++)
			if (at[128 + i] < 1UL << 20)
				pool[below(POOL)] = at[128 + i];
	} else if (c->op == __HYPERVISOR_grant_table_op && c->a[0] == GNTTABOP_map_grant_ref) {
		struct gnttab_map_grant_ref *m = (void *)at;
		unsigned slot = below(NOTES);

		if (!m->status) {
			notes[slot].handle = m->handle;
			notes[slot].addr = m->host_addr;
		}
	}
}

static void op_call(void)
{
	struct call c;
	bool shared;
	uint64_t *at = room(&shared);

	if (some_call(&c, at, shared))
		remember(&c, flagged_hypercall(&c, some_flags()));
}

static void op_multicall(void)
{
	uint64_t *at = args[vcpu_id()];
	struct multicall_entry *m = (void *)(at + 400);
	unsigned n = 1 + below(8);
	struct call c;

	for (unsigned i = 0; i < n; i++) {
		/* They all have the same page. */
		if (!some_call(&c, at, true))
			c = (struct call){ __HYPERVISOR_xen_version, { 0 } };
		/* An iret takes its frame off the stack, where there is none here. */
		if (one_in(32))
			c.op = below(2) || !wild ? __HYPERVISOR_multicall : __HYPERVISOR_iret;
		m[i] = (struct multicall_entry){
			.op = c.op, .args = { c.a[0], c.a[1], c.a[2], c.a[3], c.a[4] }
		};
	}
	/* More would be other pages, where all zeros mean "no trap handlers". */
	hypercall(multicall, m, wild && one_in(64) ? number() : n);
}

static void op_grant(void)
{
	static const uint16_t flags[] = { GTF_permit_access, GTF_permit_access,
					  GTF_permit_access | GTF_readonly, GTF_accept_transfer };

	for (unsigned i = below(6); i > 0; i--) {
		struct grant_entry_v1 e = { one_in(8) ? rnd() : flags[below(4)],
					    one_in(3) ? 1 + below(8) : domain(), (uint32_t)mfn() };

		poke(&grants[below(GRANTS)], *(uint64_t *)&e);
	}
}

static void op_map(void)
{
	struct gnttab_map_grant_ref *m = (void *)args[vcpu_id()];
	unsigned page = below(PAGES);
	struct call c = { __HYPERVISOR_grant_table_op, { GNTTABOP_map_grant_ref, (uint64_t)m, 1 } };

	*m = (struct gnttab_map_grant_ref){
		.host_addr = (uint64_t)arena[page],
		.flags = one_in(12) ? rnd() : GNTMAP_host_map | (below(2) ? GNTMAP_readonly : 0),
		.ref = below(GRANTS),
		.dom = 1 + below(8),
	};
	if (one_in(4)) {
		m->flags |= GNTMAP_contains_pte;
		m->host_addr = entry_at[page];
	}
	remember(&c, hypercall(grant_table_op, (long)GNTTABOP_map_grant_ref, m, 1L));
}

#endif
