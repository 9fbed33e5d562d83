// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libhvctl/save/core.c libhvctl/context.c
// libs: -Wl,--wrap=hvctl_lock_saving
/*
 * Cores: what is written is what the guest has, for a reader that knows the format only; zeros
 * take no room in a file and are zeros in a pipe; whatever fails, there is no file and the guest
 * goes on.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "domain.h"
#include "pv-abi/compat.h"
#include "pv-abi/version.h"
#include "pv-abi/wide.h"
#include "save/guest.h"
#include "suite.h"
#include "xs.h"

#define PFNS	3000u
#define MFN(p)	((p) * 7 + 5)
#define GONE	MFN(2000)	/* cannot be mapped any more */

static struct hvctl_ctx *ctx;
static char dir[] = "/tmp/core-test-XXXXXX", path[64], other[64];
static unsigned int width, flags, paused, unpaused;
static int look_error, domain_error;
static bool cancel;

/* Every tenth pfn has no frame, every third page is zeros, the last two are as well. */
static bool there(uint64_t pfn) { return pfn % 10 != 9; }
static bool zeros(uint64_t pfn) { return pfn % 3 == 0 || pfn >= PFNS - 3 || MFN(pfn) == GONE; }
static uint32_t word(uint64_t pfn) { return zeros(pfn) ? 0 : (uint32_t)(pfn * 2654435761u) | 1; }

int guest_look_live(struct hvctl_ctx *c, uint32_t domid, struct guest *g)
{
	*g = (struct guest){ .ctx = c, .domid = domid, .width = width, .nr_pfns = PFNS };
	CU_ASSERT_EQUAL(domid, 7);
	CU_ASSERT_EQUAL(paused, !(flags & (XEN_DOMINF_shutdown | XEN_DOMINF_paused)));
	if (look_error)
		return hvctl_fail(c, EINVAL, "domain 7 cannot be saved: its list is lost");
	g->info.max_vcpu_id = 2;
	g->mfn = malloc(PFNS * sizeof(*g->mfn));
	for (uint64_t p = 0; p < PFNS; p++) {
		g->mfn[p] = there(p) ? MFN(p) : NO_MFN;
		g->nr_pages += there(p);
	}
	memset(g->shared, 0x5a, sizeof(g->shared));
	if (cancel)
		hvctl_cancel(c);
	return 0;
}

void guest_close(struct guest *g)
{
	free(g->mfn);
}

void *foreign_map(struct hvctl_ctx *c, uint32_t domid, int prot, const xen_pfn_t *mfns,
		  size_t count)
{
	uint32_t *p = aligned_alloc(FRAME_SIZE, count * FRAME_SIZE);

	CU_ASSERT_EQUAL(prot, PROT_READ);
	for (size_t i = 0; i < count; i++) {
		uint64_t pfn = (mfns[i] - 5) / 7;

		if (mfns[i] == GONE) {
			free(p);
			errno = EINVAL;
			return NULL;
		}
		memset(p + i * 1024, 0, FRAME_SIZE);
		/* In one place only: all of a page has to be looked at. */
		p[i * 1024 + pfn % 1024] = word(pfn);
	}
	return p;
}

void foreign_unmap(void *p, size_t count)
{
	free(p);
}

void *hypercall_alloc(struct hvctl_ctx *c, size_t size) { return calloc(1, size); }
void hypercall_free(struct hvctl_ctx *c, void *p, size_t size) { free(p); }

long hypercall(struct hvctl_ctx *c, unsigned int op, uint64_t a0, uint64_t a1, uint64_t a2,
	       uint64_t a3, uint64_t a4)
{
	CU_ASSERT_EQUAL(op, __HYPERVISOR_xen_version);
	if (a0 == XENVER_version)
		return 4 << 16 | 17;
	if (a0 == XENVER_extraversion)
		strcpy((char *)(uintptr_t)a1, "-x");
	return a0 == XENVER_changeset ? -ENOSYS : 0;
}

