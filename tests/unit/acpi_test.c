// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/machine/acpi.c
//
// The firmware's tables are believed only as far as they are consistent. Physical memory is
// simulated: every mapping that the parser asks for is a block of exactly that size, so that the
// address sanitizer sees each byte read too far.

#include "suite.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/printk.h"
#include "machine/acpi.h"
#include "memory/ioremap.h"
#include "pv-abi/errno.h"

#define PHYS_SIZE 0x200000
#define XSDT_AT 0x110000
#define MADT_AT 0x111000
#define FADT_AT 0x112000
#define MCFG_AT 0x113000
#define HPET_AT 0x114000
#define DSDT_AT 0x115000
#define RSDP_AT 0xf1230

#include "firmware.h"

static unsigned warnings;

void printk(const char *fmt, ...) { warnings += fmt[0] == LOG_WARN[0] && fmt[1] == LOG_WARN[1]; }

static void put16(size_t at, u16 v)
{
	memcpy(phys + at, &v, 2);
}

static void put32(size_t at, u32 v)
{
	memcpy(phys + at, &v, 4);
}

static void put64(size_t at, u64 v)
{
	memcpy(phys + at, &v, 8);
}

static void sum(size_t at, size_t len, size_t field)
{
	u8 s = 0;

	phys[at + field] = 0;
	for (size_t i = 0; i < len; i++)
		s += phys[at + i];
	phys[at + field] = (u8)-s;
}

static void finish(size_t at, const char *signature, u32 len)
{
	memcpy(phys + at, signature, 4);
	put32(at + 4, len);
	sum(at, len, 9);
}

static size_t add(size_t *at, const void *bytes, size_t len)
{
	memcpy(phys + *at, bytes, len);
	*at += len;
	return len;
}

static const u8 s5_aml[] = { 0x08, '_',	 'S',  '5',  '_',  0x12, 0x06,
			     0x04, 0x0a, 0x05, 0x01, 0x00, 0x00 };

/*
 * A small PC: 2 CPUs (one given twice), an unusable one, an x2APIC one, one I/O APIC, two
 * overrides, an NMI.
 */
static u32 build_madt(void)
{
	size_t at = MADT_AT + 44;

	put32(MADT_AT + 36, 0xfee00000);
	put32(MADT_AT + 40, 1);
	add(&at, (u8[]){ 0, 8, 0, 0, 1, 0, 0, 0 }, 8);
	add(&at, (u8[]){ 0, 8, 1, 2, 1, 0, 0, 0 }, 8);
	add(&at, (u8[]){ 0, 8, 1, 2, 1, 0, 0, 0 }, 8);
	add(&at, (u8[]){ 0, 8, 2, 4, 0, 0, 0, 0 }, 8);
	add(&at, (u8[]){ 0, 8, 3, 255, 1, 0, 0, 0 }, 8);
	add(&at, (u8[]){ 9, 16, 0, 0, 0x34, 0x12, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0 }, 16);
	add(&at, (u8[]){ 1, 12, 9, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0 }, 12);
	add(&at, (u8[]){ 2, 10, 0, 0, 2, 0, 0, 0, 0, 0 }, 10);
	add(&at, (u8[]){ 2, 10, 0, 9, 20, 0, 0, 0, 0x0f, 0 }, 10);
	add(&at, (u8[]){ 0x7f, 4, 1, 2 }, 4);
	add(&at, (u8[]){ 4, 6, 0xff, 0, 0, 1 }, 6);
	finish(MADT_AT, "APIC", (u32)(at - MADT_AT));
	return (u32)(at - MADT_AT);
}

static void build(void)
{
	memset(phys, 0, sizeof(phys));
	build_madt();

	phys[FADT_AT + 8] = 3;
	put32(FADT_AT + 40, DSDT_AT);
	put16(FADT_AT + 46, 9);
	put32(FADT_AT + 56, 0x600);
	put32(FADT_AT + 64, 0x604);
	put32(FADT_AT + 76, 0x608);
	phys[FADT_AT + 88] = 4;
	phys[FADT_AT + 89] = 2;
	phys[FADT_AT + 91] = 4;
	put16(FADT_AT + 109, 2);
	put32(FADT_AT + 112, BIT(10) | BIT(8));
	phys[FADT_AT + 116] = 1;
	phys[FADT_AT + 117] = 8;
	put64(FADT_AT + 120, 0xcf9);
	phys[FADT_AT + 128] = 0x0f;
	finish(FADT_AT, "FACP", 244);

	put64(MCFG_AT + 44, 0xb0000000);
	phys[MCFG_AT + 55] = 255;
	put64(MCFG_AT + 60, 0xb0000001); /* not aligned */
	finish(MCFG_AT, "MCFG", 44 + 32);

	put64(HPET_AT + 44, 0xfed00000);
	finish(HPET_AT, "HPET", 56);

	memcpy(phys + DSDT_AT + 36, "_S5_ without a name op in front: ", 33);
	memcpy(phys + DSDT_AT + 69, s5_aml, sizeof(s5_aml));
	finish(DSDT_AT, "DSDT", 69 + sizeof(s5_aml));

	put64(XSDT_AT + 36, MADT_AT);
	put64(XSDT_AT + 44, FADT_AT);
	put64(XSDT_AT + 52, MCFG_AT);
	put64(XSDT_AT + 60, HPET_AT);
	finish(XSDT_AT, "XSDT", 68);

	memcpy(phys + RSDP_AT, "RSD PTR ", 8);
	phys[RSDP_AT + 15] = 2;
	put32(RSDP_AT + 20, 36);
	put64(RSDP_AT + 24, XSDT_AT);
	sum(RSDP_AT, 20, 8);
	sum(RSDP_AT, 36, 32);
	warnings = 0;
}

