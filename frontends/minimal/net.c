// SPDX-License-Identifier: MIT
/*
 * The network: with ip= it answers ARP, ICMP echo and UDP echo (port 7); with peer= it asks that
 * one for its address, for ECHOES echoes of various sizes, and sends it a datagram, which is
 * answered by an echo or by the word that nobody listens.
 */
#include "frontends/minimal/kernel.h"

#include "frontends/lib/netfront.h"
#include "frontends/lib/text.h"

#define PACKETS	  16u
#define ECHOES	  8u
#define ECHO_PORT 7
#define OUR_PORT  49407
#define ECHO_ID	  0x6d69

#define ETHER	 14u	/* bytes of each header */
#define IP	 20u
#define ICMP	 8u
#define UDP	 8u
#define FRAME_MAX 1514u

static struct netfront front;
static bool open;
static struct net_packet packets[PACKETS];	/* context: NULL while it is with nobody */
static uint8_t *pages[PACKETS];

/* What came from the peer. */
static struct {
	uint8_t mac[6];
	bool known;
	uint16_t echo;		/* the sequence number that we wait for */
	bool echoed, wrong;
	bool datagram;		/* answered, one way or the other */
	const char *how;
} peer;

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* The Internet checksum's sum so far. */
static uint32_t sum(const uint8_t *p, unsigned int size, uint32_t start)
{
	for (; size > 1; size -= 2, p += 2)
		start += get16(p);
	if (size)
		start += (uint32_t)*p << 8;
	return start;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

static uint32_t pseudo_sum(const uint8_t *ip, unsigned int size)
{
	return sum(ip + 12, 8, ip[9] + size);
}

/* ---- sending ---- */

static void sent(struct net_packet *p)
{
	p->context = NULL;
	/* A page that the backend keeps is replaced when it is needed. */
	if (p->stuck)
		pages[p - packets] = NULL;
}

/* A packet to fill in; NULL: all are under way, and one is lost as on any network. */
static struct net_packet *packet(uint8_t **data)
{
	for (unsigned int i = 0; i < PACKETS; i++) {
		if (packets[i].context)
			continue;
		if (!pages[i])
			pages[i] = pages_get(NULL, 1);
		if (!pages[i])
			continue;
		*data = pages[i];
		packets[i].data = pages[i];
		packets[i].done = sent;
		packets[i].flags = 0;
		return &packets[i];
	}
	return NULL;
}

static void transmit(struct net_packet *p, unsigned int size)
{
	p->size = (uint16_t)size;
	p->context = p;
	if (netfront_send(&front, p))
		p->context = NULL;
}

static void fill_ether(uint8_t *f, const uint8_t *to, unsigned int type)
{
	memcpy(f, to, 6);
	memcpy(f + 6, front.mac, 6);
	put16(f + 12, type);
}

static void send_arp(unsigned int operation, const uint8_t *to_mac, uint32_t to_ip)
{
	static const uint8_t everybody[6] = { 255, 255, 255, 255, 255, 255 };
	uint8_t *f;
	struct net_packet *p = packet(&f);

	if (!p)
		return;
	fill_ether(f, operation == 1 ? everybody : to_mac, 0x0806);
	put16(f + 14, 1);	/* Ethernet */
	put16(f + 16, 0x0800);	/* IPv4 */
	f[18] = 6;
	f[19] = 4;
	put16(f + 20, operation);
	memcpy(f + 22, front.mac, 6);
	put32(f + 28, settings.ip);
	memcpy(f + 32, to_mac, 6);
	put32(f + 38, to_ip);
	transmit(p, 42);
}

/* Headers up to IP's; @size is that of what follows. */
static void fill_ip(uint8_t *f, const uint8_t *mac, uint32_t to, unsigned int protocol,
		    unsigned int size)
{
	uint8_t *ip = f + ETHER;

	fill_ether(f, mac, 0x0800);
	memset(ip, 0, IP);
	ip[0] = 0x45;
	put16(ip + 2, IP + size);
	ip[6] = 0x40;	/* do not fragment */
	ip[8] = 64;
	ip[9] = (uint8_t)protocol;
	put32(ip + 12, settings.ip);
	put32(ip + 16, to);
	put16(ip + 10, (uint16_t)~fold(sum(ip, IP, 0)));
}

static void send_udp(const uint8_t *mac, uint32_t to, unsigned int from_port, unsigned int to_port,
		     const void *data, unsigned int size)
{
	uint8_t *f, *udp;
	struct net_packet *p = packet(&f);
	uint16_t check;

	if (!p)
		return;
	udp = f + ETHER + IP;
	fill_ip(f, mac, to, 17, UDP + size);
	put16(udp, from_port);
	put16(udp + 2, to_port);
	put16(udp + 4, UDP + size);
	put16(udp + 6, 0);
	memcpy(udp + UDP, data, size);
	if (front.checksums) {
		/* The other end completes it, or need not. */
		put16(udp + 6, fold(pseudo_sum(f + ETHER, UDP + size)));
		p->flags = NET_CSUM_BLANK;
	} else {
		check = (uint16_t)~fold(sum(udp, UDP + size, pseudo_sum(f + ETHER, UDP + size)));
		put16(udp + 6, check ? check : 0xffff);
	}
	transmit(p, ETHER + IP + UDP + size);
}

/* An echo: its data are a pattern, or those of the request. */
static void send_icmp(const uint8_t *mac, uint32_t to, unsigned int type, uint32_t rest,
		      const uint8_t *data, unsigned int size)
{
	uint8_t *f, *icmp;
	struct net_packet *p = packet(&f);

	if (!p)
		return;
	icmp = f + ETHER + IP;
	fill_ip(f, mac, to, 1, ICMP + size);
	icmp[0] = (uint8_t)type;
	icmp[1] = 0;
	put16(icmp + 2, 0);
	put32(icmp + 4, rest);
	for (unsigned int i = 0; i < size; i++)
		icmp[ICMP + i] = data ? data[i] : (uint8_t)(i * 7 + rest);
	put16(icmp + 2, (uint16_t)~fold(sum(icmp, ICMP + size, 0)));
	transmit(p, ETHER + IP + ICMP + size);
}

/* ---- receiving ---- */

static void take_arp(const uint8_t *f, unsigned int size)
{
	if (size < 42 || get16(f + 14) != 1 || get16(f + 16) != 0x0800 || f[18] != 6 || f[19] != 4)
		return;
	if (settings.peer && get32(f + 28) == settings.peer) {
		memcpy(peer.mac, f + 22, 6);
		peer.known = true;
	}
	if (get16(f + 20) == 1 && get32(f + 38) == settings.ip)
		send_arp(2, f + 22, get32(f + 28));
}

static void take_icmp(const uint8_t *f, const uint8_t *icmp, unsigned int size)
{
	uint32_t from = get32(f + ETHER + 12);

	if (size < ICMP || fold(sum(icmp, size, 0)) != 0xffff)
		return;
	if (icmp[0] == 8) {
		send_icmp(f + 6, from, 0, get32(icmp + 4), icmp + ICMP, size - ICMP);
	} else if (icmp[0] == 0 && from == settings.peer && get16(icmp + 4) == ECHO_ID &&
		   get16(icmp + 6) == peer.echo) {
		uint32_t rest = get32(icmp + 4);

		for (unsigned int i = ICMP; i < size; i++)
			peer.wrong |= icmp[i] != (uint8_t)((i - ICMP) * 7 + rest);
		peer.echoed = true;
	} else if (icmp[0] == 3 && icmp[1] == 3 && from == settings.peer && size >= ICMP + IP + 4) {
		/* Nobody listens at that port: it quotes our datagram. */
		const uint8_t *ours = icmp + ICMP;

		if (ours[9] == 17 && get32(ours + 12) == settings.ip &&
		    get16(ours + IP) == OUR_PORT) {
			peer.datagram = true;
			peer.how = "nobody listens";
		}
	}
}

static void take_udp(const uint8_t *f, const uint8_t *udp, unsigned int size, unsigned int flags)
{
	uint32_t from = get32(f + ETHER + 12);
	unsigned int length;

	if (size < UDP)
		return;
	length = get16(udp + 4);
	if (length < UDP || length > size)
		return;
	if (!(flags & (NET_CSUM_BLANK | NET_CSUM_GOOD)) && get16(udp + 6) &&
	    fold(sum(udp, length, pseudo_sum(f + ETHER, length))) != 0xffff)
		return;
	if (get16(udp + 2) == ECHO_PORT) {
		send_udp(f + 6, from, ECHO_PORT, get16(udp), udp + UDP, length - UDP);
	} else if (get16(udp + 2) == OUR_PORT && from == settings.peer &&
		   get16(udp) == ECHO_PORT) {
		peer.datagram = true;
		peer.how = "echo";
	}
}

static void take_ip(const uint8_t *f, unsigned int size, unsigned int flags)
{
	const uint8_t *ip = f + ETHER;
	unsigned int header, total;

	if (size < ETHER + IP || ip[0] >> 4 != 4)
		return;
	header = (ip[0] & 15u) * 4;
	total = get16(ip + 2);
	if (header < IP || total < header || total > size - ETHER || total > FRAME_MAX - ETHER ||
	    fold(sum(ip, header, 0)) != 0xffff || get32(ip + 16) != settings.ip ||
	    (get16(ip + 6) & 0x3fff))	/* fragments are not for us */
		return;
	if (ip[9] == 1)
		take_icmp(f, ip + header, total - header);
	else if (ip[9] == 17)
		take_udp(f, ip + header, total - header, flags);
}

static void receive(struct netfront *n, const void *data, unsigned int size, unsigned int flags)
{
	const uint8_t *f = data;

	(void)n;
	if (!settings.ip || size < ETHER)
		return;
	if (get16(f + 12) == 0x0806)
		take_arp(f, size);
	else if (get16(f + 12) == 0x0800)
		take_ip(f, size, flags);
}

/* ---- the job ---- */

static bool is_running(void *arg)
{
	(void)arg;
	return front.xenbus.running || front.xenbus.error;
}

static bool is_closed(void *arg)
{
	(void)arg;
	return xenbus_closed(&front.xenbus) && front.xenbus.backend_state == XenbusStateClosed;
}

static bool is_set(void *arg)
{
	return *(volatile bool *)arg;
}

/* Asks until it is answered: a bridge's port learns before it forwards. */
static bool ask(void (*question)(unsigned int i), unsigned int i, bool *answer)
{
	for (unsigned int tries = 0; tries < 120; tries++) {
		question(i);
		if (serve_until(is_set, answer, 1))
			return true;
	}
	return false;
}

static void ask_address(unsigned int i)
{
	static const uint8_t nobody[6];

	(void)i;
	send_arp(1, nobody, settings.peer);
}

static void ask_echo(unsigned int i)
{
	/* From none to as much as a frame holds. */
	send_icmp(peer.mac, settings.peer, 8, (uint32_t)ECHO_ID << 16 | peer.echo, NULL,
		  i * (FRAME_MAX - ETHER - IP - ICMP) / (ECHOES - 1));
}

static void ask_datagram(unsigned int i)
{
	(void)i;
	send_udp(peer.mac, settings.peer, OUR_PORT, ECHO_PORT, "minimal", 7);
}

static bool ask_peer(void)
{
	if (!ask(ask_address, 0, &peer.known)) {
		fail("net: nobody has the peer's address");
		return false;
	}
	for (unsigned int i = 0; i < ECHOES; i++) {
		peer.echo = (uint16_t)(i + 1);
		peer.echoed = false;
		if (!ask(ask_echo, i, &peer.echoed) || peer.wrong) {
			fail("net: echo %u: %s", i, peer.wrong ? "wrong data" : "no answer");
			return false;
		}
	}
	if (!ask(ask_datagram, 0, &peer.datagram)) {
		fail("net: no answer to a datagram");
		return false;
	}
	print("net: %u echoes; a datagram%s: %s\n", ECHOES,
	      front.checksums ? " without checksum" : "", peer.how);
	return true;
}

static void settle_address(void)
{
	if (settings.ip_of_mac)
		settings.ip = 10u << 24 | (get32(front.mac + 2) & 0xffffff);
}

/* Nobody has asked: switches learn where the address is now, and neighbours whose it is. */
static void announce(void)
{
	if (settings.ip)
		send_arp(1, front.mac, settings.ip);
}

bool net_resume(void)
{
	int error;

	if (!open)
		return true;
	error = netfront_resume(&front);
	if (error) {
		fail("net: %d", error);
		return false;
	}
	if (!front.xenbus.wanted)
		return true;
	if (!serve_until(is_running, NULL, 120) || !front.xenbus.running) {
		fail("net: does not connect again: backend's state %d, error %d",
		     front.xenbus.backend_state, front.xenbus.error);
		return false;
	}
	settle_address();
	announce();
	print("net: %02x:%02x:%02x:%02x:%02x:%02x, %u.%u.%u.%u\n", front.mac[0], front.mac[1],
	      front.mac[2], front.mac[3], front.mac[4], front.mac[5], settings.ip >> 24,
	      settings.ip >> 16 & 255, settings.ip >> 8 & 255, settings.ip & 255);
	peer.known = peer.datagram = false;
	return !settings.ip || !settings.peer || ask_peer();
}

bool net_job(const char *ids, unsigned int size)
{
	int error;

	if (!size) {
		fail("net: there is no interface");
		return false;
	}
	front.receive = receive;
	error = netfront_open(&front, &store, ids);
	if (error) {
		fail("net %s: %d", ids, error);
		return false;
	}
	open = true;
	if (!serve_until(is_running, NULL, 120) || !front.xenbus.running) {
		fail("net %s: does not connect: backend's state %d, error %d", ids,
		     front.xenbus.backend_state, front.xenbus.error);
		return false;
	}
	settle_address();
	print("net %s: %02x:%02x:%02x:%02x:%02x:%02x, %u.%u.%u.%u\n", ids, front.mac[0],
	      front.mac[1], front.mac[2], front.mac[3], front.mac[4], front.mac[5],
	      settings.ip >> 24, settings.ip >> 16 & 255, settings.ip >> 8 & 255,
	      settings.ip & 255);
	return !settings.ip || !settings.peer || ask_peer();
}

void net_serve(void)
{
	if (open && front.xenbus.broken && front.xenbus.running) {
		xenbus_step(&front.xenbus);
		fail("net: its backend broke the rules");
	}
}

void net_end(void)
{
	if (!open)
		return;
	xenbus_close(&front.xenbus);
	serve_until(is_closed, NULL, 10);
}
