// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/save/xen.c libhvctl/save/fill.c libhvctl/save/stream.c libhvctl/config.c
// sources: libhvctl/cpuset.c
// sources: libhvctl/cfgfile.c libhvctl/context.c libhvctl/kcache.c libhvctl/xs.c
// sources: hypervisor/image/unpack.c
// libs: -Wl,--wrap=memory_fits -ljansson -llzma -lz -lzstd -llz4
//
// Images of xl save: a small guest's, of either width, becomes a guest here, and what its format
// permits is understood; with any one thing wrong it is refused with a line that says which.

#include <stdio.h>

#include "fill_world.h"
#include "image_pieces.h"
#include "internal.h"
#include "save/restore.h"
#include "save/xen.h"
#include "suite.h"

static struct hvctl_ctx *ctx;
static struct pieces it;
static struct hvctl_config *config; /* as it was read last */
static struct domain_rings rings;
static char warned[512];

static void take_warning(void *data, const char *line)
{
	(void)data;
	snprintf(warned, sizeof(warned), "%s", line);
}

static void init(void)
{
	ctx = hvctl_open();
	hvctl_set_warning(ctx, take_warning, NULL);
}

static void good(bool narrow)
{
	pieces_free(&it);
	fill_world_begin();
	xen_image(&it, narrow);
}

static void begin(void)
{
	good(false);
}

static void end(void)
{
	pieces_free(&it);
	hvctl_config_free(config);
	config = NULL;
}

/* Write it, and read it into the domain. */
static int restore(void)
{
	int fd = pieces_file(&it), error;
	struct image i = { .ctx = ctx, .fd = fd, .name = "it" };
	uint8_t head[IMAGE_HEAD];

	ctx->error[0] = warned[0] = '\0';
	hvctl_config_free(config);
	config = NULL;
	CU_ASSERT_EQUAL_FATAL(read_whole(fd, head, sizeof(head)), sizeof(head));
	CU_ASSERT_TRUE_FATAL(xen_is_image(head));
	error = xen_config(&i, &config);
	i.fill.ctx = ctx;
	i.fill.name = "it";
	i.fill.config = config;
	if (!error)
		error = xen_fill(&i, FILL_DOMID, &rings);
	fill_end(&i.fill);
	fill_world_end();
	close(fd);
	return error;
}

static void refused(const char *why)
{
	int error = restore();

	CU_ASSERT_TRUE(error == -EINVAL || error == -ENOMEM);
	CU_ASSERT_EQUAL(fill_world.vcpus, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(ctx->error, why));
	if (!strstr(ctx->error, why))
		printf("\n%s: %d %s", why, error, ctx->error);
	begin();
}

static void *body(unsigned int piece)
{
	return it.p[piece].at + 8;
}

/* The frame that a pfn has: pages come in the order of their pfns. */
static uint64_t mfn(unsigned int pfn)
{
	return FILL_MFN(pfn);
}

static void configure(const char *text)
{
	xen_set_config(&it, text, strlen(text) + 1);
}

#define CONFIG(c, b, more)                                                             \
	"{\"c_info\":{\"name\":\"g\"" c "},\"b_info\":{\"max_vcpus\":2,\"max_memkb\":" b \
	"}" more "}"

TEST(test_good, "a good one becomes a guest")
{
	CU_ASSERT_EQUAL(restore(), 0);
	CU_ASSERT_STRING_EQUAL(ctx->error, "");
	CU_ASSERT_STRING_EQUAL(warned, "");
	CU_ASSERT_STRING_EQUAL(config->name, "g");
	CU_ASSERT_EQUAL(config->max_memory_mib, 1);
	CU_ASSERT_EQUAL(config->nr_disks, 1);
	CU_ASSERT_TRUE(config->disks[0].writable);
	CU_ASSERT_EQUAL(config->nr_vifs, 1);
	CU_ASSERT_EQUAL(fill_world.populated, GUEST_PFNS - 1);
	CU_ASSERT_EQUAL(fill_world.pinned, 1);
	CU_ASSERT_EQUAL(fill_world.vcpus, GUEST_VCPUS);
	CU_ASSERT_EQUAL(fill_world.parts, GUEST_VCPUS);
	CU_ASSERT_EQUAL(fill_world.root[0], mfn(GUEST_ROOT));
	CU_ASSERT_EQUAL(rings.store_mfn, mfn(GUEST_STORE));
	CU_ASSERT_EQUAL(rings.console_mfn, mfn(GUEST_CONSOLE));
	CU_ASSERT_EQUAL(((uint64_t *)fill_frame(mfn(GUEST_ROOT)))[0], mfn(GUEST_GDT) << 12 | 1);
	CU_ASSERT_EQUAL(((uint64_t *)fill_frame(mfn(GUEST_LIST)))[GUEST_GDT], mfn(GUEST_GDT));
	CU_ASSERT_EQUAL(((uint64_t *)fill_frame(mfn(GUEST_LIST)))[GUEST_HOLE], UINT64_MAX);
}

