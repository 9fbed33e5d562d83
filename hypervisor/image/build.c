// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The domain builder for boot modules: dom0 and domains that need no toolstack. What goes where is
 * image/image.c's decision; this file allocates, copies and writes. Everything is written through
 * the direct map while the frames are nobody's business but ours; the page tables are validated
 * like any guest's at the end, by pinning the root.
 */
#include "image/build.h"

#include "cpu/cpu.h"
#include "cpu/pte.h"
#include "domain/domain.h"
#include "image/build_dom0.h"
#include "image/hypercall_page.h"
#include "image/image.h"
#include "image/start_info.h"
#include "image/unpack.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "memory/m2p.h"
#include "pv-abi/errno.h"
#include "pv-abi/ring1.h"
#include "pv/compat.h"
#include "pv/ring1.h"
#include "pv/pagetype.h"

#define PAGES_PER_MIB  256
#define RESERVE_PAGES  (64 * PAGES_PER_MIB)
#define RESERVE_SHARE  16
#define EXTENTS_MAX    8192
#define MAX_CHUNK      18 /* 1 GiB: the heap's largest block */

/* A piece of the domain's pseudo-physical memory that is contiguous in the machine. */
struct extent {
	pfn_t pfn;
	mfn_t mfn;
	u64 n;
};

struct build {
	struct domain *d;
	const struct boot_kernel *k;
	struct boot_image file;
	struct pv_image img;
	struct pv_layout l;
	pfn_t next_pfn;            /* memory exists up to here */
	unsigned nr_extents;
	struct extent *extents;    /* EXTENTS_MAX, in order of pfn */
};

int __init boot_kernel_refuse(const struct boot_kernel *k, int err, const char *what)
{
	printk(LOG_ERR "%s cannot be started: %s\n", k->name, what);
	return err;
}

static __init int complain(const struct build *b, int err, const char *what)
{
	return boot_kernel_refuse(b->k, err, what);
}

u64 __init pv_default_pages(u64 keep)
{
	u64 free = heap_free_frames(),
	    reserve = max((u64)RESERVE_PAGES, heap_total_frames() / RESERVE_SHARE) + keep;

	return free > reserve ? free - reserve : 0;
}

/* The unpackers' memory. */
/* All that unpack() may call of ours, so this asks whether unpack.h's conditions are kept. */
static __init void *unpack_get(void *context, size_t size)
{
	(void)context;
	ASSERT(!local_irq_enabled());
	return zalloc(ALLOC_MISC, size);
}

static __init void unpack_put(void *context, void *p)
{
	(void)context;
	zfree(p);
}

void __init boot_image_close(struct boot_image *file)
{
	if (file->buffer)
		heap_free_hv(ALLOC_MISC, file->buffer, file->order);
	file->buffer = NULL;
}

int __init boot_image_open(const struct boot_kernel *k, struct boot_image *file)
{
	const struct unpack_alloc alloc = { unpack_get, unpack_put, NULL };
	const char *why = "its image is damaged";
	struct pv_payload p;
	u64 size, flags, begin = system_time();
	s64 n;

	*file = (struct boot_image){ 0 };
	if (pv_image_payload(paddr_to_va(k->image), k->image_len, &p, &why))
		return boot_kernel_refuse(k, -ENOEXEC, why);
	file->elf = p.data;
	file->len = p.len;
	if (!p.packed)
		return 0;
	/* The archives use what is below the stack pointer: interrupts would, too. */
	flags = local_irq_save();
	size = p.unpacked_size ? p.unpacked_size : unpack_size(p.data, p.len, &alloc);
	local_irq_restore(flags);
	if (!size || size > (1ULL << (PAGE_SHIFT + MAX_CHUNK)))
		return boot_kernel_refuse(k, -ENOEXEC,
					  "its packed image does not tell a sensible size: it is "
					  "damaged");
	while ((PAGE_SIZE << file->order) < size)
		file->order++;
	file->buffer = heap_alloc_hv(ALLOC_MISC, file->order);
	if (!file->buffer)
		return boot_kernel_refuse(k, -ENOMEM,
					  "too little memory to unpack it: give the machine more");
	flags = local_irq_save();
	n = unpack(p.data, p.len, frame_to_va(file->buffer), size, &alloc, &why);
	local_irq_restore(flags);
	if (n < 0)
		return boot_kernel_refuse(k, n == -UNPACK_ENOMEM ? -ENOMEM : -ENOEXEC, why);
	file->elf = frame_to_va(file->buffer);
	file->len = (size_t)n;
	printk(LOG_DEBUG "%s: %llu KiB unpacked to %llu KiB in %llu ms\n", k->name,
	       (unsigned long long)p.len >> 10, (unsigned long long)n >> 10,
	       (unsigned long long)((system_time() - begin) / 1000000));
	return 0;
}

