// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/create.c libhvctl/domain.c libhvctl/removal.c libhvctl/context.c
// sources: libhvctl/overlay.c libhvctl/vcpu.c libhvctl/kept.c libhvctl/save/known.c
// sources: libhvctl/cli/guard.c
// libs: -Wl,--wrap=hvctl_lock -lsodium
// bits: 64 32
/*
 * Creating a domain, all or nothing: hvctl is killed, with all of its process group, before and
 * after each call to the hypervisor, the store and the devices, and its guard leaves nothing
 * behind. The hypervisor is a page that all processes share.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "build.h"
#include "create.h"
#include "cli/guard.h"
#include "cli/minder.h"
#include "device.h"
#include "save/outcome.h"
#include "save/settings.h"
#include "suite.h"
#include "hypercall_memory.h"
#include "pv-abi/hvm_start_info.h"
#include "xs.h"

#define NEW	2u		/* the number that the domain gets; there are 0 and 1 before */

static struct {
	pid_t creator;
	unsigned int steps, kill_at;	/* of the creator: ends there */
	unsigned int fail;		/* the domctl that is refused */
	bool exists, runs;
	uint8_t handle[16];
	bool waits;			/* what fills it: nobody waits for that or its undoing */
	bool shared;			/* its disks are others' when it is full */
	unsigned int asked;		/* times, whose they are */
	unsigned int wrong;		/* destroyed what was not to be, or without the lock */
	uint64_t hard[4][2];		/* affinity of its vCPUs; all zero: none was set */
	uint64_t map_start, map_end;	/* bytes of RAM that it is told of */
	uint32_t map_type;
	bool refuse_map, refuse_claim;
	uint64_t claimed, others_claim;	/* frames that it, and others, were promised */
	unsigned int claims;
	bool named;			/* in the store */
	bool replaces;			/* a configuration, of 3 values; then: */
	unsigned int forgot, replaced;	/* the one before; values written after that */
	unsigned int commits;
	unsigned int commit_ends;	/* the store daemon: 1 before the commit, 2 after */
	char generation[48];
	uint32_t capabilities;		/* of the host, XEN_SYSCTL_PHYSCAP_* */
	uint32_t flags;			/* that it was created with */
	const char *name, *name_alone;	/* of domain 1: told with all others', or to who reads it */
	int no_values;			/* why names are not told together, or 0 */
	unsigned int map_entries;
} *host;

static char lock_path[] = "/tmp/create-test-XXXXXX";

/* The creator may be killed here. */
static void step(void)
{
	if (getpid() == host->creator && ++host->steps == host->kill_at)
		kill(0, SIGKILL);
}

/* ------------------------------------------------------------------------------------------------
 * The lock between creations, in a place of our own
 */

int __wrap_hvctl_lock(struct hvctl_ctx *ctx);
int __wrap_hvctl_lock(struct hvctl_ctx *ctx)
{
	int fd = open(lock_path, O_RDWR | O_CLOEXEC);

	(void)ctx;
	CU_ASSERT_EQUAL(flock(fd, LOCK_EX), 0);
	return fd;
}

static bool locked(void)
{
	int fd = open(lock_path, O_RDWR | O_CLOEXEC);
	bool free = flock(fd, LOCK_EX | LOCK_NB) == 0;

	close(fd);
	return !free;
}

/* ------------------------------------------------------------------------------------------------
 * The hypervisor
 */

int hypercall_open(struct hvctl_ctx *ctx)
{
	(void)ctx;
	return 0;
}

static struct xen_domctl_getdomaininfo record(domid_t domid)
{
	struct xen_domctl_getdomaininfo info = { .domain = domid, .handle = { domid } };

	if (domid == NEW)
		memcpy(info.handle, host->handle, sizeof(info.handle));
	return info;
}

