// SPDX-License-Identifier: GPL-2.0-or-later
/* sysctl: the host as a toolstack sees it. */
#include "control/control.h"
#include "control/keys.h"
#include "cpu/cpu.h"
#include "domain/continuation.h"
#include "domain/domain.h"
#include "domain/guest_access.h"
#include "domain/refusal.h"
#include "hvm/hvm.h"
#include "lib/string.h"
#include "machine/clock.h"
#include "machine/console.h"
#include "machine/pci.h"
#include "memory/e820.h"
#include "memory/heap.h"
#include "pv-abi/errno.h"
#include "pv-abi/physdev.h"
#include "pv-abi/sysctl.h"
#include "sched/sched.h"

/*
 * An operation of our own, numbered far from the ABI's: the totals of the allocation classes from
 * `first` on. IN: room for `nr` entries; OUT: entries written.
 */
#define ANNULUS_SYSCTL_heap 0x414e0001
struct annulus_sysctl_heap {
	u32 first, nr;
	u64 buffer;
};
struct annulus_heap_entry {
	char name[16];
	u64 bytes, objects;
};

/*
 * Another: what domains did with grants, from the domain number `first` on. IN: room for `nr`
 * entries; OUT: entries written; judged: 0 if every unmapping flushes on this machine.
 */
#define ANNULUS_SYSCTL_grants 0x414e0002
struct annulus_sysctl_grants {
	u32 first, nr, judged, pad;
	u64 buffer;
};
struct annulus_grants_entry {
	u32 domid, pad;
	struct grant_counters counters; /* seven words of 64 bits */
};

#define KEYS_MAX 64
#define PCI_DEVICES_MAX 256U /* in one call; the caller goes on from there */

static s64 read_console(struct xen_sysctl_readconsole *p)
{
	u32 index = p->incremental ? p->index : 0, done = 0;
	char part[256];

	while (done < p->count) {
		size_t n = console_ring_read(part, min((size_t)(p->count - done), sizeof(part)),
					     &index, false);

		if (!n)
			break;
		if (copy_to_guest(p->buffer + done, part, n))
			return -EFAULT;
		done += (u32)n;
	}
	/* Only what was delivered is forgotten. */
	if (p->clear)
		console_ring_read(part, 0, &index, true);
	p->index = index;
	p->count = done;
	return 0;
}

static u64 ram_frames(void)
{
	u64 n = 0;

	for (unsigned i = 0; i < machine_e820.n; i++)
		if (machine_e820.e[i].type == E820_RAM)
			n += machine_e820.e[i].size >> PAGE_SHIFT;
	return n;
}

static u64 claimed_frames(void)
{
	struct domain *d;
	u64 n = 0;

	for (unsigned id = 0; (d = domain_get_next(id)); id = d->id + 1U, domain_put(d))
		n += READ_ONCE(d->claimed_pages);
	return n;
}

static s64 phys_info(struct xen_sysctl_physinfo *p)
{
	u32 a, b, c, d;

	*p = (struct xen_sysctl_physinfo){
		.threads_per_core = 1,
		.cores_per_socket = (u32)__builtin_popcountll(cpus_online),
		.nr_cpus = (u32)__builtin_popcountll(cpus_online),
		.max_cpu_id = 63 - (u32)__builtin_clzll(cpus_online),
		.nr_nodes = 1,
		.cpu_khz = (u32)(clock_tsc_hz / 1000),
		.capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1,
		.total_pages = ram_frames(),
		.free_pages = heap_free_frames(),
		.outstanding_pages = claimed_frames(),
		.max_mfn = max_mfn - 1,
	};
	if (hvm_available())
		p->capabilities |= XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap;
	cpuid(1, 0, &a, &b, &c, &d);
	p->hw_cap[0] = d;
	p->hw_cap[1] = c;
	cpuid(0x80000001, 0, &a, &b, &c, &d);
	p->hw_cap[2] = d;
	p->hw_cap[3] = c;
	cpuid(0, 0, &a, &b, &c, &d);
	if (a >= 7) {
		cpuid(7, 0, &a, &b, &c, &d);
		p->hw_cap[5] = b;
		p->hw_cap[6] = c;
	}
	return 0;
}

