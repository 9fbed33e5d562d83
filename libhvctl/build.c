// SPDX-License-Identifier: LGPL-2.1-or-later
#include "build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image/pvh_acpi.h"
#include "image/start_info.h"
#include "pv-abi/compat.h"
#include "pv-abi/event_channel.h"
#include "pv-abi/grant_table.h"
#include "pv-abi/ring1.h"
#include "pv-abi/wide.h"

#define CHUNK		1024u	/* frames mapped at once: 4 MiB */
#define SUPER_ORDER	9u
#define SUPER		(1u << SUPER_ORDER)
#define BOUNCE		(64u << 10)	/* bytes of a file on their way into the domain */

/* Bits of a page-table entry (Intel SDM vol. 3A, 4.5). */
#define PTE_PRESENT	1ull
#define PTE_WRITABLE	2ull
#define PTE_USER	4ull
#define PTE_ACCESSED	0x20ull
#define PTE_DIRTY	0x40ull

/* calloc() for counts that may be larger than what an address can count. */
static void *array(uint64_t count, size_t size)
{
	return count > SIZE_MAX / size ? NULL : calloc((size_t)count, size);
}

static uint64_t machine(const struct build *b, uint64_t pfn)
{
	return (uint64_t)b->p2m[pfn] << FRAME_SHIFT;
}

/* The ELF inside the kernel file: unpacked into memory of its own, or where it is. */
static int get_elf(struct build *b)
{
	const struct hvctl_config *config = b->config;
	struct pv_payload payload;
	const char *why;
	int error = pv_image_payload(b->kernel_file.data, b->kernel_file.len, &payload, &why);

	if (error)
		return hvctl_fail(b->ctx, -error, "kernel %s: %s", config->kernel, why);
	if (!payload.packed) {
		b->elf = (uint8_t *)payload.data;
		b->elf_len = payload.len;
		return 0;
	}
	hvctl_step(b->ctx, "unpacking the kernel", 5);
	b->packed = payload.data;
	b->packed_len = payload.len;
	b->elf = kcache_get(b->key, b->packed, b->packed_len, config->memory_mib << 20,
			    &b->elf_len);
	if (b->elf)
		return 0;
	b->slow = true;
	return image_unpack(b->ctx, config->kernel, &payload, config->memory_mib, &b->elf,
			    &b->elf_len);
}

static int load_kernel(struct build *b)
{
	struct image_file file;
	int error = image_open(b->ctx, "kernel", b->config->kernel, b->config->memory_mib, &file);

	if (error)
		return error;
	kcache_key(&file.st, b->key);
	error = image_load(&file, &b->kernel_file.data, &b->kernel_file.len);
	image_close(&file);
	return error ? error : get_elf(b);
}

static uint64_t ramdisk_bytes(const struct build *b)
{
	return b->config->ramdisk ? (uint64_t)b->ramdisk.st.st_size : 0;
}

