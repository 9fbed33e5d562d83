// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/migrate_host.c libhvctl/handover.c libhvctl/handover_record.c
// sources: libhvctl/handover_talk.c libhvctl/context.c
// libs: -Wl,--wrap=mkdir,--wrap=open64,--wrap=open
/*
 * What a host does with its copy of a guest that is migrated: which domain a record means, what an
 * older record may do, what was let run. Domains and the store are lists; the records are files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device.h"
#include "domain.h"
#include "kept.h"
#include "migrate.h"
#include "removal.h"
#include "save/parts.h"
#include "save/suspend.h"
#include "suite.h"
#include "xs.h"

#define T1 "11111111111111111111111111111111"
#define T2 "22222222222222222222222222222222"

static struct hvctl_ctx *ctx;
static char dir[] = "/tmp/migrate-host-XXXXXX", at[64];

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode)
{
	if (strncmp(path, "/run/hvctl", 10))
		return __real_mkdir(path, mode);
	snprintf(at, sizeof(at), "%s%s", dir, path + 10);
	return __real_mkdir(at, mode);
}

static bool no_files;

static int open_there(const char *path, int flags)
{
	if (no_files) {
		errno = EMFILE;
		return -1;
	}
	snprintf(at, sizeof(at), "%s%s", dir, strncmp(path, "/run/hvctl", 10) ? "" : path + 10);
	return openat(AT_FDCWD, at, flags);
}

int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
	return open_there(path, flags);
}

int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	return open_there(path, flags);
}

/* ---- the host ---- */

static struct domain {
	bool there, paused, suspended;
	uint8_t uuid;		/* its first byte; the others are 0 */
	unsigned int removed, started, resumed, connected, disconnected, went_on;
} domains[16];

static int devices_fail, store_fails;
static char marks[16][2][40]; /* devices closed; came */

static char *mark_at(const char *path)
{
	unsigned int domid;

	if (sscanf(path, "/local/domain/%u/", &domid) != 1 || domid >= 16)
		return NULL;
	if (strstr(path, "hvctl-devices-closed"))
		return marks[domid][0];
	return strstr(path, "hvctl-came") ? marks[domid][1] : NULL;
}

int hypercall_open(struct hvctl_ctx *c) { return 0; }
int do_domctl(struct hvctl_ctx *c, struct xen_domctl *op) { return 0; }

int domain_record(struct hvctl_ctx *c, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	if (domid >= 16 || !domains[domid].there)
		return -ESRCH;
	*info = (struct xen_domctl_getdomaininfo){ .domain = (domid_t)domid };
	info->handle[0] = domains[domid].uuid;
	if (domains[domid].paused)
		info->flags |= XEN_DOMINF_paused;
	return 0;
}

int domain_need(struct hvctl_ctx *c, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	return domain_record(c, domid, info);
}

int domain_not_dom0(struct hvctl_ctx *c, uint32_t domid, const char *what) { return 0; }

int domain_simple(struct hvctl_ctx *c, uint32_t domid, uint32_t cmd, const char *what)
{
	CU_ASSERT_EQUAL(cmd, XEN_DOMCTL_unpausedomain);
	domains[domid].started++;
	domains[domid].paused = false;
	return 0;
}

int domain_remove(struct hvctl_ctx *c, uint32_t domid)
{
	domains[domid].removed++;
	domains[domid].there = false;
	return 0;
}

/* What is kept of a guest. */
static unsigned int kept_removed;

void kept_remove(const uint8_t u[16])
{
	CU_ASSERT_EQUAL(u[0], 0xaa);
	kept_removed++;
}

int guest_suspended(struct hvctl_ctx *c, uint32_t domid) { return domains[domid].suspended; }

int guest_resume(struct hvctl_ctx *c, uint32_t domid)
{
	domains[domid].resumed++;
	domains[domid].suspended = false;
	return 0;
}

int guest_let_go(struct hvctl_ctx *c, uint32_t domid) { return 0; }

int guest_closed(struct hvctl_ctx *c, uint32_t domid, char by[GUEST_CLOSED_BY])
{
	if (store_fails)
		return store_fails;
	strcpy(by, marks[domid][0]);
	return *by != 0;
}

int migrate_go_on(struct hvctl_ctx *c, uint32_t domid, const struct hvctl_config *config,
		  uint32_t *again)
{
	/* Its own, whatever the domain is called by now. */
	CU_ASSERT_STRING_EQUAL(config->name, "guest");
	CU_ASSERT_EQUAL(config->uuid[0], 0xaa);
	domains[domid].went_on++;
	*again = 9;
	return 0;
}

