// SPDX-License-Identifier: LGPL-2.1-or-later
#include "image/image.h"

#define PAGE		4096ull
#define MIB		(1024ull * 1024)

/* 64-bit PV: what the ABI keeps for the hypervisor, in every guest's address space. */
#define HV_HOLE_START	0xffff800000000000ull
#define HV_HOLE_END	0xffff880000000000ull

/*
 * No PV domain of this ABI is larger: 2^52 bytes is the architecture's limit for a physical
 * address.
 */
#define MAX_PAGES	(1ull << 40)

/* 32-bit PV: what lies above belongs to the hypervisor, and its M2P counts so many frames. */
#define HV_START_32	0xf5800000ull
#define MAX_PAGES_32	(1ull << 22)
#define LAST_GIB	0xc0000000ull

/* Linux/x86 boot protocol (Documentation/x86/boot.rst of the kernel): offsets into the file. */
#define BZ_SETUP_SECTS		0x1f1
#define BZ_BOOT_FLAG		0x1fe
#define BZ_HEADER_MAGIC		0x202
#define BZ_VERSION		0x206
#define BZ_PAYLOAD_OFFSET	0x248
#define BZ_PAYLOAD_LENGTH	0x24c
#define BZ_HEADER_END		0x250
#define BZ_VERSION_PAYLOAD	0x0208	/* first version with the two payload fields */

/* ELF (System V ABI, chapters 4 and 5; AMD64 supplement). */
#define ELF_CLASS32	1
#define ELF_CLASS64	2
#define ELF_LSB		1
#define ELF_EXEC	2
#define ELF_DYN		3
#define ELF_386		3
#define ELF_X86_64	62
#define ELF_PT_LOAD	1
#define ELF_PT_NOTE	4
#define ELF_SHT_NOTE	7
#define ELF_PN_XNUM	0xffff

/* All notes of a kernel; those of a real one fill a few KiB. */
#define MAX_NOTE_BYTES	MIB

/* Where the two classes of ELF files keep what is of interest here: offsets, sizes in bytes. */
struct elf_format {
	unsigned int word;
	unsigned int ehdr_size, entry, phoff, shoff, phentsize, phnum, shentsize, shnum;
	unsigned int phdr_size, p_offset, p_paddr, p_filesz, p_memsz;
	unsigned int shdr_size, sh_offset, sh_size;
};

static const struct elf_format elf64 = {
	8, 64, 24, 32, 40, 54, 56, 58, 60, 56, 8, 24, 32, 40, 64, 24, 32
};
static const struct elf_format elf32 = {
	4, 52, 24, 28, 32, 42, 44, 46, 48, 32, 4, 12, 16, 20, 40, 16, 20
};

/* Note numbers of the guest ABI. */
enum {
	NOTE_ENTRY = 1, NOTE_HYPERCALL_PAGE, NOTE_VIRT_BASE, NOTE_PADDR_OFFSET, NOTE_XEN_VERSION,
	NOTE_GUEST_OS, NOTE_GUEST_VERSION, NOTE_LOADER, NOTE_PAE_MODE, NOTE_FEATURES,
	NOTE_BSD_SYMTAB, NOTE_HV_START_LOW, NOTE_L1_MFN_VALID, NOTE_SUSPEND_CANCEL, NOTE_INIT_P2M,
	NOTE_MOD_START_PFN, NOTE_SUPPORTED_FEATURES, NOTE_PHYS32_ENTRY,
};

/* And of our own addition to it, pv-abi/ring1.h, whose notes have another owner. */
enum { OWN_NOTE_RING1 = 1, OWN_NOTE_RING1_ONLY };
static const char own_owner[] = "Annulus";

/* Their names, for messages; the index is the number. */
static const char *const note_name[] = {
	"INFO", "ENTRY", "HYPERCALL_PAGE", "VIRT_BASE", "PADDR_OFFSET", "XEN_VERSION", "GUEST_OS",
	"GUEST_VERSION", "LOADER", "PAE_MODE", "FEATURES", "BSD_SYMTAB", "HV_START_LOW",
	"L1_MFN_VALID", "SUSPEND_CANCEL", "INIT_P2M", "MOD_START_PFN", "SUPPORTED_FEATURES",
	"PHYS32_ENTRY",
};

#define NR_NOTE_NAMES	(sizeof(note_name) / sizeof(note_name[0]))

/* Names as they appear in the FEATURES note; the index is the feature's number. */
static const char *const feature_name[] = {
	"writable_page_tables", "writable_descriptor_tables", "auto_translated_physmap",
	"supervisor_mode_kernel", "pae_pgdir_above_4gb", "mmu_pt_update_preserve_ad",
	"highmem_assist", "gnttab_map_avail_bits", "hvm_callback_vector", "hvm_safe_pvclock",
	"hvm_pirqs", "dom0",
};

#define NR_FEATURE_NAMES	(sizeof(feature_name) / sizeof(feature_name[0]))
#define FEATURE_TRANSLATED	(1u << 2)
#define FEATURE_SUPERVISOR	(1u << 3)
#define FEATURE_PAE_HIGH	(1u << 4)

