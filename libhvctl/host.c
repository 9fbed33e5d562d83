// SPDX-License-Identifier: LGPL-2.1-or-later
/* The machine and its hypervisor as a whole. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall.h"
#include "pv-abi/version.h"

/* Operations of our hypervisor's own, far from the numbers of the common ABI ("AN"). */
#define ANNULUS_SYSCTL_heap	0x414e0001u

struct annulus_heap_entry {
	char name[16];		/* zero-padded */
	uint64_t bytes;
	uint64_t objects;
};

struct annulus_sysctl_heap {
	uint32_t first;		/* IN: number of the first class wanted */
	uint32_t nr;		/* IN: room at buffer; OUT: entries written */
	uint64_t buffer;
};

#define ANNULUS_SYSCTL_grants	0x414e0002u

struct annulus_grants_entry {
	uint32_t domid, pad;
	uint64_t mapped, unmapped, untouched, copied, copied_bytes, flushes, flushes_avoided;
};

struct annulus_sysctl_grants {
	uint32_t first;		/* IN: least domain number wanted */
	uint32_t nr;		/* IN: room at buffer; OUT: entries written */
	uint32_t judged, pad;	/* OUT */
	uint64_t buffer;
};

#define HEAP_BATCH	128u
#define GRANTS_BATCH	64u

static int version_text(struct hvctl_ctx *ctx, unsigned int cmd, char *to, size_t to_size,
			size_t size)
{
	char *buf = hypercall_alloc(ctx, size + 1);
	long ret;

	if (!buf)
		return ctx->privcmd < 0 ? -ENODEV : -ENOMEM;
	ret = hypercall(ctx, __HYPERVISOR_xen_version, cmd, (uint64_t)(uintptr_t)buf, 0, 0, 0);
	if (ret >= 0)
		snprintf(to, to_size, "%s", buf);
	hypercall_free(ctx, buf, size + 1);
	return ret < 0 ? (int)ret : 0;
}

int hvctl_host(struct hvctl_ctx *ctx, struct hvctl_host *h)
{
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo };
	struct xen_platform_parameters *platform;
	const struct xen_sysctl_physinfo *p = &op.u.physinfo;
	char extra[sizeof(xen_extraversion_t) + 1] = "";
	long version;
	int error;

	*h = (struct hvctl_host){ 0 };
	version = hypercall(ctx, __HYPERVISOR_xen_version, XENVER_version, 0, 0, 0, 0);
	if (version < 0)
		return ctx->privcmd < 0 ? (int)version
					: hvctl_fail(ctx, (int)-version,
						     "the hypervisor does not tell its version: %s",
						     strerror((int)-version));
	/* Each of these texts may be withheld without harm. */
	version_text(ctx, XENVER_extraversion, extra, sizeof(extra), sizeof(xen_extraversion_t));
	snprintf(h->version, sizeof(h->version), "%ld.%ld%s", version >> 16, version & 0xffff,
		 extra);
	version_text(ctx, XENVER_changeset, h->changeset, sizeof(h->changeset),
		     sizeof(xen_changeset_info_t));
	version_text(ctx, XENVER_compile_info, h->compiler, sizeof(h->compiler),
		     sizeof(struct xen_compile_info));
	version_text(ctx, XENVER_capabilities, h->capabilities, sizeof(h->capabilities),
		     sizeof(xen_capabilities_info_t));
	version_text(ctx, XENVER_commandline, h->cmdline, sizeof(h->cmdline),
		     sizeof(xen_commandline_t));
	platform = hypercall_alloc(ctx, sizeof(*platform));
	if (!platform)
		return -ENOMEM;
	if (hypercall(ctx, __HYPERVISOR_xen_version, XENVER_platform_parameters,
		      (uint64_t)(uintptr_t)platform, 0, 0, 0) >= 0)
		h->virt_start = platform->virt_start;
	hypercall_free(ctx, platform, sizeof(*platform));

	error = do_sysctl(ctx, &op);
	if (error)
		return hvctl_fail(ctx, -error, "the hypervisor does not describe the host: %s",
				  strerror(-error));
	h->cpus = p->nr_cpus;
	h->cores_per_socket = p->cores_per_socket;
	h->threads_per_core = p->threads_per_core;
	h->cpu_khz = p->cpu_khz;
	h->total_kib = p->total_pages * 4;
	h->free_kib = p->free_pages * 4;
	h->scrub_kib = p->scrub_pages * 4;
	h->claimed_kib = p->outstanding_pages * 4;
	h->free_frames = p->free_pages;
	/* As the hypervisor lists the kinds of PV kernels: one word more. */
	if (p->capabilities & XEN_SYSCTL_PHYSCAP_hvm && p->capabilities & XEN_SYSCTL_PHYSCAP_hap)
		snprintf(h->capabilities + strlen(h->capabilities),
			 sizeof(h->capabilities) - strlen(h->capabilities), "pvh ");
	return 0;
}

