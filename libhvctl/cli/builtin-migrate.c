// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"
#include "guard.h"
#include "minder.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a command line: its value if @arg is that option. */
static const char *value_of(const char *arg, const char *option)
{
	size_t len = strlen(option);

	return !strncmp(arg, option, len) && arg[len] == '=' ? arg + len + 1 : NULL;
}

/* A rate: bytes, or with K, M, G behind it. */
static bool rate(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMG";
	char number[24];
	size_t len = strlen(text);
	const char *unit = len ? strchr(units, text[len - 1]) : NULL;

	if (!len || len >= sizeof(number))
		return false;
	snprintf(number, sizeof(number), "%.*s", (int)(unit ? len - 1 : len), text);
	if (!cli_number(number, bytes) || !*bytes || *bytes >> 32)
		return false;
	if (unit)
		*bytes <<= 10 * (unit - units + 1);
	/* Slower than that, the other end would take us for dead. */
	return *bytes >= 1024;
}

static void say_steps(void *data, const char *step, unsigned int percent)
{
	(void)data;
	(void)percent;
	if (!strncmp(step, "round ", 6))
		fprintf(stderr, "hvctl: %s\n", step);
}

static int mind(struct hvctl_ctx *ctx, struct hvctl_config *config, uint32_t domid)
{
	int ret;

	block_interrupts(SIG_BLOCK);
	ret = start_minder(ctx, config, domid);
	block_interrupts(SIG_UNBLOCK);
	hvctl_config_free(config);
	return ret;
}

static int resolve(struct hvctl_ctx *ctx, const char *token, enum hvctl_settle how)
{
	struct hvctl_config *config;
	uint32_t domid;
	int ret;

	signal(SIGPIPE, SIG_IGN);
	catch_interrupts(ctx);
	ret = hvctl_migrate_settle(ctx, token, how, &config, &domid);
	catch_interrupts(NULL);
	if (config) {
		printf("%s: domain %u runs here\n", config->name, domid);
		mind(ctx, config, domid);
	} else if (!ret) {
		printf("migration %s is settled\n", token);
	}
	return ret ? cli_failed(ctx) : CLI_OK;
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	const char *token = NULL, *command = NULL, *v;
	enum hvctl_settle how = HVCTL_SETTLE_ASK;
	struct hvctl_migration m = { .command = NULL, .keep = 600 };
	uint64_t number;
	char ssh[320];
	uint32_t domid;
	int i, ret;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (!strcmp(argv[i], "--force"))
			m.force = true;
		else if (!strcmp(argv[i], "--compress"))
			m.compress = true;
		else if (!strcmp(argv[i], "--force-cpu"))
			m.force_cpu = true;
		else if (!strcmp(argv[i], "--here"))
			how = HVCTL_SETTLE_HERE;
		else if (!strcmp(argv[i], "--there"))
			how = HVCTL_SETTLE_THERE;
		else if ((v = value_of(argv[i], "--bandwidth")) && rate(v, &m.bandwidth))
			continue;
		else if ((v = value_of(argv[i], "--downtime")) && cli_number(v, &number) &&
			 number && number <= 3600000)
			m.downtime_ms = (unsigned int)number;
		else if ((v = value_of(argv[i], "--timeout")) && cli_number(v, &number) && number &&
			 number <= 3000)
			m.seconds = (unsigned int)number;
		else if ((v = value_of(argv[i], "--keep")) && cli_number(v, &number) &&
			 number <= 86400)
			m.keep = (unsigned int)number;
		else if ((v = value_of(argv[i], "--command")))
			command = v;
		else if (!strcmp(argv[i], "--command") && i + 1 < argc)
			command = argv[++i];
		else if ((v = value_of(argv[i], "--resolve")))
			token = v;
		else if (!strcmp(argv[i], "--resolve") && i + 1 < argc)
			token = argv[++i];
		else
			return cli_usage(cmd, "unknown option '%s'", argv[i]);
	}
	/* Options may stand behind the token, as the usage has them. */
	if (token)
		return i == argc ? resolve(ctx, token, how)
				 : cli_usage(cmd, "nothing else goes with --resolve");
	if (how != HVCTL_SETTLE_ASK)
		return cli_usage(cmd, "--here and --there go with --resolve");
	if (argc - i != (command ? 1 : 2))
		return cli_usage(cmd, "a domain is needed, and a host or --command");
	if (!command && !cli_good_host(argv[i + 1]))
		return cli_usage(cmd, "'%s' is no host", argv[i + 1]);
	if (!command) {
		snprintf(ssh, sizeof(ssh), "exec ssh -- '%s' hvctl migrate-receive", argv[i + 1]);
		command = ssh;
	}
	if (!*command || strchr(command, '\n') || strlen(command) > 1000)
		return cli_usage(cmd, "a command is one line of at most 1000 bytes");
	if (!cli_domain(ctx, argv[i], &domid))
		return CLI_FAILED;
	m.command = command;
	hvctl_set_progress(ctx, isatty(2) ? cli_show_progress : say_steps, NULL);
	signal(SIGPIPE, SIG_IGN);
	hvctl_set_migrating(ctx, guard_migrating, NULL);
	catch_interrupts(ctx);
	ret = hvctl_migrate(ctx, domid, &m);
	catch_interrupts(NULL);
	if (ret && isatty(2))
		fprintf(stderr, "\r\033[K");
	if (ret)
		cli_failed(ctx);
	if (m.again) {
		fprintf(stderr, "hvctl: the guest goes on here as domain %u\n", m.again);
		mind(ctx, m.config, m.again);
	}
	if (ret)
		return CLI_FAILED;
	printf("%s: migrated in %llu.%llu s, stood still for %llu ms; %u rounds, %llu MiB",
	       argv[i], (unsigned long long)(m.ms / 1000), (unsigned long long)(m.ms / 100 % 10),
	       (unsigned long long)m.still_ms, m.rounds, (unsigned long long)(m.pages >> 8));
	if (m.spared)
		printf("; %llu MiB were there still", (unsigned long long)(m.spared >> 8));
	printf("\n");
	return CLI_OK;
}

