// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/save/own.c libhvctl/save/fill.c libhvctl/save/stream.c
// libs: -lzstd
//
// Images of our own format that somebody made to harm: every hash in them is right, a number is
// wrong. A small guest's image is read into a domain that is a fake; as it is it becomes a guest,
// and with any one thing wrong it is refused with a line that says which.

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "build.h"
#include "pv-abi/wide.h"
#include "save/cpu.h"
#include "save/restore.h"
#include "save/settings.h"
#include "suite.h"

#define DOMID	 7u
#define PFNS	 8u
#define VCPUS	 2u
#define MFN(pfn) (100u + (pfn)) /* of pages that are new, in the order of their coming */

enum { LIST = 1, START, STORE, CONSOLE, ROOT, GDT }; /* its pfns that mean something */

static struct hvctl_ctx ctx;
static uint8_t memory[PFNS][FRAME_SIZE], shared_page[FRAME_SIZE];
static unsigned int populated, mapped, given, pinned, released, dropped;
static uint64_t room; /* bytes that dom0 has to spare */
static size_t pages_mapped, at_the_end; /* when all has come */
static bool is_mapped[PFNS];

/* ---- what the reader stands on ---- */

int hvctl_fail(struct hvctl_ctx *c, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->error, sizeof(c->error), format, args);
	va_end(args);
	return -error;
}

int hvctl_no_memory(struct hvctl_ctx *c) { return hvctl_fail(c, ENOMEM, "no memory"); }

int hvctl_cancelled(struct hvctl_ctx *c) { return c->cancelled ? -EINTR : 0; }

void hvctl_nap(unsigned int ms) { (void)ms; }

void hvctl_step(struct hvctl_ctx *c, const char *step, unsigned int percent)
{
	CU_ASSERT_TRUE(percent <= 100);
}

bool memory_fits(uint64_t bytes) { return bytes <= room; }

void *hypercall_alloc(struct hvctl_ctx *c, size_t size) { return calloc(1, size); }

void hypercall_free(struct hvctl_ctx *c, void *p, size_t size) { free(p); }

long hypercall(struct hvctl_ctx *c, unsigned int op, uint64_t a0, uint64_t a1, uint64_t a2,
	       uint64_t a3, uint64_t a4)
{
	struct xen_memory_reservation *r = (void *)(uintptr_t)a1;
	xen_pfn_t *list;

	if (op != __HYPERVISOR_memory_op) {
		pinned += (unsigned int)a1;
		return 0;
	}
	list = (void *)(uintptr_t)r->extent_start;
	if (a0 == XENMEM_decrease_reservation) {
		/* Nobody has them mapped any more. */
		for (uint64_t i = 0; i < r->nr_extents; i++)
			CU_ASSERT_FALSE(is_mapped[list[i] - MFN(0)]);
		released += (unsigned int)r->nr_extents;
		return (long)r->nr_extents;
	}
	CU_ASSERT_FATAL(r->domid == DOMID && populated + r->nr_extents <= PFNS);
	for (uint64_t i = 0; i < r->nr_extents; i++)
		list[i] = MFN(populated++);
	return (long)r->nr_extents;
}

int do_domctl(struct hvctl_ctx *c, struct xen_domctl *op)
{
	CU_ASSERT_EQUAL(op->domain, DOMID);
	if (op->cmd == XEN_DOMCTL_getdomaininfo) {
		op->u.getdomaininfo.shared_info_frame = 99;
		at_the_end = pages_mapped;
	}
	if (op->cmd == XEN_DOMCTL_setvcpucontext)
		given++;
	return 0;
}

/* It fits, unless it is to be refused; what came is as it was written. */
static int fits;
static size_t nr_policy, nr_seen;
static bool forced;

int cpu_fits(struct hvctl_ctx *c, const char *name, struct cpu_wanted *w, bool force)
{
	nr_policy = w->nr_policy;
	nr_seen = w->nr_seen;
	forced = force;
	for (size_t i = 0; i < nr_seen; i++)
		CU_ASSERT_EQUAL(w->seen[i].leaf, 7 + i);
	return fits ? hvctl_fail(c, -fits, "it lacks something") : 0;
}

