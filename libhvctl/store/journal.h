/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal: what a new daemon has to know of the one before it. It is a file of records, one for
 * each time that answers leave; a record is a number of entries, each a change that was made. The
 * first record of a file has the whole of the store in such entries, so that a file needs no other.
 *
 * Here entries are collected, without input or output: store->journal is the record that is being
 * made. What does not concern the journal (no journal, a client whose connection ends with the
 * daemon) is left out by the functions themselves. Reading is in replay.h, the file in
 * journal_file.h.
 */
#ifndef HVSTORE_JOURNAL_H
#define HVSTORE_JOURNAL_H

#include "store.h"
#include "transaction.h"
#include "watch.h"

/* Raised when a daemon of before could not read what is written now. */
#define JOURNAL_VERSION	1u

/* At the beginning of a file. */
struct journal_head {
	char magic[8];		/* JOURNAL_MAGIC */
	uint32_t version;
	uint32_t zero;
	char boot[40];		/* of the machine, by the kernel's name for it */
	uint64_t hash;		/* of the above */
};

#define JOURNAL_MAGIC	"hvstored"

/* Before the entries of a record. */
struct record_head {
	uint32_t length;	/* bytes of entries */
	uint32_t number;	/* of the record in its file, from 0 */
	uint64_t head_hash;	/* XXH3 of the above: what is missing is told from what is wrong */
	uint64_t hash;		/* of the entries, seeded with head_hash */
};

/* No record is longer: the first one has all that the store may hold. */
#define RECORD_MAX	(1u << 30)

enum entry_type {
	ENTRY_QUOTA = 1,	/* "name=number" */
	ENTRY_SPECIAL,		/* uint32_t which; permissions */
	ENTRY_NODE,		/* struct entry_node; path; permissions; value */
	ENTRY_TREE,		/* uint64_t generation of the tree, uint64_t the newest given out */
	ENTRY_WRITE,		/* uint64_t generation; path; value */
	ENTRY_MKDIR,		/* uint64_t generation; path */
	ENTRY_REMOVE,		/* uint64_t generation; path */
	ENTRY_SET_PERMS,	/* uint64_t generation; path; permissions */
	ENTRY_GONE,		/* uint64_t generation: the domain exists no longer */
	ENTRY_TARGET,		/* uint32_t domid for which the domain acts, or DOMID_INVALID */
	ENTRY_CONNECT,		/* struct entry_connect: the domain has a connection */
	ENTRY_PORT,		/* uint32_t: it has another port now */
	ENTRY_PLACE,		/* uint32_t consumed, produced: it begins anew there */
	ENTRY_BROKEN,		/* its connection is lost; it stays known */
	ENTRY_RELEASE,		/* it is not known any more */
	ENTRY_WATCH,		/* uint32_t prefix; path; token */
	ENTRY_UNWATCH,		/* the same */
	ENTRY_RESET,		/* its watches and transactions are over */
	ENTRY_BEGIN,		/* uint32_t transaction */
	ENTRY_END,		/* uint32_t transaction */
	ENTRY_OUTPUT,		/* uint32_t domid that caused it, or 0; the message */
	ENTRY_INPUT,		/* struct entry_input; bytes of a message that is not whole yet */
	ENTRY_TYPES
};

/* In front of each entry. Numbers are this machine's; paths and tokens end with a zero. */
struct entry_head {
	uint16_t type;
	uint16_t domid;		/* whom it is about, or who made the change */
	uint32_t length;	/* of what follows */
};

struct entry_node {
	uint64_t content_gen, children_gen;
};

struct entry_connect {
	uint64_t frame;
	uint32_t port;
	uint32_t consumed;	/* index of the ring up to which requests are carried out */
	uint32_t produced;	/* index at which the output begins that the journal has */
	uint8_t handle[16];
	uint32_t zero;
};

struct entry_input {
	uint32_t consumed;	/* index of the ring up to which bytes have been taken */
	uint32_t at;		/* where in the message these belong: 0 begins a new one */
};

/* A permission, as many as there are; behind their number as uint32_t. */
struct entry_perm {
	uint16_t domid, rights;
};

/* A record that is being made: room for its head, then the entries. */
struct journal {
	char *data;
	size_t used, size;	/* with the head */
	bool failed;		/* there was no memory for an entry: a whole new file has to do */
};

/* journal_empty - begin a record. */
void journal_empty(struct journal *journal);

/* journal_has - whether there is anything in it. */
static inline bool journal_has(const struct journal *journal)
{
	return journal->failed || journal->used > sizeof(struct record_head);
}

/*
 * journal_seal - fill in the head of record @number. Returns the record's length in bytes, or 0 if
 * there is none: without an entry, or without memory for all of them.
 */
size_t journal_seal(struct journal *journal, uint32_t number);

/* journal_free - release its memory. */
void journal_free(struct journal *journal);

/* The checksums of a record, of its head and, once that is there, of its entries. */
uint64_t journal_head_hash(const struct record_head *head);
uint64_t journal_hash(const struct record_head *head, const void *entries);

/* journal_head - the beginning of a file, for the boot named @boot (at most 39 characters). */
void journal_head(struct journal_head *head, const char *boot);

/*
 * journal_store - all of the store that does not belong to a connection: quotas, tree, permissions
 * of domain events, whom domains act for.
 */
void journal_store(struct store *store);

/* journal_connection - all about a client with ->lasting, with what its inbox has. */
void journal_connection(struct client *client, const char *inbox, size_t have);

/* journal_known - a domain without a client, that is known as @lasting. */
void journal_known(struct store *store, domid_t domid, const struct lasting *lasting);

/* What was done, called when it was. */
void journal_quota(struct store *store, domid_t domid, const char *text);
void journal_special(struct store *store, enum special event);
void journal_change(struct store *store, domid_t writer, uint64_t gen, const struct op *op);
void journal_committed(struct store *store);
void journal_gone(struct store *store, domid_t domid, uint64_t gen);
void journal_target(struct store *store, const struct account *account);
void journal_connect(struct client *client);
void journal_port(struct client *client);
void journal_place(struct client *client);
void journal_broken(struct client *client);
void journal_release(struct store *store, domid_t domid);
void journal_watch(struct client *client, const struct watch *watch);
void journal_unwatch(struct client *client, const struct watch *watch);
void journal_reset(struct client *client);
void journal_begin(const struct client *client, uint32_t transaction);
void journal_end(struct client *client, uint32_t transaction);
void journal_output(struct client *client, domid_t cause, const void *message, size_t length);

/* @inbox has @have bytes of a message; those before @at are in the journal already. */
void journal_input(struct client *client, const char *inbox, size_t at, size_t have);

#endif
