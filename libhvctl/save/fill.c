// SPDX-License-Identifier: LGPL-2.1-or-later
#include "save/fill.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "build.h"
#include "pv-abi/compat.h"
#include "pv-abi/wide.h"

#define BATCH 1024u
#define PINS  256u
#define HOLES (1u << 20) /* frames that a list may be longer than the memory */

/* Bytes that are kept of an entry of the guest's list of frames. */
#define PER_PFN (sizeof(uint64_t) + sizeof(uint8_t *) + sizeof(uint8_t) + sizeof(bool))

/* What a part of a vCPU's state may be long. */
#define EXT_MAX	  256u /* the structure grows at its end */
#define XSAVE_MAX (16u << 10)
#define MSRS_MAX  64u

static int bad(struct fill *f, const char *what)
{
	return hvctl_fail(f->ctx, EINVAL, "%s is not the image of a guest: %s", f->name, what);
}

static int refused(struct fill *f, const char *what, long error)
{
	return hvctl_fail(f->ctx, (int)-error,
			  "the hypervisor refuses %s in %s: %s; see its log "
			  "(hvctl dmesg)",
			  what, f->name, strerror((int)-error));
}

int fill_begin(struct fill *f, uint32_t domid, unsigned int width, uint64_t nr_pfns)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_set_address_size, .domain = (domid_t)domid };
	int error = 0;

	f->max_pages = f->config->max_memory_mib << (20 - FRAME_SHIFT);
	if (width != 8 && width != 4)
		return bad(f, "its words have a width that there is not");
	if (!nr_pfns || nr_pfns > f->max_pages + HOLES)
		return bad(f, "its list of frames is longer than its memory");
	/* All that is kept of an entry, and what 32-bit tools can count. */
	if (nr_pfns > SIZE_MAX / PER_PFN || !memory_fits(nr_pfns * PER_PFN))
		return hvctl_fail(f->ctx, ENOMEM,
				  "dom0 has not enough memory to restore the guest in %s: it takes "
				  "%llu MiB; give it more (hvctl mem-set 0)",
				  f->name, (unsigned long long)(nr_pfns * PER_PFN >> 20) + 1);
	f->domid = domid;
	f->width = width;
	f->nr_pfns = nr_pfns;
	f->mfn = malloc(nr_pfns * sizeof(*f->mfn));
	f->page = calloc(nr_pfns, sizeof(*f->page));
	f->type = calloc(nr_pfns, sizeof(*f->type));
	f->filled = calloc(nr_pfns, sizeof(*f->filled));
	if (!f->mfn || !f->page || !f->type || !f->filled)
		return hvctl_no_memory(f->ctx);
	memset(f->mfn, 0xff, nr_pfns * sizeof(*f->mfn));
	if (width == 4) {
		op.u.address_size.size = 32;
		error = do_domctl(f->ctx, &op);
		if (error)
			return refused(f, "a 32-bit guest", error);
	}
	return 0;
}

int fill_cpu_policy(struct fill *f, const void *leaves, size_t leaves_len, const void *msrs,
		    size_t msrs_len)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_set_cpu_policy, .domain = (domid_t)f->domid };
	size_t size = leaves_len + msrs_len + 1;
	char *buf;
	int error;

	if (size > FILL_POLICY_MAX)
		return bad(f, "its CPU policy is too long");
	buf = hypercall_alloc(f->ctx, size);
	if (!buf)
		return -ENOMEM;
	memcpy(buf, leaves, leaves_len);
	memcpy(buf + leaves_len, msrs, msrs_len);
	op.u.cpu_policy.nr_leaves = (uint32_t)(leaves_len / sizeof(struct xen_cpuid_leaf));
	op.u.cpu_policy.leaves = (uint64_t)(uintptr_t)buf;
	op.u.cpu_policy.nr_msrs = (uint32_t)(msrs_len / sizeof(struct xen_msr_entry));
	op.u.cpu_policy.msrs = (uint64_t)(uintptr_t)(buf + leaves_len);
	error = do_domctl(f->ctx, &op);
	hypercall_free(f->ctx, buf, size);
	if (error)
		return hvctl_fail(
			f->ctx, -error,
			"this machine cannot show the guest in %s the CPU "
			"that it was shown: leaf %#x, subleaf %#x, MSR %#x; restore it on "
			"one like that it comes from",
			f->name, op.u.cpu_policy.err_leaf, op.u.cpu_policy.err_subleaf,
			op.u.cpu_policy.err_msr);
	return 0;
}

