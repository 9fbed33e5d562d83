// SPDX-License-Identifier: GPL-2.0-or-later
/* The two 8259s, out of the way: the I/O APICs do their work. Intel 8259A data sheet. */

#include "cpu/cpu.h"
#include "cpu/vectors.h"
#include "machine/acpi.h"
#include "machine/ioapic.h"

#define PIC1_COMMAND 0x20
#define PIC1_DATA    0x21
#define PIC2_COMMAND 0xa0
#define PIC2_DATA    0xa1

/* Old 8259s want a pause between two writes; a write to the POST port takes about a microsecond. */
static void pic_write(u16 port, u8 value)
{
	outb(port, value);
	outb(0x80, 0);
}

void pic_init(void)
{
	if (!acpi_info.pcat)
		return;
	pic_write(PIC1_DATA, 0xff);
	pic_write(PIC2_DATA, 0xff);
	/*
	 * A spurious IRQ 7 or 15 can come in spite of the mask: give them vectors that are no
	 * exceptions.
	 */
	pic_write(PIC1_COMMAND, 0x11);
	pic_write(PIC2_COMMAND, 0x11);
	pic_write(PIC1_DATA, PIC_VECTOR_FIRST);
	pic_write(PIC2_DATA, PIC_VECTOR_FIRST + 8);
	pic_write(PIC1_DATA, 0x04);
	pic_write(PIC2_DATA, 0x02);
	pic_write(PIC1_DATA, 0x01);
	pic_write(PIC2_DATA, 0x01);
	pic_write(PIC1_DATA, 0xff);
	pic_write(PIC2_DATA, 0xff);
}
