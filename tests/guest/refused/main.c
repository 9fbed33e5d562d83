// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every number of the ABI that docs/abi.md calls refused or not there, and the number after the
 * last of each call: asked for with operands that are right otherwise, it answers the error that
 * the table names and nothing else happens. The list is made of the table (scripts/abi.py). As
 * dom0, too (tests/system/test_abi.py), who is answered otherwise where privilege comes first.
 * bits: 64 32
 */
#include "dom0.h"
#include "pv-abi/physdev.h"
#include "pv-abi/platform.h"
#include "pv-abi/xen-mca.h"

const char test_name[] = "refused";

/* The operands of those that take a structure; what a row does not say is zero. */
static union {
	uint8_t bytes[PAGE_SIZE];
	struct xen_platform_op platform;
	struct xen_sysctl sysctl;
	struct xen_domctl domctl;
	struct xen_mc mc;
	struct xen_mem_acquire_resource resource;
	struct mmuext_op mmuext;
} arg;

static long ask_hypercall(uint32_t number)
{
	return guest_hypercall(number, 0L, 0L, 0L, 0L, 0L);
}

static long ask_mmuext_op(uint32_t number)
{
	arg.mmuext.cmd = number;
	return hypercall(mmuext_op, &arg, 1L, 0L, (long)DOMID_SELF);
}

static long ask_vm_assist(uint32_t number)
{
	return hypercall(vm_assist, (long)VMASST_CMD_enable, (long)number);
}

static long ask_acquire_resource(uint32_t number)
{
	arg.resource.domid = DOMID_SELF;
	arg.resource.type = (uint16_t)number;
	return hypercall(memory_op, (long)XENMEM_acquire_resource, &arg);
}

static long ask_vcpu_op(uint32_t number)
{
	return hypercall(vcpu_op, (long)number, 0L, &arg);
}

static long ask_grant_table_op(uint32_t number)
{
	return hypercall(grant_table_op, (long)number, &arg, 1L);
}

static long ask_console_io(uint32_t number)
{
	return hypercall(console_io, (long)number, 0L, &arg);
}

/* The rest is asked alike. */
#define ASK(call)                                              \
	static long ask_##call(uint32_t number)                \
	{                                                      \
		return hypercall(call, (long)number, &arg);     \
	}
ASK(xen_version)
ASK(memory_op)
ASK(sched_op)
ASK(event_channel_op)
ASK(callback_op)
ASK(nmi_op)
ASK(physdev_op)

static long ask_platform_op(uint32_t number)
{
	arg.platform.cmd = number;
	arg.platform.interface_version = XENPF_INTERFACE_VERSION;
	return hypercall(platform_op, &arg);
}

static long ask_sysctl(uint32_t number)
{
	arg.sysctl.cmd = number;
	arg.sysctl.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	if (number == XEN_SYSCTL_get_pmstat)
		arg.sysctl.u.get_pmstat.type = PMSTAT_get_max_px;
	return hypercall(sysctl, &arg);
}

static long ask_cpupool_op(uint32_t number)
{
	arg.sysctl.u.cpupool_op.op = number;
	return ask_sysctl(XEN_SYSCTL_cpupool_op);
}

static long ask_domctl(uint32_t number)
{
	arg.domctl.cmd = number;
	arg.domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	arg.domctl.domain = DOMID_SELF;
	return hypercall(domctl, &arg);
}

static long ask_mca(uint32_t number)
{
	arg.mc.cmd = number;
	arg.mc.interface_version = XEN_MCA_INTERFACE_VERSION;
	return hypercall(mca, &arg);
}

static const struct {
	long (*ask)(uint32_t number);
	uint32_t number;
	int dom0, others;
	const char *name;
} rows[] = {
#define ROW(call, number, dom0, others, name) { ask_##call, number, -dom0, -others, name },
#include "rows.h"
#undef ROW
};

void test_main(void)
{
	bool privileged = start_info->flags & SIF_INITDOMAIN;
	unsigned wrong = 0;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int want = privileged ? rows[i].dom0 : rows[i].others;
		long got;

		memset(&arg, 0, sizeof(arg));
		got = rows[i].ask(rows[i].number);
		if (got == want)
			continue;
		print("%s (%u): %ld, not %d\n", rows[i].name, rows[i].number, got, want);
		wrong++;
	}
	check(sizeof(rows) / sizeof(rows[0]) > 100);
	check_eq(wrong, 0);
	if (privileged)
		audit();
}
