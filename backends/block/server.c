// SPDX-License-Identifier: GPL-2.0-or-later
#include "backends/block/server.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backends/block/format.h"
#include "backends/block/uri.h"
#include "libhvctl/clock.h"

#define PATIENCE_MS	20000	/* for it to open an image, or to reach its server */
#define LOCK_MS		5000	/* for the one before it to end */
#define CHAIN_MAX	16u	/* images that stand on one another */
#define SAYS_MAX	4096u	/* bytes that it can complain */
/*
 * So long do requests wait for a server elsewhere that is gone, in seconds; then they fail until it
 * is there again. Linux complains of tasks that wait for twice that.
 */
#define RECONNECT	"60"

struct layer {
	int fd;
	char path[PATH_MAX];
	const char *driver;
	bool device, direct;
};

struct server {
	const struct open_spec *spec;
	char *text;
	size_t size;
	struct layer *layers[CHAIN_MAX + 1];	/* the image first, then what it stands on */
	unsigned int nr_layers;
	bool network;
	char *options;		/* for qemu-nbd */
	size_t options_size;
	FILE *out;
	int listener, says, lock;
};

__attribute__((format(printf, 3, 4)))
static int fail(struct server *s, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(s->text, s->size, format, args);
	va_end(args);
	return -error;
}

/* ------------------------------------------------------------------------------------------------
 * What it is told to open
 */

static int add_layer(struct server *s, const char *path, bool readonly)
{
	int flags = (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	struct layer *l;
	struct stat st;
	int error;

	if (s->nr_layers == CHAIN_MAX)
		return fail(s, ELOOP, "%.150s stands on more than %u images; join some of them "
			    "with "
			    "qemu-img commit", s->spec->params, CHAIN_MAX - 1);
	l = calloc(1, sizeof(*l));
	if (!l)
		return fail(s, ENOMEM, "no memory to open %.150s", path);
	s->layers[s->nr_layers++] = l;
	l->driver = "raw";
	l->fd = -1;
	if (!realpath(path, l->path)) {
		error = errno;
		return fail(s, error, "%.150s cannot be found: %s; correct 'disk' in the "
			    "configuration",
			    path, strerror(error));
	}
	l->fd = open(l->path, flags | O_DIRECT);
	l->direct = l->fd >= 0;
	if (l->fd < 0 && errno == EINVAL)
		l->fd = open(l->path, flags);
	if (l->fd < 0) {
		error = errno;
		return fail(s, error, "%.150s cannot be opened: %s; correct 'disk' in the "
			    "configuration",
			    path, strerror(error));
	}
	if (fstat(l->fd, &st) || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)))
		return fail(s, ENOTBLK, "%.150s is neither a block device nor a file; correct "
			    "'disk' "
			    "in the configuration", path);
	l->device = S_ISBLK(st.st_mode);
	/* Reading a header goes through buffers of ours that O_DIRECT does not like. */
	fcntl(l->fd, F_SETFL, fcntl(l->fd, F_GETFL) & ~O_DIRECT);
	return 0;
}

static const char *const *allowed(const struct open_spec *spec, char **list)
{
	static const char *directories[64];
	FILE *f;
	unsigned int n = 0;
	size_t size = 0;

	*list = NULL;
	if (spec->directories)
		return spec->directories;
	directories[n++] = BACKING_DEFAULT;
	f = fopen(BACKING_LIST, "re");
	if (f && getdelim(list, &size, '\0', f) > 0) {
		char *line, *save = NULL;

		for (line = strtok_r(*list, "\n", &save); line && n < 63;
		     line = strtok_r(NULL, "\n", &save))
			if (*line == '/')
				directories[n++] = line;
	}
	if (f)
		fclose(f);
	directories[n] = NULL;
	return directories;
}

