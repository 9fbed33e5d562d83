// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/domain/domain.c hypervisor/memory/owner.c hypervisor/domain/shutdown.c
// sources: hypervisor/domain/time.c
// sources: hypervisor/domain/version.c hypervisor/machine/timescale.c
// sources: hypervisor/domain/permission.c hypervisor/memory/range_set.c tests/unit/sim/sim.c
//
// Domains from domain_create() to the last domain_put(), pausing and shutting down, what a guest is
// told about time, what it is told about the hypervisor.

#include "suite.h"
#include <setjmp.h>
#include <string.h>

#include "sim/sim.h"

#include "boot/start_domains.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "domain/fpu.h"
#include "domain/pirq.h"
#include "domain/version.h"
#include "machine/clock.h"
#include "machine/power.h"
#include "machine/rtc.h"
#include "memory/heap.h"
#include "pv-abi/errno.h"
#include "pv-abi/features.h"
#include "pv-abi/sched.h"
#include "pv-abi/version.h"
#include "pv/mmu.h"

static struct {
	u64 now;
	u32 epoch;
	bool stable;
	int events_error, grants_error, irqs_error, fpu_error, sched_error;
	int release_error, reset_error, memory_error;
	unsigned events, grants, irqs, fpus, scheds; /* alive */
	unsigned closes, wakes, sleeps, syncs, virqs, global_virqs, ended, resets;
	u64 timers_set;
	struct timer *last_set;
	unsigned timer_kills, migrates, root_loads;
	bool told_dying, told_gone; /* of domain 7 at the last global VIRQ */
	bool rtc;
} m;
static jmp_buf machine_gone;

/* What the linker puts into the image. */
__asm__(".section .rodata\n"
	".globl _build_id_start, _build_id_end\n"
	"_build_id_start: .long 4, 5, 3; .asciz \"GNU\"\n"
	".ascii \"build\"\n"
	"_build_id_end:\n"
	".previous\n");
static const char *how_it_went;

/* ---- the other rooms ---- */

u64 system_time(void) { return m.now; }
void (*clock_changed)(void);

void clock_init(void) { }
u32 clock_epoch(void) { return m.epoch; }
bool clock_stable(void) { return m.stable; }
void clock_record_get(struct clock_record *r)
{
	CU_ASSERT_FALSE(local_irq_enabled());
	*r = (struct clock_record){ .tsc = 1000,
				    .ns = m.now,
				    .scale = { .mul = 0x80000000, .shift = -1 } };
}
bool rtc_read(u64 *sec)
{
	*sec = 1700000000;
	return m.rtc;
}
void timers_init(void) { }
void timer_init(struct timer *t, void (*fn)(void *), void *arg, unsigned cpu)
{
	*t = (struct timer){ .fn = fn, .arg = arg, .cpu = cpu };
}
void timer_set(struct timer *t, u64 expires)
{
	t->queued = !t->killed;
	t->expires = expires;
	m.last_set = t;
	m.timers_set++;
}
void timer_stop(struct timer *t) { t->queued = false; }
void timer_kill(struct timer *t)
{
	t->queued = false;
	t->killed = true;
	m.timer_kills++;
}
void timer_migrate(struct timer *t, unsigned cpu)
{
	t->cpu = cpu;
	m.migrates++;
}

/* One more of them, unless the test wants an error. */
static int made(unsigned *n, int error)
{
	*n += !error;
	return error;
}

int events_init(struct domain *d, u32 ports) { return made(&m.events, m.events_error); }
void events_destroy(struct domain *d) { m.events--; }
int events_close_all(struct domain *d)
{
	m.closes++;
	return 0;
}
int grant_init(struct domain *d, u32 frames, u32 maptrack)
{
	return made(&m.grants, m.grants_error);
}
void grant_destroy(struct domain *d) { m.grants--; }
int grant_release_mappings(struct domain *d) { return m.release_error; }
int domain_irqs_init(struct domain *d) { return made(&m.irqs, m.irqs_error); }
void domain_irqs_release(struct domain *d) { }
void domain_irqs_destroy(struct domain *d) { m.irqs--; }
int fpu_init_vcpu(struct vcpu *v) { return made(&m.fpus, m.fpu_error); }
void fpu_destroy_vcpu(struct vcpu *v) { m.fpus--; }
int sched_init_vcpu(struct vcpu *v, unsigned cpu) { return made(&m.scheds, m.sched_error); }
void sched_destroy_vcpu(struct vcpu *v) { m.scheds--; }
void vcpu_wake(struct vcpu *v) { m.wakes++; }
void vcpu_sleep_nosync(struct vcpu *v) { m.sleeps++; }
void vcpu_sleep_sync(struct vcpu *v)
{
	CU_ASSERT_PTR_NOT_EQUAL(v, sim_current);
	m.syncs++;
}
int vcpu_reset(struct vcpu *v)
{
	m.resets++;
	return m.reset_error;
}
int domain_relinquish_memory(struct domain *d) { return m.memory_error; }
int heap_claim(struct domain *d, u64 n)
{
	d->claimed_pages = n;
	return 0;
}
void event_send_virq(struct vcpu *v, unsigned virq)
{
	CU_ASSERT_EQUAL(virq, VIRQ_TIMER);
	m.virqs++;
}
void event_send_global_virq(struct domain *d, unsigned virq)
{
	struct domain *about;

	CU_ASSERT_EQUAL(virq, VIRQ_DOM_EXC);
	m.global_virqs++;
	/* What the toolstack finds when it asks now. */
	about = domain_get(7);
	m.told_dying = about && about->dying && about->relinquish_state;
	m.told_gone = !about;
	if (about)
		domain_put(about);
}
static void ended(struct domain *d) { m.ended++; }
void root_load(struct vcpu *v)
{
	CU_ASSERT_FALSE(local_irq_enabled());
	m.root_loads++;
}

void machine_power_off(void)
{
	how_it_went = "off";
	longjmp(machine_gone, 1);
}

void machine_restart(void)
{
	how_it_went = "restart";
	longjmp(machine_gone, 1);
}

