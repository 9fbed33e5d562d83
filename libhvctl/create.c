// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Creating a domain. Everything that can be found wrong without touching anything is found first;
 * from createdomain on, any failure ends in domain_remove(), which takes down whatever is there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "create.h"

#include "build.h"
#include "device.h"
#include "domain.h"
#include "overlay.h"
#include "removal.h"
#include "save/settings.h"
#include "vcpu.h"
#include "pv-abi/hvm_start_info.h"
#include "xs.h"

#define EVENT_PORTS	1023u	/* of a guest: rings, devices and vCPUs need a few dozens */

/* Memory that the hypervisor needs beside what the guest gets: vCPUs, tables, shared pages. */
#define OVERHEAD_FRAMES	256u

int domain_settle(struct hvctl_ctx *ctx, struct hvctl_config *c)
{
	unsigned int i, j;
	int error = 0;

	if (!c->uuid_given) {
		error = hvctl_random(ctx, c->uuid, sizeof(c->uuid));
		/* RFC 4122, 4.4: version 4, variant 1. */
		c->uuid[6] = (c->uuid[6] & 0x0f) | 0x40;
		c->uuid[8] = (c->uuid[8] & 0x3f) | 0x80;
		c->uuid_given = !error;
	}
	for (i = 0; !error && i < c->nr_vifs; i++) {
		struct hvctl_vif *v = &c->vifs[i];

		if (!v->mac_given) {
			/* The prefix that is set aside for virtual machines of this kind. */
			memcpy(v->mac, "\x00\x16\x3e", 3);
			error = hvctl_random(ctx, v->mac + 3, 3);
			v->mac[3] &= 0x7f;
			v->mac_given = !error;
		}
		for (j = 0; !error && j < i; j++)
			if (!memcmp(c->vifs[j].mac, v->mac, 6))
				error = hvctl_fail(
					ctx, EINVAL,
					"two vifs of '%s' have the same MAC address; correct "
					"'vif'",
					c->name);
	}
	return error;
}

static int check_unique(struct hvctl_ctx *ctx, const struct hvctl_config *c)
{
	struct hvctl_domain *list;
	size_t count, i;
	int error = hvctl_list(ctx, &list, &count);

	for (i = 0; !error && i < count; i++) {
		if (!strcmp(list[i].name, c->name))
			error = hvctl_fail(
				ctx, EEXIST,
				"the name '%s' is in use by domain %u; choose another or destroy "
				"that one (hvctl destroy)",
				c->name, list[i].domid);
		else if (!memcmp(list[i].uuid, c->uuid, sizeof(c->uuid)))
			error = hvctl_fail(
				ctx, EEXIST,
				"the uuid of '%s' is in use by domain %u (%s); change or remove "
				"'uuid'",
				c->name, list[i].domid, list[i].name);
	}
	free(list);
	return error;
}

/* Frames that nobody has, and that were promised to nobody. */
static uint64_t free_memory(const struct xen_sysctl_physinfo *p)
{
	uint64_t frames = p->free_pages + p->scrub_pages;

	return frames > p->outstanding_pages ? frames - p->outstanding_pages : 0;
}

uint64_t domain_memory_room(struct hvctl_ctx *ctx)
{
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo };
	uint64_t frames;

	if (do_sysctl(ctx, &op))
		return 0;
	frames = free_memory(&op.u.physinfo);
	frames -= frames / 512; /* a PVH domain's tables */
	return frames > OVERHEAD_FRAMES + 64 ? (frames - OVERHEAD_FRAMES - 64) >> (20 - FRAME_SHIFT)
					     : 0;
}

