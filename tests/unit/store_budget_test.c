// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c libhvctl/store/tree.c
// sources: libhvctl/store/quota.c libhvctl/store/watch.c libhvctl/store/transaction.c
// sources: libhvctl/store/store.c libhvctl/store/journal.c libhvctl/budget.c libhvctl/store/ring.c
// sources: libhvctl/store/control.c libhvctl/store/protocol.c libhvctl/store/connection.c
// bits: 64 32
/*
 * What a guest can make the store daemon write, keep and do: each has a budget of that guest's, and
 * one guest's waste is not paid by the others. Memory is measured by the allocator.
 */
#include "libhvctl/store/transaction.h"
#include "allocated.h"
#include "store_ring_sim.h"

static struct client *dom0, *guest, *other;

static void begin_budget(void)
{
	begin();
	log_lines = 0;
	dom0 = client_new(store, 0, NULL);
	guest = client_new(store, 1, NULL);
	other = client_new(store, 2, NULL);
	REPLIES(dom0, XS_MKDIR, "/g|", "OK|");
	REPLIES(dom0, XS_SET_PERMS, "/g|b0|", "OK|");
}

static void end_budget(void)
{
	end(dom0);
}

/* ------------------------------------------------------------------------------------------------
 * The log
 */

TEST(test_log, "lines of the log")
{
	unsigned int before;
	char shown[64];

	/* A guest that reconnects as fast as it can, for a minute. */
	for (unsigned int i = 0; i < 600000; i++, fake_now += i % 10 == 0)
		store_log_domain(store, 1, "starts anew");
	CU_ASSERT(log_lines > 20 && log_lines <= 3 * 20);
	CU_ASSERT_STRING_EQUAL(log_last, "domain 1: starts anew");
	/* The others, and domain 0, are heard meanwhile. */
	before = log_lines;
	store_log_domain(store, 2, "connection given up: %s", "why");
	CU_ASSERT_STRING_EQUAL(log_last, "domain 2: connection given up: why");
	for (unsigned int i = 0; i < 100; i++)
		store_log_domain(store, 0, "disconnected");
	CU_ASSERT_EQUAL(log_lines, before + 101);
	/* What is missing is told with the next line. */
	fake_now += 60000;
	store_log_domain(store, 1, "starts anew");
	for (unsigned int i = 0; i < 30; i++)
		store_log_domain(store, 1, "starts anew");
	before = log_lines;
	fake_now += 3000;
	store_log_domain(store, 1, "starts anew");
	CU_ASSERT_EQUAL(log_lines, before + 2);
	/* Or when it is gone. The number's next domain starts with a clean sheet. */
	store_log_domain(store, 1, "starts anew");
	store_log_domain(store, 1, "starts anew");
	client_free(guest);
	CU_ASSERT_EQUAL(store_domain_gone(store, 1), 0);
	CU_ASSERT_STRING_EQUAL(log_last, "domain 1: 2 lines suppressed");
	guest = client_new(store, 1, NULL);
	store_log_domain(store, 1, "introduced");
	CU_ASSERT_STRING_EQUAL(log_last, "domain 1: introduced");

	/* A trace is not free either, and does not use up what the rest has. */
	store->tracing = true;
	before = log_lines;
	for (unsigned int i = 0; i < 20000; i++)
		ask_text(guest, XS_READ, 0, "/g|");
	CU_ASSERT_EQUAL(log_lines - before, 1000);
	snprintf(shown, sizeof(shown), "%.20s", log_last);
	CU_ASSERT_STRING_EQUAL(shown, "domain 1: tx 0: READ");
	store_log_domain(store, 1, "still heard");
	CU_ASSERT_STRING_EQUAL(log_last, "domain 1: still heard");
	before = log_lines;
	for (unsigned int i = 0; i < 2000; i++)
		ask_text(dom0, XS_READ, 0, "/g|");
	CU_ASSERT_EQUAL(log_lines - before, 2000);
}

/* ------------------------------------------------------------------------------------------------
 * Memory
 */

