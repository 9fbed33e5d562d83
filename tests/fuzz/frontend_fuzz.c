// SPDX-License-Identifier: GPL-2.0-or-later
// sources: frontends/lib/blkfront.c frontends/lib/netfront.c frontends/lib/xenbus.c
// sources: frontends/lib/store.c frontends/lib/ring.c frontends/lib/text.c frontends/lib/grant.c
// sources: tests/unit/frontend_store.c
// sources: libhvctl/store/path.c libhvctl/store/table.c libhvctl/store/perm.c
// sources: libhvctl/store/tree.c libhvctl/store/quota.c libhvctl/store/watch.c
// sources: libhvctl/budget.c
// sources: libhvctl/store/transaction.c libhvctl/store/store.c libhvctl/store/control.c
// sources: libhvctl/store/journal.c
// sources: libhvctl/store/protocol.c libhvctl/store/ring.c libhvctl/store/connection.c
// options: -max_len=1024
//
// A disk and an interface whose backends write what they like wherever they like: into the rings,
// into their keys, keeping pages mapped, in any state, while requests come and go. Each request
// ends once, when it was submitted; a packet lies in a page that nobody else has; a page that comes
// back is mapped by nobody; and when both backends have let go, everything is back.

#include "frontend_world.h"

#include "frontends/lib/blkfront.h"
#include "frontends/lib/netfront.h"

#include "fuzz.h"

#define VBD	  "/local/domain/1/device/vbd/1"
#define VIF	  "/local/domain/1/device/vif/0"
#define BACK_VBD  "/local/domain/0/vbd"
#define BACK_VIF  "/local/domain/0/vif"
#define REQUESTS  24u

static struct blkfront *disk;
static struct netfront *net;
static struct {
	struct blk_request r;
	struct net_packet p;
	bool disk_busy, net_busy;
} *all;
static char data[BLKFRONT_SEGMENTS * 4096 + 4096] __attribute__((aligned(4096)));

static void disk_done(struct blk_request *r)
{
	bool *busy = r->context;

	FUZZ_CHECK(*busy, "a request ends that was not under way");
	*busy = false;
	FUZZ_CHECK(r->status == 0 || r->status == -EIO || r->status == -EOPNOTSUPP, "%d",
		   r->status);
	FUZZ_CHECK(!r->stuck || r->status, "pages are kept, and all is well");
}

static void net_done(struct net_packet *p)
{
	bool *busy = p->context;

	FUZZ_CHECK(*busy, "a packet ends that was not under way");
	*busy = false;
}

static void receive(struct netfront *n, const void *packet, unsigned int size, unsigned int flags)
{
	const volatile char *bytes = packet;
	char sum = 0;

	FUZZ_CHECK(size && size <= 4096 - ((uintptr_t)packet & 4095), "%u bytes", size);
	FUZZ_CHECK(!(flags & ~(NET_CSUM_BLANK | NET_CSUM_GOOD)), "flags %x", flags);
	FUZZ_CHECK(!world_granted((const char *)packet, size), "somebody may write to a packet");
	for (unsigned int i = 0; i < size; i++)
		sum = (char)(sum + bytes[i]);
	(void)sum;
}

static void key(const char *directory, const char *name, uint64_t value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	world_put_number(path, value);
	daemon_permit(path, "n0|r1");
}

static void submit(struct fuzz_in *in)
{
	unsigned int i = fuzz_below(in, REQUESTS), kind = fuzz_u8(in);
	int error;

	if (kind & 1 && !all[i].disk_busy) {
		all[i].r = (struct blk_request){
			.op = (enum blk_op)(kind >> 1 & 3),
			.sector = fuzz_u8(in),
			.count = fuzz_u16(in) % 300,
			.buffer = data + (kind >> 3 & 7) * 512,
			.done = disk_done, .context = &all[i].disk_busy,
		};
		all[i].disk_busy = true;
		error = blkfront_submit(disk, &all[i].r);
		if (error)
			all[i].disk_busy = false;
	} else if (!(kind & 1) && !all[i].net_busy) {
		all[i].p = (struct net_packet){
			.data = data + (kind >> 3) * 64,
			.size = fuzz_u16(in) % 5000,
			.flags = kind >> 1 & 1,
			.done = net_done, .context = &all[i].net_busy,
		};
		all[i].net_busy = true;
		error = netfront_send(net, &all[i].p);
		if (error)
			all[i].net_busy = false;
	}
}

/* A ring's page, or NULL: 0 the disk's, 1 what is sent, 2 what is received. */
static uint32_t *ring(unsigned int which)
{
	switch (which) {
	case 0: return disk->xenbus.up ? disk->shared.page : NULL;
	case 1: return net->xenbus.up ? net->tx_shared.page : NULL;
	default: return net->xenbus.up ? net->rx_shared.page : NULL;
	}
}

static uint32_t consumed(unsigned int which)
{
	return which == 0 ? disk->ring.rsp_cons :
	       which == 1 ? net->tx.rsp_cons : net->rx.rsp_cons;
}

