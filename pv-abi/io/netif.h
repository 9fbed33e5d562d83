/* SPDX-License-Identifier: MIT */
/*
 * Virtual network interfaces: a transmit ring and a receive ring per queue, named from the
 * frontend's point of view, and an optional control ring.
 *
 * A packet may take several entries: all but the last carry *_more_data, and if the first
 * carries *_extra_info the entry after it is a struct netif_extra_info.
 */
#ifndef PV_ABI_IO_NETIF_H
#define PV_ABI_IO_NETIF_H

#include "ring.h"
#include "../grant_table.h"

/* Data slots a packet may always use. */
#define XEN_NETIF_NR_SLOTS_MIN		18
/* Longest packet a frontend may send, bytes. */
#define XEN_NETIF_MAX_TX_SIZE		0xFFFF

/* netif_tx_request.flags */
#define _NETTXF_csum_blank		0	/* checksum still to be filled in */
#define _NETTXF_data_validated		1	/* data are known to be good */
#define _NETTXF_more_data		2
#define _NETTXF_extra_info		3
#define NETTXF_csum_blank		(1U << _NETTXF_csum_blank)
#define NETTXF_data_validated		(1U << _NETTXF_data_validated)
#define NETTXF_more_data		(1U << _NETTXF_more_data)
#define NETTXF_extra_info		(1U << _NETTXF_extra_info)

/* netif_rx_response.flags */
#define _NETRXF_data_validated		0
#define _NETRXF_csum_blank		1
#define _NETRXF_more_data		2
#define _NETRXF_extra_info		3
#define _NETRXF_gso_prefix		4	/* no data: its offset holds the segment size */
#define NETRXF_data_validated		(1U << _NETRXF_data_validated)
#define NETRXF_csum_blank		(1U << _NETRXF_csum_blank)
#define NETRXF_more_data		(1U << _NETRXF_more_data)
#define NETRXF_extra_info		(1U << _NETRXF_extra_info)
#define NETRXF_gso_prefix		(1U << _NETRXF_gso_prefix)

/* netif_extra_info.type and .flags */
#define XEN_NETIF_EXTRA_TYPE_NONE	0
#define XEN_NETIF_EXTRA_TYPE_GSO	1
#define XEN_NETIF_EXTRA_TYPE_MCAST_ADD	2
#define XEN_NETIF_EXTRA_TYPE_MCAST_DEL	3
#define XEN_NETIF_EXTRA_TYPE_HASH	4
#define XEN_NETIF_EXTRA_TYPE_MAX	5
#define _XEN_NETIF_EXTRA_FLAG_MORE	0	/* another one follows */
#define XEN_NETIF_EXTRA_FLAG_MORE	(1U << _XEN_NETIF_EXTRA_FLAG_MORE)

#define XEN_NETIF_GSO_TYPE_NONE		0
#define XEN_NETIF_GSO_TYPE_TCPV4	1
#define XEN_NETIF_GSO_TYPE_TCPV6	2

/* Status of tx and rx responses; an rx response with data holds its length instead. */
#define NETIF_RSP_DROPPED		(-2)
#define NETIF_RSP_ERROR			(-1)
#define NETIF_RSP_OKAY			0
#define NETIF_RSP_NULL			1	/* answers the slot of an extra info */

/* Hash types (bits), algorithms. */
#define _XEN_NETIF_CTRL_HASH_TYPE_IPV4		0
#define _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP	1
#define _XEN_NETIF_CTRL_HASH_TYPE_IPV6		2
#define _XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP	3
#define XEN_NETIF_CTRL_HASH_TYPE_IPV4		(1 << _XEN_NETIF_CTRL_HASH_TYPE_IPV4)
#define XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP	(1 << _XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP)
#define XEN_NETIF_CTRL_HASH_TYPE_IPV6		(1 << _XEN_NETIF_CTRL_HASH_TYPE_IPV6)
#define XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP	(1 << _XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP)
#define XEN_NETIF_CTRL_HASH_ALGORITHM_NONE	0
#define XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ	1

