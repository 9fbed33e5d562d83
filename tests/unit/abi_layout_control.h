/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every structure of the control ABI: SIZE() compares the whole,
 * FIELDS() offset and size of each member (of the second element, inside arrays), and
 * FLEXIBLE() the offset of a trailing array.
 */

/* platform.h */
SIZE(struct xenpf_settime32)
FIELDS(struct xenpf_settime32, secs, nsecs, system_time)
SIZE(struct xenpf_settime64)
FIELDS(struct xenpf_settime64, secs, nsecs, mbz, system_time)
SIZE(struct xenpf_add_memtype)
FIELDS(struct xenpf_add_memtype, mfn, nr_mfns, type, handle, reg)
SIZE(struct xenpf_del_memtype)
FIELDS(struct xenpf_del_memtype, handle, reg)
SIZE(struct xenpf_read_memtype)
FIELDS(struct xenpf_read_memtype, reg, mfn, nr_mfns, type)
SIZE(struct xenpf_microcode_update)
FIELDS(struct xenpf_microcode_update, data, length)
SIZE(struct xenpf_platform_quirk)
FIELDS(struct xenpf_platform_quirk, quirk_id)
SIZE(struct xenpf_efi_time)
FIELDS(struct xenpf_efi_time, year, month, day, hour, min, sec, ns, tz, daylight)
SIZE(struct xenpf_efi_guid)
FIELDS(struct xenpf_efi_guid, data1, data2, data3, data4)
SIZE(struct xenpf_efi_runtime_call)
FIELDS(struct xenpf_efi_runtime_call, function, misc, status, u, u.get_time,
	u.get_time.time, u.get_time.resolution, u.get_time.accuracy, u.set_time,
	u.get_wakeup_time, u.set_wakeup_time, u.get_variable, u.get_variable.name,
	u.get_variable.size, u.get_variable.data, u.get_variable.vendor_guid, u.set_variable,
	u.set_variable.name, u.set_variable.size, u.set_variable.data,
	u.set_variable.vendor_guid, u.get_next_variable_name, u.get_next_variable_name.size,
	u.get_next_variable_name.name, u.get_next_variable_name.vendor_guid,
	u.query_variable_info, u.query_variable_info.attr, u.query_variable_info.max_store_size,
	u.query_variable_info.remain_store_size, u.query_variable_info.max_size)
FIELDS(struct xenpf_efi_runtime_call, u.query_capsule_capabilities,
	u.query_capsule_capabilities.capsule_header_array,
	u.query_capsule_capabilities.capsule_count,
	u.query_capsule_capabilities.max_capsule_size, u.query_capsule_capabilities.reset_type,
	u.update_capsule, u.update_capsule.capsule_header_array, u.update_capsule.capsule_count,
	u.update_capsule.sg_list)
SIZE(union xenpf_efi_info)
FIELDS(union xenpf_efi_info, version, cfg, cfg.addr, cfg.nent, vendor, vendor.revision,
	vendor.bufsz, vendor.name, mem, mem.addr, mem.size, mem.attr, mem.type, pci_rom,
	pci_rom.segment, pci_rom.bus, pci_rom.devfn, pci_rom.vendor, pci_rom.devid,
	pci_rom.address, pci_rom.size, apple_properties, apple_properties.address,
	apple_properties.size)
SIZE(struct xenpf_firmware_info)
FIELDS(struct xenpf_firmware_info, type, index, u, u.disk_info, u.disk_info.device,
	u.disk_info.version, u.disk_info.interface_support, u.disk_info.legacy_max_cylinder,
	u.disk_info.legacy_max_head, u.disk_info.legacy_sectors_per_track,
	u.disk_info.edd_params, u.disk_mbr_signature, u.disk_mbr_signature.device,
	u.disk_mbr_signature.mbr_signature, u.vbeddc_info, u.vbeddc_info.capabilities,
	u.vbeddc_info.edid_transfer_time, u.vbeddc_info.edid, u.efi_info, u.kbd_shift_flags)
