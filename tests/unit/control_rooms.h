/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_TESTS_UNIT_CONTROL_ROOMS_H
#define ANNULUS_TESTS_UNIT_CONTROL_ROOMS_H

/*
 * The rooms that the control hypercalls pull levers in, for the only file of a test or a fuzzer:
 * they remember what they were asked, and answer what they are told to.
 */
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#include "control/physdev.h"
#include "domain/continuation.h"
#include "domain/pirq.h"
#include "hvm/hvm.h"
#include "hvm/vcpu.h"
#include "image/hypercall_page.h"
#include "memory/e820.h"
#include "control/control.h"
#include "control/keys.h"
#include "cpu/cpu.h"
#include "machine/clock.h"
#include "machine/console.h"
#include "machine/pci.h"
#include "memory/heap.h"
#include "pv/compat.h"
#include "pv-abi/domctl.h"
#include "pv-abi/errno.h"
#include "pv-abi/hvm_save.h"
#include "pv-abi/sysctl.h"

struct domain *dom0;
static struct domain *guest;
u64 clock_tsc_hz = 2500000000ULL;
struct e820_map machine_e820;
const char *const alloc_class_names[ALLOC_CLASSES] = { "first class" };

/* What the other rooms were asked, and what they answer. */
static struct {
	struct domain_config cfg;
	domid_t created;
	int create_error, kill_error, context_error, pause_error;
	unsigned kills, resumes, pauses, vcpus_left, resets, contexts;
	u32 weight, rate_limit;
	unsigned cpu_of_new;
	cpumask_t affinity;
	char keys[8];
	unsigned nr_keys;
	s64 offset_updates;
	bool no_hvm;
	struct hvm_hw_cpu state; /* of the HVM vCPU */
	struct hvm_hw_lapic_regs apic;
	u64 apic_mode;           /* bits that MSR_APIC_BASE has no more */
	unsigned apics;
	u64 pat;
	unsigned states;         /* how often it was set */
} m;
static const char log_text[] = "0123456789";

struct domain *domain_get_next(unsigned id)
{
	struct domain *best = NULL;

	for (unsigned i = id; i < 100 && !best; i++)
		if ((best = domain_get((domid_t)i)))
			return best;
	return NULL;
}

struct domain *domain_create(domid_t id, const struct domain_config *cfg, int *err)
{
	struct domain *d;

	m.cfg = *cfg;
	*err = m.create_error;
	if (m.create_error)
		return NULL;
	if ((d = domain_get(id))) {
		domain_put(d);
		*err = -EEXIST;
		return NULL;
	}
	m.created = id;
	return sim_domain(id, 0, false);
}

struct vcpu *vcpu_create(struct domain *d, unsigned id, unsigned cpu)
{
	struct vcpu *v = m.vcpus_left ? calloc(1, sizeof(*v)) : NULL;

	if (!v)
		return NULL;
	m.vcpus_left--;
	m.cpu_of_new = cpu;
	v->id = id;
	v->domain = d;
	d->vcpu[id] = v;
	return v;
}

/* clang-format off */
int domain_kill(struct domain *d) { m.kills++; return m.kill_error; }
void domain_resume(struct domain *d) { m.resumes++; }
int domain_pause_by_control(struct domain *d) { d->paused_by_control = true; return 0; }
int domain_unpause_by_control(struct domain *d) { return m.pause_error; }
void domain_pause(struct domain *d) { d->pause_count++; m.pauses++; }
void domain_unpause(struct domain *d) { d->pause_count--; }
void vcpu_pause(struct vcpu *v) { v->pause_count++; m.pauses++; }
void vcpu_unpause(struct vcpu *v) { v->pause_count--; }
void domain_wallclock_update(struct domain *d) { m.offset_updates++; }
void sched_set_weight(struct domain *d, u32 weight) { m.weight = weight; }
u32 sched_get_weight(struct domain *d) { return m.weight; }
void sched_set_vcpu_weight(struct vcpu *v, u32 weight) { v->sched.weight = weight; }
void sched_set_cap(struct domain *d, u32 percent) { d->cap.percent = percent; }
u32 sched_get_cap(const struct domain *d) { return d->cap.percent; }
void sched_set_soft_affinity(struct vcpu *v, cpumask_t mask) { v->sched.soft = mask; }
struct spinlock pci_lock;
struct pci_device *pci_device_find(pci_sbdf_t sbdf)
{
	static struct pci_device known;