static int answer(struct xen_domctl *op)
{
	if (op->cmd == host->fail)
		return -EINVAL;
	if (op->cmd == XEN_DOMCTL_createdomain) {
		host->exists = true;
		host->flags = op->u.createdomain.flags;
		memcpy(host->handle, op->u.createdomain.handle, sizeof(host->handle));
		op->domain = NEW;
		return 0;
	}
	if (op->domain > NEW || (op->domain == NEW && !host->exists))
		return -ESRCH;
	switch (op->cmd) {
	case XEN_DOMCTL_destroydomain:
		host->wrong += op->domain != NEW || !(locked() || host->waits);
		host->exists = false;
		return 0;
	case XEN_DOMCTL_unpausedomain:
		host->runs = true;
		return 0;
	case XEN_DOMCTL_setvcpuaffinity:
		CU_ASSERT_FATAL(op->u.vcpuaffinity.vcpu < 4);
		CU_ASSERT_EQUAL(op->u.vcpuaffinity.flags,
				XEN_VCPUAFFINITY_HARD |
				(op->u.vcpuaffinity.vcpu ? 0 : XEN_VCPUAFFINITY_SOFT));
		memcpy(host->hard[op->u.vcpuaffinity.vcpu],
		       (void *)(uintptr_t)op->u.vcpuaffinity.cpumap_hard.bitmap,
		       op->u.vcpuaffinity.cpumap_hard.nr_bits / 8);
		return 0;
	case XEN_DOMCTL_getdomaininfo:
		op->u.getdomaininfo = record(op->domain);
		return 0;
	}
	return 0;
}

int do_domctl(struct hvctl_ctx *ctx, struct xen_domctl *op)
{
	int error;

	(void)ctx;
	step();
	error = answer(op);
	step();
	return error;
}

/* It ends with the domain, and before the domain's devices are made. */
static long claim(const struct xen_memory_reservation *r, size_t size)
{
	CU_ASSERT_EQUAL(size, sizeof(*r));
	CU_ASSERT_EQUAL(r->domid, NEW);
	CU_ASSERT(!r->extent_start && !r->extent_order && !r->mem_flags);
	if (host->refuse_claim)
		return -ENOMEM;
	host->claimed = r->nr_extents;
	host->claims++;
	return 0;
}

/* The ABI's layout of a map: u64 start, u64 bytes, u32 kind, without a gap. */
long hypercall_struct(struct hvctl_ctx *ctx, unsigned int op, unsigned int cmd, void *arg,
		      size_t size)
{
	const struct xen_foreign_memory_map *map = arg;
	const char *entry = (const char *)(uintptr_t)map->map.buffer;
	uint64_t bytes;

	(void)ctx;
	step();
	CU_ASSERT_EQUAL(op, __HYPERVISOR_memory_op);
	if (cmd == XENMEM_claim_pages)
		return claim(arg, size);
	CU_ASSERT_EQUAL(cmd, XENMEM_set_memory_map);
	CU_ASSERT_EQUAL(size, sizeof(*map));
	if (host->refuse_map || map->domid != NEW)
		return -EINVAL;
	host->map_entries = map->map.nr_entries;
	memcpy(&host->map_start, entry, 8);
	memcpy(&bytes, entry + 8, 8);
	memcpy(&host->map_type, entry + 16, 4);
	host->map_end = host->map_start + bytes;
	return 0;
}

