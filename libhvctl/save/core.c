// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A guest as an ELF core, for crash and its like. The form is the one that xl dump-core writes:
 * ELF64 of type ET_CORE with sections and no segments, since pages of a PV guest have two numbers
 * each. All of it is known before the first byte, so that it can go down a pipe.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain.h"
#include "pv-abi/compat.h"
#include "pv-abi/elfnote.h"
#include "pv-abi/version.h"
#include "pv-abi/wide.h"
#include "save/guest.h"
#include "save/pipe.h"

#define BATCH 1024u

/* In their order in the file, behind the ELF header and these headers. */
enum { NONE, NAMES, NOTES, CONTEXTS, SHARED, P2M, PAGES, NR_SECTIONS };

static const char names[] = "\0.shstrtab\0.note.Xen\0.xen_prstatus\0.xen_shared_info\0.xen_p2m\0"
			    ".xen_pages";

/* The notes' descriptions. */
#define CORE_MAGIC 0xf00febedull /* of a PV guest */

struct note {
	uint32_t name_size, size, type;
	char name[4];
};

struct notes {
	struct note none, head_note;
	struct {
		uint64_t magic, vcpus, pages, page_size;
	} head;
	struct note version_note;
	struct {
		uint64_t major, minor;
		xen_extraversion_t extra;
		struct xen_compile_info compile;
		xen_capabilities_info_t capabilities;
		xen_changeset_info_t changeset;
		uint64_t virt_start, page_size;
	} version;
	struct note format_note;
	uint64_t format;
};
_Static_assert(sizeof(struct notes) == 4 * 16 + 32 + 1280 + 8, "as the format says");

struct entry {
	uint64_t pfn, mfn;
};

struct core {
	struct hvctl_ctx *ctx;
	struct guest g;
	const char *name;	/* of the file, for messages */
	int fd;
	bool sparse;		/* zeros may be holes */
	bool waits;		/* for whoever reads it */
	uint64_t hole;		/* bytes that were not written, at the end so far */
	uint32_t nr_vcpus;
	size_t context;		/* bytes of each */
	Elf64_Shdr section[NR_SECTIONS];
};

static int refused(const struct core *c, int error)
{
	return hvctl_fail(c->ctx, -error, "cannot write %s: %s; see whether there is room", c->name,
			  strerror(-error));
}

static int put(struct core *c, const void *data, size_t len)
{
	const uint8_t *p = data;

	if (c->hole && lseek(c->fd, (off_t)c->hole, SEEK_CUR) < 0)
		return refused(c, -errno);
	c->hole = 0;
	while (len) {
		int error = c->waits ? pipe_await_room(c->ctx, c->fd) : 0;
		ssize_t n;

		if (error)
			return error;
		n = write(c->fd, p, c->waits && len > PIPE_PIECE ? PIPE_PIECE : len);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return refused(c, n ? -errno : -ENOSPC);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int skip(struct core *c, size_t len)
{
	static const uint8_t zeros[FRAME_SIZE];
	int error = 0;

	if (c->sparse) {
		c->hole += len;
		return 0;
	}
	for (; !error && len > FRAME_SIZE; len -= FRAME_SIZE)
		error = put(c, zeros, FRAME_SIZE);
	return error ? error : put(c, zeros, len);
}

/* ------------------------------------------------------------------------------------------------
 * What is in front of the pages
 */

static void lay_out(struct core *c)
{
	const struct {
		uint32_t type;
		uint64_t size, align, entry;
	} is[NR_SECTIONS] = {
		[NAMES] = { SHT_STRTAB, sizeof(names), 1, 0 },
		[NOTES] = { SHT_NOTE, sizeof(struct notes), 8, 0 },
		[CONTEXTS] = { SHT_PROGBITS, c->nr_vcpus * c->context, 8, c->context },
		[SHARED] = { SHT_PROGBITS, FRAME_SIZE, 8, FRAME_SIZE },
		[P2M] = { SHT_PROGBITS, c->g.nr_pages * sizeof(struct entry), 8,
			  sizeof(struct entry) },
		[PAGES] = { SHT_PROGBITS, c->g.nr_pages * FRAME_SIZE, FRAME_SIZE, FRAME_SIZE },
	};
	uint64_t at = sizeof(Elf64_Ehdr) + sizeof(c->section);
	uint32_t name = 0;

	for (unsigned int i = 1; i < NR_SECTIONS; i++) {
		name += (uint32_t)strlen(names + name) + 1;
		at = (at + is[i].align - 1) & ~(is[i].align - 1);
		c->section[i] = (Elf64_Shdr){
			.sh_name = name, .sh_type = is[i].type, .sh_offset = at,
			.sh_size = is[i].size, .sh_addralign = is[i].align,
			.sh_entsize = is[i].entry,
		};
		at += is[i].size;
	}
}

static int put_headers(struct core *c)
{
	Elf64_Ehdr h = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT, ELFOSABI_SYSV, EV_CURRENT },
		.e_type = ET_CORE,
		/* What tells whose words they are; the file is ELF64 for both. */
		.e_machine = c->g.width == 8 ? EM_X86_64 : EM_386,
		.e_version = EV_CURRENT,
		.e_shoff = sizeof(h),
		.e_ehsize = sizeof(h),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = NR_SECTIONS,
		.e_shstrndx = NAMES,
	};
	int error = put(c, &h, sizeof(h));

	return error ? error : put(c, c->section, sizeof(c->section));
}

