/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ANNULUS_IMAGE_HYPERCALL_PAGE_H
#define ANNULUS_IMAGE_HYPERCALL_PAGE_H

/*
 * Fill a page with the ABI's hypercall stubs, 32 bytes each: of a 64-bit kernel, which come by
 * SYSCALL, and of a 32-bit one, which come by int 0x82.
 */
void hypercall_page_fill(void *page);
void compat_hypercall_page_fill(void *page);

#endif
