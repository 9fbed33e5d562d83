// SPDX-License-Identifier: GPL-2.0-or-later
// clang: -Wno-unknown-pragmas -Wno-unknown-warning-option
// cflags: -Wno-format -Wno-format-security -Wno-format-truncation -Wno-format-nonliteral
// options: -max_len=512
//
// The hypervisor's own printf, string functions, number parser and sort against the C library's.

#include <errno.h>
#include <sys/mman.h>

#include "tests/fuzz/fuzz.h"

#include "hv_lib.h"
#include "lib/sort.c"

/* A format that both know, put together from pieces; its arguments with it. */
static void fuzz_format(struct fuzz_in *in)
{
	static const char *const lengths[] = { "", "h", "hh", "l", "ll", "z", "", "l" };
	static const char conversions[] = "dixXucsd";
	char fmt[64] = "", text[64], want[256], got[256], flags[5];
	unsigned n = 0;
	u8 b = fuzz_u8(in), f = fuzz_u8(in), size;
	char c = conversions[b & 7];
	const char *length = c == 'c' || c == 's' ? "" : lengths[b >> 3 & 7];
	u64 v = fuzz_u8(in) & 1 ? fuzz_number(in) : fuzz_u64(in);
	int w, g;

	/* C defines 0 and # for numbers only, + for signed ones, no precision for characters. */
	if (f & 1)
		flags[n++] = '-';
	if (f & 2 && c != 's' && c != 'c')
		flags[n++] = '0';
	if (f & 4 && (c == 'x' || c == 'X'))
		flags[n++] = '#';
	if (f & 8 && (c == 'd' || c == 'i'))
		flags[n++] = '+';
	flags[n] = 0;
	snprintf(fmt, sizeof(fmt), "a%%%s", flags);
	if (f & 16)
		snprintf(fmt + strlen(fmt), 8, "%u", fuzz_below(in, 40));
	if (f & 32 && c != 'c')
		snprintf(fmt + strlen(fmt), 8, ".%u", fuzz_below(in, 40));
	snprintf(fmt + strlen(fmt), 16, "%s%c%%z", length, c);
	for (unsigned i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)(1 + fuzz_u8(in) % 127);
	text[sizeof(text) - 1] = 0;
	size = fuzz_u8(in);
	memset(want, '~', sizeof(want));
	memset(got, '~', sizeof(got));
	strcpy(fmt + strlen(fmt) - 2, "%%z");
	if (c == 's') {
		w = snprintf(want, size, fmt, text);
		g = hv_snprintf(got, size, fmt, text);
	} else if (*length == 'l' || *length == 'z') {
		w = snprintf(want, size, fmt, v);
		g = hv_snprintf(got, size, fmt, v);
	} else {
		/* A character of 0 ends the C library's string as well as ours. */
		w = snprintf(want, size, fmt, (int)v);
		g = hv_snprintf(got, size, fmt, (int)v);
	}
	FUZZ_CHECK(w == g && !memcmp(want, got, sizeof(want)),
		   "'%s' of %lx in %u: %d, '%.99s'", fmt, v, size, g, got);
}

/*
 * Where the text of any format lies: at the same place in every run, since its address is a number
 * too, and as a width or precision one that is huge and positive.
 */
#define TEXT_AT 0x70000000ULL

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char *text = mmap((void *)TEXT_AT, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	FUZZ_CHECK(text == (char *)TEXT_AT, "no page for a text");
	strcpy(text, "text");
	return 0;
}

/* Any format at all, with arguments that fit whatever it asks for: it must end, in bounds. */
static void fuzz_any_format(struct fuzz_in *in)
{
	char fmt[48], got[64];
	u64 n = TEXT_AT;
	int g;

	fuzz_bytes(in, fmt, sizeof(fmt) - 1);
	fmt[sizeof(fmt) - 1] = 0;
	memset(got, '~', sizeof(got));
	g = hv_snprintf(got, 48, fmt, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n,
			n, n, n);
	FUZZ_CHECK(g >= 0, "'%s' gives %d", fmt, g);
	FUZZ_CHECK(memchr(got, 0, 48), "'%s' has no end", fmt);
	for (unsigned i = 48; i < 64; i++)
		FUZZ_CHECK(got[i] == '~', "'%s' writes too far", fmt);
}

static int sign(int v)
{
	return v < 0 ? -1 : v > 0;
}

