// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/image/image.c hypervisor/image/unpack.c
// libs: -llzma -lz -lzstd -llz4
// bits: 64 32
/*
 * Kernel images and the layout of a PV domain's first memory: the file that the hypervisor's
 * boot-time builder and libhvctl share. Damaged images are made by hand, one defect each, and the
 * whole reason is compared.
 * With ANNULUS_TEST_KERNEL=/path/to/vmlinuz the real thing is parsed, too; without it that test
 * counts as skipped.
 */
#include "suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/image.h"
#include "image/unpack.h"
#include "pv-abi/ring1.h"

#define VIRT_BASE	0xffffffff80000000ull
#define PAGE		4096ull

/* A small kernel: headers and notes in the first 4 KiB, two segments of a page each behind. */
struct kernel {
	uint8_t bytes[3 * 4096];
	size_t len;
	size_t note_end;
};

#define EHDR_MACHINE	18
#define EHDR_TYPE	16
#define EHDR_ENTRY	24
#define EHDR_PHOFF	32
#define EHDR_SHOFF	40
#define EHDR_PHNUM	56
#define EHDR_SHNUM	60
#define PHDR(i)		(64 + 56 * (i))
#define PHDR_OFFSET	8
#define PHDR_VADDR	16
#define PHDR_PADDR	24
#define PHDR_FILESZ	32
#define PHDR_MEMSZ	40
#define NOTES		1024

static void put(struct kernel *k, size_t at, uint64_t value, unsigned int bytes)
{
	while (bytes--) {
		k->bytes[at++] = (uint8_t)value;
		value >>= 8;
	}
}

static void add_note_of(struct kernel *k, const char *owner, uint32_t type, const void *desc,
			uint32_t len)
{
	uint32_t name = (uint32_t)strlen(owner) + 1, room = (name + 3) & ~3u;

	put(k, k->note_end, name, 4);
	put(k, k->note_end + 4, len, 4);
	put(k, k->note_end + 8, type, 4);
	memcpy(k->bytes + k->note_end + 12, owner, name);
	memcpy(k->bytes + k->note_end + 12 + room, desc, len);
	k->note_end += 12 + room + ((len + 3) & ~3u);
	put(k, PHDR(2) + PHDR_FILESZ, k->note_end - NOTES, 8);
}

static void add_note(struct kernel *k, uint32_t type, const void *desc, uint32_t len)
{
	add_note_of(k, "Xen", type, desc, len);
}

static void add_number(struct kernel *k, uint32_t type, uint64_t value)
{
	add_note(k, type, &value, 8);
}

static void segment(struct kernel *k, int i, uint64_t offset, uint64_t vaddr, uint64_t paddr,
		    uint64_t filesz, uint64_t memsz)
{
	put(k, PHDR(i), 1, 4);
	put(k, PHDR(i) + PHDR_OFFSET, offset, 8);
	put(k, PHDR(i) + PHDR_VADDR, vaddr, 8);
	put(k, PHDR(i) + PHDR_PADDR, paddr, 8);
	put(k, PHDR(i) + PHDR_FILESZ, filesz, 8);
	put(k, PHDR(i) + PHDR_MEMSZ, memsz, 8);
}

static void good_headers(struct kernel *k)
{
	memset(k, 0, sizeof(*k));
	k->len = sizeof(k->bytes);
	memcpy(k->bytes, "\177ELF\2\1\1", 7);
	put(k, EHDR_TYPE, 2, 2);
	put(k, EHDR_MACHINE, 62, 2);
	put(k, EHDR_PHOFF, 64, 8);
	put(k, 54, 56, 2);
	put(k, EHDR_PHNUM, 3, 2);
	put(k, 58, 64, 2);
	segment(k, 0, 4096, VIRT_BASE + 0x1000000, 0x1000000, 4096, 4096);
	segment(k, 1, 8192, VIRT_BASE + 0x1001000, 0x1001000, 4096, 0x3000);
	put(k, PHDR(2), 4, 4);
	put(k, PHDR(2) + PHDR_OFFSET, NOTES, 8);
	k->note_end = NOTES;
}

static void good_kernel(struct kernel *k)
{
	good_headers(k);
	add_number(k, 3, VIRT_BASE);
	add_number(k, 1, VIRT_BASE + 0x1000010);
	add_note(k, 6, "linux", 6);
}

static void refused(const struct kernel *k, const char *reason)
{
	struct pv_image img;
	const char *why = "(none)";
	int ret = pv_image_parse(k->bytes, k->len, &img, &why);

	CU_ASSERT_EQUAL(ret, -PV_IMAGE_ENOEXEC);
	CU_ASSERT_STRING_EQUAL(why, reason);
}

