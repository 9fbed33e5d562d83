/* SPDX-License-Identifier: MIT */
/* Non-maskable interrupts for a guest: __HYPERVISOR_nmi_op(cmd, struct). */
#ifndef PV_ABI_NMI_H
#define PV_ABI_NMI_H

#include "xen.h"

#define XENNMI_register_callback	0	/* xennmi_callback, vcpu 0 only */
#define XENNMI_unregister_callback	1	/* no argument */

/* arch_shared_info.nmi_reason, dom0 only. */
#define _XEN_NMIREASON_io_error		0
#define _XEN_NMIREASON_pci_serr		1
#define _XEN_NMIREASON_unknown		2
#define XEN_NMIREASON_io_error		(xen_mk_ulong(1) << _XEN_NMIREASON_io_error)
#define XEN_NMIREASON_pci_serr		(xen_mk_ulong(1) << _XEN_NMIREASON_pci_serr)
#define XEN_NMIREASON_unknown		(xen_mk_ulong(1) << _XEN_NMIREASON_unknown)

#ifndef __ASSEMBLER__

struct xennmi_callback {
	xen_ulong_t handler_address;
	xen_ulong_t pad;
};

#endif /* !__ASSEMBLER__ */

#endif /* PV_ABI_NMI_H */
