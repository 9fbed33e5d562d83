/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every structure of the control ABI: STRUCT() and SIZE() compare the whole,
 * STRUCT() and FIELDS() offset and size of each member (of the second element, inside arrays), and
 * FLEXIBLE() the offset of a trailing array.
 */

/* platform.h */
STRUCT(struct xenpf_settime32, secs, nsecs, system_time)
STRUCT(struct xenpf_settime64, secs, nsecs, mbz, system_time)
STRUCT(struct xenpf_add_memtype, mfn, nr_mfns, type, handle, reg)
STRUCT(struct xenpf_del_memtype, handle, reg)
STRUCT(struct xenpf_read_memtype, reg, mfn, nr_mfns, type)
STRUCT(struct xenpf_microcode_update, data, length)
STRUCT(struct xenpf_platform_quirk, quirk_id)
STRUCT(struct xenpf_efi_time, year, month, day, hour, min, sec, ns, tz, daylight)
STRUCT(struct xenpf_efi_guid, data1, data2, data3, data4)
STRUCT(struct xenpf_efi_runtime_call, function, misc, status, u, u.get_time, u.get_time.time,
	u.get_time.resolution, u.get_time.accuracy, u.set_time, u.get_wakeup_time,
	u.set_wakeup_time, u.get_variable, u.get_variable.name, u.get_variable.size,
	u.get_variable.data, u.get_variable.vendor_guid, u.set_variable, u.set_variable.name,
	u.set_variable.size, u.set_variable.data, u.set_variable.vendor_guid,
	u.get_next_variable_name, u.get_next_variable_name.size, u.get_next_variable_name.name,
	u.get_next_variable_name.vendor_guid, u.query_variable_info, u.query_variable_info.attr,
	u.query_variable_info.max_store_size, u.query_variable_info.remain_store_size,
	u.query_variable_info.max_size, u.query_capsule_capabilities,
	u.query_capsule_capabilities.capsule_header_array,
	u.query_capsule_capabilities.capsule_count, u.query_capsule_capabilities.max_capsule_size,
	u.query_capsule_capabilities.reset_type, u.update_capsule,
	u.update_capsule.capsule_header_array, u.update_capsule.capsule_count,
	u.update_capsule.sg_list)
STRUCT(union xenpf_efi_info, version, cfg, cfg.addr, cfg.nent, vendor, vendor.revision,
	vendor.bufsz, vendor.name, mem, mem.addr, mem.size, mem.attr, mem.type, pci_rom,
	pci_rom.segment, pci_rom.bus, pci_rom.devfn, pci_rom.vendor, pci_rom.devid, pci_rom.address,
	pci_rom.size, apple_properties, apple_properties.address, apple_properties.size)
STRUCT(struct xenpf_firmware_info, type, index, u, u.disk_info, u.disk_info.device,
	u.disk_info.version, u.disk_info.interface_support, u.disk_info.legacy_max_cylinder,
	u.disk_info.legacy_max_head, u.disk_info.legacy_sectors_per_track, u.disk_info.edd_params,
	u.disk_mbr_signature, u.disk_mbr_signature.device, u.disk_mbr_signature.mbr_signature,
	u.vbeddc_info, u.vbeddc_info.capabilities, u.vbeddc_info.edid_transfer_time,
	u.vbeddc_info.edid, u.efi_info, u.kbd_shift_flags)
STRUCT(struct xenpf_enter_acpi_sleep, val_a, val_b, sleep_state, flags)
STRUCT(struct xenpf_change_freq, flags, cpu, freq)
STRUCT(struct xenpf_getidletime, cpumap_bitmap, cpumap_nr_cpus, idletime, now)
STRUCT(struct xen_power_register, space_id, bit_width, bit_offset, access_size, address)
STRUCT(struct xen_processor_csd, domain, coord_type, num)
STRUCT(struct xen_processor_cx, reg, type, latency, power, dpcnt, dp)
SIZE(struct xen_processor_flags)
STRUCT(struct xen_processor_power, count, flags, states)
STRUCT(struct xen_pct_register, descriptor, length, space_id, bit_width, bit_offset, reserved,
	address)
