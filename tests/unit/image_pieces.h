/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_UNIT_IMAGE_PIECES_H
#define ANNULUS_TESTS_UNIT_IMAGE_PIECES_H

/*
 * A small saved guest of either width as the list of pieces that its image is made of, in our own
 * format and in that of xl save, to have something wrong in one of them. It has GUEST_PFNS - 1
 * pages, a hole, a pinned root and two vCPUs. For one source file of a test.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pv-abi/compat.h"
#include "pv-abi/wide.h"
#include "save/fill.h"
#include "save/stream.h"

#define GUEST_PFNS  8u
#define GUEST_VCPUS 2u
enum { GUEST_LIST = 1, GUEST_START, GUEST_STORE, GUEST_CONSOLE, GUEST_ROOT, GUEST_GDT, GUEST_HOLE };

/* Bytes; a record begins with its type and length, and what pads it is not in it. */
struct piece {
	uint8_t *at;
	size_t len;
	bool record;
	bool lies; /* about its length: what stands there is not touched */
};

struct pieces {
	struct piece p[64];
	unsigned int n;
};

static struct piece *piece_add(struct pieces *ps, const void *data, size_t len)
{
	struct piece *p = &ps->p[ps->n++];

	CU_ASSERT_TRUE_FATAL(ps->n <= sizeof(ps->p) / sizeof(ps->p[0]));
	*p = (struct piece){ .at = calloc(1, len + 1), .len = len };
	CU_ASSERT_PTR_NOT_NULL_FATAL(p->at);
	if (data)
		memcpy(p->at, data, len);
	return p;
}

/* A record with a body of @len bytes; NULL: of zeros. */
static struct piece *record_add(struct pieces *ps, uint32_t type, const void *body, size_t len)
{
	struct piece *p = piece_add(ps, NULL, 8 + len);

	p->record = true;
	memcpy(p->at, &type, sizeof(type));
	if (body)
		memcpy(p->at + 8, body, len);
	return p;
}

/* The same, of vCPU @vcpu. */
static void vcpu_record_add(struct pieces *ps, uint32_t type, uint32_t vcpu, const void *body,
			    size_t len)
{
	struct piece *p = record_add(ps, type, NULL, 8 + len);

	memcpy(p->at + 8, &vcpu, sizeof(vcpu));
	if (body)
		memcpy(p->at + 16, body, len);
}

