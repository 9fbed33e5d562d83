// SPDX-License-Identifier: GPL-2.0-or-later
// sources: backends/net/path.c backends/net/vif.c backends/net/packet.c backends/net/journal.c
// sources: backends/net/frame.c backends/net/switch.c frontends/lib/ring.c
// cflags: -DNET_SEGMENTS=96u
/*
 * The way of packets through hvnetd: each arrives whole, where it should and nowhere else, copied
 * as often as it must be; a receiver that has no room, or whose grants are gone, costs nobody else
 * anything; and what a killed process had under way is answered.
 */
#include "net_world.h"
#include "suite.h"

static uint8_t data[66000];
static struct got got;

/* IPv4 and TCP of @size bytes from guest @from to the address @to, with content that says @seed. */
static void packet(unsigned int from, const uint8_t *to, uint32_t size, unsigned int seed)
{
	for (uint32_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 13 + i / 251 + seed);
	memcpy(data, to, 6);
	memcpy(data + 6, mac_of[from], 6);
	memcpy(data + 12, "\x08\x00\x45\0", 4);
	data[16] = (uint8_t)((size - 14) >> 8);
	data[17] = (uint8_t)(size - 14);
	memset(data + 18, 0, 4);
	data[23] = 6;
	memcpy(data + 26, "\x0a\0\0\1\x0a\0\0\2", 8);
	data[46] = 0x50;
	data[47] = 0x10;
}

static const uint8_t far_away[6] = { 2, 0, 0, 0, 0, 9 };
static const uint8_t everybody[6] = { 255, 255, 255, 255, 255, 255 };

static void begin(void)
{
	world_init(ALL_FLAGS);
}

/* Guest @i got the packet in data[] and no other. */
static void arrived(unsigned int i, uint32_t size)
{
	CU_ASSERT_TRUE_FATAL(front_receive(&world.guests[i], &got));
	CU_ASSERT_FALSE(got.error);
	CU_ASSERT_EQUAL(got.size, size);
	CU_ASSERT_EQUAL(memcmp(got.data, data, size), 0);
	CU_ASSERT_FALSE(front_receive(&world.guests[i], &got));
}

static void nothing(unsigned int i)
{
	CU_ASSERT_FALSE(front_receive(&world.guests[i], &got));
}

/* All that guest @i sent is answered; the last with @status. */
static void answered(unsigned int i, int status)
{
	struct guest *g = &world.guests[i];
	RING_IDX prod = g->tx.sring->rsp_prod;

	CU_ASSERT_EQUAL_FATAL(prod, g->tx.req_prod_pvt);
	CU_ASSERT_EQUAL(RING_GET_RESPONSE(&g->tx, prod - 1)->status, status);
	CU_ASSERT_EQUAL(RING_GET_RESPONSE(&g->tx, prod - 1)->id, 1000 + prod - 1);
}

TEST(test_direct, "from guest to guest, of any size and in any pieces, copied once")
{
	static const uint32_t sizes[] = { 60, 127, 128, 129, 1514, 4096, 4097, 9000, 65000 };

	for (unsigned int i = 0; i < 9; i++) {
		uint32_t piece = sizes[i] > 4000 ? 3996 : sizes[i] / 3 + 1;
		struct net_counts *c = &world.guests[0].journal.counts;
		uint64_t before = c->direct_bytes + c->head_bytes;

		packet(0, mac_of[1], sizes[i], i);
		front_offer(&world.guests[1], 17);
		front_send(&world.guests[0], data, sizes[i], piece, 0, 0);
		world_run();
		arrived(1, sizes[i]);
		nothing(2);
		answered(0, NETIF_RSP_OKAY);
		CU_ASSERT_EQUAL(c->direct_bytes + c->head_bytes - before, sizes[i]);
		CU_ASSERT_EQUAL(c->bounced_bytes, 0);
	}
	CU_ASSERT_TRUE(world.guests[0].events && world.guests[1].events);
}

TEST(test_offload, "what is to be done yet goes along")
{
	packet(0, mac_of[1], 9000, 1);
	front_offer(&world.guests[1], 8);
	front_send(&world.guests[0], data, 9000, 4000, NETTXF_csum_blank, 1448);
	world_run();
	CU_ASSERT_TRUE_FATAL(front_receive(&world.guests[1], &got));
	CU_ASSERT_EQUAL(got.gso, 1448);
	CU_ASSERT_TRUE(got.flags & NETRXF_csum_blank);
	CU_ASSERT_EQUAL(memcmp(got.data, data, 9000), 0);
	packet(0, mac_of[1], 90, 1);
	front_send(&world.guests[0], data, 90, 4000, NETTXF_data_validated, 0);
	world_run();
	front_receive(&world.guests[1], &got);
	CU_ASSERT_EQUAL(got.flags, NETRXF_data_validated);
}

