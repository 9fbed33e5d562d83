// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/net/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/lib/backkeys.h"
#include "backends/lib/super.h"
#include "libhvctl/store/number.h"

/* Returns 0, -ENOENT if there is no such key, or -EINVAL. */
static int front_number(const struct backdev *v, const char *key, uint32_t max, uint32_t *value)
{
	char path[96], *text;
	uint64_t number;
	int error;

	front_path(v, path, sizeof(path));
	text = xs_readf(super.store, 0, "%s/%s", path, key);
	if (!text)
		return -ENOENT;
	error = number_parse(text, max, &number);
	if (!error)
		*value = (uint32_t)number;
	free(text);
	return error;
}

const char *keys_connection(const struct backdev *v, struct net_connection *c)
{
	static const struct {
		const char *key;
		uint32_t flag;
		bool not;
	} flags[] = {
		{ "feature-sg", NET_CAN_SG, false },
		{ "feature-gso-tcpv4", NET_CAN_GSO4, false },
		{ "feature-gso-tcpv6", NET_CAN_GSO6, false },
		{ "feature-no-csum-offload", NET_CAN_CSUM4, true },
		{ "feature-ipv6-csum-offload", NET_CAN_CSUM6, false },
	};
	uint32_t value = 1;
	int error;

	memset(c, 0, sizeof(*c));
	if (front_number(v, "multi-queue-num-queues", 1, &value) == -EINVAL || value != 1)
		return "multi-queue-num-queues";
	value = 0;
	if (front_number(v, "request-rx-copy", 1, &value) || !value)
		return "request-rx-copy";
	if (front_number(v, "tx-ring-ref", UINT32_MAX, &c->tx_ref))
		return "tx-ring-ref";
	if (front_number(v, "rx-ring-ref", UINT32_MAX, &c->rx_ref))
		return "rx-ring-ref";
	error = front_number(v, "event-channel-tx", UINT32_MAX, &c->tx_port);
	if (!error) {
		if (front_number(v, "event-channel-rx", UINT32_MAX, &c->rx_port))
			return "event-channel-rx";
	} else if (error == -ENOENT) {
		if (front_number(v, "event-channel", UINT32_MAX, &c->tx_port))
			return "event-channel";
		c->rx_port = c->tx_port;
	} else {
		return "event-channel-tx";
	}
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		value = 0;
		if (front_number(v, flags[i].key, 1, &value) == -EINVAL)
			return flags[i].key;
		if ((value != 0) != flags[i].not)
			c->flags |= flags[i].flag;
	}
	c->nonce = back_number(v, "connection", 0);
	return NULL;
}
