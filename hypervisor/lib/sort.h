/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_LIB_SORT_H
#define ANNULUS_LIB_SORT_H

#include "lib/types.h"

/*
 * sort() - put `n` elements of `size` bytes in ascending order, in place (heap sort: no memory, n
 * log n always; equal elements may change places). `cmp` returns <0, 0 or >0 as the first is
 * smaller, equal or greater.
 */
void sort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *));

#endif
