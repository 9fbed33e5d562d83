// SPDX-License-Identifier: LGPL-2.1-or-later
#include "image/unpack.h"

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY	/* for the constructor that takes an allocator */
#include <zstd.h>
#include <zstd_errors.h>

#define LZ4_LEGACY_MAGIC	0x184c2102u
#define LZ4_LEGACY_BLOCK	(8u << 20)	/* unpacked size of every block but the last */
#define ZSTD_FRAME_MAGIC	0xfd2fb528u

/*
 * More than xz -9 needs (65 MiB) and twice what a kernel's build uses; a bomb asks for gigabytes.
 */
#define XZ_MEMORY_LIMIT		(192ull << 20)

enum format { UNKNOWN, GZIP, XZ, ZSTD, LZ4 };

static uint32_t word(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static enum format detect(const uint8_t *p, size_t len)
{
	if (len < 8)
		return UNKNOWN;
	if (p[0] == 0x1f && p[1] == 0x8b)
		return GZIP;
	if (word(p) == 0x587a37fd && p[4] == 0x5a && p[5] == 0)
		return XZ;
	if (word(p) == ZSTD_FRAME_MAGIC)
		return ZSTD;
	if (word(p) == LZ4_LEGACY_MAGIC)
		return LZ4;
	return UNKNOWN;
}

static int64_t fail(const char **why, int error, const char *text)
{
	*why = text;
	return -error;
}

static int64_t no_memory(const char **why)
{
	return fail(why, UNPACK_ENOMEM, "no memory to unpack the kernel; free some memory");
}

static int64_t too_large(const char **why)
{
	return fail(why, UNPACK_EFBIG,
		    "corrupt kernel: it unpacks to more than it says; copy it again");
}

/* zlib and liblzma pass a number of elements; their product has to fit. */
static void *alloc_array(const struct unpack_alloc *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return a->alloc(a->context, bytes);
}

static void *zlib_alloc(void *opaque, unsigned int n, unsigned int size)
{
	return alloc_array(opaque, n, size);
}

static void any_free(void *opaque, void *p)
{
	const struct unpack_alloc *a = opaque;

	a->free(a->context, p);
}

static int64_t unpack_gzip(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_size,
			   const struct unpack_alloc *a, const char **why)
{
	z_stream z = { .zalloc = zlib_alloc, .zfree = any_free, .opaque = (void *)a };
	size_t in_done = 0, out_done = 0;
	int ret;

	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return no_memory(why);
	/* zlib counts in 32 bits: feed and drain it in pieces. */
	do {
		size_t in_piece = in_len - in_done, out_piece = out_size - out_done;

		if (in_piece > 1u << 30)
			in_piece = 1u << 30;
		if (out_piece > 1u << 30)
			out_piece = 1u << 30;
		z.next_in = (uint8_t *)in + in_done;
		z.avail_in = (unsigned int)in_piece;
		z.next_out = out + out_done;
		z.avail_out = (unsigned int)out_piece;
		ret = inflate(&z, Z_NO_FLUSH);
		in_done += in_piece - z.avail_in;
		out_done += out_piece - z.avail_out;
	} while (ret == Z_OK && (in_done < in_len || !z.avail_out) && out_done < out_size);
	/* A full buffer is right only if the stream ends there: its trailer is still to be read. */
	if (ret == Z_OK && out_done == out_size) {
		uint8_t spill;

		z.next_in = (uint8_t *)in + in_done;
		z.avail_in = in_len - in_done > 1u << 30 ? 1u << 30
							 : (unsigned int)(in_len - in_done);
		z.next_out = &spill;
		z.avail_out = 1;
		ret = inflate(&z, Z_NO_FLUSH);
		if (!z.avail_out) {
			inflateEnd(&z);
			return too_large(why);
		}
	}
	inflateEnd(&z);
	if (ret == Z_STREAM_END)
		return (int64_t)out_done;
	if (ret == Z_MEM_ERROR)
		return no_memory(why);
	return fail(why, UNPACK_ENOEXEC, "corrupt kernel: its gzip stream is damaged or truncated; "
		    "copy it again");
}

static void *lzma_take(void *opaque, size_t n, size_t size)
{
	return alloc_array(opaque, n, size);
}

/* ---- xz: the short way for a stream as Linux' build makes it ---- */

/*
 * The first byte from `at` on that is the opcode of a CALL or JMP with a 32-bit operand; `limit` or
 * more: there is none.
 */
static size_t next_branch(const uint8_t *p, size_t at, size_t limit)
{
	const uint64_t ones = 0x0101010101010101ull;

	for (; at + 8 <= limit; at += 8) {
		uint64_t other, zero;

		__builtin_memcpy(&other, p + at, 8);
		other = (other & 0xfe * ones) ^ 0xe8 * ones;
		/* Exact for the lowest byte that is 0, which is all that counts. */
		zero = (other - ones) & ~other & 0x80 * ones;
		if (zero)
			return at + (size_t)__builtin_ctzll(zero) / 8;
	}
	while (at < limit && (p[at] & 0xfe) != 0xe8)
		at++;
	return at;
}

/*
 * The top byte of a branch's operand as the filter wants it: a distance or place of less than 16
 * MiB.
 */
static int is_top(uint32_t byte)
{
	return !((byte + 1) & 0xfe);
}

/*
 * Undo the x86 filter of the xz format: operands of branches are places in the file and become
 * distances again. Which bytes are branches is guessed, in packing and unpacking by the same rule:
 * an opcode is not one if it could lie in the operand of another.
 */
static void places_to_distances(uint8_t *p, size_t size)
{
	size_t limit = size < 5 ? 0 : size - 4, last = 0;
	uint32_t left = 0; /* bit k - 1: k bytes before lies an opcode that was left as it was */

	for (size_t at = next_branch(p, 0, limit); at < limit; at = next_branch(p, at, limit)) {
		unsigned behind = 0;
		uint32_t v;

		left = at - last > 3 ? 0 : left << (at - last) >> 1 & 7;
		last = at;
		if (left)
			behind = (unsigned)__builtin_ctz(left) + 1;
		if (!is_top(p[at + 4]) || (left & (left - 1)) ||
		    (left && is_top(p[at + 4 - behind]))) {
			left = left << 1 | 1;
			at++;
			continue;
		}
		v = word(p + at + 1) - (uint32_t)(at + 5);
		/*
		 * The earlier opcode must not look like a branch afterwards; once is enough, since
		 * the complement's top byte is that of the packed operand, complemented.
		 */
		if (left && is_top(v >> (24 - 8 * behind) & 0xff))
			v = (v ^ (UINT32_MAX >> 8 * behind)) - (uint32_t)(at + 5);
		v = (v & 0x1ffffff) | -(v & 0x1000000);
		__builtin_memcpy(p + at + 1, &v, 4);
		at += 5;
	}
}

/* Index and footer of a stream of one block. */
static int xz_end_ok(const lzma_stream_flags *header, const uint8_t *in, size_t at, size_t in_len,
		     lzma_vli unpadded, lzma_vli unpacked, const lzma_allocator *allocator)
{
	lzma_index_hash *hash = lzma_index_hash_init(NULL, allocator);
	lzma_stream_flags footer;
	int ok;

	ok = hash && lzma_index_hash_append(hash, unpadded, unpacked) == LZMA_OK &&
	     lzma_index_hash_decode(hash, in, &at, in_len) == LZMA_STREAM_END &&
	     in_len - at >= LZMA_STREAM_HEADER_SIZE &&
	     lzma_stream_footer_decode(&footer, in + at) == LZMA_OK &&
	     footer.backward_size == lzma_index_hash_size(hash) &&
	     lzma_stream_flags_compare(header, &footer) == LZMA_OK;
	lzma_index_hash_end(hash, allocator);
	return ok;
}

static int xz_block(const lzma_stream_flags *header, lzma_block *block, const uint8_t *in,
		    size_t in_len, uint8_t *out, size_t *out_done, size_t out_size,
		    const lzma_allocator *allocator)
{
	size_t at = LZMA_STREAM_HEADER_SIZE + block->header_size, begin = at;
	lzma_filter *f = block->filters;
	lzma_vli packed;

	if (f[0].id != LZMA_FILTER_X86 || f[0].options || f[1].id != LZMA_FILTER_LZMA2 ||
	    f[2].id != LZMA_VLI_UNKNOWN || lzma_raw_decoder_memusage(f + 1) > XZ_MEMORY_LIMIT ||
	    lzma_raw_buffer_decode(f + 1, allocator, in, &at, in_len, out, out_done, out_size))
		return 0;
	packed = at - begin;
	if ((block->compressed_size != LZMA_VLI_UNKNOWN && block->compressed_size != packed) ||
	    (block->uncompressed_size != LZMA_VLI_UNKNOWN && block->uncompressed_size != *out_done))
		return 0;
	for (; (at - begin) % 4; at++)
		if (at == in_len || in[at])
			return 0;
	if (in_len - at < 4)
		return 0;
	places_to_distances(out, *out_done);
	return lzma_crc32(out, *out_done, 0) == word(in + at) &&
	       xz_end_ok(header, in, at + 4, in_len, block->header_size + packed + 4, *out_done,
			 allocator);
}

int64_t unpack_xz_usual(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_size,
			const struct unpack_alloc *a)
{
	lzma_allocator allocator = { .alloc = lzma_take, .free = any_free, .opaque = (void *)a };
	lzma_filter filters[LZMA_FILTERS_MAX + 1];
	lzma_block block = { .filters = filters };
	const uint8_t *p = in + LZMA_STREAM_HEADER_SIZE;
	lzma_stream_flags header;
	size_t done = 0;
	int ok;

	if (in_len <= LZMA_STREAM_HEADER_SIZE ||
	    lzma_stream_header_decode(&header, in) != LZMA_OK || header.check != LZMA_CHECK_CRC32 ||
	    !*p)
		return -1;
	block.check = header.check;
	block.header_size = lzma_block_header_size_decode(*p);
	if (block.header_size > in_len - LZMA_STREAM_HEADER_SIZE ||
	    lzma_block_header_decode(&block, &allocator, p) != LZMA_OK)
		return -1;
	ok = xz_block(&header, &block, in, in_len, out, &done, out_size, &allocator);
	for (unsigned i = 0; filters[i].id != LZMA_VLI_UNKNOWN; i++)
		any_free(allocator.opaque, filters[i].options);
	return ok ? (int64_t)done : -1;
}

static int64_t unpack_xz(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_size,
			 const struct unpack_alloc *a, const char **why)
{
	int64_t usual = unpack_xz_usual(in, in_len, out, out_size, a);
	lzma_allocator allocator = { .alloc = lzma_take, .free = any_free, .opaque = (void *)a };
	uint64_t limit = XZ_MEMORY_LIMIT;
	size_t in_done = 0, out_done = 0;

	if (usual >= 0)
		return usual;
	switch (lzma_stream_buffer_decode(&limit, 0, &allocator, in, &in_done, in_len,
					  out, &out_done, out_size)) {
	case LZMA_OK:
		return (int64_t)out_done;
	case LZMA_MEM_ERROR:
		return no_memory(why);
	case LZMA_MEMLIMIT_ERROR:
		return fail(why, UNPACK_ENOMEM,
			    "the kernel's xz stream needs a dictionary of more than "
			    "190 MiB; pack it with a smaller one");
	case LZMA_BUF_ERROR:
		/* The library does not tell the end of the input from the end of the room. */
		return fail(why, UNPACK_ENOEXEC,
			    "corrupt kernel: its xz stream is truncated or unpacks to more "
			    "than it says; copy it again");
	case LZMA_OPTIONS_ERROR:
	case LZMA_UNSUPPORTED_CHECK:
		return fail(why, UNPACK_ENOEXEC,
			    "the kernel's xz stream uses an unknown filter or check; "
			    "pack it with --x86 --lzma2 and --check=crc32");
	default:
		return fail(why, UNPACK_ENOEXEC,
			    "corrupt kernel: its xz stream is damaged; copy it again");
	}
}

static void *zstd_take(void *opaque, size_t size)
{
	return alloc_array(opaque, 1, size);
}

static int64_t unpack_zstd(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_size,
			   const struct unpack_alloc *a, const char **why)
{
	ZSTD_customMem mem = { .customAlloc = zstd_take,
			       .customFree = any_free,
			       .opaque = (void *)a };
	ZSTD_DCtx *ctx = ZSTD_createDCtx_advanced(mem);
	size_t done = 0;

	if (!ctx)
		return no_memory(why);
	/* Frames may follow each other; whatever does not begin like one is not ours. */
	do {
		size_t frame = ZSTD_findFrameCompressedSize(in, in_len), n = frame;

		if (!ZSTD_isError(frame))
			n = ZSTD_decompressDCtx(ctx, out + done, out_size - done, in, frame);
		if (ZSTD_isError(n)) {
			int full = ZSTD_getErrorCode(n) == ZSTD_error_dstSize_tooSmall;

			ZSTD_freeDCtx(ctx);
			if (full)
				return too_large(why);
			return fail(why, UNPACK_ENOEXEC,
				    "corrupt kernel: its zstd stream is damaged or "
				    "truncated; copy it again");
		}
		done += n;
		in += frame;
		in_len -= frame;
	} while (in_len >= 4 && word(in) == ZSTD_FRAME_MAGIC);
	ZSTD_freeDCtx(ctx);
	return (int64_t)done;
}

/*
 * The legacy frame: magic, then blocks of a packed length and that many bytes, until the end of
 * input.
 */
static int64_t unpack_lz4(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_size,
			  const char **why)
{
	size_t at = 4, done = 0;

	while (in_len - at >= 4) {
		uint32_t block = word(in + at);
		size_t room = out_size - done;
		int n;

		at += 4;
		if (block == LZ4_LEGACY_MAGIC)
			continue;
		if (!block)
			break;
		if (block > in_len - at || block > (uint32_t)LZ4_COMPRESSBOUND(LZ4_LEGACY_BLOCK))
			goto damaged;
		if (room > LZ4_LEGACY_BLOCK)
			room = LZ4_LEGACY_BLOCK;
		n = LZ4_decompress_safe((const char *)in + at, (char *)out + done, (int)block,
					(int)room);
		if (n < 0)
			goto damaged;
		at += block;
		done += (size_t)n;
	}
	return (int64_t)done;

damaged:
	return fail(why, UNPACK_ENOEXEC,
		    "corrupt kernel: its lz4 stream is damaged, truncated or longer "
		    "than it says; copy it again");
}

int64_t unpack(const void *in, size_t in_len, void *out, size_t out_size,
	       const struct unpack_alloc *a, const char **why)
{
	switch (detect(in, in_len)) {
	case GZIP:
		return unpack_gzip(in, in_len, out, out_size, a, why);
	case XZ:
		return unpack_xz(in, in_len, out, out_size, a, why);
	case ZSTD:
		return unpack_zstd(in, in_len, out, out_size, a, why);
	case LZ4:
		return unpack_lz4(in, in_len, out, out_size, why);
	case UNKNOWN:
		break;
	}
	return fail(why, UNPACK_ENOEXEC,
		    "the kernel is packed in an unknown way (gzip, xz, zstd and lz4 are "
		    "known); unpack it or pack it with one of them");
}

/* The index at the end of an xz stream has the sum of the unpacked sizes of its blocks. */
static uint64_t size_of_xz(const uint8_t *in, size_t in_len, const struct unpack_alloc *a)
{
	lzma_allocator allocator = { .alloc = lzma_take, .free = any_free, .opaque = (void *)a };
	uint64_t limit = XZ_MEMORY_LIMIT, size = 0;
	lzma_stream_flags flags;
	lzma_index *index = NULL;
	size_t at = 0;

	if (in_len < 2 * LZMA_STREAM_HEADER_SIZE)
		return 0;
	in_len -= LZMA_STREAM_HEADER_SIZE;
	if (lzma_stream_footer_decode(&flags, in + in_len) != LZMA_OK ||
	    flags.backward_size > in_len)
		return 0;
	in += in_len - flags.backward_size;
	if (lzma_index_buffer_decode(&index, &limit, &allocator, in, &at, flags.backward_size) !=
	    LZMA_OK)
		return 0;
	size = lzma_index_uncompressed_size(index);
	lzma_index_end(index, &allocator);
	return size;
}

uint64_t unpack_size(const void *in, size_t in_len, const struct unpack_alloc *a)
{
	const uint8_t *p = in;
	uint64_t size, blocks = 0;
	size_t at = 4;

	switch (detect(p, in_len)) {
	case GZIP:
		return word(p + in_len - 4);
	case XZ:
		return size_of_xz(p, in_len, a);
	case ZSTD:
		size = ZSTD_getFrameContentSize(p, in_len);
		return size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR ? 0
											  : size;
	case LZ4:
		while (in_len - at >= 4) {
			uint32_t block = word(p + at);

			at += 4;
			if (block == LZ4_LEGACY_MAGIC)
				continue;
			if (!block || block > in_len - at)
				break;
			at += block;
			blocks++;
		}
		return blocks * LZ4_LEGACY_BLOCK;
	case UNKNOWN:
		break;
	}
	return 0;
}
