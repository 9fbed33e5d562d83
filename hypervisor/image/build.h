/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_IMAGE_BUILD_H
#define ANNULUS_IMAGE_BUILD_H

#include "lib/types.h"

struct domain;
struct frame;

/* A kernel that a boot module brought, and what it shall run with. */
struct boot_kernel {
	const char *name;      /* for messages: "dom0", the domU's name */
	paddr_t image;         /* the file, as loaded; its memory stays the caller's */
	u64 image_len;
	paddr_t initrd;        /* 0: none */
	u64 initrd_len;        /* bytes */
	/* the domain may have the very frames of the initrd; the last one holds nothing else */
	bool initrd_adopt;
	const char *cmdline;
	/* memory to start with; for dom0 0: all that is free but the reserve */
	u64 nr_pages;
	u64 max_pages;         /* memory it may grow to, at least nr_pages; 0: nr_pages */
	/* with nr_pages 0: frames to leave free beside the reserve, for other domains */
	u64 keep_pages;
	unsigned nr_vcpus;
	bool is_initial;       /* dom0 */
};

/* The ELF file of a kernel: the module's own, or unpacked to a buffer. */
struct boot_image {
	const void *elf;
	size_t len;            /* bytes */
	struct frame *buffer;  /* NULL if it was not packed */
	unsigned order;        /* of the buffer */
};

/*
 * boot_image_open() - from the module to an ELF file. 0, or after one line in the log: -ENOEXEC,
 * -ENOMEM. Either way boot_image_close() undoes it. boot_kernel_refuse() is that line; gives `err`.
 */
int boot_image_open(const struct boot_kernel *k, struct boot_image *file);
void boot_image_close(struct boot_image *file);
int boot_kernel_refuse(const struct boot_kernel *k, int err, const char *what);

/*
 * pv_build_domain() - fill the fresh, paused domain `d` (domain_create()) with memory, the kernel,
 * its initrd, page tables, P2M, start info and vCPUs; vCPU 0 is ready to run its first instruction
 * when the domain is unpaused. For dom0 also the permissions. Boot only, boot CPU: it calls the
 * unpackers (image/unpack.h) and takes tens of MiB for a while.
 *
 * With initrd_adopt, and if it lies page aligned in RAM that is not the heap's, the initrd is not
 * copied: its frames become the domain's, and *adopted is set; else the caller may free the
 * module's memory afterwards.
 *
 * 0, or after one line in the log: -ENOEXEC (no kernel for this, or damaged), -ENOMEM, -EINVAL. On
 * an error the caller destroys the domain by domain_kill(), which gives all memory back.
 */
int pv_build_domain(struct domain *d, const struct boot_kernel *k, bool *adopted);

/*
 * pvh_build_domain() - the same for an HVM domain (struct domain_config.hvm) and a kernel with a
 * PVH entry point: memory from 0, at most PVH_MAX_VCPUS. Errors as above.
 */
int pvh_build_domain(struct domain *d, const struct boot_kernel *k);

/*
 * The memory that dom0 gets by default: all free frames but max(64 MiB, 1/16 of the machine) and
 * `keep` frames.
 */
u64 pv_default_pages(u64 keep);

#endif
