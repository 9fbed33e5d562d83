// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/migrate_stay.c libhvctl/context.c
// libs: -Wl,--wrap=hvctl_lock
/*
 * A guest whose devices were closed stays: it goes on as a new domain of its own image. Each call
 * that changes something may be the last of its process, or may fail. At no moment do two run, and
 * whoever tries again comes to one guest, of its own name and uuid, with its configuration. The
 * host is a page that all processes share.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "create.h"
#include "device.h"
#include "domain.h"
#include "migrate.h"
#include "removal.h"
#include "save/pages.h"
#include "save/parts.h"
#include "save/restore.h"
#include "save/settings.h"
#include "suite.h"
#include "xs.h"

#define OLD 5u
#define GUEST 0xaa /* the first byte of its uuid */

enum { DOMAINS = 64, NODES = 64 };

static struct {
	struct {
		bool there, runs, devices;
		uint8_t uuid[16];
	} domain[DOMAINS];
	uint32_t next;
	struct {
		char path[96], value[96];
	} node[NODES];
	int left;		/* changes until the process ends, -1: it does not */
	int fails;		/* changes until one fails */
	unsigned int twice;	/* both ran */
} *host;

/* Before each change. Returns what it fails with. */
static int change(void)
{
	if (host->left >= 0 && !host->left--)
		_exit(77);
	return host->fails >= 0 && !host->fails-- ? -EIO : 0;
}

/* ---- the store ---- */

static int find(const char *path)
{
	for (int i = 0; i < NODES; i++)
		if (!strcmp(host->node[i].path, path))
			return i;
	return -1;
}

static const char *get(const char *path)
{
	int i = find(path);

	return i < 0 ? NULL : host->node[i].value;
}

static void set(const char *path, const char *value)
{
	int i = find(path);

	if (i < 0)
		i = find("");
	CU_ASSERT_FATAL(i >= 0);
	snprintf(host->node[i].path, sizeof(host->node[i].path), "%s", path);
	snprintf(host->node[i].value, sizeof(host->node[i].value), "%s", value);
}

static void forget(const char *path)
{
	size_t n = strlen(path);

	for (int i = 0; i < NODES; i++)
		if (!strncmp(host->node[i].path, path, n) &&
		    (!host->node[i].path[n] || host->node[i].path[n] == '/'))
			host->node[i].path[0] = 0;
}

struct xs *xs_open(const char *socket) { return (struct xs *)&host; }
void xs_close(struct xs *xs) { }
void xs_keep(struct xs *xs, unsigned int ms, xs_waits_fn waits, void *data)
{
}

bool xs_lost(const struct xs *xs) { return false; }

char *xs_readf(struct xs *xs, uint32_t tx, const char *format, ...)
{
	const char *value;
	char path[96];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	value = get(path);
	errno = ENOENT;
	return value ? strdup(value) : NULL;
}

int xs_write(struct xs *xs, uint32_t tx, const char *path, const char *format, ...)
{
	int error = change();
	char value[96];
	va_list args;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	if (!error)
		set(path, value);
	return error;
}

int xs_remove(struct xs *xs, uint32_t tx, const char *path)
{
	int error = change();

	if (!error)
		forget(path);
	return error;
}

/* ---- domains ---- */

int do_domctl(struct hvctl_ctx *ctx, struct xen_domctl *op)
{
	int error = change();

	CU_ASSERT_EQUAL(op->cmd, XEN_DOMCTL_setdomainhandle);
	if (!error)
		memcpy(host->domain[op->domain].uuid, op->u.setdomainhandle.handle, 16);
	return error;
}

int domain_record(struct hvctl_ctx *ctx, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	if (domid >= DOMAINS || !host->domain[domid].there)
		return -ESRCH;
	*info = (struct xen_domctl_getdomaininfo){ .domain = (domid_t)domid };
	memcpy(info->handle, host->domain[domid].uuid, 16);
	return 0;
}

int domain_by_uuid(struct hvctl_ctx *ctx, const uint8_t uuid[16], uint32_t *domid)
{
	for (*domid = 0; *domid < DOMAINS; ++*domid)
		if (host->domain[*domid].there && !memcmp(host->domain[*domid].uuid, uuid, 16))
			return 0;
	return -ESRCH;
}

