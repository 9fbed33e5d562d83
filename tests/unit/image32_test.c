// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/image/image.c
// bits: 64 32
/* 32-bit kernels: ELF32 files, the PAE note, and the layout of a PAE domain's first memory. */
#include <CUnit/Basic.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "suite.h"

#define VIRT_BASE 0xc0000000u
#define PAGE	  4096ull
#define NOTES	  1024
#define PHDR(i)	  (52 + 32 * (i))

struct kernel {
	uint8_t bytes[3 * 4096];
	size_t len, note_end;
};

static void put(struct kernel *k, size_t at, uint64_t value, unsigned int bytes)
{
	for (; bytes--; value >>= 8)
		k->bytes[at++] = (uint8_t)value;
}

static void note(struct kernel *k, uint32_t type, const void *desc, uint32_t len)
{
	put(k, k->note_end, 4, 4);
	put(k, k->note_end + 4, len, 4);
	put(k, k->note_end + 8, type, 4);
	memcpy(k->bytes + k->note_end + 12, "Xen", 4);
	memcpy(k->bytes + k->note_end + 16, desc, len);
	k->note_end += 16 + ((len + 3) & ~3u);
	put(k, PHDR(2) + 16, k->note_end - NOTES, 4);
}

static void word_note(struct kernel *k, uint32_t type, uint32_t value)
{
	note(k, type, &value, 4);
}

static void segment(struct kernel *k, int i, uint32_t offset, uint32_t paddr, uint32_t memsz)
{
	put(k, PHDR(i), 1, 4);
	put(k, PHDR(i) + 4, offset, 4);
	put(k, PHDR(i) + 8, VIRT_BASE + paddr, 4);
	put(k, PHDR(i) + 12, paddr, 4);
	put(k, PHDR(i) + 16, 4096, 4);
	put(k, PHDR(i) + 20, memsz, 4);
}

/* Headers, two segments, and all notes but the one about PAE. */
static void headers(struct kernel *k)
{
	memset(k, 0, sizeof(*k));
	k->len = sizeof(k->bytes);
	memcpy(k->bytes, "\177ELF\1\1\1", 7);
	put(k, 16, 2, 2);
	put(k, 18, 3, 2);
	put(k, 24, VIRT_BASE + 0x100000, 4);
	put(k, 28, 52, 4);
	put(k, 42, 32, 2);
	put(k, 44, 3, 2);
	put(k, 46, 40, 2);
	segment(k, 0, 4096, 0x100000, 4096);
	segment(k, 1, 8192, 0x101000, 0x3000);
	put(k, PHDR(2), 4, 4);
	put(k, PHDR(2) + 4, NOTES, 4);
	k->note_end = NOTES;
	note(k, 6, "linux", 6);
	word_note(k, 3, VIRT_BASE);
	word_note(k, 1, VIRT_BASE + 0x100010);
	word_note(k, 2, VIRT_BASE + 0x101000);
	word_note(k, 12, 0xf5800000);
}

static void refused(const struct kernel *k, const char *reason)
{
	const char *why = "(none)";
	struct pv_image img;

	CU_ASSERT_EQUAL(pv_image_parse(k->bytes, k->len, &img, &why), -PV_IMAGE_ENOEXEC);
	CU_ASSERT_STRING_EQUAL(why, reason);
}

TEST(test_good, "a good kernel")
{
	struct pv_image img;
	const char *why;
	struct kernel k;

	headers(&k);
	note(&k, 9, "yes", 4);
	CU_ASSERT_EQUAL_FATAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_TRUE(img.is_32bit);
	CU_ASSERT_FALSE(img.extended_cr3);
	CU_ASSERT_EQUAL(img.nr_segments, 2);
	CU_ASSERT_EQUAL(img.segment[1].offset, 8192);
	CU_ASSERT_EQUAL(img.segment[1].start, 0x101000);
	CU_ASSERT_EQUAL(img.phys_end, 0x104000);
	CU_ASSERT_EQUAL(img.virt_base, VIRT_BASE);
	CU_ASSERT_EQUAL(img.entry, VIRT_BASE + 0x100010);
	CU_ASSERT_EQUAL(img.hypercall_page, VIRT_BASE + 0x101000);

	headers(&k);
	note(&k, 9, "yes[extended-cr3]", 18);
	CU_ASSERT_EQUAL_FATAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_TRUE(img.extended_cr3);
	headers(&k);
	note(&k, 9, "bimodal", 8);
	CU_ASSERT_EQUAL_FATAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_TRUE(img.extended_cr3);
}

