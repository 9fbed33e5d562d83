// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/machine/pci.c hypervisor/machine/msi.c hypervisor/domain/permission.c
// sources: hypervisor/memory/range_set.c
// sources: tests/unit/sim/sim.c
//
// PCI configuration space and message-signalled interrupts, on three devices that the test plays:
// what is programmed into them, what a guest may still change, whose memory an MSI-X table may
// claim to be.

#include "suite.h"
#include <string.h>

#include "sim/sim.h"

#include "cpu/cpu.h"
#include "machine/acpi.h"
#include "machine/irq.h"
#include "machine/msi.h"
#include "machine/pci.h"
#include "memory/ioremap.h"
#include "pv-abi/errno.h"

#define MSI_DEV PCI_SBDF(0, 1, 0x08) /* MSI at 0x50: 64 bits, masks, 8 messages */
/* MSI-X at 0xb0, 4 entries at BAR 0 + 0x2000; MSI at 0xc0: 32 bits, no masks */
#define MSIX_DEV PCI_SBDF(0, 1, 0x10)
#define FAR_DEV	 PCI_SBDF(2, 3, 0x20) /* behind a memory window */
#define TABLE_AT 0x300000000ULL

static u8 space[3][256]; /* configuration space of the three */
static u8 far_bus[1 << 20] __aligned(8);
static u32 table[16];
static u32 address_port;
static bool no_mapping;
static int alloc_error;
static unsigned freed, msi_next;
struct acpi_info acpi_info;
struct irq_desc irq_descs[NR_IRQS];

static u8 *device_at(u32 address)
{
	unsigned bdf = address >> 8 & 0xffff;

	CU_ASSERT_TRUE(address & BIT(31));
	return bdf == MSI_DEV ? space[0] : bdf == MSIX_DEV ? space[1] : NULL;
}

static u32 config_in(u16 port, unsigned n)
{
	const u8 *d = device_at(address_port);
	u32 v = ~0U;

	CU_ASSERT_TRUE(port >= 0xcfc && port + n <= 0xd00);
	if (d)
		memcpy(&v, d + (address_port & 0xfc) + (port - 0xcfc), n);
	return v & (~0U >> (32 - 8 * n));
}

static void config_out(u16 port, u32 v, unsigned n)
{
	u8 *d = device_at(address_port);

	CU_ASSERT_TRUE(port >= 0xcfc && port + n <= 0xd00);
	if (d)
		memcpy(d + (address_port & 0xfc) + (port - 0xcfc), &v, n);
}

u8 inb(u16 port) { return (u8)config_in(port, 1); }
u16 inw(u16 port) { return (u16)config_in(port, 2); }
u32 inl(u16 port) { return config_in(port, 4); }
void outb(u16 port, u8 v) { config_out(port, v, 1); }
void outw(u16 port, u16 v) { config_out(port, v, 2); }

void outl(u16 port, u32 v)
{
	if (port == 0xcf8)
		address_port = v;
	else
		config_out(port, v, 4);
}

void *ioremap(paddr_t pa, size_t len)
{
	if (no_mapping)
		return NULL;
	if (pa == 0xd0000000 + (3 << 20)) {
		CU_ASSERT_EQUAL(len, 1 << 20);
		return far_bus;
	}
	CU_ASSERT_EQUAL(pa, TABLE_AT + 0x2000);
	CU_ASSERT_EQUAL(len, sizeof(table));
	return table;
}

int irq_alloc_msi(unsigned count, const struct irq_chip *chip)
{
	unsigned first = msi_next;

	if (alloc_error)
		return alloc_error;
	for (unsigned i = 0; i < count; i++) {
		irq_descs[first + i].chip = chip;
		irq_descs[first + i].vector = (u8)(0x40 + i);
		irq_descs[first + i].dest = 3;
		irq_descs[first + i].masked = true;
	}
	msi_next += count;
	return (int)first;
}

void irq_free_msi(unsigned irq)
{
	CU_ASSERT_PTR_NULL(irq_descs[irq].chip_data);
	freed++;
}

