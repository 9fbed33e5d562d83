// SPDX-License-Identifier: GPL-2.0-or-later
// vcpus: 4
// seconds: 120
// driven: yes
/*
 * A hostile kernel that was given devices by dom0 (tests/guest/device-giver): pages of the screen's
 * memory and the CMOS clock with its line, which another domain was given as well.
 * Its pages serve for nothing but leaf entries, are never mapped cached, however the entry comes to
 * be, and make no difference to what it may do with RAM. While two vcpus change entries of a
 * table between RAM and device and a third one pins and unpins it, no count goes astray.
 * The line is bound, closed, unmapped and acknowledged at random by two vcpus while the clock
 * interrupts 8192 times in a second; what it was not given it does not get. Events of the clock
 * come through all that, and end when nobody has it bound.
 * bits: 64 32
 */
#include "guest.h"
#include "pv-abi/physdev.h"

const char test_name[] = "evil-devices";

#define LINE   8
#define SCREEN 0xa0UL
#define BUFFER 0xfd000UL
#define PTE_PWT 8UL
#define PTE_PCD 0x10UL
#define PTE_PAT 0x80UL
#define CACHE	(PTE_PWT | PTE_PCD | PTE_PAT)
#define USUAL	(PTE_P | PTE_RW | PTE_USER_OF_KERNEL | PTE_AD)

static uint8_t *page, *ram, *table;
static uint64_t page_mfn;
static volatile unsigned finished, events;
static volatile bool raced;

static void test_caching(void)
{
	uint64_t ptr = pte_maddr(page);
	const uint64_t *e = pte_of(page);

	for (unsigned i = 0; i < 16; i++) {
		uint64_t kind = (i & 1 ? PTE_PWT : 0) | (i & 2 ? PTE_PCD : 0) |
				(i & 4 ? PTE_PAT : 0);
		uint64_t mfn = i & 8 ? SCREEN : BUFFER;
		bool cached = !(kind & PTE_PCD) && kind != PTE_PAT;
		uint64_t want = cached ? PTE_PCD | PTE_PWT : kind;

		check_eq(map_page(page, mfn, USUAL | kind), 0);
		check_eq(*e & CACHE, want);
		check_eq(map_page(page, mfn, USUAL | PTE_PCD), 0);
		check_eq(*e & CACHE, PTE_PCD);
		check_eq(map_page(page, mfn, USUAL | kind), 0);
		check_eq(*e & CACHE, want);
		check_eq(mmu_update(ptr, LEAF(mfn, USUAL | PTE_PCD)), 0);
		check_eq(mmu_update(ptr | MMU_PT_UPDATE_PRESERVE_AD, LEAF(mfn, USUAL | kind)), 0);
		check_eq(*e & CACHE, want);
		/* By a store of its own to the table in use. */
		store8((void *)e, LEAF(mfn, USUAL | PTE_PCD));
		store8((void *)e, LEAF(mfn, USUAL | kind));
		check_eq(*e & CACHE, want);
		check_eq(*e & PTE_ADDR, mfn << 12);
		if (kind)
			check_refused(map_page(page, page_mfn, USUAL | kind));
	}
	check_eq(map_page(page, page_mfn, USUAL), 0);
}

