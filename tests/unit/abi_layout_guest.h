/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every structure of the guest ABI and the device protocols: SIZE() compares the whole,
 * FIELDS() offset and size of each member (of the second element, inside arrays), and
 * FLEXIBLE() the offset of a trailing array. Compiled for i386 they are what a 32-bit guest sees.
 */

/* xen.h */
SIZE(struct mmu_update)
FIELDS(struct mmu_update, ptr, val)
SIZE(struct mmuext_op)
FIELDS(struct mmuext_op, cmd, arg1, arg1.mfn, arg1.linear_addr, arg2, arg2.nr_ents,
	arg2.vcpumask, arg2.src_mfn)
SIZE(struct multicall_entry)
FIELDS(struct multicall_entry, op, result, args)
SIZE(struct vcpu_time_info)
FIELDS(struct vcpu_time_info, version, pad0, tsc_timestamp, system_time,
	tsc_to_system_mul, tsc_shift, flags, pad1)
SIZE(struct vcpu_info)
FIELDS(struct vcpu_info, evtchn_upcall_pending, evtchn_upcall_mask, evtchn_pending_sel,
	arch, time)
SIZE(struct shared_info)
FIELDS(struct shared_info, vcpu_info, evtchn_pending, evtchn_mask, wc_version, wc_sec,
	wc_nsec, arch)
#ifdef __i386__
FIELDS(struct shared_info, arch.wc_sec_hi)
#else
FIELDS(struct shared_info, wc_sec_hi)
#endif
SIZE(struct start_info)
FIELDS(struct start_info, magic, nr_pages, shared_info, flags, store_mfn, store_evtchn,
	console, console.domU, console.domU.mfn, console.domU.evtchn, console.dom0,
	console.dom0.info_off, console.dom0.info_size, pt_base, nr_pt_frames, mfn_list,
	mod_start, mod_len, cmd_line, first_p2m_pfn, nr_p2m_frames)
SIZE(struct xen_multiboot_mod_list)
FIELDS(struct xen_multiboot_mod_list, mod_start, mod_end, cmdline, pad)
SIZE(struct dom0_vga_console_info)
FIELDS(struct dom0_vga_console_info, video_type, u, u.text_mode_3,
	u.text_mode_3.font_height, u.text_mode_3.cursor_x, u.text_mode_3.cursor_y,
	u.text_mode_3.rows, u.text_mode_3.columns, u.vesa_lfb, u.vesa_lfb.width,
	u.vesa_lfb.height, u.vesa_lfb.bytes_per_line, u.vesa_lfb.bits_per_pixel,
	u.vesa_lfb.lfb_base, u.vesa_lfb.lfb_size, u.vesa_lfb.red_pos, u.vesa_lfb.red_size,
	u.vesa_lfb.green_pos, u.vesa_lfb.green_size, u.vesa_lfb.blue_pos, u.vesa_lfb.blue_size,
	u.vesa_lfb.rsvd_pos, u.vesa_lfb.rsvd_size, u.vesa_lfb.gbl_caps, u.vesa_lfb.mode_attrs,
	u.vesa_lfb.pad, u.vesa_lfb.ext_lfb_base)
SIZE(struct xenctl_bitmap)
FIELDS(struct xenctl_bitmap, bitmap, nr_bits)

/* arch-x86.h */
SIZE(struct trap_info)
FIELDS(struct trap_info, vector, flags, cs, address)
#ifdef __i386__
SIZE(struct cpu_user_regs)
FIELDS(struct cpu_user_regs, ebx, ecx, edx, esi, edi, ebp, eax, error_code, entry_vector, eip,
	cs, saved_upcall_mask, _pad0, eflags, esp, ss, _pad1, es, _pad2, ds, _pad3, fs, _pad4,
	gs, _pad5)
SIZE(struct vcpu_guest_context)
FIELDS(struct vcpu_guest_context, fpu_ctxt, fpu_ctxt.x, flags, user_regs, trap_ctxt,
	ldt_base, ldt_ents, gdt_frames, gdt_ents, kernel_ss, kernel_sp, ctrlreg, debugreg,
	event_callback_cs, event_callback_eip, failsafe_callback_cs, failsafe_callback_eip,
	vm_assist)
