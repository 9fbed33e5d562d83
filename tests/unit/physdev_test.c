// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/control/physdev.c hypervisor/domain/pirq.c hypervisor/domain/permission.c
// sources: hypervisor/memory/range_set.c tests/unit/sim/sim.c
//
// PIRQs: mapping lines and messages to numbers, who may, what a failure leaves behind; dom0's
// reports about devices. The interrupt layer below is played by the test.

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <string.h>

#include "sim/sim.h"
#include "suite.h"

#include "control/physdev.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "domain/event_channel.h"
#include "domain/pirq.h"
#include "machine/ioapic.h"
#include "machine/irq.h"
#include "machine/msi.h"
#include "machine/pci.h"
#include "memory/heap.h"
#include "pv-abi/errno.h"
#include "pv-abi/physdev.h"

#define GSIS	  24
#define MSI_FIRST IRQ_GSIS

struct irq_desc irq_descs[NR_IRQS];
struct spinlock pci_lock;
static struct domain *dom, *guest; /* privileged, and not */
static struct pci_device device;
static struct msi_vector vectors[32];

static struct {
	struct domain *bound[NR_IRQS];
	unsigned binds, unbinds, eois;
	int bind_error, msi_error;
	u32 dest;
	bool share;
	pci_sbdf_t sbdf;
	bool msix;
	unsigned index, count, limit, unmaps;
	u64 bar;
	struct {
		unsigned gsi;
		bool level, low;
	} setup;
	char pci; /* the last report */
	bool flag;
	struct event_channel chn;
	unsigned unmasked_2l, unmasked_fifo;
	unsigned sent; /* the last PIRQ whose event was */
	bool chn_pending;
	bool vanish; /* the domain dies while its messages are being mapped */
} m;

unsigned ioapic_nr_gsis(void) { return GSIS; }
bool ioapic_has_gsi(unsigned gsi) { return gsi < GSIS && gsi != 17; }
int ioapic_read_register(paddr_t base, u32 reg, u32 *value)
{
	*value = 0x11 + reg;
	return base == 0xfec00000 ? 0 : -EINVAL;
}
int ioapic_register_gsi(paddr_t base, u32 reg, unsigned *gsi)
{
	*gsi = (reg - 16) / 2;
	return base == 0xfec00000 && reg >= 16 ? 0 : -EINVAL;
}
int irq_setup_gsi(unsigned gsi, bool level, bool active_low)
{
	m.setup.gsi = gsi;
	m.setup.level = level;
	m.setup.low = active_low;
	return gsi < GSIS ? 0 : -EINVAL;
}
bool irq_is_level(unsigned irq) { return irq >= 16 && irq < GSIS; }
bool irq_is_shared(unsigned irq) { return irq == 18; }
bool irq_is_msi(unsigned irq) { return irq >= MSI_FIRST && irq < NR_IRQS; }
int irq_guest_bind(unsigned irq, struct domain *d, u32 pirq, bool share, u32 dest)
{
	if (m.bind_error)
		return m.bind_error;
	m.bound[irq] = d;
	m.binds++;
	m.share = share;
	m.dest = dest;
	return 0;
}
void irq_guest_unbind(unsigned irq, struct domain *d)
{
	if (m.bound[irq] == d) {
		m.bound[irq] = NULL;
		m.unbinds++;
	}
}
void irq_guest_eoi(unsigned irq, struct domain *d) { m.eois++; }

