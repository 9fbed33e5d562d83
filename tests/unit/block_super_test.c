// SPDX-License-Identifier: GPL-2.0-or-later
// sources: backends/lib/backdev.c backends/lib/backkeys.c backends/lib/backstore.c
// sources: backends/lib/backworker.c backends/lib/super.c backends/lib/channel.c libhvctl/budget.c
/*
 * hvblkd's supervisor between a store, which is a table here, and workers, which are the other
 * ends of their channels: what a frontend or a worker can make it do, and how often.
 */
#include "backends/block/super.c"
#include "suite.h"
#include "super_world.h"

#define BACK	"/local/domain/0/backend/hvblk/7/51712"
#define FRONT	"/local/domain/7/device/vbd/51712"

/* ---- all else ---- */

static unsigned int opened;
static int open_error;
static unsigned int open_takes;		/* ms */
static const char *opens = "/dev/null";
static uint64_t allowed_size;
static bool serves;			/* what is opened has a server */
static uint64_t resized_to;		/* what an image was made, 0: it was not */
static int resize_error;

void gntdev_hasten(void)
{
}

int open_image(const struct open_spec *spec, struct open_image *image, char *text, size_t size)
{
	(void)spec;
	opened++;
	now_ms += open_takes;
	*image = (struct open_image){ .fd = -1 };
	snprintf(text, size, "no");
	if (open_error)
		return open_error;
	image->fd = open(opens, O_RDONLY | O_CLOEXEC);
	image->nbd = serves;
	return 0;
}

int server_resize(const struct open_spec *spec, uint64_t bytes, char *text, size_t size)
{
	(void)spec;
	resized_to = bytes;
	if (resize_error)
		snprintf(text, size, "no room");
	return resize_error;
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
	return open_nothing();
}

int room_make(int fd, uint32_t nr_queues, uint32_t ring_order)
{
	(void)fd;
	(void)nr_queues;
	(void)ring_order;
	return 0;
}

int process_files(pid_t pid, uint64_t size)
{
	(void)pid;
	allowed_size = size;
	return 0;
}

/* ---- one domain with one disk ---- */

static uint32_t told(void);

static void begin(void)
{
	super_begin(&hvblkd, 7);
	opened = 0;
	open_error = 0;
	open_takes = 0;
	serves = false;
	resized_to = 0;
	resize_error = 0;
	told();
	put(BACK "/frontend-id", "7");
	put(BACK "/online", "1");
	put(BACK "/state", "1");
	put(BACK "/params", "/dev/null");
	put(FRONT "/state", "1");
}

/* What the worker was told since it was looked last; 0: nothing. */
static uint32_t told(void)
{
	struct disk_order o;

	return take_order(&o.head) ? o.head.kind : 0;
}

static void says(uint32_t kind)
{
	struct disk_report r = { .head = { .kind = kind, .domid = 7, .devid = 51712 },
				 .sectors = 8, .sector_size = 512, .physical_sector_size = 512 };

	CU_ASSERT_EQUAL_FATAL(channel_send(other, &r, sizeof(r), NULL, 0), 0);
	backworker_listen(super.workers);
}

/* The disk, attached and waiting for a frontend. */
static struct backdev *attached_disk(void)
{
	struct backdev *v;

	backdev_add(7, 51712);
	v = backdev_find(7, 51712);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	backdev_look(v);
	CU_ASSERT_EQUAL_FATAL(told(), ORDER_ATTACH);
	says(REPORT_ATTACHED);
	CU_ASSERT_EQUAL(v->phase, PHASE_WAITING);
	CU_ASSERT_TRUE(is(BACK "/state", "2"));
	return v;
}

static struct backdev *connected_disk(void)
{
	struct backdev *v = attached_disk();

	put(FRONT "/state", "3");
	backdev_look(v);
	CU_ASSERT_EQUAL_FATAL(told(), ORDER_CONNECT);
	says(REPORT_CONNECTED);
	put(FRONT "/state", "4");
	CU_ASSERT_EQUAL(v->phase, PHASE_CONNECTED);
	CU_ASSERT_TRUE(is(BACK "/state", "4"));
	return v;
}

