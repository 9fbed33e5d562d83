/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stack that its CPU enters the hypervisor on: a kernel in ring 1 can write there as well as
 * ring 0 can. */
#ifndef GUEST_ENTRY_STACK_H
#define GUEST_ENTRY_STACK_H

#include "guest.h"

#define ENTRY_STACKS 0xffff808040000000 /* the first CPU's 1 GiB; the others' follow */

struct entry_stack_write {
	char *at;
	const void *bytes;
	size_t count;
};

static inline void entry_stack_put(void *arg)
{
	const struct entry_stack_write *w = arg;

	memcpy(w->at, w->bytes, w->count);
}

/* Write to the entry stack of the CPU that this vcpu is on, at an offset into the page that holds
 * it; returns the address. A CPU maps its own only, and the vcpu can move to another at any time:
 * all are tried until a write went through. */
static inline char *entry_stack_write(size_t offset, const void *bytes, size_t count)
{
	struct entry_stack_write w = { NULL, bytes, count };

	for (unsigned i = 0; i < 64 * 64; i++) {
		w.at = (char *)ENTRY_STACKS + ((uint64_t)(i % 64) << 30) + 35 * PAGE_SIZE + offset;
		if (probe(entry_stack_put, &w) == -1)
			return w.at;
	}
	fail("no CPU's entry stack can be written");
	return NULL;
}

#endif
