/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_MACHINE_SCREEN_H
#define ANNULUS_MACHINE_SCREEN_H

#include "lib/types.h"

/*
 * The screen of a machine that may have no serial port: the frame buffer that the boot loader set
 * up, or VGA's text. Text goes into cells of ours; what differs from what was drawn is drawn. The
 * screen's memory is only written, never read. A full screen moves up by half of its lines, so that
 * most lines cost no more than themselves.
 *
 * It is ours until dom0 starts; with vga=keep it stays.
 */
struct framebuffer {
	u64 start;             /* machine address */
	u32 pitch;             /* bytes from one line to the next */
	u32 width, height;     /* pixels */
	u8 bits;               /* of a pixel: 15, 16, 24 or 32 */
	u8 position[3], size[3]; /* red, green, blue: bits in a pixel */
};

/* Boot: what the boot loader handed over. What cannot be drawn on is as good as none. */
void screen_keep(const struct framebuffer *f);
/* The frame buffer; NULL if the screen is VGA's text, or none. */
const struct framebuffer *screen_framebuffer(void);

/*
 * Boot, in this order: on the boot tables, which map the first 4 GiB; before paging_init(), which
 * does not map a frame buffer any more; after it.
 */
void screen_init(void);
void screen_unmap(void);
void screen_map(void);

/*
 * screen_put() - text; under the console's lock. screen_draw() - what has changed, in boot and in a
 * panic, with that lock; later it is the timer of screen_begin_timer(), interrupts on and no lock
 * held, a part at a time. Before screen_map() a frame buffer is slow, and drawn on in a panic only.
 * In a panic the timer's CPU may still be drawing for a moment: what stays are wrong pixels.
 */
void screen_put(char c);
void screen_draw(bool panicking);
/* dom0 starts: is the screen kept? Then a timer draws from now on. */
bool screen_keeps(void);
void screen_begin_timer(void);

#endif
