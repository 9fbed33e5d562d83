// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOG_DIR "/var/log/hvctl"

static void show_progress(void *data, const char *step, unsigned int percent)
{
	(void)data;
	fprintf(stderr, "\r\033[K%3u %% %s", percent, step);
	if (percent == 100)
		fprintf(stderr, "\r\033[K");
}

/* Valid while a creation runs: what an interrupt cancels. */
static struct hvctl_ctx *creating;

static void interrupted(int signal_number)
{
	(void)signal_number;
	if (creating)
		hvctl_cancel(creating);
}

/* Interrupts undo a creation instead of leaving half a domain; NULL: they mean what they did. */
static void catch_interrupts(struct hvctl_ctx *ctx)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_flags = SA_RESTART };
	unsigned int i;

	action.sa_handler = ctx ? interrupted : SIG_DFL;
	creating = ctx;
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
}

/* Line by line with the time, into the domain's log: the minder has no terminal. */
static void log_line(void *data, const char *line)
{
	time_t now = time(NULL);
	char text[32];
	struct tm tm;

	(void)data;
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", localtime_r(&now, &tm));
	printf("%s %s\n", text, line);
	fflush(stdout);
}

/*
 * Become the process that minds the domain: no terminal, no directory, standard streams on its log.
 */
static void mind(struct hvctl_ctx *ctx, struct hvctl_config *config, uint32_t domid)
{
	char path[sizeof(LOG_DIR) + HVCTL_NAME_MAX + 8];
	int null = open("/dev/null", O_RDWR), log;

	mkdir("/var/log", 0755);
	mkdir(LOG_DIR, 0750);
	snprintf(path, sizeof(path), LOG_DIR "/%s.log", config->name);
	log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0640);
	if (log < 0)
		log = null;
	if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(CLI_FAILED);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	hvctl_set_progress(ctx, NULL, NULL);
	hvctl_set_warning(ctx, log_line, NULL);
	if (hvctl_monitor(ctx, config, &domid)) {
		log_line(NULL, hvctl_error(ctx));
		_exit(CLI_FAILED);
	}
	_exit(CLI_OK);
}

static int start_minder(struct hvctl_ctx *ctx, struct hvctl_config *config, uint32_t domid)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		fprintf(stderr,
			"hvctl: warning: nobody minds '%s' (fork: %s): destroy it yourself when it "
			"has stopped\n",
			config->name, strerror(errno));
		return CLI_OK;
	}
	if (pid)
		return CLI_OK;
	/* Twice, so that it is nobody's child and has no terminal to get signals from. */
	if (setsid() < 0 || chdir("/"))
		_exit(CLI_FAILED);
	pid = fork();
	if (pid)
		_exit(pid < 0 ? CLI_FAILED : CLI_OK);
	mind(ctx, config, domid);
	return CLI_FAILED;
}

static int run(struct hvctl_ctx *ctx, const struct command *cmd, int argc, char **argv)
{
	bool paused = false, attach = false, dry = false, quiet = false, minder = true;
	struct hvctl_config *config;
	struct timespec from, to;
	uint32_t domid = 0;
	int i, ret;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "-p") || !strcmp(argv[i], "--paused"))
			paused = true;
		else if (!strcmp(argv[i], "-c") || !strcmp(argv[i], "--console"))
			attach = true;
		else if (!strcmp(argv[i], "-q") || !strcmp(argv[i], "--quiet"))
			quiet = true;
		else if (!strcmp(argv[i], "-n") || !strcmp(argv[i], "--dry-run"))
			dry = true;
		else if (!strcmp(argv[i], "-e") || !strcmp(argv[i], "--no-minder"))
			minder = false;
		else
			return cli_usage(cmd, "unknown option '%s'", argv[i]);
	}
	if (i >= argc)
		return cli_usage(cmd, "a configuration is needed");
	if (hvctl_config_load(ctx, argv[i], (const char *const *)argv + i + 1, &config))
		return cli_failed(ctx);
	if (dry) {
		printf("%s: '%s', %llu MiB, %u vCPUs, %u disks, %u vifs\n", argv[i], config->name,
		       (unsigned long long)config->memory_mib, config->vcpus, config->nr_disks,
		       config->nr_vifs);
		hvctl_config_free(config);
		return CLI_OK;
	}
	if (isatty(2) && !quiet)
		hvctl_set_progress(ctx, show_progress, NULL);
	clock_gettime(CLOCK_MONOTONIC, &from);
	catch_interrupts(ctx);
	ret = hvctl_create(ctx, config, paused ? HVCTL_CREATE_PAUSED : 0, &domid);
	catch_interrupts(NULL);
	if (ret) {
		if (isatty(2) && !quiet)
			fprintf(stderr, "\r\033[K");
		hvctl_config_free(config);
		return cli_failed(ctx);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	if (!quiet)
		printf("%s: domain %u created in %lld ms\n", config->name, domid,
		       (to.tv_sec - from.tv_sec) * 1000ll + (to.tv_nsec - from.tv_nsec) / 1000000);
	ret = minder ? start_minder(ctx, config, domid) : CLI_OK;
	hvctl_config_free(config);
	return attach ? cli_attach(ctx, domid) : ret;
}

const struct command cmd_create = {
	.name = "create",
	.usage = "[-p] [-c] [-q] [-n] [-e] FILE [KEY=VALUE...]",
	.summary = "Create a domain from a configuration file",
	.help = "FILE is in xl.cfg syntax, see hvctl.cfg(5); KEY=VALUE replaces what it says. If "
		"anything fails,\n"
		"nothing is left behind. A process in the background minds the domain until it is "
		"gone (its log:\n" LOG_DIR "/NAME.log).\n\n"
		"  -p, --paused     do not start it yet (hvctl unpause does)\n"
		"  -c, --console    attach to its console\n"
		"  -q, --quiet      say nothing if it goes well\n"
		"  -n, --dry-run    only check the configuration\n"
		"  -e, --no-minder  leave nobody to mind it: destroy it yourself when it has "
		"stopped\n",
	.run = run,
};
