// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/net/stats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "backends/net/journal.h"

/* One for each count, in their order in the structure. */
static const char *const names[] = {
	"sent", "sent-bytes", "received", "rcvd-bytes", "direct-bytes", "head-bytes",
	"bounced-bytes", "malformed", "spoofed", "errors", "dropped", "limited", "taken-over",
	"lost",
};
#define NAMES	(sizeof(names) / sizeof(names[0]))
_Static_assert(NAMES * sizeof(uint64_t) == sizeof(struct net_counts), "a name for each");

int stats_show(const char *run, FILE *out)
{
	DIR *dir = opendir(run);
	struct dirent *entry;

	if (!dir) {
		fprintf(stderr, "hvnetd: cannot read %s: %s; has hvnetd run?\n", run,
			strerror(errno));
		return 1;
	}
	fprintf(out, "%6s %3s", "domain", "vif");
	for (size_t i = 0; i < NAMES; i++)
		fprintf(out, " %13s", names[i]);
	fprintf(out, "\n");
	while ((entry = readdir(dir))) {
		uint64_t counts[NAMES];
		unsigned int domid, devid;
		int fd, end = 0;

		if (sscanf(entry->d_name, "%u-%u.journal%n", &domid, &devid, &end) != 2 || !end ||
		    entry->d_name[end])
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			continue;
		if (pread(fd, counts, sizeof(counts), offsetof(struct net_journal, counts)) ==
		    sizeof(counts)) {
			fprintf(out, "%6u %3u", domid, devid);
			for (size_t i = 0; i < NAMES; i++)
				fprintf(out, " %13llu", (unsigned long long)counts[i]);
			fprintf(out, "\n");
		}
		close(fd);
	}
	closedir(dir);
	return 0;
}