STRUCT(struct xen_processor_px, core_frequency, power, transition_latency, bus_master_latency,
	control, status)
STRUCT(struct xen_psd_package, num_entries, revision, domain, coord_type, num_processors)
STRUCT(struct xen_processor_performance, flags, platform_limit, control_register, status_register,
	state_count, states, domain_info, shared_type)
STRUCT(struct xenpf_set_processor_pminfo, id, type, u, u.power, u.perf, u.pdc)
STRUCT(struct xenpf_pcpuinfo, xen_cpuid, max_present, flags, apic_id, acpi_id)
STRUCT(struct xenpf_pcpu_version, xen_cpuid, max_present, vendor_id, family, model, stepping)
STRUCT(struct xenpf_cpu_ol, cpuid)
STRUCT(struct xenpf_cpu_hotadd, apic_id, acpi_id, pxm)
STRUCT(struct xenpf_mem_hotadd, spfn, epfn, pxm, flags)
STRUCT(struct xenpf_core_parking, type, idle_nums)
STRUCT(struct xenpf_resource_entry, u, u.cmd, u.ret, rsvd, idx, val)
STRUCT(struct xenpf_resource_op, nr_entries, cpu, entries)
STRUCT(struct xenpf_symdata, namelen, symnum, name, address, type)
STRUCT(struct xen_platform_op, cmd, interface_version, u, u.settime, u.settime32, u.settime64,
	u.add_memtype, u.del_memtype, u.read_memtype, u.microcode, u.platform_quirk,
	u.efi_runtime_call, u.firmware_info, u.enter_acpi_sleep, u.change_freq, u.getidletime,
	u.set_pminfo, u.pcpu_info, u.pcpu_version, u.cpu_ol, u.cpu_add, u.mem_add, u.core_parking,
	u.resource_op, u.symdata, u.pad)

/* domctl.h */
STRUCT(struct xen_domctl_createdomain, ssidref, handle, flags, iommu_opts, max_vcpus,
	max_evtchn_port, max_grant_frames, max_maptrack_frames, grant_opts, vmtrace_size,
	cpupool_id, arch)
STRUCT(struct xen_domctl_getdomaininfo, domain, pad1, flags, tot_pages, max_pages,
	outstanding_pages, shr_pages, paged_pages, shared_info_frame, cpu_time, nr_online_vcpus,
	max_vcpu_id, ssidref, handle, cpupool, gpaddr_bits, pad2, arch_config)
STRUCT(struct xen_domctl_getpageframeinfo3, num, array)
STRUCT(struct xen_domctl_shadow_op_stats, fault_count, dirty_count)
STRUCT(struct xen_domctl_shadow_op, op, mode, mb, dirty_bitmap, pages, stats)
STRUCT(struct xen_domctl_max_mem, max_memkb)
STRUCT(struct xen_domctl_vcpucontext, vcpu, ctxt)
STRUCT(struct xen_domctl_getvcpuinfo, vcpu, online, blocked, running, cpu_time, cpu)
STRUCT(struct xen_domctl_nodeaffinity, nodemap)
STRUCT(struct xen_domctl_vcpuaffinity, vcpu, flags, cpumap_hard, cpumap_soft)
STRUCT(struct xen_domctl_max_vcpus, max)
STRUCT(struct xen_domctl_sched_credit, weight, cap)
STRUCT(struct xen_domctl_sched_credit2, weight, cap)
STRUCT(struct xen_domctl_sched_rtds, period, budget, flags)
STRUCT(struct xen_domctl_schedparam_vcpu, u, u.credit, u.credit2, u.rtds, vcpuid)
STRUCT(struct xen_domctl_scheduler_op, sched_id, cmd, u, u.credit, u.credit2, u.rtds, u.v,
	u.v.vcpus, u.v.nr_vcpus, u.v.padding)
