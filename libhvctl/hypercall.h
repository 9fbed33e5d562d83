/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hypercalls and foreign memory through the kernel's privcmd driver. Not thread-safe (a context is
 * not). Functions return 0 or a positive result on success, -errno on failure, and set no message
 * unless they say so: the caller knows what it was about.
 */
#ifndef HVCTL_HYPERCALL_H
#define HVCTL_HYPERCALL_H

#include "internal.h"
#include "pv-abi/domctl.h"
#include "pv-abi/memory.h"
#include "pv-abi/sysctl.h"
#include "pv-abi/xen.h"

#define FRAME_SIZE	4096u
#define FRAME_SHIFT	12

/* Open privcmd if it is not open. Sets the message. */
int hypercall_open(struct hvctl_ctx *ctx);

/*
 * Memory that a hypercall may point to: page aligned, resident for as long as it lives, zeroed.
 * Ordinary memory will not do, the kernel may move it while the hypervisor looks at it. NULL
 * without memory.
 */
void *hypercall_alloc(struct hvctl_ctx *ctx, size_t size);
void hypercall_free(struct hvctl_ctx *ctx, void *p, size_t size);

/*
 * A bare hypercall; pointers among the arguments are to such memory. Sets the message if privcmd is
 * missing.
 */
long hypercall(struct hvctl_ctx *ctx, unsigned int op, uint64_t a0, uint64_t a1, uint64_t a2,
	       uint64_t a3, uint64_t a4);

/* A hypercall of the form op(cmd, struct): copies @arg in and, whatever the result, out again. */
long hypercall_struct(struct hvctl_ctx *ctx, unsigned int op, unsigned int cmd, void *arg,
		      size_t size);

/* @op needs cmd and domain, @op comes back with the answer; the interface version is filled in. */
int do_domctl(struct hvctl_ctx *ctx, struct xen_domctl *op);
int do_sysctl(struct hvctl_ctx *ctx, struct xen_sysctl *op);

/*
 * Map @count frames of another domain, mfns[] in this order, as contiguous memory.
 * NULL with errno set if any of them cannot be had. unmap with foreign_unmap().
 */
void *foreign_map(struct hvctl_ctx *ctx, uint32_t domid, int prot, const xen_pfn_t *mfns,
		  size_t count);
void foreign_unmap(void *p, size_t count);

/* One page of such memory is mapped no more; what is around it stays. -1 with errno set. */
int foreign_drop(void *page);

/* Map the first frame of a domain's grant table, before it has run. NULL with errno set. */
void *grant_table_map(struct hvctl_ctx *ctx, uint32_t domid);

#endif
