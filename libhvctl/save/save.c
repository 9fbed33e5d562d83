// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Saving a guest. It is stopped with its own help, written down, and destroyed only when the image
 * is whole and on the disk; whatever fails before, it goes on as if nothing had been.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cdrom.h"
#include "domain.h"
#include "migrate.h"
#include "overlay.h"
#include "removal.h"
#include "pv-abi/compat.h"
#include "pv-abi/ring1.h"
#include "pv-abi/wide.h"
#include "save/outcome.h"
#include "save/pages.h"
#include "save/parts.h"
#include "save/settings.h"
#include "save/suspend.h"
#include "xs.h"

#define THREADS_MAX 8
#define LEAVES	    256u
#define MSRS	    16u
#define XSAVE_MAX   (16u << 10)
#define SETTINGS_MAX (256u << 10) /* bytes of a configuration */

/* ---- what is in the store ---- */

int save_read_settings(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_config **c)
{
	char *vm = xs_readf(ctx->xs, 0, "/local/domain/%u/vm", domid), *text = NULL, *part;
	char *name = xs_readf(ctx->xs, 0, "/local/domain/%u/name", domid);
	size_t len = 0;
	int error;

	for (unsigned int i = 0; vm && len < SETTINGS_MAX; i++) {
		char *more;

		part = xs_readf(ctx->xs, 0, "%s/hvctl/%u", vm, i);
		if (!part)
			break;
		more = realloc(text, len + strlen(part) + 1);
		if (more) {
			text = more;
			strcpy(text + len, part);
			len += strlen(part);
		}
		free(part);
		if (!more) {
			free(text);
			free(vm);
			free(name);
			return hvctl_no_memory(ctx);
		}
	}
	if (!text)
		error = hvctl_fail(ctx, EINVAL,
				   "domain %u was not created by hvctl, which does not know "
				   "its configuration",
				   domid);
	else
		error = settings_parse(ctx, "the store", text, len, c);
	if (!error && name && hvctl_good_name(name))
		snprintf((*c)->name, sizeof((*c)->name), "%s", name);
	free(vm);
	free(name);
	free(text);
	return error;
}

int hvctl_config_of(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_config **config)
{
	struct xen_domctl_getdomaininfo info;
	int error = domain_need(ctx, domid, &info);

	*config = NULL;
	if (error)
		return error;
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	return save_read_settings(ctx, domid, config);
}

/* What a restored guest could not have again. */
static int check_kinds(struct hvctl_ctx *ctx, uint32_t domid)
{
	static const char *const kinds[] = { "pci", "vusb", "vscsi", "vfb", "vkbd" };

	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char path[64], **list;
		bool any;

		snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u", kinds[i], domid);
		list = xs_list(ctx->xs, 0, path);
		any = list && list[0];
		free(list);
		if (any)
			return hvctl_fail(ctx, EOPNOTSUPP,
					  "domain %u cannot be saved: it has a device "
					  "of kind %s; take that away from it first",
					  domid, kinds[i]);
	}
	return 0;
}

/* An image has no word for it, and there is no log of what such a guest writes. */
static int check_ring(struct hvctl_ctx *ctx, uint32_t domid)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_get_address_size, .domain = (domid_t)domid };
	int error;

	op.u.address_size.size = ANNULUS_ADDRESS_SIZE_RING1;
	error = do_domctl(ctx, &op);
	if (error)
		return hvctl_fail(ctx, -error, "the hypervisor does not tell about domain %u: %s",
				  domid, strerror(-error));
	if (op.u.address_size.size != ANNULUS_ADDRESS_SIZE_RING1)
		return 0;
	return hvctl_fail(ctx, EOPNOTSUPP,
			  "domain %u cannot be saved or migrated: its 64-bit kernel runs in ring "
			  "1; what is to be moved is created under a hypervisor with ring1=off",
			  domid);
}

static int not_there(struct hvctl_ctx *ctx, uint32_t domid, const char *kind, const char *name)
{
	return hvctl_fail(ctx, EOPNOTSUPP,
			  "domain %u cannot be saved: its %s %s is not what it was created "
			  "with; take that away from it first, or give back what it had",
			  domid, kind, name);
}

