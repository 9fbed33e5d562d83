// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/net/switch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TYPE_IPV4	0x0800u
#define TYPE_ARP	0x0806u
#define TYPE_IPV6	0x86ddu

#define ICMP6_LISTENER_REPORT		131u
#define ICMP6_LISTENER_DONE		132u
#define ICMP6_ROUTER_SOLICITATION	133u
#define ICMP6_ROUTER_ADVERTISEMENT	134u
#define ICMP6_NEIGHBOUR_SOLICITATION	135u
#define ICMP6_NEIGHBOUR_ADVERTISEMENT	136u
#define ICMP6_REDIRECT			137u
#define ICMP6_LISTENER_REPORT_2		143u

int switch_parse_ips(const char *text, struct switch_port *p)
{
	char word[48];
	int length;

	p->nr_ips = 0;
	p->any_v6 = 0;
	for (;;) {
		struct switch_ip *ip = &p->ips[p->nr_ips];

		text += strspn(text, ", \t");
		if (!*text)
			return p->nr_ips ? 0 : -EINVAL;
		if (p->nr_ips == SWITCH_IPS)
			return -E2BIG;
		if (sscanf(text, "%47[^, \t]%n", word, &length) != 1)
			return -EINVAL;
		text += length;
		memset(ip, 0, sizeof(*ip));
		if (inet_pton(AF_INET, word, ip->address) == 1)
			ip->version = 4;
		else if (inet_pton(AF_INET6, word, ip->address) == 1)
			ip->version = 6;
		else
			return -EINVAL;
		p->any_v6 |= ip->version == 6;
		p->nr_ips++;
	}
}

int switch_parse_mac(const char *text, uint8_t mac[6])
{
	unsigned int m[6];
	int end = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5],
		   &end) != 6 || end != 17 || text[end] || m[0] & 1)
		return -EINVAL;
	for (unsigned int i = 0; i < 6; i++)
		mac[i] = (uint8_t)m[i];
	return 0;
}

static bool has(const struct switch_port *p, unsigned int version, const uint8_t *address)
{
	size_t size = version == 4 ? 4 : 16;

	for (unsigned int i = 0; i < p->nr_ips; i++)
		if (p->ips[i].version == version && !memcmp(p->ips[i].address, address, size))
			return true;
	return false;
}

static bool zero(const uint8_t *p, size_t size)
{
	while (size && !*p) {
		p++;
		size--;
	}
	return !size;
}

/* The address that every interface has of itself, made of its MAC. */
static bool link_local(const struct switch_port *p, const uint8_t *address)
{
	const uint8_t *m = p->mac;
	const uint8_t own[16] = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff, 0xfe,
				  m[3], m[4], m[5] };

	return !memcmp(own, address, sizeof(own));
}

static bool good_arp(const struct switch_port *p, const uint8_t *data, uint32_t size)
{
	const uint8_t *arp = data + 14;

	/*
	 * Of Ethernet and IPv4, about itself. Who asks whether an address is free takes it from
	 * whoever asks the same just now (RFC 5227, 2.1.1), so that is for its own only.
	 */
	return size >= 42 && !memcmp(arp, "\0\1\10\0\6\4", 6) && !memcmp(arp + 8, p->mac, 6) &&
	       has(p, 4, zero(arp + 14, 4) ? arp + 24 : arp + 14);
}

static bool good_v4(const struct switch_port *p, const uint8_t *data, const struct frame *f)
{
	const uint8_t *from = data + f->network + 12;

	if (f->version != 4)
		return false;
	/* Who has no address yet asks for one: DHCP. */
	if (zero(from, 4))
		return f->protocol == FRAME_UDP && f->end &&
		       !memcmp(data + f->transport, "\0\104\0\103", 4);
	return has(p, 4, from);
}

static bool own_v6(const struct switch_port *p, const uint8_t *address)
{
	return has(p, 6, address) || link_local(p, address);
}

/* What one says of neighbours, or asks about them, in the message at @at of the frame. */
static bool good_icmp6(const struct switch_port *p, const uint8_t *data, uint32_t size, uint32_t at,
		       bool fragment, bool nobody)
{
	bool about_itself;

	if (at >= size)
		return false;
	/* What is about, a later part may say (RFC 6980: nobody has to take such). */
	if (fragment && data[at] >= ICMP6_ROUTER_SOLICITATION && data[at] <= ICMP6_REDIRECT)
		return false;
	about_itself = at + 24 <= size && own_v6(p, data + at + 8);
	switch (data[at]) {
	case ICMP6_ROUTER_ADVERTISEMENT:
	case ICMP6_REDIRECT:
		return false;
	case ICMP6_NEIGHBOUR_ADVERTISEMENT:
		return about_itself && !nobody;
	case ICMP6_NEIGHBOUR_SOLICITATION:
		/* From nobody: whether it is free. As with ARP (RFC 4862, 5.4.3). */
		return about_itself || !nobody;
	case ICMP6_ROUTER_SOLICITATION:
	case ICMP6_LISTENER_REPORT:
	case ICMP6_LISTENER_DONE:
	case ICMP6_LISTENER_REPORT_2:
		return true;
	default:
		return !nobody;
	}
}

static bool good_v6(const struct switch_port *p, const uint8_t *data, uint32_t size,
		    const struct frame *f)
{
	const uint8_t *from = data + f->network + 8;
	bool nobody = zero(from, 16);

	/* What it carries may be an advertisement; one that hides behind other headers does not. */
	if (!p->any_v6 || f->version != 6 || !f->transport)
		return false;
	if (f->protocol == FRAME_ICMP6)
		return (nobody || own_v6(p, from)) &&
		       good_icmp6(p, data, size, f->transport, f->fragment, nobody);
	return own_v6(p, from);
}

static bool good_ip(const struct switch_port *p, const uint8_t *data, uint32_t size,
		    const struct frame *f)
{
	/* A tag could carry it past this into a network of its own; who wants that gives no ip=. */
	if (f->tagged)
		return false;
	switch (f->type) {
	case TYPE_IPV4:
		return good_v4(p, data, f);
	case TYPE_ARP:
		return good_arp(p, data, size);
	case TYPE_IPV6:
		return good_v6(p, data, size, f);
	default:
		/* Much else carries IP: SNAP (RFC 1042), other tags, other bridges' headers. */
		return false;
	}
}

/* 01:80:c2:00:00:00 to 0f: from a bridge to the next one, such as a spanning tree's. */
static bool for_bridge(const uint8_t *data)
{
	return !memcmp(data, "\1\200\302\0\0", 5) && data[5] < 16;
}

enum switch_way switch_from(const struct switch_port *p, const uint8_t *data, uint32_t size,
			    const struct frame *f)
{
	if (memcmp(data + 6, p->mac, 6) || (p->nr_ips && !good_ip(p, data, size, f)))
		return SWITCH_SPOOFED;
	if (for_bridge(data) || !memcmp(data, p->mac, 6))
		return SWITCH_NOBODY;
	return data[0] & 1 ? SWITCH_ALL : SWITCH_ONE;
}

enum switch_way switch_in(const uint8_t *data)
{
	if (for_bridge(data))
		return SWITCH_NOBODY;
	return data[0] & 1 ? SWITCH_ALL : SWITCH_ONE;
}