static void put16(u8 *at, u16 v)
{
	memcpy(at, &v, 2);
}
static void put32(u8 *at, u32 v)
{
	memcpy(at, &v, 4);
}
static u16 get16(const u8 *at)
{
	u16 v;
	memcpy(&v, at, 2);
	return v;
}
static u32 get32(const u8 *at)
{
	u32 v;
	memcpy(&v, at, 4);
	return v;
}

static void init(void)
{
	sim_reset();
	msi_init();
}

static void begin(void)
{
	sim_reset();
	memset(space, 0, sizeof(space));
	memset(table, 0xff, sizeof(table));
	memset(irq_descs, 0, sizeof(irq_descs));
	no_mapping = false;
	alloc_error = 0;
	freed = 0;
	msi_next = IRQ_GSIS;
	put32(space[0], 0x12348086);
	put16(space[0] + PCI_STATUS, PCI_STATUS_CAPS);
	space[0][PCI_CAPABILITIES] = 0x40;
	put32(space[0] + 0x40, 0x00005001); /* power management, next at 0x50 */
	put32(space[0] + 0x50, 0x01860005); /* MSI: 64 bits, masks, 8 messages */
	put32(space[1], 0x12348086);
	put16(space[1] + PCI_COMMAND, PCI_COMMAND_MEMORY);
	put16(space[1] + PCI_STATUS, PCI_STATUS_CAPS);
	space[1][PCI_CAPABILITIES] = 0xb0;
	put32(space[1] + 0xb0, 0x0003c011); /* MSI-X, 4 entries */
	put32(space[1] + 0xb4, 0x2000);	    /* in BAR 0 */
	put32(space[1] + 0xc0, 0x00000005); /* MSI */
	put32(space[1] + 0x10, (u32)TABLE_AT | 4);
	put32(space[1] + 0x14, TABLE_AT >> 32);
	memset(far_bus, 0xff, sizeof(far_bus));
	put32(far_bus + (0x20 << 12), 0x56781af4);
	put32(far_bus + (0x20 << 12) + PCI_COMMAND, 0);
	sim_cpu = &cpus[0];
}

static void end(void)
{
	static const pci_sbdf_t all[] = { MSI_DEV, MSIX_DEV, FAR_DEV };

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		CU_ASSERT_NOT_EQUAL(pci_device_remove(all[i]), -EBUSY);
	CU_ASSERT_EQUAL(sim.objects, 0);
	CU_ASSERT_FALSE(spin_is_locked(&pci_lock));
}

static int map(pci_sbdf_t sbdf, bool msix, unsigned index, unsigned count, unsigned *limit)
{
	unsigned none = 0;
	int r;

	spin_lock(&pci_lock);
	r = msi_map(sbdf, msix, index, count, 0, limit ? limit : &none);
	spin_unlock(&pci_lock);
	return r;
}

static void unmap(unsigned irq)
{
	spin_lock(&pci_lock);
	msi_unmap(irq);
	spin_unlock(&pci_lock);
}

/* ---- configuration space ---- */

TEST(test_access, "configuration space")
{
	put32(space[0] + 0x20, 0x44332211);
	CU_ASSERT_EQUAL(pci_read(MSI_DEV, 0x20, 4), 0x44332211);
	CU_ASSERT_EQUAL(pci_read(MSI_DEV, 0x22, 2), 0x4433);
	CU_ASSERT_EQUAL(pci_read(MSI_DEV, 0x23, 1), 0x44);
	pci_write(MSI_DEV, 0x21, 1, 0xaa);
	pci_write(MSI_DEV, 0x22, 2, 0xbbcc);
	CU_ASSERT_EQUAL(get32(space[0] + 0x20), 0xbbccaa11);
	pci_write(MSI_DEV, 0x20, 4, 5);
	CU_ASSERT_EQUAL(get32(space[0] + 0x20), 5);
	CU_ASSERT_EQUAL(pci_read(PCI_SBDF(0, 9, 9), 0, 2), 0xffff);
	/* Past the ports' reach and without a window: ones, and no effect */
	CU_ASSERT_EQUAL(pci_read(MSI_DEV, 0x100, 4), ~0U);
	CU_ASSERT_EQUAL(pci_read(PCI_SBDF(7, 0, 0), 0, 1), 0xff);
	pci_write(PCI_SBDF(7, 0, 0), 0, 4, 0);
}