/* What was seen of an image's notes. */
struct notes {
	unsigned int found;	/* of the guest ABI's owner */
	uint32_t types;		/* bit n: one of number n was among them */
	uint64_t bytes;		/* of all areas, each counted as often as a header names it */
};

/* A window of the image; every read is checked against it. */
struct view {
	const uint8_t *p;
	uint64_t len;
};

static bool inside(const struct view *v, uint64_t offset, uint64_t len)
{
	return offset <= v->len && len <= v->len - offset;
}

/* Little-endian number of 1, 2, 4 or 8 bytes; the caller has checked the range. */
static uint64_t get(const struct view *v, uint64_t offset, unsigned int bytes)
{
	uint64_t n = 0;

	while (bytes--)
		n = n << 8 | v->p[offset + bytes];
	return n;
}

static int fail(const char **why, int error, const char *text)
{
	*why = text;
	return -error;
}

static int bad(const char **why, const char *text)
{
	return fail(why, PV_IMAGE_ENOEXEC, text);
}

static bool is_elf(const struct view *v)
{
	return v->len >= 4 && get(v, 0, 4) == 0x464c457f;
}

static bool is_packed(const struct view *v)
{
	if (v->len < 6)
		return false;
	return get(v, 0, 2) == 0x8b1f ||				/* gzip */
	       (get(v, 0, 4) == 0x587a37fd && get(v, 4, 2) == 0x005a) ||	/* xz */
	       get(v, 0, 4) == 0xfd2fb528 ||				/* zstd */
	       get(v, 0, 4) == 0x184c2102;				/* lz4, legacy frame */
}

int pv_image_payload(const void *file, size_t len, struct pv_payload *out, const char **why)
{
	struct view v = { file, len }, payload;
	uint64_t setup, start, size;

	if (is_elf(&v) || is_packed(&v)) {
		bool elf = is_elf(&v);

		*out = (struct pv_payload){
			.container = elf ? PV_CONTAINER_ELF : PV_CONTAINER_PACKED,
			.data = file, .len = len, .packed = !elf,
		};
		return 0;
	}
	if (v.len < BZ_HEADER_END || get(&v, BZ_BOOT_FLAG, 2) != 0xaa55 ||
	    get(&v, BZ_HEADER_MAGIC, 4) != 0x53726448)
		return bad(why, "not a kernel image (neither bzImage nor ELF nor a packed ELF); "
			   "give the vmlinuz of a Linux built with CONFIG_XEN_PV");
	if (get(&v, BZ_VERSION, 2) < BZ_VERSION_PAYLOAD)
		return bad(why,
			   "bzImage of a boot protocol before 2.08, its payload cannot be found; "
			   "give a newer kernel or its vmlinux");

	/* A count of zero means four sectors, says the protocol. */
	setup = get(&v, BZ_SETUP_SECTS, 1);
	if (!setup)
		setup = 4;
	start = (setup + 1) * 512 + get(&v, BZ_PAYLOAD_OFFSET, 4);
	size = get(&v, BZ_PAYLOAD_LENGTH, 4);
	if (!size || !inside(&v, start, size))
		return bad(why, "corrupt bzImage: the payload lies outside the file (truncated?); "
			   "copy the kernel again");

	payload = (struct view){ v.p + start, size };
	*out = (struct pv_payload){ .container = PV_CONTAINER_BZIMAGE,
				    .data = payload.p,
				    .len = size };
	if (is_elf(&payload))
		return 0;
	if (!is_packed(&payload) || size <= 8)
		return bad(
			why,
			"bzImage with an unknown payload compression (gzip, xz, zstd and lz4 are "
			"known); rebuild the kernel with one of them");
	/*
	 * The kernel's build appends the unpacked size to the stream, gzip carries it as its last
	 * word.
	 */
	out->packed = true;
	out->unpacked_size = get(&payload, size - 4, 4);
	if (get(&payload, 0, 2) != 0x8b1f)
		out->len -= 4;
	return 0;
}

static void copy_string(char *to, const struct view *desc)
{
	uint64_t i;

	for (i = 0; i < desc->len && i < PV_IMAGE_STRING - 1 && desc->p[i]; i++)
		to[i] = (char)desc->p[i];
	to[i] = 0;
}

static bool word_is(const struct view *word, const char *name)
{
	uint64_t i;

	for (i = 0; i < word->len; i++)
		if (!name[i] || (char)word->p[i] != name[i])
			return false;
	return !name[i];
}

/*
 * FEATURES: names separated by '|', a leading '!' makes one required. False: an unknown one is
 * required.
 */
