// SPDX-License-Identifier: GPL-2.0-or-later
#include "memory/e820.h"

struct e820_map machine_e820;
