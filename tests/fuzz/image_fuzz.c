// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/image/image.c
// options: -max_len=4096
//
// Kernel images as the dom0 builder and libhvctl read them, and the layout of the memory that such
// a kernel is started in. An input is a raw file, or a recipe for an ELF whose fields are likely or
// hostile. What is accepted lies inside the file and the address space and nowhere twice; the page
// tables of its layout map every page of the initial mapping linearly, themselves read-only, and
// nothing else.

#include "fuzz.h"

#include "image/image.h"

static uint8_t file[16384];
static size_t file_len;

static void store(size_t at, uint64_t v, size_t n)
{
	if (at + n <= sizeof(file))
		memcpy(file + at, &v, n);
}

/* Mostly what is right, sometimes anything. */
static uint64_t or_any(struct fuzz_in *in, uint64_t right)
{
	return fuzz_u8(in) < 0xe8 ? right : fuzz_number(in);
}

static size_t add_note(struct fuzz_in *in, size_t at)
{
	static const struct {
		uint32_t type;
		const char *text;
	} likely[] = {
		{ 1, NULL }, { 2, NULL }, { 3, NULL }, { 4, NULL }, { 5, "xen-3.0" },
		{ 6, "linux" },
		{ 7, "2.6" }, { 8, "generic" }, { 9, "yes" },
		{ 10, "!writable_page_tables|pae_pgdir_above_4gb" },
		{ 12, NULL }, { 13, NULL }, { 14, NULL }, { 15, NULL }, { 16, NULL }, { 17, NULL },
		{ 10, "!auto_translated_physmap" },
	};
	unsigned which = fuzz_below(in, sizeof(likely) / sizeof(likely[0]));
	uint64_t value = 0;
	size_t size;

	switch (fuzz_below(in, 8)) {
	case 6: value = 0xc0000000; break;
	case 7: value = 0xc1000000; break;
	case 0: value = 0xffffffff80000000; break;
	case 1: value = 0xffffffff81000000; break;
	case 2: value = 0x8000000000; break;
	case 3: value = 0xffffffff81000000 + (fuzz_u16(in) & ~0xfffULL); break;
	default: value = fuzz_number(in);
	}
	size = likely[which].text ? strlen(likely[which].text) + 1 : 8;
	store(at, or_any(in, 4), 4);
	store(at + 4, or_any(in, size), 4);
	store(at + 8, likely[which].type, 4);
	store(at + 12, 0x006e6558, 4);
	if (likely[which].text && at + 16 + size < sizeof(file))
		memcpy(file + at + 16, likely[which].text, size);
	else
		store(at + 16, value, 8);
	return at + 16 + ((size + 3) & ~3UL);
}

static void make_elf(struct fuzz_in *in)
{
	unsigned phnum = 1 + fuzz_below(in, 6), notes = fuzz_below(in, 10);
	size_t at = 64 + phnum * 56, notes_at;

	memset(file, 0, sizeof(file));
	memcpy(file, "\177ELF\2\1\1", 7);
	store(4, or_any(in, 2), 1);
	store(16, or_any(in, 2), 2);
	store(18, or_any(in, 62), 2);
	store(24, or_any(in, 0xffffffff81000000), 8);
	store(32, or_any(in, 64), 8);
	store(40, fuzz_below(in, 8) ? 0 : 64, 8);
	store(54, 56, 2);
	store(56, or_any(in, phnum), 2);
	store(58, 64, 2);
	store(60, fuzz_below(in, 4), 2);
	notes_at = (at + 3) & ~3UL;
	for (at = notes_at; notes--;)
		at = add_note(in, at);
	for (unsigned i = 0; i < phnum; i++) {
		size_t ph = 64 + i * 56;
		int is_note = i + 1 == phnum;

		store(ph, or_any(in, is_note ? 4 : 1), 4);
		store(ph + 8, or_any(in, is_note ? notes_at : at), 8);
		store(ph + 24, or_any(in, 0x1000000 + ((uint64_t)fuzz_u8(in) << 16)), 8);
		store(ph + 32, or_any(in, is_note ? at - notes_at : fuzz_u8(in)), 8);
		store(ph + 40, or_any(in, is_note ? at - notes_at : (uint64_t)fuzz_u16(in) << 8),
		      8);
	}
	file_len = at + 256 < sizeof(file) ? at + 256 : sizeof(file);
	if (fuzz_below(in, 16) == 0)
		file_len = fuzz_u16(in) % sizeof(file);
}

