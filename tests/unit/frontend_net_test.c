// SPDX-License-Identifier: GPL-2.0-or-later
// sources: frontends/lib/netfront.c frontends/lib/xenbus.c
// sources: frontends/lib/store.c frontends/lib/ring.c frontends/lib/text.c frontends/lib/grant.c
// sources: tests/unit/frontend_store.c
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c
// sources: libhvctl/store/tree.c libhvctl/store/quota.c libhvctl/store/watch.c
// sources: libhvctl/budget.c
// sources: libhvctl/store/transaction.c libhvctl/store/store.c libhvctl/store/control.c
// sources: libhvctl/store/journal.c
// sources: libhvctl/store/protocol.c libhvctl/store/ring.c libhvctl/store/connection.c
/*
 * A network interface against a backend that behaves, sending back what it gets, and against one
 * that answers anything.
 */
#define FRONT "/local/domain/1/device/vif/0"
#define BACK  "/local/domain/0/backend/vif/1/0"
#include "frontend_backend.h"
#include "suite.h"

#include "frontends/lib/netfront.h"

#define QUEUE 400u

/* After Linux' backend: connects when we say so, copies into the pages that it is offered. */
static struct {
	struct netif_tx_back_ring tx;
	struct netif_rx_back_ring rx;
	bool connected;
	bool slow;		/* it takes nothing that is sent */
	int tx_status;
	bool keeps;		/* it does not unmap what was sent */
	/* What it received, to be sent back. */
	struct {
		uint16_t size, flags;
		char data[4096];
	} queue[QUEUE];
	unsigned int nr, sent_back;
} back;

static void back_disconnect(void)
{
	if (!back.connected)
		return;
	back.connected = false;
	backend_unmap(world_number(front("tx-ring-ref")));
	backend_unmap(world_number(front("rx-ring-ref")));
}

static void back_connect(void)
{
	void *tx = backend_map(world_number(front("tx-ring-ref")), true);
	void *rx = backend_map(world_number(front("rx-ring-ref")), true);

	CU_ASSERT_PTR_NOT_NULL_FATAL(tx);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rx);
	CU_ASSERT_EQUAL(world_number(front("request-rx-copy")), 1);
	CU_ASSERT_EQUAL(world_number(front("feature-rx-notify")), 1);
	CU_ASSERT_EQUAL(world_number(front("feature-sg")), 0);
	BACK_RING_INIT(&back.tx, (struct netif_tx_sring *)tx, 4096);
	BACK_RING_INIT(&back.rx, (struct netif_rx_sring *)rx, 4096);
	back.connected = true;
}

static void push_rx(void)
{
	int notify;

	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&back.rx, notify);
	if (notify)
		back_event();
}

static void push_tx(void)
{
	int notify;

	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&back.tx, notify);
	if (notify)
		back_event();
}

static void take_sent(void)
{
	while (RING_HAS_UNCONSUMED_REQUESTS(&back.tx)) {
		struct netif_tx_request r;
		char *page;

		RING_COPY_REQUEST(&back.tx, back.tx.req_cons, &r);
		back.tx.req_cons++;
		page = backend_map(r.gref, false);
		CU_ASSERT_PTR_NOT_NULL_FATAL(page);
		CU_ASSERT_PTR_NULL(backend_map(r.gref, true));	/* it is not ours to write */
		CU_ASSERT_FATAL(r.offset + r.size <= 4096);
		if (back.nr < QUEUE) {
			back.queue[back.nr].size = r.size;
			back.queue[back.nr].flags = r.flags;
			memcpy(back.queue[back.nr++].data, page + r.offset, r.size);
		}
		if (!back.keeps)
			backend_unmap(r.gref);
		*RING_GET_RESPONSE(&back.tx, back.tx.rsp_prod_pvt++) = (struct netif_tx_response){
			.id = r.id, .status = (int16_t)back.tx_status,
		};
	}
	push_tx();
}

/* The next page that is offered, written to by a grant copy; false: none is. */
static bool next_page(struct netif_rx_request *r, char **page)
{
	if (!RING_HAS_UNCONSUMED_REQUESTS(&back.rx))
		return false;
	RING_COPY_REQUEST(&back.rx, back.rx.req_cons, r);
	back.rx.req_cons++;
	*page = backend_map(r->gref, true);
	CU_ASSERT_PTR_NOT_NULL_FATAL(*page);
	backend_unmap(r->gref);
	return true;
}

