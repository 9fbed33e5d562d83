// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/screen.h"

#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "lib/cmdline.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "machine/efi.h"
#include "machine/timer.h"
#include "memory/e820.h"
#include "memory/ioremap.h"

#define CELL_WIDTH     8
#define CELL_HEIGHT    16
#define COLUMNS_MAX    240
#define ROWS_MAX       135
#define TEXT_SCREEN    0xb8000
#define TEXT_GREY      0x0700
#define GREY           0xaa /* of each colour */
#define DRAW_NS        50000000ULL
/* What the timer draws at once: some milliseconds on a slow frame buffer. */
#define DRAW_CELLS     2048
#define FB_SIZE_MAX    0x10000000ULL

/* font.S: 32 to 126 */
extern const u8 screen_font[], screen_font_end[];

static struct framebuffer fb; /* width 0: none */
static unsigned columns, rows;
/* What is to be seen, and what was drawn: a byte that no character is if nothing was. */
static u8 cells[ROWS_MAX * COLUMNS_MAX], drawn[ROWS_MAX * COLUMNS_MAX];
static unsigned row, column;
static volatile u8 *base; /* NULL: not mapped */
static bool fast;         /* mapped as it will be */
static volatile bool changed;
static struct timer redraw;

static bool opt_keep;

/* The mode is the boot loader's business; words for it are Xen's. */
static const char *set_vga(const char *v)
{
	bool keep = false;

	while (*v) {
		size_t n = 0;

		while (v[n] && v[n] != ',')
			n++;
		if (n == 4 && !strncmp(v, "keep", n))
			keep = true;
		else if (n != 7 || strncmp(v, "current", n))
			return "use keep or current; GRUB's gfxpayload sets the mode";
		v += n + (v[n] == ',');
	}
	opt_keep = keep;
	return NULL;
}
OPTION_FN("vga", set_vga);

void __init screen_keep(const struct framebuffer *f)
{
	u32 bytes = DIV_ROUND_UP(f->bits, 8U);

	if ((f->bits != 15 && f->bits != 16 && f->bits != 24 && f->bits != 32) ||
	    f->width < CELL_WIDTH || f->height < 2 * CELL_HEIGHT || f->width > 0x8000 ||
	    f->height > 0x8000 || f->pitch / bytes < f->width || f->pitch > 0xffff ||
	    f->start + (u64)f->pitch * f->height < f->start)
		return;
	for (unsigned i = 0; i < 3; i++)
		if (!f->size[i] || f->size[i] > 8 || f->position[i] + f->size[i] > f->bits)
			return;
	fb = *f;
}

const struct framebuffer *screen_framebuffer(void)
{
	return fb.width ? &fb : NULL;
}

static u64 fb_size(void)
{
	return (u64)fb.pitch * fb.height;
}

static __init bool fb_in_ram(void)
{
	for (unsigned i = 0; i < machine_e820.n; i++) {
		const struct e820_range *e = &machine_e820.e[i];

		if (e->type == E820_RAM && e->start < fb.start + fb_size() &&
		    fb.start < e->start + e->size)
			return true;
	}
	return false;
}

/* Text of VGA's is where a BIOS was; firmware that has no text either tells of a frame buffer. */
void __init screen_init(void)
{
	if (fb.width && fb_in_ram())
		fb.width = 0;
	if (!fb.width && efi_info.present)
		return;
	columns = fb.width ? min(fb.width / CELL_WIDTH, (u32)COLUMNS_MAX) : 80;
	rows = fb.width ? min(fb.height / CELL_HEIGHT, (u32)ROWS_MAX) : 25;
	memset(cells, ' ', sizeof(cells));
	changed = true;
	if (!fb.width) {
		base = paddr_to_va(TEXT_SCREEN);
		fast = true;
	} else if (fb.start + fb_size() <= MAPPED_AT_BOOT) {
		base = paddr_to_va(fb.start);
	}
}

void __init screen_unmap(void)
{
	if (fb.width)
		base = NULL;
}

void __init screen_map(void)
{
	if (!fb.width)
		return;
	if (fb_size() > FB_SIZE_MAX ||
	    fb.start + fb_size() > BIT(cpu_features.phys_bits)) {
		printk(LOG_WARN "screen: the frame buffer at %#llx is out of reach\n",
		       (unsigned long long)fb.start);
		fb.width = 0;
		columns = 0;
		return;
	}
	base = ioremap_wc(fb.start, fb_size());
	fast = true;
	printk(LOG_INFO "screen: %ux%u, %u bits, at %#llx\n", fb.width, fb.height, fb.bits,
	       (unsigned long long)fb.start);
}

static u32 grey_pixel(void)
{
	u32 pixel = 0;

	for (unsigned i = 0; i < 3; i++)
		pixel |= (u32)(GREY >> (8 - fb.size[i])) << fb.position[i];
	return pixel;
}

static void draw_glyph(unsigned y, unsigned x, u8 c)
{
	const u8 *glyph = &screen_font[(c - 32) * CELL_HEIGHT];
	unsigned bytes = DIV_ROUND_UP(fb.bits, 8U);
	u32 on = grey_pixel();

	for (unsigned line = 0; line < CELL_HEIGHT; line++) {
		volatile u8 *to = base + (u64)(y * CELL_HEIGHT + line) * fb.pitch +
				  x * CELL_WIDTH * bytes;

		for (unsigned i = 0; i < CELL_WIDTH; i++, to += bytes) {
			u32 pixel = glyph[line] & (0x80 >> i) ? on : 0;

			if (bytes == 4)
				*(volatile u32 *)to = pixel;
			else
				for (unsigned b = 0; b < bytes; b++)
					to[b] = (u8)(pixel >> (8 * b));
		}
	}
}

static void draw(unsigned most)
{
	/* What is written from now on is seen now or makes it drawn again. */
	changed = false;
	smp_mb();
	for (unsigned i = 0; i < rows * columns; i++) {
		u8 c = READ_ONCE(cells[i]);

		if (drawn[i] == c)
			continue;
		if (!most--) {
			changed = true;
			return;
		}
		drawn[i] = c;
		if (fb.width)
			draw_glyph(i / columns, i % columns, c);
		else
			((volatile u16 *)base)[i] = TEXT_GREY | c;
	}
}

void screen_draw(bool panicking)
{
	if (base && changed && (fast || panicking))
		draw(ROWS_MAX * COLUMNS_MAX);
}

static void new_line(void)
{
	unsigned up = rows / 2;

	column = 0;
	if (++row < rows)
		return;
	memmove(cells, cells + up * columns, (rows - up) * columns);
	memset(cells + (rows - up) * columns, ' ', up * columns);
	row = rows - up;
}

void screen_put(char c)
{
	if (!columns)
		return;
	if (c == '\n' || column == columns)
		new_line();
	if (c == '\t')
		c = ' ';
	if (c != '\n' && c != '\r')
		cells[row * columns + column++] = c >= 32 && c < 127 ? (u8)c : '?';
	changed = true;
}

static void redraw_round(void *arg)
{
	(void)arg;
	if (changed)
		draw(DRAW_CELLS);
	timer_set(&redraw, system_time() + DRAW_NS);
}

bool screen_keeps(void)
{
	return opt_keep && base;
}

void screen_begin_timer(void)
{
	timer_init(&redraw, redraw_round, NULL, 0);
	timer_set(&redraw, system_time() + DRAW_NS);
}
