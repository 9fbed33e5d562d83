// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/memory/e820.c hypervisor/machine/efi_map.c tests/unit/sim/sim.c
// cflags: -DSIM_FRAMES=256
// clang: -Wno-unknown-pragmas
// options: -max_len=2048
//
// What the boot loader hands over: Multiboot 1 and 2 information of any content, memory maps that
// overlap, and the command line. Oracles: RAM is what some entry calls RAM and no other entry calls
// anything else; modules and lines are those that were given; every option has the value of the
// last word that sets it, or its default.

#include "hv_lib.h"

#include "boot/multiboot.c"
#include "lib/cmdline.c"
#include "tests/fuzz/fuzz.h"

/* ---- options ---- */

static bool opt_bool;
static u64 opt_number, opt_size;
static char opt_string[16], opt_fn[16];

static const char *take_value(const char *value)
{
	if (value[0] == '!')
		return "no";
	strlcpy(opt_fn, value, sizeof(opt_fn));
	return NULL;
}

const struct option _options_start[] = {
	{ .name = "flag", .type = OPT_BOOL, .var = &opt_bool },
	{ .name = "number", .type = OPT_U64, .var = &opt_number },
	{ .name = "size", .type = OPT_SIZE, .var = &opt_size },
	{ .name = "string", .type = OPT_STRING, .var = opt_string, .size = sizeof(opt_string) },
	{ .name = "fn", .type = OPT_FN, .fn = take_value },
};
extern const struct option _options_end[];
__asm__(".globl _options_end\n.set _options_end, _options_start + 5 * 40\n");
_Static_assert(sizeof(struct option) == 40, "as the line above has it");

static bool model_bool(const char *v, bool *out)
{
	static const char *const yes[] = { "yes", "true", "on", "1", "enable" };
	static const char *const no[] = { "no", "false", "off", "0", "disable" };

	for (unsigned i = 0; i < 5; i++) {
		if (!strcmp(v, yes[i]))
			return *out = true;
		if (!strcmp(v, no[i])) {
			*out = false;
			return true;
		}
	}
	return false;
}

/* C's strtoull() has blanks and signs beside what an option may have. */
static bool model_number(const char *v, bool suffix, u64 *out)
{
	static const char letters[] = "kmgt";
	unsigned base = 10;
	const char *digits = v;
	__uint128_t n = 0;
	unsigned count = 0;

	if (v[0] == '0' && (v[1] | 32) == 'x' && strchr("0123456789abcdefABCDEF", v[2]) && v[2]) {
		base = 16;
		digits = v + 2;
	} else if (v[0] == '0') {
		base = 8;
	}
	for (; *digits; digits++, count++) {
		unsigned c = (u8)*digits, d;

		d = c - '0' < 10 ? c - '0' : (c | 32) - 'a' < 6 ? (c | 32) - 'a' + 10 : 99;
		if (d >= base)
			break;
		n = n * base + d;
		if (n >> 64)
			return false; /* not compared: see below */
	}
	if (!count)
		return false;
	if (suffix && *digits) {
		const char *p = strchr(letters, *digits | 32);

		if (p) {
			n <<= 10 * (unsigned)(p - letters + 1);
			digits++;
		} else if ((*digits | 32) == 'b') {
			digits++;
		}
	}
	if (*digits || n >> 64)
		return false;
	*out = (u64)n;
	return true;
}

/* Numbers beyond 64 bits are nobody's; what becomes of them is not looked at. */
static bool huge(const char *v)
{
	return strlen(v) > 16;
}