int do_domctl(struct hvctl_ctx *c, struct xen_domctl *op)
{
	uint32_t vcpu = op->u.vcpucontext.vcpu;

	CU_ASSERT_EQUAL(op->cmd, XEN_DOMCTL_getvcpucontext);
	CU_ASSERT(vcpu <= 2);
	if (vcpu == 1)
		return -ENODATA;
	*(uint32_t *)(uintptr_t)op->u.vcpucontext.ctxt = vcpu + 100;
	return 0;
}

int domain_need(struct hvctl_ctx *c, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	*info = (struct xen_domctl_getdomaininfo){ .domain = (domid_t)domid, .flags = flags };
	return domain_error;
}

static bool destroyed;

int domain_record(struct hvctl_ctx *c, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
	*info = (struct xen_domctl_getdomaininfo){
		.flags = destroyed ? XEN_DOMINF_dying : flags };
	return 0;
}

int domain_not_dom0(struct hvctl_ctx *c, uint32_t domid, const char *what)
{
	return domid ? 0 : hvctl_fail(c, EPERM, "cannot %s domain 0", what);
}

int domain_simple(struct hvctl_ctx *c, uint32_t domid, uint32_t cmd, const char *what)
{
	paused += cmd == XEN_DOMCTL_pausedomain;
	unpaused += cmd == XEN_DOMCTL_unpausedomain;
	return 0;
}

static bool saving;

int __wrap_hvctl_lock_saving(struct hvctl_ctx *c, uint32_t domid);
int __wrap_hvctl_lock_saving(struct hvctl_ctx *c, uint32_t domid)
{
	return saving ? hvctl_fail(c, EBUSY, "it is being saved")
		      : open("/dev/null", O_RDONLY | O_CLOEXEC);
}

struct xs *xs_open(const char *socket) { return NULL; }
void xs_close(struct xs *xs) { }
void xs_keep(struct xs *xs, unsigned int ms, xs_waits_fn waits, void *data) { }
bool xs_lost(const struct xs *xs) { return false; }
void hvctl_cache_kernel(struct hvctl_ctx *c) { }
void hypercall_close(struct hvctl_ctx *c) { }

/* ------------------------------------------------------------------------------------------------
 * A reader
 */

static uint8_t *core;
static size_t core_size;

static void load(const char *file)
{
	int fd = open(file, O_RDONLY);
	struct stat st;

	CU_ASSERT_FATAL(fd >= 0 && !fstat(fd, &st) && st.st_size > 0);
	core_size = (size_t)st.st_size;
	core = malloc(core_size);
	CU_ASSERT_EQUAL_FATAL(read(fd, core, core_size), (ssize_t)core_size);
	close(fd);
}

static const Elf64_Shdr *section(const char *name)
{
	const Elf64_Ehdr *h = (void *)core;
	const Elf64_Shdr *s = (void *)(core + h->e_shoff);
	const char *text = (char *)core + s[h->e_shstrndx].sh_offset;

	for (unsigned int i = 1; i < h->e_shnum; i++) {
		CU_ASSERT_FATAL(s[i].sh_offset + s[i].sh_size <= core_size);
		CU_ASSERT_EQUAL(s[i].sh_offset % s[i].sh_addralign, 0);
		if (!strcmp(text + s[i].sh_name, name))
			return &s[i];
	}
	CU_FAIL_FATAL("no such section");
	return NULL;
}

static const uint64_t *note(uint32_t type, uint32_t size)
{
	const Elf64_Shdr *s = section(".note.Xen");
	const uint8_t *p = core + s->sh_offset, *end = p + s->sh_size;

	CU_ASSERT_EQUAL(s->sh_type, SHT_NOTE);
	while (p < end) {
		const Elf64_Nhdr *n = (void *)p;

		CU_ASSERT_EQUAL(n->n_namesz, 4);
		CU_ASSERT_STRING_EQUAL((char *)p + sizeof(*n), "Xen");
		p += sizeof(*n) + 4;
		if (n->n_type == type) {
			CU_ASSERT_EQUAL(n->n_descsz, size);
			return (void *)p;
		}
		p += (n->n_descsz + 3) & ~3u;
	}
	CU_FAIL_FATAL("no such note");
	return NULL;
}

