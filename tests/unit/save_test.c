// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/save/save.c libhvctl/save/outcome.c libhvctl/save/suspend.c
// sources: libhvctl/domain.c libhvctl/context.c
// sources: libhvctl/cli/guard.c
// libs: -Wl,--wrap=hvctl_lock_saving,--wrap=hvctl_nap,--wrap=clock_gettime,--wrap=fsync
/*
 * Saving a guest, all or nothing: hvctl is killed, with all of its process group, before and after
 * each call to the hypervisor and the store, and its guard lets the guest go on, with no file left,
 * or ends it. The guard is killed as well, and whoever minds the guest does the same. What goes
 * into a pipe may be there: then it stands still.
 * Calls fail, two save at once, guests go on by themselves. The hypervisor and the store are a page
 * that all processes share.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/guard.h"
#include "cli/minder.h"
#include "hypercall_memory.h"
#include "pv-abi/ring1.h"
#include "pv-abi/sched.h"
#include "migrate.h"
#include "removal.h"
#include "save/pages.h"
#include "save/settings.h"
#include "overlay.h"
#include "suite.h"
#include "xs.h"

#define GUEST	7u

static struct {
	pid_t saver;
	bool no_guard;			/* it is killed, too */
	bool pipe;			/* it is saved into one */
	bool sent;			/* its end: the image counts */
	char mark[128];			/* the outcome's, in the store */
	bool no_store;			/* who looks for the mark */
	bool moves;			/* there is a migration of it */
	unsigned int steps, kill_at;	/* of the saver: ends there */
	bool exists, suspended, destroyed;
	char wish[16];			/* control/shutdown */
	int store_ends;			/* 1: before the wish, 2: after, 3: when it is taken */
	bool began;			/* it has read the wish and is on its way */
	bool deaf, slow;		/* it never reads the wish; needs 20 s */
	bool restless;			/* somebody lets it go on while it is written */
	bool write_fails, resume_refused;
	bool ring1;			/* its kernel runs there */
	bool closed;			/* its devices, by a migration */
	unsigned int resumed, told;	/* times; the store was */
	unsigned int wrong;		/* touched what runs, or without the lock */
	uint64_t now_ms, stops_at;
	char error[512];
	char disk[3][8];		/* targets of what it has now; "": none */
	bool read_only;
	unsigned int nr_vifs;
	char mac[18];
	char kind[8], device[8];	/* something else below its device/ */
	char target[16];		/* memory/target */
	unsigned int online;		/* vCPUs */
	unsigned int parts;		/* values of the store with its configuration */
	size_t parsed;			/* bytes of it that were read */
	char settings[128];		/* of the image */
	unsigned int synced, directory_synced;	/* before its name, with its name */
	bool no_directory;		/* that fails */
	bool empty_drive;		/* the first disk of the configuration */
	bool disks_are_its_own;		/* a clone's */
	size_t beyond, seen;		/* leaves that its programs are told; in the image */
} *host;

static char directory[] = "/tmp/save-test-XXXXXX", lock_path[64], file[64], part[64];

/* Of the saver: its only child. */
static void end_guard(void)
{
	char path[64], children[64] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (read(fd, children, sizeof(children) - 1) > 0 && atoi(children) > 0)
		kill(atoi(children), SIGKILL);
	close(fd);
}

/* The saver may be killed here. */
static void step(void)
{
	if (getpid() != host->saver || ++host->steps != host->kill_at)
		return;
	if (host->no_guard)
		end_guard();
	kill(0, SIGKILL);
}

/* ------------------------------------------------------------------------------------------------
 * The lock, in a place of our own, and the clock, which goes when somebody waits
 */

int __wrap_hvctl_lock_saving(struct hvctl_ctx *ctx, uint32_t domid);
int __wrap_hvctl_lock_saving(struct hvctl_ctx *ctx, uint32_t domid)
{
	struct flock byte = { .l_type = F_WRLCK, .l_start = domid, .l_len = 1 };
	int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (!fcntl(fd, F_OFD_SETLK, &byte))
		return fd;
	close(fd);
	return hvctl_fail(ctx, EBUSY, "busy");
}

