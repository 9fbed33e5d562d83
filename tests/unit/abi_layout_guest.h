/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every structure of the guest ABI and the device protocols: STRUCT() and SIZE() compare the whole,
 * STRUCT() and FIELDS() offset and size of each member (of the second element, inside arrays), and
 * FLEXIBLE() the offset of a trailing array. Compiled for i386 they are what a 32-bit guest sees.
 */

/* xen.h */
STRUCT(struct mmu_update, ptr, val)
STRUCT(struct mmuext_op, cmd, arg1, arg1.mfn, arg1.linear_addr, arg2, arg2.nr_ents, arg2.vcpumask,
	arg2.src_mfn)
STRUCT(struct multicall_entry, op, result, args)
STRUCT(struct vcpu_time_info, version, pad0, tsc_timestamp, system_time, tsc_to_system_mul,
	tsc_shift, flags, pad1)
STRUCT(struct vcpu_info, evtchn_upcall_pending, evtchn_upcall_mask, evtchn_pending_sel, arch, time)
STRUCT(struct shared_info, vcpu_info, evtchn_pending, evtchn_mask, wc_version, wc_sec, wc_nsec,
	arch)
#ifdef __i386__
FIELDS(struct shared_info, arch.wc_sec_hi)
#else
FIELDS(struct shared_info, wc_sec_hi)
#endif
STRUCT(struct start_info, magic, nr_pages, shared_info, flags, store_mfn, store_evtchn, console,
	console.domU, console.domU.mfn, console.domU.evtchn, console.dom0, console.dom0.info_off,
	console.dom0.info_size, pt_base, nr_pt_frames, mfn_list, mod_start, mod_len, cmd_line,
	first_p2m_pfn, nr_p2m_frames)
STRUCT(struct xen_multiboot_mod_list, mod_start, mod_end, cmdline, pad)
STRUCT(struct dom0_vga_console_info, video_type, u, u.text_mode_3, u.text_mode_3.font_height,
	u.text_mode_3.cursor_x, u.text_mode_3.cursor_y, u.text_mode_3.rows, u.text_mode_3.columns,
	u.vesa_lfb, u.vesa_lfb.width, u.vesa_lfb.height, u.vesa_lfb.bytes_per_line,
	u.vesa_lfb.bits_per_pixel, u.vesa_lfb.lfb_base, u.vesa_lfb.lfb_size, u.vesa_lfb.red_pos,
	u.vesa_lfb.red_size, u.vesa_lfb.green_pos, u.vesa_lfb.green_size, u.vesa_lfb.blue_pos,
	u.vesa_lfb.blue_size, u.vesa_lfb.rsvd_pos, u.vesa_lfb.rsvd_size, u.vesa_lfb.gbl_caps,
	u.vesa_lfb.mode_attrs, u.vesa_lfb.pad, u.vesa_lfb.ext_lfb_base)
STRUCT(struct xenctl_bitmap, bitmap, nr_bits)

/* arch-x86.h */
STRUCT(struct trap_info, vector, flags, cs, address)
#ifdef __i386__
STRUCT(struct cpu_user_regs, ebx, ecx, edx, esi, edi, ebp, eax, error_code, entry_vector, eip, cs,
	saved_upcall_mask, _pad0, eflags, esp, ss, _pad1, es, _pad2, ds, _pad3, fs, _pad4, gs,
	_pad5)
STRUCT(struct vcpu_guest_context, fpu_ctxt, fpu_ctxt.x, flags, user_regs, trap_ctxt, ldt_base,
	ldt_ents, gdt_frames, gdt_ents, kernel_ss, kernel_sp, ctrlreg, debugreg, event_callback_cs,
	event_callback_eip, failsafe_callback_cs, failsafe_callback_eip, vm_assist)
STRUCT(struct xen_callback, cs, eip)
#else
STRUCT(struct iret_context, rax, r11, rcx, flags, rip, cs, rflags, rsp, ss)
STRUCT(struct cpu_user_regs, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi,
	rdi, error_code, entry_vector, rip, cs, _pad0, saved_upcall_mask, _pad1, rflags, rsp, ss,
	_pad2, es, _pad3, ds, _pad4, fs, _pad5, gs, _pad6)
