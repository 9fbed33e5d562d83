// SPDX-License-Identifier: GPL-2.0-or-later
/* I/O APICs: Intel 82093AA data sheet; the version 0x20 ones of chipsets are the same to us. */

#include "lib/printk.h"
#include "lib/spinlock.h"
#include "machine/acpi.h"
#include "machine/ioapic.h"
#include "machine/irq.h"
#include "memory/ioremap.h"
#include "pv-abi/errno.h"

#define IOAPIC_SELECT  0x00
#define IOAPIC_WINDOW  0x10
#define IOAPIC_ID      0x00
#define IOAPIC_VERSION 0x01
#define IOAPIC_ARB     0x02
#define IOAPIC_RTE(n)  (0x10 + 2 * (n))

#define RTE_MASKED     BIT(16)
#define RTE_LEVEL      BIT(15)
#define RTE_ACTIVE_LOW BIT(13)

struct ioapic {
	struct spinlock lock;   /* the register window and `rte`; a leaf, interrupts off */
	paddr_t base;
	volatile u8 *regs;
	u32 gsi_base;
	unsigned pins;
	u64 rte[240];           /* as last written */
};

/* Filled by ioapic_init(), the geometry is constant afterwards. */
static struct ioapic ioapics[ACPI_MAX_IOAPICS];
static unsigned nr_ioapics, nr_gsis;

static u32 ioapic_read(struct ioapic *a, u32 reg)
{
	*(volatile u32 *)(a->regs + IOAPIC_SELECT) = reg;
	return *(volatile u32 *)(a->regs + IOAPIC_WINDOW);
}

static void ioapic_write(struct ioapic *a, u32 reg, u32 value)
{
	*(volatile u32 *)(a->regs + IOAPIC_SELECT) = reg;
	*(volatile u32 *)(a->regs + IOAPIC_WINDOW) = value;
}

/*
 * The half with the mask goes last when it unmasks and first when it masks: never a live entry that
 * is half new.
 */
static void write_rte(struct ioapic *a, unsigned pin, u64 rte)
{
	if (rte & RTE_MASKED) {
		ioapic_write(a, IOAPIC_RTE(pin), (u32)rte);
		ioapic_write(a, IOAPIC_RTE(pin) + 1, (u32)(rte >> 32));
	} else {
		if ((a->rte[pin] ^ rte) >> 32)
			ioapic_write(a, IOAPIC_RTE(pin) + 1, (u32)(rte >> 32));
		ioapic_write(a, IOAPIC_RTE(pin), (u32)rte);
	}
	a->rte[pin] = rte;
}

static struct ioapic *find(unsigned gsi, unsigned *pin)
{
	for (unsigned i = 0; i < nr_ioapics; i++) {
		if (gsi < ioapics[i].gsi_base || gsi - ioapics[i].gsi_base >= ioapics[i].pins)
			continue;
		*pin = gsi - ioapics[i].gsi_base;
		return &ioapics[i];
	}
	return NULL;
}

void ioapic_init(void)
{
	for (unsigned i = 0; i < acpi_info.nr_ioapics; i++) {
		struct ioapic *a = &ioapics[nr_ioapics];
		u32 version;

		a->base = acpi_info.ioapics[i].base;
		a->gsi_base = acpi_info.ioapics[i].gsi_base;
		if (a->gsi_base >= IRQ_GSIS)
			continue;
		a->regs = ioremap(a->base, PAGE_SIZE - (a->base & ~PAGE_MASK));
		if (!a->regs)
			continue;
		version = ioapic_read(a, IOAPIC_VERSION);
		if (version == 0xffffffff) {
			printk(LOG_WARN "ioapic: nothing answers at %#lx\n",
			       (unsigned long)a->base);
			continue;
		}
		a->pins = min(((version >> 16) & 0xff) + 1, (u32)ARRAY_SIZE(a->rte));
		a->pins = min(a->pins, IRQ_GSIS - a->gsi_base);
		spin_lock_init(&a->lock);
		for (unsigned pin = 0; pin < a->pins; pin++)
			write_rte(a, pin, RTE_MASKED);
		nr_gsis = max(nr_gsis, a->gsi_base + a->pins);
		nr_ioapics++;
		printk(LOG_INFO "ioapic: GSIs %u-%u at %#lx\n", a->gsi_base,
		       a->gsi_base + a->pins - 1, (unsigned long)a->base);
	}
}

unsigned ioapic_nr_gsis(void)
{
	return nr_gsis;
}

bool ioapic_has_gsi(unsigned gsi)
{
	unsigned pin;

	return find(gsi, &pin) != NULL;
}

void ioapic_program(unsigned gsi, u8 vector, u32 dest, bool level, bool active_low)
{
	unsigned pin;
	struct ioapic *a = find(gsi, &pin);
	u64 flags;

	if (!a)
		return;
	flags = spin_lock_irqsave(&a->lock);
	write_rte(a, pin,
		  vector | RTE_MASKED | (level ? RTE_LEVEL : 0) |
			  (active_low ? RTE_ACTIVE_LOW : 0) | (u64)(dest & 0xff) << 56);
	spin_unlock_irqrestore(&a->lock, flags);
}

static void change(unsigned gsi, u64 clear, u64 set)
{
	unsigned pin;
	struct ioapic *a = find(gsi, &pin);
	u64 flags;

	if (!a)
		return;
	flags = spin_lock_irqsave(&a->lock);
	write_rte(a, pin, (a->rte[pin] & ~clear) | set);
	/* A mask must have arrived at the I/O APIC before the EOI does: read back. */
	if (set & RTE_MASKED)
		ioapic_read(a, IOAPIC_RTE(pin));
	spin_unlock_irqrestore(&a->lock, flags);
}

void ioapic_mask(unsigned gsi)
{
	change(gsi, 0, RTE_MASKED);
}

void ioapic_unmask(unsigned gsi)
{
	change(gsi, RTE_MASKED, 0);
}

void ioapic_set_dest(unsigned gsi, u32 dest)
{
	change(gsi, 0xffULL << 56, (u64)(dest & 0xff) << 56);
}

static struct ioapic *find_base(paddr_t base)
{
	for (unsigned i = 0; i < nr_ioapics; i++)
		if (ioapics[i].base == base)
			return &ioapics[i];
	return NULL;
}

int ioapic_read_register(paddr_t base, u32 reg, u32 *value)
{
	struct ioapic *a = find_base(base);
	u64 flags;

	if (!a || (reg > IOAPIC_ARB && reg < IOAPIC_RTE(0)) || reg >= IOAPIC_RTE(a->pins))
		return -EINVAL;
	flags = spin_lock_irqsave(&a->lock);
	*value = ioapic_read(a, reg);
	spin_unlock_irqrestore(&a->lock, flags);
	return 0;
}

int ioapic_register_gsi(paddr_t base, u32 reg, unsigned *gsi)
{
	struct ioapic *a = find_base(base);

	if (!a || reg < IOAPIC_RTE(0) || reg >= IOAPIC_RTE(a->pins))
		return -EINVAL;
	*gsi = a->gsi_base + (reg - IOAPIC_RTE(0)) / 2;
	return 0;
}

bool ioapic_owns_mfn(u64 mfn)
{
	for (unsigned i = 0; i < nr_ioapics; i++)
		if (ioapics[i].base >> PAGE_SHIFT == mfn)
			return true;
	return false;
}
