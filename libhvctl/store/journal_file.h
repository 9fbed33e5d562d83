/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal's file: DIRECTORY/journal, to which each record is appended by one write. When it has
 * grown to some times what the store holds, a new one is written beside it, as journal.new, and
 * takes its place by a rename: whenever the daemon is killed, one whole journal has that name.
 */
#ifndef HVSTORE_JOURNAL_FILE_H
#define HVSTORE_JOURNAL_FILE_H

#include <limits.h>

#include "journal.h"
#include "replay.h"

#define JOURNAL_NAME	"journal"

struct journal_file {
	struct journal record;		/* the one that is being made; the store's ->journal */
	struct store *store;
	/* Write down the connections: journal_connection() and journal_known() for each. */
	void (*connections)(void *context);
	void *context;
	char directory[PATH_MAX];
	char boot[40];			/* the kernel's name for this boot */
	int dir, fd;			/* fd: -1 while there is no file that counts */
	size_t size;			/* bytes of the file */
	size_t limit;			/* at which a new one is written */
	uint32_t number;		/* of the next record */
	uint64_t retry;			/* ms: when to try again after a failure */
};

/*
 * journal_file_open - make @directory, which must be ours alone, and open it.
 * Returns 0, -EPERM if it is another user's or others may use it, or another negative errno.
 */
int journal_file_open(struct journal_file *file, const char *directory);

/*
 * journal_file_replay - make file->store, which is new, what the file says, see replay().
 * Returns a replay_result, or a negative errno if the file cannot be read.
 */
int journal_file_replay(struct journal_file *file, struct replayed *result, uint32_t *version);

/*
 * journal_file_begin - write a new file that has all of the store, and go on with that one.
 * Returns 0 or a negative errno: then the file before is as it was.
 */
int journal_file_begin(struct journal_file *file);

/*
 * journal_file_give_up - @error (negative errno): nothing can be written at present, and what was
 * is not true for long: the file goes. journal_file_commit() tries a new one after a while.
 */
void journal_file_give_up(struct journal_file *file, int error, uint64_t now);

/*
 * journal_file_commit - write down the record that has been made and begin the next one. A file
 * that cannot be written is removed, lest somebody takes up what is out of date, and after a while
 * it is tried again: the store goes on, and the log says that it would not survive. @now: ms.
 */
void journal_file_commit(struct journal_file *file, uint64_t now);

/* journal_file_close - the file stays for the next daemon. */
void journal_file_close(struct journal_file *file);

#endif
