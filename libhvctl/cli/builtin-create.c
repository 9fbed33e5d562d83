// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli.h"
#include "guard.h"
#include "logfile.h"

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

/* Valid while a creation runs: what an interrupt cancels. */
static struct hvctl_ctx *creating;

static void interrupted(int signal_number)
{
	(void)signal_number;
	if (creating)
		hvctl_cancel(creating);
}

static const int interrupts[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

#define NR_INTERRUPTS	(sizeof(interrupts) / sizeof(interrupts[0]))

/* Interrupts undo a creation instead of leaving half a domain; NULL: they mean what they did. */
static void catch_interrupts(struct hvctl_ctx *ctx)
{
	struct sigaction action = { .sa_flags = SA_RESTART };
	unsigned int i;

	action.sa_handler = ctx ? interrupted : SIG_DFL;
	creating = ctx;
	for (i = 0; i < NR_INTERRUPTS; i++)
		sigaction(interrupts[i], &action, NULL);
}

/* Between a domain that stands and the process that minds it they wait. */
static void block_interrupts(int how)
{
	sigset_t set;
	unsigned int i;

	sigemptyset(&set);
	for (i = 0; i < NR_INTERRUPTS; i++)
		sigaddset(&set, interrupts[i]);
	sigprocmask(how, &set, NULL);
}

/* ---- the minder ---- */

#define LOG_LIMIT	(256u << 10)	/* bytes of a log; one before is kept */

static struct logfile minder_log = LOGFILE_CLOSED;

/* Line by line with the time, into the domain's log: the minder has no terminal. */
static void log_line(void *data, const char *line)
{
	time_t now = time(NULL);
	char text[32], *whole;
	struct tm tm;

	(void)data;
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", localtime_r(&now, &tm));
	if (asprintf(&whole, "%s %s\n", text, line) < 0)
		return;
	logfile_write(&minder_log, whole, strlen(whole));
	free(whole);
}

/* Become the process that minds the domain: no terminal, no directory, a log of its own. */
static void mind(struct hvctl_ctx *ctx, struct hvctl_config *config, uint32_t domid)
{
	char path[sizeof(LOG_DIR) + HVCTL_NAME_MAX + 8];
	int null = open("/dev/null", O_RDWR);

	mkdir("/var/log", 0755);
	mkdir(LOG_DIR, 0750);
	if (!logfile_name(path, sizeof(path), LOG_DIR, config->name))
		logfile_open(&minder_log, path, LOG_LIMIT, 1, O_NOFOLLOW, 0640);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(CLI_FAILED);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	block_interrupts(SIG_UNBLOCK);
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
		hvctl_set_progress(ctx, cli_show_progress, NULL);
	clock_gettime(CLOCK_MONOTONIC, &from);
	/* Nor may a reader of our output that goes away end us before a minder is there. */
	signal(SIGPIPE, SIG_IGN);
	hvctl_set_building(ctx, guard_building, NULL);
	catch_interrupts(ctx);
	ret = hvctl_create(ctx, config, paused ? HVCTL_CREATE_PAUSED : 0, &domid);
	block_interrupts(SIG_BLOCK);
	catch_interrupts(NULL);
	if (ret) {
		block_interrupts(SIG_UNBLOCK);
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
	block_interrupts(SIG_UNBLOCK);
	signal(SIGPIPE, SIG_DFL);
	hvctl_config_free(config);
	return attach ? cli_attach(ctx, domid) : ret;
}

const struct command cmd_create = {
	.name = "create",
	.usage = "[-p] [-c] [-q] [-n] [-e] FILE [KEY=VALUE...]",
	.summary = "Create a domain from a configuration file",
	.help = "FILE is in xl.cfg syntax, see hvctl.cfg(5); KEY=VALUE replaces what it says. If "
		"anything fails,\n"
		"or it is interrupted or killed, nothing is left behind. A process in the "
		"background minds the domain\n"
		"until it is gone (its log: " LOG_DIR "/NAME.log).\n\n"
		"  -p, --paused     do not start it yet (hvctl unpause does)\n"
		"  -c, --console    attach to its console\n"
		"  -q, --quiet      say nothing if it goes well\n"
		"  -n, --dry-run    only check the configuration\n"
		"  -e, --no-minder  leave nobody to mind it: destroy it yourself when it has "
		"stopped\n",
	.run = run,
};
