// SPDX-License-Identifier: GPL-2.0-or-later
// sources: hypervisor/pv/compat_context.c
// sources: hypervisor/domain/vcpu_op.c hypervisor/pv/context.c hypervisor/pv/callback.c
// sources: hypervisor/cpu/cpu_policy.c tests/unit/sim/sim.c
//
// vCPUs as their domain sees them: bringing them up and down, their whole state at once, their
// entry points. What a context asks for is taken completely or not at all.

#include "suite.h"
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/raw.h"
#include "cpu/regs.h"
#include "domain/fpu.h"
#include "domain/vcpu_op.h"
#include "machine/clock.h"
#include "pv-abi/callback.h"
#include "pv-abi/errno.h"
#include "pv-abi/nmi.h"
#include "pv-abi/sched.h"
#include "pv-abi/vcpu.h"
#include "pv/callback.h"
#include "pv/cpu_ops.h"
#include "pv/descriptor_page.h"
#include "pv/mmu.h"
#include "pv/sysenter.h"

static struct domain *d;
static struct vcpu *v0, *v1;
static struct vcpu_guest_context *c; /* a good one */

static struct {
	u64 time;
	int cr3_error, user_error, gdt_error, ldt_error, dr_error, drop_error, old_error;
	unsigned drops, wakes, sleeps, fpu_imports, shutdowns, shutdown_reason;
	u64 timer_set;
	unsigned timer_stops;
	u64 period, runstate_va, time_va;
	int area_error;
	mfn_t info_mfn;
	unsigned info_offset;
} m;

struct domain *dom0;

u64 system_time(void) { return m.time; }
void timer_set(struct timer *t, u64 expires)
{
	t->queued = true;
	m.timer_set = expires;
}
void timer_stop(struct timer *t)
{
	t->queued = false;
	m.timer_stops++;
}
void vcpu_wake(struct vcpu *v) { m.wakes++; }
void vcpu_sleep_nosync(struct vcpu *v) { m.sleeps++; }
void vcpu_sleep_sync(struct vcpu *v) { m.sleeps++; }
void vcpu_periodic_set(struct vcpu *v, u64 period) { m.period = period; }
void fpu_import(struct vcpu *v, const void *x) { m.fpu_imports++; }
void fpu_export(struct vcpu *v, void *x) { memset(x, 0x5a, 512); }

void domain_shutdown(struct domain *who, u8 reason)
{
	CU_ASSERT_PTR_EQUAL(who, d);
	m.shutdowns++;
	m.shutdown_reason = reason;
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
	memset(out, 0, sizeof(*out));
	out->time[RUNSTATE_blocked] = 1000 + v->id;
}

int vcpu_runstate_area_set(struct vcpu *v, vaddr_t va)
{
	m.runstate_va = va;
	return m.area_error;
}
int vcpu_time_area_set(struct vcpu *v, vaddr_t va)
{
	m.time_va = va;
	return m.area_error;
}

int vcpu_map_info(struct vcpu *v, mfn_t mfn, unsigned offset)
{
	m.info_mfn = mfn;
	m.info_offset = offset;
	return m.area_error;
}

int pv_new_guest_cr3(struct vcpu *v, mfn_t mfn)
{
	if (!m.cr3_error)
		v->pv.guest_table = mfn;
	return m.cr3_error;
}

int pv_new_user_cr3(struct vcpu *v, mfn_t mfn)
{
	if (!m.user_error)
		v->pv.guest_table_user = mfn ? mfn : INVALID_MFN;
	return m.user_error;
}

int pv_set_gdt(struct vcpu *v, const u64 *frames, unsigned entries)
{
	if (m.gdt_error && entries)
		return m.gdt_error;
	v->pv.gdt_entries = entries;
	for (unsigned i = 0; i < DIV_ROUND_UP(entries, 512); i++)
		v->pv.gdt_frames[i] = frames[i];
	return 0;
}

int pv_set_ldt(struct vcpu *v, vaddr_t base, unsigned ents)
{
	if (m.ldt_error && ents)
		return m.ldt_error;
	v->pv.ldt_base = base;
	v->pv.ldt_entries = ents;
	return 0;
}

void pv_set_kernel_stack(struct pv_vcpu *pv, u64 ss, u64 sp)
{
	pv->kernel_ss = (ss & 0xffff) | 3;
	pv->kernel_sp = sp;
}

int pv_drop_guest_tables(struct vcpu *v)
{
	m.drops++;
	if (m.drop_error)
		return m.drop_error;
	v->pv.guest_table = v->pv.guest_table_user = INVALID_MFN;
	return 0;
}

int pv_finish_old_table(struct vcpu *v) { return m.old_error; }

