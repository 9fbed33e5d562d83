// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/console/ring.c libhvctl/console/stream.c
// bits: 64 32
/*
 * The console daemon's parts: the ring shared with a hostile domain, the scroll-back buffer.
 */
#include "suite.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libhvctl/console/ring.h"
#include "libhvctl/console/stream.h"

TEST(test_ring, "ring")
{
	struct xencons_interface *ring = calloc(1, sizeof(*ring));
	char data[4096];

	/* Across the end of the ring and of the index type. */
	ring->out_cons = 0xfffffffe;
	ring->out_prod = 3;
	memcpy(ring->out + sizeof(ring->out) - 2, "ab", 2);
	memcpy(ring->out, "cde", 3);
	CU_ASSERT_EQUAL(console_take(ring, data, 4), 4);
	CU_ASSERT_EQUAL(memcmp(data, "abcd", 4), 0);
	CU_ASSERT_EQUAL(console_take(ring, data, sizeof(data)), 1);
	CU_ASSERT_EQUAL(data[0], 'e');
	CU_ASSERT_EQUAL(console_take(ring, data, sizeof(data)), 0);
	CU_ASSERT_EQUAL(ring->out_cons, 3);

	/* Full is allowed, more is not: it is skipped. */
	ring->out_prod = ring->out_cons + sizeof(ring->out);
	CU_ASSERT_EQUAL(console_take(ring, data, sizeof(data)), sizeof(ring->out));
	ring->out_prod = ring->out_cons + sizeof(ring->out) + 1;
	CU_ASSERT_EQUAL(console_take(ring, data, sizeof(data)), 0);
	CU_ASSERT_EQUAL(ring->out_cons, ring->out_prod);

	memset(data, 'x', sizeof(data));
	CU_ASSERT_EQUAL(console_give(ring, data, sizeof(data)), sizeof(ring->in));
	CU_ASSERT_EQUAL(console_give(ring, data, 1), 0);
	ring->in_cons = 10;
	CU_ASSERT_EQUAL(console_give(ring, "0123456789abc", 13), 10);
	CU_ASSERT_EQUAL(memcmp(ring->in, "0123456789x", 11), 0);
	ring->in_cons = ring->in_prod + 1;
	CU_ASSERT_EQUAL(console_give(ring, "0", 1), 0);
	free(ring);
}

/* All that can be read from @cursor, in one string. */
static const char *rest(const struct stream *stream, uint64_t *cursor)
{
	static char text[64];
	size_t used = 0, length;
	const char *data;

	while (data = stream_peek(stream, cursor, &length), length) {
		memcpy(text + used, data, length);
		used += length;
		*cursor += length;
	}
	text[used] = '\0';
	return text;
}

TEST(test_stream, "scroll-back")
{
	struct stream stream;
	uint64_t early = 0, late;

	CU_ASSERT_EQUAL(stream_new(&stream, 8), 0);
	CU_ASSERT_STRING_EQUAL(rest(&stream, &early), "");
	stream_put(&stream, "abc", 3);
	late = stream_tail(&stream, 100);
	CU_ASSERT_STRING_EQUAL(rest(&stream, &early), "abc");
	stream_put(&stream, "defgh", 5);
	CU_ASSERT_STRING_EQUAL(rest(&stream, &late), "abcdefgh");
	CU_ASSERT_STRING_EQUAL(rest(&stream, &early), "defgh");
	/* A reader that is too slow loses the oldest bytes; one that is not loses none. */
	stream_put(&stream, "ij", 2);
	CU_ASSERT_STRING_EQUAL(rest(&stream, &early), "ij");
	stream_put(&stream, "klmnopq", 7);
	CU_ASSERT_STRING_EQUAL(rest(&stream, &late), "jklmnopq");
	/* More at once than there is room for. */
	stream_put(&stream, "0123456789ABCDEF", 16);
	CU_ASSERT_STRING_EQUAL(rest(&stream, &early), "89ABCDEF");
	late = stream_tail(&stream, 3);
	CU_ASSERT_STRING_EQUAL(rest(&stream, &late), "DEF");
	CU_ASSERT_EQUAL(stream.head, 33);
	stream_free(&stream);
}

SUITE("console")
