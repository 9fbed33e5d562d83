// SPDX-License-Identifier: GPL-2.0-or-later
/* What sets dom0 apart from other domains: its rights and its screen. */
#include "image/build_dom0.h"

#include "cpu/cpu.h"
#include "domain/domain.h"
#include "lib/string.h"
#include "machine/acpi.h"
#include "machine/efi.h"
#include "machine/irq.h"
#include "machine/screen.h"
#include "machine/serial.h"
#include "memory/e820.h"

/* BIOS data area: text columns, rows - 1, cursor of page 0, font height */
#define BDA_COLUMNS     0x44a
#define BDA_ROWS        0x484
#define BDA_CURSOR      0x450
#define BDA_FONT_HEIGHT 0x485

/*
 * Ports that the hypervisor drives itself: 8259s and PIT; and configuration space, which it
 * emulates.
 */
static const struct {
	u16 first, last;
} kept_ports[] __initdata = {
	{ 0x20, 0x21 }, { 0xa0, 0xa1 }, { 0x40, 0x43 }, { 0x61, 0x61 }, { 0xcf8, 0xcff },
};

/* dom0_vga_console_info for the frame buffer that the boot loader left. */
static __init void describe_framebuffer(struct dom0_vga_console_info *vga,
					const struct framebuffer *f)
{
	u32 used = 0;

	for (unsigned i = 0; i < 3; i++)
		used |= (u32)(BIT(f->size[i]) - 1) << f->position[i];
	vga->video_type = efi_info.present ? XEN_VGATYPE_EFI_LFB : XEN_VGATYPE_VESA_LFB;
	vga->u.vesa_lfb.width = (u16)f->width;
	vga->u.vesa_lfb.height = (u16)f->height;
	vga->u.vesa_lfb.bytes_per_line = (u16)f->pitch;
	vga->u.vesa_lfb.bits_per_pixel = f->bits;
	vga->u.vesa_lfb.lfb_base = (u32)f->start;
	vga->u.vesa_lfb.ext_lfb_base = (u32)(f->start >> 32);
	vga->u.vesa_lfb.lfb_size = (u32)DIV_ROUND_UP((u64)f->pitch * f->height, 0x10000ULL);
	vga->u.vesa_lfb.red_pos = f->position[0];
	vga->u.vesa_lfb.red_size = f->size[0];
	vga->u.vesa_lfb.green_pos = f->position[1];
	vga->u.vesa_lfb.green_size = f->size[1];
	vga->u.vesa_lfb.blue_pos = f->position[2];
	vga->u.vesa_lfb.blue_size = f->size[2];
	if (~used & (u32)(BIT(f->bits) - 1)) {
		vga->u.vesa_lfb.rsvd_pos = (u8)__builtin_ctz(~used);
		vga->u.vesa_lfb.rsvd_size = (u8)(f->bits - __builtin_popcount(used));
	}
}

/* The BIOS's data area says how its text mode is. */
static __init void describe_text(struct dom0_vga_console_info *vga)
{
	const u8 *bda = paddr_to_va(0);
	u16 columns, height;

	memcpy(&columns, bda + BDA_COLUMNS, 2);
	memcpy(&height, bda + BDA_FONT_HEIGHT, 2);
	vga->video_type = XEN_VGATYPE_TEXT_MODE_3;
	vga->u.text_mode_3.columns = columns >= 40 && columns <= 132 ? columns : 80;
	vga->u.text_mode_3.rows =
		bda[BDA_ROWS] >= 24 && bda[BDA_ROWS] < 60 ? bda[BDA_ROWS] + 1U : 25;
	vga->u.text_mode_3.font_height = height >= 8 && height <= 32 ? height : 16;
	vga->u.text_mode_3.cursor_x = bda[BDA_CURSOR];
	vga->u.text_mode_3.cursor_y = bda[BDA_CURSOR + 1];
}

void __init dom0_start_info(struct start_info *si)
{
	struct dom0_vga_console_info *vga = (void *)(si + 1);
	const struct framebuffer *f = screen_framebuffer();

	si->flags |= SIF_PRIVILEGED | SIF_INITDOMAIN;
	if (!f && efi_info.present)
		return; /* no screen that anybody knows of */
	if (f)
		describe_framebuffer(vga, f);
	else
		describe_text(vga);
	si->console.dom0.info_off = sizeof(*si);
	si->console.dom0.info_size = sizeof(*vga);
}

/*
 * All machine addresses but RAM: the first MiB is not RAM to us, drivers look for the BIOS and the
 * screen in it.
 */
static __init int allow_iomem(struct domain *d)
{
	struct range_set *r = &d->perms.iomem;
	mfn_t last = BIT(cpu_features.phys_bits - PAGE_SHIFT) - 1;
	int ret = range_set_add(r, 0, last);

	for (unsigned i = 0; !ret && i < machine_e820.n; i++) {
		const struct e820_range *e = &machine_e820.e[i];
		mfn_t first = max(e->start >> PAGE_SHIFT, 256ULL),
		      end = DIV_ROUND_UP(e->start + e->size, PAGE_SIZE);

		if (e->type == E820_RAM && first < end)
			ret = range_set_remove(r, first, end - 1);
	}
	if (!ret)
		ret = range_set_remove(r, acpi_info.lapic >> PAGE_SHIFT,
				       acpi_info.lapic >> PAGE_SHIFT);
	/*
	 * Where devices send their messages: a write there is an interrupt of the writer's choice.
	 */
	if (!ret)
		ret = range_set_remove(r, 0xfee00, 0xfeeff);
	for (unsigned i = 0; !ret && i < acpi_info.nr_ioapics; i++)
		ret = range_set_remove(r, acpi_info.ioapics[i].base >> PAGE_SHIFT,
				       acpi_info.ioapics[i].base >> PAGE_SHIFT);
	return ret;
}

int __init dom0_permissions(struct domain *d)
{
	struct range_set *ports = &d->perms.ports;
	u16 first, last;
	int ret = range_set_add(ports, 0, 0xffff);

	for (unsigned i = 0; !ret && i < ARRAY_SIZE(kept_ports); i++)
		ret = range_set_remove(ports, kept_ports[i].first, kept_ports[i].last);
	if (!ret && serial_ports(&first, &last))
		ret = range_set_remove(ports, first, last);
	if (!ret)
		ret = range_set_add(&d->perms.irqs, 0, NR_IRQS - 1);
	if (!ret)
		ret = allow_iomem(d);
	return ret;
}
