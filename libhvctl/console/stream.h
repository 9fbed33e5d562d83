/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last so many bytes of an endless stream. Readers keep a cursor, the position in the stream of
 * the next byte they want; one that falls too far behind loses the oldest bytes, and slows nobody
 * down.
 */
#ifndef HVCONSOLE_STREAM_H
#define HVCONSOLE_STREAM_H

#include <stddef.h>
#include <stdint.h>

struct stream {
	char *data;
	size_t size;		/* a power of two */
	uint64_t head;		/* bytes ever put in */
};

/* stream_new - room for @size bytes, a power of two. Returns 0 or -ENOMEM. */
int stream_new(struct stream *stream, size_t size);

void stream_free(struct stream *stream);

/* stream_put - append. */
void stream_put(struct stream *stream, const char *data, size_t length);

/* stream_tail - the cursor of the last @length bytes, or of all there are. */
uint64_t stream_tail(const struct stream *stream, size_t length);

/*
 * stream_peek - the next bytes at @cursor that lie in one piece.
 * @cursor: moved forward if what it points at has been overwritten
 * @length: receives the number of bytes, 0 at the end
 */
const char *stream_peek(const struct stream *stream, uint64_t *cursor, size_t *length);

#endif