/* To the section @i from the end of the one before. */
static int pad(struct core *c, unsigned int i)
{
	uint64_t end = i == NAMES ? sizeof(Elf64_Ehdr) + sizeof(c->section)
				  : c->section[i - 1].sh_offset + c->section[i - 1].sh_size;

	return skip(c, c->section[i].sh_offset - end);
}

static struct note note_of(uint32_t type, size_t size)
{
	return (struct note){ 4, (uint32_t)size, type, "Xen" };
}

/* Texts that are withheld are empty. */
static void ask_version(struct core *c, unsigned int cmd, void *to, size_t size)
{
	void *buf = hypercall_alloc(c->ctx, size);

	if (buf && hypercall(c->ctx, __HYPERVISOR_xen_version, cmd, (uint64_t)(uintptr_t)buf, 0, 0,
			     0) >= 0)
		memcpy(to, buf, size);
	hypercall_free(c->ctx, buf, size);
}

static int put_notes(struct core *c)
{
	long version = hypercall(c->ctx, __HYPERVISOR_xen_version, XENVER_version, 0, 0, 0, 0);
	struct notes *n = calloc(1, sizeof(*n));
	int error;

	if (!n)
		return hvctl_no_memory(c->ctx);
	n->none = note_of(XEN_ELFNOTE_DUMPCORE_NONE, 0);
	n->head_note = note_of(XEN_ELFNOTE_DUMPCORE_HEADER, sizeof(n->head));
	n->head.magic = CORE_MAGIC;
	n->head.vcpus = c->nr_vcpus;
	n->head.pages = c->g.nr_pages;
	n->head.page_size = FRAME_SIZE;
	n->version_note = note_of(XEN_ELFNOTE_DUMPCORE_XEN_VERSION, sizeof(n->version));
	if (version >= 0) {
		n->version.major = (uint64_t)version >> 16;
		n->version.minor = (uint64_t)version & 0xffff;
	}
	ask_version(c, XENVER_extraversion, n->version.extra, sizeof(n->version.extra));
	ask_version(c, XENVER_compile_info, &n->version.compile, sizeof(n->version.compile));
	ask_version(c, XENVER_capabilities, n->version.capabilities,
		    sizeof(n->version.capabilities));
	ask_version(c, XENVER_changeset, n->version.changeset, sizeof(n->version.changeset));
	ask_version(c, XENVER_platform_parameters, &n->version.virt_start,
		    sizeof(struct xen_platform_parameters));
	n->version.page_size = FRAME_SIZE;
	n->format_note = note_of(XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION, sizeof(n->format));
	n->format = 1;
	error = put(c, n, sizeof(*n));
	free(n);
	return error;
}