/* The same for ring 1. */
static void make_elf32(struct fuzz_in *in)
{
	unsigned phnum = 1 + fuzz_below(in, 6), notes = fuzz_below(in, 10);
	size_t at = 52 + phnum * 32, notes_at = (at + 3) & ~3UL;

	memset(file, 0, sizeof(file));
	memcpy(file, "\177ELF\1\1\1", 7);
	store(16, or_any(in, 2), 2);
	store(18, or_any(in, 3), 2);
	store(24, or_any(in, 0xc1000000), 4);
	store(28, or_any(in, 52), 4);
	store(42, 32, 2);
	store(44, or_any(in, phnum), 2);
	store(46, 40, 2);
	store(48, fuzz_below(in, 4), 2);
	for (at = notes_at; notes--;)
		at = add_note(in, at);
	for (unsigned i = 0; i < phnum; i++) {
		size_t ph = 52 + i * 32;
		int is_note = i + 1 == phnum;

		store(ph, or_any(in, is_note ? 4 : 1), 4);
		store(ph + 4, or_any(in, is_note ? notes_at : at), 4);
		store(ph + 12, or_any(in, 0x1000000 + ((uint64_t)fuzz_u8(in) << 16)), 4);
		store(ph + 16, or_any(in, is_note ? at - notes_at : fuzz_u8(in)), 4);
		store(ph + 20, or_any(in, is_note ? at - notes_at : (uint64_t)fuzz_u16(in) << 8),
		      4);
	}
	file_len = at + 256 < sizeof(file) ? at + 256 : sizeof(file);
}

static void check_image(const struct pv_image *img, size_t len)
{
	FUZZ_CHECK(img->nr_segments >= 1 && img->nr_segments <= PV_IMAGE_MAX_SEGMENTS, "segments");
	for (unsigned i = 0; i < img->nr_segments; i++) {
		const struct pv_segment *s = &img->segment[i];

		FUZZ_CHECK(s->memsz && s->filesz <= s->memsz, "segment %u", i);
		FUZZ_CHECK(s->offset <= len && s->filesz <= len - s->offset,
			   "segment %u: outside the file", i);
		FUZZ_CHECK(s->start + s->memsz > s->start, "segment %u wraps", i);
		FUZZ_CHECK(s->start >= img->phys_start && s->start + s->memsz <= img->phys_end,
			   "bounds");
		for (unsigned j = 0; j < i; j++)
			FUZZ_CHECK(s->start + s->memsz <= img->segment[j].start ||
					   img->segment[j].start + img->segment[j].memsz <=
						   s->start,
				   "overlap");
	}
	FUZZ_CHECK(img->entry - img->virt_base >= img->phys_start &&
			   img->entry - img->virt_base < img->phys_end,
		   "entry");
	FUZZ_CHECK(!(img->features_required & ~img->features_supported), "required, not supported");
	FUZZ_CHECK(memchr(img->guest_os, 0, PV_IMAGE_STRING) &&
			   memchr(img->loader, 0, PV_IMAGE_STRING) &&
			   memchr(img->xen_version, 0, PV_IMAGE_STRING) &&
			   memchr(img->pae, 0, PV_IMAGE_STRING),
		   "string");
}

/* One behind the other, none twice, all below the end. */
static void check_order(const struct pv_layout *l, uint64_t *at, uint64_t pfn, uint64_t pages,
			const char *what)
{
	if (!pages)
		return;
	FUZZ_CHECK(pfn >= *at && pfn + pages <= l->end_pfn, "%s at %lu, %lu pages, after %lu", what,
		   (unsigned long)pfn, (unsigned long)pages, (unsigned long)*at);
	*at = pfn + pages;
}

