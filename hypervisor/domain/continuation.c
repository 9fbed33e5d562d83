// SPDX-License-Identifier: GPL-2.0-or-later
#include "domain/continuation.h"

#include "cpu/cpu.h"
#include "cpu/regs.h"
#include "domain/domain.h"

#include <stdarg.h>

s64 (*compat_continuation)(unsigned op, unsigned nargs, const u64 *args);

/* The length of SYSCALL, which the guest executes again. */
#define SYSCALL_LEN 2

s64 hypercall_continue(unsigned op, unsigned nargs, ...)
{
	struct vcpu *v = current;
	u64 args[6] = { 0 };
	va_list ap;

	va_start(ap, nargs);
	for (unsigned i = 0; i < nargs && i < 6; i++)
		args[i] = va_arg(ap, u64);
	va_end(ap);
	if (v->domain->is_32bit)
		return compat_continuation(op, nargs, args);
	if (v->mc.in_multicall) {
		v->mc.preempted = true;
		v->mc.call.op = op;
		for (unsigned i = 0; i < nargs && i < 6; i++)
			v->mc.call.args[i] = args[i];
		return op;
	} else {
		struct regs *r = guest_regs();
		u64 *const slots[6] = { &r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9 };

		for (unsigned i = 0; i < nargs && i < 6; i++)
			*slots[i] = args[i];
		r->rip -= SYSCALL_LEN;
		return op;
	}
}
