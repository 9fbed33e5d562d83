// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest that uses the store without end and looks at each answer: it writes a number and a value
 * longer than the ring, reads both back, begins and ends transactions, and watches what it writes.
 * Its store daemon is killed meanwhile, again and again. Each request is answered once, in order,
 * with what was written last, and each write is told of, once at least; a transaction may have to
 * be begun anew.
 * driven: yes
 */
#include "guest.h"
#include "pv-abi/io/xs_wire.h"

const char test_name[] = "store-load";

#define TELL_EACH	50
#define LONG		1500

static uint8_t window[PAGE_SIZE] __attribute__((aligned(4096)));
static volatile struct xenstore_domain_interface *ring = (void *)window;

static struct xsd_sockmsg head;
static char payload[XENSTORE_PAYLOAD_MAX + 1];
static unsigned events, last_id;

static void put(const void *data, size_t n)
{
	const char *p = data;

	for (size_t i = 0; i < n; i++) {
		if (ring->req_prod - ring->req_cons == XENSTORE_RING_SIZE) {
			send_event(start_info->store_evtchn);
			wait_until(ring->req_prod - ring->req_cons < XENSTORE_RING_SIZE);
		}
		ring->req[MASK_XENSTORE_IDX(ring->req_prod)] = p[i];
		__sync_synchronize();
		ring->req_prod++;
	}
}

static void get(void *data, size_t n)
{
	char *p = data;

	for (size_t i = 0; i < n; i++) {
		wait_until(ring->rsp_prod != ring->rsp_cons);
		__sync_synchronize();
		p[i] = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)];
		__sync_synchronize();
		ring->rsp_cons++;
		/* The daemon waits for room. */
		if (ring->rsp_prod - ring->rsp_cons == XENSTORE_RING_SIZE / 2)
			send_event(start_info->store_evtchn);
	}
}

/* The next message: an event is counted, and anything but our answer is wrong. */
static void ask(uint32_t type, uint32_t tx, const void *data, size_t n)
{
	head = (struct xsd_sockmsg){ .type = type, .req_id = ++last_id, .tx_id = tx, .len = n };
	put(&head, sizeof(head));
	put(data, n);
	send_event(start_info->store_evtchn);
	do {
		get(&head, sizeof(head));
		check(head.len <= XENSTORE_PAYLOAD_MAX);
		get(payload, head.len);
		payload[head.len] = 0;
		events += head.type == XS_WATCH_EVENT;
	} while (head.type == XS_WATCH_EVENT);
	if (ring->rsp_prod == ring->rsp_cons)
		send_event(start_info->store_evtchn);
	if (head.req_id != last_id)
		print("store-load: answer to %u instead of %u\n", head.req_id, last_id);
	check_eq(head.req_id, last_id);
	check(head.type == type || head.type == XS_ERROR);
}

static bool answers(const char *text, size_t n)
{
	if (head.type == XS_ERROR || head.len != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (payload[i] != text[i])
			return false;
	return true;
}

/* Eight digits behind the path. */
static size_t numbered(char *out, const char *path, unsigned n)
{
	size_t used = 0;

	while (*path)
		out[used++] = *path++;
	out[used++] = 0;
	for (int i = 7; i >= 0; i--)
		out[used + i] = '0' + n % 10, n /= 10;
	return used + 8;
}

static void transaction(unsigned n)
{
	char data[64];
	size_t used;
	uint32_t id;

	do {
		ask(XS_TRANSACTION_START, 0, "", 1);
		check(head.type == XS_TRANSACTION_START);
		id = 0;
		for (unsigned i = 0; payload[i]; i++)
			id = id * 10 + payload[i] - '0';
		used = numbered(data, "data/tx", n);
		ask(XS_WRITE, id, data, used);
		check(answers("OK", 3));
		ask(XS_TRANSACTION_END, id, "T", 2);
	} while (head.type == XS_ERROR && payload[1] == 'A' && payload[2] == 'G');
	check(answers("OK", 3));
	ask(XS_READ, 0, "data/tx", 8);
	check(answers(data + 8, 8));
}

void test_main(void)
{
	static char data[16 + LONG];
	size_t used;

	check(start_info->store_mfn != 0);
	check_eq(map_page(window, start_info->store_mfn, PTE_KERNEL), 0);
	ask(XS_WATCH, 0, "data\0token", 11);
	check(answers("OK", 3));
	for (unsigned n = 1;; n++) {
		unsigned before = events;

		used = numbered(data, "data/n", n);
		ask(XS_WRITE, 0, data, used);
		check(answers("OK", 3));
		ask(XS_READ, 0, "data/n", 7);
		check(answers(data + 7, 8));
		for (unsigned i = 0; i < LONG; i++)
			data[10 + i] = 'a' + (n + i) % 26;
		memcpy(data, "data/long", 10);
		ask(XS_WRITE, 0, data, 10 + LONG);
		check(answers("OK", 3));
		ask(XS_READ, 0, "data/long", 10);
		check(answers(data + 10, LONG));
		check(events >= before + 2);
		transaction(n);
		if (n % TELL_EACH == 0)
			print("store-load: %u rounds\n", n);
	}
}
