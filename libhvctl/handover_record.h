/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a host remembers of a migration: a file below the run-time directory, named by the token.
 * It outlives every process and no restart of the host, and neither does the domain.
 *
 * Whoever has a record open has it alone; others wait, in this process and in others. So the parts
 * of a step (handover.h) are never mixed with those of another.
 */
#ifndef HVCTL_HANDOVER_RECORD_H
#define HVCTL_HANDOVER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handover.h"
#include "include/hvctl.h"

#define HANDOVER_TOKEN_LEN	32	/* hexadecimal digits: 128 bits by chance */
#define HANDOVER_PEER_MAX	1024

struct handover_record {
	int fd;				/* locked; -1: not open */
	int dir;
	char token[HANDOVER_TOKEN_LEN + 1];
	enum handover_state state;	/* HANDOVER_NONE: there is no file (any more) */
	/* The domain on this host, which has that uuid, too. 0: it has not been made yet. */
	uint32_t domid;
	uint8_t uuid[16];
	char name[HVCTL_NAME_MAX];	/* of the domain */
	char peer[HANDOVER_PEER_MAX];	/* the source's: the command that reaches the other; "" */
};

/* handover_token - a new token by chance. 0 or -errno. */
int handover_token(char token[HANDOVER_TOKEN_LEN + 1]);

/* Whether @token has a token's form: what a peer or a user gave is part of a path. */
bool handover_token_valid(const char *token);

/*
 * handover_record_open - open the record of @token below the directory @dir, which stays open, and
 * wait until nobody else has it. Without one, @r->state is HANDOVER_NONE and 0 is returned.
 * Errors: -EINVAL (no token, or a file that is no whole record), and those of open() and flock().
 */
int handover_record_open(struct handover_record *r, int dir, const char *token);

/*
 * handover_record_peek - read it as it is at this moment, whoever has it; it is not open then.
 * Errors: as handover_record_open().
 */
int handover_record_peek(struct handover_record *r, int dir, const char *token);

/*
 * handover_record_write - make @r->state and the rest of *@r what is remembered, or forget all of
 * it with HANDOVER_NONE. Either all of it counts or what was there before. Returns 0, -EINVAL (a
 * name or a peer with a line's end in it), or -errno of the file system: the record is as it was.
 */
int handover_record_write(struct handover_record *r);

/* Let others have it. An open record may be closed at any time; a closed one, too. */
void handover_record_close(struct handover_record *r);

/*
 * handover_record_each - call @fn with the token of each record below @dir, until it answers
 * something else than 0, which is returned. -errno if the directory cannot be read.
 */
int handover_record_each(int dir, int (*fn)(void *data, const char *token), void *data);

#endif
