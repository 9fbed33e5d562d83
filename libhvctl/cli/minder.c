// SPDX-License-Identifier: GPL-2.0-or-later
#include "minder.h"

#include "cli.h"
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

/* Valid while a long call runs: what an interrupt cancels. */
static struct hvctl_ctx *running;

static void interrupted(int signal_number)
{
	(void)signal_number;
	if (running)
		hvctl_cancel(running);
}

static const int interrupts[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

#define NR_INTERRUPTS	(sizeof(interrupts) / sizeof(interrupts[0]))

void catch_interrupts(struct hvctl_ctx *ctx)
{
	struct sigaction action = { .sa_flags = SA_RESTART };
	unsigned int i;

	action.sa_handler = ctx ? interrupted : SIG_DFL;
	running = ctx;
	for (i = 0; i < NR_INTERRUPTS; i++)
		sigaction(interrupts[i], &action, NULL);
}

void block_interrupts(int how)
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
	/* What it was forked from may have caught them for itself: a SIGTERM ends who minds. */
	catch_interrupts(NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	/* A limit or a reader that has gone is an error of who writes, and not its end. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	block_interrupts(SIG_UNBLOCK);
	hvctl_set_progress(ctx, NULL, NULL);
	hvctl_set_warning(ctx, log_line, NULL);
	if (hvctl_monitor(ctx, config, &domid)) {
		log_line(NULL, hvctl_error(ctx));
		_exit(CLI_FAILED);
	}
	_exit(CLI_OK);
}

int start_minder(struct hvctl_ctx *ctx, struct hvctl_config *config, uint32_t domid)
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
	hvctl_forked(ctx);
	mind(ctx, config, domid);
	return CLI_FAILED;
}
