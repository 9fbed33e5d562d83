/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For disks as the toolstack has them: a store that is a list, a daemon that is a function which is
 * called when somebody looks, two files to be disks.
 */
#ifndef ANNULUS_TESTS_UNIT_DEVICE_WORLD_H
#define ANNULUS_TESTS_UNIT_DEVICE_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "blkd.h"
#include "device.h"
#include "overlay.h"
#include "suite.h"
#include "xs.h"

#define BACK	"/local/domain/0/backend/hvblk/7/51712"
#define FRONT	"/local/domain/7/device/vbd/51712"

static struct hvctl_ctx *ctx;
static char dir[] = "/tmp/device-test-XXXXXX", image[64], second[64];
static int daemon_lock = -1;

/* ------------------------------------------------------------------------------------------------
 * The store
 */

static struct {
	char *path, *value;
} nodes[200];
static unsigned int nr_nodes;

static unsigned int find(const char *path)
{
	unsigned int i;

	for (i = 0; i < nr_nodes && strcmp(nodes[i].path, path); i++)
		;
	return i;
}

static void set(const char *path, const char *value)
{
	unsigned int i = find(path);

	CU_ASSERT_FATAL(i < 200);
	if (i == nr_nodes)
		nodes[nr_nodes++].path = strdup(path);
	else
		free(nodes[i].value);
	nodes[i].value = strdup(value);
}

static const char *get(const char *path)
{
	unsigned int i = find(path);

	return i < nr_nodes ? nodes[i].value : "(none)";
}

static bool below(const char *path, const char *parent)
{
	size_t n = strlen(parent);

	return !strncmp(path, parent, n) && (!path[n] || path[n] == '/');
}

static void forget(const char *path)
{
	unsigned int i, kept = 0;

	for (i = 0; i < nr_nodes; i++) {
		if (below(nodes[i].path, path)) {
			free(nodes[i].path);
			free(nodes[i].value);
		} else {
			nodes[kept++] = nodes[i];
		}
	}
	nr_nodes = kept;
}

/* What the backend does when it is looked for; called before each reading. */
static void (*backend)(void);

struct xs *xs_open(const char *socket)
{
	return (struct xs *)&nodes;
}

void xs_close(struct xs *xs)
{
}

void xs_keep(struct xs *xs, unsigned int ms, xs_waits_fn waits, void *data)
{
}

bool xs_lost(const struct xs *xs)
{
	return false;
}

int xs_begin(struct xs *xs, uint32_t *tx)
{
	*tx = 1;
	return 0;
}

/* The daemon ends at the next xs_commit(): 1 before it, 2 after it. */
static unsigned int commit_ends, commits;

int xs_commit(struct xs *xs, uint32_t tx)
{
	unsigned int end = commit_ends;

	commits++;
	commit_ends = 0;
	if (end == 1)
		forget("/local/domain/0/backend/hvblk/7/51712/made");
	return end ? -ECONNRESET : 0;
}

void xs_abort(struct xs *xs, uint32_t tx)
{
}

char *xs_read(struct xs *xs, uint32_t tx, const char *path)
{
	unsigned int i;

	if (backend)
		backend();
	i = find(path);
	errno = ENOENT;
	return i < nr_nodes ? strdup(nodes[i].value) : NULL;
}

char *xs_readf(struct xs *xs, uint32_t tx, const char *format, ...)
{
	char path[256];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	return xs_read(xs, tx, path);
}

/* The store daemon ends at the next XS_ONCE: before it was written, after, or after @answer. */
static enum { STAYS, BEFORE, AFTER, ANSWERED } ends;
static const char *answer;
static unsigned int written_once;

