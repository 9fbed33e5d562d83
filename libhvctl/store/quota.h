/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a domain may use up, and the books about it. Domain 0 has no limits.
 */
#ifndef HVSTORE_QUOTA_H
#define HVSTORE_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../budget.h"
#include "tree.h"

enum quota_kind {
	QUOTA_NODES,			/* nodes owned by the domain */
	QUOTA_WATCHES,			/* watches it has registered */
	QUOTA_TRANSACTIONS,		/* transactions it has open */
	QUOTA_VALUE,			/* bytes in a value */
	QUOTA_PATH,			/* bytes in an absolute path */
	QUOTA_PERMS,			/* permission entries of a node */
	QUOTA_REQUESTS,			/* requests whose replies it has not taken */
	QUOTA_EVENTS,			/* watch events it has not taken */
	QUOTA_TRANSACTION_NODES,	/* nodes that one transaction looks at, or changes */
	QUOTA_TRANSACTION_BYTES,	/* bytes of memory that one transaction takes */
	QUOTA_TRANSACTION_CHURN,	/* bytes written to the store by all, while it is open */
	QUOTA_WORK,			/* work done for it in a second, see store_work() */
	QUOTA_LOG_LINES,		/* lines about it in the log in a minute */
	QUOTA_KINDS
};

/* Lines of a trace for each line of the ordinary kind: who asks for a trace wants to see it. */
#define QUOTA_TRACE_LINES	50

struct quota {
	unsigned long limit[QUOTA_KINDS];
	unsigned int told;	/* bits of those that somebody has set since the start */
};

/* quota_default - the limits of a freshly started store. */
extern const struct quota quota_default;

/* quota_name - the name of a limit on command lines and in reports. */
const char *quota_name(enum quota_kind kind);

/*
 * quota_set - set a limit from text of the form "name=number", and note it in ->told.
 * Returns 0, or -EINVAL when there is no such limit or the number is malformed.
 */
int quota_set(struct quota *quota, const char *text);

/* The books about one domain. They are made on first use. */
struct account {
	struct account *next;
	domid_t domid;
	domid_t target;		/* the domain it acts for, or DOMID_INVALID */
	struct quota own;	/* its own limits, where ->told says so */
	long nodes;		/* nodes it owns in the live tree */
	uint64_t held_until;	/* ms: its requests wait until then, see account_hold() */
	unsigned int held_times;
	struct budget work;	/* against QUOTA_WORK */
	struct line_budget lines, traces;	/* against QUOTA_LOG_LINES */
	size_t unread;		/* bytes of events that it caused and domain 0 has not taken */
	uint64_t event;		/* the last one of which it was asked whether it may know, */
	bool may_know;		/* and the answer */
};

#define ACCOUNT_BUCKETS	256

struct accounts {
	struct account *bucket[ACCOUNT_BUCKETS];
};

/* account_find - the account of @domid, or NULL when it has none. */
struct account *account_find(const struct accounts *accounts, domid_t domid);

/* account_get - the account of @domid, opened if necessary. NULL without memory. */
struct account *account_get(struct accounts *accounts, domid_t domid);

/* account_close - forget @domid and everybody's right to act for it. */
void account_close(struct accounts *accounts, domid_t domid);

/* accounts_free - forget all. */
void accounts_free(struct accounts *accounts);

/*
 * accounts_reserve - open the accounts that accounts_apply() of @tally will need.
 * Returns 0 or -ENOMEM.
 */
int accounts_reserve(struct accounts *accounts, const struct tally *tally);

/* accounts_apply - book @tally. Cannot fail after accounts_reserve(). */
void accounts_apply(struct accounts *accounts, const struct tally *tally);

/*
 * accounts_spent - all that domains may do in a time, by @quota or by their own limits, is used up
 * as of @now (ms): nobody gains by it that the books about that are lost.
 */
void accounts_spent(struct accounts *accounts, const struct quota *quota, uint64_t now);

/* account_limit - the limit of @kind for @account, which may be NULL: @quota's or its own. */
static inline unsigned long account_limit(const struct account *account, const struct quota *quota,
					  enum quota_kind kind)
{
	return account && account->own.told & 1u << kind ? account->own.limit[kind] :
							    quota->limit[kind];
}

/*
 * account_hold - let the requests of @account wait a while, because a change of its domain made
 * somebody else's transaction fail. The wait doubles while this goes on, up to half a second; a
 * domain that keeps writing can therefore slow down, but not starve, the transactions of others.
 */
void account_hold(struct account *account, uint64_t now);

/*
 * account_work - book @units of work done for a request of @account at the time @now (ms), of which
 * it may cause @limit in a second. What was done beyond that it waits for. So it does, longer and
 * longer, while events that it causes pile up because programs of domain 0 do not take them: they
 * are slow, or it is too quick, and they are not to pay for it with their memory.
 */
void account_work(struct account *account, uint64_t units, unsigned long limit, uint64_t now);

#endif