int save_read_settings(struct hvctl_ctx *c, uint32_t domid, struct hvctl_config **config)
{
	*config = calloc(1, sizeof(**config));
	strcpy((*config)->name, "guest--left");
	return 0;
}

void hvctl_config_free(struct hvctl_config *config) { free(config); }

int devices_check_sharing(struct hvctl_ctx *c, const struct hvctl_config *config) { return 0; }

int devices_add(struct hvctl_ctx *c, const struct hvctl_config *config, uint32_t domid)
{
	domains[domid].connected++;
	return devices_fail;
}

void devices_remove(struct hvctl_ctx *c, uint32_t domid) { domains[domid].disconnected++; }
int devices_close(struct hvctl_ctx *c, uint32_t domid) { return 0; }
int hvctl_rename(struct hvctl_ctx *c, uint32_t domid, const char *name) { return 0; }

struct xs *xs_open(const char *socket) { return (struct xs *)domains; }
void xs_close(struct xs *xs) { }
void xs_keep(struct xs *xs, unsigned int ms, xs_waits_fn waits, void *data)
{
}

bool xs_lost(const struct xs *xs) { return false; }

char *xs_readf(struct xs *xs, uint32_t tx, const char *format, ...)
{
	char path[128], *mark;
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	mark = mark_at(path);
	errno = store_fails ? -store_fails : ENOENT;
	return mark && *mark && !store_fails ? strdup(mark) : NULL;
}

int xs_write(struct xs *xs, uint32_t tx, const char *path, const char *format, ...)
{
	char *mark = mark_at(path);
	va_list args;

	if (store_fails || !mark)
		return store_fails ? store_fails : -EINVAL;
	va_start(args, format);
	vsnprintf(mark, 40, format, args);
	va_end(args);
	return 0;
}

/* ---- records ---- */

static struct migrate_host host;

static void put(enum migrate_side side, const char *token, enum handover_state state,
		uint32_t domid)
{
	struct handover_record r;

	CU_ASSERT_EQUAL_FATAL(migrate_host_open(ctx, side, &host), 0);
	CU_ASSERT_EQUAL_FATAL(handover_record_open(&r, host.host.dir, token), 0);
	r.state = state;
	r.domid = domid;
	r.uuid[0] = 0xaa;
	snprintf(r.name, sizeof(r.name), "guest");
	CU_ASSERT_EQUAL(handover_record_write(&r), 0);
	handover_record_close(&r);
	migrate_host_close(&host);
}

static enum handover_state state_of(enum migrate_side side, const char *token)
{
	struct handover_record r;

	CU_ASSERT_EQUAL_FATAL(migrate_host_open(ctx, side, &host), 0);
	CU_ASSERT_EQUAL(handover_record_peek(&r, host.host.dir, token), 0);
	migrate_host_close(&host);
	return r.state;
}

/* What the guard, the minder or a person does with a record, without the other host. */
static int take_up(enum migrate_side side, const char *token, pid_t dead)
{
	int ret;

	CU_ASSERT_EQUAL_FATAL(migrate_host_open(ctx, side, &host), 0);
	host.fresh = true;
	host.dead = dead;
	ret = handover_take_up(&host.host, token, NULL);
	hvctl_config_free(host.config);
	migrate_host_close(&host);
	return ret;
}

/* The other host says @word. */
static int hear(enum migrate_side side, const char *token, const char *word)
{
	struct handover_link link = { .patience = -1 };
	int fd[2], ret;

	CU_ASSERT_EQUAL_FATAL(pipe(fd), 0);
	dprintf(fd[1], "%s %s\n", token, word);
	close(fd[1]);
	link.in = fd[0];
	link.out = -1;
	CU_ASSERT_EQUAL_FATAL(migrate_host_open(ctx, side, &host), 0);
	host.fresh = true;
	ret = handover_converse(&host.host, token, &link);
	hvctl_config_free(host.config);
	migrate_host_close(&host);
	close(fd[0]);
	return ret;
}

static int before(void)
{
	if (!mkdtemp(dir))
		return -1;
	ctx = hvctl_open();
	return !ctx;
}

static int after(void)
{
	static const char *const sides[] = { "leaving", "coming", "." };
	int bad = 0;

	hvctl_close(ctx);
	for (int i = 0; i < 3; i++) {
		snprintf(at, sizeof(at), "%s/%s", dir, sides[i]);
		bad |= rmdir(i < 2 ? at : dir);
	}
	return bad;
}