TEST(test_narrow, "so does one of a 32-bit guest")
{
	good(true);
	CU_ASSERT_EQUAL(restore(), 0);
	CU_ASSERT_TRUE(fill_world.narrow);
	CU_ASSERT_EQUAL(fill_world.vcpus, GUEST_VCPUS);
	CU_ASSERT_EQUAL(((uint32_t *)fill_frame(mfn(GUEST_LIST)))[GUEST_GDT], mfn(GUEST_GDT));
}

/* Whatever kept it writes pages again that were written to meanwhile: the last is the guest's. */
TEST(test_again, "a page that comes again replaces the former")
{
	struct piece *p = &it.p[XEN_TSC];
	uint64_t *word;

	/* In the clock's place, which may be left out. */
	piece_resize(p, 8 + 8 + 3 * 8 + FRAME_SIZE);
	memset(p->at, 0, p->len);
	p->at[0] = 1;
	word = (uint64_t *)(p->at + 8);
	word[0] = 3;
	word[1] = XEN_PAGE_ENTRY(GUEST_GDT, 0);
	word[2] = XEN_PAGE_ENTRY(0, 14);
	word[3] = XEN_PAGE_ENTRY(GUEST_HOLE, 15);
	memset(&word[4], 0x77, FRAME_SIZE);
	CU_ASSERT_EQUAL(restore(), 0);
	CU_ASSERT_EQUAL(fill_world.populated, GUEST_PFNS - 1);
	CU_ASSERT_EQUAL(fill_frame(mfn(GUEST_GDT))[0], 0x77);
	/* And a page without content is one of zeros. */
	CU_ASSERT_EQUAL(fill_frame(mfn(0))[0], 0);
}

TEST(test_policy, "a CPU policy that cannot be had is said, and is no error")
{
	fill_world.refuses_policy = true;
	CU_ASSERT_EQUAL(restore(), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(warned, "it is shown what guests are shown here"));
	begin();
	it.p[XEN_LEAVES].at[0] = 0; /* an optional record takes its place */
	it.p[XEN_LEAVES].at[3] = 0x80;
	CU_ASSERT_EQUAL(restore(), 0);
	CU_ASSERT_EQUAL(fill_world.policies, 0);
	begin();
	piece_resize(&it.p[XEN_LEAVES], 8);
	piece_resize(&it.p[XEN_MSRS], 8);
	CU_ASSERT_EQUAL(restore(), 0);
	CU_ASSERT_EQUAL(fill_world.policies, 1);
}

/* Of the leaves that Xen says it has, the last is the last that has anything in it. */
TEST(test_leaves, "empty leaves at the end are none")
{
	struct xen_cpuid_leaf *leaf = body(XEN_LEAVES);

	leaf[0].a = 0x10;
	leaf[0].b = 1;
	leaf[1].leaf = 7;
	leaf[1].b = 1;
	leaf[2].leaf = 0x10;
	CU_ASSERT_EQUAL(restore(), 0);
	CU_ASSERT_EQUAL(fill_world.last_leaf, 7);
}

/* Xen 4.6 to 4.8 wrote such records. */
TEST(test_empty, "an empty part of a vCPU's state is none")
{
	piece_resize(&it.p[XEN_VCPUS + 1], 16);
	piece_resize(&it.p[XEN_VCPUS + 3], 16);
	CU_ASSERT_EQUAL(restore(), 0);
	CU_ASSERT_EQUAL(fill_world.parts, 0);
}

