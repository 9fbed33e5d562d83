// SPDX-License-Identifier: GPL-2.0-or-later
#include "pv/ioport.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "machine/pci.h"
#include "pv/root.h"

/* The bitmap lies in the kernel's memory, which the user root need not map. */
static bool read_kernel_byte(struct vcpu *v, vaddr_t va, u8 *byte)
{
	bool switch_root = !v->pv.kernel_mode && !v->pv.root32 && !v->domain->ring1, ok;
	u64 irq = local_irq_save();

	if (switch_root)
		root_load_mfn(v->pv.cr3_kernel);
	ok = !copy_from_guest(byte, va, 1);
	if (switch_root)
		root_load_mfn(v->pv.cr3_user);
	local_irq_restore(irq);
	return ok;
}

bool iopl_suffices(void)
{
	const struct vcpu *v = current;
	u64 assist = atomic_read(&v->domain->vm_assist);
	u8 ring = 3;

	if (v->pv.kernel_mode)
		ring = assist & BIT(VMASST_TYPE_architectural_iopl) ? 0 : 1;
	return v->pv.iopl >= ring;
}

bool ioport_allowed(u32 port, unsigned size)
{
	struct vcpu *v = current;
	u8 bits[2] = { 0xff, 0xff };

	if (iopl_suffices())
		return true;
	if (!v->pv.iobitmap || port + size > v->pv.iobitmap_ports)
		return false;
	/* Two bytes, as an unaligned access may need; the second may lie past the bitmap's end. */
	if (!read_kernel_byte(v, v->pv.iobitmap + port / 8, &bits[0]))
		return false;
	if (port % 8 + size > 8 && !read_kernel_byte(v, v->pv.iobitmap + port / 8 + 1, &bits[1]))
		return false;
	return !(((bits[0] | bits[1] << 8) >> (port % 8)) & ((1U << size) - 1));
}

u32 ioport_read(u32 port, unsigned size)
{
	struct domain *d = current->domain;

	if (range_set_contains(&d->perms.ports, port, port + size - 1))
		return size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
	if (port == 0xcf8 && size == 4)
		return current->pv.pci_cf8;
	if (port >= 0xcfc && port + size <= 0xd00)
		return pci_guest_cfg_read(d->privileged, current->pv.pci_cf8, port - 0xcfc, size);
	/* Part of a wider access may be allowed, as on a bus. */
	if (size > 1)
		return ioport_read(port, size / 2) | ioport_read(port + size / 2, size / 2)
							     << (size * 4);
	return ~0U >> (32 - 8 * size);
}

void ioport_write(u32 port, unsigned size, u32 value)
{
	struct domain *d = current->domain;

	if (range_set_contains(&d->perms.ports, port, port + size - 1)) {
		if (size == 1)
			outb(port, value);
		else if (size == 2)
			outw(port, value);
		else
			outl(port, value);
	} else if (port == 0xcf8 && size == 4) {
		current->pv.pci_cf8 = value;
	} else if (port >= 0xcfc && port + size <= 0xd00) {
		pci_guest_cfg_write(d->privileged, current->pv.pci_cf8, port - 0xcfc, size, value);
	} else if (size > 1) {
		ioport_write(port, size / 2, value);
		ioport_write(port + size / 2, size / 2, value >> (size * 4));
	}
}
