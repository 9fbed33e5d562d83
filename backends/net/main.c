// SPDX-License-Identifier: GPL-2.0-or-later
/* hvnetd. */
#include "backends/lib/command.h"
#include "backends/net/stats.h"
#include "backends/net/super.h"
#include "backends/net/worker.h"

int main(int argc, char **argv)
{
	static const struct command hvnetd = {
		.name = "hvnetd",
		.serves = "Carry the packets of all network interfaces with backendtype=hvnetd.",
		.thing = "interface",
		.uid_option = "uid",
		.uid_help = "  -u, --uid=UID           "
			    "user and group of the process that carries them, which nobody else\n"
			    "                          should have",
		.uid = 262143,
		.uid_max = INT32_MAX,
		.supervise = super_main,
		.work = worker_main,
		.stats = stats_show,
	};

	return command_main(&hvnetd, argc, argv);
}