int build_prepare(struct hvctl_ctx *ctx, const struct hvctl_config *config, struct build *b)
{
	const char *why;
	int error;

	*b = (struct build){ .ctx = ctx, .config = config, .ramdisk = IMAGE_FILE_CLOSED };
	if (strlen(config->cmdline) >= MAX_GUEST_CMDLINE)
		return hvctl_fail(
			ctx, E2BIG,
			"the kernel command line has %zu characters, the limit is %u; shorten "
			"'extra' or 'cmdline'",
			strlen(config->cmdline), MAX_GUEST_CMDLINE - 1);
	hvctl_step(ctx, "reading the kernel", 1);
	if (config->ramdisk)
		error = image_open(ctx, "ramdisk", config->ramdisk, config->memory_mib,
				   &b->ramdisk);
	else
		error = 0;
	if (!error)
		error = load_kernel(b);
	if (error)
		goto fail;
	error = config->pvh ? pvh_image_parse(b->elf, b->elf_len, &b->image, &why) :
			      pv_image_parse(b->elf, b->elf_len, &b->image, &why);
	if (error) {
		error = hvctl_fail(ctx, -error, "kernel %s: %s", config->kernel, why);
		goto fail;
	}
	if (config->pvh)
		error = pvh_layout_compute(&b->image, config->memory_mib << (20 - FRAME_SHIFT),
					   ramdisk_bytes(b), &b->layout);
	else
		error = pv_layout_compute(&b->image, config->memory_mib << (20 - FRAME_SHIFT),
					  ramdisk_bytes(b), PV_LAYOUT_RINGS, &b->layout, &why);
	if (error == -PV_IMAGE_ENOMEM && config->pvh && b->layout.end_pfn > PVH_LOW_PAGES)
		error = hvctl_fail(ctx, EFBIG,
				   "kernel %s and its ramdisk need %llu MiB, and there are %u "
				   "below the hole under 4 GiB; give a smaller ramdisk",
				   config->kernel,
				   (unsigned long long)((b->layout.end_pfn + 255) >> 8),
				   PVH_LOW_PAGES >> 8);
	else if (error == -PV_IMAGE_ENOMEM)
		error = hvctl_fail(
			ctx, ENOMEM,
			"memory = %llu is too little for kernel %s%s, which need %llu MiB; "
			"raise 'memory'",
			(unsigned long long)config->memory_mib, config->kernel,
			config->ramdisk ? " and its ramdisk" : "",
			(unsigned long long)((b->layout.end_pfn + 255) >> 8));
	else if (error)
		error = hvctl_fail(ctx, -error, "kernel %s: %s", config->kernel, why);
	if (!error)
		return 0;
fail:
	build_release(b);
	return error;
}

void build_release(struct build *b)
{
	const uint8_t *file = b->kernel_file.data;

	if (!file || b->elf < file || b->elf >= file + b->kernel_file.len)
		free(b->elf);
	free(b->kernel_file.data);
	image_close(&b->ramdisk);
	free(b->p2m);
	b->elf = NULL;
	b->kernel_file.data = NULL;
	b->p2m = NULL;
}

/* What populate() points the hypervisor to. */
struct request {
	struct xen_memory_reservation r;
	xen_pfn_t list[CHUNK];
};

/*
 * Ask for extents [first, first + count) of 2^order frames and enter them into the p2m. Returns how
 * many extents came, or -errno. @q: visible to hypercalls.
 */
static long populate(struct build *b, struct request *q, uint64_t first, uint64_t count,
		     unsigned int order)
{
	uint64_t i, j;
	long done;

	q->r = (struct xen_memory_reservation){
		.extent_start = (uint64_t)(uintptr_t)q->list,
		.nr_extents = count,
		.extent_order = order,
		.domid = (domid_t)b->domid,
	};
	for (i = 0; i < count; i++)
		q->list[i] = b->config->pvh ? b->p2m[first + (i << order)] : first + (i << order);
	done = hypercall(b->ctx, __HYPERVISOR_memory_op, XENMEM_populate_physmap,
			 (uint64_t)(uintptr_t)&q->r, 0, 0, 0);
	/* A PVH domain's frames are called by its own numbers. */
	for (i = 0; !b->config->pvh && done > 0 && i < (uint64_t)done; i++)
		for (j = 0; j < 1u << order; j++)
			b->p2m[first + (i << order) + j] = q->list[i] + j;
	return done;
}

/*
 * No more than CHUNK frames are asked for at once: the hypervisor clears them, and dom0's kernel
 * runs nothing else on this CPU until its call is back.
 */
int build_memory(struct build *b)
{
	uint64_t pfn = 0, end = b->layout.nr_pages;
	struct request *q = hypercall_alloc(b->ctx, sizeof(*q));
	bool super = true;
	int error = 0;
	long done;

	if (!q)
		return -ENOMEM;
	while (!error && pfn < end) {
		uint64_t left = end - pfn, count = left > CHUNK ? CHUNK : left;
		unsigned int order = 0;

		error = hvctl_cancelled(b->ctx);
		if (error)
			break;
		hvctl_step(b->ctx, "giving it memory", 40 + (unsigned int)(pfn * 20 / end));
		/*
		 * Large extents are quicker and keep the hypervisor's memory in one piece; none is
		 * owed to us.
		 */
		if (super && left >= SUPER) {
			order = SUPER_ORDER;
			count >>= SUPER_ORDER;
		}
		done = populate(b, q, pfn, count, order);
		if (order)
			super = done == (long)count;
		else if (done <= 0)
			error = hvctl_fail(
				b->ctx, ENOSPC,
				"the hypervisor had only %llu of %llu MiB for '%s'; lower "
				"'memory' or shut a domain down",
				(unsigned long long)(pfn >> 8), (unsigned long long)(end >> 8),
				b->config->name);
		if (done > 0)
			pfn += (uint64_t)done << order;
	}
	hypercall_free(b->ctx, q, sizeof(*q));
	return error;
}

