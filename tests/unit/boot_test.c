// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/lib/cmdline.c hypervisor/boot/multiboot.c hypervisor/memory/e820.c
// sources: hypervisor/machine/efi_map.c
// sources: tests/unit/sim/sim.c
//
// What the boot loader hands over: the command line, the memory map, the modules, by either
// protocol.

#include "suite.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#include "boot/multiboot.h"
#include "cpu/layout.h"
#include "lib/cmdline.h"
#include "machine/efi.h"
#include "machine/efi_map.h"
#include "machine/screen.h"
#include "memory/e820.h"

/* lib/string.c has its own tests. */
u64 strtou64(const char *s, char **end, unsigned base) { return strtoull(s, end, (int)base); }

/* ---- the command line ---- */

static bool flag;
static s8 maybe = -1;
static u64 number, size;
static char text[8];
static char heard[32];

static const char *listen(const char *value)
{
	snprintf(heard, sizeof(heard), "%s", value);
	return strcmp(value, "bad") ? NULL : "it is bad";
}

#define OPTIONS 6
const struct option option_table[OPTIONS] = {
	{ .name = "flag", .type = OPT_BOOL, .var = &flag },
	{ .name = "maybe", .type = OPT_AUTO, .var = &maybe },
	{ .name = "number", .type = OPT_U64, .var = &number },
	{ .name = "size", .type = OPT_SIZE, .var = &size },
	{ .name = "text", .type = OPT_STRING, .var = text, .size = sizeof(text) },
	{ .name = "fn", .type = OPT_FN, .fn = listen },
};
_Static_assert(sizeof(struct option) * OPTIONS == 240, "the linker's symbols below");
/* In the hypervisor the linker script sets these two. */
__asm__(".globl _options_start\n.set _options_start, option_table\n"
	".globl _options_end\n.set _options_end, option_table + 240\n");

static char said[8192];

void printk(const char *fmt, ...)
{
	size_t n = strlen(said);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said + n, sizeof(said) - n, fmt, ap);
	va_end(ap);
}

/* What is complained about; complaints are kept, so only what is new counts. */
static const char *parse(const char *line)
{
	size_t before;

	said[0] = '\0';
	cmdline_report();
	before = strlen(said);
	cmdline_parse(line);
	said[0] = '\0';
	cmdline_report();
	return said + before;
}

TEST(test_options, "options")
{
	static const char *const yes[] = { "flag",    "flag=yes", "flag=true",
					   "flag=on", "flag=1",	  "flag=enable" };
	static const char *const no[] = { "no-flag",  "flag=no", "flag=false",
					  "flag=off", "flag=0",	 "flag=disable" };

	for (unsigned i = 0; i < ARRAY_SIZE(yes); i++) {
		flag = false;
		CU_ASSERT_STRING_EQUAL(parse(yes[i]), "");
		CU_ASSERT_TRUE(flag);
		CU_ASSERT_STRING_EQUAL(parse(no[i]), "");
		CU_ASSERT_FALSE(flag);
	}
	/* One that is left open until somebody says something. */
	CU_ASSERT_EQUAL(maybe, -1);
	CU_ASSERT_STRING_EQUAL(parse("maybe"), "");
	CU_ASSERT_EQUAL(maybe, 1);
	CU_ASSERT_STRING_EQUAL(parse("no-maybe"), "");
	CU_ASSERT_EQUAL(maybe, 0);
	CU_ASSERT_STRING_EQUAL(parse("maybe=on"), "");
	CU_ASSERT_EQUAL(maybe, 1);
	CU_ASSERT_STRING_EQUAL(parse("maybe=off"), "");
	CU_ASSERT_EQUAL(maybe, 0);
	CU_ASSERT_STRING_EQUAL(parse("maybe=auto"), "");
	CU_ASSERT_EQUAL(maybe, -1);
	CU_ASSERT_STRING_EQUAL(parse("  number=0x10   size=3M text=abcdefghij fn=word flag "), "");
	CU_ASSERT_TRUE(number == 16 && size == 3 << 20 && flag);
	CU_ASSERT_STRING_EQUAL(text, "abcdefg");
	CU_ASSERT_STRING_EQUAL(heard, "word");
	CU_ASSERT_STRING_EQUAL(parse("number=7 number=8 text="), "");
	CU_ASSERT_TRUE(number == 8 && !text[0]);
	CU_ASSERT_STRING_EQUAL(parse(""), "");
	CU_ASSERT_STRING_EQUAL(parse("    "), "");
}

