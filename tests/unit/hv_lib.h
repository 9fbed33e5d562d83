/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_UNIT_HV_LIB_H
#define ANNULUS_TESTS_UNIT_HV_LIB_H

/*
 * The hypervisor's own printf and string functions, beside the C library's: under names with hv_
 * before them, but for those that the C library has not. Included by the only file of a test or
 * a fuzzer, before code that uses them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/types.h"

#define memcpy    hv_memcpy
#define memmove   hv_memmove
#define memset    hv_memset
#define memcmp    hv_memcmp
#define memchr    hv_memchr
#define strlen    hv_strlen
#define strnlen   hv_strnlen
#define strcmp    hv_strcmp
#define strncmp   hv_strncmp
#define strchr    hv_strchr
#define strstr    hv_strstr
#define snprintf  hv_snprintf
#define vsnprintf hv_vsnprintf
#define strlcpy   hv_strlcpy
#include "lib/printf.c"
#include "lib/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strstr
#undef snprintf
#undef vsnprintf

#endif