TEST(test_windows, "memory windows")
{
	acpi_info.nr_segments = 1;
	acpi_info.segments[0].base = 0xd0000000;
	acpi_info.segments[0].segment = 2;
	acpi_info.segments[0].last_bus = 15;
	pci_init();
	CU_ASSERT_EQUAL(pci_read(FAR_DEV, 0, 4), ~0U); /* nobody asked for that bus yet */
	CU_ASSERT_EQUAL(pci_device_add(FAR_DEV, false), 0);
	CU_ASSERT_EQUAL(pci_read(FAR_DEV, 0, 4), 0x56781af4);
	CU_ASSERT_EQUAL(pci_read(FAR_DEV, 2, 2), 0x5678);
	CU_ASSERT_EQUAL(pci_read(FAR_DEV, 3, 1), 0x56);
	pci_write(FAR_DEV, 0x804, 4, 0x01020304);
	pci_write(FAR_DEV, 0x804, 2, 0xaaaa);
	pci_write(FAR_DEV, 0x807, 1, 0xbb);
	CU_ASSERT_EQUAL(get32(far_bus + (0x20 << 12) + 0x804), 0xbb02aaaa);
	CU_ASSERT_EQUAL(pci_read(FAR_DEV, 4096, 4), ~0U);
	CU_ASSERT_EQUAL(pci_device_add(PCI_SBDF(2, 16, 0), false), -ENODEV);
	CU_ASSERT_EQUAL(pci_mmcfg_reserved(0xd0000000, 2, 0, 15), 0); /* known */
	CU_ASSERT_EQUAL(pci_mmcfg_reserved(0xe0000000, 2, 0, 15), -EINVAL);
	CU_ASSERT_EQUAL(pci_mmcfg_reserved(0, 3, 0, 15), -EINVAL);
	CU_ASSERT_EQUAL(pci_mmcfg_reserved(0xe0000001, 3, 0, 15), -EINVAL);
	CU_ASSERT_EQUAL(pci_mmcfg_reserved(BIT(52), 3, 0, 15), -EINVAL);
	CU_ASSERT_EQUAL(pci_mmcfg_reserved(0xe0000000, 3, 5, 4), -EINVAL);
	for (u16 i = 1; i < ACPI_MAX_SEGMENTS; i++)
		CU_ASSERT_EQUAL(pci_mmcfg_reserved(0xe0000000, 100 + i, 0, 0), 0);
	CU_ASSERT_EQUAL(pci_mmcfg_reserved(0xe0000000, 99, 0, 0), -ENOSPC);
}

TEST(test_capabilities, "capabilities")
{
	CU_ASSERT_EQUAL(pci_find_capability(MSI_DEV, PCI_CAP_MSI), 0x50);
	CU_ASSERT_EQUAL(pci_find_capability(MSI_DEV, PCI_CAP_MSIX), 0);
	space[0][0x51] = 0x40; /* a ring */
	CU_ASSERT_EQUAL(pci_find_capability(MSI_DEV, PCI_CAP_MSIX), 0);
	put16(space[0] + 0x50, 0xffff);
	CU_ASSERT_EQUAL(pci_find_capability(MSI_DEV, PCI_CAP_MSI), 0);
	space[0][PCI_CAPABILITIES] = 0x3c; /* inside the header */
	space[0][0x3c] = PCI_CAP_MSI;
	CU_ASSERT_EQUAL(pci_find_capability(MSI_DEV, PCI_CAP_MSI), 0);
	put16(space[0] + PCI_STATUS, 0);
	CU_ASSERT_EQUAL(pci_find_capability(MSI_DEV, PCI_CAP_MSI), 0);
	/* One that does not fit into the 256 bytes is none. */
	put16(space[0] + PCI_STATUS, PCI_STATUS_CAPS);
	space[0][PCI_CAPABILITIES] = 0xf0;
	put32(space[0] + 0xf0, 0x01860005);
	CU_ASSERT_EQUAL(map(MSI_DEV, false, 0, 1, NULL), -EINVAL);
	space[1][PCI_CAPABILITIES] = 0xf8;
	put32(space[1] + 0xf8, 0x00030011);
	CU_ASSERT_EQUAL(map(MSIX_DEV, true, 0, 1, NULL), -EINVAL);
}

