// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c
// sources: libhvctl/store/tree.c libhvctl/store/quota.c libhvctl/store/watch.c
// sources: libhvctl/budget.c
// sources: libhvctl/store/transaction.c libhvctl/store/store.c libhvctl/store/control.c
// sources: libhvctl/store/journal.c
// sources: libhvctl/store/protocol.c libhvctl/store/ring.c libhvctl/store/connection.c
// sources: libhvctl/console/ring.c libhvctl/console/stream.c
// options: -max_len=2048
//
// The rings that guests share with dom0's daemons: a guest writes what it likes wherever it likes
// in the page between any two looks at it. What is taken is what a byte-wise reader takes, nothing
// is written but the daemon's own index and the bytes before it, and the store behind stays whole.
// The console's stream is held against a plain array.

#include "libhvctl/console/ring.h"
#include "libhvctl/console/stream.h"
#include "libhvctl/store/connection.h"
#include "libhvctl/store/ring.h"
#include "store_sim.h"

#include "fuzz.h"

struct guest {
	struct connection connection;
	struct xenstore_domain_interface ring;
	struct ring_place place;
	int lost;
};

static ssize_t checked_read(struct connection *c, char *out, size_t size)
{
	struct xenstore_domain_interface *ring = &((struct guest *)c)->ring, before = *ring;
	struct ring_place *place = &((struct guest *)c)->place;
	uint32_t from = place->consumed, filled = before.req_prod - from;
	ssize_t n = ring_read(ring, place, out, size);

	if (filled > XENSTORE_RING_SIZE) {
		FUZZ_CHECK(n == -EIO, "impossible indexes are taken");
	} else {
		FUZZ_CHECK(n >= 0 && (size_t)n == (size < filled ? size : filled), "%zd of %u", n,
			   filled);
		for (ssize_t i = 0; i < n; i++)
			FUZZ_CHECK(out[i] == before.req[MASK_XENSTORE_IDX(from + i)],
				   "byte %zd", i);
		FUZZ_CHECK(place->consumed == from + (uint32_t)n, "our index");
	}
	FUZZ_CHECK(!memcmp(&before, ring, sizeof(before)), "the page was written");
	return n;
}

static ssize_t checked_write(struct connection *c, const char *data, size_t size)
{
	struct xenstore_domain_interface *ring = &((struct guest *)c)->ring, before = *ring;
	struct ring_place *place = &((struct guest *)c)->place;
	uint32_t from = place->produced, filled = from - before.rsp_cons;
	ssize_t n = ring_write(ring, place, data, size);

	if (filled > XENSTORE_RING_SIZE) {
		FUZZ_CHECK(n == -EIO, "impossible indexes are taken");
	} else {
		FUZZ_CHECK(n >= 0 && (size_t)n <= size && (size_t)n <= XENSTORE_RING_SIZE - filled,
			   "%zd", n);
		for (ssize_t i = 0; i < n; i++)
			before.rsp[MASK_XENSTORE_IDX(from + i)] = data[i];
		if (n)
			before.rsp_prod = from + (uint32_t)n;
	}
	FUZZ_CHECK(!memcmp(&before, ring, sizeof(before)), "more than what was sent was written");
	return n;
}

static void moved(struct connection *c)
{
	struct guest *g = (struct guest *)c;
	struct xenstore_domain_interface before = g->ring;

	ring_took(&g->ring, &g->place);
	FUZZ_CHECK(g->place.took == g->place.consumed, "our index");
	if (g->ring.req_cons != before.req_cons)
		before.req_cons = g->place.consumed;
	FUZZ_CHECK(!memcmp(&before, &g->ring, sizeof(before)), "more than our index was written");
}

static void lost(struct connection *c, int error)
{
	((struct guest *)c)->lost = error;
	client_free(c->client);
	c->client = NULL;
}

static const struct connection_ops ops = { .read = checked_read,
					   .write = checked_write,
					   .moved = moved,
					   .lost = lost };

static struct guest *connect_guest(domid_t domid)
{
	struct guest *g = calloc(1, sizeof(*g));

	CU_ASSERT_PTR_NOT_NULL_FATAL(g);
	g->connection.ops = &ops;
	g->connection.client = client_new(store, domid, g);
	return g;
}

static void put(struct guest *g, const void *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		g->ring.req[MASK_XENSTORE_IDX(g->ring.req_prod + i)] = ((const char *)data)[i];
	g->ring.req_prod += (uint32_t)n;
}

