// SPDX-License-Identifier: LGPL-2.1-or-later
#include "hypercall.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* The driver's interface, facts of Linux (include/uapi/xen/privcmd.h), in our own words. */
struct privcmd_call {
	uint64_t op;
	uint64_t arg[5];
};

struct privcmd_map_batch {
	uint32_t count;
	domid_t domain;
	uint64_t address;
	const xen_pfn_t *mfns;
	int *errors;		/* one per frame: 0 or -errno */
};

struct privcmd_map_resource {
	domid_t domain;
	uint32_t type;
	uint32_t id;
	uint32_t first;
	uint64_t count;
	uint64_t address;
};

#define PRIVCMD_CALL		_IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_call))
#define PRIVCMD_MAP_BATCH	_IOC(_IOC_NONE, 'P', 4, sizeof(struct privcmd_map_batch))
#define PRIVCMD_MAP_RESOURCE	_IOC(_IOC_NONE, 'P', 7, sizeof(struct privcmd_map_resource))

#define NODE "/dev/xen/privcmd"

int hypercall_open(struct hvctl_ctx *ctx)
{
	if (ctx->privcmd >= 0)
		return 0;
	ctx->privcmd = open(NODE, O_RDWR | O_CLOEXEC);
	if (ctx->privcmd < 0 && (errno == EACCES || errno == EPERM))
		return hvctl_fail(ctx, EACCES, "no permission to open %s; run as root", NODE);
	if (ctx->privcmd < 0)
		return hvctl_fail(
			ctx, ENODEV,
			"cannot open %s (%s); run in dom0 with the xen-privcmd module loaded", NODE,
			strerror(errno));
	/*
	 * Its pages are never moved. Kernels from 4.18 on have it, others get locked memory
	 * instead.
	 */
	ctx->hypercall = open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC);
	return 0;
}

static size_t whole_pages(size_t size)
{
	return (size + FRAME_SIZE - 1) & ~(size_t)(FRAME_SIZE - 1);
}

void *hypercall_alloc(struct hvctl_ctx *ctx, size_t size)
{
	void *p;

	if (hypercall_open(ctx))
		return NULL;
	size = whole_pages(size);
	if (ctx->hypercall >= 0) {
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ctx->hypercall, 0);
	} else {
		p = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
		/*
		 * A child's copy must not make our pages copy-on-write under the hypervisor's eyes.
		 */
		if (p != MAP_FAILED)
			madvise(p, size, MADV_DONTFORK);
	}
	if (p == MAP_FAILED) {
		hvctl_no_memory(ctx);
		return NULL;
	}
	memset(p, 0, size);
	return p;
}

void hypercall_free(struct hvctl_ctx *ctx, void *p, size_t size)
{
	(void)ctx;
	if (p)
		munmap(p, whole_pages(size));
}

long hypercall(struct hvctl_ctx *ctx, unsigned int op, uint64_t a0, uint64_t a1, uint64_t a2,
	       uint64_t a3, uint64_t a4)
{
	struct privcmd_call call = { op, { a0, a1, a2, a3, a4 } };
	long ret = hypercall_open(ctx);

	if (ret)
		return ret;
	ret = ioctl(ctx->privcmd, PRIVCMD_CALL, &call);
	return ret < 0 ? -errno : ret;
}

long hypercall_struct(struct hvctl_ctx *ctx, unsigned int op, unsigned int cmd, void *arg,
		      size_t size)
{
	void *buf = hypercall_alloc(ctx, size);
	long ret;

	if (!buf)
		return ctx->privcmd < 0 ? -ENODEV : -ENOMEM;
	memcpy(buf, arg, size);
	ret = hypercall(ctx, op, cmd, (uint64_t)(uintptr_t)buf, 0, 0, 0);
	memcpy(arg, buf, size);
	hypercall_free(ctx, buf, size);
	return ret;
}

/* domctl and sysctl take the structure as their only argument. */
static int control(struct hvctl_ctx *ctx, unsigned int op, void *arg, size_t size)
{
	void *buf = hypercall_alloc(ctx, size);
	long ret;

	if (!buf)
		return ctx->privcmd < 0 ? -ENODEV : -ENOMEM;
	memcpy(buf, arg, size);
	ret = hypercall(ctx, op, (uint64_t)(uintptr_t)buf, 0, 0, 0, 0);
	memcpy(arg, buf, size);
	hypercall_free(ctx, buf, size);
	return (int)ret;
}

int do_domctl(struct hvctl_ctx *ctx, struct xen_domctl *op)
{
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	return control(ctx, __HYPERVISOR_domctl, op, sizeof(*op));
}

int do_sysctl(struct hvctl_ctx *ctx, struct xen_sysctl *op)
{
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return control(ctx, __HYPERVISOR_sysctl, op, sizeof(*op));
}

void *foreign_map(struct hvctl_ctx *ctx, uint32_t domid, int prot, const xen_pfn_t *mfns,
		  size_t count)
{
	struct privcmd_map_batch batch = { .count = (uint32_t)count,
					   .domain = (domid_t)domid,
					   .mfns = mfns };
	size_t i;
	void *p;
	int *errors;

	if (hypercall_open(ctx)) {
		errno = ENODEV;
		return NULL;
	}
	errors = calloc(count, sizeof(*errors));
	if (!errors)
		return NULL;
	p = mmap(NULL, count * FRAME_SIZE, prot, MAP_SHARED, ctx->privcmd, 0);
	if (p == MAP_FAILED) {
		free(errors);
		return NULL;
	}
	batch.address = (uint64_t)(uintptr_t)p;
	batch.errors = errors;
	if (ioctl(ctx->privcmd, PRIVCMD_MAP_BATCH, &batch)) {
		int error = errno;

		for (i = 0; i < count; i++)
			if (errors[i])
				error = -errors[i];
		munmap(p, count * FRAME_SIZE);
		free(errors);
		errno = error;
		return NULL;
	}
	free(errors);
	return p;
}

void foreign_unmap(void *p, size_t count)
{
	if (p)
		munmap(p, count * FRAME_SIZE);
}

int foreign_drop(void *page)
{
	/* Something else takes its place, so that nobody else's does before the rest goes. */
	return mmap(page, FRAME_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		       MAP_FAILED ?
		       -1 :
		       0;
}

void *grant_table_map(struct hvctl_ctx *ctx, uint32_t domid)
{
	struct privcmd_map_resource map = {
		.domain = (domid_t)domid, .type = XENMEM_resource_grant_table,
		.id = XENMEM_resource_grant_table_id_shared, .first = 0, .count = 1,
	};
	void *p = mmap(NULL, FRAME_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ctx->privcmd, 0);

	if (p == MAP_FAILED)
		return NULL;
	map.address = (uint64_t)(uintptr_t)p;
	if (ioctl(ctx->privcmd, PRIVCMD_MAP_RESOURCE, &map)) {
		int error = errno;

		munmap(p, FRAME_SIZE);
		errno = error;
		return NULL;
	}
	return p;
}
