// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c libhvctl/store/tree.c
// sources: libhvctl/store/quota.c libhvctl/store/watch.c libhvctl/store/transaction.c
// sources: libhvctl/budget.c
// sources: libhvctl/store/store.c libhvctl/store/journal.c
// sources: libhvctl/store/control.c libhvctl/store/protocol.c
// bits: 64 32
/*
 * The store daemon without its devices, request by request: messages, nodes, permissions, watches,
 * transactions, quotas. HVSTORE_TEST_SEED=n repeats a run.
 */
#include "libhvctl/store/path.h"
#include "store_sim.h"

/* ------------------------------------------------------------------------------------------------
 * Paths and messages
 */

static void test_paths(void)
{
	static const char *const good[] = { "/", "/a", "/a/b-c_d@e/F9" };
	static const char *const bad[] = { "",     "a",      "//",   "/a/", "/a//b",
					   "/a b", "/a\x80", "/a.b", "/a\n" };
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
	REPLIES(guest, XS_CONTROL, "values|/|x|", "EACCES|");
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

/*
 * A guest that sends whatever comes to mind harms nobody, and domain 0's things stay as they are.
 */
static void test_storm(void)
{
	static const char *const piece[] = {
		"/",
		"a",
		"/local/domain/1/",
		"secret",
		"/secret",
		"data",
		"@releaseDomain",
		"T",
		"F",
		"1",
		"0",
		"r1",
		"b0",
		"n1",
		"w2",
		"4294967295",
		"|",
		"|",
		"|",
		"|",
		"x/y",
		"//",
		"token",
		"-",
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
		for (at = last.data + strlen(last.data) + 1; at < last.data + last.length;
		     at += strlen(at) + 1) {
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

	/*
	 * A guest owns what it creates; the rest of the permissions is inherited. Domain 0 leaves
	 * the owner.
	 */
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

	/*
	 * Equal events are told once, until the first has begun to leave; others keep their order.
	 */
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

struct request {
	uint32_t type;
	const char *text;
};

/* A transaction that somebody else gets into. */
struct overtaken {
	struct request first;		/* what it asks at first */
	const char *answer;		/* to that; NULL: it asks nothing */
	const char *own;		/* what it writes then; NULL: nothing */
	struct request others[3];	/* what the other one does meanwhile */
	const char *end;		/* how it ends */
};

static void overtake(struct client *client, struct client *other, const struct overtaken *t)
{
	uint32_t tx = start(client);

	if (t->answer)
		REPLIES_TX(client, t->first.type, tx, t->first.text, t->answer);
	if (t->own)
		REPLIES_TX(client, XS_WRITE, tx, t->own, "OK|");
	for (unsigned int i = 0; i < 3 && t->others[i].type; i++)
		REPLIES(other, t->others[i].type, t->others[i].text, "OK|");
	REPLIES_TX(client, XS_TRANSACTION_END, tx, "T|", t->end);
}

static void test_transactions(void)
{
	static const struct overtaken spoiled[] = {
		/* What was read. */
		{ { XS_READ, "/a|" }, "new", "/b|1", { { XS_WRITE, "/a|newer" } }, "EAGAIN|" },
		/* What was not there has appeared. */
		{ { XS_READ, "/c/d|" }, "ENOENT|", "/b|1", { { XS_MKDIR, "/c|" } }, "EAGAIN|" },
		/* A list. */
		{ { XS_DIRECTORY, "/c|" }, "", "/b|1", { { XS_MKDIR, "/c/d|" } }, "EAGAIN|" },
		/* Gone and come back the same is not the same. */
		{ { XS_READ, "/a|" }, "newer", "/b|1",
		  { { XS_RM, "/a|" }, { XS_WRITE, "/a|newer" } }, "EAGAIN|" },
		/* Permissions count as content. */
		{ { 0 }, NULL, "/c/three|1", { { XS_SET_PERMS, "/c|r0|" } }, "EAGAIN|" },
	};
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

	/* What has changed meanwhile: nothing is written. */
	for (size_t i = 0; i < sizeof(spoiled) / sizeof(spoiled[0]); i++) {
		overtake(dom0, other, &spoiled[i]);
		REPLIES(other, XS_READ, "/b|", "ENOENT|");
	}

	/*
	 * Two that make children of the same node do not disturb each other, nor do changes
	 * elsewhere.
	 */
	tx = start(dom0);
	second = start(other);
	REPLIES_TX(dom0, XS_WRITE, tx, "/c/one|1", "OK|");
	REPLIES_TX(other, XS_WRITE, second, "/c/two|2", "OK|");
	REPLIES(other, XS_WRITE, "/elsewhere|1", "OK|");
	REPLIES_TX(dom0, XS_TRANSACTION_END, tx, "T|", "OK|");
	REPLIES_TX(other, XS_TRANSACTION_END, second, "T|", "OK|");
	REPLIES(dom0, XS_DIRECTORY, "/c|", "d|one|two|");
	REPLIES(dom0, XS_READ, "/elsewhere|", "1");

	/* Transactions end with their connection. */
	start(other);
	client_free(other);
	end(dom0);
}

/* ------------------------------------------------------------------------------------------------
 * Quotas
 */

static void test_quotas(void)
{
	struct client *dom0, *guest, *other;
	char text[64];
	struct reply reply;
	unsigned int written;
	uint32_t tx;
	uint64_t until;

	begin();
	dom0 = client_new(store, 0, NULL);
	guest = client_new(store, 1, NULL);
	other = client_new(store, 2, NULL);
	REPLIES(dom0, XS_MKDIR, "/g|", "OK|");
	REPLIES(dom0, XS_SET_PERMS, "/g|b0|", "OK|");
	CU_ASSERT_PTR_NOT_NULL(
		strstr(ask_text(dom0, XS_CONTROL, 0, "quota|nodes=20|"), "nodes=20\n"));
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

	/* What one transaction may look at and write: all that it takes memory for. */
	store->quota.limit[QUOTA_TRANSACTION_NODES] = 10;
	store->quota.limit[QUOTA_TRANSACTION_BYTES] = 3000;
	tx = start(guest);
	for (unsigned int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "/g/%u|", i);
		ask_text(guest, XS_READ, tx, text);
		CU_ASSERT_EQUAL(last.type, XS_READ);
	}
	REPLIES_TX(guest, XS_READ, tx, "/g/11|", "ENOSPC|");
	REPLIES_TX(guest, XS_READ, tx, "/g/3|", "x");
	for (written = 0; written < 60; written++) {
		ask_text(guest, XS_WRITE, tx, "/g/3|0123456789");
		if (last.type == XS_ERROR)
			break;
	}
	CU_ASSERT(written > 3 && written < 30);
	CU_ASSERT_STRING_EQUAL(last.data, "ENOSPC");
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
	static const struct overtaken spoiled = {
		{ XS_READ, "/g|" }, "x", "/done|1", { { XS_WRITE, "/g|x" } }, "EAGAIN|"
	};
	static const struct overtaken its_own = {
		{ 0 }, NULL, "/g|y", { { XS_WRITE, "/g|x" } }, "EAGAIN|"
	};
	struct client *dom0, *guest;
	uint64_t until, waited = 0;

	begin();
	dom0 = client_new(store, 0, NULL);
	guest = client_new(store, 1, NULL);
	REPLIES(dom0, XS_WRITE, "/g|x", "OK|");
	REPLIES(dom0, XS_SET_PERMS, "/g|b0|", "OK|");
	for (unsigned int i = 0; i < 12; i++) {
		CU_ASSERT(client_may_ask(guest, &until));
		overtake(dom0, guest, &spoiled);
		CU_ASSERT_FALSE(client_may_ask(guest, &until));
		CU_ASSERT(until > fake_now && until - fake_now <= 512);
		CU_ASSERT(until - fake_now >= waited);
		waited = until - fake_now;
		CU_ASSERT(client_may_ask(dom0, &until));
		fake_now += waited;
	}
	CU_ASSERT_EQUAL(waited, 512);
	fake_now += 6000;
	overtake(dom0, guest, &spoiled);
	CU_ASSERT_FALSE(client_may_ask(guest, &until));
	CU_ASSERT(until - fake_now < 20);
	/* Its own transactions are its own business. */
	fake_now = until;
	overtake(guest, guest, &its_own);
	CU_ASSERT(client_may_ask(guest, &until));
	end(dom0);
}

/* Who may not know of a node learns nothing of it by being refused, and holds up nobody. */
static void test_hidden(void)
{
	static const struct request refused[] = {
		{ XS_READ, "/two/secret|" },
		{ XS_READ, "/two/secret/none|" },
		{ XS_DIRECTORY, "/two/secret|" },
		{ XS_GET_PERMS, "/two/secret|" },
		{ XS_WRITE, "/two/secret|x" },
		{ XS_WRITE, "/two/secret/none|x" },
		{ XS_MKDIR, "/two/secret/none|" },
		{ XS_RM, "/two/secret|" },
		{ XS_SET_PERMS, "/two/secret|n1|" },
	};
	/* Who may only write notices others that do. */
	static const struct overtaken blind = {
		{ XS_WRITE, "/two/secret|1" }, "OK|", NULL,
		{ { XS_WRITE, "/two/secret|2" } }, "EAGAIN|"
	};
	/* Who could read it, and then no longer, was spoiled. */
	static const struct overtaken barred = {
		{ XS_READ, "/two/secret|" }, "2", "/one/x|1",
		{ { XS_SET_PERMS, "/two/secret|n2|" } }, "EAGAIN|"
	};
	struct client *dom0, *one, *two;
	uint64_t until;

	begin();
	dom0 = client_new(store, 0, NULL);
	one = client_new(store, 1, NULL);
	two = client_new(store, 2, NULL);
	REPLIES(dom0, XS_MKDIR, "/one|", "OK|");
	REPLIES(dom0, XS_SET_PERMS, "/one|n1|", "OK|");
	REPLIES(dom0, XS_MKDIR, "/two/secret|", "OK|");
	REPLIES(dom0, XS_SET_PERMS, "/two|n2|", "OK|");
	REPLIES(dom0, XS_SET_PERMS, "/two/secret|n2|", "OK|");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const struct overtaken untouched = {
			refused[i], "EACCES|", "/one/x|1",
			{ { XS_WRITE, "/two/secret|changed" }, { XS_WRITE, "/two/secret/y|1" },
			  { XS_RM, "/two/secret/y|" } }, "OK|"
		};

		overtake(one, two, &untouched);
		CU_ASSERT(client_may_ask(two, &until));
	}

	REPLIES(two, XS_SET_PERMS, "/two/secret|n2|w1|", "OK|");
	overtake(one, two, &blind);
	CU_ASSERT(client_may_ask(two, &until));		/* which they need not wait for */
	REPLIES(two, XS_SET_PERMS, "/two/secret|n2|r1|", "OK|");
	overtake(one, two, &barred);
	CU_ASSERT_FALSE(client_may_ask(two, &until));
	end(dom0);
}

/* What does not stand in a line is not told there: nothing in a value looks like another one. */
static void test_values(void)
{
	char text[XENSTORE_PAYLOAD_MAX];
	struct client *dom0;

	begin();
	dom0 = client_new(store, 0, NULL);
	REPLIES(dom0, XS_WRITE, "/v/1/name|one", "OK|");
	REPLIES(dom0, XS_WRITE, "/v/2/name|two\n3=three", "OK|");
	REPLIES(dom0, XS_WRITE, "/v/3/names|three", "OK|");
	REPLIES(dom0, XS_WRITE, "/v/4/name|", "OK|");
	REPLIES(dom0, XS_WRITE, "/v/10/name|=", "OK|");
	REPLIES(dom0, XS_CONTROL, "values|/v|name|", "1=one\n10==\n2\n4=\n\n|");
	REPLIES(dom0, XS_CONTROL, "values|/v|name||", "1=one\n10==\n2\n4=\n\n|");
	REPLIES(dom0, XS_CONTROL, "values|/v|name|10|", "2\n4=\n\n|");
	REPLIES(dom0, XS_CONTROL, "values|/v|name|11|", "2\n4=\n\n|");
	REPLIES(dom0, XS_CONTROL, "values|/v|name|4|", "\n|");
	REPLIES(dom0, XS_CONTROL, "values|/v|none|", "\n|");
	REPLIES(dom0, XS_CONTROL, "values|/v/1/name|x|", "\n|");
	REPLIES(dom0, XS_CONTROL, "values|", "EINVAL|");
	REPLIES(dom0, XS_CONTROL, "values|/v|", "EINVAL|");
	REPLIES(dom0, XS_CONTROL, "values|v|name|", "EINVAL|");
	REPLIES(dom0, XS_CONTROL, "values|/v/|name|", "EINVAL|");
	REPLIES(dom0, XS_CONTROL, "values|/w|name|", "ENOENT|");

	/* A zero in it, and what is too long. */
	REPLIES(dom0, XS_WRITE, "/v/1/name|o|e", "OK|");
	snprintf(text, sizeof(text), "/v/10/name|%0*u", XENSTORE_PAYLOAD_MAX / 2 + 1, 1);
	REPLIES(dom0, XS_WRITE, text, "OK|");
	REPLIES(dom0, XS_CONTROL, "values|/v|name|", "1\n10\n2\n4=\n\n|");

	/* Two lines that fill an answer to its last byte leave no room to say that they are all. */
	snprintf(text, sizeof(text), "/w/1/x|%0*u", XENSTORE_PAYLOAD_MAX / 2, 1);
	REPLIES(dom0, XS_WRITE, text, "OK|");
	for (int more = -1; more < 2; more++) {
		int second = XENSTORE_PAYLOAD_MAX - XENSTORE_PAYLOAD_MAX / 2 - 8 + more;
		const char *answer;

		snprintf(text, sizeof(text), "/w/2/x|%0*u", second, 2);
		REPLIES(dom0, XS_WRITE, text, "OK|");
		answer = ask_text(dom0, XS_CONTROL, 0, "values|/w|x|");
		CU_ASSERT_EQUAL(strstr(answer, "\n2=0") != NULL, more < 1);
		CU_ASSERT_EQUAL(strstr(answer, "\n\n") != NULL, more < 1);
	}
	end(dom0);
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
		{ "quotas", test_quotas },
		{ "holding those who spoil transactions", test_hold },
		{ "what is refused binds nobody", test_hidden },
		{ "values of many nodes", test_values },
		CU_TEST_INFO_NULL
	};

	return run_suite("store", tests);
}
