/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kernel images and the memory a PV kernel is started in: decisions only. Nothing here allocates,
 * writes to a guest or touches hardware; every byte of an image is hostile and bounds-checked. The
 * same file is linked into the hypervisor (boot modules) and into libhvctl (domains built from
 * dom0), so that a kernel is accepted or refused for the same reason by both.
 *
 * Order of use: pv_image_payload() on the file, unpack() if the payload is packed (image/unpack.h),
 * pv_image_parse() on the ELF, pv_layout_compute(), then copy the segments and fill the page tables
 * with pv_layout_table()/pv_layout_slot().
 *
 * All functions are reentrant and take no lock. A function that can fail returns 0 or one of the
 * negative values below (they equal the ABI's errno) and stores a one-line reason with its remedy
 * in *why: a static text, or one that is kept in the image that was parsed.
 */
#ifndef ANNULUS_IMAGE_IMAGE_H
#define ANNULUS_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pv-abi/ring1.h"

#define PV_IMAGE_ENOEXEC	8 /* the image is damaged or of a kind that cannot be started */
#define PV_IMAGE_ENOMEM		12	/* the domain has too little memory for it */
#define PV_IMAGE_EINVAL		22	/* an argument makes no sense */

#define PV_IMAGE_MAX_SEGMENTS	16
#define PV_IMAGE_REASON		384	/* longest reason made up for one image: all notes' names */
#define PV_IMAGE_STRING		32	/* longest string note kept, with its zero */
#define PV_UNSET		UINT64_MAX	/* a numeric note that the image does not carry */

enum pv_container {
	PV_CONTAINER_BZIMAGE,		/* Linux/x86 boot protocol file, payload inside */
	PV_CONTAINER_ELF,		/* the ELF file itself */
	PV_CONTAINER_PACKED,		/* a packed file without a boot header (vmlinux.gz) */
};

/* What pv_image_payload() found; the pointers lead into the caller's file. */
struct pv_payload {
	enum pv_container container;
	const void *data;		/* the ELF, or the packed stream to give to unpack() */
	size_t len;			/* bytes at data, the size word below not included */
	bool packed;			/* data has to go through unpack() first */
	uint32_t unpacked_size;		/* bytes after unpacking as the bzImage says, 0 = unknown */
};

/*
 * One PT_LOAD segment. Addresses are the guest's pseudo-physical bytes, PADDR_OFFSET already taken
 * off.
 */
struct pv_segment {
	uint64_t start;
	uint64_t memsz;
	uint64_t filesz;		/* <= memsz; the rest is zero */
	uint64_t offset;		/* of the first byte in the ELF file, inside the file */
};

struct pv_image {
	bool is_32bit;			/* a PAE kernel for ring 1, else a 64-bit one */
	bool extended_cr3;		/* 32-bit: its root tables may lie above 4 GiB */
	unsigned int nr_segments;	/* at least 1 */
	struct pv_segment segment[PV_IMAGE_MAX_SEGMENTS];
	uint64_t phys_start, phys_end;	/* bytes, lowest and one past the highest of all segments */

	uint64_t virt_base;		/* virtual address of pfn 0 in the initial mapping */
	uint64_t paddr_offset;
	uint64_t entry;			/* virtual address */
	uint64_t hypercall_page; /* virtual, page aligned, in the kernel; PV_UNSET: it needs none */
	uint64_t init_p2m;	 /* virtual address the kernel wants its P2M at, or PV_UNSET */
	uint64_t hv_start_low;		/* or PV_UNSET */
	uint64_t phys32_entry;		/* where it begins as a PVH kernel, physical; or PV_UNSET */
	uint64_t l1_mfn_valid_mask, l1_mfn_valid_value;	/* both PV_UNSET if the note is missing */
	uint32_t features_supported;	/* bit n: XENFEAT_ number n */
	uint32_t features_required;	/* subset of features_supported */
	bool mod_start_pfn;		/* the initrd may lie outside the initial mapping */
	bool suspend_cancel;
	/* Of a 64-bit kernel that can run in ring 1 (pv-abi/ring1.h), else 0: */
	uint32_t ring1;			/* the version of that contract which it knows */
	bool ring1_only;		/* it cannot run in ring 3 */
	char pae[PV_IMAGE_STRING];
	char guest_os[PV_IMAGE_STRING];
	char guest_version[PV_IMAGE_STRING];
	char loader[PV_IMAGE_STRING];
	char xen_version[PV_IMAGE_STRING];
	char reason[PV_IMAGE_REASON];	/* where *why may lead if the image is refused */
};

/*
 * Find the kernel inside a file.
 * @file, @len: the whole file; @out: filled on success.
 * Errors: -PV_IMAGE_ENOEXEC if the file is no kernel image or its boot header leads out of the
 * file.
 */
int pv_image_payload(const void *file, size_t len, struct pv_payload *out, const char **why);

/*
 * Parse an unpacked kernel.
 * @elf, @len: the ELF file; @img: filled on success, undefined otherwise, but keep it while *why is
 * in use.
 * Segments are placed by p_paddr and checked against the file, against wrapping and, byte by byte,
 * against each other. Notes are taken from PT_NOTE and, if no Xen note is there, from SHT_NOTE
 * sections; no more than 1 MiB in all, counted as often as headers name them. ENTRY and VIRT_BASE
 * are optional: the ELF header's entry, address 0.
 * Errors: -PV_IMAGE_ENOEXEC with the reason (no x86 ELF, no notes or PVH's alone, a 32-bit kernel
 * without PAE, overlapping segments ...).
 */
int pv_image_parse(const void *elf, size_t len, struct pv_image *img, const char **why);

/* Whether it is to run in ring 1 where that is offered: by the one contract that there is. */
static inline bool pv_image_takes_ring1(const struct pv_image *img)
{
	return img->ring1 == ANNULUS_RING1_VERSION;
}
/*
 * pvh_image_parse() - the same for a kernel that is to begin as a PVH one: it needs the note
 * PHYS32_ENTRY and no other. Of *img segments, phys_start, phys_end and phys32_entry mean
 * something.
 */
int pvh_image_parse(const void *elf, size_t len, struct pv_image *img, const char **why);

#define PV_LAYOUT_RINGS 1u /* the domain gets a store page and a console page (not dom0) */

/*
 * Start-of-day memory of a PV domain, in pages of 4 KiB. The initial mapping covers pfns
 * [0, virt_pages) at virt_start, linearly; it ends on a 4 MiB boundary with 512 KiB or more of
 * padding. In it lie kernel, (initrd), (P2M), start_info, (store, console), page tables, stack, in
 * this order. An initrd that need not be mapped and a P2M at INIT_P2M follow behind it in pfn
 * space.
 *
 * A 32-bit domain's root is an L3 (there are no others), its P2M has 4 bytes for each page, and if
 * the mapping does not reach the last GiB there is one more L2, empty, for the hypervisor's M2P.
 */
struct pv_layout {
	bool is_32bit;
	uint64_t virt_start, virt_end;
	uint64_t virt_pages;
	uint64_t kernel_pfn, kernel_pages;
	uint64_t initrd_pfn, initrd_pages;	/* pages = 0: there is none */
	uint64_t initrd_va; /* 0: not mapped, pass initrd_pfn with SIF_MOD_START_PFN */
	/* the list alone: 8 or 4 bytes for each of nr_pages */
	uint64_t p2m_pfn, p2m_pages;
	uint64_t p2m_va;
	bool p2m_relocated;			/* at INIT_P2M, with page tables of its own */
	uint64_t p2m_table_pfn;			/* of its own tables, directly behind the list */
	uint64_t p2m_tables; /* how many; first_p2m_pfn..nr_p2m_frames covers list and tables */
	uint64_t p2m_l3, p2m_l2, p2m_l1;	/* of which on each level, in this order */
	uint64_t start_info_pfn, start_info_va;
	uint64_t store_pfn, console_pfn;	/* 0 without PV_LAYOUT_RINGS */
	/* the root, then all L3, L2, (extra L2,) L1 of the initial mapping */
	uint64_t pt_pfn, pt_va;
	uint64_t pt_pages;			/* start_info's nr_pt_frames */
	uint64_t l3, l2, l1;			/* of which on each level */
	uint64_t extra_l2;			/* 0 or 1 more than l2: 32-bit, see above */
	uint64_t stack_pfn, stack_va; /* one page; the initial stack pointer is stack_va + 4096 */
	uint64_t end_pfn;			/* first pfn that nothing of the above uses */
	uint64_t nr_pages;			/* as given */
};

/*
 * Compute the layout.
 * @nr_pages: pages the domain starts with; @initrd_bytes: 0 for none; @flags: PV_LAYOUT_*.
 * Errors:
 * -PV_IMAGE_ENOMEM   end_pfn would be past nr_pages (out->end_pfn is then the need, in pages, so
 *                    that the caller can say how much is missing)
 * -PV_IMAGE_EINVAL   sizes that no domain can have
 * -PV_IMAGE_ENOEXEC  an image whose addresses collide with the hypervisor's area or INIT_P2M
 */
int pv_layout_compute(const struct pv_image *img, uint64_t nr_pages, uint64_t initrd_bytes,
		      unsigned int flags, struct pv_layout *out, const char **why);

/* Page tables of a layout, the kernel's and the P2M's: pt_pages + p2m_tables of them. */
struct pv_table {
	unsigned int level;	/* 4 .. 1 */
	uint64_t pfn;		/* where it lives */
	uint64_t va;		/* first address that slot 0 covers (canonical) */
};

/* Describe table @index (< pt_pages + p2m_tables); index 0 is the root. */
void pv_layout_table(const struct pv_layout *l, uint64_t index, struct pv_table *table);

#define PV_SLOT_EMPTY	0	/* write 0 */
/* present, writable, accessed (dirty in an L1), user (but not in a 32-bit kernel's L1) */
#define PV_SLOT_RW	1
#define PV_SLOT_RO	2	/* the same, not writable: the target is a page table */

/*
 * What belongs into @slot (0..511) of @table: a PV_SLOT_* value, with the target in *pfn unless
 * empty. The caller turns the pfn into a machine frame and the value into the entry's bits. The
 * slots of the L4 that are the hypervisor's come out empty.
 */
int pv_layout_slot(const struct pv_layout *l, const struct pv_table *table, unsigned int slot,
		   uint64_t *pfn);

#endif
