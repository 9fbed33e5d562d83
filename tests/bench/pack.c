// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The row of compression for machines that have no packages: Linux i386. Called without arguments,
 * as /bench/rows/compress, it lets micro.c time itself with one: compressing that file at level 9.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

int main(int argc, char **argv)
{
	unsigned char *text, *packed;
	unsigned long packed_size;
	struct stat about;
	int fd;

	if (argc < 2) {
		execl("/init", "micro", "-t", "compress", argv[0], "/bench/text", (char *)NULL);
		return 127;
	}
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || fstat(fd, &about))
		return 1;
	packed_size = compressBound((unsigned long)about.st_size);
	text = malloc((size_t)about.st_size);
	packed = malloc(packed_size);
	if (!text || !packed || read(fd, text, (size_t)about.st_size) != about.st_size)
		return 2;
	return compress2(packed, &packed_size, text, (unsigned long)about.st_size, 9) == Z_OK ? 0
											      : 3;
}
