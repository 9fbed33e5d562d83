// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu/vectors.h"
#include "lib/printk.h"

vector_fn vector_handlers[256 - FIXED_VECTOR_FIRST];

void vector_register(u8 vector, vector_fn fn)
{
	ASSERT(vector >= FIXED_VECTOR_FIRST);
	vector_handlers[vector - FIXED_VECTOR_FIRST] = fn;
}
