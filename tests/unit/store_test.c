// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c libhvctl/store/tree.c
// sources: libhvctl/store/quota.c libhvctl/store/watch.c libhvctl/store/transaction.c libhvctl/store/store.c
// sources: libhvctl/store/control.c libhvctl/store/protocol.c libhvctl/store/ring.c libhvctl/store/connection.c
/*
 * The store daemon without its devices: the same files, fed with messages and with hostile ring pages. Transactions
 * run at random against a model that knows nothing but how to do one request after the other: every
 * transaction that commits must have got the replies it would have got at that very moment, and one that fails must
 * have changed nothing. HVSTORE_TEST_SEED=n repeats a run.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libhvctl/store/connection.h"
#include "libhvctl/store/control.h"
#include "libhvctl/store/path.h"
#include "libhvctl/store/protocol.h"
#include "libhvctl/store/ring.h"
#include "libhvctl/store/store.h"

/* ------------------------------------------------------------------------------------------------
 * A store and its surroundings
 */

static struct store *store;
static uint64_t fake_now;
static unsigned int introduced, released;	/* calls */
static unsigned int outputs;

static int fake_introduce(void *context, domid_t domid, uint64_t frame, uint32_t port, bool *fresh)
{
	(void)context;
	(void)frame;
	(void)port;
	introduced++;
	*fresh = domid != 7;
	return domid == 9 ? -EINVAL : 0;
}

static int fake_release(void *context, domid_t domid)
{
	(void)context;
	released++;
	return domid == 9 ? -ENOENT : 0;
}

static int fake_resume(void *context, domid_t domid)
{
	(void)context;
	return domid == 9 ? -ENOENT : 0;
}

static bool fake_is_introduced(void *context, domid_t domid)
{
	(void)context;
	return domid < 9;
}

static void fake_output(void *context, struct client *client)
{
	(void)context;
	(void)client;
	outputs++;
}

static uint64_t get_fake_now(void *context)
{
	(void)context;
	return fake_now;
}

static const struct store_host fake_host = {
	.introduce = fake_introduce,
	.release = fake_release,
	.resume = fake_resume,
	.is_introduced = fake_is_introduced,
	.output = fake_output,
	.now = get_fake_now,
};

