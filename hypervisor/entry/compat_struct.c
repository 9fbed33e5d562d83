// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Structures of hypercalls that a 32-bit guest lays out otherwise, as tables: where each field is
 * in the one form and in the other. And for each hypercall with commands, which of them takes what.
 */
#include "entry/compat_struct.h"
#include "lib/string.h"
#include "pv-abi/compat.h"

/* What a registered area's address is to a 32-bit guest: the lower half of the union. */
struct compat_area {
	u32 v;
};
struct area {
	u64 v;
};

#define F(type, f)                                                                        \
	{ offsetof(struct compat_##type, f), offsetof(struct type, f),                    \
	  sizeof(((struct compat_##type *)0)->f), sizeof(((struct type *)0)->f) }
#define LAYOUT(type, ...)                                                                 \
	static const struct compat_field type##_fields[] = { __VA_ARGS__ };               \
	_Static_assert(sizeof(struct type) <= COMPAT_STRUCT_MAX, #type);                  \
	static const struct compat_layout type##_layout = {                               \
		sizeof(struct compat_##type), sizeof(struct type),                        \
		sizeof(type##_fields) / sizeof(type##_fields[0]), type##_fields,          \
	}

#define RESERVATION(type, at)                                                             \
	F(type, at extent_start), F(type, at nr_extents), F(type, at extent_order),       \
	F(type, at mem_flags), F(type, at domid)

LAYOUT(xen_memory_reservation, RESERVATION(xen_memory_reservation, ));
LAYOUT(xen_memory_exchange, RESERVATION(xen_memory_exchange, in.),
       RESERVATION(xen_memory_exchange, out.), F(xen_memory_exchange, nr_exchanged));
LAYOUT(xen_machphys_mfn_list, F(xen_machphys_mfn_list, max_extents),
       F(xen_machphys_mfn_list, extent_start), F(xen_machphys_mfn_list, nr_extents));
LAYOUT(xen_machphys_mapping, F(xen_machphys_mapping, v_start), F(xen_machphys_mapping, v_end),
       F(xen_machphys_mapping, max_mfn));
LAYOUT(xen_memory_map, F(xen_memory_map, nr_entries), F(xen_memory_map, buffer));
LAYOUT(xen_foreign_memory_map, F(xen_foreign_memory_map, domid),
       F(xen_foreign_memory_map, map.nr_entries), F(xen_foreign_memory_map, map.buffer));
LAYOUT(xen_reserved_device_memory_map, F(xen_reserved_device_memory_map, flags),
       F(xen_reserved_device_memory_map, nr_entries), F(xen_reserved_device_memory_map, buffer),
       F(xen_reserved_device_memory_map, dev));
LAYOUT(xen_mem_acquire_resource, F(xen_mem_acquire_resource, domid),
       F(xen_mem_acquire_resource, type), F(xen_mem_acquire_resource, id),
       F(xen_mem_acquire_resource, nr_frames), F(xen_mem_acquire_resource, pad),
       F(xen_mem_acquire_resource, frame), F(xen_mem_acquire_resource, frame_list));
LAYOUT(vcpu_runstate_info, F(vcpu_runstate_info, state), F(vcpu_runstate_info, state_entry_time),
       F(vcpu_runstate_info, time));
LAYOUT(vcpu_set_singleshot_timer, F(vcpu_set_singleshot_timer, timeout_abs_ns),
       F(vcpu_set_singleshot_timer, flags));
LAYOUT(area, F(area, v));
LAYOUT(sched_poll, F(sched_poll, ports), F(sched_poll, nr_ports), F(sched_poll, timeout));
LAYOUT(gnttab_setup_table, F(gnttab_setup_table, dom), F(gnttab_setup_table, nr_frames),
       F(gnttab_setup_table, status), F(gnttab_setup_table, frame_list));
LAYOUT(gnttab_transfer, F(gnttab_transfer, mfn), F(gnttab_transfer, domid), F(gnttab_transfer, ref),
       F(gnttab_transfer, status));
/* A frame number's lower half is a grant reference's place, so that one row serves both. */
LAYOUT(gnttab_copy, F(gnttab_copy, source.u.gmfn), F(gnttab_copy, source.domid),
       F(gnttab_copy, source.offset), F(gnttab_copy, dest.u.gmfn), F(gnttab_copy, dest.domid),
       F(gnttab_copy, dest.offset), F(gnttab_copy, len), F(gnttab_copy, flags),
       F(gnttab_copy, status));
LAYOUT(gnttab_get_status_frames, F(gnttab_get_status_frames, nr_frames),
       F(gnttab_get_status_frames, dom), F(gnttab_get_status_frames, status),
       F(gnttab_get_status_frames, frame_list));
LAYOUT(physdev_pirq_eoi_gmfn, F(physdev_pirq_eoi_gmfn, gmfn));
LAYOUT(physdev_set_iobitmap, F(physdev_set_iobitmap, bitmap), F(physdev_set_iobitmap, nr_ports));
LAYOUT(physdev_apic, F(physdev_apic, apic_physbase), F(physdev_apic, reg), F(physdev_apic, value));
LAYOUT(physdev_map_pirq, F(physdev_map_pirq, domid), F(physdev_map_pirq, type),
       F(physdev_map_pirq, index), F(physdev_map_pirq, pirq), F(physdev_map_pirq, bus),
       F(physdev_map_pirq, devfn), F(physdev_map_pirq, entry_nr), F(physdev_map_pirq, table_base));

void compat_widen(const struct compat_layout *l, void *to, const void *from)
{
	memset(to, 0, l->size64);
	for (unsigned i = 0; i < l->nr_fields; i++) {
		const struct compat_field *f = &l->field[i];

		memcpy((char *)to + f->at64, (const char *)from + f->at32, f->size32);
	}
}

void compat_narrow(const struct compat_layout *l, void *to, const void *from)
{
	for (unsigned i = 0; i < l->nr_fields; i++) {
		const struct compat_field *f = &l->field[i];

		memcpy((char *)to + f->at32, (const char *)from + f->at64, f->size32);
	}
}

const struct compat_command compat_memory_commands[] = {
	{ XENMEM_increase_reservation, &xen_memory_reservation_layout },
	{ XENMEM_decrease_reservation, &xen_memory_reservation_layout },
	{ XENMEM_populate_physmap, &xen_memory_reservation_layout },
	{ XENMEM_claim_pages, &xen_memory_reservation_layout },
	{ XENMEM_exchange, &xen_memory_exchange_layout },
	{ XENMEM_maximum_ram_page, NULL },
	{ XENMEM_current_reservation, NULL },
	{ XENMEM_maximum_reservation, NULL },
	{ XENMEM_maximum_gpfn, NULL },
	{ XENMEM_machphys_mfn_list, &xen_machphys_mfn_list_layout },
	{ XENMEM_machphys_compat_mfn_list, &xen_machphys_mfn_list_layout },
	{ XENMEM_machphys_mapping, &xen_machphys_mapping_layout },
	{ XENMEM_memory_map, &xen_memory_map_layout },
	{ XENMEM_machine_memory_map, &xen_memory_map_layout },
	{ XENMEM_set_memory_map, &xen_foreign_memory_map_layout },
	{ XENMEM_reserved_device_memory_map, &xen_reserved_device_memory_map_layout },
	{ XENMEM_acquire_resource, &xen_mem_acquire_resource_layout },
	{ XENMEM_get_sharing_freed_pages, NULL },
	{ XENMEM_get_sharing_shared_pages, NULL },
	{ COMPAT_LIST_END, NULL },
};

const struct compat_command compat_vcpu_commands[] = {
	{ VCPUOP_up, NULL },
	{ VCPUOP_down, NULL },
	{ VCPUOP_is_up, NULL },
	{ VCPUOP_get_runstate_info, &vcpu_runstate_info_layout },
	{ VCPUOP_register_runstate_memory_area, &area_layout },
	{ VCPUOP_set_periodic_timer, NULL },
	{ VCPUOP_stop_periodic_timer, NULL },
	{ VCPUOP_set_singleshot_timer, &vcpu_set_singleshot_timer_layout },
	{ VCPUOP_stop_singleshot_timer, NULL },
	{ VCPUOP_register_vcpu_info, NULL },
	{ VCPUOP_send_nmi, NULL },
	{ VCPUOP_get_physid, NULL },
	{ VCPUOP_register_vcpu_time_memory_area, &area_layout },
	{ COMPAT_LIST_END, NULL },
};

const struct compat_command compat_sched_commands[] = {
	{ SCHEDOP_yield, NULL },
	{ SCHEDOP_block, NULL },
	{ SCHEDOP_shutdown, NULL },
	{ SCHEDOP_poll, &sched_poll_layout },
	{ SCHEDOP_remote_shutdown, NULL },
	{ SCHEDOP_shutdown_code, NULL },
	{ SCHEDOP_watchdog, NULL },
	{ SCHEDOP_pin_override, NULL },
	{ COMPAT_LIST_END, NULL },
};

const struct compat_command compat_physdev_commands[] = {
	{ PHYSDEVOP_eoi, NULL },
	{ PHYSDEVOP_pirq_eoi_gmfn_v1, &physdev_pirq_eoi_gmfn_layout },
	{ PHYSDEVOP_pirq_eoi_gmfn_v2, &physdev_pirq_eoi_gmfn_layout },
	{ PHYSDEVOP_irq_status_query, NULL },
	{ PHYSDEVOP_set_iopl, NULL },
	{ PHYSDEVOP_set_iobitmap, &physdev_set_iobitmap_layout },
	{ PHYSDEVOP_apic_read, &physdev_apic_layout },
	{ PHYSDEVOP_apic_write, &physdev_apic_layout },
	{ PHYSDEVOP_alloc_irq_vector, NULL },
	{ PHYSDEVOP_free_irq_vector, NULL },
	{ PHYSDEVOP_map_pirq, &physdev_map_pirq_layout },
	{ PHYSDEVOP_unmap_pirq, NULL },
	{ PHYSDEVOP_manage_pci_add, NULL },
	{ PHYSDEVOP_manage_pci_remove, NULL },
	{ PHYSDEVOP_manage_pci_add_ext, NULL },
	{ PHYSDEVOP_restore_msi, NULL },
	{ PHYSDEVOP_setup_gsi, NULL },
	{ PHYSDEVOP_get_free_pirq, NULL },
	{ PHYSDEVOP_pci_mmcfg_reserved, NULL },
	{ PHYSDEVOP_pci_device_add, NULL },
	{ PHYSDEVOP_pci_device_remove, NULL },
	{ PHYSDEVOP_restore_msi_ext, NULL },
	{ PHYSDEVOP_prepare_msix, NULL },
	{ PHYSDEVOP_release_msix, NULL },
	{ PHYSDEVOP_dbgp_op, NULL },
	{ COMPAT_LIST_END, NULL },
};

/* The layouts are those of the others: behind the command is what they take. */
const struct compat_command compat_old_physdev_commands[] = {
	{ PHYSDEVOP_irq_status_query, NULL },
	{ PHYSDEVOP_set_iopl, NULL },
	{ PHYSDEVOP_set_iobitmap, NULL },
	{ PHYSDEVOP_apic_read, NULL },
	{ PHYSDEVOP_apic_write, NULL },
	{ PHYSDEVOP_alloc_irq_vector, NULL },
	{ PHYSDEVOP_free_irq_vector, NULL },
	{ COMPAT_LIST_END, NULL },
};

const struct compat_command compat_grant_commands[] = {
	{ GNTTABOP_map_grant_ref, NULL },
	{ GNTTABOP_unmap_grant_ref, NULL },
	{ GNTTABOP_setup_table, &gnttab_setup_table_layout },
	{ GNTTABOP_dump_table, NULL },
	{ GNTTABOP_transfer, &gnttab_transfer_layout },
	{ GNTTABOP_copy, &gnttab_copy_layout },
	{ GNTTABOP_query_size, NULL },
	{ GNTTABOP_unmap_and_replace, NULL },
	{ GNTTABOP_set_version, NULL },
	{ GNTTABOP_get_status_frames, &gnttab_get_status_frames_layout },
	{ GNTTABOP_get_version, NULL },
	{ GNTTABOP_swap_grant_ref, NULL },
	{ GNTTABOP_cache_flush, NULL },
	{ COMPAT_LIST_END, NULL },
};

const struct compat_command *compat_command_find(const struct compat_command *list, u32 cmd)
{
	for (; list->cmd != COMPAT_LIST_END; list++)
		if (list->cmd == cmd)
			return list;
	return NULL;
}

/* cmd and interface_version come before the union, at byte 8 in both forms. */
struct compat_idle_time_op {
	u32 cmd, interface_version;
	struct compat_xenpf_getidletime u;
	u8 rest[128 - sizeof(struct compat_xenpf_getidletime)];
};
struct idle_time_op {
	u32 cmd, interface_version;
	struct xenpf_getidletime u;
	u8 rest[128 - sizeof(struct xenpf_getidletime)];
};
_Static_assert(sizeof(struct idle_time_op) == sizeof(struct xen_platform_op), "read as a whole");
LAYOUT(idle_time_op, F(idle_time_op, cmd), F(idle_time_op, interface_version),
       F(idle_time_op, u.cpumap_bitmap), F(idle_time_op, u.cpumap_nr_cpus),
       F(idle_time_op, u.idletime), F(idle_time_op, u.now));

struct compat_symbol_op {
	u32 cmd, interface_version;
	struct compat_xenpf_symdata u;
	u8 rest[128 - sizeof(struct compat_xenpf_symdata)];
};
struct symbol_op {
	u32 cmd, interface_version;
	struct xenpf_symdata u;
	u8 rest[128 - sizeof(struct xenpf_symdata)];
};
_Static_assert(sizeof(struct symbol_op) == sizeof(struct xen_platform_op), "read as a whole");
LAYOUT(symbol_op, F(symbol_op, cmd), F(symbol_op, interface_version), F(symbol_op, u.namelen),
       F(symbol_op, u.symnum), F(symbol_op, u.name), F(symbol_op, u.address),
       F(symbol_op, u.type));

/* What do_platform_op() looks at lies at the same place in the others. */
const struct compat_command compat_platform_commands[] = {
	{ XENPF_settime64, NULL },
	{ XENPF_settime32, NULL },
	{ XENPF_firmware_info, NULL },
	{ XENPF_enter_acpi_sleep, NULL },
	{ XENPF_getidletime, &idle_time_op_layout },
	{ XENPF_set_processor_pminfo, NULL },
	{ XENPF_get_cpuinfo, NULL },
	{ XENPF_get_cpu_version, NULL },
	{ XENPF_platform_quirk, NULL },
	{ XENPF_efi_runtime_call, NULL }, /* refused before anything of it is looked at */
	{ XENPF_get_symbol, &symbol_op_layout },
	{ XENPF_resource_op, NULL },
	{ XENPF_cpu_online, NULL },
	{ XENPF_cpu_offline, NULL },
	{ XENPF_cpu_hotadd, NULL },
	{ XENPF_mem_hotadd, NULL },
	{ XENPF_core_parking, NULL },
	{ COMPAT_LIST_END, NULL },
};
