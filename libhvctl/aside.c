// SPDX-License-Identifier: LGPL-2.1-or-later
#include "aside.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "domain.h"
#include "migrate.h"
#include "removal.h"

#define NAMES 10 /* that are tried */

static bool is_none(const struct aside *aside)
{
	static const struct aside none;

	return !memcmp(aside, &none, sizeof(none));
}

bool domain_drop_aside(struct hvctl_ctx *ctx, struct aside *aside)
{
	uint32_t domid = 0;
	bool gone = !is_none(aside) && !domain_by_uuid(ctx, aside->uuid, &domid) && domid &&
		    !domain_remove(ctx, domid);

	*aside = (struct aside){ { 0 } };
	return gone;
}

/* NAME-DOMID; while another one is called so, NAME-DOMID-2 and so on. */
static int free_name(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_config *c,
		     char name[HVCTL_NAME_MAX])
{
	char number[24];
	uint32_t other;
	int error = 0;

	for (unsigned int i = 1; !error && i <= NAMES; i++) {
		snprintf(number, sizeof(number), i > 1 ? "-%u-%u" : "-%u", domid, i);
		snprintf(name, HVCTL_NAME_MAX, "%.*s%s",
			 (int)(HVCTL_NAME_MAX - 1 - strlen(number)), c->name, number);
		error = domain_by_name(ctx, name, &other);
		/* Its own, of a try that came so far. */
		if (!error && other == domid)
			return 0;
	}
	if (!error)
		return hvctl_fail(ctx, EEXIST, "'%s' cannot be kept as '%s': domain %u is called "
				  "so; rename that one", c->name, name, other);
	return error == -ESRCH ? 0 : error;
}

/* Creating and renaming hold the lock: nobody takes the name meanwhile. */
static int call_it(struct hvctl_ctx *ctx, uint32_t domid, char name[HVCTL_NAME_MAX],
		   const struct hvctl_config *c, const struct aside *aside)
{
	int error, lock = hvctl_lock(ctx);

	if (lock < 0)
		return lock;
	error = free_name(ctx, domid, c, name);
	if (!error)
		error = migrate_call_it(ctx, domid, name, aside->uuid, c);
	close(lock);
	return error;
}

int domain_set_aside(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_config *c,
		     struct aside *aside)
{
	char name[HVCTL_NAME_MAX];
	struct aside next;
	int error = hvctl_random(ctx, next.uuid, sizeof(next.uuid));

	if (error)
		return error;
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	error = call_it(ctx, domid, name, c, &next);
	if (error)
		return error;
	devices_remove(ctx, domid);
	domain_drop_aside(ctx, aside);
	*aside = next;
	hvctl_warn(ctx, "what '%s' was is kept as '%s' (domain %u) until hvctl destroy, or until "
		   "the next one is", c->name, name, domid);
	return 0;
}
