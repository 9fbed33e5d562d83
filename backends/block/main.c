// SPDX-License-Identifier: GPL-2.0-or-later
/* hvblkd. */
#include "backends/block/stats.h"
#include "backends/block/super.h"
#include "backends/block/worker.h"
#include "backends/lib/command.h"

int main(int argc, char **argv)
{
	static const struct command hvblkd = {
		.name = "hvblkd",
		.serves = "Serve the disks of all domains with backendtype=hvblkd, by one "
			  "process for each.",
		.thing = "disk",
		.uid_option = "uid-base",
		.uid_help = "  -u, --uid-base=UID      "
			    "domain N's process has the user and group UID + N, which nobody\n"
			    "                          else should have",
		.uid = 262144,
		.uid_max = INT32_MAX - DOMID_FIRST_RESERVED,
		.supervise = super_main,
		.work = worker_main,
		.stats = stats_show,
	};

	return command_main(&hvblkd, argc, argv);
}
