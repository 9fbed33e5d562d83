// SPDX-License-Identifier: MIT
#include "frontends/lib/control.h"

#include "frontends/lib/text.h"

#define ATTEMPTS 32u	/* of a transaction */

static const struct {
	const char *word, *feature;
	enum control_request what;
} requests[] = {
	{ "poweroff", "control/feature-poweroff", CONTROL_POWEROFF },
	{ "halt", "control/feature-halt", CONTROL_POWEROFF },
	{ "reboot", "control/feature-reboot", CONTROL_REBOOT },
	{ "suspend", "control/feature-suspend", CONTROL_SUSPEND },
};
#define NR_REQUESTS (sizeof(requests) / sizeof(requests[0]))

/*
 * Reads the word and, in the same transaction, puts the empty one in its place: that tells the
 * toolstack that it was seen, and a word that comes meanwhile is not lost.
 */
static int take_word(struct store *s, const char *path, char *word, size_t size)
{
	for (unsigned int i = 0; i < ATTEMPTS; i++) {
		uint32_t tx;
		int n, error = store_begin(s, &tx);

		if (error)
			return error;
		n = store_read(s, tx, path, word, size);
		if (n == -E2BIG || n == -EBADMSG) {	/* no word of ours */
			word[0] = '\0';
			n = 1;
		}
		error = n > 0 ? store_write(s, tx, path, "") : n;
		if (n <= 0 || error) {
			store_end(s, tx, false);
			return error;
		}
		error = store_end(s, tx, true);
		if (error != -EAGAIN)
			return error ? error : n;
	}
	return -EAGAIN;
}

static bool knows(const struct control *c, enum control_request what)
{
	return what != CONTROL_SUSPEND || c->can_suspend;
}

static void fired(struct store_watch *w)
{
	struct control *c = (struct control *)((char *)w - offsetof(struct control, watch));
	char word[16];

	if (take_word(c->store, w->path, word, sizeof(word)) <= 0)
		return;
	for (unsigned int i = 0; i < NR_REQUESTS; i++)
		if (text_equal(word, requests[i].word) && knows(c, requests[i].what)) {
			c->requested(c, requests[i].what);
			return;
		}
}

int control_open(struct control *c, struct store *s)
{
	c->store = s;
	c->watch.path = "control/shutdown";
	c->watch.fired = fired;
	for (unsigned int i = 0; i < NR_REQUESTS; i++) {
		int error = 0;

		if (knows(c, requests[i].what))
			error = store_write_number(s, 0, requests[i].feature, 1);
		/* A toolstack may not let us say each; the request may come all the same. */
		if (error && error != -EACCES)
			return error;
	}
	return store_watch(s, &c->watch);
}