/* An answer that may be right: to the oldest question, in its form. */
static void answer(struct fuzz_in *in, unsigned int which)
{
	uint32_t *page = ring(which);

	if (!page)
		return;
	if (which == 0) {
		struct blkif_request q = *RING_GET_REQUEST(&disk->ring, disk->ring.rsp_cons);
		struct blkif_response a = { .id = q.id + (fuzz_u8(in) == 99),
					    .operation = q.operation,
					    .status = -(int16_t)fuzz_below(in, 3) };

		if (q.operation == BLKIF_OP_INDIRECT)
			a.operation = ((struct blkif_request_indirect *)&q)->indirect_op;
		*RING_GET_RESPONSE(&disk->ring, disk->ring.rsp_cons) = a;
	} else if (which == 1) {
		uint16_t id = RING_GET_REQUEST(&net->tx, net->tx.rsp_cons)->id;

		*RING_GET_RESPONSE(&net->tx, net->tx.rsp_cons) = (struct netif_tx_response){
			.id = (uint16_t)(id + (fuzz_u8(in) == 99)),
			.status = -(int16_t)fuzz_below(in, 3),
		};
	} else {
		uint16_t id = RING_GET_REQUEST(&net->rx, net->rx.rsp_cons)->id;

		*RING_GET_RESPONSE(&net->rx, net->rx.rsp_cons) = (struct netif_rx_response){
			.id = (uint16_t)(id + (fuzz_u8(in) == 99)),
			.offset = fuzz_u8(in) * 32, .flags = fuzz_below(in, 32),
			.status = (int16_t)(fuzz_u16(in) % 5000 - 100),
		};
	}
	page[offsetof(struct blkif_sring, rsp_prod) / 4] = consumed(which) + 1;
}

static void step(struct fuzz_in *in)
{
	static const char *const keys[] = {
		"sectors", "sector-size", "info", "feature-flush-cache", "feature-barrier",
		"feature-discard", "feature-max-indirect-segments", "max-ring-page-order",
		"feature-no-csum-offload",
	};
	uint8_t op = fuzz_u8(in);
	unsigned int which = op >> 4 & 3, i;
	uint32_t *page;

	switch (op & 15) {
	case 0: case 1: case 2: case 3:
		submit(in);
		break;
	case 4: case 5: case 6:
		answer(in, which);
		break;
	case 7: /* any word of a ring's page */
		page = ring(which);
		i = fuzz_u16(in) % 1024;
		if (page)
			page[i] = (uint32_t)fuzz_number(in);
		break;
	case 8: /* an index near what it is */
		page = ring(which);
		if (page)
			page[2] = consumed(which) + fuzz_u8(in) - 8u;
		break;
	case 9: /* it maps something, or lets go */
		i = fuzz_u16(in) % GRANT_TABLE_MAX;
		if (op & 128)
			backend_map(i, true);
		else
			backend_unmap(i);
		break;
	case 10:
		key(op & 128 ? BACK_VBD : BACK_VIF, "state", fuzz_below(in, 9));
		break;
	case 11:
		key(BACK_VBD, keys[fuzz_below(in, sizeof(keys) / sizeof(keys[0]))],
		    fuzz_number(in));
		break;
	case 12:
		key(BACK_VIF, "feature-no-csum-offload", op >> 7);
		break;
	case 13: /* our own wishes */
		if (op & 64)
			xenbus_close(op & 128 ? &disk->xenbus : &net->xenbus);
		else
			xenbus_reopen(op & 128 ? &disk->xenbus : &net->xenbus);
		break;
	case 14:
		xenbus_step(op & 128 ? &disk->xenbus : &net->xenbus);
		break;
	default:
		world.pages_left = op & 128 ? -1 : (int)fuzz_below(in, 8);
	}
	/* Their events, and the store's. */
	for (unsigned int p = STORE_PORT + 1; p < WORLD_PORTS; p++)
		world.ports[p].pending = world.ports[p].open;
	world_turn();
	store_dispatch(&store);
}

static void end_of(struct xenbus_device *d, const char *directory)
{
	xenbus_close(d);
	key(directory, "state", XenbusStateClosed);
	world_settle();
	xenbus_step(d);
	FUZZ_CHECK(!d->up && !d->running, "it does not end, state %d", d->state);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct fuzz_in in = { bytes, size };

	world_begin();
	disk = calloc(1, sizeof(*disk));
	net = calloc(1, sizeof(*net));
	all = calloc(REQUESTS, sizeof(*all));
	net->receive = receive;
	daemon_write(VBD "/backend", BACK_VBD);
	daemon_write(VBD "/backend-id", "0");
	daemon_write(VIF "/backend", BACK_VIF);
	daemon_write(VIF "/backend-id", "0");
	daemon_write(VIF "/mac", "00:16:3e:00:00:01");
	key(BACK_VBD, "sectors", 512);
	/* How it begins is the input's, too: one page or several, indirect requests or not. */
	key(BACK_VBD, "max-ring-page-order", fuzz_below(&in, 4));
	key(BACK_VBD, "feature-max-indirect-segments", fuzz_u8(&in));
	key(BACK_VBD, "state", XenbusStateInitWait);
	key(BACK_VIF, "state", XenbusStateInitWait);
	FUZZ_CHECK(!blkfront_open(disk, &store, "1"), "disk");
	FUZZ_CHECK(!netfront_open(net, &store, "0"), "network");
	world_settle();
	key(BACK_VBD, "state", XenbusStateConnected);
	key(BACK_VIF, "state", XenbusStateConnected);
	world_settle();
	FUZZ_CHECK(disk->xenbus.running && net->xenbus.running, "no connection");
	while (fuzz_more(&in))
		step(&in);
	for (unsigned int i = 0; i < world.nr_refs; i++)
		backend_unmap(i);
	end_of(&disk->xenbus, BACK_VBD);
	end_of(&net->xenbus, BACK_VIF);
	for (unsigned int i = 0; i < REQUESTS; i++)
		FUZZ_CHECK(!all[i].disk_busy && !all[i].net_busy, "request %u has no end", i);
	for (unsigned int i = 0; i < WORLD_PORTS; i++)
		FUZZ_CHECK(!world.ports[i].open, "port %u is open", i);
	FUZZ_CHECK(!store.error, "the store's connection is over: %d", store.error);
	xenbus_forget(&disk->xenbus);
	xenbus_forget(&net->xenbus);
	world_end();
	free(disk);
	free(net);
	free(all);
	return 0;
}