STRUCT(struct xen_domctl_setdomainhandle, handle)
STRUCT(struct xen_domctl_setdebugging, enable)
STRUCT(struct xen_domctl_irq_permission, pirq, allow_access, pad)
STRUCT(struct xen_domctl_iomem_permission, first_mfn, nr_mfns, allow_access)
STRUCT(struct xen_domctl_ioport_permission, first_port, nr_ports, allow_access)
STRUCT(struct xen_domctl_hypercall_init, gmfn)
STRUCT(struct xen_domctl_settimeoffset, time_offset_seconds)
STRUCT(struct xen_domctl_hvmcontext, size, buffer)
STRUCT(struct xen_domctl_hvmcontext_partial, type, instance, bufsz, buffer)
STRUCT(struct xen_domctl_address_size, size)
STRUCT(struct xen_domctl_sendtrigger, trigger, vcpu)
STRUCT(struct xen_domctl_assign_device, dev, flags, u, u.pci, u.pci.machine_sbdf, u.dt, u.dt.size,
	u.dt.path)
STRUCT(struct xen_domctl_get_device_group, machine_sbdf, max_sdevs, num_sdevs, sdev_array)
STRUCT(struct xen_domctl_bind_pt_irq, machine_irq, irq_type, u, u.isa, u.isa.isa_irq, u.pci,
	u.pci.bus, u.pci.device, u.pci.intx, u.msi, u.msi.gvec, u.msi.gflags, u.msi.gtable, u.spi,
	u.spi.spi)
STRUCT(struct xen_domctl_memory_mapping, first_gfn, first_mfn, nr_mfns, add_mapping, padding)
STRUCT(struct xen_domctl_ioport_mapping, first_gport, first_mport, nr_ports, add_mapping)
STRUCT(struct hvm_vmce_vcpu, caps, mci_ctl2_bank0, mci_ctl2_bank1, mcg_ext_ctl)
STRUCT(struct xen_domctl_ext_vcpucontext, vcpu, size, syscall32_callback_eip, sysenter_callback_eip,
	syscall32_callback_cs, sysenter_callback_cs, syscall32_disables_events,
	sysenter_disables_events, mcg_cap, vmce)
STRUCT(struct xen_domctl_set_target, target)
STRUCT(struct xen_domctl_cpu_policy, nr_leaves, nr_msrs, leaves, msrs, err_leaf, err_subleaf,
	err_msr)
STRUCT(struct xen_domctl_subscribe, port)
STRUCT(struct xen_domctl_debug_op, op, vcpu)
STRUCT(struct xen_domctl_tsc_info, tsc_mode, gtsc_khz, incarnation, pad, elapsed_nsec)
STRUCT(struct xen_domctl_gdbsx_memio, pgd3val, gva, uva, len, gwr, remain)
STRUCT(struct xen_domctl_gdbsx_pauseunp_vcpu, vcpu)
STRUCT(struct xen_domctl_gdbsx_domstatus, paused, vcpu_id, vcpu_ev)
STRUCT(struct xen_domctl_vm_event_op, op, mode, u, u.enable, u.enable.port, u.version)
STRUCT(struct xen_domctl_mem_sharing_op, op, u, u.enable)
STRUCT(struct xen_domctl_audit_p2m, orphans, m2p_bad, p2m_bad)
STRUCT(struct xen_domctl_set_virq_handler, virq)
STRUCT(struct xen_domctl_vcpuextstate, vcpu, xfeature_mask, size, buffer)
STRUCT(struct xen_domctl_set_access_required, access_required)
STRUCT(struct xen_domctl_set_broken_page_p2m, pfn)
STRUCT(struct xen_domctl_cacheflush, start_pfn, nr_pfns)
STRUCT(struct xen_domctl_paging_mempool, size)
STRUCT(struct xen_domctl_vcpu_msr, index, reserved, value)
STRUCT(struct xen_domctl_vcpu_msrs, vcpu, msr_count, msrs)
STRUCT(struct xen_domctl_vnuma, nr_vnodes, nr_vmemranges, nr_vcpus, pad, vdistance, vcpu_to_vnode,
	vnode_to_pnode, vmemrange)
