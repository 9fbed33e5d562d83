/* SPDX-License-Identifier: MIT */
/* Virtual CPUs on the guest's side: __HYPERVISOR_vcpu_op(cmd, vcpu, struct). */
#ifndef PV_ABI_VCPU_H
#define PV_ABI_VCPU_H

#include "xen.h"

#define VCPUOP_initialise			0	/* vcpu_guest_context */
#define VCPUOP_up				1
#define VCPUOP_down				2
#define VCPUOP_is_up				3	/* returns 0 or 1 */
#define VCPUOP_get_runstate_info		4	/* vcpu_runstate_info */
#define VCPUOP_register_runstate_memory_area	5	/* vcpu_register_runstate_memory_area */
#define VCPUOP_set_periodic_timer		6	/* own vcpu only */
#define VCPUOP_stop_periodic_timer		7	/* own vcpu only */
#define VCPUOP_set_singleshot_timer		8	/* own vcpu only */
#define VCPUOP_stop_singleshot_timer		9	/* own vcpu only */
#define VCPUOP_register_vcpu_info		10	/* once per vcpu */
#define VCPUOP_send_nmi				11
#define VCPUOP_get_physid			12	/* only for a pinned vcpu */
#define VCPUOP_register_vcpu_time_memory_area	13

/* What a vcpu is doing, vcpu_runstate_info.state and the index of .time. */
#define RUNSTATE_running	0
#define RUNSTATE_runnable	1	/* waits for a CPU */
#define RUNSTATE_blocked	2	/* waits for an event */
#define RUNSTATE_offline	3	/* paused, or not up */

/* Top bit of state_entry_time while the structure is being rewritten. */
#define XEN_RUNSTATE_UPDATE	(xen_mk_ullong(1) << 63)

/* vcpu_set_singleshot_timer.flags: fail with -ETIME if the time has passed. */
#define _VCPU_SSHOTTMR_future	0
#define VCPU_SSHOTTMR_future	(1 << _VCPU_SSHOTTMR_future)

#ifndef __ASSEMBLER__

struct vcpu_runstate_info {
	int32_t state;			/* RUNSTATE_* */
	uint64_t state_entry_time;	/* ns of system time */
	uint64_t time[4];		/* ns spent in each state */
};

struct vcpu_register_runstate_memory_area {
	union {
		XEN_GUEST_HANDLE(struct vcpu_runstate_info) h;
		xen_ulong_t v;
		uint64_t p;
	} addr;				/* guest virtual address */
};

struct vcpu_set_periodic_timer {
	uint64_t period_ns;
};

struct vcpu_set_singleshot_timer {
	uint64_t timeout_abs_ns;	/* system time */
	uint32_t flags;			/* VCPU_SSHOTTMR_* */
};

struct vcpu_register_vcpu_info {
	uint64_t mfn;
	uint32_t offset;		/* bytes into the frame; must not cross its end */
	uint32_t rsvd;
};

struct vcpu_get_physid {
	uint64_t phys_id;		/* OUT: APIC id low half, ACPI id high half */
};

#define xen_vcpu_physid_to_x86_apicid(physid)	((uint32_t)(physid))
#define xen_vcpu_physid_to_x86_acpiid(physid)	((uint32_t)((physid) >> 32))

struct vcpu_register_time_memory_area {
	union {
		XEN_GUEST_HANDLE(struct vcpu_time_info) h;
		xen_ulong_t v;
		uint64_t p;
	} addr;				/* guest virtual address */
};

#endif /* !__ASSEMBLER__ */

#endif /* PV_ABI_VCPU_H */