static void fuzz_cmdline(struct fuzz_in *in)
{
	static const char *const words[] = {
		"flag", "no-flag", "flag=", "number=", "size=", "string=", "fn=", "number",
		"size=0x", "unknown", "no-number", "fn=!", "flag=yes", "flag=off", "=", "number=0x",
	};
	static const char *const values[] = {
		"", "0", "1", "4096", "0x1f", "017", "64M", "3G", "2T", "4k", "1b", "99999999",
		"yes", "12x", "text", "18446744073709551615", "16777216T", "08",
	};
	char line[1024] = "", word[256];
	bool want_bool = false, skip = false;
	u64 want_number = 7, want_size = 9, n;
	char want_string[16] = "old", want_fn[16] = "old";

	opt_bool = false;
	opt_number = 7;
	opt_size = 9;
	strcpy(opt_string, "old");
	strcpy(opt_fn, "old");
	nr_complaints = 0;
	for (unsigned i = 0; i < 12 && fuzz_more(in); i++) {
		const char *value;
		u8 b = fuzz_u8(in);

		strcpy(word, words[b % 16]);
		if (b >= 0x80) {
			unsigned len = fuzz_u8(in) % 200;
			char *end = word + strlen(word);

			for (unsigned k = 0; k < len; k++)
				end[k] = (char)(33 + fuzz_u8(in) % 94);
			end[len] = 0;
		} else {
			strcat(word, values[fuzz_u8(in) % 18]);
		}
		if (strlen(line) + strlen(word) + 3 >= sizeof(line))
			break;
		strcat(line, b & 0x40 ? "  " : " ");
		strcat(line, word);

		/* Longer words are cut; a cut value of a number would be another one. */
		word[127] = 0;
		value = strchr(word, '=');
		if (value && huge(value + 1) && (word[0] == 'n' || !strncmp(word, "size", 4)))
			skip = true;
		if (!strcmp(word, "flag"))
			want_bool = true;
		else if (!strcmp(word, "no-flag"))
			want_bool = false;
		else if (!strncmp(word, "flag=", 5))
			(void)model_bool(word + 5, &want_bool);
		else if (!strncmp(word, "number=", 7) && model_number(word + 7, false, &n))
			want_number = n;
		else if (!strncmp(word, "size=", 5) && model_number(word + 5, true, &n))
			want_size = n;
		else if (!strncmp(word, "string=", 7))
			snprintf(want_string, 16, "%.15s", word + 7);
		else if (!strncmp(word, "fn=", 3) && word[3] != '!')
			snprintf(want_fn, 16, "%.15s", word + 3);
	}
	fuzz_say("line '%s'\n", line);
	cmdline_parse(line);
	cmdline_report();
	FUZZ_CHECK(opt_bool == want_bool, "flag is %d", opt_bool);
	FUZZ_CHECK(skip || opt_number == want_number, "number is %lu, not %lu", opt_number,
		   want_number);
	FUZZ_CHECK(skip || opt_size == want_size, "size is %lu, not %lu", opt_size, want_size);
	FUZZ_CHECK(!strcmp(opt_string, want_string), "string is '%s', not '%s'", opt_string,
		   want_string);
	FUZZ_CHECK(!strcmp(opt_fn, want_fn), "fn is '%s', not '%s'", opt_fn, want_fn);
}

/* ---- Multiboot ---- */

#define INFO    0x1000
#define STRINGS 0x8000
#define ENTRIES 24

#define RUNTIME 16

static struct e820_range given[ENTRIES + RUNTIME];
static unsigned nr_given, nr_modules;
/* What the firmware keeps for its services: not RAM, whatever the other map says. */
static struct e820_range runtime[RUNTIME];
static unsigned nr_runtime;
static u32 at; /* where the next byte of information goes */

static void put(const void *p, u32 n)
{
	memcpy(sim_ram + at, p, n);
	at += n;
}

static void put32(u32 v)
{
	put(&v, 4);
}

static void pick_map(struct fuzz_in *in)
{
	nr_given = fuzz_below(in, ENTRIES + 1);
	for (unsigned i = 0; i < nr_given; i++) {
		u8 b = fuzz_u8(in);

		given[i].start = (u64)fuzz_u8(in) << 12;
		given[i].size = (u64)(fuzz_u8(in) & 31) << 12;
		given[i].type = b & 7;
		if (b >= 0xf0) {
			given[i].start = fuzz_number(in);
			given[i].size = fuzz_number(in);
			given[i].type = fuzz_u32(in);
		}
	}
}

