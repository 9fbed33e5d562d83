// SPDX-License-Identifier: LGPL-2.1-or-later
#include "image/hypercall_page.h"

#include "lib/string.h"
#include "pv-abi/xen.h"

void hypercall_page_fill(void *page)
{
	memset(page, 0xcc, PAGE_SIZE);
	for (u32 op = 0; op < PAGE_SIZE / 32; op++) {
		u8 *p = (u8 *)page + op * 32;

		if (op == __HYPERVISOR_iret) {
			/* push %rcx; push %r11; push %rax; mov $op,%eax; syscall: completes struct
			 * iret_context */
			static const u8 head[] = { 0x51, 0x41, 0x53, 0x50, 0xb8 };

			memcpy(p, head, sizeof(head));
			memcpy(p + 5, &op, 4);
			p[9] = 0x0f;
			p[10] = 0x05;
			continue;
		}
		/* push %rcx; push %r11; mov $op,%eax; syscall; pop %r11; pop %rcx; ret */
		static const u8 head[] = { 0x51, 0x41, 0x53, 0xb8 };
		static const u8 tail[] = { 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3 };

		memcpy(p, head, sizeof(head));
		memcpy(p + 4, &op, 4);
		memcpy(p + 8, tail, sizeof(tail));
	}
}

void compat_hypercall_page_fill(void *page)
{
	memset(page, 0xcc, PAGE_SIZE);
	for (u32 op = 0; op < PAGE_SIZE / 32; op++) {
		u8 *p = (u8 *)page + op * 32;

		/* push %eax, which completes struct iret_context */
		if (op == __HYPERVISOR_iret)
			*p++ = 0x50;
		/* mov $op, %eax; int $0x82; ret */
		*p = 0xb8;
		memcpy(p + 1, &op, 4);
		p[5] = 0xcd;
		p[6] = 0x82;
		if (op != __HYPERVISOR_iret)
			p[7] = 0xc3;
	}
}