static void store_rings(struct fuzz_in *in)
{
	static const char *const texts[] = {
		"/|", "/a|x", "/a|", "@releaseDomain|t|", "|", "/local/domain/1|", "T|"
	};
	struct guest *g[2] = { connect_guest(1), connect_guest(2) };
	struct turns turns = { 0 };

	while (fuzz_more(in)) {
		uint8_t op = fuzz_u8(in);
		struct guest *one = g[op & 1];
		char raw[256];
		size_t n;

		switch (op >> 1 & 7) {
		case 0: case 1: /* a request that makes sense */
			n = encode(raw + sizeof(struct xsd_sockmsg), texts[fuzz_below(in, 7)]);
			*(struct xsd_sockmsg *)raw =
				(struct xsd_sockmsg){ .type = fuzz_below(in, 24),
						      .req_id = 7,
						      .tx_id = op >> 4 & 1,
						      .len = (uint32_t)n };
			put(one, raw, sizeof(struct xsd_sockmsg) + n);
			break;
		case 2: /* any bytes as the next ones */
			n = fuzz_bytes(in, raw, fuzz_below(in, 64));
			put(one, raw, n);
			break;
		case 3: /* it takes its replies */
			one->ring.rsp_cons = one->ring.rsp_prod;
			break;
		case 4: /* an index, anything */
			switch (fuzz_below(in, 4)) {
			case 0: one->ring.req_prod = (uint32_t)fuzz_number(in); break;
			case 1: one->ring.req_cons = (uint32_t)fuzz_number(in); break;
			case 2: one->ring.rsp_prod = (uint32_t)fuzz_number(in); break;
			case 3: one->ring.rsp_cons = (uint32_t)fuzz_number(in); break;
			}
			break;
		case 5: /* both of a ring, far on */
			one->ring.req_prod = one->ring.req_cons = fuzz_u32(in);
			one->ring.rsp_prod = one->ring.rsp_cons = fuzz_u32(in);
			ring_find(&one->ring, &one->place);
			break;
		case 6:
			one->ring.connection = fuzz_below(in, 3);
			if (ring_wants_restart(&one->ring)) {
				ring_restart(&one->ring, &one->place);
				FUZZ_CHECK(one->ring.connection == XENSTORE_CONNECTED &&
						   !one->ring.req_prod,
					   "restart");
			}
			break;
		default:
			turns_add(&turns, &one->connection);
			turns_run(&turns, fake_now += fuzz_u8(in));
		}
		for (unsigned i = 0; i < 2; i++)
			if (g[i]->lost) {
				free(g[i]);
				g[i] = connect_guest((domid_t)(i + 1));
			}
	}
	for (unsigned i = 0; i < 2; i++)
		turns_remove(&turns, &g[i]->connection);
	while (store->clients)
		client_free(store->clients);
	free(g[0]);
	free(g[1]);
}

static void console(struct fuzz_in *in)
{
	static char all[1 << 16];
	struct xencons_interface ring;
	uint64_t head = 0, cursor = 0;
	struct stream s;

	memset(&ring, 0x5a, sizeof(ring));
	ring.in_cons = ring.in_prod = ring.out_cons = ring.out_prod = 0;
	CU_ASSERT_EQUAL(stream_new(&s, 256), 0);
	while (fuzz_more(in)) {
		struct xencons_interface before;
		char bytes[4096];
		uint32_t filled;
		size_t n, want;

		switch (fuzz_below(in, 6)) {
		case 0:
			switch (fuzz_below(in, 4)) {
			case 0: ring.in_prod = (uint32_t)fuzz_number(in); break;
			case 1: ring.in_cons = (uint32_t)fuzz_number(in); break;
			case 2: ring.out_prod = (uint32_t)fuzz_number(in); break;
			case 3: ring.out_cons = (uint32_t)fuzz_number(in); break;
			}
			break;
		case 1:
			n = fuzz_bytes(in, bytes, fuzz_below(in, 64));
			for (size_t i = 0; i < n; i++)
				ring.out[MASK_XENCONS_IDX(ring.out_prod + i, ring.out)] = bytes[i];
			ring.out_prod += (uint32_t)n;
			break;
		case 2: /* taken: into the stream too */
			before = ring;
			want = fuzz_below(in, 255);
			filled = ring.out_prod - ring.out_cons;
			n = console_take(&ring, bytes, want);
			if (filled > sizeof(ring.out)) {
				FUZZ_CHECK(n == 0 && ring.out_cons == before.out_prod,
					   "an impossible ring is read");
				break;
			}
			FUZZ_CHECK(n == (want < filled ? want : filled), "%zu of %u", n, filled);
			for (size_t i = 0; i < n; i++)
				FUZZ_CHECK(bytes[i] == before.out[MASK_XENCONS_IDX(
							       before.out_cons + i, ring.out)],
					   "byte %zu", i);
			before.out_cons += (uint32_t)n;
			FUZZ_CHECK(!memcmp(&before, &ring, sizeof(ring)),
				   "more than our index was written");
			if (head + n > sizeof(all))
				break;
			memcpy(all + head, bytes, n);
			stream_put(&s, bytes, n);
			head += n;
			break;
		case 3:
			before = ring;
			want = fuzz_bytes(in, bytes, fuzz_below(in, 64));
			filled = ring.in_prod - ring.in_cons;
			n = console_give(&ring, bytes, want);
			FUZZ_CHECK(filled > sizeof(ring.in)
					   ? n == 0
					   : n <= want && n <= sizeof(ring.in) - filled,
				   "%zu typed", n);
			for (size_t i = 0; i < n; i++)
				before.in[MASK_XENCONS_IDX(before.in_prod + i, ring.in)] = bytes[i];
			before.in_prod += (uint32_t)n;
			FUZZ_CHECK(!memcmp(&before, &ring, sizeof(ring)),
				   "more than what was typed was written");
			break;
		case 4: {
			uint64_t at = cursor;
			const char *p = stream_peek(&s, &at, &n);

			FUZZ_CHECK(at >= cursor && at + n <= head && (n || at == head), "cursor");
			FUZZ_CHECK(at == cursor || at == head - s.size,
				   "more was skipped than was lost");
			FUZZ_CHECK(!memcmp(p, all + at, n), "other bytes than were put in");
			cursor = at + (n ? 1 + fuzz_below(in, 255) % n : 0);
			break;
		}
		default:
			cursor = stream_tail(&s, fuzz_number(in));
			FUZZ_CHECK(cursor <= head && head - cursor <= s.size, "tail");
		}
	}
	stream_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	if (fuzz_u8(&in) & 1) {
		console(&in);
		return 0;
	}
	seed = 1;
	begin();
	store_rings(&in);
	end(client_new(store, 0, NULL));
	return 0;
}