/* What is mapped and does not lie in a row: written when it is unmapped. */
static struct apart {
	size_t count; /* 0: free */
	xen_pfn_t mfn[PFNS];
	uint8_t page[PFNS][FRAME_SIZE];
} apart[PFNS];

void *foreign_map(struct hvctl_ctx *c, uint32_t domid, int prot, const xen_pfn_t *mfns,
		  size_t count)
{
	struct apart *a = apart;
	bool row = true;

	mapped++;
	pages_mapped += count;
	if (mfns[0] == 99)
		return shared_page;
	for (size_t i = 0; i < count; i++) {
		CU_ASSERT_FATAL(mfns[i] >= MFN(0) && mfns[i] < MFN(PFNS));
		row &= mfns[i] == mfns[0] + i;
		is_mapped[mfns[i] - MFN(0)] = true;
	}
	if (row)
		return memory[mfns[0] - MFN(0)];
	while (a->count)
		a++;
	CU_ASSERT_FATAL(a < &apart[PFNS]);
	a->count = count;
	for (size_t i = 0; i < count; i++) {
		a->mfn[i] = mfns[i];
		memcpy(a->page[i], memory[mfns[i] - MFN(0)], FRAME_SIZE);
	}
	return a->page;
}

void foreign_unmap(void *p, size_t count)
{
	size_t at = (size_t)((uint8_t *)p - memory[0]) / FRAME_SIZE;

	mapped -= !!p;
	pages_mapped -= p ? count : 0;
	if (at < PFNS)
		memset(is_mapped + at, 0, count);
	for (struct apart *a = apart; a < &apart[PFNS]; a++) {
		if (!a->count || p != a->page)
			continue;
		CU_ASSERT_EQUAL(count, a->count);
		for (size_t i = 0; i < count; i++) {
			memcpy(memory[a->mfn[i] - MFN(0)], a->page[i], FRAME_SIZE);
			is_mapped[a->mfn[i] - MFN(0)] = false;
		}
		a->count = 0;
	}
}

int foreign_drop(void *page)
{
	size_t at = (size_t)((uint8_t *)page - memory[0]) / FRAME_SIZE;

	if (at < PFNS)
		is_mapped[at] = false;
	for (struct apart *a = apart; a < &apart[PFNS]; a++)
		for (size_t i = 0; i < a->count; i++)
			if (page == a->page[i])
				is_mapped[a->mfn[i] - MFN(0)] = false;
	dropped++;
	return 0;
}

int build_port(struct hvctl_ctx *c, uint32_t domid, uint32_t *port)
{
	*port = 3;
	return 0;
}

int build_grants(struct hvctl_ctx *c, uint32_t domid, uint64_t console_mfn, uint64_t store_mfn)
{
	return 0;
}

int settings_parse(struct hvctl_ctx *c, const char *where, const char *text, size_t len,
		   struct hvctl_config **config)
{
	*config = calloc(1, sizeof(**config));
	(*config)->memory_mib = (*config)->max_memory_mib = 1;
	(*config)->vcpus = (*config)->max_vcpus = VCPUS;
	return 0;
}

/* ---- an image ---- */

/* All of its parts, to have something wrong in them. */
static struct {
	struct record_guest guest;
	size_t leaves;
	uint64_t list[2];
	size_t list_len;
	struct record_pages pages; /* and what follows it */
	uint64_t page[PFNS + 1];
	size_t words, contents;
	uint8_t content[PFNS][FRAME_SIZE];
	size_t shared;
	struct record_vcpu vcpu[VCPUS];
	struct wide_vcpu_guest_context context[VCPUS];
	size_t context_len, ext, xsave, msrs;
	unsigned int again; /* a record of this type comes twice */
	struct xen_cpuid_leaf seen[2];
	size_t nr_seen;
} it;

