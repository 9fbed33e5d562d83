// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compiled to assembly only: the lines it leaves there become build/hv/entry/offsets.h, from which
 * entry/entry.S and entry/fast.S know where the fields of C's structures lie.
 */
#include "cpu/cpu.h"
#include "cpu/entry_area.h"
#include "cpu/layout.h"
#include "domain/domain.h"
#include "entry/hypercall.h"
#include "pv-abi/xen.h"

void offsets(void);

#define NUMBER(name, value) __asm__ volatile("\n#define " #name " %c0" ::"i"(value))

void offsets(void)
{
	/* From a guest's struct regs at the top of the stack. */
	NUMBER(I_VCPU, offsetof(struct cpu_info, vcpu) - offsetof(struct cpu_info, regs));
	NUMBER(I_CPU, offsetof(struct cpu_info, cpu) - offsetof(struct cpu_info, regs));
	NUMBER(R_RIP, offsetof(struct regs, rip));
	NUMBER(R_CS, offsetof(struct regs, cs));
	NUMBER(R_FLAGS, offsetof(struct regs, rflags));
	NUMBER(R_RSP, offsetof(struct regs, rsp));
	NUMBER(R_SS, offsetof(struct regs, ss));
	NUMBER(R_ERR, offsetof(struct regs, error_code));
	NUMBER(R_VEC, offsetof(struct regs, vector));
	NUMBER(R_RDI, offsetof(struct regs, rdi));
	NUMBER(R_RSI, offsetof(struct regs, rsi));
	NUMBER(R_RDX, offsetof(struct regs, rdx));
	NUMBER(R_RCX, offsetof(struct regs, rcx));
	NUMBER(R_RAX, offsetof(struct regs, rax));
	NUMBER(R_R11, offsetof(struct regs, r11));

	NUMBER(C_SOFTIRQ, offsetof(struct cpu, softirq_pending));
	NUMBER(C_UNMAPPED, offsetof(struct cpu, unmapped));
	NUMBER(C_CR3_MFN, offsetof(struct cpu, cr3_mfn));
	NUMBER(C_RING1_COPY, offsetof(struct cpu, root_copies[2].mfn));
	NUMBER(C_RING1_COPY_OF, offsetof(struct cpu, root_copies[2].of));
	/* The page with the guest's view's entry stack is the one behind the main stack. */
	_Static_assert(EA_GUEST_STACKS * PAGE_SIZE == EA_MAIN_STACK * PAGE_SIZE + STACK_SIZE,
		       "as exit_unmapped has it");
	NUMBER(GUEST_FRAME, sizeof(struct cpu_info) - offsetof(struct cpu_info, regs) + PAGE_SIZE -
			    7 * sizeof(u64));
	NUMBER(C_HYPERCALLS, offsetof(struct cpu, stat_hypercalls));
	NUMBER(C_TRAPS, offsetof(struct cpu, stat_traps));

	NUMBER(V_DOMAIN, offsetof(struct vcpu, domain));
	NUMBER(V_INFO, offsetof(struct vcpu, info));
	NUMBER(V_PAUSE_FLAGS, offsetof(struct vcpu, pause_flags));
	NUMBER(V_NMI_PENDING, offsetof(struct vcpu, nmi_pending));
	NUMBER(V_NMI_MASKED, offsetof(struct vcpu, nmi_masked));
	_Static_assert(offsetof(struct vcpu, nmi_masked) == offsetof(struct vcpu, nmi_pending) + 1,
		       "fast.S looks at both at once");
	NUMBER(V_KERNEL_MODE, offsetof(struct vcpu, pv.kernel_mode));
	NUMBER(V_CR3_KERNEL, offsetof(struct vcpu, pv.cr3_kernel));
	NUMBER(V_CR3_USER, offsetof(struct vcpu, pv.cr3_user));
	NUMBER(V_GUEST_TABLE_USER, offsetof(struct vcpu, pv.guest_table_user));
	NUMBER(V_BOUNCE_SP, offsetof(struct vcpu, pv.bounce_sp));
	NUMBER(V_SYSCALL_CALLBACK, offsetof(struct vcpu, pv.syscall_callback));
	NUMBER(V_SYSCALL_MASKS, offsetof(struct vcpu, pv.syscall_masks));
	NUMBER(V_CR2, offsetof(struct vcpu, pv.cr2));
	NUMBER(V_PF_ADDRESS, offsetof(struct vcpu, pv.traps[14].address));
	NUMBER(V_PF_FLAGS, offsetof(struct vcpu, pv.traps[14].flags));
	NUMBER(V_SHORT_WAY, offsetof(struct vcpu, pv.short_way));
	NUMBER(V_ROOT32, offsetof(struct vcpu, pv.root32));
	NUMBER(V_KERNEL_SP, offsetof(struct vcpu, pv.kernel_sp));
	NUMBER(V_KERNEL_SS, offsetof(struct vcpu, pv.kernel_ss));
	NUMBER(V_T80_ADDRESS, offsetof(struct vcpu, pv.traps[0x80].address));
	NUMBER(V_T80_FLAGS, offsetof(struct vcpu, pv.traps[0x80].flags));
	NUMBER(V_T80_CS, offsetof(struct vcpu, pv.traps[0x80].cs));

	NUMBER(D_VM_ASSIST, offsetof(struct domain, vm_assist));
	NUMBER(ASSIST_IOPL, BIT(VMASST_TYPE_architectural_iopl));
	NUMBER(ASSIST_SLOW, BIT(VMASST_TYPE_architectural_iopl) | VM_ASSIST_COMPAT |
			    VM_ASSIST_SHADOWED);

	NUMBER(VI_PENDING, offsetof(struct vcpu_info, evtchn_upcall_pending));
	NUMBER(VI_MASK, offsetof(struct vcpu_info, evtchn_upcall_mask));
	_Static_assert(offsetof(struct vcpu_info, evtchn_upcall_pending) == 0 &&
		       offsetof(struct vcpu_info, evtchn_upcall_mask) == 1,
		       "the stub of ring 1 looks at both at once");
	NUMBER(VI_CR2, offsetof(struct vcpu_info, arch.cr2));
	NUMBER(IRET_SIZE, sizeof(struct iret_context));
	NUMBER(IRET_RAX, offsetof(struct iret_context, rax));
	NUMBER(IRET_R11, offsetof(struct iret_context, r11));
	NUMBER(IRET_RCX, offsetof(struct iret_context, rcx));
	NUMBER(IRET_FLAGS, offsetof(struct iret_context, flags));
	NUMBER(IRET_RIP, offsetof(struct iret_context, rip));
	NUMBER(IRET_CS, offsetof(struct iret_context, cs));
	NUMBER(IRET_RFLAGS, offsetof(struct iret_context, rflags));
	NUMBER(IRET_RSP, offsetof(struct iret_context, rsp));
	NUMBER(IRET_SS, offsetof(struct iret_context, ss));
	NUMBER(IRET_IN_SYSCALL, VGCF_in_syscall);
	NUMBER(HYPERCALL_MAX, HYPERCALL_MAX);
}