static int run(paddr_t hint)
{
	int err = acpi_init(hint);

	unmap_all();
	return err;
}

TEST(test_whole, "a whole machine")
{
	bool level, low;

	build();
	CU_ASSERT_EQUAL(run(0), 0);
	CU_ASSERT_EQUAL(acpi_info.rsdp, RSDP_AT);
	CU_ASSERT_EQUAL(acpi_info.nr_cpus, 3);
	CU_ASSERT_EQUAL(acpi_info.cpus[1].apic_id, 2);
	CU_ASSERT_EQUAL(acpi_info.cpus[1].acpi_id, 1);
	CU_ASSERT_EQUAL(acpi_info.cpus[2].apic_id, 0x1234);
	CU_ASSERT_EQUAL(acpi_info.cpus[2].acpi_id, 7);
	CU_ASSERT_EQUAL(acpi_info.nr_ioapics, 1);
	CU_ASSERT_EQUAL(acpi_info.ioapics[0].base, 0xfec00000);
	CU_ASSERT_EQUAL(acpi_info.nr_nmis, 1);
	CU_ASSERT_EQUAL(acpi_info.nmis[0].acpi_id, 0xffffffff);
	CU_ASSERT_EQUAL(acpi_info.nmis[0].lint, 1);
	CU_ASSERT_EQUAL(acpi_isa_gsi(0, &level, &low), 2);
	CU_ASSERT_FALSE(level || low);
	CU_ASSERT_EQUAL(acpi_isa_gsi(9, &level, &low), 20);
	CU_ASSERT_TRUE(level && low);
	CU_ASSERT_EQUAL(acpi_isa_gsi(4, &level, &low), 4);
	CU_ASSERT_EQUAL(acpi_info.pm1a_control.address, 0x604);
	CU_ASSERT_EQUAL(acpi_info.pm1b_control.address, 0);
	CU_ASSERT_EQUAL(acpi_info.pm_timer.address, 0x608);
	CU_ASSERT_TRUE(acpi_info.pm_timer_32bit);
	CU_ASSERT_FALSE(acpi_info.no_8042);
	CU_ASSERT_EQUAL(acpi_info.reset.address, 0xcf9);
	CU_ASSERT_EQUAL(acpi_info.reset.space, ACPI_SPACE_IO);
	CU_ASSERT_EQUAL(acpi_info.reset_value, 0x0f);
	CU_ASSERT_EQUAL(acpi_info.hpet.address, 0xfed00000);
	CU_ASSERT_EQUAL(acpi_info.nr_segments, 1);
	CU_ASSERT_EQUAL(acpi_info.segments[0].last_bus, 255);
	CU_ASSERT_TRUE(acpi_info.s5_known);
	CU_ASSERT_EQUAL(acpi_info.s5_a, 5);
	CU_ASSERT_EQUAL(acpi_info.s5_b, 1);
	CU_ASSERT_EQUAL(warnings, 1); /* the bad MCFG entry */
}

