/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_MSI_H
#define ANNULUS_MACHINE_MSI_H

#include "lib/list.h"
#include "lib/types.h"
#include "machine/pci.h"
#include "memory/range_set.h"

/*
 * One message-signalled interrupt. It belongs to a device (under pci_lock) and to irq_descs[irq]
 * (chip_data; fields below the line are under that descriptor's lock).
 */
struct msi_vector {
	struct list link;
	struct pci_device *dev;
	unsigned irq;
	bool msix;
	u16 index;                    /* MSI-X entry, or number within the MSI block */
	/* --- */
	u8 mask_reg;                  /* MSI: offset of the mask bits, 0: it has none */
};

/*
 * Frames with MSI-X tables: a domain gets read-only mappings of them, whatever it asks for. Has its
 * own lock.
 */
extern struct range_set mmio_ro_ranges;

void msi_init(void);

/*
 * msi_map() - give a device `count` vectors of MSI (count a power of two), or the entry `index` of
 * MSI-X. The messages are programmed, masked where the device can. `bar` is the start of the MSI-X
 * table's BAR as dom0 knows it, for virtual functions, whose own BARs read as 0. Returns the first
 * IRQ, the others follow it. pci_lock held.
 * -ENODEV (no device), -EINVAL (no capability, no such entry, bad count, bad BAR), -EBUSY (in use
 * already, or the other kind is), -ENXIO (its memory is switched off), -ENOMEM, -ENOSPC (no
 * vectors), -E2BIG (the device has *limit messages).
 */
int msi_map(pci_sbdf_t sbdf, bool msix, unsigned index, unsigned count, u64 bar, unsigned *limit);
/*
 * msi_unmap() - the line must be unbound. MSI blocks go line by line; the device is disabled with
 * the first. pci_lock held.
 */
void msi_unmap(unsigned irq);
/* Program a device's messages again, after it lost them: 0 or -ENODEV. Takes pci_lock. */
int msi_restore(pci_sbdf_t sbdf);
/*
 * Announce that the MSI-X resources will not (may) change: 0, -ENODEV, -EINVAL, -ENOMEM, -EBUSY.
 * Takes pci_lock.
 */
int msi_prepare_msix(pci_sbdf_t sbdf, bool prepare);
/*
 * What a guest's write to a configuration register of `dev` becomes: `mask` has the bits that it
 * may change. pci_lock held.
 */
u32 msi_cfg_write_mask(const struct pci_device *dev, unsigned reg, unsigned size);

#endif
