// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Channel 2 of the 8254 (Intel 82C54 data sheet): gated by port 0x61, its output goes to the
 * speaker, which stays off.
 */
#include "cpu/cpu.h"
#include "lib/spinlock.h"
#include "machine/counter.h"

#define PIT_HZ        1193182
#define PIT_CHANNEL2  0x42
#define PIT_COMMAND   0x43
#define PORT_B        0x61
#define PORT_B_GATE   BIT(0)
#define PORT_B_SPEAKER BIT(1)

#define CMD_CHANNEL2  0x80
#define CMD_LATCH     0x00
#define CMD_BOTH      0x30 /* low byte, then high byte */
#define CMD_MODE2     0x04 /* counts down from the reload value again and again */

static u64 read_counter(void)
{
	u8 lo, hi;

	outb(PIT_COMMAND, CMD_CHANNEL2 | CMD_LATCH);
	lo = inb(PIT_CHANNEL2);
	hi = inb(PIT_CHANNEL2);
	/* It counts down, from 65536. */
	return (u16)-(u16)(lo | hi << 8);
}

static const struct platform_counter counter = {
	.name = "8254", .hz = PIT_HZ, .mask = 0xffff, .read = read_counter,
};

const struct platform_counter *pit_counter(void)
{
	u64 first;

	outb(PORT_B, (inb(PORT_B) & ~PORT_B_SPEAKER) | PORT_B_GATE);
	outb(PIT_COMMAND, CMD_CHANNEL2 | CMD_BOTH | CMD_MODE2);
	outb(PIT_CHANNEL2, 0);
	outb(PIT_CHANNEL2, 0);
	first = read_counter();
	for (unsigned i = 0; i < 100000; i++)
		if (read_counter() != first)
			return &counter;
	return NULL;
}

void pit_counter_stop(void)
{
	outb(PORT_B, inb(PORT_B) & ~(PORT_B_SPEAKER | PORT_B_GATE));
}
