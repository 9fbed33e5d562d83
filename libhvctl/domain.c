// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Domains as the hypervisor and the store have them: found, looked at, asked and told. Nothing here
 * knows of devices (device.c asks here whether a domain is there) or takes a domain down
 * (removal.c, above both).
 */
#include "domain.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pv-abi/sched.h"
#include "xs.h"

#define LIST_BATCH	64u

/*
 * How often a balloon is looked at, and how long one may rest on its way: Linux' driver tries again
 * after up to 32 s when there was no memory for it.
 */
#define BALLOON_LOOK_MS	100
#define BALLOON_IDLE_MS	35000

int domain_record(struct hvctl_ctx *ctx, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_getdomaininfo, .domain = (domid_t)domid };
	int error;

	if (domid >= DOMID_FIRST_RESERVED)
		return -ESRCH;
	error = do_domctl(ctx, &op);
	if (error)
		return error;
	/* The call answers with the next domain if there is none of this number. */
	if (op.u.getdomaininfo.domain != domid)
		return -ESRCH;
	*info = op.u.getdomaininfo;
	return 0;
}

static int no_domain(struct hvctl_ctx *ctx, uint32_t domid, int error)
{
	if (error == -ESRCH)
		return hvctl_fail(ctx, ESRCH, "there is no domain %u; see hvctl list", domid);
	if (error == -ENODEV || error == -EACCES)
		return error;		/* the message is there already */
	return hvctl_fail(ctx, -error, "the hypervisor does not tell about domain %u: %s", domid,
			  strerror(-error));
}

int domain_need(struct hvctl_ctx *ctx, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	int error = domain_record(ctx, domid, info);

	return error ? no_domain(ctx, domid, error) : 0;
}

int domain_not_dom0(struct hvctl_ctx *ctx, uint32_t domid, const char *what)
{
	if (domid)
		return 0;
	return hvctl_fail(ctx, EPERM, "cannot %s domain 0, this is it; give a guest's name", what);
}

int domain_simple(struct hvctl_ctx *ctx, uint32_t domid, uint32_t cmd, const char *what)
{
	struct xen_domctl op = { .cmd = cmd, .domain = (domid_t)domid };
	int error = do_domctl(ctx, &op);

	if (error == -ESRCH)
		return no_domain(ctx, domid, error);
	if (error && ctx->privcmd >= 0)
		return hvctl_fail(ctx, -error,
				  "cannot %s domain %u: %s; see the hypervisor's log (hvctl dmesg)",
				  what, domid, strerror(-error));
	return error;
}

