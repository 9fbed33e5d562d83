// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What only dom0's kernel may ask about the machine. Everything is checked before anything is done.
 */

#include "control/platform.h"
#include "control/efi_runtime.h"
#include "cpu/cpu.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "domain/refusal.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "machine/power.h"
#include "memory/ioremap.h"
#include "pv-abi/errno.h"
#include "pv-abi/platform.h"

#define NSEC_PER_SEC 1000000000U

/* Which version of the interface a caller was built for: 4.17's, or one it is a superset of. */
#define INTERFACE_OLDEST 0x03000000

static int set_time(u64 sec, u32 nsec, u64 at)
{
	/* Up to the year 2500: a larger one is a mistake, and would wrap in the guests' clocks. */
	if (nsec >= NSEC_PER_SEC || sec > 16725225600ULL || at > INT64_MAX ||
	    sec < at / NSEC_PER_SEC)
		return -EINVAL;
	wallclock_set(sec, nsec, at);
	return 0;
}

/* The keyboard's shift state when the BIOS handed over: byte 0x417 of its data area. */
static int firmware_info(struct xenpf_firmware_info *info)
{
	const u8 *flags;

	switch (info->type) {
	case XEN_FW_KBD_SHIFT_FLAGS:
		if (info->index != 0)
			return -ESRCH;
		flags = map_firmware(0x417, 1);
		if (!flags)
			return -ENOMEM;
		info->u.kbd_shift_flags = *flags;
		return 0;
	case XEN_FW_DISK_INFO:
	case XEN_FW_DISK_MBR_SIGNATURE:
	case XEN_FW_VBEDDC_INFO:
		/*
		 * The BIOS is not called on the way up: there is no disk and no display that it
		 * told about.
		 */
		return -ESRCH;
	case XEN_FW_EFI_INFO:
		/* A 32-bit kernel's structures are others; it is told of a BIOS. */
		return current->domain->is_32bit ? -ENOSYS : efi_firmware_info(info);
	default:
		return -EINVAL;
	}
}

static int acpi_sleep(const struct xenpf_enter_acpi_sleep *op)
{
	if (op->flags & ~(u32)XENPF_ACPI_SLEEP_EXTENDED || op->sleep_state < 1 ||
	    op->sleep_state > 5)
		return -EINVAL;
	if (op->sleep_state != 5)
		return -EOPNOTSUPP;
	printk(LOG_INFO "dom0 switches the machine off\n");
	return machine_acpi_sleep(op->val_a, op->val_b, op->flags & XENPF_ACPI_SLEEP_EXTENDED);
}

static int get_idle_time(struct xenpf_getidletime *op)
{
	unsigned count = min(op->cpumap_nr_cpus, (u32)NR_CPUS), bytes = DIV_ROUND_UP(count, 8);
	u64 wanted = 0;
	unsigned cpu;

	if (copy_from_guest(&wanted, op->cpumap_bitmap, bytes))
		return -EFAULT;
	if (count < 64)
		wanted &= BIT(count) - 1;
	wanted &= cpus_online;
	op->now = system_time();
	for_each_cpu_in(cpu, wanted) {
		struct vcpu_runstate_info info;

		vcpu_runstate_get(cpus[cpu].idle, &info);
		if (put_guest_elem(info.time[RUNSTATE_running], op->idletime, cpu))
			return -EFAULT;
	}
	return copy_to_guest(op->cpumap_bitmap, &wanted, bytes);
}

/*
 * dom0 found the processor objects in the ACPI namespace. Nothing here changes frequencies or sleep
 * states by them.
 */
static int set_processor_pminfo(const struct xenpf_set_processor_pminfo *op)
{
	return op->type <= XEN_PM_PDC ? 0 : -EINVAL;
}