int pv_set_debugreg(struct vcpu *v, unsigned reg, u64 value)
{
	CU_ASSERT_TRUE(reg < 4 || reg == 6 || reg == 7);
	if (reg == 7 && m.dr_error)
		return m.dr_error;
	v->pv.dr[reg] = value;
	return 0;
}

static void begin(void)
{
	sim_reset();
	memset(&m, 0, sizeof(m));
	m.time = 1000000000;
	d = sim_domain(3, 3, false);
	v0 = d->vcpu[0];
	v1 = d->vcpu[1];
	for (unsigned i = 0; i < 3; i++) {
		d->vcpu[i]->pv.guest_table = d->vcpu[i]->pv.guest_table_user = INVALID_MFN;
		d->vcpu[i]->pv.kernel_mode = true;
	}
	v0->initialised = true;
	v1->pause_flags = VPF_DOWN;
	d->vcpu[2]->pause_flags = VPF_DOWN;
	sim_current = v0;
	sim_cpu = &cpus[0];
	dom0 = NULL;
	c = calloc(1, sizeof(*c));
	c->flags = VGCF_in_kernel | VGCF_i387_valid;
	c->user_regs.rip = 0xffffffff81000000;
	c->user_regs.rflags = 0x3202; /* IF, IOPL 3 */
	c->user_regs.cs = 0xe030;
	c->user_regs.rsp = 0xffffffff82000000;
	c->kernel_ss = 0xe028;
	c->ctrlreg[3] = xen_pfn_to_cr3(0x100);
	c->event_callback_eip = 0xffffffff81001000;
	c->gdt_ents = 600;
	c->gdt_frames[0] = 0x200;
	c->gdt_frames[1] = 0x201;
}

static void end(void)
{
	free(c);
	c = NULL;
	CU_ASSERT_EQUAL(sim.objects, 0);
	sim_reset();
}

static s64 op(unsigned cmd, unsigned id, const void *arg)
{
	return do_vcpu_op(cmd, id, (u64)arg);
}

/* ---- vcpu_op ---- */

TEST(test_names, "which vCPU, which operation")
{
	CU_ASSERT_EQUAL(op(VCPUOP_is_up, 3, NULL), -ENOENT);
	CU_ASSERT_EQUAL(op(VCPUOP_is_up, ~0U, NULL), -ENOENT);
	CU_ASSERT_EQUAL(op(99, 0, NULL), -ENOSYS);
	CU_ASSERT_EQUAL(op(VCPUOP_is_up, 0, NULL), 1);
	CU_ASSERT_EQUAL(op(VCPUOP_is_up, 1, NULL), 0);
	/* 32-bit arguments: what is above is not looked at */
	CU_ASSERT_EQUAL(do_vcpu_op(BIT(32) | VCPUOP_is_up, BIT(40), 0), 1);
}

TEST(test_up_and_down, "up and down")
{
	CU_ASSERT_EQUAL(op(VCPUOP_up, 1, NULL), -EINVAL); /* it has no state yet */
	CU_ASSERT_EQUAL(m.wakes, 0);
	CU_ASSERT_EQUAL(op(VCPUOP_initialise, 1, c), 0);
	CU_ASSERT_EQUAL(op(VCPUOP_initialise, 1, c), -EEXIST);
	CU_ASSERT_TRUE(v1->initialised);
	CU_ASSERT_EQUAL(op(VCPUOP_is_up, 1, NULL), 0);
	CU_ASSERT_EQUAL(op(VCPUOP_up, 1, NULL), 0);
	CU_ASSERT_EQUAL(op(VCPUOP_is_up, 1, NULL), 1);
	CU_ASSERT_EQUAL(m.wakes, 1);
	m.sleeps = 0;
	CU_ASSERT_EQUAL(op(VCPUOP_down, 1, NULL), 0);
	CU_ASSERT_EQUAL(op(VCPUOP_is_up, 1, NULL), 0);
	CU_ASSERT_EQUAL(m.sleeps, 1);
	CU_ASSERT_EQUAL(m.shutdowns, 0);
	/* The last one down is the domain's end; it stays up until that is done. */
	CU_ASSERT_EQUAL(op(VCPUOP_down, 0, NULL), 0);
	CU_ASSERT_EQUAL(m.shutdowns, 1);
	CU_ASSERT_EQUAL(m.shutdown_reason, SHUTDOWN_poweroff);
	CU_ASSERT_EQUAL(op(VCPUOP_is_up, 0, NULL), 1);
}