SIZE(struct xenpf_enter_acpi_sleep)
FIELDS(struct xenpf_enter_acpi_sleep, val_a, val_b, sleep_state, flags)
SIZE(struct xenpf_change_freq)
FIELDS(struct xenpf_change_freq, flags, cpu, freq)
SIZE(struct xenpf_getidletime)
FIELDS(struct xenpf_getidletime, cpumap_bitmap, cpumap_nr_cpus, idletime, now)
SIZE(struct xen_power_register)
FIELDS(struct xen_power_register, space_id, bit_width, bit_offset, access_size, address)
SIZE(struct xen_processor_csd)
FIELDS(struct xen_processor_csd, domain, coord_type, num)
SIZE(struct xen_processor_cx)
FIELDS(struct xen_processor_cx, reg, type, latency, power, dpcnt, dp)
SIZE(struct xen_processor_flags)
SIZE(struct xen_processor_power)
FIELDS(struct xen_processor_power, count, flags, states)
SIZE(struct xen_pct_register)
FIELDS(struct xen_pct_register, descriptor, length, space_id, bit_width, bit_offset,
	reserved, address)
SIZE(struct xen_processor_px)
FIELDS(struct xen_processor_px, core_frequency, power, transition_latency,
	bus_master_latency, control, status)
SIZE(struct xen_psd_package)
FIELDS(struct xen_psd_package, num_entries, revision, domain, coord_type, num_processors)
SIZE(struct xen_processor_performance)
FIELDS(struct xen_processor_performance, flags, platform_limit, control_register,
	status_register, state_count, states, domain_info, shared_type)
SIZE(struct xenpf_set_processor_pminfo)
FIELDS(struct xenpf_set_processor_pminfo, id, type, u, u.power, u.perf, u.pdc)
SIZE(struct xenpf_pcpuinfo)
FIELDS(struct xenpf_pcpuinfo, xen_cpuid, max_present, flags, apic_id, acpi_id)
SIZE(struct xenpf_pcpu_version)
FIELDS(struct xenpf_pcpu_version, xen_cpuid, max_present, vendor_id, family, model,
	stepping)
SIZE(struct xenpf_cpu_ol)
FIELDS(struct xenpf_cpu_ol, cpuid)
SIZE(struct xenpf_cpu_hotadd)
FIELDS(struct xenpf_cpu_hotadd, apic_id, acpi_id, pxm)
SIZE(struct xenpf_mem_hotadd)
FIELDS(struct xenpf_mem_hotadd, spfn, epfn, pxm, flags)
SIZE(struct xenpf_core_parking)
FIELDS(struct xenpf_core_parking, type, idle_nums)
SIZE(struct xenpf_resource_entry)
FIELDS(struct xenpf_resource_entry, u, u.cmd, u.ret, rsvd, idx, val)
SIZE(struct xenpf_resource_op)
FIELDS(struct xenpf_resource_op, nr_entries, cpu, entries)
SIZE(struct xenpf_symdata)
FIELDS(struct xenpf_symdata, namelen, symnum, name, address, type)
SIZE(struct xen_platform_op)
FIELDS(struct xen_platform_op, cmd, interface_version, u, u.settime, u.settime32,
	u.settime64, u.add_memtype, u.del_memtype, u.read_memtype, u.microcode, u.platform_quirk,
	u.efi_runtime_call, u.firmware_info, u.enter_acpi_sleep, u.change_freq, u.getidletime,
	u.set_pminfo, u.pcpu_info, u.pcpu_version, u.cpu_ol, u.cpu_add, u.mem_add,
	u.core_parking, u.resource_op, u.symdata, u.pad)

/* domctl.h */
SIZE(struct xen_domctl_createdomain)
FIELDS(struct xen_domctl_createdomain, ssidref, handle, flags, iommu_opts, max_vcpus,
	max_evtchn_port, max_grant_frames, max_maptrack_frames, grant_opts, vmtrace_size,
	cpupool_id, arch)
SIZE(struct xen_domctl_getdomaininfo)
FIELDS(struct xen_domctl_getdomaininfo, domain, pad1, flags, tot_pages, max_pages,
	outstanding_pages, shr_pages, paged_pages, shared_info_frame, cpu_time, nr_online_vcpus,
	max_vcpu_id, ssidref, handle, cpupool, gpaddr_bits, pad2, arch_config)
