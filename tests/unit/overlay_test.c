// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/overlay.c libhvctl/context.c backends/block/format.c
// bits: 64 32
/*
 * The disks of clones: what is written at the beginning of an empty image says what it has to, to
 * the eyes of the daemon that will be asked to serve it; what cannot be had is not made.
 */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/block/format.h"
#include "domain.h"
#include "overlay.h"
#include "suite.h"
#include "xs.h"

void xs_close(struct xs *xs)
{
	(void)xs;
}

struct xs *xs_open(const char *path)
{
	(void)path;
	return NULL;
}

void xs_keep(struct xs *xs, unsigned int ms, xs_waits_fn waits, void *data)
{
}

bool xs_lost(const struct xs *xs)
{
	(void)xs;
	return false;
}

static uint8_t cluster[OVERLAY_CLUSTER];

static uint64_t number(size_t at, unsigned int bytes)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < bytes; i++)
		v = v << 8 | cluster[at + i];
	return v;
}

TEST(test_head, "the head of a clone's disk")
{
	static const uint64_t sizes[] = { 512, 1 << 20, 512ull << 20, (512ull << 20) + 512,
					  100ull << 30, 4ull << 40, (4ull << 40) + 512 };

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct format_backing backing;
		char text[512], path[] = "/tmp/overlay-test-XXXXXX";
		unsigned int n = overlay_head(cluster, sizes[i], "/srv/base.img", "raw");
		uint64_t l1 = number(36, 4);
		int fd = mkstemp(path);

		CU_ASSERT_FATAL(fd >= 0);
		unlink(path);
		CU_ASSERT(n >= 4);
		CU_ASSERT_EQUAL(number(0, 4), 0x514649fb);
		CU_ASSERT_EQUAL(number(4, 4), 3);
		CU_ASSERT_EQUAL(number(24, 8), sizes[i]);
		/* An entry for each 512 MiB, in clusters of their own behind the counts. */
		CU_ASSERT_EQUAL(l1, (sizes[i] + (512ull << 20) - 1) >> 29);
		CU_ASSERT_EQUAL(number(40, 8), 3 * OVERLAY_CLUSTER);
		CU_ASSERT(n >= 3 + (l1 * 8 + OVERLAY_CLUSTER - 1) / OVERLAY_CLUSTER);
		CU_ASSERT_EQUAL(number(48, 8), OVERLAY_CLUSTER);
		CU_ASSERT_EQUAL(number(56, 4), 1);
		CU_ASSERT_EQUAL(number(96, 4), 4);
		CU_ASSERT_EQUAL(number(100, 4), 104);
		CU_ASSERT_EQUAL(write(fd, cluster, sizeof(cluster)), (ssize_t)sizeof(cluster));
		CU_ASSERT_EQUAL(ftruncate(fd, (off_t)n * OVERLAY_CLUSTER), 0);
		CU_ASSERT_EQUAL(format_check(fd, "qcow2", "it", &backing, text, sizeof(text)), 0);
		CU_ASSERT_STRING_EQUAL(backing.path, "/srv/base.img");
		CU_ASSERT_STRING_EQUAL(backing.format, "raw");
		close(fd);
	}
}

TEST(test_limits, "what no disk can be")
{
	char name[OVERLAY_NAME_MAX + 2];

	memset(name, 'a', sizeof(name));
	name[OVERLAY_NAME_MAX + 1] = 0;
	CU_ASSERT_EQUAL(overlay_head(cluster, 512, name, "raw"), 0);
	name[OVERLAY_NAME_MAX] = 0;
	CU_ASSERT_EQUAL(overlay_head(cluster, 512, name, "qcow2"), 4);
	CU_ASSERT_EQUAL(overlay_head(cluster, 0, "/a", "raw"), 0);
	CU_ASSERT_EQUAL(overlay_head(cluster, UINT64_MAX & ~511ull, "/a", "raw"), 0);
}

/* ---- whose are they ---- */

static int found = -ESRCH; /* what is said of a domain of any uuid */

int domain_by_uuid(struct hvctl_ctx *ctx, const uint8_t uuid[16], uint32_t *domid)
{
	(void)ctx;
	(void)uuid;
	(void)domid;
	return found;
}

static char place[] = "/tmp/overlay-test-XXXXXX", base[64], of_clone[64 + 37], disk[64 + 64];

static bool is_there(const char *path)
{
	return !access(path, F_OK);
}