/* A vCPU that was never brought up has zeros. */
static int put_contexts(struct core *c)
{
	union {
		struct wide_vcpu_guest_context wide;
		struct compat_vcpu_guest_context narrow;
	} *context = hypercall_alloc(c->ctx, sizeof(*context));
	int error = context ? 0 : -ENOMEM;

	for (uint32_t i = 0; !error && i < c->nr_vcpus; i++) {
		struct xen_domctl op = { .cmd = XEN_DOMCTL_getvcpucontext,
					 .domain = (domid_t)c->g.domid };

		memset(context, 0, sizeof(*context));
		op.u.vcpucontext.vcpu = i;
		op.u.vcpucontext.ctxt = (uint64_t)(uintptr_t)context;
		error = do_domctl(c->ctx, &op);
		if (error == -ENODATA)
			error = 0;
		if (error)
			hvctl_fail(c->ctx, -error,
				   "the hypervisor does not tell the state of vCPU %u of domain "
				   "%u: %s", i, c->g.domid, strerror(-error));
		else
			error = put(c, context, c->context);
	}
	hypercall_free(c->ctx, context, sizeof(*context));
	return error;
}

static int put_p2m(struct core *c)
{
	struct entry list[FRAME_SIZE / sizeof(struct entry)];
	unsigned int n = 0;
	int error = 0;

	for (uint64_t pfn = 0; !error && pfn < c->g.nr_pfns; pfn++) {
		if (c->g.mfn[pfn] == NO_MFN)
			continue;
		list[n++] = (struct entry){ pfn, c->g.mfn[pfn] };
		if (n < sizeof(list) / sizeof(list[0]))
			continue;
		error = put(c, list, sizeof(list));
		n = 0;
	}
	return error ? error : put(c, list, n * sizeof(list[0]));
}

/* ------------------------------------------------------------------------------------------------
 * Pages
 */

/*
 * Once: what is judged and what is written is one copy. A page that cannot be had any more, since
 * it was given back meanwhile, is zero.
 */
static void copy_pages(struct core *c, const xen_pfn_t *mfns, unsigned int n, uint8_t *to)
{
	void *p = foreign_map(c->ctx, c->g.domid, PROT_READ, mfns, n);

	if (p) {
		memcpy(to, p, (size_t)n * FRAME_SIZE);
		foreign_unmap(p, n);
	} else if (n == 1) {
		memset(to, 0, FRAME_SIZE);
	} else {
		copy_pages(c, mfns, n / 2, to);
		copy_pages(c, mfns + n / 2, n - n / 2, to + (size_t)(n / 2) * FRAME_SIZE);
	}
}

static bool is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, FRAME_SIZE - 1);
}

static int put_batch(struct core *c, const xen_pfn_t *mfns, unsigned int n, uint8_t *copy)
{
	unsigned int first = 0, i;
	int error = 0;

	copy_pages(c, mfns, n, copy);
	for (i = 0; !error && i < n; i++) {
		if (!is_zero(copy + (size_t)i * FRAME_SIZE))
			continue;
		if (first < i)
			error = put(c, copy + (size_t)first * FRAME_SIZE,
				    (size_t)(i - first) * FRAME_SIZE);
		if (!error)
			error = skip(c, FRAME_SIZE);
		first = i + 1;
	}
	if (!error && first < n)
		error = put(c, copy + (size_t)first * FRAME_SIZE, (size_t)(n - first) * FRAME_SIZE);
	return error;
}