/* The image and everything below it, each by its header and none by a guess. */
static int add_layers(struct server *s)
{
	struct format_backing backing;
	const char *format = s->spec->format;
	char path[PATH_MAX], *list;
	const char *const *directories = allowed(s->spec, &list);
	int error;

	error = add_layer(s, s->spec->params, s->spec->readonly);
	while (!error) {
		struct layer *l = s->layers[s->nr_layers - 1];

		if (!strcmp(format, "raw"))
			break;
		l->driver = format_driver(format);
		error = format_check(l->fd, format, l->path, &backing, s->text, s->size);
		if (error || !backing.path[0])
			break;
		if (strcmp(backing.format, "raw") && strcmp(backing.format, "qcow2")) {
			error = fail(s, EINVAL,
				     "%.150s does not say of what format its backing file is, or "
				     "none that is known; say it with qemu-img rebase -u -F raw "
				     "-b %s",
				     l->path, backing.path);
			break;
		}
		error = format_backing_path(l->path, backing.path, directories, path, s->text,
					    s->size);
		if (!error)
			error = add_layer(s, path, true);
		format = !strcmp(backing.format, "raw") ? "raw" : "qcow2";
	}
	free(list);
	return error;
}

/* A ',' in a value of QEMU's options is doubled. */
static void put_value(FILE *out, const char *value)
{
	for (; *value; value++) {
		putc(*value, out);
		if (*value == ',')
			putc(',', out);
	}
}

static void put_layers(struct server *s)
{
	char prefix[CHAIN_MAX * 8 + 1] = "";
	unsigned int i;

	for (i = 0; i < s->nr_layers; i++) {
		const struct layer *l = s->layers[i];

		fprintf(s->out, "%s%sdriver=%s,%sfile.driver=%s,%sfile.filename=", i ? "," : "",
			prefix, l->driver, prefix, l->device ? "host_device" : "file", prefix);
		put_value(s->out, l->path);
		if (l->direct)
			fprintf(s->out, ",%sfile.cache.direct=on,%sfile.aio=native", prefix,
				prefix);
		if (s->spec->shared)
			fprintf(s->out, ",%sfile.locking=off", prefix);
		if (!i && !s->spec->readonly)
			fprintf(s->out, ",discard=unmap,file.discard=unmap");
		strcat(prefix, "backing.");
	}
}

static int put_uri(struct server *s)
{
	struct nbd_uri uri;
	const char *wrong = uri_parse(s->spec->params, &uri);

	if (wrong)
		return fail(s, EINVAL, "\"%.150s\" is no name of an NBD server (%s); write "
			    "nbd://host:port/export or nbd+unix:///export?socket=/path",
			    s->spec->params, wrong);
	fprintf(s->out, "driver=nbd,reconnect-delay=" RECONNECT ",server.type=%s",
		uri.socket[0] ? "unix" : "inet");
	if (uri.socket[0]) {
		fputs(",server.path=", s->out);
		put_value(s->out, uri.socket);
	} else {
		s->network = true;
		fputs(",server.host=", s->out);
		put_value(s->out, uri.host);
		fprintf(s->out, ",server.port=%s", uri.port);
	}
	if (uri.export[0]) {
		fputs(",export=", s->out);
		put_value(s->out, uri.export);
	}
	return 0;
}

static int make_options(struct server *s)
{
	int error;

	s->out = open_memstream(&s->options, &s->options_size);
	if (!s->out)
		return fail(s, ENOMEM, "no memory to open %.150s", s->spec->params);
	if (!strcmp(s->spec->format, "nbd")) {
		error = put_uri(s);
	} else {
		error = add_layers(s);
		if (!error)
			put_layers(s);
	}
	if (fclose(s->out) && !error)
		error = fail(s, ENOMEM, "no memory to open %.150s", s->spec->params);
	return error;
}

/* ------------------------------------------------------------------------------------------------
 * In the child
 */

static void allow(int ruleset, int fd, uint64_t access)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = fd };

	if (fd >= 0)
		syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

