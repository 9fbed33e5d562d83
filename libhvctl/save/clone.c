// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Many guests of one image: restored like one, each by a name of its own and with disks that lie
 * over the saved guest's. What is in the image is unpacked once and kept, if dom0 has the memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "domain.h"
#include "overlay.h"
#include "save/restore.h"
#include "save/settings.h"

struct cloning {
	struct hvctl_ctx *ctx;
	const char *path, *prefix;
	struct image image;
	bool kept, used;	/* in memory; from the beginning to the end, once */
	char *settings;		/* of the image */
	int building;		/* overlays_make()'s, of the one that is being made */
	unsigned int count, flags;
};

static int name_of(const struct cloning *c, unsigned int n, char name[HVCTL_NAME_MAX])
{
	int len = snprintf(name, HVCTL_NAME_MAX, "%s-%u", c->prefix, n);

	if (len >= HVCTL_NAME_MAX || !hvctl_good_name(name))
		return hvctl_fail(c->ctx, EINVAL,
				  "'%s-%u' is no name for a domain: at most %d letters, digits, "
				  "- _ . +", c->prefix, n, HVCTL_NAME_MAX - 1);
	return 0;
}

/* What would make one fail after others have been made. */
static int check(struct cloning *c, const struct hvctl_config *config)
{
	char name[HVCTL_NAME_MAX];
	uint32_t domid;
	int error = 0;

	for (unsigned int n = 1; !error && n <= c->count; n++) {
		error = name_of(c, n, name);
		if (!error && !domain_by_name(c->ctx, name, &domid))
			error = hvctl_fail(c->ctx, EEXIST,
					   "the name '%s' is in use by domain %u; choose others "
					   "(--name) or destroy that one (hvctl destroy)",
					   name, domid);
	}
	return error ? error : domain_check_memory(c->ctx, config, c->count);
}

/* Each page's number and what is in it; of a vCPU; and the rest: descriptions, CPU policies. */
#define PAGE_ROOM 4160u
#define VCPU_ROOM (64u << 10)
#define REST_ROOM (16u << 20)

/* Bytes that an image of such a guest may take. */
static uint64_t most_of(const struct hvctl_config *config)
{
	uint64_t mib = config->max_memory_mib > config->memory_mib ? config->max_memory_mib
								   : config->memory_mib;

	/* More than there is of anything else is bounded by what dom0 has. */
	if (mib > UINT32_MAX)
		mib = UINT32_MAX;
	return mib * 256 * PAGE_ROOM + (uint64_t)config->max_vcpus * VCPU_ROOM + REST_ROOM;
}

/* The image, and all of it at hand as often as it is needed. */
static int open_it(struct cloning *c)
{
	struct hvctl_config *config = NULL;
	uint64_t most = 0;
	bool pipe = !strcmp(c->path, "-");
	int error = hypercall_open(c->ctx);

	if (!error && !hvctl_xs(c->ctx))
		error = -ECONNREFUSED;
	if (!error) {
		overlays_sweep(c->ctx);
		error = saved_open(&c->image, c->path);
	}
	if (!error)
		error = saved_config(&c->image, &config);
	if (error)
		return error;
	if (!c->prefix)
		c->prefix = strdup(config->name);
	c->settings = settings_text(config);
	if (!c->settings || !c->prefix)
		error = hvctl_no_memory(c->ctx);
	if (!error)
		error = check(c, config);
	most = most_of(config);
	hvctl_config_free(config);
	if (error || c->count == 1)
		return error;
	if (!c->image.in)
		return pipe ? hvctl_fail(c->ctx, EINVAL,
					 "an image by xl from standard input makes one clone; put "
					 "it into a file")
			    : 0;
	hvctl_step(c->ctx, "reading the image", 5);
	error = stream_keep(c->image.in, most);
	c->kept = !error;
	/* What was read is lost, but a file can be read again for each. */
	c->used = error == -ENOMEM;
	return error == -ENOMEM && !pipe ? 0 : error;
}

static int begin_again(struct cloning *c)
{
	struct hvctl_config *config = NULL;
	int error;

	if (c->kept) {
		stream_rewind(c->image.in);
		return 0;
	}
	if (!c->used)
		return 0;
	saved_close(&c->image);
	error = saved_open(&c->image, c->path);
	if (!error)
		error = saved_config(&c->image, &config);
	hvctl_config_free(config);
	return error;
}

static int clone_one(struct cloning *c, unsigned int n, struct hvctl_config **config,
		     uint32_t *domid)
{
	char name[HVCTL_NAME_MAX], why[sizeof(c->ctx->error)];
	int error = name_of(c, n, name);

	if (!error)
		error = begin_again(c);
	if (!error)
		error = settings_parse(c->ctx, c->image.name, c->settings, strlen(c->settings),
				       config);
	if (!error)
		error = saved_rename(&c->image, *config, name);
	if (!error)
		error = domain_settle(c->ctx, *config);
	if (!error)
		error = overlays_make(c->ctx, *config, &c->building);
	if (error)
		return error;
	c->used = true;
	error = saved_make(&c->image, *config, c->flags, domid);
	fill_end(&c->image.fill);
	c->image.fill = (struct fill){ 0 };
	if (!error) {
		overlays_settled((*config)->uuid);
		close(c->building);
		return 0;
	}
	memcpy(why, c->ctx->error, sizeof(why));
	overlays_undo(c->ctx, (*config)->uuid);
	close(c->building);
	memcpy(c->ctx->error, why, sizeof(why));
	return error;
}

int hvctl_clone(struct hvctl_ctx *ctx, const char *path, unsigned int count, const char *prefix,
		unsigned int flags, hvctl_cloned_fn fn, void *data)
{
	struct cloning c = { .ctx = ctx, .path = path, .count = count, .flags = flags,
			     .prefix = prefix, .image = { .ctx = ctx, .fd = -1,
					.force_cpu = flags & HVCTL_FORCE_CPU } };
	int error = count ? open_it(&c)
			  : hvctl_fail(ctx, EINVAL, "no clone is asked for; give a --count");
	unsigned int n;

	for (n = 1; !error && n <= count; n++) {
		struct hvctl_config *config = NULL;
		uint32_t domid;

		error = clone_one(&c, n, &config, &domid);
		if (!error) {
			fn(data, config, domid);
			/* Its backends have them; the next one's minder has no use for them. */
			hvctl_drop_held(ctx);
			continue;
		}
		hvctl_config_free(config);
		if (n > 1)
			hvctl_fail(ctx, -error, "%u of %u clones run, and no more: %s", n - 1,
				   count, ctx->error);
	}
	saved_close(&c.image);
	if (c.prefix != prefix)
		free((char *)c.prefix);
	free(c.settings);
	ctx->cancelled = 0;
	return error;
}
