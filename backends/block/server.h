/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu-nbd, which serves an image in a format, or another NBD server, to one of our workers over a
 * socket of its own. It reads what others have made, so it runs as a user of its own, without a
 * network unless it needs one, and where the kernel has Landlock with no other file in reach.
 */
#ifndef BLOCK_SERVER_H
#define BLOCK_SERVER_H

#include <stdint.h>

#include "backends/block/open.h"

/* Where backing files may be: one directory a line. */
#define BACKING_LIST	"/etc/annulus/backing-directories"
/* And where else, always. */
#define BACKING_DEFAULT	"/var/lib/annulus/images"

/*
 * server_start - open @spec, which is an image in a format or an NBD URI, by a qemu-nbd. Waits for
 * it to have done so, some seconds at most. 0 with a socket that is connected to it and its process
 * in @image, or a negative errno with one line in @text.
 */
int server_start(const struct open_spec *spec, struct open_image *image, char *text, size_t size);

/*
 * server_resize - make the image @spec, which nobody has open, one of a disk of @bytes, by a
 * qemu-img that has as few rights as the server. 0, or a negative errno with one line in @text; the
 * image is what it was then.
 */
int server_resize(const struct open_spec *spec, uint64_t bytes, char *text, size_t size);

#endif
