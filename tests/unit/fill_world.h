/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_UNIT_FILL_WORLD_H
#define ANNULUS_TESTS_UNIT_FILL_WORLD_H

/*
 * A domain that is filled from an image, and what libhvctl/save/fill.c asks of hypervisor and
 * builder for it. Whatever the image says, only the domain's own frames are mapped, pinned and
 * named by page tables and vCPUs, nothing is mapped any more when that is judged, and no buffer is
 * read past its end (of the heap, for ASan). For one source file of a test, which makes the images.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "pv-abi/compat.h"
#include "pv-abi/wide.h"
#include "save/fill.h"

#define FILL_DOMID  7u
#define FILL_FRAMES 64u	   /* that the hypervisor has for it */
#define FILL_SHARED 0x300u /* its shared page's mfn */
#define FILL_MFN(n) (0x1000u + (n)) /* of the n-th frame that it was given */

static struct {
	uint8_t memory[FILL_FRAMES][FRAME_SIZE], shared[FRAME_SIZE];
	unsigned int populated, mapped, buffers, pinned, vcpus, parts, policies;
	uint64_t root[FILL_VCPUS]; /* of a vCPU that has its state */
	uint32_t last_leaf;	   /* that the CPU policy says it has */
	bool narrow;
	uint64_t room;		   /* bytes that dom0 has to spare */
	bool dropped[FILL_FRAMES]; /* not mapped any more, though what was mapped with it is */
	bool gone[FILL_FRAMES];	   /* given back to the hypervisor */
	bool (*refuses)(void);	   /* the hypervisor, what comes next; NULL: nothing */
	bool refuses_policy;
} fill_world;

/* A domain with nothing in it. */
static void fill_world_begin(void)
{
	memset(fill_world.memory, 0xa5, (size_t)fill_world.populated * FRAME_SIZE);
	memset(&fill_world.shared, 0, sizeof(fill_world) - sizeof(fill_world.memory));
	fill_world.room = 4 << 20;
}

/* All that was taken to fill it has been given back. */
static void fill_world_end(void)
{
	CU_ASSERT_EQUAL_FATAL(fill_world.mapped, 0);
	CU_ASSERT_EQUAL_FATAL(fill_world.buffers, 0);
}

static bool fill_refuses(void)
{
	return fill_world.refuses && fill_world.refuses();
}

/* Of its own, and only that. */
static bool fill_owns(uint64_t mfn)
{
	return mfn >= FILL_MFN(0) && mfn < FILL_MFN(fill_world.populated) &&
	       !fill_world.gone[mfn - FILL_MFN(0)];
}

static uint8_t *fill_frame(uint64_t mfn)
{
	CU_ASSERT_TRUE_FATAL(fill_owns(mfn));
	return fill_world.memory[mfn - FILL_MFN(0)];
}

static void fill_read(uint64_t at, uint64_t len)
{
	const volatile uint8_t *p = (const uint8_t *)(uintptr_t)at;

	for (uint64_t i = 0; i < len; i++)
		(void)p[i];
}

bool __wrap_memory_fits(uint64_t bytes);
bool __wrap_memory_fits(uint64_t bytes)
{
	return bytes <= fill_world.room;
}

void *hypercall_alloc(struct hvctl_ctx *ctx, size_t size)
{
	(void)ctx;
	fill_world.buffers++;
	return calloc(1, size);
}

void hypercall_free(struct hvctl_ctx *ctx, void *p, size_t size)
{
	(void)ctx;
	(void)size;
	fill_world.buffers -= !!p;
	free(p);
}