int __wrap_hvctl_lock(struct hvctl_ctx *ctx);
int __wrap_hvctl_lock(struct hvctl_ctx *ctx)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int domain_simple(struct hvctl_ctx *ctx, uint32_t domid, uint32_t cmd, const char *what)
{
	int error = change();

	CU_ASSERT_EQUAL(cmd, XEN_DOMCTL_unpausedomain);
	if (error)
		return hvctl_fail(ctx, -error, "it does not run");
	for (uint32_t i = 0; i < DOMAINS; i++)
		host->twice += i != domid && host->domain[i].there && host->domain[i].runs;
	host->domain[domid].runs = true;
	return 0;
}

static void vm_of(uint32_t domid, char vm[96])
{
	char path[96];

	snprintf(path, sizeof(path), "/local/domain/%u/vm", domid);
	snprintf(vm, 96, "%s", get(path) ? get(path) : "");
}

int domain_remove(struct hvctl_ctx *ctx, uint32_t domid)
{
	char vm[96], path[96];

	if (change())
		return hvctl_fail(ctx, EIO, "it does not go");
	host->domain[domid].there = false;
	vm_of(domid, vm);
	change();
	if (*vm)
		forget(vm);
	change();
	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	forget(path);
	return 0;
}

void devices_remove(struct hvctl_ctx *ctx, uint32_t domid) { host->domain[domid].devices = false; }

int domain_put_settings(struct hvctl_ctx *ctx, const char *uuid, const struct hvctl_config *config)
{
	int error = change();
	char path[96];

	snprintf(path, sizeof(path), "/vm/%s/hvctl/0", uuid);
	if (error)
		return hvctl_fail(ctx, -error, "no settings");
	set(path, config->name);
	return 0;
}

int domain_check(struct hvctl_ctx *ctx, struct hvctl_config *config)
{
	for (uint32_t i = 0; i < DOMAINS; i++)
		if (host->domain[i].there && !memcmp(host->domain[i].uuid, config->uuid, 16))
			return hvctl_fail(ctx, EEXIST, "its uuid is in use");
	return 0;
}

int domain_make(struct hvctl_ctx *ctx, struct hvctl_config *config, unsigned int flags,
		domain_fill fill, void *data, uint32_t *domid)
{
	char path[96], vm[96] = "/vm/";
	struct domain_rings rings;
	uint32_t id = host->next++;
	int error;

	CU_ASSERT_EQUAL(flags, HVCTL_CREATE_PAUSED);
	host->domain[id].there = true;
	memcpy(host->domain[id].uuid, config->uuid, 16);
	error = fill(data, id, &rings);
	hvctl_uuid_text(config->uuid, vm + 4);
	if (!error)
		error = domain_put_settings(ctx, vm + 4, config);
	snprintf(path, sizeof(path), "/local/domain/%u/vm", id);
	if (!error) {
		set(path, vm);
		snprintf(path, sizeof(path), "/local/domain/%u/name", id);
		set(path, config->name);
		error = change();
	}
	if (!error)
		host->domain[id].devices = true;
	else
		domain_remove(ctx, id);
	*domid = id;
	return error ? hvctl_fail(ctx, EIO, "no room") : 0;
}

/* ---- the image, of which nothing is looked at here ---- */

int guest_look(struct hvctl_ctx *ctx, uint32_t domid, struct guest *g) { return 0; }
char *settings_text(const struct hvctl_config *config) { return strdup(config->name); }
int save_head(struct saving *s, const char *settings) { return 0; }
int save_one(struct saving *s, uint32_t type, const void *body, size_t len) { return 0; }
int save_tail(struct saving *s) { return 0; }
int stream_finish(struct stream_out *out) { return 0; }
void stream_in_free(struct stream_in *in) { }
long read_whole(int fd, void *buf, size_t len) { return (long)len; }
void fill_end(struct fill *f) { }
int own_fill(struct image *i, uint32_t domid, struct domain_rings *rings) { return change(); }

int stream_create(struct hvctl_ctx *ctx, int fd, const char *name, unsigned int threads,
		  struct stream_out **out)
{
	return 0;
}