TEST(test_good, "a good kernel")
{
	uint64_t pair[2] = { 1, 1 };
	struct pv_image img;
	struct kernel k;
	const char *why;

	good_kernel(&k);
	add_number(&k, 15, 0x8000000000ull);
	add_number(&k, 2, VIRT_BASE + 0x1001000);
	add_number(&k, 12, 0xffff800000000000ull);
	add_note(&k, 5, "xen-3.0", 8);
	add_note(&k, 8, "generic", 8);
	add_note(&k, 9, "yes", 4);
	add_note(&k, 10, "!writable_page_tables|pae_pgdir_above_4gb|something_new", 56);
	add_note(&k, 13, pair, 16);
	add_note(&k, 16, "\1\0\0", 4);
	add_note(&k, 17, "\1\x88\0", 4);
	CU_ASSERT_EQUAL_FATAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_EQUAL(img.nr_segments, 2);
	CU_ASSERT_EQUAL(img.phys_start, 0x1000000);
	CU_ASSERT_EQUAL(img.phys_end, 0x1004000);
	CU_ASSERT_EQUAL(img.segment[1].offset, 8192);
	CU_ASSERT_EQUAL(img.segment[1].filesz, 4096);
	CU_ASSERT_EQUAL(img.segment[1].memsz, 0x3000);
	CU_ASSERT_EQUAL(img.virt_base, VIRT_BASE);
	CU_ASSERT_EQUAL(img.entry, VIRT_BASE + 0x1000010);
	CU_ASSERT_EQUAL(img.hypercall_page, VIRT_BASE + 0x1001000);
	CU_ASSERT_EQUAL(img.init_p2m, 0x8000000000ull);
	CU_ASSERT_EQUAL(img.features_required, 1);
	CU_ASSERT_EQUAL(img.features_supported, 0x8811);
	CU_ASSERT_EQUAL(img.l1_mfn_valid_mask, 1);
	CU_ASSERT_TRUE(img.mod_start_pfn);
	CU_ASSERT_STRING_EQUAL(img.guest_os, "linux");
	CU_ASSERT_STRING_EQUAL(img.xen_version, "xen-3.0");
	CU_ASSERT_STRING_EQUAL(img.loader, "generic");
	CU_ASSERT_STRING_EQUAL(img.pae, "yes");
}

TEST(test_headers, "ELF headers")
{
	struct kernel k;
	size_t len;

	good_kernel(&k);
	k.bytes[0] = 0;
	refused(&k,
		"the kernel is not an ELF file; give the vmlinuz or vmlinux of a Linux built with "
		"CONFIG_XEN_PV");
	good_kernel(&k);
	k.bytes[4] = 3;
	refused(&k, "the kernel's ELF is neither 32-bit nor 64-bit; copy it again");
	good_kernel(&k);
	k.bytes[5] = 2;
	refused(&k, "the kernel's ELF is not little-endian; give an amd64 or i386 kernel");
	good_kernel(&k);
	put(&k, EHDR_MACHINE, 183, 2);
	refused(&k, "the kernel is for another processor; give an amd64 or i386 kernel");
	good_kernel(&k);
	put(&k, EHDR_TYPE, 1, 2);
	refused(&k, "the ELF file is not an executable; give a linked kernel");
	good_kernel(&k);
	k.len = 40;
	refused(&k, "corrupt kernel: the ELF header is truncated; copy it again");
	good_kernel(&k);
	put(&k, EHDR_PHOFF, UINT64_MAX - 10, 8);
	refused(&k, "corrupt kernel: its ELF program headers are missing or outside the file "
		    "(truncated?); "
		    "copy it again");

	/*
	 * No cut of a good file may be read past its end (ASan watches) or accepted with data
	 * missing.
	 */
	good_kernel(&k);
	for (len = 0; len < k.len; len++) {
		uint8_t *copy = malloc(len ? len : 1);
		struct pv_image img;
		const char *why;

		memcpy(copy, k.bytes, len);
		CU_ASSERT_EQUAL(pv_image_parse(copy, len, &img, &why), -PV_IMAGE_ENOEXEC);
		free(copy);
	}
}

TEST(test_segments, "segments")
{
	struct pv_image img;
	struct kernel k;
	const char *why;

	good_kernel(&k);
	put(&k, PHDR(1) + PHDR_PADDR, 0x1000fff, 8);
	refused(&k, "corrupt kernel: two ELF segments overlap in memory; copy or rebuild it");

	/*
	 * One byte later they share a page and no byte, which is fine; so is a vaddr of 0 (per-CPU
	 * data).
	 */
	good_kernel(&k);
	segment(&k, 0, 4096, 0, 0x1000000, 0x800, 0x800);
	segment(&k, 1, 8192, VIRT_BASE + 0x1000800, 0x1000800, 0x800, 0x800);
	CU_ASSERT_EQUAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);

	good_kernel(&k);
	put(&k, PHDR(1) + PHDR_OFFSET, 8193, 8);
	refused(&k,
		"corrupt kernel: an ELF segment lies outside the file (truncated?); copy it again");
	good_kernel(&k);
	put(&k, PHDR(1) + PHDR_OFFSET, UINT64_MAX - 100, 8);
	refused(&k,
		"corrupt kernel: an ELF segment lies outside the file (truncated?); copy it again");
	good_kernel(&k);
	put(&k, PHDR(1) + PHDR_FILESZ, 0x3001, 8);
	refused(&k, "corrupt kernel: an ELF segment has more bytes in the file than in memory; "
		    "copy or rebuild it");
	good_kernel(&k);
	put(&k, PHDR(1) + PHDR_PADDR, UINT64_MAX - 0x1000, 8);
	refused(&k, "corrupt kernel: an ELF segment wraps around the address space; copy or "
		    "rebuild it");
	good_kernel(&k);
	put(&k, PHDR(1) + PHDR_PADDR, 1ull << 60, 8);
	refused(&k, "corrupt kernel: an ELF segment is out of range, above any physical memory; "
		    "rebuild it");
	good_kernel(&k);
	add_number(&k, 4, 0x1000001);
	refused(&k, "corrupt kernel: an ELF segment lies below the PADDR_OFFSET of its notes; "
		    "rebuild it");
	good_kernel(&k);
	put(&k, PHDR(0), 0, 4);
	put(&k, PHDR(1), 0, 4);
	refused(&k,
		"the kernel's ELF has no loadable segment (an object file?); give a linked kernel");

	good_kernel(&k);
	add_number(&k, 4, 0x1000000);
	add_number(&k, 1, VIRT_BASE + 0x10);
	CU_ASSERT_EQUAL_FATAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_EQUAL(img.phys_start, 0);
	CU_ASSERT_EQUAL(img.phys_end, 0x4000);
}