/* Its program, its libraries, and the images: nothing else. A kernel without it says ENOSYS. */
static void fence(const struct server *s)
{
	static const char *const readable[] = {
		"/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/ld.so.preload",
		"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/gai.conf",
		"/etc/host.conf", "/etc/services", "/dev/urandom", "/sys/dev/block",
		"/sys/devices",
	};
	const uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE;
	const uint64_t write = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
	struct landlock_ruleset_attr all = { .handled_access_fs = (1u << 13) - 1 };
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	unsigned int i;

	if (ruleset < 0)
		return;
	for (i = 0; i < sizeof(readable) / sizeof(readable[0]); i++) {
		int fd = open(readable[i], O_PATH | O_CLOEXEC);
		struct stat st;

		if (fd >= 0 && !fstat(fd, &st))
			allow(ruleset, fd, S_ISDIR(st.st_mode) ? read |
			      LANDLOCK_ACCESS_FS_READ_DIR : read);
		close(fd);
	}
	allow(ruleset, open("/dev/null", O_PATH | O_CLOEXEC), write);
	for (i = 0; i < s->nr_layers; i++)
		allow(ruleset, s->layers[i]->fd,
		      i || s->spec->readonly ? (uint64_t)LANDLOCK_ACCESS_FS_READ_FILE : write);
	syscall(SYS_landlock_restrict_self, ruleset, 0);
}

/* Another user's, but for the right to open files that this one could not. */
static bool become(uid_t uid)
{
	const unsigned int keep = 1u << CAP_DAC_OVERRIDE;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { { keep, keep, keep }, { 0 } };

	return !uid || (!prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) && !setgroups(0, NULL) &&
			!setresgid(uid, uid, uid) && !setresuid(uid, uid, uid) &&
			!syscall(SYS_capset, &header, caps) &&
			!prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0));
}

#define PROGRAMS "PATH=/usr/sbin:/usr/bin:/sbin:/bin"

/* What both programs have: nothing to read, the lock, few rights. */
static void enter(const struct server *s)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(s->says, 2) < 0)
		_exit(126);
	/* The socket where systemd's protocol has it; the lock stays open behind it. */
	if (s->lock >= 0) {
		int lock = fcntl(s->lock, F_DUPFD, 10);

		if (lock < 0)
			_exit(126);
	}
	if (s->spec->uid && unshare((s->network ? 0 : CLONE_NEWNET) | CLONE_NEWIPC))
		_exit(126);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || !become(s->spec->uid))
		_exit(126);
	fence(s);
}

/* Ends with @parent, by @signal; the change of user forgot that if it was said before. */
static void end_with(pid_t parent, int signal)
{
	prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0);
	if (getppid() != parent)
		_exit(126);
}

__attribute__((noreturn))
static void run(const struct server *s, pid_t parent)
{
	char *argv[] = { "qemu-nbd", "--shared=1", "--image-opts", s->options,
			 s->spec->readonly ? "--read-only" : NULL, NULL };
	char pid[32];
	char *envp[] = { "LISTEN_FDS=1", pid, PROGRAMS, NULL };

	snprintf(pid, sizeof(pid), "LISTEN_PID=%d", getpid());
	enter(s);
	/* Where it is already there, this is what keeps it open. */
	if (dup2(s->listener, 3) < 0 || fcntl(3, F_SETFD, 0))
		_exit(126);
	/* It is told when we are gone, and writes what it has. */
	end_with(parent, SIGTERM);
	execvpe("qemu-nbd", argv, envp);
	_exit(errno == ENOENT ? 127 : 126);
}

__attribute__((noreturn))
static void run_resize(const struct server *s, pid_t parent, uint64_t bytes)
{
	char number[24];
	char *argv[] = { "qemu-img", "resize", "-q", "--image-opts", s->options, number, NULL };
	char *envp[] = { PROGRAMS, NULL };

	snprintf(number, sizeof(number), "%llu", (unsigned long long)bytes);
	enter(s);
	end_with(parent, SIGKILL);
	execvpe("qemu-img", argv, envp);
	_exit(errno == ENOENT ? 127 : 126);
}

/* ------------------------------------------------------------------------------------------------
 * Around it
 */

