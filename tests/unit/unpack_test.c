// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/image/unpack.c
// libs: -llzma -lz -lzstd -llz4
// bits: 64 32
/*
 * Unpacking kernels: what each packer of the distribution makes of the same bytes comes back,
 * damage and bombs are refused with one line, and every byte of memory is returned. The streams are
 * made with the packers' libraries at run time; the lz4 legacy frame by hand.
 */
#include "suite.h"
#include <lz4.h>
#include <lz4hc.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "image/unpack.h"

#define SIZE	(20u << 20)	/* three lz4 blocks */
#define ROOM	(SIZE + (1u << 20))

static uint8_t *plain, *packed, *out;
static size_t packed_len;

/* An allocator that counts and that can be told to run dry. */
static unsigned int live, budget;

static void *take(void *context, size_t size)
{
	void *p;

	CU_ASSERT_PTR_EQUAL(context, &live);
	if (!budget)
		return NULL;
	budget--;
	p = malloc(size);
	live += p != NULL;
	return p;
}

static void give(void *context, void *p)
{
	CU_ASSERT_PTR_EQUAL(context, &live);
	live -= p != NULL;
	free(p);
}

static const struct unpack_alloc alloc = { take, give, &live };

static int set_up(void)
{
	uint32_t seed = 1;
	size_t i;

	plain = malloc(SIZE);
	packed = malloc(ROOM);
	out = malloc(ROOM);
	if (!plain || !packed || !out)
		return 1;
	/* Half noise, half repetition, with calls in it for the x86 filter to turn. */
	for (i = 0; i < SIZE; i++) {
		seed = seed * 1664525 + 1013904223;
		plain[i] = i & 4096 ? (uint8_t)(seed >> 24) & 15 : (uint8_t)(i >> 5);
		if (i % 37 == 0)
			plain[i] = 0xe8;
	}
	return 0;
}

static int tear_down(void)
{
	free(plain);
	free(packed);
	free(out);
	return 0;
}

static void make_gzip(void)
{
	z_stream z = { 0 };

	CU_ASSERT_EQUAL_FATAL(deflateInit2(&z, 1, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = plain;
	z.avail_in = SIZE;
	z.next_out = packed;
	z.avail_out = ROOM;
	CU_ASSERT_EQUAL_FATAL(deflate(&z, Z_FINISH), Z_STREAM_END);
	packed_len = z.total_out;
	deflateEnd(&z);
}

static void make_xz(void)
{
	lzma_options_lzma options;
	lzma_filter filters[] = {
		{ LZMA_FILTER_X86, NULL },
		{ LZMA_FILTER_LZMA2, &options },
		{ LZMA_VLI_UNKNOWN, NULL },
	};

	lzma_lzma_preset(&options, 0);
	packed_len = 0;
	CU_ASSERT_EQUAL_FATAL(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, plain,
							SIZE, packed, &packed_len, ROOM),
			      LZMA_OK);
}

static void make_zstd(void)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx();

	ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, 1);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1);	/* as the zstd command does */
	packed_len = ZSTD_compress2(ctx, packed, ROOM, plain, SIZE);
	ZSTD_freeCCtx(ctx);
	CU_ASSERT_FALSE_FATAL(ZSTD_isError(packed_len));
}

static void make_lz4(void)
{
	size_t done = 0;

	memcpy(packed, "\x02\x21\x4c\x18", 4);
	packed_len = 4;
	while (done < SIZE) {
		uint32_t piece = SIZE - done > 8u << 20 ? 8u << 20 : (uint32_t)(SIZE - done);
		uint32_t n = (uint32_t)LZ4_compress_default(
			(char *)plain + done, (char *)packed + packed_len + 4, (int)piece,
			(int)(ROOM - packed_len - 4));

		memcpy(packed + packed_len, &n, 4);
		packed_len += 4 + n;
		done += piece;
	}
}

static int64_t run(size_t len, size_t room, const char **why)
{
	/* Copies of the exact size, so that ASan sees a byte too many on either side. */
	uint8_t *in = malloc(len ? len : 1);
	int64_t n;

	memcpy(in, packed, len);
	*why = "(none)";
	n = unpack(in, len, out, room, &alloc, why);
	free(in);
	CU_ASSERT_EQUAL(live, 0);
	return n;
}

