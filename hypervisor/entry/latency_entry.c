// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * With latency=1 the stubs call these in place of the functions that are named in them: a stretch
 * with interrupts off begins when a gate or SYSCALL brings the CPU here. The paths that are
 * assembly from end to end (fast.S) are not measured: they have no loop.
 */
#include "cpu/vectors.h"
#include "entry/entry.h"
#include "lib/latency.h"
#include "pv/bounce.h"

void latency_syscall_from_guest(struct regs *r);
void latency_syscall_from_ring1_guest(struct regs *r);
void latency_syscall32_from_guest(struct regs *r);
void latency_sysenter_from_guest(struct regs *r);
void latency_compat_int82(struct regs *r);
void latency_trap_from_guest(struct regs *r);
void latency_page_fault_from_guest(struct regs *r);
struct regs *latency_trap_from_hypervisor(struct regs *r);
void latency_iret_failed(struct regs *g);
void latency_exit_work(struct regs *r);
void latency_pv_bounce_failed(const struct regs *r, u64 sp);

#define FROM_GUEST(function)                                                                       \
	void latency_##function(struct regs *r)                                                    \
	{                                                                                          \
		latency_stretch_began((vaddr_t)function);                                          \
		function(r);                                                                       \
	}

FROM_GUEST(syscall_from_guest)
FROM_GUEST(syscall_from_ring1_guest)
FROM_GUEST(syscall32_from_guest)
FROM_GUEST(sysenter_from_guest)
FROM_GUEST(compat_int82)
FROM_GUEST(page_fault_from_guest)
FROM_GUEST(iret_failed)

void latency_pv_bounce_failed(const struct regs *r, u64 sp)
{
	latency_stretch_began((vaddr_t)pv_bounce_failed);
	pv_bounce_failed(r, sp);
}

static bool is_interrupt(const struct regs *r)
{
	return (r->vector & 0xff) >= 0x20 && (r->vector & 0xff) != 0x80 &&
	       (r->vector & 0xff) != LEGACY_HYPERCALL_VECTOR;
}

void latency_trap_from_guest(struct regs *r)
{
	bool interrupt = is_interrupt(r);
	u64 start = latency_clock();

	latency_stretch_began((vaddr_t)trap_from_guest);
	trap_from_guest(r);
	if (interrupt)
		latency_interrupt_ended(start, (vaddr_t)trap_from_guest);
}

/* Interrupts that were off stay so: the stretch goes on. */
struct regs *latency_trap_from_hypervisor(struct regs *r)
{
	bool interrupt = is_interrupt(r), were_on = r->rflags & RFLAGS_IF;
	u64 start = latency_clock();

	if (were_on)
		latency_stretch_began((vaddr_t)trap_from_hypervisor);
	r = trap_from_hypervisor(r);
	if (interrupt)
		latency_interrupt_ended(start, (vaddr_t)trap_from_hypervisor);
	if (were_on)
		latency_stretch_ended((vaddr_t)trap_from_hypervisor);
	return r;
}

/* latency_irq_leave() has ended what was before. */
void latency_exit_work(struct regs *r)
{
	latency_stretch_began((vaddr_t)exit_work);
	exit_work(r);
	latency_stretch_ended((vaddr_t)exit_work);
}