TEST(test_heads, "another kind of image")
{
	it.p[XEN_XL].at[32] = 1;
	refused("its bytes are in another order");
	it.p[XEN_XL].at[36] = 1;
	refused("older than Xen 4.6");
	it.p[XEN_XL].at[36] = 7;
	refused("a part that is not known");
	it.p[XEN_XL].at[36] = 2;
	refused("a part that is not known");
	it.p[XEN_LIBXL].at[0] ^= 1;
	refused("a form of another version");
	it.p[XEN_LIBXL].at[11] = 3;
	refused("a form of another version");
	it.p[XEN_LIBXL].at[15] = 1;
	refused("a form of another version");
	it.p[XEN_LIBXC].at[0] = 0;
	refused("in no form that is known");
	it.p[XEN_LIBXC].at[17] = 1;
	refused("in no form that is known");
	it.p[XEN_LIBXC].at[15] = 1;
	refused("a form of another version");
	it.p[XEN_DOMAIN].at[0] = 2;
	refused("of another kind");
	it.p[XEN_DOMAIN].at[4] = 13;
	refused("of another kind");
	it.p[XEN_MARK].at[0] = 9;
	refused("a record that is not known");
	it.p[XEN_MARK].at[0] = 0;
	refused("it has no memory");
}

TEST(test_config, "its configuration")
{
	configure("no");
	refused("no JSON");
	configure(CONFIG("", "-1", ""));
	refused("more than any guest has");
	configure(CONFIG("", "9223372036854775807", ""));
	refused("more than any guest has");
	configure(CONFIG(",\"uuid\":\"\\\"\"", "1024", ""));
	refused("a value that cannot be taken over");
	configure(CONFIG("", "1024,\"kernel\":\"/k\\nextra\"", ""));
	refused("a value that cannot be taken over");
	configure(CONFIG("", "1024", ",\"disks\":[{\"pdev_path\":\"/d,x\",\"vdev\":\"xvda\"}]"));
	refused("a value that cannot be taken over");
	configure(CONFIG("", "1024", ",\"disks\":[{}]"));
	refused("a value that cannot be taken over");
	configure(CONFIG("", "1024", ",\"nics\":[{\"mac\":\"00:16:3e:00:00:01,x\"}]"));
	refused("a value that cannot be taken over");
	xen_set_config(&it, "{}", 2); /* it need not end with a zero */
	it.p[XEN_JSON].at[2] = 8;
	refused("its configuration is cut off");
	it.p[XEN_XL].at[46] = 0x20;
	refused("its configuration is too long");
	memset(it.p[XEN_XL].at + 44, 0, 4);
	refused("its configuration is too long, or missing");
	configure(CONFIG("", "1024", ""));
	CU_ASSERT_EQUAL(restore(), 0);
}

TEST(test_list, "its list of frames")
{
	uint32_t *list = body(XEN_LIST);

	list[0] = 1;
	refused("does not begin at its beginning");
	((uint32_t *)body(XEN_LIST))[1] = UINT32_MAX;
	refused("does not begin at its beginning");
	((uint32_t *)body(XEN_LIST))[1] = UINT32_MAX - 1;
	refused("longer than its memory");
	((uint32_t *)body(XEN_LIST))[1] = 1 << 18;
	refused("dom0 has not enough memory");
	((uint32_t *)body(XEN_LIST))[1] = 512;
	refused("another length than it says");
	((uint64_t *)body(XEN_LIST))[1] = GUEST_HOLE;
	refused("in a page that it has not");
	((uint64_t *)body(XEN_LIST))[1] = UINT64_MAX;
	refused("in a page that it has not");
	((uint64_t *)body(XEN_LIST))[1] = GUEST_ROOT;
	refused("in a page that it has not");
	piece_resize(&it.p[XEN_LIST], 8 + 12);
	refused("comes twice, or is cut off");
	piece_resize(&it.p[XEN_LIST], 8);
	refused("comes twice, or is cut off");
	piece_resize(&it.p[XEN_TSC], it.p[XEN_LIST].len);
	memcpy(it.p[XEN_TSC].at, it.p[XEN_LIST].at, it.p[XEN_LIST].len);
	refused("comes twice, or is cut off");
	it.p[XEN_INFO].at[8] = 5;
	refused("a width that there is not");
	it.p[XEN_INFO].at[0] = 8; /* none comes */
	refused("its clock is too short");
}

