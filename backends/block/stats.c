// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/stats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "backends/block/journal.h"

static void show(FILE *out, unsigned int domid, unsigned int devid, const struct journal_counts *c)
{
	fprintf(out, "%6u %6u %10llu %10llu %9llu %9llu %8llu %8llu %7llu %6llu %8llu %9llu\n",
		domid, devid, (unsigned long long)c->reads, (unsigned long long)c->writes,
		(unsigned long long)c->bytes_read >> 20, (unsigned long long)c->bytes_written >> 20,
		(unsigned long long)c->flushes, (unsigned long long)c->discards,
		(unsigned long long)c->errors, (unsigned long long)c->taken_over,
		(unsigned long long)c->replayed, (unsigned long long)c->throttled);
}

int stats_show(const char *run, FILE *out)
{
	DIR *dir = opendir(run);
	struct dirent *entry;

	if (!dir) {
		fprintf(stderr, "hvblkd: cannot read %s: %s; has hvblkd run?\n", run,
			strerror(errno));
		return 1;
	}
	fprintf(out, "%6s %6s %10s %10s %9s %9s %8s %8s %7s %6s %8s %9s\n", "domain", "disk",
		"reads", "writes", "MiB read", "MiB writ.", "flushes", "discards", "errors",
		"taken", "replayed", "throttled");
	while ((entry = readdir(dir))) {
		struct journal_counts counts;
		unsigned int domid, devid;
		int fd, end = 0;

		if (sscanf(entry->d_name, "%u-%u.journal%n", &domid, &devid, &end) != 2 || !end ||
		    entry->d_name[end])
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			continue;
		if (pread(fd, &counts, sizeof(counts), offsetof(struct journal, counts)) ==
		    sizeof(counts))
			show(out, domid, devid, &counts);
		close(fd);
	}
	closedir(dir);
	return 0;
}