static bool parse_features(struct pv_image *img, const struct view *desc)
{
	uint64_t i = 0, start;

	while (i < desc->len && desc->p[i]) {
		bool required = desc->p[i] == '!';
		struct view word;
		unsigned int n;

		start = i += required;
		while (i < desc->len && desc->p[i] && desc->p[i] != '|')
			i++;
		word = (struct view){ desc->p + start, i - start };
		if (i < desc->len && desc->p[i] == '|')
			i++;
		if (!word.len)
			continue;
		for (n = 0; n < NR_FEATURE_NAMES && !word_is(&word, feature_name[n]); n++)
			;
		if (n < NR_FEATURE_NAMES) {
			img->features_supported |= 1u << n;
			if (required)
				img->features_required |= 1u << n;
		} else if (required) {
			return false;
		}
	}
	return true;
}

/* A numeric note has 4 or 8 bytes; any other size counts as absent. */
static uint64_t number(const struct view *desc)
{
	if (desc->len == 4 || desc->len == 8)
		return get(desc, 0, (unsigned int)desc->len);
	return PV_UNSET;
}

static int take_note(struct pv_image *img, uint64_t type, const struct view *desc, const char **why)
{
	switch (type) {
	case NOTE_ENTRY:
		img->entry = number(desc);
		break;
	case NOTE_HYPERCALL_PAGE:
		img->hypercall_page = number(desc);
		break;
	case NOTE_VIRT_BASE:
		img->virt_base = number(desc);
		break;
	case NOTE_PADDR_OFFSET:
		img->paddr_offset = number(desc);
		break;
	case NOTE_XEN_VERSION:
		copy_string(img->xen_version, desc);
		break;
	case NOTE_GUEST_OS:
		copy_string(img->guest_os, desc);
		break;
	case NOTE_GUEST_VERSION:
		copy_string(img->guest_version, desc);
		break;
	case NOTE_LOADER:
		copy_string(img->loader, desc);
		break;
	case NOTE_PAE_MODE:
		copy_string(img->pae, desc);
		break;
	case NOTE_FEATURES:
		if (!parse_features(img, desc))
			return bad(why, "the kernel requires a feature that is unknown here; "
				   "use an older or newer kernel build");
		break;
	case NOTE_SUPPORTED_FEATURES:
		if (number(desc) != PV_UNSET)
			img->features_supported |= (uint32_t)number(desc);
		break;
	case NOTE_HV_START_LOW:
		img->hv_start_low = number(desc);
		break;
	case NOTE_L1_MFN_VALID:
		/* A list of pairs; all known kernels give one. */
		if (desc->len >= 16) {
			img->l1_mfn_valid_mask = get(desc, 0, 8);
			img->l1_mfn_valid_value = get(desc, 8, 8);
		}
		break;
	case NOTE_SUSPEND_CANCEL:
		img->suspend_cancel = desc->len >= 1 && desc->p[0];
		break;
	case NOTE_INIT_P2M:
		img->init_p2m = number(desc);
		break;
	case NOTE_MOD_START_PFN:
		img->mod_start_pfn = desc->len >= 1 && desc->p[0];
		break;
	case NOTE_PHYS32_ENTRY:
		img->phys32_entry = number(desc);
		break;
	}
	return 0;
}

/* A note of ours. */
static void take_own_note(struct pv_image *img, uint64_t type, const struct view *desc)
{
	uint64_t n = number(desc);

	if (n == PV_UNSET)
		return;
	if (type == OWN_NOTE_RING1)
		img->ring1 = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
	else if (type == OWN_NOTE_RING1_ONLY)
		img->ring1_only = n;
}

static bool is_own(const struct view *area, uint64_t name, uint64_t len)
{
	uint64_t i;

	if (len != sizeof(own_owner))
		return false;
	for (i = 0; i < len && (char)area->p[name + i] == own_owner[i]; i++)
		;
	return i == len;
}

/*
 * Walk one note area. A note that runs out of it ends the walk without an error: linkers produce
 * such areas, and the notes before it are good. Notes of other owners are passed over.
 */
static int parse_notes(struct pv_image *img, const struct view *area, struct notes *notes,
		       const char **why)
{
	uint64_t at = 0;

	/* 65534 headers may all name one area as large as the file: their sum is the work. */
	if (area->len > MAX_NOTE_BYTES - notes->bytes)
		return bad(why, "corrupt kernel: more than 1 MiB of ELF notes; copy or rebuild it");
	notes->bytes += area->len;

	while (inside(area, at, 12)) {
		uint64_t name_len = get(area, at, 4), desc_len = get(area, at + 4, 4);
		uint64_t type = get(area, at + 8, 4);
		uint64_t name = at + 12, desc = name + ((name_len + 3) & ~3ull);
		struct view d;
		int error;

		if (!inside(area, name, name_len) || desc > area->len)
			break;
		d = (struct view){ area->p + desc, desc_len };
		/*
		 * Clamp the last note: GRUB's i386 image announces more than its segment has.
		 */
		if (desc_len > area->len - desc)
			d.len = area->len - desc;
		if (is_own(area, name, name_len)) {
			take_own_note(img, type, &d);
		} else if (name_len == 4 && get(area, name, 4) == 0x006e6558) {
			notes->found++;
			if (type < NR_NOTE_NAMES)
				notes->types |= 1u << type;
			error = take_note(img, type, &d, why);
			if (error)
				return error;
		}
		if (!inside(area, desc, desc_len))
			break;
		at = desc + ((desc_len + 3) & ~3ull);
	}
	return 0;
}

