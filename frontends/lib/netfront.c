// SPDX-License-Identifier: MIT
#include "frontends/lib/netfront.h"

#include "frontends/lib/text.h"

static struct netfront *of(struct xenbus_device *d)
{
	return (struct netfront *)((char *)d - offsetof(struct netfront, xenbus));
}

static unsigned int place(const struct netfront *n, RING_IDX index)
{
	return index & (RING_SIZE(&n->rx) - 1);
}

/* ---- sending ---- */

static void finish(struct netfront *n, unsigned int id, int status)
{
	const struct frontend *fe = n->xenbus.fe;
	struct net_packet *p = n->packets[id];

	p->stuck = fe->ops->revoke(fe->kernel, p->ref) != 0;
	p->status = status;
	n->packets[id] = NULL;
	slots_free(&n->slots, id);
	p->done(p);
}

static void finish_all(struct netfront *n)
{
	for (unsigned int id = 0; id < n->slots.nr; id++)
		if (n->packets[id])
			finish(n, id, -EIO);
}

int netfront_send(struct netfront *n, struct net_packet *p)
{
	const struct frontend *fe = n->xenbus.fe;
	uint32_t offset = (uintptr_t)p->data & (FRONTEND_PAGE_SIZE - 1);
	struct netif_tx_request request;
	int id, notify;

	if (!n->xenbus.running || n->xenbus.broken)
		return -ENODEV;
	if (!p->size || p->size > FRONTEND_PAGE_SIZE - offset)
		return -EINVAL;
	if ((p->flags & NET_CSUM_BLANK) && !n->checksums)
		return -EOPNOTSUPP;
	if (n->slots.nr_busy == n->slots.nr)
		return -EAGAIN;
	if (fe->ops->grant(fe->kernel, n->xenbus.backend_id, p->data, true, &p->ref))
		return -EAGAIN;
	/* From here on nothing can fail. There is room: as many slots as entries. */
	id = slots_take(&n->slots);
	n->packets[id] = p;
	request = (struct netif_tx_request){ .gref = p->ref, .offset = (uint16_t)offset,
					     .id = (uint16_t)id, .size = p->size };
	if (p->flags & NET_CSUM_BLANK)
		request.flags = NETTXF_csum_blank | NETTXF_data_validated;
	*RING_GET_REQUEST(&n->tx, n->tx.req_prod_pvt) = request;
	n->tx.req_prod_pvt++;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&n->tx, notify);
	if (notify)
		fe->ops->event_send(fe->kernel, n->xenbus.port);
	return 0;
}

/* False: an impossible answer. */
static bool poll_tx(struct netfront *n)
{
	int waiting, more;

	do {
		for (waiting = front_ring_responses(&n->tx); waiting > 0; waiting--) {
			struct netif_tx_response answer;

			RING_COPY_RESPONSE(&n->tx, n->tx.rsp_cons, &answer);
			n->tx.rsp_cons++;
			if (!slots_busy(&n->slots, answer.id))
				return false;
			finish(n, answer.id, answer.status == NETIF_RSP_OKAY ? 0 : -EIO);
		}
		if (waiting < 0)
			return false;
		RING_FINAL_CHECK_FOR_RESPONSES(&n->tx, more);
	} while (more);
	return true;
}

/* ---- receiving ---- */

/*
 * Offers pages until NETFRONT_BUFFERS are with the backend. A place of the ring has its own page,
 * got when it is there for the first time or its former one was lost.
 */
static void refill(struct netfront *n)
{
	const struct frontend *fe = n->xenbus.fe;
	RING_IDX before = n->rx.req_prod_pvt;
	int notify;

	while (n->rx.req_prod_pvt - n->rx.rsp_cons < NETFRONT_BUFFERS) {
		unsigned int at = place(n, n->rx.req_prod_pvt);
		void **page = &n->buffers[at].page;

		if (!*page)
			*page = fe->ops->pages_get(fe->kernel, 1);
		if (!*page)
			break;
		if (!n->buffers[at].granted &&
		    fe->ops->grant(fe->kernel, n->xenbus.backend_id, *page, false,
				   &n->buffers[at].ref))
			break;
		n->buffers[at].granted = true;
		*RING_GET_REQUEST(&n->rx, n->rx.req_prod_pvt) = (struct netif_rx_request){
			.id = (uint16_t)at, .gref = n->buffers[at].ref,
		};
		n->rx.req_prod_pvt++;
	}
	if (n->rx.req_prod_pvt == before)
		return;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&n->rx, notify);
	if (notify)
		fe->ops->event_send(fe->kernel, n->xenbus.port);
}