static void *map_pfns(struct build *b, uint64_t pfn, uint64_t count)
{
	void *p = foreign_map(b->ctx, b->domid, PROT_READ | PROT_WRITE, b->p2m + pfn, count);

	if (!p)
		hvctl_fail(b->ctx, errno,
			   "cannot map memory of the new domain %u: %s; see the hypervisor's log "
			   "(hvctl dmesg)",
			   b->domid, strerror(errno));
	return p;
}

/*
 * Everything goes through here, so no byte of what the hypervisor had in these frames before is
 * left. First: bytes [from, to) of a source to @p.
 */
static int copy(const struct build_source *s, uint64_t from, uint64_t to, uint8_t *p)
{
	static uint8_t bounce[BOUNCE];

	if (!s->file) {
		memcpy(p, (const uint8_t *)s->data + from, to - from);
		return 0;
	}
	while (from < to) {
		size_t n = to - from < BOUNCE ? to - from : BOUNCE;
		int error = image_read(s->file, from, bounce, n);

		if (error)
			return error;
		memcpy(p, bounce, n);
		from += n;
		p += n;
	}
	return 0;
}

int build_fill(struct build *b, uint64_t pfn, uint64_t count, const struct build_source *s,
	       unsigned int nr)
{
	while (count) {
		uint64_t n = count > CHUNK ? CHUNK : count, start = pfn << FRAME_SHIFT,
			 end = (pfn + n) << FRAME_SHIFT;
		int error = hvctl_cancelled(b->ctx);
		unsigned int i;
		uint8_t *p;

		if (error)
			return error;
		p = map_pfns(b, pfn, n);
		if (!p)
			return -EIO;
		memset(p, 0, end - start);
		for (i = 0; !error && i < nr; i++) {
			uint64_t from = s[i].at > start ? s[i].at : start;
			uint64_t to = s[i].at + s[i].len < end ? s[i].at + s[i].len : end;

			if (from < to)
				error = copy(&s[i], from - s[i].at, to - s[i].at,
					     p + (from - start));
		}
		foreign_unmap(p, n);
		if (error)
			return error;
		pfn += n;
		count -= n;
	}
	return 0;
}

/* The list's entries are as wide as the guest's words, b->p2m's as wide as ours. */
static int load_p2m(struct build *b)
{
	uint64_t i, n = b->layout.nr_pages;
	size_t width = b->image.is_32bit ? sizeof(uint32_t) : sizeof(uint64_t);
	void *list = array(n, width);
	struct build_source s = { b->layout.p2m_pfn << FRAME_SHIFT, list, n * width, NULL };
	int error;

	if (!list)
		return hvctl_no_memory(b->ctx);
	for (i = 0; i < n; i++)
		if (b->image.is_32bit)
			((uint32_t *)list)[i] = (uint32_t)b->p2m[i];
		else
			((uint64_t *)list)[i] = b->p2m[i];
	error = build_fill(b, b->layout.p2m_pfn, b->layout.p2m_pages, &s, 1);
	free(list);
	return error;
}

