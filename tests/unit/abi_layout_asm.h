/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers that assembly uses, for C and .S alike. */
#ifndef ABI_LAYOUT_ASM_H
#define ABI_LAYOUT_ASM_H

#define ABI_ASM_NUMBERS								\
	__HYPERVISOR_set_trap_table, __HYPERVISOR_iret, __HYPERVISOR_arch_7,	\
	HYPERVISOR_VIRT_START,							\
	MACH2PHYS_VIRT_START, MACH2PHYS_VIRT_END, MACH2PHYS_NR_ENTRIES,		\
	FLAT_KERNEL_CS, FLAT_KERNEL_DS, FLAT_KERNEL_SS, FLAT_USER_CS,		\
	FIRST_RESERVED_GDT_BYTE, FIRST_RESERVED_GDT_ENTRY,			\
	VGCF_in_kernel, VGCF_online, VGCF_syscall_disables_events,		\
	XENFEAT_writable_page_tables, XENFEAT_dom0,				\
	XEN_ELFNOTE_ENTRY, XEN_ELFNOTE_PHYS32_ENTRY, XEN_ELFNOTE_MAX,		\
	DOMID_SELF, UVMF_INVLPG | UVMF_ALL, SCHEDOP_shutdown, SHUTDOWN_crash,	\
	XENMEM_populate_physmap, EVTCHNOP_send, GNTTABOP_copy, VCPUOP_up,	\
	PHYSDEVOP_eoi, XENPF_settime, CALLBACKTYPE_syscall, XENVER_get_features,	\
	XEN_NMIREASON_unknown, XEN_RUNSTATE_UPDATE, EFAULT, EOPNOTSUPP,		\
	XEN_DOMCTL_PFINFO_LPINTAB, XEN_SYSCTL_getdomaininfolist

#endif /* ABI_LAYOUT_ASM_H */