static void good(void)
{
	struct wide_start_info *si = (void *)it.content[START];

	memset(&it, 0, sizeof(it));
	it.guest = (struct record_guest){ 8, VCPUS, PFNS, PFNS - 1, 1000000, 0, 5 };
	it.leaves = sizeof(struct xen_cpuid_leaf);
	it.list[0] = LIST;
	it.list_len = 8;
	it.pages.count = PFNS - 1;
	it.words = it.contents = PFNS - 1;
	for (unsigned int n = 0; n < it.words; n++)
		it.page[n] = PAGE_ENTRY(n, CONTENT_DATA, n == ROOT ? 4 : 0) |
			     (n == ROOT ? PAGE_PINNED : 0);
	si->store_mfn = STORE;
	si->console.domU.mfn = CONSOLE;
	((uint64_t *)it.content[ROOT])[0] = GDT << 12 | 1;
	it.shared = FRAME_SIZE;
	for (unsigned int n = 0; n < VCPUS; n++) {
		it.vcpu[n].vcpu = n;
		it.context[n].ctrlreg[3] = ROOT << 12;
		it.context[n].gdt_ents = 1;
		it.context[n].gdt_frames[0] = GDT;
		it.context[n].user_regs.rdx = START;
	}
	it.context_len = sizeof(it.context[0]);
	it.ext = sizeof(struct xen_domctl_ext_vcpucontext);
	it.xsave = 832 + 16;
	it.msrs = sizeof(struct xen_domctl_vcpu_msr);
}

static uint32_t left_out; /* no record of this type, 0: all */

static void put(struct stream_out *out, uint32_t type, const void *head, size_t head_len,
		const void *body, size_t len)
{
	static const uint8_t zeros[1 << 20];
	struct iovec part[2] = { { (void *)head, head_len },
				 { (void *)(body ? body : zeros), len } };

	for (unsigned int n = type && type == left_out; n < 1 + (type == it.again); n++)
		CU_ASSERT_EQUAL_FATAL(stream_write(out, type, part, 2), 0);
}