/*
 * No CPU is ever taken away, so the online ones are 0 .. n-1, possibly with holes where one did not
 * start.
 */
static u32 cpu_slots(void)
{
	return 64 - (u32)__builtin_clzll(cpus_online);
}

static s64 cpu_topology(struct xen_sysctl_cputopoinfo *p)
{
	u32 n = cpu_slots();

	if (p->cputopo) {
		n = min(n, p->num_cpus);
		for (u32 i = 0; i < n; i++) {
			struct xen_sysctl_cputopo t = { i, 0, 0 };

			if (!(cpus_online & CPU_MASK(i)))
				t.core = t.socket = t.node = XEN_INVALID_CORE_ID;
			if (put_guest_elem(t, p->cputopo, i))
				return -EFAULT;
		}
	}
	p->num_cpus = n;
	return 0;
}

static s64 numa_info(struct xen_sysctl_numainfo *p)
{
	struct xen_sysctl_meminfo m = { ram_frames() << PAGE_SHIFT,
					heap_free_frames() << PAGE_SHIFT };
	u32 local = 10;

	if (p->num_nodes && p->meminfo && put_guest(m, p->meminfo))
		return -EFAULT;
	if (p->num_nodes && p->distance && put_guest(local, p->distance))
		return -EFAULT;
	p->num_nodes = 1;
	return 0;
}

static s64 domain_list(struct xen_sysctl_getdomaininfolist *p)
{
	struct xen_domctl_getdomaininfo info;
	unsigned id = p->first_domain;
	struct domain *d;
	u32 n;

	for (n = 0; n < p->max_domains && (d = domain_get_next(id)); n++) {
		domain_info(d, &info);
		id = d->id + 1U;
		domain_put(d);
		if (put_guest_elem(info, p->buffer, n))
			return -EFAULT;
	}
	p->num_domains = n;
	return 0;
}

static s64 press_keys(const struct xen_sysctl_debug_keys *p)
{
	char typed[KEYS_MAX];
	s64 ret = 0;

	if (p->nr_keys > KEYS_MAX)
		return -E2BIG;
	if (copy_from_guest(typed, p->keys, p->nr_keys))
		return -EFAULT;
	for (u32 i = 0; i < p->nr_keys; i++) {
		int err = debug_key(typed[i]);

		ret = ret ? ret : err;
	}
	return ret;
}

static s64 cpu_info_list(struct xen_sysctl_getcpuinfo *p)
{
	u32 n = min(cpu_slots(), p->max_cpus);

	for (u32 i = 0; i < n; i++) {
		struct xen_sysctl_cpuinfo info = { 0 };
		struct vcpu_runstate_info rs;

		if (cpus[i].idle) {
			vcpu_runstate_get(cpus[i].idle, &rs);
			info.idletime = rs.time[RUNSTATE_running];
		}
		if (put_guest_elem(info, p->info, i))
			return -EFAULT;
	}
	p->nr_cpus = n;
	return 0;
}

static s64 free_heap(struct xen_sysctl_availheap *p)
{
	if (p->min_bitwidth || p->max_bitwidth)
		return -EOPNOTSUPP;
	if (p->node != -1 && p->node)
		return -EINVAL;
	p->avail_bytes = heap_free_frames() << PAGE_SHIFT;
	return 0;
}

/* There is one pool, number 0, and everything is in it. */
static s64 cpu_pool(struct xen_sysctl_cpupool_op *p)
{
	struct domain *d;

	switch (p->op) {
	case XEN_SYSCTL_CPUPOOL_OP_INFO:
		if (p->cpupool_id)
			return -ENOENT;
		p->sched_id = XEN_SCHEDULER_CREDIT2;
		p->n_dom = 0;
		for (unsigned id = 0; (d = domain_get_next(id)); id = d->id + 1U, domain_put(d))
			p->n_dom++;
		return bitmap_to_guest(&p->cpumap, cpus_online);
	case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
		return bitmap_to_guest(&p->cpumap, 0);
	default:
		return -EOPNOTSUPP;
	}
}