static void rx_answer(struct netif_rx_response r)
{
	*RING_GET_RESPONSE(&back.rx, back.rx.rsp_prod_pvt++) = r;
}

static void send_back(void)
{
	while (back.sent_back < back.nr) {
		struct netif_rx_request r;
		char *page;

		if (!next_page(&r, &page))
			break;
		memcpy(page, back.queue[back.sent_back].data, back.queue[back.sent_back].size);
		rx_answer((struct netif_rx_response){
			.id = r.id, .status = (int16_t)back.queue[back.sent_back].size,
			.flags = back.queue[back.sent_back].flags & NETTXF_csum_blank ?
				 NETRXF_csum_blank | NETRXF_data_validated : 0,
		});
		back.sent_back++;
	}
	push_rx();
}

static void backend(void)
{
	switch (world_number(front("state"))) {
	case XenbusStateInitialising:
		if (back_is == XenbusStateClosed)
			back_state(XenbusStateInitWait);
		break;
	case XenbusStateConnected:
		if (back_is == XenbusStateInitWait) {
			back_connect();
			back_state(XenbusStateConnected);
		}
		break;
	case XenbusStateClosing:
		back_disconnect();
		back_state(XenbusStateClosing);
		break;
	case XenbusStateClosed:
		back_disconnect();
		back_state(XenbusStateClosed);
		break;
	}
	if (!back.connected)
		return;
	if (!back.slow)
		take_sent();
	send_back();
}

/* ---- our side ---- */

static struct {
	unsigned int nr;
	unsigned int size, flags;
	char data[4096];
} got;
static unsigned int ended;

static void receive(struct netfront *n, const void *data, unsigned int size, unsigned int flags)
{
	CU_ASSERT_PTR_EQUAL(n->context, &got);
	CU_ASSERT_FATAL(size > 0 && size <= 4096);
	/* Nobody else may use that page now. */
	for (unsigned int i = 0; i < GRANT_TABLE_MAX; i++)
		if (world.entries[i].flags)
			CU_ASSERT_FALSE((const char *)data >= (char *)world.granted[i] &&
					(const char *)data < (char *)world.granted[i] + 4096);
	memcpy(got.data, data, size);
	got.size = size;
	got.flags = flags;
	got.nr++;
}

static void done(struct net_packet *p)
{
	CU_ASSERT_PTR_NULL(p->context);
	p->context = p;
	ended++;
}

static struct netfront *net_begin(void)
{
	struct netfront *n = calloc(1, sizeof(*n));

	device_begin(backend);
	memset(&back, 0, sizeof(back));
	memset(&got, 0, sizeof(got));
	ended = 0;
	n->receive = receive;
	n->context = &got;
	daemon_write(front("mac"), "00:16:3e:aB:Cd:0f");
	return n;
}

static void net_open(struct netfront *n)
{
	CU_ASSERT_EQUAL(netfront_open(n, &store, "0"), 0);
	world_settle();
	CU_ASSERT_FATAL(n->xenbus.running);
}

static void net_end(struct netfront *n, int pages)
{
	device_end(&n->xenbus, pages);
	world_end();
	free(n);
}

static char frame[3 * 4096] __attribute__((aligned(4096)));

static struct net_packet packet(unsigned int offset, unsigned int size, unsigned int flags)
{
	return (struct net_packet){ .data = frame + offset, .size = (uint16_t)size,
				    .flags = (uint16_t)flags, .done = done };
}