int domain_check_memory(struct hvctl_ctx *ctx, const struct hvctl_config *c, unsigned int count)
{
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo };
	uint64_t free_frames, need = (c->memory_mib << (20 - FRAME_SHIFT)) + OVERHEAD_FRAMES;
	char many[24] = "";
	int error = do_sysctl(ctx, &op);

	if (error)
		return hvctl_fail(ctx, -error, "the hypervisor does not describe the host: %s",
				  strerror(-error));
	/* The tables that its memory is found by, if none of it comes as large pages. */
	if (c->pvh)
		need += need / 512 + 64;
	free_frames = free_memory(&op.u.physinfo);
	if (count > 1)
		snprintf(many, sizeof(many), "%u times ", count);
	if (free_frames / count < need)
		return hvctl_fail(
			ctx, ENOSPC,
			"'%s' wants %s%llu MiB and the host has %llu MiB free; lower %s or "
			"shut a domain down",
			c->name, many, (unsigned long long)c->memory_mib,
			(unsigned long long)(free_frames >> 8), count > 1 ? "--count" : "'memory'");
	return 0;
}

/* The weight and the cap. */
static int set_share(struct hvctl_ctx *ctx, const struct hvctl_config *c, uint32_t domid)
{
	struct hvctl_share share = { .weight = c->cpu_weight ? c->cpu_weight : 256, .cap = c->cap };
	int error = c->cpu_weight || c->cap ? vcpu_share(ctx, domid, &share, true) : 0;

	if (error)
		return hvctl_fail(ctx, -error,
				  "the hypervisor refuses '%s' its share of the CPUs: %s; remove "
				  "'cpu_weight' and 'cap'",
				  c->name, strerror(-error));
	return 0;
}

static int set_affinity(struct hvctl_ctx *ctx, const struct hvctl_config *c, uint32_t domid)
{
	unsigned int i;
	int error = 0;

	for (i = 0; !error && i < c->max_vcpus; i++)
		error = vcpu_pin(ctx, domid, i, c->cpus[i], c->cpus_soft[i]);
	if (error)
		return hvctl_fail(ctx, -error,
				  "the hypervisor refuses the CPUs of vCPU %u of '%s': %s; correct "
				  "'cpus' (hvctl info tells how many there are)",
				  i - 1, c->name, strerror(-error));
	return 0;
}

static int set_clock(struct hvctl_ctx *ctx, const struct hvctl_config *c, uint32_t domid)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_settimeoffset, .domain = (domid_t)domid };
	time_t now = time(NULL);
	struct tm tm;
	int error;

	if (!c->localtime && !c->rtc_offset)
		return 0;
	op.u.settimeoffset.time_offset_seconds = c->rtc_offset;
	if (c->localtime && localtime_r(&now, &tm))
		op.u.settimeoffset.time_offset_seconds += tm.tm_gmtoff;
	error = do_domctl(ctx, &op);
	if (error)
		return hvctl_fail(
			ctx, -error,
			"the hypervisor refuses the clock offset of '%s': %s; remove 'localtime' "
			"and 'rtc_timeoffset'",
			c->name, strerror(-error));
	return 0;
}

#define MAP_RAM		1u	/* as firmware numbers kinds of memory: ACPI 6, 15.1 */

/*
 * The memory map that the guest finds with XENMEM_memory_map: RAM from 0 to 'maxmem'. It starts
 * with the first 'memory' of that, and its balloon can have the rest. A kernel that is given no map
 * makes one that ends just behind what it starts with, and never gets beyond.
 */
static int give_map(struct hvctl_ctx *ctx, const struct hvctl_config *c, uint32_t domid)
{
	struct __attribute__((packed)) {
		uint64_t start, bytes;
		uint32_t type;
	} *entry = hypercall_alloc(ctx, PVH_MAP_MAX * sizeof(*entry));
	struct xen_foreign_memory_map map = { .domid = (domid_t)domid, .map.nr_entries = 1 };
	struct hvm_memmap_table_entry pvh[PVH_MAP_MAX];
	unsigned int i;
	long ret;

	if (!entry)
		return -ENOMEM;
	entry->bytes = c->max_memory_mib << 20;
	entry->type = MAP_RAM;
	if (c->pvh)
		map.map.nr_entries = pvh_memory_map(c->memory_mib << (20 - FRAME_SHIFT), pvh);
	for (i = 0; c->pvh && i < map.map.nr_entries; i++) {
		entry[i].start = pvh[i].addr;
		entry[i].bytes = pvh[i].size;
		entry[i].type = pvh[i].type;
	}
	map.map.buffer = (uint64_t)(uintptr_t)entry;
	ret = hypercall_struct(ctx, __HYPERVISOR_memory_op, XENMEM_set_memory_map, &map,
			       sizeof(map));
	hypercall_free(ctx, entry, PVH_MAP_MAX * sizeof(*entry));
	if (ret)
		return hvctl_fail(ctx, (int)-ret,
				  "the hypervisor refuses the memory map of '%s': %s; see its log "
				  "(hvctl dmesg)",
				  c->name, strerror((int)-ret));
	return 0;
}