TEST(test_devices, "devices")
{
	CU_ASSERT_EQUAL(pci_device_add(PCI_SBDF(0, 5, 0), false), -ENODEV);
	CU_ASSERT_EQUAL(pci_device_remove(PCI_SBDF(0, 5, 0)), -ENODEV);
	CU_ASSERT_EQUAL(pci_device_add(PCI_SBDF(0, 5, 0), true),
			0); /* a virtual function has no id */
	CU_ASSERT_EQUAL(pci_device_add(PCI_SBDF(0, 5, 0), true), 0);
	CU_ASSERT_EQUAL(pci_device_remove(PCI_SBDF(0, 5, 0)), 0);
	sim.allocs_left = 0;
	CU_ASSERT_EQUAL(pci_device_add(MSI_DEV, false), -ENOMEM);
	CU_ASSERT_EQUAL(map(MSI_DEV, false, 0, 1, NULL), -ENODEV);
	sim.allocs_left = -1;
}

/* ---- MSI ---- */

TEST(test_msi, "MSI")
{
	const u8 *cap = space[0] + 0x50;
	unsigned limit = 0;
	int irq;

	CU_ASSERT_EQUAL(map(PCI_SBDF(0, 5, 0), false, 0, 1, NULL), -ENODEV);
	CU_ASSERT_EQUAL(map(MSI_DEV, false, 0, 0, NULL), -EINVAL);
	CU_ASSERT_EQUAL(map(MSI_DEV, false, 0, 3, NULL), -EINVAL);
	CU_ASSERT_EQUAL(map(MSI_DEV, true, 0, 1, NULL), -EINVAL);
	CU_ASSERT_EQUAL(map(MSI_DEV, false, 0, 16, &limit), -E2BIG);
	CU_ASSERT_EQUAL(limit, 8);
	alloc_error = -ENOSPC;
	CU_ASSERT_EQUAL(map(MSI_DEV, false, 0, 4, NULL), -ENOSPC);
	alloc_error = 0;
	sim.allocs_left = 2;
	CU_ASSERT_EQUAL(map(MSI_DEV, false, 0, 4, NULL), -ENOMEM);
	sim.allocs_left = -1;
	irq = map(MSI_DEV, false, 0, 4, NULL);
	CU_ASSERT_EQUAL_FATAL(irq, IRQ_GSIS);
	CU_ASSERT_EQUAL(map(MSI_DEV, false, 0, 1, NULL), -EBUSY);
	CU_ASSERT_EQUAL(pci_device_remove(MSI_DEV), -EBUSY);
	CU_ASSERT_EQUAL(get16(cap + 2) & 0x71, 2 << 4); /* four messages, off */
	irq_descs[irq].chip->startup(&irq_descs[irq]);
	CU_ASSERT_EQUAL(get16(cap + 2) & 0x71, 2 << 4 | 1);
	CU_ASSERT_EQUAL(get32(cap + 4), 0xfee03000);
	CU_ASSERT_TRUE(get32(cap + 8) == 0 && get16(cap + 12) == 0x40);
	CU_ASSERT_EQUAL(get32(cap + 16), 1); /* the first is masked */
	irq_descs[irq + 2].chip->mask(&irq_descs[irq + 2]);
	CU_ASSERT_EQUAL(get32(cap + 16), 5);
	irq_descs[irq].chip->unmask(&irq_descs[irq]);
	CU_ASSERT_EQUAL(get32(cap + 16), 4);
	irq_descs[irq + 2].dest = 9; /* what is written is the block's, whichever of it moves */
	irq_descs[irq + 2].chip->set_dest(&irq_descs[irq + 2]);
	CU_ASSERT_TRUE(get32(cap + 4) == 0xfee09000 && get16(cap + 12) == 0x40);
	/* The device lost it all, say by a reset */
	put32(space[0] + 0x54, 0);
	put16(space[0] + 0x52, 0x0186);
	irq_descs[irq + 1].masked = false;
	CU_ASSERT_EQUAL(msi_restore(MSI_DEV), 0);
	CU_ASSERT_EQUAL(get32(cap + 4), 0xfee03000);
	CU_ASSERT_EQUAL(get16(cap + 2) & 0x71, 2 << 4 | 1);
	CU_ASSERT_EQUAL(get32(cap + 16), 0xd);
	CU_ASSERT_EQUAL(msi_restore(PCI_SBDF(0, 5, 0)), -ENODEV);
	for (unsigned i = 0; i < 4; i++)
		unmap((unsigned)irq + i);
	CU_ASSERT_TRUE(freed == 4 && !(get16(cap + 2) & 1));
	/* A line that is half made is left alone. */
	irq_descs[irq].chip->startup(&irq_descs[irq]);
	irq_descs[irq].chip->set_dest(&irq_descs[irq]);
	irq_descs[irq].chip->mask(&irq_descs[irq]);
	CU_ASSERT_FALSE(get16(cap + 2) & 1);
}

