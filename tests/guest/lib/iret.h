/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TINY_GUEST_IRET_H
#define TINY_GUEST_IRET_H

#include "guest.h"

/*
 * A frame for the iret hypercall, `context`. In a 32-bit guest one for ring 1 is taken off the
 * stack: there has to be one around it.
 */
#ifdef __i386__
static struct {
	char below[4096];
	struct iret_context context;
	char above[64];
} frame;
#define context frame.context
#else
static struct iret_context context;
static char stack[4096] __attribute__((aligned(16)));
#endif

#endif