TEST(test_optional, "where a kernel is and begins need no notes")
{
	struct pv_image img;
	struct kernel k;
	const char *why;

	good_headers(&k);
	add_note(&k, 5, "xen-3.0", 8);
	put(&k, EHDR_ENTRY, 0x1000020, 8);
	CU_ASSERT_EQUAL_FATAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_EQUAL(img.virt_base, 0);
	CU_ASSERT_EQUAL(img.entry, 0x1000020);
	CU_ASSERT_EQUAL(img.paddr_offset, 0);
	add_number(&k, 2, 0x1001000);
	CU_ASSERT_EQUAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);

	/* Each of the two alone, also beside an entry for PVH. */
	add_number(&k, 18, 0x1000000);
	add_number(&k, 1, 0x1000030);
	CU_ASSERT_EQUAL_FATAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_EQUAL(img.virt_base, 0);
	CU_ASSERT_EQUAL(img.entry, 0x1000030);
	good_headers(&k);
	put(&k, EHDR_ENTRY, VIRT_BASE + 0x1000020, 8);
	add_number(&k, 3, VIRT_BASE);
	CU_ASSERT_EQUAL_FATAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_EQUAL(img.virt_base, VIRT_BASE);
	CU_ASSERT_EQUAL(img.entry, VIRT_BASE + 0x1000020);

	/* A symbol table is not loaded, whatever BSD_SYMTAB says. */
	add_note(&k, 11, "yes", 4);
	CU_ASSERT_EQUAL_FATAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_EQUAL(img.phys_end, 0x1004000);

	/* What does not fit a kernel at 0 is said of that. */
	good_headers(&k);
	add_note(&k, 5, "xen-3.0", 8);
	put(&k, EHDR_ENTRY, VIRT_BASE + 0x1000020, 8);
	refused(&k, "the kernel's entry point lies outside its segments, which begin at address 0 "
		    "since it has no VIRT_BASE note; give a kernel built with CONFIG_XEN_PV");
	put(&k, EHDR_ENTRY, 0x1000020, 8);
	add_number(&k, 2, VIRT_BASE + 0x1001000);
	refused(&k, "the kernel's hypercall page is unaligned or outside its segments, which begin "
		    "at address 0 since it has no VIRT_BASE note; give a kernel built with "
		    "CONFIG_XEN_PV");
}

TEST(test_notes, "notes in segments")
{
	struct pv_image img;
	struct kernel k;
	const char *why;

	good_headers(&k);
	refused(&k,
		"not a PV kernel: it has no Xen notes; give a kernel built with CONFIG_XEN_PV");
	add_number(&k, 18, 0x1000000);	/* PVH only */
	refused(&k, "not a PV kernel but one for PVH: of Xen's notes it has PHYS32_ENTRY but "
		    "neither ENTRY nor VIRT_BASE; give a kernel built with CONFIG_XEN_PV");
	add_note(&k, 6, "linux", 6);
	add_note(&k, 5, "xen-3.0", 8);
	add_note(&k, 300, "", 0);
	refused(&k, "not a PV kernel but one for PVH: of Xen's notes it has XEN_VERSION, GUEST_OS, "
		    "PHYS32_ENTRY but neither ENTRY nor VIRT_BASE; give a kernel built with "
		    "CONFIG_XEN_PV");
	/* All names there are: the reason has room for them. */
	for (uint32_t type = 0; type < 18; type++)
		if (type != 1 && type != 3)
			add_number(&k, type, 0);
	CU_ASSERT_EQUAL(pv_image_parse(k.bytes, k.len, &img, &why), -PV_IMAGE_ENOEXEC);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "INFO, HYPERCALL_PAGE, PADDR_OFFSET, XEN_VERSION"));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "; give a kernel built with CONFIG_XEN_PV"));

	/*
	 * The segment ends within the last note, whose head counts; what is missing of it does not.
	 */
	good_kernel(&k);
	add_note(&k, 8, "generic", 8);
	put(&k, PHDR(2) + PHDR_FILESZ, k.note_end - NOTES - 4, 8);
	CU_ASSERT_EQUAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_STRING_EQUAL(img.loader, "gene");
	CU_ASSERT_EQUAL(img.virt_base, VIRT_BASE);

	/* A note whose name runs out of the segment is no note. */
	good_kernel(&k);
	put(&k, k.note_end, 0xfffffff0, 4);
	put(&k, PHDR(2) + PHDR_FILESZ, k.note_end + 12 - NOTES, 8);
	CU_ASSERT_EQUAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);

	good_kernel(&k);
	put(&k, PHDR(2) + PHDR_FILESZ, sizeof(k.bytes), 8);
	refused(&k,
		"corrupt kernel: its ELF notes lie outside the file (truncated?); copy it again");

	good_kernel(&k);
	add_number(&k, 1, VIRT_BASE + 0x1004000);
	refused(&k, "corrupt kernel: its entry point lies outside its segments; rebuild it");
	good_kernel(&k);
	add_number(&k, 2, VIRT_BASE + 0x1000800);
	refused(&k, "corrupt kernel: its hypercall page is unaligned or outside its segments; "
		    "rebuild it");
	good_kernel(&k);
	add_number(&k, 2, VIRT_BASE + 0x1004000);
	refused(&k, "corrupt kernel: its hypercall page is unaligned or outside its segments; "
		    "rebuild it");
	good_kernel(&k);
	add_number(&k, 3, VIRT_BASE + 1);
	refused(&k, "corrupt kernel: VIRT_BASE of its notes is not page aligned; rebuild it");
	good_kernel(&k);
	add_number(&k, 3, 0xfffffffffff00000ull);
	refused(&k, "corrupt kernel: VIRT_BASE plus its size wraps around the address space; "
		    "rebuild it");
	good_kernel(&k);
	add_number(&k, 12, 0xffff900000000000ull);
	refused(&k, "the kernel wants the hypervisor above 0xffff800000000000, which this ABI does "
		    "not offer; "
		    "rebuild it for 64-bit PV");
	good_kernel(&k);
	add_number(&k, 15, 0x8000000001ull);
	refused(&k, "corrupt kernel: INIT_P2M of its notes is not page aligned; rebuild it");
	good_kernel(&k);
	add_note(&k, 10, "!time_travel", 12);
	refused(&k, "the kernel requires a feature that is unknown here; use an older or newer "
		    "kernel build");
	good_kernel(&k);
	add_note(&k, 10, "!supervisor_mode_kernel", 23);
	refused(&k, "the kernel requires auto-translated memory or supervisor mode, which a PV "
		    "domain does "
		    "not have; give a kernel built with CONFIG_XEN_PV");
}