/* ---- pages ---- */

struct request {
	struct xen_memory_reservation r;
	xen_pfn_t list[BATCH];
};

/* Frames for the pfns in q->list, which are new. */
static int populate(struct fill *f, struct request *q, unsigned int count)
{
	uint64_t pfns[BATCH];
	long done;

	for (unsigned int i = 0; i < count; i++)
		pfns[i] = q->list[i];
	q->r = (struct xen_memory_reservation){
		.extent_start = (uint64_t)(uintptr_t)q->list,
		.nr_extents = count,
		.domid = (domid_t)f->domid,
	};
	done = hypercall(f->ctx, __HYPERVISOR_memory_op, XENMEM_populate_physmap,
			 (uint64_t)(uintptr_t)&q->r, 0, 0, 0);
	for (long i = 0; i < done; i++)
		f->mfn[pfns[i]] = q->list[i];
	if (done != (long)count)
		return hvctl_fail(f->ctx, ENOSPC,
				  "the hypervisor has not enough memory for the guest "
				  "in %s; shut a domain down",
				  f->name);
	f->nr_pages += count;
	return 0;
}

/* Map what has a frame and is not mapped yet. */
static int map(struct fill *f, const uint64_t *pfns, unsigned int count)
{
	xen_pfn_t mfns[BATCH];
	unsigned int n = 0, at = 0;
	struct region *more;
	uint8_t *p;

	for (unsigned int i = 0; i < count; i++)
		if (!f->page[pfns[i]])
			mfns[n++] = (xen_pfn_t)f->mfn[pfns[i]];
	if (!n)
		return 0;
	more = realloc(f->region, (f->nr_regions + 1) * sizeof(*more));
	if (!more)
		return hvctl_no_memory(f->ctx);
	f->region = more;
	p = foreign_map(f->ctx, f->domid, PROT_READ | PROT_WRITE, mfns, n);
	if (!p)
		return hvctl_fail(f->ctx, errno, "cannot map memory of the new domain %u: %s",
				  f->domid, strerror(errno));
	f->region[f->nr_regions++] = (struct region){ p, n };
	for (unsigned int i = 0; i < count; i++)
		if (!f->page[pfns[i]])
			f->page[pfns[i]] = p + (size_t)at++ * FRAME_SIZE;
	return 0;
}

/* A page that has a frame, wherever it was mapped before. */
static int reach(struct fill *f, uint64_t pfn)
{
	return f->page[pfn] ? 0 : map(f, &pfn, 1);
}

int fill_populate(struct fill *f, const uint64_t *pfns, unsigned int count)
{
	struct request *q;
	unsigned int n = 0;
	int error = hvctl_cancelled(f->ctx);

	if (error)
		return error;
	if (count > BATCH)
		return bad(f, "it has too many pages in one record");
	q = hypercall_alloc(f->ctx, sizeof(*q));
	if (!q)
		return -ENOMEM;
	for (unsigned int i = 0; !error && i < count; i++) {
		/* In rising order: no pfn twice. */
		if (pfns[i] >= f->nr_pfns || (i && pfns[i] <= pfns[i - 1]))
			error = bad(f, "its pages are not in order");
		else if (f->mfn[pfns[i]] == NO_MFN)
			q->list[n++] = (xen_pfn_t)pfns[i];
	}
	if (!error && n > f->max_pages - f->nr_pages)
		error = bad(f, "it has more pages than its memory");
	if (!error && n)
		error = populate(f, q, n);
	hypercall_free(f->ctx, q, sizeof(*q));
	return error ? error : map(f, pfns, count);
}

