// SPDX-License-Identifier: GPL-2.0-or-later
// sources: backends/net/keys.c backends/net/switch.c backends/net/frame.c
// sources: backends/lib/backdev.c backends/lib/backkeys.c backends/lib/backstore.c
// sources: backends/lib/backworker.c backends/lib/super.c backends/lib/channel.c libhvctl/budget.c
/*
 * hvnetd's supervisor between a store, which is a table here, and a worker, which is the other end
 * of its channel: what frontends can make it do, how often, and what that costs other interfaces.
 */
#include "backends/net/super.c"
#include "suite.h"
#include "super_world.h"

#define BACK	"/local/domain/0/backend/hvnet/%u/0"
#define FRONT	"/local/domain/%u/device/vif/0"

/* ---- all but the store ---- */

static unsigned int taps;

int files_open(const char *run, domid_t domid, uint32_t devid, size_t size, size_t memory)
{
	(void)run;
	(void)domid;
	(void)devid;
	(void)size;
	(void)memory;
	return open_nothing();
}

int evtchn_open(void)
{
	return open_nothing();
}

int evtchn_restrict(int fd, domid_t domid)
{
	(void)fd;
	(void)domid;
	return 0;
}

int tap_open(const char *bridge, char *text, size_t size)
{
	(void)bridge;
	snprintf(text, size, "no");
	taps++;
	return open_nothing();
}

/* ---- interfaces, one of each domain, and what stands for the worker ---- */

static void put_key(const char *base, domid_t domid, const char *key, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), base, domid);
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%s", key);
	put(path, value);
}

static const char *key(const char *base, domid_t domid, const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), base, domid);
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%s", name);
	return find(path) ? find(path) : "";
}

#define STATE(domid) atoi(key(BACK, domid, "state"))

static struct backdev *add(domid_t domid, const char *state)
{
	static const char *const front[] = {
		"request-rx-copy", "tx-ring-ref", "rx-ring-ref", "event-channel", "feature-sg",
	};

	put_key(BACK, domid, "frontend-id", "7");
	put_key(BACK, domid, "online", "1");
	put_key(BACK, domid, "state", state);
	put_key(BACK, domid, "mac", "00:16:3e:01:02:03");
	put_key(BACK, domid, "bridge", "xenbr0");
	put_key(BACK, domid, "ip", "10.0.0.5");
	for (unsigned int i = 0; i < 5; i++)
		put_key(FRONT, domid, front[i], "1");
	put_key(FRONT, domid, "state", "1");
	backdev_add(domid, 0);
	return backdev_find(domid, 0);
}

static void says(uint32_t kind, domid_t domid)
{
	struct report r = { .kind = kind, .domid = domid };

	CU_ASSERT_EQUAL_FATAL(channel_send(other, &r, sizeof(r), NULL, 0), 0);
	backworker_listen(super.workers);
}

static struct net_order attach_order, connect_order;	/* the last ones */

/* It does as it is told. */
static void obey(void)
{
	static const uint32_t reports[ORDER_LAN_GONE + 1] = {
		[ORDER_ATTACH] = REPORT_ATTACHED, [ORDER_CONNECT] = REPORT_CONNECTED,
		[ORDER_DISCONNECT] = REPORT_DISCONNECTED, [ORDER_DETACH] = REPORT_DETACHED,
	};
	struct net_order o = { .head.kind = 0 };

	while (take_order(&o.head)) {
		if (o.head.kind == ORDER_ATTACH)
			attach_order = o;
		if (o.head.kind == ORDER_CONNECT)
			connect_order = o;
		if (reports[o.head.kind])
			says(reports[o.head.kind], (domid_t)o.head.domid);
	}
}

static void begin(void)
{
	taps = 0;
	super_begin(&hvnetd, 0);
}

static void end(void)
{
	super_end();
	while (bridges) {
		struct bridge *b = bridges;

		bridges = b->next;
		close(b->tap);
		free(b);
	}
}

