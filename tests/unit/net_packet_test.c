// SPDX-License-Identifier: GPL-2.0-or-later
// sources: backends/net/packet.c backends/net/journal.c frontends/lib/ring.c
/*
 * The rings of hvnetd: chains as they may be and as they may not, answers in their order, and what
 * is taken up after a kill at each place of a turn.
 */
#include <errno.h>
#include <string.h>

#include "backends/net/packet.h"
#include "suite.h"

static uint8_t tx_page[NET_PAGE] __attribute__((aligned(4096)));
static uint8_t rx_page[NET_PAGE] __attribute__((aligned(4096)));
static struct net_journal journal;
static struct tx_ring tx;
static struct rx_ring rx;
static uint32_t prod;

#define TX_ENTRIES ((union netif_tx_sring_entry *)(tx_page + 64))
#define RX_ENTRIES ((union netif_rx_sring_entry *)(rx_page + 64))
#define HEAD(page) ((uint32_t *)(page))	/* req_prod, req_event, rsp_prod, rsp_event */

static void begin(void)
{
	static const struct net_connection c = { .nonce = 1 };
	unsigned int lost;

	memset(tx_page, 0, sizeof(tx_page));
	memset(rx_page, 0, sizeof(rx_page));
	prod = 0;
	journal_begin(&journal, &c);
	CU_ASSERT_EQUAL_FATAL(tx_attach(&tx, tx_page, &journal.tx, false, &lost), 0);
	CU_ASSERT_EQUAL_FATAL(rx_attach(&rx, rx_page, &journal, false), 0);
}

static void request(uint16_t size, uint16_t offset, uint16_t flags)
{
	TX_ENTRIES[prod % 256].req = (struct netif_tx_request){
		.gref = 7, .offset = offset, .flags = flags, .id = (uint16_t)(100 + prod),
		.size = size };
	HEAD(tx_page)[0] = ++prod;
}

static void extra(uint8_t type, uint8_t flags, uint16_t gso)
{
	struct netif_extra_info e = { .type = type, .flags = flags };

	e.u.gso.size = gso;
	e.u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4;
	memcpy(&TX_ENTRIES[prod % 256], &e, sizeof(e));
	HEAD(tx_page)[0] = ++prod;
}

static int take(struct packet *p)
{
	int waiting = tx_waiting(&tx);

	return waiting < 0 ? waiting : tx_take(&tx, (unsigned int)waiting, p);
}

static struct netif_tx_response tx_answer_at(uint32_t i)
{
	return TX_ENTRIES[i % 256].rsp;
}

TEST(test_one, "a packet in one piece")
{
	struct packet p;

	request(60, 4000, NETTXF_csum_blank | NETTXF_data_validated);
	CU_ASSERT_EQUAL_FATAL(take(&p), 1);
	CU_ASSERT_FALSE(p.malformed);
	CU_ASSERT_EQUAL(p.size, 60);
	CU_ASSERT_EQUAL(p.nr_slots, 1);
	CU_ASSERT_EQUAL(p.slots[0].offset, 4000);
	CU_ASSERT_TRUE(p.offload.blank && p.offload.good && !p.offload.gso_type);
	tx_begin(&tx);
	tx_answer(&tx, &p, NETIF_RSP_OKAY);
	CU_ASSERT_EQUAL(HEAD(tx_page)[2], 0);
	tx_push(&tx);
	CU_ASSERT_EQUAL(HEAD(tx_page)[2], 1);
	CU_ASSERT_EQUAL(tx_answer_at(0).id, 100);
	CU_ASSERT_EQUAL(tx_answer_at(0).status, NETIF_RSP_OKAY);
}

TEST(test_chain, "a chain with an extra info: sizes add up, the extra's slot is answered as such")
{
	struct packet p;

	request(9000, 0, NETTXF_more_data | NETTXF_extra_info | NETTXF_csum_blank);
	extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 1448);
	request(4000, 96, NETTXF_more_data);
	request(1500, 0, 0);
	CU_ASSERT_EQUAL_FATAL(take(&p), 4);
	CU_ASSERT_FALSE(p.malformed);
	CU_ASSERT_EQUAL(p.nr_slots, 3);
	CU_ASSERT_EQUAL(p.slots[0].size, 3500);
	CU_ASSERT_EQUAL(p.offload.gso_size, 1448);
	tx_answer(&tx, &p, NETIF_RSP_OKAY);
	tx_push(&tx);
	CU_ASSERT_EQUAL(tx_answer_at(0).id, 100);
	CU_ASSERT_EQUAL(tx_answer_at(1).status, NETIF_RSP_NULL);
	CU_ASSERT_EQUAL(tx_answer_at(2).id, 102);
	CU_ASSERT_EQUAL(tx_answer_at(3).id, 103);
	CU_ASSERT_EQUAL(tx_answer_at(3).status, NETIF_RSP_OKAY);
}