/* From the module to an ELF file that was found fit for this ABI. */
static __init int open_kernel(struct build *b)
{
	const char *why = "its image is damaged";
	int ret = boot_image_open(b->k, &b->file);

	if (!ret && pv_image_parse(b->file.elf, b->file.len, &b->img, &why))
		ret = complain(b, -ENOEXEC, why);
	return ret;
}

/* Append an extent; neighbours melt together. */
static __init int add_extent(struct build *b, mfn_t mfn, u64 n)
{
	struct extent *last = b->nr_extents ? &b->extents[b->nr_extents - 1] : NULL;

	if (last && last->mfn + last->n == mfn) {
		last->n += n;
	} else {
		if (b->nr_extents == EXTENTS_MAX)
			return complain(b, -ENOMEM, "memory is too fragmented: give it less");
		b->extents[b->nr_extents++] = (struct extent){ b->next_pfn, mfn, n };
	}
	b->next_pfn += n;
	return 0;
}

/* Give the domain memory up to, not including, `end`; in the largest blocks there are. */
static __init int populate(struct build *b, pfn_t end)
{
	unsigned order = MAX_CHUNK;
	char text[96];
	int ret;

	while (b->next_pfn < end) {
		struct frame *f;

		while (BIT(order) > end - b->next_pfn)
			order--;
		f = heap_alloc_dom_at(b->d, order, 0, b->next_pfn);
		if (f) {
			ret = add_extent(b, frame_to_mfn(f), BIT(order));
			if (ret)
				return ret;
		} else if (order) {
			order--;
		} else {
			snprintf(text, sizeof(text),
				 "it shall have %llu MiB, the machine has no more than %llu: give "
				 "it less",
				 (unsigned long long)(b->l.nr_pages / PAGES_PER_MIB),
				 (unsigned long long)(b->next_pfn / PAGES_PER_MIB));
			return complain(b, -ENOMEM, text);
		}
	}
	return 0;
}

static __init mfn_t pfn_to_mfn(const struct build *b, pfn_t pfn)
{
	unsigned low = 0, high = b->nr_extents;

	while (high - low > 1) {
		unsigned mid = (low + high) / 2;

		if (b->extents[mid].pfn <= pfn)
			low = mid;
		else
			high = mid;
	}
	return b->extents[low].mfn + (pfn - b->extents[low].pfn);
}

static __init void *pfn_to_va(const struct build *b, pfn_t pfn)
{
	return mfn_to_va(pfn_to_mfn(b, pfn));
}

/* Copy to pseudo-physical address `to`. The memory exists: the layout says so. */
static __init void copy_in(const struct build *b, u64 to, const void *from, u64 len)
{
	const char *p = from;

	while (len) {
		u64 off = to % PAGE_SIZE, n = min(PAGE_SIZE - off, len);

		memcpy((char *)pfn_to_va(b, to / PAGE_SIZE) + off, p, n);
		to += n;
		p += n;
		len -= n;
	}
}

/* Can the initrd's own frames become the domain's? */
static __init bool can_adopt(const struct build *b)
{
	mfn_t first = b->k->initrd >> PAGE_SHIFT;

	if (!b->k->initrd_adopt || b->k->initrd % PAGE_SIZE)
		return false;
	for (u64 i = 0; i < b->l.initrd_pages; i++)
		if (!mfn_valid(first + i) || mfn_to_frame(first + i)->count != FC_HEAP)
			return false;
	return true;
}