/* Held by whoever has this description of the file open: the server, as long as it lives. */
static int take_lock(struct server *s)
{
	uint64_t end = monotonic_ms() + LOCK_MS;
	bool alone = s->spec->lock || (!s->spec->readonly && !s->spec->shared);

	if (s->spec->lock)
		s->lock = open(s->spec->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	else if (s->nr_layers)
		s->lock = fcntl(s->layers[0]->fd, F_DUPFD_CLOEXEC, 0);
	else
		return 0;
	if (s->lock < 0)
		return fail(s, errno, "cannot lock %.150s: %s; see whether /run is full",
			    s->spec->params, strerror(errno));
	/* Who shares an image has a lock of his own disk to himself all the same. */
	while ((s->spec->lock || !s->spec->shared) &&
	       flock(s->lock, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB)) {
		struct timespec nap = { 0, 10000000 };

		if (errno != EWOULDBLOCK || monotonic_ms() > end)
			return fail(s, EBUSY, "the lock of %.150s is held by a qemu-nbd that had "
				    "it before, or by another disk; end that", s->spec->params);
		nanosleep(&nap, NULL);
	}
	return 0;
}

/* What it says goes there; one that complains for ever is cut off. 0 or -errno, and errno. */
static int make_says(struct server *s)
{
	s->says = memfd_create("qemu", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (s->says < 0 || ftruncate(s->says, SAYS_MAX) ||
	    fcntl(s->says, F_ADD_SEALS, F_SEAL_GROW))
		return -errno;
	return 0;
}

/* A socket that it listens at already when it starts, with a connection of ours in its queue. */
static int make_sockets(struct server *s, int *connected)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(name.sun_family);

	*connected = -1;
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*connected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* The kernel makes a name that nobody else has. */
	if (make_says(s) || s->listener < 0 || *connected < 0 ||
	    bind(s->listener, (struct sockaddr *)&name, length) || listen(s->listener, 1))
		return -errno;
	length = sizeof(name);
	if (getsockname(s->listener, (struct sockaddr *)&name, &length) ||
	    connect(*connected, (struct sockaddr *)&name, length))
		return -errno;
	return 0;
}

/* Its last line, without its name and ours for the image. */
static void complaint(const struct server *s, char *to, size_t size)
{
	char *text = calloc(1, SAYS_MAX + 1), *line, *end, *p;

	snprintf(to, size, "it does not say why");
	if (!text || pread(s->says, text, SAYS_MAX, 0) <= 0 || !*text) {
		free(text);
		return;
	}
	end = text + strlen(text);
	while (end > text && end[-1] == '\n')
		*--end = 0;
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	for (p = line; (p = strstr(p, "': "));)
		line = p += 3;
	if (!strncmp(line, "qemu-nbd: ", 10) || !strncmp(line, "qemu-img: ", 10))
		line += 10;
	if (*line)
		snprintf(to, size, "%.300s", line);
	free(text);
}

static int why(struct server *s, int status)
{
	const char *what = !strcmp(s->spec->format, "nbd") ? "see whether that server runs" :
			   "see what qemu-img check says, or who has it open";
	char says[320];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return fail(s, ENOENT, "there is no qemu-nbd, which serves %s; install qemu-utils",
			    s->spec->format);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 126)
		return fail(s, EPERM, "qemu-nbd cannot be started for %.150s; see whether hvblkd "
			    "runs "
			    "as root", s->spec->params);
	complaint(s, says, sizeof(says));
	return fail(s, EIO, "qemu-nbd cannot open %.150s: %s; %s", s->spec->params, says, what);
}

/* The server greets when it has opened the image: there is something to read. */
static int await(struct server *s, pid_t pid, int connected)
{
	struct pollfd p[2] = { { .fd = connected, .events = POLLIN },
			       { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN } };
	int status = 0, n;
	uint64_t end = monotonic_ms() + PATIENCE_MS, now = 0;

	do {
		now = monotonic_ms();
		n = poll(p, 2, now < end ? (int)(end - now) : 0);
	} while (n < 0 && errno == EINTR);
	if (p[1].fd >= 0)
		close(p[1].fd);
	if (n > 0 && !p[1].revents && !(p[0].revents & (POLLHUP | POLLERR)))
		return 0;
	/* One that hung up on us has nothing to say any more. */
	if (n <= 0 || !p[1].revents)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!n)
		return fail(s, ETIMEDOUT, "qemu-nbd did not open %.150s within %d s; see whether "
			    "what it "
			    "lies on answers", s->spec->params, PATIENCE_MS / 1000);
	return why(s, status);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void end_server(struct server *s)
{
	close_fd(s->says);
	for (unsigned int i = 0; i < s->nr_layers; i++) {
		close_fd(s->layers[i]->fd);
		free(s->layers[i]);
	}
	free(s->options);
}

