// SPDX-License-Identifier: GPL-2.0-or-later

#include "ring.h"

#include <stdint.h>
#include <string.h>

/* How many of @wanted bytes can be copied at @index before the ring of @size bytes wraps around. */
static size_t piece(uint32_t index, size_t size, size_t wanted)
{
	size_t straight = size - (index & (size - 1));

	return wanted < straight ? wanted : straight;
}

size_t console_take(struct xencons_interface *ring, char *out, size_t size)
{
	uint32_t producer = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE);
	uint32_t consumer = __atomic_load_n(&ring->out_cons, __ATOMIC_RELAXED);
	size_t filled = (uint32_t)(producer - consumer);
	size_t done = 0;

	if (filled > sizeof(ring->out)) {
		__atomic_store_n(&ring->out_cons, producer, __ATOMIC_RELEASE);
		return 0;
	}
	if (size > filled)
		size = filled;
	while (done < size) {
		size_t part = piece(consumer + done, sizeof(ring->out), size - done);

		memcpy(out + done, ring->out + MASK_XENCONS_IDX(consumer + done, ring->out), part);
		done += part;
	}
	__atomic_store_n(&ring->out_cons, consumer + done, __ATOMIC_RELEASE);
	return done;
}

size_t console_give(struct xencons_interface *ring, const char *in, size_t size)
{
	uint32_t consumer = __atomic_load_n(&ring->in_cons, __ATOMIC_ACQUIRE);
	uint32_t producer = __atomic_load_n(&ring->in_prod, __ATOMIC_RELAXED);
	size_t filled = (uint32_t)(producer - consumer);
	size_t done = 0;

	if (filled > sizeof(ring->in))
		return 0;
	if (size > sizeof(ring->in) - filled)
		size = sizeof(ring->in) - filled;
	while (done < size) {
		size_t part = piece(producer + done, sizeof(ring->in), size - done);

		memcpy(ring->in + MASK_XENCONS_IDX(producer + done, ring->in), in + done, part);
		done += part;
	}
	__atomic_store_n(&ring->in_prod, producer + done, __ATOMIC_RELEASE);
	return done;
}