SIZE(struct xen_callback)
FIELDS(struct xen_callback, cs, eip)
#else
SIZE(struct iret_context)
FIELDS(struct iret_context, rax, r11, rcx, flags, rip, cs, rflags, rsp, ss)
SIZE(struct cpu_user_regs)
FIELDS(struct cpu_user_regs, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx,
	rdx, rsi, rdi, error_code, entry_vector, rip, cs, _pad0, saved_upcall_mask, _pad1,
	rflags, rsp, ss, _pad2, es, _pad3, ds, _pad4)
FIELDS(struct cpu_user_regs, fs, _pad5, gs, _pad6)
SIZE(struct vcpu_guest_context)
FIELDS(struct vcpu_guest_context, fpu_ctxt, fpu_ctxt.x, flags, user_regs, trap_ctxt,
	ldt_base, ldt_ents, gdt_frames, gdt_ents, kernel_ss, kernel_sp, ctrlreg, debugreg,
	event_callback_eip, failsafe_callback_eip, syscall_callback_eip, vm_assist, fs_base,
	gs_base_kernel, gs_base_user)
#endif
SIZE(struct arch_shared_info)
FIELDS(struct arch_shared_info, max_pfn, pfn_to_mfn_frame_list_list, nmi_reason, p2m_cr3,
	p2m_vaddr, p2m_generation)
SIZE(struct arch_vcpu_info)
FIELDS(struct arch_vcpu_info, cr2, pad)
SIZE(struct xen_arch_domainconfig)
FIELDS(struct xen_arch_domainconfig, emulation_flags, misc_flags)
SIZE(struct xen_cpuid_leaf)
FIELDS(struct xen_cpuid_leaf, leaf, subleaf, a, b, c, d)
SIZE(struct xen_msr_entry)
FIELDS(struct xen_msr_entry, idx, flags, val)

/* version.h */
SIZE(struct xen_compile_info)
FIELDS(struct xen_compile_info, compiler, compile_by, compile_domain, compile_date)
SIZE(struct xen_platform_parameters)
FIELDS(struct xen_platform_parameters, virt_start)
SIZE(struct xen_feature_info)
FIELDS(struct xen_feature_info, submap_idx, submap)
SIZE(struct xen_build_id)
FIELDS(struct xen_build_id, len)
FLEXIBLE(struct xen_build_id, buf)

/* event_channel.h */
SIZE(struct evtchn_alloc_unbound)
FIELDS(struct evtchn_alloc_unbound, dom, remote_dom, port)
SIZE(struct evtchn_bind_interdomain)
FIELDS(struct evtchn_bind_interdomain, remote_dom, remote_port, local_port)
SIZE(struct evtchn_bind_virq)
FIELDS(struct evtchn_bind_virq, virq, vcpu, port)
SIZE(struct evtchn_bind_pirq)
FIELDS(struct evtchn_bind_pirq, pirq, flags, port)
SIZE(struct evtchn_bind_ipi)
FIELDS(struct evtchn_bind_ipi, vcpu, port)
SIZE(struct evtchn_close)
FIELDS(struct evtchn_close, port)
SIZE(struct evtchn_send)
FIELDS(struct evtchn_send, port)
SIZE(struct evtchn_status)
FIELDS(struct evtchn_status, dom, port, status, vcpu, u, u.unbound, u.unbound.dom,
	u.interdomain, u.interdomain.dom, u.interdomain.port, u.pirq, u.virq)
