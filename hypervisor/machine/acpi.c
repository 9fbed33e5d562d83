// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The firmware's tables, as far as the hypervisor needs them itself. Everything else in them is
 * dom0's, which reads them with its own interpreter. Offsets are those of the ACPI specification,
 * 6.4, chapter 5.
 */

#include "lib/printk.h"
#include "lib/string.h"
#include "machine/acpi.h"
#include "memory/ioremap.h"
#include "pv-abi/errno.h"

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem_id[6], oem_table_id[8];
	u32 oem_revision, creator_id, creator_revision;
} __packed;
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");

/* No sane table is longer; a longer one is a broken length. */
#define TABLE_MAX (4U << 20)

struct acpi_info acpi_info;

static u16 get16(const void *p, size_t off)
{
	u16 v;

	memcpy(&v, (const u8 *)p + off, sizeof(v));
	return v;
}

static u32 get32(const void *p, size_t off)
{
	u32 v;

	memcpy(&v, (const u8 *)p + off, sizeof(v));
	return v;
}

static u64 get64(const void *p, size_t off)
{
	u64 v;

	memcpy(&v, (const u8 *)p + off, sizeof(v));
	return v;
}

bool acpi_checksum_ok(const void *p, size_t len)
{
	const u8 *b = p;
	u8 sum = 0;

	while (len--)
		sum += *b++;
	return sum == 0;
}

/* -------------------------------------------------------------------------------------------------
 * MADT (5.2.12)
 */

static void add_cpu(struct acpi_info *out, u32 apic_id, u32 acpi_id, u32 flags)
{
	if (!(flags & 1)) /* "enabled"; CPUs that may be plugged in later are not there */
		return;
	for (unsigned i = 0; i < out->nr_cpus; i++)
		if (out->cpus[i].apic_id == apic_id)
			return;
	if (out->nr_cpus == ARRAY_SIZE(out->cpus)) {
		printk(LOG_WARN "acpi: more than %u CPUs, APIC id %u left alone\n", NR_CPUS,
		       apic_id);
		return;
	}
	out->cpus[out->nr_cpus].apic_id = apic_id;
	out->cpus[out->nr_cpus++].acpi_id = acpi_id;
}

static void add_ioapic(struct acpi_info *out, const u8 *e)
{
	unsigned n = out->nr_ioapics;

	if (n == ACPI_MAX_IOAPICS) {
		printk(LOG_WARN "acpi: more than %u I/O APICs\n", ACPI_MAX_IOAPICS);
		return;
	}
	out->ioapics[n].id = e[2];
	out->ioapics[n].base = get32(e, 4);
	out->ioapics[n].gsi_base = get32(e, 8);
	out->nr_ioapics++;
}

/* MPS INTI flags: 0 means the bus's default, which is edge and active high for ISA. */
static void add_override(struct acpi_info *out, const u8 *e)
{
	unsigned n = out->nr_overrides;
	u16 flags = get16(e, 8);

	if (e[2] != 0 || e[3] > 15) /* ISA is the only bus */
		return;
	if (n == ACPI_MAX_OVERRIDES) {
		printk(LOG_WARN "acpi: more than %u interrupt overrides\n", ACPI_MAX_OVERRIDES);
		return;
	}
	out->overrides[n].source = e[3];
	out->overrides[n].gsi = get32(e, 4);
	out->overrides[n].active_low = (flags & 3) == 3;
	out->overrides[n].level = ((flags >> 2) & 3) == 3;
	out->nr_overrides++;
}

static void add_nmi(struct acpi_info *out, u32 acpi_id, u16 flags, u8 lint)
{
	unsigned n = out->nr_nmis;

	if (n == ACPI_MAX_NMIS || lint > 1)
		return;
	out->nmis[n].acpi_id = acpi_id;
	out->nmis[n].lint = lint;
	out->nmis[n].active_low = (flags & 3) == 3;
	out->nmis[n].level = ((flags >> 2) & 3) == 3;
	out->nr_nmis++;
}