int msi_map(pci_sbdf_t sbdf, bool msix, unsigned index, unsigned count, u64 bar, unsigned *limit)
{
	CU_ASSERT_TRUE(spin_is_locked(&pci_lock));
	m.sbdf = sbdf;
	m.msix = msix;
	m.index = index;
	m.count = count;
	m.bar = bar;
	*limit = m.limit;
	if (m.msi_error)
		return m.msi_error;
	for (unsigned i = 0; i < count; i++) {
		vectors[i] = (struct msi_vector){
			.dev = &device, .irq = MSI_FIRST + i, .index = (u16)i, .msix = msix
		};
		irq_descs[MSI_FIRST + i].chip_data = &vectors[i];
	}
	device.msi_count = msix ? 0 : count;
	return MSI_FIRST;
}
void msi_unmap(unsigned irq)
{
	CU_ASSERT_TRUE(spin_is_locked(&pci_lock));
	CU_ASSERT_TRUE(irq_is_msi(irq));
	m.unmaps++;
}
int msi_restore(pci_sbdf_t sbdf)
{
	m.pci = 'r';
	m.sbdf = sbdf;
	return 0;
}
int msi_prepare_msix(pci_sbdf_t sbdf, bool prepare)
{
	m.pci = 'p';
	m.sbdf = sbdf;
	m.flag = prepare;
	return 0;
}
int pci_device_add(pci_sbdf_t sbdf, bool vf)
{
	m.pci = 'a';
	m.sbdf = sbdf;
	m.flag = vf;
	return 0;
}
int pci_device_remove(pci_sbdf_t sbdf)
{
	m.pci = 'd';
	m.sbdf = sbdf;
	return -EBUSY;
}
int pci_mmcfg_reserved(u64 base, u16 segment, u8 first, u8 last)
{
	m.pci = 'w';
	return base == 0xe0000000 && segment == 1 && first == 2 && last == 3 ? 0 : -EINVAL;
}

u32 event_pirq_port(struct domain *d, u32 pirq) { return pirq == 5 || pirq == 6 ? 33 : 0; }
void event_send_pirq(struct domain *d, u32 pirq)
{
	CU_ASSERT_EQUAL(d->irqs->delivering, 1);
	m.sent = pirq;
}
bool event_port_pending(struct domain *d, u32 port) { return port == 33 && m.chn_pending; }
struct event_channel *event_lookup(struct domain *d, u32 port)
{
	return port == 33 ? &m.chn : NULL;
}
void event_2l_unmask(struct domain *d, struct event_channel *c) { m.unmasked_2l++; }
void event_fifo_unmask(struct domain *d, struct event_channel *c) { m.unmasked_fifo++; }

static void begin(void)
{
	sim_reset();
	memset(&m, 0, sizeof(m));
	memset(&device, 0, sizeof(device));
	dom = sim_domain(0, 1, true);
	guest = sim_domain(4, 2, false);
	permissions_init(&dom->perms);
	permissions_init(&guest->perms);
	CU_ASSERT_EQUAL(domain_irqs_init(dom), 0);
	CU_ASSERT_EQUAL(domain_irqs_init(guest), 0);
	sim_current = dom->vcpu[0];
	sim_cpu = &cpus[0];
	cpus[0].apic_id = 40;
	cpus[1].apic_id = 41;
	cpus[2].apic_id = 300;
}

static void end(void)
{
	domain_irqs_destroy(dom);
	domain_irqs_destroy(guest);
	domain_irqs_destroy(guest); /* nothing is left */
	domain_irqs_release(guest);
	for (unsigned i = 0; i < NR_IRQS; i++)
		CU_ASSERT_PTR_NULL(m.bound[i]);
	permissions_destroy(&dom->perms);
	permissions_destroy(&guest->perms);
	CU_ASSERT_TRUE(dom->refs == 1 && guest->refs == 1 && sim.objects == 0);
	CU_ASSERT_FALSE(spin_is_locked(&pci_lock));
	sim_reset();
}

#define OP(cmd, what) do_physdev_op(cmd, (u64) & (what))

static s64 map_gsi(domid_t id, int gsi, int pirq)
{
	struct physdev_map_pirq map = {
		.domid = id, .type = MAP_PIRQ_TYPE_GSI, .index = gsi, .pirq = pirq
	};
	s64 r = OP(PHYSDEVOP_map_pirq, map);

	return r ? r : map.pirq;
}

static s64 unmap(domid_t id, int pirq)
{
	struct physdev_unmap_pirq u = { .domid = id, .pirq = pirq };

	return OP(PHYSDEVOP_unmap_pirq, u);
}