STRUCT(struct vcpu_guest_context, fpu_ctxt, fpu_ctxt.x, flags, user_regs, trap_ctxt, ldt_base,
	ldt_ents, gdt_frames, gdt_ents, kernel_ss, kernel_sp, ctrlreg, debugreg, event_callback_eip,
	failsafe_callback_eip, syscall_callback_eip, vm_assist, fs_base, gs_base_kernel,
	gs_base_user)
#endif
STRUCT(struct arch_shared_info, max_pfn, pfn_to_mfn_frame_list_list, nmi_reason, p2m_cr3, p2m_vaddr,
	p2m_generation)
STRUCT(struct arch_vcpu_info, cr2, pad)
STRUCT(struct xen_arch_domainconfig, emulation_flags, misc_flags)
STRUCT(struct xen_cpuid_leaf, leaf, subleaf, a, b, c, d)
STRUCT(struct xen_msr_entry, idx, flags, val)

/* version.h */
STRUCT(struct xen_compile_info, compiler, compile_by, compile_domain, compile_date)
STRUCT(struct xen_platform_parameters, virt_start)
STRUCT(struct xen_feature_info, submap_idx, submap)
STRUCT(struct xen_build_id, len)
FLEXIBLE(struct xen_build_id, buf)

/* event_channel.h */
STRUCT(struct evtchn_alloc_unbound, dom, remote_dom, port)
STRUCT(struct evtchn_bind_interdomain, remote_dom, remote_port, local_port)
STRUCT(struct evtchn_bind_virq, virq, vcpu, port)
STRUCT(struct evtchn_bind_pirq, pirq, flags, port)
STRUCT(struct evtchn_bind_ipi, vcpu, port)
STRUCT(struct evtchn_close, port)
STRUCT(struct evtchn_send, port)
STRUCT(struct evtchn_status, dom, port, status, vcpu, u, u.unbound, u.unbound.dom, u.interdomain,
	u.interdomain.dom, u.interdomain.port, u.pirq, u.virq)
STRUCT(struct evtchn_bind_vcpu, port, vcpu)
STRUCT(struct evtchn_unmask, port)
STRUCT(struct evtchn_reset, dom)
STRUCT(struct evtchn_init_control, control_gfn, offset, vcpu, link_bits, _pad)
STRUCT(struct evtchn_expand_array, array_gfn)
STRUCT(struct evtchn_set_priority, port, priority)
STRUCT(struct evtchn_op, cmd, u, u.alloc_unbound, u.bind_interdomain, u.bind_virq, u.bind_pirq,
	u.bind_ipi, u.close, u.send, u.status, u.bind_vcpu, u.unmask)
STRUCT(struct evtchn_fifo_control_block, ready, _rsvd, head)

/* sched.h */
STRUCT(struct sched_shutdown, reason)
STRUCT(struct sched_poll, ports, nr_ports, timeout)
STRUCT(struct sched_remote_shutdown, domain_id, reason)
STRUCT(struct sched_watchdog, id, timeout)
STRUCT(struct sched_pin_override, pcpu)

/* vcpu.h */
STRUCT(struct vcpu_runstate_info, state, state_entry_time, time)
STRUCT(struct vcpu_register_runstate_memory_area, addr, addr.h, addr.v, addr.p)
STRUCT(struct vcpu_set_periodic_timer, period_ns)
STRUCT(struct vcpu_set_singleshot_timer, timeout_abs_ns, flags)
STRUCT(struct vcpu_register_vcpu_info, mfn, offset, rsvd)
STRUCT(struct vcpu_get_physid, phys_id)
STRUCT(struct vcpu_register_time_memory_area, addr, addr.h, addr.v, addr.p)

/* callback.h */
STRUCT(struct callback_register, type, flags, address)
STRUCT(struct callback_unregister, type, _unused)

/* nmi.h */
STRUCT(struct xennmi_callback, handler_address, pad)

/* grant_table.h */
STRUCT(struct grant_entry_v1, flags, domid, frame)
STRUCT(struct grant_entry_header, flags, domid)
STRUCT(union grant_entry_v2, hdr, full_page, full_page.hdr, full_page.pad0, full_page.frame,
	sub_page, sub_page.hdr, sub_page.page_off, sub_page.length, sub_page.frame, transitive,
	transitive.hdr, transitive.trans_domid, transitive.pad0, transitive.gref, __spacer)