/*
 * The page at @at is ours again. A ring has more places than pages are out: it moves on to the
 * place that is filled next, if that has none.
 */
static void *take_back(struct netfront *n, unsigned int at)
{
	const struct frontend *fe = n->xenbus.fe;
	void *page = n->buffers[at].page;

	n->buffers[at].page = NULL;
	if (!n->buffers[at].granted)
		return page;
	n->buffers[at].granted = false;
	if (!fe->ops->revoke(fe->kernel, n->buffers[at].ref))
		return page;
	n->dropped++;
	return NULL;
}

static void recycle(struct netfront *n, void *page)
{
	const struct frontend *fe = n->xenbus.fe;
	/* The place that refill() comes to next after those which have pages already. */
	RING_IDX index = n->rx.req_prod_pvt;

	while (n->buffers[place(n, index)].page && index - n->rx.rsp_cons < RING_SIZE(&n->rx))
		index++;
	if (n->buffers[place(n, index)].page)
		fe->ops->pages_put(fe->kernel, page, 1);
	else
		n->buffers[place(n, index)].page = page;
}

/* One answer. False: an impossible one. */
static bool take_answer(struct netfront *n)
{
	unsigned int at = place(n, n->rx.rsp_cons), flags;
	struct netif_rx_response answer;
	bool extra = n->in_extras, chain = n->in_chain;
	void *page;

	RING_COPY_RESPONSE(&n->rx, n->rx.rsp_cons, &answer);
	n->rx.rsp_cons++;
	page = take_back(n, at);
	if (extra) {
		struct netif_extra_info info;

		__builtin_memcpy(&info, &answer, sizeof(info));
		n->in_extras = info.flags & XEN_NETIF_EXTRA_FLAG_MORE;
	} else {
		/* The backend answers in the order in which we asked. */
		if (answer.id != at) {
			if (page)
				recycle(n, page);
			return false;
		}
		n->in_extras = answer.flags & NETRXF_extra_info;
		n->in_chain = answer.flags & NETRXF_more_data;
		if (chain || n->in_chain || answer.status < 0 ||
		    (uint32_t)answer.status + answer.offset > FRONTEND_PAGE_SIZE) {
			n->dropped++;
		} else if (page && answer.status) {
			flags = (answer.flags & NETRXF_csum_blank ? NET_CSUM_BLANK : 0) |
				(answer.flags & NETRXF_data_validated ? NET_CSUM_GOOD : 0);
			n->receive(n, (char *)page + answer.offset, (unsigned int)answer.status,
				   flags);
		}
	}
	if (page)
		recycle(n, page);
	return true;
}

static bool poll_rx(struct netfront *n)
{
	int waiting, more;

	do {
		for (waiting = front_ring_responses(&n->rx); waiting > 0; waiting--)
			if (!take_answer(n))
				return false;
		if (waiting < 0)
			return false;
		refill(n);
		RING_FINAL_CHECK_FOR_RESPONSES(&n->rx, more);
	} while (more);
	return true;
}

void netfront_poll(struct netfront *n)
{
	if (!n->xenbus.running || n->xenbus.broken)
		return;
	if (!poll_tx(n) || !poll_rx(n))
		xenbus_break(&n->xenbus, "network: impossible answer from the backend");
}

static void event(void *arg)
{
	netfront_poll(arg);
}

/* ---- the device ---- */

static void release(struct xenbus_device *d)
{
	struct netfront *n = of(d);
	const struct frontend *fe = d->fe;

	finish_all(n);
	xenbus_silence(d);
	for (unsigned int i = 0; i < SLOTS_MAX; i++) {
		void *page = take_back(n, i);

		if (page)
			fe->ops->pages_put(fe->kernel, page, 1);
	}
	xenbus_ring_put(d, &n->tx_shared);
	xenbus_ring_put(d, &n->rx_shared);
}

