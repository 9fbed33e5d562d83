// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading what xl save of Xen 4.6 and later wrote of a PV guest: its header with the configuration,
 * libxl's stream, and in it libxc's (xen.git, docs/specs/libxl-migration-stream.pandoc and libxc-
 * migration-stream.pandoc). Page tables and vCPUs in it have pfns for mfns, as in ours.
 */
#include "save/xen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "internal.h"
#include "save/restore.h"

/* xl */
static const char xl_magic[IMAGE_HEAD] = "Xen saved domain, xl format\n \0 \r";
#define XL_BYTEORDER 0x01020304u
#define XL_JSON	     1u
#define XL_V2	     2u
#define XL_DATA_MAX  (1u << 20)
#define KIB_MAX	     (1ll << 34) /* 16 TiB */

/* libxl; the header's numbers are big-endian */
#define LIBXL_MAGIC   0x4c6962786c466d74ull
#define LIBXL_VERSION 2u
enum { LIBXL_END = 0, LIBXL_LIBXC = 1, LIBXL_LAST = 5 };

/* libxc; the same */
#define LIBXC_ID 0x58454e46u
#define LIBXC_PV 1u
enum {
	X_END = 0,
	X_PAGES = 1,
	X_PV_INFO = 2,
	X_P2M = 3,
	X_VCPU = 4,
	X_VCPU_EXT = 5,
	X_VCPU_XSAVE = 6,
	X_SHARED = 7,
	X_TSC = 8,
	X_VCPU_MSRS = 0xc,
	X_VERIFY = 0xd,
	X_STATIC_END = 0x10,
	X_LEAVES = 0x11,
	X_MSRS = 0x12,
};
#define OPTIONAL (1u << 31) /* a record that may be skipped */

/* What a page is used for, in the four top bits of its pfn. */
enum { P_LAST_TABLE = 4, P_PINNED = 8, P_BROKEN = 0xd, P_ALLOC = 0xe, P_NONE = 0xf };
#define P_TYPE(e) ((unsigned int)((e) >> 60))
#define P_PFN(e)  ((e) & ((1ull << 52) - 1))

/* CPUID, "extended features 2" */
#define XEN_EXTENDED_2	0x80000021u

struct record {
	uint32_t type, length;
};

struct state {
	struct image *i;
	uint32_t domid;
	uint32_t width;
	bool static_end; /* has come */
	void *leaves, *msrs;
	size_t leaves_len, msrs_len;
	uint8_t *body;
	size_t room;
};

static int bad(struct image *i, const char *what)
{
	return hvctl_fail(i->ctx, EINVAL, "%s is not what xl save writes of a PV guest: %s",
			  i->name, what);
}

static int get(struct image *i, void *to, size_t len)
{
	long n = read_whole_or_cancel(i->ctx, i->fd, to, len);

	if (n == -EINTR)
		return hvctl_cancelled(i->ctx);
	if (n < 0)
		return hvctl_fail(i->ctx, (int)-n, "cannot read %s: %s", i->name,
				  strerror((int)-n));
	return n == (long)len ? 0
			      : hvctl_fail(i->ctx, EINVAL,
					   "%s ends in the middle; take another "
					   "copy",
					   i->name);
}

/* The body of a record with what pads it to 8 bytes; room grows as bytes come. */
static int get_body(struct state *s, uint32_t length)
{
	size_t all = ((size_t)length + 7) & ~(size_t)7, have = 0;
	int error = 0;

	if (length > STREAM_MAX)
		return bad(s->i, "a record is too long");
	/* There is a place to point into even before the first record with a body. */
	if (!s->body) {
		s->body = malloc(8);
		if (!s->body)
			return hvctl_no_memory(s->i->ctx);
		s->room = 8;
	}
	while (!error && have < all) {
		size_t n = all - have < (256u << 10) ? all - have : 256u << 10;

		if (s->room < have + n) {
			uint8_t *more = realloc(s->body, have + n);

			if (!more)
				return hvctl_no_memory(s->i->ctx);
			s->body = more;
			s->room = have + n;
		}
		error = get(s->i, s->body + have, n);
		have += n;
	}
	return error;
}

