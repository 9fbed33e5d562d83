/* SPDX-License-Identifier: MIT */
/* A domain with devices: interrupts, I/O rights, PCI. __HYPERVISOR_physdev_op(cmd, struct). */
#ifndef PV_ABI_PHYSDEV_H
#define PV_ABI_PHYSDEV_H

#include "xen.h"

#define PHYSDEVOP_IRQ_UNMASK_NOTIFY	4	/* old name and number of eoi, no argument */
#define PHYSDEVOP_irq_status_query	5
#define PHYSDEVOP_set_iopl		6
#define PHYSDEVOP_set_iobitmap		7
#define PHYSDEVOP_apic_read		8
#define PHYSDEVOP_apic_write		9
#define PHYSDEVOP_alloc_irq_vector	10
#define PHYSDEVOP_free_irq_vector	11
#define PHYSDEVOP_eoi			12
#define PHYSDEVOP_map_pirq		13
#define PHYSDEVOP_unmap_pirq		14
#define PHYSDEVOP_manage_pci_add	15
#define PHYSDEVOP_manage_pci_remove	16
#define PHYSDEVOP_pirq_eoi_gmfn_v1	17	/* v1: an EOI unmasks the port too */
#define PHYSDEVOP_restore_msi		19
#define PHYSDEVOP_manage_pci_add_ext	20
#define PHYSDEVOP_setup_gsi		21
#define PHYSDEVOP_get_free_pirq		23
#define PHYSDEVOP_pci_mmcfg_reserved	24
#define PHYSDEVOP_pci_device_add	25
#define PHYSDEVOP_pci_device_remove	26	/* physdev_pci_device */
#define PHYSDEVOP_restore_msi_ext	27	/* physdev_pci_device */
#define PHYSDEVOP_pirq_eoi_gmfn_v2	28
#define PHYSDEVOP_dbgp_op		29
#define PHYSDEVOP_prepare_msix		30	/* physdev_pci_device */
#define PHYSDEVOP_release_msix		31	/* physdev_pci_device */
#define PHYSDEVOP_pirq_eoi_gmfn		PHYSDEVOP_pirq_eoi_gmfn_v2

/* physdev_irq_status_query.flags */
#define _XENIRQSTAT_needs_eoi		0	/* guest must call eoi after handling */
#define XENIRQSTAT_needs_eoi		(1 << _XENIRQSTAT_needs_eoi)
#define _XENIRQSTAT_shared		1	/* other guests have it too */
#define XENIRQSTAT_shared		(1 << _XENIRQSTAT_shared)

/* physdev_map_pirq.type */
#define MAP_PIRQ_TYPE_MSI		0
#define MAP_PIRQ_TYPE_GSI		1
#define MAP_PIRQ_TYPE_UNKNOWN		2
#define MAP_PIRQ_TYPE_MSI_SEG		3	/* the PCI segment is in bus[31:16] */
#define MAP_PIRQ_TYPE_MULTI_MSI		4	/* entry_nr says how many */

#define XEN_PCI_MMCFG_RESERVED		0x1	/* firmware keeps the window reserved */

/* physdev_pci_device_add.flags */
#define XEN_PCI_DEV_EXTFN		0x1	/* extended function (ARI) */
#define XEN_PCI_DEV_VIRTFN		0x2	/* physfn names its physical function */
#define XEN_PCI_DEV_PXM			0x4	/* optarr[0] is the proximity domain */

/* physdev_dbgp_op.op and .bus */
#define PHYSDEVOP_DBGP_RESET_PREPARE	1
#define PHYSDEVOP_DBGP_RESET_DONE	2
#define PHYSDEVOP_DBGP_BUS_UNKNOWN	0
#define PHYSDEVOP_DBGP_BUS_PCI		1

#ifndef __ASSEMBLER__

struct physdev_eoi {
	uint32_t irq;			/* IN: pirq */
};

/* One frame shared with the hypervisor: a bit per pirq that needs EOI. */
struct physdev_pirq_eoi_gmfn {
	xen_pfn_t gmfn;			/* IN */
};