TEST(test_initialise_errors, "initialise: errors")
{
	CU_ASSERT_EQUAL(op(VCPUOP_initialise, 1, NULL), -EFAULT);
	sim.allocs_left = 0;
	CU_ASSERT_EQUAL(op(VCPUOP_initialise, 1, c), -ENOMEM);
	sim.allocs_left = -1;
	m.cr3_error = -ERESTART;
	CU_ASSERT_EQUAL(op(VCPUOP_initialise, 1, c), SIM_CONTINUED);
	CU_ASSERT_EQUAL(sim.continuation.op, __HYPERVISOR_vcpu_op);
	CU_ASSERT_TRUE(sim.continuation.args[0] == VCPUOP_initialise &&
		       sim.continuation.args[1] == 1 && sim.continuation.args[2] == (u64)c);
	CU_ASSERT_EQUAL(m.drops, 0); /* what was begun is carried on */
	CU_ASSERT_FALSE(v1->context_busy);
	m.cr3_error = 0;
	CU_ASSERT_EQUAL(op(VCPUOP_initialise, 1, c), 0);
}

TEST(test_timers, "timers")
{
	struct vcpu_set_periodic_timer p = { 1000000 };
	struct vcpu_set_singleshot_timer s = { 2000000000, 0 };

	CU_ASSERT_EQUAL(op(VCPUOP_set_periodic_timer, 1, &p), 0);
	CU_ASSERT_EQUAL(m.period, 1000000);
	p.period_ns = 999999;
	CU_ASSERT_EQUAL(op(VCPUOP_set_periodic_timer, 1, &p), -EINVAL);
	p.period_ns = BIT(60) + 1;
	CU_ASSERT_EQUAL(op(VCPUOP_set_periodic_timer, 1, &p), -EINVAL);
	CU_ASSERT_EQUAL(op(VCPUOP_set_periodic_timer, 1, NULL), -EFAULT);
	CU_ASSERT_EQUAL(m.period, 1000000);
	p.period_ns = BIT(60);
	CU_ASSERT_EQUAL(op(VCPUOP_set_periodic_timer, 1, &p), 0);
	CU_ASSERT_EQUAL(op(VCPUOP_stop_periodic_timer, 1, NULL), 0);
	CU_ASSERT_EQUAL(m.period, 0);

	CU_ASSERT_EQUAL(op(VCPUOP_set_singleshot_timer, 1, &s), -EINVAL); /* another's */
	CU_ASSERT_EQUAL(op(VCPUOP_set_singleshot_timer, 0, NULL), -EFAULT);
	CU_ASSERT_EQUAL(op(VCPUOP_set_singleshot_timer, 0, &s), 0);
	CU_ASSERT_EQUAL(m.timer_set, 2000000000);
	CU_ASSERT_TRUE(v0->time.singleshot.queued);
	s.timeout_abs_ns = m.time - 1;
	CU_ASSERT_EQUAL(op(VCPUOP_set_singleshot_timer, 0, &s), 0); /* fires at once */
	s.flags = VCPU_SSHOTTMR_future;
	m.timer_set = 0;
	CU_ASSERT_EQUAL(op(VCPUOP_set_singleshot_timer, 0, &s), -ETIME);
	CU_ASSERT_EQUAL(m.timer_set, 0);
	s.timeout_abs_ns = m.time;
	CU_ASSERT_EQUAL(op(VCPUOP_set_singleshot_timer, 0, &s), 0);
	CU_ASSERT_EQUAL(op(VCPUOP_stop_singleshot_timer, 1, NULL), -EINVAL);
	CU_ASSERT_EQUAL(op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
	CU_ASSERT_FALSE(v0->time.singleshot.queued);

	CU_ASSERT_EQUAL(do_set_timer_op(m.time + 5), 0);
	CU_ASSERT_EQUAL(m.timer_set, m.time + 5);
	CU_ASSERT_EQUAL(do_set_timer_op(m.time + BIT(50)), 0);
	CU_ASSERT_EQUAL(m.timer_set, m.time + BIT(50));
	CU_ASSERT_EQUAL(do_set_timer_op(m.time + BIT(50) + 1), 0); /* a miscalculation: soon */
	CU_ASSERT_EQUAL(m.timer_set, m.time + 100000000);
	CU_ASSERT_EQUAL(do_set_timer_op(0), 0);
	CU_ASSERT_FALSE(v0->time.singleshot.queued);
}

TEST(test_areas, "registered areas")
{
	struct vcpu_runstate_info rs;
	struct vcpu_register_runstate_memory_area ra = { .addr.v = 0x5000 };
	struct vcpu_register_time_memory_area ta = { .addr.v = 0x6000 };
	struct vcpu_register_vcpu_info info = { .mfn = 77, .offset = 64 };

	CU_ASSERT_EQUAL(op(VCPUOP_get_runstate_info, 1, &rs), 0);
	CU_ASSERT_EQUAL(rs.time[RUNSTATE_blocked], 1001);
	CU_ASSERT_EQUAL(op(VCPUOP_get_runstate_info, 1, NULL), -EFAULT);
	CU_ASSERT_EQUAL(op(VCPUOP_register_runstate_memory_area, 1, &ra), 0);
	CU_ASSERT_EQUAL(m.runstate_va, 0x5000);
	CU_ASSERT_EQUAL(op(VCPUOP_register_runstate_memory_area, 1, NULL), -EFAULT);
	CU_ASSERT_EQUAL(op(VCPUOP_register_vcpu_time_memory_area, 1, &ta), 0);
	CU_ASSERT_EQUAL(m.time_va, 0x6000);
	CU_ASSERT_EQUAL(op(VCPUOP_register_vcpu_time_memory_area, 1, NULL), -EFAULT);
	CU_ASSERT_EQUAL(op(VCPUOP_register_vcpu_info, 1, &info), 0);
	CU_ASSERT_TRUE(m.info_mfn == 77 && m.info_offset == 64);
	CU_ASSERT_EQUAL(op(VCPUOP_register_vcpu_info, 1, NULL), -EFAULT);
	m.area_error = -EINVAL;
	CU_ASSERT_EQUAL(op(VCPUOP_register_vcpu_info, 1, &info), -EINVAL);
	CU_ASSERT_EQUAL(op(VCPUOP_register_vcpu_time_memory_area, 1, &ta), -EINVAL);
}

TEST(test_nmi_and_physid, "NMI and physical id")
{
	struct vcpu_get_physid id;

	CU_ASSERT_EQUAL(op(VCPUOP_send_nmi, 1, NULL), 0);
	CU_ASSERT_TRUE(v1->nmi_pending);
	CU_ASSERT_EQUAL(sim_unblocks(v1), 1);
	CU_ASSERT_EQUAL(op(VCPUOP_send_nmi, 1, NULL), 0); /* one is pending already */
	CU_ASSERT_EQUAL(sim_unblocks(v1), 1);

	cpus_online = 0xf;
	cpus[2].apic_id = 6;
	cpus[2].acpi_id = 9;
	v1->sched.affinity = CPU_MASK(2);
	CU_ASSERT_EQUAL(op(VCPUOP_get_physid, 1, &id), -EINVAL); /* not dom0 */
	dom0 = d;
	CU_ASSERT_EQUAL(op(VCPUOP_get_physid, 1, &id), 0);
	CU_ASSERT_EQUAL(id.phys_id, 9ULL << 32 | 6);
	v1->sched.affinity = CPU_MASK(2) | CPU_MASK(3);
	CU_ASSERT_EQUAL(op(VCPUOP_get_physid, 1, &id), -EINVAL);
	v1->sched.affinity = CPU_MASK(2) | CPU_MASK(20); /* that one does not exist */
	CU_ASSERT_EQUAL(op(VCPUOP_get_physid, 1, &id), 0);
	v1->sched.affinity = CPU_MASK(20);
	CU_ASSERT_EQUAL(op(VCPUOP_get_physid, 1, &id), -EINVAL);
	cpus_online = 1;
}

/* ---- contexts ---- */

TEST(test_context_roundtrip, "a context there and back")
{
	struct vcpu_guest_context got;

	c->user_regs.rax = 1;
	c->user_regs.rbx = 2;
	c->user_regs.rcx = 3;
	c->user_regs.rdx = 4;
	c->user_regs.rsi = 5;
	c->user_regs.rdi = 6;
	c->user_regs.rbp = 7;
	c->user_regs.r8 = 8;
	c->user_regs.r9 = 9;
	c->user_regs.r10 = 10;
	c->user_regs.r11 = 11;
	c->user_regs.r12 = 12;
	c->user_regs.r13 = 13;
	c->user_regs.r14 = 14;
	c->user_regs.r15 = 15;
	c->user_regs.ds = 0x23;
	c->user_regs.es = 0x24;
	c->user_regs.fs = 0x25;
	c->user_regs.gs = 0x26;
	c->flags |= VGCF_failsafe_disables_events | VGCF_syscall_disables_events | VGCF_online;
	c->trap_ctxt[14] = (struct trap_info){
		.vector = 99, .flags = 7, .cs = 0xe030, .address = 0xffffffff81002000
	};
	c->ldt_base = 0x7000;
	c->ldt_ents = 5;
	c->kernel_sp = 0x1000;
	c->ctrlreg[0] = BIT(3);
	c->ctrlreg[1] = xen_pfn_to_cr3(0x101);
	/* Of CR4, FSGSBASE is the guest's own; without the CPU's it is dropped. */
	c->ctrlreg[4] = CR4_FSGSBASE | CR4_SMAP;
	cpu_features.fsgsbase = true;
	c->debugreg[0] = 0x42;
	c->debugreg[7] = 0x400;
	c->failsafe_callback_eip = 0x3000;
	c->syscall_callback_eip = 0x4000;
	c->vm_assist = BIT(VMASST_TYPE_writable_pagetables);
	c->fs_base = 0x1111;
	c->gs_base_kernel = 0x2222;
	c->gs_base_user = 0x3333;
	v0->initialised = false; /* so that vCPU 0's context carries the assists */
	sim_current = d->vcpu[2];
	CU_ASSERT_EQUAL(vcpu_set_context(v0, c), 0);
	CU_ASSERT_TRUE(v0->initialised && !v0->context_busy);
	CU_ASSERT_EQUAL(m.fpu_imports, 1);
	CU_ASSERT_EQUAL(m.wakes, 1);
	CU_ASSERT_EQUAL(v0->pv.traps[14].vector, 14); /* the place says which, not the field */
	CU_ASSERT_EQUAL(v0->pv.iopl, 3);
	CU_ASSERT_FALSE(v0->regs.rflags & RFLAGS_IOPL);
	vcpu_get_context(v0, &got);
	CU_ASSERT_EQUAL(got.flags, c->flags);
	CU_ASSERT_EQUAL(got.user_regs.cs, 0xe033); /* never less than ring 3 */
	CU_ASSERT_EQUAL(got.user_regs.ss, 3);
	got.user_regs.cs = c->user_regs.cs;
	got.user_regs.ss = c->user_regs.ss;
	CU_ASSERT_EQUAL(memcmp(&got.user_regs, &c->user_regs, sizeof(got.user_regs)), 0);
	CU_ASSERT_EQUAL(got.trap_ctxt[14].address, c->trap_ctxt[14].address);
	CU_ASSERT_EQUAL(got.trap_ctxt[14].cs, 0xe033);
	CU_ASSERT_TRUE(got.ldt_base == 0x7000 && got.ldt_ents == 5 && got.gdt_ents == 600);
	CU_ASSERT_TRUE(got.gdt_frames[0] == 0x200 && got.gdt_frames[1] == 0x201 &&
		       !got.gdt_frames[2]);
	CU_ASSERT_TRUE(got.kernel_sp == 0x1000 && got.kernel_ss == 0xe02b);
	CU_ASSERT_EQUAL(got.ctrlreg[0] & BIT(3), BIT(3));
	CU_ASSERT_EQUAL(got.ctrlreg[4], CR4_FSGSBASE);
	CU_ASSERT_TRUE(got.ctrlreg[3] == c->ctrlreg[3] && got.ctrlreg[1] == c->ctrlreg[1]);
	CU_ASSERT_TRUE(got.debugreg[0] == 0x42 && got.debugreg[7] == 0x400);
	CU_ASSERT_EQUAL(got.event_callback_eip, c->event_callback_eip);
	CU_ASSERT_TRUE(got.failsafe_callback_eip == 0x3000 && got.syscall_callback_eip == 0x4000);
	CU_ASSERT_EQUAL(got.vm_assist, BIT(VMASST_TYPE_writable_pagetables));
	CU_ASSERT_TRUE(got.fs_base == 0x1111 && got.gs_base_kernel == 0x2222 &&
		       got.gs_base_user == 0x3333);
	CU_ASSERT_EQUAL((u8)got.fpu_ctxt.x[511], 0x5a);
	cpu_features.fsgsbase = false;
}

/* Each of these alone makes a context bad; nothing is taken then. */
TEST(test_context_checks, "bad contexts")
{
#define BAD(field, value, error)                                      \
	do {                                                          \
		__typeof__(c->field) was_ = c->field;                 \
		c->field = (value);                                   \
		CU_ASSERT_EQUAL(vcpu_set_context(v1, c), (error));    \
		c->field = was_;                                      \
		CU_ASSERT_FALSE(v1->initialised || v1->context_busy); \
		CU_ASSERT_EQUAL(v1->pv.guest_table, INVALID_MFN);     \
		CU_ASSERT_EQUAL(v1->regs.rip, 0);                     \
	} while (0)
	static const u64 bad_entry[] = { BIT(47), 0x0000800000000000, HV_VIRT_START,
					 HV_VIRT_END - 1, BIT(63) };
	static const u64 no_frame[] = { 0, 1, 8, 0x18, 0x800, 0xfff };

	for (unsigned i = 0; i < ARRAY_SIZE(bad_entry); i++) {
		BAD(event_callback_eip, bad_entry[i], -EINVAL);
		BAD(failsafe_callback_eip, bad_entry[i], -EINVAL);
		BAD(syscall_callback_eip, bad_entry[i], -EINVAL);
		BAD(user_regs.rip, bad_entry[i], -EINVAL);
		BAD(trap_ctxt[255].address, bad_entry[i], -EINVAL);
	}
	BAD(fs_base, BIT(47), -EINVAL);
	BAD(gs_base_kernel, BIT(47), -EINVAL);
	BAD(gs_base_user, BIT(62), -EINVAL);
	BAD(gdt_ents, FIRST_RESERVED_GDT_ENTRY + 1, -EINVAL);
	BAD(gdt_ents, BIT(32), -EINVAL);
	BAD(ldt_ents, 8193, -EINVAL);
	BAD(ldt_ents, BIT(32) + 1, -EINVAL);
	/* User mode without a user root: what counts is the frame, not the register. */
	c->flags = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(no_frame); i++)
		BAD(ctrlreg[1], no_frame[i], -EINVAL);
	c->flags = VGCF_in_kernel;
	/* Assists are looked at for vCPU 0 only */
	c->vm_assist = BIT(60);
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), 0);
	CU_ASSERT_EQUAL(d->vm_assist, 0);
	sim_current = v1;
	v0->initialised = false;
	CU_ASSERT_EQUAL(vcpu_set_context(v0, c), -EINVAL);
	c->vm_assist = 0;
	c->gdt_ents = FIRST_RESERVED_GDT_ENTRY;
	c->ldt_ents = 8192;
	c->event_callback_eip = HV_VIRT_END;
	CU_ASSERT_EQUAL(vcpu_set_context(v0, c), 0);