SIZE(struct xen_domctl_getpageframeinfo3)
FIELDS(struct xen_domctl_getpageframeinfo3, num, array)
SIZE(struct xen_domctl_shadow_op_stats)
FIELDS(struct xen_domctl_shadow_op_stats, fault_count, dirty_count)
SIZE(struct xen_domctl_shadow_op)
FIELDS(struct xen_domctl_shadow_op, op, mode, mb, dirty_bitmap, pages, stats)
SIZE(struct xen_domctl_max_mem)
FIELDS(struct xen_domctl_max_mem, max_memkb)
SIZE(struct xen_domctl_vcpucontext)
FIELDS(struct xen_domctl_vcpucontext, vcpu, ctxt)
SIZE(struct xen_domctl_getvcpuinfo)
FIELDS(struct xen_domctl_getvcpuinfo, vcpu, online, blocked, running, cpu_time, cpu)
SIZE(struct xen_domctl_nodeaffinity)
FIELDS(struct xen_domctl_nodeaffinity, nodemap)
SIZE(struct xen_domctl_vcpuaffinity)
FIELDS(struct xen_domctl_vcpuaffinity, vcpu, flags, cpumap_hard, cpumap_soft)
SIZE(struct xen_domctl_max_vcpus)
FIELDS(struct xen_domctl_max_vcpus, max)
SIZE(struct xen_domctl_sched_credit)
FIELDS(struct xen_domctl_sched_credit, weight, cap)
SIZE(struct xen_domctl_sched_credit2)
FIELDS(struct xen_domctl_sched_credit2, weight, cap)
SIZE(struct xen_domctl_sched_rtds)
FIELDS(struct xen_domctl_sched_rtds, period, budget, flags)
SIZE(struct xen_domctl_schedparam_vcpu)
FIELDS(struct xen_domctl_schedparam_vcpu, u, u.credit, u.credit2, u.rtds, vcpuid)
SIZE(struct xen_domctl_scheduler_op)
FIELDS(struct xen_domctl_scheduler_op, sched_id, cmd, u, u.credit, u.credit2, u.rtds, u.v,
	u.v.vcpus, u.v.nr_vcpus, u.v.padding)
SIZE(struct xen_domctl_setdomainhandle)
FIELDS(struct xen_domctl_setdomainhandle, handle)
SIZE(struct xen_domctl_setdebugging)
FIELDS(struct xen_domctl_setdebugging, enable)
SIZE(struct xen_domctl_irq_permission)
FIELDS(struct xen_domctl_irq_permission, pirq, allow_access, pad)
SIZE(struct xen_domctl_iomem_permission)
FIELDS(struct xen_domctl_iomem_permission, first_mfn, nr_mfns, allow_access)
SIZE(struct xen_domctl_ioport_permission)
FIELDS(struct xen_domctl_ioport_permission, first_port, nr_ports, allow_access)
SIZE(struct xen_domctl_hypercall_init)
FIELDS(struct xen_domctl_hypercall_init, gmfn)
SIZE(struct xen_domctl_settimeoffset)
FIELDS(struct xen_domctl_settimeoffset, time_offset_seconds)
SIZE(struct xen_domctl_hvmcontext)
FIELDS(struct xen_domctl_hvmcontext, size, buffer)
SIZE(struct xen_domctl_hvmcontext_partial)
FIELDS(struct xen_domctl_hvmcontext_partial, type, instance, bufsz, buffer)
SIZE(struct xen_domctl_address_size)
FIELDS(struct xen_domctl_address_size, size)
SIZE(struct xen_domctl_sendtrigger)
FIELDS(struct xen_domctl_sendtrigger, trigger, vcpu)
SIZE(struct xen_domctl_assign_device)
FIELDS(struct xen_domctl_assign_device, dev, flags, u, u.pci, u.pci.machine_sbdf, u.dt,
	u.dt.size, u.dt.path)
