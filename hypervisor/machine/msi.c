// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Message-signalled interrupts: PCI Local Bus 3.0, chapter 6.8; message format: Intel SDM vol. 3A,
 * 11.11.
 *
 * dom0's drivers ask for messages by hypercall and the hypervisor writes them to the device; dom0's
 * kernel itself switches the capability on and off around that.
 */

#include "cpu/cpu.h"
#include "lib/printk.h"
#include "machine/irq.h"
#include "machine/msi.h"
#include "memory/frame.h"
#include "memory/heap.h"
#include "memory/ioremap.h"
#include "pv-abi/errno.h"

#define MSI_FLAGS          2
#define MSI_FLAGS_ENABLE   0x0001
#define MSI_FLAGS_MMC(f)   (((f) >> 1) & 7)
#define MSI_FLAGS_MME_MASK 0x0070
#define MSI_FLAGS_MME_SHIFT 4
#define MSI_FLAGS_64BIT    0x0080
#define MSI_FLAGS_MASKABLE 0x0100
#define MSI_ADDRESS_LOW    4
#define MSI_ADDRESS_HIGH   8

#define MSIX_FLAGS         2
#define MSIX_FLAGS_ENABLE  0x8000
#define MSIX_FLAGS_MASKALL 0x4000
#define MSIX_TABLE         4

/* A table entry, in words */
#define MSIX_ENTRY_WORDS   4
#define MSIX_ENTRY_LOW     0
#define MSIX_ENTRY_HIGH    1
#define MSIX_ENTRY_DATA    2
#define MSIX_ENTRY_CONTROL 3
#define MSIX_CONTROL_MASK  1

struct range_set mmio_ro_ranges;

void msi_init(void)
{
	range_set_init(&mmio_ro_ranges);
}

static u32 message_address(const struct irq_desc *desc)
{
	return 0xfee00000 | (desc->dest & 0xff) << 12;
}

/* -------------------------------------------------------------------------------------------------
 * The two chips; called with the line's lock held. A line without chip_data is half made (or half
 * gone): nothing to do.
 */

static unsigned msi_data_offset(u32 ctl)
{
	return ctl & MSI_FLAGS_64BIT ? 12 : 8;
}

static void msi_set_mask(struct irq_desc *desc, bool masked)
{
	struct msi_vector *m = desc->chip_data;
	u32 bits;

	if (!m || !m->mask_reg)
		return;
	bits = pci_read(m->dev->sbdf, m->mask_reg, 4);
	bits = masked ? bits | 1U << m->index : bits & ~(1U << m->index);
	pci_write(m->dev->sbdf, m->mask_reg, 4, bits);
}

/* The address and data belong to the whole block: its first vector is what is written. */
static void msi_write_message(struct irq_desc *desc)
{
	struct msi_vector *m = desc->chip_data;
	pci_sbdf_t sbdf;
	unsigned cap;
	u32 ctl;

	if (!m)
		return;
	sbdf = m->dev->sbdf;
	cap = m->dev->msi_cap;
	ctl = pci_read(sbdf, cap + MSI_FLAGS, 2);
	pci_write(sbdf, cap + MSI_ADDRESS_LOW, 4, message_address(desc));
	if (ctl & MSI_FLAGS_64BIT)
		pci_write(sbdf, cap + MSI_ADDRESS_HIGH, 4, 0);
	pci_write(sbdf, cap + msi_data_offset(ctl), 2, desc->vector - m->index);
}

static void msi_enable(struct pci_device *dev, bool on)
{
	u32 ctl = pci_read(dev->sbdf, dev->msi_cap + MSI_FLAGS, 2);

	ctl &= ~(u32)(MSI_FLAGS_MME_MASK | MSI_FLAGS_ENABLE);
	ctl |= dev->msi_log2 << MSI_FLAGS_MME_SHIFT;
	pci_write(dev->sbdf, dev->msi_cap + MSI_FLAGS, 2, on ? ctl | MSI_FLAGS_ENABLE : ctl);
}

static void msi_startup(struct irq_desc *desc)
{
	struct msi_vector *m = desc->chip_data;

	if (!m)
		return;
	msi_set_mask(desc, true);
	msi_write_message(desc);
	msi_enable(m->dev, true);
}

static void msi_mask(struct irq_desc *desc)
{
	msi_set_mask(desc, true);
}