#undef BAD
}

TEST(test_context_undone, "half a context is undone")
{
	m.user_error = -EINVAL;
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), -EINVAL);
	CU_ASSERT_EQUAL(m.drops, 1);
	CU_ASSERT_EQUAL(v1->pv.guest_table, INVALID_MFN);
	m.user_error = 0;
	m.gdt_error = -EINVAL;
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), -EINVAL);
	CU_ASSERT_EQUAL(m.drops, 2);
	m.gdt_error = 0;
	c->ldt_ents = 1;
	m.ldt_error = -EINVAL;
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), -EINVAL);
	CU_ASSERT_EQUAL(m.drops, 3);
	CU_ASSERT_EQUAL(v1->pv.gdt_entries, 0);
	m.ldt_error = 0;
	/* A debug register at the end: those before it are as they were */
	v1->pv.dr[0] = 0x77;
	c->debugreg[0] = 0x88;
	m.dr_error = -EPERM;
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), -EINVAL);
	CU_ASSERT_EQUAL(m.drops, 4);
	CU_ASSERT_EQUAL(v1->pv.dr[0], 0x77);
	CU_ASSERT_FALSE(v1->initialised || v1->context_busy);
	CU_ASSERT_EQUAL(v1->regs.rip, 0);
	m.dr_error = 0;
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), 0);
	CU_ASSERT_EQUAL(m.drops, 4);
}

