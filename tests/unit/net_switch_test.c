// SPDX-License-Identifier: GPL-2.0-or-later
// sources: backends/net/switch.c backends/net/frame.c
/*
 * Headers, checksums and cutting up (frame.c), and who may send what to whom (switch.c). Checksums
 * are judged by adding up what was filled in, which must come to 0xffff.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "backends/net/switch.h"
#include "suite.h"

static const uint8_t mac[6] = { 0x00, 0x16, 0x3e, 1, 2, 3 };
static const uint8_t link_local[16] = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0,
					0x02, 0x16, 0x3e, 0xff, 0xfe, 1, 2, 3 };
static uint8_t data[70000];
static struct frame f;
static struct switch_port port;

static void begin(void)
{
	memset(data, 0, sizeof(data));
	memset(data, 2, 6);
	memcpy(data + 6, mac, 6);
	memset(&port, 0, sizeof(port));
	memcpy(port.mac, mac, 6);
}

static void ethernet(uint16_t type)
{
	data[12] = (uint8_t)(type >> 8);
	data[13] = (uint8_t)type;
}

/* IPv4 at 14, with @length bytes behind its header. */
static void ipv4(uint8_t protocol, const char *from, uint16_t length)
{
	ethernet(0x0800);
	data[14] = 0x45;
	data[16] = (uint8_t)((length + 20) >> 8);
	data[17] = (uint8_t)(length + 20);
	data[22] = 64;
	data[23] = protocol;
	inet_pton(AF_INET, from, data + 26);
	inet_pton(AF_INET, "10.0.0.9", data + 30);
}

static void ipv6(uint8_t next, const void *from, uint16_t length)
{
	ethernet(0x86dd);
	data[14] = 0x60;
	data[18] = (uint8_t)(length >> 8);
	data[19] = (uint8_t)length;
	data[20] = next;
	memcpy(data + 22, from, 16);
	inet_pton(AF_INET6, "fd00::9", data + 38);
}

static void tcp(unsigned int at, unsigned int length)
{
	data[at + 4] = 0xff;		/* a sequence number that is about to wrap */
	data[at + 5] = 0xff;
	data[at + 6] = 0xff;
	data[at + 7] = 0x00;
	data[at + 12] = 0x80;		/* 32 bytes */
	data[at + 13] = 0x99;		/* CWR, ACK, PSH, FIN */
	for (unsigned int i = 32; i < length; i++)
		data[at + i] = (uint8_t)(i * 7);
}