static void begin(void)
{
	memset(domains, 0, sizeof(domains));
	memset(marks, 0, sizeof(marks));
	devices_fail = store_fails = 0;
	kept_removed = 0;
	no_files = false;
	domains[5] = (struct domain){ .there = true, .uuid = 0xaa };
}

static void forget(void)
{
	static const char *const tokens[] = { T1, T2 };

	no_files = false;
	for (int i = 0; i < 4; i++)
		put(i & 1 ? MIGRATE_COMING : MIGRATE_LEAVING, tokens[i / 2], HANDOVER_NONE, 0);
}

/* ---- leaving ---- */

static unsigned int ran(uint32_t domid)
{
	return domains[domid].resumed + domains[domid].started + domains[domid].went_on;
}

TEST(test_older, "an older record does not let run what a newer one gave away")
{
	struct handover_record r;

	domains[5].suspended = true;
	put(MIGRATE_LEAVING, T1, HANDOVER_HERE, 5);
	put(MIGRATE_LEAVING, T2, HANDOVER_THERE, 5);
	/* By its record, and by its mark, alone and together. */
	for (int i = 0; i < 3; i++) {
		snprintf(marks[5][0], 40, "%s", i ? T2 : "");
		if (i == 2)
			put(MIGRATE_LEAVING, T2, HANDOVER_NONE, 5);
		CU_ASSERT_EQUAL(take_up(MIGRATE_LEAVING, T1, 0), -EBUSY);
		CU_ASSERT_EQUAL(hear(MIGRATE_LEAVING, T1, "UNKNOWN"), -EBUSY);
		CU_ASSERT_EQUAL(ran(5), 0);
		CU_ASSERT_EQUAL(state_of(MIGRATE_LEAVING, T1), HANDOVER_HERE);
	}
	put(MIGRATE_LEAVING, T2, HANDOVER_THERE, 5);
	CU_ASSERT_EQUAL(migrate_holds(ctx, MIGRATE_LEAVING, 5, &r), 1);
	CU_ASSERT_STRING_EQUAL(r.token, T2);
	/* In the other order of their names, too. */
	put(MIGRATE_LEAVING, T1, HANDOVER_THERE, 5);
	put(MIGRATE_LEAVING, T2, HANDOVER_HERE, 5);
	CU_ASSERT_EQUAL(migrate_holds(ctx, MIGRATE_LEAVING, 5, &r), 1);
	CU_ASSERT_STRING_EQUAL(r.token, T1);
	/* And one that was not given away goes on. */
	put(MIGRATE_LEAVING, T1, HANDOVER_NONE, 5);
	marks[5][0][0] = 0;
	CU_ASSERT_EQUAL(take_up(MIGRATE_LEAVING, T2, 0), -EAGAIN);
	CU_ASSERT_EQUAL(domains[5].resumed, 1);
	forget();
}

TEST(test_called_else, "a guest that is called something else while it goes on is still known")
{
	struct handover_record r;

	domains[5].suspended = true;
	domains[5].uuid = 0x77;
	put(MIGRATE_LEAVING, T1, HANDOVER_HERE, 5);
	/* Another one, of the same number. */
	CU_ASSERT_EQUAL(migrate_holds(ctx, MIGRATE_LEAVING, 5, &r), 0);
	strcpy(marks[5][0], T2);
	CU_ASSERT_EQUAL(migrate_holds(ctx, MIGRATE_LEAVING, 5, &r), 0);
	strcpy(marks[5][0], T1);
	CU_ASSERT_EQUAL(migrate_holds(ctx, MIGRATE_LEAVING, 5, &r), 1);
	CU_ASSERT_EQUAL(take_up(MIGRATE_LEAVING, T1, 0), -EAGAIN);
	CU_ASSERT_EQUAL(domains[5].went_on, 1);
	CU_ASSERT_EQUAL(domains[5].resumed, 0);
	forget();
}

TEST(test_not_known, "what cannot be found out is held")
{
	struct handover_record r;

	domains[5].suspended = true;
	put(MIGRATE_LEAVING, T1, HANDOVER_HERE, 5);
	store_fails = -EIO;
	CU_ASSERT_EQUAL(take_up(MIGRATE_LEAVING, T1, 0), -EIO);
	CU_ASSERT_EQUAL(ran(5), 0);
	domains[5].uuid = 0x77;
	CU_ASSERT(migrate_holds(ctx, MIGRATE_LEAVING, 5, &r) < 0);
	CU_ASSERT_EQUAL(take_up(MIGRATE_LEAVING, T1, 0), -EIO);
	CU_ASSERT_EQUAL(state_of(MIGRATE_LEAVING, T1), HANDOVER_HERE);
	store_fails = 0;
	no_files = true;
	CU_ASSERT(migrate_holds(ctx, MIGRATE_LEAVING, 5, &r) < 0);
	CU_ASSERT(migrate_holds(ctx, MIGRATE_COMING, 5, &r) < 0);
	CU_ASSERT(hvctl_unpause(ctx, 5) < 0);
	CU_ASSERT_EQUAL(ran(5), 0);
	forget();
}

