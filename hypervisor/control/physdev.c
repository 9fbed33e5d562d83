// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a domain with devices asks for: PIRQs, messages, I/O privileges, and dom0's reports about
 * PCI.
 */

#include "control/physdev.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "domain/domain.h"
#include "domain/event_channel.h"
#include "domain/guest_access.h"
#include "domain/pirq.h"
#include "domain/refusal.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "machine/ioapic.h"
#include "machine/irq.h"
#include "machine/msi.h"
#include "machine/pci.h"
#include "memory/heap.h"
#include "memory/log_dirty.h"
#include "pv-abi/errno.h"
#include "pv-abi/physdev.h"

/* -------------------------------------------------------------------------------------------------
 * Mapping
 */

/* `count` free PIRQs in a row, from the top; irqs->lock held. The first, or -ENOSPC. */
static int find_free(const struct domain_irqs *i, unsigned count)
{
	unsigned run = 0, floor = max(ioapic_nr_gsis(), 16U);

	for (unsigned pirq = NR_PIRQS; pirq-- > floor; ) {
		run = i->map[pirq] == PIRQ_FREE ? run + 1 : 0;
		if (run == count)
			return (int)pirq;
	}
	return -ENOSPC;
}

static int find_mapped(const struct domain_irqs *i, unsigned irq)
{
	for (unsigned pirq = 0; pirq < NR_PIRQS; pirq++)
		if (i->map[pirq] == irq + 1)
			return (int)pirq;
	return -ENOENT;
}

static bool may_use_gsi(struct domain *d, unsigned gsi)
{
	return d->privileged || range_set_contains(&d->perms.irqs, gsi, gsi);
}

static int map_gsi(struct domain *d, struct physdev_map_pirq *map)
{
	struct domain_irqs *i = d->irqs;
	unsigned gsi = (unsigned)map->index;
	int have, err = 0;

	if (map->index < 0 || !ioapic_has_gsi(gsi))
		return -EINVAL;
	if (map->pirq < -1 || map->pirq >= NR_PIRQS)
		return -EINVAL;
	if (!may_use_gsi(current->domain, gsi))
		return -EPERM;
	spin_lock(&i->lock);
	have = find_mapped(i, gsi);
	if (d->dying)
		err = -ESRCH;
	else if (have >= 0 && (map->pirq == -1 || map->pirq == have))
		map->pirq = have;
	else if (have >= 0)
		err = -EEXIST;
	else if (map->pirq == -1 && gsi < NR_PIRQS && i->map[gsi] == PIRQ_FREE)
		map->pirq = (int)gsi;
	else if (map->pirq == -1)
		map->pirq = err = find_free(i, 1);
	else if (i->map[map->pirq] != PIRQ_FREE && i->map[map->pirq] != PIRQ_RESERVED)
		err = -EEXIST;
	if (err >= 0) {
		WRITE_ONCE(i->map[map->pirq], (u16)(gsi + 1));
		err = 0;
	}
	spin_unlock(&i->lock);
	return err;
}

