/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_PCI_H
#define ANNULUS_MACHINE_PCI_H

#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/types.h"

struct msi_vector;

/* A device's address: segment 16 bits, bus 8, device 5, function 3. */
typedef u32 pci_sbdf_t;
#define PCI_SBDF(seg, bus, devfn) ((u32)(seg) << 16 | (u32)(bus) << 8 | (devfn))
#define PCI_SEG(s)   ((u16)((s) >> 16))
#define PCI_BUS(s)   ((u8)((s) >> 8))
#define PCI_DEVFN(s) ((u8)(s))
#define PCI_DEV(s)   ((u8)(s) >> 3)
#define PCI_FUNC(s)  ((u8)(s) & 7)

#define PCI_VENDOR_ID       0x00
#define PCI_COMMAND         0x04
#define PCI_COMMAND_MEMORY  0x0002
#define PCI_COMMAND_INTX_OFF 0x0400
#define PCI_STATUS          0x06
#define PCI_STATUS_CAPS     0x0010
#define PCI_HEADER_TYPE     0x0e
#define PCI_BAR(n)          (0x10 + 4 * (n))
#define PCI_CAPABILITIES    0x34
#define PCI_CAP_MSI         0x05
#define PCI_CAP_MSIX        0x11

/*
 * A device that dom0 reported or that has interrupts of ours. The list and everything in a device
 * are under pci_lock, which is taken before a domain's IRQ lock and any irq_desc.lock. Devices are
 * never freed while they have vectors.
 */
struct pci_device {
	struct list link;
	pci_sbdf_t sbdf;
	u8 msi_cap, msix_cap;         /* offsets in configuration space, 0: none */
	bool reported;                /* by dom0, as opposed to found on demand */
	bool msix_prepared;           /* dom0 promised not to move the table */
	bool msix_protected;          /* the table's frames are in mmio_ro_ranges */
	unsigned msi_count;           /* vectors of MSI in use */
	u8 msi_bytes;                 /* of the MSI capability that are ours while msi_count */
	unsigned msi_log2;            /* the Multiple Message Enable that we programmed */
	unsigned msix_count;          /* entries of MSI-X in use */
	unsigned msix_size;           /* entries in the table */
	mfn_t msix_first, msix_last;  /* frames of the table, while msix_protected */
	volatile u32 *msix_va;        /* our mapping of the table, while msix_protected */
	struct list vectors;          /* struct msi_vector.link */
};
extern struct spinlock pci_lock;

/* After acpi_init(). */
void pci_init(void);

/*
 * Configuration space. `size` is 1, 2 or 4, `reg` aligned to it. An absent device reads as all
 * ones. Segments other than 0 and registers past 255 need a window from the MCFG table; without one
 * they read as all ones too. Any context but NMI: the lock around the two ports is a leaf, taken
 * with interrupts off.
 */
u32 pci_read(pci_sbdf_t sbdf, unsigned reg, unsigned size);
void pci_write(pci_sbdf_t sbdf, unsigned reg, unsigned size, u32 value);
/* Offset of the first capability `id`, 0: none. Bounded, whatever the device says. */
u8 pci_find_capability(pci_sbdf_t sbdf, u8 id);

/* Look up a known device; pci_lock held. */
struct pci_device *pci_device_find(pci_sbdf_t sbdf);
/*
 * Look up, or make the record of a device that answers; pci_lock held. NULL: absent (or no memory).
 */
struct pci_device *pci_device_get(pci_sbdf_t sbdf);

/*
 * dom0's reports: 0, -ENODEV (absent), -ENOMEM, -EBUSY (remove: has interrupts). A virtual function
 * is taken at dom0's
 * word: it has no vendor id of its own. They take pci_lock.
 */
int pci_device_add(pci_sbdf_t sbdf, bool virtual_function);
int pci_device_remove(pci_sbdf_t sbdf);
/* 0, -EINVAL, -ENOSPC: dom0 found a configuration window, which the ACPI namespace reserves. */
int pci_mmcfg_reserved(u64 base, u16 segment, u8 first_bus, u8 last_bus);

/*
 * The port emulation's half: an access of `size` bytes to 0xcfc + `port_offset` while the vCPU's
 * latched 0xcf8 is `cf8`. A domain without privilege reads all ones and writes nothing.
 * What the hypervisor programmed of a device's MSI and MSI-X capabilities stays as it is: enable
 * and function-mask bits are dom0's, the rest is ours.
 */
u32 pci_guest_cfg_read(bool privileged, u32 cf8, unsigned port_offset, unsigned size);
void pci_guest_cfg_write(bool privileged, u32 cf8, unsigned port_offset, unsigned size, u32 value);

#endif