static void begin(void)
{
	fake_now = 1000;
	store = store_new(&fake_host, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(store);
}

/* The tree is well formed and the books agree with it. */
static void check_store(struct client *dom0)
{
	char text[XENSTORE_PAYLOAD_MAX];

	CU_ASSERT_EQUAL(control_run(dom0, "check", 6, text, sizeof(text)), 0);
	CU_ASSERT_STRING_EQUAL(text, "OK");
}

static void end(struct client *dom0)
{
	check_store(dom0);
	while (store->clients)
		client_free(store->clients);
	CU_ASSERT_EQUAL(store->nr_watches, 0);
	CU_ASSERT_EQUAL(store->watch_points.nr_entries, 0);
	store_free(store);
}

static uint32_t seed;

static uint32_t chance(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

/* ------------------------------------------------------------------------------------------------
 * Talking to it
 */

struct reply {
	uint32_t type, req_id, tx_id;
	size_t length;
	char data[XENSTORE_PAYLOAD_MAX + 1];	/* with a terminator behind */
};

/* The next message for @client, in pieces as a ring would take it. False if there is none. */
static bool next_message(struct client *client, struct reply *reply)
{
	char raw[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
	struct xsd_sockmsg header;
	const char *data;
	size_t have = 0, length, total = sizeof(header);

	if (!client_output(client, &length))
		return false;
	while (have < total) {
		data = client_output(client, &length);
		CU_ASSERT_PTR_NOT_NULL_FATAL(data);
		if (length > total - have)
			length = total - have;
		if (length > 1)
			length = 1 + chance(length);
		memcpy(raw + have, data, length);
		have += length;
		client_sent(client, length);
		if (have == sizeof(header)) {
			memcpy(&header, raw, sizeof(header));
			total += header.len;
		}
	}
	reply->type = header.type;
	reply->req_id = header.req_id;
	reply->tx_id = header.tx_id;
	reply->length = header.len;
	memcpy(reply->data, raw + sizeof(header), header.len);
	reply->data[header.len] = '\0';
	return true;
}

/* Send a message, in pieces. */
static void tell(struct client *client, uint32_t type, uint32_t tx, const void *payload, size_t length)
{
	static uint32_t req_id;
	struct inbox inbox = { 0 };
	struct xsd_sockmsg header = { .type = type, .req_id = ++req_id, .tx_id = tx, .len = length };
	char raw[sizeof(header) + XENSTORE_PAYLOAD_MAX];
	size_t sent = 0, wanted;
	int complete = 0;

	memcpy(raw, &header, sizeof(header));
	if (length)
		memcpy(raw + sizeof(header), payload, length);
	while (!complete) {
		char *space = inbox_space(&inbox, &wanted);

		if (wanted > 1)
			wanted = 1 + chance(wanted);
		CU_ASSERT_FATAL(sent + wanted <= sizeof(header) + length);
		memcpy(space, raw + sent, wanted);
		sent += wanted;
		complete = inbox_add(&inbox, wanted);
	}
	CU_ASSERT_EQUAL(complete, 1);
	CU_ASSERT_EQUAL(sent, sizeof(header) + length);
	CU_ASSERT_EQUAL(protocol_handle(client, &inbox), 0);
}

/* Send a request and return its reply; events that come first are dropped. */
static struct reply last;

static const char *ask(struct client *client, uint32_t type, uint32_t tx, const void *payload, size_t length)
{
	tell(client, type, tx, payload, length);
	do {
		if (!next_message(client, &last)) {
			CU_FAIL("no reply");
			return "";
		}
	} while (last.type == XS_WATCH_EVENT);
	CU_ASSERT(last.type == type || last.type == XS_ERROR);
	CU_ASSERT_EQUAL(last.tx_id, tx);
	return last.data;
}

/* The same for a text as payload, whose '|' stand for terminators. */
static size_t encode(char *out, const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		out[i] = text[i] == '|' ? '\0' : text[i];
	return length;
}

static const char *ask_text(struct client *client, uint32_t type, uint32_t tx, const char *text)
{
	char payload[XENSTORE_PAYLOAD_MAX];

	return ask(client, type, tx, payload, encode(payload, text));
}

/* Whether the reply, with its terminators shown as '|', is @want. */
static bool replies(struct client *client, uint32_t type, uint32_t tx, const char *text, const char *want)
{
	char shown[XENSTORE_PAYLOAD_MAX + 1];

	ask_text(client, type, tx, text);
	for (size_t i = 0; i < last.length; i++)
		shown[i] = last.data[i] ? last.data[i] : '|';
	shown[last.length] = '\0';
	if (strcmp(shown, want) == 0)
		return true;
	printf("\n    %s: got %s, expected %s ", text, shown, want);
	return false;
}

#define REPLIES(client, type, text, want)	CU_ASSERT(replies(client, type, 0, text, want))
#define REPLIES_TX(client, type, tx, text, want) CU_ASSERT(replies(client, type, tx, text, want))

static uint32_t start(struct client *client)
{
	uint32_t id = strtoul(ask_text(client, XS_TRANSACTION_START, 0, "|"), NULL, 10);

	CU_ASSERT_EQUAL(last.type, XS_TRANSACTION_START);
	CU_ASSERT_NOT_EQUAL(id, 0);
	return id;
}

/* All events that wait for @client, as "path=token " each. */
static const char *events(struct client *client)
{
	static char list[1 << 16];
	struct reply reply;
	size_t used = 0;

	list[0] = '\0';
	while (next_message(client, &reply)) {
		CU_ASSERT_EQUAL(reply.type, XS_WATCH_EVENT);
		CU_ASSERT_EQUAL(reply.req_id, 0);
		used += snprintf(list + used, sizeof(list) - used, "%s=%s ", reply.data,
				 reply.data + strlen(reply.data) + 1);
	}
	return list;
}

#define EVENTS(client, want)			\
	do {					\
		const char *got = events(client);	\
		if (strcmp(got, want) != 0)	\
			printf("\n    events: got %s, expected %s ", got, want);	\
		CU_ASSERT_STRING_EQUAL(got, want);	\
	} while (0)

/* ------------------------------------------------------------------------------------------------
 * Paths and messages
 */

static void test_paths(void)
{
	static const char *const good[] = { "/", "/a", "/a/b-c_d@e/F9" };
	static const char *const bad[] = { "", "a", "//", "/a/", "/a//b", "/a b", "/a\x80", "/a.b", "/a\n" };
	char path[PATH_BUFFER], text[XENSTORE_ABS_PATH_MAX + 8];
	size_t prefix, length;
	const char *cursor, *name;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CU_ASSERT(path_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_FALSE(path_valid(bad[i]));

	CU_ASSERT_EQUAL(path_canonical("data/x", 5, path, &prefix), 0);
	CU_ASSERT_STRING_EQUAL(path, "/local/domain/5/data/x");
	CU_ASSERT_EQUAL(prefix, strlen("/local/domain/5/"));
	CU_ASSERT_EQUAL(path_canonical("", 5, path, NULL), -EINVAL);
	CU_ASSERT_EQUAL(path_canonical("@releaseDomain/", 5, path, NULL), -EINVAL);

	memset(text, 'x', sizeof(text));
	text[0] = '/';
	text[XENSTORE_ABS_PATH_MAX] = '\0';
	CU_ASSERT_EQUAL(path_canonical(text, 0, path, NULL), 0);
	text[XENSTORE_ABS_PATH_MAX] = 'x';
	text[XENSTORE_ABS_PATH_MAX + 1] = '\0';
	CU_ASSERT_EQUAL(path_canonical(text, 0, path, NULL), -EINVAL);
	text[0] = 'x';
	text[XENSTORE_REL_PATH_MAX] = '\0';
	CU_ASSERT_EQUAL(path_canonical(text, 32751, path, NULL), 0);
	text[XENSTORE_REL_PATH_MAX] = 'x';
	text[XENSTORE_REL_PATH_MAX + 1] = '\0';
	CU_ASSERT_EQUAL(path_canonical(text, 1, path, NULL), -EINVAL);

	CU_ASSERT_EQUAL(path_parent_length("/"), 0);
	CU_ASSERT_EQUAL(path_parent_length("/a"), 1);
	CU_ASSERT_EQUAL(path_parent_length("/a/b"), 2);
	cursor = "/ab/c";
	name = path_next(&cursor, &length);
	CU_ASSERT(length == 2 && strncmp(name, "ab", 2) == 0);
	name = path_next(&cursor, &length);
	CU_ASSERT(length == 1 && *name == 'c');
	CU_ASSERT_PTR_NULL(path_next(&cursor, &length));
}

static void test_malformed(void)
{
	struct client *dom0, *guest;
	struct inbox inbox = { 0 };
	struct xsd_sockmsg header = { .type = XS_READ, .len = XENSTORE_PAYLOAD_MAX + 1 };
	char payload[XENSTORE_PAYLOAD_MAX];
	size_t wanted;

	begin();
	dom0 = client_new(store, 0, NULL);
	guest = client_new(store, 1, NULL);

	CU_ASSERT_EQUAL(inbox_space(&inbox, &wanted) - inbox.data, 0);
	CU_ASSERT_EQUAL(wanted, sizeof(header));
	memcpy(inbox.data, &header, sizeof(header));
	CU_ASSERT_EQUAL(inbox_add(&inbox, sizeof(header)), -EMSGSIZE);

	/* Strings without a terminator, too few, too many. */
	REPLIES(dom0, XS_READ, "", "EINVAL|");
	REPLIES(dom0, XS_READ, "/", "EINVAL|");
	REPLIES(dom0, XS_READ, "/|/|", "EINVAL|");
	REPLIES(dom0, XS_DIRECTORY, "/|x", "EINVAL|");
	REPLIES(dom0, XS_WRITE, "/a", "EINVAL|");
	REPLIES(dom0, XS_WRITE, "|x", "EINVAL|");
	REPLIES(dom0, XS_WATCH, "/a|", "EINVAL|");
	REPLIES(dom0, XS_WATCH, "/a|t|u|", "EINVAL|");
	REPLIES(dom0, XS_WATCH, "@somethingElse|t|", "EINVAL|");
	REPLIES(dom0, XS_UNWATCH, "/a|t|", "ENOENT|");
	REPLIES(dom0, XS_SET_PERMS, "/|", "EINVAL|");
	REPLIES(dom0, XS_SET_PERMS, "/|x0|", "EINVAL|");
	REPLIES(dom0, XS_SET_PERMS, "/|r|", "EINVAL|");
	REPLIES(dom0, XS_SET_PERMS, "/|r1x|", "EINVAL|");
	REPLIES(dom0, XS_SET_PERMS, "/|r-1|", "EINVAL|");
	REPLIES(dom0, XS_SET_PERMS, "/|r32752|", "EINVAL|");
	REPLIES(dom0, XS_SET_PERMS, "/|r18446744073709551616|", "EINVAL|");
	REPLIES(dom0, XS_SET_PERMS, "/|r0|b1", "EINVAL|");
	REPLIES(dom0, XS_DIRECTORY_PART, "/|-1|", "EINVAL|");
	REPLIES(dom0, XS_DIRECTORY_PART, "/|4294967296|", "EINVAL|");
	REPLIES(dom0, XS_TRANSACTION_END, "X|", "EINVAL|");
	REPLIES(dom0, XS_TRANSACTION_END, "T|", "ENOENT|");
	REPLIES_TX(dom0, XS_READ, 77, "/|", "ENOENT|");
	REPLIES_TX(dom0, XS_TRANSACTION_START, 1, "|", "EBUSY|");
	REPLIES(dom0, XS_INTRODUCE, "1|2|", "EINVAL|");
	REPLIES(dom0, XS_INTRODUCE, "0|2|3|", "EINVAL|");
	REPLIES(dom0, XS_INTRODUCE, "1|2|0|", "EINVAL|");
	REPLIES(dom0, XS_INTRODUCE, "1|0x2|3|", "EINVAL|");
	REPLIES(dom0, XS_GET_DOMAIN_PATH, "99999|", "EINVAL|");
	REPLIES(dom0, XS_CONTROL, "", "EINVAL|");
	REPLIES(dom0, XS_CONTROL, "nonsense|", "EINVAL|");
	REPLIES(dom0, XS_CONTROL, "quota|nodes=|", "EINVAL|");
	REPLIES(dom0, XS_WATCH_EVENT, "/|x|", "ENOSYS|");
	REPLIES(dom0, XS_ERROR, "EINVAL|", "ENOSYS|");
	REPLIES(dom0, 20, "|", "ENOSYS|");	/* a type that was once there */
	REPLIES(dom0, 0xffff, "|", "ENOSYS|");
	REPLIES(dom0, 0x80000000, "|", "ENOSYS|");

	/* What only domain 0 may. */
	REPLIES(guest, XS_INTRODUCE, "2|3|4|", "EACCES|");
	REPLIES(guest, XS_RELEASE, "2|", "EACCES|");
	REPLIES(guest, XS_RESUME, "1|", "EACCES|");
	REPLIES(guest, XS_SET_TARGET, "1|0|", "EACCES|");
	REPLIES(guest, XS_CONTROL, "check|", "EACCES|");
	REPLIES(guest, XS_SET_PERMS, "@releaseDomain|r1|", "EACCES|");
	CU_ASSERT_EQUAL(introduced, 0);

	/* A token that could not be sent back with every path. */
	memset(payload, 'x', sizeof(payload));
	payload[0] = '/';
	payload[1] = '\0';
	payload[sizeof(payload) - 1] = '\0';
	CU_ASSERT_STRING_EQUAL(ask(dom0, XS_WATCH, 0, payload, sizeof(payload)), "E2BIG");

	CU_ASSERT_EQUAL(tree_count(&store->live, DOMID_INVALID), 1);
	end(dom0);
}

/* A guest that sends whatever comes to mind harms nobody, and domain 0's things stay as they are. */
static void test_storm(void)
{
	static const char *const piece[] = {
		"/", "a", "/local/domain/1/", "secret", "/secret", "data", "@releaseDomain", "T", "F", "1", "0", "r1", "b0",
		"n1", "w2", "4294967295", "|", "|", "|", "|", "x/y", "//", "token", "-",
	};
	struct client *dom0, *guest;
	char text[512], payload[512];
	struct reply reply;

	begin();
	dom0 = client_new(store, 0, NULL);
	guest = client_new(store, 1, NULL);
	REPLIES(dom0, XS_WRITE, "/secret/key|42", "OK|");
	REPLIES(dom0, XS_MKDIR, "/local/domain/1|", "OK|");
	REPLIES(dom0, XS_SET_PERMS, "/local/domain/1|n1|", "OK|");

	for (unsigned int round = 0; round < 100000; round++) {
		size_t length = 0;

		text[0] = '\0';
		for (unsigned int i = chance(7); i; i--)
			strcat(text, piece[chance(sizeof(piece) / sizeof(piece[0]))]);
		length = encode(payload, text);
		if (length && chance(20) == 0)
			payload[chance(length)] = chance(256);
		tell(guest, chance(XS_TYPE_COUNT + 2), chance(3) ? 0 : chance(60), payload, length);
		while (chance(4) && next_message(guest, &reply))
			CU_ASSERT(reply.length <= XENSTORE_PAYLOAD_MAX);
		if (round % 5000 == 0)
			check_store(dom0);
	}
	REPLIES(dom0, XS_READ, "/secret/key|", "42");
	REPLIES(dom0, XS_DIRECTORY, "/|", "local|secret|");
	CU_ASSERT(guest->nr_watches <= quota_default.limit[QUOTA_WATCHES]);
	CU_ASSERT(guest->nr_transactions <= quota_default.limit[QUOTA_TRANSACTIONS]);
	CU_ASSERT((unsigned long)tree_count(&store->live, 1) <= quota_default.limit[QUOTA_NODES]);
	end(dom0);
}

/* ------------------------------------------------------------------------------------------------
 * Nodes and permissions
 */

static void test_nodes(void)
{
	struct client *dom0;
	char payload[XENSTORE_PAYLOAD_MAX];

	begin();
	dom0 = client_new(store, 0, NULL);
	REPLIES(dom0, XS_DIRECTORY, "/|", "");
	REPLIES(dom0, XS_READ, "/a|", "ENOENT|");
	REPLIES(dom0, XS_WRITE, "/a/b/c|value", "OK|");
	REPLIES(dom0, XS_READ, "/a/b/c|", "value");
	REPLIES(dom0, XS_READ, "/a/b|", "");
	REPLIES(dom0, XS_WRITE, "/a/b/c|x|y|", "OK|");
	REPLIES(dom0, XS_READ, "/a/b/c|", "x|y|");
	REPLIES(dom0, XS_WRITE, "/a/b/c|", "OK|");
	REPLIES(dom0, XS_READ, "/a/b/c|", "");
	REPLIES(dom0, XS_WRITE, "/a/bb|1", "OK|");
	REPLIES(dom0, XS_WRITE, "/a/B|1", "OK|");
	REPLIES(dom0, XS_WRITE, "/a/b-|1", "OK|");
	REPLIES(dom0, XS_DIRECTORY, "/a|", "B|b|b-|bb|");
	REPLIES(dom0, XS_MKDIR, "/a/b|", "OK|");
	REPLIES(dom0, XS_DIRECTORY, "/a/b|", "c|");
	REPLIES(dom0, XS_RM, "/|", "EINVAL|");
	REPLIES(dom0, XS_RM, "/a/none|", "OK|");
	REPLIES(dom0, XS_RM, "/none/x|", "ENOENT|");
	REPLIES(dom0, XS_RM, "/a/b|", "OK|");
	REPLIES(dom0, XS_READ, "/a/b/c|", "ENOENT|");
	REPLIES(dom0, XS_DIRECTORY, "/a|", "B|b-|bb|");
	REPLIES(dom0, XS_WRITE, "rel|1", "OK|");
	REPLIES(dom0, XS_READ, "/local/domain/0/rel|", "1");

	/* The longest value there can be. */
	memcpy(payload, "/v", 3);
	memset(payload + 3, 0xa5, sizeof(payload) - 3);
	ask(dom0, XS_WRITE, 0, payload, sizeof(payload));
	CU_ASSERT_EQUAL(last.type, XS_WRITE);
	ask_text(dom0, XS_READ, 0, "/v|");
	CU_ASSERT_EQUAL(last.length, sizeof(payload) - 3);
	CU_ASSERT_EQUAL(memcmp(last.data, payload + 3, last.length), 0);
	end(dom0);
}

static void test_long_directory(void)
{
	enum { CHILDREN = 700 };
	struct client *dom0;
	char text[64], gen[24] = "";
	bool seen[CHILDREN] = { false };
	unsigned int count = 0, parts = 0;
	size_t offset = 0;
	bool done = false;

	begin();
	dom0 = client_new(store, 0, NULL);
	for (unsigned int i = 0; i < CHILDREN; i++) {
		snprintf(text, sizeof(text), "/many/child-%u|", i);
		REPLIES(dom0, XS_MKDIR, text, "OK|");
	}
	REPLIES(dom0, XS_DIRECTORY, "/many|", "E2BIG|");
	while (!done && parts < 100) {
		const char *at;

		snprintf(text, sizeof(text), "/many|%zu|", offset);
		ask_text(dom0, XS_DIRECTORY_PART, 0, text);
		CU_ASSERT_EQUAL_FATAL(last.type, XS_DIRECTORY_PART);
		if (parts++)
			CU_ASSERT_STRING_EQUAL(gen, last.data);
		snprintf(gen, sizeof(gen), "%.20s", last.data);
		for (at = last.data + strlen(last.data) + 1; at < last.data + last.length; at += strlen(at) + 1) {
			unsigned int number;

			if (!*at) {
				done = true;
				CU_ASSERT_PTR_EQUAL(at + 1, last.data + last.length);
				break;
			}
			CU_ASSERT_EQUAL(sscanf(at, "child-%u", &number), 1);
			CU_ASSERT_FALSE(seen[number]);
			seen[number] = true;
			count++;
			offset += strlen(at) + 1;
		}
	}
	CU_ASSERT(done);
	CU_ASSERT(parts > 1);
	CU_ASSERT_EQUAL(count, CHILDREN);
	/* Beyond the end there is only the end; and the generation tells of changes to the list. */
	snprintf(text, sizeof(text), "/many|%zu|", offset + 5);
	ask_text(dom0, XS_DIRECTORY_PART, 0, text);
	CU_ASSERT_EQUAL(last.length, strlen(gen) + 2);
	REPLIES(dom0, XS_RM, "/many/child-3|", "OK|");
	ask_text(dom0, XS_DIRECTORY_PART, 0, "/many|0|");
	CU_ASSERT_STRING_NOT_EQUAL(gen, last.data);
	end(dom0);
}

static void test_permissions(void)
{
	struct client *dom0, *one, *two;

	begin();
	dom0 = client_new(store, 0, NULL);
	one = client_new(store, 1, NULL);
	two = client_new(store, 2, NULL);
	REPLIES(dom0, XS_GET_PERMS, "/|", "n0|");
	REPLIES(one, XS_DIRECTORY, "/|", "EACCES|");
	REPLIES(one, XS_READ, "/none|", "EACCES|");
	REPLIES(one, XS_WRITE, "/mine|x", "EACCES|");

	REPLIES(dom0, XS_WRITE, "/d|v", "OK|");
	REPLIES(dom0, XS_SET_PERMS, "/d|n0|r1|w2|b3|", "OK|");
	REPLIES(dom0, XS_GET_PERMS, "/d|", "n0|r1|w2|b3|");
	REPLIES(one, XS_READ, "/d|", "v");
	REPLIES(one, XS_READ, "/d/none|", "ENOENT|");
	REPLIES(one, XS_WRITE, "/d|x", "EACCES|");
	REPLIES(one, XS_RM, "/d|", "EACCES|");
	REPLIES(one, XS_MKDIR, "/d/e|", "EACCES|");
	REPLIES(one, XS_SET_PERMS, "/d|b1|", "EACCES|");
	REPLIES(two, XS_READ, "/d|", "EACCES|");
	REPLIES(two, XS_GET_PERMS, "/d|", "EACCES|");
	REPLIES(two, XS_WRITE, "/d|by two", "OK|");
	REPLIES(dom0, XS_READ, "/d|", "by two");

	/* A guest owns what it creates; the rest of the permissions is inherited. Domain 0 leaves the owner. */
	REPLIES(two, XS_WRITE, "/d/e/f|x", "OK|");
	REPLIES(dom0, XS_GET_PERMS, "/d/e|", "n2|r1|w2|b3|");
	REPLIES(dom0, XS_GET_PERMS, "/d/e/f|", "n2|r1|w2|b3|");
	REPLIES(two, XS_READ, "/d/e/f|", "x");
	REPLIES(dom0, XS_WRITE, "/d/e/g|x", "OK|");
	REPLIES(dom0, XS_GET_PERMS, "/d/e/g|", "n2|r1|w2|b3|");

	/* The owner may share, but not give away. */
	REPLIES(two, XS_SET_PERMS, "/d/e|r2|", "OK|");
	REPLIES(one, XS_DIRECTORY, "/d/e|", "f|g|");
	REPLIES(two, XS_SET_PERMS, "/d/e|r1|", "EPERM|");
	REPLIES(two, XS_SET_PERMS, "/d/none|r2|", "ENOENT|");
	REPLIES(dom0, XS_SET_PERMS, "/d/e|r1|", "OK|");
	REPLIES(two, XS_SET_PERMS, "/d/e|r2|", "EACCES|");
	CU_ASSERT_EQUAL(account_find(&store->accounts, 2)->nodes, 2);
	CU_ASSERT_EQUAL(account_find(&store->accounts, 1)->nodes, 1);

	/* A domain that acts for another has its rights, until that one is gone. */
	REPLIES(two, XS_RM, "/d/e|", "EACCES|");
	REPLIES(dom0, XS_SET_TARGET, "2|1|", "OK|");
	REPLIES(two, XS_SET_PERMS, "/d/e|r1|", "OK|");
	REPLIES(dom0, XS_SET_TARGET, "2|10|", "ENOENT|");
	client_free(one);
	CU_ASSERT_EQUAL(store_domain_gone(store, 1), 0);
	REPLIES(dom0, XS_GET_PERMS, "/d|", "n0|w2|b3|");
	REPLIES(dom0, XS_GET_PERMS, "/d/e|", "r0|");
	REPLIES(two, XS_SET_PERMS, "/d/e|r1|", "EACCES|");
	one = client_new(store, 1, NULL);
	REPLIES(one, XS_READ, "/d|", "EACCES|");
	end(dom0);
}

static void test_domains(void)
{
	struct client *dom0, *one;

	begin();
	introduced = released = 0;
	dom0 = client_new(store, 0, NULL);
	one = client_new(store, 1, NULL);
	REPLIES(dom0, XS_WATCH, "@introduceDomain|in|", "OK|");
	REPLIES(dom0, XS_WATCH, "@releaseDomain|out|", "OK|");
	REPLIES(one, XS_WATCH, "@introduceDomain|spy|", "OK|");
	EVENTS(dom0, "@releaseDomain=out ");
	EVENTS(one, "@introduceDomain=spy ");

	REPLIES(dom0, XS_INTRODUCE, "5|1234|6|", "OK|");
	EVENTS(dom0, "@introduceDomain=in ");
	EVENTS(one, "");
	REPLIES(dom0, XS_INTRODUCE, "7|1234|6|", "OK|");
	EVENTS(dom0, "");
	REPLIES(dom0, XS_INTRODUCE, "9|1234|6|", "EINVAL|");
	CU_ASSERT_EQUAL(introduced, 3);
	REPLIES(dom0, XS_IS_DOMAIN_INTRODUCED, "5|", "T|");
	REPLIES(one, XS_IS_DOMAIN_INTRODUCED, "10|", "F|");
	REPLIES(one, XS_GET_DOMAIN_PATH, "5|", "/local/domain/5|");
	REPLIES(dom0, XS_RESUME, "5|", "OK|");
	REPLIES(dom0, XS_RESUME, "9|", "ENOENT|");
	REPLIES(dom0, XS_RELEASE, "9|", "ENOENT|");
	EVENTS(dom0, "");
	REPLIES(dom0, XS_RELEASE, "5|", "OK|");
	EVENTS(dom0, "@releaseDomain=out ");
	CU_ASSERT_EQUAL(released, 2);

	/* Who may know of it can be changed. */
	REPLIES(dom0, XS_GET_PERMS, "@introduceDomain|", "n0|");
	REPLIES(dom0, XS_SET_PERMS, "@introduceDomain|n0|r1|", "OK|");
	REPLIES(dom0, XS_GET_PERMS, "@introduceDomain|", "n0|r1|");
	REPLIES(dom0, XS_INTRODUCE, "5|1234|6|", "OK|");
	EVENTS(one, "@introduceDomain=spy ");
	REPLIES(one, XS_UNWATCH, "@introduceDomain|spy|", "OK|");
	REPLIES(dom0, XS_INTRODUCE, "5|1234|6|", "OK|");
	EVENTS(one, "");
	end(dom0);
}

/* ------------------------------------------------------------------------------------------------
 * Watches
 */

static void test_watches(void)
{
	struct client *dom0, *other, *guest;
	uint32_t tx;

	begin();
	dom0 = client_new(store, 0, NULL);
	other = client_new(store, 0, NULL);
	guest = client_new(store, 1, NULL);
	REPLIES(dom0, XS_WRITE, "/a/b/c|1", "OK|");

	REPLIES(other, XS_WATCH, "/a/b|t|", "OK|");
	EVENTS(other, "/a/b=t ");
	REPLIES(other, XS_WATCH, "/a/b|t|", "EEXIST|");
	REPLIES(other, XS_WATCH, "/a/b|u|", "OK|");
	EVENTS(other, "/a/b=u ");
	REPLIES(other, XS_UNWATCH, "/a/b|u|", "OK|");
	REPLIES(other, XS_UNWATCH, "/a/b|u|", "ENOENT|");

	/* At the node, below it, not above or beside it. */
	REPLIES(dom0, XS_WRITE, "/a/b|1", "OK|");
	EVENTS(other, "/a/b=t ");
	REPLIES(dom0, XS_WRITE, "/a/b/c/d/e|1", "OK|");
	EVENTS(other, "/a/b/c/d/e=t ");
	REPLIES(dom0, XS_MKDIR, "/a/b/m|", "OK|");
	EVENTS(other, "/a/b/m=t ");
	REPLIES(dom0, XS_MKDIR, "/a/b/m|", "OK|");
	EVENTS(other, "");
	REPLIES(dom0, XS_SET_PERMS, "/a/b/m|r0|", "OK|");
	EVENTS(other, "/a/b/m=t ");
	REPLIES(dom0, XS_WRITE, "/a|1", "OK|");
	REPLIES(dom0, XS_WRITE, "/a/bb|1", "OK|");
	REPLIES(dom0, XS_RM, "/a/none|", "OK|");
	REPLIES(dom0, XS_READ, "/a/b|", "1");
	EVENTS(other, "");

	/* What goes with its parent is reported to those who watch exactly it. */
	REPLIES(other, XS_WATCH, "/a/b/c/d|deep|", "OK|");
	EVENTS(other, "/a/b/c/d=deep ");
	REPLIES(dom0, XS_RM, "/a|", "OK|");
	EVENTS(other, "/a/b=t /a/b/c/d=deep ");

	/* A watch on a node that is not there waits for it. */
	REPLIES(dom0, XS_WRITE, "/a/b/c/d|1", "OK|");
	EVENTS(other, "/a/b/c/d=t /a/b/c/d=deep ");

	/* Equal events are told once, until the first has begun to leave; others keep their order. */
	REPLIES(dom0, XS_WRITE, "/a/b|1", "OK|");
	REPLIES(dom0, XS_WRITE, "/a/b/x|1", "OK|");
	REPLIES(dom0, XS_WRITE, "/a/b|2", "OK|");
	client_sent(other, 1);
	REPLIES(dom0, XS_WRITE, "/a/b|3", "OK|");
	REPLIES(dom0, XS_WRITE, "/a/b/x|3", "OK|");
	client_sent(other, sizeof(struct xsd_sockmsg) + 7 - 1);
	EVENTS(other, "/a/b/x=t /a/b=t ");

	/* Relative watches report relative paths. */
	REPLIES(dom0, XS_WRITE, "/local/domain/1/data|1", "OK|");
	REPLIES(dom0, XS_SET_PERMS, "/local/domain/1|n1|", "OK|");
	REPLIES(dom0, XS_SET_PERMS, "/local/domain/1/data|n1|", "OK|");
	REPLIES(guest, XS_WATCH, "data|rel|", "OK|");
	REPLIES(guest, XS_WATCH, "/local/domain/1/data|abs|", "OK|");
	events(guest);
	REPLIES(dom0, XS_WRITE, "/local/domain/1/data/x|1", "OK|");
	EVENTS(guest, "/local/domain/1/data/x=abs data/x=rel ");

	/* Nobody hears of what it may not read. */
	REPLIES(guest, XS_WATCH, "/a|spy|", "OK|");
	REPLIES(guest, XS_WATCH, "/|spy|", "OK|");
	events(guest);
	REPLIES(dom0, XS_WRITE, "/a/b|4", "OK|");
	REPLIES(dom0, XS_RM, "/a/b/x|", "OK|");
	EVENTS(guest, "");
	REPLIES(dom0, XS_SET_PERMS, "/a/b|n0|r1|", "OK|");
	EVENTS(guest, "/a/b=spy ");
	REPLIES(dom0, XS_WRITE, "/a/b/hidden|1", "OK|");
	events(guest);
	REPLIES(dom0, XS_SET_PERMS, "/a/b|n0|", "OK|");
	EVENTS(guest, "/a/b=spy ");
	events(other);

	/* A transaction is heard of when it commits, and only then. */
	tx = start(dom0);
	REPLIES_TX(dom0, XS_WRITE, tx, "/a/b/t1|1", "OK|");
	REPLIES_TX(dom0, XS_WRITE, tx, "/a/b/t2|1", "OK|");
	REPLIES_TX(dom0, XS_RM, tx, "/a/b/c|", "OK|");
	EVENTS(other, "");
	REPLIES_TX(dom0, XS_TRANSACTION_END, tx, "T|", "OK|");
	EVENTS(other, "/a/b/t1=t /a/b/t2=t /a/b/c=t /a/b/c/d=deep ");
	tx = start(dom0);
	REPLIES_TX(dom0, XS_WRITE, tx, "/a/b/t3|1", "OK|");
	REPLIES_TX(dom0, XS_TRANSACTION_END, tx, "F|", "OK|");
	EVENTS(other, "");

	/* Starting anew forgets watches and transactions. */
	tx = start(other);
	REPLIES(other, XS_RESET_WATCHES, "|", "OK|");
	CU_ASSERT_EQUAL(other->nr_watches, 0);
	REPLIES_TX(other, XS_READ, tx, "/a|", "ENOENT|");
	REPLIES(dom0, XS_WRITE, "/a/b|5", "OK|");
	EVENTS(other, "");
	end(dom0);
}

/* ------------------------------------------------------------------------------------------------
 * Transactions
 */

static void test_transactions(void)
{
	struct client *dom0, *other;
	uint32_t tx, second;

	begin();
	dom0 = client_new(store, 0, NULL);
	other = client_new(store, 0, NULL);
	REPLIES(dom0, XS_WRITE, "/a|old", "OK|");

	/* Isolation, both ways. */
	tx = start(dom0);
	second = start(dom0);
	CU_ASSERT_NOT_EQUAL(tx, second);
	REPLIES_TX(dom0, XS_WRITE, tx, "/a|new", "OK|");
	REPLIES_TX(dom0, XS_WRITE, tx, "/t/x|1", "OK|");
	REPLIES_TX(dom0, XS_READ, tx, "/a|", "new");
	REPLIES_TX(dom0, XS_READ, second, "/a|", "old");
	REPLIES(other, XS_READ, "/a|", "old");
	REPLIES(other, XS_READ, "/t/x|", "ENOENT|");
	REPLIES_TX(other, XS_READ, tx, "/a|", "ENOENT|");
	REPLIES_TX(dom0, XS_TRANSACTION_END, tx, "T|", "OK|");
	REPLIES(other, XS_READ, "/a|", "new");
	REPLIES(other, XS_READ, "/t/x|", "1");
	REPLIES_TX(dom0, XS_TRANSACTION_END, tx, "T|", "ENOENT|");
	/* It only looked, at one consistent moment: no reason to fail. */
	REPLIES_TX(dom0, XS_READ, second, "/t/x|", "ENOENT|");
	REPLIES_TX(dom0, XS_TRANSACTION_END, second, "T|", "OK|");

	/* What was read has changed. */
	tx = start(dom0);
	REPLIES_TX(dom0, XS_READ, tx, "/a|", "new");
	REPLIES_TX(dom0, XS_WRITE, tx, "/b|1", "OK|");
	REPLIES(other, XS_WRITE, "/a|newer", "OK|");
	REPLIES_TX(dom0, XS_TRANSACTION_END, tx, "T|", "EAGAIN|");
	REPLIES(other, XS_READ, "/b|", "ENOENT|");

	/* What was not there has appeared; a list has changed. */
	tx = start(dom0);
	REPLIES_TX(dom0, XS_READ, tx, "/c/d|", "ENOENT|");
	REPLIES_TX(dom0, XS_WRITE, tx, "/b|1", "OK|");
	REPLIES(other, XS_MKDIR, "/c|", "OK|");
	REPLIES_TX(dom0, XS_TRANSACTION_END, tx, "T|", "EAGAIN|");
	tx = start(dom0);
	REPLIES_TX(dom0, XS_DIRECTORY, tx, "/c|", "");
	REPLIES_TX(dom0, XS_WRITE, tx, "/b|1", "OK|");
	REPLIES(other, XS_MKDIR, "/c/d|", "OK|");
	REPLIES_TX(dom0, XS_TRANSACTION_END, tx, "T|", "EAGAIN|");

	/* Gone and come back the same is not the same. */
	tx = start(dom0);
	REPLIES_TX(dom0, XS_READ, tx, "/a|", "newer");
	REPLIES_TX(dom0, XS_WRITE, tx, "/b|1", "OK|");
	REPLIES(other, XS_RM, "/a|", "OK|");
	REPLIES(other, XS_WRITE, "/a|newer", "OK|");
	REPLIES_TX(dom0, XS_TRANSACTION_END, tx, "T|", "EAGAIN|");

	/* Two that make children of the same node do not disturb each other, nor do changes elsewhere. */
	tx = start(dom0);
	second = start(other);
	REPLIES_TX(dom0, XS_WRITE, tx, "/c/one|1", "OK|");
	REPLIES_TX(other, XS_WRITE, second, "/c/two|2", "OK|");
	REPLIES(other, XS_WRITE, "/elsewhere|1", "OK|");
	REPLIES_TX(dom0, XS_TRANSACTION_END, tx, "T|", "OK|");
	REPLIES_TX(other, XS_TRANSACTION_END, second, "T|", "OK|");
	REPLIES(dom0, XS_DIRECTORY, "/c|", "d|one|two|");
	REPLIES(dom0, XS_READ, "/elsewhere|", "1");

	/* Permissions count as content. */
	tx = start(dom0);
	REPLIES_TX(dom0, XS_WRITE, tx, "/c/three|1", "OK|");
	REPLIES(other, XS_SET_PERMS, "/c|r0|", "OK|");
	REPLIES_TX(dom0, XS_TRANSACTION_END, tx, "T|", "EAGAIN|");

	/* Transactions end with their connection. */
	start(other);
	client_free(other);
	end(dom0);
}

/*
 * The model: nodes in an array, done to by the letter of the protocol.
 */
#define MODEL_NODES	64

struct model_node {
	bool exists;
	char path[16];
	char value[8];
	char perms[16];		/* wire form with '|' for terminators; the owner is one digit */
};

struct model {
	struct model_node node[MODEL_NODES];
	unsigned int count;
	unsigned int version;
};

static struct model_node *model_find(struct model *model, const char *path)
{
	for (unsigned int i = 0; i < model->count; i++)
		if (model->node[i].exists && strcmp(model->node[i].path, path) == 0)
			return &model->node[i];
	return NULL;
}

static struct model_node *model_make(struct model *model, const char *path)
{
	unsigned int i = 0;

	while (i < model->count && model->node[i].exists)
		i++;
	CU_ASSERT_FATAL(i < MODEL_NODES);
	if (i == model->count)
		model->count++;
	model->node[i].exists = true;
	strcpy(model->node[i].path, path);
	model->node[i].value[0] = '\0';
	return &model->node[i];
}

/* The letter that @perms gives @domid: entries are "<letter><digit>|". */
static char model_letter(const char *perms, unsigned int domid)
{
	if (domid == 0 || perms[1] == (char)('0' + domid))
		return 'o';
	for (const char *at = perms + 3; *at; at += 3)
		if (at[1] == (char)('0' + domid))
			return at[0];
	return perms[0];
}

static bool model_may(const char *perms, unsigned int domid, bool write)
{
	char letter = model_letter(perms, domid);

	return letter == 'o' || letter == 'b' || letter == (write ? 'w' : 'r');
}

static void model_parent(char *path)
{
	char *slash = strrchr(path, '/');

	slash[slash == path ? 1 : 0] = '\0';
}

/* A request of the model test. */
struct model_request {
	uint32_t type;
	char path[16];
	char argument[16];
};

static int compare_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Do @request as domain @domid; the reply goes to @out with '|' for terminators. */
static void model_do(struct model *model, unsigned int domid, const struct model_request *request, char *out)
{
	bool write = request->type == XS_WRITE || request->type == XS_MKDIR || request->type == XS_RM ||
		     request->type == XS_SET_PERMS;
	struct model_node *node = model_find(model, request->path), *near = node;
	char path[16], names[MODEL_NODES][16];
	unsigned int missing = 0, count = 0;
	size_t length = strlen(request->path);

	strcpy(path, request->path);
	while (!near) {
		model_parent(path);
		near = model_find(model, path);
		missing++;
	}
	if (request->type == XS_RM && strcmp(request->path, "/") == 0) {
		strcpy(out, "EINVAL|");
		return;
	}
	if (!model_may(near->perms, domid, write)) {
		strcpy(out, "EACCES|");
		return;
	}
	if (!node && !(request->type == XS_WRITE || request->type == XS_MKDIR ||
		       (request->type == XS_RM && missing == 1))) {
		strcpy(out, "ENOENT|");
		return;
	}
	strcpy(out, "OK|");
	switch (request->type) {
	case XS_READ:
		strcpy(out, node->value);
		break;
	case XS_GET_PERMS:
		strcpy(out, node->perms);
		break;
	case XS_DIRECTORY:
		if (length == 1)
			length = 0;
		for (unsigned int i = 0; i < model->count; i++) {
			const char *child = model->node[i].path;

			if (model->node[i].exists && strncmp(child, request->path, length) == 0 &&
			    child[length] == '/' && child[length + 1] && !strchr(child + length + 1, '/'))
				strcpy(names[count++], child + length + 1);
		}
		qsort(names, count, sizeof(names[0]), compare_text);
		out[0] = '\0';
		for (unsigned int i = 0; i < count; i++)
			sprintf(out + strlen(out), "%s|", names[i]);
		break;
	case XS_WRITE:
	case XS_MKDIR:
		if (node && request->type == XS_MKDIR)
			break;
		if (!node) {
			char perms[16];

			strcpy(perms, near->perms);
			if (domid)
				perms[1] = '0' + domid;
			for (size_t i = 1; i <= length; i++) {
				char part[16];

				if (i < length && request->path[i] != '/')
					continue;
				memcpy(part, request->path, i);
				part[i] = '\0';
				if (model_find(model, part))
					continue;
				node = model_make(model, part);
				strcpy(node->perms, perms);
			}
		}
		if (request->type == XS_WRITE)
			strcpy(node->value, request->argument);
		model->version++;
		break;
	case XS_RM:
		if (!node)
			break;
		for (unsigned int i = 0; i < model->count; i++)
			if (strncmp(model->node[i].path, request->path, length) == 0 &&
			    (model->node[i].path[length] == '/' || model->node[i].path[length] == '\0'))
				model->node[i].exists = false;
		model->version++;
		break;
	case XS_SET_PERMS:
		if (model_letter(node->perms, domid) != 'o') {
			strcpy(out, "EACCES|");
		} else if (domid && request->argument[1] != node->perms[1]) {
			strcpy(out, "EPERM|");
		} else {
			strcpy(node->perms, request->argument);
			model->version++;
		}
		break;
	}
}

static void random_request(struct model_request *request)
{
	static const uint32_t types[] = {
		XS_READ, XS_READ, XS_DIRECTORY, XS_WRITE, XS_WRITE, XS_WRITE, XS_MKDIR, XS_RM, XS_GET_PERMS,
		XS_SET_PERMS,
	};

	request->type = types[chance(sizeof(types) / sizeof(types[0]))];
	request->path[0] = '\0';
	for (unsigned int depth = chance(16) ? 1 + chance(3) : 0; depth; depth--)
		sprintf(request->path + strlen(request->path), "/%c", (int)('a' + chance(3)));
	if (!request->path[0])
		strcpy(request->path, "/");
	request->argument[0] = '\0';
	if (request->type == XS_WRITE) {
		sprintf(request->argument, "%u", chance(1000));
	} else if (request->type == XS_SET_PERMS) {
		sprintf(request->argument, "%c%u|", "rwbb"[chance(4)], chance(3));
		if (chance(2))
			sprintf(request->argument + 3, "%c%u|", "nrwb"[chance(4)], 1 + chance(2));
	}
}

/* Send it; the reply goes to @out in the model's form. */
static void real_do(struct client *client, uint32_t tx, const struct model_request *request, char *out)
{
	char text[64];

	snprintf(text, sizeof(text), "%s|%s", request->path, request->argument);
	ask_text(client, request->type, tx, text);
	for (size_t i = 0; i < last.length; i++)
		out[i] = last.data[i] ? last.data[i] : '|';
	out[last.length] = '\0';
}

#define OPEN_MAX	6
#define REQUESTS_MAX	12

struct open_transaction {
	bool open;
	unsigned int client;
	uint32_t id;
	unsigned int count;
	bool changes;
	struct model_request request[REQUESTS_MAX];
	char reply[REQUESTS_MAX][256];
	struct model base;		/* the model when it began */
};

/* Whether doing all its requests on @model gives the replies it got. */
static bool same_replies(struct model *model, const struct open_transaction *transaction, unsigned int domid)
{
	char reply[256];

	for (unsigned int i = 0; i < transaction->count; i++) {
		model_do(model, domid, &transaction->request[i], reply);
		if (strcmp(reply, transaction->reply[i]) != 0) {
			printf("\n    domain %u, request %u, type %u %s: replied %s, should be %s ", domid, i,
			       transaction->request[i].type, transaction->request[i].path,
			       transaction->reply[i], reply);
			return false;
		}
	}
	return true;
}

static void test_model(void)
{
	static struct open_transaction open[OPEN_MAX];
	static struct model model, copy;
	struct client *client[3];
	unsigned int committed = 0, refused = 0, overtaken = 0, failures = CU_get_number_of_failures();
	struct model_request request;
	char reply[256], expected[256];

	begin();
	memset(open, 0, sizeof(open));
	memset(&model, 0, sizeof(model));
	strcpy(model_make(&model, "/")->perms, "n0|");
	for (unsigned int i = 0; i < 3; i++)
		client[i] = client_new(store, i, NULL);
	strcpy(request.path, "/");
	strcpy(request.argument, "b0|");
	request.type = XS_SET_PERMS;
	real_do(client[0], 0, &request, reply);
	model_do(&model, 0, &request, expected);

	for (unsigned int round = 0; round < 60000 && CU_get_number_of_failures() == failures; round++) {
		struct open_transaction *transaction = &open[chance(OPEN_MAX)];
		unsigned int who = chance(3);

		if (chance(5) == 0) {
			/* Outside transactions the model and the store agree at once. */
			random_request(&request);
			real_do(client[who], 0, &request, reply);
			model_do(&model, who, &request, expected);
			if (strcmp(reply, expected) != 0)
				printf("\n    domain %u, type %u %s: replied %s, should be %s ", who, request.type,
				       request.path, reply, expected);
			CU_ASSERT_STRING_EQUAL(reply, expected);
		} else if (!transaction->open) {
			transaction->open = true;
			transaction->client = who;
			transaction->count = 0;
			transaction->changes = false;
			transaction->base = model;
			transaction->id = start(client[who]);
		} else if (transaction->count < REQUESTS_MAX && chance(4)) {
			unsigned int i = transaction->count++;

			random_request(&transaction->request[i]);
			real_do(client[transaction->client], transaction->id, &transaction->request[i],
				transaction->reply[i]);
		} else {
			bool keep = chance(5) != 0;

			transaction->open = false;
			copy = transaction->base;
			CU_ASSERT(same_replies(&copy, transaction, transaction->client));
			transaction->changes = copy.version != transaction->base.version;
			ask_text(client[transaction->client], XS_TRANSACTION_END, transaction->id, keep ? "T|" : "F|");
			if (!keep) {
				CU_ASSERT_STRING_EQUAL(last.data, "OK");
			} else if (last.type == XS_ERROR) {
				CU_ASSERT_STRING_EQUAL(last.data, "EAGAIN");
				/* Only what somebody else has done meanwhile can be a reason. */
				CU_ASSERT(transaction->changes);
				CU_ASSERT_NOT_EQUAL(model.version, transaction->base.version);
				refused++;
			} else if (transaction->changes) {
				if (model.version != transaction->base.version)
					overtaken++;
				CU_ASSERT(same_replies(&model, transaction, transaction->client));
				committed++;
			}
		}
		fake_now++;
		if (round % 2000 == 0)
			check_store(client[0]);
	}
	/* The model's nodes are the store's nodes. */
	for (unsigned int i = 0; i < model.count; i++) {
		const struct node *node;

		if (!model.node[i].exists)
			continue;
		node = tree_find(&store->live, model.node[i].path);
		CU_ASSERT_PTR_NOT_NULL_FATAL(node);
		CU_ASSERT_EQUAL(node->value_length, strlen(model.node[i].value));
		CU_ASSERT(!node->value_length || memcmp(node->value, model.node[i].value, node->value_length) == 0);
	}
	printf("%u committed (%u of them overtaken by others), %u refused ", committed, overtaken, refused);
	CU_ASSERT(committed > 500 && overtaken > 100 && refused > 500);
	end(client[0]);
}

/* ------------------------------------------------------------------------------------------------
 * Quotas
 */

static void test_quotas(void)
{
	struct client *dom0, *guest, *other;
	char text[64];
	struct reply reply;
	uint32_t tx;
	uint64_t until;

	begin();
	dom0 = client_new(store, 0, NULL);
	guest = client_new(store, 1, NULL);
	other = client_new(store, 2, NULL);
	REPLIES(dom0, XS_MKDIR, "/g|", "OK|");
	REPLIES(dom0, XS_SET_PERMS, "/g|b0|", "OK|");
	CU_ASSERT_PTR_NOT_NULL(strstr(ask_text(dom0, XS_CONTROL, 0, "quota|nodes=20|"), "nodes=20\n"));
	CU_ASSERT_EQUAL(store->quota.limit[QUOTA_NODES], 20);
	store->quota.limit[QUOTA_WATCHES] = 3;
	store->quota.limit[QUOTA_TRANSACTIONS] = 2;
	store->quota.limit[QUOTA_VALUE] = 10;
	store->quota.limit[QUOTA_PATH] = 30;
	store->quota.limit[QUOTA_PERMS] = 2;
	store->quota.limit[QUOTA_REQUESTS] = 4;

	/* Nodes: counted by owner, also for parents made on the way, and given back by removal. */
	for (unsigned int i = 0; i < 18; i++) {
		snprintf(text, sizeof(text), "/g/%u|x", i);
		REPLIES(guest, XS_WRITE, text, "OK|");
	}
	REPLIES(guest, XS_MKDIR, "/g/x/y/z|", "ENOSPC|");
	REPLIES(dom0, XS_READ, "/g/x|", "ENOENT|");
	REPLIES(guest, XS_MKDIR, "/g/x/y|", "OK|");
	REPLIES(guest, XS_MKDIR, "/g/one-more|", "ENOSPC|");
	REPLIES(guest, XS_WRITE, "/g/1|again", "OK|");
	REPLIES(dom0, XS_WRITE, "/g/x/zero|", "OK|");
	REPLIES(dom0, XS_RM, "/g/x|", "OK|");
	REPLIES(guest, XS_MKDIR, "/g/one-more|", "OK|");
	REPLIES(guest, XS_RM, "/g/one-more|", "OK|");
	REPLIES(other, XS_MKDIR, "/g/other|", "OK|");

	/* In transactions: what they have made counts, and counts again at the end. */
	tx = start(guest);
	REPLIES_TX(guest, XS_MKDIR, tx, "/g/t1|", "OK|");
	REPLIES_TX(guest, XS_MKDIR, tx, "/g/t2|", "OK|");
	REPLIES_TX(guest, XS_MKDIR, tx, "/g/t3|", "ENOSPC|");
	REPLIES(guest, XS_MKDIR, "/g/u1|", "OK|");
	REPLIES_TX(guest, XS_TRANSACTION_END, tx, "T|", "ENOSPC|");
	REPLIES(dom0, XS_READ, "/g/t1|", "ENOENT|");
	REPLIES(dom0, XS_READ, "/g/u1|", "");
	start(guest);
	start(guest);
	REPLIES(guest, XS_TRANSACTION_START, "|", "ENOSPC|");
	REPLIES(guest, XS_RESET_WATCHES, "|", "OK|");

	REPLIES(guest, XS_WRITE, "/g/1|0123456789", "OK|");
	REPLIES(guest, XS_WRITE, "/g/1|0123456789a", "ENOSPC|");
	REPLIES(dom0, XS_WRITE, "/g/1|0123456789a", "OK|");
	REPLIES(guest, XS_WRITE, "/g/2/34567890123456789012345678|", "ENOSPC|");
	REPLIES(guest, XS_SET_PERMS, "/g/1|n1|r0|", "OK|");
	REPLIES(guest, XS_SET_PERMS, "/g/1|n1|r0|r2|", "ENOSPC|");

	REPLIES(guest, XS_WATCH, "/1|t|", "OK|");
	REPLIES(guest, XS_WATCH, "/2|t|", "OK|");
	REPLIES(guest, XS_WATCH, "/3|t|", "OK|");
	REPLIES(guest, XS_WATCH, "/4|t|", "E2BIG|");
	REPLIES(guest, XS_UNWATCH, "/1|t|", "OK|");
	REPLIES(guest, XS_WATCH, "/4|t|", "OK|");
	events(guest);

	/* A guest that does not take its replies is not asked for more requests; domain 0 is. */
	for (unsigned int i = 0; i < 4; i++) {
		CU_ASSERT(client_may_ask(guest, &until));
		tell(guest, XS_READ, 0, "/g", 3);
		tell(dom0, XS_READ, 0, "/g", 3);
	}
	CU_ASSERT_FALSE(client_may_ask(guest, &until));
	CU_ASSERT_EQUAL(until, 0);
	CU_ASSERT(client_may_ask(dom0, &until));
	CU_ASSERT(next_message(guest, &reply));
	CU_ASSERT(client_may_ask(guest, &until));
	while (next_message(guest, &reply) || next_message(dom0, &reply))
		continue;

	/* What one transaction may look at and write. */
	store->quota.limit[QUOTA_TRANSACTION_NODES] = 10;
	store->quota.limit[QUOTA_TRANSACTION_BYTES] = 100;
	tx = start(guest);
	for (unsigned int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "/g/%u|", i);
		ask_text(guest, XS_READ, tx, text);
		CU_ASSERT_EQUAL(last.type, XS_READ);
	}
	REPLIES_TX(guest, XS_READ, tx, "/g/11|", "ENOSPC|");
	REPLIES_TX(guest, XS_READ, tx, "/g/3|", "x");
	for (unsigned int i = 0; i < 6; i++)
		REPLIES_TX(guest, XS_WRITE, tx, "/g/3|0123456789", "OK|");
	REPLIES_TX(guest, XS_WRITE, tx, "/g/3|0123456789", "ENOSPC|");
	REPLIES_TX(guest, XS_TRANSACTION_END, tx, "T|", "OK|");
	REPLIES(dom0, XS_READ, "/g/3|", "0123456789");

	/* Events that are not taken: equal ones cost nothing, others end the connection. */
	store->quota.limit[QUOTA_EVENTS] = 5;
	REPLIES(guest, XS_UNWATCH, "/2|t|", "OK|");
	REPLIES(guest, XS_WATCH, "/g|t|", "OK|");
	events(guest);
	for (unsigned int i = 0; i < 1000; i++)
		REPLIES(dom0, XS_WRITE, "/g/3|x", "OK|");
	CU_ASSERT_FALSE(guest->broken);
	for (unsigned int i = 0; i < 6; i++) {
		snprintf(text, sizeof(text), "/g/e%u|", i);
		REPLIES(dom0, XS_MKDIR, text, "OK|");
	}
	CU_ASSERT(guest->broken);
	CU_ASSERT_FALSE(client_may_ask(guest, &until));
	client_free(guest);

	CU_ASSERT_EQUAL(quota_set(&store->quota, "nodes=18446744073709551615"), -EINVAL);
	CU_ASSERT_EQUAL(quota_set(&store->quota, "node=1"), -EINVAL);
	CU_ASSERT_EQUAL(quota_set(&store->quota, "nodes"), -EINVAL);
	end(dom0);
}

/* A guest that spoils the transactions of others has to wait, ever longer, and is forgiven. */
static void test_hold(void)
{
	struct client *dom0, *guest;
	uint64_t until, waited = 0;
	uint32_t tx;

	begin();
	dom0 = client_new(store, 0, NULL);
	guest = client_new(store, 1, NULL);
	REPLIES(dom0, XS_MKDIR, "/g|", "OK|");
	REPLIES(dom0, XS_SET_PERMS, "/g|b0|", "OK|");
	for (unsigned int i = 0; i < 12; i++) {
		tx = start(dom0);
		ask_text(dom0, XS_READ, tx, "/g|");
		REPLIES_TX(dom0, XS_WRITE, tx, "/done|1", "OK|");
		CU_ASSERT(client_may_ask(guest, &until));
		REPLIES(guest, XS_WRITE, "/g|x", "OK|");
		REPLIES_TX(dom0, XS_TRANSACTION_END, tx, "T|", "EAGAIN|");
		CU_ASSERT_FALSE(client_may_ask(guest, &until));
		CU_ASSERT(until > fake_now && until - fake_now <= 512);
		CU_ASSERT(until - fake_now >= waited);
		waited = until - fake_now;
		CU_ASSERT(client_may_ask(dom0, &until));
		fake_now += waited;
	}
	CU_ASSERT_EQUAL(waited, 512);
	fake_now += 6000;
	tx = start(dom0);
	ask_text(dom0, XS_READ, tx, "/g|");
	REPLIES_TX(dom0, XS_WRITE, tx, "/done|1", "OK|");
	REPLIES(guest, XS_WRITE, "/g|x", "OK|");
	REPLIES_TX(dom0, XS_TRANSACTION_END, tx, "T|", "EAGAIN|");
	CU_ASSERT_FALSE(client_may_ask(guest, &until));
	CU_ASSERT(until - fake_now < 20);
	/* Its own transactions are its own business. */
	fake_now = until;
	tx = start(guest);
	REPLIES_TX(guest, XS_WRITE, tx, "/g|y", "OK|");
	REPLIES(guest, XS_WRITE, "/g|x", "OK|");
	REPLIES_TX(guest, XS_TRANSACTION_END, tx, "T|", "EAGAIN|");
	CU_ASSERT(client_may_ask(guest, &until));
	end(dom0);
}

/* ------------------------------------------------------------------------------------------------
 * Rings and turns
 */

struct ring_connection {
	struct connection connection;
	struct xenstore_domain_interface ring;
	unsigned int notified;
	int lost;		/* the error, once it is over */
};

static ssize_t test_read(struct connection *connection, char *out, size_t size)
{
	return ring_read(&((struct ring_connection *)connection)->ring, out, size);
}

static ssize_t test_write(struct connection *connection, const char *in, size_t size)
{
	return ring_write(&((struct ring_connection *)connection)->ring, in, size);
}

static void test_moved(struct connection *connection)
{
	((struct ring_connection *)connection)->notified++;
}

static void test_lost(struct connection *connection, int error)
{
	((struct ring_connection *)connection)->lost = error;
	client_free(connection->client);
	connection->client = NULL;
}

static const struct connection_ops test_ops = {
	.read = test_read,
	.write = test_write,
	.moved = test_moved,
	.lost = test_lost,
};

static struct ring_connection *connect_ring(domid_t domid)
{
	struct ring_connection *connection = calloc(1, sizeof(*connection));

	connection->connection.ops = &test_ops;
	connection->connection.client = client_new(store, domid, connection);
	return connection;
}

/* The guest's half of the ring. */
static bool guest_put(struct xenstore_domain_interface *ring, const void *data, size_t length)
{
	if (XENSTORE_RING_SIZE - (ring->req_prod - ring->req_cons) < length)
		return false;
	for (size_t i = 0; i < length; i++)
		ring->req[MASK_XENSTORE_IDX(ring->req_prod + i)] = ((const char *)data)[i];
	ring->req_prod += length;
	return true;
}

static size_t guest_get(struct xenstore_domain_interface *ring, char *out, size_t size)
{
	size_t done = 0;

	while (done < size && ring->rsp_cons != ring->rsp_prod)
		out[done++] = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons++)];
	return done;
}

static bool guest_ask(struct xenstore_domain_interface *ring, uint32_t type, const char *text)
{
	char raw[512];
	struct xsd_sockmsg header = { .type = type, .req_id = 5, .len = strlen(text) };

	memcpy(raw, &header, sizeof(header));
	encode(raw + sizeof(header), text);
	return guest_put(ring, raw, sizeof(header) + header.len);
}

static void test_ring(void)
{
	struct turns turns = { 0 };
	struct ring_connection *one, *two;
	char reply[64];
	unsigned int answers = 0;

	begin();
	one = connect_ring(1);
	two = connect_ring(2);
	/* Indexes run over the end of their type. */
	one->ring.req_cons = one->ring.req_prod = 0xfffffff0;
	one->ring.rsp_cons = one->ring.rsp_prod = 0xfffffffa;
	CU_ASSERT(guest_ask(&one->ring, XS_GET_DOMAIN_PATH, "3|"));
	turns_add(&turns, &one->connection);
	CU_ASSERT_EQUAL(turns_run(&turns, fake_now), -1);
	CU_ASSERT_EQUAL(one->notified, 1);
	CU_ASSERT_EQUAL(guest_get(&one->ring, reply, sizeof(reply)), 16 + 16);
	CU_ASSERT_STRING_EQUAL(reply + 16, "/local/domain/3");

	/* An endless stream gets its share of turns, and leaves the others theirs. */
	while (guest_ask(&one->ring, XS_GET_DOMAIN_PATH, "3|"))
		continue;
	CU_ASSERT(guest_ask(&two->ring, XS_GET_DOMAIN_PATH, "4|"));
	turns_add(&turns, &one->connection);
	turns_add(&turns, &two->connection);
	CU_ASSERT_EQUAL(turns_run(&turns, fake_now), 0);
	CU_ASSERT_EQUAL(guest_get(&two->ring, reply, sizeof(reply)), 32);
	CU_ASSERT(one->ring.req_cons != one->ring.req_prod);
	/* It does not take its replies: so its requests wait, once ring and queue are full. */
	for (unsigned int i = 0; i < 1000; i++) {
		while (guest_ask(&one->ring, XS_GET_DOMAIN_PATH, "3|"))
			continue;
		turns_add(&turns, &one->connection);
		turns_run(&turns, fake_now);
	}
	CU_ASSERT_EQUAL(one->lost, 0);
	CU_ASSERT(one->connection.client->out_replies <= quota_default.limit[QUOTA_REQUESTS]);
	CU_ASSERT_EQUAL(turns_run(&turns, fake_now), -1);
	/* It takes them: nothing was lost. */
	while (guest_get(&one->ring, reply, 32) == 32) {
		CU_ASSERT_STRING_EQUAL(reply + 16, "/local/domain/3");
		answers++;
		turns_add(&turns, &one->connection);
		turns_run(&turns, fake_now);
	}
	CU_ASSERT(answers >= 60);
	CU_ASSERT_EQUAL(one->ring.req_cons, one->ring.req_prod);

	/* Impossible indexes and messages end this connection only. */
	one->ring.req_prod = one->ring.req_cons + XENSTORE_RING_SIZE + 1;
	turns_add(&turns, &one->connection);
	turns_add(&turns, &two->connection);
	CU_ASSERT(guest_ask(&two->ring, XS_GET_DOMAIN_PATH, "4|"));
	turns_run(&turns, fake_now);
	CU_ASSERT_EQUAL(one->lost, -EIO);
	CU_ASSERT_EQUAL(guest_get(&two->ring, reply, sizeof(reply)), 32);
	free(one);

	one = connect_ring(1);
	one->ring.rsp_cons = 77;
	CU_ASSERT(guest_ask(&one->ring, XS_GET_DOMAIN_PATH, "3|"));
	turns_add(&turns, &one->connection);
	turns_run(&turns, fake_now);
	CU_ASSERT_EQUAL(one->lost, -EIO);
	free(one);

	one = connect_ring(1);
	CU_ASSERT(guest_put(&one->ring, &(struct xsd_sockmsg){ .type = XS_READ, .len = 4097 }, 16));
	turns_add(&turns, &one->connection);
	turns_run(&turns, fake_now);
	CU_ASSERT_EQUAL(one->lost, -EMSGSIZE);
	free(one);

	/* A guest that is replaced by a new kernel. */
	CU_ASSERT_FALSE(ring_wants_restart(&two->ring));
	two->ring.req_prod = 12345;
	two->ring.connection = XENSTORE_RECONNECT;
	CU_ASSERT(ring_wants_restart(&two->ring));
	ring_restart(&two->ring);
	CU_ASSERT_EQUAL(two->ring.req_prod, 0);
	CU_ASSERT_EQUAL(two->ring.connection, XENSTORE_CONNECTED);
	CU_ASSERT_EQUAL(turns_run(&turns, fake_now), -1);
	free(two);
	end(client_new(store, 0, NULL));
}

/* A page whose every byte changes all the time: no index leads outside of it (the sanitizers watch). */
static void test_ring_random(void)
{
	struct turns turns = { 0 };
	struct ring_connection *connection;

	begin();
	connection = connect_ring(1);
	for (unsigned int round = 0; round < 20000; round++) {
		uint32_t *word = (uint32_t *)&connection->ring;

		for (unsigned int i = chance(40); i; i--)
			word[chance(sizeof(connection->ring) / 4)] = chance(3) ? chance(4096) : seed;
		connection->ring.req_cons = connection->ring.req_prod - chance(XENSTORE_RING_SIZE + 8);
		connection->ring.rsp_prod = connection->ring.rsp_cons + chance(XENSTORE_RING_SIZE + 8);
		turns_add(&turns, &connection->connection);
		turns_run(&turns, fake_now);
		if (connection->lost) {
			free(connection);
			connection = connect_ring(1);
		}
		fake_now += 100;
	}
	free(connection);
	end(client_new(store, 0, NULL));
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "paths", test_paths },
		{ "malformed messages", test_malformed },
		{ "a storm of nonsense", test_storm },
		{ "nodes", test_nodes },
		{ "a long directory", test_long_directory },
		{ "permissions", test_permissions },
		{ "domains", test_domains },
		{ "watches", test_watches },
		{ "transactions", test_transactions },
		{ "transactions against a model", test_model },
		{ "quotas", test_quotas },
		{ "holding those who spoil transactions", test_hold },
		{ "rings and turns", test_ring },
		{ "a ring page gone wild", test_ring_random },
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = { { "store", NULL, NULL, NULL, NULL, tests }, CU_SUITE_INFO_NULL };
	const char *given = getenv("HVSTORE_TEST_SEED");
	unsigned int failed;

	seed = given ? strtoul(given, NULL, 0) : 20261121;
	if (!seed)
		seed = 1;
	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 2;
	printf("HVSTORE_TEST_SEED=%u\n", seed);
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failed = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failed != 0;
}
