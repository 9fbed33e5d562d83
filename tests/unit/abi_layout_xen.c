// SPDX-License-Identifier: GPL-2.0-or-later
/* The same rows as the installed Xen 4.17 headers (Debian's libxen-dev) have them. */
#if __has_include(<xen/domctl.h>)
#define __XEN_TOOLS__ 1
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <xen/errno.h>
#include <xen/xen.h>
#include <xen/features.h>
#include <xen/elfnote.h>
#include <xen/version.h>
#include <xen/memory.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/arch-x86/xen-mca.h>
#include <xen/callback.h>
#include <xen/nmi.h>
#include <xen/domctl.h>
#include <xen/hvm/save.h>
#include <xen/sysctl.h>
#include <xen/io/ring.h>
#include <xen/io/xs_wire.h>
#include <xen/io/console.h>
#include <xen/io/blkif.h>
#include <xen/io/netif.h>
#include <xen/io/xenbus.h>
#include <xen/io/protocols.h>

#include "abi_layout_rows.h"

const struct layout_table layout_xen = { rows, sizeof(rows) / sizeof(rows[0]) };
#else
#include "abi_layout.h"

const struct layout_table layout_xen = { NULL, 0 };
#endif
