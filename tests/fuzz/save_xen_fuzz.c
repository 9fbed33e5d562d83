// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/save/xen.c libhvctl/save/fill.c libhvctl/save/stream.c libhvctl/config.c
// sources: libhvctl/cpuset.c
// sources: libhvctl/cfgfile.c libhvctl/context.c libhvctl/kcache.c libhvctl/xs.c
// sources: hypervisor/image/unpack.c
// libs: -Wl,--wrap=memory_fits -ljansson -llzma -lz -lzstd -llz4
// options: -max_len=1024 -dict=tests/fuzz/save.dict
//
// Images of xl save that are not what it wrote, read into a domain that is a fake. A good one is
// accepted; what else is accepted is whole, what is refused is refused in a line
// (tests/fuzz/image_mangle.h, tests/unit/fill_world.h).

#include "fuzz.h"

#include "image_mangle.h"
#include "internal.h"
#include "save/restore.h"
#include "save/xen.h"

static struct hvctl_ctx *ctx;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	ctx = hvctl_open();
	return !ctx;
}

/* A configuration of the input's own text. */
static void other_config(struct fuzz_in *in, struct pieces *ps)
{
	char text[256];
	size_t n = fuzz_u8(in);

	n = fuzz_bytes(in, text, n);
	if (ps->p[XEN_XL].len == 48)
		xen_set_config(ps, text, n);
}

static void read_it(int fd, bool changed)
{
	struct image i = { .ctx = ctx, .fd = fd, .name = "it" };
	struct hvctl_config *config = NULL;
	struct domain_rings rings = { 0 };
	uint8_t head[IMAGE_HEAD];
	int error;

	if (read_whole(fd, head, sizeof(head)) != sizeof(head) || !xen_is_image(head)) {
		FUZZ_CHECK(changed, "a good image is not known");
		return;
	}
	ctx->error[0] = '\0';
	error = xen_config(&i, &config);
	FUZZ_CHECK(!error == !!config, "%d, and its configuration is %p", error, (void *)config);
	i.fill.ctx = ctx;
	i.fill.name = "it";
	i.fill.config = config;
	if (!error)
		error = xen_fill(&i, FILL_DOMID, &rings);
	check_outcome(&i, error, changed, &rings, ctx->error);
	hvctl_config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t kind = fuzz_u8(&in);
	static struct pieces ps;
	bool changed = false;
	int fd;

	fill_world_begin();
	calls = 0;
	refused_calls = kind & 2 ? fuzz_u64(&in) : 0;
	fill_world.refuses = refuse_some;
	fill_world.refuses_policy = kind & 4;
	xen_image(&ps, kind & 1);
	if (kind & 8) {
		other_config(&in, &ps);
		changed = true;
	}
	for (unsigned int n = 0; n < 16 && fuzz_more(&in) && fuzz_below(&in, 8) != 7; n++) {
		mangle_pieces(&in, &ps);
		changed = true;
	}
	fd = pieces_file(&ps);
	for (unsigned int n = 0; n < 4 && fuzz_more(&in); n++) {
		mangle_file(&in, fd);
		changed = true;
	}
	read_it(fd, changed || refused_calls);
	close(fd);
	pieces_free(&ps);
	return 0;
}