SIZE(struct evtchn_bind_vcpu)
FIELDS(struct evtchn_bind_vcpu, port, vcpu)
SIZE(struct evtchn_unmask)
FIELDS(struct evtchn_unmask, port)
SIZE(struct evtchn_reset)
FIELDS(struct evtchn_reset, dom)
SIZE(struct evtchn_init_control)
FIELDS(struct evtchn_init_control, control_gfn, offset, vcpu, link_bits, _pad)
SIZE(struct evtchn_expand_array)
FIELDS(struct evtchn_expand_array, array_gfn)
SIZE(struct evtchn_set_priority)
FIELDS(struct evtchn_set_priority, port, priority)
SIZE(struct evtchn_op)
FIELDS(struct evtchn_op, cmd, u, u.alloc_unbound, u.bind_interdomain, u.bind_virq,
	u.bind_pirq, u.bind_ipi, u.close, u.send, u.status, u.bind_vcpu, u.unmask)
SIZE(struct evtchn_fifo_control_block)
FIELDS(struct evtchn_fifo_control_block, ready, _rsvd, head)

/* sched.h */
SIZE(struct sched_shutdown)
FIELDS(struct sched_shutdown, reason)
SIZE(struct sched_poll)
FIELDS(struct sched_poll, ports, nr_ports, timeout)
SIZE(struct sched_remote_shutdown)
FIELDS(struct sched_remote_shutdown, domain_id, reason)
SIZE(struct sched_watchdog)
FIELDS(struct sched_watchdog, id, timeout)
SIZE(struct sched_pin_override)
FIELDS(struct sched_pin_override, pcpu)

/* vcpu.h */
SIZE(struct vcpu_runstate_info)
FIELDS(struct vcpu_runstate_info, state, state_entry_time, time)
SIZE(struct vcpu_register_runstate_memory_area)
FIELDS(struct vcpu_register_runstate_memory_area, addr, addr.h, addr.v, addr.p)
SIZE(struct vcpu_set_periodic_timer)
FIELDS(struct vcpu_set_periodic_timer, period_ns)
SIZE(struct vcpu_set_singleshot_timer)
FIELDS(struct vcpu_set_singleshot_timer, timeout_abs_ns, flags)
SIZE(struct vcpu_register_vcpu_info)
FIELDS(struct vcpu_register_vcpu_info, mfn, offset, rsvd)
SIZE(struct vcpu_get_physid)
FIELDS(struct vcpu_get_physid, phys_id)
SIZE(struct vcpu_register_time_memory_area)
FIELDS(struct vcpu_register_time_memory_area, addr, addr.h, addr.v, addr.p)

/* callback.h */
SIZE(struct callback_register)
FIELDS(struct callback_register, type, flags, address)
SIZE(struct callback_unregister)
FIELDS(struct callback_unregister, type, _unused)

/* nmi.h */
SIZE(struct xennmi_callback)
FIELDS(struct xennmi_callback, handler_address, pad)

/* grant_table.h */
SIZE(struct grant_entry_v1)
FIELDS(struct grant_entry_v1, flags, domid, frame)
SIZE(struct grant_entry_header)
FIELDS(struct grant_entry_header, flags, domid)
SIZE(union grant_entry_v2)
FIELDS(union grant_entry_v2, hdr, full_page, full_page.hdr, full_page.pad0,
	full_page.frame, sub_page, sub_page.hdr, sub_page.page_off, sub_page.length,
	sub_page.frame, transitive, transitive.hdr, transitive.trans_domid, transitive.pad0,
	transitive.gref, __spacer)
SIZE(struct gnttab_map_grant_ref)
FIELDS(struct gnttab_map_grant_ref, host_addr, flags, ref, dom, status, handle,
	dev_bus_addr)
SIZE(struct gnttab_unmap_grant_ref)
FIELDS(struct gnttab_unmap_grant_ref, host_addr, dev_bus_addr, handle, status)
SIZE(struct gnttab_setup_table)
FIELDS(struct gnttab_setup_table, dom, nr_frames, status, frame_list)
SIZE(struct gnttab_dump_table)
FIELDS(struct gnttab_dump_table, dom, status)
SIZE(struct gnttab_transfer)
FIELDS(struct gnttab_transfer, mfn, domid, ref, status)
SIZE(struct gnttab_copy)
FIELDS(struct gnttab_copy, source, source.u, source.u.ref, source.u.gmfn, source.domid,
	source.offset, dest, dest.u, dest.u.ref, dest.u.gmfn, dest.domid, dest.offset, len,
	flags, status)