static void drop_disk(struct hvctl_disk *d)
{
	free(d->target);
	free(d->backing);
}

/* Disks that have gone are not the image's either; it cannot tell of those that have come. */
static int settle_disks(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_config *c)
{
	struct hvctl_device *list;
	unsigned int left = 0;
	size_t count, i, k;
	int error = hvctl_disks(ctx, domid, &list, &count);

	for (i = 0; !error && i < count; i++) {
		const struct hvctl_device *d = &list[i];

		for (k = 0; k < c->nr_disks && c->disks[k].number != d->number; k++)
			;
		if (k == c->nr_disks || c->disks[k].writable != d->writable ||
		    strncmp(c->disks[k].target, d->target, sizeof(d->target) - 1))
			error = not_there(ctx, domid, "disk", d->name);
	}
	for (k = 0; !error && k < c->nr_disks; k++) {
		for (i = 0; i < count && list[i].number != c->disks[k].number; i++)
			;
		if (i < count || cdrom_is_empty(&c->disks[k]))
			c->disks[left++] = c->disks[k];
		else
			drop_disk(&c->disks[k]);
	}
	if (!error)
		c->nr_disks = left;
	free(list);
	return error;
}

static int check_vifs(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_config *c)
{
	struct hvctl_device *list;
	size_t count, i;
	int error = hvctl_vifs(ctx, domid, &list, &count);

	for (i = 0; !error && i < count; i++) {
		const struct hvctl_device *d = &list[i];
		char mac[18] = "";

		if (d->number < c->nr_vifs) {
			const uint8_t *m = c->vifs[d->number].mac;

			snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1],
				 m[2], m[3], m[4], m[5]);
		}
		if (strcasecmp(mac, d->name))
			error = not_there(ctx, domid, "vif", d->name);
	}
	if (!error && count != c->nr_vifs)
		error = hvctl_fail(ctx, EOPNOTSUPP,
				   "domain %u cannot be saved: it has %zu vifs and was created "
				   "with %u; give back what it had",
				   domid, count, c->nr_vifs);
	free(list);
	return error;
}

static bool covered(const struct hvctl_config *c, const char *kind, const char *device)
{
	unsigned long number = strtoul(device, NULL, 10);

	/* Two nodes below it are all that it is. */
	if (!strcmp(kind, "suspend"))
		return true;
	if (!strcmp(kind, "vif"))
		return number < c->nr_vifs;
	for (unsigned int k = 0; !strcmp(kind, "vbd") && k < c->nr_disks; k++)
		if (c->disks[k].number == number)
			return true;
	return false;
}

/* Whatever the guest has, be it of other backends and other kinds, the configuration has. */
static int check_covered(struct hvctl_ctx *ctx, uint32_t domid, const struct hvctl_config *c)
{
	char path[128], **kinds, **list;
	int error = 0;

	snprintf(path, sizeof(path), "/local/domain/%u/device", domid);
	kinds = xs_list(ctx->xs, 0, path);
	if (!kinds)
		return errno == ENOENT ? 0
				       : hvctl_fail(ctx, errno, "the store does not tell %s: %s",
						    path, strerror(errno));
	for (size_t i = 0; !error && kinds[i]; i++) {
		snprintf(path, sizeof(path), "/local/domain/%u/device/%.64s", domid, kinds[i]);
		list = xs_list(ctx->xs, 0, path);
		if (!list && errno != ENOENT)
			error = hvctl_fail(ctx, errno, "the store does not tell %s: %s", path,
					   strerror(errno));
		for (size_t k = 0; !error && list && list[k]; k++)
			if (!covered(c, kinds[i], list[k]))
				error = not_there(ctx, domid, kinds[i], list[k]);
		free(list);
	}
	free(kinds);
	return error;
}

/*
 * How much of the memory and how many vCPUs the guest has been asked to have. It cannot write these
 * nodes.
 */