/* Takes one that must be malformed, of @entries requests. */
static void malformed(int entries)
{
	struct packet p;

	CU_ASSERT_EQUAL(take(&p), entries);
	CU_ASSERT_TRUE(p.malformed);
	tx_answer(&tx, &p, NETIF_RSP_ERROR);
	tx_push(&tx);
	CU_ASSERT_EQUAL(HEAD(tx_page)[2], prod);
	CU_ASSERT_EQUAL(tx_answer_at(prod - 1).status == NETIF_RSP_ERROR ||
			tx_answer_at(prod - 1).status == NETIF_RSP_NULL, true);
}

TEST(test_malformed, "what cannot be is answered with an error, and the ring goes on")
{
	struct packet p;

	request(13, 0, 0);				/* no header of Ethernet */
	malformed(1);
	request(60, 4090, 0);				/* over the page's end */
	malformed(1);
	request(60, 5000, 0);
	malformed(1);
	request(0, 0, 0);
	malformed(1);
	request(100, 0, NETTXF_more_data);		/* the second is as long as both */
	request(100, 0, 0);
	malformed(2);
	request(100, 0, NETTXF_more_data);		/* an empty one */
	request(0, 0, 0);
	malformed(2);
	request(9000, 0, NETTXF_more_data);		/* the first has more than a page */
	request(10, 0, 0);
	malformed(2);
	request(100, 0, NETTXF_more_data);		/* an extra info in the middle */
	request(50, 0, NETTXF_extra_info);
	malformed(2);
	request(100, 0, NETTXF_extra_info);		/* unknown, without data, and twice */
	extra(0, 0, 0);
	malformed(2);
	request(100, 0, NETTXF_extra_info);
	extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 0);
	malformed(2);
	request(100, 0, NETTXF_extra_info);		/* of more headers than data */
	extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 47);
	malformed(2);
	request(100, 0, NETTXF_extra_info);
	extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_FLAG_MORE, 50);
	extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 50);
	malformed(3);
	request(100, 0, NETTXF_extra_info);		/* cut into more than there is */
	extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 100);
	malformed(2);
	request(60000, 0, NETTXF_more_data);		/* 19 pieces */
	for (unsigned int i = 1; i < 18; i++)
		request(3000, 0, NETTXF_more_data);
	request(3000, 0, 0);
	malformed(19);
	request(60, 0, 0);
	CU_ASSERT_EQUAL(take(&p), 1);
	CU_ASSERT_FALSE(p.malformed);
}

TEST(test_most, "a packet of 18 pieces")
{
	struct packet p;

	request(60000, 0, NETTXF_more_data);
	for (unsigned int i = 1; i < 17; i++)
		request(3500, 0, NETTXF_more_data);
	request(200, 0, 0);
	CU_ASSERT_EQUAL(take(&p), 18);
	CU_ASSERT_FALSE(p.malformed);
	CU_ASSERT_EQUAL(p.slots[0].size, 3800);
}

TEST(test_beyond, "a ring beyond use")
{
	struct packet p;

	request(100, 0, NETTXF_more_data);
	CU_ASSERT_EQUAL(take(&p), -EIO);
	begin();
	request(100, 0, NETTXF_extra_info);
	CU_ASSERT_EQUAL(take(&p), -EIO);
	begin();
	HEAD(tx_page)[0] = 257;
	CU_ASSERT_EQUAL(tx_waiting(&tx), -EIO);
	HEAD(tx_page)[0] = UINT32_MAX;
	CU_ASSERT_EQUAL(tx_waiting(&tx), -EIO);
	HEAD(rx_page)[0] = 257;
	CU_ASSERT_EQUAL(rx_fetch(&rx), -EIO);
}

TEST(test_untake, "what has to wait is taken again")
{
	struct packet a, b;

	request(60, 0, 0);
	request(61, 0, 0);
	take(&a);
	CU_ASSERT_EQUAL(tx_take(&tx, 1, &b), 1);
	tx_begin(&tx);
	tx_answer(&tx, &a, NETIF_RSP_OKAY);
	tx_untake(&tx, &b);
	tx_push(&tx);
	tx_begin(&tx);
	CU_ASSERT_EQUAL(journal.tx.taken, 1);
	CU_ASSERT_EQUAL(take(&b), 1);
	CU_ASSERT_EQUAL(b.size, 61);
}