int build_load(struct build *b)
{
	struct build_source s[PV_IMAGE_MAX_SEGMENTS], one;
	unsigned int i;
	int error;

	for (i = 0; i < b->image.nr_segments; i++) {
		const struct pv_segment *seg = &b->image.segment[i];

		s[i] = (struct build_source){ seg->start, b->elf + seg->offset, seg->filesz, NULL };
	}
	hvctl_step(b->ctx, "loading the kernel", 60);
	error = build_fill(b, b->layout.kernel_pfn, b->layout.kernel_pages, s,
			   b->image.nr_segments);
	if (!error && b->layout.initrd_pages) {
		hvctl_step(b->ctx, "loading the ramdisk", 75);
		one = (struct build_source){ b->layout.initrd_pfn << FRAME_SHIFT, NULL,
					     ramdisk_bytes(b), &b->ramdisk };
		error = build_fill(b, b->layout.initrd_pfn, b->layout.initrd_pages, &one, 1);
		if (!error)
			error = image_same(&b->ramdisk);
	}
	/* The rings are to be found empty. */
	if (!error)
		error = build_fill(b, b->layout.store_pfn, 1, NULL, 0);
	if (!error)
		error = build_fill(b, b->layout.console_pfn, 1, NULL, 0);
	return error;
}

static int load(struct build *b)
{
	int error = build_load(b);

	if (!error)
		error = load_p2m(b);
	/* The first stack, too. */
	if (!error)
		error = build_fill(b, b->layout.stack_pfn, 1, NULL, 0);
	return error;
}

static int write_tables(struct build *b)
{
	uint64_t count = b->layout.pt_pages + b->layout.p2m_tables, i;
	xen_pfn_t *mfns = array(count, sizeof(*mfns));
	uint64_t (*tables)[512];

	if (!mfns)
		return hvctl_no_memory(b->ctx);
	for (i = 0; i < count; i++) {
		struct pv_table t;

		pv_layout_table(&b->layout, i, &t);
		mfns[i] = b->p2m[t.pfn];
	}
	tables = foreign_map(b->ctx, b->domid, PROT_READ | PROT_WRITE, mfns, count);
	free(mfns);
	if (!tables)
		return hvctl_fail(b->ctx, errno,
				  "cannot map the page tables of the new domain %u: %s; see the "
				  "hypervisor's log (hvctl dmesg)",
				  b->domid, strerror(errno));
	for (i = 0; i < count; i++) {
		struct pv_table t;
		unsigned int slot;

		pv_layout_table(&b->layout, i, &t);
		for (slot = 0; slot < 512; slot++) {
			uint64_t pfn, entry = 0;
			int kind = pv_layout_slot(&b->layout, &t, slot, &pfn);

			if (kind != PV_SLOT_EMPTY)
				entry = machine(b, pfn) | PTE_PRESENT | PTE_ACCESSED |
					(kind == PV_SLOT_RW ? PTE_WRITABLE : 0) |
					(t.level == 1 ? PTE_DIRTY : 0) |
					(t.level == 1 && (b->image.is_32bit || b->ring1) ?
						 0 : PTE_USER);
			tables[i][slot] = entry;
		}
	}
	foreign_unmap(tables, count);
	return 0;
}

int build_port(struct hvctl_ctx *ctx, uint32_t domid, uint32_t *port)
{
	struct evtchn_alloc_unbound op = { .dom = (domid_t)domid, .remote_dom = 0 };
	long ret = hypercall_struct(ctx, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound,
				    &op, sizeof(op));

	if (ret < 0)
		return hvctl_fail(ctx, (int)-ret,
				  "the hypervisor gives domain %u no event channel: %s; see its "
				  "log (hvctl dmesg)",
				  domid, strerror((int)-ret));
	*port = op.port;
	return 0;
}

/* Both kinds of guest find the flag at the same place. */
_Static_assert(sizeof(struct vcpu_info) == sizeof(struct compat_vcpu_info) &&
		       offsetof(struct vcpu_info, evtchn_upcall_mask) ==
			       offsetof(struct compat_vcpu_info, evtchn_upcall_mask),
	       "a vcpu's part of the shared page");

