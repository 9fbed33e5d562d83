/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_DIRECTMAP_H
#define ANNULUS_CPU_DIRECTMAP_H

/*
 * Every byte of RAM is mapped here, writable. Unit tests put an array of simulated memory behind
 * these names.
 */

#include "lib/types.h"

#define DIRECTMAP_BASE 0xffff830000000000ULL

static inline void *paddr_to_va(paddr_t pa)
{
	return (void *)(DIRECTMAP_BASE + pa);
}

static inline void *mfn_to_va(mfn_t mfn)
{
	return paddr_to_va(mfn << PAGE_SHIFT);
}

/* Only for addresses in the direct map. */
static inline paddr_t va_to_paddr(const void *va)
{
	return (paddr_t)va - DIRECTMAP_BASE;
}

static inline mfn_t va_to_mfn(const void *va)
{
	return va_to_paddr(va) >> PAGE_SHIFT;
}

#endif
