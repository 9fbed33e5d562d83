/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_STOP_H
#define ANNULUS_CPU_STOP_H

/* Halt every other CPU for good, by NMI: for panic(). Any context. */
void stop_other_cpus(void);
/* The NMI handler's half: does not return if this CPU was asked to stop. */
void stop_if_asked(void);

#endif
