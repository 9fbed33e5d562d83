// SPDX-License-Identifier: LGPL-2.1-or-later
/* Bridges and backend interfaces in dom0, by ioctl: no script is run. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device.h"

#define INTERFACE_TIMEOUT_MS	10000

static int control_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static void set_name(char to[IFNAMSIZ], const char *name)
{
	memset(to, 0, IFNAMSIZ);
	memcpy(to, name, strnlen(name, IFNAMSIZ - 1));
}

static int set_up(int fd, const char *interface, bool up)
{
	struct ifreq r = { 0 };

	set_name(r.ifr_name, interface);
	if (ioctl(fd, SIOCGIFFLAGS, &r))
		return -errno;
	if (up)
		r.ifr_flags |= IFF_UP;
	else
		r.ifr_flags &= (short)~IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &r) ? -errno : 0;
}

static int index_of(int fd, const char *interface)
{
	struct ifreq r = { 0 };

	set_name(r.ifr_name, interface);
	return ioctl(fd, SIOCGIFINDEX, &r) ? 0 : r.ifr_ifindex;
}

int net_bridge(struct hvctl_ctx *ctx, const char *bridge, bool *made)
{
	char sysfs[64];
	int fd, error = 0;

	*made = false;
	fd = control_socket();
	if (fd < 0)
		return hvctl_fail(ctx, errno, "dom0's kernel has no IPv4 sockets: %s",
				  strerror(errno));
	if (!index_of(fd, bridge)) {
		error = module_need(ctx, "bridge", "/sys/module/bridge");
		if (!error && ioctl(fd, SIOCBRADDBR, bridge))
			error = hvctl_fail(
				ctx, errno,
				"cannot make the bridge %s: %s; make it yourself (ip link add)",
				bridge, strerror(errno));
		*made = !error;
	} else {
		snprintf(sysfs, sizeof(sysfs), "/sys/class/net/%s/bridge", bridge);
		if (access(sysfs, F_OK))
			error = hvctl_fail(
				ctx, ENOTSUP,
				"the interface %s is not a bridge; correct bridge= of 'vif'",
				bridge);
	}
	if (!error) {
		error = set_up(fd, bridge, true);
		if (error)
			hvctl_fail(ctx, -error, "cannot bring the bridge %s up: %s", bridge,
				   strerror(-error));
	}
	close(fd);
	return error;
}

void net_remove_bridge(const char *bridge)
{
	int fd = control_socket();

	if (fd < 0)
		return;
	if (!set_up(fd, bridge, false))
		ioctl(fd, SIOCBRDELBR, bridge);
	close(fd);
}

/* The port carries guests' frames only; dom0 itself shall not speak IPv6 on it. */
static void disable_ipv6(const char *interface)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", interface);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;		/* a kernel without IPv6 */
	if (write(fd, "1", 1) != 1)
		errno = 0;
	close(fd);
}

int net_attach(struct hvctl_ctx *ctx, const char *interface, const char *bridge,
	       const char *new_name)
{
	struct ifreq r = { 0 };
	int fd = control_socket(), index = 0, waited, error = 0;

	if (fd < 0)
		return hvctl_fail(ctx, errno, "dom0's kernel has no IPv4 sockets: %s",
				  strerror(errno));
	for (waited = 0; !index && waited < INTERFACE_TIMEOUT_MS; waited += 10) {
		index = index_of(fd, interface);
		if (!index)
			hvctl_nap(10);
	}
	if (!index) {
		close(fd);
		return hvctl_fail(
			ctx, ETIMEDOUT,
			"xen-netback did not make the interface %s within %d s; see dom0's "
			"kernel log (dmesg)",
			interface, INTERFACE_TIMEOUT_MS / 1000);
	}
	if (new_name && *new_name) {
		set_name(r.ifr_name, interface);
		set_name(r.ifr_newname, new_name);
		if (ioctl(fd, SIOCSIFNAME, &r)) {
			error = hvctl_fail(ctx, errno,
					   "cannot name the interface %s %s: %s; correct vifname=",
					   interface, new_name, strerror(errno));
			close(fd);
			return error;
		}
		interface = new_name;
	}
	disable_ipv6(interface);
	memset(&r, 0, sizeof(r));
	set_name(r.ifr_name, bridge);
	r.ifr_ifindex = index;
	if (ioctl(fd, SIOCBRADDIF, &r) && errno != EBUSY)
		error = hvctl_fail(ctx, errno, "cannot put %s onto the bridge %s: %s", interface,
				   bridge, strerror(errno));
	if (!error) {
		error = set_up(fd, interface, true);
		if (error)
			hvctl_fail(ctx, -error, "cannot bring %s up: %s", interface,
				   strerror(-error));
	}
	close(fd);
	return error;
}