static void msi_unmask(struct irq_desc *desc)
{
	msi_set_mask(desc, false);
}

static const struct irq_chip msi_chip = {
	.name = "msi",
	.startup = msi_startup,
	.mask = msi_mask,
	.unmask = msi_unmask,
	.set_dest = msi_write_message,
};

static volatile u32 *msix_entry(const struct msi_vector *m)
{
	return m->dev->msix_va + m->index * MSIX_ENTRY_WORDS;
}

static void msix_set_mask(struct irq_desc *desc, bool masked)
{
	struct msi_vector *m = desc->chip_data;
	volatile u32 *e;

	if (!m)
		return;
	e = msix_entry(m);
	e[MSIX_ENTRY_CONTROL] = masked ? e[MSIX_ENTRY_CONTROL] | MSIX_CONTROL_MASK :
					 e[MSIX_ENTRY_CONTROL] & ~(u32)MSIX_CONTROL_MASK;
	(void)e[MSIX_ENTRY_CONTROL]; /* the write must have arrived before we go on */
}

/* Masked meanwhile: an entry must not change while it may be used (6.8.2.9). */
static void msix_write_message(struct irq_desc *desc)
{
	struct msi_vector *m = desc->chip_data;
	volatile u32 *e;

	if (!m)
		return;
	e = msix_entry(m);
	msix_set_mask(desc, true);
	e[MSIX_ENTRY_LOW] = message_address(desc);
	e[MSIX_ENTRY_HIGH] = 0;
	e[MSIX_ENTRY_DATA] = desc->vector;
	if (!desc->masked)
		msix_set_mask(desc, false);
}

/* Bits to set and to clear in Message Control. */
static void msix_control(struct pci_device *dev, u32 clear, u32 set)
{
	u32 ctl = pci_read(dev->sbdf, dev->msix_cap + MSIX_FLAGS, 2);

	pci_write(dev->sbdf, dev->msix_cap + MSIX_FLAGS, 2, (ctl & ~clear) | set);
}

static void msix_startup(struct irq_desc *desc)
{
	struct msi_vector *m = desc->chip_data;

	if (!m)
		return;
	msix_write_message(desc);
	msix_control(m->dev, MSIX_FLAGS_MASKALL, MSIX_FLAGS_ENABLE);
}

static void msix_mask(struct irq_desc *desc)
{
	msix_set_mask(desc, true);
}

static void msix_unmask(struct irq_desc *desc)
{
	msix_set_mask(desc, false);
}

static const struct irq_chip msix_chip = {
	.name = "msi-x",
	.startup = msix_startup,
	.mask = msix_mask,
	.unmask = msix_unmask,
	.set_dest = msix_write_message,
};

/* -------------------------------------------------------------------------------------------------
 * The MSI-X table: ours alone to write while a message, or dom0's promise not to move it, exists.
 * pci_lock held.
 */

static u64 read_bar(pci_sbdf_t sbdf, unsigned n)
{
	u32 low = pci_read(sbdf, PCI_BAR(n), 4);
	u64 base = low & ~0xfU;

	if (low & 1) /* I/O space */
		return 0;
	if ((low & 6) == 4) {
		if (n == 5)
			return 0;
		base |= (u64)pci_read(sbdf, PCI_BAR(n + 1), 4) << 32;
	}
	return base;
}

static int protect_table(struct pci_device *dev, u64 bar)
{
	u32 where;
	u64 base, last;
	int err;

	if (dev->msix_protected)
		return 0;
	where = pci_read(dev->sbdf, dev->msix_cap + MSIX_TABLE, 4);
	if ((where & 7) > 5)
		return -EINVAL;
	base = read_bar(dev->sbdf, where & 7);
	if (!base)
		base = bar;
	if (!base || base >> 52)
		return -EINVAL;
	base += where & ~7U;
	last = base + (u64)dev->msix_size * MSIX_ENTRY_WORDS * sizeof(u32) - 1;
	/* What claims to be a device's memory must not be the machine's. */
	for (mfn_t mfn = base >> PAGE_SHIFT; mfn <= last >> PAGE_SHIFT; mfn++)
		if (mfn_valid(mfn))
			return -EINVAL;
	err = range_set_add(&mmio_ro_ranges, base >> PAGE_SHIFT, last >> PAGE_SHIFT);
	if (err)
		return err;
	dev->msix_va = ioremap(base, last - base + 1);
	if (!dev->msix_va) {
		range_set_remove(&mmio_ro_ranges, base >> PAGE_SHIFT, last >> PAGE_SHIFT);
		return -ENOMEM;
	}
	dev->msix_first = base >> PAGE_SHIFT;
	dev->msix_last = last >> PAGE_SHIFT;
	dev->msix_protected = true;
	return 0;
}