SIZE(struct gnttab_query_size)
FIELDS(struct gnttab_query_size, dom, nr_frames, max_nr_frames, status)
SIZE(struct gnttab_unmap_and_replace)
FIELDS(struct gnttab_unmap_and_replace, host_addr, new_addr, handle, status)
SIZE(struct gnttab_set_version)
FIELDS(struct gnttab_set_version, version)
SIZE(struct gnttab_get_status_frames)
FIELDS(struct gnttab_get_status_frames, nr_frames, dom, status, frame_list)
SIZE(struct gnttab_get_version)
FIELDS(struct gnttab_get_version, dom, pad, version)
SIZE(struct gnttab_swap_grant_ref)
FIELDS(struct gnttab_swap_grant_ref, ref_a, ref_b, status)
SIZE(struct gnttab_cache_flush)
FIELDS(struct gnttab_cache_flush, a, a.dev_bus_addr, a.ref, offset, length, op)

/* physdev.h */
SIZE(struct physdev_eoi)
FIELDS(struct physdev_eoi, irq)
SIZE(struct physdev_pirq_eoi_gmfn)
FIELDS(struct physdev_pirq_eoi_gmfn, gmfn)
SIZE(struct physdev_irq_status_query)
FIELDS(struct physdev_irq_status_query, irq, flags)
SIZE(struct physdev_set_iopl)
FIELDS(struct physdev_set_iopl, iopl)
SIZE(struct physdev_set_iobitmap)
FIELDS(struct physdev_set_iobitmap, bitmap, nr_ports)
SIZE(struct physdev_apic)
FIELDS(struct physdev_apic, apic_physbase, reg, value)
SIZE(struct physdev_irq)
FIELDS(struct physdev_irq, irq, vector)
SIZE(struct physdev_map_pirq)
FIELDS(struct physdev_map_pirq, domid, type, index, pirq, bus, devfn, entry_nr,
	table_base)
SIZE(struct physdev_unmap_pirq)
FIELDS(struct physdev_unmap_pirq, domid, pirq)
SIZE(struct physdev_manage_pci)
FIELDS(struct physdev_manage_pci, bus, devfn)
SIZE(struct physdev_restore_msi)
FIELDS(struct physdev_restore_msi, bus, devfn)
SIZE(struct physdev_manage_pci_ext)
FIELDS(struct physdev_manage_pci_ext, bus, devfn, is_extfn, is_virtfn, physfn, physfn.bus,
	physfn.devfn)
SIZE(struct physdev_op)
FIELDS(struct physdev_op, cmd, u, u.irq_status_query, u.set_iopl, u.set_iobitmap,
	u.apic_op, u.irq_op)
SIZE(struct physdev_setup_gsi)
FIELDS(struct physdev_setup_gsi, gsi, triggering, polarity)
SIZE(struct physdev_get_free_pirq)
FIELDS(struct physdev_get_free_pirq, type, pirq)
SIZE(struct physdev_pci_mmcfg_reserved)
FIELDS(struct physdev_pci_mmcfg_reserved, address, segment, start_bus, end_bus, flags)
SIZE(struct physdev_pci_device_add)
FIELDS(struct physdev_pci_device_add, seg, bus, devfn, flags, physfn, physfn.bus,
	physfn.devfn)
FLEXIBLE(struct physdev_pci_device_add, optarr)
SIZE(struct physdev_pci_device)
FIELDS(struct physdev_pci_device, seg, bus, devfn)
SIZE(struct physdev_dbgp_op)
FIELDS(struct physdev_dbgp_op, op, bus, u, u.pci)

/* memory.h */
SIZE(struct xen_memory_reservation)
FIELDS(struct xen_memory_reservation, extent_start, nr_extents, extent_order, mem_flags,
	domid)