static uint32_t add_up(const uint8_t *p, uint32_t size, uint32_t sum)
{
	for (uint32_t i = 0; i < size; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Whether the checksums of the IP packet at 14 are right; its transport's begins at @at. */
static bool right(const uint8_t *p, uint32_t size, unsigned int at, uint8_t protocol)
{
	bool v4 = p[12] == 8;
	uint32_t sum = v4 ? add_up(p + 26, 8, protocol) : add_up(p + 22, 32, protocol);

	if (v4 && add_up(p + 14, 20, 0) != 0xffff)
		return false;
	return add_up(p + at, size - at, sum + size - at) == 0xffff;
}

TEST(test_parse, "headers are found where they are, and nowhere else")
{
	ipv4(FRAME_TCP, "10.0.0.1", 100);
	tcp(34, 100);
	frame_parse(data, 128, &f);
	CU_ASSERT_TRUE(f.version == 4 && f.transport == 34 && f.checksum == 50 && f.end == 66);
	/* Cut off before the end of each header. */
	frame_parse(data, 50, &f);
	CU_ASSERT_TRUE(f.version == 4 && f.transport == 34 && !f.checksum && !f.end);
	frame_parse(data, 33, &f);
	CU_ASSERT_EQUAL(f.version, 0);
	/* A later fragment, and a first one. */
	data[21] = 1;
	frame_parse(data, 128, &f);
	CU_ASSERT_TRUE(f.protocol == FRAME_NONE && !f.checksum);
	data[21] = 0;
	data[20] = 0x20;
	frame_parse(data, 128, &f);
	CU_ASSERT_TRUE(f.protocol == FRAME_TCP && !f.checksum);
	/* A header length below the least. */
	data[20] = 0;
	data[14] = 0x44;
	frame_parse(data, 128, &f);
	CU_ASSERT_EQUAL(f.version, 0);
	data[14] = 0x45;
	data[46] = 0x40;
	frame_parse(data, 128, &f);
	CU_ASSERT_EQUAL(f.checksum, 0);
	/* Behind a VLAN's tag. */
	begin();
	ipv4(FRAME_UDP, "10.0.0.1", 100);
	memmove(data + 18, data + 14, 100);
	ethernet(0x8100);
	data[16] = 8;
	data[17] = 0;
	frame_parse(data, 128, &f);
	CU_ASSERT_TRUE(f.tagged && f.version == 4 && f.network == 18 && f.checksum == 44);
	frame_parse(data, 17, &f);
	CU_ASSERT_TRUE(f.tagged && !f.version);
}

TEST(test_parse_v6, "extension headers of IPv6")
{
	ipv6(0, link_local, 60);
	data[54] = 60;			/* hop by hop of 16 bytes, destination of 8, TCP */
	data[55] = 1;
	data[70] = FRAME_TCP;
	tcp(78, 40);
	frame_parse(data, 128, &f);
	CU_ASSERT_TRUE(f.version == 6 && f.protocol == FRAME_TCP && f.transport == 78);
	CU_ASSERT_TRUE(f.end == 110);
	frame_parse(data, 71, &f);
	CU_ASSERT_TRUE(f.version == 6 && !f.transport);
	data[71] = 255;
	frame_parse(data, 128, &f);
	CU_ASSERT_EQUAL(f.transport, 0);
	begin();
	ipv6(44, link_local, 60);
	data[54] = FRAME_ICMP6;
	data[57] = 1;			/* a first fragment */
	frame_parse(data, 128, &f);
	CU_ASSERT_TRUE(f.protocol == FRAME_ICMP6 && f.transport == 62 && !f.checksum);
	data[57] = 8;			/* a later one */
	frame_parse(data, 128, &f);
	CU_ASSERT_EQUAL(f.transport, 0);
	begin();
	ipv6(60, link_local, 100);
	for (unsigned int at = 54; at < 128; at += 8)
		data[at] = 60;
	frame_parse(data, 128, &f);
	CU_ASSERT_EQUAL(f.transport, 0);
}

TEST(test_finish, "a checksum is filled in")
{
	ipv4(FRAME_TCP, "10.0.0.1", 101);
	data[24] = 0;
	tcp(34, 101);
	frame_parse(data, 128, &f);
	CU_ASSERT_EQUAL(frame_finish(data, 135, &f), 0);
	CU_ASSERT_EQUAL(add_up(data + 34, 101, add_up(data + 26, 8, 6 + 101)), 0xffff);
	/* What was padded is not summed up. */
	data[140] = 0xee;
	CU_ASSERT_EQUAL(frame_finish(data, 141, &f), 0);
	CU_ASSERT_EQUAL(add_up(data + 34, 101, add_up(data + 26, 8, 6 + 101)), 0xffff);
	begin();
	ipv6(FRAME_UDP, link_local, 30);
	frame_parse(data, 84, &f);
	CU_ASSERT_EQUAL(frame_finish(data, 84, &f), 0);
	CU_ASSERT_TRUE(right(data, 84, 54, FRAME_UDP));
	ethernet(0x1234);
	frame_parse(data, 84, &f);
	CU_ASSERT_EQUAL(frame_finish(data, 84, &f), -EINVAL);
}

/* Cuts what is in data, of @size bytes with TCP at @at, and looks at each part. */
static void cut(uint32_t size, unsigned int at, uint16_t gso)
{
	static uint8_t part[70000];
	uint32_t header = at + 32, whole = size - header, done = 0;
	unsigned int i = 0;
	int got;

	frame_parse(data, 128, &f);
	while ((got = frame_cut(data, size, &f, gso, i, part)) > 0) {
		uint32_t n = (uint32_t)got - header;
		uint32_t seq = htonl(0xffffff00u + done), was;

		memcpy(&was, part + at + 4, 4);
		CU_ASSERT_EQUAL(was, seq);
		CU_ASSERT_TRUE(n && n <= gso && (n == gso || done + n == whole));
		CU_ASSERT_EQUAL(memcmp(part + header, data + header + done, n), 0);
		CU_ASSERT_TRUE(right(part, (uint32_t)got, at, FRAME_TCP));
		CU_ASSERT_EQUAL(part[at + 13], 0x10 | (i ? 0 : 0x80) | (done + n == whole ? 9 : 0));
		if (at == 34) {
			CU_ASSERT_EQUAL(part[16] << 8 | part[17], got - 14);
			CU_ASSERT_EQUAL(part[19], i & 255);
		} else {
			CU_ASSERT_EQUAL(part[18] << 8 | part[19], got - 54);
		}
		done += n;
		i++;
	}
	CU_ASSERT_EQUAL(got, 0);
	CU_ASSERT_EQUAL(done, whole);
}

TEST(test_cut, "what is too long is cut into parts with headers and checksums of their own")
{
	ipv4(FRAME_TCP, "10.0.0.1", 10000);
	tcp(34, 10000);
	cut(10034, 34, 1448);
	cut(10034, 34, 9968);
	cut(10034, 34, 1);
	begin();
	ipv6(FRAME_TCP, link_local, 60001);
	tcp(54, 60001);
	cut(60055, 54, 1428);
	CU_ASSERT_EQUAL(frame_cut(data, 60055, &f, 0, 0, data), -EINVAL);
	begin();
	ipv4(FRAME_UDP, "10.0.0.1", 100);
	frame_parse(data, 128, &f);
	CU_ASSERT_EQUAL(frame_cut(data, 134, &f, 10, 0, data), -EINVAL);
}

static enum switch_way from(void)
{
	frame_parse(data, 128, &f);
	return switch_from(&port, data, 128, &f);
}

TEST(test_addresses, "an interface sends from its own address")
{
	CU_ASSERT_EQUAL(from(), SWITCH_ONE);
	data[11] ^= 1;
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	data[11] ^= 1;
	memset(data, 0xff, 6);
	CU_ASSERT_EQUAL(from(), SWITCH_ALL);
	CU_ASSERT_EQUAL(switch_in(data), SWITCH_ALL);
	memcpy(data, "\1\0\136\0\0\1", 6);
	CU_ASSERT_EQUAL(from(), SWITCH_ALL);
	memcpy(data, "\1\200\302\0\0\3", 6);
	CU_ASSERT_EQUAL(from(), SWITCH_NOBODY);
	CU_ASSERT_EQUAL(switch_in(data), SWITCH_NOBODY);
	memcpy(data, "\1\200\302\0\0\20", 6);
	CU_ASSERT_EQUAL(from(), SWITCH_ALL);
	memcpy(data, mac, 6);
	CU_ASSERT_EQUAL(from(), SWITCH_NOBODY);
	CU_ASSERT_EQUAL(switch_in(data), SWITCH_ONE);
}

TEST(test_ip, "with addresses of IPv4: those, DHCP, and nothing else of IP")
{
	CU_ASSERT_EQUAL_FATAL(switch_parse_ips("10.0.0.1, 10.0.0.2", &port), 0);
	CU_ASSERT_EQUAL(port.nr_ips, 2);
	ipv4(FRAME_UDP, "10.0.0.2", 20);
	CU_ASSERT_EQUAL(from(), SWITCH_ONE);
	ipv4(FRAME_UDP, "10.0.0.3", 20);
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	ipv4(FRAME_UDP, "0.0.0.0", 20);
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	memcpy(data + 34, "\0\104\0\103", 4);
	CU_ASSERT_EQUAL(from(), SWITCH_ONE);
	/* Not even half a header, a tag, and the other one's protocol. */
	data[14] = 0x42;
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	begin();
	switch_parse_ips("10.0.0.1", &port);
	ipv4(FRAME_UDP, "10.0.0.1", 20);
	memmove(data + 18, data + 14, 100);
	ethernet(0x8100);
	data[16] = 8;
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	begin();
	switch_parse_ips("10.0.0.1", &port);
	ipv6(FRAME_UDP, link_local, 20);
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	ethernet(0x8035);
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	ethernet(0x88cc);
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	/* ARP and IPv4 in IEEE 802.3, and behind another vendor's tag. */
	ethernet(46);
	memcpy(data + 14, "\252\252\3\0\0\0\10\6", 8);
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	data[21] = 0;
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	ethernet(0x9100);
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	port.nr_ips = 0;
	CU_ASSERT_EQUAL(from(), SWITCH_ONE);
}

TEST(test_arp, "ARP says the truth about itself")
{
	switch_parse_ips("10.0.0.1", &port);
	ethernet(0x0806);
	memcpy(data + 14, "\0\1\10\0\6\4\0\1", 8);
	memcpy(data + 22, mac, 6);
	inet_pton(AF_INET, "10.0.0.1", data + 28);
	CU_ASSERT_EQUAL(from(), SWITCH_ONE);
	inet_pton(AF_INET, "10.0.0.7", data + 28);
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	/* Whether an address is free: its own, nobody else's. */
	memset(data + 28, 0, 4);
	inet_pton(AF_INET, "10.0.0.7", data + 38);
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	inet_pton(AF_INET, "10.0.0.1", data + 38);
	CU_ASSERT_EQUAL(from(), SWITCH_ONE);
	data[27]++;
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	data[27]--;
	data[15] = 6;
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	data[15] = 1;
	frame_parse(data, 41, &f);
	CU_ASSERT_EQUAL(switch_from(&port, data, 41, &f), SWITCH_SPOOFED);
}

TEST(test_v6, "IPv6: its own addresses, and advertisements of these")
{
	uint8_t other[16] = { 0xfd, 0, [15] = 6 }, own[16] = { 0xfd, 0, [15] = 5 };
	uint8_t none[16] = { 0 };

	CU_ASSERT_EQUAL_FATAL(switch_parse_ips("fd00::5", &port), 0);
	ipv6(FRAME_TCP, own, 40);
	CU_ASSERT_EQUAL(from(), SWITCH_ONE);
	ipv6(FRAME_TCP, link_local, 40);
	CU_ASSERT_EQUAL(from(), SWITCH_ONE);
	ipv6(FRAME_TCP, other, 40);
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	ipv6(FRAME_TCP, none, 40);
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	ipv6(FRAME_ICMP6, none, 40);
	data[54] = 135;
	memcpy(data + 62, other, 16);
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	memcpy(data + 62, own, 16);
	CU_ASSERT_EQUAL(from(), SWITCH_ONE);
	memcpy(data + 62, link_local, 16);
	CU_ASSERT_EQUAL(from(), SWITCH_ONE);
	frame_parse(data, 77, &f);
	CU_ASSERT_EQUAL(switch_from(&port, data, 77, &f), SWITCH_SPOOFED);
	for (unsigned int what = 0; what < 256; what++) {
		bool good = (what >= 131 && what <= 133) || what == 135 || what == 143;

		data[54] = (uint8_t)what;
		CU_ASSERT_EQUAL(from(), good ? SWITCH_ONE : SWITCH_SPOOFED);
	}
	/* It may ask for anybody in its own name. */
	ipv6(FRAME_ICMP6, own, 40);
	data[54] = 135;
	memcpy(data + 62, other, 16);
	CU_ASSERT_EQUAL(from(), SWITCH_ONE);
	ipv6(FRAME_ICMP6, own, 40);
	data[54] = 134;
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	data[54] = 137;
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	data[54] = 136;
	memcpy(data + 62, other, 16);
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	memcpy(data + 62, own, 16);
	CU_ASSERT_EQUAL(from(), SWITCH_ONE);
	frame_parse(data, 77, &f);
	CU_ASSERT_EQUAL(switch_from(&port, data, 77, &f), SWITCH_SPOOFED);
	/* One of which a later fragment says what it is about. */
	ipv6(44, own, 40);
	memset(data + 54, 0, 40);
	data[54] = FRAME_ICMP6;
	data[57] = 1;
	data[62] = 136;
	memcpy(data + 70, own, 16);
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	data[62] = 128;
	CU_ASSERT_EQUAL(from(), SWITCH_ONE);
	/* One that hides in a later fragment. */
	ipv6(44, own, 40);
	memset(data + 54, 0, 8);
	data[54] = FRAME_ICMP6;
	data[57] = 8;
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
	/* IPv4 is not among its addresses. */
	ipv4(FRAME_UDP, "10.0.0.1", 20);
	CU_ASSERT_EQUAL(from(), SWITCH_SPOOFED);
}

TEST(test_words, "addresses as they are written")
{
	uint8_t m[6];

	CU_ASSERT_EQUAL(switch_parse_ips("", &port), -EINVAL);
	CU_ASSERT_EQUAL(switch_parse_ips("10.0.0", &port), -EINVAL);
	CU_ASSERT_EQUAL(switch_parse_ips("10.0.0.1/24", &port), -EINVAL);
	CU_ASSERT_EQUAL(switch_parse_ips("1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 "
					 "1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 "
					 "1.1.1.1 1.1.1.1 ::1", &port), -E2BIG);
	CU_ASSERT_EQUAL(switch_parse_mac("00:16:3e:01:02:03", m), 0);
	CU_ASSERT_EQUAL(memcmp(m, mac, 6), 0);
	CU_ASSERT_EQUAL(switch_parse_mac("01:16:3e:01:02:03", m), -EINVAL);
	CU_ASSERT_EQUAL(switch_parse_mac("00:16:3e:01:02:03x", m), -EINVAL);
	CU_ASSERT_EQUAL(switch_parse_mac("00:16:3e:01:02", m), -EINVAL);
}

SUITE("net_switch", .begin = begin)