static void again(unsigned int lost)
{
	unsigned int got;

	memset(&tx, 0x55, sizeof(tx));
	CU_ASSERT_EQUAL_FATAL(tx_attach(&tx, tx_page, &journal.tx, true, &got), 0);
	CU_ASSERT_EQUAL(got, lost);
	tx_push(&tx);
}

TEST(test_killed_tx, "after a kill: the taken are answered, each once, and the others are served")
{
	struct packet p;

	request(9000, 0, NETTXF_more_data | NETTXF_extra_info);
	extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 1448);
	request(4000, 0, NETTXF_more_data);
	request(4000, 0, 0);
	request(60, 0, 0);
	request(61, 0, 0);
	take(&p);
	CU_ASSERT_EQUAL(tx_take(&tx, 2, &p), 1);
	tx_begin(&tx);
	again(2);
	CU_ASSERT_EQUAL(HEAD(tx_page)[2], 5);
	CU_ASSERT_EQUAL(tx_answer_at(0).id, 100);
	CU_ASSERT_EQUAL(tx_answer_at(0).status, NETIF_RSP_DROPPED);
	CU_ASSERT_EQUAL(tx_answer_at(1).status, NETIF_RSP_NULL);
	CU_ASSERT_EQUAL(tx_answer_at(4).id, 104);
	CU_ASSERT_EQUAL(take(&p), 1);
	CU_ASSERT_EQUAL(p.size, 61);
}

TEST(test_killed_written, "after a kill with answers written and not published: the same")
{
	struct packet p;

	request(9000, 0, NETTXF_more_data | NETTXF_extra_info);
	extra(XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_FLAG_MORE, 1448);
	extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 1448);
	request(4000, 0, NETTXF_more_data);
	request(4000, 0, 0);
	take(&p);
	tx_begin(&tx);
	tx_answer(&tx, &p, NETIF_RSP_OKAY);
	again(1);
	CU_ASSERT_EQUAL(HEAD(tx_page)[2], 5);
	CU_ASSERT_EQUAL(tx_answer_at(0).id, 100);
	CU_ASSERT_EQUAL(tx_answer_at(1).status, NETIF_RSP_NULL);
	CU_ASSERT_EQUAL(tx_answer_at(2).status, NETIF_RSP_NULL);
	CU_ASSERT_EQUAL(tx_answer_at(3).id, 103);
	CU_ASSERT_EQUAL(tx_answer_at(4).id, 104);
}

TEST(test_killed_lies, "a frontend's word for what was published is believed between ours only")
{
	struct packet p;

	request(60, 0, 0);
	take(&p);
	tx_begin(&tx);
	tx_answer(&tx, &p, NETIF_RSP_OKAY);
	tx_push(&tx);
	HEAD(tx_page)[2] = 77;
	again(0);
	CU_ASSERT_EQUAL(tx.ring.rsp_prod_pvt, 1);
	/* Prepared, and not known to be published: it says. */
	CU_ASSERT_EQUAL(journal_published(&(struct journal_marks){ 9, 5, 9 }, 8), 8);
	CU_ASSERT_EQUAL(journal_published(&(struct journal_marks){ 9, 5, 9 }, 10), 5);
	CU_ASSERT_EQUAL(journal_published(&(struct journal_marks){ 9, 5, 9 }, 4), 5);
}

static void buffer(uint16_t id, grant_ref_t ref)
{
	uint32_t at = HEAD(rx_page)[0]++;

	RX_ENTRIES[at % 256].req = (struct netif_rx_request){ .id = id, .gref = ref };
}

TEST(test_rx, "buffers: a packet of two pages and an extra info")
{
	const struct offload o = { .blank = true, .gso_type = XEN_NETIF_GSO_TYPE_TCPV4,
				   .gso_size = 1000 };
	struct netif_extra_info e;
	grant_ref_t refs[4] = { 0 };

	for (unsigned int i = 0; i < 4; i++)
		buffer((uint16_t)(10 + i), 50 + i);
	CU_ASSERT_EQUAL(rx_room(&rx), 0);
	CU_ASSERT_EQUAL(rx_fetch(&rx), 0);
	CU_ASSERT_EQUAL(rx_room(&rx), 4);
	CU_ASSERT_EQUAL(rx_needed(5000, &o), 3);
	CU_ASSERT_EQUAL(rx_use(&rx, 5000, &o, refs), 0);
	CU_ASSERT_TRUE(refs[0] == 50 && refs[1] == 52);
	rx_push(&rx);
	CU_ASSERT_EQUAL(HEAD(rx_page)[2], 3);
	CU_ASSERT_EQUAL(RX_ENTRIES[0].rsp.id, 10);
	CU_ASSERT_EQUAL(RX_ENTRIES[0].rsp.status, 4096);
	CU_ASSERT_EQUAL(RX_ENTRIES[0].rsp.flags, NETRXF_more_data | NETRXF_extra_info |
			NETRXF_csum_blank | NETRXF_data_validated);
	memcpy(&e, &RX_ENTRIES[1], sizeof(e));
	CU_ASSERT_TRUE(e.type == XEN_NETIF_EXTRA_TYPE_GSO && e.u.gso.size == 1000);
	CU_ASSERT_EQUAL(RX_ENTRIES[2].rsp.id, 12);
	CU_ASSERT_EQUAL(RX_ENTRIES[2].rsp.status, 904);
	CU_ASSERT_EQUAL(RX_ENTRIES[2].rsp.flags, 0);
}

