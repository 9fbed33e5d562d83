/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Linux' /dev/xen/ devices understand: evtchn, gntdev, privcmd, hypercall, xenbus_backend.
 */
#ifndef HVSTORE_XENDEV_H
#define HVSTORE_XENDEV_H

#include <stdint.h>
#include <sys/ioctl.h>

#include "pv-abi/xen.h"

#define XENDEV_EVTCHN		"/dev/xen/evtchn"
#define XENDEV_GNTDEV		"/dev/xen/gntdev"
#define XENDEV_PRIVCMD		"/dev/xen/privcmd"
#define XENDEV_HYPERCALL	"/dev/xen/hypercall"
#define XENDEV_STORE		"/dev/xen/xenbus_backend"

/* Requests are numbered without a direction, whichever way their data goes. */
#define XENDEV_REQUEST(letter, number, type)	_IOC(_IOC_NONE, letter, number, sizeof(type))

/* evtchn; reading gives 32-bit numbers of ports with (now masked) events, writing them unmasks. */
struct evtchn_virq { unsigned int virq; };
struct evtchn_interdomain { unsigned int remote_domain, remote_port; };
struct evtchn_unbound { unsigned int remote_domain; };
struct evtchn_port { unsigned int port; };
struct evtchn_domain { domid_t domid; };
#define EVTCHN_BIND_VIRQ	XENDEV_REQUEST('E', 0, struct evtchn_virq)
#define EVTCHN_BIND_INTERDOMAIN	XENDEV_REQUEST('E', 1, struct evtchn_interdomain)
#define EVTCHN_BIND_UNBOUND	XENDEV_REQUEST('E', 2, struct evtchn_unbound)
#define EVTCHN_UNBIND		XENDEV_REQUEST('E', 3, struct evtchn_port)
#define EVTCHN_NOTIFY		XENDEV_REQUEST('E', 4, struct evtchn_port)
#define EVTCHN_RESTRICT		XENDEV_REQUEST('E', 6, struct evtchn_domain)

/* gntdev; a mapping is announced by ioctl and made by mmap() at the returned index. */
struct gntdev_map {
	uint32_t count, pad;
	uint64_t index;
	struct { uint32_t domid, ref; } grant[1];
};
struct gntdev_unmap { uint64_t index; uint32_t count, pad; };
#define GNTDEV_MAP		XENDEV_REQUEST('G', 0, struct gntdev_map)
#define GNTDEV_UNMAP		XENDEV_REQUEST('G', 1, struct gntdev_unmap)

/* privcmd */
struct privcmd_call { uint64_t op, arg[5]; };
struct privcmd_map {
	unsigned int count;
	domid_t domid;
	uint64_t address;
	const xen_pfn_t *frame;
	int *error;
};
#define PRIVCMD_CALL		XENDEV_REQUEST('P', 0, struct privcmd_call)
#define PRIVCMD_MAP		XENDEV_REQUEST('P', 4, struct privcmd_map)

/* xenbus_backend: the port is the ioctl's result; mmap() of the first page gives the ring. */
#define XENBUS_BACKEND_PORT	_IOC(_IOC_NONE, 'B', 0, 0)

#define XENDEV_PAGE		4096

#endif