int do_sysctl(struct hvctl_ctx *ctx, struct xen_sysctl *op)
{
	struct xen_domctl_getdomaininfo *list = (void *)(uintptr_t)op->u.getdomaininfolist.buffer;
	unsigned int count = host->exists ? NEW + 1 : NEW;

	(void)ctx;
	step();
	if (op->cmd == XEN_SYSCTL_physinfo) {
		op->u.physinfo.free_pages = 1 << 20;
		op->u.physinfo.outstanding_pages = host->others_claim;
		op->u.physinfo.capabilities = host->capabilities;
		return 0;
	}
	for (unsigned int i = 0; i < count; i++)
		list[i] = record(i);
	op->u.getdomaininfolist.num_domains = count;
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * What a creation goes through beside it
 */

/* The guard's other task, which is none here. */
int hvctl_migrate_undo(struct hvctl_ctx *ctx, const char *token, bool leaving, pid_t dead,
		       struct hvctl_config **config, uint32_t *domid)
{
	CU_FAIL("nobody migrates");
	return -ENOSYS;
}

int start_minder(struct hvctl_ctx *ctx, struct hvctl_config *config, uint32_t domid)
{
	CU_FAIL("nobody migrates");
	return -ENOSYS;
}

int hvctl_save_undo(struct hvctl_ctx *ctx, uint32_t domid, const uint8_t uuid[16])
{
	(void)ctx;
	(void)domid;
	(void)uuid;
	host->wrong++;
	return 0;
}

int build_prepare(struct hvctl_ctx *ctx, const struct hvctl_config *config, struct build *b)
{
	(void)ctx;
	(void)config;
	memset(b, 0, sizeof(*b));
	return 0;
}

/* Longer than one value of the store has room for. */
char *settings_text(const struct hvctl_config *config)
{
	char *text = malloc(600);

	memset(text, config->name[0], 599);
	text[599] = 0;
	return text;
}

int build_domain(struct build *b, uint32_t domid)
{
	b->domid = domid;
	step();
	return 0;
}

void build_release(struct build *b)
{
	(void)b;
}

int devices_check_sharing(struct hvctl_ctx *ctx, const struct hvctl_config *config)
{
	(void)config;
	host->wrong += host->exists && !locked();
	host->asked++;
	return host->shared && host->exists ? hvctl_fail(ctx, EBUSY, "another has it") : 0;
}

int devices_add(struct hvctl_ctx *ctx, const struct hvctl_config *config, uint32_t domid)
{
	(void)ctx;
	(void)config;
	(void)domid;
	host->wrong += !locked();
	step();
	return 0;
}

void devices_remove(struct hvctl_ctx *ctx, uint32_t domid)
{
	(void)ctx;
	(void)domid;
}

void xs_prune(struct xs *xs, const char *path)
{
	(void)xs;
	(void)path;
}

void kcache_put(const char *key, const void *packed, size_t packed_len, const void *elf, size_t len)
{
	(void)key;
	(void)packed;
	(void)packed_len;
	(void)elf;
	(void)len;
}

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
	host->commits++;
	if (!host->commit_ends)
		return 0;
	if (host->commit_ends == 1)
		host->generation[0] = 0;
	host->commit_ends = 0;
	return -ECONNRESET;
}

void xs_abort(struct xs *xs, uint32_t tx)
{
	(void)xs;
	(void)tx;
}

int outcome_marked(struct hvctl_ctx *ctx, uint32_t domid)
{
	return 0;
}

char *xs_readf(struct xs *xs, uint32_t tx, const char *format, ...)
{
	(void)xs;
	(void)tx;
	errno = ENOENT;
	if (host->replaces && !strcmp(format, "/local/domain/%u/vm"))
		return strdup("/vm/0000");
	if (host->name_alone && !strcmp(format, "/local/domain/%u/name")) {
		va_list args;
		uint32_t domid;

		va_start(args, format);
		domid = va_arg(args, uint32_t);
		va_end(args);
		return domid == 1 ? strdup(host->name_alone) : NULL;
	}
	if (strstr(format, "/platform/generation-id") && host->generation[0])
		return strdup(host->generation);
	return NULL;
}

int xs_values(struct xs *xs, const char *path, const char *key, xs_value_fn fn, void *data)
{
	(void)xs;
	CU_ASSERT_STRING_EQUAL(path, "/local/domain");
	CU_ASSERT_STRING_EQUAL(key, "name");
	if (host->no_values)
		return host->no_values;
	/* Nobody is called by these. */
	fn(data, "3", "new");
	fn(data, "1x", "new");
	fn(data, "x", "new");
	fn(data, "4294967297", "new");
	if (host->name || host->name_alone)
		fn(data, "1", host->name);
	fn(data, "0", "Domain-0");
	return 0;
}

int xs_write(struct xs *xs, uint32_t tx, const char *path, const char *format, ...)
{
	(void)xs;
	(void)tx;
	(void)format;
	if (!strcmp(path, "/local/domain/2/name"))
		host->named = true;
	if (host->replaces && !strncmp(path, "/vm/0000/hvctl/", 15)) {
		CU_ASSERT_EQUAL(tx, 1);
		host->replaced += host->forgot;
	}
	if (!strcmp(path, "/local/domain/2/platform/generation-id")) {
		va_list args;

		va_start(args, format);
		vsnprintf(host->generation, sizeof(host->generation), format, args);
		va_end(args);
	}
	return 0;
}

int xs_mkdir(struct xs *xs, uint32_t tx, const char *path)
{
	(void)xs;
	(void)tx;
	(void)path;
	return 0;
}

int xs_remove(struct xs *xs, uint32_t tx, const char *path)
{
	(void)xs;
	if (tx && !strcmp(path, "/vm/0000/hvctl"))
		host->forgot = 1;
	return 0;
}

int xs_permit(struct xs *xs, uint32_t tx, const char *path, const char *perms)
{
	(void)xs;
	(void)tx;
	(void)path;
	(void)perms;
	return 0;
}

