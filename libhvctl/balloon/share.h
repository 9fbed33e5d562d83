/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is to have how much memory, decided anew in each pass from what is there. No input or output,
 * no clock: what is kept from pass to pass stands in struct share_guest. All amounts are MiB.
 *
 * What holds after each pass, whatever guests say and do:
 *   - A promise is backed: a target is raised by what is free only, behind the reserve and what
 *     others were promised and have not taken yet. What a guest was asked to give counts when it
 *     has given it.
 *   - A guest is not asked to go below its floor, nor told to go above its most. One that says
 *     nothing is left alone.
 *   - Where all that is wanted is more than there is, guests get the same above their floors, or
 *     what they want if that is less. So who says too much gets that same at most.
 *   - Nothing moves unless somebody lacks share_band() or more, or the reserve is not there, and
 *     then SHARE_LEAST or more. A target only comes nearer to what its guest is to have: with the
 *     same figures nothing changes any more after a while.
 *   - One that does not do as asked for SHARE_PATIENCE passes is asked no more, until it says or
 *     does something else: what it keeps is its own, what it does not take is others' again.
 */
#ifndef HVBALLOON_SHARE_H
#define HVBALLOON_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Linux' balloon rests for up to 32 s when it finds no memory; a pass is some seconds. */
#define SHARE_PATIENCE	12u
#define SHARE_LEAST	4u

struct share_guest {
	uint64_t has;
	uint64_t target;	/* what it was asked to have last */
	uint64_t floor, most;	/* floor <= most */
	uint64_t wants;		/* by its own word, 0: it says nothing */
	uint64_t goal;		/* comes out: the target from now on */
	/* Kept from pass to pass, zero at first. */
	struct share_past {
		unsigned int waited;	/* passes without a step towards the target */
		bool down;		/* it is asked to give */
		uint64_t best;		/* the nearest that it has come */
		uint64_t rest;		/* 0, or what it had when it was asked no more, */
		bool kept;		/* which it gives nothing of (else: takes no more), */
		uint64_t said;		/* and what it wanted then */
	} past;
	bool settled;			/* within a pass: its goal is known */
};

struct share_host {
	uint64_t free;
	uint64_t reserve;	/* of it, to be left */
	uint64_t owed;		/* of it, to domains that are not among the guests */
};

/* share_wants - what a guest that uses @used is to have: a quarter more, for its caches. */
static inline uint64_t share_wants(uint64_t used)
{
	return used + used / 4;
}

/* share_band - a guest that lacks less than this is not worth the trouble. */
static inline uint64_t share_band(uint64_t target)
{
	return target / 16 > SHARE_LEAST ? target / 16 : SHARE_LEAST;
}

/* share_pass - fill in each goal. */
void share_pass(struct share_guest *guests, size_t count, const struct share_host *host);

#endif