/* ---- the configuration ---- */

/* Lines of a configuration file. */
struct text {
	char *at;
	size_t len;
	bool wrong;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	va_list args;
	char *line, *more;
	int n;

	va_start(args, format);
	n = vasprintf(&line, format, args);
	va_end(args);
	more = n < 0 ? NULL : realloc(t->at, t->len + (size_t)n + 1);
	if (more) {
		t->at = more;
		memcpy(t->at + t->len, line, (size_t)n + 1);
		t->len += (size_t)n;
	} else {
		t->wrong = true;
	}
	if (n >= 0)
		free(line);
}

/* A text that means itself between quotation marks. */
static const char *plain(struct text *t, const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	for (const char *p = s; p && *p; p++)
		if (*p == '"' || *p == '\\' || *p == '\'' || (unsigned char)*p < ' ')
			t->wrong = true;
	return s;
}

static void add_key(struct text *t, const json_t *o, const char *from, const char *key)
{
	const char *s = plain(t, o, from);

	if (s)
		add(t, "%s = \"%s\"\n", key, s);
}

/* libxl has numbers, "True" and true for a yes. */
static bool yes(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_true(v) || json_integer_value(v) ||
	       (json_is_string(v) && !strcmp(json_string_value(v), "True"));
}

static void add_devices(struct text *t, const json_t *o)
{
	const json_t *disks = json_object_get(o, "disks"), *nics = json_object_get(o, "nics");
	size_t i;

	add(t, "disk = [");
	for (i = 0; i < json_array_size(disks); i++) {
		const json_t *e = json_array_get(disks, i);
		const char *path = plain(t, e, "pdev_path"), *vdev = plain(t, e, "vdev");

		if (!path || !vdev || strchr(path, ',') || strchr(vdev, ','))
			t->wrong = true;
		add(t, "\"%s,raw,%s,%s\", ", path ? path : "", vdev ? vdev : "",
		    yes(e, "readwrite") ? "rw" : "r");
	}
	add(t, "]\nvif = [");
	for (i = 0; i < json_array_size(nics); i++) {
		const json_t *e = json_array_get(nics, i);
		const char *mac = plain(t, e, "mac"), *bridge = plain(t, e, "bridge");

		if (!mac || strchr(mac, ',') || (bridge && strchr(bridge, ',')))
			t->wrong = true;
		add(t, "\"mac=%s%s%s\", ", mac ? mac : "", bridge ? ",bridge=" : "",
		    bridge ? bridge : "");
	}
	add(t, "]\n");
}

static int convert(struct image *i, const json_t *o, struct hvctl_config **config)
{
	const json_t *c = json_object_get(o, "c_info"), *b = json_object_get(o, "b_info");
	json_int_t max = json_integer_value(json_object_get(b, "max_memkb")),
		   now = json_integer_value(json_object_get(b, "target_memkb")),
		   vcpus = json_integer_value(json_object_get(b, "max_vcpus"));
	struct text t = { 0 };
	int error;

	if (max < 0 || max > KIB_MAX || now < 0 || now > KIB_MAX)
		return bad(i, "its memory is more than any guest has");
	if (!now)
		now = max;
	add_key(&t, c, "name", "name");
	add_key(&t, c, "uuid", "uuid");
	if (!json_object_get(b, "kernel"))
		add(&t, "kernel = \"/\"\n");
	add_key(&t, b, "kernel", "kernel");
	add_key(&t, b, "ramdisk", "ramdisk");
	add_key(&t, b, "cmdline", "cmdline");
	add(&t, "memory = %lld\nmaxmem = %lld\nvcpus = %lld\n", (long long)((now + 1023) / 1024),
	    (long long)((max + 1023) / 1024), (long long)(vcpus ? vcpus : 1));
	add_key(&t, o, "on_poweroff", "on_poweroff");
	add_key(&t, o, "on_reboot", "on_reboot");
	add_key(&t, o, "on_crash", "on_crash");
	add_devices(&t, o);
	error = t.wrong ? bad(i, "its configuration has a value that cannot be taken over")
			: hvctl_config_parse(i->ctx, i->name, t.at, t.len, NULL, config);
	free(t.at);
	return error;
}