int xs_introduce(struct xs *xs, uint32_t domid, uint64_t mfn, uint32_t port)
{
	(void)xs;
	(void)domid;
	(void)mfn;
	(void)port;
	step();
	return 0;
}

int xs_release(struct xs *xs, uint32_t domid)
{
	(void)xs;
	(void)domid;
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Creations
 */

/* In a process of its own. */
static int slow(void *data, uint32_t domid, struct domain_rings *rings);

static void creator(bool waits)
{
	struct hvctl_config config = {
		.name = "new",
		.memory_mib = 16,
		.max_memory_mib = 9000,
		.max_vcpus = 3,
		.cpus = { { 1, 0 }, { 6, 1 } },
		.cpus_soft = { { 1, 0 } },
		.cap = 50,
	};
	struct hvctl_ctx *ctx = hvctl_open();
	uint32_t domid = 0;
	int error;

	setpgid(0, 0);
	/* A lock that is not given back would be waited for. */
	alarm(60);
	host->creator = getpid();
	hvctl_set_building(ctx, guard_building, NULL);
	if (!waits) {
		error = hvctl_create(ctx, &config, 0, &domid);
	} else {
		unsigned int flags = DOMAIN_WAITS;

		error = domain_check(ctx, &config);
		if (!error)
			error = domain_make(ctx, &config, flags, slow, &flags, &domid);
	}
	_exit(error ? 1 : domid == NEW ? 0 : 2);
}

/*
 * Create a domain, be killed at step @kill_at (0: never), or have the domctl @fail refused (0:
 * none). Returns the creator's wait status, when neither it nor anything that it started is there.
 */
#define MAP	(~0u)	/* as the domctl that is refused: the memory map, which is none */
#define CLAIM	(~0u - 9)	/* and the promise of memory */
#define WAITS	(~1u)	/* none is refused, but it is filled by somebody who may take his time */
#define SHARED	(~2u)	/* the same, and then its disks are another's */

static int create_one(unsigned int kill_at, unsigned int fail)
{
	int status = -1, one;
	pid_t pid, ended;

	memset(host, 0, sizeof(*host));
	host->kill_at = kill_at;
	host->fail = fail;
	host->refuse_map = fail == MAP;
	host->refuse_claim = fail == CLAIM;
	host->waits = fail == WAITS || fail == SHARED;
	host->shared = fail == SHARED;
	fflush(stdout);
	pid = fork();
	if (!pid)
		creator(host->waits);
	while ((ended = waitpid(-1, &one, 0)) > 0)
		if (ended == pid)
			status = one;
	CU_ASSERT_EQUAL(host->wrong, 0);
	CU_ASSERT_FALSE(locked());
	return status;
}

static void killed(unsigned int how)
{
	unsigned int steps, left = 0;

	CU_ASSERT_EQUAL(create_one(0, how), 0);
	CU_ASSERT_TRUE(host->exists && host->runs);
	steps = host->steps;
	CU_ASSERT_TRUE(steps > 12);
	for (unsigned int i = 1; i <= steps; i++) {
		int status = create_one(i, how);

		CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		left += host->exists;
	}
	CU_ASSERT_EQUAL(left, 0);
}

static void test_killed(void)
{
	killed(0);
	killed(WAITS);
}

/* Somebody was given its disks while it was filled. */
static void test_shared(void)
{
	CU_ASSERT_EQUAL(create_one(0, WAITS), 0);
	CU_ASSERT_EQUAL(host->asked, 3);
	CU_ASSERT_EQUAL(create_one(0, SHARED), 1 << 8);
	CU_ASSERT_FALSE(host->exists);
}

static void test_refused(void)
{
	static const unsigned int calls[] = {
		XEN_DOMCTL_createdomain, XEN_DOMCTL_max_vcpus, XEN_DOMCTL_max_mem,
		XEN_DOMCTL_setvcpuaffinity, XEN_DOMCTL_scheduler_op, XEN_DOMCTL_unpausedomain, MAP,
		CLAIM,
	};

	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		CU_ASSERT_EQUAL(create_one(0, calls[i]), 1 << 8);
		CU_ASSERT_FALSE(host->exists);
	}
}

