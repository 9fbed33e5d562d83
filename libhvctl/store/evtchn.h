/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels of this domain, through /dev/xen/evtchn. All functions return a negative errno on
 * failure.
 */
#ifndef HVSTORE_EVTCHN_H
#define HVSTORE_EVTCHN_H

#include <stddef.h>
#include <stdint.h>

#include "pv-abi/xen.h"

/* evtchn_open - returns a file descriptor that is readable when a port of its own has an event. */
int evtchn_open(void);

/* evtchn_bind - connect to @port of @domid. Returns the local port. */
int evtchn_bind(int fd, domid_t domid, uint32_t port);

/* evtchn_bind_unbound - a port that @domid, which may be DOMID_SELF, can connect to. */
int evtchn_bind_unbound(int fd, domid_t domid);

/* evtchn_restrict - from now on @fd connects to @domid and nobody else. Cannot be undone. */
int evtchn_restrict(int fd, domid_t domid);

/* evtchn_bind_virq - returns the local port that gets virtual interrupt @virq. */
int evtchn_bind_virq(int fd, unsigned int virq);

/* evtchn_unbind - close a local port. */
int evtchn_unbind(int fd, uint32_t port);

/* evtchn_notify - send an event through a local port. */
int evtchn_notify(int fd, uint32_t port);

/*
 * evtchn_take - fetch up to @max ports that have had events, without waiting. They stay masked
 * until evtchn_unmask(). Returns their number.
 */
int evtchn_take(int fd, uint32_t *ports, size_t max);

/* evtchn_unmask - let a port taken by evtchn_take() have events again. */
int evtchn_unmask(int fd, uint32_t port);

#endif