const char *hvctl_state_name(enum hvctl_state state)
{
	static const char *const names[] = {
		[HVCTL_RUNNING] = "running", [HVCTL_BLOCKED] = "blocked", [HVCTL_PAUSED] = "paused",
		[HVCTL_SHUTDOWN] = "shutdown", [HVCTL_CRASHED] = "crashed", [HVCTL_DYING] = "dying",
	};

	return (unsigned int)state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

/* All but its name. */
static void describe(const struct xen_domctl_getdomaininfo *info, struct hvctl_domain *d)
{
	*d = (struct hvctl_domain){
		.domid = info->domain,
		.memory_kib = info->tot_pages * 4,
		.max_memory_kib = info->max_pages * 4,
		.vcpus = info->nr_online_vcpus,
		.max_vcpus = info->max_vcpu_id + 1,
		.cpu_time_ns = info->cpu_time,
		.shutdown_reason = info->flags >> XEN_DOMINF_shutdownshift &
				   XEN_DOMINF_shutdownmask,
	};
	memcpy(d->uuid, info->handle, sizeof(d->uuid));
	if (info->flags & XEN_DOMINF_dying)
		d->state = HVCTL_DYING;
	else if (info->flags & XEN_DOMINF_shutdown)
		d->state = d->shutdown_reason == SHUTDOWN_crash ? HVCTL_CRASHED : HVCTL_SHUTDOWN;
	else if (info->flags & XEN_DOMINF_paused)
		d->state = HVCTL_PAUSED;
	else if (info->flags & XEN_DOMINF_running)
		d->state = HVCTL_RUNNING;
	else
		d->state = HVCTL_BLOCKED;
}

static void read_name(struct hvctl_ctx *ctx, struct hvctl_domain *d)
{
	char *name = ctx->xs ? xs_readf(ctx->xs, 0, "/local/domain/%u/name", d->domid) : NULL;

	snprintf(d->name, sizeof(d->name), "%s",
		 name	    ? name
		 : d->domid ? "(null)"
			    : "Domain-0");
	free(name);
}

struct naming {
	struct hvctl_domain *list;	/* by ascending numbers */
	size_t count;
	bool *named;			/* whose names have come */
};

static int by_domid(const void *key, const void *element)
{
	const uint32_t *domid = key;
	const struct hvctl_domain *d = element;

	return *domid < d->domid ? -1 : *domid > d->domid;
}

/* What was not asked for, and numbers that nobody has, are passed over. */
static void take_name(void *data, const char *child, const char *name)
{
	struct naming *n = data;
	char *end;
	unsigned long number = strtoul(child, &end, 10);
	uint32_t domid = (uint32_t)number;
	struct hvctl_domain *d;

	if (!isdigit((unsigned char)*child) || *end || number >= DOMID_FIRST_RESERVED)
		return;
	d = bsearch(&domid, n->list, n->count, sizeof(*d), by_domid);
	if (!d || !name)
		return;
	snprintf(d->name, sizeof(d->name), "%s", name);
	n->named[d - n->list] = true;
}

/*
 * The names of all domains. Creating one asks for them, so one question each would make the last of
 * many take several times as long as the first. Few have none, or one that is not told with others.
 */
static int read_names(struct hvctl_ctx *ctx, struct hvctl_domain *list, size_t count)
{
	struct naming n = { list, count, calloc(count + 1, sizeof(*n.named)) };
	size_t i;

	if (!n.named)
		return hvctl_no_memory(ctx);
	if (ctx->xs)
		xs_values(ctx->xs, "/local/domain", "name", take_name, &n);
	for (i = 0; i < count; i++)
		if (!n.named[i])
			read_name(ctx, &list[i]);
	free(n.named);
	return 0;
}

/* All records; *list is freed with free(). */
static int all_records(struct hvctl_ctx *ctx, struct xen_domctl_getdomaininfo **list, size_t *count)
{
	struct xen_domctl_getdomaininfo *batch = hypercall_alloc(ctx, LIST_BATCH * sizeof(*batch)),
					*more;
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_getdomaininfolist };
	uint32_t first = 0, got;
	int error = 0;

	*list = NULL;
	*count = 0;
	if (!batch)
		return ctx->privcmd < 0 ? -ENODEV : -ENOMEM;
	do {
		op.u.getdomaininfolist.first_domain = (domid_t)first;
		op.u.getdomaininfolist.max_domains = LIST_BATCH;
		op.u.getdomaininfolist.buffer = (uint64_t)(uintptr_t)batch;
		error = do_sysctl(ctx, &op);
		if (error) {
			hvctl_fail(ctx, -error, "the hypervisor does not list its domains: %s",
				   strerror(-error));
			break;
		}
		got = op.u.getdomaininfolist.num_domains;
		if (got > LIST_BATCH)
			got = LIST_BATCH;
		more = realloc(*list, (*count + got + 1) * sizeof(*more));
		if (!more) {
			error = hvctl_no_memory(ctx);
			break;
		}
		*list = more;
		memcpy(more + *count, batch, got * sizeof(*more));
		*count += got;
		if (got)
			first = batch[got - 1].domain + 1u;
	} while (got == LIST_BATCH);
	hypercall_free(ctx, batch, LIST_BATCH * sizeof(*batch));
	if (error) {
		free(*list);
		*list = NULL;
		*count = 0;
	}
	return error;
}

/* The same as others see it, with names as far as there is a store; freed with free(). */
static int all_domains(struct hvctl_ctx *ctx, struct hvctl_domain **list, size_t *count)
{
	struct xen_domctl_getdomaininfo *records;
	size_t i;
	int error = all_records(ctx, &records, count);

	*list = NULL;
	if (error)
		return error;
	*list = calloc(*count + 1, sizeof(**list));
	for (i = 0; *list && i < *count; i++)
		describe(&records[i], &(*list)[i]);
	free(records);
	error = *list ? read_names(ctx, *list, *count) : hvctl_no_memory(ctx);
	if (error) {
		free(*list);
		*list = NULL;
	}
	return error;
}