static long fill_pin(const struct mmuext_op *op, uint64_t count)
{
	CU_ASSERT_EQUAL_FATAL(fill_world.mapped, 0);
	for (uint64_t n = 0; n < count; n++) {
		unsigned int level = op[n].cmd - MMUEXT_PIN_L1_TABLE + 1;
		const uint64_t *table = (const void *)fill_frame(op[n].arg1.mfn);

		CU_ASSERT_TRUE_FATAL(level >= 1 && level <= (fill_world.narrow ? 3 : 4));
		for (unsigned int i = 0; i < TABLE_SLOTS; i++)
			if (table[i] & PTE_PRESENT)
				CU_ASSERT_TRUE_FATAL(fill_owns((table[i] & PTE_FRAME) >> 12));
		fill_world.pinned++;
	}
	return fill_refuses() ? -EINVAL : 0;
}

/* Only what nobody has mapped any more. */
static long fill_give_back(const xen_pfn_t *list, uint64_t count)
{
	for (uint64_t n = 0; n < count; n++) {
		if (fill_refuses())
			return (long)n;
		CU_ASSERT_TRUE_FATAL(fill_owns(list[n]) &&
				     fill_world.dropped[list[n] - FILL_MFN(0)]);
		fill_world.gone[list[n] - FILL_MFN(0)] = true;
	}
	return (long)count;
}

long hypercall(struct hvctl_ctx *ctx, unsigned int op, uint64_t a0, uint64_t a1, uint64_t a2,
	       uint64_t a3, uint64_t a4)
{
	struct xen_memory_reservation *r = (void *)(uintptr_t)a1;
	xen_pfn_t *list;
	uint64_t n;

	(void)ctx;
	(void)a2;
	(void)a4;
	if (op == __HYPERVISOR_mmuext_op) {
		CU_ASSERT_EQUAL_FATAL(a3, FILL_DOMID);
		return fill_pin((const void *)(uintptr_t)a0, a1);
	}
	CU_ASSERT_TRUE_FATAL(op == __HYPERVISOR_memory_op);
	CU_ASSERT_TRUE_FATAL(r->domid == FILL_DOMID && !r->extent_order);
	list = (void *)(uintptr_t)r->extent_start;
	if (a0 == XENMEM_decrease_reservation)
		return fill_give_back(list, r->nr_extents);
	CU_ASSERT_TRUE_FATAL(a0 == XENMEM_populate_physmap);
	for (n = 0; n < r->nr_extents && fill_world.populated < FILL_FRAMES; n++) {
		if (fill_refuses())
			break;
		list[n] = FILL_MFN(fill_world.populated++);
	}
	return (long)n;
}

static void fill_judge(const struct xen_domctl *op)
{
	const struct wide_vcpu_guest_context *wide =
		(const void *)(uintptr_t)op->u.vcpucontext.ctxt;
	const struct compat_vcpu_guest_context *narrow = (const void *)wide;
	uint64_t entries = fill_world.narrow ? narrow->gdt_ents : wide->gdt_ents, root;

	CU_ASSERT_TRUE_FATAL(op->u.vcpucontext.vcpu < FILL_VCPUS);
	CU_ASSERT_EQUAL_FATAL(fill_world.mapped, 0);
	root = fill_world.narrow ? compat_cr3_to_pfn(narrow->ctrlreg[3]) : wide->ctrlreg[3] >> 12;
	CU_ASSERT_TRUE_FATAL(fill_owns(root));
	if (!fill_world.narrow && wide->ctrlreg[1])
		CU_ASSERT_TRUE_FATAL(fill_owns(wide->ctrlreg[1] >> 12));
	for (unsigned int i = 0; i < 14 && i * 512 < entries; i++)
		CU_ASSERT_TRUE_FATAL(fill_owns(fill_world.narrow ? narrow->gdt_frames[i]
								  : wide->gdt_frames[i]));
	CU_ASSERT_EQUAL_FATAL(fill_world.root[op->u.vcpucontext.vcpu], 0);
	fill_world.root[op->u.vcpucontext.vcpu] = root;
	fill_world.vcpus++;
}

