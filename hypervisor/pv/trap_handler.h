/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_TRAP_HANDLER_H
#define ANNULUS_PV_TRAP_HANDLER_H

#include "cpu/cpu.h"
#include "domain/domain.h"

/* What a frame for the guest's kernel does or has beside the rest. */
enum { FRAME_MASK = 1, FRAME_ERROR = 2, FRAME_SEGMENTS = 4 };

/*
 * trap_handler() - the handler that current's kernel has for `vector`, and the flags of its frame.
 * NULL if it has none: the domain is crashed then. For each kind of kernel, whose frames differ.
 */
static inline const struct trap_info *trap_handler(unsigned vector, u32 error_code, unsigned *flags)
{
	const struct trap_info *ti = &current->pv.traps[vector & 255];
	bool has_error =
		vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21;

	if (!ti->address) {
		domain_crash(current->domain,
			     "vcpu %u: no handler for trap %u (error %#x) at rip %#llx, cr2 "
			     "%#llx\n",
			     current->id, vector, error_code, (unsigned long long)guest_regs()->rip,
			     (unsigned long long)current->pv.cr2);
		return NULL;
	}
	*flags = (has_error ? FRAME_ERROR : 0) | (TI_GET_IF(ti) ? FRAME_MASK : 0);
	return ti;
}

#endif
