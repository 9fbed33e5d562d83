// SPDX-License-Identifier: GPL-2.0-or-later
// sources: frontends/lib/store.c frontends/lib/ring.c frontends/lib/text.c frontends/lib/grant.c
// sources: frontends/lib/console.c frontends/lib/control.c frontends/lib/balloon.c
// sources: frontends/lib/suspend.c
// sources: tests/unit/frontend_store.c
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c
// sources: libhvctl/store/tree.c libhvctl/store/quota.c libhvctl/store/watch.c
// sources: libhvctl/budget.c
// sources: libhvctl/store/transaction.c libhvctl/store/store.c libhvctl/store/control.c
// sources: libhvctl/store/journal.c
// sources: libhvctl/store/protocol.c libhvctl/store/ring.c libhvctl/store/connection.c
/*
 * What the frontends build on: byte rings, ids, strings, grants; the store's client against the
 * real store and against one that breaks every rule; the console, the shutdown key, the balloon;
 * and what a suspend does to each.
 */
#include "frontend_world.h"
#include "suite.h"

#include "frontends/lib/balloon.h"
#include "frontends/lib/console.h"
#include "frontends/lib/control.h"
#include "frontends/lib/suspend.h"
#include "frontends/lib/text.h"

TEST(test_text, "strings and numbers")
{
	char buffer[8];
	struct text t = text_in(buffer);
	uint64_t n = 7;

	text_add(&t, "ab");
	text_add_number(&t, 0);
	CU_ASSERT_STRING_EQUAL(buffer, "ab0");
	CU_ASSERT_FALSE(t.cut);
	text_add(&t, "12345");
	CU_ASSERT_STRING_EQUAL(buffer, "ab01234");
	CU_ASSERT(t.cut);
	for (unsigned int i = 0; i < 64; i++) {
		char long_one[24], want[24];
		uint64_t v = UINT64_MAX >> i;

		t = text_in(long_one);
		text_add_number(&t, v);
		snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
		CU_ASSERT_STRING_EQUAL(long_one, want);
		CU_ASSERT_EQUAL(text_number(long_one, &n), 0);
		CU_ASSERT_EQUAL(n, v);
	}
	n = 7;
	CU_ASSERT_EQUAL(text_number("18446744073709551616", &n), -EINVAL);
	CU_ASSERT_EQUAL(text_number("184467440737095516150", &n), -EINVAL);
	CU_ASSERT_EQUAL(text_number("", &n), -EINVAL);
	CU_ASSERT_EQUAL(text_number("-1", &n), -EINVAL);
	CU_ASSERT_EQUAL(text_number("1 ", &n), -EINVAL);
	CU_ASSERT_EQUAL(n, 7);
	CU_ASSERT(text_equal("", "") && text_equal("a", "a"));
	CU_ASSERT_FALSE(text_equal("a", "ab") || text_equal("ab", "a") || text_equal("a", "b"));
}

TEST(test_byte_ring, "byte rings")
{
	char data[16], out[32];
	uint32_t prod = 0xfffffff9, cons = 0xfffffff9;
	struct byte_ring p = { .data = data, .size = 16, .own = prod, .own_shared = &prod,
			       .peer_shared = &cons };
	struct byte_ring c = { .data = data, .size = 16, .own = cons, .own_shared = &cons,
			       .peer_shared = &prod };

	/* Over the end of the ring and of the index. */
	CU_ASSERT_EQUAL(byte_ring_put(&p, "0123456789abcdefXYZ", 19), 16);
	CU_ASSERT_EQUAL(byte_ring_put(&p, "X", 1), 0);
	CU_ASSERT_EQUAL(byte_ring_get(&c, out, 5), 5);
	CU_ASSERT_EQUAL(byte_ring_put(&p, "ghijklm", 7), 5);
	CU_ASSERT_EQUAL(byte_ring_get(&c, out + 5, 27), 16);
	CU_ASSERT_EQUAL(memcmp(out, "0123456789abcdefghijk", 21), 0);
	CU_ASSERT_EQUAL(byte_ring_get(&c, out, 5), 0);
	CU_ASSERT_EQUAL(prod, cons);
	/* A peer that is ahead of what can be. */
	prod += 17;
	CU_ASSERT_EQUAL(byte_ring_get(&c, out, 5), -EIO);
	cons = p.own + 1;
	CU_ASSERT_EQUAL(byte_ring_put(&p, "X", 1), -EIO);
	cons = p.own - 17;
	CU_ASSERT_EQUAL(byte_ring_put(&p, "X", 1), -EIO);
	/* Ours in the page is not what counts. */
	prod = 12345;
	cons = p.own;
	CU_ASSERT_EQUAL(byte_ring_put(&p, "X", 1), 1);
	CU_ASSERT_EQUAL(prod, p.own);
}