static bool overlap(const struct pv_segment *a, const struct pv_segment *b)
{
	return a->start < b->start + b->memsz && b->start < a->start + a->memsz;
}

/* PT_LOAD headers into img->segment, with p_paddr still unadjusted in start. */
static int parse_segments(const struct view *v, const struct elf_format *f, struct pv_image *img,
			  uint64_t phoff, unsigned int phnum, const char **why)
{
	unsigned int i, n = 0;

	for (i = 0; i < phnum; i++) {
		uint64_t ph = phoff + (uint64_t)i * f->phdr_size;
		struct pv_segment s = {
			.offset = get(v, ph + f->p_offset, f->word),
			.start = get(v, ph + f->p_paddr, f->word),
			.filesz = get(v, ph + f->p_filesz, f->word),
			.memsz = get(v, ph + f->p_memsz, f->word),
		};

		if (get(v, ph, 4) != ELF_PT_LOAD || !s.memsz)
			continue;
		if (n == PV_IMAGE_MAX_SEGMENTS)
			return bad(why, "corrupt kernel: more than 16 loadable ELF segments; "
				   "give an unmodified kernel");
		if (s.filesz > s.memsz)
			return bad(why, "corrupt kernel: an ELF segment has more bytes in the file "
					"than in memory; copy or rebuild it");
		if (!inside(v, s.offset, s.filesz))
			return bad(why, "corrupt kernel: an ELF segment lies outside the file "
					"(truncated?); "
					"copy it again");
		if (s.start + s.memsz < s.start)
			return bad(why,
				   "corrupt kernel: an ELF segment wraps around the address space; "
				   "copy or rebuild it");
		img->segment[n++] = s;
	}
	if (!n)
		return bad(why, "the kernel's ELF has no loadable segment (an object file?); "
			   "give a linked kernel");
	img->nr_segments = n;
	return 0;
}

/* Take PADDR_OFFSET off, then compare every pair of segments byte by byte: two may share a page. */
static int place_segments(struct pv_image *img, const char **why)
{
	unsigned int i, j;

	img->phys_start = UINT64_MAX;
	img->phys_end = 0;
	for (i = 0; i < img->nr_segments; i++) {
		struct pv_segment *s = &img->segment[i];

		if (s->start < img->paddr_offset)
			return bad(
				why,
				"corrupt kernel: an ELF segment lies below the PADDR_OFFSET of its "
				"notes; rebuild it");
		s->start -= img->paddr_offset;
		if (s->start + s->memsz > MAX_PAGES * PAGE)
			return bad(why, "corrupt kernel: an ELF segment is out of range, above any "
				   "physical memory; rebuild it");
		for (j = 0; j < i; j++)
			if (overlap(s, &img->segment[j]))
				return bad(why,
					   "corrupt kernel: two ELF segments overlap in memory; "
					   "copy or rebuild it");
		if (s->start < img->phys_start)
			img->phys_start = s->start;
		if (s->start + s->memsz > img->phys_end)
			img->phys_end = s->start + s->memsz;
	}
	return 0;
}

/* @based: the kernel says itself where it is mapped. */
static int check_addresses(struct pv_image *img, bool based, const char **why)
{
	uint64_t start = img->virt_base + img->phys_start, end = img->virt_base + img->phys_end;

	if (img->virt_base & (PAGE - 1))
		return bad(why, "corrupt kernel: VIRT_BASE of its notes is not page aligned; "
				"rebuild it");
	if (end < img->virt_base || end > UINT64_MAX - 8 * MIB)
		return bad(why, "corrupt kernel: VIRT_BASE plus its size wraps around the address "
				"space; rebuild it");
	if (img->entry < start || img->entry >= end)
		return bad(why, based ?
			   "corrupt kernel: its entry point lies outside its segments; rebuild it" :
			   "the kernel's entry point lies outside its segments, which begin at "
			   "address 0 since it has no VIRT_BASE note; give a kernel built with "
			   "CONFIG_XEN_PV");
	if (img->hypercall_page != PV_UNSET &&
	    (img->hypercall_page & (PAGE - 1) || img->hypercall_page < start ||
	     end - start < PAGE || img->hypercall_page > end - PAGE))
		return bad(why, based ?
			   "corrupt kernel: its hypercall page is unaligned or outside its "
			   "segments; rebuild it" :
			   "the kernel's hypercall page is unaligned or outside its segments, "
			   "which begin at address 0 since it has no VIRT_BASE note; give a kernel "
			   "built with CONFIG_XEN_PV");
	if (img->is_32bit && end > HV_START_32)
		return bad(why, "corrupt kernel: its segments reach into the hypervisor's part of "
			   "the address space, from 0xf5800000 on; rebuild it");
	if (img->is_32bit && img->hv_start_low != PV_UNSET && img->hv_start_low > HV_START_32)
		return bad(why, "the kernel wants more address space than a 32-bit PV domain has, "
			   "which ends at 0xf5800000; rebuild it");
	if (img->is_32bit && img->init_p2m != PV_UNSET)
		return bad(why, "corrupt kernel: a 32-bit one has no INIT_P2M; rebuild it");
	if (!img->is_32bit && img->hv_start_low != PV_UNSET && img->hv_start_low > HV_HOLE_START)
		return bad(
			why,
			"the kernel wants the hypervisor above 0xffff800000000000, which this ABI "
			"does not offer; rebuild it for 64-bit PV");
	if (img->init_p2m != PV_UNSET && img->init_p2m & (PAGE - 1))
		return bad(why,
			   "corrupt kernel: INIT_P2M of its notes is not page aligned; rebuild it");
	return 0;
}

