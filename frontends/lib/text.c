// SPDX-License-Identifier: MIT
#include "frontends/lib/text.h"

#include "pv-abi/errno.h"

struct text text_begin(char *buffer, size_t size)
{
	buffer[0] = '\0';
	return (struct text){ .start = buffer, .size = size };
}

void text_add(struct text *t, const char *s)
{
	for (; *s; s++) {
		if (t->length + 1 >= t->size) {
			t->cut = true;
			break;
		}
		t->start[t->length++] = *s;
	}
	t->start[t->length] = '\0';
}

void text_add_number(struct text *t, uint64_t n)
{
	char digits[21];
	unsigned int at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		uint32_t rest = 0;
		uint64_t quotient = 0;

		/* By 16 bits at a time: a 32-bit kernel may lack 64-bit division. */
		for (int shift = 48; shift >= 0; shift -= 16) {
			uint32_t part = rest << 16 | (uint32_t)(n >> shift & 0xffff);

			quotient |= (uint64_t)(part / 10) << shift;
			rest = part % 10;
		}
		digits[--at] = (char)('0' + rest);
		n = quotient;
	} while (n);
	text_add(t, digits + at);
}

size_t text_length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

bool text_equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

int text_number(const char *s, uint64_t *n)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		unsigned int digit = (unsigned int)(*s - '0');

		if (digit > 9 || __builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)digit, &v))
			return -EINVAL;
	}
	*n = v;
	return 0;
}