static bool locked(void)
{
	struct flock byte = { .l_type = F_WRLCK, .l_start = GUEST, .l_len = 1 };
	int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	bool yes = fcntl(fd, F_OFD_GETLK, &byte) || byte.l_type != F_UNLCK;

	close(fd);
	return yes;
}

/* The guest reads the wish, and stops a while later. */
static void pass(unsigned int ms)
{
	host->now_ms += ms;
	if (!strcmp(host->wish, "suspend") && !host->deaf) {
		host->wish[0] = 0;
		host->began = true;
		host->stops_at = host->now_ms + (host->slow ? 20000 : 200);
	}
	if (host->began && host->now_ms >= host->stops_at) {
		host->began = false;
		host->suspended = true;
	}
}

void __wrap_hvctl_nap(unsigned int ms);
void __wrap_hvctl_nap(unsigned int ms)
{
	pass(ms);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
	(void)id;
	*now = (struct timespec){ (time_t)(host->now_ms / 1000),
				  (long)(host->now_ms % 1000) * 1000000 };
	return 0;
}

int xs_wait(struct xs *xs, int timeout_ms, char *path, size_t size)
{
	(void)path;
	(void)size;
	pass((unsigned int)timeout_ms);
	step();
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * The hypervisor
 */

static int answer(struct xen_domctl *op)
{
	struct xen_domctl_getdomaininfo *info = &op->u.getdomaininfo;

	if (op->domain != GUEST || !host->exists)
		return -ESRCH;
	switch (op->cmd) {
	case XEN_DOMCTL_getdomaininfo:
		memset(info, 0, sizeof(*info));
		info->domain = GUEST;
		info->handle[0] = 0x77;
		if (host->suspended)
			info->flags = XEN_DOMINF_shutdown |
				      SHUTDOWN_suspend << XEN_DOMINF_shutdownshift;
		return 0;
	case XEN_DOMCTL_get_address_size:
		if (!host->ring1 || op->u.address_size.size != ANNULUS_ADDRESS_SIZE_RING1)
			op->u.address_size.size = 64;
		return 0;
	case XEN_DOMCTL_setvcpucontext:
		host->wrong += !host->suspended || !locked();
		return 0;
	case XEN_DOMCTL_resumedomain:
		host->wrong += !host->suspended || !locked();
		if (host->resume_refused)
			return -EPERM;
		host->suspended = false;
		host->resumed++;
		return 0;
	}
	return 0;
}

int do_domctl(struct hvctl_ctx *ctx, struct xen_domctl *op)
{
	int error;

	step();
	error = answer(op);
	step();
	return error;
}

int do_sysctl(struct hvctl_ctx *ctx, struct xen_sysctl *op)
{
	(void)op;
	return -ENOSYS;
}

int hypercall_open(struct hvctl_ctx *ctx)
{
	return 0;
}

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	struct stat is;
	bool named = !access(file, F_OK);

	step();
	fstat(fd, &is);
	if (S_ISDIR(is.st_mode) && host->no_directory) {
		errno = EIO;
		return -1;
	}
	host->synced += S_ISREG(is.st_mode) && !named;
	host->directory_synced |= S_ISDIR(is.st_mode) && named;
	errno = EINVAL;
	return host->synced ? 0 : -1;
}

int domain_remove(struct hvctl_ctx *ctx, uint32_t domid)
{
	step();
	host->wrong += !host->pipe && (host->synced != 1 || host->directory_synced != 1);
	host->wrong += domid != GUEST || !host->suspended || !locked();
	host->wrong += host->pipe ? !host->sent : access(file, F_OK) != 0;
	/* Whoever made it may have been killed before saying so, and nobody asks the dead. */
	host->wrong += !host->disks_are_its_own;
	host->exists = host->suspended = false;
	host->destroyed = true;
	step();
	return 0;
}