static int collect_notes(const struct view *v, const struct elf_format *f, struct pv_image *img,
			 uint64_t phoff, unsigned int phnum, struct notes *notes, const char **why)
{
	uint64_t shoff = get(v, f->shoff, f->word);
	unsigned int shnum = (unsigned int)get(v, f->shnum, 2), i;
	int error;

	for (i = 0; i < phnum; i++) {
		uint64_t ph = phoff + (uint64_t)i * f->phdr_size;
		uint64_t offset = get(v, ph + f->p_offset, f->word);
		uint64_t size = get(v, ph + f->p_filesz, f->word);
		struct view area;

		if (get(v, ph, 4) != ELF_PT_NOTE)
			continue;
		if (!inside(v, offset, size))
			return bad(
				why,
				"corrupt kernel: its ELF notes lie outside the file (truncated?); "
				"copy it again");
		area = (struct view){ v->p + offset, size };
		error = parse_notes(img, &area, notes, why);
		if (error)
			return error;
	}
	if (notes->found || get(v, f->shentsize, 2) != f->shdr_size)
		return 0;
	if (!inside(v, shoff, (uint64_t)shnum * f->shdr_size))
		return 0;
	for (i = 0; i < shnum; i++) {
		uint64_t sh = shoff + (uint64_t)i * f->shdr_size;
		uint64_t offset = get(v, sh + f->sh_offset, f->word);
		uint64_t size = get(v, sh + f->sh_size, f->word);
		struct view area;

		if (get(v, sh + 4, 4) != ELF_SHT_NOTE || !inside(v, offset, size))
			continue;
		area = (struct view){ v->p + offset, size };
		error = parse_notes(img, &area, notes, why);
		if (error)
			return error;
	}
	return 0;
}

static bool contains(const char *text, const char *word)
{
	for (; *text; text++) {
		size_t n = 0;

		while (word[n] && text[n] == word[n])
			n++;
		if (!word[n])
			return true;
	}
	return false;
}

static char *append(char *to, const char *end, const char *text)
{
	while (*text && to < end)
		*to++ = *text++;
	*to = 0;
	return to;
}

/*
 * What the ABI asks of a kernel's notes. One is enough: where it is mapped and where it begins have
 * defaults (address 0; the ELF header's entry). But a kernel that has an entry for PVH and says
 * neither is no PV kernel.
 */
static int check_notes(struct pv_image *img, const struct notes *notes, const char **why)
{
	const uint32_t own = 1u << NOTE_ENTRY | 1u << NOTE_VIRT_BASE, pvh = 1u << NOTE_PHYS32_ENTRY;
	const char *end = img->reason + sizeof(img->reason) - 1;
	char *at = img->reason;
	unsigned int n, listed = 0;

	if (!notes->found)
		return bad(why, "not a PV kernel: it has no Xen notes; give a kernel built with "
			   "CONFIG_XEN_PV");
	if ((notes->types & own) || !(notes->types & pvh))
		return 0;
	at = append(at, end, "not a PV kernel but one for PVH: of Xen's notes it has ");
	for (n = 0; n < NR_NOTE_NAMES; n++) {
		if (!(notes->types >> n & 1))
			continue;
		at = append(at, end, listed++ ? ", " : "");
		at = append(at, end, note_name[n]);
	}
	append(at, end, " but neither ENTRY nor VIRT_BASE; give a kernel built with CONFIG_XEN_PV");
	return bad(why, img->reason);
}

/*
 * PAE_MODE of a 32-bit kernel: "yes", "bimodal", with ",extended-cr3" or "[extended-cr3]" behind.
 */
static int check_pae(struct pv_image *img, const struct notes *notes, const char **why)
{
	if (!(notes->types & 1u << NOTE_PAE_MODE))
		return bad(why, "32-bit kernel without a PAE_MODE note: a PV domain has "
				"three-level page tables; give one built with CONFIG_X86_PAE");
	if (!contains(img->pae, "yes") && !contains(img->pae, "bimodal"))
		return bad(why, "32-bit kernel without PAE: a PV domain has three-level page "
				"tables; give one built with CONFIG_X86_PAE");
	img->extended_cr3 = contains(img->pae, "extended-cr3") || contains(img->pae, "bimodal") ||
			    img->features_supported & FEATURE_PAE_HIGH;
	return 0;
}

