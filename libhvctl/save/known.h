/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pages that somebody has, by their digests: keyed BLAKE2b of 128 bits. A guest can make two pages
 * that XXH3 takes for one, so what cannot be compared byte by byte goes by these, and the key is
 * drawn for each migration when the guest's pages are no more its to choose.
 */
#ifndef HVCTL_SAVE_KNOWN_H
#define HVCTL_SAVE_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#define KNOWN_KEY 32u /* bytes */

struct digest {
	uint64_t word[2];
};

struct known {
	uint8_t key[KNOWN_KEY];
	struct digest *digest; /* in the order in which they came */
	uint32_t nr, most;
	uint32_t *slot; /* an index + 1, 0: none; of 2^n, by the digest's first bits */
	uint32_t mask;
};

/* Room for @most; the key is the caller's to fill in. -ENOMEM; known_end() is due in any case. */
int known_begin(struct known *k, uint64_t most);
void known_end(struct known *k);
struct digest known_digest(const struct known *k, const void *page);
/* True, and at which place: it is there. */
bool known_find(const struct known *k, const struct digest *d, uint32_t *at);
/* Behind the others. False: it is there already, or there is no room. */
bool known_add(struct known *k, const struct digest *d);

#endif
