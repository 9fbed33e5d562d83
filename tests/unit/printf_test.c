// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/lib/sort.c
/*
 * The hypervisor's own printf, string functions and sort. They carry the C library's names, so they
 * are included here under others and held against the C library's.
 */
#include "suite.h"
#include <stdlib.h>

#include "hv_lib.h"

#include "lib/bitmap.h"
#include "lib/sort.h"

/* Format with both, in a buffer of each size up to the whole and beyond. */
#define SAME(...)                                                                          \
	do {                                                                               \
		char want[128], got[128];                                                  \
		for (size_t size_ = 0; size_ <= sizeof(want); size_++) {                   \
			memset(want, '~', sizeof(want));                                   \
			memset(got, '~', sizeof(got));                                     \
			int w_ = snprintf(want, size_, __VA_ARGS__);                       \
			int g_ = hv_snprintf(got, size_, __VA_ARGS__);                     \
			CU_ASSERT_EQUAL(w_, g_);                                           \
			if (memcmp(want, got, sizeof(want))) {                             \
				CU_FAIL("output differs");                                 \
				fprintf(stderr, "want '%.60s' got '%.60s'\n", want, got);  \
				break;                                                     \
			}                                                                  \
		}                                                                          \
	} while (0)

#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat-overflow"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
#pragma GCC diagnostic ignored "-Wformat-security"

TEST(test_numbers, "printf: numbers")
{
	static const char *const formats[] = {
		"%d", "%5d", "%-5d|", "%05d", "%+d", "% d", "%.3d", "%8.3d", "%-8.3d|", "%08.3d",
		"%+05d", "%i", "%.0d",
		"%u", "%x", "%X", "%#x", "%#X", "%#010x", "%-#10x|", "%12x", "%.6x", "%hhd", "%hd",
		"%hhu", "%hu",
		"%hhx",
	};
	static const int values[] = { 0,     1,	    -1,	    9,		10,
				      -10,   127,   128,    255,	256,
				      32768, 65536, 123456, 2147483647, -2147483647 - 1 };
	static const char *const wide[] = { "%ld",  "%lu",     "%lx", "%lld",	"%llu",
					    "%llx", "%zu",     "%zx", "%020lx", "%-20ld|",
					    "%#lx", "%#018lx", "%+ld" };
	static const s64 longs[] = { 0, 1, -1, 4294967296, -4294967296, INT64_MAX, INT64_MIN };

	for (size_t f = 0; f < ARRAY_SIZE(formats); f++)
		for (size_t v = 0; v < ARRAY_SIZE(values); v++)
			SAME(formats[f], values[v]);
	for (size_t f = 0; f < ARRAY_SIZE(wide); f++)
		for (size_t v = 0; v < ARRAY_SIZE(longs); v++)
			SAME(wide[f], longs[v]);
	SAME("%*d|%-*d|%*d", 6, 42, 6, 42, -6, 42);
	SAME("%.*x %.*s", 4, 42, 2, "abcdef");
}

TEST(test_strings, "printf: strings")
{
	char unterminated[3] = { 'a', 'b', 'c' };

	SAME("%s", "");
	SAME("%s and %s", "one", "two");
	SAME("%10s|%-10s|", "right", "left");
	SAME("%.2s|%5.1s|%-5.1s|", "abc", "xyz", "xyz");
	SAME("%.3s", unterminated);
	SAME("%c%c%3c|%-3c|", 'a', 'b', 'c', 'd');
	SAME("100%%");
	SAME("%s", "a longer text that does not fit into any of the smaller buffers");
	SAME("%p", (void *)0x1234);

	char got[32];

	CU_ASSERT_EQUAL(hv_snprintf(got, sizeof(got), "%s", (char *)NULL), 6);
	CU_ASSERT_STRING_EQUAL(got, "(null)");
	/* Mistakes of our own are visible and end where the format ends. */
	hv_snprintf(got, sizeof(got), "%k %");
	CU_ASSERT_STRING_EQUAL(got, "%k ");
	CU_ASSERT_EQUAL(hv_snprintf(got, sizeof(got), "%99999999999d", 1), 4096);
}

/* From the format or from an argument: the same limit, and a precision is none for text. */
TEST(test_limits, "printf: limits")
{
	static char long_text[5001];
	char got[32];

	memset(long_text, 'a', 5000);
	CU_ASSERT_EQUAL(hv_snprintf(got, sizeof(got), "%*d", 0x7fffffff, 1), 4096);
	CU_ASSERT_EQUAL(hv_snprintf(got, sizeof(got), "%*d", -0x7fffffff - 1, 1), 4096);
	CU_ASSERT_EQUAL(hv_snprintf(got, sizeof(got), "%.99999999999d", 1), 4096);
	CU_ASSERT_EQUAL(hv_snprintf(got, sizeof(got), "%.*d", 0x7fffffff, 1), 4096);
	CU_ASSERT_EQUAL(hv_snprintf(got, sizeof(got), "%.*d", 0x7fffffff, -1), 4097);
	CU_ASSERT_EQUAL(hv_snprintf(got, sizeof(got), "%.*s", 0x7fffffff, long_text), 5000);
}

