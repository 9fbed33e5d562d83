/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_VECTORS_H
#define ANNULUS_CPU_VECTORS_H

#include "lib/types.h"

/*
 * The interrupt vectors. 0x00-0x1f are the processor's exceptions. The legacy PICs are masked for
 * good but may still raise a spurious interrupt, which must not look like an exception. Dynamic
 * vectors are the devices'; each belongs to one IRQ on all CPUs. The fixed ones are above them, so
 * that the local APIC prefers them.
 */
#define PIC_VECTOR_FIRST     0x20
#define PIC_VECTOR_LAST      0x2f
#define DYNAMIC_VECTOR_FIRST 0x30
#define DYNAMIC_VECTOR_LAST  0xdf
#define LEGACY_SYSCALL_VECTOR   0x80 /* guests' `int 0x80` and `int 0x82`: never a device's */
#define LEGACY_HYPERCALL_VECTOR 0x82
#define FIXED_VECTOR_FIRST   0xf0

#define EVENT_CHECK_VECTOR   0xf8 /* does nothing but make the CPU pass its exit path */
#define CALL_FUNCTION_VECTOR 0xf9
#define TLB_FLUSH_VECTOR     0xfa
#define TIMER_VECTOR         0xfb
#define ERROR_VECTOR         0xfe
#define SPURIOUS_VECTOR      0xff

/* What to do on a fixed vector: interrupts off, after the EOI (before none for a spurious one). */
struct regs;
typedef void (*vector_fn)(struct regs *r);
/* By vector, from FIXED_VECTOR_FIRST; NULL: nobody's. Written at boot, before interrupts are on. */
extern vector_fn vector_handlers[256 - FIXED_VECTOR_FIRST];
/* Boot: `fn` is called on `vector`, which is a fixed one. */
void vector_register(u8 vector, vector_fn fn);

#endif
