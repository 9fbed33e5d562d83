/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A store without devices, and clients that talk to it in messages: shared by the tests of the
 * store daemon.
 */
#ifndef TESTS_UNIT_STORE_SIM_H
#define TESTS_UNIT_STORE_SIM_H

#include <CUnit/Basic.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libhvctl/store/control.h"
#include "libhvctl/store/protocol.h"
#include "libhvctl/store/store.h"

/* ------------------------------------------------------------------------------------------------
 * A store and its surroundings
 */

static struct store *store;
static uint64_t fake_now;
static unsigned int introduced, released;	/* calls */

static inline int fake_introduce(void *context, domid_t domid, uint64_t frame, uint32_t port,
				 bool *fresh)
{
	(void)context;
	(void)frame;
	(void)port;
	introduced++;
	*fresh = domid != 7;
	return domid == 9 ? -EINVAL : 0;
}

static inline int fake_release(void *context, domid_t domid)
{
	(void)context;
	released++;
	return domid == 9 ? -ENOENT : 0;
}

static inline int fake_resume(void *context, domid_t domid)
{
	(void)context;
	return domid == 9 ? -ENOENT : 0;
}

static inline bool fake_is_introduced(void *context, domid_t domid)
{
	(void)context;
	return domid < 9;
}

static inline void fake_output(void *context, struct client *client)
{
	(void)context;
	(void)client;
}

/* Lines of the log, counted; the last one is kept. */
static unsigned int log_lines;
static char log_last[512];

static inline void fake_log(void *context, const char *line)
{
	(void)context;
	log_lines++;
	snprintf(log_last, sizeof(log_last), "%s", line);
}

static inline uint64_t get_fake_now(void *context)
{
	(void)context;
	return fake_now;
}

static const struct store_host fake_host = {
	.introduce = fake_introduce,
	.release = fake_release,
	.resume = fake_resume,
	.is_introduced = fake_is_introduced,
	.output = fake_output,
	.log = fake_log,
	.now = get_fake_now,
};

