/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_IMAGE_BUILD_DOM0_H
#define ANNULUS_IMAGE_BUILD_DOM0_H

#include "lib/types.h"

struct domain;
struct start_info;

/* What start info tells dom0 and no other domain. The rest is filled in already. */
void dom0_start_info(struct start_info *si);
/* The machine is dom0's, but for what the hypervisor keeps. 0, -ENOMEM. */
int dom0_permissions(struct domain *d);

#endif
