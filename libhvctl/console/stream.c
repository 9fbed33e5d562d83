// SPDX-License-Identifier: GPL-2.0-or-later

#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int stream_new(struct stream *stream, size_t size)
{
	stream->data = malloc(size);
	stream->size = size;
	stream->head = 0;
	return stream->data ? 0 : -ENOMEM;
}

void stream_free(struct stream *stream)
{
	free(stream->data);
	stream->data = NULL;
}

void stream_put(struct stream *stream, const char *data, size_t length)
{
	if (length > stream->size) {
		stream->head += length - stream->size;
		data += length - stream->size;
		length = stream->size;
	}
	while (length) {
		size_t at = stream->head & (stream->size - 1);
		size_t part = stream->size - at < length ? stream->size - at : length;

		memcpy(stream->data + at, data, part);
		stream->head += part;
		data += part;
		length -= part;
	}
}

uint64_t stream_tail(const struct stream *stream, size_t length)
{
	if (length > stream->size)
		length = stream->size;
	return stream->head > length ? stream->head - length : 0;
}

const char *stream_peek(const struct stream *stream, uint64_t *cursor, size_t *length)
{
	uint64_t oldest = stream_tail(stream, stream->size);
	size_t at, left;

	if (*cursor < oldest)
		*cursor = oldest;
	at = *cursor & (stream->size - 1);
	left = stream->head - *cursor;
	*length = left < stream->size - at ? left : stream->size - at;
	return stream->data + at;
}
