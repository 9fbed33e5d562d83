// SPDX-License-Identifier: LGPL-2.1-or-later
/* Restoring a guest: a domain like a created one, filled from an image. */
#include "save/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "save/xen.h"

static int fill_from_image(void *data, uint32_t domid, struct domain_rings *rings)
{
	struct image *i = data;
	int error = i->in ? own_fill(i, domid, rings) : xen_fill(i, domid, rings);

	/* The domain that is about to be taken down has frames that only we hold. */
	if (error) {
		fill_end(&i->fill);
		i->fill = (struct fill){ 0 };
	}
	return error;
}

int saved_open(struct image *i, const char *path)
{
	if (!strcmp(path, "-")) {
		i->fd = 0;
		i->name = "standard input";
		return 0;
	}
	i->name = path;
	i->fd = open(path, O_RDONLY | O_CLOEXEC);
	return i->fd < 0 ? hvctl_fail(i->ctx, errno, "cannot open %s: %s", path, strerror(errno))
			 : 0;
}

int saved_config(struct image *i, struct hvctl_config **config)
{
	uint8_t head[IMAGE_HEAD];
	long n = read_whole_or_cancel(i->ctx, i->fd, head, sizeof(head));

	if (n == -EINTR)
		return hvctl_cancelled(i->ctx);
	if (n < 0)
		return hvctl_fail(i->ctx, (int)-n, "cannot read %s: %s", i->name,
				  strerror((int)-n));
	if (n < (long)sizeof(head))
		return hvctl_fail(i->ctx, EINVAL, "%s is too short for the image of a guest",
				  i->name);
	return xen_is_image(head) ? xen_config(i, config) : own_config(i, head, config);
}

/*
 * A guest by another name is another guest: the first may run beside it, on the same bridge. Its
 * kernel asks for the address when it connects its interface again.
 */
int saved_rename(struct image *i, struct hvctl_config *c, const char *name)
{
	if (!hvctl_good_name(name))
		return hvctl_fail(i->ctx, EINVAL,
				  "'%s' is no name for a domain: letters, digits, "
				  "- _ . + and not only digits",
				  name);
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->uuid_given = false;
	for (unsigned int i = 0; i < c->nr_vifs; i++) {
		c->vifs[i].mac_given = false;
		c->vifs[i].vifname[0] = 0;
	}
	return 0;
}

int saved_make(struct image *i, struct hvctl_config *config, unsigned int flags, uint32_t *domid)
{
	int error = domain_check(i->ctx, config);

	if (error)
		return error;
	i->fill.ctx = i->ctx;
	i->fill.name = i->name;
	i->fill.config = config;
	error = domain_make(i->ctx, config, flags | DOMAIN_WAITS, fill_from_image, i, domid);
	if (!error)
		hvctl_step(i->ctx, "restored", 100);
	return error;
}

static int restore(struct image *i, const char *path, unsigned int flags, const char *name,
		   struct hvctl_config **config, uint32_t *domid)
{
	int error = saved_open(i, path);

	if (!error)
		error = saved_config(i, config);
	if (!error && name)
		error = saved_rename(i, *config, name);
	return error ? error : saved_make(i, *config, flags, domid);
}

void saved_close(struct image *i)
{
	fill_end(&i->fill);
	i->fill = (struct fill){ 0 };
	stream_in_free(i->in);
	i->in = NULL;
	if (i->fd > 0)
		close(i->fd);
	i->fd = -1;
}

int hvctl_restore(struct hvctl_ctx *ctx, const char *path, unsigned int flags, const char *name,
		  struct hvctl_config **config, uint32_t *domid)
{
	struct image i = { .ctx = ctx, .fd = -1, .force_cpu = flags & HVCTL_FORCE_CPU };
	int error;

	*config = NULL;
	error = restore(&i, path, flags, name, config, domid);
	saved_close(&i);
	if (error) {
		hvctl_config_free(*config);
		*config = NULL;
	}
	ctx->cancelled = 0;
	ctx->too_late = false;
	return error;
}
