/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_DESC_H
#define ANNULUS_CPU_DESC_H

#include "lib/types.h"

struct vcpu;

/*
 * Put v's GDT and LDT frames into this CPU's windows and reload LDTR. v is current, or is about to
 * be.
 */
void desc_tables_load(struct vcpu *v);
/*
 * The IDT: one for all CPUs. Boot CPU, once; `early` is the one of the mapped mode on the boot GDT.
 */
void idt_init(void);
void idt_load_early(void);
void idt_load(void);

#endif