/* It is promised its memory until it has it; what is promised to others is not there. */
static void test_claim(void)
{
	CU_ASSERT_EQUAL(create_one(0, 0), 0);
	CU_ASSERT_EQUAL(host->claims, 2);
	CU_ASSERT_EQUAL(host->claimed, 0);
	for (unsigned int i = 0; i < 2; i++) {
		struct hvctl_ctx *ctx = hvctl_open();
		struct hvctl_config c = { .name = "x", .memory_mib = 1000 };

		memset(host, 0, sizeof(*host));
		host->others_claim = (1 << 20) - (i ? 1000 << 8 : 2000 << 8);
		CU_ASSERT_EQUAL(domain_check_memory(ctx, &c, 1), i ? -ENOSPC : 0);
		CU_ASSERT_TRUE(domain_memory_room(ctx) < (i ? 1000 : 2000));
		CU_ASSERT_TRUE(domain_memory_room(ctx) > (i ? 980 : 1980));
		host->others_claim = ~0ULL;
		CU_ASSERT_EQUAL(domain_memory_room(ctx), 0);
		CU_ASSERT_EQUAL(domain_check_memory(ctx, &c, 1), -ENOSPC);
		hvctl_close(ctx);
	}
}

static void test_affinity(void)
{
	static const uint64_t want[4][2] = { { 1, 0 }, { 6, 1 } };

	CU_ASSERT_EQUAL(create_one(0, 0), 0);
	CU_ASSERT_EQUAL(memcmp(host->hard, want, sizeof(want)), 0);
}

/* What it starts with is 16 MiB, the map goes as far as its balloon may. */
static void test_memory_map(void)
{
	CU_ASSERT_EQUAL(create_one(0, 0), 0);
	CU_ASSERT_EQUAL(host->map_start, 0);
	CU_ASSERT_EQUAL(host->map_end, 9000ull << 20);
	CU_ASSERT_EQUAL(host->map_type, 1);
	CU_ASSERT_EQUAL(host->map_entries, 1);
	CU_ASSERT_EQUAL(host->flags, 0);
}

unsigned int pvh_memory_map(uint64_t nr_pages, struct hvm_memmap_table_entry *map)
{
	CU_ASSERT_EQUAL(nr_pages, 256);
	map[0] = (struct hvm_memmap_table_entry){ 0, 0xfe000, 1, 0 };
	map[1] = (struct hvm_memmap_table_entry){ 0xfe000, 0x2000, 2, 0 };
	return 2;
}

/* Where the hypervisor has them, with both bits; and none comes out of a saved state. */
static void test_pvh(void)
{
	const uint32_t both = XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap;
	struct hvctl_config config = { .name = "x", .max_vcpus = 1, .vcpus = 1, .memory_mib = 1,
				       .max_memory_mib = 1, .uuid = { 9 }, .uuid_given = true,
				       .pvh = true };
	static const struct {
		uint32_t has;
		int error;
	} t[] = { { 0, -EOPNOTSUPP }, { XEN_SYSCTL_PHYSCAP_hvm, -EOPNOTSUPP },
		  { XEN_SYSCTL_PHYSCAP_hap, -EOPNOTSUPP }, { both, 0 } };

	for (unsigned int i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct hvctl_ctx *ctx = hvctl_open();
		unsigned int flags = 0;
		uint32_t domid = 0;

		memset(host, 0, sizeof(*host));
		host->capabilities = t[i].has;
		CU_ASSERT_EQUAL(hvctl_create(ctx, &config, 0, &domid), t[i].error);
		CU_ASSERT_EQUAL(host->exists, !t[i].error);
		if (t[i].error) {
			CU_ASSERT_PTR_NOT_NULL(strstr(hvctl_error(ctx), "write type = \"pv\""));
		} else {
			CU_ASSERT_EQUAL(host->flags, XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap);
			CU_ASSERT_EQUAL(host->map_entries, 2);
			CU_ASSERT_EQUAL(host->map_end, 0xfe000);
		}
		memset(host, 0, sizeof(*host));
		host->capabilities = t[i].has;
		CU_ASSERT_EQUAL(domain_make(ctx, &config, 0, slow, &flags, &domid), -EOPNOTSUPP);
		CU_ASSERT_FALSE(host->exists);
		hvctl_close(ctx);
	}
}