/* Segments and notes, whatever kind of kernel it is. *entry: the ELF header's. */
static int parse_elf(const void *elf, size_t len, struct pv_image *img, struct notes *notes,
		     uint64_t *entry, const char **why)
{
	const struct elf_format *f = &elf64;
	struct view v = { elf, len };
	unsigned int phnum;
	uint64_t phoff;
	int error;

	*notes = (struct notes){ 0 };
	if (!is_elf(&v) || v.len < 16)
		return bad(why, "the kernel is not an ELF file; give the vmlinuz or vmlinux of a "
				"Linux built with CONFIG_XEN_PV");
	if (get(&v, 4, 1) == ELF_CLASS32)
		f = &elf32;
	else if (get(&v, 4, 1) != ELF_CLASS64)
		return bad(why, "the kernel's ELF is neither 32-bit nor 64-bit; copy it again");
	if (get(&v, 5, 1) != ELF_LSB)
		return bad(why, "the kernel's ELF is not little-endian; give an amd64 or i386 "
				"kernel");
	if (v.len < f->ehdr_size)
		return bad(why, "corrupt kernel: the ELF header is truncated; copy it again");
	if (get(&v, 18, 2) != (f == &elf32 ? ELF_386 : ELF_X86_64))
		return bad(why, "the kernel is for another processor; give an amd64 or i386 "
				"kernel");
	if (get(&v, 16, 2) != ELF_EXEC && get(&v, 16, 2) != ELF_DYN)
		return bad(why, "the ELF file is not an executable; give a linked kernel");
	phoff = get(&v, f->phoff, f->word);
	phnum = (unsigned int)get(&v, f->phnum, 2);
	if (!phnum || phnum == ELF_PN_XNUM || get(&v, f->phentsize, 2) != f->phdr_size ||
	    !inside(&v, phoff, (uint64_t)phnum * f->phdr_size))
		return bad(
			why,
			"corrupt kernel: its ELF program headers are missing or outside the file "
			"(truncated?); copy it again");

	*img = (struct pv_image){
		.is_32bit = f == &elf32,
		.entry = PV_UNSET,
		.hypercall_page = PV_UNSET,
		.virt_base = PV_UNSET,
		.paddr_offset = PV_UNSET,
		.init_p2m = PV_UNSET,
		.hv_start_low = PV_UNSET,
		.l1_mfn_valid_mask = PV_UNSET,
		.l1_mfn_valid_value = PV_UNSET,
		.phys32_entry = PV_UNSET,
	};
	*entry = get(&v, f->entry, f->word);
	error = parse_segments(&v, f, img, phoff, phnum, why);
	return error ? error : collect_notes(&v, f, img, phoff, phnum, notes, why);
}

int pvh_image_parse(const void *elf, size_t len, struct pv_image *img, const char **why)
{
	struct notes notes;
	uint64_t entry;
	int error = parse_elf(elf, len, img, &notes, &entry, why);

	if (error)
		return error;
	if (img->phys32_entry == PV_UNSET)
		return bad(why, "not a PVH kernel: it has no PHYS32_ENTRY note; give one built "
				"with CONFIG_PVH, or write type = \"pv\"");
	/* Its segments are where their physical addresses say. */
	img->paddr_offset = 0;
	error = place_segments(img, why);
	if (!error && (img->phys32_entry < img->phys_start || img->phys32_entry >= img->phys_end ||
		       img->phys32_entry >> 32))
		return bad(why, "corrupt kernel: its PVH entry point lies outside its segments; "
				"rebuild it");
	return error;
}

int pv_image_parse(const void *elf, size_t len, struct pv_image *img, const char **why)
{
	struct notes notes;
	uint64_t entry;
	bool based;
	int error = parse_elf(elf, len, img, &notes, &entry, why);

	if (error)
		return error;
	error = check_notes(img, &notes, why);
	if (error)
		return error;
	if (img->is_32bit) {
		error = check_pae(img, &notes, why);
		if (error)
			return error;
		/* That addition is about 64-bit kernels. */
		img->ring1 = 0;
		img->ring1_only = false;
	}
	if (img->features_required & (FEATURE_TRANSLATED | FEATURE_SUPERVISOR))
		return bad(
			why,
			"the kernel requires auto-translated memory or supervisor mode, which a PV "
			"domain does not have; give a kernel built with CONFIG_XEN_PV");
	based = img->virt_base != PV_UNSET;
	if (!based)
		img->virt_base = 0;
	if (img->paddr_offset == PV_UNSET)
		img->paddr_offset = 0;
	if (img->entry == PV_UNSET)
		img->entry = entry;
	error = place_segments(img, why);
	if (!error)
		error = check_addresses(img, based, why);
	return error;
}

static uint64_t pages_of(uint64_t bytes)
{
	return bytes / PAGE + (bytes % PAGE != 0);
}

/* How many aligned blocks of 2^shift bytes [start, end) touches; end > start. */
static uint64_t blocks(uint64_t start, uint64_t end, unsigned int shift)
{
	return ((end - 1) >> shift) - (start >> shift) + 1;
}