TEST(test_slots, "ids")
{
	static struct slots s;
	bool seen[3] = { false };

	slots_init(&s, 3);
	for (unsigned int i = 0; i < 3; i++) {
		int id = slots_take(&s);

		CU_ASSERT_FATAL(id >= 0 && id < 3);
		CU_ASSERT_FALSE(seen[id]);
		seen[id] = true;
	}
	CU_ASSERT_EQUAL(slots_take(&s), -EAGAIN);
	CU_ASSERT(slots_busy(&s, 1));
	slots_free(&s, 1);
	CU_ASSERT_FALSE(slots_busy(&s, 1));
	CU_ASSERT_FALSE(slots_busy(&s, 3));
	CU_ASSERT_FALSE(slots_busy(&s, UINT64_MAX));
	CU_ASSERT_EQUAL(slots_take(&s), 1);
	slots_init(&s, 1000);
	CU_ASSERT_EQUAL(s.nr, SLOTS_MAX);
	for (unsigned int i = 0; i < SLOTS_MAX; i++)
		CU_ASSERT_EQUAL(slots_take(&s), (int)i);
	CU_ASSERT_EQUAL(slots_take(&s), -EAGAIN);
}

TEST(test_grants, "grants")
{
	static struct grant_entry_v1 entries[16];
	static struct grant_table t;
	grant_ref_t ref, other;

	memset(entries, 0, sizeof(entries));
	grant_table_init(&t, entries, 16);
	CU_ASSERT_EQUAL(grant_give(&t, 3, 0x1234, true, &ref), 0);
	CU_ASSERT(ref >= GNTTAB_NR_RESERVED_ENTRIES && ref < 16);
	CU_ASSERT_EQUAL(entries[ref].domid, 3);
	CU_ASSERT_EQUAL(entries[ref].frame, 0x1234);
	CU_ASSERT_EQUAL(entries[ref].flags, GTF_permit_access | GTF_readonly);
	/* In use: nothing ends. */
	entries[ref].flags |= GTF_reading;
	CU_ASSERT_EQUAL(grant_end(&t, ref), -EBUSY);
	CU_ASSERT_EQUAL(entries[ref].flags, GTF_permit_access | GTF_readonly | GTF_reading);
	entries[ref].flags &= (uint16_t)~GTF_reading;
	CU_ASSERT_EQUAL(grant_end(&t, ref), 0);
	CU_ASSERT_EQUAL(entries[ref].flags, 0);
	CU_ASSERT_EQUAL(grant_end(&t, ref), -EINVAL);
	CU_ASSERT_EQUAL(grant_end(&t, 0), -EINVAL);
	CU_ASSERT_EQUAL(grant_end(&t, 16), -EINVAL);
	for (unsigned int i = GNTTAB_NR_RESERVED_ENTRIES; i < 16; i++)
		CU_ASSERT_EQUAL(grant_give(&t, 0, i, false, &other), 0);
	CU_ASSERT_EQUAL(grant_give(&t, 0, 1, false, &other), -ENOSPC);
	for (unsigned int i = 0; i < GNTTAB_NR_RESERVED_ENTRIES; i++)
		CU_ASSERT_EQUAL(entries[i].flags, 0);
	/* In another domain the table is a new one: what was given ends there, once. */
	memset(entries, 0, sizeof(entries));
	CU_ASSERT_EQUAL(grant_end(&t, other), 0);
	CU_ASSERT_EQUAL(grant_end(&t, other), -EINVAL);
	CU_ASSERT_EQUAL(grant_give(&t, 5, 0x77, false, &ref), 0);
	CU_ASSERT_EQUAL(ref, other);
	CU_ASSERT_EQUAL(entries[ref].domid, 5);
}

/* ---- the store ---- */

static unsigned int fired;

static void count_fired(struct store_watch *w)
{
	fired++;
}