SIZE(struct xen_memory_exchange)
FIELDS(struct xen_memory_exchange, in, out, nr_exchanged)
SIZE(struct xen_memory_domain)
FIELDS(struct xen_memory_domain, domid)
SIZE(struct xen_machphys_mfn_list)
FIELDS(struct xen_machphys_mfn_list, max_extents, extent_start, nr_extents)
SIZE(struct xen_machphys_mapping)
FIELDS(struct xen_machphys_mapping, v_start, v_end, max_mfn)
SIZE(struct xen_add_to_physmap)
FIELDS(struct xen_add_to_physmap, domid, size, space, idx, gpfn)
SIZE(struct xen_add_to_physmap_batch)
FIELDS(struct xen_add_to_physmap_batch, domid, space, size, u, u.foreign_domid, u.res0,
	idxs, gpfns, errs)
SIZE(struct xen_remove_from_physmap)
FIELDS(struct xen_remove_from_physmap, domid, gpfn)
SIZE(struct xen_memory_map)
FIELDS(struct xen_memory_map, nr_entries, buffer)
SIZE(struct xen_foreign_memory_map)
FIELDS(struct xen_foreign_memory_map, domid, map)
SIZE(struct xen_pod_target)
FIELDS(struct xen_pod_target, target_pages, tot_pages, pod_cache_pages, pod_entries,
	domid)
SIZE(struct xen_mem_paging_op)
FIELDS(struct xen_mem_paging_op, op, domain, buffer, gfn)
SIZE(struct xen_mem_access_op)
FIELDS(struct xen_mem_access_op, op, access, domid, nr, pfn, pfn_list, access_list)
SIZE(struct xen_mem_sharing_op)
FIELDS(struct xen_mem_sharing_op, op, domain, u, u.nominate, u.nominate.u,
	u.nominate.u.gfn, u.nominate.u.grant_ref, u.nominate.handle, u.share, u.share.source_gfn,
	u.share.source_handle, u.share.client_gfn, u.share.client_handle, u.share.client_domain,
	u.range, u.range.first_gfn, u.range.last_gfn, u.range.opaque, u.range.client_domain,
	u.range._pad, u.debug, u.debug.u, u.debug.u.gfn, u.debug.u.mfn, u.debug.u.gref, u.fork,
	u.fork.parent_domain, u.fork.flags, u.fork.pad)
SIZE(struct xen_reserved_device_memory)
FIELDS(struct xen_reserved_device_memory, start_pfn, nr_pages)
SIZE(struct xen_reserved_device_memory_map)
FIELDS(struct xen_reserved_device_memory_map, flags, nr_entries, buffer, dev, dev.pci)
SIZE(struct xen_mem_acquire_resource)
FIELDS(struct xen_mem_acquire_resource, domid, type, id, nr_frames, pad, frame,
	frame_list)
SIZE(struct xen_vmemrange)
FIELDS(struct xen_vmemrange, start, end, flags, nid)
SIZE(struct xen_vnuma_topology_info)
FIELDS(struct xen_vnuma_topology_info, domid, pad, nr_vnodes, nr_vcpus, nr_vmemranges,
	vdistance, vdistance.h, vdistance.pad, vcpu_to_vnode, vcpu_to_vnode.h, vcpu_to_vnode.pad,
	vmemrange, vmemrange.h, vmemrange.pad)

/* io/xs_wire.h */
SIZE(struct xsd_sockmsg)
FIELDS(struct xsd_sockmsg, type, req_id, tx_id, len)
SIZE(struct xsd_errors)
FIELDS(struct xsd_errors, errnum, errstring)
SIZE(struct xenstore_domain_interface)
FIELDS(struct xenstore_domain_interface, req, rsp, req_cons, req_prod, rsp_cons, rsp_prod,
	server_features, connection, error)

/* io/console.h */
SIZE(struct xencons_interface)
FIELDS(struct xencons_interface, in, out, in_cons, in_prod, out_cons, out_prod)

/* io/blkif.h */
SIZE(struct blkif_request_segment)
FIELDS(struct blkif_request_segment, gref, first_sect, last_sect)
SIZE(struct blkif_request)
FIELDS(struct blkif_request, operation, nr_segments, handle, id, sector_number, seg)
SIZE(struct blkif_request_discard)
FIELDS(struct blkif_request_discard, operation, flag, handle, id, sector_number,
	nr_sectors)