/* What it was not given, and what a device's page is no good for. */
static void test_misuse(void)
{
	static const xen_ulong_t foreign[] = { 0, 1, SCREEN - 1, SCREEN + 16, BUFFER - 1,
					       BUFFER + 16, 0xfec00, 0xfee00, 0xfed00 };
	static xen_ulong_t frames[1];
	xen_ulong_t mfns[] = { SCREEN, BUFFER };
	uint64_t *t = (uint64_t *)table;

	for (unsigned i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		for (uint64_t rw = 0; rw <= PTE_RW; rw += PTE_RW)
			check_refused(map_page(page, foreign[i], PTE_P | PTE_PCD | rw));
	for (unsigned i = 0; i < 2; i++) {
		xen_ulong_t mfn = mfns[i];
		struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
		struct vcpu_register_vcpu_info info = { .mfn = mfn };
		struct physdev_pirq_eoi_gmfn eoi = { .gmfn = mfn };

		for (unsigned cmd = MMUEXT_PIN_L1_TABLE; cmd <= MMUEXT_NEW_BASEPTR; cmd++)
			check_refused(mmuext(cmd, mfn));
		check_refused(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn));
		check_refused(mmuext(MMUEXT_CLEAR_PAGE, mfn));
		check_refused(copy_page(page_mfn, mfn));
		frames[0] = mfn;
		check_refused(hypercall(set_gdt, frames, 512L));
		check_refused(mmu_update(entry_maddr(page, 2), LEAF(mfn, USUAL | PTE_US)));
		check_refused(mmu_update(LEAF(mfn, 0), 0));
		check_refused(mmu_update(LEAF(mfn, MMU_MACHPHYS_UPDATE), 5));
#ifdef __i386__
		check_refused(hypercall(update_descriptor, (long)(mfn << 12), (long)(mfn >> 20), 0L,
					0L));
#else
		check_refused(hypercall(update_descriptor, mfn << 12, 0L));
#endif
		check_refused(vcpu_op(VCPUOP_register_vcpu_info, 1, &info));
		check_refused(hypercall(physdev_op, (long)PHYSDEVOP_pirq_eoi_gmfn_v2, &eoi));
		set_xen_guest_handle(r.extent_start, &mfn);
		check_eq(hypercall(memory_op, (long)XENMEM_decrease_reservation, &r), 0);
		/* As a table's entry it is no table, as a leaf of a table it is a leaf. */
		memset(t, 0, PAGE_SIZE);
		t[3] = LEAF(mfn, PTE_P | PTE_RW | PTE_US | PTE_AD);
		check_eq(make_readonly(t), 0);
		check_refused(mmuext(MMUEXT_PIN_L2_TABLE, virt_to_mfn(t)));
		check_eq(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(t)), 0);
		check_eq(t[3] & CACHE, PTE_PCD | PTE_PWT);
		check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(t)), 0);
		check_eq(make_writable(t), 0);
	}
	memset(t, 0, PAGE_SIZE);
}

/* ---- entries between RAM and device, while the table is pinned and unpinned ---- */

#define ROUNDS 4000

static void change_entries(void)
{
	uint64_t seed = 77 + vcpu_id(), t = virt_to_mfn(table), r = virt_to_mfn(ram);

	/* On one CPU the other side may hardly run before these rounds are over. */
	for (unsigned i = 0; i < ROUNDS || !raced; i++) {
		static const uint64_t flags[] = { PTE_P, USUAL, USUAL | PTE_PCD, USUAL | PTE_PAT };
		uint64_t x = random_next(&seed) >> 20, mfn = x & 4 ? BUFFER + (x & 3) : r;

		mmu_update(t << 12 | (x >> 8 & 3) * 8,
			   x >> 10 & 3 ? LEAF(mfn, flags[x >> 4 & 3]) : 0);
		if (x >> 12 & 1)
			mmuext(x >> 13 & 1 ? MMUEXT_PIN_L1_TABLE : MMUEXT_UNPIN_TABLE, r);
	}
	__atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
	vcpu_stop();
}