/*
 * Promise the domain what it starts with, so that nobody else takes it while it is filled, which
 * may be slow. Each frame that it gets is one less that is promised; 0: none is, any more.
 */
static int claim(struct hvctl_ctx *ctx, uint32_t domid, uint64_t mib)
{
	struct xen_memory_reservation r = { .nr_extents = mib << (20 - FRAME_SHIFT),
					    .domid = (domid_t)domid };

	return (int)hypercall_struct(ctx, __HYPERVISOR_memory_op, XENMEM_claim_pages, &r,
				     sizeof(r));
}

/*
 * An empty domain with its limits. On success it exists and domain_remove() is due on any later
 * failure.
 */
static int make_domain(struct hvctl_ctx *ctx, const struct hvctl_config *c, uint32_t *domid)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_createdomain };
	struct xen_domctl_createdomain *d = &op.u.createdomain;
	int error;

	memcpy(d->handle, c->uuid, sizeof(d->handle));
	d->max_vcpus = c->max_vcpus;
	d->max_evtchn_port = EVENT_PORTS;
	d->max_grant_frames = -1;
	d->max_maptrack_frames = -1;
	d->grant_opts = XEN_DOMCTL_GRANT_version(1);
	if (c->pvh)
		d->flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
	error = do_domctl(ctx, &op);
	if (error)
		return hvctl_fail(
			ctx, -error,
			"the hypervisor refuses to create '%s': %s; see its log (hvctl dmesg)",
			c->name, strerror(-error));
	*domid = op.domain;

	memset(&op, 0, sizeof(op));
	op.cmd = XEN_DOMCTL_max_vcpus;
	op.domain = (domid_t)*domid;
	op.u.max_vcpus.max = c->max_vcpus;
	error = do_domctl(ctx, &op);
	if (error) {
		hvctl_fail(ctx, -error,
			   "the hypervisor refuses '%s' %u vCPUs: %s; lower 'vcpus' or 'maxvcpus'",
			   c->name, c->max_vcpus, strerror(-error));
		goto undo;
	}
	memset(&op, 0, sizeof(op));
	op.cmd = XEN_DOMCTL_max_mem;
	op.domain = (domid_t)*domid;
	op.u.max_mem.max_memkb = c->max_memory_mib << 10;
	error = do_domctl(ctx, &op);
	if (error) {
		hvctl_fail(ctx, -error,
			   "the hypervisor refuses '%s' a limit of %llu MiB: %s; lower 'maxmem'",
			   c->name, (unsigned long long)c->max_memory_mib, strerror(-error));
		goto undo;
	}
	error = claim(ctx, *domid, c->memory_mib);
	if (error) {
		hvctl_fail(ctx, error == -ENOMEM ? ENOSPC : -error,
			   "the hypervisor does not promise '%s' its %llu MiB: %s; lower 'memory' "
			   "or shut a domain down", c->name, (unsigned long long)c->memory_mib,
			   strerror(-error));
		if (error == -ENOMEM)
			error = -ENOSPC;
		goto undo;
	}
	error = give_map(ctx, c, *domid);
	if (!error)
		error = set_affinity(ctx, c, *domid);
	if (!error)
		error = set_share(ctx, c, *domid);
	if (!error)
		error = set_clock(ctx, c, *domid);
	if (!error)
		return 0;