static int setup(struct xenbus_device *d)
{
	struct netfront *n = of(d);
	int error;

	slots_init(&n->slots, 0);
	n->in_extras = n->in_chain = false;
	error = xenbus_ring_get(d, &n->tx_shared, 1);
	if (!error)
		error = xenbus_ring_get(d, &n->rx_shared, 1);
	if (!error) {
		XEN_FRONT_RING_INIT(&n->tx, (struct netif_tx_sring *)n->tx_shared.page,
				    FRONTEND_PAGE_SIZE);
		XEN_FRONT_RING_INIT(&n->rx, (struct netif_rx_sring *)n->rx_shared.page,
				    FRONTEND_PAGE_SIZE);
		slots_init(&n->slots, RING_SIZE(&n->tx));
		error = xenbus_listen(d, event, n);
	}
	if (error)
		release(d);
	return error;
}

static int publish(struct xenbus_device *d, uint32_t tx)
{
	struct netfront *n = of(d);
	const struct {
		const char *key;
		uint64_t value;
	} keys[] = {
		{ "tx-ring-ref", n->tx_shared.refs[0] },
		{ "rx-ring-ref", n->rx_shared.refs[0] },
		{ "event-channel", d->port },
		{ "request-rx-copy", 1 },
		{ "feature-rx-notify", 1 },
		/* What a kernel that ran here before us may have offered. */
		{ "feature-sg", 0 },
		{ "feature-gso-tcpv4", 0 },
		{ "feature-gso-tcpv6", 0 },
		{ "feature-gso-tcpv4-prefix", 0 },
		{ "feature-gso-tcpv6-prefix", 0 },
		{ "feature-ipv6-csum-offload", 0 },
	};
	int error = 0;

	xenbus_remove(d, tx, "multi-queue-num-queues");
	xenbus_remove(d, tx, "event-channel-tx");
	xenbus_remove(d, tx, "event-channel-rx");
	for (unsigned int i = 0; !error && i < sizeof(keys) / sizeof(keys[0]); i++)
		error = xenbus_write_number(d, tx, keys[i].key, keys[i].value);
	return error;
}

static int start(struct xenbus_device *d)
{
	struct netfront *n = of(d);

	n->checksums = !xenbus_backend_number(d, "feature-no-csum-offload", 0);
	refill(n);
	return 0;
}

static void stop(struct xenbus_device *d)
{
	if (d->broken)
		finish_all(of(d));
}

static const struct xenbus_driver driver = {
	.type = "vif",
	.published = XenbusStateConnected,
	.setup = setup,
	.publish = publish,
	.start = start,
	.stop = stop,
	.release = release,
};

/* "00:16:3e:00:00:41" */
static int read_mac(const char *s, uint8_t *mac)
{
	for (unsigned int i = 0; i < 6; i++) {
		unsigned int byte = 0;

		for (unsigned int j = 0; j < 2; j++, s++) {
			unsigned int digit = *s >= '0' && *s <= '9' ? (unsigned int)(*s - '0') :
					     (*s | 32) >= 'a' && (*s | 32) <= 'f' ?
					     (unsigned int)((*s | 32) - 'a') + 10 : 16;

			if (digit > 15)
				return -EINVAL;
			byte = byte << 4 | digit;
		}
		mac[i] = (uint8_t)byte;
		if (*s++ != (i < 5 ? ':' : '\0'))
			return -EINVAL;
	}
	return 0;
}

/* It may have another address than it had. */
static int learn_mac(struct netfront *n)
{
	char mac[18];
	int error;

	error = xenbus_read(&n->xenbus, "mac", mac, sizeof(mac));
	if (error >= 0)
		error = read_mac(mac, n->mac);
	if (error < 0)
		xenbus_forget(&n->xenbus);
	return error < 0 ? error : 0;
}

int netfront_open(struct netfront *n, struct store *s, const char *id)
{
	int error = xenbus_open(&n->xenbus, s, &driver, id);

	return error ? error : learn_mac(n);
}

int netfront_resume(struct netfront *n)
{
	int error = xenbus_resume(&n->xenbus);

	return error ? error : learn_mac(n);
}
