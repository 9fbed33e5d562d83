/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ANNULUS_DOMAIN_VERSION_H
#define ANNULUS_DOMAIN_VERSION_H

#include "lib/types.h"

#define ANNULUS_VERSION "0.1"
/* What XENVER_version reports: the ABI that guests and tools find here. */
#define ABI_MAJOR 4
#define ABI_MINOR 17

/* 0 or a positive value as the command says; -EFAULT, -ENOSYS, -EPERM. */
s64 do_xen_version(u64 cmd, u64 arg);
/*
 * Enable or disable an assist: 0, -EINVAL for one that does not exist, -ENOSYS for an unknown
 * command.
 */
s64 do_vm_assist(u64 cmd, u64 type);

/* The hypervisor's command line as booted, for dom0. Written once at boot. */
extern char saved_cmdline[1024];

#endif