/* What is the scheduler's for all domains. */
static s64 scheduler(struct xen_sysctl_scheduler_op *p)
{
	if (p->cpupool_id)
		return -ESRCH;
	if (p->sched_id != XEN_SCHEDULER_CREDIT2)
		return -EINVAL;
	if (p->cmd == XEN_SYSCTL_SCHEDOP_putinfo) {
		s64 ret = sched_set_rate_limit(p->u.sched_credit2.ratelimit_us);

		if (ret)
			return ret;
	} else if (p->cmd != XEN_SYSCTL_SCHEDOP_getinfo) {
		return -EINVAL;
	}
	p->u.sched_credit2.ratelimit_us = sched_get_rate_limit();
	return 0;
}

/* There is one node, on which every device is that dom0 reported. */
static s64 pci_topology(struct xen_sysctl_pcitopoinfo *p)
{
	u32 n = min(p->num_devs, PCI_DEVICES_MAX), i;

	if (!p->devs || !p->nodes)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		struct physdev_pci_device dev;
		u32 node;

		if (get_guest_elem(dev, p->devs, i))
			return -EFAULT;
		spin_lock(&pci_lock);
		node = pci_device_find(PCI_SBDF(dev.seg, dev.bus, dev.devfn)) ?
			       0 : XEN_INVALID_DEV;
		spin_unlock(&pci_lock);
		if (put_guest_elem(node, p->nodes, i))
			return -EFAULT;
	}
	p->num_devs = i;
	return 0;
}

static bool cpu_is_online(u32 cpu)
{
	return cpu < NR_CPUS && (cpus_online & CPU_MASK(cpu));
}

/* Neither P-states nor C-states are ours: dom0's tools are told that there is no driver. */
static s64 pm_statistics(const struct xen_sysctl_get_pmstat *p)
{
	u32 category = p->type & PMSTAT_CATEGORY_MASK;

	if (!cpu_is_online(p->cpuid) || (category != PMSTAT_PX && category != PMSTAT_CX))
		return -EINVAL;
	return -ENODEV;
}

static s64 pm_operation(const struct xen_sysctl_pm_op *p)
{
	if (!cpu_is_online(p->cpuid))
		return -EINVAL;
	return (p->cmd & PM_PARA_CATEGORY_MASK) == CPUFREQ_PARA ? -ENODEV : -EOPNOTSUPP;
}

/* CPUs stay as they are since boot. */
static s64 cpu_hotplug(const struct xen_sysctl_cpu_hotplug *p)
{
	if (p->op != XEN_SYSCTL_CPU_HOTPLUG_ONLINE && p->op != XEN_SYSCTL_CPU_HOTPLUG_OFFLINE)
		return -EOPNOTSUPP;
	if (p->cpu >= nr_cpus)
		return -EINVAL;
	if (cpu_is_online(p->cpu))
		return p->op == XEN_SYSCTL_CPU_HOTPLUG_ONLINE ? 0 : -EOPNOTSUPP;
	return p->op == XEN_SYSCTL_CPU_HOTPLUG_OFFLINE ? 0 : -ENODEV;
}

static s64 heap_classes(struct xen_sysctl *op)
{
	struct annulus_sysctl_heap ask;
	u32 n = 0;

	memcpy(&ask, &op->u, sizeof(ask));
	for (; n < ask.nr && ask.first < ALLOC_CLASSES - n; n++) {
		struct annulus_heap_entry e = { .bytes = 0 };
		struct alloc_stats s;

		alloc_stats_get((enum alloc_class)(ask.first + n), &s);
		strlcpy(e.name, alloc_class_names[ask.first + n], sizeof(e.name));
		e.bytes = s.bytes;
		e.objects = s.objects;
		if (put_guest_elem(e, ask.buffer, n))
			return -EFAULT;
	}
	ask.nr = n;
	memcpy(&op->u, &ask, sizeof(ask));
	return 0;
}