SIZE(struct xen_domctl_get_device_group)
FIELDS(struct xen_domctl_get_device_group, machine_sbdf, max_sdevs, num_sdevs, sdev_array)
SIZE(struct xen_domctl_bind_pt_irq)
FIELDS(struct xen_domctl_bind_pt_irq, machine_irq, irq_type, u, u.isa, u.isa.isa_irq,
	u.pci, u.pci.bus, u.pci.device, u.pci.intx, u.msi, u.msi.gvec, u.msi.gflags,
	u.msi.gtable, u.spi, u.spi.spi)
SIZE(struct xen_domctl_memory_mapping)
FIELDS(struct xen_domctl_memory_mapping, first_gfn, first_mfn, nr_mfns, add_mapping,
	padding)
SIZE(struct xen_domctl_ioport_mapping)
FIELDS(struct xen_domctl_ioport_mapping, first_gport, first_mport, nr_ports, add_mapping)
SIZE(struct hvm_vmce_vcpu)
FIELDS(struct hvm_vmce_vcpu, caps, mci_ctl2_bank0, mci_ctl2_bank1, mcg_ext_ctl)
SIZE(struct xen_domctl_ext_vcpucontext)
FIELDS(struct xen_domctl_ext_vcpucontext, vcpu, size, syscall32_callback_eip,
	sysenter_callback_eip, syscall32_callback_cs, sysenter_callback_cs,
	syscall32_disables_events, sysenter_disables_events, mcg_cap, vmce)
SIZE(struct xen_domctl_set_target)
FIELDS(struct xen_domctl_set_target, target)
SIZE(struct xen_domctl_cpu_policy)
FIELDS(struct xen_domctl_cpu_policy, nr_leaves, nr_msrs, leaves, msrs, err_leaf,
	err_subleaf, err_msr)
SIZE(struct xen_domctl_subscribe)
FIELDS(struct xen_domctl_subscribe, port)
SIZE(struct xen_domctl_debug_op)
FIELDS(struct xen_domctl_debug_op, op, vcpu)
SIZE(struct xen_domctl_tsc_info)
FIELDS(struct xen_domctl_tsc_info, tsc_mode, gtsc_khz, incarnation, pad, elapsed_nsec)
SIZE(struct xen_domctl_gdbsx_memio)
FIELDS(struct xen_domctl_gdbsx_memio, pgd3val, gva, uva, len, gwr, remain)
SIZE(struct xen_domctl_gdbsx_pauseunp_vcpu)
FIELDS(struct xen_domctl_gdbsx_pauseunp_vcpu, vcpu)
SIZE(struct xen_domctl_gdbsx_domstatus)
FIELDS(struct xen_domctl_gdbsx_domstatus, paused, vcpu_id, vcpu_ev)
SIZE(struct xen_domctl_vm_event_op)
FIELDS(struct xen_domctl_vm_event_op, op, mode, u, u.enable, u.enable.port, u.version)
SIZE(struct xen_domctl_mem_sharing_op)
FIELDS(struct xen_domctl_mem_sharing_op, op, u, u.enable)
SIZE(struct xen_domctl_audit_p2m)
FIELDS(struct xen_domctl_audit_p2m, orphans, m2p_bad, p2m_bad)
SIZE(struct xen_domctl_set_virq_handler)
FIELDS(struct xen_domctl_set_virq_handler, virq)
SIZE(struct xen_domctl_vcpuextstate)
FIELDS(struct xen_domctl_vcpuextstate, vcpu, xfeature_mask, size, buffer)
SIZE(struct xen_domctl_set_access_required)
FIELDS(struct xen_domctl_set_access_required, access_required)
SIZE(struct xen_domctl_set_broken_page_p2m)
FIELDS(struct xen_domctl_set_broken_page_p2m, pfn)
SIZE(struct xen_domctl_cacheflush)
FIELDS(struct xen_domctl_cacheflush, start_pfn, nr_pfns)
SIZE(struct xen_domctl_paging_mempool)
FIELDS(struct xen_domctl_paging_mempool, size)
SIZE(struct xen_domctl_vcpu_msr)
FIELDS(struct xen_domctl_vcpu_msr, index, reserved, value)
SIZE(struct xen_domctl_vcpu_msrs)
FIELDS(struct xen_domctl_vcpu_msrs, vcpu, msr_count, msrs)
SIZE(struct xen_domctl_vnuma)
FIELDS(struct xen_domctl_vnuma, nr_vnodes, nr_vmemranges, nr_vcpus, pad, vdistance,
	vcpu_to_vnode, vnode_to_pnode, vmemrange)
