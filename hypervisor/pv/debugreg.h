/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_PV_DEBUGREG_H
#define ANNULUS_PV_DEBUGREG_H

#include "pv/cpu_ops.h" /* pv_set_debugreg() */

#endif
