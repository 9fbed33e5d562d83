// SPDX-License-Identifier: GPL-2.0-or-later
// bits: 32
/*
 * In a 32-bit program: what compat.h says of 32-bit guests is what the other headers say, compiled
 * here; and what wide.h says of 64-bit ones is what Xen's headers for foreign guests say.
 */
#include <stddef.h>

#include "pv-abi/compat.h"
#include "pv-abi/wide.h"
#include "suite.h"

#if __has_include(<xen/foreign/x86_64.h>)
#define HAVE_FOREIGN
#undef xen_wc_sec_hi
#include <xen/foreign/x86_64.h>
#endif

#define TYPE(a, b) CU_ASSERT_EQUAL(sizeof(struct a), sizeof(struct b))
#define MEMBER(a, b, m)								\
	do {									\
		CU_ASSERT_EQUAL(offsetof(struct a, m), offsetof(struct b, m));	\
		CU_ASSERT_EQUAL(sizeof(((struct a *)0)->m), sizeof(((struct b *)0)->m)); \
	} while (0)

/* N(t, m): a member of the 32-bit form; T(t): all of it. */
#define T(t)	TYPE(compat_##t, t)
#define N(t, m)	MEMBER(compat_##t, t, m)

TEST(test_registers_and_pages, "registers, start info, shared page")
{
	T(start_info);
	N(start_info, nr_pages);
	N(start_info, flags);
	N(start_info, store_mfn);
	N(start_info, console.domU.evtchn);
	N(start_info, console.dom0.info_size);
	N(start_info, pt_base);
	N(start_info, mod_len);
	N(start_info, cmd_line);
	N(start_info, first_p2m_pfn);
	N(start_info, nr_p2m_frames);
	T(trap_info);
	N(trap_info, address);
	T(cpu_user_regs);
	N(cpu_user_regs, eax);
	N(cpu_user_regs, eip);
	N(cpu_user_regs, saved_upcall_mask);
	N(cpu_user_regs, esp);
	N(cpu_user_regs, gs);
	T(vcpu_guest_context);
	N(vcpu_guest_context, flags);
	N(vcpu_guest_context, user_regs);
	N(vcpu_guest_context, trap_ctxt);
	N(vcpu_guest_context, gdt_frames);
	N(vcpu_guest_context, kernel_ss);
	N(vcpu_guest_context, ctrlreg);
	N(vcpu_guest_context, event_callback_cs);
	N(vcpu_guest_context, failsafe_callback_eip);
	N(vcpu_guest_context, vm_assist);
	T(vcpu_info);
	N(vcpu_info, evtchn_pending_sel);
	N(vcpu_info, arch.cr2);
	N(vcpu_info, time);
	T(shared_info);
	N(shared_info, evtchn_pending);
	N(shared_info, evtchn_mask);
	N(shared_info, wc_nsec);
	N(shared_info, arch.p2m_generation);
	N(shared_info, arch.wc_sec_hi);
}

TEST(test_arguments, "arguments of hypercalls")
{
	T(mmuext_op);
	N(mmuext_op, arg1);
	N(mmuext_op, arg2);
	T(multicall_entry);
	N(multicall_entry, args);
	T(callback_register);
	N(callback_register, address);
	T(xennmi_callback);
	T(sched_poll);
	N(sched_poll, timeout);
	T(vcpu_runstate_info);
	N(vcpu_runstate_info, time);
	T(vcpu_set_singleshot_timer);
	N(vcpu_set_singleshot_timer, flags);
	T(xen_platform_parameters);
	T(xen_memory_reservation);
	N(xen_memory_reservation, nr_extents);
	N(xen_memory_reservation, domid);
	T(xen_memory_exchange);
	N(xen_memory_exchange, nr_exchanged);
	T(xen_machphys_mfn_list);
	N(xen_machphys_mfn_list, nr_extents);
	T(xen_machphys_mapping);
	N(xen_machphys_mapping, max_mfn);
	T(xen_memory_map);
	T(xen_foreign_memory_map);
	N(xen_foreign_memory_map, map);
	T(xen_reserved_device_memory_map);
	N(xen_reserved_device_memory_map, dev);
	T(xen_mem_acquire_resource);
	N(xen_mem_acquire_resource, frame);
	N(xen_mem_acquire_resource, frame_list);
	T(gnttab_setup_table);
	N(gnttab_setup_table, frame_list);
	T(gnttab_transfer);
	N(gnttab_transfer, status);
	T(gnttab_copy);
	N(gnttab_copy, source.domid);
	N(gnttab_copy, dest);
	N(gnttab_copy, status);
	T(gnttab_get_status_frames);
	N(gnttab_get_status_frames, frame_list);
	T(physdev_pirq_eoi_gmfn);
	T(physdev_set_iobitmap);
	T(physdev_apic);
	N(physdev_apic, value);
	T(physdev_map_pirq);
	N(physdev_map_pirq, table_base);
	T(xenpf_getidletime);
	N(xenpf_getidletime, now);
}