static int map_messages(struct domain *d, struct physdev_map_pirq *map)
{
	struct domain_irqs *i = d->irqs;
	unsigned count = 1, limit = 0;
	bool msix = false;
	u16 before = PIRQ_FREE;
	pci_sbdf_t sbdf;
	int pirq, irq;

	if (!current->domain->privileged)
		return -EPERM;
	if (map->pirq < -1 || map->pirq >= NR_PIRQS || map->devfn & ~0xff)
		return -EINVAL;
	sbdf = PCI_SBDF(map->type == MAP_PIRQ_TYPE_MSI ? 0 : (u32)map->bus >> 16 & 0xffff,
			map->bus & 0xff, map->devfn);
	if (map->type == MAP_PIRQ_TYPE_MULTI_MSI) {
		if (map->entry_nr < 1 || map->entry_nr > 32 ||
		    (map->entry_nr > 1 && map->pirq != -1))
			return -EINVAL;
		count = (unsigned)map->entry_nr;
		if (count & (count - 1)) {
			/* Blocks are powers of two; say what would do. */
			map->entry_nr = 1 << (31 - __builtin_clz(count));
			return -E2BIG;
		}
	} else {
		msix = map->table_base != 0;
		if (msix && map->entry_nr < 0)
			return -EINVAL;
	}

	spin_lock(&pci_lock);
	spin_lock(&i->lock);
	pirq = map->pirq == -1 ? find_free(i, count) : map->pirq;
	if (d->dying)
		pirq = -ESRCH;
	if (pirq >= 0) {
		before = i->map[pirq];
		if (before != PIRQ_FREE && before != PIRQ_RESERVED)
			pirq = -EEXIST;
	}
	for (unsigned n = 0; pirq >= 0 && n < count; n++)
		i->map[pirq + (int)n] = PIRQ_RESERVED;
	spin_unlock(&i->lock);
	if (pirq < 0) {
		spin_unlock(&pci_lock);
		return pirq;
	}

	irq = msi_map(sbdf, msix, msix ? (unsigned)map->entry_nr : 0, count, map->table_base,
		      &limit);

	/* domain_irqs_release() waits for pci_lock, so the reserved numbers are still ours. */
	spin_lock(&i->lock);
	for (unsigned n = 0; n < count; n++)
		WRITE_ONCE(i->map[pirq + (int)n], irq < 0 ? before : (u16)(irq + (int)n + 1));
	spin_unlock(&i->lock);
	spin_unlock(&pci_lock);
	if (irq < 0) {
		if (irq == -E2BIG && limit)
			map->entry_nr = (int)limit;
		return irq;
	}
	map->pirq = pirq;
	return 0;
}

/*
 * The domain that a PIRQ operation is about, referenced; the caller itself or, with privilege,
 * another one.
 */
static struct domain *target(domid_t id, int *err)
{
	struct domain *d = domain_get(id);

	*err = 0;
	if (!d) {
		*err = -ESRCH;
	} else if (d != current->domain && !current->domain->privileged) {
		domain_put(d);
		*err = -EPERM;
		return NULL;
	} else if (!d->irqs) {
		domain_put(d);
		*err = -EINVAL;
		return NULL;
	}
	return d;
}

static int op_map_pirq(u64 arg)
{
	struct physdev_map_pirq map;
	struct domain *d;
	int err;

	if (get_guest(map, arg))
		return -EFAULT;
	d = target(map.domid, &err);
	if (!d)
		return err;
	switch (map.type) {
	case MAP_PIRQ_TYPE_GSI:
		err = map_gsi(d, &map);
		break;
	case MAP_PIRQ_TYPE_MSI:
	case MAP_PIRQ_TYPE_MSI_SEG:
	case MAP_PIRQ_TYPE_MULTI_MSI:
		err = map_messages(d, &map);
		break;
	default:
		err = -EINVAL;
	}
	domain_put(d);
	if (put_guest(map, arg))
		return -EFAULT;
	return err;
}

static int op_unmap_pirq(u64 arg)
{
	struct physdev_unmap_pirq unmap;
	struct domain *d;
	int err;

	if (get_guest(unmap, arg))
		return -EFAULT;
	d = target(unmap.domid, &err);
	if (!d)
		return err;
	spin_lock(&pci_lock);
	err = pirq_unmap(d, (unsigned)unmap.pirq);
	spin_unlock(&pci_lock);
	domain_put(d);
	return err;
}

static int op_get_free_pirq(u64 arg)
{
	struct physdev_get_free_pirq op;
	struct domain_irqs *i = current->domain->irqs;
	int pirq = -ENOSPC;

	if (get_guest(op, arg))
		return -EFAULT;
	spin_lock(&i->lock);
	if (op.type == MAP_PIRQ_TYPE_GSI) {
		for (unsigned n = 16; n < ioapic_nr_gsis() && pirq < 0; n++)
			if (i->map[n] == PIRQ_FREE)
				pirq = (int)n;
	} else {
		pirq = find_free(i, 1);
	}
	if (pirq >= 0)
		i->map[pirq] = PIRQ_RESERVED;
	spin_unlock(&i->lock);
	if (pirq < 0)
		return pirq;
	op.pirq = (u32)pirq;
	return put_guest(op, arg);
}