TEST(test_simple, "one who can take nothing but plain packets gets those")
{
	unsigned int n = 0;

	world.guests[1].vif.flags = NET_CAN_CSUM6;
	packet(0, mac_of[1], 9054, 1);
	front_offer(&world.guests[1], 20);
	front_send(&world.guests[0], data, 9054, 4000, NETTXF_csum_blank, 1000);
	world_run();
	while (front_receive(&world.guests[1], &got)) {
		CU_ASSERT_EQUAL(got.size, 1054);
		CU_ASSERT_EQUAL(memcmp(got.data + 54, data + 54 + n * 1000, 1000), 0);
		CU_ASSERT_EQUAL(got.flags, NETRXF_data_validated);
		n++;
	}
	CU_ASSERT_EQUAL(n, 9);
	packet(0, mac_of[1], 200, 1);
	front_send(&world.guests[0], data, 200, 4000, NETTXF_csum_blank, 0);
	world_run();
	front_receive(&world.guests[1], &got);
	CU_ASSERT_EQUAL(got.flags, NETRXF_data_validated);
	CU_ASSERT_EQUAL(memcmp(got.data, data, 50), 0);
	CU_ASSERT_NOT_EQUAL(memcmp(got.data + 50, data + 50, 2), 0);
	/* Too long, and not to be cut. */
	packet(0, mac_of[1], 5000, 1);
	front_send(&world.guests[0], data, 5000, 4000, 0, 0);
	world_run();
	nothing(1);
	answered(0, NETIF_RSP_OKAY);
	CU_ASSERT_EQUAL(world.guests[1].journal.counts.dropped, 1);
}

TEST(test_parts, "parts of one packet stay what they are while those of the next are made")
{
	/* As many as a copy has room for, and one: the next packet's come after a flush. */
	const unsigned int small = NET_SEGMENTS - 2 * PACKET_SLOTS - 4 + 2;
	unsigned int n = 0;

	world.guests[1].vif.flags = NET_CAN_CSUM4;
	front_offer(&world.guests[1], 100);
	packet(0, mac_of[1], 54 + small * 48, 1);
	front_send(&world.guests[0], data, 54 + small * 48, 4000, NETTXF_csum_blank, 48);
	packet(0, mac_of[1], 9054, 2);
	front_send(&world.guests[0], data, 9054, 4000, NETTXF_csum_blank, 1000);
	packet(0, mac_of[1], 54 + small * 48, 1);
	world_run();
	for (; n < small; n++) {
		CU_ASSERT_TRUE_FATAL(front_receive(&world.guests[1], &got));
		CU_ASSERT_EQUAL(got.size, 102);
		CU_ASSERT_EQUAL(memcmp(got.data + 54, data + 54 + n * 48, 48), 0);
	}
	packet(0, mac_of[1], 9054, 2);
	for (n = 0; n < 9; n++) {
		CU_ASSERT_TRUE_FATAL(front_receive(&world.guests[1], &got));
		CU_ASSERT_EQUAL(memcmp(got.data + 54, data + 54 + n * 1000, 1000), 0);
	}
}