static int put_pages(struct core *c)
{
	uint8_t *copy = malloc((size_t)BATCH * FRAME_SIZE);
	xen_pfn_t mfns[BATCH];
	uint64_t done = 0, pfn;
	unsigned int n = 0;
	int error = copy ? 0 : hvctl_no_memory(c->ctx);

	for (pfn = 0; !error && pfn <= c->g.nr_pfns; pfn++) {
		if (pfn < c->g.nr_pfns && c->g.mfn[pfn] != NO_MFN)
			mfns[n++] = (xen_pfn_t)c->g.mfn[pfn];
		if (!n || (n < BATCH && pfn < c->g.nr_pfns))
			continue;
		error = hvctl_cancelled(c->ctx);
		if (!error)
			error = put_batch(c, mfns, n, copy);
		done += n;
		n = 0;
		hvctl_step(c->ctx, "writing its memory",
			   (unsigned int)(done * 99 / (c->g.nr_pages + 1)));
	}
	free(copy);
	/* A file ends behind its last hole. */
	if (!error && c->hole) {
		off_t at = lseek(c->fd, 0, SEEK_CUR);

		if (at < 0 || ftruncate(c->fd, at + (off_t)c->hole))
			error = refused(c, -errno);
	}
	return error;
}

static int put_all(struct core *c)
{
	static int (*const parts[NR_SECTIONS])(struct core *c) = {
		[NOTES] = put_notes, [CONTEXTS] = put_contexts, [P2M] = put_p2m,
		[PAGES] = put_pages,
	};
	int error;

	lay_out(c);
	error = put_headers(c);
	for (unsigned int i = NAMES; !error && i < NR_SECTIONS; i++) {
		error = pad(c, i);
		if (error)
			break;
		if (i == NAMES)
			error = put(c, names, sizeof(names));
		else if (i == SHARED)
			error = put(c, c->g.shared, FRAME_SIZE);
		else
			error = parts[i](c);
	}
	return error;
}

/* ------------------------------------------------------------------------------------------------
 * The whole
 */

/* What looks at a guest speaks of saving it. */
static int look(struct core *c, uint32_t domid)
{
	int error = guest_look_live(c->ctx, domid, &c->g);
	static const char other[] = "cannot be saved: ";
	const char *at = error ? strstr(c->ctx->error, other) : NULL;
	char why[sizeof(c->ctx->error)];

	if (at) {
		snprintf(why, sizeof(why), "%s", at + strlen(other));
		hvctl_fail(c->ctx, -error, "domain %u cannot be dumped: %.400s", domid, why);
	}
	if (error)
		return error;
	c->nr_vcpus = c->g.info.max_vcpu_id + 1;
	c->context = c->g.width == 8 ? sizeof(struct wide_vcpu_guest_context)
				     : sizeof(struct compat_vcpu_guest_context);
	return 0;
}

static int dump(struct core *c, const struct xen_domctl_getdomaininfo *info)
{
	bool pause = !(info->flags & (XEN_DOMINF_shutdown | XEN_DOMINF_paused));
	struct xen_domctl_getdomaininfo now;
	uint32_t domid = info->domain;
	char why[sizeof(c->ctx->error)];
	int error = pause ? domain_simple(c->ctx, domid, XEN_DOMCTL_pausedomain, "pause") : 0;

	if (error)
		return error;
	error = look(c, domid);
	if (!error)
		error = put_all(c);
	/* Of one that is destroyed meanwhile pages are zero that were not. */
	if (!error && (domain_record(c->ctx, domid, &now) || now.flags & XEN_DOMINF_dying))
		error = hvctl_fail(c->ctx, ESRCH, "domain %u was destroyed meanwhile", domid);
	guest_close(&c->g);
	memcpy(why, c->ctx->error, sizeof(why));
	if (pause && domain_simple(c->ctx, domid, XEN_DOMCTL_unpausedomain, "start"))
		hvctl_warn(c->ctx, "domain %u stays paused: %s", domid, c->ctx->error);
	memcpy(c->ctx->error, why, sizeof(why));
	return error;
}

static int on_terminal(const struct core *c)
{
	return hvctl_fail(c->ctx, EINVAL, "%s is a terminal, which has no use for a core; give a "
			  "file", c->name);
}

