// SPDX-License-Identifier: GPL-2.0-or-later
/* The owners that are no guests. domains_init() makes them. */
#include "memory/owner.h"

struct domain *dom_hv, *dom_io;