static void check_layout(const struct pv_layout *l, unsigned flags)
{
	uint64_t at = 0, tables = l->pt_pages + l->p2m_tables, leaves = 0;
	unsigned root = l->is_32bit ? 3 : 4;
	int in_order = l->initrd_va || !l->initrd_pages;

	FUZZ_CHECK(l->end_pfn <= l->nr_pages, "more than there is");
	FUZZ_CHECK(l->virt_end - l->virt_start == l->virt_pages << 12, "the mapping's size");
	FUZZ_CHECK(!(l->virt_end & 0x3fffff), "ends on 4 MiB");
	check_order(l, &at, l->kernel_pfn, l->kernel_pages, "kernel");
	if (in_order)
		check_order(l, &at, l->initrd_pfn, l->initrd_pages, "initrd");
	if (!l->p2m_relocated)
		check_order(l, &at, l->p2m_pfn, l->p2m_pages, "p2m");
	check_order(l, &at, l->start_info_pfn, 1, "start_info");
	if (flags & PV_LAYOUT_RINGS) {
		check_order(l, &at, l->store_pfn, 1, "store");
		check_order(l, &at, l->console_pfn, 1, "console");
	}
	check_order(l, &at, l->pt_pfn, l->pt_pages, "page tables");
	check_order(l, &at, l->stack_pfn, 1, "stack");
	FUZZ_CHECK(at <= l->virt_pages && l->virt_pages - at >= 128, "512 KiB of padding");
	FUZZ_CHECK(l->pt_pages == 1 + l->l3 + l->l2 + l->extra_l2 + l->l1, "tables by level");
	FUZZ_CHECK(!l->is_32bit || (l->l3 == 0 && l->virt_end <= 0x100000000),
		   "a 32-bit address space");
	if (tables > 300)
		return; /* gigabytes: their walk is as long as a hundred others */
	for (uint64_t i = 0; i < tables; i++) {
		struct pv_table t;

		pv_layout_table(l, i, &t);
		FUZZ_CHECK(t.level >= 1 && t.level <= root && (t.level == root) == (i == 0),
			   "level");
		FUZZ_CHECK(i < l->pt_pages ? t.pfn == l->pt_pfn + i
					   : t.pfn == l->p2m_table_pfn + i - l->pt_pages,
			   "where table %lu lives", (unsigned long)i);
		for (unsigned slot = 0; slot < 512; slot++) {
			uint64_t pfn = 0, va = t.va + ((uint64_t)slot << (3 + 9 * t.level));
			int what = pv_layout_slot(l, &t, slot, &pfn);

			if (what == PV_SLOT_EMPTY)
				continue;
			FUZZ_CHECK(what == PV_SLOT_RW || what == PV_SLOT_RO, "slot kind");
			if (t.level == root && l->is_32bit)
				FUZZ_CHECK(slot < 4, "a root of four entries");
			else if (t.level == 4)
				FUZZ_CHECK(slot < 256 || slot > 271,
					   "one of the hypervisor's slots");
			if (t.level > 1) {
				FUZZ_CHECK(what == PV_SLOT_RW,
					   "tables are entered with all rights");
				FUZZ_CHECK((pfn > l->pt_pfn && pfn < l->pt_pfn + l->pt_pages) ||
					   (l->p2m_tables && pfn >= l->p2m_table_pfn &&
					    pfn < l->p2m_table_pfn + l->p2m_tables), "no table");
				continue;
			}
			leaves++;
			if (va >= l->virt_start && va - l->virt_start < l->virt_pages << 12)
				FUZZ_CHECK(pfn == (va - l->virt_start) >> 12, "not linear at %lx",
					   (unsigned long)va);
			else
				FUZZ_CHECK(l->p2m_relocated && va >= l->p2m_va &&
						   pfn == l->p2m_pfn + ((va - l->p2m_va) >> 12),
					   "mapped outside: %lx", (unsigned long)va);
			FUZZ_CHECK((what == PV_SLOT_RO) ==
					   (pfn >= l->pt_pfn && pfn < l->pt_pfn + l->pt_pages),
				   "who may write pfn %lu", (unsigned long)pfn);
		}
	}
	FUZZ_CHECK(leaves == l->virt_pages + (l->p2m_relocated ? l->p2m_pages : 0),
		   "%lu pages mapped", (unsigned long)leaves);
}

static void parse(struct fuzz_in *in, const uint8_t *data, size_t len)
{
	const char *why = NULL;
	struct pv_payload payload;
	struct pv_image img;
	uint8_t *copy;

	if (!pv_image_payload(data, len, &payload, &why)) {
		const uint8_t *p = payload.data;

		FUZZ_CHECK(p >= data && payload.len <= len && p + payload.len <= data + len,
			   "payload outside");
	} else {
		FUZZ_CHECK(why && *why, "refused without a reason");
	}
	why = NULL;
	copy = malloc(len); /* of its size, for the address sanitizer */
	FUZZ_CHECK(copy || !len, "no memory");
	if (len)
		memcpy(copy, data, len);
	if (pv_image_parse(copy, len, &img, &why)) {
		FUZZ_CHECK(why && *why, "refused without a reason");
		free(copy);
		return;
	}
	check_image(&img, len);
	free(copy);
	for (unsigned i = 0; i < 3; i++) {
		static const uint64_t memory[] = { 4096, 8192, 65536, 131072, 262144, 1 << 20 };
		unsigned flags = fuzz_u8(in) & PV_LAYOUT_RINGS;
		uint64_t pages = fuzz_below(in, 4) ? memory[fuzz_below(in, 6)] : fuzz_number(in);
		uint64_t initrd = fuzz_below(in, 3) ? (uint64_t)fuzz_u16(in) << 8 : fuzz_number(in);
		struct pv_layout l;
		int r = pv_layout_compute(&img, pages, initrd, flags, &l, &why);

		fuzz_say("layout of %lu pages, initrd %lu: %d\n", (unsigned long)pages,
			 (unsigned long)initrd, r);
		if (!r)
			check_layout(&l, flags);
		else if (r == -PV_IMAGE_ENOMEM)
			FUZZ_CHECK(l.end_pfn > pages, "it would fit");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	unsigned kind = fuzz_below(&in, 4);

	if (kind == 3) {
		struct fuzz_in rest = { NULL, 0 };

		parse(&rest, in.p, in.left);
		return 0;
	}
	if (kind == 2)
		make_elf32(&in);
	else
		make_elf(&in);
	parse(&in, file, file_len);
	return 0;
}