SIZE(struct xen_domctl_psr_cmt_op)
FIELDS(struct xen_domctl_psr_cmt_op, cmd, data)
SIZE(struct xen_domctl_monitor_op)
FIELDS(struct xen_domctl_monitor_op, op, event, u, u.mov_to_cr, u.mov_to_cr.index,
	u.mov_to_cr.sync, u.mov_to_cr.onchangeonly, u.mov_to_cr.pad1, u.mov_to_cr.pad2,
	u.mov_to_cr.bitmask, u.mov_to_msr, u.mov_to_msr.msr, u.mov_to_msr.onchangeonly,
	u.guest_request, u.guest_request.sync, u.guest_request.allow_userspace,
	u.debug_exception, u.debug_exception.sync, u.vmexit, u.vmexit.sync)
SIZE(struct xen_domctl_psr_alloc)
FIELDS(struct xen_domctl_psr_alloc, cmd, target, data)
SIZE(struct xen_domctl_vuart_op)
FIELDS(struct xen_domctl_vuart_op, cmd, type, gfn, console_domid, pad, evtchn)
SIZE(struct xen_domctl_vmtrace_op)
FIELDS(struct xen_domctl_vmtrace_op, cmd, vcpu, key, value)
SIZE(struct xen_domctl)
FIELDS(struct xen_domctl, cmd, interface_version, domain, _pad, u, u.createdomain,
	u.getdomaininfo, u.getpageframeinfo3, u.nodeaffinity, u.vcpuaffinity, u.shadow_op,
	u.max_mem, u.vcpucontext, u.getvcpuinfo, u.max_vcpus, u.scheduler_op, u.setdomainhandle,
	u.setdebugging, u.irq_permission, u.iomem_permission, u.ioport_permission,
	u.hypercall_init, u.settimeoffset, u.tsc_info, u.hvmcontext, u.hvmcontext_partial,
	u.address_size, u.sendtrigger, u.get_device_group, u.assign_device)
FIELDS(struct xen_domctl, u.bind_pt_irq, u.memory_mapping, u.ioport_mapping,
	u.ext_vcpucontext, u.set_target, u.subscribe, u.debug_op, u.vm_event_op,
	u.mem_sharing_op, u.cpu_policy, u.vcpuextstate, u.vcpu_msrs, u.access_required,
	u.audit_p2m, u.set_virq_handler, u.gdbsx_guest_memio, u.set_broken_page_p2m,
	u.cacheflush, u.gdbsx_pauseunp_vcpu, u.gdbsx_domstatus, u.vnuma, u.psr_cmt_op,
	u.monitor_op, u.psr_alloc, u.vuart_op, u.vmtrace_op, u.paging_mempool, u.pad)

/* sysctl.h */
SIZE(struct xen_sysctl_readconsole)
FIELDS(struct xen_sysctl_readconsole, clear, incremental, pad0, pad1, index, buffer,
	count)
SIZE(struct xen_sysctl_tbuf_op)
FIELDS(struct xen_sysctl_tbuf_op, cmd, cpu_mask, evt_mask, buffer_mfn, size)
SIZE(struct xen_sysctl_physinfo)
FIELDS(struct xen_sysctl_physinfo, threads_per_core, cores_per_socket, nr_cpus,
	max_cpu_id, nr_nodes, max_node_id, cpu_khz, capabilities, arch_capabilities, pad,
	total_pages, free_pages, scrub_pages, outstanding_pages, max_mfn, hw_cap)
SIZE(struct xen_sysctl_sched_id)
FIELDS(struct xen_sysctl_sched_id, sched_id)
SIZE(struct xen_sysctl_perfc_desc)
FIELDS(struct xen_sysctl_perfc_desc, name, nr_vals)
SIZE(struct xen_sysctl_perfc_op)
FIELDS(struct xen_sysctl_perfc_op, cmd, nr_counters, nr_vals, desc, val)
SIZE(struct xen_sysctl_getdomaininfolist)
FIELDS(struct xen_sysctl_getdomaininfolist, first_domain, max_domains, buffer,
	num_domains)