#ifdef HAVE_FOREIGN
#define WT(t)	 TYPE(wide_##t, t##_x86_64)
#define WN(t, m) MEMBER(wide_##t, t##_x86_64, m)

TEST(test_wide, "64-bit guests")
{
	WT(start_info);
	WN(start_info, nr_pages);
	WN(start_info, shared_info);
	WN(start_info, flags);
	WN(start_info, store_mfn);
	WN(start_info, store_evtchn);
	WN(start_info, console.domU.mfn);
	WN(start_info, console.domU.evtchn);
	WN(start_info, console.dom0.info_off);
	WN(start_info, console.dom0.info_size);
	WN(start_info, pt_base);
	WN(start_info, nr_pt_frames);
	WN(start_info, mfn_list);
	WN(start_info, mod_start);
	WN(start_info, mod_len);
	WN(start_info, cmd_line);
	WN(start_info, first_p2m_pfn);
	WN(start_info, nr_p2m_frames);
	WT(trap_info);
	WN(trap_info, cs);
	WN(trap_info, address);
	WT(cpu_user_regs);
	WN(cpu_user_regs, r15);
	WN(cpu_user_regs, rbx);
	WN(cpu_user_regs, r8);
	WN(cpu_user_regs, rax);
	WN(cpu_user_regs, rsi);
	WN(cpu_user_regs, rdi);
	WN(cpu_user_regs, error_code);
	WN(cpu_user_regs, rip);
	WN(cpu_user_regs, cs);
	WN(cpu_user_regs, saved_upcall_mask);
	WN(cpu_user_regs, rflags);
	WN(cpu_user_regs, rsp);
	WN(cpu_user_regs, ss);
	WN(cpu_user_regs, es);
	WN(cpu_user_regs, ds);
	WN(cpu_user_regs, fs);
	WN(cpu_user_regs, gs);
	WT(vcpu_guest_context);
	WN(vcpu_guest_context, flags);
	WN(vcpu_guest_context, user_regs);
	WN(vcpu_guest_context, trap_ctxt);
	WN(vcpu_guest_context, ldt_base);
	WN(vcpu_guest_context, ldt_ents);
	WN(vcpu_guest_context, gdt_frames);
	WN(vcpu_guest_context, gdt_ents);
	WN(vcpu_guest_context, kernel_ss);
	WN(vcpu_guest_context, kernel_sp);
	WN(vcpu_guest_context, ctrlreg);
	WN(vcpu_guest_context, debugreg);
	WN(vcpu_guest_context, event_callback_eip);
	WN(vcpu_guest_context, failsafe_callback_eip);
	WN(vcpu_guest_context, syscall_callback_eip);
	WN(vcpu_guest_context, vm_assist);
	WN(vcpu_guest_context, fs_base);
	WN(vcpu_guest_context, gs_base_kernel);
	WN(vcpu_guest_context, gs_base_user);
	CU_ASSERT_EQUAL(FLAT_WIDE_KERNEL_CS, FLAT_KERNEL_CS_X86_64);
	CU_ASSERT_EQUAL(FLAT_WIDE_KERNEL_DS, FLAT_KERNEL_DS_X86_64);
	CU_ASSERT_EQUAL(FLAT_WIDE_KERNEL_SS, FLAT_KERNEL_SS_X86_64);
	CU_ASSERT_EQUAL(wide_pfn_to_cr3(0x123456789ull), xen_pfn_to_cr3_x86_64(0x123456789ull));
}
#endif

SUITE("both widths of the ABI")
