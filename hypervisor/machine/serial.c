// SPDX-License-Identifier: GPL-2.0-or-later
/* NS16550-compatible serial port, programmed as in National Semiconductor's PC16550D data sheet,
 * section 8. */
#include "machine/serial.h"
#include "cpu/cpu.h"
#include "lib/cmdline.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "machine/console.h"
#include "machine/irq.h"

enum {
	RBR = 0,
	THR = 0,
	IER = 1,
	FCR = 2,
	IIR = 2,
	LCR = 3,
	MCR = 4,
	LSR = 5,
	DLL = 0,
	DLM = 1,
	SCR = 7
};
#define LSR_DATA 0x01
#define LSR_THRE 0x20

static char opt_com1[32] = "115200,8n1,0x3f8,4", opt_com2[32] = "115200,8n1,0x2f8,3",
	    opt_console[32] = "com1,vga";
OPTION_STRING("com1", opt_com1);
OPTION_STRING("com2", opt_com2);
OPTION_STRING("console", opt_console);

static u16 port; /* 0: none */
static unsigned gsi;
bool serial_has_irq;
static u8 ier; /* under the console lock once interrupts come */
#define IER_DATA 0x01
#define IER_THRE 0x02

bool console_named(const char *what)
{
	return strstr(opt_console, what) != NULL;
}

bool serial_init(void)
{
	char *opt, *p;
	u64 baud = 115200, base, irq;
	u16 divisor;

	if (strstr(opt_console, "com2")) {
		opt = opt_com2;
		base = 0x2f8;
		irq = 3;
	} else if (strstr(opt_console, "com1")) {
		opt = opt_com1;
		base = 0x3f8;
		irq = 4;
	} else {
		return false;
	}
	baud = strtou64(opt, &p, 10);
	if (*p == ',')
		for (p++; *p && *p != ','; p++)
			;
	if (*p == ',')
		base = strtou64(p + 1, &p, 0);
	if (*p == ',')
		irq = strtou64(p + 1, &p, 0);
	if (!base || base > 0xfff8)
		return false;
	outb(base + SCR, 0x5a);
	if (inb(base + SCR) != 0x5a)
		return false;
	outb(base + IER, 0);
	divisor = baud && baud <= 115200 ? 115200 / baud : 1;
	outb(base + LCR, 0x83);
	outb(base + DLL, divisor & 0xff);
	outb(base + DLM, divisor >> 8);
	outb(base + LCR, 0x03); /* 8n1 */
	outb(base + FCR, 0x07); /* FIFOs on and cleared */
	outb(base + MCR, 0x0b); /* DTR, RTS, OUT2: interrupts reach the controller */
	gsi = irq;
	port = base;
	return true;
}

bool serial_room(void)
{
	return inb(port + LSR) & LSR_THRE;
}

bool serial_putc(char c)
{
	static bool dead;

	if (!port)
		return false;
	/* A port that never becomes ready must not hang the machine: not for each byte, either. */
	for (unsigned spin = 0; !serial_room(); spin++) {
		if (dead || spin == 1000000) {
			dead = true;
			return false;
		}
		cpu_relax();
	}
	dead = false;
	outb(port + THR, c);
	return true;
}

static void serial_interrupt(void *arg)
{
	(void)arg;
	/* Bounded: a stuck status bit would keep us here. */
	for (unsigned n = 0; n < 256 && (inb(port + LSR) & LSR_DATA); n++)
		console_input(inb(port + RBR));
	(void)inb(port + IIR);
	console_transmit();
}

void serial_put_fifo(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		outb(port + THR, s[i]);
}

void serial_want_room(bool on)
{
	if (!serial_has_irq)
		return;
	ier = on ? IER_DATA | IER_THRE : IER_DATA;
	/* The line is edge-triggered: with all causes off it falls, and rises if there is one. */
	outb(port + IER, 0);
	outb(port + IER, ier);
}

void serial_init_irq(void)
{
	int rc;

	if (!port || !gsi)
		return;
	rc = irq_request_own(gsi, serial_interrupt, NULL);
	if (rc) {
		printk(LOG_WARN "serial: no interrupt %u (%d): the console takes no input\n", gsi,
		       rc);
		return;
	}
	serial_has_irq = true;
	serial_interrupt(NULL);
}

bool serial_ports(u16 *first, u16 *last)
{
	*first = port;
	*last = port + 7;
	return port;
}