static void add_own(struct kernel *k, const char *owner, uint32_t type, uint64_t value,
		    uint32_t len)
{
	add_note_of(k, owner, type, &value, len);
}

/* pv-abi/ring1.h: notes of another owner, whose numbers mean something else. */
TEST(test_ring1_notes, "notes of our own addition")
{
	static const char *const others[] = { "Annulu", "Annulus2", "annulus", "Annulux", "Xen" };
	struct pv_image img;
	struct kernel k;
	const char *why;

	good_kernel(&k);
	CU_ASSERT_EQUAL_FATAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_EQUAL(img.ring1, 0);
	CU_ASSERT_FALSE(img.ring1_only);
	CU_ASSERT_FALSE(pv_image_takes_ring1(&img));
	add_own(&k, ANNULUS_ELFNOTE_OWNER, ANNULUS_ELFNOTE_RING1, ANNULUS_RING1_VERSION, 4);
	CU_ASSERT_EQUAL_FATAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_EQUAL(img.ring1, 1);
	CU_ASSERT_TRUE(pv_image_takes_ring1(&img));
	/* What follows is still read, and the entry is Xen's note of that number. */
	add_note(&k, 8, "generic", 8);
	add_own(&k, ANNULUS_ELFNOTE_OWNER, ANNULUS_ELFNOTE_RING1_ONLY, 0, 8);
	CU_ASSERT_EQUAL_FATAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_STRING_EQUAL(img.loader, "generic");
	CU_ASSERT_EQUAL(img.entry, VIRT_BASE + 0x1000010);
	CU_ASSERT_FALSE(img.ring1_only);
	add_own(&k, ANNULUS_ELFNOTE_OWNER, ANNULUS_ELFNOTE_RING1, 1ull << 32 | 1, 8);
	CU_ASSERT_EQUAL_FATAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_EQUAL(img.ring1, UINT32_MAX);
	/* A contract that nobody here knows: such a kernel runs in ring 3. */
	CU_ASSERT_FALSE(pv_image_takes_ring1(&img));
	/* No number. */
	good_kernel(&k);
	add_own(&k, ANNULUS_ELFNOTE_OWNER, ANNULUS_ELFNOTE_RING1, 1, 2);
	add_own(&k, ANNULUS_ELFNOTE_OWNER, ANNULUS_ELFNOTE_RING1_ONLY, 1, 0);
	CU_ASSERT_EQUAL_FATAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_EQUAL(img.ring1, 0);
	for (unsigned int n = 0; n < sizeof(others) / sizeof(others[0]); n++) {
		good_kernel(&k);
		/* A number that of Xen's notes none has a use for. */
		add_own(&k, others[n], ANNULUS_ELFNOTE_RING1_ONLY + (n == 4 ? 9 : 0), 1, 8);
		CU_ASSERT_EQUAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
		CU_ASSERT_FALSE(img.ring1_only);
	}
	good_kernel(&k);
	add_own(&k, ANNULUS_ELFNOTE_OWNER, ANNULUS_ELFNOTE_RING1_ONLY, 1, 4);
	CU_ASSERT_EQUAL_FATAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_TRUE(img.ring1_only);
	/* Ours alone make no PV kernel. */
	good_headers(&k);
	add_own(&k, ANNULUS_ELFNOTE_OWNER, ANNULUS_ELFNOTE_RING1, 1, 4);
	refused(&k, "not a PV kernel: it has no Xen notes; give a kernel built with CONFIG_XEN_PV");
}