static s64 grants_list(struct xen_sysctl *op)
{
	struct annulus_sysctl_grants ask;
	struct domain *d;
	u32 n = 0;

	memcpy(&ask, &op->u, sizeof(ask));
	for (unsigned id = ask.first; n < ask.nr && (d = domain_get_next(id)); n++) {
		struct annulus_grants_entry e = { .domid = d->id };

		grant_counters_get(d, &e.counters);
		id = d->id + 1U;
		domain_put(d);
		if (put_guest_elem(e, ask.buffer, n))
			return -EFAULT;
	}
	ask.nr = n;
	ask.judged = cpu_features.accessed_first;
	memcpy(&op->u, &ask, sizeof(ask));
	return 0;
}

static s64 one_op(struct xen_sysctl *op)
{
	switch (op->cmd) {
	case XEN_SYSCTL_readconsole:
		return read_console(&op->u.readconsole);
	case XEN_SYSCTL_physinfo:
		return phys_info(&op->u.physinfo);
	case XEN_SYSCTL_sched_id:
		op->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
		return 0;
	case XEN_SYSCTL_getdomaininfolist:
		return domain_list(&op->u.getdomaininfolist);
	case XEN_SYSCTL_debug_keys:
		return press_keys(&op->u.debug_keys);
	case XEN_SYSCTL_getcpuinfo:
		return cpu_info_list(&op->u.getcpuinfo);
	case XEN_SYSCTL_availheap:
		return free_heap(&op->u.availheap);
	case XEN_SYSCTL_cputopoinfo:
		return cpu_topology(&op->u.cputopoinfo);
	case XEN_SYSCTL_numainfo:
		return numa_info(&op->u.numainfo);
	case XEN_SYSCTL_cpupool_op:
		return cpu_pool(&op->u.cpupool_op);
	case XEN_SYSCTL_pcitopoinfo:
		return pci_topology(&op->u.pcitopoinfo);
	case XEN_SYSCTL_get_pmstat:
		return pm_statistics(&op->u.get_pmstat);
	case XEN_SYSCTL_pm_op:
		return pm_operation(&op->u.pm_op);
	case XEN_SYSCTL_cpu_hotplug:
		return cpu_hotplug(&op->u.cpu_hotplug);
	case XEN_SYSCTL_tbuf_op:
	case XEN_SYSCTL_livepatch_op:
		return -ENOSYS; /* on purpose */
	case XEN_SYSCTL_scheduler_op:
		return scheduler(&op->u.scheduler_op);
	case XEN_SYSCTL_get_cpu_levelling_caps:
		op->u.cpu_levelling_caps.caps =
			cpu_features.cpuid_fault ? XEN_SYSCTL_CPU_LEVELCAP_faulting : 0;
		return 0;
	case XEN_SYSCTL_get_cpu_featureset:
		return sysctl_cpu_featureset(&op->u.cpu_featureset);
	case XEN_SYSCTL_get_cpu_policy:
		return sysctl_cpu_policy(&op->u.cpu_policy);
	case ANNULUS_SYSCTL_heap:
		return heap_classes(op);
	case ANNULUS_SYSCTL_grants:
		return grants_list(op);
	default:
		return -ENOSYS;
	}
}

s64 do_sysctl(u64 arg)
{
	struct xen_sysctl op;
	s64 ret;

	if (!current->domain->privileged)
		return -EPERM;
	if (copy_from_guest(&op, arg, sizeof(op)))
		return -EFAULT;
	if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
		return -EACCES;
	if (!control_trylock())
		return hypercall_continue(__HYPERVISOR_sysctl, 1, arg);
	ret = one_op(&op);
	control_unlock();
	if (ret == -ENOSYS || ret == -EOPNOTSUPP || ret == -ENODEV)
		return refused("sysctl", op.cmd, ret);
	/* -ENOBUFS: as much as there was room for. */
	if ((!ret || ret == -ENOBUFS) && copy_to_guest(arg, &op, sizeof(op)))
		return -EFAULT;
	return ret;
}