/* "/g/<number>" and a value of @length bytes, as payload of a write. */
static size_t long_write(char *payload, unsigned int number, size_t length)
{
	size_t n = sprintf(payload, "/g/%u", number) + 1;

	memset(payload + n, 'v', length);
	return n + length;
}

/* A path of @depth components below /g. */
static size_t deep_path(char *path, unsigned int depth)
{
	size_t n = sprintf(path, "/g");

	while (depth--)
		n += sprintf(path + n, "/d");
	return n + 1;
}

/* Whatever one transaction does: looking at long paths, changing deep trees with long values. */
TEST(test_transaction_bytes, "memory of a transaction")
{
	char payload[XENSTORE_PAYLOAD_MAX];
	size_t n, before, bound = quota_default.limit[QUOTA_TRANSACTION_BYTES];
	unsigned int refused = 0;
	uint32_t tx;

	/* Paths of 2 KiB, looked at a thousand times: there is nothing, and that is remembered. */
	tx = start(guest);
	before = allocated_bytes();
	for (unsigned int i = 0; i < 1000; i++) {
		memset(payload, 'x', 2000);
		memcpy(payload, "/g/", 3);
		n = 1990 + sprintf(payload + 1990, "%u", i) + 1;
		ask(guest, XS_READ, tx, payload, n);
		refused += strcmp(last.data, "ENOSPC") == 0;
	}
	CU_ASSERT(refused > 800);
	CU_ASSERT(allocated_bytes() - before < bound * 3 / 2);
	CU_ASSERT(allocated_bytes() - before > bound / 2);
	REPLIES_TX(guest, XS_TRANSACTION_END, tx, "F|", "OK|");

	/* A chain of 400 nodes with 2 KiB in each: the first change copies all of it. */
	for (unsigned int depth = 1; depth <= 400; depth++) {
		n = deep_path(payload, depth);
		memset(payload + n, 'v', 2000);
		ask(guest, XS_WRITE, 0, payload, n + 2000);
		CU_ASSERT_STRING_EQUAL(last.data, "OK");
	}
	before = allocated_bytes();
	tx = start(guest);
	n = deep_path(payload, 400);
	CU_ASSERT_STRING_EQUAL(ask(guest, XS_WRITE, tx, payload, n), "ENOSPC");
	n = deep_path(payload, 60);
	CU_ASSERT_STRING_EQUAL(ask(guest, XS_WRITE, tx, payload, n), "OK");
	CU_ASSERT(allocated_bytes() - before < bound * 3 / 2);
	REPLIES_TX(guest, XS_TRANSACTION_END, tx, "T|", "OK|");

	/* Making a whole tree and removing it are two operations, but many nodes. */
	tx = start(guest);
	for (unsigned int i = refused = 0; i < 20; i++) {
		n = sprintf(payload, "/g/t") + 1;
		for (unsigned int j = 0; j < 100; j++)
			n += sprintf(payload + n - 1, "/e");
		ask(guest, XS_MKDIR, tx, payload, n);
		refused += strcmp(last.data, "ENOSPC") == 0;
		ask_text(guest, XS_RM, tx, "/g/t|");
		refused += strcmp(last.data, "ENOSPC") == 0;
	}
	CU_ASSERT(refused > 10);
	REPLIES_TX(guest, XS_TRANSACTION_END, tx, "F|", "OK|");
}