/* Without a PT_NOTE the section headers are asked. */
TEST(test_pvh, "a kernel for PVH")
{
	struct pv_image img;
	struct kernel k;
	const char *why = "";

	good_kernel(&k);
	CU_ASSERT_EQUAL(pvh_image_parse(k.bytes, k.len, &img, &why), -PV_IMAGE_ENOEXEC);
	CU_ASSERT_STRING_EQUAL(why, "not a PVH kernel: it has no PHYS32_ENTRY note; give one built "
				    "with CONFIG_PVH, or write type = \"pv\"");
	/* With notes of a PV kernel, and without any: what those say does not count. */
	for (int alone = 0; alone < 2; alone++) {
		if (alone)
			good_headers(&k);
		else
			add_number(&k, 4, 0x1000);	/* PADDR_OFFSET */
		add_number(&k, 18, 0x1000000);
		CU_ASSERT_EQUAL(pvh_image_parse(k.bytes, k.len, &img, &why), 0);
		CU_ASSERT_EQUAL(img.phys32_entry, 0x1000000);
		CU_ASSERT_EQUAL(img.phys_start, 0x1000000);
		CU_ASSERT_EQUAL(img.phys_end, 0x1004000);
		CU_ASSERT_EQUAL(img.nr_segments, 2);
		CU_ASSERT_EQUAL(img.segment[1].start, 0x1001000);
	}
	static const uint64_t outside[] = { 0, 0xffffff, 0x1004000, 0x101000000ull, ~1ull };

	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		good_headers(&k);
		add_number(&k, 18, outside[i]);
		CU_ASSERT_EQUAL(pvh_image_parse(k.bytes, k.len, &img, &why), -PV_IMAGE_ENOEXEC);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, "its PVH entry point lies outside"));
	}
	/* Above 4 GiB there is no 32-bit entry, wherever the segment is. */
	good_headers(&k);
	put(&k, PHDR(0) + PHDR_PADDR, 0x101000000ull, 8);
	put(&k, PHDR(1) + PHDR_PADDR, 0x101001000ull, 8);
	add_number(&k, 18, 0x101000000ull);
	CU_ASSERT_EQUAL(pvh_image_parse(k.bytes, k.len, &img, &why), -PV_IMAGE_ENOEXEC);
	CU_ASSERT_EQUAL(pvh_image_parse("no", 2, &img, &why), -PV_IMAGE_ENOEXEC);
}

TEST(test_section_notes, "notes in sections")
{
	const size_t sh = 3000;
	struct pv_image img;
	struct kernel k;
	const char *why;

	good_kernel(&k);
	put(&k, PHDR(2), 0, 4);
	refused(&k,
		"not a PV kernel: it has no Xen notes; give a kernel built with CONFIG_XEN_PV");
	put(&k, EHDR_SHOFF, sh, 8);
	put(&k, EHDR_SHNUM, 1, 2);
	put(&k, sh + 4, 7, 4);
	put(&k, sh + 24, NOTES, 8);
	put(&k, sh + 32, k.note_end - NOTES, 8);
	CU_ASSERT_EQUAL(pv_image_parse(k.bytes, k.len, &img, &why), 0);
	CU_ASSERT_EQUAL(img.entry, VIRT_BASE + 0x1000010);
	put(&k, EHDR_SHOFF, UINT64_MAX - 8, 8);
	refused(&k,
		"not a PV kernel: it has no Xen notes; give a kernel built with CONFIG_XEN_PV");
}

static int parse_large(const struct kernel *k, uint8_t *file, size_t len, const char **why)
{
	struct pv_image img;

	memcpy(file, k->bytes, sizeof(k->bytes));
	return pv_image_parse(file, len, &img, why);
}

/* Headers that name the same bytes over and over: what counts is their sum. */
TEST(test_note_budget, "more notes than there are")
{
	const size_t len = 700 << 10, size = 600 << 10, sh = 3000;
	const char *const reason = "corrupt kernel: more than 1 MiB of ELF notes; copy or rebuild "
				   "it";
	uint8_t *file = calloc(1, len);
	const char *why = "(none)";
	struct kernel k;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	good_kernel(&k);
	for (int i = 3; i < 5; i++) {
		put(&k, PHDR(i), 4, 4);
		put(&k, PHDR(i) + PHDR_OFFSET, 3 * PAGE, 8);
		put(&k, PHDR(i) + PHDR_FILESZ, size, 8);
	}
	put(&k, EHDR_PHNUM, 4, 2);
	CU_ASSERT_EQUAL(parse_large(&k, file, len, &why), 0);
	put(&k, EHDR_PHNUM, 5, 2);
	CU_ASSERT_EQUAL(parse_large(&k, file, len, &why), -PV_IMAGE_ENOEXEC);
	CU_ASSERT_STRING_EQUAL(why, reason);
	/* Just 1 MiB is good, a byte more is not. */
	put(&k, PHDR(4) + PHDR_FILESZ, (1 << 20) - size - (k.note_end - NOTES), 8);
	CU_ASSERT_EQUAL(parse_large(&k, file, len, &why), 0);
	put(&k, PHDR(4) + PHDR_FILESZ, (1 << 20) - size - (k.note_end - NOTES) + 1, 8);
	CU_ASSERT_EQUAL(parse_large(&k, file, len, &why), -PV_IMAGE_ENOEXEC);
	CU_ASSERT_STRING_EQUAL(why, reason);

	/* Sections are of the same budget. */
	put(&k, EHDR_PHNUM, 4, 2);
	put(&k, PHDR(2), 0, 4);
	put(&k, EHDR_SHOFF, sh, 8);
	put(&k, EHDR_SHNUM, 1, 2);
	put(&k, sh + 4, 7, 4);
	put(&k, sh + 24, 3 * PAGE, 8);
	put(&k, sh + 32, size, 8);
	why = "(none)";
	CU_ASSERT_EQUAL(parse_large(&k, file, len, &why), -PV_IMAGE_ENOEXEC);
	CU_ASSERT_STRING_EQUAL(why, reason);
	free(file);
}

