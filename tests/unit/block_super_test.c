// SPDX-License-Identifier: GPL-2.0-or-later
// sources: backends/block/keys.c backends/lib/channel.c libhvctl/budget.c
/*
 * hvblkd's supervisor between a store, which is a table here, and workers, which are the other
 * ends of their channels: what a frontend or a worker can make it do, and how often.
 */
#include <sys/eventfd.h>

#include "backends/block/super.c"
#include "store_table.h"
#include "suite.h"

#define BACK	"/local/domain/0/backend/hvblk/7/51712"
#define FRONT	"/local/domain/7/device/vbd/51712"

/* ---- all else ---- */

static unsigned int opened;
static int open_error;
static bool busy;
static const char *opens = "/dev/null";
static uint64_t allowed_size;

void gntdev_hasten(void)
{
}

int open_image(const struct open_spec *spec, struct open_image *image, char *text, size_t size)
{
	(void)spec;
	opened++;
	*image = (struct open_image){ .fd = -1 };
	snprintf(text, size, "no");
	if (open_error)
		return open_error;
	image->fd = open(opens, O_RDONLY | O_CLOEXEC);
	return 0;
}

bool open_server_end(pid_t server, unsigned int ms)
{
	(void)server;
	(void)ms;
	return true;
}

const char *node_connection(struct xs *store, const char *path, struct journal_connection *c)
{
	(void)store;
	(void)path;
	*c = (struct journal_connection){ .nr_queues = 1 };
	return NULL;
}

int room_open(const char *run, domid_t domid, uint32_t devid)
{
	(void)run;
	(void)domid;
	(void)devid;
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

bool files_busy(int fd)
{
	(void)fd;
	return busy;
}

int room_make(int fd, uint32_t nr_queues, uint32_t ring_order)
{
	(void)fd;
	(void)nr_queues;
	(void)ring_order;
	return 0;
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

static int other;			/* the worker's end */

/* A child that stands for it. */
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

int process_files(pid_t pid, uint64_t size)
{
	(void)pid;
	allowed_size = size;
	return 0;
}

void process_drop(struct process *p)
{
	(void)p;
}

/* ---- one domain with one disk ---- */

static uint32_t told(void);

static void begin(void)
{
	struct worker *w = calloc(1, sizeof(*w));

	table_init();
	memset(&super, 0, sizeof(super));
	opened = 0;
	open_error = 0;
	busy = false;
	super.store = (struct xs *)&table;
	super.options.run = "/nowhere";
	super.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!w)
		abort();
	w->domid = 7;
	other = -1;
	super.workers = w;
	if (start_worker(w))
		abort();
	told();
	put(BACK "/frontend-id", "7");
	put(BACK "/online", "1");
	put(BACK "/state", "1");
	put(BACK "/params", "/dev/null");
	put(FRONT "/state", "1");
}

static bool killed(const struct worker *w)
{
	siginfo_t info = { 0 };

	/* One that was killed may take a moment to be over; one that was not says so at once. */
	kill(w->pid, SIGCONT);
	for (int i = 0; i < 100 && !info.si_pid; i++) {
		struct timespec ms = { .tv_nsec = 1000000 };

		waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOHANG | WNOWAIT);
		if (!info.si_pid)
			nanosleep(&ms, NULL);
	}
	return info.si_pid && info.si_status == SIGKILL;
}

static void end(void)
{
	struct worker *w = super.workers;

	while (w->devices) {
		struct device *v = w->devices;

		w->devices = v->next;
		free(v);
	}
	kill(w->pid, SIGKILL);
	waitpid(w->pid, NULL, 0);
	close(w->pidfd);
	close(w->channel);
	close(other);
	close(super.epoll);
	free(w);
}

/* What the worker was told since it was looked last; 0: nothing. */
static uint32_t told(void)
{
	struct order o;
	int fds[2];

	if (channel_receive(other, &o, sizeof(o), fds) <= 0)
		return 0;
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return o.kind;
}

static void says(uint32_t kind)
{
	struct report r = { .kind = kind, .devid = 51712, .sectors = 8, .sector_size = 512,
			    .physical_sector_size = 512 };

	CU_ASSERT_EQUAL_FATAL(channel_send(other, &r, sizeof(r), NULL, 0), 0);
	take_reports(super.workers);
}

/* The disk, attached and waiting for a frontend. */
static struct device *attached_disk(void)
{
	struct device *v;