TEST(test_context_who, "who may set a context")
{
	struct domain *tools;

	CU_ASSERT_EQUAL(vcpu_set_context(v0, c), -EINVAL); /* one's own */
	v1->context_busy = true;
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), -EBUSY);
	v1->context_busy = false;
	d->dying = true;
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), -EINVAL);
	d->dying = false;
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), 0);
	/* By its own domain only once; by the toolstack again, with the same tables */
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), -EEXIST);
	tools = sim_domain(0, 1, true);
	sim_current = tools->vcpu[0];
	c->user_regs.rax = 0x1234;
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), 0);
	CU_ASSERT_EQUAL(v1->regs.rax, 0x1234);
	/* It has no user root, and a register of flags alone does not make it one. */
	c->flags = 0;
	c->ctrlreg[1] = 0xfff;
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), -EINVAL);
	CU_ASSERT_TRUE(v1->pv.kernel_mode);
	c->flags = VGCF_in_kernel;
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), 0);
	c->ctrlreg[1] = 0;
	c->gdt_frames[1]++;
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), -EOPNOTSUPP);
	c->gdt_frames[1]--;
	c->gdt_ents--;
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), -EOPNOTSUPP);
	c->gdt_ents++;
	c->ldt_ents = 1;
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), -EOPNOTSUPP);
	c->ldt_ents = 0;
	c->ctrlreg[1] = xen_pfn_to_cr3(5);
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), -EOPNOTSUPP);
	c->ctrlreg[1] = 0;
	c->ctrlreg[3] = xen_pfn_to_cr3(5);
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), -EOPNOTSUPP);
	CU_ASSERT_EQUAL(v1->pv.guest_table, 0x100);
	CU_ASSERT_EQUAL(m.drops, 0);
	CU_ASSERT_TRUE(v1->initialised);
}