static int write_image(void)
{
	static uint8_t pages[STREAM_MAX];
	int fd = memfd_create("image", 0);
	struct stream_out *out;
	size_t len = sizeof(it.pages);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(stream_create(&ctx, fd, "it", 0, &out), 0);
	put(out, RECORD_CONFIG, "{}", 2, NULL, 0);
	put(out, RECORD_GUEST, &it.guest, sizeof(it.guest), NULL, 0);
	if (it.nr_seen)
		put(out, RECORD_CPU_SEEN, NULL, 0, it.seen, it.nr_seen * sizeof(it.seen[0]));
	put(out, RECORD_CPU_LEAVES, NULL, 0, NULL, it.leaves);
	put(out, RECORD_CPU_MSRS, NULL, 0, NULL, 0);
	put(out, RECORD_P2M, NULL, 0, it.list, it.list_len);
	memcpy(pages, &it.pages, len);
	memcpy(pages + len, it.page, it.words * 8);
	len += it.words * 8;
	memcpy(pages + len, it.content, it.contents * FRAME_SIZE);
	len += it.contents * FRAME_SIZE;
	put(out, RECORD_PAGES, NULL, 0, pages, len);
	put(out, RECORD_SHARED, NULL, 0, NULL, it.shared);
	for (unsigned int n = 0; n < VCPUS; n++) {
		const void *vcpu = &it.vcpu[n];

		put(out, RECORD_VCPU, vcpu, 8,
		    it.context_len > sizeof(it.context[n]) ? NULL : &it.context[n],
		    it.context_len);
		put(out, RECORD_VCPU_EXT, vcpu, 8, NULL, it.ext);
		put(out, RECORD_VCPU_XSAVE, vcpu, 8, NULL, it.xsave);
		put(out, RECORD_VCPU_MSRS, vcpu, 8, NULL, it.msrs);
	}
	CU_ASSERT_EQUAL(stream_finish(out), 0);
	stream_out_free(out);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/*
 * The same guest as a stream of rounds: all of its pages but the table, some of them again, one
 * that goes and one that comes, and when it has stopped the table. Where each record ends.
 */
#define ENDS 32
static long end_of[ENDS];
static unsigned int ends;
static struct record_stopped stopped;
static bool cut_gone; /* a page goes that never came */
static uint32_t unknown; /* a record that there is not, 0: none */

static void put_live(struct stream_out *out, int fd, uint32_t type, const void *body, size_t len)
{
	if (type)
		put(out, type, NULL, 0, body, len);
	CU_ASSERT_EQUAL(stream_flush(out), 0);
	end_of[ends++] = lseek(fd, 0, SEEK_CUR);
	CU_ASSERT_FATAL(ends < ENDS);
}

static void put_round(struct stream_out *out, int fd, const uint64_t *entry, unsigned int count,
		      uint8_t content)
{
	static uint8_t body[STREAM_MAX];
	struct record_pages r = { .count = count };
	size_t len = sizeof(r) + count * 8;

	memcpy(body, &r, sizeof(r));
	memcpy(body + sizeof(r), entry, count * 8);
	for (unsigned int n = 0; n < count; n++, len += FRAME_SIZE) {
		memcpy(body + len, it.content[entry[n] & PAGE_PFN], FRAME_SIZE);
		body[len + FRAME_SIZE - 1] = content;
	}
	put_live(out, fd, RECORD_PAGES, body, len);
}

/* A page that is not sent, because the reader has it: its description, and how much of it. */
static uint64_t known_entry[3];
static size_t known_words;

static void put_known(struct stream_out *out, int fd)
{
	uint64_t body[4];
	struct record_pages r = { .count = 1 };

	memcpy(body, &r, sizeof(r));
	memcpy(body + 1, known_entry, sizeof(known_entry));
	if (known_words)
		put_live(out, fd, RECORD_PAGES, body, sizeof(r) + known_words * 8);
}

enum { GOES = 0, COMES = 7 }; /* pfns */
static unsigned int rounds; /* more than it takes */
static bool goes_late; /* what came last goes */

static int write_live(unsigned int threads)
{
	uint64_t most[] = { GOES, LIST, START, STORE, CONSOLE },
		 again[] = { START, STORE, GDT }, last[] = { STORE, ROOT, COMES };
	uint64_t gone = cut_gone ? GDT : GOES;
	int fd = memfd_create("stream", 0);
	struct stream_out *out;

	last[1] = PAGE_ENTRY(ROOT, CONTENT_DATA, 4) | PAGE_PINNED;
	CU_ASSERT_FATAL(fd >= 0);
	ends = 0;
	CU_ASSERT_EQUAL_FATAL(stream_create_live(&ctx, fd, "it", threads, &out), 0);
	put_live(out, fd, RECORD_CONFIG, "{}", 2);
	put_live(out, fd, RECORD_GUEST, &it.guest, sizeof(it.guest));
	if (it.nr_seen)
		put_live(out, fd, RECORD_CPU_SEEN, it.seen, it.nr_seen * sizeof(it.seen[0]));
	put_live(out, fd, RECORD_CPU_LEAVES, NULL, it.leaves);
	put_live(out, fd, RECORD_CPU_MSRS, NULL, 0);
	put_round(out, fd, most, 5, 1);
	if (cut_gone)
		put_live(out, fd, RECORD_GONE, &gone, sizeof(gone));
	put_round(out, fd, again, 3, 2);
	put_known(out, fd);
	for (unsigned int n = 0; n < rounds; n++) {
		put_round(out, fd, again, 3, 2);
		ends--;
	}
	put_live(out, fd, RECORD_STOPPED, &stopped, sizeof(stopped));
	put_live(out, fd, RECORD_GONE, &gone, sizeof(gone));
	put_round(out, fd, last, 3, 0);
	if (goes_late)
		put_live(out, fd, RECORD_GONE, &last[2], sizeof(last[2]));
	put_live(out, fd, RECORD_P2M, it.list, it.list_len);
	put_live(out, fd, RECORD_SHARED, NULL, it.shared);
	for (unsigned int n = 0; n < VCPUS; n++) {
		put(out, RECORD_VCPU, &it.vcpu[n], 8, &it.context[n], it.context_len);
		put(out, RECORD_VCPU_EXT, &it.vcpu[n], 8, NULL, it.ext);
		put_live(out, fd, unknown, NULL, 0);
	}
	CU_ASSERT_EQUAL(stream_finish(out), 0);
	stream_out_free(out);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static int restore_from(int fd);

/* Write it, and read it into the domain. */
static int restore(void)
{
	return restore_from(write_image());
}

static unsigned int told;

static int accept_it(struct image *i)
{
	told++;
	CU_ASSERT_EQUAL(populated, 0);
	return 0;
}

static bool has_known = true;
static unsigned int asked;

static int have_it(struct image *i, const struct digest *d, void *page)
{
	/* The other end knows how many pages it has itself. */
	CU_ASSERT_EQUAL(i->nr_pages, PFNS - 1);
	asked++;
	if (d->word[0] != 1 || d->word[1] != 2)
		return hvctl_fail(i->ctx, EINVAL, "it is not here");
	memset(page, 0x77, FRAME_SIZE);
	return 0;
}

static int restore_from(int fd)
{
	struct image i = { .ctx = &ctx, .fd = fd, .name = "it", .accepted = accept_it };
	struct hvctl_config *config = NULL;
	struct domain_rings rings = { 0 };
	uint8_t head[IMAGE_HEAD];
	int error;

	pages_mapped = 0;
	populated = mapped = given = pinned = released = dropped = told = asked = 0;
	i.known = has_known ? have_it : NULL;
	ctx.error[0] = '\0';
	CU_ASSERT_EQUAL_FATAL(read_whole(i.fd, head, sizeof(head)), sizeof(head));
	CU_ASSERT_EQUAL_FATAL(own_config(&i, head, &config), 0);
	i.fill.ctx = &ctx;
	i.fill.name = "it";
	i.fill.config = config;
	error = own_fill(&i, DOMID, &rings);
	if (!error)
		CU_ASSERT_TRUE(rings.store_mfn == MFN(STORE) && rings.console_port == 3);
	fill_end(&i.fill);
	stream_in_free(i.in);
	free(config);
	close(i.fd);
	CU_ASSERT_EQUAL(mapped, 0);
	return error;
}

static void begin(void)
{
	room = 1 << 20;
	good();
}

/* As it is now it is refused, by a line with @why; no vCPU has a state. The next one is good. */
static void refused(const char *why)
{
	int error = restore();

	CU_ASSERT_TRUE(error == -EINVAL || error == -ENOMEM);
	CU_ASSERT_EQUAL(given, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, why));
	if (!strstr(ctx.error, why))
		printf("\n%s: %d %s", why, error, ctx.error);
	begin();
}

TEST(test_good, "a good one becomes a guest")
{
	begin();
	CU_ASSERT_EQUAL(restore(), 0);
	CU_ASSERT_STRING_EQUAL(ctx.error, "");
	CU_ASSERT_EQUAL(populated, PFNS - 1);
	CU_ASSERT_EQUAL(given, VCPUS);
	CU_ASSERT_EQUAL(pinned, 1);
	CU_ASSERT_EQUAL(((uint64_t *)memory[ROOT])[0], (uint64_t)MFN(GDT) << 12 | 1);
	CU_ASSERT_EQUAL(((uint64_t *)memory[LIST])[CONSOLE], MFN(CONSOLE));
}

TEST(test_guest, "what it says of itself")
{
	begin();
	it.guest.nr_pages = UINT64_MAX;
	refused("no pages, or more than its memory");
	it.guest.nr_pages = 0;
	refused("no pages, or more than its memory");
	it.guest.nr_pages = 257;
	refused("no pages, or more than its memory");
	it.guest.nr_pages = PFNS + 1;
	refused("no pages, or more than its memory");
	it.guest.nr_pages = PFNS;
	refused("another number of pages than it says");
	it.guest.nr_pages = PFNS - 2;
	refused("another number of pages than it says");
	it.guest.nr_vcpus = VCPUS + 1;
	refused("more or less vCPUs");
	it.guest.nr_vcpus = 0;
	refused("more or less vCPUs");
	it.guest.tsc_mode = 3;
	refused("its clock is of a kind");
	it.guest.width = 5;
	refused("a width that there is not");
	it.guest.nr_pfns = 0;
	refused("longer than its memory");
	it.guest.nr_pfns = UINT64_MAX;
	refused("longer than its memory");
	it.guest.nr_pfns = 257 + (1 << 20);
	refused("longer than its memory");
}

TEST(test_pages, "what it says of its pages")
{
	/* Of an image nobody was told anything. */
	begin();
	it.page[CONSOLE] = PAGE_ENTRY(CONSOLE, CONTENT_KNOWN, 0);
	refused("of a kind that there is not");
	begin();
	it.page[3] = 2;
	refused("not in order");
	it.page[6] = PFNS;
	refused("not in order");
	it.page[6] = PAGE_PFN;
	refused("not in order");
	it.page[3] |= PAGE_ENTRY(0, 3, 0);
	refused("of a kind that there is not");
	it.page[3] |= PAGE_ENTRY(0, 0, 5);
	refused("of a level that there is not");
	it.page[3] |= PAGE_ENTRY(0, CONTENT_ZERO, 0);
	refused("another length than it says");
	it.pages.count = UINT32_MAX;
	refused("another length than it says");
	it.page[6] |= PAGE_ENTRY(0, CONTENT_SAME, 0);
	it.contents--;
	refused("another length than it says");
	it.pages.count++;
	it.contents = 0;
	refused("too short");
	it.page[6] |= PAGE_ENTRY(0, CONTENT_SAME, 0);
	it.page[it.words++] = UINT64_MAX;
	it.contents--;
	refused("the content of one that it has not");
	it.page[6] |= PAGE_ENTRY(0, CONTENT_SAME, 0);
	it.page[it.words++] = ROOT;
	it.contents--;
	refused("the content of one that it has not");
	it.again = RECORD_PAGES;
	refused("a page twice");
	it.again = RECORD_GUEST;
	refused("not in order");
	it.shared = 4095;
	refused("its shared page");
	it.list_len = 16;
	refused("list of frames");
	it.list_len = 7;
	refused("list of frames");
	it.list[0] = PFNS;
	refused("list of frames");
	it.list[0] = ROOT;
	refused("list of frames");
	((uint64_t *)it.content[ROOT])[5] = (uint64_t)(PFNS - 1) << 12 | 1;
	refused("maps a page that it has not");
	((uint64_t *)it.content[ROOT])[5] = PTE_FRAME | 1;
	refused("maps a page that it has not");
}

TEST(test_vcpus, "what it says of its vCPUs")
{
	begin();
	it.vcpu[1].vcpu = FILL_VCPUS;
	refused("a vCPU that it has not");
	it.vcpu[1].vcpu = VCPUS;
	refused("a vCPU that it has not");
	it.vcpu[1].vcpu = 0;
	refused("a vCPU twice");
	it.context[1].ctrlreg[3] = (PFNS - 1) << 12;
	refused("a vCPU's root");
	it.context[1].ctrlreg[3] = UINT64_MAX;
	refused("a vCPU's root");
	it.context[1].gdt_frames[0] = UINT64_MAX;
	refused("a vCPU's GDT");
	it.context[0].user_regs.rdx = UINT64_MAX;
	refused("its start info");
	it.context[0].user_regs.rdx = ROOT;
	refused("its start info");
	((struct wide_start_info *)it.content[START])->store_mfn = UINT64_MAX;
	refused("its store ring");
	it.context_len = 0;
	refused("a length that it cannot have");
}

/* What it says that it needs is not asked for before it can be had, or be needed. */
TEST(test_lengths, "what it would have kept")
{
	struct {
		size_t *it, good, step;
	} part[] = {
		{ &it.context_len, sizeof(struct wide_vcpu_guest_context), 1 },
		{ &it.ext, 256, 1 },
		{ &it.xsave, 16 << 10, 1 },
		{ &it.msrs, 64 * sizeof(struct xen_domctl_vcpu_msr),
		  sizeof(struct xen_domctl_vcpu_msr) },
	};

	for (unsigned int n = 0; n < sizeof(part) / sizeof(part[0]); n++) {
		begin();
		*part[n].it = part[n].good;
		CU_ASSERT_EQUAL(restore(), 0);
		*part[n].it = part[n].good + part[n].step;
		refused("a length that it cannot have");
		*part[n].it = 1 << 20;
		refused("a length that it cannot have");
	}
	it.msrs--;
	refused("a length that it cannot have");
	it.context_len--;
	refused("a length that it cannot have");
	it.ext--;
	refused("a length that it cannot have");
	it.leaves = 1 << 20;
	refused("its CPU policy is too long");
	/* A list as long as holes allow, of 18 bytes in each entry. */
	it.guest.nr_pfns = 1 << 20;
	room = 17 << 20;
	refused("dom0 has not enough memory");
}

static void begin_live(void)
{
	begin();
	left_out = unknown = 0;
	cut_gone = false;
	rounds = 0;
	goes_late = false;
	stopped = (struct record_stopped){ PFNS - 1, 9 };
}

TEST(test_cpu, "what CPU it had is asked about before any page of it is taken")
{
	for (int live = 0; live < 2; live++) {
		live ? begin_live() : good();
		it.nr_seen = 2;
		it.seen[0].leaf = 7;
		it.seen[1].leaf = 8;
		it.leaves = 3 * sizeof(struct xen_cpuid_leaf);
		CU_ASSERT_EQUAL(restore_from(live ? write_live(0) : write_image()), 0);
		CU_ASSERT_EQUAL(nr_policy, 3);
		CU_ASSERT_EQUAL(nr_seen, 2);
		CU_ASSERT_FALSE(forced);
		fits = -EINVAL;
		CU_ASSERT_EQUAL(restore_from(live ? write_live(0) : write_image()), -EINVAL);
		CU_ASSERT_STRING_EQUAL(ctx.error, "it lacks something");
		CU_ASSERT_EQUAL(populated, 0);
		CU_ASSERT_EQUAL(told, 0);
		fits = 0;
		/* Where it may stand. */
		it.again = RECORD_CPU_SEEN;
		CU_ASSERT_EQUAL(restore_from(live ? write_live(0) : write_image()), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "not in order"));
		it.again = 0;
		left_out = RECORD_CPU_LEAVES;
		CU_ASSERT_EQUAL(restore_from(live ? write_live(0) : write_image()), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "not in order"));
		left_out = 0;
		left_out = RECORD_GUEST;
		CU_ASSERT_EQUAL(restore_from(live ? write_live(0) : write_image()), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "not in order"));
		left_out = 0;
		it.nr_seen = 0;
		CU_ASSERT_EQUAL(restore_from(live ? write_live(0) : write_image()), 0);
		CU_ASSERT_EQUAL(nr_seen, 0);
	}
}