	add_device(7, 51712);
	v = find_device(super.workers, 51712);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	look(v);
	CU_ASSERT_EQUAL_FATAL(told(), ORDER_ATTACH);
	says(REPORT_ATTACHED);
	CU_ASSERT_EQUAL(v->phase, PHASE_WAITING);
	CU_ASSERT_TRUE(is(BACK "/state", "2"));
	return v;
}

static struct device *connected_disk(void)
{
	struct device *v = attached_disk();

	put(FRONT "/state", "3");
	look(v);
	CU_ASSERT_EQUAL_FATAL(told(), ORDER_CONNECT);
	says(REPORT_CONNECTED);
	put(FRONT "/state", "4");
	CU_ASSERT_EQUAL(v->phase, PHASE_CONNECTED);
	CU_ASSERT_TRUE(is(BACK "/state", "4"));
	return v;
}

TEST(test_gone, "what is written to a disk that is gone makes no entries of it anew")
{
	struct device *v = attached_disk();

	back_write(v, "sectors", "9");
	CU_ASSERT_TRUE(is(BACK "/sectors", "9"));
	/* Somebody else was quicker, and the disk is there still. */
	table.conflicts = 2;
	back_write(v, "sectors", "10");
	CU_ASSERT_TRUE(is(BACK "/sectors", "10"));
	lines = 0;
	table.vanish = true;
	back_write(v, "sectors", "11");
	CU_ASSERT_EQUAL(table.nr, 0);
	back_write(v, "state", "6");
	CU_ASSERT_EQUAL(table.nr, 0);
	CU_ASSERT_EQUAL(lines, 0);
}

TEST(test_files, "a worker may write as far as its largest image that is a file")
{
	const uint64_t sizes[] = { 0, 1000000, 500 }, allowed[] = { 0, 1000000, 1000000 };
	char image[] = "/tmp/block_super.XXXXXX";
	int fd = mkstemp(image);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	allowed_size = 0;
	opens = image;
	for (uint32_t i = 0; i < 3; i++) {
		char path[96];
		struct device *v;

		snprintf(path, sizeof(path), "/local/domain/0/backend/hvblk/7/%u/frontend-id", i);
		put(path, "7");
		snprintf(path, sizeof(path), "/local/domain/0/backend/hvblk/7/%u/online", i);
		put(path, "1");
		snprintf(path, sizeof(path), "/local/domain/0/backend/hvblk/7/%u/params", i);
		put(path, image);
		CU_ASSERT_EQUAL(ftruncate(fd, (off_t)sizes[i]), 0);
		add_device(7, i);
		v = find_device(super.workers, i);
		CU_ASSERT_PTR_NOT_NULL_FATAL(v);
		look(v);
		CU_ASSERT_EQUAL(told(), ORDER_ATTACH);
		CU_ASSERT_EQUAL(allowed_size, allowed[i]);
	}
	opens = "/dev/null";
	close(fd);
	unlink(image);
}

TEST(test_busy, "nothing is opened while a worker before this one has the journal")
{
	struct device *v;
	int wait;

	add_device(7, 51712);
	v = find_device(super.workers, 51712);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	busy = true;
	look(v);
	for (; now_ms < 1003000; now_ms += (uint64_t)wait) {
		wait = run_workers();
		CU_ASSERT_TRUE_FATAL(wait > 0 && wait <= 50);
		CU_ASSERT_EQUAL(lines, 0);
	}
	for (; now_ms < 1020000; now_ms += (uint64_t)wait)
		wait = run_workers();
	CU_ASSERT_EQUAL(lines, 1);
	CU_ASSERT_EQUAL(opened, 0);
	CU_ASSERT_EQUAL(told(), 0);
	busy = false;
	run_workers();
	CU_ASSERT_EQUAL(opened, 1);
	CU_ASSERT_EQUAL(told(), ORDER_ATTACH);
	says(REPORT_ATTACHED);
	CU_ASSERT_EQUAL(run_workers(), -1);
}

