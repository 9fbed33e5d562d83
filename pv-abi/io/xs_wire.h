/* SPDX-License-Identifier: MIT */
/*
 * The store's wire protocol: a 16-byte header and its payload, over a domain's shared page
 * or a Unix socket. Strings in payloads end with NUL unless they are the last.
 */
#ifndef PV_ABI_IO_XS_WIRE_H
#define PV_ABI_IO_XS_WIRE_H

#include <stdint.h>
#include "../errno.h"

enum xsd_sockmsg_type {
	XS_CONTROL		= 0,
	XS_DIRECTORY		= 1,
	XS_READ			= 2,
	XS_GET_PERMS		= 3,
	XS_WATCH		= 4,
	XS_UNWATCH		= 5,
	XS_TRANSACTION_START	= 6,
	XS_TRANSACTION_END	= 7,	/* "T" commits, "F" throws away */
	XS_INTRODUCE		= 8,
	XS_RELEASE		= 9,
	XS_GET_DOMAIN_PATH	= 10,
	XS_WRITE		= 11,
	XS_MKDIR		= 12,
	XS_RM			= 13,
	XS_SET_PERMS		= 14,
	XS_WATCH_EVENT		= 15,	/* from the store only, req_id 0 */
	XS_ERROR		= 16,	/* from the store only, payload is an errno name */
	XS_IS_DOMAIN_INTRODUCED	= 17,
	XS_RESUME		= 18,
	XS_SET_TARGET		= 19,
	XS_RESET_WATCHES	= 21,	/* 20 was withdrawn and stays unused */
	XS_DIRECTORY_PART	= 22,
	XS_TYPE_COUNT,
	XS_INVALID		= 0xffff,
};

#define XS_DEBUG		XS_CONTROL

#define XS_WRITE_NONE		"NONE"
#define XS_WRITE_CREATE		"CREATE"
#define XS_WRITE_CREATE_EXCL	"CREATE|EXCL"

struct xsd_sockmsg {
	uint32_t type;		/* XS_* */
	uint32_t req_id;	/* chosen by the client, echoed in the reply */
	uint32_t tx_id;		/* 0: outside any transaction */
	uint32_t len;		/* payload bytes after this header */
};

/* The errors the protocol knows, by the name that travels in an XS_ERROR payload. */
struct xsd_errors {
	int errnum;
	const char *errstring;
};

static const struct xsd_errors xsd_errors[] __attribute__((unused)) = {
	{ E2BIG, "E2BIG" },
	{ EACCES, "EACCES" },
	{ EAGAIN, "EAGAIN" },
	{ EBUSY, "EBUSY" },
	{ EEXIST, "EEXIST" },
	{ EINVAL, "EINVAL" },
	{ EIO, "EIO" },
	{ EISCONN, "EISCONN" },
	{ EISDIR, "EISDIR" },
	{ ENOENT, "ENOENT" },
	{ ENOMEM, "ENOMEM" },
	{ ENOSPC, "ENOSPC" },
	{ ENOSYS, "ENOSYS" },
	{ ENOTEMPTY, "ENOTEMPTY" },
	{ EPERM, "EPERM" },
	{ EROFS, "EROFS" },
};

/* The two strings of a XS_WATCH_EVENT payload. */
enum xs_watch_type {
	XS_WATCH_PATH = 0,
	XS_WATCH_TOKEN = 1,
};

#define XENSTORE_RING_SIZE	1024	/* bytes, power of two */
typedef uint32_t XENSTORE_RING_IDX;
/* Indices run freely; this finds the byte. */
#define MASK_XENSTORE_IDX(idx)	((idx) & (XENSTORE_RING_SIZE - 1))

struct xenstore_domain_interface {
	char req[XENSTORE_RING_SIZE];	/* to the store */
	char rsp[XENSTORE_RING_SIZE];	/* replies and watch events */
	XENSTORE_RING_IDX req_cons, req_prod;
	XENSTORE_RING_IDX rsp_cons, rsp_prod;
	uint32_t server_features;	/* XENSTORE_SERVER_FEATURE_* */
	uint32_t connection;		/* XENSTORE_CONNECTED or _RECONNECT */
	uint32_t error;			/* XENSTORE_ERROR_* */
};

/* Limits; the path limits count neither the NUL nor, for relative ones, the prefix. */
#define XENSTORE_PAYLOAD_MAX	4096
#define XENSTORE_ABS_PATH_MAX	3072
#define XENSTORE_REL_PATH_MAX	2048

#define XENSTORE_SERVER_FEATURE_RECONNECTION	1	/* honours XENSTORE_RECONNECT */
#define XENSTORE_SERVER_FEATURE_ERROR		2	/* sets error */

#define XENSTORE_CONNECTED	0
#define XENSTORE_RECONNECT	1	/* guest asks for a fresh start */

#define XENSTORE_ERROR_NONE	0
#define XENSTORE_ERROR_COMM	1	/* communication broke down */
#define XENSTORE_ERROR_RINGIDX	2	/* impossible ring index */
#define XENSTORE_ERROR_PROTO	3	/* malformed message */

#endif /* PV_ABI_IO_XS_WIRE_H */
