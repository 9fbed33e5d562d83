/* SPDX-License-Identifier: MIT */
/* The little that has to be done with strings: paths and numbers of the store. */
#ifndef FRONTENDS_LIB_TEXT_H
#define FRONTENDS_LIB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A string that grows in a buffer of the caller's; always terminated. */
struct text {
	char *start;
	size_t size;	/* bytes of the buffer, at least 1 */
	size_t length;
	bool cut;	/* something did not fit */
};

/* text_in - an empty text in the array @buffer. */
#define text_in(buffer) text_begin(buffer, sizeof(buffer))
struct text text_begin(char *buffer, size_t size);
void text_add(struct text *t, const char *s);
void text_add_number(struct text *t, uint64_t n);

size_t text_length(const char *s);
bool text_equal(const char *a, const char *b);

/*
 * text_number - the decimal number that @s is, to @n.
 * -EINVAL: it is none, or does not fit into 64 bits.
 */
int text_number(const char *s, uint64_t *n);

#endif