TEST(test_store, "the store")
{
	char value[32], names[64], big[3000];
	struct store_watch w = { .path = "data/x", .fired = count_fired };
	struct store_watch many[STORE_WATCHES];
	uint64_t n;
	uint32_t tx;

	world_begin();
	CU_ASSERT_EQUAL(store_write(&store, 0, "data/x", "hello"), 0);
	CU_ASSERT_STRING_EQUAL(daemon_read("/local/domain/1/data/x"), "hello");
	CU_ASSERT_EQUAL(store_read(&store, 0, "data/x", value, sizeof(value)), 5);
	CU_ASSERT_STRING_EQUAL(value, "hello");
	CU_ASSERT_EQUAL(store_read(&store, 0, "data/x", value, 6), 5);
	CU_ASSERT_EQUAL(store_read(&store, 0, "data/x", value, 5), -E2BIG);
	CU_ASSERT_EQUAL(store_read(&store, 0, "data/y", value, sizeof(value)), -ENOENT);
	CU_ASSERT_EQUAL(store_write(&store, 0, "/secret", "x"), -EACCES);
	CU_ASSERT_EQUAL(store_read_number(&store, 0, "data/x", &n), -EINVAL);
	CU_ASSERT_EQUAL(store_write_number(&store, 0, "data/n", UINT64_MAX), 0);
	CU_ASSERT_EQUAL(store_read_number(&store, 0, "data/n", &n), 0);
	CU_ASSERT_EQUAL(n, UINT64_MAX);
	daemon_write("/local/domain/1/data/long", "1234567890123456789012345");
	CU_ASSERT_EQUAL(store_read_number(&store, 0, "data/long", &n), -EINVAL);
	CU_ASSERT_EQUAL(store_list(&store, 0, "data", names, sizeof(names)), 2 + 2 + 5);
	CU_ASSERT_EQUAL(store_list(&store, 0, "data", names, 8), -E2BIG);
	CU_ASSERT_EQUAL(store_list(&store, 0, "data/x", names, 8), 0);
	/* A value that goes through the ring in pieces, and one that cannot be asked for. */
	memset(big, 'b', sizeof(big));
	big[1999] = '\0';
	CU_ASSERT_EQUAL(store_write(&store, 0, "data/big", big), 0);
	CU_ASSERT_EQUAL(store_read(&store, 0, "data/big", big, sizeof(big)), 1999);
	CU_ASSERT_EQUAL(store_remove(&store, 0, "data/big"), 0);
	{
		static char huge[XENSTORE_PAYLOAD_MAX + 1];

		memset(huge, 'h', sizeof(huge) - 1);
		CU_ASSERT_EQUAL(store_write(&store, 0, "data/huge", huge), -E2BIG);
	}

	/* Transactions: one that is thrown away, one that holds, one that meets dom0. */
	CU_ASSERT_EQUAL(store_begin(&store, &tx), 0);
	CU_ASSERT_EQUAL(store_write(&store, tx, "data/t", "1"), 0);
	CU_ASSERT_EQUAL(store_read(&store, 0, "data/t", value, sizeof(value)), -ENOENT);
	CU_ASSERT_EQUAL(store_end(&store, tx, false), 0);
	CU_ASSERT_EQUAL(store_read(&store, 0, "data/t", value, sizeof(value)), -ENOENT);
	CU_ASSERT_EQUAL(store_begin(&store, &tx), 0);
	CU_ASSERT_EQUAL(store_write(&store, tx, "data/t", "2"), 0);
	CU_ASSERT_EQUAL(store_end(&store, tx, true), 0);
	CU_ASSERT_EQUAL(store_read(&store, 0, "data/t", value, sizeof(value)), 1);
	CU_ASSERT_EQUAL(store_begin(&store, &tx), 0);
	CU_ASSERT_EQUAL(store_read(&store, tx, "data/t", value, sizeof(value)), 1);
	CU_ASSERT_EQUAL(store_write(&store, tx, "data/t", "3"), 0);
	daemon_write("/local/domain/1/data/t", "4");
	CU_ASSERT_EQUAL(store_end(&store, tx, true), -EAGAIN);
	CU_ASSERT_EQUAL(store_end(&store, tx, true), -ENOENT);

	/* A watch: at once, at a change, once for several, also while a request waits. */
	fired = 0;
	CU_ASSERT_EQUAL(store_watch(&store, &w), 0);
	world_settle();
	CU_ASSERT_EQUAL(fired, 1);
	world_settle();
	CU_ASSERT_EQUAL(fired, 1);
	daemon_write("/local/domain/1/data/x", "1");
	daemon_write("/local/domain/1/data/x", "2");
	daemon_write("/local/domain/1/data/other", "2");
	CU_ASSERT_EQUAL(store_read(&store, 0, "data/x", value, sizeof(value)), 1);
	CU_ASSERT_EQUAL(fired, 1);
	world_turn();
	CU_ASSERT_EQUAL(store_dispatch(&store), 1);
	CU_ASSERT_EQUAL(fired, 2);
	CU_ASSERT_EQUAL(store_dispatch(&store), 0);
	daemon_write("/local/domain/1/data/x", "3");
	CU_ASSERT_EQUAL(store_unwatch(&store, &w), 0);
	CU_ASSERT_EQUAL(store_unwatch(&store, &w), -ENOENT);
	world_settle();
	CU_ASSERT_EQUAL(fired, 2);
	for (unsigned int i = 0; i < STORE_WATCHES; i++) {
		many[i] = w;
		CU_ASSERT_EQUAL(store_watch(&store, &many[i]), 0);
	}
	CU_ASSERT_EQUAL(store_watch(&store, &w), -ENOSPC);
	world_settle();
	CU_ASSERT_EQUAL(fired, 2 + STORE_WATCHES);
	for (unsigned int i = 0; i < STORE_WATCHES; i++)
		CU_ASSERT_EQUAL(store_unwatch(&store, &many[i]), 0);
	CU_ASSERT_EQUAL(store.error, 0);
	world_end();
}