static void unprotect_table(struct pci_device *dev)
{
	if (!dev->msix_protected || dev->msix_count || dev->msix_prepared)
		return;
	/* Out of memory for a split range: it stays protected, which is safe. */
	if (range_set_remove(&mmio_ro_ranges, dev->msix_first, dev->msix_last) != 0)
		return;
	dev->msix_protected = false;
	dev->msix_va = NULL;
}

/* -------------------------------------------------------------------------------------------------
 * Giving out and taking back; pci_lock held
 */

static void set_chip_data(unsigned irq, void *data)
{
	struct irq_desc *desc = &irq_descs[irq];
	u64 flags = spin_lock_irqsave(&desc->lock);

	desc->chip_data = data;
	spin_unlock_irqrestore(&desc->lock, flags);
}

static void free_vectors(struct list *head)
{
	struct msi_vector *m, *next;

	list_for_each_entry_safe(m, next, head, link) {
		list_del(&m->link);
		zfree(m);
	}
}

/* `count` records for consecutive lines, on `head`. */
static int make_vectors(struct pci_device *dev, bool msix, unsigned index, unsigned count,
			struct list *head)
{
	list_init(head);
	for (unsigned i = 0; i < count; i++) {
		struct msi_vector *m = zalloc(ALLOC_IRQ, sizeof(*m));

		if (!m) {
			free_vectors(head);
			return -ENOMEM;
		}
		m->dev = dev;
		m->msix = msix;
		m->index = (u16)(index + i);
		list_add_tail(&m->link, head);
	}
	return 0;
}

static int map_msi(struct pci_device *dev, unsigned count, struct list *made)
{
	u32 ctl = pci_read(dev->sbdf, dev->msi_cap + MSI_FLAGS, 2);
	struct msi_vector *m, *next;
	int first = irq_alloc_msi(count, &msi_chip);
	unsigned irq;

	if (first < 0)
		return first;
	dev->msi_log2 = (unsigned)__builtin_ctz(count);
	dev->msi_count = count;
	/* Up to the mask bits, or the data; another capability may follow directly. */
	dev->msi_bytes = (u8)(msi_data_offset(ctl) + (ctl & MSI_FLAGS_MASKABLE ? 8 : 2));
	msi_enable(dev, false);
	irq = (unsigned)first;
	list_for_each_entry_safe(m, next, made, link) {
		m->irq = irq;
		if (ctl & MSI_FLAGS_MASKABLE)
			m->mask_reg = (u8)(dev->msi_cap + msi_data_offset(ctl) + 4);
		list_del(&m->link);
		list_add_tail(&m->link, &dev->vectors);
		set_chip_data(irq++, m);
	}
	return first;
}

