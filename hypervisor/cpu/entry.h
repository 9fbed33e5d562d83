/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_CPU_ENTRY_H
#define ANNULUS_CPU_ENTRY_H

#include "cpu/regs.h"
#include "lib/types.h"

/* What entry.S calls, and what it offers. */
void syscall_from_guest(struct regs *r);
void syscall32_from_guest(struct regs *r);
void sysenter_from_guest(struct regs *r);
void trap_from_guest(struct regs *r);
void page_fault_from_guest(struct regs *r);
struct regs *trap_from_hypervisor(struct regs *r);
void iret_failed(struct regs *g);
void ist_from_anywhere(struct regs *r);
void exit_work(struct regs *r);
struct two_words {
	u64 a, b;
};
struct two_words unmapped_exit_frame(struct regs *r);

void switch_to_guest(struct regs *top) __noreturn;
void switch_stack_and_call(void *top, void (*fn)(void)) __noreturn;
u64 copy_guest_raw(void *dst, const void *src, u64 n);
u64 clear_guest_raw(void *dst, u64 n);
int rdmsr_raw(u32 msr, u64 *v);
int wrmsr_raw(u32 msr, u64 v);
int load_ds(u16 sel);
int load_es(u16 sel);
int load_fs(u16 sel);
void compat_int82(struct regs *r);
int load_gs(u16 sel); /* changes the base that is in use */
int load_gs_user(u16 sel);
void lgdt_and_reload(const void *gdtr);

extern const u8 syscall_stub[], syscall_stub_end[], syscall_stub_u[], syscall_stub_u_end[];
extern const u8 syscall32_stub[], syscall32_stub_end[], syscall32_stub_u[], syscall32_stub_u_end[],
	syscall32_entry[];
extern const u8 sysenter_entry[], sysenter_entry_u[];
extern const u8 syscall_entry[], syscall_entry_u[], vector_stubs[], vector_stubs_u[];
extern const u8 entry_db[], entry_db_u[], entry_df[], entry_nmi[], entry_mc[], entry_df_u[],
	entry_nmi_u[], entry_mc_u[];
extern const u8 int80_entry[], int82_entry[]; /* 32-bit guests, mapped mode */
extern const u8 iret_to_guest[], iret_to_guest_u[];
extern const u8 _entry_start[], _entry_end[];
#define VECTOR_STUB_SIZE 16

/* struct regs.vector: the exit may be by SYSRET; rcx and r11 need not be what struct regs says. */
#define VEC_FAST_EXIT 0x100

/* Is the hypervisor left unmapped while guests run? Set once at boot. */
extern u8 unmapped_mode;

/* Where to go on after a fault at `rip`, 0 if it was not expected. */
u64 extable_find(u64 rip);

/* Fixed selectors (ABI: the guest's own descriptors come first). */
#define SEL_HV_CS 0xe008
#define SEL_HV_DS 0xe010
#define SEL_TSS   0xe040
#define SEL_LDT   0xe050

#define RFLAGS_CF   BIT(0)
#define RFLAGS_TF   BIT(8)
#define RFLAGS_IF   BIT(9)
#define RFLAGS_DF   BIT(10)
#define RFLAGS_IOPL (3ULL << 12)
#define RFLAGS_NT   BIT(14)
#define RFLAGS_RF   BIT(16)
#define RFLAGS_VM   BIT(17)
#define RFLAGS_AC   BIT(18)

#endif
