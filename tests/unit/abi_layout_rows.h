/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns the lists of names into rows[]. No include guard and no includes of the ABI: each of
 * the two translation units brings its own headers first.
 */
#include "abi_layout.h"

/* Applies m(t, x) to each of up to 30 arguments. */
#define EACH_1(m, t, x)		m(t, x)
#define EACH_2(m, t, x, ...)	m(t, x) EACH_1(m, t, __VA_ARGS__)
#define EACH_3(m, t, x, ...)	m(t, x) EACH_2(m, t, __VA_ARGS__)
#define EACH_4(m, t, x, ...)	m(t, x) EACH_3(m, t, __VA_ARGS__)
#define EACH_5(m, t, x, ...)	m(t, x) EACH_4(m, t, __VA_ARGS__)
#define EACH_6(m, t, x, ...)	m(t, x) EACH_5(m, t, __VA_ARGS__)
#define EACH_7(m, t, x, ...)	m(t, x) EACH_6(m, t, __VA_ARGS__)
#define EACH_8(m, t, x, ...)	m(t, x) EACH_7(m, t, __VA_ARGS__)
#define EACH_9(m, t, x, ...)	m(t, x) EACH_8(m, t, __VA_ARGS__)
#define EACH_10(m, t, x, ...)	m(t, x) EACH_9(m, t, __VA_ARGS__)
#define EACH_11(m, t, x, ...)	m(t, x) EACH_10(m, t, __VA_ARGS__)
#define EACH_12(m, t, x, ...)	m(t, x) EACH_11(m, t, __VA_ARGS__)
#define EACH_13(m, t, x, ...)	m(t, x) EACH_12(m, t, __VA_ARGS__)
#define EACH_14(m, t, x, ...)	m(t, x) EACH_13(m, t, __VA_ARGS__)
#define EACH_15(m, t, x, ...)	m(t, x) EACH_14(m, t, __VA_ARGS__)
#define EACH_16(m, t, x, ...)	m(t, x) EACH_15(m, t, __VA_ARGS__)
#define EACH_17(m, t, x, ...)	m(t, x) EACH_16(m, t, __VA_ARGS__)
#define EACH_18(m, t, x, ...)	m(t, x) EACH_17(m, t, __VA_ARGS__)
#define EACH_19(m, t, x, ...)	m(t, x) EACH_18(m, t, __VA_ARGS__)
#define EACH_20(m, t, x, ...)	m(t, x) EACH_19(m, t, __VA_ARGS__)
#define EACH_21(m, t, x, ...)	m(t, x) EACH_20(m, t, __VA_ARGS__)
#define EACH_22(m, t, x, ...)	m(t, x) EACH_21(m, t, __VA_ARGS__)
#define EACH_23(m, t, x, ...)	m(t, x) EACH_22(m, t, __VA_ARGS__)
#define EACH_24(m, t, x, ...)	m(t, x) EACH_23(m, t, __VA_ARGS__)
#define EACH_25(m, t, x, ...)	m(t, x) EACH_24(m, t, __VA_ARGS__)
#define EACH_26(m, t, x, ...)	m(t, x) EACH_25(m, t, __VA_ARGS__)
#define EACH_27(m, t, x, ...)	m(t, x) EACH_26(m, t, __VA_ARGS__)
#define EACH_28(m, t, x, ...)	m(t, x) EACH_27(m, t, __VA_ARGS__)
#define EACH_29(m, t, x, ...)	m(t, x) EACH_28(m, t, __VA_ARGS__)
#define EACH_30(m, t, x, ...)	m(t, x) EACH_29(m, t, __VA_ARGS__)
#define EACH_PICK(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, _17,	\
		  _18, _19, _20, _21, _22, _23, _24, _25, _26, _27, _28, _29, _30, n, ...)	n
#define EACH(m, t, ...)										\
	EACH_PICK(__VA_ARGS__, EACH_30, EACH_29, EACH_28, EACH_27, EACH_26, EACH_25, EACH_24,	\
		  EACH_23, EACH_22, EACH_21, EACH_20, EACH_19, EACH_18, EACH_17, EACH_16,	\
		  EACH_15, EACH_14, EACH_13, EACH_12, EACH_11, EACH_10, EACH_9, EACH_8, EACH_7,	\
		  EACH_6, EACH_5, EACH_4, EACH_3, EACH_2, EACH_1, )(m, t, __VA_ARGS__)

#define SIZE(t)			{ #t, NULL, 0, sizeof(t), NULL },
#define FIELD(t, f)		{ #t, #f, offsetof(t, f), sizeof(((t *)0)->f), NULL },
#define FIELDS(t, ...)		EACH(FIELD, t, __VA_ARGS__)
#define FLEXIBLE(t, f)		{ #t, #f, offsetof(t, f), 0, NULL },
#define NUMBER(n)		{ #n, NULL, (long long)(n), 0, NULL },
#define STRING(n)		{ #n, NULL, 0, sizeof(n), n },

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
	NUMBER(__CONST_RING_SIZE(blkif, 4096))
	NUMBER(__CONST_RING_SIZE(blkif, 65536))
	NUMBER(__CONST_RING_SIZE(netif_tx, 4096))
	NUMBER(__CONST_RING_SIZE(netif_rx, 4096))
};