/* Transactions that are left open while two guests write all that they have, over and over. */
TEST(test_snapshots, "what open transactions keep")
{
	enum { NODES = 200, VALUE = 2000, ROUNDS = 60 };
	size_t before, most = 0, now;
	char payload[XENSTORE_PAYLOAD_MAX], shown[64];
	uint32_t tx[10], mine;

	store->quota.limit[QUOTA_TRANSACTION_CHURN] = 1 << 20;
	for (unsigned int i = 0; i < NODES; i++)
		ask(guest, XS_WRITE, 0, payload, long_write(payload, i, VALUE));
	before = allocated_bytes();
	mine = start(dom0);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		if (round < 10)
			tx[round] = start(round % 2 ? guest : other);
		for (unsigned int i = 0; i < NODES; i++)
			ask(guest, XS_WRITE, 0, payload, long_write(payload, i, VALUE));
		now = allocated_bytes();
		if (now > before + most)
			most = now - before;
	}
	/* Domain 0's own transaction keeps one version, theirs may keep so many. */
	CU_ASSERT(store->churn > ROUNDS * NODES * VALUE);
	CU_ASSERT(most > NODES * VALUE && most < 2 * NODES * VALUE + (1 << 20));
	CU_ASSERT_PTR_NULL(store->open.oldest);
	snprintf(shown, sizeof(shown), "%.40s", log_last);
	CU_ASSERT_STRING_EQUAL(shown, "domain 1: a transaction has been open fo");

	/* What is asked in them says so; they can be ended, once. */
	REPLIES_TX(guest, XS_READ, tx[1], "/g/1|", "EAGAIN|");
	REPLIES_TX(guest, XS_WRITE, tx[1], "/g/1|x", "EAGAIN|");
	REPLIES_TX(guest, XS_DIRECTORY, tx[1], "/g|", "EAGAIN|");
	REPLIES_TX(guest, XS_GET_PERMS, tx[1], "/g|", "EAGAIN|");
	REPLIES_TX(guest, XS_TRANSACTION_END, tx[1], "T|", "EAGAIN|");
	REPLIES_TX(guest, XS_TRANSACTION_END, tx[1], "T|", "ENOENT|");
	REPLIES_TX(other, XS_TRANSACTION_END, tx[0], "F|", "OK|");
	CU_ASSERT_EQUAL(guest->nr_transactions, 4);
	/* Domain 0's is as it was. */
	REPLIES_TX(dom0, XS_DIRECTORY, mine, "/local|", "ENOENT|");
	REPLIES_TX(dom0, XS_TRANSACTION_END, mine, "T|", "OK|");

	/* One that is quick is none of them, whatever the others do. */
	mine = start(other);
	REPLIES_TX(other, XS_WRITE, mine, "/g/quick|1", "OK|");
	for (unsigned int i = 0; i < NODES / 2; i++)
		ask(guest, XS_WRITE, 0, payload, long_write(payload, i, VALUE));
	REPLIES_TX(other, XS_TRANSACTION_END, mine, "T|", "OK|");
}

/*
 * A program of domain 0 that watches everything and takes nothing: the guest that makes its events
 * is slowed down, ever more, but never stopped; and nobody else is.
 */
TEST(test_unread, "events that domain 0 does not take")
{
	uint64_t until, start_at;
	unsigned int asked = 0;
	char text[128];
	uint64_t free_for_all;

	REPLIES(dom0, XS_WATCH, "/|all|", "OK|");
	events(dom0);
	start_at = fake_now;
	while (fake_now < start_at + 600 * 1000 && asked < 20000) {
		if (!client_may_ask(guest, &until)) {
			CU_ASSERT_FATAL(until > fake_now);
			fake_now = until;
			continue;
		}
		snprintf(text, sizeof(text), "/g/%0100u|", asked++);
		ask_text(guest, XS_MKDIR, 0, text);
		ask_text(guest, XS_RM, 0, text);
	}
	/* Ten minutes: half as quick would be four times as much. */
	CU_ASSERT(asked > 500 && asked < 20000);
	CU_ASSERT(dom0->out_bytes < 4u << 20);
	CU_ASSERT_FALSE(dom0->broken);
	fake_now += 100000;
	CU_ASSERT(client_may_ask(other, &until));
	REPLIES(other, XS_WRITE, "/g/other|1", "OK|");
	CU_ASSERT(client_may_ask(other, &until));
	/* Once it has taken them, all is forgiven. */
	client_discard_output(dom0);
	CU_ASSERT_EQUAL(account_find(&store->accounts, 1)->unread, 0);
	CU_ASSERT(client_may_ask(guest, &until));
	REPLIES(guest, XS_WRITE, "/g/more|1", "OK|");
	CU_ASSERT(client_may_ask(guest, &until));

	/* Its number may have gone to another before they are taken. */
	free_for_all = account_find(&store->accounts, 1)->unread;
	CU_ASSERT(free_for_all > 0);
	client_free(guest);
	CU_ASSERT_EQUAL(store_domain_gone(store, 1), 0);
	guest = client_new(store, 1, NULL);
	CU_ASSERT_EQUAL(account_find(&store->accounts, 1)->unread, 0);
	client_discard_output(dom0);
	CU_ASSERT_EQUAL(account_find(&store->accounts, 1)->unread, 0);
}