static struct backdev *connected(domid_t domid)
{
	struct backdev *v = add(domid, "1");

	backdev_look(v);
	obey();
	CU_ASSERT_EQUAL(STATE(domid), XenbusStateInitWait);
	put_key(FRONT, domid, "state", "4");
	backdev_look(v);
	obey();
	CU_ASSERT_EQUAL_FATAL(v->phase, PHASE_CONNECTED);
	CU_ASSERT_EQUAL(STATE(domid), XenbusStateConnected);
	return v;
}

TEST(test_cycles, "frontends that come and go without end do not end the others' worker")
{
	struct backdev *quiet = connected(100);
	unsigned int offers = 0;

	for (domid_t d = 1; d <= 40; d++)
		add(d, "1");
	for (uint64_t until = now_ms + 60000; now_ms < until; ) {
		for (domid_t d = 1; d <= 40; d++) {
			struct backdev *v = backdev_find(d, 0);
			bool offered = STATE(d) == XenbusStateInitWait;

			offers += offered && d == 1 && !strcmp(key(FRONT, d, "state"), "1");
			put_key(FRONT, d, "state", offered ? "6" : "1");
			v->changed = true;
		}
		pass(NEWS_MS, obey);
		CU_ASSERT_TRUE_FATAL(super.workers->pid && quiet->phase == PHASE_CONNECTED);
	}
	CU_ASSERT_FALSE(killed(super.workers));
	/* So many at once, and as many in the minute. */
	CU_ASSERT_TRUE(offers >= 38 && offers <= 42);
}

TEST(test_removed_busy, "an interface is gone when a worker before this one has let go of it")
{
	struct backdev *v = connected(1);

	worked = true;
	end_worker(super.workers);
	put_key(BACK, 1, "online", "0");
	pass(2000, obey);
	CU_ASSERT_STRING_EQUAL(key(BACK, 1, "hotplug-status"), "connected");
	table.nr = 0;
	v->changed = true;
	pass(2000, obey);
	CU_ASSERT_PTR_EQUAL(backdev_find(1, 0), v);
	CU_ASSERT_EQUAL(dropped, 0);
	worked = false;
	pass(2000, obey);
	CU_ASSERT_PTR_NULL(backdev_find(1, 0));
	CU_ASSERT_EQUAL(dropped, 1);
}

TEST(test_take_over, "as many as there may be are taken over, however often the worker ends")
{
	for (domid_t d = 1; d <= 60; d++)
		connected(d);
	for (unsigned int i = 0; i < 40; i++) {
		end_worker(super.workers);
		pass(500, obey);
		CU_ASSERT_FALSE(killed(super.workers));
		for (struct backdev *v = super.workers->devices; v; v = v->next)
			CU_ASSERT_EQUAL_FATAL(v->phase, PHASE_CONNECTED);
	}
	CU_ASSERT_EQUAL(taps, 1);
}

TEST(test_talks, "a worker that talks without end is ended, and the next one may talk again")
{
	struct report r = { .kind = REPORT_FAILED, .domid = 1, .text = "so" };
	struct backdev *v = connected(1);
	unsigned int said = 0;

	for (; said < 5000 && !channel_send(other, &r, sizeof(r), NULL, 0); said++)
		backworker_listen(super.workers);
	backworker_listen(super.workers);
	CU_ASSERT_TRUE(killed(super.workers));
	end_worker(super.workers);
	put_key(BACK, 1, "state", "4");
	pass(1000, obey);
	CU_ASSERT_EQUAL(v->phase, PHASE_CONNECTED);
	for (said = 0; said < 1000 && !channel_send(other, &r, sizeof(r), NULL, 0); said++)
		backworker_listen(super.workers);
	CU_ASSERT_FALSE(killed(super.workers));
	/* What answers nothing is paid for, also while there is an order. */
	put_key(FRONT, 1, "state", "6");
	backdev_look(v);
	CU_ASSERT_EQUAL(v->phase, PHASE_DISCONNECTING);
	for (said = 0; said < 5000 && !channel_send(other, &r, sizeof(r), NULL, 0); said++)
		backworker_listen(super.workers);
	CU_ASSERT_TRUE(killed(super.workers));
}