/* What is behind it moves: its new bytes are zeros. */
static __attribute__((unused)) void piece_resize(struct piece *p, size_t len)
{
	uint8_t *at = calloc(1, len + 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	memcpy(at, p->at, len < p->len ? len : p->len);
	free(p->at);
	p->at = at;
	p->len = len;
}

static void pieces_free(struct pieces *ps)
{
	while (ps->n)
		free(ps->p[--ps->n].at);
}

/* ---- the guest ---- */

static void guest_page(bool narrow, unsigned int pfn, uint8_t page[FRAME_SIZE])
{
	struct wide_start_info *si = (void *)page;
	struct compat_start_info *si32 = (void *)page;

	memset(page, 0, FRAME_SIZE);
	if (pfn == GUEST_ROOT) {
		((uint64_t *)page)[0] = (uint64_t)GUEST_GDT << 12 | PTE_PRESENT;
	} else if (pfn == GUEST_START && narrow) {
		si32->store_mfn = GUEST_STORE;
		si32->console.domU.mfn = GUEST_CONSOLE;
	} else if (pfn == GUEST_START) {
		si->store_mfn = GUEST_STORE;
		si->console.domU.mfn = GUEST_CONSOLE;
	} else {
		page[0] = (uint8_t)pfn;
	}
}

union guest_context {
	struct wide_vcpu_guest_context wide;
	struct compat_vcpu_guest_context narrow;
};

static size_t guest_context(bool narrow, union guest_context *c)
{
	memset(c, 0, sizeof(*c));
	if (narrow) {
		c->narrow.ctrlreg[3] = compat_pfn_to_cr3(GUEST_ROOT);
		c->narrow.gdt_ents = 1;
		c->narrow.gdt_frames[0] = GUEST_GDT;
		c->narrow.user_regs.edx = GUEST_START;
		return sizeof(c->narrow);
	}
	c->wide.ctrlreg[3] = wide_pfn_to_cr3(GUEST_ROOT);
	c->wide.gdt_ents = 1;
	c->wide.gdt_frames[0] = GUEST_GDT;
	c->wide.user_regs.rdx = GUEST_START;
	return sizeof(c->wide);
}

/* ---- as xl save writes it ---- */

enum {
	XEN_XL,
	XEN_JSON, /* behind its length */
	XEN_LIBXL,
	XEN_MARK, /* libxl's record that has libxc's stream behind it */
	XEN_LIBXC,
	XEN_DOMAIN,
	XEN_INFO,
	XEN_LEAVES,
	XEN_MSRS,
	XEN_STATIC_END,
	XEN_LIST,
	XEN_PAGES,
	XEN_TSC,
	XEN_SHARED,
	XEN_VCPUS, /* two records of each */
	XEN_END = XEN_VCPUS + 2 * GUEST_VCPUS,
	XEN_LIBXL_END,
};

#define XEN_PAGE_ENTRY(pfn, type) ((uint64_t)(type) << 60 | (pfn))

/* The configuration of an image, and in its header how long it is. */
static __attribute__((unused)) void xen_set_config(struct pieces *ps, const char *text, size_t len)
{
	uint32_t inner = (uint32_t)len, outer = inner + 4;

	piece_resize(&ps->p[XEN_JSON], len + 4);
	memcpy(ps->p[XEN_JSON].at, &inner, 4);
	memcpy(ps->p[XEN_JSON].at + 4, text, len);
	memcpy(ps->p[XEN_XL].at + 44, &outer, 4);
}

static __attribute__((unused)) void xen_add_pages(struct pieces *ps, bool narrow)
{
	struct piece *p = record_add(ps, 1, NULL,
				     8 + GUEST_PFNS * 8 + (GUEST_PFNS - 1) * FRAME_SIZE);
	uint64_t *word = (uint64_t *)(p->at + 8);
	uint8_t *page = p->at + 16 + GUEST_PFNS * 8;

	word[0] = GUEST_PFNS;
	for (unsigned int n = 0; n < GUEST_PFNS - 1; n++, page += FRAME_SIZE) {
		word[1 + n] = XEN_PAGE_ENTRY(n, n == GUEST_ROOT ? narrow ? 11 : 12 : 0);
		guest_page(narrow, n, page);
	}
	word[GUEST_PFNS] = XEN_PAGE_ENTRY(GUEST_HOLE, 15);
}

static __attribute__((unused)) void xen_image(struct pieces *ps, bool narrow)
{
	static const char config[] =
		"{\"c_info\":{\"name\":\"g\"},\"b_info\":{\"max_vcpus\":2,\"max_memkb\":1024,"
		"\"target_memkb\":1024,\"kernel\":\"/k\",\"cmdline\":\"a\"},"
		"\"disks\":[{\"pdev_path\":\"/d\",\"vdev\":\"xvda\",\"readwrite\":1}],"
		"\"nics\":[{\"mac\":\"00:16:3e:00:00:01\",\"bridge\":\"b\"}],"
		"\"on_reboot\":\"restart\"}";
	static const uint32_t xl[] = { 0x01020304, 3, 0, 0 };
	static const uint32_t libxl[] = { 0x7862694c, 0x746d466c, __builtin_bswap32(2), 0 };
	static const uint32_t libxc[] = { ~0u, ~0u, 0x464e4558, __builtin_bswap32(3), 0, 0 };
	static const uint32_t domain[] = { 1, 12, 4, 17 };
	static const uint64_t list[] = { (uint64_t)(GUEST_PFNS - 1) << 32, GUEST_LIST };
	static const uint64_t tsc[] = { 1000000ull << 32, 5, 0 };
	const uint8_t info[8] = { narrow ? 4 : 8, narrow ? 3 : 4 };
	union guest_context c;
	size_t len = guest_context(narrow, &c);

	ps->n = 0;
	memcpy(piece_add(ps, NULL, 48)->at, "Xen saved domain, xl format\n \0 \r", 32);
	memcpy(ps->p[XEN_XL].at + 32, xl, sizeof(xl));
	piece_add(ps, NULL, 0);
	xen_set_config(ps, config, sizeof(config));
	piece_add(ps, libxl, sizeof(libxl));
	record_add(ps, 1, NULL, 0);
	piece_add(ps, libxc, sizeof(libxc));
	piece_add(ps, domain, sizeof(domain));
	record_add(ps, 2, info, sizeof(info));
	record_add(ps, 0x11, NULL, 3 * sizeof(struct xen_cpuid_leaf));
	record_add(ps, 0x12, NULL, sizeof(struct xen_msr_entry));
	record_add(ps, 0x10, NULL, 0);
	record_add(ps, 3, list, sizeof(list));
	xen_add_pages(ps, narrow);
	record_add(ps, 8, tsc, sizeof(tsc));
	record_add(ps, 7, NULL, FRAME_SIZE);
	for (unsigned int n = 0; n < GUEST_VCPUS; n++) {
		vcpu_record_add(ps, 4, n, &c, len);
		vcpu_record_add(ps, 5, n, NULL, sizeof(struct xen_domctl_ext_vcpucontext));
	}
	record_add(ps, 0, NULL, 0);
	record_add(ps, 0, NULL, 0);
	CU_ASSERT_EQUAL_FATAL(ps->n, XEN_LIBXL_END + 1);
}

/* ---- as we write it ---- */

enum {
	OWN_CONFIG,
	OWN_GUEST,
	OWN_LEAVES,
	OWN_MSRS,
	OWN_LIST,
	OWN_PAGES, /* two records: the second has a page of zeros and a twin */
	OWN_SHARED = OWN_PAGES + 2,
	OWN_VCPUS, /* four records of each */
};

static void own_add_pages(struct pieces *ps, bool narrow)
{
	const unsigned int plain = GUEST_PFNS - 3; /* and two more */
	struct piece *p = record_add(ps, RECORD_PAGES, NULL, 8 + plain * 8 + plain * FRAME_SIZE);
	struct record_pages *r = (void *)(p->at + 8);
	unsigned int n = 0;
	uint64_t last[] = { 2, PAGE_ENTRY(GUEST_STORE, CONTENT_ZERO, 0),
			    PAGE_ENTRY(GUEST_CONSOLE, CONTENT_SAME, 0), GUEST_STORE };

	r->count = plain;
	for (unsigned int pfn = 0; pfn < GUEST_PFNS - 1; pfn++) {
		if (pfn == GUEST_STORE || pfn == GUEST_CONSOLE)
			continue;
		guest_page(narrow, pfn, p->at + 16 + plain * 8 + n * FRAME_SIZE);
		r->page[n++] = PAGE_ENTRY(pfn, CONTENT_DATA, 0) |
			       (pfn == GUEST_ROOT ? PAGE_ENTRY(0, 0, narrow ? 3 : 4) | PAGE_PINNED
						  : 0);
	}
	record_add(ps, RECORD_PAGES, last, sizeof(last));
}

static __attribute__((unused)) void own_image(struct pieces *ps, bool narrow)
{
	static const char config[] =
		"{\"name\":\"g\",\"uuid\":\"00000000-0000-0000-0000-000000000001\","
		"\"kernel\":\"/k\",\"memory\":1,\"maxmem\":1,\"vcpus\":2,\"maxvcpus\":2,"
		"\"cpus\":[],\"cpu_weight\":0,\"cap\":0,\"localtime\":false,\"rtc_offset\":0,"
		"\"on_poweroff\":\"destroy\",\"on_reboot\":\"restart\",\"on_crash\":\"destroy\","
		"\"disks\":[{\"target\":\"/d\",\"vdev\":\"xvda\",\"number\":51712,"
		"\"writable\":true,\"backend\":\"kernel\",\"format\":\"raw\",\"data_mode\":\"\","
		"\"iops\":0,\"bps\":0}],"
		"\"vifs\":[{\"mac\":\"00:16:3e:00:00:01\",\"bridge\":\"b\",\"vifname\":\"\"}]}";
	const struct record_guest guest = {
		.width = narrow ? 4 : 8, .nr_vcpus = GUEST_VCPUS, .nr_pfns = GUEST_PFNS,
		.nr_pages = GUEST_PFNS - 1, .tsc_khz = 1000000, .elapsed_ns = 5,
	};
	static const uint64_t list[] = { GUEST_LIST };
	union guest_context c;
	size_t len = guest_context(narrow, &c);

	ps->n = 0;
	record_add(ps, RECORD_CONFIG, config, sizeof(config) - 1);
	record_add(ps, RECORD_GUEST, &guest, sizeof(guest));
	record_add(ps, RECORD_CPU_LEAVES, NULL, sizeof(struct xen_cpuid_leaf));
	record_add(ps, RECORD_CPU_MSRS, NULL, sizeof(struct xen_msr_entry));
	record_add(ps, RECORD_P2M, list, sizeof(list));
	own_add_pages(ps, narrow);
	record_add(ps, RECORD_SHARED, NULL, FRAME_SIZE);
	for (unsigned int n = 0; n < GUEST_VCPUS; n++) {
		vcpu_record_add(ps, RECORD_VCPU, n, &c, len);
		vcpu_record_add(ps, RECORD_VCPU_EXT, n, NULL,
				sizeof(struct xen_domctl_ext_vcpucontext));
		vcpu_record_add(ps, RECORD_VCPU_XSAVE, n, NULL, 832 + 16);
		vcpu_record_add(ps, RECORD_VCPU_MSRS, n, NULL, sizeof(struct xen_domctl_vcpu_msr));
	}
}

/* ---- files ---- */

/* A file with the pieces one behind the other. */
static __attribute__((unused)) int pieces_file(struct pieces *ps)
{
	static const uint8_t zeros[8];
	int fd = memfd_create("image", 0);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	for (unsigned int n = 0; n < ps->n; n++) {
		struct piece *p = &ps->p[n];
		uint32_t length = (uint32_t)(p->len - 8);

		if (p->record && !p->lies && p->len >= 8)
			memcpy(p->at + 4, &length, sizeof(length));
		CU_ASSERT_EQUAL_FATAL(write(fd, p->at, p->len), (ssize_t)p->len);
		if (p->record)
			CU_ASSERT_EQUAL_FATAL(write(fd, zeros, -p->len & 7),
					      (ssize_t)(-p->len & 7));
	}
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* A stream of the records, each with its hash. */
static __attribute__((unused)) int pieces_stream(struct hvctl_ctx *ctx, const struct pieces *ps,
						 unsigned int threads)
{
	int fd = memfd_create("image", 0);
	struct stream_out *out;

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(stream_create(ctx, fd, "image", threads, &out), 0);
	for (unsigned int n = 0; n < ps->n; n++) {
		struct iovec body = { ps->p[n].at + 8, ps->p[n].len - 8 };
		uint32_t type;

		if (ps->p[n].len < 8)
			continue;
		memcpy(&type, ps->p[n].at, sizeof(type));
		CU_ASSERT_EQUAL_FATAL(stream_write(out, type, &body, 1), 0);
	}
	CU_ASSERT_EQUAL_FATAL(stream_finish(out), 0);
	stream_out_free(out);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

#endif