static int map_msix(struct pci_device *dev, u64 bar, struct list *made)
{
	struct msi_vector *m = list_entry(made->next, struct msi_vector, link);
	struct irq_desc *desc;
	int irq, err;
	u64 flags;

	if (!(pci_read(dev->sbdf, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY))
		return -ENXIO;
	err = protect_table(dev, bar);
	if (err)
		return err;
	irq = irq_alloc_msi(1, &msix_chip);
	if (irq < 0) {
		unprotect_table(dev);
		return irq;
	}
	/*
	 * Some devices show their table only while MSI-X is on. dom0 does it the same way: on, with
	 * everything masked.
	 */
	if (!(pci_read(dev->sbdf, dev->msix_cap + MSIX_FLAGS, 2) & MSIX_FLAGS_ENABLE))
		msix_control(dev, 0, MSIX_FLAGS_ENABLE | MSIX_FLAGS_MASKALL);
	m->irq = (unsigned)irq;
	list_del(&m->link);
	list_add_tail(&m->link, &dev->vectors);
	dev->msix_count++;
	set_chip_data(m->irq, m);
	desc = &irq_descs[irq];
	flags = spin_lock_irqsave(&desc->lock);
	msix_write_message(desc);
	spin_unlock_irqrestore(&desc->lock, flags);
	return irq;
}

int msi_map(pci_sbdf_t sbdf, bool msix, unsigned index, unsigned count, u64 bar, unsigned *limit)
{
	struct pci_device *dev = pci_device_get(sbdf);
	struct msi_vector *m;
	struct list made;
	int err;

	if (!dev)
		return -ENODEV;
	if (msix) {
		if (!dev->msix_cap || index >= dev->msix_size || count != 1)
			return -EINVAL;
		if (dev->msi_count)
			return -EBUSY;
		list_for_each_entry(m, &dev->vectors, link)
			if (m->index == index)
				return -EBUSY;
	} else {
		if (!dev->msi_cap || count == 0 || (count & (count - 1)))
			return -EINVAL;
		if (dev->msi_count || dev->msix_count)
			return -EBUSY;
		*limit = 1U << min(MSI_FLAGS_MMC(pci_read(sbdf, dev->msi_cap + MSI_FLAGS, 2)), 5U);
		if (count > *limit)
			return -E2BIG;
	}
	err = make_vectors(dev, msix, msix ? index : 0, count, &made);
	if (err)
		return err;
	err = msix ? map_msix(dev, bar, &made) : map_msi(dev, count, &made);
	if (err < 0)
		free_vectors(&made);
	return err;
}

void msi_unmap(unsigned irq)
{
	struct irq_desc *desc = &irq_descs[irq];
	struct msi_vector *m = desc->chip_data;
	struct pci_device *dev;
	u64 flags;

	ASSERT(m);
	dev = m->dev;
	flags = spin_lock_irqsave(&desc->lock);
	desc->chip->mask(desc);
	desc->chip_data = NULL;
	spin_unlock_irqrestore(&desc->lock, flags);
	if (m->msix) {
		if (--dev->msix_count == 0)
			msix_control(dev, MSIX_FLAGS_ENABLE, 0);
		unprotect_table(dev);
	} else {
		msi_enable(dev, false);
		dev->msi_count--;
	}
	irq_free_msi(irq);
	list_del(&m->link);
	zfree(m);
}

int msi_restore(pci_sbdf_t sbdf)
{
	struct pci_device *dev;
	struct msi_vector *m;
	u64 flags;

	spin_lock(&pci_lock);
	dev = pci_device_find(sbdf);
	if (!dev) {
		spin_unlock(&pci_lock);
		return -ENODEV;
	}
	list_for_each_entry(m, &dev->vectors, link) {
		struct irq_desc *desc = &irq_descs[m->irq];

		flags = spin_lock_irqsave(&desc->lock);
		desc->chip->startup(desc);
		if (!desc->masked)
			desc->chip->unmask(desc);
		spin_unlock_irqrestore(&desc->lock, flags);
	}
	spin_unlock(&pci_lock);
	return 0;
}

int msi_prepare_msix(pci_sbdf_t sbdf, bool prepare)
{
	struct pci_device *dev;
	int err = 0;

	spin_lock(&pci_lock);
	dev = pci_device_get(sbdf);
	if (!dev) {
		err = -ENODEV;
	} else if (!dev->msix_cap) {
		err = -EINVAL;
	} else if (!prepare) {
		if (dev->msix_count) {
			err = -EBUSY;
		} else {
			dev->msix_prepared = false;
			unprotect_table(dev);
		}
	} else {
		err = protect_table(dev, 0);
		if (err == 0)
			dev->msix_prepared = true;
	}
	spin_unlock(&pci_lock);
	return err;
}

/* Which bits of configuration byte `at` a guest may change. */
static u8 writable_bits(const struct pci_device *dev, unsigned at)
{
	unsigned msi = dev->msi_cap, msix = dev->msix_cap;

	if (dev->msi_count && at >= msi && at < msi + dev->msi_bytes)
		return at == msi + MSI_FLAGS ? MSI_FLAGS_ENABLE : 0;
	if (dev->msix_count && at >= msix && at < msix + 12)
		return at == msix + MSIX_FLAGS + 1 ? (MSIX_FLAGS_ENABLE | MSIX_FLAGS_MASKALL) >> 8
						   : 0;
	return 0xff;
}

u32 msi_cfg_write_mask(const struct pci_device *dev, unsigned reg, unsigned size)
{
	u32 may = 0;

	for (unsigned i = 0; i < size; i++)
		may |= (u32)writable_bits(dev, reg + i) << 8 * i;
	return may;
}
