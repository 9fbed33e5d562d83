/* SPDX-License-Identifier: MIT */
/*
 * 64-bit PV kernels in ring 1, version 1: Annulus' own addition to the PV ABI.
 *
 * A stock 64-bit PV kernel shares ring 3 with its processes, on page tables of its own. One that
 * asks for it runs in ring 1, on the tables of its processes, and goes back to them by its own
 * IRETQ. What this header does not mention is as it is for a stock 64-bit kernel. No number of
 * Xen's is given another meaning: whoever does not know this addition answers -EINVAL, or passes
 * over a note.
 *
 * Asking. An ELF note of owner "Annulus" (name size 8) says which version of this contract the
 * kernel knows. If the mode is offered for that version, the domain gets it when it is made, and
 * for good; else the kernel is entered in ring 3, as stock kernels are, unless it says that it
 * cannot run there: it is not started then.
 *
 * Being told. By CPL at the first instruction (RPL of CS is 1), and by XENVER_get_features with
 * ANNULUS_FEATURES as submap_idx; -EINVAL: this is not Annulus, or one before this addition. The
 * mode is not offered on processors with Meltdown, where one page table for kernel and processes
 * would show the kernel to these, unless the hypervisor's option ring1=unsafe says so.
 *
 * Address space. U of a leaf entry of a page table is the guest's own: pages with U=0 are the
 * kernel's. In entries of higher levels the hypervisor sets it, but clears it in slots 256 to 511
 * of a root, so that nothing in the upper half is a process's to execute. Bit 52 of an entry, by
 * which stock kernels' pages are told apart, is an available bit like others. G counts if the
 * hypervisor says so: do not rely on it. There is one root: MMUEXT_NEW_BASEPTR serves kernel and
 * processes, MMUEXT_NEW_USER_BASEPTR is -EINVAL. The M2P is where it always is, for ring 1 alone.
 *
 * Segments. ANNULUS_KERNEL_CS and _SS are the kernel's; processes have the stock ABI's flat
 * selectors. Of the guest's own descriptors those with a DPL of 0 get 1, 64-bit code is allowed,
 * and the accessed bit is set when a descriptor is taken. A selector with RPL 0 means RPL 1
 * wherever a hypercall or a vCPU's state takes one.
 *
 * Hypercalls. SYSCALL in the upper half (what RCX gets is negative): number in RAX, arguments in
 * RDI, RSI, RDX, R10, R8, R9, answer in RAX, RCX and R11 are lost. SYSCALL anywhere else is a
 * process's, whichever ring executes it. IOPL is 0, CLI and STI are no way to mask events.
 *
 * Entries. The kernel is entered with ANNULUS_KERNEL_CS and _SS, in 64-bit mode, TF, NT, RF, AC and
 * IOPL clear, IF set, all general registers as they were but where it says otherwise. From ring 3:
 * on the stack of the last stack_switch, aligned to 16, struct annulus_user_frame at its end. From
 * ring 1 or 2: on the stack in use, aligned to 16, struct annulus_frame. Below it (at RSP) lies an
 * error code for those vectors that have one. Frames are what the processor pushes for an interrupt
 * in long mode, but for what is said of CS and RFLAGS at struct annulus_frame.
 *
 *   exceptions, INT n, int 0x80   handler of set_trap_table; CR2 in vcpu_info.arch.cr2
 *   event, failsafe, NMI          their callbacks, no error code; DS, ES, FS and GS are not pushed
 *   SYSCALL of a process          CALLBACKTYPE_syscall; RCX and R11 as the instruction left them,
 *                                 DF clear
 *   SYSCALL of 32-bit code,       CALLBACKTYPE_syscall32, _sysenter; as in the stock ABI SYSENTER's
 *   SYSENTER                      frame has rip 0 and rsp 0, whichever ring executed it
 *
 * Events are masked (vcpu_info.evtchn_upcall_mask) on entry where the stock ABI masks them.
 *
 * Leaving. By IRETQ, to ring 1 (its frames have RPL 1) or 3. It changes neither the real IF nor the
 * mask of events: who unmasks looks for pending ones itself. Or by the iret hypercall on struct
 * annulus_iret_context, which does both, and is the only way that lets the next NMI in: an NMI's
 * handler ends with it.
 *
 * GS. In ring 1 GS has the kernel's base, in ring 3 the process's; there is no SWAPGS. From ring 3
 * the way in puts the process's base into the frame and loads the kernel's, which is the one of the
 * last SEGBASE_GS_KERNEL (or of the vCPU's start: gs_base_kernel). The selector in GS stays what it
 * was. CR4.FSGSBASE is on from the start where CPUID has it: the kernel writes the process's base
 * by WRGSBASE before its IRETQ. Without it, it makes the base 0 by loading FLAT_USER_DS32 and then
 * 0 into GS, and goes by IRETQ if the process's base is 0 and so is its selector; else by the iret
 * hypercall, which takes the base from the frame. SEGBASE_GS_USER is -EINVAL, SEGBASE_GS_USER_SEL
 * loads the selector and leaves the kernel's base.
 *
 * The way back, restartable. From the write of the process's GS base to IRETQ an exception, event
 * or NMI would find the wrong GS in ring 1. These instructions stand in one stretch of code, which
 * the kernel registers, each vCPU for itself, by CALLBACKOP_register of its two ends. A frame from
 * ring 1 whose rip is in it has ANNULUS_FRAME_RETURNING set, and the kernel's base is in GS: the
 * handler must not go back to that rip, but to one before the write, or take what the stretch was
 * about to return to for where it came from.
 *
 * A vCPU's state. In vcpu_guest_context (VCPUOP_initialise, domctl) ctrlreg[5] and [6] are the ends
 * of that stretch. VGCF_in_kernel and CS say the same (RPL 3 is a process); GS begins with
 * gs_base_kernel in ring 1, else, and in that stretch, with gs_base_user. ctrlreg[1], the process's
 * root, is 0.
 */