TEST(test_all, "what is for everybody gets to everybody but its sender")
{
	int64_t level;

	packet(0, everybody, 300, 1);
	front_offer(&world.guests[0], 4);
	front_offer(&world.guests[1], 4);
	front_offer(&world.guests[2], 4);
	front_send(&world.guests[0], data, 300, 200, 0, 0);
	world_run();
	nothing(0);
	arrived(1, 300);
	arrived(2, 300);
	CU_ASSERT_EQUAL(read(world.outside, got.data, sizeof(got.data)), 310);
	CU_ASSERT_EQUAL(memcmp(got.data + 10, data, 300), 0);
	/* One that would be cut up for each of them has no sense. */
	packet(0, everybody, 300, 1);
	front_send(&world.guests[0], data, 300, 200, 0, 48);
	memcpy(got.data, "\1\1\66\0\60\0\42\0\20\0", 10);
	memcpy(got.data + 10, data, 300);
	got.data[16] = 2;
	CU_ASSERT_EQUAL(send(world.outside, got.data, 310, 0), 310);
	world_run();
	answered(0, NETIF_RSP_ERROR);
	for (unsigned int i = 0; i < W_GUESTS; i++)
		nothing(i);
	/* Nor has a huge one, of which each gets a copy. */
	front_offer(&world.guests[1], 32);
	packet(0, everybody, PACKET_ALL_MAX + 1, 1);
	front_send(&world.guests[0], data, PACKET_ALL_MAX + 1, 4000, 0, 0);
	memset(got.data, 0, 10);
	memcpy(got.data + 10, data, PACKET_ALL_MAX + 1);
	got.data[16] = 2;
	CU_ASSERT_EQUAL(send(world.outside, got.data, PACKET_ALL_MAX + 11, 0), PACKET_ALL_MAX + 11);
	world_run();
	answered(0, NETIF_RSP_ERROR);
	nothing(1);
	level = world.guests[0].vif.floods.level = 100;
	front_send(&world.guests[0], data, PACKET_ALL_MAX, 4000, 0, 0);
	world_run();
	arrived(1, PACKET_ALL_MAX);
	CU_ASSERT_EQUAL(read(world.outside, got.data, sizeof(got.data)), PACKET_ALL_MAX + 10);
	CU_ASSERT_EQUAL(level - world.guests[0].vif.floods.level, 10);
	packet(0, everybody, 300, 1);
	/* So many a second. */
	world.guests[0].vif.floods.level = 0;
	front_send(&world.guests[0], data, 300, 200, 0, 0);
	world_run();
	nothing(1);
	CU_ASSERT_EQUAL(world.guests[0].journal.counts.limited, 1);
}

TEST(test_out, "to the uplink, with virtio's words for what is to be done")
{
	packet(0, far_away, 9000, 1);
	front_send(&world.guests[0], data, 9000, 4000, NETTXF_csum_blank, 1448);
	front_offer(&world.guests[1], 4);
	world_run();
	nothing(1);
	CU_ASSERT_EQUAL_FATAL(read(world.outside, got.data, sizeof(got.data)), 9010);
	CU_ASSERT_EQUAL(memcmp(got.data, "\1\1\66\0\250\5\42\0\20\0", 10), 0);
	CU_ASSERT_EQUAL(memcmp(got.data + 10, data, 9000), 0);
	/* A checksum that is nowhere. */
	data[23] = 99;
	front_send(&world.guests[0], data, 300, 4000, NETTXF_csum_blank, 0);
	world_run();
	CU_ASSERT_TRUE(read(world.outside, got.data, sizeof(got.data)) < 0);
	CU_ASSERT_EQUAL(world.guests[0].journal.counts.errors, 1);
}

static void come(const char *header, uint32_t size)
{
	uint8_t buffer[66010];

	memcpy(buffer, header, 10);
	memcpy(buffer + 10, data, size);
	CU_ASSERT_EQUAL_FATAL(send(world.outside, buffer, size + 10, 0), size + 10);
	world_run();
}

TEST(test_in, "from the uplink")
{
	packet(0, mac_of[1], 9000, 1);
	memcpy(data + 6, far_away, 6);
	for (unsigned int i = 0; i < W_GUESTS; i++)
		front_offer(&world.guests[i], 8);
	come("\1\201\66\0\250\5\42\0\20\0", 9000);
	nothing(0);
	CU_ASSERT_TRUE_FATAL(front_receive(&world.guests[1], &got));
	CU_ASSERT_TRUE(got.gso == 1448 && got.size == 9000 && (got.flags & NETRXF_csum_blank));
	CU_ASSERT_EQUAL(memcmp(got.data, data, 9000), 0);
	/* For nobody here; from one who says to be one of us; for all. */
	memcpy(data, far_away, 6);
	come("\0\0\0\0\0\0\0\0\0\0", 100);
	memcpy(data, mac_of[1], 6);
	memcpy(data + 6, mac_of[0], 6);
	come("\0\0\0\0\0\0\0\0\0\0", 100);
	nothing(1);
	memcpy(data, everybody, 6);
	memcpy(data + 6, far_away, 6);
	come("\0\0\0\0\0\0\0\0\0\0", 100);
	for (unsigned int i = 0; i < W_GUESTS; i++)
		arrived(i, 100);
	/* To be cut into less than there are headers. */
	memcpy(data, mac_of[1], 6);
	come("\1\201\66\0\57\0\42\0\20\0", 9000);
	nothing(1);
	/* Less than its header says nothing. */
	CU_ASSERT_EQUAL(send(world.outside, data, 12, 0), 12);
	world_run();
}

