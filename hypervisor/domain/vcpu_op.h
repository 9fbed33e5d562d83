/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_VCPU_OP_H
#define ANNULUS_DOMAIN_VCPU_OP_H

#include "lib/types.h"

/* __HYPERVISOR_vcpu_op and __HYPERVISOR_set_timer_op: the errors are described in vcpu_op.c. */
s64 do_vcpu_op(u64 cmd, u64 vcpuid, u64 arg);
s64 do_set_timer_op(u64 timeout_ns);

#endif