static void settle_sizes(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_config *c)
{
	char *target = xs_readf(ctx->xs, 0, "/local/domain/%u/memory/target", domid);
	uint64_t mib = target ? (strtoull(target, NULL, 10) + 1023) >> 10 : 0;
	unsigned int online = 0;

	if (mib && mib <= c->max_memory_mib)
		c->memory_mib = mib;
	free(target);
	for (unsigned int i = 0; i < c->max_vcpus; i++) {
		char *is = xs_readf(ctx->xs, 0, "/local/domain/%u/cpu/%u/availability", domid, i);

		online += is && !strcmp(is, "online");
		free(is);
	}
	if (online)
		c->vcpus = online;
}

/* What the guest was created with becomes what it has now. */
static int settle(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_config *c)
{
	int error = check_ring(ctx, domid);

	if (!error)
		error = check_kinds(ctx, domid);
	if (!error)
		error = settle_disks(ctx, domid, c);
	if (!error)
		error = check_vifs(ctx, domid, c);
	if (!error)
		error = check_covered(ctx, domid, c);
	if (!error)
		settle_sizes(ctx, domid, c);
	return error;
}

int save_settings(struct hvctl_ctx *ctx, uint32_t domid, struct hvctl_config **config)
{
	int error = save_read_settings(ctx, domid, config);

	if (!error && (*config)->pvh)
		return hvctl_fail(ctx, EOPNOTSUPP,
				  "domain %u cannot be saved or moved: it is a PVH one, and only "
				  "PV ones can; shut it down instead",
				  domid);
	return error ? error : settle(ctx, domid, *config);
}

/* ---- what the hypervisor tells ---- */

static int refused(struct saving *s, const char *what, int error)
{
	return hvctl_fail(s->ctx, -error, "the hypervisor does not tell %s of domain %u: %s", what,
			  s->domid, strerror(-error));
}

int save_one(struct saving *s, uint32_t type, const void *body, size_t len)
{
	struct iovec part = { (void *)body, len };

	return stream_write(s->out, type, &part, 1);
}

static int save_guest(struct saving *s)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_gettscinfo, .domain = (domid_t)s->domid };
	struct record_guest r;
	int error = do_domctl(s->ctx, &op);

	if (error)
		return refused(s, "the clock", error);
	r = (struct record_guest){
		.width = s->g.width,
		.nr_vcpus = s->g.info.max_vcpu_id + 1,
		.nr_pfns = s->g.nr_pfns,
		.nr_pages = s->g.nr_pages,
		.tsc_khz = op.u.tsc_info.gtsc_khz,
		.tsc_mode = op.u.tsc_info.tsc_mode,
		.elapsed_ns = op.u.tsc_info.elapsed_nsec,
	};
	return save_one(s, RECORD_GUEST, &r, sizeof(r));
}

/* What its programs find, where they are not told what its policy says. */
static int save_cpu_seen(struct saving *s)
{
	struct hvctl_cpuid c;
	int error = hvctl_cpuid(s->ctx, s->domid, &c);

	if (!error && c.nr_beyond)
		error = save_one(s, RECORD_CPU_SEEN, c.beyond, c.nr_beyond * sizeof(*c.beyond));
	hvctl_cpuid_free(&c);
	return error;
}

static int save_cpu_policy(struct saving *s)
{
	struct lists {
		struct xen_cpuid_leaf leaves[LEAVES];
		struct xen_msr_entry msrs[MSRS];
	} *l = hypercall_alloc(s->ctx, sizeof(*l));
	struct xen_domctl op = { .cmd = XEN_DOMCTL_get_cpu_policy, .domain = (domid_t)s->domid };
	int error;

	if (!l)
		return -ENOMEM;
	op.u.cpu_policy.nr_leaves = LEAVES;
	op.u.cpu_policy.leaves = (uint64_t)(uintptr_t)l->leaves;
	op.u.cpu_policy.nr_msrs = MSRS;
	op.u.cpu_policy.msrs = (uint64_t)(uintptr_t)l->msrs;
	error = do_domctl(s->ctx, &op);
	if (error)
		error = refused(s, "the CPU policy", error);
	else
		error = save_one(s, RECORD_CPU_LEAVES, l->leaves,
				 op.u.cpu_policy.nr_leaves * sizeof(l->leaves[0]));
	if (!error)
		error = save_one(s, RECORD_CPU_MSRS, l->msrs,
				 op.u.cpu_policy.nr_msrs * sizeof(l->msrs[0]));
	hypercall_free(s->ctx, l, sizeof(*l));
	return error;
}