static int parse(struct image *i, const char *text, size_t len, struct hvctl_config **config)
{
	json_error_t why;
	json_t *o = json_loadb(text, strnlen(text, len), 0, &why);
	int error;

	if (!o)
		return bad(i, "its configuration is no JSON");
	error = convert(i, o, config);
	json_decref(o);
	return error;
}

bool xen_is_image(const void *head)
{
	return !memcmp(head, xl_magic, sizeof(xl_magic));
}

int xen_config(struct image *i, struct hvctl_config **config)
{
	struct {
		uint32_t byteorder, mandatory, optional, length;
	} h;
	uint32_t len;
	char *data;
	int error = get(i, &h, sizeof(h));

	if (error)
		return error;
	if (h.byteorder != XL_BYTEORDER)
		return bad(i, "its bytes are in another order");
	if (!(h.mandatory & XL_V2))
		return bad(i, "it is older than Xen 4.6; convert it with convert-legacy-stream");
	if (h.mandatory & ~(XL_JSON | XL_V2) || !(h.mandatory & XL_JSON))
		return bad(i, "it has a part that is not known");
	if (h.length < sizeof(len) || h.length > XL_DATA_MAX)
		return bad(i, "its configuration is too long, or missing");
	data = malloc(h.length);
	if (!data)
		return hvctl_no_memory(i->ctx);
	error = get(i, data, h.length);
	memcpy(&len, data, sizeof(len));
	if (!error && len > h.length - sizeof(len))
		error = bad(i, "its configuration is cut off");
	if (!error)
		error = parse(i, data + sizeof(len), len, config);
	free(data);
	return error;
}

/* ---- libxc's stream ---- */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool has_content(unsigned int type)
{
	return type <= P_LAST_TABLE || (type > P_PINNED && type <= P_PINNED + P_LAST_TABLE);
}

static int take_pages(struct state *s, uint32_t length)
{
	struct {
		uint32_t count, zero;
	} h;
	struct fill *f = &s->i->fill;
	uint64_t pfns[PAGES_MAX];
	const uint64_t *entry = (const uint64_t *)(s->body + sizeof(h));
	const uint8_t *data;
	unsigned int n = 0, pages = 0;
	int error;

	if (!f->mfn || length < sizeof(h))
		return bad(s->i, "it has pages before it says how many there can be");
	memcpy(&h, s->body, sizeof(h));
	if (h.count > PAGES_MAX || length < sizeof(h) + h.count * sizeof(uint64_t))
		return bad(s->i, "a record of pages has another length than it says");
	for (uint32_t k = 0; k < h.count; k++) {
		unsigned int type = P_TYPE(entry[k]);

		if (!has_content(type) && type < P_BROKEN)
			return bad(s->i, "a page is of a kind that there is not");
		pages += has_content(type);
		if (has_content(type) || type == P_ALLOC)
			pfns[n++] = P_PFN(entry[k]);
	}
	if (length != sizeof(h) + h.count * sizeof(uint64_t) + (uint64_t)pages * FRAME_SIZE)
		return bad(s->i, "a record of pages has another length than it says");
	qsort(pfns, n, sizeof(pfns[0]), compare);
	error = fill_populate(f, pfns, n);
	data = (const uint8_t *)(entry + h.count);
	for (uint32_t k = 0; !error && k < h.count; k++) {
		unsigned int type = P_TYPE(entry[k]);
		uint8_t as = (uint8_t)((type & 7) | (type & P_PINNED ? GUEST_PINNED : 0));

		if (has_content(type)) {
			error = fill_page(f, P_PFN(entry[k]), as, data);
			data += FRAME_SIZE;
		} else if (type == P_ALLOC) {
			error = fill_page(f, P_PFN(entry[k]), 0, NULL);
		}
	}
	return error;
}