/* 0: no entry has it, 1: RAM, 2: something else. */
static unsigned what_is(const struct e820_range *e, unsigned n, u64 address)
{
	unsigned what = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!e[i].type || e[i].start + e[i].size < e[i].start || address < e[i].start ||
		    address - e[i].start >= e[i].size)
			continue;
		what = e[i].type == E820_RAM && what < 2 ? 1 : 2;
	}
	return what;
}

static void check_map(void)
{
	const struct e820_map *m = &machine_e820;

	for (unsigned i = 0; i < m->n; i++) {
		FUZZ_CHECK(m->e[i].size && m->e[i].start + m->e[i].size >= m->e[i].start,
			   "range %u: %lx, %lx", i, m->e[i].start, m->e[i].size);
		FUZZ_CHECK(!i || m->e[i - 1].start + m->e[i - 1].size <= m->e[i].start,
			   "range %u begins too early", i);
	}
	for (unsigned i = 0; i < nr_given; i++) {
		u64 points[] = { given[i].start, given[i].start - 1, given[i].start + given[i].size,
				 given[i].start + given[i].size - 1 };

		for (unsigned k = 0; k < 4; k++)
			FUZZ_CHECK(what_is(given, nr_given, points[k]) ==
					   what_is(m->e, m->n, points[k]),
				   "address %lx is %u, not %u", points[k],
				   what_is(m->e, m->n, points[k]),
				   what_is(given, nr_given, points[k]));
	}
}

static void build_mb1(struct fuzz_in *in)
{
	struct mb1_info info = { .flags = 1 << 6 | (fuzz_u16(in) & 0x20c) };
	u32 strings = STRINGS;

	at = INFO + sizeof(info);
	info.mmap_addr = at;
	for (unsigned i = 0; i < nr_given; i++) {
		struct mb1_mmap e = { 20, given[i].start, given[i].size, given[i].type };

		put(&e, sizeof(e));
	}
	info.mmap_length = at - info.mmap_addr;
	info.cmdline = info.loader_name = strings;
	strings += (u32)fuzz_bytes(in, sim_ram + strings, fuzz_u8(in)) + 1;
	info.mods_addr = at = ALIGN_UP(at, 4U);
	info.mods_count = nr_modules = info.flags & 8 ? fuzz_u8(in) % 70 : 0;
	for (unsigned i = 0; i < nr_modules; i++) {
		struct mb1_module m = { 0x100000 + i * 0x1000,
					0x100000 + i * 0x1000 + i, strings, 0 };

		put(&m, sizeof(m));
		strings += (u32)fuzz_bytes(in, sim_ram + strings, fuzz_u8(in) & 31) + 1;
	}
	memcpy(sim_ram + INFO, &info, sizeof(info));
}

void efi_keep_tables(paddr_t pa)
{
	(void)pa;
}

void screen_keep(const struct framebuffer *f)
{
	FUZZ_CHECK(f->bits || !f->bits, "read as a whole");
}

static bool runtime_at(u64 start, u64 size)
{
	for (unsigned i = 0; i < nr_runtime; i++)
		if (start < runtime[i].start + runtime[i].size && runtime[i].start < start + size)
			return true;
	return false;
}

/* The firmware's own map; once, since each further one adds to it. */
static void put_efi_map(struct fuzz_in *in)
{
	unsigned n = fuzz_u8(in) % RUNTIME;

	put32(48);
	put32(1);
	for (unsigned i = 0; i < n; i++) {
		u8 b = fuzz_u8(in);
		struct efi_descriptor d = { b & 15, 0, (u64)fuzz_u8(in) << 12, 0, fuzz_u8(in) & 31,
					    b & 16 ? EFI_MEMORY_RUNTIME : 0 };
		u64 rest = 0;

		if (b >= 0xf0) {
			d.start = fuzz_number(in);
			d.pages = fuzz_number(in);
		}
		put(&d, sizeof(d));
		put(&rest, sizeof(rest));
		if ((b & 16) && d.pages && d.pages < 1ULL << 52 && !(d.start & 0xfff) &&
		    d.start + (d.pages << 12) > d.start && !runtime_at(d.start, d.pages << 12))
			runtime[nr_runtime++] =
				(struct e820_range){ d.start, d.pages << 12, E820_RESERVED };
	}
}

