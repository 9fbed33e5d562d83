// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/transmit.h"

/* Free-running. */
static char queue[TRANSMIT_SIZE];
static u32 prod, cons;
static u64 all_paid; /* as a guest's own, for all of them */

size_t transmit_room(void)
{
	return TRANSMIT_SIZE - (prod - cons);
}

bool transmit_empty(void)
{
	return prod == cons;
}

bool transmit_put(const char *s, size_t n)
{
	if (n > TRANSMIT_SIZE / 2 || 2 * n > transmit_room())
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\n')
			queue[prod++ % TRANSMIT_SIZE] = '\r';
		queue[prod++ % TRANSMIT_SIZE] = s[i];
	}
	return true;
}

size_t transmit_take(char *out, size_t n)
{
	size_t done = 0;

	while (done < n && cons != prod)
		out[done++] = queue[cons++ % TRANSMIT_SIZE];
	return done;
}

void transmit_clear(void)
{
	cons = prod;
}

bool transmit_guest_may(u64 *paid, size_t n, u64 now)
{
	u64 own = max(*paid, now), all = max(all_paid, now);
	u64 ahead = (own - now) / GUEST_BYTE_NS + n, others = (all - now) / GUESTS_BYTE_NS;
	u64 left, room = transmit_room();

	/* Each byte may become two. */
	left = room < TRANSMIT_RESERVED ? 0 : (room - TRANSMIT_RESERVED) / 2;
	left = min(left, GUESTS_AHEAD - min(others, GUESTS_AHEAD));
	if (ahead > min(left, GUEST_AHEAD))
		return false;
	*paid = own + n * GUEST_BYTE_NS;
	all_paid = all + n * GUESTS_BYTE_NS;
	return true;
}