static int take_list(struct state *s, uint32_t length)
{
	struct {
		uint32_t first, last;
	} h;
	int error;

	if (s->i->fill.mfn || length < sizeof(h) || length % sizeof(uint64_t))
		return bad(s->i, "its list of frames comes twice, or is cut off");
	memcpy(&h, s->body, sizeof(h));
	if (h.first || h.last == UINT32_MAX)
		return bad(s->i, "its list of frames does not begin at its beginning");
	error = fill_begin(&s->i->fill, s->domid, s->width, (uint64_t)h.last + 1);
	return error ? error
		     : fill_list(&s->i->fill, (const uint64_t *)(s->body + sizeof(h)),
				 (length - sizeof(h)) / sizeof(uint64_t));
}

static int take_vcpu(struct state *s, uint32_t type, uint32_t length)
{
	struct record_vcpu r;

	if (length < sizeof(r))
		return bad(s->i, "a vCPU's state is too short");
	memcpy(&r, s->body, sizeof(r));
	length -= (uint32_t)sizeof(r);
	/* Xen 4.6 to 4.8 wrote empty ones. */
	if (!length)
		return 0;
	return fill_keep(&s->i->fill, r.vcpu,
			 type == X_VCPU_MSRS ? FILL_MSRS : FILL_CONTEXT + (type - X_VCPU),
			 s->body + sizeof(r), length);
}

/*
 * Xen says of every guest that it has all leaves that there are, and leaves those empty that the
 * machine has not. Less is the same: the last leaf becomes the last that has anything in it.
 */
static void shorten(struct xen_cpuid_leaf *leaf, size_t count, uint32_t first)
{
	struct xen_cpuid_leaf *head = NULL;
	uint32_t last = first;

	for (size_t n = 0; n < count; n++) {
		if (leaf[n].leaf < first || leaf[n].leaf > first + 0xffff)
			continue;
		/* Xen adds to the machine's, for mitigations that a kernel chose when it booted. */
		if (leaf[n].leaf == XEN_EXTENDED_2)
			leaf[n].a = 0;
		if (leaf[n].leaf == first)
			head = &leaf[n];
		else if ((leaf[n].a | leaf[n].b | leaf[n].c | leaf[n].d) && leaf[n].leaf > last)
			last = leaf[n].leaf;
	}
	if (head && head->a > last)
		head->a = last;
}

static int take_policy(struct state *s)
{
	struct fill *f = &s->i->fill;
	size_t count = s->leaves_len / sizeof(struct xen_cpuid_leaf);

	if (s->static_end)
		return bad(s->i, "its CPU policy comes twice");
	s->static_end = true;
	if (!s->leaves)
		return 0;
	f->domid = s->domid;
	shorten(s->leaves, count, 0);
	shorten(s->leaves, count, 0x80000000);
	/*
	 * Xen tells PV guests of features that are its own or that nobody has any more. What this
	 * machine would tell a new guest is no less than what a kernel needs that runs on it.
	 */
	if (fill_cpu_policy(f, s->leaves, s->leaves_len, s->msrs ? s->msrs : "", s->msrs_len))
		hvctl_warn(s->i->ctx,
			   "%s; it is shown what guests are shown here, and may miss what it uses",
			   s->i->ctx->error);
	return 0;
}

static int keep(struct state *s, void **to, size_t *to_len, uint32_t length)
{
	if (*to || length > FILL_POLICY_MAX)
		return bad(s->i, "its CPU policy comes twice, or is too long");
	*to = malloc((size_t)length + 1);
	if (!*to)
		return hvctl_no_memory(s->i->ctx);
	memcpy(*to, s->body, length);
	*to_len = length;
	return 0;
}