TEST(test_retries, "a disk that a guest waits for is tried again, whatever is wrong with it")
{
	struct device *v;

	put(BACK "/state", "4");
	put(FRONT "/state", "4");
	add_device(7, 51712);
	v = find_device(super.workers, 51712);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	open_error = -EIO;
	look(v);
	CU_ASSERT_EQUAL(v->phase, PHASE_NEW);
	CU_ASSERT_TRUE(run_workers() > 0);
	open_error = 0;
	now_ms += PAUSE_MS;
	run_workers();
	CU_ASSERT_EQUAL(told(), ORDER_ATTACH);
	says(REPORT_FAILED);
	CU_ASSERT_EQUAL(v->phase, PHASE_NEW);
	now_ms += PAUSE_MS;
	run_workers();
	CU_ASSERT_EQUAL(told(), ORDER_ATTACH);
	says(REPORT_ATTACHED);
	CU_ASSERT_EQUAL(v->phase, PHASE_CONNECTING);
	CU_ASSERT_EQUAL(told(), ORDER_CONNECT);
	CU_ASSERT_PTR_NULL(find(BACK "/hotplug-error"));
}

TEST(test_never_served, "one that nobody waits for is an error at once")
{
	struct device *v;

	add_device(7, 51712);
	v = find_device(super.workers, 51712);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	open_error = -EIO;
	look(v);
	CU_ASSERT_EQUAL(v->phase, PHASE_OVER);
	CU_ASSERT_TRUE(is(BACK "/hotplug-status", "error"));
	CU_ASSERT_EQUAL(run_workers(), -1);
}

TEST(test_offers, "each connection that is offered has a number of its own")
{
	struct device *v = connected_disk();
	char first[96];

	CU_ASSERT_PTR_NOT_NULL_FATAL(find(BACK "/connection"));
	strcpy(first, find(BACK "/connection"));
	put(FRONT "/state", "6");
	look(v);
	CU_ASSERT_EQUAL_FATAL(told(), ORDER_DISCONNECT);
	says(REPORT_DISCONNECTED);
	CU_ASSERT_TRUE(is(BACK "/state", "6"));
	put(FRONT "/state", "1");
	look(v);
	CU_ASSERT_TRUE(is(BACK "/state", "2"));
	CU_ASSERT_FALSE(is(BACK "/connection", first));
}

static unsigned int flood(struct device *v, unsigned int turns, unsigned int ms)
{
	unsigned int calls;

	table.event = FRONT "/state";
	table.calls = 0;
	for (unsigned int i = 0; i < turns; i++, now_ms += ms) {
		table.events = 300;
		CU_ASSERT_FALSE(run_store());
		CU_ASSERT_EQUAL(table.events, 0);
		look_at_news();
	}
	/* The last word is heard. */
	calls = table.calls;
	while (v->changed) {
		now_ms += NEWS_MS;
		look_at_news();
	}
	return calls;
}

TEST(test_flood, "however often a frontend writes its state, it is looked at now and then")
{
	struct device *v = connected_disk();

	unsigned int one;

	table.calls = 0;
	look(v);
	one = table.calls;
	CU_ASSERT_TRUE(one > 1);
	/* So much at once, and then so much a second. */
	CU_ASSERT_TRUE(flood(v, 1000, 0) <= 17 * one);
	now_ms += 60000;
	CU_ASSERT_TRUE(flood(v, 10000, 1) <= 180 * one);
	CU_ASSERT_EQUAL(told(), 0);
	/* The last word has to wait, and is heard. */
	flood(v, 20, 0);
	v->changed = true;
	for (int i = 0; i < 20; i++, v->changed = true)
		look_at_news();
	put(FRONT "/state", "5");
	CU_ASSERT_TRUE(look_at_news());
	CU_ASSERT_EQUAL(told(), 0);
	now_ms += 1000;
	CU_ASSERT_FALSE(look_at_news());
	CU_ASSERT_EQUAL(told(), ORDER_DISCONNECT);
}

TEST(test_reconnects, "a frontend that connects again and again waits for it in the end")
{
	struct device *v = attached_disk();
	unsigned int n = 0, first = 0;

	for (uint64_t end = now_ms + 600000; now_ms < end; now_ms += 100) {
		put(FRONT "/state", "3");
		v->changed = true;
		look_at_news();
		if (!told())
			continue;
		says(REPORT_CONNECTED);
		put(FRONT "/state", "6");
		look(v);
		CU_ASSERT_EQUAL_FATAL(told(), ORDER_DISCONNECT);
		says(REPORT_DISCONNECTED);
		put(FRONT "/state", "1");
		look(v);
		CU_ASSERT_TRUE(is(BACK "/state", "2"));
		n++;
		if (end - now_ms > 599000)
			first = n;
	}
	/* A few at once cost nobody anything. */
	CU_ASSERT_EQUAL(first, 10);
	CU_ASSERT_TRUE(n >= 200 && n <= 220);
}