/* Messages that a bad store sends, in answer to a request with id 1. */
static void put_message(uint32_t type, uint32_t id, uint32_t length, const char *payload)
{
	struct xsd_sockmsg head = { .type = type, .req_id = id, .len = length };
	const char *p = (const char *)&head;

	for (unsigned int i = 0; i < sizeof(head); i++)
		store_page.rsp[MASK_XENSTORE_IDX(store_page.rsp_prod++)] = p[i];
	for (unsigned int i = 0; payload && length <= 512 && i < length; i++)
		store_page.rsp[MASK_XENSTORE_IDX(store_page.rsp_prod++)] = payload[i];
}

static unsigned int bad_case;

static void bad_backend(void)
{
	store_page.req_cons = store_page.req_prod;
	switch (bad_case) {
	case 0: put_message(XS_READ, 2, 1, "x"); break;			/* nobody's */
	case 1: put_message(XS_WRITE, 1, 1, "x"); break;		/* of another kind */
	case 2: put_message(XS_READ, 1, XENSTORE_PAYLOAD_MAX + 1, "x"); break;
	case 3: put_message(XS_READ, 1, UINT32_MAX, "x"); break;
	case 4: store_page.rsp_prod = store_page.rsp_cons + XENSTORE_RING_SIZE + 1; break;
	case 5: store_page.req_cons = store_page.req_prod + 5; break;	/* seen with the next one */
	case 6: put_message(XS_ERROR, 1, 7, "ENOENT"); break;
	case 7: put_message(XS_ERROR, 1, 6, "ENOENT"); break;		/* not terminated */
	case 8: put_message(XS_ERROR, 1, 3, "Ex"); break;		/* of no known name */
	case 9: put_message(XS_READ, 1, 3, "a\0b"); break;
	case 10: put_message(XS_READ, 1, 40, "0123456789012345678901234567890123456789"); break;
	case 11:	/* events for nobody come first */
		put_message(XS_WATCH_EVENT, 0, 5, "path\0");
		put_message(XS_WATCH_EVENT, 0, 7, "path\0" "99");
		put_message(XS_WATCH_EVENT, 0, 6, "path\0" "3");
		put_message(XS_WATCH_EVENT, 0, 4, "path");
		put_message(XS_WATCH_EVENT, 0, 0, NULL);
		put_message(XS_READ, 1, 0, NULL);
		break;
	case 12: break;							/* no answer */
	}
}

TEST(test_bad_store, "a store that breaks the rules")
{
	static const int want[] = { -EIO, -EIO, -EIO, -EIO, -EIO, -ETIMEDOUT, -ENOENT, -ENOENT,
				    -EINVAL, -EBADMSG, -E2BIG, 0, -ETIMEDOUT };
	static const bool dead[] = { 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1 };

	for (bad_case = 0; bad_case < sizeof(want) / sizeof(want[0]); bad_case++) {
		char value[32];
		int n;

		world_begin();
		world.no_daemon = true;
		world.backend = bad_backend;
		n = store_read(&store, 0, "a", value, sizeof(value));
		if (n != want[bad_case])
			printf("\n    case %u: %d instead of %d ", bad_case, n, want[bad_case]);
		CU_ASSERT_EQUAL(n, want[bad_case]);
		CU_ASSERT_EQUAL(store.error != 0, dead[bad_case]);
		if (dead[bad_case]) {
			/* It stays so. */
			CU_ASSERT_EQUAL(store_read(&store, 0, "a", value, sizeof(value)),
					want[bad_case]);
			CU_ASSERT_EQUAL(store_dispatch(&store), want[bad_case]);
			CU_ASSERT_EQUAL(world.lines, 1);
		}
		world_end();
	}
}