static __init int adopt_initrd(struct build *b)
{
	u64 tail = b->l.initrd_pages * PAGE_SIZE - b->k->initrd_len;
	mfn_t first = b->k->initrd >> PAGE_SHIFT;

	/* What else may lie on the last page is not the guest's to see. */
	memset((char *)paddr_to_va(b->k->initrd) + b->k->initrd_len, 0, tail);
	for (u64 i = 0; i < b->l.initrd_pages; i++)
		heap_adopt(mfn_to_frame(first + i));
	for (u64 i = 0; i < b->l.initrd_pages; i++) {
		m2p_set(first + i, b->next_pfn + i);
		/* The domain lives and its limit covers nr_pages: this has no way to fail. */
		if (heap_assign(b->d, mfn_to_frame(first + i), 0))
			panic("A frame of the initrd cannot be assigned to %s\n", b->k->name);
	}
	return add_extent(b, first, b->l.initrd_pages);
}

/* All memory, with kernel and initrd in their places. */
static __init int fill_memory(struct build *b, bool *adopted)
{
	const struct pv_layout *l = &b->l;
	int ret;

	*adopted = false;
	if (l->initrd_pages && can_adopt(b)) {
		ret = populate(b, l->initrd_pfn);
		if (!ret) {
			*adopted = true;
			ret = adopt_initrd(b);
		}
		if (ret)
			return ret;
	}
	ret = populate(b, l->end_pfn);
	if (ret)
		return ret;
	for (unsigned i = 0; i < b->img.nr_segments; i++) {
		const struct pv_segment *s = &b->img.segment[i];

		copy_in(b, s->start, (const char *)b->file.elf + s->offset, s->filesz);
	}
	if (l->initrd_pages && !*adopted)
		copy_in(b, l->initrd_pfn * PAGE_SIZE, paddr_to_va(b->k->initrd), b->k->initrd_len);
	/*
	 * The unpacked file is not needed any more, and the domain may be waiting for its memory.
	 */
	boot_image_close(&b->file);
	return populate(b, l->nr_pages);
}

static __init void fill_p2m(const struct build *b)
{
	const u64 per_page = PAGE_SIZE / (b->l.is_32bit ? sizeof(u32) : sizeof(u64));
	void *page = NULL;

	for (unsigned i = 0; i < b->nr_extents; i++) {
		const struct extent *e = &b->extents[i];

		for (u64 k = 0; k < e->n; k++) {
			pfn_t pfn = e->pfn + k;

			if (!page || pfn % per_page == 0)
				page = pfn_to_va(b, b->l.p2m_pfn + pfn / per_page);
			if (b->l.is_32bit)
				((u32 *)page)[pfn % per_page] = (u32)(e->mfn + k);
			else
				((u64 *)page)[pfn % per_page] = e->mfn + k;
		}
	}
}

static __init void fill_tables(const struct build *b)
{
	for (u64 i = 0; i < b->l.pt_pages + b->l.p2m_tables; i++) {
		struct pv_table t;
		u64 *entries;

		pv_layout_table(&b->l, i, &t);
		entries = pfn_to_va(b, t.pfn);
		for (unsigned slot = 0; slot < PT_ENTRIES; slot++) {
			u64 pfn, flags = PTE_P | PTE_A;
			int kind = pv_layout_slot(&b->l, &t, slot, &pfn);

			if (kind == PV_SLOT_EMPTY)
				continue;
			if (kind == PV_SLOT_RW)
				flags |= PTE_RW;
			if (t.level == 1)
				flags |= PTE_D;
			if (t.level > 1 || !(b->l.is_32bit || b->d->ring1))
				flags |= PTE_US;
			entries[slot] = pte_make(pfn_to_mfn(b, pfn), flags);
		}
	}
}

