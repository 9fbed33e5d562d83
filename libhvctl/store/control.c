// SPDX-License-Identifier: GPL-2.0-or-later

#include "control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "number.h"
#include "path.h"
#include "transaction.h"

struct answer {
	char *text;
	size_t size, used;
	const char *second, *third;	/* arguments, or empty */
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

/* The same for bytes, of which there is room: say() takes its time, and there may be thousands. */
static void put(struct answer *answer, const char *bytes, size_t length)
{
	memcpy(answer->text + answer->used, bytes, length);
	answer->used += length;
	answer->text[answer->used] = '\0';
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

/*
 * Whether a value can stand in a line. If not, who asks reads it by itself: control characters
 * would look like other lines, and one that is too long would leave nothing to go on after.
 */
static bool is_line(const struct node *node)
{
	for (size_t i = 0; i < node->value_length; i++)
		if ((unsigned char)node->value[i] < ' ')
			return false;
	return node->value_length <= XENSTORE_PAYLOAD_MAX / 2;
}

static const struct node *child_called(const struct node *node, const char *name)
{
	for (unsigned int i = 0; i < node->nr_children; i++)
		if (strcmp(node->child[i]->name, name) == 0)
			return node->child[i];
	return NULL;
}

/*
 * What one node below each child of a path has, for those who would ask as many questions as there
 * are domains. An empty line says that these are all, else it goes on behind the last one.
 */
static int do_values(struct client *client, const char *argument, struct answer *answer)
{
	const struct node *node;

	if (!path_valid(argument) || !*answer->second)
		return -EINVAL;
	node = tree_find(&client->store->live, argument);
	if (!node)
		return -ENOENT;
	for (unsigned int i = 0; i < node->nr_children; i++) {
		const struct node *child = node->child[i];
		const struct node *found = child_called(child, answer->second);
		bool whole = found && is_line(found);

		if (!found || strcmp(child->name, answer->third) <= 0)
			continue;
		/* With what may come behind it: '=', the line's end, the last line, a zero. */
		if (answer->used + strlen(child->name) + (whole ? found->value_length : 0) + 4 >
		    answer->size)
			return 0;
		put(answer, child->name, strlen(child->name));
		if (whole)
			put(answer, "=", 1);
		if (whole && found->value)
			put(answer, found->value, found->value_length);
		put(answer, "\n", 1);
	}
	put(answer, "\n", 1);
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
	{ "values", do_values, "<path> <key> [<child>]: <key> below each child behind that one" },
};

static int do_help(struct client *client, const char *argument, struct answer *answer)
{
	(void)client;
	(void)argument;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		say(answer, "%-6s %s\n", commands[i].name, commands[i].help);
	return 0;
}

/* The string behind @at, or an empty one if @at is the last of those that end at @end. */
static const char *next_string(const char *at, const char *end)
{
	if (at < end)
		at += strlen(at) + 1;
	return at < end ? at : "";
}

int control_run(struct client *client, const char *data, size_t length, char *text, size_t size)
{
	struct answer answer = { .text = text, .size = size };
	const char *argument, *rest;

	if (!length || data[length - 1] != '\0')
		return -EINVAL;
	argument = next_string(data, data + length);
	rest = *argument ? argument : data + length;
	answer.second = next_string(rest, data + length);
	rest = *answer.second ? answer.second : data + length;
	answer.third = next_string(rest, data + length);
	text[0] = '\0';
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, data) == 0)
			return commands[i].run(client, argument, &answer);
	return -EINVAL;
}