/* -------------------------------------------------------------------------------------------------
 * EOI
 */

/* pirq_eoi_gmfn_v1: an EOI unmasks the port too. */
static void unmask_port(struct domain *d, unsigned pirq)
{
	u32 port = event_pirq_port(d, pirq);
	struct event_channel *chn = port ? event_lookup(d, port) : NULL;
	u64 flags;

	if (!chn)
		return;
	flags = spin_lock_irqsave(&chn->lock);
	if (chn->state == EVENT_PIRQ && chn->u.pirq == pirq) {
		if (d->events.fifo)
			event_fifo_unmask(d, chn);
		else
			event_2l_unmask(d, chn);
	}
	spin_unlock_irqrestore(&chn->lock, flags);
}

static int op_eoi(u64 arg)
{
	struct physdev_eoi eoi;

	if (get_guest(eoi, arg))
		return -EFAULT;
	if (eoi.irq >= NR_PIRQS)
		return -EINVAL;
	if (READ_ONCE(current->domain->irqs->eoi_unmasks))
		unmask_port(current->domain, eoi.irq);
	pirq_guest_eoi(current->domain, eoi.irq);
	return 0;
}

static int op_pirq_eoi_gmfn(u64 arg, bool unmasks)
{
	struct physdev_pirq_eoi_gmfn op;
	struct domain *d = current->domain;
	struct domain_irqs *i = d->irqs;
	struct frame *f;
	int err;

	if (get_guest(op, arg))
		return -EFAULT;
	if (!mfn_valid(op.gmfn))
		return -EINVAL;
	f = mfn_to_frame(op.gmfn);
	err = frame_get_and_type(f, d, FT_WRITABLE);
	if (err)
		return err;
	spin_lock(&i->lock);
	if (i->eoi_frame || d->dying) {
		err = -EBUSY;
	} else {
		i->eoi_frame = f;
		i->eoi_map = frame_to_va(f);
		i->eoi_unmasks = unmasks;
		frame_dirtied(f);
		for (unsigned pirq = 0; pirq < NR_PIRQS; pirq++) {
			int irq = pirq_irq(i, pirq);

			pirq_mark_eoi(i, pirq, irq >= 0 && irq_is_level((unsigned)irq));
		}
	}
	spin_unlock(&i->lock);
	if (err)
		frame_put_and_type(f);
	return err;
}

static int op_irq_status_query(u64 arg)
{
	struct physdev_irq_status_query op;
	int irq;

	if (get_guest(op, arg))
		return -EFAULT;
	if (op.irq >= NR_PIRQS)
		return -EINVAL;
	op.flags = 0;
	irq = pirq_to_irq(current->domain, op.irq);
	if (irq >= 0) {
		if (irq_is_level((unsigned)irq))
			op.flags |= XENIRQSTAT_needs_eoi;
		if (irq_is_shared((unsigned)irq))
			op.flags |= XENIRQSTAT_shared;
	}
	return put_guest(op, arg);
}

/* -------------------------------------------------------------------------------------------------
 * The rest
 */

static int op_set_iopl(u64 arg)
{
	struct physdev_set_iopl op;

	if (get_guest(op, arg))
		return -EFAULT;
	if (op.iopl > 3)
		return -EINVAL;
	current->pv.iopl = (u8)op.iopl;
	return 0;
}

static int op_set_iobitmap(u64 arg)
{
	struct physdev_set_iobitmap op;

	if (get_guest(op, arg))
		return -EFAULT;
	if (op.nr_ports > 65536 || !guest_range_ok(op.bitmap, DIV_ROUND_UP(op.nr_ports, 8)))
		return -EINVAL;
	current->pv.iobitmap = op.bitmap;
	current->pv.iobitmap_ports = op.nr_ports;
	return 0;
}

static int op_apic_read(u64 arg)
{
	struct physdev_apic op;
	int err;

	if (get_guest(op, arg))
		return -EFAULT;
	err = ioapic_read_register(op.apic_physbase, op.reg, &op.value);
	return err ? err : put_guest(op, arg);
}

/*
 * Vectors and destinations are ours; of a redirection entry the guest decides trigger mode and
 * polarity.
 */