static void test_race(void)
{
	uint64_t t = virt_to_mfn(table);
	unsigned pinned = 0;

	check_eq(make_readonly(table), 0);
	check_eq(make_readonly(ram), 0);
	vcpu_start(1, change_entries);
	vcpu_start(2, change_entries);
	while (finished < 2) {
		if (!mmuext(MMUEXT_PIN_L1_TABLE, t))
			pinned++;
		mmuext(MMUEXT_UNPIN_TABLE, t);
		raced = pinned > 10;
	}
	mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(ram));
	/* No reference of either is left: both can be what they like. */
	check_eq(make_writable(table), 0);
	memset(table, 0, PAGE_SIZE);
	check_eq(make_writable(ram), 0);
	memset(ram, 0, PAGE_SIZE);
	check_eq(make_readonly(ram), 0);
	check_eq(mmuext(MMUEXT_PIN_L1_TABLE, virt_to_mfn(ram)), 0);
	check_eq(mmuext(MMUEXT_UNPIN_TABLE, virt_to_mfn(ram)), 0);
	check_eq(make_writable(ram), 0);
}

/* ---- the line ---- */

static uint8_t cmos(uint8_t index)
{
	uint8_t v;

	__asm__ volatile("outb %0, $0x70" ::"a"(index));
	__asm__ volatile("inb $0x71, %0" : "=a"(v));
	return v;
}

static void cmos_set(uint8_t index, uint8_t v)
{
	__asm__ volatile("outb %0, $0x70" ::"a"(index));
	__asm__ volatile("outb %0, $0x71" ::"a"(v));
}

static long map_line(domid_t domain, int type, int index, int pirq)
{
	struct physdev_map_pirq m = { .domid = domain, .type = type, .index = index, .pirq = pirq,
				      .entry_nr = 1 };

	return hypercall(physdev_op, (long)PHYSDEVOP_map_pirq, &m);
}

static long unmap_line(int pirq)
{
	struct physdev_unmap_pirq u = { .domid = DOMID_SELF, .pirq = pirq };

	return hypercall(physdev_op, (long)PHYSDEVOP_unmap_pirq, &u);
}

static void eoi(unsigned pirq)
{
	struct physdev_eoi e = { .irq = pirq };

	hypercall(physdev_op, (long)PHYSDEVOP_eoi, &e);
}

/* 0 and a port, or why not. */
static long bind_line(unsigned pirq, unsigned flags, unsigned *port)
{
	struct evtchn_bind_pirq b = { .pirq = pirq, .flags = flags };
	long err = evtchn_op(EVTCHNOP_bind_pirq, &b);

	*port = b.port;
	return err;
}

static void test_not_given(void)
{
	static const int wrong[] = { -2, 512, 513, 0xffff, 0x7fffffff, (int)0x80000000 };
	unsigned port;

	for (int gsi = 0; gsi < 300; gsi++)
		if (gsi != LINE)
			check_refused(map_line(DOMID_SELF, MAP_PIRQ_TYPE_GSI, gsi, -1));
	check_refused(map_line(0, MAP_PIRQ_TYPE_GSI, LINE, -1));
	check_refused(map_line(1, MAP_PIRQ_TYPE_MSI, -1, -1));
	for (int type = 0; type < 8; type++)
		if (type != MAP_PIRQ_TYPE_GSI)
			check_refused(map_line(DOMID_SELF, type, -1, -1));
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		check_refused(map_line(DOMID_SELF, MAP_PIRQ_TYPE_GSI, LINE, wrong[i]));
		check_refused(map_line(DOMID_SELF, MAP_PIRQ_TYPE_GSI, wrong[i], -1));
		check_refused(unmap_line(wrong[i]));
		check_refused(bind_line((unsigned)wrong[i], 0, &port));
		eoi((unsigned)wrong[i]);
	}
	for (unsigned pirq = 0; pirq < 512; pirq++) {
		check_refused(bind_line(pirq, pirq & 1, &port));
		eoi(pirq);
	}
	/* Numbers without end: all are the domain's own, and come back. */
	for (unsigned n = 0; n < 600; n++) {
		struct physdev_get_free_pirq f = { .type = MAP_PIRQ_TYPE_MSI };

		if (hypercall(physdev_op, (long)PHYSDEVOP_get_free_pirq, &f))
			break;
		check_refused(bind_line(f.pirq, 0, &port));
	}
	for (int pirq = 0; pirq < 512; pirq++)
		unmap_line(pirq);
}

