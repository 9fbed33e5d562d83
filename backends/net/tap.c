// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/net/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Dom0 itself shall not speak IPv6 on it. A kernel without IPv6 has no such file. */
static void disable_ipv6(const char *interface)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%.15s/disable_ipv6", interface);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "1", 1) != 1)
		errno = 0;
	if (fd >= 0)
		close(fd);
}

/* Returns what could not be done, with errno set, or NULL. */
static const char *put_onto(const char *interface, const char *bridge)
{
	/* Higher than any other: a bridge without an address of its own takes its lowest port's. */
	static const unsigned char highest[6] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff };
	const char *wrong = NULL;
	struct ifreq r = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), saved;

	if (fd < 0)
		return "make a socket";
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", interface);
	r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(r.ifr_hwaddr.sa_data, highest, sizeof(highest));
	if (ioctl(fd, SIOCSIFHWADDR, &r))
		wrong = "give the tap an address";
	if (!wrong) {
		disable_ipv6(interface);
		if (ioctl(fd, SIOCGIFINDEX, &r))
			wrong = "find the tap";
	}
	if (!wrong) {
		int index = r.ifr_ifindex;

		memset(&r, 0, sizeof(r));
		snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", bridge);
		r.ifr_ifindex = index;
		if (ioctl(fd, SIOCBRADDIF, &r))
			wrong = "put the tap onto the bridge";
	}
	if (!wrong) {
		memset(&r, 0, sizeof(r));
		snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", interface);
		if (ioctl(fd, SIOCGIFFLAGS, &r))
			wrong = "bring the tap up";
		r.ifr_flags |= IFF_UP;
		if (!wrong && ioctl(fd, SIOCSIFFLAGS, &r))
			wrong = "bring the tap up";
	}
	saved = errno;
	close(fd);
	errno = saved;
	return wrong;
}

int tap_open(const char *bridge, char *text, size_t size)
{
	struct ifreq r = { .ifr_name = "hvnet%d" };
	const char *wrong = NULL;
	int fd, error;

	if (!*bridge || strlen(bridge) >= IFNAMSIZ || strchr(bridge, '/')) {
		snprintf(text, size, "'%.30s' is no bridge's name; correct bridge= of 'vif'",
			 bridge);
		return -EINVAL;
	}
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		wrong = "open /dev/net/tun (module tun)";
	r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (!wrong && ioctl(fd, TUNSETIFF, &r))
		wrong = "make a tap";
	if (!wrong &&
	    ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN))
		wrong = "have the tap take offloads";
	if (!wrong)
		wrong = put_onto(r.ifr_name, bridge);
	if (!wrong)
		return fd;
	error = errno;
	snprintf(text, size, "cannot %s for the bridge %s: %s; see whether it is one (ip link)",
		 wrong, bridge, strerror(error));
	if (fd >= 0)
		close(fd);
	return error ? -error : -EIO;
}
