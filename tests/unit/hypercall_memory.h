/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory for hypercalls where nobody makes any: of the heap. For one source file of a test. */
#ifndef TESTS_UNIT_HYPERCALL_MEMORY_H
#define TESTS_UNIT_HYPERCALL_MEMORY_H

#include <stdlib.h>

#include "hypercall.h"

void *hypercall_alloc(struct hvctl_ctx *ctx, size_t size)
{
	(void)ctx;
	return calloc(1, size);
}

void hypercall_free(struct hvctl_ctx *ctx, void *p, size_t size)
{
	(void)ctx;
	(void)size;
	free(p);
}

#endif