int hvctl_list(struct hvctl_ctx *ctx, struct hvctl_domain **list, size_t *count)
{
	/* Names are a convenience: a host whose store is down can still be looked at. */
	if (!hvctl_xs(ctx))
		hvctl_warn(ctx, "%s", ctx->error);
	return all_domains(ctx, list, count);
}

int hvctl_get(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_domain *domain)
{
	struct xen_domctl_getdomaininfo info;
	int error = domain_need(ctx, domid, &info);

	if (error)
		return error;
	hvctl_xs(ctx);
	describe(&info, domain);
	read_name(ctx, domain);
	return 0;
}

int domain_by_name(struct hvctl_ctx *ctx, const char *name, uint32_t *domid)
{
	struct hvctl_domain *list;
	size_t i, count;
	int error = all_domains(ctx, &list, &count);

	if (error)
		return error;
	error = -ESRCH;
	for (i = 0; error && i < count; i++) {
		if (strcmp(list[i].name, name))
			continue;
		*domid = list[i].domid;
		error = 0;
	}
	free(list);
	return error;
}

int domain_by_uuid(struct hvctl_ctx *ctx, const uint8_t uuid[16], uint32_t *domid)
{
	struct xen_domctl_getdomaininfo *records;
	size_t i, count;
	int error = all_records(ctx, &records, &count);

	if (error)
		return error;
	error = -ESRCH;
	for (i = 0; error && i < count; i++) {
		if (memcmp(records[i].handle, uuid, sizeof(records[i].handle)))
			continue;
		*domid = records[i].domain;
		error = 0;
	}
	free(records);
	return error;
}

int hvctl_find(struct hvctl_ctx *ctx, const char *name_or_id, uint32_t *domid)
{
	struct xen_domctl_getdomaininfo info;
	unsigned long number;
	char *end;
	int error;

	hvctl_xs(ctx);
	error = domain_by_name(ctx, name_or_id, domid);
	if (error != -ESRCH)
		return error;
	number = strtoul(name_or_id, &end, 10);
	if (isdigit((unsigned char)*name_or_id) && !*end && number < DOMID_FIRST_RESERVED &&
	    !domain_record(ctx, (uint32_t)number, &info)) {
		*domid = (uint32_t)number;
		return 0;
	}
	return hvctl_fail(ctx, ESRCH, "there is no domain '%s'; see hvctl list", name_or_id);
}

int hvctl_pause(struct hvctl_ctx *ctx, uint32_t domid)
{
	int error = domain_not_dom0(ctx, domid, "pause");

	return error ? error : domain_simple(ctx, domid, XEN_DOMCTL_pausedomain, "pause");
}

/* Say a word to the guest's kernel, under its key below control/. */
static int ask(struct hvctl_ctx *ctx, uint32_t domid, const char *key, const char *word,
	       const char *what)
{
	struct xen_domctl_getdomaininfo info;
	char path[64];
	int error = domain_not_dom0(ctx, domid, what);

	if (!error)
		error = domain_need(ctx, domid, &info);
	if (error)
		return error;
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	snprintf(path, sizeof(path), "/local/domain/%u/control/%s", domid, key);
	error = xs_write(ctx->xs, XS_ONCE, path, "%s", word);
	/* What is not there any more the guest may have taken: who asks twice may get two. */
	if (error == -ECONNRESET) {
		char *there = xs_readf(ctx->xs, 0, "%s", path);

		error = there && !strcmp(there, word) ? 0 : error;
		free(there);
	}
	if (error == -ECONNRESET)
		return hvctl_fail(ctx, ECONNRESET,
				  "the store daemon ended meanwhile, and domain %u may have been "
				  "told to %s or not; look at its console before you try again",
				  domid, what);
	if (error)
		return hvctl_fail(ctx, -error,
				  "the store refuses %s: %s; see the store daemon's log", path,
				  strerror(-error));
	return 0;
}