static void payload_refused(const void *file, size_t len, const char *reason)
{
	struct pv_payload p;
	const char *why = "(none)";

	CU_ASSERT_EQUAL(pv_image_payload(file, len, &p, &why), -PV_IMAGE_ENOEXEC);
	CU_ASSERT_STRING_EQUAL(why, reason);
}

TEST(test_bzimage, "bzImage")
{
	static uint8_t file[8192];
	struct pv_payload p;
	const char *why;

	payload_refused("hello", 5,
			"not a kernel image (neither bzImage nor ELF nor a packed ELF); give the "
			"vmlinuz of a Linux built with CONFIG_XEN_PV");
	memset(file, 0, sizeof(file));
	file[0x1f1] = 1;
	file[0x1fe] = 0x55;
	file[0x1ff] = 0xaa;
	memcpy(file + 0x202, "HdrS\7\2", 6);
	payload_refused(file, sizeof(file),
			"bzImage of a boot protocol before 2.08, its payload cannot be "
			"found; give a newer kernel or its vmlinux");
	file[0x206] = 15;
	payload_refused(file, sizeof(file),
			"corrupt bzImage: the payload lies outside the file (truncated?); "
			"copy the kernel again");
	file[0x248] = 0x10;
	file[0x24d] = 0x10;	/* 4096 bytes */
	payload_refused(file, sizeof(file),
			"bzImage with an unknown payload compression (gzip, xz, zstd and "
			"lz4 are known); rebuild the kernel with one of them");
	memcpy(file + 1024 + 16, "\xfd""7zXZ\0", 6);
	memcpy(file + 1024 + 16 + 4092, "\x78\x56\x34\x12", 4);
	CU_ASSERT_EQUAL_FATAL(pv_image_payload(file, sizeof(file), &p, &why), 0);
	CU_ASSERT_EQUAL(p.container, PV_CONTAINER_BZIMAGE);
	CU_ASSERT_PTR_EQUAL(p.data, file + 1040);
	CU_ASSERT_EQUAL(p.len, 4092);
	CU_ASSERT_TRUE(p.packed);
	CU_ASSERT_EQUAL(p.unpacked_size, 0x12345678);
	payload_refused(file, 1040 + 4095,
			"corrupt bzImage: the payload lies outside the file (truncated?); "
			"copy the kernel again");
	memset(file + 0x248, 0xff, 8);
	payload_refused(file, sizeof(file),
			"corrupt bzImage: the payload lies outside the file (truncated?); "
			"copy the kernel again");
}

static struct pv_image linux_like(void)
{
	return (struct pv_image){
		.nr_segments = 1,
		.phys_start = 0x1000000,
		.phys_end = 0x4a00000,
		.virt_base = VIRT_BASE,
		.entry = VIRT_BASE + 0x1000000,
		.init_p2m = 0x8000000000ull,
		.mod_start_pfn = true,
		.hypercall_page = PV_UNSET,
		.hv_start_low = PV_UNSET,
	};
}

/*
 * Walk every table of a layout the way a processor does and compare with what the layout says: each
 * pfn of the initial mapping is found at its address, tables read-only, each P2M page at INIT_P2M,
 * nothing else.
 */
static void check_tables(const struct pv_layout *l)
{
	uint64_t tables = l->pt_pages + l->p2m_tables, i, mapped = 0, linked = 0;

	for (i = 0; i < tables; i++) {
		struct pv_table t;
		unsigned int slot;

		pv_layout_table(l, i, &t);
		CU_ASSERT_EQUAL(t.pfn, i < l->pt_pages ? l->pt_pfn + i
						       : l->p2m_table_pfn + i - l->pt_pages);
		for (slot = 0; slot < 512; slot++) {
			uint64_t pfn = 0, va = t.va + ((uint64_t)slot << 12), index;
			int kind = pv_layout_slot(l, &t, slot, &pfn);
			struct pv_table below;
			bool table;

			if (kind == PV_SLOT_EMPTY)
				continue;
			table = pfn - l->pt_pfn < l->pt_pages ||
				pfn - l->p2m_table_pfn < l->p2m_tables;
			if (t.level > 1) {
				/*
				 * It links to a table of the next level that says it covers this
				 * slot.
				 */
				linked++;
				CU_ASSERT_TRUE_FATAL(table);
				index = pfn - l->pt_pfn < l->pt_pages ? pfn - l->pt_pfn :
					pfn - l->p2m_table_pfn + l->pt_pages;
				pv_layout_table(l, index, &below);
				CU_ASSERT_EQUAL(below.level, t.level - 1);
				CU_ASSERT_EQUAL((below.va >> (12 + 9 * (t.level - 1))) & 511, slot);
				if (t.level < 4) {
					uint64_t mask = ~((1ull << (12 + 9 * t.level)) - 1);

					CU_ASSERT_EQUAL(below.va & mask, t.va);
				}
				continue;
			}
			mapped++;
			CU_ASSERT_EQUAL(kind, table ? PV_SLOT_RO : PV_SLOT_RW);
			if (va >= l->virt_start && va < l->virt_end) {
				CU_ASSERT_EQUAL(pfn, (va - l->virt_start) / PAGE);
			} else {
				CU_ASSERT_EQUAL(pfn, l->p2m_pfn + (va - l->p2m_va) / PAGE);
			}
		}
	}
	CU_ASSERT_EQUAL(linked, tables - 1);
	CU_ASSERT_EQUAL(mapped, l->virt_pages + (l->p2m_relocated ? l->p2m_pages : 0));
}