SIZE(struct xen_sysctl_debug_keys)
FIELDS(struct xen_sysctl_debug_keys, keys, nr_keys)
SIZE(struct xen_sysctl_cpuinfo)
FIELDS(struct xen_sysctl_cpuinfo, idletime)
SIZE(struct xen_sysctl_getcpuinfo)
FIELDS(struct xen_sysctl_getcpuinfo, max_cpus, info, nr_cpus)
SIZE(struct xen_sysctl_availheap)
FIELDS(struct xen_sysctl_availheap, min_bitwidth, max_bitwidth, node, avail_bytes)
SIZE(struct pm_px_val)
FIELDS(struct pm_px_val, freq, residency, count)
SIZE(struct pm_px_stat)
FIELDS(struct pm_px_stat, total, usable, last, cur, trans_pt, pt)
SIZE(struct pm_cx_stat)
FIELDS(struct pm_cx_stat, nr, last, idle_time, triggers, residencies, nr_pc, nr_cc, pc,
	cc)
SIZE(struct xen_sysctl_get_pmstat)
FIELDS(struct xen_sysctl_get_pmstat, type, cpuid, u, u.getpx, u.getcx)
SIZE(struct xen_sysctl_cpu_hotplug)
FIELDS(struct xen_sysctl_cpu_hotplug, cpu, op)
SIZE(struct xen_userspace)
FIELDS(struct xen_userspace, scaling_setspeed)
SIZE(struct xen_ondemand)
FIELDS(struct xen_ondemand, sampling_rate_max, sampling_rate_min, sampling_rate,
	up_threshold)
SIZE(struct xen_get_cpufreq_para)
FIELDS(struct xen_get_cpufreq_para, cpu_num, freq_num, gov_num, affected_cpus,
	scaling_available_frequencies, scaling_available_governors, scaling_driver,
	cpuinfo_cur_freq, cpuinfo_max_freq, cpuinfo_min_freq, scaling_cur_freq, scaling_governor,
	scaling_max_freq, scaling_min_freq, u, u.userspace, u.ondemand, turbo_enabled)
SIZE(struct xen_set_cpufreq_gov)
FIELDS(struct xen_set_cpufreq_gov, scaling_governor)
SIZE(struct xen_set_cpufreq_para)
FIELDS(struct xen_set_cpufreq_para, ctrl_type, ctrl_value)
SIZE(struct xen_sysctl_pm_op)
FIELDS(struct xen_sysctl_pm_op, cmd, cpuid, u, u.get_para, u.set_gov, u.set_para,
	u.get_avgfreq, u.set_sched_opt_smt, u.get_max_cstate, u.set_max_cstate)
SIZE(struct xen_sysctl_page_offline_op)
FIELDS(struct xen_sysctl_page_offline_op, cmd, start, end, status)
SIZE(struct xen_sysctl_lockprof_data)
FIELDS(struct xen_sysctl_lockprof_data, name, type, idx, lock_cnt, block_cnt, lock_time,
	block_time)
SIZE(struct xen_sysctl_lockprof_op)
FIELDS(struct xen_sysctl_lockprof_op, cmd, max_elem, nr_elem, time, data)
SIZE(struct xen_sysctl_cputopo)
FIELDS(struct xen_sysctl_cputopo, core, socket, node)
SIZE(struct xen_sysctl_cputopoinfo)
FIELDS(struct xen_sysctl_cputopoinfo, num_cpus, cputopo)
SIZE(struct xen_sysctl_meminfo)
FIELDS(struct xen_sysctl_meminfo, memsize, memfree)
SIZE(struct xen_sysctl_numainfo)
FIELDS(struct xen_sysctl_numainfo, num_nodes, meminfo, distance)
SIZE(struct xen_sysctl_cpupool_op)
FIELDS(struct xen_sysctl_cpupool_op, op, cpupool_id, sched_id, domid, cpu, n_dom, cpumap)
SIZE(struct xen_sysctl_arinc653_schedule)
FIELDS(struct xen_sysctl_arinc653_schedule, major_frame, num_sched_entries, sched_entries,
	sched_entries[1].dom_handle, sched_entries[1].vcpu_id, sched_entries[1].runtime)
