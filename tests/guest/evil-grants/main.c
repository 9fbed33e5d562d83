// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 4
// seconds: 90
/*
 * Grants under four vcpus of a domain that is on both sides: entries are granted, revoked, turned
 * from read-only to writable and swapped while they are being mapped, copied and unmapped; handles
 * are unmapped by several at once, twice in a batch, with the address of another mapping; pages
 * that are granted become page tables and pages again meanwhile; the table is grown and its version
 * changed; transfers are tried that nobody may make. No table may become writable, no read-only
 * grant gives a write, a handle ends once, and the counts are right (audit).
 * bits: 64 32
 * ring1: yes
 */
#include "guest.h"

const char test_name[] = "evil-grants";

#define PAGES	12
#define REFS	16
#define HANDLES 64
#define ROUNDS	500

static uint8_t page[PAGES][PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t window[8][PAGE_SIZE] __attribute__((aligned(4096)));
static volatile struct grant_entry_v1 *table;
static volatile struct {
	uint64_t addr;
	uint32_t handle;
	bool used;
} notes[HANDLES];
static uint64_t mfns[PAGES], window_pte[8], window_mfn[8];
static volatile unsigned maps, copies, tables;
static domid_t self;

static void grant(unsigned ref)
{
	static const uint16_t flags[] = { 0, GTF_permit_access, GTF_permit_access,
					  GTF_permit_access | GTF_readonly, GTF_accept_transfer };
	struct grant_entry_v1 e = { flags[below(5)], self, (uint32_t)mfns[below(PAGES)] };

	store8(&table[ref], *(uint64_t *)&e);
}

static void map(void)
{
	unsigned w = below(8), slot = below(HANDLES);
	struct gnttab_map_grant_ref m = {
		.host_addr = (uintptr_t)window[w],
		.flags = GNTMAP_host_map | (below(2) ? GNTMAP_readonly : 0) |
			 (below(4) ? 0 : GNTMAP_device_map),
		.ref = 8 + below(REFS),
		.dom = self,
	};

	if (!below(4)) {
		m.flags |= GNTMAP_contains_pte;
		m.host_addr = window_pte[w];
	}
	grant_op(GNTTABOP_map_grant_ref, &m, 1);
	if (m.status)
		return;
	maps++;
	/* What is forgotten here stays mapped: then it is unmapped at once. */
	if (__atomic_exchange_n(&notes[slot].used, true, __ATOMIC_SEQ_CST)) {
		struct gnttab_unmap_grant_ref u[2] = {
			{ m.host_addr, m.flags & GNTMAP_device_map ? m.dev_bus_addr : 0, m.handle,
			  0 },
			{ m.host_addr, m.flags & GNTMAP_device_map ? m.dev_bus_addr : 0, m.handle,
			  0 },
		};

		grant_op(GNTTABOP_unmap_grant_ref, u, 2);
		return;
	}
	notes[slot].handle = m.handle;
	notes[slot].addr = m.host_addr;
}

static void unmap(void)
{
	struct gnttab_unmap_grant_ref u[4];
	unsigned slots[4];

	for (unsigned i = 0; i < 4; i++) {
		slots[i] = below(HANDLES);
		u[i] = (struct gnttab_unmap_grant_ref){
			.host_addr = below(8) ? notes[slots[i]].addr : (uintptr_t)window[below(8)],
			.handle = notes[slots[i]].handle,
		};
	}
	if (!below(4)) {
		struct gnttab_unmap_and_replace r = { .host_addr = u[0].host_addr,
						      .new_addr = (uintptr_t)window[below(8)],
						      .handle = u[0].handle };

		grant_op(GNTTABOP_unmap_and_replace, &r, 1);
	} else {
		grant_op(GNTTABOP_unmap_grant_ref, u, 1 + below(4));
	}
	for (unsigned i = 0; i < 4; i++)
		notes[slots[i]].used = false;
}

static void copy(void)
{
	struct gnttab_copy c = {
		.source = { .u.ref = 8 + below(REFS), .domid = self, .offset = below(2048) },
		.dest = { .u.ref = 8 + below(REFS), .domid = self, .offset = below(2048) },
		.len = below(2048),
		.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref,
	};

	if (!below(3)) {
		c.flags = GNTCOPY_source_gref;
		c.dest.u.gmfn = mfns[below(PAGES)];
		c.dest.domid = DOMID_SELF;
	}
	grant_op(GNTTABOP_copy, &c, 1);
	copies += !c.status;
}

/* A page becomes a table or a descriptor page, and what it is then may not be writable. */
static void retype(void)
{
	unsigned i = below(PAGES);
	uint64_t frame = mfns[i];

	if (map_page(page[i], frame, PTE_P | PTE_AD))
		return;
	if (mmuext(MMUEXT_CLEAR_PAGE, frame) == 0 && mmuext(MMUEXT_PIN_L1_TABLE, frame) == 0) {
		struct gnttab_copy c = {
			.source = { .u.gmfn = mfns[0], .domid = DOMID_SELF },
			.dest = { .u.gmfn = frame, .domid = DOMID_SELF },
			.len = 8,
		};

		tables++;
		/* While it is one (others may unpin, but nobody else pins). */
		if (i == vcpu_id()) {
			check_eq(grant_op(GNTTABOP_copy, &c, 1), 0);
			check(c.status < 0);
			check_refused(mmuext(MMUEXT_CLEAR_PAGE, frame));
			check_refused(map_page(page[i], frame, PTE_KERNEL));
		}
		mmuext(MMUEXT_UNPIN_TABLE, frame);
	}
	map_page(page[i], frame, PTE_KERNEL);
}

static void rest(void)
{
	union {
		struct gnttab_swap_grant_ref swap;
		struct gnttab_set_version version;
		struct gnttab_transfer transfer;
		struct gnttab_setup_table setup;
		struct gnttab_query_size query;
	} u = { 0 };
	static xen_pfn_t frames[64];

	switch (below(5)) {
	case 0:
		u.swap.ref_a = 8 + below(REFS);
		u.swap.ref_b = 8 + below(REFS);
		grant_op(GNTTABOP_swap_grant_ref, &u, 1);
		break;
	case 1:
		u.version.version = below(4);
		grant_op(GNTTABOP_set_version, &u, 1);
		break;
	case 2:
		u.transfer =
			(struct gnttab_transfer){ mfns[below(PAGES)], self, 8 + below(REFS), 0 };
		grant_op(GNTTABOP_transfer, &u, 1);
		check(u.transfer.status < 0);
		break;
	case 3:
		u.setup =
			(struct gnttab_setup_table){ DOMID_SELF, below(66), 0, (uintptr_t)frames };
		grant_op(GNTTABOP_setup_table, &u, 1);
		break;
	default:
		u.query.dom = DOMID_SELF;
		grant_op(GNTTABOP_query_size, &u, 1);
	}
}

static bool enough(void)
{
	return maps > 20 && copies > 20 && tables > 5;
}

static void rounds(void)
{
	/* One vcpu goes on until the checks below say something. */
	for (unsigned i = 0; i < ROUNDS || (!vcpu_id() && i < 50 * ROUNDS && !enough()); i++)
		switch (below(10)) {
		case 0: case 1: grant(8 + below(REFS)); break;
		case 2: case 3: case 4: map(); break;
		case 5: case 6: unmap(); break;
		case 7: copy(); break;
		case 8: retype(); break;
		default: rest();
		}
}

/* A grant for reading is never one for writing, whatever the entry is turned to after the check. */
static void test_readonly(void)
{
	static uint8_t shown[PAGE_SIZE] __attribute__((aligned(4096)));
	struct gnttab_map_grant_ref m = {
		.host_addr = (uintptr_t)window[0], .flags = GNTMAP_host_map, .ref = 8, .dom = self
	};
	struct grant_entry_v1 e = { GTF_permit_access | GTF_readonly, self,
				    (uint32_t)virt_to_mfn(shown) };

	store8(&table[8], *(uint64_t *)&e);
	grant_op(GNTTABOP_map_grant_ref, &m, 1);
	check(m.status < 0);
	m.flags |= GNTMAP_readonly;
	grant_op(GNTTABOP_map_grant_ref, &m, 1);
	check_eq(m.status, 0);
	check_eq(probe_write(window[0]), 14);
	/* Neither by a second map, nor by an entry of our own making. */
	struct gnttab_map_grant_ref again = m;

	again.flags = GNTMAP_host_map;
	again.host_addr = (uintptr_t)window[1];
	grant_op(GNTTABOP_map_grant_ref, &again, 1);
	check(again.status < 0);
	struct gnttab_unmap_grant_ref u = { .host_addr = (uintptr_t)window[0], .handle = m.handle };

	grant_op(GNTTABOP_unmap_grant_ref, &u, 1);
	check_eq(u.status, 0);
	grant_op(GNTTABOP_unmap_grant_ref, &u, 1);
	check(u.status < 0);
	check_eq(table[8].flags & (GTF_reading | GTF_writing), 0);
	check_eq(map_page(window[0], window_mfn[0], PTE_KERNEL), 0);
}

void test_main(void)
{
	unsigned idle = 0;

	self = own_domid();
	table = grant_table_map();
	for (unsigned i = 0; i < PAGES; i++)
		mfns[i] = virt_to_mfn(page[i]);
	for (unsigned i = 0; i < 8; i++) {
		window_pte[i] = pte_maddr(window[i]);
		window_mfn[i] = virt_to_mfn(window[i]);
	}
	test_readonly();
	random_seed(0x9e6c63d0876a9a47UL);
	race(4, rounds);
	check(enough());
	/* No window shows them any more: whatever no handle holds is free. */
	for (unsigned i = 0; i < 8; i++)
		check_eq(map_page(window[i], window_mfn[i], PTE_KERNEL), 0);
	for (unsigned i = 8; i < 8 + REFS; i++)
		idle += !(table[i].flags & (GTF_reading | GTF_writing));
	print("evil-grants: %u maps, %u copies, %u tables, %u of %u entries idle\n", maps, copies,
	      tables, idle, REFS);
}
