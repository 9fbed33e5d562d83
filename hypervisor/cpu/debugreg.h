/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_DEBUGREG_H
#define ANNULUS_CPU_DEBUGREG_H

/* Debug registers: SDM vol. 3B, 17.2. All that DR7 switches on, and its bit that is always 1. */
#define DR7_ENABLED 0xff
#define DR7_FIXED   0x400
/* DR6 with nothing in it. */
#define DR6_NONE    0xffff0ff0

#define READ_DR(n, v)  __asm__ volatile("mov %%dr" #n ", %0" : "=r"(v))
#define WRITE_DR(n, v) __asm__ volatile("mov %0, %%dr" #n ::"r"((u64)(v)))

#endif