TEST(test_reset, "reset")
{
	CU_ASSERT_EQUAL(vcpu_set_context(v1, c), 0);
	v1->nmi_pending = true;
	m.drop_error = -ERESTART;
	CU_ASSERT_EQUAL(vcpu_reset(v1), -ERESTART);
	/* Half of its tables may be gone: nobody brings it up before the rest is. */
	CU_ASSERT_FALSE(v1->initialised);
	CU_ASSERT_EQUAL(op(VCPUOP_up, 1, NULL), -EINVAL);
	CU_ASSERT_TRUE(v1->pause_flags & VPF_DOWN);
	m.drop_error = 0;
	m.old_error = -ERESTART;
	CU_ASSERT_EQUAL(vcpu_reset(v1), -ERESTART);
	m.old_error = 0;
	v1->pv.kernel_mode = false;
	v1->pv.traps[3].address = 1;
	CU_ASSERT_EQUAL(vcpu_reset(v1), 0);
	CU_ASSERT_FALSE(v1->initialised || v1->nmi_pending);
	CU_ASSERT_TRUE(v1->pv.kernel_mode && v1->pause_flags & VPF_DOWN);
	CU_ASSERT_EQUAL(v1->pv.event_callback, 0);
	CU_ASSERT_EQUAL(v1->pv.traps[3].address, 0);
	CU_ASSERT_EQUAL(v1->pv.gdt_entries, 0);
}