int hvctl_shutdown(struct hvctl_ctx *ctx, uint32_t domid)
{
	return ask(ctx, domid, "shutdown", "poweroff", "shut down");
}

int hvctl_reboot(struct hvctl_ctx *ctx, uint32_t domid)
{
	return ask(ctx, domid, "shutdown", "reboot", "reboot");
}

int hvctl_wait_gone(struct hvctl_ctx *ctx, uint32_t domid, unsigned int seconds)
{
	struct xen_domctl_getdomaininfo info;
	unsigned long long waited = 0, stopped = 0;

	for (;;) {
		int error = domain_record(ctx, domid, &info);

		if (error == -ESRCH)
			return 0;
		if (error)
			return no_domain(ctx, domid, error);
		/* Stopped and nobody clears it away for five seconds: it is meant to stay. */
		stopped = info.flags & XEN_DOMINF_shutdown && !(info.flags & XEN_DOMINF_dying)
				  ? stopped + 1
				  : 0;
		if (stopped > 50)
			return 0;
		if (seconds && waited >= seconds * 10ull)
			return hvctl_fail(
				ctx, ETIMEDOUT,
				"domain %u is still there after %u s; look at its console, "
				"or use hvctl destroy",
				domid, seconds);
		hvctl_nap(100);
		waited++;
	}
}

int hvctl_sysrq(struct hvctl_ctx *ctx, uint32_t domid, char letter)
{
	const char word[2] = { letter, '\0' };

	if (!isalnum((unsigned char)letter))
		return hvctl_fail(ctx, EINVAL, "a SysRq key is a letter or a digit; 'h' has the "
				  "guest list them on its console");
	return ask(ctx, domid, "sysrq", word, "press SysRq of");
}

int hvctl_nmi(struct hvctl_ctx *ctx, uint32_t domid, unsigned int vcpu)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_sendtrigger, .domain = (domid_t)domid };
	struct xen_domctl_getdomaininfo info;
	int error = domain_not_dom0(ctx, domid, "send an NMI to");

	if (!error)
		error = domain_need(ctx, domid, &info);
	if (error)
		return error;
	op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_NMI;
	op.u.sendtrigger.vcpu = vcpu;
	error = vcpu >= info.max_vcpu_id + 1 ? -EINVAL : do_domctl(ctx, &op);
	if (error)
		return hvctl_fail(ctx, -error, "vCPU %u of domain %u gets no NMI: %s; see hvctl "
				  "vcpu-list", vcpu, domid, strerror(-error));
	return 0;
}

int hvctl_set_memory(struct hvctl_ctx *ctx, uint32_t domid, uint64_t mib)
{
	struct xen_domctl_getdomaininfo info;
	struct xen_domctl op = { .cmd = XEN_DOMCTL_max_mem, .domain = (domid_t)domid };
	char path[64], *text;
	unsigned long long max;
	int error = domain_need(ctx, domid, &info);

	if (error)
		return error;
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	text = xs_readf(ctx->xs, 0, "/local/domain/%u/memory/static-max", domid);
	max = text ? strtoull(text, NULL, 10) : info.max_pages * 4;
	free(text);
	if (!mib || mib > max >> 10)
		return hvctl_fail(
			ctx, EINVAL,
			"domain %u can have 1 to %llu MiB, not %llu; raise that (hvctl mem-max), "
			"or 'maxmem' in its configuration",
			domid, max >> 10, (unsigned long long)mib);
	/*
	 * The limit first when rising, so that the guest's balloon finds room; it has what it has
	 * when falling.
	 */
	op.u.max_mem.max_memkb = mib << 10;
	if (domid) {
		error = do_domctl(ctx, &op);
		if (error)
			return hvctl_fail(
				ctx, -error,
				"the hypervisor refuses a limit of %llu MiB for domain %u: %s",
				(unsigned long long)mib, domid, strerror(-error));
	}
	snprintf(path, sizeof(path), "/local/domain/%u/memory/target", domid);
	error = xs_write(ctx->xs, 0, path, "%llu", (unsigned long long)(mib << 10));
	if (error)
		return hvctl_fail(ctx, -error, "the store refuses %s: %s", path, strerror(-error));
	return 0;
}