/* ------------------------------------------------------------------------------------------------
 * Work
 */

/* What one request of @client costs. */
static uint64_t work_of(struct client *client, uint32_t type, const char *text)
{
	uint64_t before = store->work;

	ask_text(client, type, 0, text);
	return store->work - before;
}

TEST(test_work, "work")
{
	char text[XENSTORE_PAYLOAD_MAX], watch[64];
	uint64_t quiet, spied, until;
	size_t n;

	REPLIES(dom0, XS_SET_PERMS, "/g|n0|b1|", "OK|");
	n = deep_path(text, 500);
	strcpy(text + n - 1, "|x");
	ask_text(guest, XS_WRITE, 0, text);
	REPLIES(other, XS_WATCH, "/none|t|", "OK|");
	quiet = work_of(guest, XS_WRITE, text);
	/*
	 * Somebody watches the root as often as it may, and may see nothing of it: that costs the
	 * one who writes next to nothing, though the path is long.
	 */
	for (unsigned int i = 0; i < quota_default.limit[QUOTA_WATCHES] - 1; i++) {
		snprintf(watch, sizeof(watch), "/|spy%u|", i);
		REPLIES(other, XS_WATCH, watch, "OK|");
	}
	events(other);
	spied = work_of(guest, XS_WRITE, text);
	CU_ASSERT(spied >= quiet && spied <= quiet + 128 + 60);
	client_free(other);
	other = client_new(store, 2, NULL);

	/* Whoever asks for much waits, in proportion; others do not, and it is not for ever. */
	store->quota.limit[QUOTA_WORK] = 1000;
	fake_now += 10000;
	for (unsigned int i = 0; i < 100; i++)
		ask_text(guest, XS_WRITE, 0, text);
	CU_ASSERT_FALSE(client_may_ask(guest, &until));
	CU_ASSERT(until > fake_now && until <= fake_now + 10000);
	CU_ASSERT(client_may_ask(other, &until));
	CU_ASSERT(client_may_ask(dom0, &until));
	fake_now += 10000;
	CU_ASSERT(client_may_ask(guest, &until));
	for (unsigned int i = 0; i < 2000; i++)
		ask_text(dom0, XS_READ, 0, "/g|");
	CU_ASSERT(client_may_ask(dom0, &until));
	/* Starting anew is no way out. */
	for (unsigned int i = 0; i < 100; i++)
		ask_text(guest, XS_WRITE, 0, text);
	client_reset(guest);
	client_discard_output(guest);
	CU_ASSERT_FALSE(client_may_ask(guest, &until));
}

/* Names of children are looked at one by one, however few of them are in the reply. */
TEST(test_long_lists, "long lists of children")
{
	char text[64];

	for (unsigned int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "/g/%u|", i);
		REPLIES(dom0, XS_MKDIR, text, "OK|");
	}
	CU_ASSERT(work_of(guest, XS_DIRECTORY_PART, "/g|4000000|") >= 100);
	CU_ASSERT(work_of(guest, XS_DIRECTORY_PART, "/g|1|") < 150);
	/* Nobody pays for what others have put behind the part that it gets. */
	CU_ASSERT(work_of(guest, XS_DIRECTORY_PART, "/g/1|0|") < 20);
	CU_ASSERT(work_of(guest, XS_DIRECTORY, "/g/1|") < 20);
	REPLIES(dom0, XS_RM, "/g/999|", "OK|");
	CU_ASSERT(work_of(guest, XS_DIRECTORY, "/g|") >= 100);
}