TEST(test_gsi, "lines")
{
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 9, -1), 9); /* one to one */
	CU_ASSERT_EQUAL(pirq_to_irq(dom, 9), 9);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 9, 9), 9);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 9, -1), 9);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 9, 10), -EEXIST);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 10, 9), -EEXIST);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 10, 300), 300);
	CU_ASSERT_EQUAL(pirq_to_irq(dom, 300), 10);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 11, 12), 12);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 12, -1),
			NR_PIRQS - 1);			       /* its own is taken: from the top */
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 17, -1), -EINVAL); /* no such pin */
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, -1, -1), -EINVAL);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, GSIS, -1), -EINVAL);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 3, -2), -EINVAL);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 3, NR_PIRQS), -EINVAL);
	CU_ASSERT_EQUAL(pirq_to_irq(dom, 3), -EINVAL);
	CU_ASSERT_EQUAL(pirq_to_irq(dom, NR_PIRQS), -EINVAL);
	CU_ASSERT_EQUAL(unmap(DOMID_SELF, 9), 0);
	CU_ASSERT_EQUAL(unmap(DOMID_SELF, 9), -EINVAL);
	CU_ASSERT_EQUAL(unmap(DOMID_SELF, -1), -EINVAL);
	CU_ASSERT_EQUAL(unmap(DOMID_SELF, NR_PIRQS), -EINVAL);
	dom->dying = true;
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 9, -1), -ESRCH);
	dom->dying = false;
}

TEST(test_who_may, "who may")
{
	struct physdev_map_pirq map = { .domid = DOMID_SELF, .type = 77 };

	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), -EINVAL);
	CU_ASSERT_EQUAL(do_physdev_op(PHYSDEVOP_map_pirq, 8), -EFAULT);
	CU_ASSERT_EQUAL(do_physdev_op(PHYSDEVOP_unmap_pirq, 8), -EFAULT);
	CU_ASSERT_EQUAL(map_gsi(99, 9, -1), -ESRCH);
	CU_ASSERT_EQUAL(unmap(99, 9), -ESRCH);
	CU_ASSERT_EQUAL(map_gsi(4, 9, -1), 9); /* for another */
	CU_ASSERT_EQUAL(pirq_to_irq(guest, 9), 9);
	CU_ASSERT_EQUAL(unmap(4, 9), 0);
	sim_current = guest->vcpu[0];
	CU_ASSERT_EQUAL(map_gsi(0, 9, -1), -EPERM);
	CU_ASSERT_EQUAL(unmap(0, 9), -EPERM);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 9, -1), -EPERM);
	CU_ASSERT_EQUAL(range_set_add(&guest->perms.irqs, 9, 9), 0);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 9, -1), 9);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 10, -1), -EPERM);
	map.type = MAP_PIRQ_TYPE_MSI;
	map.pirq = -1;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), -EPERM);
	CU_ASSERT_EQUAL(do_physdev_op(PHYSDEVOP_apic_read, 8), -EPERM);
	CU_ASSERT_EQUAL(do_physdev_op(PHYSDEVOP_setup_gsi, 8), -EPERM);
	CU_ASSERT_EQUAL(do_physdev_op(PHYSDEVOP_pci_device_add, 8), -EPERM);
	CU_ASSERT_EQUAL(do_physdev_op(PHYSDEVOP_dbgp_op, 8), -EPERM);
	CU_ASSERT_EQUAL(do_physdev_op(9999, 8), -ENOSYS);
	sim_current = dom->vcpu[0];
	CU_ASSERT_EQUAL(do_physdev_op(9999, 8), -ENOSYS);
}

TEST(test_messages, "messages")
{
	struct physdev_map_pirq map = { .domid = DOMID_SELF,
					.type = MAP_PIRQ_TYPE_MSI,
					.pirq = -1,
					.bus = 0x50003,
					.devfn = 0x21 };

	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), 0);
	CU_ASSERT_TRUE(m.sbdf == PCI_SBDF(0, 3, 0x21) && !m.msix &&
		       m.count == 1); /* no segment in this form */
	CU_ASSERT_EQUAL(map.pirq, NR_PIRQS - 1);
	CU_ASSERT_EQUAL(pirq_to_irq(dom, NR_PIRQS - 1), MSI_FIRST);
	CU_ASSERT_EQUAL(unmap(DOMID_SELF, map.pirq), 0);
	CU_ASSERT_EQUAL(m.unmaps, 1);
	/* MSI-X, in a segment */
	map.type = MAP_PIRQ_TYPE_MSI_SEG;
	map.table_base = 0xf0000000;
	map.entry_nr = 3;
	map.pirq = 77;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), 0);
	CU_ASSERT_TRUE(m.sbdf == PCI_SBDF(5, 3, 0x21) && m.msix && m.index == 3 &&
		       m.bar == 0xf0000000);
	CU_ASSERT_EQUAL(map.pirq, 77);
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), -EEXIST);
	map.entry_nr = -1;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), -EINVAL);
	map.entry_nr = 0;
	map.devfn = 0x100;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), -EINVAL);
	map.devfn = 0;
	map.pirq = NR_PIRQS;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), -EINVAL);
	map.pirq = -2;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), -EINVAL);
	/* What fails below leaves nothing behind, and not even what was reserved is lost. */
	map.pirq = 78;
	m.msi_error = -ENOSPC;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), -ENOSPC);
	CU_ASSERT_EQUAL(dom->irqs->map[78], PIRQ_FREE);
	dom->irqs->map[79] = PIRQ_RESERVED;
	map.pirq = 79;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), -ENOSPC);
	CU_ASSERT_EQUAL(dom->irqs->map[79], PIRQ_RESERVED);
	m.msi_error = 0;
	dom->dying = true;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), -ESRCH);
	dom->dying = false;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), 0);
}