static int take(struct state *s, const struct record *r)
{
	struct {
		uint32_t mode, khz;
		uint64_t ns;
	} tsc;
	struct fill *f = &s->i->fill;

	switch (r->type) {
	case X_PV_INFO:
		if (r->length < 2)
			return bad(s->i, "its description is too short");
		s->width = s->body[0];
		return 0;
	case X_LEAVES:
		return keep(s, &s->leaves, &s->leaves_len, r->length);
	case X_MSRS:
		return keep(s, &s->msrs, &s->msrs_len, r->length);
	case X_STATIC_END:
		return take_policy(s);
	case X_P2M:
		return take_list(s, r->length);
	case X_PAGES:
		hvctl_step(s->i->ctx, "filling its memory",
			   10 + (unsigned int)(f->nr_pages * 60 / (f->nr_pfns + 1)));
		return take_pages(s, r->length);
	case X_TSC:
		if (r->length < sizeof(tsc))
			return bad(s->i, "its clock is too short");
		memcpy(&tsc, s->body, sizeof(tsc));
		f->tsc_mode = tsc.mode;
		f->tsc_khz = tsc.khz;
		f->elapsed_ns = tsc.ns;
		return 0;
	case X_SHARED:
		if (r->length != FRAME_SIZE)
			return bad(s->i, "its shared page has another size");
		memcpy(f->shared, s->body, FRAME_SIZE);
		f->have_shared = true;
		return 0;
	case X_VCPU:
	case X_VCPU_EXT:
	case X_VCPU_XSAVE:
	case X_VCPU_MSRS:
		return take_vcpu(s, r->type, r->length);
	case X_VERIFY:
		return 0;
	default:
		return r->type & OPTIONAL ? 0 : bad(s->i, "it has a record that is not known");
	}
}

static int libxc(struct state *s)
{
	struct {
		uint64_t marker;
		uint32_t id, version;
		uint16_t options, zero[3];
	} image;
	struct {
		uint32_t type;
		uint16_t page_shift, zero;
		uint32_t major, minor;
	} domain;
	struct record r;
	int error = get(s->i, &image, sizeof(image));

	if (!error)
		error = get(s->i, &domain, sizeof(domain));
	if (error)
		return error;
	if (image.marker != ~0ull || __builtin_bswap32(image.id) != LIBXC_ID || image.options)
		return bad(s->i, "its memory is in no form that is known");
	if (__builtin_bswap32(image.version) != 2 && __builtin_bswap32(image.version) != 3)
		return bad(s->i, "its memory is in a form of another version");
	if (domain.type != LIBXC_PV || domain.page_shift != FRAME_SHIFT)
		return bad(s->i, "the guest is of another kind");
	do {
		error = get(s->i, &r, sizeof(r));
		if (!error)
			error = get_body(s, r.length);
		if (!error && r.type != X_END)
			error = take(s, &r);
	} while (!error && r.type != X_END);
	return error;
}

/* ---- libxl's ---- */

static int libxl(struct state *s)
{
	struct {
		uint64_t id;
		uint32_t version, options;
	} h;
	struct record r;
	bool memory = false;
	int error = get(s->i, &h, sizeof(h));

	if (error)
		return error;
	if (__builtin_bswap64(h.id) != LIBXL_MAGIC ||
	    __builtin_bswap32(h.version) != LIBXL_VERSION || h.options)
		return bad(s->i, "it is in a form of another version");
	do {
		error = get(s->i, &r, sizeof(r));
		if (!error)
			error = get_body(s, r.length);
		if (!error && r.type == LIBXL_LIBXC) {
			if (memory)
				return bad(s->i, "it has its memory twice");
			memory = true;
			error = libxc(s);
		} else if (!error && r.type > LIBXL_LAST && !(r.type & OPTIONAL)) {
			error = bad(s->i, "it has a record that is not known");
		}
	} while (!error && r.type != LIBXL_END);
	return error || memory ? error : bad(s->i, "it has no memory");
}

int xen_fill(struct image *i, uint32_t domid, struct domain_rings *rings)
{
	struct state s = { .i = i, .domid = domid };
	int error = libxl(&s);

	free(s.leaves);
	free(s.msrs);
	free(s.body);
	return error ? error : fill_finish(&i->fill, rings);
}