TEST(test_msi_small, "MSI without masks")
{
	const u8 *cap = space[1] + 0xc0;
	int irq;

	irq = map(MSIX_DEV, false, 0, 1, NULL);
	CU_ASSERT_TRUE_FATAL(irq > 0);
	CU_ASSERT_EQUAL(map(MSIX_DEV, true, 0, 1, NULL), -EBUSY); /* the one or the other */
	irq_descs[irq].chip->startup(&irq_descs[irq]);
	CU_ASSERT_TRUE(get32(cap + 4) == 0xfee03000 && get16(cap + 8) == 0x40 &&
		       get16(cap + 10) == 0);
	unmap((unsigned)irq);
}

/* ---- MSI-X ---- */

TEST(test_msix, "MSI-X")
{
	u8 *cap = space[1] + 0xb0;
	int a, b;

	CU_ASSERT_EQUAL(map(MSIX_DEV, true, 4, 1, NULL), -EINVAL); /* past the table */
	CU_ASSERT_EQUAL(map(MSIX_DEV, true, 0, 2, NULL), -EINVAL);
	put16(space[1] + PCI_COMMAND, 0);
	CU_ASSERT_EQUAL(map(MSIX_DEV, true, 0, 1, NULL), -ENXIO);
	put16(space[1] + PCI_COMMAND, PCI_COMMAND_MEMORY);
	no_mapping = true;
	CU_ASSERT_EQUAL(map(MSIX_DEV, true, 0, 1, NULL), -ENOMEM);
	CU_ASSERT_FALSE(range_set_overlaps(&mmio_ro_ranges, 0, ~0ULL));
	no_mapping = false;
	alloc_error = -ENOSPC;
	CU_ASSERT_EQUAL(map(MSIX_DEV, true, 0, 1, NULL), -ENOSPC);
	CU_ASSERT_FALSE(range_set_overlaps(&mmio_ro_ranges, 0, ~0ULL));
	alloc_error = 0;

	a = map(MSIX_DEV, true, 2, 1, NULL);
	CU_ASSERT_TRUE_FATAL(a > 0);
	CU_ASSERT_EQUAL(map(MSIX_DEV, true, 2, 1, NULL), -EBUSY);
	CU_ASSERT_EQUAL(map(MSIX_DEV, false, 0, 1, NULL), -EBUSY);
	CU_ASSERT_EQUAL(get16(cap + 2) & 0xc000,
			0xc000); /* on, everything masked, while there is no handler */
	CU_ASSERT_TRUE(table[8] == 0xfee03000 && table[9] == 0 && table[10] == 0x40 &&
		       table[11] & 1);
	CU_ASSERT_TRUE(range_set_contains(&mmio_ro_ranges, (TABLE_AT + 0x2000) >> 12,
					  (TABLE_AT + 0x2000) >> 12));
	irq_descs[a].chip->startup(&irq_descs[a]);
	CU_ASSERT_EQUAL(get16(cap + 2) & 0xc000, 0x8000);
	irq_descs[a].masked = false;
	irq_descs[a].chip->unmask(&irq_descs[a]);
	CU_ASSERT_FALSE(table[11] & 1);
	irq_descs[a].dest = 5;
	irq_descs[a].chip->set_dest(&irq_descs[a]);
	CU_ASSERT_TRUE(table[8] == 0xfee05000 && !(table[11] & 1));
	b = map(MSIX_DEV, true, 3, 1, NULL);
	CU_ASSERT_TRUE_FATAL(b > a);
	CU_ASSERT_EQUAL(msi_prepare_msix(MSIX_DEV, false), -EBUSY);
	memset(table, 0, sizeof(table));
	CU_ASSERT_EQUAL(msi_restore(MSIX_DEV), 0);
	CU_ASSERT_TRUE(table[8] == 0xfee05000 && !(table[11] & 1) && table[15] & 1);
	unmap((unsigned)a);
	CU_ASSERT_TRUE(table[11] & 1);
	CU_ASSERT_TRUE(get16(cap + 2) & 0x8000);
	unmap((unsigned)b);
	CU_ASSERT_FALSE(get16(cap + 2) & 0x8000);
	CU_ASSERT_FALSE(range_set_overlaps(&mmio_ro_ranges, 0, ~0ULL));
	irq_descs[a].chip->startup(&irq_descs[a]);
	irq_descs[a].chip->mask(&irq_descs[a]);
	irq_descs[a].chip->set_dest(&irq_descs[a]);
	CU_ASSERT_FALSE(get16(cap + 2) & 0x8000);
}