/* What comes although nothing was asked ends the connection; an endless stream does not keep us. */
TEST(test_unasked, "a store that speaks unasked")
{
	world_begin();
	world.no_daemon = true;
	store_page.req_cons = 5;
	CU_ASSERT_EQUAL(store_remove(&store, 0, "a"), -EIO);
	world_end();
	world_begin();
	world.no_daemon = true;
	put_message(XS_WATCH_EVENT, 0, 0, NULL);
	CU_ASSERT_EQUAL(store_dispatch(&store), 0);
	put_message(XS_READ, 0, 0, NULL);
	CU_ASSERT_EQUAL(store_dispatch(&store), -EIO);
	world_end();
}

/* A page whose words change all the time: the sanitizers watch what it leads to. */
TEST(test_random_store, "a store at random")
{
	uint32_t *words = (uint32_t *)&store_page;

	srand(1);
	for (unsigned int round = 0; round < 3000; round++) {
		char value[32];

		world_begin();
		world.no_daemon = true;
		for (unsigned int i = 0; i < 8; i++) {
			for (unsigned int j = rand() % 40; j; j--)
				words[rand() % (sizeof(store_page) / 4)] =
					rand() % 3 ? (uint32_t)rand() % 4096 : (uint32_t)rand();
			store_page.rsp_prod = store.in.own + (uint32_t)rand() % 1030;
			store_page.req_cons = store.out.own - (uint32_t)rand() % 1030;
			store_dispatch(&store);
			/* Answered or not within a minute, it ends. */
			store_read(&store, 0, "a", value, sizeof(value));
		}
		world_end();
	}
}

/* ---- the console ---- */

static struct xencons_interface console_page;
static char shown[8192];
static size_t nr_shown;

static void console_backend(void)
{
	for (unsigned int i = 0; i < 700 && console_page.out_cons != console_page.out_prod; i++)
		shown[nr_shown++] =
			console_page.out[MASK_XENCONS_IDX(console_page.out_cons++,
							  console_page.out)];
}

TEST(test_console, "the console")
{
	struct console c;
	char text[5000], typed[16];

	world_begin();
	memset(&console_page, 0, sizeof(console_page));
	/* As somebody before us left them. */
	console_page.out_prod = console_page.out_cons = 0xffffff00;
	console_page.in_prod = console_page.in_cons = 0xfffffffe;
	console_open(&c, &frontend, &console_page, 5);
	for (unsigned int i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 23);
	nr_shown = 0;
	world.backend = console_backend;
	CU_ASSERT_EQUAL(console_write(&c, text, sizeof(text)), 0);
	CU_ASSERT(world.ports[5].sent > 1);
	console_backend();
	console_backend();
	console_backend();
	CU_ASSERT_EQUAL(nr_shown, sizeof(text));
	CU_ASSERT_EQUAL(memcmp(shown, text, sizeof(text)), 0);
	CU_ASSERT_EQUAL(console_read(&c, typed, sizeof(typed)), 0);
	for (const char *p = "typed"; *p; p++)
		console_page.in[MASK_XENCONS_IDX(console_page.in_prod++, console_page.in)] = *p;
	CU_ASSERT_EQUAL(console_read(&c, typed, 3), 3);
	CU_ASSERT_EQUAL(console_read(&c, typed + 3, 13), 2);
	CU_ASSERT_EQUAL(memcmp(typed, "typed", 5), 0);
	/* Nobody takes anything: what does not fit is lost, and the next line is tried. */
	world.backend = NULL;
	CU_ASSERT_EQUAL(console_write(&c, text, 3000), -ETIMEDOUT);
	world.backend = console_backend;
	CU_ASSERT_EQUAL(console_write(&c, "x", 1), 0);
	/* A daemon with impossible indices. */
	console_page.in_prod += 5000;
	CU_ASSERT_EQUAL(console_read(&c, typed, 3), -EIO);
	CU_ASSERT_EQUAL(console_write(&c, "x", 1), -EIO);
	console_open(&c, &frontend, &console_page, 5);
	console_page.out_cons = console_page.out_prod + 1;
	CU_ASSERT_EQUAL(console_write(&c, "x", 1), -EIO);
	CU_ASSERT_EQUAL(console_read(&c, typed, 3), -EIO);
	world_end();
}

/* ---- control/shutdown ---- */

static unsigned int requests[3];

static void requested(struct control *c, enum control_request what)
{
	/* The toolstack has its acknowledgement already. */
	CU_ASSERT_STRING_EQUAL(daemon_read("/local/domain/1/control/shutdown"), "");
	requests[what]++;
}

static void ask_for(const char *word)
{
	daemon_write("/local/domain/1/control/shutdown", word);
	world_settle();
}