TEST(test_gone, "what is written to a disk that is gone makes no entries of it anew")
{
	struct backdev *v = attached_disk();

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
		struct backdev *v;

		snprintf(path, sizeof(path), "/local/domain/0/backend/hvblk/7/%u/frontend-id", i);
		put(path, "7");
		snprintf(path, sizeof(path), "/local/domain/0/backend/hvblk/7/%u/online", i);
		put(path, "1");
		snprintf(path, sizeof(path), "/local/domain/0/backend/hvblk/7/%u/params", i);
		put(path, image);
		CU_ASSERT_EQUAL(ftruncate(fd, (off_t)sizes[i]), 0);
		backdev_add(7, i);
		v = backdev_find(7, i);
		CU_ASSERT_PTR_NOT_NULL_FATAL(v);
		backdev_look(v);
		CU_ASSERT_EQUAL(told(), ORDER_ATTACH);
		CU_ASSERT_EQUAL(allowed_size, allowed[i]);
	}
	opens = "/dev/null";
	close(fd);
	unlink(image);
}

/* A disk that somebody has still (@used) is looked at again and again, with one line for it. */
static void wait_for(struct backdev *v, bool *used)
{
	uint64_t begin = now_ms;
	int wait;

	lines = 0;
	v->told_why = false;
	v->busy_since = now_ms;
	*used = true;
	for (; now_ms < begin + 3000; now_ms += (uint64_t)wait) {
		wait = backworkers_run();
		CU_ASSERT_TRUE_FATAL(wait > 0 && wait <= 50);
		CU_ASSERT_EQUAL(lines, 0);
	}
	for (; now_ms < begin + 20000; now_ms += (uint64_t)wait)
		wait = backworkers_run();
	CU_ASSERT_EQUAL(lines, 1);
	CU_ASSERT_EQUAL(opened, 0);
	CU_ASSERT_EQUAL(dropped, 0);
	*used = false;
}

TEST(test_busy, "nothing is opened while a worker or server before these has the disk")
{
	struct backdev *v;

	backdev_add(7, 51712);
	v = backdev_find(7, 51712);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	worked = true;
	backdev_look(v);
	wait_for(v, &worked);
	CU_ASSERT_EQUAL(told(), 0);
	wait_for(v, &served);
	CU_ASSERT_EQUAL(told(), 0);
	backworkers_run();
	CU_ASSERT_EQUAL(opened, 1);
	CU_ASSERT_EQUAL(told(), ORDER_ATTACH);
	says(REPORT_ATTACHED);
	CU_ASSERT_EQUAL(backworkers_run(), -1);
}

TEST(test_retries, "a disk that a guest waits for is tried again, whatever is wrong with it")
{
	struct backdev *v;

	put(BACK "/state", "4");
	put(FRONT "/state", "4");
	backdev_add(7, 51712);
	v = backdev_find(7, 51712);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	open_error = -EIO;
	backdev_look(v);
	CU_ASSERT_EQUAL(v->phase, PHASE_NEW);
	CU_ASSERT_TRUE(backworkers_run() > 0);
	open_error = 0;
	now_ms += PAUSE_MS;
	backworkers_run();
	CU_ASSERT_EQUAL(told(), ORDER_ATTACH);
	says(REPORT_FAILED);
	CU_ASSERT_EQUAL(v->phase, PHASE_NEW);
	now_ms += PAUSE_MS;
	backworkers_run();
	CU_ASSERT_EQUAL(told(), ORDER_ATTACH);
	says(REPORT_ATTACHED);
	CU_ASSERT_EQUAL(v->phase, PHASE_CONNECTING);
	CU_ASSERT_EQUAL(told(), ORDER_CONNECT);
	CU_ASSERT_PTR_NULL(find(BACK "/hotplug-error"));
}

/* A server elsewhere that answers nobody, and a guest that makes news of its disk. */
TEST(test_slow, "what takes long to fail is tried less and less: all other disks wait meanwhile")
{
	struct backdev *v;
	uint64_t begin;

	put(BACK "/state", "4");
	put(FRONT "/state", "4");
	backdev_add(7, 51712);
	v = backdev_find(7, 51712);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	open_error = -ETIMEDOUT;
	open_takes = 20000;
	begin = now_ms;
	backdev_look(v);
	for (; now_ms < begin + 3600000; now_ms += 100) {
		v->changed = true;
		backstore_look();
		backworkers_run();
	}
	/* 20 s, 40 s, and then 20 s of each 80 s. */
	CU_ASSERT_TRUE(opened >= 40 && opened <= 46);
	/* It goes all the same. */
	open_takes = 0;
	open_error = 0;
	opened = 0;
	now_ms += 60000;
	backworkers_run();
	CU_ASSERT_EQUAL(opened, 1);
	CU_ASSERT_EQUAL(told(), ORDER_ATTACH);
	says(REPORT_ATTACHED);
	/* The next time it begins with a short pause. */
	end_worker(super.workers);
	open_error = -ETIMEDOUT;
	open_takes = 5000;
	now_ms += PAUSE_MS;
	backworkers_run();
	CU_ASSERT_EQUAL(opened, 2);
	now_ms += 5000;
	backworkers_run();
	CU_ASSERT_EQUAL(opened, 3);
}