/* The frame comes from the hypervisor; interrupts start masked, as the ABI says. */
static int init_shared_info(struct build *b, uint64_t *frame)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_getdomaininfo, .domain = (domid_t)b->domid };
	int error = do_domctl(b->ctx, &op);
	struct shared_info *shared;
	xen_pfn_t mfn;
	unsigned int i;

	if (error)
		return hvctl_fail(b->ctx, -error,
				  "the hypervisor does not know domain %u any more: %s", b->domid,
				  strerror(-error));
	mfn = (xen_pfn_t)op.u.getdomaininfo.shared_info_frame;
	shared = foreign_map(b->ctx, b->domid, PROT_READ | PROT_WRITE, &mfn, 1);
	if (!shared)
		return hvctl_fail(b->ctx, errno,
				  "cannot map the shared page of the new domain %u: %s; see the "
				  "hypervisor's log (hvctl dmesg)",
				  b->domid, strerror(errno));
	memset(shared, 0, FRAME_SIZE);
	for (i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
		shared->vcpu_info[i].evtchn_upcall_mask = 1;
	foreign_unmap(shared, 1);
	*frame = mfn;
	return 0;
}

static int write_start_info(struct build *b, uint64_t shared_frame)
{
	const struct pv_layout *l = &b->layout;
	void *page = map_pfns(b, l->start_info_pfn, 1);
	struct wide_start_info wide = { 0 }, *si = b->image.is_32bit ? &wide : page;

	if (!page)
		return -EIO;
	memset(page, 0, FRAME_SIZE);
	strcpy(si->magic, "xen-3.0-x86_64");
	si->nr_pages = l->nr_pages;
	si->shared_info = shared_frame << FRAME_SHIFT;
	si->store_mfn = b->store_mfn;
	si->store_evtchn = b->store_port;
	si->console.domU.mfn = b->console_mfn;
	si->console.domU.evtchn = b->console_port;
	si->pt_base = l->pt_va;
	si->nr_pt_frames = l->pt_pages;
	si->mfn_list = l->p2m_va;
	if (l->p2m_relocated) {
		si->first_p2m_pfn = l->p2m_pfn;
		si->nr_p2m_frames = l->p2m_pages + l->p2m_tables;
	}
	if (l->initrd_pages) {
		si->mod_start = l->initrd_va ? l->initrd_va : l->initrd_pfn;
		si->mod_len = ramdisk_bytes(b);
		if (!l->initrd_va)
			si->flags |= SIF_MOD_START_PFN;
	}
	/*
	 * hvctl finds a P2M by its virtual address, so the guest need not keep the old tree of
	 * frame lists.
	 */
	si->flags |= SIF_VIRT_P2M_4TOOLS;
	strcpy((char *)si->cmd_line, b->config->cmdline);
	if (b->image.is_32bit)
		start_info_narrow(page, si);
	foreign_unmap(page, 1);
	return 0;
}

/*
 * dom0's daemons map the two rings by grant; the guest would enter these itself if it were running.
 */
int build_grants(struct hvctl_ctx *ctx, uint32_t domid, uint64_t console_mfn, uint64_t store_mfn)
{
	struct grant_entry_v1 *table = grant_table_map(ctx, domid);

	if (!table)
		return hvctl_fail(ctx, errno,
				  "cannot map the grant table of the new domain %u: %s; see the "
				  "hypervisor's log (hvctl dmesg)",
				  domid, strerror(errno));
	table[GNTTAB_RESERVED_CONSOLE].domid = 0;
	table[GNTTAB_RESERVED_CONSOLE].frame = (uint32_t)console_mfn;
	table[GNTTAB_RESERVED_XENSTORE].domid = 0;
	table[GNTTAB_RESERVED_XENSTORE].frame = (uint32_t)store_mfn;
	__sync_synchronize();		/* an entry is valid from the moment its flags are */
	table[GNTTAB_RESERVED_CONSOLE].flags = GTF_permit_access;
	table[GNTTAB_RESERVED_XENSTORE].flags = GTF_permit_access;
	munmap(table, FRAME_SIZE);
	return 0;
}