TEST(test_loop, "back and forth")
{
	struct netfront *n = net_begin();
	struct net_packet p = packet(0, 60, 0);
	static const uint8_t mac[6] = { 0, 0x16, 0x3e, 0xab, 0xcd, 0x0f };

	CU_ASSERT_EQUAL(netfront_send(n, &p), -ENODEV);
	net_open(n);
	CU_ASSERT_EQUAL(memcmp(n->mac, mac, 6), 0);
	CU_ASSERT(n->checksums);
	for (unsigned int i = 0; i < sizeof(frame); i++)
		frame[i] = (char)(i * 11 + i / 256);
	/* Of all sizes, often enough to go round the rings. */
	for (unsigned int i = 0; i < 900; i++) {
		unsigned int size = 1 + i * 37 % 4000, offset = i * 13 % 97;
		unsigned int flags = i % 3 ? 0 : NET_CSUM_BLANK;

		p = packet(offset, size, flags);
		CU_ASSERT_EQUAL(netfront_send(n, &p), 0);
		world_turn();
		world_turn();
		CU_ASSERT_PTR_NOT_NULL(p.context);
		CU_ASSERT_EQUAL(p.status, 0);
		CU_ASSERT_FALSE(p.stuck);
		CU_ASSERT_EQUAL_FATAL(got.nr, i + 1);
		CU_ASSERT_EQUAL(got.size, size);
		CU_ASSERT_EQUAL(got.flags, flags ? NET_CSUM_BLANK | NET_CSUM_GOOD : 0);
		CU_ASSERT_EQUAL(memcmp(got.data, frame + offset, size), 0);
		back.nr = back.sent_back = 0;
	}
	/* Pages go round: there are not more than are offered. */
	CU_ASSERT_EQUAL(world.pages, 2 + NETFRONT_BUFFERS);
	CU_ASSERT_EQUAL(n->dropped, 0);
	/* What cannot be sent. */
	p = packet(0, 0, 0);
	CU_ASSERT_EQUAL(netfront_send(n, &p), -EINVAL);
	p = packet(4000, 97, 0);
	CU_ASSERT_EQUAL(netfront_send(n, &p), -EINVAL);
	p = packet(1, 65535, 0);
	CU_ASSERT_EQUAL(netfront_send(n, &p), -EINVAL);
	p = packet(4000, 96, 0);
	CU_ASSERT_EQUAL(netfront_send(n, &p), 0);
	world_turn();
	/* What is not sent. */
	back.tx_status = NETIF_RSP_ERROR;
	p = packet(0, 60, 0);
	CU_ASSERT_EQUAL(netfront_send(n, &p), 0);
	world_turn();
	CU_ASSERT_EQUAL(p.status, -EIO);
	/* A page that it keeps. */
	back.tx_status = 0;
	back.keeps = true;
	p = packet(0, 60, 0);
	CU_ASSERT_EQUAL(netfront_send(n, &p), 0);
	world_turn();
	CU_ASSERT(p.stuck);
	net_end(n, 0);
}

TEST(test_full, "full rings, little memory")
{
	static struct net_packet ps[300];
	struct netfront *n = net_begin();
	unsigned int i, left;

	back_put("feature-no-csum-offload", "1");
	net_open(n);
	CU_ASSERT_FALSE(n->checksums);
	ps[0] = packet(0, 60, NET_CSUM_BLANK);
	CU_ASSERT_EQUAL(netfront_send(n, &ps[0]), -EOPNOTSUPP);
	back.slow = true;
	for (i = 0; i < 300; i++) {
		ps[i] = packet(0, 60, 0);
		if (netfront_send(n, &ps[i]))
			break;
	}
	CU_ASSERT_EQUAL(i, 256);
	CU_ASSERT_EQUAL(netfront_send(n, &ps[i]), -EAGAIN);
	back.slow = false;
	for (i = 0; i < 20; i++)
		world_turn();
	CU_ASSERT_EQUAL(ended, 256);
	CU_ASSERT_EQUAL(got.nr, 256);
	/* No reference is free. */
	left = world.grants.nr_free;
	world.grants.nr_free = 0;
	CU_ASSERT_EQUAL(netfront_send(n, &ps[256]), -EAGAIN);
	world.grants.nr_free = left;
	/* Closed with packets under way. */
	back.slow = true;
	ended = 0;
	for (i = 0; i < 5; i++) {
		ps[i] = packet(0, 60, 0);
		CU_ASSERT_EQUAL(netfront_send(n, &ps[i]), 0);
	}
	net_end(n, 0);
	CU_ASSERT_EQUAL(ended, 5);
	CU_ASSERT_EQUAL(ps[4].status, -EIO);

	/* Memory for a few pages only: they are used, and used again. */
	n = net_begin();
	world.pages_left = 2 + 3;
	net_open(n);
	for (i = 0; i < 50; i++) {
		ps[0] = packet(0, 60, 0);
		CU_ASSERT_EQUAL(netfront_send(n, &ps[0]), 0);
		world_turn();
		world_turn();
	}
	CU_ASSERT_EQUAL(got.nr, 50);
	net_end(n, 0);
}