/* ---- the fixture: the special domains are made once ---- */

static const struct domain_config config = {
	.max_vcpus = 2,
	.max_ports = 1024,
	.max_grant_frames = 8,
	.flags = 4,
	.handle = { 1, 2, 3 },
};
static struct domain *d;
static u64 objects; /* of the special domains */

static struct domain *create(domid_t id)
{
	int err = 1;
	struct domain *new = domain_create(id, &config, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(new);
	return new;
}

static void init(void)
{
	sim_reset();
	domain_ended = ended;
	max_mfn = SIM_FRAMES;
	domains_init();
	(void)idle_vcpu_create(0);
	objects = sim.objects;
}

static void begin(void)
{
	memset(&m, 0, sizeof(m));
	m.now = 1000000000;
	m.rtc = true;
	sim.allocs_left = -1;
	sim.bad = sim.bad_end = NULL;
	dom0 = NULL;
	sim_current = dom_idle->vcpu[0];
	sim_cpu = &cpus[0];
	d = create(7);
	CU_ASSERT_PTR_NOT_NULL_FATAL(vcpu_create(d, 0, 0));
	CU_ASSERT_PTR_NOT_NULL_FATAL(vcpu_create(d, 1, 1));
}

static void end(void)
{
	sim_current = dom_idle->vcpu[0];
	if (d)
		CU_ASSERT_EQUAL(domain_kill(d), 0);
	d = NULL;
	CU_ASSERT_PTR_NULL(domain_get(7));
	CU_ASSERT_EQUAL(m.events + m.grants + m.irqs + m.fpus + m.scheds, 0);
	CU_ASSERT_EQUAL(sim.objects, objects);
}

/* ---- life ---- */

TEST(test_lookup, "looking up")
{
	struct domain *e, *far;

	far = create(7 + 64); /* of the same bucket */
	e = create(3);
	CU_ASSERT_TRUE(d->max_vcpus == 2 && d->create_flags == 4 &&
		       d->handle[2] == 3);
	CU_ASSERT_TRUE(d->paused_by_control && d->pause_count == 1 &&
		       d->shutdown_code == SHUTDOWN_CODE_NONE);
	CU_ASSERT_PTR_EQUAL(domain_get(7), d);
	CU_ASSERT_PTR_EQUAL(domain_get(71), far);
	CU_ASSERT_EQUAL(d->refs, 2);
	domain_put(d);
	domain_put(far);
	CU_ASSERT_PTR_NULL(domain_get(8));
	CU_ASSERT_PTR_NULL(domain_get(7 + 128));
	CU_ASSERT_PTR_EQUAL(domain_get_next(0), e); /* by number, whenever made */
	domain_put(e);
	CU_ASSERT_PTR_EQUAL(domain_get_next(4), d);
	domain_put(d);
	CU_ASSERT_PTR_EQUAL(domain_get_next(8), far);
	domain_put(far);
	CU_ASSERT_PTR_NULL(domain_get_next(72));
	sim_current = d->vcpu[1];
	CU_ASSERT_PTR_EQUAL(domain_get(DOMID_SELF), d);
	CU_ASSERT_PTR_EQUAL(domain_get(7), d);
	CU_ASSERT_EQUAL(d->refs, 3);
	domain_put(d);
	domain_put(d);
	/* The last reference ends it, and the others are still found. */
	CU_ASSERT_EQUAL(domain_kill(far), 0);
	CU_ASSERT_PTR_NULL(domain_get(71));
	domain_hold(e);
	CU_ASSERT_EQUAL(domain_kill(e), 0);
	CU_ASSERT_PTR_NOT_NULL(domain_get(3));
	domain_put(e);
	CU_ASSERT_EQUAL(domain_kill(e), 0); /* done already */
	domain_put(e);
	CU_ASSERT_PTR_NULL(domain_get(3));
	CU_ASSERT_PTR_EQUAL(domain_get_next(0), d);
	domain_put(d);
}

/*
 * A number is one domain's until the last reference to it is gone: frames that somebody has mapped,
 * a lookup on another CPU, a call that is continued. Until then nobody else gets it, so that what
 * is kept by number (grants, ports, the store's connections) cannot mean another one.
 */
TEST(test_number_held, "a number that is held")
{
	struct domain *next;
	u64 serial;
	int err = 1;

	serial = d->serial;
	domain_hold(d); /* two holders, as two mappings would be */
	domain_hold(d);
	m.memory_error = -ERESTART;
	CU_ASSERT_EQUAL(domain_kill(d), -ERESTART);
	CU_ASSERT_PTR_NULL(domain_create(7, &config, &err));
	CU_ASSERT_EQUAL(err, -EEXIST);
	m.memory_error = 0;
	CU_ASSERT_EQUAL(domain_kill(d), 0);
	for (unsigned holders = 2; holders; holders--) {
		CU_ASSERT_EQUAL(d->refs, holders);
		err = 1;
		CU_ASSERT_PTR_NULL(domain_create(7, &config, &err));
		CU_ASSERT_EQUAL(err, -EEXIST);
		/* Whoever asks by the number meets the old one, which is dying. */
		CU_ASSERT_PTR_EQUAL(domain_get(7), d);
		CU_ASSERT_TRUE(d->dying);
		domain_put(d);
		CU_ASSERT_PTR_EQUAL(domain_get_next(7), d);
		domain_put(d);
		domain_put(d);
	}
	CU_ASSERT_PTR_NULL(domain_get(7));

	/* At once, very likely in the same memory: nothing of the old one is the new one's. */
	next = create(7);
	/* By its number alone it would be taken for the old one (entry/vcpu_switch.c). */
	CU_ASSERT_TRUE(next->serial && next->serial != serial && next->serial != dom_idle->serial);
	CU_ASSERT_FALSE(next->dying || next->shutting_down || next->shut_down ||
			next->is_32bit || next->debugger_attached || next->console_silenced);
	CU_ASSERT_TRUE(next->refs == 1 && next->pause_count == 1 && next->paused_by_control);
	CU_ASSERT_EQUAL(next->shutdown_code, SHUTDOWN_CODE_NONE);
	CU_ASSERT_TRUE(!next->vm_assist && !next->dirty_cpus && !next->relinquish_state &&
		       !next->tot_pages && !next->claimed_pages && !next->memory_map);
	CU_ASSERT_PTR_NULL(next->vcpu[0]);
	CU_ASSERT_PTR_NOT_NULL(vcpu_create(next, 0, 0));
	CU_ASSERT_FALSE(next->vcpu[0]->initialised || next->vcpu[0]->nmi_pending);
	CU_ASSERT_TRUE(next->vcpu[0]->pv.guest_table == INVALID_MFN &&
		       next->vcpu[0]->pv.guest_table_user == INVALID_MFN);
	d = next;
}

/*
 * The toolstack is told three times: when it stopped, when only what others hold is left of it
 * (the store's page: who has it mapped lets go when told), and when its number is free.
 */
TEST(test_end_told, "a domain's end is told")
{
	domain_hold(d); /* the store has its page mapped */
	domain_shutdown(d, SHUTDOWN_poweroff);
	CU_ASSERT_EQUAL(m.global_virqs, 1);
	CU_ASSERT_FALSE(m.told_dying || m.told_gone);
	m.memory_error = -ERESTART;
	CU_ASSERT_EQUAL(domain_kill(d), -ERESTART);
	CU_ASSERT_EQUAL(m.global_virqs, 1);
	m.memory_error = 0;
	CU_ASSERT_EQUAL(domain_kill(d), 0);
	CU_ASSERT_EQUAL(m.global_virqs, 2);
	CU_ASSERT_TRUE(m.told_dying);
	CU_ASSERT_EQUAL(domain_kill(d), 0); /* done already: no news */
	CU_ASSERT_EQUAL(m.global_virqs, 2);
	domain_put(d);
	CU_ASSERT_EQUAL(m.global_virqs, 3);
	CU_ASSERT_TRUE(m.told_gone);
	d = NULL;
}

/* What a life leaves in a domain is gone with it. */
TEST(test_number_inherits_nothing, "a number's next domain")
{
	d->vm_assist = 0x3f;
	d->dirty_cpus = 3;
	d->debugger_attached = d->console_silenced = true;
	d->console_fill = 5;
	d->time.offset_seconds = 77;
	CU_ASSERT_EQUAL(range_set_add(&d->perms.ports, 0, 0xffff), 0);
	CU_ASSERT_EQUAL(range_set_add(&d->perms.iomem, 0, 0xffff), 0);
	memset(d->shared_info->evtchn_pending, 0xff, sizeof(d->shared_info->evtchn_pending));
	d->vcpu[0]->initialised = d->vcpu[0]->nmi_pending = true;
	d->vcpu[0]->pv.iopl = 3;
	d->vcpu[0]->pv.dr[7] = 0xff;
	d->cpu_policy = zalloc(ALLOC_DOMAIN, 16); /* freed with it: end() counts */
	CU_ASSERT_EQUAL(domain_unpause_by_control(d), 0);
	CU_ASSERT_TRUE(d->started);
	domain_shutdown(d, SHUTDOWN_crash);
	CU_ASSERT_EQUAL(domain_kill(d), 0);
	d = create(7);
	CU_ASSERT_PTR_NOT_NULL(vcpu_create(d, 0, 0));
	CU_ASSERT_TRUE(!d->vm_assist && !d->dirty_cpus && !d->console_fill &&
		       !d->debugger_attached && !d->console_silenced && !d->time.offset_seconds);
	CU_ASSERT_TRUE(!d->cpu_policy && !d->started);
	CU_ASSERT_FALSE(range_set_contains(&d->perms.ports, 0x60, 0x60));
	CU_ASSERT_FALSE(range_set_contains(&d->perms.iomem, 5, 5));
	CU_ASSERT_EQUAL(d->shared_info->evtchn_pending[0], 0);
	CU_ASSERT_TRUE(d->shutdown_code == SHUTDOWN_CODE_NONE && !d->shut_down);
	CU_ASSERT_FALSE(d->vcpu[0]->initialised || d->vcpu[0]->nmi_pending);
	CU_ASSERT_TRUE(!d->vcpu[0]->pv.iopl && !d->vcpu[0]->pv.dr[7]);
}

TEST(test_create_errors, "create: errors")
{
	struct domain_config c = config;
	int err;

	c.max_vcpus = 64;
	CU_ASSERT_PTR_NULL(domain_create(DOMID_FIRST_RESERVED, &c, &err));
	CU_ASSERT_EQUAL(err, -EINVAL);
	c.max_vcpus = 0;
	CU_ASSERT_PTR_NULL(domain_create(8, &c, &err));
	CU_ASSERT_EQUAL(err, -EINVAL);
	c.max_vcpus = 65;
	CU_ASSERT_PTR_NULL(domain_create(8, &c, &err));
	CU_ASSERT_EQUAL(err, -EINVAL);
	c.max_vcpus = 64;
	CU_ASSERT_PTR_NULL(domain_create(7, &c, &err));
	CU_ASSERT_EQUAL(err, -EEXIST);
	for (s64 n = 0; n < 3; n++) { /* each allocation in turn */
		sim.allocs_left = n;
		CU_ASSERT_PTR_NULL(domain_create(8, &c, &err));
		CU_ASSERT_EQUAL(err, -ENOMEM);
	}
	sim.allocs_left = -1;
	m.events_error = -ENOMEM;
	CU_ASSERT_PTR_NULL(domain_create(8, &c, &err));
	m.events_error = 0;
	m.grants_error = -ENOMEM;
	CU_ASSERT_PTR_NULL(domain_create(8, &c, &err));
	m.grants_error = 0;
	m.irqs_error = -ENOMEM;
	CU_ASSERT_PTR_NULL(domain_create(8, &c, &err));
	CU_ASSERT_EQUAL(err, -ENOMEM);
	m.irqs_error = 0;
	CU_ASSERT_PTR_NULL(domain_get(8));
	CU_ASSERT_TRUE(m.events == 1 && m.grants == 1 && m.irqs == 1);
}

TEST(test_vcpu_create, "vCPUs")
{
	struct domain_config c = config;
	struct domain *e;
	struct vcpu *v;
	int err;

	v = d->vcpu[1];
	CU_ASSERT_TRUE(v->id == 1 && v->cpu == 1 && v->domain == d &&
		       v->info == &d->shared_info->vcpu_info[1]);
	CU_ASSERT_EQUAL(v->pause_flags, VPF_DOWN | VPF_DOMAIN_PAUSED);
	CU_ASSERT_TRUE(v->info->evtchn_upcall_mask == 1 && v->pv.guest_table == INVALID_MFN &&
		       v->pv.kernel_mode);
	CU_ASSERT_PTR_NULL(vcpu_create(d, 1, 0)); /* it is there */
	CU_ASSERT_PTR_NULL(vcpu_create(d, 2, 0)); /* no room */
	c.max_vcpus = 40;
	e = domain_create(9, &c, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	sim.allocs_left = 0;
	CU_ASSERT_PTR_NULL(vcpu_create(e, 0, 0));
	sim.allocs_left = -1;
	m.fpu_error = -ENOMEM;
	CU_ASSERT_PTR_NULL(vcpu_create(e, 0, 0));
	m.fpu_error = 0;
	m.sched_error = -ENOMEM;
	CU_ASSERT_PTR_NULL(vcpu_create(e, 0, 0));
	m.sched_error = 0;
	CU_ASSERT_EQUAL(m.fpus, 2);
	CU_ASSERT_PTR_NULL(e->vcpu[0]);
	v = vcpu_create(e, 35, 0); /* one that shared info has no room for */
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	CU_ASSERT_PTR_EQUAL(v->info, &e->spare_info[35]);
	CU_ASSERT_EQUAL(domain_kill(e), 0);
}

TEST(test_map_info, "registered vcpu_info")
{
	struct vcpu_info *to;
	struct vcpu *v;
	mfn_t mfn;

	d->max_pages = 10;
	v = d->vcpu[1];
	mfn = sim_frame_of(d);
	v->info->evtchn_upcall_mask = 1;
	CU_ASSERT_EQUAL(vcpu_map_info(v, mfn, PAGE_SIZE - 63), -EINVAL);
	CU_ASSERT_EQUAL(vcpu_map_info(v, mfn, PAGE_SIZE - 56),
			-EINVAL); /* across the frame's end */
	CU_ASSERT_EQUAL(vcpu_map_info(v, mfn, 4), -EINVAL);
	CU_ASSERT_EQUAL(vcpu_map_info(v, SIM_FRAMES, 64), -EINVAL);
	CU_ASSERT_EQUAL(vcpu_map_info(v, va_to_mfn(d), 64), -EINVAL);
	mfn_to_frame(mfn)->type = FT_L1 | 1;
	CU_ASSERT_EQUAL(vcpu_map_info(v, mfn, 64), -EINVAL); /* a page table */
	mfn_to_frame(mfn)->type = 0;
	v->pause_flags &= ~VPF_DOWN;
	CU_ASSERT_EQUAL(vcpu_map_info(v, mfn, 64), -EINVAL); /* it runs */
	v->pause_flags |= VPF_DOWN;
	CU_ASSERT_PTR_EQUAL(v->info, &d->shared_info->vcpu_info[1]);
	CU_ASSERT_EQUAL(mfn_to_frame(mfn)->count & FC_COUNT_MASK, 1);

	CU_ASSERT_EQUAL(vcpu_map_info(v, mfn, PAGE_SIZE - 64), 0);
	to = (struct vcpu_info *)((char *)mfn_to_va(mfn) + PAGE_SIZE - 64);
	CU_ASSERT_PTR_EQUAL(v->info, to);
	CU_ASSERT_TRUE(to->evtchn_upcall_mask == 1 && to->evtchn_upcall_pending == 1 &&
		       to->evtchn_pending_sel == ~0ULL);
	CU_ASSERT_EQUAL(to->time.version & 1, 0);
	CU_ASSERT_EQUAL(mfn_to_frame(mfn)->count & FC_COUNT_MASK, 2);
	CU_ASSERT_EQUAL(mfn_to_frame(mfn)->type, FT_WRITABLE | FT_VALIDATED | 1);
	CU_ASSERT_EQUAL(vcpu_map_info(v, mfn, 0), -EINVAL); /* once per vCPU */
	CU_ASSERT_EQUAL(mfn_to_frame(mfn)->count & FC_COUNT_MASK, 2);
	vcpu_unmap_info(v);
	CU_ASSERT_PTR_EQUAL(v->info, &d->shared_info->vcpu_info[1]);
	CU_ASSERT_EQUAL(mfn_to_frame(mfn)->count & FC_COUNT_MASK, 1);
	CU_ASSERT_EQUAL(mfn_to_frame(mfn)->type & FT_COUNT_MASK, 0);
	vcpu_unmap_info(v);
	d->dying = true;
	CU_ASSERT_EQUAL(vcpu_map_info(v, mfn, 0), -EINVAL);
	CU_ASSERT_EQUAL(mfn_to_frame(mfn)->count & FC_COUNT_MASK, 1);
	d->dying = false;
	sim_give_up(d, mfn);
}

TEST(test_kill_in_steps, "killed step by step")
{
	d->claimed_pages = 4;
	m.release_error = -ERESTART;
	CU_ASSERT_EQUAL(domain_kill(d), -ERESTART);
	CU_ASSERT_TRUE(d->dying && d->claimed_pages == 0);
	CU_ASSERT_EQUAL(m.closes, 1);
	CU_ASSERT_EQUAL(m.timer_kills, 6);
	m.release_error = 0;
	m.reset_error = -ERESTART;
	CU_ASSERT_EQUAL(domain_kill(d), -ERESTART);
	CU_ASSERT_EQUAL(m.resets, 1);
	m.reset_error = 0;
	m.memory_error = -ERESTART;
	CU_ASSERT_EQUAL(domain_kill(d), -ERESTART);
	CU_ASSERT_EQUAL(domain_kill(d), -ERESTART);
	CU_ASSERT_EQUAL(m.resets, 3); /* and no more: that step is done */
	CU_ASSERT_EQUAL(m.closes, 1);
	m.memory_error = 0;
}

/* ---- stopping ---- */

TEST(test_pause, "pausing")
{
	struct vcpu *v;

	v = d->vcpu[0];
	/* One more pause and its end are not yet a start. */
	domain_pause(d);
	domain_unpause(d);
	CU_ASSERT_FALSE(d->started);
	CU_ASSERT_EQUAL(domain_unpause_by_control(d), 0);
	CU_ASSERT_TRUE(d->started);
	CU_ASSERT_TRUE(!d->pause_count && !(v->pause_flags & VPF_DOMAIN_PAUSED) &&
		       !d->paused_by_control);
	CU_ASSERT_EQUAL(m.wakes, 2);
	CU_ASSERT_EQUAL(domain_unpause_by_control(d), -EINVAL);
	CU_ASSERT_EQUAL(domain_pause_by_control(d), 0);
	CU_ASSERT_EQUAL(domain_pause_by_control(d), 0); /* counts once */
	CU_ASSERT_EQUAL(d->pause_count, 1);
	domain_pause_nosync(d);
	CU_ASSERT_EQUAL(domain_unpause_by_control(d), 0);
	CU_ASSERT_TRUE(v->pause_flags & VPF_DOMAIN_PAUSED); /* somebody else wants it to stand */
	m.wakes = m.syncs = 0;
	domain_unpause(d);
	CU_ASSERT_EQUAL(v->pause_flags & VPF_DOMAIN_PAUSED, 0);
	CU_ASSERT_EQUAL(m.wakes, 2);
	domain_unpause(d); /* one too many */
	CU_ASSERT_EQUAL(d->pause_count, 0);
	CU_ASSERT_EQUAL(m.wakes, 2);
	sim_current = v;
	domain_pause(d); /* one's own vCPU is not waited for */
	CU_ASSERT_EQUAL(m.syncs, 1);
	domain_unpause(d);

	m.wakes = m.syncs = 0;
	vcpu_pause(v);
	vcpu_pause(d->vcpu[1]);
	CU_ASSERT_EQUAL(m.syncs, 1);
	vcpu_pause_nosync(v);
	vcpu_unpause(v);
	CU_ASSERT_TRUE(v->pause_flags & VPF_PAUSED);
	CU_ASSERT_EQUAL(m.wakes, 0);
	vcpu_unpause(v);
	CU_ASSERT_FALSE(v->pause_flags & VPF_PAUSED);
	CU_ASSERT_EQUAL(m.wakes, 1);
	vcpu_unpause(v);
	CU_ASSERT_TRUE(m.wakes == 1 && v->pause_count == 0);
	vcpu_unpause(d->vcpu[1]);
}

TEST(test_shutdown, "shutting down")
{
	struct domain *boss;

	CU_ASSERT_EQUAL(domain_unpause_by_control(d), 0);
	domain_resume(d); /* it runs */
	CU_ASSERT_EQUAL(d->pause_count, 0);
	domain_shutdown(d, SHUTDOWN_suspend);
	CU_ASSERT_TRUE(d->shut_down && d->shutting_down && d->shutdown_code == SHUTDOWN_suspend);
	CU_ASSERT_TRUE(d->pause_count == 1 && m.global_virqs == 1 && m.ended == 1);
	domain_shutdown(d, SHUTDOWN_reboot); /* the first word counts */
	CU_ASSERT_TRUE(d->shutdown_code == SHUTDOWN_suspend && d->pause_count == 1 &&
		       m.global_virqs == 1);
	domain_crash(d, "again\n");
	CU_ASSERT_EQUAL(d->shutdown_code, SHUTDOWN_suspend);
	domain_resume(d);
	CU_ASSERT_TRUE(!d->shut_down && !d->shutting_down &&
		       d->shutdown_code == SHUTDOWN_CODE_NONE && !d->pause_count);
	/* A code that was left before is kept, but for a crash */
	boss = create(1);
	dom0 = boss;
	d->shutdown_code = SHUTDOWN_poweroff;
	domain_shutdown(d, SHUTDOWN_reboot);
	CU_ASSERT_EQUAL(d->shutdown_code, SHUTDOWN_poweroff);
	CU_ASSERT_EQUAL(m.ended, 1); /* with dom0 it is dom0's business */
	domain_resume(d);
	d->shutdown_code = SHUTDOWN_poweroff;
	sim_current = d->vcpu[0];
	domain_crash(d, "it did %s\n", "something");
	CU_ASSERT_EQUAL(d->shutdown_code, SHUTDOWN_crash);
	domain_resume(d);
	sim_current = boss->vcpu[0] ? boss->vcpu[0] : dom_idle->vcpu[0];
	domain_crash(d, "from outside");
	CU_ASSERT_EQUAL(d->shutdown_code, SHUTDOWN_crash);
	dom0 = NULL;
	CU_ASSERT_EQUAL(domain_kill(boss), 0);
}

static const char *dom0_ends(u8 reason)
{
	how_it_went = NULL;
	if (!setjmp(machine_gone))
		domain_shutdown(d, reason);
	spin_unlock(&d->lock);
	d->shutdown_code = SHUTDOWN_CODE_NONE;
	return how_it_went;
}

TEST(test_dom0_ends, "dom0's end")
{
	dom0 = d;
	CU_ASSERT_STRING_EQUAL(dom0_ends(SHUTDOWN_poweroff), "off");
	CU_ASSERT_STRING_EQUAL(dom0_ends(SHUTDOWN_reboot), "restart");
	CU_ASSERT_STRING_EQUAL(dom0_ends(SHUTDOWN_crash), "restart");
	dom0 = NULL;
}

/* ---- time ---- */

TEST(test_wallclock, "wall clock")
{
	struct shared_info *s;
	u64 sec;
	u32 nsec;

	s = d->shared_info;
	time_init();
	wallclock_get(&sec, &nsec);
	CU_ASSERT_TRUE(sec == 1699999999 && nsec == 0); /* a second of system time has passed */
	s->wc_version = 77;				/* whatever the guest wrote there */
	wallclock_set(1800000000, 500, 0);
	CU_ASSERT_TRUE(s->wc_sec == 1800000000 && s->wc_nsec == 500 && s->wc_sec_hi == 0);
	CU_ASSERT_EQUAL(s->wc_version, 78);
	d->time.offset_seconds = -3600;
	domain_wallclock_update(d);
	CU_ASSERT_TRUE(s->wc_sec == 1800000000 - 3600 && s->wc_version == 80);
	d->time.offset_seconds = 1LL << 33;
	domain_wallclock_update(d);
	CU_ASSERT_EQUAL((u64)s->wc_sec | (u64)s->wc_sec_hi << 32, 1800000000 + (1ULL << 33));
	wallclock_set(5, 2000000000, 0); /* no such time */
	wallclock_get(&sec, &nsec);
	CU_ASSERT_EQUAL(sec, 1800000000);
	m.rtc = false;
	time_init(); /* says so and goes on */
	wallclock_get(&sec, &nsec);
	CU_ASSERT_EQUAL(sec, 1800000000);
}

TEST(test_vcpu_time, "clocks of vCPUs")
{
	struct vcpu_time_info area = { 0 };
	struct vcpu *v;
	u32 version;

	v = d->vcpu[0];
	version = v->info->time.version;
	CU_ASSERT_EQUAL(version & 1, 0);
	vcpu_time_update(v, false); /* nothing new */
	CU_ASSERT_EQUAL(v->info->time.version, version);
	m.epoch++;
	m.stable = true;
	vcpu_time_update(v, false);
	CU_ASSERT_TRUE(v->info->time.version > version && !(v->info->time.version & 1));
	CU_ASSERT_TRUE(v->info->time.tsc_timestamp == 1000 && v->info->time.system_time == m.now &&
		       v->info->time.tsc_to_system_mul == 0x80000000 &&
		       v->info->time.tsc_shift == -1 &&
		       v->info->time.flags == XEN_PVCLOCK_TSC_STABLE_BIT);
	/* A registered area: from outside it has to wait, from inside not */
	CU_ASSERT_EQUAL(vcpu_time_area_set(v, HV_VIRT_START), -EFAULT);
	CU_ASSERT_EQUAL(vcpu_time_area_set(v, (u64)&area), 0);
	CU_ASSERT_TRUE(v->time.time_area_stale && area.version == 0);
	sim_current = v;
	CU_ASSERT_EQUAL(vcpu_time_area_set(v, (u64)&area), 0);
	CU_ASSERT_FALSE(v->time.time_area_stale);
	CU_ASSERT_TRUE(area.version && !(area.version & 1) && area.tsc_timestamp == 1000);
	version = area.version;
	m.stable = false;
	v->pv.guest_table = 5;
	vcpu_time_update(v, true);
	CU_ASSERT_TRUE(area.version > version && !(area.version & 1) && area.flags == 0);
	/* Not mapped just now: later */
	sim.bad = &area;
	sim.bad_end = &area + 1;
	vcpu_time_update(v, true);
	CU_ASSERT_TRUE(v->time.time_area_stale);
	sim.bad = (const char *)&area + 8; /* half of it */
	vcpu_time_update(v, true);
	CU_ASSERT_TRUE(v->time.time_area_stale);
	sim.bad = sim.bad_end = NULL;
	v->pv.guest_table_user = 6;
	v->pv.kernel_mode = false; /* in user mode it is written through the kernel's root */
	m.epoch++;
	vcpu_time_switched_in(v);
	CU_ASSERT_FALSE(v->time.time_area_stale);
	CU_ASSERT_EQUAL(m.root_loads, 2);
	CU_ASSERT_FALSE(v->pv.kernel_mode);
	CU_ASSERT_EQUAL(vcpu_time_area_set(v, 0), 0);
	CU_ASSERT_FALSE(v->time.time_area_stale);
}

/* Who stays on its CPU is shown the clock anew; an idle CPU is left alone. */
TEST(test_refresh, "clocks of vCPUs that stay")
{
	struct vcpu *v = d->vcpu[0], *before = sim_current;
	struct timer *t;
	u32 version;
	u64 sets;

	time_init();
	sim_current = v;
	v->time.periodic_ns = 0;
	v->cpu = NR_CPUS - 1; /* where nobody was yet */
	vcpu_time_switched_in(v);
	t = m.last_set;
	CU_ASSERT_FATAL(t && t->queued && t->cpu == v->cpu);
	CU_ASSERT_EQUAL(t->expires, m.now + 1000000000);
	sets = m.timers_set;
	vcpu_time_switched_in(v); /* it is set */
	CU_ASSERT_EQUAL(m.timers_set, sets);
	m.now = t->expires;
	m.epoch++;
	version = v->info->time.version;
	t->fn(t->arg);
	CU_ASSERT_TRUE(v->info->time.version > version);
	CU_ASSERT_TRUE(m.timers_set == sets + 1 && t->expires == m.now + 1000000000);
	d->is_idle = true;
	t->fn(t->arg);
	d->is_idle = false;
	CU_ASSERT_EQUAL(m.timers_set, sets + 1);
	vcpu_time_switched_in(v);
	CU_ASSERT_EQUAL(m.timers_set, sets + 2);
	v->cpu = 0;
	sim_current = before;
}

TEST(test_runstate, "runstates")
{
	struct vcpu_runstate_info r, area = { 0 };
	struct vcpu *v;

	v = d->vcpu[0];
	CU_ASSERT_EQUAL(v->time.runstate.state, RUNSTATE_offline);
	vcpu_runstate_change(v, RUNSTATE_runnable, m.now + 100);
	vcpu_runstate_change(v, RUNSTATE_runnable, m.now + 200); /* no change */
	vcpu_runstate_change(v, RUNSTATE_running, m.now + 300);
	vcpu_runstate_change(v, RUNSTATE_blocked,
			     m.now); /* a clock that went back costs nobody time */
	CU_ASSERT_TRUE(v->time.runstate.time[RUNSTATE_offline] == 100 &&
		       v->time.runstate.time[RUNSTATE_runnable] == 200 &&
		       v->time.runstate.time[RUNSTATE_running] == 0);
	CU_ASSERT_EQUAL(v->time.runstate_seq, 6);
	m.now += 50;
	vcpu_runstate_get(v, &r);
	CU_ASSERT_TRUE(r.state == RUNSTATE_blocked && r.time[RUNSTATE_blocked] == 50);
	CU_ASSERT_EQUAL(v->time.runstate.time[RUNSTATE_blocked], 0);

	CU_ASSERT_EQUAL(vcpu_runstate_area_set(v, HV_VIRT_END - 8), -EFAULT);
	CU_ASSERT_EQUAL(vcpu_runstate_area_set(v, (u64)&area), 0);
	CU_ASSERT_TRUE(v->time.runstate_area_stale && area.time[0] == 0);
	sim_current = v;
	v->pv.guest_table = 5;
	CU_ASSERT_EQUAL(vcpu_runstate_area_set(v, (u64)&area), 0);
	CU_ASSERT_TRUE(!v->time.runstate_area_stale && area.time[RUNSTATE_runnable] == 200);
	/* The assist: the top bit while it is being written, and not after */
	d->vm_assist = BIT(VMASST_TYPE_runstate_update_flag);
	vcpu_runstate_change(v, RUNSTATE_running, m.now);
	CU_ASSERT_TRUE(v->time.runstate_area_stale);
	vcpu_time_switching_out(v);
	CU_ASSERT_FALSE(v->time.runstate_area_stale);
	CU_ASSERT_TRUE(area.state == RUNSTATE_running && area.state_entry_time == m.now);
	vcpu_runstate_change(v, RUNSTATE_blocked, m.now + 1);
	sim.bad = &area.state_entry_time;
	sim.bad_end = &area + 1;
	vcpu_time_switching_out(v);
	CU_ASSERT_TRUE(v->time.runstate_area_stale);
	sim.bad = &area;
	sim.bad_end = &area.state_entry_time;
	vcpu_time_switching_out(v);
	CU_ASSERT_TRUE(v->time.runstate_area_stale);
	sim.bad = sim.bad_end = NULL;
	v->pv.kernel_mode = false; /* of user space its fellows need no word */
	vcpu_time_switching_out(v);
	CU_ASSERT_TRUE(v->time.runstate_area_stale);
	v->pv.kernel_mode = true;
	vcpu_time_switched_in(v);
	CU_ASSERT_FALSE(v->time.runstate_area_stale);
	CU_ASSERT_EQUAL(area.state, RUNSTATE_blocked);
}

TEST(test_vcpu_timers, "timers of vCPUs")
{
	struct vcpu *v;

	v = d->vcpu[0];
	v->time.singleshot.fn(v);
	CU_ASSERT_EQUAL(m.virqs, 1);
	v->polling = true;
	v->time.poll.fn(v);
	v->time.poll.fn(v);
	CU_ASSERT_TRUE(!v->polling && sim_unblocks(v) == 1);
	/* The tick: for a vCPU that runs, when it is due */
	CU_ASSERT_EQUAL(v->time.periodic_ns, 10000000);
	m.now += 10000000;
	v->time.periodic.fn(v);
	CU_ASSERT_EQUAL(m.virqs, 1);
	sim_current = v;
	v->time.periodic.fn(v);
	CU_ASSERT_EQUAL(m.virqs, 2);
	CU_ASSERT_TRUE(v->time.periodic.queued && v->time.periodic.expires == m.now + 10000000);
	v->time.periodic.fn(v);
	CU_ASSERT_EQUAL(m.virqs, 2);
	vcpu_time_switching_out(v);
	CU_ASSERT_FALSE(v->time.periodic.queued);
	m.now += 55000000; /* several were missed: one */
	vcpu_time_switched_in(v);
	CU_ASSERT_EQUAL(m.virqs, 3);
	CU_ASSERT_TRUE(v->time.periodic.queued && v->time.periodic.expires > m.now);
	vcpu_periodic_set(v, 0);
	CU_ASSERT_FALSE(v->time.periodic.queued);
	m.now += 55000000;
	vcpu_time_switched_in(v);
	CU_ASSERT_EQUAL(m.virqs, 3);
	vcpu_periodic_set(v, 2000000);
	CU_ASSERT_EQUAL(v->time.periodic.expires, m.now + 2000000);
	/* On another CPU its timers come along. */
	CU_ASSERT_EQUAL(m.migrates, 0);
	v->cpu = 1;
	vcpu_time_switched_in(v);
	CU_ASSERT_EQUAL(m.migrates, 3);
	CU_ASSERT_TRUE(v->time.singleshot.cpu == 1 && v->time.periodic.cpu == 1 &&
		       v->time.poll.cpu == 1);
}

TEST(test_watchdog, "watchdogs")
{
	sim_current = d->vcpu[0];
	CU_ASSERT_EQUAL(domain_watchdog(d, 3, 1), -EINVAL);
	CU_ASSERT_EQUAL(domain_watchdog(d, 0, 0), -EINVAL);
	CU_ASSERT_EQUAL(domain_watchdog(d, 1, 5), -EINVAL);
	CU_ASSERT_EQUAL(domain_watchdog(d, 0, 10), 1);
	CU_ASSERT_EQUAL(d->time.watchdogs[0].timer.expires, m.now + 10000000000);
	CU_ASSERT_EQUAL(domain_watchdog(d, 0, 10), 2);
	CU_ASSERT_EQUAL(domain_watchdog(d, 0, 10), -ENOSPC);
	CU_ASSERT_EQUAL(domain_watchdog(d, 2, ~0U), 0);
	CU_ASSERT_EQUAL(d->time.watchdogs[1].timer.expires, m.now + 0xffffffffULL * 1000000000);
	CU_ASSERT_EQUAL(domain_watchdog(d, 1, 0), 0); /* stopped and given back */
	CU_ASSERT_FALSE(d->time.watchdogs[0].timer.queued);
	CU_ASSERT_EQUAL(domain_watchdog(d, 1, 5), -EINVAL);
	CU_ASSERT_EQUAL(domain_watchdog(d, 0, 1), 1);
	d->time.watchdogs[0].timer.fn(d);
	CU_ASSERT_TRUE(d->shut_down && d->shutdown_code == SHUTDOWN_watchdog);
	domain_time_destroy(d);
	CU_ASSERT_TRUE(d->time.watchdogs[0].timer.killed && d->time.watchdogs[1].timer.killed);
}

/* ---- the hypervisor about itself ---- */

TEST(test_version, "version")
{
	char text[1024];
	struct xen_platform_parameters p;
	struct xen_feature_info f = { 0 };
	struct xen_compile_info info;
	u8 handle[16], id[12];

	sim_current = d->vcpu[0];
	CU_ASSERT_EQUAL(do_xen_version(XENVER_version, 0), 4 << 16 | 17);
	CU_ASSERT_EQUAL(do_xen_version(XENVER_pagesize, 0), 4096);
	CU_ASSERT_EQUAL(do_xen_version(XENVER_extraversion, (u64)text), 0);
	CU_ASSERT_TRUE(text[0] == '.' && memchr(text, 0, sizeof(xen_extraversion_t)));
	CU_ASSERT_EQUAL(do_xen_version(XENVER_capabilities, (u64)text), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "xen-3.0-x86_64 "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "xen-3.0-x86_32p "));
	sim.ring1_refused = true;
	CU_ASSERT_EQUAL(do_xen_version(XENVER_capabilities, (u64)text), 0);
	CU_ASSERT_STRING_EQUAL(text, "xen-3.0-x86_64 ");
	sim.ring1_refused = false;
	CU_ASSERT_EQUAL(do_xen_version(XENVER_changeset, (u64)text), 0);
	CU_ASSERT_EQUAL(do_xen_version(XENVER_compile_info, (u64)&info), 0);
	CU_ASSERT_PTR_NOT_NULL(memchr(info.compiler, 0, sizeof(info.compiler)));
	CU_ASSERT_EQUAL(do_xen_version(XENVER_platform_parameters, (u64)&p), 0);
	CU_ASSERT_EQUAL(p.virt_start, HV_VIRT_START);
	CU_ASSERT_EQUAL(do_xen_version(XENVER_guest_handle, (u64)handle), 0);
	CU_ASSERT_EQUAL(memcmp(handle, config.handle, 16), 0);
	CU_ASSERT_EQUAL(do_xen_version(XENVER_build_id, 0), -EPERM);
	CU_ASSERT_EQUAL(do_xen_version(99, 0), -ENOSYS);
	CU_ASSERT_EQUAL(do_xen_version(XENVER_get_features, (u64)&f), 0);
	CU_ASSERT_TRUE(f.submap & 1U << XENFEAT_mmu_pt_update_preserve_ad);
	CU_ASSERT_FALSE(f.submap & 1U << XENFEAT_dom0);
	f.submap_idx = XENFEAT_NR_SUBMAPS;
	CU_ASSERT_EQUAL(do_xen_version(XENVER_get_features, (u64)&f), -EINVAL);
	CU_ASSERT_EQUAL(do_xen_version(XENVER_get_features, 8), -EFAULT);
	d->privileged = true;
	CU_ASSERT_EQUAL(do_xen_version(XENVER_build_id, 0), 5);
	CU_ASSERT_EQUAL(do_xen_version(XENVER_build_id, 8), -EFAULT);
	memset(id, 0, sizeof(id));
	CU_ASSERT_EQUAL(do_xen_version(XENVER_build_id, (u64)id), -EINVAL);
	id[0] = 4;
	CU_ASSERT_EQUAL(do_xen_version(XENVER_build_id, (u64)id), -ENOBUFS);
	CU_ASSERT_EQUAL(id[4], 0);
	id[0] = 5;
	CU_ASSERT_EQUAL(do_xen_version(XENVER_build_id, (u64)id), 5);
	CU_ASSERT_STRING_EQUAL((char *)id + 4, "build");
	d->privileged = false;
	for (unsigned cmd = XENVER_extraversion; cmd <= XENVER_get_features; cmd++)
		CU_ASSERT_EQUAL(do_xen_version(cmd, 8), -EFAULT);
	strcpy(saved_cmdline, "secret=1");
	CU_ASSERT_EQUAL(do_xen_version(XENVER_commandline, (u64)text), -EPERM);
	d->privileged = true;
	CU_ASSERT_EQUAL(do_xen_version(XENVER_commandline, (u64)text), 0);
	CU_ASSERT_STRING_EQUAL(text, "secret=1");
	f.submap_idx = 0;
	CU_ASSERT_EQUAL(do_xen_version(XENVER_get_features, (u64)&f), 0);
	CU_ASSERT_TRUE(f.submap & 1U << XENFEAT_dom0);
}

TEST(test_assists, "assists")
{
	sim_current = d->vcpu[0];
	CU_ASSERT_EQUAL(do_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
	CU_ASSERT_EQUAL(d->vm_assist, BIT(VMASST_TYPE_writable_pagetables));
	CU_ASSERT_EQUAL(do_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
	CU_ASSERT_EQUAL(do_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables), 0);
	CU_ASSERT_EQUAL(d->vm_assist, BIT(VMASST_TYPE_runstate_update_flag));
	CU_ASSERT_EQUAL(do_vm_assist(VMASST_CMD_enable, 63), -EINVAL);
	CU_ASSERT_EQUAL(do_vm_assist(VMASST_CMD_enable, 64), -EINVAL);
	CU_ASSERT_EQUAL(do_vm_assist(2, VMASST_TYPE_writable_pagetables), -ENOSYS);
	CU_ASSERT_EQUAL(d->vm_assist, BIT(VMASST_TYPE_runstate_update_flag));
}

SUITE("domain", .init = init, .begin = begin, .end = end)