/* ---- coming ---- */

TEST(test_somebody_else, "a record does not touch a domain of its uuid that is not its own")
{
	struct handover_record r;

	/* It has not made one, and another one has come meanwhile; or its own has gone. */
	for (uint32_t own = 0; own <= 4; own += 4) {
		put(MIGRATE_COMING, T1, HANDOVER_RECEIVING, own);
		CU_ASSERT_EQUAL(take_up(MIGRATE_COMING, T1, 0), 0);
		put(MIGRATE_COMING, T1, HANDOVER_READY, own);
		CU_ASSERT_EQUAL(migrate_holds(ctx, MIGRATE_COMING, 5, &r), 0);
		hear(MIGRATE_COMING, T1, "BACK");
		put(MIGRATE_COMING, T1, HANDOVER_READY, own);
		hear(MIGRATE_COMING, T1, "GO");
		CU_ASSERT_EQUAL(domains[5].removed, 0);
		CU_ASSERT_EQUAL(ran(5), 0);
		forget();
	}
	put(MIGRATE_COMING, T1, HANDOVER_READY, 5);
	CU_ASSERT_EQUAL(migrate_holds(ctx, MIGRATE_COMING, 5, &r), 1);
	CU_ASSERT_EQUAL(hear(MIGRATE_COMING, T1, "BACK"), 0);
	CU_ASSERT_EQUAL(domains[5].removed, 1);
	forget();
}

static unsigned int gone;

/* Its pages can be read still. */
static void before_gone(struct migrate_host *h, const struct handover_record *r)
{
	CU_ASSERT_TRUE(domains[r->domid].there);
	CU_ASSERT_PTR_EQUAL(h->data, &gone);
	gone++;
}

/* As hear(), of the process that sent it. */
static void sender_hears(const char *word)
{
	struct handover_link link = { .patience = -1, .out = -1 };
	int fd[2];

	CU_ASSERT_EQUAL_FATAL(pipe(fd), 0);
	dprintf(fd[1], "%s %s\n", T1, word);
	close(fd[1]);
	link.in = fd[0];
	CU_ASSERT_EQUAL_FATAL(migrate_host_open(ctx, MIGRATE_LEAVING, &host), 0);
	host.before_gone = before_gone;
	host.data = &gone;
	handover_converse(&host.host, T1, &link);
	hvctl_config_free(host.config);
	migrate_host_close(&host);
	close(fd[0]);
}

TEST(test_before_gone, "what a guest had is kept once it runs elsewhere, and before it goes")
{
	/* It stays: nothing is kept. */
	domains[5].suspended = true;
	put(MIGRATE_LEAVING, T1, HANDOVER_SENDING, 5);
	sender_hears("UNKNOWN");
	CU_ASSERT_EQUAL(gone, 0);
	CU_ASSERT_EQUAL(domains[5].removed, 0);
	forget();
	domains[5].suspended = true;
	put(MIGRATE_LEAVING, T1, HANDOVER_THERE, 5);
	sender_hears("RUNNING");
	CU_ASSERT_EQUAL(gone, 1);
	CU_ASSERT_EQUAL(domains[5].removed, 1);
	forget();
}

TEST(test_paused, "a guest that runs and was paused by a person is left alone")
{
	domains[5].paused = true;
	put(MIGRATE_COMING, T1, HANDOVER_READY, 5);
	CU_ASSERT_EQUAL(hear(MIGRATE_COMING, T1, "GO"), -EAGAIN);
	CU_ASSERT_EQUAL(domains[5].started, 1);
	CU_ASSERT_EQUAL(domains[5].connected, 1);
	CU_ASSERT_EQUAL(domains[5].disconnected, 1);
	/* What it was when it left is not what it is. */
	CU_ASSERT_EQUAL(kept_removed, 1);
	domains[5].paused = true;
	CU_ASSERT_EQUAL(hear(MIGRATE_COMING, T1, "GO"), -EAGAIN);
	CU_ASSERT_EQUAL(take_up(MIGRATE_COMING, T1, 0), -EAGAIN);
	CU_ASSERT_EQUAL(hear(MIGRATE_COMING, T1, "BYE"), 0);
	CU_ASSERT_EQUAL(domains[5].started, 1);
	CU_ASSERT_EQUAL(domains[5].disconnected, 1);
	CU_ASSERT_EQUAL(domains[5].connected, 1);
	forget();
}

