/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_TLB_H
#define ANNULUS_CPU_TLB_H

#include "cpu/tlb_clock.h"
#include "lib/types.h"

#define TLB_GLOBAL BIT(0) /* global entries too */
#define TLB_ROOT   BIT(1) /* a top-level entry changed: unmapped-mode copies must be taken again */
/*
 * Flush everything on the CPUs of `mask` (this one included if set) and wait. Needs interrupts on
 * if others are named.
 */
void tlb_flush(cpumask_t mask, unsigned flags);
/* Flush one page, or with order > 0 the 2^order pages from va, on the CPUs in mask. */
void tlb_flush_va(cpumask_t mask, vaddr_t va, unsigned order);
void tlb_flush_local(unsigned flags);
void tlb_flush_va_local(vaddr_t va);
/* By CPU: how often others asked it to flush; for latency_show(). */
extern u64 tlb_requests[NR_CPUS];
void tlb_init(void); /* boot, after irq_init() */

#endif
