/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_BOOT_MULTIBOOT_H
#define ANNULUS_BOOT_MULTIBOOT_H

#include "lib/types.h"

#define BOOT_MODULES_MAX 64
#define BOOT_STRINGS_MAX 16384

/*
 * What the boot loader handed over, copied out of its memory. Lives until the init sections are
 * freed.
 */
struct boot_module {
	paddr_t start;
	u64 len;
	/* the module's line, the file name at its front taken off where the protocol puts one */
	const char *cmdline;
};
struct boot_info {
	unsigned protocol;   /* 1 or 2 */
	const char *loader, *cmdline;
	paddr_t rsdp;        /* 0: not told (the tag's copy of it, protocol 2) */
	unsigned nr_modules;
	struct boot_module modules[BOOT_MODULES_MAX];
};
extern struct boot_info boot_info;

/* Fills boot_info and machine_e820. Returns an error text, or NULL. */
const char *multiboot_parse(u32 magic, paddr_t info);

#endif