TEST(test_live, "a stream of rounds becomes a guest: what came last of a page counts")
{
	for (unsigned int threads = 0; threads < 2; threads++) {
		begin_live();
		memset(memory, 0xee, sizeof(memory));
		CU_ASSERT_EQUAL(restore_from(write_live(threads)), 0);
		CU_ASSERT_STRING_EQUAL(ctx.error, "");
		CU_ASSERT_EQUAL(told, 1);
		CU_ASSERT_EQUAL(given, VCPUS);
		CU_ASSERT_EQUAL(pinned, 1);
		CU_ASSERT_EQUAL(populated, PFNS);
		CU_ASSERT_EQUAL(released, 1);
		/* While it stands still: what came last, and its list. */
		CU_ASSERT_EQUAL(at_the_end, 4);
		/* In the order of their coming: 0, list, start, store, console; GDT; root, 7. */
		CU_ASSERT_EQUAL(memory[1][FRAME_SIZE - 1], 1);
		CU_ASSERT_EQUAL(memory[2][FRAME_SIZE - 1], 2);
		CU_ASSERT_EQUAL(memory[3][FRAME_SIZE - 1], 0);
		CU_ASSERT_EQUAL(memory[4][FRAME_SIZE - 1], 1);
		CU_ASSERT_EQUAL(((uint64_t *)memory[6])[0], (uint64_t)MFN(5) << 12 | 1);
		CU_ASSERT_EQUAL(((uint64_t *)memory[1])[GOES], UINT64_MAX);
		CU_ASSERT_EQUAL(((uint64_t *)memory[1])[GDT], MFN(5));
		CU_ASSERT_EQUAL(((uint64_t *)memory[1])[COMES], MFN(7));
	}
}

