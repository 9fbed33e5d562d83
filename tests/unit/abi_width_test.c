// SPDX-License-Identifier: GPL-2.0-or-later
// bits: 32
/*
 * In a 32-bit program: what compat.h says of 32-bit guests is what the other headers say, compiled
 * here; and what wide.h says of 64-bit ones is what Xen's headers for foreign guests say.
 */
#include <stddef.h>

#include "pv-abi/compat.h"
#include "pv-abi/wide.h"
#include "pv-abi/xen-mca.h"
#include "abi_each.h"
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

/* The 32-bit form of a structure: all of it, and these members. */
#define NARROW_MEMBER(t, m) MEMBER(compat_##t, t, m);
#define NARROW(t, ...)						\
	do {							\
		TYPE(compat_##t, t);				\
		__VA_OPT__(EACH(NARROW_MEMBER, t, __VA_ARGS__))	\
	} while (0)

TEST(test_registers_and_pages, "registers, start info, shared page")
{
	NARROW(start_info, nr_pages, flags, store_mfn, console.domU.evtchn, console.dom0.info_size,
	       pt_base, mod_len, cmd_line, first_p2m_pfn, nr_p2m_frames);
	NARROW(trap_info, address);
	NARROW(cpu_user_regs, eax, eip, saved_upcall_mask, esp, gs);
	NARROW(vcpu_guest_context, flags, user_regs, trap_ctxt, gdt_frames, kernel_ss, ctrlreg,
	       event_callback_cs, failsafe_callback_eip, vm_assist);
	NARROW(vcpu_info, evtchn_pending_sel, arch.cr2, time);
	NARROW(shared_info, evtchn_pending, evtchn_mask, wc_nsec, arch.p2m_generation,
	       arch.wc_sec_hi);
}

TEST(test_arguments, "arguments of hypercalls")
{
	NARROW(mmuext_op, arg1, arg2);
	NARROW(multicall_entry, args);
	NARROW(callback_register, address);
	NARROW(xennmi_callback);
	NARROW(sched_poll, timeout);
	NARROW(vcpu_runstate_info, time);
	NARROW(vcpu_set_singleshot_timer, flags);
	NARROW(xen_platform_parameters);
	NARROW(xen_memory_reservation, nr_extents, domid);
	NARROW(xen_memory_exchange, nr_exchanged);
	NARROW(xen_machphys_mfn_list, nr_extents);
	NARROW(xen_machphys_mapping, max_mfn);
	NARROW(xen_memory_map);
	NARROW(xen_foreign_memory_map, map);
	NARROW(xen_reserved_device_memory_map, dev);
	NARROW(xen_mem_acquire_resource, frame, frame_list);
	NARROW(gnttab_setup_table, frame_list);
	NARROW(gnttab_transfer, status);
	NARROW(gnttab_copy, source.domid, dest, status);
	NARROW(gnttab_get_status_frames, frame_list);
	NARROW(physdev_pirq_eoi_gmfn);
	NARROW(physdev_set_iobitmap);
	NARROW(physdev_apic, value);
	NARROW(physdev_map_pirq, table_base);
	NARROW(physdev_op, u);
	NARROW(xenpf_getidletime, now);
	NARROW(xenpf_symdata, name, address, type);
	CU_ASSERT_EQUAL(offsetof(struct mcinfo_logical_cpu, mc_msrvalues), COMPAT_MC_MSRVALUES);
	CU_ASSERT_EQUAL(sizeof(struct mcinfo_logical_cpu), COMPAT_MC_CPU_SIZE);
	CU_ASSERT_EQUAL(sizeof(struct xen_mc), 152); /* as in 64-bit guests */
}

#ifdef HAVE_FOREIGN
#define WIDE_MEMBER(t, m) MEMBER(wide_##t, t##_x86_64, m);
#define WIDE(t, ...)				     \
	do {					     \
		TYPE(wide_##t, t##_x86_64);	     \
		EACH(WIDE_MEMBER, t, __VA_ARGS__)    \
	} while (0)

TEST(test_wide, "64-bit guests")
{
	WIDE(start_info, nr_pages, shared_info, flags, store_mfn, store_evtchn, console.domU.mfn,
	     console.domU.evtchn, console.dom0.info_off, console.dom0.info_size, pt_base,
	     nr_pt_frames, mfn_list, mod_start, mod_len, cmd_line, first_p2m_pfn, nr_p2m_frames);
	WIDE(trap_info, cs, address);
	WIDE(cpu_user_regs, r15, rbx, r8, rax, rsi, rdi, error_code, rip, cs, saved_upcall_mask,
	     rflags, rsp, ss, es, ds, fs, gs);
	WIDE(vcpu_guest_context, flags, user_regs, trap_ctxt, ldt_base, ldt_ents, gdt_frames,
	     gdt_ents, kernel_ss, kernel_sp, ctrlreg, debugreg, event_callback_eip,
	     failsafe_callback_eip, syscall_callback_eip, vm_assist, fs_base, gs_base_kernel,
	     gs_base_user);
	CU_ASSERT_EQUAL(FLAT_WIDE_KERNEL_CS, FLAT_KERNEL_CS_X86_64);
	CU_ASSERT_EQUAL(FLAT_WIDE_KERNEL_DS, FLAT_KERNEL_DS_X86_64);
	CU_ASSERT_EQUAL(FLAT_WIDE_KERNEL_SS, FLAT_KERNEL_SS_X86_64);
	CU_ASSERT_EQUAL(wide_pfn_to_cr3(0x123456789ull), xen_pfn_to_cr3_x86_64(0x123456789ull));
}
#endif

SUITE("both widths of the ABI")