/*
 * The initial mapping with its page tables: @before pages, the tables, @after pages, padding. All
 * sizes are below 2^55 bytes, so an end at or below the start means that the address space is too
 * short.
 */
static void map_pages(struct pv_layout *l, uint64_t before, uint64_t after)
{
	uint64_t tables = 0, end;

	/* More tables can need one more table; the number only grows, so this comes to rest. */
	for (;;) {
		end = l->virt_start + (before + tables + after) * PAGE + 512 * 1024;
		end = (end + 4 * MIB - 1) & ~(4 * MIB - 1);
		if (end <= l->virt_start)
			break;
		l->l3 = l->is_32bit ? 0 : blocks(l->virt_start, end, 39);
		l->l2 = blocks(l->virt_start, end, 30);
		l->l1 = blocks(l->virt_start, end, 21);
		l->extra_l2 = l->is_32bit && end <= LAST_GIB;
		l->pt_pages = 1 + l->l3 + l->l2 + l->extra_l2 + l->l1;
		if (l->pt_pages == tables)
			break;
		tables = l->pt_pages;
	}
	l->virt_end = end;
	l->virt_pages = (end - l->virt_start) / PAGE;
}

static bool canonical(uint64_t va)
{
	return va >> 47 == 0 || va >> 47 == 0x1ffff;
}

static bool touches_hypervisor(bool is_32bit, uint64_t start, uint64_t end)
{
	if (is_32bit)
		return end > HV_START_32;
	return !canonical(start) || !canonical(end - 1) || start >> 63 != (end - 1) >> 63 ||
	       (start < HV_HOLE_END && end > HV_HOLE_START);
}

int pv_layout_compute(const struct pv_image *img, uint64_t nr_pages, uint64_t initrd_bytes,
		      unsigned int flags, struct pv_layout *l, const char **why)
{
	bool mapped_initrd = initrd_bytes && !img->mod_start_pfn;
	uint64_t next, tables_end;

	*l = (struct pv_layout){
		.is_32bit = img->is_32bit, .virt_start = img->virt_base, .nr_pages = nr_pages,
	};
	if (!nr_pages || nr_pages > MAX_PAGES || initrd_bytes > MAX_PAGES * PAGE)
		return fail(why, PV_IMAGE_EINVAL,
			    "a domain needs between one page and 4 PiB of memory; "
			    "correct the memory size");

	if (img->is_32bit && nr_pages > MAX_PAGES_32)
		return fail(why, PV_IMAGE_EINVAL,
			    "a domain with a 32-bit kernel can have 16 GiB at most; give it less "
			    "memory");

	l->kernel_pfn = img->phys_start / PAGE;
	next = pages_of(img->phys_end);
	l->kernel_pages = next - l->kernel_pfn;
	l->initrd_pages = pages_of(initrd_bytes);
	l->p2m_pages = pages_of(nr_pages * (img->is_32bit ? 4 : 8));
	l->p2m_relocated = img->init_p2m != PV_UNSET;

	if (mapped_initrd) {
		l->initrd_pfn = next;
		next += l->initrd_pages;
	}
	if (!l->p2m_relocated) {
		l->p2m_pfn = next;
		next += l->p2m_pages;
	}
	l->start_info_pfn = next++;
	if (flags & PV_LAYOUT_RINGS) {
		l->store_pfn = next++;
		l->console_pfn = next++;
	}
	l->pt_pfn = next;
	map_pages(l, next, 1);
	next += l->pt_pages;
	l->stack_pfn = next;

	if (l->virt_end <= l->virt_start ||
	    touches_hypervisor(l->is_32bit, l->virt_start, l->virt_end))
		return bad(
			why,
			"the kernel's initial mapping does not fit its part of the address space; "
			"give less memory or a smaller initrd, or another kernel");

	l->start_info_va = l->virt_start + l->start_info_pfn * PAGE;
	l->pt_va = l->virt_start + l->pt_pfn * PAGE;
	l->stack_va = l->virt_start + l->stack_pfn * PAGE;
	l->p2m_va = l->virt_start + l->p2m_pfn * PAGE;
	if (mapped_initrd)
		l->initrd_va = l->virt_start + l->initrd_pfn * PAGE;

	next = l->virt_pages;
	if (initrd_bytes && !mapped_initrd) {
		l->initrd_pfn = next;
		next += l->initrd_pages;
	}
	if (l->p2m_relocated) {
		uint64_t end = img->init_p2m + l->p2m_pages * PAGE;

		l->p2m_va = img->init_p2m;
		if (end < img->init_p2m || touches_hypervisor(false, img->init_p2m, end) ||
		    ((img->init_p2m >> 39) & 511) + blocks(img->init_p2m, end, 39) > 512)
			return bad(why, "the kernel's INIT_P2M area runs into the hypervisor's "
					"area; rebuild "
					"the kernel or give less memory");
		/* Each of the two areas owns its L3s, which keeps the tables of both apart. */
		if (img->init_p2m >> 39 <= (l->virt_end - 1) >> 39 &&
		    l->virt_start >> 39 <= (end - 1) >> 39)
			return bad(
				why,
				"the kernel's INIT_P2M area is in the same 512 GiB as the kernel; "
				"rebuild the kernel");
		l->p2m_l3 = blocks(img->init_p2m, end, 39);
		l->p2m_l2 = blocks(img->init_p2m, end, 30);
		l->p2m_l1 = blocks(img->init_p2m, end, 21);
		l->p2m_tables = l->p2m_l3 + l->p2m_l2 + l->p2m_l1;
		l->p2m_pfn = next;
		l->p2m_table_pfn = next + l->p2m_pages;
		next = l->p2m_table_pfn + l->p2m_tables;
	}
	tables_end = next;
	l->end_pfn = tables_end;
	if (l->end_pfn > nr_pages)
		return fail(why, PV_IMAGE_ENOMEM, "too little memory for this kernel and initrd; "
			    "give the domain more memory");
	return 0;
}