static void make(struct hvctl_ctx *ctx, int *building)
{
	struct hvctl_disk d = { .writable = true, .vdev = "xvda", .format = "raw" };
	struct hvctl_config c = { .disks = &d, .nr_disks = 1, .uuid = { 0xaa } };

	d.target = strdup(base);
	CU_ASSERT_EQUAL_FATAL(overlays_make(ctx, &c, building), 0);
	CU_ASSERT_STRING_EQUAL(d.target, disk);
	CU_ASSERT_STRING_EQUAL(d.backing, base);
	CU_ASSERT(*building >= 0);
	free(d.target);
	free(d.backing);
}

TEST(test_left, "disks whose maker was killed go, and no others")
{
	/* Whether it was said that they are the clone's, the maker lives, what is found; they go */
	static const struct {
		bool settled, lives;
		int found;
		bool go;
	} cases[] = {
		{ false, true, -ESRCH, false }, { false, false, 0, false },
		{ false, false, -EIO, false },	{ true, true, -ESRCH, false },
		{ true, false, -ESRCH, false }, { false, false, -ESRCH, true },
	};
	const uint8_t uuid[16] = { 0xaa };
	struct hvctl_ctx *ctx = hvctl_open();
	char other[64 + 8], empty[64 + 48];
	int building;

	CU_ASSERT_FATAL(ctx && mkdtemp(place));
	overlay_dir = place;
	snprintf(base, sizeof(base), "%s/base", place);
	snprintf(of_clone, sizeof(of_clone), "%s/aa000000-0000-0000-0000-000000000000", place);
	snprintf(disk, sizeof(disk), "%s/xvda.qcow2", of_clone);
	snprintf(other, sizeof(other), "%s/other", place);
	snprintf(empty, sizeof(empty), "%s/bb000000-0000-0000-0000-000000000000", place);
	fclose(fopen(base, "w"));
	CU_ASSERT_EQUAL(truncate(base, 1 << 20), 0);
	CU_ASSERT_EQUAL(mkdir(other, 0700), 0);
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make(ctx, &building);
		if (cases[i].settled)
			overlays_settled(uuid);
		if (!cases[i].lives)
			close(building);
		found = cases[i].found;
		CU_ASSERT_EQUAL(mkdir(empty, 0700), 0);
		overlays_sweep(ctx);
		CU_ASSERT_EQUAL(is_there(disk), !cases[i].go);
		CU_ASSERT_EQUAL(is_there(of_clone), !cases[i].go);
		CU_ASSERT_FALSE(is_there(empty));
		if (cases[i].lives)
			close(building);
		overlays_remove(ctx, uuid);
	}
	CU_ASSERT_EQUAL(rmdir(other), 0);
	unlink(base);
	CU_ASSERT_EQUAL(rmdir(place), 0);
	/* And where there never was one. */
	overlays_sweep(ctx);
	hvctl_close(ctx);
}

/* ---- those that a configuration names ---- */

static char here[] = "/tmp/overlay-file-XXXXXX";
static char lower[64], upper[64], second[64];
static struct hvctl_disk named[2];
static const struct hvctl_config naming = { .disks = named, .nr_disks = 2 };