TEST(test_spoofed, "another's address goes nowhere")
{
	packet(1, mac_of[2], 100, 1);
	front_offer(&world.guests[2], 4);
	front_send(&world.guests[0], data, 100, 100, 0, 0);
	world_run();
	nothing(2);
	answered(0, NETIF_RSP_OKAY);
	CU_ASSERT_EQUAL(world.guests[0].journal.counts.spoofed, 1);
}

static void change(void)
{
	memset(world.guests[0].pages[W_SEND], 0x77, (W_RECEIVE - W_SEND) * NET_PAGE);
}

TEST(test_checked, "what was checked is what arrives, also when the sender changes it meanwhile")
{
	/* Headers in pieces of 20 bytes: they are found, and none hides behind the first. */
	switch_parse_ips("10.0.0.1", &world.guests[0].vif.port);
	packet(0, mac_of[2], 200, 1);
	front_offer(&world.guests[2], 1);
	front_send(&world.guests[0], data, 200, 20, 0, 0);
	world_run();
	arrived(2, 200);
	world.guests[0].vif.port.nr_ips = 0;
	packet(1, mac_of[2], 200, 1);
	front_offer(&world.guests[2], 4);
	front_send(&world.guests[0], data, 200, 20, 0, 0);
	world_run();
	nothing(2);
	CU_ASSERT_EQUAL(world.guests[0].journal.counts.spoofed, 1);
	/* All of it is another one as soon as its head was looked at. */
	packet(0, mac_of[2], 200, 1);
	front_send(&world.guests[0], data, 200, 200, 0, 0);
	world.after_copy = change;
	world_run();
	CU_ASSERT_TRUE_FATAL(front_receive(&world.guests[2], &got));
	CU_ASSERT_EQUAL(got.size, 200);
	CU_ASSERT_EQUAL(memcmp(got.data, data, FRAME_HEAD), 0);
	CU_ASSERT_EQUAL(got.data[199], 0x77);
}

TEST(test_revoked, "a grant that is not there: the sender's own loss, or the receiver's")
{
	unsigned int page = W_SEND;

	front_offer(&world.guests[1], 12);
	packet(0, mac_of[1], 3000, 1);
	/* The first piece: it is not even looked at. */
	world.guests[0].revoked[page] = true;
	front_send(&world.guests[0], data, 3000, 1500, 0, 0);
	world_run();
	answered(0, NETIF_RSP_ERROR);
	nothing(1);
	/* The second: the buffers go back with an error. */
	world.guests[0].revoked[page] = false;
	world.guests[0].revoked[page + 3] = true;
	front_send(&world.guests[0], data, 3000, 1500, 0, 0);
	world_run();
	answered(0, NETIF_RSP_ERROR);
	CU_ASSERT_TRUE_FATAL(front_receive(&world.guests[1], &got));
	CU_ASSERT_TRUE(got.error);
	/* Once: from then on its packets are looked at as a whole. */
	world.guests[0].revoked[page + 5] = true;
	front_send(&world.guests[0], data, 3000, 1500, 0, 0);
	world_run();
	answered(0, NETIF_RSP_ERROR);
	nothing(1);
	front_send(&world.guests[0], data, 3000, 1500, 0, 0);
	world_run();
	answered(0, NETIF_RSP_OKAY);
	arrived(1, 3000);
}

TEST(test_revoked_buffer, "a buffer that is not there is no error of the sender's")
{
	struct net_counts *c = &world.guests[0].journal.counts;
	unsigned int at;

	front_offer(&world.guests[1], 12);
	/* Behind the part that was looked at, and of packets that are no longer than that. */
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t size = i ? 100 : 3000;

		at = world.guests[1].rx.rsp_cons % 256;
		packet(0, mac_of[1], size, 1);
		world.guests[1].revoked[W_RECEIVE + at] = true;
		front_send(&world.guests[0], data, size, 1500, 0, 0);
		front_send(&world.guests[0], data, size, 1500, 0, 0);
		world_run();
		answered(0, NETIF_RSP_OKAY);
		CU_ASSERT_TRUE_FATAL(front_receive(&world.guests[1], &got));
		CU_ASSERT_TRUE(got.error);
		arrived(1, size);
	}
	CU_ASSERT_EQUAL(c->sent, 4);
	CU_ASSERT_EQUAL(world.guests[1].journal.counts.dropped, 2);
	CU_ASSERT_FALSE(world.guests[0].vif.unsound);
}