static int op_apic_write(u64 arg)
{
	struct physdev_apic op;
	unsigned gsi;

	if (get_guest(op, arg))
		return -EFAULT;
	if (ioapic_register_gsi(op.apic_physbase, op.reg, &gsi) || op.reg & 1)
		return 0;
	irq_setup_gsi(gsi, op.value & BIT(15), op.value & BIT(13));
	return 0;
}

static int op_alloc_irq_vector(u64 arg)
{
	struct physdev_irq op;

	if (get_guest(op, arg))
		return -EFAULT;
	if (op.irq >= IRQ_GSIS || !ioapic_has_gsi(op.irq))
		return -EINVAL;
	/* The number means nothing to the guest: the vector comes with the first binding. */
	op.vector = irq_descs[op.irq].vector;
	return put_guest(op, arg);
}

static int op_setup_gsi(u64 arg)
{
	struct physdev_setup_gsi op;

	if (get_guest(op, arg))
		return -EFAULT;
	if (op.gsi < 0 || op.triggering > 1 || op.polarity > 1)
		return -EINVAL;
	return irq_setup_gsi((unsigned)op.gsi, op.triggering, op.polarity);
}

/*
 * The operations on a device that name it in three layouts: without segment, with more after it,
 * and by itself.
 */
static int op_manage_pci(u64 cmd, u64 arg)
{
	struct physdev_manage_pci op;

	if (get_guest(op, arg))
		return -EFAULT;
	if (cmd == PHYSDEVOP_manage_pci_add)
		return pci_device_add(PCI_SBDF(0, op.bus, op.devfn), false);
	if (cmd == PHYSDEVOP_manage_pci_remove)
		return pci_device_remove(PCI_SBDF(0, op.bus, op.devfn));
	return msi_restore(PCI_SBDF(0, op.bus, op.devfn));
}

static int op_manage_pci_ext(u64 arg)
{
	struct physdev_manage_pci_ext op;

	if (get_guest(op, arg))
		return -EFAULT;
	return pci_device_add(PCI_SBDF(0, op.bus, op.devfn), op.is_virtfn);
}

static int op_pci_device_add(u64 arg)
{
	struct physdev_pci_device_add op;

	if (get_guest(op, arg))
		return -EFAULT;
	if (op.flags & ~(u32)(XEN_PCI_DEV_EXTFN | XEN_PCI_DEV_VIRTFN | XEN_PCI_DEV_PXM))
		return -EINVAL;
	return pci_device_add(PCI_SBDF(op.seg, op.bus, op.devfn), op.flags & XEN_PCI_DEV_VIRTFN);
}

static int op_pci_device(u64 cmd, u64 arg)
{
	struct physdev_pci_device op;
	pci_sbdf_t sbdf;

	if (get_guest(op, arg))
		return -EFAULT;
	sbdf = PCI_SBDF(op.seg, op.bus, op.devfn);
	switch (cmd) {
	case PHYSDEVOP_pci_device_remove:
		return pci_device_remove(sbdf);
	case PHYSDEVOP_restore_msi_ext:
		return msi_restore(sbdf);
	default:
		return msi_prepare_msix(sbdf, cmd == PHYSDEVOP_prepare_msix);
	}
}

static int op_pci_mmcfg_reserved(u64 arg)
{
	struct physdev_pci_mmcfg_reserved op;

	if (get_guest(op, arg))
		return -EFAULT;
	if (op.flags & ~(u32)XEN_PCI_MMCFG_RESERVED)
		return -EINVAL;
	/* Not reserved: dom0 will not use the window, and neither shall we take it from there. */
	if (!(op.flags & XEN_PCI_MMCFG_RESERVED))
		return 0;
	return pci_mmcfg_reserved(op.address, op.segment, op.start_bus, op.end_bus);
}