const struct command cmd_migrate = {
	.name = "migrate",
	.usage = "[OPTIONS] DOMAIN HOST | [OPTIONS] --command=COMMAND DOMAIN | "
		 "--resolve=TOKEN [--here|--there]",
	.summary = "Move a running guest to another host",
	.help = "The guest runs while its memory is sent, stands still for a moment, and goes on "
		"at HOST, where its\n"
		"disks and bridges have to be by the same names. HOST is reached by ssh; COMMAND "
		"is any other way to\n"
		"run 'hvctl migrate-receive' there. If anything fails, or it is interrupted, the "
		"guest runs on here.\n\n"
		"  --bandwidth=RATE   bytes a second while it runs; K, M, G behind it\n"
		"  --downtime=MS      how long it may stand still (300)\n"
		"  --force            stop it also when it writes faster than it is sent\n"
		"  --compress         for slow links\n"
		"  --force-cpu        also to a CPU that lacks what the guest was shown\n"
		"  --keep=SECONDS     for how long what it had is kept here (600, at most 86400; "
		"0: not): what has not\n"
		"                     changed need not be sent when it comes back\n"
		"  --timeout=SECONDS  how long it may take to suspend itself (60, at most 3000)\n"
		"  --resolve=TOKEN    the link broke when the guest had been given away: ask the "
		"other host again\n"
		"  --here, --there    ... it does not answer any more: the guest is to run on this "
		"host, or is not.\n"
		"                     Whoever says so has to know that it does not run on the "
		"other\n",
	.run = run,
};

static int receive(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	struct hvctl_config *config;
	uint32_t domid = 0;
	int ret;

	(void)argv;
	if (argc != 1)
		return cli_usage(cmd, "there are no arguments");
	if (isatty(1))
		return cli_usage(cmd, "it is hvctl migrate that runs this");
	signal(SIGPIPE, SIG_IGN);
	hvctl_set_migrating(ctx, guard_migrating, NULL);
	catch_interrupts(ctx);
	ret = hvctl_migrate_receive(ctx, 0, 1, &config, &domid);
	catch_interrupts(NULL);
	if (config)
		mind(ctx, config, domid);
	return ret ? cli_failed(ctx) : CLI_OK;
}

const struct command cmd_migrate_receive = {
	.name = "migrate-receive",
	.usage = "",
	.summary = "The other end of hvctl migrate, which runs it",
	.help = "Takes a guest on standard input and talks on standard output.\n",
	.run = receive,
};
