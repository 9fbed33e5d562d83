// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * collect DOMAIN - in dom0: maps the report page of the tiny guest peer.c through /dev/xen/gntdev,
 * waits until it is complete and prints it in the form of micro.c's lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "pv-abi/grant_table.h" /* the kernel's header below uses its types */
#include <xen/gntdev.h>

#include "peer.h"

static int failed(const char *what)
{
	printf("BENCH-ERROR collect: %s: %s\n", what, strerror(errno));
	return 1;
}

/* NULL while the guest has not granted the page yet. */
static const volatile struct peer_report *map(int fd, unsigned domain)
{
	struct ioctl_gntdev_map_grant_ref m = { .count = 1,
						.refs = { { domain, PEER_REPORT_REF } } };
	struct ioctl_gntdev_unmap_grant_ref u = { .count = 1 };
	void *p;

	if (ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, &m))
		return NULL;
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, (off_t)m.index);
	if (p != MAP_FAILED)
		return p;
	u.index = m.index;
	ioctl(fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &u);
	return NULL;
}

int main(int argc, char **argv)
{
	struct timespec pause = { .tv_nsec = 200000000 };
	const volatile struct peer_report *report = NULL;
	int fd = open("/dev/xen/gntdev", O_RDWR);

	if (argc != 2)
		return 2;
	if (fd < 0)
		return failed("/dev/xen/gntdev");
	for (int tries = 0; tries < 3000; tries++) {
		if (!report)
			report = map(fd, (unsigned)atoi(argv[1]));
		if (report && report->magic == PEER_MAGIC)
			break;
		nanosleep(&pause, NULL);
	}
	if (!report || report->magic != PEER_MAGIC) {
		errno = ETIMEDOUT;
		return failed("the guest's report");
	}
	for (uint64_t i = 0; i < report->count && i < PEER_RESULTS; i++)
		printf("BENCH %.31s %llu %llu\n", (const char *)report->result[i].row,
		       (unsigned long long)report->result[i].operations,
		       (unsigned long long)report->result[i].ticks);
	return 0;
}