int acpi_parse_madt(const void *table, size_t len, struct acpi_info *out)
{
	const u8 *t = table;
	/* Shortest valid length of each entry type that is looked at. */
	static const u8 need[] = {
		[0] = 8, [1] = 12, [2] = 10, [4] = 6, [5] = 12, [9] = 16, [10] = 12
	};
	size_t off = 44;

	if (len < off)
		return -EINVAL;
	out->lapic = get32(t, 36);
	out->pcat = get32(t, 40) & 1;
	while (len - off >= 2) {
		const u8 *e = t + off;
		u8 type = e[0], size = e[1];

		if (size < 2 || size > len - off) {
			printk(LOG_WARN "acpi: MADT entry at %zu has length %u, rest ignored\n",
			       off, size);
			break;
		}
		off += size;
		if (type >= ARRAY_SIZE(need) || !need[type])
			continue;
		if (size < need[type]) {
			printk(LOG_WARN "acpi: MADT entry of type %u is too short\n", type);
			continue;
		}
		switch (type) {
		case 0:
			/* 255 is the broadcast id: firmware's way to say "no CPU". */
			if (e[3] != 0xff)
				add_cpu(out, e[3], e[2], get32(e, 4));
			break;
		case 1:
			add_ioapic(out, e);
			break;
		case 2:
			add_override(out, e);
			break;
		case 4:
			add_nmi(out, e[2] == 0xff ? 0xffffffff : e[2], get16(e, 3), e[5]);
			break;
		case 5:
			out->lapic = get64(e, 4);
			break;
		case 9:
			if (get32(e, 4) != 0xffffffff)
				add_cpu(out, get32(e, 4), get32(e, 12), get32(e, 8));
			break;
		case 10:
			add_nmi(out, get32(e, 4), get16(e, 2), e[8]);
			break;
		}
	}
	return 0;
}

/* -------------------------------------------------------------------------------------------------
 * FADT (5.2.9): old fields, and extended ones which win when they are there and set.
 */

static bool read_gas(const u8 *t, size_t len, size_t off, struct acpi_register *r)
{
	if (len < off + 12 || !get64(t, off + 4) || t[off] > ACPI_SPACE_PCI)
		return false;
	r->space = t[off];
	r->width = t[off + 1];
	r->address = get64(t, off + 4);
	return true;
}

static void fadt_block(const u8 *t, size_t len, size_t old, u8 old_bytes, size_t extended,
		       struct acpi_register *r)
{
	if (read_gas(t, len, extended, r) && r->space <= ACPI_SPACE_IO)
		return;
	r->space = ACPI_SPACE_IO;
	r->width = old_bytes * 8;
	r->address = get32(t, old) & 0xffff;
}

int acpi_parse_fadt(const void *table, size_t len, struct acpi_info *out)
{
	const u8 *t = table;
	u32 flags;

	if (len < 116)
		return -EINVAL;
	flags = get32(t, 112);
	out->have_fadt = true;
	out->sci = get16(t, 46);
	out->facs = get32(t, 36);
	out->dsdt = get32(t, 40);
	if (len >= 148 && get64(t, 140))
		out->dsdt = get64(t, 140);
	if (len >= 140 && get64(t, 132))
		out->facs = get64(t, 132);
	out->hardware_reduced = t[8] >= 5 && (flags & BIT(20));
	if (!out->hardware_reduced) {
		fadt_block(t, len, 56, t[88], 148, &out->pm1a_event);
		fadt_block(t, len, 60, t[88], 160, &out->pm1b_event);
		fadt_block(t, len, 64, t[89], 172, &out->pm1a_control);
		fadt_block(t, len, 68, t[89], 184, &out->pm1b_control);
		fadt_block(t, len, 76, t[91], 208, &out->pm_timer);
		out->pm_timer_32bit = flags & BIT(8);
	} else {
		read_gas(t, len, 244, &out->sleep_control);
	}
	/* The boot flags exist from revision 2 on; before, a PC is a PC. */
	out->boot_flags = t[8] >= 2 ? get16(t, 109) : 0;
	out->no_8042 = t[8] >= 3 && !(out->boot_flags & BIT(1));
	out->no_rtc = t[8] >= 5 && (out->boot_flags & BIT(5));
	if (len >= 129 && (flags & BIT(10)) && read_gas(t, len, 116, &out->reset))
		out->reset_value = t[128];
	return 0;
}

/* -------------------------------------------------------------------------------------------------
 * HPET (IA-PC HPET specification, 3.2.4) and MCFG (PCI Firmware specification, 4.1.2)
 */

int acpi_parse_hpet(const void *table, size_t len, struct acpi_info *out)
{
	const u8 *t = table;

	if (len < 56)
		return -EINVAL;
	if (t[40] != ACPI_SPACE_MEMORY || out->hpet.address) /* one is enough */
		return 0;
	out->hpet.address = get64(t, 44);
	out->hpet.number = t[52];
	out->hpet.min_tick = get16(t, 53);
	return 0;
}