/*
 * Appends what the ring has to *@text: with @more, from *@index on. @buf: of @size bytes, for the
 * hypervisor to write to.
 */
static int read_ring(struct hvctl_ctx *ctx, char *buf, size_t size, bool more, uint32_t *index,
		     char **text, size_t *len)
{
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_readconsole };
	char *grown;
	int error;

	do {
		op.u.readconsole.buffer = (uint64_t)(uintptr_t)buf;
		op.u.readconsole.count = size;
		op.u.readconsole.incremental = more;
		op.u.readconsole.index = *index;
		error = do_sysctl(ctx, &op);
		if (error)
			return hvctl_fail(ctx, -error, "the hypervisor does not show its log: %s",
					  strerror(-error));
		if (op.u.readconsole.count > size)
			op.u.readconsole.count = size;
		grown = realloc(*text, *len + op.u.readconsole.count + 1);
		if (!grown)
			return hvctl_no_memory(ctx);
		*text = grown;
		memcpy(grown + *len, buf, op.u.readconsole.count);
		*len += op.u.readconsole.count;
		grown[*len] = 0;
		*index = op.u.readconsole.index;
		more = true;
	} while (op.u.readconsole.count == size);
	return 0;
}

static int clear_ring(struct hvctl_ctx *ctx, char *buf, size_t size)
{
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_readconsole };
	int error;

	op.u.readconsole.clear = 1;
	op.u.readconsole.buffer = (uint64_t)(uintptr_t)buf;
	op.u.readconsole.count = size;
	error = do_sysctl(ctx, &op);
	if (error)
		hvctl_fail(ctx, -error, "the hypervisor does not clear its log: %s",
			   strerror(-error));
	return error;
}

/* The log from *@index, if @more, to its end, which is emptied with @clear. */
static int dmesg(struct hvctl_ctx *ctx, bool clear, bool more, uint32_t *index, char **text,
		 size_t *len)
{
	/* The ring can be larger: what does not fit is fetched from where the last call ended. */
	const size_t size = 256u << 10;
	char *buf = hypercall_alloc(ctx, size);
	int error;

	*text = NULL;
	*len = 0;
	if (!buf)
		return ctx->privcmd < 0 ? -ENODEV : -ENOMEM;
	error = read_ring(ctx, buf, size, more, index, text, len);
	if (!error && clear)
		error = clear_ring(ctx, buf, size);
	hypercall_free(ctx, buf, size);
	if (error) {
		free(*text);
		*text = NULL;
		*len = 0;
	}
	return error;
}

int hvctl_dmesg(struct hvctl_ctx *ctx, bool clear, char **text, size_t *len)
{
	uint32_t index = 0;

	return dmesg(ctx, clear, false, &index, text, len);
}

int hvctl_dmesg_more(struct hvctl_ctx *ctx, uint32_t *index, char **text, size_t *len)
{
	return dmesg(ctx, false, *index != 0, index, text, len);
}

static int press(struct hvctl_ctx *ctx, const char *keys)
{
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_debug_keys };
	size_t len = strlen(keys);
	char *buf = hypercall_alloc(ctx, len + 1);
	int error;

	if (!buf)
		return ctx->privcmd < 0 ? -ENODEV : -ENOMEM;
	memcpy(buf, keys, len);
	op.u.debug_keys.keys = (uint64_t)(uintptr_t)buf;
	op.u.debug_keys.nr_keys = (uint32_t)len;
	error = do_sysctl(ctx, &op);
	hypercall_free(ctx, buf, len + 1);
	return error;
}

int hvctl_debug_keys(struct hvctl_ctx *ctx, const char *keys)
{
	int error = press(ctx, keys);

	if (error == -EUCLEAN)
		return hvctl_fail(
			ctx, EUCLEAN,
			"the audit found violations; see the hypervisor's log (hvctl dmesg)");
	if (error && ctx->privcmd >= 0)
		return hvctl_fail(ctx, -error, "the hypervisor does not take debug keys: %s",
				  strerror(-error));
	return error;
}

/*
 * Key 'A' means something else elsewhere, so the question is only put to a hypervisor that calls
 * itself ours.
 */
static bool is_annulus(struct hvctl_ctx *ctx)
{
	struct xen_sysctl op = { .cmd = ANNULUS_SYSCTL_heap };

	return !do_sysctl(ctx, &op);
}

