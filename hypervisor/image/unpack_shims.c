// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the static decompression libraries expect of a C library and the hypervisor does not have
 * otherwise. Linked into the same object as image/unpack.c (scripts/prelink.sh) and invisible
 * outside of it.
 */
#include <lzma.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/printk.h"

#define CRC64_POLYNOMIAL 0xc96c5795d7870f42ull

void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void free(void *p);
void __stack_chk_fail(void);
unsigned long long ZSTD_trace_decompress_begin(const void *context);
void ZSTD_trace_decompress_end(unsigned long long id, const void *trace);

/*
 * Default allocators: unpack.c always gives its own, so that whoever comes here gets "out of
 * memory".
 */
void *malloc(size_t size)
{
	(void)size;
	return NULL;
}

void *calloc(size_t n, size_t size)
{
	(void)n;
	(void)size;
	return NULL;
}

void free(void *p)
{
	(void)p;
}

/* The distribution's archives are compiled with the stack protector. */
void __stack_chk_fail(void)
{
	panic("a decompressor overran its stack: the boot module is malicious or this build is "
	      "broken\n");
}

/*
 * zstd's tracing hooks: 0 means that this context is not traced, the second one is then never
 * called.
 */
unsigned long long ZSTD_trace_decompress_begin(const void *context)
{
	(void)context;
	return 0;
}

void ZSTD_trace_decompress_end(unsigned long long id, const void *trace)
{
	(void)id;
	(void)trace;
}

/*
 * The CRC-64 of xz streams (ECMA-182, reflected). liblzma's own is chosen in a constructor, and
 * nothing runs constructors at boot. Kernels are packed with CRC-32, so that speed does not matter
 * here.
 */
uint64_t lzma_crc64(const uint8_t *buf, size_t size, uint64_t crc)
{
	crc = ~crc;
	while (size--) {
		crc ^= *buf++;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? CRC64_POLYNOMIAL : 0);
	}
	return ~crc;
}
