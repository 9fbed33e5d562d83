/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_GUEST_ACCESS_H
#define ANNULUS_DOMAIN_GUEST_ACCESS_H

#include "cpu/layout.h"
#include "cpu/raw.h"
#include "lib/types.h"
#include "pv-abi/errno.h"

/*
 * Memory of the current guest by its virtual address, as a hypercall argument names it. A fault
 * ends the copy with
 * -EFAULT; what was copied so far stays copied. Addresses in the hypervisor's slots are refused. A
 * guest may change the memory at any time: copy once, check the copy.
 */
#ifdef ANNULUS_UNIT
int __must_check copy_from_guest(void *dst, vaddr_t src, size_t n);
int __must_check copy_to_guest(vaddr_t dst, const void *src, size_t n);
#else
/*
 * Where addresses that a guest cannot name lead: an argument that was translated for a 32-bit one.
 */
int __must_check window_read(void *dst, vaddr_t src, size_t n);
int __must_check window_write(vaddr_t dst, const void *src, size_t n);
/* What could not be copied: -EFAULT, unless the guest is an HVM one, of which nothing is mapped. */
int __must_check guest_copy_in(void *dst, vaddr_t src, size_t n);
int __must_check guest_copy_out(vaddr_t dst, const void *src, size_t n);

static inline int __must_check copy_from_guest(void *dst, vaddr_t src, size_t n)
{
	if (unlikely(!guest_range_ok(src, n)))
		return window_read(dst, src, n);
	return unlikely(copy_guest_raw(dst, (const void *)src, n)) ? guest_copy_in(dst, src, n) :
								     0;
}

static inline int __must_check copy_to_guest(vaddr_t dst, const void *src, size_t n)
{
	if (unlikely(!guest_range_ok(dst, n)))
		return window_write(dst, src, n);
	return unlikely(copy_guest_raw((void *)dst, src, n)) ? guest_copy_out(dst, src, n) : 0;
}
#endif
int __must_check clear_guest(vaddr_t dst, size_t n);

/*
 * Element i of an array of the guest's words (xen_ulong_t, xen_pfn_t): 4 bytes each if the caller
 * is a 32-bit guest.
 */
int __must_check get_guest_word(u64 *x, vaddr_t base, u64 i);
int __must_check put_guest_word(u64 x, vaddr_t base, u64 i);

/* One 1/2/4/8-byte object by value. */
#define get_guest(x, va) copy_from_guest(&(x), (va), sizeof(x))
#define put_guest(x, va) copy_to_guest((va), &(x), sizeof(x))
/*
 * Element i of an array of *ptr at guest address `base`; i is bounded by the caller so that the
 * product cannot wrap.
 */
#define get_guest_elem(x, base, i) copy_from_guest(&(x), (base) + (u64)(i) * sizeof(x), sizeof(x))
#define put_guest_elem(x, base, i) copy_to_guest((base) + (u64)(i) * sizeof(x), &(x), sizeof(x))

#endif
