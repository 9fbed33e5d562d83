// SPDX-License-Identifier: GPL-2.0-or-later
// sources: backends/net/keys.c backends/net/switch.c backends/net/frame.c
// sources: backends/lib/channel.c libhvctl/budget.c
/*
 * hvnetd's supervisor between a store, which is a table here, and a worker, which is the other end
 * of its channel: what frontends can make it do, how often, and what that costs other interfaces.
 */
#include <fcntl.h>
#include <sys/eventfd.h>

#include "backends/net/super.c"
#include "store_table.h"
#include "suite.h"

#define BACK	"/local/domain/0/backend/hvnet/%u/0"
#define FRONT	"/local/domain/%u/device/vif/0"

/* ---- all but the store ---- */

static int other = -1;			/* the worker's end */
static unsigned int taps;

int process_start(domid_t domid, uid_t uid, struct process *p)
{
	int pair[2];

	(void)domid;
	(void)uid;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		abort();
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	p->channel = pair[0];
	if (other >= 0)
		close(other);
	other = pair[1];
	p->pid = fork();
	if (!p->pid) {
		pause();
		_exit(0);
	}
	p->pidfd = eventfd(0, EFD_CLOEXEC);
	return 0;
}

void process_drop(struct process *p)
{
	(void)p;
}