/* ---- vCPUs ---- */

static int save_part(struct saving *s, uint32_t type, uint32_t vcpu, const void *body, size_t len)
{
	struct record_vcpu r = { .vcpu = vcpu };
	struct iovec part[2] = { { &r, sizeof(r) }, { (void *)body, len } };

	return stream_write(s->out, type, part, 2);
}

/* mfn to pfn; both are 0 for none. */
static int to_pfn(struct saving *s, uint64_t *frame)
{
	if (!*frame)
		return 0;
	if (*frame >= s->g.nr_mfns || s->g.pfn[*frame] == NO_PFN)
		return hvctl_fail(s->ctx, EINVAL,
				  "domain %u cannot be saved: a vCPU uses machine "
				  "frame %#llx, which is not the guest's own",
				  s->domid, (unsigned long long)*frame);
	*frame = s->g.pfn[*frame];
	return 0;
}

union context {
	struct wide_vcpu_guest_context wide;
	struct compat_vcpu_guest_context narrow;
};

static int convert_wide(struct saving *s, uint32_t vcpu, struct wide_vcpu_guest_context *c)
{
	uint64_t cr3 = c->ctrlreg[3] >> 12, cr1 = c->ctrlreg[1] >> 12, start = c->user_regs.rdx;
	int error = to_pfn(s, &cr3);

	if (!error)
		error = to_pfn(s, &cr1);
	/* The suspend hypercall's third argument: its start info. */
	if (!error && !vcpu)
		error = to_pfn(s, &start);
	for (unsigned int i = 0; !error && i * 512 < c->gdt_ents && i < 16; i++) {
		uint64_t frame = c->gdt_frames[i];

		error = to_pfn(s, &frame);
		c->gdt_frames[i] = frame;
	}
	c->ctrlreg[3] = cr3 << 12;
	c->ctrlreg[1] = cr1 << 12;
	if (!vcpu)
		c->user_regs.rdx = start;
	return error;
}

static int convert_narrow(struct saving *s, uint32_t vcpu, struct compat_vcpu_guest_context *c)
{
	uint64_t cr3 = compat_cr3_to_pfn(c->ctrlreg[3]), start = c->user_regs.edx;
	int error = to_pfn(s, &cr3);

	if (!error && !vcpu)
		error = to_pfn(s, &start);
	for (unsigned int i = 0; !error && i * 512 < c->gdt_ents && i < 16; i++) {
		uint64_t frame = c->gdt_frames[i];

		error = to_pfn(s, &frame);
		c->gdt_frames[i] = (uint32_t)frame;
	}
	c->ctrlreg[3] = compat_pfn_to_cr3((uint32_t)cr3);
	if (!vcpu)
		c->user_regs.edx = (uint32_t)start;
	return error;
}

static int save_context(struct saving *s, uint32_t vcpu, union context *c, bool *there)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_getvcpucontext, .domain = (domid_t)s->domid };
	size_t size = s->g.width == 8 ? sizeof(c->wide) : sizeof(c->narrow);
	int error;

	op.u.vcpucontext.vcpu = vcpu;
	op.u.vcpucontext.ctxt = (uint64_t)(uintptr_t)c;
	error = do_domctl(s->ctx, &op);
	*there = !error;
	/* Never brought up. */
	if (error == -ENODATA && vcpu)
		return 0;
	if (error)
		return refused(s, "a vCPU's state", error);
	error = s->g.width == 8 ? convert_wide(s, vcpu, &c->wide)
				: convert_narrow(s, vcpu, &c->narrow);
	return error ? error : save_part(s, RECORD_VCPU, vcpu, c, size);
}

