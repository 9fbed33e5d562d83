// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Pausing and renaming tell nobody: they are seen by looking so often. */
#define LOOK_MS	1000

/* One that waits for something runs. */
static const char *state(const struct hvctl_domain *d)
{
	return hvctl_state_name(d->state == HVCTL_BLOCKED ? HVCTL_RUNNING : d->state);
}

/* One line. False: nobody reads them any more. */
static bool tell(const char *event, const struct hvctl_domain *d)
{
	struct timespec now;
	char when[40], uuid[37];
	struct tm tm;
	json_t *line;
	bool told;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(when + strlen(when), sizeof(when) - strlen(when), ".%03dZ",
		 (int)(now.tv_nsec / 1000000));
	cli_uuid(d->uuid, uuid);
	line = json_pack("{s:s s:s s:I s:o s:s s:s}", "time", when, "event", event, "domid",
			 (json_int_t)d->domid, "name", cli_json_text(d->name), "uuid", uuid,
			 "state", state(d));
	told = line && !json_dumpf(line, stdout, JSON_COMPACT) && putchar('\n') != EOF &&
	       !fflush(stdout);
	json_decref(line);
	return told;
}

static const struct hvctl_domain *same(const struct hvctl_domain *list, size_t count,
				       const struct hvctl_domain *d)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].domid == d->domid &&
		    !memcmp(list[i].uuid, d->uuid, sizeof(d->uuid)))
			return &list[i];
	return NULL;
}

/* One that is being built has no name yet: as long as that it is not there. */
static void leave_unbuilt(const struct hvctl_domain *old, size_t nr_old,
			  struct hvctl_domain *list, size_t *count)
{
	size_t n = 0;

	for (size_t i = 0; i < *count; i++)
		if (list[i].state != HVCTL_PAUSED || strcmp(list[i].name, "(null)") != 0 ||
		    same(old, nr_old, &list[i]))
			list[n++] = list[i];
	*count = n;
}

/* What is different between two looks; @old NULL: the first. */
static bool compare(const struct hvctl_domain *old, size_t nr_old, struct hvctl_domain *new,
		    size_t nr_new)
{
	bool told = true;

	for (size_t i = 0; i < nr_old && told; i++)
		if (!same(new, nr_new, &old[i]))
			told = tell("gone", &old[i]);
	for (size_t i = 0; i < nr_new && told; i++) {
		const struct hvctl_domain *before = same(old, nr_old, &new[i]);

		/* One that goes loses its name first, and a store that is away has none. */
		if (before && !strcmp(new[i].name, "(null)"))
			strcpy(new[i].name, before->name);

		if (!before)
			told = tell(old ? "created" : "present", &new[i]);
		else if (strcmp(before->name, new[i].name))
			told = tell("renamed", &new[i]);
		if (told && before && strcmp(state(before), state(&new[i])))
			told = tell("state", &new[i]);
	}
	return told;
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct hvctl_domain *old = NULL, *new;
	size_t nr_old = 0, nr_new;
	char set[8];
	int first = cli_options(cmd, argc, argv, "", set);
	bool told = true;

	if (first < 0)
		return CLI_USAGE;
	if (argc != first)
		return cli_usage(cmd, "no argument is needed");
	cli_stop_on_signals();
	signal(SIGPIPE, SIG_IGN);
	while (!cli_stopped && told) {
		int changed = hvctl_wait_change(ctx, LOOK_MS);

		/* The store daemon may come back. */
		if (changed == -ECONNREFUSED && old)
			sleep(1);
		if ((changed < 0 && !old) || hvctl_list(ctx, &new, &nr_new)) {
			free(old);
			return cli_failed(ctx);
		}
		leave_unbuilt(old, nr_old, new, &nr_new);
		told = compare(old, nr_old, new, nr_new);
		free(old);
		old = new;
		nr_old = nr_new;
	}
	free(old);
	return CLI_OK;
}

const struct command cmd_events = {
	.name = "events",
	.usage = "",
	.summary = "Tell what happens to domains, a line of JSON for each",
	.help = "Until it is interrupted. \"event\" is \"present\" (of those that are there at the "
		"beginning), \"created\",\n"
		"\"gone\", \"renamed\" or \"state\"; with it come \"time\", \"domid\", \"name\", "
		"\"uuid\" and \"state\". What lasts\nless than a second may be missed.\n",
	.run = run,
};
