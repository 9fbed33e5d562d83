// SPDX-License-Identifier: GPL-2.0-or-later
#include "figure.h"

#include <stddef.h>
#include <stdbool.h>
#include <string.h>

/* The decimal number at *@text, which is behind it then. Beyond 64 bits it is their greatest. */
static bool number(const char **text, uint64_t *n)
{
	const char *at = *text;

	for (*n = 0; *at >= '0' && *at <= '9'; at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		*n = *n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *n * 10 + digit;
	}
	if (at == *text)
		return false;
	*text = at;
	return true;
}

uint64_t figure_take(struct figure *f, const char *text, uint64_t now, uint64_t most)
{
	uint64_t kib, stamp;
	bool stamped;

	if (!text || strlen(text) >= sizeof(f->text)) {
		f->text[0] = '\0';
		return 0;
	}
	if (strcmp(f->text, text)) {
		strcpy(f->text, text);
		f->since = now;
	}
	if (!number(&text, &kib))
		return 0;
	stamped = *text == ' ';
	if (stamped) {
		text++;
		if (!number(&text, &stamp))
			return 0;
	}
	/* Whoever writes it may end it with a newline. */
	if (strcmp(text, "") && strcmp(text, "\n"))
		return 0;
	if (stamped && now - f->since >= FIGURE_OLD_MS)
		return 0;
	kib = kib / 1024 + !!(kib % 1024);
	return kib < most ? kib : most;
}