int pages_save(const struct guest *g, struct stream_out *out, struct pages_stored *stored)
{
	return 0;
}

static const struct hvctl_config guest = { .name = "guest", .uuid = { GUEST }, .uuid_given = true };

int own_config(struct image *i, const void *head, struct hvctl_config **config)
{
	*config = malloc(sizeof(**config));
	**config = guest;
	return 0;
}

void hvctl_config_free(struct hvctl_config *config) { free(config); }

/* ---- */

static void start(void)
{
	char path[96] = "/vm/", *end = path + 4;

	memset(host, 0, sizeof(*host));
	host->left = host->fails = -1;
	host->next = 10;
	host->domain[OLD].there = true;
	host->domain[OLD].uuid[0] = GUEST;
	hvctl_uuid_text(guest.uuid, end);
	set("/local/domain/5/vm", path);
	set("/local/domain/5/name", "guest");
	strcat(path, "/hvctl/0");
	set(path, "guest");
}

/* In a process of its own. Returns its exit status: 0, 1 (an error), 77 (it was killed). */
static int attempt(int left, int fails)
{
	pid_t pid;
	int status;

	host->left = left;
	host->fails = fails;
	pid = fork();
	if (!pid) {
		struct hvctl_ctx *ctx = hvctl_open();
		uint32_t again;
		int error;

		hvctl_xs(ctx);
		error = migrate_go_on(ctx, OLD, &guest, &again);
		if (!error && (!host->domain[again].runs || !host->domain[again].there))
			_exit(2);
		_exit(error ? 1 : 0);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT(WIFEXITED(status));
	host->left = host->fails = -1;
	return WEXITSTATUS(status);
}

/* Whether the configuration of a domain can be read. */
static bool known(uint32_t domid)
{
	char path[128];

	vm_of(domid, path);
	strcat(path, "/hvctl/0");
	return get(path) && !strcmp(get(path), "guest");
}

static void check_one(int a, int b)
{
	unsigned int there = 0, run = 0;

	for (uint32_t i = 0; i < DOMAINS; i++) {
		char path[64];

		if (!host->domain[i].there)
			continue;
		there++;
		run += host->domain[i].runs && host->domain[i].uuid[0] == GUEST &&
		       host->domain[i].devices;
		snprintf(path, sizeof(path), "/local/domain/%u/name", i);
		CU_ASSERT(get(path) && !strcmp(get(path), "guest"));
		CU_ASSERT(known(i));
	}
	if (there != 1 || run != 1 || host->twice)
		fprintf(stderr, "%d, %d: %u domains, %u run, twice: %u\n", a, b, there, run,
			host->twice);
	CU_ASSERT_EQUAL(there, 1);
	CU_ASSERT_EQUAL(run, 1);
	CU_ASSERT_EQUAL(host->twice, 0);
}

TEST(test_killed, "killed anywhere, twice: who tries again comes to one guest")
{
	int a, b, ret = 77;

	for (a = 0; ret == 77; a++) {
		for (b = -1; b < 30; b++) {
			start();
			ret = attempt(a, -1);
			if (ret == 77 && host->domain[OLD].there)
				CU_ASSERT(known(OLD));
			/* Its caller does nothing more for one that has gone. */
			if (ret == 77 && b >= 0 && host->domain[OLD].there)
				attempt(b, -1);
			if (host->domain[OLD].there)
				CU_ASSERT_EQUAL(attempt(-1, -1), 0);
			check_one(a, b);
		}
	}
	CU_ASSERT(a > 12);
}

TEST(test_failed, "whatever fails, its configuration stays, and it can be tried again")
{
	int ret = 1;

	for (int a = 0; a < 30; a++) {
		start();
		ret = attempt(-1, a);
		CU_ASSERT(ret != 2);
		if (host->domain[OLD].there) {
			CU_ASSERT(known(OLD));
			CU_ASSERT_EQUAL(attempt(-1, -1), 0);
		}
		check_one(a, -2);
	}
	CU_ASSERT_EQUAL(ret, 0);
}

static int before(void)
{
	host = mmap(NULL, sizeof(*host), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return host == MAP_FAILED;
}

SUITE("migrate stay", .before = before)