int acpi_parse_mcfg(const void *table, size_t len, struct acpi_info *out)
{
	const u8 *t = table;

	if (len < 44)
		return -EINVAL;
	for (size_t off = 44; len - off >= 16; off += 16) {
		u64 base = get64(t, off);
		u8 first = t[off + 10], last = t[off + 11];
		unsigned n = out->nr_segments;

		if (!base || base & 0xfffff || base >> 52 || first > last) {
			printk(LOG_WARN "acpi: MCFG entry %zu makes no sense\n", (off - 44) / 16);
			continue;
		}
		if (n == ACPI_MAX_SEGMENTS) {
			printk(LOG_WARN "acpi: more than %u MCFG entries\n", ACPI_MAX_SEGMENTS);
			break;
		}
		out->segments[n].base = base;
		out->segments[n].segment = get16(t, off + 8);
		out->segments[n].first_bus = first;
		out->segments[n].last_bus = last;
		out->nr_segments++;
	}
	return 0;
}

/* -------------------------------------------------------------------------------------------------
 * _S5: a package of small integers, in every known firmware: NameOp "_S5_" PackageOp PkgLength
 * NumElements elements, (20.2). An element is ZeroOp, OneOp or BytePrefix and a byte (a wider
 * prefix carries the value in its low byte).
 */

static bool aml_small(const u8 **p, const u8 *end, u8 *v)
{
	const u8 *q = *p;
	size_t bytes;

	if (q >= end)
		return false;
	switch (*q) {
	case 0x00:
	case 0x01:
		*v = *q;
		*p = q + 1;
		return true;
	case 0x0a:
		bytes = 1;
		break;
	case 0x0b:
		bytes = 2;
		break;
	case 0x0c:
		bytes = 4;
		break;
	default:
		return false;
	}
	if ((size_t)(end - q) < 1 + bytes)
		return false;
	*v = q[1];
	*p = q + 1 + bytes;
	return true;
}

bool acpi_find_s5(const void *aml, size_t len, u8 *a, u8 *b)
{
	const u8 *start = aml, *end = start + len;

	for (const u8 *p = start; (size_t)(end - p) >= 7; p++) {
		const u8 *q = p + 4;
		size_t lead;
		u8 va, vb;

		if (memcmp(p, "_S5_", 4) != 0 || q[0] != 0x12)
			continue;
		/* In front: NameOp, perhaps with the root prefix between. */
		if (!(p > start && p[-1] == 0x08) &&
		    !(p > start + 1 && p[-1] == '\\' && p[-2] == 0x08))
			continue;
		lead = 1 + (q[1] >> 6); /* PkgLength says its own length in its top bits */
		if ((size_t)(end - q) < 1 + lead + 1)
			continue;
		q += 1 + lead;
		if (*q++ < 2)
			continue;
		if (!aml_small(&q, end, &va) || !aml_small(&q, end, &vb) || va > 7 || vb > 7)
			continue;
		*a = va;
		*b = vb;
		return true;
	}
	return false;
}

/* -------------------------------------------------------------------------------------------------
 * Finding the tables
 */

/*
 * Map a whole table and check it: NULL if it is not one. The mapping stays; a table is read once,
 * at boot.
 */
static const struct acpi_header *map_table(paddr_t pa, const char *signature)
{
	const struct acpi_header *h;
	u32 length;

	if (!pa || pa + TABLE_MAX < pa || pa >> 52)
		return NULL;
	h = map_firmware(pa, sizeof(*h));
	if (!h)
		return NULL;
	if (signature && memcmp(h->signature, signature, 4) != 0)
		return NULL;
	length = h->length;
	if (length < sizeof(*h) || length > TABLE_MAX) {
		printk(LOG_WARN "acpi: table at %#lx has length %u, ignored\n", (unsigned long)pa,
		       length);
		return NULL;
	}
	h = map_firmware(pa, length);
	if (!h)
		return NULL;
	if (!acpi_checksum_ok(h, length)) {
		printk(LOG_WARN "acpi: table at %#lx has a wrong checksum, ignored\n",
		       (unsigned long)pa);
		return NULL;
	}
	return h;
}

static const u8 *rsdp_at(paddr_t pa)
{
	const u8 *p = map_firmware(pa, 36);

	if (!p || memcmp(p, "RSD PTR ", 8) != 0 || !acpi_checksum_ok(p, 20))
		return NULL;
	if (p[15] >= 2 && (get32(p, 20) != 36 || !acpi_checksum_ok(p, 36)))
		return NULL;
	return p;
}