static int slow(void *data, uint32_t domid, struct domain_rings *rings)
{
	const unsigned int *flags = data;

	step();
	CU_ASSERT_EQUAL(domid, NEW);
	/* However long it takes, its memory is promised to it. */
	CU_ASSERT_EQUAL(host->claimed, 256);
	/* Nor does the guard of a process of its own, where nobody sees what is asserted. */
	host->wrong += locked() != !*flags;
	CU_ASSERT_EQUAL(locked(), !*flags);
	/* Nobody else can be called so meanwhile. */
	CU_ASSERT_EQUAL(host->named, !!*flags);
	*rings = (struct domain_rings){ 0 };
	return 0;
}

/* Somebody else says when it is full: others create theirs meanwhile. */
static void test_slow(void)
{
	struct hvctl_config config = { .name = "x", .max_vcpus = 1, .vcpus = 1, .memory_mib = 1,
				       .max_memory_mib = 1, .uuid = { 9 } };
	unsigned int flags[] = { 0, HVCTL_CREATE_PAUSED | DOMAIN_NO_DEVICES, DOMAIN_WAITS };

	for (unsigned int i = 0; i < 3; i++) {
		struct hvctl_ctx *ctx = hvctl_open();
		uint32_t domid = 0;

		memset(host, 0, sizeof(*host));
		CU_ASSERT_PTR_NOT_NULL_FATAL(hvctl_xs(ctx));
		CU_ASSERT_EQUAL(domain_make(ctx, &config, flags[i], slow, &flags[i], &domid), 0);
		CU_ASSERT_EQUAL(domid, NEW);
		CU_ASSERT_EQUAL(host->runs, !(flags[i] & HVCTL_CREATE_PAUSED));
		CU_ASSERT_EQUAL(host->wrong, 0);
		CU_ASSERT_FALSE(locked());
		hvctl_close(ctx);
	}
}

/* What the store daemon took with it is written again, and nothing else. */
static void test_commit_ends(void)
{
	struct hvctl_config config = { .name = "x", .max_vcpus = 1, .vcpus = 1, .memory_mib = 1,
				       .max_memory_mib = 1, .uuid = { 9 } };

	for (unsigned int when = 0; when < 3; when++) {
		struct hvctl_ctx *ctx = hvctl_open();
		unsigned int flags = 0;
		uint32_t domid = 0;

		memset(host, 0, sizeof(*host));
		host->commit_ends = when;
		CU_ASSERT_PTR_NOT_NULL_FATAL(hvctl_xs(ctx));
		CU_ASSERT_EQUAL(domain_make(ctx, &config, 0, slow, &flags, &domid), 0);
		CU_ASSERT_EQUAL(host->commits, when == 1 ? 2 : 1);
		CU_ASSERT_TRUE(host->generation[0]);
		hvctl_close(ctx);
	}
}

/*
 * An overlay is there when devices are, and not when the creation comes to nothing; one of a guest
 * that goes on from an image is not made, since what it wrote would not be in it.
 */
static void test_overlay(void)
{
	char base[] = "/tmp/create-test-XXXXXX", over[48];
	struct hvctl_disk d = { .target = over, .backing = base, .vdev = "xvda", .writable = true,
				.format = "qcow2", .base_format = "raw" };
	struct hvctl_config config = { .name = "x", .max_vcpus = 1, .vcpus = 1, .memory_mib = 1,
				       .max_memory_mib = 1, .uuid = { 9 }, .uuid_given = true,
				       .nr_disks = 1, .disks = &d };
	unsigned int fails[] = { XEN_DOMCTL_createdomain, XEN_DOMCTL_unpausedomain, 0 }, flags = 0;
	int fd = mkstemp(base);

	CU_ASSERT_EQUAL(ftruncate(fd, 1 << 20), 0);
	close(fd);
	snprintf(over, sizeof(over), "%s.qcow2", base);
	for (unsigned int i = 0; i < 4; i++) {
		struct hvctl_ctx *ctx = hvctl_open();
		uint32_t domid = 0;
		int error;

		memset(host, 0, sizeof(*host));
		host->fail = i < 3 ? fails[i] : 0;
		CU_ASSERT_PTR_NOT_NULL_FATAL(hvctl_xs(ctx));
		error = i < 3 ? hvctl_create(ctx, &config, 0, &domid)
			      : domain_make(ctx, &config, 0, slow, &flags, &domid);
		CU_ASSERT_EQUAL(error != 0, i != 2);
		CU_ASSERT(i < 3 || error == -ENOENT);
		CU_ASSERT_EQUAL(host->exists, i == 2);
		CU_ASSERT_EQUAL(access(over, F_OK), i == 2 ? 0 : -1);
		unlink(over);
		hvctl_close(ctx);
	}
	unlink(base);
}