TEST(test_control, "shutdown")
{
	struct control c = { .requested = requested };

	world_begin();
	daemon_write("/local/domain/1/control/shutdown", "");
	daemon_permit("/local/domain/1/control/shutdown", "n1");
	memset(requests, 0, sizeof(requests));
	/* xl lets a guest write two features and no third. */
	daemon_write("/local/domain/1/control/feature-halt", "");
	daemon_permit("/local/domain/1/control/feature-halt", "n0");
	CU_ASSERT_EQUAL(control_open(&c, &store), 0);
	CU_ASSERT_STRING_EQUAL(daemon_read("/local/domain/1/control/feature-poweroff"), "1");
	CU_ASSERT_STRING_EQUAL(daemon_read("/local/domain/1/control/feature-reboot"), "1");
	world_settle();
	CU_ASSERT_EQUAL(requests[0] + requests[1], 0);
	ask_for("poweroff");
	CU_ASSERT_EQUAL(requests[CONTROL_POWEROFF], 1);
	ask_for("reboot");
	CU_ASSERT_EQUAL(requests[CONTROL_REBOOT], 1);
	ask_for("halt");
	CU_ASSERT_EQUAL(requests[CONTROL_POWEROFF], 2);
	/* Words of others are acknowledged and do nothing. */
	ask_for("dance");
	ask_for("a word that is longer than any that there is");
	CU_ASSERT_STRING_EQUAL(daemon_read("/local/domain/1/control/shutdown"), "");
	CU_ASSERT_EQUAL(requests[0], 2);
	CU_ASSERT_EQUAL(requests[1], 1);
	/* A kernel that has nothing for it does not say that it can be saved, and is not asked. */
	ask_for("suspend");
	CU_ASSERT_EQUAL(requests[CONTROL_SUSPEND], 0);
	CU_ASSERT_STRING_EQUAL(daemon_read("/local/domain/1/control/feature-suspend"), "");
	daemon_remove("/local/domain/1/control/shutdown");
	world_settle();
	CU_ASSERT_EQUAL(requests[0] + requests[1], 3);
	CU_ASSERT_EQUAL(store.error, 0);
	world_end();

	world_begin();
	daemon_write("/local/domain/1/control/shutdown", "");
	daemon_permit("/local/domain/1/control/shutdown", "n1");
	c.can_suspend = true;
	CU_ASSERT_EQUAL(control_open(&c, &store), 0);
	CU_ASSERT_STRING_EQUAL(daemon_read("/local/domain/1/control/feature-suspend"), "1");
	ask_for("suspend");
	CU_ASSERT_EQUAL(requests[CONTROL_SUSPEND], 1);
	world_end();
}

/* ---- suspend ---- */

static void answer_x(void)
{
	store_page.req_cons = store_page.req_prod;
	put_message(XS_READ, store.last_id, 1, "x");
}

/* What the former daemon had begun to say is nothing to the new one, and no watch is set there. */
TEST(test_store_resume, "the store in another domain")
{
	struct store_watch w = { .path = "data/x", .fired = count_fired };
	char value[4];

	world_begin();
	CU_ASSERT_EQUAL(store_watch(&store, &w), 0);
	world_settle();
	world.no_daemon = true;
	fired = 0;
	/* A head and a part of what it announces; then what was not looked at. */
	put_message(XS_WATCH_EVENT, 0, 40, NULL);
	put_message(XS_WATCH_EVENT, 0, 40, NULL);
	CU_ASSERT_EQUAL(store_dispatch(&store), 0);
	CU_ASSERT(store.have > 0);
	put_message(XS_READ, 0, 3, NULL);
	store_resume(&store, 9);
	CU_ASSERT_EQUAL(store_page.rsp_cons, store_page.rsp_prod);
	CU_ASSERT_EQUAL(store_dispatch(&store), 0);
	world.backend = answer_x;
	CU_ASSERT_EQUAL(store_read(&store, 0, "a", value, sizeof(value)), 1);
	CU_ASSERT(world.ports[9].sent > 0);
	CU_ASSERT_EQUAL(store_unwatch(&store, &w), -ENOENT);
	CU_ASSERT_EQUAL(fired, 0);
	/* One that was over lives again. */
	world.backend = NULL;
	put_message(XS_READ, 0, 0, NULL);
	CU_ASSERT_EQUAL(store_dispatch(&store), -EIO);
	store_resume(&store, 9);
	world.backend = answer_x;
	CU_ASSERT_EQUAL(store_read(&store, 0, "a", value, sizeof(value)), 1);
	world_end();
}

static struct {
	struct start_info si;
	long result;
	unsigned int step;	/* which of the kernel's parts is next */
	bool restored;
} still;

static xen_pfn_t still_pfn(void *kernel, xen_pfn_t mfn)
{
	CU_ASSERT_EQUAL(still.step, 0);
	return mfn - 0x1000;
}

static void still_let_go(void *kernel)
{
	CU_ASSERT_EQUAL(still.step++, 0);
}

