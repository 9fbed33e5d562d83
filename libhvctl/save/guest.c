// SPDX-License-Identifier: LGPL-2.1-or-later
#include "save/guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "domain.h"
#include "pv-abi/compat.h"
#include "pv-abi/ring1.h"
#include "xs.h"

#define BATCH 1024u
/* What is kept of an entry of a list, here and by whoever sends the pages. */
#define PER_PFN (2 * sizeof(uint64_t) + 1)
#define HOLES (1u << 20) /* frames that a list may be longer than what there is */

static int no_list(const struct guest *g, const char *why)
{
	return hvctl_fail(g->ctx, EINVAL, "domain %u cannot be saved: %s", g->domid, why);
}

static void *map_one(const struct guest *g, uint64_t mfn)
{
	xen_pfn_t frame = (xen_pfn_t)mfn;
	void *p = mfn < g->nr_mfns ? foreign_map(g->ctx, g->domid, PROT_READ, &frame, 1) : NULL;

	if (!p)
		hvctl_fail(g->ctx, EINVAL,
			   "domain %u cannot be saved: its list of frames (P2M) "
			   "leads to machine frame %#llx, which is not its own",
			   g->domid, (unsigned long long)mfn);
	return p;
}

static int look_at_host(struct guest *g)
{
	struct xen_sysctl host = { .cmd = XEN_SYSCTL_physinfo };
	struct xen_domctl size = { .cmd = XEN_DOMCTL_get_address_size,
				   .domain = (domid_t)g->domid };
	int error = do_sysctl(g->ctx, &host);

	if (!error)
		error = do_domctl(g->ctx, &size);
	if (error)
		return hvctl_fail(g->ctx, -error,
				  "the hypervisor does not tell about domain %u: %s", g->domid,
				  strerror(-error));
	g->nr_mfns = host.u.physinfo.max_mfn + 1;
	/* A 64-bit kernel in ring 1 has words of 8 bytes as well. */
	g->width = size.u.address_size.size == ANNULUS_ADDRESS_SIZE_RING1
			   ? 8 : size.u.address_size.size / 8;
	return 0;
}

static int map_shared(struct guest *g)
{
	xen_pfn_t frame = (xen_pfn_t)g->info.shared_info_frame;
	void *p = foreign_map(g->ctx, g->domid, PROT_READ, &frame, 1);

	if (!p)
		return hvctl_fail(g->ctx, errno, "cannot map the shared page of domain %u: %s",
				  g->domid, strerror(errno));
	memcpy(g->shared, p, FRAME_SIZE);
	foreign_unmap(p, 1);
	return 0;
}

/* ---- the list of frames ---- */

/* The guest's tables on the way to an address, kept mapped from one page of it to the next. */
struct walk {
	uint64_t mfn[5]; /* by level */
	const uint64_t *table[5];
};

static void walk_end(struct walk *w)
{
	for (unsigned int level = 1; level < 5; level++)
		foreign_unmap((void *)w->table[level], 1);
}

/* The machine frame at an address, NO_MFN with the message set. */
static uint64_t walk_to(const struct guest *g, struct walk *w, uint64_t root, uint64_t address)
{
	uint64_t mfn = root;

	for (unsigned int level = g->width == 8 ? 4 : 3; level; level--) {
		uint64_t entry;

		if (!w->table[level] || w->mfn[level] != mfn) {
			foreign_unmap((void *)w->table[level], 1);
			w->table[level] = map_one(g, mfn);
			w->mfn[level] = mfn;
			if (!w->table[level])
				return NO_MFN;
		}
		entry = w->table[level][address >> (12 + 9 * (level - 1)) & 511];
		if (!(entry & PTE_PRESENT)) {
			no_list(g, "its list of frames (P2M) is not mapped where it says");
			return NO_MFN;
		}
		mfn = (entry & PTE_FRAME) >> 12;
	}
	return mfn;
}

/* An entry of the list: the machine frame, NO_MFN for none. */
static uint64_t entry_at(const struct guest *g, const void *page, unsigned int i, bool *foreign)
{
	unsigned int bits = g->width * 8;
	uint64_t e = g->width == 8 ? ((const uint64_t *)page)[i] : ((const uint32_t *)page)[i];
	uint64_t none = g->width == 8 ? UINT64_MAX : UINT32_MAX;

	/* As Linux marks them: all ones for none, a top bit for another's, the next for a hole. */
	*foreign = e != none && (e >> (bits - 1) & 1);
	return e == none || (e >> (bits - 2) & 3) ? NO_MFN : e;
}