SIZE(struct blkif_request_indirect)
FIELDS(struct blkif_request_indirect, operation, indirect_op, nr_segments, id,
	sector_number, handle, indirect_grefs)
SIZE(struct blkif_response)
FIELDS(struct blkif_response, id, operation, status)
SIZE(union blkif_sring_entry)
FIELDS(union blkif_sring_entry, req, rsp)
SIZE(struct blkif_sring)
FIELDS(struct blkif_sring, req_prod, req_event, rsp_prod, rsp_event, pvt, ring)
SIZE(struct blkif_front_ring)
FIELDS(struct blkif_front_ring, req_prod_pvt, rsp_cons, nr_ents, sring)
SIZE(struct blkif_back_ring)
FIELDS(struct blkif_back_ring, rsp_prod_pvt, req_cons, nr_ents, sring)

/* io/netif.h */
SIZE(struct netif_tx_request)
FIELDS(struct netif_tx_request, gref, offset, flags, id, size)
SIZE(struct netif_tx_response)
FIELDS(struct netif_tx_response, id, status)
SIZE(struct netif_rx_request)
FIELDS(struct netif_rx_request, id, pad, gref)
SIZE(struct netif_rx_response)
FIELDS(struct netif_rx_response, id, offset, flags, status)
SIZE(struct netif_extra_info)
FIELDS(struct netif_extra_info, type, flags, u, u.gso, u.gso.size, u.gso.type, u.gso.pad,
	u.gso.features, u.mcast, u.mcast.addr, u.hash, u.hash.type, u.hash.algorithm,
	u.hash.value, u.pad)
SIZE(struct xen_netif_ctrl_request)
FIELDS(struct xen_netif_ctrl_request, id, type, data)
SIZE(struct xen_netif_ctrl_response)
FIELDS(struct xen_netif_ctrl_response, id, type, status, data)
SIZE(struct xen_netif_gref)
FIELDS(struct xen_netif_gref, ref, flags, status)
SIZE(union netif_tx_sring_entry)
FIELDS(union netif_tx_sring_entry, req, rsp)
SIZE(struct netif_tx_sring)
FIELDS(struct netif_tx_sring, req_prod, req_event, rsp_prod, rsp_event, pvt, ring)
SIZE(struct netif_tx_front_ring)
FIELDS(struct netif_tx_front_ring, req_prod_pvt, rsp_cons, nr_ents, sring)
SIZE(struct netif_tx_back_ring)
FIELDS(struct netif_tx_back_ring, rsp_prod_pvt, req_cons, nr_ents, sring)
SIZE(union netif_rx_sring_entry)
FIELDS(union netif_rx_sring_entry, req, rsp)
SIZE(struct netif_rx_sring)
FIELDS(struct netif_rx_sring, req_prod, req_event, rsp_prod, rsp_event, pvt, ring)
SIZE(struct netif_rx_front_ring)
FIELDS(struct netif_rx_front_ring, req_prod_pvt, rsp_cons, nr_ents, sring)
SIZE(struct netif_rx_back_ring)
FIELDS(struct netif_rx_back_ring, rsp_prod_pvt, req_cons, nr_ents, sring)
SIZE(union xen_netif_ctrl_sring_entry)
FIELDS(union xen_netif_ctrl_sring_entry, req, rsp)
SIZE(struct xen_netif_ctrl_sring)
FIELDS(struct xen_netif_ctrl_sring, req_prod, req_event, rsp_prod, rsp_event, pvt, ring)
SIZE(struct xen_netif_ctrl_front_ring)
FIELDS(struct xen_netif_ctrl_front_ring, req_prod_pvt, rsp_cons, nr_ents, sring)
SIZE(struct xen_netif_ctrl_back_ring)
FIELDS(struct xen_netif_ctrl_back_ring, rsp_prod_pvt, req_cons, nr_ents, sring)