static const u8 *scan(const u8 *area, paddr_t base, size_t len, paddr_t *found)
{
	if (!area)
		return NULL;
	for (size_t off = 0; off + 36 <= len; off += 16) {
		const u8 *p;

		if (memcmp(area + off, "RSD PTR ", 8) != 0)
			continue;
		p = rsdp_at(base + off);
		if (p) {
			*found = base + off;
			return p;
		}
	}
	return NULL;
}

/* The hint, the first KiB of the extended BIOS data area, the BIOS's read-only area (5.2.5.1). */
static const u8 *find_rsdp(paddr_t hint, paddr_t *found)
{
	const u8 *bda, *p;
	paddr_t ebda;

	if (hint) {
		p = rsdp_at(hint);
		if (p) {
			*found = hint;
			return p;
		}
		printk(LOG_WARN "acpi: no RSDP where the boot loader says it is\n");
	}
	bda = map_firmware(0x400, 0x100);
	ebda = bda ? (paddr_t)get16(bda, 0x0e) << 4 : 0;
	if (ebda >= 0x80000 && ebda < 0xa0000 - 1024) {
		p = scan(map_firmware(ebda, 1024), ebda, 1024, found);
		if (p)
			return p;
	}
	return scan(map_firmware(0xe0000, 0x20000), 0xe0000, 0x20000, found);
}

static void read_table(paddr_t pa)
{
	static const struct {
		char signature[5];
		int (*parse)(const void *table, size_t len, struct acpi_info *out);
	} known[] = {
		{ "APIC", acpi_parse_madt },
		{ "FACP", acpi_parse_fadt },
		{ "HPET", acpi_parse_hpet },
		{ "MCFG", acpi_parse_mcfg },
	};
	const struct acpi_header *h = map_table(pa, NULL);

	if (!h)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
		if (memcmp(h->signature, known[i].signature, 4) != 0)
			continue;
		if (known[i].parse(h, h->length, &acpi_info) != 0)
			printk(LOG_WARN "acpi: %s is too short, ignored\n", known[i].signature);
	}
}

int acpi_init(paddr_t rsdp_hint)
{
	paddr_t where = 0, pa;
	const u8 *rsdp = find_rsdp(rsdp_hint, &where);
	const struct acpi_header *root = NULL, *dsdt;
	unsigned width = 8;

	memset(&acpi_info, 0, sizeof(acpi_info));
	acpi_info.lapic = 0xfee00000;
	acpi_info.pcat = true;
	if (!rsdp) {
		printk(LOG_WARN "acpi: no tables found\n");
		return -ENODEV;
	}
	if (rsdp[15] >= 2)
		root = map_table(get64(rsdp, 24), "XSDT");
	if (!root) {
		root = map_table(get32(rsdp, 16), "RSDT");
		width = 4;
	}
	if (!root) {
		printk(LOG_WARN "acpi: no usable root table\n");
		return -ENODEV;
	}
	acpi_info.rsdp = where;
	for (size_t off = sizeof(*root); off + width <= root->length; off += width) {
		pa = width == 8 ? get64(root, off) : get32(root, off);
		read_table(pa);
	}
	if (acpi_info.have_fadt) {
		dsdt = map_table(acpi_info.dsdt, "DSDT");
		if (dsdt)
			acpi_info.s5_known = acpi_find_s5(dsdt + 1, dsdt->length - sizeof(*dsdt),
							  &acpi_info.s5_a, &acpi_info.s5_b);
	}
	printk(LOG_INFO "acpi: %u CPUs, %u I/O APICs, PM timer %#lx, HPET %#lx\n",
	       acpi_info.nr_cpus, acpi_info.nr_ioapics, (unsigned long)acpi_info.pm_timer.address,
	       (unsigned long)acpi_info.hpet.address);
	return 0;
}

u32 acpi_isa_gsi(u8 isa, bool *level, bool *active_low)
{
	*level = *active_low = false;
	for (unsigned i = 0; i < acpi_info.nr_overrides; i++) {
		if (acpi_info.overrides[i].source != isa)
			continue;
		*level = acpi_info.overrides[i].level;
		*active_low = acpi_info.overrides[i].active_low;
		return acpi_info.overrides[i].gsi;
	}
	return isa;
}