static void build_mb2(struct fuzz_in *in, bool *exact)
{
	bool map_put = false, efi_put = false;

	at = INFO + 8;
	nr_modules = 0;
	for (unsigned n = 0; n < 80 && fuzz_more(in); n++) {
		static const u8 types[] = { 1, 2, 3, 6, 14, 15, 17, 8 };
		u8 b = fuzz_u8(in), len = fuzz_u8(in);
		u32 type = types[b & 7], start = at;

		put32(type);
		put32(0);
		if (type == 6 && !map_put) {
			put32(24);
			put32(0);
			for (unsigned i = 0; i < nr_given; i++) {
				u64 e[3] = { given[i].start, given[i].size, given[i].type };

				put(e, 24);
			}
			map_put = true;
		} else if (type == 17 && !efi_put) {
			put_efi_map(in);
			efi_put = true;
		} else if (type == 6 || type == 17) {
			at = start;
			continue;
		} else {
			if (type == 3) {
				put32(0x100000 + n * 0x1000);
				put32(0x100000 + n * 0x1000 + n);
				nr_modules++;
			}
			(void)fuzz_bytes(in, sim_ram + at, len);
			at += len;
		}
		*(u32 *)(sim_ram + start + 4) = at - start;
		/* Now and then the size lies. */
		if (b >= 0xf8) {
			*(u32 *)(sim_ram + start + 4) = fuzz_u8(in);
			*exact = false;
		}
		at = ALIGN_UP(at, 8U);
	}
	if (!map_put)
		nr_given = 0;
	for (unsigned i = 0; i < nr_runtime; i++)
		given[nr_given++] = runtime[i];
	*(u32 *)(sim_ram + INFO) = at - INFO;
}

static void fuzz_multiboot(struct fuzz_in *in)
{
	bool two = fuzz_u8(in) & 1, exact = true;
	const char *err;

	memset(sim_ram, 0, 0x18000);
	memset(&boot_info, 0, sizeof(boot_info));
	memset(&machine_e820, 0, sizeof(machine_e820));
	memset(&efi_map, 0, sizeof(efi_map));
	nr_runtime = 0;
	strings_used = 0;
	pick_map(in);
	if (two)
		build_mb2(in, &exact);
	else
		build_mb1(in);
	err = multiboot_parse(two ? 0x36d76289 : 0x2badb002, INFO);
	fuzz_say("multiboot %u, %u entries, %u modules: %s\n", two + 1, nr_given, nr_modules,
		 err ? err : "fine");
	FUZZ_CHECK(boot_info.nr_modules <= BOOT_MODULES_MAX && strings_used <= sizeof(strings),
		   "%u modules", boot_info.nr_modules);
	FUZZ_CHECK(strnlen(boot_info.cmdline, BOOT_STRINGS_MAX) < BOOT_STRINGS_MAX, "no end");
	for (unsigned i = 0; i < boot_info.nr_modules; i++)
		FUZZ_CHECK(strnlen(boot_info.modules[i].cmdline, BOOT_STRINGS_MAX) <
				   BOOT_STRINGS_MAX, "no end");
	if (!exact)
		return;
	if (nr_modules <= BOOT_MODULES_MAX) {
		FUZZ_CHECK(boot_info.nr_modules == nr_modules, "%u modules, not %u",
			   boot_info.nr_modules, nr_modules);
		FUZZ_CHECK(!err || !machine_e820.n, "%s", err);
	} else {
		FUZZ_CHECK(err, "%u modules and no word", nr_modules);
	}
	if (!err)
		check_map();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	if (fuzz_u8(&in) & 1)
		fuzz_cmdline(&in);
	else
		fuzz_multiboot(&in);
	return 0;
}