/*
 * The end of a domain that is mentioned at the bottom of a deep tree of others' nodes: it takes as
 * long as there are nodes, not as often as they lie deep.
 */
TEST(test_end_of_domain, "the end of a domain")
{
	enum { DEPTH = 1000, LEAVES = 1000, NODES = DEPTH + LEAVES + 2 };
	char path[XENSTORE_PAYLOAD_MAX], shown[XENSTORE_PAYLOAD_MAX];
	struct tree before;
	uint64_t work;
	size_t n;

	n = deep_path(path, DEPTH) - 1;
	for (unsigned int i = 0; i < LEAVES; i++) {
		snprintf(path + n, sizeof(path) - n, "/%u|", i);
		ask_text(dom0, XS_MKDIR, 0, path);
		CU_ASSERT_EQUAL(last.type, XS_MKDIR);
	}
	/* The last one of all. */
	strcpy(path + n, "/999|b0|r1|");
	REPLIES(dom0, XS_SET_PERMS, path, "OK|");
	CU_ASSERT_EQUAL(tree_count(&store->live, DOMID_INVALID), NODES);
	before = tree_snapshot(&store->live);
	client_free(guest);
	work = store->work;
	CU_ASSERT_EQUAL(store_domain_gone(store, 1), 0);
	CU_ASSERT(store->work - work >= NODES && store->work - work <= 2 * NODES);
	strcpy(path + n, "/999|");
	REPLIES(dom0, XS_GET_PERMS, path, "b0|");
	/* Whoever looks at the past still sees it. */
	path[n + 4] = '\0';
	CU_ASSERT(perms_format(tree_find(&before, path)->perms, shown, sizeof(shown)) == 6);
	tree_free(&before);
	/* One that nobody mentions is looked for once. */
	client_free(other);
	work = store->work;
	CU_ASSERT_EQUAL(store_domain_gone(store, 2), 0);
	CU_ASSERT_EQUAL(store->work - work, NODES);
}

/* Fill the ring with requests to remove a tree that is there, and to make it. */
static void fill_ring(struct xenstore_domain_interface *ring, const char *path)
{
	char raw[XENSTORE_PAYLOAD_MAX];
	unsigned int round = 0;

	for (;;) {
		const char *what = round++ % 2 ? "/g/d" : path;
		struct xsd_sockmsg header = {
			.type = round % 2 ? XS_MKDIR : XS_RM, .len = strlen(what) + 1,
		};

		memcpy(raw, &header, sizeof(header));
		memcpy(raw + sizeof(header), what, header.len);
		if (!guest_put(ring, raw, sizeof(header) + header.len))
			return;
	}
}

/* Requests that take long end a turn before the eighth. */
TEST(test_turns, "turns")
{
	struct ring_connection *connection;
	struct turns turns = { 0 };
	char path[XENSTORE_PAYLOAD_MAX];
	uint64_t requests;

	/* The cost is in those who watch: some program of domain 0 wants to know of everything. */
	for (unsigned int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "/|t%u|", i);
		REPLIES(dom0, XS_WATCH, path, "OK|");
	}
	events(dom0);
	connection = connect_ring(1);
	connection->takes = true;
	deep_path(path, 10);
	fill_ring(&connection->ring, path);
	turns_add(&turns, &connection->connection);
	requests = store->requests;
	CU_ASSERT_EQUAL(turns_run(&turns, fake_now), 0);
	CU_ASSERT(store->requests - requests >= 1 && store->requests - requests <= 3);
	CU_ASSERT_EQUAL(connection->lost, 0);
	client_discard_output(dom0);
	turns_remove(&turns, &connection->connection);
	free(connection);
}

SUITE("store-budget", .init = seed_init, .begin = begin_budget, .end = end_budget)