static int save_xsave(struct saving *s, uint32_t vcpu, void *buf)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_getvcpuextstate, .domain = (domid_t)s->domid };
	int error;

	op.u.vcpuextstate.vcpu = vcpu;
	error = do_domctl(s->ctx, &op);
	if (!error && !op.u.vcpuextstate.xfeature_mask)
		return 0;
	if (!error && op.u.vcpuextstate.size > XSAVE_MAX)
		error = -E2BIG;
	op.cmd = XEN_DOMCTL_getvcpuextstate;
	op.u.vcpuextstate.buffer = (uint64_t)(uintptr_t)buf;
	if (!error)
		error = do_domctl(s->ctx, &op);
	if (error)
		return refused(s, "a vCPU's extended state", error);
	return save_part(s, RECORD_VCPU_XSAVE, vcpu, buf, op.u.vcpuextstate.size);
}

static int save_msrs(struct saving *s, uint32_t vcpu, void *buf)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_get_vcpu_msrs, .domain = (domid_t)s->domid };
	int error;

	op.u.vcpu_msrs.vcpu = vcpu;
	op.u.vcpu_msrs.msr_count = XSAVE_MAX / sizeof(struct xen_domctl_vcpu_msr);
	op.u.vcpu_msrs.msrs = (uint64_t)(uintptr_t)buf;
	error = do_domctl(s->ctx, &op);
	if (error)
		return refused(s, "a vCPU's MSRs", error);
	if (!op.u.vcpu_msrs.msr_count)
		return 0;
	return save_part(s, RECORD_VCPU_MSRS, vcpu, buf,
			 op.u.vcpu_msrs.msr_count * sizeof(struct xen_domctl_vcpu_msr));
}

static int save_vcpu(struct saving *s, uint32_t vcpu, void *buf)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_get_ext_vcpucontext,
				 .domain = (domid_t)s->domid };
	bool there;
	int error = save_context(s, vcpu, buf, &there);

	if (error || !there)
		return error;
	op.u.ext_vcpucontext.vcpu = vcpu;
	error = do_domctl(s->ctx, &op);
	if (error)
		return refused(s, "a vCPU's entry points", error);
	error = save_part(s, RECORD_VCPU_EXT, vcpu, &op.u.ext_vcpucontext,
			  sizeof(op.u.ext_vcpucontext));
	if (!error)
		error = save_xsave(s, vcpu, buf);
	return error ? error : save_msrs(s, vcpu, buf);
}

static int save_vcpus(struct saving *s)
{
	void *buf = hypercall_alloc(s->ctx, XSAVE_MAX);
	int error = buf ? 0 : -ENOMEM;

	for (uint32_t i = 0; !error && i <= s->g.info.max_vcpu_id; i++)
		error = save_vcpu(s, i, buf);
	hypercall_free(s->ctx, buf, XSAVE_MAX);
	return error;
}

/* ---- the whole ---- */

int save_head(struct saving *s, const char *settings)
{
	int error = save_one(s, RECORD_CONFIG, settings, strlen(settings));

	if (!error)
		error = save_guest(s);
	if (!error)
		error = save_cpu_seen(s);
	return error ? error : save_cpu_policy(s);
}

int save_tail(struct saving *s)
{
	int error = save_one(s, RECORD_SHARED, s->g.shared, FRAME_SIZE);

	return error ? error : save_vcpus(s);
}

/* Somebody may have let it go on, and then it was not one guest that was written. */
static int stood_still(struct saving *s)
{
	return guest_suspended(s->ctx, s->domid) == 1
		       ? 0
		       : hvctl_fail(s->ctx, ECANCELED,
				    "domain %u did not stand still while it was saved", s->domid);
}

/* From now on the guest must not go on because somebody finds it: see save/outcome.h. */
static int mark(struct saving *s, const char *part)
{
	int error = s->stays ? 0 : outcome_mark(s->ctx, s->domid, part);

	s->marked |= !s->stays;
	return error;
}

/* @last: nobody can be asked whether the last record was taken. */
static int save_all(struct saving *s, const char *settings, bool last)
{
	struct pages_stored stored;
	int error = save_head(s, settings);

	if (!error)
		error = save_one(s, RECORD_P2M, s->g.list, s->g.nr_list * sizeof(*s->g.list));
	if (!error)
		error = pages_save(&s->g, s->out, &stored);
	hvctl_step(s->ctx, "saving its vCPUs", 92);
	if (!error)
		error = save_tail(s);
	if (!error)
		error = stood_still(s);
	if (!error && last) {
		error = stream_drain(s->out);
		if (!error)
			error = mark(s, NULL);
	}
	return error ? error : stream_finish(s->out);
}