/* ---- entry points ---- */

TEST(test_callbacks, "callbacks")
{
	struct callback_register r = { .type = CALLBACKTYPE_event, .address = 0x1000 };
	struct callback_unregister u = { .type = CALLBACKTYPE_event };
	struct pv_vcpu *pv;

	pv = &v0->pv;
	CU_ASSERT_EQUAL(do_set_callbacks(1, 2, 3), 0);
	CU_ASSERT_TRUE(pv->event_callback == 1 && pv->failsafe_callback == 2 &&
		       pv->syscall_callback == 3);
	CU_ASSERT_EQUAL(do_set_callbacks(HV_VIRT_START, 2, 3), -EINVAL);
	CU_ASSERT_EQUAL(do_set_callbacks(5, BIT(47), 3), -EINVAL);
	CU_ASSERT_EQUAL(do_set_callbacks(5, 2, HV_VIRT_END - 1), -EINVAL);
	CU_ASSERT_EQUAL(pv->event_callback, 1);

	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_register, (u64)&r), 0);
	CU_ASSERT_EQUAL(pv->event_callback, 0x1000);
	r.flags = CALLBACKF_mask_events;
	r.type = CALLBACKTYPE_failsafe;
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_register, (u64)&r), 0);
	CU_ASSERT_TRUE(pv->failsafe_callback == 0x1000 && pv->failsafe_masks);
	r.type = CALLBACKTYPE_syscall;
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_register, (u64)&r), 0);
	CU_ASSERT_TRUE(pv->syscall_callback == 0x1000 && pv->syscall_masks);
	r.type = CALLBACKTYPE_syscall32;
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_register, (u64)&r), 0);
	CU_ASSERT_TRUE(pv->syscall32_callback == 0x1000 && pv->syscall32_masks);
	r.type = CALLBACKTYPE_sysenter;
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_register, (u64)&r), 0);
	CU_ASSERT_TRUE(pv->sysenter_callback == 0x1000 && pv->sysenter_masks);
	r.type = CALLBACKTYPE_nmi;
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_register, (u64)&r), 0);
	CU_ASSERT_EQUAL(pv->nmi_callback, 0x1000);
	r.type = CALLBACKTYPE_sysenter_deprecated;
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_register, (u64)&r), -ENOSYS);
	r.type = CALLBACKTYPE_event;
	r.address = HV_VIRT_START;
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_register, (u64)&r), -EINVAL);
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_register, 8), -EFAULT);
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_unregister, 8), -EFAULT);
	CU_ASSERT_EQUAL(do_callback_op(2, (u64)&r), -ENOSYS);

	for (u.type = 0; u.type <= CALLBACKTYPE_syscall; u.type++)
		CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_unregister, (u64)&u), -EINVAL);
	CU_ASSERT_EQUAL(pv->event_callback, 0x1000);
	u.type = CALLBACKTYPE_sysenter_deprecated;
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_unregister, (u64)&u), -ENOSYS);
	u.type = CALLBACKTYPE_nmi;
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_unregister, (u64)&u), 0);
	CU_ASSERT_EQUAL(pv->nmi_callback, 0);
	u.type = CALLBACKTYPE_syscall32;
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_unregister, (u64)&u), 0);
	CU_ASSERT_TRUE(pv->syscall32_callback == 0 && !pv->syscall32_masks);
	u.type = CALLBACKTYPE_sysenter;
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_unregister, (u64)&u), 0);
	CU_ASSERT_EQUAL(pv->sysenter_callback, 0);
}