static __init void fill_start_info(const struct build *b)
{
	static __initdata struct {
		struct start_info info;
		struct dom0_vga_console_info screen;
	} wide;
	const struct pv_layout *l = &b->l;
	struct start_info *si = l->is_32bit ? &wide.info : pfn_to_va(b, l->start_info_pfn);

	if (l->is_32bit)
		memset(&wide, 0, sizeof(wide));

	strlcpy(si->magic, "xen-3.0-x86_64", sizeof(si->magic));
	si->nr_pages = l->nr_pages;
	si->shared_info = va_to_paddr(b->d->shared_info);
	si->pt_base = l->pt_va;
	si->nr_pt_frames = l->pt_pages;
	si->mfn_list = l->p2m_va;
	if (l->p2m_relocated) {
		si->first_p2m_pfn = l->p2m_pfn;
		si->nr_p2m_frames = l->p2m_pages + l->p2m_tables;
	}
	if (l->initrd_pages) {
		si->mod_len = b->k->initrd_len;
		si->mod_start = l->initrd_va ? l->initrd_va : l->initrd_pfn;
		if (!l->initrd_va)
			si->flags |= SIF_MOD_START_PFN;
	}
	if (b->k->is_initial)
		dom0_start_info(si);
	strlcpy((char *)si->cmd_line, b->k->cmdline, sizeof(si->cmd_line));
	if (l->is_32bit)
		start_info_narrow(pfn_to_va(b, l->start_info_pfn), si);
	/* Nobody has a place for upcalls to go to yet. */
	for (unsigned i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
		b->d->shared_info->vcpu_info[i].evtchn_upcall_mask = 1;
}

/* The n-th online CPU, round and round. */
static __init unsigned nth_cpu(unsigned n)
{
	cpumask_t mask = cpus_online;

	n %= (unsigned)__builtin_popcountll(mask);
	while (n--)
		mask &= mask - 1;
	return (unsigned)__builtin_ctzll(mask);
}

static __init int make_vcpus(struct build *b)
{
	struct vcpu_guest_context *c;
	struct frame *root;
	int ret;

	for (unsigned i = 0; i < b->k->nr_vcpus; i++)
		if (!vcpu_create(b->d, i, nth_cpu(b->d->id + i)))
			return complain(b, -ENOMEM, "no memory for its vCPUs");

	root = mfn_to_frame(pfn_to_mfn(b, b->l.pt_pfn));
	if (!frame_get(root, b->d))
		return complain(b, -EINVAL, "its root table is not its own");
	do {
		ret = frame_pin(root, root_type(b->l.is_32bit));
	} while (ret == -ERESTART);
	if (ret) {
		frame_put(root);
		return complain(b, ret,
				"its first page tables were refused: the kernel image is not for "
				"this ABI");
	}

	c = zalloc(ALLOC_MISC, sizeof(*c));
	if (!c)
		return complain(b, -ENOMEM, "no memory for its first vCPU's state");
	c->flags = VGCF_in_kernel | VGCF_online;
	c->user_regs.rip = b->img.entry;
	c->user_regs.rsp = b->l.stack_va + PAGE_SIZE;
	c->user_regs.rsi = b->l.start_info_va;
	c->user_regs.rflags = 0x202; /* IF, and the bit that is always set */
	c->user_regs.cs = FLAT_KERNEL_CS;
	c->user_regs.ss = FLAT_KERNEL_SS;
	c->kernel_ss = FLAT_KERNEL_SS;
	if (b->l.is_32bit) {
		c->user_regs.cs = FLAT_COMPAT_KERNEL_CS;
		c->user_regs.ss = FLAT_COMPAT_KERNEL_SS;
		c->user_regs.ds = c->user_regs.es = FLAT_COMPAT_KERNEL_DS;
		c->user_regs.fs = c->user_regs.gs = FLAT_COMPAT_KERNEL_DS;
		c->kernel_ss = FLAT_COMPAT_KERNEL_SS;
		if (b->img.extended_cr3)
			c->vm_assist = BIT(VMASST_TYPE_pae_extended_cr3);
	}
	if (b->d->ring1) {
		c->user_regs.cs = ANNULUS_KERNEL_CS;
		c->user_regs.ss = c->kernel_ss = ANNULUS_KERNEL_SS;
	}
	c->kernel_sp = b->l.stack_va + PAGE_SIZE;
	c->ctrlreg[3] = xen_pfn_to_cr3(frame_to_mfn(root));
	do {
		ret = vcpu_set_context(b->d->vcpu[0], c);
	} while (ret == -ERESTART);
	zfree(c);
	return ret ? complain(b, ret, "its first vCPU's state was refused") : 0;
}

static __init int layout(struct build *b)
{
	const struct boot_kernel *k = b->k;
	u64 pages = k->nr_pages;
	const char *why = NULL;
	char text[128];
	int ret;

	if (!pages) {
		/* Our own buffer comes back before the domain gets the rest of its memory. */
		pages = pv_default_pages(k->keep_pages) + (b->file.buffer ? BIT(b->file.order) : 0);
		if (k->initrd_adopt)
			pages += k->initrd_len / PAGE_SIZE;
	}
	ret = pv_layout_compute(&b->img, pages, k->initrd ? k->initrd_len : 0, 0, &b->l, &why);
	if (ret == -PV_IMAGE_ENOMEM) {
		snprintf(text, sizeof(text),
			 "its kernel and initrd need %llu MiB, it shall have %llu: give it more "
			 "memory",
			 (unsigned long long)DIV_ROUND_UP(b->l.end_pfn, PAGES_PER_MIB),
			 (unsigned long long)(pages / PAGES_PER_MIB));
		return complain(b, -ENOMEM, text);
	}
	if (ret)
		return complain(b, ret, why);
	return 0;
}

static __init int build(struct build *b, bool *adopted)
{
	const struct boot_kernel *k = b->k;
	int ret;

	if (strlen(k->cmdline) >= MAX_GUEST_CMDLINE)
		return complain(b, -EINVAL,
				"its command line is longer than 1023 characters: shorten it");
	if (!k->nr_vcpus || k->nr_vcpus > b->d->max_vcpus)
		return complain(b, -EINVAL, "its number of vCPUs is out of range");
	ret = open_kernel(b);
	if (!ret)
		ret = layout(b);
	if (ret)
		return ret;
	if (b->img.is_32bit) {
		ret = domain_set_compat(b->d);
		if (ret)
			return complain(b, ret,
					ret == -EOPNOTSUPP ?
						"its kernel is a 32-bit one, which pv32=0 refuses: "
						"take pv32=0 off the hypervisor's command line, or "
						"give a 64-bit kernel" :
						"no memory below 4 GiB for a 32-bit domain");
	}
	if (pv_image_takes_ring1(&b->img)) {
		ret = domain_set_ring1(b->d);
		if (ret && ret != -EOPNOTSUPP)
			return complain(b, ret, "it cannot be given a kernel in ring 1");
	}
	if (b->img.ring1_only && !b->d->ring1)
		return complain(b, -EOPNOTSUPP,
				"its kernel runs in ring 1 alone, which 64-bit kernels are not "
				"offered here: give one that runs in ring 3 as well");
	b->d->max_pages = max(k->max_pages, b->l.nr_pages);
	ret = fill_memory(b, adopted);
	if (ret)
		return ret;
	fill_p2m(b);
	fill_tables(b);
	if (b->img.hypercall_page != PV_UNSET) {
		void *page = pfn_to_va(b, (b->img.hypercall_page - b->img.virt_base) >> PAGE_SHIFT);

		if (b->img.is_32bit)
			compat_hypercall_page_fill(page);
		else
			hypercall_page_fill(page);
	}
	fill_start_info(b);
	if (k->is_initial) {
		ret = dom0_permissions(b->d);
		if (ret)
			return complain(b, ret, "no memory for its permissions");
	}
	ret = make_vcpus(b);
	if (ret)
		return ret;
	printk(LOG_INFO "d%u: %s, %.31s %.31s%s, %llu MiB, %u vCPU%s\n", b->d->id, k->name,
	       b->img.guest_os, b->img.guest_version,
	       b->img.is_32bit ? " (32-bit)" : b->d->ring1 ? " (ring 1)" : "",
	       (unsigned long long)(b->l.nr_pages / PAGES_PER_MIB), k->nr_vcpus,
	       k->nr_vcpus == 1 ? "" : "s");
	return 0;
}

int __init pv_build_domain(struct domain *d, const struct boot_kernel *k, bool *adopted)
{
	struct build *b = zalloc(ALLOC_MISC, sizeof(*b));
	int ret = -ENOMEM;

	*adopted = false;
	if (!b) {
		printk(LOG_ERR "%s cannot be started: no memory to build it with\n", k->name);
		return -ENOMEM;
	}
	b->d = d;
	b->k = k;
	b->extents = zalloc(ALLOC_MISC, EXTENTS_MAX * sizeof(*b->extents));
	if (b->extents)
		ret = build(b, adopted);
	else
		ret = complain(b, -ENOMEM, "no memory to build it with");
	boot_image_close(&b->file);
	zfree(b->extents);
	zfree(b);
	return ret;
}
