/* SPDX-License-Identifier: MIT */
/* Entry points the hypervisor calls in a guest kernel: __HYPERVISOR_callback_op(cmd, struct). */
#ifndef PV_ABI_CALLBACK_H
#define PV_ABI_CALLBACK_H

#include "xen.h"

#define CALLBACKOP_register		0	/* callback_register */
#define CALLBACKOP_unregister		1	/* callback_unregister */

#define CALLBACKTYPE_event		0
#define CALLBACKTYPE_failsafe		1	/* iret or a segment load failed */
#define CALLBACKTYPE_syscall		2	/* from 64-bit user mode */
#define CALLBACKTYPE_sysenter_deprecated 3
#define CALLBACKTYPE_nmi		4
#define CALLBACKTYPE_sysenter		5
#define CALLBACKTYPE_syscall32		7	/* from compatibility mode */

/* callback_register.flags: upcalls are masked on entry. */
#define _CALLBACKF_mask_events		0
#define CALLBACKF_mask_events		(1 << _CALLBACKF_mask_events)

#ifndef __ASSEMBLER__

struct callback_register {
	uint16_t type;			/* CALLBACKTYPE_* */
	uint16_t flags;			/* CALLBACKF_* */
	xen_callback_t address;
};

struct callback_unregister {
	uint16_t type;			/* CALLBACKTYPE_* */
	uint16_t _unused;
};

#endif /* !__ASSEMBLER__ */

#endif /* PV_ABI_CALLBACK_H */