/* @harm: distance from the end of a byte that no packer may let pass when it is wrong. */
static void round_trip(void (*make)(void), uint64_t told_size, const char *damaged,
		       const char *truncated, const char *larger, size_t harm)
{
	const char *why;

	make();
	budget = 1000;
	memset(out, 0x5a, ROOM);
	CU_ASSERT_EQUAL_FATAL(run(packed_len, SIZE, &why), SIZE);
	CU_ASSERT_EQUAL(memcmp(out, plain, SIZE), 0);
	CU_ASSERT_EQUAL(out[SIZE], 0x5a);
	CU_ASSERT_EQUAL(unpack_size(packed, packed_len, &alloc), told_size);
	CU_ASSERT_EQUAL(live, 0);

	CU_ASSERT_EQUAL(run(packed_len, ROOM, &why), SIZE);
	CU_ASSERT_TRUE(run(packed_len, SIZE - 1, &why) < 0);
	CU_ASSERT_STRING_EQUAL(why, larger);
	CU_ASSERT_TRUE(run(packed_len / 2, SIZE, &why) < 0);
	CU_ASSERT_STRING_EQUAL(why, truncated);
	CU_ASSERT_TRUE(run(packed_len - 3, SIZE, &why) < 0);
	CU_ASSERT_STRING_EQUAL(why, truncated);
	packed[packed_len - harm] ^= 0x40;
	CU_ASSERT_TRUE(run(packed_len, SIZE, &why) == -UNPACK_ENOEXEC);
	CU_ASSERT_STRING_EQUAL(why, damaged);
}

static const char larger[] = "corrupt kernel: it unpacks to more than it says; copy it again";

TEST(test_gzip, "gzip")
{
	const char *damaged =
		"corrupt kernel: its gzip stream is damaged or truncated; copy it again";

	round_trip(make_gzip, SIZE, damaged, damaged, larger, 8);
}

TEST(test_xz, "xz with the x86 filter")
{
	const char *shorter =
		"corrupt kernel: its xz stream is truncated or unpacks to more than it says; "
		"copy it again";

	round_trip(make_xz, SIZE, "corrupt kernel: its xz stream is damaged; copy it again",
		   shorter, shorter, 40);
}

TEST(test_zstd, "zstd")
{
	const char *damaged =
		"corrupt kernel: its zstd stream is damaged or truncated; copy it again";

	round_trip(make_zstd, SIZE, damaged, damaged, larger, 2);
}

TEST(test_lz4, "lz4, legacy frame")
{
	const char *damaged =
		"corrupt kernel: its lz4 stream is damaged, truncated or longer than it says; "
		"copy it again";

	/*
	 * The format has no checksum; the second byte of the first block's length is another's
	 * beginning.
	 */
	make_lz4();
	round_trip(make_lz4, 24u << 20, damaged, damaged, damaged, packed_len - 6);
}

/* With every allocation but the first n failing, nothing leaks and the reason is memory. */
static void starve(void (*make)(void))
{
	unsigned int n;
	const char *why;
	int64_t ret;

	make();
	for (n = 0; n < 100; n++) {
		budget = n;
		ret = run(packed_len, SIZE, &why);
		if (ret > 0)
			break;
		CU_ASSERT_EQUAL(ret, -UNPACK_ENOMEM);
		CU_ASSERT_STRING_EQUAL(why, "no memory to unpack the kernel; free some memory");
	}
	CU_ASSERT_TRUE(n > 0 && n < 100);
}

TEST(test_starved, "no memory")
{
	starve(make_gzip);
	starve(make_xz);
	starve(make_zstd);
}

TEST(test_unknown, "unknown")
{
	const char *reason =
		"the kernel is packed in an unknown way (gzip, xz, zstd and lz4 are known); "
		"unpack it or pack it with one of them";
	const char *why;

	memset(packed, 0, 16);
	CU_ASSERT_EQUAL(run(16, SIZE, &why), -UNPACK_ENOEXEC);
	CU_ASSERT_STRING_EQUAL(why, reason);
	CU_ASSERT_EQUAL(run(0, SIZE, &why), -UNPACK_ENOEXEC);
	CU_ASSERT_STRING_EQUAL(why, reason);
	CU_ASSERT_EQUAL(unpack_size(packed, 16, &alloc), 0);
}

/* Bytes that the x86 filter cares for, in all ways in which they can follow each other. */
static void fill_with_branches(size_t n, uint32_t seed)
{
	static const uint8_t often[] = { 0xe8, 0xe9, 0x00, 0xff, 0xe8, 0x01, 0xfe, 0xea };

	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		plain[i] = seed >> 30 ? often[seed >> 24 & 7] : (uint8_t)(seed >> 16);
	}
}