/* The file gets its name when it is whole. "-": standard output. */
struct target {
	const char *path;
	char *part;
	int fd;
};

static int target_open(struct hvctl_ctx *ctx, const char *path, struct target *t)
{
	*t = (struct target){ .path = path, .fd = -1 };
	if (!strcmp(path, "-")) {
		t->path = "standard output";
		t->fd = 1;
		return 0;
	}
	if (asprintf(&t->part, "%s" OUTCOME_PART, path) < 0) {
		t->part = NULL;
		return hvctl_no_memory(ctx);
	}
	t->fd = open(t->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (t->fd < 0)
		return hvctl_fail(ctx, errno, "cannot create %s: %s%s", t->part, strerror(errno),
				  errno == EEXIST
					  ? "; somebody saves there, or did and was killed: "
					    "remove it"
					  : "");
	return 0;
}

static int target_done(struct saving *s, struct target *t)
{
	struct hvctl_ctx *ctx = s->ctx;
	int error = outcome_sync(t->fd);

	if (error)
		return hvctl_fail(ctx, error, "cannot write %s: %s", t->part ? t->part : t->path,
				  strerror(error));
	if (!t->part)
		return 0;
	error = mark(s, t->part);
	if (error)
		return error;
	if (rename(t->part, t->path))
		return hvctl_fail(ctx, errno, "cannot rename %s: %s", t->part, strerror(errno));
	free(t->part);
	t->part = NULL;
	error = outcome_sync_name(t->path);
	if (error) {
		unlink(t->path);
		return hvctl_fail(ctx, error, "cannot write the directory of %s: %s", t->path,
				  strerror(error));
	}
	return 0;
}

static void target_close(struct target *t)
{
	if (t->part && t->fd >= 0)
		unlink(t->part);
	if (t->fd > 2)
		close(t->fd);
	free(t->part);
	*t = (struct target){ .fd = -1 };
}

static unsigned int threads(unsigned int flags)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (flags & HVCTL_SAVE_PLAIN)
		return 0;
	return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (unsigned int)n;
}

/* With the guest stopped. */
static int save_stopped(struct saving *s, struct target *t, unsigned int flags,
			const char *settings)
{
	struct stat st;
	int error;

	hvctl_step(s->ctx, "looking at it", 8);
	error = guest_look(s->ctx, s->domid, &s->g);
	if (!error)
		error = stream_create(s->ctx, t->fd, t->path, threads(flags), &s->out);
	if (!error)
		error = save_all(s, settings, !t->part);
	/* Of a pipe somebody has the end by now. */
	if (!error && !(t->fd == 1 && !fstat(1, &st) && S_ISFIFO(st.st_mode)))
		error = stood_still(s);
	if (!error)
		error = target_done(s, t);
	stream_out_free(s->out);
	guest_close(&s->g);
	return error;
}

static void tell_saving(struct hvctl_ctx *ctx, const struct xen_domctl_getdomaininfo *info,
			int lock, const struct target *t, bool saving)
{
	if (ctx->saving)
		ctx->saving(ctx->saving_data, info->domain, info->handle, lock, t->part, saving);
}

/* The guest goes on, after a checkpoint or after @error; returns what the caller has to know. */
static int go_on(struct saving *s, int error)
{
	struct hvctl_ctx *ctx = s->ctx;
	char why[sizeof(ctx->error)];
	int failed;

	memcpy(why, ctx->error, sizeof(why));
	/* The file has no name, or the reader of the pipe left before the end. */
	failed = s->marked ? outcome_forget(ctx, s->domid) : 0;
	if (!failed)
		failed = guest_resume(ctx, s->domid);
	if (!error)
		return failed;
	if (failed)
		return hvctl_fail(ctx, -error, "%s; and the guest does not go on: %s", why,
				  ctx->error);
	memcpy(ctx->error, why, sizeof(why));
	return error;
}

