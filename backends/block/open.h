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
	/*
	 * A file that is locked as long as a server that was started for this disk lives, whoever
	 * started it: the next one waits. NULL: the image itself; a server elsewhere has no lock.
	 */
	const char *lock;
	uid_t uid;			/* the server's; 0: ours */
	/* Where backing files may be, ended by NULL; NULL: where server.h says. */
	const char *const *directories;
};

struct open_image {
	int fd;				/* the file or device, or a socket to an NBD server */
	bool nbd;
	pid_t server;			/* that was started for it; 0: none */
};

/* Room for the longest line that opening fails with. */
#define OPEN_TEXT	640

/*
 * open_image - 0, or a negative errno with one line in @text that says why and what to do.
 */
int open_image(const struct open_spec *spec, struct open_image *image, char *text, size_t size);

/*
 * open_server_end - tell the server to write what it has in memory and to end, and wait for that,
 * for @ms milliseconds at most, then kill it. Returns whether it ended by itself, so that nothing
 * that it had said to be written is lost. One whose client goes ends by itself, unless that went
 * before they had shaken hands; it has to be waited for all the same.
 */
bool open_server_end(pid_t server, unsigned int ms);

#endif
