// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A PVH domain from a boot module: its ELF segments go where their physical addresses say, its
 * start info right behind, and vCPU 0 begins at the address in its note. No firmware, no tables.
 */
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/memory_op.h"
#include "domain/physmap.h"
#include "hvm/hvm.h"
#include "hvm/vcpu.h"
#include "image/build.h"
#include "image/pvh_acpi.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "memory/p2m.h"
#include "pv-abi/elfnote.h"
#include "pv-abi/errno.h"
#include "pv-abi/hvm_start_info.h"

#define PT_LOAD 1
#define PT_NOTE 4

struct elf64_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf64_segment {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

static __init int complain(const struct boot_kernel *k, int err, const char *what)
{
	return boot_kernel_refuse(k, err, what);
}

static __init bool copy_in(struct domain *d, u64 to, const void *from, u64 len)
{
	const char *p = from;

	while (len) {
		struct frame *f = p2m_get_frame(d, to >> PAGE_SHIFT);
		u64 n = min(PAGE_SIZE - to % PAGE_SIZE, len);

		if (!f)
			return false;
		memcpy((char *)frame_to_va(f) + to % PAGE_SIZE, p, n);
		frame_put(f);
		to += n;
		p += n;
		len -= n;
	}
	return true;
}

/* The 4 or 8 bytes of the note with the entry point; 0: there is none. */
static __init u32 find_entry(const u8 *note, u64 len)
{
	while (len >= 12) {
		u32 h[3], name, desc, entry;

		memcpy(h, note, sizeof(h));
		if (h[0] > len || h[1] > len)
			return 0;
		name = (h[0] + 3) & ~3U;
		desc = (h[1] + 3) & ~3U;
		if (12ULL + name + desc > len)
			return 0;
		if (h[2] == XEN_ELFNOTE_PHYS32_ENTRY && h[0] == 4 && !memcmp(note + 12, "Xen", 4) &&
		    h[1] >= 4) {
			memcpy(&entry, note + 12 + name, sizeof(entry));
			return entry;
		}
		note += 12 + name + desc;
		len -= 12 + name + desc;
	}
	return 0;
}

static __init int load(struct domain *d, const struct boot_kernel *k,
		       const struct boot_image *image, u32 *entry, u64 *end)
{
	const u8 *file = image->elf;
	struct elf64_header h;

	*entry = 0;
	*end = 0;
	if (image->len < sizeof(h))
		return complain(k, -ENOEXEC, "its image is no ELF file");
	memcpy(&h, file, sizeof(h));
	if (memcmp(h.ident, "\177ELF\2\1", 6) || h.phentsize != sizeof(struct elf64_segment) ||
	    h.phoff > image->len || (u64)h.phnum * h.phentsize > image->len - h.phoff)
		return complain(k, -ENOEXEC, "its image is no 64-bit ELF file, or damaged");
	for (unsigned i = 0; i < h.phnum; i++) {
		struct elf64_segment s;

		memcpy(&s, file + h.phoff + i * sizeof(s), sizeof(s));
		if (s.offset > image->len || s.filesz > image->len - s.offset)
			return complain(k, -ENOEXEC, "a segment of its image lies outside of it");
		if (s.type == PT_NOTE && !*entry)
			*entry = find_entry(file + s.offset, s.filesz);
		if (s.type != PT_LOAD)
			continue;
		if (s.paddr > k->nr_pages << PAGE_SHIFT || s.memsz < s.filesz ||
		    s.memsz > (k->nr_pages << PAGE_SHIFT) - s.paddr ||
		    !copy_in(d, s.paddr, file + s.offset, s.filesz))
			return complain(k, -ENOMEM, "its image needs more memory: give it more");
		*end = max(*end, s.paddr + s.memsz);
	}
	return *entry ? 0 : complain(k, -ENOEXEC, "it has no PVH entry point");
}

/* `initrd`: where it is, 0 for none. */
static __init int write_start_info(struct domain *d, const struct boot_kernel *k, u64 at,
				   u64 initrd)
{
	struct {
		struct hvm_start_info info;
		struct hvm_memmap_table_entry map[1];
		struct hvm_modlist_entry module;
		u8 acpi[PVH_ACPI_BYTES] __attribute__((aligned(16)));
	} s = {
		.info = { .magic = XEN_HVM_START_MAGIC_VALUE, .version = 1, .memmap_entries = 1 },
		.map = { { 0, k->nr_pages << PAGE_SHIFT, XEN_HVM_MEMMAP_TYPE_RAM, 0 } },
		.module = { .paddr = initrd, .size = k->initrd_len },
	};
	const struct memory_range range = { 0, k->nr_pages << PAGE_SHIFT, 1 };

	s.info.rsdp_paddr = at + offsetof(__typeof__(s), acpi);
	pvh_acpi_write(s.acpi, s.info.rsdp_paddr, k->nr_vcpus);
	s.info.memmap_paddr = at + offsetof(__typeof__(s), map);
	if (initrd) {
		s.info.nr_modules = 1;
		s.info.modlist_paddr = at + offsetof(__typeof__(s), module);
	}
	s.info.cmdline_paddr = at + sizeof(s);
	if (!copy_in(d, at, &s, sizeof(s)) ||
	    !copy_in(d, at + sizeof(s), k->cmdline, strlen(k->cmdline) + 1))
		return complain(k, -ENOMEM, "no room for its start info: give it more memory");
	return memory_map_set(d, &range, 1);
}

int __init pvh_build_domain(struct domain *d, const struct boot_kernel *k)
{
	u64 end = 0, info, initrd = 0;
	struct boot_image image;
	u32 entry = 0;
	int ret = 0;

	if (k->nr_pages > PVH_LOW_PAGES)
		return complain(k, -EINVAL, "a PVH domain of a boot module has 3840 MiB at most, "
				"below its APIC: give it less, or create it by hvctl");
	d->max_pages = k->nr_pages;
	for (u64 gfn = 0; !ret && gfn < k->nr_pages;) {
		unsigned order = gfn % 512 || k->nr_pages - gfn < 512 ? 0 : PHYSMAP_MAX_ORDER;

		ret = physmap_populate(d, gfn, order, 0);
		if (ret == -ENOMEM && order)
			ret = physmap_populate(d, gfn, order = 0, 0);
		gfn += BIT(order);
	}
	if (ret)
		return complain(k, ret, "the machine has too little memory: give it less");
	ret = boot_image_open(k, &image);
	if (!ret)
		ret = load(d, k, &image, &entry, &end);
	boot_image_close(&image);
	info = ALIGN_UP(end, PAGE_SIZE);
	if (!ret && k->initrd) {
		/* Behind the page, or two, that start info and command line take. */
		initrd = info + ALIGN_UP(PAGE_SIZE + strlen(k->cmdline) + 1, PAGE_SIZE);
		if (!copy_in(d, initrd, paddr_to_va(k->initrd), k->initrd_len))
			ret = complain(k, -ENOMEM, "its initrd needs more memory: give it more");
	}
	if (!ret)
		ret = write_start_info(d, k, info, initrd);
	if (ret)
		return ret;
	/* The others wait for the first to start them. */
	for (unsigned i = 0; i < k->nr_vcpus; i++)
		if (!vcpu_create(d, i, (d->id + i) % nr_cpus))
			return complain(k, -ENOMEM, "no memory for its vCPUs");
	hvm_start_state(d->vcpu[0], entry, info);
	d->vcpu[0]->initialised = true;
	atomic_and(&d->vcpu[0]->pause_flags, ~VPF_DOWN);
	printk(LOG_INFO "d%u: %s, PVH, %llu MiB, %u vCPU%s\n", d->id, k->name,
	       (unsigned long long)(k->nr_pages >> 8), k->nr_vcpus, k->nr_vcpus == 1 ? "" : "s");
	return 0;
}