TEST(test_rsdp, "finding the RSDP")
{
	/* Where the boot loader says; and if it is wrong, in the BIOS areas after all. */
	build();
	memcpy(phys + 0x1000, phys + RSDP_AT, 36);
	CU_ASSERT_EQUAL(run(0x1000), 0);
	CU_ASSERT_EQUAL(acpi_info.rsdp, 0x1000);
	phys[0x1005] ^= 1;
	CU_ASSERT_EQUAL(run(0x1000), 0);
	CU_ASSERT_EQUAL(acpi_info.rsdp, RSDP_AT);
	CU_ASSERT_EQUAL(run(~0ULL), 0);

	/* In the extended BIOS data area. */
	build();
	put16(0x40e, 0x9fc0);
	memcpy(phys + 0x9fc00 + 32, phys + RSDP_AT, 36);
	memset(phys + RSDP_AT, 0, 36);
	CU_ASSERT_EQUAL(run(0), -ENODEV); /* 0x9fc00 is too close to the end for a whole KiB */
	put16(0x40e, 0x9fb0);
	memcpy(phys + 0x9fb00, phys + 0x9fc00 + 32, 36);
	CU_ASSERT_EQUAL(run(0), 0);
	CU_ASSERT_EQUAL(acpi_info.rsdp, 0x9fb00);

	/* A wrong sum over the first part, a wrong sum over the whole, a wrong length. */
	build();
	phys[RSDP_AT + 8]++;
	CU_ASSERT_EQUAL(run(0), -ENODEV);
	build();
	phys[RSDP_AT + 32]++;
	CU_ASSERT_EQUAL(run(0), -ENODEV);
	build();
	put32(RSDP_AT + 20, 40);
	sum(RSDP_AT, 36, 32);
	CU_ASSERT_EQUAL(run(0), -ENODEV);
	CU_ASSERT_EQUAL(acpi_info.rsdp, 0);
	CU_ASSERT_EQUAL(acpi_info.lapic, 0xfee00000);
}

TEST(test_rsdt, "RSDT")
{
	/*
	 * Revision 0: 32-bit pointers. The broken XSDT of a revision 2 is replaced by the RSDT too.
	 */
	build();
	put32(XSDT_AT + 0x800 + 36, MADT_AT);
	finish(XSDT_AT + 0x800, "RSDT", 40);
	put32(RSDP_AT + 16, XSDT_AT + 0x800);
	phys[RSDP_AT + 15] = 0;
	sum(RSDP_AT, 20, 8);
	CU_ASSERT_EQUAL(run(0), 0);
	CU_ASSERT_EQUAL(acpi_info.nr_cpus, 3);
	CU_ASSERT_FALSE(acpi_info.have_fadt);
	phys[RSDP_AT + 15] = 2;
	sum(RSDP_AT, 20, 8);
	sum(RSDP_AT, 36, 32);
	phys[XSDT_AT + 40]++;
	CU_ASSERT_EQUAL(run(0), 0);
	CU_ASSERT_EQUAL(acpi_info.nr_cpus, 3);
	CU_ASSERT_FALSE(acpi_info.have_fadt);
}

TEST(test_bad_tables, "bad tables are left out")
{
	build();
	phys[MADT_AT + 50]++; /* checksum */
	CU_ASSERT_EQUAL(run(0), 0);
	CU_ASSERT_EQUAL(acpi_info.nr_cpus, 0);
	CU_ASSERT_TRUE(acpi_info.have_fadt);

	build();
	put32(MADT_AT + 4, 0xffffffff);
	CU_ASSERT_EQUAL(run(0), 0);
	CU_ASSERT_EQUAL(acpi_info.nr_cpus, 0);

	build();
	put32(MADT_AT + 4, 10);
	CU_ASSERT_EQUAL(run(0), 0);
	CU_ASSERT_EQUAL(acpi_info.nr_cpus, 0);

	build();
	finish(MADT_AT, "APIC", 40); /* a header, and not even the fixed part */
	finish(FADT_AT, "FACP", 100);
	finish(HPET_AT, "HPET", 55);
	finish(MCFG_AT, "MCFG", 43);
	CU_ASSERT_EQUAL(run(0), 0);
	CU_ASSERT_EQUAL(acpi_info.nr_cpus, 0);
	CU_ASSERT_FALSE(acpi_info.have_fadt);
	CU_ASSERT_EQUAL(acpi_info.hpet.address, 0);
	CU_ASSERT_EQUAL(acpi_info.nr_segments, 0);
	CU_ASSERT_EQUAL(warnings, 4);

	/* Pointers to nowhere. */
	build();
	put64(XSDT_AT + 36, ~0ULL);
	put64(XSDT_AT + 44, PHYS_SIZE - 10);
	put64(XSDT_AT + 52, 0);
	finish(XSDT_AT, "XSDT", 68);
	CU_ASSERT_EQUAL(run(0), 0);
	CU_ASSERT_EQUAL(acpi_info.nr_cpus, 0);
	CU_ASSERT_EQUAL(acpi_info.hpet.address, 0xfed00000);
}