SIZE(struct xen_sysctl_credit_schedule)
FIELDS(struct xen_sysctl_credit_schedule, tslice_ms, ratelimit_us, vcpu_migr_delay_us)
SIZE(struct xen_sysctl_credit2_schedule)
FIELDS(struct xen_sysctl_credit2_schedule, ratelimit_us)
SIZE(struct xen_sysctl_scheduler_op)
FIELDS(struct xen_sysctl_scheduler_op, cpupool_id, sched_id, cmd, u, u.sched_arinc653,
	u.sched_arinc653.schedule, u.sched_credit, u.sched_credit2)
SIZE(struct xen_sysctl_coverage_op)
FIELDS(struct xen_sysctl_coverage_op, cmd, size, buffer)
SIZE(struct xen_sysctl_psr_cmt_op)
FIELDS(struct xen_sysctl_psr_cmt_op, cmd, flags, u, u.data, u.l3_cache, u.l3_cache.cpu,
	u.l3_cache.rsvd)
SIZE(struct xen_sysctl_pcitopoinfo)
FIELDS(struct xen_sysctl_pcitopoinfo, num_devs, devs, nodes)
SIZE(struct xen_sysctl_psr_alloc)
FIELDS(struct xen_sysctl_psr_alloc, cmd, target, u, u.cat_info, u.cat_info.cbm_len,
	u.cat_info.cos_max, u.cat_info.flags, u.mba_info, u.mba_info.thrtl_max,
	u.mba_info.cos_max, u.mba_info.flags)
SIZE(struct xen_sysctl_cpu_levelling_caps)
FIELDS(struct xen_sysctl_cpu_levelling_caps, caps)
SIZE(struct xen_sysctl_cpu_featureset)
FIELDS(struct xen_sysctl_cpu_featureset, index, nr_features, features)
SIZE(struct xen_sysctl_cpu_policy)
FIELDS(struct xen_sysctl_cpu_policy, index, nr_leaves, nr_msrs, _rsvd, leaves, msrs)
SIZE(struct xen_livepatch_name)
FIELDS(struct xen_livepatch_name, name, size, pad)
SIZE(struct xen_sysctl_livepatch_upload)
FIELDS(struct xen_sysctl_livepatch_upload, name, size, payload)
SIZE(struct xen_livepatch_status)
FIELDS(struct xen_livepatch_status, state, rc)
SIZE(struct xen_sysctl_livepatch_get)
FIELDS(struct xen_sysctl_livepatch_get, name, status)
SIZE(struct xen_sysctl_livepatch_list)
FIELDS(struct xen_sysctl_livepatch_list, version, idx, nr, pad, name_total_size,
	metadata_total_size, status, name, len, metadata, metadata_len)
SIZE(struct xen_sysctl_livepatch_action)
FIELDS(struct xen_sysctl_livepatch_action, name, cmd, timeout, flags, pad)
SIZE(struct xen_sysctl_livepatch_op)
FIELDS(struct xen_sysctl_livepatch_op, cmd, pad, u, u.upload, u.list, u.get, u.action)
SIZE(struct xen_sysctl)
FIELDS(struct xen_sysctl, cmd, interface_version, u, u.readconsole, u.tbuf_op, u.physinfo,
	u.cputopoinfo, u.pcitopoinfo, u.numainfo, u.sched_id, u.perfc_op, u.getdomaininfolist,
	u.debug_keys, u.getcpuinfo, u.availheap, u.get_pmstat, u.cpu_hotplug, u.pm_op,
	u.page_offline, u.lockprof_op, u.cpupool_op, u.scheduler_op, u.coverage_op, u.psr_cmt_op,
	u.psr_alloc, u.cpu_levelling_caps, u.cpu_featureset, u.livepatch, u.cpu_policy, u.pad)
