// SPDX-License-Identifier: GPL-2.0-or-later
// sources: backends/block/image_raw.c
// libs: -l:liburing.a
/* A file that hvblkd has as a disk, and that becomes larger or smaller meanwhile. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "backends/block/image.h"
#include "suite.h"

TEST(test_resize, "a file that has grown is a larger disk; one that was cut is no smaller")
{
	char name[] = "/tmp/block_raw.XXXXXX";
	int fd = mkstemp(name), own = dup(fd);
	/* The process's, as its memory is: nothing takes it down. */
	static struct raw_engine *engine;
	struct image *image;

	engine = raw_engine_new(4);

	CU_ASSERT_TRUE_FATAL(fd >= 0 && own >= 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(engine);
	unlink(name);
	CU_ASSERT_EQUAL(ftruncate(fd, 1 << 20), 0);
	image = image_raw_attach(engine, own, 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(image);
	CU_ASSERT_EQUAL(image->size, 1 << 20);
	CU_ASSERT_FALSE(image_raw_resize(image));
	CU_ASSERT_EQUAL(ftruncate(fd, (2 << 20) + 100), 0);
	CU_ASSERT_TRUE(image_raw_resize(image));
	CU_ASSERT_EQUAL(image->size, 2 << 20);
	CU_ASSERT_FALSE(image_raw_resize(image));
	CU_ASSERT_EQUAL(ftruncate(fd, 1 << 20), 0);
	CU_ASSERT_FALSE(image_raw_resize(image));
	CU_ASSERT_EQUAL(image->size, 2 << 20);
	image->ops->close(image);
	close(fd);
}

SUITE("block_raw");