void overlays_settled(const uint8_t uuid[16])
{
	(void)uuid;
	host->disks_are_its_own = true;
}

int migrate_holds(struct hvctl_ctx *ctx, enum migrate_side side, uint32_t domid,
		  struct handover_record *r)
{
	return host->moves;
}

int hvctl_destroy_uuid(struct hvctl_ctx *ctx, const uint8_t uuid[16])
{
	(void)ctx;
	(void)uuid;
	host->wrong++;
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * What is written
 */

struct stream_out {
	int fd;
};
static struct stream_out out;

int guest_look(struct hvctl_ctx *ctx, uint32_t domid, struct guest *g)
{
	(void)ctx;
	(void)domid;
	host->wrong += !host->suspended;
	g->width = 8;
	return 0;
}

void guest_close(struct guest *g) { }

int hvctl_cpuid(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_cpuid *c)
{
	(void)ctx;
	host->wrong += domid != GUEST;
	*c = (struct hvctl_cpuid){ .nr_beyond = host->beyond };
	c->beyond = calloc(host->beyond + 1, sizeof(*c->beyond));
	return 0;
}

void hvctl_cpuid_free(struct hvctl_cpuid *c)
{
	free(c->beyond);
}

int pages_room(struct hvctl_ctx *ctx, uint32_t domid, unsigned int threads)
{
	return 0;
}

int pages_save(const struct guest *g, struct stream_out *o, struct pages_stored *stored)
{
	(void)g;
	(void)o;
	(void)stored;
	step();
	if (host->restless)
		host->suspended = false;
	return 0;
}

int hvctl_migrate_undo(struct hvctl_ctx *c, const char *token, bool leaving, pid_t dead,
		       struct hvctl_config **config, uint32_t *domid)
{
	CU_FAIL("nobody migrates");
	return -ENOSYS;
}

int start_minder(struct hvctl_ctx *c, struct hvctl_config *config, uint32_t domid)
{
	CU_FAIL("nobody migrates");
	return -ENOSYS;
}

int stream_create(struct hvctl_ctx *ctx, int fd, const char *name, unsigned int threads,
		  struct stream_out **o)
{
	(void)ctx;
	(void)name;
	(void)threads;
	out.fd = fd;
	*o = &out;
	return 0;
}

int stream_write(struct stream_out *o, uint32_t type, const struct iovec *parts, int nr)
{
	static uint32_t last;

	(void)o;
	(void)nr;
	/* What its programs were told stands before what it was shown. */
	if (type == RECORD_CPU_SEEN)
		host->seen = parts->iov_len / sizeof(struct hvctl_cpuid_leaf);
	host->wrong += type == RECORD_CPU_LEAVES && (last == RECORD_CPU_SEEN) != !!host->beyond;
	last = type;
	step();
	return 0;
}

int stream_drain(struct stream_out *o)
{
	(void)o;
	return 0;
}

int stream_finish(struct stream_out *o)
{
	(void)o;
	step();
	if (host->write_fails)
		return -ENOSPC;
	host->sent = host->pipe;
	step();
	return 0;
}

void stream_out_free(struct stream_out *o)
{
	(void)o;
}

/* What the image's configuration is. */
char *settings_text(const struct hvctl_config *c)
{
	char *text;

	if (asprintf(&text, "disks=%u,%s vifs=%u memory=%llu vcpus=%u", c->nr_disks,
		     c->nr_disks ? c->disks[0].vdev : "", c->nr_vifs,
		     (unsigned long long)c->memory_mib, c->vcpus) < 0)
		return NULL;
	snprintf(host->settings, sizeof(host->settings), "%s", text);
	return text;
}

int settings_parse(struct hvctl_ctx *ctx, const char *where, const char *text, size_t len,
		   struct hvctl_config **config)
{
	(void)ctx;
	(void)where;
	host->parsed = len;
	CU_ASSERT_EQUAL(strlen(text), len);
	*config = calloc(1, sizeof(**config));
	(*config)->memory_mib = 128;
	(*config)->max_memory_mib = 256;
	(*config)->vcpus = 1;
	(*config)->max_vcpus = 4;
	(*config)->nr_disks = 2;
	(*config)->disks = calloc(2, sizeof(struct hvctl_disk));
	for (unsigned int i = 0; i < 2; i++)
		(*config)->disks[i] = (struct hvctl_disk){
			.target = strdup(i ? "/b" : "/a"), .vdev = { 'x', 'v', 'd', 'a' + (char)i },
			.number = 51712 + 16 * i, .writable = true,
		};
	if (host->empty_drive) {
		(*config)->disks[0].cdrom = true;
		(*config)->disks[0].writable = false;
		(*config)->disks[0].target[0] = 0;
	}
	(*config)->nr_vifs = 1;
	(*config)->vifs = calloc(1, sizeof(struct hvctl_vif));
	(*config)->vifs[0] = (struct hvctl_vif){ .mac = { 0, 0x16, 0x3e, 0, 0, 0xab } };
	return 0;
}

void hvctl_config_free(struct hvctl_config *config)
{
	for (unsigned int i = 0; config && i < config->nr_disks; i++)
		free(config->disks[i].target);
	if (config) {
		free(config->disks);
		free(config->vifs);
	}
	free(config);
}

int hvctl_disks(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_device **list, size_t *count)
{
	(void)ctx;
	(void)domid;
	*list = calloc(3, sizeof(**list));
	*count = 0;
	for (unsigned int i = 0; i < 3; i++) {
		struct hvctl_device *d = &(*list)[*count];

		if (!host->disk[i][0])
			continue;
		d->number = 51712 + 16 * i;
		strcpy(d->target, host->disk[i]);
		snprintf(d->name, sizeof(d->name), "xvd%c", 'a' + (int)i);
		d->writable = !host->read_only;
		(*count)++;
	}
	return 0;
}

int hvctl_vifs(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_device **list, size_t *count)
{
	(void)ctx;
	(void)domid;
	*list = calloc(2, sizeof(**list));
	*count = host->nr_vifs;
	strcpy((*list)[0].name, host->mac);
	(*list)[1].number = 1;
	strcpy((*list)[1].name, "00:16:3e:00:00:01");
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * The store
 */

struct xs *xs_open(const char *socket)
{
	(void)socket;
	return (struct xs *)host;
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
	return false;
}

int xs_begin(struct xs *xs, uint32_t *tx)
{
	(void)xs;
	*tx = 1;
	return 0;
}

int xs_commit(struct xs *xs, uint32_t tx)
{
	(void)xs;
	(void)tx;
	step();
	return 0;
}

void xs_abort(struct xs *xs, uint32_t tx) { (void)xs; (void)tx; }

static bool ends(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

char *xs_read(struct xs *xs, uint32_t tx, const char *path)
{
	unsigned int n;

	(void)xs;
	(void)tx;
	errno = host->no_store ? ETIMEDOUT : ENOENT;
	if (ends(path, "/control/shutdown"))
		return strdup(host->wish);
	if (ends(path, "/control/feature-suspend"))
		return strdup("1");
	if (ends(path, "/vm"))
		return strdup("/vm/x");
	if (ends(path, "/hvctl-devices-closed"))
		return host->closed ? strdup("token") : NULL;
	if (ends(path, "/hvctl-saved") && *host->mark)
		return host->no_store ? NULL : strdup(host->mark);
	if (ends(path, "/memory/target"))
		return strdup(host->target);
	if (sscanf(path, "/vm/x/hvctl/%u", &n) == 1 && n < host->parts)
		return strdup("0123456789");
	if (sscanf(path, "/local/domain/7/cpu/%u/availability", &n) == 1)
		return strdup(n < host->online ? "online" : "offline");
	return NULL;
}

char *xs_readf(struct xs *xs, uint32_t tx, const char *format, ...)
{
	char path[128];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	return xs_read(xs, tx, path);
}

int xs_values(struct xs *xs, const char *path, const char *key, xs_value_fn fn, void *data)
{
	return -EOPNOTSUPP;
}

int xs_write(struct xs *xs, uint32_t tx, const char *path, const char *format, ...)
{
	va_list args;

	(void)xs;
	(void)tx;
	step();
	if (ends(path, "/control/shutdown") && (tx != XS_ONCE || host->store_ends != 1)) {
		va_start(args, format);
		vsnprintf(host->wish, sizeof(host->wish), format, args);
		va_end(args);
	}
	if (ends(path, "/hvctl-saved")) {
		va_start(args, format);
		vsnprintf(host->mark, sizeof(host->mark), format, args);
		va_end(args);
	}
	if (tx == XS_ONCE && host->store_ends == 3)
		pass(0);
	step();
	return tx == XS_ONCE && host->store_ends ? -ECONNRESET : 0;
}

int xs_remove(struct xs *xs, uint32_t tx, const char *path)
{
	step();
	host->wrong += !ends(path, "/hvctl-saved");
	*host->mark = 0;
	step();
	return 0;
}

char **xs_list(struct xs *xs, uint32_t tx, const char *path)
{
	static const char *const devices[] = { "suspend", "vbd", "vif" };
	char kind[8], *at, **list = calloc(1, 5 * sizeof(*list) + 64);
	unsigned int n = 0;

	at = (char *)(list + 5);
	if (ends(path, "/7/device")) {
		for (; n < 3; n++)
			list[n] = strcpy(at + 8 * n, devices[n]);
		if (*host->kind)
			list[n] = strcpy(at + 24, host->kind);
	} else if (sscanf(path, "/local/domain/7/device/%7s", kind) == 1) {
		for (unsigned int i = 0; !strcmp(kind, "vbd") && i < 3; i++)
			if (host->disk[i][0]) {
				list[n] = at + 8 * n;
				snprintf(list[n++], 8, "%u", 51712 + 16 * i);
			}
		if (!strcmp(kind, host->kind))
			list[n] = strcpy(at + 24, host->device);
	}
	return list;
}

int xs_resume(struct xs *xs, uint32_t domid)
{
	host->wrong += domid != GUEST;
	host->told++;
	step();
	return 0;
}

int xs_watch(struct xs *xs, const char *path, const char *token) { return 0; }
int xs_unwatch(struct xs *xs, const char *path, const char *token) { return 0; }

/* ------------------------------------------------------------------------------------------------
 * Saving
 */

/* In a process of its own; exits with the error. */
static void saver(unsigned int flags)
{
	struct hvctl_ctx *ctx = hvctl_open();
	int error;

	setpgid(0, 0);
	host->saver = getpid();
	hvctl_set_saving(ctx, guard_saving, NULL);
	error = hvctl_save(ctx, GUEST, host->pipe ? "-" : file, flags, 10);
	strcpy(host->error, hvctl_error(ctx));
	_exit(-error);
}

static void reset(void)
{
	memset(host, 0, sizeof(*host));
	host->exists = true;
	strcpy(host->disk[0], "/a");
	strcpy(host->disk[1], "/b");
	host->nr_vifs = 1;
	strcpy(host->mac, "00:16:3e:00:00:AB");
	strcpy(host->target, "131072");
	host->online = 1;
	host->parts = 100;
	unlink(file);
	unlink(part);
}

/* What whoever minds it does with one that stands still. */
static void mind(void)
{
	const uint8_t uuid[16] = { 0x77 };
	struct hvctl_ctx *ctx = hvctl_open();
	int lock = __wrap_hvctl_lock_saving(ctx, GUEST);

	hvctl_save_undo(ctx, GUEST, uuid);
	strcpy(host->error, hvctl_error(ctx));
	close(lock);
	hvctl_close(ctx);
}

/* Returns the saver's wait status, when neither it nor anything that it started is there. */
static int save_one(unsigned int flags)
{
	int status = -1, one;
	pid_t pid, ended;

	fflush(stdout);
	pid = fork();
	if (!pid)
		saver(flags);
	while ((ended = waitpid(-1, &one, 0)) > 0)
		if (ended == pid)
			status = one;
	/* A guest that was asked too late has all the time there is. */
	pass(1000000);
	if (host->no_guard && host->suspended)
		mind();
	CU_ASSERT_EQUAL(host->wrong, 0);
	CU_ASSERT_FALSE(locked());
	/* Who is killed with his guard before he says what he is about to do leaves that. */
	if (host->no_guard)
		unlink(part);
	CU_ASSERT_NOT_EQUAL(access(part, F_OK), 0);
	return status;
}

static bool runs(void)
{
	return host->exists && !host->suspended;
}

static void begin(bool pipe, bool no_guard)
{
	reset();
	host->pipe = pipe;
	host->no_guard = no_guard;
}

/* Of what has ended at any of its steps there is either the guest or its image, and never both. */
static void killed(unsigned int flags, bool pipe, bool no_guard)
{
	unsigned int steps, bad = 0, stands = 0;

	begin(pipe, false);
	CU_ASSERT_EQUAL(save_one(flags), 0);
	steps = host->steps;
	CU_ASSERT_TRUE(steps > 20);
	for (unsigned int i = 1; i <= steps; i++) {
		int status;
		bool image;

		begin(pipe, no_guard);
		host->kill_at = i;
		status = save_one(flags);
		CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		image = pipe ? host->sent : !access(file, F_OK);
		if (flags & HVCTL_SAVE_CHECKPOINT)
			bad += !runs();
		else if (host->destroyed)
			bad += !image;
		else if (runs())
			bad += image;
		else
			stands++;
	}
	CU_ASSERT_EQUAL(bad, 0);
	/* From the mark, which is written before the end goes out, until the guest is destroyed. */
	CU_ASSERT_EQUAL(stands > 0, pipe && !(flags & HVCTL_SAVE_CHECKPOINT));
	CU_ASSERT_TRUE(stands <= 8);
}

static void test_killed(void)
{
	for (unsigned int i = 0; i < 8; i++)
		killed(i & 1 ? HVCTL_SAVE_CHECKPOINT : 0, i & 2, i & 4);
}

/* Nobody can ask the reader: somebody says what has become of it. */
static void test_pipe_killed(void)
{
	struct hvctl_ctx *ctx = hvctl_open();

	begin(true, true);
	CU_ASSERT_EQUAL(hvctl_save_resume(ctx, GUEST), -EINVAL);
	/* One that stands still for nobody, unless it may be elsewhere. */
	for (host->suspended = host->moves = true; host->suspended; host->moves = false)
		CU_ASSERT_EQUAL(hvctl_save_resume(ctx, GUEST), host->moves ? -EINVAL : 0);
	begin(true, true);
	CU_ASSERT_EQUAL(save_one(0), 0);
	for (unsigned int at = host->steps; !host->suspended && at; at--) {
		begin(true, true);
		host->kill_at = at;
		save_one(0);
	}
	CU_ASSERT_TRUE(host->sent && host->suspended);
	CU_ASSERT_PTR_NOT_NULL(strstr(host->error, "if that runs the guest, hvctl destroy 7; if "
				      "not, hvctl save --resume 7"));
	/* A store that does not answer is not one without a mark. */
	host->no_store = true;
	mind();
	CU_ASSERT_TRUE(host->suspended);
	host->no_store = false;
	mind();
	CU_ASSERT_TRUE(host->suspended);
	CU_ASSERT_EQUAL(hvctl_save_resume(ctx, GUEST), 0);
	CU_ASSERT_TRUE(runs() && !*host->mark);
	CU_ASSERT_EQUAL(host->wrong, 0);
	hvctl_close(ctx);
}

static void test_saved(void)
{
	reset();
	CU_ASSERT_EQUAL(save_one(0), 0);
	CU_ASSERT_TRUE(host->destroyed && !access(file, F_OK));
	CU_ASSERT_EQUAL(host->resumed, 0);
	CU_ASSERT_EQUAL(host->seen, 0);
	reset();
	host->beyond = 3;
	CU_ASSERT_EQUAL(save_one(HVCTL_SAVE_CHECKPOINT), 0);
	CU_ASSERT_TRUE(runs() && !access(file, F_OK));
	CU_ASSERT_EQUAL(host->seen, 3);
	/* Each time that it goes on the store daemon hears of it. */
	CU_ASSERT_EQUAL(host->resumed, 1);
	CU_ASSERT_EQUAL(host->told, 1);
}

static void test_fails(void)
{
	reset();
	host->write_fails = true;
	CU_ASSERT_EQUAL(save_one(0), ENOSPC << 8);
	CU_ASSERT_TRUE(runs() && access(file, F_OK));
	/* The reader went before the end. */
	begin(true, false);
	host->write_fails = true;
	CU_ASSERT_EQUAL(save_one(0), ENOSPC << 8);
	CU_ASSERT_TRUE(runs() && !*host->mark);
	reset();
	host->no_directory = true;
	CU_ASSERT_EQUAL(save_one(0), EIO << 8);
	CU_ASSERT_TRUE(runs() && access(file, F_OK));
	/* That the guest stands still is worth saying. */
	reset();
	host->write_fails = host->resume_refused = true;
	CU_ASSERT_EQUAL(save_one(0), ENOSPC << 8);
	CU_ASSERT_PTR_NOT_NULL(strstr(host->error, "does not go on"));
}

static void test_slow(void)
{
	reset();
	host->deaf = true;
	CU_ASSERT_EQUAL(save_one(0), ETIMEDOUT << 8);
	CU_ASSERT_TRUE(runs() && !*host->wish);
	/* It has begun and cannot be asked back: it is waited for. */
	reset();
	host->slow = true;
	CU_ASSERT_EQUAL(save_one(0), ETIMEDOUT << 8);
	CU_ASSERT_TRUE(runs());
	CU_ASSERT_EQUAL(host->resumed, 1);
}

/* The store daemon ends while the guest is asked: it is asked once, and does not stand still. */
static void test_store_ends(void)
{
	reset();
	host->store_ends = 1;
	CU_ASSERT_EQUAL(save_one(0), ECONNRESET << 8);
	CU_ASSERT_TRUE(runs() && !*host->wish);
	CU_ASSERT_EQUAL(host->resumed, 0);
	reset();
	host->store_ends = 2;
	CU_ASSERT_EQUAL(save_one(0), 0);
	reset();
	host->store_ends = 3;
	CU_ASSERT_EQUAL(save_one(0), ECONNRESET << 8);
	CU_ASSERT_TRUE(runs() && !*host->wish);
	CU_ASSERT_EQUAL(host->resumed, 1);
}

/* Somebody has the lock: nothing is asked of the guest. */
static void test_two(void)
{
	int lock;

	reset();
	lock = __wrap_hvctl_lock_saving(NULL, GUEST);
	fflush(stdout);
	if (!fork()) {
		close(lock);
		saver(0);
	}
	wait(NULL);
	CU_ASSERT_STRING_EQUAL(host->error, "busy");
	CU_ASSERT_TRUE(runs() && !*host->wish && !host->began);
	close(lock);
}

/* One that goes on in the middle is not in the file, and not destroyed. */
static void test_restless(void)
{
	reset();
	host->restless = true;
	CU_ASSERT_EQUAL(save_one(0), ECANCELED << 8);
	CU_ASSERT_TRUE(runs() && access(file, F_OK));
}

/* Whatever let it stop: it may run elsewhere, and its disks are not there any more. */
static void test_closed(void)
{
	reset();
	host->closed = true;
	CU_ASSERT_EQUAL(save_one(HVCTL_SAVE_CHECKPOINT), EBUSY << 8);
	CU_ASSERT_TRUE(host->suspended);
	CU_ASSERT_EQUAL(host->resumed, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(host->error, "hvctl migrate --resolve token"));
}

static void refused(void)
{
	CU_ASSERT_EQUAL(save_one(0), EOPNOTSUPP << 8);
	CU_ASSERT_TRUE(runs() && access(file, F_OK));
	CU_ASSERT_EQUAL(host->resumed, 0);
}

/* An image has no word for that. */
static void test_ring1(void)
{
	reset();
	host->ring1 = true;
	refused();
	CU_ASSERT_PTR_NOT_NULL(strstr(host->error, "cannot be saved or migrated: its 64-bit kernel "
				      "runs in ring 1"));
	/* Nothing was asked of it. */
	CU_ASSERT_TRUE(!*host->wish && !host->began);
}

/* The image tells of what the guest has now, or there is none. */
static void test_changed(void)
{
	reset();
	CU_ASSERT_EQUAL(save_one(0), 0);
	CU_ASSERT_STRING_EQUAL(host->settings, "disks=2,xvda vifs=1 memory=128 vcpus=1");
	/* However many values of the store its configuration takes. */
	CU_ASSERT_EQUAL(host->parsed, 1000);
	reset();
	host->disk[0][0] = 0;
	strcpy(host->target, "202752");
	host->online = 3;
	CU_ASSERT_EQUAL(save_one(0), 0);
	CU_ASSERT_STRING_EQUAL(host->settings, "disks=1,xvdb vifs=1 memory=198 vcpus=3");
	/* An empty drive has no device, and is its still. */
	reset();
	host->disk[0][0] = 0;
	host->empty_drive = true;
	CU_ASSERT_EQUAL(save_one(0), 0);
	CU_ASSERT_STRING_EQUAL(host->settings, "disks=2,xvda vifs=1 memory=128 vcpus=1");
	reset();
	strcpy(host->disk[2], "/c");
	refused();
	reset();
	strcpy(host->disk[1], "/other");
	refused();
	reset();
	host->read_only = true;
	refused();
	reset();
	host->nr_vifs = 2;
	refused();
	reset();
	host->nr_vifs = 0;
	refused();
	reset();
	strcpy(host->mac, "00:16:3e:00:00:ac");
	refused();
	reset();
	strcpy(host->kind, "9pfs");
	strcpy(host->device, "0");
	refused();
	/* Of a backend that is not dom0's. */
	reset();
	strcpy(host->kind, "vbd");
	strcpy(host->device, "51760");
	refused();
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "saved, or a checkpoint", test_saved },
		{ "killed at every step", test_killed },
		{ "killed when the reader of a pipe may have all", test_pipe_killed },
		{ "what fails", test_fails },
		{ "its devices were closed", test_closed },
		{ "slow guests", test_slow },
		{ "a store daemon that ends", test_store_ends },
		{ "two at once", test_two },
		{ "a guest that goes on meanwhile", test_restless },
		{ "a kernel in ring 1", test_ring1 },
		{ "devices, memory and vCPUs that have changed", test_changed },
		CU_TEST_INFO_NULL
	};
	int result;

	host = mmap(NULL, sizeof(*host), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* Whoever is left over by a saver that was killed becomes our child. */
	if (!mkdtemp(directory) || host == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1))
		return 1;
	snprintf(lock_path, sizeof(lock_path), "%s/lock", directory);
	snprintf(file, sizeof(file), "%s/image", directory);
	snprintf(part, sizeof(part), "%s/image.part", directory);
	result = suite_run("save", tests);
	unlink(file);
	unlink(lock_path);
	rmdir(directory);
	return result;
}
