/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unpack a kernel: gzip, xz (with the x86 filter), zstd and lz4 (legacy frames, what Linux' build
 * makes). A thin layer over the static liblzma, libz, libzstd and liblz4; it is used by the
 * hypervisor at boot, from the section that is thrown away afterwards, and by libhvctl.
 *
 * The libraries need from their surroundings: memcpy, memmove, memset, memcmp, malloc, calloc, free
 * (the last three are linked, but only the caller's allocator is called) and __stack_chk_fail. A
 * distribution's archives are compiled with SSE2 and the stack protector: in ring 0 the FPU has to
 * be enabled (CR4.OSFXSR set, CR0.EM and CR0.TS clear) and %fs:40 has to be readable. They use the
 * red zone (System V ABI, AMD64 supplement, 3.2.2): no interrupt may come in on the same stack. The
 * stack needs 16 KiB.
 *
 * Reentrant, takes no lock; all memory comes from the caller's allocator and has been returned to
 * it when a function returns.
 */
#ifndef ANNULUS_IMAGE_UNPACK_H
#define ANNULUS_IMAGE_UNPACK_H

#include <stddef.h>
#include <stdint.h>

#define UNPACK_ENOEXEC	8	/* the stream is damaged or of an unknown kind */
#define UNPACK_ENOMEM	12	/* the allocator gave nothing */
#define UNPACK_EFBIG	27	/* the output does not fit */

/* Memory for the decoders' state: up to 130 MiB for xz with the largest usual dictionary. */
struct unpack_alloc {
	void *(*alloc)(void *context, size_t size);	/* 16-byte aligned, NULL if there is none */
	void (*free)(void *context, void *p);		/* p may be NULL */
	void *context;
};

/*
 * Unpack one stream.
 * @in, @in_len: the stream; bytes after its end are ignored.
 * @out, @out_size: where to.
 * Returns the number of bytes written or one of the negative values above, with a static line
 * (what, and the remedy) in *why. The contents of @out are undefined after an error.
 */
int64_t unpack(const void *in, size_t in_len, void *out, size_t out_size,
	       const struct unpack_alloc *a, const char **why);

/*
 * The short way of unpack() for an xz stream of one block with the x86 filter and CRC-32, as Linux'
 * build makes it: the same bytes, but the filter is undone here, in a quarter of the library's
 * instructions.
 * Returns the number of bytes written, or -1: damaged, too large, or not such a stream; then the
 * long way decides, and @out is undefined.
 */
int64_t unpack_xz_usual(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_size,
			const struct unpack_alloc *a);

/*
 * How much room unpack() needs, from the stream alone (for a bzImage use pv_payload.unpacked_size,
 * which is exact and free). Exact for gzip below 4 GiB, xz, and zstd with a size in its header; an
 * upper bound of whole 8 MiB blocks for lz4. 0 if the stream does not tell or is damaged. Nothing
 * is believed: unpack() checks against the room it is given.
 */
uint64_t unpack_size(const void *in, size_t in_len, const struct unpack_alloc *a);

#endif