int xs_write(struct xs *xs, uint32_t tx, const char *path, const char *format, ...)
{
	bool reset = tx == XS_ONCE && ends != STAYS;
	char value[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	written_once += tx == XS_ONCE;
	if (!reset || ends != BEFORE)
		set(path, reset && ends == ANSWERED ? answer : value);
	if (reset)
		ends = STAYS;
	return reset ? -ECONNRESET : 0;
}

int xs_mkdir(struct xs *xs, uint32_t tx, const char *path)
{
	if (find(path) == nr_nodes)
		set(path, "");
	return 0;
}

int xs_remove(struct xs *xs, uint32_t tx, const char *path)
{
	forget(path);
	return 0;
}

static const char *not_told;	/* a directory that the store fails to list */
static unsigned int not_told_after;

/* Children, also of directories that nobody has made: the real store makes them. */
char **xs_list(struct xs *xs, uint32_t tx, const char *path)
{
	char **list = calloc(1, 64 * sizeof(*list) + 2048), *text = (char *)(list + 64);
	unsigned int i, j, n = 0;

	CU_ASSERT_PTR_NOT_NULL(xs);
	if (not_told && !strcmp(path, not_told) && !not_told_after--) {
		free(list);
		errno = ETIMEDOUT;
		return NULL;
	}
	for (i = 0; i < nr_nodes; i++) {
		const char *name = nodes[i].path + strlen(path) + 1;
		size_t length;

		if (!below(nodes[i].path, path) || !strcmp(nodes[i].path, path))
			continue;
		length = strcspn(name, "/");
		for (j = 0; j < n; j++)
			if (strlen(list[j]) == length && !strncmp(list[j], name, length))
				break;
		if (j < n)
			continue;
		list[n++] = memcpy(text, name, length);
		text += length + 1;
	}
	return list;
}

void xs_prune(struct xs *xs, const char *path)
{
}

int xs_permit(struct xs *xs, uint32_t tx, const char *path, const char *perms)
{
	char key[256];

	/* Seen by the tests as one more entry, which goes with the directory. */
	snprintf(key, sizeof(key), "%s/.perms", path);
	set(key, perms);
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Around it
 */

/* Not the host's. */
static bool being_saved;

int __wrap_hvctl_lock_saving(struct hvctl_ctx *c, uint32_t domid);
int __wrap_hvctl_lock_saving(struct hvctl_ctx *c, uint32_t domid)
{
	(void)domid;
	if (being_saved)
		return hvctl_fail(c, EBUSY, "it is being saved");
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int __wrap_hvctl_lock(struct hvctl_ctx *c);
int __wrap_hvctl_lock(struct hvctl_ctx *c)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int hvctl_get(struct hvctl_ctx *c, uint32_t domid, struct hvctl_domain *domain)
{
	return 0;
}

int net_bridge(struct hvctl_ctx *c, const char *bridge, bool *made)
{
	*made = false;
	return 0;
}

void net_remove_bridge(const char *bridge)
{
}

int net_attach(struct hvctl_ctx *c, const char *interface, const char *bridge, const char *new_name)
{
	return -ENODEV;
}

void hvctl_cache_kernel(struct hvctl_ctx *c)
{
}

/* An overlay is made before its disk is looked at, and goes if that comes to nothing. */
static bool overlay_is_missing;
static unsigned int overlays_made, overlays_undone;

bool overlay_file_missing(const struct hvctl_disk *d)
{
	return *d->base_format && overlay_is_missing;
}

int overlay_files_make(struct hvctl_ctx *c, const struct hvctl_config *config, uint64_t *made)
{
	overlays_made++;
	*made = 1;
	return 0;
}

void overlay_files_undo(const struct hvctl_config *config, uint64_t made)
{
	overlays_undone += made;
}

void hypercall_close(struct hvctl_ctx *c)
{
}

/* hvblkd runs as long as somebody has the lock. */
static void run_daemon(bool run)
{
	if (!run) {
		close(daemon_lock);
		daemon_lock = -1;
		return;
	}
	daemon_lock = open(blkd_pidfile, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_EQUAL_FATAL(flock(daemon_lock, LOCK_EX | LOCK_NB), 0);
}

static bool make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	bool made = !ftruncate(fd, 1 << 20);

	close(fd);
	return made;
}

static int begin_all(void)
{
	static char pidfile[64];

	if (!mkdtemp(dir))
		return 1;
	snprintf(pidfile, sizeof(pidfile), "%s/pid", dir);
	snprintf(image, sizeof(image), "%s/image", dir);
	snprintf(second, sizeof(second), "%s/second", dir);
	/* One lock is both daemons'. */
	blkd_pidfile = netd_pidfile = pidfile;
	/* No hvblkd that this machine may have. */
	setenv("PATH", dir, 1);
	return !make_file(image) || !make_file(second);
}

static int end_all(void)
{
	unlink(blkd_pidfile);
	unlink(image);
	unlink(second);
	return rmdir(dir);
}

static void begin(void)
{
	ctx = hvctl_open();
	overlays_made = overlays_undone = 0;
	run_daemon(true);
}

static void end(void)
{
	backend = NULL;
	if (daemon_lock >= 0)
		run_daemon(false);
	forget("");
	hvctl_close(ctx);
}

static struct hvctl_disk disk(char *target)
{
	return (struct hvctl_disk){
		.target = target, .vdev = "xvda", .number = 51712, .writable = true,
		.format = "raw", .backend = HVCTL_DISK_HVBLKD,
	};
}

static int add(struct hvctl_disk *d, unsigned int count)
{
	struct hvctl_config c = { .nr_disks = count, .disks = d };

	return devices_add(ctx, &c, 7);
}

static void says(const char *line)
{
	if (strcmp(hvctl_error(ctx), line))
		printf("\n    got:  %s\n    want: %s\n", hvctl_error(ctx), line);
	CU_ASSERT_STRING_EQUAL(hvctl_error(ctx), line);
}

static unsigned int looks;

static void is_ready(void)
{
	if (++looks == 3 && find(BACK) < nr_nodes)
		set(BACK "/state", "2");
}

#endif
