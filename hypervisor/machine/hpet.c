// SPDX-License-Identifier: GPL-2.0-or-later
/* The HPET's main counter: IA-PC HPET specification 1.0a, 2.3. Its comparators are not used. */
#include "cpu/cpu.h"
#include "lib/printk.h"
#include "machine/acpi.h"
#include "machine/counter.h"
#include "memory/ioremap.h"

#define HPET_CAPS    0x000 /* low half: features, high half: period in fs */
#define HPET_PERIOD  0x004
#define HPET_CONFIG  0x010
#define HPET_COUNTER 0x0f0
#define HPET_LENGTH  0x400

#define CAPS_64BIT     BIT(13)
#define CONFIG_ENABLE  BIT(0)
#define CONFIG_LEGACY  BIT(1)
#define PERIOD_MAX     100000000U /* fs; the specification's limit */
#define FS_PER_SEC     1000000000000000ULL

static volatile u8 *regs;
static struct platform_counter counter = { .name = "HPET" };

static u32 hpet_read(unsigned reg)
{
	return *(volatile u32 *)(regs + reg);
}

static void hpet_write(unsigned reg, u32 value)
{
	*(volatile u32 *)(regs + reg) = value;
}

/*
 * The low half only: one access, and the halves of a 64-bit read need not fit together everywhere.
 */
static u64 read_counter(void)
{
	return hpet_read(HPET_COUNTER);
}

const struct platform_counter *hpet_counter(void)
{
	u32 period, first;

	if (!acpi_info.hpet.address)
		return NULL;
	regs = ioremap(acpi_info.hpet.address, HPET_LENGTH);
	if (!regs)
		return NULL;
	period = hpet_read(HPET_PERIOD);
	if (hpet_read(HPET_CAPS) == 0xffffffff || !period || period > PERIOD_MAX) {
		printk(LOG_WARN "hpet: implausible period of %u fs, not used\n", period);
		return NULL;
	}
	/* Without legacy replacement: IRQs 0 and 8 are the 8254's and the RTC's. */
	hpet_write(HPET_CONFIG, (hpet_read(HPET_CONFIG) & ~CONFIG_LEGACY) | CONFIG_ENABLE);
	first = hpet_read(HPET_COUNTER);
	for (unsigned i = 0; i < 100000; i++) {
		if (hpet_read(HPET_COUNTER) != first) {
			counter.hz = FS_PER_SEC / period;
			counter.mask = 0xffffffff;
			counter.read = read_counter;
			return &counter;
		}
	}
	printk(LOG_WARN "hpet: the counter stands still, not used\n");
	return NULL;
}