TEST(test_never_served, "one that nobody waits for is an error at once")
{
	struct backdev *v;

	backdev_add(7, 51712);
	v = backdev_find(7, 51712);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	open_error = -EIO;
	backdev_look(v);
	CU_ASSERT_EQUAL(v->phase, PHASE_OVER);
	CU_ASSERT_TRUE(is(BACK "/hotplug-status", "error"));
	CU_ASSERT_EQUAL(backworkers_run(), -1);
}

TEST(test_offers, "each connection that is offered has a number of its own")
{
	struct backdev *v = connected_disk();
	char first[96];

	CU_ASSERT_PTR_NOT_NULL_FATAL(find(BACK "/connection"));
	strcpy(first, find(BACK "/connection"));
	put(FRONT "/state", "6");
	backdev_look(v);
	CU_ASSERT_EQUAL_FATAL(told(), ORDER_DISCONNECT);
	says(REPORT_DISCONNECTED);
	CU_ASSERT_TRUE(is(BACK "/state", "6"));
	put(FRONT "/state", "1");
	backdev_look(v);
	CU_ASSERT_TRUE(is(BACK "/state", "2"));
	CU_ASSERT_FALSE(is(BACK "/connection", first));
}

static unsigned int flood(struct backdev *v, unsigned int turns, unsigned int ms)
{
	unsigned int calls;

	table.event = FRONT "/state";
	table.calls = 0;
	for (unsigned int i = 0; i < turns; i++, now_ms += ms) {
		table.events = 300;
		CU_ASSERT_FALSE(backstore_run());
		CU_ASSERT_EQUAL(table.events, 0);
		backstore_look();
	}
	/* The last word is heard. */
	calls = table.calls;
	while (v->changed) {
		now_ms += NEWS_MS;
		backstore_look();
	}
	return calls;
}

TEST(test_flood, "however often a frontend writes its state, it is looked at now and then")
{
	struct backdev *v = connected_disk();

	unsigned int one;

	table.calls = 0;
	backdev_look(v);
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
		backstore_look();
	put(FRONT "/state", "5");
	CU_ASSERT_TRUE(backstore_look());
	CU_ASSERT_EQUAL(told(), 0);
	now_ms += 1000;
	CU_ASSERT_FALSE(backstore_look());
	CU_ASSERT_EQUAL(told(), ORDER_DISCONNECT);
}

