/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns the lists of names into rows[]. No include guard and no includes of the ABI: each of
 * the two translation units brings its own headers first.
 */
#include "abi_each.h"
#include "abi_layout.h"

#define SIZE(t)		{ #t, NULL, 0, sizeof(t), NULL, NULL },
#define FIELD(t, f)	{ #t, #f, offsetof(t, f), sizeof(((t *)0)->f), NULL, NULL },
#define FIELDS(t, ...)	EACH(FIELD, t, __VA_ARGS__)
#define STRUCT(t, ...)	SIZE(t) FIELDS(t, __VA_ARGS__)
#define FLEXIBLE(t, f)	{ #t, #f, offsetof(t, f), 0, NULL, NULL },
#define VALUES(...)	(const long long[]){ __VA_ARGS__ }
#define NUMBERS(...)	{ #__VA_ARGS__, NULL, 0, sizeof(VALUES(__VA_ARGS__)) / sizeof(long long), \
			  NULL, VALUES(__VA_ARGS__) },
#define STRING(n)	{ #n, NULL, 0, sizeof(n), n, NULL },

static const struct layout_row rows[] = {
#include "abi_layout_guest.h"
#include "abi_layout_control.h"
#include "abi_layout_constants.h"
	SIZE(xen_pfn_t)
	SIZE(xen_ulong_t)
	SIZE(xen_callback_t)
	SIZE(xen_domain_handle_t)
	SIZE(xen_extraversion_t)
	SIZE(xen_capabilities_info_t)
	SIZE(xen_changeset_info_t)
	SIZE(xen_commandline_t)
	SIZE(xen_uuid_t)
	SIZE(domid_t)
	SIZE(evtchn_port_t)
	SIZE(event_word_t)
	SIZE(grant_ref_t)
	SIZE(grant_handle_t)
	SIZE(grant_status_t)
	SIZE(RING_IDX)
	SIZE(XENCONS_RING_IDX)
	SIZE(XENSTORE_RING_IDX)
	NUMBERS(__CONST_RING_SIZE(blkif, 4096))
	NUMBERS(__CONST_RING_SIZE(blkif, 65536))
	NUMBERS(__CONST_RING_SIZE(netif_tx, 4096))
	NUMBERS(__CONST_RING_SIZE(netif_rx, 4096))
};