TEST(test_rx_fail, "a packet that did not get there: all of it has an error, and no other")
{
	const struct offload gso = { .gso_type = XEN_NETIF_GSO_TYPE_TCPV4, .gso_size = 1000 };
	const struct offload none = { 0 };
	grant_ref_t refs[4];
	RING_IDX first;

	for (unsigned int i = 0; i < 6; i++)
		buffer((uint16_t)i, 50 + i);
	rx_fetch(&rx);
	rx_use(&rx, 100, &none, refs);
	first = rx_use(&rx, 5000, &gso, refs);
	rx_use(&rx, 101, &none, refs);
	rx_fail(&rx, first);
	rx_push(&rx);
	CU_ASSERT_EQUAL(RX_ENTRIES[0].rsp.status, 100);
	CU_ASSERT_EQUAL(RX_ENTRIES[1].rsp.status, NETIF_RSP_ERROR);
	CU_ASSERT_EQUAL(RX_ENTRIES[3].rsp.status, NETIF_RSP_ERROR);
	CU_ASSERT_EQUAL(RX_ENTRIES[4].rsp.status, 101);
}

TEST(test_killed_rx, "after a kill with answers written over buffers: they are known still")
{
	const struct offload none = { 0 };
	grant_ref_t refs[4];

	for (unsigned int i = 0; i < 4; i++)
		buffer((uint16_t)i, 50 + i);
	rx_fetch(&rx);
	rx_use(&rx, 100, &none, refs);
	rx_push(&rx);
	rx_use(&rx, 6000, &none, refs);
	/* Written, and the process ends before they are published. */
	back_ring_respond(&rx.ring, &rx.answers[1], sizeof(rx.answers[1]));
	back_ring_respond(&rx.ring, &rx.answers[2], sizeof(rx.answers[2]));
	memset(&rx, 0x55, sizeof(rx));
	CU_ASSERT_EQUAL_FATAL(rx_attach(&rx, rx_page, &journal, true), 0);
	CU_ASSERT_EQUAL(rx_fetch(&rx), 0);
	CU_ASSERT_EQUAL(rx_room(&rx), 3);
	rx_use(&rx, 6000, &none, refs);
	CU_ASSERT_TRUE(refs[0] == 51 && refs[1] == 52);
	rx_push(&rx);
	CU_ASSERT_EQUAL(RX_ENTRIES[1].rsp.id, 1);
	CU_ASSERT_EQUAL(RX_ENTRIES[2].rsp.id, 2);
	CU_ASSERT_EQUAL(HEAD(rx_page)[2], 3);
	/* Another connection knows nothing of them. */
	journal_begin(&journal, &(struct net_connection){ .nonce = 2 });
	CU_ASSERT_FALSE(journal_belongs(&journal, &(struct net_connection){ .nonce = 1 }));
	CU_ASSERT_TRUE(journal_belongs(&journal, &(struct net_connection){ .nonce = 2 }));
	journal_end(&journal);
	CU_ASSERT_FALSE(journal_belongs(&journal, &(struct net_connection){ .nonce = 2 }));
	memset(rx_page, 0, sizeof(rx_page));
	buffer(9, 99);
	rx_attach(&rx, rx_page, &journal, false);
	rx_fetch(&rx);
	rx_use(&rx, 60, &none, refs);
	CU_ASSERT_EQUAL(refs[0], 99);
}

TEST(test_rx_sleep, "an event is asked for with the buffer after those that are known")
{
	buffer(0, 50);
	rx_fetch(&rx);
	CU_ASSERT_FALSE(rx_sleep(&rx));
	CU_ASSERT_EQUAL(HEAD(rx_page)[1], 2);
	buffer(1, 51);
	CU_ASSERT_TRUE(rx_sleep(&rx));
}

SUITE("net_packet", .begin = begin)