static void check(void)
{
	const Elf64_Ehdr *h = (void *)core;
	const Elf64_Shdr *s;
	const uint64_t *d, *list;
	const uint8_t *contexts;
	uint64_t pages = 0, wrong = 0;

	CU_ASSERT_EQUAL(memcmp(h->e_ident, "\177ELF\2\1\1\0\1", 9), 0);
	CU_ASSERT_EQUAL(h->e_type, ET_CORE);
	CU_ASSERT_EQUAL(h->e_machine, width == 8 ? EM_X86_64 : EM_386);
	CU_ASSERT(!h->e_phnum && h->e_shentsize == sizeof(Elf64_Shdr) && h->e_ehsize == 64);
	note(0x2000000, 0);
	d = note(0x2000001, 32);
	CU_ASSERT(d[0] == 0xf00febed && d[1] == 3 && d[3] == 4096);
	pages = d[2];
	d = note(0x2000002, 1280);
	CU_ASSERT(d[0] == 4 && d[1] == 17 && d[159] == 4096);
	CU_ASSERT_STRING_EQUAL((char *)(d + 2), "-x");
	CU_ASSERT_EQUAL(note(0x2000003, 8)[0], 1);
	s = section(".xen_prstatus");
	CU_ASSERT_EQUAL(s->sh_entsize, width == 8 ? sizeof(struct wide_vcpu_guest_context)
						  : sizeof(struct compat_vcpu_guest_context));
	CU_ASSERT_EQUAL(s->sh_size, 3 * s->sh_entsize);
	contexts = core + s->sh_offset;
	for (unsigned int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(*(uint32_t *)(contexts + i * s->sh_entsize), i == 1 ? 0 : 100 + i);
	s = section(".xen_shared_info");
	CU_ASSERT_EQUAL(s->sh_size, 4096);
	CU_ASSERT(core[s->sh_offset] == 0x5a && core[s->sh_offset + 4095] == 0x5a);
	s = section(".xen_p2m");
	CU_ASSERT_EQUAL(s->sh_size, pages * 16);
	list = (void *)(core + s->sh_offset);
	s = section(".xen_pages");
	CU_ASSERT_EQUAL(s->sh_size, pages * 4096);
	CU_ASSERT_EQUAL(s->sh_offset + s->sh_size, core_size);
	for (uint64_t i = 0, pfn = 0; i < pages; i++, pfn++) {
		const uint32_t *page = (void *)(core + s->sh_offset + i * 4096);

		pfn += !there(pfn);
		wrong += list[2 * i] != pfn || list[2 * i + 1] != MFN(pfn);
		for (unsigned int k = 0; k < 1024; k++)
			wrong += page[k] != (k == pfn % 1024 ? word(pfn) : 0);
	}
	CU_ASSERT_EQUAL(pages, PFNS - PFNS / 10);
	CU_ASSERT_EQUAL(wrong, 0);
	free(core);
}

/* ------------------------------------------------------------------------------------------------
 * Tests
 */

static int begin_all(void)
{
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/core", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	return 0;
}

static int end_all(void)
{
	return rmdir(dir);
}

static void begin(void)
{
	ctx = hvctl_open();
	width = 8;
	flags = paused = unpaused = 0;
	look_error = domain_error = 0;
	cancel = saving = destroyed = false;
}

static void end(void)
{
	CU_ASSERT_EQUAL(paused, unpaused);
	hvctl_close(ctx);
}

TEST(test_whole, "a file, of a guest that runs, is paused, has crashed, of either width")
{
	static const unsigned int states[] = { 0, XEN_DOMINF_paused, XEN_DOMINF_shutdown };
	struct stat st;

	for (unsigned int i = 0; i < 6; i++) {
		width = i % 2 ? 4 : 8;
		flags = states[i / 2];
		paused = unpaused = 0;
		CU_ASSERT_EQUAL_FATAL(hvctl_crash_dump(ctx, 7, path), 0);
		CU_ASSERT(paused == !flags && unpaused == paused);
		CU_ASSERT_EQUAL(stat(path, &st), 0);
		CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
		/* A third are zeros. */
		CU_ASSERT(st.st_blocks * 512 < st.st_size - 600 * 4096);
		load(path);
		check();
	}
	unlink(path);
}

TEST(test_pipe, "a pipe")
{
	char command[200];
	int status = -1, fd;
	pid_t pid;

	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	snprintf(command, sizeof(command), "cat %s >%s", path, other);
	pid = fork();
	if (!pid)
		_exit(!!system(command));
	/* Until the other side is there. */
	fd = open(path, O_WRONLY);
	CU_ASSERT_EQUAL(hvctl_crash_dump(ctx, 7, path), 0);
	close(fd);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
	load(other);
	check();
	unlink(path);
	unlink(other);
}

/* Who reads nothing, or is not there, does not hold the guest. */
static void give_up(int number)
{
	hvctl_cancel(ctx);
}

TEST(test_slow, "a pipe that nobody reads")
{
	int reader;

	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	CU_ASSERT_EQUAL(hvctl_crash_dump(ctx, 7, path), -ENXIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(hvctl_error(ctx), "nobody reads the pipe"));
	reader = open(path, O_RDONLY | O_NONBLOCK);
	signal(SIGALRM, give_up);
	alarm(1);
	CU_ASSERT_EQUAL(hvctl_crash_dump(ctx, 7, path), -EINTR);
	CU_ASSERT(paused == 1 && unpaused == 1);
	alarm(0);
	close(reader);
	unlink(path);
}

static int refused(const char *file, const char *words)
{
	int error = hvctl_crash_dump(ctx, 7, file);

	if (!strstr(hvctl_error(ctx), words))
		printf("\n    %s\n", hvctl_error(ctx));
	CU_ASSERT_PTR_NOT_NULL(strstr(hvctl_error(ctx), words));
	CU_ASSERT_EQUAL(paused, unpaused);
	paused = unpaused = 0;
	/* Nothing at all, under whatever name. */
	CU_ASSERT_EQUAL(rmdir(dir), 0);
	CU_ASSERT_EQUAL(mkdir(dir, 0700), 0);
	return error;
}

TEST(test_refused, "whatever fails, there is no file, and the guest goes on")
{
	struct rlimit was, small = { 3 << 20, RLIM_INFINITY };

	CU_ASSERT_EQUAL(refused("/dev/full", "cannot write /dev/full: No space left"), -ENOSPC);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	small.rlim_max = was.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	CU_ASSERT_EQUAL(refused(path, "File too large"), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &was);
	CU_ASSERT_EQUAL(refused("/tmp/core-none/x", "cannot open /tmp/core-none/x: No"), -ENOENT);
	/* What is no core is not replaced by one. */
	CU_ASSERT_EQUAL(symlink("/bin/true", path), 0);
	CU_ASSERT_EQUAL(hvctl_crash_dump(ctx, 7, path), -EEXIST);
	CU_ASSERT_PTR_NOT_NULL(strstr(hvctl_error(ctx), "is there already and is no core"));
	unlink(path);
	look_error = 1;
	CU_ASSERT_EQUAL(refused(path, "domain 7 cannot be dumped: its list is lost"), -EINVAL);
	look_error = 0;
	cancel = true;
	CU_ASSERT_EQUAL(refused(path, "interrupted"), -EINTR);
	cancel = false;
	destroyed = true;
	CU_ASSERT_EQUAL(refused(path, "domain 7 was destroyed meanwhile"), -ESRCH);
	destroyed = false;
	saving = true;
	CU_ASSERT_EQUAL(refused(path, "it is being saved"), -EBUSY);
	saving = false;
	flags = XEN_DOMINF_hvm_guest;
	CU_ASSERT_EQUAL(refused(path, "only PV ones can be dumped"), -EOPNOTSUPP);
	flags = XEN_DOMINF_dying;
	CU_ASSERT_EQUAL(refused(path, "is being destroyed"), -ESRCH);
	CU_ASSERT_EQUAL(hvctl_crash_dump(ctx, 0, path), -EPERM);
	/* A wish to give up is for the call that it was said to. */
	flags = 0;
	CU_ASSERT_EQUAL(hvctl_crash_dump(ctx, 7, path), 0);
	unlink(path);
}

SUITE("cores", .before = begin_all, .after = end_all, .begin = begin, .end = end)
