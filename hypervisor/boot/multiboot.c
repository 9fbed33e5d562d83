// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The two protocols of boot loaders: Multiboot 0.6.96 (magic 0x2badb002, also spoken by qemu
 * -kernel) and Multiboot 2 (magic 0x36d76289).
 */
#include "boot/multiboot.h"
#include "cpu/layout.h"
#include "lib/string.h"
#include "machine/efi.h"
#include "machine/efi_map.h"
#include "machine/screen.h"
#include "memory/e820.h"

struct boot_info boot_info;
static char strings[BOOT_STRINGS_MAX] __initdata;
static size_t strings_used __initdata;

struct mb1_info {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4],
		mmap_length, mmap_addr;
	u32 drives_length, drives_addr, config_table, loader_name;
};
struct mb1_module {
	u32 start, end, string, reserved;
};
struct mb1_mmap {
	u32 size;
	u64 start, len;
	u32 type;
} __packed;
struct mb2_tag {
	u32 type, size;
};
struct mb2_module {
	u32 type, size, start, end;
	char string[];
};
struct mb2_mmap {
	u32 type, size, entry_size, entry_version;
};

struct mb2_framebuffer {
	u32 type, size;
	u64 start;
	u32 pitch, width, height;
	u8 bits, kind;
	u16 reserved;
	u8 red[2], green[2], blue[2]; /* of each: position and size in bits */
} __packed;

static __init const char *keep_string(const char *s, size_t max)
{
	size_t n = strnlen(s, max);
	char *d = strings + strings_used;

	if (n > sizeof(strings) - strings_used - 1)
		n = sizeof(strings) - strings_used - 1;
	memcpy(d, s, n);
	d[n] = '\0';
	if (strings_used + n + 1 < sizeof(strings))
		strings_used += n + 1;
	return d;
}

/* QEMU puts the file name first on every line, GRUB 2 does not: a first word with a slash and no
 * '=' is a file name. */
static __init const char *skip_file_name(const char *s)
{
	const char *p = s;
	bool slash = false;

	while (*p && *p != ' ') {
		if (*p == '=')
			return s;
		slash |= *p == '/';
		p++;
	}
	if (!slash && strncmp(s, "annulus", 7))
		return s;
	while (*p == ' ')
		p++;
	return p;
}

static bool e820_lost __initdata;

static __init void e820_insert(u64 start, u64 size, u32 type)
{
	struct e820_map *m = &machine_e820;
	unsigned i;

	if (!size || !type || start + size < start)
		return;
	if (m->n == ARRAY_SIZE(m->e)) {
		/* Without an entry, RAM is lost; anything else might be taken for RAM. */
		e820_lost |= type != E820_RAM;
		return;
	}
	for (i = m->n; i > 0 && m->e[i - 1].start > start; i--)
		m->e[i] = m->e[i - 1];
	m->e[i] = (struct e820_range){ start, size, type };
	m->n++;
}

/*
 * What all entries together say of an address: 0 if none has it. RAM is only what nobody calls
 * otherwise.
 */
static __init u32 e820_type_at(const struct e820_map *m, u64 address)
{
	u32 type = 0;

	for (unsigned i = 0; i < m->n; i++)
		if (m->e[i].start <= address && address - m->e[i].start < m->e[i].size)
			type = max(type, m->e[i].type);
	return type;
}

/* The lowest start or end of an entry above `address`; 0 if there is none. */
static __init u64 e820_next_edge(const struct e820_map *m, u64 address)
{
	u64 edge = 0;

	for (unsigned i = 0; i < m->n; i++) {
		u64 ends[] = { m->e[i].start, m->e[i].start + m->e[i].size };

		for (unsigned k = 0; k < ARRAY_SIZE(ends); k++)
			if (ends[k] > address && (!edge || ends[k] < edge))
				edge = ends[k];
	}
	return edge;
}

/* Firmware's maps may overlap. What does not fit any more is left out: it is not RAM then. */
static __init void e820_tidy(void)
{
	static struct e820_map tidy __initdata;
	struct e820_map *m = &machine_e820;
	u64 start = 0, end;

	tidy.n = 0;
	for (; (end = e820_next_edge(m, start)) != 0; start = end) {
		struct e820_range *last = tidy.n ? &tidy.e[tidy.n - 1] : NULL;
		u32 type = e820_type_at(m, start);

		if (!type)
			continue;
		if (last && last->type == type && last->start + last->size == start)
			last->size += end - start;
		else if (tidy.n < ARRAY_SIZE(tidy.e))
			tidy.e[tidy.n++] = (struct e820_range){ start, end - start, type };
	}
	*m = tidy;
}

static __init const char *add_module(u64 start, u64 end, const char *line)
{
	if (boot_info.nr_modules == BOOT_MODULES_MAX)
		return "more than 64 boot modules: give fewer";
	if (end < start)
		return "a boot module ends before it starts: the boot loader is broken";
	boot_info.modules[boot_info.nr_modules++] =
		(struct boot_module){ start, end - start, line };
	return NULL;
}