TEST(test_no_room, "a receiver without room: waited for once, then no more")
{
	packet(0, mac_of[1], 100, 1);
	front_send(&world.guests[0], data, 100, 100, 0, 0);
	world_run();
	CU_ASSERT_EQUAL(world.guests[0].tx.sring->rsp_prod, 0);
	CU_ASSERT_EQUAL(world.guests[0].vif.wake, world.now + NET_PATIENCE);
	/* It comes in time. */
	world.now += NET_PATIENCE / 2;
	front_offer(&world.guests[1], 1);
	world_run();
	arrived(1, 100);
	answered(0, NETIF_RSP_OKAY);
	/* It does not; and the one behind it does not wait again. */
	front_send(&world.guests[0], data, 100, 100, 0, 0);
	front_send(&world.guests[0], data, 100, 100, 0, 0);
	world_run();
	world.now += NET_PATIENCE;
	world_run();
	answered(0, NETIF_RSP_OKAY);
	CU_ASSERT_EQUAL(world.guests[1].journal.counts.dropped, 2);
	front_offer(&world.guests[1], 2);
	front_send(&world.guests[0], data, 100, 100, 0, 0);
	world_run();
	arrived(1, 100);
	CU_ASSERT_FALSE(world.guests[1].vif.stalled);
}

TEST(test_patience, "one who makes others wait is not waited for most of the time")
{
	unsigned int waits = 0;

	packet(0, mac_of[1], 100, 1);
	for (unsigned int i = 0; i < 100; i++) {
		RING_IDX before = world.guests[0].tx.sring->rsp_prod;

		front_send(&world.guests[0], data, 100, 100, 0, 0);
		world_run();
		if (world.guests[0].tx.sring->rsp_prod == before) {
			waits++;
			world.now += NET_PATIENCE - 1000000;
			front_offer(&world.guests[1], 1);
			world_run();
			CU_ASSERT_TRUE(front_receive(&world.guests[1], &got));
		} else {
			world.now += NET_PATIENCE - 1000000;
		}
		answered(0, NETIF_RSP_OKAY);
	}
	/* A fifth of 1.9 s and what there is at once. */
	CU_ASSERT_TRUE(waits >= 2 && waits <= 23);
}

/* The packet that guest 0 sent last is another one now. */
static void change_receiver(const uint8_t *to)
{
	unsigned int page = W_SEND + (world.guests[0].next_page - 1) % (W_RECEIVE - W_SEND);

	memcpy(world.guests[0].pages[page] + 100, to, 6);
}

TEST(test_patience_whose, "it is paid by the one that was waited for")
{
	struct vif *a = &world.guests[1].vif, *b = &world.guests[2].vif;
	int64_t of_a, of_b;

	packet(0, mac_of[1], 100, 1);
	front_send(&world.guests[0], data, 100, 100, 0, 0);
	world_run();
	CU_ASSERT_NOT_EQUAL_FATAL(world.guests[0].vif.patience, 0);
	world.now += NET_PATIENCE - 1000000;
	front_offer(&world.guests[2], 1);
	of_a = a->waited.level;
	of_b = b->waited.level;
	change_receiver(mac_of[2]);
	world_run();
	memcpy(data, mac_of[2], 6);
	arrived(2, 100);
	CU_ASSERT_EQUAL(b->waited.level, of_b);
	CU_ASSERT_TRUE(a->waited.level <= of_a - 19000);
	/* Nor by one for whom the wait begins only then, or who is not there any more. */
	memcpy(data, mac_of[1], 6);
	world.now += 1000000000;
	front_send(&world.guests[0], data, 100, 100, 0, 0);
	world_run();
	CU_ASSERT_NOT_EQUAL_FATAL(world.guests[0].vif.patience, 0);
	world.now += NET_PATIENCE / 2;
	world.guests[0].vif.waits.level = 1000000;
	a->devid = 7;
	change_receiver(mac_of[2]);
	world_run();
	a->devid = 0;
	CU_ASSERT_EQUAL(world.guests[0].vif.patience, world.now + NET_PATIENCE);
	/* Never more than the patience, and no debt of more than a burst. */
	of_b = b->waited.level;
	world.guests[0].vif.waits.level = -15000;
	world.now += 100 * NET_PATIENCE;
	world_run();
	CU_ASSERT_TRUE(b->stalled);
	CU_ASSERT_EQUAL(b->waited.level, of_b - 20001);
	CU_ASSERT_EQUAL(world.guests[0].vif.waits.level, -20000);
}

