// SPDX-License-Identifier: LGPL-2.1-or-later
#include "save/known.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall.h"
#include "internal.h"

/* Of entries, so that their number and twice that fit everywhere. */
#define MOST (1u << 30)

int known_begin(struct known *k, uint64_t most)
{
	uint32_t slots = 2;

	*k = (struct known){ .most = 0 };
	/* It chooses the implementation for this CPU, once. */
	if (sodium_init() < 0)
		return -ENOSYS;
	if (most > MOST || !memory_fits(most * (sizeof(*k->digest) + 4 * sizeof(*k->slot))))
		return -ENOMEM;
	while (slots < 2 * most)
		slots *= 2;
	k->digest = malloc((size_t)most * sizeof(*k->digest) + 1);
	k->slot = calloc(slots, sizeof(*k->slot));
	if (!k->digest || !k->slot)
		return -ENOMEM;
	k->mask = slots - 1;
	k->most = (uint32_t)most;
	return 0;
}

void known_end(struct known *k)
{
	free(k->digest);
	free(k->slot);
	*k = (struct known){ .most = 0 };
}

struct digest known_digest(const struct known *k, const void *page)
{
	struct digest d;

	crypto_generichash_blake2b((uint8_t *)&d, sizeof(d), page, FRAME_SIZE, k->key,
				   sizeof(k->key));
	return d;
}

/* Where it is, or the free slot where it would be. */
static uint32_t *find(const struct known *k, const struct digest *d)
{
	uint32_t i = (uint32_t)d->word[0] & k->mask;

	while (k->slot[i] && memcmp(&k->digest[k->slot[i] - 1], d, sizeof(*d)))
		i = (i + 1) & k->mask;
	return &k->slot[i];
}

bool known_find(const struct known *k, const struct digest *d, uint32_t *at)
{
	uint32_t i = k->slot ? *find(k, d) : 0;

	if (i)
		*at = i - 1;
	return i;
}

bool known_add(struct known *k, const struct digest *d)
{
	uint32_t *slot = k->nr < k->most ? find(k, d) : NULL;

	if (!slot || *slot)
		return false;
	k->digest[k->nr] = *d;
	*slot = ++k->nr;
	return true;
}
