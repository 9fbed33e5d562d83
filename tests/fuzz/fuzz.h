/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_FUZZ_H
#define ANNULUS_TESTS_FUZZ_H

/*
 * What a fuzzer is made of. LLVMFuzzerTestOneInput() reads its input as a list of operations with
 * the functions below: at its end they give zeros, so that any input is a valid one. A fuzzer keeps
 * no state from one input to the next, and returns 0. What it finds wrong it says with
 * FUZZ_CHECK().
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* If a fuzzer has one: called once, before the first input. Returns 0. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

struct fuzz_in {
	const uint8_t *p;
	size_t left;
};

static inline __attribute__((unused)) int fuzz_more(const struct fuzz_in *in)
{
	return in->left > 0;
}

/* The next n bytes; zeros where there are none. Returns how many were there. */
static inline __attribute__((unused)) size_t fuzz_bytes(struct fuzz_in *in, void *to, size_t n)
{
	size_t have = n < in->left ? n : in->left;

	if (have)
		memcpy(to, in->p, have);
	memset((uint8_t *)to + have, 0, n - have);
	in->p += have;
	in->left -= have;
	return have;
}

#define FUZZ_WORD(name, type)                                               \
	static inline __attribute__((unused)) type name(struct fuzz_in *in) \
	{                                                                   \
		type v;                                                     \
                                                                            \
		fuzz_bytes(in, &v, sizeof(v));                              \
		return v;                                                   \
	}
FUZZ_WORD(fuzz_u8, uint8_t)
FUZZ_WORD(fuzz_u16, uint16_t)
FUZZ_WORD(fuzz_u32, uint32_t)
FUZZ_WORD(fuzz_u64, uint64_t)

/* A number below n (1 to 256) from one byte. */
static inline __attribute__((unused)) unsigned fuzz_below(struct fuzz_in *in, unsigned n)
{
	return fuzz_u8(in) % n;
}

/*
 * A number that a hostile guest would choose: mostly small ones, then the edges of the usual
 * types, seldom any.
 */
static inline __attribute__((unused)) uint64_t fuzz_number(struct fuzz_in *in)
{
	uint8_t c = fuzz_u8(in);

	if (c < 0xc0)
		return c % 0x30;
	switch (c & 0xf) {
	case 0: return 0xff;
	case 1: return 0xffff;
	case 2: return 0x7fffffff;
	case 3: return 0xffffffff;
	case 4: return 0x100000000;
	case 5: return 0x7fffffffffffffff;
	case 6: return 0x8000000000000000;
	case 7: return ~(uint64_t)0 - fuzz_u8(in);
	case 8: return (uint64_t)1 << (fuzz_u8(in) & 63);
	case 9: return ((uint64_t)1 << (fuzz_u8(in) & 63)) - 1;
	case 10: return fuzz_u16(in);
	case 11: return fuzz_u32(in);
	case 12: return fuzz_u64(in);
	case 13: return (uint64_t)fuzz_u16(in) << 12;
	default: return fuzz_u8(in);
	}
}

#define FUZZ_CHECK(ok, ...)                                                             \
	do {                                                                            \
		if (!(ok)) {                                                            \
			fprintf(stderr, "%s:%d: check failed: %s: ", __FILE__, __LINE__, #ok); \
			fprintf(stderr, __VA_ARGS__);                                   \
			fprintf(stderr, "\n");                                          \
			abort();                                                        \
		}                                                                       \
	} while (0)

/* FUZZ_VERBOSE=1 in the environment shows the operations of an input, one a line. */
#define fuzz_say(...)                                 \
	do {                                          \
		if (fuzz_verbose())                   \
			fprintf(stderr, __VA_ARGS__); \
	} while (0)

static inline __attribute__((unused)) int fuzz_verbose(void)
{
	static int known = -1;

	if (known < 0)
		known = getenv("FUZZ_VERBOSE") != NULL;
	return known;
}

#endif
