// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PCI configuration space: PCI Local Bus 3.0, chapter 3.2.2.3 and 6; PCI Express 5.0, 7.2.2 for the
 * memory window.
 */

#include "cpu/cpu.h"
#include "lib/latency.h"
#include "lib/printk.h"
#include "machine/acpi.h"
#include "machine/msi.h"
#include "machine/pci.h"
#include "memory/heap.h"
#include "memory/ioremap.h"
#include "pv-abi/errno.h"

#define PCI_ADDRESS_PORT 0xcf8
#define PCI_DATA_PORT    0xcfc
#define PCI_ENABLE       BIT(31)

struct spinlock pci_lock = SPINLOCK_INIT;

/* Under pci_lock. */
static struct list devices = LIST_INIT(devices);

/* The address port and the data port belong together: a leaf lock, interrupts off. */
GLOBAL_LOCK(port_lock, "PCI port lock");

/*
 * Memory windows, one MiB a bus, mapped when a device on the bus becomes known. An entry is
 * complete before nr_windows counts it, a mapping is a single store: readers need no lock; writers
 * hold pci_lock.
 */
struct window {
	u64 base;
	u16 segment;
	u8 first_bus, last_bus;
	volatile u8 *bus[256];
};
static struct window windows[ACPI_MAX_SEGMENTS];
static unsigned nr_windows;

static struct window *find_window(u16 segment, u8 bus)
{
	for (unsigned i = 0; i < READ_ONCE(nr_windows); i++)
		if (windows[i].segment == segment && bus >= windows[i].first_bus &&
		    bus <= windows[i].last_bus)
			return &windows[i];
	return NULL;
}

static int add_window(u64 base, u16 segment, u8 first_bus, u8 last_bus)
{
	struct window *w;

	w = find_window(segment, first_bus);
	if (w)
		return w->base == base ? 0 : -EINVAL;
	if (nr_windows == ARRAY_SIZE(windows))
		return -ENOSPC;
	w = &windows[nr_windows];
	w->base = base;
	w->segment = segment;
	w->first_bus = first_bus;
	w->last_bus = last_bus;
	smp_wmb();
	WRITE_ONCE(nr_windows, nr_windows + 1);
	return 0;
}

void pci_init(void)
{
	for (unsigned i = 0; i < acpi_info.nr_segments; i++)
		add_window(acpi_info.segments[i].base, acpi_info.segments[i].segment,
			   acpi_info.segments[i].first_bus, acpi_info.segments[i].last_bus);
	msi_init();
}

int pci_mmcfg_reserved(u64 base, u16 segment, u8 first_bus, u8 last_bus)
{
	int err;

	if (!base || base & 0xfffff || base >> 52 || first_bus > last_bus)
		return -EINVAL;
	spin_lock(&pci_lock);
	err = add_window(base, segment, first_bus, last_bus);
	spin_unlock(&pci_lock);
	return err;
}

/* -------------------------------------------------------------------------------------------------
 * Access
 */

static volatile u8 *window_address(pci_sbdf_t sbdf, unsigned reg)
{
	struct window *w = find_window(PCI_SEG(sbdf), PCI_BUS(sbdf));
	volatile u8 *va = w ? READ_ONCE(w->bus[PCI_BUS(sbdf)]) : NULL;

	return va ? va + ((u32)PCI_DEVFN(sbdf) << 12) + reg : NULL;
}

static bool by_ports(pci_sbdf_t sbdf, unsigned reg)
{
	return PCI_SEG(sbdf) == 0 && reg < 256;
}

static u32 port_address(pci_sbdf_t sbdf, unsigned reg)
{
	return (u32)PCI_ENABLE | (sbdf & 0xffff) << 8 | (reg & 0xfc);
}

u32 pci_read(pci_sbdf_t sbdf, unsigned reg, unsigned size)
{
	volatile u8 *va;
	u64 flags;
	u32 v;

	if (by_ports(sbdf, reg)) {
		flags = global_lock_irqsave(port_lock);
		outl(PCI_ADDRESS_PORT, port_address(sbdf, reg));
		if (size == 1)
			v = inb(PCI_DATA_PORT + (reg & 3));
		else if (size == 2)
			v = inw(PCI_DATA_PORT + (reg & 2));
		else
			v = inl(PCI_DATA_PORT);
		global_unlock_irqrestore(port_lock, flags);
		return v;
	}
	va = reg < 4096 ? window_address(sbdf, reg) : NULL;
	if (!va)
		return size == 4 ? ~0U : (1U << size * 8) - 1;
	if (size == 1)
		return *va;
	if (size == 2)
		return *(volatile u16 *)va;
	return *(volatile u32 *)va;
}

void pci_write(pci_sbdf_t sbdf, unsigned reg, unsigned size, u32 value)
{
	volatile u8 *va;
	u64 flags;

	if (by_ports(sbdf, reg)) {
		flags = global_lock_irqsave(port_lock);
		outl(PCI_ADDRESS_PORT, port_address(sbdf, reg));
		if (size == 1)
			outb(PCI_DATA_PORT + (reg & 3), (u8)value);
		else if (size == 2)
			outw(PCI_DATA_PORT + (reg & 2), (u16)value);
		else
			outl(PCI_DATA_PORT, value);
		global_unlock_irqrestore(port_lock, flags);
		return;
	}
	va = reg < 4096 ? window_address(sbdf, reg) : NULL;
	if (!va)
		return;
	if (size == 1)
		*va = (u8)value;
	else if (size == 2)
		*(volatile u16 *)va = (u16)value;
	else
		*(volatile u32 *)va = value;
}