static void get_cpu_info_op(struct xenpf_pcpuinfo *op)
{
	unsigned cpu = op->xen_cpuid;

	op->max_present = nr_cpus - 1;
	if (cpu >= nr_cpus) {
		op->flags = XEN_PCPU_FLAGS_INVALID;
		op->apic_id = op->acpi_id = 0;
		return;
	}
	op->flags = cpus[cpu].online ? XEN_PCPU_FLAGS_ONLINE : 0;
	op->apic_id = cpus[cpu].apic_id;
	op->acpi_id = cpus[cpu].acpi_id;
}

/* All CPUs are alike: those that differ are not brought up. */
static void get_cpu_version(struct xenpf_pcpu_version *op)
{
	u32 a, b, c, d;

	op->max_present = nr_cpus - 1;
	memset(op->vendor_id, 0, sizeof(op->vendor_id));
	op->family = op->model = op->stepping = 0;
	if (op->xen_cpuid >= nr_cpus)
		return;
	cpuid(0, 0, &a, &b, &c, &d);
	memcpy(op->vendor_id, &b, 4);
	memcpy(op->vendor_id + 4, &d, 4);
	memcpy(op->vendor_id + 8, &c, 4);
	op->family = cpu_features.family;
	op->model = cpu_features.model;
	op->stepping = cpu_features.stepping;
}

/* There is no symbol table to read: number 0 is the end already. */
static int get_symbol(struct xenpf_symdata *op)
{
	op->symnum = 0;
	op->namelen = 0;
	op->address = 0;
	op->type = 0;
	return 0;
}

static int perform(struct xen_platform_op *op)
{
	switch (op->cmd) {
	case XENPF_settime32:
		return set_time(op->u.settime32.secs, op->u.settime32.nsecs,
				op->u.settime32.system_time);
	case XENPF_settime64:
		if (op->u.settime64.mbz)
			return -EINVAL;
		return set_time(op->u.settime64.secs, op->u.settime64.nsecs,
				op->u.settime64.system_time);
	case XENPF_efi_runtime_call:
		if (current->domain->is_32bit)
			return -ENOSYS;
		return efi_runtime_call(&op->u.efi_runtime_call);
	case XENPF_firmware_info:
		return firmware_info(&op->u.firmware_info);
	case XENPF_enter_acpi_sleep:
		return acpi_sleep(&op->u.enter_acpi_sleep);
	case XENPF_getidletime:
		return get_idle_time(&op->u.getidletime);
	case XENPF_set_processor_pminfo:
		return set_processor_pminfo(&op->u.set_pminfo);
	case XENPF_get_cpuinfo:
		get_cpu_info_op(&op->u.pcpu_info);
		return 0;
	case XENPF_get_cpu_version:
		get_cpu_version(&op->u.pcpu_version);
		return 0;
	case XENPF_get_symbol:
		return get_symbol(&op->u.symdata);
	case XENPF_platform_quirk:
		/*
		 * They are about I/O APICs and interrupt balancing of long ago; ours is right
		 * without them.
		 */
		return op->u.platform_quirk.quirk_id - 1 < 3 ? 0 : -EINVAL;
	case XENPF_resource_op:
		return -EPERM; /* no MSR of the machine is dom0's */
	case XENPF_cpu_online:
	case XENPF_cpu_offline:
	case XENPF_cpu_hotadd:
	case XENPF_mem_hotadd:
	case XENPF_core_parking:
		return -EOPNOTSUPP;
	default:
		/*
		 * Memory types, microcode, frequencies, and numbers that nobody knows.
		 */
		return -ENOSYS;
	}
}

s64 do_platform_op(u64 arg)
{
	struct xen_platform_op op;
	int err;

	if (!current->domain->privileged)
		return -EPERM;
	if (get_guest(op, arg))
		return -EFAULT;
	if (op.interface_version < INTERFACE_OLDEST ||
	    op.interface_version > XENPF_INTERFACE_VERSION)
		return -EACCES;
	err = perform(&op);
	if (err == -ENOSYS || err == -EOPNOTSUPP || err == -EPERM)
		return refused("platform_op", op.cmd, err);
	if (err)
		return err;
	return put_guest(op, arg);
}
