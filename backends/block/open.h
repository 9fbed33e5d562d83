/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening what a disk stands on, in the supervisor. A format is told, never guessed. */
#ifndef BLOCK_OPEN_H
#define BLOCK_OPEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct open_spec {
	const char *format, *params;	/* as in the store */
	bool readonly;
	bool shared;			/* others may have the block device too */
};

struct open_image {
	int fd;				/* the file or device, or a socket to an NBD server */
	bool nbd;
	pid_t server;			/* that was started for it; 0: none */
};

/*
 * open_image - 0, or a negative errno with one line in @text that says why and what to do.
 */
int open_image(const struct open_spec *spec, struct open_image *image, char *text, size_t size);

#endif