int files_open(const char *run, domid_t domid, uint32_t devid, size_t size, size_t memory)
{
	(void)run;
	(void)domid;
	(void)devid;
	(void)size;
	(void)memory;
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

bool files_busy(int fd)
{
	(void)fd;
	return false;
}

void files_drop(const char *run, domid_t domid, uint32_t devid)
{
	(void)run;
	(void)domid;
	(void)devid;
}

void files_clean(const char *run, bool (*wanted)(domid_t domid, uint32_t devid))
{
	(void)run;
	(void)wanted;
}

int evtchn_open(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
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
	return open("/dev/null", O_RDWR | O_CLOEXEC);
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

static struct device *add(domid_t domid, const char *state)
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
	add_device(domid, 0);
	return find_device(domid, 0);
}

/* What the worker was told since it was looked last; false: nothing. */
static bool told(struct net_order *o)
{
	int fds[2];

	if (channel_receive(other, o, sizeof(*o), fds) <= 0)
		return false;
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return true;
}

static void says(uint32_t kind, domid_t domid)
{
	struct net_report r = { .kind = kind, .domid = domid };

	CU_ASSERT_EQUAL_FATAL(channel_send(other, &r, sizeof(r), NULL, 0), 0);
	take_reports();
}

static struct net_order attach_order, connect_order;	/* the last ones */

/* It does as it is told. Returns the kind of the last order, 0: none. */
static uint32_t obey(void)
{
	static const uint32_t reports[] = {
		[ORDER_ATTACH] = REPORT_ATTACHED, [ORDER_CONNECT] = REPORT_CONNECTED,
		[ORDER_DISCONNECT] = REPORT_DISCONNECTED, [ORDER_DETACH] = REPORT_DETACHED,
	};
	struct net_order o = { .kind = 0 };

	while (told(&o)) {
		if (o.kind == ORDER_ATTACH)
			attach_order = o;
		if (o.kind == ORDER_CONNECT)
			connect_order = o;
		if (reports[o.kind])
			says(reports[o.kind], (domid_t)o.domid);
	}
	return o.kind;
}

static bool killed(void)
{
	siginfo_t info = { 0 };

	/* One that was killed may take a moment to be over; one that was not says so at once. */
	for (int i = 0; i < 50 && !info.si_pid; i++) {
		struct timespec ms = { .tv_nsec = 1000000 };

		waitid(P_PID, (id_t)super.pid, &info, WEXITED | WNOHANG | WNOWAIT);
		if (!info.si_pid)
			nanosleep(&ms, NULL);
	}
	return info.si_pid && info.si_status == SIGKILL;
}

static void begin(void)
{
	table_init();
	memset(&super, 0, sizeof(super));
	taps = 0;
	super.store = (struct xs *)&table;
	super.options.run = "/nowhere";
	super.epoll = epoll_create1(EPOLL_CLOEXEC);
	super.pidfd = super.channel = -1;
	CU_ASSERT_EQUAL_FATAL(start_worker(), 0);
}

static void end_worker(void)
{
	kill(super.pid, SIGKILL);
	while (super.pid)
		worker_ended();
}

static void end(void)
{
	if (super.pid)
		end_worker();
	while (super.devices) {
		struct device *v = super.devices;

		super.devices = v->next;
		free(v);
	}
	while (super.bridges) {
		struct bridge *b = super.bridges;

		super.bridges = b->next;
		close(b->tap);
		free(b);
	}
	close(super.epoll);
}

/* All that wait are looked at, and the worker does what comes of it, for @ms. */
static void pass(unsigned int ms)
{
	for (uint64_t until = now_ms + ms; now_ms < until; now_ms += NEWS_MS) {
		run_worker();
		look_at_news();
		obey();
	}
}

static struct device *connected(domid_t domid)
{
	struct device *v = add(domid, "1");

	look(v);
	obey();
	CU_ASSERT_EQUAL(STATE(domid), XenbusStateInitWait);
	put_key(FRONT, domid, "state", "4");
	look(v);
	obey();
	CU_ASSERT_EQUAL_FATAL(v->phase, PHASE_CONNECTED);
	CU_ASSERT_EQUAL(STATE(domid), XenbusStateConnected);
	return v;
}

TEST(test_cycles, "frontends that come and go without end do not end the others' worker")
{
	struct device *quiet = connected(100);
	unsigned int offers = 0;

	for (domid_t d = 1; d <= 40; d++)
		add(d, "1");
	for (uint64_t until = now_ms + 60000; now_ms < until; ) {
		for (domid_t d = 1; d <= 40; d++) {
			struct device *v = find_device(d, 0);
			bool offered = STATE(d) == XenbusStateInitWait;

			offers += offered && d == 1 && !strcmp(key(FRONT, d, "state"), "1");
			put_key(FRONT, d, "state", offered ? "6" : "1");
			v->changed = true;
		}
		pass(NEWS_MS);
		CU_ASSERT_TRUE_FATAL(super.pid && quiet->phase == PHASE_CONNECTED);
	}
	CU_ASSERT_FALSE(killed());
	/* So many at once, and as many in the minute. */
	CU_ASSERT_TRUE(offers >= 38 && offers <= 42);
}

TEST(test_take_over, "as many as there may be are taken over, however often the worker ends")
{
	for (domid_t d = 1; d <= 60; d++)
		connected(d);
	for (unsigned int i = 0; i < 40; i++) {
		end_worker();
		pass(500);
		CU_ASSERT_FALSE(killed());
		for (struct device *v = super.devices; v; v = v->next)
			CU_ASSERT_EQUAL_FATAL(v->phase, PHASE_CONNECTED);
	}
	CU_ASSERT_EQUAL(taps, 1);
}

TEST(test_talks, "a worker that talks without end is ended, and the next one may talk again")
{
	struct net_report r = { .kind = REPORT_FAILED, .domid = 1, .text = "so" };
	struct device *v = connected(1);
	unsigned int said = 0;

	for (; said < 5000 && !channel_send(other, &r, sizeof(r), NULL, 0); said++)
		take_reports();
	take_reports();
	CU_ASSERT_TRUE(killed());
	end_worker();
	put_key(BACK, 1, "state", "4");
	pass(1000);
	CU_ASSERT_EQUAL(v->phase, PHASE_CONNECTED);
	for (said = 0; said < 1000 && !channel_send(other, &r, sizeof(r), NULL, 0); said++)
		take_reports();
	CU_ASSERT_FALSE(killed());
	/* What answers nothing is paid for, also while there is an order. */
	put_key(FRONT, 1, "state", "6");
	look(v);
	CU_ASSERT_EQUAL(v->phase, PHASE_DISCONNECTING);
	for (said = 0; said < 5000 && !channel_send(other, &r, sizeof(r), NULL, 0); said++)
		take_reports();
	CU_ASSERT_TRUE(killed());
}

TEST(test_answers, "what a worker was told to do it may say is done, whatever it has said before")
{
	struct device *v = connected(1);

	super.reports = (struct budget){ .spent = 2000 * 10000, .at = now_ms };
	put_key(FRONT, 1, "state", "6");
	look(v);
	obey();
	CU_ASSERT_EQUAL(v->phase, PHASE_WAITING);
	CU_ASSERT_FALSE(killed());
}

TEST(test_offer, "what is offered is written at once")
{
	struct device *v = add(1, "1");

	table.calls = 0;
	offer(v);
	CU_ASSERT_TRUE(table.calls <= 12);
	CU_ASSERT_STRING_EQUAL(key(BACK, 1, "feature-sg"), "1");
	CU_ASSERT_STRING_EQUAL(key(BACK, 1, "feature-rx-flip"), "0");
	CU_ASSERT_STRING_NOT_EQUAL(key(BACK, 1, "connection"), "");
	CU_ASSERT_EQUAL(STATE(1), XenbusStateInitWait);
	/* Not to one that is gone meanwhile. */
	table.vanish = true;
	offer(v);
	CU_ASSERT_EQUAL(table.nr, 0);
}

TEST(test_unread, "what could not be read is not taken for what is not there: an interface waits")
{
	static const char *const keys[] = { "/ip", "/bps", "/mac", "/bridge", "/online", "/state" };

	for (domid_t d = 1; d <= 6; d++) {
		struct device *v = add(d, "1");

		put_key(BACK, d, "bps", "1000");
		table.fails = keys[d - 1];
		pass(1000);
		CU_ASSERT_EQUAL(v->phase, PHASE_NEW);
		CU_ASSERT_STRING_EQUAL(key(BACK, d, "hotplug-status"), "");
		table.fails = NULL;
		pass(2000);
		CU_ASSERT_EQUAL(v->phase, PHASE_WAITING);
		CU_ASSERT_EQUAL(attach_order.port.nr_ips, 1);
		CU_ASSERT_EQUAL(attach_order.bps, 1000);
		CU_ASSERT_EQUAL(STATE(d), XenbusStateInitWait);
	}
	/* Nor is one that makes no sense. */
	add(7, "1");
	put_key(BACK, 7, "bps", "1000k");
	pass(1000);
	CU_ASSERT_STRING_EQUAL(key(BACK, 7, "hotplug-status"), "error");
}

TEST(test_unread_connected, "nor does a connection end, or another one take its place")
{
	static const char *const keys[] = {
		"/connection", "/feature-sg", "/tx-ring-ref", "/event-channel", "1/0/state",
		"vif/0/state", "/online", "/request-rx-copy",
	};
	struct device *v = connected(1);
	const struct net_connection was = connect_order.connection;

	CU_ASSERT_TRUE(was.nonce && (was.flags & NET_CAN_SG));
	for (unsigned int i = 0; i < 8; i++) {
		table.fails = keys[i];
		v->changed = true;
		pass(1000);
		CU_ASSERT_EQUAL_FATAL(v->phase, PHASE_CONNECTED);
		end_worker();
		pass(1000);
		CU_ASSERT_NOT_EQUAL(v->phase, PHASE_CONNECTED);
		table.fails = NULL;
		memset(&connect_order, 0, sizeof(connect_order));
		pass(2000);
		CU_ASSERT_EQUAL_FATAL(v->phase, PHASE_CONNECTED);
		CU_ASSERT_EQUAL(memcmp(&connect_order.connection, &was, sizeof(was)), 0);
		CU_ASSERT_EQUAL(STATE(1), XenbusStateConnected);
	}
	/* A list of all that is not a list of all. */
	table.fails = "/nothing";
	super.all_changed = true;
	run_store();
	CU_ASSERT_TRUE(super.all_changed);
	table.fails = NULL;
	run_store();
	CU_ASSERT_FALSE(super.all_changed);
}

TEST(test_unwritten, "a state that could not be written is written later")
{
	struct device *v = add(1, "1");

	pass(1000);
	put_key(FRONT, 1, "state", "4");
	put_key(FRONT, 1, "tx-ring-ref", "x");
	table.stuck = true;
	v->changed = true;
	pass(1000);
	CU_ASSERT_EQUAL(STATE(1), XenbusStateInitWait);
	put_key(FRONT, 1, "state", "6");
	pass(1000);
	table.stuck = false;
	pass(2000);
	CU_ASSERT_EQUAL(STATE(1), XenbusStateClosed);
	/* Nor is what is offered half written. */
	table.stuck = true;
	put_key(FRONT, 1, "state", "1");
	put_key(FRONT, 1, "tx-ring-ref", "8");
	v->changed = true;
	pass(1000);
	CU_ASSERT_EQUAL(STATE(1), XenbusStateClosed);
	table.stuck = false;
	pass(4000);
	CU_ASSERT_EQUAL(STATE(1), XenbusStateInitWait);
	put_key(FRONT, 1, "state", "4");
	v->changed = true;
	pass(1000);
	CU_ASSERT_EQUAL(v->phase, PHASE_CONNECTED);
}

TEST(test_retries, "one that its worker cannot take is given to it again after a while, not at once")
{
	struct device *v = connected(1);
	struct net_order o;
	unsigned int orders = 0;

	end_worker();
	run_worker();
	look_at_news();
	for (uint64_t until = now_ms + 2000; now_ms < until; now_ms += NEWS_MS) {
		run_worker();
		look_at_news();
		for (unsigned int n = 0; n < 100 && told(&o); n++) {
			if (o.kind != ORDER_ATTACH)
				continue;
			orders++;
			says(REPORT_FAILED, 1);
		}
	}
	CU_ASSERT_TRUE(orders >= 5 && orders <= 11);
	CU_ASSERT_EQUAL(STATE(1), XenbusStateConnected);
	pass(1000);
	CU_ASSERT_EQUAL(v->phase, PHASE_CONNECTED);
}

TEST(test_bridges, "a worker is given no more bridges than it has descriptors for")
{
	for (domid_t d = 1; d <= 42; d++) {
		struct device *v = add(d, "1");
		char name[16];

		snprintf(name, sizeof(name), "br%u", d < 42 ? d : 1);
		put_key(BACK, d, "bridge", name);
		look(v);
		CU_ASSERT_EQUAL(v->phase, d == 41 ? PHASE_OVER : PHASE_ATTACHING);
		obey();
	}
	CU_ASSERT_EQUAL(taps, 40);
	CU_ASSERT_STRING_EQUAL(key(BACK, 41, "hotplug-status"), "error");
}

SUITE("hvnetd's supervisor", .begin = begin, .end = end)