TEST(test_reconnects, "a frontend that connects again and again waits for it in the end")
{
	struct backdev *v = attached_disk();
	unsigned int n = 0, first = 0;

	for (uint64_t end = now_ms + 600000; now_ms < end; now_ms += 100) {
		put(FRONT "/state", "3");
		v->changed = true;
		backstore_look();
		if (!told())
			continue;
		says(REPORT_CONNECTED);
		put(FRONT "/state", "6");
		backdev_look(v);
		CU_ASSERT_EQUAL_FATAL(told(), ORDER_DISCONNECT);
		says(REPORT_DISCONNECTED);
		put(FRONT "/state", "1");
		backdev_look(v);
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
	struct disk_report r = { .head = { .kind = REPORT_FAILED, .domid = 7, .devid = 51712,
					  .text = "so" } };
	struct backworker *w = super.workers;
	unsigned int said = 0;

	attached_disk();
	/* What is worth saying may be said for ever: 50 a second. */
	for (int i = 0; i < 3000; i++, now_ms += 20) {
		CU_ASSERT_EQUAL_FATAL(channel_send(other, &r, sizeof(r), NULL, 0), 0);
		backworker_listen(w);
	}
	CU_ASSERT_FALSE(killed(w));
	lines = 0;
	table.calls = 0;
	for (; said < 5000 && !channel_send(other, &r, sizeof(r), NULL, 0); said++)
		backworker_listen(w);
	backworker_listen(w);
	CU_ASSERT_TRUE(said >= 1000);
	CU_ASSERT_TRUE(killed(w));
	CU_ASSERT_TRUE(lines < 25);
}

TEST(test_next_talks, "the next worker may say what it has to, whatever the one before it said")
{
	struct disk_report r = { .head = { .kind = REPORT_FAILED, .domid = 7, .devid = 51712,
					  .text = "so" } };
	struct backworker *w = super.workers;
	struct backdev *v = connected_disk();

	for (unsigned int i = 0; i < 50; i++) {
		for (unsigned int n = 0; n < 1100; n++)
			if (!channel_send(other, &r, sizeof(r), NULL, 0))
				backworker_listen(w);
		CU_ASSERT_TRUE_FATAL(killed(w));
		end_worker(w);
		put(BACK "/state", "4");
		now_ms += PAUSE_MS;
		backworkers_run();
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
		backworker_listen(w);
	}
	CU_ASSERT_FALSE(killed(w));
}

TEST(test_cycles, "a frontend that comes and goes without connecting waits for it in the end")
{
	struct backdev *v = attached_disk();
	unsigned int offers = 0;

	for (uint64_t end = now_ms + 60000; now_ms < end; now_ms += NEWS_MS) {
		bool offered = is(BACK "/state", "2");

		offers += offered && is(FRONT "/state", "1");
		put(FRONT "/state", offered ? "6" : "1");
		v->changed = true;
		backstore_look();
		if (told())
			says(REPORT_DISCONNECTED);
	}
	CU_ASSERT_TRUE(offers >= 38 && offers <= 42);
}

TEST(test_unread, "what could not be read is not taken for what is not there: a disk waits")
{
	static const char *const keys[] = { "/format", "/bps", "/online", "/state", "/mode" };
	struct backdev *v;

	backdev_add(7, 51712);
	v = backdev_find(7, 51712);
	CU_ASSERT_PTR_NOT_NULL_FATAL(v);
	for (unsigned int i = 0; i < 5; i++) {
		table.fails = keys[i];
		v->changed = true;
		pass(2000, NULL);
		CU_ASSERT_EQUAL(v->phase, PHASE_NEW);
		CU_ASSERT_EQUAL(opened, 0);
		CU_ASSERT_PTR_NULL(find(BACK "/hotplug-status"));
	}
	table.fails = NULL;
	pass(2000, NULL);
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
	struct backworker *w = super.workers;
	struct backdev *v = connected_disk();

	for (unsigned int i = 0; i < 3; i++) {
		uint32_t what = 0;

		table.fails = keys[i];
		v->changed = true;
		pass(2000, NULL);
		CU_ASSERT_EQUAL_FATAL(v->phase, PHASE_CONNECTED);
		end_worker(w);
		pass(2000, NULL);
		if (i) {
			CU_ASSERT_EQUAL(v->phase, PHASE_NEW);
			table.fails = NULL;
			pass(2000, NULL);
		}
		while (what != ORDER_ATTACH)
			what = told();
		says(REPORT_ATTACHED);
		if (!i) {
			pass(2000, NULL);
			CU_ASSERT_EQUAL(v->phase, PHASE_WAITING);
			table.fails = NULL;
			pass(2000, NULL);
		}
		CU_ASSERT_EQUAL_FATAL(v->phase, PHASE_CONNECTING);
		CU_ASSERT_TRUE(is(BACK "/state", "4"));
		says(REPORT_CONNECTED);
	}
}

TEST(test_unwritten, "a state that could not be written is written later")
{
	struct backdev *v = connected_disk();

	put(FRONT "/state", "6");
	backdev_look(v);
	CU_ASSERT_EQUAL_FATAL(told(), ORDER_DISCONNECT);
	table.stuck = true;
	says(REPORT_DISCONNECTED);
	CU_ASSERT_TRUE(is(BACK "/state", "4"));
	table.stuck = false;
	pass(2000, NULL);
	CU_ASSERT_TRUE(is(BACK "/state", "6"));
	/* Nor is what is offered half written. */
	table.stuck = true;
	put(FRONT "/state", "1");
	v->changed = true;
	pass(2000, NULL);
	CU_ASSERT_TRUE(is(BACK "/state", "6"));
	table.stuck = false;
	pass(2000, NULL);
	pass(2000, NULL);
	CU_ASSERT_TRUE(is(BACK "/state", "2"));
}

TEST(test_descriptors, "a worker that sends descriptors is ended, and they are closed")
{
	struct disk_report r = { .head = { .kind = REPORT_ATTACHED, .domid = 7, .devid = 51712 } };
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), two[2] = { 0, 1 };

	close(fd);
	CU_ASSERT_EQUAL(channel_send(other, &r, sizeof(r), two, 2), 0);
	backworker_listen(super.workers);
	CU_ASSERT_TRUE(killed(super.workers));
	CU_ASSERT_EQUAL(open("/dev/null", O_RDONLY | O_CLOEXEC), fd);
	close(fd);
}