/* Spread bit 47 over the upper bits. */
static uint64_t sign_extend(uint64_t va)
{
	return va & (1ull << 47) ? va | 0xffff000000000000ull : va & 0x0000ffffffffffffull;
}

/* One of the two areas that have page tables: the initial mapping, or the P2M at INIT_P2M. */
struct area {
	uint64_t start, end;		/* virtual */
	uint64_t pfn;			/* what is mapped at start */
	uint64_t l3, l2, l1;		/* number of tables, an extra L2 included */
	uint64_t table;			/* pfn of the first L3; L2s and L1s follow */
};

static void areas(const struct pv_layout *l, struct area a[2])
{
	a[0] = (struct area){ l->virt_start, l->virt_end, 0, l->l3, l->l2 + l->extra_l2, l->l1,
			      l->pt_pfn + 1 };
	a[1] = (struct area){ l->p2m_va, l->p2m_va + l->p2m_pages * PAGE, l->p2m_pfn,
			      l->p2m_l3, l->p2m_l2, l->p2m_l1, l->p2m_table_pfn };
}

void pv_layout_table(const struct pv_layout *l, uint64_t index, struct pv_table *table)
{
	struct area a[2], *p = a;

	areas(l, a);
	if (!index) {
		*table = (struct pv_table){ .level = l->is_32bit ? 3 : 4, .pfn = l->pt_pfn };
		return;
	}
	index--;
	if (index >= l->pt_pages - 1) {
		index -= l->pt_pages - 1;
		p = &a[1];
	}
	table->pfn = p->table + index;
	if (index < p->l3) {
		table->level = 3;
		table->va = sign_extend(((p->start >> 39) + index) << 39);
	} else if (p == a && l->extra_l2 && index == p->l3 + p->l2 - 1) {
		table->level = 2;
		table->va = LAST_GIB;
	} else if (index < p->l3 + p->l2) {
		table->level = 2;
		table->va = sign_extend(((p->start >> 30) + index - p->l3) << 30);
	} else {
		table->level = 1;
		table->va = sign_extend(((p->start >> 21) + index - p->l3 - p->l2) << 21);
	}
}

static bool is_table_pfn(const struct pv_layout *l, uint64_t pfn)
{
	return pfn - l->pt_pfn < l->pt_pages || pfn - l->p2m_table_pfn < l->p2m_tables;
}

int pv_layout_slot(const struct pv_layout *l, const struct pv_table *table, unsigned int slot,
		   uint64_t *pfn)
{
	unsigned int shift = 12 + 9 * (table->level - 1), i;
	uint64_t va = table->level == 4 ? sign_extend((uint64_t)slot << 39) :
					  table->va + ((uint64_t)slot << shift);
	struct area a[2];

	areas(l, a);
	/* Past the root's four entries, and the M2P's, which nothing of the mapping is below. */
	if (l->is_32bit && table->level == 3) {
		if (slot > 3)
			return PV_SLOT_EMPTY;
		if (slot == 3 && l->extra_l2) {
			*pfn = a[0].table + a[0].l2 - 1;
			return PV_SLOT_RW;
		}
	}
	for (i = 0; i < (l->p2m_relocated ? 2u : 1u); i++) {
		const struct area *p = &a[i];

		/*
		 * Compare blocks, not addresses: an area may begin or end within the slot's block.
		 */
		if (va >> shift < p->start >> shift || va >> shift > (p->end - 1) >> shift)
			continue;
		switch (table->level) {
		case 4:
			*pfn = p->table + ((va >> 39) - (p->start >> 39));
			return PV_SLOT_RW;
		case 3:
			*pfn = p->table + p->l3 + ((va >> 30) - (p->start >> 30));
			return PV_SLOT_RW;
		case 2:
			*pfn = p->table + p->l3 + p->l2 + ((va >> 21) - (p->start >> 21));
			return PV_SLOT_RW;
		default:
			*pfn = p->pfn + (va - p->start) / PAGE;
			return is_table_pfn(l, *pfn) ? PV_SLOT_RO : PV_SLOT_RW;
		}
	}
	return PV_SLOT_EMPTY;
}
