/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the header of an image says that is looked at before any other program reads it: whether it
 * is of the format that it is said to be, and which other files it stands on. A format is told,
 * never found out: a guest can write any header into a raw disk.
 */
#ifndef BLOCK_FORMAT_H
#define BLOCK_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#define FORMAT_BACKING_MAX	1024u

struct format_backing {
	char path[FORMAT_BACKING_MAX];	/* as the header has it; "": none */
	char format[16];		/* "" if the header does not say */
};

/*
 * format_driver - what QEMU calls @format of the store ("vhd" is "vpc" there), or NULL: none that
 * is an image.
 */
const char *format_driver(const char *format);

/*
 * format_check - look at the header of the image @fd, which is of @format (one that format_driver()
 * knows). @name: its path, for messages. @backing: what it stands on. 0, or a negative errno with
 * one line in @text that says what is wrong and what to do.
 */
int format_check(int fd, const char *format, const char *name, struct format_backing *backing,
		 char *text, size_t size);

/*
 * format_backing_path - where the backing file @backing of the image @image is: a path without
 * links, in @path, which has PATH_MAX bytes. -EACCES: not below any of @directories, an array
 * ended by NULL. The rest as above.
 */
int format_backing_path(const char *image, const char *backing, const char *const *directories,
			char *path, char *text, size_t size);

#endif