static __init const char *parse_mb1(paddr_t pa)
{
	const struct mb1_info *mi = paddr_to_va(pa);
	const char *err = NULL;

	if (!(mi->flags & BIT(6)))
		return "the boot loader gave no memory map";
	for (u32 off = 0; off + sizeof(struct mb1_mmap) <= mi->mmap_length;) {
		const struct mb1_mmap *e = paddr_to_va(mi->mmap_addr + off);

		e820_insert(e->start, e->len, e->type);
		off += e->size + sizeof(e->size);
	}
	if (mi->flags & BIT(2))
		boot_info.cmdline = skip_file_name(keep_string(paddr_to_va(mi->cmdline), 4096));
	if (mi->flags & BIT(9))
		boot_info.loader = keep_string(paddr_to_va(mi->loader_name), 128);
	if (mi->flags & BIT(3)) {
		const struct mb1_module *m = paddr_to_va(mi->mods_addr);

		for (u32 i = 0; i < mi->mods_count && !err; i++) {
			const char *s = m[i].string ? paddr_to_va(m[i].string) : "";

			err = add_module(m[i].start, m[i].end,
					 skip_file_name(keep_string(s, 4096)));
		}
	}
	return err;
}

/* The tag holds a copy of the RSDP, in memory that will be the heap's: it moves into the image. */
static u8 rsdp_copy[64] __aligned(16);

static __init void keep_rsdp(const struct mb2_tag *t)
{
	memset(rsdp_copy, 0, sizeof(rsdp_copy));
	memcpy(rsdp_copy, t + 1, min((size_t)t->size - sizeof(*t), sizeof(rsdp_copy)));
	boot_info.rsdp = (paddr_t)rsdp_copy - IMAGE_VIRT_START + IMAGE_PHYS_START;
}

/* The firmware's own map: descriptor size and version, then descriptors. */
static __init void keep_efi_map(const struct mb2_tag *t)
{
	const u32 *head = (const u32 *)(t + 1);

	if (t->size < sizeof(*t) + 2 * sizeof(u32))
		return;
	efi_map_keep(head + 2, t->size - sizeof(*t) - 2 * sizeof(u32), head[0]);
	/* Whatever the other map says: what is called while we run is nobody's to use. */
	for (unsigned i = 0; i < efi_map.n; i++)
		if (efi_map.e[i].attributes & EFI_MEMORY_RUNTIME)
			e820_insert(efi_map.e[i].start, efi_map.e[i].pages << PAGE_SHIFT,
				    E820_RESERVED);
}

/* Multiboot 2, 3.6.12: a frame buffer of direct colours is type 1; text (2) is at 0xb8000. */
static __init void keep_framebuffer(const struct mb2_tag *t)
{
	const struct mb2_framebuffer *f = (const void *)t;

	if (t->size >= sizeof(*f) && f->kind == 1)
		screen_keep(&(struct framebuffer){
			.start = f->start, .pitch = f->pitch, .width = f->width,
			.height = f->height, .bits = f->bits,
			.position = { f->red[0], f->green[0], f->blue[0] },
			.size = { f->red[1], f->green[1], f->blue[1] } });
}

static __init const char *parse_mb2(paddr_t pa)
{
	const u32 *head = paddr_to_va(pa);
	u32 total = head[0];
	const char *err = NULL;

	for (u32 off = 8; off + sizeof(struct mb2_tag) <= total && !err;) {
		const struct mb2_tag *t = paddr_to_va(pa + off);

		if (t->size < sizeof(*t) || t->size > total - off ||
		    ((t->type == 3 || t->type == 6) && t->size < sizeof(struct mb2_module)))
			return "the boot loader's information is cut short";
		switch (t->type) {
		case 0:
			return NULL;
		case 1:
			boot_info.cmdline =
				skip_file_name(keep_string((const char *)(t + 1), t->size - 8));
			break;
		case 2:
			boot_info.loader = keep_string((const char *)(t + 1), t->size - 8);
			break;
		case 3: {
			const struct mb2_module *m = (const void *)t;

			err = add_module(m->start, m->end,
					 skip_file_name(keep_string(m->string, t->size - 16)));
			break;
		}
		case 6: {
			const struct mb2_mmap *m = (const void *)t;

			for (u32 o = sizeof(*m);
			     m->entry_size >= 24 && o + m->entry_size <= m->size;
			     o += m->entry_size) {
				const u64 *e = (const void *)((const char *)m + o);

				e820_insert(e[0], e[1], (u32)e[2]);
			}
			break;
		}
		case 8:
			keep_framebuffer(t);
			break;
		case 12:
			if (t->size >= sizeof(*t) + sizeof(u64))
				efi_keep_tables(*(const u64 *)(t + 1));
			break;
		case 17:
			keep_efi_map(t);
			break;
		case 14:
			if (!boot_info.rsdp)
				keep_rsdp(t);
			break;
		case 15:
			keep_rsdp(t);
			break;
		}
		off += ALIGN_UP(t->size, 8U);
	}
	return err;
}

__init const char *multiboot_parse(u32 magic, paddr_t info)
{
	const char *err;

	boot_info.cmdline = "";
	boot_info.loader = "unnamed boot loader";
	e820_lost = false;
	if (magic == 0x2badb002) {
		boot_info.protocol = 1;
		err = parse_mb1(info);
	} else if (magic == 0x36d76289) {
		boot_info.protocol = 2;
		err = parse_mb2(info);
	} else {
		return "not started by a Multiboot loader: use GRUB's multiboot2, or qemu -kernel";
	}
	e820_tidy();
	if (!err && e820_lost)
		err = "the memory map has more than 512 entries";
	if (!err && !machine_e820.n)
		err = "the boot loader gave no memory map";
	return err;
}