TEST(test_msix_table, "whose memory is the table")
{
	CU_ASSERT_EQUAL(msi_prepare_msix(PCI_SBDF(0, 5, 0), true), -ENODEV);
	CU_ASSERT_EQUAL(msi_prepare_msix(MSI_DEV, true), -EINVAL);
	put32(space[1] + 0xb4, 0x2006); /* no such BAR */
	CU_ASSERT_EQUAL(msi_prepare_msix(MSIX_DEV, true), -EINVAL);
	put32(space[1] + 0xb4, 0x2005); /* a 64-bit one that has no second half */
	put32(space[1] + PCI_BAR(5), 0x80000004);
	CU_ASSERT_EQUAL(msi_prepare_msix(MSIX_DEV, true), -EINVAL);
	put32(space[1] + PCI_BAR(5), 0xc001); /* ports */
	CU_ASSERT_EQUAL(msi_prepare_msix(MSIX_DEV, true), -EINVAL);
	put32(space[1] + 0xb4, 0x2000);
	put32(space[1] + PCI_BAR(0), 0x8000); /* RAM: the simulated machine's frame 10 */
	CU_ASSERT_EQUAL(msi_prepare_msix(MSIX_DEV, true), -EINVAL);
	put32(space[1] + PCI_BAR(0), 4);
	put32(space[1] + PCI_BAR(1), 1 << 20); /* past the physical address space */
	CU_ASSERT_EQUAL(msi_prepare_msix(MSIX_DEV, true), -EINVAL);
	CU_ASSERT_FALSE(range_set_overlaps(&mmio_ro_ranges, 0, ~0ULL));
	put32(space[1] + PCI_BAR(0), (u32)TABLE_AT | 4);
	put32(space[1] + PCI_BAR(1), TABLE_AT >> 32);
	CU_ASSERT_EQUAL(msi_prepare_msix(MSIX_DEV, true), 0);
	CU_ASSERT_EQUAL(msi_prepare_msix(MSIX_DEV, true), 0);
	CU_ASSERT_EQUAL(pci_device_remove(MSIX_DEV), -EBUSY);
	unmap((unsigned)map(MSIX_DEV, true, 0, 1, NULL));
	CU_ASSERT_TRUE(range_set_overlaps(&mmio_ro_ranges, 0, ~0ULL)); /* dom0's promise holds */
	CU_ASSERT_EQUAL(msi_prepare_msix(MSIX_DEV, false), 0);
	CU_ASSERT_FALSE(range_set_overlaps(&mmio_ro_ranges, 0, ~0ULL));
}

/* ---- a guest at the ports ---- */