TEST(test_blocks, "blocks of messages")
{
	struct physdev_map_pirq map = {
		.domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_MULTI_MSI, .pirq = -1, .entry_nr = 4
	};

	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), 0);
	CU_ASSERT_EQUAL(map.pirq, NR_PIRQS - 4);
	for (int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(pirq_to_irq(dom, NR_PIRQS - 4 + (unsigned)i), MSI_FIRST + i);
	/* All of the block go with its first one, whoever has them bound. */
	CU_ASSERT_EQUAL(pirq_guest_bind(dom->vcpu[0], NR_PIRQS - 2, false), 0);
	CU_ASSERT_EQUAL(unmap(DOMID_SELF, NR_PIRQS - 4), 0);
	CU_ASSERT_TRUE(m.unmaps == 4 && m.unbinds == 1);
	for (unsigned i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(dom->irqs->map[NR_PIRQS - 4 + i], PIRQ_FREE);
	map.pirq = 40; /* only one message can have a number of the caller's choice */
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), -EINVAL);
	map.pirq = -1;
	map.entry_nr = 33;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), -EINVAL);
	map.entry_nr = 0;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), -EINVAL);
	map.entry_nr = 6;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), -E2BIG);
	CU_ASSERT_EQUAL(map.entry_nr, 4); /* what would do */
	map.entry_nr = 8;
	m.msi_error = -E2BIG;
	m.limit = 2;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), -E2BIG);
	CU_ASSERT_EQUAL(map.entry_nr, 2);
	m.msi_error = 0;
	/* A hole of the size is needed. */
	for (unsigned i = GSIS; i < NR_PIRQS; i += 2)
		dom->irqs->map[i] = PIRQ_RESERVED;
	map.entry_nr = 2;
	map.pirq = -1;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_map_pirq, map), -ENOSPC);
}

TEST(test_free_pirq, "free numbers")
{
	struct physdev_get_free_pirq f = { .type = MAP_PIRQ_TYPE_GSI };

	CU_ASSERT_EQUAL(OP(PHYSDEVOP_get_free_pirq, f), 0);
	CU_ASSERT_EQUAL(f.pirq, 16);
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_get_free_pirq, f), 0);
	CU_ASSERT_EQUAL(f.pirq, 17); /* the other one is reserved */
	CU_ASSERT_EQUAL(pirq_to_irq(dom, 16), -EINVAL);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 3, 16), 16);
	for (unsigned i = 18; i < GSIS; i++)
		CU_ASSERT_EQUAL(OP(PHYSDEVOP_get_free_pirq, f), 0);
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_get_free_pirq, f), -ENOSPC);
	f.type = MAP_PIRQ_TYPE_MSI;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_get_free_pirq, f), 0);
	CU_ASSERT_EQUAL(f.pirq, NR_PIRQS - 1);
	CU_ASSERT_EQUAL(unmap(DOMID_SELF, NR_PIRQS - 1), 0);
	CU_ASSERT_EQUAL(do_physdev_op(PHYSDEVOP_get_free_pirq, 8), -EFAULT);
}

