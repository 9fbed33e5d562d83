// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/lib/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libhvctl/store/log.h"

static pid_t supervisor;

static void pass_on(int signal_number)
{
	if (supervisor > 0)
		kill(supervisor, signal_number);
}

static void nowhere(void)
{
	int fd = open("/dev/null", O_RDWR);

	for (int i = 0; fd >= 0 && i <= 2; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

int guard(int (*supervise)(const struct super_options *options), struct super_options *options,
	  bool foreground)
{
	struct sigaction action = { .sa_handler = pass_on };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	for (;;) {
		struct timespec pause = { .tv_nsec = 100000000 };
		int status = 0;

		supervisor = fork();
		if (supervisor < 0)
			return 1;
		if (!supervisor) {
			signal(SIGTERM, SIG_DFL);
			signal(SIGINT, SIG_DFL);
			signal(SIGHUP, SIG_DFL);
			exit(supervise(options));
		}
		while (waitpid(supervisor, &status, 0) < 0 && errno == EINTR)
			;
		if (WIFEXITED(status) && (!WEXITSTATUS(status) || options->first))
			return WEXITSTATUS(status);
		if (WIFSIGNALED(status) &&
		    (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT))
			return 0;
		/* Whoever started us has been told that it runs, or that it does not. */
		options->first = false;
		if (!foreground)
			nowhere();
		log_line("the supervisor ended (%s %d) and is started again",
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		nanosleep(&pause, NULL);
	}
}