TEST(test_live_late, "a page goes that is mapped still")
{
	begin_live();
	goes_late = true;
	stopped.nr_pages--;
	CU_ASSERT_EQUAL(restore_from(write_live(0)), 0);
	CU_ASSERT_EQUAL(dropped, 1);
	CU_ASSERT_EQUAL(released, 2);
}

static void known_page(void)
{
	begin_live();
	known_entry[0] = PAGE_ENTRY(CONSOLE, CONTENT_KNOWN, 0);
	known_entry[1] = 1;
	known_entry[2] = 2;
	known_words = 3;
}

TEST(test_known, "a page that is not sent is the one of its digest")
{
	known_page();
	CU_ASSERT_EQUAL(restore_from(write_live(0)), 0);
	CU_ASSERT_STRING_EQUAL(ctx.error, "");
	CU_ASSERT_EQUAL(asked, 1);
	CU_ASSERT_EQUAL(memory[4][0], 0x77);
	CU_ASSERT_EQUAL(memory[4][FRAME_SIZE - 1], 0x77);
	known_words = 0;
}

TEST(test_live_same, "no page of a guest that ran is like another one, which may be gone")
{
	begin_live();
	known_entry[0] = PAGE_ENTRY(CONSOLE, CONTENT_SAME, 0);
	known_entry[1] = GDT;
	known_words = 2;
	CU_ASSERT_EQUAL(restore_from(write_live(0)), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "like another one"));
	CU_ASSERT_EQUAL(given + pinned, 0);
	known_words = 0;
}

