/* SPDX-License-Identifier: MIT */
#ifndef PV_ABI_HVM_START_INFO_H
#define PV_ABI_HVM_START_INFO_H

#include <stdint.h>

/*
 * What a PVH guest finds at the guest-physical address in EBX, as it starts: in 32-bit protected
 * mode, flat segments, without paging, at the address of its note XEN_ELFNOTE_PHYS32_ENTRY.
 */
#define XEN_HVM_START_MAGIC_VALUE 0x336ec578

struct hvm_start_info {
	uint32_t magic;			/* XEN_HVM_START_MAGIC_VALUE */
	uint32_t version;		/* 1: with a memory map */
	uint32_t flags;			/* SIF_* */
	uint32_t nr_modules;
	uint64_t modlist_paddr;		/* struct hvm_modlist_entry[nr_modules] */
	uint64_t cmdline_paddr;		/* a string, or 0 */
	uint64_t rsdp_paddr;		/* ACPI's, or 0 */
	uint64_t memmap_paddr;		/* struct hvm_memmap_table_entry[memmap_entries] */
	uint32_t memmap_entries;
	uint32_t reserved;
};

struct hvm_modlist_entry {
	uint64_t paddr;
	uint64_t size;			/* bytes */
	uint64_t cmdline_paddr;		/* a string, or 0 */
	uint64_t reserved;
};

struct hvm_memmap_table_entry {
	uint64_t addr;
	uint64_t size;
	uint32_t type;			/* XEN_HVM_MEMMAP_TYPE_* */
	uint32_t reserved;
};
#define XEN_HVM_MEMMAP_TYPE_RAM 1

#endif
