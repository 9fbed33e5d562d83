/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_ENTRY_ENTRY_H
#define ANNULUS_ENTRY_ENTRY_H

#include "cpu/regs.h"
#include "lib/types.h"

/* What entry.S calls, and what it offers. */
void syscall_from_guest(struct regs *r);
void syscall32_from_guest(struct regs *r);
void sysenter_from_guest(struct regs *r);
void compat_int82(struct regs *r);
void trap_from_guest(struct regs *r);
void page_fault_from_guest(struct regs *r);
struct regs *trap_from_hypervisor(struct regs *r);
void iret_failed(struct regs *g);
void ist_from_anywhere(struct regs *r);
void exit_work(struct regs *r);
void syscall_from_ring1_guest(struct regs *r);
struct two_words {
	u64 a, b;
};
struct two_words unmapped_exit_frame(struct regs *r);

void switch_to_guest(struct regs *top) __noreturn;
void switch_stack_and_call(void *top, void (*fn)(void)) __noreturn;

extern const u8 syscall_stub[], syscall_stub_end[], syscall_stub_u[], syscall_stub_u_end[];
extern const u8 syscall32_stub[], syscall32_stub_end[], syscall32_stub_u[], syscall32_stub_u_end[],
	syscall32_entry[];
extern const u8 syscall_stub_ring1[], syscall_stub_ring1_end[], syscall32_stub_ring1[],
	syscall32_stub_ring1_end[], syscall_entry_ring1[];
extern const u8 sysenter_entry[], sysenter_entry_u[];
extern const u8 syscall_entry[], syscall_entry_u[], vector_stubs[], vector_stubs_u[];
extern const u8 entry_db[], entry_db_u[], entry_df[], entry_nmi[], entry_mc[], entry_df_u[],
	entry_nmi_u[], entry_mc_u[], pf_entry_ring1[];
extern const u8 int80_entry[], int82_entry[]; /* 32-bit guests, mapped mode */
extern const u8 iret_to_guest[], iret_to_guest_u[];
#define VECTOR_STUB_SIZE 16

/* Where to go on after a fault at `rip`, 0 if it was not expected. */
u64 extable_find(u64 rip);

#endif