TEST(test_talks, "a worker that talks without end is ended")
{
	struct report r = { .kind = REPORT_FAILED, .devid = 51712, .text = "so" };
	struct worker *w = super.workers;
	unsigned int said = 0;

	attached_disk();
	/* What is worth saying may be said for ever: 50 a second. */
	for (int i = 0; i < 3000; i++, now_ms += 20) {
		CU_ASSERT_EQUAL_FATAL(channel_send(other, &r, sizeof(r), NULL, 0), 0);
		take_reports(w);
	}
	CU_ASSERT_FALSE(killed(w));
	lines = 0;
	table.calls = 0;
	for (; said < 5000 && !channel_send(other, &r, sizeof(r), NULL, 0); said++)
		take_reports(w);
	take_reports(w);
	CU_ASSERT_TRUE(said >= 1000);
	CU_ASSERT_TRUE(killed(w));
	CU_ASSERT_TRUE(lines < 25);
}

TEST(test_next_talks, "the next worker may say what it has to, whatever the one before it said")
{
	struct report r = { .kind = REPORT_FAILED, .devid = 51712, .text = "so" };
	struct worker *w = super.workers;
	struct device *v = connected_disk();

	for (unsigned int i = 0; i < 50; i++) {
		for (unsigned int n = 0; n < 1100; n++)
			if (!channel_send(other, &r, sizeof(r), NULL, 0))
				take_reports(w);
		CU_ASSERT_TRUE_FATAL(killed(w));
		while (w->pid)
			worker_ended(w);
		put(BACK "/state", "4");
		now_ms += PAUSE_MS;
		run_workers();
		while (told() != ORDER_ATTACH)
			;
		says(REPORT_ATTACHED);
		/* It is not the frontend that has connected so often. */
		CU_ASSERT_EQUAL_FATAL(told(), ORDER_CONNECT);
		says(REPORT_CONNECTED);
		CU_ASSERT_EQUAL(v->phase, PHASE_CONNECTED);
	}
	for (unsigned int n = 0; n < 500; n++) {
		CU_ASSERT_EQUAL_FATAL(channel_send(other, &r, sizeof(r), NULL, 0), 0);
		take_reports(w);
	}
	CU_ASSERT_FALSE(killed(w));
}

TEST(test_cycles, "a frontend that comes and goes without connecting waits for it in the end")
{
	struct device *v = attached_disk();
	unsigned int offers = 0;

	for (uint64_t end = now_ms + 60000; now_ms < end; now_ms += NEWS_MS) {
		bool offered = is(BACK "/state", "2");

		offers += offered && is(FRONT "/state", "1");
		put(FRONT "/state", offered ? "6" : "1");
		v->changed = true;
		look_at_news();
		if (told())
			says(REPORT_DISCONNECTED);
	}
	CU_ASSERT_TRUE(offers >= 38 && offers <= 42);
}

static void pass(void)
{
	for (unsigned int i = 0; i < 40; i++, now_ms += NEWS_MS) {
		run_workers();
		look_at_news();
	}
}

TEST(test_unread, "what could not be read is not taken for what is not there: a disk waits")
{
	static const char *const keys[] = { "/format", "/bps", "/online", "/state", "/mode" };
	struct device *v;

	add_device(7, 51712);
	v = find_device(super.workers, 51712);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	for (unsigned int i = 0; i < 5; i++) {
		table.fails = keys[i];
		v->changed = true;
		pass();
		CU_ASSERT_EQUAL(v->phase, PHASE_NEW);
		CU_ASSERT_EQUAL(opened, 0);
		CU_ASSERT_PTR_NULL(find(BACK "/hotplug-status"));
	}
	table.fails = NULL;
	pass();
	CU_ASSERT_EQUAL_FATAL(told(), ORDER_ATTACH);
	/* What it is cannot be said now. */
	table.fails = "/device-type";
	says(REPORT_ATTACHED);
	CU_ASSERT_TRUE(killed(super.workers));
	CU_ASSERT_TRUE(is(BACK "/state", "1"));
}