TEST(test_binding, "binding")
{
	CU_ASSERT_EQUAL(pirq_guest_bind(dom->vcpu[0], 18, true), -EINVAL);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 18, -1), 18);
	dom->vcpu[0]->cpu = 1;
	CU_ASSERT_EQUAL(pirq_guest_bind(dom->vcpu[0], 18, true), 0);
	CU_ASSERT_TRUE(m.bound[18] == dom && m.dest == 41 && m.share);
	pirq_guest_eoi(dom, 18);
	pirq_guest_eoi(dom, 19); /* nothing is mapped there */
	pirq_guest_eoi(dom, NR_PIRQS);
	CU_ASSERT_EQUAL(m.eois, 1);
	pirq_guest_unbind(dom, 18);
	pirq_guest_unbind(dom, 19);
	CU_ASSERT_EQUAL(m.unbinds, 1);
	dom->vcpu[0]->cpu = 2; /* out of reach: the boot CPU gets it */
	CU_ASSERT_EQUAL(pirq_guest_bind(dom->vcpu[0], 18, false), 0);
	CU_ASSERT_TRUE(m.dest == 40 && !m.share);
	CU_ASSERT_EQUAL(unmap(DOMID_SELF, 18), 0); /* bound or not */
	CU_ASSERT_PTR_NULL(m.bound[18]);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 18, -1), 18);
	m.bind_error = -EBUSY;
	CU_ASSERT_EQUAL(pirq_guest_bind(dom->vcpu[0], 18, false), -EBUSY);
}

TEST(test_eoi_page, "the EOI page")
{
	struct physdev_pirq_eoi_gmfn g = { 0 };
	struct physdev_eoi eoi = { 5 };
	mfn_t mfn;
	u64 *map;

	sim_current = guest->vcpu[0];
	mfn = sim_frame_of(guest);
	map = mfn_to_va(mfn);
	range_set_add(&guest->perms.irqs, 0, 23);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 18, -1), 18);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 5, -1), 5);
	g.gmfn = SIM_FRAMES;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_pirq_eoi_gmfn_v2, g), -EINVAL);
	g.gmfn = va_to_mfn(dom->shared_info);
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_pirq_eoi_gmfn_v2, g), -EINVAL);
	CU_ASSERT_EQUAL(do_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v1, 8), -EFAULT);
	g.gmfn = mfn;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_pirq_eoi_gmfn_v1, g), 0);
	CU_ASSERT_EQUAL(map[0], BIT(18)); /* the level line, not the edge one */
	CU_ASSERT_EQUAL(mfn_to_frame(mfn)->count & FC_COUNT_MASK, 2);
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_pirq_eoi_gmfn_v1, g), -EBUSY);
	CU_ASSERT_EQUAL(mfn_to_frame(mfn)->count & FC_COUNT_MASK, 2);
	CU_ASSERT_EQUAL(unmap(DOMID_SELF, 18), 0);
	CU_ASSERT_EQUAL(map[0], 0);
	CU_ASSERT_EQUAL(map_gsi(DOMID_SELF, 20, 6), 6);
	CU_ASSERT_EQUAL(pirq_guest_bind(guest->vcpu[0], 6, true), 0);
	CU_ASSERT_EQUAL(map[0], BIT(6));
	pirq_guest_unbind(guest, 6);
	CU_ASSERT_EQUAL(map[0], 0);
	/* With version 1 an EOI unmasks the port, if it still is the one. */
	m.chn = (struct event_channel){ .state = EVENT_PIRQ, .u.pirq = 5 };
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_eoi, eoi), 0);
	CU_ASSERT_TRUE(m.unmasked_2l == 1 && m.eois == 1);
	guest->events.fifo = (void *)map;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_eoi, eoi), 0);
	CU_ASSERT_EQUAL(m.unmasked_fifo, 1);
	guest->events.fifo = NULL;
	eoi.irq = 6; /* the port is another PIRQ's by now */
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_eoi, eoi), 0);
	eoi.irq = 7; /* no port */
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_eoi, eoi), 0);
	CU_ASSERT_EQUAL(m.unmasked_2l, 1);
	eoi.irq = NR_PIRQS;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_eoi, eoi), -EINVAL);
	CU_ASSERT_EQUAL(do_physdev_op(PHYSDEVOP_eoi, 8), -EFAULT);
	domain_irqs_release(guest);
	CU_ASSERT_EQUAL(mfn_to_frame(mfn)->count & FC_COUNT_MASK, 1);
	CU_ASSERT_EQUAL(mfn_to_frame(mfn)->type & FT_COUNT_MASK, 0);
	guest->dying = true;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_pirq_eoi_gmfn_v2, g), -EBUSY);
	CU_ASSERT_EQUAL(mfn_to_frame(mfn)->count & FC_COUNT_MASK, 1);
}