int fill_page(struct fill *f, uint64_t pfn, uint8_t type, const void *content)
{
	if (GUEST_LEVEL(type) > (f->width == 8 ? 4 : 3))
		return bad(f, "it has page tables of a level that there is not");
	if (content)
		memcpy(f->page[pfn], content, FRAME_SIZE);
	else
		memset(f->page[pfn], 0, FRAME_SIZE);
	f->type[pfn] = GUEST_LEVEL(type) ? type & (7u | GUEST_PINNED) : 0;
	f->filled[pfn] = true;
	return 0;
}

int fill_same(struct fill *f, uint64_t pfn, uint64_t twin)
{
	/* Only a plain page that has come: a table's content is another here than in the image. */
	if (twin >= f->nr_pfns || twin == pfn || !f->filled[twin] || f->type[twin])
		return bad(f, "a page has the content of one that it has not");
	return fill_page(f, pfn, 0, f->page[twin]);
}

/* Frames of up to BATCH pages; nobody may have them mapped any more. */
static int release(struct fill *f, struct request *q, unsigned int count)
{
	long done;

	q->r = (struct xen_memory_reservation){
		.extent_start = (uint64_t)(uintptr_t)q->list,
		.nr_extents = count,
		.domid = (domid_t)f->domid,
	};
	done = hypercall(f->ctx, __HYPERVISOR_memory_op, XENMEM_decrease_reservation,
			 (uint64_t)(uintptr_t)&q->r, 0, 0, 0);
	if (done != (long)count)
		return refused(f, "pages that go", done < 0 ? done : -EBUSY);
	f->nr_pages -= count;
	return 0;
}

int fill_gone(struct fill *f, const uint64_t *pfns, uint64_t count)
{
	struct request *q = hypercall_alloc(f->ctx, sizeof(*q));
	unsigned int n = 0;
	int error = q ? 0 : -ENOMEM;

	for (uint64_t i = 0; !error && i < count; i++) {
		uint64_t pfn = pfns[i];

		/* Once it has gone it is no more there to go. */
		if (pfn >= f->nr_pfns || !f->filled[pfn]) {
			error = bad(f, "a page goes that it has not");
			break;
		}
		if (f->page[pfn] && foreign_drop(f->page[pfn])) {
			error = hvctl_fail(f->ctx, errno, "cannot unmap a page of domain %u: %s",
					   f->domid, strerror(errno));
			break;
		}
		q->list[n++] = (xen_pfn_t)f->mfn[pfn];
		f->mfn[pfn] = NO_MFN;
		f->page[pfn] = NULL;
		f->type[pfn] = 0;
		f->filled[pfn] = false;
		if (n == BATCH || i + 1 == count) {
			error = release(f, q, n);
			n = 0;
		}
	}
	hypercall_free(f->ctx, q, sizeof(*q));
	return error;
}

int fill_list(struct fill *f, const uint64_t *pfns, uint64_t count)
{
	unsigned int per = FRAME_SIZE / f->width;

	if (f->list || count != (f->nr_pfns + per - 1) / per)
		return bad(f, "its list of frames has another length than it says");
	f->list = malloc(count * sizeof(*f->list));
	if (!f->list)
		return hvctl_no_memory(f->ctx);
	memcpy(f->list, pfns, count * sizeof(*f->list));
	f->nr_list = count;
	return 0;
}

static bool good_length(const struct fill *f, enum fill_part part, size_t len)
{
	size_t msr = sizeof(struct xen_domctl_vcpu_msr);

	switch (part) {
	case FILL_CONTEXT:
		return len == (f->width == 8 ? sizeof(struct wide_vcpu_guest_context)
					     : sizeof(struct compat_vcpu_guest_context));
	case FILL_EXT:
		return len >= sizeof(struct xen_domctl_ext_vcpucontext) && len <= EXT_MAX;
	case FILL_XSAVE:
		return len && len <= XSAVE_MAX;
	case FILL_MSRS:
		return !(len % msr) && len / msr <= MSRS_MAX;
	default:
		return false;
	}
}