int server_start(const struct open_spec *spec, struct open_image *image, char *text, size_t size)
{
	struct server s = { .spec = spec, .text = text, .size = size,
			    .listener = -1, .says = -1, .lock = -1 };
	int connected = -1, error;
	pid_t parent = getpid(), pid = 0;

	error = make_options(&s);
	if (!error)
		error = take_lock(&s);
	if (!error && make_sockets(&s, &connected))
		error = fail(&s, errno, "cannot make a socket for qemu-nbd: %s", strerror(errno));
	if (!error) {
		pid = fork();
		if (!pid)
			run(&s, parent);
		if (pid < 0)
			error = fail(&s, errno, "cannot start qemu-nbd: %s", strerror(errno));
	}
	/* Its end shows at our side only if nobody else listens. */
	close_fd(s.listener);
	close_fd(s.lock);
	if (!error)
		error = await(&s, pid, connected);
	if (!error)
		*image = (struct open_image){ .fd = connected, .nbd = true, .server = pid };
	else
		close_fd(connected);
	end_server(&s);
	return error;
}

/* What there is to say of a qemu-img that ended with @status. */
static int resize_failed(struct server *s, int status)
{
	char says[320];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return fail(s, ENOENT, "there is no qemu-img, which makes %s images larger; "
			    "install qemu-utils", s->spec->format);
	complaint(s, says, sizeof(says));
	return fail(s, EIO, "qemu-img cannot make %.150s larger: %s; see whether its format can "
		    "be resized, and whether there is room", s->spec->params, says);
}

int server_resize(const struct open_spec *spec, uint64_t bytes, char *text, size_t size)
{
	struct server s = { .spec = spec, .text = text, .size = size,
			    .listener = -1, .says = -1, .lock = -1 };
	uint64_t end = monotonic_ms() + PATIENCE_MS;
	pid_t parent = getpid(), pid = 0, got = 0;
	int status = 0, error = make_options(&s);

	if (!error)
		error = take_lock(&s);
	if (!error && make_says(&s))
		error = fail(&s, errno, "cannot start qemu-img: %s", strerror(errno));
	if (!error) {
		pid = fork();
		if (!pid)
			run_resize(&s, parent, bytes);
		if (pid < 0)
			error = fail(&s, errno, "cannot start qemu-img: %s", strerror(errno));
	}
	close_fd(s.lock);
	while (!error && (got = waitpid(pid, &status, WNOHANG)) <= 0) {
		struct timespec nap = { 0, 5000000 };

		if (monotonic_ms() > end) {
			kill(pid, SIGKILL);
			end = UINT64_MAX;
		}
		nanosleep(&nap, NULL);
	}
	if (!error && (!WIFEXITED(status) || WEXITSTATUS(status)))
		error = resize_failed(&s, status);
	end_server(&s);
	return error;
}

bool open_server_end(pid_t server, unsigned int ms)
{
	uint64_t end = monotonic_ms() + ms;
	int status = 0;
	pid_t got;

	if (server <= 0)
		return true;
	kill(server, SIGTERM);
	while ((got = waitpid(server, &status, WNOHANG)) <= 0) {
		struct timespec nap = { 0, 5000000 };

		if (got < 0 && errno != EINTR)
			return false;
		if (monotonic_ms() > end) {
			kill(server, SIGKILL);
			end = UINT64_MAX;
		}
		nanosleep(&nap, NULL);
	}
	return WIFEXITED(status) && !WEXITSTATUS(status);
}
