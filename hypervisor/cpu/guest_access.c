// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/guest_access.h"
#include "cpu/entry.h"
#include "memory/layout.h"
#include "pv-abi/errno.h"

int copy_from_guest(void *dst, vaddr_t src, size_t n)
{
	if (!guest_range_ok(src, n))
		return -EFAULT;
	return copy_guest_raw(dst, (const void *)src, n) ? -EFAULT : 0;
}

int copy_to_guest(vaddr_t dst, const void *src, size_t n)
{
	if (!guest_range_ok(dst, n))
		return -EFAULT;
	return copy_guest_raw((void *)dst, src, n) ? -EFAULT : 0;
}

int clear_guest(vaddr_t dst, size_t n)
{
	if (!guest_range_ok(dst, n))
		return -EFAULT;
	return clear_guest_raw((void *)dst, n) ? -EFAULT : 0;
}
