/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest says that it uses: its word in memory/meminfo of its directory in the store, KiB as
 * a decimal number, and behind a blank, if it likes, another number that is another one each time
 * that it writes: so it is known to be there still. Anything may stand there.
 */
#ifndef HVBALLOON_FIGURE_H
#define HVBALLOON_FIGURE_H

#include <stdint.h>

/* So long a figure with a number behind it counts that does not change. */
#define FIGURE_OLD_MS	60000u
#define FIGURE_SIZE	40u

/* Zero at first. */
struct figure {
	char text[FIGURE_SIZE];	/* what stood there last */
	uint64_t since;		/* ms: when it was first seen */
};

/*
 * figure_take - what is said by @text (NULL: nothing stands there), seen at @now, in MiB, at most
 * @most. 0: nothing, or nothing that counts.
 */
uint64_t figure_take(struct figure *f, const char *text, uint64_t now, uint64_t most);

#endif
