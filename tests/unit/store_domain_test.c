// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c libhvctl/store/tree.c
// sources: libhvctl/store/quota.c libhvctl/store/watch.c libhvctl/store/transaction.c
// sources: libhvctl/budget.c libhvctl/store/store.c libhvctl/store/journal.c
// sources: libhvctl/store/control.c libhvctl/store/protocol.c libhvctl/store/ring.c
// sources: libhvctl/store/connection.c libhvctl/store/replay.c libhvctl/store/evtchn.c
// sources: libhvctl/store/privcmd.c
/*
 * Domains that begin anew: each pays for that, and waits for it when it has used up its ration of
 * the store's time. There are no devices: nobody hears of events but by what is called here.
 */
#include "libhvctl/store/domain.c"
#include "store_sim.h"
#include "suite.h"

void log_line(const char *format, ...)
{
	(void)format;
}

static struct turns turns;
static struct domains domains;
static struct xenstore_domain_interface page[2];
static struct domain *guests[2];

static void begin_two(void)
{
	begin();
	turns = (struct turns){ 0 };
	domains = (struct domains){ .store = store, .turns = &turns, .evtchn = -1 };
	for (domid_t i = 0; i < 2; i++) {
		struct domain *d = calloc(1, sizeof(*d));

		CU_ASSERT_PTR_NOT_NULL_FATAL(d);
		memset(&page[i], 0, sizeof(page[i]));
		d->domains = &domains;
		d->domid = i + 1;
		d->port = i + 1;
		d->ring = &page[i];
		d->connection.ops = &ring_ops;
		d->connection.client = client_new(store, d->domid, d);
		CU_ASSERT_PTR_NOT_NULL_FATAL(d->connection.client);
		d->connection.client->lasting = &d->lasting;
		add_domain(&domains, d);
		guests[i] = d;
	}
}

static void end_two(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		turns_remove(&turns, &guests[i]->connection);
		client_free(guests[i]->connection.client);
		free(guests[i]);
	}
	store_free(store);
}

/* Guest @i asks for an empty ring; returns whether it has one. */
static bool anew(unsigned int i)
{
	page[i].connection = XENSTORE_RECONNECT;
	on_event(&domains, guests[i]);
	return page[i].connection == XENSTORE_CONNECTED;
}

TEST(test_anew, "who begins anew without end waits for it, and others do not")
{
	unsigned int times = 0, before;
	uint64_t until;

	CU_ASSERT_TRUE(anew(0));
	/* As often as there are events. */
	for (unsigned int ms = 0; ms < 10000; ms++, fake_now++) {
		domains_interval(&domains, fake_now);
		for (unsigned int n = 0; n < 10; n++)
			times += anew(0);
		CU_ASSERT_TRUE_FATAL(ms % 100 || anew(1));
	}
	CU_ASSERT_TRUE(times >= 10000 && times <= 25000);
	/* It is not forgotten: it needs no other event for that. */
	for (before = 0; anew(0); before++)
		CU_ASSERT_FATAL(before < 10000);
	CU_ASSERT_FALSE(client_may_ask(guests[0]->connection.client, &until));
	CU_ASSERT_TRUE(until > fake_now && domains_interval(&domains, fake_now) >= 0);
	for (; page[0].connection != XENSTORE_CONNECTED; fake_now++) {
		CU_ASSERT_TRUE_FATAL(fake_now < until + INTERVAL_MS);
		domains_interval(&domains, fake_now);
	}
	CU_ASSERT_TRUE(fake_now >= until);
	/* And then nobody has to be looked at any more. */
	fake_now += 10000;
	domains_interval(&domains, fake_now);
	CU_ASSERT_EQUAL(domains_interval(&domains, fake_now), -1);
}

SUITE("the store's domains", .begin = begin_two, .end = end_two)