TEST(test_memory, "memory")
{
	char a[64], b[64];

	for (unsigned from = 0; from < 16; from++) {
		for (unsigned to = 0; to < 16; to++) {
			for (unsigned n = 0; n < 40; n++) {
				for (unsigned i = 0; i < sizeof(a); i++)
					a[i] = b[i] = (char)i;
				memmove(a + to, a + from, n);
				CU_ASSERT_PTR_EQUAL(hv_memmove(b + to, b + from, n), b + to);
				CU_ASSERT_EQUAL(memcmp(a, b, sizeof(a)), 0);
			}
		}
	}
	CU_ASSERT_PTR_EQUAL(hv_memset(a + 1, 0x1ff, 5), a + 1);
	CU_ASSERT_EQUAL(memcmp(a + 1, "\xff\xff\xff\xff\xff", 5), 0);
	hv_memcpy(b, a, 8);
	CU_ASSERT_EQUAL(memcmp(a, b, 8), 0);
	CU_ASSERT(hv_memcmp("\x80", "\x01", 1) > 0);
	CU_ASSERT(hv_memcmp("ab", "ac", 2) < 0);
	CU_ASSERT_EQUAL(hv_memcmp("ab", "ac", 1), 0);
	CU_ASSERT_PTR_EQUAL(hv_memchr(b, 0x1ff, 8), b + 1);
	CU_ASSERT_PTR_NULL(hv_memchr("abc", 'd', 3));
}

TEST(test_text, "text")
{
	const char *s = "needle in a haystack";
	char *end, out[8];

	CU_ASSERT_EQUAL(hv_strlen(s), 20);
	CU_ASSERT_EQUAL(hv_strnlen(s, 6), 6);
	CU_ASSERT_EQUAL(hv_strnlen(s, 60), 20);
	CU_ASSERT(hv_strcmp("a", "b") < 0 && hv_strcmp("b", "a") > 0 && hv_strcmp("\xff", "a") > 0);
	CU_ASSERT_EQUAL(hv_strcmp(s, s), 0);
	CU_ASSERT_EQUAL(hv_strncmp("abc", "abd", 2), 0);
	CU_ASSERT(hv_strncmp("abc", "abd", 3) < 0);
	CU_ASSERT_EQUAL(hv_strncmp("ab", "ab", 9), 0);
	CU_ASSERT_PTR_EQUAL(hv_strchr(s, 'i'), s + 7);
	CU_ASSERT_PTR_EQUAL(hv_strchr(s, 0), s + 20);
	CU_ASSERT_PTR_NULL(hv_strchr(s, 'z'));
	CU_ASSERT_PTR_EQUAL(hv_strstr(s, "hay"), s + 12);
	CU_ASSERT_PTR_EQUAL(hv_strstr(s, ""), s);
	CU_ASSERT_PTR_NULL(hv_strstr(s, "haystacks"));
	CU_ASSERT_EQUAL(hv_strlcpy(out, s, sizeof(out)), 20);
	CU_ASSERT_STRING_EQUAL(out, "needle ");
	CU_ASSERT_EQUAL(hv_strlcpy(out, "ab", sizeof(out)), 2);
	CU_ASSERT_STRING_EQUAL(out, "ab");
	CU_ASSERT_EQUAL(hv_strlcpy(out, "xy", 0), 2);
	CU_ASSERT_STRING_EQUAL(out, "ab");

	static const char *const numbers[] = {
		"0", "17", "0x1F", "0x", "017", "08", "-1", "+5", "  42 ", "x", "",
		"18446744073709551615", "18446744073709551616", "0xffffffffffffffff1", "12ab",
	};
	static const unsigned bases[] = { 0, 10, 16 };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		for (size_t b = 0; b < ARRAY_SIZE(bases); b++) {
			char *want_end;
			u64 want = strtoull(numbers[i], &want_end, (int)bases[b]);

			CU_ASSERT_EQUAL(strtou64(numbers[i], &end, bases[b]), want);
			CU_ASSERT_PTR_EQUAL(end, want_end);
		}
	}
}

static int by_value(const void *a, const void *b)
{
	const u32 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

TEST(test_sort, "sort")
{
	u32 ours[200], theirs[200];

	srand(1);
	for (size_t n = 0; n <= ARRAY_SIZE(ours); n++) {
		for (size_t i = 0; i < n; i++)
			ours[i] = theirs[i] = (u32)rand() % 100;
		sort(ours, n, sizeof(ours[0]), by_value);
		qsort(theirs, n, sizeof(theirs[0]), by_value);
		CU_ASSERT_EQUAL(memcmp(ours, theirs, n * sizeof(ours[0])), 0);
	}
}

TEST(test_bitmap, "bitmap")
{
	u64 map[3] = { 0, BIT(5) | BIT(63), BIT(1) };

	CU_ASSERT_EQUAL(BITMAP_WORDS(129), 3);
	CU_ASSERT_EQUAL(bitmap_next_set(map, 130, 0), 69);
	CU_ASSERT_EQUAL(bitmap_next_set(map, 130, 70), 127);
	CU_ASSERT_EQUAL(bitmap_next_set(map, 130, 128), 129);
	CU_ASSERT_EQUAL(bitmap_next_set(map, 129, 128), 129);
	CU_ASSERT_EQUAL(bitmap_next_set(map, 130, 500), 130);
	CU_ASSERT_EQUAL(bitmap_next_zero(map, 130, 69), 70);
	map[0] = ~0ULL;
	CU_ASSERT_EQUAL(bitmap_next_zero(map, 130, 0), 64);
	CU_ASSERT_EQUAL(bitmap_next_zero(map, 64, 3), 64);
}

SUITE("library")