TEST(test_states, "states")
{
	struct netfront *n = net_begin();
	struct net_packet p;

	net_open(n);
	for (unsigned int i = 0; i < 3; i++) {
		xenbus_close(&n->xenbus);
		world_settle();
		CU_ASSERT(xenbus_closed(&n->xenbus));
		CU_ASSERT_EQUAL(world.pages, 0);
		xenbus_reopen(&n->xenbus);
		world_settle();
		CU_ASSERT_FATAL(n->xenbus.running);
		p = packet(0, 60, 0);
		CU_ASSERT_EQUAL(netfront_send(n, &p), 0);
		world_turn();
		world_turn();
		CU_ASSERT_EQUAL(got.nr, i + 1);
	}
	net_end(n, 0);
	/* Whatever is missing. */
	for (int i = 0; i < 5; i++) {
		n = net_begin();
		if (i < 2)
			world.pages_left = i;
		else if (i < 4)
			world.grants.nr_free = (unsigned int)i - 2;
		else
			world.no_ports = true;
		CU_ASSERT_EQUAL(netfront_open(n, &store, "0"), 0);
		world_settle();
		CU_ASSERT_FALSE(n->xenbus.running);
		CU_ASSERT_EQUAL(n->xenbus.error, i < 2 ? -ENOMEM : -ENOSPC);
		net_end(n, 0);
	}
	{
		static const char *const macs[] = {
			"", "00:16:3e:00:00", "00:16:3e:00:00:0g", "00-16-3e-00-00-01",
			"00:16:3e:00:00:01:", "00:16:3e:00:00:012",
		};

		for (unsigned int i = 0; i < sizeof(macs) / sizeof(macs[0]); i++) {
			n = net_begin();
			daemon_write(front("mac"), macs[i]);
			CU_ASSERT(netfront_open(n, &store, "0") < 0);
			world_settle();
			CU_ASSERT_FALSE(n->xenbus.up);
			world_end();
			free(n);
		}
	}
}

/* Packets of several entries, with extra entries, of sizes that cannot be: dropped, no more. */
TEST(test_odd_packets, "odd packets")
{
	struct netfront *n = net_begin();
	struct netif_rx_request r;
	char *page;
	static const struct {
		uint16_t offset, flags;
		int16_t status;
		bool good;
	} odd[] = {
		{ 0, 0, 60, true },
		{ 0, NETRXF_more_data, 60, false },	/* begins a chain ... */
		{ 0, NETRXF_more_data, 60, false },
		{ 0, 0, 60, false },			/* ... ends it */
		{ 0, 0, 61, true },
		{ 0, 0, -1, false },
		{ 0, 0, -32768, false },
		{ 0, 0, 4097, false },
		{ 4000, 0, 97, false },
		{ 65535, 0, 1, false },
		{ 65535, 0, 32767, false },
		{ 0, 0, 0, false },
		{ 4000, 0, 96, true },
		{ 0, NETRXF_extra_info, 62, true },	/* an extra entry follows */
	};
	unsigned int want = 0;

	net_open(n);
	for (unsigned int i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		CU_ASSERT_FATAL(next_page(&r, &page));
		rx_answer((struct netif_rx_response){ .id = r.id, .offset = odd[i].offset,
						      .flags = odd[i].flags,
						      .status = odd[i].status });
		want += odd[i].good;
		push_rx();
		world_turn();
		CU_ASSERT_EQUAL(got.nr, want);
		if (odd[i].good)
			CU_ASSERT_EQUAL(got.size, (unsigned int)odd[i].status);
	}
	/* Two extra entries, which have no ids; then all goes on. */
	for (unsigned int i = 0; i < 2; i++) {
		struct netif_extra_info info = { .type = XEN_NETIF_EXTRA_TYPE_GSO,
						 .flags = i ? 0 : XEN_NETIF_EXTRA_FLAG_MORE };

		CU_ASSERT_FATAL(next_page(&r, &page));
		memcpy(RING_GET_RESPONSE(&back.rx, back.rx.rsp_prod_pvt++), &info, sizeof(info));
	}
	push_rx();
	world_turn();
	CU_ASSERT_EQUAL(got.nr, want);
	CU_ASSERT_FATAL(next_page(&r, &page));
	rx_answer((struct netif_rx_response){ .id = r.id, .status = 63 });
	push_rx();
	world_turn();
	CU_ASSERT_EQUAL(got.nr, want + 1);
	CU_ASSERT_FALSE(n->xenbus.broken);
	CU_ASSERT_EQUAL(world.pages, 2 + NETFRONT_BUFFERS);

	/* A page that it has mapped when it says that it is full: never looked at. */
	CU_ASSERT_FATAL(next_page(&r, &page));
	backend_map(r.gref, true);
	rx_answer((struct netif_rx_response){ .id = r.id, .status = 64 });
	push_rx();
	world_turn();
	CU_ASSERT_EQUAL(got.nr, want + 1);
	CU_ASSERT_EQUAL(world.pages, 2 + NETFRONT_BUFFERS + 1);
	CU_ASSERT_FALSE(n->xenbus.broken);
	net_end(n, 1);
}

