/* SPDX-License-Identifier: MIT */
/*
 * Virtual disks. The ring's entries are struct blkif_request or one of its two variants,
 * told apart by .operation, answered by struct blkif_response with the same id.
 *
 * Units: sector_number and nr_sectors count 512-byte sectors whatever the disk's own sector
 * size; first_sect and last_sect count them within one page.
 */
#ifndef PV_ABI_IO_BLKIF_H
#define PV_ABI_IO_BLKIF_H

#include "ring.h"
#include "../grant_table.h"

typedef uint16_t blkif_vdev_t;		/* the device's number under device/vbd */
typedef uint64_t blkif_sector_t;

#define BLKIF_OP_READ			0
#define BLKIF_OP_WRITE			1
#define BLKIF_OP_WRITE_BARRIER		2	/* needs the backend's feature-barrier */
#define BLKIF_OP_FLUSH_DISKCACHE	3	/* needs feature-flush-cache */
#define BLKIF_OP_RESERVED_1		4	/* was a packet command */
#define BLKIF_OP_DISCARD		5	/* needs feature-discard; blkif_request_discard */
#define BLKIF_OP_INDIRECT		6	/* needs feature-max-indirect-segments */

#define BLKIF_MAX_SEGMENTS_PER_REQUEST		11
#define BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST	8

/* blkif_request_discard.flag: the data must not be recoverable. */
#define BLKIF_DISCARD_SECURE		(1 << 0)

/* blkif_response.status */
#define BLKIF_RSP_OKAY			0
#define BLKIF_RSP_ERROR			(-1)
#define BLKIF_RSP_EOPNOTSUPP		(-2)

/* Bits of the backend's "info" key. */
#define VDISK_CDROM			0x1
#define VDISK_REMOVABLE			0x2
#define VDISK_READONLY			0x4

struct blkif_request_segment {
	grant_ref_t gref;		/* the page */
	uint8_t first_sect, last_sect;	/* 0 to 7, inclusive */
};

struct blkif_request {
	uint8_t operation;		/* BLKIF_OP_* */
	uint8_t nr_segments;		/* 0 for a pure flush */
	blkif_vdev_t handle;
	uint64_t id;			/* the frontend's, echoed in the response */
	blkif_sector_t sector_number;	/* first sector on the disk */
	struct blkif_request_segment seg[BLKIF_MAX_SEGMENTS_PER_REQUEST];
};

struct blkif_request_discard {
	uint8_t operation;		/* BLKIF_OP_DISCARD */
	uint8_t flag;			/* BLKIF_DISCARD_SECURE */
	blkif_vdev_t handle;
	uint64_t id;
	blkif_sector_t sector_number;
	uint64_t nr_sectors;
};

/* The segments live in granted pages, 512 to a page. */
struct blkif_request_indirect {
	uint8_t operation;		/* BLKIF_OP_INDIRECT */
	uint8_t indirect_op;		/* BLKIF_OP_READ or BLKIF_OP_WRITE */
	uint16_t nr_segments;
	uint64_t id;
	blkif_sector_t sector_number;
	blkif_vdev_t handle;
	grant_ref_t indirect_grefs[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
#ifdef __i386__
	uint64_t pad;			/* as long as a 64-bit frontend's */
#endif
};

struct blkif_response {
	uint64_t id;
	uint8_t operation;		/* of the request */
	int16_t status;			/* BLKIF_RSP_* */
};

typedef struct blkif_request blkif_request_t;
typedef struct blkif_request_discard blkif_request_discard_t;
typedef struct blkif_request_indirect blkif_request_indirect_t;
typedef struct blkif_response blkif_response_t;

DEFINE_RING_TYPES(blkif, struct blkif_request, struct blkif_response);

#endif /* PV_ABI_IO_BLKIF_H */
