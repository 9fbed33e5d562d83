/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strict decimal numbers in messages. */
#ifndef HVSTORE_NUMBER_H
#define HVSTORE_NUMBER_H

#include <errno.h>
#include <stdint.h>

/*
 * number_parse - decode @text, which must be nothing but decimal digits, at most @max.
 * Returns 0 or -EINVAL; @value is untouched on error.
 */
static inline int number_parse(const char *text, uint64_t max, uint64_t *value)
{
	uint64_t sum = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		unsigned int digit = (unsigned char)*text - '0';

		if (digit > 9 || sum > (UINT64_MAX - digit) / 10)
			return -EINVAL;
		sum = sum * 10 + digit;
	}
	if (sum > max)
		return -EINVAL;
	*value = sum;
	return 0;
}

#endif