undo:
	memset(&op, 0, sizeof(op));
	op.cmd = XEN_DOMCTL_destroydomain;
	op.domain = (domid_t)*domid;
	do_domctl(ctx, &op);
	return error;
}

/* Store entries in one transaction: directories with their permissions, then values below them. */
struct writer {
	struct xs *xs;
	uint32_t tx;
	uint32_t domid;
	int error;
	char path[160];		/* of the last entry, for the message */
	uint64_t generation[2];	/* no domain has had it before */
};

static void put_dir(struct writer *w, const char *dir, const char *perms)
{
	snprintf(w->path, sizeof(w->path), "/local/domain/%u%s%s", w->domid, *dir ? "/" : "", dir);
	if (!w->error)
		w->error = xs_mkdir(w->xs, w->tx, w->path);
	if (!w->error)
		w->error = xs_permit(w->xs, w->tx, w->path, perms);
}

__attribute__((format(printf, 3, 4)))
static void put(struct writer *w, const char *key, const char *format, ...)
{
	char value[256];
	va_list args;

	if (w->error)
		return;
	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	if (*key == '/')
		snprintf(w->path, sizeof(w->path), "%s", key);
	else
		snprintf(w->path, sizeof(w->path), "/local/domain/%u/%s", w->domid, key);
	w->error = xs_write(w->xs, w->tx, w->path, "%s", value);
}

/*
 * Who saves the domain has to know its configuration, and a value of the store has room for a part
 * of it only.
 */
static void put_settings(struct writer *w, const char *uuid, const char *text)
{
	unsigned int i;

	for (i = 0; *text; i++) {
		char key[96], part[256];
		size_t n;

		snprintf(key, sizeof(key), "/vm/%s/hvctl/%u", uuid, i);
		snprintf(part, sizeof(part), "%s", text);
		n = strlen(part);
		/* put() has as much room. */
		put(w, key, "%s", part);
		text += n;
	}
}

int domain_put_settings(struct hvctl_ctx *ctx, const char *uuid, const struct hvctl_config *c)
{
	struct writer w = { .xs = ctx->xs };
	char *settings = settings_text(c);

	if (!settings)
		return hvctl_no_memory(ctx);
	put_settings(&w, uuid, settings);
	free(settings);
	return w.error ? hvctl_fail(ctx, -w.error, "the store refuses %s: %s", w.path,
				    strerror(-w.error))
		       : 0;
}

int domain_replace_settings(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_config *c)
{
	char *vm = xs_readf(ctx->xs, 0, "/local/domain/%u/vm", domid), *settings = settings_text(c);
	struct writer w = { .xs = ctx->xs };
	char path[96];
	int tries;

	if (!vm || !settings || strncmp(vm, "/vm/", 4)) {
		int error = settings ? hvctl_fail(ctx, EIO, "the store does not tell where the "
						  "configuration of domain %u is", domid)
				     : hvctl_no_memory(ctx);

		free(vm);
		free(settings);
		return error;
	}
	snprintf(path, sizeof(path), "%.64s/hvctl", vm);
	/* One whose end is not known is done again: it is the same twice. */
	w.error = -EAGAIN;
	for (tries = 0; tries < 50 && (w.error == -EAGAIN || w.error == -ECONNRESET); tries++) {
		w.error = xs_begin(w.xs, &w.tx);
		if (w.error)
			continue;
		w.error = xs_remove(w.xs, w.tx, path);
		put_settings(&w, vm + 4, settings);
		if (w.error)
			xs_abort(w.xs, w.tx);
		else
			w.error = xs_commit(w.xs, w.tx);
	}
	free(vm);
	free(settings);
	return w.error ? hvctl_fail(ctx, -w.error, "the store refuses %s: %s", path,
				    strerror(-w.error))
		       : 0;
}