TEST(test_hostile, "impossible answers")
{
	for (unsigned int kind = 0; kind < 7; kind++) {
		struct netfront *n = net_begin();
		struct net_packet p = packet(0, 60, 0);
		struct netif_rx_request r;
		uint16_t id;
		char *page;

		net_open(n);
		back.slow = true;
		CU_ASSERT_EQUAL(netfront_send(n, &p), 0);
		id = RING_GET_REQUEST(&back.tx, 0)->id;
		switch (kind) {
		case 0: case 1: case 2:
			for (unsigned int i = 0; i < (kind == 2 ? 2 : 1); i++)
				*RING_GET_RESPONSE(&back.tx, back.tx.rsp_prod_pvt++) =
					(struct netif_tx_response){
						.id = (uint16_t)(id + (kind == 0 ? 1 :
								 kind == 1 ? 300 : 0)) };
			push_tx();
			break;
		case 3:
			back.tx.sring->rsp_prod = 2;
			break;
		case 4:
			CU_ASSERT_FATAL(next_page(&r, &page));
			rx_answer((struct netif_rx_response){ .id = (uint16_t)(r.id + 1),
							      .status = 60 });
			push_rx();
			break;
		case 5:
			back.rx.sring->rsp_prod = NETFRONT_BUFFERS + 1;
			break;
		case 6:
			back.rx.sring->rsp_prod = (RING_IDX)-1;
			break;
		}
		back_event();
		world.backend = NULL;	/* it would put its indices right */
		world_turn();
		world.backend = backend;
		CU_ASSERT(n->xenbus.broken);
		CU_ASSERT_EQUAL(got.nr, 0);
		CU_ASSERT_EQUAL(netfront_send(n, &p), -ENODEV);
		xenbus_step(&n->xenbus);
		CU_ASSERT_EQUAL(ended, 1);
		world_settle();
		net_end(n, 0);
	}
}

TEST(test_random, "at random")
{
	srand(11);
	for (unsigned int round = 0; round < 120; round++) {
		static struct net_packet ps[32];
		struct netfront *n = net_begin();
		unsigned int submitted = 0;

		net_open(n);
		for (unsigned int i = 0; i < 32; i++)
			ps[i].context = ps;
		for (unsigned int step = 0; step < 60; step++) {
			struct net_packet *p = &ps[rand() % 32];

			if (p->context) {
				*p = packet((unsigned int)rand() % 100, 1 + rand() % 1500, 0);
				if (netfront_send(n, p))
					p->context = ps;
				else
					submitted++;
			}
			/* Once it began to lie, it does nothing right any more. */
			if (step == 20)
				world.backend = NULL;
			if (step >= 20 && back.connected) {
				uint32_t *tx = (uint32_t *)back.tx.sring;
				uint32_t *rx = (uint32_t *)back.rx.sring;

				for (unsigned int i = rand() % 8; i; i--) {
					tx[16 + rand() % 900] = (uint32_t)rand() % 65536;
					rx[16 + rand() % 900] = (uint32_t)rand();
				}
				if (rand() % 3 == 0)
					back.rx.sring->rsp_prod += (uint32_t)rand() % 4;
				if (rand() % 3 == 0)
					back.tx.sring->rsp_prod += (uint32_t)rand() % 3;
				back_event();
			}
			world_turn();
			store_dispatch(&store);
			if (rand() % 4 == 0)
				xenbus_step(&n->xenbus);
		}
		world.backend = backend;
		back.slow = true;
		back.nr = back.sent_back = 0;
		back_disconnect();
		net_end(n, 0);
		CU_ASSERT_EQUAL(ended, submitted);
		CU_ASSERT_EQUAL(world.grants.nr_free,
				GRANT_TABLE_MAX - GNTTAB_NR_RESERVED_ENTRIES);
	}
}

SUITE("frontends: network")