int hvctl_audit(struct hvctl_ctx *ctx)
{
	int error = hypercall_open(ctx);

	if (error)
		return error;
	if (!is_annulus(ctx))
		return hvctl_fail(ctx, EOPNOTSUPP, "this hypervisor has no audit; boot Annulus");
	return hvctl_debug_keys(ctx, "A");
}

int hvctl_heap(struct hvctl_ctx *ctx, struct hvctl_heap_class **list, size_t *count)
{
	const size_t size = HEAP_BATCH * sizeof(struct annulus_heap_entry);
	struct annulus_heap_entry *buf = hypercall_alloc(ctx, size);
	struct hvctl_heap_class *more;
	struct annulus_sysctl_heap ask;
	struct xen_sysctl op;
	int error = 0;
	uint32_t i;

	*list = NULL;
	*count = 0;
	if (!buf)
		return ctx->privcmd < 0 ? -ENODEV : -ENOMEM;
	do {
		memset(&op, 0, sizeof(op));
		op.cmd = ANNULUS_SYSCTL_heap;
		ask = (struct annulus_sysctl_heap){ (uint32_t)*count, HEAP_BATCH,
						    (uint64_t)(uintptr_t)buf };
		memcpy(&op.u, &ask, sizeof(ask));
		error = do_sysctl(ctx, &op);
		if (error) {
			hvctl_fail(
				ctx, EOPNOTSUPP,
				"this hypervisor does not tell its allocations (%s); boot Annulus",
				strerror(-error));
			error = -EOPNOTSUPP;
			break;
		}
		memcpy(&ask, &op.u, sizeof(ask));
		if (ask.nr > HEAP_BATCH)
			ask.nr = HEAP_BATCH;
		more = realloc(*list, (*count + ask.nr + 1) * sizeof(*more));
		if (!more) {
			error = hvctl_no_memory(ctx);
			break;
		}
		*list = more;
		for (i = 0; i < ask.nr; i++) {
			struct hvctl_heap_class *c = &more[(*count)++];

			*c = (struct hvctl_heap_class){ .bytes = buf[i].bytes,
							.objects = buf[i].objects };
			memcpy(c->name, buf[i].name, sizeof(buf[i].name));
		}
	} while (ask.nr == HEAP_BATCH);
	hypercall_free(ctx, buf, size);
	if (error) {
		free(*list);
		*list = NULL;
		*count = 0;
	}
	return error;
}

int hvctl_grants(struct hvctl_ctx *ctx, struct hvctl_grants **list, size_t *count, bool *judged)
{
	const size_t size = GRANTS_BATCH * sizeof(struct annulus_grants_entry);
	struct annulus_grants_entry *buf = hypercall_alloc(ctx, size);
	struct annulus_sysctl_grants ask = { 0 };
	struct hvctl_grants *more;
	struct xen_sysctl op;
	uint32_t first = 0, i;
	int error = 0;

	*list = NULL;
	*count = 0;
	if (!buf)
		return ctx->privcmd < 0 ? -ENODEV : -ENOMEM;
	do {
		memset(&op, 0, sizeof(op));
		op.cmd = ANNULUS_SYSCTL_grants;
		ask = (struct annulus_sysctl_grants){ first, GRANTS_BATCH, 0, 0,
						      (uint64_t)(uintptr_t)buf };
		memcpy(&op.u, &ask, sizeof(ask));
		error = do_sysctl(ctx, &op);
		if (error) {
			hvctl_fail(ctx, EOPNOTSUPP,
				   "this hypervisor does not count grants (%s); boot Annulus",
				   strerror(-error));
			error = -EOPNOTSUPP;
			break;
		}
		memcpy(&ask, &op.u, sizeof(ask));
		if (ask.nr > GRANTS_BATCH)
			ask.nr = GRANTS_BATCH;
		more = realloc(*list, (*count + ask.nr + 1) * sizeof(*more));
		if (!more) {
			error = hvctl_no_memory(ctx);
			break;
		}
		*list = more;
		for (i = 0; i < ask.nr; i++) {
			const struct annulus_grants_entry *e = &buf[i];

			more[(*count)++] = (struct hvctl_grants){
				.domid = e->domid,
				.mapped = e->mapped,
				.unmapped = e->unmapped,
				.untouched = e->untouched,
				.copied = e->copied,
				.copied_bytes = e->copied_bytes,
				.flushes = e->flushes,
				.flushes_avoided = e->flushes_avoided,
			};
			first = e->domid + 1;
		}
	} while (ask.nr == GRANTS_BATCH);
	hypercall_free(ctx, buf, size);
	if (judged)
		*judged = ask.judged;
	if (error) {
		free(*list);
		*list = NULL;
		*count = 0;
	}
	return error;
}