static long still_shutdown(void *kernel)
{
	CU_ASSERT_EQUAL(still.step++, 1);
	CU_ASSERT_EQUAL(still.si.store_mfn, 0x11);
	CU_ASSERT_EQUAL(still.si.console.domU.mfn, 0x22);
	if (!still.result) {
		still.si.store_mfn = 0x2011;
		still.si.console.domU.mfn = 0x2022;
	}
	return still.result;
}

static void still_take_up(void *kernel, bool restored)
{
	CU_ASSERT_EQUAL(still.step++, 2);
	still.restored = restored;
}

/* In the image there are pages; afterwards frames: the old ones, or the new domain's. */
TEST(test_suspend, "suspend")
{
	static const struct suspend_ops ops = {
		.pfn = still_pfn, .let_go = still_let_go, .shutdown = still_shutdown,
		.take_up = still_take_up,
	};
	static const long results[] = { SUSPEND_RESTORED, SUSPEND_CANCELLED, -EINVAL };

	for (unsigned int i = 0; i < 3; i++) {
		memset(&still, 0, sizeof(still));
		still.result = results[i];
		still.si.store_mfn = 0x1011;
		still.si.console.domU.mfn = 0x1022;
		CU_ASSERT_EQUAL(suspend(&ops, NULL, &still.si), results[i]);
		CU_ASSERT_EQUAL(still.step, 3);
		CU_ASSERT_EQUAL(still.restored, !i);
		CU_ASSERT_EQUAL(still.si.store_mfn, i ? 0x1011 : 0x2011);
		CU_ASSERT_EQUAL(still.si.console.domU.mfn, i ? 0x1022 : 0x2022);
	}
}

/* ---- the balloon ---- */

#define PAGES 512
#define FRAME(pfn) (0x10000 + (xen_pfn_t)(pfn))

static struct {
	xen_pfn_t p2m[PAGES];
	bool ours[PAGES];	/* the kernel has it, with a frame */
	unsigned int nr, keep;	/* it gives none away below keep */
	xen_pfn_t next_frame;
	long limit;		/* extents that the hypervisor does at once; negative: an error */
	bool lies;
} memory;

static int take(void *kernel, xen_pfn_t *pfn)
{
	if (memory.nr <= memory.keep)
		return -ENOMEM;
	for (*pfn = PAGES - 1; !memory.ours[*pfn]; --*pfn)
		;
	memory.ours[*pfn] = false;
	memory.nr--;
	return 0;
}

static void give(void *kernel, xen_pfn_t pfn)
{
	CU_ASSERT_FATAL(pfn < PAGES && !memory.ours[pfn]);
	CU_ASSERT_NOT_EQUAL(memory.p2m[pfn], BALLOON_NO_FRAME);
	memory.ours[pfn] = true;
	memory.nr++;
}

static xen_pfn_t get_mfn(void *kernel, xen_pfn_t pfn)
{
	return memory.p2m[pfn];
}

static void set_mfn(void *kernel, xen_pfn_t pfn, xen_pfn_t mfn)
{
	memory.p2m[pfn] = mfn;
}

static const struct balloon_ops balloon_ops = {
	.take = take, .give = give, .mfn = get_mfn, .set_mfn = set_mfn,
};

static long reservation(unsigned int cmd, void *arg)
{
	struct xen_memory_reservation *r = arg;
	xen_pfn_t *list = (xen_pfn_t *)(uintptr_t)r->extent_start;
	long n = (long)r->nr_extents;

	CU_ASSERT_EQUAL(r->domid, DOMID_SELF);
	CU_ASSERT_EQUAL(r->extent_order, 0);
	CU_ASSERT(n > 0 && n <= (long)BALLOON_BATCH);
	if (memory.limit < 0)
		return memory.limit;
	if (memory.lies)
		return n + 1;
	if (n > memory.limit)
		n = memory.limit;
	for (long i = 0; i < n; i++) {
		if (cmd == XENMEM_decrease_reservation) {
			/* A frame of ours, and the P2M does not name it any more. */
			CU_ASSERT(list[i] >= FRAME(0));
			for (unsigned int pfn = 0; pfn < PAGES; pfn++)
				CU_ASSERT_NOT_EQUAL(memory.p2m[pfn], list[i]);
		} else {
			CU_ASSERT_EQUAL(cmd, XENMEM_populate_physmap);
			CU_ASSERT_FATAL(list[i] < PAGES);
			CU_ASSERT_EQUAL(memory.p2m[list[i]], BALLOON_NO_FRAME);
			list[i] = memory.next_frame++;
		}
	}
	return n;
}

