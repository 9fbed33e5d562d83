/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_HVM_CONTEXT_H
#define ANNULUS_HVM_CONTEXT_H

#include "lib/types.h"

struct hvm_hw_cpu;
struct hvm_hw_lapic_regs;

/*
 * The state of an HVM domain as a toolstack hands it over (pv-abi/hvm_save.h). It is as hostile as
 * a guest: what is taken is what a guest could have brought its own vCPU to, and what the CPU would
 * refuse at VMRUN (APM vol. 2, 15.5.1) or at VM entry (SDM vol. 3C, 26.3.1) is refused here. It is
 * for a vCPU that has not lived yet: what is in no record (areas that were registered, XCR0, the
 * ABI's timers) stays as it is.
 *
 * hvm_context_check() - is this a context for a domain with vCPUs below `vcpus`? A header, at most
 * one record of each kind for each vCPU, an end; `size` bytes at `buf`, which nobody changes.
 * There are no MTRRs: their record says that all is write-back, and a PAT.
 *     0
 *     -EINVAL      cut off, out of order, twice, of a wrong length, or a state that cannot be
 *     -EOPNOTSUPP  a record of a device that is not there
 * hvm_context_cpu() - of a context that was found good: vCPU `id`'s state to *cpu; false: it has
 * none.
 * hvm_context_apic(), hvm_context_pat() - the same of its local APIC's registers, and its PAT.
 * hvm_context_begin(), hvm_context_add_cpu() for each vCPU that has a state, hvm_context_add_apic()
 * and hvm_context_add_pat() for each vCPU, hvm_context_end() - write one to `buf`, which has
 * hvm_context_size() bytes: each returns where the next is to go on, the last how many bytes it
 * became.
 */
int hvm_context_check(const u8 *buf, u32 size, unsigned vcpus);
bool hvm_context_cpu(const u8 *buf, unsigned id, struct hvm_hw_cpu *cpu);
bool hvm_context_apic(const u8 *buf, unsigned id, struct hvm_hw_lapic_regs *regs);
bool hvm_context_pat(const u8 *buf, unsigned id, u64 *pat);
u32 hvm_context_begin(u8 *buf, u32 cpuid_eax, u32 tsc_khz);
u32 hvm_context_add_cpu(u8 *buf, u32 at, unsigned id, const struct hvm_hw_cpu *cpu);
u32 hvm_context_add_apic(u8 *buf, u32 at, unsigned id, u64 base,
			 const struct hvm_hw_lapic_regs *regs);
u32 hvm_context_add_pat(u8 *buf, u32 at, unsigned id, u64 pat);
u32 hvm_context_end(u8 *buf, u32 at);
/* How much room that takes for `vcpus` vCPUs at most, and the longest that is taken. */
u32 hvm_context_size(unsigned vcpus);

/* The bits of CR4 that a guest may set. */
u64 hvm_cr4_known(void);
/* A value of PAT that a guest may write, and the one that it begins with. */
bool hvm_pat_valid(u64 pat);
#define HVM_PAT_RESET 0x0007040600070406ULL

#endif