STRUCT(struct xen_domctl_psr_cmt_op, cmd, data)
STRUCT(struct xen_domctl_monitor_op, op, event, u, u.mov_to_cr, u.mov_to_cr.index, u.mov_to_cr.sync,
	u.mov_to_cr.onchangeonly, u.mov_to_cr.pad1, u.mov_to_cr.pad2, u.mov_to_cr.bitmask,
	u.mov_to_msr, u.mov_to_msr.msr, u.mov_to_msr.onchangeonly, u.guest_request,
	u.guest_request.sync, u.guest_request.allow_userspace, u.debug_exception,
	u.debug_exception.sync, u.vmexit, u.vmexit.sync)
STRUCT(struct xen_domctl_psr_alloc, cmd, target, data)
STRUCT(struct xen_domctl_vuart_op, cmd, type, gfn, console_domid, pad, evtchn)
STRUCT(struct xen_domctl_vmtrace_op, cmd, vcpu, key, value)
STRUCT(struct xen_domctl, cmd, interface_version, domain, _pad, u, u.createdomain, u.getdomaininfo,
	u.getpageframeinfo3, u.nodeaffinity, u.vcpuaffinity, u.shadow_op, u.max_mem, u.vcpucontext,
	u.getvcpuinfo, u.max_vcpus, u.scheduler_op, u.setdomainhandle, u.setdebugging,
	u.irq_permission, u.iomem_permission, u.ioport_permission, u.hypercall_init,
	u.settimeoffset, u.tsc_info, u.hvmcontext, u.hvmcontext_partial, u.address_size,
	u.sendtrigger, u.get_device_group, u.assign_device, u.bind_pt_irq, u.memory_mapping,
	u.ioport_mapping, u.ext_vcpucontext, u.set_target, u.subscribe, u.debug_op, u.vm_event_op,
	u.mem_sharing_op, u.cpu_policy, u.vcpuextstate, u.vcpu_msrs, u.access_required, u.audit_p2m,
	u.set_virq_handler, u.gdbsx_guest_memio, u.set_broken_page_p2m, u.cacheflush,
	u.gdbsx_pauseunp_vcpu, u.gdbsx_domstatus, u.vnuma, u.psr_cmt_op, u.monitor_op, u.psr_alloc,
	u.vuart_op, u.vmtrace_op, u.paging_mempool, u.pad)

/* sysctl.h */
STRUCT(struct xen_sysctl_readconsole, clear, incremental, pad0, pad1, index, buffer, count)
STRUCT(struct xen_sysctl_tbuf_op, cmd, cpu_mask, evt_mask, buffer_mfn, size)
STRUCT(struct xen_sysctl_physinfo, threads_per_core, cores_per_socket, nr_cpus, max_cpu_id,
	nr_nodes, max_node_id, cpu_khz, capabilities, arch_capabilities, pad, total_pages,
	free_pages, scrub_pages, outstanding_pages, max_mfn, hw_cap)
