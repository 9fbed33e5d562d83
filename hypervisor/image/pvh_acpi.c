// SPDX-License-Identifier: GPL-2.0-or-later
#include "image/pvh_acpi.h"

#define RSDP_BYTES 36
#define HEADER	   36 /* of every table but that one */
#define XSDT_BYTES (HEADER + 2 * 8)
#define FADT_BYTES 276
#define APIC_BYTES 8 /* of a local APIC's entry in the MADT (5.2.12.2) */
#define MADT_BYTES(vcpus) (HEADER + 8 + (vcpus) * APIC_BYTES)
#define DSDT_BYTES HEADER

/* Each begins at a multiple of 8. */
enum {
	XSDT = (RSDP_BYTES + 7) & ~7,
	FADT = (XSDT + XSDT_BYTES + 7) & ~7,
	MADT = (FADT + FADT_BYTES + 7) & ~7,
	DSDT = (MADT + MADT_BYTES(PVH_MAX_VCPUS) + 7) & ~7,
};
_Static_assert(DSDT + DSDT_BYTES <= PVH_ACPI_BYTES, "all of them");

/* Of the FADT (5.2.9). */
#define FADT_DSDT	 40
#define FADT_BOOT_ARCH	 109
#define FADT_FLAGS	 112
#define FADT_X_DSDT	 140
#define BOOT_ARCH_NO_VGA 4
#define BOOT_ARCH_NO_RTC 0x20
#define HW_REDUCED	 (1u << 20)

static void put(uint8_t *at, uint64_t value, unsigned int bytes)
{
	while (bytes--) {
		*at++ = (uint8_t)value;
		value >>= 8;
	}
}

static void put_text(uint8_t *at, const char *text)
{
	while (*text)
		*at++ = (uint8_t)*text++;
}

/* The byte at `where` makes the sum of all of them 0. */
static void seal(uint8_t *table, unsigned int bytes, unsigned int where)
{
	uint8_t sum = 0;

	for (unsigned int i = 0; i < bytes; i++)
		sum = (uint8_t)(sum + table[i]);
	table[where] = (uint8_t)(table[where] - sum);
}

static void finish(uint8_t *table, const char *signature, unsigned int bytes, uint8_t revision)
{
	put_text(table, signature);
	put(table + 4, bytes, 4);
	table[8] = revision;
	put_text(table + 10, "ANNULS");
	put_text(table + 16, "ANNULPVH");
	put(table + 24, 1, 4);
	put_text(table + 28, "ANNU");
	put(table + 32, 1, 4);
	seal(table, bytes, 9);
}

void pvh_acpi_write(uint8_t *buf, uint64_t at, unsigned int vcpus)
{
	for (unsigned int i = 0; i < PVH_ACPI_BYTES; i++)
		buf[i] = 0;
	put_text(buf, "RSD PTR ");
	put_text(buf + 9, "ANNULS");
	buf[15] = 2;
	put(buf + 20, RSDP_BYTES, 4);
	put(buf + 24, at + XSDT, 8);
	/* One sum over what the first version had, one over all. */
	seal(buf, 20, 8);
	seal(buf, RSDP_BYTES, 32);

	put(buf + XSDT + HEADER, at + FADT, 8);
	put(buf + XSDT + HEADER + 8, at + MADT, 8);
	finish(buf + XSDT, "XSDT", XSDT_BYTES, 1);

	put(buf + FADT + FADT_DSDT, at + DSDT, 4);
	buf[FADT + FADT_BOOT_ARCH] = BOOT_ARCH_NO_VGA | BOOT_ARCH_NO_RTC;
	put(buf + FADT + FADT_FLAGS, HW_REDUCED, 4);
	put(buf + FADT + FADT_X_DSDT, at + DSDT, 8);
	finish(buf + FADT, "FACP", FADT_BYTES, 6);

	put(buf + MADT + HEADER, 0xfee00000, 4);
	for (unsigned int i = 0; i < vcpus; i++) {
		uint8_t *entry = buf + MADT + HEADER + 8 + i * APIC_BYTES;

		entry[1] = APIC_BYTES;
		entry[2] = (uint8_t)i; /* of the processor, and of its APIC */
		entry[3] = (uint8_t)i;
		entry[4] = 1; /* enabled */
	}
	finish(buf + MADT, "APIC", MADT_BYTES(vcpus), 4);

	finish(buf + DSDT, "DSDT", DSDT_BYTES, 2);
}