#ifndef PV_ABI_RING1_H
#define PV_ABI_RING1_H

#define ANNULUS_RING1_VERSION		1

/* ELF notes of this owner. */
#define ANNULUS_ELFNOTE_OWNER		"Annulus"
#define ANNULUS_ELFNOTE_RING1		1	/* number: version of this contract, from 1 */
#define ANNULUS_ELFNOTE_RING1_ONLY	2	/* number: not 0 if it cannot run in ring 3 */

/* XENVER_get_features: submap_idx, far from where Xen counts, and bits of submap. */
#define ANNULUS_FEATURES		0x416e0000
#define ANNULUS_FEAT_ring1_offered	0	/* a new domain can have the mode */
#define ANNULUS_FEAT_ring1		1	/* the caller's domain has it */

/*
 * XEN_DOMCTL_set_address_size: a 64-bit domain whose kernel is to run in ring 1. While it has no
 * memory yet; -EOPNOTSUPP if the mode is not offered. XEN_DOMCTL_get_address_size stays 64, but who
 * asks with this number in size finds it there again if the domain has the mode.
 */
#define ANNULUS_ADDRESS_SIZE_RING1	0x416e0140

/* Flat selectors of the kernel. */
#define ANNULUS_KERNEL_CS		0xe019
#define ANNULUS_KERNEL_SS		0xe039

/* callback_register.type: the stretch from the write of GS to IRETQ. 0 and 0: none. */
#define ANNULUS_CALLBACKTYPE_return_start 0xa000	/* its first byte */
#define ANNULUS_CALLBACKTYPE_return_end	0xa001	/* the byte after its last one */

/* In the word that holds CS; IRETQ takes no notice of either. */
#define ANNULUS_FRAME_RETURNING		0x10000	/* rip was in that stretch */
#define ANNULUS_FRAME_MASK_SHIFT	32	/* the upcall mask as it was, 8 bits */

/* Sizes, for assembly. */
#define ANNULUS_FRAME_SIZE		40
#define ANNULUS_USER_FRAME_SIZE		56
#define ANNULUS_IRET_SIZE		88

#ifndef __ASSEMBLER__

#include <stdint.h>

/* RFLAGS: IF is the inverse of the upcall mask, IOPL is 0. */
struct annulus_frame {
	uint64_t rip, cs, rflags, rsp, ss;
};

struct annulus_user_frame {
	uint64_t rip, cs, rflags, rsp, ss;
	uint64_t gs_base;
	uint64_t reserved;	/* written as 0, not read */
};

/*
 * What the iret hypercall finds at RSP. RPL 3 in cs is to a process, with that GS base; anything
 * else to ring 1, and gs_base and reserved are not read. VGCF_in_syscall counts as in the stock
 * ABI.
 */
struct annulus_iret_context {
	uint64_t rax, r11, rcx, flags;
	struct annulus_user_frame frame;
};

#endif /* !__ASSEMBLER__ */

#endif /* PV_ABI_RING1_H */