TEST(test_lines, "what the worker says of no interface is in the log so often and not more")
{
	struct report r = { .kind = REPORT_FAILED, .domid = UINT32_MAX, .text = "so" };

	connected(1);
	lines = 0;
	for (unsigned int said = 0; said < 1000; said++) {
		CU_ASSERT_EQUAL_FATAL(channel_send(other, &r, sizeof(r), NULL, 0), 0);
		backworker_listen(super.workers);
	}
	CU_ASSERT_EQUAL(lines, 20);
	CU_ASSERT_FALSE(killed(super.workers));
}

TEST(test_answers, "what a worker was told to do it may say is done, whatever it has said before")
{
	struct backdev *v = connected(1);

	super.workers->reports = (struct budget){ .spent = 2000 * 10000, .at = now_ms };
	put_key(FRONT, 1, "state", "6");
	backdev_look(v);
	obey();
	CU_ASSERT_EQUAL(v->phase, PHASE_WAITING);
	CU_ASSERT_FALSE(killed(super.workers));
}

TEST(test_offer, "what is offered is written at once")
{
	struct backdev *v = add(1, "1");

	table.calls = 0;
	back_offer(v);
	CU_ASSERT_TRUE(table.calls <= 12);
	CU_ASSERT_STRING_EQUAL(key(BACK, 1, "feature-sg"), "1");
	CU_ASSERT_STRING_EQUAL(key(BACK, 1, "feature-rx-flip"), "0");
	CU_ASSERT_STRING_NOT_EQUAL(key(BACK, 1, "connection"), "");
	CU_ASSERT_EQUAL(STATE(1), XenbusStateInitWait);
	/* Not to one that is gone meanwhile. */
	table.vanish = true;
	back_offer(v);
	CU_ASSERT_EQUAL(table.nr, 0);
}

TEST(test_unread, "what could not be read is not taken for what is not there: an interface waits")
{
	static const char *const keys[] = { "/ip", "/bps", "/mac", "/bridge", "/online", "/state" };

	for (domid_t d = 1; d <= 6; d++) {
		struct backdev *v = add(d, "1");

		put_key(BACK, d, "bps", "1000");
		table.fails = keys[d - 1];
		pass(1000, obey);
		CU_ASSERT_EQUAL(v->phase, PHASE_NEW);
		CU_ASSERT_STRING_EQUAL(key(BACK, d, "hotplug-status"), "");
		table.fails = NULL;
		pass(2000, obey);
		CU_ASSERT_EQUAL(v->phase, PHASE_WAITING);
		CU_ASSERT_EQUAL(attach_order.port.nr_ips, 1);
		CU_ASSERT_EQUAL(attach_order.bps, 1000);
		CU_ASSERT_EQUAL(STATE(d), XenbusStateInitWait);
	}
	/* Nor is one that makes no sense. */
	add(7, "1");
	put_key(BACK, 7, "bps", "1000k");
	pass(1000, obey);
	CU_ASSERT_STRING_EQUAL(key(BACK, 7, "hotplug-status"), "error");
}