/* What others are told -EPERM about; a number that nobody knows is -ENOSYS for them, too. */
#define PRIVILEGED_OPS                                                                    \
	(BIT(PHYSDEVOP_apic_read) | BIT(PHYSDEVOP_apic_write) |                           \
	 BIT(PHYSDEVOP_alloc_irq_vector) | BIT(PHYSDEVOP_setup_gsi) |                     \
	 BIT(PHYSDEVOP_manage_pci_add) | BIT(PHYSDEVOP_manage_pci_remove) |               \
	 BIT(PHYSDEVOP_restore_msi) | BIT(PHYSDEVOP_manage_pci_add_ext) |                 \
	 BIT(PHYSDEVOP_pci_device_add) | BIT(PHYSDEVOP_pci_device_remove) |               \
	 BIT(PHYSDEVOP_restore_msi_ext) | BIT(PHYSDEVOP_prepare_msix) |                   \
	 BIT(PHYSDEVOP_release_msix) | BIT(PHYSDEVOP_pci_mmcfg_reserved) |                \
	 BIT(PHYSDEVOP_dbgp_op))

static s64 privileged_op(u64 cmd, u64 arg)
{
	switch (cmd) {
	case PHYSDEVOP_apic_read:
		return op_apic_read(arg);
	case PHYSDEVOP_apic_write:
		return op_apic_write(arg);
	case PHYSDEVOP_alloc_irq_vector:
		return op_alloc_irq_vector(arg);
	case PHYSDEVOP_setup_gsi:
		return op_setup_gsi(arg);
	case PHYSDEVOP_manage_pci_add:
	case PHYSDEVOP_manage_pci_remove:
	case PHYSDEVOP_restore_msi:
		return op_manage_pci(cmd, arg);
	case PHYSDEVOP_manage_pci_add_ext:
		return op_manage_pci_ext(arg);
	case PHYSDEVOP_pci_device_add:
		return op_pci_device_add(arg);
	case PHYSDEVOP_pci_device_remove:
	case PHYSDEVOP_restore_msi_ext:
	case PHYSDEVOP_prepare_msix:
	case PHYSDEVOP_release_msix:
		return op_pci_device(cmd, arg);
	case PHYSDEVOP_pci_mmcfg_reserved:
		return op_pci_mmcfg_reserved(arg);
	default:
		return refused("physdev_op", cmd, -ENOSYS);
	}
}

s64 do_physdev_op(u64 cmd, u64 arg)
{
	switch (cmd) {
	case PHYSDEVOP_eoi:
		return op_eoi(arg);
	case PHYSDEVOP_pirq_eoi_gmfn_v1:
		return op_pirq_eoi_gmfn(arg, true);
	case PHYSDEVOP_pirq_eoi_gmfn_v2:
		return op_pirq_eoi_gmfn(arg, false);
	case PHYSDEVOP_irq_status_query:
		return op_irq_status_query(arg);
	case PHYSDEVOP_map_pirq:
		return op_map_pirq(arg);
	case PHYSDEVOP_unmap_pirq:
		return op_unmap_pirq(arg);
	case PHYSDEVOP_get_free_pirq:
		return op_get_free_pirq(arg);
	case PHYSDEVOP_set_iopl:
		return op_set_iopl(arg);
	case PHYSDEVOP_set_iobitmap:
		return op_set_iobitmap(arg);
	case PHYSDEVOP_free_irq_vector: /* vectors stay with their line */
		return 0;
	default:
		if (current->domain->privileged)
			return privileged_op(cmd, arg);
		return refused("physdev_op", cmd,
			       cmd < 64 && (BIT(cmd) & PRIVILEGED_OPS) ? -EPERM : -ENOSYS);
	}
}

/* The old form carries the number in the structure; only operations that existed then are in it. */
s64 do_physdev_op_compat(u64 arg)
{
	u32 cmd;

	if (get_guest(cmd, arg))
		return -EFAULT;
	switch (cmd) {
	case PHYSDEVOP_irq_status_query:
	case PHYSDEVOP_set_iopl:
	case PHYSDEVOP_set_iobitmap:
	case PHYSDEVOP_apic_read:
	case PHYSDEVOP_apic_write:
	case PHYSDEVOP_alloc_irq_vector:
	case PHYSDEVOP_free_irq_vector:
		return do_physdev_op(cmd, arg + offsetof(struct physdev_op, u));
	default:
		return refused("physdev_op_compat", cmd, -ENOSYS);
	}
}