#define CF8(sbdf, reg) (0x80000000U | (sbdf) << 8 | (reg))

TEST(test_guest, "a guest at the ports")
{
	int irq;

	CU_ASSERT_EQUAL(pci_guest_cfg_read(false, CF8(MSI_DEV, 0), 0, 4), ~0U);
	pci_guest_cfg_write(false, CF8(MSI_DEV, 0x20), 0, 4, 7);
	CU_ASSERT_EQUAL(get32(space[0] + 0x20), 0);
	CU_ASSERT_EQUAL(pci_guest_cfg_read(true, CF8(MSI_DEV, 0), 0, 4), 0x12348086);
	CU_ASSERT_EQUAL(pci_guest_cfg_read(true, CF8(MSI_DEV, 0), 2, 2), 0x1234);
	CU_ASSERT_EQUAL(pci_guest_cfg_read(true, CF8(MSI_DEV, 3), 3, 1), 0x12);
	CU_ASSERT_EQUAL(pci_guest_cfg_read(true, CF8(MSI_DEV, 0) & 0x7fffffff, 0, 2), 0xffff);
	CU_ASSERT_EQUAL(pci_guest_cfg_read(true, CF8(MSI_DEV, 0) | 0x01000000, 0, 1), 0xff);
	CU_ASSERT_EQUAL(pci_guest_cfg_read(true, CF8(MSI_DEV, 0), 1, 2), 0xffff); /* unaligned */
	pci_guest_cfg_write(true, CF8(MSI_DEV, 0x20), 0, 4, 7);
	CU_ASSERT_EQUAL(get32(space[0] + 0x20), 7);
	pci_guest_cfg_write(true, CF8(MSI_DEV, 0x54), 0, 4, 0x1234);
	CU_ASSERT_EQUAL(get32(space[0] + 0x54), 0x1234); /* nothing of ours is there yet */
	put32(space[0] + 0x54, 0);

	irq = map(MSI_DEV, false, 0, 2, NULL);
	irq_descs[irq].chip->startup(&irq_descs[irq]);
	pci_guest_cfg_write(true, CF8(MSI_DEV, 0x54), 0, 4, 0xdeadbeef);
	pci_guest_cfg_write(true, CF8(MSI_DEV, 0x5c), 0, 2, 0x99);
	pci_guest_cfg_write(true, CF8(MSI_DEV, 0x60), 0, 4, ~0U);
	pci_guest_cfg_write(true, CF8(MSI_DEV, 0x64), 3, 1, 0xff);
	CU_ASSERT_TRUE(get32(space[0] + 0x54) == 0xfee03000 && get16(space[0] + 0x5c) == 0x40);
	CU_ASSERT_EQUAL(get32(space[0] + 0x60), 1);
	/* Of Message Control the enable bit is dom0's; the register beside it stays as it is. */
	pci_guest_cfg_write(true, CF8(MSI_DEV, 0x50), 2, 2, 0xfff0);
	CU_ASSERT_EQUAL(get16(space[0] + 0x52), 0x0196);
	pci_guest_cfg_write(true, CF8(MSI_DEV, 0x50), 0, 4, ~0U);
	CU_ASSERT_EQUAL(get32(space[0] + 0x50), 0x01970005);
	pci_guest_cfg_write(true, CF8(MSI_DEV, 0x68), 0, 4, 0x55); /* after it */
	CU_ASSERT_EQUAL(get32(space[0] + 0x68), 0x55);
	unmap((unsigned)irq);
	unmap((unsigned)irq + 1);

	irq = map(MSIX_DEV, true, 0, 1, NULL);
	pci_guest_cfg_write(true, CF8(MSIX_DEV, 0xb0), 2, 2, 0x4000 | 0x7ff);
	CU_ASSERT_EQUAL(get16(space[1] + 0xb2), 0x4003);
	pci_guest_cfg_write(true, CF8(MSIX_DEV, 0xb4), 0, 4, 0);
	CU_ASSERT_EQUAL(get32(space[1] + 0xb4), 0x2000);
	unmap((unsigned)irq);
}

SUITE("pci", .init = init, .begin = begin, .end = end)