TEST(test_live_cut, "cut behind any of its records it is no guest")
{
	known_page();
	for (unsigned int n = 1, all = 2; n < all; n++) {
		int fd = write_live(0);

		all = ends;
		CU_ASSERT_EQUAL_FATAL(ftruncate(fd, end_of[n]), 0);
		CU_ASSERT_EQUAL(restore_from(fd), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, "ends in the middle"));
		CU_ASSERT_EQUAL(given + pinned, 0);
		/* In the middle of the next one. */
		fd = write_live(0);
		CU_ASSERT_EQUAL_FATAL(ftruncate(fd, end_of[n] + 17), 0);
		CU_ASSERT_EQUAL(restore_from(fd), -EINVAL);
		CU_ASSERT_EQUAL(given + pinned, 0);
	}
	known_words = 0;
}

static void live_refused(const char *why)
{
	CU_ASSERT_EQUAL(restore_from(write_live(0)), -EINVAL);
	CU_ASSERT_EQUAL(given, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx.error, why));
	if (!strstr(ctx.error, why))
		printf("\n%s: %s", why, ctx.error);
	begin_live();
}

TEST(test_live_wrong, "what a stream of rounds may not say")
{
	known_page();
	known_entry[2]++;
	live_refused("it is not here");
	CU_ASSERT_EQUAL(asked, 1);
	/* A table's content is another here; who keeps nothing was asked for nothing. */
	known_page();
	known_entry[0] |= PAGE_ENTRY(0, 0, 1);
	live_refused("of a kind that there is not");
	known_page();
	has_known = false;
	live_refused("of a kind that there is not");
	has_known = true;
	for (size_t n = 1; n < 3; n++) {
		known_page();
		known_words = n;
		live_refused("too short");
		CU_ASSERT_EQUAL(asked, 0);
	}
	known_words = 0;
	begin_live();
	unknown = 100;
	live_refused("not in order");
	for (uint32_t type = RECORD_GUEST; type <= RECORD_CPU_MSRS; type++) {
		left_out = type;
		live_refused("not in order");
	}
	left_out = RECORD_STOPPED;
	live_refused("not in order");
	left_out = RECORD_P2M;
	live_refused("not in order");
	left_out = RECORD_SHARED;
	live_refused("not in order");
	it.again = RECORD_STOPPED;
	live_refused("not in order");
	it.again = RECORD_P2M;
	live_refused("not in order");
	it.again = RECORD_GONE;
	live_refused("a page goes that it has not");
	cut_gone = true;
	live_refused("a page goes that it has not");
	stopped.nr_pages++;
	live_refused("another number of pages");
	stopped.nr_pages = 0;
	live_refused("another number of pages");
	stopped.elapsed_ns = 4;
	live_refused("its clock went back");
	it.guest.nr_pages = 257;
	live_refused("no pages, or more than its memory");
	/* Of a guest that may have 256 pages. */
	rounds = 1030;
	live_refused("come again and again");
	rounds = 1000;
	CU_ASSERT_EQUAL(restore_from(write_live(0)), 0);
}

SUITE("save own")