static void count(unsigned port)
{
	__atomic_add_fetch(&events, 1, __ATOMIC_SEQ_CST);
}

/* The other domain talks to the clock as well, so the settings may be lost between two steps. */
static void wind_clock(void)
{
	cmos_set(0x0a, 0x23);
	cmos_set(0x0b, 0x42);
	cmos(0x0c);
}

/* Several vcpus at once, each with what it likes; the port numbers are everybody's. */
static void play(unsigned rounds)
{
	struct physdev_set_iopl iopl = { .iopl = 1 };
	uint64_t seed = 99 + vcpu_id();
	unsigned port;

	check_eq(hypercall(physdev_op, (long)PHYSDEVOP_set_iopl, &iopl), 0);
	for (unsigned i = 0; i < rounds; i++) {
		uint64_t x = random_next(&seed) >> 20;

		switch (x % 8) {
		case 0:
			map_line(DOMID_SELF, MAP_PIRQ_TYPE_GSI, LINE, x >> 4 & 1 ? LINE : -1);
			break;
		case 1:
			unmap_line(LINE);
			break;
		case 2: case 3:
			if (!bind_line(LINE, x >> 4 & 1, &port)) {
				struct evtchn_unmask u = { .port = port };
				struct evtchn_close c = { .port = port };

				/* Somebody may have closed it already. */
				if (x >> 5 & 1)
					evtchn_op(EVTCHNOP_unmask, &u);
				if (x >> 6 & 1)
					evtchn_op(EVTCHNOP_close, &c);
			}
			break;
		case 4: {
			struct evtchn_close c = { .port = x >> 4 & 7 };

			evtchn_op(EVTCHNOP_close, &c);
			break;
		}
		case 5:
			for (unsigned n = 0; n < 16; n++)
				eoi(LINE);
			break;
		case 6: {
			struct evtchn_bind_vcpu b = { .port = x >> 4 & 7, .vcpu = x >> 8 & 3 };

			evtchn_op(EVTCHNOP_bind_vcpu, &b);
			break;
		}
		default:
			wind_clock();
		}
	}
}

static void player(void)
{
	events_off();
	play(1500);
	__atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
	vcpu_stop();
}

static void close_all(void)
{
	for (unsigned port = 1; port < 16; port++) {
		struct evtchn_close c = { .port = port };

		evtchn_op(EVTCHNOP_close, &c);
		clear_event(port);
	}
	unmap_line(LINE);
}

static void test_line(void)
{
	unsigned port;

	test_not_given();
	finished = 0;
	events_off();
	vcpu_start(3, player);
	play(1500);
	while (finished < 1)
		pause();
	close_all();
	event_hook = count;
	/* The line is the other domain's for a while, or dom0 has just taken it away. */
	while (map_line(DOMID_SELF, MAP_PIRQ_TYPE_GSI, LINE, LINE))
		yield();
	while (bind_line(LINE, 0, &port))
		yield();
	unmask_event(port);
	events = 0;
	events_on();
	while (events < 64)
		wind_clock();
	events_off();
	/* Two at once by one domain: no. */
	{
		unsigned second;

		check_refused(bind_line(LINE, BIND_PIRQ__WILL_SHARE, &second));
	}
	/* Unmapped with the port open: nothing comes any more. */
	check_eq(unmap_line(LINE), 0);
	clear_event(port);
	for (unsigned i = 0; i < 200; i++)
		wind_clock();
	check(!event_pending(port));
	close_all();
}

void test_main(void)
{
	page = page_alloc();
	ram = page_alloc();
	table = page_alloc();
	page_mfn = virt_to_mfn(page);
	while (map_page(page, BUFFER, USUAL | PTE_PCD))
		yield();
	check_eq(map_page(page, page_mfn, USUAL), 0);
	test_caching();
	test_misuse();
	test_race();
	test_line();
}