TEST(test_madt_entries, "MADT entries")
{
	static struct acpi_info info;
	u8 *t = calloc(1, 52);

	/* An entry of length 0 would loop for ever, one past the end would be read too far. */
	t[44] = 0;
	t[45] = 0;
	CU_ASSERT_EQUAL(acpi_parse_madt(t, 52, &info), 0);
	t[45] = 9;
	CU_ASSERT_EQUAL(acpi_parse_madt(t, 52, &info), 0);
	t[45] = 7;
	t[48] = 1;
	CU_ASSERT_EQUAL(acpi_parse_madt(t, 52, &info), 0);
	CU_ASSERT_EQUAL(info.nr_cpus, 0);
	t[45] = 8;
	CU_ASSERT_EQUAL(acpi_parse_madt(t, 52, &info), 0);
	CU_ASSERT_EQUAL(info.nr_cpus, 1);
	free(t);

	/* More of everything than there is room for. */
	t = calloc(1, 44 + 1000 * 12);
	memset(&info, 0, sizeof(info));
	for (unsigned i = 0; i < 1000; i++) {
		u8 *e = t + 44 + i * 12;

		e[0] = i % 4 == 3 ? 4 : i % 4;
		e[1] = 12;
		e[3] = (u8)(e[0] == 2 ? i % 16 : i / 4); /* APIC id, or ISA IRQ */
		e[4] = 1;
		e[5] = e[0] == 4;
	}
	CU_ASSERT_EQUAL(acpi_parse_madt(t, 44 + 1000 * 12, &info), 0);
	CU_ASSERT_EQUAL(info.nr_cpus, NR_CPUS);
	CU_ASSERT_EQUAL(info.nr_ioapics, ACPI_MAX_IOAPICS);
	CU_ASSERT_EQUAL(info.nr_overrides, ACPI_MAX_OVERRIDES);
	CU_ASSERT_EQUAL(info.nr_nmis, ACPI_MAX_NMIS);
	free(t);
}

static bool s5(const void *bytes, size_t len, u8 *a, u8 *b)
{
	u8 *copy = malloc(len);
	bool ok;

	memcpy(copy, bytes, len);
	ok = acpi_find_s5(copy, len, a, b);
	free(copy);
	return ok;
}

TEST(test_s5, "_S5_")
{
	static const u8 root[] = { 0x08, '\\', '_', 'S', '5', '_', 0x12, 0x04, 0x02, 0x00, 0x00 };
	static const u8 wide[] = { 0x08, '_', 'S', '5',	 '_', 0x12, 0x49, 0x00, 0x04,
				   0x0b, 7,   0,   0x0c, 3,   0,    0,	  0 };
	static const u8 name[] = { 0x08, '_', 'S', '5', '_', 0x12, 0x06,
				   0x04, '_', 'X', '_', '_', 0x00 };
	static const u8 high[] = {
		0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x02, 0x0a, 8, 0x00, 0x00
	};
	u8 a = 0xee, b = 0xee;

	CU_ASSERT_TRUE(s5(root, sizeof(root), &a, &b));
	CU_ASSERT_TRUE(a == 0 && b == 0);
	CU_ASSERT_TRUE(s5(wide, sizeof(wide), &a, &b));
	CU_ASSERT_TRUE(a == 7 && b == 3);
	a = b = 0xee;
	CU_ASSERT_FALSE(s5(name, sizeof(name), &a, &b));
	CU_ASSERT_FALSE(s5(high, sizeof(high), &a, &b));
	/* Cut anywhere, it is either whole enough or not there. */
	for (size_t n = 0; n < 11; n++)
		CU_ASSERT_FALSE(s5(s5_aml, n, &a, &b));
	CU_ASSERT_TRUE(a == 0xee && b == 0xee);
	CU_ASSERT_TRUE(s5(s5_aml, 11, &a, &b));
}

/*
 * Random damage, with sums made right again half of the time: nothing to check but that the
 * sanitizers stay silent.
 */
TEST(test_damage, "random damage")
{
	static const size_t at[] = { XSDT_AT, MADT_AT, FADT_AT, MCFG_AT, HPET_AT, DSDT_AT };
	unsigned fine = 0;

	srand(1);
	for (unsigned round = 0; round < 3000; round++) {
		build();
		for (unsigned n = rand() % 6; n-- > 0; ) {
			size_t t = at[rand() % ARRAY_SIZE(at)];
			u32 len;

			phys[t + rand() % (rand() % 2 ? 8 : 200)] = (u8)rand();
			memcpy(&len, phys + t + 4, 4);
			if (rand() % 2 && len <= 4096 && len > 9)
				sum(t, len, 9);
		}
		fine += run(0) == 0;
		CU_ASSERT_TRUE(acpi_info.nr_cpus <= NR_CPUS &&
			       acpi_info.nr_segments <= ACPI_MAX_SEGMENTS);
	}
	CU_ASSERT_TRUE(fine > 0);
}

SUITE("acpi")