TEST(test_pages, "its pages")
{
	uint64_t *word = body(XEN_PAGES);

	it.p[XEN_LIST].at[3] = 0x80; /* skipped */
	refused("before it says how many there can be");
	piece_resize(&it.p[XEN_PAGES], 8 + 8 + 2 * PAGES_MAX * 8);
	word = body(XEN_PAGES);
	word[0] = 2 * PAGES_MAX;
	for (unsigned int n = 1; n <= 2 * PAGES_MAX; n++)
		word[n] = XEN_PAGE_ENTRY(0, 14);
	refused("another length than it says");
	word = body(XEN_PAGES);
	word[0] = GUEST_PFNS + 1;
	refused("another length than it says");
	word = body(XEN_PAGES);
	word[GUEST_PFNS] = XEN_PAGE_ENTRY(GUEST_HOLE, 0);
	refused("another length than it says");
	word = body(XEN_PAGES);
	word[1] = XEN_PAGE_ENTRY(0, 5);
	refused("of a kind that there is not");
	word = body(XEN_PAGES);
	word[1] = XEN_PAGE_ENTRY(0, 8);
	refused("of a kind that there is not");
	word = body(XEN_PAGES);
	word[2] = XEN_PAGE_ENTRY(0, 0);
	refused("its pages are not in order");
	word = body(XEN_PAGES);
	word[1] = XEN_PAGE_ENTRY(GUEST_PFNS, 0);
	refused("its pages are not in order");
	word = body(XEN_PAGES);
	word[1] = XEN_PAGE_ENTRY((1ull << 52) - 1, 0);
	refused("its pages are not in order");
	piece_resize(&it.p[XEN_PAGES], 8 + 4);
	refused("before it says how many there can be");
	good(true);
	word = body(XEN_PAGES);
	word[1] = XEN_PAGE_ENTRY(0, 4);
	refused("of a level that there is not");
	((uint64_t *)(it.p[XEN_PAGES].at + 16 + GUEST_PFNS * 8 + GUEST_ROOT * FRAME_SIZE))[1] =
		(uint64_t)GUEST_HOLE << 12 | 1;
	refused("maps a page that it has not");
}

TEST(test_rest, "what else it says")
{
	piece_resize(&it.p[XEN_TSC], 8 + 15);
	refused("its clock is too short");
	piece_resize(&it.p[XEN_SHARED], 8 + FRAME_SIZE - 1);
	refused("its shared page has another size");
	piece_resize(&it.p[XEN_INFO], 8 + 1);
	refused("its description is too short");
	it.p[XEN_SHARED].at[3] = 0x80;
	refused("its shared page is missing");
	it.p[XEN_MSRS].at[0] = 0x11;
	refused("its CPU policy comes twice");
	piece_resize(&it.p[XEN_LEAVES], 8 + FILL_POLICY_MAX + 1);
	refused("its CPU policy comes twice, or is too long");
	it.p[XEN_TSC].at[0] = 0x10;
	refused("its CPU policy comes twice");
	it.p[XEN_TSC].at[0] = 0x33;
	refused("a record that is not known");
	it.p[XEN_TSC].lies = true;
	memset(it.p[XEN_TSC].at + 4, 0xff, 4);
	refused("a record is too long");
	it.p[XEN_LIBXL_END].at[0] = 1;
	refused("it has its memory twice");
}

TEST(test_vcpus, "its vCPUs")
{
	it.p[XEN_VCPUS].at[8] = GUEST_VCPUS;
	refused("a vCPU that it has not");
	it.p[XEN_VCPUS].at[11] = 0xff;
	refused("a vCPU that it has not");
	it.p[XEN_VCPUS].at[8] = 1;
	refused("a vCPU twice");
	it.p[XEN_VCPUS].at[3] = 0x80;
	refused("its first vCPU's state is missing");
	piece_resize(&it.p[XEN_VCPUS], 8 + 7);
	refused("a vCPU's state is too short");
	piece_resize(&it.p[XEN_VCPUS], it.p[XEN_VCPUS].len + 1);
	refused("a length that it cannot have");
	piece_resize(&it.p[XEN_VCPUS + 1], 8 + 8 + 257);
	refused("a length that it cannot have");
	((struct wide_vcpu_guest_context *)(it.p[XEN_VCPUS].at + 16))->ctrlreg[3] = UINT64_MAX;
	refused("a vCPU's root is a page that it has not");
	((struct wide_vcpu_guest_context *)(it.p[XEN_VCPUS].at + 16))->user_regs.rdx = GUEST_HOLE;
	refused("its start info is in a page that it has not");
}

/* It may end anywhere. */
TEST(test_cut, "one that is cut off behind any piece")
{
	for (unsigned int n = XEN_XL + 1; n <= XEN_LIBXL_END; n++) {
		while (it.n > n)
			free(it.p[--it.n].at);
		refused("ends in the middle");
	}
}

SUITE("save xen", .init = init, .begin = begin, .end = end)