STRUCT(struct xen_sysctl_sched_id, sched_id)
STRUCT(struct xen_sysctl_perfc_desc, name, nr_vals)
STRUCT(struct xen_sysctl_perfc_op, cmd, nr_counters, nr_vals, desc, val)
STRUCT(struct xen_sysctl_getdomaininfolist, first_domain, max_domains, buffer, num_domains)
STRUCT(struct xen_sysctl_debug_keys, keys, nr_keys)
STRUCT(struct xen_sysctl_cpuinfo, idletime)
STRUCT(struct xen_sysctl_getcpuinfo, max_cpus, info, nr_cpus)
STRUCT(struct xen_sysctl_availheap, min_bitwidth, max_bitwidth, node, avail_bytes)
STRUCT(struct pm_px_val, freq, residency, count)
STRUCT(struct pm_px_stat, total, usable, last, cur, trans_pt, pt)
STRUCT(struct pm_cx_stat, nr, last, idle_time, triggers, residencies, nr_pc, nr_cc, pc, cc)
STRUCT(struct xen_sysctl_get_pmstat, type, cpuid, u, u.getpx, u.getcx)
STRUCT(struct xen_sysctl_cpu_hotplug, cpu, op)
STRUCT(struct xen_userspace, scaling_setspeed)
STRUCT(struct xen_ondemand, sampling_rate_max, sampling_rate_min, sampling_rate, up_threshold)
STRUCT(struct xen_get_cpufreq_para, cpu_num, freq_num, gov_num, affected_cpus,
	scaling_available_frequencies, scaling_available_governors, scaling_driver,
	cpuinfo_cur_freq, cpuinfo_max_freq, cpuinfo_min_freq, scaling_cur_freq, scaling_governor,
	scaling_max_freq, scaling_min_freq, u, u.userspace, u.ondemand, turbo_enabled)
STRUCT(struct xen_set_cpufreq_gov, scaling_governor)
STRUCT(struct xen_set_cpufreq_para, ctrl_type, ctrl_value)
STRUCT(struct xen_sysctl_pm_op, cmd, cpuid, u, u.get_para, u.set_gov, u.set_para, u.get_avgfreq,
	u.set_sched_opt_smt, u.get_max_cstate, u.set_max_cstate)
STRUCT(struct xen_sysctl_page_offline_op, cmd, start, end, status)
STRUCT(struct xen_sysctl_lockprof_data, name, type, idx, lock_cnt, block_cnt, lock_time, block_time)
STRUCT(struct xen_sysctl_lockprof_op, cmd, max_elem, nr_elem, time, data)
STRUCT(struct xen_sysctl_cputopo, core, socket, node)
STRUCT(struct xen_sysctl_cputopoinfo, num_cpus, cputopo)
STRUCT(struct xen_sysctl_meminfo, memsize, memfree)
STRUCT(struct xen_sysctl_numainfo, num_nodes, meminfo, distance)
STRUCT(struct xen_sysctl_cpupool_op, op, cpupool_id, sched_id, domid, cpu, n_dom, cpumap)
STRUCT(struct xen_sysctl_arinc653_schedule, major_frame, num_sched_entries, sched_entries,
	sched_entries[1].dom_handle, sched_entries[1].vcpu_id, sched_entries[1].runtime)
STRUCT(struct xen_sysctl_credit_schedule, tslice_ms, ratelimit_us, vcpu_migr_delay_us)
STRUCT(struct xen_sysctl_credit2_schedule, ratelimit_us)
STRUCT(struct xen_sysctl_scheduler_op, cpupool_id, sched_id, cmd, u, u.sched_arinc653,
	u.sched_arinc653.schedule, u.sched_credit, u.sched_credit2)
STRUCT(struct xen_sysctl_coverage_op, cmd, size, buffer)
STRUCT(struct xen_sysctl_psr_cmt_op, cmd, flags, u, u.data, u.l3_cache, u.l3_cache.cpu,
	u.l3_cache.rsvd)
STRUCT(struct xen_sysctl_pcitopoinfo, num_devs, devs, nodes)
STRUCT(struct xen_sysctl_psr_alloc, cmd, target, u, u.cat_info, u.cat_info.cbm_len,
	u.cat_info.cos_max, u.cat_info.flags, u.mba_info, u.mba_info.thrtl_max, u.mba_info.cos_max,
	u.mba_info.flags)