int fill_keep(struct fill *f, uint32_t vcpu, enum fill_part part, const void *body, size_t len)
{
	struct fill_kept *to;

	if (vcpu >= FILL_VCPUS || vcpu >= f->config->max_vcpus)
		return bad(f, "it has a vCPU that it has not");
	if (!f->width || !good_length(f, part, len))
		return bad(f, "a part of a vCPU's state has a length that it cannot have");
	to = &f->vcpu[vcpu].part[part];
	if (to->body)
		return bad(f, "it has a vCPU twice");
	to->body = malloc(len + 1);
	if (!to->body)
		return hvctl_no_memory(f->ctx);
	memcpy(to->body, body, len);
	to->len = len;
	return 0;
}

static void unmap_regions(struct fill *f)
{
	while (f->nr_regions) {
		struct region *r = &f->region[--f->nr_regions];

		foreign_unmap(r->at, r->pages);
	}
}

void fill_rest(struct fill *f, const uint64_t *pfns, unsigned int count)
{
	unmap_regions(f);
	for (unsigned int i = 0; i < count; i++)
		f->page[pfns[i]] = NULL;
}

static void unmap_all(struct fill *f)
{
	unmap_regions(f);
	if (f->page)
		memset(f->page, 0, f->nr_pfns * sizeof(*f->page));
}

/* ---- pfns become mfns ---- */

/* *frame is a pfn that has a frame; its mfn takes its place. */
static int to_mfn(struct fill *f, uint64_t *frame, const char *what)
{
	if (*frame >= f->nr_pfns || f->mfn[*frame] == NO_MFN)
		return bad(f, what);
	*frame = f->mfn[*frame];
	return 0;
}

static int convert_table(struct fill *f, uint64_t pfn)
{
	unsigned int level = GUEST_LEVEL(f->type[pfn]);
	int error = reach(f, pfn);
	uint64_t *table = (void *)f->page[pfn];

	if (error)
		return error;
	for (unsigned int i = 0; i < TABLE_SLOTS; i++) {
		uint64_t e = table[i], frame = (e & PTE_FRAME) >> 12;

		if (!(e & PTE_PRESENT))
			continue;
		if ((level == 4 && i >= L4_OURS_FIRST && i <= L4_OURS_LAST) ||
		    (level == 3 && f->width == 4 && i >= PAE_L3_SLOTS)) {
			table[i] = 0;
			continue;
		}
		error = to_mfn(f, &frame, "a page table maps a page that it has not");
		if (error)
			return error;
		table[i] = (e & ~PTE_FRAME) | frame << 12;
	}
	return 0;
}

static int convert_tables(struct fill *f)
{
	int error = 0;

	for (uint64_t pfn = 0; !error && pfn < f->nr_pfns; pfn++)
		if (GUEST_LEVEL(f->type[pfn]))
			error = convert_table(f, pfn);
	return error;
}

/*
 * What an entry says of a pfn without a frame stays if it is a mark, as Linux makes them of top
 * bits.
 */
static int write_list(struct fill *f)
{
	unsigned int per = FRAME_SIZE / f->width;

	for (uint64_t pfn = 0; pfn < f->nr_pfns; pfn++) {
		uint64_t at = f->list[pfn / per];
		uint64_t *wide;
		uint32_t *narrow;
		int error;

		if (at >= f->nr_pfns || !f->filled[at] || f->type[at])
			return bad(f, "its list of frames is in a page that it has not");
		error = reach(f, at);
		if (error)
			return error;
		wide = (uint64_t *)f->page[at] + pfn % per;
		narrow = (uint32_t *)f->page[at] + pfn % per;
		if (f->width == 8) {
			if (f->mfn[pfn] != NO_MFN)
				*wide = f->mfn[pfn];
			else if (!(*wide >> 62))
				*wide = UINT64_MAX;
		} else {
			if (f->mfn[pfn] != NO_MFN)
				*narrow = (uint32_t)f->mfn[pfn];
			else if (!(*narrow >> 30))
				*narrow = UINT32_MAX;
		}
	}
	return 0;
}

/* ---- start info and shared info ---- */

static int shared_frame(struct fill *f, uint64_t *mfn)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_getdomaininfo, .domain = (domid_t)f->domid };
	int error = do_domctl(f->ctx, &op);

	*mfn = op.u.getdomaininfo.shared_info_frame;
	return error ? refused(f, "the shared page", error) : 0;
}

/*
 * The new kernel life begins with all events masked and none pending: there are no channels. Of the
 * old page only what the guest left about its vCPUs and its list goes over.
 */
