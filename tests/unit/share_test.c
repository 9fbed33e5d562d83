// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/vcpu.c libhvctl/cpuset.c libhvctl/context.c libhvctl/kcache.c libhvctl/xs.c
// sources: hypervisor/image/unpack.c
// libs: -llzma -lz -lzstd -llz4
/*
 * Which CPUs vCPUs may run on, what share of them a domain gets: what the hypervisor is asked, and
 * what is said of its answers.
 */
#include "suite.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain.h"
#include "hvctl.h"
#include "hypercall.h"
#include "hypercall_memory.h"
#include "vcpu.h"

#define GUEST	5u
#define VCPUS	4u

static struct hvctl_ctx *ctx;

/* The hypervisor: a guest of four vCPUs, of which number 2 is not there. */
static struct {
	uint64_t hard[VCPUS][2], soft[VCPUS][2];
	uint32_t weight, cap;
	int error;		/* of the next call that changes something */
	unsigned int calls;
} hv;

static bool unbuilt;

static void begin(void)
{
	memset(&hv, 0, sizeof(hv));
	for (unsigned int i = 0; i < VCPUS; i++)
		hv.hard[i][0] = hv.soft[i][0] = 0xf;
	hv.weight = 256;
}

int domain_need(struct hvctl_ctx *c, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	if (domid != GUEST)
		return hvctl_fail(c, ESRCH, "there is no domain %u", domid);
	*info = (struct xen_domctl_getdomaininfo){ .domain = GUEST, .max_vcpu_id = VCPUS - 1 };
	if (unbuilt)
		info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
	return 0;
}

static int affinity(struct xen_domctl *op)
{
	struct xen_domctl_vcpuaffinity *p = &op->u.vcpuaffinity;
	uint64_t *hard = (uint64_t *)(uintptr_t)p->cpumap_hard.bitmap;
	uint64_t *soft = (uint64_t *)(uintptr_t)p->cpumap_soft.bitmap;
	bool set = op->cmd == XEN_DOMCTL_setvcpuaffinity;

	CU_ASSERT_EQUAL_FATAL(p->cpumap_hard.nr_bits, 128);
	CU_ASSERT_EQUAL_FATAL(p->cpumap_soft.nr_bits, 128);
	if (p->flags & XEN_VCPUAFFINITY_HARD)
		memcpy(set ? hv.hard[p->vcpu] : hard, set ? hard : hv.hard[p->vcpu], 16);
	if (p->flags & XEN_VCPUAFFINITY_SOFT)
		memcpy(set ? hv.soft[p->vcpu] : soft, set ? soft : hv.soft[p->vcpu], 16);
	return 0;
}

int do_domctl(struct hvctl_ctx *c, struct xen_domctl *op)
{
	struct xen_domctl_scheduler_op *s = &op->u.scheduler_op;

	CU_ASSERT_EQUAL(op->domain, GUEST);
	hv.calls++;
	switch (op->cmd) {
	case XEN_DOMCTL_getvcpuinfo:
		if (op->u.getvcpuinfo.vcpu == 2)
			return -ENOENT;
		op->u.getvcpuinfo.online = op->u.getvcpuinfo.vcpu != 3;
		op->u.getvcpuinfo.running = op->u.getvcpuinfo.vcpu == 0;
		op->u.getvcpuinfo.blocked = op->u.getvcpuinfo.vcpu == 1;
		op->u.getvcpuinfo.cpu = op->u.getvcpuinfo.vcpu + 10;
		op->u.getvcpuinfo.cpu_time = op->u.getvcpuinfo.vcpu * 1000;
		return hv.error;
	case XEN_DOMCTL_getvcpuaffinity:
		return affinity(op);
	case XEN_DOMCTL_setvcpuaffinity:
		return hv.error ? hv.error : affinity(op);
	case XEN_DOMCTL_scheduler_op:
		CU_ASSERT_EQUAL(s->sched_id, XEN_SCHEDULER_CREDIT2);
		if (hv.error)
			return hv.error;
		if (s->cmd == XEN_DOMCTL_SCHEDOP_putinfo) {
			hv.weight = s->u.credit2.weight;
			hv.cap = s->u.credit2.cap;
		} else {
			s->u.credit2.weight = (uint16_t)hv.weight;
			s->u.credit2.cap = (uint16_t)hv.cap;
		}
		return 0;
	}
	CU_FAIL("another domctl");
	return -ENOSYS;
}

static int set_up(void)
{
	ctx = hvctl_open();
	return !ctx;
}

static int tear_down(void)
{
	hvctl_close(ctx);
	return 0;
}

TEST(test_list, "vCPUs, with a gap")
{
	struct hvctl_vcpu *list;
	size_t count;

	begin();
	hv.hard[1][1] = 1;
	CU_ASSERT_EQUAL_FATAL(hvctl_vcpus(ctx, GUEST, &list, &count), 0);
	CU_ASSERT_EQUAL_FATAL(count, 3);
	CU_ASSERT_EQUAL(list[0].number, 0);
	CU_ASSERT_TRUE(list[0].online && list[0].running && !list[0].blocked);
	CU_ASSERT_EQUAL(list[1].number, 1);
	CU_ASSERT_TRUE(list[1].online && !list[1].running && list[1].blocked);
	CU_ASSERT_EQUAL(list[1].cpu, 11);
	CU_ASSERT_EQUAL(list[1].cpu_time_ns, 1000);
	CU_ASSERT_EQUAL(list[1].cpus[0], 0xf);
	CU_ASSERT_EQUAL(list[1].cpus[1], 1);
	CU_ASSERT_EQUAL(list[1].cpus_soft[1], 0);
	CU_ASSERT_EQUAL(list[2].number, 3);
	CU_ASSERT_FALSE(list[2].online);
	free(list);
	/* Another error is one, and no half a list. */
	hv.error = -EPERM;
	CU_ASSERT_EQUAL(hvctl_vcpus(ctx, GUEST, &list, &count), -EPERM);
	CU_ASSERT_PTR_NULL(list);
	CU_ASSERT_EQUAL(count, 0);
	CU_ASSERT_EQUAL(hvctl_vcpus(ctx, 6, &list, &count), -ESRCH);
	/* While it is built it has none: no list without end. */
	begin();
	unbuilt = true;
	CU_ASSERT_EQUAL(hvctl_vcpus(ctx, GUEST, &list, &count), 0);
	CU_ASSERT_EQUAL(count, 0);
	CU_ASSERT_EQUAL(hv.calls, 0);
	free(list);
	unbuilt = false;
}

