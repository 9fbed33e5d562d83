// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/net/frame.h"

#include <errno.h>
#include <string.h>

#define TYPE_IPV4	0x0800u
#define TYPE_IPV6	0x86ddu
#define TYPE_VLAN	0x8100u
#define TYPE_VLAN_OUTER	0x88a8u

#define TCP_FIN		0x01u
#define TCP_PSH		0x08u
#define TCP_CWR		0x80u

/* Headers between that of IPv6 and its payload, at most. */
#define EXTENSIONS_MAX	8

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value);
}

static void parse_transport(const uint8_t *data, uint32_t size, struct frame *f)
{
	uint32_t at = f->transport, header;

	if (f->protocol == FRAME_TCP && at + 20 <= size) {
		header = (uint32_t)(data[at + 12] >> 4) * 4;
		if (header < 20)
			return;
		f->checksum = (uint16_t)(at + 16);
		f->end = (uint16_t)(at + header);
	} else if (f->protocol == FRAME_UDP && at + 8 <= size) {
		f->checksum = (uint16_t)(at + 6);
		f->end = (uint16_t)(at + 8);
	}
}

static void parse_v4(const uint8_t *data, uint32_t size, struct frame *f)
{
	const uint8_t *ip = data + f->network;
	uint32_t header;

	if (f->network + 20u > size || ip[0] >> 4 != 4)
		return;
	header = (ip[0] & 15u) * 4;
	if (header < 20 || f->network + header > size)
		return;
	f->version = 4;
	f->protocol = get16(ip + 6) & 0x1fff ? FRAME_NONE : ip[9];
	f->transport = (uint16_t)(f->network + header);
	/* A first fragment has a checksum over what is not there. */
	if (!(get16(ip + 6) & 0x3fff))
		parse_transport(data, size, f);
}

#define FRAGMENT	44u

/* Hop by hop, routing, fragment, destination. */
static bool extension(uint8_t next)
{
	return next == 0 || next == 43 || next == FRAGMENT || next == 60;
}

static void parse_v6(const uint8_t *data, uint32_t size, struct frame *f)
{
	const uint8_t *ip = data + f->network;
	uint32_t at = f->network + 40u;
	bool fragment = false;
	uint8_t next;

	if (at > size || ip[0] >> 4 != 6)
		return;
	f->version = 6;
	next = ip[6];
	for (unsigned int i = 0; extension(next); i++) {
		uint8_t this = next;

		if (i == EXTENSIONS_MAX || at + 8 > size)
			return;
		/* Only the first of a packet's fragments has what follows. */
		if (this == FRAGMENT && get16(data + at + 2) & 0xfff8)
			return;
		fragment |= this == FRAGMENT;
		next = data[at];
		at += this == FRAGMENT ? 8 : (data[at + 1] + 1u) * 8;
		if (at > size)
			return;
	}
	f->protocol = next;
	f->transport = (uint16_t)at;
	f->fragment = fragment;
	if (!fragment)
		parse_transport(data, size, f);
}

void frame_parse(const uint8_t *data, uint32_t size, struct frame *f)
{
	memset(f, 0, sizeof(*f));
	f->protocol = FRAME_NONE;
	f->type = get16(data + 12);
	f->network = 14;
	if (f->type == TYPE_VLAN || f->type == TYPE_VLAN_OUTER) {
		f->tagged = true;
		if (size < 18)
			return;
		f->type = get16(data + 16);
		f->network = 18;
	}
	if (f->type == TYPE_IPV4)
		parse_v4(data, size, f);
	else if (f->type == TYPE_IPV6)
		parse_v6(data, size, f);
}

/* ------------------------------------------------------------------------------------------------
 * Checksums: sums of 16-bit numbers of the network's order, in 64 bits, carries at the end.
 */

static uint64_t sum(const uint8_t *data, uint32_t size)
{
	uint64_t total = 0;
	uint32_t i = 0;

	for (; i + 4 <= size; i += 4)
		total += get32(data + i);
	if (i + 2 <= size) {
		total += get16(data + i);
		i += 2;
	}
	if (i < size)
		total += (uint64_t)data[i] << 8;
	return total;
}

static uint16_t fold(uint64_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)~total;
}

/* Over addresses, protocol and length of what is behind IP's header. */
static uint64_t pseudo(const uint8_t *data, const struct frame *f, uint32_t length)
{
	const uint8_t *ip = data + f->network;
	uint64_t total = f->version == 4 ? sum(ip + 12, 8) : sum(ip + 8, 32);

	return total + f->protocol + length;
}

static void fill(uint8_t *data, uint32_t size, const struct frame *f)
{
	uint32_t length = size - f->transport;
	uint16_t result;

	put16(data + f->checksum, 0);
	result = fold(pseudo(data, f, length) + sum(data + f->transport, length));
	/* UDP's 0 says that there is none. */
	if (!result && f->protocol == FRAME_UDP)
		result = 0xffff;
	put16(data + f->checksum, result);
}

/* What Ethernet put behind a short packet is not IP's. */
static uint32_t without_padding(const uint8_t *data, uint32_t size, const struct frame *f)
{
	const uint8_t *ip = data + f->network;
	uint32_t end = f->network + (f->version == 4 ? get16(ip + 2) : 40u + get16(ip + 4));

	return end < size && end >= f->end ? end : size;
}

int frame_finish(uint8_t *data, uint32_t size, const struct frame *f)
{
	if (!f->checksum || f->end > size)
		return -EINVAL;
	fill(data, without_padding(data, size, f), f);
	return 0;
}

int frame_cut(const uint8_t *data, uint32_t size, const struct frame *f, uint16_t gso_size,
	      unsigned int number, uint8_t *to)
{
	uint64_t offset = (uint64_t)number * gso_size;
	uint32_t part;
	uint8_t *ip = to + f->network;
	bool last;

	if (f->protocol != FRAME_TCP || !f->checksum || f->end > size || !gso_size)
		return -EINVAL;
	if (offset >= size - f->end)
		return 0;
	part = size - f->end - (uint32_t)offset;
	last = part <= gso_size;
	if (!last)
		part = gso_size;
	memcpy(to, data, f->end);
	memcpy(to + f->end, data + f->end + offset, part);
	put32(to + f->transport + 4, get32(data + f->transport + 4) + (uint32_t)offset);
	if (!last)
		to[f->transport + 13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
	if (number)
		to[f->transport + 13] &= (uint8_t)~TCP_CWR;
	part += f->end;
	if (f->version == 4) {
		put16(ip + 2, part - f->network);
		put16(ip + 4, get16(ip + 4) + number);
		put16(ip + 10, 0);
		put16(ip + 10, fold(sum(ip, (uint32_t)(f->transport - f->network))));
	} else {
		put16(ip + 4, part - f->network - 40);
	}
	fill(to, part, f);
	return (int)part;
}