/* So that the name is there after a power cut as well; some file systems have no such thing. */
static void sync_directory(const char *name)
{
	const char *slash = strrchr(name, '/');
	char *dir = slash ? strndup(name, (size_t)(slash - name) + 1) : strdup(".");
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(dir);
}

/* What may be replaced: an earlier one, or an empty file that somebody made for it. */
static bool is_core(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr h;
	ssize_t n = fd < 0 ? -1 : read(fd, &h, sizeof(h));

	if (fd >= 0)
		close(fd);
	return !n || (n == sizeof(h) && !memcmp(h.e_ident, ELFMAG, SELFMAG) &&
		      h.e_type == ET_CORE);
}

/* Under another name until it is whole; what is no file gets it as it comes. */
static int to_file(struct core *c, const struct xen_domctl_getdomaininfo *info)
{
	struct stat st;
	bool there = !stat(c->name, &st);
	char *name = NULL;
	int error;

	if (there && !S_ISREG(st.st_mode)) {
		/* Nobody waits for a reader; what is in use by somebody is not written over. */
		c->fd = open(c->name, O_WRONLY | O_CLOEXEC | O_NONBLOCK |
				      (S_ISBLK(st.st_mode) ? O_EXCL : 0));
		c->waits = S_ISFIFO(st.st_mode);
		if (c->fd < 0 && errno == ENXIO && c->waits)
			return hvctl_fail(c->ctx, ENXIO, "nobody reads the pipe %s; start what "
					  "does first", c->name);
	} else {
		if (there && !is_core(c->name))
			return hvctl_fail(c->ctx, EEXIST, "%s is there already and is no core; "
					  "give another name, or remove it", c->name);
		if (asprintf(&name, "%s.part", c->name) < 0)
			return hvctl_no_memory(c->ctx);
		/* Of who was killed: of one name there is one at most. */
		unlink(name);
		c->fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		c->sparse = true;
	}
	if (c->fd < 0) {
		error = hvctl_fail(c->ctx, errno, "cannot open %s: %s; check the path", c->name,
				   strerror(errno));
		free(name);
		return error;
	}
	error = isatty(c->fd) ? on_terminal(c) : dump(c, info);
	if (!error && name && (fsync(c->fd) || rename(name, c->name)))
		error = refused(c, -errno);
	if (close(c->fd) && !error)
		error = refused(c, -errno);
	if (!error && name)
		sync_directory(c->name);
	if (error && name)
		unlink(name);
	free(name);
	return error;
}

int hvctl_crash_dump(struct hvctl_ctx *ctx, uint32_t domid, const char *path)
{
	struct core *c = calloc(1, sizeof(*c));
	struct xen_domctl_getdomaininfo info;
	struct stat st;
	int saving = -1, error = domain_not_dom0(ctx, domid, "dump");

	if (!c)
		return hvctl_no_memory(ctx);
	if (!error) {
		saving = hvctl_lock_saving(ctx, domid);
		error = saving < 0 ? saving : 0;
	}
	/* Whoever has the lock may have paused it until now. */
	if (!error)
		error = domain_need(ctx, domid, &info);
	if (!error && info.flags & XEN_DOMINF_dying)
		error = hvctl_fail(ctx, ESRCH, "domain %u is being destroyed, and cannot be dumped "
				   "any more", domid);
	if (!error && info.flags & XEN_DOMINF_hvm_guest)
		error = hvctl_fail(ctx, EOPNOTSUPP, "domain %u is a PVH one, and only PV ones can "
				   "be dumped", domid);
	if (!error) {
		c->ctx = ctx;
		c->name = strcmp(path, "-") ? path : "standard output";
		c->fd = 1;
		c->waits = !fstat(1, &st) && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
		if (strcmp(path, "-"))
			error = to_file(c, &info);
		else
			error = isatty(1) ? on_terminal(c) : dump(c, &info);
	}
	if (saving >= 0)
		close(saving);
	ctx->cancelled = 0;
	if (!error)
		hvctl_step(ctx, "done", 100);
	free(c);
	return error;
}
