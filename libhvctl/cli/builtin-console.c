// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "console/client.h"

#define REPLAY_BYTES	16384
#define LOG_DIR		"/var/log/hvconsole"	/* where hvconsoled writes, if not told else */

static int attach(struct hvctl_ctx *ctx, uint32_t domid, int replay)
{
	struct hvctl_domain d;
	char path[128];
	int ret;

	if (hvctl_get(ctx, domid, &d))
		return cli_failed(ctx);
	if (isatty(0))
		fprintf(stderr, "console of %s (domain %u); Ctrl-] leaves it\n", d.name, domid);
	ret = hvconsole_attach((unsigned int)domid, replay);
	if (ret == -ENOENT || ret == -ECONNREFUSED) {
		/* Perhaps another daemon serves it, as a terminal. */
		if (hvctl_console_path(ctx, domid, path, sizeof(path)))
			return cli_failed(ctx);
		ret = hvconsole_attach_path(path, replay);
	}
	if (ret < 0) {
		fprintf(stderr,
			"hvctl: cannot attach to the console of %s: %s; see that hvconsoled runs\n",
			d.name, strerror(-ret));
		return CLI_FAILED;
	}
	if (isatty(0))
		fprintf(stderr, "\n%s\n",
			ret == HVCONSOLE_ENDED ? "the console was closed" : "left the console");
	return CLI_OK;
}

int cli_attach(struct hvctl_ctx *ctx, uint32_t domid)
{
	return attach(ctx, domid, REPLAY_BYTES);
}

/* What hvconsoled wrote down, also of a domain that is gone: the name is all that is needed. */
static int show_log(struct hvctl_ctx *ctx, const char *which)
{
	struct hvctl_domain d;
	char path[160], buf[8192];
	uint32_t domid;
	size_t n;
	FILE *f;

	/* By its number it is one that is there. */
	if (!hvctl_find(ctx, which, &domid) && !hvctl_get(ctx, domid, &d))
		which = d.name;
	if (strlen(which) >= HVCTL_NAME_MAX || strchr(which, '/')) {
		fprintf(stderr, "hvctl: '%s' is not the name of a domain\n", which);
		return CLI_FAILED;
	}
	snprintf(path, sizeof(path), LOG_DIR "/%s.log", which);
	f = fopen(path, "re");
	if (!f) {
		fprintf(stderr, "hvctl: no log of the console of %s: %s: %s\n", which, path,
			strerror(errno));
		return CLI_FAILED;
	}
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		if (fwrite(buf, 1, n, stdout) != n)
			break;
	fclose(f);
	return CLI_OK;
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	int replay = REPLAY_BYTES, i;
	bool log = false;
	uint64_t number;
	uint32_t domid;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "-l") || !strcmp(argv[i], "--log")) {
			log = true;
			continue;
		}
		if (strncmp(argv[i], "--replay=", 9))
			return cli_usage(cmd, "unknown option '%s'", argv[i]);
		if (!cli_number(argv[i] + 9, &number) || number > 1 << 30)
			return cli_usage(cmd, "'%s' is not a number of bytes", argv[i] + 9);
		replay = (int)number;
	}
	if (argc - i != 1)
		return cli_usage(cmd, "one domain is needed");
	if (log)
		return show_log(ctx, argv[i]);
	if (!cli_domain(ctx, argv[i], &domid))
		return CLI_FAILED;
	return attach(ctx, domid, replay);
}

const struct command cmd_console = {
	.name = "console",
	.usage = "[-l] [--replay=BYTES] DOMAIN",
	.summary = "Attach to a domain's console; Ctrl-] leaves it",
	.help = "  --replay=BYTES  how much of what it printed before is shown first (16384)\n"
		"  -l, --log       print the file with what it printed and end; also of a domain "
		"that is gone\n",
	.run = run,
};