TEST(test_own_settings, "a domain's own settings")
{
	struct physdev_irq_status_query q = { .irq = 18 };
	struct physdev_set_iopl iopl = { 3 };
	struct physdev_set_iobitmap bits = { .bitmap = 0x1000, .nr_ports = 65536 };
	struct physdev_op old = { .cmd = PHYSDEVOP_set_iopl, .u.set_iopl = { 2 } };

	sim_current = guest->vcpu[0];
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_irq_status_query, q), 0);
	CU_ASSERT_EQUAL(q.flags, 0);
	guest->irqs->map[18] = 18 + 1;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_irq_status_query, q), 0);
	CU_ASSERT_EQUAL(q.flags, XENIRQSTAT_needs_eoi | XENIRQSTAT_shared);
	q.irq = NR_PIRQS;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_irq_status_query, q), -EINVAL);
	CU_ASSERT_EQUAL(do_physdev_op(PHYSDEVOP_irq_status_query, 8), -EFAULT);
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_set_iopl, iopl), 0);
	CU_ASSERT_EQUAL(guest->vcpu[0]->pv.iopl, 3);
	iopl.iopl = 4;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_set_iopl, iopl), -EINVAL);
	CU_ASSERT_EQUAL(do_physdev_op(PHYSDEVOP_set_iopl, 8), -EFAULT);
	CU_ASSERT_EQUAL(guest->vcpu[0]->pv.iopl, 3);
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_set_iobitmap, bits), 0);
	CU_ASSERT_TRUE(guest->vcpu[0]->pv.iobitmap == 0x1000 &&
		       guest->vcpu[0]->pv.iobitmap_ports == 65536);
	bits.nr_ports = 65537;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_set_iobitmap, bits), -EINVAL);
	bits.nr_ports = 64;
	bits.bitmap = HV_VIRT_START - 4; /* reaches into our slots */
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_set_iobitmap, bits), -EINVAL);
	CU_ASSERT_EQUAL(do_physdev_op(PHYSDEVOP_set_iobitmap, 8), -EFAULT);
	CU_ASSERT_EQUAL(guest->vcpu[0]->pv.iobitmap, 0x1000);
	CU_ASSERT_EQUAL(do_physdev_op_compat((u64)&old), 0);
	CU_ASSERT_EQUAL(guest->vcpu[0]->pv.iopl, 2);
	old.cmd = PHYSDEVOP_map_pirq; /* younger than that form */
	CU_ASSERT_EQUAL(do_physdev_op_compat((u64)&old), -ENOSYS);
	CU_ASSERT_EQUAL(do_physdev_op_compat(8), -EFAULT);
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_free_irq_vector, q), 0);
}

TEST(test_lines, "redirection entries and modes")
{
	struct physdev_apic a = { .apic_physbase = 0xfec00000, .reg = 1 };
	struct physdev_irq irq = { .irq = 9 };
	struct physdev_setup_gsi s = { .gsi = 20, .triggering = 1, .polarity = 0 };

	CU_ASSERT_EQUAL(OP(PHYSDEVOP_apic_read, a), 0);
	CU_ASSERT_EQUAL(a.value, 0x12);
	a.apic_physbase = 0;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_apic_read, a), -EINVAL);
	a = (struct physdev_apic){ 0xfec00000, 16 + 2 * 9, BIT(15) | BIT(13) | 0xfe };
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_apic_write, a), 0);
	CU_ASSERT_TRUE(m.setup.gsi == 9 && m.setup.level && m.setup.low);
	a.value = 0xfe;
	a.reg = 16 + 2 * 10;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_apic_write, a), 0);
	CU_ASSERT_TRUE(m.setup.gsi == 10 && !m.setup.level && !m.setup.low);
	a.reg = 16 + 2 * 11 + 1; /* the half with the destination, and the id register: ours */
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_apic_write, a), 0);
	a.reg = 0;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_apic_write, a), 0);
	CU_ASSERT_EQUAL(m.setup.gsi, 10);
	irq_descs[9].vector = 0x41;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_alloc_irq_vector, irq), 0);
	CU_ASSERT_EQUAL(irq.vector, 0x41);
	irq.irq = 17;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_alloc_irq_vector, irq), -EINVAL);
	irq.irq = ~0U;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_alloc_irq_vector, irq), -EINVAL);
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_setup_gsi, s), 0);
	CU_ASSERT_TRUE(m.setup.gsi == 20 && m.setup.level && !m.setup.low);
	s.triggering = 2;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_setup_gsi, s), -EINVAL);
	s.triggering = 0;
	s.polarity = 2;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_setup_gsi, s), -EINVAL);
	s.polarity = 0;
	s.gsi = -1;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_setup_gsi, s), -EINVAL);
}