static void put_all(struct writer *w, const struct hvctl_config *c, const char *settings,
		    const struct domain_rings *b)
{
	static const char *const guests[] = {	/* the guest writes here */
		"control", "control/shutdown", "data", "drivers", "error", "attr", "device/suspend",
		"device/suspend/event-channel", "memory/meminfo",
	};
	static const char *const ours[] = { "memory", "cpu", "store", "console", "device",
					    "platform" };
	char read[24], write[24], uuid[37], key[96];
	unsigned int i;

	hvctl_uuid_text(c->uuid, uuid);
	snprintf(read, sizeof(read), "n0 r%u", w->domid);
	snprintf(write, sizeof(write), "n%u", w->domid);

	snprintf(w->path, sizeof(w->path), "/vm/%s", uuid);
	if (!w->error)
		w->error = xs_mkdir(w->xs, w->tx, w->path);
	if (!w->error)
		w->error = xs_permit(w->xs, w->tx, w->path, read);
	snprintf(key, sizeof(key), "/vm/%s/uuid", uuid);
	put(w, key, "%s", uuid);
	snprintf(key, sizeof(key), "/vm/%s/name", uuid);
	put(w, key, "%s", c->name);
	snprintf(key, sizeof(key), "/vm/%s/start_time", uuid);
	put(w, key, "%lld", (long long)time(NULL));
	put_settings(w, uuid, settings);

	put_dir(w, "", read);
	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		put_dir(w, ours[i], read);
	for (i = 0; i < sizeof(guests) / sizeof(guests[0]); i++)
		put_dir(w, guests[i], write);
	put(w, "vm", "/vm/%s", uuid);
	put(w, "name", "%s", c->name);
	put(w, "domid", "%u", w->domid);
	put(w, "memory/static-max", "%llu", (unsigned long long)c->max_memory_mib << 10);
	put(w, "memory/target", "%llu", (unsigned long long)c->memory_mib << 10);
	/* Whoever has been copied reads another one here than it had: docs/toolstack.md. */
	put(w, "platform/generation-id", "%llu:%llu", (unsigned long long)w->generation[0],
	    (unsigned long long)w->generation[1]);
	put(w, "control/platform-feature-multiprocessor-suspend", "1");
	put(w, "control/platform-feature-xs_reset_watches", "1");
	for (i = 0; i < c->max_vcpus; i++) {
		snprintf(key, sizeof(key), "cpu/%u/availability", i);
		put(w, key, "%s", i < c->vcpus ? "online" : "offline");
	}
	if (b->suspends)
		put(w, "control/feature-suspend", "1");
	put(w, "store/ring-ref", "%llu", (unsigned long long)b->store_mfn);
	put(w, "store/port", "%u", b->store_port);
	put(w, "console/ring-ref", "%llu", (unsigned long long)b->console_mfn);
	put(w, "console/port", "%u", b->console_port);
	put(w, "console/type", "xenconsoled");
	put(w, "console/output", "pty");
	put(w, "console/limit", "1048576");
	put(w, "console/tty", "%s", "");
}

/* The store daemon ended at the end of the transaction: 0, it has it, or -EAGAIN, or -errno. */
static int find_generation(const struct writer *w)
{
	char ours[48], *there = xs_readf(w->xs, 0, "/local/domain/%u/platform/generation-id",
					 w->domid);
	int error = there || errno == ENOENT ? -EAGAIN : -errno;

	snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)w->generation[0],
		 (unsigned long long)w->generation[1]);
	if (there && !strcmp(there, ours))
		error = 0;
	free(there);
	return error;
}

static int write_store(struct hvctl_ctx *ctx, const struct hvctl_config *c, uint32_t domid,
		       const struct domain_rings *b)
{
	struct writer w = { .xs = ctx->xs, .domid = domid };
	char *settings = settings_text(c);
	int tries;

	if (!settings)
		return hvctl_no_memory(ctx);
	w.error = hvctl_random(ctx, w.generation, sizeof(w.generation));
	if (w.error) {
		free(settings);
		return w.error;
	}
	for (tries = 0; tries < 50; tries++) {
		w.error = xs_begin(w.xs, &w.tx);
		if (w.error)
			break;
		put_all(&w, c, settings, b);
		if (w.error) {
			xs_abort(w.xs, w.tx);
			break;
		}
		w.error = xs_commit(w.xs, w.tx);
		if (w.error == -ECONNRESET)
			w.error = find_generation(&w);
		if (w.error != -EAGAIN)
			break;
	}
	free(settings);
	if (w.error)
		return hvctl_fail(
			ctx, -w.error,
			"the store refuses the entries of '%s' (%s): %s; see the store daemon's "
			"log",
			c->name, w.path, strerror(-w.error));
	w.error = xs_introduce(ctx->xs, domid, b->store_mfn, b->store_port);
	if (w.error)
		return hvctl_fail(ctx, -w.error,
				  "the store daemon refuses to serve '%s': %s; see its log",
				  c->name, strerror(-w.error));
	return 0;
}