static int take_page(struct guest *g, uint64_t first, const void *page)
{
	unsigned int per = FRAME_SIZE / g->width;

	for (unsigned int i = 0; i < per && first + i < g->nr_pfns; i++) {
		bool foreign;
		uint64_t mfn = entry_at(g, page, i, &foreign);

		if (foreign && !g->live)
			return no_list(g, "it has frames of other domains mapped");
		g->nr_foreign += foreign;
		g->mfn[first + i] = NO_MFN;
		if (mfn == NO_MFN)
			continue;
		if (mfn >= g->nr_mfns || g->pfn[mfn] != NO_PFN) {
			if (g->live)
				continue;
			return no_list(g, "its list of frames (P2M) names a frame that is not its "
					  "own, or one twice");
		}
		g->mfn[first + i] = mfn;
		g->pfn[mfn] = (uint32_t)(first + i);
		g->nr_pages++;
	}
	return 0;
}

static int read_list(struct guest *g, uint64_t root, uint64_t address)
{
	unsigned int per = FRAME_SIZE / g->width;
	struct walk w = { 0 };
	int error = 0;

	for (uint64_t n = 0; !error && n < g->nr_list; n++) {
		uint64_t mfn = walk_to(g, &w, root, address + n * FRAME_SIZE);
		void *page = mfn == NO_MFN ? NULL : map_one(g, mfn);

		if (!page) {
			error = -EINVAL;
			break;
		}
		g->list[n] = mfn;
		error = take_page(g, n * per, page);
		foreign_unmap(page, 1);
	}
	walk_end(&w);
	/* Now that all are known: the list's own frames. */
	for (uint64_t n = 0; !error && n < g->nr_list; n++) {
		if (g->pfn[g->list[n]] == NO_PFN && !g->live)
			error = no_list(g, "its list of frames (P2M) does not have its own frames");
		g->list[n] = g->pfn[g->list[n]];
	}
	return error;
}

/*
 * What a guest may have at most is the toolstack's word, which no guest can write: the hypervisor's
 * limit goes up and down with what its balloon is told, and its list of frames stays as long as it
 * was. A slow one has more than its limit.
 */
static void find_most(struct guest *g)
{
	char *text = hvctl_xs(g->ctx) ? xs_readf(g->ctx->xs, 0,
						 "/local/domain/%u/memory/static-max", g->domid)
				      : NULL;
	uint64_t kib = text ? strtoull(text, NULL, 10) : 0;

	free(text);
	if (kib > HVCTL_MIB_MAX << 10)
		kib = HVCTL_MIB_MAX << 10;
	g->most = kib >> (FRAME_SHIFT - 10);
	if (g->most < g->info.max_pages)
		g->most = g->info.max_pages;
	if (g->most < g->info.tot_pages)
		g->most = g->info.tot_pages;
}

static int find_list(struct guest *g)
{
	const struct shared_info *wide = (const void *)g->shared;
	const struct compat_shared_info *narrow = (const void *)g->shared;
	uint64_t cr3, address, end, root;
	unsigned int per = FRAME_SIZE / g->width;

	if (g->width == 8) {
		cr3 = wide->arch.p2m_cr3;
		address = wide->arch.p2m_vaddr;
		end = wide->arch.max_pfn;
		root = cr3 >> 12;
	} else {
		cr3 = narrow->arch.p2m_cr3;
		address = narrow->arch.p2m_vaddr;
		end = narrow->arch.max_pfn;
		root = compat_cr3_to_pfn((uint32_t)cr3);
	}
	if (!cr3)
		return no_list(g, "its kernel does not say where its list of frames (P2M) is");
	find_most(g);
	/* The guest's word. */
	if (!end || (end > HOLES && end - HOLES > g->most) || end >= NO_PFN)
		return no_list(g, "its list of frames (P2M) is longer than its memory");
	if (!memory_fits(end * PER_PFN))
		return hvctl_fail(g->ctx, ENOMEM,
				  "dom0 has not enough memory to look at domain %u: it takes %llu "
				  "MiB, and as much has to be left; give it more (hvctl mem-set 0)",
				  g->domid, (unsigned long long)(end * PER_PFN >> 20) + 1);
	g->nr_pfns = end;
	g->nr_list = (end + per - 1) / per;
	g->mfn = malloc(end * sizeof(*g->mfn));
	g->type = calloc(end, 1);
	g->list = calloc(g->nr_list, sizeof(*g->list));
	g->pfn = malloc(g->nr_mfns * sizeof(*g->pfn));
	if (!g->mfn || !g->type || !g->list || !g->pfn)
		return hvctl_no_memory(g->ctx);
	memset(g->pfn, 0xff, g->nr_mfns * sizeof(*g->pfn));
	return read_list(g, root, address & ~(uint64_t)(FRAME_SIZE - 1));
}

/* ---- what frames are used for ---- */