/* SYSENTER's code segment is there while who runs has a callback for it, if the CPU has it. */
TEST(test_sysenter, "SYSENTER")
{
	struct callback_register r = { .type = CALLBACKTYPE_sysenter, .address = 0x1000 };
	struct callback_unregister u = { .type = CALLBACKTYPE_sysenter };
	struct vcpu with = { .pv.sysenter_callback = 0x2000 }, without = { 0 };
	bool old = cpu_features.sysenter;

	wrmsr(MSR_SYSENTER_CS, 0);
	sim_cpu->sysenter = false;
	cpu_features.sysenter = false;
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_register, (u64)&r), 0);
	CU_ASSERT_EQUAL(rdmsr(MSR_SYSENTER_CS), 0);
	cpu_features.sysenter = true;
	sysenter_load(&with);
	CU_ASSERT_EQUAL(rdmsr(MSR_SYSENTER_CS), SEL_HV_CS);
	sysenter_load(&without);
	CU_ASSERT_EQUAL(rdmsr(MSR_SYSENTER_CS), 0);
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_register, (u64)&r), 0);
	CU_ASSERT_EQUAL(rdmsr(MSR_SYSENTER_CS), SEL_HV_CS);
	/* A refused one changes nothing. */
	r.address = HV_VIRT_START;
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_register, (u64)&r), -EINVAL);
	CU_ASSERT_EQUAL(rdmsr(MSR_SYSENTER_CS), SEL_HV_CS);
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_unregister, (u64)&u), 0);
	CU_ASSERT_EQUAL(rdmsr(MSR_SYSENTER_CS), 0);
	CU_ASSERT_FALSE(sim_cpu->sysenter);
	cpu_features.sysenter = old;
}

TEST(test_nmi_op, "NMI callback")
{
	struct xennmi_callback cb = { .handler_address = 0x9000 };

	CU_ASSERT_EQUAL(do_nmi_op(XENNMI_register_callback, (u64)&cb), 0);
	CU_ASSERT_EQUAL(v0->pv.nmi_callback, 0x9000);
	CU_ASSERT_EQUAL(do_nmi_op(XENNMI_unregister_callback, 0), 0);
	CU_ASSERT_EQUAL(v0->pv.nmi_callback, 0);
	CU_ASSERT_EQUAL(do_nmi_op(XENNMI_register_callback, 8), -EFAULT);
	CU_ASSERT_EQUAL(do_nmi_op(2, 0), -ENOSYS);
	cb.handler_address = HV_VIRT_START;
	CU_ASSERT_EQUAL(do_nmi_op(XENNMI_register_callback, (u64)&cb), -EINVAL);
	cb.handler_address = 0x9000;
	sim_current = v1;
	CU_ASSERT_EQUAL(do_nmi_op(XENNMI_register_callback, (u64)&cb), -EINVAL);
	CU_ASSERT_EQUAL(v1->pv.nmi_callback, 0);
}

TEST(test_trap_table, "trap table")
{
	static struct trap_info t[300];

	memset(t, 0, sizeof(t));
	t[0] = (struct trap_info){ .vector = 14, .flags = 0, .cs = 0x10, .address = 0x5000 };
	t[1] = (struct trap_info){ .vector = 3, .flags = 3, .cs = 0, .address = 0x6000 };
	CU_ASSERT_EQUAL(do_set_trap_table((u64)t), 0);
	CU_ASSERT_TRUE(v0->pv.traps[14].address == 0x5000 &&
		       v0->pv.traps[14].cs == FLAT_KERNEL_CS64);
	CU_ASSERT_TRUE(v0->pv.traps[3].address == 0x6000 && v0->pv.traps[3].flags == 3);
	t[1].address = HV_VIRT_START;
	CU_ASSERT_EQUAL(do_set_trap_table((u64)t), -EINVAL);
	CU_ASSERT_EQUAL(v0->pv.traps[3].address, 0x6000);
	/* Longer than there are vectors: continued, so that nobody waits */
	for (unsigned i = 0; i < 299; i++)
		t[i] = (struct trap_info){ .vector = (u8)i, .address = 0x10000 + i };
	CU_ASSERT_EQUAL(do_set_trap_table((u64)t), SIM_CONTINUED);
	CU_ASSERT_EQUAL(sim.continuation.args[0], (u64)&t[256]);
	CU_ASSERT_EQUAL(v0->pv.traps[255].address, 0x10000 + 255);
	CU_ASSERT_EQUAL(do_set_trap_table(sim.continuation.args[0]), 0);
	CU_ASSERT_EQUAL(v0->pv.traps[1].address, 0x10000 + 257);
	CU_ASSERT_EQUAL(do_set_trap_table(16), -EFAULT);
	CU_ASSERT_EQUAL(do_set_trap_table(0), 0);
	CU_ASSERT_EQUAL(v0->pv.traps[14].address, 0);
}

SUITE("vcpu", .begin = begin, .end = end)