/* xen_netif_ctrl_request.type */
#define XEN_NETIF_CTRL_TYPE_INVALID			0
#define XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS		1
#define XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS		2
#define XEN_NETIF_CTRL_TYPE_SET_HASH_KEY		3
#define XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE	4
#define XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE	5
#define XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING		6
#define XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM		7
#define XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE	8
#define XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING		9
#define XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING		10

/* xen_netif_ctrl_response.status */
#define XEN_NETIF_CTRL_STATUS_SUCCESS			0
#define XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED		1
#define XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER		2
#define XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW		3

/* xen_netif_gref.flags */
#define _XEN_NETIF_CTRLF_GREF_readonly			0
#define XEN_NETIF_CTRLF_GREF_readonly	(1U << _XEN_NETIF_CTRLF_GREF_readonly)

/*
 * In the first entry of a packet size is the whole packet's; in the others that entry's.
 */
struct netif_tx_request {
	grant_ref_t gref;
	uint16_t offset;		/* bytes into the page */
	uint16_t flags;			/* NETTXF_* */
	uint16_t id;			/* echoed in the response */
	uint16_t size;			/* bytes */
};

struct netif_tx_response {
	uint16_t id;
	int16_t status;			/* NETIF_RSP_* */
};

/* An empty page for the backend to fill. */
struct netif_rx_request {
	uint16_t id;			/* echoed in the response */
	uint16_t pad;
	grant_ref_t gref;
};

struct netif_rx_response {
	uint16_t id;
	uint16_t offset;		/* bytes into the page */
	uint16_t flags;			/* NETRXF_* */
	int16_t status;			/* bytes, or negative NETIF_RSP_* */
};

struct netif_extra_info {
	uint8_t type;			/* XEN_NETIF_EXTRA_TYPE_* */
	uint8_t flags;			/* XEN_NETIF_EXTRA_FLAG_* */
	union {
		struct {
			uint16_t size;	/* payload bytes per segment */
			uint8_t type;	/* XEN_NETIF_GSO_TYPE_* */
			uint8_t pad;
			uint16_t features;
		} gso;
		struct {
			uint8_t addr[6];
		} mcast;
		struct {
			uint8_t type;	/* bit number of the hash type */
			uint8_t algorithm;
			uint8_t value[4];
		} hash;
		uint16_t pad[3];
	} u;
};

struct xen_netif_ctrl_request {
	uint16_t id;
	uint16_t type;			/* XEN_NETIF_CTRL_TYPE_* */
	uint32_t data[3];
};

struct xen_netif_ctrl_response {
	uint16_t id;
	uint16_t type;			/* of the request */
	uint32_t status;		/* XEN_NETIF_CTRL_STATUS_* */
	uint32_t data;
};

/* One entry of the page that ADD_ and DEL_GREF_MAPPING point to. */
struct xen_netif_gref {
	grant_ref_t ref;
	uint16_t flags;			/* XEN_NETIF_CTRLF_GREF_* */
	uint16_t status;		/* OUT: XEN_NETIF_CTRL_STATUS_* */
};

typedef struct netif_tx_request netif_tx_request_t;
typedef struct netif_tx_response netif_tx_response_t;
typedef struct netif_rx_request netif_rx_request_t;
typedef struct netif_rx_response netif_rx_response_t;
typedef struct netif_extra_info netif_extra_info_t;

DEFINE_RING_TYPES(netif_tx, struct netif_tx_request, struct netif_tx_response);
DEFINE_RING_TYPES(netif_rx, struct netif_rx_request, struct netif_rx_response);
DEFINE_RING_TYPES(xen_netif_ctrl, struct xen_netif_ctrl_request,
		  struct xen_netif_ctrl_response);

#endif /* PV_ABI_IO_NETIF_H */
