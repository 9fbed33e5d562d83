// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/memmax.c libhvctl/context.c
// libs: -Wl,--wrap=hvctl_lock_saving
// bits: 64 32
/* What a domain may have at most: all three who say so say the same, or as before. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "create.h"
#include "domain.h"
#include "suite.h"
#include "xs.h"

static struct hvctl_ctx *ctx;
/* Frames, KiB, KiB, MiB, MiB, MiB. */
static uint64_t has, limit_kib, static_max, maxmem, memory, floor_mib;
static const char *target;
static int saving, limit_error, store_error, settings_error;
static bool not_ours;

int __wrap_hvctl_lock_saving(struct hvctl_ctx *c, uint32_t domid);
int __wrap_hvctl_lock_saving(struct hvctl_ctx *c, uint32_t domid)
{
	CU_ASSERT_EQUAL(domid, 7);
	return saving ? hvctl_fail(c, EBUSY, "it is being saved")
		      : open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int domain_not_dom0(struct hvctl_ctx *c, uint32_t domid, const char *what)
{
	return domid ? 0 : hvctl_fail(c, EPERM, "cannot %s domain 0", what);
}

int domain_need(struct hvctl_ctx *c, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	(void)c;
	*info = (struct xen_domctl_getdomaininfo){ .tot_pages = has, .max_pages = limit_kib >> 2 };
	return domid == 7 ? 0 : -ESRCH;
}

int do_domctl(struct hvctl_ctx *c, struct xen_domctl *op)
{
	(void)c;
	CU_ASSERT_EQUAL(op->cmd, XEN_DOMCTL_max_mem);
	CU_ASSERT_EQUAL(op->domain, 7);
	if (limit_error)
		return limit_error;
	limit_kib = op->u.max_mem.max_memkb;
	return 0;
}

int hvctl_config_of(struct hvctl_ctx *c, uint32_t domid, struct hvctl_config **config)
{
	CU_ASSERT_EQUAL(domid, 7);
	*config = NULL;
	if (not_ours)
		return hvctl_fail(c, EINVAL, "not created by hvctl");
	*config = calloc(1, sizeof(**config));
	(*config)->max_memory_mib = maxmem;
	(*config)->memory_mib = memory;
	(*config)->min_memory_mib = floor_mib;
	return 0;
}

int domain_replace_settings(struct hvctl_ctx *c, uint32_t domid, const struct hvctl_config *config)
{
	(void)domid;
	if (settings_error)
		return hvctl_fail(c, EIO, "the store refuses the configuration");
	maxmem = config->max_memory_mib;
	memory = config->memory_mib;
	floor_mib = config->min_memory_mib;
	return 0;
}

void hvctl_config_free(struct hvctl_config *c)
{
	free(c);
}

char *xs_readf(struct xs *xs, uint32_t tx, const char *format, ...)
{
	CU_ASSERT_PTR_NOT_NULL(strstr(format, "/memory/target"));
	errno = ENOENT;
	return target ? strdup(target) : NULL;
}

int xs_write(struct xs *xs, uint32_t tx, const char *path, const char *format, ...)
{
	va_list args;

	CU_ASSERT_STRING_EQUAL(path, "/local/domain/7/memory/static-max");
	if (store_error)
		return store_error;
	va_start(args, format);
	static_max = va_arg(args, uint64_t);
	va_end(args);
	return 0;
}

struct xs *xs_open(const char *socket) { return (struct xs *)&has; }
void xs_close(struct xs *xs) { }
void xs_keep(struct xs *xs, unsigned int ms, xs_waits_fn waits, void *data) { }
bool xs_lost(const struct xs *xs) { return false; }
void hvctl_cache_kernel(struct hvctl_ctx *c) { }
void hypercall_close(struct hvctl_ctx *c) { }

static void begin(void)
{
	ctx = hvctl_open();
	has = 128 << 8;
	limit_kib = 160 << 10;
	static_max = 192 << 10;
	maxmem = 192;
	memory = 180;
	floor_mib = 170;
	target = "163840";		/* 160 MiB */
	saving = limit_error = store_error = settings_error = 0;
	not_ours = false;
}

static void end(void)
{
	hvctl_close(ctx);
}

static int refused(uint64_t mib, const char *words)
{
	int error = hvctl_set_max_memory(ctx, 7, mib);

	if (!strstr(hvctl_error(ctx), words))
		printf("\n    %s\n", hvctl_error(ctx));
	CU_ASSERT_PTR_NOT_NULL(strstr(hvctl_error(ctx), words));
	CU_ASSERT_EQUAL(limit_kib, 160 << 10);
	CU_ASSERT_EQUAL(static_max, 192 << 10);
	CU_ASSERT(maxmem == 192 && memory == 180 && floor_mib == 170);
	return error;
}

TEST(test_set, "up and down")
{
	CU_ASSERT_EQUAL(hvctl_set_max_memory(ctx, 7, 512), 0);
	CU_ASSERT(limit_kib == 512 << 10 && static_max == 512 << 10);
	CU_ASSERT(maxmem == 512 && memory == 180 && floor_mib == 170);
	/* No lower than what it was asked for; what it began with gives way. */
	CU_ASSERT_EQUAL(hvctl_set_max_memory(ctx, 7, 160), 0);
	CU_ASSERT(limit_kib == 160 << 10 && static_max == 160 << 10);
	CU_ASSERT(maxmem == 160 && memory == 160 && floor_mib == 160);
	/* Another tool's domain, that was asked for nothing. */
	target = NULL;
	not_ours = true;
	CU_ASSERT_EQUAL(hvctl_set_max_memory(ctx, 7, 128), 0);
	CU_ASSERT(limit_kib == 128 << 10 && static_max == 128 << 10);
}

TEST(test_refused, "what cannot be changes nothing")
{
	CU_ASSERT_EQUAL(refused(0, "a limit is 1 to"), -EINVAL);
	CU_ASSERT_EQUAL(refused((1 << 24) + 1, "a limit is 1 to"), -EINVAL);
	CU_ASSERT_EQUAL(refused(127, "domain 7 has 128 MiB, and a limit takes none away"), -EINVAL);
	has++;
	CU_ASSERT_EQUAL(refused(128, "domain 7 has 129 MiB"), -EINVAL);
	CU_ASSERT_EQUAL(refused(159, "domain 7 was asked to have 160 MiB"), -EINVAL);
	saving = 1;
	CU_ASSERT_EQUAL(refused(512, "it is being saved"), -EBUSY);
	saving = 0;
	limit_error = -ENOSYS;
	CU_ASSERT_EQUAL(refused(512, "the hypervisor refuses a limit of 512 MiB"), -ENOSYS);
	limit_error = 0;
	settings_error = 1;
	CU_ASSERT_EQUAL(refused(512, "the store refuses the configuration"), -EIO);
	settings_error = 0;
	store_error = -EACCES;
	CU_ASSERT_EQUAL(refused(512, "the store refuses /local/domain/7/memory/"), -EACCES);
	CU_ASSERT_EQUAL(hvctl_set_max_memory(ctx, 0, 512), -EPERM);
}

SUITE("how much memory at most", .begin = begin, .end = end)