static int save(struct hvctl_ctx *ctx, uint32_t domid, const char *path, unsigned int flags,
		unsigned int seconds)
{
	struct saving s = { .ctx = ctx, .domid = domid,
			    .stays = flags & HVCTL_SAVE_CHECKPOINT };
	struct hvctl_config *config = NULL;
	struct xen_domctl_getdomaininfo info;
	struct target target = { .fd = -1 };
	char *settings = NULL;
	int lock, error = domain_not_dom0(ctx, domid, "save");

	if (!error)
		error = domain_need(ctx, domid, &info);
	if (error)
		return error;
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	lock = hvctl_lock_saving(ctx, domid);
	if (lock < 0)
		return lock;
	error = save_settings(ctx, domid, &config);
	if (!error) {
		settings = settings_text(config);
		error = settings ? target_open(ctx, path, &target) : hvctl_no_memory(ctx);
	}
	if (!error)
		error = pages_room(ctx, domid, threads(flags));
	if (!error) {
		/* From here on: we may be killed as soon as the guest has been asked. */
		tell_saving(ctx, &info, lock, &target, true);
		overlays_settled(info.handle);
		error = guest_suspend(ctx, domid, seconds, NULL, NULL);
		if (!error) {
			error = save_stopped(&s, &target, flags, settings);
			error = error || s.stays ? go_on(&s, error) : domain_remove(ctx, domid);
		}
		target_close(&target);
		tell_saving(ctx, &info, lock, &target, false);
	}
	target_close(&target);
	close(lock);
	free(settings);
	hvctl_config_free(config);
	if (!error)
		hvctl_step(ctx, "saved", 100);
	return error;
}

int hvctl_save(struct hvctl_ctx *ctx, uint32_t domid, const char *path, unsigned int flags,
	       unsigned int seconds)
{
	int error = save(ctx, domid, path, flags, seconds ? seconds : 60);

	ctx->cancelled = 0;
	return error;
}

int hvctl_save_undo(struct hvctl_ctx *ctx, uint32_t domid, const uint8_t uuid[16])
{
	struct xen_domctl_getdomaininfo info;
	int error = domain_need(ctx, domid, &info);

	if (error)
		return error;
	if (memcmp(info.handle, uuid, sizeof(info.handle)))
		return hvctl_fail(ctx, ESRCH, "domain %u is another one", domid);
	/* Without a store there is still the hypervisor. */
	hvctl_xs(ctx);
	if (info.flags & XEN_DOMINF_dying)
		return domain_remove(ctx, domid);
	switch (error = outcome_of(ctx, domid)) {
	case OUTCOME_NONE:
		return guest_let_go(ctx, domid);
	case OUTCOME_WHOLE:
		return domain_remove(ctx, domid);
	case OUTCOME_PERHAPS:
		return -EBUSY;
	default:
		return error;
	}
}

int hvctl_save_resume(struct hvctl_ctx *ctx, uint32_t domid)
{
	int lock, error = domain_not_dom0(ctx, domid, "resume");
	struct handover_record r;

	if (error)
		return error;
	if (!hvctl_xs(ctx))
		return -ECONNREFUSED;
	lock = hvctl_lock_saving(ctx, domid);
	if (lock < 0)
		return lock;
	error = outcome_of(ctx, domid);
	if (error == OUTCOME_WHOLE)
		error = hvctl_fail(ctx, EBUSY, "domain %u was saved, and its image is whole; it is "
				   "about to be destroyed (hvctl destroy %u)", domid, domid);
	/* Also one whose saving was killed before there was a mark, and that nobody minds. */
	else if (error >= 0 && (guest_suspended(ctx, domid) != 1 ||
		 (!error && migrate_holds(ctx, MIGRATE_LEAVING, domid, &r))))
		error = hvctl_fail(ctx, EINVAL, "domain %u is not kept for what was saved of it",
				   domid);
	else if (error == OUTCOME_PERHAPS)
		error = outcome_forget(ctx, domid);
	if (!error)
		error = guest_resume(ctx, domid);
	close(lock);
	return error;
}