static unsigned int files(void)
{
	unsigned int n = 0;
	DIR *d = opendir(here);

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void name_them(void)
{
	for (unsigned int i = 0; i < 2; i++)
		named[i] = (struct hvctl_disk){
			.target = i ? second : upper, .backing = lower, .vdev = "xvda",
			.writable = true, .format = "qcow2", .base_format = "raw",
		};
}

static int refused(struct hvctl_ctx *ctx, const char *words)
{
	unsigned int before = files();
	uint64_t made = 7;
	int error = overlay_files_make(ctx, &naming, &made);

	if (!strstr(hvctl_error(ctx), words))
		printf("\n    %s\n", hvctl_error(ctx));
	CU_ASSERT_PTR_NOT_NULL(strstr(hvctl_error(ctx), words));
	CU_ASSERT_EQUAL(made, 0);
	CU_ASSERT_EQUAL(files(), before);
	return error;
}

TEST(test_named, "an overlay is made once, and is taken for one only if it is")
{
	struct hvctl_ctx *ctx = hvctl_open();
	struct format_backing backing;
	char text[512], word[8] = "";
	uint64_t made;
	int fd;

	CU_ASSERT_FATAL(ctx && mkdtemp(here));
	snprintf(lower, sizeof(lower), "%s/lower", here);
	snprintf(upper, sizeof(upper), "%s/upper", here);
	snprintf(second, sizeof(second), "%s/second", here);
	name_them();
	CU_ASSERT_EQUAL(refused(ctx, "lower (xvda), which an overlay is to lie over, cannot be "
				"found: No such file"), -ENOENT);
	fclose(fopen(lower, "w"));
	CU_ASSERT_EQUAL(truncate(lower, 1 << 20), 0);
	CU_ASSERT_TRUE(overlay_file_missing(&named[0]));
	CU_ASSERT_EQUAL(overlay_files_make(ctx, &naming, &made), 0);
	CU_ASSERT_EQUAL(made, 3);
	CU_ASSERT_EQUAL(files(), 3);
	CU_ASSERT_FALSE(overlay_file_missing(&named[0]));
	fd = open(upper, O_RDWR);
	CU_ASSERT_EQUAL(format_check(fd, "qcow2", "it", &backing, text, sizeof(text)), 0);
	CU_ASSERT_STRING_EQUAL(backing.path, lower);
	CU_ASSERT_STRING_EQUAL(backing.format, "raw");
	/* What a guest wrote stays, and what was there before goes with nobody's failure. */
	CU_ASSERT_EQUAL(pwrite(fd, "guest", 5, 4 * OVERLAY_CLUSTER), 5);
	unlink(second);
	CU_ASSERT_EQUAL(overlay_files_make(ctx, &naming, &made), 0);
	CU_ASSERT_EQUAL(made, 2);
	overlay_files_undo(&naming, made);
	CU_ASSERT_EQUAL(files(), 2);
	CU_ASSERT_EQUAL(pread(fd, word, 5, 4 * OVERLAY_CLUSTER), 5);
	CU_ASSERT_STRING_EQUAL(word, "guest");
	close(fd);
	/* Over another file of the same kind. */
	fclose(fopen(second, "w"));
	CU_ASSERT_EQUAL(truncate(second, 1 << 20), 0);
	named[0].backing = second;
	named[1].base_format[0] = 0;
	CU_ASSERT_EQUAL(refused(ctx, "is there already and is no overlay over"), -EEXIST);
	unlink(second);
	name_them();
	/* Over something else, of another format, or no image at all: the first is unmade again. */
	strcpy(named[0].base_format, "qcow2");
	CU_ASSERT_EQUAL(refused(ctx, "is there already and is no overlay over"), -EEXIST);
	name_them();
	named[0].backing = upper;
	named[0].target = second;
	named[1].target = lower;
	CU_ASSERT_EQUAL(refused(ctx, "lower (xvda) is there already and is no overlay"), -EEXIST);
	named[0].target = upper;
	named[0].backing = lower;
	named[1].target = upper;
	named[1].backing = second;
	CU_ASSERT_EQUAL(rename(lower, second), 0);
	CU_ASSERT_EQUAL(symlink(second, lower), 0);
	/* By whatever name: what it lies over is the same file. */
	CU_ASSERT_EQUAL(overlay_files_make(ctx, &naming, &made), 0);
	CU_ASSERT_EQUAL(made, 0);
	/* A base that is no image of its format; a directory that is not there. */
	unlink(lower);
	name_them();
	named[0].backing = named[1].backing = second;
	named[0].target = (char *)"/tmp/overlay-none/x";
	CU_ASSERT_EQUAL(refused(ctx, "cannot make /tmp/overlay-none/x"), -ENOENT);
	named[0].target = lower;
	strcpy(named[0].base_format, "qcow2");
	CU_ASSERT_EQUAL(refused(ctx, "it is no qcow2 image; correct format="), -EINVAL);
	/* Nor is a pipe one, that nobody waits for. */
	CU_ASSERT_EQUAL(mkfifo(lower, 0600), 0);
	named[0].target = second;
	named[0].backing = lower;
	CU_ASSERT_EQUAL(refused(ctx, "neither a block device nor a file"), -ENOTBLK);
	unlink(lower);
	/* Disks without the key are nobody's business. */
	named[0].base_format[0] = named[1].base_format[0] = 0;
	CU_ASSERT_EQUAL(overlay_files_make(ctx, &naming, &made), 0);
	CU_ASSERT_EQUAL(made, 0);
	CU_ASSERT_FALSE(overlay_file_missing(&named[0]));
	unlink(upper);
	unlink(second);
	CU_ASSERT_EQUAL(rmdir(here), 0);
	hvctl_close(ctx);
}

SUITE("overlay")