static void fuzz_strings(struct fuzz_in *in)
{
	char a[64], b[64], c[64], d[64];
	unsigned from = fuzz_below(in, 32), to = fuzz_below(in, 32), n = fuzz_below(in, 33);
	u8 ch = fuzz_u8(in);

	fuzz_bytes(in, a, sizeof(a) - 1);
	fuzz_bytes(in, b, sizeof(b) - 1);
	a[63] = b[63] = 0;
	if (ch & 1)
		memcpy(b, a, n);
	FUZZ_CHECK(hv_strlen(a) == strlen(a) && hv_strnlen(a, n) == strnlen(a, n), "strlen");
	FUZZ_CHECK(sign(hv_strcmp(a, b)) == sign(strcmp(a, b)), "strcmp");
	FUZZ_CHECK(sign(hv_strncmp(a, b, n)) == sign(strncmp(a, b, n)), "strncmp");
	FUZZ_CHECK(sign(hv_memcmp(a, b, n)) == sign(memcmp(a, b, n)), "memcmp");
	FUZZ_CHECK(hv_memchr(a, ch, n) == memchr(a, ch, n), "memchr");
	FUZZ_CHECK(hv_strchr(a, ch) == strchr(a, ch), "strchr");
	FUZZ_CHECK(hv_strstr(a, b + to) == strstr(a, b + to), "strstr");
	memcpy(c, a, sizeof(c));
	memcpy(d, a, sizeof(d));
	FUZZ_CHECK(hv_memmove(c + to, c + from, n) == c + to, "memmove");
	memmove(d + to, d + from, n);
	FUZZ_CHECK(!memcmp(c, d, sizeof(c)), "memmove from %u to %u of %u", from, to, n);
	hv_memset(c + to, ch, n);
	memset(d + to, ch, n);
	FUZZ_CHECK(!memcmp(c, d, sizeof(c)), "memset");
	memset(c, '~', sizeof(c));
	FUZZ_CHECK(hv_strlcpy(c, a, n) == strlen(a), "strlcpy");
	FUZZ_CHECK(!n || (strlen(c) == (strlen(a) < n ? strlen(a) : n - 1) &&
			  !strncmp(a, c, n - 1)), "strlcpy of '%s' to %u", a, n);
	FUZZ_CHECK(c[n] == '~', "strlcpy writes too far");
}

static void fuzz_numbers(struct fuzz_in *in)
{
	char text[24];
	unsigned n = fuzz_below(in, 22), base = (unsigned[]){ 0, 10, 16, 8 }[fuzz_below(in, 4)];
	char *want_end, *got_end;
	u64 want, got;

	for (unsigned i = 0; i < n; i++)
		text[i] = "0123456789abcdefx0123ABF-. gk"[fuzz_below(in, 29)];
	text[n] = 0;
	/* No blanks and signs before, and numbers that fit. */
	if (text[0] == ' ' || text[0] == '-')
		return;
	errno = 0;
	want = strtoull(text, &want_end, (int)base);
	if (errno)
		return;
	got = strtou64(text, &got_end, base);
	FUZZ_CHECK(want == got && want_end == got_end, "'%s' in base %u is %lu, not %lu (%td, %td)",
		   text, base, got, want, got_end - text, want_end - text);
}

static int compare(const void *a, const void *b)
{
	return *(const u8 *)a - *(const u8 *)b;
}

static void fuzz_sort(struct fuzz_in *in)
{
	u8 a[64 * 3], count[256] = { 0 };
	unsigned n = fuzz_below(in, 65), size = 1 + fuzz_below(in, 3);

	fuzz_bytes(in, a, sizeof(a));
	for (unsigned i = 0; i < n; i++) {
		count[a[i * size]]++;
		for (unsigned k = 1; k < size; k++)
			a[i * size + k] = (u8)(a[i * size] ^ k);
	}
	sort(a, n, size, compare);
	for (unsigned i = 0; i < n; i++) {
		count[a[i * size]]--;
		FUZZ_CHECK(!i || a[i * size] >= a[(i - 1) * size], "element %u of %u", i, n);
		for (unsigned k = 1; k < size; k++)
			FUZZ_CHECK(a[i * size + k] == (a[i * size] ^ k), "element %u torn", i);
	}
	for (unsigned i = 0; i < 256; i++)
		FUZZ_CHECK(!count[i], "elements are lost");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	while (fuzz_more(&in)) {
		switch (fuzz_u8(&in) % 6) {
		case 0: case 1: fuzz_format(&in); break;
		case 2: fuzz_any_format(&in); break;
		case 3: fuzz_strings(&in); break;
		case 4: fuzz_numbers(&in); break;
		default: fuzz_sort(&in);
		}
	}
	return 0;
}