TEST(test_sizes, "sizes")
{
	static const struct {
		const char *s;
		bool ok;
		u64 value;
		char next;
	} t[] = {
		{ "0", true, 0, 0 },
		{ "512", true, 512, 0 },
		{ "512B", true, 512, 0 },
		{ "4k", true, 4096, 0 },
		{ "4K,x", true, 4096, ',' },
		{ "0x10M", true, 16 << 20, 0 },
		{ "2G", true, 2ULL << 30, 0 },
		{ "1t", true, 1ULL << 40, 0 },
		{ "16777215T", true, 16777215ULL << 40, 0 },
		{ "16777216T", false, 0, 0 },
		{ "18446744073709551615K", false, 0, 0 },
		{ "", false, 0, 0 },
		{ "K", false, 0, 0 },
		{ "12x", true, 12, 'x' },
		{ "-1", false, 0, 0 },
		{ "+1", false, 0, 0 },
		{ "\t1", false, 0, 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++) {
		const char *end = NULL;
		u64 v = 0;

		CU_ASSERT_EQUAL(parse_size(t[i].s, &end, &v), t[i].ok);
		CU_ASSERT_EQUAL(v, t[i].value);
		if (t[i].ok)
			CU_ASSERT_EQUAL(*end, t[i].next);
	}
}

/* The last of all: there is room for eight complaints. */
TEST(test_complaints, "complaints")
{
	number = 5;
	size = 6;
	flag = true;
	CU_ASSERT_PTR_NOT_NULL(strstr(parse("number=x"), "bad value for 'number'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(parse("number"), "bad value"));
	CU_ASSERT_PTR_NOT_NULL(strstr(parse("size=4Q"), "bad value for 'size'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(parse("flag=maybe"), "bad value for 'flag'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(parse("fn=bad"), "bad value for 'fn'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(parse("nosuch=1"), "unknown option 'nosuch'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(parse("no-number"), "unknown option 'no-number'"));
	CU_ASSERT_PTR_NOT_NULL(strstr(parse("text"), "bad value for 'text'"));
	CU_ASSERT_STRING_EQUAL(parse("one-too-many"), "");
	CU_ASSERT_STRING_EQUAL(parse("number=-1 number=+1 size=-1"), "");
	CU_ASSERT_TRUE(number == 5 && size == 6 && flag);
	/* A word without end is cut, and so is what is said about it. */
	memset(heard, 'x', sizeof(heard));
	CU_ASSERT_STRING_EQUAL(parse("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				     "aaaaaaaaaaaaaaaaaaaaaaa"
				     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				     "aaaaaaaaaaaaaaaaaaaaaaa"),
			       "");
	CU_ASSERT_STRING_EQUAL(parse("fn size"), "");
}

/* ---- Multiboot ---- */

static u8 *info; /* at INFO_AT, what the loader tells */
#define INFO_AT 0x10000

static void loader_begin(void)
{
	sim_reset();
	memset(&boot_info, 0, sizeof(boot_info));
	memset(&machine_e820, 0, sizeof(machine_e820));
	info = paddr_to_va(INFO_AT);
	memset(info, 0, 0x10000);
}

static void put32(unsigned at, u32 v)
{
	memcpy(info + at, &v, 4);
}

static u32 put_string(unsigned at, const char *s)
{
	strcpy((char *)info + at, s);
	return INFO_AT + at;
}

static void put_mmap(unsigned at, u64 start, u64 len, u32 type)
{
	put32(at, 20);
	memcpy(info + at + 4, &start, 8);
	memcpy(info + at + 12, &len, 8);
	put32(at + 20, type);
}

static bool is_range(unsigned i, u64 start, u64 len, u32 type)
{
	const struct e820_range *e = &machine_e820.e[i];

	return e->start == start && e->size == len && e->type == type;
}

TEST(test_mb1, "Multiboot 1")
{
	loader_begin();
	CU_ASSERT_PTR_NOT_NULL(multiboot_parse(0x1234, INFO_AT));
	CU_ASSERT_PTR_NOT_NULL(multiboot_parse(0x2badb002, INFO_AT)); /* no memory map */
	put32(0, 1U << 6 | 1U << 2 | 1U << 3 | 1U << 9);
	CU_ASSERT_PTR_NOT_NULL(multiboot_parse(0x2badb002, INFO_AT)); /* an empty one */
	put32(16, put_string(0x1000, "/boot/annulus.elf  loglvl=all x=/y"));
	put32(64, put_string(0x1100, "a loader"));
	put32(44, 3 * 24 + 23); /* the last is cut short */
	put32(48, INFO_AT + 0x200);
	put_mmap(0x200, 0x100000, 0x1000000, E820_RAM);
	put_mmap(0x218, 0, 0x9fc00, E820_RAM);
	put_mmap(0x230, 0xfffc0000, 0x40000, E820_RESERVED);
	put_mmap(0x248, 0x7000000, 0x40000, E820_RAM);
	put32(20, 2);
	put32(24, INFO_AT + 0x400);
	put32(0x400, 0x800000);
	put32(0x404, 0x900000);
	put32(0x408, put_string(0x1200, "vmlinuz root=/dev/sda1"));
	put32(0x410, 0xa00000);
	put32(0x414, 0xa00000);
	CU_ASSERT_PTR_NULL(multiboot_parse(0x2badb002, INFO_AT));
	CU_ASSERT_EQUAL(boot_info.protocol, 1);
	CU_ASSERT_STRING_EQUAL(boot_info.cmdline, "loglvl=all x=/y");
	CU_ASSERT_STRING_EQUAL(boot_info.loader, "a loader");
	CU_ASSERT_EQUAL_FATAL(boot_info.nr_modules, 2);
	CU_ASSERT_TRUE(boot_info.modules[0].start == 0x800000 &&
		       boot_info.modules[0].len == 0x100000);
	CU_ASSERT_STRING_EQUAL(boot_info.modules[0].cmdline, "vmlinuz root=/dev/sda1");
	CU_ASSERT_TRUE(boot_info.modules[1].len == 0 && !*boot_info.modules[1].cmdline);
	CU_ASSERT_EQUAL_FATAL(machine_e820.n, 3); /* sorted */
	CU_ASSERT_TRUE(is_range(0, 0, 0x9fc00, E820_RAM) &&
		       is_range(1, 0x100000, 0x1000000, E820_RAM) &&
		       is_range(2, 0xfffc0000, 0x40000, E820_RESERVED));
	put32(0x404, 0x700000);
	CU_ASSERT_PTR_NOT_NULL(multiboot_parse(0x2badb002, INFO_AT)); /* ends before it starts */
	boot_info.nr_modules = 0;
	put32(20, 65);
	put32(0x404, 0x900000);
	for (unsigned i = 0; i < 65; i++)
		memcpy(info + 0x400 + 16 * i, info + 0x400, 16);
	CU_ASSERT_PTR_NOT_NULL(multiboot_parse(0x2badb002, INFO_AT));
	CU_ASSERT_EQUAL(boot_info.nr_modules, BOOT_MODULES_MAX);
}

static unsigned tag_at;

static void tag(u32 type, u32 bytes)
{
	put32(tag_at, type);
	put32(tag_at + 4, 8 + bytes);
	tag_at += ALIGN_UP(8 + bytes, 8U);
	put32(0, tag_at);
}

static void tag_string(u32 type, const char *s)
{
	put_string(tag_at + 8, s);
	tag(type, (u32)strlen(s) + 1);
}

static void tag_map(const struct e820_range *e, unsigned n)
{
	put32(tag_at + 8, 24);
	for (unsigned i = 0; i < n; i++) {
		memcpy(info + tag_at + 16 + 24 * i, &e[i].start, 8);
		memcpy(info + tag_at + 24 + 24 * i, &e[i].size, 8);
		put32(tag_at + 32 + 24 * i, e[i].type);
	}
	tag(6, 8 + 24 * n);
}

TEST(test_mb2, "Multiboot 2")
{
	static const struct e820_range ram = { 0, 0x8000000, E820_RAM };

	loader_begin();
	tag_at = 8;
	tag_string(1, "annulus console=com1");
	tag_string(2, "GRUB 2.06");
	put32(tag_at + 8, 0x800000);
	put32(tag_at + 12, 0x800010);
	put_string(tag_at + 16, "domU=x,,y");
	tag(3, 8 + 10);
	tag_map(&ram, 1);
	put_string(tag_at + 8, "RSD PTR new");
	tag(15, 36);
	put_string(tag_at + 8, "RSD PTR old");
	tag(14, 20);
	tag(77, 3); /* one that we do not know */
	tag(0, 0);
	put32(tag_at, 6); /* what is after the end is nothing */
	CU_ASSERT_PTR_NULL(multiboot_parse(0x36d76289, INFO_AT));
	CU_ASSERT_EQUAL(boot_info.protocol, 2);
	CU_ASSERT_STRING_EQUAL(boot_info.cmdline, "console=com1");
	CU_ASSERT_STRING_EQUAL(boot_info.loader, "GRUB 2.06");
	CU_ASSERT_EQUAL_FATAL(boot_info.nr_modules, 1);
	CU_ASSERT_TRUE(boot_info.modules[0].start == 0x800000 && boot_info.modules[0].len == 16);
	CU_ASSERT_STRING_EQUAL(boot_info.modules[0].cmdline, "domU=x,,y");
	CU_ASSERT_TRUE(boot_info.rsdp != 0);
	CU_ASSERT_TRUE(machine_e820.n == 1 && is_range(0, 0, 0x8000000, E820_RAM));
	/* No end tag: the size ends it. */
	loader_begin();
	tag_at = 8;
	tag_string(1, "no file name here=/x");
	tag_map(&ram, 1);
	CU_ASSERT_PTR_NULL(multiboot_parse(0x36d76289, INFO_AT));
	CU_ASSERT_STRING_EQUAL(boot_info.cmdline, "no file name here=/x");
	/* Tags that are too small, or longer than all there is */
	put32(12, 7);
	CU_ASSERT_PTR_NOT_NULL(multiboot_parse(0x36d76289, INFO_AT));
	put32(12, 0x10000);
	CU_ASSERT_PTR_NOT_NULL(multiboot_parse(0x36d76289, INFO_AT));
	loader_begin();
	tag_at = 8;
	tag(0, 0);
	CU_ASSERT_PTR_NOT_NULL(multiboot_parse(0x36d76289, INFO_AT)); /* no memory map */
}

static paddr_t told_table;
static struct framebuffer told_screen;

void efi_keep_tables(paddr_t pa)
{
	told_table = pa;
}

void screen_keep(const struct framebuffer *f)
{
	told_screen = *f;
}

static void put_descriptor(unsigned i, u64 start, u64 pages, u64 attributes)
{
	struct efi_descriptor d = { EFI_RUNTIME_CODE, 0, start, 0, pages, attributes };

	memcpy(info + tag_at + 16 + i * sizeof(d), &d, sizeof(d));
}

TEST(test_efi, "what UEFI adds")
{
	static const struct e820_range ram = { 0, 0x8000000, E820_RAM };
	u64 table = 0x123456789a8;

	loader_begin();
	tag_at = 8;
	tag_map(&ram, 1);
	memcpy(info + tag_at + 8, &table, 8);
	tag(12, 8);
	put32(tag_at + 8, sizeof(struct efi_descriptor));
	put_descriptor(0, 0x1000000, 0x10, EFI_MEMORY_WB);
	/* The other map calls it free; the firmware runs there. */
	put_descriptor(1, 0x2000000, 0x10, EFI_MEMORY_WB | EFI_MEMORY_RUNTIME);
	tag(17, 8 + 2 * sizeof(struct efi_descriptor));
	put32(tag_at + 8, 0xc0000000);
	put32(tag_at + 12, 1);
	put32(tag_at + 16, 3200);
	put32(tag_at + 20, 800);
	put32(tag_at + 24, 600);
	put32(tag_at + 28, 0x00000120);
	put32(tag_at + 32, 0x08080810);
	put32(tag_at + 36, 0x00000800);
	tag(8, 30);
	tag(0, 0);
	CU_ASSERT_PTR_NULL(multiboot_parse(0x36d76289, INFO_AT));
	CU_ASSERT_EQUAL(told_table, table);
	CU_ASSERT_TRUE(efi_map.n == 2 && efi_map.whole);
	CU_ASSERT_EQUAL_FATAL(machine_e820.n, 3);
	CU_ASSERT_TRUE(is_range(0, 0, 0x2000000, E820_RAM) &&
		       is_range(1, 0x2000000, 0x10000, E820_RESERVED) &&
		       is_range(2, 0x2010000, 0x8000000 - 0x2010000, E820_RAM));
	CU_ASSERT_TRUE(told_screen.start == 0x1c0000000 && told_screen.pitch == 3200 &&
		       told_screen.width == 800 && told_screen.height == 600 &&
		       told_screen.bits == 32);
	CU_ASSERT_TRUE(told_screen.position[0] == 16 && told_screen.size[0] == 8 &&
		       told_screen.position[1] == 8 && told_screen.size[1] == 8 &&
		       told_screen.position[2] == 0 && told_screen.size[2] == 8);
	/* Tags that are cut short, and a screen of text, say nothing. */
	loader_begin();
	memset(&efi_map, 0, sizeof(efi_map));
	told_table = 0;
	memset(&told_screen, 0, sizeof(told_screen));
	tag_at = 8;
	tag_map(&ram, 1);
	put32(tag_at + 8, 7);
	tag(12, 4);
	tag(17, 4);
	put32(tag_at + 28, 0x00000120);
	tag(8, 29);
	put32(tag_at + 28, 0x00000210);
	tag(8, 30);
	tag(0, 0);
	CU_ASSERT_PTR_NULL(multiboot_parse(0x36d76289, INFO_AT));
	CU_ASSERT_TRUE(!told_table && !efi_map.n && !told_screen.width && !told_screen.bits);
}

/* An entry that says what is not RAM is never lost. */
TEST(test_many, "more entries than there is room for")
{
	static struct e820_range many[ARRAY_SIZE(machine_e820.e) + 1];
	unsigned n = ARRAY_SIZE(many);

	for (unsigned i = 0; i < n; i++)
		many[i] = (struct e820_range){ i * 0x2000ULL, 0x1000, E820_RAM };
	loader_begin();
	tag_at = 8;
	tag_map(many, n);
	CU_ASSERT_PTR_NULL(multiboot_parse(0x36d76289, INFO_AT));
	CU_ASSERT_EQUAL(machine_e820.n, n - 1);
	loader_begin();
	tag_at = 8;
	many[n - 1].type = E820_RESERVED;
	tag_map(many, n);
	CU_ASSERT_PTR_NOT_NULL(multiboot_parse(0x36d76289, INFO_AT));
	loader_begin();
	tag_at = 8;
	tag_map(many, n - 1);
	CU_ASSERT_PTR_NULL(multiboot_parse(0x36d76289, INFO_AT));
}

/* Firmware's maps that overlap. */
TEST(test_overlaps, "overlapping memory maps")
{
	static const struct e820_range inside[] = { { 0, 0x10000, E820_RAM },
						    { 0x4000, 0x1000, E820_RESERVED } };
	static const struct e820_range same[] = { { 0, 0x10000, E820_RAM },
						  { 0x8000, 0x10000, E820_RAM } };
	static const struct e820_range across[] = { { 0x1000, 0x4000, E820_RESERVED },
						    { 0x3000, 0x5000, E820_RAM } };
	static const struct e820_range wrap[] = { { 0x1000, 0x1000, E820_RAM },
						  { 0x5000, ~0ULL, E820_RAM },
						  { 0x3000, 0, E820_RAM } };
	static const struct e820_range hole[] = { { 0, 0x8000, E820_RESERVED },
						  { 0x2000, 0x1000, E820_RAM },
						  { 0x9000, 0x1000, E820_RAM } };

	loader_begin();
	tag_at = 8;
	tag_map(inside, 2);
	CU_ASSERT_PTR_NULL(multiboot_parse(0x36d76289, INFO_AT));
	CU_ASSERT_TRUE(machine_e820.n == 3 && is_range(0, 0, 0x4000, E820_RAM) &&
		       is_range(1, 0x4000, 0x1000, E820_RESERVED) &&
		       is_range(2, 0x5000, 0xb000, E820_RAM));
	loader_begin();
	tag_at = 8;
	tag_map(same, 2);
	CU_ASSERT_PTR_NULL(multiboot_parse(0x36d76289, INFO_AT));
	CU_ASSERT_TRUE(machine_e820.n == 1 && is_range(0, 0, 0x18000, E820_RAM));
	loader_begin();
	tag_at = 8;
	tag_map(wrap, 3);
	CU_ASSERT_PTR_NULL(multiboot_parse(0x36d76289, INFO_AT));
	CU_ASSERT_TRUE(machine_e820.n == 1 && is_range(0, 0x1000, 0x1000, E820_RAM));
	/* What is reserved is so where RAM begins before it ends, too. */
	loader_begin();
	tag_at = 8;
	tag_map(across, 2);
	CU_ASSERT_PTR_NULL(multiboot_parse(0x36d76289, INFO_AT));
	CU_ASSERT_TRUE(machine_e820.n == 2 && is_range(0, 0x1000, 0x4000, E820_RESERVED) &&
		       is_range(1, 0x5000, 0x3000, E820_RAM));
	/* RAM inside what is reserved is not RAM. */
	loader_begin();
	tag_at = 8;
	tag_map(hole, 3);
	CU_ASSERT_PTR_NULL(multiboot_parse(0x36d76289, INFO_AT));
	CU_ASSERT_TRUE(machine_e820.n == 2 && is_range(0, 0, 0x8000, E820_RESERVED) &&
		       is_range(1, 0x9000, 0x1000, E820_RAM));
}

SUITE("boot")