static int pin(struct build *b)
{
	struct mmuext_op *op = hypercall_alloc(b->ctx, sizeof(*op));
	long ret;

	if (!op)
		return -ENOMEM;
	op->cmd = b->image.is_32bit ? MMUEXT_PIN_L3_TABLE : MMUEXT_PIN_L4_TABLE;
	op->arg1.mfn = b->p2m[b->layout.pt_pfn];
	ret = hypercall(b->ctx, __HYPERVISOR_mmuext_op, (uint64_t)(uintptr_t)op, 1, 0, b->domid, 0);
	hypercall_free(b->ctx, op, sizeof(*op));
	if (ret < 0)
		return hvctl_fail(
			b->ctx, (int)-ret,
			"the hypervisor refuses the page tables of the new domain %u: %s; "
			"see its log (hvctl dmesg)",
			b->domid, strerror((int)-ret));
	return 0;
}

static void fill_context(const struct build *b, struct wide_vcpu_guest_context *c)
{
	const struct pv_layout *l = &b->layout;

	c->flags = VGCF_in_kernel | VGCF_online;
	c->user_regs.rip = b->image.entry;
	c->user_regs.rsp = l->stack_va + FRAME_SIZE;
	c->user_regs.rsi = l->start_info_va;
	c->user_regs.rflags = 1 << 9; /* IF: a PV kernel masks events by the shared page instead */
	c->user_regs.cs = FLAT_WIDE_KERNEL_CS;
	c->user_regs.ss = FLAT_WIDE_KERNEL_SS;
	c->user_regs.ds = c->user_regs.es = c->user_regs.fs = c->user_regs.gs =
		FLAT_WIDE_KERNEL_DS;
	if (b->ring1) {
		c->user_regs.cs = ANNULUS_KERNEL_CS;
		c->user_regs.ss = ANNULUS_KERNEL_SS;
	}
	c->kernel_ss = c->user_regs.ss;
	c->kernel_sp = c->user_regs.rsp;
	c->ctrlreg[3] = wide_pfn_to_cr3(b->p2m[l->pt_pfn]);
}

static void fill_context32(const struct build *b, struct compat_vcpu_guest_context *c)
{
	const struct pv_layout *l = &b->layout;

	c->flags = VGCF_in_kernel | VGCF_online;
	c->user_regs.eip = (uint32_t)b->image.entry;
	c->user_regs.esp = (uint32_t)(l->stack_va + FRAME_SIZE);
	c->user_regs.esi = (uint32_t)l->start_info_va;
	c->user_regs.eflags = 1 << 9;
	c->user_regs.cs = FLAT_COMPAT_KERNEL_CS;
	c->user_regs.ss = FLAT_COMPAT_KERNEL_SS;
	c->user_regs.ds = c->user_regs.es = c->user_regs.fs = c->user_regs.gs =
		FLAT_COMPAT_KERNEL_DS;
	c->kernel_ss = FLAT_COMPAT_KERNEL_SS;
	c->kernel_sp = c->user_regs.esp;
	c->event_callback_cs = c->failsafe_callback_cs = FLAT_COMPAT_KERNEL_CS;
	c->ctrlreg[3] = compat_pfn_to_cr3(b->p2m[l->pt_pfn]);
	if (b->image.extended_cr3)
		c->vm_assist = 1u << VMASST_TYPE_pae_extended_cr3;
}

/* The hypervisor takes a state in the layout that the domain has. */
union context {
	struct wide_vcpu_guest_context wide;
	struct compat_vcpu_guest_context narrow;
};

int build_vcpu_state(struct build *b, int error)
{
	if (!error)
		return 0;
	return hvctl_fail(b->ctx, -error,
			  "the hypervisor refuses the first vCPU's state of domain %u: %s; see its "
			  "log (hvctl dmesg)",
			  b->domid, strerror(-error));
}

static int start_vcpu(struct build *b)
{
	union context *c = hypercall_alloc(b->ctx, sizeof(*c));
	struct xen_domctl op = { .cmd = XEN_DOMCTL_setvcpucontext, .domain = (domid_t)b->domid };
	int error;

	if (!c)
		return -ENOMEM;
	if (b->image.is_32bit)
		fill_context32(b, &c->narrow);
	else
		fill_context(b, &c->wide);
	op.u.vcpucontext.vcpu = 0;
	op.u.vcpucontext.ctxt = (uint64_t)(uintptr_t)c;
	error = do_domctl(b->ctx, &op);
	hypercall_free(b->ctx, c, sizeof(*c));
	return build_vcpu_state(b, error);
}

