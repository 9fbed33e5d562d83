// SPDX-License-Identifier: GPL-2.0-or-later

#include "control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "number.h"
#include "transaction.h"

struct answer {
	char *text;
	size_t size, used;
	const char *second;	/* the second argument, or empty */
};

static void say(struct answer *answer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct answer *answer, const char *format, ...)
{
	size_t left = answer->size - answer->used;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(answer->text + answer->used, left, format, args);
	va_end(args);
	answer->used += (size_t)length < left ? (size_t)length : left - 1;
}

static int do_help(struct client *client, const char *argument, struct answer *answer);

/* The books against the tree. */
static int do_check(struct client *client, const char *argument, struct answer *answer)
{
	const struct store *store = client->store;
	const char *problem = tree_check(&store->live);
	unsigned int wrong = 0;

	(void)argument;
	if (problem) {
		say(answer, "%s\n", problem);
		wrong++;
	}
	for (unsigned int i = 0; i < ACCOUNT_BUCKETS; i++) {
		for (struct account *account = store->accounts.bucket[i]; account;
		     account = account->next) {
			size_t nodes = tree_count(&store->live, account->domid);

			if ((long)nodes == account->nodes)
				continue;
			say(answer, "domain %u owns %zu nodes, %ld are booked\n", account->domid,
			    nodes, account->nodes);
			wrong++;
		}
	}
	say(answer, wrong ? "check failed" : "OK");
	return 0;
}

static int do_log(struct client *client, const char *argument, struct answer *answer)
{
	if (strcmp(argument, "on") == 0)
		client->store->tracing = true;
	else if (strcmp(argument, "off") == 0)
		client->store->tracing = false;
	else if (*argument)
		return -EINVAL;
	say(answer, "log %s", client->store->tracing ? "on" : "off");
	return 0;
}

static int do_print(struct client *client, const char *argument, struct answer *answer)
{
	store_log(client->store, "control: %s", argument);
	say(answer, "OK");
	return 0;
}

/* How much of @kind a domain has now, where that is kept. Returns whether it is. */
static bool used_of(const struct store *store, const struct account *account, enum quota_kind kind,
		    unsigned long *used)
{
	const struct client *client = store->clients;

	while (client && client->domid != account->domid)
		client = client->next;
	switch (kind) {
	case QUOTA_NODES:
		*used = account->nodes;
		return true;
	case QUOTA_WATCHES:
		*used = client ? client->nr_watches : 0;
		return true;
	case QUOTA_TRANSACTIONS:
		*used = client ? client->nr_transactions : 0;
		return true;
	case QUOTA_REQUESTS:
		*used = client ? client->out_replies : 0;
		return true;
	case QUOTA_EVENTS:
		*used = client ? client->out_events : 0;
		return true;
	default:
		return false;
	}
}

static int quota_of_domain(struct client *client, domid_t domid, struct answer *answer)
{
	struct store *store = client->store;
	const struct account *account;
	unsigned long used;

	if (!store->host->is_introduced(store->context, domid))
		return -ENOENT;
	if (*answer->second) {
		int error = quota_tell(store, domid, answer->second);

		if (error)
			return error;
	}
	account = account_get(&store->accounts, domid);
	if (!account)
		return -ENOMEM;
	for (unsigned int i = 0; i < QUOTA_KINDS; i++) {
		say(answer, "%s=%lu", quota_name(i), account_limit(account, &store->quota, i));
		if (account->own.told & 1u << i)
			say(answer, " own");
		if (used_of(store, account, i, &used))
			say(answer, " used=%lu", used);
		say(answer, "\n");
	}
	return 0;
}

static int do_quota(struct client *client, const char *argument, struct answer *answer)
{
	struct store *store = client->store;
	uint64_t domid;
	int error = 0;

	/* Domain 0 has no limits. */
	if (*argument && !number_parse(argument, DOMID_FIRST_RESERVED - 1, &domid))
		return domid ? quota_of_domain(client, domid, answer) : -EINVAL;
	if (*argument)
		error = quota_tell(store, 0, argument);
	for (unsigned int i = 0; i < QUOTA_KINDS && !error; i++)
		say(answer, "%s=%lu\n", quota_name(i), store->quota.limit[i]);
	return error;
}

static int do_stats(struct client *client, const char *argument, struct answer *answer)
{
	const struct store *store = client->store;
	unsigned int clients = 0, transactions = 0;
	size_t output = 0;

	(void)argument;
	for (const struct client *other = store->clients; other; other = other->next) {
		clients++;
		transactions += other->nr_transactions;
		output += other->out_bytes;
	}
	say(answer, "nodes=%zu\nclients=%u\nwatches=%zu\ntransactions=%u\noutput-bytes=%zu\n",
	    tree_count(&store->live, DOMID_INVALID), clients, store->nr_watches, transactions,
	    output);
	say(answer,
	    "requests=%" PRIu64 "\ncommits=%" PRIu64 "\nconflicts=%" PRIu64 "\nevents=%" PRIu64
	    "\n",
	    store->requests, store->commits, store->conflicts, store->events);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct client *client, const char *argument, struct answer *answer);
	const char *help;
} commands[] = {
	{ "help", do_help, "this list" },
	{ "check", do_check, "verify the tree and the books about it" },
	{ "log", do_log, "[on|off]: log every request" },
	{ "print", do_print, "<text>: write a line to the log" },
	{ "quota", do_quota, "[<domid>] [<name>=<number>]: show or set a limit, of all or of one" },
	{ "stats", do_stats, "what the store holds and has done" },
};

static int do_help(struct client *client, const char *argument, struct answer *answer)
{
	(void)client;
	(void)argument;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		say(answer, "%-6s %s\n", commands[i].name, commands[i].help);
	return 0;
}

int control_run(struct client *client, const char *data, size_t length, char *text, size_t size)
{
	struct answer answer = { .text = text, .size = size };
	const char *argument;

	if (!length || data[length - 1] != '\0')
		return -EINVAL;
	/* The argument is the second string, or empty: what follows the payload is a terminator. */
	argument = data + strlen(data) + 1;
	if (argument > data + length)
		return -EINVAL;
	answer.second = argument;
	if (argument < data + length)
		answer.second += strlen(argument) + 1;
	if (answer.second >= data + length)
		answer.second = "";
	text[0] = '\0';
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, data) == 0)
			return commands[i].run(client, argument, &answer);
	return -EINVAL;
}
