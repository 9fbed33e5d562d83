// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An HVM guest's vCPU: made and switched to, and the loop that runs it. How the guest is entered
 * and what it is left for is the vendor's (hvm_ops); what comes to it when it is entered is in
 * events.c, what is done when it was left in exits.c.
 *
 * The loop runs on a fresh stack with the guest's registers at its top, where hypercalls look for
 * them.
 */
#include "cpu/cpu.h"
#include "cpu/debugreg.h"
#include "cpu/ipi.h"
#include "cpu/mitigation.h"
#include "cpu/msr.h"
#include "cpu/raw.h"
#include "domain/domain.h"
#include "hvm/context.h"
#include "hvm/hvm.h"
#include "hvm/vcpu.h"
#include "lib/string.h"
#include "memory/heap.h"
#include "pv-abi/errno.h"
#include "sched/sched.h"

u8 hvm_fill_rsb;

static int vcpu_make(struct vcpu *v)
{
	struct hvm_vcpu *h = zalloc(ALLOC_VCPU, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->now.pat = HVM_PAT_RESET;
	x2apic_reset(&h->apic, v->id);
	spin_lock_init(&h->raise_lock);
	v->hvm = h;
	if (hvm_ops->create(v)) {
		zfree(h);
		v->hvm = NULL;
		return -ENOMEM;
	}
	hvm_timer_init(v);
	return 0;
}

static void vcpu_unmake(struct vcpu *v)
{
	timer_kill(&v->hvm->timer);
	hvm_ops->destroy(v);
	zfree(v->hvm);
	v->hvm = NULL;
}

static int copy(vaddr_t va, void *buf, size_t n, bool to_guest)
{
	return guest_walk_copy(current->domain, &current->hvm->now.paging, va, buf, n, to_guest);
}

void __init hvm_vcpu_register(void)
{
	hvm_vcpu_create = vcpu_make;
	hvm_vcpu_destroy = vcpu_unmake;
	hvm_copy = copy;
	hvm_fill_rsb = mitigations.rsb_switch;
}

/* ---- the switch ---- */

/*
 * What the CPU loads when the guest is left it may look up in the tables once more, of which the
 * LDT is the guest's then, and a fault there ends the machine (APM vol. 2, 15.6): nothing of the
 * last PV guest's selectors may be in use.
 */
static void null_segments(void)
{
	load_ds(0);
	load_es(0);
	load_fs(0);
	load_gs(0);
	__asm__ volatile("lldt %w0" ::"r"(0));
}

bool hvm_segments_null(void)
{
	u16 ds, es;

	__asm__ volatile("movw %%ds, %0; movw %%es, %1" : "=m"(ds), "=m"(es));
	return !ds && !es;
}

void hvm_switch_in(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;

	null_segments();
	hvm_ops->switch_in(v);
	WRITE_DR(0, h->dr[0]);
	WRITE_DR(1, h->dr[1]);
	WRITE_DR(2, h->dr[2]);
	WRITE_DR(3, h->dr[3]);
	/* What other guests left under the tag of this one's last time is not its. */
	this_cpu()->guest_tlb_stale = true;
	hvm_timer_switched_in(v);
}

void hvm_switch_out(struct vcpu *v)
{
	struct hvm_vcpu *h = v->hvm;

	hvm_timer_switching_out(v);
	READ_DR(0, h->dr[0]);
	READ_DR(1, h->dr[1]);
	READ_DR(2, h->dr[2]);
	READ_DR(3, h->dr[3]);
	hvm_ops->switch_out(v);
}

/* ---- the loop ---- */

/*
 * An interrupt of the APIC's, an NMI or a SIPI came while v went to sleep: sched/ knows of none. A
 * SIPI may have found it not yet blocked.
 */
static bool is_woken(const struct vcpu *v)
{
	return READ_ONCE(v->hvm->startup) != HVM_RUNS || (v->nmi_pending && !v->nmi_masked) ||
	       ((guest_regs()->rflags & RFLAGS_IF) && x2apic_next(&v->hvm->apic) >= 0);
}

void hvm_loop(void)
{
	struct vcpu *v = current;
	struct cpu *c = this_cpu();
	bool looked = false; /* at what is behind STI, since the guest was left */
	u8 page;

	for (;;) {
		local_irq_disable();
		if (READ_ONCE(c->softirq_pending)) {
			if ((v->pause_flags & VPF_BLOCKED) && is_woken(v))
				vcpu_unblock(v);
			local_irq_enable();
			softirqs_run();
			continue;
		}
		if (unlikely(v->pause_flags)) {
			softirq_raise(SOFTIRQ_SCHEDULE);
			continue;
		}
		if (unlikely(READ_ONCE(v->hvm->startup) != HVM_RUNS)) {
			local_irq_enable();
			if (hvm_take_start(&page))
				hvm_start_in_real_mode(v, page);
			else
				softirq_raise(SOFTIRQ_SCHEDULE);
			continue;
		}
		if (unlikely(v->hvm->now.shadow && !looked)) {
			/* The guest's memory is read with interrupts on. */
			local_irq_enable();
			hvm_do_shadowed_hlt(v);
			looked = true;
			continue;
		}
		hvm_deliver_events(v);
		hvm_ops->run(v);
		looked = false;
		local_irq_enable();
		hvm_ops->handle_exit(v);
	}
}
