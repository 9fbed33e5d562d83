/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a domain's vCPUs get host CPUs. Returns 0 or the hypervisor's -errno, without a message. */
#ifndef HVCTL_VCPU_H
#define HVCTL_VCPU_H

#include "internal.h"

/* vcpu_share - set or (@put false) read the weight and the cap. */
int vcpu_share(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_share *share, bool put);

/* vcpu_pin - the CPUs of one vCPU; NULL, or none in it: as it is. */
int vcpu_pin(struct hvctl_ctx *ctx, uint32_t domid, uint32_t vcpu, const uint64_t hard[2],
	      const uint64_t soft[2]);

#endif
