/* SPDX-License-Identifier: MIT */
/*
 * The emergency console, __HYPERVISOR_console_io(cmd, count, buffer). Its commands
 * (CONSOLEIO_write, CONSOLEIO_read) live in xen.h; the console ring that guests use once
 * they are up is io/console.h.
 */
#ifndef PV_ABI_CONSOLE_H
#define PV_ABI_CONSOLE_H

#include "xen.h"

#endif /* PV_ABI_CONSOLE_H */
