// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A PVH domain's memory and first state. It lies as on a PC: RAM from 0 up, a hole below 4 GiB for
 * what shall never be RAM, the rest above. The last two pages below the hole are the rings of store
 * and console; the map says that they are no RAM, and parameters tell the guest where they are.
 */
#include <errno.h>
#include <string.h>

#include "build.h"
#include "image/pvh_acpi.h"
#include "pv-abi/hvm.h"
#include "pv-abi/hvm_save.h"
#include "pv-abi/hvm_start_info.h"

/* In pages. */
#define HOLE_BEGINS	PVH_LOW_PAGES
#define HOLE_ENDS	0x100000u
#define RINGS		2u

#define MAP_RESERVED	2u	/* as firmware numbers kinds of memory: ACPI 6, 15.1 */

/* The guest's number of its page @pfn of memory. */
static xen_pfn_t gfn_of(uint64_t pfn)
{
	return pfn < HOLE_BEGINS ? pfn : pfn + (HOLE_ENDS - HOLE_BEGINS);
}

static uint64_t low_pages(uint64_t nr_pages)
{
	return nr_pages < HOLE_BEGINS ? nr_pages : HOLE_BEGINS;
}

static uint64_t pages(uint64_t bytes)
{
	return bytes / FRAME_SIZE + (bytes % FRAME_SIZE != 0);
}

int pvh_layout_compute(const struct pv_image *img, uint64_t nr_pages, uint64_t initrd_bytes,
		       struct pv_layout *l)
{
	uint64_t low = low_pages(nr_pages);

	*l = (struct pv_layout){ .nr_pages = nr_pages };
	l->kernel_pfn = img->phys_start >> FRAME_SHIFT;
	l->kernel_pages = pages(img->phys_end) - l->kernel_pfn;
	l->start_info_pfn = l->kernel_pfn + l->kernel_pages;
	l->initrd_pfn = l->start_info_pfn + 1;
	l->initrd_pages = pages(initrd_bytes);
	l->end_pfn = l->initrd_pfn + l->initrd_pages + RINGS;
	if (l->end_pfn > low)
		return -PV_IMAGE_ENOMEM;
	l->store_pfn = low - RINGS;
	l->console_pfn = low - RINGS + 1;
	return 0;
}

unsigned int pvh_memory_map(uint64_t nr_pages, struct hvm_memmap_table_entry *map)
{
	uint64_t low = low_pages(nr_pages);

	map[0] = (struct hvm_memmap_table_entry){
		.size = (low - RINGS) << FRAME_SHIFT, .type = XEN_HVM_MEMMAP_TYPE_RAM,
	};
	map[1] = (struct hvm_memmap_table_entry){
		.addr = (low - RINGS) << FRAME_SHIFT, .size = RINGS << FRAME_SHIFT,
		.type = MAP_RESERVED,
	};
	if (low == nr_pages)
		return 2;
	map[2] = (struct hvm_memmap_table_entry){
		.addr = (uint64_t)HOLE_ENDS << FRAME_SHIFT,
		.size = (nr_pages - low) << FRAME_SHIFT, .type = XEN_HVM_MEMMAP_TYPE_RAM,
	};
	return 3;
}

/* All of it and the command line are on one page. */
struct info_page {
	struct hvm_start_info info;
	struct hvm_memmap_table_entry map[PVH_MAP_MAX];
	struct hvm_modlist_entry module;
	uint8_t acpi[PVH_ACPI_BYTES] __attribute__((aligned(16)));
	char cmdline[MAX_GUEST_CMDLINE];
};
_Static_assert(sizeof(struct info_page) <= FRAME_SIZE, "one page");

static int write_start_info(struct build *b)
{
	const struct pv_layout *l = &b->layout;
	uint64_t at = l->start_info_pfn << FRAME_SHIFT;
	struct info_page page = {
		.info = {
			.magic = XEN_HVM_START_MAGIC_VALUE,
			.version = 1,
			.cmdline_paddr = at + offsetof(struct info_page, cmdline),
			.memmap_paddr = at + offsetof(struct info_page, map),
		},
	};
	struct build_source s = { at, &page, sizeof(page), NULL };

	page.info.rsdp_paddr = at + offsetof(struct info_page, acpi);
	pvh_acpi_write(page.acpi, page.info.rsdp_paddr, b->config->max_vcpus);
	page.info.memmap_entries = pvh_memory_map(l->nr_pages, page.map);
	if (l->initrd_pages) {
		page.info.nr_modules = 1;
		page.info.modlist_paddr = at + offsetof(struct info_page, module);
		page.module.paddr = l->initrd_pfn << FRAME_SHIFT;
		page.module.size = (uint64_t)b->ramdisk.st.st_size;
	}
	/* build_prepare() has measured it. */
	strcpy(page.cmdline, b->config->cmdline);
	return build_fill(b, l->start_info_pfn, 1, &s, 1);
}