/* What a worker says that has looked at its image again. */
static void says_size(uint64_t sectors)
{
	struct disk_report r = { .head = { .kind = REPORT_RESIZED, .domid = 7, .devid = 51712 },
				 .sectors = sectors };

	CU_ASSERT_EQUAL_FATAL(channel_send(other, &r, sizeof(r), NULL, 0), 0);
	backworker_listen(super.workers);
}

/* How often our state was written: each time a frontend looks at the size. */
static unsigned int nudges(void)
{
	unsigned int n = table.nudges;

	table.nudges = 0;
	return n;
}

/* Another worker is told how much it may map, and then of the disk. */
static void await_attach(void)
{
	uint32_t what = told();

	while (what && what != ORDER_ATTACH)
		what = told();
	CU_ASSERT_EQUAL_FATAL(what, ORDER_ATTACH);
}

TEST(test_resize, "a raw disk that has become larger: its worker looks, then its frontend")
{
	char image[] = "/tmp/block_super.XXXXXX";
	int fd = mkstemp(image);
	struct backdev *v;

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	v = connected_disk();
	CU_ASSERT_EQUAL(ftruncate(fd, 1 << 20), 0);
	put(BACK "/params", image);
	/* What is no order, or was carried out, is none. */
	put(BACK "/resize", "x 0");
	backdev_look(v);
	put(BACK "/resize", "0 0");
	backdev_look(v);
	put(BACK "/resize", "5 0");
	put(BACK "/resized", "5");
	backdev_look(v);
	CU_ASSERT_EQUAL(told(), 0);
	allowed_size = 0;
	put(BACK "/resize", "6 0");
	table.event = BACK "/resize";
	table.events = 1;
	backstore_run();
	CU_ASSERT_TRUE(v->changed);
	backdev_look(v);
	CU_ASSERT_EQUAL(told(), ORDER_RESIZE);
	/* It may write as far as the file has grown. */
	CU_ASSERT_EQUAL(allowed_size, 1 << 20);
	CU_ASSERT_TRUE(is(BACK "/resized", "5"));
	table.nudge = BACK "/state";
	nudges();
	says_size(UINT64_MAX / 256);
	CU_ASSERT_EQUAL(nudges(), 0);
	says_size(2048);
	CU_ASSERT_TRUE(is(BACK "/sectors", "2048"));
	CU_ASSERT_EQUAL(nudges(), 1);
	CU_ASSERT_TRUE(is(BACK "/state", "4"));
	CU_ASSERT_TRUE(is(BACK "/resized", "6"));
	backdev_look(v);
	CU_ASSERT_EQUAL(told(), 0);
	/* One that died before it answered is followed by one that is asked, too. */
	put(BACK "/resize", "7 0");
	backdev_look(v);
	CU_ASSERT_EQUAL(told(), ORDER_RESIZE);
	end_worker(super.workers);
	pass(2000, NULL);
	await_attach();
	says(REPORT_ATTACHED);
	CU_ASSERT_EQUAL(told(), ORDER_CONNECT);
	says(REPORT_CONNECTED);
	CU_ASSERT_EQUAL(told(), ORDER_RESIZE);
	says_size(4096);
	CU_ASSERT_TRUE(is(BACK "/resized", "7"));
	close(fd);
	unlink(image);
}