static int write_shared(struct fill *f, uint64_t mfn)
{
	xen_pfn_t frame = (xen_pfn_t)mfn;
	struct shared_info *to = foreign_map(f->ctx, f->domid, PROT_READ | PROT_WRITE, &frame, 1);
	struct compat_shared_info *narrow = (void *)to;
	const struct shared_info *from = (const void *)f->shared;
	const struct compat_shared_info *from32 = (const void *)f->shared;

	if (!to)
		return hvctl_fail(f->ctx, errno,
				  "cannot map the shared page of the new domain %u: %s", f->domid,
				  strerror(errno));
	memset(to, 0, FRAME_SIZE);
	if (f->width == 8) {
		memcpy(to->vcpu_info, from->vcpu_info, sizeof(to->vcpu_info));
		to->arch = from->arch;
		to->arch.pfn_to_mfn_frame_list_list = 0;
		to->arch.p2m_cr3 = 0;
		for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
			to->vcpu_info[i].evtchn_pending_sel = 0;
		memset(to->evtchn_mask, 0xff, sizeof(to->evtchn_mask));
	} else {
		memcpy(narrow->vcpu_info, from32->vcpu_info, sizeof(narrow->vcpu_info));
		narrow->arch = from32->arch;
		narrow->arch.pfn_to_mfn_frame_list_list = 0;
		narrow->arch.p2m_cr3 = 0;
		for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
			narrow->vcpu_info[i].evtchn_pending_sel = 0;
		memset(narrow->evtchn_mask, 0xff, sizeof(narrow->evtchn_mask));
	}
	foreign_unmap(to, 1);
	return 0;
}

static int write_start(struct fill *f, uint64_t pfn, uint64_t shared_mfn, struct domain_rings *r)
{
	struct wide_start_info *si;
	struct compat_start_info *si32;
	int error;

	if (pfn >= f->nr_pfns || !f->filled[pfn] || f->type[pfn])
		return bad(f, "its start info is in a page that it has not");
	error = reach(f, pfn);
	if (error)
		return error;
	si = (void *)f->page[pfn];
	si32 = (void *)f->page[pfn];
	r->store_mfn = f->width == 8 ? si->store_mfn : si32->store_mfn;
	r->console_mfn = f->width == 8 ? si->console.domU.mfn : si32->console.domU.mfn;
	error = to_mfn(f, &r->store_mfn, "its store ring is in a page that it has not");
	if (!error)
		error = to_mfn(f, &r->console_mfn, "its console is in a page that it has not");
	if (!error)
		error = build_port(f->ctx, f->domid, &r->store_port);
	if (!error)
		error = build_port(f->ctx, f->domid, &r->console_port);
	if (error)
		return error;
	if (f->width == 8) {
		si->nr_pages = f->nr_pfns;
		si->shared_info = shared_mfn << FRAME_SHIFT;
		si->flags &= SIF_MOD_START_PFN | SIF_VIRT_P2M_4TOOLS;
		si->store_mfn = r->store_mfn;
		si->store_evtchn = r->store_port;
		si->console.domU.mfn = r->console_mfn;
		si->console.domU.evtchn = r->console_port;
	} else {
		si32->nr_pages = (uint32_t)f->nr_pfns;
		si32->shared_info = (uint32_t)(shared_mfn << FRAME_SHIFT);
		si32->flags &= SIF_MOD_START_PFN | SIF_VIRT_P2M_4TOOLS;
		si32->store_mfn = (uint32_t)r->store_mfn;
		si32->store_evtchn = r->store_port;
		si32->console.domU.mfn = (uint32_t)r->console_mfn;
		si32->console.domU.evtchn = r->console_port;
	}
	return 0;
}

/* ---- vCPUs ---- */

