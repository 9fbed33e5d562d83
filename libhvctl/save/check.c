// SPDX-License-Identifier: LGPL-2.1-or-later
/* Looking at an image without making a guest of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"
#include "save/settings.h"
#include "save/stream.h"

#define HEAD 32u

/* What the configuration and the descriptions of the guest and its pages say. */
static int look(struct hvctl_ctx *ctx, const char *name, uint32_t type, const void *body,
		size_t len, struct hvctl_image *image)
{
	const struct record_pages *pages = body;
	struct record_guest g;
	size_t words = 0;

	switch (type) {
	case RECORD_CONFIG:
		if (image->config)
			return hvctl_fail(ctx, EINVAL, "%s has two configurations", name);
		return settings_parse(ctx, name, body, len, &image->config);
	case RECORD_GUEST:
		if (len != sizeof(g))
			return hvctl_fail(ctx, EINVAL, "%s does not describe its guest", name);
		memcpy(&g, body, sizeof(g));
		image->bits = g.width * 8;
		image->pages = g.nr_pages;
		return 0;
	case RECORD_PAGES:
		if (len < sizeof(*pages))
			break;
		for (uint32_t n = 0; n < pages->count; n++, words++) {
			if (sizeof(*pages) + (words + 1) * sizeof(uint64_t) > len)
				break;
			switch (PAGE_CONTENT(pages->page[words])) {
			case CONTENT_ZERO:
				image->zero_pages++;
				break;
			case CONTENT_SAME:
				image->same_pages++;
				words++;
				break;
			}
		}
	}
	return 0;
}

static int check(struct hvctl_ctx *ctx, int fd, const char *name, struct hvctl_image *image)
{
	struct stream_in *in = NULL;
	uint8_t head[HEAD];
	long n = read_whole(fd, head, sizeof(head));
	int error;

	if (n < 0)
		return hvctl_fail(ctx, (int)-n, "cannot read %s: %s", name, strerror((int)-n));
	error = stream_open(ctx, fd, name, head, (size_t)n, &in);
	while (!error) {
		const void *body;
		uint32_t type;
		size_t len;

		error = stream_read(in, &type, &body, &len);
		if (error || type == RECORD_END)
			break;
		error = look(ctx, name, type, body, len, image);
	}
	stream_in_free(in);
	if (!error && (!image->config || !image->bits))
		error = hvctl_fail(ctx, EINVAL, "%s has no configuration, or no guest", name);
	return error;
}

int hvctl_image_check(struct hvctl_ctx *ctx, const char *path, struct hvctl_image *image)
{
	bool piped = !strcmp(path, "-");
	int fd = piped ? 0 : open(path, O_RDONLY | O_CLOEXEC), error;

	*image = (struct hvctl_image){ 0 };
	if (fd < 0)
		return hvctl_fail(ctx, errno, "cannot open %s: %s", path, strerror(errno));
	error = check(ctx, fd, piped ? "standard input" : path, image);
	if (!piped)
		close(fd);
	if (error) {
		hvctl_config_free(image->config);
		image->config = NULL;
	}
	return error;
}