/* Nothing of a longer one is left behind a shorter one; nobody sees half of either. */
static void test_replace(void)
{
	struct hvctl_ctx *ctx = hvctl_open();
	struct hvctl_config config = { .name = "x" };

	memset(host, 0, sizeof(*host));
	CU_ASSERT_PTR_NOT_NULL(hvctl_xs(ctx));
	CU_ASSERT_EQUAL(domain_replace_settings(ctx, 2, &config), -EIO);
	CU_ASSERT_EQUAL(host->commits, 0);
	host->replaces = true;
	CU_ASSERT_EQUAL(domain_replace_settings(ctx, 2, &config), 0);
	CU_ASSERT_EQUAL(host->replaced, 3);
	CU_ASSERT_EQUAL(host->commits, 1);
	/* The daemon ends, and it is done again. */
	host->commit_ends = 2;
	CU_ASSERT_EQUAL(domain_replace_settings(ctx, 2, &config), 0);
	CU_ASSERT_EQUAL(host->commits, 3);
	hvctl_close(ctx);
}

/* However a name is told, it is had by one domain; numbers and names are put together rightly. */
static void test_names(void)
{
	static const struct {
		const char *name, *name_alone;
		int no_values, error;
	} t[] = {
		{ "old", NULL, 0, 0 },
		{ "new", NULL, 0, -EEXIST },
		{ NULL, "new", 0, -EEXIST },
		{ NULL, "old", 0, 0 },
		{ NULL, "new", -EOPNOTSUPP, -EEXIST },
		{ NULL, "old", -EOPNOTSUPP, 0 },
		{ "(null)", NULL, 0, 0 },
	};

	for (unsigned int i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct hvctl_config config = { .name = "new", .max_vcpus = 1, .vcpus = 1,
					       .memory_mib = 1, .max_memory_mib = 1 };
		struct hvctl_ctx *ctx = hvctl_open();
		struct hvctl_domain *list;
		uint32_t domid = 9;
		size_t count;

		memset(host, 0, sizeof(*host));
		host->name = t[i].name;
		host->name_alone = t[i].name_alone;
		host->no_values = t[i].no_values;
		CU_ASSERT_EQUAL(hvctl_create(ctx, &config, 0, &domid), t[i].error);
		CU_ASSERT_EQUAL(host->exists, !t[i].error);
		if (t[i].error)
			CU_ASSERT_PTR_NOT_NULL(strstr(hvctl_error(ctx), "'new' is in use by domain "
						      "1;"));
		host->exists = false;
		CU_ASSERT_EQUAL(hvctl_list(ctx, &list, &count), 0);
		CU_ASSERT_EQUAL_FATAL(count, 2);
		CU_ASSERT_STRING_EQUAL(list[0].name, "Domain-0");
		CU_ASSERT_STRING_EQUAL(list[1].name, t[i].name ? t[i].name : t[i].name_alone);
		free(list);
		CU_ASSERT_EQUAL(hvctl_find(ctx, t[i].error ? "new" : "Domain-0", &domid), 0);
		CU_ASSERT_EQUAL(domid, t[i].error ? 1 : 0);
		CU_ASSERT_EQUAL(hvctl_find(ctx, "nobody", &domid), -ESRCH);
		hvctl_close(ctx);
	}
}

int main(void)
{
	CU_TestInfo tests[] = {
		{ "killed at every step", test_killed },
		{ "disks that are others' when it is full", test_shared },
		{ "calls refused", test_refused },
		{ "memory is promised first", test_claim },
		{ "each vCPU has its own CPUs", test_affinity },
		{ "the memory map ends at maxmem", test_memory_map },
		{ "what comes takes its time", test_slow },
		{ "the store daemon ends", test_commit_ends },
		{ "PVH domains", test_pvh },
		{ "another configuration in the store", test_replace },
		{ "an overlay", test_overlay },
		{ "names", test_names },
		CU_TEST_INFO_NULL
	};
	int result, fd = mkstemp(lock_path);

	host = mmap(NULL, sizeof(*host), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	/* Whoever is left over by a creator that was killed becomes our child. */
	if (fd < 0 || host == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1))
		return 1;
	close(fd);
	result = suite_run("create", tests);
	unlink(lock_path);
	return result;
}