static int convert_wide(struct fill *f, bool first, struct wide_vcpu_guest_context *c,
			uint64_t *start)
{
	uint64_t cr3 = c->ctrlreg[3] >> 12, cr1 = c->ctrlreg[1] >> 12;
	int error = to_mfn(f, &cr3, "a vCPU's root is a page that it has not");

	if (!error && cr1)
		error = to_mfn(f, &cr1, "a vCPU's root is a page that it has not");
	for (unsigned int i = 0; !error && i * 512 < c->gdt_ents && i < 14; i++) {
		uint64_t frame = c->gdt_frames[i];

		error = to_mfn(f, &frame, "a vCPU's GDT is in a page that it has not");
		c->gdt_frames[i] = frame;
	}
	c->ctrlreg[3] = wide_pfn_to_cr3(cr3);
	c->ctrlreg[1] = cr1 << 12;
	if (first && !error) {
		*start = c->user_regs.rdx;
		c->user_regs.rax = 0; /* of the suspend hypercall: it is a new life */
		if (*start < f->nr_pfns)
			c->user_regs.rdx = f->mfn[*start];
	}
	return error;
}

static int convert_narrow(struct fill *f, bool first, struct compat_vcpu_guest_context *c,
			  uint64_t *start)
{
	uint64_t cr3 = compat_cr3_to_pfn(c->ctrlreg[3]);
	int error = to_mfn(f, &cr3, "a vCPU's root is a page that it has not");

	for (unsigned int i = 0; !error && i * 512 < c->gdt_ents && i < 14; i++) {
		uint64_t frame = c->gdt_frames[i];

		error = to_mfn(f, &frame, "a vCPU's GDT is in a page that it has not");
		c->gdt_frames[i] = (uint32_t)frame;
	}
	c->ctrlreg[3] = compat_pfn_to_cr3((uint32_t)cr3);
	if (first && !error) {
		*start = c->user_regs.edx;
		c->user_regs.eax = 0;
		if (*start < f->nr_pfns)
			c->user_regs.edx = (uint32_t)f->mfn[*start];
	}
	return error;
}

/* Every vCPU's context in the hypervisor's terms, and the pfn of the start info. */
static int convert_vcpus(struct fill *f, uint64_t *start)
{
	int error = 0;

	for (unsigned int i = 0; !error && i < f->config->max_vcpus; i++) {
		void *context = f->vcpu[i].part[FILL_CONTEXT].body;

		if (!context && i)
			continue;
		if (!context)
			return bad(f, "its first vCPU's state is missing");
		error = f->width == 8 ? convert_wide(f, !i, context, start)
				      : convert_narrow(f, !i, context, start);
	}
	return error;
}

/* A domctl with a buffer. */
static int give(struct fill *f, struct xen_domctl *op, uint64_t *at, const void *body, size_t len,
		const char *what)
{
	void *buf = hypercall_alloc(f->ctx, len + 1);
	int error;

	if (!buf)
		return -ENOMEM;
	memcpy(buf, body, len);
	*at = (uint64_t)(uintptr_t)buf;
	op->domain = (domid_t)f->domid;
	error = do_domctl(f->ctx, op);
	hypercall_free(f->ctx, buf, len + 1);
	return error ? refused(f, what, error) : 0;
}

static int give_vcpu(struct fill *f, uint32_t id)
{
	const struct fill_kept *context = &f->vcpu[id].part[FILL_CONTEXT],
			       *ext = &f->vcpu[id].part[FILL_EXT],
			       *xsave = &f->vcpu[id].part[FILL_XSAVE],
			       *msrs = &f->vcpu[id].part[FILL_MSRS];
	struct xen_domctl op = { .cmd = XEN_DOMCTL_setvcpucontext };
	int error;

	if (!context->body)
		return 0;
	op.u.vcpucontext.vcpu = id;
	error = give(f, &op, &op.u.vcpucontext.ctxt, context->body, context->len, "a vCPU's state");
	if (!error && ext->body) {
		op = (struct xen_domctl){ .cmd = XEN_DOMCTL_set_ext_vcpucontext,
					  .domain = (domid_t)f->domid };
		memcpy(&op.u.ext_vcpucontext, ext->body, sizeof(op.u.ext_vcpucontext));
		op.u.ext_vcpucontext.vcpu = id;
		op.u.ext_vcpucontext.size = sizeof(op.u.ext_vcpucontext);
		error = do_domctl(f->ctx, &op);
		if (error)
			error = refused(f, "a vCPU's entry points", error);
	}
	if (!error && xsave->body) {
		op = (struct xen_domctl){ .cmd = XEN_DOMCTL_setvcpuextstate };
		op.u.vcpuextstate.vcpu = id;
		op.u.vcpuextstate.size = xsave->len;
		error = give(f, &op, &op.u.vcpuextstate.buffer, xsave->body, xsave->len,
			     "a vCPU's extended state");
	}
	if (!error && msrs->body) {
		op = (struct xen_domctl){ .cmd = XEN_DOMCTL_set_vcpu_msrs };
		op.u.vcpu_msrs.vcpu = id;
		op.u.vcpu_msrs.msr_count =
			(uint32_t)(msrs->len / sizeof(struct xen_domctl_vcpu_msr));
		error = give(f, &op, &op.u.vcpu_msrs.msrs, msrs->body, msrs->len, "a vCPU's MSRs");
	}
	return error;
}