/* The books: every page is the kernel's with a frame, or out without one. */
static void check_memory(const struct balloon *b)
{
	bool out[PAGES] = { false };

	for (size_t i = 0; i < b->nr_out; i++) {
		CU_ASSERT_FATAL(b->out[i] < PAGES && !out[b->out[i]]);
		out[b->out[i]] = true;
	}
	for (unsigned int pfn = 0; pfn < PAGES; pfn++) {
		CU_ASSERT_EQUAL(memory.ours[pfn], !out[pfn]);
		CU_ASSERT_EQUAL(memory.p2m[pfn] == BALLOON_NO_FRAME, out[pfn]);
	}
	CU_ASSERT_EQUAL(b->now, memory.nr);
	CU_ASSERT_EQUAL(b->nr_out, PAGES - memory.nr);
}

static int go(struct balloon *b)
{
	int more;

	do {
		more = balloon_step(b);
		check_memory(b);
	} while (more > 0);
	return more;
}

static void target(const char *kib)
{
	daemon_write("/local/domain/1/memory/target", kib);
	world_settle();
}

TEST(test_balloon, "the balloon")
{
	static xen_pfn_t out[400];
	struct balloon b;

	world_begin();
	world.memory_op = reservation;
	memset(&memory, 0, sizeof(memory));
	memory.nr = PAGES;
	memory.keep = 100;
	memory.limit = 1000;
	memory.next_frame = FRAME(PAGES);
	for (unsigned int i = 0; i < PAGES; i++) {
		memory.ours[i] = true;
		memory.p2m[i] = FRAME(i);
	}
	daemon_write("/local/domain/1/memory/target", "2048");
	CU_ASSERT_EQUAL(balloon_open(&b, &store, &balloon_ops, PAGES, out, 400), 0);
	CU_ASSERT_EQUAL(go(&b), 0);
	CU_ASSERT_EQUAL(memory.nr, PAGES);
	target("1200");
	CU_ASSERT_EQUAL(go(&b), 0);
	CU_ASSERT_EQUAL(memory.nr, 300);
	target("2047");
	CU_ASSERT_EQUAL(go(&b), 0);
	CU_ASSERT_EQUAL(memory.nr, 511);
	CU_ASSERT_EQUAL(balloon_report(&b, 2040), 0);
	CU_ASSERT_STRING_EQUAL(daemon_read("/local/domain/1/memory/meminfo"), "2040");
	/* What is no target changes nothing. */
	target("0");
	target("lots");
	CU_ASSERT_EQUAL(go(&b), 0);
	/* More than there ever was; less than the kernel can spare, or than fits into the list. */
	target("4096");
	CU_ASSERT_EQUAL(go(&b), -ENOMEM);
	CU_ASSERT_EQUAL(memory.nr, PAGES);
	target("40");
	CU_ASSERT_EQUAL(go(&b), -ENOMEM);
	CU_ASSERT_EQUAL(memory.nr, PAGES - 400);
	target("2048");
	CU_ASSERT_EQUAL(go(&b), 0);
	memory.keep = 300;
	target("40");
	CU_ASSERT_EQUAL(go(&b), -ENOMEM);
	CU_ASSERT_EQUAL(memory.nr, 300);
	/* The hypervisor does a part, nothing, more than it was asked for, or has no memory. */
	memory.limit = 10;
	target("2048");
	CU_ASSERT_EQUAL(go(&b), -ENOMEM);
	CU_ASSERT_EQUAL(memory.nr, 310);
	memory.limit = -ENOMEM;
	CU_ASSERT_EQUAL(go(&b), -ENOMEM);
	memory.limit = -EPERM;
	CU_ASSERT_EQUAL(go(&b), -EIO);
	memory.limit = 1000;
	memory.lies = true;
	CU_ASSERT_EQUAL(go(&b), -EIO);
	memory.lies = false;
	CU_ASSERT_EQUAL(go(&b), 0);
	CU_ASSERT_EQUAL(memory.nr, PAGES);
	target("1200");
	memory.limit = 10;
	CU_ASSERT_EQUAL(go(&b), -EIO);
	CU_ASSERT_EQUAL(memory.nr, PAGES - 10);
	memory.limit = 0;
	CU_ASSERT_EQUAL(go(&b), -EIO);
	memory.limit = -EPERM;
	CU_ASSERT_EQUAL(go(&b), -EIO);
	memory.limit = 1000;
	memory.lies = true;
	CU_ASSERT_EQUAL(go(&b), -EIO);
	memory.lies = false;
	CU_ASSERT_EQUAL(go(&b), 0);
	CU_ASSERT_EQUAL(memory.nr, 300);
	world_end();
}

SUITE("frontends: store, console, balloon")