TEST(test_layout, "layout")
{
	struct pv_image img = linux_like();
	struct pv_layout l;
	const char *why;

	CU_ASSERT_EQUAL_FATAL(pv_layout_compute(&img, 65536, 5000000, PV_LAYOUT_RINGS, &l, &why),
			      0);
	CU_ASSERT_EQUAL(l.kernel_pfn, 0x1000);
	CU_ASSERT_EQUAL(l.kernel_pages, 0x3a00);
	CU_ASSERT_EQUAL(l.start_info_pfn, 0x4a00);
	CU_ASSERT_EQUAL(l.store_pfn, 0x4a01);
	CU_ASSERT_EQUAL(l.console_pfn, 0x4a02);
	CU_ASSERT_EQUAL(l.pt_pfn, 0x4a03);
	CU_ASSERT_EQUAL(l.l3, 1);
	CU_ASSERT_EQUAL(l.l2, 1);
	CU_ASSERT_EQUAL(l.l1, 38);
	CU_ASSERT_EQUAL(l.pt_pages, 41);
	CU_ASSERT_EQUAL(l.stack_pfn, 0x4a03 + 41);
	CU_ASSERT_EQUAL(l.virt_end, VIRT_BASE + 0x4c00000);
	CU_ASSERT_TRUE(l.virt_end - (l.stack_va + PAGE) >= 512 * 1024);
	CU_ASSERT_EQUAL(l.initrd_va, 0);
	CU_ASSERT_EQUAL(l.initrd_pfn, l.virt_pages);
	CU_ASSERT_EQUAL(l.initrd_pages, 1221);
	CU_ASSERT_EQUAL(l.p2m_va, 0x8000000000ull);
	CU_ASSERT_EQUAL(l.p2m_pages, 128);
	CU_ASSERT_EQUAL(l.p2m_tables, 3);
	CU_ASSERT_EQUAL(l.p2m_pfn, l.initrd_pfn + l.initrd_pages);
	CU_ASSERT_EQUAL(l.end_pfn, l.p2m_table_pfn + 3);
	check_tables(&l);

	/*
	 * An old kernel: everything in the initial mapping, P2M behind the initrd; no rings (dom0).
	 */
	img.init_p2m = PV_UNSET;
	img.mod_start_pfn = false;
	CU_ASSERT_EQUAL_FATAL(pv_layout_compute(&img, 65536, 5000000, 0, &l, &why), 0);
	CU_ASSERT_EQUAL(l.initrd_va, VIRT_BASE + 0x4a00000);
	CU_ASSERT_EQUAL(l.p2m_va, l.initrd_va + 1221 * PAGE);
	CU_ASSERT_EQUAL(l.start_info_va, l.p2m_va + 128 * PAGE);
	CU_ASSERT_EQUAL(l.pt_pfn, l.start_info_pfn + 1);
	CU_ASSERT_EQUAL(l.store_pfn, 0);
	CU_ASSERT_EQUAL(l.p2m_tables, 0);
	CU_ASSERT_EQUAL(l.end_pfn, l.virt_pages);
	check_tables(&l);

	/*
	 * A P2M large enough for several tables on every level, and one that starts in the middle
	 * of them.
	 */
	img = linux_like();
	img.init_p2m = 0x8000000000ull + 0x3ffff000;
	CU_ASSERT_EQUAL_FATAL(pv_layout_compute(&img, 1ull << 28, 0, 0, &l, &why), 0);
	CU_ASSERT_EQUAL(l.p2m_pages, 1ull << 19);
	CU_ASSERT_EQUAL(l.p2m_l2, 3);
	CU_ASSERT_EQUAL(l.p2m_l1, 1025);
	CU_ASSERT_EQUAL(l.initrd_pages, 0);
	check_tables(&l);

	/* A kernel low in the address space, as Mini-OS is. */
	img = linux_like();
	img.virt_base = 0;
	img.phys_start = 0;
	img.phys_end = 0x7f123;
	img.init_p2m = PV_UNSET;
	CU_ASSERT_EQUAL_FATAL(pv_layout_compute(&img, 2048, 0, PV_LAYOUT_RINGS, &l, &why), 0);
	CU_ASSERT_EQUAL(l.p2m_pfn, 0x80);
	CU_ASSERT_EQUAL(l.virt_end, 0x400000);
	check_tables(&l);
}

