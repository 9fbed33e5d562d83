/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wire protocol: from bytes to messages to requests.
 */
#ifndef HVSTORE_PROTOCOL_H
#define HVSTORE_PROTOCOL_H

#include "store.h"

/* A message on its way in. */
struct inbox {
	size_t have;
	/* Header, payload, and a terminator that no payload can do without. */
	char data[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX + 1];
};

/*
 * inbox_space - where the next bytes of the message go, and how many are wanted.
 * Never more than the rest of the header or of the payload: what is beyond belongs to the next
 * message.
 */
char *inbox_space(struct inbox *inbox, size_t *wanted);

/*
 * inbox_add - @length bytes have been put there.
 * Returns 1 when the message is complete, 0 when more is needed, -EMSGSIZE when its header
 * announces more payload than the protocol allows: such a connection is beyond repair.
 */
int inbox_add(struct inbox *inbox, size_t length);

/*
 * protocol_handle - carry out the complete message in @inbox for @client and queue its reply. The
 * inbox is empty afterwards.
 * Returns 0, or -ENOMEM if there was no memory even for an error reply: the connection should be
 * closed.
 */
int protocol_handle(struct client *client, struct inbox *inbox);

/* Bytes of the journal that are written for what looking at a node costs. */
#define JOURNAL_PER_UNIT	64

/*
 * protocol_charge - book @units of work done for @client to its domain, which will wait for what is
 * beyond its budget. Domain 0 has no limits.
 */
void protocol_charge(struct client *client, uint64_t units);

#endif