static void tell_building(struct hvctl_ctx *ctx, const struct hvctl_config *c, int lock,
			  bool building)
{
	if (ctx->building)
		ctx->building(ctx->building_data, c->uuid, lock, building);
}

void hvctl_cache_kernel(struct hvctl_ctx *ctx)
{
	if (!ctx->kernel)
		return;
	kcache_put(ctx->kernel_key, ctx->kernel_packed, ctx->kernel_packed_len, ctx->kernel,
		   ctx->kernel_len);
	free(ctx->kernel);
	free(ctx->kernel_file);
	ctx->kernel = NULL;
	ctx->kernel_file = NULL;
}

int domain_check(struct hvctl_ctx *ctx, struct hvctl_config *c)
{
	return domain_check_for(ctx, c, 0);
}

/* Before anything is read or unpacked for it. */
static int check_kind(struct hvctl_ctx *ctx, const struct hvctl_config *c)
{
	const uint32_t both = XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap;
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo };

	if (!c->pvh || (!do_sysctl(ctx, &op) && (op.u.physinfo.capabilities & both) == both))
		return 0;
	return hvctl_fail(ctx, EOPNOTSUPP,
			  "'%s' is to be a PVH domain and this host has PV ones only: the "
			  "hypervisor's log (hvctl dmesg) says why in its line \"hvm:\"; write "
			  "type = \"pv\"",
			  c->name);
}

int domain_check_for(struct hvctl_ctx *ctx, struct hvctl_config *c, unsigned int flags)
{
	int error = hypercall_open(ctx);

	if (error)
		return error;
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	error = check_kind(ctx, c);
	if (!error)
		error = domain_settle(ctx, c);
	/* Quick checks before what is slow, then again under the lock, where they count. */
	if (!error)
		error = check_unique(ctx, c);
	if (!error)
		error = domain_check_memory(ctx, c, 1);
	if (!error && !(flags & DOMAIN_NO_DEVICES))
		error = devices_check_sharing(ctx, c);
	return error;
}

/* Before the rest of its entries: from here on nobody else can be called so. */
static int name_it(struct hvctl_ctx *ctx, const struct hvctl_config *c, uint32_t domid)
{
	char path[64];
	int error;

	snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
	error = xs_write(ctx->xs, 0, path, "%s", c->name);
	return error ? hvctl_fail(ctx, -error, "the store refuses %s: %s", path, strerror(-error))
		     : 0;
}

static int fill_from_kernel(void *data, uint32_t domid, struct domain_rings *rings);

