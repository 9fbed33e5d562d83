// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/request.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "pv-abi/io/protocols.h"

/*
 * 64-bit numbers are aligned to 8 bytes on x86-64 and to 4 on i386. So everything after the first
 * four bytes stands 4 bytes further down there; a discard's and a plain request's fields begin
 * alike, an indirect one's first eight bytes are packed otherwise.
 */
struct layout {
	uint8_t id, sector, segments;		/* offsets */
	uint8_t discard_sectors;
	uint8_t indirect_id, indirect_sector, indirect_refs;
	uint8_t entry, response;		/* bytes */
	uint8_t response_operation, response_status;
};

static const struct layout layouts[] = {
	[PROTOCOL_X86_64] = { 8, 16, 24, 24, 8, 16, 28, 112, 16, 8, 10 },
	[PROTOCOL_X86_32] = { 4, 12, 20, 20, 4, 12, 24, 108, 12, 8, 10 },
};

#if defined(__x86_64__)
_Static_assert(offsetof(struct blkif_request, id) == 8, "as in layouts");
_Static_assert(offsetof(struct blkif_request, seg) == 24, "as in layouts");
_Static_assert(offsetof(struct blkif_request_indirect, id) == 8, "as in layouts");
_Static_assert(offsetof(struct blkif_request_indirect, indirect_grefs) == 28, "as in layouts");
_Static_assert(sizeof(union blkif_sring_entry) == 112, "as in layouts");
_Static_assert(sizeof(struct blkif_response) == 16, "as in layouts");
#else
_Static_assert(offsetof(struct blkif_request, id) == 4, "as in layouts");
_Static_assert(offsetof(struct blkif_request, seg) == 20, "as in layouts");
_Static_assert(offsetof(struct blkif_request_indirect, indirect_grefs) == 24, "as in layouts");
_Static_assert(sizeof(struct blkif_response) == 12, "as in layouts");
#endif
_Static_assert(sizeof(struct blkif_request_segment) == 8, "the same everywhere");

uint32_t protocol_entry(enum protocol protocol)
{
	return layouts[protocol].entry;
}

int protocol_parse(const char *name, enum protocol *protocol)
{
	if (!name)
		*protocol = PROTOCOL_NATIVE;
	else if (!strcmp(name, XEN_IO_PROTO_ABI_X86_64))
		*protocol = PROTOCOL_X86_64;
	else if (!strcmp(name, XEN_IO_PROTO_ABI_X86_32))
		*protocol = PROTOCOL_X86_32;
	else
		return -EINVAL;
	return 0;
}

static uint64_t get64(const uint8_t *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return value;
}

void request_decode(struct request *r, enum protocol protocol, const void *raw)
{
	const struct layout *l = &layouts[protocol];
	const uint8_t *bytes = raw;
	uint16_t nr;

	r->operation = bytes[0];
	r->id = get64(bytes + l->id);
	r->sector = get64(bytes + l->sector);
	r->sectors = 0;
	r->indirect = r->secure = r->malformed = false;
	r->nr_segments = 0;
	r->page = 0;
	switch (r->operation) {
	case BLKIF_OP_DISCARD:
		r->sectors = get64(bytes + l->discard_sectors);
		r->secure = bytes[1] & BLKIF_DISCARD_SECURE;
		break;
	case BLKIF_OP_INDIRECT:
		/* The answer names the operation that is wrapped in it. */
		r->operation = bytes[1];
		r->id = get64(bytes + l->indirect_id);
		r->sector = get64(bytes + l->indirect_sector);
		memcpy(&nr, bytes + 2, sizeof(nr));
		memcpy(&r->page, bytes + l->indirect_refs, sizeof(r->page));
		r->indirect = true;
		r->malformed = nr == 0 || nr > REQUEST_SEGMENTS ||
			       (r->operation != BLKIF_OP_READ && r->operation != BLKIF_OP_WRITE);
		r->nr_segments = r->malformed ? 0 : nr;
		break;
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
	case BLKIF_OP_WRITE_BARRIER:
	case BLKIF_OP_FLUSH_DISKCACHE:
		r->malformed = bytes[1] > BLKIF_MAX_SEGMENTS_PER_REQUEST;
		r->nr_segments = r->malformed ? 0 : bytes[1];
		memcpy(r->segments, bytes + l->segments,
		       r->nr_segments * sizeof(r->segments[0]));
		break;
	default:
		/* Unknown ones are answered so that the frontend knows that. */
		break;
	}
}

static int check_range(const struct request *r, const struct request_limits *limits)
{
	uint64_t unit = limits->sector_size / 512;

	if (r->sector > limits->sectors || r->sectors > limits->sectors - r->sector ||
	    (r->sector | r->sectors) & (unit - 1))
		return BLKIF_RSP_ERROR;
	return BLKIF_RSP_OKAY;
}

int request_check(struct request *r, const struct request_limits *limits)
{
	bool writes = true;

	if (r->malformed)
		return BLKIF_RSP_ERROR;
	switch (r->operation) {
	case BLKIF_OP_READ:
		writes = false;
		break;
	case BLKIF_OP_WRITE:
		break;
	case BLKIF_OP_WRITE_BARRIER:
		if (!limits->barrier)
			return BLKIF_RSP_EOPNOTSUPP;
		break;
	case BLKIF_OP_FLUSH_DISKCACHE:
		if (!limits->flush)
			return BLKIF_RSP_EOPNOTSUPP;
		break;
	case BLKIF_OP_DISCARD:
		if (!limits->discard || r->secure)
			return BLKIF_RSP_EOPNOTSUPP;
		return limits->readonly || !r->sectors ? BLKIF_RSP_ERROR : check_range(r, limits);
	default:
		return BLKIF_RSP_EOPNOTSUPP;
	}
	r->sectors = 0;
	for (unsigned int i = 0; i < r->nr_segments; i++) {
		const struct blkif_request_segment *s = &r->segments[i];

		if (s->first_sect > s->last_sect || s->last_sect > 7)
			return BLKIF_RSP_ERROR;
		r->sectors += s->last_sect - s->first_sect + 1u;
	}
	if (!r->nr_segments) {
		/* A flush alone; what its sector says means nothing. */
		r->sector = 0;
		return r->operation == BLKIF_OP_READ || r->operation == BLKIF_OP_WRITE
			       ? BLKIF_RSP_ERROR
			       : BLKIF_RSP_OKAY;
	}
	if (writes && limits->readonly)
		return BLKIF_RSP_ERROR;
	return check_range(r, limits);
}

uint32_t request_response(void *to, enum protocol protocol, uint64_t id, uint8_t operation,
			  int status)
{
	const struct layout *l = &layouts[protocol];
	uint8_t *bytes = to;
	int16_t value = (int16_t)status;

	memset(bytes, 0, l->response);
	memcpy(bytes, &id, sizeof(id));
	bytes[l->response_operation] = operation;
	memcpy(bytes + l->response_status, &value, sizeof(value));
	return l->response;
}
