// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/save/own.c libhvctl/save/fill.c libhvctl/save/stream.c libhvctl/save/settings.c
// sources: libhvctl/config.c libhvctl/cfgfile.c libhvctl/context.c libhvctl/kcache.c libhvctl/xs.c
// sources: libhvctl/cpuset.c libhvctl/save/cpu.c libhvctl/cpuid_features.c
// sources: hypervisor/image/unpack.c
// libs: -Wl,--wrap=memory_fits -ljansson -llzma -lz -lzstd -llz4
// options: -max_len=1024 -dict=tests/fuzz/save.dict
//
// Images of our own format, made by our own writer out of records with anything in them, so that
// every hash is right, or damaged afterwards. A good one is accepted, as it is and compressed; what
// else is accepted is whole, what is refused is refused in a line (tests/fuzz/image_mangle.h,
// tests/unit/fill_world.h).

#include "fuzz.h"

#include "image_mangle.h"
#include "cpuid.h"
#include "internal.h"
#include "save/restore.h"

static struct hvctl_ctx *ctx;

/* A machine that has nothing, and does not mind. */
int cpuid_of_host(struct hvctl_ctx *c, uint32_t index, struct hvctl_cpuid_leaf **list,
		  size_t *count)
{
	(void)c;
	(void)index;
	*list = NULL;
	*count = 0;
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	ctx = hvctl_open();
	return !ctx;
}

static void read_it(int fd, bool changed, bool damaged)
{
	struct image i = { .ctx = ctx, .fd = fd, .name = "it", .force_cpu = true };
	struct hvctl_config *config = NULL;
	struct domain_rings rings = { 0 };
	uint8_t head[IMAGE_HEAD];
	int error;

	if (read_whole(fd, head, sizeof(head)) != sizeof(head)) {
		FUZZ_CHECK(damaged, "a good image is short");
		return;
	}
	ctx->error[0] = '\0';
	error = own_config(&i, head, &config);
	FUZZ_CHECK(!error == !!config, "%d, and its configuration is %p", error, (void *)config);
	i.fill.ctx = ctx;
	i.fill.name = "it";
	i.fill.config = config;
	if (!error)
		error = own_fill(&i, FILL_DOMID, &rings);
	check_outcome(&i, error, changed || damaged, &rings, ctx->error);
	/* A hash of 64 bits does not agree by chance; zeros that pad what is compressed may. */
	stream_in_free(i.in);
	hvctl_config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t kind = fuzz_u8(&in);
	static struct pieces ps;
	bool changed = false, damaged = false;
	int fd;

	fill_world_begin();
	calls = 0;
	refused_calls = kind & 2 ? fuzz_u64(&in) : 0;
	fill_world.refuses = refuse_some;
	fill_world.refuses_policy = kind & 4;
	own_image(&ps, kind & 1);
	for (unsigned int n = 0; n < 16 && fuzz_more(&in) && fuzz_below(&in, 8) != 7; n++) {
		mangle_pieces(&in, &ps);
		changed = true;
	}
	fd = pieces_stream(ctx, &ps, (kind & 0x38) == 0x38 ? 1 : 0);
	for (unsigned int n = 0; n < 4 && fuzz_more(&in); n++) {
		mangle_file(&in, fd);
		damaged = true;
	}
	read_it(fd, changed || refused_calls || kind & 4, damaged);
	close(fd);
	pieces_free(&ps);
	return 0;
}
