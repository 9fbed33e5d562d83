// SPDX-License-Identifier: GPL-2.0-or-later
// kind: pvh
// emulator: qemu
// alone: yes
// cpu: qemu64,+svm,+npt
/*
 * A PVH guest that goes on using a page after it has unmapped the grant of it: nothing is there any
 * more, and it is crashed, alone.
 */
#include "pvh.h"

const char test_name[] = "dies-pvh-grant";

#define TABLE	((volatile struct grant_entry_v1 *)0x3001000UL)
#define MAPPED	((volatile char *)0x9000000UL)
static volatile char page[4096] __attribute__((aligned(4096)));

void test_main(void)
{
	struct xen_add_to_physmap add = { .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table,
					  .gpfn = (unsigned long)TABLE >> 12 };
	struct gnttab_map_grant_ref map = { .host_addr = (unsigned long)MAPPED, .ref = 9,
					    .flags = GNTMAP_host_map, .dom = DOMID_SELF,
					    .status = GNTST_general_error };
	struct gnttab_unmap_grant_ref unmap = { .host_addr = (unsigned long)MAPPED };

	check_eq(hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (unsigned long)&add, 0),
		 0);
	TABLE[9].frame = (uint32_t)((unsigned long)page >> 12);
	/* Whoever it is: one number after the other. */
	for (unsigned id = 0; id < 16 && map.status; id++) {
		TABLE[9].domid = (domid_t)id;
		TABLE[9].flags = GTF_permit_access;
		check_eq(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref,
				   (unsigned long)&map, 1), 0);
	}
	check_eq(map.status, GNTST_okay);
	*MAPPED = 5;
	check_eq(page[0], 5);
	unmap.handle = map.handle;
	check_eq(hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref,
			   (unsigned long)&unmap, 1), 0);
	check_eq(unmap.status, GNTST_okay);
	say("RESULT dies-pvh-grant DIES\n");
	*MAPPED = 6;
}
