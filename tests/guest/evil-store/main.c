// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest that does to the store daemon what it can, without breaking the protocol, which would end
 * its connection: it reconnects as fast as the daemon lets it, and in between leaves transactions
 * open, registers watches, writes, and takes no replies. It goes on until it is destroyed, and
 * tells how often it has reconnected. The test looks at the daemon's log, memory and patience with
 * others meanwhile.
 * driven: yes
 */
#include "guest.h"
#include "pv-abi/io/xs_wire.h"

const char test_name[] = "evil-store";

#define TELL_EACH 2000

static uint8_t window[PAGE_SIZE] __attribute__((aligned(4096)));
static volatile struct xenstore_domain_interface *ring = (void *)window;

static void put(const void *data, size_t n)
{
	const char *p = data;

	for (size_t i = 0; i < n; i++)
		ring->req[MASK_XENSTORE_IDX(ring->req_prod + i)] = p[i];
	__sync_synchronize();
	ring->req_prod += n;
}

/* If there is room; it is not waited for. */
static void ask(uint32_t type, const char *payload, size_t n)
{
	struct xsd_sockmsg head = { .type = type, .len = n };

	if (XENSTORE_RING_SIZE - (ring->req_prod - ring->req_cons) < sizeof(head) + n)
		return;
	put(&head, sizeof(head));
	put(payload, n);
}

static void reconnect(void)
{
	ring->connection = XENSTORE_RECONNECT;
	send_event(start_info->store_evtchn);
	wait_until(ring->connection == XENSTORE_CONNECTED);
}

static void burst(unsigned n)
{
	static char value[300];
	char path[] = "data/a\0a";
	char token[] = "data\0t0";

	memset(value, 'v', sizeof(value));
	memcpy(value, path, 7);
	value[5] = 'a' + n % 26;
	token[6] = 'A' + n % 50;
	ask(XS_TRANSACTION_START, "", 1);
	ask(XS_WATCH, token, sizeof(token));
	ask(XS_WRITE, value, sizeof(value));
	ask(XS_RM, value, 7);
	send_event(start_info->store_evtchn);
}

void test_main(void)
{
	check(start_info->store_mfn != 0);
	check_eq(map_page(window, start_info->store_mfn, PTE_KERNEL), 0);
	check(ring->server_features & XENSTORE_SERVER_FEATURE_RECONNECTION);
	for (unsigned n = 1;; n++) {
		reconnect();
		if (n % 4 == 0)
			burst(n);
		if (n % TELL_EACH == 0)
			print("evil-store: reconnected %u times\n", n);
	}
}