TEST(test_refused, "refused")
{
	static const char no_pae[] = "32-bit kernel without PAE: a PV domain has three-level page "
				     "tables; give one built with CONFIG_X86_PAE";
	struct kernel k;

	headers(&k);
	refused(&k, "32-bit kernel without a PAE_MODE note: a PV domain has three-level page "
		    "tables; give one built with CONFIG_X86_PAE");
	note(&k, 9, "no", 3);
	refused(&k, no_pae);

	headers(&k);
	put(&k, PHDR(2), 0, 4);
	refused(&k, "not a PV kernel: it has no Xen notes; give a kernel built with "
		    "CONFIG_XEN_PV");

	headers(&k);
	note(&k, 9, "yes", 4);
	put(&k, 18, 62, 2);
	refused(&k, "the kernel is for another processor; give an amd64 or i386 kernel");

	headers(&k);
	note(&k, 9, "yes", 4);
	word_note(&k, 12, 0xfc000000);
	refused(&k, "the kernel wants more address space than a 32-bit PV domain has, which ends "
		    "at 0xf5800000; rebuild it");

	headers(&k);
	note(&k, 9, "yes", 4);
	word_note(&k, 15, 0x1000000);
	refused(&k, "corrupt kernel: a 32-bit one has no INIT_P2M; rebuild it");

	headers(&k);
	note(&k, 9, "yes", 4);
	put(&k, PHDR(1) + 20, 0x35800000, 4);
	refused(&k, "corrupt kernel: its segments reach into the hypervisor's part of the address "
		    "space, from 0xf5800000 on; rebuild it");

	/* No cut of a good file may be read past its end (ASan watches). */
	headers(&k);
	note(&k, 9, "yes", 4);
	for (size_t len = 0; len < k.len; len++) {
		struct pv_image img;
		uint8_t *copy = malloc(len ? len : 1);
		const char *why;

		CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
		memcpy(copy, k.bytes, len);
		CU_ASSERT_NOT_EQUAL(pv_image_parse(copy, len, &img, &why), 0);
		free(copy);
	}
}

/* What the tables of a layout say of va: the pfn and whether it is writable, or -1. */
static int64_t walk(const struct pv_layout *l, uint64_t va, bool *rw)
{
	struct pv_table t;
	uint64_t pfn = l->pt_pfn;
	int kind = PV_SLOT_RW;

	for (unsigned level = 3; level; level--) {
		uint64_t i;

		for (i = 0; i < l->pt_pages; i++) {
			pv_layout_table(l, i, &t);
			if (t.pfn == pfn)
				break;
		}
		CU_ASSERT_EQUAL_FATAL(i < l->pt_pages, true);
		CU_ASSERT_EQUAL(t.level, level);
		kind = pv_layout_slot(l, &t, (va >> (3 + 9 * level)) & 511, &pfn);
		if (kind == PV_SLOT_EMPTY)
			return -1;
	}
	*rw = kind == PV_SLOT_RW;
	return (int64_t)pfn;
}

static void check_layout(uint64_t virt_base, uint64_t extra)
{
	struct pv_image img = {
		.is_32bit = true, .nr_segments = 1, .phys_start = 0x100000, .phys_end = 0x500000,
		.virt_base = virt_base, .init_p2m = PV_UNSET, .hypercall_page = PV_UNSET,
		.hv_start_low = PV_UNSET,
	};
	struct pv_layout l;
	const char *why;
	bool rw;

	CU_ASSERT_EQUAL_FATAL(pv_layout_compute(&img, 65536, 100000, PV_LAYOUT_RINGS, &l, &why), 0);
	CU_ASSERT_EQUAL(l.p2m_pages, 64);
	CU_ASSERT_EQUAL(l.l3, 0);
	CU_ASSERT_EQUAL(l.extra_l2, extra);
	CU_ASSERT_EQUAL(l.pt_pages, 1 + l.l2 + extra + l.l1);
	CU_ASSERT_EQUAL(l.stack_pfn, l.pt_pfn + l.pt_pages);
	for (uint64_t pfn = 0; pfn < l.virt_pages; pfn++) {
		CU_ASSERT_EQUAL(walk(&l, virt_base + pfn * PAGE, &rw), (int64_t)pfn);
		CU_ASSERT_EQUAL(rw, pfn < l.pt_pfn || pfn >= l.pt_pfn + l.pt_pages);
	}
	CU_ASSERT_EQUAL(walk(&l, 0xf5800000, &rw), -1);
	if (extra) {
		struct pv_table t;
		uint64_t pfn;

		pv_layout_table(&l, 0, &t);
		CU_ASSERT_EQUAL(pv_layout_slot(&l, &t, 3, &pfn), PV_SLOT_RW);
		CU_ASSERT_EQUAL(pv_layout_slot(&l, &t, 4, &pfn), PV_SLOT_EMPTY);
	}
}

TEST(test_layout, "layout")
{
	struct pv_image img = { .is_32bit = true, .phys_end = 0x100000, .init_p2m = PV_UNSET };
	struct pv_layout l;
	const char *why;

	check_layout(0xc0000000, 0);
	check_layout(0, 1);
	check_layout(0xbfc00000, 0); /* reaches over the border of the last GiB */
	CU_ASSERT_EQUAL(pv_layout_compute(&img, (1 << 22) + 1, 0, 0, &l, &why), -PV_IMAGE_EINVAL);
	img.virt_base = 0xf5000000;
	img.phys_end = 0x800000;
	CU_ASSERT_EQUAL(pv_layout_compute(&img, 65536, 0, 0, &l, &why), -PV_IMAGE_ENOEXEC);
}

SUITE("image32")
