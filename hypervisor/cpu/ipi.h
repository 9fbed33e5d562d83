/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_IPI_H
#define ANNULUS_CPU_IPI_H

/* Run what is pending on this CPU; interrupts on. A scheduling softirq may not return. */
void softirqs_run(void);
/* Register the vectors of calls and of "pass the exit path". Boot, after irq_init(). */
void ipi_init(void);

#endif