STRUCT(struct gnttab_map_grant_ref, host_addr, flags, ref, dom, status, handle, dev_bus_addr)
STRUCT(struct gnttab_unmap_grant_ref, host_addr, dev_bus_addr, handle, status)
STRUCT(struct gnttab_setup_table, dom, nr_frames, status, frame_list)
STRUCT(struct gnttab_dump_table, dom, status)
STRUCT(struct gnttab_transfer, mfn, domid, ref, status)
STRUCT(struct gnttab_copy, source, source.u, source.u.ref, source.u.gmfn, source.domid,
	source.offset, dest, dest.u, dest.u.ref, dest.u.gmfn, dest.domid, dest.offset, len, flags,
	status)
STRUCT(struct gnttab_query_size, dom, nr_frames, max_nr_frames, status)
STRUCT(struct gnttab_unmap_and_replace, host_addr, new_addr, handle, status)
STRUCT(struct gnttab_set_version, version)
STRUCT(struct gnttab_get_status_frames, nr_frames, dom, status, frame_list)
STRUCT(struct gnttab_get_version, dom, pad, version)
STRUCT(struct gnttab_swap_grant_ref, ref_a, ref_b, status)
STRUCT(struct gnttab_cache_flush, a, a.dev_bus_addr, a.ref, offset, length, op)

/* physdev.h */
STRUCT(struct physdev_eoi, irq)
STRUCT(struct physdev_pirq_eoi_gmfn, gmfn)
STRUCT(struct physdev_irq_status_query, irq, flags)
STRUCT(struct physdev_set_iopl, iopl)
STRUCT(struct physdev_set_iobitmap, bitmap, nr_ports)
STRUCT(struct physdev_apic, apic_physbase, reg, value)
STRUCT(struct physdev_irq, irq, vector)
STRUCT(struct physdev_map_pirq, domid, type, index, pirq, bus, devfn, entry_nr, table_base)
STRUCT(struct physdev_unmap_pirq, domid, pirq)
STRUCT(struct physdev_manage_pci, bus, devfn)
STRUCT(struct physdev_restore_msi, bus, devfn)
STRUCT(struct physdev_manage_pci_ext, bus, devfn, is_extfn, is_virtfn, physfn, physfn.bus,
	physfn.devfn)
STRUCT(struct physdev_op, cmd, u, u.irq_status_query, u.set_iopl, u.set_iobitmap, u.apic_op,
	u.irq_op)
STRUCT(struct physdev_setup_gsi, gsi, triggering, polarity)
STRUCT(struct physdev_get_free_pirq, type, pirq)
STRUCT(struct physdev_pci_mmcfg_reserved, address, segment, start_bus, end_bus, flags)
STRUCT(struct physdev_pci_device_add, seg, bus, devfn, flags, physfn, physfn.bus, physfn.devfn)
FLEXIBLE(struct physdev_pci_device_add, optarr)
STRUCT(struct physdev_pci_device, seg, bus, devfn)
STRUCT(struct physdev_dbgp_op, op, bus, u, u.pci)

/* memory.h */
STRUCT(struct xen_memory_reservation, extent_start, nr_extents, extent_order, mem_flags, domid)
STRUCT(struct xen_memory_exchange, in, out, nr_exchanged)
STRUCT(struct xen_memory_domain, domid)
STRUCT(struct xen_machphys_mfn_list, max_extents, extent_start, nr_extents)
STRUCT(struct xen_machphys_mapping, v_start, v_end, max_mfn)
STRUCT(struct xen_add_to_physmap, domid, size, space, idx, gpfn)
STRUCT(struct xen_add_to_physmap_batch, domid, space, size, u, u.foreign_domid, u.res0, idxs, gpfns,
	errs)
STRUCT(struct xen_remove_from_physmap, domid, gpfn)
STRUCT(struct xen_memory_map, nr_entries, buffer)
STRUCT(struct xen_foreign_memory_map, domid, map)
STRUCT(struct xen_pod_target, target_pages, tot_pages, pod_cache_pages, pod_entries, domid)
STRUCT(struct xen_mem_paging_op, op, domain, buffer, gfn)
STRUCT(struct xen_mem_access_op, op, access, domid, nr, pfn, pfn_list, access_list)
STRUCT(struct xen_mem_sharing_op, op, domain, u, u.nominate, u.nominate.u, u.nominate.u.gfn,
	u.nominate.u.grant_ref, u.nominate.handle, u.share, u.share.source_gfn,
	u.share.source_handle, u.share.client_gfn, u.share.client_handle, u.share.client_domain,
	u.range, u.range.first_gfn, u.range.last_gfn, u.range.opaque, u.range.client_domain,
	u.range._pad, u.debug, u.debug.u, u.debug.u.gfn, u.debug.u.mfn, u.debug.u.gref, u.fork,
	u.fork.parent_domain, u.fork.flags, u.fork.pad)