u8 pci_find_capability(pci_sbdf_t sbdf, u8 id)
{
	u8 at;

	if (!(pci_read(sbdf, PCI_STATUS, 2) & PCI_STATUS_CAPS))
		return 0;
	at = (u8)pci_read(sbdf, PCI_CAPABILITIES, 1) & 0xfc;
	/* There is room for 48 of them; a loop made by a broken device ends there. */
	for (unsigned i = 0; i < 48 && at >= 0x40; i++) {
		u32 v = pci_read(sbdf, at, 2);

		if (v == 0xffff)
			return 0;
		if ((v & 0xff) == id)
			return at;
		at = (v >> 8) & 0xfc;
	}
	return 0;
}

/* -------------------------------------------------------------------------------------------------
 * Devices
 */

struct pci_device *pci_device_find(pci_sbdf_t sbdf)
{
	struct pci_device *dev;

	list_for_each_entry(dev, &devices, link)
		if (dev->sbdf == sbdf)
			return dev;
	return NULL;
}

static void map_bus(pci_sbdf_t sbdf)
{
	struct window *w = find_window(PCI_SEG(sbdf), PCI_BUS(sbdf));
	u8 bus = PCI_BUS(sbdf);

	/* Segment 0 gets along with the ports. */
	if (PCI_SEG(sbdf) == 0 || !w || w->bus[bus])
		return;
	WRITE_ONCE(w->bus[bus], ioremap(w->base + ((u64)bus << 20), 1 << 20));
}

static struct pci_device *device_create(pci_sbdf_t sbdf)
{
	struct pci_device *dev = zalloc(ALLOC_IRQ, sizeof(*dev));
	u8 cap;

	if (!dev)
		return NULL;
	dev->sbdf = sbdf;
	cap = pci_find_capability(sbdf, PCI_CAP_MSI);
	/*
	 * Offsets of registers inside a capability are not checked again: it must lie in the 256
	 * bytes as a whole.
	 */
	dev->msi_cap = cap <= 256 - 24 ? cap : 0;
	cap = pci_find_capability(sbdf, PCI_CAP_MSIX);
	dev->msix_cap = cap <= 256 - 12 ? cap : 0;
	if (dev->msix_cap)
		dev->msix_size = (pci_read(sbdf, dev->msix_cap + 2, 2) & 0x7ff) + 1;
	list_init(&dev->vectors);
	list_add_tail(&dev->link, &devices);
	return dev;
}

static bool answers(pci_sbdf_t sbdf)
{
	u32 id = pci_read(sbdf, PCI_VENDOR_ID, 2);

	return id != 0xffff && id != 0;
}

struct pci_device *pci_device_get(pci_sbdf_t sbdf)
{
	struct pci_device *dev = pci_device_find(sbdf);

	if (dev)
		return dev;
	map_bus(sbdf);
	return answers(sbdf) ? device_create(sbdf) : NULL;
}

int pci_device_add(pci_sbdf_t sbdf, bool virtual_function)
{
	struct pci_device *dev;
	int err = 0;

	spin_lock(&pci_lock);
	dev = pci_device_find(sbdf);
	if (!dev) {
		map_bus(sbdf);
		if (!virtual_function && !answers(sbdf))
			err = -ENODEV;
		else if (!(dev = device_create(sbdf)))
			err = -ENOMEM;
	}
	if (dev)
		dev->reported = true;
	spin_unlock(&pci_lock);
	return err;
}

int pci_device_remove(pci_sbdf_t sbdf)
{
	struct pci_device *dev;
	int err = 0;

	spin_lock(&pci_lock);
	dev = pci_device_find(sbdf);
	if (!dev) {
		err = -ENODEV;
	} else if (dev->msi_count || dev->msix_count || dev->msix_protected) {
		err = -EBUSY;
	} else {
		list_del(&dev->link);
		zfree(dev);
	}
	spin_unlock(&pci_lock);
	return err;
}

/* -------------------------------------------------------------------------------------------------
 * dom0's accesses through the ports
 */

static u32 all_ones(unsigned size)
{
	return size >= 4 ? ~0U : (1U << size * 8) - 1;
}

/*
 * Bits 30-24 of the address are reserved; some chipsets read more register bits from them, which is
 * not offered.
 */
static bool decodes(bool privileged, u32 cf8, unsigned port_offset, unsigned size)
{
	return privileged && cf8 & PCI_ENABLE && !(cf8 & 0x7f000000) &&
	       (size == 1 || size == 2 || size == 4) && port_offset < 4 &&
	       !(port_offset & (size - 1));
}

u32 pci_guest_cfg_read(bool privileged, u32 cf8, unsigned port_offset, unsigned size)
{
	if (!decodes(privileged, cf8, port_offset, size))
		return all_ones(size);
	return pci_read((cf8 >> 8) & 0xffff, (cf8 & 0xfc) + port_offset, size);
}

void pci_guest_cfg_write(bool privileged, u32 cf8, unsigned port_offset, unsigned size, u32 value)
{
	pci_sbdf_t sbdf = (cf8 >> 8) & 0xffff;
	unsigned reg = (cf8 & 0xfc) + port_offset;
	struct pci_device *dev;
	u32 may = ~0U;

	if (!decodes(privileged, cf8, port_offset, size))
		return;
	spin_lock(&pci_lock);
	dev = pci_device_find(sbdf);
	if (dev)
		may = msi_cfg_write_mask(dev, reg, size) | ~all_ones(size);
	if (may != ~0U)
		value = (value & may) | (pci_read(sbdf, reg, size) & ~may);
	if (may & all_ones(size))
		pci_write(sbdf, reg, size, value);
	spin_unlock(&pci_lock);
}