TEST(test_pci_reports, "reports about PCI")
{
	struct physdev_manage_pci old = { .bus = 2, .devfn = 8 };
	struct physdev_manage_pci_ext ext = { .bus = 2, .devfn = 9, .is_virtfn = 1 };
	struct physdev_pci_device_add add = {
		.seg = 1, .bus = 2, .devfn = 10, .flags = XEN_PCI_DEV_VIRTFN
	};
	struct physdev_pci_device dev = { .seg = 3, .bus = 4, .devfn = 5 };
	struct physdev_pci_mmcfg_reserved w = { 0xe0000000, 1, 2, 3, XEN_PCI_MMCFG_RESERVED };
	static const unsigned all[] = {
		PHYSDEVOP_apic_read,	  PHYSDEVOP_apic_write,	       PHYSDEVOP_alloc_irq_vector,
		PHYSDEVOP_setup_gsi,	  PHYSDEVOP_manage_pci_add,    PHYSDEVOP_manage_pci_add_ext,
		PHYSDEVOP_pci_device_add, PHYSDEVOP_pci_device_remove, PHYSDEVOP_pci_mmcfg_reserved,
	};

	CU_ASSERT_EQUAL(OP(PHYSDEVOP_manage_pci_add, old), 0);
	CU_ASSERT_TRUE(m.pci == 'a' && m.sbdf == PCI_SBDF(0, 2, 8) && !m.flag);
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_manage_pci_remove, old), -EBUSY);
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_restore_msi, old), 0);
	CU_ASSERT_TRUE(m.pci == 'r' && m.sbdf == PCI_SBDF(0, 2, 8));
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_manage_pci_add_ext, ext), 0);
	CU_ASSERT_TRUE(m.sbdf == PCI_SBDF(0, 2, 9) && m.flag);
	m.flag = false;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_pci_device_add, add), 0);
	CU_ASSERT_TRUE(m.sbdf == PCI_SBDF(1, 2, 10) && m.flag);
	add.flags = 0x80;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_pci_device_add, add), -EINVAL);
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_pci_device_remove, dev), -EBUSY);
	CU_ASSERT_TRUE(m.pci == 'd' && m.sbdf == PCI_SBDF(3, 4, 5));
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_restore_msi_ext, dev), 0);
	CU_ASSERT_EQUAL(m.pci, 'r');
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_prepare_msix, dev), 0);
	CU_ASSERT_TRUE(m.pci == 'p' && m.flag);
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_release_msix, dev), 0);
	CU_ASSERT_FALSE(m.flag);
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_pci_mmcfg_reserved, w), 0);
	CU_ASSERT_EQUAL(m.pci, 'w');
	w.flags = 2;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_pci_mmcfg_reserved, w), -EINVAL);
	m.pci = 0;
	w.flags = 0;
	CU_ASSERT_EQUAL(OP(PHYSDEVOP_pci_mmcfg_reserved, w), 0);
	CU_ASSERT_EQUAL(m.pci, 0); /* dom0 does not use it, so neither do we */
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		CU_ASSERT_EQUAL(do_physdev_op(all[i], 8), -EFAULT);
}

/* What lines call: a domain is kept until its event is sent; without a port nothing is pending. */
TEST(test_receiver, "how interrupts become events")
{
	pirq_receiver.hold(guest);
	CU_ASSERT_EQUAL(guest->irqs->delivering, 1);
	pirq_receiver.deliver(guest, 5);
	CU_ASSERT_TRUE(guest->irqs->delivering == 0 && m.sent == 5);
	CU_ASSERT_FALSE(pirq_receiver.still_pending(guest, 5));
	m.chn_pending = true;
	CU_ASSERT_TRUE(pirq_receiver.still_pending(guest, 5));
	CU_ASSERT_FALSE(pirq_receiver.still_pending(guest, 7));
}

SUITE("physdev", .begin = begin, .end = end)
