// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/monitor.c libhvctl/context.c libhvctl/budget.c
// libs: -Wl,--wrap=hvctl_lock_saving,--wrap=hvctl_nap,--wrap=time
// libs: -Wl,--wrap=statvfs64,--wrap=statvfs
// bits: 64 32
/*
 * Minding a domain that suspends itself: whoever saves it has its lock, and it is left alone;
 * without anybody it goes on, and is minded as before. It powers off in the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "aside.h"
#include "cdrom.h"
#include "create.h"
#include "domain.h"
#include "dump.h"
#include "pv-abi/sched.h"
#include "migrate.h"
#include "overlay.h"
#include "removal.h"
#include "save/outcome.h"
#include "save/suspend.h"
#include "suite.h"
#include "xs.h"

static int reason;			/* why it has stopped; -1: it runs */
static unsigned int looks, saved_until;	/* somebody saves it so long */
static unsigned int resumed, resumed_at, napped, removed, overlays;
static uint32_t removed_domid;

/* Looks, for which dom0 holds frames of what was removed; creations that fail, and how. */
static unsigned int zombie, failures, created;
static bool away;
static int failure;

static bool stays; /* it was moved and stays, as domain 8 */
static unsigned int undone;

int __wrap_hvctl_lock_saving(struct hvctl_ctx *ctx, uint32_t domid);
int __wrap_hvctl_lock_saving(struct hvctl_ctx *ctx, uint32_t domid)
{
	CU_ASSERT_EQUAL(domid, 7);
	if (looks < saved_until)
		return hvctl_fail(ctx, EBUSY, "busy");
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void __wrap_hvctl_nap(unsigned int ms);
void __wrap_hvctl_nap(unsigned int ms)
{
	napped += ms;
}

static uint64_t free_blocks;

int __wrap_statvfs64(const char *path, struct statvfs *s);
int __wrap_statvfs64(const char *path, struct statvfs *s)
{
	(void)path;
	*s = (struct statvfs){ .f_frsize = 4096, .f_blocks = 1000, .f_bavail = free_blocks };
	return 0;
}

int __wrap_statvfs(const char *path, struct statvfs *s);
int __wrap_statvfs(const char *path, struct statvfs *s)
{
	return __wrap_statvfs64(path, s);
}

static bool overlay_gone;

int overlay_files_there(struct hvctl_ctx *ctx, const struct hvctl_config *c)
{
	(void)c;
	return overlay_gone ? hvctl_fail(ctx, ENOENT, "it has gone") : 0;
}

static time_t clock_now = 1000;

time_t __wrap_time(time_t *to);
time_t __wrap_time(time_t *to)
{
	if (to)
		*to = clock_now;
	return clock_now;
}

static bool somebody_destroys, gone;	/* while its core is written; by now */
static unsigned int moments_at;		/* that look, once */
static unsigned int moments, remove_moments; /* so often there is no memory: to ask; to remove */
static unsigned int lives;		/* seconds, until it stops */

int domain_record(struct hvctl_ctx *ctx, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	(void)ctx;
	if (moments && moments--)
		return -ENOMEM;
	if (moments_at && looks + 1 == moments_at) {
		moments_at = 0;
		return -ENOMEM;
	}
	if (gone || (removed && away && !zombie))
		return -ESRCH;
	zombie -= removed && away && zombie;
	clock_now += lives;
	lives = 0;
	CU_ASSERT_EQUAL(domid, stays && undone ? 8 : 7);
	/* Long enough for all that is expected. */
	if (++looks == 20)
		reason = SHUTDOWN_poweroff;
	*info = (struct xen_domctl_getdomaininfo){ .domain = (domid_t)domid, .tot_pages = 100 };
	if (reason >= 0)
		info->flags = XEN_DOMINF_shutdown | (uint32_t)reason << XEN_DOMINF_shutdownshift;
	return 0;
}

static int moving; /* 1: it has been given to another host; -errno: nobody knows */

int migrate_holds(struct hvctl_ctx *ctx, enum migrate_side side, uint32_t domid,
		  struct handover_record *r)
{
	(void)ctx;
	CU_ASSERT_EQUAL(side, MIGRATE_LEAVING);
	CU_ASSERT_EQUAL(domid, 7);
	memset(r, 0, sizeof(*r));
	return moving;
}

static int outcome;	/* of a saver that was killed */
static unsigned int warned;

int outcome_of(struct hvctl_ctx *ctx, uint32_t domid)
{
	CU_ASSERT_EQUAL(domid, 7);
	if (outcome < 0)
		return hvctl_fail(ctx, -outcome, "nobody knows");
	return outcome;
}

static void count_warning(void *data, const char *text)
{
	(void)data;
	(void)text;
	warned++;
}

int hvctl_migrate_undo(struct hvctl_ctx *ctx, const char *token, bool leaving, pid_t dead,
		       struct hvctl_config **config, uint32_t *domid)
{
	(void)ctx;
	(void)token;
	CU_ASSERT_TRUE(leaving);
	CU_ASSERT_EQUAL(dead, 0);
	undone++;
	if (stays) {
		*config = calloc(1, sizeof(**config));
		*domid = 8;
		reason = -1;
	}
	return 0;
}

void hvctl_config_free(struct hvctl_config *config)
{
	free(config);
}

/* The connection is lost while the domain goes on, and the first to ask for one gets another. */
static bool loses, lost;
static unsigned int watches;

int guest_resume(struct hvctl_ctx *ctx, uint32_t domid)
{
	lost = loses;
	hvctl_xs(ctx);
	CU_ASSERT_EQUAL(domid, 7);
	resumed++;
	resumed_at = looks;
	reason = -1;
	return 0;
}

static bool short_life;		/* it crashes at once */
static unsigned int kept_media;	/* asked for while they could still be known */

void cdroms_keep(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_config *c)
{
	(void)ctx;
	(void)c;
	CU_ASSERT_EQUAL(domid, 7);
	CU_ASSERT_EQUAL(removed, short_life ? kept_media : 0);
	kept_media++;
}

static char dumped[64];
static unsigned int busy_until, looks_at_core;
static int dump_error;

int hvctl_crash_dump(struct hvctl_ctx *ctx, uint32_t domid, const char *path)
{
	int fd;

	CU_ASSERT_EQUAL(domid, 7);
	CU_ASSERT_EQUAL(removed, 0);
	if (busy_until && looks_at_core++ < busy_until)
		return hvctl_fail(ctx, EBUSY, "it is being saved");
	gone = somebody_destroys;
	clock_now += 60;
	if (dump_error)
		return hvctl_fail(ctx, ENOSPC, "there is no room");
	snprintf(dumped, sizeof(dumped), "%s", path);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	CU_ASSERT(fd >= 0);
	close(fd);
	return 0;
}

int domain_remove(struct hvctl_ctx *ctx, uint32_t domid)
{
	if (remove_moments && remove_moments--)
		return hvctl_fail(ctx, ENOMEM, "no memory");
	removed++;
	removed_domid = domid;
	away = true;
	return 0;
}

static unsigned int set_aside, dropped;
static int aside_error;
static unsigned int aside_moments;	/* so often there is a moment without memory first */

int domain_set_aside(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_config *c,
		     struct aside *aside)
{
	(void)c;
	CU_ASSERT_EQUAL(domid, 7);
	if (aside_moments && aside_moments--)
		return hvctl_fail(ctx, aside_moments & 1 ? ENOMEM : ECONNRESET, "not now");
	if (aside_error)
		return hvctl_fail(ctx, EEXIST, "somebody is called so");
	set_aside++;
	aside->uuid[0]++;
	return 0;
}

bool domain_drop_aside(struct hvctl_ctx *ctx, struct aside *aside)
{
	bool was = aside->uuid[0] != 0;

	(void)ctx;
	aside->uuid[0] = 0;
	dropped += was;
	return was;
}

void overlays_remove(struct hvctl_ctx *ctx, const uint8_t uuid[16])
{
	(void)ctx;
	(void)uuid;
	overlays++;
}

static unsigned int full, built;	/* so often there is no memory; then so often it is built */

static uint64_t room, had, had_most; /* MiB that are free; that it was built with at last */

uint64_t domain_memory_room(struct hvctl_ctx *ctx)
{
	(void)ctx;
	return room;
}

int hvctl_create(struct hvctl_ctx *ctx, struct hvctl_config *c, unsigned int flags, uint32_t *domid)
{
	had = c->memory_mib;
	had_most = c->max_memory_mib;
	(void)domid;
	/* What it wrote is not made anew, empty. */
	CU_ASSERT_EQUAL(flags, DOMAIN_AGAIN);
	CU_ASSERT_EQUAL(zombie, 0);
	created++;
	away = false;
	if (failures && failures--)
		return hvctl_fail(ctx, -failure, "no");
	if (full) {
		full--;
		return hvctl_fail(ctx, ENOSPC, "no memory");
	}
	if (built) {
		built--;
		lives = short_life ? 1 : 100;
		if (short_life)
			reason = SHUTDOWN_crash;
		return 0;
	}
	return -ENOSYS;
}

void hvctl_cache_kernel(struct hvctl_ctx *ctx)
{
	(void)ctx;
}

struct xs *xs_open(const char *socket)
{
	(void)socket;
	lost = false;
	return (struct xs *)&looks;
}

void xs_close(struct xs *xs)
{
	(void)xs;
}

void xs_keep(struct xs *xs, unsigned int ms, xs_waits_fn waits, void *data)
{
}

bool xs_lost(const struct xs *xs)
{
	(void)xs;
	return lost;
}

int xs_watch(struct xs *xs, const char *path, const char *token)
{
	(void)xs;
	(void)path;
	(void)token;
	watches++;
	return 0;
}

int xs_wait(struct xs *xs, int timeout_ms, char *path, size_t size)
{
	(void)xs;
	(void)timeout_ms;
	(void)path;
	(void)size;
	return 0;
}

static void mind(unsigned int until)
{
	struct hvctl_ctx *ctx = hvctl_open();
	struct hvctl_config config = { .name = "x" };
	uint32_t domid = 7;

	looks = resumed = napped = removed = overlays = watches = warned = 0;
	reason = SHUTDOWN_suspend;
	saved_until = until;
	hvctl_set_warning(ctx, count_warning, NULL);
	kept_media = 0;
	CU_ASSERT_EQUAL(hvctl_monitor(ctx, &config, &domid), 0);
	CU_ASSERT_EQUAL(removed, 1);
	CU_ASSERT_EQUAL(kept_media, 0);
	/* It powered off and does not come again: nor do its disks. */
	CU_ASSERT_EQUAL(overlays, 1);
	hvctl_close(ctx);
}

static void test_nobody(void)
{
	mind(0);
	CU_ASSERT_EQUAL(resumed, 1);
	CU_ASSERT_EQUAL(resumed_at, 1);
	/* Not as often as the guest likes. */
	CU_ASSERT_EQUAL(napped, 1000);
	CU_ASSERT_EQUAL(watches, 1);
}

static void test_another_connection(void)
{
	loses = true;
	mind(0);
	loses = false;
	CU_ASSERT_EQUAL(resumed, 1);
	CU_ASSERT_EQUAL(watches, 2);
}

static void test_saved(void)
{
	mind(1000);
	CU_ASSERT_EQUAL(resumed, 0);
	CU_ASSERT_EQUAL(napped, 0);
	/* Until whoever saved it has gone. */
	mind(10);
	CU_ASSERT_EQUAL(resumed, 1);
	CU_ASSERT_EQUAL(resumed_at, 10);
}

/* Whoever saved it was killed, and its guard: its image is whole, may be, or nobody knows. */
static void test_outcome(void)
{
	struct hvctl_ctx *ctx = hvctl_open();
	struct hvctl_config config = { .name = "x" };
	uint32_t domid = 7;

	outcome = OUTCOME_PERHAPS;
	mind(0);
	CU_ASSERT_EQUAL(resumed, 0);
	/* It is said once, and that it powered off. */
	CU_ASSERT_EQUAL(warned, 2);
	outcome = -ETIMEDOUT;
	mind(0);
	CU_ASSERT_EQUAL(resumed, 0);
	CU_ASSERT_EQUAL(warned, 2);
	outcome = OUTCOME_WHOLE;
	looks = resumed = removed = 0;
	reason = SHUTDOWN_suspend;
	saved_until = 0;
	CU_ASSERT_EQUAL(hvctl_monitor(ctx, &config, &domid), 0);
	CU_ASSERT_EQUAL(resumed, 0);
	CU_ASSERT_EQUAL(removed, 1);
	CU_ASSERT_EQUAL(removed_domid, 7);
	outcome = OUTCOME_NONE;
	hvctl_close(ctx);
}

/* Whoever moves it was killed, and its guard: it may run elsewhere already. */
static void test_moving(void)
{
	moving = 1;
	undone = 0;
	mind(10);
	CU_ASSERT_EQUAL(resumed, 0);
	CU_ASSERT_TRUE(undone > 0);
	CU_ASSERT_EQUAL(removed_domid, 7);
	moving = 0;
}

/* It stays after all, as another domain: that is minded, to its end. */
static void test_another(void)
{
	moving = 1;
	stays = true;
	undone = 0;
	mind(0);
	CU_ASSERT_EQUAL(undone, 1);
	CU_ASSERT_EQUAL(removed_domid, 8);
	moving = 0;
	stays = false;
}

/* Its drives have what they had, which nobody knows when it is gone; here it cannot be built. */
static void test_reboot(void)
{
	struct hvctl_ctx *ctx = hvctl_open();
	struct hvctl_config config = { .name = "x", .on_reboot = HVCTL_ACTION_RESTART };
	uint32_t domid = 7;

	looks = removed = kept_media = 0;
	reason = SHUTDOWN_reboot;
	CU_ASSERT_EQUAL(hvctl_monitor(ctx, &config, &domid), -ENOSYS);
	CU_ASSERT_EQUAL(kept_media, 1);
	CU_ASSERT_EQUAL(removed, 1);
	hvctl_close(ctx);
}

/* dom0 is slow with letting go of it, or has no memory just now: it is not gone for that. */
static void test_late(void)
{
	static const struct {
		int error;
		unsigned int created, least;	/* times; ms that were waited for at least */
	} t[] = { { -ENOMEM, 11, 200000 }, { -EMFILE, 11, 200000 }, { -ENOENT, 11, 200000 },
		  { -EEXIST, 1, 0 } };
	struct hvctl_ctx *ctx = hvctl_open();
	struct hvctl_config config = { .name = "x", .on_reboot = HVCTL_ACTION_RESTART };

	hvctl_set_warning(ctx, count_warning, NULL);
	for (unsigned int i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint32_t domid = 7;

		looks = removed = napped = warned = created = 0;
		reason = SHUTDOWN_reboot;
		zombie = i ? 0 : 10;
		failures = 10;
		failure = t[i].error;
		CU_ASSERT_EQUAL(hvctl_monitor(ctx, &config, &domid),
				t[i].created > 1 ? -ENOSYS : t[i].error);
		CU_ASSERT_EQUAL(created, t[i].created);
		CU_ASSERT_TRUE(napped >= t[i].least && napped <= (i ? 300000 : 600000));
		/* That it stopped, and why it is not there, once. */
		CU_ASSERT_EQUAL(warned, t[i].created > 1 ? 2 : 1);
	}
	failures = 0;
	hvctl_close(ctx);
}

/* A moment without memory is nobody's end. */
static void test_moments(void)
{
	struct hvctl_ctx *ctx = hvctl_open();
	struct hvctl_config config = { .name = "x", .on_reboot = HVCTL_ACTION_RESTART,
				       .on_crash = HVCTL_ACTION_RENAME_RESTART };
	uint32_t domid = 7;

	looks = removed = created = set_aside = napped = 0;
	reason = SHUTDOWN_reboot;
	moments = 3;
	remove_moments = 2;
	CU_ASSERT_EQUAL(hvctl_monitor(ctx, &config, &domid), -ENOSYS);
	CU_ASSERT_EQUAL(removed, 1);
	CU_ASSERT_EQUAL(created, 1);
	CU_ASSERT_TRUE(napped > 1000);
	/* Also between its end and the start. */
	looks = removed = created = 0;
	reason = SHUTDOWN_reboot;
	moments_at = 2;
	CU_ASSERT_EQUAL(hvctl_monitor(ctx, &config, &domid), -ENOSYS);
	CU_ASSERT_EQUAL(created, 1);
	moments_at = 0;
	looks = removed = created = 0;
	reason = SHUTDOWN_crash;
	lives = 100;
	aside_moments = 4;
	CU_ASSERT_EQUAL(hvctl_monitor(ctx, &config, &domid), -ENOSYS);
	CU_ASSERT_EQUAL(set_aside, 1);
	CU_ASSERT_EQUAL(created, 1);
	lives = 0;
	hvctl_close(ctx);
}

/* Others have what it had, since it had agreed to have less: it begins with what there is. */
static void test_smaller(void)
{
	static const struct {
		uint64_t least, most, room, had, had_most;
	} t[] = {
		{ 256, 0, 300, 300, 2048 },
		{ 256, 4096, 256, 256, 4096 },
		/* Too little, or nothing was agreed: as before, until there is enough. */
		{ 256, 0, 255, 2048, 0 },
		{ 0, 0, 300, 2048, 0 },
		/* There is enough by now. */
		{ 256, 0, 2048, 2048, 0 },
	};

	for (unsigned int i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct hvctl_ctx *ctx = hvctl_open();
		struct hvctl_config config = { .name = "x", .on_reboot = HVCTL_ACTION_RESTART,
					       .memory_mib = 2048, .max_memory_mib = t[i].most,
					       .min_memory_mib = t[i].least };
		uint32_t domid = 7;

		looks = removed = created = 0;
		reason = SHUTDOWN_reboot;
		room = t[i].room;
		full = 1;
		CU_ASSERT_EQUAL(hvctl_monitor(ctx, &config, &domid), -ENOSYS);
		CU_ASSERT_EQUAL(had, t[i].had);
		CU_ASSERT_EQUAL(had_most, t[i].had_most);
		CU_ASSERT_EQUAL(created, 2);
		CU_ASSERT_EQUAL(config.memory_mib, 2048);
		hvctl_close(ctx);
	}
}

/* One that was too small to start waits for all of its memory, and is not taken for a bad one. */
static void test_too_small(void)
{
	struct hvctl_ctx *ctx = hvctl_open();
	struct hvctl_config config = { .name = "x", .on_reboot = HVCTL_ACTION_RESTART,
				       .on_crash = HVCTL_ACTION_RESTART, .memory_mib = 2048,
				       .min_memory_mib = 256 };
	uint32_t domid = 7;

	looks = removed = created = overlays = kept_media = 0;
	reason = SHUTDOWN_reboot;
	room = 300;
	full = 1;
	built = 1;
	short_life = true;
	CU_ASSERT_EQUAL(hvctl_monitor(ctx, &config, &domid), -ENOSYS);
	CU_ASSERT_EQUAL(overlays, 0);
	CU_ASSERT_EQUAL(removed, 2);
	/* All of it, then less, which crashed; all of it again, for which there is room here. */
	CU_ASSERT_EQUAL(created, 3);
	CU_ASSERT_EQUAL(had, 2048);
	short_life = false;
	hvctl_close(ctx);
}

/* Its core is written while it is there; it is what it is otherwise; one before is kept. */
static void test_core(void)
{
	struct hvctl_ctx *ctx = hvctl_open();
	struct hvctl_config config = { .name = "x", .on_reboot = HVCTL_ACTION_COREDUMP_RESTART,
				       .on_crash = HVCTL_ACTION_COREDUMP_DESTROY };
	char dir[] = "/tmp/monitor-test-XXXXXX", core[64], before[64];
	uint32_t domid = 7;

	CU_ASSERT_FATAL(mkdtemp(dir) != NULL);
	free_blocks = 200;
	dump_dir = dir;
	snprintf(core, sizeof(core), "%s/x.core", dir);
	snprintf(before, sizeof(before), "%s/x.core.1", dir);
	for (unsigned int i = 0; i < 4; i++) {
		/* Once without room for it, and once for a reboot, which cannot be done here. */
		looks = removed = overlays = 0;
		dumped[0] = '\0';
		dump_error = i == 2;
		reason = i == 3 ? SHUTDOWN_reboot : SHUTDOWN_crash;
		CU_ASSERT_EQUAL(hvctl_monitor(ctx, &config, &domid), i == 3 ? -ENOSYS : 0);
		CU_ASSERT_STRING_EQUAL(dumped, i == 2 ? "" : core);
		CU_ASSERT_EQUAL(removed, 1);
		CU_ASSERT_EQUAL(overlays, i != 3);
		CU_ASSERT_EQUAL(access(before, F_OK), i ? 0 : -1);
	}
	/* Who crashes as soon as he runs is not built again, however long his core takes. */
	config.on_crash = HVCTL_ACTION_COREDUMP_RESTART;
	for (unsigned int i = 0; i < 3; i++) {
		looks = removed = 0;
		lives = i ? 100 : 1;
		reason = SHUTDOWN_crash;
		somebody_destroys = i == 2;
		/* And whom somebody destroys meanwhile stays so. */
		CU_ASSERT_EQUAL(hvctl_monitor(ctx, &config, &domid), i == 1 ? -ENOSYS : 0);
		CU_ASSERT_EQUAL(removed, i < 2);
	}
	somebody_destroys = gone = false;
	/* Whoever has its lock is waited for, not without end; room is left to others. */
	for (unsigned int i = 0; i < 3; i++) {
		unlink(core);
		looks = removed = looks_at_core = 0;
		lives = 100;
		dumped[0] = '\0';
		reason = SHUTDOWN_crash;
		busy_until = i == 0 ? 5 : i == 1 ? 1000 : 0;
		free_blocks = i == 2 ? 199 : 200;
		CU_ASSERT_EQUAL(hvctl_monitor(ctx, &config, &domid), -ENOSYS);
		CU_ASSERT_STRING_EQUAL(dumped, i ? "" : core);
		CU_ASSERT(i != 1 || looks_at_core == 61);
		CU_ASSERT_EQUAL(removed, 1);
	}
	busy_until = 0;
	free_blocks = 200;
	/* It stays as it is if its disk has gone. */
	looks = removed = 0;
	lives = 100;
	reason = SHUTDOWN_crash;
	overlay_gone = true;
	CU_ASSERT_EQUAL(hvctl_monitor(ctx, &config, &domid), -ENOENT);
	CU_ASSERT_EQUAL(removed, 0);
	overlay_gone = false;
	unlink(core);
	unlink(before);
	CU_ASSERT_EQUAL(rmdir(dir), 0);
	hvctl_close(ctx);
}

/* Kept beside the one that is built; one that crashes at once is only kept. */
static void test_rename(void)
{
	static const struct {
		unsigned int lives, full, built;
		int aside_error, result;
		unsigned int set_aside, dropped;
	} t[] = {
		{ 100, 0, 0, 0, -ENOSYS, 1, 0 },
		{ 100, 0, 2, 0, -ENOSYS, 3, 0 },
		{ 1, 0, 0, 0, 0, 0, 0 },
		{ 100, 1, 0, 0, -ENOSYS, 1, 1 },
		{ 100, 2, 0, 0, -ENOSYS, 1, 1 },
		{ 100, 0, 0, -EEXIST, -EEXIST, 0, 0 },
	};

	for (unsigned int i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct hvctl_ctx *ctx = hvctl_open();
		struct hvctl_config config = { .name = "x",
					       .on_crash = HVCTL_ACTION_RENAME_RESTART };
		uint32_t domid = 7;

		looks = removed = overlays = kept_media = set_aside = dropped = 0;
		reason = SHUTDOWN_crash;
		lives = t[i].lives;
		full = t[i].full;
		built = t[i].built;
		aside_error = t[i].aside_error;
		CU_ASSERT_EQUAL(hvctl_monitor(ctx, &config, &domid), t[i].result);
		CU_ASSERT_EQUAL(set_aside, t[i].set_aside);
		CU_ASSERT_EQUAL(dropped, t[i].dropped);
		CU_ASSERT_EQUAL(removed, 0);
		CU_ASSERT_EQUAL(overlays, 0);
		CU_ASSERT_EQUAL(kept_media, t[i].aside_error ? 1 : t[i].set_aside);
		hvctl_close(ctx);
	}
	full = built = lives = 0;
	aside_error = 0;
}

/* Without files, without memory: nobody knows whether it runs elsewhere. */
static void test_unknown(void)
{
	moving = -EMFILE;
	undone = 0;
	mind(0);
	CU_ASSERT_EQUAL(resumed, 0);
	CU_ASSERT_EQUAL(undone, 0);
	moving = 0;
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "suspended for nobody", test_nobody },
		{ "another connection to the store", test_another_connection },
		{ "suspended to be saved", test_saved },
		{ "a saver that was killed", test_outcome },
		{ "suspended to be moved", test_moving },
		{ "moved, and it stays as another domain", test_another },
		{ "whether it was moved is not known", test_unknown },
		{ "built again", test_reboot },
		{ "built again, late", test_late },
		{ "moments without memory", test_moments },
		{ "built again with less", test_smaller },
		{ "built again with too little", test_too_small },
		{ "a core first", test_core },
		{ "kept under another name", test_rename },
		CU_TEST_INFO_NULL
	};

	return suite_run("monitor", tests);
}