/* Older kernels make hypercalls through a page that somebody has to fill with the instructions. */
static int fill_hypercall_page(struct build *b)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_hypercall_init, .domain = (domid_t)b->domid };
	int error;

	if (b->image.hypercall_page == PV_UNSET)
		return 0;
	op.u.hypercall_init.gmfn =
		b->p2m[(b->image.hypercall_page - b->image.virt_base) >> FRAME_SHIFT];
	error = do_domctl(b->ctx, &op);
	if (error)
		return hvctl_fail(
			b->ctx, -error,
			"the hypervisor does not fill the hypercall page of domain %u: %s",
			b->domid, strerror(-error));
	return 0;
}

/* Ring 1 for a 64-bit kernel that knows how, where that is offered; ring 3 else, if it can. */
static int set_ring1(struct build *b)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_set_address_size, .domain = (domid_t)b->domid };
	int error = -EOPNOTSUPP;

	if (pv_image_takes_ring1(&b->image)) {
		op.u.address_size.size = ANNULUS_ADDRESS_SIZE_RING1;
		error = do_domctl(b->ctx, &op);
		b->ring1 = !error;
	}
	/* -EINVAL: a hypervisor that has never heard of it. */
	if (error && error != -EOPNOTSUPP && error != -EINVAL)
		return hvctl_fail(b->ctx, -error,
				  "the hypervisor does not give domain %u a kernel in ring 1: %s",
				  b->domid, strerror(-error));
	if (b->image.ring1_only && !b->ring1)
		return hvctl_fail(b->ctx, EOPNOTSUPP,
				  "kernel %s runs in ring 1 alone, which is not offered to 64-bit "
				  "kernels here (hvctl dmesg says why); give one that runs in "
				  "ring 3 as well",
				  b->config->kernel);
	return 0;
}

/* While it has no memory yet. */
static int set_address_size(struct build *b)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_set_address_size, .domain = (domid_t)b->domid };
	int error;

	if (!b->image.is_32bit)
		return set_ring1(b);
	op.u.address_size.size = 32;
	error = do_domctl(b->ctx, &op);
	if (error == -EOPNOTSUPP)
		return hvctl_fail(b->ctx, -error,
				  "the hypervisor refuses 32-bit kernels: it was started with "
				  "pv32=0; take that off its command line and restart the machine, "
				  "or give a 64-bit kernel");
	if (error)
		return hvctl_fail(b->ctx, -error,
				  "the hypervisor does not make domain %u a 32-bit one: %s; give "
				  "a 64-bit kernel, or use a hypervisor that can",
				  b->domid, strerror(-error));
	return 0;
}

int build_domain(struct build *b, uint32_t domid)
{
	uint64_t shared_frame = 0;
	int error;

	b->domid = domid;
	b->p2m = array(b->layout.nr_pages, sizeof(*b->p2m));
	if (!b->p2m)
		return hvctl_no_memory(b->ctx);
	if (b->config->pvh)
		return pvh_build_domain(b);
	error = set_address_size(b);
	if (!error)
		error = build_memory(b);
	if (error)
		return error;
	b->store_mfn = b->p2m[b->layout.store_pfn];
	b->console_mfn = b->p2m[b->layout.console_pfn];
	error = load(b);
	if (!error)
		error = write_tables(b);
	if (!error)
		error = build_port(b->ctx, domid, &b->store_port);
	if (!error)
		error = build_port(b->ctx, domid, &b->console_port);
	if (!error)
		error = init_shared_info(b, &shared_frame);
	if (!error)
		error = write_start_info(b, shared_frame);
	if (!error)
		error = build_grants(b->ctx, domid, b->console_mfn, b->store_mfn);
	if (!error)
		error = fill_hypercall_page(b);
	/* From here on the tables are read-only to everybody, us included. */
	if (!error)
		error = pin(b);
	if (!error)
		error = start_vcpu(b);
	return error;
}
