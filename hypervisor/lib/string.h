/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_LIB_STRING_H
#define ANNULUS_LIB_STRING_H

#include <stddef.h>
#include "lib/types.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strstr(const char *s, const char *needle);
/* Copies at most size - 1 bytes and always ends `dst`; returns strlen(src). */
size_t strlcpy(char *dst, const char *src, size_t size);
/* C's strtoull for base 0, 10 and 16. */
u64 strtou64(const char *s, char **end, unsigned base);

#endif
