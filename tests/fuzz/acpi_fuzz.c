// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/machine/acpi.c
// options: -max_len=2048
//
// The firmware's tables, of any content, by themselves and found through RSDP and XSDT. Every piece
// of physical memory is mapped as a block of just the size asked for, so that the address sanitizer
// sees each byte read too far. Oracles: no array is filled beyond its end, a table that sums up
// wrong or is cut short adds nothing, no CPU is listed twice, and a table twice says what it said
// once.

#include <stdarg.h>

#include "tests/fuzz/fuzz.h"

#include "lib/printk.h"
#include "machine/acpi.h"
#include "memory/ioremap.h"
#include "pv-abi/errno.h"

#define PHYS_SIZE 0x110000
#define RSDP_AT   0xe0000
#define XSDT_AT   0x100000
#define TABLE_AT  0x101000

#include "firmware.h"

void printk(const char *fmt, ...) { }

static void check_info(const struct acpi_info *a)
{
	FUZZ_CHECK(a->nr_cpus <= NR_CPUS && a->nr_ioapics <= ACPI_MAX_IOAPICS &&
			   a->nr_overrides <= ACPI_MAX_OVERRIDES && a->nr_nmis <= ACPI_MAX_NMIS &&
			   a->nr_segments <= ACPI_MAX_SEGMENTS, "an array is too full");
	for (unsigned i = 0; i < a->nr_cpus; i++)
		for (unsigned k = 0; k < i; k++)
			FUZZ_CHECK(a->cpus[i].apic_id != a->cpus[k].apic_id, "APIC %u twice",
				   a->cpus[i].apic_id);
	for (unsigned i = 0; i < a->nr_overrides; i++)
		FUZZ_CHECK(a->overrides[i].source < 16, "ISA IRQ %u", a->overrides[i].source);
	for (unsigned i = 0; i < a->nr_segments; i++)
		FUZZ_CHECK(a->segments[i].first_bus <= a->segments[i].last_bus,
			   "buses of segment %u", i);
	for (u8 isa = 0; isa < 16; isa++) {
		bool level, low;

		(void)acpi_isa_gsi(isa, &level, &low);
	}
}

static int parse(unsigned which, const void *p, size_t len, struct acpi_info *out)
{
	return which == 0 ? acpi_parse_madt(p, len, out) : which == 1 ?
		acpi_parse_fadt(p, len, out) : which == 2 ? acpi_parse_hpet(p, len, out) :
		acpi_parse_mcfg(p, len, out);
}

/* MADT entries that mean something, in any order and number. */
static size_t build_madt(struct fuzz_in *in, u8 *t, size_t room)
{
	static const struct {
		u8 type, len;
	} kinds[] = { { 0, 8 }, { 1, 12 }, { 2, 10 }, { 4, 6 }, { 5, 12 }, { 9, 16 }, { 10, 12 },
		      { 0, 8 } };
	size_t at = 44;

	fuzz_bytes(in, t + 36, 8);
	while (fuzz_more(in) && at + 16 <= room) {
		u8 b = fuzz_u8(in), len = kinds[b & 7].len;

		t[at] = kinds[b & 7].type;
		t[at + 1] = b >= 0xf0 ? fuzz_u8(in) : len;
		fuzz_bytes(in, t + at + 2, len - 2u);
		if (b & 8 && t[at] == 0)
			t[at + 4] |= 1; /* enabled */
		at += len;
	}
	return at;
}

static void fuzz_table(struct fuzz_in *in)
{
	static struct acpi_info one, two;
	unsigned which = fuzz_below(in, 4);
	size_t room = 2048, len;
	u8 *t = calloc(1, room), *exact;
	int r;

	FUZZ_CHECK(t, "no memory");
	if (which == 0 && fuzz_u8(in) & 1)
		len = build_madt(in, t, room);
	else
		len = in->left, fuzz_bytes(in, t, len < room ? len : room);
	len = len < room ? len : room;
	exact = malloc(len);
	FUZZ_CHECK(exact || !len, "no memory");
	if (len)
		memcpy(exact, t, len);
	memset(&acpi_info, 0, sizeof(acpi_info));
	memset(&one, 0, sizeof(one));
	r = parse(which, exact, len, &one);
	FUZZ_CHECK(!r || r == -EINVAL, "%d", r);
	check_info(&one);
	two = one;
	if (r) {
		memset(&two, 0, sizeof(two));
		FUZZ_CHECK(!memcmp(&one, &two, sizeof(one)), "a refused table says something");
	} else if (which != 0 && which != 3) {
		(void)parse(which, exact, len, &two);
		FUZZ_CHECK(!memcmp(&one, &two, sizeof(one)), "said twice it is something else");
	} else {
		(void)parse(which, exact, len, &two);
		check_info(&two);
		FUZZ_CHECK(two.nr_cpus == one.nr_cpus, "CPUs are counted twice");
	}
	free(exact);
	free(t);
}