/* The short way does what the library does, and leaves what it cannot do to it. */
TEST(test_xz_usual, "xz: the short way")
{
	static const size_t sizes[] = { 1, 4, 5, 6, 9, 12, 13, 100, 4096, 70001 };
	lzma_options_lzma options;
	lzma_filter filters[] = { { LZMA_FILTER_X86, NULL },
				  { LZMA_FILTER_LZMA2, &options },
				  { LZMA_VLI_UNKNOWN, NULL } };
	lzma_filter plainly[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };

	unsigned filtered = 0;

	lzma_lzma_preset(&options, 0);
	budget = 1000000;
	for (unsigned i = 0; i < 8 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t n = sizes[i / 8];

		fill_with_branches(n, i);
		packed_len = 0;
		CU_ASSERT_EQUAL_FATAL(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL,
								plain, n, packed, &packed_len,
								ROOM),
				      LZMA_OK);
		memset(out, 0x5a, n + 1);
		/*
		 * What does not get smaller is stored, without the x86 filter: one filter, says the
		 * block.
		 */
		if (!(packed[LZMA_STREAM_HEADER_SIZE + 1] & 3)) {
			CU_ASSERT_EQUAL(unpack_xz_usual(packed, packed_len, out, n, &alloc), -1);
			continue;
		}
		filtered++;
		CU_ASSERT_EQUAL(unpack_xz_usual(packed, packed_len, out, n, &alloc), (int64_t)n);
		CU_ASSERT_EQUAL(memcmp(out, plain, n), 0);
		CU_ASSERT_EQUAL(out[n], 0x5a);
		CU_ASSERT_EQUAL(unpack_xz_usual(packed, packed_len, out, n - 1, &alloc), -1);
		CU_ASSERT_EQUAL(live, 0);
	}
	CU_ASSERT(filtered > 40);
	/* Each byte of a small stream wrong, and the stream cut short at each: refused or right. */
	fill_with_branches(200, 7);
	packed_len = 0;
	CU_ASSERT_EQUAL_FATAL(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, plain, 200,
							packed, &packed_len, ROOM),
			      LZMA_OK);
	for (size_t i = 0; i < packed_len; i++) {
		uint8_t *cut = malloc(i + 1);

		memcpy(cut, packed, i);
		CU_ASSERT_EQUAL(unpack_xz_usual(cut, i, out, 200, &alloc), -1);
		free(cut);
		packed[i] ^= 0x10;
		CU_ASSERT_EQUAL(unpack_xz_usual(packed, packed_len, out, 200, &alloc), -1);
		packed[i] ^= 0x10;
	}
	/* Other checks and filters are the library's. */
	packed_len = 0;
	CU_ASSERT_EQUAL_FATAL(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC64, NULL, plain, 200,
							packed, &packed_len, ROOM),
			      LZMA_OK);
	CU_ASSERT_EQUAL(unpack_xz_usual(packed, packed_len, out, 200, &alloc), -1);
	packed_len = 0;
	CU_ASSERT_EQUAL_FATAL(lzma_stream_buffer_encode(plainly, LZMA_CHECK_CRC32, NULL, plain, 200,
							packed, &packed_len, ROOM),
			      LZMA_OK);
	CU_ASSERT_EQUAL(unpack_xz_usual(packed, packed_len, out, 200, &alloc), -1);
	CU_ASSERT_EQUAL(live, 0);
}

/* A dictionary of 1.5 GiB in the stream's header must not be asked for. */
TEST(test_bomb, "a huge dictionary")
{
	lzma_options_lzma options;
	lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };
	lzma_stream stream = LZMA_STREAM_INIT;
	const char *why;
	uint8_t *p;

	lzma_lzma_preset(&options, 0);
	CU_ASSERT_EQUAL_FATAL(lzma_stream_encoder(&stream, filters, LZMA_CHECK_CRC32), LZMA_OK);
	stream.next_in = plain;
	stream.avail_in = 4096;
	stream.next_out = packed;
	stream.avail_out = ROOM;
	CU_ASSERT_EQUAL_FATAL(lzma_code(&stream, LZMA_FINISH), LZMA_STREAM_END);
	packed_len = stream.total_out;
	lzma_end(&stream);
	/*
	 * Block header: size, flags, filter id 0x21, one property byte (the dictionary), padding,
	 * CRC32.
	 */
	p = packed + LZMA_STREAM_HEADER_SIZE;
	CU_ASSERT_EQUAL_FATAL(p[2], 0x21);
	p[4] = 39;
	{
		uint32_t header = (p[0] + 1) * 4u - 4, crc = lzma_crc32(p, header, 0);

		memcpy(p + header, &crc, 4);
	}
	budget = 1000;
	CU_ASSERT_EQUAL(run(packed_len, SIZE, &why), -UNPACK_ENOMEM);
	CU_ASSERT_STRING_EQUAL(
		why, "the kernel's xz stream needs a dictionary of more than 190 MiB; pack it "
		     "with a smaller one");
}

SUITE("unpack", .before = set_up, .after = tear_down)