/* Frames of a domain within less than a MiB of @mib: not to the page, a guest counts in its way. */
static bool has_memory(const struct xen_domctl_getdomaininfo *info, uint64_t mib)
{
	uint64_t want = mib << 8, is = info->tot_pages;

	return is > want ? is - want < 256 : want - is < 256;
}

/* Free memory of the host in MiB; all of it if it does not tell. */
static uint64_t free_mib(struct hvctl_ctx *ctx)
{
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo };

	if (do_sysctl(ctx, &op))
		return UINT64_MAX;
	return (op.u.physinfo.free_pages + op.u.physinfo.scrub_pages) >> 8;
}

int hvctl_wait_memory(struct hvctl_ctx *ctx, uint32_t domid, uint64_t mib)
{
	struct xen_domctl_getdomaininfo info;
	uint64_t begin = 0, had = 0, way, done, target;
	unsigned int idle = 0;
	bool first = true;
	char step[64], *text;

	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	for (;; first = false) {
		int error = domain_need(ctx, domid, &info);

		if (error)
			return error;
		if (has_memory(&info, mib))
			break;
		if (info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying))
			return hvctl_fail(
				ctx, ECANCELED,
				"domain %u has stopped with %llu of %llu MiB; see hvctl list",
				domid, (unsigned long long)info.tot_pages >> 8,
				(unsigned long long)mib);
		text = xs_readf(ctx->xs, 0, "/local/domain/%u/memory/target", domid);
		target = text ? strtoull(text, NULL, 10) : mib << 10;
		free(text);
		if (target != mib << 10)
			return hvctl_fail(
				ctx, ECANCELED,
				"domain %u has %llu of %llu MiB, and was asked for %llu MiB "
				"meanwhile",
				domid, (unsigned long long)info.tot_pages >> 8,
				(unsigned long long)mib, (unsigned long long)target >> 10);
		if (first)
			begin = info.tot_pages;
		/*
		 * A guest that frees and takes the same page again and again does not follow, nor
		 * does one that takes half a minute for each.
		 */
		if (first || (mib << 8 > begin ? info.tot_pages >= had + 256
					       : info.tot_pages + 256 <= had)) {
			had = info.tot_pages;
			idle = 0;
			way = mib << 8 > begin ? (mib << 8) - begin : begin - (mib << 8);
			snprintf(step, sizeof(step), "%llu of %llu MiB",
				 (unsigned long long)had >> 8, (unsigned long long)mib);
			done = had > begin ? had - begin : begin - had;
			hvctl_step(ctx, step,
				   (unsigned int)((done < way ? done : way) * 99 / way));
		} else if (++idle > BALLOON_IDLE_MS / BALLOON_LOOK_MS) {
			break;
		}
		hvctl_nap(BALLOON_LOOK_MS);
	}
	hvctl_step(ctx, "done", 100);
	if (has_memory(&info, mib))
		return 0;
	if (info.tot_pages < mib << 8 && free_mib(ctx) < mib - (info.tot_pages >> 8))
		return hvctl_fail(
			ctx, ETIMEDOUT,
			"domain %u has %llu of %llu MiB and the host has only %llu MiB free; shut "
			"a domain down or take memory from one (hvctl mem-set)",
			domid, (unsigned long long)info.tot_pages >> 8, (unsigned long long)mib,
			(unsigned long long)free_mib(ctx));
	return hvctl_fail(
		ctx, ETIMEDOUT,
		"domain %u has %llu of %llu MiB and has not moved for %u s%s", domid,
		(unsigned long long)info.tot_pages >> 8, (unsigned long long)mib,
		BALLOON_IDLE_MS / 1000,
		info.flags & XEN_DOMINF_paused ? ": it is paused (hvctl unpause)"
					       : "; look at its console whether it has a balloon "
						 "driver and memory to spare");
}

