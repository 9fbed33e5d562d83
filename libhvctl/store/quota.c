// SPDX-License-Identifier: GPL-2.0-or-later

#include "quota.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"
#include "path.h"

#define HOLD_FIRST_MS	8
#define HOLD_DOUBLINGS	6
#define HOLD_FORGET_MS	5000

/* A limit on work that is next to nothing shall not stop a domain for ever. */
#define HOLD_WORK_MAX_MS	10000

/* Events of one domain that programs of domain 0 may leave lying before it is slowed down. */
#define UNREAD_FREE	(64u << 10)
#define UNREAD_PER_MS	1024u

const struct quota quota_default = {
	.limit = {
		[QUOTA_NODES] = 1000,
		[QUOTA_WATCHES] = 128,
		[QUOTA_TRANSACTIONS] = 10,
		[QUOTA_VALUE] = 2048,
		[QUOTA_PATH] = XENSTORE_ABS_PATH_MAX,
		[QUOTA_PERMS] = 5,
		[QUOTA_REQUESTS] = 20,
		[QUOTA_EVENTS] = 2048,
		[QUOTA_TRANSACTION_NODES] = 1024,
		[QUOTA_TRANSACTION_BYTES] = 256 * 1024,
		[QUOTA_TRANSACTION_CHURN] = 16 * 1024 * 1024,
		[QUOTA_WORK] = 200 * 1000,
		[QUOTA_LOG_LINES] = 20,
	},
};

static const char *const names[QUOTA_KINDS] = {
	[QUOTA_NODES] = "nodes",
	[QUOTA_WATCHES] = "watches",
	[QUOTA_TRANSACTIONS] = "transactions",
	[QUOTA_VALUE] = "value",
	[QUOTA_PATH] = "path",
	[QUOTA_PERMS] = "permissions",
	[QUOTA_REQUESTS] = "requests",
	[QUOTA_EVENTS] = "events",
	[QUOTA_TRANSACTION_NODES] = "transaction-nodes",
	[QUOTA_TRANSACTION_BYTES] = "transaction-bytes",
	[QUOTA_TRANSACTION_CHURN] = "transaction-churn",
	[QUOTA_WORK] = "work",
	[QUOTA_LOG_LINES] = "log-lines",
};

const char *quota_name(enum quota_kind kind)
{
	return names[kind];
}

int quota_set(struct quota *quota, const char *text)
{
	const char *equals = strchr(text, '=');
	uint64_t value;

	if (!equals || number_parse(equals + 1, 1UL << 30, &value))
		return -EINVAL;
	for (unsigned int i = 0; i < QUOTA_KINDS; i++) {
		if (strlen(names[i]) == (size_t)(equals - text) &&
		    memcmp(names[i], text, equals - text) == 0) {
			quota->limit[i] = value;
			quota->told |= 1u << i;
			return 0;
		}
	}
	return -EINVAL;
}

struct account *account_find(const struct accounts *accounts, domid_t domid)
{
	struct account *account = accounts->bucket[domid % ACCOUNT_BUCKETS];

	while (account && account->domid != domid)
		account = account->next;
	return account;
}

struct account *account_get(struct accounts *accounts, domid_t domid)
{
	struct account *account = account_find(accounts, domid);

	if (account)
		return account;
	account = calloc(1, sizeof(*account));
	if (!account)
		return NULL;
	account->domid = domid;
	account->target = DOMID_INVALID;
	account->next = accounts->bucket[domid % ACCOUNT_BUCKETS];
	accounts->bucket[domid % ACCOUNT_BUCKETS] = account;
	return account;
}

void account_close(struct accounts *accounts, domid_t domid)
{
	for (unsigned int i = 0; i < ACCOUNT_BUCKETS; i++) {
		struct account **slot = &accounts->bucket[i];

		while (*slot) {
			struct account *account = *slot;

			if (account->target == domid)
				account->target = DOMID_INVALID;
			if (account->domid == domid) {
				*slot = account->next;
				free(account);
			} else {
				slot = &account->next;
			}
		}
	}
}

void accounts_free(struct accounts *accounts)
{
	for (unsigned int i = 0; i < ACCOUNT_BUCKETS; i++) {
		while (accounts->bucket[i]) {
			struct account *account = accounts->bucket[i];

			accounts->bucket[i] = account->next;
			free(account);
		}
	}
}

int accounts_reserve(struct accounts *accounts, const struct tally *tally)
{
	for (unsigned int i = 0; i < tally->count; i++)
		if (!account_get(accounts, tally->entry[i].domid))
			return -ENOMEM;
	return 0;
}

void accounts_apply(struct accounts *accounts, const struct tally *tally)
{
	for (unsigned int i = 0; i < tally->count; i++)
		account_find(accounts, tally->entry[i].domid)->nodes += tally->entry[i].nodes;
}

static void hold_until(struct account *account, uint64_t until)
{
	if (account->held_until < until)
		account->held_until = until;
}

void account_work(struct account *account, uint64_t units, unsigned long limit, uint64_t now)
{
	const struct budget_rate rate = { .burst = limit, .period = 1000 };
	uint64_t wait = budget_spend(&account->work, &rate, units, now);

	if (wait > HOLD_WORK_MAX_MS)
		wait = HOLD_WORK_MAX_MS;
	if (wait)
		hold_until(account, now + wait);
	if (account->unread > UNREAD_FREE)
		hold_until(account, now + account->unread / UNREAD_PER_MS);
}

static void spend(struct budget *budget, uint64_t burst, uint64_t period, uint64_t now)
{
	budget_spend(budget, &(struct budget_rate){ burst, period }, burst, now);
}

void accounts_spent(struct accounts *accounts, const struct quota *quota, uint64_t now)
{
	for (unsigned int i = 0; i < ACCOUNT_BUCKETS; i++) {
		for (struct account *at = accounts->bucket[i]; at; at = at->next) {
			unsigned long lines = account_limit(at, quota, QUOTA_LOG_LINES);

			spend(&at->work, account_limit(at, quota, QUOTA_WORK), 1000, now);
			spend(&at->lines.budget, lines, 60 * 1000, now);
			spend(&at->traces.budget, lines * QUOTA_TRACE_LINES, 60 * 1000, now);
		}
	}
}

void account_hold(struct account *account, uint64_t now)
{
	if (now > account->held_until + HOLD_FORGET_MS)
		account->held_times = 0;
	hold_until(account, now + (HOLD_FIRST_MS << account->held_times));
	if (account->held_times < HOLD_DOUBLINGS)
		account->held_times++;
}