STRUCT(struct xen_reserved_device_memory, start_pfn, nr_pages)
STRUCT(struct xen_reserved_device_memory_map, flags, nr_entries, buffer, dev, dev.pci)
STRUCT(struct xen_mem_acquire_resource, domid, type, id, nr_frames, pad, frame, frame_list)
STRUCT(struct xen_vmemrange, start, end, flags, nid)
STRUCT(struct xen_vnuma_topology_info, domid, pad, nr_vnodes, nr_vcpus, nr_vmemranges, vdistance,
	vdistance.h, vdistance.pad, vcpu_to_vnode, vcpu_to_vnode.h, vcpu_to_vnode.pad, vmemrange,
	vmemrange.h, vmemrange.pad)

/* io/xs_wire.h */
STRUCT(struct xsd_sockmsg, type, req_id, tx_id, len)
STRUCT(struct xsd_errors, errnum, errstring)
STRUCT(struct xenstore_domain_interface, req, rsp, req_cons, req_prod, rsp_cons, rsp_prod,
	server_features, connection, error)

/* io/console.h */
STRUCT(struct xencons_interface, in, out, in_cons, in_prod, out_cons, out_prod)

/* io/blkif.h */
STRUCT(struct blkif_request_segment, gref, first_sect, last_sect)
STRUCT(struct blkif_request, operation, nr_segments, handle, id, sector_number, seg)
STRUCT(struct blkif_request_discard, operation, flag, handle, id, sector_number, nr_sectors)
STRUCT(struct blkif_request_indirect, operation, indirect_op, nr_segments, id, sector_number,
	handle, indirect_grefs)
STRUCT(struct blkif_response, id, operation, status)
STRUCT(union blkif_sring_entry, req, rsp)
STRUCT(struct blkif_sring, req_prod, req_event, rsp_prod, rsp_event, pvt, ring)
STRUCT(struct blkif_front_ring, req_prod_pvt, rsp_cons, nr_ents, sring)
STRUCT(struct blkif_back_ring, rsp_prod_pvt, req_cons, nr_ents, sring)

/* io/netif.h */
STRUCT(struct netif_tx_request, gref, offset, flags, id, size)
STRUCT(struct netif_tx_response, id, status)
STRUCT(struct netif_rx_request, id, pad, gref)
STRUCT(struct netif_rx_response, id, offset, flags, status)
STRUCT(struct netif_extra_info, type, flags, u, u.gso, u.gso.size, u.gso.type, u.gso.pad,
	u.gso.features, u.mcast, u.mcast.addr, u.hash, u.hash.type, u.hash.algorithm, u.hash.value,
	u.pad)
STRUCT(struct xen_netif_ctrl_request, id, type, data)
STRUCT(struct xen_netif_ctrl_response, id, type, status, data)
STRUCT(struct xen_netif_gref, ref, flags, status)
STRUCT(union netif_tx_sring_entry, req, rsp)
STRUCT(struct netif_tx_sring, req_prod, req_event, rsp_prod, rsp_event, pvt, ring)
STRUCT(struct netif_tx_front_ring, req_prod_pvt, rsp_cons, nr_ents, sring)
STRUCT(struct netif_tx_back_ring, rsp_prod_pvt, req_cons, nr_ents, sring)
STRUCT(union netif_rx_sring_entry, req, rsp)
STRUCT(struct netif_rx_sring, req_prod, req_event, rsp_prod, rsp_event, pvt, ring)
STRUCT(struct netif_rx_front_ring, req_prod_pvt, rsp_cons, nr_ents, sring)
STRUCT(struct netif_rx_back_ring, rsp_prod_pvt, req_cons, nr_ents, sring)
STRUCT(union xen_netif_ctrl_sring_entry, req, rsp)
STRUCT(struct xen_netif_ctrl_sring, req_prod, req_event, rsp_prod, rsp_event, pvt, ring)
STRUCT(struct xen_netif_ctrl_front_ring, req_prod_pvt, rsp_cons, nr_ents, sring)
STRUCT(struct xen_netif_ctrl_back_ring, rsp_prod_pvt, req_cons, nr_ents, sring)
