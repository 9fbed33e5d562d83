/* SPDX-License-Identifier: MIT */
#ifndef PV_ABI_HVM_H
#define PV_ABI_HVM_H

#include "xen.h"

/* __HYPERVISOR_hvm_op: operation, then a pointer to its argument. */
#define HVMOP_set_param			0	/* xen_hvm_param */
#define HVMOP_get_param			1	/* xen_hvm_param, IN/OUT */

struct xen_hvm_param {
	domid_t domid;
	uint16_t pad;
	uint32_t index;			/* HVM_PARAM_* */
	uint64_t value;
};

/*
 * How an event upcall reaches the guest: the kind in bits 63-56; with HVM_CALLBACK_VECTOR the rest
 * is an interrupt vector. 0: not at all.
 */
#define HVM_PARAM_CALLBACK_IRQ		0
#define HVM_CALLBACK_VECTOR		2
/* The store's and the console's ring and event channel. */
#define HVM_PARAM_STORE_PFN		1
#define HVM_PARAM_STORE_EVTCHN		2
#define HVM_PARAM_CONSOLE_PFN		17
#define HVM_PARAM_CONSOLE_EVTCHN	18

#endif