TEST(test_patience_all, "a sender waits for all receivers together no more than for one")
{
	unsigned int waits = 0;

	for (unsigned int i = 0; i < 100; i++) {
		unsigned int to = 1 + i % 2;
		RING_IDX before = world.guests[0].tx.sring->rsp_prod;

		packet(0, mac_of[to], 100, 1);
		front_send(&world.guests[0], data, 100, 100, 0, 0);
		world_run();
		waits += world.guests[0].tx.sring->rsp_prod == before;
		world.now += NET_PATIENCE - 1000000;
		if (world.guests[0].tx.sring->rsp_prod == before) {
			front_offer(&world.guests[to], 1);
			world_run();
			CU_ASSERT_TRUE(front_receive(&world.guests[to], &got));
		}
	}
	CU_ASSERT_TRUE(waits >= 2 && waits <= 23);
}

TEST(test_limit, "so many bytes a second")
{
	limit_set(&world.guests[0].vif.bps, 1000, world.now);
	front_offer(&world.guests[1], 40);
	packet(0, mac_of[1], 500, 1);
	for (unsigned int i = 0; i < 4; i++)
		front_send(&world.guests[0], data, 500, 500, 0, 0);
	world_run();
	CU_ASSERT_EQUAL(world.guests[0].tx.sring->rsp_prod, 1);
	CU_ASSERT_TRUE(world.guests[0].vif.wake > world.now);
	world.now = world.guests[0].vif.wake;
	world_run();
	CU_ASSERT_EQUAL(world.guests[0].tx.sring->rsp_prod, 2);
}

TEST(test_limit_parts, "the headers that each part gets are of those bytes")
{
	limit_set(&world.guests[0].vif.bps, 10000, world.now);
	front_offer(&world.guests[1], 8);
	packet(0, mac_of[1], 4854, 1);
	front_send(&world.guests[0], data, 4854, 4000, NETTXF_csum_blank, 48);
	front_send(&world.guests[0], data, 4854, 4000, NETTXF_csum_blank, 48);
	world_run();
	CU_ASSERT_EQUAL(world.guests[0].tx.sring->rsp_prod, 3);
	CU_ASSERT_TRUE(world.guests[0].vif.wake > world.now + 1000000000);
}

TEST(test_malformed, "a malformed one is answered as such, and one without an end is the last")
{
	struct guest *g = &world.guests[0];

	*front_slot(g) = (struct netif_tx_request){ .size = 10, .id = 1000 };
	g->tx.sring->req_prod = g->tx.req_prod_pvt;
	world_run();
	answered(0, NETIF_RSP_ERROR);
	*front_slot(g) = (struct netif_tx_request){ .size = 100, .flags = NETTXF_more_data };
	g->tx.sring->req_prod = g->tx.req_prod_pvt;
	world_run();
	CU_ASSERT_PTR_NOT_NULL(g->vif.broken);
	/* Nobody else has noticed. */
	front_offer(&world.guests[2], 1);
	packet(1, mac_of[2], 100, 1);
	front_send(&world.guests[1], data, 100, 100, 0, 0);
	world_run();
	arrived(2, 100);
	/* A receiver whose ring is beyond use. */
	world.guests[2].rx.sring->req_prod += 1000;
	front_send(&world.guests[1], data, 100, 100, 0, 0);
	world_run();
	CU_ASSERT_PTR_NOT_NULL(world.guests[2].vif.broken);
	answered(1, NETIF_RSP_OKAY);
}