TEST(test_resize_image, "an image is made larger between two servers, and what goes wrong is told")
{
	struct backdev *v;

	serves = true;
	v = connected_disk();
	put(BACK "/format", "qcow2");
	for (unsigned int i = 0; i < 2; i++) {
		put(BACK "/resize", i ? "4 2097152" : "3 1048576");
		resize_error = i ? -EIO : 0;
		backdev_look(v);
		CU_ASSERT_TRUE_FATAL(killed(super.workers));
		/* It is not opened anew yet: nothing is answered, and it is killed once. */
		backdev_look(v);
		CU_ASSERT_FALSE(is(BACK "/resized", i ? "4" : "3"));
		CU_ASSERT_EQUAL(resized_to, i ? 1048576 : 0);
		end_worker(super.workers);
		now_ms += PAUSE_MS;
		pass(2000, NULL);
		CU_ASSERT_EQUAL(resized_to, i ? 2097152 : 1048576);
		await_attach();
		says(REPORT_ATTACHED);
		CU_ASSERT_EQUAL_FATAL(told(), ORDER_CONNECT);
		table.nudge = BACK "/state";
		nudges();
		says(REPORT_CONNECTED);
		CU_ASSERT_EQUAL(nudges(), 1);
		CU_ASSERT_TRUE(is(BACK "/resized", i ? "4 no room" : "3"));
		CU_ASSERT_EQUAL(told(), 0);
		CU_ASSERT_FALSE(killed(super.workers));
	}
	/* A server elsewhere: it is looked at, whatever it was asked for. */
	resized_to = 0;
	put(BACK "/format", "nbd");
	end_worker(super.workers);
	pass(2000, NULL);
	await_attach();
	says(REPORT_ATTACHED);
	told();
	says(REPORT_CONNECTED);
	put(BACK "/resize", "5 1048576");
	backdev_look(v);
	CU_ASSERT_TRUE_FATAL(killed(super.workers));
	end_worker(super.workers);
	now_ms += PAUSE_MS;
	pass(2000, NULL);
	await_attach();
	CU_ASSERT_EQUAL(resized_to, 0);
}

TEST(test_late, "a worker that does not do as it is told is ended")
{
	struct backdev *v = connected_disk();
	int wait;

	CU_ASSERT_EQUAL(backworkers_run(), -1);
	put(FRONT "/state", "5");
	backdev_look(v);
	CU_ASSERT_EQUAL(told(), ORDER_DISCONNECT);
	/* Operations of a server that is gone take a minute. */
	now_ms += 100000;
	wait = backworkers_run();
	CU_ASSERT_EQUAL(wait, (int)DISCONNECT_MS - 100000);
	CU_ASSERT_FALSE(killed(super.workers));
	now_ms += (uint64_t)wait;
	lines = 0;
	CU_ASSERT_TRUE(backworkers_run() > 0);
	CU_ASSERT_EQUAL(lines, 1);
	CU_ASSERT_TRUE(killed(super.workers));
	/* Once is enough. */
	backworkers_run();
	CU_ASSERT_EQUAL(lines, 1);
}

TEST(test_gives_up, "a frontend that goes before it connects is told that it may")
{
	struct backdev *v = attached_disk();

	put(FRONT "/state", "5");
	backdev_look(v);
	CU_ASSERT_EQUAL_FATAL(told(), ORDER_DISCONNECT);
	says(REPORT_DISCONNECTED);
	CU_ASSERT_TRUE(is(BACK "/state", "6"));
	put(FRONT "/state", "1");
	backdev_look(v);
	CU_ASSERT_TRUE(is(BACK "/state", "2"));
}

TEST(test_removed, "whoever removes a disk learns that nobody has it, however it was closed")
{
	struct backdev *v = connected_disk();

	put(BACK "/online", "0");
	backdev_look(v);
	CU_ASSERT_EQUAL_FATAL(told(), ORDER_DISCONNECT);
	says(REPORT_DISCONNECTED);
	CU_ASSERT_TRUE(is(BACK "/hotplug-status", "connected"));
	CU_ASSERT_EQUAL_FATAL(told(), ORDER_DETACH);
	says(REPORT_DETACHED);
	CU_ASSERT_TRUE(is(BACK "/state", "6"));
	CU_ASSERT_TRUE(is(BACK "/hotplug-status", "disconnected"));
}

/*
 * A disk goes while what a killed worker began to write is under way, or while a server that nobody
 * knows any more writes what it has: another host may open it as soon as that is told.
 */
