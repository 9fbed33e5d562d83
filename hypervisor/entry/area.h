/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_ENTRY_AREA_H
#define ANNULUS_ENTRY_AREA_H

struct vcpu;

/*
 * The IDT: one for all CPUs. Boot CPU, once; `early` is the one of the mapped mode on the boot GDT.
 */
void idt_init(void);
void idt_load_early(void);
/*
 * Build CPU `cpu`'s entry area (cpu/entry_area.h) in the idle page table. Boot CPU, for itself and
 * for each CPU before it is started. 0, -ENOMEM.
 */
int entry_area_create(unsigned cpu);
/* Load GDT, IDT, TSS and the system-call MSRs of this CPU. On its main stack. */
void entry_area_load(void);
/*
 * The ways in for `next`, which is about to run on this CPU after one of the other kind, a 64-bit
 * guest in ring 1 or any other (cpu->ring1). Interrupts off. root_load() follows.
 */
void entry_area_for(const struct vcpu *next);
/*
 * After that, if `next` belongs to another domain than who ran here last: nothing of the latter is
 * left on the stacks that the root of `next` shows. With the full root.
 */
void entry_area_forget(const struct vcpu *next);

#endif
