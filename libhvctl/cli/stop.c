// SPDX-License-Identifier: GPL-2.0-or-later
/* Verbs that go on until they are interrupted. */
#include "cli.h"

#include <signal.h>

volatile sig_atomic_t cli_stopped;

static void on_signal(int number)
{
	(void)number;
	cli_stopped = 1;
}

void cli_stop_on_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}