int do_domctl(struct hvctl_ctx *ctx, struct xen_domctl *op)
{
	(void)ctx;
	CU_ASSERT_EQUAL_FATAL(op->domain, FILL_DOMID);
	if (fill_refuses())
		return -EINVAL;
	switch (op->cmd) {
	case XEN_DOMCTL_set_address_size:
		CU_ASSERT_EQUAL_FATAL(op->u.address_size.size, 32);
		CU_ASSERT_EQUAL_FATAL(fill_world.populated, 0);
		fill_world.narrow = true;
		break;
	case XEN_DOMCTL_set_cpu_policy:
		fill_read(op->u.cpu_policy.leaves,
			  op->u.cpu_policy.nr_leaves * sizeof(struct xen_cpuid_leaf));
		fill_read(op->u.cpu_policy.msrs,
			  op->u.cpu_policy.nr_msrs * sizeof(struct xen_msr_entry));
		if (op->u.cpu_policy.nr_leaves)
			fill_world.last_leaf =
				((struct xen_cpuid_leaf *)(uintptr_t)op->u.cpu_policy.leaves)->a;
		fill_world.policies++;
		return fill_world.refuses_policy ? -EINVAL : 0;
	case XEN_DOMCTL_getdomaininfo:
		op->u.getdomaininfo.shared_info_frame = FILL_SHARED;
		break;
	case XEN_DOMCTL_setvcpucontext:
		fill_judge(op);
		break;
	case XEN_DOMCTL_set_ext_vcpucontext:
		fill_world.parts++;
		break;
	case XEN_DOMCTL_setvcpuextstate:
		fill_read(op->u.vcpuextstate.buffer, op->u.vcpuextstate.size);
		fill_world.parts++;
		break;
	case XEN_DOMCTL_set_vcpu_msrs:
		fill_read(op->u.vcpu_msrs.msrs,
			  op->u.vcpu_msrs.msr_count * sizeof(struct xen_domctl_vcpu_msr));
		fill_world.parts++;
		break;
	default:
		CU_ASSERT_EQUAL_FATAL(op->cmd, XEN_DOMCTL_settscinfo);
	}
	return 0;
}

void *foreign_map(struct hvctl_ctx *ctx, uint32_t domid, int prot, const xen_pfn_t *mfns,
		  size_t count)
{
	(void)ctx;
	(void)prot;
	CU_ASSERT_TRUE_FATAL(domid == FILL_DOMID && count);
	if (fill_refuses()) {
		errno = ENOMEM;
		return NULL;
	}
	fill_world.mapped++;
	if (mfns[0] == FILL_SHARED && count == 1)
		return fill_world.shared;
	/* As they came, so they are mapped: their content lies in one piece. */
	for (size_t i = 0; i < count; i++)
		CU_ASSERT_TRUE_FATAL(fill_owns(mfns[i]) && mfns[i] == mfns[0] + i);
	return fill_frame(mfns[0]);
}

int foreign_drop(void *page)
{
	size_t at = (size_t)((uint8_t *)page - fill_world.memory[0]);

	CU_ASSERT_TRUE_FATAL(at % FRAME_SIZE == 0 && at / FRAME_SIZE < fill_world.populated);
	fill_world.dropped[at / FRAME_SIZE] = true;
	return 0;
}

void foreign_unmap(void *p, size_t count)
{
	(void)count;
	fill_world.mapped -= !!p;
}

int build_port(struct hvctl_ctx *ctx, uint32_t domid, uint32_t *port)
{
	(void)ctx;
	CU_ASSERT_EQUAL_FATAL(domid, FILL_DOMID);
	*port = 3;
	return fill_refuses() ? hvctl_fail(ctx, EINVAL, "no port for it") : 0;
}

int build_grants(struct hvctl_ctx *ctx, uint32_t domid, uint64_t console_mfn, uint64_t store_mfn)
{
	(void)ctx;
	CU_ASSERT_TRUE_FATAL(domid == FILL_DOMID && fill_owns(console_mfn) && fill_owns(store_mfn));
	return fill_refuses() ? hvctl_fail(ctx, EINVAL, "no grants for it") : 0;
}

#endif