TEST(test_layout_refused, "layout, refused")
{
	struct pv_image img = linux_like();
	struct pv_layout l;
	const char *why;

	CU_ASSERT_EQUAL(pv_layout_compute(&img, 16384, 0, PV_LAYOUT_RINGS, &l, &why),
			-PV_IMAGE_ENOMEM);
	CU_ASSERT_STRING_EQUAL(
		why, "too little memory for this kernel and initrd; give the domain more memory");
	CU_ASSERT_EQUAL(l.end_pfn, 0x4c00 + 32 + 3);
	CU_ASSERT_EQUAL(pv_layout_compute(&img, 0x4c00 + 39 + 3, 0, 0, &l, &why), 0);
	CU_ASSERT_EQUAL(pv_layout_compute(&img, 0x4c00 + 39 + 2, 0, 0, &l, &why), -PV_IMAGE_ENOMEM);
	CU_ASSERT_EQUAL(pv_layout_compute(&img, 0, 0, 0, &l, &why), -PV_IMAGE_EINVAL);
	CU_ASSERT_STRING_EQUAL(
		why,
		"a domain needs between one page and 4 PiB of memory; correct the memory size");
	CU_ASSERT_EQUAL(pv_layout_compute(&img, 65536, UINT64_MAX, 0, &l, &why), -PV_IMAGE_EINVAL);
	CU_ASSERT_EQUAL(pv_layout_compute(&img, 65536, 1ull << 40, 0, &l, &why), -PV_IMAGE_ENOMEM);

	img.init_p2m = 0xffff800000000000ull;
	CU_ASSERT_EQUAL(pv_layout_compute(&img, 65536, 0, 0, &l, &why), -PV_IMAGE_ENOEXEC);
	CU_ASSERT_STRING_EQUAL(
		why, "the kernel's INIT_P2M area runs into the hypervisor's area; rebuild the "
		     "kernel or give less memory");
	img.init_p2m = 0x7ffffffff000ull;
	CU_ASSERT_EQUAL(pv_layout_compute(&img, 65536, 0, 0, &l, &why), -PV_IMAGE_ENOEXEC);
	img.init_p2m = 0xffffffff00000000ull;
	CU_ASSERT_EQUAL(pv_layout_compute(&img, 65536, 0, 0, &l, &why), -PV_IMAGE_ENOEXEC);
	CU_ASSERT_STRING_EQUAL(
		why, "the kernel's INIT_P2M area is in the same 512 GiB as the kernel; rebuild "
		     "the kernel");
	img = linux_like();
	img.mod_start_pfn = false;
	CU_ASSERT_EQUAL(pv_layout_compute(&img, 1 << 21, 3ull << 30, 0, &l, &why),
			-PV_IMAGE_ENOEXEC);
	CU_ASSERT_STRING_EQUAL(
		why, "the kernel's initial mapping does not fit its part of the address space; "
		     "give less memory or a smaller initrd, or another kernel");
	img = linux_like();
	img.virt_base = 0xffff7fffff000000ull;
	CU_ASSERT_EQUAL(pv_layout_compute(&img, 65536, 0, 0, &l, &why), -PV_IMAGE_ENOEXEC);
}

static void *take(void *context, size_t size)
{
	return malloc(size);
}

static void give(void *context, void *p)
{
	free(p);
}

TEST(test_real_kernel, "a distribution's kernel")
{
	const char *path = getenv("ANNULUS_TEST_KERNEL");
	struct unpack_alloc a = { take, give, NULL };
	struct pv_payload p;
	struct pv_layout l;
	struct pv_image img;
	const char *why = "";
	uint8_t *file, *elf;
	long size;
	FILE *f;

	f = fopen(path, "rb");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	file = malloc((size_t)size);
	CU_ASSERT_EQUAL_FATAL(fread(file, 1, (size_t)size, f), (size_t)size);
	fclose(f);
	CU_ASSERT_EQUAL_FATAL(pv_image_payload(file, (size_t)size, &p, &why), 0);
	CU_ASSERT_TRUE_FATAL(p.packed && p.unpacked_size);
	elf = malloc(p.unpacked_size);
	CU_ASSERT_EQUAL_FATAL(unpack(p.data, p.len, elf, p.unpacked_size, &a, &why),
			      p.unpacked_size);
	/* Exact, but for lz4, which counts whole blocks. */
	CU_ASSERT_TRUE(unpack_size(p.data, p.len, &a) >= p.unpacked_size);
	CU_ASSERT_TRUE(unpack_size(p.data, p.len, &a) < p.unpacked_size + (8u << 20));
	CU_ASSERT_EQUAL_FATAL(pv_image_parse(elf, p.unpacked_size, &img, &why), 0);
	CU_ASSERT_STRING_EQUAL(img.guest_os, "linux");
	CU_ASSERT_EQUAL(img.virt_base, VIRT_BASE);
	CU_ASSERT_EQUAL(img.phys_start, 0x1000000);
	CU_ASSERT_TRUE(img.mod_start_pfn);
	CU_ASSERT_EQUAL_FATAL(pv_layout_compute(&img, 32768, 1 << 20, PV_LAYOUT_RINGS, &l, &why),
			      0);
	check_tables(&l);
	/* The same file, cut short, is refused. */
	CU_ASSERT_EQUAL(pv_image_payload(file, (size_t)size / 2, &p, &why), -PV_IMAGE_ENOEXEC);
	free(elf);
	free(file);
}

static int without_kernel(void)
{
	if (getenv("ANNULUS_TEST_KERNEL"))
		return 0;
	CU_set_fail_on_inactive(CU_FALSE);
	return CU_set_test_active(CU_get_test(CU_get_suite("image"), "a distribution's kernel"),
				  CU_FALSE);
}

SUITE("image", .before = without_kernel)
