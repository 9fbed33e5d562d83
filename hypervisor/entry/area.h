/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_ENTRY_AREA_H
#define ANNULUS_ENTRY_AREA_H

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
/*
 * Unmapped mode: nothing of the guest that ran here last is left on the stacks that the next one's
 * root shows. On CPU `cpu` itself, with the full root.
 */
void entry_area_forget(unsigned cpu);
/* Load GDT, IDT, TSS and the system-call MSRs of this CPU. On its main stack. */
void entry_area_load(void);

#endif
