// SPDX-License-Identifier: GPL-2.0-or-later

#include "privcmd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pv-abi/domctl.h"
#include "xendev.h"

/* A page that stays where it is while the hypervisor reads and writes it. */
static void *bounce_page(void)
{
	int fd = open(XENDEV_HYPERCALL, O_RDWR | O_CLOEXEC);
	void *page = MAP_FAILED;

	if (fd >= 0) {
		page = mmap(NULL, XENDEV_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
	}
	if (page == MAP_FAILED)
		page = mmap(NULL, XENDEV_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	return page == MAP_FAILED ? NULL : page;
}

int privcmd_open(struct privcmd *privcmd)
{
	int error;

	privcmd->bounce = NULL;
	privcmd->gntdev = -1;
	privcmd->privcmd = open(XENDEV_PRIVCMD, O_RDWR | O_CLOEXEC);
	if (privcmd->privcmd < 0)
		return -errno;
	privcmd->bounce = bounce_page();
	if (!privcmd->bounce) {
		error = -errno;
		privcmd_close(privcmd);
		return error;
	}
	privcmd->gntdev = open(XENDEV_GNTDEV, O_RDWR | O_CLOEXEC);
	return 0;
}

void privcmd_close(struct privcmd *privcmd)
{
	if (privcmd->bounce)
		munmap(privcmd->bounce, XENDEV_PAGE);
	if (privcmd->gntdev >= 0)
		close(privcmd->gntdev);
	if (privcmd->privcmd >= 0)
		close(privcmd->privcmd);
	*privcmd = (struct privcmd){ .privcmd = -1, .gntdev = -1 };
}

int privcmd_life(struct privcmd *privcmd, domid_t domid, enum domain_life *life, uint8_t *handle)
{
	struct xen_domctl *domctl = privcmd->bounce;
	const struct xen_domctl_getdomaininfo *info = &domctl->u.getdomaininfo;
	struct privcmd_call call = {
		.op = __HYPERVISOR_domctl,
		.arg = { (uintptr_t)domctl },
	};

	if (handle)
		memset(handle, 0, sizeof(info->handle));
	memset(domctl, 0, sizeof(*domctl));
	domctl->cmd = XEN_DOMCTL_getdomaininfo;
	domctl->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	domctl->domain = domid;
	if (ioctl(privcmd->privcmd, PRIVCMD_CALL, &call) < 0) {
		if (errno != ESRCH)
			return -errno;
		*life = DOMAIN_GONE;
		return 0;
	}
	if (handle && info->domain == domid)
		memcpy(handle, info->handle, sizeof(info->handle));
	/* The answer is about the next domain if there is none of this number. */
	if (info->domain != domid || (info->flags & XEN_DOMINF_dying))
		*life = DOMAIN_GONE;
	else
		*life = info->flags & XEN_DOMINF_shutdown ? DOMAIN_SHUT_DOWN : DOMAIN_RUNS;
	return 0;
}

static int map_grant(struct privcmd *privcmd, domid_t domid, uint32_t grant,
		     struct foreign_page *page)
{
	struct gntdev_map map = { .count = 1, .grant = { { .domid = domid, .ref = grant } } };
	struct gntdev_unmap unmap = { .count = 1 };
	int error;

	if (privcmd->gntdev < 0)
		return -ENODEV;
	if (ioctl(privcmd->gntdev, GNTDEV_MAP, &map) < 0)
		return -errno;
	page->address = mmap(NULL, XENDEV_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			     privcmd->gntdev, map.index);
	if (page->address == MAP_FAILED) {
		error = -errno;
		page->address = NULL;
		unmap.index = map.index;
		ioctl(privcmd->gntdev, GNTDEV_UNMAP, &unmap);
		return error;
	}
	page->index = map.index;
	page->granted = true;
	return 0;
}

static int map_frame(struct privcmd *privcmd, domid_t domid, uint64_t frame,
		     struct foreign_page *page)
{
	int failed = 0, error;
	xen_pfn_t pfn = (xen_pfn_t)frame;
	struct privcmd_map map = { .count = 1, .domid = domid, .frame = &pfn, .error = &failed };
	void *address;

	if (pfn != frame)
		return -EINVAL;
	address = mmap(NULL, XENDEV_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, privcmd->privcmd, 0);
	if (address == MAP_FAILED)
		return -errno;
	map.address = (uintptr_t)address;
	error = ioctl(privcmd->privcmd, PRIVCMD_MAP, &map) < 0 ? -errno : failed;
	if (error) {
		munmap(address, XENDEV_PAGE);
		return error;
	}
	page->address = address;
	page->granted = false;
	return 0;
}

int privcmd_map(struct privcmd *privcmd, domid_t domid, uint32_t grant, uint64_t frame,
		struct foreign_page *page)
{
	int error = map_grant(privcmd, domid, grant, page);

	return error ? map_frame(privcmd, domid, frame, page) : 0;
}

void privcmd_unmap(struct privcmd *privcmd, struct foreign_page *page)
{
	struct gntdev_unmap unmap = { .index = page->index, .count = 1 };

	if (!page->address)
		return;
	munmap(page->address, XENDEV_PAGE);
	if (page->granted)
		ioctl(privcmd->gntdev, GNTDEV_UNMAP, &unmap);
	page->address = NULL;
}