TEST(test_unread_connected, "nor does a connection end, or another one take its place")
{
	static const char *const keys[] = { "/connection", "2/state", "/online" };
	struct worker *w = super.workers;
	struct device *v = connected_disk();

	for (unsigned int i = 0; i < 3; i++) {
		uint32_t what = 0;

		table.fails = keys[i];
		v->changed = true;
		pass();
		CU_ASSERT_EQUAL_FATAL(v->phase, PHASE_CONNECTED);
		kill(w->pid, SIGKILL);
		while (w->pid)
			worker_ended(w);
		pass();
		if (i) {
			CU_ASSERT_EQUAL(v->phase, PHASE_NEW);
			table.fails = NULL;
			pass();
		}
		while (what != ORDER_ATTACH)
			what = told();
		says(REPORT_ATTACHED);
		if (!i) {
			pass();
			CU_ASSERT_EQUAL(v->phase, PHASE_WAITING);
			table.fails = NULL;
			pass();
		}
		CU_ASSERT_EQUAL_FATAL(v->phase, PHASE_CONNECTING);
		CU_ASSERT_TRUE(is(BACK "/state", "4"));
		says(REPORT_CONNECTED);
	}
}

TEST(test_unwritten, "a state that could not be written is written later")
{
	struct device *v = connected_disk();

	put(FRONT "/state", "6");
	look(v);
	CU_ASSERT_EQUAL_FATAL(told(), ORDER_DISCONNECT);
	table.stuck = true;
	says(REPORT_DISCONNECTED);
	CU_ASSERT_TRUE(is(BACK "/state", "4"));
	table.stuck = false;
	pass();
	CU_ASSERT_TRUE(is(BACK "/state", "6"));
	/* Nor is what is offered half written. */
	table.stuck = true;
	put(FRONT "/state", "1");
	v->changed = true;
	pass();
	CU_ASSERT_TRUE(is(BACK "/state", "6"));
	table.stuck = false;
	pass();
	pass();
	CU_ASSERT_TRUE(is(BACK "/state", "2"));
}

TEST(test_descriptors, "a worker that sends descriptors is ended, and they are closed")
{
	struct report r = { .kind = REPORT_ATTACHED, .devid = 51712 };
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), two[2] = { 0, 1 };

	close(fd);
	CU_ASSERT_EQUAL(channel_send(other, &r, sizeof(r), two, 2), 0);
	take_reports(super.workers);
	CU_ASSERT_TRUE(killed(super.workers));
	CU_ASSERT_EQUAL(open("/dev/null", O_RDONLY | O_CLOEXEC), fd);
	close(fd);
}

TEST(test_late, "a worker that does not do as it is told is ended")
{
	struct device *v = connected_disk();
	int wait;

	CU_ASSERT_EQUAL(run_workers(), -1);
	put(FRONT "/state", "5");
	look(v);
	CU_ASSERT_EQUAL(told(), ORDER_DISCONNECT);
	/* Operations of a server that is gone take a minute. */
	now_ms += 100000;
	wait = run_workers();
	CU_ASSERT_EQUAL(wait, (int)DISCONNECT_MS - 100000);
	CU_ASSERT_FALSE(killed(super.workers));
	now_ms += (uint64_t)wait;
	lines = 0;
	CU_ASSERT_TRUE(run_workers() > 0);
	CU_ASSERT_EQUAL(lines, 1);
	CU_ASSERT_TRUE(killed(super.workers));
	/* Once is enough. */
	run_workers();
	CU_ASSERT_EQUAL(lines, 1);
}

TEST(test_gives_up, "a frontend that goes before it connects is told that it may")
{
	struct device *v = attached_disk();

	put(FRONT "/state", "5");
	look(v);
	CU_ASSERT_EQUAL_FATAL(told(), ORDER_DISCONNECT);
	says(REPORT_DISCONNECTED);
	CU_ASSERT_TRUE(is(BACK "/state", "6"));
	put(FRONT "/state", "1");
	look(v);
	CU_ASSERT_TRUE(is(BACK "/state", "2"));
}

TEST(test_removed, "whoever removes a disk learns that its backend has let go, however it was closed")
{
	struct device *v = connected_disk();

	put(BACK "/online", "0");
	look(v);
	CU_ASSERT_EQUAL_FATAL(told(), ORDER_DISCONNECT);
	says(REPORT_DISCONNECTED);
	CU_ASSERT_TRUE(is(BACK "/hotplug-status", "connected"));
	CU_ASSERT_EQUAL_FATAL(told(), ORDER_DETACH);
	says(REPORT_DETACHED);
	CU_ASSERT_TRUE(is(BACK "/state", "6"));
	CU_ASSERT_TRUE(is(BACK "/hotplug-status", "disconnected"));
}

SUITE("hvblkd's supervisor", .begin = begin, .end = end)
