// SPDX-License-Identifier: GPL-2.0-or-later
// sources: backends/net/path.c backends/net/vif.c backends/net/packet.c backends/net/journal.c
// sources: backends/net/frame.c backends/net/switch.c frontends/lib/ring.c
// cflags: -DNET_SEGMENTS=96u
// options: -max_len=2048
//
// Interfaces whose frontends write what they like into their rings, indices too, at any time, over
// grants that are revoked and come back; of all abilities; with packets from the uplink, limits,
// kills and reconnects. No byte outside the granted pages is touched (net_world.h), nobody but who
// lies is disabled, and in the end all is given back.

#include "net_world.h"

#include "fuzz.h"

static bool lied[W_GUESTS];

static void start(unsigned int i)
{
	bool again;

	/* What a frontend made of its ring may be beyond taking up. */
	if (vif_connect(&world.net, &world.guests[i].vif, &world.guests[i].connection, &again))
		FUZZ_CHECK(again && lied[i], "an honest frontend is refused");
}

static void restart(unsigned int i)
{
	struct guest *g = &world.guests[i];

	vif_disconnect(&world.net, &g->vif);
	FUZZ_CHECK(!g->mapped, "a ring stays mapped");
	front_init(g);
	g->connection.nonce++;
	lied[i] = false;
	start(i);
}

/* Something like a packet, from a few bytes. */
static uint32_t make(struct fuzz_in *in, uint8_t *data, unsigned int from)
{
	static const uint8_t types[][2] = { { 8, 0 }, { 0x86, 0xdd }, { 8, 6 }, { 0x81, 0 } };
	uint8_t how = fuzz_u8(in);
	uint32_t size = how & 1 ? fuzz_u16(in) : 14 + fuzz_u8(in);
	unsigned int to = fuzz_u8(in);

	if (size < 60)
		size = 60;
	memset(data, how, size);
	memcpy(data, mac_of[to % W_GUESTS], 6);
	if (to & 64)
		memset(data, 0xff, 6);
	if (to & 128)
		data[0] = 2;
	memcpy(data + 6, mac_of[from], 6);
	memcpy(data + 12, types[how >> 1 & 3], 2);
	data[14] = how & 8 ? 0x45 : 0x60;
	data[20] = data[23] = 6;
	data[16] = data[17] = data[21] = 0;
	fuzz_bytes(in, data + 14 + fuzz_u8(in) % 46, fuzz_u8(in) % 16);
	return size;
}

static void send_any(struct fuzz_in *in, unsigned int i)
{
	static uint8_t data[70000];
	uint32_t size = make(in, data, i);
	uint32_t piece = 1 + fuzz_u16(in) % 3996;
	uint8_t flags = fuzz_u8(in);

	if (world.guests[i].tx.req_prod_pvt - world.guests[i].tx.sring->rsp_prod +
		    size / piece + 2 > 256)
		return;
	lied[i] |= size / piece >= 17;
	front_send(&world.guests[i], data, size, piece, flags & 3, flags & 4 ? fuzz_u16(in) : 0);
}

static void come(struct fuzz_in *in)
{
	static uint8_t data[70010];
	uint32_t size;

	fuzz_bytes(in, data, 10);
	size = make(in, data + 10, 0);
	if (data[9] & 1)
		data[16 + 5]++;
	if (send(world.outside, data, size + 10, 0) < 0)
		return;
}

static void drain(void)
{
	static uint8_t data[70010];

	while (read(world.outside, data, sizeof(data)) >= 0)
		;
}

static void turn(void)
{
	for (unsigned int rounds = 0; rounds < 8; rounds++) {
		lan_receive(&world.net, &world.lan);
		for (unsigned int i = 0; i < W_GUESTS; i++) {
			struct vif *v = &world.guests[i].vif;

			v->wake = 0;
			vif_listen(v, world.now);
			vif_send(&world.net, v, world.now);
			/* Who keeps to the protocol is never given up. */
			FUZZ_CHECK(lied[i] || !v->broken, "%s", v->broken);
		}
		drain();
	}
}

static void act(struct fuzz_in *in, uint8_t how)
{
	uint8_t what = fuzz_u8(in);
	unsigned int i = what % W_GUESTS;
	struct guest *g = &world.guests[i];

	switch (what >> 2 & 15) {
	case 0: case 1: case 2: case 3:
		send_any(in, i);
		break;
	case 4: case 5:
		if (g->rx.req_prod_pvt - g->rx.sring->rsp_prod <= 256 - 32)
			front_offer(g, fuzz_u8(in) % 32);
		break;
	case 6:
		come(in);
		break;
	case 7: case 8:
		turn();
		break;
	case 9:
		world.now += fuzz_u32(in);
		break;
	case 10:
		g->revoked[fuzz_u8(in) % W_PAGES] ^= true;
		/* Not the rings: an attacked frontend's mapping stays. */
		g->revoked[W_TX] = g->revoked[W_RX] = false;
		break;
	case 11:
		if (!(how & 1))
			break;
		lied[i] = true;
		what = fuzz_u8(in) & 1;
		((volatile uint32_t *)g->pages[what])[fuzz_u16(in) % 1024] = fuzz_u32(in);
		break;
	case 12:
		if (!(how & 1))
			break;
		lied[i] = true;
		((struct netif_tx_sring *)g->pages[fuzz_u8(in) & 1])->req_prod += fuzz_u8(in);
		break;
	case 13:
		restart(i);
		break;
	case 14:
		/* At a place of a turn that the process does not choose. */
		if (how & 1 && g->journal.tx.taken != g->tx.req_prod_pvt) {
			g->journal.tx.taken++;
			/* Which may be in the middle of a packet, where no process leaves it. */
			lied[i] = true;
		}
		world_kill();
		for (i = 0; i < W_GUESTS; i++)
			start(i);
		break;
	default:
		vif_port(&g->vif, g->vif.rx_port);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t how = fuzz_u8(&in);
	unsigned int left = 200;

	memset(lied, 0, sizeof(lied));
	world_init(ALL_FLAGS);
	for (unsigned int i = 0; i < W_GUESTS; i++)
		world.guests[i].vif.flags = fuzz_u8(&in);
	if (how & 2)
		switch_parse_ips("10.0.0.1 fd00::1", &world.guests[0].vif.port);
	if (how & 4)
		limit_set(&world.guests[1].vif.bps, 1 + fuzz_u16(&in), world.now);
	while (fuzz_more(&in) && left--)
		act(&in, how);
	turn();
	for (unsigned int i = 0; i < W_GUESTS; i++)
		restart(i);
	world_end();
	return 0;
}