TEST(test_touched, "a turn is about those who have a part in it")
{
	RING_IDX *ready = &world.guests[2].vif.tx.ring.rsp_prod_pvt;

	/* What is told of an answer that nobody has given, in a turn of the others'. */
	*ready += 1;
	front_offer(&world.guests[1], 1);
	packet(0, mac_of[1], 100, 1);
	front_send(&world.guests[0], data, 100, 100, 0, 0);
	CU_ASSERT_FALSE(vif_send(&world.net, &world.guests[0].vif, world.now));
	arrived(1, 100);
	answered(0, NETIF_RSP_OKAY);
	vif_send(&world.net, &world.guests[1].vif, world.now);
	CU_ASSERT_EQUAL(world.guests[2].tx.sring->rsp_prod, 0);
	*ready -= 1;
	CU_ASSERT_PTR_NULL(world.net.touched);
	/* Nobody is left behind: all three, in one turn. */
	for (unsigned int i = 0; i < W_GUESTS; i++)
		front_offer(&world.guests[i], 1);
	packet(0, everybody, 100, 1);
	front_send(&world.guests[0], data, 100, 100, 0, 0);
	vif_send(&world.net, &world.guests[0].vif, world.now);
	arrived(1, 100);
	arrived(2, 100);
}

TEST(test_absent, "one who is not connected")
{
	vif_disconnect(&world.net, &world.guests[1].vif);
	packet(0, mac_of[1], 100, 1);
	front_send(&world.guests[0], data, 100, 100, 0, 0);
	world_run();
	answered(0, NETIF_RSP_OKAY);
	CU_ASSERT_TRUE(read(world.outside, got.data, sizeof(got.data)) < 0);
}

TEST(test_killed, "after a kill the next one goes on: what waited is served, all is told")
{
	struct guest *g = &world.guests[0];
	bool again;

	packet(0, mac_of[1], 5000, 3);
	front_offer(&world.guests[1], 6);
	front_send(g, data, 5000, 3000, 0, 0);
	world_run();
	arrived(1, 5000);
	front_send(g, data, 5000, 3000, 0, 0);
	g->events = world.guests[1].events = 0;
	world_kill();
	for (unsigned int i = 0; i < W_GUESTS; i++) {
		world_connect(i, &again);
		CU_ASSERT_TRUE(again);
	}
	CU_ASSERT_TRUE(g->events && world.guests[1].events);
	world_run();
	arrived(1, 5000);
	answered(0, NETIF_RSP_OKAY);
	CU_ASSERT_EQUAL(g->journal.counts.taken_over, 1);
	/* One that was taken when the process ended is lost, and answered. */
	front_send(g, data, 5000, 3000, 0, 0);
	g->journal.tx.taken += 2;
	world_kill();
	for (unsigned int i = 0; i < W_GUESTS; i++)
		world_connect(i, &again);
	world_run();
	answered(0, NETIF_RSP_DROPPED);
	CU_ASSERT_EQUAL(g->journal.counts.lost, 1);
	nothing(1);
	/* Another connection begins anew. */
	vif_disconnect(&world.net, &g->vif);
	front_init(g);
	g->connection.nonce = 77;
	world_connect(0, &again);
	CU_ASSERT_FALSE(again);
	front_send(g, data, 5000, 3000, 0, 0);
	world_run();
	arrived(1, 5000);
}

TEST(test_events, "events are listened to as far as there is budget")
{
	struct vif *v = &world.guests[0].vif;

	vif_port(v, 101);
	vif_port(v, 102);
	v->events.level = 1;
	v->events.last = world.now;
	vif_listen(v, world.now);
	CU_ASSERT_TRUE(!v->tx_masked && v->rx_masked);
	CU_ASSERT_TRUE(v->wake > world.now);
	vif_listen(v, v->wake);
	CU_ASSERT_FALSE(v->rx_masked);
}

TEST(test_refused, "rings that cannot be mapped leave nothing behind")
{
	struct guest *g = &world.guests[0];
	bool again;

	vif_disconnect(&world.net, &g->vif);
	g->connection.rx_ref = 5000;
	CU_ASSERT_NOT_EQUAL(vif_connect(&world.net, &g->vif, &g->connection, &again), 0);
	CU_ASSERT_EQUAL(g->mapped, 0);
	CU_ASSERT_FALSE(g->vif.connected);
	/* Nobody waits for a port that the frontend has made up. */
	g->connection.rx_ref = W_RX;
	g->connection.rx_port = 999;
	CU_ASSERT_NOT_EQUAL(vif_connect(&world.net, &g->vif, &g->connection, &again), 0);
	CU_ASSERT_EQUAL(world.binds, 1);
	CU_ASSERT_EQUAL(g->mapped, 0);
	CU_ASSERT_FALSE(g->vif.connected);
}

SUITE("net_path", .begin = begin, .end = world_end)