int hvctl_set_vcpus(struct hvctl_ctx *ctx, uint32_t domid, unsigned int count)
{
	struct xen_domctl_getdomaininfo info;
	int error = domain_need(ctx, domid, &info);
	unsigned int i;

	if (error)
		return error;
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	if (!count || count > info.max_vcpu_id + 1)
		return hvctl_fail(
			ctx, EINVAL,
			"domain %u can have 1 to %u vCPUs, not %u; raise 'maxvcpus' in its "
			"configuration and create it again",
			domid, info.max_vcpu_id + 1, count);
	for (i = 0; i <= info.max_vcpu_id; i++) {
		char path[96];

		snprintf(path, sizeof(path), "/local/domain/%u/cpu/%u/availability", domid, i);
		error = xs_write(ctx->xs, 0, path, "%s", i < count ? "online" : "offline");
		if (error)
			return hvctl_fail(ctx, -error, "the store refuses %s: %s", path,
					  strerror(-error));
	}
	return 0;
}

int hvctl_rename(struct hvctl_ctx *ctx, uint32_t domid, const char *name)
{
	struct xen_domctl_getdomaininfo info;
	char path[128], *vm;
	uint32_t other;
	int lock, error = domain_need(ctx, domid, &info);

	if (error)
		return error;
	if (!hvctl_good_name(name))
		return hvctl_fail(
			ctx, EINVAL,
			"\"%s\" is not a name for a domain; use 1 to 63 letters, digits, - _ . + "
			"and not digits alone",
			name);
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	lock = hvctl_lock(ctx);
	if (lock < 0)
		return lock;
	error = domain_by_name(ctx, name, &other);
	if (!error && other != domid) {
		error = hvctl_fail(ctx, EEXIST,
				   "domain %u is called '%s' already; choose another name", other,
				   name);
	} else if (!error || error == -ESRCH) {
		snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
		error = xs_write(ctx->xs, 0, path, "%s", name);
		vm = xs_readf(ctx->xs, 0, "/local/domain/%u/vm", domid);
		if (!error && vm && !strncmp(vm, "/vm/", 4)) {
			snprintf(path, sizeof(path), "%.100s/name", vm);
			error = xs_write(ctx->xs, 0, path, "%s", name);
		}
		free(vm);
		if (error)
			hvctl_fail(ctx, -error, "the store refuses %s: %s", path, strerror(-error));
	}
	close(lock);
	return error;
}

int hvctl_uptime(struct hvctl_ctx *ctx, uint32_t domid, uint64_t *seconds)
{
	struct xen_domctl_getdomaininfo info;
	struct timespec now;
	char *vm, *text = NULL;
	int error = domain_need(ctx, domid, &info);

	if (error)
		return error;
	if (!domid) {
		clock_gettime(CLOCK_BOOTTIME, &now);
		*seconds = (uint64_t)now.tv_sec;
		return 0;
	}
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	vm = xs_readf(ctx->xs, 0, "/local/domain/%u/vm", domid);
	if (vm)
		text = xs_readf(ctx->xs, 0, "%s/start_time", vm);
	free(vm);
	if (!text)
		return hvctl_fail(
			ctx, ENOENT,
			"the store has no start time of domain %u; was it created by hvctl?",
			domid);
	clock_gettime(CLOCK_REALTIME, &now);
	*seconds = (uint64_t)now.tv_sec - strtoull(text, NULL, 10);
	free(text);
	return 0;
}

int hvctl_console_path(struct hvctl_ctx *ctx, uint32_t domid, char *path, size_t size)
{
	struct xen_domctl_getdomaininfo info;
	int error = domain_need(ctx, domid, &info);
	char *tty;

	if (error)
		return error;
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	/* Our daemon's socket, else the terminal of a daemon that makes terminals. */
	snprintf(path, size, "/run/hvconsoled/%u.sock", domid);
	if (!access(path, F_OK))
		return 0;
	tty = xs_readf(ctx->xs, 0, "/local/domain/%u/console/tty", domid);
	if (!tty || *tty != '/') {
		free(tty);
		return hvctl_fail(ctx, ENOENT,
				  "the console of domain %u is not served; start hvconsoled",
				  domid);
	}
	snprintf(path, size, "%s", tty);
	free(tty);
	return 0;
}