TEST(test_pin, "pinning says what it is given and leaves the rest")
{
	const uint64_t one[2] = { 1, 0 }, none[2] = { 0, 0 };

	begin();
	CU_ASSERT_EQUAL(hvctl_pin(ctx, GUEST, 1, one, NULL), 0);
	CU_ASSERT_EQUAL(hv.hard[1][0], 1);
	CU_ASSERT_EQUAL(hv.soft[1][0], 0xf);
	CU_ASSERT_EQUAL(hvctl_pin(ctx, GUEST, 0, NULL, one), 0);
	CU_ASSERT_EQUAL(hv.hard[0][0], 0xf);
	CU_ASSERT_EQUAL(hv.soft[0][0], 1);
	hv.calls = 0;
	CU_ASSERT_EQUAL(hvctl_pin(ctx, GUEST, 0, none, NULL), 0);
	CU_ASSERT_EQUAL(hv.calls, 0);
	CU_ASSERT_EQUAL(hvctl_pin(ctx, GUEST, VCPUS, one, NULL), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(hvctl_error(ctx), "has vCPUs 0 to 3, and no 4"));
	CU_ASSERT_EQUAL(hv.calls, 0);
	hv.error = -EINVAL;
	CU_ASSERT_EQUAL(hvctl_pin(ctx, GUEST, 0, one, one), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(hvctl_error(ctx), "give some that are there"));
	CU_ASSERT_EQUAL(hv.hard[0][0], 0xf);
}

TEST(test_share, "weight and cap")
{
	struct hvctl_share share = { 0 };

	begin();
	CU_ASSERT_EQUAL(hvctl_share(ctx, GUEST, &share), 0);
	CU_ASSERT_EQUAL(share.weight, 256);
	CU_ASSERT_EQUAL(share.cap, 0);
	share = (struct hvctl_share){ .weight = 65535, .cap = 150 };
	CU_ASSERT_EQUAL(hvctl_set_share(ctx, GUEST, &share), 0);
	CU_ASSERT_EQUAL(hv.weight, 65535);
	CU_ASSERT_EQUAL(hv.cap, 150);
	hv.calls = 0;
	share.weight = 0;
	CU_ASSERT_EQUAL(hvctl_set_share(ctx, GUEST, &share), -EINVAL);
	share.weight = 65536;
	CU_ASSERT_EQUAL(hvctl_set_share(ctx, GUEST, &share), -EINVAL);
	share = (struct hvctl_share){ .weight = 1, .cap = 65536 };
	CU_ASSERT_EQUAL(hvctl_set_share(ctx, GUEST, &share), -EINVAL);
	CU_ASSERT_EQUAL(hv.calls, 0);
	hv.error = -ENOSYS;
	CU_ASSERT_EQUAL(hvctl_share(ctx, GUEST, &share), -ENOSYS);
	CU_ASSERT_EQUAL(hvctl_share(ctx, 6, &share), -ESRCH);
}

TEST(test_sets, "sets of CPUs and their texts")
{
	static const struct {
		const char *text, *again;
		uint64_t low, high;
		int error;
	} all[] = {
		{ "0", "0", 1, 0, 0 },
		{ "0-2, 5", "0-2,5", 0x27, 0, 0 },
		{ "1,0", "0,1", 3, 0, 0 },
		{ "63-64", "63,64", 1ull << 63, 1, 0 },
		{ "127,125", "125,127", 0, 5ull << 61, 0 },
		{ "all", "0-127", ~0ull, ~0ull, 0 },
		{ "all,^1-126", "0,127", 1, 1ull << 63, 0 },
		{ "1,^1", "", 0, 0, -ENOENT },
		{ "128", "", 0, 0, -EINVAL },
		{ "", "", 0, 0, -EINVAL },
		{ "2-1", "", 0, 0, -EINVAL },
		{ "a", "", 0, 0, -EINVAL },
	};
	const uint64_t comb[2] = { 0x5555555555555555, 0x5555555555555555 };
	char text[512];
	uint64_t set[2];

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		CU_ASSERT_EQUAL(hvctl_cpus_parse(all[i].text, set), all[i].error);
		if (all[i].error)
			continue;
		CU_ASSERT_EQUAL(set[0], all[i].low);
		CU_ASSERT_EQUAL(set[1], all[i].high);
		hvctl_cpus_text(set, text, sizeof(text));
		CU_ASSERT_STRING_EQUAL(text, all[i].again);
	}
	/* The longest fits; with less room whole numbers are left out. */
	hvctl_cpus_text(comb, text, sizeof(text));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, ",124,126"));
	hvctl_cpus_text(comb, text, 4);
	CU_ASSERT_STRING_EQUAL(text, "0,2");
	hvctl_cpus_text(comb, text, 5);
	CU_ASSERT_STRING_EQUAL(text, "0,2");
}

SUITE("share", .before = set_up, .after = tear_down)