static void fuzz_aml(struct fuzz_in *in)
{
	size_t len = in->left;
	u8 *aml = malloc(len), a = 0x77, b = 0x77;

	FUZZ_CHECK(aml || !len, "no memory");
	fuzz_bytes(in, aml, len);
	if (acpi_find_s5(aml, len, &a, &b)) {
		bool named = false;

		for (size_t i = 0; i + 4 <= len; i++)
			named |= !memcmp(aml + i, "_S5_", 4);
		FUZZ_CHECK(named, "nothing is named _S5_");
	}
	free(aml);
}

static void sum(u8 *p, size_t len, size_t field)
{
	u8 s = 0;

	p[field] = 0;
	for (size_t i = 0; i < len; i++)
		s += p[i];
	p[field] = (u8)-s;
}

/* The whole way from the RSDP; checksums are right, mostly. */
static void fuzz_whole(struct fuzz_in *in)
{
	static const char signatures[8][5] = { "APIC", "FACP", "HPET", "MCFG", "SSDT", "APIC",
					       "FACP", "XXXX" };
	unsigned tables = fuzz_below(in, 6);
	u8 *xsdt = phys + XSDT_AT, wrong = fuzz_u8(in);
	u32 len = 36 + tables * 8;
	int r;

	memset(phys + RSDP_AT, 0, PHYS_SIZE - RSDP_AT);
	memcpy(phys + RSDP_AT, "RSD PTR ", 8);
	phys[RSDP_AT + 15] = 2;
	memcpy(phys + RSDP_AT + 20, &(u32){ 36 }, 4);
	memcpy(phys + RSDP_AT + 24, &(u64){ wrong >= 0xf8 ? fuzz_number(in) : XSDT_AT }, 8);
	sum(phys + RSDP_AT, 20, 8);
	sum(phys + RSDP_AT, 36, 32);
	memcpy(xsdt, "XSDT", 4);
	for (unsigned i = 0; i < tables; i++) {
		u64 at = TABLE_AT + i * 0x1000;
		u8 *t = phys + at, b = fuzz_u8(in);
		u32 size = 36 + (fuzz_u16(in) & 1023);

		if (b >= 0xf0)
			at = fuzz_number(in);
		memcpy(xsdt + 36 + i * 8, &at, 8);
		if ((b & 7) == 0 || (b & 7) == 5) {
			struct fuzz_in part = { in->p, in->left < 200 ? in->left : 200 };

			size = (u32)build_madt(&part, t, 1024);
			in->p += in->left < 200 ? in->left : 200;
			in->left -= in->left < 200 ? in->left : 200;
		} else {
			fuzz_bytes(in, t + 8, size - 8 < 300 ? size - 8 : 300);
		}
		memcpy(t, signatures[b & 7], 4);
		memcpy(t + 4, b & 8 && b & 16 ? &(u32){ fuzz_u32(in) } : &size, 4);
		if (b & 32 || !(b & 64))
			sum(t, size, 9);
	}
	memcpy(xsdt + 4, wrong >= 0xf0 && wrong < 0xf8 ? &(u32){ (u32)fuzz_number(in) } : &len, 4);
	sum(xsdt, len, 9);
	memset(&acpi_info, 0, sizeof(acpi_info));
	r = acpi_init(fuzz_u8(in) & 1 ? RSDP_AT : 0);
	FUZZ_CHECK(!r || r == -ENODEV, "%d", r);
	check_info(&acpi_info);
	unmap_all();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	switch (fuzz_u8(&in) % 4) {
	case 0: fuzz_aml(&in); break;
	case 1: fuzz_whole(&in); break;
	default: fuzz_table(&in);
	}
	return 0;
}