TEST(test_unread_connected, "nor does a connection end, or another one take its place")
{
	static const char *const keys[] = {
		"/connection", "/feature-sg", "/tx-ring-ref", "/event-channel", "1/0/state",
		"vif/0/state", "/online", "/request-rx-copy",
	};
	struct backdev *v = connected(1);
	const struct net_connection was = connect_order.connection;

	CU_ASSERT_TRUE(was.nonce && (was.flags & NET_CAN_SG));
	for (unsigned int i = 0; i < 8; i++) {
		table.fails = keys[i];
		v->changed = true;
		pass(1000, obey);
		CU_ASSERT_EQUAL_FATAL(v->phase, PHASE_CONNECTED);
		end_worker(super.workers);
		pass(1000, obey);
		CU_ASSERT_NOT_EQUAL(v->phase, PHASE_CONNECTED);
		table.fails = NULL;
		memset(&connect_order, 0, sizeof(connect_order));
		pass(2000, obey);
		CU_ASSERT_EQUAL_FATAL(v->phase, PHASE_CONNECTED);
		CU_ASSERT_EQUAL(memcmp(&connect_order.connection, &was, sizeof(was)), 0);
		CU_ASSERT_EQUAL(STATE(1), XenbusStateConnected);
	}
	/* A list of all that is not a list of all. */
	table.fails = "/nothing";
	super.all_changed = true;
	backstore_run();
	CU_ASSERT_TRUE(super.all_changed);
	table.fails = NULL;
	backstore_run();
	CU_ASSERT_FALSE(super.all_changed);
}

TEST(test_unwritten, "a state that could not be written is written later")
{
	struct backdev *v = add(1, "1");

	pass(1000, obey);
	put_key(FRONT, 1, "state", "4");
	put_key(FRONT, 1, "tx-ring-ref", "x");
	table.stuck = true;
	v->changed = true;
	pass(1000, obey);
	CU_ASSERT_EQUAL(STATE(1), XenbusStateInitWait);
	put_key(FRONT, 1, "state", "6");
	pass(1000, obey);
	table.stuck = false;
	pass(2000, obey);
	CU_ASSERT_EQUAL(STATE(1), XenbusStateClosed);
	/* Nor is what is offered half written. */
	table.stuck = true;
	put_key(FRONT, 1, "state", "1");
	put_key(FRONT, 1, "tx-ring-ref", "8");
	v->changed = true;
	pass(1000, obey);
	CU_ASSERT_EQUAL(STATE(1), XenbusStateClosed);
	table.stuck = false;
	pass(4000, obey);
	CU_ASSERT_EQUAL(STATE(1), XenbusStateInitWait);
	put_key(FRONT, 1, "state", "4");
	v->changed = true;
	pass(1000, obey);
	CU_ASSERT_EQUAL(v->phase, PHASE_CONNECTED);
}

static unsigned int attaches;

/* It takes none, and says so once more than it is asked. */
static void refuse(void)
{
	struct net_order o;

	for (unsigned int n = 0; n < 100 && take_order(&o.head); n++) {
		if (o.head.kind != ORDER_ATTACH)
			continue;
		attaches++;
		says(REPORT_FAILED, 1);
		says(REPORT_FAILED, 1);
	}
}

TEST(test_retries, "what its worker cannot take is given to it again after a while, not at once")
{
	struct backdev *v = connected(1);

	attaches = 0;
	end_worker(super.workers);
	pass(2000, refuse);
	CU_ASSERT_TRUE(attaches >= 5 && attaches <= 11);
	CU_ASSERT_EQUAL(STATE(1), XenbusStateConnected);
	pass(1000, obey);
	CU_ASSERT_EQUAL(v->phase, PHASE_CONNECTED);
}

TEST(test_bridges, "a worker is given no more bridges than it has descriptors for")
{
	for (domid_t d = 1; d <= 42; d++) {
		struct backdev *v = add(d, "1");
		char name[16];

		snprintf(name, sizeof(name), "br%u", d < 42 ? d : 1);
		put_key(BACK, d, "bridge", name);
		backdev_look(v);
		CU_ASSERT_EQUAL(v->phase, d == 41 ? PHASE_OVER : PHASE_ATTACHING);
		obey();
	}
	CU_ASSERT_EQUAL(taps, 40);
	CU_ASSERT_STRING_EQUAL(key(BACK, 41, "hotplug-status"), "error");
}

SUITE("hvnetd's supervisor", .begin = begin, .end = end)
