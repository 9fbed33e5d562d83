// SPDX-License-Identifier: GPL-2.0-or-later

#include "evtchn.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "xendev.h"

static int call(int fd, unsigned long request, void *argument)
{
	int result = ioctl(fd, request, argument);

	return result < 0 ? -errno : result;
}

int evtchn_open(void)
{
	int fd = open(XENDEV_EVTCHN, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

int evtchn_bind(int fd, domid_t domid, uint32_t port)
{
	struct evtchn_interdomain bind = { .remote_domain = domid, .remote_port = port };

	return call(fd, EVTCHN_BIND_INTERDOMAIN, &bind);
}

int evtchn_bind_unbound(int fd, domid_t domid)
{
	struct evtchn_unbound bind = { .remote_domain = domid };

	return call(fd, EVTCHN_BIND_UNBOUND, &bind);
}

int evtchn_restrict(int fd, domid_t domid)
{
	struct evtchn_domain restrict_to = { .domid = domid };

	return call(fd, EVTCHN_RESTRICT, &restrict_to);
}

int evtchn_bind_virq(int fd, unsigned int virq)
{
	struct evtchn_virq bind = { .virq = virq };

	return call(fd, EVTCHN_BIND_VIRQ, &bind);
}

int evtchn_unbind(int fd, uint32_t port)
{
	struct evtchn_port unbind = { .port = port };

	return call(fd, EVTCHN_UNBIND, &unbind);
}

int evtchn_notify(int fd, uint32_t port)
{
	struct evtchn_port notify = { .port = port };

	return call(fd, EVTCHN_NOTIFY, &notify);
}

int evtchn_take(int fd, uint32_t *ports, size_t max)
{
	ssize_t got = read(fd, ports, max * sizeof(*ports));

	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return got / sizeof(*ports);
}

int evtchn_unmask(int fd, uint32_t port)
{
	return write(fd, &port, sizeof(port)) == sizeof(port) ? 0 : -errno;
}