int domain_make(struct hvctl_ctx *ctx, struct hvctl_config *c, unsigned int flags, domain_fill fill,
		void *data, uint32_t *domid)
{
	struct domain_rings rings;
	uint64_t overlays = 0;
	/* It may take as long as somebody else likes. */
	bool waits = flags & (DOMAIN_NO_DEVICES | DOMAIN_WAITS);
	uint32_t id = 0;
	size_t held = ctx->nr_held;
	int lock, error;

	/* Saved states are of PV domains, whatever the settings beside them say. */
	if (c->pvh && fill != fill_from_kernel)
		return hvctl_fail(ctx, EOPNOTSUPP,
				  "'%s' cannot be restored: it is to be a PVH domain, and only PV "
				  "ones can be saved", c->name);
	lock = hvctl_lock(ctx);
	error = lock < 0 ? lock : check_unique(ctx, c);
	if (!error)
		error = domain_check_memory(ctx, c, 1);
	/* A guest that goes on somewhere has written to its disks: none of them is empty. */
	if (!error && fill == fill_from_kernel && !(flags & DOMAIN_AGAIN))
		error = overlay_files_make(ctx, c, &overlays);
	if (!error)
		error = overlay_files_there(ctx, c);
	if (!error && !(flags & DOMAIN_NO_DEVICES))
		error = devices_check_sharing(ctx, c);
	if (error)
		goto out;
	/* From here on, and not a moment later: we may be killed as soon as there is a domain. */
	tell_building(ctx, c, lock, true);
	error = make_domain(ctx, c, &id);
	if (error)
		goto told;
	/* Whose its name and uuid are is known, and others create theirs meanwhile. */
	if (waits) {
		error = name_it(ctx, c, id);
		tell_building(ctx, c, -1, true);
		close(lock);
		lock = -1;
	}
	if (!error)
		error = fill(data, id, &rings);
	/* What it did not need, others may have. If this fails nothing is lost but that. */
	if (!error)
		claim(ctx, id, 0);
	if (!error) {
		hvctl_step(ctx, "telling the store", 85);
		error = write_store(ctx, c, id, &rings);
	}
	/* Its disks may be others' by now. */
	if (!error && waits && !(flags & DOMAIN_NO_DEVICES)) {
		lock = hvctl_lock(ctx);
		error = lock < 0 ? lock : devices_check_sharing(ctx, c);
	}
	if (!error && !(flags & DOMAIN_NO_DEVICES)) {
		hvctl_step(ctx, "connecting its devices", 90);
		error = devices_add(ctx, c, id);
	}
	if (!error && !(flags & HVCTL_CREATE_PAUSED))
		error = domain_simple(ctx, id, XEN_DOMCTL_unpausedomain, "start");
	if (error) {
		char why[sizeof(ctx->error)];

		/*
		 * Taking it down may fail in its own way, but this is what the caller has to know.
		 */
		memcpy(why, ctx->error, sizeof(why));
		domain_remove(ctx, id);
		memcpy(ctx->error, why, sizeof(why));
		while (ctx->nr_held > held)
			close(ctx->held[--ctx->nr_held]);
	} else {
		*domid = id;
	}
told:
	tell_building(ctx, c, lock, false);
out:
	if (error)
		overlay_files_undo(c, overlays);
	if (lock >= 0)
		close(lock);
	return error;
}

static int fill_from_kernel(void *data, uint32_t domid, struct domain_rings *rings)
{
	struct build *b = data;
	int error = build_domain(b, domid);

	*rings = (struct domain_rings){ b->store_mfn, b->console_mfn, b->store_port,
					b->console_port, false };
	return error;
}

static int create(struct hvctl_ctx *ctx, struct hvctl_config *c, unsigned int flags,
		  uint32_t *domid)
{
	struct build b;
	int error = domain_check(ctx, c);

	if (!error)
		error = build_prepare(ctx, c, &b);
	if (error)
		return error;
	error = domain_make(ctx, c, flags, fill_from_kernel, &b, domid);
	if (!error) {
		if (b.slow) {
			free(ctx->kernel);
			free(ctx->kernel_file);
			ctx->kernel_file = b.kernel_file.data;
			ctx->kernel_packed = b.packed;
			ctx->kernel_packed_len = b.packed_len;
			ctx->kernel = b.elf;
			ctx->kernel_len = b.elf_len;
			memcpy(ctx->kernel_key, b.key, sizeof(b.key));
			b.elf = NULL;
			b.kernel_file.data = NULL;
		}
		hvctl_step(ctx, "created", 100);
	}
	build_release(&b);
	return error;
}

int hvctl_create(struct hvctl_ctx *ctx, struct hvctl_config *c, unsigned int flags, uint32_t *domid)
{
	int error = create(ctx, c, flags, domid);

	ctx->cancelled = 0;
	return error;
}
