// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/net/keys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "libhvctl/store/daemon.h"
#include "libhvctl/store/log.h"
#include "libhvctl/store/number.h"

struct super super;

static void back_path(const struct device *v, char *path, size_t size)
{
	snprintf(path, size, "/local/domain/0/backend/hvnet/%u/%u", v->domid, v->devid);
}

void front_path(const struct device *v, char *path, size_t size)
{
	snprintf(path, size, "/local/domain/%u/device/vif/%u", v->domid, v->devid);
}

char *back_read(const struct device *v, const char *key)
{
	char path[96];

	back_path(v, path, sizeof(path));
	return xs_readf(super.store, 0, "%s/%s", path, key);
}

uint64_t back_number(const struct device *v, const char *key, uint64_t otherwise)
{
	char *text = back_read(v, key);
	uint64_t value = otherwise;

	if (text && number_parse(text, UINT64_MAX, &value))
		value = otherwise;
	free(text);
	return value;
}

#define WRITE_TRIES	16

struct pair {
	const char *key, *value;
};

/* All of them, or none. A node that is gone is not made anew: it would be there for good. */
static int write_there(const struct device *v, const struct pair *pairs, size_t nr)
{
	int error = -EAGAIN;

	for (int tries = 0; error == -EAGAIN && tries < WRITE_TRIES; tries++) {
		char path[160], *text;
		uint32_t tx;

		error = xs_begin(super.store, &tx);
		if (error)
			return error;
		back_path(v, path, 96);
		text = xs_readf(super.store, tx, "%s/frontend-id", path);
		error = text ? 0 : -errno;
		free(text);
		for (size_t i = 0; i < nr && !error; i++) {
			back_path(v, path, 96);
			snprintf(path + strlen(path), 64, "/%s", pairs[i].key);
			error = xs_write(super.store, tx, path, "%s", pairs[i].value);
		}
		if (error)
			xs_abort(super.store, tx);
		else
			error = xs_commit(super.store, tx);
	}
	return error;
}

int back_write(const struct device *v, const char *key, const char *format, ...)
{
	char value[KEYS_TEXT];
	const struct pair pair = { key, value };
	va_list args;
	int error;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	error = write_there(v, &pair, 1);
	if (error && error != -ENOENT)
		log_line("domain %u, vif %u: cannot write %s", v->domid, v->devid, key);
	return error;
}

bool back_there(const struct device *v)
{
	char *text = back_read(v, "frontend-id");
	/* A store daemon that does not answer says nothing about the interface. */
	bool there = text || errno != ENOENT;

	free(text);
	return there;
}

bool set_state(struct device *v, enum xenbus_state state)
{
	int error = back_write(v, "state", "%d", state);

	v->state = state;
	v->owed = error && error != -ENOENT ? state : XenbusStateUnknown;
	v->changed |= v->owed != XenbusStateUnknown;
	return !v->owed;
}

enum xenbus_state front_state(const struct device *v)
{
	uint64_t state = XenbusStateUnknown;
	char path[96], *text;

	front_path(v, path, sizeof(path));
	text = xs_readf(super.store, 0, "%s/state", path);
	if (!text || number_parse(text, XenbusStateReconfigured, &state))
		state = XenbusStateUnknown;
	free(text);
	return (enum xenbus_state)state;
}

void say(struct device *v, const char *format, ...)
{
	static const struct budget_rate rate = { .burst = 20, .period = 60000 };
	uint64_t missing = 0;
	char text[384];
	va_list args;

	if (!line_budget_take(&v->lines, &rate, daemon_now(), &missing))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (missing)
		log_line("domain %u, vif %u: %llu lines suppressed", v->domid, v->devid,
			 (unsigned long long)missing);
	log_line("domain %u, vif %u: %s", v->domid, v->devid, text);
}

bool offer(struct device *v)
{
	char number[24], state[8];
	const struct pair pairs[] = {
		{ "feature-sg", "1" }, { "feature-gso-tcpv4", "1" }, { "feature-gso-tcpv6", "1" },
		{ "feature-ipv6-csum-offload", "1" }, { "feature-rx-copy", "1" },
		{ "feature-split-event-channels", "1" }, { "feature-rx-flip", "0" },
		{ "connection", number }, { "state", state },
	};
	uint64_t nonce;
	int error;

	/* Without one, nothing of this connection is taken over. */
	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
		nonce = 0;
	snprintf(number, sizeof(number), "%llu", (unsigned long long)nonce);
	snprintf(state, sizeof(state), "%d", XenbusStateInitWait);
	error = write_there(v, pairs, sizeof(pairs) / sizeof(pairs[0]));
	if (error && error != -ENOENT)
		log_line("domain %u, vif %u: cannot write what it offers", v->domid, v->devid);
	else
		v->state = XenbusStateInitWait;
	return !error || error == -ENOENT;
}

void fail(struct device *v, const char *why)
{
	say(v, "%s", why);
	back_write(v, "hotplug-error", "%s", why);
	back_write(v, "hotplug-status", "error");
}

/* ------------------------------------------------------------------------------------------------
 * The frontend's
 */

/* Returns 0, -ENOENT if there is no such key, or -EINVAL. */
static int front_number(const struct device *v, const char *key, uint32_t max, uint32_t *value)
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

const char *keys_connection(const struct device *v, struct net_connection *c)
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
