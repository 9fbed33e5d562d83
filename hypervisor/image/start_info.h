/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the hypervisor's builder for boot modules and libhvctl, like image/image.h. */
#ifndef ANNULUS_IMAGE_START_INFO_H
#define ANNULUS_IMAGE_START_INFO_H

#include "pv-abi/compat.h"
#include "pv-abi/wide.h"

/*
 * The 32-bit form of a start info whose values all fit. What follows the structure in its page (a
 * dom0's screen) follows it there too: @to is a whole, empty page, @from has room for that.
 */
void start_info_narrow(struct compat_start_info *to, const struct wide_start_info *from);

#endif