struct physdev_irq_status_query {
	uint32_t irq;			/* IN: pirq */
	uint32_t flags;			/* OUT: XENIRQSTAT_* */
};

struct physdev_set_iopl {
	uint32_t iopl;			/* IN: 0 to 3, current vcpu */
};

struct physdev_set_iobitmap {
	XEN_GUEST_HANDLE(uint8) bitmap;	/* IN: clear bit allows the port to user mode */
	uint32_t nr_ports;		/* IN */
};

/* Reads or writes an IO-APIC register. */
struct physdev_apic {
	xen_ulong_t apic_physbase;	/* IN: machine address of the IO-APIC */
	uint32_t reg;			/* IN: index */
	uint32_t value;			/* IN or OUT */
};

struct physdev_irq {
	uint32_t irq;			/* IN: GSI */
	uint32_t vector;		/* OUT */
};

struct physdev_map_pirq {
	domid_t domid;			/* IN */
	int32_t type;			/* IN: MAP_PIRQ_TYPE_* */
	int32_t index;			/* IN: GSI; or -1 for MSI */
	int32_t pirq;			/* IN: wanted number, -1 any; OUT */
	int32_t bus;			/* IN: for MSI, segment in the upper half */
	int32_t devfn;			/* IN */
	int32_t entry_nr;		/* IN: MSI-X entry, or count; OUT: count that would fit */
	uint64_t table_base;		/* IN: machine address of the MSI-X table, 0: MSI */
};

struct physdev_unmap_pirq {
	domid_t domid;			/* IN */
	int32_t pirq;			/* IN */
};

struct physdev_manage_pci {
	uint8_t bus;
	uint8_t devfn;
};

struct physdev_restore_msi {
	uint8_t bus;
	uint8_t devfn;
};

struct physdev_manage_pci_ext {
	uint8_t bus;
	uint8_t devfn;
	uint32_t is_extfn;
	uint32_t is_virtfn;
	struct {
		uint8_t bus;
		uint8_t devfn;
	} physfn;
};

/* Argument of the old, single-argument hypercall (physdev_op_compat). */
struct physdev_op {
	uint32_t cmd;
	union {
		struct physdev_irq_status_query irq_status_query;
		struct physdev_set_iopl set_iopl;
		struct physdev_set_iobitmap set_iobitmap;
		struct physdev_apic apic_op;
		struct physdev_irq irq_op;
	} u;
};

struct physdev_setup_gsi {
	int32_t gsi;			/* IN */
	uint8_t triggering;		/* IN: 0 edge, 1 level */
	uint8_t polarity;		/* IN: 0 active high, 1 active low */
};

struct physdev_get_free_pirq {
	int32_t type;			/* IN: MAP_PIRQ_TYPE_* */
	uint32_t pirq;			/* OUT */
};

struct physdev_pci_mmcfg_reserved {
	uint64_t address;		/* IN: machine address of bus 0's window */
	uint16_t segment;		/* IN */
	uint8_t start_bus;		/* IN */
	uint8_t end_bus;		/* IN: inclusive */
	uint32_t flags;			/* IN: XEN_PCI_MMCFG_RESERVED */
};

struct physdev_pci_device_add {
	uint16_t seg;			/* IN */
	uint8_t bus;			/* IN */
	uint8_t devfn;			/* IN */
	uint32_t flags;			/* IN: XEN_PCI_DEV_* */
	struct {
		uint8_t bus;
		uint8_t devfn;
	} physfn;			/* IN: with XEN_PCI_DEV_VIRTFN */
	uint32_t optarr[];		/* IN: with XEN_PCI_DEV_PXM */
};

struct physdev_pci_device {
	uint16_t seg;
	uint8_t bus;
	uint8_t devfn;
};

/* An EHCI debug port is about to be reset, or was. */
struct physdev_dbgp_op {
	uint8_t op;			/* IN: PHYSDEVOP_DBGP_RESET_* */
	uint8_t bus;			/* IN: PHYSDEVOP_DBGP_BUS_* */
	union {
		struct physdev_pci_device pci;
	} u;
};

#endif /* !__ASSEMBLER__ */

#endif /* PV_ABI_PHYSDEV_H */