static inline void begin(void)
{
	fake_now = 1000;
	store = store_new(&fake_host, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(store);
}

/* The tree is well formed and the books agree with it. */
static inline void check_store(struct client *dom0)
{
	char text[XENSTORE_PAYLOAD_MAX];

	CU_ASSERT_EQUAL(control_run(dom0, "check", 6, text, sizeof(text)), 0);
	CU_ASSERT_STRING_EQUAL(text, "OK");
}

static inline void end(struct client *dom0)
{
	check_store(dom0);
	while (store->clients)
		client_free(store->clients);
	CU_ASSERT_EQUAL(store->nr_watches, 0);
	CU_ASSERT_EQUAL(store->watch_points.nr_entries, 0);
	store_free(store);
}

static uint32_t seed;

static inline uint32_t chance(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

/* ------------------------------------------------------------------------------------------------
 * Talking to it
 */

struct reply {
	uint32_t type, req_id, tx_id;
	size_t length;
	char data[XENSTORE_PAYLOAD_MAX + 1];	/* with a terminator behind */
};

/* The next message for @client, in pieces as a ring would take it. False if there is none. */
static inline bool next_message(struct client *client, struct reply *reply)
{
	char raw[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
	struct xsd_sockmsg header;
	const char *data;
	size_t have = 0, length, total = sizeof(header);

	if (!client_output(client, &length))
		return false;
	while (have < total) {
		data = client_output(client, &length);
		CU_ASSERT_PTR_NOT_NULL_FATAL(data);
		if (length > total - have)
			length = total - have;
		if (length > 1)
			length = 1 + chance(length);
		memcpy(raw + have, data, length);
		have += length;
		client_sent(client, length);
		if (have == sizeof(header)) {
			memcpy(&header, raw, sizeof(header));
			total += header.len;
		}
	}
	reply->type = header.type;
	reply->req_id = header.req_id;
	reply->tx_id = header.tx_id;
	reply->length = header.len;
	memcpy(reply->data, raw + sizeof(header), header.len);
	reply->data[header.len] = '\0';
	return true;
}

/* Send a message, in pieces. */
static inline void tell(struct client *client, uint32_t type, uint32_t tx, const void *payload,
			size_t length)
{
	static uint32_t req_id;
	struct inbox inbox = { 0 };
	struct xsd_sockmsg header = {
		.type = type, .req_id = ++req_id, .tx_id = tx, .len = length
	};
	char raw[sizeof(header) + XENSTORE_PAYLOAD_MAX];
	size_t sent = 0, wanted;
	int complete = 0;

	memcpy(raw, &header, sizeof(header));
	if (length)
		memcpy(raw + sizeof(header), payload, length);
	while (!complete) {
		char *space = inbox_space(&inbox, &wanted);

		if (wanted > 1)
			wanted = 1 + chance(wanted);
		CU_ASSERT_FATAL(sent + wanted <= sizeof(header) + length);
		memcpy(space, raw + sent, wanted);
		sent += wanted;
		complete = inbox_add(&inbox, wanted);
	}
	CU_ASSERT_EQUAL(complete, 1);
	CU_ASSERT_EQUAL(sent, sizeof(header) + length);
	CU_ASSERT_EQUAL(protocol_handle(client, &inbox), 0);
}

/* Send a request and return its reply; events that come first are dropped. */
static struct reply last;

static inline const char *ask(struct client *client, uint32_t type, uint32_t tx,
			      const void *payload, size_t length)
{
	tell(client, type, tx, payload, length);
	do {
		if (!next_message(client, &last)) {
			CU_FAIL("no reply");
			return "";
		}
	} while (last.type == XS_WATCH_EVENT);
	CU_ASSERT(last.type == type || last.type == XS_ERROR);
	CU_ASSERT_EQUAL(last.tx_id, tx);
	return last.data;
}

/* The same for a text as payload, whose '|' stand for terminators. */
static inline size_t encode(char *out, const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		out[i] = text[i] == '|' ? '\0' : text[i];
	return length;
}

static inline const char *ask_text(struct client *client, uint32_t type, uint32_t tx,
				   const char *text)
{
	char payload[XENSTORE_PAYLOAD_MAX];

	return ask(client, type, tx, payload, encode(payload, text));
}

/* Whether the reply, with its terminators shown as '|', is @want. */
static inline bool replies(struct client *client, uint32_t type, uint32_t tx, const char *text,
			   const char *want)
{
	char shown[XENSTORE_PAYLOAD_MAX + 1];

	ask_text(client, type, tx, text);
	for (size_t i = 0; i < last.length; i++)
		shown[i] = last.data[i] ? last.data[i] : '|';
	shown[last.length] = '\0';
	if (strcmp(shown, want) == 0)
		return true;
	printf("\n    %s: got %s, expected %s ", text, shown, want);
	return false;
}

#define REPLIES(client, type, text, want)	CU_ASSERT(replies(client, type, 0, text, want))
#define REPLIES_TX(client, type, tx, text, want) CU_ASSERT(replies(client, type, tx, text, want))

static inline uint32_t start(struct client *client)
{
	uint32_t id = strtoul(ask_text(client, XS_TRANSACTION_START, 0, "|"), NULL, 10);

	CU_ASSERT_EQUAL(last.type, XS_TRANSACTION_START);
	CU_ASSERT_NOT_EQUAL(id, 0);
	return id;
}

/* All events that wait for @client, as "path=token " each. */
static inline const char *events(struct client *client)
{
	static char list[1 << 16];
	struct reply reply;
	size_t used = 0;

	list[0] = '\0';
	while (next_message(client, &reply)) {
		CU_ASSERT_EQUAL(reply.type, XS_WATCH_EVENT);
		CU_ASSERT_EQUAL(reply.req_id, 0);
		used += snprintf(list + used, sizeof(list) - used, "%s=%s ", reply.data,
				 reply.data + strlen(reply.data) + 1);
	}
	return list;
}

#define EVENTS(client, want)			\
	do {					\
		const char *got = events(client);	\
		if (strcmp(got, want) != 0)	\
			printf("\n    events: got %s, expected %s ", got, want);	\
		CU_ASSERT_STRING_EQUAL(got, want);	\
	} while (0)

#ifndef ANNULUS_FUZZ
#include "suite.h"

/* A suite's .init. */
static inline void seed_init(void)
{
	const char *given = getenv("HVSTORE_TEST_SEED");

	seed = given ? strtoul(given, NULL, 0) : 20261121;
	if (!seed)
		seed = 1;
	printf("HVSTORE_TEST_SEED=%u\n", seed);
}

static inline int run_suite(const char *name, CU_TestInfo *tests)
{
	seed_init();
	return suite_run(name, tests);
}
#endif

#endif