TEST(test_removed_busy, "a disk is closed when the last of its I/O is over, whoever was killed")
{
	bool *const used[] = { &worked, &served };

	for (unsigned int i = 0; i < 4; i++) {
		struct backdev *v = connected_disk();

		opened = 0;
		if (i >= 2) {
			/* Nobody was killed before it was closed. */
			put(BACK "/online", "0");
			backdev_look(v);
			CU_ASSERT_EQUAL_FATAL(told(), ORDER_DISCONNECT);
			*used[i % 2] = true;
			says(REPORT_DISCONNECTED);
			CU_ASSERT_EQUAL_FATAL(told(), ORDER_DETACH);
		}
		*used[i % 2] = true;
		end_worker(super.workers);
		put(BACK "/online", "0");
		now_ms += PAUSE_MS;
		backworkers_run();
		wait_for(v, used[i % 2]);
		CU_ASSERT_TRUE(is(BACK "/hotplug-status", "connected"));
		CU_ASSERT_TRUE(is(BACK "/state", i < 2 ? "4" : "6"));
		now_ms += NEWS_MS;
		backworkers_run();
		CU_ASSERT_TRUE(is(BACK "/hotplug-status", "disconnected"));
		CU_ASSERT_TRUE(is(BACK "/state", "6"));
		/* The entries have gone, and another disk of that number finds the same files. */
		*used[i % 2] = true;
		table.nr = 0;
		backdev_look(v);
		wait_for(v, used[i % 2]);
		CU_ASSERT_PTR_EQUAL(backdev_find(7, 51712), v);
		now_ms += NEWS_MS;
		backworkers_run();
		CU_ASSERT_PTR_NULL(backdev_find(7, 51712));
		CU_ASSERT_EQUAL(dropped, 1);
		while (told())
			;
		super_end();
		begin();
	}
}

/* The entries go and come again, before anybody looks. */
static void replace(const char *made)
{
	table.nr = 0;
	put(BACK "/frontend-id", "7");
	put(BACK "/online", "1");
	put(BACK "/state", "1");
	put(BACK "/params", "/dev/null");
	put(BACK "/made", made);
	put(FRONT "/state", "1");
}

TEST(test_replaced, "a disk that is another one under the same number is served anew")
{
	struct backdev *v;

	/* Nobody had looked when it had gone: as it closes, and while it is served. */
	for (unsigned int i = 0; i < 2; i++) {
		char made[8];

		snprintf(made, sizeof(made), "%u", i);
		replace(made);
		v = connected_disk();
		CU_ASSERT_STRING_EQUAL(v->made, made);
		if (!i) {
			put(BACK "/online", "0");
			backdev_look(v);
			CU_ASSERT_EQUAL_FATAL(told(), ORDER_DISCONNECT);
			says(REPORT_DISCONNECTED);
			CU_ASSERT_EQUAL_FATAL(told(), ORDER_DETACH);
			says(REPORT_DETACHED);
			CU_ASSERT_TRUE(is(BACK "/hotplug-status", "disconnected"));
			replace("other");
			backdev_look(v);
		} else {
			replace("other");
			backdev_look(v);
			CU_ASSERT_EQUAL_FATAL(told(), ORDER_DISCONNECT);
			says(REPORT_DISCONNECTED);
			CU_ASSERT_EQUAL_FATAL(told(), ORDER_DETACH);
			says(REPORT_DETACHED);
		}
		v = backdev_find(7, 51712);
		CU_ASSERT_PTR_NOT_NULL_FATAL(v);
		CU_ASSERT(v->phase == PHASE_NEW && v->changed);
		CU_ASSERT_FALSE(is(BACK "/hotplug-status", "disconnected"));
		backdev_look(v);
		CU_ASSERT_EQUAL(told(), ORDER_ATTACH);
		says(REPORT_ATTACHED);
		CU_ASSERT_TRUE(is(BACK "/state", "2"));
		/* And goes, for the next round. */
		put(BACK "/online", "0");
		backdev_look(v);
		CU_ASSERT_EQUAL_FATAL(told(), ORDER_DETACH);
		says(REPORT_DETACHED);
		table.nr = 0;
		backdev_look(v);
		CU_ASSERT_PTR_NULL(backdev_find(7, 51712));
	}
}

SUITE("hvblkd's supervisor", .begin = begin, .end = super_end)