static int set_params(struct build *b)
{
	const struct {
		uint32_t index;
		uint64_t value;
	} list[] = {
		{ HVM_PARAM_STORE_PFN, b->store_mfn },
		{ HVM_PARAM_STORE_EVTCHN, b->store_port },
		{ HVM_PARAM_CONSOLE_PFN, b->console_mfn },
		{ HVM_PARAM_CONSOLE_EVTCHN, b->console_port },
	};
	size_t i;

	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		struct xen_hvm_param p = { (domid_t)b->domid, 0, list[i].index, list[i].value };
		long ret = hypercall_struct(b->ctx, __HYPERVISOR_hvm_op, HVMOP_set_param, &p,
					    sizeof(p));

		if (ret)
			return hvctl_fail(b->ctx, (int)-ret,
					  "the hypervisor refuses parameter %u of the new domain "
					  "%u: %s; see its log (hvctl dmesg)",
					  list[i].index, b->domid, strerror((int)-ret));
	}
	return 0;
}

/* What XEN_DOMCTL_sethvmcontext takes. */
struct __attribute__((packed)) context {
	struct hvm_save_descriptor header_at;
	struct hvm_save_header header;
	struct hvm_save_descriptor cpu_at;
	struct hvm_hw_cpu cpu;
	struct hvm_save_descriptor end_at;
};

/* 32-bit protected mode, flat, no paging; where the start info is in EBX. */
static void fill_context(const struct build *b, struct context *c)
{
	const uint32_t data = 0xc93, code = 0xc9b, busy_tss = 0x8b;

	*c = (struct context){
		.header_at = { HVM_SAVE_CODE_HEADER, 0, sizeof(c->header) },
		.header = { HVM_FILE_MAGIC, HVM_FILE_VERSION, ~0ull, 0, 0 },
		.cpu_at = { HVM_SAVE_CODE_CPU, 0, sizeof(c->cpu) },
		.cpu = {
			.rip = b->image.phys32_entry,
			.rbx = b->layout.start_info_pfn << FRAME_SHIFT,
			.rflags = 2,
			.cr0 = 0x11,	/* PE, ET */
			.dr6 = 0xffff0ff0, .dr7 = 0x400,
			.cs_limit = ~0u, .cs_arbytes = code,
			.ds_limit = ~0u, .ds_arbytes = data,
			.es_limit = ~0u, .es_arbytes = data,
			.ss_limit = ~0u, .ss_arbytes = data,
			.tr_limit = 0x67, .tr_arbytes = busy_tss,
		},
		.end_at = { HVM_SAVE_CODE_END, 0, 0 },
	};
}

static int start_vcpu(struct build *b)
{
	struct context *c = hypercall_alloc(b->ctx, sizeof(*c));
	struct xen_domctl op = { .cmd = XEN_DOMCTL_sethvmcontext, .domain = (domid_t)b->domid };
	int error;

	if (!c)
		return -ENOMEM;
	fill_context(b, c);
	op.u.hvmcontext.size = sizeof(*c);
	op.u.hvmcontext.buffer = (uint64_t)(uintptr_t)c;
	error = do_domctl(b->ctx, &op);
	hypercall_free(b->ctx, c, sizeof(*c));
	return build_vcpu_state(b, error);
}

int pvh_build_domain(struct build *b)
{
	uint64_t i;
	int error;

	for (i = 0; i < b->layout.nr_pages; i++)
		b->p2m[i] = gfn_of(i);
	b->store_mfn = b->p2m[b->layout.store_pfn];
	b->console_mfn = b->p2m[b->layout.console_pfn];
	error = build_memory(b);
	if (!error)
		error = build_load(b);
	if (!error)
		error = write_start_info(b);
	if (!error)
		error = build_port(b->ctx, b->domid, &b->store_port);
	if (!error)
		error = build_port(b->ctx, b->domid, &b->console_port);
	if (!error)
		error = build_grants(b->ctx, b->domid, b->console_mfn, b->store_mfn);
	if (!error)
		error = set_params(b);
	if (!error)
		error = start_vcpu(b);
	return error;
}
