// SPDX-License-Identifier: GPL-2.0-or-later

#include "cpu/cpu.h"
#include "cpu/stop.h"
#include "lib/cmdline.h"
#include "lib/printk.h"
#include "machine/acpi.h"
#include "machine/console.h"
#include "machine/efi.h"
#include "machine/pci.h"
#include "machine/power.h"
#include "memory/ioremap.h"
#include "pv-abi/errno.h"

#define PM1_SLP_TYP_SHIFT  10
#define PM1_SLP_TYP_MASK   (7U << PM1_SLP_TYP_SHIFT)
#define PM1_SLP_EN         (1U << 13)
/* The hardware-reduced sleep control register (ACPI 4.8.3.7) */
#define SLEEP_TYP_SHIFT    2
#define SLEEP_EN           (1U << 5)

bool opt_noreboot;
OPTION_BOOL("noreboot", opt_noreboot);

/* Mapped at boot: the registers that are in memory. Read-only afterwards. */
static volatile u8 *reset_va, *pm1a_va, *pm1b_va, *sleep_va;

static volatile u8 *map_register(const struct acpi_register *r)
{
	if (r->space != ACPI_SPACE_MEMORY || !r->address)
		return NULL;
	return ioremap(r->address, 4);
}

void power_init(void)
{
	reset_va = map_register(&acpi_info.reset);
	pm1a_va = map_register(&acpi_info.pm1a_control);
	pm1b_va = map_register(&acpi_info.pm1b_control);
	sleep_va = map_register(&acpi_info.sleep_control);
}

/* A few hundred microseconds to a few milliseconds: ports of the ISA bus take about one each. */
static void pause_io(unsigned n)
{
	while (n--)
		(void)inb(0x80);
}

void machine_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt" ::: "memory");
}

static void reset_by_acpi(void)
{
	const struct acpi_register *r = &acpi_info.reset;

	if (!r->address)
		return;
	if (r->space == ACPI_SPACE_IO)
		outb((u16)r->address, acpi_info.reset_value);
	else if (r->space == ACPI_SPACE_MEMORY && reset_va)
		*reset_va = acpi_info.reset_value;
	else if (r->space == ACPI_SPACE_PCI)
		/* Bus 0; device, function and offset in one 16-bit field each (ACPI 5.2.3.2). */
		pci_write(PCI_SBDF(0, 0,
				   ((r->address >> 32) & 0x1f) << 3 | ((r->address >> 16) & 7)),
			  r->address & 0xff, 1, acpi_info.reset_value);
	pause_io(50000);
}

void machine_restart(void)
{
	struct {
		u16 limit;
		u64 base;
	} __packed no_idt = { 0, 0 };

	local_irq_disable();
	console_sync();
	if (opt_noreboot) {
		printk(LOG_INFO "noreboot: halted instead of restarting\n");
		machine_halt();
	}
	/* Nobody is to be in VMX operation, where an INIT would wait. */
	stop_other_cpus();
	stop_vmx_here();
	pause_io(100);
	reset_by_acpi();
	efi_reset(false);
	/* The reset control register of PCI chipsets: system reset, then with the CPU. */
	outb(0xcf9, 0x02);
	pause_io(50);
	outb(0xcf9, 0x06);
	pause_io(50000);
	if (!acpi_info.no_8042) {
		for (unsigned i = 0; i < 10; i++) {
			for (unsigned n = 0; n < 10000 && inb(0x64) & 2; n++)
				cpu_relax();
			outb(0x64, 0xfe);
			pause_io(5000);
		}
	}
	for (;;)
		__asm__ volatile("lidt %0; int3" :: "m"(no_idt));
}

static void write_pm1(const struct acpi_register *r, volatile u8 *va, u16 value)
{
	if (!r->address)
		return;
	if (r->space == ACPI_SPACE_IO)
		outw((u16)r->address, value);
	else if (va)
		*(volatile u16 *)va = value;
}

int machine_acpi_sleep(u16 val_a, u16 val_b, bool extended)
{
	const struct acpi_register *sleep = &acpi_info.sleep_control;

	console_flush();
	if (extended) {
		if (!sleep->address || (sleep->space == ACPI_SPACE_MEMORY && !sleep_va))
			return -ENODEV;
		/* dom0 passes the bare sleep type here. */
		if (sleep->space == ACPI_SPACE_IO)
			outb((u16)sleep->address, (u8)((val_a & 7) << SLEEP_TYP_SHIFT | SLEEP_EN));
		else if (sleep_va)
			*sleep_va = (u8)((val_a & 7) << SLEEP_TYP_SHIFT | SLEEP_EN);
	} else {
		if (!acpi_info.pm1a_control.address)
			return -ENODEV;
		/*
		 * First the type alone: some chipsets want it there before the enable bit (ACPI
		 * 16.1.1).
		 */
		write_pm1(&acpi_info.pm1a_control, pm1a_va, val_a & ~PM1_SLP_EN);
		write_pm1(&acpi_info.pm1b_control, pm1b_va, val_b & ~PM1_SLP_EN);
		wbinvd();
		write_pm1(&acpi_info.pm1a_control, pm1a_va, val_a | PM1_SLP_EN);
		write_pm1(&acpi_info.pm1b_control, pm1b_va, val_b | PM1_SLP_EN);
	}
	pause_io(1000000);
	return -EIO;
}

static u16 read_pm1(const struct acpi_register *r, volatile u8 *va)
{
	if (!r->address)
		return 0;
	if (r->space == ACPI_SPACE_IO)
		return inw((u16)r->address);
	return va ? *(volatile u16 *)va : 0;
}

void machine_power_off(void)
{
	u16 a, b;

	local_irq_disable();
	console_sync();
	if (acpi_info.s5_known) {
		if (acpi_info.hardware_reduced)
			machine_acpi_sleep(acpi_info.s5_a, 0, true);
		a = read_pm1(&acpi_info.pm1a_control, pm1a_va) & ~PM1_SLP_TYP_MASK;
		b = read_pm1(&acpi_info.pm1b_control, pm1b_va) & ~PM1_SLP_TYP_MASK;
		machine_acpi_sleep((u16)(a | acpi_info.s5_a << PM1_SLP_TYP_SHIFT),
				   (u16)(b | acpi_info.s5_b << PM1_SLP_TYP_SHIFT), false);
	}
	efi_reset(true);
	printk(LOG_ERR "This machine cannot be switched off by software: halted\n");
	machine_halt();
}
