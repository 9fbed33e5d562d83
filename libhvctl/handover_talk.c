// SPDX-License-Identifier: LGPL-2.1-or-later
#include "handover_talk.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

/* Of one conversation; the longest that does good has four from each side. */
#define WORDS_MAX 16

static void gone(struct handover_link *link)
{
	link->in = -1;
	link->out = -1;
}

/* What cannot be said is lost, like what is not heard. SIGPIPE is ignored by the caller. */
static void say(struct handover_link *link, const char *token, enum handover_word word)
{
	char line[HANDOVER_TOKEN_LEN + 16];
	int len = snprintf(line, sizeof(line), "%s %s\n", token, handover_word_name(word));

	if (!link || link->out < 0)
		return;
	/* Shorter than what a pipe takes in one piece. */
	if (write(link->out, line, (size_t)len) != len)
		gone(link);
}

/* Until there is something to read: 1, time is up: 0. */
static int wait_readable(struct handover_link *link, int64_t until)
{
	struct pollfd p = { .fd = link->in, .events = POLLIN };
	int64_t left;
	int n;

	do {
		left = link->patience < 0 ? -1 : until - (int64_t)monotonic_ms();
		if (link->patience >= 0 && left < 0)
			left = 0;
		n = poll(&p, 1, (int)left);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

/*
 * The next word, HANDOVER_SILENCE at the end of the link or of patience. Byte by byte: what comes
 * behind a line may be somebody else's.
 */
static int hear(struct handover_link *link, const char *token, enum handover_word *word)
{
	int64_t until = (int64_t)monotonic_ms() + link->patience;
	char *space;

	*word = HANDOVER_SILENCE;
	while (link->in >= 0 && link->have < sizeof(link->line)) {
		ssize_t n;

		if (!wait_readable(link, until))
			return 0;
		n = read(link->in, link->line + link->have, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			gone(link);
			return 0;
		}
		if (link->line[link->have] != '\n') {
			link->have++;
			continue;
		}
		link->line[link->have] = 0;
		link->have = 0;
		space = strchr(link->line, ' ');
		if (!space)
			return -EPROTO;
		*space = 0;
		*word = handover_word_named(space + 1);
		if (strcmp(link->line, token) || *word == HANDOVER_WORDS ||
		    *word == HANDOVER_SILENCE)
			return -EPROTO;
		return 0;
	}
	return link->in < 0 ? 0 : -EPROTO;
}

/* What cannot be written is as it was. */
static int write_down(struct handover_record *r, enum handover_state next)
{
	enum handover_state was = r->state;
	int error;

	if (next == was)
		return 0;
	r->state = next;
	error = handover_record_write(r);
	if (error)
		r->state = was;
	return error;
}

int handover_perform(const struct handover_host *host, struct handover_record *r,
		     const struct handover_step *step, struct handover_link *link)
{
	int error;

	if (step->conflict)
		host->report(host->data, r, "the two hosts contradict each other");
	if (step->person)
		host->report(host->data, r, "the other host knows nothing of it any more");
	if (step->act == HANDOVER_DESTROY) {
		error = host->act(host->data, r, HANDOVER_DESTROY);
		if (error)
			return error;
	}
	if (step->act == HANDOVER_RUN && step->next == HANDOVER_NONE) {
		error = host->act(host->data, r, HANDOVER_RUN);
		if (error)
			return error;
	}
	error = write_down(r, step->next);
	/* What is still written there says as much: nobody else can have it. */
	if (error && !(r->state == HANDOVER_SENDING && step->next == HANDOVER_HERE))
		return error;
	if (step->next == HANDOVER_HERE && step->say != HANDOVER_SILENCE)
		say(link, r->token, step->say);
	if (step->act == HANDOVER_RUN && step->next != HANDOVER_NONE) {
		int failed = host->act(host->data, r, HANDOVER_RUN);

		error = failed ? failed : error;
	}
	if (error)
		return error;
	if (step->next != HANDOVER_HERE && step->say != HANDOVER_SILENCE)
		say(link, r->token, step->say);
	return 0;
}

int handover_begin(struct handover_record *r, enum handover_state state)
{
	int error;

	if (r->state != HANDOVER_NONE)
		return -EEXIST;
	r->state = state;
	error = handover_record_write(r);
	if (error)
		r->state = HANDOVER_NONE;
	return error;
}

/* @again: for whoever does again what was decided, also what could not be begun. */
static enum handover_state seen(const struct handover_host *host, const struct handover_record *r,
				bool again)
{
	if (r->state == HANDOVER_NONE)
		return HANDOVER_NONE;
	return handover_state_seen(r->state, host->present(host->data, r),
				   again || !host->ran || host->ran(host->data, r));
}

enum handover_state handover_seen(const struct handover_host *host,
				  const struct handover_record *r)
{
	return seen(host, r, false);
}

int handover_ready(const struct handover_host *host, const char *token, struct handover_link *link)
{
	const struct handover_step ready = { .next = HANDOVER_READY, .say = HANDOVER_IS_READY };
	struct handover_record r;
	int error = handover_record_open(&r, host->dir, token);

	if (error)
		return error;
	error = handover_seen(host, &r) == HANDOVER_RECEIVING ?
			handover_perform(host, &r, &ready, link) :
			-ECANCELED;
	handover_record_close(&r);
	return error;
}

static int state_left(const struct handover_record *r, const struct handover_step *step)
{
	if (step->person || step->conflict)
		return -ENOTUNIQ;
	return r->state == HANDOVER_NONE ? 0 : -EAGAIN;
}

/* What is made of one word. As handover_converse(); *@said: the answer. */
static int answer(const struct handover_host *host, const char *token, struct handover_link *link,
		  enum handover_word word, enum handover_word *said)
{
	enum handover_state state;
	struct handover_record r;
	struct handover_step step;
	int error = handover_record_open(&r, host->dir, token);

	if (error)
		return error;
	state = handover_seen(host, &r);
	/* What is in flight here must not reach a disk that somebody else writes to. */
	if (state == HANDOVER_SENDING && word == HANDOVER_IS_READY && host->release &&
	    host->release(host->data, &r))
		word = HANDOVER_SILENCE;
	step = handover_hear(state, word);
	*said = step.say;
	error = handover_perform(host, &r, &step, link);
	/* What could not be written down is not decided, and its backends have let go of it. */
	if (error && state == HANDOVER_SENDING && step.next == HANDOVER_THERE) {
		step = handover_hear(state, HANDOVER_SILENCE);
		*said = step.say;
		handover_perform(host, &r, &step, link);
	}
	if (!error)
		error = state_left(&r, &step);
	handover_record_close(&r);
	return error;
}

int handover_converse(const struct handover_host *host, const char *token,
		      struct handover_link *link)
{
	enum handover_word word, said;
	bool silence = false;
	int ret = -EAGAIN;

	for (unsigned int n = 0; n < WORDS_MAX; n++) {
		ret = hear(link, token, &word);
		if (ret) {
			/* Whoever speaks like that is not believed anything more. */
			gone(link);
			answer(host, token, link, HANDOVER_SILENCE, &said);
			return ret;
		}
		ret = answer(host, token, link, word, &said);
		if (link->in < 0)
			return ret;
		/* What was said into a silence may still be answered; a second one is the end. */
		if (word == HANDOVER_SILENCE && (silence || said == HANDOVER_SILENCE))
			return ret;
		silence = word == HANDOVER_SILENCE;
		/* All is written down; who has to mind it waits for the end of this. */
		if (said == HANDOVER_IS_RUNNING && link->running_patience)
			link->patience = link->running_patience;
		/* Settled; who has nothing says so as often as it is asked. */
		if (ret != -EAGAIN && (ret || said != HANDOVER_UNKNOWN))
			return ret;
	}
	/* Whoever talks on and on keeps this side from what else it has to do. */
	gone(link);
	return ret;
}

int handover_take_up(const struct handover_host *host, const char *token,
		     struct handover_link *link)
{
	struct handover_record r;
	struct handover_step step;
	int error = handover_record_open(&r, host->dir, token);

	if (error)
		return error;
	step = handover_resume(seen(host, &r, true));
	error = handover_perform(host, &r, &step, link);
	if (!error)
		error = state_left(&r, &step);
	handover_record_close(&r);
	return error == -EAGAIN && link && link->in >= 0 ? handover_converse(host, token, link) :
							   error;
}
