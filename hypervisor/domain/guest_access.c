// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain/guest_access.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/raw.h"
#include "domain/domain.h"
#include "lib/string.h"
#include "pv-abi/errno.h"

/* Where the bytes are if they are a translated argument of the running hypercall, else NULL. */
static void *in_window(vaddr_t va, size_t n)
{
	const struct compat_window *w = &current->pv.window;
	u64 at = va - (u64)w->data;

	if (!w->data || at > w->size || n > w->size - at)
		return NULL;
	return (char *)w->data + at;
}

int window_read(void *dst, vaddr_t src, size_t n)
{
	const void *p = in_window(src, n);

	if (current->hvm)
		return guest_copy_in(dst, src, n);
	if (!p)
		return -EFAULT;
	memcpy(dst, p, n);
	return 0;
}

int window_write(vaddr_t dst, const void *src, size_t n)
{
	void *p = in_window(dst, n);

	if (current->hvm)
		return guest_copy_out(dst, src, n);
	if (!p)
		return -EFAULT;
	memcpy(p, src, n);
	current->pv.window.written = true;
	return 0;
}

int guest_copy_in(void *dst, vaddr_t src, size_t n)
{
	return current->hvm ? hvm_copy(src, dst, n, false) : -EFAULT;
}

int guest_copy_out(vaddr_t dst, const void *src, size_t n)
{
	return current->hvm ? hvm_copy(dst, (void *)src, n, true) : -EFAULT;
}

int clear_guest(vaddr_t dst, size_t n)
{
	if (current->hvm)
		return -EFAULT;
	if (!guest_range_ok(dst, n))
		return -EFAULT;
	return clear_guest_raw((void *)dst, n) ? -EFAULT : 0;
}

int get_guest_word(u64 *x, vaddr_t base, u64 i)
{
	u32 word;

	if (likely(!current->domain->is_32bit))
		return copy_from_guest(x, base + i * sizeof(*x), sizeof(*x));
	if (copy_from_guest(&word, base + i * sizeof(word), sizeof(word)))
		return -EFAULT;
	*x = word;
	return 0;
}

int put_guest_word(u64 x, vaddr_t base, u64 i)
{
	u32 word = (u32)x;

	if (likely(!current->domain->is_32bit))
		return copy_to_guest(base + i * sizeof(x), &x, sizeof(x));
	return copy_to_guest(base + i * sizeof(word), &word, sizeof(word));
}
