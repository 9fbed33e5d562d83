/* SPDX-License-Identifier: MIT */
/*
 * Standing still to be saved, cloned or migrated, and going on: here, or in another domain that was
 * filled with this one's memory. frontends/README.md has the order of the steps around it.
 */
#ifndef FRONTENDS_LIB_SUSPEND_H
#define FRONTENDS_LIB_SUSPEND_H

#include "frontends/lib/frontend.h"
#include "pv-abi/xen.h"

/*
 * What the kernel does for it. Between let_go() and take_up() nothing else may run, on any vCPU:
 * no event, no clock, no console, for there may be no shared page.
 */
struct suspend_ops {
	/* The page of ours that has this machine frame: a ring's. */
	xen_pfn_t (*pfn)(void *kernel, xen_pfn_t mfn);
	/*
	 * Unmaps every frame that is not the domain's own memory: the shared page and the grant
	 * table's. A page table that maps one cannot be written to an image.
	 */
	void (*let_go)(void *kernel);
	/*
	 * SCHEDOP_shutdown for SHUTDOWN_suspend, with the machine frame of start_info as the third
	 * argument, from the first vCPU. Returns what the hypercall does.
	 */
	long (*shutdown)(void *kernel);
	/*
	 * Maps them again; start_info says where the shared page is now. @restored: the P2M is a
	 * new one and the shared page is to tell where it is (arch.max_pfn, p2m_vaddr, p2m_cr3);
	 * all event channels are masked and none of the old ones is there, so that the kernel
	 * forgets them without closing; no reference of the grant table is given.
	 */
	void (*take_up)(void *kernel, bool restored);
};

#define SUSPEND_RESTORED  0
#define SUSPEND_CANCELLED 1

/*
 * suspend - stands still until somebody lets this kernel go on. @si is start_info, whose ring
 * frames are numbers of the domain's own pages while it is being saved.
 * SUSPEND_RESTORED: this is another domain, with rings, channels and devices of its own.
 * SUSPEND_CANCELLED: everything is as it was. Negative: the hypervisor refuses; as cancelled.
 */
long suspend(const struct suspend_ops *ops, void *kernel, struct start_info *si);

#endif
