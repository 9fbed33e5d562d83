// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/device.c libhvctl/device_sharing.c libhvctl/blkd.c libhvctl/disk.c
// sources: libhvctl/diskuse.c libhvctl/context.c libhvctl/resize.c
// libs: -Wl,--wrap=hvctl_lock,--wrap=hvctl_lock_saving
// bits: 64 32
/* Disks that become larger in use: what hvblkd is asked for, and what is refused before that. */
#include <inttypes.h>

#include "device_world.h"

/* hvblkd, which does what it is asked for, if it is what it should be. */
static const char *wants_bytes, *answers;

static void resizes(void)
{
	uint64_t number, bytes;
	char text[96];

	if (find(BACK "/resize") == nr_nodes ||
	    sscanf(get(BACK "/resize"), "%" SCNu64 " %" SCNu64, &number, &bytes) != 2)
		return;
	snprintf(text, sizeof(text), "%" PRIu64, bytes);
	CU_ASSERT_STRING_EQUAL(text, wants_bytes);
	if (!answers[0])
		set(BACK "/sectors", "4096");
	snprintf(text, sizeof(text), "%" PRIu64 "%s", number, answers);
	set(BACK "/resized", text);
}

static int resize(uint64_t bytes)
{
	uint64_t now = 0;
	int error = hvctl_disk_resize(ctx, 7, "xvda", bytes, &now);

	CU_ASSERT_EQUAL(now, error ? 0 : 2 << 20);
	return error;
}

static long long length(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : (long long)st.st_size;
}

static int is_refused(uint64_t bytes, const char *words)
{
	int error = resize(bytes);

	if (!strstr(hvctl_error(ctx), words))
		printf("\n    %s\n", hvctl_error(ctx));
	CU_ASSERT_PTR_NOT_NULL(strstr(hvctl_error(ctx), words));
	CU_ASSERT_EQUAL(length(image), 1 << 20);
	CU_ASSERT_EQUAL(find(BACK "/resize"), nr_nodes);
	return error;
}

TEST(test_resize, "a file becomes longer, and hvblkd is told; what cannot be touches nothing")
{
	struct hvctl_disk d = disk(image);
	char moved[80], dev[] = "/dev/null";
	uint64_t now;

	looks = 0;
	backend = is_ready;
	CU_ASSERT_EQUAL_FATAL(add(&d, 1), 0);
	backend = NULL;
	CU_ASSERT_EQUAL(is_refused(2 << 20, "nobody serves the disk xvda"), -EAGAIN);
	set(BACK "/sectors", "2048");
	CU_ASSERT_EQUAL(hvctl_disk_resize(ctx, 7, "xvdb", 0, &now), -ENOENT);
	CU_ASSERT_EQUAL(is_refused((2 << 20) + 1, "whole sectors"), -EINVAL);
	CU_ASSERT_EQUAL(is_refused(UINT64_MAX & ~511ull, "whole sectors"), -EINVAL);
	CU_ASSERT_EQUAL(is_refused((1 << 20) - 512, "would be lost"), -EINVAL);
	being_saved = true;
	CU_ASSERT_EQUAL(is_refused(2 << 20, "it is being saved"), -EBUSY);
	being_saved = false;
	set(BACK "/mode", "r");
	CU_ASSERT_EQUAL(is_refused(2 << 20, "may only read"), -EROFS);
	set(BACK "/mode", "w");
	set(BACK "/device-type", "cdrom");
	CU_ASSERT_EQUAL(is_refused(2 << 20, "is a CD"), -EROFS);
	set(BACK "/device-type", "disk");
	set(BACK "/format", "nbd");
	CU_ASSERT_EQUAL(is_refused(2 << 20, "is a server's"), -EOPNOTSUPP);
	set(BACK "/format", "raw");
	/* Another file of that name, though the same kind of thing. */
	snprintf(moved, sizeof(moved), "%s-moved", image);
	CU_ASSERT_EQUAL(rename(image, moved), 0);
	CU_ASSERT_TRUE(make_file(image));
	CU_ASSERT_EQUAL(is_refused(2 << 20, "is another file"), -ESTALE);
	CU_ASSERT_EQUAL(rename(moved, image), 0);
	set(BACK "/target", dev);
	CU_ASSERT_EQUAL(is_refused(2 << 20, "neither a block device nor a file"), -ENOTBLK);
	set(BACK "/target", image);
	/* A raw file is longer when hvblkd is told to look. */
	backend = resizes;
	wants_bytes = "0";
	answers = "";
	CU_ASSERT_EQUAL(resize(2 << 20), 0);
	CU_ASSERT_EQUAL(length(image), 2 << 20);
	/* One that others made longer. */
	CU_ASSERT_EQUAL(resize(0), 0);
	/* And one that others cut. */
	CU_ASSERT_EQUAL(truncate(image, 1 << 20), 0);
	forget(BACK "/resize");
	CU_ASSERT_EQUAL(is_refused(0, "has become smaller"), -EINVAL);
	/* An image in a format is hvblkd's to make larger, and what it says is passed on. */
	set(BACK "/format", "qcow2");
	set(BACK "/sectors", "2048");
	wants_bytes = "2097152";
	CU_ASSERT_EQUAL(resize(2 << 20), 0);
	CU_ASSERT_EQUAL(length(image), 1 << 20);
	set(BACK "/sectors", "2048");
	answers = " there is no qemu-img";
	CU_ASSERT_EQUAL(resize(2 << 20), -EIO);
	says("hvblkd cannot do that to the disk xvda: there is no qemu-img");
}

SUITE("disks that become larger", .before = begin_all, .after = end_all, .begin = begin, .end = end)