/* ---- the end ---- */

static int pin_batch(struct fill *f, struct mmuext_op *op, unsigned int count)
{
	long ret = hypercall(f->ctx, __HYPERVISOR_mmuext_op, (uint64_t)(uintptr_t)op, count, 0,
			     f->domid, 0);

	return ret < 0 ? refused(f, "the page tables", ret) : 0;
}

static int pin_tables(struct fill *f)
{
	struct mmuext_op *op = hypercall_alloc(f->ctx, PINS * sizeof(*op));
	unsigned int n = 0;
	int error = 0;

	if (!op)
		return -ENOMEM;
	for (uint64_t pfn = 0; !error && pfn < f->nr_pfns; pfn++) {
		if (!(f->type[pfn] & GUEST_PINNED))
			continue;
		op[n] = (struct mmuext_op){
			.cmd = MMUEXT_PIN_L1_TABLE + GUEST_LEVEL(f->type[pfn]) - 1,
			.arg1.mfn = f->mfn[pfn],
		};
		if (++n == PINS) {
			error = pin_batch(f, op, n);
			n = 0;
		}
	}
	if (!error && n)
		error = pin_batch(f, op, n);
	hypercall_free(f->ctx, op, PINS * sizeof(*op));
	return error;
}

static int set_tsc(struct fill *f)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_settscinfo, .domain = (domid_t)f->domid };
	int error;

	/* Mode 0: RDTSC is the machine's; clocks go by the hypervisor's records. */
	op.u.tsc_info.gtsc_khz = f->tsc_khz;
	op.u.tsc_info.elapsed_nsec = f->elapsed_ns;
	error = do_domctl(f->ctx, &op);
	return error ? refused(f, "the clock", error) : 0;
}

int fill_finish(struct fill *f, struct domain_rings *rings)
{
	uint64_t shared = 0, start = 0;
	int error = 0;

	if (!f->list || !f->have_shared)
		return bad(f, "its list of frames or its shared page is missing");
	/* It has, to be saved. */
	rings->suspends = true;
	hvctl_step(f->ctx, "writing its page tables", 70);
	error = convert_vcpus(f, &start);
	if (!error)
		error = write_list(f);
	if (!error)
		error = shared_frame(f, &shared);
	if (!error)
		error = write_start(f, start, shared, rings);
	if (!error)
		error = convert_tables(f);
	if (error)
		return error;
	/* Nobody but the guest may write to a page table. */
	unmap_all(f);
	hvctl_step(f->ctx, "having its page tables checked", 75);
	error = pin_tables(f);
	if (!error)
		error = write_shared(f, shared);
	if (!error)
		error = build_grants(f->ctx, f->domid, rings->console_mfn, rings->store_mfn);
	if (!error)
		error = set_tsc(f);
	for (unsigned int i = 0; !error && i < f->config->max_vcpus; i++)
		error = give_vcpu(f, i);
	return error;
}

void fill_end(struct fill *f)
{
	unmap_all(f);
	free(f->region);
	free(f->mfn);
	free(f->page);
	free(f->type);
	free(f->filled);
	free(f->list);
	for (unsigned int i = 0; i < FILL_VCPUS * FILL_PARTS; i++)
		free(f->vcpu[i / FILL_PARTS].part[i % FILL_PARTS].body);
}