STRUCT(struct xen_sysctl_cpu_levelling_caps, caps)
STRUCT(struct xen_sysctl_cpu_featureset, index, nr_features, features)
STRUCT(struct xen_sysctl_cpu_policy, index, nr_leaves, nr_msrs, _rsvd, leaves, msrs)
STRUCT(struct xen_livepatch_name, name, size, pad)
STRUCT(struct xen_sysctl_livepatch_upload, name, size, payload)
STRUCT(struct xen_livepatch_status, state, rc)
STRUCT(struct xen_sysctl_livepatch_get, name, status)
STRUCT(struct xen_sysctl_livepatch_list, version, idx, nr, pad, name_total_size,
	metadata_total_size, status, name, len, metadata, metadata_len)
STRUCT(struct xen_sysctl_livepatch_action, name, cmd, timeout, flags, pad)
STRUCT(struct xen_sysctl_livepatch_op, cmd, pad, u, u.upload, u.list, u.get, u.action)
STRUCT(struct xen_sysctl, cmd, interface_version, u, u.readconsole, u.tbuf_op, u.physinfo,
	u.cputopoinfo, u.pcitopoinfo, u.numainfo, u.sched_id, u.perfc_op, u.getdomaininfolist,
	u.debug_keys, u.getcpuinfo, u.availheap, u.get_pmstat, u.cpu_hotplug, u.pm_op,
	u.page_offline, u.lockprof_op, u.cpupool_op, u.scheduler_op, u.coverage_op, u.psr_cmt_op,
	u.psr_alloc, u.cpu_levelling_caps, u.cpu_featureset, u.livepatch, u.cpu_policy, u.pad)

/* hvm/save.h */
STRUCT(struct hvm_save_descriptor, typecode, instance, length)
STRUCT(struct hvm_save_header, magic, version, changeset, cpuid, gtsc_khz)
STRUCT(struct hvm_hw_cpu, fpu_regs, rax, rbx, rcx, rdx, rbp, rsi, rdi, rsp, r8, r9, r10,
	r11, r12, r13, r14, r15, rip, rflags, cr0, cr2, cr3, cr4, dr0, dr1, dr2, dr3, dr6, dr7,
	cs_sel, ds_sel, es_sel, fs_sel, gs_sel, ss_sel, tr_sel, ldtr_sel, cs_limit, ds_limit,
	es_limit, fs_limit, gs_limit, ss_limit, tr_limit, ldtr_limit, idtr_limit, gdtr_limit,
	cs_base, ds_base, es_base, fs_base, gs_base, ss_base, tr_base, ldtr_base, idtr_base,
	gdtr_base, cs_arbytes, ds_arbytes, es_arbytes, fs_arbytes, gs_arbytes, ss_arbytes,
	tr_arbytes, ldtr_arbytes, sysenter_cs, sysenter_esp, sysenter_eip, shadow_gs, msr_flags,
	msr_lstar, msr_star, msr_cstar, msr_syscall_mask, msr_efer, msr_tsc_aux, tsc, pending_event,
	error_code, flags, pad0)

/* arch-x86/xen-mca.h */
STRUCT(struct mcinfo_msr, reg, value)
STRUCT(struct mcinfo_logical_cpu, mc_cpunr, mc_chipid, mc_coreid, mc_threadid, mc_apicid,
	mc_clusterid, mc_ncores, mc_ncores_active, mc_nthreads, mc_cpuid_level, mc_family,
	mc_vendor, mc_model, mc_step, mc_vendorid, mc_brandid, mc_cpu_caps, mc_cache_size,
	mc_cache_alignment, mc_nmsrvals, mc_msrvalues)
STRUCT(struct xen_mc_fetch, flags, _pad0, fetch_id, data)
STRUCT(struct xen_mc_physcpuinfo, ncpus, _pad0, info)
STRUCT(struct xen_mc, cmd, interface_version, u, u.mc_fetch, u.mc_physcpuinfo)
