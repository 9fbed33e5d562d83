// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/save/restore.c libhvctl/context.c
// bits: 64 32
/*
 * What a restored guest is called: by its own name it is the guest that was saved, by another it
 * has a uuid, MAC addresses and interfaces of its own. The image's formats are elsewhere.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "save/restore.h"
#include "save/xen.h"
#include "suite.h"
#include "xs.h"

static char path[] = "/tmp/restore-test-XXXXXX";

long read_whole_or_cancel(struct hvctl_ctx *ctx, int fd, void *buf, size_t len)
{
	(void)ctx;
	return read(fd, buf, len);
}

bool xen_is_image(const void *head)
{
	(void)head;
	return false;
}

int own_config(struct image *i, const void *head, struct hvctl_config **config)
{
	(void)i;
	(void)head;
	*config = calloc(1, sizeof(**config));
	strcpy((*config)->name, "first");
	(*config)->uuid[0] = 1;
	(*config)->uuid_given = true;
	(*config)->nr_vifs = 2;
	(*config)->vifs = calloc(2, sizeof(struct hvctl_vif));
	for (unsigned int k = 0; k < 2; k++)
		(*config)->vifs[k] = (struct hvctl_vif){
			.mac_given = true, .bridge = "br0", .vifname = "mine",
		};
	return 0;
}

int xen_config(struct image *i, struct hvctl_config **config)
{
	(void)i;
	(void)config;
	return -ENOSYS;
}

int own_fill(struct image *i, uint32_t domid, struct domain_rings *rings)
{
	(void)i;
	(void)domid;
	(void)rings;
	return -ENOSYS;
}

int xen_fill(struct image *i, uint32_t domid, struct domain_rings *rings)
{
	(void)i;
	(void)domid;
	(void)rings;
	return -ENOSYS;
}

void fill_end(struct fill *f)
{
	(void)f;
}

void stream_in_free(struct stream_in *in)
{
	(void)in;
}

void hvctl_config_free(struct hvctl_config *config)
{
	if (config)
		free(config->vifs);
	free(config);
}

int domain_check(struct hvctl_ctx *ctx, struct hvctl_config *config)
{
	(void)ctx;
	(void)config;
	return 0;
}

int domain_make(struct hvctl_ctx *ctx, struct hvctl_config *config, unsigned int flags,
		domain_fill fill, void *data, uint32_t *domid)
{
	(void)ctx;
	(void)config;
	/* Nobody waits for whoever writes the image. */
	CU_ASSERT_TRUE(flags & DOMAIN_WAITS);
	(void)fill;
	(void)data;
	*domid = 9;
	return 0;
}

struct xs *xs_open(const char *socket)
{
	(void)socket;
	return NULL;
}

void xs_close(struct xs *xs)
{
	(void)xs;
}

void xs_keep(struct xs *xs, unsigned int ms, xs_waits_fn waits, void *data)
{
}

bool xs_lost(const struct xs *xs)
{
	(void)xs;
	return false;
}

/* Whether uuid, MAC addresses and names in dom0 are those of the image; all of them, or none. */
static bool same(const char *name, const char *want)
{
	struct hvctl_ctx *ctx = hvctl_open();
	struct hvctl_config *c;
	uint32_t domid = 0;
	bool is;

	CU_ASSERT_EQUAL_FATAL(hvctl_restore(ctx, path, 0, name, &c, &domid), 0);
	CU_ASSERT_EQUAL(domid, 9);
	CU_ASSERT_STRING_EQUAL(c->name, want);
	is = c->uuid_given;
	for (unsigned int k = 0; k < 2; k++) {
		CU_ASSERT_EQUAL(c->vifs[k].mac_given, is);
		CU_ASSERT_STRING_EQUAL(c->vifs[k].vifname, is ? "mine" : "");
		CU_ASSERT_STRING_EQUAL(c->vifs[k].bridge, "br0");
	}
	hvctl_config_free(c);
	hvctl_close(ctx);
	return is;
}

static void test_names(void)
{
	CU_ASSERT_TRUE(same(NULL, "first"));
	CU_ASSERT_FALSE(same("second", "second"));
}

static void test_no_name(void)
{
	struct hvctl_ctx *ctx = hvctl_open();
	struct hvctl_config *c;
	uint32_t domid = 0;

	CU_ASSERT_EQUAL(hvctl_restore(ctx, path, 0, "7", &c, &domid), -EINVAL);
	CU_ASSERT_PTR_NULL(c);
	hvctl_close(ctx);
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "by its name and by another", test_names },
		{ "what is no name", test_no_name },
		CU_TEST_INFO_NULL
	};
	int result, fd = mkstemp(path);

	if (fd < 0 || ftruncate(fd, 4096))
		return 1;
	close(fd);
	result = suite_run("restore", tests);
	unlink(path);
	return result;
}
