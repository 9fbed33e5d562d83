// SPDX-License-Identifier: GPL-2.0-or-later
/* The ACPI power management timer: ACPI specification, 4.8.3.3. */
#include "cpu/cpu.h"
#include "lib/printk.h"
#include "machine/acpi.h"
#include "machine/counter.h"
#include "memory/ioremap.h"

#define PMTIMER_HZ 3579545

static u16 port;
static volatile u32 *reg;
static struct platform_counter counter = { .name = "ACPI PM timer", .hz = PMTIMER_HZ };

static u64 read_counter(void)
{
	return (reg ? *reg : inl(port)) & counter.mask;
}

const struct platform_counter *pmtimer_counter(void)
{
	u64 first;

	if (!acpi_info.pm_timer.address)
		return NULL;
	if (acpi_info.pm_timer.space == ACPI_SPACE_IO && acpi_info.pm_timer.address <= 0xfffc) {
		port = (u16)acpi_info.pm_timer.address;
	} else if (acpi_info.pm_timer.space == ACPI_SPACE_MEMORY) {
		reg = ioremap(acpi_info.pm_timer.address, sizeof(*reg));
		if (!reg)
			return NULL;
	} else {
		return NULL;
	}
	counter.mask = acpi_info.pm_timer_32bit ? 0xffffffff : 0xffffff;
	counter.read = read_counter;
	first = read_counter();
	for (unsigned i = 0; i < 100000; i++)
		if (read_counter() != first)
			return &counter;
	printk(LOG_WARN "acpi: the PM timer stands still, not used\n");
	return NULL;
}