static int set_type(struct guest *g, uint64_t pfn, uint64_t info)
{
	uint8_t level = (uint8_t)(info >> XEN_DOMCTL_PFINFO_LTAB_SHIFT & 7);

	if ((info & XEN_DOMCTL_PFINFO_LTAB_MASK) >= XEN_DOMCTL_PFINFO_BROKEN || level > 4) {
		if (g->live) {
			g->pfn[g->mfn[pfn]] = NO_PFN;
			g->mfn[pfn] = NO_MFN;
			g->nr_pages--;
			return 0;
		}
		return no_list(g, "its list of frames (P2M) names a frame that is not its own");
	}
	g->type[pfn] = level;
	/* A pin without a type is nothing that can be had again. */
	if (level && (info & XEN_DOMCTL_PFINFO_LPINTAB))
		g->type[pfn] |= GUEST_PINNED;
	return 0;
}

static int find_types(struct guest *g)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_getpageframeinfo3, .domain = (domid_t)g->domid };
	uint64_t *array = hypercall_alloc(g->ctx, BATCH * sizeof(*array)), at = 0;
	uint32_t pfns[BATCH];
	int error = 0;

	if (!array)
		return -ENOMEM;
	while (!error && at < g->nr_pfns) {
		unsigned int n = 0;

		for (; at < g->nr_pfns && n < BATCH; at++)
			if (g->mfn[at] != NO_MFN) {
				pfns[n] = (uint32_t)at;
				array[n++] = g->mfn[at];
			}
		op.u.getpageframeinfo3.num = n;
		op.u.getpageframeinfo3.array = (uint64_t)(uintptr_t)array;
		error = n ? do_domctl(g->ctx, &op) : 0;
		if (error)
			hvctl_fail(g->ctx, -error,
				   "the hypervisor does not tell what the frames "
				   "of domain %u are: %s",
				   g->domid, strerror(-error));
		for (unsigned int i = 0; !error && i < n; i++)
			error = set_type(g, pfns[i], array[i]);
	}
	hypercall_free(g->ctx, array, BATCH * sizeof(*array));
	return error;
}

/* A 32-bit guest's last L2 is known by the L3 that leads to it. */
static int find_last_l2(struct guest *g)
{
	for (uint64_t pfn = 0; pfn < g->nr_pfns; pfn++) {
		const uint64_t *table;
		uint64_t mfn;

		if (GUEST_LEVEL(g->type[pfn]) != 3)
			continue;
		table = map_one(g, g->mfn[pfn]);
		if (!table)
			return -EINVAL;
		mfn = (table[PAE_L3_SLOTS - 1] & PTE_FRAME) >> 12;
		if ((table[PAE_L3_SLOTS - 1] & PTE_PRESENT) && mfn < g->nr_mfns &&
		    g->pfn[mfn] != NO_PFN)
			g->type[g->pfn[mfn]] |= GUEST_LAST_L2;
		foreign_unmap((void *)table, 1);
	}
	return 0;
}

int guest_table(const struct guest *g, uint64_t pfn, const uint64_t *table, uint64_t *copy)
{
	unsigned int level = GUEST_LEVEL(g->type[pfn]);

	for (unsigned int i = 0; i < TABLE_SLOTS; i++) {
		uint64_t e = table[i], mfn = (e & PTE_FRAME) >> 12;
		bool ours = (level == 4 && i >= L4_OURS_FIRST && i <= L4_OURS_LAST) ||
			    ((g->type[pfn] & GUEST_LAST_L2) && i >= L2_OURS_FIRST) ||
			    (level == 3 && g->width == 4 && i >= PAE_L3_SLOTS);

		copy[i] = ours ? 0 : e;
		if (ours || !(e & PTE_PRESENT))
			continue;
		if (mfn >= g->nr_mfns || g->pfn[mfn] == NO_PFN)
			return hvctl_fail(g->ctx, EINVAL,
					  "domain %u cannot be saved: it has "
					  "machine frame %#llx mapped, which is a device's or "
					  "another domain's",
					  g->domid, (unsigned long long)mfn);
		copy[i] = (e & ~PTE_FRAME) | (uint64_t)g->pfn[mfn] << 12;
	}
	return 0;
}

static int look(struct guest *g)
{
	int error = domain_need(g->ctx, g->domid, &g->info);

	if (!error)
		error = look_at_host(g);
	if (!error)
		error = map_shared(g);
	if (!error)
		error = find_list(g);
	if (!error)
		error = find_types(g);
	/* Tables of a guest that runs are not sent. */
	if (!error && g->width == 4 && !g->live)
		error = find_last_l2(g);
	return error;
}

int guest_look(struct hvctl_ctx *ctx, uint32_t domid, struct guest *g)
{
	*g = (struct guest){ .ctx = ctx, .domid = domid };
	return look(g);
}

int guest_look_live(struct hvctl_ctx *ctx, uint32_t domid, struct guest *g)
{
	*g = (struct guest){ .ctx = ctx, .domid = domid, .live = true };
	return look(g);
}

void guest_close(struct guest *g)
{
	free(g->mfn);
	free(g->pfn);
	free(g->type);
	free(g->list);
	g->mfn = g->list = NULL;
	g->pfn = NULL;
	g->type = NULL;
}
