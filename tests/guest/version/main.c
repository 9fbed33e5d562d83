// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * xen_version and vm_assist. A kernel decides by these what it may use: the version that our
 * control ABI has, the features that stock Linux needs (A and D bits are kept on request, grant
 * mappings may carry software bits), none that we do not have (writable page tables as a promise,
 * translated memory). Unprivileged guests are not shown the command line. Commands that do not
 * exist and buffers that are not there are errors.
 * bits: 64 32
 */
#include "guest.h"

const char test_name[] = "version";

static union {
	char text[1024];
	struct xen_platform_parameters platform;
	struct xen_feature_info features;
	struct xen_compile_info compile;
	xen_domain_handle_t handle;
} u;

static long version(long cmd)
{
	return hypercall(xen_version, cmd, &u);
}

static bool contains(const char *text, const char *word)
{
	for (; *text; text++)
		if (!memcmp(text, word, strlen(word)))
			return true;
	return false;
}

void test_main(void)
{
	bool privileged = start_info->flags & SIF_INITDOMAIN;
	void *nowhere = (void *)0x10000;
	uint32_t f;

	check_eq(version(XENVER_version), 4 << 16 | 17);
	check_eq(version(XENVER_extraversion), 0);
	u.text[16] = 0;
	check(u.text[0] && strlen(u.text) < 16);
	check_eq(version(XENVER_compile_info), 0);
	check(u.compile.compiler[0]);
	check_eq(version(XENVER_capabilities), 0);
	check(contains(u.text, "xen-3.0-x86_64"));
	check_eq(version(XENVER_changeset), 0);
	check_eq(version(XENVER_platform_parameters), 0);
	check_eq(u.platform.virt_start, HYPERVISOR_VIRT_START);
	check_eq(hypercall(xen_version, (long)XENVER_pagesize, 0L), 4096);
	check_eq(version(XENVER_guest_handle), 0);

	u.features.submap_idx = 0;
	check_eq(version(XENVER_get_features), 0);
	f = u.features.submap;
	check(f >> XENFEAT_mmu_pt_update_preserve_ad & 1);
	check(f >> XENFEAT_gnttab_map_avail_bits & 1);
	check(!(f >> XENFEAT_writable_page_tables & 1));
	check(!(f >> XENFEAT_writable_descriptor_tables & 1));
	check(!(f >> XENFEAT_auto_translated_physmap & 1));
	check(!(f >> XENFEAT_supervisor_mode_kernel & 1));
	check_eq(f >> XENFEAT_dom0 & 1, privileged);
	u.features.submap_idx = XENFEAT_NR_SUBMAPS;
	check_eq(version(XENVER_get_features), -EINVAL);
	u.features.submap_idx = 0xffffffff;
	check_eq(version(XENVER_get_features), -EINVAL);

	if (privileged)
		check_eq(version(XENVER_commandline), 0);
	else
		check_refused(version(XENVER_commandline));
	check_eq(version(99), -ENOSYS);
	check_eq(version(-1), -ENOSYS);
	check_eq(hypercall(xen_version, (long)XENVER_capabilities, nowhere), -EFAULT);
	check_eq(hypercall(xen_version, (long)XENVER_get_features, nowhere), -EFAULT);

	check_eq(hypercall(vm_assist, (long)VMASST_CMD_enable,
			   (long)VMASST_TYPE_writable_pagetables),
		 0);
	check_eq(hypercall(vm_assist, (long)VMASST_CMD_enable, (long)VMASST_TYPE_4gb_segments), 0);
	check_eq(hypercall(vm_assist, (long)VMASST_CMD_disable,
			   (long)VMASST_TYPE_writable_pagetables),
		 0);
	check_eq(hypercall(vm_assist, (long)VMASST_CMD_enable, 31L), -EINVAL);
	check_eq(hypercall(vm_assist, (long)VMASST_CMD_enable, 1000L), -EINVAL);
	check_eq(hypercall(vm_assist, 7L, (long)VMASST_TYPE_4gb_segments), -ENOSYS);
}
