// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain/version.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/mitigation.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "domain/refusal.h"
#include "lib/string.h"
#include "pv-abi/errno.h"
#include "pv-abi/features.h"
#include "pv-abi/ring1.h"
#include "pv-abi/version.h"

char saved_cmdline[1024];

/* The linker's note (ELF gABI, "Note Section"): sizes of name and content, type, "GNU", content. */
extern const u8 _build_id_start[], _build_id_end[];
#define NOTE_HEAD 16

/* The length, or -EFAULT, -EINVAL (no room at all), -ENOBUFS (too little), -ENODATA (none). */
static s64 build_id(u64 arg)
{
	s64 len = _build_id_end - _build_id_start - NOTE_HEAD;
	struct xen_build_id b;

	if (len <= 0)
		return -ENODATA;
	if (!arg)
		return len;
	if (get_guest(b, arg))
		return -EFAULT;
	if (!b.len)
		return -EINVAL;
	if (b.len < len)
		return -ENOBUFS;
	if (copy_to_guest(arg + sizeof(b), _build_id_start + NOTE_HEAD, (size_t)len))
		return -EFAULT;
	return len;
}

static u32 feature_word(const struct domain *d)
{
	u32 f = 1U << XENFEAT_mmu_pt_update_preserve_ad | 1U << XENFEAT_gnttab_map_avail_bits |
		1U << XENFEAT_memory_op_vnode_supported | 1U << XENFEAT_not_direct_mapped;

	if (atomic_read(&d->vm_assist) & BIT(VMASST_TYPE_pae_extended_cr3))
		f |= 1U << XENFEAT_pae_pgdir_above_4gb;
	if (d->p2m)
		f |= 1U << XENFEAT_auto_translated_physmap | 1U << XENFEAT_hvm_callback_vector |
		     1U << XENFEAT_hvm_safe_pvclock;
	if (d->privileged)
		f |= 1U << XENFEAT_dom0 | 1U << XENFEAT_linux_rsdp_unrestricted;
	return f;
}

s64 do_xen_version(u64 cmd, u64 arg)
{
	struct domain *d;

	/* Guests use this one to have their events looked at: nothing is shorter. */
	if ((u32)cmd == XENVER_version)
		return ABI_MAJOR << 16 | ABI_MINOR;
	d = current->domain;
	switch ((u32)cmd) {
	case XENVER_extraversion: {
		xen_extraversion_t v = { 0 };

		strlcpy(v, ".0-annulus", sizeof(v));
		return put_guest(v, arg);
	}
	case XENVER_compile_info: {
		struct xen_compile_info info = { 0 };

		strlcpy(info.compiler, "gcc " __VERSION__, sizeof(info.compiler));
		strlcpy(info.compile_by, "annulus", sizeof(info.compile_by));
		strlcpy(info.compile_domain, "annulus " ANNULUS_VERSION,
			sizeof(info.compile_domain));
		/* Not the time of the build: the same source gives the same binary. */
		strlcpy(info.compile_date, "reproducible", sizeof(info.compile_date));
		return put_guest(info, arg);
	}
	case XENVER_capabilities: {
		xen_capabilities_info_t v = { 0 };

		strlcpy(v, ring1_guests_allowed() ? "xen-3.0-x86_64 xen-3.0-x86_32p " :
						    "xen-3.0-x86_64 ",
			sizeof(v));
		return put_guest(v, arg);
	}
	case XENVER_changeset: {
		xen_changeset_info_t v = { 0 };

		strlcpy(v, "annulus " ANNULUS_VERSION, sizeof(v));
		return put_guest(v, arg);
	}
	case XENVER_platform_parameters: {
		struct xen_platform_parameters p = { .virt_start = HV_VIRT_START };

		return put_guest(p, arg);
	}
	case XENVER_get_features: {
		struct xen_feature_info f;

		if (get_guest(f, arg))
			return -EFAULT;
		if (f.submap_idx == ANNULUS_FEATURES) {
			f.submap = (u32)ring1_64bit_allowed() << ANNULUS_FEAT_ring1_offered |
				   (u32)d->ring1 << ANNULUS_FEAT_ring1;
			return put_guest(f, arg);
		}
		if (f.submap_idx >= XENFEAT_NR_SUBMAPS)
			return -EINVAL;
		f.submap = feature_word(d);
		return put_guest(f, arg);
	}
	case XENVER_pagesize:
		return PAGE_SIZE;
	case XENVER_guest_handle: {
		xen_domain_handle_t h;

		memcpy(h, d->handle, sizeof(h));
		return put_guest(h, arg);
	}
	case XENVER_commandline:
		if (!d->privileged)
			return -EPERM;
		return copy_to_guest(arg, saved_cmdline, sizeof(saved_cmdline));
	case XENVER_build_id:
		return d->privileged ? build_id(arg) : -EPERM;
	}
	return refused("xen_version", (u32)cmd, -ENOSYS);
}

s64 do_vm_assist(u64 cmd, u64 type)
{
	struct domain *d = current->domain;
	struct vcpu *v;
	const u64 valid = BIT(VMASST_TYPE_4gb_segments) | BIT(VMASST_TYPE_4gb_segments_notify) |
			  BIT(VMASST_TYPE_writable_pagetables) | BIT(VMASST_TYPE_pae_extended_cr3) |
			  BIT(VMASST_TYPE_architectural_iopl) |
			  BIT(VMASST_TYPE_runstate_update_flag);

	type = (u32)type;
	if (type >= 64 || !(valid & BIT(type)))
		return -EINVAL;
	switch ((u32)cmd) {
	case VMASST_CMD_enable:
		atomic_or(&d->vm_assist, BIT(type));
		break;
	case VMASST_CMD_disable:
		atomic_and(&d->vm_assist, ~BIT(type));
		break;
	default:
		return refused("vm_assist", (u32)cmd, -ENOSYS);
	}
	/* They look again when they have been here next. */
	for_each_vcpu(d, v)
		WRITE_ONCE(v->pv.short_way, false);
	return 0;
}
