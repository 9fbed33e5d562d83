// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/image/unpack.c
// libs: -llzma -lz -lzstd -llz4
// options: -max_len=4096
//
// The kernel unpackers. An input is a stream as it is, or data that the formats' own libraries
// pack, and damage to it. Undamaged streams come out as they went in, for any room that is enough,
// and tell their size; whatever a stream is, nothing is written past the room and all memory is
// given back.

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "fuzz.h"

#include "image/unpack.h"

#define ROOM (1 << 16)

static uint8_t plain[ROOM], packed[2 * ROOM], out[ROOM + 64];
static long live, budget;

static void *take(void *context, size_t size)
{
	void *p;

	if (budget-- <= 0 || size > 64 << 20)
		return NULL;
	p = aligned_alloc(16, (size + 15) & ~15UL);
	live += p != NULL;
	return p;
}

static void give(void *context, void *p)
{
	live -= p != NULL;
	free(p);
}

static const struct unpack_alloc allocator = { take, give, NULL };

static size_t pack(unsigned how, size_t n)
{
	size_t done = 0;

	switch (how) {
	case 0: {
		z_stream z = { .next_in = plain,
			       .avail_in = (unsigned)n,
			       .next_out = packed,
			       .avail_out = sizeof(packed) };

		FUZZ_CHECK(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK,
			   "gzip");
		FUZZ_CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END, "gzip");
		deflateEnd(&z);
		return z.total_out;
	}
	case 1:
		FUZZ_CHECK(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, plain, n, packed,
						   &done, sizeof(packed)) == LZMA_OK,
			   "xz");
		return done;
	case 2: {
		ZSTD_CCtx *c = ZSTD_createCCtx();

		ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, 1);
		ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
		done = ZSTD_compress2(c, packed, sizeof(packed), plain, n);
		ZSTD_freeCCtx(c);
		FUZZ_CHECK(!ZSTD_isError(done), "zstd");
		return done;
	}
	default: {
		uint32_t len = (uint32_t)LZ4_compress_default((char *)plain, (char *)packed + 8,
							      (int)n, (int)sizeof(packed) - 8);

		FUZZ_CHECK(len > 0, "lz4");
		memcpy(packed, "\x02\x21\x4c\x18", 4);
		memcpy(packed + 4, &len, 4);
		return 8 + len;
	}
	}
}

static int64_t run(const uint8_t *data, size_t len, size_t room)
{
	const char *why = NULL;
	uint8_t *copy = malloc(len);
	int64_t r;

	FUZZ_CHECK(copy || !len, "no memory");
	if (len)
		memcpy(copy, data, len);
	memset(out + room, 0x5a, 64);
	r = unpack(copy, len, out, room, &allocator, &why);
	FUZZ_CHECK(live == 0, "%ld blocks not given back", live);
	for (unsigned i = 0; i < 64; i++)
		FUZZ_CHECK(out[room + i] == 0x5a, "written past the room");
	FUZZ_CHECK(r <= (int64_t)room, "more than the room");
	FUZZ_CHECK(r >= 0 || (why && *why), "refused without a reason");
	(void)unpack_size(copy, len, &allocator);
	FUZZ_CHECK(live == 0, "%ld blocks not given back", live);
	free(copy);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	unsigned how = fuzz_below(&in, 5), times = 1 + fuzz_below(&in, 16);
	size_t n = 0, len, room;
	uint64_t told;

	budget = 1000;
	if (how == 4) {
		budget = fuzz_below(&in, 8) ? 1000 : fuzz_below(&in, 8);
		run(in.p, in.left, fuzz_u16(&in) % ROOM);
		return 0;
	}
	len = fuzz_u8(&in) * 4U;
	len = fuzz_bytes(&in, plain, len);
	for (n = len; len && --times && n + len <= ROOM; n += len)
		memcpy(plain + n, plain, len);
	if (!n)
		plain[n++] = 0;
	len = pack(how, n);
	room = n + fuzz_u8(&in);
	if (room > ROOM)
		room = ROOM;
	fuzz_say("format %u: %zu bytes packed to %zu\n", how, n, len);
	FUZZ_CHECK(run(packed, len, room) == (int64_t)n && !memcmp(out, plain, n),
		   "it came out different");
	told = unpack_size(packed, len, &allocator);
	FUZZ_CHECK(how == 3 ? told >= n : told == n, "%lu bytes are told, it is %zu",
		   (unsigned long)told, n);
	FUZZ_CHECK(n == 1 || run(packed, len, n - 1) < 0, "it fits into less");
	/* Damaged: anything may come of it but harm. */
	while (fuzz_more(&in)) {
		size_t at = fuzz_u16(&in) % len;

		switch (fuzz_below(&in, 4)) {
		case 0: packed[at] ^= (uint8_t)(1 << fuzz_below(&in, 8)); break;
		case 1: packed[at] = fuzz_u8(&in); break;
		case 2: len = at + 1; break;
		default: packed[len - 1 - at % (len < 16 ? len : 16)] = fuzz_u8(&in);
		}
		budget = 1000;
		(void)run(packed, len, fuzz_below(&in, 2) ? room : fuzz_u16(&in) % ROOM);
	}
	return 0;
}
