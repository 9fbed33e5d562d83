/* SPDX-License-Identifier: MIT */
/* Scheduling on the guest's side: __HYPERVISOR_sched_op(cmd, struct). */
#ifndef PV_ABI_SCHED_H
#define PV_ABI_SCHED_H

#include "event_channel.h"

#define SCHEDOP_yield			0	/* no argument */
#define SCHEDOP_block			1	/* no argument; also unmasks upcalls */
#define SCHEDOP_shutdown		2	/* sched_shutdown; suspend: rdx is start_info mfn */
#define SCHEDOP_poll			3	/* sched_poll */
#define SCHEDOP_remote_shutdown		4	/* sched_remote_shutdown, privileged */
#define SCHEDOP_shutdown_code		5	/* sched_shutdown: sets the reason only */
#define SCHEDOP_watchdog		6	/* sched_watchdog; returns the id of a new one */
#define SCHEDOP_pin_override		7	/* sched_pin_override, dom0 */

/* Why a domain stopped. */
#define SHUTDOWN_poweroff		0
#define SHUTDOWN_reboot			1
#define SHUTDOWN_suspend		2
#define SHUTDOWN_crash			3
#define SHUTDOWN_watchdog		4
#define SHUTDOWN_soft_reset		5
#define SHUTDOWN_MAX			5

#ifndef __ASSEMBLER__

struct sched_shutdown {
	uint32_t reason;		/* SHUTDOWN_* */
};

struct sched_poll {
	XEN_GUEST_HANDLE(evtchn_port_t) ports;
	uint32_t nr_ports;		/* at most 128 */
	uint64_t timeout;		/* ns of system time, absolute; 0: none */
};

struct sched_remote_shutdown {
	domid_t domain_id;
	uint32_t reason;		/* SHUTDOWN_* */
};

struct sched_watchdog {
	uint32_t id;			/* 0 makes a new one */
	uint32_t timeout;		/* seconds from now; 0 stops the watchdog */
};

struct sched_pin_override {
	int32_t pcpu;			/* negative undoes it */
};

#endif /* !__ASSEMBLER__ */

#endif /* PV_ABI_SCHED_H */