	return sbdf == PCI_SBDF(0, 1, 0x10) ? &known : NULL;
}
u32 sched_get_rate_limit(void) { return m.rate_limit; }
int sched_set_rate_limit(u32 us)
{
	if (us == 7)
		return -EINVAL;
	m.rate_limit = us;
	return 0;
}
u64 system_time(void) { return 5000; }
u64 heap_free_frames(void) { return 100; }
void hypercall_page_fill(void *page) { memset(page, 0x0f, PAGE_SIZE); }
void compat_hypercall_page_fill(void *page) { memset(page, 0xcd, PAGE_SIZE); }
int domain_set_ring1(struct domain *d)
{
	d->ring1 = true;
	return 0;
}
int domain_set_compat(struct domain *d)
{
	if (d->tot_pages)
		return -EBUSY;
	d->is_32bit = true;
	return 0;
}
void vcpu_get_ext_context(const struct vcpu *v, struct xen_domctl_ext_vcpucontext *c)
{
	memset(c, 0, sizeof(*c));
	c->size = sizeof(*c);
	c->sysenter_callback_eip = v->pv.sysenter_callback;
}
int vcpu_set_ext_context(struct vcpu *v, const struct xen_domctl_ext_vcpucontext *c)
{
	v->pv.sysenter_callback = c->sysenter_callback_eip;
	return m.context_error;
}
int vcpu_reset(struct vcpu *v) { m.resets++; return m.context_error; }
int pirq_to_irq(struct domain *d, unsigned pirq) { return pirq == 20 ? 9 : -EINVAL; }
/* clang-format on */

int vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	CU_ASSERT_EQUAL(v->domain->pause_count, 1);
	m.contexts++;
	v->regs.rip = c->user_regs.rip;
	return m.context_error;
}

void vcpu_get_context(struct vcpu *v, struct vcpu_guest_context *c)
{
	CU_ASSERT_EQUAL(v->pause_count, 1);
	memset(c, 0, sizeof(*c));
	c->user_regs.rip = v->regs.rip;
}

int vcpu_set_context_compat(struct vcpu *v, const struct vcpu_guest_context *c,
			    const struct compat_callback_selectors *sel)
{
	v->pv.event_cs = sel->event;
	return vcpu_set_context(v, c);
}

void vcpu_get_context_compat(struct vcpu *v, struct vcpu_guest_context *c,
			     struct compat_callback_selectors *sel)
{
	vcpu_get_context(v, c);
	sel->event = v->pv.event_cs;
	sel->failsafe = 0;
}

int sched_set_affinity(struct vcpu *v, cpumask_t mask)
{
	if (!(mask & cpus_online))
		return -EINVAL;
	v->sched.affinity = m.affinity = mask;
	return 0;
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
	memset(out, 0, sizeof(*out));
	out->time[RUNSTATE_running] = 1000 * (v->id + 1);
}

bool hvm_available(void)
{
	return !m.no_hvm;
}

u64 hvm_get_apic(struct vcpu *v, struct hvm_hw_lapic_regs *r)
{
	CU_ASSERT_TRUE(v->domain->pause_count);
	*r = m.apic;
	return x2apic_base(v->id) & ~m.apic_mode;
}

void hvm_set_apic(struct vcpu *v, const struct hvm_hw_lapic_regs *r)
{
	CU_ASSERT_TRUE(v->domain->pause_count);
	m.apic = *r;
	m.apics++;
}

u64 hvm_get_pat(const struct vcpu *v)
{
	CU_ASSERT_TRUE(v->domain->pause_count);
	return m.pat;
}

void hvm_set_pat(struct vcpu *v, u64 pat)
{
	CU_ASSERT_TRUE(v->domain->pause_count);
	m.pat = pat;
}

void hvm_get_state(struct vcpu *v, struct hvm_hw_cpu *c)
{
	CU_ASSERT_EQUAL(v->domain->pause_count, 1);
	*c = m.state;
}

void hvm_set_state(struct vcpu *v, const struct hvm_hw_cpu *c)
{
	CU_ASSERT_EQUAL(v->domain->pause_count, 1);
	m.state = *c;
	m.states++;
}

size_t console_ring_read(char *buf, size_t n, u32 *index, bool clear)
{
	size_t have;

	if (*index > sizeof(log_text) - 1)
		*index = 0;
	have = sizeof(log_text) - 1 - *index;
	if (clear) {
		m.keys[0] = 'c';
		return 0;
	}
	n = min(n, min(have, (size_t)4));
	memcpy(buf, log_text + *index, n);
	*index += (u32)n;
	return n;
}

int debug_key(char c)
{
	m.keys[m.nr_keys++ % sizeof(m.keys)] = c;
	return c == 'A' ? -EUCLEAN : c == 'B' ? -EBUSY : 0;
}

void alloc_stats_get(enum alloc_class c, struct alloc_stats *out)
{
	out->bytes = 100 + c;
	out->objects = 10 + c;
}

/* Counter k of domain n is 100 * n + k. */
void grant_counters_get(struct domain *d, struct grant_counters *sum)
{
	u64 *counter = (u64 *)sum;

	for (unsigned k = 0; k < sizeof(*sum) / sizeof(u64); k++)
		counter[k] = 100ULL * d->id + k;
}

#endif