TEST(test_no_devices, "what was to run without its devices is held, and can go back")
{
	struct handover_record r;

	domains[5].paused = true;
	put(MIGRATE_COMING, T1, HANDOVER_READY, 5);
	devices_fail = -EIO;
	CU_ASSERT_EQUAL(hear(MIGRATE_COMING, T1, "GO"), -EIO);
	CU_ASSERT_EQUAL(kept_removed, 0);
	CU_ASSERT_EQUAL(state_of(MIGRATE_COMING, T1), HANDOVER_RUNNING);
	CU_ASSERT_EQUAL(hvctl_unpause(ctx, 5), -EBUSY);
	CU_ASSERT_EQUAL(ran(5), 0);
	CU_ASSERT_EQUAL(migrate_holds(ctx, MIGRATE_COMING, 5, &r), 1);
	CU_ASSERT_EQUAL(hear(MIGRATE_COMING, T1, "BACK"), 0);
	CU_ASSERT_EQUAL(domains[5].removed, 1);
	/* Or it is tried again. */
	domains[5] = (struct domain){ .there = true, .uuid = 0xaa, .paused = true };
	put(MIGRATE_COMING, T1, HANDOVER_RUNNING, 5);
	devices_fail = 0;
	CU_ASSERT_EQUAL(take_up(MIGRATE_COMING, T1, 0), -EAGAIN);
	CU_ASSERT_EQUAL(domains[5].started, 1);
	CU_ASSERT_EQUAL(migrate_holds(ctx, MIGRATE_COMING, 5, &r), 0);
	forget();
}

TEST(test_adopted, "a guest whose process was killed gets somebody to mind it, one")
{
	domains[5].paused = true;
	put(MIGRATE_COMING, T1, HANDOVER_READY, 5);
	CU_ASSERT_EQUAL(hear(MIGRATE_COMING, T1, "GO"), -EAGAIN);
	CU_ASSERT_EQUAL(host.runs, 5);
	/* By its guard; not by that of another, and by nobody whose process lives. */
	take_up(MIGRATE_COMING, T1, getpid() + 1);
	CU_ASSERT_EQUAL(host.runs, 0);
	take_up(MIGRATE_COMING, T1, 0);
	CU_ASSERT_EQUAL(host.runs, 0);
	take_up(MIGRATE_COMING, T1, getpid());
	CU_ASSERT_EQUAL(host.runs, 5);
	forget();
}

TEST(test_halves, "a guest that comes anew takes down what came of it, if that was never whole")
{
	const uint8_t uuid[16] = { 0xaa }, other[16] = { 0xbb };

	for (int whole = 0; whole < 2; whole++) {
		put(MIGRATE_COMING, T1, whole ? HANDOVER_READY : HANDOVER_RECEIVING, 5);
		CU_ASSERT_EQUAL_FATAL(migrate_host_open(ctx, MIGRATE_COMING, &host), 0);
		CU_ASSERT_EQUAL(migrate_still_comes(&host, T1), whole ? -ECANCELED : 0);
		/* Another guest, and itself. */
		CU_ASSERT_EQUAL(migrate_drop_halves(&host, other, T2), 0);
		CU_ASSERT_EQUAL(migrate_drop_halves(&host, uuid, T1), 0);
		CU_ASSERT_EQUAL(domains[5].removed, 0);
		CU_ASSERT_EQUAL(migrate_drop_halves(&host, uuid, T2), 0);
		migrate_host_close(&host);
		CU_ASSERT_EQUAL(domains[5].removed, !whole);
		CU_ASSERT_EQUAL(state_of(MIGRATE_COMING, T1),
				whole ? HANDOVER_READY : HANDOVER_NONE);
		begin();
		forget();
	}
	/* One that is destroyed by its number is not filled any more, either. */
	put(MIGRATE_COMING, T1, HANDOVER_RECEIVING, 5);
	domains[5].there = false;
	CU_ASSERT_EQUAL_FATAL(migrate_host_open(ctx, MIGRATE_COMING, &host), 0);
	CU_ASSERT_EQUAL(migrate_still_comes(&host, T1), -ECANCELED);
	migrate_host_close(&host);
	forget();
}

SUITE("migrate host", .before = before, .after = after, .begin = begin)
